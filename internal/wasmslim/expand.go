package main

import (
	"encoding/binary"
	"fmt"

	"github.com/voile-net/voile/internal/wasmslim/lzma"
)

// Instructions that the expansion has besides those that the rewriting looks at.
const (
	opI32Load16U = 0x2f
	opI32Store16 = 0x3b
	opI32Mul     = 0x6c
)

// expansion writes the functions that expand the compressed image into its place. The
// compressed form is the only data that the module has. It stands in memory behind
// everything else, and the probabilities stand behind it.
//
// Engines compile these functions once quickly and again well while they run, but go
// on with the better code only from the next call on: so what loops has a function.
type expansion struct {
	parts             []lzma.Part
	stream            []byte
	at, probabilities int // addresses

	next, width, code                        byte // globals; next is the address of the next byte
	bit, tree, reverse, direct, length, part int  // functions
}

// minHole is how many zeros are a hole of the image, whose memory nobody touches: a page.
const minHole = 1 << 12

// expand compresses image; the memory from free on is zero and free. It is refused if
// it needs more than size bytes of memory.
func expand(image []byte, free, size int) (*expansion, error) {
	x := &expansion{parts: lzma.Parts(image, minHole), at: free}
	if len(x.parts) > 0 && x.parts[0].From == 0 {
		return nil, fmt.Errorf("%w: data at address 0", errModule)
	}
	x.stream = lzma.Compress(image, x.parts)
	x.probabilities = (x.at + len(x.stream) + 3) &^ 3
	if x.end() > size {
		return nil, fmt.Errorf("%w: a memory of %d bytes, want %d", errModule, size, x.end())
	}
	return x, nil
}

// end is the first address behind what the expansion needs.
func (x *expansion) end() int { return x.probabilities + (2*lzma.Size+3)&^3 }

// data is the data section.
func (x *expansion) data() []byte { return dataSection(x.at, x.stream) }

// address is where a probability is.
func (x *expansion) address(index int) int { return x.probabilities + 2*index }

// add adds the functions to the module.
func (x *expansion) add(m *module) (err error) {
	for _, g := range []struct {
		global *byte
		value  int
	}{{&x.next, x.at + 4}, {&x.width, -1}, {&x.code, int(binary.BigEndian.Uint32(x.stream))}} {
		if *g.global, err = m.addGlobal(g.value); err != nil {
			return err
		}
	}
	for _, f := range []struct {
		function        *int
		params, results int
		body            func() []byte
	}{
		{&x.bit, 1, 1, x.bitBody},
		{&x.tree, 4, 1, x.treeBody},
		{&x.reverse, 2, 1, x.reverseBody},
		{&x.direct, 1, 1, x.directBody},
		{&x.length, 2, 1, x.lengthBody},
		{&x.part, 2, 0, x.partBody},
	} {
		types := []byte{typeI32, typeI32, typeI32, typeI32}
		if *f.function, err = m.addFunction(types[:f.params], types[:f.results], f.body()); err != nil {
			return err
		}
	}
	return nil
}

// start expands everything. i is a local whose value is not needed.
func (x *expansion) start(a *assembler, i byte) {
	a.set(i, x.probabilities)
	a.emit(opLoop, typeNone, opLocalGet, i)
	a.constant(lzma.Half<<16 | lzma.Half)
	a.emit(opI32Store, 2, 0)
	a.add(i, 4)
	a.emit(opLocalGet, i)
	a.constant(x.end())
	a.emit(opI32LtU, opBrIf, 0, opEnd)
	for _, p := range x.parts {
		a.constant(p.From)
		a.constant(p.To)
		a.call(x.part)
	}
}

