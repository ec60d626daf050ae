/** The package for code that is in a worker already: the node runs beside it, in the same thread. */
import { Engine } from "./engine.js";
import { startOn, type StartOptions, type VoileNode } from "./node-api.js";
import { portChannel, type EngineMessage, type PageMessage } from "./protocol.js";
import { startRawOn, type RawEvents, type RawNode } from "./raw.js";
import { fetchModule } from "./run-module.js";
import { watchPage, type Platform } from "./spawn.js";
import { tabPlatform } from "./tabs.js";

export * from "./api.js";

const platform: Platform = {
  spawn() {
    const { port1, port2 } = new MessageChannel();
    const end = (): void => port1.close();
    new Engine(portChannel<PageMessage, EngineMessage>(port2), fetchModule, tabPlatform(), end);
    return { channel: portChannel<EngineMessage, PageMessage>(port1), onDeath() {}, kill: end };
  },
  wasmUrl: new URL("./voile.wasm", import.meta.url).href,
  debugWasmUrl: new URL("./voile-debug.wasm", import.meta.url).href,
  secure: globalThis.location?.protocol === "https:",
  storage: typeof indexedDB === "undefined" ? "memory" : "indexeddb",
  watch: watchPage,
};

/** As startNode of a page. The node and the caller share a thread. */
export function startNode(options: StartOptions): Promise<VoileNode> {
  return startOn(platform, options);
}

/** As startNode, for bindings of other languages: lines of the API instead of objects. */
export function startRawNode(options: StartOptions & Partial<RawEvents>): Promise<RawNode> {
  return startRawOn(platform, options);
}
