// Package relay carries messages between a page and a node, as the policy says. It is
// the part of a gateway that waits, and both gateways have it in common: the worker
// (wasm/edge/worker) and the server (voile gateway) only bring a [Page] and a
// [Network] of their own.
//
// Towards the node it speaks WebSocket as the network does (spec 02 §4): the request
// in one write, each message in one frame, no control frames but the Close at the end.
// A message is taken from one side only when the other has taken the one before, so
// that nothing queues up here, and whoever is slow slows the sender down.
//
// The package may import wasm/edge/edgeurl, wasm/edge/policy and
// core/transport/websocket. It must not import net/http, crypto/tls or syscall/js.
package relay
