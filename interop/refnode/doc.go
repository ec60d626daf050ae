// Package refnode holds the Rust source of the reference node, an unmodified
// veilid-core behind its remote JSON API, and builds it with cargo: version
// 0.5.8, which Voile follows, and 0.5.2, the oldest it gets along with.
//
// The first build takes about eight minutes for each version on two cores;
// later ones find the program in the cache. It needs cargo, pkg-config and
// the headers of libdbus (Debian: libdbus-1-dev).
//
// It imports the standard library and golang.org/x/sys only.
package refnode
