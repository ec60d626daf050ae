import 'package:meta/meta.dart';

import 'case.dart';
import 'config_network.dart';
import 'enums.dart';
import 'equality.dart';
import 'fields.dart';

Map<String, dynamic> _object(Object? json) => json is Map
    ? (camelKeys(json)! as Map).cast<String, dynamic>()
    : throw FormatException('VeilidConfig.internal: not an object', json);

/// The configuration of a node. `defaultVeilidConfig` has the defaults.
@immutable
final class VeilidConfig with ValueEquality {
  /// Puts the parts together.
  const VeilidConfig({
    required this.programName,
    required this.namespace,
    required this.capabilities,
    required this.protectedStore,
    required this.tableStore,
    required this.blockStore,
    required this.network,
    this.attachment = const VeilidConfigAttachment(),
    this.internal,
  });

  /// Reads a value of JSON, in camelCase or snake_case.
  factory VeilidConfig.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidConfig');
    return VeilidConfig(
      programName: fields.text('programName'),
      namespace: fields.text('namespace'),
      capabilities: fields.value(
        'capabilities',
        VeilidConfigCapabilities.fromJson,
      ),
      protectedStore: fields.value(
        'protectedStore',
        VeilidConfigProtectedStore.fromJson,
      ),
      tableStore: fields.value('tableStore', VeilidConfigTableStore.fromJson),
      blockStore: fields.value('blockStore', VeilidConfigBlockStore.fromJson),
      network: fields.value('network', VeilidConfigNetwork.fromJson),
      attachment: fields.value(
        'attachment',
        VeilidConfigAttachment.fromJson,
        const VeilidConfigAttachment(),
      ),
      internal: fields.valueOrNull('internal', _object),
    );
  }

  /// Names the application: a valid file name, not empty.
  final String programName;

  /// Keeps what is stored apart from other namespaces; may be empty.
  final String namespace;

  /// What the node does not offer.
  final VeilidConfigCapabilities capabilities;

  /// Secrets.
  final VeilidConfigProtectedStore protectedStore;

  /// Tables.
  final VeilidConfigTableStore tableStore;

  /// Blocks; not used yet.
  final VeilidConfigBlockStore blockStore;

  /// The network.
  final VeilidConfigNetwork network;

  /// Being attached; empty in default builds.
  final VeilidConfigAttachment attachment;

  /// Tuning as the library has it, as JSON; null in default builds.
  final Map<String, dynamic>? internal;

  /// Its value in JSON, in camelCase.
  Map<String, dynamic> toJson() => {
    'programName': programName,
    'namespace': namespace,
    'capabilities': capabilities.toJson(),
    'protectedStore': protectedStore.toJson(),
    'tableStore': tableStore.toJson(),
    'blockStore': blockStore.toJson(),
    'network': network.toJson(),
    'attachment': attachment.toJson(),
    'internal': internal,
  };

  /// A copy with some fields changed; null makes a field null that may be.
  VeilidConfig copyWith({
    String? programName,
    String? namespace,
    VeilidConfigCapabilities? capabilities,
    VeilidConfigProtectedStore? protectedStore,
    VeilidConfigTableStore? tableStore,
    VeilidConfigBlockStore? blockStore,
    VeilidConfigNetwork? network,
    VeilidConfigAttachment? attachment,
    Object? internal = unchanged,
  }) => VeilidConfig(
    programName: programName ?? this.programName,
    namespace: namespace ?? this.namespace,
    capabilities: capabilities ?? this.capabilities,
    protectedStore: protectedStore ?? this.protectedStore,
    tableStore: tableStore ?? this.tableStore,
    blockStore: blockStore ?? this.blockStore,
    network: network ?? this.network,
    attachment: attachment ?? this.attachment,
    internal: changed<Map<String, dynamic>>(internal, this.internal),
  );

  @override
  List<Object?> get props => [
    programName,
    namespace,
    capabilities,
    protectedStore,
    tableStore,
    blockStore,
    network,
    attachment,
    internal,
  ];
}

/// What a node does not offer to others.
@immutable
final class VeilidConfigCapabilities with ValueEquality {
  /// Puts the parts together.
  const VeilidConfigCapabilities({required this.disable});

