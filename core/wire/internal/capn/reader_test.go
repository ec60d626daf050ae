package capn

import (
	"bytes"
	"errors"
	"testing"
)

func open(t *testing.T, flat []byte) (*Message, Struct) {
	t.Helper()
	limit := NewLimit(1 << 16)
	m := new(Message)
	if err := m.Open(flat, &limit); err != nil {
		t.Fatal(err)
	}
	return m, m.Root()
}

// The functions below make pointers for hand-made messages.
func pointerTo(offset int32, data, slots uint16) uint64 {
	return uint64(uint32(offset)<<2) | uint64(data)<<32 | uint64(slots)<<48
}

func listOf(offset int32, element, n uint64) uint64 {
	return uint64(uint32(offset)<<2) | 1 | element<<32 | n<<35
}

func far(segment, word uint64, double bool) uint64 {
	p := segment<<32 | word<<3 | 2
	if double {
		p |= 4
	}
	return p
}

func TestReadWhatWasBuilt(t *testing.T) {
	b := NewBuilder(0)
	s := b.Root(2, 5)
	s.Uint64(0, dense8)
	s.Uint32(8, 7)
	s.Uint16(12, 9)
	s.Bool(112, true)
	s.Data(0, []byte("hello"))
	s.Text(1, "ab", "c")
	numbers := s.Uint32s(2, 3)
	for i := range 3 {
		numbers.Uint32(i, uint32(i+1))
	}
	list := s.List(3, 2, 1, 1)
	list.At(1).Uint32(4, 5)
	list.At(1).Data(0, nil)
	s.Struct(4, 0, 0)
	flat, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	m, r := open(t, flat)
	if r.Uint64(0) != dense8 || r.Uint32(8) != 7 || r.Uint16(12) != 9 || !r.Bool(112) || r.Bool(113) {
		t.Error("data fields differ")
	}
	if string(r.Data(0)) != "hello" || string(r.Text(1)) != "abc" {
		t.Errorf("data %q, text %q", r.Data(0), r.Text(1))
	}
	if n := r.Uint32s(2); n.Len() != 3 || n.Uint32(2) != 3 || !n.FourBytes() {
		t.Errorf("numbers differ")
	}
	l := r.List(3)
	if l.Len() != 2 || l.At(1).Uint32(4) != 5 || l.At(0).Has(0) || !l.At(1).Has(0) || l.At(1).Data(0) == nil {
		t.Error("list differs")
	}
	if !r.Has(4) || r.Has(5) || r.Struct(4).Uint32(0) != 0 || r.Struct(9).Has(0) {
		t.Error("empty or missing struct differs")
	}
	if r.Uint64(16) != 0 || r.Bool(128) || r.Data(7) != nil {
		t.Error("a newer field does not read as default")
	}
	if m.Err() != nil {
		t.Error(m.Err())
	}
}

// Other layouts than ours are as good (spec 03 §2.2).
func TestReadForeignLayouts(t *testing.T) {
	tests := []struct {
		name string
		flat []byte
	}{
		{"two segments, far pointer", words(1|2<<32, 4,
			far(1, 1, false), 0,
			dense8, pointerTo(0, 1, 1), 42, listOf(0, 2, 0))},
		{"double far pointer", words(2|1<<32, 2|2<<32,
			far(1, 0, true),
			far(2, 0, false), pointerTo(0, 1, 1),
			42, listOf(-1, 2, 0))},
		{"objects apart", words(4<<32, pointerTo(1, 1, 1), dense8, 42, listOf(0, 2, 0))},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m, r := open(t, test.flat)
			if r.Uint64(0) != 42 || !r.Has(0) || r.Data(0) == nil || m.Err() != nil {
				t.Errorf("number %d, data %v, %v", r.Uint64(0), r.Data(0), m.Err())
			}
		})
	}
}