// normalize keeps the width above 24 bits: width and code are locals.
func (x *expansion) normalize(a *assembler, width, code byte) {
	a.emit(opLocalGet, width)
	a.constant(1 << 24)
	a.emit(opI32LtU, opIf, typeNone)
	a.emit(opLocalGet, code)
	a.constant(8)
	a.emit(opI32Shl, opGlobalGet, x.next, opI32Load8U, 0, 0, opI32Or, opLocalSet, code)
	a.addGlobal(x.next, 1)
	a.emit(opLocalGet, width)
	a.constant(8)
	a.emit(opI32Shl, opLocalSet, width, opEnd)
}

// decoding are the locals of a function that decodes bits.
type decoding struct{ width, code, at, bound, p byte }

// open copies the globals to locals, and close copies them back.
func (x *expansion) open(a *assembler) decoding {
	d := decoding{a.local(), a.local(), a.local(), a.local(), a.local()}
	a.emit(opGlobalGet, x.width, opLocalSet, d.width, opGlobalGet, x.code, opLocalSet, d.code)
	return d
}

func (x *expansion) close(a *assembler, d decoding) {
	a.emit(opLocalGet, d.width, opGlobalSet, x.width, opLocalGet, d.code, opGlobalSet, x.code)
}

// decode pushes the bit of the probability at d.at. This is what costs time; choosing by
// select instead of jumping takes as long.
func (x *expansion) decode(a *assembler, d decoding) {
	x.normalize(a, d.width, d.code)
	a.emit(opLocalGet, d.code, opLocalGet, d.width)
	a.constant(lzma.ProbabilityBits)
	a.emit(opI32ShrU, opLocalGet, d.at, opI32Load16U, 1, 0, opLocalTee, d.p, opI32Mul, opLocalTee, d.bound)
	a.emit(opI32LtU, opIf, typeI32)
	a.emit(opLocalGet, d.bound, opLocalSet, d.width)
	a.emit(opLocalGet, d.at)
	a.constant(1 << lzma.ProbabilityBits)
	a.emit(opLocalGet, d.p, opI32Sub)
	a.constant(lzma.MoveBits)
	a.emit(opI32ShrU, opLocalGet, d.p, opI32Add, opI32Store16, 1, 0)
	a.constant(0)
	a.emit(opElse)
	a.emit(opLocalGet, d.width, opLocalGet, d.bound, opI32Sub, opLocalSet, d.width)
	a.emit(opLocalGet, d.code, opLocalGet, d.bound, opI32Sub, opLocalSet, d.code)
	a.emit(opLocalGet, d.at, opLocalGet, d.p, opLocalGet, d.p)
	a.constant(lzma.MoveBits)
	a.emit(opI32ShrU, opI32Sub, opI32Store16, 1, 0)
	a.constant(1)
	a.emit(opEnd)
}

// bitBody is the function that decodes a bit of the probability at its parameter.
func (x *expansion) bitBody() []byte {
	a := &assembler{params: 1}
	d := x.open(a)
	d.at = 0
	x.decode(a, d)
	x.close(a, d)
	return a.body()
}

// treeBody is the function that decodes a number from its highest bit on: the address
// of the probabilities, and the power of two that the number is below. The other
// parameters are of literals: 0x100 if there is a byte to compare, and that.
func (x *expansion) treeBody() []byte {
	a := &assembler{params: 4}
	const at, limit, same, compared = 0, 1, 2, 3
	d := x.open(a)
	node, other, b := a.local(), a.local(), d.p
	a.set(node, 1)
	a.emit(opLoop, typeNone)
	a.emit(opLocalGet, compared)
	a.constant(1)
	a.emit(opI32Shl, opLocalTee, compared, opLocalGet, same, opI32And, opLocalTee, other)
	a.emit(opLocalGet, same, opI32Add, opLocalGet, node, opI32Add)
	a.constant(1)
	a.emit(opI32Shl, opLocalGet, at, opI32Add, opLocalSet, d.at)
	x.decode(a, d)
	a.emit(opLocalTee, b, opLocalGet, node)
	a.constant(1)
	a.emit(opI32Shl, opI32Or, opLocalSet, node)
	a.emit(opLocalGet, same, opLocalGet, other, opLocalGet, b)
	a.constant(1)
	a.emit(opI32Sub, opI32Xor, opI32And, opLocalSet, same)
	a.emit(opLocalGet, node, opLocalGet, limit, opI32LtU, opBrIf, 0, opEnd)
	x.close(a, d)
	a.emit(opLocalGet, node, opLocalGet, limit, opI32Sub)
	return a.body()
}

