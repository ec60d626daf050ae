import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { VoileError } from '../../dist/api.js';
import { operations } from '../../dist/generated/api.js';
import { readerLimit } from '../../dist/updates.js';
import { updateWindow } from '../../dist/session-server.js';
import { anyValues, callEverything } from './every-operation.mjs';
import { eventually, FakeBrowser, fakeModule, started } from './fake.mjs';

const bytes = (...b) => Uint8Array.from(b);
const is = (code) => (e) => VoileError.is(e, code);

test('every operation of the schema has a method', async () => {
  const { node, fake } = await started({ DefaultVeilidConfig: () => ({ value: '{"program_name":"x"}' }) });
  const failed = await callEverything(node, anyValues);
  assert.deepEqual([...failed], []);
  await eventually(() => fake.asked.filter((n) => n === 'RoutingContext.Release').length === 4, 'contexts are released');
  const asked = new Set(fake.asked);
  assert.deepEqual(Object.keys(operations).filter((n) => !asked.has(n)), []);
  assert.equal([...fake.sessions].reduce((n, s) => n + Object.values(s.objects).reduce((m, o) => m + o.size, 0), 0), 0, 'no object is left');
  await node.close();
  assert.ok(fake.closed);
});

test('the start says what the module needs', async () => {
  const { node, fake } = await started({}, {
    namespace: 'n', networkKey: 'secret', bootstrap: ['wss://a/ws', '0|0|VLD0:x|h|W1/ws'], logLevel: 'Info', memoryLimit: 5, gateways: ['wss://gw'],
    config: { network: { dht: { localSubkeyCacheSize: 1 }, routingTable: { serveDirectBootstrap: false } } },
  });
  assert.deepEqual(fake.config, {
    program_name: 'test', namespace: 'n',
    network: { dht: { local_subkey_cache_size: 1 }, network_key_password: 'secret', routing_table: { serve_direct_bootstrap: false, bootstrap: ['wss://a/ws'], bootstrap_records: ['0|0|VLD0:x|h|W1/ws'], bootstrap_keys: [] } },
  });
  const { onCrash, ...host } = fake.host;
  assert.equal(typeof onCrash, 'function');
  assert.deepEqual(host, { storage: 'indexeddb', database: 'voile-test-n', secure: true, logLevel: 'Info', memoryLimit: 5, gateways: ['wss://gw'] });
  assert.equal(node.moduleVersion, '0.0.0-fake');
  assert.equal(node.role, 'owner');
  assert.deepEqual(await node.stats(), { goHeap: 1, goSys: 2, goroutines: 3, wasmMemory: 65536 });
  await node.close();
});

test('the option debug chooses the module', async () => {
  for (const [options, want] of [
    [{}, 'fake:voile.wasm'], [{ debug: false }, 'fake:voile.wasm'], [{ debug: true }, 'fake:voile-debug.wasm'],
    [{ debug: true, wasmUrl: 'https://cdn.example/mine.wasm' }, 'https://cdn.example/mine.wasm'],
  ]) {
    const { node, tab } = await started({}, options);
    assert.equal(tab.loaded, want, JSON.stringify(options));
    await node.close();
  }
});

test('a start that fails says why', async () => {
  const failing = (error) => new FakeBrowser(fakeModule({}, async () => { throw error; })).tab().start();
  await assert.rejects(failing(Object.assign(new Error('storage is full'), { code: 'TryAgain' })), (e) => VoileError.is(e, 'TryAgain') && e.fields.message === 'storage is full');
  await assert.rejects(failing(new TypeError('odd')), (e) => VoileError.is(e, 'Internal') && e.message.includes('odd'));
  await assert.rejects(new FakeBrowser({ abi: 2 }).tab().start(), (e) => VoileError.is(e, 'Internal') && e.message.includes('version 2'));
  await assert.rejects(new FakeBrowser(fakeModule()).tab().start({ programName: '' }), is('InvalidArgument'));
  await assert.rejects(new FakeBrowser(fakeModule()).tab().start({ config: { netwrok: {} } }), is('InvalidArgument'));
  const reason = new Error('changed my mind');
  await assert.rejects(new FakeBrowser(fakeModule({}, () => new Promise(() => {}))).tab().start({ signal: AbortSignal.abort(reason) }), (e) => e === reason);
  const late = new AbortController();
  const slow = new FakeBrowser(fakeModule({}, () => new Promise(() => {}))).tab().start({ signal: late.signal });
  setImmediate(() => late.abort(reason));
  await assert.rejects(slow, (e) => e === reason);
});

test('a worker that cannot be loaded is an error of the start', async () => {
  const tab = new FakeBrowser(fakeModule({}, () => new Promise(() => {}))).tab();
  const start = tab.start();
  await eventually(() => tab.die);
  tab.die('the worker could not be loaded');
  await assert.rejects(start, (e) => VoileError.is(e, 'Internal') && e.message.includes('could not be loaded'));
});

