import 'dart:typed_data';

import 'package:meta/meta.dart';

import 'base64.dart';
import 'config.dart';
import 'dht.dart';
import 'enums.dart';
import 'equality.dart';
import 'fields.dart';
import 'keys.dart';
import 'route.dart';
import 'state.dart';
import 'timestamp.dart';
import 'typed.dart';

/// Something that happened in the node.
@immutable
sealed class VeilidUpdate {
  const VeilidUpdate();

  /// Reads a value of JSON. The Shutdown update has no class: the stream ends.
  factory VeilidUpdate.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidUpdate');
    return switch (fields.text('kind')) {
      'Log' => VeilidLog(
        logLevel: fields.value('logLevel', VeilidLogLevel.fromJson),
        message: fields.text('message'),
        backtrace: fields.textOrNull('backtrace'),
      ),
      'AppMessage' => VeilidAppMessage(
        message: fields.value('message', bytesFromJson),
        sender: fields.valueOrNull('sender', NodeId.fromJson),
        routeId: fields.valueOrNull('routeId', RouteId.fromJson),
      ),
      'AppCall' => VeilidAppCall(
        message: fields.value('message', bytesFromJson),
        callId: fields.text('callId'),
        sender: fields.valueOrNull('sender', NodeId.fromJson),
        routeId: fields.valueOrNull('routeId', RouteId.fromJson),
      ),
      'Attachment' => VeilidUpdateAttachment(
        attachment: VeilidStateAttachment.fromJson(json),
      ),
      'Network' => VeilidUpdateNetwork(
        network: VeilidStateNetwork.fromJson(json),
      ),
      'Config' => VeilidUpdateConfig(
        config: fields.value('config', VeilidConfig.fromJson),
      ),
      'RouteChange' => VeilidUpdateRouteChange(
        deadRoutes: fields.list('deadRoutes', RouteId.fromJson),
        deadRemoteRoutes: fields.list('deadRemoteRoutes', RouteId.fromJson),
      ),
      'ValueChange' => VeilidUpdateValueChange(
        key: fields.value('key', RecordKey.fromJson),
        subkeys: fields.list('subkeys', ValueSubkeyRange.fromJson),
        count: fields.number('count'),
        value: fields.valueOrNull('value', ValueData.fromJson),
      ),
      final kind => throw FormatException('VeilidUpdate.kind: unknown', kind),
    };
  }

  /// Its value in JSON.
  Map<String, dynamic> toJson();
}

/// A line of the log.
final class VeilidLog extends VeilidUpdate with ValueEquality {
  /// Puts the parts together.
  const VeilidLog({
    required this.logLevel,
    required this.message,
    this.backtrace,
  });

  /// How important it is.
  final VeilidLogLevel logLevel;

  /// The line.
  final String message;

  /// Where it came from; null except for some errors.
  final String? backtrace;

  @override
  Map<String, dynamic> toJson() => {
    'kind': 'Log',
    'logLevel': logLevel.toJson(),
    'message': message,
    'backtrace': backtrace,
  };

  @override
  List<Object?> get props => [logLevel, message, backtrace];
}

/// A message of another node's application.
final class VeilidAppMessage extends VeilidUpdate with ValueEquality {
  /// Puts the parts together.
  const VeilidAppMessage({required this.message, this.sender, this.routeId});

  /// The message, at most 32768 bytes.
  final Uint8List message;

  /// Who sent it; null if it came over a private route.
  final NodeId? sender;

  /// The private route of this node that it came over; null if over none.
  final RouteId? routeId;

  @override
  Map<String, dynamic> toJson() => {
    'kind': 'AppMessage',
    'sender': sender?.toJson(),
    'routeId': routeId?.toJson(),
    'message': bytesToText(message),
  };

  @override
  List<Object?> get props => [message, sender, routeId];
}

/// A question of another node's application, which waits for `appCallReply`.
final class VeilidAppCall extends VeilidUpdate with ValueEquality {
  /// Puts the parts together.
  const VeilidAppCall({
    required this.message,
    required this.callId,
    this.sender,
    this.routeId,
  });

  /// The question, at most 32768 bytes.
  final Uint8List message;

  /// What the answer refers to, a decimal text.
  final String callId;

  /// Who asks; null if it came over a private route.
  final NodeId? sender;

