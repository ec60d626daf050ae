// Package chat is a conversation of two people over private routes: each gives the
// other a route, and what is said goes from node to node, so that neither learns
// where the other is (spec 05 §1). It is an application like any other: it uses
// nothing but the public API of a node.
//
// Everything that one says to the other is a call, so that its arrival is known; its
// bytes are a [frame]. The package may import core and golang.org/x/term.
package chat
