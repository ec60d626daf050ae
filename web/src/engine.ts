import { encodeRequest } from "./codec.js";
import { asVoileError, VoileError } from "./error.js";
import type { LoadModule, ModuleApi, ModuleHost, NodeHandle } from "./module.js";
import { Owner } from "./owner.js";
import type { Ask, Channel, EngineMessage, EngineOptions, PageMessage, Role } from "./protocol.js";
import { Relay } from "./relay.js";
import { Tabs, type TabPlatform } from "./tabs.js";

/**
 * How long an exclusive start waits for the lock, in milliseconds: a page that is
 * loaded again comes before its own last one is quite gone.
 */
const exclusiveWait = 2000;

/**
 * How long the owner waits for the store, in milliseconds: the browser gives up what a
 * tab held that has died, its store and its place as owner, in no set order.
 */
const storeWait = 5000;

/**
 * Serves one page. It runs where the page's thread is not: in a worker. It owns a node,
 * or passes on to the engine of the tab that does, and becomes the owner when that one
 * is gone.
 */
export class Engine {
  readonly #page: Channel<PageMessage, EngineMessage>;
  readonly #load: LoadModule;
  readonly #platform: TabPlatform | undefined;
  readonly #end: () => void;
  #options: EngineOptions | undefined;
  #tabs: Tabs | undefined;
  #owner: Owner | undefined;
  #relay: Relay | undefined;
  #release: (() => void) | undefined;
  #queue: AbortController | undefined;
  #ready = false;
  /** How often there was somebody new to ask. */
  #generation = 0;
  #suspended = false;
  #closed = false;
  /** What was asked while neither was there. */
  #waiting: Ask[] = [];
  /** What a new session has to know. */
  #standing = new Map<string, Ask>();

  /**
   * @param page the road to the page
   * @param load runs the module
   * @param platform undefined: there are no other tabs
   * @param end called when the page has closed the engine
   */
  constructor(page: Channel<PageMessage, EngineMessage>, load: LoadModule, platform: TabPlatform | undefined, end: () => void) {
    this.#page = page;
    this.#load = load;
    this.#platform = platform;
    this.#end = end;
    page.listen((m) => this.#heard(m));
  }

  #heard(m: PageMessage): void {
    switch (m.t) {
      case "start":
        void this.#start(m.options);
        return;
      case "suspend":
        void this.#suspend();
        return;
      case "resume":
        void this.#resume();
        return;
      case "close":
        void this.#close();
        return;
      case "want":
      case "foreground":
        this.#standing.set(m.t, m);
        this.#pass(m);
        return;
      default:
        this.#pass(m);
    }
  }

  #pass(ask: Ask): void {
    const to = this.#owner?.page ?? (this.#relay?.open === true ? this.#relay : undefined);
    if (to === undefined) this.#keep(ask);
    else if (ask.t === "call" && ask.of !== undefined && ask.of !== this.#generation) this.#page.post({ t: "stale", n: ask.n });
    else to.handle(ask);
  }

