import { VoileError } from "./error.js";
import type { LoadModule, ModuleApi } from "./module.js";
import "./wasm_exec.js"; // of the Go distribution; sets globalThis.Go

interface GoRuntime {
  importObject: WebAssembly.Imports;
  run(instance: WebAssembly.Instance): Promise<void>;
}

declare global {
  var Go: new () => GoRuntime;
  var __voile_ready: ((api: ModuleApi) => void) | undefined;
}

/** One module starts at a time, since each tells of itself by the same global name. */
let turn: Promise<unknown> = Promise.resolve();

/** Makes a loader of a function that gives the compiled module. */
export function runModule(instantiate: (url: string, imports: WebAssembly.Imports) => Promise<WebAssembly.Instance>): LoadModule {
  return (url, onExit) => {
    const mine = turn.then(async () => {
      const go = new Go();
      let instance: WebAssembly.Instance;
      try {
        instance = await instantiate(url, go.importObject);
      } catch (cause) {
        throw new VoileError("Internal", { message: `cannot load the module ${url}: ${cause instanceof Error ? cause.message : String(cause)}` }, { cause });
      }
      const api = await new Promise<ModuleApi>((resolve, reject) => {
        globalThis.__voile_ready = resolve;
        go.run(instance).then(
          () => "the module has ended",
          (e: unknown) => `the module has failed: ${String(e)}`,
        ).then((reason) => {
          reject(new VoileError("Internal", { message: reason }));
          onExit(reason);
        });
      }).finally(() => {
        globalThis.__voile_ready = undefined;
      });
      return { api, memory: () => (instance.exports["mem"] as WebAssembly.Memory).buffer.byteLength };
    });
    turn = mine.catch(() => {});
    return mine;
  };
}

/** Loads by fetch, compiling while the bytes arrive. A name that ends in .gz is unpacked here. */
export const fetchModule: LoadModule = runModule(async (url, imports) => {
  const response = await fetch(url, { credentials: "same-origin" });
  if (!response.ok) throw new Error(`the server answers ${response.status} ${response.statusText}`.trimEnd());
  const packed = new URL(url).pathname.endsWith(".gz") && response.headers.get("content-encoding") === null;
  const body = packed && response.body !== null ? response.body.pipeThrough(new DecompressionStream("gzip")) : response.body;
  // The type is set here, since static servers do not all know it.
  const wasm = new Response(body, { headers: { "content-type": "application/wasm" } });
  return (await WebAssembly.instantiateStreaming(wasm, imports)).instance;
});
