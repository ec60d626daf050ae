package crypto

import (
	"bytes"
	"crypto/subtle"
	"math/bits"
)

// Distance is the XOR of two coordinates, a 256-bit big-endian number; smaller is
// closer (spec 01 §2.8).
type Distance [ValueSize]byte

// Coordinate is the place of a node id, record key or digest in the XOR space: its
// own bytes, not hashed again.
func (id ID[R]) Coordinate() HashCoordinate { return HashCoordinate(id) }

// Distance is defined between coordinates of one kind only; ok is false else.
func (id ID[R]) Distance(other HashCoordinate) (d Distance, ok bool) {
	if id.Kind != other.Kind {
		return Distance{}, false
	}
	subtle.XORBytes(d[:], id.Value[:], other.Value[:])
	return d, true
}

// Compare is negative if d is closer than other.
func (d Distance) Compare(other Distance) int { return bytes.Compare(d[:], other[:]) }

// Less reports whether d is closer than other.
func (d Distance) Less(other Distance) bool { return d.Compare(other) < 0 }

// FirstBit is the index of the first bit that is set, 0 being the most significant.
// ok is false for the distance zero.
func (d Distance) FirstBit() (index int, ok bool) {
	for i, b := range d {
		if b != 0 {
			return 8*i + bits.LeadingZeros8(b), true
		}
	}
	return 0, false
}

// Bit is the bit at index 0..255, counted from the most significant.
func (d Distance) Bit(index int) bool { return d[index/8]&(0x80>>(index%8)) != 0 }

// BucketIndex is the bucket that peer has in the table of own: 0 holds the farthest
// half of the space. ok is false for the own id and for another kind.
func BucketIndex(own, peer NodeID) (index int, ok bool) {
	d, ok := own.Distance(peer.Coordinate())
	if !ok {
		return 0, false
	}
	return d.FirstBit()
}
