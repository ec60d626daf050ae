import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VoileError } from '../../dist/api.js';
import { eventually, FakeBrowser, fakeModule } from './fake.mjs';

const bytes = (...b) => Uint8Array.from(b);
const is = (code) => (e) => VoileError.is(e, code);

/** Tabs of one browser with their nodes; the first owns it. */
async function tabs(n, answers = {}) {
  const module = fakeModule(answers);
  const browser = new FakeBrowser(module);
  const list = [];
  for (let i = 0; i < n; i++) {
    const tab = browser.tab();
    list.push({ tab, node: await tab.start() });
  }
  return { module, browser, list };
}

test('the second tab is a client of the first', async () => {
  const { module, list: [a, b] } = await tabs(2, { 'RoutingContext.AppCall': (r, [x]) => ({ value: '#0', blobs: [x] }) });
  assert.deepEqual([a.node.role, b.node.role], ['owner', 'client']);
  assert.equal(module.nodes.length, 1);
  const [fake] = module.nodes;
  assert.equal(fake.sessions.size, 2, 'each has objects of its own');
  assert.deepEqual(await b.node.routingContext().appCall('VLD0:r', bytes(1, 2, 3)), bytes(1, 2, 3));
  const seen = [a.node.messages(), b.node.messages()];
  await Promise.all([a.node.now(), b.node.now()]);
  await fake.emit('AppMessage', { sender: null, route_id: null, message: '#0' }, [bytes(5)]);
  for (const s of seen) assert.deepEqual((await s.next()).value.message, bytes(5));
  assert.equal((await b.node.stats()).goHeap, 1);
  await b.node.close();
  await eventually(() => fake.sessions.size === 1, 'its session has ended');
  assert.ok(!fake.closed);
  await a.node.close();
  assert.ok(fake.closed);
});

test('an exclusive start fails while there is another', async () => {
  const { browser, list: [a] } = await tabs(1);
  await assert.rejects(browser.tab().start({ tabs: 'exclusive' }), is('AlreadyInitialized'));
  await a.node.close();
  const b = await browser.tab().start({ tabs: 'exclusive' });
  assert.equal(b.role, 'owner');
  await b.close();
});

test('other databases are no matter', async () => {
  const { browser, module, list: [a] } = await tabs(1);
  const b = await browser.tab().start({ namespace: 'other' });
  const c = await browser.tab().start({ storage: 'memory' });
  assert.deepEqual([a.node.role, b.role, c.role], ['owner', 'owner', 'owner']);
  assert.equal(module.nodes.length, 3);
  await Promise.all([a.node.close(), b.close(), c.close()]);
});

test('when the owner is killed another tab takes over', async () => {
  const { module, list: [a, b, c] } = await tabs(3, { Debug: (r) => (r.command === 'wait' ? new Promise(() => {}) : { value: r.command }) });
  const [first] = module.nodes;
  await first.emit('Attachment', { state: 'Attaching' });
  const events = [];
  for (const [name, t] of [['b', b], ['c', c]]) t.node.addEventListener('takeover', (e) => events.push(`${name} ${e.detail.role}`));
  const context = b.node.routingContext();
  const table = await b.node.openTable('t', 2);
  const transaction = await b.node.transactDHTRecords(['VLD0:k']);
  await context.safety();
  const messages = b.node.messages();
  const waiting = b.node.debug('wait');
  await eventually(() => first.requests.some((r) => r.request.command === 'wait'));
  a.tab.kill();
  await assert.rejects(waiting, is('TryAgain'));
  // What is asked meanwhile waits for the next owner.
  assert.equal(await b.node.debug('hello'), 'hello');
  await eventually(() => events.length === 2);
  assert.deepEqual(events.sort(), ['b owner', 'c client']);
  assert.equal(module.nodes.length, 2);
  const [, second] = module.nodes;
  await eventually(() => second.asked.includes('Attach'), 'attaches as the first was');
  await context.safety();
  await table.store(0, 'k', bytes(1));
  assert.deepEqual(second.requests.find((r) => r.name === 'OpenTableDb').request, { op: 'OpenTableDb', name: 't', column_count: 2 });
  await assert.rejects(transaction.get('VLD0:k', 0), is('TransactionNotFound'));
  await b.node.now();
  await second.emit('AppMessage', { sender: null, route_id: null, message: '#0' }, [bytes(9)]);
  assert.deepEqual((await messages.next()).value.message, bytes(9), 'readers go on');
  await c.node.close();
  await b.node.close();
});

test('when the owner closes another tab takes over, after it has let go of the store', async () => {
  const { module, list: [a, b] } = await tabs(2);
  const took = new Promise((resolve) => b.node.addEventListener('takeover', resolve));
  let closedFirst;
  module.nodes[0].close = async () => { await new Promise((r) => setTimeout(r, 50)); closedFirst = module.nodes.length === 1; };
  await a.node.close();
  await took;
  assert.ok(closedFirst, 'the second node started before the first was closed');
  assert.equal(b.node.role, 'owner');
  await b.node.close();
});

test('a crash in the owner lets another tab go on', async () => {
  const { module, list: [a, b] } = await tabs(2);
  const crashed = new Promise((resolve) => a.node.addEventListener('crash', resolve));
  const took = new Promise((resolve) => b.node.addEventListener('takeover', resolve));
  module.nodes[0].host.onCrash('oops', '');
  await crashed;
  await took;
  assert.equal(await b.node.now(), null);
  await b.node.close();
});

test('a client that is killed leaves nothing behind', async () => {
  const { module, list: [a, b] } = await tabs(2);
  await b.node.openTable('t', 1);
  b.tab.kill();
  await eventually(() => module.nodes[0].sessions.size === 1);
  await a.node.close();
});

test('a frozen owner gives the node away and comes back as a client', async () => {
  const { module, list: [a, b] } = await tabs(2);
  const took = new Promise((resolve) => b.node.addEventListener('takeover', resolve));
  const again = new Promise((resolve) => a.node.addEventListener('takeover', resolve));
  a.tab.life.suspend();
  await took;
  assert.equal(b.node.role, 'owner');
  const meanwhile = a.node.now();
  a.tab.life.resume();
  await again;
  await meanwhile;
  assert.equal(a.node.role, 'client');
  assert.equal(module.nodes.length, 2);
  await a.node.close();
  await b.node.close();
});

test('the node is in the foreground while one tab is', async () => {
  const { module, list: [a, b] } = await tabs(2);
  const { told } = module.nodes[0];
  a.tab.life.foreground(false);
  await a.node.now();
  assert.deepEqual(told.filter(([what, on]) => what === 'foreground' && !on), []);
  b.tab.life.foreground(false);
  await eventually(() => told.some(([what, on]) => what === 'foreground' && !on));
  b.tab.life.foreground(true);
  await eventually(() => told.at(-1)[1] === true);
  await b.node.close();
  await eventually(() => told.at(-1)[1] === false, 'the one that is left is hidden');
  await a.node.close();
});

test('three tabs, one after the other', async () => {
  const { module, list } = await tabs(3);
  while (list.length > 1) {
    const next = list[1];
    const took = new Promise((resolve) => next.node.addEventListener('takeover', resolve));
    await list.shift().node.close();
    await took;
    await next.node.now();
    assert.equal(next.node.role, 'owner');
  }
  await list[0].node.close();
  assert.ok(module.nodes.every((n) => n.closed));
});
