import { VoileError } from "./error.js";

/** `Symbol.dispose`, also where the engine has none yet. */
export const dispose: typeof Symbol.dispose = (Symbol.dispose as typeof Symbol.dispose | undefined) ?? (Symbol.for("Symbol.dispose") as typeof Symbol.dispose);
/** `Symbol.asyncDispose`, also where the engine has none yet. */
export const asyncDispose: typeof Symbol.asyncDispose = (Symbol.asyncDispose as typeof Symbol.asyncDispose | undefined) ?? (Symbol.for("Symbol.asyncDispose") as typeof Symbol.asyncDispose);

/** What a handle needs of the node. */
export interface HandleHost {
  readonly generation: number;
}

/**
 * An object inside the node, made when it is first needed, and made again when another
 * tab's node has taken the place of the one that had it.
 */
export class Handle {
  readonly #host: HandleHost;
  readonly #make: () => Promise<number>;
  readonly #release: (id: number) => void;
  readonly #what: string;
  #made: { generation: number; id: Promise<number> } | undefined;
  #disposed = false;

  /**
   * @param what names the object in errors
   * @param make makes it and gives its id
   * @param release lets go of an id; must not throw
   */
  constructor(host: HandleHost, what: string, make: () => Promise<number>, release: (id: number) => void) {
    this.#host = host;
    this.#what = what;
    this.#make = make;
    this.#release = release;
  }

  /** The id, after the object was made. */
  id(): Promise<number> {
    if (this.#disposed) return Promise.reject(new VoileError("NotInitialized", { message: `${this.#what} was disposed` }));
    const generation = this.#host.generation;
    if (this.#made?.generation !== generation) {
      const made = { generation, id: this.#make() };
      this.#made = made;
      made.id.catch(() => {
        if (this.#made === made) this.#made = undefined; // the next use tries again
      });
    }
    return this.#made!.id;
  }

  /** The node does not know the id any more: the next use makes the object again. */
  forget(): void {
    this.#made = undefined;
  }

  /** Lets go of the object. Idempotent. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    const made = this.#made;
    if (made !== undefined && made.generation === this.#host.generation) made.id.then(this.#release, () => {});
  }
}

/** Lets go of handles whose owners were collected. */
export class HandleNet {
  readonly #registry = new FinalizationRegistry<Handle>((h) => h.dispose());

  /** From now on the handle is disposed when its owner is collected. */
  add(owner: object, handle: Handle): void {
    this.#registry.register(owner, handle, handle);
  }

  /** Disposes the handle now. */
  dispose(handle: Handle): void {
    this.#registry.unregister(handle);
    handle.dispose();
  }
}
