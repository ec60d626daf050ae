import 'dart:async';
import 'dart:convert';
import 'dart:typed_data';

import 'link/link.dart';
import 'types/case.dart';
import 'types/exception.dart';
import 'types/route.dart';

/// The answer to a request: its value and the bytes beside it.
final class Answer {
  /// Of the JSON object [fields].
  Answer(this.fields, this._blobs);

  /// The object that the library sent.
  final Map<String, dynamic> fields;
  final List<Uint8List> _blobs;

  /// What the operation gave; null if it gives nothing.
  Object? get value => fields['value'];

  /// A whole number.
  int get number => switch (value) {
    final num number => number.toInt(),
    _ => throw _unexpected('a number'),
  };

  /// A truth value.
  bool get flag => switch (value) {
    final bool flag => flag,
    _ => throw _unexpected('true or false'),
  };

  /// A text.
  String get text => switch (value) {
    final String text => text,
    _ => throw _unexpected('a text'),
  };

  /// Bytes.
  Uint8List get bytes => bytesOrNull ?? (throw _unexpected('bytes'));

  /// Bytes, or null.
  Uint8List? get bytesOrNull =>
      value == null ? null : bytesFromJson(_resolve(value, _blobs));

  /// A list, each item made by [make].
  List<T> list<T>(T Function(Object? json) make) => switch (value) {
    final List<dynamic> items => [
      for (final item in items) make(_resolve(item, _blobs)),
    ],
    _ => throw _unexpected('a list'),
  };

  /// A value made by [make]; the bytes in its field [blob], if it has one, are
  /// those beside the line.
  T object<T>(T Function(Object? json) make, {String? blob}) =>
      make(_withBlob(value, blob, _blobs));

  /// As [object], or null.
  T? objectOrNull<T>(T Function(Object? json) make, {String? blob}) =>
      value == null ? null : object(make, blob: blob);

  VeilidAPIException _unexpected(String want) =>
      VeilidAPIExceptionInternal('${fields['op']}: the answer is not $want');
}

/// [json] as it is, or the bytes that it refers to with `#N`.
Object? _resolve(Object? json, List<Uint8List> blobs) {
  if (json is! String || !json.startsWith('#')) {
    return json;
  }
  final index = int.tryParse(json.substring(1));
  if (index == null || index < 0 || index >= blobs.length) {
    throw VeilidAPIExceptionInternal('no bytes for $json');
  }
  return blobs[index];
}

Object? _withBlob(Object? json, String? field, List<Uint8List> blobs) =>
    json is Map<String, dynamic> && field != null && json.containsKey(field)
    ? {...json, field: _resolve(json[field], blobs)}
    : json;

/// The fields of an update, with the bytes of applications in place of what stands
/// for them.
Map<String, dynamic> decodeUpdate(Message message) {
  final json = jsonDecode(message.line);
  if (json is! Map<String, dynamic>) {
    throw const FormatException('an update is no object');
  }
  return switch (json['kind']) {
    'AppMessage' ||
    'AppCall' => {...json, 'message': _resolve(json['message'], message.blobs)},
    'ValueChange' => {
      ...json,
      'value': _withBlob(json['value'], 'data', message.blobs),
    },
    _ => json,
  };
}

/// What applications see as JSON as the library reads it: names in snake_case.
Object? wire(Object? json) => snakeKeys(json);

/// The requests of an application to a node.
///
/// It ends with the node. What is asked then fails with
/// [VeilidAPIExceptionNotInitialized], and what comes late is dropped: answers
/// belong to the session that asked.
final class Session {
  /// Over a link that is open.
  Session(this._link);

  final Link _link;
  bool _ended = false;

  /// Whether the node has ended.
  bool get ended => _ended;

  /// Ends it: nothing is asked or answered any more.
  void end() => _ended = true;

