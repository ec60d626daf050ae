/**
 * Runs the module and waits for its API: the bare border of wasm/, without the
 * classes of web/.
 * @param {BufferSource} bytes of the module
 * @returns {Promise<any>} ModuleApi, see package wasm/module
 */
export async function load(bytes) {
  const go = new globalThis.Go();
  const { instance } = await WebAssembly.instantiate(bytes, go.importObject);
  return new Promise((resolve, reject) => {
    globalThis.__voile_ready = resolve;
    go.run(instance).then(() => reject(new Error('the module has ended')), reject);
  });
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Bytes of a text. */
export const bytes = (text) => encoder.encode(text);

/** Text of bytes. */
export const text = (data) => decoder.decode(data);

/** A session that speaks in objects, and waits for updates. */
export class Session {
  #handle;
  #waiting = [];
  updates = [];

  constructor(node) {
    this.#handle = node.open((line, blobs) => {
      const update = { ...JSON.parse(line), blobs };
      this.updates.push(update);
      this.onUpdate?.(update);
      this.#waiting = this.#waiting.filter((waits) => !waits(update));
    });
  }

  /** The value of an operation; an error of the API is thrown, with its kind as code. */
  async call(op, blobs = []) {
    const { answer } = this.#handle.call(JSON.stringify(op), blobs);
    const { line, blobs: out } = await answer;
    const response = JSON.parse(line);
    if (response.error) throw Object.assign(new Error(`${op.rc_op ?? op.op}: ${line}`), { code: response.error.kind });
    return { value: response.value, blobs: out };
  }

  /** The first update, past or to come, that satisfies a condition. */
  update(condition) {
    const past = this.updates.find(condition);
    if (past) return Promise.resolve(past);
    return new Promise((resolve) => {
      this.#waiting.push((update) => {
        if (!condition(update)) return false;
        resolve(update);
        return true;
      });
    });
  }

  close() { return this.#handle.close(); }
}