test('a signal ends the waiting and cancels in the node', async () => {
  const { node, fake } = await started({ Debug: () => new Promise(() => {}) });
  const c = new AbortController();
  const call = node.debug('x', { signal: c.signal });
  await eventually(() => fake.asked.includes('Debug'));
  const reason = new Error('enough');
  c.abort(reason);
  await assert.rejects(call, (e) => e === reason);
  await eventually(() => fake.cancelled.length === 1);
  await assert.rejects(node.debug('y', { signal: AbortSignal.abort(reason) }), (e) => e === reason);
  assert.equal(fake.asked.filter((n) => n === 'Debug').length, 1, 'nothing is sent for a signal that has ended');
  await node.close();
});

test('what a call that was given up has made is released', async () => {
  let open;
  const { node, fake } = await started({ OpenTableDb: () => new Promise((resolve) => { open = resolve; }), 'TableDb.Transact': () => new Promise((resolve) => { open = resolve; }) });
  // The fake's cancel would answer first: the node may well be done already when it comes.
  for (const s of fake.sessions) s.cancel = () => {};
  const c = new AbortController();
  const opening = node.openTable('t', 1, { signal: c.signal });
  await eventually(() => open);
  c.abort();
  await assert.rejects(opening, (e) => e.name === 'AbortError');
  open();
  await eventually(() => fake.asked.includes('TableDb.Release'), 'the table is released');
  await node.close();
});

test('bytes are the caller’s own', async () => {
  const { node, fake } = await started({ 'RoutingContext.AppCall': (r, [b]) => ({ value: '#0', blobs: [b] }) });
  const whole = bytes(1, 2, 3, 4);
  const context = node.routingContext();
  assert.deepEqual(await context.appCall('VLD0:r', whole.subarray(1, 3)), bytes(2, 3));
  assert.deepEqual(whole, bytes(1, 2, 3, 4), 'not taken away');
  assert.equal(fake.requests.at(-1).sizes[0], 2, 'only what was meant is sent');
  await node.close();
});

test('contexts are made when needed, and once', async () => {
  const { node, fake } = await started({ 'RoutingContext.WithSafety': (r) => (r.safety_selection.Unsafe ? { error: { kind: 'Generic', message: 'no' } } : undefined) });
  const context = node.routingContext();
  assert.deepEqual(fake.asked, []);
  const unsafe = context.withSafety({ unsafe: 'PreferOrdered' });
  await assert.rejects(unsafe.appMessage('VLD0:r', bytes()), is('Generic'));
  await Promise.all([context.safety(), context.safety()]);
  assert.equal(fake.asked.filter((n) => n === 'NewRoutingContext').length, 1);
  context.dispose();
  context.dispose();
  await assert.rejects(context.safety(), is('NotInitialized'));
  await eventually(() => fake.asked.includes('RoutingContext.Release'));
  assert.equal(fake.asked.filter((n) => n === 'RoutingContext.Release').length, 1);
  await node.close();
});

test('what nobody holds any more is released', async () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc');
  const { node, fake } = await started();
  await (async () => {
    await node.routingContext().safety();
    await node.openTable('t', 1);
    await (await node.openTable('u', 1)).transact();
    node.messages();
  })();
  await eventually(async () => {
    gc();
    return ['RoutingContext.Release', 'TableDb.Release', 'TableDbTransaction.Rollback'].every((n) => fake.asked.includes(n));
  }, 'collected');
  await node.close();
});

test('transactions end once', async () => {
  const { node, fake } = await started();
  const db = await node.openTable('t', 1);
  const tx = await db.transact();
  await tx.store(0, 'k', bytes(1));
  await tx.commit();
  assert.ok(tx.done);
  await assert.rejects(tx.store(0, 'k', bytes(1)), is('Generic'));
  tx.dispose();
  const record = await node.transactDHTRecords(['VLD0:k']);
  await record.rollback();
  await assert.rejects(record.commit(), is('TransactionNotFound'));
  record.dispose();
  // A disposed one that has not ended is rolled back; an id that is free is never touched.
  (await db.transact()).dispose();
  await eventually(() => fake.asked.includes('TableDbTransaction.Rollback'));
  assert.ok(!fake.asked.includes('DhtTransaction.Release'));
  await node.close();
});

