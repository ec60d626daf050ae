import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeAnswer, decodeUpdate, encodeConfig, encodeRequest, fromBase64, kindOfUpdate, toBase64, UnknownObjectError } from '../../dist/codec.js';
import { VoileError, dflt, smpl, splitKeyPair } from '../../dist/api.js';
import { errorKinds } from '../../dist/generated/api.js';

const bytes = (...b) => Uint8Array.from(b);

test('a request: names with underscores, bytes beside the line, numbers as texts', () => {
  const { line, blobs } = encodeRequest('RoutingContext.SetDhtValue', {
    key: 'VLD0:k', subkey: 3, data: bytes(1, 2), options: { writer: null, allowOffline: false, minSeqnum: undefined },
  }, 7);
  assert.deepEqual(JSON.parse(line), {
    op: 'RoutingContext', rc_id: 7, rc_op: 'SetDhtValue', key: 'VLD0:k', subkey: 3, data: '#0', options: { writer: null, allow_offline: false },
  });
  assert.deepEqual(blobs, [bytes(1, 2)]);
  const two = encodeRequest('TableDb.Store', { col: 0, key: bytes(1), value: bytes(2) }, 1);
  assert.deepEqual([JSON.parse(two.line).key, JSON.parse(two.line).value], ['#0', '#1']);
  assert.equal(JSON.parse(encodeRequest('RoutingContext.WatchDhtValues', { key: 'k', expiration: 1700000000000001 }, 1).line).expiration, '1700000000000001');
});

test('unions keep the names that the API has', () => {
  assert.deepEqual(JSON.parse(encodeRequest('RoutingContext.WithSafety', { safetySelection: { safe: { hopCount: 2, preferredRoute: null } } }, 1).line).safety_selection, { Safe: { hop_count: 2, preferred_route: null } });
  assert.deepEqual(JSON.parse(encodeRequest('RoutingContext.AppCall', { target: { routeId: 'VLD0:r' }, message: bytes() }, 1).line).target, { RouteId: 'VLD0:r' });
  const member = smpl(1, [{ id: 'VLD0:abc', subkeys: 2 }]);
  assert.deepEqual(JSON.parse(encodeRequest('GetDhtRecordKey', { schema: member, owner: 'o' }).line).schema, { kind: 'SMPL', o_cnt: 1, members: [{ m_key: 'abc', m_cnt: 2 }] });
  assert.deepEqual(JSON.parse(encodeRequest('GetDhtRecordKey', { schema: dflt(4), owner: 'o' }).line).schema, { kind: 'DFLT', o_cnt: 4 });
});

test('what is not of its form is refused by name', () => {
  const bad = (f, argument) => assert.throws(f, (e) => VoileError.is(e, 'InvalidArgument') && e.fields.argument.includes(argument));
  bad(() => encodeRequest('Debug', { command: 'x', comand: 'y' }), 'Debug');
  bad(() => encodeRequest('AppCallReply', { callId: '1', message: 'text' }), 'AppCallReply.message');
  bad(() => encodeRequest('RoutingContext.WatchDhtValues', { key: 'k', expiration: -1 }, 1), 'expiration');
  bad(() => encodeRequest('RoutingContext.WatchDhtValues', { key: 'k', expiration: 1.5 }, 1), 'expiration');
  bad(() => encodeConfig({ network: { dth: {} } }), 'config.network');
});

test('a configuration', () => {
  assert.deepEqual(JSON.parse(encodeConfig({ programName: 'p', network: { routingTable: { bootstrap: ['a'] }, dht: { localSubkeyCacheSize: 1 } } })), {
    program_name: 'p', network: { routing_table: { bootstrap: ['a'] }, dht: { local_subkey_cache_size: 1 } },
  });
});

