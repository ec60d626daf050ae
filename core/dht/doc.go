// Package dht holds the distributed records: their schemas, keys, descriptors
// and values, the store that keeps them, the server that answers other nodes'
// questions on them, and the client that applications use (spec 06; spec 03 §5.5
// and §6.4-§6.10).
//
// The foundations are values and pure functions: schema.go, key.go,
// descriptor.go, value.go, subkeys.go, limits.go. [Store] keeps records in
// columns of [Tables]; there is one for others' records and one for our own.
// [Server] decides about questions; it takes the time as an argument, starts no
// goroutine that outlives a call, and is driven from outside by Tick and Notify.
// [Client] makes, reads, writes and watches records and runs transactions over
// them; its background work is driven by Tick. [Nodes] is how it reaches others.
//
// The package imports core/crypto, core/crypto/lru, core/wire, core/routing,
// core/route, core/rpc and core/table.
package dht
