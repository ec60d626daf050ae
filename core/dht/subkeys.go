package dht

import (
	"iter"
	"math/bits"

	"github.com/voile-net/voile/core/wire"
)

// Subkeys is a set of subkeys of one record. It is a value: a copy is a set of its
// own, and the zero value is empty. A record has at most [MaxSubkeys] subkeys, so
// that no list of ranges, however it is made, costs more than these 128 bytes.
type Subkeys [MaxSubkeys / 64]uint64

// AllSubkeys is the range that stands for all subkeys on the wire (spec 06 §5).
func AllSubkeys() []wire.SubkeyRange { return []wire.SubkeyRange{{Start: 0, End: 0xFFFFFFFF}} }

// SubkeysOf is the part of the ranges that a record with n subkeys has.
func SubkeysOf(ranges []wire.SubkeyRange, n int) Subkeys {
	var s Subkeys
	for _, r := range ranges {
		end := min(uint64(r.End)+1, uint64(n), MaxSubkeys)
		for k := uint64(r.Start); k < end; {
			word, first := k/64, k%64
			count := min(64-first, end-k)
			s[word] |= (^uint64(0) >> (64 - count)) << first
			k += count
		}
	}
	return s
}

// Add puts a subkey in; one that no record can have is ignored.
func (s *Subkeys) Add(subkey uint32) {
	if subkey < MaxSubkeys {
		s[subkey/64] |= 1 << (subkey % 64)
	}
}

// Remove takes a subkey out.
func (s *Subkeys) Remove(subkey uint32) {
	if subkey < MaxSubkeys {
		s[subkey/64] &^= 1 << (subkey % 64)
	}
}

// Contains reports whether the subkey is in the set.
func (s *Subkeys) Contains(subkey uint32) bool {
	return subkey < MaxSubkeys && s[subkey/64]&(1<<(subkey%64)) != 0
}

// Empty reports whether nothing is in the set.
func (s *Subkeys) Empty() bool { return *s == Subkeys{} }

// Len is the number of subkeys in the set.
func (s *Subkeys) Len() int {
	n := 0
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// Union is what is in either set.
func (s Subkeys) Union(o Subkeys) Subkeys {
	for i := range s {
		s[i] |= o[i]
	}
	return s
}

// Intersect is what is in both sets.
func (s Subkeys) Intersect(o Subkeys) Subkeys {
	for i := range s {
		s[i] &= o[i]
	}
	return s
}

// Minus is what is in s and not in o.
func (s Subkeys) Minus(o Subkeys) Subkeys {
	for i := range s {
		s[i] &^= o[i]
	}
	return s
}

// All visits the subkeys in ascending order.
func (s Subkeys) All() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for i, w := range s {
			for ; w != 0; w &= w - 1 {
				if !yield(uint32(i*64 + bits.TrailingZeros64(w))) {
					return
				}
			}
		}
	}
}

// Ranges is the wire form: ascending, disjoint and merged, at most 512; nil for the
// empty set.
func (s Subkeys) Ranges() []wire.SubkeyRange {
	var ranges []wire.SubkeyRange
	for k := range s.All() {
		if n := len(ranges); n > 0 && ranges[n-1].End+1 == k {
			ranges[n-1].End = k
			continue
		}
		ranges = append(ranges, wire.SubkeyRange{Start: k, End: k})
	}
	return ranges
}
