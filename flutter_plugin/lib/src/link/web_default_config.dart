/// The default configuration of the module in a browser, as JSON in snake_case.
///
/// A test compares it with what the module has.
const String webDefaultConfig = '''
{
  "program_name": "",
  "namespace": "",
  "capabilities": {
    "disable": []
  },
  "protected_store": {
    "allow_insecure_fallback": false,
    "always_use_insecure_storage": false,
    "directory": "",
    "delete": false,
    "device_encryption_key_password": "",
    "new_device_encryption_key_password": null,
    "backend": "PlatformDefault"
  },
  "table_store": {
    "directory": "",
    "delete": false,
    "wipe_on_invalid_device_encryption_key": true,
    "max_value_size_mb": 64
  },
  "block_store": {
    "directory": "",
    "delete": false
  },
  "network": {
    "max_connections": 32,
    "network_key_password": null,
    "routing_table": {
      "public_keys": [],
      "secret_keys": [],
      "bootstrap": [
        "ws://bootstrap-v1.veilid.net:5150/ws"
      ],
      "bootstrap_keys": [
        "VLD0:Vj0lKDdUQXmQ5Ol1SZdlvXkBHUccBcQvGLN9vbLSI7k",
        "VLD0:QeQJorqbXtC7v3OlynCZ_W3m76wGNeB5NTF81ypqHAo",
        "VLD0:QNdcl-0OiFfYVj9331XVR6IqZ49NG-E18d5P7lwi4TA"
      ],
      "bootstrap_records": [],
      "serve_direct_bootstrap": false
    },
    "rpc": {
      "default_route_hop_count": 1
    },
    "dht": {
      "local_subkey_cache_size": 128,
      "local_max_subkey_cache_memory_mb": 256,
      "remote_subkey_cache_size": 64,
      "remote_max_records": 64,
      "remote_max_subkey_cache_memory_mb": 256,
      "remote_max_storage_space_mb": 128,
      "max_concurrent_operations": 16
    },
    "address_types": [],
    "upnp": false,
    "detect_address_changes": false,
    "bind_retry_ms": 10000,
    "tls": {
      "certificate_path": "",
      "private_key_path": "",
      "connection_initial_timeout_ms": 2000
    },
    "protocol": {
      "udp": {
        "enabled": false,
        "listen_address": "",
        "public_address": null
      },
      "tcp": {
        "connect": false,
        "listen": false,
        "listen_address": "",
        "public_address": null
      },
      "ws": {
        "connect": true,
        "listen": false,
        "listen_address": "",
        "path": "ws",
        "url": null
      }
    },
    "privacy": {
      "require_inbound_relay": false
    }
  },
  "attachment": {},
  "internal": null
}
''';
