/// A kind of cryptography: four characters, held as a big-endian number.
///
/// It is an int as well (`VLD0` is 0x564C4430), for code that treats it as one.
extension type const CryptoKind(int value) implements int {
  /// The kind of a number.
  const CryptoKind.fromInt(int value) : this(value);

  /// The kind with this name of four characters; anything else is a
  /// [FormatException].
  factory CryptoKind.fromString(String name) {
    final units = name.codeUnits;
    if (units.length != 4 || units.any((unit) => unit > 0x7f)) {
      throw FormatException('a crypto kind has four characters', name);
    }
    // Multiplied, not shifted: in a browser shifts are of 32 bits with a sign.
    return CryptoKind(units.fold(0, (number, unit) => number * 0x100 + unit));
  }

  /// The kind in a value of JSON, which is its name.
  factory CryptoKind.fromJson(Object? json) => json is String
      ? CryptoKind.fromString(json)
      : throw FormatException('a crypto kind is a text', json);

  /// The four characters.
  String get name => String.fromCharCodes([
    (value ~/ 0x1000000) % 0x100,
    (value ~/ 0x10000) % 0x100,
    (value ~/ 0x100) % 0x100,
    value % 0x100,
  ]);

  /// Its value in JSON.
  String toJson() => name;
}

/// The only kind there is at present: X25519, Ed25519, XChaCha20-Poly1305, BLAKE3
/// and Argon2.
const CryptoKind cryptoKindVLD0 = CryptoKind(0x564C4430);

/// The four characters of [kind].
String cryptoKindToString(CryptoKind kind) => kind.name;

/// The kind with this name; see [CryptoKind.fromString].
CryptoKind cryptoKindFromString(String name) => CryptoKind.fromString(name);

/// The kinds that this library has, the best one first.
const List<CryptoKind> supportedCryptoKinds = [cryptoKindVLD0];

/// The kind that a new key should have.
CryptoKind bestCryptoKind() => supportedCryptoKinds.first;
