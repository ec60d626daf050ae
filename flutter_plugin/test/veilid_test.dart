import 'dart:async';
import 'dart:typed_data';

import 'package:test/test.dart';
import 'package:voile/core.dart';

import 'fake_backend.dart';

Future<void> turns() => Future<void>.delayed(Duration.zero);

void main() {
  late FakeBackend backend;
  late Veilid veilid;
  var nextId = 1;

  Object? answer(Map<String, dynamic> request, List<Uint8List> blobs) =>
      switch (request['op']) {
        'NewRoutingContext' ||
        'OpenTableDb' ||
        'TransactDhtRecords' => nextId++,
        'RoutingContext' => switch (request['rc_op']) {
          'WithSafety' || 'WithSequencing' || 'WithDefaultSafety' => nextId++,
          'Safety' => const {
            'Safe': {
              'preferred_route': null,
              'hop_count': 1,
              'stability': 'Reliable',
              'sequencing': 'PreferOrdered',
            },
          },
          'AppCall' => Uint8List.fromList(blobs.single.reversed.toList()),
          'GetDhtValue' => {
            'seq': 3,
            'data': Uint8List.fromList([1, 2, 3]),
            'writer': 'VLD0:AAAA',
          },
          _ => null,
        },
        'TableDb' => switch (request['db_op']) {
          'GetColumnCount' => 2,
          'Transact' => nextId++,
          'GetKeys' => [
            Uint8List.fromList([1]),
            Uint8List.fromList([2]),
          ],
          'Load' => Uint8List.fromList('{"a":1}'.codeUnits),
          _ => null,
        },
        _ => null,
      };

  Future<FakeLink> start() async {
    await veilid.startupVeilidCore(fakeConfig());
    return backend.links.last;
  }

  setUp(() {
    nextId = 1;
    backend = FakeBackend(answer);
    veilid = Veilid.over(backend);
  });

  group('the start', () {
    test('before it nothing can be asked', () async {
      expect(await veilid.isShutdown(), isTrue);
      await expectLater(
        veilid.attach(),
        throwsA(isA<VeilidAPIExceptionNotInitialized>()),
      );
      await expectLater(
        veilid.shutdownVeilidCore(),
        throwsA(isA<VeilidAPIExceptionNotInitialized>()),
      );
    });

    test('the features tell of the debug language only where it is', () {
      expect(veilid.veilidFeatures(), apiFeatures);
      final without = Veilid.over(FakeBackend(answer, hasDebugApi: false));
      expect(without.veilidFeatures(), isNot(contains('debug-api')));
      expect(without.veilidFeatures(), contains('default'));
    });

    test('the configuration is in snake_case', () async {
      await start();
      expect(backend.configs.single['program_name'], 'test');
      expect((backend.configs.single['network'] as Map)['max_connections'], 32);
    });

    test('a running node is given again, with another stream', () async {
      final first = await veilid.startupVeilidCore(fakeConfig());
      final ended = expectLater(first, emitsDone);
      final second = await veilid.startupVeilidCore(fakeConfig());
      await ended;
      expect(backend.links, hasLength(1));
      final seen = second.first;
      await backend.links.single.update({
        'kind': 'RouteChange',
        'dead_routes': <Object?>[],
        'dead_remote_routes': <Object?>[],
      });
      expect(await seen, isA<VeilidUpdateRouteChange>());
    });

    test('one of another name is refused', () async {
      await start();
      await expectLater(
        veilid.startupVeilidCore(fakeConfig(name: 'other')),
        throwsA(isA<VeilidAPIExceptionAlreadyInitialized>()),
      );
    });

    test('two starts at once are one', () async {
      await Future.wait([
        veilid.startupVeilidCore(fakeConfig()),
        veilid.startupVeilidCore(fakeConfig()),
      ]);
      expect(backend.links, hasLength(1));
    });

    test('after the end another one can be started', () async {
      final stream = await veilid.startupVeilidCore(fakeConfig());
      final done = expectLater(stream, emitsDone);
      await veilid.shutdownVeilidCore();
      await done;
      expect(backend.links.single.closed, isTrue);
      await start();
      expect(backend.links, hasLength(2));
    });

    test('secrets belong to the program and the namespace', () async {
      final store = MemorySecrets();
      await veilid.startupVeilidCore(
        fakeConfig(namespace: 'n'),
        secrets: store,
      );
      await backend.links.single.options.secrets!.save('key', Uint8List(1));
      expect(store.secrets.keys, ['voile/test/n/key']);
    });
  });

  group('updates', () {
    const update = {
      'kind': 'RouteChange',
      'dead_routes': <Object?>[],
      'dead_remote_routes': <Object?>[],
    };

    test('wait until somebody listens, and while it is paused', () async {
      final stream = await veilid.startupVeilidCore(fakeConfig());
      final link = backend.links.single;
      var taken = 0;
      unawaited(link.update(update).then((_) => taken++));
      await turns();
      expect(taken, 0);
      final seen = <VeilidUpdate>[];
      final subscription = stream.listen(seen.add);
      await turns();
      expect((taken, seen.length), (1, 1));
      subscription.pause();
      unawaited(link.update(update).then((_) => taken++));
      await turns();
      expect(taken, 1);
      subscription.resume();
      await turns();
      expect((taken, seen.length), (2, 2));
      await subscription.cancel();
      await link.update(update);
      expect(seen, hasLength(2));
    });

    test('bytes are beside the line', () async {
      final stream = await veilid.startupVeilidCore(fakeConfig());
      final seen = stream.first;
      await backend.links.single.update({
        'kind': 'AppMessage',
        'sender': null,
        'route_id': null,
        'message': '#0',
      }, Uint8List.fromList([7, 8]));
      expect((await seen as VeilidAppMessage).message, [7, 8]);
    });

    test('a bug comes as an error, then the end', () async {
      final stream = await veilid.startupVeilidCore(fakeConfig());
      final heard = expectLater(
        stream,
        emitsInOrder([
          emitsError(isA<VeilidAPIExceptionInternal>()),
          emitsDone,
        ]),
      );
      backend.links.single.listener
        ..fault(const VeilidAPIExceptionInternal('a bug'))
        ..ended();
      await heard;
      expect(await veilid.isShutdown(), isTrue);
    });

    test('the log goes where it should', () async {
      veilid.initializeVeilidCore(
        const VeilidFFIConfig(
          logging: VeilidFFIConfigLogging(
            terminal: VeilidFFIConfigLoggingTerminal(
              enabled: false,
              level: VeilidConfigLogLevel.off,
            ),
            api: VeilidFFIConfigLoggingApi(
              enabled: true,
              level: VeilidConfigLogLevel.info,
            ),
          ),
        ).toJson(),
      );
      final stream = await veilid.startupVeilidCore(fakeConfig());
      final link = backend.links.single;
      expect(link.options.logLevel, VeilidConfigLogLevel.info);
      final seen = <VeilidUpdate>[];
      stream.listen(seen.add);
      for (final level in ['Debug', 'Info']) {
        await link.update({
          'kind': 'Log',
          'log_level': level,
          'message': level,
          'backtrace': null,
        });
      }
      await turns();
      expect(seen.map((u) => (u as VeilidLog).message), ['Info']);
      veilid.changeLogLevel('api', 'debug');
      expect(link.told, contains('log debug'));
      expect(
        () => veilid.changeLogLevel('file', 'debug'),
        throwsA(isA<VeilidAPIExceptionInvalidArgument>()),
      );
      expect(
        () => veilid.changeLogLevel('api', 'loud'),
        throwsA(isA<VeilidAPIExceptionInvalidArgument>()),
      );
    });
  });

  group('requests', () {
    test('bytes go and come beside the line', () async {
      final link = await start();
      final context = await veilid.routingContext();
      final reply = await context.appCall(
        Target.routeId(RouteId.fromString('VLD0:AAAA')),
        Uint8List.fromList([1, 2, 3]),
      );
      expect(reply, [3, 2, 1]);
      expect(link.requests.last, {
        'op': 'RoutingContext',
        'rc_id': 1,
        'rc_op': 'AppCall',
        'target': {'RouteId': 'VLD0:AAAA'},
        'message': '#0',
      });
      final value = await context.getDHTValue(
        RecordKey.fromString('VLD0:AAAA'),
        0,
      );
      expect(value!.data, [1, 2, 3]);
    });

    test('errors are exceptions of their kind', () async {
      await start();
      backend.answer = (_, _) =>
          throw const VeilidAPIExceptionTryAgain('offline');
      await expectLater(
        veilid.newPrivateRoute(),
        throwsA(
          isA<VeilidAPIExceptionTryAgain>()
              .having((e) => e.message, 'message', 'offline')
              .having((e) => e.code, 'code', ErrorCode.tryAgain),
        ),
      );
    });

    test('a new context is given before it is made', () async {
      final link = await start();
      final context = await veilid.routingContext();
      final safe = context.withSequencing(
        Sequencing.ensureOrdered,
        closeSelf: true,
      );
      await safe.safety();
      await turns();
      expect(link.names, [
        'NewRoutingContext',
        'RoutingContext.WithSequencing',
        'RoutingContext.Safety',
        'RoutingContext.Release',
      ]);
      expect(link.requests.last['rc_id'], 1);
    });

    test('what could not be made fails where it is used', () async {
      await start();
      final context = await veilid.routingContext();
      backend.answer = (_, _) =>
          throw const VeilidAPIExceptionGeneric('unsafe');
      final unsafe = context.withSafety(
        const SafetySelectionUnsafe(sequencing: Sequencing.preferOrdered),
      );
      await turns();
      await expectLater(
        unsafe.safety(),
        throwsA(isA<VeilidAPIExceptionGeneric>()),
      );
    });

    test('an object is released once, after what is under way', () async {
      final link = await start();
      final context = await veilid.routingContext();
      final gate = Completer<void>();
      link.gate = gate.future;
      final call = context.safety();
      context
        ..close()
        ..close();
      await turns();
      expect(link.names.last, 'RoutingContext.Safety');
      gate.complete();
      await call;
      await turns();
      expect(link.names.where((n) => n == 'RoutingContext.Release'), [
        'RoutingContext.Release',
      ]);
      await expectLater(
        context.safety(),
        throwsA(isA<VeilidAPIExceptionInvalidArgument>()),
      );
    });

    test('an id that was given back is not used again', () async {
      final link = await start();
      final table = await veilid.openTableDB('t', 2);
      expect(table.columnCount, 2);
      final done = table.transact();
      await done.store(0, Uint8List(1), Uint8List(1));
      await done.commit();
      expect(done.isDone, isTrue);
      await expectLater(
        done.rollback(),
        throwsA(isA<VeilidAPIExceptionGeneric>()),
      );
      await turns();
      expect(link.names.last, 'TableDbTransaction.Commit');

      final records = await veilid.transactDHTRecords([
        RecordKey.fromString('VLD0:AAAA'),
      ]);
      await records.commit();
      await expectLater(
        records.commit(),
        throwsA(isA<VeilidAPIExceptionTransactionNotFound>()),
      );
      await turns();
      expect(link.names.last, 'DhtTransaction.Commit');
    });

    test('a transaction that could not be committed is given back', () async {
      final link = await start();
      final records = await veilid.transactDHTRecords([
        RecordKey.fromString('VLD0:AAAA'),
      ]);
      backend.answer = (request, _) => request['dhttx_op'] == 'Commit'
          ? throw const VeilidAPIExceptionTryAgain('no consensus')
          : null;
      await expectLater(
        records.commit(),
        throwsA(isA<VeilidAPIExceptionTryAgain>()),
      );
      await turns();
      expect(link.names.last, 'DhtTransaction.Release');
    });

    test('objects of a node that has ended do not reach the next', () async {
      await start();
      final context = await veilid.routingContext();
      await veilid.shutdownVeilidCore();
      final link = await start();
      await expectLater(
        context.safety(),
        throwsA(isA<VeilidAPIExceptionNotInitialized>()),
      );
      expect(link.requests, isEmpty);
    });

    test(
      'objects of another tab\'s node are gone, the stream goes on',
      () async {
        final stream = await veilid.startupVeilidCore(fakeConfig());
        final link = backend.links.single;
        final context = await veilid.routingContext();
        link.listener.renewed();
        await expectLater(
          context.safety(),
          throwsA(isA<VeilidAPIExceptionNotInitialized>()),
        );
        await veilid.routingContext();
        final seen = stream.first;
        await link.update({
          'kind': 'RouteChange',
          'dead_routes': <Object?>[],
          'dead_remote_routes': <Object?>[],
        });
        await seen;
      },
    );

    test('tables', () async {
      await start();
      final table = await veilid.openTableDB('t', 2);
      expect(await table.getKeys(0), [
        [1],
        [2],
      ]);
      expect(await table.loadStringJson(0, 'k'), {'a': 1});
    });
  });
}

/// Secrets that nothing keeps.
final class MemorySecrets implements VeilidSecretStore {
  final Map<String, Uint8List> secrets = {};

  @override
  Future<Uint8List?> load(String key) async => secrets[key];

  @override
  Future<void> save(String key, Uint8List secret) async =>
      secrets[key] = secret;

  @override
  Future<bool> remove(String key) async => secrets.remove(key) != null;
}
