import 'dart:convert';
import 'dart:io';
import 'dart:typed_data';

import 'package:flutter_secure_storage/flutter_secure_storage.dart';
import 'package:path_provider/path_provider.dart';

import '../host.dart';
import 'lifecycle.dart';

/// Flutter on a device.
VeilidHost flutterHost() => const _DeviceHost();

final class _DeviceHost implements VeilidHost {
  const _DeviceHost();

  @override
  Future<String> get supportDirectory async =>
      (await getApplicationSupportDirectory()).absolute.path;

  /// Android's Keystore and Apple's Keychain. Windows and Linux have theirs in the
  /// library.
  @override
  VeilidSecretStore? get secrets =>
      Platform.isAndroid || Platform.isIOS || Platform.isMacOS
      ? const SecureStorageSecrets()
      : null;

  @override
  VeilidHostWatch watch(void Function({required bool on}) foreground) =>
      LifecycleWatch(foreground);
}

/// Secrets in what package `flutter_secure_storage` finds on the device.
final class SecureStorageSecrets implements VeilidSecretStore {
  /// In [_storage]. Its default can be read while the device is locked, once it was
  /// unlocked since it was started, so that a node can start in the background.
  const SecureStorageSecrets([
    this._storage = const FlutterSecureStorage(
      iOptions: IOSOptions(
        accessibility: KeychainAccessibility.first_unlock_this_device,
      ),
    ),
  ]);

  final FlutterSecureStorage _storage;

  @override
  Future<Uint8List?> load(String key) async {
    final text = await _storage.read(key: key);
    return text == null ? null : base64Decode(text);
  }

  @override
  Future<void> save(String key, Uint8List secret) =>
      _storage.write(key: key, value: base64Encode(secret));

  @override
  Future<bool> remove(String key) async {
    final there = await _storage.containsKey(key: key);
    if (there) {
      await _storage.delete(key: key);
    }
    return there;
  }
}
