// Package sim runs whole nodes in one process, over memory links and, inside
// testing/synctest, on a virtual clock. It is for tests and simulations: the
// nodes are the real ones, only sockets, interfaces and stores are in memory.
//
// The package may import core and everything below it.
package sim
