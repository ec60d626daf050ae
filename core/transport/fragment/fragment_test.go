package fragment

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

type vector struct {
	Name      string
	Datagrams []string
	Expect    struct {
		Sequence    uint16
		TotalLength int
		Sizes       []int
		Offsets     []int
		Message     string
	}
}

func vectors(t testing.TB) []vector {
	t.Helper()
	raw, err := os.ReadFile("testdata/udp-fragments.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []vector }
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	file.Vectors = slices.DeleteFunc(file.Vectors, func(v vector) bool {
		return len(v.Datagrams) == 1 && v.Datagrams[0] == "" // a hole punch is no fragment
	})
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

// split cuts what Append made into datagrams.
func split(b []byte, size int) (ds [][]byte) {
	for len(b) > 0 {
		n := min(size, len(b))
		ds = append(ds, b[:n])
		b = b[n:]
	}
	return ds
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		msg := unhex(t, v.Expect.Message)
		var joined []byte
		for i, d := range v.Datagrams {
			b := unhex(t, d)
			joined = append(joined, b...)
			h, chunk, err := Parse(b)
			if err != nil || h.Sequence != v.Expect.Sequence || int(h.Total) != v.Expect.TotalLength || int(h.Offset) != v.Expect.Offsets[i] || len(chunk)+HeaderSize != v.Expect.Sizes[i] {
				t.Errorf("%s, datagram %d: %+v, chunk of %d, %v", v.Name, i, h, len(chunk), err)
			}
		}
		size := v.Expect.Sizes[0]
		got := Append(nil, v.Expect.Sequence, msg, size)
		if !bytes.Equal(got, joined) {
			t.Errorf("%s: Append differs", v.Name)
		}
	}
}

// TestSpecExamples are the examples of spec 02 §2.1.
func TestSpecExamples(t *testing.T) {
	if got := hex.EncodeToString(Append(nil, 0, []byte("BOOT"), 1200)); got != "0100000000000004424f4f54" {
		t.Errorf("BOOT: %s", got)
	}
	ds := split(Append(nil, 7, make([]byte, 3000), 1200), 1200)
	want := []struct {
		header string
		chunk  int
	}{{"0100000700000bb8", 1192}, {"0100000704a80bb8", 1192}, {"0100000709500bb8", 616}}
	if len(ds) != len(want) {
		t.Fatalf("%d datagrams, want %d", len(ds), len(want))
	}
	for i, w := range want {
		if got := hex.EncodeToString(ds[i][:8]); got != w.header || len(ds[i]) != 8+w.chunk {
			t.Errorf("datagram %d: %s + %d, want %s + %d", i, got, len(ds[i])-8, w.header, w.chunk)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	good := unhex(t, "0100000000000004424f4f54")
	for n := range good {
		if h, _, err := Parse(good[:n]); n <= HeaderSize && !errors.Is(err, ErrHeader) || n > HeaderSize && (err != nil || h.Total != 4) {
			t.Errorf("prefix of %d: %v", n, err)
		}
	}
	for name, in := range map[string]string{
		"one byte more":         "0100000000000004424f4f5400",
		"version 0":             "0000000000000004424f4f54",
		"version 2":             "0200000000000004424f4f54",
		"offset at the end":     "0100000000040004424f4f54",
		"beyond the end":        "0100000000010004424f4f54",
		"total 0":               "0100000000000000424f4f54",
		"total beyond the most": "010000000000ffe4424f4f54",
		"too large":             "010000000000ffff" + strings.Repeat("00", 65528),
	} {
		if _, _, err := Parse(unhex(t, in)); !errors.Is(err, ErrHeader) {
			t.Errorf("%s: %v, want ErrHeader", name, err)
		}
	}
	if _, _, err := Parse(unhex(t, "01ff000000000004424f4f54")); err != nil {
		t.Errorf("reserved byte set: %v", err)
	}
}
