// Package packed is the form in which the node keeps its own data between two
// starts: values one after the other, without names or types. No other program
// reads it. Whoever stores such data puts a version in front of it and refuses
// every other one.
//
// A type describes its fields once, in their order, and that description both
// writes and reads:
//
//	func (p *peer) fields(c *packed.Codec) {
//		packed.Uint(c, &p.port)
//		packed.Bytes(c, &p.id, 36)
//		packed.List(c, &p.samples, 50, packed.Uint[uint64])
//	}
//
//	unsigned number  a varint, 1 to 10 bytes
//	signed number    a varint, zigzag
//	truth value      one byte, 0 or 1
//	bytes, text      length and content
//	list             number of items and the items
//
// Equal values give equal bytes. Reading accepts nothing that writing would not
// have written. It imports the standard library alone.
package packed
