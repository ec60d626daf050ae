package dht

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/rpc"
	"github.com/voile-net/voile/core/wire"
)

// inFabric runs a test in a network of n nodes.
func inFabric(t *testing.T, n int, test func(t *testing.T, f *fabric)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t, 7, n)
		defer f.close()
		test(t, f)
	})
}

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (m *fabricNode) create(subkeys uint16) crypto.RecordKey {
	m.f.t.Helper()
	r := must(m.client.Create(context.Background(), crypto.KindVLD0, DFLT(subkeys), nil, plainSafety))(m.f.t)
	return r.Key
}

// share opens a record of another node's with its writer.
func (m *fabricNode) share(from *fabricNode, key crypto.RecordKey) {
	m.f.t.Helper()
	writer := from.writer(key)
	must(m.client.Open(context.Background(), key, &writer, OpenOptions{}, plainSafety))(m.f.t)
}

func (m *fabricNode) writer(key crypto.RecordKey) crypto.KeyPair {
	m.client.mu.Lock()
	defer m.client.mu.Unlock()
	return *m.client.records[key.Opaque].open.writer
}

func (m *fabricNode) set(key crypto.RecordKey, subkey uint32, data string) *Value {
	m.f.t.Helper()
	return must(m.client.Set(context.Background(), key, subkey, []byte(data), SetOptions{}))(m.f.t)
}

func (m *fabricNode) get(key crypto.RecordKey, subkey uint32) *Value {
	m.f.t.Helper()
	return must(m.client.Get(context.Background(), key, subkey, true))(m.f.t)
}

func (m *fabricNode) offline(key crypto.RecordKey) [][2]uint32 {
	m.f.t.Helper()
	return rangesText(must(m.client.Inspect(context.Background(), key, nil, ScopeLocal))(m.f.t).Offline)
}

func wantKind(t testing.TB, what string, err error, kind ErrorKind) {
	t.Helper()
	if KindOf(err) != kind {
		t.Errorf("%s: %v, want %s", what, err, kind)
	}
}

func TestSetReachesTheNearestNodes(t *testing.T) {
	inFabric(t, 24, func(t *testing.T, f *fabric) {
		a, b := f.nodes[0], f.nodes[1]
		a.startClient()
		b.startClient()
		key := a.create(2)
		if v := a.set(key, 1, "hello"); v != nil {
			t.Fatalf("set: %s", textOf(v))
		}
		seqs := f.seqsAt(key.Opaque, 1)
		if n := holding(seqs[:11], 0); n < 5 {
			t.Errorf("%d of the nearest nodes hold the value: %v", n, seqs)
		}
		if n := holding(seqs[11:], 0); n > 0 {
			t.Errorf("%d nodes hold it that are too far away", n)
		}
		must(b.client.Open(context.Background(), key, nil, OpenOptions{}, plainSafety))(t)
		if v := b.get(key, 1); textOf(v) != "hello" || v.Seq != 0 {
			t.Errorf("read %s", textOf(v))
		}
		if v := b.get(key, 0); v != nil {
			t.Errorf("never written: %s", textOf(v))
		}
		// What nodes store is not what was written.
		for _, m := range f.nodes {
			if v, err := m.server.cfg.Store.Get(t.Context(), key.Opaque, 1); err == nil && v != nil && string(v.Value.Data) == "hello" {
				t.Error("stored in the clear")
			}
		}
		if n := len(must(b.client, error(nil))(t).remembered(key.Opaque)); n < 3 {
			t.Errorf("%d nodes remembered", n)
		}
	})
}

