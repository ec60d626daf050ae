import { decodeConfig, decodeUpdate } from "./codec.js";
import { CryptoSystem } from "./crypto-system.js";
import { DHTTransaction } from "./dht-transaction.js";
import { VoileError } from "./error.js";
import {
  updateTypes,
  type AppLifecycleState, type AppMessage, type AttachmentCondition, type AttachmentStatus, type Config, type CryptoKind,
  type DHTSchema, type KeyPair, type MemberId, type NodeState, type OperationId, type PrivateSpec, type PublicKey, type RecordKey,
  type RouteBlob, type RouteId, type SharedSecret, type Signature, type Timestamp, type Update, type UpdateKind, type Updates,
  type Version,
} from "./generated/api.js";
import { asyncDispose } from "./handle.js";
import { IncomingCall } from "./incoming-call.js";
import { Link } from "./link.js";
import type { NodeStats } from "./module.js";
import { engineOptions, workerUrlOf, type StartOptions } from "./options.js";
import type { Role } from "./protocol.js";
import { Requests, type Wait } from "./requests.js";
import { RoutingContext } from "./routing-context.js";
import type { Platform } from "./spawn.js";
import { TableDB } from "./table-db.js";
import { mapped, UpdateHub, type UpdatesOptions } from "./updates.js";

export type { StartOptions } from "./options.js";

/** The events of a {@link VoileNode}. */
export interface NodeEvents {
  /**
   * Another tab's node has taken the place of the one behind this object; `detail.role`
   * says whether it runs in this tab. Identity, tables and records are the same. Open
   * tables and contexts go on; records must be opened and watched again, private routes
   * made and imported again; transactions are over.
   */
  takeover: CustomEvent<{ role: Role }>;
  /** The node has failed from within and is gone; `detail` has the text and the stack, for a report. */
  crash: CustomEvent<{ text: string; stack: string }>;
  /** It is over, after `close` or a crash. */
  close: CustomEvent<undefined>;
}

/**
 * A node of the network. Everything that waits takes an `AbortSignal` and fails with a
 * {@link VoileError}, or with the signal's reason.
 *
 * @example
 * const node = await startNode({ programName: "hello" });
 * await node.attach();
 * await node.waitReady();
 * const { blob } = await node.newPrivateRoute(); // give it to a friend
 * for await (const call of node.calls()) await call.reply(call.message);
 */
export class VoileNode extends EventTarget {
  /** Version of the module. */
  readonly moduleVersion: string;
  readonly #link: Link;
  readonly #requests: Requests;
  readonly #hub: UpdateHub;

  /** @internal */
  constructor(link: Link, hub: UpdateHub) {
    super();
    this.#link = link;
    this.#hub = hub;
    this.#requests = new Requests(link);
    this.moduleVersion = link.version;
  }

  /** `owner`: the node runs for this tab; `client`: it is another tab's. Changes with the event `takeover`. */
  get role(): Role {
    return this.#link.role;
  }

  // Life

  /** Begins to join the network, and returns before it has. Generic if it is attached already. */
  attach(wait?: Wait): Promise<void> {
    return this.#requests.do("Attach", {}, wait);
  }

  /** Leaves the network. Generic if it is not attached. */
  detach(wait?: Wait): Promise<void> {
    return this.#requests.do("Detach", {}, wait);
  }

  /**
   * Waits until the node can send messages and reach records.
   * @param options `timeoutMs`: fails with Timeout after so many milliseconds; never if left out
   */
  waitReady(options: Wait & { timeoutMs?: number | undefined } = {}): Promise<AttachmentStatus> {
    return this.waitForAttachment(undefined, options);
  }

  /** Waits until a condition holds; left out: attached and ready. */
  waitForAttachment(condition?: AttachmentCondition, { timeoutMs, ...wait }: Wait & { timeoutMs?: number | undefined } = {}): Promise<AttachmentStatus> {
    return this.#requests.do("WaitForAttachmentCondition", { condition, timeoutMs }, wait);
  }

  /** Everything about the node at once. Its configuration has the secret keys in it. */
  state(wait?: Wait): Promise<NodeState> {
    return this.#requests.do("GetState", {}, wait);
  }

