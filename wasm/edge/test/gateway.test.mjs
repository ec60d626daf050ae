import assert from "node:assert/strict";
import dgram from "node:dgram";
import http from "node:http";
import { test } from "node:test";
import { eventually, LARGEST, open, OPEN, REFUSED, startNode, startTCP, startWorker } from "./harness.mjs";

test("messages go both ways, whole and unchanged", async (t) => {
  const node = await startNode(t);
  const worker = await startWorker(t);
  const page = await open(worker, node.path);
  assert.equal(page.protocol, OPEN);
  for (const size of [1, 125, 126, 5000, LARGEST, 3]) {
    const message = Buffer.alloc(size, size);
    page.send(message);
    assert.ok(message.equals(await page.next()), `${size} bytes`);
  }
  page.send(Buffer.from("in "), { fin: false });
  page.send(Buffer.from("parts"), { fin: true });
  assert.equal(String(await page.next()), "in parts");
  // What the node learns of the page: nothing.
  const headers = JSON.stringify(node.requests[0]);
  assert.deepEqual(Object.keys(node.requests[0]).sort(), ["connection", "host", "sec-websocket-key", "sec-websocket-version", "upgrade"]);
  assert.ok(!headers.includes("app.example"));
  page.close(1000);
  assert.equal((await page.closed).code, 1000);
  await eventually("the node hears of the end", () => node.connections() === 0);
  const stats = await worker.stats();
  assert.equal(stats.open, 0);
  assert.equal(stats.messagesUp, 7);
  assert.deepEqual(stats.ended, { 1000: 1 });
  // Without the subprotocols it is the same.
  const plain = await open(worker, node.path, { protocols: [] });
  assert.equal(plain.protocol, "");
  plain.send(Buffer.from("hello"));
  assert.equal(String(await plain.next()), "hello");
  plain.terminate();
});

test("what a page does wrong has its code", async (t) => {
  const node = await startNode(t);
  const worker = await startWorker(t);
  for (const [name, send, code] of [
    ["text", (p) => p.send("hello"), 1003],
    ["empty", (p) => p.send(Buffer.alloc(0)), 1008],
    ["too large", (p) => p.send(Buffer.alloc(LARGEST + 1)), 1009],
    ["huge", (p) => p.send(Buffer.alloc(8 << 20)), 1009],
    ["reserved bits", (p) => p._socket.write(Buffer.from([0xf2, 0x81, 1, 2, 3, 4, 0])), 1002],
    ["unknown kind", (p) => p._socket.write(Buffer.from([0x83, 0x81, 1, 2, 3, 4, 0])), 1002],
    ["continuation of nothing", (p) => p._socket.write(Buffer.from([0x80, 0x81, 1, 2, 3, 4, 0])), 1002],
    ["leaves", (p) => p.close(1000, "bye"), 1000],
    ["leaves without a word", (p) => p.terminate(), 1006],
  ]) {
    const page = await open(worker, node.path);
    send(page);
    const { code: got } = await page.closed;
    assert.equal(got, code, name);
  }
  await eventually("all have left", async () => (await worker.stats()).open === 0 && node.connections() === 0);
  const page = await open(worker, node.path);
  page.send(Buffer.from("still there"));
  assert.equal(String(await page.next()), "still there");
  page.terminate();
});

test("more messages than can be passed on", async (t) => {
  const node = await startNode(t);
  const worker = await startWorker(t, { messages_per_client: 1 });
  const page = await open(worker, node.path);
  for (let i = 0; i < 300; i++) page.send(Buffer.alloc(10));
  assert.equal((await page.closed).code, 1008);
  await eventually("it has left", async () => (await worker.stats()).open === 0 && node.connections() === 0);
  assert.ok((await worker.stats()).messagesUp < 20);
});

test("floods of parts and control frames do no harm", async (t) => {
  const node = await startNode(t);
  const worker = await startWorker(t);
  const masked = (first) => Buffer.from([first, 0x80, 1, 2, 3, 4]);
  for (const [name, first, again] of [["parts", masked(0x02), masked(0x00)], ["pings", masked(0x89), masked(0x89)], ["pongs", masked(0x8a), masked(0x8a)]]) {
    const page = await open(worker, node.path);
    page._socket.write(first);
    const many = Buffer.concat(Array(10000).fill(again));
    for (let i = 0; i < 30; i++) await new Promise((sent) => page._socket.write(many, sent));
    const other = await open(worker, node.path);
    other.send(Buffer.from("hello"));
    assert.equal(String(await other.next()), "hello", name);
    other.terminate();
    page.terminate();
  }
  await eventually("all have left", async () => (await worker.stats()).open === 0 && node.connections() === 0);
  assert.equal((await worker.stats()).messagesUp, 3);
});