  /// Reads a value of JSON, in camelCase or snake_case.
  factory VeilidConfigCapabilities.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidConfigCapabilities');
    return VeilidConfigCapabilities(
      disable: fields.list('disable', textFromJson),
    );
  }

  /// Names of four characters: `ROUT`, `SGNL`, `RLAY`, `DIAL`, `DHTV`, `APPM`.
  final List<String> disable;

  /// Its value in JSON, in camelCase.
  Map<String, dynamic> toJson() => {'disable': disable};

  /// A copy with some fields changed.
  VeilidConfigCapabilities copyWith({List<String>? disable}) =>
      VeilidConfigCapabilities(disable: disable ?? this.disable);

  @override
  List<Object?> get props => [disable];
}

/// Where secrets are kept.
@immutable
final class VeilidConfigProtectedStore with ValueEquality {
  /// Puts the parts together.
  const VeilidConfigProtectedStore({
    required this.allowInsecureFallback,
    required this.alwaysUseInsecureStorage,
    required this.directory,
    this.delete = false,
    required this.deviceEncryptionKeyPassword,
    this.newDeviceEncryptionKeyPassword,
    this.backend = VeilidConfigProtectedStoreBackend.platformDefault,
  });

  /// Reads a value of JSON, in camelCase or snake_case.
  factory VeilidConfigProtectedStore.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidConfigProtectedStore');
    return VeilidConfigProtectedStore(
      allowInsecureFallback: fields.flag('allowInsecureFallback'),
      alwaysUseInsecureStorage: fields.flag('alwaysUseInsecureStorage'),
      directory: fields.text('directory'),
      delete: fields.flag('delete', false),
      deviceEncryptionKeyPassword: fields.text('deviceEncryptionKeyPassword'),
      newDeviceEncryptionKeyPassword: fields.textOrNull(
        'newDeviceEncryptionKeyPassword',
      ),
      backend: fields.value(
        'backend',
        VeilidConfigProtectedStoreBackend.fromJson,
        VeilidConfigProtectedStoreBackend.platformDefault,
      ),
    );
  }

  /// Keep secrets in a file if the device has no better place.
  final bool allowInsecureFallback;

  /// Keep secrets in a file in any case.
  final bool alwaysUseInsecureStorage;

  /// Where that file is.
  final String directory;

  /// Forget the secrets at the start.
  final bool delete;

  /// Protects the key that encrypts the tables; empty: none.
  final String deviceEncryptionKeyPassword;

  /// Replaces it at the start; empty: none from now on.
  final String? newDeviceEncryptionKeyPassword;

  /// What store; devices know only one.
  final VeilidConfigProtectedStoreBackend backend;

  /// Its value in JSON, in camelCase.
  Map<String, dynamic> toJson() => {
    'allowInsecureFallback': allowInsecureFallback,
    'alwaysUseInsecureStorage': alwaysUseInsecureStorage,
    'directory': directory,
    'delete': delete,
    'deviceEncryptionKeyPassword': deviceEncryptionKeyPassword,
    'newDeviceEncryptionKeyPassword': newDeviceEncryptionKeyPassword,
    'backend': backend.toJson(),
  };

  /// A copy with some fields changed; null makes a field null that may be.
  VeilidConfigProtectedStore copyWith({
    bool? allowInsecureFallback,
    bool? alwaysUseInsecureStorage,
    String? directory,
    bool? delete,
    String? deviceEncryptionKeyPassword,
    Object? newDeviceEncryptionKeyPassword = unchanged,
    VeilidConfigProtectedStoreBackend? backend,
  }) => VeilidConfigProtectedStore(
    allowInsecureFallback: allowInsecureFallback ?? this.allowInsecureFallback,
    alwaysUseInsecureStorage:
        alwaysUseInsecureStorage ?? this.alwaysUseInsecureStorage,
    directory: directory ?? this.directory,
    delete: delete ?? this.delete,
    deviceEncryptionKeyPassword:
        deviceEncryptionKeyPassword ?? this.deviceEncryptionKeyPassword,
    newDeviceEncryptionKeyPassword: changed<String>(
      newDeviceEncryptionKeyPassword,
      this.newDeviceEncryptionKeyPassword,
    ),
    backend: backend ?? this.backend,
  );

  @override
  List<Object?> get props => [
    allowInsecureFallback,
    alwaysUseInsecureStorage,
    directory,
    delete,
    deviceEncryptionKeyPassword,
    newDeviceEncryptionKeyPassword,
    backend,
  ];
}

