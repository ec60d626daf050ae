// What two tabs share: a record with three values. The first is the note; the others
// are cards, one of each side, that say who it is and by which private route it is
// reached. Messages do not go through the record but over those routes, as calls.
import { Conversation, maxMessage } from './conversation.js';
import { Note } from './note.js';

const noteSubkey = 0;
const slots = { host: 1, guest: 2 };
const ask = 15_000; // ms between "are you there" while nothing else is said
const maxCall = 32_768; // bytes
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

const pack = (v) => encoder.encode(JSON.stringify(v));
function unpack(data) {
  try {
    const v = data.length <= maxCall ? JSON.parse(decoder.decode(data)) : null;
    return v !== null && typeof v === 'object' ? v : null;
  } catch {
    return null;
  }
}

/** @typedef {{id: string, name: string, who: string, route: string}} Card route in base64 */

/** cardOf checks what came from the other side. @returns {Card | null} */
function cardOf(v) {
  const text = (t, most) => typeof t === 'string' && t.length > 0 && t.length <= most;
  const good = v && text(v.id, 40) && text(v.name, 24) && text(v.who, 12) && text(v.route, 8192) && /^[A-Za-z0-9+/=]+$/.test(v.route);
  return good ? { id: v.id, name: v.name, who: v.who, route: v.route } : null;
}

/** Taken is an invitation that someone else has accepted. */
export class Taken extends Error {}
/** Unknown is an invitation whose record no node has. */
export class Unknown extends Error {}

/**
 * Space tells 'peer' when the other side is known, comes, goes or changes its name;
 * 'fault' with an error that it goes on after. Its note and conversation tell of
 * themselves.
 */
export class Space extends EventTarget {
  /** @type {Card | null} */
  peer = null;
  here = false; // the other side answered lately
  took = 0; // ms that its last answer took
  /** @type {Note} */
  note;
  /** @type {Conversation} */
  conversation;

  #node;
  #me;
  #record;
  #role;
  #way = ''; // id of the imported route to the other side; '': none
  /** @type {{id: string, blob: Uint8Array} | null} */
  #own = null;
  #timer = 0;
  #ended = new AbortController();
  #finding = null;

  /**
   * create makes a record for two and waits in it.
   * @param {import('../node.js').DemoNode} node
   * @param {{id: string, name: string, who: string}} me read whenever it is told
   */
  static async create(node, me) {
    const space = new Space(node, me, await node.createRecord(3), 'host', []);
    await space.#open(false);
    return space;
  }

  /** join takes an invitation. It throws Taken or Unknown, or what the node throws. */
  static async join(node, me, record) {
    const space = new Space(node, me, record, 'guest', []);
    try {
      await space.#open(true);
    } catch (error) {
      space.close();
      throw error;
    }
    return space;
  }

  /** resume goes on with one that was kept; null: there is none. */
  static async resume(node, me) {
    const kept = await node.load('space');
    if (!kept) return null;
    const space = new Space(node, me, kept.record, kept.role, (await node.load('chat')) ?? []);
    await space.#open(true);
    return space;
  }

