import 'dart:async';
import 'dart:convert';
import 'dart:typed_data';

import 'crypto_system.dart';
import 'dht_transaction.dart';
import 'host.dart';
import 'link/link.dart';
import 'link/open_stub.dart'
    if (dart.library.js_interop) 'link/open_web.dart'
    if (dart.library.ffi) 'link/open_ffi.dart';
import 'logging.dart';
import 'routing_context.dart';
import 'session.dart';
import 'table_db.dart';
import 'types/case.dart';
import 'types/config.dart';
import 'types/crypto_kind.dart';
import 'types/dht.dart';
import 'types/enums.dart';
import 'types/exception.dart';
import 'types/keys.dart';
import 'types/route.dart';
import 'types/state.dart';
import 'types/timestamp.dart';
import 'types/typed.dart';
import 'types/update.dart';
import 'version.dart';

/// A node of a Veilid network inside this application.
///
///     final updates = await Veilid.instance.startupVeilidCore(config);
///     updates.listen((update) { … });
///     await Veilid.instance.attach();
///
/// No method blocks: what takes time is done elsewhere, on threads of the library or
/// in a worker of the browser. Every operation completes with a [VeilidAPIException]
/// if it fails; before the start and after the end of the node with
/// [VeilidAPIExceptionNotInitialized].
class Veilid {
  /// A node over another way to run it, for tests.
  Veilid.over(this._backend) : _logging = Logging(isWeb: _backend.isWeb);

  /// The node of this application.
  static final Veilid instance = Veilid.over(openBackend());

  final Backend _backend;
  final Logging _logging;
  _Running? _running;
  Future<void> _lock = Future.value();

  /// The version of the native library; null in a browser, whose module is of the
  /// version that was put beside the page.
  String? get libraryVersion => _backend.libraryVersion;

  // ---- the start and the end -------------------------------------------------

  /// Takes the platform configuration: where the log goes. See `VeilidFFIConfig` and
  /// `VeilidWASMConfig`. To be called before the start; without it there is no log.
  ///
  /// [VeilidAPIExceptionUnimplemented] if something is enabled that this library does
  /// not have, [FormatException] if it is not the configuration of this platform.
  void initializeVeilidCore(Map<String, dynamic> platformConfigJson) {
    _logging.configure(platformConfigJson);
    _running?.link.setLogLevel(_logging.most);
  }

  /// Sets the level of a layer of the log: `terminal` (in a browser `performance`),
  /// `api`, or `all`. [directives] is the name of a level or `off`.
  void changeLogLevel(String layer, String directives) {
    _logging.change(layer, directives);
    _running?.link.setLogLevel(_logging.most);
  }

  /// Of the original. Lines of this library have no targets, so that there is
  /// nothing to ignore; a layer that is not there is an error.
  @Deprecated('Lines of the log have no targets here.')
  void changeLogIgnore(String layer, List<String> changes) =>
      _logging.checkLayer(layer);

  /// Starts the node and gives its updates. It is not attached to the network yet.
  ///
  /// If a node of the same program name and namespace runs already it is taken over:
  /// after a hot restart, or because this was called before. The last stream ends
  /// then, objects of before (contexts, tables, …) are gone after a hot restart, and
  /// [config] is not looked at. [VeilidAPIExceptionAlreadyInitialized] if one of
  /// another name runs.
  ///
  /// [memoryLimit]: bytes that the node should take at most, from 16 MiB on; 0: no
  /// limit. [secrets]: where the device keeps secrets; null: what the platform
  /// registered, or else what the configuration says.
  ///
  /// The stream is for one listener, and ends when the node does. Pausing it holds
  /// back the senders; what other applications send is lost after two seconds of
  /// that. A bug in the library comes as an error, [VeilidAPIExceptionInternal], and
  /// the end.
  Future<Stream<VeilidUpdate>> startupVeilidCore(
    VeilidConfig config, {
    int memoryLimit = 0,
    VeilidSecretStore? secrets,
  }) => _alone(() async {
    final running = _running;
    if (running != null) {
      if (running.programName != config.programName ||
          running.namespace != config.namespace) {
        throw const VeilidAPIExceptionAlreadyInitialized();
      }
      return running.renew();
    }
    final store = config.protectedStore.alwaysUseInsecureStorage
        ? null
        : secrets ?? registeredHost?.secrets;
    final link = await _backend.start(
      jsonEncode(snakeKeys(config.toJson())),
      StartOptions(
        logLevel: _logging.most,
        memoryLimit: memoryLimit,
        secrets: store == null
            ? null
            : ScopedSecrets(store, config.programName, config.namespace),
      ),
    );
    final started = _Running(
      link,
      _logging,
      programName: config.programName,
      namespace: config.namespace,
    );
    _running = started;
    final updates = started.renew();
    started.begin(() {
      if (identical(_running, started)) {
        _running = null;
      }
    });
    return updates;
  });

