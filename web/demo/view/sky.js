// The picture of the peers: this node in the middle, every peer at a distance that
// grows with how long its answers take, a dot along the thread for what is sent and
// received. The same facts stand in a table for who does not see it.
import { bytes, count, latency } from '../words.js';

const ns = 'http://www.w3.org/2000/svg';
const dot = 13; // radius of a peer
const most = 24; // peers that are drawn; the list has all
const clear = 72; // of the middle, for its halo and a peer
const roomy = 9; // peers that have room for words; more have only their letters
const asleep = 40_000; // ms without a word until a peer fades
const flying = 18; // dots under way at once
const turn = 2.399963; // radians: the golden angle spreads any number of peers

/** @typedef {{id: string, name: string, known: boolean, us: number, down: number, up: number}} Peer
 *  us: microseconds of its answers, NaN when not known; bytes since the start */

function make(name, attributes = {}, parent = null) {
  const e = document.createElementNS(ns, name);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  parent?.append(e);
  return e;
}

/** scale gives the rings for a range of latencies: three of 1, 2, 5, 10 … ms around it. */
export function scale(us) {
  const known = us.filter((v) => v > 0).sort((a, b) => a - b);
  if (known.length === 0) return { low: 500, high: 50_000, rings: [1000, 5000, 20_000] };
  const steps = [];
  for (let p = 100; p <= 1e8; p *= 10) steps.push(p, 2 * p, 5 * p);
  const low = steps.findLast((s) => s <= known[0] * 0.8 && s < 1e8) ?? steps[0];
  const high = steps.find((s) => s >= Math.max(known.at(-1) * 1.1, low * 8)) ?? steps.at(-1);
  const between = steps.filter((s) => s > low && s < high);
  const rings = between.length <= 3 ? between : [0, 1, 2].map((i) => between[Math.round((i * (between.length - 1)) / 2)]);
  return { low, high, rings };
}

/** Sky draws into an SVG that fills its parent. */
export class Sky {
  #svg;
  #text;
  #rows;
  #none;
  #still = matchMedia('(prefers-reduced-motion: reduce)');
  #peers = new Map(); // by id: what is drawn
  #shown = []; // all peers, as they were told last
  #places = 0; // given to peers so far
  #size = { w: 0, h: 0 };
  #scale = scale([]);
  #flying = 0;
  #frame = 0;

