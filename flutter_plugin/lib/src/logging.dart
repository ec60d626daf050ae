import 'types/enums.dart';
import 'types/exception.dart';
import 'types/platform_config.dart';

/// Where the log goes, and from which level on.
final class Logging {
  /// With the layers of this platform, all of them off.
  Logging({required bool isWeb})
    : _console = isWeb ? 'performance' : 'terminal',
      _isWeb = isWeb;

  final bool _isWeb;
  final String _console;

  /// The level of lines for the console of the application or the browser.
  VeilidConfigLogLevel console = VeilidConfigLogLevel.off;

  /// The level of lines for the updates of the node.
  VeilidConfigLogLevel api = VeilidConfigLogLevel.off;

  /// What the node has to be asked for.
  VeilidConfigLogLevel get most => console.index > api.index ? console : api;

  /// Takes the platform configuration, [VeilidWASMConfig] in a browser and
  /// [VeilidFFIConfig] elsewhere.
  void configure(Map<String, dynamic> json) {
    if (_isWeb) {
      final logging = VeilidWASMConfig.fromJson(json).logging;
      final performance = logging.performance;
      final shown =
          performance.enabled &&
          performance.logsInConsole != VeilidWASMConfigLoggingLogsInConsole.off;
      console = shown ? performance.level : VeilidConfigLogLevel.off;
      api = logging.api.enabled ? logging.api.level : VeilidConfigLogLevel.off;
      return;
    }
    final logging = VeilidFFIConfig.fromJson(json).logging;
    if (logging.otlp?.enabled ?? false) {
      throw const VeilidAPIExceptionUnimplemented(
        'logging.otlp: there is no exporter of telemetry',
      );
    }
    if (logging.flame?.enabled ?? false) {
      throw const VeilidAPIExceptionUnimplemented(
        'logging.flame: there is no profile',
      );
    }
    console = logging.terminal.enabled
        ? logging.terminal.level
        : VeilidConfigLogLevel.off;
    api = logging.api.enabled ? logging.api.level : VeilidConfigLogLevel.off;
  }

  /// Sets the level of a layer: `all` or nothing for all of them. [directives] is
  /// the name of a level.
  void change(String layer, String directives) {
    checkLayer(layer);
    final name = directives.trim().toLowerCase();
    final level = VeilidConfigLogLevel.values.where((l) => l.name == name);
    if (level.isEmpty) {
      throw VeilidAPIExceptionInvalidArgument(
        'change_log_level',
        'directives',
        directives,
      );
    }
    if (layer != 'api') {
      console = level.first;
    }
    if (layer != _console) {
      api = level.first;
    }
  }

  /// A layer that is not there is an error.
  void checkLayer(String layer) {
    if (!['', 'all', 'api', _console].contains(layer)) {
      throw VeilidAPIExceptionInvalidArgument(
        'change_log_level',
        'layer',
        layer,
      );
    }
  }
}
