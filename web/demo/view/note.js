// The note panel: a text field that follows the record, who wrote last, and both
// texts where they clash.
import { moved } from '../model/merge.js';
import { ago } from '../words.js';

export class NoteView {
  #part;
  #note = null;
  #me;

  constructor(part, me) {
    this.#part = part;
    this.#me = me;
    const text = part('note-text');
    text.addEventListener('input', () => this.#note?.edit(text.value));
    text.addEventListener('blur', () => this.#note?.flush());
    part('clash-mine').addEventListener('click', () => this.#settle('mine'));
    part('clash-take').addEventListener('click', () => this.#settle('theirs'));
    setInterval(() => this.#sign(), 5000);
  }

  /** open shows a note and lets it be edited. @param {import('../model/note.js').Note} note */
  open(note) {
    this.#note = note;
    const text = this.#part('note-text');
    text.disabled = false;
    text.placeholder = 'Write here. It appears in the other tab as you go.';
    note.addEventListener('text', () => this.#text());
    note.addEventListener('state', () => this.#state());
    this.#text();
    this.#state();
  }

  #settle(which) {
    this.#note?.settle(which);
    this.#part('note-text').focus();
  }

  /** text puts what came into the field; the caret stays where it was in the words. */
  #text() {
    const field = this.#part('note-text');
    const before = field.value, after = this.#note.draft;
    if (before === after) return;
    const [from, to, top] = [field.selectionStart, field.selectionEnd, field.scrollTop];
    field.value = after;
    field.setSelectionRange(moved(from, before, after), moved(to, before, after));
    field.scrollTop = top;
    if (this.#note.base.by.id === this.#me.id) return;
    const paper = field.parentElement;
    paper.classList.add('touched');
    requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => paper.classList.remove('touched'), 500)));
  }

  #state() {
    const { base, clash } = this.#note;
    const box = this.#part('clash');
    if (clash) {
      this.#part('clash-title').textContent = `You and ${clash.by.name} changed the same place`;
      this.#part('clash-theirs').textContent = clash.text.trim() || 'Everything was removed.';
      this.#part('clash-take').textContent = `Take ${clash.by.name}’s`;
    }
    box.hidden = !clash;
    this.#part('note-version').textContent = base.seq >= 0 ? `version ${base.seq + 1}` : '';
    this.#sign();
  }

  #sign() {
    if (!this.#note) return;
    const { base, state, merged, clash } = this.#note;
    const mine = base.by.id === this.#me.id;
    const by = this.#part('note-by');
    by.querySelector('.dot').className = base.seq < 0 ? 'dot' : mine ? 'dot mine' : 'dot theirs';
    let text = base.seq < 0 ? 'Nothing written yet' : `${mine ? 'You' : base.by.name} wrote last, ${ago(base.at, Date.now())}`;
    if (merged) text += ' · both edits kept';
    if (clash) text += ' · choose one above';
    else if (state === 'typing' || state === 'saving') text = 'Saving';
    else if (state === 'waiting') text = 'Not saved yet: trying again';
    const span = by.querySelector('span');
    if (span.textContent !== text) span.textContent = text;
  }
}
