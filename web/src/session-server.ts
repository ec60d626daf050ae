import { kindOfUpdate } from "./codec.js";
import { asVoileError } from "./error.js";
import type { NodeHandle, NodeStats, SessionHandle } from "./module.js";
import { buffersOf, type Ask, type SentError, type Tell } from "./protocol.js";

/** Updates that a client may have received and not taken yet. When it has as many, the node waits. */
export const updateWindow = 64;

/** What a session tells of its client to who owns the node. */
export interface SessionOwner {
  onForeground(): void;
  onOnline(on: boolean): void;
  /** Each update, whether the client takes it or not. */
  onUpdate?(kind: string, line: string): void;
}

/** One client's session on the node: answers what it asks and passes updates on. */
export class SessionServer {
  /** Whether the client's page is seen by the user. */
  foreground = true;
  readonly #stats: () => NodeStats;
  readonly #session: SessionHandle;
  readonly #tell: (message: Tell, transfer: ArrayBuffer[]) => void;
  readonly #owner: SessionOwner;
  /** Tells acks of this session from those of another. */
  readonly #generation = Math.floor(Math.random() * 2 ** 48);
  /** Calls under way: the client's number to the session's. */
  readonly #calls = new Map<number, number>();
  #wanted: ReadonlySet<string> = new Set();
  #untaken = 0;
  #waiting: (() => void)[] = [];
  #closed = false;

  /**
   * @param stats the memory of the node
   * @param tell sends to the client
   */
  constructor(node: NodeHandle, stats: () => NodeStats, tell: (message: Tell, transfer: ArrayBuffer[]) => void, owner: SessionOwner) {
    this.#stats = stats;
    this.#tell = tell;
    this.#owner = owner;
    this.#session = node.open((line, blobs) => this.#update(line, blobs));
  }

  /** Does what the client asks. */
  handle(ask: Ask): void {
    if (this.#closed) return;
    switch (ask.t) {
      case "call":
        void this.#call(ask.n, ask.line, ask.blobs);
        return;
      case "cancel": {
        const id = this.#calls.get(ask.n);
        if (id !== undefined) this.#session.cancel(id);
        return;
      }
      case "want":
        this.#wanted = new Set(ask.kinds);
        return;
      case "ack":
        if (ask.g === this.#generation) this.#taken(ask.count);
        return;
      case "foreground":
        this.foreground = ask.on;
        this.#owner.onForeground();
        return;
      case "online":
        this.#owner.onOnline(ask.on);
        return;
      case "stats":
        this.#tell({ t: "stats", n: ask.n, stats: this.#stats() }, []);
    }
  }

  async #call(n: number, line: string, blobs: Uint8Array[]): Promise<void> {
    try {
      const { id, answer } = this.#session.call(line, blobs);
      this.#calls.set(n, id);
      const a = await answer;
      if (!this.#closed) this.#tell({ t: "answer", n, line: a.line, blobs: a.blobs }, buffersOf(a.blobs));
    } catch (e) {
      const { code, fields } = asVoileError(e);
      if (!this.#closed) this.#tell({ t: "fault", n, error: { kind: code, fields } }, []);
    } finally {
      this.#calls.delete(n);
    }
  }

  #update(line: string, blobs: Uint8Array[]): void | Promise<void> {
    if (this.#closed) return;
    const kind = kindOfUpdate(line);
    this.#owner.onUpdate?.(kind, line);
    if (!this.#wanted.has(kind)) return;
    this.#untaken++;
    this.#tell({ t: "update", g: this.#generation, line, blobs }, buffersOf(blobs));
    if (this.#untaken >= updateWindow) return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #taken(count: number): void {
    this.#untaken = Math.max(0, this.#untaken - count);
    if (this.#untaken < updateWindow) this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Ends the session: its objects are released, calls under way fail with the error. */
  async close(error: SentError): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const n of this.#calls.keys()) this.#tell({ t: "fault", n, error }, []);
    this.#calls.clear();
    this.#wake();
    await this.#session.close();
  }

  /** Ends the session after the node has failed: nothing is awaited. */
  abandon(): void {
    this.#closed = true;
    this.#wake();
  }
}
