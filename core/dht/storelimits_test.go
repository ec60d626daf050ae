package dht

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// A disk that does not take anything makes the writers stop, not the memory grow.
func TestStorePendingIsBounded(t *testing.T) {
	s, tables, _ := fresh(t, 1, nil)
	tables.setFail(errors.New("disk"))
	sys := newCrypto(t).Best()
	refused := false
	for range 5 * maxPending / MaxRecordSize {
		a := newAuthor(t, sys, DFLT(32))
		v := a.value(0, 0, long(MaxValueSize))
		for k := range uint32(32) {
			if _, err := s.Put(a.d, t0, Change{k, v, wire.SeqNone}); err != nil {
				refused = errors.Is(err, ErrFull)
			}
			if err := s.Settle(t.Context()); err == nil && s.Stats().PendingBytes >= maxPending {
				t.Fatal("nobody tried to write")
			}
		}
	}
	if !refused || s.Stats().PendingBytes > 3*maxPending {
		t.Errorf("%d bytes are pending", s.Stats().PendingBytes)
	}
}

// The record used last stays; what uses it is in the table.
func TestStoreEviction(t *testing.T) {
	sys := newCrypto(t).Best()
	for _, c := range []struct {
		name string
		use  func(s *Store, a *author)
	}{
		{"get", func(s *Store, a *author) { wantValue(t, s, a.d.Key, 0, "x") }},
		{"set", func(s *Store, a *author) { a.put(s, 0, 9, "y") }},
		{"inspect", func(s *Store, a *author) { s.Seqs(a.d.Key, Subkeys{}) }},
		{"descriptor", func(s *Store, a *author) { s.Descriptor(a.d.Key) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openStore(t, newMemoryTables(), func(c *StoreConfig) { c.MaxRecords = 3 })
			var list []*author
			for range 3 {
				a := newAuthor(t, sys, DFLT(1))
				a.put(s, 0, 0, "x")
				list = append(list, a)
			}
			c.use(s, list[0])
			more := newAuthor(t, sys, DFLT(1))
			evicted, err := s.Put(more.d, t0, Change{0, more.value(0, 0, "x"), wire.SeqNone})
			if err != nil || !slices.Equal(evicted, []crypto.OpaqueRecordKey{list[1].d.Key}) {
				t.Errorf("evicted %v, %v", evicted, err)
			}
			want := []crypto.OpaqueRecordKey{more.d.Key, list[0].d.Key, list[2].d.Key}
			if got := s.Keys(); !slices.Equal(got, want) {
				t.Errorf("kept %v, want %v", got, want)
			}
		})
	}
}

func TestStoreSpace(t *testing.T) {
	sys := newCrypto(t).Best()
	tables := newMemoryTables()
	const most = 100_000
	s := openStore(t, tables, func(c *StoreConfig) { c.MaxBytes = most })
	var authors []*author
	for i := range 12 {
		a := newAuthor(t, sys, DFLT(4))
		evicted, err := s.Put(a.d, t0.Add(time.Duration(i)*time.Second), Change{1, a.value(1, 0, long(10_000)), wire.SeqNone})
		if err != nil {
			t.Fatal(err)
		}
		if want := max(0, i-8) > 0; (len(evicted) > 0) != want {
			t.Errorf("record %d evicted %d", i, len(evicted))
		}
		authors = append(authors, a)
		if got := s.Stats().Bytes; got > most {
			t.Fatalf("%d bytes", got)
		}
	}
	// A record may grow at the cost of all others, but not of itself.
	last := authors[11]
	for k := range uint32(4) {
		v := last.value(k, 1, long(30_000))
		evicted, err := s.Put(last.d, t0, Change{k, v, s.Seq(last.d.Key, k)})
		if k < 3 && err != nil {
			t.Fatal(err)
		}
		if k == 3 && (!errors.Is(err, ErrFull) || len(evicted) > 0) {
			t.Errorf("more than fits: %v", err)
		}
	}
	flush(t, s)
	kept := s.Keys()
	s = openStore(t, tables.crash(), func(c *StoreConfig) { c.MaxBytes = most })
	if len(kept) != s.Stats().Records || s.Stats().Bytes > most {
		t.Errorf("%+v, want %d records", s.Stats(), len(kept))
	}
	// A smaller limit applies when the store is opened.
	s = openStore(t, tables.crash(), func(c *StoreConfig) { c.MaxBytes = 10 })
	if st := s.Stats(); st.Records != 0 || st.Bytes != 0 {
		t.Errorf("%+v", st)
	}
	// The order survives, by the time of the last write.
	tables = newMemoryTables()
	s = openStore(t, tables, nil)
	for _, i := range []int{2, 0, 1} {
		a := authors[i]
		if _, err := s.Put(a.d, t0.Add(time.Duration(i)*time.Second), Change{0, a.value(0, 0, "x"), wire.SeqNone}); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, s)
	s = openStore(t, tables, nil)
	if got := s.Purge(s.Stats().Bytes/2, func(k crypto.OpaqueRecordKey) bool { return k == authors[1].d.Key }); len(got) != 2 || got[0] != authors[0].d.Key || got[1] != authors[2].d.Key {
		t.Errorf("purged %v", got)
	}
}

func TestStoreCacheLimits(t *testing.T) {
	s, tables, a := fresh(t, 32, func(c *StoreConfig) { c.CacheSubkeys, c.CacheBytes = 8, 20_000 })
	for k := range uint32(32) {
		a.put(s, k, 0, long(3000))
	}
	flush(t, s)
	if st := s.Stats(); st.Cached == 0 || st.CachedBytes > 20_000 || st.Cached > 6 {
		t.Errorf("%+v", st)
	}
	a.put(s, 0, 1, long(30_000)) // larger than the cache
	flush(t, s)
	loads := tables.loads
	wantValue(t, s, a.d.Key, 0, long(30_000))
	if tables.loads != loads+1 {
		t.Error("came from the cache")
	}
	wantValue(t, s, a.d.Key, 31, long(3000))
	if tables.loads != loads+1 {
		t.Error("did not come from the cache")
	}
}
