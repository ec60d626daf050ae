import 'dart:typed_data';

import 'session.dart';
import 'types/dht.dart';
import 'types/enums.dart';
import 'types/exception.dart';
import 'types/keys.dart';

/// Changes of records that take effect together or not at all.
///
/// It ends with [commit] or [rollback], or is rolled back when nobody has it any
/// more. Every operation completes with a `VeilidAPIException` if it fails.
class VeilidDHTTransaction {
  VeilidDHTTransaction._(this._handle) {
    handleFinalizer.attach(this, _handle, detach: this);
  }

  /// The transaction with the id that [id] gives.
  factory VeilidDHTTransaction.of(Session session, Future<int> id) =>
      VeilidDHTTransaction._(
        Handle(
          session,
          id,
          op: 'DhtTransaction',
          idField: 'dhttx_id',
          opField: 'dhttx_op',
          release: 'Release',
          ended: const VeilidAPIExceptionTransactionNotFound(
            'transaction already completed',
          ),
        ),
      );

  final Handle _handle;
  bool _isDone = false;

  /// Whether [commit] or [rollback] was called.
  bool get isDone => _isDone;

  /// Makes the changes take effect. Whether or not it succeeds, the transaction has
  /// ended.
  Future<void> commit() => _end('Commit');

  /// Forgets the changes.
  Future<void> rollback() => _end('Rollback');

  Future<void> _end(String want) async {
    handleFinalizer.detach(this);
    _isDone = true;
    await _handle.finish(want, freesAlways: false);
  }

  /// Adds records to the transaction.
  Future<void> extend(
    List<RecordKey> recordKeys, {
    TransactDHTRecordsOptions? options,
  }) => _handle.call('Extend', {
    'record_keys': [for (final key in recordKeys) key.toJson()],
    'options': wire(options?.toJson()),
  });

  /// The value of a subkey when the transaction began; null if there was none. What
  /// the transaction has set is not seen.
  Future<ValueData?> get(RecordKey key, int subkey) async =>
      (await _handle.call('Get', {
        'key': key.toJson(),
        'subkey': subkey,
      })).objectOrNull(ValueData.fromJson, blob: 'data');

  /// Sets the value of a subkey, at the latest with [commit]. Null: it can be set.
  /// Otherwise there is a newer value, which is given.
  Future<ValueData?> set(
    RecordKey key,
    int subkey,
    Uint8List data, {
    DHTTransactionSetValueOptions? options,
  }) async => (await _handle.call('Set', {
    'key': key.toJson(),
    'subkey': subkey,
    'data': data,
    'options': wire(options?.toJson()),
  })).objectOrNull(ValueData.fromJson, blob: 'data');

  /// What was known of the subkeys of a record when the transaction began. Asks
  /// nobody.
  Future<DHTRecordReport> inspect(
    RecordKey key, {
    List<ValueSubkeyRange>? subkeys,
    DHTReportScope scope = DHTReportScope.local,
  }) async => (await _handle.call('Inspect', {
    'key': key.toJson(),
    'subkeys': subkeys == null
        ? null
        : [for (final range in subkeys) range.toJson()],
    'scope': scope.toJson(),
  })).object(DHTRecordReport.fromJson);
}
