import 'dart:typed_data';

import 'package:meta/meta.dart';

import 'bare.dart';
import 'base64.dart';
import 'equality.dart';
import 'fields.dart';
import 'keys.dart';
import 'route.dart';
import 'typed.dart';

/// A range of subkeys, both ends in it. JSON: `[low, high]`.
@immutable
final class ValueSubkeyRange
    with ValueEquality
    implements Comparable<ValueSubkeyRange> {
  /// From [low] to [high], which must not be below it.
  ValueSubkeyRange({required this.low, required this.high}) {
    RangeError.checkNotNegative(low, 'low');
    if (high < low) {
      throw RangeError.value(high, 'high', 'is below low, $low');
    }
  }

  /// One subkey.
  factory ValueSubkeyRange.single(int subkey) =>
      ValueSubkeyRange(low: subkey, high: subkey);

  /// From [low] to [high].
  factory ValueSubkeyRange.make(int low, int high) =>
      ValueSubkeyRange(low: low, high: high);

  /// Reads a value of JSON.
  factory ValueSubkeyRange.fromJson(Object? json) => switch (json) {
    [final num low, final num high] when low >= 0 && high >= low =>
      ValueSubkeyRange(low: low.toInt(), high: high.toInt()),
    _ => throw FormatException('a range of subkeys is [low, high]', json),
  };

  /// The first subkey.
  final int low;

  /// The last subkey.
  final int high;

  /// How many subkeys.
  int get length => high - low + 1;

  /// Whether [subkey] is one of them.
  bool contains(int subkey) => subkey >= low && subkey <= high;

  /// Its value in JSON.
  List<dynamic> toJson() => <dynamic>[low, high];

  @override
  int compareTo(ValueSubkeyRange other) =>
      low != other.low ? low - other.low : high - other.high;

  @override
  String toString() => low == high ? '$low' : '$low-$high';

  @override
  List<Object?> get props => [low, high];
}

/// Questions to a set of subkeys.
extension ValueSubkeyRanges on List<ValueSubkeyRange> {
  /// Whether [subkey] is in one of the ranges.
  bool containsSubkey(int subkey) => any((range) => range.contains(subkey));

  /// The lowest subkey, or null if there is none.
  int? get firstSubkey => isEmpty
      ? null
      : map((range) => range.low).reduce((a, b) => a < b ? a : b);

  /// All subkeys, range by range.
  Iterable<int> get subkeys sync* {
    for (final range in this) {
      for (var subkey = range.low; subkey <= range.high; subkey++) {
        yield subkey;
      }
    }
  }
}

/// Who may write which subkeys of a record.
@immutable
sealed class DHTSchema {
  const DHTSchema();

  /// [oCnt] subkeys, 1 to 1024, all of the owner.
  const factory DHTSchema.dflt({required int oCnt}) = DHTSchemaDFLT;

  /// [oCnt] subkeys of the owner, then those of [members] in order; together 1 to
  /// 1024.
  const factory DHTSchema.smpl({
    required int oCnt,
    required List<DHTSchemaMember> members,
  }) = DHTSchemaSMPL;

  /// Reads a value of JSON.
  factory DHTSchema.fromJson(Object? json) {
    final fields = Fields(json, 'DHTSchema');
    return switch (fields.text('kind')) {
      'DFLT' => DHTSchemaDFLT(oCnt: fields.number('oCnt')),
      'SMPL' => DHTSchemaSMPL(
        oCnt: fields.number('oCnt'),
        members: fields.list('members', DHTSchemaMember.fromJson),
      ),
      final kind => throw FormatException('DHTSchema.kind: unknown', kind),
    };
  }

  /// Subkeys of the owner.
  int get oCnt;

  /// Subkeys of all.
  int get subkeyCount;

  /// Its value in JSON.
  Map<String, dynamic> toJson();
}

/// A record that only its owner writes.
final class DHTSchemaDFLT extends DHTSchema with ValueEquality {
  /// [oCnt] subkeys.
  const DHTSchemaDFLT({required this.oCnt});

  @override
  final int oCnt;

  @override
  int get subkeyCount => oCnt;

  @override
  Map<String, dynamic> toJson() => {'kind': 'DFLT', 'oCnt': oCnt};

  @override
  List<Object?> get props => [oCnt];
}

/// A record with members that write subkeys of their own.
final class DHTSchemaSMPL extends DHTSchema with ValueEquality {
  /// [oCnt] subkeys of the owner, then those of [members] in order.
  const DHTSchemaSMPL({required this.oCnt, required this.members});

  @override
  final int oCnt;

  /// The members, in the order of their subkeys; at most 256.
  final List<DHTSchemaMember> members;

  @override
  int get subkeyCount =>
      members.fold(oCnt, (count, member) => count + member.mCnt);

  @override
  Map<String, dynamic> toJson() => {
    'kind': 'SMPL',
    'oCnt': oCnt,
    'members': [for (final member in members) member.toJson()],
  };

  @override
  List<Object?> get props => [oCnt, members];
}

