// Package dht holds the distributed records: their schemas, keys, descriptors
// and values, the store that keeps them, and the server that answers other
// nodes' questions on them (spec 06; spec 03 §5.5 and §6.4-§6.10).
//
// The foundations are values and pure functions: schema.go, key.go,
// descriptor.go, value.go, subkeys.go, limits.go. [Store] keeps records in
// columns of [Tables]; there is one for others' records and one for our own.
// [Server] decides about questions; it takes the time as an argument, starts no
// goroutine that outlives a call, and is driven from outside by Tick and Notify.
//
// The package imports core/crypto, core/wire, core/routing, core/route, core/rpc
// and core/table.
package dht
