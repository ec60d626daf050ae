import assert from 'node:assert/strict';
import test from 'node:test';
import { change, merge, moved } from '../model/merge.js';
import { decode, encode, maxText, Note } from '../model/note.js';

test('merge keeps edits of different places and gives up on the same one', () => {
  for (const [base, mine, theirs, want] of [
    ['', 'a', '', 'a'],
    ['one two', 'one two three', 'zero one two', 'zero one two three'],
    ['one two', 'zero one two', 'one two three', 'zero one two three'],
    ['abc', 'abXc', 'Yabc', 'YabXc'],
    ['abcdef', 'abef', 'abcdefg', 'abefg'],
    ['same', 'changed', 'changed', 'changed'],
    ['same', 'same', 'changed', 'changed'],
    ['a b c', 'a X c', 'a Y c', null],
    ['list', 'list\nmine', 'list\ntheirs', null], // both at the end
    ['abcd', 'ad', 'aXbcd', null], // theirs stands where mine begins
    ['abcd', 'ad', 'abcXd', 'aXd'], // theirs stands where mine ends
    ['abcd', 'ad', 'abXcd', null], // theirs is inside what mine removed
  ]) {
    assert.equal(merge(base, mine, theirs), want, JSON.stringify([base, mine, theirs]));
    if (want !== null) assert.equal(merge(base, theirs, mine), want, `${JSON.stringify([base, theirs, mine])} the other way`);
  }
});

test('change and moved follow a place through an edit', () => {
  assert.deepEqual(change('aaa', 'aaaa'), { from: 3, to: 3, put: 'a' });
  assert.deepEqual(change('abc', 'abc'), { from: 3, to: 3, put: '' });
  for (const [before, after, place, want] of [
    ['hello', 'oh hello', 5, 8], ['hello', 'hello you', 2, 2], ['hello', 'hello you', 5, 5], ['abcdef', 'af', 6, 2], ['abcdef', 'af', 3, 1],
  ]) assert.equal(moved(place, before, after), want, JSON.stringify([before, after, place]));
});

test('a note from outside is taken only whole', () => {
  const good = { text: 'hello', by: { id: 'x', name: 'Ada' }, at: 5 };
  assert.deepEqual(decode(encode(good)), good);
  const bytes = (v) => new TextEncoder().encode(typeof v === 'string' ? v : JSON.stringify(v));
  for (const bad of ['', '{', 'null', '7', [], {}, { ...good, text: 1 }, { ...good, by: null }, { ...good, by: { id: 1, name: 'x' } }, { ...good, at: 'now' }, { ...good, text: 'x'.repeat(maxText + 1) }]) {
    assert.equal(decode(bytes(bad)), null, JSON.stringify(bad).slice(0, 60));
  }
  assert.equal(decode(Uint8Array.of(0xff, 0xfe)), null);
});

/** pair are two notes over one value, with what the network would do between them. */
function pair(t) {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  let value = null;
  const make = (id) => {
    let seen = null;
    const note = new Note(() => ({ id, name: id }), {
      async set(data) {
        if (note.down) throw new Error('offline');
        if (value && value.seq > (seen?.seq ?? -1)) return (seen = value);
        seen = value = { seq: (seen?.seq ?? -1) + 1, data };
        return null;
      },
      get: async () => seen,
    });
    note.hear = () => {
      seen = value;
      note.arrived(value.seq, value.data);
    };
    note.faults = 0;
    note.addEventListener('fault', () => note.faults++);
    return note;
  };
  const pass = async (ms) => {
    t.mock.timers.tick(ms);
    for (let i = 0; i < 20; i++) await Promise.resolve();
  };
  return { ada: make('Ada'), ben: make('Ben'), pass };
}

test('what is typed is written after a pause, and read on the other side', async (t) => {
  const { ada, ben, pass } = pair(t);
  ada.edit('h');
  ada.edit('hello');
  assert.equal(ada.state, 'typing');
  await pass(699);
  assert.equal(ada.base.seq, -1);
  await pass(1);
  assert.equal(ada.state, 'saved');
  assert.equal(ada.base.seq, 0);
  ben.hear();
  assert.equal(ben.draft, 'hello');
  assert.equal(ben.base.by.name, 'Ada');
});

