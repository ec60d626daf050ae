import assert from 'node:assert/strict';
import test from 'node:test';
import { anotherThan, nameOf, whoOf } from '../people.js';
import { problemOf, Stop, unfit } from '../view/problem.js';
import { scale } from '../view/sky.js';
import { ago, bytes, count, latency } from '../words.js';

test('numbers as people say them', () => {
  for (const [n, want] of [[0, '0 B'], [999, '999 B'], [1000, '1.0 KB'], [9949, '9.9 KB'], [31_400_000, '31 MB'], [999_999, '1.0 MB'], [2.1e9, '2.1 GB'], [NaN, '–'], [-1, '–']]) assert.equal(bytes(n), want);
  for (const [us, want] of [[1200, '1.2 ms'], [41_300, '41 ms'], [1_500_000, '1.5 s'], [999_600, '1.0 s'], [NaN, 'not yet known']]) assert.equal(latency(us), want);
  for (const [s, want] of [[0, 'just now'], [7, '5 s ago'], [59, '55 s ago'], [61, '1 min ago'], [-5, 'just now']]) assert.equal(ago(1e12, 1e12 + s * 1000), want);
  assert.match(ago(1e12, 1e12 + 7200e3), /^at /);
  assert.deepEqual([count(0, 'peer'), count(1, 'peer'), count(6, 'peer'), count(12, 'peer')], ['no peers', 'one peer', 'six peers', '12 peers']);
});

test('who a tab is', () => {
  for (const [search, want] of [['', 'a'], ['?who=b', 'b'], ['?who=B', 'a'], ['?who=../x', 'a'], ['?who=toolongtobeaname', 'a'], ['?who=', 'a'], ['?who=max', 'max']]) assert.equal(whoOf(search), want, search);
  assert.deepEqual(['a', 'b', 'max'].map(nameOf), ['Ada', 'Ben', 'Max']);
  assert.equal(new Set(['a', 'b', 'c', 'd'].map(anotherThan)).size, 4);
  assert.notEqual(anotherThan('max'), 'max');
});

test('rings stand around what is measured', () => {
  for (const us of [[], [NaN], [800, 1200], [41_000, 44_000, 50_000], [900, 3e6], [1], [5e9]]) {
    const { low, high, rings } = scale(us);
    assert.ok(low > 0 && high > low, `${us}: ${low} to ${high}`);
    assert.ok(rings.length <= 3 && rings.every((r) => r > low && r < high), `${us}: rings ${rings}`);
    for (const v of us) if (v >= 100 && v < 5e8) assert.ok(v >= low && v <= high, `${v} is outside ${low} to ${high}`);
  }
});

test('every error has words and something to do', () => {
  const coded = (code, message) => Object.assign(new Error(message), { code });
  for (const [error, title] of [
    [coded('AlreadyInitialized', 'AlreadyInitialized'), 'This node runs in another tab'],
    [coded('Internal', 'indexeddb: QuotaExceededError'), 'There is no room left'],
    [coded('Internal', 'indexeddb: storage is blocked'), 'The browser does not let this page keep anything'],
    [coded('Internal', 'cannot decrypt the data key'), 'What was kept cannot be opened'],
    [coded('Internal', 'the worker could not be loaded from x'), 'The node could not be loaded'],
    [new TypeError('Failed to fetch'), 'The node could not be loaded'],
    [new Error('index out of range'), 'The node has stopped'],
    ['odd', 'The node has stopped'],
    [undefined, 'The node has stopped'],
    [new Stop({ title: 'x', what: 'y', actions: [] }), 'x'],
  ]) {
    const p = problemOf(error);
    assert.equal(p.title, title, String(error));
    assert.ok(p.what.length > 0 && Array.isArray(p.actions));
  }
  const able = { WebAssembly: {}, Worker() {}, WebSocket() {}, indexedDB: {}, isSecureContext: true };
  assert.equal(unfit(able), null);
  assert.match(unfit({ ...able, isSecureContext: false }).todo, /voile web/);
  assert.match(unfit({ ...able, WebAssembly: undefined, indexedDB: null }).what, /no WebAssembly, no IndexedDB, or/);
});
