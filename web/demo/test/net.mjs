// A network in this process for the tests of the models: what DemoNode offers, over
// maps. Routes can die, values can come late, and nodes can be cut off.
import { setTimeout as wait } from 'node:timers/promises';

const text = (n) => Buffer.from(crypto.getRandomValues(new Uint8Array(n))).toString('base64url');

export class Net {
  records = new Map(); // by key: values by subkey
  routes = new Map(); // by id: node
  nodes = [];

  node() {
    const n = new Node(this);
    this.nodes.push(n);
    return n;
  }
}

class Node extends EventTarget {
  cut = false; // reaches nobody
  deaf = false; // is told of no changes
  kept = new Map(); // survives `again`
  #net;
  #watched = new Set();
  #local = new Map(); // by key and subkey: the last value that was seen

  constructor(net) {
    super();
    this.#net = net;
  }

  /** again is this node after a reload: what was kept, and nothing else. */
  again() {
    this.cut = true;
    const n = this.#net.node();
    n.kept = this.kept;
    return n;
  }

  emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #reach() {
    if (this.cut) throw Object.assign(new Error('TryAgain: offline'), { code: 'TryAgain' });
  }

  load = async (name) => structuredClone(this.kept.get(name) ?? null);
  store = async (name, value) => void this.kept.set(name, structuredClone(value));

  async createRecord() {
    const key = `VLD0:${text(32)}:${text(32)}`;
    this.#net.records.set(key, new Map());
    return { key, writer: `VLD0:${text(32)}:${text(32)}` };
  }

  async openRecord(key) {
    this.#reach();
    if (!this.#net.records.has(key)) throw Object.assign(new Error('KeyNotFound'), { code: 'KeyNotFound' });
  }

  async getValue(key, subkey, refresh) {
    const at = `${key} ${subkey}`;
    if (refresh) {
      this.#reach();
      const v = this.#net.records.get(key).get(subkey);
      if (v) this.#local.set(at, v);
    }
    return this.#local.get(at) ?? null;
  }

  async setValue(key, subkey, data) {
    this.#reach();
    await wait(1);
    const at = `${key} ${subkey}`, record = this.#net.records.get(key);
    const mine = this.#local.get(at)?.seq ?? -1, there = record.get(subkey);
    if (there && there.seq > mine) {
      this.#local.set(at, there);
      return there;
    }
    const value = { seq: mine + 1, data };
    record.set(subkey, value);
    this.#local.set(at, value);
    for (const n of this.#net.nodes) if (n !== this) n.changed(key, subkey, value);
    return null;
  }

  changed(key, subkey, value) {
    if (this.cut || this.deaf || !this.#watched.has(key)) return;
    this.#local.set(`${key} ${subkey}`, value);
    this.emit('value', { key, subkeys: [[subkey, subkey]], value });
  }

  async watch(key) {
    this.#reach();
    this.#watched.add(key);
  }

  async newRoute() {
    const id = text(32);
    this.#net.routes.set(id, this);
    return { id, blob: new TextEncoder().encode(id) };
  }

  /** lose ends all routes that lead here. */
  lose() {
    const own = [...this.#net.routes].filter(([, n]) => n === this).map(([id]) => id);
    own.forEach((id) => this.#net.routes.delete(id));
    this.emit('routes', { own, others: [] });
  }

  importRoute = async (blob) => new TextDecoder().decode(blob);

  call(route, message) {
    const to = this.#net.routes.get(route);
    if (this.cut || !to || to.cut) return Promise.reject(Object.assign(new Error('Timeout'), { code: 'Timeout' }));
    return new Promise((answer) => to.emit('call', { id: answer, message }));
  }

  async reply(answer, message) {
    answer(message);
  }
}