test('answers', () => {
  const answer = (name, fields, blobs = []) => decodeAnswer(name, { line: JSON.stringify({ type: 'Response', ...fields }), blobs });
  assert.deepEqual(answer('RoutingContext.AppCall', { value: '#0' }, [bytes(9)]), bytes(9));
  assert.deepEqual(answer('RoutingContext.AppCall', { value: 'AQI' }), bytes(1, 2), 'base64 is understood too');
  assert.deepEqual(answer('TableDb.GetKeys', { value: ['#1', '#0'] }, [bytes(1), bytes(2)]), [bytes(2), bytes(1)]);
  assert.equal(answer('TableDb.Load', { value: null }), null);
  assert.equal(answer('VerifySignatures', { value: null }), null);
  assert.equal(answer('Attach', { value: null }), undefined);
  assert.equal(answer('Debug', { value: '#0' }), '#0', 'a text that looks like a mark stays one');
  assert.equal(answer('Now', { value: '1700000000000001' }), 1700000000000001);
  assert.deepEqual(answer('VeilidVersion', { major: 0, minor: 5, patch: 8 }), { major: 0, minor: 5, patch: 8 });
  assert.deepEqual(answer('RoutingContext.GetDhtValue', { value: { seq: 1, data: '#0', writer: 'w' } }, [bytes(5)]), { seq: 1, data: bytes(5), writer: 'w' });
  assert.deepEqual(answer('RoutingContext.Safety', { value: { Safe: { hop_count: 1, preferred_route: null, stability: 'Reliable', sequencing: 'PreferOrdered', extra_field: 1 } } }),
    { safe: { hopCount: 1, preferredRoute: null, stability: 'Reliable', sequencing: 'PreferOrdered', extra_field: 1 } });
  assert.throws(() => answer('TableDb.Load', { db_op: 'InvalidId' }), UnknownObjectError);
  assert.throws(() => answer('TableDb.Load', { value: '#3' }), (e) => VoileError.is(e, 'ParseError'));
  assert.throws(() => decodeAnswer('Attach', { line: 'x', blobs: [] }), (e) => VoileError.is(e, 'ParseError'));
});

test('errors have their kind and its fields', () => {
  for (const kind of errorKinds) {
    assert.throws(() => decodeAnswer('Attach', { line: JSON.stringify({ error: { kind, message: 'm' } }), blobs: [] }), (e) => e instanceof VoileError && e instanceof Error && e.code === kind && e.fields.message === 'm' && e.message === `${kind}: m`);
  }
  assert.throws(() => decodeAnswer('Attach', { line: '{"error":{"kind":"New"}}', blobs: [] }), (e) => VoileError.is(e, 'Internal') && e.message.includes('New'));
  const e = new VoileError('InvalidArgument', { context: 'c', argument: 'a', value: 'v' });
  assert.deepEqual(e.toJSON(), { kind: 'InvalidArgument', context: 'c', argument: 'a', value: 'v' });
  assert.equal(e.message, 'InvalidArgument: context c, argument a, value v');
  assert.ok(!VoileError.is(e, 'Generic') && VoileError.is(e) && !VoileError.is(new Error('x')));
});

test('updates', () => {
  const update = decodeUpdate({ line: '{"type":"Update","kind":"AppCall","sender":null,"route_id":"r","message":"#0","call_id":"18446744073709551615"}', blobs: [bytes(1)] });
  assert.deepEqual(update, { kind: 'AppCall', sender: null, routeId: 'r', message: bytes(1), callId: '18446744073709551615' });
  assert.deepEqual(decodeUpdate({ line: '{"type":"Update","kind":"Shutdown"}', blobs: [] }), { kind: 'Shutdown' });
  assert.deepEqual(decodeUpdate({ line: '{"type":"Update","kind":"ValueChange","key":"k","subkeys":[[0,1]],"count":4,"value":null}', blobs: [] }), { kind: 'ValueChange', key: 'k', subkeys: [[0, 1]], count: 4, value: null });
  const network = decodeUpdate({ line: '{"type":"Update","kind":"Network","started":true,"bps_down":"12","bps_up":"0","node_ids":["n"],"peers":[{"node_ids":[],"peer_address":"a","peer_stats":{"latency":{"fastest":"1","average":"2","slowest":"3"},"transfer":{"down":{"total":"1","maximum":"0","average":"0","minimum":"0"},"up":{"total":"0","maximum":"0","average":"0","minimum":"0"}}}}]}', blobs: [] });
  assert.equal(network.bpsDown, 12);
  assert.equal(network.peers[0].peerStats.latency.slowest, 3);
  assert.equal(network.peers[0].peerStats.transfer.down.total, 1);
  assert.equal(kindOfUpdate('{"type":"Update","kind":"Attachment","state":"Detached"}'), 'Attachment');
});

test('base64url', () => {
  const all = Uint8Array.from({ length: 70000 }, (_, i) => i & 255);
  assert.deepEqual(fromBase64(toBase64(all)), all);
  assert.equal(toBase64(bytes(255, 254, 253, 252)), '__79_A');
  for (const bad of ['a+b', 'YQ==', 'a b', 'a']) assert.throws(() => fromBase64(bad), (e) => VoileError.is(e, 'ParseError'), bad);
});

test('key pairs', () => {
  assert.deepEqual(splitKeyPair('VLD0:a:b'), { key: 'VLD0:a', secret: 'VLD0:b' });
  assert.throws(() => splitKeyPair('VLD0:a'), (e) => VoileError.is(e, 'InvalidArgument'));
});
