package main

import (
	"encoding/binary"
	"fmt"
)

// rewrite makes a function's code shorter, by rules that hold whatever the code is
// for, save those that rest on how Go compiles (foldStack, direct, callRewriter). It
// goes on after calls at the places in more too.
func (f *body) rewrite(calls *callRewriter, number int, more ...int64) {
	f.shorten()
	live := calls.rewrite(f, number)
	f.direct()
	if live != nil {
		for _, pc := range more {
			live[pc] = true
		}
		f.prune(live)
	}
	f.shorten()
}

// shorten applies the rules for neighbours.
func (f *body) shorten() {
	out := make([]instr, 0, len(f.code))
	for _, in := range f.code {
		out = f.push(out, in)
	}
	f.code = out
}

// push appends in to out and replaces the last instructions by fewer ones as long
// as a rule fits.
func (f *body) push(out []instr, in instr) []instr {
	last := func(back int) instr {
		if back >= len(out) {
			return instr{op: opUnreachable}
		}
		return out[len(out)-1-back]
	}
	drop := func(n int) { out = out[:len(out)-n] }
	p := last(0)
	switch op := in.op; {
	case op == opNop:
		return out
	case op == opLocalSet && p.op == opLocalGet && p.a == in.a:
		drop(1)
		return out
	case op == opLocalSet && p.op == opLocalTee && p.a == in.a:
		drop(1)
		return f.push(out, in)
	case op == opLocalGet && p.op == opLocalSet && p.a == in.a:
		drop(1)
		return append(out, instr{op: opLocalTee, a: in.a})

	case op == opI32WrapI64 && p.op == opI64Const:
		drop(1)
		return append(out, instr{op: opI32Const, a: int64(int32(p.a))})
	case op == opI32WrapI64 && p.op == opI64ExtendU:
		drop(1)
		return out
	case op == opI32WrapI64 && p.op == opI64Add && last(1).op == opI64Const && last(2).op == opI64ExtendU:
		k := int64(int32(last(1).a))
		drop(3)
		return append(out, instr{op: opI32Const, a: k}, instr{op: opI32Add})

	case op == opI64Eq && p.op == opI64Const && p.a == 0:
		drop(1)
		return f.push(out, instr{op: opI64Eqz})
	case op == opI64Eqz && p.op == opI64ExtendU:
		drop(1)
		return f.push(out, instr{op: opI32Eqz})
	case op == opI32Eqz && inverse(p.op) != 0:
		drop(1)
		return append(out, instr{op: inverse(p.op)})

	case op == opGlobalSet && p.op == opLocalTee && raises(out, p.a, in.a):
		// What is set here was set before, to be raised once more.
		k := int64(int32(last(7).a + last(2).a))
		drop(9)
		return append(out, instr{op: opLocalGet, a: p.a}, instr{op: opI32Const, a: k}, instr{op: opI32Add}, p, in)
	case op == opReturn && p.op == opI32Const && last(1).op == opGlobalSet && last(2).op == opLocalTee:
		set := last(1)
		drop(3) // no local variable is read after a return
		return append(out, set, p, in)

	case op == opIf || op == opBrIf:
		switch { // where zero and not zero are all that counts
		case p.op == opI32Eqz && last(1).op == opI32Eqz:
			drop(2)
			return f.push(out, in)
		case p.op == opI64Ne && last(1).op == opI64Const && last(1).a == 0 && last(2).op == opI64ExtendU:
			drop(3)
			return f.push(out, in)
		}
	case op >= opI32Load && op <= opI64Load32U:
		if k, ok := f.foldStack(out, len(out), in.b); ok {
			in.b = k
			drop(2)
		}
	case op >= opI32Store && op <= opI64Store32:
		// The address stands before the value.
		at, need := len(out), 1
		for need > 0 && at > 0 {
			takes, leaves, ok := out[at-1].effect()
			if !ok || leaves > need {
				return append(out, in)
			}
			at, need = at-1, need-leaves+takes
		}
		if k, ok := f.foldStack(out, at, in.b); ok {
			in.b = k
			out = append(out[:at-2], out[at:]...)
		}
	}
	return append(out, in)
}

