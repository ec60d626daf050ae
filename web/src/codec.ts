/**
 * Lines of the API, and the objects of this package. On a line, names have
 * underscores, 64-bit numbers are texts, and bytes are beside the line: `"#0"` stands
 * for the first of them. Here names are camelCase, such numbers are numbers and bytes
 * are Uint8Arrays. The tables of generated/api.ts say which is which.
 *
 * A shape is the text `""` (as it stands), `"bytes"`, `"decimal"` (a number that is a
 * text on the line), `"member"` (the key of a schema's member), `"void"` (nothing),
 * `"@Type"` (an object) or `"[]"` and the shape of the elements.
 */
import { errorOf, invalidArgument, VoileError } from "./error.js";
import {
  families, operations, types, updateTypes,
  type FieldShape, type OperationName, type Operations, type Update,
} from "./generated/api.js";

/** A line with the bytes beside it. */
export interface Line {
  /** A JSON object. */
  line: string;
  /** What `"#0"`, `"#1"`, … in it stand for. */
  blobs: Uint8Array[];
}

type Json = Record<string, unknown>;

function shapeOf(field: FieldShape): string {
  return typeof field === "string" ? field : field[0];
}

/** The name on the line of a field. */
function wireOf(name: string, field: FieldShape): string {
  return typeof field === "string" ? name.replace(/[A-Z]/g, (c) => "_" + c.toLowerCase()) : field[1];
}

const wires = new Map<object, Map<string, [name: string, shape: string]>>();

/** The fields of a table by their names on the line. */
function byWire(fields: Readonly<Record<string, FieldShape>>): Map<string, [name: string, shape: string]> {
  let m = wires.get(fields);
  if (m === undefined) {
    m = new Map(Object.entries(fields).map(([name, f]) => [wireOf(name, f), [name, shapeOf(f)]]));
    wires.set(fields, m);
  }
  return m;
}

/** The line of a request. `object` is the id of the object that the operation is on. */
export function encodeRequest<N extends OperationName>(name: N, params: Operations[N]["params"], object?: number): Line {
  const blobs: Uint8Array[] = [];
  const [op, sub] = name.split(".") as [string, string | undefined];
  const head: Json = { op };
  if (sub !== undefined) {
    const [idField, opField] = families[op]!;
    head[idField] = object;
    head[opField] = sub;
  }
  Object.assign(head, encodeFields(operations[name].params, params as Json, name, blobs));
  return { line: JSON.stringify(head), blobs };
}

function encodeFields(fields: Readonly<Record<string, FieldShape>>, from: Json, where: string, blobs: Uint8Array[]): Json {
  const to: Json = {};
  for (const [name, value] of Object.entries(from)) {
    if (value === undefined) continue;
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field === undefined) throw invalidArgument("no such field", where, name);
    to[wireOf(name, field)] = value === null ? null : encode(shapeOf(field), value, `${where}.${name}`, blobs);
  }
  return to;
}

function encode(shape: string, value: unknown, where: string, blobs: Uint8Array[]): unknown {
  if (shape === "") return value;
  if (shape === "bytes") {
    if (!(value instanceof Uint8Array)) throw invalidArgument("not a Uint8Array", where, typeof value);
    blobs.push(value);
    return "#" + (blobs.length - 1);
  }
  if (shape === "decimal") {
    const n = typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
    if (typeof n !== "bigint" || n < 0n || n >= 1n << 64n) throw invalidArgument("not a whole number of 64 bits", where, value);
    return n.toString();
  }
  if (shape === "member") return typeof value === "string" && value[4] === ":" ? value.slice(5) : value;
  if (shape.startsWith("[]")) {
    if (!Array.isArray(value)) throw invalidArgument("not a list", where, typeof value);
    return value.map((v, i) => encode(shape.slice(2), v, `${where}[${i}]`, blobs));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalidArgument("not an object", where, typeof value);
  return encodeFields(types[shape.slice(1)]!, value as Json, where, blobs);
}

/** A configuration, or a part of one, as a node reads it. Unknown fields are refused. */
export function encodeConfig(config: object): string {
  return JSON.stringify(encodeFields(types["Config"]!, config as Json, "config", []));
}

/** The configuration of a text of the API. */
export function decodeConfig(text: string): unknown {
  return decode("@Config", JSON.parse(text), []);
}

/** Answer to a request about an object that is not there any more. */
export class UnknownObjectError extends Error {}

/** The result in an answer, or its error thrown. */
export function decodeAnswer<N extends OperationName>(name: N, { line, blobs }: Line): Operations[N]["result"] {
  const answer = parse(line);
  if (answer["error"] !== undefined) throw errorOf(answer["error"]);
  const group = name.split(".")[0]!;
  if (Object.hasOwn(families, group) && answer[families[group]![1]] === "InvalidId") throw new UnknownObjectError(name);
  if (name === "VeilidVersion") {
    return { major: answer["major"], minor: answer["minor"], patch: answer["patch"] } as Operations[N]["result"];
  }
  return decode(operations[name].result, answer["value"], blobs) as Operations[N]["result"];
}

/** The update of a line. */
export function decodeUpdate({ line, blobs }: Line): Update {
  const json = parse(line);
  const { type: _, kind, ...fields } = json;
  const type = Object.hasOwn(updateTypes, String(kind)) ? updateTypes[kind as Update["kind"]] : "";
  const update = type === "" ? {} : (decode("@" + type, fields, blobs) as object);
  return { kind, ...update } as Update;
}

/** The kind of an update, without reading the whole line. */
export function kindOfUpdate(line: string): string {
  return /"kind":\s*"([A-Za-z]+)"/.exec(line)?.[1] ?? "";
}

function parse(line: string): Json {
  try {
    return JSON.parse(line) as Json;
  } catch (cause) {
    throw new VoileError("ParseError", { message: "not a line of the API", value: line.slice(0, 80) }, { cause });
  }
}

function decode(shape: string, value: unknown, blobs: Uint8Array[]): unknown {
  if (shape === "void") return undefined;
  if (shape === "" || value === null || value === undefined) return value;
  if (shape === "bytes") return decodeBytes(value as string, blobs);
  if (shape === "decimal") return Number(value);
  if (shape === "member") return value;
  if (shape.startsWith("[]")) return (value as unknown[]).map((v) => decode(shape.slice(2), v, blobs));
  const fields = byWire(types[shape.slice(1)]!);
  const to: Json = {};
  for (const [wire, v] of Object.entries(value as Json)) {
    const known = fields.get(wire);
    // What a newer node says beyond our tables is kept as it is.
    if (known === undefined) to[wire] = v;
    else to[known[0]] = decode(known[1], v, blobs);
  }
  return to;
}

function decodeBytes(text: string, blobs: Uint8Array[]): Uint8Array {
  if (!text.startsWith("#")) return fromBase64(text);
  const bytes = blobs[Number(text.slice(1))];
  if (bytes === undefined) throw new VoileError("ParseError", { message: "no such bytes beside the line", value: text });
  return bytes;
}

/** The bytes of a base64url text without padding; throws a ParseError for other texts. */
export function fromBase64(text: string): Uint8Array {
  try {
    if (!/^[A-Za-z0-9_-]*$/.test(text)) throw new TypeError("not base64url");
    const raw = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(raw, (c) => c.charCodeAt(0));
  } catch (cause) {
    throw new VoileError("ParseError", { message: "not base64url", value: text.slice(0, 80) }, { cause });
  }
}

/** Bytes as base64url text without padding. */
export function toBase64(bytes: Uint8Array): string {
  let raw = "";
  for (let i = 0; i < bytes.length; i += 0x8000) raw += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(raw).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}
