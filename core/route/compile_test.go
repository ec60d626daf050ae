package route

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

var reliable = SafetySpec{HopCount: 1, Stability: Reliable, Sequencing: wire.PreferOrdered}

// remoteRoute is a private route of one hop of somebody else.
func (n *net) remoteRoute(t testing.TB, owner, hop *node, name string) *wire.PrivateRoute {
	t.Helper()
	pr, err := owner.onion.AssemblePrivateRoute([]*wire.PeerInfo{hop.info}, n.pair(t, name), owner.info, true)
	if err != nil {
		t.Fatal(err)
	}
	return pr
}

func (n *net) compile(t testing.TB, target Target, sel SafetySelection, reply crypto.PublicKey, now time.Time) *Compiled {
	t.Helper()
	c, err := n.store.Compile(target, sel, reply, now)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The four combinations of spec 05 §1 that use a route arrive, and so do their answers.
func TestQuestionAndAnswer(t *testing.T) {
	for _, tt := range []struct {
		name   string
		route  bool // the target is a private route
		sel    SafetySelection
		path   Path // of the question
		answer Path // of the answer
	}{
		{"safe to a node", false, Safe(reliable), SafetyRouted, PrivateRouted},
		{"safe to a route", true, Safe(reliable), PrivateRouted, PrivateRouted},
		{"unsafe to a route", true, Unsafe(wire.EnsureOrdered), PrivateRouted, SafetyRouted},
		{"three hops to a node", false, Safe(SafetySpec{HopCount: 3, Sequencing: wire.PreferUnordered}), SafetyRouted, PrivateRouted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newNet(t, 8, nil)
			// The other end is a node with a store of its own.
			far := n.others[0]
			farTable := &table{own: far.info, known: n.table.known, cut: n.table.cut}
			for i, c := range n.table.candidates {
				if i > 0 {
					farTable.candidates = append(farTable.candidates, c)
				}
			}
			farStore, err := NewStore(DefaultConfig(), far.onion.crypto, far.onion, farTable)
			if err != nil {
				t.Fatal(err)
			}
			own := map[crypto.NodeID]OwnRoutes{n.us.id: n.store, far.id: farStore}

			target := Target{Node: far.info}
			if tt.route {
				id, err := farStore.Allocate(AllocateRequest{HopCount: 2, Ordering: Ordered, Stability: Reliable}, start)
				if err != nil {
					t.Fatal(err)
				}
				blob, err := farStore.ExportBlob(id, true)
				if err != nil {
					t.Fatal(err)
				}
				imported, err := n.store.ImportBlob(blob, start)
				if err != nil || imported != id {
					t.Fatalf("imported %v, %v, want %v", imported, err, id)
				}
				if target.Route, err = n.store.RemoteRoute(imported, start); err != nil {
					t.Fatal(err)
				}
				target.Node = nil
			}
			reply, err := n.store.ReplyRoute(target, tt.sel, start)
			if err != nil {
				t.Fatal(err)
			}
			c := n.compile(t, target, tt.sel, reply.Key, start)
			if !tt.sel.IsUnsafe() && c.SafetyRoute.PublicKey != reply.Key {
				t.Error("the reply route is not the safety route")
			}
			r, err := n.store.onion.Seal(c, []byte("question"))
			if err != nil {
				t.Fatal(err)
			}
			end, a := n.carry(t, n.us, c.First, r, own)
			if end != far || string(a.Payload) != "question" || a.Path != tt.path {
				t.Fatalf("%q arrived at %s by %v", a.Payload, end.name, a.Path)
			}

			back, sel, err := AnswerTo(a.Arrival, reply.RespondTo)
			if err != nil {
				t.Fatal(err)
			}
			c, err = farStore.Compile(Target{Route: back}, sel, zeroKey, start)
			if err != nil {
				t.Fatal(err)
			}
			if r, err = farStore.onion.Seal(c, []byte("answer")); err != nil {
				t.Fatal(err)
			}
			end, a = n.carry(t, far, c.First, r, own)
			if end != n.us || string(a.Payload) != "answer" || a.Path != tt.answer {
				t.Fatalf("%q arrived at %s by %v", a.Payload, end.name, a.Path)
			}
			if err := reply.Accepts(a.Arrival); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestLoopbackOfAStore(t *testing.T) {
	n := newNet(t, 6, nil)
	for hops := 1; hops <= 4; hops++ {
		for _, ordering := range []Ordering{Ordered, Unordered} {
			id := n.allocate(t, AllocateRequest{HopCount: hops, Ordering: ordering})
			target, sel, err := n.store.Loopback(id, ordering.Strict())
			if err != nil {
				t.Fatal(err)
			}
			reply, err := n.store.ReplyRoute(target, sel, start)
			if err != nil {
				t.Fatal(err)
			}
			if reply.RespondTo != target.Route || reply.Key != target.Route.PublicKey {
				t.Errorf("the answer takes another way: %v", reply.Key)
			}
			c := n.compile(t, target, sel, reply.Key, start)
			if !c.Loopback || c.SafetyID != id || c.Sequencing != ordering.Strict() || c.DatagramsOnly != (ordering == Unordered) {
				t.Errorf("compiled %+v", c)
			}
			r, err := n.store.onion.Seal(c, []byte("?"))
			if err != nil {
				t.Fatal(err)
			}
			end, a := n.carry(t, n.us, c.First, r, map[crypto.NodeID]OwnRoutes{n.us.id: n.store})
			if end != n.us || a.Path != PrivateRouted || a.Reply.Preferred != id {
				t.Errorf("arrived at %s by %+v", end.name, a.Arrival)
			}
		}
	}
}

func TestSequencingIsNarrowed(t *testing.T) {
	n := newNet(t, 3, nil)
	n.table.noUDP = true
	sel := Safe(SafetySpec{HopCount: 2, Sequencing: wire.PreferUnordered})
	c := n.compile(t, Target{Node: n.others[0].info}, sel, zeroKey, start)
	if c.Sequencing != wire.PreferOrdered {
		t.Errorf("%v over ordered links", c.Sequencing)
	}
}

func TestUnsafeToAStub(t *testing.T) {
	n := newNet(t, 1, nil)
	stub, err := NodeStub(n.others[0].info, crypto.KindVLD0)
	if err != nil {
		t.Fatal(err)
	}
	c := n.compile(t, Target{Route: stub}, Unsafe(wire.PreferOrdered), zeroKey, start)
	r, err := n.store.onion.Seal(c, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	end, a := n.carry(t, n.us, c.First, r, nil)
	if end != n.others[0] || a.Path != SafetyRouted || a.SafetyKey != n.us.pair.Public || !c.Stub() {
		t.Errorf("arrived at %s by %+v", end.name, a.Arrival)
	}
}

// The first compilation names every node by its peer info; once the route is proved the
// same one is compiled with ids, and that is kept.
func TestCompiledRouteIsKept(t *testing.T) {
	n := newNet(t, 6, nil)
	for range 3 {
		n.allocate(t, AllocateRequest{HopCount: 2, Ordering: Ordered, Stability: Reliable})
	}
	target := Target{Route: n.remoteRoute(t, n.others[0], n.others[1], "far")}
	sel := Safe(SafetySpec{HopCount: 2, Stability: Reliable, Sequencing: wire.PreferOrdered})
	nextNode := func(c *Compiled) wire.RouteHop {
		action, err := n.find(t, c.First.NodeID).onion.Peel(&wire.Route{SafetyRoute: c.SafetyRoute}, n.us.id, true, nil)
		if err != nil {
			t.Fatal(err)
		}
		return action.(*Forward).Next
	}
	first := n.compile(t, target, sel, zeroKey, start)
	if nextNode(first).PeerInfo == nil {
		t.Error("the first compilation names an id")
	}
	if again := n.compile(t, target, sel, zeroKey, start); again != first {
		t.Error("an unproved route is compiled again")
	}
	n.with(t, first.SafetyID, valid)
	second := n.compile(t, target, sel, zeroKey, start)
	if second == first || second.SafetyID != first.SafetyID {
		t.Error("the proved route is not compiled with ids, or another is")
	}
	if nextNode(second).PeerInfo != nil {
		t.Error("the second compilation names peer infos")
	}
	if third := n.compile(t, target, sel, zeroKey, start); third != second {
		t.Error("the optimized compilation is not kept")
	}
}

func TestCompiledRouteBecomesInvalid(t *testing.T) {
	for _, tt := range []struct {
		name   string
		own    bool // the target is our own route
		change func(n *net, c *Compiled, target Target, id crypto.RouteID)
	}{
		{"its safety route is released", false, func(n *net, c *Compiled, _ Target, _ crypto.RouteID) {
			n.store.Release(c.SafetyID)
		}},
		{"its safety route dies", false, func(n *net, c *Compiled, _ Target, _ crypto.RouteID) {
			for range 3 {
				n.store.TestDone(LoopTest{c.SafetyID, Ordered}, TestResult{Outcome: NoAnswer, Evidence: 1}, start)
			}
		}},
		{"a question is lost", false, func(n *net, c *Compiled, target Target, _ crypto.RouteID) {
			n.store.QuestionLost(Via{Safety: c.SafetyRoute.PublicKey, Ordering: Ordered}, target, start, 1, start)
		}},
		{"the imported route is released", false, func(n *net, _ *Compiled, _ Target, id crypto.RouteID) {
			n.store.Release(id)
		}},
		{"the imported route fails to send", false, func(n *net, _ *Compiled, target Target, _ crypto.RouteID) {
			n.store.SendFailed(Via{Remote: target.Route.PublicKey, Ordering: Ordered}, start)
		}},
		{"our own target is released", true, func(n *net, _ *Compiled, _ Target, id crypto.RouteID) {
			n.store.Release(id)
		}},
		{"our own target dies", true, func(n *net, _ *Compiled, _ Target, id crypto.RouteID) {
			for range 3 {
				n.store.TestDone(LoopTest{id, Ordered}, TestResult{Outcome: NoAnswer, Evidence: 1}, start)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newNet(t, 6, nil)
			target := Target{Route: n.remoteRoute(t, n.others[0], n.others[1], "far")}
			var id crypto.RouteID
			if tt.own {
				id = n.allocate(t, AllocateRequest{HopCount: 1, Ordering: Ordered})
				own, _, err := n.store.Loopback(id, wire.PreferOrdered)
				if err != nil {
					t.Fatal(err)
				}
				target = own
			} else {
				blob, err := wire.EncodeRouteBlob([]*wire.PrivateRoute{target.Route})
				if err != nil {
					t.Fatal(err)
				}
				if id, err = n.store.ImportBlob(blob, start); err != nil {
					t.Fatal(err)
				}
			}
			sel := Safe(reliable)
			before := n.compile(t, target, sel, zeroKey, start)
			if again := n.compile(t, target, sel, zeroKey, start); again != before {
				t.Fatal("not kept to begin with")
			}
			tt.change(n, before, target, id)
			if after := n.compile(t, target, sel, zeroKey, start); after == before {
				t.Error("still used")
			}
		})
	}
}

func TestReplyRouteGone(t *testing.T) {
	n := newNet(t, 4, nil)
	target := Target{Node: n.others[0].info}
	reply, err := n.store.ReplyRoute(target, Safe(reliable), start)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.store.Release(n.store.Routes(start)[0].ID); err != nil {
		t.Fatal(err)
	}
	if _, err := n.store.Compile(target, Safe(reliable), reply.Key, start); !errors.Is(err, ErrTryAgain) {
		t.Errorf("error %v", err)
	}
}

// Callers of one target wait for one compilation.
func TestCompileOnce(t *testing.T) {
	n := newNet(t, 6, nil)
	target := Target{Route: n.remoteRoute(t, n.others[0], n.others[1], "far")}
	var wg sync.WaitGroup
	got := make([]*Compiled, 16)
	for i := range got {
		wg.Go(func() {
			c, err := n.store.Compile(target, Safe(reliable), zeroKey, start)
			if err != nil {
				t.Error(err)
			}
			got[i] = c
		})
	}
	wg.Wait()
	for i := range got {
		if got[i] != got[0] {
			t.Fatal("compiled more than once")
		}
	}
	if len(n.store.compiling) != 0 {
		t.Error("a compilation is still marked as under way")
	}
	if n := len(n.store.Routes(start)); n != 1 {
		t.Errorf("%d routes allocated", n)
	}
}

func TestCompileFaults(t *testing.T) {
	n := newNet(t, 4, nil)
	none := crypto.PublicKey{Kind: crypto.KindNONE}
	hop := &wire.RouteHop{PeerInfo: n.others[0].info}
	for _, tt := range []struct {
		name   string
		target Target
		sel    SafetySelection
		want   error
	}{
		{"no target", Target{}, Safe(reliable), ErrUnreachable},
		{"no target, unsafe", Target{}, Unsafe(wire.PreferOrdered), ErrUnreachable},
		{"a node without keys", Target{Node: &wire.PeerInfo{}}, Safe(reliable), ErrUnreachable},
		{"a route of another kind", Target{Route: &wire.PrivateRoute{PublicKey: none, FirstHop: hop}}, Safe(reliable), crypto.ErrUnsupported},
		{"the same, unsafe", Target{Route: &wire.PrivateRoute{PublicKey: none, FirstHop: hop}}, Unsafe(wire.PreferOrdered), ErrUnreachable},
		{"a route without first hop", Target{Route: &wire.PrivateRoute{PublicKey: n.others[0].pair.Public}}, Safe(reliable), ErrInvalid},
		{"the same, unsafe", Target{Route: &wire.PrivateRoute{PublicKey: n.others[0].pair.Public}}, Unsafe(wire.PreferOrdered), ErrInvalid},
		{"too many hops", Target{Node: n.others[0].info}, Safe(SafetySpec{HopCount: 5}), ErrTooManyHops},
		{"too few nodes", Target{Node: n.others[0].info}, Safe(SafetySpec{HopCount: 4}), ErrTryAgain},
	} {
		if c, err := n.store.Compile(tt.target, tt.sel, zeroKey, start); !errors.Is(err, tt.want) {
			t.Errorf("%s: %+v, %v, want %v", tt.name, c, err, tt.want)
		}
	}
	if len(n.store.compiling) != 0 {
		t.Error("a compilation is still marked as under way")
	}
}