// reverseBody is the function that decodes a number of some bits from its lowest on.
func (x *expansion) reverseBody() []byte {
	a := &assembler{params: 2}
	const at, count = 0, 1
	node, i, v, b := a.local(), a.local(), a.local(), a.local()
	a.set(node, 1)
	a.emit(opLoop, typeNone)
	a.emit(opLocalGet, node)
	a.constant(1)
	a.emit(opI32Shl, opLocalTee, node, opLocalGet, at, opI32Add)
	a.call(x.bit)
	a.emit(opLocalTee, b, opLocalGet, node, opI32Or, opLocalSet, node)
	a.emit(opLocalGet, b, opLocalGet, i, opI32Shl, opLocalGet, v, opI32Or, opLocalSet, v)
	a.add(i, 1)
	a.emit(opLocalGet, i, opLocalGet, count, opI32LtU, opBrIf, 0, opEnd)
	a.emit(opLocalGet, v)
	return a.body()
}

// directBody is the function that reads a number of some bits that have no probability.
func (x *expansion) directBody() []byte {
	a := &assembler{params: 1}
	const count = 0
	d := x.open(a)
	v, one := a.local(), a.local()
	a.emit(opLoop, typeNone)
	x.normalize(a, d.width, d.code)
	a.emit(opLocalGet, d.code, opLocalGet, d.width)
	a.constant(1)
	a.emit(opI32ShrU, opLocalTee, d.width, opI32GeU, opLocalTee, one)
	a.emit(opLocalGet, v)
	a.constant(1)
	a.emit(opI32Shl, opI32Or, opLocalSet, v)
	a.emit(opLocalGet, d.code, opLocalGet, d.width, opLocalGet, one, opI32Mul, opI32Sub, opLocalSet, d.code)
	a.add(count, -1)
	a.emit(opLocalGet, count, opBrIf, 0, opEnd)
	x.close(a, d)
	a.emit(opLocalGet, v)
	return a.body()
}

// lengthBody is the function that decodes a length: the address of the probabilities,
// and twice the position's bits.
func (x *expansion) lengthBody() []byte {
	a := &assembler{params: 2}
	const at, position = 0, 1
	tree := func(offset, count, sum int, byPosition bool) {
		a.emit(opLocalGet, at)
		a.constant(2 * offset)
		a.emit(opI32Add)
		if byPosition {
			a.emit(opLocalGet, position)
			a.constant(3)
			a.emit(opI32Shl, opI32Add)
		}
		a.constant(count)
		a.constant(0)
		a.constant(0)
		a.call(x.tree)
		a.constant(sum)
		a.emit(opI32Add)
	}
	a.emit(opLocalGet, at)
	a.call(x.bit)
	a.emit(opIf, typeI32)
	a.emit(opLocalGet, at)
	a.constant(2 * lzma.LengthMiddle)
	a.emit(opI32Add)
	a.call(x.bit)
	a.emit(opIf, typeI32)
	tree(lzma.LengthHigh, 256, lzma.MinLength+16, false)
	a.emit(opElse)
	tree(lzma.LengthMiddle, 8, lzma.MinLength+8, true)
	a.emit(opEnd, opElse)
	tree(0, 8, lzma.MinLength, true)
	a.emit(opEnd)
	return a.body()
}

