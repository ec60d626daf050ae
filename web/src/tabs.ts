/**
 * How the tabs of one origin agree who runs the node. A Web Lock named after the
 * database is held by the owner for as long as it lives; the browser gives it to the
 * next one when the owner is gone, however it went. Tabs talk over BroadcastChannels:
 * one that all hear, and one for each client.
 */
import type { Channel, ClientMessage, OwnerMessage, TabMessage } from "./protocol.js";

/** What of the browser the agreement needs; tests bring their own. */
export interface TabPlatform {
  locks: Pick<LockManager, "request">;
  openChannel(name: string): BroadcastChannel;
}

/** The browser's, or undefined where it has none: then each tab is alone. */
export function tabPlatform(): TabPlatform | undefined {
  if (typeof BroadcastChannel === "undefined" || typeof navigator === "undefined" || !("locks" in navigator)) return undefined;
  return { locks: navigator.locks, openChannel: (name) => new BroadcastChannel(name) };
}

/** The tabs that share a database. */
export class Tabs {
  readonly #platform: TabPlatform;
  readonly #name: string;

  constructor(platform: TabPlatform, database: string) {
    this.#platform = platform;
    this.#name = `voile-tabs:${database}`; // the module has a lock of its own on the database
  }

  /**
   * Waits for the lock of the owner. Resolves to what gives it back; rejects with the
   * signal's reason.
   */
  own(signal: AbortSignal): Promise<() => void> {
    return this.#lock(this.#name, signal);
  }

  /** The lock that a client holds while it lives. */
  live(client: string): Promise<() => void> {
    return this.#lock(`${this.#name}:client:${client}`, new AbortController().signal);
  }

  /** Resolves when the client is gone. */
  async gone(client: string, signal: AbortSignal): Promise<void> {
    (await this.#lock(`${this.#name}:client:${client}`, signal))();
  }

  #lock(name: string, signal: AbortSignal): Promise<() => void> {
    return new Promise((resolve, reject) => {
      this.#platform.locks
        .request(name, { signal }, () => new Promise<void>((release) => resolve(release)))
        .catch(reject);
    });
  }

  /** The channel that all tabs hear. */
  all(): Channel<TabMessage, TabMessage> {
    return this.#channel(this.#name);
  }

  /** The client's end of its channel. */
  toOwner(client: string): Channel<OwnerMessage, ClientMessage> {
    return this.#channel(`${this.#name}:${client}`);
  }

  /** The owner's end of a client's channel. */
  toClient(client: string): Channel<ClientMessage, OwnerMessage> {
    return this.#channel(`${this.#name}:${client}`);
  }

  #channel<In, Out>(name: string): Channel<In, Out> {
    const bc = this.#platform.openChannel(name);
    return {
      post: (message) => bc.postMessage(message),
      listen: (onMessage) => bc.addEventListener("message", (e: MessageEvent) => onMessage(e.data as In)),
      close: () => bc.close(),
    };
  }
}
