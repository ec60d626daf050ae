import { VoileError } from "./error.js";
import { asyncDispose, Handle } from "./handle.js";
import type { DHTRecordReport, DHTReportScope, KeyPair, OperationName, Operations, RecordKey, SubkeyRange, ValueData } from "./generated/api.js";
import type { Requests, Wait } from "./requests.js";

/** Options of {@link DHTTransaction.set}. */
export interface TransactionSetOptions extends Wait {
  /** Who writes, instead of the writer of the opening. */
  writer?: KeyPair | undefined;
  /** The lowest sequence number to write. */
  minSeqnum?: number | undefined;
}

/**
 * Changes of one or several open records that others see together or not at all. It
 * ends with `commit` or `rollback`; one that is disposed or collected before is rolled
 * back. Operations after its end fail with TransactionNotFound, as they do when another
 * tab takes the node over.
 */
export class DHTTransaction {
  readonly #requests: Requests;
  readonly #handle: Handle;
  #done = false;

  /** @internal */
  constructor(requests: Requests, id: number) {
    this.#requests = requests;
    let first = true;
    const make = (): Promise<number> => {
      if (!first) return Promise.reject(new VoileError("TransactionNotFound", { message: "the transaction ended with the tab that ran the node" }));
      first = false;
      return Promise.resolve(id);
    };
    this.#handle = new Handle(requests, "the transaction", make, (id) => requests.release("DhtTransaction.Release", id));
    void this.#handle.id(); // the id is of the node that is there now
    requests.net.add(this, this.#handle);
  }

  /** Whether it was committed or rolled back. */
  get done(): boolean {
    return this.#done;
  }

  /** Makes the changes. The transaction is used up, also when it fails: TryAgain if too few nodes took part. */
  async commit(wait?: Wait): Promise<void> {
    await this.#on("DhtTransaction.Commit", {}, wait);
    this.#end();
  }

  /** Drops the changes. */
  async rollback(wait?: Wait): Promise<void> {
    await this.#on("DhtTransaction.Rollback", {}, wait);
    this.#end();
  }

  /** Takes more open records into it, before its first value was set: 32 at most in all. */
  extend(recordKeys: RecordKey[], { defaultSigningKeypair, ...wait }: Wait & { defaultSigningKeypair?: KeyPair | undefined } = {}): Promise<void> {
    const options = defaultSigningKeypair === undefined ? undefined : { defaultSigningKeypair };
    return this.#on("DhtTransaction.Extend", { recordKeys, options }, wait);
  }

  /** The value that a subkey had when the transaction began; what was set in it is not seen. */
  get(key: RecordKey, subkey: number, wait?: Wait): Promise<ValueData | null> {
    return this.#on("DhtTransaction.Get", { key, subkey }, wait);
  }

  /**
   * Sets the value of a subkey.
   * @param data at most 32768 bytes, and less in records of more than 32 subkeys
   * @returns null if it was taken; else the newer value that the network has
   */
  set(key: RecordKey, subkey: number, data: Uint8Array, { signal, ...options }: TransactionSetOptions = {}): Promise<ValueData | null> {
    return this.#on("DhtTransaction.Set", { key, subkey, data, options }, { signal });
  }

  /** What was known of the subkeys when the transaction began. */
  inspect(key: RecordKey, { subkeys, scope, ...wait }: Wait & { subkeys?: SubkeyRange[] | undefined; scope?: DHTReportScope | undefined } = {}): Promise<DHTRecordReport> {
    return this.#on("DhtTransaction.Inspect", { key, subkeys, scope }, wait);
  }

  async #on<N extends OperationName>(name: N, params: Operations[N]["params"], wait?: Wait): Promise<Operations[N]["result"]> {
    if (this.#done) throw new VoileError("TransactionNotFound", { message: "transaction already completed" });
    return await this.#requests.on(this.#handle, name, params, wait);
  }

  /** The node has let go of the id, which may be another's by now. */
  #end(): void {
    this.#done = true;
    this.#handle.forget();
    this.dispose();
  }

  /** Rolls it back in the background unless it has ended. Idempotent. */
  dispose(): void {
    this.#requests.net.dispose(this.#handle);
    this.#done = true;
  }

  /** Rolls it back unless it has ended; an error of that is not told. */
  async [asyncDispose](): Promise<void> {
    if (!this.#done) await this.rollback().catch(() => {});
    this.dispose();
  }
}
