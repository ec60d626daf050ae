import 'case.dart';

/// The fields of one JSON object, named in camelCase whichever spelling it has.
///
/// A [FormatException] that names the type or the field says what is wrong. It does
/// not show the value, which may be a secret.
final class Fields {
  /// Reads [json], which must be an object, as a [type].
  factory Fields(Object? json, String type) {
    if (json is! Map) {
      throw FormatException('$type: not an object');
    }
    return Fields._(type, {
      for (final MapEntry(:key, :value) in json.entries)
        camelCase(key as String): value,
    });
  }

  Fields._(this._type, this._fields);

  final String _type;
  final Map<String, Object?> _fields;

  /// The value of [name], or null.
  Object? operator [](String name) => _fields[name];

  /// Whether there is a field [name], also if it is null.
  bool has(String name) => _fields.containsKey(name);

  Never _wrong(String name, String want) => throw FormatException(
    '$_type.$name: ${_fields.containsKey(name) ? 'not $want' : 'missing'}',
  );

  /// A text that must be there.
  String text(String name) => textOrNull(name) ?? _wrong(name, 'a text');

  /// A text, or null if it is null or left out.
  String? textOrNull(String name) => switch (_fields[name]) {
    null => null,
    final String text => text,
    _ => _wrong(name, 'a text'),
  };

  /// A whole number that must be there unless there is a default.
  int number(String name, [int? otherwise]) =>
      numberOrNull(name) ?? otherwise ?? _wrong(name, 'a number');

  /// A whole number, or null if it is null or left out.
  int? numberOrNull(String name) => switch (_fields[name]) {
    null => null,
    final num number => number.toInt(),
    _ => _wrong(name, 'a number'),
  };

  /// A truth value that must be there unless there is a default.
  bool flag(String name, [bool? otherwise]) =>
      flagOrNull(name) ?? otherwise ?? _wrong(name, 'true or false');

  /// A truth value, or null if it is null or left out.
  bool? flagOrNull(String name) => switch (_fields[name]) {
    null => null,
    final bool flag => flag,
    _ => _wrong(name, 'true or false'),
  };

  /// A number as a decimal text, as the library writes those of 64 bits. A JSON
  /// number is taken as well.
  BigInt big(String name, [BigInt? otherwise]) {
    final value = _fields[name];
    if (value is int) {
      return BigInt.from(value);
    }
    final number = value is String ? BigInt.tryParse(value) : null;
    return number ??
        (value == null ? otherwise : null) ??
        _wrong(name, 'a number');
  }

  /// A list, each item made by [make]. Left out: [otherwise], if that is given.
  List<T> list<T>(
    String name,
    T Function(Object? json) make, [
    List<T>? otherwise,
  ]) {
    final value = _fields[name];
    if (value is List) {
      return List<T>.unmodifiable([for (final item in value) make(item)]);
    }
    return (value == null ? otherwise : null) ?? _wrong(name, 'a list');
  }

  /// A value made by [make], which must be there unless there is a default.
  T value<T>(String name, T Function(Object? json) make, [T? otherwise]) {
    final json = _fields[name];
    if (json != null) {
      return make(json);
    }
    return otherwise ?? _wrong(name, 'a value');
  }

  /// A value made by [make], or null if it is null or left out.
  T? valueOrNull<T>(String name, T Function(Object? json) make) {
    final json = _fields[name];
    return json == null ? null : make(json);
  }
}

/// The text in a value of JSON.
String textFromJson(Object? json) =>
    json is String ? json : throw const FormatException('not a text');
