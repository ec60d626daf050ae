import 'package:meta/meta.dart';

import 'enums.dart';
import 'equality.dart';
import 'fields.dart';

/// What `initializeVeilidCore` takes on devices.
@immutable
final class VeilidFFIConfig with ValueEquality {
  /// Puts the parts together.
  const VeilidFFIConfig({required this.logging});

  /// Reads a value of JSON.
  factory VeilidFFIConfig.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidFFIConfig');
    return VeilidFFIConfig(
      logging: fields.value('logging', VeilidFFIConfigLogging.fromJson),
    );
  }

  /// The log.
  final VeilidFFIConfigLogging logging;

  /// Its value in JSON.
  Map<String, dynamic> toJson() => {'logging': logging.toJson()};

  @override
  List<Object?> get props => [logging];
}

/// Where the log goes on devices.
@immutable
final class VeilidFFIConfigLogging with ValueEquality {
  /// Puts the parts together.
  const VeilidFFIConfigLogging({
    required this.terminal,
    this.otlp,
    required this.api,
    this.flame,
  });

  /// Reads a value of JSON.
  factory VeilidFFIConfigLogging.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidFFIConfigLogging');
    return VeilidFFIConfigLogging(
      terminal: fields.value(
        'terminal',
        VeilidFFIConfigLoggingTerminal.fromJson,
      ),
      otlp: fields.valueOrNull('otlp', VeilidFFIConfigLoggingOtlp.fromJson),
      api: fields.value('api', VeilidFFIConfigLoggingApi.fromJson),
      flame: fields.valueOrNull('flame', VeilidFFIConfigLoggingFlame.fromJson),
    );
  }

  /// The console of the application.
  final VeilidFFIConfigLoggingTerminal terminal;

  /// Of the original; must not be enabled here.
  final VeilidFFIConfigLoggingOtlp? otlp;

  /// Updates of the node.
  final VeilidFFIConfigLoggingApi api;

  /// Of the original; must not be enabled here.
  final VeilidFFIConfigLoggingFlame? flame;

  /// Its value in JSON.
  Map<String, dynamic> toJson() => {
    'terminal': terminal.toJson(),
    'otlp': otlp?.toJson(),
    'api': api.toJson(),
    'flame': flame?.toJson(),
  };

  @override
  List<Object?> get props => [terminal, otlp, api, flame];
}

/// The log in the console of the application.
@immutable
final class VeilidFFIConfigLoggingTerminal with ValueEquality {
  /// Puts the parts together.
  const VeilidFFIConfigLoggingTerminal({
    required this.enabled,
    required this.level,
    this.ignoreLogTargets = const [],
  });

  /// Reads a value of JSON.
  factory VeilidFFIConfigLoggingTerminal.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidFFIConfigLoggingTerminal');
    return VeilidFFIConfigLoggingTerminal(
      enabled: fields.flag('enabled'),
      level: fields.value('level', VeilidConfigLogLevel.fromJson),
      ignoreLogTargets: fields.list('ignoreLogTargets', textFromJson, const []),
    );
  }

  /// Whether it is on.
  final bool enabled;

  /// The least important lines that are written.
  final VeilidConfigLogLevel level;

  /// Of the original. Lines of this library have no targets, so that there is
  /// nothing to ignore.
  final List<String> ignoreLogTargets;

  /// Its value in JSON.
  Map<String, dynamic> toJson() => {
    'enabled': enabled,
    'level': level.toJson(),
    'ignoreLogTargets': ignoreLogTargets,
  };

  @override
  List<Object?> get props => [enabled, level, ignoreLogTargets];
}

/// The log in the updates of the node.
@immutable
final class VeilidFFIConfigLoggingApi with ValueEquality {
  /// Puts the parts together.
  const VeilidFFIConfigLoggingApi({
    required this.enabled,
    required this.level,
    this.ignoreLogTargets = const [],
  });

