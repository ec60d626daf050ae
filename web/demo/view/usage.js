// Memory, storage and traffic of this node.
import { bytes } from '../words.js';

const budget = 60e6; // bytes of memory that a tab's node stays under
const seconds = 60; // of traffic in the curve

export class Usage {
  #part;
  #down = [];
  #up = [];

  constructor(part) {
    this.#part = part;
  }

  /** @param {{memory: number, storage: number, quota: number}} u bytes; NaN: not known */
  show(u) {
    const p = this.#part;
    p('memory').textContent = bytes(u.memory);
    p('memory-bar').style.setProperty('--part', String(Math.min(1, u.memory / budget || 0)));
    p('memory-note').textContent = `of ${bytes(budget)} at most`;
    p('storage').textContent = bytes(u.storage);
    p('storage-note').textContent = u.quota > 0 ? `of ${bytes(u.quota)}, encrypted` : 'kept here, encrypted';
    // Few bytes of a large quota would be no line at all: the meter is logarithmic.
    const part = u.storage > 0 && u.quota > 0 ? Math.log10(1 + u.storage / 1e3) / Math.log10(1 + u.quota / 1e3) : 0;
    p('storage-bar').style.setProperty('--part', String(part));
  }

  /** @param {number} down @param {number} up bytes per second; told once a second */
  flow(down, up) {
    this.#down.push(down);
    this.#up.push(up);
    if (this.#down.length > seconds) {
      this.#down.shift();
      this.#up.shift();
    }
    const p = this.#part;
    p('traffic').textContent = `${bytes(down + up)}/s`;
    p('traffic-note').textContent = `${bytes(down)}/s in, ${bytes(up)}/s out`;
    const top = Math.max(500, ...this.#down, ...this.#up);
    p('spark').querySelector('.down').setAttribute('d', curve(this.#down, top));
    p('spark').querySelector('.up').setAttribute('d', curve(this.#up, top));
  }
}

/** curve is a path through values, the newest at the right, in a box of 120 by 24. */
function curve(values, top) {
  if (values.length < 2) return '';
  const at = (v, i) => `${(120 - (values.length - 1 - i) * (120 / (seconds - 1))).toFixed(1)} ${(22.5 - (21 * v) / top).toFixed(1)}`;
  return 'M' + values.map(at).join('L');
}
