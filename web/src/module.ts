/** What the WebAssembly module shows to JavaScript. */

/** Set by the module when it runs: `globalThis.__voile_ready(api)`. */
export interface ModuleApi {
  /** Version of this interface. */
  abi: 1;
  version: string;
  /** Starts a node; rejects with errors whose code is a kind. */
  start(config: string, host: ModuleHost): Promise<NodeHandle>;
}

export interface ModuleHost {
  storage: "indexeddb" | "memory";
  database: string;
  /** The page is https: only wss is used. */
  secure: boolean;
  logLevel?: string;
  /** Bytes. */
  memoryLimit?: number;
  /** Called once when the node has failed from within and is closing. */
  onCrash(text: string, stack: string): void;
}

export interface NodeHandle {
  /** One client of the node. A promise that onUpdate returns is awaited before the next update. */
  open(onUpdate: (line: string, blobs: Uint8Array[]) => void | Promise<void>): SessionHandle;
  networkChanged(online: boolean): void;
  setForeground(on: boolean): void;
  stats(): Omit<NodeStats, "wasmMemory">;
  close(): Promise<void>;
}

export interface SessionHandle {
  call(line: string, blobs: Uint8Array[]): { id: number; answer: Promise<{ line: string; blobs: Uint8Array[] }> };
  cancel(id: number): void;
  close(): Promise<void>;
}

/** Memory of a node in bytes. */
export interface NodeStats {
  /** Live objects of the node. */
  goHeap: number;
  /** What the node has taken from the system; it never shrinks. */
  goSys: number;
  goroutines: number;
  /** Stored values; missing where that is not known. */
  storeBytes?: number;
  /** All memory of the WebAssembly module, which goSys is a part of; it never shrinks. */
  wasmMemory: number;
}

/** A module that runs. */
export interface Running {
  api: ModuleApi;
  /** Its memory in bytes. */
  memory(): number;
}

/** Runs the module and gives its interface. */
export type LoadModule = (wasmUrl: string, onExit: (reason: string) => void) => Promise<Running>;
