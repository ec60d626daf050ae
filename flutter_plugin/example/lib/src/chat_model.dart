import 'dart:async';
import 'dart:convert';
import 'dart:typed_data';

import 'package:flutter/foundation.dart';
import 'package:voile/voile.dart';

import 'node_model.dart';

/// How far a message of one's own has come.
enum Delivery { sending, delivered, failed }

/// One line of the chat.
class ChatLine {
  ChatLine({required this.text, required this.mine, this.delivery});

  final String text;
  final bool mine;
  final DateTime time = DateTime.now();
  Delivery? delivery;
}

/// A chat of two over private routes: neither learns where the other is.
///
/// One shows an invitation, the blob of a route. The other imports it, and sends the
/// blob of a route of its own with the first call. Each message is a call, so that
/// its answer says that it has arrived.
class ChatModel extends ChangeNotifier {
  ChatModel(this._node) {
    _subscription = _node.updates.listen(_heard);
  }

  static const String _prefix = 'voile-chat:';

  final NodeModel _node;
  late final StreamSubscription<VeilidUpdate> _subscription;

  final List<ChatLine> lines = [];
  RouteBlob? _own;
  RouteId? _other;
  Uint8List? _otherBlob;
  bool _introduced = false; // whether the other has our current route
  bool busy = false;
  String? problem;

  /// What to give to the other one; null: none was made yet.
  String? get invitation =>
      _own == null ? null : '$_prefix${bytesToText(_own!.blob)}';

  /// Whether there is somebody to talk to.
  bool get connected => _other != null;

  /// Makes an invitation.
  Future<void> invite() => _try(() async {
    await _ownRoute();
  });

  /// Takes the invitation of the other one.
  Future<void> join(String text) => _try(() async {
    final code = text.trim();
    if (!code.startsWith(_prefix)) {
      throw const FormatException('This is no invitation to a chat.');
    }
    await _import(textToBytes(code.substring(_prefix.length)));
    await _ownRoute();
    await _call({'hello': true});
  });

  /// Sends a message.
  Future<void> send(String text) async {
    final line = ChatLine(text: text, mine: true, delivery: Delivery.sending);
    lines.add(line);
    notifyListeners();
    try {
      await _call({'text': text});
      line.delivery = Delivery.delivered;
    } on Exception catch (error) {
      line.delivery = Delivery.failed;
      problem = describe(error);
    }
    notifyListeners();
  }

  /// Ends the chat and forgets its routes.
  Future<void> leave() => _try(() async {
    final routes = [?_own?.routeId, ?_other];
    _own = null;
    _other = null;
    _otherBlob = null;
    _introduced = false;
    lines.clear();
    for (final route in routes) {
      try {
        await _node.veilid.releasePrivateRoute(route);
      } on VeilidAPIException {
        // It is dead already.
      }
    }
  });

  Future<RouteBlob> _ownRoute() async =>
      _own ??= await _node.veilid.newPrivateRoute();

  Future<void> _import(Uint8List blob) async {
    _other = await _node.veilid.importRemotePrivateRoute(blob);
    _otherBlob = blob;
  }

  Future<void> _call(Map<String, Object?> content) async {
    final target = _other;
    final context = _node.context;
    if (target == null || context == null) {
      throw const VeilidAPIExceptionNoConnection('nobody has joined yet');
    }
    final own = await _ownRoute();
    final message = utf8.encode(
      jsonEncode({
        ...content,
        if (!_introduced) 'route': bytesToText(own.blob),
      }),
    );
    await context.appCall(TargetRouteId(routeId: target), message);
    _introduced = true;
  }

  Future<void> _heard(VeilidUpdate update) async {
    if (update is VeilidAppCall) {
      await _answer(update);
    } else if (update is VeilidUpdateRouteChange) {
      await _renew(update);
    }
  }

  Future<void> _answer(VeilidAppCall call) async {
    if (call.routeId != _own?.routeId) {
      return;
    }
    try {
      final json = jsonDecode(utf8.decode(call.message));
      if (json is! Map<String, dynamic>) {
        throw const FormatException('no message of a chat');
      }
      final route = json['route'];
      if (route is String) {
        await _import(textToBytes(route));
      }
      final text = json['text'];
      if (text is String) {
        lines.add(ChatLine(text: text, mine: false));
      }
      await _node.veilid.appCallReply(call.callId, Uint8List(0));
    } on Exception catch (error) {
      problem = describe(error);
    }
    notifyListeners();
  }

  /// Routes die when a node of them leaves the network.
  Future<void> _renew(VeilidUpdateRouteChange change) async {
    if (_own != null && change.deadRoutes.contains(_own!.routeId)) {
      _own = null;
      _introduced = false;
      if (_other != null) {
        await _try(() => _call({'moved': true}));
      }
    }
    final blob = _otherBlob;
    if (blob != null && change.deadRemoteRoutes.contains(_other)) {
      // It may work again; if not, the other one will send a new one.
      await _try(() => _import(blob));
    }
  }

  Future<void> _try(Future<void> Function() f) async {
    busy = true;
    problem = null;
    notifyListeners();
    try {
      await f();
    } on Exception catch (error) {
      problem = describe(error);
    }
    busy = false;
    notifyListeners();
  }

  @override
  void dispose() {
    unawaited(_subscription.cancel());
    super.dispose();
  }
}
