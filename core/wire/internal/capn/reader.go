package capn

import "encoding/binary"

// Kinds of pointers and element sizes of lists.
const (
	pointerStruct = 0
	pointerList   = 1
	pointerFar    = 2

	elementBit       = 1
	elementByte      = 2
	elementFour      = 4
	elementPointer   = 6
	elementComposite = 7
)

// elementBytes is the size of elements that are whole bytes of data.
var elementBytes = [...]int64{elementByte: 1, 3: 2, elementFour: 4, 5: 8}

// Struct is a struct that is read; the zero value reads as all defaults. Data
// fields are given by their byte offset, pointers by their slot. What is
// missing reads as zero or null, what is more is not looked at (spec 03 §2.8).
type Struct struct {
	m     *Message
	seg   []byte
	off   int64 // of the data section in seg
	data  int64 // bytes of data
	slots int64
}

// Root returns the root struct.
func (m *Message) Root() Struct {
	if len(m.first) < 8 {
		m.fail(errBounds)
		return Struct{}
	}
	return m.structAt(m.first, 0)
}

// Uint16 reads data at a byte offset.
func (s Struct) Uint16(at int64) uint16 {
	if at+2 > s.data {
		return 0
	}
	return binary.LittleEndian.Uint16(s.seg[s.off+at:])
}

// Uint32 reads data at a byte offset.
func (s Struct) Uint32(at int64) uint32 {
	if at+4 > s.data {
		return 0
	}
	return binary.LittleEndian.Uint32(s.seg[s.off+at:])
}

// Uint64 reads data at a byte offset.
func (s Struct) Uint64(at int64) uint64 {
	if at+8 > s.data {
		return 0
	}
	return binary.LittleEndian.Uint64(s.seg[s.off+at:])
}

// Bool reads the bit of the data section.
func (s Struct) Bool(bit int64) bool {
	if bit/8 >= s.data {
		return false
	}
	return s.seg[s.off+bit/8]&(1<<(bit%8)) != 0
}

func (s Struct) pointer(slot int64) int64 { return s.off + s.data + slot*8 }

// Has reports whether the pointer is not null.
func (s Struct) Has(slot int64) bool {
	return slot < s.slots && binary.LittleEndian.Uint64(s.seg[s.pointer(slot):]) != 0
}

// Struct follows a pointer to a struct; null reads as all defaults.
func (s Struct) Struct(slot int64) Struct {
	if slot >= s.slots {
		return Struct{}
	}
	return s.m.structAt(s.seg, s.pointer(slot))
}

// Data follows a pointer to bytes, which are a part of the message; null reads
// as nil, an empty string of bytes as empty and not nil.
func (s Struct) Data(slot int64) []byte {
	if slot >= s.slots {
		return nil
	}
	l, ok := s.m.listAt(s.seg, s.pointer(slot))
	if !ok {
		return nil
	}
	if l.element != elementByte {
		s.m.fail(errPointer)
		return nil
	}
	return l.seg[l.off : l.off+l.n : l.off+l.n]
}

// Text follows a pointer to text and returns its bytes without the terminator.
func (s Struct) Text(slot int64) []byte {
	b := s.Data(slot)
	if b == nil {
		return nil
	}
	if len(b) == 0 || b[len(b)-1] != 0 {
		s.m.fail(errText)
		return nil
	}
	return b[:len(b)-1]
}

// List follows a pointer to a list of structs; null reads as empty.
func (s Struct) List(slot int64) List {
	if slot >= s.slots {
		return List{}
	}
	l, ok := s.m.listAt(s.seg, s.pointer(slot))
	if !ok {
		return List{}
	}
	if l.element == elementBit {
		s.m.fail(errPointer)
		return List{}
	}
	return l
}

// Uint32s follows a pointer to a list of numbers; null reads as empty.
func (s Struct) Uint32s(slot int64) List {
	l := s.List(slot)
	if l.n > 0 && l.data < 4 {
		s.m.fail(errPointer)
		return List{}
	}
	return l
}

// List is a list that is read.
type List struct {
	m       *Message
	seg     []byte
	off     int64 // of element 0
	n       int64
	step    int64 // bytes from one element to the next
	data    int64 // bytes of data in an element
	slots   int64 // pointers in an element
	element byte
}

// Len is the number of elements. It is a number that the sender chose: compare
// it with a limit before anything is made by it.
func (l List) Len() int { return int(l.n) }

// At returns element i of a list of structs.
func (l List) At(i int) Struct {
	return Struct{m: l.m, seg: l.seg, off: l.off + int64(i)*l.step, data: l.data, slots: l.slots}
}

