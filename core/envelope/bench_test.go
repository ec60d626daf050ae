package envelope

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/voile-net/voile/core/crypto"
)

// benchBodies are like packed RPC messages: half noise, half repeated structure.
func benchBodies() map[string][]byte {
	bodies := map[string][]byte{}
	for _, n := range []int{200, 1024, 32768} {
		body := make([]byte, n)
		rand.NewChaCha8([32]byte{1}).Read(body)
		for i := 0; i+128 <= n; i += 128 {
			copy(body[i:i+64], body[:64])
		}
		bodies[fmt.Sprintf("%d", n)] = body
	}
	return bodies
}

func BenchmarkSeal(b *testing.B) {
	for name, body := range benchBodies() {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b, NetworkKey{})
			dst := make([]byte, 0, MaxSize)
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for at := crypto.Timestamp(1); b.Loop(); at++ {
				if _, err := w.codec.Seal(dst, w.a, w.b.NodeID(), at, body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkOpen is all that a recipient does: parse, verify, decrypt, decompress.
func BenchmarkOpen(b *testing.B) {
	for name, body := range benchBodies() {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b, NetworkKey{})
			msg, err := w.codec.Seal(nil, w.a, w.b.NodeID(), 1, body)
			if err != nil {
				b.Fatal(err)
			}
			dst := make([]byte, 0, MaxSize)
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				e, err := w.codec.Parse(msg)
				if err != nil {
					b.Fatal(err)
				}
				got, err := w.codec.Open(dst, &e, w.b)
				if err != nil || len(got) != len(body) {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParseHeader(b *testing.B) {
	w := newWorld(b, NetworkKey{})
	msg := unhex(b, plainVector)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.codec.ParseHeader(msg); err != nil {
			b.Fatal(err)
		}
	}
}

// TestAllocations keeps the hot path free of garbage. Seal: what crypto/ed25519
// allocates for the signature. Open: nothing.
func TestAllocations(t *testing.T) {
	w := newWorld(t, NetworkKey{})
	body := bytes.Repeat([]byte("body"), 300)
	dst, out := make([]byte, 0, MaxSize), make([]byte, 0, MaxSize)
	var msg []byte
	var err error
	seal := testing.AllocsPerRun(100, func() {
		if msg, err = w.codec.Seal(dst, w.a, w.b.NodeID(), 1, body); err != nil {
			t.Fatal(err)
		}
	})
	open := testing.AllocsPerRun(100, func() {
		e, err := w.codec.Parse(msg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.codec.Open(out, &e, w.b); err != nil {
			t.Fatal(err)
		}
	})
	if seal > 2 || open > 2 {
		t.Errorf("Seal allocates %v times, Open %v times; want at most 2", seal, open)
	}
}
