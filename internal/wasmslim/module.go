package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// Sections of a module, in the numbering of the WebAssembly specification.
const (
	sectionCustom   = 0
	sectionType     = 1
	sectionImport   = 2
	sectionFunction = 3
	sectionMemory   = 5
	sectionGlobal   = 6
	sectionExport   = 7
	sectionStart    = 8
	sectionElement  = 9
	sectionCode     = 10
	sectionData     = 11
)

// order is where a section stands in a module.
var order = map[byte]int{1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 7, 8: 8, 9: 9, 12: 10, 10: 11, 11: 12}

const magic = "\x00asm\x01\x00\x00\x00"

var (
	errModule  = errors.New("not a module as the Go linker writes it")
	errVersion = errors.New("made by a Go version whose tables are not known here")
)

type section struct {
	id   byte
	body []byte
}

// module is a module cut into its sections, in their order.
type module struct{ sections []section }

func parseModule(b []byte) (*module, error) {
	if !bytes.HasPrefix(b, []byte(magic)) {
		return nil, fmt.Errorf("%w: no magic number", errModule)
	}
	m := new(module)
	r := &reader{b: b[len(magic):]}
	for len(r.b) > 0 {
		id := r.byte()
		body := r.bytes(int(r.u32()))
		if r.err != nil {
			return nil, r.err
		}
		m.sections = append(m.sections, section{id, body})
	}
	return m, nil
}

func (m *module) encode() []byte {
	out := []byte(magic)
	for _, s := range m.sections {
		out = append(out, s.id)
		out = binary.AppendUvarint(out, uint64(len(s.body)))
		out = append(out, s.body...)
	}
	return out
}

// section returns the first section of the kind; nil: there is none.
func (m *module) section(id byte) *section {
	for i := range m.sections {
		if m.sections[i].id == id {
			return &m.sections[i]
		}
	}
	return nil
}

// add puts a section where the specification wants it.
func (m *module) add(s section) {
	at := len(m.sections)
	for i, other := range m.sections {
		if other.id != sectionCustom && order[other.id] > order[s.id] {
			at = i
			break
		}
	}
	m.sections = append(m.sections[:at], append([]section{s}, m.sections[at:]...)...)
}

// goVersion is the compiler's version as the section "producers" gives it.
func (m *module) goVersion() string {
	const tool = "Go cmd/compile"
	for _, s := range m.sections {
		r := &reader{b: s.body}
		if s.id != sectionCustom || string(r.bytes(int(r.u32()))) != "producers" {
			continue
		}
		if at := bytes.Index(r.b, []byte(tool)); at >= 0 {
			r.b = r.b[at+len(tool):]
			return string(r.bytes(int(r.u32())))
		}
	}
	return ""
}

// imports counts the imported functions: they come before the module's own in the
// numbering of functions.
func (m *module) imports() (int, error) {
	s := m.section(sectionImport)
	if s == nil {
		return 0, nil
	}
	r := &reader{b: s.body}
	n := int(r.u32())
	for range n {
		r.bytes(int(r.u32()))
		r.bytes(int(r.u32()))
		if r.byte() != 0 {
			return 0, fmt.Errorf("%w: an import that is no function", errModule)
		}
		r.u32()
		if r.err != nil {
			return 0, r.err
		}
	}
	return n, r.err
}

// reader takes a byte slice apart. After the first error it returns zeros.
type reader struct {
	b   []byte
	err error
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.err = fmt.Errorf("%w: it ends early", errModule)
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) bytes(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.err = fmt.Errorf("%w: it ends early", errModule)
		r.b = nil
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) u32() uint32 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > 1<<32-1 {
		r.err = fmt.Errorf("%w: a number is too long", errModule)
		r.b = nil
		return 0
	}
	r.b = r.b[n:]
	return uint32(v)
}

// signed reads a signed LEB128 number of at most 64 bits.
func (r *reader) signed() int64 {
	var v int64
	for shift := uint(0); shift < 70; shift += 7 {
		c := r.byte()
		v |= int64(c&0x7f) << shift
		if c&0x80 == 0 {
			if c&0x40 != 0 && shift+7 < 64 {
				v |= -1 << (shift + 7)
			}
			return v
		}
	}
	r.err = fmt.Errorf("%w: a number is too long", errModule)
	return 0
}

func appendSigned(b []byte, v int64) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}
