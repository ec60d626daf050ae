package capn

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"
)

const dense8 = 0x0102030405060708 // a word without zero bytes

func words(ws ...uint64) (b []byte) {
	for _, w := range ws {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}

func repeat(w uint64, n int) []byte { return bytes.Repeat(words(w), n) }

func TestPack(t *testing.T) {
	const d = "0807060504030201" // dense8 on the wire
	tests := []struct {
		name string
		in   []byte
		want string
	}{
		{"nothing", nil, ""},
		{"one zero word", words(0), "0000"},
		{"zero words", repeat(0, 3), "0002"},
		{"more zero words than a run holds", repeat(0, 257), "00ff" + "0000"},
		{"some bytes", words(0x0000110022000033), "29" + "332211"},
		{"full word", words(dense8), "ff" + d + "00"},
		{"run goes on over one zero byte", words(dense8, 0x0002030405060708), "ff" + d + "01" + "0807060504030200"},
		{"run ends at two zero bytes", words(dense8, 0x0000030405060708), "ff" + d + "00" + "3f080706050403"},
		{"zero after a run", words(dense8, dense8, 0), "ff" + d + "01" + d + "0000"},
		{"more words than a run holds", repeat(dense8, 257), "ff" + d + "ff" + strings.Repeat(d, 255) + "ff" + d + "00"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := AppendPacked(nil, test.in)
			if hex.EncodeToString(got) != test.want {
				t.Errorf("got %x, want %s", got, test.want)
			}
			back := make([]byte, len(test.in))
			rest, err := unpack(back, append(got, 0xaa))
			if err != nil || !bytes.Equal(back, test.in) || len(rest) != 1 {
				t.Errorf("unpack: %x, %d bytes left, %v", back, len(rest), err)
			}
		})
	}
}

// randomWords has many zero words, dense words and others.
func randomWords(r *rand.Rand, n int) []byte {
	b := make([]byte, 0, n*8)
	for len(b) < n*8 {
		run := 1 + r.IntN(300)
		kind := r.IntN(4)
		for range min(run, n-len(b)/8) {
			w := r.Uint64() | 0x0101010101010101
			switch kind {
			case 0:
				w = 0
			case 1:
				w &^= 0xff << (8 * r.IntN(8)) // one zero byte
			case 2:
				w &= r.Uint64() & 0xff00ff0000ffff00
			}
			b = binary.LittleEndian.AppendUint64(b, w)
		}
	}
	return b
}

func TestPackInPiecesIsPackingTheWhole(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		in := randomWords(r, 1+r.IntN(1200))
		whole := AppendPacked(nil, in)
		p := NewPacker(nil)
		for rest := in; len(rest) > 0; {
			n := min(len(rest), 8*r.IntN(60))
			p.Pack(rest[:n])
			rest = rest[n:]
		}
		if !bytes.Equal(p.Bytes(), whole) {
			t.Fatalf("pieces of %x pack to\n%x, want\n%x", in, p.Bytes(), whole)
		}
		back := make([]byte, len(in))
		if rest, err := unpack(back, whole); err != nil || len(rest) != 0 || !bytes.Equal(back, in) {
			t.Fatalf("does not unpack: %v", err)
		}
		for cut := 0; cut < len(whole); cut += 1 + r.IntN(40) {
			if _, err := unpack(back, whole[:cut]); err == nil {
				t.Fatalf("%d of %d bytes unpack", cut, len(whole))
			}
		}
	}
}

func TestOpenPacked(t *testing.T) {
	limit := func() *Limit { l := NewLimit(1 << 10); return &l }
	tests := []struct {
		name   string
		packed []byte
		ok     bool
	}{
		{"one segment", AppendPacked(nil, words(1<<32, 0)), true},
		{"bytes behind", append(AppendPacked(nil, words(1<<32, 0)), 1, 2, 3), true},
		{"two segments", AppendPacked(nil, words(1|1<<32, 1, dense8, dense8)), true},
		{"empty", nil, false},
		{"table cut", []byte{0x10}, false},
		{"too many segments", AppendPacked(nil, words(511|1<<32)), false},
		{"run over the end of the table", []byte{0x10, 2, 0x00, 2}, false},
		{"zero run out of the table", []byte{0x00, 1}, false},
		{"larger than the limit", AppendPacked(nil, append(words(200<<32), repeat(dense8, 200)...)), false},
		{"claims what cannot be there", AppendPacked(nil, words(128<<32)), false},
		{"4 GiB of words", AppendPacked(nil, words(0xffffffff<<32)), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var m Message
			if _, err := m.OpenPacked(test.packed, limit()); (err == nil) != test.ok {
				t.Errorf("error %v, want good %v", err, test.ok)
			}
		})
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(AppendPacked(nil, words(1<<32, 0)))
	f.Add([]byte{0x10, 3, 0xff, 1, 2, 3, 4, 5, 6, 7, 8, 2})
	f.Fuzz(func(t *testing.T, packed []byte) {
		limit := NewLimit(1 << 16)
		var m Message
		rest, err := m.OpenPacked(packed, &limit)
		if err != nil {
			return
		}
		if len(m.more) == 0 {
			flat := append(words(uint64(len(m.first)/8)<<32), m.first...)
			again := AppendPacked(nil, flat)
			// Packing is not unique, but ours unpacks to the same.
			other := NewLimit(1 << 16)
			var n Message
			if _, err := n.OpenPacked(again, &other); err != nil || !bytes.Equal(m.first, n.first) {
				t.Fatalf("%x packs to %x: %v", flat, again, err)
			}
		}
		if len(rest) > len(packed) {
			t.Fatal("more left than given")
		}
	})
}
