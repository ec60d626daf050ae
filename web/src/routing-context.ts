import { dispose, Handle } from "./handle.js";
import type {
  CryptoKind, DHTRecordDescriptor, DHTRecordReport, DHTReportScope, DHTSchema, KeyPair, RecordKey, RouteId, SafetySelection,
  Sequencing, SubkeyRange, Target, Timestamp, ValueData,
} from "./generated/api.js";
import type { Requests, Wait } from "./requests.js";

/** Options of {@link RoutingContext.createDHTRecord}. */
export interface CreateRecordOptions extends Wait {
  /** The cryptosystem; `VLD0` if left out. */
  kind?: CryptoKind | undefined;
  /** Who owns the record; a new pair if left out. */
  owner?: KeyPair | undefined;
}

/** Options of {@link RoutingContext.openDHTRecord}. */
export interface OpenRecordOptions extends Wait {
  /** Whose values are written through this opening; without one it is for reading. */
  writer?: KeyPair | undefined;
  /** Whether the node sees to it that enough others keep the record; true if left out. */
  rehydrate?: boolean | undefined;
}

/** Options of {@link RoutingContext.getDHTValue}. */
export interface GetValueOptions extends Wait {
  /** Asks the network even if there is a value here; false if left out. */
  forceRefresh?: boolean | undefined;
}

/** Options of {@link RoutingContext.setDHTValue}. */
export interface SetValueOptions extends Wait {
  /** Who writes, instead of the writer of the opening. */
  writer?: KeyPair | undefined;
  /** Whether the value is kept and written later when the network cannot take it now; true if left out. */
  allowOffline?: boolean | undefined;
  /** The lowest sequence number to write. */
  minSeqnum?: number | undefined;
}

/** Options of {@link RoutingContext.watchDHTValues}. */
export interface WatchOptions extends Wait {
  /** Which subkeys; all if left out. */
  subkeys?: SubkeyRange[] | undefined;
  /** When it ends, in microseconds since the epoch; the longest that nodes allow if left out, and then renewed. */
  expiration?: Timestamp | undefined;
  /** After how many changes it ends; never if left out. */
  count?: number | undefined;
}

/** Options of {@link RoutingContext.inspectDHTRecord}. */
export interface InspectOptions extends Wait {
  /** Which subkeys; all if left out. */
  subkeys?: SubkeyRange[] | undefined;
  /** What is looked at; `Local` if left out: no traffic. */
  scope?: DHTReportScope | undefined;
}

/**
 * How messages and record operations hide the own node. A context never changes; the
 * `with…` methods give others. It is made in the node when it is first used: what is
 * wrong with its safety is said then.
 *
 * It holds a little memory in the node: `dispose` it, or let it be collected.
 */
export class RoutingContext {
  readonly #requests: Requests;
  readonly #handle: Handle;

