import 'dart:async';
import 'dart:convert';
import 'dart:typed_data';

import 'package:voile/core.dart';
import 'package:voile/src/link/link.dart';

/// Answers requests with [answer]; what it throws of API exceptions are answers, too.
final class FakeBackend implements Backend {
  FakeBackend(this.answer, {this.isWeb = false, this.hasDebugApi = true});

  /// Gives the value of an operation; bytes in it go beside the line.
  Object? Function(Map<String, dynamic> request, List<Uint8List> blobs) answer;

  final List<FakeLink> links = [];
  final List<Map<String, dynamic>> configs = [];

  @override
  final bool isWeb;

  @override
  final bool hasDebugApi;

  @override
  String? get libraryVersion => 'fake';

  @override
  String get defaultConfig => _defaultConfig;

  @override
  Future<Link> start(String config, StartOptions options) async {
    configs.add(jsonDecode(config) as Map<String, dynamic>);
    final link = FakeLink(this, options);
    links.add(link);
    return link;
  }
}

final class FakeLink implements Link {
  FakeLink(this._backend, this.options);

  final FakeBackend _backend;
  final StartOptions options;
  final List<Map<String, dynamic>> requests = [];
  final List<String> told = [];
  late LinkListener listener;
  bool closed = false;

  /// Holds calls back until it completes.
  Future<void> gate = Future.value();

  /// The operations that were asked for, with what was wanted of objects.
  List<String> get names => [
    for (final r in requests)
      [
        r['op'],
        for (final key in ['rc_op', 'db_op', 'tx_op', 'dhttx_op', 'cs_op'])
          ?r[key],
      ].join('.'),
  ];

  @override
  void listen(LinkListener listener) => this.listener = listener;

  @override
  Future<Message> call(Message request) async {
    final json = jsonDecode(request.line) as Map<String, dynamic>;
    requests.add(json);
    await gate;
    final blobs = <Uint8List>[];
    Object? beside(Object? value) => switch (value) {
      final Uint8List bytes => '#${(blobs..add(bytes)).length - 1}',
      final List<Object?> list => [for (final item in list) beside(item)],
      final Map<String, Object?> map => {
        for (final MapEntry(:key, :value) in map.entries) key: beside(value),
      },
      _ => value,
    };
    final echo = {
      for (final MapEntry(:key, :value) in json.entries)
        if (key == 'op' || key.endsWith('_op')) key: value,
    };
    try {
      final value = _backend.answer(json, request.blobs);
      return (
        line: jsonEncode({...echo, 'value': beside(value)}),
        blobs: blobs,
      );
    } on VeilidAPIException catch (error) {
      return (
        line: jsonEncode({...echo, 'error': error.toJson()}),
        blobs: const <Uint8List>[],
      );
    }
  }

  /// Sends an update.
  Future<void> update(Map<String, Object?> json, [Uint8List? blob]) =>
      listener.update((line: jsonEncode(json), blobs: [?blob]));

  @override
  void setLogLevel(VeilidConfigLogLevel level) => told.add('log ${level.name}');

  @override
  void networkChanged({required bool online}) => told.add('online $online');

  @override
  void setForeground({required bool on}) => told.add('foreground $on');

  @override
  Future<void> close() async {
    closed = true;
    listener.ended();
  }
}

/// A configuration to start a fake with.
VeilidConfig fakeConfig({String name = 'test', String namespace = ''}) =>
    VeilidConfig.fromJson(
      jsonDecode(_defaultConfig),
    ).copyWith(programName: name, namespace: namespace);

const String _defaultConfig = '''
{
  "program_name": "", "namespace": "",
  "capabilities": {"disable": []},
  "protected_store": {
    "allow_insecure_fallback": false, "always_use_insecure_storage": false,
    "directory": "", "delete": false, "device_encryption_key_password": "",
    "new_device_encryption_key_password": null, "backend": "PlatformDefault"
  },
  "table_store": {
    "directory": "", "delete": false,
    "wipe_on_invalid_device_encryption_key": true, "max_value_size_mb": 64
  },
  "block_store": {"directory": "", "delete": false},
  "network": {
    "max_connections": 32, "network_key_password": null,
    "routing_table": {
      "public_keys": [], "secret_keys": [], "bootstrap": ["boot.example"],
      "bootstrap_keys": [], "bootstrap_records": [], "serve_direct_bootstrap": false
    },
    "rpc": {"default_route_hop_count": 1},
    "dht": {
      "local_subkey_cache_size": 1024, "local_max_subkey_cache_memory_mb": 256,
      "remote_subkey_cache_size": 128, "remote_max_records": 128,
      "remote_max_subkey_cache_memory_mb": 256, "remote_max_storage_space_mb": 256,
      "max_concurrent_operations": 16
    },
    "address_types": [], "upnp": true, "detect_address_changes": true,
    "bind_retry_ms": 10000,
    "tls": {
      "certificate_path": "", "private_key_path": "",
      "connection_initial_timeout_ms": 2000
    },
    "protocol": {
      "udp": {"enabled": true, "listen_address": "", "public_address": null},
      "tcp": {
        "connect": true, "listen": true, "listen_address": "", "public_address": null
      },
      "ws": {
        "connect": true, "listen": true, "listen_address": "", "path": "ws",
        "url": null
      }
    },
    "privacy": {"require_inbound_relay": false}
  },
  "attachment": {}, "internal": null
}
''';
