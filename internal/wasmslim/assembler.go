package main

import (
	"encoding/binary"
	"fmt"
)

// assembler writes the code of a function over 32-bit locals.
type assembler struct {
	code           []byte
	params, locals byte
}

// body is the function as the code section has it, without its size.
func (a *assembler) body() []byte {
	body := []byte{1, a.locals, typeI32} // one declaration
	return append(append(body, a.code...), opEnd)
}

func (a *assembler) local() byte { a.locals++; return a.params + a.locals - 1 }

func (a *assembler) emit(code ...byte) { a.code = append(a.code, code...) }

func (a *assembler) constant(v int) {
	a.emit(opI32Const)
	a.code = appendSigned(a.code, int64(int32(v)))
}

func (a *assembler) call(function int) {
	a.emit(opCall)
	a.code = binary.AppendUvarint(a.code, uint64(function))
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

// addGlobal is g += v.
func (a *assembler) addGlobal(g byte, v int) {
	a.emit(opGlobalGet, g)
	a.constant(v)
	a.emit(opI32Add, opGlobalSet, g)
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

// addFunction adds a function and returns its number.
func (m *module) addFunction(params, results, body []byte) (int, error) {
	types, functions, code := m.section(sectionType), m.section(sectionFunction), m.section(sectionCode)
	if types == nil || functions == nil || code == nil {
		return 0, fmt.Errorf("%w: sections are missing", errModule)
	}
	imports, err := m.imports()
	if err != nil {
		return 0, err
	}
	kind := append([]byte{0x60, byte(len(params))}, params...)
	kind = append(append(kind, byte(len(results))), results...)
	at := functions.push(binary.AppendUvarint(nil, uint64(types.push(kind))))
	code.push(append(binary.AppendUvarint(nil, uint64(len(body))), body...))
	return imports + at, nil
}

// addGlobal adds a global variable of 32 bits and returns its number. The Go linker
// imports none.
func (m *module) addGlobal(value int) (byte, error) {
	const variable = 1
	globals := m.section(sectionGlobal)
	if globals == nil {
		return 0, fmt.Errorf("%w: no globals", errModule)
	}
	at := globals.push(append(appendSigned([]byte{typeI32, variable, opI32Const}, int64(int32(value))), opEnd))
	if at >= 0x80 {
		return 0, fmt.Errorf("%w: %d globals", errModule, at)
	}
	return byte(at), nil
}

// memorySize is how many bytes of memory a new instance has.
func (m *module) memorySize() (int, error) {
	const page = 1 << 16
	s := m.section(sectionMemory)
	if s == nil {
		return 0, fmt.Errorf("%w: no memory", errModule)
	}
	r := &reader{b: s.body}
	n, _ := r.u32(), r.byte() // memories; whether there is a limit
	pages := r.u32()
	if n != 1 || pages > maxImage/page {
		return 0, fmt.Errorf("%w: %d memories of %d pages", errModule, n, pages)
	}
	return int(pages) * page, r.err
}

// push adds an item to a section that is a counted list, and returns its index.
func (s *section) push(item []byte) int {
	n, size := binary.Uvarint(s.body)
	body := binary.AppendUvarint(nil, n+1)
	body = append(body, s.body[size:]...)
	s.body = append(body, item...)
	return int(n)
}
