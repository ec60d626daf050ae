/// A Veilid node inside an application: private messages, records in a distributed
/// store, encrypted tables, cryptography.
///
/// [Veilid.instance] is where to begin.
library;

export 'core.dart';
export 'src/flutter/voile_plugin.dart' show VoilePlugin;
