/** Memory of a page and its worker after minutes with traffic: VOILE_SOAK, 1m if it is not set. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { optionsFor, startNetwork } from './network.mjs';
import { browserNames, open, servePackage, tab } from './pages.mjs';

/** Bytes: JavaScript's heaps and the memory of the module together. */
const limit = 60e6;

const [, number, unit] = /^(\d+)(s|m|h)$/.exec(process.env.VOILE_SOAK ?? '1m') ?? assert.fail('VOILE_SOAK is a time like 10m');
const duration = Number(number) * { s: 1e3, m: 60e3, h: 3600e3 }[unit];

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

for (const name of browserNames) {
  test(`${name}: memory after ${number}${unit} of traffic`, { timeout: duration + 120_000 }, async (t) => {
    const browser = await open(t, name);
    if (!browser) return;
    const page = await tab(await browser.newContext(), server.url);
    await page.evaluate((o) => join(o), optionsFor(network));
    await page.evaluate(async ({ friend, duration }) => {
      const count = { calls: 0, bytes: 0, values: 0, stored: 0, failed: 0, updates: 0 };
      globalThis.count = count;
      const until = Date.now() + duration;
      const to = await node.importPrivateRoute(voile.fromBase64(friend));
      const context = node.routingContext();
      const table = await node.openTable('traffic', 1);
      const { key } = await context.createDHTRecord(voile.dflt(4));
      (async () => { for await (const _ of node.updates()) count.updates++; })();
      const again = async (every, f) => {
        for (let n = 0; Date.now() < until; n++) {
          try {
            await f(n);
          } catch (e) {
            if (!['Timeout', 'TryAgain', 'NoConnection'].includes(e.code)) throw e;
            count.failed++;
          }
          await new Promise((resolve) => setTimeout(resolve, every));
        }
      };
      globalThis.traffic = Promise.all([
        again(20, async (n) => {
          const sent = new Uint8Array(1024 * (1 + n % 16));
          const got = await context.appCall(to, sent);
          if (got.length !== sent.length) throw new Error('another answer');
          count.calls++;
          count.bytes += 2 * sent.length;
        }),
        again(500, async (n) => { await context.setDHTValue(key, n % 4, new Uint8Array(4096).fill(n)); count.values++; }),
        again(50, async (n) => { await table.store(0, `k${n % 200}`, new Uint8Array(4096).fill(n)); count.stored++; }),
      ]);
      traffic.catch(() => {});
    }, { friend: network.friend, duration });
    await page.evaluate(() => traffic);
    const { stats, count, pageHeap } = await page.evaluate(async () => ({ stats: await node.stats(), count, pageHeap: performance.memory?.usedJSHeapSize }));
    const workerHeaps = await Promise.all(page.workers().map((w) => w.evaluate(() => performance.memory?.usedJSHeapSize).catch(() => undefined)));
    const known = [pageHeap, ...workerHeaps].filter((n) => n !== undefined);
    const total = known.reduce((a, b) => a + b, stats.wasmMemory);
    const mb = (n) => `${(n / 1e6).toFixed(1)} MB`;
    t.diagnostic(`${mb(total)}: module ${mb(stats.wasmMemory)} (live objects ${mb(stats.goHeap)}), ${known.length > 0 ? `JavaScript ${known.map(mb).join(' + ')}` : 'JavaScript is not told by this browser'}; ${JSON.stringify(count)}`);
    assert.ok(count.calls > duration / 1000 && count.values > 0 && count.stored > 0, `there was traffic: ${JSON.stringify(count)}`);
    assert.ok(total < limit, `${total} bytes`);
  });
}
