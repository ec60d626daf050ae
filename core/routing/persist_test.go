package routing

import (
	"bytes"
	"errors"
	"iter"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// rows is a store in memory.
type rows map[string][]byte

func (r rows) put(key, value []byte) {
	if value == nil {
		delete(r, string(key))
		return
	}
	r[string(key)] = value
}

func (r rows) all() iter.Seq2[[]byte, []byte] {
	return func(yield func([]byte, []byte) bool) {
		for _, k := range slices.Sorted(maps.Keys(r)) {
			if !yield([]byte(k), r[k]) {
				return
			}
		}
	}
}

// twin is another table with the same identity.
func (w *world) twin(t *Table) *Table {
	next, err := New(Config{Crypto: w.crypto, Keys: t.keys, Domains: t.Domains(), Capabilities: t.caps, Rand: t.rand})
	if err != nil {
		panic(err) // inside a fuzz target w.t cannot be used
	}
	return next
}

func TestSaveAndLoad(t *testing.T) {
	w := newWorld(t, crypto.KindVLD0, crypto.KindNONE)
	tab := w.table(dualStack())
	good := responsive(w.peer(tab, nil), 20*time.Millisecond, t0)
	good.SetNodeStatus(wire.PublicInternet)
	good.SetLastSeenOurs(wire.PublicInternet, 77)
	losing := responsive(w.peer(tab, nil), 20*time.Millisecond, t0)
	for range 3 {
		losing.AnswerLost(over(wire.UDP), at(10))
	}
	punished := w.peer(tab, nil)
	punished.SetPunished(true)
	relayed := w.peer(tab, func(n *wire.NodeInfo) {
		n.Relays = []wire.RelayInfo{{NodeIDs: []crypto.NodeID{{Kind: crypto.KindVLD0, Value: [32]byte{1}}}, DialInfo: n.DialInfo[:1]}}
		n.DialInfo = nil
	})
	nameless := w.bare(tab)
	gone := w.peer(tab, nil)
	tab.EstimatedSize(t0)
	tab.Own(wire.PublicInternet).RefreshEnded(at(10))

	validity := tab.ValidityOf([]string{"a"}, nil, nil, "pw")
	store := rows{}
	save := func(all bool, when float64) {
		t.Helper()
		tab.Save(all, validity, at(when), store.put)
	}
	save(true, 30)
	if tab.Dirty() {
		t.Error("dirty after a save")
	}
	tab.Remove(gone)
	if !tab.Dirty() {
		t.Error("not dirty after a removal")
	}
	kept := maps.Clone(store)
	good.AnswerReceived(over(wire.TCP), 1, 40*time.Millisecond, at(31))
	save(false, 32)
	if len(store) != len(kept)-1 {
		t.Errorf("%d rows after the removal, want %d", len(store), len(kept)-1)
	}
	if bytes.Equal(store[string(entryKey(good.BestID()))], kept[string(entryKey(good.BestID()))]) {
		t.Error("a changed entry was not written")
	}

	later := at(100000)
	next := w.twin(tab)
	n, ok := next.Load(store.all(), validity, later)
	if !ok || n != 3 || next.Len() != 3 {
		t.Fatalf("loaded %d, %v, %d entries; want 3", n, ok, next.Len())
	}
	next.check(t)
	for _, e := range []*Entry{relayed, nameless, gone} {
		if next.Lookup(e.BestID()) != nil {
			t.Errorf("%v was loaded", e.BestID())
		}
	}
	g := next.Lookup(good.BestID())
	if g == nil || !slices.Equal(g.NodeIDs(), good.NodeIDs()) {
		t.Fatal("the good node is not there with both ids")
	}
	if g.State(later) != StateReliable {
		t.Errorf("state %v: steady answers are not forgotten", g.State(later))
	}
	want, _ := good.Latency()
	if got, _ := g.Latency(); got != want {
		t.Errorf("latency %+v, want %+v", got, want)
	}
	p, q := g.PeerInfo(wire.PublicInternet), good.PeerInfo(wire.PublicInternet)
	if !p.Equivalent(q) || !bytes.Equal(p.Message, q.Message) || p.Info.Timestamp != q.Info.Timestamp {
		t.Error("the description has changed")
	}
	if !g.HasNodeStatus(wire.PublicInternet) || g.LastSeenOurs(wire.PublicInternet) != 77 || !g.LastSeen().Equal(good.LastSeen()) ||
		g.acc.transport[Transport{wire.TCP, wire.IPv4}.index()].answers == 0 || !g.Added().Equal(good.Added()) {
		t.Error("fields of the entry are lost")
	}
	l := next.Lookup(losing.BestID())
	if s := l.State(later); s != StateMissing {
		t.Errorf("state %v of a losing node, want missing: the time of our absence does not count", s)
	}
	if s := l.State(later.Add(40 * time.Second)); s != StateDead { // 20 s before, 40 s now
		t.Errorf("state %v after a minute of losses in all, want dead", s)
	}
	if next.Lookup(punished.BestID()).Punished() {
		t.Error("a punishment was saved")
	}
	if c := next.Own(wire.PublicInternet).counts.lowWater; c[crypto.KindVLD0].Connectivity != 1 {
		t.Errorf("low-water marks %v, want 1", c)
	}
	if next.Dirty() {
		t.Error("dirty after loading")
	}

	for name, other := range map[string]Validity{
		"bootstrap": tab.ValidityOf([]string{"b"}, nil, nil, "pw"),
		"moved":     tab.ValidityOf(nil, []string{"a"}, nil, "pw"),
		"password":  tab.ValidityOf([]string{"a"}, nil, nil, "px"),
		"identity":  w.table(dualStack()).ValidityOf([]string{"a"}, nil, nil, "pw"),
	} {
		empty := w.twin(tab)
		if n, ok := empty.Load(store.all(), other, later); ok || n != 0 || empty.Len() != 0 {
			t.Errorf("%s differs: loaded %d, %v", name, n, ok)
		}
	}
	delete(store, "v")
	if _, ok := w.twin(tab).Load(store.all(), validity, later); ok {
		t.Error("loaded without a validity row")
	}
}

func TestLoadRefusesTampering(t *testing.T) {
	w := newWorld(t)
	tab := w.table(dualStack())
	e := w.peer(tab, nil)
	validity := tab.ValidityOf(nil, nil, nil, "")
	store := rows{}
	tab.Save(true, validity, t0, store.put)
	key := string(entryKey(e.BestID()))
	value := store[key]
	for n := range value {
		var s savedEntry
		if err := decodeRecord(value[:n], s.fields); !errors.Is(err, ErrRecord) {
			t.Fatalf("%d of %d bytes: %v, want ErrRecord", n, len(value), err)
		}
	}
	message := e.PeerInfo(wire.PublicInternet).Message
	i := bytes.Index(value, message)
	if i < 0 {
		t.Fatal("the signed bytes are not in the record")
	}
	for _, at := range []int{i, i + len(message)/2, i + len(message) - 1} {
		store[key] = bytes.Clone(value)
		store[key][at] ^= 1
		if n, _ := w.twin(tab).Load(store.all(), validity, t0); n != 0 {
			t.Errorf("a description with byte %d changed was loaded", at-i)
		}
	}
}

// Load takes any rows without panic, and what it takes is a sound table.
func FuzzLoad(f *testing.F) {
	w := newWorld(f)
	tab := w.table(dualStack())
	responsive(w.peer(tab, nil), time.Millisecond, t0)
	tab.EstimatedSize(t0)
	tab.Own(wire.PublicInternet).RefreshEnded(t0)
	validity := tab.ValidityOf(nil, nil, nil, "")
	store := rows{}
	tab.Save(true, validity, t0, store.put)
	for k, v := range store {
		f.Add([]byte(k), v)
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		before := bytes.Clone(value)
		next := w.twin(tab)
		in := rows{"v": store["v"]}
		in[string(key)] = value
		n, ok := next.Load(in.all(), validity, at(10))
		if !bytes.Equal(value, before) {
			t.Fatal("Load changed its input")
		}
		if n != next.Len() || n > 0 && !ok {
			t.Fatalf("loaded %d, table has %d", n, next.Len())
		}
		next.check(t)
		for _, e := range next.Entries() {
			e.State(at(20))
			e.Stats(at(20))
		}
		next.PingCandidates(wire.PublicInternet, at(20))
		next.EstimatedSize(at(20))
		next.Own(wire.PublicInternet).Counts(at(20))
		next.Save(true, validity, at(20), rows{}.put)
	})
}

func FuzzRestore(f *testing.F) {
	w := newWorld(f)
	tab := w.table(dualStack())
	o := start(tab, ownEverywhere()...)
	if changed, err := o.Publish(t0); !changed || err != nil {
		f.Fatal(changed, err)
	}
	f.Add(o.RestorePoint([]byte("net")))
	f.Fuzz(func(t *testing.T, point []byte) {
		next := start(w.twin(tab), ownEverywhere()...)
		ok, _ := next.Restore(point, []byte("net"), at(1))
		if ok != (next.Published() != nil) {
			t.Fatalf("restored %v, published %v", ok, next.Published() != nil)
		}
		if _, err := next.Publish(at(2)); err != nil {
			t.Fatal(err)
		}
	})
}
