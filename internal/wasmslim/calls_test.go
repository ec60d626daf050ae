package main

import (
	"bytes"
	"slices"
	"testing"
)

// Calls of the function 5, whose module has the function 100 for those that call 7,
// which never returns.
func TestRewriteCalls(t *testing.T) {
	const number, own = 5, (firstFunction + 5) << 16
	op := func(o byte, operands ...int64) instr {
		in := instr{op: o}
		if len(operands) > 0 {
			in.a = operands[0]
		}
		return in
	}
	exit := func(code ...instr) []instr { // in the block that is left for unwinding
		out := append([]instr{op(opBlock, typeVoid), op(opBlock, typeVoid)}, code...)
		return append(out, op(opEnd), op(opI32Const, 0), op(opReturn), op(opEnd), op(opI32Const, 1), op(opEnd))
	}
	call := func(pc, callee, depth int64) []instr {
		code := slices.Concat(callStart, []instr{op(opI64Const, pc)}, callMiddle, callEnd)
		code[9].a, code[12].a = callee, depth
		return code
	}
	first := []instr{op(opI64Const, own), op(opLocalSet, 2)}
	returned := slices.Concat(callStart, []instr{op(opLocalGet, 2), op(opI64Const, 3), op(opI64Add)}, callMiddle, callEnd[:2], []instr{op(opIf, typeVoid), op(opI32Const, 1), op(opReturn), op(opEnd)})
	returned[11].a = 6
	unwound := slices.Concat(callStart, []instr{op(opLocalGet, 2), op(opI64Const, 3), op(opI64Add)}, callMiddle, callEnd)
	unwound[11].a, unwound[14].a = 6, 0
	otherEnd := append(exit(call(own+3, 6, 1)...), op(opNop))
	for _, c := range []struct {
		name     string
		in, want []instr
	}{
		{"call", exit(call(own+3, 6, 1)...), slices.Concat(first, exit(returned...))},
		{"call that never returns", exit(call(own+3, 7, 1)...), slices.Concat(first, exit(op(opLocalGet, 2), op(opI32Const, 3), op(opCall, 100), op(opReturn)))},
		{"call that leaves another block", exit(call(own+3, 6, 0)...), slices.Concat(first, exit(unwound...))},
		{"program counter of another function", exit(call(own+1<<16, 7, 1)...), exit(call(own+1<<16, 7, 1)...)},
		{"number that is no program counter", exit(op(opI64Const, own), op(opLocalSet, 3)), slices.Concat(first, exit(op(opI64Const, own), op(opLocalSet, 4)))},
		{"function without its exit at the end", otherEnd, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &body{params: []byte{typeI32}, locals: []byte{2, 1, typeI32, 3, typeI64}, kinds: []byte{typeI32, typeI32, typeI64, typeI64, typeI64}, code: slices.Clone(c.in)}
			r := &callRewriter{ends: map[int64]int64{7: 100}}
			r.rewrite(f, number)
			if c.want == nil {
				if slices.ContainsFunc(f.code, func(in instr) bool { return in.op == opIf }) {
					t.Errorf("a return was put in: %v", f.code)
				}
				return
			}
			want := &body{locals: []byte{2, 1, typeI32, 4, typeI64}, code: c.want}
			if len(c.want) == len(c.in) {
				want.locals = []byte{2, 1, typeI32, 3, typeI64}
			}
			if got := f.encode(); !bytes.Equal(got, want.encode()) {
				t.Errorf("got %v\nwant %v", f.code, c.want)
			}
		})
	}
}
