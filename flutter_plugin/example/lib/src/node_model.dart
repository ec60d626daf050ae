import 'dart:async';

import 'package:flutter/foundation.dart';
import 'package:voile/voile.dart';

/// Where the node is in its life.
enum NodePhase { stopped, starting, running, failed }

/// The node of this application: started once, attached, and what it tells.
class NodeModel extends ChangeNotifier {
  NodeModel({Veilid? veilid}) : veilid = veilid ?? Veilid.instance;

  final Veilid veilid;
  final StreamController<VeilidUpdate> _updates =
      StreamController<VeilidUpdate>.broadcast();
  StreamSubscription<VeilidUpdate>? _subscription;

  NodePhase phase = NodePhase.stopped;
  String? problem;
  VeilidStateAttachment? attachment;
  int peers = 0;
  VeilidTableDB? table;
  VeilidRoutingContext? context;

  /// What happens in the node, for the other models.
  Stream<VeilidUpdate> get updates => _updates.stream;

  /// Whether messages and records can be used.
  bool get ready => attachment?.publicInternetReady ?? false;

  /// Starts the node and joins the network: the public one, or with [networkKey] one
  /// of its own, which [bootstrap] leads to.
  Future<void> start({String networkKey = '', String bootstrap = ''}) async {
    if (phase == NodePhase.starting || phase == NodePhase.running) {
      return;
    }
    phase = NodePhase.starting;
    problem = null;
    notifyListeners();
    try {
      veilid.initializeVeilidCore(_logging());
      var config = await getDefaultVeilidConfig(
        isWeb: kIsWeb,
        programName: 'voile_example',
        networkKeyPassword: networkKey,
        bootstrap: bootstrap,
        bootstrapKeys: networkKey.isEmpty ? null : '',
      );
      if (networkKey.isNotEmpty) {
        // A network of one's own may live on one machine, too.
        config = config.copyWith(
          network: config.network.copyWith(privateNetwork: true),
        );
      }
      final stream = await veilid.startupVeilidCore(config);
      _subscription = stream.listen(
        _heard,
        onError: (Object error) => _fail(describe(error)),
        onDone: _stopped,
      );
      table = await veilid.openTableDB('voile_example', 1);
      context = await veilid.routingContext();
      // After a hot restart the node may be attached already.
      attachment = (await veilid.getVeilidState()).attachment;
      if (attachment!.state == AttachmentState.detached) {
        await veilid.attach();
      }
      phase = NodePhase.running;
      notifyListeners();
    } on Exception catch (error) {
      _fail(describe(error));
    }
  }

  /// Ends the node.
  Future<void> stop() async {
    if (phase != NodePhase.running) {
      return;
    }
    await veilid.shutdownVeilidCore();
  }

  void _heard(VeilidUpdate update) {
    switch (update) {
      case VeilidUpdateAttachment():
        attachment = update.attachment;
        notifyListeners();
      case VeilidUpdateNetwork():
        if (peers != update.peers.length) {
          peers = update.peers.length;
          notifyListeners();
        }
      case VeilidLog():
        debugPrint(update.message);
      case VeilidAppMessage() ||
          VeilidAppCall() ||
          VeilidUpdateConfig() ||
          VeilidUpdateRouteChange() ||
          VeilidUpdateValueChange():
        _updates.add(update);
    }
  }

  void _stopped() {
    _subscription = null;
    attachment = null;
    table = null;
    context = null;
    peers = 0;
    if (phase != NodePhase.failed) {
      phase = NodePhase.stopped;
    }
    notifyListeners();
  }

  void _fail(String text) {
    phase = NodePhase.failed;
    problem = text;
    notifyListeners();
  }

  Map<String, dynamic> _logging() => kIsWeb
      ? const VeilidWASMConfig(
          logging: VeilidWASMConfigLogging(
            performance: VeilidWASMConfigLoggingPerformance(
              enabled: false,
              level: VeilidConfigLogLevel.off,
            ),
            api: VeilidWASMConfigLoggingApi(
              enabled: true,
              level: VeilidConfigLogLevel.info,
            ),
          ),
        ).toJson()
      : const VeilidFFIConfig(
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
        ).toJson();

  @override
  void dispose() {
    unawaited(_subscription?.cancel());
    unawaited(_updates.close());
    super.dispose();
  }
}

/// A sentence about something that was thrown.
String describe(Object error) => switch (error) {
  VeilidAPIException() => error.toDisplayError(),
  FormatException() => error.message,
  _ => '$error',
};
