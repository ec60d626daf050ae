// How far the node is: four steps, a line that says what it does, and the pill in the
// bar that stays.
import { count } from '../words.js';

const steps = ['load', 'unlock', 'join', 'ready'];
const bars = { Detached: 0, Detaching: 0, Attaching: 0, AttachedWeak: 1, AttachedFair: 2, AttachedGood: 3, AttachedStrong: 4, AttachedFull: 5 };

export class Status {
  #part;
  #began = performance.now();
  #took = 0; // s until ready; 0: not yet
  #doing = '';

  constructor(part) {
    this.#part = part;
  }

  /** restart measures from now. */
  restart() {
    this.#began = performance.now();
    this.#took = 0;
  }

  /** step says which of the four is under way; 'done': none is. */
  step(name, doing) {
    const at = name === 'done' ? steps.length : steps.indexOf(name);
    for (const li of this.#part('steps').children) {
      const i = steps.indexOf(li.dataset.step);
      li.dataset.is = i < at ? 'done' : i === at ? 'now' : 'later';
      if (i === at) li.setAttribute('aria-current', 'step');
      else li.removeAttribute('aria-current');
    }
    this.doing(doing);
  }

  doing(text) {
    if (this.#doing === text) return;
    this.#doing = text;
    this.#part('doing').textContent = text;
  }

  pill(state, text, level = 0) {
    const pill = this.#part('pill');
    pill.dataset.state = state;
    pill.dataset.bars = String(level);
    if (this.#part('pill-text').textContent !== text) this.#part('pill-text').textContent = text;
  }

  headline(text, lead) {
    if (this.#part('headline').textContent !== text) this.#part('headline').textContent = text;
    if (lead && this.#part('lead').textContent !== lead) this.#part('lead').textContent = lead;
  }

  /** stopped says that there is no node, or no more. */
  stopped(ran) {
    if (ran) this.headline('This tab is no node any more', 'What it had saved is in this browser still: its keys, its records, what was said.');
    else this.headline('This tab is no node yet');
    for (const li of this.#part('steps').children) {
      li.dataset.is = 'later';
      li.removeAttribute('aria-current');
    }
    this.doing('');
    this.pill('lost', 'Stopped');
  }

  /** attachment shows what the node says of itself. @param {{state: string, ready: boolean, peers: number}} a */
  attachment(a) {
    const level = bars[a.state] ?? 0;
    if (a.ready) {
      if (!this.#took) this.#took = (performance.now() - this.#began) / 1000;
      this.headline('This tab is a node', 'It made its own keys, found its own peers, and talks to them itself. There is no server in between.');
      this.step('done', `Ready after ${this.#took.toFixed(1)} s`);
      this.pill('ready', a.peers > 0 ? count(a.peers, 'peer') : 'Ready', level);
    } else if (a.state === 'Detached' || a.state === 'Detaching') {
      this.pill('lost', 'Not attached', 0);
    } else {
      this.headline(this.#took ? 'This tab is finding its way back' : 'This tab is becoming a node');
      this.step(level > 0 ? 'ready' : 'join', level > 0 ? `Meeting ${count(a.peers, 'peer')}` : 'Asking the first node who else is there');
      this.pill('joining', this.#took ? 'Joining again' : 'Joining', level);
    }
  }
}
