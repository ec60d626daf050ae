import 'dart:async';
import 'dart:convert';
import 'dart:ffi';
import 'dart:io';
import 'dart:isolate';
import 'dart:typed_data';

import 'package:ffi/ffi.dart';

import '../error_code.dart';
import '../host.dart';
import '../types/enums.dart';
import '../types/exception.dart';
import 'android_network.dart';
import 'bindings.dart';
import 'link.dart';

/// Nodes of the library in this process.
///
/// No function that is called here waits for anything: starts, ends and calls are
/// answered with messages to a port. The library outlives the isolate, so that after
/// a hot restart the node is still there; what the old isolate had open ends with
/// its port.
final class FfiBackend implements Backend {
  /// There is one library in a process.
  const FfiBackend();

  @override
  bool get isWeb => false;

  @override
  String? get libraryVersion => voileVersion().toDartString();

  @override
  bool get hasDebugApi => true;

  @override
  String get defaultConfig => voileDefaultConfig().toDartString();

  @override
  Future<Link> start(String config, StartOptions options) async {
    final abi = voileAbi();
    if (abi != voileAbiVersion) {
      throw VeilidAPIExceptionInternal(
        'the library has interface $abi, this package needs $voileAbiVersion',
      );
    }
    _check(voileDartInit(NativeApi.initializeApiDLData));
    final network = Platform.isAndroid ? AndroidNetwork() : null;
    final link = _FfiLink(options.secrets, network);
    try {
      await network?.look();
      await link._start(config, options);
    } on Object {
      await link.close();
      rethrow;
    }
    return link;
  }
}

/// How many updates may be on their way to this isolate.
const int _window = 64;

final class _FfiLink implements Link {
  _FfiLink(this._secrets, this._network) {
    _port.handler = _heard;
  }

  final VeilidSecretStore? _secrets;
  final AndroidNetwork? _network; // null: the library asks the device
  final RawReceivePort _port = RawReceivePort(null, 'voile');
  final Map<int, Completer<List<Object?>>> _calls = {};
  final Map<int, Completer<List<Object?>>> _orders = {}; // starts and closes
  final Completer<LinkListener> _listener = Completer();
  late Future<void> _updates = _listener.future;
  int _lastTag = 0;
  int _node = 0;
  int _session = 0;
  bool _ended = false;
  Future<void>? _closing;

  Future<void> _start(String config, StartOptions options) async {
    final started = await _ask(
      _orders,
      (tag) => using((arena) {
        final text = _textIn(arena, config);
        final facts = _network?.facts;
        final network = facts == null ? null : _textIn(arena, facts);
        final native = arena<VoileOptions>();
        native.ref
          ..size = sizeOf<VoileOptions>()
          ..abi = voileAbiVersion
          ..flags = voileStartReuse
          ..updateLogLevel = _levelOf(options.logLevel)
          ..logLevel = voileLogOff
          ..log = nullptr
          ..logUser = nullptr
          ..startTimeoutMs = 0
          ..reserved = 0
          ..memoryLimit = options.memoryLimit
          ..store = nullptr
          ..network = network?.text ?? nullptr
          ..networkSize = network?.size ?? 0;
        return voileDartStart(
          _port.sendPort.nativePort,
          tag,
          native,
          _secrets == null ? 0 : _port.sendPort.nativePort,
          text.text,
          text.size,
        );
      }),
    );
    if (started[1] != ErrorCode.ok.code) {
      throw _errorOf(_lineOf(started));
    }
    final node = started[2]! as int;
    _node = node;
    _session = using((arena) {
      final session = arena<Int64>();
      _check(voileDartOpen(node, _port.sendPort.nativePort, _window, session));
      return session.value;
    });
    // A node that was taken over has those of the isolate before.
    setLogLevel(options.logLevel);
    setForeground(on: true);
    _network?.watch((facts) {
      using((arena) {
        final text = _textIn(arena, facts);
        voileNodeSetNetwork(node, text.text, text.size);
      });
    });
  }

  @override
  void listen(LinkListener listener) {
    _listener.complete(listener);
    if (_ended) {
      listener.ended();
    }
  }

  @override
  Future<Message> call(Message request) async {
    if (_ended) {
      throw const VeilidAPIExceptionNotInitialized();
    }
    final answer = await _ask(
      _calls,
      (tag) => using((arena) {
        final line = _textIn(arena, request.line);
        final count = request.blobs.length;
        final Pointer<VoileBytes> blobs = count == 0
            ? nullptr
            : arena<VoileBytes>(count);
        for (final (i, bytes) in request.blobs.indexed) {
          blobs[i]
            ..data = _bytesIn(arena, bytes)
            ..size = bytes.length;
        }
        return voileCall(
          _session,
          line.text,
          line.size,
          blobs,
          count,
          tag,
          nullptr,
          nullptr,
          nullptr,
        );
      }),
    );
    return _messageOf(answer);
  }

  /// Calls [begin] with a tag and gives the message that has the same one.
  Future<List<Object?>> _ask(
    Map<int, Completer<List<Object?>>> asked,
    int Function(int tag) begin,
  ) async {
    final tag = ++_lastTag;
    final answer = Completer<List<Object?>>();
    asked[tag] = answer;
    try {
      _check(begin(tag));
    } on Object {
      asked.remove(tag);
      rethrow;
    }
    return await answer.future;
  }

