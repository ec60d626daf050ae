package main

import (
	"encoding/binary"
	"slices"
	"strings"
)

// A call of Go is many instructions in WebAssembly: it lowers the stack pointer,
// stores the program counter to go on with, calls, reads the stack pointer again, and
// leaves the function if the callee unwinds:
//
//	sp -= 8; memory[sp] = pc; call f(0); sp = global.sp; br_if exit
//
// The program counter has the number of the function in it, and the depth of the exit
// another number at each call: neither can be compressed. So the function's first
// program counter is in a local variable, which that of a call is added to, and the
// exit is a return. A call that never returns other than by unwinding becomes a call
// of a function that all its callers share.

// localSP is the local variable that has the stack pointer in a function of Go, and
// globalSP the global variable.
const (
	localSP  = 1
	globalSP = 0
)

// neverReturn are functions of the runtime that a call comes back from by unwinding
// only. What follows such a call is never run.
var neverReturn = []string{
	"runtime.sigpanic", "runtime.morestack", "runtime.morestack_noctxt", "runtime.gopanic", "runtime.throw", "runtime.fatal",
	"runtime.panicwrap", "runtime.panicdivide", "runtime.panicshift", "runtime.panicdottypeE", "runtime.panicdottypeI", "runtime.panicnildottype",
	"runtime.panicmakeslicelen", "runtime.panicmakeslicecap",
}

// ends are the numbers that functions of neverReturn have.
func (t *tables) ends() []int {
	var numbers []int
	for i, f := range t.functions {
		if name := t.nameOf(f.name); slices.Contains(neverReturn, name) || strings.HasPrefix(name, "runtime.goPanic") {
			numbers = append(numbers, i)
		}
	}
	return numbers
}

// callRewriter rewrites the calls of functions.
type callRewriter struct {
	ends map[int64]int64 // index of a function that never returns: of the one that calls it
}

// endBody is the function that calls another one that never returns. Its parameters
// are the first program counter of its caller, and what is to be added to it.
func endBody(callee int) []byte {
	a := &assembler{params: 2}
	a.emit(opGlobalGet, globalSP)
	a.constant(8)
	a.emit(opI32Sub, opGlobalSet, globalSP)
	a.emit(opGlobalGet, globalSP, opLocalGet, 0, opLocalGet, 1, opI64ExtendU, opI64Add, opI64Store, 3, 0)
	a.constant(0)
	a.call(callee)
	return a.body()
}

// rewrite changes the calls in f, the function of the given number.
func (r *callRewriter) rewrite(f *body, number int) {
	own := int64(firstFunction+number) << 16
	isOwn := func(in instr) bool { return in.op == opI64Const && in.a&^0xffff == own }
	if len(f.params) != 1 || f.params[0] != typeI32 || len(f.kinds) <= localSP || f.kinds[localSP] != typeI32 || !slices.ContainsFunc(f.code, isOwn) {
		return
	}
	if !f.insertLocal() {
		return
	}
	const first = localSP + 1
	exit := f.hasExit()
	out := []instr{{op: opI64Const, a: own}, {op: opLocalSet, a: first}}
	depth := 0
	for i := 0; i < len(f.code); i++ {
		in := f.code[i]
		switch {
		case in.op == opBlock || in.op == opLoop || in.op == opIf:
			depth++
		case in.op == opEnd:
			depth--
		case exit && in.op == opLocalGet:
			call := f.code[i:]
			if len(call) > len(callStart)+6 && matches(call, callStart) && isOwn(call[6]) && matches(call[7:], callMiddle) && matches(call[10:], callEnd) && call[12].a == int64(depth-1) {
				if end, ok := r.ends[call[9].a]; ok {
					out = append(out, instr{op: opLocalGet, a: first}, instr{op: opI32Const, a: call[6].a - own}, instr{op: opCall, a: end}, instr{op: opReturn})
					i += 12
					continue
				}
			}
		case isOwn(in) && i+1 < len(f.code) && f.code[i+1].op == opI64Store:
			out = append(out, instr{op: opLocalGet, a: first}, instr{op: opI64Const, a: in.a - own}, instr{op: opI64Add})
			continue
		case exit && in.op == opBrIf && in.a == int64(depth-1):
			out = append(out, instr{op: opIf, a: typeVoid}, instr{op: opI32Const, a: 1}, instr{op: opReturn}, instr{op: opEnd})
			continue
		}
		out = append(out, in)
	}
	f.code = out
}

// A call that leaves the function when it unwinds: callStart, the program counter,
// callMiddle, with the callee, and callEnd, with the exit.
var (
	callStart  = []instr{{op: opLocalGet, a: localSP}, {op: opI32Const, a: 8}, {op: opI32Sub}, {op: opLocalTee, a: localSP}, {op: opGlobalSet, a: globalSP}, {op: opLocalGet, a: localSP}}
	callMiddle = []instr{{op: opI64Store, a: 3}, {op: opI32Const}, {op: opCall, a: anything}}
	callEnd    = []instr{{op: opGlobalGet, a: globalSP}, {op: opLocalSet, a: localSP}, {op: opBrIf, a: anything}}
)

const anything = -1 // as operand of a pattern

func matches(code, pattern []instr) bool {
	for i, p := range pattern {
		if i >= len(code) || code[i].op != p.op || p.a != anything && code[i].a != p.a || code[i].b != p.b {
			return false
		}
	}
	return true
}

// hasExit reports that the first block of the function holds all others, and that 1
// is returned at its end.
func (f *body) hasExit() bool {
	depth, n := 0, len(f.code)
	if n < 4 || f.code[n-1].op != opEnd || f.code[n-2].op != opI32Const || f.code[n-2].a != 1 || f.code[n-3].op != opEnd {
		return false
	}
	opened := false
	for i, in := range f.code[:n-2] {
		switch in.op {
		case opBlock, opLoop, opIf:
			if depth == 0 && (opened || in.op != opBlock || in.a != typeVoid) {
				return false
			}
			opened = true
			depth++
		case opEnd:
			if depth--; depth == 0 && i != n-3 {
				return false
			}
		}
	}
	return depth == 0 && opened
}

// insertLocal gives f a 64-bit local variable behind that of the stack pointer.
func (f *body) insertLocal() bool {
	r := &reader{b: f.locals}
	type group struct {
		n    uint32
		kind byte
	}
	var groups []group
	for range r.u32() {
		groups = append(groups, group{r.u32(), r.byte()})
	}
	switch {
	case len(groups) == 0 || groups[0] != group{1, typeI32}:
		return false
	case len(groups) > 1 && groups[1].kind == typeI64:
		groups[1].n++
	default:
		groups = slices.Insert(groups, 1, group{1, typeI64})
	}
	f.locals = binary.AppendUvarint(nil, uint64(len(groups)))
	for _, g := range groups {
		f.locals = append(binary.AppendUvarint(f.locals, uint64(g.n)), g.kind)
	}
	f.kinds = slices.Insert(slices.Clone(f.kinds), localSP+1, typeI64)
	for i := range f.code {
		if in := &f.code[i]; in.op >= opLocalGet && in.op <= opLocalTee && in.a > localSP {
			in.a++
		}
	}
	return true
}
