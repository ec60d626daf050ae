import { UnknownObjectError, type Line } from "./codec.js";
import { errorOf, VoileError } from "./error.js";
import type { NodeStats } from "./module.js";
import { buffersOf, type EngineMessage, type EngineOptions, type Role } from "./protocol.js";
import type { Engined, Platform } from "./spawn.js";

/** How long an engine may take to close before it is ended, in milliseconds. */
const closeWait = 5000;

interface Pending<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
  /** Given up by its caller; a late answer goes to late. */
  aborted: boolean;
  late: ((value: T) => void) | undefined;
}

/** What a link tells of. */
export interface LinkEvents {
  /** An update; taken must be called once when it has been dealt with. */
  onUpdate(line: Line, taken: () => void): void;
  /** Another node is behind the link: objects of the one before are gone. */
  onTakeover(role: Role): void;
  /** The last one. error: undefined after close. */
  onEnd(error: VoileError | undefined, crash: { text: string; stack: string } | undefined): void;
}

/** What a call may be told. */
export interface CallOptions<T> {
  signal?: AbortSignal | undefined;
  /** The generation of the object that the call is on; it fails with UnknownObjectError if another node is behind by then. */
  of?: number | undefined;
  /** Gets the answer of a call that was given up, to let go of what it made. */
  late?: ((value: T) => void) | undefined;
}

/** The page's end of the road to its engine. */
export class Link {
  /** Grows when another node is behind. */
  generation = 0;
  role: Role = "owner";
  version = "";
  readonly #engine: Engined;
  readonly #events: LinkEvents;
  readonly #calls = new Map<number, Pending<Line>>();
  readonly #stats = new Map<number, Pending<NodeStats>>();
  readonly #unwatch: () => void;
  #next = 1;
  #acks = new Map<number, number>();
  #acking = false;
  #starting: { resolve(): void; reject(error: unknown): void } | undefined;
  #end: VoileError | undefined;
  #closing: Promise<void> | undefined;
  #closed: (() => void) | undefined;

  private constructor(platform: Platform, engine: Engined, events: LinkEvents) {
    this.#engine = engine;
    this.#events = events;
    engine.channel.listen((m) => this.#heard(m));
    engine.onDeath((reason) => {
      if (this.#closed !== undefined) this.#closed();
      else this.#fail(new VoileError("Internal", { message: reason }), this.#starting === undefined ? { text: reason, stack: "" } : undefined);
    });
    const { channel } = engine;
    this.#unwatch = platform.watch({
      foreground: (on) => channel.post({ t: "foreground", on }),
      online: (on) => channel.post({ t: "online", on }),
      suspend: () => channel.post({ t: "suspend" }),
      resume: () => channel.post({ t: "resume" }),
      leave: () => channel.post({ t: "close" }),
    });
  }

  /** Starts an engine and a node in it. */
  static async start(platform: Platform, options: EngineOptions, workerUrl: string | undefined, events: LinkEvents, signal?: AbortSignal): Promise<Link> {
    signal?.throwIfAborted();
    const link = new Link(platform, platform.spawn(workerUrl), events);
    const started = new Promise<void>((resolve, reject) => {
      link.#starting = { resolve, reject };
    });
    const onAbort = (): void => {
      link.#starting?.reject(signal!.reason);
      void link.close();
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      link.#engine.channel.post({ t: "start", options });
      await started;
      return link;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Sends a line. The bytes are copied once, so that the caller's stay its own. */
  call({ line, blobs }: Line, { signal, late, of }: CallOptions<Line> = {}): Promise<Line> {
    return this.#ask(this.#calls, late, signal, (n) => {
      const copies = blobs.map((b) => b.slice());
      this.#engine.channel.post({ t: "call", n, line, blobs: copies, ...(of === undefined ? {} : { of }) }, buffersOf(copies));
    });
  }

  /** The memory of the node, which may be another tab's. */
  stats(signal?: AbortSignal): Promise<NodeStats> {
    return this.#ask(this.#stats, undefined, signal, (n) => this.#engine.channel.post({ t: "stats", n }));
  }

