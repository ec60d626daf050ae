import { VoileError } from "./error.js";
import { asyncDispose, dispose, Handle } from "./handle.js";
import type { OperationName, Operations } from "./generated/api.js";
import { until, type Requests, type Wait } from "./requests.js";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A key of a table: bytes, or a text that stands for its UTF-8. */
export type TableKey = Uint8Array | string;

function keyBytes(key: TableKey): Uint8Array {
  return typeof key === "string" ? encoder.encode(key) : key;
}

/**
 * A table of this device, encrypted under the device's key: columns, numbered from 0,
 * of values by keys. What `store` and `commit` have resolved for survives a crash.
 */
export class TableDB {
  /** The name that it was opened by. */
  readonly name: string;
  readonly #requests: Requests;
  readonly #handle: Handle;

  private constructor(requests: Requests, name: string, columnCount: number) {
    this.name = name;
    this.#requests = requests;
    const make = (): Promise<number> => requests.do("OpenTableDb", { name, columnCount });
    this.#handle = new Handle(requests, `the table ${name}`, make, (id) => requests.release("TableDb.Release", id));
    requests.net.add(this, this.#handle);
  }

  /** @internal */
  static async open(requests: Requests, name: string, columnCount: number, { signal }: Wait = {}): Promise<TableDB> {
    signal?.throwIfAborted();
    const db = new TableDB(requests, name, columnCount);
    try {
      await until(db.#handle.id(), signal);
      return db;
    } catch (e) {
      db.dispose(); // closes it if it is opened yet
      throw e;
    }
  }

  /** How many columns the stored table has, which may be more than were opened. */
  columnCount(wait?: Wait): Promise<number> {
    return this.#requests.on(this.#handle, "TableDb.GetColumnCount", {}, wait);
  }

  /** All keys of a column, in no particular order. */
  getKeys(col: number, wait?: Wait): Promise<Uint8Array[]> {
    return this.#requests.on(this.#handle, "TableDb.GetKeys", { col }, wait);
  }

  /** Stores a value. */
  store(col: number, key: TableKey, value: Uint8Array, wait?: Wait): Promise<void> {
    return this.#requests.on(this.#handle, "TableDb.Store", { col, key: keyBytes(key), value }, wait);
  }

  /** The value of a key; null: there is none. */
  load(col: number, key: TableKey, wait?: Wait): Promise<Uint8Array | null> {
    return this.#requests.on(this.#handle, "TableDb.Load", { col, key: keyBytes(key) }, wait);
  }

  /** Removes a value and gives it back; null: there was none. */
  delete(col: number, key: TableKey, wait?: Wait): Promise<Uint8Array | null> {
    return this.#requests.on(this.#handle, "TableDb.Delete", { col, key: keyBytes(key) }, wait);
  }

  /** Stores a value as JSON. */
  storeJSON(col: number, key: TableKey, value: unknown, wait?: Wait): Promise<void> {
    return this.store(col, key, encoder.encode(JSON.stringify(value)), wait);
  }

  /** The JSON value of a key; undefined: there is none. */
  async loadJSON(col: number, key: TableKey, wait?: Wait): Promise<unknown> {
    const bytes = await this.load(col, key, wait);
    return bytes === null ? undefined : JSON.parse(decoder.decode(bytes));
  }

  /** Begins a transaction: its changes are stored together by `commit`. */
  async transact(wait?: Wait): Promise<TableDBTransaction> {
    const drop = (id: number): void => this.#requests.release("TableDbTransaction.Rollback", id);
    return new TableDBTransaction(this.#requests, await this.#requests.on(this.#handle, "TableDb.Transact", {}, wait, drop));
  }

  /** Closes the table. Idempotent; other operations fail with NotInitialized then. */
  dispose(): void {
    this.#requests.net.dispose(this.#handle);
  }

  /** As dispose. */
  [dispose](): void {
    this.dispose();
  }
}

/** Changes of a table that are stored together. One that is disposed or collected before its end is rolled back. */
export class TableDBTransaction {
  readonly #requests: Requests;
  readonly #handle: Handle;
  #done = false;

  /** @internal */
  constructor(requests: Requests, id: number) {
    this.#requests = requests;
    let first = true;
    const make = (): Promise<number> => {
      if (!first) return Promise.reject(new VoileError("Generic", { message: "the transaction ended with the tab that ran the node" }));
      first = false;
      return Promise.resolve(id);
    };
    this.#handle = new Handle(requests, "the transaction", make, (id) => requests.release("TableDbTransaction.Rollback", id));
    void this.#handle.id(); // the id is of the node that is there now
    requests.net.add(this, this.#handle);
  }

  /** Whether it was committed or rolled back. */
  get done(): boolean {
    return this.#done;
  }

  /** Stores a value when the transaction is committed. */
  store(col: number, key: TableKey, value: Uint8Array, wait?: Wait): Promise<void> {
    return this.#on("TableDbTransaction.Store", { col, key: keyBytes(key), value }, wait);
  }

  /** Removes a value when the transaction is committed. */
  delete(col: number, key: TableKey, wait?: Wait): Promise<void> {
    return this.#on("TableDbTransaction.Delete", { col, key: keyBytes(key) }, wait);
  }

  /** Stores the changes. */
  async commit(wait?: Wait): Promise<void> {
    await this.#on("TableDbTransaction.Commit", {}, wait);
    this.#end();
  }

  /** Drops the changes. */
  async rollback(wait?: Wait): Promise<void> {
    await this.#on("TableDbTransaction.Rollback", {}, wait);
    this.#end();
  }

  async #on<N extends OperationName>(name: N, params: Operations[N]["params"], wait?: Wait): Promise<Operations[N]["result"]> {
    if (this.#done) throw new VoileError("Generic", { message: "transaction already completed" });
    return await this.#requests.on(this.#handle, name, params, wait);
  }

  /** The node has let go of the id, which may be another's by now. */
  #end(): void {
    this.#done = true;
    this.#handle.forget();
    this.#requests.net.dispose(this.#handle);
  }

  /** Drops the changes in the background unless it has ended. Idempotent. */
  dispose(): void {
    this.#requests.net.dispose(this.#handle);
    this.#done = true;
  }

  /** Drops the changes unless it has ended; an error of that is not told. */
  async [asyncDispose](): Promise<void> {
    if (!this.#done) await this.rollback().catch(() => {});
  }
}
