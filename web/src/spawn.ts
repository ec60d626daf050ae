import type { Channel, EngineMessage, PageMessage } from "./protocol.js";

/** An engine as the page holds it. */
export interface Engined {
  channel: Channel<EngineMessage, PageMessage>;
  /** Calls f if the engine cannot be loaded, or has died. */
  onDeath(f: (reason: string) => void): void;
  /** Ends it at once, whatever it does. */
  kill(): void;
}

/** What differs between a page, a worker and Node. */
export interface Platform {
  /** Starts an engine. workerUrl: undefined: the package's own. */
  spawn(workerUrl: string | undefined): Engined;
  /** Where the module is unless an option says otherwise. */
  wasmUrl: string;
  /** The same, of the module with the debug language. */
  debugWasmUrl: string;
  /** Whether only secure connections may be made. */
  secure: boolean;
  storage: "indexeddb" | "memory";
  /** Watches the life of the page; returns what ends that. */
  watch(page: PageLife): () => void;
}

/** What the life of a page is told to. */
export interface PageLife {
  foreground(on: boolean): void;
  online(on: boolean): void;
  suspend(): void;
  resume(): void;
  /** Another page comes, and this one does not come back. */
  leave(): void;
}

/** Watches the events of a page: seen or hidden, frozen, kept in the cache for "back", online or not. */
export function watchPage(page: PageLife): () => void {
  const ends = new AbortController();
  const on = (target: EventTarget, type: string, f: (e: Event) => void): void => target.addEventListener(type, f, { signal: ends.signal });
  on(globalThis, "online", () => page.online(true));
  on(globalThis, "offline", () => page.online(false));
  const connection = (navigator as { connection?: EventTarget }).connection;
  if (connection !== undefined) on(connection, "change", () => page.online(navigator.onLine));
  if (typeof document === "undefined") return () => ends.abort();
  on(document, "visibilitychange", () => page.foreground(document.visibilityState === "visible"));
  on(document, "freeze", () => page.suspend());
  on(document, "resume", () => page.resume());
  on(globalThis, "pagehide", (e) => ((e as PageTransitionEvent).persisted ? page.suspend() : page.leave()));
  on(globalThis, "pageshow", (e) => {
    if ((e as PageTransitionEvent).persisted) page.resume();
  });
  if (document.visibilityState !== "visible") page.foreground(false);
  return () => ends.abort();
}
