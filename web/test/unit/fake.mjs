/** A module that is not one, and a browser of several tabs: what the package is tested against without WebAssembly. */
import { Engine } from '../../dist/engine.js';
import { startOn } from '../../dist/node-api.js';
import { families } from '../../dist/generated/api.js';
import { portChannel } from '../../dist/protocol.js';

/** Which operations make an object of which family. */
const makers = {
  NewRoutingContext: 'RoutingContext', GetCryptoSystem: 'CryptoSystem', OpenTableDb: 'TableDb', TransactDhtRecords: 'DhtTransaction',
  'RoutingContext.WithDefaultSafety': 'RoutingContext', 'RoutingContext.WithSafety': 'RoutingContext',
  'RoutingContext.WithSequencing': 'RoutingContext', 'TableDb.Transact': 'TableDbTransaction',
};

class FakeSession {
  objects = Object.fromEntries(Object.keys(families).map((f) => [f, new Map()]));
  closed = false;
  #node;
  #next = 1;
  #cancels = new Map();

  constructor(node, onUpdate) {
    this.#node = node;
    this.onUpdate = onUpdate;
  }

  call(line, blobs) {
    const id = this.#next++;
    const cancelled = new Promise((resolve) => this.#cancels.set(id, resolve));
    const request = JSON.parse(line);
    const answer = Promise.race([this.#answer(request, blobs), cancelled.then(() => answered(request, { error: { kind: 'Timeout' } }))]);
    return { id, answer: answer.finally(() => this.#cancels.delete(id)) };
  }

  async #answer(request, blobs) {
    const family = families[request.op];
    const name = family ? `${request.op}.${request[family[1]]}` : request.op;
    this.#node.requests.push({ name, request, blobs: blobs.map((b) => b.slice()), sizes: blobs.map((b) => b.buffer.byteLength) });
    if (family && !this.objects[request.op].has(request[family[0]])) {
      return { line: JSON.stringify({ type: 'Response', op: request.op, [family[0]]: request[family[0]], [family[1]]: 'InvalidId' }), blobs: [] };
    }
    if (/\.(Release|Commit|Rollback)$/.test(name)) this.objects[request.op].delete(request[family[0]]);
    const given = await this.#node.answers[name]?.(request, blobs, this);
    if (given?.error) return answered(request, given);
    const made = makers[name];
    if (made) {
      let id = 1;
      while (this.objects[made].has(id)) id++;
      this.objects[made].set(id, request);
      return answered(request, { value: id });
    }
    if (name === 'VeilidVersion') return answered(request, { major: 0, minor: 5, patch: 8 });
    return answered(request, { value: null, ...given }, given?.blobs);
  }

  cancel(id) {
    this.#node.cancelled.push(id);
    this.#cancels.get(id)?.();
  }

  async close() {
    this.closed = true;
    this.#node.sessions.delete(this);
  }
}

function answered(request, fields, blobs = []) {
  const { blobs: _, ...rest } = fields;
  return { line: JSON.stringify({ type: 'Response', ...request, ...rest }), blobs };
}

/** A node: answers by the functions in answers, notes what it was asked. */
export class FakeNode {
  sessions = new Set();
  requests = [];
  cancelled = [];
  told = [];
  closed = false;

  constructor(answers, config, host) {
    this.answers = answers;
    this.config = config;
    this.host = host;
  }

  open(onUpdate) {
    const s = new FakeSession(this, onUpdate);
    this.sessions.add(s);
    return s;
  }

  networkChanged(online) { this.told.push(['online', online]); }
  setForeground(on) { this.told.push(['foreground', on]); }
  stats() { return { goHeap: 1, goSys: 2, goroutines: 3 }; }
  async close() { this.closed = true; }

  /** Tells an update to all clients, as the module does: one after the other, each awaited. */
  async emit(kind, fields = {}, blobs = []) {
    const line = JSON.stringify({ type: 'Update', kind, ...fields });
    await Promise.all([...this.sessions].map((s) => s.onUpdate(line, blobs.map((b) => b.slice()))));
  }

  /** The names of what was asked. */
  get asked() { return this.requests.map((r) => r.name); }
}

/** The module: nodes holds those that were started. */
export function fakeModule(answers = {}, start = async () => {}) {
  const nodes = [];
  return {
    nodes,
    abi: 1,
    version: '0.0.0-fake',
    async start(config, host) {
      await start(config, host);
      const node = new FakeNode(answers, JSON.parse(config), host);
      nodes.push(node);
      return node;
    },
  };
}

/** Locks of an origin. */
class FakeLocks {
  held = new Map();
  lines = new Map();

  request(owner, name, { signal }, f) {
    return new Promise((resolve, reject) => {
      const turn = { owner, run: () => {
        this.held.set(name, turn);
        Promise.resolve(f({ name })).then(resolve, reject).finally(() => this.next(name, turn));
      } };
      const line = this.lines.get(name) ?? [];
      this.lines.set(name, line);
      signal?.addEventListener('abort', () => {
        const at = line.indexOf(turn);
        if (at >= 0) { line.splice(at, 1); reject(signal.reason); }
      });
      if (signal?.aborted) return reject(signal.reason);
      if (this.held.has(name)) line.push(turn);
      else turn.run();
    });
  }

  next(name, turn) {
    if (this.held.get(name) !== turn) return;
    this.held.delete(name);
    this.lines.get(name)?.shift()?.run();
  }

  /** The tab is gone: what it holds is free, and it waits for nothing. */
  kill(owner) {
    for (const line of this.lines.values()) line.splice(0, Infinity, ...line.filter((t) => t.owner !== owner));
    for (const [name, turn] of [...this.held]) if (turn.owner === owner) this.next(name, turn);
  }
}

/** A browser whose tabs are of one origin; module: what they load. */
export class FakeBrowser {
  #locks = new FakeLocks();
  #prefix = `fake${Math.random()}:`;

  constructor(module) {
    this.module = module;
  }

  tab() {
    const browser = this;
    const channels = new Set();
    const tab = {
      life: undefined,
      ports: [],
      /** The address of the module that was loaded last. */
      loaded: undefined,
      platform: {
        wasmUrl: 'fake:voile.wasm', debugWasmUrl: 'fake:voile-debug.wasm', secure: true, storage: 'indexeddb',
        watch(life) { tab.life = life; return () => { tab.life = undefined; }; },
        spawn() {
          const { port1, port2 } = new MessageChannel();
          tab.ports.push(port1, port2);
          const tabs = {
            locks: { request: (name, options, f) => browser.#locks.request(tab, name, options, f) },
            openChannel(name) {
              const c = new BroadcastChannel(browser.#prefix + name);
              channels.add(c);
              return c;
            },
          };
          new Engine(portChannel(port2), async (url, onExit) => { tab.loaded = url; tab.exit = onExit; return { api: browser.module, memory: () => 65536 }; }, tabs, () => {});
          return { channel: portChannel(port1), onDeath(f) { tab.die = f; }, kill: () => { port1.close(); port2.close(); } };
        },
      },
      start: (options) => startOn(tab.platform, { programName: 'test', ...options }),
      /** Ends the tab as a crash of its process does. */
      kill() {
        for (const p of tab.ports) p.close();
        for (const c of channels) c.close();
        browser.#locks.kill(tab);
      },
    };
    return tab;
  }
}

/** A started node on a module with these answers, alone in its browser. */
export async function started(answers = {}, options = {}) {
  const module = fakeModule(answers);
  const tab = new FakeBrowser(module).tab();
  const node = await tab.start(options);
  return { node, fake: module.nodes[0], module, tab };
}

/** Waits until f gives something true. */
export async function eventually(f, what) {
  const until = Date.now() + 5000;
  for (;;) {
    const v = await f();
    if (v) return v;
    if (Date.now() > until) throw new Error(`not within 5 s: ${what ?? f}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
