// The demo in real browsers with the real node: two tabs meet, talk and write a note.
//
// VOILE_BROWSER: "chromium" or "firefox" alone. Pictures go to dist/screenshots.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { find, launch, names } from '../../../test/browser/browser.mjs';
import { faint, nameless, newTab, ready, serveDemo, serveInPieces, shot, show, sizes, stage } from './stage.mjs';

const wanted = process.env.VOILE_BROWSER ? [process.env.VOILE_BROWSER] : names;
const startsWithin = 8000; // ms until ready, once the module has been loaded before
const still = 0.005; // of layout shift: nothing that anyone sees

const patience = 60_000; // ms
const polling = 200; // ms: a tab in the background, as Firefox has them, paints no frames

/** value waits until a text field has a value. */
const value = (tab, id, text) => tab.waitForFunction(([id, text]) => document.getElementById(id).value === text, [id, text], { timeout: patience, polling });
const content = (tab, id, pattern) => tab.waitForFunction(([id, p]) => new RegExp(p).test(document.getElementById(id).textContent), [id, pattern.source], { timeout: patience, polling });
const heard = (tab, text) => tab.waitForFunction((text) => [...document.querySelectorAll('#log .theirs .bubble')].some((b) => b.textContent.endsWith(text)), text, { timeout: patience, polling });
const delivered = (tab, n) => tab.waitForFunction((n) => [...document.querySelectorAll('#log .mine .meta')].filter((m) => m.textContent.includes('delivered')).length === n, n, { timeout: patience, polling });

async function say(tab, text) {
  await tab.fill('#say', text);
  await tab.press('#say', 'Enter');
}

/** meet opens two tabs that talk. */
async function meet(context, url) {
  const ada = await newTab(context, url);
  await ready(ada);
  await ada.click('#invite');
  await stage(ada, 'invited');
  const ben = await newTab(context, await ada.inputValue('#link'));
  await stage(ben, 'talk');
  await stage(ada, 'talk');
  return { ada, ben };
}

/**
 * outcome waits for the end of a race of two edits: the tab where they clash, which lasts;
 * null: both have one text.
 */
async function outcome(...tabs) {
  const lasts = 5; // looks: what is on its way may still end a clash
  for (let end = Date.now() + 15_000, clashed = -1, looks = 0; Date.now() < end; await wait(polling)) {
    const now = await Promise.all(tabs.map((tab) => tab.evaluate(() => ({
      text: document.getElementById('note-text').value,
      clash: !document.getElementById('clash').hidden,
    }))));
    const at = now.findIndex((n) => n.clash);
    looks = at === clashed ? looks + 1 : 0;
    clashed = at;
    if (at >= 0 && looks >= lasts) return tabs[at];
    if (at < 0 && now.every((n) => n.text === now[0].text)) return null;
  }
  return null; // perhaps the next one ends sooner
}

async function sound(...tabs) {
  for (const tab of tabs) {
    const w = await tab.evaluate(() => globalThis.watched);
    assert.deepEqual(tab.faults, [], 'errors in the console');
    assert.deepEqual(w.refused.filter((r) => !(tab.pictured && r === 'style-src-elem inline')), [], 'refused by the Content-Security-Policy');
    assert.ok(w.shift < still, `the layout shifts by ${w.shift}:\n${w.shifts.join('\n')}`);
  }
}

