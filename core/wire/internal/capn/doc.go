// Package capn reads and writes Cap'n Proto messages as the network uses them:
// stream framing, packing, and structs addressed by offset and slot (spec 03
// sections 2.1 to 2.6).
//
// Why not the library: a message must come out in the very bytes of the other
// implementation, large ones in a canonical form that the library cannot make
// safely, and nested messages of one operation must share one limit. The
// schema has no recursive type, and a reader here follows only the pointers it
// is asked for, so the depth of a message is bounded by the code that reads it.
// The library stays as an independent judge in the tests.
//
// The package imports the standard library only.
package capn
