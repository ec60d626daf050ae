import 'package:meta/meta.dart';

import 'enums.dart';
import 'equality.dart';
import 'fields.dart';
import 'typed.dart';

/// The network of a node.
@immutable
final class VeilidConfigNetwork with ValueEquality {
  /// Puts the parts together.
  const VeilidConfigNetwork({
    required this.maxConnections,
    this.networkKeyPassword,
    required this.routingTable,
    required this.rpc,
    required this.dht,
    this.addressTypes = const [],
    required this.upnp,
    this.detectAddressChanges = true,
    this.bindRetryMs = 10000,
    required this.tls,
    required this.protocol,
    required this.privacy,
    this.privateNetwork = false,
  });

  /// Reads a value of JSON, in camelCase or snake_case.
  factory VeilidConfigNetwork.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidConfigNetwork');
    return VeilidConfigNetwork(
      maxConnections: fields.number('maxConnections'),
      networkKeyPassword: fields.textOrNull('networkKeyPassword'),
      routingTable: fields.value(
        'routingTable',
        VeilidConfigRoutingTable.fromJson,
      ),
      rpc: fields.value('rpc', VeilidConfigRPC.fromJson),
      dht: fields.value('dht', VeilidConfigDHT.fromJson),
      addressTypes: fields.list(
        'addressTypes',
        VeilidConfigAddressType.fromJson,
        const [],
      ),
      upnp: fields.flag('upnp'),
      detectAddressChanges: fields.flagOrNull('detectAddressChanges'),
      bindRetryMs: fields.number('bindRetryMs', 10000),
      tls: fields.value('tls', VeilidConfigTLS.fromJson),
      protocol: fields.value('protocol', VeilidConfigProtocol.fromJson),
      privacy: fields.value('privacy', VeilidConfigPrivacy.fromJson),
      privateNetwork: fields.flag('privateNetwork', false),
    );
  }

  /// Connections at once: 32 to 512, in a browser 16 to 64.
  final int maxConnections;

  /// Makes a network of its own, encrypted; null: the public one.
  final String? networkKeyPassword;

  /// Who the node is and whom it asks first.
  final VeilidConfigRoutingTable routingTable;

  /// Questions and answers.
  final VeilidConfigRPC rpc;

  /// Records.
  final VeilidConfigDHT dht;

  /// Versions of the internet protocol; empty: all there are.
  final List<VeilidConfigAddressType> addressTypes;

  /// Ask the router to let others in.
  final bool upnp;

  /// Notice when the public address changes; null: as the library sees fit.
  final bool? detectAddressChanges;

  /// Milliseconds to wait when an address cannot be listened on.
  final int bindRetryMs;

  /// Certificates.
  final VeilidConfigTLS tls;

  /// Transports.
  final VeilidConfigProtocol protocol;

  /// What others learn.
  final VeilidConfigPrivacy privacy;

  /// Whether loopback and private addresses count as reachable, for a network on
  /// one machine or in one house. Needs [networkKeyPassword]. Of this library only.
  final bool privateNetwork;

  /// Its value in JSON, in camelCase.
  Map<String, dynamic> toJson() => {
    'maxConnections': maxConnections,
    'networkKeyPassword': networkKeyPassword,
    'routingTable': routingTable.toJson(),
    'rpc': rpc.toJson(),
    'dht': dht.toJson(),
    'addressTypes': [for (final item in addressTypes) item.toJson()],
    'upnp': upnp,
    'detectAddressChanges': detectAddressChanges,
    'bindRetryMs': bindRetryMs,
    'tls': tls.toJson(),
    'protocol': protocol.toJson(),
    'privacy': privacy.toJson(),
    'privateNetwork': privateNetwork,
  };

  /// A copy with some fields changed; null makes a field null that may be.
  VeilidConfigNetwork copyWith({
    int? maxConnections,
    Object? networkKeyPassword = unchanged,
    VeilidConfigRoutingTable? routingTable,
    VeilidConfigRPC? rpc,
    VeilidConfigDHT? dht,
    List<VeilidConfigAddressType>? addressTypes,
    bool? upnp,
    Object? detectAddressChanges = unchanged,
    int? bindRetryMs,
    VeilidConfigTLS? tls,
    VeilidConfigProtocol? protocol,
    VeilidConfigPrivacy? privacy,
    bool? privateNetwork,
  }) => VeilidConfigNetwork(
    maxConnections: maxConnections ?? this.maxConnections,
    networkKeyPassword: changed<String>(
      networkKeyPassword,
      this.networkKeyPassword,
    ),
    routingTable: routingTable ?? this.routingTable,
    rpc: rpc ?? this.rpc,
    dht: dht ?? this.dht,
    addressTypes: addressTypes ?? this.addressTypes,
    upnp: upnp ?? this.upnp,
    detectAddressChanges: changed<bool>(
      detectAddressChanges,
      this.detectAddressChanges,
    ),
    bindRetryMs: bindRetryMs ?? this.bindRetryMs,
    tls: tls ?? this.tls,
    protocol: protocol ?? this.protocol,
    privacy: privacy ?? this.privacy,
    privateNetwork: privateNetwork ?? this.privateNetwork,
  );

  @override
  List<Object?> get props => [
    maxConnections,
    networkKeyPassword,
    routingTable,
    rpc,
    dht,
    addressTypes,
    upnp,
    detectAddressChanges,
    bindRetryMs,
    tls,
    protocol,
    privacy,
    privateNetwork,
  ];
}

