import 'dart:typed_data';

import 'package:test/test.dart';
import 'package:voile/core.dart';
import 'package:voile/src/types/case.dart';

Uint8List count(int from, int length) =>
    Uint8List.fromList([for (var i = 0; i < length; i++) from + i]);

void main() {
  group('base64url', () {
    test('there and back', () {
      for (var length = 0; length < 70; length++) {
        final bytes = count(200 - length, length);
        final text = bytesToText(bytes);
        expect(text, isNot(contains('=')));
        expect(textToBytes(text), bytes);
      }
    });

    test('known texts', () {
      expect(bytesToText(Uint8List.fromList([0xfb, 0xff])), '-_8');
      expect(textToBytes('YWJjZDEyMzQ'), 'abcd1234'.codeUnits);
    });

    for (final (text, why) in [
      ('A', 'no bytes have one character'),
      ('AA==', 'padding'),
      ('AB', 'bits left over'),
      ('AA A', 'white space'),
      ('+/+/', 'another alphabet'),
      ('AAé', 'not ASCII'),
    ]) {
      test('refuses $why', () {
        expect(() => textToBytes(text), throwsFormatException);
      });
    }

    test('does not show what it refuses', () {
      expect(
        () => textToBytes('secret!'),
        throwsA(
          isA<FormatException>().having(
            (e) => '$e',
            'text',
            isNot(contains('secret')),
          ),
        ),
      );
    });
  });

  group('names', () {
    test('there and back', () {
      for (final (snake, camel) in [
        ('o_cnt', 'oCnt'),
        (
          'max_connections_per_ip6_prefix_size',
          'maxConnectionsPerIp6PrefixSize',
        ),
        ('tm90', 'tm90'),
        ('kind', 'kind'),
      ]) {
        expect(snakeCase(camel), snake);
        expect(camelCase(snake), camel);
      }
    });

    test('tags of variants stay', () {
      expect(
        snakeKeys({
          'Safe': {'hopCount': 1},
        }),
        {
          'Safe': {'hop_count': 1},
        },
      );
    });
  });

  group('keys', () {
    // Public and secret key of the example in the specification.
    const publicText = 'A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg';
    const secretText = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8';

    test('kinds', () {
      expect(cryptoKindVLD0, 0x564C4430);
      expect(cryptoKindToString(cryptoKindVLD0), 'VLD0');
      expect(cryptoKindFromString('VLD0'), cryptoKindVLD0);
      expect(cryptoKindFromString('zzzz').name, 'zzzz');
      expect(() => cryptoKindFromString('VLD'), throwsFormatException);
    });

    test('typed', () {
      final key = PublicKey.fromString('VLD0:$publicText');
      expect(key.kind, cryptoKindVLD0);
      expect(key.value.length, 32);
      expect('$key', 'VLD0:$publicText');
      expect(key.toJson(), 'VLD0:$publicText');
      expect(PublicKey.fromString(publicText), key);
      expect(PublicKey.fromJson('VLD0:$publicText'), key);
      expect(key.toBytes().sublist(0, 4), 'VLD0'.codeUnits);
      expect(PublicKey.fromBytes(key.toBytes()), key);
      expect(PublicKey.fromBytes(key.toBytes()).hashCode, key.hashCode);
      expect(key, isNot(SecretKey.fromString('VLD0:$publicText')));
      expect(() => PublicKey.fromJson(1), throwsFormatException);
      expect(() => PublicKey.fromString('VLD0:a:b'), throwsFormatException);
    });

    test('pairs', () {
      final pair = KeyPair.fromString('VLD0:$publicText:$secretText');
      expect('${pair.key}', 'VLD0:$publicText');
      expect('${pair.secret}', 'VLD0:$secretText');
      expect(pair.bareSecret.toBytes(), count(0, 32));
      expect('$pair', 'VLD0:$publicText:$secretText');
      expect(KeyPair.fromJson(pair.toJson()), pair);
      expect(KeyPair.fromBareKeyPair(cryptoKindVLD0, pair.value), pair);
      expect(() => KeyPair.fromString(publicText), throwsFormatException);
      expect(
        () => KeyPair(
          key: pair.key,
          secret: SecretKey(
            kind: cryptoKindFromString('NONE'),
            value: pair.bareSecret,
          ),
        ),
        throwsArgumentError,
      );
    });

    test('records', () {
      const text = 'VLD0:$publicText:$secretText';
      final key = RecordKey.fromString(text);
      expect('$key', text);
      expect('${key.opaque}', 'VLD0:$publicText');
      expect('${key.encryptionKey}', 'VLD0:$secretText');
      final bytes = key.toBytes();
      expect(bytes[0], 36);
      expect(bytes.length, 1 + 36 + 32);
      expect(RecordKey.fromBytes(bytes), key);

      final bare = RecordKey.fromString('VLD0:$publicText');
      expect(bare.encryptionKey, isNull);
      expect(RecordKey.fromBytes(bare.toBytes()), bare);
      expect(bare, isNot(key));
      expect(() => RecordKey.fromBytes(Uint8List(0)), throwsFormatException);
      expect(
        () => RecordKey.fromBytes(bytes.sublist(0, 20)),
        throwsFormatException,
      );
      expect(() => RecordKey.fromString('$text:x'), throwsFormatException);
    });

    test('order', () {
      final a = BareNodeId.fromBytes(Uint8List.fromList([1, 2]));
      final b = BareNodeId.fromBytes(Uint8List.fromList([1, 2, 0]));
      final c = BareNodeId.fromBytes(Uint8List.fromList([200]));
      expect([c, b, a]..sort(), [a, b, c]);
    });

    test('nobody else can change them', () {
      final bytes = count(0, 4);
      final id = BareRouteId.fromBytes(bytes);
      bytes[0] = 99;
      id.toBytes()[1] = 99;
      expect(id.toBytes(), count(0, 4));
    });
  });

  test('times', () {
    final time = Timestamp.fromString('1700000000000000');
    expect(time.toJson(), '1700000000000000');
    expect(time.toDateTime().toUtc().year, 2023);
    final later = time.offset(TimestampDuration.fromMillis(1500));
    expect(later.diff(time).toDuration(), const Duration(milliseconds: 1500));
    expect(time.diff(later).value, BigInt.zero);
    expect(later.compareTo(time), isPositive);
    expect(() => Timestamp.fromString('-1'), throwsFormatException);
    expect(() => Timestamp.fromString(''), throwsFormatException);
  });

  test('subkeys', () {
    final ranges = [
      ValueSubkeyRange.fromJson(const [2, 4]),
      ValueSubkeyRange.single(7),
    ];
    expect(ranges.first.toJson(), [2, 4]);
    expect(ranges.subkeys, [2, 3, 4, 7]);
    expect(ranges.firstSubkey, 2);
    expect(ranges.containsSubkey(5), isFalse);
    expect(
      () => ValueSubkeyRange.fromJson(const [3, 1]),
      throwsFormatException,
    );
    expect(() => ValueSubkeyRange(low: 3, high: 1), throwsRangeError);
  });

  test('schemas', () {
    final member = DHTSchemaMember(
      mKey: BareMemberId.fromBytes(count(0, 32)),
      mCnt: 3,
    );
    final schema = DHTSchema.smpl(oCnt: 1, members: [member, member]);
    expect(schema.subkeyCount, 7);
    expect(DHTSchema.fromJson(schema.toJson()), schema);
    expect(DHTSchema.fromJson(const {'kind': 'DFLT', 'o_cnt': 2}).oCnt, 2);
    expect(
      DHTSchema.fromJson(const {'kind': 'DFLT', 'oCnt': 2}),
      const DHTSchema.dflt(oCnt: 2),
    );
    expect(
      () => DHTSchema.fromJson(const {'kind': 'NONE', 'oCnt': 2}),
      throwsFormatException,
    );
  });

  test('options take every spelling', () {
    for (final name in [
      'default_signing_keypair',
      'defaultSigningKeypair',
      'defaultSigningKeyPair',
    ]) {
      final options = TransactDHTRecordsOptions.fromJson({
        name: 'VLD0:AAAA:AAAA',
      });
      expect(options.defaultSigningKeyPair, isNotNull, reason: name);
    }
    expect(
      SetDHTValueOptions.fromJson(const {'allow_offline': false}).allowOffline,
      isFalse,
    );
  });

  test('selections', () {
    const safe = SafetySelectionSafe(
      safetySpec: SafetySpec(hopCount: 2, stability: Stability.lowLatency),
    );
    expect(SafetySelection.fromJson(safe.toJson()), safe);
    expect(
      SafetySelection.fromJson(const {'Safe': <String, Object?>{}}),
      const SafetySelectionSafe(safetySpec: SafetySpec()),
    );
    expect(
      SafetySelection.fromJson(const {'Unsafe': 'EnsureOrdered'}),
      const SafetySelectionUnsafe(sequencing: Sequencing.ensureOrdered),
    );
    expect(
      safe.safetySpec.copyWith(preferredRoute: null).preferredRoute,
      isNull,
    );
  });

  group('errors', () {
    for (final (json, error) in [
      (
        {'kind': 'NotInitialized'},
        const VeilidAPIExceptionNotInitialized() as VeilidAPIException,
      ),
      (
        {'kind': 'TryAgain', 'message': 'later'},
        const VeilidAPIExceptionTryAgain('later'),
      ),
      (
        {'kind': 'Unimplemented', 'message': 'no'},
        const VeilidAPIExceptionUnimplemented('no'),
      ),
      (
        {
          'kind': 'InvalidArgument',
          'context': 'c',
          'argument': 'a',
          'value': 'v',
        },
        const VeilidAPIExceptionInvalidArgument('c', 'a', 'v'),
      ),
    ]) {
      test(error.code.kind, () {
        expect(VeilidAPIException.fromJson(json), error);
        expect(error.toJson(), json);
        expect(error.code.kind, json['kind']);
      });
    }

    test('an unknown kind', () {
      expect(
        () => VeilidAPIException.fromJson(const {'kind': 'New'}),
        throwsFormatException,
      );
    });
  });

  test('updates', () {
    const id = 'VLD0:Kay64UG8yvCyLhqU000LxzYeUm0L_hLIl5S8kyKWbdc';
    final call = VeilidUpdate.fromJson(const {
      'kind': 'AppCall',
      'sender': null,
      'route_id': id,
      'message': 'YWJjZDEyMzQ',
      'call_id': '12345678901234567890',
    });
    expect(call, isA<VeilidAppCall>());
    expect((call as VeilidAppCall).message, 'abcd1234'.codeUnits);
    expect('${call.routeId}', id);
    expect(call.toJson()['callId'], '12345678901234567890');
    expect(VeilidUpdate.fromJson(call.toJson()), call);
    expect(
      () => VeilidUpdate.fromJson(const {'kind': 'New'}),
      throwsFormatException,
    );
  });
}
