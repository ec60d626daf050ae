// Real nodes, in the library: a private network of five in this process.
@TestOn('vm')
@Timeout(Duration(minutes: 3))
library;

import 'dart:convert';
import 'dart:io';
import 'dart:typed_data';

import 'package:test/test.dart';
import 'package:voile/core.dart';
import 'package:voile/src/link/ffi_link.dart';

/// Secrets that this process keeps.
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

/// One node of the network.
final class Peer {
  Peer(this.name, this.folder);

  final String name;
  final String folder;
  final Veilid veilid = Veilid.over(const FfiBackend());
  final MemorySecrets secrets = MemorySecrets();
  late Stream<VeilidUpdate> updates;

  Future<void> start(int port, List<String> records) async {
    final defaults = await getDefaultVeilidConfig(
      isWeb: false,
      programName: name,
      networkKeyPassword: 'a test',
      bootstrapKeys: '',
      directory: '$folder/$name',
    );
    final network = defaults.network;
    final at = '127.0.0.1:$port';
    updates = (await veilid.startupVeilidCore(
      defaults.copyWith(
        network: network.copyWith(
          privateNetwork: true,
          upnp: false,
          routingTable: network.routingTable.copyWith(
            bootstrap: const [],
            bootstrapRecords: records,
          ),
          protocol: network.protocol.copyWith(
            udp: network.protocol.udp.copyWith(listenAddress: at),
            tcp: network.protocol.tcp.copyWith(listenAddress: at),
            ws: network.protocol.ws.copyWith(listenAddress: at),
          ),
        ),
      ),
      secrets: secrets,
    )).asBroadcastStream();
    // Somebody must listen, or updates would be held back.
    updates.listen((_) {});
    await veilid.attach();
  }
}

