// The page: starts a node, shows what it does, and lets two tabs talk.
import { DemoNode } from './node.js';
import * as invitation from './model/invitation.js';
import { Space, Taken, Unknown } from './model/space.js';
import { anotherThan, nameOf, whoOf } from './people.js';
import { Chat } from './view/chat.js';
import { listen } from './view/keys.js';
import { NoteView } from './view/note.js';
import { gone, lonely, problemOf, ProblemView, Stop, unfit } from './view/problem.js';
import { Sky } from './view/sky.js';
import { Status } from './view/status.js';
import { Usage } from './view/usage.js';

/** @param {string} id @returns {any} */
const part = (id) => document.getElementById(id);
const patience = 15_000; // ms without a peer before the page asks itself why

const who = whoOf(location.search);
const me = { id: '', name: nameOf(who), who };
const status = new Status(part);
const sky = new Sky({ svg: part('sky'), text: part('sky-text'), rows: part('peer-rows'), none: part('peer-none') });
const usage = new Usage(part);
const chat = new Chat(part);
const noteView = new NoteView(part, me);
const problem = new ProblemView(part, {
  again: { text: 'Try again', act: () => location.reload() },
  other: { text: `Become ${nameOf(anotherThan(who))} here`, act: () => location.assign(`?who=${anotherThan(who)}${location.hash}`) },
  fresh: { text: 'Begin afresh', act: () => beginAfresh() },
});

/** @type {DemoNode | null} */
let node = null;
/** @type {Space | null} */
let space = null;
let network = null; // what the server of the page says of the network

// --- Start.

async function start() {
  named(me.name);
  status.step('load', 'Loading the node');
  const bad = unfit();
  if (bad) throw new Stop(bad);
  network = await describe();
  node = await DemoNode.start({
    network, who,
    // What the node does before it runs is one wait: its program, then its keys.
    onStep: (step) => status.step(step, step === 'load' ? 'Loading the node' : 'Unlocking its keys'),
  });
  node.addEventListener('crash', (e) => fail(e.detail));
  node.addEventListener('attachment', (e) => attached(e.detail));
  node.addEventListener('peers', (e) => peered(e.detail));
  await know();
  status.step('join', 'Asking the first node who else is there');
  await node.attach();
  await node.ready();
  problem.hide();
  await settle();
}

/** describe asks the server which network this is. */
async function describe() {
  try {
    const answer = await fetch('/network.json', { cache: 'no-store' });
    if (!answer.ok) throw new Error(`/network.json: ${answer.status}`);
    return await answer.json();
  } catch (error) {
    throw new Stop({
      title: 'The page has lost its server',
      what: 'It asked which network to join, and nobody answered.',
      todo: 'Start `voile web` and open the address that it prints.',
      actions: ['again'],
    }, error);
  }
}

/** know finds out who we are: the same as before a reload. */
async function know() {
  const kept = await node.load('me');
  me.id = kept?.id ?? crypto.randomUUID();
  named(kept?.name ?? me.name);
  if (!kept) await node.store('me', { id: me.id, name: me.name });
}

function named(name) {
  me.name = name;
  part('name').value = name;
  document.title = `${name} · Voile`;
  sky.who(name);
}

function fail(error) {
  console.error(error);
  status.stopped(node !== null);
  sky.seeking(false);
  problem.show(problemOf(error), error.cause ?? error);
}

async function beginAfresh() {
  await node?.close().catch(() => {});
  await DemoNode.forget(network, who).catch((e) => console.error(e));
  location.reload();
}

// --- The network.

let alone = 0; // timer: no peer for a while

function attached(a) {
  status.attachment(a);
  if (a.ready) {
    clearTimeout(alone);
    alone = 0;
    if (problem.shown) problem.hide();
    space?.wake();
  } else {
    alone ||= setTimeout(() => why(), patience);
  }
}

