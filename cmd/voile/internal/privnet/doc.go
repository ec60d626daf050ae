// Package privnet runs a private network in this process: whole nodes over real
// sockets, of 127.0.0.1 unless told otherwise, with nothing kept, joined by the
// first of them. The demo shows one, a chat on one machine brings one along, and
// tests of commands use one as their network.
//
// The package may import core.
package privnet
