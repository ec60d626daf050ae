// Package module is the border between a node and JavaScript: it carries lines,
// bytes and calls to and from package instance and picks the adapters of a browser.
// web/ is its only user; applications use the classes there.
//
// [Serve] calls globalThis.__voile_ready(api) once, with
//
//	interface ModuleApi {
//	  abi: 1; version: string;
//	  start(config: string, host: Host): Promise<NodeHandle>
//	}
//	interface Host {
//	  storage: "indexeddb" | "memory";
//	  database: string;        // name in IndexedDB; not used for memory
//	  secure: boolean;         // the page came by https: only wss:// can be opened
//	  gateways?: string[];     // wss:// URLs of WebSocket gateways, at most 8, which then carry all that is ws://
//	  logLevel?: string;       // "Error", "Warn", "Info", "Debug", "Trace": there are Log updates
//	  memoryLimit?: number;    // bytes; see instance.Options
//	  onCrash(text: string, stack: string): void; // a bug: the node closes
//	}
//	interface NodeHandle {
//	  open(onUpdate?: (line: string, blobs: Uint8Array[]) => void | Promise<void>): SessionHandle;
//	  networkChanged(online: boolean): void;
//	  setForeground(on: boolean): void;
//	  stats(): { goHeap: number; goSys: number; goroutines: number; storeBytes?: number };
//	  close(): Promise<void>;
//	}
//	interface SessionHandle {
//	  call(line: string, blobs: Uint8Array[]): { id: number; answer: Promise<{ line: string; blobs: Uint8Array[] }> };
//	  cancel(id: number): void;
//	  close(): Promise<void>;
//	}
//
// Lines and blobs are those of bind (the remote JSON API with bytes beside it).
// answer always resolves; what goes wrong with a request is in its line. start
// rejects with an Error whose code is one of the fifteen kinds of the API. Nothing
// else rejects or throws. A panic is a bug: onCrash is told of it, once.
//
// onUpdate gets the updates of a session in order. A promise that it returns is
// waited for before the next: a slow application slows down what comes. Its
// exceptions are logged. Bytes are copied once, into arrays that belong to the
// receiver and can be transferred.
//
// A method of a handle may be called after close: calls are answered with
// NotInitialized, stats gives null, everything else does nothing. Nothing of a closed
// handle stays in memory.
//
// The package imports bind/instance and the adapters.
package module
