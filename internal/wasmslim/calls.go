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
// The parameter is the place in the callee to go on from, of 16 bits; 0 is its start.
// Here the callee stores the program counter: a parameter that is larger is that program
// counter, and the callee begins at its start ([body.enter]). The runtime calls with
// small parameters, as ever:
//
//	call f(pc); sp = global.sp; br_if exit
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

// returns are the places, by the numbers of functions, that recover goes on at.
func (t *tables) returns() map[int]int64 {
	const deferReturn = 12 // its place in a _func
	places := make(map[int]int64)
	for i, f := range t.functions {
		if pc := t.u32(f.at + deferReturn); pc != 0 {
			places[i] = int64(pc & 0xffff)
		}
	}
	return places
}

// callRewriter rewrites the calls of functions.
type callRewriter struct {
	ends  map[int64]int64 // index of a function that never returns: of the one that calls it
	enter map[int64]bool  // indices of functions that store the program counter of their caller
	kind  int64           // the type of these; all that have it are such ones
}

// endBody is the function that calls another one that never returns. Its parameters
// are the first program counter of its caller, and what is to be added to it.
func endBody(callee int) []byte {
	a := &assembler{params: 2}
	a.emit(opLocalGet, 0, opLocalGet, 1, opI32Add)
	a.call(callee)
	return a.body()
}

// rewrite changes the calls in f, the function of the given number. It returns the
// places that f may go on from after a call, and nil if it has left f as it was.
func (r *callRewriter) rewrite(f *body, number int) map[int64]bool {
	own := int64(firstFunction+number) << 16
	isOwn := func(in instr) bool { return in.op == opI64Const && in.a&^0xffff == own }
	if len(f.params) != 1 || f.params[0] != typeI32 || len(f.kinds) <= localSP || f.kinds[localSP] != typeI32 || !slices.ContainsFunc(f.code, isOwn) {
		return nil
	}
	if !f.insertLocals(2) {
		return nil
	}
	const first, scratch = localSP + 1, localSP + 2
	live := make(map[int64]bool)
	exit := f.hasExit()
	out := []instr{{op: opI32Const, a: own}, {op: opLocalSet, a: first}}
	depth := 0
	for i := 0; i < len(f.code); i++ {
		in := f.code[i]
		switch {
		case in.op == opBlock || in.op == opLoop || in.op == opIf:
			depth++
		case in.op == opEnd:
			depth--
		case in.op == opLocalGet && matches(f.code[i:], callStart) && i+len(callStart) < len(f.code) && isOwn(f.code[i+len(callStart)]):
			pc := f.code[i+len(callStart)].a - own
			rest := f.code[i+len(callStart)+1:]
			parameter := []instr{{op: opLocalGet, a: first}, {op: opI32Const, a: pc}, {op: opI32Add}}
			switch {
			case matches(rest, callDirect) && r.ends[rest[2].a] != 0 && exit && matches(rest[3:], callEnd) && rest[5].a == int64(depth-1):
				out = append(append(out, parameter[:2]...), instr{op: opCall, a: r.ends[rest[2].a]}, instr{op: opReturn})
				i += len(callStart) + len(callDirect) + len(callEnd)
				continue
			case matches(rest, callDirect) && r.enter[rest[2].a]:
				out = append(append(out, parameter...), rest[2])
				live[pc] = true
				i += len(callStart) + len(callDirect)
				continue
			case matches(rest, callIndirect) && rest[7].a == r.kind:
				out = append(append(append(out, rest[1:4]...), instr{op: opLocalSet, a: scratch}), parameter...)
				out = append(out, instr{op: opLocalGet, a: scratch}, rest[7])
				live[pc] = true
				i += len(callStart) + len(callIndirect)
				continue
			}
		case isOwn(in):
			live[in.a-own] = true
		case exit && in.op == opBrIf && in.a == int64(depth-1):
			out = append(out, instr{op: opIf, a: typeVoid}, instr{op: opI32Const, a: 1}, instr{op: opReturn}, instr{op: opEnd})
			continue
		}
		out = append(out, in)
	}
	f.code = out
	return live
}

