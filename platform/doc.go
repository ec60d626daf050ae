// Package platform holds what a node needs from the device it runs on, as
// small interfaces: [ProtectedStore] for a few secrets, [KeyValueStore] for
// its tables, [NetInfo] for the facts of its network (spec 01 §8, spec 04 §2.2).
//
// Here are interfaces, their value types and their errors only, so that every
// adapter can import it: memory, encfile, keyring, bbolt, netinfo. The package
// platform/host picks the adapters of the operating system at hand. Each
// sentence of a contract is a check in platform/platformtest, which every
// adapter runs.
//
// It imports the standard library only, and nothing of core.
package platform
