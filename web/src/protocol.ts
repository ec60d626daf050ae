/** The messages between a page and its engine, and between an engine and the one that owns the node. */
import type { NodeStats } from "./module.js";
import type { VoileErrorFields } from "./error.js";
import type { ErrorKind } from "./generated/api.js";

/** An error as it crosses. */
export interface SentError {
  kind: ErrorKind;
  fields: VoileErrorFields;
}

/** What an engine needs to know to start. */
export interface EngineOptions {
  /** JSON of the configuration, as the node reads it. */
  config: string;
  storage: "indexeddb" | "memory";
  database: string;
  secure: boolean;
  /** `share`: other tabs' engines become clients of the first. */
  tabs: "share" | "exclusive";
  wasmUrl: string;
  logLevel?: string;
  memoryLimit?: number;
  gateways?: string[];
}

/** Whether this engine runs the node or is a client of another tab's. */
export type Role = "owner" | "client";

/** What a client of a node asks; it comes from a page, or from another engine. */
export type Ask =
  /** `of`: the generation of the node that has the object which the call is on. */
  | { t: "call"; n: number; line: string; blobs: Uint8Array[]; of?: number }
  | { t: "cancel"; n: number }
  /** The kinds of updates that somebody takes. */
  | { t: "want"; kinds: string[] }
  /** Updates that were taken, of the session `g`. */
  | { t: "ack"; g: number; count: number }
  | { t: "foreground"; on: boolean }
  | { t: "online"; on: boolean }
  | { t: "stats"; n: number };

/** What a client of a node hears. */
export type Tell =
  | { t: "answer"; n: number; line: string; blobs: Uint8Array[] }
  | { t: "fault"; n: number; error: SentError }
  | { t: "update"; g: number; line: string; blobs: Uint8Array[] }
  | { t: "stats"; n: number; stats: NodeStats };

/** Page to engine. */
export type PageMessage =
  | Ask
  | { t: "start"; options: EngineOptions }
  /** The page is being frozen: give the node to another tab. */
  | { t: "suspend" }
  | { t: "resume" }
  | { t: "close" };

/** Engine to page. */
export type EngineMessage =
  | Tell
  | { t: "ready"; role: Role; version: string }
  /** The object of a call was of another node. Nothing was done. */
  | { t: "stale"; n: number }
  /** The start has failed. */
  | { t: "failed"; error: SentError }
  /** There is another node behind: handles of before are gone. */
  | { t: "takeover"; role: Role; version: string }
  | { t: "crash"; text: string; stack: string }
  | { t: "closed" };

/** Engine to engine of the same database, on the channel that all hear. */
export type TabMessage =
  /** A client looks for the owner; it hears on the channel of its own name. */
  | { m: "hello"; client: string }
  /** An owner is there. */
  | { m: "owner"; epoch: string }
  /** Whether the node is attached or about to be. */
  | { m: "attached"; on: boolean };

/** Engine to engine on a client's channel. */
export type ClientMessage = Ask | { t: "bye" };
export type OwnerMessage = Tell | { t: "welcome"; epoch: string; version: string; attached: boolean } | { t: "gone" };

/** A two-way road for messages. Messages arrive in order. */
export interface Channel<In, Out> {
  /** Sends; the buffers in transfer belong to the receiver then. */
  post(message: Out, transfer?: ArrayBuffer[]): void;
  /** Who hears; set once, before the first message. */
  listen(onMessage: (message: In) => void): void;
  close(): void;
}

/** The buffers of blobs that may be handed over whole. */
export function buffersOf(blobs: Uint8Array[]): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const b of blobs) if (b.buffer instanceof ArrayBuffer && b.byteLength === b.buffer.byteLength) buffers.add(b.buffer);
  return [...buffers];
}

interface PortLike {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
  start?(): void;
  close?(): void;
  terminate?(): void;
}

/** The channel of a MessagePort, a Worker or a worker's global scope. */
export function portChannel<In, Out>(port: PortLike, end: () => void = () => port.close?.()): Channel<In, Out> {
  return {
    post: (message, transfer = []) => port.postMessage(message, transfer),
    listen(onMessage) {
      port.addEventListener("message", (event) => onMessage(event.data as In));
      port.start?.();
    },
    close: end,
  };
}
