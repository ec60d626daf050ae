/** The package for pages: the node runs in a Web Worker. */
import { startOn, type StartOptions, type VoileNode } from "./node-api.js";
import { portChannel, type EngineMessage, type PageMessage } from "./protocol.js";
import { startRawOn, type RawEvents, type RawNode } from "./raw.js";
import { watchPage, type Platform } from "./spawn.js";

export * from "./api.js";

const platform: Platform = {
  spawn(workerUrl) {
    // Bundlers look for this very form.
    const worker = workerUrl === undefined
      ? new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "voile" })
      : new Worker(workerUrl, { type: "module", name: "voile" });
    return {
      channel: portChannel<EngineMessage, PageMessage>(worker),
      onDeath(f) {
        worker.addEventListener("error", (e: ErrorEvent) => {
          // An event without a text says that the file did not load.
          f(e.message ? `the worker has failed: ${e.message} (${e.filename}:${e.lineno})` : `the worker could not be loaded from ${workerUrl ?? "the package's folder"}: is the file served there, and does the page's Content-Security-Policy allow it (worker-src)?`);
        });
        worker.addEventListener("messageerror", () => f("a message of the worker could not be read"));
      },
      kill: () => worker.terminate(),
    };
  },
  wasmUrl: new URL("./voile.wasm", import.meta.url).href,
  debugWasmUrl: new URL("./voile-debug.wasm", import.meta.url).href,
  secure: globalThis.location?.protocol === "https:",
  storage: typeof indexedDB === "undefined" ? "memory" : "indexeddb",
  watch: watchPage,
};

/**
 * Starts a node in a worker of its own, or joins the one of another tab of this origin.
 * Resolves when the node runs, which is before it is attached.
 */
export function startNode(options: StartOptions): Promise<VoileNode> {
  return startOn(platform, options);
}

/** As startNode, for bindings of other languages: lines of the API instead of objects. */
export function startRawNode(options: StartOptions & Partial<RawEvents>): Promise<RawNode> {
  return startRawOn(platform, options);
}
