/** The package for Node 20 and newer: the node runs in a worker thread and keeps nothing. */
import { Worker } from "node:worker_threads";
import { startOn, type StartOptions, type VoileNode } from "./node-api.js";
import type { EngineMessage } from "./protocol.js";
import { startRawOn, type RawEvents, type RawNode } from "./raw.js";
import type { Platform } from "./spawn.js";

export * from "./api.js";

const platform: Platform = {
  spawn(workerUrl) {
    const url = workerUrl === undefined ? new URL("./worker-node.js", import.meta.url) : new URL(workerUrl);
    // Node 20 has a WebSocket, which it shows when asked.
    const execArgv = "WebSocket" in globalThis ? process.execArgv : [...process.execArgv, "--experimental-websocket"];
    const worker = new Worker(url, { execArgv, name: "voile" });
    return {
      channel: {
        post: (message, transfer = []) => worker.postMessage(message, transfer),
        listen: (onMessage: (m: EngineMessage) => void) => worker.on("message", onMessage),
        close: () => void worker.terminate(),
      },
      onDeath(f) {
        worker.on("error", (e) => f(`the worker has failed: ${e.message}`));
        worker.on("messageerror", () => f("a message of the worker could not be read"));
        worker.on("exit", () => f("the worker has ended"));
      },
      kill: () => void worker.terminate(),
    };
  },
  wasmUrl: new URL("./voile.wasm", import.meta.url).href,
  debugWasmUrl: new URL("./voile-debug.wasm", import.meta.url).href,
  secure: false,
  storage: "memory",
  watch: () => () => {},
};

/** Starts a node in a worker thread. Resolves when the node runs, which is before it is attached. */
export function startNode(options: StartOptions): Promise<VoileNode> {
  return startOn(platform, options);
}

/** As startNode, for bindings of other languages: lines of the API instead of objects. */
export function startRawNode(options: StartOptions & Partial<RawEvents>): Promise<RawNode> {
  return startRawOn(platform, options);
}
