import 'dart:typed_data';

import 'package:meta/meta.dart';

import 'base64.dart';
import 'crypto_kind.dart';
import 'enums.dart';
import 'equality.dart';
import 'fields.dart';
import 'typed.dart';

/// The bytes in a value of JSON: its text in base64url, or themselves.
@internal
Uint8List bytesFromJson(Object? json) => switch (json) {
  final Uint8List bytes => bytes,
  final String text => textToBytes(text),
  _ => throw FormatException('bytes are a text', json),
};

/// How a routing context reaches others.
@immutable
sealed class SafetySelection {
  const SafetySelection();

  /// Reads a value of JSON.
  factory SafetySelection.fromJson(Object? json) {
    final fields = Fields(json, 'SafetySelection');
    if (fields.has('Unsafe')) {
      return SafetySelectionUnsafe(
        sequencing: Sequencing.fromJson(fields['Unsafe']),
      );
    }
    return SafetySelectionSafe(
      safetySpec: fields.value('Safe', SafetySpec.fromJson),
    );
  }

  /// Its value in JSON.
  Map<String, dynamic> toJson();
}

/// Without a safety route, so that the other side learns who asks. Refused by the
/// library unless it was built for it.
final class SafetySelectionUnsafe extends SafetySelection with ValueEquality {
  /// With the transports of [sequencing].
  const SafetySelectionUnsafe({required this.sequencing});

  /// What transports may be taken.
  final Sequencing sequencing;

  @override
  Map<String, dynamic> toJson() => {'Unsafe': sequencing.toJson()};

  @override
  List<Object?> get props => [sequencing];
}

/// Over a safety route of other nodes, which hides who asks.
final class SafetySelectionSafe extends SafetySelection with ValueEquality {
  /// Over a route as [safetySpec] says.
  const SafetySelectionSafe({required this.safetySpec});

  /// What route.
  final SafetySpec safetySpec;

  @override
  Map<String, dynamic> toJson() => {'Safe': safetySpec.toJson()};

  @override
  List<Object?> get props => [safetySpec];
}

/// What a safety route must be like.
@immutable
final class SafetySpec with ValueEquality {
  /// A route of [hopCount] hops: 1 to 4; 0 is the configured number.
  const SafetySpec({
    this.hopCount = 0,
    this.stability = Stability.reliable,
    this.sequencing = Sequencing.preferOrdered,
    this.preferredRoute,
  });

  /// Reads a value of JSON.
  factory SafetySpec.fromJson(Object? json) {
    final fields = Fields(json, 'SafetySpec');
    return SafetySpec(
      hopCount: fields.number('hopCount', 0),
      stability: fields.value(
        'stability',
        Stability.fromJson,
        Stability.reliable,
      ),
      sequencing: fields.value(
        'sequencing',
        Sequencing.fromJson,
        Sequencing.preferOrdered,
      ),
      preferredRoute: fields.valueOrNull('preferredRoute', RouteId.fromJson),
    );
  }

  /// Nodes between this one and the other; 0 is the configured number.
  final int hopCount;

  /// What the route is chosen for.
  final Stability stability;

  /// What transports may be taken.
  final Sequencing sequencing;

  /// A route of this node to take if it is usable; null: any.
  final RouteId? preferredRoute;

  /// Its value in JSON.
  Map<String, dynamic> toJson() => {
    'preferredRoute': preferredRoute?.toJson(),
    'hopCount': hopCount,
    'stability': stability.toJson(),
    'sequencing': sequencing.toJson(),
  };

  /// A copy with some fields changed.
  SafetySpec copyWith({
    int? hopCount,
    Stability? stability,
    Sequencing? sequencing,
    Object? preferredRoute = unchanged,
  }) => SafetySpec(
    hopCount: hopCount ?? this.hopCount,
    stability: stability ?? this.stability,
    sequencing: sequencing ?? this.sequencing,
    preferredRoute: changed<RouteId>(preferredRoute, this.preferredRoute),
  );

  @override
  List<Object?> get props => [hopCount, stability, sequencing, preferredRoute];
}

