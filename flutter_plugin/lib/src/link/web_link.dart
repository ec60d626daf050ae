import 'dart:async';
import 'dart:convert';
import 'dart:js_interop';
import 'dart:js_interop_unsafe';
import 'dart:typed_data';

import 'package:web/web.dart' as web;

import '../types/case.dart';
import '../types/enums.dart';
import '../types/exception.dart';
import 'link.dart';
import 'web_default_config.dart';

/// Where the files of `@voile/node` are, relative to the page's base address. They
/// are put there by `dart run voile:web`.
const String _modulePath = String.fromEnvironment(
  'VOILE_WEB_MODULE',
  defaultValue: 'voile/browser.js',
);

/// Whether the module with the debug language is loaded, which is larger.
const bool _debugModule = bool.fromEnvironment('VOILE_WEB_DEBUG');

/// The node in a browser: the module of `@voile/node`, which runs in a worker, so
/// that the page never waits.
final class WebBackend implements Backend {
  /// There is one node in a page.
  const WebBackend();

  @override
  bool get isWeb => true;

  /// The module does not tell.
  @override
  String? get libraryVersion => null;

  @override
  bool get hasDebugApi => _debugModule;

  @override
  String get defaultConfig => webDefaultConfig;

  @override
  Future<Link> start(String config, StartOptions options) async {
    final json = camelKeys(jsonDecode(config))! as Map<String, Object?>;
    final name = '${json['programName']}\u0000${json['namespace']}';
    final slot = _Slot.ofPage();
    final link = _WebLink(slot, options.logLevel);
    if (slot.node != null) {
      if (slot.name != name) {
        throw const VeilidAPIExceptionAlreadyInitialized();
      }
      return link;
    }
    final address = Uri.parse(web.document.baseURI).resolve(_modulePath);
    try {
      final module =
          await importModule(address.toString().toJS).toDart as _Module;
      final node = await module
          .startRawNode(_startOptions(json, options, slot))
          .toDart;
      slot
        ..name = name
        ..node = node;
    } on Object catch (error) {
      throw _errorOf(error, 'starting the module at $address');
    }
    return link;
  }

  static JSObject _startOptions(
    Map<String, Object?> config,
    StartOptions options,
    _Slot slot,
  ) {
    // These three are called as long as the node runs, also by an application that
    // was restarted on the same page: they only look into the slot, where each start
    // puts its own functions.
    JSAny? onUpdate(String line, JSArray<JSUint8Array> blobs) =>
        slot.update?.callAsFunction(null, line.toJS, blobs);
    void onTakeover(JSAny? role) => slot.takeover?.callAsFunction();
    void onEnd(JSAny? error) {
      slot.node = null;
      slot.end?.callAsFunction(null, error);
    }

    final made = JSObject()
      ..['programName'] = (config['programName']! as String).toJS
      ..['namespace'] = (config['namespace']! as String).toJS
      ..['config'] = config.jsify()
      ..['onUpdate'] = onUpdate.toJS
      ..['onTakeover'] = onTakeover.toJS
      ..['onEnd'] = onEnd.toJS;
    if (options.logLevel != VeilidConfigLogLevel.off) {
      made['logLevel'] = options.logLevel.toJson().toJS;
    }
    if (_debugModule) {
      made['debug'] = true.toJS;
    }
    if (options.memoryLimit != 0) {
      made['memoryLimit'] = options.memoryLimit.toJS;
    }
    return made;
  }
}

final class _WebLink implements Link {
  _WebLink(this._slot, this._level);

  final _Slot _slot;
  final VeilidConfigLogLevel _level;
  LinkListener? _listener;
  Future<void> _updates = Future.value();
  bool _ended = false;

