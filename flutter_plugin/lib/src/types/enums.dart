import 'package:meta/meta.dart';

/// Reads one of [values] from JSON by its [name].
@internal
T enumFromJson<T extends Enum>(
  Object? json,
  List<T> values,
  String Function(T value) name,
  String type,
) {
  for (final value in values) {
    if (json == name(value)) {
      return value;
    }
  }
  throw FormatException('$type: not one of its values', json);
}

/// What a route is chosen for.
enum Stability {
  /// Speed.
  lowLatency('LowLatency'),

  /// Nodes that have been there for long.
  reliable('Reliable');

  const Stability(this._json);

  /// Reads a value of JSON.
  factory Stability.fromJson(Object? json) =>
      enumFromJson(json, values, (value) => value._json, 'Stability');

  final String _json;

  /// Its value in JSON.
  String toJson() => _json;
}

/// What transports messages may take.
enum Sequencing {
  /// Datagrams if there are any.
  preferUnordered('PreferUnordered'),

  /// Connections if there are any.
  preferOrdered('PreferOrdered'),

  /// Connections only.
  ensureOrdered('EnsureOrdered');

  const Sequencing(this._json);

  /// Reads a value of JSON.
  factory Sequencing.fromJson(Object? json) =>
      enumFromJson(json, values, (value) => value._json, 'Sequencing');

  final String _json;

  /// Its value in JSON.
  String toJson() => _json;
}

/// What an inspection looks at.
enum DHTReportScope {
  /// The copy on this node.
  local('Local'),

  /// The network, as a get sees it.
  syncGet('SyncGet'),

  /// The network, as a set sees it.
  syncSet('SyncSet'),

  /// The network as a get sees it, the newer of both counted as local.
  updateGet('UpdateGet'),

  /// The network as a set sees it, as if all were set now.
  updateSet('UpdateSet');

  const DHTReportScope(this._json);

  /// Reads a value of JSON.
  factory DHTReportScope.fromJson(Object? json) =>
      enumFromJson(json, values, (value) => value._json, 'DHTReportScope');

  final String _json;

  /// Its value in JSON.
  String toJson() => _json;
}

/// How well the node is connected, worst first.
enum AttachmentState {
  /// Not in the network.
  detached('Detached'),

  /// Leaving it.
  detaching('Detaching'),

  /// Joining it.
  attaching('Attaching'),

  /// One bar or none.
  attachedWeak('AttachedWeak'),

  /// Two bars.
  attachedFair('AttachedFair'),

  /// Three bars.
  attachedGood('AttachedGood'),

  /// Four bars.
  attachedStrong('AttachedStrong'),

  /// Five bars.
  attachedFull('AttachedFull');

  const AttachmentState(this._json);

  /// Reads a value of JSON.
  factory AttachmentState.fromJson(Object? json) =>
      enumFromJson(json, values, (value) => value._json, 'AttachmentState');

  final String _json;

  /// Its value in JSON.
  String toJson() => _json;
}

/// How important a line of the log is.
enum VeilidLogLevel {
  /// Something is broken or lost.
  error('Error'),

  /// Someone should change something.
  warn('Warn'),

  /// An event of interest to users.
  info('Info'),

  /// For developers.
  debug('Debug'),

  /// Every detail.
  trace('Trace');

  const VeilidLogLevel(this._json);

  /// Reads a value of JSON.
  factory VeilidLogLevel.fromJson(Object? json) =>
      enumFromJson(json, values, (value) => value._json, 'VeilidLogLevel');

  final String _json;

  /// Its value in JSON.
  String toJson() => _json;
}

/// The level from which a log is written.
enum VeilidConfigLogLevel {
  /// Nothing.
  off('Off'),

  /// Errors only.
  error('Error'),

  /// Warnings too.
  warn('Warn'),

  /// Events too.
  info('Info'),

  /// What developers want.
  debug('Debug'),

  /// Everything.
  trace('Trace');

  const VeilidConfigLogLevel(this._json);

  /// Reads a value of JSON.
  factory VeilidConfigLogLevel.fromJson(Object? json) => enumFromJson(
    json,
    values,
    (value) => value._json,
    'VeilidConfigLogLevel',
  );

  /// Whether a line of [level] is written.
  bool passes(VeilidLogLevel level) => level.index < index;

  final String _json;

  /// Its value in JSON.
  String toJson() => _json;
}

/// Whether the application is seen.
enum VeilidAppLifecycleState {
  /// In the foreground.
  active('Active'),

  /// In the background.
  background('Background');

  const VeilidAppLifecycleState(this._json);

  /// Reads a value of JSON.
  factory VeilidAppLifecycleState.fromJson(Object? json) => enumFromJson(
    json,
    values,
    (value) => value._json,
    'VeilidAppLifecycleState',
  );

  final String _json;

  /// Its value in JSON.
  String toJson() => _json;
}

/// A version of the internet protocol.
enum VeilidConfigAddressType {
  /// Version 4.
  ipv4('IPV4'),

  /// Version 6.
  ipv6('IPV6');

  const VeilidConfigAddressType(this._json);

  /// Reads a value of JSON.
  factory VeilidConfigAddressType.fromJson(Object? json) => enumFromJson(
    json,
    values,
    (value) => value._json,
    'VeilidConfigAddressType',
  );

  final String _json;

  /// Its value in JSON.
  String toJson() => _json;
}

/// Where the protected store is.
enum VeilidConfigProtectedStoreBackend {
  /// What the platform has; the only one on devices.
  platformDefault('PlatformDefault'),

  /// A browser's local storage.
  localStorage('LocalStorage'),

  /// A browser's IndexedDB.
  indexedDb('IndexedDb'),

  /// The storage of a browser extension.
  extensionStorage('ExtensionStorage');

  const VeilidConfigProtectedStoreBackend(this._json);

  /// Reads a value of JSON.
  factory VeilidConfigProtectedStoreBackend.fromJson(Object? json) =>
      enumFromJson(
        json,
        values,
        (value) => value._json,
        'VeilidConfigProtectedStoreBackend',
      );

  final String _json;

  /// Its value in JSON.
  String toJson() => _json;
}

/// How the console of the browser shows the log.
enum VeilidWASMConfigLoggingLogsInConsole {
  /// Not at all.
  off('Off'),

  /// As plain text.
  noColor('NoColor'),

  /// As the console shows texts of that level; the same as [noColor] here.
  color('Color');

  const VeilidWASMConfigLoggingLogsInConsole(this._json);

  /// Reads a value of JSON; true and false are [color] and [off].
  factory VeilidWASMConfigLoggingLogsInConsole.fromJson(Object? json) =>
      switch (json) {
        true => color,
        false => off,
        _ => enumFromJson(
          json,
          values,
          (value) => value._json,
          'VeilidWASMConfigLoggingLogsInConsole',
        ),
      };

  final String _json;

  /// Its value in JSON.
  String toJson() => _json;
}
