import 'dart:typed_data';

import '../host.dart';
import '../types/enums.dart';
import '../types/exception.dart';

/// A line of JSON and the bytes that its texts `"#0"`, `"#1"`, … stand for.
///
/// The bytes of applications travel beside the line, not in it as base64.
typedef Message = ({String line, List<Uint8List> blobs});

/// What a node is started with beside its configuration.
final class StartOptions {
  /// Puts the parts together.
  const StartOptions({
    required this.logLevel,
    required this.memoryLimit,
    required this.secrets,
  });

  /// The level of Log updates.
  final VeilidConfigLogLevel logLevel;

  /// Bytes that the node should take at most; 0: no limit.
  final int memoryLimit;

  /// Where the device keeps secrets; null: as the configuration says.
  final VeilidSecretStore? secrets;
}

/// A way to run nodes: the library on a device, the module in a browser.
abstract interface class Backend {
  /// Whether this is a browser.
  bool get isWeb;

  /// The version of the library behind it; null: it does not tell.
  String? get libraryVersion;

  /// Whether it knows the debug language.
  bool get hasDebugApi;

  /// The default configuration as JSON, in snake_case.
  String get defaultConfig;

  /// Starts a node, or takes over the one of this program name and namespace that
  /// runs already (after a hot restart, for example) with a session of its own.
  ///
  /// Errors are of type `VeilidAPIException`.
  Future<Link> start(String config, StartOptions options);
}

/// Who hears of a node through a [Link].
abstract interface class LinkListener {
  /// An update. Until the future is done there is no other, which slows the senders
  /// down; what other applications send is lost after two seconds of that.
  Future<void> update(Message message);

  /// A bug in the library; [ended] follows.
  void fault(VeilidAPIException error);

  /// Another node is behind the link, one of another tab of the browser: objects of
  /// before are gone.
  void renewed();

  /// The node has ended, by [Link.close] or otherwise. Nothing comes after it.
  void ended();
}

/// A session with a running node.
abstract interface class Link {
  /// Gives what happens, from the start on, to [listener]. To be called once.
  void listen(LinkListener listener);

  /// Does a request and gives its answer, which may be an error. It fails, with a
  /// `VeilidAPIException`, only if there is no answer: the session has ended.
  Future<Message> call(Message request);

  /// Sets the level of Log updates.
  void setLogLevel(VeilidConfigLogLevel level);

  /// Tells that interfaces or connectivity have changed.
  void networkChanged({required bool online});

  /// Tells whether the application is in the foreground.
  void setForeground({required bool on});

  /// Ends the node. Done when nothing of it runs any more.
  Future<void> close();
}