  @override
  void listen(LinkListener listener) {
    _listener = listener;
    JSAny? update(String line, JSArray<JSUint8Array> blobs) {
      final message = (line: line, blobs: _bytesOf(blobs));
      _updates = _updates.then((_) async {
        if (!_ended) {
          await listener.update(message);
        }
      });
      return _updates.toJS;
    }

    void end(JSAny? error) {
      if (error != null && !error.isUndefinedOrNull) {
        listener.fault(_errorOf(error, 'the node has failed'));
      }
      _finish();
    }

    _slot
      ..update = update.toJS
      ..takeover = (() => listener.renewed()).toJS
      ..end = end.toJS;
  }

  @override
  Future<Message> call(Message request) async {
    final node = _slot.node;
    if (_ended || node == null) {
      throw const VeilidAPIExceptionNotInitialized();
    }
    try {
      final answer = await node
          .request(
            request.line,
            [for (final bytes in request.blobs) bytes.toJS].toJS,
          )
          .toDart;
      return (line: answer.line, blobs: _bytesOf(answer.blobs));
    } on Object catch (error) {
      throw _errorOf(error, 'a call');
    }
  }

  /// The module was told at the start, and cannot be told to give more than that.
  @override
  void setLogLevel(VeilidConfigLogLevel level) {
    if (level.index > _level.index) {
      throw const VeilidAPIExceptionUnimplemented(
        'in a browser the log level cannot be raised above that of the start',
      );
    }
  }

  /// The module watches the page's `online` and `offline` events itself.
  @override
  void networkChanged({required bool online}) {}

  /// The module watches whether the page is visible, frozen or left itself.
  @override
  void setForeground({required bool on}) {}

  @override
  Future<void> close() async {
    final node = _slot.node;
    if (node != null) {
      await node.close().toDart;
      _slot.node = null;
    }
    _finish();
  }

  void _finish() {
    if (!_ended) {
      _ended = true;
      _listener?.ended();
    }
  }
}

List<Uint8List> _bytesOf(JSArray<JSUint8Array> blobs) => [
  for (final blob in blobs.toDart) blob.toDart,
];

/// What the module threw: an error with a kind and its fields, or one of JavaScript.
VeilidAPIException _errorOf(Object error, String doing) {
  if (error is VeilidAPIException) {
    return error;
  }
  try {
    // What comes out of a promise is a value of JavaScript.
    // ignore: invalid_runtime_check_with_js_interop_types
    final js = error as JSAny;
    if (js.isA<JSObject>() && (js as JSObject).has('toJSON')) {
      final json = (js as _Error).toJson().dartify();
      if (json is Map && json['kind'] is String) {
        return VeilidAPIException.fromJson(json);
      }
    }
  } on Object {
    // It was something else; its text is all there is.
  }
  return VeilidAPIExceptionInternal('$doing: $error');
}

/// What one page keeps of its node. It is an object of JavaScript, since those of Dart
/// are gone after a hot restart.
extension type _Slot._(JSObject _) implements JSObject {
  factory _Slot.ofPage() {
    const name = 'voileForFlutter';
    final there = globalContext[name];
    if (there != null) {
      return there as _Slot;
    }
    final made = _Slot._(JSObject());
    globalContext[name] = made;
    return made;
  }

  /// The program name and the namespace of [node].
  external String? name;

  /// The node that runs; null: none.
  external _RawNode? node;

  /// Who takes updates now.
  external JSFunction? update;

  /// Who is told that another tab's node is behind.
  external JSFunction? takeover;

  /// Who is told of the end.
  external JSFunction? end;
}

/// `@voile/node`, as far as it is used here.
extension type _Module._(JSObject _) implements JSObject {
  external JSPromise<_RawNode> startRawNode(JSObject options);
}

/// `RawNode` of `@voile/node`.
extension type _RawNode._(JSObject _) implements JSObject {
  @JS('call')
  external JSPromise<_Line> request(String line, JSArray<JSUint8Array> blobs);

  external JSPromise<JSAny?> close();
}

extension type _Line._(JSObject _) implements JSObject {
  external String get line;

  external JSArray<JSUint8Array> get blobs;
}

extension type _Error._(JSObject _) implements JSObject {
  @JS('toJSON')
  external JSAny? toJson();
}
