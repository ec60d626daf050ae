// What two people say to each other: sent one after the other, each acknowledged by
// the other tab, and tried again until it is.

export const maxMessage = 2000; // characters
const keep = 200; // messages
const again = [800, 1500, 3000, 6000, 12000]; // ms between tries

/**
 * @typedef {object} Message
 * @property {string} id
 * @property {boolean} mine
 * @property {string} text
 * @property {number} at ms of the clock
 * @property {'sending' | 'waiting' | 'delivered'} state
 * @property {number} [took] ms until the other tab had it
 */

/** Conversation tells 'message' with one that is new or has changed. */
export class Conversation extends EventTarget {
  /** @type {Message[]} */
  messages = [];

  #deliver;
  #save;
  #busy = false;
  #failed = 0;
  #timer = 0;
  #closed = false;

  /**
   * @param {(m: Message) => Promise<void>} deliver ends when the other side has it
   * @param {(messages: Message[]) => Promise<void>} save
   */
  constructor(deliver, save, messages = []) {
    super();
    this.#deliver = deliver;
    this.#save = save;
    this.messages = messages.slice(-keep).map((m) => (m.mine && m.state !== 'delivered' ? { ...m, state: 'waiting' } : m));
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  say(text) {
    this.#add({ id: crypto.randomUUID(), mine: true, text: text.slice(0, maxMessage), at: Date.now(), state: 'sending' });
    this.#pump();
  }

  /** heard takes a message of the other side; one that came before is not new. */
  heard(id, text) {
    if (this.messages.some((m) => m.id === id)) return;
    this.#add({ id, mine: false, text, at: Date.now(), state: 'delivered' });
  }

  /** wake tries at once what waits: the other side has shown up. */
  wake() {
    this.#failed = 0;
    this.#pump();
  }

  #add(m) {
    this.messages.push(m);
    if (this.messages.length > keep) this.messages.shift();
    this.#tell(m);
    this.#save(this.messages);
  }

  async #pump() {
    clearTimeout(this.#timer);
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let m; !this.#closed && (m = this.messages.find((m) => m.mine && m.state !== 'delivered')); ) {
        const began = performance.now();
        try {
          await this.#deliver(m);
        } catch {
          m.state = 'waiting';
          this.#tell(m);
          if (!this.#closed) this.#timer = setTimeout(() => this.#pump(), again[Math.min(this.#failed++, again.length - 1)]);
          return;
        }
        this.#failed = 0;
        m.state = 'delivered';
        m.took = Math.round(performance.now() - began);
        this.#tell(m);
        this.#save(this.messages);
      }
    } finally {
      this.#busy = false;
    }
  }

  #tell(message) {
    if (!this.#closed) this.dispatchEvent(new CustomEvent('message', { detail: message }));
  }
}
