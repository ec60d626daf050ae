package vlframe

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"
)

type vector struct {
	Hex    string
	Expect struct {
		Length  int
		Message string
	}
}

func vectors(t testing.TB) []vector {
	t.Helper()
	raw, err := os.ReadFile("testdata/tcp-frames.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []vector }
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) == 0 {
		t.Fatal("no vectors")
	}
	return file.Vectors
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		frame, want := unhex(t, v.Hex), unhex(t, v.Expect.Message)
		msg, used, need, err := Next(frame)
		if err != nil || need != 0 || used != len(frame) || !bytes.Equal(msg, want) || len(msg) != v.Expect.Length {
			t.Errorf("Next: %d bytes, used %d, need %d, %v; want %d bytes", len(msg), used, need, err, len(want))
		}
		if got := Append(nil, want); !bytes.Equal(got, frame) {
			t.Errorf("Append: %x\nwant %x", got, frame)
		}
		for n := range frame { // cut
			msg, used, need, err := Next(frame[:n])
			if msg != nil || used != 0 || need <= n || need > len(frame) || err != nil {
				t.Fatalf("Next of %d of %d bytes: used %d, need %d, %v", n, len(frame), used, need, err)
			}
		}
	}
}

func TestNext(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   []byte
		used int
		need int
		err  error
	}{
		{"nothing", nil, 0, 4, nil},
		{"empty message", []byte("VL\x00\x00rest"), 4, 0, nil},
		{"largest", Append(nil, make([]byte, MaxMessage)), 4 + MaxMessage, 0, nil},
		{"too long by one", []byte("VL\xe4\xff"), 0, 0, ErrLength},
		{"longest", []byte("VL\xff\xff"), 0, 0, ErrLength},
		{"first byte wrong", []byte("X"), 0, 0, ErrMagic},
		{"second byte wrong", []byte("VX"), 0, 0, ErrMagic},
	} {
		msg, used, need, err := Next(tt.in)
		if used != tt.used || need != tt.need || !errors.Is(err, tt.err) || used > 0 && len(msg) != used-4 {
			t.Errorf("%s: used %d, need %d, %v; want %d, %d, %v", tt.name, used, need, err, tt.used, tt.need, tt.err)
		}
	}
}

func FuzzNext(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(unhex(f, v.Hex))
	}
	f.Add([]byte("VL\x00\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		before := bytes.Clone(in)
		msg, used, need, err := Next(in)
		if !bytes.Equal(in, before) {
			t.Fatal("Next changed its input")
		}
		switch {
		case err != nil && (used != 0 || need != 0), err == nil && (used == 0) == (need == 0), need > 0 && need <= len(in):
			t.Fatalf("used %d, need %d, %v of %d", used, need, err, len(in))
		case used > 0 && !bytes.Equal(Append(nil, msg), in[:used]):
			t.Fatal("does not encode back")
		}
	})
}
