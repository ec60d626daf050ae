/// The functions of `voile.h` and `voile_dart.h` that this package calls.
///
/// The library is found by the asset id, which is the name of this file: the build
/// hook says what file it is. A test compares every function, structure and constant
/// with the headers.
@DefaultAsset('package:voile/src/link/bindings.dart')
library;

import 'dart:ffi';

import 'package:ffi/ffi.dart';

/// The version of the interface that this file was written for.
const int voileAbiVersion = 1;

/// Values of the first field of a message.
const int voileEventAnswer = 1;

/// An update of the node.
const int voileEventUpdate = 2;

/// A bug in the library.
const int voileEventCrash = 3;

/// The end of the session, with its node.
const int voileEventClosed = 4;

/// The answer to [voileDartStart].
const int voileDartStarted = 101;

/// The answer to [voileDartClose].
const int voileDartDone = 102;

/// The node asks for a secret.
const int voileDartStore = 103;

/// Levels of the log.
const int voileLogOff = 0;

/// See [voileLogOff].
const int voileLogError = 1;

/// See [voileLogOff].
const int voileLogWarn = 2;

/// See [voileLogOff].
const int voileLogInfo = 3;

/// See [voileLogOff].
const int voileLogDebug = 4;

/// See [voileLogOff].
const int voileLogTrace = 5;

/// Take over a running node of the same name.
const int voileStartReuse = 1;

/// `voile_bytes`.
final class VoileBytes extends Struct {
  /// The bytes.
  external Pointer<Uint8> data;

  /// Their number.
  @Size()
  external int size;
}

/// `voile_options`.
final class VoileOptions extends Struct {
  /// The size of this structure.
  @Size()
  external int size;

  /// [voileAbiVersion].
  @Uint32()
  external int abi;

  /// `VOILE_START_…`.
  @Uint32()
  external int flags;

  /// The level of Log updates.
  @Int32()
  external int updateLogLevel;

  /// The level of lines to [log].
  @Int32()
  external int logLevel;

  /// Not used here.
  external Pointer<Void> log;

  /// Not used here.
  external Pointer<Void> logUser;

  /// Milliseconds that a start may take; 0: no limit.
  @Uint32()
  external int startTimeoutMs;

  /// 0.
  @Uint32()
  external int reserved;

  /// Bytes; 0: no limit.
  @Int64()
  external int memoryLimit;

  /// Not used here.
  external Pointer<Void> store;

  /// Facts of the network as JSON; null: the library asks the device.
  external Pointer<Utf8> network;

  /// The bytes of [network].
  @Size()
  external int networkSize;
}

/// The version of the interface that the library has.
@Native<Uint32 Function()>(symbol: 'voile_abi')
external int voileAbi();

/// The version of the library. Static.
@Native<Pointer<Utf8> Function()>(symbol: 'voile_version')
external Pointer<Utf8> voileVersion();

/// The default configuration as JSON. Static.
@Native<Pointer<Utf8> Function()>(symbol: 'voile_default_config')
external Pointer<Utf8> voileDefaultConfig();

/// The last failure of the calling thread, as JSON.
@Native<Size Function(Pointer<Utf8>, Size)>(symbol: 'voile_last_error')
external int voileLastError(Pointer<Utf8> buffer, int size);

/// Tells that interfaces or connectivity have changed.
@Native<Int32 Function(Int64)>(symbol: 'voile_node_network_changed')
external int voileNodeNetworkChanged(int node);

/// Tells the facts of the device's network.
@Native<Int32 Function(Int64, Pointer<Utf8>, Size)>(
  symbol: 'voile_node_set_network',
)
external int voileNodeSetNetwork(int node, Pointer<Utf8> facts, int size);

/// Tells whether the application is in the foreground.
@Native<Int32 Function(Int64, Int32)>(symbol: 'voile_node_set_foreground')
external int voileNodeSetForeground(int node, int on);

/// Sets the level of Log updates.
@Native<Int32 Function(Int64, Int32)>(symbol: 'voile_node_set_log_level')
external int voileNodeSetLogLevel(int node, int level);

/// Begins a call, whose answer is posted.
@Native<
  Int32 Function(
    Int64,
    Pointer<Utf8>,
    Size,
    Pointer<VoileBytes>,
    Size,
    Uint64,
    Pointer<Void>,
    Pointer<Void>,
    Pointer<Int64>,
  )
>(symbol: 'voile_call')
external int voileCall(
  int session,
  Pointer<Utf8> line,
  int lineSize,
  Pointer<VoileBytes> blobs,
  int blobCount,
  int tag,
  Pointer<Void> done,
  Pointer<Void> user,
  Pointer<Int64> call,
);

/// Gives the library the function that posts messages.
@Native<Int32 Function(Pointer<Void>)>(symbol: 'voile_dart_init')
external int voileDartInit(Pointer<Void> initializeApiDLData);

/// Starts a node.
@Native<
  Int32 Function(
    Int64,
    Uint64,
    Pointer<VoileOptions>,
    Int64,
    Pointer<Utf8>,
    Size,
  )
>(symbol: 'voile_dart_start')
external int voileDartStart(
  int port,
  int tag,
  Pointer<VoileOptions> options,
  int storePort,
  Pointer<Utf8> config,
  int configSize,
);

/// Closes a node or a session.
@Native<Int32 Function(Int64, Uint64, Int64)>(symbol: 'voile_dart_close')
external int voileDartClose(int port, int tag, int handle);

/// Opens a session whose events are posted.
@Native<Int32 Function(Int64, Int64, Uint32, Pointer<Int64>)>(
  symbol: 'voile_dart_open',
)
external int voileDartOpen(
  int node,
  int port,
  int window,
  Pointer<Int64> session,
);

/// Acknowledges updates.
@Native<Int32 Function(Int64, Uint32)>(symbol: 'voile_dart_ack')
external int voileDartAck(int session, int updates);

/// Answers a request for a secret.
@Native<Int32 Function(Int64, Int32, Pointer<Uint8>, Size)>(
  symbol: 'voile_dart_store_reply',
)
external int voileDartStoreReply(
  int request,
  int code,
  Pointer<Uint8> secret,
  int size,
);
