// Written by bind/internal/gents from bind's schema; do not edit: make generate.

/** Four letters that name a cryptosystem. */
export type CryptoKind = "VLD0" | (string & {});
/** Microseconds since the Unix epoch; exact until the year 2255. */
export type Timestamp = number;
/** Microseconds. */
export type TimestampDuration = number;
/** Bytes, or bytes per second. */
export type ByteCount = number;
/** A number of nodes. */
export type NodeCount = number;
/** First and last subkey, both inclusive. */
export type SubkeyRange = [first: number, last: number];
/** The version of the API that a node speaks. */
export interface Version { major: number; minor: number; patch: number }
/** A secret key that opens sealed boxes, `VLD0:` and 32 bytes in base64url. A secret. */
export type DecapsulationKey = string;
/** A public key that boxes are sealed for, `VLD0:` and 32 bytes in base64url. */
export type EncapsulationKey = string;
/** A BLAKE3 hash, `VLD0:` and 32 bytes in base64url. */
export type HashDigest = string;
/** `VLD0:`, an encapsulation key, `:`, its decapsulation key. A secret. */
export type KemKeyPair = string;
/** `VLD0:`, a public key, `:`, its secret key. A secret. */
export type KeyPair = string;
/** The id by which a schema names a writer, `VLD0:` and 32 bytes in base64url. */
export type MemberId = string;
/** The id of a node, `VLD0:` and 32 bytes in base64url. */
export type NodeId = string;
/** 24 bytes in base64url, used once with a key. */
export type Nonce = string;
/** The id of a call that waits for its answer: a decimal number of 64 bits as text. */
export type OperationId = string;
/** An Ed25519 public key, `VLD0:` and 32 bytes in base64url. */
export type PublicKey = string;
/** The key of a record, `VLD0:` and 32 bytes in base64url; who may read has `:` and the encryption key behind it. */
export type RecordKey = string;
/** The id of a private route, `VLD0:` and 32 bytes in base64url. */
export type RouteId = string;
/** An Ed25519 secret key, `VLD0:` and 32 bytes in base64url. A secret. */
export type SecretKey = string;
/** A symmetric key, `VLD0:` and 32 bytes in base64url. A secret. */
export type SharedSecret = string;
/** An Ed25519ph signature, `VLD0:` and 64 bytes in base64url. */
export type Signature = string;

/** AttachmentState is how well a node is attached; it says nothing about readiness. */
export type AttachmentState = "Detached" | "Detaching" | "Attaching" | "AttachedWeak" | "AttachedFair" | "AttachedGood" | "AttachedStrong" | "AttachedFull";
/** DHTReportScope is what an inspection of a record looks at (spec 07 §2.3). */
export type DHTReportScope = "Local" | "SyncGet" | "SyncSet" | "UpdateGet" | "UpdateSet";
/** Sequencing is whether messages need to keep their order. Empty: PreferOrdered. */
export type Sequencing = "PreferUnordered" | "PreferOrdered" | "EnsureOrdered";
/** Stability is what a route is chosen for. Empty: Reliable. */
export type Stability = "LowLatency" | "Reliable";
/** AppLifecycleState is whether the user sees the application. */
export type AppLifecycleState = "Active" | "Background";
/** AddressType is a family of addresses. */
export type AddressType = "IPV4" | "IPV6";
/** ProtectedStoreBackend is where a browser keeps secrets; elsewhere it is PlatformDefault. */
export type ProtectedStoreBackend = "PlatformDefault" | "LocalStorage" | "IndexedDb" | "ExtensionStorage";
/** LogLevel is the level of a line of the log. */
export type LogLevel = "Error" | "Warn" | "Info" | "Debug" | "Trace";

/** The fields of an error, by its kind. */
export interface ErrorFields {
  NotInitialized: {  };
  AlreadyInitialized: {  };
  Timeout: {  };
  TryAgain: { message: string };
  InvalidTarget: { message: string };
  NoConnection: { message: string };
  Shutdown: {  };
  KeyNotFound: { key: string };
  Internal: { message: string };
  Unimplemented: { message: string };
  ParseError: { message: string; value: string };
  InvalidArgument: { context: string; argument: string; value: string };
  MissingArgument: { context: string; argument: string };
  Generic: { message: string };
  TransactionNotFound: { message: string };
}
/** What went wrong. The set is closed. */
export type ErrorKind = keyof ErrorFields;
/** All kinds of errors. */
export const errorKinds: readonly ErrorKind[] = ["NotInitialized", "AlreadyInitialized", "Timeout", "TryAgain", "InvalidTarget", "NoConnection", "Shutdown", "KeyNotFound", "Internal", "Unimplemented", "ParseError", "InvalidArgument", "MissingArgument", "Generic", "TransactionNotFound"];

/** DHTRecordDescriptor is a record that was created or opened. */
export interface DHTRecordDescriptor {
  key: RecordKey;
  owner: PublicKey;
  /** null: not known */
  ownerSecret: SecretKey | null;
  schema: DHTSchema;
}

/** DHTRecordReport is what an inspection has found. The sequence numbers run over Subkeys in order. */
export interface DHTRecordReport {
  localSeqs: (number | null)[];
  networkSeqs: (number | null)[];
  /** not yet written to the network */
  offlineSubkeys: SubkeyRange[];
  subkeys: SubkeyRange[];
}

/** DHTSchema says how many subkeys a record has and who writes them. */
export type DHTSchema =
  | { kind: "DFLT"; oCnt: number }
  | { kind: "SMPL"; members: DHTSchemaSMPLMember[]; oCnt: number };

/** DHTSchemaDFLT is the form of a schema whose owner writes everything. */
export interface DHTSchemaDFLT {
  oCnt: number;
}

/** DHTSchemaSMPL is the form of a schema with members. */
export interface DHTSchemaSMPL {
  members: DHTSchemaSMPLMember[];
  oCnt: number;
}

/** DHTSchemaSMPLMember is a member of a schema, with its number of subkeys. */
export interface DHTSchemaSMPLMember {
  mCnt: number;
  /** 32 bytes, without a kind */
  mKey: string;
}

/** DHTTransactionSetValueOptions are the options of DhtTransaction.Set. */
export interface DHTTransactionSetValueOptions {
  minSeqnum?: number | undefined | null;
  writer?: KeyPair | undefined | null;
}

