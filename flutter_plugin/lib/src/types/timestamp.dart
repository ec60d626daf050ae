import 'package:meta/meta.dart';

import 'equality.dart';

BigInt _parse(Object? json, String type) {
  final value = switch (json) {
    final String text => BigInt.tryParse(text),
    final int number => BigInt.from(number),
    _ => null,
  };
  if (value == null || value.isNegative) {
    throw FormatException('$type: not a decimal text', json);
  }
  return value;
}

/// A moment: microseconds since 1970. JSON: a decimal text.
@immutable
final class Timestamp with ValueEquality implements Comparable<Timestamp> {
  /// A moment of [value] microseconds since 1970.
  const Timestamp({required this.value});

  /// Reads a decimal text.
  factory Timestamp.fromString(String text) => Timestamp.fromJson(text);

  /// Reads a value of JSON.
  factory Timestamp.fromJson(Object? json) =>
      Timestamp(value: _parse(json, 'Timestamp'));

  /// The moment of [time].
  factory Timestamp.fromDateTime(DateTime time) =>
      Timestamp(value: BigInt.from(time.microsecondsSinceEpoch));

  /// The moment by the clock of this device.
  factory Timestamp.now() => Timestamp.fromDateTime(DateTime.now());

  /// Microseconds since 1970.
  final BigInt value;

  /// The moment in the zone of this device. In a browser the microseconds are lost.
  DateTime toDateTime() => DateTime.fromMicrosecondsSinceEpoch(value.toInt());

  /// How long ago [earlier] was; zero if it was not.
  TimestampDuration diff(Timestamp earlier) {
    final difference = value - earlier.value;
    return TimestampDuration(
      value: difference.isNegative ? BigInt.zero : difference,
    );
  }

  /// The moment [duration] later.
  Timestamp offset(TimestampDuration duration) =>
      Timestamp(value: value + duration.value);

  @override
  int compareTo(Timestamp other) => value.compareTo(other.value);

  /// The decimal text.
  @override
  String toString() => value.toString();

  /// The decimal text.
  String toJson() => toString();

  @override
  List<Object?> get props => [value];
}

/// A time span in microseconds. JSON: a decimal text.
@immutable
final class TimestampDuration
    with ValueEquality
    implements Comparable<TimestampDuration> {
  /// A span of [value] microseconds.
  const TimestampDuration({required this.value});

  /// Reads a decimal text.
  factory TimestampDuration.fromString(String text) =>
      TimestampDuration.fromJson(text);

  /// Reads a value of JSON.
  factory TimestampDuration.fromJson(Object? json) =>
      TimestampDuration(value: _parse(json, 'TimestampDuration'));

  /// The span of [duration].
  factory TimestampDuration.fromDuration(Duration duration) =>
      TimestampDuration(value: BigInt.from(duration.inMicroseconds));

  /// A span of milliseconds.
  factory TimestampDuration.fromMillis(int milliseconds) =>
      TimestampDuration.fromDuration(Duration(milliseconds: milliseconds));

  /// Microseconds.
  final BigInt value;

  /// The span as Dart has it.
  Duration toDuration() => Duration(microseconds: value.toInt());

  /// Whole milliseconds.
  int toMillis() => toDuration().inMilliseconds;

  @override
  int compareTo(TimestampDuration other) => value.compareTo(other.value);

  /// The decimal text.
  @override
  String toString() => value.toString();

  /// The decimal text.
  String toJson() => toString();

  @override
  List<Object?> get props => [value];
}
