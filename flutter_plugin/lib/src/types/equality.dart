import 'dart:typed_data';

/// What says for the values of this package when two are equal: the same type and
/// equal [props], lists by their content.
mixin ValueEquality {
  /// What makes up the value.
  List<Object?> get props;

  @override
  bool operator ==(Object other) =>
      identical(this, other) ||
      other is ValueEquality &&
          other.runtimeType == runtimeType &&
          deepEquals(props, other.props);

  @override
  int get hashCode => Object.hash(runtimeType, deepHash(props));
}

/// Whether two values are equal, lists and maps by their content.
bool deepEquals(Object? a, Object? b) {
  if (identical(a, b)) {
    return true;
  }
  if (a is List && b is List) {
    if (a.length != b.length) {
      return false;
    }
    for (var i = 0; i < a.length; i++) {
      if (!deepEquals(a[i], b[i])) {
        return false;
      }
    }
    return true;
  }
  if (a is Map && b is Map) {
    if (a.length != b.length) {
      return false;
    }
    for (final MapEntry(:key, :value) in a.entries) {
      if (!b.containsKey(key) || !deepEquals(value, b[key])) {
        return false;
      }
    }
    return true;
  }
  return a == b;
}

/// The hash that goes with [deepEquals].
int deepHash(Object? value) => switch (value) {
  final Uint8List bytes => Object.hashAll(bytes),
  final List<Object?> list => Object.hashAll(list.map(deepHash)),
  final Map<Object?, Object?> map => Object.hashAllUnordered(
    map.entries.map((e) => Object.hash(e.key, deepHash(e.value))),
  ),
  _ => value.hashCode,
};

/// Stands in `copyWith` for "leave it as it is", where null is a value too.
const Object unchanged = _Unchanged();

final class _Unchanged {
  const _Unchanged();
}

/// What `copyWith` was given for a field that may be null.
T? changed<T>(Object? given, T? now) =>
    identical(given, unchanged) ? now : given as T?;