test('one who never stops typing is written all the same', async (t) => {
  const { ada, pass } = pair(t);
  for (let i = 0; i < 6; i++) {
    ada.edit('x'.repeat(i + 1));
    await pass(500);
  }
  assert.ok(ada.base.seq >= 0, 'nothing was written in 3 seconds of typing');
});

test('edits of different places meet in both notes', async (t) => {
  const { ada, ben, pass } = pair(t);
  ada.edit('bread\ncheese');
  await pass(700);
  ben.hear();
  ada.edit('bread\ncheese\nwine');
  ben.edit('plums\nbread\ncheese');
  await pass(700); // Ada's first; Ben is told of it instead of writing, and merges
  await pass(700);
  ada.hear();
  await pass(700);
  assert.equal(ben.draft, 'plums\nbread\ncheese\nwine');
  assert.equal(ada.draft, ben.draft);
  assert.equal(ben.clash, null);
});

/** clashing are two notes of which Ben's is told that Ada was first. */
async function clashing(t) {
  const both = pair(t), { ada, ben, pass } = both;
  ada.edit('tea at 4');
  await pass(700);
  ben.hear();
  ada.edit('tea at 5');
  ben.edit('tea at 6');
  await pass(700);
  assert.equal(ben.clash?.text, 'tea at 5');
  return both;
}

test('edits of one place are both shown, and one is chosen', async (t) => {
  for (const which of ['mine', 'theirs']) {
    const { ada, ben, pass } = await clashing(t);
    assert.equal(ben.draft, 'tea at 6', 'what was typed must not go');
    ben.settle(which);
    await pass(700);
    ada.hear();
    assert.equal(ben.clash, null);
    assert.equal(ben.draft, which === 'mine' ? 'tea at 6' : 'tea at 5');
    assert.equal(ada.draft, ben.draft);
    t.mock.timers.reset();
  }
});

test('a clash ends when both have the same text', async (t) => {
  for (const [how, end, wanted] of [
    ['what we wrote comes through after all', (ben) => ben.arrived(2, encode({ text: 'tea at 6', by: { id: 'ben', name: 'ben' }, at: 9 })), 'tea at 6'],
    ['they write the same', (ben) => ben.arrived(2, encode({ text: 'tea at 6', by: { id: 'ada', name: 'ada' }, at: 9 })), 'tea at 6'],
    ['we type theirs', (ben) => ben.edit('tea at 5'), 'tea at 5'],
  ]) {
    const { ben, pass } = await clashing(t);
    end(ben);
    assert.equal(ben.clash, null, how);
    assert.equal(ben.draft, wanted, how);
    await pass(700);
    assert.equal(ben.state, 'saved', how);
    t.mock.timers.reset();
  }
});

test('what cannot be written is kept, told and tried again', async (t) => {
  const { ada, pass } = pair(t);
  ada.down = true;
  ada.edit('hello');
  await pass(700);
  assert.equal(ada.state, 'waiting');
  assert.equal(ada.faults, 1);
  await pass(1000);
  assert.equal(ada.faults, 2);
  ada.down = false;
  await pass(2000);
  assert.equal(ada.state, 'saved');
  assert.equal(ada.base.text, 'hello');
});

test('an old value changes nothing, and a closed note writes nothing', async (t) => {
  const { ada, ben, pass } = pair(t);
  ada.edit('one');
  await pass(700);
  ben.hear();
  ben.arrived(-1, encode({ text: 'older', by: { id: 'x', name: 'x' }, at: 1 }));
  assert.equal(ben.draft, 'one');
  ben.arrived(9, Uint8Array.of(1, 2, 3));
  assert.equal(ben.draft, 'one');
  ada.edit('two');
  ada.close();
  await pass(5000);
  assert.equal(ada.base.text, 'one');
});
