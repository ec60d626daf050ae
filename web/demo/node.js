// The node of this tab: what the page needs of @voile/node, with what arrives as
// events. Everything that knows the package is in this file.
import { startNode, VoileError } from '@voile/node';

const program = 'voile-demo';
const limit = 32 * 1024 * 1024; // bytes that the node tries to stay below
const tries = 4; // of what says TryAgain
const pause = 700; // ms before the second

/**
 * @typedef {object} Network what the server of the page says
 * @property {string} network tells this network from others
 * @property {string} networkKey
 * @property {string[]} bootstrap records
 * @property {{name: string, id: string, address: string}[]} nodes
 */

/** databaseOf is where a node keeps what it keeps: one database for each network and tab. */
const databaseOf = (network, who) => `${program}-${network.network}-${who}`;

/**
 * DemoNode tells
 * - 'attachment' {state, ready, peers}
 * - 'peers' {peers, down, up}: once a second; bytes a second
 * - 'call' {id, message}; answer with reply
 * - 'value' {key, subkeys, value}: a watched record has changed
 * - 'routes' {own, others}: ids of routes that lead nowhere any more
 * - 'crash' with an error: the node is gone
 */
export class DemoNode extends EventTarget {
  isReady = false;

  #node;
  #context;
  #table;
  #names;
  #ended = new AbortController();

  /**
   * @param {{network: Network, who: string, onStep: (step: 'load' | 'unlock') => void}} options
   */
  static async start({ network, who, onStep }) {
    onStep('load');
    const node = await startNode({
      programName: `${program}-${who}`,
      networkKey: network.networkKey,
      bootstrap: network.bootstrap,
      bootstrapKeys: [],
      config: { network: { privateNetwork: true, upnp: false, detectAddressChanges: false } },
      database: databaseOf(network, who),
      tabs: 'exclusive', // a second tab of the same ?who= is told so
      memoryLimit: limit,
    });
    onStep('unlock');
    const demo = new DemoNode(node, await node.openTable('demo'), new Map(network.nodes.map((n) => [n.id, n.name])));
    forgetOthers(network).catch(() => {}); // they only take room
    return demo;
  }

  /** forget deletes what a node has kept; it must be closed. */
  static forget(network, who) {
    return deleteDatabases((name) => name.startsWith(databaseOf(network, who)));
  }

  constructor(node, table, names) {
    super();
    this.#node = node;
    this.#table = table;
    this.#names = names;
    this.#context = node.routingContext();
    node.addEventListener('crash', (e) => {
      const error = new Error(e.detail.text);
      error.details = e.detail.stack;
      this.#emit('crash', error);
    });
    const { signal } = this.#ended;
    this.#read(node.attachmentChanges({ signal }), (a) => this.#attached(a));
    this.#read(node.updates({ kinds: ['Network'], signal }), (n) => this.#network(n));
    this.#read(node.calls({ signal }), (call) => this.#emit('call', { id: call, message: call.message }));
    this.#read(node.valueChanges({ signal }), ({ key, subkeys, value }) => this.#emit('value', { key, subkeys, value }));
    this.#read(node.routeChanges({ signal }), (r) => this.#emit('routes', { own: r.deadRoutes, others: r.deadRemoteRoutes }));
  }

  // --- Life.

  attach() {
    return this.#node.attach();
  }

  /** ready waits until messages can be sent. */
  async ready() {
    this.#attached(await this.#node.waitReady());
  }

  close() {
    this.#ended.abort();
    return this.#node.close();
  }

  /** usage is what the node takes: bytes, NaN where that is not known. */
  async usage() {
    const [stats, room] = await Promise.all([
      this.#node.stats(),
      navigator.storage?.estimate?.().catch(() => ({})) ?? {},
    ]);
    return { memory: stats.goSys, storage: stats.storeBytes ?? room.usage ?? NaN, quota: room.quota ?? NaN };
  }

  // --- What is kept on this device, encrypted.

  load(name) {
    return this.#table.loadJSON(0, name);
  }

  store(name, value) {
    return this.#table.storeJSON(0, name, value);
  }

  // --- Private routes.

  /** newRoute makes one that leads here. @returns {Promise<{id: string, blob: Uint8Array}>} */
  async newRoute() {
    const { routeId, blob } = await patiently(() => this.#node.newPrivateRoute());
    return { id: routeId, blob };
  }

  importRoute(blob) {
    return this.#node.importPrivateRoute(blob);
  }

  call(route, message) {
    return this.#context.appCall(route, message);
  }

  /** reply answers a call by the id that it came with. */
  reply(call, message) {
    return call.reply(message);
  }

  // --- Records.

  /** createRecord makes one that whoever has the key pair may write. */
  async createRecord(values) {
    const record = await this.#context.createDHTRecord({ kind: 'DFLT', oCnt: values });
    return { key: record.key, writer: pair(record.owner, record.ownerSecret) };
  }

  async openRecord(key, writer) {
    await patiently(() => this.#context.openDHTRecord(key, { writer }));
  }

  /** @returns {Promise<{seq: number, data: Uint8Array} | null>} */
  getValue(key, subkey, refresh) {
    return patiently(() => this.#context.getDHTValue(key, subkey, { forceRefresh: refresh }));
  }

  /** setValue gives the newer value that the network had instead, or null. */
  setValue(key, subkey, data) {
    return patiently(() => this.#context.setDHTValue(key, subkey, data));
  }

  async watch(key) {
    await patiently(async () => {
      if (!(await this.#context.watchDHTValues(key))) throw new VoileError('TryAgain', { message: 'nobody could be asked to watch' });
    });
  }

  // --- What the node tells.

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  async #read(updates, take) {
    try {
      for await (const u of updates) take(u);
    } catch (error) {
      if (!this.#ended.signal.aborted) console.warn(error); // a crash is told by its own event
    }
  }

  #attached(a) {
    this.isReady = a.publicInternetReady || a.localNetworkReady;
    this.#emit('attachment', { state: a.state, ready: this.isReady, peers: a.livePeerCount });
  }

  #network({ peers, bpsDown, bpsUp }) {
    const seen = peers.map((p) => {
      const id = p.nodeIds[0] ?? '';
      const name = this.#names.get(id);
      const { latency, transfer } = p.peerStats;
      return { id, name: name ?? id.slice(5, 9), known: name !== undefined, us: latency?.average ?? NaN, down: transfer.down.total, up: transfer.up.total };
    });
    this.#emit('peers', { peers: seen, down: bpsDown, up: bpsUp });
  }
}

/** pair is the key pair of a public key and its secret, as texts. */
function pair(key, secret) {
  return `${key}:${secret.slice(secret.indexOf(':') + 1)}`;
}

/** patiently asks again when the node says TryAgain. */
async function patiently(ask) {
  for (let n = 1; ; n++) {
    try {
      return await ask();
    } catch (error) {
      if (n >= tries || !VoileError.is(error, 'TryAgain')) throw error;
      await new Promise((done) => setTimeout(done, pause * n));
    }
  }
}

/** forgetOthers deletes what tabs kept of networks that have ended. */
function forgetOthers(network) {
  return deleteDatabases((name) => name.startsWith(`${program}-`) && !name.startsWith(`${program}-${network.network}-`));
}

async function deleteDatabases(which) {
  const all = (await indexedDB.databases?.()) ?? [];
  await Promise.all(all.filter(({ name }) => which(name)).map(({ name }) => new Promise((done, fail) => {
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = done;
    request.onblocked = done; // another tab has it open still
    request.onerror = () => fail(request.error);
  })));
}
