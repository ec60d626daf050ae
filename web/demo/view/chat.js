// The conversation panel: an invitation first, then what is said.
import { clock } from '../words.js';

const close = 5 * 60_000; // messages of one side within this time stand together

export class Chat {
  #part;
  #rows = new Map(); // by message id
  #last = null; // the message before
  #unread = 0;

  constructor(part) {
    this.#part = part;
    const say = part('say');
    say.addEventListener('keydown', (e) => {
      if (e.key === 'Enter' && !e.shiftKey && !e.isComposing) {
        e.preventDefault();
        part('composer').requestSubmit();
      }
    });
    say.addEventListener('input', () => this.#fit());
    new IntersectionObserver(([e]) => e.isIntersecting && this.#seen(), { threshold: 0.4 }).observe(part('chat'));
  }

  /** stage: 'wait', 'choose', 'making', 'invited' or 'talk'. */
  stage(stage) {
    const box = this.#part('chat-stage');
    if (box.dataset.stage === stage) return;
    const held = this.#part('chat').contains(document.activeElement);
    box.dataset.stage = stage;
    const talks = stage === 'talk';
    this.#part('say').disabled = this.#part('send').disabled = !talks;
    // Who was inside what has gone is not thrown back to the top of the page.
    const next = { making: 'chat', choose: 'chat', invited: 'second', talk: 'say' }[stage];
    if (held && next) this.#part(next).focus({ preventScroll: true });
  }

  get stageNow() {
    return this.#part('chat-stage').dataset.stage;
  }

  subtitle(text) {
    const sub = this.#part('chat-sub');
    if (sub.textContent !== text) sub.textContent = text;
  }

  /** take is the text of the field, which is empty afterwards. */
  take() {
    const say = this.#part('say');
    const text = say.value.trim();
    say.value = '';
    this.#fit();
    return text;
  }

  event(text) {
    const row = this.#row('event');
    row.textContent = text;
    this.#last = null;
    this.#show(row);
  }

  /** @param {import('../model/conversation.js').Message} m @param {string} from */
  message(m, from) {
    let row = this.#rows.get(m.id);
    if (!row) {
      const first = !this.#last || this.#last.mine !== m.mine || m.at - this.#last.at > close;
      row = this.#row(m.mine ? 'mine' : 'theirs');
      row.classList.toggle('turned', first);
      const who = document.createElement('span');
      who.className = 'hidden';
      who.textContent = m.mine ? 'You: ' : `${from}: `;
      const bubble = document.createElement('div');
      bubble.className = 'bubble';
      bubble.append(who, m.text);
      const meta = document.createElement('p');
      meta.className = 'meta';
      row.append(bubble, meta);
      // Only the last of several messages says when it came.
      if (!first) this.#rows.get(this.#last.id)?.querySelector('.meta').classList.add('hidden');
      this.#rows.set(m.id, row);
      this.#last = m;
      this.#show(row);
      if (!m.mine) this.#count();
    }
    row.querySelector('.meta').textContent = m.mine
      ? { sending: 'On its way', waiting: `Waiting for ${from}`, delivered: `${clock(m.at)}${m.took ? ` · delivered in ${m.took} ms` : ' · delivered'}` }[m.state]
      : clock(m.at);
  }

  clear() {
    this.#part('log').replaceChildren();
    this.#rows.clear();
    this.#last = null;
  }

  #row(kind) {
    const row = document.createElement('li');
    row.className = kind;
    return row;
  }

  #show(row) {
    const log = this.#part('log');
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
    log.append(row);
    if (atEnd || row.classList.contains('mine')) log.scrollTop = log.scrollHeight;
  }

  #fit() {
    if (CSS.supports('field-sizing', 'content')) return;
    const say = this.#part('say');
    say.style.height = 'auto';
    say.style.height = `${say.scrollHeight + 2}px`;
  }

  #count() {
    const box = this.#part('chat').getBoundingClientRect();
    if (!document.hidden && box.top < innerHeight * 0.8 && box.bottom > 0) return;
    this.#unread++;
    this.#badge();
  }

  #seen() {
    if (document.hidden) return;
    this.#unread = 0;
    this.#badge();
  }

  #badge() {
    const b = this.#part('unread');
    b.hidden = this.#unread === 0;
    b.textContent = String(this.#unread);
  }
}
