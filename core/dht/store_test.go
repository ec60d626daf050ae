package dht

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/table"
	"github.com/voile-net/voile/core/wire"
	"github.com/voile-net/voile/platform/memory"
)

func openStore(t testing.TB, tables Tables, change func(*StoreConfig)) *Store {
	t.Helper()
	cfg := StoreConfig{Tables: tables, Kinds: crypto.DefaultKinds(), CacheSubkeys: 64}
	if change != nil {
		change(&cfg)
	}
	s, err := OpenStore(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fresh makes a store over new tables and an author of a record of n subkeys.
func fresh(t testing.TB, n uint16, change func(*StoreConfig)) (*Store, *memoryTables, *author) {
	t.Helper()
	tables := newMemoryTables()
	return openStore(t, tables, change), tables, newAuthor(t, newCrypto(t).Best(), DFLT(n))
}

func (a *author) put(s *Store, subkey, seq uint32, text string) {
	a.t.Helper()
	was := s.Seq(a.d.Key, subkey)
	if _, err := s.Put(a.d, t0, Change{subkey, a.value(subkey, seq, text), was}); err != nil {
		a.t.Fatal(err)
	}
}

func wantValue(t testing.TB, s *Store, key crypto.OpaqueRecordKey, subkey uint32, want string) {
	t.Helper()
	v, err := s.Get(t.Context(), key, subkey)
	if err != nil || text(v) != want {
		t.Errorf("subkey %d: %s, %v; want %s", subkey, text(v), err, want)
	}
}

func flush(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestStoreGetAndPut(t *testing.T) {
	s, tables, a := fresh(t, 3, nil)
	key := a.d.Key
	if _, err := s.Get(t.Context(), key, 0); !errors.Is(err, ErrNoRecord) {
		t.Errorf("no record: %v", err)
	}
	if s.Descriptor(key) != nil || s.Seq(key, 0) != wire.SeqNone {
		t.Error("a record out of nothing")
	}
	if seqs, d := s.Seqs(key, SubkeysOf(AllSubkeys(), MaxSubkeys)); seqs != nil || d != nil {
		t.Errorf("seqs of no record: %v", seqs)
	}
	if _, err := s.Put(a.d, t0); err != nil { // a record without a value
		t.Fatal(err)
	}
	wantValue(t, s, key, 2, "none")
	if _, err := s.Get(t.Context(), key, 3); !errors.Is(err, ErrRange) {
		t.Errorf("beyond the schema: %v", err)
	}
	a.put(s, 2, 5, "two")
	a.put(s, 0, 7, "zero")
	wantValue(t, s, key, 2, "two")
	wantValue(t, s, key, 0, "zero")

	for _, c := range []struct {
		name  string
		which []wire.SubkeyRange
		want  []uint32
	}{
		{"all", AllSubkeys(), []uint32{7, wire.SeqNone, 5}},
		{"some", []wire.SubkeyRange{{Start: 1, End: 9}}, []uint32{wire.SeqNone, 5}},
		{"none of it", []wire.SubkeyRange{{Start: 3, End: 9}}, []uint32{}},
	} {
		seqs, d := s.Seqs(key, SubkeysOf(c.which, MaxSubkeys))
		if !slices.Equal(seqs, c.want) || d != a.d {
			t.Errorf("%s: %v", c.name, seqs)
		}
	}
	// A write that does not know what it replaces is refused, and writes nothing.
	_, err := s.Put(a.d, t0, Change{1, a.value(1, 1, "one"), wire.SeqNone}, Change{2, a.value(2, 9, "no"), 4})
	if !errors.Is(err, ErrChanged) {
		t.Errorf("put on an old number: %v", err)
	}
	wantValue(t, s, key, 1, "none")
	wantValue(t, s, key, 2, "two")

	if tables.writes != 0 {
		t.Errorf("%d writes before a flush", tables.writes)
	}
	flush(t, s)
	flush(t, s)
	if tables.writes != 1 {
		t.Errorf("%d writes, want one", tables.writes)
	}
	if !s.Delete(key) || s.Delete(key) {
		t.Error("deleted more or less than once")
	}
	if _, err := s.Get(t.Context(), key, 0); !errors.Is(err, ErrNoRecord) {
		t.Errorf("after the removal: %v", err)
	}
	flush(t, s)
	if n := len(tables.rows[columnHeads]) + len(tables.rows[columnValues]); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	if st := s.Stats(); st != (StoreStats{}) {
		t.Errorf("something is left: %+v", st)
	}
}

func TestStoreDetail(t *testing.T) {
	s, tables, a := fresh(t, 1, nil)
	if err := s.SetDetail(a.d.Key, nil); !errors.Is(err, ErrNoRecord) {
		t.Errorf("without record: %v", err)
	}
	a.put(s, 0, 0, "x")
	detail := []byte("nodes")
	before := s.Stats().Bytes
	if err := s.SetDetail(a.d.Key, detail); err != nil {
		t.Fatal(err)
	}
	detail[0] = 'X'
	if got := s.Stats().Bytes - before; got != int64(len(detail)) {
		t.Errorf("counted %d bytes", got)
	}
	if err := s.SetDetail(a.d.Key, make([]byte, MaxDetail+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	flush(t, s)
	s = openStore(t, tables.crash(), nil)
	if got, ok := s.Detail(a.d.Key); !ok || string(got) != "nodes" {
		t.Errorf("detail %q, %v", got, ok)
	}
}

// What a crash leaves is what the last flush wrote: all of it, and nothing else.
func TestStoreCrash(t *testing.T) {
	s, tables, a := fresh(t, 3, nil)
	a.put(s, 0, 1, "kept")
	flush(t, s)
	want := s.Stats()
	a.put(s, 0, 2, "lost")
	a.put(s, 1, 0, "lost too")
	s = openStore(t, tables.crash(), nil)
	wantValue(t, s, a.d.Key, 0, "kept")
	wantValue(t, s, a.d.Key, 1, "none")
	if got := s.Stats(); got.Bytes != want.Bytes || got.Records != want.Records || got.Subkeys != want.Subkeys {
		t.Errorf("after the crash %+v, want %+v", got, want)
	}
	d := s.Descriptor(a.d.Key)
	if d == nil || !bytes.Equal(d.Schema.Compiled(), a.d.Schema.Compiled()) || d.Signed.Signature != a.d.Signed.Signature || d.Owner() != a.owner.Public {
		t.Errorf("descriptor %+v", d)
	}
}

// A table that fails loses nothing: the write is tried again, and reads go on.
func TestStoreFailingTables(t *testing.T) {
	s, tables, a := fresh(t, 2, func(c *StoreConfig) { c.CacheSubkeys = 1 })
	broken := errors.New("disk")
	tables.setFail(broken)
	a.put(s, 0, 0, "first")
	a.put(s, 1, 0, "second")
	if err := s.Flush(t.Context()); !errors.Is(err, broken) {
		t.Fatalf("flush: %v", err)
	}
	wantValue(t, s, a.d.Key, 0, "first") // not in the cache, and not on disk
	a.put(s, 0, 1, "newer")
	tables.setFail(nil)
	flush(t, s)
	tables.setFail(broken)
	if _, err := s.Get(t.Context(), a.d.Key, 1); !errors.Is(err, broken) {
		t.Errorf("get: %v", err)
	}
	tables.setFail(nil)
	s = openStore(t, tables.crash(), nil)
	wantValue(t, s, a.d.Key, 0, "newer")
	wantValue(t, s, a.d.Key, 1, "second")

	tables.setFail(broken)
	if _, err := OpenStore(t.Context(), StoreConfig{Tables: tables, Kinds: crypto.DefaultKinds()}); !errors.Is(err, broken) {
		t.Errorf("open: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	s.writer <- struct{}{}
	if err := s.Flush(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("flush behind another one: %v", err)
	}
	<-s.writer
}

func TestStoreDamage(t *testing.T) {
	s, tables, a := fresh(t, 4, nil)
	for i := range uint32(4) {
		a.put(s, i, 1, fmt.Sprint(i))
	}
	flush(t, s)
	rowKey := func(k uint32) string { return string(appendValueKey(nil, place{a.d.Key, k})) }

	cut := tables.crash()
	delete(cut.rows[columnValues], rowKey(0))
	cut.rows[columnValues][rowKey(1)] = []byte("short")
	cut.rows[columnValues][rowKey(2)] = bytes.Repeat([]byte{0xFF}, 200)
	s = openStore(t, cut, nil)
	for k, want := range []string{"none", "none", "none", "3"} {
		wantValue(t, s, a.d.Key, uint32(k), want)
	}
	if st := s.Stats(); st.Damaged != 3 || st.Subkeys != 1 {
		t.Errorf("%+v", st)
	}
	flush(t, s)
	again := openStore(t, cut.crash(), nil)
	if got := again.Stats(); got.Bytes != s.Stats().Bytes || got.Subkeys != 1 || len(cut.rows[columnValues]) != 1 {
		t.Errorf("after the repair %+v, %d rows", got, len(cut.rows[columnValues]))
	}

	cut = tables.crash()
	for k := range cut.rows[columnHeads] {
		cut.rows[columnHeads][k] = []byte{rowVersion, 1, 2}
	}
	cut.rows[columnHeads][rowKey(0)] = []byte{1} // no key of a record
	s = openStore(t, cut, nil)
	if n := len(cut.rows[columnHeads]) + len(cut.rows[columnValues]); n != 0 || s.Stats().Records != 0 || s.Stats().Damaged != 2 {
		t.Errorf("%d rows are left, %+v", n, s.Stats())
	}
}

// Every proper prefix of a head is refused, and so is one byte more.
func TestHeadCut(t *testing.T) {
	a := newAuthor(t, newCrypto(t).Best(), SMPL(1, memberKeys(2, 3)...))
	r := &record{descriptor: a.d, detail: []byte("detail"), touched: 77, entries: []entry{{1, 0, 100}, {9, 5, 3}}}
	row := appendHead(nil, r)
	if len(row) != headSize(a.d, len(r.detail), len(r.entries)) {
		t.Errorf("%d bytes, want %d", len(row), headSize(a.d, len(r.detail), len(r.entries)))
	}
	for i := range row {
		if _, err := parseHead(a.d.Key, row[:i]); !errors.Is(err, errRow) {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
	}
	if _, err := parseHead(a.d.Key, append(row, 0)); !errors.Is(err, errRow) {
		t.Errorf("one byte more: %v", err)
	}
	for _, c := range []struct {
		name    string
		entries []entry
	}{
		{"out of order", []entry{{1, 5, 1}, {1, 4, 1}}}, {"twice", []entry{{1, 5, 1}, {1, 5, 1}}},
		{"beyond the schema", []entry{{1, 7, 1}}}, {"never written", []entry{{wire.SeqNone, 1, 1}}},
	} {
		bad := *r
		bad.entries = c.entries
		if _, err := parseHead(a.d.Key, appendHead(nil, &bad)); !errors.Is(err, errRow) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func FuzzParseHead(f *testing.F) {
	a := newAuthor(f, newCrypto(f).Best(), SMPL(1, memberKeys(2, 3)...))
	f.Add(appendHead(nil, &record{descriptor: a.d, detail: []byte("detail"), entries: []entry{{1, 0, 100}, {9, 5, 3}}}))
	f.Add(appendHead(nil, &record{descriptor: newAuthor(f, newCrypto(f).Best(), DFLT(1)).d}))
	f.Fuzz(func(t *testing.T, row []byte) {
		before := bytes.Clone(row)
		r, err := parseHead(a.d.Key, row)
		if !bytes.Equal(row, before) {
			t.Fatal("parseHead changed its input")
		}
		if err == nil && !bytes.Equal(appendHead(nil, r), row) {
			t.Fatalf("%x became %x", row, appendHead(nil, r))
		}
	})
}

func FuzzParseValueRow(f *testing.F) {
	a := newAuthor(f, newCrypto(f).Best(), DFLT(1))
	f.Add(appendValueRow(nil, a.value(0, 3, "value")))
	f.Add(appendValueRow(nil, a.value(0, 0, "")))
	f.Fuzz(func(t *testing.T, row []byte) {
		before := bytes.Clone(row)
		v, err := parseValueRow(testDecoder, crypto.KindVLD0, row)
		if !bytes.Equal(row, before) {
			t.Fatal("parseValueRow changed its input")
		}
		if err != nil {
			return
		}
		// The blob is rebuilt, so a row that we did not write may change once.
		again, err := parseValueRow(testDecoder, crypto.KindVLD0, appendValueRow(nil, v))
		if err != nil || !SameValue(v, again) || v.Signature != again.Signature {
			t.Fatalf("%x: %v", row, err)
		}
	})
}

// A value that is read from disk while it is written anew must not hide the new one.
func TestStoreReadBesideWrite(t *testing.T) {
	s, tables, a := fresh(t, 2, func(c *StoreConfig) { c.CacheSubkeys = 1 })
	a.put(s, 0, 0, "old")
	a.put(s, 1, 0, "out of the cache")
	flush(t, s)
	for _, c := range []struct {
		name  string
		write func()
		want  string
	}{
		{"overwritten", func() { a.put(s, 0, 1, "new") }, "new"},
		{"removed and made again", func() { s.Delete(a.d.Key); a.put(s, 0, 1, "newest"); flush(t, s) }, "newest"},
	} {
		if _, err := s.Get(t.Context(), a.d.Key, 1); err != nil {
			t.Fatal(err)
		}
		flush(t, s)
		once := sync.Once{}
		tables.loaded = func() { once.Do(c.write) }
		v, err := s.Get(t.Context(), a.d.Key, 0)
		tables.loaded = nil
		if err != nil || text(v) != c.want {
			t.Errorf("%s: got %s, %v", c.name, text(v), err)
		}
		wantValue(t, s, a.d.Key, 0, c.want)
		a.put(s, 1, s.Seq(a.d.Key, 1)+1, "out of the cache")
		flush(t, s)
	}
	if st := s.Stats(); st.Damaged != 0 {
		t.Errorf("%d rows taken for damaged", st.Damaged)
	}
}

// modelStore compares a store with a map through random operations, crashes and
// reopenings. What was flushed last is what a crash leaves.
func modelStore(t *testing.T, tables Tables, crash func() Tables, seed uint64) {
	sys := newCrypto(t).Best()
	rng := rand.New(rand.NewPCG(seed, 1))
	type model map[crypto.OpaqueRecordKey]map[uint32]string
	clone := func(m model) model {
		c := make(model)
		for k, v := range m {
			c[k] = make(map[uint32]string)
			for s, x := range v {
				c[k][s] = x
			}
		}
		return c
	}
	small := func(c *StoreConfig) { c.CacheSubkeys = 3 }
	s := openStore(t, tables, small)
	now, durable := model{}, model{}
	authors := make([]*author, 6)
	for i := range authors {
		authors[i] = newAuthor(t, sys, DFLT(uint16(1+i)))
	}
	for step := range 600 {
		a := authors[rng.IntN(len(authors))]
		key := a.d.Key
		subkey := uint32(rng.IntN(a.d.Schema.Subkeys()))
		switch op := rng.IntN(20); {
		case op < 9:
			next, err := NextSeq(s.Seq(key, subkey))
			if err != nil {
				t.Fatal(err)
			}
			body := fmt.Sprintf("%d %s", step, long(rng.IntN(300)))
			a.put(s, subkey, next, body)
			if now[key] == nil {
				now[key] = make(map[uint32]string)
			}
			now[key][subkey] = body
		case op < 15:
			v, err := s.Get(t.Context(), key, subkey)
			want, ok := now[key][subkey]
			switch {
			case now[key] == nil:
				if !errors.Is(err, ErrNoRecord) {
					t.Fatalf("step %d: %v", step, err)
				}
			case err != nil || ok != (v != nil) || ok && text(v) != want:
				t.Fatalf("step %d: %s, %v; want %s", step, text(v), err, want)
			}
		case op < 16:
			if s.Delete(key) != (now[key] != nil) {
				t.Fatalf("step %d: delete", step)
			}
			delete(now, key)
		case op < 18:
			flush(t, s)
			durable = clone(now)
		case op < 19 && crash != nil:
			tables = crash()
			s = openStore(t, tables, small)
			now = clone(durable)
		default:
			if err := s.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			before := s.Stats()
			s = openStore(t, tables, small)
			after := s.Stats()
			if before.Bytes != after.Bytes || before.Records != after.Records || before.Subkeys != after.Subkeys {
				t.Fatalf("step %d: %+v, before %+v", step, after, before)
			}
			durable = clone(now)
		}
		records, subkeys := 0, 0
		for _, r := range now {
			records++
			subkeys += len(r)
		}
		if st := s.Stats(); st.Records != records || st.Subkeys != subkeys || st.Damaged != 0 {
			t.Fatalf("step %d: %+v, want %d records and %d subkeys", step, st, records, subkeys)
		}
	}
}

func TestStoreModel(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			tables := newMemoryTables()
			modelStore(t, tables, func() Tables { tables = tables.crash(); return tables }, seed)
		})
	}
}

// The same over the encrypted table store, as a node has it.
func TestStoreModelOnTableDB(t *testing.T) {
	c := newCrypto(t)
	kv := memory.NewKeyValueStore()
	defer kv.Close()
	key, err := c.Best().RandomSharedSecret()
	if err != nil {
		t.Fatal(err)
	}
	st, _, err := table.Open(t.Context(), table.Config{KeyValueStore: kv, Crypto: c, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	db, err := st.OpenOwn(t.Context(), "records", Columns)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	modelStore(t, TableDB{db}, nil, 1)
}

func TestStoreConcurrent(t *testing.T) {
	s, _, _ := fresh(t, 1, func(c *StoreConfig) { c.MaxRecords, c.CacheSubkeys = 4, 4 })
	sys := newCrypto(t).Best()
	var authors []*author
	var values [][]*wire.SignedValueData
	for range 6 {
		a := newAuthor(t, sys, DFLT(2))
		authors = append(authors, a)
		var list []*wire.SignedValueData
		for seq := range uint32(50) {
			list = append(list, a.value(0, seq, fmt.Sprint(seq)))
		}
		values = append(values, list)
	}
	ctx := t.Context()
	var wg sync.WaitGroup
	for i, a := range authors {
		wg.Go(func() {
			for _, v := range values[i] {
				_, err := s.Put(a.d, t0, Change{0, v, s.Seq(a.d.Key, 0)})
				if err != nil && !errors.Is(err, ErrChanged) {
					t.Error(err)
				}
				if err := s.Flush(ctx); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for range 200 {
				v, err := s.Get(ctx, a.d.Key, 0)
				if err != nil && !errors.Is(err, ErrNoRecord) {
					t.Error(err)
				}
				if v != nil && v.Value.Writer != a.owner.Public {
					t.Error("a value of another record")
				}
				s.Seqs(a.d.Key, Subkeys{1})
			}
		})
	}
	wg.Wait()
	if st := s.Stats(); st.Records > 4 || st.Damaged != 0 || st.PendingBytes != 0 {
		t.Errorf("%+v", st)
	}
}
