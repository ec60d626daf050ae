/** The worker thread that runs the node for a program in Node. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { parentPort } from "node:worker_threads";
import { Engine } from "./engine.js";
import type { EngineMessage, PageMessage } from "./protocol.js";
import { fetchModule, runModule } from "./run-module.js";

const fileModule = runModule(async (url, imports) => {
  let bytes: Uint8Array<ArrayBuffer> = await readFile(fileURLToPath(url));
  if (url.endsWith(".gz")) bytes = gunzipSync(bytes);
  return (await WebAssembly.instantiate(bytes, imports)).instance;
});

const port = parentPort!;
new Engine(
  {
    post: (message: EngineMessage, transfer = []) => port.postMessage(message, transfer),
    listen: (onMessage: (m: PageMessage) => void) => port.on("message", onMessage),
    close: () => port.close(),
  },
  (url, onExit) => (url.startsWith("file:") ? fileModule : fetchModule)(url, onExit),
  undefined,
  () => port.close(),
);
