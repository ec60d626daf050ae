/** What the package must hold in real browsers. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { optionsFor, startNetwork } from './network.mjs';
import { browserNames, load, open, servePackage, tab } from './pages.mjs';

let network;
let server;
before(async () => {
  network = await startNetwork();
  server = await servePackage();
});
after(async () => {
  await server?.close();
  await network?.close();
});

/** Longest task of the page's thread, in milliseconds. */
const maxTask = 50;
/** How often a tab is killed in the middle of writes. */
const deaths = 3;
/** From a warm load to ready, in milliseconds. */
const maxReady = 8000;

for (const name of browserNames) {
  describe(name, () => {
    test('ready within 8 s of a warm load, and the page never waits 50 ms', { timeout: 180_000 }, async (t) => {
      const browser = await open(t, name);
      if (!browser) return;
      const context = await browser.newContext();
      const page = await tab(context, server.url);
      await page.evaluate((o) => join(o), optionsFor(network));
      // Other programs of this machine can only make it longer, so that one good run of three says what holds.
      const runs = [];
      for (let i = 0; i < 3; i++) {
        await load(page, server.url);
        const times = await page.evaluate((o) => join(o), optionsFor(network));
        const { longest, longTasks } = await page.evaluate(() => ({ longest: Math.round(longest), longTasks }));
        runs.push({ ...times, longest });
        t.diagnostic(`started after ${times.started} ms, ready after ${times.ready} ms, ${longTasks ? 'longest task' : 'latest timer'} ${longest} ms`);
        if (times.ready <= maxReady && longest < maxTask) break;
      }
      assert.ok(Math.min(...runs.map((r) => r.ready)) <= maxReady, 'ready in time');
      assert.ok(Math.min(...runs.map((r) => r.longest)) < maxTask, 'short tasks');
    });

    test('two tabs chat through private routes', { timeout: 180_000 }, async (t) => {
      const browser = await open(t, name);
      if (!browser) return;
      const context = await browser.newContext();
      const [a, b] = await Promise.all([tab(context, server.url), tab(context, server.url)]);
      // Each has a node of its own, since the namespaces differ.
      await Promise.all([[a, 'anna'], [b, 'ben']].map(([p, namespace]) => p.evaluate((o) => join(o), optionsFor(network, { namespace }))));
      const invite = (p) => p.evaluate(async () => {
        globalThis.heard = [];
        (async () => { for await (const m of node.messages()) heard.push(text(m.message)); })();
        (async () => { for await (const c of node.calls()) await c.reply(bytes(`${text(c.message)}!`)); })();
        return voile.toBase64((await node.newPrivateRoute()).blob);
      });
      const [toA, toB] = await Promise.all([invite(a), invite(b)]);
      const meet = (p, blob) => p.evaluate(async (blob) => { globalThis.friend = await node.importPrivateRoute(voile.fromBase64(blob)); globalThis.context = node.routingContext().withSequencing('EnsureOrdered'); }, blob);
      await Promise.all([meet(a, toB), meet(b, toA)]);
      assert.equal(await a.evaluate(async () => text(await context.appCall(friend, bytes('hello')))), 'hello!');
      assert.equal(await b.evaluate(async () => text(await context.appCall(friend, bytes('hi')))), 'hi!');
      await Promise.all([a, b].map((p) => p.evaluate(async () => { for (let i = 0; i < 20; i++) await context.appMessage(friend, bytes(`message ${i}`)); })));
      for (const p of [a, b]) {
        await p.waitForFunction(() => heard.length === 20, undefined, { timeout: 20_000 });
        assert.deepEqual((await p.evaluate(() => heard)).sort(), Array.from({ length: 20 }, (_, i) => `message ${i}`).sort());
      }
    });

    test('identity, tables, secrets and records outlive a reload', { timeout: 180_000 }, async (t) => {
      const browser = await open(t, name);
      if (!browser) return;
      const context = await browser.newContext();
      const page = await tab(context, server.url);
      await page.evaluate((o) => join(o), optionsFor(network));
      const before = await page.evaluate(async () => {
        const db = await node.openTable('kept', 2);
        await db.store(0, 'text', bytes('stored'));
        const tx = await db.transact();
        for (let i = 0; i < 100; i++) await tx.store(1, `n${i}`, new Uint8Array([i]));
        await tx.commit();
        await node.saveSecret('pin', bytes('1234'));
        const context = node.routingContext();
        const record = await context.createDHTRecord(voile.dflt(2));
        await context.setDHTValue(record.key, 0, bytes('written'), { allowOffline: false });
        return { ids: (await node.state()).network.nodeIds, record: record.key, owner: `${record.owner}:${record.ownerSecret.split(':')[1]}` };
      });
      assert.equal(before.ids.length, 1);
      await load(page, server.url);
      await page.evaluate((o) => join(o), optionsFor(network));
      const then = await page.evaluate(async ({ record, owner }) => {
        const db = await node.openTable('kept', 2);
        const context = node.routingContext();
        await context.openDHTRecord(record, { writer: owner });
        const { localSeqs } = await context.inspectDHTRecord(record);
        const value = await context.getDHTValue(record, 0);
        const fresh = await context.getDHTValue(record, 0, { forceRefresh: true });
        await context.setDHTValue(record, 1, bytes('after'));
        return {
          ids: (await node.state()).network.nodeIds, text: text(await db.load(0, 'text')), keys: (await db.getKeys(1)).length,
          secret: text(await node.loadSecret('pin')), localSeqs, value: text(value.data), fresh: text(fresh.data),
        };
      }, before);
      assert.deepEqual(then, { ids: before.ids, text: 'stored', keys: 100, secret: '1234', localSeqs: [0, null], value: 'written', fresh: 'written' });
    });

    test('what was acknowledged survives the death of the tab', { timeout: 240_000 }, async (t) => {
      const browser = await open(t, name);
      if (!browser) return;
      const context = await browser.newContext();
      let acknowledged = 0;
      for (let round = 0; round < deaths; round++) {
        const page = await tab(context, server.url, { log: false });
        await page.exposeFunction('acknowledge', (n) => { acknowledged = Math.max(acknowledged, n); });
        await page.evaluate(async ({ options, from }) => {
          globalThis.node = await voile.startNode(options);
          const db = await node.openTable('log', 2);
          (async () => {
            for (let n = from + 1; ; n++) {
              const tx = await db.transact();
              await tx.store(0, `n${n}`, bytes(String(n)));
              await tx.store(1, `n${n}`, new Uint8Array(2000).fill(n));
              await tx.commit();
              acknowledge(n);
            }
          })();
        }, { options: optionsFor(network), from: acknowledged });
        const want = acknowledged + 10 + round * 7;
        const until = Date.now() + 30_000;
        while (acknowledged < want && Date.now() < until) await new Promise((r) => setTimeout(r, 3));
        assert.ok(acknowledged >= want, `round ${round}: ${acknowledged} of ${want} were acknowledged`);
        await kill(name, page);
        const next = await tab(context, server.url, { log: false });
        const lost = await next.evaluate(async ({ options, to }) => {
          globalThis.node = await voile.startNode(options);
          const db = await node.openTable('log', 2);
          const lost = [];
          await Promise.all(Array.from({ length: to }, async (_, i) => {
            const n = i + 1;
            const [a, b] = await Promise.all([db.load(0, `n${n}`), db.load(1, `n${n}`)]);
            if (a === null || text(a) !== String(n) || b === null || b.length !== 2000 || b[1999] !== (n & 255)) lost.push(n);
          }));
          // Both columns of a transaction or neither.
          const [x, y] = await Promise.all([db.getKeys(0), db.getKeys(1)]);
          if (x.length !== y.length) lost.push(`${x.length} keys beside ${y.length}`);
          await node.close();
          return lost;
        }, { options: optionsFor(network), to: acknowledged });
        assert.deepEqual(lost, [], `round ${round}`);
        await next.close();
      }
      t.diagnostic(`${acknowledged} transactions, ${deaths} deaths`);
    });

    test('tabs of one origin share a node, and another takes over', { timeout: 180_000 }, async (t) => {
      const browser = await open(t, name);
      if (!browser) return;
      const context = await browser.newContext();
      const a = await tab(context, server.url);
      await a.evaluate((o) => join(o), optionsFor(network));
      const b = await tab(context, server.url);
      await b.evaluate((o) => join(o), optionsFor(network));
      const role = (p) => p.evaluate(() => node.role);
      assert.deepEqual([await role(a), await role(b)], ['owner', 'client']);
      const ids = (p) => p.evaluate(async () => (await node.state()).network.nodeIds);
      assert.deepEqual(await ids(a), await ids(b));
      await a.evaluate(async () => { await (await node.openTable('shared', 1)).store(0, 'k', bytes('by the first')); });
      assert.equal(await b.evaluate(async () => { globalThis.db = await node.openTable('shared', 1); return text(await db.load(0, 'k')); }), 'by the first');
      const c = await tab(context, server.url);
      assert.equal(await c.evaluate((o) => voile.startNode({ ...o, tabs: 'exclusive' }).catch((e) => e.code), optionsFor(network)), 'AlreadyInitialized');
      await b.evaluate(() => { globalThis.took = new Promise((resolve) => node.addEventListener('takeover', (e) => resolve(e.detail.role))); });
      const first = await ids(a);
      await kill(name, a);
      assert.equal(await b.evaluate(() => took), 'owner');
      assert.equal(await b.evaluate(async () => text(await db.load(0, 'k'))), 'by the first', 'the open table goes on');
      await b.evaluate(() => node.waitReady({ timeoutMs: 60_000 }));
      assert.deepEqual(await ids(b), first, 'the same identity');
    });

    test('a tab that is frozen gives the node away, and comes back', { timeout: 120_000 }, async (t) => {
      const browser = await open(t, name);
      if (!browser) return;
      const context = await browser.newContext();
      const [a, b] = [await tab(context, server.url), await tab(context, server.url)];
      await a.evaluate((o) => join(o), optionsFor(network));
      await b.evaluate((o) => join(o), optionsFor(network));
      for (const p of [a, b]) await p.evaluate(() => { globalThis.took = new Promise((resolve) => node.addEventListener('takeover', (e) => resolve(e.detail.role))); });
      // The events of the browser, without its stopping the page: a page that has a lock is not stopped.
      await a.evaluate(() => document.dispatchEvent(new Event('freeze')));
      assert.equal(await b.evaluate(() => took), 'owner');
      await a.evaluate(() => document.dispatchEvent(new Event('resume')));
      assert.equal(await a.evaluate(() => took), 'client');
      await b.evaluate(() => node.waitReady({ timeoutMs: 60_000 }));
      assert.equal(await a.evaluate(async () => (await node.state()).attachment.publicInternetReady), true);
    });

    test('inside a worker, the node runs beside the caller', { timeout: 120_000 }, async (t) => {
      const browser = await open(t, name);
      if (!browser) return;
      const inWorker = `
        import { startNode } from '/package/dist/in-worker.js';
        onmessage = async ({ data }) => {
          try {
            const node = await startNode(data);
            await node.attach();
            await node.waitReady({ timeoutMs: 60_000 });
            postMessage({ role: node.role, route: (await node.newPrivateRoute()).blob.length > 0, bytes: (await node.stats()).wasmMemory });
            await node.close();
          } catch (e) {
            postMessage(String(e));
          }
        };`;
      const here = await servePackage({ files: { '/app-worker.js': inWorker } });
      t.after(() => here.close());
      const page = await tab(await browser.newContext(), here.url);
      const said = await page.evaluate((o) => new Promise((resolve) => {
        const worker = new Worker('/app-worker.js', { type: 'module' });
        worker.onmessage = (e) => resolve(e.data);
        worker.onerror = (e) => resolve(`error ${e.message}`);
        worker.postMessage(o);
      }), optionsFor(network));
      assert.deepEqual({ ...said, bytes: said.bytes > 1e6 }, { role: 'owner', route: true, bytes: true });
    });

    test('a packed module is unpacked in the page', async (t) => {
      const browser = await open(t, name);
      if (!browser) return;
      const packed = gzipSync(await readFile(new URL('../dist/voile.wasm', import.meta.url)), { level: 1 });
      const here = await servePackage({ files: { '/voile.wasm.gz': packed } });
      t.after(() => here.close());
      const page = await tab(await browser.newContext(), here.url);
      assert.deepEqual(await page.evaluate(async () => {
        const node = await voile.startNode({ programName: 'packed', wasmUrl: '/voile.wasm.gz' });
        return node.version();
      }), { major: 0, minor: 5, patch: 8 });
      assert.ok(here.requests.includes('/voile.wasm.gz'));
    });

    test('the debug language is a module of its own', async (t) => {
      const browser = await open(t, name);
      if (!browser) return;
      const here = await servePackage();
      t.after(() => here.close());
      const page = await tab(await browser.newContext(), here.url);
      const said = await page.evaluate(async () => {
        const node = await voile.startNode({ programName: 'debug', debug: true });
        return { id: await node.debug('nodeid'), features: await node.features() };
      });
      assert.match(said.id, /^VLD0:/);
      assert.ok(said.features.includes('debug-api'));
      assert.ok(here.requests.some((r) => r.endsWith('/voile-debug.wasm')) && !here.requests.some((r) => r.endsWith('/voile.wasm')));
    });

    test('what cannot be loaded is said', async (t) => {
      const browser = await open(t, name);
      if (!browser) return;
      const context = await browser.newContext();
      const page = await tab(context, server.url, { log: false });
      const error = (o) => page.evaluate((o) => voile.startNode({ programName: 'x', ...o }).then(() => 'started', (e) => `${e.code} ${e.message}`), o);
      assert.match(await error({ workerUrl: '/nothing.js' }), /^Internal .*worker could not be loaded from .*nothing\.js/);
      assert.match(await error({ wasmUrl: '/nothing.wasm' }), /^Internal .*cannot load the module .*nothing\.wasm.*404/);
      const strict = await servePackage({ headers: { 'content-security-policy': "script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; worker-src 'none'" } });
      t.after(() => strict.close());
      const closed = await tab(context, strict.url, { log: false });
      assert.match(await closed.evaluate(() => voile.startNode({ programName: 'x' }).then(() => 'started', (e) => `${e.code} ${e.message}`)), /^Internal .*worker.*Content-Security-Policy/);
    });

    test('the policy that the README names is enough', async (t) => {
      const browser = await open(t, name);
      if (!browser) return;
      const strict = await servePackage({ headers: { 'content-security-policy': "default-src 'none'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self' ws: wss:" } });
      t.after(() => strict.close());
      const page = await tab(await browser.newContext(), strict.url);
      await page.evaluate((o) => join(o), optionsFor(network));
    });
  });
}

/** Ends a tab without a chance to do anything: by the crash of its process where the browser can be told to. */
async function kill(name, page) {
  if (name !== 'chromium') return page.close({ runBeforeUnload: false });
  const session = await page.context().newCDPSession(page);
  const crashed = new Promise((resolve) => page.once('crash', resolve));
  session.send('Page.crash').catch(() => {}); // it does not answer
  await crashed;
  await page.close();
}