// A call that leaves the function when it unwinds: callStart, the program counter,
// callDirect or callIndirect, with the callee, and callEnd, with the exit.
var (
	callStart    = []instr{{op: opLocalGet, a: localSP}, {op: opI32Const, a: 8}, {op: opI32Sub}, {op: opLocalTee, a: localSP}, {op: opGlobalSet, a: globalSP}, {op: opLocalGet, a: localSP}}
	callDirect   = []instr{{op: opI64Store, a: 3}, {op: opI32Const}, {op: opCall, a: anything}}
	callIndirect = []instr{{op: opI64Store, a: 3}, {op: opI32WrapI64}, {op: opI32Const, a: 16}, {op: opI32ShrU}, {op: opLocalSet}, {op: opI32Const}, {op: opLocalGet}, {op: opCallIndirect, a: anything}}
	callEnd      = []instr{{op: opGlobalGet, a: globalSP}, {op: opLocalSet, a: localSP}, {op: opBrIf, a: anything}}
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

// enter lets f store its parameter, if that is the program counter of its caller. A
// function that begins with a br_table of places does it where the table's default
// leads, which no place of the function needs then.
func (f *body) enter() {
	at := 0 // behind the local variables that are set first
	hasSP := false
	for at+1 < len(f.code) && f.code[at+1].op == opLocalSet && (f.code[at].op == opI32Const || f.code[at].op == opGlobalGet) {
		hasSP = hasSP || f.code[at].op == opGlobalGet && f.code[at].a == globalSP && f.code[at+1].a == localSP
		at += 2
	}
	var push []instr
	if hasSP {
		push = append(push, callStart...)
	} else {
		get := instr{op: opGlobalGet, a: globalSP}
		push = append(push, get, instr{op: opI32Const, a: 8}, instr{op: opI32Sub}, instr{op: opGlobalSet, a: globalSP}, get)
	}
	push = append(push, instr{op: opLocalGet}, instr{op: opI64ExtendU}, instr{op: opI64Store, a: 3})

	reads := 0
	for _, in := range f.code {
		if in.op == opLocalGet && in.a == 0 {
			reads++
		}
	}
	table := at
	for table < len(f.code) && (f.code[table].op == opBlock || f.code[table].op == opLoop) {
		table++
	}
	table++
	if reads == 1 && table+1 < len(f.code) && f.code[table-1].op == opLocalGet && f.code[table-1].a == 0 && f.code[table].op == opBrTable && f.code[table].table[0] == 0 && f.code[table+1].op == opEnd {
		places := f.code[table].table
		outer := make([]uint32, 0, len(places)+1)
		for _, depth := range places {
			outer = append(outer, depth+1)
		}
		f.code = slices.Concat(f.code[:table-1],
			[]instr{{op: opBlock, a: typeVoid}, {op: opLocalGet}, {op: opBrTable, table: append(outer, 0)}, {op: opEnd}}, push,
			f.code[table+1:])
		return
	}
	if reads > 0 {
		push = append(push, instr{op: opI32Const}, instr{op: opLocalSet})
	}
	isPC := []instr{{op: opLocalGet}, {op: opI32Const, a: 16}, {op: opI32ShrU}, {op: opIf, a: typeVoid}}
	f.code = slices.Concat(f.code[:at], isPC, push, []instr{{op: opEnd}}, f.code[at:])
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

// insertLocals gives f n more 32-bit local variables behind that of the stack pointer.
func (f *body) insertLocals(n int64) bool {
	r := &reader{b: f.locals}
	groups, first, kind := r.u32(), r.u32(), r.byte()
	if r.err != nil || groups == 0 || first != 1 || kind != typeI32 {
		return false
	}
	f.locals = binary.AppendUvarint(nil, uint64(groups))
	f.locals = append(binary.AppendUvarint(f.locals, uint64(1+n)), kind)
	f.locals = append(f.locals, r.b...)
	for range n {
		f.kinds = slices.Insert(slices.Clone(f.kinds), localSP+1, typeI32)
	}
	for i := range f.code {
		if in := &f.code[i]; in.op >= opLocalGet && in.op <= opLocalTee && in.a > localSP {
			in.a += n
		}
	}
	return true
}
