import '../host.dart';
import 'host_io.dart' if (dart.library.js_interop) 'host_web.dart';

/// What Flutter calls before `main` on devices.
abstract final class VoilePlugin {
  /// Makes Flutter the host of nodes: where files and secrets are kept, and whether
  /// the application is in the foreground.
  static void registerWith() => registerVeilidHost(flutterHost());
}