  /// Ends the node and its stream of updates, and waits for it.
  Future<void> shutdownVeilidCore() => _alone(() async {
    final running = _running;
    if (running == null) {
      throw const VeilidAPIExceptionNotInitialized();
    }
    await running.link.close();
    running.ended();
  });

  /// Whether no node runs.
  Future<bool> isShutdown() async {
    final running = _running;
    return running == null || (await _call('IsShutdown')).flag;
  }

  /// Runs [f] when no other start or end is under way.
  Future<T> _alone<T>(Future<T> Function() f) {
    final result = _lock.then((_) => f());
    _lock = result.then<void>((_) {}, onError: (Object _) {});
    return result;
  }

  Session get _session =>
      _running?.session ?? (throw const VeilidAPIExceptionNotInitialized());

  // Not `=>`: what is thrown belongs into the future.
  Future<Answer> _call(
    String op, [
    Map<String, Object?> parameters = const {},
  ]) async {
    return await _session.call(op, parameters);
  }

  // ---- the node --------------------------------------------------------------

  /// Its state, with the whole configuration and the secrets in it.
  Future<VeilidState> getVeilidState() async =>
      (await _call('GetState')).object(VeilidState.fromJson);

  /// Joins the network. Done before anything is connected: see
  /// `VeilidUpdateAttachment`, or [waitForAttachmentCondition].
  Future<void> attach() => _call('Attach');

  /// Leaves the network.
  Future<void> detach() => _call('Detach');

  /// Waits until the node is attached as [condition] says; without one, until it can
  /// be used. [VeilidAPIExceptionTimeout] after [timeout]; without it there is no
  /// limit.
  Future<VeilidStateAttachment> waitForAttachmentCondition({
    VeilidStateAttachmentCondition? condition,
    Duration? timeout,
  }) async => (await _call('WaitForAttachmentCondition', {
    'condition': wire(condition?.toJson()),
    'timeout_ms': timeout?.inMilliseconds,
  })).object(VeilidStateAttachment.fromJson);

  /// Changes the configuration, while the node is detached.
  Future<void> changeConfig(VeilidConfig config) =>
      _call('ChangeConfig', {'config': wire(config.toJson())});

  /// Tells the node that interfaces or connectivity have changed, so that it looks
  /// at once. It notices by itself, later.
  void networkChanged({bool online = true}) =>
      _running?.link.networkChanged(online: online);

  /// Tells the node whether the application is in the foreground. With Flutter this
  /// is done by this package.
  void setForeground({required bool on}) =>
      _running?.link.setForeground(on: on);

  /// [setForeground] as the API has it; libraries without that feature answer
  /// [VeilidAPIExceptionUnimplemented].
  Future<void> reportAppLifecycleState(VeilidAppLifecycleState state) =>
      _call('ReportAppLifecycleState', {'state': state.toJson()});

  // ---- cryptography ----------------------------------------------------------

  /// The kinds there are, the best one first.
  List<CryptoKind> validCryptoKinds() => supportedCryptoKinds;

