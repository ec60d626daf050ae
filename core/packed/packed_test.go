package packed

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"testing"
)

type item struct {
	Name string
	Sign int
}

func (i *item) fields(c *Codec) {
	String(c, &i.Name, 5)
	Int(c, &i.Sign)
}

type all struct {
	Small  uint8
	Port   uint16
	Count  uint32
	Large  uint64
	Moment int64
	On     bool
	ID     []byte
	Items  []item
	Lists  [][]byte
	Counts []uint16
}

func (a *all) fields(c *Codec) {
	Uint(c, &a.Small)
	Uint(c, &a.Port)
	Uint(c, &a.Count)
	Uint(c, &a.Large)
	Int(c, &a.Moment)
	Bool(c, &a.On)
	Bytes(c, &a.ID, 4)
	List(c, &a.Items, 3, func(c *Codec, i *item) { i.fields(c) })
	List(c, &a.Lists, 2, func(c *Codec, b *[]byte) { Bytes(c, b, 2) })
	List(c, &a.Counts, 300, Uint[uint16])
}

func TestRoundTrip(t *testing.T) {
	for _, v := range []all{
		{},
		{1, 2, 3, 4, -5, true, []byte{6}, []item{{"seven", -8}, {}}, [][]byte{{9}, nil}, []uint16{10}},
		{math.MaxUint8, math.MaxUint16, math.MaxUint32, math.MaxUint64, math.MinInt64, false, []byte{1, 2, 3, 4},
			[]item{{"", math.MaxInt}, {"", math.MinInt}, {"12345", 0}}, [][]byte{{1, 2}, {3, 4}}, make([]uint16, 300)},
		{Moment: math.MaxInt64},
	} {
		b := Append([]byte("head"), v.fields)
		if !bytes.HasPrefix(b, []byte("head")) {
			t.Fatalf("what was there has gone: %q", b)
		}
		b = b[4:]
		var got all
		if err := Read(b, got.fields); err != nil || !reflect.DeepEqual(got, v) {
			t.Errorf("read %+v, %v\nwant %+v", got, err, v)
		}
		for n := range b {
			if err := Read(b[:n], new(all).fields); !errors.Is(err, ErrForm) {
				t.Errorf("%d of %d bytes: %v", n, len(b), err)
			}
		}
		if err := Read(append(b, 0), new(all).fields); !errors.Is(err, ErrForm) {
			t.Errorf("a byte more: %v", err)
		}
	}
}

func TestLayout(t *testing.T) {
	v := all{1, 300, 3, 4, -1, true, []byte{6}, []item{{"a", 2}}, [][]byte{nil}, []uint16{7, 8}}
	want := []byte{1, 0xac, 2, 3, 4, 1, 1, 1, 6, 1, 1, 'a', 4, 1, 0, 2, 7, 8}
	if got := Append(nil, v.fields); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		b      []byte
		fields func(*Codec)
	}{
		"a number longer than needed": {[]byte{0x81, 0}, func(c *Codec) { Uint(c, new(uint8)) }},
		"a number of 11 bytes":        {append(bytes.Repeat([]byte{0xff}, 10), 1), func(c *Codec) { Uint(c, new(uint64)) }},
		"256 in 8 bits":               {[]byte{0x80, 2}, func(c *Codec) { Uint(c, new(uint8)) }},
		"65536 in 16 bits":            {[]byte{0x80, 0x80, 4}, func(c *Codec) { Uint(c, new(uint16)) }},
		"a truth value of 2":          {[]byte{2}, func(c *Codec) { Bool(c, new(bool)) }},
		"five bytes of four":          {[]byte{5, 1, 2, 3, 4, 5}, func(c *Codec) { Bytes(c, new([]byte), 4) }},
		"more bytes than there are":   {[]byte{3, 1}, func(c *Codec) { Bytes(c, new([]byte), 4) }},
		"a text above its limit":      {[]byte{2, 'a', 'b'}, func(c *Codec) { String(c, new(string), 1) }},
		"a list above its limit":      {[]byte{3, 1, 1, 1}, func(c *Codec) { List(c, new([]uint8), 2, Uint[uint8]) }},
		"a list of no end":            {[]byte{0xff, 0xff, 0xff, 0xff, 0xf, 1}, func(c *Codec) { List(c, new([]uint8), math.MaxInt32, Uint[uint8]) }},
	} {
		if err := Read(c.b, c.fields); !errors.Is(err, ErrForm) {
			t.Errorf("%s: %v, want ErrForm", name, err)
		}
	}
}

// What reads is written back as the same bytes.
func FuzzRead(f *testing.F) {
	f.Add(Append(nil, new(all).fields))
	f.Add(Append(nil, (&all{1, 300, 3, 4, -1, true, []byte{6}, []item{{"a", 2}}, [][]byte{nil}, []uint16{7, 8}}).fields))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v all
		if Read(b, v.fields) == nil {
			if again := Append(nil, v.fields); !bytes.Equal(again, b) {
				t.Errorf("%x was read and written as %x", b, again)
			}
		}
	})
}