/** LatencyStats are times from question to answer. tm90 and tm75 are means without the slowest, p90 and p75 percentiles. */
export interface LatencyStats {
  average: TimestampDuration;
  fastest: TimestampDuration;
  p75?: TimestampDuration | undefined;
  p90?: TimestampDuration | undefined;
  slowest: TimestampDuration;
  tm75?: TimestampDuration | undefined;
  tm90?: TimestampDuration | undefined;
}

/** OpenDHTRecordOptions are the options of OpenDhtRecord. */
export interface OpenDHTRecordOptions {
  /** null: true */
  rehydrate?: boolean | undefined | null;
}

/** PeerStats is what was measured of a peer. */
export interface PeerStats {
  /** null: nothing yet */
  latency: LatencyStats | null;
  transfer?: TransferStatsDownUp | undefined;
}

/** PeerTableData is one peer. */
export interface PeerTableData {
  nodeIds: NodeId[];
  /** such as "UDP:192.0.2.1:5150" */
  peerAddress: string;
  peerStats: PeerStats;
}

/** PrivateSpec says what a private route shall be. Zero fields ask for the default. */
export interface PrivateSpec {
  /** empty: all */
  cryptoKinds?: CryptoKind[] | undefined;
  /** 0: the configured default */
  hopCount?: number | undefined;
  sequencing?: Sequencing | undefined;
  stability?: Stability | undefined;
}

/** RouteBlob is a private route of a node: hand the blob to others, keep the id. */
export interface RouteBlob {
  blob: Uint8Array;
  routeId: RouteId;
}

/** SafetySelection is the safety of a context: one of the two fields is set. */
export type SafetySelection =
  | { unsafe: Sequencing }
  | { safe: SafetySpec };

/** SafetySpec says how a context hides its own node. Zero fields ask for the default; in answers all are set. */
export interface SafetySpec {
  /** 0: the configured default */
  hopCount?: number | undefined;
  /** null: any */
  preferredRoute?: RouteId | undefined | null;
  sequencing?: Sequencing | undefined;
  stability?: Stability | undefined;
}

/** SetDHTValueOptions are the options of SetDhtValue; null fields ask for the default. */
export interface SetDHTValueOptions {
  /** null: true */
  allowOffline?: boolean | undefined | null;
  /** null: the next one */
  minSeqnum?: number | undefined | null;
  /** null: that of the opening */
  writer?: KeyPair | undefined | null;
}

/** Target is the receiver of a message: one of the two fields is set. */
export type Target =
  | { nodeId: string }
  | { routeId: string };

/** TransactDHTRecordsOptions are the options of TransactDhtRecords and Extend. */
export interface TransactDHTRecordsOptions {
  /** null: the node's own */
  defaultSigningKeypair?: KeyPair | undefined | null;
}

/** TransferStats is a total, and bytes per second. */
export interface TransferStats {
  average: ByteCount;
  maximum: ByteCount;
  minimum: ByteCount;
  total: ByteCount;
}

/** TransferStatsDownUp is what was received and sent. */
export interface TransferStatsDownUp {
  down: TransferStats;
  up: TransferStats;
}

/** ValueData is a value of a subkey. */
export interface ValueData {
  data: Uint8Array;
  seq: number | null;
  writer: PublicKey;
}

/** AppCall is a question of another application; answer it with AppCallReply. */
export interface AppCall {
  callId: OperationId;
  message: Uint8Array;
  routeId: RouteId | null;
  sender: NodeId | null;
}

/** AppMessage is a message of another application. */
export interface AppMessage {
  message: Uint8Array;
  /** our private route that it came in by; null: none */
  routeId: RouteId | null;
  /** null: hidden by a private route */
  sender: NodeId | null;
}

/** Config is the configuration of one node (spec 07 §6.1). Use Default and change what differs; the zero value is not valid. */
export interface Config {
  /** Attachment is empty in every default build of the protocol. */
  attachment?: ConfigAttachment | undefined;
  blockStore: ConfigBlockStore;
  capabilities: ConfigCapabilities;
  /** Internal is accepted and kept so that a configuration survives a round trip; the values that apply are those of Tuning (spec 07 §6.1). */
  internal?: ConfigInternal | undefined | null;
  namespace: string;
  network: ConfigNetwork;
  programName: string;
  protectedStore: ConfigProtectedStore;
  tableStore: ConfigTableStore;
}

export interface ConfigAttachment {
}

/** ConfigBlockStore is unused by the protocol so far. */
export interface ConfigBlockStore {
  delete: boolean;
  directory: string;
}

/** ConfigCapabilities names what the node does not offer. */
export interface ConfigCapabilities {
  /** four characters each: ROUT, SGNL, RLAY, DIAL, DHTV, APPM */
  disable: string[];
}

/** ConfigDHT holds the limits of the record stores. */
export interface ConfigDHT {
  localMaxSubkeyCacheMemoryMb: number;
  localSubkeyCacheSize: number;
  maxConcurrentOperations?: number | undefined;
  remoteMaxRecords: number;
  remoteMaxStorageSpaceMb: number;
  remoteMaxSubkeyCacheMemoryMb: number;
  remoteSubkeyCacheSize: number;
}

/** ConfigInternal is the tuning tree. */
export interface ConfigInternal {
  network: ConfigInternalNetwork;
}

/** ConfigInternalDHT is the tuning of the distributed store. */
export interface ConfigInternalDHT {
  consensusWidth: number;
  getValueCount: number;
  getValueFanout: number;
  getValueTimeoutMs: number;
  maxFindNodeCount: number;
  maxWatchExpirationMs: number;
  maxWatchInspectIntervalMs: number;
  memberTransactionLimit: number;
  memberWatchLimit: number;
  minPeerCount: number;
  minPeerRefreshTimeMs: number;
  publicTransactionLimit: number;
  publicWatchLimit: number;
  resolveNodeCount: number;
  resolveNodeFanout: number;
  resolveNodeTimeoutMs: number;
  setValueCount: number;
  setValueFanout: number;
  setValueTimeoutMs: number;
  validateDialInfoReceiptTimeMs: number;
}