/// Who a node is and whom it asks first.
@immutable
final class VeilidConfigRoutingTable with ValueEquality {
  /// Puts the parts together.
  const VeilidConfigRoutingTable({
    required this.publicKeys,
    required this.secretKeys,
    required this.bootstrap,
    required this.bootstrapKeys,
    this.bootstrapRecords = const [],
    this.serveDirectBootstrap = false,
  });

  /// Reads a value of JSON, in camelCase or snake_case.
  factory VeilidConfigRoutingTable.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidConfigRoutingTable');
    return VeilidConfigRoutingTable(
      publicKeys: fields.list('publicKeys', PublicKey.fromJson),
      secretKeys: fields.list('secretKeys', SecretKey.fromJson),
      bootstrap: fields.list('bootstrap', textFromJson),
      bootstrapKeys: fields.list('bootstrapKeys', PublicKey.fromJson),
      bootstrapRecords: fields.list('bootstrapRecords', textFromJson, const []),
      serveDirectBootstrap: fields.flag('serveDirectBootstrap', false),
    );
  }

  /// The keys of the node; empty: made and kept.
  final List<PublicKey> publicKeys;

  /// Their secrets, in the same order.
  final List<SecretKey> secretKeys;

  /// Whom to ask first: names, or URLs in a browser.
  final List<String> bootstrap;

  /// Who signs for them; empty: nobody has to.
  final List<PublicKey> bootstrapKeys;

  /// Bootstrap records given directly.
  final List<String> bootstrapRecords;

  /// Answer nodes that ask for other nodes.
  final bool serveDirectBootstrap;

  /// Its value in JSON, in camelCase.
  Map<String, dynamic> toJson() => {
    'publicKeys': [for (final item in publicKeys) item.toJson()],
    'secretKeys': [for (final item in secretKeys) item.toJson()],
    'bootstrap': bootstrap,
    'bootstrapKeys': [for (final item in bootstrapKeys) item.toJson()],
    'bootstrapRecords': bootstrapRecords,
    'serveDirectBootstrap': serveDirectBootstrap,
  };

  /// A copy with some fields changed.
  VeilidConfigRoutingTable copyWith({
    List<PublicKey>? publicKeys,
    List<SecretKey>? secretKeys,
    List<String>? bootstrap,
    List<PublicKey>? bootstrapKeys,
    List<String>? bootstrapRecords,
    bool? serveDirectBootstrap,
  }) => VeilidConfigRoutingTable(
    publicKeys: publicKeys ?? this.publicKeys,
    secretKeys: secretKeys ?? this.secretKeys,
    bootstrap: bootstrap ?? this.bootstrap,
    bootstrapKeys: bootstrapKeys ?? this.bootstrapKeys,
    bootstrapRecords: bootstrapRecords ?? this.bootstrapRecords,
    serveDirectBootstrap: serveDirectBootstrap ?? this.serveDirectBootstrap,
  );

  @override
  List<Object?> get props => [
    publicKeys,
    secretKeys,
    bootstrap,
    bootstrapKeys,
    bootstrapRecords,
    serveDirectBootstrap,
  ];
}

/// Questions and answers.
@immutable
final class VeilidConfigRPC with ValueEquality {
  /// Puts the parts together.
  const VeilidConfigRPC({required this.defaultRouteHopCount});