  /// A message of the library: `[type, code, handle, tag, line, blob 0, …]`.
  void _heard(Object? message) {
    if (message is! List<Object?> || message.length < 5) {
      return;
    }
    final [type, _, handle, tag, ...] = message;
    switch (type) {
      case voileEventAnswer:
        _calls.remove(tag)?.complete(message);
      case voileDartStarted || voileDartDone:
        _orders.remove(tag)?.complete(message);
      case voileEventUpdate:
        _updates = _updates.then((_) => _give(message));
      case voileEventCrash:
        unawaited(_listener.future.then((l) => l.fault(_crashOf(message))));
      case voileEventClosed:
        _finish();
        unawaited(close());
      case voileDartStore:
        unawaited(_answerStore(handle! as int, message));
      default: // Of a later version.
    }
  }

  Future<void> _give(List<Object?> message) async {
    final listener = await _listener.future;
    if (_ended) {
      return;
    }
    await listener.update(_messageOf(message));
    if (!_ended) {
      voileDartAck(_session, 1);
    }
  }

  Future<void> _answerStore(int request, List<Object?> message) async {
    var code = ErrorCode.internal;
    Uint8List? secret;
    try {
      final store = _secrets!;
      final ask = jsonDecode(_lineOf(message)) as Map<String, dynamic>;
      final key = ask['key'] as String;
      switch (ask['op']) {
        case 'load':
          secret = await store.load(key);
          code = secret == null ? ErrorCode.keyNotFound : ErrorCode.ok;
        case 'save':
          // A copy: the library's bytes are not for keeping.
          await store.save(key, Uint8List.fromList(message[5]! as Uint8List));
          code = ErrorCode.ok;
        case 'remove':
          code = await store.remove(key) ? ErrorCode.ok : ErrorCode.keyNotFound;
        default:
          code = ErrorCode.unimplemented;
      }
    } on Object {
      // Whatever a store throws, the node must have its answer; what it makes of
      // it reaches the application as the failure of an operation.
      code = ErrorCode.internal;
    }
    using((arena) {
      final bytes = secret ?? Uint8List(0);
      voileDartStoreReply(
        request,
        code.code,
        _bytesIn(arena, bytes),
        bytes.length,
      );
    });
  }

  @override
  void setLogLevel(VeilidConfigLogLevel level) =>
      voileNodeSetLogLevel(_node, _levelOf(level));

  @override
  void networkChanged({required bool online}) {
    voileNodeNetworkChanged(_node);
    unawaited(_network?.lookAgain());
  }

  @override
  void setForeground({required bool on}) {
    voileNodeSetForeground(_node, on ? 1 : 0);
    _network?.setForeground(on: on);
  }

  @override
  Future<void> close() => _closing ??= _close();

  Future<void> _close() async {
    _network?.stop();
    for (final handle in [_node, _session]) {
      try {
        if (handle != 0) {
          await _ask(
            _orders,
            (tag) => voileDartClose(_port.sendPort.nativePort, tag, handle),
          );
        }
      } on VeilidAPIException {
        // It is closed already.
      }
    }
    _finish();
    _port.close();
  }

  /// The node has ended: nothing is given any more, and what waits is answered.
  void _finish() {
    if (_ended) {
      return;
    }
    _ended = true;
    for (final asked in _calls.values) {
      asked.completeError(const VeilidAPIExceptionShutdown());
    }
    _calls.clear();
    if (_listener.isCompleted) {
      unawaited(_listener.future.then((listener) => listener.ended()));
    }
  }
}

String _lineOf(List<Object?> message) =>
    utf8.decode(message[4]! as Uint8List, allowMalformed: true);

Message _messageOf(List<Object?> message) => (
  line: _lineOf(message),
  blobs: [for (final blob in message.skip(5)) blob! as Uint8List],
);

VeilidAPIException _crashOf(List<Object?> message) =>
    VeilidAPIExceptionInternal('a bug in the library: ${_lineOf(message)}');

/// The error in a line of the library. Its own kinds, of wrong handles and the like,
/// are failures inside of this package.
VeilidAPIException _errorOf(String line) {
  final json = line.isEmpty ? null : jsonDecode(line);
  final kind = json is Map ? json['kind'] : null;
  if (kind is! String) {
    return VeilidAPIExceptionInternal('an error without a kind: $line');
  }
  final code = ErrorCode.ofKind(kind);
  if (code == ErrorCode.invalidHandle || code == ErrorCode.closed) {
    return const VeilidAPIExceptionNotInitialized();
  }
  final ofApi = code.code >= 1 && code.code <= 15 && code.kind == kind;
  return ofApi
      ? VeilidAPIException.fromJson(json)
      : VeilidAPIExceptionInternal(line);
}

/// Throws what a function of the library failed with.
void _check(int code) {
  if (code == ErrorCode.ok.code) {
    return;
  }
  const size = 1024;
  throw _errorOf(
    using((arena) {
      final buffer = arena<Uint8>(size).cast<Utf8>();
      voileLastError(buffer, size);
      return buffer.toDartString();
    }),
  );
}

({Pointer<Utf8> text, int size}) _textIn(Arena arena, String text) {
  final bytes = utf8.encode(text);
  return (text: _bytesIn(arena, bytes).cast<Utf8>(), size: bytes.length);
}

Pointer<Uint8> _bytesIn(Arena arena, Uint8List bytes) {
  // One more, since no memory at all may have no address.
  final memory = arena<Uint8>(bytes.length + 1);
  memory.asTypedList(bytes.length).setAll(0, bytes);
  return memory;
}

int _levelOf(VeilidConfigLogLevel level) => switch (level) {
  VeilidConfigLogLevel.off => voileLogOff,
  VeilidConfigLogLevel.error => voileLogError,
  VeilidConfigLogLevel.warn => voileLogWarn,
  VeilidConfigLogLevel.info => voileLogInfo,
  VeilidConfigLogLevel.debug => voileLogDebug,
  VeilidConfigLogLevel.trace => voileLogTrace,
};