  /// The cryptography of [kind].
  Future<VeilidCryptoSystem> getCryptoSystem(CryptoKind kind) async {
    final session = _session;
    final answer = await session.call('GetCryptoSystem', {'kind': kind.name});
    return VeilidCryptoSystem.of(session, answer.number, kind);
  }

  /// The cryptography of the best kind.
  Future<VeilidCryptoSystem> bestCryptoSystem() =>
      getCryptoSystem(bestCryptoKind());

  /// Checks [signatures] of [data]. Null: one of them is wrong. Otherwise the keys
  /// that were checked.
  Future<List<PublicKey>?> verifySignatures(
    List<PublicKey> publicKeys,
    Uint8List data,
    List<Signature> signatures,
  ) async {
    final answer = await _call('VerifySignatures', {
      'node_ids': [for (final key in publicKeys) key.toJson()],
      'data': data,
      'signatures': [for (final signature in signatures) signature.toJson()],
    });
    return answer.value == null ? null : answer.list(PublicKey.fromJson);
  }

  /// Signs [data] with each of [keyPairs].
  Future<List<Signature>> generateSignatures(
    Uint8List data,
    List<KeyPair> keyPairs,
  ) async => (await _call('GenerateSignatures', {
    'data': data,
    'key_pairs': [for (final pair in keyPairs) pair.toJson()],
  })).list(Signature.fromJson);

  /// A new key pair.
  Future<KeyPair> generateKeyPair(CryptoKind kind) async => (await _call(
    'GenerateKeyPair',
    {'kind': kind.name},
  )).object(KeyPair.fromJson);

  // ---- routing contexts and routes -------------------------------------------

  /// A context with the default safety: a route of the configured number of hops.
  Future<VeilidRoutingContext> routingContext() async {
    final session = _session;
    final answer = await session.call('NewRoutingContext');
    return VeilidRoutingContext.of(session, Future.value(answer.number));
  }

  /// A context with the default safety but for these two.
  Future<VeilidRoutingContext> safeRoutingContext({
    Stability stability = Stability.lowLatency,
    Sequencing sequencing = Sequencing.preferOrdered,
  }) async {
    final context = await routingContext();
    final safety = await context.safety();
    final spec = switch (safety) {
      SafetySelectionSafe(:final safetySpec) => safetySpec,
      SafetySelectionUnsafe() => const SafetySpec(),
    };
    final safe = context.withSafety(
      SafetySelectionSafe(
        safetySpec: spec.copyWith(stability: stability, sequencing: sequencing),
      ),
      closeSelf: true,
    );
    await safe.safety();
    return safe;
  }

  /// A context without a safety route. Fails, unless the library was built for it.
  Future<VeilidRoutingContext> unsafeRoutingContext({
    Sequencing sequencing = Sequencing.preferOrdered,
  }) async {
    final context = await routingContext();
    final unsafe = context.withSafety(
      SafetySelectionUnsafe(sequencing: sequencing),
      closeSelf: true,
    );
    await unsafe.safety();
    return unsafe;
  }

  /// Makes a private route of this node, whose blob others import.
  Future<RouteBlob> newPrivateRoute() async =>
      (await _call('NewPrivateRoute')).object(RouteBlob.fromJson, blob: 'blob');

  /// Makes a private route of this node. No [kinds]: all there are. [hopCount] 0 is
  /// the configured number.
  Future<RouteBlob> newCustomPrivateRoute(
    Stability stability,
    Sequencing sequencing, {
    List<CryptoKind> kinds = const [],
    int hopCount = 0,
  }) async {
    final spec = PrivateSpec(
      cryptoKinds: kinds,
      hopCount: hopCount,
      stability: stability,
      sequencing: sequencing,
    );
    final answer = await _call('NewCustomPrivateRoute', {
      'private_spec': wire(spec.toJson()),
    });
    return answer.object(RouteBlob.fromJson, blob: 'blob');
  }

