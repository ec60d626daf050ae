import { ErrorCode } from "./error-code.js";
import { errorKinds, type ErrorFields, type ErrorKind } from "./generated/api.js";

/** The fields of an error by name; which ones there are depends on its kind. */
export type VoileErrorFields = Readonly<Record<string, string>>;

/**
 * What every operation fails with, unless the caller's `AbortSignal` ended it: then
 * it fails with the signal's reason.
 *
 * @example
 * try {
 *   await context.openDHTRecord(key);
 * } catch (e) {
 *   if (VoileError.is(e, "TryAgain")) retryLater();
 *   else throw e;
 * }
 */
export class VoileError extends Error {
  /** What went wrong, one of fifteen kinds. The names are stable. */
  readonly code: ErrorKind;
  /** The fields of the kind: `message`, `context`, `argument`, `value` or `key`. */
  readonly fields: VoileErrorFields;

  /**
   * @param code the kind
   * @param fields the fields of the kind
   * @param options `cause`: the error behind this one
   */
  constructor(code: ErrorKind, fields: VoileErrorFields = {}, options?: ErrorOptions) {
    super(textOf(code, fields), options);
    this.code = code;
    this.fields = Object.freeze({ ...fields });
  }

  /** The number of the kind, the same in every language of Voile. */
  get number(): number {
    return ErrorCode[this.code];
  }

  /** Always `VoileError`. */
  override get name(): string {
    return "VoileError";
  }

  /** Whether something caught is an error of the kind; without a kind: any VoileError. */
  static is<K extends ErrorKind>(error: unknown, code?: K): error is VoileError & { code: K; fields: ErrorFields[K] } {
    return error instanceof VoileError && (code === undefined || error.code === code);
  }

  /** The error as the API writes it: `{ kind, …fields }`. */
  toJSON(): { kind: ErrorKind } & Record<string, string> {
    return { kind: this.code, ...this.fields };
  }
}

function textOf(code: ErrorKind, fields: VoileErrorFields): string {
  const texts = Object.entries(fields).map(([name, text]) => (name === "message" ? text : `${name} ${text}`));
  return texts.length === 0 ? code : `${code}: ${texts.join(", ")}`;
}

/** The error of `{ kind, …fields }`; of an unknown kind, an Internal one that names it. */
export function errorOf(json: unknown): VoileError {
  const { kind, ...rest } = (typeof json === "object" && json !== null ? json : {}) as Record<string, unknown>;
  const fields: Record<string, string> = {};
  for (const [name, value] of Object.entries(rest)) fields[name] = String(value);
  if (isKind(kind)) return new VoileError(kind, fields);
  return new VoileError("Internal", { message: `error of an unknown kind ${String(kind)}` });
}

/** The error of something that was thrown: those of the module have a kind as their code. */
export function asVoileError(thrown: unknown): VoileError {
  if (thrown instanceof VoileError) return thrown;
  const { code, fields, message } = (typeof thrown === "object" && thrown !== null ? thrown : {}) as Record<string, unknown>;
  const text = typeof message === "string" ? message : String(thrown);
  if (!isKind(code)) return new VoileError("Internal", { message: text }, { cause: thrown });
  if (typeof fields === "object" && fields !== null) return errorOf({ kind: code, ...fields });
  // Without fields the text stands for them, with the kind before it at times.
  return new VoileError(code, { message: text.startsWith(code + ": ") ? text.slice(code.length + 2) : text }, { cause: thrown });
}

function isKind(kind: unknown): kind is ErrorKind {
  return (errorKinds as readonly unknown[]).includes(kind);
}

/** An error about an argument that no node needs to see. */
export function invalidArgument(context: string, argument: string, value: unknown): VoileError {
  return new VoileError("InvalidArgument", { context, argument, value: String(value) });
}
