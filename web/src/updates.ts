import type { Update, UpdateKind } from "./generated/api.js";

/** When a reader of updates has as many waiting, the node is slowed down. */
export const readerLimit = 256;

/** Kinds of which only the newest matters: one that waits is replaced. */
const replaced: ReadonlySet<UpdateKind> = new Set<UpdateKind>(["Attachment", "Network", "Config"]);

interface Waiting {
  update: Update;
  /** Tells the node that it was taken. */
  taken: (() => void) | undefined;
}

/** The updates that wait for one reader. */
class Queue {
  readonly kinds: ReadonlySet<UpdateKind> | undefined;
  readonly #filter: ((u: Update) => boolean) | undefined;
  #waiting: Waiting[] = [];
  #readers: { resolve: (r: IteratorResult<Update, undefined>) => void; reject: (e: unknown) => void }[] = [];
  #end: { error: unknown } | undefined;

  constructor(kinds: readonly UpdateKind[] | undefined, filter: ((u: Update) => boolean) | undefined) {
    this.kinds = kinds === undefined ? undefined : new Set(kinds);
    this.#filter = filter;
  }

  /** Takes an update; true: it waits, and taken will be called. */
  push(update: Update, taken: () => void): boolean {
    if (this.#end !== undefined || (this.kinds !== undefined && !this.kinds.has(update.kind)) || this.#filter?.(update) === false) return false;
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      reader.resolve({ value: update, done: false });
      return false;
    }
    const old = replaced.has(update.kind) ? this.#waiting.find((w) => w.update.kind === update.kind) : undefined;
    if (old !== undefined) {
      old.update = update;
      return false;
    }
    // The first ones are taken at once; from the limit on, the node waits for the reader.
    if (this.#waiting.length < readerLimit) {
      this.#waiting.push({ update, taken: undefined });
      return false;
    }
    this.#waiting.push({ update, taken });
    return true;
  }

  next(): Promise<IteratorResult<Update, undefined>> {
    const w = this.#waiting.shift();
    if (w !== undefined) {
      w.taken?.();
      return Promise.resolve({ value: w.update, done: false });
    }
    if (this.#end !== undefined) {
      const { error } = this.#end;
      this.#end = { error: undefined }; // an error is told once
      return error === undefined ? Promise.resolve({ value: undefined, done: true }) : Promise.reject(error);
    }
    return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }));
  }

  /** No more come. What waits can still be read, unless it is dropped. */
  end(error: unknown, drop: boolean): void {
    if (this.#end === undefined) this.#end = { error };
    if (drop) for (const w of this.#waiting.splice(0)) w.taken?.();
    for (const r of this.#readers.splice(0)) {
      const told = this.#end.error;
      this.#end.error = undefined;
      if (told === undefined) r.resolve({ value: undefined, done: true });
      else r.reject(told);
    }
  }
}

/** What may be said when updates are asked for. */
export interface UpdatesOptions<K extends UpdateKind = UpdateKind> {
  /** Only these kinds; all if left out. */
  kinds?: readonly K[] | undefined;
  /** Ends the iteration; it fails with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** Passes the updates of a node to everybody who reads them. */
export class UpdateHub {
  readonly #queues = new Set<Queue>();
  readonly #wantChanged: (kinds: UpdateKind[]) => void;
  readonly #kinds: readonly UpdateKind[];
  /** Ends the queues of iterators that nobody holds any more. */
  readonly #forgotten = new FinalizationRegistry<Queue>((q) => this.#drop(q));
  #over = false;

  /**
   * @param kinds all there are
   * @param wantChanged told which kinds somebody reads, whenever that changes
   */
  constructor(kinds: readonly UpdateKind[], wantChanged: (kinds: UpdateKind[]) => void) {
    this.#kinds = kinds;
    this.#wantChanged = wantChanged;
  }

  /** Whether somebody reads the kind. */
  wanted(kind: UpdateKind): boolean {
    for (const q of this.#queues) if (q.kinds === undefined || q.kinds.has(kind)) return true;
    return false;
  }

  /** Gives an update to all readers; taken is called once when none is behind any more. */
  push(update: Update, taken: () => void): void {
    let behind = 1;
    const one = (): void => {
      if (--behind === 0) taken();
    };
    for (const q of this.#queues) {
      behind++;
      if (!q.push(update, one)) one();
    }
    one();
  }

  /** Updates from now on; filter: only those it says true to. */
  read(options: UpdatesOptions, filter?: (u: Update) => boolean): AsyncIterableIterator<Update> {
    const { kinds, signal } = options;
    signal?.throwIfAborted();
    const queue = new Queue(kinds, filter);
    if (this.#over) queue.end(undefined, false);
    else this.#queues.add(queue);
    this.#tellWanted();
    const stop = (error: unknown): void => {
      queue.end(error, true);
      this.#drop(queue);
    };
    const onAbort = (): void => stop(signal!.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    const iterator: AsyncIterableIterator<Update> = {
      next: () => queue.next(),
      return: () => {
        signal?.removeEventListener("abort", onAbort);
        stop(undefined);
        return Promise.resolve({ value: undefined, done: true as const });
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    this.#forgotten.register(iterator, queue); // who waits for a value holds it
    return iterator;
  }

  #drop(queue: Queue): void {
    queue.end(undefined, true);
    if (this.#queues.delete(queue)) this.#tellWanted();
  }

  #tellWanted(): void {
    if (!this.#over) this.#wantChanged(this.#kinds.filter((k) => this.wanted(k)));
  }

  /** Ends all readers: loops end, or fail with the error. */
  end(error?: unknown): void {
    this.#over = true;
    for (const q of this.#queues) q.end(error, false);
    this.#queues.clear();
  }
}

/** An iterator of what f makes of the updates of another. */
export function mapped<A, B>(from: AsyncIterableIterator<A>, f: (a: A) => B): AsyncIterableIterator<B> {
  const iterator: AsyncIterableIterator<B> = {
    async next() {
      const r = await from.next();
      return r.done === true ? { value: undefined, done: true } : { value: f(r.value), done: false };
    },
    async return() {
      await from.return?.();
      return { value: undefined, done: true };
    },
    [Symbol.asyncIterator]: () => iterator,
  };
  return iterator;
}
