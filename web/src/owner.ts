import type { NodeHandle, NodeStats, Running } from "./module.js";
import { SessionServer, type SessionOwner } from "./session-server.js";
import type { Channel, ClientMessage, OwnerMessage, SentError, TabMessage, Tell } from "./protocol.js";
import type { Tabs } from "./tabs.js";

const ended: SentError = { kind: "Shutdown", fields: {} };
/** What calls that were under way fail with when the node goes from one tab to another. */
export const moved: SentError = { kind: "TryAgain", fields: { message: "the tab that ran the node has left it while the operation was under way" } };

interface Client {
  server: SessionServer;
  channel: Channel<ClientMessage, OwnerMessage>;
  left: AbortController;
}

/** A running node, and everybody who uses it: the own page, and other tabs' engines. */
export class Owner implements SessionOwner {
  readonly version: string;
  readonly #epoch = crypto.randomUUID();
  readonly #node: NodeHandle;
  readonly #stats: () => NodeStats;
  readonly #page: SessionServer;
  readonly #tabs: Tabs | undefined;
  readonly #all: Channel<TabMessage, TabMessage> | undefined;
  readonly #clients = new Map<string, Client>();
  #attached = false;
  #foreground = true;
  #closed = false;

  /**
   * @param tell sends to the own page
   * @param tabs undefined: there are no others
   */
  constructor(node: NodeHandle, { api: { version }, memory }: Running, tell: (m: Tell, transfer: ArrayBuffer[]) => void, tabs: Tabs | undefined) {
    this.#node = node;
    this.version = version;
    this.#stats = () => ({ ...node.stats(), wasmMemory: memory() });
    this.#page = new SessionServer(node, this.#stats, tell, {
      onForeground: () => this.onForeground(),
      onOnline: (on) => this.onOnline(on),
      onUpdate: (kind, line) => this.#watchAttachment(kind, line),
    });
    this.#tabs = tabs;
    this.#all = tabs?.all();
    this.#all?.listen((m) => {
      if (m.m === "hello") this.#hello(m.client);
    });
    this.#all?.post({ m: "owner", epoch: this.#epoch });
  }

  /** The session of the own page. */
  get page(): SessionServer {
    return this.#page;
  }

  /** Other tabs that use the node. */
  get clients(): number {
    return this.#clients.size;
  }

  onForeground(): void {
    const on = this.#page.foreground || [...this.#clients.values()].some((c) => c.server.foreground);
    // Said again when it is true already: a page that comes back may have slept.
    if (on || this.#foreground) this.#node.setForeground(on);
    this.#foreground = on;
  }

  onOnline(on: boolean): void {
    this.#node.networkChanged(on);
  }

  #watchAttachment(kind: string, line: string): void {
    if (kind !== "Attachment") return;
    const state = /"state":\s*"([A-Za-z]+)"/.exec(line)?.[1];
    const attached = state !== undefined && state !== "Detached" && state !== "Detaching";
    if (attached === this.#attached) return;
    this.#attached = attached;
    this.#all?.post({ m: "attached", on: attached });
  }

  #hello(name: string): void {
    if (this.#closed || this.#tabs === undefined) return;
    const known = this.#clients.get(name);
    const welcome = (c: Client): void =>
      c.channel.post({ t: "welcome", epoch: this.#epoch, version: this.version, attached: this.#attached });
    if (known !== undefined) {
      welcome(known); // its first greeting was answered while it was not listening
      return;
    }
    const channel = this.#tabs.toClient(name);
    const server = new SessionServer(this.#node, this.#stats, (m) => channel.post(m), this);
    const client: Client = { server, channel, left: new AbortController() };
    this.#clients.set(name, client);
    channel.listen((ask) => {
      if (ask.t === "bye") this.#drop(name, client);
      else server.handle(ask);
    });
    this.#tabs.gone(name, client.left.signal).then(
      () => this.#drop(name, client),
      () => {}, // the owner has closed first
    );
    welcome(client);
  }

  #drop(name: string, client: Client): void {
    if (this.#clients.get(name) !== client) return;
    this.#clients.delete(name);
    client.left.abort();
    client.channel.close();
    void client.server.close(ended);
    this.onForeground();
  }

  /** Ends the node; calls under way fail with TryAgain if another tab may go on, else with Shutdown. `failed`: it has ended by itself. Clients are told, and then find the next owner. */
  async close(failed = false): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const clients = [...this.#clients.values()];
    this.#clients.clear();
    for (const c of clients) c.left.abort();
    try {
      if (failed) {
        for (const s of [this.#page, ...clients.map((c) => c.server)]) s.abandon();
      } else {
        const error = this.#tabs === undefined ? ended : moved;
        await Promise.all([this.#page, ...clients.map((c) => c.server)].map((s) => s.close(error)));
      }
      await this.#node.close();
    } finally {
      for (const c of clients) {
        c.channel.post({ t: "gone" });
        c.channel.close();
      }
      this.#all?.close();
    }
  }
}