  /// Reads a value of JSON, in camelCase or snake_case.
  factory VeilidConfigRPC.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidConfigRPC');
    return VeilidConfigRPC(
      defaultRouteHopCount: fields.number('defaultRouteHopCount'),
    );
  }

  /// Hops of a route that does not say: 1 to 4.
  final int defaultRouteHopCount;

  /// Its value in JSON, in camelCase.
  Map<String, dynamic> toJson() => {
    'defaultRouteHopCount': defaultRouteHopCount,
  };

  /// A copy with some fields changed.
  VeilidConfigRPC copyWith({int? defaultRouteHopCount}) => VeilidConfigRPC(
    defaultRouteHopCount: defaultRouteHopCount ?? this.defaultRouteHopCount,
  );

  @override
  List<Object?> get props => [defaultRouteHopCount];
}

/// Records.
@immutable
final class VeilidConfigDHT with ValueEquality {
  /// Puts the parts together.
  const VeilidConfigDHT({
    required this.localSubkeyCacheSize,
    required this.localMaxSubkeyCacheMemoryMb,
    required this.remoteSubkeyCacheSize,
    required this.remoteMaxRecords,
    required this.remoteMaxSubkeyCacheMemoryMb,
    required this.remoteMaxStorageSpaceMb,
    this.maxConcurrentOperations = 16,
  });

  /// Reads a value of JSON, in camelCase or snake_case.
  factory VeilidConfigDHT.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidConfigDHT');
    return VeilidConfigDHT(
      localSubkeyCacheSize: fields.number('localSubkeyCacheSize'),
      localMaxSubkeyCacheMemoryMb: fields.number('localMaxSubkeyCacheMemoryMb'),
      remoteSubkeyCacheSize: fields.number('remoteSubkeyCacheSize'),
      remoteMaxRecords: fields.number('remoteMaxRecords'),
      remoteMaxSubkeyCacheMemoryMb: fields.number(
        'remoteMaxSubkeyCacheMemoryMb',
      ),
      remoteMaxStorageSpaceMb: fields.number('remoteMaxStorageSpaceMb'),
      maxConcurrentOperations: fields.number('maxConcurrentOperations', 16),
    );
  }

  /// Values of own records in memory.
  final int localSubkeyCacheSize;

  /// Their memory, in MiB.
  final int localMaxSubkeyCacheMemoryMb;

  /// Values of the records of others in memory.
  final int remoteSubkeyCacheSize;

  /// Records of others to store.
  final int remoteMaxRecords;

  /// Memory of their values, in MiB.
  final int remoteMaxSubkeyCacheMemoryMb;

  /// Storage of their values, in MiB.
  final int remoteMaxStorageSpaceMb;

  /// Operations at once; others wait.
  final int maxConcurrentOperations;

  /// Its value in JSON, in camelCase.
  Map<String, dynamic> toJson() => {
    'localSubkeyCacheSize': localSubkeyCacheSize,
    'localMaxSubkeyCacheMemoryMb': localMaxSubkeyCacheMemoryMb,
    'remoteSubkeyCacheSize': remoteSubkeyCacheSize,
    'remoteMaxRecords': remoteMaxRecords,
    'remoteMaxSubkeyCacheMemoryMb': remoteMaxSubkeyCacheMemoryMb,
    'remoteMaxStorageSpaceMb': remoteMaxStorageSpaceMb,
    'maxConcurrentOperations': maxConcurrentOperations,
  };

  /// A copy with some fields changed.
  VeilidConfigDHT copyWith({
    int? localSubkeyCacheSize,
    int? localMaxSubkeyCacheMemoryMb,
    int? remoteSubkeyCacheSize,
    int? remoteMaxRecords,
    int? remoteMaxSubkeyCacheMemoryMb,
    int? remoteMaxStorageSpaceMb,
    int? maxConcurrentOperations,
  }) => VeilidConfigDHT(
    localSubkeyCacheSize: localSubkeyCacheSize ?? this.localSubkeyCacheSize,
    localMaxSubkeyCacheMemoryMb:
        localMaxSubkeyCacheMemoryMb ?? this.localMaxSubkeyCacheMemoryMb,
    remoteSubkeyCacheSize: remoteSubkeyCacheSize ?? this.remoteSubkeyCacheSize,
    remoteMaxRecords: remoteMaxRecords ?? this.remoteMaxRecords,
    remoteMaxSubkeyCacheMemoryMb:
        remoteMaxSubkeyCacheMemoryMb ?? this.remoteMaxSubkeyCacheMemoryMb,
    remoteMaxStorageSpaceMb:
        remoteMaxStorageSpaceMb ?? this.remoteMaxStorageSpaceMb,
    maxConcurrentOperations:
        maxConcurrentOperations ?? this.maxConcurrentOperations,
  );

  @override
  List<Object?> get props => [
    localSubkeyCacheSize,
    localMaxSubkeyCacheMemoryMb,
    remoteSubkeyCacheSize,
    remoteMaxRecords,
    remoteMaxSubkeyCacheMemoryMb,
    remoteMaxStorageSpaceMb,
    maxConcurrentOperations,
  ];
}