/// What a private route must be like.
@immutable
final class PrivateSpec with ValueEquality {
  /// No [cryptoKinds]: all there are. [hopCount] 0 is the configured number.
  const PrivateSpec({
    this.cryptoKinds = const [],
    this.hopCount = 0,
    this.stability = Stability.reliable,
    this.sequencing = Sequencing.preferOrdered,
  });

  /// Reads a value of JSON.
  factory PrivateSpec.fromJson(Object? json) {
    final fields = Fields(json, 'PrivateSpec');
    return PrivateSpec(
      cryptoKinds: fields.list('cryptoKinds', CryptoKind.fromJson, const []),
      hopCount: fields.number('hopCount', 0),
      stability: fields.value(
        'stability',
        Stability.fromJson,
        Stability.reliable,
      ),
      sequencing: fields.value(
        'sequencing',
        Sequencing.fromJson,
        Sequencing.preferOrdered,
      ),
    );
  }

  /// The kinds that the route can be used with.
  final List<CryptoKind> cryptoKinds;

  /// Nodes of the route; 0 is the configured number.
  final int hopCount;

  /// What the route is chosen for.
  final Stability stability;

  /// What transports may be taken.
  final Sequencing sequencing;

  /// Its value in JSON.
  Map<String, dynamic> toJson() => {
    'cryptoKinds': [for (final kind in cryptoKinds) kind.toJson()],
    'hopCount': hopCount,
    'stability': stability.toJson(),
    'sequencing': sequencing.toJson(),
  };

  @override
  List<Object?> get props => [cryptoKinds, hopCount, stability, sequencing];
}

/// Whom a message is for.
@immutable
sealed class Target {
  const Target();

  /// Reads a value of JSON.
  factory Target.fromJson(Object? json) {
    final fields = Fields(json, 'Target');
    if (fields.has('NodeId')) {
      return TargetNodeId(nodeId: NodeId.fromJson(fields['NodeId']));
    }
    return TargetRouteId(routeId: fields.value('RouteId', RouteId.fromJson));
  }

  /// The owner of a private route, by its imported id.
  const factory Target.routeId(RouteId routeId) = TargetRouteId._;

  /// A node. Refused by the library unless it was built for it.
  const factory Target.nodeId(NodeId nodeId) = TargetNodeId._;

  /// Its value in JSON.
  Map<String, dynamic> toJson();
}

/// A node. Refused by the library unless it was built for it.
final class TargetNodeId extends Target with ValueEquality {
  /// The node [nodeId].
  const TargetNodeId({required this.nodeId});

  const TargetNodeId._(this.nodeId);

  /// The node.
  final NodeId nodeId;

  @override
  Map<String, dynamic> toJson() => {'NodeId': nodeId.toJson()};

  @override
  List<Object?> get props => [nodeId];
}

/// The owner of a private route.
final class TargetRouteId extends Target with ValueEquality {
  /// The owner of the route [routeId], which was imported.
  const TargetRouteId({required this.routeId});

  const TargetRouteId._(this.routeId);

  /// The route.
  final RouteId routeId;

  @override
  Map<String, dynamic> toJson() => {'RouteId': routeId.toJson()};

  @override
  List<Object?> get props => [routeId];
}

/// A new private route: [blob] is what others import.
@immutable
final class RouteBlob with ValueEquality {
  /// Puts the parts together.
  const RouteBlob({required this.routeId, required this.blob});

  /// Reads a value of JSON.
  factory RouteBlob.fromJson(Object? json) {
    final fields = Fields(json, 'RouteBlob');
    return RouteBlob(
      routeId: fields.value('routeId', RouteId.fromJson),
      blob: fields.value('blob', bytesFromJson),
    );
  }

  /// The name of the route on this node.
  final RouteId routeId;

  /// What others import.
  final Uint8List blob;

  /// Its value in JSON.
  Map<String, dynamic> toJson() => {
    'routeId': routeId.toJson(),
    'blob': bytesToText(blob),
  };

  @override
  List<Object?> get props => [routeId, blob];
}
