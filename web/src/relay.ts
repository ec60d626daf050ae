import type { Ask, Channel, OwnerMessage, ClientMessage, TabMessage, Tell } from "./protocol.js";
import { moved } from "./owner.js";
import { buffersOf } from "./protocol.js";
import type { Tabs } from "./tabs.js";

/** How often a client greets until an owner answers, in milliseconds. */
const greetEvery = 250;

/** What a relay tells the engine. */
export interface RelayEvents {
  /** A session on another tab's node is open: the first, or another than before. */
  onOpen(version: string): void;
}

/**
 * A page's session on the node of another tab: passes on what the page asks and what
 * it hears, finds the next owner when this one is gone, and fails the calls that were
 * under way then with TryAgain.
 */
export class Relay {
  /** Whether the node was attached, or about to be, when last heard of. */
  attached = false;
  readonly #tabs: Tabs;
  readonly #tell: (message: Tell, transfer: ArrayBuffer[]) => void;
  readonly #events: RelayEvents;
  readonly #all: Channel<TabMessage, TabMessage>;
  readonly #calls = new Set<number>();
  #name = "";
  #epoch: string | undefined;
  #road: Channel<OwnerMessage, ClientMessage> | undefined;
  #dead: (() => void) | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #closed = false;

  constructor(tabs: Tabs, tell: (message: Tell, transfer: ArrayBuffer[]) => void, events: RelayEvents) {
    this.#tabs = tabs;
    this.#tell = tell;
    this.#events = events;
    this.#all = tabs.all();
    this.#all.listen((m) => {
      if (m.m === "attached") this.attached = m.on;
      if (m.m === "owner" && m.epoch !== this.#epoch && this.#epoch !== undefined) this.#lost();
    });
    this.#seek();
  }

  /** Opens a road of a new name and greets until the owner answers. */
  #seek(): void {
    const name = (this.#name = crypto.randomUUID());
    this.#epoch = undefined;
    const road = (this.#road = this.#tabs.toOwner(name));
    road.listen((m) => {
      if (this.#road === road) this.#heard(m);
    });
    void this.#tabs.live(name).then((release) => {
      if (this.#closed || this.#name !== name) {
        release();
        return;
      }
      this.#dead = release;
      const greet = (): void => this.#all.post({ m: "hello", client: name });
      greet();
      this.#timer = setInterval(greet, greetEvery);
    });
  }

  #heard(m: OwnerMessage): void {
    switch (m.t) {
      case "welcome": {
        if (this.#epoch !== undefined) return;
        clearInterval(this.#timer);
        this.#epoch = m.epoch;
        this.attached = m.attached;
        this.#events.onOpen(m.version);
        return;
      }
      case "gone":
        this.#lost();
        return;
      case "answer":
      case "fault":
        this.#calls.delete(m.n);
        this.#tell(m, m.t === "answer" ? buffersOf(m.blobs) : []);
        return;
      case "update":
        this.#tell(m, buffersOf(m.blobs));
        return;
      default:
        this.#tell(m, []);
    }
  }

  /** Whether there is an owner to ask. */
  get open(): boolean {
    return this.#epoch !== undefined;
  }

  /** Passes on what the page asks. */
  handle(ask: Ask): void {
    if (ask.t === "call") this.#calls.add(ask.n);
    this.#road!.post(ask);
  }

  #lost(): void {
    if (this.#closed) return;
    this.#leave();
    this.#epoch = undefined;
    this.#fail();
    this.#seek();
  }

  #fail(): void {
    for (const n of this.#calls) {
      this.#tell({ t: "fault", n, error: moved }, []);
    }
    this.#calls.clear();
  }

  #leave(): void {
    clearInterval(this.#timer);
    this.#road?.close();
    this.#dead?.();
    this.#dead = undefined;
  }

  /** Ends the session. Calls under way fail. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.open) this.#road!.post({ t: "bye" });
    this.#leave();
    this.#all.close();
    this.#fail();
  }
}
