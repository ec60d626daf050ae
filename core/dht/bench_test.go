package dht

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// 100,000 subkeys in as many records, the worst case, leave room in 150 MB for
// everything else. What is measured is the heap that the store adds.
func TestMemoryOfManySubkeys(t *testing.T) {
	if testing.Short() {
		t.Skip("fills a store")
	}
	for _, c := range []struct {
		name             string
		records, subkeys int
		most             uint64 // MB
	}{
		{"one subkey in each record", 100_000, 1, 90},
		{"100 subkeys in each record", 1000, 100, 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openStore(t, discard{}, func(c *StoreConfig) { c.CacheSubkeys, c.CacheBytes = 1024, 8<<20 })
			sys := newCrypto(t).Best()
			a := newAuthor(t, sys, DFLT(uint16(c.subkeys)))
			v := a.value(0, 0, long(100))
			before := heap()
			for n := range c.records {
				d := *a.d
				d.Key.Value = [32]byte{byte(n), byte(n >> 8), byte(n >> 16)}
				signed := *a.d.Signed
				signed.SchemaData = a.d.Schema.Compiled()
				d.Signed = &signed
				for k := range c.subkeys {
					if _, err := s.Put(&d, t0, Change{uint32(k), v, wire.SeqNone}); err != nil {
						t.Fatal(err)
					}
				}
				if err := s.Settle(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			flush(t, s)
			used := (heap() - before) >> 20
			if st := s.Stats(); st.Subkeys != 100_000 {
				t.Fatalf("%+v", st)
			}
			t.Logf("%d MB", used)
			if used > c.most {
				t.Errorf("%d MB, want at most %d", used, c.most)
			}
			runtime.KeepAlive(s)
		})
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A lookup that needs no disk allocates nothing.
func TestLookupAllocations(t *testing.T) {
	s, _, a := fresh(t, 4, nil)
	a.put(s, 1, 0, "x")
	ctx := t.Context()
	for name, f := range map[string]func(){
		"get":        func() { _, _ = s.Get(ctx, a.d.Key, 1) },
		"seq":        func() { s.Seq(a.d.Key, 1) },
		"descriptor": func() { s.Descriptor(a.d.Key) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkServer(b *testing.B) {
	w := newWorld(b, func(_ *ServerConfig, c *StoreConfig) { c.Tables = discard{} })
	ctx := b.Context()
	a := w.author(DFLT(32))
	body := long(1024)
	for k := range uint32(32) {
		w.mustSet(a, k, 0, body, way(0))
	}
	answer := func(b *testing.B, q wire.QuestionDetail) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := w.AnswerAt(ctx, question(q), t0); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("get 1 KiB", func(b *testing.B) {
		answer(b, &wire.GetValueQ{Key: a.d.Key, Subkey: 3, WantDescriptor: true, MaxPeers: 20})
	})
	b.Run("inspect 32", func(b *testing.B) {
		answer(b, &wire.InspectValueQ{Key: a.d.Key, Subkeys: AllSubkeys(), MaxPeers: 20})
	})
	b.Run("set same 1 KiB", func(b *testing.B) {
		answer(b, &wire.SetValueQ{Key: a.d.Key, Subkey: 3, Value: a.value(3, 0, body), MaxPeers: 20})
	})
	for _, size := range []int{1024, 32768} {
		b.Run(fmt.Sprintf("set new %d KiB", size>>10), func(b *testing.B) {
			a := w.author(DFLT(1))
			values := make([]*wire.SignedValueData, 512)
			for i := range values {
				values[i] = a.value(0, uint32(i), long(size))
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; i < b.N; i++ {
				if i%len(values) == 0 {
					w.store.Delete(a.d.Key)
				}
				q := &wire.SetValueQ{Key: a.d.Key, Value: values[i%len(values)], Descriptor: a.d.Signed, MaxPeers: 20}
				if _, err := w.AnswerAt(ctx, question(q), t0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// discard takes everything and has nothing.
type discard struct{ *memoryTables }

func (discard) Each(context.Context, uint32, func(key, value []byte) error) error { return nil }
func (discard) Write(context.Context, []Row) error                                { return nil }

func BenchmarkVerifyValue(b *testing.B) {
	sys := newCrypto(b).Best()
	a := newAuthor(b, sys, DFLT(1))
	v := a.value(0, 0, long(1024))
	b.ReportAllocs()
	for b.Loop() {
		if err := a.d.CheckValue(sys, 0, v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyDescriptor(b *testing.B) {
	sys := newCrypto(b).Best()
	a := newAuthor(b, sys, DFLT(1))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := VerifyDescriptor(sys, a.d.Key, a.d.Signed); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStoreOpen(b *testing.B) {
	tables := newMemoryTables()
	s := openStore(b, tables, nil)
	a := newAuthor(b, newCrypto(b).Best(), DFLT(1))
	for n := range 10_000 {
		d := *a.d
		d.Key.Value = [32]byte{byte(n), byte(n >> 8), 1}
		if _, err := s.Put(&d, t0, Change{0, a.value(0, 0, "x"), wire.SeqNone}); err != nil {
			b.Fatal(err)
		}
	}
	flush(b, s)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := OpenStore(b.Context(), StoreConfig{Tables: tables, Kinds: crypto.DefaultKinds()}); err != nil {
			b.Fatal(err)
		}
	}
}
