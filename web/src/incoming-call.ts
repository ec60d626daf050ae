import type { AppCall, NodeId, OperationId, RouteId } from "./generated/api.js";
import type { Requests, Wait } from "./requests.js";

/** A question of another application, which waits 5 seconds and some for the answer. */
export class IncomingCall {
  /** What is asked. */
  readonly message: Uint8Array;
  /** Our private route that it came in by; null: none. */
  readonly routeId: RouteId | null;
  /** Who asks; null: hidden by a private route. */
  readonly sender: NodeId | null;
  /** The id of the call. */
  readonly callId: OperationId;
  readonly #requests: Requests;

  /** @internal */
  constructor(requests: Requests, call: AppCall) {
    this.#requests = requests;
    ({ message: this.message, routeId: this.routeId, sender: this.sender, callId: this.callId } = call);
  }

  /**
   * Answers, once. A second answer, or a late one, fails with Generic.
   * @param message at most 32768 bytes
   */
  reply(message: Uint8Array, wait?: Wait): Promise<void> {
    return this.#requests.do("AppCallReply", { callId: this.callId, message }, wait);
  }
}
