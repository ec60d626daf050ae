import 'dart:typed_data';

import 'package:meta/meta.dart';

/// Where a device keeps small secrets, such as Android's Keystore or a Keychain.
///
/// The node asks for them while it starts, and when the application uses the
/// user-secret operations. A secret has at most 1 MiB.
abstract interface class VeilidSecretStore {
  /// The secret of [key]; null if there is none.
  Future<Uint8List?> load(String key);

  /// Keeps a secret, in place of the one there was. Done when it outlives a crash.
  Future<void> save(String key, Uint8List secret);

  /// Removes a secret, and says whether there was one.
  Future<bool> remove(String key);
}

/// What a platform adds to the node. The Flutter side of this package registers one;
/// programs without Flutter may, too.
abstract interface class VeilidHost {
  /// Where a program keeps its files; empty in a browser.
  Future<String> get supportDirectory;

  /// Where secrets are kept by default; null: as the configuration says.
  VeilidSecretStore? get secrets;

  /// Tells when the application comes to the foreground or leaves it, until
  /// [VeilidHostWatch.stop].
  VeilidHostWatch watch(void Function({required bool on}) foreground);
}

/// See [VeilidHost.watch].
abstract interface class VeilidHostWatch {
  /// Ends it.
  void stop();
}

/// The host of this process; null: none, and the application tells by itself.
@internal
VeilidHost? registeredHost;

/// Makes [host] the host of this process, for nodes that are started from now on.
void registerVeilidHost(VeilidHost? host) {
  registeredHost = host;
}