// raises reports that out ends with local += a; global = local; local += b, with the
// local variable on the stack.
func raises(out []instr, local, global int64) bool {
	get, tee, add, k := instr{op: opLocalGet, a: local}, instr{op: opLocalTee, a: local}, instr{op: opI32Add}, instr{op: opI32Const, a: anything}
	pattern := []instr{get, k, add, tee, {op: opGlobalSet, a: global}, get, k, add, tee}
	return len(out) >= len(pattern) && matches(out[len(out)-len(pattern):], pattern)
}

// foldStack looks whether the code that ends at end computes an address in the
// frame as stack pointer + constant, and returns the offset of a memory access
// that needs the stack pointer alone. A 32-bit local other than the parameter is
// the stack pointer, and a frame lies within memory, so the sum does not wrap.
func (f *body) foldStack(out []instr, end int, offset int64) (int64, bool) {
	const maxFrame = 1 << 20
	if end < 3 || out[end-1].op != opI32Add || out[end-2].op != opI32Const || out[end-3].op != opLocalGet {
		return 0, false
	}
	k, local := out[end-2].a, int(out[end-3].a)
	if k < 0 || k > maxFrame || local < len(f.params) || local >= len(f.kinds) || f.kinds[local] != typeI32 {
		return 0, false
	}
	return k + offset, true
}

// inverse is the comparison that is true when op is false; 0: op has none. Those
// of floating-point numbers have none, because of NaN.
func inverse(op byte) byte {
	switch {
	case op >= opI32Eq && op <= opI32GeU:
		return invert(op-opI32Eq) + opI32Eq
	case op >= opI64Eq && op <= opI64GeU:
		return invert(op-opI64Eq) + opI64Eq
	}
	return 0
}

// invert works on eq, ne, lt_s, lt_u, gt_s, gt_u, le_s, le_u, ge_s, ge_u.
func invert(n byte) byte { return [...]byte{1, 0, 8, 9, 6, 7, 4, 5, 2, 3}[n] }

// direct makes jumps forward direct. The compiler puts a function into a loop that
// begins with a br_table over local 0, the block to go on with, and jumps by
// setting local 0 and going to the start of the loop. Where the code of that block
// begins at the end of a block that the jump stands in, a br does it.
func (f *body) direct() {
	type frame struct {
		op    byte
		block int // which br_table of frames this is; 0: none
	}
	var open []frame
	loop := -1            // depth of the dispatching loop in open
	target := []int(nil)  // for each number in local 0: depth in open of what br_table goes to
	blocks := 0           // numbers given to frames, so that a closed one is not taken for its successor
	numbers := []int(nil) // of target
	out := f.code[:0]
	reads := 0
	for _, in := range f.code {
		if in.op == opLocalGet && in.a == 0 {
			reads++
		}
	}
	if reads != 1 || len(f.params) != 1 || f.params[0] != typeI32 {
		return // local 0 is more than that number
	}
	for i := 0; i < len(f.code); i++ {
		in := f.code[i]
		switch in.op {
		case opBlock, opLoop, opIf:
			blocks++
			open = append(open, frame{in.op, blocks})
			if len(open) > maxDepth {
				return
			}
		case opEnd:
			if len(open) > 0 {
				open = open[:len(open)-1]
			}
		case opBrTable:
			if p := len(out) - 1; target != nil || p < 0 || out[p].op != opLocalGet || out[p].a != 0 {
				break
			}
			for _, depth := range in.table[:len(in.table)-1] {
				at := len(open) - 1 - int(depth)
				if at < 0 || open[at].op != opBlock {
					at = -1
				}
				target = append(target, at)
				if at >= 0 {
					numbers = append(numbers, open[at].block)
				} else {
					numbers = append(numbers, 0)
				}
			}
			for at := len(open) - 1; at >= 0; at-- {
				if open[at].op == opLoop {
					loop = at
					break
				}
			}
		case opBr:
			n := len(out)
			if loop < 0 || n < 2 || len(open)-1-int(in.a) != loop || out[n-1].op != opLocalSet || out[n-1].a != 0 || out[n-2].op != opI32Const {
				break
			}
			to := int(out[n-2].a)
			if to < 0 || to >= len(target) || target[to] < 0 || target[to] >= len(open) || open[target[to]].block != numbers[to] {
				break
			}
			depth := len(open) - 1 - target[to]
			out = out[:n-2]
			if n >= 3 && out[n-3].op == opIf && out[n-3].a == typeVoid && depth > 0 && i+1 < len(f.code) && f.code[i+1].op == opEnd {
				out[n-3] = instr{op: opBrIf, a: int64(depth - 1)}
				open = open[:len(open)-1]
				i++
				continue
			}
			in.a = int64(depth)
		}
		out = append(out, in)
	}
	f.code = out
}