  /// Does the operation [op] with [parameters], in snake_case. Where one of them is
  /// bytes, they go beside the line. Null is left out of the line nowhere: it says
  /// null.
  Future<Answer> call(
    String op, [
    Map<String, Object?> parameters = const {},
  ]) async {
    if (_ended) {
      throw const VeilidAPIExceptionNotInitialized();
    }
    final blobs = <Uint8List>[];
    final line = jsonEncode({
      'op': op,
      for (final MapEntry(:key, :value) in parameters.entries)
        key: value is Uint8List ? _beside(value, blobs) : value,
    });
    final Message reply;
    try {
      reply = await _link.call((line: line, blobs: blobs));
    } on VeilidAPIException {
      if (_ended) {
        throw const VeilidAPIExceptionNotInitialized();
      }
      rethrow;
    }
    final json = jsonDecode(reply.line);
    if (json is! Map<String, dynamic>) {
      throw VeilidAPIExceptionInternal('$op: the answer is no object');
    }
    final error = json['error'];
    if (error != null) {
      throw VeilidAPIException.fromJson(error);
    }
    return Answer(json, reply.blobs);
  }

  static String _beside(Uint8List bytes, List<Uint8List> blobs) {
    blobs.add(bytes);
    return '#${blobs.length - 1}';
  }
}

/// One object of the library that a session holds: a context, a table, …
///
/// Its id may not be there yet: what makes it is on its way. It is released once,
/// when it was closed or is no longer reachable, and no call on it is under way. An
/// id that was given back may name another object, so nothing is asked after that.
final class Handle {
  /// An object of the operation [op] whose requests name it with [idField] and what
  /// they want with [opField]. [release] is the want that gives it back. [ended] is
  /// what requests after the end fail with.
  Handle(
    this.session,
    this._id, {
    required String op,
    required String idField,
    required String opField,
    required String release,
    VeilidAPIException? ended,
  }) : _op = op,
       _idField = idField,
       _opField = opField,
       _releaseOp = release,
       _endedError =
           ended ??
           VeilidAPIExceptionInvalidArgument(op, idField, 'is closed') {
    // Who uses the object hears of a failure to make it; nobody else has to.
    _id.ignore();
  }

  /// The session that it belongs to.
  final Session session;
  final Future<int> _id;
  final String _op;
  final String _idField;
  final String _opField;
  final String _releaseOp;
  final VeilidAPIException _endedError;

  int _running = 0;
  bool _closed = false;
  bool _finishing = false;
  bool _released = false;

  /// Does [want] on the object with [parameters].
  Future<Answer> call(
    String want, [
    Map<String, Object?> parameters = const {},
  ]) async {
    if (_closed) {
      throw _endedError;
    }
    return await _do(want, parameters);
  }

  /// Does [want], which is the last request on the object and frees it. With
  /// [freesAlways] it is free after a failure too; else it is given back then.
  Future<void> finish(String want, {required bool freesAlways}) async {
    if (_closed) {
      throw _endedError;
    }
    _closed = true;
    _finishing = true;
    var freed = freesAlways;
    try {
      await _do(want, const {});
      freed = true;
    } finally {
      _finishing = false;
      _released = freed;
      _releaseIfDone();
    }
  }

  Future<Answer> _do(String want, Map<String, Object?> parameters) async {
    _running++;
    try {
      final id = await _id;
      final answer = await session.call(_op, {
        _idField: id,
        _opField: want,
        ...parameters,
      });
      if (answer.fields[_opField] == 'InvalidId') {
        throw VeilidAPIExceptionInvalidArgument('$_op.$want', _idField, '$id');
      }
      return answer;
    } finally {
      _running--;
      _releaseIfDone();
    }
  }

  /// Gives the object back when what is under way is done. Does not wait.
  void close() {
    _closed = true;
    _releaseIfDone();
  }

  void _releaseIfDone() {
    if (_closed && !_released && !_finishing && _running == 0) {
      _released = true;
      unawaited(_release());
    }
  }

  Future<void> _release() async {
    try {
      await session.call(_op, {_idField: await _id, _opField: _releaseOp});
    } on VeilidAPIException {
      // It was never made, or has ended with the session.
    }
  }
}

/// Closes handles whose owner nobody can reach any more.
final Finalizer<Handle> handleFinalizer = Finalizer((handle) => handle.close());
