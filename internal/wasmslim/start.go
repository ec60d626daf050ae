package main

import (
	"encoding/binary"
	"fmt"
)

// start makes the function that writes the regular part of the tables into memory
// again when the module is instantiated.
func (t *tables) start(buckets bool) []byte {
	a := new(assembler)
	a.fillFunctions(t)
	if buckets {
		a.fillBuckets(t)
	}
	body := []byte{1, a.locals, typeI32} // one declaration
	return append(append(body, a.code...), opEnd)
}

// assembler writes code over 32-bit locals.
type assembler struct {
	code   []byte
	locals byte
}

func (a *assembler) local() byte { a.locals++; return a.locals - 1 }

func (a *assembler) emit(code ...byte) { a.code = append(a.code, code...) }

func (a *assembler) constant(v int) {
	a.emit(opI32Const)
	a.code = appendSigned(a.code, int64(v))
}

// set is l = v.
func (a *assembler) set(l byte, v int) {
	a.constant(v)
	a.emit(opLocalSet, l)
}

// add is l += v.
func (a *assembler) add(l byte, v int) {
	a.emit(opLocalGet, l)
	a.constant(v)
	a.emit(opI32Add, opLocalSet, l)
}

// storeSum is memory[at + offset] = l + v, of 32 bits.
func (a *assembler) storeSum(at, offset, l byte, v int) {
	a.emit(opLocalGet, at, opLocalGet, l)
	a.constant(v)
	a.emit(opI32Add, opI32Store, 2, offset)
}

// count is l++ and the end of a loop that runs until l is n.
func (a *assembler) count(l byte, n int) {
	a.emit(opLocalGet, l)
	a.constant(1)
	a.emit(opI32Add, opLocalTee, l)
	a.constant(n)
	a.emit(opI32LtU, opBrIf, 0, opEnd)
}

// fillBuckets writes findfunctab: the number of the function of each bucket.
func (a *assembler) fillBuckets(t *tables) {
	at, i := a.local(), a.local()
	a.set(at, t.buckets)
	a.emit(opLoop, typeNone)
	a.emit(opLocalGet, at, opLocalGet, i)
	a.constant(4) // log2 of bucketsPerFunction
	a.emit(opI32ShrU, opI32Store, 2, 0)
	a.add(at, bucketSize)
	a.count(i, t.bucketCount-1)
}

// fillFunctions writes the number of each function and, where its name is gone,
// that number as its name: "f" and four digits, which resolve understands.
func (a *assembler) fillFunctions(t *tables) {
	const digits = 4
	i, tab, f, name := a.local(), a.local(), a.local(), a.local()
	a.set(tab, t.list)
	a.set(f, t.functions[0].at)
	a.set(name, t.nextName)
	a.emit(opLoop, typeNone)
	a.storeSum(tab, 0, i, firstFunction)
	a.storeSum(tab, 4, f, -t.list)
	a.storeSum(f, 0, i, firstFunction)
	if t.nextName+t.count*(digits+2) < t.steps {
		a.emit(opLocalGet, f, opI32Load, 2, 4, opI32Eqz, opIf, typeNone)
		a.storeSum(f, 4, name, -t.names)
		a.emit(opLocalGet, name)
		a.constant('f')
		a.emit(opI32Store8, 0, 0)
		for k := range byte(digits) {
			a.emit(opLocalGet, name, opLocalGet, i)
			a.constant(firstFunction)
			a.emit(opI32Add)
			a.constant(4 * (digits - 1 - int(k)))
			a.emit(opI32ShrU)
			a.constant(15)
			a.emit(opI32And)
			a.constant('a') // letters from a to p
			a.emit(opI32Add, opI32Store8, 0, 1+k)
		}
		a.add(name, digits+2)
		a.emit(opEnd)
	}
	a.add(tab, 8)
	a.emit(opLocalGet, f, opLocalGet, f, opI32Load, 2, 28, opLocalGet, f, opI32Load8U, 0, 43, opI32Add)
	a.constant(2)
	a.emit(opI32Shl, opI32Add)
	a.constant(functionSize + 7)
	a.emit(opI32Add)
	a.constant(-8)
	a.emit(opI32And, opLocalSet, f)
	a.count(i, t.count)
}

// addStart gives the module a start function: engines run it once, after the data
// is in place and before anything else.
func (m *module) addStart(body []byte) error {
	types, functions, code := m.section(sectionType), m.section(sectionFunction), m.section(sectionCode)
	if types == nil || functions == nil || code == nil || m.section(sectionStart) != nil {
		return fmt.Errorf("%w: sections are missing or a start function is there", errModule)
	}
	imports, err := m.imports()
	if err != nil {
		return err
	}
	kind := types.push([]byte{0x60, 0, 0}) // of no parameters and no results
	at := functions.push(binary.AppendUvarint(nil, uint64(kind)))
	code.push(append(binary.AppendUvarint(nil, uint64(len(body))), body...))
	m.add(section{sectionStart, binary.AppendUvarint(nil, uint64(imports+at))})
	return nil
}

// push adds an item to a section that is a counted list, and returns its index.
func (s *section) push(item []byte) int {
	n, size := binary.Uvarint(s.body)
	body := binary.AppendUvarint(nil, n+1)
	body = append(body, s.body[size:]...)
	s.body = append(body, item...)
	return int(n)
}
