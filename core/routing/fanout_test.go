package routing

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// ring makes n entries whose distance from the target 0 is their number plus one.
func ring(t *testing.T, n int) (crypto.HashCoordinate, []*Entry) {
	t.Helper()
	w := newWorld(t)
	tab := w.table(dualStack())
	var list []*Entry
	for i := range n {
		id := crypto.NodeID{Kind: crypto.KindVLD0}
		id.Value[31] = byte(i + 1)
		e, err := tab.RegisterSender(id, flowTo(wire.UDP, "45.0.0.1:1"), wire.ENV0, t0)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	return crypto.HashCoordinate{Kind: crypto.KindVLD0}, list
}

// picture is one letter per node: . queued, p in progress, t timeout, r rejected,
// a accepted, s stale, c conflict, d disqualified.
func (f *Fanout) picture() string {
	var b strings.Builder
	for _, n := range f.nodes {
		b.WriteByte(".ptrascd"[n.Stage])
	}
	return b.String()
}

func (f *Fanout) want(t *testing.T, picture string, result FanoutResult) {
	t.Helper()
	if got := f.picture(); got != picture {
		t.Fatalf("nodes %s, want %s", got, picture)
	}
	if got := f.Evaluate(); got != result {
		t.Fatalf("result %v, want %v", got, result)
	}
}

func (f *Fanout) startAll(now time.Time) (started []*FanoutNode) {
	for n := f.Next(now); n != nil; n = f.Next(now) {
		started = append(started, n)
	}
	return started
}

func TestFanoutConsensus(t *testing.T) {
	target, list := ring(t, 8)
	f := NewFanout(FanoutConfig{Target: target, Consensus: 3, Width: 5, Fanout: 4, Timeout: 10 * time.Second},
		[]*Entry{list[7], list[2], list[0], list[5], list[0]}, t0)
	f.want(t, "....", FanoutIncomplete)
	s := f.startAll(t0)
	f.want(t, "pppp", FanoutIncomplete)
	if s[0].Entry != list[0] || s[3].Entry != list[7] {
		t.Error("not asked in order of distance")
	}
	f.Done(s[3], FanoutAccepted, []*Entry{list[1], list[3], list[7]}, at(1))
	f.want(t, "p.p.pa", FanoutIncomplete)
	if got := f.Deadline(); got != at(11) {
		t.Errorf("deadline %v, want 10 s after the accepted one", got)
	}
	s2 := f.startAll(at(1))
	if len(s2) != 1 || s2[0].Entry != list[1] {
		t.Fatalf("%d started, want the nearest queued one into the free lane", len(s2))
	}
	f.Done(s[0], FanoutAccepted, nil, at(2))
	f.Done(s[1], FanoutAccepted, nil, at(2))
	f.want(t, "apa.pa", FanoutIncomplete) // the accepted one at the end is outside the window
	f.Done(s2[0], FanoutTimeout, nil, at(3))
	f.want(t, "ata.pa", FanoutConsensus) // and now inside
	if !f.Finished(at(3)) {
		t.Error("not finished in consensus without extra time")
	}
	if got := len(f.Accepted()); got != 3 {
		t.Errorf("%d accepted, want 3", got)
	}
}

func TestFanoutExhausted(t *testing.T) {
	target, list := ring(t, 3)
	f := NewFanout(FanoutConfig{Target: target, Consensus: 3, Width: 10, Fanout: 5, Timeout: 10 * time.Second}, list, t0)
	s := f.startAll(t0)
	f.Done(s[0], FanoutAccepted, nil, t0)
	f.Done(s[1], FanoutRejected, nil, t0)
	f.want(t, "arp", FanoutIncomplete)
	f.Done(s[2], FanoutAccepted, nil, t0)
	f.want(t, "ara", FanoutExhausted)
	if empty := NewFanout(FanoutConfig{Target: target, Fanout: 5}, nil, t0); empty.Evaluate() != FanoutExhausted || empty.Next(t0) != nil {
		t.Error("a search without nodes is not exhausted")
	}
}

func TestFanoutDisqualifies(t *testing.T) {
	target, list := ring(t, 6)
	cfg := FanoutConfig{Target: target, Consensus: 2, Width: 10, Fanout: 4, Timeout: 10 * time.Second}
	f := NewFanout(cfg, list, t0)
	s := f.startAll(t0)
	f.Done(s[2], FanoutRejected, nil, at(1))
	f.Done(s[0], FanoutRejected, nil, at(1))
	f.want(t, "rprp..", FanoutIncomplete)
	f.Done(s[1], FanoutTimeout, nil, at(1)) // not counted: two rejected in a row
	f.want(t, "rtrddd", FanoutExhausted)
	if cut := f.Cut(at(1)); len(cut) != 1 || cut[0] != s[3] {
		t.Errorf("%d calls to cancel, want the one in progress", len(cut))
	}
	if cut := f.Cut(at(1)); len(cut) != 0 {
		t.Error("a call to cancel is named twice")
	}
	f.Done(s[3], FanoutAccepted, nil, at(2))
	f.want(t, "rtrddd", FanoutExhausted)

	// A window full of answers.
	cfg.Consensus, cfg.Width = 3, 2
	f = NewFanout(cfg, list, t0)
	s = f.startAll(t0)
	f.Done(s[0], FanoutStale, nil, at(1))
	f.want(t, "sppp..", FanoutIncomplete)
	f.Done(s[1], FanoutAccepted, nil, at(1))
	f.want(t, "sadddd", FanoutExhausted)
}

func TestFanoutThrottled(t *testing.T) {
	target, list := ring(t, 8)
	f := NewFanout(FanoutConfig{Target: target, Consensus: 2, Width: 8, Fanout: 5, Throttled: true, Timeout: 10 * time.Second}, list, t0)
	s := f.startAll(t0)
	f.want(t, "pp......", FanoutIncomplete)
	if f.Next(at(1.65)) != nil {
		t.Error("another node was started before one was slow")
	}
	if wake := f.Wake(t0); wake.After(at(1.651)) || !wake.After(at(1.649)) {
		t.Errorf("wake %v after the start, want when the first becomes slow", wake.Sub(t0))
	}
	f.startAll(at(1.66)) // two slow ones unlock two
	f.want(t, "pppp....", FanoutIncomplete)
	f.Done(s[0], FanoutAccepted, nil, at(2))
	f.startAll(at(2)) // a + p(slow) + p + p: 4 working, 2+1 allowed
	f.want(t, "appp....", FanoutIncomplete)
	f.Done(s[1], FanoutRejected, nil, at(2.1))
	f.startAll(at(2.1)) // 3 working, 2 allowed
	f.want(t, "arpp....", FanoutIncomplete)
	f.Done(f.nodes[2], FanoutRejected, nil, at(2.2))
	f.want(t, "arrpdddd"[:3]+"ddddd", FanoutExhausted)
}

func TestFanoutStragglers(t *testing.T) {
	target, list := ring(t, 5)
	f := NewFanout(FanoutConfig{Target: target, Consensus: 3, Width: 3, Fanout: 3, Timeout: 10 * time.Second}, list, t0)
	s := f.startAll(t0)
	f.Done(s[0], FanoutAccepted, nil, at(0.1))
	f.Cut(at(5))
	f.want(t, "app..", FanoutIncomplete) // both can still make it three
	f.Done(s[1], FanoutStale, nil, at(0.9))
	if f.Cut(at(2.6)); f.picture()[2] != 'p' { // 3 x 0.9 s is more than 1.65 s
		t.Error("the straggler was cut too early")
	}
	cut := f.Cut(at(2.7))
	f.want(t, "ast..", FanoutIncomplete)
	if len(cut) != 1 || cut[0] != s[2] {
		t.Errorf("%d calls to cancel, want the straggler", len(cut))
	}
	if n := f.Next(at(2.7)); n == nil || n.Entry != list[3] {
		t.Error("the window did not move on")
	}
}

func TestFanoutDeadline(t *testing.T) {
	target, list := ring(t, 4)
	f := NewFanout(FanoutConfig{Target: target, Consensus: 2, Width: 4, Fanout: 4, Timeout: 10 * time.Second, Extra: time.Second}, list, t0)
	s := f.startAll(t0)
	f.Done(s[0], FanoutAccepted, nil, at(4))
	f.Done(s[1], FanoutAccepted, nil, at(6))
	f.want(t, "aapp", FanoutConsensus)
	if f.Finished(at(6.5)) || f.Deadline() != at(7) {
		t.Errorf("finished %v, deadline %v; want a second more", f.Finished(at(6.5)), f.Deadline())
	}
	f.Done(s[2], FanoutAccepted, nil, at(6.5))
	if f.Deadline() != at(7) {
		t.Error("an accepted node prolonged the time after consensus")
	}
	f.Restage(s[0], FanoutStale, at(6.6))
	f.want(t, "saap", FanoutConsensus)
	f.Restage(s[1], FanoutStale, at(6.7))
	f.want(t, "ssap", FanoutIncomplete)
	if f.Deadline() != at(16.7) {
		t.Errorf("deadline %v after consensus was lost, want 10 s more", f.Deadline())
	}
	if !f.Restage(s[1], FanoutQueued, at(6.7)) || f.Next(at(6.8)) != s[1] {
		t.Error("a node is not asked again")
	}
	if f.Restage(s[3], FanoutStale, at(6.8)) {
		t.Error("a node in progress was restaged")
	}
	if cut := f.Cut(at(16.7)); len(cut) != 2 {
		t.Errorf("%d calls to cancel at the deadline, want 2", len(cut))
	}
	f.want(t, "stat", FanoutExhausted)
}

func TestFanoutOrder(t *testing.T) {
	target, list := ring(t, 6)
	f := NewFanout(FanoutConfig{Target: target, Fanout: 6, Width: 4, Timeout: time.Second,
		Preferred:  []crypto.NodeID{list[4].BestID()},
		LostRouted: func(e *Entry) bool { return e == list[0] || e == list[4] },
	}, list, t0)
	var got []byte
	for _, n := range f.startAll(t0) {
		got = append(got, n.ID.Value[31])
	}
	// Sorted: 5, 1, 2, 3 | 4, 6; those that lost a question last of their group.
	if want := []byte{2, 3, 5, 1, 4, 6}; !slices.Equal(got, want) {
		t.Errorf("asked in order %v, want %v", got, want)
	}
}

func TestResolve(t *testing.T) {
	w := newWorld(t)
	tab := w.table(dualStack())
	known, unknown, plain := w.peer(tab, nil), w.bare(tab), crypto.NodeID{Kind: crypto.KindVLD0}
	if tab.Resolved(known.BestID(), t0) != known || tab.Resolved(unknown.BestID(), t0) != nil || tab.Resolved(plain, t0) != nil {
		t.Error("want exactly the live node with dial info resolved")
	}
	responsive(known, time.Millisecond, t0)
	initial := w.peer(tab, nil)
	target := plain.Coordinate()
	if got := tab.FanoutNodes(target, false, nil, t0); !slices.Equal(got, []*Entry{known}) {
		t.Errorf("%d nodes to begin with, want the responsive one", len(got))
	}
	if got := tab.FanoutNodes(target, true, nil, t0); len(got) != 2 || !slices.Contains(got, initial) {
		t.Errorf("%d nodes to begin with, want both with a description", len(got))
	}
	f := NewFanout(ResolveConfig(plain), tab.FanoutNodes(target, true, nil, t0), t0)
	s := f.startAll(t0)
	f.Done(s[0], FanoutRejected, nil, at(1))
	f.want(t, f.picture(), FanoutIncomplete)
	f.Done(s[1], FanoutRejected, nil, at(2))
	f.want(t, "rr", FanoutExhausted)
	if f.Deadline() != at(10) {
		t.Errorf("deadline %v, want 10 s after the start", f.Deadline())
	}
}

// Whatever happens, every node is asked at most once, no more than Fanout at a
// time, and the search comes to an end.
func TestFanoutEnds(t *testing.T) {
	target, list := ring(t, 60)
	r := rand.New(rand.NewPCG(1, 9))
	for round := range 300 {
		cfg := FanoutConfig{Target: target, Consensus: r.IntN(5), Width: r.IntN(12), Fanout: 1 + r.IntN(6),
			Throttled: r.IntN(2) == 0, Timeout: 10 * time.Second, Extra: time.Duration(r.IntN(3)) * time.Second}
		pick := func() []*Entry { return []*Entry{list[r.IntN(60)], list[r.IntN(60)], list[r.IntN(60)]} }
		f := NewFanout(cfg, pick(), t0)
		now := t0
		asked := make(map[*FanoutNode]bool)
		var running []*FanoutNode
		for i := 0; !f.Finished(now); i++ {
			if i > 1000 {
				t.Fatalf("round %d: no end in sight: %s", round, f.picture())
			}
			for _, n := range f.startAll(now) {
				if asked[n] {
					t.Fatalf("round %d: a node is asked twice", round)
				}
				asked[n] = true
				running = append(running, n)
			}
			for _, n := range f.Cut(now) {
				running = slices.DeleteFunc(running, func(x *FanoutNode) bool { return x == n })
			}
			if len(running) > cfg.Fanout || f.progress != len(running) {
				t.Fatalf("round %d: %d running, counted %d, allowed %d", round, len(running), f.progress, cfg.Fanout)
			}
			if len(running) > 0 && r.IntN(3) > 0 {
				n := running[r.IntN(len(running))]
				running = slices.DeleteFunc(running, func(x *FanoutNode) bool { return x == n })
				f.Done(n, FanoutTimeout+FanoutStage(r.IntN(5)), pick(), now)
			} else {
				now = minTime(f.Wake(now), now.Add(time.Second))
			}
		}
	}
}