  #ask<T>(table: Map<number, Pending<T>>, late: ((value: T) => void) | undefined, signal: AbortSignal | undefined, send: (n: number) => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      signal?.throwIfAborted();
      if (this.#end !== undefined) throw this.#end;
      const n = this.#next++;
      const forget = (): void => signal?.removeEventListener("abort", onAbort);
      const p: Pending<T> = {
        resolve: (v) => (forget(), resolve(v)),
        reject: (e) => (forget(), reject(e)),
        aborted: false, late,
      };
      const onAbort = (): void => {
        p.aborted = true;
        if (late === undefined) table.delete(n);
        this.#engine.channel.post({ t: "cancel", n });
        reject(signal!.reason);
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      table.set(n, p);
      send(n);
    });
  }

  /** Says which kinds of updates are taken. */
  want(kinds: string[]): void {
    if (this.#end === undefined) this.#engine.channel.post({ t: "want", kinds });
  }

  #heard(m: EngineMessage): void {
    switch (m.t) {
      case "ready":
      case "takeover":
        this.role = m.role;
        this.version = m.version;
        this.generation++;
        for (const p of this.#stats.values()) p.reject(new VoileError("TryAgain", { message: "another tab runs the node now" }));
        this.#stats.clear();
        if (m.t === "takeover") this.#events.onTakeover(m.role);
        this.#starting?.resolve();
        this.#starting = undefined;
        return;
      case "answer":
        this.#answered(m.n, { line: m.line, blobs: m.blobs });
        return;
      case "fault": {
        const p = this.#calls.get(m.n);
        this.#calls.delete(m.n);
        p?.reject(errorOf({ kind: m.error.kind, ...m.error.fields }));
        return;
      }
      case "stale": {
        const p = this.#calls.get(m.n);
        this.#calls.delete(m.n);
        p?.reject(new UnknownObjectError());
        return;
      }
      case "stats": {
        const p = this.#stats.get(m.n);
        this.#stats.delete(m.n);
        p?.resolve(m.stats);
        return;
      }
      case "update":
        this.#events.onUpdate({ line: m.line, blobs: m.blobs }, () => this.#ack(m.g));
        return;
      case "failed":
        this.#fail(errorOf({ kind: m.error.kind, ...m.error.fields }), undefined);
        return;
      case "crash":
        this.#fail(new VoileError("Internal", { message: `the node has failed: ${m.text}` }), { text: m.text, stack: m.stack });
        return;
      case "closed":
        this.#closed?.();
    }
  }

  #answered(n: number, line: Line): void {
    const p = this.#calls.get(n);
    if (p === undefined) return;
    this.#calls.delete(n);
    if (p.aborted) p.late?.(line);
    else p.resolve(line);
  }

  /** Acks of one turn of the event loop go together. */
  #ack(g: number): void {
    this.#acks.set(g, (this.#acks.get(g) ?? 0) + 1);
    if (this.#acking) return;
    this.#acking = true;
    queueMicrotask(() => {
      this.#acking = false;
      for (const [session, count] of this.#acks) this.#engine.channel.post({ t: "ack", g: session, count });
      this.#acks.clear();
    });
  }

  #fail(error: VoileError, crash: { text: string; stack: string } | undefined): void {
    if (this.#end !== undefined) return;
    this.#finish(error);
    this.#starting?.reject(error);
    this.#starting = undefined;
    this.#engine.kill();
    this.#events.onEnd(error, crash);
  }

  #finish(error: VoileError): void {
    this.#end = error;
    this.#unwatch();
    for (const p of [...this.#calls.values(), ...this.#stats.values()]) if (!p.aborted) p.reject(error);
    this.#calls.clear();
    this.#stats.clear();
  }

  /** Ends the session, and the node if it is this page's. Idempotent; never fails. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#end !== undefined) return;
    this.#finish(new VoileError("Shutdown"));
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#closed = resolve;
      timer = setTimeout(resolve, closeWait);
      this.#engine.channel.post({ t: "close" });
    });
    clearTimeout(timer);
    this.#engine.kill();
    this.#events.onEnd(undefined, undefined);
  }
}
