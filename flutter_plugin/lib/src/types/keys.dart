import 'dart:typed_data';

import 'package:meta/meta.dart';

import 'bare.dart';
import 'crypto_kind.dart';
import 'equality.dart';
import 'typed.dart';

/// A public key and its secret, without their kind: `<public>:<secret>`.
@immutable
final class BareKeyPair with ValueEquality {
  /// Puts the parts together.
  const BareKeyPair({required this.key, required this.secret});

  /// Reads `<public>:<secret>`.
  factory BareKeyPair.fromString(String text) {
    final parts = text.split(':');
    if (parts.length != 2) {
      throw FormatException('BareKeyPair: ${parts.length} parts, not two');
    }
    return BareKeyPair(
      key: BarePublicKey.fromString(parts[0]),
      secret: BareSecretKey.fromString(parts[1]),
    );
  }

  /// Reads a value of JSON, which is the text.
  factory BareKeyPair.fromJson(Object? json) => json is String
      ? BareKeyPair.fromString(json)
      : throw const FormatException('BareKeyPair: not a text');

  /// The public half.
  final BarePublicKey key;

  /// The secret half.
  final BareSecretKey secret;

  /// `<public>:<secret>`.
  @override
  String toString() => '$key:$secret';

  /// The text.
  String toJson() => toString();

  @override
  List<Object?> get props => [key, secret];
}

/// A public key and its secret: `KIND:<public>:<secret>`.
@immutable
final class KeyPair with ValueEquality {
  /// Puts the parts together, which must be of one kind.
  KeyPair({required this.key, required this.secret}) {
    if (key.kind != secret.kind) {
      throw ArgumentError.value(
        secret.kind.name,
        'secret.kind',
        'the public key is of kind ${key.kind.name}',
      );
    }
  }

  /// The pair with a kind.
  factory KeyPair.fromBareKeyPair(CryptoKind kind, BareKeyPair pair) => KeyPair(
    key: PublicKey(kind: kind, value: pair.key),
    secret: SecretKey(kind: kind, value: pair.secret),
  );

  /// Reads `KIND:<public>:<secret>`; without a kind it is of the best one.
  factory KeyPair.fromString(String text) {
    final (kind, body) = splitKind(text);
    return KeyPair.fromBareKeyPair(kind, BareKeyPair.fromString(body));
  }

  /// Reads a value of JSON, which is the text.
  factory KeyPair.fromJson(Object? json) => json is String
      ? KeyPair.fromString(json)
      : throw const FormatException('KeyPair: not a text');

  /// The public half.
  final PublicKey key;

  /// The secret half.
  final SecretKey secret;

  /// The kind of both.
  CryptoKind get kind => key.kind;

  /// Both without their kind.
  BareKeyPair get value => BareKeyPair(key: key.value, secret: secret.value);

  /// The secret half without its kind.
  BareSecretKey get bareSecret => secret.value;

  /// `KIND:<public>:<secret>`.
  @override
  String toString() => '${kind.name}:${key.value}:${secret.value}';

  /// The text.
  String toJson() => toString();

  @override
  List<Object?> get props => [key, secret];
}

/// A pair for sealed messages: `KIND:<encapsulation>:<decapsulation>`.
@immutable
final class KemKeyPair with ValueEquality {
  /// Puts the parts together.
  const KemKeyPair({required this.key, required this.secret});

  /// Reads the text.
  factory KemKeyPair.fromString(String text) {
    final (kind, body) = splitKind(text);
    final parts = body.split(':');
    if (parts.length != 2) {
      throw FormatException('KemKeyPair: ${parts.length} parts, not two');
    }
    return KemKeyPair(
      key: EncapsulationKey(
        kind: kind,
        value: BareEncapsulationKey.fromString(parts[0]),
      ),
      secret: DecapsulationKey(
        kind: kind,
        value: BareDecapsulationKey.fromString(parts[1]),
      ),
    );
  }

  /// Reads a value of JSON, which is the text.
  factory KemKeyPair.fromJson(Object? json) => json is String
      ? KemKeyPair.fromString(json)
      : throw const FormatException('KemKeyPair: not a text');

  /// What others seal to.
  final EncapsulationKey key;

  /// What opens it.
  final DecapsulationKey secret;

  /// `KIND:<encapsulation>:<decapsulation>`.
  @override
  String toString() => '${key.kind.name}:${key.value}:${secret.value}';

  /// The text.
  String toJson() => toString();

  @override
  List<Object?> get props => [key, secret];
}