  constructor({ svg, text, rows, none }) {
    this.#svg = svg;
    this.#text = text;
    this.#rows = rows;
    this.#none = none;
    for (const layer of ['ripples', 'rings', 'threads', 'pulses', 'peers', 'self']) make('g', { class: layer }, svg);
    for (let i = 0; i < 3; i++) make('ellipse', { class: 'ripple' }, this.#layer('ripples'));
    const self = this.#layer('self');
    self.classList.add('self');
    make('circle', { class: 'halo', r: 46 }, self);
    make('circle', { class: 'halo two', r: 33 }, self);
    make('circle', { r: 21 }, self);
    make('text', { y: 5 }, self);
    new ResizeObserver(([e]) => this.#resize(e.contentRect)).observe(svg.parentElement);
    this.seeking(true);
  }

  /** list fills the table at once: it is going to be seen. */
  list() {
    this.#describe(this.#shown);
  }

  /** who puts a letter on the node in the middle. */
  who(name) {
    this.#layer('self').lastChild.textContent = name[0]?.toUpperCase() ?? '';
  }

  /** seeking shows waves: no peer has been found yet. */
  seeking(on) {
    this.#layer('ripples').classList.toggle('seeking', on);
  }

  /** show takes the peers as they are now; what has come and gone since flies. @param {Peer[]} peers */
  show(peers) {
    const near = [...peers].sort((a, b) => b.known - a.known || (a.us || Infinity) - (b.us || Infinity)).slice(0, most);
    for (const p of near) {
      const drawn = this.#peers.get(p.id) ?? this.#add(p);
      if (drawn.seen) {
        this.#fly(drawn, p.up - drawn.up, false);
        this.#fly(drawn, p.down - drawn.down, true);
      }
      if (p.down !== drawn.down || !drawn.seen) drawn.heard = performance.now();
      drawn.group.classList.toggle('asleep', performance.now() - drawn.heard > asleep);
      Object.assign(drawn, p, { seen: true });
      drawn.far.textContent = p.us > 0 ? latency(p.us) : '';
    }
    const now = new Set(near.map((p) => p.id));
    for (const [id, drawn] of this.#peers) {
      if (now.has(id)) continue;
      drawn.group.remove();
      drawn.thread.remove();
      this.#peers.delete(id);
    }
    this.#svg.classList.toggle('crowded', near.length > roomy);
    this.seeking(peers.length === 0);
    const next = scale(near.map((p) => p.us));
    if (next.low !== this.#scale.low || next.high !== this.#scale.high || !this.#layer('rings').hasChildNodes()) {
      this.#scale = next;
      this.#rings();
    }
    this.#aim();
    this.#shown = peers;
    this.#describe(peers);
  }

  #layer(name) {
    return this.#svg.querySelector(`:scope > .${name}`);
  }

  #add(p) {
    const group = make('g', { class: p.known ? 'peer' : 'peer stranger' }, this.#layer('peers'));
    make('circle', { r: dot }, group);
    make('text', { class: 'initial', y: 4 }, group).textContent = p.known ? p.name[0] : '';
    make('text', { class: 'name' }, group).textContent = p.known ? p.name : '';
    const far = make('text', { class: 'far' }, group);
    const thread = make('line', { class: 'thread' }, this.#layer('threads'));
    const drawn = { ...p, group, far, thread, angle: -2.2 + turn * this.#places++, r: 0.08, aimed: { angle: 0, r: 0 }, seen: false };
    drawn.aimed.angle = drawn.angle;
    this.#peers.set(p.id, drawn);
    return drawn;
  }

  #resize({ width, height }) {
    if (width < 1 || height < 1) return;
    this.#size = { w: width, h: height };
    this.#svg.setAttribute('viewBox', `${-width / 2} ${-height / 2} ${width} ${height}`);
    const { rx, ry } = this.#radii();
    for (const e of this.#layer('ripples').children) {
      e.setAttribute('rx', rx);
      e.setAttribute('ry', ry);
    }
    this.#rings();
    this.#place(true);
  }

  #radii() {
    const { w, h } = this.#size;
    const ry = Math.max(60, h / 2 - 48);
    return { rx: Math.min(Math.max(60, w / 2 - 40), ry * 1.75), ry };
  }

  /** reach is how far out a latency is drawn: from clear of the middle to 1. */
  #reach(us) {
    const { low, high } = this.#scale;
    const { rx, ry } = this.#radii();
    const least = Math.min(0.62, clear / Math.min(rx, ry));
    const v = us > 0 ? us : Math.sqrt(low * high);
    const part = Math.log(v / low) / Math.log(high / low);
    return least + (1 - least) * Math.min(1, Math.max(0, part));
  }

