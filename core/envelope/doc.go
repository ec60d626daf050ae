// Package envelope builds and reads the sealed messages between nodes: ENV0
// envelopes with the network key (spec 02 §9), RCP0 receipts (spec 02 §11.1), and
// the check of their timestamps (spec 02 §9.4). It also tells messages apart by
// their first bytes (spec 02 §8).
//
// It does no I/O and starts no goroutine. Of this module it imports core/crypto
// (and its lru) only.
package envelope
