import assert from 'node:assert/strict';
import test from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Conversation } from '../model/conversation.js';
import * as invitation from '../model/invitation.js';
import { Space, Taken, Unknown } from '../model/space.js';
import { Net } from './net.mjs';

const ada = () => ({ id: 'id-ada', name: 'Ada', who: 'a' });
const ben = () => ({ id: 'id-ben', name: 'Ben', who: 'b' });

/** until waits for a condition, and says which one it was. */
async function until(what, holds) {
  for (const end = Date.now() + 10_000; !holds(); await turn()) assert.ok(Date.now() < end, `not in 10 s: ${what}`);
}

async function meeting(t) {
  const net = new Net();
  const a = net.node(), b = net.node();
  const host = await Space.create(a, ada());
  const guest = await Space.join(b, ben(), invitation.read(invitation.write(host.record)));
  t.after(() => [host, guest].forEach((s) => s.close()));
  await until('both see each other', () => host.here && guest.here);
  return { net, a, b, host, guest };
}

const texts = (s) => s.conversation.messages.map((m) => `${m.mine ? '>' : '<'} ${m.text}`);

test('an invitation is a link and nothing else is one', () => {
  const part = 'A'.repeat(43);
  const record = { key: `VLD0:${part}:${part}`, writer: `VLD0:${part}:${part}` };
  const text = invitation.write(record);
  assert.deepEqual(invitation.read(text), record);
  const link = invitation.link('http://127.0.0.1:8080/?who=a&x#old', 'b', text);
  assert.equal(link, `http://127.0.0.1:8080/?who=b#join=${text}`);
  assert.deepEqual(invitation.read(`  ${link}\n`), record);
  for (const bad of ['', 'hello', text.slice(1), `${text}A`, text.replaceAll('.', ':'), link.replace('A', '!'), `${part}.${part}`]) assert.equal(invitation.read(bad), null, bad);
  assert.throws(() => invitation.write({ key: 'VLD0:short', writer: 'VLD0:x:y' }));
});

test('two meet and talk both ways', async (t) => {
  const { host, guest } = await meeting(t);
  assert.equal(host.peer.name, 'Ben');
  assert.equal(guest.peer.name, 'Ada');
  host.conversation.say('hello');
  await until('hello arrives', () => guest.conversation.messages.length === 1);
  guest.conversation.say('oh, hello');
  await until('the answer arrives', () => host.conversation.messages.length === 2);
  assert.deepEqual(texts(host), ['> hello', '< oh, hello']);
  await until('both know that it arrived', () => [...host.conversation.messages, ...guest.conversation.messages].every((m) => m.state === 'delivered'));
});

test('a note written on one side is on the other', async (t) => {
  const { host, guest } = await meeting(t);
  host.note.edit('bread');
  await until('the note arrives', () => guest.note.draft === 'bread');
  assert.equal(guest.note.base.by.name, 'Ada');
  guest.note.edit('bread, cheese');
  await until('the change arrives', () => host.note.draft === 'bread, cheese');
  assert.equal(host.note.base.seq, 1);
});

test('a route that dies is replaced, and what was said meanwhile arrives once', async (t) => {
  const { b, host, guest } = await meeting(t);
  b.deaf = true;
  b.lose();
  host.conversation.say('are you there?');
  await until('it arrives by the new route', () => guest.conversation.messages.length === 1);
  await until('it is known to', () => host.conversation.messages[0].state === 'delivered');
  assert.deepEqual(texts(guest), ['< are you there?']);
});

test('after a reload it goes on where it was', async (t) => {
  const { b, host, guest } = await meeting(t);
  host.note.edit('bread');
  host.conversation.say('before');
  await until('both are there', () => guest.note.draft === 'bread' && guest.conversation.messages.length === 1);
  guest.close();
  const away = b.again();
  host.conversation.say('while away');
  await until('Ada sees that Ben is gone', () => !host.here);
  await until('what she said waits', () => host.conversation.messages[1].state === 'waiting');
  const back = await Space.resume(away, ben());
  t.after(() => back.close());
  await until('what waited arrives', () => back.conversation.messages.length === 2);
  assert.deepEqual(texts(back), ['< before', '< while away']);
  assert.equal(back.note.draft, 'bread');
  assert.equal(back.peer.name, 'Ada');
  back.conversation.say('back again');
  await until('Ada hears it', () => texts(host).at(-1) === '< back again');
});

test('nothing to go on with', async () => {
  assert.equal(await Space.resume(new Net().node(), ada()), null);
});

test('an invitation is for one, and of this network', async (t) => {
  const { net, b, host } = await meeting(t);
  await assert.rejects(Space.join(net.node(), { id: 'id-eve', name: 'Eve', who: 'c' }, host.record), (e) => e instanceof Taken && e.message === 'Ben');
  assert.equal(host.peer.name, 'Ben');
  const part = 'A'.repeat(43);
  await assert.rejects(Space.join(net.node(), ada(), { key: `VLD0:${part}:${part}`, writer: `VLD0:${part}:${part}` }), Unknown);
  const same = await Space.join(b, ben(), host.record); // the same one may, again
  t.after(() => same.close());
});

test('a new name is seen on the other side', async (t) => {
  const net = new Net();
  const me = ada();
  const host = await Space.create(net.node(), me);
  const guest = await Space.join(net.node(), ben(), host.record);
  t.after(() => [host, guest].forEach((s) => s.close()));
  me.name = 'Countess';
  await host.renamed();
  await until('it is seen', () => guest.peer?.name === 'Countess');
});

test('calls that are none of ours are refused and change nothing', async (t) => {
  const { b, guest } = await meeting(t);
  const card = guest.peer;
  const call = (m) => new Promise((answer) => b.emit('call', { id: answer, message: m instanceof Uint8Array ? m : new TextEncoder().encode(JSON.stringify(m)) }));
  for (const bad of [Uint8Array.of(0xff), new Uint8Array(40_000), null, 7, {}, { t: 'say' }, { t: 'say', id: 'x', text: 'y', card: { ...card, id: 'id-eve' } }, { t: 'say', id: 'x', text: 'y', card: { ...card, route: '<script>' } }]) {
    const answer = JSON.parse(new TextDecoder().decode(await call(bad)));
    assert.equal(answer.ok, false, JSON.stringify(bad)?.slice(0, 60));
    assert.equal(answer.card, undefined, 'a stranger must not get the card');
  }
  await call({ t: 'say', id: 'x', text: 'y'.repeat(2001), card });
  await call({ t: 'say', id: 5, text: 'y', card });
  assert.deepEqual(texts(guest), []);
  assert.equal(guest.peer.id, card.id);
});

test('a conversation keeps its order and does not send twice what arrived', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const sent = [];
  let fails = 2;
  const c = new Conversation(async (m) => {
    if (fails-- > 0) throw new Error('away');
    sent.push(m.text);
  }, async () => {});
  t.after(() => c.close());
  const settle = async () => {
    for (let i = 0; i < 20; i++) await Promise.resolve();
  };
  c.say('one');
  await settle();
  c.say('two');
  await settle();
  assert.deepEqual(sent, []);
  assert.deepEqual(c.messages.map((m) => m.state), ['waiting', 'sending']);
  t.mock.timers.tick(1500);
  await settle();
  assert.deepEqual(sent, ['one', 'two']);
  c.heard('7', 'three');
  c.heard('7', 'three');
  assert.equal(c.messages.length, 3);
  for (let i = 0; i < 300; i++) c.heard(`m${i}`, String(i));
  assert.equal(c.messages.length, 200, 'it is bounded');
});