/// A member of a schema and how many subkeys it has.
@immutable
final class DHTSchemaMember with ValueEquality {
  /// [mCnt] subkeys for the member [mKey].
  const DHTSchemaMember({required this.mKey, required this.mCnt});

  /// The member that writes with [key], a key of 32 bytes. For keys of another
  /// length ask `Veilid.generateMemberId`.
  static DHTSchemaMember fromPublicKey(PublicKey key, int mCnt) {
    final bytes = key.value.toBytes();
    if (bytes.length != 32) {
      throw ArgumentError.value(
        bytes.length,
        'key.length',
        'a public key has 32 bytes',
      );
    }
    return DHTSchemaMember(mKey: BareMemberId.fromBytes(bytes), mCnt: mCnt);
  }

  /// Reads a value of JSON.
  factory DHTSchemaMember.fromJson(Object? json) {
    final fields = Fields(json, 'DHTSchemaMember');
    return DHTSchemaMember(
      mKey: fields.value('mKey', BareMemberId.fromJson),
      mCnt: fields.number('mCnt'),
    );
  }

  /// Who it is.
  final BareMemberId mKey;

  /// How many subkeys.
  final int mCnt;

  /// Its value in JSON.
  Map<String, dynamic> toJson() => {'mKey': mKey.toJson(), 'mCnt': mCnt};

  @override
  List<Object?> get props => [mKey, mCnt];
}

/// What a node knows of a record it has open.
@immutable
final class DHTRecordDescriptor with ValueEquality {
  /// Puts the parts together.
  const DHTRecordDescriptor({
    required this.key,
    required this.owner,
    required this.schema,
    this.ownerSecret,
  });

  /// Reads a value of JSON.
  factory DHTRecordDescriptor.fromJson(Object? json) {
    final fields = Fields(json, 'DHTRecordDescriptor');
    return DHTRecordDescriptor(
      key: fields.value('key', RecordKey.fromJson),
      owner: fields.value('owner', PublicKey.fromJson),
      schema: fields.value('schema', DHTSchema.fromJson),
      ownerSecret: fields.valueOrNull('ownerSecret', SecretKey.fromJson),
    );
  }

  /// The key of the record.
  final RecordKey key;

  /// Who made it.
  final PublicKey owner;

  /// The secret of the owner; null if it is not known here.
  final SecretKey? ownerSecret;

  /// Who may write what.
  final DHTSchema schema;

  /// The pair of the owner; null if its secret is not known here.
  KeyPair? get ownerKeyPair {
    final secret = ownerSecret;
    return secret == null ? null : KeyPair(key: owner, secret: secret);
  }

  /// [ownerKeyPair] without its kind.
  BareKeyPair? get ownerBareKeyPair => ownerKeyPair?.value;

  /// [ownerSecret] without its kind.
  BareSecretKey? get ownerBareSecretKey => ownerSecret?.value;

  /// Its value in JSON.
  Map<String, dynamic> toJson() => {
    'key': key.toJson(),
    'owner': owner.toJson(),
    'ownerSecret': ownerSecret?.toJson(),
    'schema': schema.toJson(),
  };

  @override
  List<Object?> get props => [key, owner, ownerSecret, schema];
}

/// A value of a subkey.
@immutable
final class ValueData with ValueEquality {
  /// Puts the parts together.
  const ValueData({
    required this.seq,
    required this.data,
    required this.writer,
  });

  /// Reads a value of JSON.
  factory ValueData.fromJson(Object? json) {
    final fields = Fields(json, 'ValueData');
    return ValueData(
      seq: fields.number('seq'),
      data: fields.value('data', bytesFromJson),
      writer: fields.value('writer', PublicKey.fromJson),
    );
  }

  /// The most bytes that a value can have. A record of more than 32 subkeys has
  /// room for fewer: 1 MiB divided by their number.
  static const int maxLen = 32768;

  /// How many values the subkey had before.
  final int seq;

  /// The value.
  final Uint8List data;

  /// Who wrote it.
  final PublicKey writer;

  /// Its value in JSON.
  Map<String, dynamic> toJson() => {
    'seq': seq,
    'data': bytesToText(data),
    'writer': writer.toJson(),
  };

  @override
  List<Object?> get props => [seq, data, writer];
}

/// What is known of the subkeys of a record, here and in the network.
@immutable
final class DHTRecordReport with ValueEquality {
  /// Puts the parts together.
  const DHTRecordReport({
    required this.subkeys,
    required this.offlineSubkeys,
    required this.localSeqs,
    required this.networkSeqs,
  });

  /// Reads a value of JSON.
  factory DHTRecordReport.fromJson(Object? json) {
    final fields = Fields(json, 'DHTRecordReport');
    int? seq(Object? json) => json == null ? null : (json as num).toInt();
    return DHTRecordReport(
      subkeys: fields.list('subkeys', ValueSubkeyRange.fromJson),
      offlineSubkeys: fields.list('offlineSubkeys', ValueSubkeyRange.fromJson),
      localSeqs: fields.list('localSeqs', seq),
      networkSeqs: fields.list('networkSeqs', seq),
    );
  }

