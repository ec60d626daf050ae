package main

import (
	"encoding/binary"
	"fmt"
)

// addStart gives the module a start function: engines run it once, after the data is
// in place and before anything else. It expands the image, and writes the tables into
// memory that are packed or follow from the rest.
func (m *module) addStart(p *packed, x *expansion) error {
	if m.section(sectionStart) != nil {
		return fmt.Errorf("%w: a start function is there", errModule)
	}
	if err := x.add(m); err != nil {
		return err
	}
	s := &unpacker{p: p, x: x, next: x.next}
	for _, g := range []struct {
		global *byte
		value  int
	}{{&s.free, 0}, {&s.last, 0}, {&s.steps, p.t.steps + 1}} {
		var err error
		if *g.global, err = m.addGlobal(g.value); err != nil {
			return err
		}
	}
	var err error
	if s.number, err = m.addFunction(nil, []byte{typeI32}, s.numberBody()); err != nil {
		return err
	}
	if s.value, err = m.addFunction([]byte{typeI32}, []byte{typeI32}, s.valueBody()); err != nil {
		return err
	}
	start, err := m.addFunction(nil, nil, s.startBody())
	if err != nil {
		return err
	}
	m.add(section{sectionStart, binary.AppendUvarint(nil, uint64(start))})
	return nil
}

// unpacker writes the functions that unpack.
type unpacker struct {
	p *packed
	x *expansion
	// Globals: the address of the next number; of the end of the list of places; the
	// last new value; the address of the next new table of steps.
	next, free, last, steps byte
	number, value           int // functions
}

// numberBody is the function that reads the next number.
func (s *unpacker) numberBody() []byte {
	a := new(assembler)
	c, shift, v := a.local(), a.local(), a.local()
	a.emit(opLoop, typeNone)
	a.emit(opGlobalGet, s.next, opI32Load8U, 0, 0, opLocalTee, c)
	a.constant(127)
	a.emit(opI32And, opLocalGet, shift, opI32Shl, opLocalGet, v, opI32Or, opLocalSet, v)
	a.addGlobal(s.next, 1)
	a.add(shift, 7)
	a.emit(opLocalGet, c)
	a.constant(128)
	a.emit(opI32And, opBrIf, 0, opEnd)
	a.emit(opLocalGet, v)
	return a.body()
}

// valueBody is the function that reads the next value of a column, of which the
// parameter says whether it is one of tables of steps.
func (s *unpacker) valueBody() []byte {
	a := &assembler{params: 1}
	steps := byte(0)
	v := a.local()
	a.call(s.number)
	a.emit(opLocalTee, v, opIf, typeNone)
	a.emit(opLocalGet, v)
	a.constant(2)
	a.emit(opI32Shl, opI32Load, 2)
	a.code = binary.AppendUvarint(a.code, uint64(s.p.places-4))
	a.emit(opReturn, opEnd)

	a.emit(opLocalGet, steps, opIf, typeNone)
	a.skipSteps(s, v)
	a.emit(opElse)
	a.call(s.number)
	a.emit(opLocalTee, v)
	a.constant(1)
	a.emit(opI32ShrU)
	a.constant(0)
	a.emit(opLocalGet, v)
	a.constant(1)
	a.emit(opI32And, opI32Sub, opI32Xor)
	a.emit(opGlobalGet, s.last, opI32Add, opLocalTee, v, opGlobalSet, s.last)
	a.emit(opEnd)

	a.emit(opGlobalGet, s.free, opLocalGet, v, opI32Store, 2, 0)
	a.addGlobal(s.free, 4)
	a.emit(opLocalGet, v)
	return a.body()
}

// skipSteps is v = offset of the next new table of steps, and goes to the one after
// it. A table ends with a zero in the place of a value, which the first value of it
// may be too.
func (a *assembler) skipSteps(s *unpacker, v byte) {
	a.emit(opGlobalGet, s.next, opGlobalGet, s.steps, opLocalTee, v, opGlobalSet, s.next)
	a.emit(opLoop, typeNone)
	for range 2 {
		a.call(s.number)
		a.emit(opDrop)
	}
	a.emit(opGlobalGet, s.next, opI32Load8U, 0, 0, opBrIf, 0, opEnd)
	a.emit(opGlobalGet, s.next)
	a.constant(1)
	a.emit(opI32Add, opGlobalSet, s.steps, opGlobalSet, s.next)
	a.add(v, -s.p.t.steps)
}