// partBody is the function that expands a part: its first address, and its end.
func (x *expansion) partBody() []byte {
	a := &assembler{params: 2}
	const at, end = 0, 1
	p := &partBody{x: x, assembler: a, state: a.local(), address: a.local(), position: a.local(), n: a.local()}
	for i := range p.back {
		p.back[i] = a.local()
	}
	a.emit(opLoop, typeNone)
	a.emit(opLocalGet, p.state)
	a.constant(lzma.StateShift + 1)
	a.emit(opI32Shl)
	a.constant(x.probabilities)
	a.emit(opI32Add, opLocalSet, p.address)
	a.emit(opLocalGet, at)
	a.constant(1<<lzma.PosBits - 1)
	a.emit(opI32And)
	a.constant(1)
	a.emit(opI32Shl, opLocalSet, p.position)
	p.bit(lzma.IsMatch, true)
	a.emit(opIf, typeNone)
	p.bit(lzma.IsRep, false)
	a.emit(opIf, typeNone)
	p.repeated()
	a.emit(opElse)
	p.match()
	a.emit(opEnd)
	a.emit(opLoop, typeNone) // copy
	a.emit(opLocalGet, at)
	p.before(at)
	a.emit(opI32Store8, 0, 0)
	a.add(at, 1)
	a.add(p.n, -1)
	a.emit(opLocalGet, p.n, opBrIf, 0, opEnd)
	a.emit(opElse)
	p.literal(at)
	a.add(at, 1)
	a.emit(opEnd)
	a.emit(opLocalGet, at, opLocalGet, end, opI32LtU, opBrIf, 0, opEnd)
	return a.body()
}

// partBody has the locals of that function.
type partBody struct {
	*assembler
	x        *expansion
	state    byte
	back     [4]byte // the latest distances
	address  byte    // of the state's probabilities
	position byte    // twice its bits
	n        byte    // the length of a match
}

// bit pushes a bit of the state's probabilities.
func (p *partBody) bit(index int, byPosition bool) {
	p.emit(opLocalGet, p.address)
	p.constant(2 * index)
	p.emit(opI32Add)
	if byPosition {
		p.emit(opLocalGet, p.position, opI32Add)
	}
	p.call(p.x.bit)
}

// before pushes the byte that a match with the latest distance would repeat.
func (p *partBody) before(at byte) {
	p.emit(opLocalGet, at, opLocalGet, p.back[0], opI32Sub)
	p.constant(1)
	p.emit(opI32Sub, opI32Load8U, 0, 0)
}

func (p *partBody) literal(at byte) {
	p.emit(opLocalGet, at, opLocalGet, at)
	p.constant(1)
	p.emit(opI32Sub, opI32Load8U, 0, 0)
	p.constant(8 - lzma.LiteralBits)
	p.emit(opI32ShrU)
	p.constant(2 * lzma.LiteralSize)
	p.emit(opI32Mul)
	p.constant(p.x.address(lzma.Literals))
	p.emit(opI32Add)
	p.constant(256)
	p.emit(opLocalGet, p.state)
	p.constant(lzma.FirstMatch)
	p.emit(opI32GeU)
	p.constant(8)
	p.emit(opI32Shl)
	p.before(at)
	p.call(p.x.tree)
	p.emit(opI32Store8, 0, 0)

	// The state is 0, or 3 less, or 6 less from 10 on.
	p.constant(0)
	p.emit(opLocalGet, p.state)
	p.constant(3)
	p.constant(6)
	p.emit(opLocalGet, p.state)
	p.constant(10)
	p.emit(opI32LtU, opSelect, opI32Sub, opLocalGet, p.state)
	p.constant(4)
	p.emit(opI32LtU, opSelect, opLocalSet, p.state)
}

func (p *partBody) length(index int) {
	p.constant(p.x.address(index))
	p.emit(opLocalGet, p.position)
	p.call(p.x.length)
	p.emit(opLocalSet, p.n)
}

// after sets the state: to what is on the stack after a literal, else to the number.
func (p *partBody) after(other int) {
	p.constant(other)
	p.emit(opLocalGet, p.state)
	p.constant(lzma.FirstMatch)
	p.emit(opI32LtU, opSelect, opLocalSet, p.state)
}

