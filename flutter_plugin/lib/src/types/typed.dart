import 'dart:typed_data';

import 'package:meta/meta.dart';

import 'base64.dart';
import 'bare.dart';
import 'crypto_kind.dart';
import 'equality.dart';

/// A value with its kind of cryptography: `VLD0:<base64url>`.
///
/// The types have names of their own: [PublicKey], [SecretKey], [SharedSecret],
/// [Signature], [HashDigest], [NodeId], [RouteId], [MemberId], [OpaqueRecordKey],
/// [EncapsulationKey], [DecapsulationKey].
@immutable
class Typed<V extends BareValue>
    with ValueEquality
    implements Comparable<Typed<V>> {
  /// Puts the parts together.
  const Typed({required this.kind, required this.value});

  /// Reads `KIND:body`; a text without kind is of the best one. A text that is
  /// longer than five characters with a colon as its fifth has a kind.
  factory Typed.fromString(String text) {
    final (kind, body) = splitKind(text);
    return Typed(kind: kind, value: _bare<V>(textToBytes(body)));
  }

  /// Reads what [toBytes] made: four bytes of kind, then the value.
  factory Typed.fromBytes(Uint8List bytes) {
    if (bytes.length < 4) {
      throw FormatException('$V: no room for a kind in ${bytes.length} bytes');
    }
    return Typed(
      kind: CryptoKind(ByteData.sublistView(bytes).getUint32(0)),
      value: _bare<V>(Uint8List.sublistView(bytes, 4)),
    );
  }

  /// Reads a value of JSON, which is the text.
  factory Typed.fromJson(Object? json) => json is String
      ? Typed.fromString(json)
      : throw FormatException('$V: not a text');

  /// The kind of cryptography.
  final CryptoKind kind;

  /// The value without it.
  final V value;

  /// Four bytes of kind, then the value.
  Uint8List toBytes() {
    final bytes = value.toBytes();
    final out = Uint8List(4 + bytes.length);
    ByteData.sublistView(out).setUint32(0, kind);
    out.setAll(4, bytes);
    return out;
  }

  /// `KIND:body`.
  @override
  String toString() => '${kind.name}:$value';

  /// The text.
  String toJson() => toString();

  @override
  List<Object?> get props => [kind, value];

  @override
  int compareTo(Typed<V> other) {
    final kinds = kind.compareTo(other.kind);
    return kinds != 0 ? kinds : value.compareTo(other.value);
  }
}

/// A public key with its kind.
typedef PublicKey = Typed<BarePublicKey>;

/// A secret key with its kind.
typedef SecretKey = Typed<BareSecretKey>;

/// A shared secret with its kind.
typedef SharedSecret = Typed<BareSharedSecret>;

/// A signature with its kind.
typedef Signature = Typed<BareSignature>;

/// A hash with its kind.
typedef HashDigest = Typed<BareHashDigest>;

/// The id of a node with its kind.
typedef NodeId = Typed<BareNodeId>;

/// The id of a private route with its kind.
typedef RouteId = Typed<BareRouteId>;

/// The id of a member of a schema with its kind.
typedef MemberId = Typed<BareMemberId>;

/// The key of a record without its encryption key, with its kind.
typedef OpaqueRecordKey = Typed<BareOpaqueRecordKey>;

/// A public key that messages are sealed to, with its kind.
typedef EncapsulationKey = Typed<BareEncapsulationKey>;

/// The secret key that opens sealed messages, with its kind.
typedef DecapsulationKey = Typed<BareDecapsulationKey>;

final Map<Type, BareValue Function(Uint8List bytes)> _makers = {
  BarePublicKey: BarePublicKey.fromBytes,
  BareSecretKey: BareSecretKey.fromBytes,
  BareSharedSecret: BareSharedSecret.fromBytes,
  BareSignature: BareSignature.fromBytes,
  BareHashDigest: BareHashDigest.fromBytes,
  BareNodeId: BareNodeId.fromBytes,
  BareRouteId: BareRouteId.fromBytes,
  BareMemberId: BareMemberId.fromBytes,
  BareOpaqueRecordKey: BareOpaqueRecordKey.fromBytes,
  BareEncapsulationKey: BareEncapsulationKey.fromBytes,
  BareDecapsulationKey: BareDecapsulationKey.fromBytes,
};

V _bare<V extends BareValue>(Uint8List bytes) {
  final make = _makers[V];
  if (make == null) {
    throw UnsupportedError('$V is no type of values');
  }
  return make(bytes) as V;
}

/// The kind at the front of [text] and the rest; see [Typed.fromString].
(CryptoKind kind, String body) splitKind(String text) =>
    text.length > 5 && text[4] == ':'
    ? (CryptoKind.fromString(text.substring(0, 4)), text.substring(5))
    : (bestCryptoKind(), text);
