import 'package:flutter_test/flutter_test.dart';
import 'package:voile_example/src/item.dart';

Item item(String id, int changed, {bool done = false, bool deleted = false}) =>
    Item(id: id, text: id, done: done, deleted: deleted, changed: changed);

void main() {
  test('of each entry what was changed last', () {
    final merged = merge(
      [item('a', 1), item('b', 5, done: true)],
      [item('a', 2, deleted: true), item('b', 4), item('c', 1)],
    );
    expect(
      [for (final i in merged) (i.id, i.changed, i.done, i.deleted)],
      [('a', 2, false, true), ('b', 5, true, false), ('c', 1, false, false)],
    );
  });

  test('there and back, and what is no entry', () {
    final written = item('a', 7, done: true, deleted: true);
    final read = Item.fromJson(written.toJson())!;
    expect(
      (read.id, read.changed, read.done, read.deleted),
      ('a', 7, true, true),
    );
    expect(Item.fromJson(const {'id': 1}), isNull);
    expect(Item.fromJson('text'), isNull);
  });
}
