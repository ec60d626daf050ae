// Package policy decides what a WebSocket gateway lets through: which pages, which
// nodes, how many connections, how many messages and bytes. Both gateways have it in
// common, the worker (wasm/edge/worker) and the server (voile gateway).
//
// It does no I/O, starts no goroutine and reads no clock: time is an argument, names
// are resolved by the caller, and a rate is answered with how long to wait.
//
// A [Gate] is the whole of it, made from [Settings]. In the order of a connection:
//
//	Origin        may a page of this origin be here at all?
//	Admit         is there room for one more connection of this client?
//	MayResolve    can a rule allow this host, so that its name may be looked up?
//	Choose        which of its addresses may be connected to
//	Pass.Reach    is there room for one more connection to this node?
//	Pass.Up, Down how long a message has to wait
//	Pass.Leave    the connection has ended
//
// What is refused is a [*Refusal], whose code goes into the Close frame.
//
// The package may import wasm/edge/edgeurl and the standard library without net,
// net/http and os. It implements no part of the protocol's specification.
package policy
