/// The two spellings of field names: camelCase towards applications, snake_case
/// towards the library.
///
/// Only names change, and only those that begin with a small letter: tags such as
/// `Safe` or `RouteId` are names of variants and the same in both.
library;

/// [name] in snake_case: `maxConnectionsPerIp4` is `max_connections_per_ip4`.
String snakeCase(String name) {
  if (!_beginsSmall(name)) {
    return name;
  }
  final out = StringBuffer();
  for (final unit in name.codeUnits) {
    if (unit >= 0x41 && unit <= 0x5a) {
      out
        ..write('_')
        ..writeCharCode(unit + 0x20);
    } else {
      out.writeCharCode(unit);
    }
  }
  return out.toString();
}

/// [name] in camelCase: `max_connections_per_ip4` is `maxConnectionsPerIp4`.
String camelCase(String name) {
  if (!_beginsSmall(name)) {
    return name;
  }
  final out = StringBuffer();
  var up = false;
  for (final unit in name.codeUnits) {
    if (unit == 0x5f) {
      up = true;
    } else if (up && unit >= 0x61 && unit <= 0x7a) {
      out.writeCharCode(unit - 0x20);
      up = false;
    } else {
      out.writeCharCode(unit);
      up = false;
    }
  }
  return out.toString();
}

bool _beginsSmall(String name) =>
    name.isNotEmpty && name.codeUnitAt(0) >= 0x61 && name.codeUnitAt(0) <= 0x7a;

/// [json] with the names of all objects in it in snake_case.
Object? snakeKeys(Object? json) => switch (json) {
  final Map<Object?, Object?> map => <String, Object?>{
    for (final MapEntry(:key, :value) in map.entries)
      snakeCase(key! as String): snakeKeys(value),
  },
  final List<Object?> list => [for (final item in list) snakeKeys(item)],
  _ => json,
};

/// [json] with the names of all objects in it in camelCase.
Object? camelKeys(Object? json) => switch (json) {
  final Map<Object?, Object?> map => <String, Object?>{
    for (final MapEntry(:key, :value) in map.entries)
      camelCase(key! as String): camelKeys(value),
  },
  final List<Object?> list => [for (final item in list) camelKeys(item)],
  _ => json,
};