  #rings() {
    const layer = this.#layer('rings');
    const { rx, ry } = this.#radii();
    layer.replaceChildren();
    for (const us of this.#scale.rings.toReversed()) {
      const r = this.#reach(us);
      make('ellipse', { class: 'ring', rx: rx * r, ry: ry * r }, layer);
      make('text', { class: 'ring-label', y: -ry * r + 4 }, layer).textContent = latency(us).replace('.0', '');
    }
  }

  /** aim says where every peer should be: its latency outwards, an even share of the circle around. */
  #aim() {
    const all = [...this.#peers.values()].sort((a, b) => a.aimed.angle - b.aimed.angle);
    const share = (2 * Math.PI) / all.length;
    // Peers keep their order. The first stands so that none is on the ring labels above the middle.
    all.forEach((p, i) => {
      p.aimed.angle = -Math.PI / 2 + share * (i + 0.5);
      p.aimed.r = this.#reach(p.us);
    });
    this.#move();
  }

  #move() {
    if (this.#still.matches || document.hidden) return this.#place(true);
    if (this.#frame) return;
    const step = () => {
      this.#frame = this.#place(false) ? requestAnimationFrame(step) : 0;
    };
    this.#frame = requestAnimationFrame(step);
  }

  /** place brings peers nearer to where they should be, or there; true: they still move. */
  #place(there) {
    const { rx, ry } = this.#radii();
    let moves = false;
    for (const p of this.#peers.values()) {
      const da = p.aimed.angle - p.angle, dr = p.aimed.r - p.r;
      const near = there || (Math.abs(da) < 0.001 && Math.abs(dr) < 0.001);
      p.angle = near ? p.aimed.angle : p.angle + da * 0.09;
      p.r = near ? p.aimed.r : p.r + dr * 0.09;
      moves ||= !near;
      p.x = Math.cos(p.angle) * rx * p.r;
      p.y = Math.sin(p.angle) * ry * p.r;
      this.#label(p, p.y < -24);
      p.group.setAttribute('transform', `translate(${p.x.toFixed(1)} ${p.y.toFixed(1)})`);
      p.thread.setAttribute('x2', p.x.toFixed(1));
      p.thread.setAttribute('y2', p.y.toFixed(1));
    }
    return moves;
  }

  /** label puts the words of a peer on its far side from the middle. */
  #label(p, above) {
    if (p.above === above) return;
    p.above = above;
    p.group.querySelector('.name').setAttribute('y', above ? -dot - 20 : dot + 15);
    p.far.setAttribute('y', above ? -dot - 6 : dot + 29);
  }

  /** fly sends dots along a thread: more for more bytes, never many. */
  #fly(p, sent, inwards) {
    if (!(sent > 0) || this.#still.matches || document.hidden) return;
    const dots = Math.min(3, 1 + Math.floor(Math.log10(1 + sent / 600)));
    for (let i = 0; i < dots && this.#flying < flying; i++) {
      this.#flying++;
      const c = make('circle', { class: inwards ? 'pulse in' : 'pulse', r: 2.6 }, this.#layer('pulses'));
      const outer = `translate(${p.x}px, ${p.y}px)`, middle = 'translate(0, 0)';
      const path = inwards ? [outer, middle] : [middle, outer];
      const a = c.animate(
        [{ transform: path[0], opacity: 0 }, { opacity: 0.9, offset: 0.25 }, { opacity: 0.9, offset: 0.8 }, { transform: path[1], opacity: 0 }],
        { duration: 1100, delay: 260 * i + 420 * Math.random(), easing: 'cubic-bezier(.4, .1, .4, 1)', fill: 'backwards' },
      );
      a.onfinish = a.oncancel = () => {
        c.remove();
        this.#flying--;
      };
    }
  }

  #describe(peers) {
    const timed = peers.filter((p) => p.us > 0).sort((a, b) => a.us - b.us);
    let text = peers.length === 0 ? 'No peers yet.' : `This node has ${count(peers.length, 'peer')}.`;
    if (timed.length > 1) text += ` The nearest, ${timed[0].name}, answers in ${latency(timed[0].us)}; the farthest, ${timed.at(-1).name}, in ${latency(timed.at(-1).us)}.`;
    if (this.#text.textContent !== text) this.#text.textContent = text;
    this.#none.hidden = peers.length > 0;
    if (this.#rows.closest('[hidden]')) return;
    const rows = [...peers].sort((a, b) => (a.us || Infinity) - (b.us || Infinity));
    while (this.#rows.rows.length > rows.length) this.#rows.deleteRow(-1);
    rows.forEach((p, i) => {
      const row = this.#rows.rows[i] ?? this.#rows.insertRow();
      while (row.cells.length < 4) row.insertCell();
      const name = p.known ? p.name : 'Another tab';
      if (row.dataset.id !== p.id) {
        row.dataset.id = p.id;
        const small = document.createElement('small');
        small.textContent = `${p.id.slice(0, 17)}…`;
        row.cells[0].replaceChildren(name, small);
      }
      [latency(p.us), bytes(p.down), bytes(p.up)].forEach((t, n) => (row.cells[n + 1].textContent = t));
    });
  }
}