func TestConflictingWritersEndInTheSame(t *testing.T) {
	inFabric(t, 16, func(t *testing.T, f *fabric) {
		a, b := f.nodes[0], f.nodes[1]
		a.startClient()
		b.startClient()
		key := a.create(1)
		a.set(key, 0, "first")
		b.share(a, key)
		b.get(key, 0)
		for round := range 5 {
			done := make(chan struct{})
			for _, m := range []*fabricNode{a, b} {
				go func() {
					defer func() { done <- struct{}{} }()
					data := fmt.Appendf(nil, "%d by %d", round, m.n)
					for try := 0; try < 20; try++ { // as an application that insists
						v, err := m.client.Set(context.Background(), key, 0, data, SetOptions{NoOffline: true})
						if err == nil && v == nil {
							return
						}
						time.Sleep(time.Duration(m.n*try) * 50 * time.Millisecond)
					}
					t.Errorf("round %d: node %d never won", round, m.n)
				}()
			}
			<-done
			<-done
			x, y := a.get(key, 0), b.get(key, 0)
			if x == nil || y == nil || x.Seq != y.Seq || textOf(x) != textOf(y) {
				t.Fatalf("round %d: %d %s and %d %s", round, x.Seq, textOf(x), y.Seq, textOf(y))
			}
		}
	})
}

func TestOfflineWrites(t *testing.T) {
	inFabric(t, 12, func(t *testing.T, f *fabric) {
		a, b := f.nodes[0], f.nodes[1]
		a.startClient()
		b.startClient()
		key := a.create(8)
		writer := a.writer(key)
		a.setReady(false)
		for k := range uint32(8) {
			a.set(key, k, fmt.Sprintf("offline %d", k))
		}
		_, err := a.client.Set(t.Context(), key, 0, []byte("x"), SetOptions{NoOffline: true})
		wantKind(t, "set that must not wait", err, TryAgain)
		if got := a.offline(key); len(got) != 1 || got[0] != [2]uint32{0, 7} {
			t.Errorf("offline subkeys %v", got)
		}
		if ok := must(a.client.Flush(t.Context(), key, 3*time.Second))(t); ok {
			t.Error("flushed without a network")
		}
		a.crashClient()
		a.setReady(true)
		must(a.client.Open(t.Context(), key, &writer, OpenOptions{NoRehydrate: true}, plainSafety))(t)
		if ok := must(a.client.Flush(t.Context(), key, time.Minute))(t); !ok {
			t.Fatal("not written after the restart")
		}
		must(b.client.Open(t.Context(), key, nil, OpenOptions{}, plainSafety))(t)
		for k := range uint32(8) {
			if v := b.get(key, k); textOf(v) != fmt.Sprintf("offline %d", k) {
				t.Errorf("subkey %d: %s", k, textOf(v))
			}
		}
		// Nobody to be reached: the write waits too, though the node thinks itself online.
		a.setPart(1)
		if v := a.set(key, 0, "alone"); v != nil {
			t.Errorf("set: %s", textOf(v))
		}
		_, err = a.client.Set(t.Context(), key, 1, []byte("x"), SetOptions{NoOffline: true})
		wantKind(t, "set that must not wait", err, TryAgain)
		if len(a.offline(key)) != 1 {
			t.Error("the write does not wait")
		}
		a.setPart(0)
		if ok := must(a.client.Flush(t.Context(), key, time.Minute))(t); !ok {
			t.Fatal("not written")
		}
		if v := b.get(key, 0); textOf(v) != "alone" {
			t.Errorf("read %s", textOf(v))
		}
	})
}

func TestFewHoldersAreNotEnough(t *testing.T) {
	inFabric(t, 10, func(t *testing.T, f *fabric) {
		a := f.nodes[0]
		a.startClient()
		key := a.create(1)
		near := f.nearest(key.Opaque, a)
		for _, m := range near[2:] {
			m.setDown(true)
		}
		if v := a.set(key, 0, "x"); v != nil {
			t.Fatalf("set: %s", textOf(v))
		}
		if len(a.offline(key)) == 0 {
			t.Error("two nodes are enough")
		}
		near[2].setDown(false)
		if ok := must(a.client.Flush(t.Context(), key, time.Minute))(t); !ok {
			t.Error("three nodes are not enough")
		}
	})
}

