/** What all entries of the package give. */
export { fromBase64, toBase64, type Line } from "./codec.js";
export { CryptoSystem } from "./crypto-system.js";
export { DHTTransaction, type TransactionSetOptions } from "./dht-transaction.js";
export { ErrorCode } from "./error-code.js";
export { VoileError, type VoileErrorFields } from "./error.js";
export { IncomingCall } from "./incoming-call.js";
export type { NodeStats } from "./module.js";
export { VoileNode, type NodeEvents } from "./node-api.js";
export type { Partly, StartOptions } from "./options.js";
export type { Role } from "./protocol.js";
export { RawNode, type RawEvents } from "./raw.js";
export type { Wait } from "./requests.js";
export {
  RoutingContext,
  type CreateRecordOptions, type GetValueOptions, type InspectOptions, type OpenRecordOptions, type SetValueOptions, type WatchOptions,
} from "./routing-context.js";
export { dflt, smpl, splitKeyPair, type SchemaMember, type SplitKeyPair } from "./schema.js";
export { TableDB, TableDBTransaction, type TableKey } from "./table-db.js";
export type { UpdatesOptions } from "./updates.js";
export type * from "./generated/api.js";
