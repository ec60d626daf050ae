import { decodeAnswer, encodeRequest, UnknownObjectError } from "./codec.js";
import { VoileError } from "./error.js";
import type { OperationName, Operations } from "./generated/api.js";
import { HandleNet, type Handle, type HandleHost } from "./handle.js";
import type { Link } from "./link.js";

/** What everything that waits takes. */
export interface Wait {
  /** Ends the waiting: the operation fails with the signal's reason, and is cancelled in the node. */
  signal?: AbortSignal | undefined;
}

/** Sends operations and reads their answers. */
export class Requests implements HandleHost {
  /** Lets go of objects that nobody holds any more. */
  readonly net = new HandleNet();
  readonly #link: Link;

  constructor(link: Link) {
    this.#link = link;
  }

  get generation(): number {
    return this.#link.generation;
  }

  /** Does an operation that is on no object. */
  async do<N extends OperationName>(name: N, params: Operations[N]["params"], wait: Wait = {}, late?: (result: Operations[N]["result"]) => void): Promise<Operations[N]["result"]> {
    const answer = await this.#link.call(encodeRequest(name, params), {
      signal: wait.signal,
      late: late && ((line) => {
        try {
          late(decodeAnswer(name, line));
        } catch {
          // It made nothing.
        }
      }),
    });
    return decodeAnswer(name, answer);
  }

  /** Does an operation on an object, which is made anew once if the node does not know it any more. */
  async on<N extends OperationName>(handle: Handle, name: N, params: Operations[N]["params"], wait: Wait = {}, late?: (result: Operations[N]["result"]) => void): Promise<Operations[N]["result"]> {
    for (let again = false; ; again = true) {
      const id = await until(handle.id(), wait.signal);
      const of = this.generation;
      try {
        const answer = await this.#link.call(encodeRequest(name, params, id), {
          signal: wait.signal, of,
          late: late && ((line) => {
            try {
              late(decodeAnswer(name, line));
            } catch {
              // It made nothing.
            }
          }),
        });
        return decodeAnswer(name, answer);
      } catch (e) {
        if (!(e instanceof UnknownObjectError)) throw e;
        handle.forget();
        if (again) throw new VoileError("Internal", { message: `the node does not know the object of ${name}` });
      }
    }
  }

  /** Lets go of an object of the present node; nobody waits for it. */
  release<N extends OperationName>(name: N, id: number): void {
    this.#link.call(encodeRequest(name, {} as Operations[N]["params"], id), { of: this.generation }).catch(() => {});
  }
}

/** The promise, or the signal's reason if that comes first. */
export function until<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
