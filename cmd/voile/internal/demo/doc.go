// Package demo is the project's front door: a private network of whole nodes in
// this process, of which two, Alice and Bob, talk over private routes, shown as it
// happens (spec 05 §1). What is drawn is what the nodes did: the hops are those of
// their routes, the times are measured.
//
// On a terminal it draws a [screen], else it writes one line per event. The package
// may import core, cmd/voile/internal/privnet and golang.org/x/term.
package demo