func TestReadFaults(t *testing.T) {
	root := pointerTo(0, 0, 1)
	segment := func(ws ...uint64) []byte { return append(words(uint64(len(ws))<<32), words(ws...)...) }
	data := func(s Struct) { s.Data(0) }
	list := func(s Struct) { s.List(0) }
	tests := []struct {
		name string
		flat []byte
		read func(Struct)
		want error
	}{
		{"empty segment", segment(), data, errBounds},
		{"root is a list", segment(listOf(0, 2, 0)), data, errPointer},
		{"root out of bounds", segment(pointerTo(0, 3, 0)), data, errBounds},
		{"root before the segment", segment(pointerTo(-5, 1, 0)), data, errBounds},
		{"capability", segment(root, 3), data, errPointer},
		{"data is a struct", segment(root, pointerTo(-1, 0, 0)), data, errPointer},
		{"data is numbers", segment(root, listOf(0, 4, 1), 1), data, errPointer},
		{"data out of bounds", segment(root, listOf(0, 2, 9), 1), data, errBounds},
		{"longest data", segment(root, listOf(0, 2, 1<<29-1)), data, errBounds},
		{"text without end", segment(root, listOf(0, 2, 2), 0x0101), func(s Struct) { s.Text(0) }, errText},
		{"empty text", segment(root, listOf(0, 2, 0)), func(s Struct) { s.Text(0) }, errText},
		{"list of bits", segment(root, listOf(0, 1, 1), 1), list, errPointer},
		{"elements overrun", segment(root, listOf(0, 7, 1), pointerTo(2, 1, 0), 1), list, errList},
		{"tag is no struct", segment(root, listOf(0, 7, 0), listOf(0, 2, 0)), list, errList},
		{"empty elements without end", segment(root, listOf(0, 7, 0), pointerTo(1<<29-1, 0, 0)), list, errLimit},
		{"void elements without end", segment(root, listOf(0, 0, 1<<29-1)), list, errLimit},
		{"numbers of bytes", segment(root, listOf(0, 2, 8), 1), func(s Struct) { s.Uint32s(0) }, errPointer},
		{"far out of segments", segment(far(7, 0, false)), data, errFar},
		{"far out of bounds", segment(far(0, 1, false)), data, errFar},
		{"far to far", segment(far(0, 1, false), far(0, 0, false)), data, errFar},
		{"double far without far", segment(far(0, 1, true), 0, 0), data, errFar},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m, r := open(t, test.flat)
			test.read(r)
			if !errors.Is(m.Err(), test.want) {
				t.Errorf("error %v, want %v", m.Err(), test.want)
			}
		})
	}
}

// Many pointers to one object cost as if it were there many times.
func TestReadLimit(t *testing.T) {
	flat := append(words(34<<32, pointerTo(0, 0, 1), listOf(0, 2, 256)), make([]byte, 256)...)
	limit := NewLimit(40 * 8 * 3)
	m := new(Message)
	if err := m.Open(flat, &limit); err != nil {
		t.Fatal(err)
	}
	n := 0
	for r := m.Root(); m.Err() == nil; n++ {
		r.Data(0)
	}
	if n != 4 || !errors.Is(m.Err(), errLimit) {
		t.Errorf("error %v after %d reads of 32 words, limit 120", m.Err(), n)
	}
}

func TestOpenFaults(t *testing.T) {
	for name, flat := range map[string][]byte{
		"empty":             nil,
		"cut table":         {0, 0, 0, 0, 1, 0, 0},
		"segment cut":       words(2<<32, 0),
		"too many segments": words(511),
		"second table cut":  words(2|1<<32, 1),
	} {
		t.Run(name, func(t *testing.T) {
			limit := NewLimit(1 << 16)
			if err := new(Message).Open(flat, &limit); !errors.Is(err, errFrame) {
				t.Errorf("error %v, want %v", err, errFrame)
			}
		})
	}
}

// A large message loses trailing zero words and null pointers of each struct;
// in a list all elements keep the size of the largest (spec 03 §2.2).
func TestCanonical(t *testing.T) {
	b := NewBuilder(0)
	s := b.Root(2, 4)
	s.Uint32(0, 1)
	s.Data(0, bytes.Repeat([]byte{1}, 9000))
	l := s.List(1, 2, 2, 2)
	l.At(0).Uint32(0, 2)
	l.At(1).Data(0, []byte{3})
	s.Struct(2, 3, 3)
	flat, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	want := words(
		0, // frame, below
		pointerTo(0, 1, 3), 1, listOf(2, 2, 9000), listOf(1126, 7, 4), pointerTo(-1, 0, 0))
	want = append(want, bytes.Repeat([]byte{1}, 9000)...)
	want = append(want, words(pointerTo(2, 1, 1), 2, 0, 0, listOf(0, 2, 1), 3)...)
	copy(want, words(uint64(len(want)/8-1)<<32))
	if !bytes.Equal(flat, want) {
		t.Errorf("got\n%x\nwant\n%x", flat[len(flat)-100:], want[len(want)-100:])
		t.Errorf("got\n%x\nwant\n%x", flat[:56], want[:56])
	}
}

func TestCanonicalNeedsOrder(t *testing.T) {
	b := NewBuilder(0)
	s := b.Root(1, 3)
	s.Data(1, make([]byte, 9000))
	s.Data(0, make([]byte, 9000))
	if _, err := b.Finish(); !errors.Is(err, errOrder) {
		t.Errorf("error %v, want %v", err, errOrder)
	}
}

func TestBuilderLimit(t *testing.T) {
	b := NewBuilder(0)
	b.Root(0, 1).Data(0, make([]byte, maxBuild))
	if _, err := b.Finish(); !errors.Is(err, ErrSize) {
		t.Errorf("error %v, want %v", err, ErrSize)
	}
}