/// The key of a record without its kind: `<key>` or `<key>:<encryption key>`.
@immutable
final class BareRecordKey with ValueEquality {
  /// Puts the parts together.
  const BareRecordKey({required this.key, this.encryptionKey});

  /// Reads the text.
  factory BareRecordKey.fromString(String text) {
    final parts = text.split(':');
    if (parts.length > 2) {
      throw FormatException(
        'BareRecordKey: ${parts.length} parts, not one or two',
      );
    }
    return BareRecordKey(
      key: BareOpaqueRecordKey.fromString(parts[0]),
      encryptionKey: parts.length == 2
          ? BareSharedSecret.fromString(parts[1])
          : null,
    );
  }

  /// Reads a value of JSON, which is the text.
  factory BareRecordKey.fromJson(Object? json) => json is String
      ? BareRecordKey.fromString(json)
      : throw const FormatException('BareRecordKey: not a text');

  /// Finds the record.
  final BareOpaqueRecordKey key;

  /// Decrypts its values; null for a record that is not encrypted.
  final BareSharedSecret? encryptionKey;

  /// The text.
  @override
  String toString() => encryptionKey == null ? '$key' : '$key:$encryptionKey';

  /// The text.
  String toJson() => toString();

  @override
  List<Object?> get props => [key, encryptionKey];
}

/// The key of a record: `KIND:<key>` or `KIND:<key>:<encryption key>`.
///
/// Whoever has the whole key can read the record; without the encryption key it
/// only tells which record it is.
@immutable
final class RecordKey with ValueEquality {
  /// Puts the parts together, which must be of one kind.
  RecordKey({required this.opaque, this.encryptionKey}) {
    final secret = encryptionKey;
    if (secret != null && secret.kind != opaque.kind) {
      throw ArgumentError.value(
        secret.kind.name,
        'encryptionKey.kind',
        'the key is of kind ${opaque.kind.name}',
      );
    }
  }

  /// The key with a kind.
  factory RecordKey.fromBareRecordKey(CryptoKind kind, BareRecordKey bare) {
    final secret = bare.encryptionKey;
    return RecordKey(
      opaque: OpaqueRecordKey(kind: kind, value: bare.key),
      encryptionKey: secret == null
          ? null
          : SharedSecret(kind: kind, value: secret),
    );
  }

  /// Reads the text; without a kind it is of the best one.
  factory RecordKey.fromString(String text) {
    final (kind, body) = splitKind(text);
    return RecordKey.fromBareRecordKey(kind, BareRecordKey.fromString(body));
  }

  /// Reads what [toBytes] made.
  factory RecordKey.fromBytes(Uint8List bytes) {
    if (bytes.isEmpty || bytes.length < 1 + bytes[0] || bytes[0] < 4) {
      throw FormatException('RecordKey: cut off at ${bytes.length} bytes');
    }
    final end = 1 + bytes[0];
    final opaque = OpaqueRecordKey.fromBytes(
      Uint8List.sublistView(bytes, 1, end),
    );
    return RecordKey(
      opaque: opaque,
      encryptionKey: bytes.length == end
          ? null
          : SharedSecret(
              kind: opaque.kind,
              value: BareSharedSecret.fromBytes(
                Uint8List.sublistView(bytes, end),
              ),
            ),
    );
  }

  /// Reads a value of JSON, which is the text.
  factory RecordKey.fromJson(Object? json) => json is String
      ? RecordKey.fromString(json)
      : throw const FormatException('RecordKey: not a text');

  /// Finds the record.
  final OpaqueRecordKey opaque;

  /// Decrypts its values; null for a record that is not encrypted.
  final SharedSecret? encryptionKey;

  /// The kind of both.
  CryptoKind get kind => opaque.kind;

  /// Both without their kind.
  BareRecordKey get value =>
      BareRecordKey(key: opaque.value, encryptionKey: encryptionKey?.value);

  /// A byte with the length of the key with its kind, that, then the encryption
  /// key without its kind.
  Uint8List toBytes() {
    final key = opaque.toBytes();
    if (key.length > 0xff) {
      throw StateError('RecordKey: a key of ${key.length} bytes');
    }
    return (BytesBuilder(copy: false)
          ..addByte(key.length)
          ..add(key)
          ..add(encryptionKey?.value.toBytes() ?? Uint8List(0)))
        .takeBytes();
  }

  /// The text.
  @override
  String toString() => '${kind.name}:$value';

  /// The text.
  String toJson() => toString();

  @override
  List<Object?> get props => [opaque, encryptionKey];
}
