// 200 pages at once, well-behaved and not, leave nothing behind.
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, LARGEST, open, OPEN, startNode, startWorker } from "./harness.mjs";

const PAGES = 200;
const ROUNDS = 10;

test("200 pages", async (t) => {
  const node = await startNode(t, async (ws, message) => {
    if (!message.subarray(0, 5).equals(Buffer.from("flood"))) return ws.send(message);
    for (let i = 0; i < 100 && ws.readyState === 1; i++) await new Promise((sent) => ws.send(Buffer.alloc(60000), () => sent()));
  });
  const worker = await startWorker(t, { connect_timeout: "1m", send_timeout: "5s", messages_per_client: 1000000, bytes_per_client: 1 << 30, bytes_total: 1 << 30 });
  let before;
  for (let turn = 0; turn < 3; turn++) {
    const pages = await Promise.all(Array.from({ length: PAGES }, () => open(worker, node.path)));
    for (const page of pages) assert.equal(page.protocol, OPEN);
    assert.equal((await worker.stats()).open, PAGES);
    await Promise.all(pages.map(async (page, i) => {
      for (let r = 0; r < ROUNDS; r++) {
        const message = Buffer.alloc(1 + i * r, i);
        page.send(message);
        assert.ok(message.equals(await page.next()), `page ${i}, round ${r}`);
      }
    }));
    const codes = {};
    const letGo = (async () => {
      for (let i = 4; i < PAGES; i += 20) {
        pages[i].send(Buffer.from("flood")); // and does not read what it asked for
        pages[i]._socket.pause();
      }
      await eventually("who does not read is let go", async () => (await worker.stats()).ended[4410] === (turn + 1) * PAGES / 20);
    })();
    await Promise.all(pages.map(async (page, i) => {
      switch (i % 5) {
        case 0: page.terminate(); break;
        case 1: page.close(1000); break;
        case 2: page.send("text"); break;
        case 3: page.send(Buffer.alloc(LARGEST + 1)); break;
        case 4: if (i % 20 !== 4) page.send(Buffer.alloc(0)); else await letGo.then(() => page._socket.resume()); break;
      }
      const { code } = await page.closed;
      codes[code] = (codes[code] ?? 0) + 1;
    }));
    assert.deepEqual(codes, { 1000: PAGES / 5, 1003: PAGES / 5, 1006: PAGES / 5, 1008: 3 * PAGES / 20, 1009: PAGES / 5, 4410: PAGES / 20 });
    await eventually("all have left", async () => (await worker.stats()).open === 0 && node.connections() === 0);
    let stats;
    await eventually("all goroutines have ended", async () => (stats = await worker.stats()).goroutines < 20);
    const { goroutines, heap, memory } = stats;
    t.diagnostic(`turn ${turn}: ${goroutines} goroutines, ${(heap / 2 ** 20).toFixed(1)} MiB heap, ${(memory / 2 ** 20).toFixed(1)} MiB in all`);
    if (turn > 0) {
      assert.ok(goroutines <= before.goroutines, `${goroutines} goroutines, ${before.goroutines} before`);
      assert.ok(heap < before.heap + (1 << 20), `${heap} bytes of heap, ${before.heap} before`);
      assert.ok(memory < 96 << 20, `${memory} bytes of memory`);
    }
    before = stats;
  }
});
