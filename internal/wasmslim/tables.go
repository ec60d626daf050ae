package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// The tables that the runtime of Go 1.26 finds functions with (runtime/symtab.go,
// internal/abi/symtab.go), and which of them a program without names needs.
const (
	tableVersion = "go1.26"
	tableMagic   = 0xfffffff1

	pcStackMap = 1 // PCDATA_StackMapIndex: the only one that js/wasm reads
	pcInline   = 2 // PCDATA_InlTreeIndex

	dataInline  = 3 // FUNCDATA_InlTree
	dataArgInfo = 5 // FUNCDATA_ArgInfo
	absent      = ^uint32(0)

	functionSize = 44 // of runtime._func, without its lists
	inlineSize   = 16 // of runtime.inlinedCall
	argInfoEnd   = 0xff
	argInfoLimit = 1 << 10

	// A program counter is the number of a function, from firstFunction on, and 16
	// bits of a place in it. findfunctab has a bucket for each 4096 of them.
	firstFunction      = 0x1000
	pcsPerBucket       = 4096
	bucketsPerFunction = 1 << 16 / pcsPerBucket
	bucketSize         = 20
)

// tables are the function tables in a memory image. Its fields are addresses.
type tables struct {
	image                    []byte
	header                   int
	count                    int // functions
	names, cus, files, steps int
	list                     int // functab and the _func structs
	listEnd                  int
	funcData, end            int
	buckets                  int
	bucketCount              int
	memoryEnd                int // of what the program has from its start
	functions                []function
	named                    []uint32 // after strip: the field of the name in the packed form
	numbers                  int      // after strip: where the names begin that are numbers
}

// function is one _func: where it is, and what it points to.
type function struct {
	at       int // of the _func
	entry    uint32
	name     int32
	pcs      []uint32 // pcsp, pcfile, pcln, then pcdata: offsets into the steps
	funcdata []uint32
	cu       uint32
	line     int32
}

func (t *tables) u32(at int) uint32        { return binary.LittleEndian.Uint32(t.image[at:]) }
func (t *tables) u64(at int) uint64        { return binary.LittleEndian.Uint64(t.image[at:]) }
func (t *tables) put32(at int, v uint32)   { binary.LittleEndian.PutUint32(t.image[at:], v) }
func (t *tables) inside(at, size int) bool { return at > 0 && size >= 0 && at <= len(t.image)-size }

// findTables reads the tables and checks everything about them that the changes
// rely on.
func findTables(image []byte) (*tables, error) {
	t := &tables{image: image}
	wrong := func(what string) error { return fmt.Errorf("%w: %s", errModule, what) }
	mark := binary.LittleEndian.AppendUint32(nil, tableMagic)
	mark = append(mark, 0, 0, 1, 8) // two of padding, the quantum, the size of a pointer
	t.header = bytes.Index(image, mark)
	if t.header <= 0 || !t.inside(t.header, 72) || bytes.Contains(image[t.header+1:], mark) {
		return nil, wrong("the function table is not there, or twice")
	}
	h := t.header
	t.count = int(t.u64(h + 8))
	if t.count < 1 || firstFunction+t.count > 1<<16 {
		return nil, wrong(fmt.Sprintf("%d functions", t.count))
	}
	for at := h + 32; at < h+72; at += 8 {
		if t.u64(at) > uint64(len(image)) {
			return nil, wrong("the function table is not in its order")
		}
	}
	t.names, t.cus, t.files, t.steps, t.list = h+int(t.u64(h+32)), h+int(t.u64(h+40)), h+int(t.u64(h+48)), h+int(t.u64(h+56)), h+int(t.u64(h+64))
	if !(h < t.names && t.names < t.cus && t.cus <= t.files && t.files < t.steps && t.steps < t.list && t.list+8*(t.count+2) < len(image)) {
		return nil, wrong("the function table is not in its order")
	}

	// runtime.firstmoduledata begins with the header's address and the slice of names.
	start := binary.LittleEndian.AppendUint64(nil, uint64(h))
	start = binary.LittleEndian.AppendUint64(start, uint64(t.names))
	md := bytes.Index(image, start)
	if md < 0 || !t.inside(md, 400) || bytes.Contains(image[md+1:], start) {
		return nil, wrong("the module data is not there, or twice")
	}
	word := func(i int) int { return int(t.u64(md + 8*i)) }
	t.listEnd = word(13) + word(14)
	t.buckets, t.funcData, t.end = word(19), word(40), word(41)
	t.memoryEnd = word(34)
	minPC, maxPC, text := t.u64(md+8*20), t.u64(md+8*21), t.u64(md+8*22)
	t.bucketCount = int(maxPC-minPC+pcsPerBucket-1) / pcsPerBucket
	switch {
	case word(4) != t.cus || word(7) != t.files || word(10) != t.steps || word(13) != t.list || word(16) != t.list:
		return nil, wrong("the module data does not fit the function table")
	case word(17) != t.count+1 || t.listEnd > t.funcData || t.funcData > t.buckets || t.buckets > t.end || t.end > len(image):
		return nil, wrong("the module data is not in its order")
	case t.memoryEnd < 0 || t.memoryEnd > maxImage:
		return nil, wrong("the program has too much memory")
	case text != 0 || minPC != firstFunction<<16 || (maxPC+0xffff)>>16 != uint64(firstFunction+t.count):
		return nil, wrong("program counters are not numbers of functions")
	}
	return t, t.readFunctions()
}

