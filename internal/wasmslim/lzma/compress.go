package lzma

import (
	"math"
	"slices"
)

// Part is a part of a memory, from an address on up to another one.
type Part struct{ From, To int }

// Parts are the parts of image that are compressed: what runs of at least zeros of
// zeros leave.
func Parts(image []byte, zeros int) []Part {
	var parts []Part
	for at := 0; at < len(image); {
		for at < len(image) && image[at] == 0 {
			at++
		}
		if at == len(image) {
			break
		}
		p := Part{From: at}
		for p.To = at; at < len(image) && at-p.To < zeros; at++ {
			if image[at] != 0 {
				p.To = at + 1
			}
		}
		parts = append(parts, p)
	}
	return parts
}

// Compress returns the compressed form of the parts of image, which is zero elsewhere.
// A decoder begins each part with a history of zeros. No part begins at address 0, as
// a literal's probabilities are chosen by the byte before.
func Compress(image []byte, parts []Part) []byte {
	p := &parser{image: image, finder: newFinder(image), coder: newCoder()}
	for _, part := range parts {
		p.part(part)
	}
	return p.coder.finish()
}

// parser picks the symbols that cost least. It looks at a window at a time, with the
// prices as they are at its start, and finds the cheapest way to each of its places:
// since what a symbol costs depends on those before it, it keeps several ways.
type parser struct {
	image  []byte
	finder *finder
	coder  *coder
	prices prices
	nodes  [window + 1]node
	found  [window][]match // by the low bits of a place
	known  int             // places up to this one are in found
}

const (
	window  = 1 << 11
	settled = window * 3 / 4 // of a window, whose symbols are written
	ways    = 4              // to a place: 2 take half the time and leave 0.7 % more
	long    = 64             // a match of this length is not looked at in part
)

// node is a place with the cheapest ways to it.
type node struct {
	n       int
	limit   uint32 // of prices: that of the dearest way once there are as many as can be
	dearest int
	ways    [ways]way
}

type way struct {
	price   uint32
	before  int16 // node, and its way
	wayOf   int8
	last    symbol
	history history
}

func (p *parser) part(part Part) {
	p.known = part.From
	var h history
	for at := part.From; at < part.To; {
		end := min(part.To, at+window)
		for ; p.known < end; p.known++ {
			found := &p.found[p.known%window]
			*found = p.finder.find(p.known, part.To, (*found)[:0])
		}
		p.prices.update(p.coder)
		p.search(at, end, h)
		until := end
		if end < part.To {
			until = at + settled
		}
		for _, s := range p.best(end - at) {
			if at >= until {
				break
			}
			p.coder.write(p.image, at, h, s)
			h = h.next(s)
			at += max(int(s.length), 1)
		}
	}
}

// best are the symbols of the cheapest way to the last node.
func (p *parser) best(last int) []symbol {
	var symbols []symbol
	at, k := last, 0
	for i := range p.nodes[last].n {
		if p.nodes[last].ways[i].price < p.nodes[last].ways[k].price {
			k = i
		}
	}
	for at > 0 {
		w := &p.nodes[at].ways[k]
		symbols = append(symbols, w.last)
		at, k = int(w.before), int(w.wayOf)
	}
	slices.Reverse(symbols)
	return symbols
}

// search fills the nodes of the places from one to another one.
func (p *parser) search(from, to int, h history) {
	for i := range to - from + 1 {
		p.nodes[i].n, p.nodes[i].limit = 0, math.MaxUint32
	}
	p.nodes[0].n = 1
	p.nodes[0].ways[0] = way{history: h}
	for at := from; at < to; at++ {
		for k := range p.nodes[at-from].n {
			p.extend(from, at, to, k)
		}
	}
}

// extend adds the ways that go on from the k-th to the place at.
func (p *parser) extend(from, at, to, k int) {
	w := &p.nodes[at-from].ways[k]
	h, base := w.history, w.price
	state, posState := int(h.state)<<StateShift, at&(posStates-1)
	c := p.coder
	add := func(price uint32, s symbol) {
		if n := &p.nodes[at-from+max(int(s.length), 1)]; price < n.limit {
			n.add(way{price: price, before: int16(at - from), wayOf: int8(k), last: s}, h)
		}
	}

	compare := h.state >= FirstMatch
	matched := int(h.back[0]) < at && p.image[at] == p.image[at-int(h.back[0])-1]
	var compared byte
	if compare {
		compared = p.image[at-int(h.back[0])-1]
	}
	add(base+c.price(state+IsMatch+posState, 0)+c.literalPrice(literalAt(p.image, at), p.image[at], compared, compare), symbol{})

	base += c.price(state+IsMatch+posState, 1)
	rep := base + c.price(state+IsRep, 1)
	if matched {
		add(rep+c.price(state+IsRep0, 0)+c.price(state+IsRep0Long+posState, 0), symbol{length: 1})
	}
	limit := min(to-at, maxLength)
	if limit < MinLength {
		return
	}
	for i, back := range h.back {
		if int(back) >= at {
			continue
		}
		n := same(p.image, at-int(back)-1, at, limit)
		if n < MinLength {
			continue
		}
		price := rep
		switch i {
		case 0:
			price += c.price(state+IsRep0, 0) + c.price(state+IsRep0Long+posState, 1)
		case 1:
			price += c.price(state+IsRep0, 1) + c.price(state+IsRep1, 0)
		default:
			price += c.price(state+IsRep0, 1) + c.price(state+IsRep1, 1) + c.price(state+IsRep2, uint32(i-2))
		}
		lengths := &p.prices.lengths[1][posState]
		shortest := MinLength
		if n >= long {
			shortest = n
		}
		for ; n >= shortest; n-- {
			add(price+lengths[n], symbol{length: int32(n), rep: int32(i)})
		}
	}

	base += c.price(state+IsRep, 0)
	lengths := &p.prices.lengths[0][posState]
	n := MinLength
	for _, m := range p.found[at%window] {
		most := min(int(m.length), limit)
		if most >= long {
			n = most
		}
		slot := slotOf(uint32(m.back))
		for ; n <= most; n++ {
			add(base+lengths[n]+p.prices.distance(uint32(m.back), slot, n), symbol{length: int32(n), rep: noRep, back: uint32(m.back)})
		}
	}
}

// add adds a way to a node. The same latest distances are there once.
func (n *node) add(w way, h history) {
	w.history = h.next(w.last)
	at := n.n
	for i := range n.n {
		if n.ways[i].history.back == w.history.back {
			if w.price >= n.ways[i].price {
				return
			}
			at = i
			break
		}
	}
	if at < ways {
		n.n = max(n.n, at+1)
	} else {
		at = n.dearest
	}
	n.ways[at] = w
	if n.n < ways {
		return
	}
	n.limit = 0
	for i := range n.ways {
		if n.ways[i].price > n.limit {
			n.limit, n.dearest = n.ways[i].price, i
		}
	}
}