  /// Imports a private route of another node; its id is a target of messages.
  Future<RouteId> importRemotePrivateRoute(Uint8List blob) async =>
      (await _call('ImportRemotePrivateRoute', {
        'blob': blob,
      })).object(RouteId.fromJson);

  /// Ends a private route of this node, or forgets an imported one.
  Future<void> releasePrivateRoute(RouteId routeId) =>
      _call('ReleasePrivateRoute', {'route_id': routeId.toJson()});

  /// Answers a `VeilidAppCall` with at most 32768 bytes.
  Future<void> appCallReply(String callId, Uint8List message) =>
      _call('AppCallReply', {'call_id': callId, 'message': message});

  // ---- records and tables ----------------------------------------------------

  /// The id of the member that writes with [writerKey].
  Future<MemberId> generateMemberId(PublicKey writerKey) async => (await _call(
    'GenerateMemberId',
    {'writer_key': writerKey.toJson()},
  )).object(MemberId.fromJson);

  /// The key of the record of [owner] with [schema]. Asks nobody.
  Future<RecordKey> getDHTRecordKey(
    DHTSchema schema,
    PublicKey owner,
    SharedSecret? encryptionKey,
  ) async => (await _call('GetDhtRecordKey', {
    'schema': wire(schema.toJson()),
    'owner': owner.toJson(),
    'encryption_key': encryptionKey?.toJson(),
  })).object(RecordKey.fromJson);

  /// Begins a transaction over records that are open, 1 to 32.
  Future<VeilidDHTTransaction> transactDHTRecords(
    List<RecordKey> recordKeys, {
    TransactDHTRecordsOptions? options,
  }) async {
    final session = _session;
    final answer = await session.call('TransactDhtRecords', {
      'record_keys': [for (final key in recordKeys) key.toJson()],
      'options': wire(options?.toJson()),
    });
    return VeilidDHTTransaction.of(session, Future.value(answer.number));
  }

  /// Opens a table of this node, and makes it if it is not there. [columnCount] is
  /// the number of columns to use, at least 1.
  Future<VeilidTableDB> openTableDB(String name, int columnCount) async {
    final session = _session;
    final answer = await session.call('OpenTableDb', {
      'name': name,
      'column_count': columnCount,
    });
    final id = answer.number;
    final count = await session.call('TableDb', {
      'db_id': id,
      'db_op': 'GetColumnCount',
    });
    return VeilidTableDB.of(session, id, count.number);
  }

  /// Deletes a table that is not open. Says whether there was one.
  Future<bool> deleteTableDB(String name) async =>
      (await _call('DeleteTableDb', {'name': name})).flag;

  /// Gives a table another name.
  Future<void> renameTableDB(String oldName, String newName) =>
      _call('RenameTableDb', {'old_name': oldName, 'new_name': newName});

  // ---- secrets of the application --------------------------------------------

  /// Keeps a secret where the device keeps its own. Says whether there was one.
  Future<bool> saveUserSecret(String key, Uint8List value) async =>
      (await _call('SaveUserSecret', {'key': key, 'value': value})).flag;

  /// The secret of a key; null if there is none.
  Future<Uint8List?> loadUserSecret(String key) async =>
      (await _call('LoadUserSecret', {'key': key})).bytesOrNull;

  /// Removes a secret. Says whether there was one.
  Future<bool> removeUserSecret(String key) async =>
      (await _call('RemoveUserSecret', {'key': key})).flag;

  /// The keys of all secrets of the application, in no order.
  Future<List<String>> listUserSecrets() async =>
      (await _call('ListUserSecrets')).list((json) => json! as String);

  /// Removes all secrets of the application.
  Future<void> deleteAllUserSecrets() => _call('DeleteAllUserSecrets');

  // ---- the rest --------------------------------------------------------------

  /// Now, by the clock of this device.
  Timestamp now() => Timestamp.now();

  /// Now, but never before what this gave last.
  Future<Timestamp> nowNonDecreasing() async =>
      (await _call('NowNonDecreasing')).object(Timestamp.fromJson);

