// The gateway as a worker: what the Go program cannot say itself. See doc.go.
//
// Bindings: GATEWAY, a Durable Object namespace of the class Gateway below.
// Variables, all optional:
//   SETTINGS  JSON, the settings of the policy (docs/gateway.md)
//   PREFIX    what the path of all URLs begins with, such as "/voile"
//   SHARDS    over how many objects clients are spread, 1 to 256; default 4
//   DOH       URL of a DNS-over-HTTPS resolver; "" if names are not to be resolved
import "./wasm_exec.js";
import program from "./gateway.wasm";
import { connect } from "cloudflare:sockets";
import { DurableObject } from "cloudflare:workers";

const RESOLVER = "https://cloudflare-dns.com/dns-query";

/** Starts the program, which reads the global while it starts and never again. */
function start(env) {
  return new Promise((ready, fail) => {
    const go = new Go();
    globalThis.voileGateway = {
      connect,
      settings: env.SETTINGS,
      doh: env.DOH ?? RESOLVER,
      ready,
      failed: (text) => fail(new Error(text)),
    };
    try {
      // It comes back as soon as all goroutines wait; only an end of the program is
      // reported by the promise.
      go.run(new WebAssembly.Instance(program, go.importObject)).then(
        () => fail(new Error("the program has ended")), fail);
    } finally {
      delete globalThis.voileGateway;
    }
  });
}

/** The connections of one part of the clients. */
export class Gateway extends DurableObject {
  constructor(state, env) {
    super(state, env);
    this.program = start(env);
    this.program.catch((error) => console.error(`gateway: ${error.message}`));
  }

  /** Opens a WebSocket to the node that the URL names. */
  async fetch(request) {
    let program;
    try {
      program = await this.program;
    } catch {
      return new Response("the gateway does not work; its log says why\n", { status: 500 });
    }
    const header = (name) => request.headers.get(name) ?? "";
    const answer = await program.open(
      header("Voile-Path"), header("Origin"), header("CF-Connecting-IP"), header("Sec-WebSocket-Protocol"));
    if (answer.status !== 101) {
      answer.run(null);
      return new Response(answer.text + "\n", { status: answer.status });
    }
    const { 0: page, 1: ours } = new WebSocketPair();
    ours.binaryType = "arraybuffer";
    ours.accept();
    answer.run(ours);
    const headers = answer.protocol ? { "Sec-WebSocket-Protocol": answer.protocol } : {};
    return new Response(null, { status: 101, webSocket: page, headers });
  }

  /** Numbers for operators, who reach this through a binding only. */
  async stats() {
    return (await this.program).stats();
  }
}

/** Spreads clients, so that all connections of one meet in the same object. */
export function shardOf(address, shards) {
  // Of IPv6 the first 56 bits, as in the policy.
  let key = address;
  if (address.includes(":")) {
    const [head, tail] = address.toLowerCase().split("::");
    const groups = head ? head.split(":") : [];
    if (tail !== undefined) {
      const behind = tail ? tail.split(":") : [];
      while (groups.length + behind.length < 8) groups.push("0");
      groups.push(...behind);
    }
    const number = (i) => parseInt(groups[i] || "0", 16) || 0;
    key = [number(0), number(1), number(2), number(3) >> 8].join(":");
  }
  let hash = 0x811c9dc5; // FNV-1a
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193) >>> 0;
  return hash % shards;
}

export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    const prefix = env.PREFIX ?? "";
    const path = url.pathname.slice(prefix.length) + (url.search ? "?" : "");
    if (!url.pathname.startsWith(prefix) || (path !== "" && !path.startsWith("/"))) {
      return new Response("not found\n", { status: 404 });
    }
    if (path === "" || path === "/") return new Response("A WebSocket gateway for Voile nodes.\n");
    if (request.method !== "GET" || request.headers.get("Upgrade")?.toLowerCase() !== "websocket") {
      return new Response("want a WebSocket\n", { status: 426, headers: { Upgrade: "websocket" } });
    }
    const shards = Math.min(256, Math.max(1, Number.parseInt(env.SHARDS ?? "4", 10) || 1));
    const shard = shardOf(request.headers.get("CF-Connecting-IP") ?? "", shards);
    const inner = new Request(request);
    inner.headers.set("Voile-Path", path);
    return env.GATEWAY.get(env.GATEWAY.idFromName(`gateway-${shard}`)).fetch(inner);
  },
};