/** ConfigInternalNetwork is the tuning of connections. */
export interface ConfigInternalNetwork {
  cgnatHolePunchTtl: number;
  clientAllowlistTimeoutMs: number;
  connectionInactivityTimeoutMs: number;
  connectionInitialTimeoutMs: number;
  defaultHolePunchTtl: number;
  dht: ConfigInternalDHT;
  holePunchReceiptTimeMs: number;
  maxConnectionFrequencyPerMin: number;
  maxConnectionsPerIp4: number;
  maxConnectionsPerIp6Prefix: number;
  maxConnectionsPerIp6PrefixSize: number;
  protocol: ConfigInternalProtocol;
  restrictedNatRetries: number;
  reverseConnectionReceiptTimeMs: number;
  routingTable: ConfigInternalRoutingTable;
  rpc: ConfigInternalRPC;
  singleSendTimeoutMs: number;
}

/** ConfigInternalProtocol is the tuning of transports. */
export interface ConfigInternalProtocol {
  udp: ConfigInternalUDP;
}

/** ConfigInternalRPC is the tuning of questions and answers. */
export interface ConfigInternalRPC {
  concurrency: number;
  maxRouteHopCount: number;
  maxTimestampAheadMs?: number | undefined | null;
  maxTimestampBehindMs?: number | undefined | null;
  queueSize: number;
  timeoutMs: number;
}

/** ConfigInternalRoutingTable is the tuning of the routing table. */
export interface ConfigInternalRoutingTable {
  save: ConfigInternalRoutingTableSave;
}

/** ConfigInternalRoutingTableSave says when the routing table is written. */
export interface ConfigInternalRoutingTableSave {
  backgroundMinIntervalMs: number;
  minIntervalMs: number;
  periodMs: number;
  settleMs: number;
}

/** ConfigInternalUDP is the tuning of datagrams. */
export interface ConfigInternalUDP {
  socketPoolSize: number;
}

/** ConfigNetwork configures everything that other nodes can notice. */
export interface ConfigNetwork {
  /** IPV4, IPV6; empty: both */
  addressTypes?: AddressType[] | undefined;
  bindRetryMs?: number | undefined;
  /** null: automatic */
  detectAddressChanges?: boolean | undefined | null;
  dht: ConfigDHT;
  maxConnections: number;
  networkKeyPassword?: string | undefined | null;
  privacy: ConfigPrivacy;
  /** PrivateNetwork lets loopback and private addresses count as reachable, so that a whole network runs on one machine or LAN. It needs a network key, so such a network never mixes with another (docs/protocol/deviations.md). */
  privateNetwork?: boolean | undefined;
  protocol: ConfigProtocol;
  routingTable: ConfigRoutingTable;
  rpc: ConfigRPC;
  tls: ConfigTLS;
  upnp: boolean;
}

/** ConfigPrivacy holds what hides the node. */
export interface ConfigPrivacy {
  requireInboundRelay: boolean;
}

/** ConfigProtectedStore says where the few secrets of the device are kept. */
export interface ConfigProtectedStore {
  allowInsecureFallback: boolean;
  alwaysUseInsecureStorage: boolean;
  backend: ProtectedStoreBackend;
  delete: boolean;
  deviceEncryptionKeyPassword: string;
  directory: string;
  newDeviceEncryptionKeyPassword?: string | undefined | null;
}

/** ConfigProtocol holds the settings of the transports. */
export interface ConfigProtocol {
  tcp: ConfigTCP;
  udp: ConfigUDP;
  ws: ConfigWS;
}

/** ConfigRPC holds the settings of routes. */
export interface ConfigRPC {
  defaultRouteHopCount: number;
}

/** ConfigRoutingTable holds the identity and the ways into the network. */
export interface ConfigRoutingTable {
  bootstrap: string[];
  bootstrapKeys: string[];
  bootstrapRecords: string[];
  publicKeys: string[];
  secretKeys: string[];
  serveDirectBootstrap?: boolean | undefined;
}

/** ConfigTCP holds the settings of raw streams. */
export interface ConfigTCP {
  connect: boolean;
  listen: boolean;
  listenAddress: string;
  publicAddress?: string | undefined | null;
}

/** ConfigTLS names the certificate of encrypted listeners. */
export interface ConfigTLS {
  certificatePath: string;
  connectionInitialTimeoutMs: number;
  privateKeyPath: string;
}

/** ConfigTableStore says where the tables are kept. */
export interface ConfigTableStore {
  delete: boolean;
  directory: string;
  maxValueSizeMb: number;
  wipeOnInvalidDeviceEncryptionKey: boolean;
}

/** ConfigUDP holds the settings of datagrams. */
export interface ConfigUDP {
  enabled: boolean;
  listenAddress: string;
  publicAddress?: string | undefined | null;
}

/** ConfigWS holds the settings of WebSocket connections. */
export interface ConfigWS {
  connect: boolean;
  listen: boolean;
  listenAddress: string;
  path: string;
  url?: string | undefined | null;
}

/** LogEntry is a line of the node's log. */
export interface LogEntry {
  /** null: none */
  backtrace: string | null;
  logLevel: LogLevel;
  message: string;
}

/** RouteChange names private routes that have died or were released. */
export interface RouteChange {
  /** imported */
  deadRemoteRoutes: RouteId[];
  /** ours */
  deadRoutes: RouteId[];
}

/** NodeState is everything about a node at once. Its configuration has the secret keys in it. */
export interface NodeState {
  attachment: AttachmentStatus;
  config: ConfigStatus;
  network: NetworkStatus;
}

/** AttachmentStatus is the state of the attachment, and the update that says that it has changed. */
export interface AttachmentStatus {
  /** null: not attached */
  attachedUptime: TimestampDuration | null;
  estimatedNetworkSize: NodeCount;
  livePeerCount: NodeCount;
  localNetworkReady: boolean;
  /** null: not known */
  medianLatency: TimestampDuration | null;
  overAttachedNodes: NodeCount;
  publicInternetReady: boolean;
  reliablePeerCount: NodeCount;
  state: AttachmentState;
  uptime: TimestampDuration;
}

/** AttachmentCondition is what WaitForAttachmentCondition waits for; null fields do not matter, bounds are inclusive. */
export interface AttachmentCondition {
  optLocalNetworkReady?: boolean | undefined | null;
  optMaxState?: AttachmentState | undefined | null;
  optMinState?: AttachmentState | undefined | null;
  optPublicInternetReady?: boolean | undefined | null;
}

/** ConfigStatus is the configuration in a state, and the update that says that it has changed; that one is without secrets. */
export interface ConfigStatus {
  config: Config;
}

/** NetworkStatus is what the network does, and the update of each second. */
export interface NetworkStatus {
  bpsDown: ByteCount;
  bpsUp: ByteCount;
  nodeIds: NodeId[];
  /** at most 64 */
  peers: PeerTableData[];
  started: boolean;
}

