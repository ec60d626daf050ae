package dht

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/rpc"
	"github.com/voile-net/voile/core/wire"
)

// watched is a world with one record of 4 subkeys and one watch of it.
type watched struct {
	*world
	a      *author
	signer *crypto.PublicKey
	id     uint64
}

func newWatched(t testing.TB) *watched {
	t.Helper()
	w := &watched{world: newWorld(t, nil)}
	w.a, w.signer = w.author(DFLT(4)), w.world.signer()
	w.mustSet(w.a, 0, 0, "first", way(0))
	got := w.watch(w.signer, way(1), &wire.WatchValueQ{Subkeys: AllSubkeys(), Count: 9})
	if got.Duration != crypto.DurationOf(10*time.Minute) || got.WatchID == 0 {
		t.Fatalf("%+v", got)
	}
	w.id = got.WatchID
	return w
}

func (w *watched) watch(signer *crypto.PublicKey, back rpc.Destination, q *wire.WatchValueQ) *wire.WatchValueA {
	w.t.Helper()
	if q.Key.IsZero() {
		q.Key = w.a.d.Key
	}
	return ask[*wire.WatchValueA](w.world, q, signer, back)
}

// Spec 06 §12.1, row by row. There is a watch of all subkeys by the signer, by way 1.
func TestWatchValue(t *testing.T) {
	all := AllSubkeys()
	for _, c := range []struct {
		name  string
		q     func(w *watched) *wire.WatchValueQ
		other bool // asked by somebody else
		way   int
		life  time.Duration // 0: refused or cancelled
		id    func(w *watched) uint64
		live  int // watches afterwards
	}{
		{name: "new", way: 2, live: 2, life: 10 * time.Minute,
			q: func(*watched) *wire.WatchValueQ { return &wire.WatchValueQ{Subkeys: all, Count: 1} }},
		{name: "new for some time", way: 2, live: 2, life: time.Minute,
			q: func(*watched) *wire.WatchValueQ {
				return &wire.WatchValueQ{Subkeys: all, Count: 1, Duration: crypto.DurationOf(time.Minute)}
			}},
		{name: "new for too long", way: 2, live: 2, life: 10 * time.Minute,
			q: func(*watched) *wire.WatchValueQ {
				return &wire.WatchValueQ{Subkeys: all, Count: 1, Duration: 1<<64 - 1}
			}},
		{name: "new for the shortest time", way: 2, live: 2, life: 5 * time.Second,
			q: func(*watched) *wire.WatchValueQ {
				return &wire.WatchValueQ{Subkeys: all, Count: 1, Duration: crypto.DurationOf(5 * time.Second)}
			}},
		{name: "new for too short a time", way: 2, live: 1,
			q: func(*watched) *wire.WatchValueQ {
				return &wire.WatchValueQ{Subkeys: all, Count: 1, Duration: crypto.DurationOf(5*time.Second) - 1}
			}},
		{name: "new of nothing", way: 2, live: 1, life: 10 * time.Minute,
			q: func(*watched) *wire.WatchValueQ { return &wire.WatchValueQ{Count: 1} }},
		{name: "new beyond the schema", way: 2, live: 1, life: 10 * time.Minute,
			q: func(*watched) *wire.WatchValueQ {
				return &wire.WatchValueQ{Subkeys: []wire.SubkeyRange{{Start: 4, End: 9}}, Count: 1}
			}},
		{name: "new by the same way", way: 1, other: true, live: 1,
			q: func(*watched) *wire.WatchValueQ { return &wire.WatchValueQ{Subkeys: all, Count: 1} }},
		{name: "of no record", way: 2, live: 1,
			q: func(w *watched) *wire.WatchValueQ {
				return &wire.WatchValueQ{Key: w.author(DFLT(1)).d.Key, Subkeys: all, Count: 1}
			}},
		{name: "unknown id", way: 1, live: 1, id: func(*watched) uint64 { return 12345 },
			q: func(*watched) *wire.WatchValueQ { return &wire.WatchValueQ{Subkeys: all, Count: 1, WatchID: 12345} }},
		{name: "cancel of an unknown id", way: 1, live: 1, id: func(*watched) uint64 { return 12345 },
			q: func(*watched) *wire.WatchValueQ { return &wire.WatchValueQ{WatchID: 12345} }},
		{name: "cancel", way: 1, live: 0, id: func(w *watched) uint64 { return w.id },
			q: func(w *watched) *wire.WatchValueQ { return &wire.WatchValueQ{WatchID: w.id} }},
		{name: "cancel by somebody else", way: 2, other: true, live: 0, id: func(w *watched) uint64 { return w.id },
			q: func(w *watched) *wire.WatchValueQ { return &wire.WatchValueQ{WatchID: w.id} }},
		{name: "cancel of another record's", way: 1, live: 1, id: func(w *watched) uint64 { return w.id },
			q: func(w *watched) *wire.WatchValueQ {
				b := w.author(DFLT(1))
				w.mustSet(b, 0, 0, "x", way(0))
				return &wire.WatchValueQ{Key: b.d.Key, WatchID: w.id}
			}},
		{name: "change", way: 3, live: 1, life: time.Minute, id: func(w *watched) uint64 { return w.id },
			q: func(w *watched) *wire.WatchValueQ {
				return &wire.WatchValueQ{Subkeys: all, Count: 7, WatchID: w.id, Duration: crypto.DurationOf(time.Minute)}
			}},
		{name: "change by somebody else", way: 1, other: true, live: 1, id: func(w *watched) uint64 { return w.id },
			q: func(w *watched) *wire.WatchValueQ { return &wire.WatchValueQ{Subkeys: all, Count: 7, WatchID: w.id} }},
		{name: "change to too short a time", way: 1, live: 0, id: func(w *watched) uint64 { return w.id },
			q: func(w *watched) *wire.WatchValueQ {
				return &wire.WatchValueQ{Subkeys: all, Count: 7, WatchID: w.id, Duration: 1}
			}},
		{name: "change to nothing", way: 1, live: 0, life: 10 * time.Minute, id: func(w *watched) uint64 { return w.id },
			q: func(w *watched) *wire.WatchValueQ { return &wire.WatchValueQ{Count: 7, WatchID: w.id} }},
		{name: "change of another record's", way: 1, live: 1, id: func(w *watched) uint64 { return w.id },
			q: func(w *watched) *wire.WatchValueQ {
				b := w.author(DFLT(1))
				w.mustSet(b, 0, 0, "x", way(0))
				return &wire.WatchValueQ{Key: b.d.Key, Subkeys: all, Count: 1, WatchID: w.id}
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWatched(t)
			q, signer := c.q(w), w.signer
			if c.other {
				signer = w.world.signer()
			}
			got := w.watch(signer, way(c.way), q)
			if !got.Accepted || got.Duration != crypto.DurationOf(c.life) {
				t.Errorf("duration %v, want %v", got.Duration.Duration(), c.life)
			}
			switch {
			case c.id != nil && got.WatchID != c.id(w):
				t.Errorf("id %d, want %d", got.WatchID, c.id(w))
			case c.id == nil && (got.WatchID != 0) != (c.life > 0):
				t.Errorf("id %d", got.WatchID)
			}
			if n := w.Stats().Watches; n != c.live {
				t.Errorf("%d watches, want %d", n, c.live)
			}
		})
	}
}

