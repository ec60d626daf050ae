import 'dart:typed_data';

import 'package:meta/meta.dart';

/// Where a device keeps small secrets, such as Android's Keystore or a Keychain.
///
/// The node asks for them while it starts, and when the application uses the
/// user-secret operations. A secret has at most 64 KiB. Keys are texts that begin with
/// the program name and the namespace of the node.
abstract interface class VeilidSecretStore {
  /// The secret of [key]; null if there is none.
  Future<Uint8List?> load(String key);

  /// Keeps a secret, in place of the one there was. Done when it outlives a crash.
  Future<void> save(String key, Uint8List secret);

  /// Removes a secret, and says whether there was one.
  Future<bool> remove(String key);
}

/// A part of a store: the secrets of one program name and namespace.
@internal
final class ScopedSecrets implements VeilidSecretStore {
  /// The part of [_store] for [programName] and [namespace].
  ScopedSecrets(this._store, String programName, String namespace)
    : _prefix = 'voile/$programName/$namespace/';

  final VeilidSecretStore _store;
  final String _prefix;

  @override
  Future<Uint8List?> load(String key) => _store.load('$_prefix$key');

  @override
  Future<void> save(String key, Uint8List secret) =>
      _store.save('$_prefix$key', secret);

  @override
  Future<bool> remove(String key) => _store.remove('$_prefix$key');
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