/** ValueChange is a change of a watched record. Without subkeys and with a count of 0 the watch has ended. */
export interface ValueChange {
  /** changes still to be reported */
  count: number;
  key: RecordKey;
  subkeys: SubkeyRange[];
  /** of the first subkey; null: read it */
  value: ValueData | null;
}

/** The updates of a node, by their kind. */
export interface Updates {
  Log: { kind: "Log" } & LogEntry;
  AppMessage: { kind: "AppMessage" } & AppMessage;
  AppCall: { kind: "AppCall" } & AppCall;
  Attachment: { kind: "Attachment" } & AttachmentStatus;
  Network: { kind: "Network" } & NetworkStatus;
  Config: { kind: "Config" } & ConfigStatus;
  RouteChange: { kind: "RouteChange" } & RouteChange;
  ValueChange: { kind: "ValueChange" } & ValueChange;
  Shutdown: { kind: "Shutdown" };
}
/** The sort of an update. */
export type UpdateKind = keyof Updates;
/** Something that a node tells without being asked. */
export type Update = Updates[UpdateKind];

/** Every operation: its parameters and its result. */
export interface Operations {
  "AppCallReply": { params: { callId: OperationId; message: Uint8Array }; result: void };
  "Attach": { params: {}; result: void };
  "ChangeConfig": { params: { config: Config }; result: void };
  "Control": { params: { args: string[] }; result: string };
  "CryptoSystem.AeadOverhead": { params: {}; result: number };
  "CryptoSystem.CachedDh": { params: { key: PublicKey; secret: SecretKey }; result: SharedSecret };
  "CryptoSystem.CheckHashDigest": { params: { digest: HashDigest }; result: void };
  "CryptoSystem.CheckNonce": { params: { nonce: Nonce }; result: void };
  "CryptoSystem.CheckPublicKey": { params: { key: PublicKey }; result: void };
  "CryptoSystem.CheckSecretKey": { params: { key: SecretKey }; result: void };
  "CryptoSystem.CheckSharedSecret": { params: { secret: SharedSecret }; result: void };
  "CryptoSystem.CheckSignature": { params: { signature: Signature }; result: void };
  "CryptoSystem.ComputeDh": { params: { key: PublicKey; secret: SecretKey }; result: SharedSecret };
  "CryptoSystem.CryptNoAuth": { params: { body: Uint8Array; nonce: Nonce; sharedSecret: SharedSecret }; result: Uint8Array };
  "CryptoSystem.DecapsulationKeyFromSigningSecret": { params: { secret: SecretKey }; result: DecapsulationKey };
  "CryptoSystem.DecapsulationKeyLength": { params: {}; result: number };
  "CryptoSystem.DecryptAead": { params: { associatedData?: Uint8Array | undefined | null; body: Uint8Array; nonce: Nonce; sharedSecret: SharedSecret }; result: Uint8Array };
  "CryptoSystem.DefaultSaltLength": { params: {}; result: number };
  "CryptoSystem.DeriveSharedSecret": { params: { password: Uint8Array; salt: Uint8Array }; result: SharedSecret };
  "CryptoSystem.EncapsulationKeyFromSigningKey": { params: { key: PublicKey }; result: EncapsulationKey };
  "CryptoSystem.EncapsulationKeyLength": { params: {}; result: number };
  "CryptoSystem.EncryptAead": { params: { associatedData?: Uint8Array | undefined | null; body: Uint8Array; nonce: Nonce; sharedSecret: SharedSecret }; result: Uint8Array };
  "CryptoSystem.GenerateHash": { params: { data: Uint8Array }; result: HashDigest };
  "CryptoSystem.GenerateKemKeyPair": { params: {}; result: KemKeyPair };
  "CryptoSystem.GenerateKeyPair": { params: {}; result: KeyPair };
  "CryptoSystem.GenerateSharedSecret": { params: { domain: Uint8Array; key: PublicKey; secret: SecretKey }; result: SharedSecret };
  "CryptoSystem.HashDigestLength": { params: {}; result: number };
  "CryptoSystem.HashPassword": { params: { password: Uint8Array; salt: Uint8Array }; result: string };
  "CryptoSystem.HpkeOpen": { params: { aad: Uint8Array; sealed: Uint8Array; secret: DecapsulationKey }; result: Uint8Array };
  "CryptoSystem.HpkeSeal": { params: { aad: Uint8Array; plaintext: Uint8Array; recipient: EncapsulationKey }; result: Uint8Array };
  "CryptoSystem.Kind": { params: {}; result: CryptoKind };
  "CryptoSystem.NonceLength": { params: {}; result: number };
  "CryptoSystem.PublicKeyLength": { params: {}; result: number };
  "CryptoSystem.RandomBytes": { params: { len: number }; result: Uint8Array };
  "CryptoSystem.RandomNonce": { params: {}; result: Nonce };
  "CryptoSystem.RandomSharedSecret": { params: {}; result: SharedSecret };
  "CryptoSystem.Release": { params: {}; result: void };
  "CryptoSystem.SecretKeyLength": { params: {}; result: number };
  "CryptoSystem.SharedSecretLength": { params: {}; result: number };
  "CryptoSystem.Sign": { params: { data: Uint8Array; key: PublicKey; secret: SecretKey }; result: Signature };
  "CryptoSystem.SignatureLength": { params: {}; result: number };
  "CryptoSystem.ValidateHash": { params: { data: Uint8Array; hashDigest: HashDigest }; result: boolean };
  "CryptoSystem.ValidateKeyPair": { params: { key: PublicKey; secret: SecretKey }; result: boolean };
  "CryptoSystem.Verify": { params: { data: Uint8Array; key: PublicKey; signature: Signature }; result: boolean };
  "CryptoSystem.VerifyPassword": { params: { password: Uint8Array; passwordHash: string }; result: boolean };
  "Debug": { params: { command: string }; result: string };
  "DefaultVeilidConfig": { params: {}; result: string };
  "DeleteAllUserSecrets": { params: {}; result: void };
  "DeleteTableDb": { params: { name: string }; result: boolean };
  "Detach": { params: {}; result: void };
  "DhtTransaction.Commit": { params: {}; result: void };
  "DhtTransaction.Extend": { params: { options?: TransactDHTRecordsOptions | undefined | null; recordKeys: RecordKey[] }; result: void };
  "DhtTransaction.Get": { params: { key: RecordKey; subkey: number }; result: ValueData | null };
  "DhtTransaction.Inspect": { params: { key: RecordKey; scope?: DHTReportScope | undefined; subkeys?: SubkeyRange[] | undefined | null }; result: DHTRecordReport };
  "DhtTransaction.Release": { params: {}; result: void };
  "DhtTransaction.Rollback": { params: {}; result: void };
  "DhtTransaction.Set": { params: { data: Uint8Array; key: RecordKey; options?: DHTTransactionSetValueOptions | undefined | null; subkey: number }; result: ValueData | null };
  "GenerateKeyPair": { params: { kind: CryptoKind }; result: KeyPair };
  "GenerateMemberId": { params: { writerKey: PublicKey }; result: MemberId };
  "GenerateSignatures": { params: { data: Uint8Array; keyPairs: KeyPair[] }; result: Signature[] };
  "GetCryptoSystem": { params: { kind: CryptoKind }; result: number };
  "GetDhtRecordKey": { params: { encryptionKey?: SharedSecret | undefined | null; owner: PublicKey; schema: DHTSchema }; result: RecordKey };
  "GetState": { params: {}; result: NodeState };
  "ImportRemotePrivateRoute": { params: { blob: Uint8Array }; result: RouteId };
  "IsShutdown": { params: {}; result: boolean };
  "ListUserSecrets": { params: {}; result: string[] };
  "LoadUserSecret": { params: { key: string }; result: Uint8Array | null };
  "NewCustomPrivateRoute": { params: { privateSpec?: PrivateSpec | undefined }; result: RouteBlob };
  "NewPrivateRoute": { params: {}; result: RouteBlob };
  "NewRoutingContext": { params: {}; result: number };
  "Now": { params: {}; result: Timestamp };
  "NowIncreasing": { params: {}; result: Timestamp };
  "NowNonDecreasing": { params: {}; result: Timestamp };
  "OpenTableDb": { params: { columnCount: number; name: string }; result: number };
  "ReleasePrivateRoute": { params: { routeId: RouteId }; result: void };
  "RemoveUserSecret": { params: { key: string }; result: boolean };
  "RenameTableDb": { params: { newName: string; oldName: string }; result: void };
  "ReportAppLifecycleState": { params: { state: AppLifecycleState }; result: void };
  "RoutingContext.AppCall": { params: { message: Uint8Array; target: Target }; result: Uint8Array };
  "RoutingContext.AppMessage": { params: { message: Uint8Array; target: Target }; result: void };
  "RoutingContext.CancelDhtWatch": { params: { key: RecordKey; subkeys?: SubkeyRange[] | undefined | null }; result: boolean };
  "RoutingContext.CloseDhtRecord": { params: { key: RecordKey }; result: void };
  "RoutingContext.CreateDhtRecord": { params: { kind: CryptoKind; owner?: KeyPair | undefined | null; schema: DHTSchema }; result: DHTRecordDescriptor };
  "RoutingContext.DeleteDhtRecord": { params: { key: RecordKey }; result: void };
  "RoutingContext.FlushDhtRecord": { params: { key: RecordKey; timeoutMs?: number | undefined | null }; result: boolean };
  "RoutingContext.GetDhtValue": { params: { forceRefresh: boolean; key: RecordKey; subkey: number }; result: ValueData | null };
  "RoutingContext.InspectDhtRecord": { params: { key: RecordKey; scope?: DHTReportScope | undefined; subkeys?: SubkeyRange[] | undefined | null }; result: DHTRecordReport };
  "RoutingContext.OpenDhtRecord": { params: { key: RecordKey; options?: OpenDHTRecordOptions | undefined | null; writer?: KeyPair | undefined | null }; result: DHTRecordDescriptor };
  "RoutingContext.Release": { params: {}; result: void };
  "RoutingContext.Safety": { params: {}; result: SafetySelection };
  "RoutingContext.SetDhtValue": { params: { data: Uint8Array; key: RecordKey; options?: SetDHTValueOptions | undefined | null; subkey: number }; result: ValueData | null };
  "RoutingContext.WatchDhtValues": { params: { count?: number | undefined | null; expiration?: Timestamp | undefined | null; key: RecordKey; subkeys?: SubkeyRange[] | undefined | null }; result: boolean };
  "RoutingContext.WithDefaultSafety": { params: {}; result: number };
  "RoutingContext.WithSafety": { params: { safetySelection: SafetySelection }; result: number };
  "RoutingContext.WithSequencing": { params: { sequencing: Sequencing }; result: number };
  "SaveUserSecret": { params: { key: string; value: Uint8Array }; result: boolean };
  "TableDb.Delete": { params: { col: number; key: Uint8Array }; result: Uint8Array | null };
  "TableDb.GetColumnCount": { params: {}; result: number };
  "TableDb.GetKeys": { params: { col: number }; result: Uint8Array[] };
  "TableDb.Load": { params: { col: number; key: Uint8Array }; result: Uint8Array | null };
  "TableDb.Release": { params: {}; result: void };
  "TableDb.Store": { params: { col: number; key: Uint8Array; value: Uint8Array }; result: void };
  "TableDb.Transact": { params: {}; result: number };
  "TableDbTransaction.Commit": { params: {}; result: void };
  "TableDbTransaction.Delete": { params: { col: number; key: Uint8Array }; result: void };
  "TableDbTransaction.Rollback": { params: {}; result: void };
  "TableDbTransaction.Store": { params: { col: number; key: Uint8Array; value: Uint8Array }; result: void };
  "TransactDhtRecords": { params: { options?: TransactDHTRecordsOptions | undefined | null; recordKeys: RecordKey[] }; result: number };
  "ValidCryptoKinds": { params: {}; result: CryptoKind[] };
  "VeilidFeatures": { params: {}; result: string[] };
  "VeilidVersion": { params: {}; result: Version };
  "VeilidVersionString": { params: {}; result: string };
  "VerifySignatures": { params: { data: Uint8Array; nodeIds: PublicKey[]; signatures: Signature[] }; result: PublicKey[] | null };
  "WaitForAttachmentCondition": { params: { condition?: AttachmentCondition | undefined | null; timeoutMs?: number | undefined | null }; result: AttachmentStatus };
}
/** The name of an operation. */
export type OperationName = keyof Operations;

