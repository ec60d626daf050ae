import 'dart:async';
import 'dart:convert';
import 'dart:typed_data';

import 'package:flutter/foundation.dart';
import 'package:voile/voile.dart';

import 'item.dart';
import 'node_model.dart';

/// A list that several write: a record that all of them have the keys of.
class ListModel extends ChangeNotifier {
  ListModel(this._node) {
    _subscription = _node.updates.listen(_heard);
    _node.addListener(_nodeChanged);
  }

  static const String _prefix = 'voile-list:';
  static const String _saved = 'list';

  final NodeModel _node;
  late final StreamSubscription<VeilidUpdate> _subscription;
  VeilidTableDB? _table;
  Future<void> _lock = Future.value();

  RecordKey? _record;
  KeyPair? _writer;
  List<Item> _items = [];
  bool busy = false;
  String? problem;

  /// The entries, oldest first.
  List<Item> get items => [
    for (final item in _items)
      if (!item.deleted) item,
  ];

  /// What lets others write the list; null: there is none.
  String? get invitation {
    final record = _record;
    final writer = _writer;
    return record == null || writer == null ? null : '$_prefix$record|$writer';
  }

  bool get open => _record != null;

  /// Makes a new list.
  Future<void> create() => _try(() async {
    final made = await _context.createDHTRecord(
      cryptoKindVLD0,
      const DHTSchema.dflt(oCnt: 1),
    );
    _record = made.key;
    _writer = made.ownerKeyPair;
    _items = [];
    await _save();
    await _publish();
    await _watch();
  });

  /// Opens the list of somebody else.
  Future<void> join(String text) => _try(() async {
    final code = text.trim();
    final parts = code.startsWith(_prefix)
        ? code.substring(_prefix.length).split('|')
        : const <String>[];
    if (parts.length != 2) {
      throw const FormatException('This is no invitation to a list.');
    }
    await _open(RecordKey.fromString(parts[0]), KeyPair.fromString(parts[1]));
    await _save();
  });

  Future<void> add(String text) => _change(
    Item(
      id: '${DateTime.now().microsecondsSinceEpoch}',
      text: text,
      done: false,
      deleted: false,
      changed: DateTime.now().millisecondsSinceEpoch,
    ),
  );

  Future<void> check(Item item, {required bool done}) =>
      _change(item.changedTo(done: done));

  Future<void> remove(Item item) => _change(item.changedTo(deleted: true));

  /// Forgets the list on this device.
  Future<void> leave() => _try(() async {
    final record = _record!;
    _record = null;
    _writer = null;
    _items = [];
    await _node.table?.deleteStringJson(0, _saved);
    await _context.closeDHTRecord(record);
  });

  VeilidRoutingContext get _context =>
      _node.context ?? (throw const VeilidAPIExceptionNotInitialized());

  Future<void> _open(RecordKey key, KeyPair writer) async {
    await _context.openDHTRecord(key, writer: writer);
    _record = key;
    _writer = writer;
    await _refresh(force: true);
    await _watch();
  }

  Future<void> _watch() => _context.watchDHTValues(_record!);

  Future<void> _save() async {
    await _node.table?.storeStringJson(0, _saved, {
      'record': _record!.toJson(),
      'writer': _writer!.toJson(),
    });
  }

  /// Opens what was open when the application ran last.
  Future<void> _restore() => _try(() async {
    final json = await _node.table?.loadStringJson(0, _saved);
    if (json is Map<String, dynamic>) {
      await _open(
        RecordKey.fromJson(json['record']),
        KeyPair.fromJson(json['writer']),
      );
    }
  });

  Future<void> _nodeChanged() async {
    // A table that was not there before: the node was started. Records can be used
    // when it is ready.
    if (_node.ready && !identical(_table, _node.table) && _node.table != null) {
      _table = _node.table;
      await _restore();
    }
  }

  Future<void> _heard(VeilidUpdate update) async {
    if (update is! VeilidUpdateValueChange || update.key != _record) {
      return;
    }
    if (update.subkeys.isEmpty) {
      await _try(_watch); // It has ended.
      return;
    }
    await _try(() async {
      final value = update.value;
      if (value != null) {
        _take(value.data);
      } else {
        await _refresh(force: true);
      }
    });
  }

  /// Adds what somebody wrote, who may have written anything.
  void _take(Uint8List data) {
    final json = jsonDecode(utf8.decode(data));
    if (json is! List<dynamic>) {
      throw const FormatException('The record has no list in it.');
    }
    _items = merge(_items, [for (final item in json) ?Item.fromJson(item)]);
  }

  Future<void> _refresh({required bool force}) async {
    final value = await _context.getDHTValue(_record!, 0, forceRefresh: force);
    if (value != null) {
      _take(value.data);
    }
  }

  Future<void> _change(Item item) {
    _items = merge(_items, [item]);
    notifyListeners();
    return _try(_publish);
  }

  /// Writes the list. If somebody else was first, it is written again with what they
  /// wrote in it.
  Future<void> _publish() async {
    for (var tries = 0; tries < 5; tries++) {
      final newer = await _context.setDHTValue(
        _record!,
        0,
        utf8.encode(jsonEncode([for (final item in _items) item.toJson()])),
      );
      if (newer == null) {
        return;
      }
      _take(newer.data);
    }
    throw const VeilidAPIExceptionTryAgain('others write at the same time');
  }

  /// One after the other, so that the list is not written twice at once.
  Future<void> _try(Future<void> Function() f) => _lock = _lock.then((_) async {
    busy = true;
    problem = null;
    notifyListeners();
    try {
      await f();
    } on Exception catch (error) {
      problem = describe(error);
    }
    busy = false;
    notifyListeners();
  });

  @override
  void dispose() {
    _node.removeListener(_nodeChanged);
    unawaited(_subscription.cancel());
    super.dispose();
  }
}
