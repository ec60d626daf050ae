/** What the WebAssembly module shows to JavaScript. */

/** Set by the module when it runs: `globalThis.__voile_ready(api)`. */
export interface ModuleApi {
  /** Version of this interface. */
  abi: 1;
  /** Version of the module, for people. */
  version: string;
  /** Starts a node; rejects with errors whose code is a kind. */
  start(config: string, host: ModuleHost): Promise<NodeHandle>;
}

/** What the module is told of the place where it runs. */
export interface ModuleHost {
  /** Where tables and secrets are. */
  storage: "indexeddb" | "memory";
  /** Name in IndexedDB. */
  database: string;
  /** The page is https: only wss is used. */
  secure: boolean;
  /** The least grave Log updates; none if left out. */
  logLevel?: string;
  /** Bytes; none if left out. */
  memoryLimit?: number;
  /** URLs of WebSocket gateways, which carry all that is ws. */
  gateways?: string[];
  /** Called once when the node has failed from within and is closing. */
  onCrash(text: string, stack: string): void;
}

/** A node that runs. */
export interface NodeHandle {
  /** One client of the node. A promise that onUpdate returns is awaited before the next update. */
  open(onUpdate: (line: string, blobs: Uint8Array[]) => void | Promise<void>): SessionHandle;
  /** Connectivity has changed. */
  networkChanged(online: boolean): void;
  /** Whether the user sees the application; true again and again does no harm. */
  setForeground(on: boolean): void;
  /** Its memory. */
  stats(): Omit<NodeStats, "wasmMemory">;
  /** Ends it; all sessions end. */
  close(): Promise<void>;
}

/** One client of a node, with its own objects. */
export interface SessionHandle {
  /** Sends a request; the answer always comes, and has what went wrong in it. */
  call(line: string, blobs: Uint8Array[]): { id: number; answer: Promise<{ line: string; blobs: Uint8Array[] }> };
  /** Ends a call, which is answered all the same. */
  cancel(id: number): void;
  /** Ends the session and releases its objects. */
  close(): Promise<void>;
}

/** Memory of a node in bytes. */
export interface NodeStats {
  /** Live objects of the node. */
  goHeap: number;
  /** What the node has taken from the system; it never shrinks. */
  goSys: number;
  /** Tasks of the node. */
  goroutines: number;
  /** Stored values; missing where that is not known. */
  storeBytes?: number;
  /** All memory of the WebAssembly module, which goSys is a part of; it never shrinks. */
  wasmMemory: number;
}

/** A module that runs. */
export interface Running {
  /** What it shows. */
  api: ModuleApi;
  /** Its memory in bytes. */
  memory(): number;
}

/** Runs the module and gives its interface. */
export type LoadModule = (wasmUrl: string, onExit: (reason: string) => void) => Promise<Running>;
