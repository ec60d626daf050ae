import 'package:flutter/foundation.dart';

/// One entry of the shared list.
@immutable
class Item {
  const Item({
    required this.id,
    required this.text,
    required this.done,
    required this.deleted,
    required this.changed,
  });

  /// Reads what somebody wrote; null if it is no entry.
  static Item? fromJson(Object? json) => switch (json) {
    {
      'id': final String id,
      'text': final String text,
      'done': final bool done,
      'changed': final int changed,
    } =>
      Item(
        id: id,
        text: text,
        done: done,
        deleted: (json as Map)['deleted'] == true,
        changed: changed,
      ),
    _ => null,
  };

  final String id;
  final String text;
  final bool done;
  final bool deleted;

  /// When it was changed last, in milliseconds since 1970.
  final int changed;

  Item changedTo({bool? done, bool? deleted}) => Item(
    id: id,
    text: text,
    done: done ?? this.done,
    deleted: deleted ?? this.deleted,
    changed: DateTime.now().millisecondsSinceEpoch,
  );

  Map<String, dynamic> toJson() => {
    'id': id,
    'text': text,
    'done': done,
    if (deleted) 'deleted': true,
    'changed': changed,
  };
}

/// Two lists in one: of each entry what was changed last.
List<Item> merge(Iterable<Item> ours, Iterable<Item> theirs) {
  final items = {for (final item in ours) item.id: item};
  for (final item in theirs) {
    final other = items[item.id];
    if (other == null || item.changed > other.changed) {
      items[item.id] = item;
    }
  }
  return items.values.toList()..sort((a, b) => a.id.compareTo(b.id));
}