  /// The subkeys that the report is about.
  final List<ValueSubkeyRange> subkeys;

  /// Those whose value waits to be sent.
  final List<ValueSubkeyRange> offlineSubkeys;

  /// Per subkey the sequence number here; null: there is no value.
  final List<int?> localSeqs;

  /// Per subkey the sequence number in the network; null: there is no value, or
  /// the network was not asked.
  final List<int?> networkSeqs;

  /// Its value in JSON.
  Map<String, dynamic> toJson() => {
    'subkeys': [for (final range in subkeys) range.toJson()],
    'offlineSubkeys': [for (final range in offlineSubkeys) range.toJson()],
    'localSeqs': localSeqs,
    'networkSeqs': networkSeqs,
  };

  @override
  List<Object?> get props => [subkeys, offlineSubkeys, localSeqs, networkSeqs];
}

/// What opening a record may be told.
@immutable
final class OpenDHTRecordOptions with ValueEquality {
  /// [rehydrate]: publish a copy that is here again; null: true.
  const OpenDHTRecordOptions({this.rehydrate});

  /// Reads a value of JSON.
  factory OpenDHTRecordOptions.fromJson(Object? json) => OpenDHTRecordOptions(
    rehydrate: Fields(json, 'OpenDHTRecordOptions').flagOrNull('rehydrate'),
  );

  /// Publish a copy that is here again; null: true.
  final bool? rehydrate;

  /// Its value in JSON.
  Map<String, dynamic> toJson() => {'rehydrate': rehydrate};

  @override
  List<Object?> get props => [rehydrate];
}

/// What setting a value may be told.
@immutable
final class SetDHTValueOptions with ValueEquality {
  /// Leaves to the library what is null.
  const SetDHTValueOptions({this.writer, this.allowOffline, this.minSeqnum});

  /// Reads a value of JSON.
  factory SetDHTValueOptions.fromJson(Object? json) {
    final fields = Fields(json, 'SetDHTValueOptions');
    return SetDHTValueOptions(
      writer: fields.valueOrNull('writer', KeyPair.fromJson),
      allowOffline: fields.flagOrNull('allowOffline'),
      minSeqnum: fields.numberOrNull('minSeqnum'),
    );
  }

  /// Who writes; null: who the record was opened for.
  final KeyPair? writer;

  /// Keep the value and send it later if the network is not there; null: true.
  final bool? allowOffline;

  /// The least sequence number to write with; null: one more than is known.
  final int? minSeqnum;

  /// Its value in JSON.
  Map<String, dynamic> toJson() => {
    'writer': writer?.toJson(),
    'allowOffline': allowOffline,
    'minSeqnum': minSeqnum,
  };

  @override
  List<Object?> get props => [writer, allowOffline, minSeqnum];
}

/// What setting a value in a transaction may be told.
@immutable
final class DHTTransactionSetValueOptions with ValueEquality {
  /// Leaves to the library what is null.
  const DHTTransactionSetValueOptions({this.writer, this.minSeqnum});

  /// Reads a value of JSON.
  factory DHTTransactionSetValueOptions.fromJson(Object? json) {
    final fields = Fields(json, 'DHTTransactionSetValueOptions');
    return DHTTransactionSetValueOptions(
      writer: fields.valueOrNull('writer', KeyPair.fromJson),
      minSeqnum: fields.numberOrNull('minSeqnum'),
    );
  }

  /// Who writes; null: who the record was opened for.
  final KeyPair? writer;

  /// The least sequence number to write with; null: one more than is known.
  final int? minSeqnum;

  /// Its value in JSON.
  Map<String, dynamic> toJson() => {
    'writer': writer?.toJson(),
    'minSeqnum': minSeqnum,
  };

  @override
  List<Object?> get props => [writer, minSeqnum];
}

/// What beginning a transaction may be told.
@immutable
final class TransactDHTRecordsOptions with ValueEquality {
  /// Leaves to the library what is null.
  const TransactDHTRecordsOptions({this.defaultSigningKeyPair});

  /// Reads a value of JSON, in each of the spellings in use.
  factory TransactDHTRecordsOptions.fromJson(Object? json) {
    final fields = Fields(json, 'TransactDHTRecordsOptions');
    return TransactDHTRecordsOptions(
      defaultSigningKeyPair:
          fields.valueOrNull('defaultSigningKeypair', KeyPair.fromJson) ??
          fields.valueOrNull('defaultSigningKeyPair', KeyPair.fromJson),
    );
  }

  /// Signs for records that were opened without a writer; null: a pair of this
  /// node that tells nobody who it is.
  final KeyPair? defaultSigningKeyPair;

  /// Its value in JSON.
  Map<String, dynamic> toJson() => {
    'defaultSigningKeypair': defaultSigningKeyPair?.toJson(),
  };

  @override
  List<Object?> get props => [defaultSigningKeyPair];
}
