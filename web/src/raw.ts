import type { Line } from "./codec.js";
import { updateTypes } from "./generated/api.js";
import { Link } from "./link.js";
import type { NodeStats } from "./module.js";
import { engineOptions, workerUrlOf, type StartOptions } from "./options.js";
import type { Role } from "./protocol.js";
import type { Wait } from "./requests.js";
import type { Platform } from "./spawn.js";

/** What a {@link RawNode} tells. */
export interface RawEvents {
  /** An update as a line, with its bytes beside it. A promise is awaited before more than 64 others come. */
  onUpdate(line: string, blobs: Uint8Array[]): void | Promise<void>;
  /** Another node is behind: ids of objects of before are unknown to it. */
  onTakeover?(role: Role): void;
  /** The node has ended: without an error after close. */
  onEnd?(error: Error | undefined): void;
}

/**
 * A node by the lines of its API, for bindings of other languages. A line is a JSON
 * object with the names that the API has (underscores); `"#0"` in it stands for the
 * first of the bytes beside it.
 */
export class RawNode {
  readonly #link: Link;

  /** @internal */
  constructor(link: Link) {
    this.#link = link;
  }

  /**
   * Sends a request and waits for its answer, which has an error in it if it failed. One
   * that is waiting when another node takes over fails, since ids of objects are of a node.
   */
  call(line: string, blobs: Uint8Array[] = [], { signal }: Wait = {}): Promise<Line> {
    return this.#link.call({ line, blobs }, { signal, of: this.#link.generation });
  }

  /** Version of the module. */
  get version(): string {
    return this.#link.version;
  }

  /** The memory of the node. */
  stats({ signal }: Wait = {}): Promise<NodeStats> {
    return this.#link.stats(signal);
  }

  /** Whether this tab runs the node. */
  get role(): Role {
    return this.#link.role;
  }

  /** Ends the session, and the node if it is this page's. Idempotent. */
  close(): Promise<void> {
    return this.#link.close();
  }
}

/** Starts a node and shows its lines. */
export async function startRawOn(platform: Platform, options: StartOptions & Partial<RawEvents>): Promise<RawNode> {
  const link = await Link.start(platform, engineOptions(platform, options), workerUrlOf(options), {
    onUpdate({ line, blobs }, taken) {
      const done = async (): Promise<void> => await options.onUpdate?.(line, blobs);
      done().finally(taken); // an error of the listener is one that nobody caught
    },
    onTakeover: (role) => options.onTakeover?.(role),
    onEnd: (error) => options.onEnd?.(error),
  }, options.signal);
  link.want(Object.keys(updateTypes));
  return new RawNode(link);
}