void main() {
  late Directory folder;
  final peers = <Peer>[];
  late Peer ann;
  late Peer ben;

  setUpAll(() async {
    folder = await Directory.systemTemp.createTemp('voile-test');
    final first = await ServerSocket.bind(InternetAddress.loopbackIPv4, 0);
    final port = first.port;
    await first.close();
    var records = <String>[];
    for (final (i, name) in ['r1', 'r2', 'r3', 'ann', 'ben'].indexed) {
      final peer = Peer(name, folder.path);
      peers.add(peer);
      await peer.start(port + i, records);
      if (records.isEmpty) {
        final id = (await peer.veilid.debug('nodeid')).trim();
        records = ['0|0|$id|127.0.0.1|U$port,T$port,W$port/ws'];
      }
    }
    ann = peers[3];
    ben = peers[4];
    for (final peer in [ann, ben]) {
      await peer.veilid.waitForAttachmentCondition(
        timeout: const Duration(minutes: 1),
      );
    }
  });

  tearDownAll(() async {
    for (final peer in peers) {
      await peer.veilid.shutdownVeilidCore();
    }
    await folder.delete(recursive: true);
  });

  test('a call over a private route, both ways of bytes', () async {
    final route = await ben.veilid.newPrivateRoute();
    final id = await ann.veilid.importRemotePrivateRoute(route.blob);
    final asked = ben.updates.firstWhere((u) => u is VeilidAppCall).then((
      u,
    ) async {
      final call = u as VeilidAppCall;
      expect(call.routeId, route.routeId);
      await ben.veilid.appCallReply(
        call.callId,
        Uint8List.fromList(call.message.reversed.toList()),
      );
    });
    final context = await ann.veilid.routingContext();
    final question = Uint8List.fromList([
      for (var i = 0; i < 30000; i++) i % 256,
    ]);
    final answer = await context.appCall(Target.routeId(id), question);
    expect(answer, question.reversed.toList());
    await asked;
    context.close();
  });

  test('a record that both write, and a watch', () async {
    final annContext = await ann.veilid.routingContext();
    final benContext = await ben.veilid.routingContext();
    final made = await annContext.createDHTRecord(
      cryptoKindVLD0,
      const DHTSchema.dflt(oCnt: 2),
    );
    expect(
      await annContext.setDHTValue(made.key, 0, utf8.encode('one')),
      isNull,
    );
    await annContext.flushDHTRecord(made.key);
    await benContext.openDHTRecord(made.key, writer: made.ownerKeyPair);
    final read = await benContext.getDHTValue(made.key, 0, forceRefresh: true);
    expect(utf8.decode(read!.data), 'one');
    expect(await annContext.watchDHTValues(made.key), isTrue);
    final changed = ann.updates.firstWhere(
      (u) => u is VeilidUpdateValueChange && u.subkeys.containsSubkey(1),
    );
    await benContext.setDHTValue(made.key, 1, utf8.encode('two'));
    final value = (await changed as VeilidUpdateValueChange).value;
    expect(utf8.decode(value!.data), 'two');
    final report = await annContext.inspectDHTRecord(made.key);
    expect(report.localSeqs.first, 0);
  });

  test('a transaction', () async {
    final context = await ann.veilid.routingContext();
    final made = await context.createDHTRecord(
      cryptoKindVLD0,
      const DHTSchema.dflt(oCnt: 1),
    );
    await context.setDHTValue(made.key, 0, utf8.encode('before'));
    await context.flushDHTRecord(made.key);
    final transaction = await ann.veilid.transactDHTRecords([made.key]);
    expect(await transaction.set(made.key, 0, utf8.encode('after')), isNull);
    await transaction.commit();
    expect(
      utf8.decode((await context.getDHTValue(made.key, 0))!.data),
      'after',
    );
    await expectLater(
      transaction.rollback(),
      throwsA(isA<VeilidAPIExceptionTransactionNotFound>()),
    );
  });

  test('a table', () async {
    final table = await ann.veilid.openTableDB('t', 1);
    await table.storeStringJson(0, 'key', {'a': 1});
    expect(await table.loadStringJson(0, 'key'), {'a': 1});
    final transaction = table.transact();
    await transaction.store(0, utf8.encode('b'), Uint8List(0));
    expect(await table.load(0, utf8.encode('b')), isNull);
    await transaction.commit();
    expect(await table.load(0, utf8.encode('b')), isEmpty);
    expect(await table.getKeys(0), hasLength(2));
    table.close();
  });

  test('cryptography', () async {
    final system = await ann.veilid.bestCryptoSystem();
    final pair = await system.generateKeyPair();
    final data = utf8.encode('data');
    final signature = await system.signWithKeyPair(pair, data);
    expect(await system.verify(pair.key, data, signature), isTrue);
    final sealed = await system.encryptAeadWithPassword(data, 'password');
    expect(sealed, hasLength(data.length + 16 + 24));
    expect(await system.decryptAeadWithPassword(sealed, 'password'), data);
    final nonce = await system.randomNonce();
    final secret = await system.randomSharedSecret();
    final body = await system.encryptAead(data, nonce, secret, data);
    expect(await system.decryptAead(body, nonce, secret, data), data);
    await expectLater(
      system.decryptAead(body, nonce, secret, null),
      throwsA(isA<VeilidAPIExceptionGeneric>()),
    );
  });

  test('secrets are where the application keeps them', () async {
    expect(
      await ann.veilid.saveUserSecret('pin', utf8.encode('1234')),
      isFalse,
    );
    expect(await ann.veilid.loadUserSecret('pin'), utf8.encode('1234'));
    expect(await ann.veilid.listUserSecrets(), ['pin']);
    expect(
      ann.secrets.secrets.keys.every((key) => key.startsWith('voile/ann//')),
      isTrue,
    );
    expect(await ann.veilid.removeUserSecret('pin'), isTrue);
  });

  test('errors have their kind and code', () async {
    await expectLater(
      ann.veilid.getCryptoSystem(cryptoKindFromString('NONE')),
      throwsA(
        isA<VeilidAPIExceptionInvalidArgument>()
            .having((e) => e.context, 'context', 'unsupported cryptosystem')
            .having((e) => e.code.code, 'code', 12),
      ),
    );
    await expectLater(
      ann.veilid.unsafeRoutingContext(),
      throwsA(isA<VeilidAPIExceptionGeneric>()),
    );
  });

  test('another start in this process takes the node over', () async {
    // What a hot restart does: another isolate's objects, the same library.
    final again = Peer('ann', folder.path);
    final stream = await again.veilid.startupVeilidCore(
      (await ann.veilid.getVeilidState()).config.config,
      secrets: again.secrets,
    );
    final subscription = stream.listen((_) {});
    final state = await again.veilid.getVeilidState();
    expect(state.attachment.publicInternetReady, isTrue);
    await subscription.cancel();
  });

  test('a thousand calls at once', () async {
    final system = await ann.veilid.bestCryptoSystem();
    final hashes = await Future.wait([
      for (var i = 0; i < 1000; i++) system.generateHash(utf8.encode('$i')),
    ]);
    expect(hashes.toSet(), hasLength(1000));
  });

  test('starts and ends', () async {
    for (var i = 0; i < 20; i++) {
      final peer = Peer('short', folder.path);
      final config = await getDefaultVeilidConfig(
        isWeb: false,
        programName: 'short',
        directory: '${folder.path}/short',
      );
      final stream = await peer.veilid.startupVeilidCore(
        config,
        secrets: peer.secrets,
      );
      final done = stream.drain<void>();
      await peer.veilid.shutdownVeilidCore();
      await done;
      await expectLater(
        peer.veilid.getVeilidState(),
        throwsA(isA<VeilidAPIExceptionNotInitialized>()),
      );
    }
  });
}