// How many watches a record has, by whom: the owner and the members each their own,
// all others together (spec 06 §12.1 step 7).
func TestWatchLimits(t *testing.T) {
	w := newWorld(t, nil)
	member := newPair(t, w.sys)
	a := w.author(SMPL(1, Member{member.Public.Value, 0}))
	w.mustSet(a, 0, 0, "x", way(0))
	n := 0
	grant := func(signer crypto.PublicKey, back int) bool {
		got := ask[*wire.WatchValueA](w, &wire.WatchValueQ{Key: a.d.Key, Subkeys: AllSubkeys(), Count: 1}, &signer, way(back))
		return got.Duration > 0
	}
	for _, c := range []struct {
		name   string
		signer func() crypto.PublicKey
		most   int
	}{
		{"owner", func() crypto.PublicKey { return a.owner.Public }, 8},
		{"member", func() crypto.PublicKey { return member.Public }, 8},
		{"everybody else", func() crypto.PublicKey { return *w.signer() }, 32},
	} {
		granted := 0
		for range c.most + 5 {
			n++
			if grant(c.signer(), 100+n) {
				granted++
			}
		}
		if granted != c.most {
			t.Errorf("%s: %d watches, want %d", c.name, granted, c.most)
		}
	}
	// The same way back counts within a group only.
	somebody, other := *w.signer(), *w.signer()
	w = newWorld(t, nil)
	w.mustSet(a, 0, 0, "x", way(0))
	for _, c := range []struct {
		name   string
		signer crypto.PublicKey
		want   bool
	}{
		{"owner", a.owner.Public, true}, {"owner again", a.owner.Public, false}, {"member", member.Public, true},
		{"somebody", somebody, true}, {"somebody else", other, false},
	} {
		if got := grant(c.signer, 1); got != c.want {
			t.Errorf("%s by the same way: %v", c.name, got)
		}
	}
}