for (const name of wanted) {
  const path = await find(name);
  describe(name, { skip: path ? false : `SKIP: ${name} is not installed`, timeout: 1_200_000 }, () => {
    let demo, browser;
    const contexts = [];
    const open = async (options = {}) => {
      const c = await browser.newContext({ viewport: sizes.desktop, colorScheme: 'light', ...options });
      contexts.push(c);
      return c;
    };
    before(async () => {
      browser = await launch(name);
    });
    // A network for each test: a node waits ten seconds at a time for tabs that are closed.
    beforeEach(async () => {
      demo = await serveDemo();
    });
    afterEach(async () => {
      await Promise.all(contexts.splice(0).map((c) => c.close()));
      assert.equal(await demo?.end(), 0, 'exit code of voile web');
    });
    after(() => browser?.close());

    test('a tab becomes a node, and says how', async (t) => {
      const context = await open();
      const first = await newTab(context, demo.url);
      await ready(first);
      await first.close();
      const began = Date.now();
      const tab = await newTab(context, demo.url);
      await ready(tab);
      const took = Date.now() - began;
      const w = await tab.evaluate(() => globalThis.watched);
      t.diagnostic(`${name}: ready after ${took} ms; longest task of the page ${Math.round(w.longest)} ms; layout shift ${w.shift}; steps: ${w.steps.join(' / ')}`);
      assert.ok(took < startsWithin, `${took} ms`);
      for (const step of ['Loading the node', 'Asking the first node', 'Ready after']) assert.ok(w.steps.some((s) => s.startsWith(step)), `no step "${step}" in ${w.steps}`);
      await content(tab, 'sky-text', /This node has .* peer/);
      await content(tab, 'memory', /\d+ MB/);
      await content(tab, 'traffic', /B\/s/);
      await tab.waitForFunction(() => document.querySelectorAll('#sky .peer:not(.stranger)').length >= 4, undefined, { timeout: patience, polling });
      assert.deepEqual(await nameless(tab), []);
      await sound(tab);
    });

    test('a page that comes piece by piece stands still', async (t) => {
      const slow = await serveInPieces(demo.url);
      try {
        for (const [size, viewport] of Object.entries(sizes)) {
          const context = await open({ viewport });
          const tab = await newTab(context, slow.url);
          await ready(tab);
          await content(tab, 'traffic', /B\/s/);
          t.diagnostic(`${name}, ${size}: layout shift ${await tab.evaluate(() => globalThis.watched.shift)}`);
          await sound(tab);
        }
      } finally {
        slow.end();
      }
    });

    test('two tabs talk, write a note, and go on after a reload', async () => {
      const context = await open();
      const { ada, ben } = await meet(context, demo.url);
      await say(ada, 'Hello Ben.');
      await heard(ben, 'Hello Ben.');
      await say(ben, 'Hello Ada!');
      await heard(ada, 'Hello Ada!');
      await delivered(ada, 1);
      await delivered(ben, 1);
      await content(ada, 'chat-sub', /With Ben, over private routes · answers in \d+ ms/);

      await ada.fill('#note-text', 'Picnic');
      await value(ben, 'note-text', 'Picnic');
      await content(ben, 'note-by', /Ada wrote last/);
      await content(ben, 'note-version', /version 1$/);
      await ben.focus('#note-text');
      await ben.press('#note-text', 'End');
      await ben.keyboard.type(' on Sunday');
      await value(ada, 'note-text', 'Picnic on Sunday');
      await content(ada, 'note-by', /Ben wrote last/);

      await ben.press('#name', 'Control+a'); // typed: Firefox tells of no change of what a script has filled in
      await ben.keyboard.type('Benjamin');
      await ben.press('#name', 'Enter');
      await content(ada, 'chat-sub', /With Benjamin/);

      await ada.reload();
      await stage(ada, 'talk');
      await heard(ada, 'Hello Ada!');
      await value(ada, 'note-text', 'Picnic on Sunday');
      await content(ada, 'chat-sub', /answers in/);
      await say(ada, 'Here again.');
      await heard(ben, 'Here again.');
      await sound(ada, ben);
    });

    test('two edits of one place are both shown, and both notes end as one', async () => {
      const context = await open();
      const { ada, ben } = await meet(context, demo.url);
      await ada.fill('#note-text', 'Tea at four');
      await value(ben, 'note-text', 'Tea at four');
      // As near to each other as two tabs can be: one of the two loses the race, or both
      // edits are seen as one after the other; typing goes on until they clash.
      let clashed = null;
      for (let n = 0; n < 8 && !clashed; n++) {
        await Promise.all([ada.fill('#note-text', `Tea at five ${n}`), ben.fill('#note-text', `Tea at six ${n}`)]);
        clashed = await outcome(ada, ben);
      }
      assert.ok(clashed, 'eight races and no clash');
      const other = clashed === ada ? ben : ada;
      const theirs = await clashed.textContent('#clash-theirs');
      assert.match(theirs, /Tea at (five|six)/);
      assert.notEqual(theirs, await clashed.inputValue('#note-text'));
      await shot(clashed, `${name}-clash`);
      await clashed.click('#clash-take');
      await value(clashed, 'note-text', theirs);
      await value(other, 'note-text', theirs);
      await sound(ada, ben);
    });

    test('everything can be done from the keyboard', async () => {
      const context = await open({ reducedMotion: 'reduce' });
      const tab = await newTab(context, `${demo.url}?who=c`);
      await ready(tab);
      await stage(tab, 'choose');
      const focused = () => tab.evaluate(() => document.activeElement.id || document.activeElement.className);
      const seen = [];
      for (let i = 0; i < 14; i++) {
        await tab.keyboard.press('Tab');
        const at = await focused();
        if (seen.includes(at)) break;
        seen.push(at);
        const ring = await tab.evaluate(() => {
          const e = document.activeElement.closest('.me') ?? document.activeElement, s = getComputedStyle(e);
          return { style: s.outlineStyle, width: parseFloat(s.outlineWidth), inView: e.getBoundingClientRect().width > 0 };
        });
        assert.ok(ring.style !== 'none' && ring.width >= 2 && ring.inView, `focus on ${at} cannot be seen`);
        if (at === 'paste-link') break; // behind the last one Firefox leaves the page
      }
      const order = ['skip', 'theme', 'help', 'as-list', 'name', 'invite', 'paste-link'];
      assert.deepEqual(seen.filter((s) => order.includes(s)), order, `order of focus: ${seen}`);

      await tab.evaluate(() => document.activeElement.blur());
      await tab.keyboard.press('l');
      await tab.waitForSelector('#peer-list:not([hidden]) td');
      await content(tab, 'peer-rows', /Carol/);
      await tab.keyboard.press('l');
      await tab.keyboard.press('?');
      await tab.waitForSelector('#keys[open]');
      await tab.keyboard.press('Escape');
      await tab.waitForSelector('#keys[open]', { state: 'detached' });
      const before = await tab.evaluate(() => getComputedStyle(document.documentElement).colorScheme);
      await tab.keyboard.press('t');
      await tab.keyboard.press('t');
      assert.equal(before, 'light');
      assert.equal(await tab.evaluate(() => getComputedStyle(document.documentElement).colorScheme), 'dark');
      await tab.keyboard.press('t');

      await tab.focus('#invite');
      await tab.keyboard.press('Enter');
      await stage(tab, 'invited');
      assert.equal(await focused(), 'second', 'focus after the invitation is made');
      const friend = await newTab(context, await tab.inputValue('#link'));
      await stage(tab, 'talk');
      await stage(friend, 'talk');
      assert.equal(await focused(), 'say', 'focus when someone has come');
      await tab.keyboard.type('No pointer was used');
      await tab.keyboard.press('Enter');
      await heard(friend, 'No pointer was used');
      await tab.keyboard.press('Escape');
      assert.equal(await focused(), 'chat');
      await tab.keyboard.press('e');
      assert.equal(await focused(), 'note-text');
      await tab.keyboard.type('Words with e and t and ? in them');
      await value(friend, 'note-text', 'Words with e and t and ? in them');
      // Firefox cannot be told so by WebDriver BiDi yet.
      if (await tab.evaluate(() => matchMedia('(prefers-reduced-motion: reduce)').matches)) {
        const moving = await tab.evaluate(() => document.getAnimations().filter((a) => a.playState === 'running').length);
        assert.equal(moving, 0, 'something moves for one who asked for less motion');
      }
      await sound(tab, friend);
    });

    test('what is wrong is said, with what to do', async () => {
      const context = await open();
      const first = await newTab(context, demo.url);
      await stage(first, 'choose');
      await first.fill('#paste-link', 'http://127.0.0.1/#join=nonsense');
      await first.press('#paste-link', 'Enter');
      await content(first, 'toast', /no invitation/);

      const twice = await newTab(context, demo.url);
      await content(twice, 'problem-title', /runs in another tab/);
      await shot(twice, `${name}-in-use`);
      await twice.click('#problem-actions button:first-child');
      await ready(twice);
      assert.equal(await twice.inputValue('#name'), 'Ben');

      const cases = [
        ['**/network.json', /lost its server/, /voile web/],
        ['**/voile.wasm*', /could not be loaded/, /voile web/],
        ['**/@voile/node/worker.js', /could not be loaded/, /voile web/],
      ];
      for (const [url, title, todo] of cases) {
        const tab = await newTab(await open());
        await tab.context().route(url, (route) => route.fulfill({ status: 404, body: 'gone' }));
        await tab.goto(demo.url);
        await content(tab, 'problem-title', title);
        await content(tab, 'problem-todo', todo);
        assert.equal(await tab.getAttribute('#problem', 'role'), 'alert');
        await tab.context().close();
      }
    });

    test('the end of the network is told', async () => {
      const tab = await newTab(await open(), demo.url);
      await ready(tab);
      assert.equal(await demo.end(), 0);
      await content(tab, 'problem-title', /The private network is gone/);
      await content(tab, 'problem-todo', /voile web/);
      await content(tab, 'headline', /finding its way back/);
      await shot(tab, `${name}-gone`);
    });

    for (const [size, viewport] of Object.entries(sizes)) {
      for (const colorScheme of ['light', 'dark']) {
        test(`the pictures: ${size}, ${colorScheme}`, async () => {
          const context = await open({ viewport, colorScheme });
          const { ada, ben } = await meet(context, demo.url);
          await say(ada, 'Hello Ben. This goes through two private routes.');
          await heard(ben, 'private routes.');
          await say(ben, 'So neither of us knows where the other is?');
          await heard(ada, 'the other is?');
          await say(ada, 'Right. And no server saw it.');
          await heard(ben, 'saw it.');
          await ada.fill('#note-text', 'Picnic on Sunday\n\n– bread, cheese, plums\n– the blue blanket');
          await content(ben, 'note-by', /Ada wrote last/);
          await ben.focus('#note-text');
          await ben.press('#note-text', 'Control+End');
          await ben.keyboard.type('\n– I bring coffee');
          await value(ada, 'note-text', 'Picnic on Sunday\n\n– bread, cheese, plums\n– the blue blanket\n– I bring coffee');
          await content(ada, 'note-by', /Ben wrote last/);
          await delivered(ada, 2);
          await ada.bringToFront();
          await ada.waitForTimeout(1500); // the dots fly, the peers settle
          assert.deepEqual(await faint(ada), [], `contrast, ${size}, ${colorScheme}`);
          assert.ok(await ada.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'the page is wider than the window');
          if (size === 'desktop') {
            await shot(ada, `${name}-${size}-${colorScheme}`);
          } else {
            for (const part of ['network', 'chat', 'note', 'usage']) {
              await show(ada, part);
              await shot(ada, `${name}-${size}-${colorScheme}-${part}`);
            }
          }
          await sound(ada, ben);
        });
      }
    }
  });
}