/** why tells two reasons apart: the network has ended, or the browser does not reach it. */
async function why() {
  alone = 0;
  const there = await fetch('/network.json', { cache: 'no-store' }).then((r) => (r.ok ? r.json() : null), () => null);
  if (node?.isReady) return;
  if (there && there.network !== network.network) {
    problem.show({ title: 'This network has ended', what: 'Another one runs in its place: each start of the demonstration makes a new one.', todo: 'Load the page again to join it.', actions: ['again'] });
  } else {
    problem.show(there ? lonely : gone);
  }
  alone = setTimeout(() => why(), patience);
}

function peered({ peers, down, up }) {
  sky.show(peers);
  status.peers(peers.length);
  usage.flow(down, up);
}

async function measure() {
  if (!node || document.hidden) return;
  usage.show(await node.usage());
}

// --- The conversation and the note.

const again = [1000, 3000, 6000, 10_000]; // ms between tries to take up the last conversation

/** settle goes on with the last conversation, or accepts the invitation in the address. */
async function settle() {
  const given = invitation.read(location.hash);
  if (given) history.replaceState(null, '', location.pathname + location.search);
  const kept = await node.load('space');
  if (kept && (!given || kept.record.key === given.key)) await resume();
  else if (given) await join(given);
  else chat.stage('choose');
}

async function resume() {
  chat.stage('making');
  part('making').textContent = 'Taking up the last conversation';
  for (const wait of [...again, 0]) {
    try {
      return enter(await Space.resume(node, me));
    } catch (error) {
      console.warn('the last conversation could not be taken up', error);
      if (error instanceof Unknown || wait === 0) break;
      await new Promise((done) => setTimeout(done, wait));
    }
  }
  chat.stage('choose');
  told('The last conversation could not be taken up: no node answered for it.');
}

async function invite() {
  chat.stage('making');
  part('making').textContent = 'Making an invitation';
  try {
    enter(await Space.create(node, me));
  } catch (error) {
    chat.stage('choose');
    told('The invitation could not be made: the network is not ready yet. Try again in a moment.', error);
  }
}

async function join(record) {
  chat.stage('making');
  part('making').textContent = 'Accepting the invitation';
  for (let tries = 3; ; tries--) {
    try {
      return enter(await Space.join(node, me, record));
    } catch (error) {
      if (tries > 1 && error.code === 'TryAgain') continue;
      chat.stage('choose');
      if (error instanceof Taken) told(`${error.message} has accepted this invitation already. Ask for a new one.`, error);
      else if (error instanceof Unknown) told('This invitation is not of this network, or nobody keeps it any more. Ask for a new one.', error);
      else told('The invitation could not be read just now. Paste it once more in a moment.', error);
      return;
    }
  }
}

function enter(entered) {
  space = entered;
  const text = invitation.write(space.record);
  const link = invitation.link(location.href, anotherThan(who), text);
  part('link').value = link;
  part('second').href = link;
  part('second').textContent = `Open ${nameOf(anotherThan(who))} in a second tab`;
  for (const m of space.conversation.messages) chat.message(m, theirName());
  space.conversation.addEventListener('message', (e) => said(e.detail));
  space.addEventListener('peer', () => met());
  space.addEventListener('fault', (e) => console.warn(e.detail));
  space.note.addEventListener('fault', (e) => console.warn(e.detail));
  noteView.open(space.note);
  if (space.peer || space.conversation.messages.length > 0) met();
  else chat.stage('invited');
}

const theirName = () => space?.peer?.name ?? 'the other tab';
let wasHere = false;
let wasNamed = '';

function met() {
  const { peer, here, took } = space;
  if (!peer) return;
  chat.stage('talk');
  if (here !== wasHere || (wasNamed && peer.name !== wasNamed)) {
    if (wasNamed && peer.name !== wasNamed) chat.event(`${wasNamed} is now ${peer.name}`);
    else if (here) chat.event(`${peer.name} is here`);
    else chat.event(`${peer.name} does not answer. What you write is sent when ${peer.name} is back.`);
  }
  wasHere = here;
  wasNamed = peer.name;
  chat.subtitle(here ? `With ${peer.name}, over private routes · answers in ${Math.max(1, Math.round(took))} ms` : `With ${peer.name}, who does not answer now`);
}

function said(m) {
  chat.message(m, theirName());
}

