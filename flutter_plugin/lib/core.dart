/// All of `voile.dart` but what needs Flutter, for programs and tests that run in
/// Dart alone.
library;

export 'src/crypto_system.dart' show VeilidCryptoSystem;
export 'src/default_config.dart';
export 'src/dht_transaction.dart' show VeilidDHTTransaction;
export 'src/error_code.dart';
export 'src/host.dart'
    show VeilidHost, VeilidHostWatch, VeilidSecretStore, registerVeilidHost;
export 'src/routing_context.dart' show VeilidRoutingContext;
export 'src/table_db.dart'
    show Reviver, ToEncodable, VeilidTableDB, VeilidTableDBTransaction;
export 'src/types/bare.dart';
export 'src/types/base64.dart';
export 'src/types/config.dart';
export 'src/types/config_network.dart';
export 'src/types/crypto_kind.dart';
export 'src/types/dht.dart';
export 'src/types/enums.dart' hide enumFromJson;
export 'src/types/exception.dart';
export 'src/types/keys.dart';
export 'src/types/platform_config.dart';
export 'src/types/route.dart' hide bytesFromJson;
export 'src/types/state.dart';
export 'src/types/timestamp.dart';
export 'src/types/typed.dart' hide splitKind;
export 'src/types/update.dart';
export 'src/veilid.dart' show Veilid;
export 'src/version.dart';