/// Certificates of a node that others reach over TLS.
@immutable
final class VeilidConfigTLS with ValueEquality {
  /// Puts the parts together.
  const VeilidConfigTLS({
    required this.certificatePath,
    required this.privateKeyPath,
    required this.connectionInitialTimeoutMs,
  });

  /// Reads a value of JSON, in camelCase or snake_case.
  factory VeilidConfigTLS.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidConfigTLS');
    return VeilidConfigTLS(
      certificatePath: fields.text('certificatePath'),
      privateKeyPath: fields.text('privateKeyPath'),
      connectionInitialTimeoutMs: fields.number('connectionInitialTimeoutMs'),
    );
  }

  /// A file with certificates.
  final String certificatePath;

  /// A file with their key.
  final String privateKeyPath;

  /// Milliseconds that a handshake may take.
  final int connectionInitialTimeoutMs;

  /// Its value in JSON, in camelCase.
  Map<String, dynamic> toJson() => {
    'certificatePath': certificatePath,
    'privateKeyPath': privateKeyPath,
    'connectionInitialTimeoutMs': connectionInitialTimeoutMs,
  };

  /// A copy with some fields changed.
  VeilidConfigTLS copyWith({
    String? certificatePath,
    String? privateKeyPath,
    int? connectionInitialTimeoutMs,
  }) => VeilidConfigTLS(
    certificatePath: certificatePath ?? this.certificatePath,
    privateKeyPath: privateKeyPath ?? this.privateKeyPath,
    connectionInitialTimeoutMs:
        connectionInitialTimeoutMs ?? this.connectionInitialTimeoutMs,
  );

  @override
  List<Object?> get props => [
    certificatePath,
    privateKeyPath,
    connectionInitialTimeoutMs,
  ];
}

/// Transports.
@immutable
final class VeilidConfigProtocol with ValueEquality {
  /// Puts the parts together.
  const VeilidConfigProtocol({
    required this.udp,
    required this.tcp,
    required this.ws,
  });

  /// Reads a value of JSON, in camelCase or snake_case.
  factory VeilidConfigProtocol.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidConfigProtocol');
    return VeilidConfigProtocol(
      udp: fields.value('udp', VeilidConfigUDP.fromJson),
      tcp: fields.value('tcp', VeilidConfigTCP.fromJson),
      ws: fields.value('ws', VeilidConfigWS.fromJson),
    );
  }

  /// Datagrams.
  final VeilidConfigUDP udp;

  /// Connections.
  final VeilidConfigTCP tcp;

  /// WebSockets.
  final VeilidConfigWS ws;

  /// Its value in JSON, in camelCase.
  Map<String, dynamic> toJson() => {
    'udp': udp.toJson(),
    'tcp': tcp.toJson(),
    'ws': ws.toJson(),
  };

  /// A copy with some fields changed.
  VeilidConfigProtocol copyWith({
    VeilidConfigUDP? udp,
    VeilidConfigTCP? tcp,
    VeilidConfigWS? ws,
  }) => VeilidConfigProtocol(
    udp: udp ?? this.udp,
    tcp: tcp ?? this.tcp,
    ws: ws ?? this.ws,
  );

  @override
  List<Object?> get props => [udp, tcp, ws];
}

/// Datagrams.
@immutable
final class VeilidConfigUDP with ValueEquality {
  /// Puts the parts together.
  const VeilidConfigUDP({
    required this.enabled,
    required this.listenAddress,
    this.publicAddress,
  });

  /// Reads a value of JSON, in camelCase or snake_case.
  factory VeilidConfigUDP.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidConfigUDP');
    return VeilidConfigUDP(
      enabled: fields.flag('enabled'),
      listenAddress: fields.text('listenAddress'),
      publicAddress: fields.textOrNull('publicAddress'),
    );
  }

  /// Whether it is used.
  final bool enabled;

  /// Where to listen; empty: anywhere.
  final String listenAddress;

  /// What others reach; null: found out.
  final String? publicAddress;

  /// Its value in JSON, in camelCase.
  Map<String, dynamic> toJson() => {
    'enabled': enabled,
    'listenAddress': listenAddress,
    'publicAddress': publicAddress,
  };

  /// A copy with some fields changed; null makes a field null that may be.
  VeilidConfigUDP copyWith({
    bool? enabled,
    String? listenAddress,
    Object? publicAddress = unchanged,
  }) => VeilidConfigUDP(
    enabled: enabled ?? this.enabled,
    listenAddress: listenAddress ?? this.listenAddress,
    publicAddress: changed<String>(publicAddress, this.publicAddress),
  );

  @override
  List<Object?> get props => [enabled, listenAddress, publicAddress];
}