test('updates come in order, to those who read, and only what somebody reads is sent', async () => {
  const { node, fake } = await started();
  const c = new AbortController();
  const messages = node.messages({ signal: c.signal });
  const all = node.updates();
  await node.now(); // the wish has arrived
  for (let i = 0; i < 10; i++) await fake.emit('AppMessage', { sender: null, route_id: null, message: '#0' }, [bytes(i)]);
  await fake.emit('Log', { log_level: 'Info', message: 'm', backtrace: null });
  const got = [];
  for await (const m of messages) {
    got.push(m.message[0]);
    if (got.length === 10) break;
  }
  assert.deepEqual(got, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const kinds = [];
  for await (const u of all) {
    kinds.push(u.kind);
    if (u.kind === 'Log') break;
  }
  assert.equal(kinds.length, 11);
  const [session] = fake.sessions;
  assert.equal(session.onUpdate('{"kind":"Log"}', []), undefined, 'nobody waits for what nobody reads');
  await node.close();
  assert.deepEqual(await node.messages().next(), { value: undefined, done: true });
});

test('a reader that is behind slows the node down and loses nothing', async () => {
  const { node, fake } = await started();
  const messages = node.messages();
  await node.now();
  let told = 0;
  const total = readerLimit + 3 * updateWindow;
  const telling = (async () => {
    for (; told < total; told++) await fake.emit('AppMessage', { sender: null, route_id: null, message: '#0', n: told }, [bytes(told & 255)]);
  })();
  await eventually(() => told >= readerLimit + updateWindow - 1);
  await node.now();
  await node.now();
  assert.ok(told <= readerLimit + updateWindow, `the node waits after ${told}`);
  for (let i = 0; i < total; i++) assert.equal((await messages.next()).value.message[0], i & 255);
  await telling;
  assert.equal(told, total);
  // One that leaves wakes the node as well.
  const idle = node.messages();
  await node.now();
  told = 0;
  const again = (async () => { for (; told < total; told++) await fake.emit('AppMessage', { sender: null, route_id: null, message: '#0' }, [bytes(1)]); })();
  await eventually(() => told >= readerLimit);
  await idle.return();
  await messages.return();
  await again;
  await node.close();
});

test('of a state only the newest waits', async () => {
  const { node, fake } = await started();
  const states = node.attachmentChanges();
  await node.now();
  for (const state of ['Attaching', 'AttachedWeak', 'AttachedFull']) await fake.emit('Attachment', { state });
  await node.now();
  assert.equal((await states.next()).value.state, 'AttachedFull');
  await node.close();
  assert.equal((await states.next()).done, true);
});

test('a signal ends a loop with its reason', async () => {
  const { node } = await started();
  const c = new AbortController();
  const loop = (async () => { for await (const _ of node.messages({ signal: c.signal })) assert.fail('none comes'); })();
  c.abort(new Error('enough'));
  await assert.rejects(loop, /enough/);
  assert.throws(() => node.messages({ signal: c.signal }), /enough/);
  await node.close();
});

test('calls are answered', async () => {
  const { node, fake } = await started();
  const calls = node.calls();
  await node.now();
  await fake.emit('AppCall', { sender: null, route_id: 'VLD0:r', message: '#0', call_id: '18446744073709551615' }, [bytes(7)]);
  const { value: call } = await calls.next();
  assert.equal(call.routeId, 'VLD0:r');
  await call.reply(bytes(8));
  const { request, blobs } = fake.requests.at(-1);
  assert.equal(request.call_id, '18446744073709551615');
  assert.deepEqual(blobs, [bytes(8)]);
  await node.close();
});

test('changes of one record', async () => {
  const { node, fake } = await started();
  const changes = node.valueChanges({ key: 'VLD0:a:secret' });
  await node.now();
  for (const key of ['VLD0:b:x', 'VLD0:a:secret']) await fake.emit('ValueChange', { key, subkeys: [[0, 0]], count: 1, value: { seq: 1, data: '#0', writer: 'w' } }, [bytes(1)]);
  assert.equal((await changes.next()).value.key, 'VLD0:a:secret');
  await node.close();
});

test('a crash of the node is told, and everything ends', async () => {
  const { node, fake } = await started({ Debug: () => new Promise(() => {}) });
  const told = [];
  node.addEventListener('crash', (e) => told.push(e.detail));
  node.addEventListener('close', () => told.push('close'));
  const waiting = node.debug('x');
  const loop = node.messages().next();
  await eventually(() => fake.asked.includes('Debug'));
  fake.host.onCrash('index out of range', 'goroutine 1');
  await assert.rejects(waiting, (e) => VoileError.is(e, 'Internal') && e.message.includes('index out of range'));
  await assert.rejects(loop, is('Internal'));
  await assert.rejects(node.now(), is('Internal'));
  assert.deepEqual(told, [{ text: 'index out of range', stack: 'goroutine 1' }, 'close']);
  await eventually(() => fake.closed);
  await node.close();
});

test('closing fails what is under way with Shutdown, and is idempotent', async () => {
  const { node, fake } = await started({ Debug: () => new Promise(() => {}) });
  const waiting = node.debug('x');
  waiting.catch(() => {});
  await eventually(() => fake.asked.includes('Debug'));
  await Promise.all([node.close(), node.close()]);
  await assert.rejects(waiting, is('Shutdown'));
  await assert.rejects(node.now(), is('Shutdown'));
  assert.ok(fake.closed);
});

test('the life of the page reaches the node', async () => {
  const { node, fake, tab } = await started();
  tab.life.foreground(false);
  tab.life.foreground(true);
  tab.life.online(false);
  tab.life.online(true);
  await eventually(() => fake.told.length === 4);
  assert.deepEqual(fake.told, [['foreground', false], ['foreground', true], ['online', false], ['online', true]]);
  tab.life.leave();
  await eventually(() => fake.closed);
  await node.close();
});
