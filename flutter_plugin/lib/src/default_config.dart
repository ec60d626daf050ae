import 'dart:convert';

import 'host.dart';
import 'types/config.dart';
import 'types/typed.dart';
import 'veilid.dart';

/// The default configuration for an application.
///
/// On devices the stores are folders of [directory]; without it, of the folder that
/// the platform has for files of the application. [bootstrap] are names or URLs with
/// commas between them; empty: the public network's. [bootstrapKeys] are who signs
/// for them: null: the public network's; empty: nobody has to. An empty
/// [networkKeyPassword]: the public network.
///
/// A [StateError] if the platform does not say where files belong (in a program
/// without Flutter) and there is no [directory].
Future<VeilidConfig> getDefaultVeilidConfig({
  required bool isWeb,
  required String programName,
  String bootstrap = '',
  String? bootstrapKeys,
  String namespace = '',
  String deviceEncryptionKeyPassword = '',
  String? newDeviceEncryptionKeyPassword,
  String networkKeyPassword = '',
  String? directory,
}) async {
  final defaults = VeilidConfig.fromJson(
    jsonDecode(Veilid.instance.defaultVeilidConfig()),
  );
  final root = isWeb ? '' : directory ?? await registeredHost?.supportDirectory;
  if (root == null) {
    throw StateError('without Flutter, getDefaultVeilidConfig needs directory');
  }
  String folder(String name) => isWeb ? '' : '$root/$name';
  List<String> parts(String text) => [
    for (final part in text.split(','))
      if (part.trim().isNotEmpty) part.trim(),
  ];
  final routing = defaults.network.routingTable;
  return defaults.copyWith(
    programName: programName,
    namespace: namespace,
    protectedStore: defaults.protectedStore.copyWith(
      directory: folder('protected_store'),
      deviceEncryptionKeyPassword: deviceEncryptionKeyPassword,
      newDeviceEncryptionKeyPassword: newDeviceEncryptionKeyPassword,
    ),
    tableStore: defaults.tableStore.copyWith(directory: folder('table_store')),
    blockStore: defaults.blockStore.copyWith(directory: folder('block_store')),
    network: defaults.network.copyWith(
      networkKeyPassword: networkKeyPassword.isEmpty
          ? null
          : networkKeyPassword,
      routingTable: routing.copyWith(
        bootstrap: bootstrap.isEmpty ? routing.bootstrap : parts(bootstrap),
        bootstrapKeys: bootstrapKeys == null
            ? routing.bootstrapKeys
            : [
                for (final key in parts(bootstrapKeys))
                  PublicKey.fromString(key),
              ],
      ),
    ),
  );
}
