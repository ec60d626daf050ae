package lzma

import "math/bits"

// coder is the range coder, its probabilities, and what the symbols before leave.
type coder struct {
	probs [Size]uint16 // of 1<<ProbabilityBits, that a bit is zero

	low     uint64
	width   uint32
	held    byte // the last byte, to which a carry may come, and how many of 0xff follow it
	ones    int
	started bool // whether there is a byte held
	out     []byte
}

func newCoder() *coder {
	c := &coder{width: 1<<32 - 1}
	for i := range c.probs {
		c.probs[i] = Half
	}
	return c
}

func (c *coder) bit(at int, bit uint32) {
	p := &c.probs[at]
	bound := c.width >> ProbabilityBits * uint32(*p)
	if bit == 0 {
		c.width = bound
		*p += (1<<ProbabilityBits - *p) >> MoveBits
	} else {
		c.low += uint64(bound)
		c.width -= bound
		*p -= *p >> MoveBits
	}
	c.normalize()
}

// direct writes the n low bits of v as they are.
func (c *coder) direct(v uint32, n int) {
	for n--; n >= 0; n-- {
		c.width >>= 1
		if v>>n&1 != 0 {
			c.low += uint64(c.width)
		}
		c.normalize()
	}
}

func (c *coder) normalize() {
	for c.width < 1<<24 {
		c.width <<= 8
		c.shift()
	}
}

// shift moves the highest byte out.
func (c *coder) shift() {
	if c.low < 0xff<<24 || c.low >= 1<<32 {
		carry := byte(c.low >> 32)
		if c.started { // the first byte of the format is always zero
			c.out = append(c.out, c.held+carry)
		}
		c.started = true
		for ; c.ones > 0; c.ones-- {
			c.out = append(c.out, 0xff+carry)
		}
		c.held = byte(c.low >> 24)
	} else {
		c.ones++
	}
	c.low = c.low & 0xffffff << 8
}

// finish returns what is written.
func (c *coder) finish() []byte {
	for range 5 {
		c.shift()
	}
	return c.out
}

// tree writes a number of n bits from its highest on.
func (c *coder) tree(at int, v uint32, n int) {
	node := 1
	for n--; n >= 0; n-- {
		b := v >> n & 1
		c.bit(at+node, b)
		node = node<<1 | int(b)
	}
}

// reverse writes the n low bits of v from the lowest on.
func (c *coder) reverse(at int, v uint32, n int) {
	node := 1
	for ; n > 0; n-- {
		c.bit(at+node, v&1)
		node = node<<1 | int(v&1)
		v >>= 1
	}
}

// literalBits are the bits of a byte from its highest on, with the place of their
// probabilities. With a byte to compare, the bits down to the first difference have
// probabilities of their own.
func literalBits(v, compared byte, compare bool) (path [8]struct {
	at  int
	bit uint32
}) {
	node, m, same := uint32(1), uint32(compared), uint32(0)
	if compare {
		same = 0x100
	}
	for i := range path {
		m <<= 1
		other, b := m&same, uint32(v)>>(7-i)&1
		path[i].at, path[i].bit = int(same+other+node), b
		node = node<<1 | b
		same &= other ^ (b - 1)
	}
	return path
}

func (c *coder) literal(at int, v, compared byte, compare bool) {
	for _, b := range literalBits(v, compared, compare) {
		c.bit(at+b.at, b.bit)
	}
}

func (c *coder) length(at, n, posState int) {
	switch n -= MinLength; {
	case n < 8:
		c.bit(at, 0)
		c.tree(at+posState<<3, uint32(n), 3)
	case n < 16:
		c.bit(at, 1)
		c.bit(at+LengthMiddle, 0)
		c.tree(at+LengthMiddle+posState<<3, uint32(n-8), 3)
	default:
		c.bit(at, 1)
		c.bit(at+LengthMiddle, 1)
		c.tree(at+LengthHigh, uint32(n-16), 8)
	}
}

// slotOf is the slot of a distance, which is one less than what to go back. It has its
// two highest bits and how many follow.
func slotOf(distance uint32) int {
	if distance < 4 {
		return int(distance)
	}
	n := bits.Len32(distance)
	return 2*(n-1) + int(distance>>(n-2)&1)
}

func (c *coder) distance(distance uint32, length int) {
	slot := slotOf(distance)
	c.tree(Slots+min(length-MinLength, 3)<<SlotBits, uint32(slot), SlotBits)
	switch n := slot/2 - 1; {
	case slot < 4:
	case slot < AlignSlot:
		c.reverse(Distances+slot<<DistanceShift, distance, n)
	default:
		c.direct(distance>>AlignBits&(1<<(n-AlignBits)-1), n-AlignBits)
		c.reverse(Distances+AlignSlot<<DistanceShift, distance, AlignBits)
	}
}

// history is what a symbol's coding depends on.
type history struct {
	state uint8
	back  [4]uint32 // the last four distances, the latest first
}

// symbol is a literal, or a match.
type symbol struct {
	length int32 // literal: 0
	rep    int32 // which of history's distances, noRep: none of them
	back   uint32
}

const noRep = -1

// next is the history after s.
func (h history) next(s symbol) history {
	switch {
	case s.length == 0:
		h.state = afterLiteral(h.state)
		return h
	case s.rep == noRep:
		h.state = after(h.state, ToMatch)
		h.back = [4]uint32{s.back, h.back[0], h.back[1], h.back[2]}
		return h
	case s.length == 1:
		h.state = after(h.state, toShortRep)
	default:
		h.state = after(h.state, ToRep)
	}
	d := h.back[s.rep]
	copy(h.back[1:s.rep+1], h.back[:s.rep])
	h.back[0] = d
	return h
}

// write writes the symbol at an address of image.
func (c *coder) write(image []byte, at int, h history, s symbol) {
	state, posState := int(h.state)<<StateShift, at&(posStates-1)
	switch {
	case s.length == 0:
		c.bit(state+IsMatch+posState, 0)
		var compared byte
		if h.state >= FirstMatch {
			compared = image[at-int(h.back[0])-1]
		}
		c.literal(literalAt(image, at), image[at], compared, h.state >= FirstMatch)
		return
	case s.rep == noRep:
		c.bit(state+IsMatch+posState, 1)
		c.bit(state+IsRep, 0)
		c.length(Lengths, int(s.length), posState)
		c.distance(s.back, int(s.length))
		return
	}
	c.bit(state+IsMatch+posState, 1)
	c.bit(state+IsRep, 1)
	if s.rep == 0 {
		c.bit(state+IsRep0, 0)
		if s.length == 1 {
			c.bit(state+IsRep0Long+posState, 0)
			return
		}
		c.bit(state+IsRep0Long+posState, 1)
	} else {
		c.bit(state+IsRep0, 1)
		if s.rep == 1 {
			c.bit(state+IsRep1, 0)
		} else {
			c.bit(state+IsRep1, 1)
			c.bit(state+IsRep2, uint32(s.rep-2))
		}
	}
	c.length(RepLengths, int(s.length), posState)
}

// literalAt is where the probabilities of the literal at an address are.
func literalAt(image []byte, at int) int {
	return Literals + int(image[at-1]>>(8-LiteralBits))*LiteralSize
}
