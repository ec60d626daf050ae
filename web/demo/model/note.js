// The shared note: one value of a record that both sides may write. What is typed is
// a draft until the network has it; a value of the other side that meets a draft is
// merged where the two did not touch the same place, and otherwise both are shown.
import { merge } from './merge.js';

const quiet = 700; // ms without a key before a draft is written
const longest = 2500; // ms that a draft waits at most while keys come
const again = [1000, 2000, 4000, 8000, 15000]; // ms between tries
export const maxText = 8000; // characters: well below the 32,768 bytes of a value

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** @typedef {{seq: number, data: Uint8Array}} Value */
/** @typedef {{text: string, by: {id: string, name: string}, at: number}} Entry */

/** @param {Entry} e */
export function encode(e) {
  return encoder.encode(JSON.stringify({ v: 1, text: e.text, by: { id: e.by.id, name: e.by.name }, at: e.at }));
}

/** decode gives null for anything that is no note. @returns {Entry | null} */
export function decode(data) {
  try {
    const e = JSON.parse(decoder.decode(data));
    const good = typeof e.text === 'string' && e.text.length <= maxText && typeof e.by.id === 'string' && typeof e.by.name === 'string' && Number.isFinite(e.at);
    return good ? { text: e.text, by: { id: e.by.id.slice(0, 40), name: e.by.name.slice(0, 24) }, at: e.at } : null;
  } catch {
    return null;
  }
}

/**
 * Note tells 'text' when the draft was changed by something other than edit,
 * 'state' when anything else did, and 'fault' with an error that it goes on after.
 */
export class Note extends EventTarget {
  /** @type {Entry & {seq: number}} what the network has */
  base = { text: '', by: { id: '', name: '' }, at: 0, seq: -1 };
  draft = '';
  /** @type {(Entry & {seq: number}) | null} theirs, when it touches what we changed */
  clash = null;
  /** 'saved' | 'typing' | 'saving' | 'waiting' */
  state = 'saved';
  merged = false; // the last value that came was merged into a draft

  #me;
  #store;
  #timer = 0;
  #since = 0;
  #writing = false;
  #failed = 0;
  #closed = false;

  /**
   * @param {() => {id: string, name: string}} me
   * @param {{set(data: Uint8Array): Promise<Value | null>, get(): Promise<Value | null>}} store
   *   set gives the newer value that was there instead, if there was one; get is what
   *   this node has, without asking others
   */
  constructor(me, store) {
    super();
    this.#me = me;
    this.#store = store;
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  edit(text) {
    this.draft = text;
    this.merged = false;
    if (this.clash) {
      if (text === this.clash.text) this.#unclash();
      this.#tell('state');
      return;
    }
    const now = Date.now();
    if (this.state !== 'typing') this.#since = now;
    this.state = 'typing';
    this.#plan(Math.max(0, Math.min(quiet, this.#since + longest - now)));
    this.#tell('state');
  }

  /** flush writes a draft now: the page is going away. */
  flush() {
    if (this.draft !== this.base.text && !this.clash) this.#plan(0);
  }

  /** arrived takes a value of the record. */
  arrived(seq, data) {
    const theirs = decode(data);
    if (!theirs || seq < this.base.seq || (seq === this.base.seq && theirs.text === this.base.text)) return;
    const mine = theirs.by.id === this.#me().id;
    const before = this.base;
    this.base = { ...theirs, seq };
    if (this.clash && (mine || this.draft === theirs.text)) {
      this.#unclash(); // what we wrote has come through after all, or they wrote the same
    } else if (this.clash) {
      this.clash = this.base;
    } else if (this.draft === before.text || this.draft === theirs.text) {
      this.draft = theirs.text;
      this.state = this.#writing ? this.state : 'saved';
      this.merged = false;
      this.#tell('text');
    } else if (!mine) {
      const both = merge(before.text, this.draft, theirs.text);
      if (both === null || both.length > maxText) {
        this.clash = this.base;
        clearTimeout(this.#timer);
      } else {
        this.draft = both;
        this.merged = true;
        this.#tell('text');
        this.#plan(0);
      }
    }
    this.#tell('state');
  }

  /** settle ends a clash. @param {'mine' | 'theirs'} which */
  settle(which) {
    if (!this.clash) return;
    if (which === 'theirs') this.draft = this.clash.text;
    this.#unclash();
    this.#tell('text');
    this.#tell('state');
  }

  #unclash() {
    this.clash = null;
    this.state = this.draft === this.base.text ? 'saved' : 'typing';
    this.#plan(0);
  }

  #plan(ms) {
    clearTimeout(this.#timer);
    if (!this.#closed) this.#timer = setTimeout(() => this.#write(), ms);
  }

  async #write() {
    if (this.#writing || this.clash || this.#closed || this.draft === this.base.text) {
      if (this.draft === this.base.text && !this.clash) this.state = 'saved';
      this.#tell('state');
      return;
    }
    this.#writing = true;
    this.state = 'saving';
    this.#tell('state');
    const entry = { text: this.draft, by: this.#me(), at: Date.now() };
    try {
      const newer = await this.#store.set(encode(entry));
      this.#failed = 0;
      this.#writing = false;
      if (newer) {
        this.arrived(newer.seq, newer.data);
        if (!this.clash && this.draft !== this.base.text) this.#plan(0);
      } else {
        const now = await this.#store.get();
        const same = now && decode(now.data)?.at === entry.at;
        if (same) this.base = { ...entry, seq: now.seq };
        else if (now) this.arrived(now.seq, now.data);
      }
      if (this.draft === this.base.text) this.state = 'saved';
      else if (!this.clash) this.#plan(quiet);
    } catch (error) {
      this.#writing = false;
      this.state = 'waiting';
      this.#plan(again[Math.min(this.#failed++, again.length - 1)]);
      this.dispatchEvent(new CustomEvent('fault', { detail: error }));
    }
    this.#tell('state');
  }

  #tell(what) {
    if (!this.#closed) this.dispatchEvent(new Event(what));
  }
}