func (p *partBody) repeated() {
	distance := p.n // which length sets afterwards
	p.emit(opBlock, typeNone)
	p.set(p.n, 1)
	p.bit(lzma.IsRep0, false)
	p.emit(opIf, typeNone)
	p.bit(lzma.IsRep1, false)
	p.emit(opIf, typeNone)
	p.bit(lzma.IsRep2, false)
	p.emit(opIf, typeNone)
	p.emit(opLocalGet, p.back[3], opLocalGet, p.back[2], opLocalSet, p.back[3], opLocalSet, distance)
	p.emit(opElse)
	p.emit(opLocalGet, p.back[2], opLocalSet, distance)
	p.emit(opEnd)
	p.emit(opLocalGet, p.back[1], opLocalSet, p.back[2])
	p.emit(opElse)
	p.emit(opLocalGet, p.back[1], opLocalSet, distance)
	p.emit(opEnd)
	p.emit(opLocalGet, p.back[0], opLocalSet, p.back[1], opLocalGet, distance, opLocalSet, p.back[0])
	p.emit(opElse)
	p.bit(lzma.IsRep0Long, true)
	p.emit(opI32Eqz, opBrIf, 1)
	p.emit(opEnd)
	p.length(lzma.RepLengths)
	p.emit(opEnd)
	p.constant(lzma.ToRep) // and the next state for one byte
	p.emit(opLocalGet, p.n)
	p.constant(1)
	p.emit(opI32Eq, opI32Add)
	p.after(lzma.RepAfterMatch)
}

func (p *partBody) match() {
	const slots = lzma.SlotBits
	slot, count := p.back[0], p.address // read for the last time before
	for i := 3; i > 0; i-- {
		p.emit(opLocalGet, p.back[i-1], opLocalSet, p.back[i])
	}
	p.length(lzma.Lengths)
	p.constant(lzma.ToMatch)
	p.after(lzma.MatchAfterMatch)

	p.emit(opLocalGet, p.n)
	p.constant(lzma.MinLength)
	p.emit(opI32Sub, opLocalTee, count)
	p.constant(3)
	p.emit(opLocalGet, count)
	p.constant(3)
	p.emit(opI32LtU, opSelect)
	p.constant(slots + 1)
	p.emit(opI32Shl)
	p.constant(p.x.address(lzma.Slots))
	p.emit(opI32Add)
	p.constant(1 << slots)
	p.constant(0)
	p.constant(0)
	p.call(p.x.tree)
	p.emit(opLocalTee, slot)
	p.constant(4)
	p.emit(opI32GeU, opIf, typeNone)

	// The two highest bits, and count more.
	p.emit(opLocalGet, slot)
	p.constant(1)
	p.emit(opI32And)
	p.constant(2)
	p.emit(opI32Or, opLocalGet, slot)
	p.constant(1)
	p.emit(opI32ShrU)
	p.constant(1)
	p.emit(opI32Sub, opLocalTee, count, opI32Shl)
	p.emit(opLocalGet, slot)
	p.constant(lzma.AlignSlot)
	p.emit(opI32LtU, opIf, typeI32)
	p.emit(opLocalGet, slot)
	p.constant(lzma.DistanceShift + 1)
	p.emit(opI32Shl)
	p.constant(p.x.address(lzma.Distances))
	p.emit(opI32Add, opLocalGet, count)
	p.call(p.x.reverse)
	p.emit(opElse)
	p.emit(opLocalGet, count)
	p.constant(lzma.AlignBits)
	p.emit(opI32Sub)
	p.call(p.x.direct)
	p.constant(lzma.AlignBits)
	p.emit(opI32Shl)
	p.constant(p.x.address(lzma.Distances + lzma.AlignSlot<<lzma.DistanceShift))
	p.constant(lzma.AlignBits)
	p.call(p.x.reverse)
	p.emit(opI32Add, opEnd)
	p.emit(opI32Add, opLocalSet, slot, opEnd)
}