// 10,000 watches of one peer stay within the limits, and so does the memory for
// what they are told.
func TestManyWatches(t *testing.T) {
	w := newWorld(t, func(c *ServerConfig, s *StoreConfig) {
		c.Limits.Watches, c.Limits.TargetWatches, s.MaxRecords = 500, 300, 0
	})
	granted := 0
	for i := range 400 {
		a := w.author(DFLT(1))
		w.mustSet(a, 0, 0, "x", way(0))
		for range 25 {
			got := ask[*wire.WatchValueA](w, &wire.WatchValueQ{Key: a.d.Key, Subkeys: AllSubkeys(), Count: 1}, w.signer(), way(1+i%2))
			if got.Duration > 0 {
				granted++
			}
		}
	}
	if granted != 400 {
		t.Errorf("%d watches: one way back has one on each record", granted)
	}
	for i := range 400 {
		a := w.author(DFLT(1))
		w.mustSet(a, 0, 0, "x", way(0))
		for n := range 25 {
			ask[*wire.WatchValueA](w, &wire.WatchValueQ{Key: a.d.Key, Subkeys: AllSubkeys(), Count: 1}, w.signer(), way(1+n%2+i%2))
		}
	}
	st := w.Stats()
	if st.Watches != 500 {
		t.Errorf("%+v", st)
	}
	for target, n := range w.perTarget {
		if n > 300 {
			t.Errorf("%d watches of %v", n, target)
		}
	}
	w.tick(11 * time.Minute)
	if st := w.Stats(); st != (ServerStats{}) || len(w.activity)+len(w.perTarget) != 0 {
		t.Errorf("left over: %+v, %d, %d", st, len(w.activity), len(w.perTarget))
	}
}

// Spec 06 §12.2.
func TestNotify(t *testing.T) {
	w := newWatched(t)
	if got := w.notify(); len(got) != 0 {
		t.Fatalf("told of nothing: %+v", got)
	}
	w.mustSet(w.a, 2, 0, "two", way(5))
	got := w.notify()
	if len(got) != 1 || got[0].to != targetOf(way(1)) || got[0].Key != w.a.d.Key || got[0].WatchID != w.id || got[0].Count != 8 ||
		!slices.Equal(got[0].Subkeys, []wire.SubkeyRange{{Start: 2, End: 2}}) || text(got[0].Value) != "two" {
		t.Fatalf("one change: %+v", got)
	}
	if got := w.notify(); len(got) != 0 {
		t.Errorf("told twice: %+v", got)
	}
	// All changes since the last time are one notice, without a value.
	w.mustSet(w.a, 0, 1, "x", way(5))
	w.mustSet(w.a, 3, 0, "x", way(5))
	w.mustSet(w.a, 3, 1, "y", way(5))
	got = w.notify()
	if len(got) != 1 || got[0].Count != 7 || got[0].Value != nil || !slices.Equal(got[0].Subkeys, []wire.SubkeyRange{{Start: 0, End: 0}, {Start: 3, End: 3}}) {
		t.Errorf("two changes: %+v", got)
	}
	// One subkey changed twice is told once, with the last value.
	w.mustSet(w.a, 1, 0, "x", way(5))
	w.mustSet(w.a, 1, 1, "y", way(5))
	if got = w.notify(); len(got) != 1 || text(got[0].Value) != "y" {
		t.Errorf("one subkey twice: %+v", got)
	}
	// The setter is not told of what it did itself, and nothing that was not stored
	// is told.
	w.mustSet(w.a, 1, 2, "z", way(1))
	w.set(w.a, w.a.value(1, 1, "old"), 1, way(5))
	w.set(w.a, w.a.value(1, 2, "z"), 1, way(5))
	if got := w.notify(); len(got) != 0 {
		t.Errorf("told: %+v", got)
	}
	// Only what is watched.
	if a := w.watch(w.signer, way(1), &wire.WatchValueQ{Subkeys: []wire.SubkeyRange{{Start: 2, End: 3}}, Count: 2, WatchID: w.id}); a.Duration == 0 {
		t.Fatalf("%+v", a)
	}
	w.mustSet(w.a, 1, 3, "x", way(5))
	if got := w.notify(); len(got) != 0 {
		t.Errorf("told of an unwatched subkey: %+v", got)
	}
	// The last notice of a count ends the watch, quietly.
	for i, want := range []uint32{1, 0} {
		w.mustSet(w.a, 2, uint32(1+i), "x", way(5))
		if got := w.notify(); len(got) != 1 || got[0].Count != want {
			t.Errorf("notice %d: %+v", i, got)
		}
	}
	w.mustSet(w.a, 2, 3, "x", way(5))
	if got := w.notify(); len(got) != 0 || w.Stats() != (ServerStats{}) {
		t.Errorf("told after the last: %+v, %+v", got, w.Stats())
	}
}