  /// Reads a value of JSON.
  factory VeilidFFIConfigLoggingApi.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidFFIConfigLoggingApi');
    return VeilidFFIConfigLoggingApi(
      enabled: fields.flag('enabled'),
      level: fields.value('level', VeilidConfigLogLevel.fromJson),
      ignoreLogTargets: fields.list('ignoreLogTargets', textFromJson, const []),
    );
  }

  /// Whether it is on.
  final bool enabled;

  /// The least important lines that are written.
  final VeilidConfigLogLevel level;

  /// Of the original. Lines of this library have no targets, so that there is
  /// nothing to ignore.
  final List<String> ignoreLogTargets;

  /// Its value in JSON.
  Map<String, dynamic> toJson() => {
    'enabled': enabled,
    'level': level.toJson(),
    'ignoreLogTargets': ignoreLogTargets,
  };

  @override
  List<Object?> get props => [enabled, level, ignoreLogTargets];
}

/// The log at a collector of telemetry, which this library does not have.
@immutable
final class VeilidFFIConfigLoggingOtlp with ValueEquality {
  /// Puts the parts together.
  const VeilidFFIConfigLoggingOtlp({
    required this.enabled,
    required this.level,
    this.grpcEndpoint = '',
    this.serviceName = '',
    this.ignoreLogTargets = const [],
  });

  /// Reads a value of JSON.
  factory VeilidFFIConfigLoggingOtlp.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidFFIConfigLoggingOtlp');
    return VeilidFFIConfigLoggingOtlp(
      enabled: fields.flag('enabled'),
      level: fields.value('level', VeilidConfigLogLevel.fromJson),
      grpcEndpoint: fields.textOrNull('grpcEndpoint') ?? '',
      serviceName: fields.textOrNull('serviceName') ?? '',
      ignoreLogTargets: fields.list('ignoreLogTargets', textFromJson, const []),
    );
  }

  /// Whether it is on.
  final bool enabled;

  /// The least important lines that are written.
  final VeilidConfigLogLevel level;

  /// Where it is.
  final String grpcEndpoint;

  /// What it shows.
  final String serviceName;

  /// Of the original. Lines of this library have no targets, so that there is
  /// nothing to ignore.
  final List<String> ignoreLogTargets;

  /// Its value in JSON.
  Map<String, dynamic> toJson() => {
    'enabled': enabled,
    'level': level.toJson(),
    'grpcEndpoint': grpcEndpoint,
    'serviceName': serviceName,
    'ignoreLogTargets': ignoreLogTargets,
  };

  @override
  List<Object?> get props => [
    enabled,
    level,
    grpcEndpoint,
    serviceName,
    ignoreLogTargets,
  ];
}

/// A profile in a file, which this library does not have.
@immutable
final class VeilidFFIConfigLoggingFlame with ValueEquality {
  /// Puts the parts together.
  const VeilidFFIConfigLoggingFlame({required this.enabled, this.path = ''});

  /// Reads a value of JSON.
  factory VeilidFFIConfigLoggingFlame.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidFFIConfigLoggingFlame');
    return VeilidFFIConfigLoggingFlame(
      enabled: fields.flag('enabled'),
      path: fields.textOrNull('path') ?? '',
    );
  }

  /// Whether it is on.
  final bool enabled;

  /// The file.
  final String path;

  /// Its value in JSON.
  Map<String, dynamic> toJson() => {'enabled': enabled, 'path': path};

  @override
  List<Object?> get props => [enabled, path];
}

/// What `initializeVeilidCore` takes in a browser.
@immutable
final class VeilidWASMConfig with ValueEquality {
  /// Puts the parts together.
  const VeilidWASMConfig({required this.logging});

  /// Reads a value of JSON.
  factory VeilidWASMConfig.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidWASMConfig');
    return VeilidWASMConfig(
      logging: fields.value('logging', VeilidWASMConfigLogging.fromJson),
    );
  }

  /// The log.
  final VeilidWASMConfigLogging logging;

  /// Its value in JSON.
  Map<String, dynamic> toJson() => {'logging': logging.toJson()};

  @override
  List<Object?> get props => [logging];
}

/// Where the log goes in a browser.
@immutable
final class VeilidWASMConfigLogging with ValueEquality {
  /// Puts the parts together.
  const VeilidWASMConfigLogging({required this.performance, required this.api});