  /// The private route of this node that it came over; null if over none.
  final RouteId? routeId;

  @override
  Map<String, dynamic> toJson() => {
    'kind': 'AppCall',
    'sender': sender?.toJson(),
    'routeId': routeId?.toJson(),
    'message': bytesToText(message),
    'callId': callId,
  };

  @override
  List<Object?> get props => [message, callId, sender, routeId];
}

/// How well the node is connected has changed.
final class VeilidUpdateAttachment extends VeilidUpdate with ValueEquality {
  /// Of the state [attachment].
  const VeilidUpdateAttachment({required this.attachment});

  /// All of it.
  final VeilidStateAttachment attachment;

  /// How well the node is connected.
  AttachmentState get state => attachment.state;

  /// Whether records, routes and messages can be used.
  bool get publicInternetReady => attachment.publicInternetReady;

  /// The same for the local network.
  bool get localNetworkReady => attachment.localNetworkReady;

  /// Since the node was started.
  TimestampDuration get uptime => attachment.uptime;

  /// Since it began to attach; null while detached.
  TimestampDuration? get attachedUptime => attachment.attachedUptime;

  @override
  Map<String, dynamic> toJson() => {
    'kind': 'Attachment',
    ...attachment.toJson(),
  };

  @override
  List<Object?> get props => [attachment];
}

/// What the node sends and receives; once per second while attached.
final class VeilidUpdateNetwork extends VeilidUpdate with ValueEquality {
  /// Of the state [network].
  const VeilidUpdateNetwork({required this.network});

  /// All of it.
  final VeilidStateNetwork network;

  /// Whether the network runs.
  bool get started => network.started;

  /// Bytes received per second.
  BigInt get bpsDown => network.bpsDown;

  /// Bytes sent per second.
  BigInt get bpsUp => network.bpsUp;

  /// Nodes known, at most 64.
  List<PeerTableData> get peers => network.peers;

  @override
  Map<String, dynamic> toJson() => {'kind': 'Network', ...network.toJson()};

  @override
  List<Object?> get props => [network];
}

/// The configuration was changed.
final class VeilidUpdateConfig extends VeilidUpdate with ValueEquality {
  /// To [config].
  const VeilidUpdateConfig({required this.config});

  /// The configuration, without its secrets.
  final VeilidConfig config;

  @override
  Map<String, dynamic> toJson() => {
    'kind': 'Config',
    'config': config.toJson(),
  };

  @override
  List<Object?> get props => [config];
}

/// Private routes have ended.
final class VeilidUpdateRouteChange extends VeilidUpdate with ValueEquality {
  /// Puts the parts together.
  const VeilidUpdateRouteChange({
    required this.deadRoutes,
    required this.deadRemoteRoutes,
  });

  /// Those of this node: make new ones and hand them out.
  final List<RouteId> deadRoutes;

  /// Those that were imported: ask for new ones.
  final List<RouteId> deadRemoteRoutes;

  @override
  Map<String, dynamic> toJson() => {
    'kind': 'RouteChange',
    'deadRoutes': [for (final id in deadRoutes) id.toJson()],
    'deadRemoteRoutes': [for (final id in deadRemoteRoutes) id.toJson()],
  };

  @override
  List<Object?> get props => [deadRoutes, deadRemoteRoutes];
}

/// A watched record has changed, or is no longer watched.
final class VeilidUpdateValueChange extends VeilidUpdate with ValueEquality {
  /// Puts the parts together.
  const VeilidUpdateValueChange({
    required this.key,
    required this.subkeys,
    required this.count,
    this.value,
  });

  /// The record.
  final RecordKey key;

  /// What has changed; none: the watch has ended.
  final List<ValueSubkeyRange> subkeys;

  /// How many more changes will be told; 0: the watch has ended.
  final int count;

  /// The new value of the first of [subkeys]. Null: read it, or later changes of
  /// these subkeys are not told.
  final ValueData? value;

  @override
  Map<String, dynamic> toJson() => {
    'kind': 'ValueChange',
    'key': key.toJson(),
    'subkeys': [for (final range in subkeys) range.toJson()],
    'count': count,
    'value': value?.toJson(),
  };

  @override
  List<Object?> get props => [key, subkeys, count, value];
}