/// Where tables are kept.
@immutable
final class VeilidConfigTableStore with ValueEquality {
  /// Puts the parts together.
  const VeilidConfigTableStore({
    required this.directory,
    this.delete = false,
    this.wipeOnInvalidDeviceEncryptionKey = true,
    this.maxValueSizeMb = 64,
  });

  /// Reads a value of JSON, in camelCase or snake_case.
  factory VeilidConfigTableStore.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidConfigTableStore');
    return VeilidConfigTableStore(
      directory: fields.text('directory'),
      delete: fields.flag('delete', false),
      wipeOnInvalidDeviceEncryptionKey: fields.flag(
        'wipeOnInvalidDeviceEncryptionKey',
        true,
      ),
      maxValueSizeMb: fields.number('maxValueSizeMb', 64),
    );
  }

  /// Where the tables are.
  final String directory;

  /// Delete all tables at the start.
  final bool delete;

  /// Delete all tables if they do not fit the key; false: do not start.
  final bool wipeOnInvalidDeviceEncryptionKey;

  /// The largest value of the library itself, in MiB.
  final int maxValueSizeMb;

  /// Its value in JSON, in camelCase.
  Map<String, dynamic> toJson() => {
    'directory': directory,
    'delete': delete,
    'wipeOnInvalidDeviceEncryptionKey': wipeOnInvalidDeviceEncryptionKey,
    'maxValueSizeMb': maxValueSizeMb,
  };

  /// A copy with some fields changed.
  VeilidConfigTableStore copyWith({
    String? directory,
    bool? delete,
    bool? wipeOnInvalidDeviceEncryptionKey,
    int? maxValueSizeMb,
  }) => VeilidConfigTableStore(
    directory: directory ?? this.directory,
    delete: delete ?? this.delete,
    wipeOnInvalidDeviceEncryptionKey:
        wipeOnInvalidDeviceEncryptionKey ??
        this.wipeOnInvalidDeviceEncryptionKey,
    maxValueSizeMb: maxValueSizeMb ?? this.maxValueSizeMb,
  );

  @override
  List<Object?> get props => [
    directory,
    delete,
    wipeOnInvalidDeviceEncryptionKey,
    maxValueSizeMb,
  ];
}

/// Where blocks would be kept.
@immutable
final class VeilidConfigBlockStore with ValueEquality {
  /// Puts the parts together.
  const VeilidConfigBlockStore({required this.directory, this.delete = false});

  /// Reads a value of JSON, in camelCase or snake_case.
  factory VeilidConfigBlockStore.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidConfigBlockStore');
    return VeilidConfigBlockStore(
      directory: fields.text('directory'),
      delete: fields.flag('delete', false),
    );
  }

  /// Where blocks are.
  final String directory;

  /// Delete all blocks at the start.
  final bool delete;

  /// Its value in JSON, in camelCase.
  Map<String, dynamic> toJson() => {'directory': directory, 'delete': delete};

  /// A copy with some fields changed.
  VeilidConfigBlockStore copyWith({String? directory, bool? delete}) =>
      VeilidConfigBlockStore(
        directory: directory ?? this.directory,
        delete: delete ?? this.delete,
      );

  @override
  List<Object?> get props => [directory, delete];
}

/// What is in the configuration of being attached: nothing in default builds.
@immutable
final class VeilidConfigAttachment with ValueEquality {
  /// The empty configuration.
  const VeilidConfigAttachment();

  /// Reads a value of JSON; what is in it is ignored.
  factory VeilidConfigAttachment.fromJson(Object? json) => json is Map
      ? const VeilidConfigAttachment()
      : throw FormatException('VeilidConfigAttachment: not an object', json);

  /// Its value in JSON.
  Map<String, dynamic> toJson() => {};

  @override
  List<Object?> get props => const [];
}
