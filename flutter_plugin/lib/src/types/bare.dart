import 'dart:typed_data';

import 'package:meta/meta.dart';

import 'base64.dart';
import 'equality.dart';

/// The bytes of a key, a signature, a hash or an id, without their kind.
///
/// Its text is base64url without padding. The length is not checked here; the
/// library checks it where the value is used. Secrets print as what they are, as
/// in the original: do not log them.
@immutable
abstract class BareValue with ValueEquality implements Comparable<BareValue> {
  BareValue._(Uint8List bytes) : _bytes = Uint8List.fromList(bytes);

  final Uint8List _bytes;

  /// The number of bytes.
  int get length => _bytes.length;

  /// A copy of the bytes.
  Uint8List toBytes() => Uint8List.fromList(_bytes);

  /// The text.
  @override
  String toString() => bytesToText(_bytes);

  /// The text.
  String toJson() => toString();

  @override
  List<Object?> get props => [_bytes];

  /// Orders by the bytes, as numbers without sign, shorter ones first.
  @override
  int compareTo(BareValue other) {
    final theirs = other._bytes;
    for (var i = 0; i < _bytes.length && i < theirs.length; i++) {
      if (_bytes[i] != theirs[i]) {
        return _bytes[i] - theirs[i];
      }
    }
    return _bytes.length - theirs.length;
  }
}

Uint8List _fromJson(Object? json, String type) => json is String
    ? textToBytes(json)
    : throw FormatException('$type: not a text');

/// A public key: it verifies, and names a node or an owner.
final class BarePublicKey extends BareValue {
  /// A copy of [bytes].
  BarePublicKey.fromBytes(super.bytes) : super._();

  /// Reads the text; see [textToBytes].
  factory BarePublicKey.fromString(String text) =>
      BarePublicKey.fromBytes(textToBytes(text));

  /// Reads a value of JSON, which is the text.
  factory BarePublicKey.fromJson(Object? json) =>
      BarePublicKey.fromBytes(_fromJson(json, 'BarePublicKey'));
}

/// The secret half of a key pair.
final class BareSecretKey extends BareValue {
  /// A copy of [bytes].
  BareSecretKey.fromBytes(super.bytes) : super._();

  /// Reads the text; see [textToBytes].
  factory BareSecretKey.fromString(String text) =>
      BareSecretKey.fromBytes(textToBytes(text));

  /// Reads a value of JSON, which is the text.
  factory BareSecretKey.fromJson(Object? json) =>
      BareSecretKey.fromBytes(_fromJson(json, 'BareSecretKey'));
}

/// A secret that two parties share, or the encryption key of a record.
final class BareSharedSecret extends BareValue {
  /// A copy of [bytes].
  BareSharedSecret.fromBytes(super.bytes) : super._();

  /// Reads the text; see [textToBytes].
  factory BareSharedSecret.fromString(String text) =>
      BareSharedSecret.fromBytes(textToBytes(text));

  /// Reads a value of JSON, which is the text.
  factory BareSharedSecret.fromJson(Object? json) =>
      BareSharedSecret.fromBytes(_fromJson(json, 'BareSharedSecret'));
}

/// A signature.
final class BareSignature extends BareValue {
  /// A copy of [bytes].
  BareSignature.fromBytes(super.bytes) : super._();

  /// Reads the text; see [textToBytes].
  factory BareSignature.fromString(String text) =>
      BareSignature.fromBytes(textToBytes(text));

  /// Reads a value of JSON, which is the text.
  factory BareSignature.fromJson(Object? json) =>
      BareSignature.fromBytes(_fromJson(json, 'BareSignature'));
}

/// A hash.
final class BareHashDigest extends BareValue {
  /// A copy of [bytes].
  BareHashDigest.fromBytes(super.bytes) : super._();

  /// Reads the text; see [textToBytes].
  factory BareHashDigest.fromString(String text) =>
      BareHashDigest.fromBytes(textToBytes(text));