func TestRehydration(t *testing.T) {
	inFabric(t, 12, func(t *testing.T, f *fabric) {
		a, b := f.nodes[0], f.nodes[1]
		a.startClient()
		b.startClient()
		key := a.create(3)
		writer := a.writer(key)
		a.set(key, 0, "zero")
		a.set(key, 2, "two")
		a.crashClient()
		for _, m := range f.nodes { // everybody forgets
			m.tables = newMemoryTables()
			m.startServer()
		}
		must(a.client.Open(t.Context(), key, nil, OpenOptions{}, plainSafety))(t)
		time.Sleep(30 * time.Second)
		if n := holding(f.seqsAt(key.Opaque, 2), 0); n < 5 {
			t.Errorf("%d nodes hold the value again", n)
		}
		must(b.client.Open(t.Context(), key, nil, OpenOptions{}, plainSafety))(t)
		if v := b.get(key, 0); textOf(v) != "zero" || v.Writer != writer.Public {
			t.Errorf("read %s", textOf(v))
		}
	})
}

func TestLocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lockTable
		key := crypto.OpaqueRecordKey{Kind: crypto.KindVLD0}
		ctx, yielded, ok := l.try(t.Context(), key, 3)
		if !ok {
			t.Fatal("a free lock is not to be had")
		}
		if _, _, ok := l.try(t.Context(), key, 3); ok {
			t.Fatal("taken twice")
		}
		_, other, ok := l.try(t.Context(), key, 4)
		if !ok {
			t.Fatal("another subkey is not free")
		}
		order := make(chan string, 3)
		go func() {
			unlock := must(l.lock(t.Context(), key, 3))(t)
			order <- "subkey"
			time.Sleep(time.Second)
			unlock()
		}()
		synctest.Wait()
		if ctx.Err() == nil {
			t.Error("background work was not told to make way")
		}
		go func() {
			unlock := must(l.lock(t.Context(), key, wholeRecord))(t)
			order <- "whole"
			unlock()
		}()
		synctest.Wait()
		go func() {
			unlock := must(l.lock(t.Context(), key, 7))(t)
			order <- "late"
			unlock()
		}()
		synctest.Wait()
		if _, _, ok := l.try(t.Context(), key, 9); ok {
			t.Error("background work overtakes who waits")
		}
		short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := l.lock(short, key, 3); KindOf(err) != Timeout {
			t.Errorf("lock without time: %v", err)
		}
		yielded()
		time.Sleep(5 * time.Second)
		if got := <-order; got != "subkey" {
			t.Errorf("first %s", got)
		}
		select {
		case got := <-order:
			t.Errorf("%s overtook", got)
		default:
		}
		other()
		if a, b := <-order, <-order; a != "whole" || b != "late" {
			t.Errorf("then %s, %s", a, b)
		}
		synctest.Wait()
		if len(l.records) != 0 {
			t.Errorf("%d locks are left", len(l.records))
		}
	})
}

func TestTally(t *testing.T) {
	c := newCrypto(t)
	a := newAuthor(t, c.Best(), DFLT(1))
	node := func(n byte) crypto.NodeID {
		id := crypto.NodeID{Kind: crypto.KindVLD0, Value: a.d.Key.Value}
		id.Value[0] ^= n
		return id
	}
	x, y, z := a.value(0, 1, "x"), a.value(0, 1, "y"), a.value(0, 2, "z")
	tests := []struct {
		name      string
		prior     *wire.SignedValueData
		seen      []*wire.SignedValueData // by nodes 1, 2, ...
		want      *wire.SignedValueData
		relation  relation
		contested bool
	}{
		{"one", nil, []*wire.SignedValueData{x}, x, newest, false},
		{"the same twice", nil, []*wire.SignedValueData{x, x}, x, same, false},
		{"newer", x, []*wire.SignedValueData{z}, z, newest, false},
		{"older", z, []*wire.SignedValueData{x}, z, older, false},
		{"nearer of as many", nil, []*wire.SignedValueData{x, y}, x, rivalled, true},
		{"more", nil, []*wire.SignedValueData{x, y, y}, y, winning, true},
		{"one that somebody has beats one that nobody has", x, []*wire.SignedValueData{y}, y, winning, false},
		{"a newer one settles it", nil, []*wire.SignedValueData{x, y, z}, z, newest, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tl := tally{key: a.d.Key}
			tl.begin(test.prior)
			var r relation
			for i, v := range test.seen {
				r = tl.holds(v, node(byte(i+1)))
			}
			if tl.best != test.want || r != test.relation || tl.contested() != test.contested {
				t.Errorf("best %s, %d, contested %v", text(tl.best), r, tl.contested())
			}
		})
	}
}

