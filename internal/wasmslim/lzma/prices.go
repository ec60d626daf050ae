package lzma

import "math"

// prices of what is asked for often, in the unit of [priceOf].
type prices struct {
	lengths [2][posStates][maxLength + 1]uint32 // of matches, and of repeated ones
	slots   [4][1 << SlotBits]uint32            // with the bits of no probability
	near    [1 << (AlignSlot / 2)]uint32        // of a distance's bits after its slot
	low     [1 << AlignBits]uint32
}

const priceUnit = 64 // of a bit

// priceOf is the price of a bit by its probability.
var priceOf = func() (prices [1 << ProbabilityBits]uint32) {
	for i := 1; i < len(prices); i++ {
		prices[i] = uint32(math.Round(-math.Log2(float64(i)/(1<<ProbabilityBits)) * priceUnit))
	}
	return prices
}()

func (c *coder) price(at int, bit uint32) uint32 {
	p := c.probs[at]
	if bit != 0 {
		p = 1<<ProbabilityBits - p
	}
	return priceOf[p]
}

func (c *coder) treePrice(at int, v uint32, n int) (sum uint32) {
	for node := v | 1<<n; node > 1; node >>= 1 {
		sum += c.price(at+int(node>>1), node&1)
	}
	return sum
}

func (c *coder) reversePrice(at int, v uint32, n int) (sum uint32) {
	node := 1
	for ; n > 0; n-- {
		sum += c.price(at+node, v&1)
		node = node<<1 | int(v&1)
		v >>= 1
	}
	return sum
}

func (c *coder) literalPrice(at int, v, compared byte, compare bool) (sum uint32) {
	for _, b := range literalBits(v, compared, compare) {
		sum += c.price(at+b.at, b.bit)
	}
	return sum
}

func (p *prices) update(c *coder) {
	for i, at := range []int{Lengths, RepLengths} {
		short, notShort := c.price(at, 0), c.price(at, 1)
		middle, high := notShort+c.price(at+LengthMiddle, 0), notShort+c.price(at+LengthMiddle, 1)
		for k := range posStates {
			l := &p.lengths[i][k]
			for n := range uint32(8) {
				l[MinLength+n] = short + c.treePrice(at+k<<3, n, 3)
				l[MinLength+8+n] = middle + c.treePrice(at+LengthMiddle+k<<3, n, 3)
			}
			for n := range uint32(256) {
				l[MinLength+16+n] = high + c.treePrice(at+LengthHigh, n, 8)
			}
		}
	}
	for i := range p.slots {
		for slot := range p.slots[i] {
			p.slots[i][slot] = c.treePrice(Slots+i<<SlotBits, uint32(slot), SlotBits)
			if slot >= AlignSlot {
				p.slots[i][slot] += uint32(slot/2-1-AlignBits) * priceUnit
			}
		}
	}
	for d := range p.near {
		slot := slotOf(uint32(d))
		if slot >= 4 {
			p.near[d] = c.reversePrice(Distances+slot<<DistanceShift, uint32(d), slot/2-1)
		}
	}
	for d := range p.low {
		p.low[d] = c.reversePrice(Distances+AlignSlot<<DistanceShift, uint32(d), AlignBits)
	}
}

func (p *prices) distance(back uint32, slot, length int) uint32 {
	sum := p.slots[min(length-MinLength, 3)][slot]
	if slot < AlignSlot {
		return sum + p.near[back]
	}
	return sum + p.low[back&(1<<AlignBits-1)]
}
