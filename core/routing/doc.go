// Package routing is the map of the network: who we are to others, whom we know,
// how far each can be trusted to answer and how each can be reached
// (spec 04 §1-§5, §6.1, §6.3, §6.4, §7, §8, §10.1, §10.2, §13; spec 02 §1.4, §1.5;
// the candidate filters of spec 05 §16).
//
//   - [Domains] classifies addresses, flows and descriptions of nodes.
//   - [Table] holds the bucket sets, one per crypto kind, and their entries.
//   - [Entry] is one peer: descriptions, counters, last flows, state.
//   - [Own] is our own description in one routing domain: what it is made of,
//     whether it may be published, and the relays that complete it.
//   - [Table.ContactMethods] and [ContactPossible] tell how to reach a node.
//   - [Fanout] is the queue of a search that converges on a point.
//
// There is no I/O here, no goroutine and no clock: the time is an argument, and
// randomness comes from the generator given to [New]. Everything may be called
// from any goroutine. Locks, always taken in this order: the one of an [Own],
// the one of the [Table], the one of an [Entry]. None is held while a callback
// of the caller runs, except the liveness callback of flows and the filters of
// searches, which must not call back into this package's Table or Own.
//
// The package may import core/crypto, core/wire, core/transport (for its Flow
// only), platform (for its value types only) and the CBOR library.
package routing