  /** @internal */
  constructor(requests: Requests, make: () => Promise<number>) {
    this.#requests = requests;
    this.#handle = new Handle(requests, "the routing context", make, (id) => requests.release("RoutingContext.Release", id));
    requests.net.add(this, this.#handle);
  }

  /** A context with the default safety: a safety route of the configured number of hops. */
  withDefaultSafety(): RoutingContext {
    const { requests, handle } = this.#parts();
    return new RoutingContext(requests, () => requests.on(handle, "RoutingContext.WithDefaultSafety", {}));
  }

  /** A context with another safety. `unsafe` is refused by the node: Generic. */
  withSafety(safetySelection: SafetySelection): RoutingContext {
    const { requests, handle } = this.#parts();
    return new RoutingContext(requests, () => requests.on(handle, "RoutingContext.WithSafety", { safetySelection }));
  }

  /** A context with another sequencing. */
  withSequencing(sequencing: Sequencing): RoutingContext {
    const { requests, handle } = this.#parts();
    return new RoutingContext(requests, () => requests.on(handle, "RoutingContext.WithSequencing", { sequencing }));
  }

  // A derived context must not hold this object, which may be collected before it, but
  // needs the handle for as long as it may have to be made again.
  #parts(): { requests: Requests; handle: Handle } {
    return { requests: this.#requests, handle: this.#handle };
  }

  /** The safety that is in force. */
  safety(wait?: Wait): Promise<SafetySelection> {
    return this.#requests.on(this.#handle, "RoutingContext.Safety", {}, wait);
  }

  /**
   * Asks another application and waits for its answer, at most 5 seconds and some for
   * long routes: then it fails with Timeout.
   * @param target an imported private route
   * @param message at most 32768 bytes
   */
  appCall(target: RouteId | Target, message: Uint8Array, wait?: Wait): Promise<Uint8Array> {
    return this.#requests.on(this.#handle, "RoutingContext.AppCall", { target: targetOf(target), message }, wait);
  }

  /**
   * Sends a message. That it is sent does not say that it arrives.
   * @param target an imported private route
   * @param message at most 32768 bytes
   */
  appMessage(target: RouteId | Target, message: Uint8Array, wait?: Wait): Promise<void> {
    return this.#requests.on(this.#handle, "RoutingContext.AppMessage", { target: targetOf(target), message }, wait);
  }

  /** Makes a record, which is open then, with its owner as the writer. Needs no network. */
  createDHTRecord(schema: DHTSchema, { kind = "VLD0", owner, ...wait }: CreateRecordOptions = {}): Promise<DHTRecordDescriptor> {
    return this.#requests.on(this.#handle, "RoutingContext.CreateDhtRecord", { kind, schema, owner }, wait);
  }

  /**
   * Opens a record, for all contexts of the node. Fails with TryAgain when it is not
   * here and no other node answers, with KeyNotFound when nobody has it.
   */
  openDHTRecord(key: RecordKey, { writer, rehydrate, ...wait }: OpenRecordOptions = {}): Promise<DHTRecordDescriptor> {
    const options = rehydrate === undefined ? undefined : { rehydrate };
    return this.#requests.on(this.#handle, "RoutingContext.OpenDhtRecord", { key, writer, options }, wait);
  }

  /** Closes a record; its watches end. */
  closeDHTRecord(key: RecordKey, wait?: Wait): Promise<void> {
    return this.#requests.on(this.#handle, "RoutingContext.CloseDhtRecord", { key }, wait);
  }

  /** Forgets a record here; other nodes keep theirs. */
  deleteDHTRecord(key: RecordKey, wait?: Wait): Promise<void> {
    return this.#requests.on(this.#handle, "RoutingContext.DeleteDhtRecord", { key }, wait);
  }

  /** The value of a subkey of an open record; null: there is none. */
  getDHTValue(key: RecordKey, subkey: number, { forceRefresh = false, ...wait }: GetValueOptions = {}): Promise<ValueData | null> {
    return this.#requests.on(this.#handle, "RoutingContext.GetDhtValue", { key, subkey, forceRefresh }, wait);
  }

  /**
   * Sets the value of a subkey of an open record.
   * @param data at most 32768 bytes, and less in records of more than 32 subkeys
   * @returns null if it was set; else the newer value that the network has
   */
  setDHTValue(key: RecordKey, subkey: number, data: Uint8Array, { signal, ...options }: SetValueOptions = {}): Promise<ValueData | null> {
    return this.#requests.on(this.#handle, "RoutingContext.SetDhtValue", { key, subkey, data, options }, { signal });
  }

  /** Watches an open record: changes come as `ValueChange` updates. False: nobody could be asked to watch. */
  watchDHTValues(key: RecordKey, { signal, ...options }: WatchOptions = {}): Promise<boolean> {
    return this.#requests.on(this.#handle, "RoutingContext.WatchDhtValues", { key, ...options }, { signal });
  }

  /** Ends the watch of some subkeys, or of all. True: others are still watched. */
  cancelDHTWatch(key: RecordKey, { subkeys, ...wait }: Wait & { subkeys?: SubkeyRange[] | undefined } = {}): Promise<boolean> {
    return this.#requests.on(this.#handle, "RoutingContext.CancelDhtWatch", { key, subkeys }, wait);
  }

  /** What is known of the subkeys of an open record, here and in the network. */
  inspectDHTRecord(key: RecordKey, { subkeys, scope, ...wait }: InspectOptions = {}): Promise<DHTRecordReport> {
    return this.#requests.on(this.#handle, "RoutingContext.InspectDhtRecord", { key, subkeys, scope }, wait);
  }

  /**
   * Waits until what was written while offline is in the network.
   * @param options `timeoutMs`: how long, in milliseconds; for ever if left out
   * @returns false: the time is over
   */
  flushDHTRecord(key: RecordKey, { timeoutMs, ...wait }: Wait & { timeoutMs?: number | undefined } = {}): Promise<boolean> {
    return this.#requests.on(this.#handle, "RoutingContext.FlushDhtRecord", { key, timeoutMs }, wait);
  }

  /** Lets go of the context. Idempotent; other operations fail with NotInitialized then. */
  dispose(): void {
    this.#requests.net.dispose(this.#handle);
  }

  /** As dispose. */
  [dispose](): void {
    this.dispose();
  }
}

function targetOf(target: RouteId | Target): Target {
  return typeof target === "string" ? { routeId: target } : target;
}
