// Package route hides who talks to whom: it builds and opens the layers of safety
// routes and private routes, and keeps the routes of this node (spec 05).
//
//   - [Onion] holds the functions of the layers, for a sender (assemble, compile,
//     seal) and for every node on the way ([Onion.Peel]). It has no state.
//   - [Store] holds the state: our allocated routes, the routes that others gave us,
//     compiled routes, statistics, and the decisions that keep routes alive. It
//     decides; testing a route, and everything else that sends, is its caller's.
//   - [SafetySelection] says how a message is to be hidden.
//
// There is no I/O here, no goroutine and no clock: the time is an argument,
// randomness comes from the cryptosystems, and what must be known of other nodes
// is asked of [Nodes]. Everything may be called from any goroutine.
//
// The package may import core/crypto with its lru, core/packed, core/sorting
// and core/wire.
package route
