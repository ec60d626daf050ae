import 'package:meta/meta.dart';

import 'config.dart';
import 'enums.dart';
import 'equality.dart';
import 'fields.dart';
import 'timestamp.dart';
import 'typed.dart';

/// All of the state of a node.
@immutable
final class VeilidState with ValueEquality {
  /// Puts the parts together.
  const VeilidState({
    required this.attachment,
    required this.config,
    required this.network,
  });

  /// Reads a value of JSON, in camelCase or snake_case.
  factory VeilidState.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidState');
    return VeilidState(
      attachment: fields.value('attachment', VeilidStateAttachment.fromJson),
      config: fields.value('config', VeilidStateConfig.fromJson),
      network: fields.value('network', VeilidStateNetwork.fromJson),
    );
  }

  /// How well it is connected.
  final VeilidStateAttachment attachment;

  /// Its configuration, with all secrets in it.
  final VeilidStateConfig config;

  /// What it sends and receives.
  final VeilidStateNetwork network;

  /// Its value in JSON, in camelCase.
  Map<String, dynamic> toJson() => {
    'attachment': attachment.toJson(),
    'config': config.toJson(),
    'network': network.toJson(),
  };

  @override
  List<Object?> get props => [attachment, config, network];
}

/// How well a node is connected.
@immutable
final class VeilidStateAttachment with ValueEquality {
  /// Puts the parts together.
  const VeilidStateAttachment({
    required this.state,
    required this.publicInternetReady,
    required this.localNetworkReady,
    required this.uptime,
    this.attachedUptime,
    required this.reliablePeerCount,
    required this.livePeerCount,
    required this.estimatedNetworkSize,
    required this.overAttachedNodes,
    this.medianLatency,
  });

  /// Reads a value of JSON, in camelCase or snake_case.
  factory VeilidStateAttachment.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidStateAttachment');
    return VeilidStateAttachment(
      state: fields.value('state', AttachmentState.fromJson),
      publicInternetReady: fields.flag('publicInternetReady'),
      localNetworkReady: fields.flag('localNetworkReady'),
      uptime: fields.value('uptime', TimestampDuration.fromJson),
      attachedUptime: fields.valueOrNull(
        'attachedUptime',
        TimestampDuration.fromJson,
      ),
      reliablePeerCount: fields.big('reliablePeerCount').toInt(),
      livePeerCount: fields.big('livePeerCount').toInt(),
      estimatedNetworkSize: fields.big('estimatedNetworkSize').toInt(),
      overAttachedNodes: fields.big('overAttachedNodes').toInt(),
      medianLatency: fields.valueOrNull(
        'medianLatency',
        TimestampDuration.fromJson,
      ),
    );
  }

  /// How well the node is connected.
  final AttachmentState state;

  /// Whether records, routes and messages can be used.
  final bool publicInternetReady;

  /// The same for the local network.
  final bool localNetworkReady;

  /// Since the node was started.
  final TimestampDuration uptime;

  /// Since it began to attach; null while detached.
  final TimestampDuration? attachedUptime;

  /// Nodes that have been there for long.
  final int reliablePeerCount;

  /// Nodes that answer.
  final int livePeerCount;

  /// Nodes in the network, as far as can be told.
  final int estimatedNetworkSize;

  /// Nodes known beyond what is needed.
  final int overAttachedNodes;

  /// Of the reliable nodes; null while there are none.
  final TimestampDuration? medianLatency;

  /// Its value in JSON, in camelCase.
  Map<String, dynamic> toJson() => {
    'state': state.toJson(),
    'publicInternetReady': publicInternetReady,
    'localNetworkReady': localNetworkReady,
    'uptime': uptime.toJson(),
    'attachedUptime': attachedUptime?.toJson(),
    'reliablePeerCount': reliablePeerCount.toString(),
    'livePeerCount': livePeerCount.toString(),
    'estimatedNetworkSize': estimatedNetworkSize.toString(),
    'overAttachedNodes': overAttachedNodes.toString(),
    'medianLatency': medianLatency?.toJson(),
  };

  @override
  List<Object?> get props => [
    state,
    publicInternetReady,
    localNetworkReady,
    uptime,
    attachedUptime,
    reliablePeerCount,
    livePeerCount,
    estimatedNetworkSize,
    overAttachedNodes,
    medianLatency,
  ];
}

/// What a node sends and receives.
@immutable
final class VeilidStateNetwork with ValueEquality {
  /// Puts the parts together.
  const VeilidStateNetwork({
    required this.started,
    required this.bpsDown,
    required this.bpsUp,
    required this.peers,
    this.nodeIds = const [],
  });

