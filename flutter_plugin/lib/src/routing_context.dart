import 'dart:typed_data';

import 'session.dart';
import 'types/crypto_kind.dart';
import 'types/dht.dart';
import 'types/enums.dart';
import 'types/keys.dart';
import 'types/route.dart';
import 'types/timestamp.dart';

/// How messages and record operations go: over what sort of route.
///
/// A context does not change; `with…` makes another one. It is given back to the
/// library by [close], or when nobody has it any more.
///
/// Every operation completes with a `VeilidAPIException` if it fails. Those of a
/// context that `with…` made also fail with what was wrong there.
class VeilidRoutingContext {
  VeilidRoutingContext._(this._handle) {
    handleFinalizer.attach(this, _handle, detach: this);
  }

  /// The context with the id that [id] gives.
  factory VeilidRoutingContext.of(Session session, Future<int> id) =>
      VeilidRoutingContext._(
        Handle(
          session,
          id,
          op: 'RoutingContext',
          idField: 'rc_id',
          opField: 'rc_op',
          release: 'Release',
        ),
      );

  final Handle _handle;

  /// Gives the context back. Operations that are under way go on; new ones fail.
  void close() {
    handleFinalizer.detach(this);
    _handle.close();
  }

  /// One with the default safety: a route of the configured number of hops.
  VeilidRoutingContext withDefaultSafety({bool closeSelf = false}) =>
      _derive('WithDefaultSafety', const {}, closeSelf);

  /// One with [safetySelection].
  VeilidRoutingContext withSafety(
    SafetySelection safetySelection, {
    bool closeSelf = false,
  }) => _derive('WithSafety', {
    'safety_selection': wire(safetySelection.toJson()),
  }, closeSelf);

  /// One with the transports of [sequencing].
  VeilidRoutingContext withSequencing(
    Sequencing sequencing, {
    bool closeSelf = false,
  }) =>
      _derive('WithSequencing', {'sequencing': sequencing.toJson()}, closeSelf);

  VeilidRoutingContext _derive(
    String want,
    Map<String, Object?> parameters,
    bool closeSelf,
  ) {
    final made = _handle.call(want, parameters).then((answer) => answer.number);
    final context = VeilidRoutingContext.of(_handle.session, made);
    if (closeSelf) {
      close();
    }
    return context;
  }

  /// How it reaches others.
  Future<SafetySelection> safety() async =>
      (await _handle.call('Safety')).object(SafetySelection.fromJson);

  /// Asks [target] and gives its answer. [request] has at most 32768 bytes. Waits
  /// up to some seconds.
  Future<Uint8List> appCall(Target target, Uint8List request) async =>
      (await _handle.call('AppCall', {
        'target': wire(target.toJson()),
        'message': request,
      })).bytes;

  /// Sends [message] to [target], at most 32768 bytes. That it was sent does not
  /// mean that it arrives.
  Future<void> appMessage(Target target, Uint8List message) => _handle.call(
    'AppMessage',
    {'target': wire(target.toJson()), 'message': message},
  );

  /// Makes a record, which is then open with its owner as writer. Without [owner] a
  /// pair is made. Needs no network.
  Future<DHTRecordDescriptor> createDHTRecord(
    CryptoKind kind,
    DHTSchema schema, {
    KeyPair? owner,
  }) async => (await _handle.call('CreateDhtRecord', {
    'kind': kind.name,
    'schema': wire(schema.toJson()),
    'owner': owner?.toJson(),
  })).object(DHTRecordDescriptor.fromJson);

  /// Opens a record, to be written as [writer]; without one it is only read.
  Future<DHTRecordDescriptor> openDHTRecord(
    RecordKey key, {
    KeyPair? writer,
    OpenDHTRecordOptions? options,
  }) async => (await _handle.call('OpenDhtRecord', {
    'key': key.toJson(),
    'writer': writer?.toJson(),
    'options': wire(options?.toJson()),
  })).object(DHTRecordDescriptor.fromJson);

  /// Closes a record. It stays on this node.
  Future<void> closeDHTRecord(RecordKey key) =>
      _handle.call('CloseDhtRecord', {'key': key.toJson()});

  /// Deletes a record on this node. It must not be open elsewhere on it.
  Future<void> deleteDHTRecord(RecordKey key) =>
      _handle.call('DeleteDhtRecord', {'key': key.toJson()});

  /// The value of a subkey; null if there is none. With [forceRefresh] the network
  /// is asked even if there is one here.
  Future<ValueData?> getDHTValue(
    RecordKey key,
    int subkey, {
    bool forceRefresh = false,
  }) async => (await _handle.call('GetDhtValue', {
    'key': key.toJson(),
    'subkey': subkey,
    'force_refresh': forceRefresh,
  })).objectOrNull(ValueData.fromJson, blob: 'data');

  /// Sets the value of a subkey. Null: it is set. Otherwise another value was there
  /// before, is given, and stays.
  Future<ValueData?> setDHTValue(
    RecordKey key,
    int subkey,
    Uint8List data, {
    SetDHTValueOptions? options,
  }) async => (await _handle.call('SetDhtValue', {
    'key': key.toJson(),
    'subkey': subkey,
    'data': data,
    'options': wire(options?.toJson()),
  })).objectOrNull(ValueData.fromJson, blob: 'data');

  /// Asks to be told of changes, with `VeilidUpdateValueChange`. Without [subkeys]:
  /// of all; without [expiration]: as long as it goes; without [count]: of any
  /// number. Says whether the watch is there.
  Future<bool> watchDHTValues(
    RecordKey key, {
    List<ValueSubkeyRange>? subkeys,
    Timestamp? expiration,
    int? count,
  }) async => (await _handle.call('WatchDhtValues', {
    'key': key.toJson(),
    'subkeys': _ranges(subkeys),
    'expiration': expiration?.toJson(),
    'count': count,
  })).flag;

  /// Ends a watch, or that of [subkeys]. Says whether there is still one.
  Future<bool> cancelDHTWatch(
    RecordKey key, {
    List<ValueSubkeyRange>? subkeys,
  }) async => (await _handle.call('CancelDhtWatch', {
    'key': key.toJson(),
    'subkeys': _ranges(subkeys),
  })).flag;

  /// What is known of the subkeys of a record. Without [subkeys]: of all.
  Future<DHTRecordReport> inspectDHTRecord(
    RecordKey key, {
    List<ValueSubkeyRange>? subkeys,
    DHTReportScope scope = DHTReportScope.local,
  }) async => (await _handle.call('InspectDhtRecord', {
    'key': key.toJson(),
    'subkeys': _ranges(subkeys),
    'scope': scope.toJson(),
  })).object(DHTRecordReport.fromJson);

  /// Waits until no value of the record waits to be sent: true. False when
  /// [timeout] is over; without it there is no limit.
  Future<bool> flushDHTRecord(RecordKey key, {Duration? timeout}) async =>
      (await _handle.call('FlushDhtRecord', {
        'key': key.toJson(),
        'timeout_ms': timeout?.inMilliseconds,
      })).flag;
}

List<Object?>? _ranges(List<ValueSubkeyRange>? ranges) =>
    ranges == null ? null : [for (final range in ranges) range.toJson()];
