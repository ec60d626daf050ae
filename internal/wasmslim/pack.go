package main

import (
	"encoding/binary"
	"slices"
)

// packed is the dense form of functab, of the _func structs and of the names that are
// numbers. It stands in memory behind the image, where a program has zeros at its
// start. The start function unpacks it and clears it again.
//
// It is a stream of unsigned LEB128 numbers. First come, function by function, the
// fields that say how long a _func is: npcdata, and the word of nfuncdata. Then come
// columns: a header that is no zero, and the value of one field for each function
// that has it. A zero ends them.
//
// A value is the place, from 1, that it has among the different values of its column
// so far, where 0 always has place 1; or it is 0 for a new one, which follows as its
// difference from the new one before. New tables of steps need no difference: each
// begins where the one before it ends.
type packed struct {
	t       *tables
	at      int    // address of stream
	stream  []byte // cleared by the start function
	places  int    // address of the list of different values
	most    int    // values in it, at most
	buckets bool   // whether the start function writes findfunctab
}

// Headers of columns are sums of these and of eight times the place of the field: in
// the _func with its pcdata, or in its funcdata.
const (
	columnSteps    = 1 // offsets of tables of steps
	columnFuncdata = 2
	columnShift    = 3
)

// end is the first address behind what the start function needs.
func (p *packed) end() int { return p.places + 4*p.most }

// pack moves functab, the _func structs and names from the image to a packed form.
func (t *tables) pack() (*packed, error) {
	p := &packed{t: t, at: (max(len(t.image), t.memoryEnd) + 7) &^ 7}
	shape := p.newColumn()
	mostPCs, mostData := 0, 0
	for i, f := range t.functions {
		shape.add(t.u32(f.at + 28))
		shape.add(t.u32(f.at + 40))
		mostPCs, mostData = max(mostPCs, len(f.pcs)-3), max(mostData, len(f.funcdata))
		t.put32(f.at+4, t.named[i])
	}
	for at := 4; at < functionSize+4*mostPCs; at += 4 {
		if at == 28 || at == 40 {
			continue
		}
		kind := 0
		if at == 16 || at == functionSize+4*pcStackMap {
			kind = columnSteps
		}
		p.addColumn(at, kind, func(f function) int {
			if at < functionSize+4*(len(f.pcs)-3) {
				return f.at + at
			}
			return 0
		})
	}
	for k := range mostData {
		p.addColumn(4*k, columnFuncdata, func(f function) int {
			if k < len(f.funcdata) {
				return f.at + functionSize + 4*(len(f.pcs)-3+k)
			}
			return 0
		})
	}
	p.stream = append(p.stream, 0)
	p.places = (p.at + len(p.stream) + 3) &^ 3

	for i, f := range t.functions {
		clear(t.image[t.list+8*i : t.list+8*i+8])
		clear(t.image[f.at : f.at+functionSize+4*(len(f.pcs)-3+len(f.funcdata))])
	}
	clear(t.image[t.numbers:t.steps])
	return p, nil
}

// addColumn adds the fields that find gives the address of; 0: there is none. A
// column of zeros is left out.
func (p *packed) addColumn(at, kind int, find func(function) int) {
	var values []uint32
	for _, f := range p.t.functions {
		if at := find(f); at != 0 {
			values = append(values, p.t.u32(at))
		}
	}
	if !slices.ContainsFunc(values, func(v uint32) bool { return v != 0 }) {
		return
	}
	p.number(uint32(at<<columnShift | kind))
	c := p.newColumn()
	c.steps = kind == columnSteps
	for _, v := range values {
		c.add(v)
	}
}

func (p *packed) number(v uint32) { p.stream = binary.AppendUvarint(p.stream, uint64(v)) }

// column is the state of one column while it is written.
type column struct {
	p      *packed
	places map[uint32]uint32
	last   uint32
	steps  bool
}

func (p *packed) newColumn() *column { return &column{p: p, places: map[uint32]uint32{0: 1}} }

func (c *column) add(v uint32) {
	place, ok := c.places[v]
	c.p.number(place)
	if ok {
		return
	}
	c.places[v] = uint32(len(c.places) + 1)
	c.p.most = max(c.p.most, len(c.places))
	if !c.steps {
		c.p.number(zigzag(int32(v - c.last)))
		c.last = v
	}
}