  /** Whether the node has been shut down. */
  isShutdown(wait?: Wait): Promise<boolean> {
    return this.#requests.do("IsShutdown", {}, wait);
  }

  /** Changes the configuration, while detached. Some settings need a restart: InvalidArgument. */
  changeConfig(config: Config, wait?: Wait): Promise<void> {
    return this.#requests.do("ChangeConfig", { config }, wait);
  }

  /** Says whether the user sees the application; pages tell by themselves. */
  reportAppLifecycleState(state: AppLifecycleState, wait?: Wait): Promise<void> {
    return this.#requests.do("ReportAppLifecycleState", { state }, wait);
  }

  /** The default configuration. */
  async defaultConfig(wait?: Wait): Promise<Config> {
    return decodeConfig(await this.#requests.do("DefaultVeilidConfig", {}, wait)) as Config;
  }

  /** Memory of the node in bytes; of another tab's, if that runs it. */
  stats({ signal }: Wait = {}): Promise<NodeStats> {
    return this.#link.stats(signal);
  }

  /**
   * Leaves the node; it ends if it is this tab's and no other tab takes it over. What
   * was under way fails with Shutdown. Idempotent; never fails.
   */
  close(): Promise<void> {
    return this.#link.close();
  }

  /** As close. */
  [asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Listens to an event of {@link NodeEvents}. */
  override addEventListener<K extends keyof NodeEvents>(type: K, listener: (event: NodeEvents[K]) => void, options?: boolean | AddEventListenerOptions): void;
  override addEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void;
  override addEventListener(type: string, listener: unknown, options?: boolean | AddEventListenerOptions): void {
    super.addEventListener(type, listener as EventListener, options);
  }

  // Updates

  /**
   * What the node tells, from now on. The loop ends with the node. A reader that is more
   * than 256 updates behind slows the node down, so that no message is lost; of
   * Attachment, Network and Config only the newest waits.
   *
   * @example
   * for await (const u of node.updates({ kinds: ["Attachment"] })) console.log(u.state);
   */
  updates<K extends UpdateKind = UpdateKind>(options: UpdatesOptions<K> = {}): AsyncIterableIterator<Updates[K]> {
    return this.#hub.read(options) as AsyncIterableIterator<Updates[K]>;
  }

  /** Messages of other applications. What comes while nobody reads is lost. */
  messages(wait: Wait = {}): AsyncIterableIterator<AppMessage> {
    return this.updates({ ...wait, kinds: ["AppMessage"] });
  }

  /** Questions of other applications. */
  calls(wait: Wait = {}): AsyncIterableIterator<IncomingCall> {
    return mapped(this.updates({ ...wait, kinds: ["AppCall"] }), (call) => new IncomingCall(this.#requests, call));
  }

  /** Changes of watched records. One without a value must be read; one with a count of 0 and no subkeys ends the watch. */
  valueChanges({ key, ...wait }: Wait & { key?: RecordKey | undefined } = {}): AsyncIterableIterator<Updates["ValueChange"]> {
    const record = key === undefined ? undefined : opaque(key);
    const filter = (u: Update): boolean => u.kind === "ValueChange" && (record === undefined || opaque(u.key) === record);
    return this.#hub.read({ ...wait, kinds: ["ValueChange"] }, filter) as AsyncIterableIterator<Updates["ValueChange"]>;
  }

  /** The state of the attachment whenever it changes. */
  attachmentChanges(wait: Wait = {}): AsyncIterableIterator<AttachmentStatus> {
    return this.updates({ ...wait, kinds: ["Attachment"] });
  }

  /** Private routes that have died, ours and imported ones. */
  routeChanges(wait: Wait = {}): AsyncIterableIterator<Updates["RouteChange"]> {
    return this.updates({ ...wait, kinds: ["RouteChange"] });
  }

  // Messages and routes

  /** A context for messages and records. Its safety is the default one unless it is changed. */
  routingContext(): RoutingContext {
    const requests = this.#requests;
    return new RoutingContext(requests, () => requests.do("NewRoutingContext", {}));
  }

  /** A private route to this node: give the blob to who may send to us. TryAgain: not now. */
  newPrivateRoute(wait?: Wait): Promise<RouteBlob> {
    return this.#requests.do("NewPrivateRoute", {}, wait);
  }

  /** A private route of one's own choice. */
  newCustomPrivateRoute(privateSpec: PrivateSpec = {}, wait?: Wait): Promise<RouteBlob> {
    return this.#requests.do("NewCustomPrivateRoute", { privateSpec }, wait);
  }

  /** Takes another's private route, as a target of messages. */
  importPrivateRoute(blob: Uint8Array, wait?: Wait): Promise<RouteId> {
    return this.#requests.do("ImportRemotePrivateRoute", { blob }, wait);
  }

  /** Lets go of a private route, ours or imported. */
  releasePrivateRoute(routeId: RouteId, wait?: Wait): Promise<void> {
    return this.#requests.do("ReleasePrivateRoute", { routeId }, wait);
  }

  /** Answers a call by its id; {@link IncomingCall.reply} does the same. */
  appCallReply(callId: OperationId, message: Uint8Array, wait?: Wait): Promise<void> {
    return this.#requests.do("AppCallReply", { callId, message }, wait);
  }

  // Records

  /** The key of the record that a schema and an owner make. */
  getDHTRecordKey(schema: DHTSchema, owner: PublicKey, encryptionKey?: SharedSecret | null, wait?: Wait): Promise<RecordKey> {
    return this.#requests.do("GetDhtRecordKey", { schema, owner, encryptionKey }, wait);
  }

  /** The id by which a schema names a writer. */
  generateMemberId(writerKey: PublicKey, wait?: Wait): Promise<MemberId> {
    return this.#requests.do("GenerateMemberId", { writerKey }, wait);
  }

  /**
   * Begins a transaction on open records, 32 at most. TryAgain: not now.
   * @param options `defaultSigningKeypair`: who signs for records that were opened for reading; the node if left out
   */
  async transactDHTRecords(recordKeys: RecordKey[], { defaultSigningKeypair, ...wait }: Wait & { defaultSigningKeypair?: KeyPair | undefined } = {}): Promise<DHTTransaction> {
    const options = defaultSigningKeypair === undefined ? undefined : { defaultSigningKeypair };
    const drop = (id: number): void => this.#requests.release("DhtTransaction.Release", id);
    return new DHTTransaction(this.#requests, await this.#requests.do("TransactDhtRecords", { recordKeys, options }, wait, drop));
  }

  // Tables and secrets

  /**
   * Opens a table of this device, and makes it if there is none.
   * @param name letters, digits, `_` and `-`
   * @param columnCount at least 1; more than the stored table has adds columns, while nobody has it open
   */
  openTable(name: string, columnCount = 1, wait?: Wait): Promise<TableDB> {
    return TableDB.open(this.#requests, name, columnCount, wait);
  }

  /** Deletes a table; false: there was none. Generic while it is open. */
  deleteTable(name: string, wait?: Wait): Promise<boolean> {
    return this.#requests.do("DeleteTableDb", { name }, wait);
  }

  /** Renames a table. Generic if there is one of the new name, or none of the old. */
  renameTable(oldName: string, newName: string, wait?: Wait): Promise<void> {
    return this.#requests.do("RenameTableDb", { oldName, newName }, wait);
  }

  /** Keeps a secret where the device keeps its own; true: it replaces one. */
  saveSecret(key: string, value: Uint8Array, wait?: Wait): Promise<boolean> {
    return this.#requests.do("SaveUserSecret", { key, value }, wait);
  }

  /** A secret; null: there is none. */
  loadSecret(key: string, wait?: Wait): Promise<Uint8Array | null> {
    return this.#requests.do("LoadUserSecret", { key }, wait);
  }

  /** Removes a secret; false: there was none. */
  removeSecret(key: string, wait?: Wait): Promise<boolean> {
    return this.#requests.do("RemoveUserSecret", { key }, wait);
  }

  /** The keys of all secrets, in no particular order. */
  listSecrets(wait?: Wait): Promise<string[]> {
    return this.#requests.do("ListUserSecrets", {}, wait);
  }

  /** Removes all secrets. */
  deleteAllSecrets(wait?: Wait): Promise<void> {
    return this.#requests.do("DeleteAllUserSecrets", {}, wait);
  }

  // Keys

  /** The operations on keys of a kind. */
  crypto(kind: CryptoKind = "VLD0"): CryptoSystem {
    return new CryptoSystem(this.#requests, kind);
  }

  /** The kinds that this node knows, the best one first. */
  validCryptoKinds(wait?: Wait): Promise<CryptoKind[]> {
    return this.#requests.do("ValidCryptoKinds", {}, wait);
  }

  /** A new identity. */
  generateKeyPair(kind: CryptoKind = "VLD0", wait?: Wait): Promise<KeyPair> {
    return this.#requests.do("GenerateKeyPair", { kind }, wait);
  }

  /** A signature of bytes by each of the pairs. */
  generateSignatures(data: Uint8Array, keyPairs: KeyPair[], wait?: Wait): Promise<Signature[]> {
    return this.#requests.do("GenerateSignatures", { data, keyPairs }, wait);
  }

  /** The keys, if every signature is that of one of them; null: one is not. */
  verifySignatures(publicKeys: PublicKey[], data: Uint8Array, signatures: Signature[], wait?: Wait): Promise<PublicKey[] | null> {
    return this.#requests.do("VerifySignatures", { nodeIds: publicKeys, data, signatures }, wait);
  }

  // Time, version, help

  /** The node's time. */
  now(wait?: Wait): Promise<Timestamp> {
    return this.#requests.do("Now", {}, wait);
  }

  /** The node's time, never less than the last one given. */
  nowNonDecreasing(wait?: Wait): Promise<Timestamp> {
    return this.#requests.do("NowNonDecreasing", {}, wait);
  }

  /** The node's time, always more than the last one given. */
  nowIncreasing(wait?: Wait): Promise<Timestamp> {
    return this.#requests.do("NowIncreasing", {}, wait);
  }

  /** The version of the API. */
  version(wait?: Wait): Promise<Version> {
    return this.#requests.do("VeilidVersion", {}, wait);
  }

  /** The version of the API as text. */
  versionString(wait?: Wait): Promise<string> {
    return this.#requests.do("VeilidVersionString", {}, wait);
  }

  /** What the node was built with. */
  features(wait?: Wait): Promise<string[]> {
    return this.#requests.do("VeilidFeatures", {}, wait);
  }

  /**
   * A command of the debug language, such as `nodeinfo`; its answer is for people. Only a
   * node that was started with the option `debug` has the language: others answer "" to
   * every command, and `features()` lists no `debug-api`.
   */
  debug(command: string, wait?: Wait): Promise<string> {
    return this.#requests.do("Debug", { command }, wait);
  }

  /** A request to the program around the node; in a browser there is none: Generic. */
  control(args: string[], wait?: Wait): Promise<string> {
    return this.#requests.do("Control", { args }, wait);
  }
}

/** A record's key without its encryption key. */
function opaque(key: RecordKey): string {
  return key.split(":", 2).join(":");
}

/** Starts a node on a platform. */
export async function startOn(platform: Platform, options: StartOptions): Promise<VoileNode> {
  let node: VoileNode | undefined;
  let link: Link | undefined;
  const hub = new UpdateHub(Object.keys(updateTypes) as UpdateKind[], (kinds) => link?.want(kinds));
  const tell = <K extends keyof NodeEvents>(type: K, detail: NodeEvents[K]["detail"]): void => {
    node?.dispatchEvent(new CustomEvent(type, { detail }));
  };
  link = await Link.start(platform, engineOptions(platform, options), workerUrlOf(options), {
    onUpdate(line, taken) {
      let update: Update;
      try {
        update = decodeUpdate(line);
      } catch {
        taken(); // of a newer module; nobody here can read it
        return;
      }
      hub.push(update, taken);
    },
    onTakeover: (role) => tell("takeover", { role }),
    onEnd(error, crash) {
      hub.end(error === undefined ? undefined : VoileError.is(error) ? error : new VoileError("Internal"));
      if (crash !== undefined) tell("crash", crash);
      tell("close", undefined);
    },
  }, options.signal);
  node = new VoileNode(link, hub);
  return node;
}