  /// Reads a value of JSON, which is the text.
  factory BareHashDigest.fromJson(Object? json) =>
      BareHashDigest.fromBytes(_fromJson(json, 'BareHashDigest'));
}

/// The id of a node.
final class BareNodeId extends BareValue {
  /// A copy of [bytes].
  BareNodeId.fromBytes(super.bytes) : super._();

  /// Reads the text; see [textToBytes].
  factory BareNodeId.fromString(String text) =>
      BareNodeId.fromBytes(textToBytes(text));

  /// Reads a value of JSON, which is the text.
  factory BareNodeId.fromJson(Object? json) =>
      BareNodeId.fromBytes(_fromJson(json, 'BareNodeId'));
}

/// The id of a private route.
final class BareRouteId extends BareValue {
  /// A copy of [bytes].
  BareRouteId.fromBytes(super.bytes) : super._();

  /// Reads the text; see [textToBytes].
  factory BareRouteId.fromString(String text) =>
      BareRouteId.fromBytes(textToBytes(text));

  /// Reads a value of JSON, which is the text.
  factory BareRouteId.fromJson(Object? json) =>
      BareRouteId.fromBytes(_fromJson(json, 'BareRouteId'));
}

/// The id of a member of a schema.
final class BareMemberId extends BareValue {
  /// A copy of [bytes].
  BareMemberId.fromBytes(super.bytes) : super._();

  /// Reads the text; see [textToBytes].
  factory BareMemberId.fromString(String text) =>
      BareMemberId.fromBytes(textToBytes(text));

  /// Reads a value of JSON, which is the text.
  factory BareMemberId.fromJson(Object? json) =>
      BareMemberId.fromBytes(_fromJson(json, 'BareMemberId'));
}

/// The key of a record without its encryption key.
final class BareOpaqueRecordKey extends BareValue {
  /// A copy of [bytes].
  BareOpaqueRecordKey.fromBytes(super.bytes) : super._();

  /// Reads the text; see [textToBytes].
  factory BareOpaqueRecordKey.fromString(String text) =>
      BareOpaqueRecordKey.fromBytes(textToBytes(text));

  /// Reads a value of JSON, which is the text.
  factory BareOpaqueRecordKey.fromJson(Object? json) =>
      BareOpaqueRecordKey.fromBytes(_fromJson(json, 'BareOpaqueRecordKey'));
}

/// A public key that messages are sealed to.
final class BareEncapsulationKey extends BareValue {
  /// A copy of [bytes].
  BareEncapsulationKey.fromBytes(super.bytes) : super._();

  /// Reads the text; see [textToBytes].
  factory BareEncapsulationKey.fromString(String text) =>
      BareEncapsulationKey.fromBytes(textToBytes(text));

  /// Reads a value of JSON, which is the text.
  factory BareEncapsulationKey.fromJson(Object? json) =>
      BareEncapsulationKey.fromBytes(_fromJson(json, 'BareEncapsulationKey'));
}

/// The secret key that opens sealed messages.
final class BareDecapsulationKey extends BareValue {
  /// A copy of [bytes].
  BareDecapsulationKey.fromBytes(super.bytes) : super._();

  /// Reads the text; see [textToBytes].
  factory BareDecapsulationKey.fromString(String text) =>
      BareDecapsulationKey.fromBytes(textToBytes(text));

  /// Reads a value of JSON, which is the text.
  factory BareDecapsulationKey.fromJson(Object? json) =>
      BareDecapsulationKey.fromBytes(_fromJson(json, 'BareDecapsulationKey'));
}

/// A number used once: 24 bytes, without a kind.
final class Nonce extends BareValue {
  /// A copy of [bytes].
  Nonce.fromBytes(super.bytes) : super._();

  /// Reads the text; see [textToBytes].
  factory Nonce.fromString(String text) => Nonce.fromBytes(textToBytes(text));

  /// Reads a value of JSON, which is the text.
  factory Nonce.fromJson(Object? json) =>
      Nonce.fromBytes(_fromJson(json, 'Nonce'));
}