test("a node's end and a node's faults have their codes", async (t) => {
  const worker = await startWorker(t);
  const upgrade = async (socket) => {
    const head = await new Promise((done) => socket.once("data", done));
    const key = /sec-websocket-key: (.*)\r/i.exec(String(head))[1];
    const { createHash } = await import("node:crypto");
    const accept = createHash("sha1").update(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest("base64");
    return `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ${accept}\r\n\r\n`;
  };
  for (const [name, frames, code] of [
    ["closes", [0x88, 2, 3, 0xe8], 1000],
    ["sends text", [0x81, 1, 0x78], 4502],
    ["pings", [0x89, 0], 4502],
    ["sends too much", [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0], 4502],
    ["breaks off", null, 4502],
  ]) {
    const node = await startTCP(t, async (socket) => {
      const answer = await upgrade(socket);
      if (frames) socket.write(Buffer.concat([Buffer.from(answer), Buffer.from(frames)]));
      else socket.end(answer);
    });
    const page = await open(worker, `/ws/127.0.0.1/${node.port}/ws`);
    assert.equal((await page.closed).code, code, name);
    await eventually("the connection to the node ends", () => node.connections() === 0);
  }
  assert.equal((await worker.stats()).open, 0);
});

test("refusals have a code for who understands it, and a status for others", async (t) => {
  const node = await startNode(t);
  const full = await startNode(t);
  const mute = await startTCP(t, (socket) => socket.resume());
  const mail = await startTCP(t, (socket) => socket.resume().write("220 mail.example ESMTP\r\n"));
  const page404 = http.createServer((request, response) => response.end("no"));
  await new Promise((ready) => page404.listen(0, "127.0.0.1", ready));
  t.after(() => { page404.closeAllConnections(); page404.close(); });
  const worker = await startWorker(t, { connect_timeout: "500ms", max_per_node: 1 }, { DOH: "" });
  const held = await open(worker, full.path);
  for (const [path, code, status] of [
    ["/ws/127.0.0.1", 4400, 400],
    [`${node.path}?x`, 4400, 400],
    ["/ws/10.0.0.1/5150/ws", 4403, 403],
    ["/ws/169.254.169.254/80/", 4403, 403],
    ["/ws/8.8.8.8/5150/ws", 4403, 403],
    ["/ws/node.example/5150/ws", 4404, 404],
    [full.path, 4429, 429],
    ["/ws/127.0.0.1/1/ws", 4502, 502],
    [`/ws/127.0.0.1/${page404.address().port}/ws`, 4502, 502],
    [`/ws/127.0.0.1/${mail.port}/ws`, 4504, 504],
    [`/ws/127.0.0.1/${mute.port}/ws`, 4504, 504],
  ]) {
    const page = await open(worker, path);
    assert.equal(page.protocol, REFUSED, path);
    const end = await page.closed;
    assert.equal(end.code, code, `${path}: ${end.reason}`);
    assert.ok(end.reason.length > 5);
    await assert.rejects(open(worker, path, { protocols: [] }), { status }, path);
  }
  for (const origin of ["https://evil.example", ""]) {
    await assert.rejects(open(worker, node.path, { origin }), { status: 403 });
  }
  assert.equal(node.connections(), 0);
  assert.equal((await worker.get("/")).status, 200);
  assert.equal((await worker.get(node.path)).status, 426);
  held.terminate();
  await eventually("all have left", async () => (await worker.stats()).open === 0);
  await eventually("and their nodes", () => mute.connections() === 0 && mail.connections() === 0);
});

test("too many connections of one client", async (t) => {
  const node = await startNode(t);
  const worker = await startWorker(t, { max_per_client: 3 });
  const pages = [];
  for (let i = 0; i < 3; i++) pages.push(await open(worker, node.path));
  const over = await open(worker, node.path);
  assert.equal((await over.closed).code, 4429);
  pages.pop().close();
  await eventually("there is room again", async () => (await worker.stats()).open === 2);
  pages.push(await open(worker, node.path));
  for (const p of pages) p.terminate();
});

test("idle connections end, though nothing happens", async (t) => {
  const node = await startNode(t);
  const worker = await startWorker(t, { idle_timeout: "1s" });
  const page = await open(worker, node.path);
  page.send(Buffer.from("x"));
  await page.next();
  assert.equal((await page.closed).code, 4408);
  await eventually("the node hears of it", () => node.connections() === 0);
});

test("a page that does not read is not sent more and more", async (t) => {
  const node = await startNode(t, async (ws) => {
    for (let i = 0; i < 1000 && ws.readyState === 1; i++) await new Promise((sent) => ws.send(Buffer.alloc(60000), () => sent()));
  });
  const worker = await startWorker(t, { send_timeout: "1s", bytes_per_client: 1 << 30, bytes_total: 1 << 30 });
  const page = await open(worker, node.path);
  page.send(Buffer.from("flood"));
  page._socket.pause();
  await eventually("it is let go", async () => (await worker.stats()).ended[4410] === 1);
  const stats = await worker.stats();
  assert.ok(stats.bytesDown < 3 << 20, `${stats.bytesDown} bytes were sent`);
  await eventually("so is its node", () => node.connections() === 0);
  page._socket.resume();
  assert.equal((await page.closed).code, 4410);
});

test("a node that does not read ends the connection", async (t) => {
  const node = await startNode(t, () => {});
  const worker = await startWorker(t, { send_timeout: "1s", bytes_per_client: 1 << 30, messages_per_client: 100000 });
  const page = await open(worker, node.path);
  for (const ws of node.clients) ws._socket.pause();
  const flood = setInterval(() => page.send(Buffer.alloc(60000)), 1);
  const { code } = await page.closed;
  clearInterval(flood);
  assert.ok(code === 4504 || code === 1008, `code ${code}`); // whichever bound is met first
  await eventually("nothing is left", async () => (await worker.stats()).open === 0);
});

test("names are resolved by DNS over HTTPS, once, and checked", async (t) => {
  const node = await startNode(t);
  let asked = 0;
  const answers = { "node.example": [127, 0, 0, 1], "evil.example": [10, 0, 0, 1] };
  const resolver = http.createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      asked++;
      const query = Buffer.concat(parts);
      const labels = [];
      let at = 12;
      for (; query[at]; at += query[at] + 1) labels.push(query.toString("latin1", at + 1, at + 1 + query[at]));
      const name = labels.join(".");
      const isA = query.readUInt16BE(at + 1) === 1;
      const answer = Buffer.from(query);
      const address = isA && answers[name];
      answer.writeUInt16BE(name === "none.example" ? 0x8183 : 0x8180, 2);
      answer.writeUInt16BE(address ? 2 : 0, 6);
      const alias = Buffer.from([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 2, 0xc0, 12]);
      const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, ...(address || [])]);
      response.setHeader("Content-Type", "application/dns-message");
      response.end(name === "broken.example" ? Buffer.from("no DNS at all") : address ? Buffer.concat([answer, alias, record]) : answer);
    });
  });
  await new Promise((ready) => resolver.listen(0, "127.0.0.1", ready));
  t.after(() => { resolver.closeAllConnections(); resolver.close(); });
  const worker = await startWorker(t, {}, { DOH: `http://127.0.0.1:${resolver.address().port}/dns-query` });
  const page = await open(worker, `/ws/node.example/${node.port}/ws`);
  page.send(Buffer.from("hello"));
  assert.equal(String(await page.next()), "hello");
  assert.equal(node.requests[0].host, `node.example:${node.port}`);
  assert.equal(asked, 2); // A and AAAA
  page.terminate();
  for (const [name, code] of [["evil.example", 4403], ["none.example", 4404], ["empty.example", 4404], ["broken.example", 4404]]) {
    const refused = await open(worker, `/ws/${name}/5150/ws`);
    assert.equal((await refused.closed).code, code, name);
  }
});

test("IPv6", async (t) => {
  const socket = dgram.createSocket("udp6");
  const has = await new Promise((done) => { socket.on("error", () => done(false)); socket.bind(0, "::1", () => done(true)); });
  socket.close();
  if (!has) return t.skip("SKIP: this machine has no ::1");
  const node = await startNode(t, undefined, "::1");
  const worker = await startWorker(t);
  const page = await open(worker, node.path);
  page.send(Buffer.from("hello"));
  assert.equal(String(await page.next()), "hello");
  assert.equal(node.requests[0].host, `[::1]:${node.port}`);
  page.terminate();
});

test("settings that are wrong are told in the log, not to pages", async (t) => {
  const worker = await startWorker(t, { origins: ["nonsense"] });
  await assert.rejects(open(worker, "/ws/127.0.0.1/1/ws"), { status: 500 });
});
