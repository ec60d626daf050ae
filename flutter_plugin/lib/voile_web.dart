/// What Flutter calls before `main` in a browser. Applications import `voile.dart`.
library;

import 'package:flutter_web_plugins/flutter_web_plugins.dart';

import 'src/flutter/voile_plugin.dart';

/// See [VoilePlugin].
abstract final class VoileWebPlugin {
  /// As [VoilePlugin.registerWith].
  static void registerWith(Registrar registrar) => VoilePlugin.registerWith();
}