  /// Reads a value of JSON, in camelCase or snake_case.
  factory VeilidStateNetwork.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidStateNetwork');
    return VeilidStateNetwork(
      started: fields.flag('started'),
      bpsDown: fields.big('bpsDown'),
      bpsUp: fields.big('bpsUp'),
      peers: fields.list('peers', PeerTableData.fromJson),
      nodeIds: fields.list('nodeIds', NodeId.fromJson, const []),
    );
  }

  /// Whether the network runs.
  final bool started;

  /// Bytes received per second.
  final BigInt bpsDown;

  /// Bytes sent per second.
  final BigInt bpsUp;

  /// Nodes known, at most 64.
  final List<PeerTableData> peers;

  /// The ids of this node.
  final List<NodeId> nodeIds;

  /// Its value in JSON, in camelCase.
  Map<String, dynamic> toJson() => {
    'started': started,
    'bpsDown': bpsDown.toString(),
    'bpsUp': bpsUp.toString(),
    'peers': [for (final item in peers) item.toJson()],
    'nodeIds': [for (final item in nodeIds) item.toJson()],
  };

  @override
  List<Object?> get props => [started, bpsDown, bpsUp, peers, nodeIds];
}

/// The configuration of a node.
@immutable
final class VeilidStateConfig with ValueEquality {
  /// Puts the parts together.
  const VeilidStateConfig({required this.config});

  /// Reads a value of JSON, in camelCase or snake_case.
  factory VeilidStateConfig.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidStateConfig');
    return VeilidStateConfig(
      config: fields.value('config', VeilidConfig.fromJson),
    );
  }

  /// The configuration.
  final VeilidConfig config;

  /// Its value in JSON, in camelCase.
  Map<String, dynamic> toJson() => {'config': config.toJson()};

  @override
  List<Object?> get props => [config];
}

/// Another node.
@immutable
final class PeerTableData with ValueEquality {
  /// Puts the parts together.
  const PeerTableData({
    required this.nodeIds,
    required this.peerAddress,
    required this.peerStats,
  });

  /// Reads a value of JSON, in camelCase or snake_case.
  factory PeerTableData.fromJson(Object? json) {
    final fields = Fields(json, 'PeerTableData');
    return PeerTableData(
      nodeIds: fields.list('nodeIds', NodeId.fromJson),
      peerAddress: fields.text('peerAddress'),
      peerStats: fields.value('peerStats', PeerStats.fromJson),
    );
  }

  /// Its ids.
  final List<NodeId> nodeIds;

  /// Where it is, such as `UDP:192.0.2.1:5150`.
  final String peerAddress;

  /// How well it answers.
  final PeerStats peerStats;

  /// Its value in JSON, in camelCase.
  Map<String, dynamic> toJson() => {
    'nodeIds': [for (final item in nodeIds) item.toJson()],
    'peerAddress': peerAddress,
    'peerStats': peerStats.toJson(),
  };

  @override
  List<Object?> get props => [nodeIds, peerAddress, peerStats];
}

/// How well another node answers.
@immutable
final class PeerStats with ValueEquality {
  /// Puts the parts together.
  const PeerStats({this.latency, required this.transfer});

  /// Reads a value of JSON, in camelCase or snake_case.
  factory PeerStats.fromJson(Object? json) {
    final fields = Fields(json, 'PeerStats');
    return PeerStats(
      latency: fields.valueOrNull('latency', LatencyStats.fromJson),
      transfer: fields.value('transfer', TransferStatsDownUp.fromJson),
    );
  }

  /// How fast it answers; null: not known yet.
  final LatencyStats? latency;

  /// What goes to and fro.
  final TransferStatsDownUp transfer;

  /// Its value in JSON, in camelCase.
  Map<String, dynamic> toJson() => {
    'latency': latency?.toJson(),
    'transfer': transfer.toJson(),
  };

  @override
  List<Object?> get props => [latency, transfer];
}

/// How long answers take.
@immutable
final class LatencyStats with ValueEquality {
  /// Puts the parts together.
  const LatencyStats({
    required this.fastest,
    required this.average,
    required this.slowest,
    required this.tm90,
    required this.tm75,
    required this.p90,
    required this.p75,
  });

  /// Reads a value of JSON, in camelCase or snake_case.
  factory LatencyStats.fromJson(Object? json) {
    final fields = Fields(json, 'LatencyStats');
    return LatencyStats(
      fastest: fields.value('fastest', TimestampDuration.fromJson),
      average: fields.value('average', TimestampDuration.fromJson),
      slowest: fields.value('slowest', TimestampDuration.fromJson),
      tm90: fields.value('tm90', TimestampDuration.fromJson),
      tm75: fields.value('tm75', TimestampDuration.fromJson),
      p90: fields.value('p90', TimestampDuration.fromJson),
      p75: fields.value('p75', TimestampDuration.fromJson),
    );
  }

