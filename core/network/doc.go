// Package network moves sealed bytes between nodes: it receives, opens and
// dispatches messages, seals and sends them by the best way to a node, relays
// what is meant for others, returns receipts, and punches through NATs
// (spec 02 §6-§12, spec 04 §10-§11). What the bytes mean is the business of
// core/rpc.
//
// [Manager] is the whole of it. It is the handler of a transport.Stack below
// and has a [Handler] above. Two things it needs of the layer above, sending
// signals and returning receipts, are statements of the RPC; it calls them
// through [Signaller].
//
// Goroutines: the relay workers, one that answers bootstrap requests, and one
// per signal that is being served; Close ends and joins them. All else runs in
// the goroutines of the callers, that is the readers of the transport and the
// senders of the RPC.
//
// It may import core/crypto, core/wire, core/envelope, core/transport and
// core/routing, and its own sub-package bootstrap, which has the bootstrap
// records and requests.
package network
