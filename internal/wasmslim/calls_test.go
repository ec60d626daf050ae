package main

import (
	"bytes"
	"slices"
	"testing"
)

func code(o byte, operands ...int64) instr {
	in := instr{op: o}
	if len(operands) > 0 {
		in.a = operands[0]
	}
	if len(operands) > 1 {
		in.b = operands[1]
	}
	return in
}

// Calls of the function 5, whose module has the function 100 for those that call 7,
// which never returns. 6 and 7 store the program counter of their caller, 8 does not.
func TestRewriteCalls(t *testing.T) {
	const number, own = 5, (firstFunction + 5) << 16
	exit := func(list ...instr) []instr { // in the block that is left for unwinding
		out := append([]instr{code(opBlock, typeVoid), code(opBlock, typeVoid)}, list...)
		return append(out, code(opEnd), code(opI32Const, 0), code(opReturn), code(opEnd), code(opI32Const, 1), code(opEnd))
	}
	call := func(pc, callee, depth int64) []instr {
		list := slices.Concat(callStart, []instr{code(opI64Const, pc)}, callDirect, callEnd)
		list[9].a, list[12].a = callee, depth
		return list
	}
	pointer := func(pc, kind, depth int64) []instr { // the local 3 has the function
		list := slices.Concat([]instr{code(opLocalGet, 3)}, callStart, []instr{code(opI64Const, pc)}, callIndirect, callEnd)
		list[15].a, list[18].a = kind, depth
		return list
	}
	first := []instr{code(opI32Const, own), code(opLocalSet, 2)}
	parameter := []instr{code(opLocalGet, 2), code(opI32Const, 3), code(opI32Add)}
	leave := []instr{code(opIf, typeVoid), code(opI32Const, 1), code(opReturn), code(opEnd)}
	returned := slices.Concat(parameter, []instr{code(opCall, 6)}, callEnd[:2], leave)
	stored := append(call(own+3, 8, 1)[:12], leave...)
	unwound := slices.Concat(parameter, []instr{code(opCall, 6)}, callEnd[:2], []instr{code(opBrIf, 0)})
	pointed := slices.Concat([]instr{code(opLocalGet, 5)}, callIndirect[1:4], []instr{code(opLocalSet, 3)}, parameter, []instr{code(opLocalGet, 3), code(opCallIndirect, 2)}, callEnd[:2], leave)
	otherPointed := pointer(own+3, 1, 1)
	otherPointed[0].a = 5
	otherPointed = append(otherPointed[:18], leave...)
	otherEnd := append(exit(call(own+3, 6, 1)...), code(opNop))
	for _, c := range []struct {
		name     string
		in, want []instr
		live     []int64
	}{
		{"call", exit(call(own+3, 6, 1)...), slices.Concat(first, exit(returned...)), []int64{3}},
		{"call that never returns", exit(call(own+3, 7, 1)...), slices.Concat(first, exit(code(opLocalGet, 2), code(opI32Const, 3), code(opCall, 100), code(opReturn))), nil},
		{"call of what does not store", exit(call(own+3, 8, 1)...), slices.Concat(first, exit(stored...)), []int64{3}},
		{"call that leaves another block", exit(call(own+3, 6, 0)...), slices.Concat(first, exit(unwound...)), []int64{3}},
		{"call through a pointer", exit(pointer(own+3, 2, 1)...), slices.Concat(first, exit(pointed...)), []int64{3}},
		{"call through a pointer to another type", exit(pointer(own+3, 1, 1)...), slices.Concat(first, exit(otherPointed...)), []int64{3}},
		{"program counter of another function", exit(call(own+1<<16, 7, 1)...), exit(call(own+1<<16, 7, 1)...), nil},
		{"number that is no program counter", exit(code(opI64Const, own), code(opLocalSet, 3)), slices.Concat(first, exit(code(opI64Const, own), code(opLocalSet, 5))), []int64{0}},
		{"function without its exit at the end", otherEnd, nil, []int64{3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &body{params: []byte{typeI32}, locals: []byte{2, 1, typeI32, 3, typeI64}, kinds: []byte{typeI32, typeI32, typeI64, typeI64, typeI64}, code: slices.Clone(c.in)}
			r := &callRewriter{ends: map[int64]int64{7: 100}, enter: map[int64]bool{6: true, 7: true}, kind: 2}
			live := r.rewrite(f, number)
			for _, pc := range c.live {
				if !live[pc] {
					t.Errorf("it goes on at %v, want %d too", live, pc)
				}
			}
			if len(live) != len(c.live) {
				t.Errorf("it goes on at %v, want %v", live, c.live)
			}
			if c.want == nil {
				if slices.ContainsFunc(f.code, func(in instr) bool { return in.op == opIf }) {
					t.Errorf("a return was put in: %v", f.code)
				}
				return
			}
			want := &body{locals: []byte{2, 3, typeI32, 3, typeI64}, code: c.want}
			if len(c.want) == len(c.in) {
				want.locals = []byte{2, 1, typeI32, 3, typeI64}
			}
			if got := f.encode(); !bytes.Equal(got, want.encode()) {
				t.Errorf("got %v\nwant %v", f.code, c.want)
			}
		})
	}
}

// A function stores the program counter of its caller where its table leads by default,
// or after a look at its parameter.
func TestEnter(t *testing.T) {
	header := []instr{code(opI32Const, 7), code(opLocalSet, 2), code(opGlobalGet, globalSP), code(opLocalSet, localSP)}
	push := append(slices.Clone(callStart), code(opLocalGet), code(opI64ExtendU), code(opI64Store, 3))
	isPC := []instr{code(opLocalGet), code(opI32Const, 16), code(opI32ShrU), code(opIf, typeVoid)}
	blocks := []instr{code(opLoop, typeVoid), code(opBlock, typeVoid), code(opBlock, typeVoid)}
	table := func(depths ...uint32) []instr {
		return []instr{code(opLocalGet), {op: opBrTable, table: depths}, code(opEnd)}
	}
	tail := []instr{code(opNop), code(opEnd), code(opNop), code(opEnd), code(opUnreachable), code(opEnd)}
	reset := []instr{code(opI32Const, 0), code(opLocalSet, 0)}
	pushGlobal := []instr{code(opGlobalGet), code(opI32Const, 8), code(opI32Sub), code(opGlobalSet), code(opGlobalGet), code(opLocalGet), code(opI64ExtendU), code(opI64Store, 3)}
	for _, c := range []struct {
		name     string
		in, want []instr
	}{
		{"table", slices.Concat(header, blocks, table(0, 0, 1), tail),
			slices.Concat(header, blocks, []instr{code(opBlock, typeVoid)}, table(1, 1, 2, 0), push, []instr{code(opEnd)}, tail)},
		{"no table", slices.Concat(header, []instr{code(opNop), code(opEnd)}), slices.Concat(header, isPC, push, []instr{code(opEnd), code(opNop), code(opEnd)})},
		{"table that starts elsewhere", slices.Concat(header, blocks, table(1, 0, 1), tail), slices.Concat(header, isPC, push, reset, []instr{code(opEnd)}, blocks, table(1, 0, 1), tail)},
		{"no stack pointer", []instr{code(opNop), code(opEnd)}, slices.Concat(isPC, pushGlobal, []instr{code(opEnd), code(opNop), code(opEnd)})},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &body{locals: []byte{0}, code: slices.Clone(c.in)}
			f.enter()
			want := &body{locals: []byte{0}, code: c.want}
			if got := f.encode(); !bytes.Equal(got, want.encode()) {
				t.Errorf("got %v\nwant %v", f.code, c.want)
			}
		})
	}
}
