package crypto

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestCompressVectors(t *testing.T) {
	var c Compressor
	for _, test := range []struct{ data, want string }{ // spec 01 §6
		{"", "0000000000"},
		{"This is an arbitrary body", "19000000f00a5468697320697320616e2061726269747261727920626f6479"},
	} {
		want := unhex(t, test.want)
		if got := c.Compress([]byte("x"), []byte(test.data)); !bytes.Equal(got[1:], want) || got[0] != 'x' {
			t.Errorf("Compress(%q) = %x, want %x", test.data, got, want)
		}
		if got, err := Decompress([]byte("x"), want, 25); err != nil || string(got) != "x"+test.data {
			t.Errorf("Decompress(%x) = %q, %v, want %q", want, got, err, test.data)
		}
	}
}

// texts gives data of many sizes: random, repetitive, and a mix of both.
func texts(yield func(name string, data []byte) bool) {
	random := rand.NewChaCha8([32]byte{1})
	for _, n := range []int{0, 1, 14, 15, 16, 269, 270, 271, literalsBelow - 1, literalsBelow, 525, 1000, 5000, 32768, 65337} {
		noise := make([]byte, n)
		random.Read(noise)
		same := bytes.Repeat([]byte{7}, n)
		mix := bytes.Clone(noise)
		for i := 20; i+40 < n; i += 60 {
			copy(mix[i:], mix[:40])
		}
		for name, data := range map[string][]byte{"noise": noise, "same": same, "mix": mix} {
			if !yield(fmt.Sprintf("%s %d", name, n), data) {
				return
			}
		}
	}
}

func TestCompressRoundTrip(t *testing.T) {
	var c Compressor
	for name, data := range texts {
		packed := c.Compress(nil, data)
		if most := compressedHeader + literalsSize(len(data)); len(packed) > most {
			t.Errorf("%s: %d bytes compressed, literals would be %d", name, len(packed), most)
		}
		if again := c.Compress(nil, data); !bytes.Equal(again, packed) {
			t.Errorf("%s: differs the second time", name)
		}
		got, err := Decompress([]byte("x"), packed, len(data))
		if err != nil || !bytes.Equal(got, append([]byte("x"), data...)) {
			t.Errorf("%s: came back as %d bytes, %v", name, len(got), err)
		}
		if literals := appendLiterals(nil, data); len(literals) != literalsSize(len(data)) {
			t.Errorf("%s: literalsSize = %d, want %d", name, literalsSize(len(data)), len(literals))
		}
	}
	if packed := c.Compress(nil, make([]byte, 32768)); len(packed) > 300 {
		t.Errorf("32768 zeros compress to %d bytes only", len(packed))
	}
}

func TestDecompressFaults(t *testing.T) {
	block := func(size uint32, block string) []byte {
		return append(binary.LittleEndian.AppendUint32(nil, size), block...)
	}
	for _, test := range []struct {
		name string
		in   []byte
		max  int
		want string
		err  error
	}{
		{"nothing", nil, 100, "", ErrCompressed},
		{"three bytes", []byte{1, 0, 0}, 100, "", ErrCompressed},
		{"no block", block(0, ""), 100, "", ErrCompressed},
		{"over the limit", block(101, "\x10a"), 100, "", ErrTooLarge},
		{"far over the limit", block(1<<32-1, "\x10a"), 100, "", ErrTooLarge},
		{"negative limit", block(1, "\x10a"), -1, "", ErrTooLarge},
		{"longer than declared", block(1, "\x20ab"), 100, "", ErrCompressed},
		{"longer than nothing", block(0, "\x10a"), 100, "", ErrCompressed},
		{"shorter than declared", block(100, "\x20ab"), 100, "ab", nil},
		{"much longer than nothing", block(0, "000000000000000000"), 100, "", ErrCompressed},
		{"literals cut", block(100, "\x50ab"), 100, "", ErrCompressed},
		{"match before the start", block(100, "\x10a\x02\x00\x10b"), 100, "", ErrCompressed},
		{"match at distance 0", block(100, "\x10a\x00\x00\x10b"), 100, "", ErrCompressed},
		{"match", block(100, "\x10a\x01\x00\x10b"), 100, "aaaaab", nil},
	} {
		got, err := Decompress(nil, test.in, test.max)
		if string(got) != test.want || !errors.Is(err, test.err) {
			t.Errorf("%s: %q, %v, want %q, %v", test.name, got, err, test.want, test.err)
		}
	}
}

// TestDecompressReserves: a declared size is not believed before there are bytes for it.
func TestDecompressReserves(t *testing.T) {
	got, err := Decompress(nil, append(binary.LittleEndian.AppendUint32(nil, 1<<30), "\x10a"...), 1<<30)
	if err != nil || string(got) != "a" || cap(got) > 4096 {
		t.Errorf("Decompress = %q with room for %d, %v", got, cap(got), err)
	}
}

// TestDecompressCut: each prefix fails or gives a prefix of the data.
func TestDecompressCut(t *testing.T) {
	var c Compressor
	data := bytes.Repeat([]byte("a prefix of the data; "), 40)
	packed := c.Compress(nil, data)
	for n := range packed {
		got, err := Decompress(nil, packed[:n], len(data))
		if err == nil && !bytes.HasPrefix(data, got) {
			t.Errorf("%d of %d bytes decompress to %q", n, len(packed), got)
		}
	}
}

func FuzzDecompress(f *testing.F) {
	var c Compressor
	for _, data := range texts {
		if len(data) < 6000 {
			f.Add(c.Compress(nil, data))
		}
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		before := bytes.Clone(packed)
		got, err := Decompress(nil, packed, 65507)
		if !bytes.Equal(before, packed) {
			t.Fatal("the input was changed")
		}
		if err != nil {
			return
		}
		if len(got) > 65507 {
			t.Fatalf("%d bytes, over the limit", len(got))
		}
		if again, err := Decompress(nil, c.Compress(nil, got), len(got)); err != nil || !bytes.Equal(again, got) {
			t.Fatalf("does not come back: %v", err)
		}
	})
}
