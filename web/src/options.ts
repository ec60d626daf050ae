import { encodeConfig } from "./codec.js";
import { invalidArgument } from "./error.js";
import type { Config, LogLevel, PublicKey } from "./generated/api.js";
import type { EngineOptions } from "./protocol.js";
import type { Platform } from "./spawn.js";

/** Some fields of a type, at any depth. */
export type Partly<T> = T extends (infer E)[] ? E[] : T extends object ? { [K in keyof T]?: Partly<T[K]> | undefined } : T;

/** What a node is started with. Only the name is needed. */
export interface StartOptions {
  /** Name of the application; a valid file name. Nodes of one name, namespace and origin share what they store. */
  programName: string;
  /** Separates what is stored under one name; empty if left out. */
  namespace?: string | undefined;
  /**
   * How the node finds others: URLs as `wss://host/ws`; or bootstrap records, which begin
   * with a number. An https page can use `wss:` only. The public network's if left out.
   */
  bootstrap?: string[] | undefined;
  /** Who signs bootstrap records; empty: nobody needs to. The public network's if left out. */
  bootstrapKeys?: PublicKey[] | undefined;
  /** The secret of a network of its own. */
  networkKey?: string | undefined;
  /** Any other setting; what is left out has its default. Unknown fields fail with InvalidArgument. */
  config?: Partly<Config> | undefined;
  /** Where tables and secrets are: `indexeddb` in browsers; `memory`, the default in Node, keeps nothing. */
  storage?: "indexeddb" | "memory" | undefined;
  /** Name of the database; made of programName and namespace if left out. */
  database?: string | undefined;
  /**
   * What happens when another tab of this origin has the node already: `share`, the
   * default, joins it, and takes it over when that tab is closed; `exclusive` fails with
   * AlreadyInitialized.
   */
  tabs?: "share" | "exclusive" | undefined;
  /** Where the module is; beside the package's files if left out. A name that ends in `.gz` is unpacked here. */
  wasmUrl?: string | URL | undefined;
  /**
   * Loads the module that has the debug language of `node.debug` and is a tenth larger;
   * `false` if left out. It has no effect where `wasmUrl` says which module, nor while the
   * node is another tab's, which has chosen.
   */
  debug?: boolean | undefined;
  /** Where the worker's file is; beside the package's files if left out. Its origin must be the page's. */
  workerUrl?: string | URL | undefined;
  /** The least grave `Log` updates; none if left out. */
  logLevel?: LogLevel | undefined;
  /** Bytes that the node tries to stay below, by smaller caches; none if left out. */
  memoryLimit?: number | undefined;
  /**
   * URLs of WebSocket gateways (`voile gateway`) as `wss://gw.example`, at most 8, tried in
   * turn: every node that has `ws:` only is reached through one. An https page needs one
   * where the nodes have no certificates. None if left out.
   */
  gateways?: string[] | undefined;
  /** Gives up the start, which fails with the signal's reason then. */
  signal?: AbortSignal | undefined;
}

/** What the engine needs to know, of what the application has said. */
export function engineOptions(platform: Platform, o: StartOptions): EngineOptions {
  if (typeof o.programName !== "string" || o.programName === "") throw invalidArgument("startNode", "programName", o.programName);
  const namespace = o.namespace ?? "";
  const given = o.config ?? {};
  const network = given.network ?? {};
  const records = o.bootstrap?.filter((b) => /^\d+\|/.test(b));
  const urls = o.bootstrap?.filter((b) => !/^\d+\|/.test(b));
  const keys = o.bootstrapKeys ?? (records !== undefined && records.some((r) => r.startsWith("0|")) ? [] : undefined);
  const config: Partly<Config> = {
    ...given,
    programName: o.programName,
    namespace,
    network: {
      ...network,
      ...(o.networkKey === undefined ? {} : { networkKeyPassword: o.networkKey }),
      routingTable: {
        ...network.routingTable,
        ...(urls === undefined ? {} : { bootstrap: urls, bootstrapRecords: records }),
        ...(keys === undefined ? {} : { bootstrapKeys: keys }),
      },
    },
  };
  const base = typeof location === "undefined" ? undefined : location.href;
  return {
    config: encodeConfig(config),
    storage: o.storage ?? platform.storage,
    database: o.database ?? ["voile", o.programName, ...(namespace === "" ? [] : [namespace])].join("-"),
    secure: platform.secure,
    tabs: o.tabs ?? "share",
    wasmUrl: o.wasmUrl === undefined ? (o.debug === true ? platform.debugWasmUrl : platform.wasmUrl) : new URL(o.wasmUrl, base).href,
    ...(o.logLevel === undefined ? {} : { logLevel: o.logLevel }),
    ...(o.memoryLimit === undefined ? {} : { memoryLimit: o.memoryLimit }),
    ...(o.gateways === undefined ? {} : { gateways: o.gateways }),
  };
}

/** The address of the worker's file, if the application has said one. */
export function workerUrlOf(o: StartOptions): string | undefined {
  if (o.workerUrl === undefined) return undefined;
  return new URL(o.workerUrl, typeof location === "undefined" ? undefined : location.href).href;
}