func (t *tables) readFunctions() error {
	for i := range t.count {
		f := function{at: t.list + int(t.u32(t.list+8*i+4))}
		if !t.inside(f.at, functionSize) || f.at+functionSize > t.listEnd {
			return fmt.Errorf("%w: function %d is outside of its table", errModule, i)
		}
		f.entry, f.name = t.u32(f.at), int32(t.u32(f.at+4))
		if f.entry != uint32(firstFunction+i) || t.u32(t.list+8*i) != f.entry {
			return fmt.Errorf("%w: function %d has another number", errModule, i)
		}
		f.cu, f.line = t.u32(f.at+32), int32(t.u32(f.at+36))
		pcdata, funcdata := int(t.u32(f.at+28)), int(t.image[f.at+43])
		if pcdata > 8 || f.at+functionSize+4*(pcdata+funcdata) > t.listEnd {
			return fmt.Errorf("%w: function %d has %d lists", errModule, i, pcdata)
		}
		for k := range 3 {
			f.pcs = append(f.pcs, t.u32(f.at+16+4*k))
		}
		for k := range pcdata {
			f.pcs = append(f.pcs, t.u32(f.at+functionSize+4*k))
		}
		for k := range funcdata {
			f.funcdata = append(f.funcdata, t.u32(f.at+functionSize+4*(pcdata+k)))
		}
		for _, offset := range f.pcs {
			if t.steps+int(offset) >= t.list {
				return fmt.Errorf("%w: function %d has steps outside of their table", errModule, i)
			}
		}
		for _, offset := range f.funcdata {
			if offset != absent && t.funcData+int(offset) >= t.end {
				return fmt.Errorf("%w: function %d has data outside of its table", errModule, i)
			}
		}
		if next := t.list + int(t.u32(t.list+8*i+12)); i+1 < t.count && next != (f.at+functionSize+4*(pcdata+funcdata)+7)&^7 {
			return fmt.Errorf("%w: function %d is not followed by the next", errModule, i)
		}
		t.functions = append(t.functions, f)
	}
	return nil
}

// run is one value of a table of steps and the program counters it holds for,
// counted from the function's first.
type run struct {
	until uint32
	value int32
}

