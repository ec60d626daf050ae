import 'dart:convert';
import 'dart:typed_data';

import 'session.dart';
import 'types/exception.dart';
import 'types/route.dart';

/// Reads a value of JSON while it is decoded, as `JsonDecoder` has it.
typedef Reviver = Object? Function(Object? key, Object? value);

/// Makes JSON of what has none, as `JsonEncoder` has it.
typedef ToEncodable = Object? Function(Object? nonEncodable);

Uint8List _utf8(String text) => utf8.encode(text);

Uint8List _encode(Object? object, ToEncodable? toEncodable) =>
    _utf8(jsonEncode(object, toEncodable: toEncodable));

Object? _decode(Uint8List? bytes, Reviver? reviver) =>
    bytes == null ? null : jsonDecode(utf8.decode(bytes), reviver: reviver);

/// A table of this node: columns of keys and values, encrypted on the device.
///
/// Columns count from 0. It is given back to the library by [close], or when nobody
/// has it any more. Every operation completes with a `VeilidAPIException` if it
/// fails, with a [FormatException] if a value that should be JSON is none.
class VeilidTableDB {
  VeilidTableDB._(this._handle, this.columnCount) {
    handleFinalizer.attach(this, _handle, detach: this);
  }

  /// The table with [id].
  factory VeilidTableDB.of(Session session, int id, int columnCount) =>
      VeilidTableDB._(
        Handle(
          session,
          Future.value(id),
          op: 'TableDb',
          idField: 'db_id',
          opField: 'db_op',
          release: 'Release',
        ),
        columnCount,
      );

  final Handle _handle;

  /// How many columns the table has.
  final int columnCount;

  /// Gives the table back. Operations that are under way go on; new ones fail.
  void close() {
    handleFinalizer.detach(this);
    _handle.close();
  }

  /// All keys of a column, in no order.
  Future<List<Uint8List>> getKeys(int col) async =>
      (await _handle.call('GetKeys', {'col': col})).list(bytesFromJson);

  /// Begins changes that take effect together.
  VeilidTableDBTransaction transact() => VeilidTableDBTransaction.of(
    _handle.session,
    _handle.call('Transact').then((answer) => answer.number),
  );

  /// Stores a value, in place of the one there was.
  Future<void> store(int col, Uint8List key, Uint8List value) =>
      _handle.call('Store', {'col': col, 'key': key, 'value': value});

  /// The value of a key; null if there is none.
  Future<Uint8List?> load(int col, Uint8List key) async =>
      (await _handle.call('Load', {'col': col, 'key': key})).bytesOrNull;

  /// Deletes a key and gives its value; null if there was none.
  Future<Uint8List?> delete(int col, Uint8List key) async =>
      (await _handle.call('Delete', {'col': col, 'key': key})).bytesOrNull;

  /// Stores [object] as JSON.
  Future<void> storeJson(
    int col,
    Uint8List key,
    Object? object, {
    ToEncodable? toEncodable,
  }) => store(col, key, _encode(object, toEncodable));

  /// [storeJson] with a text as key.
  Future<void> storeStringJson(
    int col,
    String key,
    Object? object, {
    ToEncodable? toEncodable,
  }) => storeJson(col, _utf8(key), object, toEncodable: toEncodable);

  /// Loads what [storeJson] stored; null if there is nothing.
  Future<Object?> loadJson(int col, Uint8List key, {Reviver? reviver}) async =>
      _decode(await load(col, key), reviver);

  /// [loadJson] with a text as key.
  Future<Object?> loadStringJson(int col, String key, {Reviver? reviver}) =>
      loadJson(col, _utf8(key), reviver: reviver);

  /// Deletes what [storeJson] stored, and gives it; null if there was nothing.
  Future<Object?> deleteJson(
    int col,
    Uint8List key, {
    Reviver? reviver,
  }) async => _decode(await delete(col, key), reviver);

  /// [deleteJson] with a text as key.
  Future<Object?> deleteStringJson(int col, String key, {Reviver? reviver}) =>
      deleteJson(col, _utf8(key), reviver: reviver);
}

/// Changes of a table that take effect together, at [commit].
///
/// It ends with [commit] or [rollback]. One that nobody has any more is rolled
/// back. Every operation completes with a `VeilidAPIException` if it fails.
class VeilidTableDBTransaction {
  VeilidTableDBTransaction._(this._handle) {
    handleFinalizer.attach(this, _handle, detach: this);
  }

  /// The transaction with the id that [id] gives.
  factory VeilidTableDBTransaction.of(Session session, Future<int> id) =>
      VeilidTableDBTransaction._(
        Handle(
          session,
          id,
          op: 'TableDbTransaction',
          idField: 'tx_id',
          opField: 'tx_op',
          release: 'Rollback',
          ended: const VeilidAPIExceptionGeneric(
            'transaction already completed',
          ),
        ),
      );

  final Handle _handle;
  bool _isDone = false;

  /// Whether [commit] or [rollback] was called.
  bool get isDone => _isDone;

  /// Makes the changes take effect.
  Future<void> commit() => _end('Commit');

  /// Forgets the changes.
  Future<void> rollback() => _end('Rollback');

  Future<void> _end(String want) async {
    handleFinalizer.detach(this);
    _isDone = true;
    await _handle.finish(want, freesAlways: want == 'Rollback');
  }

  /// Stores a value, in place of the one there was.
  Future<void> store(int col, Uint8List key, Uint8List value) =>
      _handle.call('Store', {'col': col, 'key': key, 'value': value});

  /// Deletes a key.
  Future<void> delete(int col, Uint8List key) =>
      _handle.call('Delete', {'col': col, 'key': key});

  /// Stores [object] as JSON.
  Future<void> storeJson(
    int col,
    Uint8List key,
    Object? object, {
    ToEncodable? toEncodable,
  }) => store(col, key, _encode(object, toEncodable));

  /// [storeJson] with a text as key.
  Future<void> storeStringJson(
    int col,
    String key,
    Object? object, {
    ToEncodable? toEncodable,
  }) => storeJson(col, _utf8(key), object, toEncodable: toEncodable);
}
