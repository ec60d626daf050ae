package main

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
)

// reorder gives functions new numbers and places. Those that are called most come
// first, where a number takes one byte; the others are grouped by size, which brings
// like ones into the 32 KB that gzip looks back, and keep their order otherwise.
// Program counters stay, because they are places in the table of functions, which
// follows.
func (m *module) reorder() error {
	imports, err := m.imports()
	if err != nil {
		return err
	}
	params, err := m.functionParams()
	if err != nil {
		return err
	}
	functions, code := m.section(sectionFunction), m.section(sectionCode)
	r, kinds := &reader{b: code.body}, &reader{b: functions.body}
	if n := int(r.u32()); n != len(params) || int(kinds.u32()) != n {
		return errModule
	}
	type entry struct {
		old   int
		kind  uint32
		body  *body
		class int // of sizes: each reaches to four times the size of the one before
		calls int
	}
	entries := make([]entry, len(params))
	for i := range entries {
		b := r.bytes(int(r.u32()))
		f, err := parseBody(b, params[i])
		if err != nil || r.err != nil {
			return cmp.Or(r.err, err)
		}
		entries[i].old, entries[i].kind, entries[i].body, entries[i].class = i, kinds.u32(), f, bits.Len(uint(len(b)))/2
	}
	for _, e := range entries {
		for _, in := range e.body.code {
			if in.op == opCall && in.a >= int64(imports) && in.a < int64(imports+len(entries)) {
				entries[in.a-int64(imports)].calls++
			}
		}
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return cmp.Compare(b.calls, a.calls) })
	rest := entries[min(len(entries), max(0, 1<<7-imports)):]
	slices.SortFunc(rest, func(a, b entry) int { return cmp.Or(cmp.Compare(a.class, b.class), cmp.Compare(a.old, b.old)) })

	number := make([]uint32, imports+len(entries)) // by the old number
	for i := range imports {
		number[i] = uint32(i)
	}
	for i, e := range entries {
		number[imports+e.old] = uint32(imports + i)
	}
	bodies := binary.AppendUvarint(nil, uint64(len(entries)))
	types := slices.Clone(bodies)
	for _, e := range entries {
		for i := range e.body.code {
			if in := &e.body.code[i]; in.op == opCall {
				if in.a >= int64(len(number)) {
					return fmt.Errorf("%w: a call of function %d", errModule, in.a)
				}
				in.a = int64(number[in.a])
			}
		}
		b := e.body.encode()
		bodies = append(binary.AppendUvarint(bodies, uint64(len(b))), b...)
		types = binary.AppendUvarint(types, uint64(e.kind))
	}
	code.body, functions.body = bodies, types
	return m.renumber(number)
}

// renumber replaces the numbers of functions outside of code.
func (m *module) renumber(number []uint32) error {
	of := func(r *reader) uint64 {
		old := r.u32()
		if int(old) >= len(number) {
			r.err = fmt.Errorf("%w: function %d", errModule, old)
			return 0
		}
		return uint64(number[old])
	}
	if s := m.section(sectionStart); s != nil {
		r := &reader{b: s.body}
		s.body = binary.AppendUvarint(nil, of(r))
		if r.err != nil {
			return r.err
		}
	}
	if s := m.section(sectionExport); s != nil {
		const function = 0
		r := &reader{b: s.body}
		n := r.u32()
		out := binary.AppendUvarint(nil, uint64(n))
		for range n {
			name := r.bytes(int(r.u32()))
			kind := r.byte()
			out = append(binary.AppendUvarint(out, uint64(len(name))), name...)
			out = append(out, kind)
			if kind == function {
				out = binary.AppendUvarint(out, of(r))
			} else {
				out = binary.AppendUvarint(out, uint64(r.u32()))
			}
			if r.err != nil {
				return r.err
			}
		}
		s.body = out
	}
	if s := m.section(sectionElement); s != nil {
		r := &reader{b: s.body}
		if r.u32() != 1 || r.u32() != 0 || r.byte() != opI32Const {
			return fmt.Errorf("%w: other elements than one list of functions", errModule)
		}
		out := appendSigned([]byte{1, 0, opI32Const}, r.signed())
		if r.byte() != opEnd {
			return fmt.Errorf("%w: other elements than one list of functions", errModule)
		}
		n := r.u32()
		out = binary.AppendUvarint(append(out, opEnd), uint64(n))
		for range n {
			out = binary.AppendUvarint(out, of(r))
			if r.err != nil {
				return r.err
			}
		}
		s.body = out
	}
	return nil
}
