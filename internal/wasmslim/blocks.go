package main

import "slices"

// The compiler puts the code of a function into one block for each program counter
// that it may go on from, and a br_table in front of them. Most of these numbers are
// those of jumps inside the function. Once the jumps are direct, nothing goes on there,
// and their blocks can go.

// label gives every block a number, from 1, in operand b of its first instruction and of
// its else and end, and makes of the depths in branches such numbers; 0 is the function.
// It reports whether the blocks are well-formed; if not, nothing is changed.
func (f *body) label() bool {
	open := []int64{0}
	next := int64(0)
	of := func(depth int64) (int64, bool) {
		at := int64(len(open)) - 1 - depth
		if depth < 0 || at < 0 {
			return 0, false
		}
		return open[at], true
	}
	ok := true
	code := slices.Clone(f.code)
	for i := range code {
		in := &code[i]
		if len(open) == 0 || len(open) > maxDepth {
			return false
		}
		switch in.op {
		case opBlock, opLoop, opIf:
			next++
			in.b = next
			open = append(open, next)
		case opElse:
			in.b = open[len(open)-1]
		case opEnd:
			in.b = open[len(open)-1]
			open = open[:len(open)-1]
		case opBr, opBrIf:
			if in.a, ok = of(in.a); !ok {
				return false
			}
		case opBrTable:
			table := make([]uint32, len(in.table))
			for k, depth := range in.table {
				id, ok := of(int64(depth))
				if !ok {
					return false
				}
				table[k] = uint32(id)
			}
			in.table = table
		}
	}
	if len(open) > 0 {
		return false
	}
	f.code = code
	return true
}

// unlabel makes of the numbers depths again.
func (f *body) unlabel() {
	depth := map[int64]int64{0: 0} // of a block that is open, counted from the function
	n := int64(0)
	for i := range f.code {
		in := &f.code[i]
		switch in.op {
		case opBlock, opLoop, opIf:
			n++
			depth[in.b] = n
			in.b = 0
		case opElse:
			in.b = 0
		case opEnd:
			n--
			in.b = 0
		case opBr, opBrIf:
			in.a = n - depth[in.a]
		case opBrTable:
			for k, id := range in.table {
				in.table[k] = uint32(n - depth[int64(id)])
			}
		}
	}
}

// prune drops the blocks that nothing goes to, and the code that nothing comes to. The
// function goes on at the program counters in live, at 0, and where it jumps itself; what
// the table has for others is not used.
func (f *body) prune(live map[int64]bool) {
	table := -1
	for i, in := range f.code {
		switch {
		case in.op == opBrTable && table < 0 && i > 0 && f.code[i-1].op == opLocalGet && f.code[i-1].a == 0:
			table = i
		case in.op == opBrTable, in.op == opLocalTee && in.a == 0, in.op == opLocalGet && in.a == 0 && (i+1 == len(f.code) || f.code[i+1].op != opBrTable):
			return
		case in.op == opLocalSet && in.a == 0:
			if i == 0 || f.code[i-1].op != opI32Const {
				return
			}
			live[f.code[i-1].a] = true
		}
	}
	if table < 0 || !f.label() {
		return
	}
	live[0] = true
	targets := f.code[table].table
	for pc := 1; pc < len(targets); pc++ {
		if !live[int64(pc)] {
			targets[pc] = targets[pc-1]
		}
	}
	for n := len(f.code) + 1; n > len(f.code); {
		n = len(f.code)
		f.dropBlocks()
		f.dropUnreachable()
	}
	f.unlabel()
}

// dropBlocks drops blocks that no branch names, and branches to where the code goes on
// anyway.
func (f *body) dropBlocks() {
	named, loops := make(map[int64]bool), make(map[int64]bool)
	for _, in := range f.code {
		if in.op == opLoop {
			loops[in.b] = true
		}
	}
	out := f.code[:0]
	for i, in := range f.code {
		switch in.op {
		case opBr:
			if !loops[in.a] && f.leadsTo(i+1, in.a) {
				continue
			}
			named[in.a] = true
		case opBrIf:
			named[in.a] = true
		case opBrTable:
			for _, id := range in.table {
				named[int64(id)] = true
			}
		}
		out = append(out, in)
	}
	f.code = out
	gone := make(map[int64]bool)
	out = f.code[:0]
	for _, in := range f.code {
		switch {
		case (in.op == opBlock || in.op == opLoop) && in.a == typeVoid && !named[in.b]:
			gone[in.b] = true
			continue
		case in.op == opEnd && gone[in.b]:
			continue
		}
		out = append(out, in)
	}
	f.code = out
}

// leadsTo reports that the code at i ends blocks up to the block with the number id.
func (f *body) leadsTo(i int, id int64) bool {
	for ; i < len(f.code) && f.code[i].op == opEnd && f.code[i].b != 0; i++ {
		if f.code[i].b == id {
			return true
		}
	}
	return false
}

// dropUnreachable drops what follows a jump, to the end of its block.
func (f *body) dropUnreachable() {
	out := f.code[:0]
	dead, inner := false, 0
	for _, in := range f.code {
		if dead {
			switch in.op {
			case opBlock, opLoop, opIf:
				inner++
				continue
			case opEnd:
				if inner > 0 {
					inner--
					continue
				}
				dead = false
			case opElse:
				if inner > 0 {
					continue
				}
				dead = false
			default:
				continue
			}
		}
		out = append(out, in)
		switch in.op {
		case opBr, opBrTable, opReturn, opUnreachable:
			dead = true
		}
	}
	f.code = out
}