// stepsAt decodes the table at offset; size is its length in bytes.
func (t *tables) stepsAt(offset uint32) (runs []run, size int, err error) {
	if offset == 0 {
		return nil, 0, nil
	}
	b := t.image[t.steps+int(offset) : t.list]
	pc, value := uint32(0), int32(-1)
	for {
		delta, n := binary.Uvarint(b[size:])
		if n <= 0 {
			return nil, 0, fmt.Errorf("%w: steps at %d do not end", errModule, offset)
		}
		size += n
		if delta == 0 && pc > 0 {
			return runs, size, nil
		}
		if delta&1 != 0 {
			value += int32(-(delta >> 1) - 1)
		} else {
			value += int32(delta >> 1)
		}
		add, n := binary.Uvarint(b[size:])
		if n <= 0 {
			return nil, 0, fmt.Errorf("%w: steps at %d do not end", errModule, offset)
		}
		size += n
		pc += uint32(add)
		runs = append(runs, run{pc, value})
	}
}

func (t *tables) textAt(at int) string {
	end := bytes.IndexByte(t.image[at:], 0)
	if end < 0 {
		return ""
	}
	return string(t.image[at : at+end])
}

func (t *tables) nameOf(offset int32) string { return t.textAt(t.names + int(offset)) }

// strip sets to zero, or to absent, what only tracebacks read, and moves the tables
// of steps that are left together.
func (t *tables) strip() error {
	inline := make(map[uint32]int) // offset of an inlining tree: its entries
	for _, f := range t.functions {
		for k, offset := range f.pcs {
			runs, _, err := t.stepsAt(offset)
			if err != nil {
				return err
			}
			if k == 3+pcInline && len(f.funcdata) > dataInline && f.funcdata[dataInline] != absent {
				for _, r := range runs {
					inline[f.funcdata[dataInline]] = max(inline[f.funcdata[dataInline]], int(r.value)+1)
				}
			}
		}
	}
	// Data of equal content is stored once, whatever it is for.
	drop := make(map[uint32]int) // offset: size
	for _, f := range t.functions {
		for k, offset := range f.funcdata {
			switch {
			case offset == absent:
			case k == dataInline:
				drop[offset] = inline[offset] * inlineSize
			case k == dataArgInfo:
				at := t.funcData + int(offset)
				drop[offset] = bytes.IndexByte(t.image[at:min(t.end, at+argInfoLimit)], argInfoEnd) + 1
			}
		}
	}
	for _, f := range t.functions {
		for k, offset := range f.funcdata {
			if k != dataInline && k != dataArgInfo {
				delete(drop, offset)
			}
		}
	}

	for offset, size := range drop {
		at := t.funcData + int(offset)
		clear(t.image[at:min(at+size, t.end)])
	}
	if err := t.nameFunctions(); err != nil {
		return err
	}
	if err := t.moveSteps(); err != nil {
		return err
	}
	for _, f := range t.functions {
		for k := range f.pcs {
			at, offset := f.at+16+4*k, uint32(0)
			if k >= 3 {
				at = f.at + functionSize + 4*(k-3)
			}
			if k == 0 || k == 3+pcStackMap {
				offset = f.pcs[k]
			}
			t.put32(at, offset)
		}
		t.put32(f.at+32, 0)
		t.put32(f.at+36, 0)
		for k := range f.funcdata {
			if k == dataInline || k == dataArgInfo {
				t.put32(f.at+functionSize+4*(len(f.pcs)-3+k), absent)
			}
		}
	}
	return nil
}

// stripBuckets clears findfunctab, for [assembler.fillBuckets]; false: it is not as
// regular as it was in every module seen so far, and stays.
func (t *tables) stripBuckets() bool {
	if !t.inside(t.buckets, t.bucketCount*bucketSize) {
		return false
	}
	for i := range t.bucketCount - 1 { // the last may be cut short
		at := t.buckets + i*bucketSize
		if t.u32(at) != uint32(i/bucketsPerFunction) || !allZero(t.image[at+4:at+bucketSize]) {
			return false
		}
	}
	clear(t.image[t.buckets : t.buckets+(t.bucketCount-1)*bucketSize])
	return true
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
