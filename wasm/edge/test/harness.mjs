// What the tests have in common: the worker under workerd, nodes that echo, pages.
import http from "node:http";
import net from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Miniflare } from "miniflare";
import WebSocket, { WebSocketServer } from "ws";

const edge = fileURLToPath(new URL("..", import.meta.url));

export const ORIGIN = "https://app.example";
export const OPEN = "voile.gateway";
export const REFUSED = "voile.gateway.refused";
export const LARGEST = 65507;

/** The worker under workerd. */
export function miniflare(settings, options = {}) {
  return new Miniflare({
    modulesRoot: edge,
    modules: [
      { type: "ESModule", path: path.join(edge, "test/watched.mjs") },
      { type: "ESModule", path: path.join(edge, "worker/worker.mjs") },
      { type: "ESModule", path: path.join(edge, "worker/wasm_exec.js") },
      { type: "CompiledWasm", path: path.join(edge, "worker/gateway.wasm") },
    ],
    compatibilityDate: "2026-04-01",
    durableObjects: { GATEWAY: { className: "Gateway", useSQLite: true } },
    port: 0,
    ...options,
    bindings: { SHARDS: "1", SETTINGS: JSON.stringify(settings), ...options.bindings },
  });
}

/** Starts the worker for a test. settings go over those that reach loopback. */
export async function startWorker(t, settings = {}, bindings = {}) {
  const mf = miniflare({
    origins: [ORIGIN], nodes: ["127.0.0.0/8", "[::1]"], max_connections: 1000, max_per_client: 1000, max_per_node: 1000,
    opens_per_client: 1000000, opens_per_node: 1000000, ...settings,
  }, { bindings });
  t.after(() => mf.dispose());
  const url = await mf.ready;
  const at = `127.0.0.1:${url.port}`;
  return { at, get: (path) => get(at, path), stats: async () => JSON.parse((await get(at, "/stats")).body) };
}

/** Asks once over a connection of its own. */
function get(at, path) {
  return new Promise((resolve, reject) => {
    http.get(`http://${at}${path}`, { agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (part) => { body += part; }).on("end", () => resolve({ status: response.statusCode, body }));
    }).on("error", reject);
  });
}

/** Listens as a node does. handle(ws, message) answers; without it messages come back. */
export async function startNode(t, handle = (ws, message) => ws.send(message), host = "127.0.0.1") {
  const server = http.createServer();
  const sockets = new WebSocketServer({ server, path: "/ws", perMessageDeflate: false });
  const requests = [];
  sockets.on("connection", (ws, request) => {
    requests.push(request.headers);
    ws.binaryType = "nodebuffer";
    ws.on("error", () => {});
    ws.on("message", (message) => handle(ws, message));
  });
  await new Promise((ready) => server.listen(0, host, ready));
  t.after(() => new Promise((done) => {
    for (const ws of sockets.clients) ws.terminate();
    server.closeAllConnections();
    server.close(done);
  }));
  const { port } = server.address();
  return { port, path: `/ws/${host}/${port}/ws`, requests, connections: () => sockets.clients.size, clients: sockets.clients };
}

/** A TCP server that does what it is told with each connection. */
export async function startTCP(t, handle) {
  const all = new Set();
  const server = net.createServer((socket) => {
    all.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => all.delete(socket));
    handle(socket);
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  t.after(() => { for (const s of all) s.destroy(); server.close(); });
  return { port: server.address().port, connections: () => all.size };
}

/** Opens a page's WebSocket; it rejects with the HTTP status when there is none. */
export function open(worker, path, { protocols = [OPEN, REFUSED], origin = ORIGIN } = {}) {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(`ws://${worker.at}${path}`, protocols, { headers: origin ? { Origin: origin } : {}, perMessageDeflate: true });
    ws.binaryType = "nodebuffer";
    ws.queue = [];
    ws.closed = new Promise((done) => ws.on("close", (code, reason) => done({ code, reason: String(reason) })));
    ws.on("message", (data, binary) => {
      const take = ws.waiting;
      ws.waiting = undefined;
      if (take) take(binary ? data : `text: ${data}`);
      else ws.queue.push(binary ? data : `text: ${data}`);
    });
    ws.next = () => (ws.queue.length ? Promise.resolve(ws.queue.shift()) : new Promise((take) => { ws.waiting = take; }));
    ws.on("error", (error) => reject(error));
    ws.on("unexpected-response", (request, response) => {
      response.resume();
      reject(Object.assign(new Error(`status ${response.statusCode}`), { status: response.statusCode }));
    });
    ws.on("open", () => resolve(ws));
  });
}

/** Waits for something that follows without an event. */
export async function eventually(what, ok, within = 60000) {
  for (const end = Date.now() + within; !(await ok());) {
    if (Date.now() > end) throw new Error(`not within ${within} ms: ${what}`);
    await new Promise((later) => setTimeout(later, 50));
  }
}
