package capn

import (
	"encoding/binary"
	"errors"
)

// firstSegment is the size in words up to which a message goes out as built; a
// larger one goes out in canonical form (spec 03 §2.2).
const firstSegment = 1024

// ErrSize: a message larger than any that can be sent.
var ErrSize = errors.New("message too large")

// maxBuild bounds a message in bytes, far above what an envelope can carry.
const maxBuild = 1 << 20

// Builder writes one message of one segment. Objects lie in the order in which
// they are set, so fields must be set in the order of their slots, and a
// struct completely before its next sibling (spec 03 §11.1).
type Builder struct {
	buf []byte // frame header of 8 bytes, then the segment
}

// NewBuilder makes a builder with room for so many bytes.
func NewBuilder(capacity int) *Builder {
	return &Builder{buf: make([]byte, 16, 16+capacity)}
}

// Root sets the root to a struct of the given size in words and pointers.
func (b *Builder) Root(data, slots int) StructBuilder { return b.newStruct(8, data, slots) }

// Finish returns the message with its frame header.
func (b *Builder) Finish() ([]byte, error) {
	if len(b.buf) > maxBuild {
		return nil, ErrSize
	}
	if len(b.buf)-8 > firstSegment*8 {
		if err := b.canonicalize(); err != nil {
			return nil, err
		}
	}
	binary.LittleEndian.PutUint32(b.buf[4:], uint32(len(b.buf)/8-1))
	return b.buf, nil
}

func (b *Builder) put(at int, word uint64) { binary.LittleEndian.PutUint64(b.buf[at:], word) }

func (b *Builder) word(at int) uint64 { return binary.LittleEndian.Uint64(b.buf[at:]) }

// extend appends zeroed words and returns where they begin.
func (b *Builder) extend(words int) int {
	at := len(b.buf)
	b.buf = append(b.buf, make([]byte, words*8)...)
	return at
}

func structPointer(from, to, data, slots int) uint64 {
	distance := (to - from - 8) / 8
	if data+slots == 0 {
		distance = -1 // an empty struct points at its own pointer, null would be absent
	}
	return uint64(uint32(distance)<<2) | uint64(data)<<32 | uint64(slots)<<48
}

func listPointer(from, to, element, n int) uint64 {
	return uint64(uint32((to-from-8)/8)<<2) | pointerList | uint64(element)<<32 | uint64(n)<<35
}

func listTag(n, data, slots int) uint64 {
	return uint64(uint32(n)<<2) | uint64(data)<<32 | uint64(slots)<<48
}

func (b *Builder) newStruct(pointer, data, slots int) StructBuilder {
	at := b.extend(data + slots)
	b.put(pointer, structPointer(pointer, at, data, slots))
	return StructBuilder{b, at, at + data*8}
}

// StructBuilder writes the fields of a struct. The zero of every field is in
// place from the start.
type StructBuilder struct {
	b    *Builder
	data int // offset of the data section
	ptrs int // offset of the pointer section
}

// Uint16 sets data at a byte offset.
func (s StructBuilder) Uint16(at int, v uint16) {
	binary.LittleEndian.PutUint16(s.b.buf[s.data+at:], v)
}

// Uint32 sets data at a byte offset.
func (s StructBuilder) Uint32(at int, v uint32) {
	binary.LittleEndian.PutUint32(s.b.buf[s.data+at:], v)
}

// Uint64 sets data at a byte offset.
func (s StructBuilder) Uint64(at int, v uint64) { s.b.put(s.data+at, v) }

// Bool sets a bit of the data section.
func (s StructBuilder) Bool(bit int, v bool) {
	if v {
		s.b.buf[s.data+bit/8] |= 1 << (bit % 8)
	}
}

// Struct adds the struct behind a pointer.
func (s StructBuilder) Struct(slot, data, slots int) StructBuilder {
	return s.b.newStruct(s.ptrs+slot*8, data, slots)
}

// Data adds bytes behind a pointer; nil and empty both make an empty string of
// bytes, which is not null (spec 03 §2.6).
func (s StructBuilder) Data(slot int, v []byte) {
	b, pointer, at := s.b, s.ptrs+slot*8, len(s.b.buf)
	b.put(pointer, listPointer(pointer, at, elementByte, len(v)))
	b.buf = append(b.buf, v...)
	b.pad()
}

// Text adds text behind a pointer.
func (s StructBuilder) Text(slot int, parts ...string) {
	b, pointer, at := s.b, s.ptrs+slot*8, len(s.b.buf)
	for _, part := range parts {
		b.buf = append(b.buf, part...)
	}
	b.buf = append(b.buf, 0)
	b.put(pointer, listPointer(pointer, at, elementByte, len(b.buf)-at))
	b.pad()
}

func (b *Builder) pad() {
	if n := -len(b.buf) & 7; n > 0 {
		b.buf = append(b.buf, make([]byte, n)...)
	}
}

// Uint32s adds a list of numbers behind a pointer, to be filled by
// [ListBuilder.Uint32].
func (s StructBuilder) Uint32s(slot, n int) ListBuilder {
	pointer := s.ptrs + slot*8
	at := s.b.extend((n + 1) / 2)
	s.b.put(pointer, listPointer(pointer, at, elementFour, n))
	return ListBuilder{s.b, at, 0, 4}
}

// List adds a list of structs behind a pointer; also an empty one has its tag.
func (s StructBuilder) List(slot, n, data, slots int) ListBuilder {
	pointer := s.ptrs + slot*8
	words := n * (data + slots)
	at := s.b.extend(1 + words)
	s.b.put(pointer, listPointer(pointer, at, elementComposite, words))
	s.b.put(at, listTag(n, data, slots))
	return ListBuilder{s.b, at + 8, data, (data + slots) * 8}
}

// ListBuilder writes the elements of a list.
type ListBuilder struct {
	b    *Builder
	at   int
	data int // words of data in an element
	step int
}

// At returns element i of a list of structs.
func (l ListBuilder) At(i int) StructBuilder {
	at := l.at + i*l.step
	return StructBuilder{l.b, at, at + l.data*8}
}

// Uint32 sets element i of a list of numbers.
func (l ListBuilder) Uint32(i int, v uint32) {
	binary.LittleEndian.PutUint32(l.b.buf[l.at+i*4:], v)
}
