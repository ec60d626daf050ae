package route

import (
	"errors"
	"testing"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// with changes a route from inside the store.
func (n *net) with(t testing.TB, id crypto.RouteID, change func(*allocated)) {
	t.Helper()
	n.store.mu.Lock()
	defer n.store.mu.Unlock()
	a := n.store.routes[id]
	if a == nil {
		t.Fatalf("no route %v", id)
	}
	change(a)
}

func (n *net) wanted(spec SafetySpec) wanted {
	return wanted{kind: crypto.KindVLD0, spec: spec, directions: Out, safe: true}
}

func (n *net) selected(t testing.TB, w wanted) crypto.RouteID {
	t.Helper()
	p, err := n.store.selectRoute(w, start)
	if err != nil {
		t.Fatal(err)
	}
	return p.id
}

func valid(a *allocated) { a.stats.per[a.ordering].lastValid = start }

func TestSelectFits(t *testing.T) {
	spec := SafetySpec{HopCount: 1, Stability: Reliable, Sequencing: wire.PreferOrdered}
	mine := AllocateRequest{HopCount: 1, Ordering: Ordered, Stability: Reliable}
	for _, tt := range []struct {
		name   string
		req    AllocateRequest
		change func(n *net, a *allocated, w *wanted)
		want   bool
	}{
		{"a route that fits", mine, func(*net, *allocated, *wanted) {}, true},
		{"not tested", mine, func(_ *net, a *allocated, _ *wanted) { a.stats.reset() }, true},
		{"another length", AllocateRequest{HopCount: 2, Ordering: Ordered}, func(*net, *allocated, *wanted) {}, false},
		{"doubled", mine, func(_ *net, _ *allocated, w *wanted) { w.safe = false }, false},
		{"another ordering", AllocateRequest{HopCount: 1, Ordering: Unordered}, func(*net, *allocated, *wanted) {}, false},
		{"the other ordering as a substitute", mine, func(_ *net, _ *allocated, w *wanted) {
			w.spec.Sequencing = wire.PreferUnordered
		}, true},
		{"published", mine, func(_ *net, a *allocated, _ *wanted) { a.published = true }, false},
		{"marked", mine, func(_ *net, a *allocated, _ *wanted) { a.marked = true }, false},
		{"dead", mine, func(_ *net, a *allocated, _ *wanted) { a.stats.per[Ordered].loopEvidence = 3 }, false},
		{"another direction", AllocateRequest{HopCount: 1, Ordering: Ordered, Directions: In}, func(*net, *allocated, *wanted) {}, false},
		{"a node to avoid", mine, func(_ *net, a *allocated, w *wanted) { w.avoid = a.hops[0].ids }, false},
		{"preferred, whatever it is", AllocateRequest{HopCount: 3, Ordering: Unordered}, func(_ *net, a *allocated, w *wanted) {
			a.published, w.spec.Preferred = true, a.id
		}, true},
		{"preferred, with a node to avoid", mine, func(_ *net, a *allocated, w *wanted) {
			w.spec.Preferred, w.avoid = a.id, a.hops[0].ids
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newNet(t, 5, nil)
			id := n.allocate(t, tt.req)
			w := n.wanted(spec)
			n.with(t, id, func(a *allocated) {
				valid(a)
				tt.change(n, a, &w)
			})
			if got := n.selected(t, w); (got == id) != tt.want {
				t.Errorf("selected it: %t, want %t", got == id, tt.want)
			}
		})
	}
}

// What is ranked: losses to the destination, need of a test, stability, latency.
func TestSelectRanks(t *testing.T) {
	n := newNet(t, 8, nil)
	var ids []crypto.RouteID
	for range 4 {
		id := n.allocate(t, AllocateRequest{HopCount: 1, Ordering: Ordered, Stability: Reliable})
		n.with(t, id, valid)
		ids = append(ids, id)
	}
	w := n.wanted(SafetySpec{HopCount: 1, Stability: Reliable, Sequencing: wire.EnsureOrdered})
	w.destination = n.others[7].pair.Public
	seen := func() map[crypto.RouteID]int {
		got := make(map[crypto.RouteID]int)
		for range 12 {
			got[n.selected(t, w)]++
		}
		return got
	}
	if got := seen(); len(got) != 4 || got[ids[0]] != 3 {
		t.Errorf("four good ones: %v", got)
	}
	n.with(t, ids[0], func(a *allocated) { a.stats.per[Ordered].mark(w.destination, w.epoch) })
	n.with(t, ids[1], func(a *allocated) { a.stats.per[Ordered].failedToSend = 1 })
	n.with(t, ids[2], func(a *allocated) { a.stability = LowLatency })
	if got := seen(); len(got) != 1 || got[ids[3]] != 12 {
		t.Errorf("one good one: %v", got)
	}
	// Without a good one, those that have not lost this destination.
	n.with(t, ids[3], func(a *allocated) { a.stats.per[Ordered].mark(w.destination, w.epoch) })
	if got := seen(); len(got) != 2 || got[ids[1]] != 6 || got[ids[2]] != 6 {
		t.Errorf("none good: %v", got)
	}
	// Without one of those, all.
	n.with(t, ids[1], func(a *allocated) { a.stats.per[Ordered].mark(w.destination, w.epoch) })
	n.with(t, ids[2], func(a *allocated) { a.stats.per[Ordered].mark(w.destination, w.epoch) })
	if got := seen(); len(got) != 4 {
		t.Errorf("all have lost: %v", got)
	}
	// In another epoch the losses say nothing.
	w.epoch.online++
	if got := seen(); len(got) != 2 {
		t.Errorf("another epoch: %v", got)
	}
}

// A route over which a question waits for long is not chosen while there are others,
// then replaced, and used again once something has come over it.
func TestSelectAvoidsSilence(t *testing.T) {
	n := newNet(t, 6, nil)
	w := n.wanted(SafetySpec{HopCount: 1, Stability: Reliable, Sequencing: wire.EnsureOrdered})
	w.directions = Both
	via := func(id crypto.RouteID) Via {
		return Via{Safety: n.info(t, id).Keys[0], Ordering: Ordered}
	}
	first := n.allocate(t, AllocateRequest{HopCount: 1, Ordering: Ordered, Stability: Reliable, Directions: Both})
	second := n.allocate(t, AllocateRequest{HopCount: 1, Ordering: Ordered, Stability: Reliable, Directions: Both})
	n.with(t, first, valid)
	n.with(t, second, valid)
	sent := start.Add(time.Second)
	n.store.Overdue(via(first), sent, sent.Add(time.Second))
	for range 4 {
		if got := n.selected(t, w); got != second {
			t.Fatalf("selected %v, want the one that answers", got)
		}
	}
	if n.store.Usable(second) != true || !n.store.Usable(first) {
		t.Error("one late answer says nothing yet")
	}
	n.store.Overdue(via(second), sent, sent.Add(time.Second))
	third := n.selected(t, w)
	if third == first || third == second {
		t.Fatal("no new route when all are silent")
	}
	if got := n.selected(t, w); got != third {
		t.Error("the new route is not used again")
	}
	n.store.Received(n.info(t, first).Keys[0], crypto.PublicKey{}, Ordered, 1, sent.Add(2*time.Second))
	if got := n.selected(t, w); got != first {
		t.Errorf("selected %v, want the proved one that has come back", got)
	}
	// An answer that came before the question was sent proves nothing; one to a
	// question sent later does.
	n.store.Overdue(via(first), sent, sent.Add(3*time.Second))
	if got := n.selected(t, w); got != first {
		t.Error("a question that was sent before the last sign of life counts")
	}
}

// A route that has failed a test in silence cannot be relied on.
func TestUsable(t *testing.T) {
	for _, tt := range []struct {
		ordering Ordering
		fails    int // that make it useless
	}{{Ordered, 1}, {Unordered, 2}} {
		n := newNet(t, 4, nil)
		id := n.allocate(t, AllocateRequest{HopCount: 1, Ordering: tt.ordering})
		n.with(t, id, valid)
		sent := start.Add(time.Second)
		test := LoopTest{ID: id, Ordering: tt.ordering}
		n.store.Overdue(Via{Safety: n.info(t, id).Keys[0], Ordering: tt.ordering, Loopback: true}, sent, sent)
		for i := range tt.fails {
			if !n.store.Usable(id) {
				t.Errorf("%v: given up after %d failures", tt.ordering, i)
			}
			n.store.TestDone(test, TestResult{Outcome: NoAnswer, Evidence: 1}, sent)
		}
		if n.store.Usable(id) {
			t.Errorf("%v: usable after %d failures", tt.ordering, tt.fails)
		}
		n.store.TestDone(test, TestResult{Outcome: Answered}, sent.Add(time.Second))
		if !n.store.Usable(id) {
			t.Errorf("%v: not usable after a test that was answered", tt.ordering)
		}
	}
	n := newNet(t, 4, nil)
	if n.store.Usable(crypto.RouteID{Kind: crypto.KindVLD0}) {
		t.Error("an unknown route is usable")
	}
}

func TestSelectAllocates(t *testing.T) {
	n := newNet(t, 6, nil)
	w := n.wanted(SafetySpec{HopCount: 1, Sequencing: wire.PreferUnordered})
	if info := n.info(t, n.selected(t, w)); info.Ordering != Unordered || !info.Automatic || info.Directions != Both {
		t.Errorf("%+v", info)
	}
	// No datagrams out there: ordered links instead.
	n.table.noUDP = true
	w.spec.HopCount = 2
	if info := n.info(t, n.selected(t, w)); info.Ordering != Ordered || len(info.Hops) != 2 {
		t.Errorf("no datagram links: %+v", info)
	}
	// No datagrams of our own.
	n.table.noUDP = false
	n.us = newNode(t, "us", 250, func(i *wire.NodeInfo) { i.OutboundProtocols = wire.Protocols(wire.TCP) })
	n.table.own = n.us.info
	w.spec.HopCount = 3
	if info := n.info(t, n.selected(t, w)); info.Ordering != Ordered {
		t.Errorf("no own datagrams: %+v", info)
	}
	w.spec.HopCount, w.avoid = 4, []crypto.NodeID{n.others[0].id, n.others[1].id, n.others[2].id}
	if _, err := n.store.selectRoute(w, start); !errors.Is(err, ErrTryAgain) {
		t.Errorf("too few nodes: %v", err)
	}
}

func TestShortRoutes(t *testing.T) {
	n := newNet(t, 2, func(c *Config) { c.ShortRoutes = true })
	w := n.wanted(SafetySpec{HopCount: 4, Sequencing: wire.PreferOrdered})
	first := n.selected(t, w)
	if info := n.info(t, first); len(info.Hops) != 2 {
		t.Errorf("%d hops", len(info.Hops))
	}
	if again := n.selected(t, w); again != first {
		t.Error("the short route is not used again")
	}
}

func TestNeedsTestAndDead(t *testing.T) {
	cfg := DefaultConfig()
	ok := orderingStats{lastValid: start}
	for _, tt := range []struct {
		name        string
		o           orderingStats
		after       time.Duration
		test        bool
		deadOrdered bool
		deadUnord   bool
	}{
		{"nothing known", orderingStats{}, 0, true, false, false},
		{"just proved", ok, 30 * time.Second, false, false, false},
		{"proved long ago", ok, 31 * time.Second, true, false, false},
		{"send failures", orderingStats{lastValid: start, failedToSend: 100}, 0, true, false, false},
		{"two failed tests", orderingStats{lastValid: start, loopFails: 2, loopEvidence: 2}, 0, true, false, false},
		{"three", orderingStats{lastValid: start, loopFails: 3, loopEvidence: 3}, 0, true, true, false},
		{"five", orderingStats{lastValid: start, loopFails: 5, loopEvidence: 5}, 0, true, true, true},
		{"many with little evidence", orderingStats{lastValid: start, loopFails: 9, loopEvidence: 1.5}, 0, true, false, false},
	} {
		if got := cfg.needsTest(&tt.o, start.Add(tt.after)); got != tt.test {
			t.Errorf("%s: needs test %t", tt.name, got)
		}
		if got := cfg.dead(&tt.o, Ordered); got != tt.deadOrdered {
			t.Errorf("%s: dead ordered %t", tt.name, got)
		}
		if got := cfg.dead(&tt.o, Unordered); got != tt.deadUnord {
			t.Errorf("%s: dead unordered %t", tt.name, got)
		}
	}
	var o orderingStats
	key := crypto.PublicKey{Kind: crypto.KindVLD0}
	for i := range 5 {
		for range 3 { // many to one destination count once
			key.Value[0] = byte(i)
			o.addLost(key, 1)
		}
		if got := cfg.dead(&o, Ordered); got != (i == 4) {
			t.Errorf("%d destinations: dead %t", i+1, got)
		}
	}
}