func TestDetail(t *testing.T) {
	key := crypto.OpaqueRecordKey{Kind: crypto.KindVLD0, Value: [32]byte{1}}
	pair := newPair(t, newCrypto(t).Best())
	d := detail{safety: plainSafety, agree: 5, set: []crypto.OpaqueRecordKey{key, {Kind: crypto.KindVLD0, Value: [32]byte{2}}}, setSigner: &pair}
	d.offline.Add(7)
	d.rehydrate.Add(1023)
	for n := range 13 {
		var s Subkeys
		s.Add(uint32(n))
		d.remember(key, []crypto.NodeID{{Kind: crypto.KindVLD0, Value: [32]byte{byte(n)}}}, s, n%2 == 0, 10, t0.Add(time.Duration(n)*time.Second))
	}
	d.watchers = []nodeWatch{{id: crypto.NodeID{Kind: crypto.KindVLD0, Value: [32]byte{3}}, watchID: 9, expires: t0, count: 4, signer: pair.Public, safety: plainSafety}}
	row := d.append(nil)
	if len(d.nodes) != 10 || d.nodes[0].id.Value[0] != 12 || d.nodes[9].id.Value[0] != 3 {
		t.Errorf("remembered %d nodes, %v first", len(d.nodes), d.nodes[0].id)
	}
	got, err := parseDetail(crypto.KindVLD0, row)
	if err != nil {
		t.Fatal(err)
	}
	if again := got.append(nil); !slices.Equal(again, row) {
		t.Error("does not read back as it was written")
	}
	if !got.setSigner.Equal(pair) || !got.watchers[0].expires.Equal(t0) || got.offline != d.offline {
		t.Errorf("read %+v", got)
	}
	for n := range row {
		if _, err := parseDetail(crypto.KindVLD0, row[:n]); !errors.Is(err, errDetail) {
			t.Fatalf("%d bytes of %d: %v", n, len(row), err)
		}
	}
	if _, err := parseDetail(crypto.KindVLD0, append(row, 0)); !errors.Is(err, errDetail) {
		t.Errorf("one byte more: %v", err)
	}
	full := detail{safety: plainSafety, setSigner: &pair}
	for n := range 40 {
		id := crypto.NodeID{Kind: crypto.KindVLD0, Value: [32]byte{byte(n)}}
		if n < 10 {
			full.nodes = append(full.nodes, knownNode{id: id})
		}
		if n < MaxTransactionRecords {
			full.set = append(full.set, key)
		}
		full.watchers = append(full.watchers, nodeWatch{id: id, safety: plainSafety})
	}
	if n := len(full.append(nil)); n > MaxDetail {
		t.Errorf("a full detail takes %d bytes, more than %d", n, MaxDetail)
	}
}

func FuzzDetail(f *testing.F) {
	d := detail{safety: plainSafety, nodes: make([]knownNode, 2), watchers: make([]nodeWatch, 1)}
	f.Add(d.append(nil))
	f.Add([]byte{detailVersion})
	f.Fuzz(func(t *testing.T, row []byte) {
		d, err := parseDetail(crypto.KindVLD0, row)
		if err != nil {
			return
		}
		again, err := parseDetail(crypto.KindVLD0, d.append(nil))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(again.append(nil), d.append(nil)) {
			t.Error("not stable")
		}
	})
}

func TestErrorsOfNodes(t *testing.T) {
	tests := []struct {
		err  error
		kind ErrorKind
	}{
		{rpc.ErrClosed, TryAgain}, {rpc.ErrTryAgain, TryAgain}, {rpc.ErrNoConnection, NoConnection},
		{rpc.ErrInvalidAnswer, NoConnection}, {context.DeadlineExceeded, Timeout}, {context.Canceled, TryAgain},
		{errors.New("disk"), Internal}, {crypto.ErrKeyPair, ParseError}, {&SchemaError{}, InvalidArgument},
	}
	for _, test := range tests {
		wantKind(t, test.err.Error(), failed(fmt.Errorf("wrapped: %w", test.err)), test.kind)
	}
	if failed(nil) != nil {
		t.Error("no error became one")
	}
}