  /// The least.
  final TimestampDuration fastest;

  /// The mean.
  final TimestampDuration average;

  /// The most.
  final TimestampDuration slowest;

  /// The mean without the slowest tenth.
  final TimestampDuration tm90;

  /// The mean without the slowest quarter.
  final TimestampDuration tm75;

  /// Nine of ten are faster.
  final TimestampDuration p90;

  /// Three of four are faster.
  final TimestampDuration p75;

  /// Its value in JSON, in camelCase.
  Map<String, dynamic> toJson() => {
    'fastest': fastest.toJson(),
    'average': average.toJson(),
    'slowest': slowest.toJson(),
    'tm90': tm90.toJson(),
    'tm75': tm75.toJson(),
    'p90': p90.toJson(),
    'p75': p75.toJson(),
  };

  @override
  List<Object?> get props => [fastest, average, slowest, tm90, tm75, p90, p75];
}

/// What goes to and fro.
@immutable
final class TransferStatsDownUp with ValueEquality {
  /// Puts the parts together.
  const TransferStatsDownUp({required this.down, required this.up});

  /// Reads a value of JSON, in camelCase or snake_case.
  factory TransferStatsDownUp.fromJson(Object? json) {
    final fields = Fields(json, 'TransferStatsDownUp');
    return TransferStatsDownUp(
      down: fields.value('down', TransferStats.fromJson),
      up: fields.value('up', TransferStats.fromJson),
    );
  }

  /// Received.
  final TransferStats down;

  /// Sent.
  final TransferStats up;

  /// Its value in JSON, in camelCase.
  Map<String, dynamic> toJson() => {'down': down.toJson(), 'up': up.toJson()};

  @override
  List<Object?> get props => [down, up];
}

/// What goes one way.
@immutable
final class TransferStats with ValueEquality {
  /// Puts the parts together.
  const TransferStats({
    required this.total,
    required this.maximum,
    required this.average,
    required this.minimum,
  });

  /// Reads a value of JSON, in camelCase or snake_case.
  factory TransferStats.fromJson(Object? json) {
    final fields = Fields(json, 'TransferStats');
    return TransferStats(
      total: fields.big('total'),
      maximum: fields.big('maximum'),
      average: fields.big('average'),
      minimum: fields.big('minimum'),
    );
  }

  /// All bytes.
  final BigInt total;

  /// The most bytes per second.
  final BigInt maximum;

  /// The mean of bytes per second.
  final BigInt average;

  /// The least bytes per second.
  final BigInt minimum;

  /// Its value in JSON, in camelCase.
  Map<String, dynamic> toJson() => {
    'total': total.toString(),
    'maximum': maximum.toString(),
    'average': average.toString(),
    'minimum': minimum.toString(),
  };

  @override
  List<Object?> get props => [total, maximum, average, minimum];
}

/// What to wait for; a field that is null does not matter.
@immutable
final class VeilidStateAttachmentCondition with ValueEquality {
  /// Puts the parts together.
  const VeilidStateAttachmentCondition({
    this.optMinState,
    this.optMaxState,
    this.optPublicInternetReady,
    this.optLocalNetworkReady,
  });

  /// Reads a value of JSON, in camelCase or snake_case.
  factory VeilidStateAttachmentCondition.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidStateAttachmentCondition');
    return VeilidStateAttachmentCondition(
      optMinState: fields.valueOrNull('optMinState', AttachmentState.fromJson),
      optMaxState: fields.valueOrNull('optMaxState', AttachmentState.fromJson),
      optPublicInternetReady: fields.flagOrNull('optPublicInternetReady'),
      optLocalNetworkReady: fields.flagOrNull('optLocalNetworkReady'),
    );
  }

  /// The state must be at least this.
  final AttachmentState? optMinState;

  /// The state must be at most this.
  final AttachmentState? optMaxState;

  /// Whether records, routes and messages can be used.
  final bool? optPublicInternetReady;

  /// The same for the local network.
  final bool? optLocalNetworkReady;

  /// Its value in JSON, in camelCase.
  Map<String, dynamic> toJson() => {
    'optMinState': optMinState?.toJson(),
    'optMaxState': optMaxState?.toJson(),
    'optPublicInternetReady': optPublicInternetReady,
    'optLocalNetworkReady': optLocalNetworkReady,
  };

  @override
  List<Object?> get props => [
    optMinState,
    optMaxState,
    optPublicInternetReady,
    optLocalNetworkReady,
  ];
}
