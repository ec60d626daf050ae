package main

import (
	"bytes"
	"slices"
	"testing"
)

// A function of the places 0 to 3, each in a block of its own.
func TestPrune(t *testing.T) {
	void := func(o byte) instr { return code(o, typeVoid) }
	places := func(depths []uint32, parts ...[]instr) []instr {
		out := []instr{void(opLoop)}
		for range parts {
			out = append(out, void(opBlock))
		}
		out = append(out, code(opLocalGet), instr{op: opBrTable, table: depths})
		for _, p := range parts {
			out = append(append(out, code(opEnd)), p...)
		}
		return append(out, code(opEnd), code(opUnreachable), code(opEnd))
	}
	mark := func(n int64) []instr { return []instr{code(opI32Const, n), code(opDrop)} }
	for _, c := range []struct {
		name     string
		in, want []instr
		live     []int64
	}{
		{"all are gone on from",
			places([]uint32{0, 1, 2, 3}, mark(0), mark(1), mark(2), mark(3)),
			slices.Concat([]instr{void(opBlock), void(opBlock), void(opBlock), void(opBlock), code(opLocalGet), {op: opBrTable, table: []uint32{0, 1, 2, 3}}, code(opEnd)},
				mark(0), []instr{code(opEnd)}, mark(1), []instr{code(opEnd)}, mark(2), []instr{code(opEnd)}, mark(3), []instr{code(opUnreachable), code(opEnd)}),
			[]int64{1, 2, 3}},
		{"one is",
			places([]uint32{0, 1, 2, 3}, mark(0), mark(1), mark(2), mark(3)),
			slices.Concat([]instr{void(opBlock), void(opBlock), code(opLocalGet), {op: opBrTable, table: []uint32{0, 0, 1, 1}}, code(opEnd)},
				mark(0), mark(1), []instr{code(opEnd)}, mark(2), mark(3), []instr{code(opUnreachable), code(opEnd)}),
			[]int64{2}},
		{"a jump names its block, and what it leaps over is gone",
			places([]uint32{0, 1, 2}, []instr{code(opBr, 1)}, mark(1), mark(2)),
			slices.Concat([]instr{void(opBlock), code(opLocalGet), {op: opBrTable, table: []uint32{0, 0, 0}}, code(opEnd)},
				mark(2), []instr{code(opUnreachable), code(opEnd)}),
			nil},
		{"a jump back keeps the loop and its place",
			places([]uint32{0, 1, 2}, mark(0), []instr{code(opI32Const, 1), code(opLocalSet, 0), code(opBr, 1)}, mark(2)),
			slices.Concat([]instr{void(opLoop), void(opBlock), void(opBlock), code(opLocalGet), {op: opBrTable, table: []uint32{0, 1, 1}}, code(opEnd)},
				mark(0), []instr{code(opEnd), code(opI32Const, 1), code(opLocalSet, 0), code(opBr, 0), code(opEnd), code(opUnreachable), code(opEnd)}),
			nil},
		{"code after a return in an if",
			places([]uint32{0}, []instr{code(opLocalGet, 1), void(opIf), code(opReturn), void(opBlock), code(opNop), code(opEnd), code(opElse), code(opNop), code(opEnd)}),
			[]instr{void(opBlock), code(opLocalGet), {op: opBrTable, table: []uint32{0}}, code(opEnd), code(opLocalGet, 1), void(opIf), code(opReturn), code(opElse), code(opNop), code(opEnd), code(opUnreachable), code(opEnd)},
			nil},
		{"a place that is computed", // nothing is known then
			places([]uint32{0, 1}, []instr{code(opLocalGet, 1), code(opLocalSet, 0), code(opBr, 1)}, mark(1)),
			places([]uint32{0, 1}, []instr{code(opLocalGet, 1), code(opLocalSet, 0), code(opBr, 1)}, mark(1)),
			nil},
		{"another use of the parameter",
			places([]uint32{0, 1}, []instr{code(opLocalGet, 0), code(opDrop)}, mark(1)),
			places([]uint32{0, 1}, []instr{code(opLocalGet, 0), code(opDrop)}, mark(1)),
			nil},
		{"blocks that do not end",
			[]instr{void(opBlock), code(opLocalGet), {op: opBrTable, table: []uint32{0}}, code(opEnd)},
			nil, nil},
		{"a branch out of the function",
			places([]uint32{0, 9}, mark(0)),
			nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &body{locals: []byte{0}, code: slices.Clone(c.in)}
			live := make(map[int64]bool)
			for _, pc := range c.live {
				live[pc] = true
			}
			f.prune(live)
			if c.want == nil {
				c.want = c.in
			}
			want := &body{locals: []byte{0}, code: c.want}
			if got := f.encode(); !bytes.Equal(got, want.encode()) {
				t.Errorf("got %v\nwant %v", f.code, c.want)
			}
		})
	}
}
