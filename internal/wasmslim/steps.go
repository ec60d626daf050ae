package main

import (
	"encoding/binary"
	"fmt"
)

// moveSteps writes the tables of steps that are kept one after the other: those of
// stack pointers, then those of stack maps, each in the order of the first function
// that has it ([assembler.skipSteps] relies on that). The last run of a table ends
// with its function; the table says for all functions that it ends later than any
// function does, so that many functions have the same one.
func (t *tables) moveSteps() error {
	kept := []int{0, 3 + pcStackMap}
	end := uint32(0)
	runs := make([][2][]run, len(t.functions))
	for i, f := range t.functions {
		for n, k := range kept {
			if k >= len(f.pcs) {
				continue
			}
			r, _, err := t.stepsAt(f.pcs[k])
			if err != nil {
				return err
			}
			if len(r) > 0 {
				end = max(end, r[len(r)-1].until)
				if first := runs[i][0]; n > 0 && (len(first) == 0 || r[len(r)-1].until != first[len(first)-1].until) {
					return fmt.Errorf("%w: function %d has two ends", errModule, i)
				}
			}
			runs[i][n] = r
		}
	}
	last := uint32(1)<<14 - 1 // the longest of two bytes
	if end > last {
		last = 1<<16 - 1
	}
	clear(t.image[t.steps:t.list])
	at := t.steps + 1 // 0 says that there is no table
	for n, k := range kept {
		tables := make(map[string]int)
		for i, f := range t.functions {
			if len(runs[i][n]) == 0 {
				continue
			}
			b := encodeSteps(runs[i][n], last)
			offset, ok := tables[string(b)]
			if !ok {
				offset = at - t.steps
				tables[string(b)] = offset
				if at+len(b) > t.list {
					return fmt.Errorf("%w: no room for the tables of steps", errModule)
				}
				at += copy(t.image[at:], b)
			}
			f.pcs[k] = uint32(offset)
		}
	}
	return nil
}

// encodeSteps is a table of runs, of which the last takes so many program counters.
func encodeSteps(runs []run, last uint32) []byte {
	var b []byte
	pc, value := uint32(0), int32(-1)
	for i, r := range runs {
		size := r.until - pc
		if i == len(runs)-1 {
			size = last
		}
		b = binary.AppendUvarint(b, uint64(zigzag(r.value-value)))
		b = binary.AppendUvarint(b, uint64(size))
		pc, value = r.until, r.value
	}
	return append(b, 0)
}

func zigzag(v int32) uint32 { return uint32(v)<<1 ^ uint32(v>>31) }