// An unlimited watch counts down like any other.
func TestNotifyUnlimited(t *testing.T) {
	w := newWatched(t)
	if a := w.watch(w.signer, way(1), &wire.WatchValueQ{Subkeys: AllSubkeys(), Count: 0xFFFFFFFF, WatchID: w.id}); a.Duration == 0 {
		t.Fatalf("%+v", a)
	}
	w.mustSet(w.a, 1, 0, "x", way(5))
	if got := w.notify(); len(got) != 1 || got[0].Count != 0xFFFFFFFE {
		t.Errorf("%+v", got)
	}
}

// The way back is that of the question that made or last changed the watch.
func TestNotifyWay(t *testing.T) {
	w := newWatched(t)
	nodes := nodeWays(t, 2)
	w.watch(w.signer, nodes[0], &wire.WatchValueQ{Subkeys: AllSubkeys(), Count: 5, WatchID: w.id})
	w.mustSet(w.a, 1, 0, "x", way(1))
	if got := w.notify(); len(got) != 1 || got[0].to != targetOf(nodes[0]) {
		t.Errorf("%+v", got)
	}
	w.mustSet(w.a, 1, 1, "y", nodes[1])
	if got := w.notify(); len(got) != 1 {
		t.Errorf("set by another node: %+v", got)
	}
	w.mustSet(w.a, 1, 2, "z", nodes[0])
	if got := w.notify(); len(got) != 0 {
		t.Errorf("set by the watcher's node: %+v", got)
	}
	if targetOf(nodes[0]) == targetOf(nodes[1]) || targetOf(nodes[0]) == targetOf(way(1)) {
		t.Error("different ways count as one")
	}
}

// While nobody calls Notify, the changes stay noted; expired watches vanish, and
// nobody is told.
func TestWatchExpiry(t *testing.T) {
	w := newWatched(t)
	w.mustSet(w.a, 1, 0, "x", way(5))
	w.tick(10*time.Minute - time.Microsecond)
	if st := w.Stats(); st.Watches != 1 || st.Due != 1 {
		t.Fatalf("%+v", st)
	}
	w.now = w.now.Add(time.Microsecond)
	if got := w.notify(); len(got) != 0 {
		t.Errorf("told after the end: %+v", got)
	}
	// A renewal that comes too late is refused, even before the next tick.
	if a := w.watch(w.signer, way(1), &wire.WatchValueQ{Subkeys: AllSubkeys(), Count: 5, WatchID: w.id}); a.Duration != 0 {
		t.Errorf("%+v", a)
	}
	w.tick(0)
	if st := w.Stats(); st != (ServerStats{}) {
		t.Errorf("%+v", st)
	}
	w.mustSet(w.a, 1, 1, "x", way(5))
	if got := w.notify(); len(got) != 0 {
		t.Errorf("told: %+v", got)
	}
}

// A failure is not repeated; what was not sent when the time was over stays noted.
func TestNotifyFailure(t *testing.T) {
	w := newWatched(t)
	w.notices.fail = errors.New("gone")
	w.mustSet(w.a, 1, 0, "x", way(5))
	if n := w.Notify(t.Context(), w.now); n != 0 {
		t.Errorf("%d sent", n)
	}
	w.notices.fail = nil
	if got := w.notify(); len(got) != 0 {
		t.Errorf("repeated: %+v", got)
	}
	w.mustSet(w.a, 1, 1, "x", way(5))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	w.Notify(ended, w.now)
	if got := w.notify(); len(got) != 1 {
		t.Errorf("lost at the end of the context: %+v", got)
	}
}

// A watcher that does not take its notice holds up nobody else for longer than an
// rpc timeout.
func TestNotifySlowWatchers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		for n := range 3 * notifiers {
			a := w.author(DFLT(1))
			w.mustSet(a, 0, 0, "x", way(0))
			ask[*wire.WatchValueA](w, &wire.WatchValueQ{Key: a.d.Key, Subkeys: AllSubkeys(), Count: 5}, w.signer(), way(1+n))
			w.mustSet(a, 0, 1, "y", way(0))
		}
		w.notices.hold = make(chan struct{}) // nobody ever takes anything
		start := time.Now()
		if n := w.Notify(t.Context(), w.now); n != 0 {
			t.Errorf("%d sent", n)
		}
		if got := time.Since(start); got != 3*w.limits.RPCTimeout {
			t.Errorf("took %v", got)
		}
	})
}