let toasting = 0;
function told(text, error) {
  if (error) console.warn(error);
  const toast = part('toast');
  const words = document.createElement('span');
  words.textContent = text;
  toast.replaceChildren(words);
  toast.classList.add('on');
  clearTimeout(toasting);
  toasting = setTimeout(() => toast.classList.remove('on'), 6000);
}

// --- What the visitor does.

part('invite').addEventListener('click', invite);
part('paste').addEventListener('submit', (e) => {
  e.preventDefault();
  const given = invitation.read(part('paste-link').value);
  if (!given) return told('That is no invitation: copy the whole link, to its last character.');
  part('paste-link').value = '';
  join(given);
});
part('copy').addEventListener('click', async () => {
  try {
    await navigator.clipboard.writeText(part('link').value);
    told('Copied. Open it in another tab or window of this browser.');
  } catch {
    part('link').select();
    told('The link is selected: copy it with Ctrl+C.');
  }
});
part('link').addEventListener('focus', (e) => e.target.select());
part('composer').addEventListener('submit', (e) => {
  e.preventDefault();
  const text = chat.take();
  if (text && space) space.conversation.say(text);
  part('say').focus();
});
part('name').addEventListener('change', async () => {
  named(part('name').value.trim().slice(0, 24) || nameOf(who));
  if (!node) return;
  await node.store('me', { id: me.id, name: me.name });
  await space?.renamed();
});
part('name').addEventListener('keydown', (e) => {
  if (e.key === 'Enter') e.target.blur();
});
part('as-list').addEventListener('click', () => asList());
function asList() {
  const on = part('as-list').getAttribute('aria-pressed') !== 'true';
  part('as-list').setAttribute('aria-pressed', String(on));
  part('as-list').textContent = on ? 'As a picture' : 'As a list';
  part('peer-list').hidden = !on;
  part('picture').classList.toggle('listing', on);
  if (on) sky.list();
}

const themes = { auto: 'as the system', light: 'light', dark: 'dark' };
function theme(next) {
  const root = document.documentElement;
  if (next) {
    root.dataset.theme = next;
    try {
      localStorage.setItem('voile-demo-theme', next);
    } catch { /* as long as the page lives, then */ }
  }
  part('theme').setAttribute('aria-label', `Colours: ${themes[root.dataset.theme]}`);
}
function nextTheme() {
  const all = Object.keys(themes);
  theme(all[(all.indexOf(document.documentElement.dataset.theme) + 1) % all.length]);
  told(`Colours: ${themes[document.documentElement.dataset.theme]}`);
}
part('theme').addEventListener('click', nextTheme);
part('help').addEventListener('click', () => part('keys').showModal());

const go = (id) => {
  part(id).scrollIntoView({ block: 'start' });
  part(id).focus({ preventScroll: true });
};
listen({
  w: () => go('network'),
  c: () => (part('say').disabled ? go('chat') : part('say').focus()),
  e: () => (part('note-text').disabled ? go('note') : part('note-text').focus()),
  u: () => go('usage'),
  l: asList,
  t: nextTheme,
  '?': () => part('keys').showModal(),
}, { dialog: part('keys'), letters: part('letters') });

const tabs = [...document.querySelectorAll('.tabs a')];
let looking = 0;
/** look marks the part of the page that is in view. */
function look() {
  looking = 0;
  const atEnd = scrollY > 0 && innerHeight + scrollY >= document.documentElement.scrollHeight - 4;
  const now = atEnd ? tabs.at(-1) : tabs.findLast((a) => part(a.hash.slice(1)).getBoundingClientRect().top < innerHeight * 0.45) ?? tabs[0];
  for (const a of tabs) a === now ? a.setAttribute('aria-current', 'true') : a.removeAttribute('aria-current');
}
addEventListener('scroll', () => (looking ||= requestAnimationFrame(look)), { passive: true });
look();

document.addEventListener('visibilitychange', () => {
  if (document.hidden) space?.note.flush();
  else space?.wake();
});
addEventListener('pagehide', () => space?.note.flush());
theme();
setInterval(measure, 2000);
start().then(measure, fail);
