package lzma

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
)

// decoder is the format as a reader has it, for tests. The one that modules carry is
// tested in package wasmslim.
type decoder struct {
	probs       [Size]uint16
	in          []byte
	width, code uint32
}

// decode fills the parts of a memory of the given size.
func decode(in []byte, size int, parts []Part) []byte {
	d := &decoder{in: in[4:], width: 1<<32 - 1, code: binary.BigEndian.Uint32(in)}
	for i := range d.probs {
		d.probs[i] = Half
	}
	image := make([]byte, size)
	for _, p := range parts {
		var h history
		for at := p.From; at < p.To; {
			s := d.symbol(image, at, h)
			h = h.next(s)
			for range s.length {
				image[at] = image[at-int(h.back[0])-1]
				at++
			}
			if s.length == 0 {
				at++
			}
		}
	}
	return image
}

func (d *decoder) shift() {
	for d.width < 1<<24 {
		d.width, d.code = d.width<<8, d.code<<8|uint32(d.in[0])
		d.in = d.in[1:]
	}
}

func (d *decoder) bit(at int) int {
	d.shift()
	p := &d.probs[at]
	bound := d.width >> ProbabilityBits * uint32(*p)
	if d.code < bound {
		d.width = bound
		*p += (1<<ProbabilityBits - *p) >> MoveBits
		return 0
	}
	d.width -= bound
	d.code -= bound
	*p -= *p >> MoveBits
	return 1
}

func (d *decoder) tree(at, n int) int {
	node := 1
	for range n {
		node = node<<1 | d.bit(at+node)
	}
	return node - 1<<n
}

func (d *decoder) reverse(at, n int) (v int) {
	node := 1
	for i := range n {
		b := d.bit(at + node)
		node = node<<1 | b
		v |= b << i
	}
	return v
}

func (d *decoder) length(at, posState int) int {
	switch {
	case d.bit(at) == 0:
		return MinLength + d.tree(at+posState<<3, 3)
	case d.bit(at+LengthMiddle) == 0:
		return MinLength + 8 + d.tree(at+LengthMiddle+posState<<3, 3)
	}
	return MinLength + 16 + d.tree(at+LengthHigh, 8)
}

// symbol reads one, and puts a literal into its place.
func (d *decoder) symbol(image []byte, at int, h history) symbol {
	state, posState := int(h.state)<<StateShift, at%posStates
	if d.bit(state+IsMatch+posState) == 0 {
		same, compared, node := 0, 0, 1
		if h.state >= FirstMatch {
			same, compared = 0x100, int(image[at-int(h.back[0])-1])
		}
		for node < 0x100 {
			compared <<= 1
			other := compared & same
			b := d.bit(literalAt(image, at) + same + other + node)
			node = node<<1 | b
			same &= other ^ (b - 1)
		}
		image[at] = byte(node)
		return symbol{}
	}
	if d.bit(state+IsRep) == 1 {
		rep := int32(0)
		switch {
		case d.bit(state+IsRep0) == 0:
			if d.bit(state+IsRep0Long+posState) == 0 {
				return symbol{length: 1}
			}
		case d.bit(state+IsRep1) == 0:
			rep = 1
		default:
			rep = 2 + int32(d.bit(state+IsRep2))
		}
		return symbol{length: int32(d.length(RepLengths, posState)), rep: rep}
	}
	length := d.length(Lengths, posState)
	slot := d.tree(Slots+min(length-MinLength, 3)<<SlotBits, SlotBits)
	back := slot
	if n := slot/2 - 1; slot >= 4 {
		back = (2 + slot&1) << n
		if slot < AlignSlot {
			back += d.reverse(Distances+slot<<DistanceShift, n)
		} else {
			high := 0
			for range n - AlignBits {
				d.shift()
				d.width >>= 1
				high <<= 1
				if d.code >= d.width {
					d.code -= d.width
					high++
				}
			}
			back += high<<AlignBits + d.reverse(Distances+AlignSlot<<DistanceShift, AlignBits)
		}
	}
	return symbol{length: int32(length), rep: noRep, back: uint32(back)}
}

// FuzzRoundTrip reads its input as an image of short steps: bytes as they are, copies
// from before, runs of zeros and of other bytes.
func FuzzRoundTrip(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 3, 4, 300, 5000} {
		steps := make([]byte, n)
		for i := range steps {
			steps[i] = byte(r.Uint32())
		}
		f.Add(steps)
	}
	f.Fuzz(func(t *testing.T, steps []byte) {
		image := []byte{0}
		for len(steps) > 3 && len(image) < 1<<20 {
			kind, n, back := steps[0]%5, int(steps[1]), int(steps[2])|int(steps[3])<<8
			switch kind {
			case 0:
				image = append(image, steps[1:4]...)
			case 1, 2:
				from := max(0, len(image)-1-back>>(kind*4))
				for i := range n {
					image = append(image, image[from+i])
				}
			case 3:
				image = append(image, make([]byte, n)...)
			case 4:
				image = append(image, bytes.Repeat(steps[2:3], n)...)
			}
			steps = steps[4:]
		}
		before, parts := bytes.Clone(image), Parts(image, 64)
		packed := Compress(image, parts)
		if got := decode(packed, len(image), parts); !bytes.Equal(got, before) || !bytes.Equal(image, before) {
			t.Errorf("%d bytes, compressed to %d, do not come back as they were", len(image), len(packed))
		}
	})
}

func TestParts(t *testing.T) {
	for _, c := range []struct {
		name, image string
		want        []Part
	}{
		{"nothing", "", nil},
		{"zeros", "\x00\x00\x00\x00\x00", nil},
		{"a byte", "\x00a", []Part{{1, 2}}},
		{"zeros at the end", "\x00a\x00", []Part{{1, 2}}},
		{"fewer zeros", "\x00a\x00\x00b\x00", []Part{{1, 5}}},
		{"a hole", "\x00a\x00\x00\x00b", []Part{{1, 2}, {5, 6}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Parts([]byte(c.image), 3); !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}