  /** Keeps what is asked while there is nobody to ask. */
  #keep(ask: Ask): void {
    if (ask.t === "cancel") this.#waiting = this.#waiting.filter((w) => w.t !== "call" || w.n !== ask.n);
    else if (ask.t === "call" || ask.t === "stats") this.#waiting.push(ask);
    // What stands is told anyway, and acks are of a session that is over.
  }

  /** Somebody is there to ask: a new generation of objects. */
  #announce(role: Role, version: string): void {
    this.#generation++;
    this.#page.post({ t: this.#ready ? "takeover" : "ready", role, version });
    this.#ready = true;
    for (const ask of this.#standing.values()) this.#pass(ask);
    for (const ask of this.#waiting.splice(0)) this.#pass(ask);
  }

  async #start(options: EngineOptions): Promise<void> {
    this.#options = options;
    if (this.#platform !== undefined && options.storage === "indexeddb") this.#tabs = new Tabs(this.#platform, options.database);
    try {
      if (this.#tabs === undefined) await this.#own(false);
      else if (options.tabs === "exclusive") await this.#startAlone(this.#tabs);
      else this.#seek();
    } catch (e) {
      this.#fail(e);
    }
  }

  #fail(e: unknown): void {
    const { code, fields } = asVoileError(e);
    this.#page.post({ t: "failed", error: { kind: code, fields } });
  }

  async #startAlone(tabs: Tabs): Promise<void> {
    try {
      this.#release = await tabs.own(AbortSignal.timeout(exclusiveWait));
    } catch (cause) {
      throw new VoileError("AlreadyInitialized", {}, { cause });
    }
    await this.#own(false);
  }

  /** Becomes a client of who owns the node, and stands in line to own it. */
  #seek(): void {
    const tabs = this.#tabs!;
    const queue = (this.#queue = new AbortController());
    tabs.own(queue.signal).then(
      (release) => {
        if (this.#closed || this.#suspended || this.#queue !== queue) {
          release();
          return;
        }
        this.#release = release;
        const attached = this.#relay?.attached ?? false;
        this.#relay?.close();
        this.#relay = undefined;
        this.#own(attached).catch((e: unknown) => {
          this.#giveUp();
          if (this.#ready) this.#crash(asVoileError(e).message, "");
          else this.#fail(e);
        });
      },
      () => {}, // left the line
    );
    this.#relay = new Relay(tabs, (m, transfer) => this.#page.post(m, transfer), {
      onOpen: (version) => this.#announce("client", version),
    });
  }

  /** Runs the node. attach: the node that it takes the place of was attached. */
  async #own(attach: boolean): Promise<void> {
    const o = this.#options!;
    let failed: string | undefined;
    const crash = (text: string, stack: string): void => {
      failed = text;
      this.#crash(text, stack);
    };
    const module = await this.#load(o.wasmUrl, (reason) => crash(reason, ""));
    const { api } = module;
    if (api.abi !== 1) throw new VoileError("Internal", { message: `the module has version ${String(api.abi)} of its interface, this package 1: both must be of one release` });
    const node = await this.#startNode(api, {
      storage: o.storage, database: o.database, secure: o.secure, onCrash: crash,
      ...(o.logLevel === undefined ? {} : { logLevel: o.logLevel }),
      ...(o.memoryLimit === undefined ? {} : { memoryLimit: o.memoryLimit }),
      ...(o.gateways === undefined ? {} : { gateways: o.gateways }),
    });
    if (this.#closed || this.#suspended || failed !== undefined) {
      await node.close();
      this.#giveUp();
      return;
    }
    this.#owner = new Owner(node, module, (m, transfer) => this.#page.post(m, transfer), this.#tabs);
    if (attach) this.#attachAgain(node);
    this.#announce("owner", api.version);
  }

  /** Starts the node; the one before may need a moment to let go of the store. */
  async #startNode(api: ModuleApi, host: ModuleHost): Promise<NodeHandle> {
    for (const until = Date.now() + storeWait; ; ) {
      try {
        return await api.start(this.#options!.config, host);
      } catch (e) {
        if (this.#tabs === undefined || asVoileError(e).code !== "AlreadyInitialized" || Date.now() > until) throw e;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }
  }

  #attachAgain(node: NodeHandle): void {
    const session = node.open(() => {});
    const { line, blobs } = encodeRequest("Attach", {});
    session.call(line, blobs).answer.catch(() => {}).finally(() => void session.close());
  }

  #crash(text: string, stack: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#page.post({ t: "crash", text, stack });
    this.#queue?.abort();
    const owner = this.#owner;
    this.#owner = undefined;
    // The lock goes to the next tab only when this node has let go of the store.
    void Promise.resolve(owner?.close(true)).catch(() => {}).finally(() => this.#giveUp());
  }

  #giveUp(): void {
    this.#release?.();
    this.#release = undefined;
  }

  /** Lets another tab run the node while this page is frozen. */
  async #suspend(): Promise<void> {
    if (this.#tabs === undefined || this.#options?.tabs === "exclusive" || this.#suspended || this.#closed) return;
    this.#suspended = true;
    await this.#leave();
  }

  async #resume(): Promise<void> {
    if (!this.#suspended || this.#closed) return;
    this.#suspended = false;
    if (this.#owner === undefined && this.#relay === undefined) this.#seek();
  }

  async #leave(): Promise<void> {
    this.#queue?.abort();
    this.#queue = undefined;
    this.#relay?.close();
    this.#relay = undefined;
    const owner = this.#owner;
    this.#owner = undefined;
    try {
      await owner?.close();
    } finally {
      this.#giveUp();
    }
  }

  async #close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      await this.#leave();
    } catch {
      // The page is told that it is over all the same.
    }
    this.#page.post({ t: "closed" });
    this.#end();
  }
}