  constructor(node, me, record, role, messages) {
    super();
    this.#node = node;
    this.#me = me;
    this.#record = record;
    this.#role = role;
    this.note = new Note(
      () => ({ id: me.id, name: me.name }),
      {
        set: (data) => node.setValue(record.key, noteSubkey, data),
        get: () => node.getValue(record.key, noteSubkey, false),
      },
    );
    this.conversation = new Conversation(
      (m) => this.#ask({ t: 'say', id: m.id, text: m.text }),
      (all) => node.store('chat', all).catch((e) => this.#fault(e)),
      messages,
    );
  }

  get record() {
    return this.#record;
  }
  get role() {
    return this.#role;
  }

  close() {
    this.#ended.abort();
    clearTimeout(this.#timer);
    this.note.close();
    this.conversation.close();
  }

  /** renamed tells the other side our name. */
  async renamed() {
    if (this.#own) await this.#publish();
  }

  /** wake asks at once whether the other side is there: the tab or the network is back. */
  wake() {
    this.#plan(0);
    this.conversation.wake();
  }

  async #open(exists) {
    const { key, writer } = this.#record;
    if (exists) {
      await this.#node.openRecord(key, writer).catch((e) => {
        throw e.code === 'KeyNotFound' ? new Unknown('no node has the record', { cause: e }) : e;
      });
      await this.#checkSlot();
    }
    const signal = this.#ended.signal;
    this.#node.addEventListener('call', (e) => this.#called(e.detail), { signal });
    this.#node.addEventListener('value', (e) => this.#changed(e.detail), { signal });
    this.#node.addEventListener('routes', (e) => this.#died(e.detail), { signal });
    this.#own = await this.#node.newRoute();
    await Promise.all([this.#publish(), this.#node.watch(key)]);
    await this.#node.store('space', { record: this.#record, role: this.#role });
    if (exists) await this.#read(noteSubkey, true).catch((e) => this.#fault(e));
    this.#plan(0);
  }

  async #checkSlot() {
    if (this.#role !== 'guest') return;
    const host = await this.#node.getValue(this.#record.key, slots.host, true);
    if (!host) throw new Unknown('the record has no card of a host');
    const mine = await this.#node.getValue(this.#record.key, slots.guest, true);
    const there = mine && cardOf(unpack(mine.data));
    if (there && there.id !== this.#me.id) throw new Taken(there.name);
    this.#meet(cardOf(unpack(host.data)));
  }

  #card() {
    const { id, name, who } = this.#me;
    return { id, name, who, route: btoa(String.fromCharCode(...this.#own.blob)) };
  }

  async #publish() {
    await this.#node.setValue(this.#record.key, slots[this.#role], pack(this.#card()));
  }

  // --- What comes.

  async #called({ id, message }) {
    const m = unpack(message);
    const card = m && cardOf(m.card);
    const known = card && (this.peer === null || card.id === this.peer.id);
    if (known && card.id !== this.#me.id) {
      this.#meet(card);
      this.#there();
      if (m.t === 'say' && typeof m.id === 'string' && m.id.length <= 40 && typeof m.text === 'string' && m.text.length <= maxMessage) {
        this.conversation.heard(m.id, m.text);
      }
    }
    await this.#node.reply(id, pack(known ? { ok: true, card: this.#card() } : { ok: false })).catch((e) => this.#fault(e));
  }

  async #changed({ key, subkeys, value }) {
    if (key !== this.#record.key) return;
    if (subkeys.length === 0) {
      await this.#node.watch(key).catch((e) => this.#fault(e));
      return;
    }
    const only = subkeys.length === 1 && subkeys[0][0] === subkeys[0][1];
    for (const [from, to] of subkeys) {
      for (let n = from; n <= Math.min(to, slots.guest); n++) {
        if (only && value) this.#took(n, value);
        else await this.#read(n, true).catch((e) => this.#fault(e));
      }
    }
  }

  async #read(subkey, refresh) {
    const value = await this.#node.getValue(this.#record.key, subkey, refresh);
    if (value) this.#took(subkey, value);
  }

  #took(subkey, value) {
    if (subkey === noteSubkey) {
      this.note.arrived(value.seq, value.data);
    } else if (subkey !== slots[this.#role]) {
      const card = cardOf(unpack(value.data));
      if (card && this.#meet(card)) this.wake();
    }
  }

  async #died({ own, others }) {
    if (others.includes(this.#way)) this.#way = '';
    if (!this.#own || !own.includes(this.#own.id)) return;
    try {
      this.#own = await this.#node.newRoute();
      await this.#publish();
      this.#plan(0);
    } catch (e) {
      this.#fault(e);
    }
  }

  // --- The other side.

  /** meet takes a card; true: it says something new. */
  #meet(card) {
    if (!card || card.id === this.#me.id) return false;
    const before = this.peer;
    this.peer = card;
    if (before?.route !== card.route) this.#way = '';
    const fresh = before?.route !== card.route || before.name !== card.name;
    if (fresh) this.dispatchEvent(new Event('peer'));
    return fresh;
  }

  #there(ms = 0) {
    const before = this.here;
    this.here = true;
    if (ms) this.took = ms;
    if (!before) {
      this.dispatchEvent(new Event('peer'));
      this.conversation.wake();
    } else if (ms) {
      this.dispatchEvent(new Event('peer'));
    }
    this.#plan(ask);
  }

  #away() {
    if (!this.here) return;
    this.here = false;
    this.dispatchEvent(new Event('peer'));
  }

  #plan(ms) {
    clearTimeout(this.#timer);
    if (!this.#ended.signal.aborted) this.#timer = setTimeout(() => this.#ping(), ms);
  }

  async #ping() {
    if (!this.peer) {
      await this.#find().catch((e) => this.#fault(e));
    }
    if (this.peer) await this.#ask({ t: 'here' }).catch(() => {});
    this.#plan(this.here || !this.peer ? ask : ask / 3);
  }

  /** ask calls the other side, by another route if the one we have does not lead there. */
  async #ask(m) {
    for (let last = false; ; last = true) {
      try {
        if (!this.peer) throw new Error('nobody has come yet');
        if (!this.#way) this.#way = await this.#node.importRoute(Uint8Array.from(atob(this.peer.route), (c) => c.charCodeAt(0)));
        const began = performance.now();
        const answer = unpack(await this.#node.call(this.#way, pack({ ...m, card: this.#card() })));
        if (answer?.ok !== true) throw new Error('the other side did not take it');
        this.#meet(cardOf(answer.card));
        this.#there(performance.now() - began);
        return;
      } catch (error) {
        this.#way = '';
        if (last || this.#ended.signal.aborted) {
          this.#away();
          throw error;
        }
        await this.#find().catch(() => {});
      }
    }
  }

  /** find reads the card of the other side from the network, once for all who ask. */
  #find() {
    this.#finding ??= this.#read(this.#role === 'host' ? slots.guest : slots.host, true).finally(() => (this.#finding = null));
    return this.#finding;
  }

  #fault(error) {
    if (!this.#ended.signal.aborted) this.dispatchEvent(new CustomEvent('fault', { detail: error }));
  }
}