  /// Now, but always after what this gave last.
  Future<Timestamp> nowIncreasing() async =>
      (await _call('NowIncreasing')).object(Timestamp.fromJson);

  /// The version of the API: that of the original whose protocol the node speaks.
  String veilidVersionString() => apiVersion;

  /// [veilidVersionString] in numbers.
  VeilidVersion veilidVersion() {
    final [major, minor, patch] = apiVersion.split('.').map(int.parse).toList();
    return VeilidVersion(major, minor, patch);
  }

  /// What of the original's build features holds here.
  List<String> veilidFeatures() => [
    for (final feature in apiFeatures)
      if (feature != 'debug-api' || _backend.hasDebugApi) feature,
  ];

  /// The default configuration as JSON, in camelCase.
  String defaultVeilidConfig() =>
      jsonEncode(camelKeys(jsonDecode(_backend.defaultConfig)));

  /// Runs a command of the debug console and gives what it prints. In a browser the
  /// answer is empty unless the application is built with
  /// `--dart-define=VOILE_WEB_DEBUG=true`, which loads a larger module.
  Future<String> debug(String command) async =>
      (await _call('Debug', {'command': command})).text;
}

/// One run of a node, from its start to its end.
final class _Running implements LinkListener {
  _Running(
    this.link,
    this._logging, {
    required this.programName,
    required this.namespace,
  }) : session = Session(link);

  final Link link;
  Session session;
  final Logging _logging;
  final String programName;
  final String namespace;

  StreamController<VeilidUpdate>? _stream; // null: nobody listens any more
  Completer<void>? _wanted; // who waits for the stream to be listened to
  VeilidHostWatch? _watch;
  bool _over = false;
  void Function() _whenEnded = () {};

  /// Begins to take updates. [whenEnded] is called once, at the end.
  void begin(void Function() whenEnded) {
    _whenEnded = whenEnded;
    _watch = registeredHost?.watch(
      ({required on}) => link.setForeground(on: on),
    );
    link.listen(this);
  }

  /// A new stream of updates in place of the last one, which ends.
  Stream<VeilidUpdate> renew() {
    final last = _stream;
    final stream = StreamController<VeilidUpdate>(
      onListen: _wake,
      onResume: _wake,
    );
    stream.onCancel = () {
      if (identical(_stream, stream)) {
        _stream = null;
        _wake();
      }
    };
    _stream = stream;
    unawaited(last?.close());
    _wake();
    return stream.stream;
  }

  void _wake() {
    _wanted?.complete();
    _wanted = null;
  }

  /// Gives an update to the application, when it takes it.
  @override
  Future<void> update(Message message) async {
    final VeilidUpdate update;
    try {
      final json = decodeUpdate(message);
      if (json['kind'] == 'Shutdown') {
        return; // The end says it.
      }
      update = VeilidUpdate.fromJson(json);
    } on Exception catch (error, trace) {
      _stream?.addError(error, trace);
      return;
    }
    if (update is VeilidLog) {
      if (_logging.console.passes(update.logLevel)) {
        // The console is what was asked for.
        // ignore: avoid_print
        print('${update.logLevel.toJson()}: ${update.message}');
      }
      if (!_logging.api.passes(update.logLevel)) {
        return;
      }
    }
    while (!_over) {
      final stream = _stream;
      if (stream == null) {
        return;
      }
      if (stream.hasListener && !stream.isPaused) {
        stream.add(update);
        return;
      }
      await (_wanted ??= Completer<void>()).future;
    }
  }

  @override
  void fault(VeilidAPIException error) => _stream?.addError(error);

  @override
  void renewed() {
    if (!_over) {
      session.end();
      session = Session(link);
    }
  }

  @override
  void ended() {
    if (_over) {
      return;
    }
    _over = true;
    session.end();
    _watch?.stop();
    unawaited(_stream?.close());
    _stream = null;
    _wake();
    _whenEnded();
  }
}