// startBody is the start function.
func (s *unpacker) startBody() []byte {
	a := new(assembler)
	t := s.p.t
	f, i, header, at, end, name := a.local(), a.local(), a.local(), a.local(), a.local(), a.local()

	s.x.start(a, at)
	a.constant(s.p.at)
	a.emit(opGlobalSet, s.next)

	// The shapes, functab and the numbers.
	s.startColumn(a)
	a.set(at, t.list)
	a.set(f, t.functions[0].at)
	a.emit(opLoop, typeNone)
	a.storeSum(at, 0, i, firstFunction)
	a.storeSum(at, 4, f, -t.list)
	a.storeSum(f, 0, i, firstFunction)
	for _, offset := range []byte{28, 40} {
		a.emit(opLocalGet, f)
		a.constant(0)
		a.call(s.value)
		a.emit(opI32Store, 2, offset)
	}
	a.add(at, 8)
	a.endOfPCs(f)
	a.endOfFuncdata(f)
	a.nextFunction(f)
	a.count(i, t.count)

	// The columns.
	a.emit(opBlock, typeNone, opLoop, typeNone)
	a.call(s.number)
	a.emit(opLocalTee, header, opI32Eqz, opBrIf, 1)
	s.startColumn(a)
	a.set(i, 0)
	a.set(f, t.functions[0].at)
	a.emit(opLoop, typeNone)
	a.emit(opLocalGet, header)
	a.constant(columnShift)
	a.emit(opI32ShrU, opLocalSet, at)
	a.endOfPCs(f)
	a.emit(opLocalTee, end)
	a.emit(opLocalGet, f, opLocalGet, header)
	a.constant(columnFuncdata)
	a.emit(opI32And, opSelect) // end or f
	a.emit(opLocalGet, at, opI32Add, opLocalSet, at)
	a.emit(opLocalGet, end)
	a.endOfFuncdata(f)
	a.emit(opLocalTee, f, opLocalGet, end, opLocalGet, header)
	a.constant(columnFuncdata)
	a.emit(opI32And, opSelect, opLocalGet, at, opI32GtU, opIf, typeNone)
	a.emit(opLocalGet, at, opLocalGet, header)
	a.constant(columnSteps)
	a.emit(opI32And)
	a.call(s.value)
	a.emit(opI32Store, 2, 0, opEnd)
	a.emit(opLocalGet, f)
	a.nextFunction(f)
	a.count(i, t.count)
	a.emit(opBr, 0, opEnd, opEnd)

	a.fillNames(t, f, i, at, name)
	if s.p.buckets {
		a.fillBuckets(t, i, at)
	}
	a.constant(s.p.at)
	a.constant(0)
	a.constant(s.x.end() - s.p.at)
	a.emit(opPrefix, prefixFill, 0)
	return a.body()
}

// startColumn makes the list of places that of 0 alone, whose memory is zero.
func (s *unpacker) startColumn(a *assembler) {
	a.constant(s.p.places + 4)
	a.emit(opGlobalSet, s.free)
	a.constant(0)
	a.emit(opGlobalSet, s.last)
}

// endOfPCs pushes the address of the funcdata of the function f.
func (a *assembler) endOfPCs(f byte) {
	a.emit(opLocalGet, f, opI32Load, 2, 28)
	a.constant(2)
	a.emit(opI32Shl, opLocalGet, f, opI32Add)
	a.constant(functionSize)
	a.emit(opI32Add)
}

// endOfFuncdata makes of it the address of the end of the function.
func (a *assembler) endOfFuncdata(f byte) {
	a.emit(opLocalGet, f, opI32Load8U, 0, 43)
	a.constant(2)
	a.emit(opI32Shl, opI32Add)
}

// nextFunction makes of it, in f, the address of the next function.
func (a *assembler) nextFunction(f byte) {
	a.constant(7)
	a.emit(opI32Add)
	a.constant(-8)
	a.emit(opI32And, opLocalSet, f)
}

// fillNames writes the names that are numbers.
func (a *assembler) fillNames(t *tables, f, i, at, name byte) {
	a.set(i, 0)
	a.set(at, t.list)
	a.set(name, t.numbers)
	a.emit(opLoop, typeNone)
	a.emit(opLocalGet, at, opI32Load, 2, 4)
	a.constant(t.list)
	a.emit(opI32Add, opLocalTee, f, opI32Load, 2, 4)
	a.constant(nameRuntime)
	a.emit(opI32LeU, opIf, typeNone)
	a.emit(opLocalGet, f, opI32Load, 2, 4) // its prefix or none, then the field
	a.storeSum(f, 4, name, -t.names)
	a.emit(opIf, typeNone)
	a.emit(opLocalGet, name, opI64Const)
	a.code = appendSigned(a.code, int64(binary.LittleEndian.Uint64([]byte(runtimePrefix))))
	a.emit(opI64Store, 0, 0)
	a.add(name, len(runtimePrefix))
	a.emit(opEnd)
	a.emit(opLocalGet, name)
	a.constant('f')
	a.emit(opI32Store8, 0, 0)
	for k := range byte(numberDigits) {
		a.emit(opLocalGet, name, opLocalGet, i)
		a.constant(firstFunction)
		a.emit(opI32Add)
		a.constant(4 * (numberDigits - 1 - int(k)))
		a.emit(opI32ShrU)
		a.constant(15)
		a.emit(opI32And)
		a.constant('a') // letters from a to p
		a.emit(opI32Add, opI32Store8, 0, 1+k)
	}
	a.add(name, numberSize+1)
	a.emit(opEnd)
	a.add(at, 8)
	a.count(i, t.count)
}

// fillBuckets writes findfunctab: the number of the function of each bucket.
func (a *assembler) fillBuckets(t *tables, i, at byte) {
	a.set(i, 0)
	a.set(at, t.buckets)
	a.emit(opLoop, typeNone)
	a.emit(opLocalGet, at, opLocalGet, i)
	a.constant(4) // log2 of bucketsPerFunction
	a.emit(opI32ShrU, opI32Store, 2, 0)
	a.add(at, bucketSize)
	a.count(i, t.bucketCount-1)
}
