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
//   - [Table.ContactMethods] and [Table.ContactPossible] tell how to reach a node.
//   - [Fanout] is the queue of a search that converges on a point.
//
// There is no I/O here, no goroutine and no clock: the time is an argument, and
// randomness comes from the generator given to [New]. Methods may be called from
// any goroutine, but for those of a [Fanout] and a [TransferMeter], which belong to
// one owner. Locks, always taken in this order: the one of an [Own], the one of the
// [Table], the one of an [Entry]. Callbacks (liveness of flows, filters, the put of
// Save) may run under them and must not call a Table or an Own.
//
// The package may import core/crypto, core/wire, core/transport (for its Flow
// only), platform (for its value types only), core/packed
// and core/sorting.
package routing