// Uint32 returns element i of a list from [Struct.Uint32s].
func (l List) Uint32(i int) uint32 {
	return binary.LittleEndian.Uint32(l.seg[l.off+int64(i)*l.step:])
}

// FourBytes reports whether the list has the element size of numbers of 32 bits
// and no larger one that can be read so.
func (l List) FourBytes() bool { return l.element == elementFour }

// resolve follows far pointers. It returns the pointer that describes the
// object, the object's segment and its place there.
func (m *Message) resolve(seg []byte, at int64) (word uint64, in []byte, place int64, ok bool) {
	word = binary.LittleEndian.Uint64(seg[at:])
	if word == 0 {
		return 0, nil, 0, false
	}
	if word&3 != pointerFar {
		return word, seg, at + 8 + offset(word), true
	}
	pad := m.segment(uint32(word >> 32))
	padAt := int64(uint32(word)>>3) * 8
	double := word&4 != 0
	size := int64(8)
	if double {
		size = 16
	}
	if padAt+size > int64(len(pad)) {
		m.fail(errFar)
		return 0, nil, 0, false
	}
	landing := binary.LittleEndian.Uint64(pad[padAt:])
	if !double {
		if landing&3 == pointerFar {
			m.fail(errFar)
			return 0, nil, 0, false
		}
		return landing, pad, padAt + 8 + offset(landing), true
	}
	tag := binary.LittleEndian.Uint64(pad[padAt+8:])
	if landing&7 != pointerFar || tag&3 == pointerFar {
		m.fail(errFar)
		return 0, nil, 0, false
	}
	return tag, m.segment(uint32(landing >> 32)), int64(uint32(landing)>>3) * 8, true
}

// offset is the signed distance in a struct or list pointer, in bytes.
func offset(word uint64) int64 { return int64(int32(uint32(word))>>2) * 8 }

func inside(seg []byte, at, size int64) bool {
	return at >= 0 && size <= int64(len(seg)) && at <= int64(len(seg))-size
}

func (m *Message) structAt(seg []byte, at int64) Struct {
	word, in, place, ok := m.resolve(seg, at)
	if !ok {
		return Struct{}
	}
	if word&3 != pointerStruct {
		m.fail(errPointer)
		return Struct{}
	}
	data, slots := int64(uint16(word>>32)), int64(word>>48)
	if data+slots == 0 {
		return Struct{m: m}
	}
	if !inside(in, place, (data+slots)*8) {
		m.fail(errBounds)
		return Struct{}
	}
	if !m.limit.spend(int(data + slots)) {
		m.fail(errLimit)
		return Struct{}
	}
	return Struct{m: m, seg: in, off: place, data: data * 8, slots: slots}
}

func (m *Message) listAt(seg []byte, at int64) (List, bool) {
	word, in, place, ok := m.resolve(seg, at)
	if !ok {
		return List{}, false
	}
	if word&3 != pointerList {
		m.fail(errPointer)
		return List{}, false
	}
	l := List{m: m, seg: in, off: place, n: int64(word >> 35), element: byte(word>>32) & 7}
	var bytes int64
	switch l.element {
	case elementBit:
		bytes = (l.n + 7) / 8
	case elementPointer:
		l.step, l.slots = 8, 1
		bytes = l.n * 8
	case elementComposite:
		bytes = 8 + l.n*8
	case 0:
		// Elements without size cost nothing to send: make them cost to read.
		if !m.limit.spend(int(l.n)) {
			m.fail(errLimit)
			return List{}, false
		}
	default:
		l.step = elementBytes[l.element]
		l.data = l.step
		bytes = l.n * l.step
	}
	if !inside(in, place, bytes) {
		m.fail(errBounds)
		return List{}, false
	}
	if !m.limit.spend(int((bytes + 7) / 8)) {
		m.fail(errLimit)
		return List{}, false
	}
	if l.element == elementComposite {
		tag := binary.LittleEndian.Uint64(in[place:])
		words := l.n
		data, slots := int64(uint16(tag>>32)), int64(tag>>48)
		l.off, l.n = place+8, int64(uint32(tag)>>2)
		l.data, l.slots, l.step = data*8, slots, (data+slots)*8
		if tag&3 != pointerStruct || l.n*(data+slots) > words {
			m.fail(errList)
			return List{}, false
		}
		if l.step == 0 && !m.limit.spend(int(l.n)) {
			m.fail(errLimit)
			return List{}, false
		}
	}
	return l, true
}