// A node that lies with peers farther away, or with broken signatures, is not used.
func TestBadAnswers(t *testing.T) {
	key := crypto.OpaqueRecordKey{Kind: crypto.KindVLD0}
	id := func(n byte) crypto.NodeID { return crypto.NodeID{Kind: crypto.KindVLD0, Value: [32]byte{n}} }
	peer := func(ids ...crypto.NodeID) []*wire.PeerInfo { return []*wire.PeerInfo{{NodeIDs: ids}} }
	tests := []struct {
		name  string
		peers []*wire.PeerInfo
		want  bool
	}{
		{"nearer", peer(id(3)), true}, {"as near", peer(id(4)), true}, {"farther", peer(id(5)), false},
		{"no id of the kind", peer(crypto.NodeID{Kind: 1}), false}, {"none", nil, true},
	}
	for _, test := range tests {
		if got := nearer(key, id(4), test.peers); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
	inFabric(t, 10, func(t *testing.T, f *fabric) {
		a, b := f.nodes[0], f.nodes[1]
		a.startClient()
		b.startClient()
		key := a.create(1)
		a.set(key, 0, "good")
		must(b.client.Open(t.Context(), key, nil, OpenOptions{}, plainSafety))(t)
		liar := f.nearest(key.Opaque, b)[0]
		d := liar.server.cfg.Store.Descriptor(key.Opaque)
		bad := newAuthor(t, f.sys, DFLT(1)).value(0, 9, "bad")
		if _, err := liar.server.cfg.Store.Put(d, time.Now(), Change{Subkey: 0, Value: bad, Was: 0}); err != nil {
			t.Fatal(err)
		}
		if v := b.get(key, 0); textOf(v) != "good" {
			t.Errorf("read %s", textOf(v))
		}
		if b.faulty == 0 {
			t.Error("nobody was told of the broken signature")
		}
	})
}

func TestCloseEndsEverything(t *testing.T) {
	inFabric(t, 10, func(t *testing.T, f *fabric) {
		a := f.nodes[0]
		c := a.startClient()
		key := a.create(1)
		a.set(key, 0, "x")
		tx := must(c.Begin(t.Context(), []crypto.RecordKey{key}, nil))(t)
		must(c.Watch(t.Context(), key, nil, time.Time{}, 5))(t)
		f.setLoss(1)
		done := make(chan error)
		go func() { _, err := c.Get(context.Background(), key, 0, true); done <- err }()
		time.Sleep(time.Second)
		a.mu.Lock()
		a.client = nil
		a.mu.Unlock()
		if err := errors.Join(c.Close(t.Context()), c.Close(t.Context())); err != nil {
			t.Error(err)
		}
		wantKind(t, "get under way", <-done, NotInitialized)
		_, err := c.Get(t.Context(), key, 0, false)
		wantKind(t, "get", err, NotInitialized)
		wantKind(t, "commit", tx.Commit(t.Context()), NotInitialized)
		if err := c.Tick(t.Context(), time.Now()); err != nil {
			t.Error(err)
		}
		tx.Release()
	})
}

func TestGateAndPreemption(t *testing.T) {
	inFabric(t, 10, func(t *testing.T, f *fabric) {
		a := f.nodes[0]
		c := a.startClient()
		key := a.create(64)
		most := 0
		done := make(chan struct{})
		for k := range uint32(64) {
			go func() {
				defer func() { done <- struct{}{} }()
				if _, err := c.Set(context.Background(), key, k, []byte("x"), SetOptions{}); err != nil {
					t.Error(err)
				}
			}()
		}
		for range 64 {
			<-done
			most = max(most, c.Stats().NetworkOperations)
		}
		if most == 0 || most > StockClientLimits().Operations {
			t.Errorf("%d operations at once", most)
		}
		// An offline write that gets nowhere makes way for the application.
		a.setReady(false)
		a.set(key, 0, "waits")
		a.setReady(true)
		f.setLoss(1)
		time.Sleep(3 * time.Second)
		if n := c.Stats().NetworkOperations; n != 1 {
			t.Fatalf("%d offline writes under way", n)
		}
		f.setLoss(0)
		began := time.Now()
		if v := a.set(key, 0, "goes"); v != nil {
			t.Errorf("set: %s", textOf(v))
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("set waited %v", took)
		}
		if len(a.offline(key)) != 0 {
			t.Error("still to be written")
		}
	})
}

func TestTroubleOfOurOwn(t *testing.T) {
	inFabric(t, 10, func(t *testing.T, f *fabric) {
		a := f.nodes[0]
		a.startClient()
		key := a.create(1)
		a.setFault(rpc.ErrTryAgain)
		_, err := a.client.Get(t.Context(), key, 0, false)
		wantKind(t, "get without a route", err, TryAgain)
		if v := a.set(key, 0, "x"); v != nil {
			t.Errorf("set: %s", textOf(v))
		}
		if len(a.offline(key)) == 0 {
			t.Error("the write does not wait")
		}
		_, err = a.client.Inspect(t.Context(), key, nil, ScopeSyncGet)
		wantKind(t, "inspect without a route", err, TryAgain)
		a.setFault(rpc.ErrNoConnection)
		if v, err := a.client.Get(t.Context(), key, 0, true); err != nil || textOf(v) != "x" {
			t.Errorf("get with nobody to reach: %s, %v", textOf(v), err)
		}
		_, err = a.client.Inspect(t.Context(), key, nil, ScopeSyncGet)
		wantKind(t, "inspect with nobody to reach", err, TryAgain)
		a.setFault(nil)
		short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err = a.client.Get(short, key, 0, true)
		wantKind(t, "get without time", err, Timeout)
		a.own.setFail(errors.New("disk"))
		_, err = a.client.Create(t.Context(), crypto.KindVLD0, DFLT(1), nil, plainSafety)
		wantKind(t, "create on a broken disk", err, Internal)
		a.own.setFail(nil)
		if ok := must(a.client.Flush(t.Context(), key, time.Minute))(t); !ok {
			t.Error("not written")
		}
	})
}

func BenchmarkLocalGet(b *testing.B) {
	f := newFabric(b, 1, 1)
	defer f.close()
	a := f.nodes[0]
	a.startClient()
	a.setReady(false)
	key := a.create(1)
	a.set(key, 0, long(1000))
	b.ReportAllocs()
	for b.Loop() {
		if v, err := a.client.Get(context.Background(), key, 0, false); err != nil || len(v.Data) != 1000 {
			b.Fatal(v, err)
		}
	}
}

func BenchmarkOfflineSet(b *testing.B) {
	f := newFabric(b, 1, 1)
	defer f.close()
	a := f.nodes[0]
	a.startClient()
	a.setReady(false)
	key := a.create(1)
	data := []byte(long(1000))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		data[i%1000] ^= 1
		if _, err := a.client.Set(context.Background(), key, 0, data, SetOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReport(b *testing.B) {
	f := newFabric(b, 1, 1)
	defer f.close()
	a := f.nodes[0]
	c := a.startClient()
	key := a.create(2)
	if _, err := c.Watch(context.Background(), key, nil, time.Time{}, 0xFFFFFFFF); err != nil {
		b.Fatal(err)
	}
	c.mu.Lock()
	c.watches[key.Opaque].nodes = []nodeWatch{{id: a.id, watchID: 1, count: 0xFFFFFFFF, expires: time.Now().Add(time.Hour), active: true}}
	c.mu.Unlock()
	change := &wire.ValueChanged{Key: key.Opaque, Subkeys: []wire.SubkeyRange{{Start: 0, End: 1}}, Count: 0xFFFFFFF0, WatchID: 1}
	b.ReportAllocs()
	for b.Loop() {
		if err := c.ValueChanged(context.Background(), change, a.id); err != nil {
			b.Fatal(err)
		}
	}
}