/** How one field stands on a line: its shape, and its name there if that is not its own with underscores. */
export type FieldShape = string | readonly [shape: string, wire: string];
/** The fields of the types. */
export const types: Readonly<Record<string, Readonly<Record<string, FieldShape>>>> = {
  DHTRecordDescriptor: { key: "", owner: "", ownerSecret: "", schema: "@DHTSchema" },
  DHTRecordReport: { localSeqs: "", networkSeqs: "", offlineSubkeys: "", subkeys: "" },
  DHTSchema: { kind: "", oCnt: "", members: "[]@DHTSchemaSMPLMember" },
  DHTSchemaDFLT: { oCnt: "" },
  DHTSchemaSMPL: { members: "[]@DHTSchemaSMPLMember", oCnt: "" },
  DHTSchemaSMPLMember: { mCnt: "", mKey: "member" },
  DHTTransactionSetValueOptions: { minSeqnum: "", writer: "" },
  LatencyStats: { average: "decimal", fastest: "decimal", p75: "decimal", p90: "decimal", slowest: "decimal", tm75: "decimal", tm90: "decimal" },
  OpenDHTRecordOptions: { rehydrate: "" },
  PeerStats: { latency: "@LatencyStats", transfer: "@TransferStatsDownUp" },
  PeerTableData: { nodeIds: "", peerAddress: "", peerStats: "@PeerStats" },
  PrivateSpec: { cryptoKinds: "", hopCount: "", sequencing: "", stability: "" },
  RouteBlob: { blob: "bytes", routeId: "" },
  SafetySelection: { unsafe: ["", "Unsafe"], safe: ["@SafetySpec", "Safe"] },
  SafetySpec: { hopCount: "", preferredRoute: "", sequencing: "", stability: "" },
  SetDHTValueOptions: { allowOffline: "", minSeqnum: "", writer: "" },
  Target: { nodeId: ["", "NodeId"], routeId: ["", "RouteId"] },
  TransactDHTRecordsOptions: { defaultSigningKeypair: "" },
  TransferStats: { average: "decimal", maximum: "decimal", minimum: "decimal", total: "decimal" },
  TransferStatsDownUp: { down: "@TransferStats", up: "@TransferStats" },
  ValueData: { data: "bytes", seq: "", writer: "" },
  AppCall: { callId: "", message: "bytes", routeId: "", sender: "" },
  AppMessage: { message: "bytes", routeId: "", sender: "" },
  Config: { attachment: "@ConfigAttachment", blockStore: "@ConfigBlockStore", capabilities: "@ConfigCapabilities", internal: "@ConfigInternal", namespace: "", network: "@ConfigNetwork", programName: "", protectedStore: "@ConfigProtectedStore", tableStore: "@ConfigTableStore" },
  ConfigAttachment: {  },
  ConfigBlockStore: { delete: "", directory: "" },
  ConfigCapabilities: { disable: "" },
  ConfigDHT: { localMaxSubkeyCacheMemoryMb: "", localSubkeyCacheSize: "", maxConcurrentOperations: "", remoteMaxRecords: "", remoteMaxStorageSpaceMb: "", remoteMaxSubkeyCacheMemoryMb: "", remoteSubkeyCacheSize: "" },
  ConfigInternal: { network: "@ConfigInternalNetwork" },
  ConfigInternalDHT: { consensusWidth: "", getValueCount: "", getValueFanout: "", getValueTimeoutMs: "", maxFindNodeCount: "", maxWatchExpirationMs: "", maxWatchInspectIntervalMs: "", memberTransactionLimit: "", memberWatchLimit: "", minPeerCount: "", minPeerRefreshTimeMs: "", publicTransactionLimit: "", publicWatchLimit: "", resolveNodeCount: "", resolveNodeFanout: "", resolveNodeTimeoutMs: "", setValueCount: "", setValueFanout: "", setValueTimeoutMs: "", validateDialInfoReceiptTimeMs: "" },
  ConfigInternalNetwork: { cgnatHolePunchTtl: "", clientAllowlistTimeoutMs: "", connectionInactivityTimeoutMs: "", connectionInitialTimeoutMs: "", defaultHolePunchTtl: "", dht: "@ConfigInternalDHT", holePunchReceiptTimeMs: "", maxConnectionFrequencyPerMin: "", maxConnectionsPerIp4: "", maxConnectionsPerIp6Prefix: "", maxConnectionsPerIp6PrefixSize: "", protocol: "@ConfigInternalProtocol", restrictedNatRetries: "", reverseConnectionReceiptTimeMs: "", routingTable: "@ConfigInternalRoutingTable", rpc: "@ConfigInternalRPC", singleSendTimeoutMs: "" },
  ConfigInternalProtocol: { udp: "@ConfigInternalUDP" },
  ConfigInternalRPC: { concurrency: "", maxRouteHopCount: "", maxTimestampAheadMs: "", maxTimestampBehindMs: "", queueSize: "", timeoutMs: "" },
  ConfigInternalRoutingTable: { save: "@ConfigInternalRoutingTableSave" },
  ConfigInternalRoutingTableSave: { backgroundMinIntervalMs: "", minIntervalMs: "", periodMs: "", settleMs: "" },
  ConfigInternalUDP: { socketPoolSize: "" },
  ConfigNetwork: { addressTypes: "", bindRetryMs: "", detectAddressChanges: "", dht: "@ConfigDHT", maxConnections: "", networkKeyPassword: "", privacy: "@ConfigPrivacy", privateNetwork: "", protocol: "@ConfigProtocol", routingTable: "@ConfigRoutingTable", rpc: "@ConfigRPC", tls: "@ConfigTLS", upnp: "" },
  ConfigPrivacy: { requireInboundRelay: "" },
  ConfigProtectedStore: { allowInsecureFallback: "", alwaysUseInsecureStorage: "", backend: "", delete: "", deviceEncryptionKeyPassword: "", directory: "", newDeviceEncryptionKeyPassword: "" },
  ConfigProtocol: { tcp: "@ConfigTCP", udp: "@ConfigUDP", ws: "@ConfigWS" },
  ConfigRPC: { defaultRouteHopCount: "" },
  ConfigRoutingTable: { bootstrap: "", bootstrapKeys: "", bootstrapRecords: "", publicKeys: "", secretKeys: "", serveDirectBootstrap: "" },
  ConfigTCP: { connect: "", listen: "", listenAddress: "", publicAddress: "" },
  ConfigTLS: { certificatePath: "", connectionInitialTimeoutMs: "", privateKeyPath: "" },
  ConfigTableStore: { delete: "", directory: "", maxValueSizeMb: "", wipeOnInvalidDeviceEncryptionKey: "" },
  ConfigUDP: { enabled: "", listenAddress: "", publicAddress: "" },
  ConfigWS: { connect: "", listen: "", listenAddress: "", path: "", url: "" },
  LogEntry: { backtrace: "", logLevel: "", message: "" },
  RouteChange: { deadRemoteRoutes: "", deadRoutes: "" },
  NodeState: { attachment: "@AttachmentStatus", config: "@ConfigStatus", network: "@NetworkStatus" },
  AttachmentStatus: { attachedUptime: "decimal", estimatedNetworkSize: "decimal", livePeerCount: "decimal", localNetworkReady: "", medianLatency: "decimal", overAttachedNodes: "decimal", publicInternetReady: "", reliablePeerCount: "decimal", state: "", uptime: "decimal" },
  AttachmentCondition: { optLocalNetworkReady: "", optMaxState: "", optMinState: "", optPublicInternetReady: "" },
  ConfigStatus: { config: "@Config" },
  NetworkStatus: { bpsDown: "decimal", bpsUp: "decimal", nodeIds: "", peers: "[]@PeerTableData", started: "" },
  ValueChange: { count: "", key: "", subkeys: "", value: "@ValueData" },
};
/** The types of the updates; empty: no fields. */
export const updateTypes: Readonly<Record<UpdateKind, string>> = {
  Log: "LogEntry",
  AppMessage: "AppMessage",
  AppCall: "AppCall",
  Attachment: "AttachmentStatus",
  Network: "NetworkStatus",
  Config: "ConfigStatus",
  RouteChange: "RouteChange",
  ValueChange: "ValueChange",
  Shutdown: "",
};
/** The parameters and the shape of the result of the operations. */
export const operations: Readonly<Record<OperationName, { readonly params: Readonly<Record<string, FieldShape>>; readonly result: string }>> = {
  "AppCallReply": { params: { callId: "", message: "bytes" }, result: "void" },
  "Attach": { params: {  }, result: "void" },
  "ChangeConfig": { params: { config: "@Config" }, result: "void" },
  "Control": { params: { args: "" }, result: "" },
  "CryptoSystem.AeadOverhead": { params: {  }, result: "" },
  "CryptoSystem.CachedDh": { params: { key: "", secret: "" }, result: "" },
  "CryptoSystem.CheckHashDigest": { params: { digest: "" }, result: "void" },
  "CryptoSystem.CheckNonce": { params: { nonce: "" }, result: "void" },
  "CryptoSystem.CheckPublicKey": { params: { key: "" }, result: "void" },
  "CryptoSystem.CheckSecretKey": { params: { key: "" }, result: "void" },
  "CryptoSystem.CheckSharedSecret": { params: { secret: "" }, result: "void" },
  "CryptoSystem.CheckSignature": { params: { signature: "" }, result: "void" },
  "CryptoSystem.ComputeDh": { params: { key: "", secret: "" }, result: "" },
  "CryptoSystem.CryptNoAuth": { params: { body: "bytes", nonce: "", sharedSecret: "" }, result: "bytes" },
  "CryptoSystem.DecapsulationKeyFromSigningSecret": { params: { secret: "" }, result: "" },
  "CryptoSystem.DecapsulationKeyLength": { params: {  }, result: "" },
  "CryptoSystem.DecryptAead": { params: { associatedData: "bytes", body: "bytes", nonce: "", sharedSecret: "" }, result: "bytes" },
  "CryptoSystem.DefaultSaltLength": { params: {  }, result: "" },
  "CryptoSystem.DeriveSharedSecret": { params: { password: "bytes", salt: "bytes" }, result: "" },
  "CryptoSystem.EncapsulationKeyFromSigningKey": { params: { key: "" }, result: "" },
  "CryptoSystem.EncapsulationKeyLength": { params: {  }, result: "" },
  "CryptoSystem.EncryptAead": { params: { associatedData: "bytes", body: "bytes", nonce: "", sharedSecret: "" }, result: "bytes" },
  "CryptoSystem.GenerateHash": { params: { data: "bytes" }, result: "" },
  "CryptoSystem.GenerateKemKeyPair": { params: {  }, result: "" },
  "CryptoSystem.GenerateKeyPair": { params: {  }, result: "" },
  "CryptoSystem.GenerateSharedSecret": { params: { domain: "bytes", key: "", secret: "" }, result: "" },
  "CryptoSystem.HashDigestLength": { params: {  }, result: "" },
  "CryptoSystem.HashPassword": { params: { password: "bytes", salt: "bytes" }, result: "" },
  "CryptoSystem.HpkeOpen": { params: { aad: "bytes", sealed: "bytes", secret: "" }, result: "bytes" },
  "CryptoSystem.HpkeSeal": { params: { aad: "bytes", plaintext: "bytes", recipient: "" }, result: "bytes" },
  "CryptoSystem.Kind": { params: {  }, result: "" },
  "CryptoSystem.NonceLength": { params: {  }, result: "" },
  "CryptoSystem.PublicKeyLength": { params: {  }, result: "" },
  "CryptoSystem.RandomBytes": { params: { len: "" }, result: "bytes" },
  "CryptoSystem.RandomNonce": { params: {  }, result: "" },
  "CryptoSystem.RandomSharedSecret": { params: {  }, result: "" },
  "CryptoSystem.Release": { params: {  }, result: "void" },
  "CryptoSystem.SecretKeyLength": { params: {  }, result: "" },
  "CryptoSystem.SharedSecretLength": { params: {  }, result: "" },
  "CryptoSystem.Sign": { params: { data: "bytes", key: "", secret: "" }, result: "" },
  "CryptoSystem.SignatureLength": { params: {  }, result: "" },
  "CryptoSystem.ValidateHash": { params: { data: "bytes", hashDigest: "" }, result: "" },
  "CryptoSystem.ValidateKeyPair": { params: { key: "", secret: "" }, result: "" },
  "CryptoSystem.Verify": { params: { data: "bytes", key: "", signature: "" }, result: "" },
  "CryptoSystem.VerifyPassword": { params: { password: "bytes", passwordHash: "" }, result: "" },
  "Debug": { params: { command: "" }, result: "" },
  "DefaultVeilidConfig": { params: {  }, result: "" },
  "DeleteAllUserSecrets": { params: {  }, result: "void" },
  "DeleteTableDb": { params: { name: "" }, result: "" },
  "Detach": { params: {  }, result: "void" },
  "DhtTransaction.Commit": { params: {  }, result: "void" },
  "DhtTransaction.Extend": { params: { options: "@TransactDHTRecordsOptions", recordKeys: "" }, result: "void" },
  "DhtTransaction.Get": { params: { key: "", subkey: "" }, result: "@ValueData" },
  "DhtTransaction.Inspect": { params: { key: "", scope: "", subkeys: "" }, result: "@DHTRecordReport" },
  "DhtTransaction.Release": { params: {  }, result: "void" },
  "DhtTransaction.Rollback": { params: {  }, result: "void" },
  "DhtTransaction.Set": { params: { data: "bytes", key: "", options: "@DHTTransactionSetValueOptions", subkey: "" }, result: "@ValueData" },
  "GenerateKeyPair": { params: { kind: "" }, result: "" },
  "GenerateMemberId": { params: { writerKey: "" }, result: "" },
  "GenerateSignatures": { params: { data: "bytes", keyPairs: "" }, result: "" },
  "GetCryptoSystem": { params: { kind: "" }, result: "" },
  "GetDhtRecordKey": { params: { encryptionKey: "", owner: "", schema: "@DHTSchema" }, result: "" },
  "GetState": { params: {  }, result: "@NodeState" },
  "ImportRemotePrivateRoute": { params: { blob: "bytes" }, result: "" },
  "IsShutdown": { params: {  }, result: "" },
  "ListUserSecrets": { params: {  }, result: "" },
  "LoadUserSecret": { params: { key: "" }, result: "bytes" },
  "NewCustomPrivateRoute": { params: { privateSpec: "@PrivateSpec" }, result: "@RouteBlob" },
  "NewPrivateRoute": { params: {  }, result: "@RouteBlob" },
  "NewRoutingContext": { params: {  }, result: "" },
  "Now": { params: {  }, result: "decimal" },
  "NowIncreasing": { params: {  }, result: "decimal" },
  "NowNonDecreasing": { params: {  }, result: "decimal" },
  "OpenTableDb": { params: { columnCount: "", name: "" }, result: "" },
  "ReleasePrivateRoute": { params: { routeId: "" }, result: "void" },
  "RemoveUserSecret": { params: { key: "" }, result: "" },
  "RenameTableDb": { params: { newName: "", oldName: "" }, result: "void" },
  "ReportAppLifecycleState": { params: { state: "" }, result: "void" },
  "RoutingContext.AppCall": { params: { message: "bytes", target: "@Target" }, result: "bytes" },
  "RoutingContext.AppMessage": { params: { message: "bytes", target: "@Target" }, result: "void" },
  "RoutingContext.CancelDhtWatch": { params: { key: "", subkeys: "" }, result: "" },
  "RoutingContext.CloseDhtRecord": { params: { key: "" }, result: "void" },
  "RoutingContext.CreateDhtRecord": { params: { kind: "", owner: "", schema: "@DHTSchema" }, result: "@DHTRecordDescriptor" },
  "RoutingContext.DeleteDhtRecord": { params: { key: "" }, result: "void" },
  "RoutingContext.FlushDhtRecord": { params: { key: "", timeoutMs: "" }, result: "" },
  "RoutingContext.GetDhtValue": { params: { forceRefresh: "", key: "", subkey: "" }, result: "@ValueData" },
  "RoutingContext.InspectDhtRecord": { params: { key: "", scope: "", subkeys: "" }, result: "@DHTRecordReport" },
  "RoutingContext.OpenDhtRecord": { params: { key: "", options: "@OpenDHTRecordOptions", writer: "" }, result: "@DHTRecordDescriptor" },
  "RoutingContext.Release": { params: {  }, result: "void" },
  "RoutingContext.Safety": { params: {  }, result: "@SafetySelection" },
  "RoutingContext.SetDhtValue": { params: { data: "bytes", key: "", options: "@SetDHTValueOptions", subkey: "" }, result: "@ValueData" },
  "RoutingContext.WatchDhtValues": { params: { count: "", expiration: "decimal", key: "", subkeys: "" }, result: "" },
  "RoutingContext.WithDefaultSafety": { params: {  }, result: "" },
  "RoutingContext.WithSafety": { params: { safetySelection: "@SafetySelection" }, result: "" },
  "RoutingContext.WithSequencing": { params: { sequencing: "" }, result: "" },
  "SaveUserSecret": { params: { key: "", value: "bytes" }, result: "" },
  "TableDb.Delete": { params: { col: "", key: "bytes" }, result: "bytes" },
  "TableDb.GetColumnCount": { params: {  }, result: "" },
  "TableDb.GetKeys": { params: { col: "" }, result: "[]bytes" },
  "TableDb.Load": { params: { col: "", key: "bytes" }, result: "bytes" },
  "TableDb.Release": { params: {  }, result: "void" },
  "TableDb.Store": { params: { col: "", key: "bytes", value: "bytes" }, result: "void" },
  "TableDb.Transact": { params: {  }, result: "" },
  "TableDbTransaction.Commit": { params: {  }, result: "void" },
  "TableDbTransaction.Delete": { params: { col: "", key: "bytes" }, result: "void" },
  "TableDbTransaction.Rollback": { params: {  }, result: "void" },
  "TableDbTransaction.Store": { params: { col: "", key: "bytes", value: "bytes" }, result: "void" },
  "TransactDhtRecords": { params: { options: "@TransactDHTRecordsOptions", recordKeys: "" }, result: "" },
  "ValidCryptoKinds": { params: {  }, result: "" },
  "VeilidFeatures": { params: {  }, result: "" },
  "VeilidVersion": { params: {  }, result: "" },
  "VeilidVersionString": { params: {  }, result: "" },
  "VerifySignatures": { params: { data: "bytes", nodeIds: "", signatures: "" }, result: "" },
  "WaitForAttachmentCondition": { params: { condition: "@AttachmentCondition", timeoutMs: "" }, result: "@AttachmentStatus" },
};
/** The fields that name an object and the operation on it, by group. */
export const families: Readonly<Record<string, readonly [id: string, op: string]>> = {
  RoutingContext: ["rc_id", "rc_op"],
  DhtTransaction: ["dhttx_id", "dhttx_op"],
  TableDb: ["db_id", "db_op"],
  TableDbTransaction: ["tx_id", "tx_op"],
  CryptoSystem: ["cs_id", "cs_op"],
};