  /// Reads a value of JSON.
  factory VeilidWASMConfigLogging.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidWASMConfigLogging');
    return VeilidWASMConfigLogging(
      performance: fields.value(
        'performance',
        VeilidWASMConfigLoggingPerformance.fromJson,
      ),
      api: fields.value('api', VeilidWASMConfigLoggingApi.fromJson),
    );
  }

  /// The console of the browser.
  final VeilidWASMConfigLoggingPerformance performance;

  /// Updates of the node.
  final VeilidWASMConfigLoggingApi api;

  /// Its value in JSON.
  Map<String, dynamic> toJson() => {
    'performance': performance.toJson(),
    'api': api.toJson(),
  };

  @override
  List<Object?> get props => [performance, api];
}

/// The log in the console of the browser.
@immutable
final class VeilidWASMConfigLoggingPerformance with ValueEquality {
  /// Puts the parts together.
  const VeilidWASMConfigLoggingPerformance({
    required this.enabled,
    required this.level,
    this.logsInTimings = false,
    this.logsInConsole = VeilidWASMConfigLoggingLogsInConsole.noColor,
    this.ignoreLogTargets = const [],
  });

  /// Reads a value of JSON.
  factory VeilidWASMConfigLoggingPerformance.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidWASMConfigLoggingPerformance');
    return VeilidWASMConfigLoggingPerformance(
      enabled: fields.flag('enabled'),
      level: fields.value('level', VeilidConfigLogLevel.fromJson),
      logsInTimings: fields.flag('logsInTimings', false),
      logsInConsole: fields.value(
        'logsInConsole',
        VeilidWASMConfigLoggingLogsInConsole.fromJson,
        VeilidWASMConfigLoggingLogsInConsole.noColor,
      ),
      ignoreLogTargets: fields.list('ignoreLogTargets', textFromJson, const []),
    );
  }

  /// Whether it is on.
  final bool enabled;

  /// The least important lines that are written.
  final VeilidConfigLogLevel level;

  /// Of the original; has no effect here.
  final bool logsInTimings;

  /// How the console shows it.
  final VeilidWASMConfigLoggingLogsInConsole logsInConsole;

  /// Of the original. Lines of this library have no targets, so that there is
  /// nothing to ignore.
  final List<String> ignoreLogTargets;

  /// Its value in JSON.
  Map<String, dynamic> toJson() => {
    'enabled': enabled,
    'level': level.toJson(),
    'logsInTimings': logsInTimings,
    'logsInConsole': logsInConsole.toJson(),
    'ignoreLogTargets': ignoreLogTargets,
  };

  @override
  List<Object?> get props => [
    enabled,
    level,
    logsInTimings,
    logsInConsole,
    ignoreLogTargets,
  ];
}

/// The log in the updates of the node.
@immutable
final class VeilidWASMConfigLoggingApi with ValueEquality {
  /// Puts the parts together.
  const VeilidWASMConfigLoggingApi({
    required this.enabled,
    required this.level,
    this.ignoreLogTargets = const [],
  });

  /// Reads a value of JSON.
  factory VeilidWASMConfigLoggingApi.fromJson(Object? json) {
    final fields = Fields(json, 'VeilidWASMConfigLoggingApi');
    return VeilidWASMConfigLoggingApi(
      enabled: fields.flag('enabled'),
      level: fields.value('level', VeilidConfigLogLevel.fromJson),
      ignoreLogTargets: fields.list('ignoreLogTargets', textFromJson, const []),
    );
  }

  /// Whether it is on.
  final bool enabled;

  /// The least important lines that are written.
  final VeilidConfigLogLevel level;

  /// Of the original. Lines of this library have no targets, so that there is
  /// nothing to ignore.
  final List<String> ignoreLogTargets;

  /// Its value in JSON.
  Map<String, dynamic> toJson() => {
    'enabled': enabled,
    'level': level.toJson(),
    'ignoreLogTargets': ignoreLogTargets,
  };

  @override
  List<Object?> get props => [enabled, level, ignoreLogTargets];
}