/// Connections.
@immutable
final class VeilidConfigTCP with ValueEquality {
  /// Puts the parts together.
  const VeilidConfigTCP({
    required this.connect,
    required this.listen,
    required this.listenAddress,
    this.publicAddress,
  });

  /// Reads a value of JSON, in camelCase or snake_case.
  factory VeilidConfigTCP.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidConfigTCP');
    return VeilidConfigTCP(
      connect: fields.flag('connect'),
      listen: fields.flag('listen'),
      listenAddress: fields.text('listenAddress'),
      publicAddress: fields.textOrNull('publicAddress'),
    );
  }

  /// Whether to connect to others.
  final bool connect;

  /// Whether to listen.
  final bool listen;

  /// Where to listen; empty: anywhere.
  final String listenAddress;

  /// What others reach; null: found out.
  final String? publicAddress;

  /// Its value in JSON, in camelCase.
  Map<String, dynamic> toJson() => {
    'connect': connect,
    'listen': listen,
    'listenAddress': listenAddress,
    'publicAddress': publicAddress,
  };

  /// A copy with some fields changed; null makes a field null that may be.
  VeilidConfigTCP copyWith({
    bool? connect,
    bool? listen,
    String? listenAddress,
    Object? publicAddress = unchanged,
  }) => VeilidConfigTCP(
    connect: connect ?? this.connect,
    listen: listen ?? this.listen,
    listenAddress: listenAddress ?? this.listenAddress,
    publicAddress: changed<String>(publicAddress, this.publicAddress),
  );

  @override
  List<Object?> get props => [connect, listen, listenAddress, publicAddress];
}

/// WebSockets.
@immutable
final class VeilidConfigWS with ValueEquality {
  /// Puts the parts together.
  const VeilidConfigWS({
    required this.connect,
    required this.listen,
    required this.listenAddress,
    required this.path,
    this.url,
  });

  /// Reads a value of JSON, in camelCase or snake_case.
  factory VeilidConfigWS.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidConfigWS');
    return VeilidConfigWS(
      connect: fields.flag('connect'),
      listen: fields.flag('listen'),
      listenAddress: fields.text('listenAddress'),
      path: fields.text('path'),
      url: fields.textOrNull('url'),
    );
  }

  /// Whether to connect to others.
  final bool connect;

  /// Whether to listen.
  final bool listen;

  /// Where to listen; empty: anywhere.
  final String listenAddress;

  /// The path of the URL.
  final String path;

  /// What others reach; null: found out.
  final String? url;

  /// Its value in JSON, in camelCase.
  Map<String, dynamic> toJson() => {
    'connect': connect,
    'listen': listen,
    'listenAddress': listenAddress,
    'path': path,
    'url': url,
  };

  /// A copy with some fields changed; null makes a field null that may be.
  VeilidConfigWS copyWith({
    bool? connect,
    bool? listen,
    String? listenAddress,
    String? path,
    Object? url = unchanged,
  }) => VeilidConfigWS(
    connect: connect ?? this.connect,
    listen: listen ?? this.listen,
    listenAddress: listenAddress ?? this.listenAddress,
    path: path ?? this.path,
    url: changed<String>(url, this.url),
  );

  @override
  List<Object?> get props => [connect, listen, listenAddress, path, url];
}

/// What others learn of a node.
@immutable
final class VeilidConfigPrivacy with ValueEquality {
  /// Puts the parts together.
  const VeilidConfigPrivacy({required this.requireInboundRelay});

  /// Reads a value of JSON, in camelCase or snake_case.
  factory VeilidConfigPrivacy.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidConfigPrivacy');
    return VeilidConfigPrivacy(
      requireInboundRelay: fields.flag('requireInboundRelay'),
    );
  }

  /// Let others reach the node over a relay only.
  final bool requireInboundRelay;

  /// Its value in JSON, in camelCase.
  Map<String, dynamic> toJson() => {'requireInboundRelay': requireInboundRelay};

  /// A copy with some fields changed.
  VeilidConfigPrivacy copyWith({bool? requireInboundRelay}) =>
      VeilidConfigPrivacy(
        requireInboundRelay: requireInboundRelay ?? this.requireInboundRelay,
      );

  @override
  List<Object?> get props => [requireInboundRelay];
}
