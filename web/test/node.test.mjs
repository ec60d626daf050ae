/** The package with the real module, in a worker thread of Node. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fromBase64, startNode, startRawNode, VoileError } from '@voile/node';
import { callEverything } from './unit/every-operation.mjs';
import { optionsFor, startNetwork } from './network.mjs';

let network;
before(async () => { network = await startNetwork(); });
after(() => network.close());

const text = (b) => new TextDecoder().decode(b);
const bytes = (s) => new TextEncoder().encode(s);

test('a node joins, calls, is called, and shares a record', { timeout: 90_000 }, async () => {
  const node = await startNode(optionsFor(network));
  const states = [];
  const watching = (async () => { for await (const s of node.attachmentChanges()) states.push(s.state); })();
  await node.attach();
  await node.waitReady({ timeoutMs: 60_000 });
  const calls = node.calls();
  const friend = await node.importPrivateRoute(fromBase64(network.friend));
  const context = node.routingContext();
  assert.equal(text(await context.appCall(friend, bytes('hello'))), 'hello');
  const { blob } = await node.newPrivateRoute();
  await context.appMessage(friend, blob);
  const { value: call } = await calls.next();
  assert.equal(text(call.message), 'are you there?');
  await call.reply(bytes('yes'));
  await assert.rejects(call.reply(bytes('again')), (e) => VoileError.is(e, 'Generic'));

  const { key } = await context.createDHTRecord({ kind: 'DFLT', oCnt: 2 });
  assert.equal(await context.setDHTValue(key, 0, bytes('value'), { allowOffline: false }), null);
  const value = await context.getDHTValue(key, 0, { forceRefresh: true });
  assert.equal(text(value.data), 'value');
  assert.equal(value.seq, 0);
  await using_(await node.transactDHTRecords([key]), async (tx) => {
    await tx.set(key, 1, bytes('in a transaction'));
    await tx.commit();
  });
  assert.equal(text((await context.getDHTValue(key, 1)).data), 'in a transaction');
  const report = await context.inspectDHTRecord(key, { scope: 'SyncGet' });
  assert.deepEqual([report.localSeqs, report.networkSeqs], [[0, 0], [0, 0]]);
  await assert.rejects(context.appCall(friend, bytes('x'.repeat(32769))), (e) => VoileError.is(e, 'Internal'));
  await assert.rejects(node.waitForAttachment({ optMinState: 'AttachedFull', optMaxState: 'Detached' }), (e) => VoileError.is(e, 'InvalidArgument') && e.fields.argument === 'condition');
  const s = await node.state();
  assert.ok(s.attachment.publicInternetReady && s.network.peers.length > 0 && Number.isSafeInteger(s.network.bpsDown));
  await node.close();
  await watching;
  assert.equal(states[0], 'Attaching');
});

/** What `await using` does. */
async function using_(resource, f) {
  try {
    await f(resource);
  } finally {
    await resource[Symbol.asyncDispose]();
  }
}

test('the module understands every operation', { timeout: 90_000 }, async () => {
  const node = await startNode(optionsFor(network));
  const crypto = node.crypto();
  const pair = await node.generateKeyPair();
  const [, publicKey, secretKey] = pair.split(':');
  const kem = (await crypto.generateKemKeyPair()).split(':');
  const key = `VLD0:${publicKey}`;
  const secret = `VLD0:${secretKey}`;
  const schema = { kind: 'SMPL', oCnt: 1, members: [{ mKey: await node.generateMemberId(key), mCnt: 1 }] };
  const failed = await callEverything(node, {
    key, secret, pair, schema, record: await node.getDHTRecordKey(schema, key, await crypto.randomSharedSecret()), route: `VLD0:${publicKey}`,
    nonce: await crypto.randomNonce(), shared: await crypto.randomSharedSecret(), signature: await crypto.sign(key, secret, bytes('bytes')),
    digest: await crypto.generateHash(bytes('bytes')), encapsulation: `VLD0:${kem[1]}`, decapsulation: `VLD0:${kem[2]}`,
  });
  // What has to fail here: there is no host program, no network and no such route or box.
  const expected = {
    control: 'Generic', detach: undefined, waitReady: 'Timeout', newPrivateRoute: 'TryAgain', newCustomPrivateRoute: 'TryAgain',
    importPrivateRoute: undefined, releasePrivateRoute: 'InvalidArgument', appCallReply: undefined, appCall: 'NoConnection', appMessage: 'NoConnection',
    transactDHTRecords: undefined, verifyPassword: undefined, decryptAEAD: 'Generic', hpkeOpen: undefined,
  };
  for (const [name, e] of failed) {
    assert.ok(e instanceof VoileError, `${name}: ${e}`);
    assert.notEqual(e.fields.message, 'not a request', name);
    console.log(`${name}: ${e.message}`);
  }
  for (const [name, code] of Object.entries(expected)) if (code !== undefined) assert.equal(failed.get(name)?.code, code, name);
  await node.close();
});

test('the debug language is in the module that is asked for', async () => {
  for (const debug of [false, true]) {
    const node = await startNode(optionsFor(network, { debug }));
    assert.equal((await node.features()).includes('debug-api'), debug);
    const said = await node.debug('nodeid');
    if (debug) assert.match(said, /^VLD0:/);
    else assert.equal(said, '');
    await node.close();
  }
});

test('raw lines', async () => {
  let ended;
  const raw = await startRawNode(optionsFor(network, { onEnd: (e) => { ended = e ?? 'closed'; } }));
  const { line, blobs } = await raw.call('{"op":"SaveUserSecret","key":"k","value":"#0"}', [bytes('v')]);
  assert.equal(JSON.parse(line).value, false);
  assert.deepEqual(blobs, []);
  const loaded = await raw.call('{"op":"LoadUserSecret","key":"k"}');
  assert.equal(text(loaded.blobs[0]), 'v');
  assert.equal(JSON.parse((await raw.call('not a line')).line).error.kind, 'ParseError');
  await raw.close();
  assert.equal(ended, 'closed');
});

test('two nodes in one process', { timeout: 120_000 }, async () => {
  const [a, b] = await Promise.all([startNode(optionsFor(network)), startNode(optionsFor(network))]);
  await Promise.all([a.close(), b.close()]);
});

test('what cannot be loaded is said', async () => {
  await assert.rejects(startNode(optionsFor(network, { wasmUrl: new URL('./no.wasm', import.meta.url) })), (e) => VoileError.is(e, 'Internal') && e.message.includes('no.wasm'));
  await assert.rejects(startNode(optionsFor(network, { workerUrl: new URL('./no.js', import.meta.url) })), (e) => VoileError.is(e, 'Internal') && e.message.includes('no.js'));
});