// typeVoid is typeNone as a signed number, as block types are read.
const typeVoid = -0x40

// rewriteCode applies rewrite to every function of the module, and makes the functions
// that call those of the numbers in ends for others. A function of a number in returns
// goes on at that place after a panic that it has recovered from.
func (m *module) rewriteCode(ends []int, returns map[int]int64) error {
	params, err := m.functionParams()
	if err != nil {
		return err
	}
	imports, err := m.imports()
	if err != nil {
		return err
	}
	code := m.section(sectionCode)
	r := &reader{b: code.body}
	n := r.u32()
	if r.err != nil || int(n) != len(params) {
		return errModule
	}
	calls := &callRewriter{ends: make(map[int64]int64), enter: make(map[int64]bool)}
	for i, callee := range ends {
		calls.ends[int64(imports+callee)] = int64(imports + len(params) + i)
	}
	if calls.kind, err = m.kindOf(typeI32, typeI32); err != nil {
		return err
	}
	kinds := &reader{b: m.section(sectionFunction).body}
	kinds.u32()
	for i := range params {
		if int64(kinds.u32()) == calls.kind {
			calls.enter[int64(imports+i)] = true
		}
	}
	out := binary.AppendUvarint(nil, uint64(n))
	for i := range params {
		b := r.bytes(int(r.u32()))
		if r.err != nil {
			return r.err
		}
		f, err := parseBody(b, params[i])
		if err != nil {
			return err
		}
		if pc, ok := returns[i]; ok {
			f.rewrite(calls, i, pc)
		} else {
			f.rewrite(calls, i)
		}
		if calls.enter[int64(imports+i)] {
			f.enter()
		}
		b = f.encode()
		out = append(binary.AppendUvarint(out, uint64(len(b))), b...)
	}
	code.body = out
	for _, callee := range ends {
		if _, err := m.addFunction([]byte{typeI32, typeI32}, []byte{typeI32}, endBody(imports+callee)); err != nil {
			return err
		}
	}
	return nil
}

// kindOf is the number of the one type of functions from a parameter to a result.
func (m *module) kindOf(param, result byte) (int64, error) {
	types := m.section(sectionType)
	if types == nil {
		return 0, errModule
	}
	found := int64(-1)
	r := &reader{b: types.body}
	for i := range r.u32() {
		form, params, results := r.byte(), r.bytes(int(r.u32())), r.bytes(int(r.u32()))
		if r.err != nil || form != 0x60 {
			return 0, errModule
		}
		if len(params) == 1 && params[0] == param && len(results) == 1 && results[0] == result {
			if found >= 0 {
				return 0, fmt.Errorf("%w: two types are the same", errModule)
			}
			found = int64(i)
		}
	}
	if found < 0 {
		return 0, fmt.Errorf("%w: no function of Go", errModule)
	}
	return found, nil
}

// functionParams returns the types of the parameters of each function of the code
// section.
func (m *module) functionParams() ([][]byte, error) {
	types, functions := m.section(sectionType), m.section(sectionFunction)
	if types == nil || functions == nil || m.section(sectionCode) == nil {
		return nil, errModule
	}
	var kinds [][]byte
	r := &reader{b: types.body}
	for range r.u32() {
		if r.byte() != 0x60 {
			return nil, errModule
		}
		kinds = append(kinds, r.bytes(int(r.u32())))
		r.bytes(int(r.u32()))
		if r.err != nil {
			return nil, r.err
		}
	}
	var params [][]byte
	r = &reader{b: functions.body}
	for range r.u32() {
		k := r.u32()
		if r.err != nil || int(k) >= len(kinds) {
			return nil, errModule
		}
		params = append(params, kinds[k])
	}
	return params, nil
}
