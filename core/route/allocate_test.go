package route

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

func TestAllocateFaults(t *testing.T) {
	n := newNet(t, 3, nil)
	for _, tt := range []struct {
		name string
		req  AllocateRequest
		want error
	}{
		{"no hops", AllocateRequest{}, ErrHopCount},
		{"too many hops", AllocateRequest{HopCount: 5}, ErrTooManyHops},
		{"an unknown kind", AllocateRequest{HopCount: 1, Kinds: crypto.Kinds{crypto.KindNONE}}, ErrKinds},
		{"a kind twice", AllocateRequest{HopCount: 1, Kinds: crypto.Kinds{crypto.KindVLD0, crypto.KindVLD0}}, ErrKinds},
		{"too few nodes", AllocateRequest{HopCount: 4}, ErrTryAgain},
		{"too few after avoiding", AllocateRequest{HopCount: 3, Avoid: []crypto.NodeID{n.others[1].id}}, ErrTryAgain},
	} {
		if _, err := n.store.Allocate(tt.req, start); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	n.table.own = nil
	if _, err := n.store.Allocate(AllocateRequest{HopCount: 1}, start); !errors.Is(err, ErrTryAgain) {
		t.Errorf("unpublished: %v", err)
	}
	if got := n.store.Routes(start); len(got) != 0 {
		t.Errorf("%d routes were made", len(got))
	}
}

func TestAllocateLengths(t *testing.T) {
	n := newNet(t, 8, nil)
	for hops := 1; hops <= 4; hops++ {
		info := n.info(t, n.allocate(t, AllocateRequest{HopCount: hops, Stability: Reliable, Ordering: Ordered}))
		if len(info.Hops) != hops || info.Directions != Both || info.Ordering != Ordered || info.Automatic || !info.NeedsTest {
			t.Errorf("%+v", info)
		}
		seen := slices.Clone(info.Hops)
		slices.SortFunc(seen, func(a, b crypto.NodeID) int { return a.Compare(b, nil) })
		if len(slices.Compact(seen)) != hops {
			t.Errorf("a node twice in %v", info.Hops)
		}
	}
}

// As many candidates as hops is enough, and the same hops serve again when there are no
// others (pass 3).
func TestAllocateExactlyEnough(t *testing.T) {
	n := newNet(t, 2, nil)
	paths := make(map[string]int)
	for range 4 {
		info := n.info(t, n.allocate(t, AllocateRequest{HopCount: 2, Ordering: Ordered, Automatic: true}))
		paths[pathOf(info.Hops)]++
	}
	// The first of a window stays; one window of two has one order.
	if len(paths) != 1 {
		t.Errorf("%d paths", len(paths))
	}
}

func TestAllocateSpreadsUse(t *testing.T) {
	n := newNet(t, 5, nil)
	uses := make(map[crypto.NodeID]int)
	for range 5 { // the slowest is not dropped: a fifth of five rounds to none
		info := n.info(t, n.allocate(t, AllocateRequest{HopCount: 1, Ordering: Ordered}))
		uses[info.Hops[0]]++
	}
	if len(uses) != 5 {
		t.Errorf("uses %v", uses)
	}
	for id, count := range uses {
		if count > 1 {
			t.Errorf("%v is used %d times", id, count)
		}
	}
}

func TestDropSlowest(t *testing.T) {
	for _, tt := range []struct{ have, keep, want int }{
		{5, 1, 5}, {9, 1, 8}, {10, 1, 9}, {10, 10, 10}, {11, 2, 9}, {20, 1, 17}, {100, 2, 81}, {0, 0, 0},
	} {
		fit := make([]Candidate, tt.have)
		for i := range fit {
			fit[i].Latency = time.Duration(tt.have - i) // the slowest first
		}
		got := dropSlowest(fit, tt.keep)
		if len(got) != tt.want {
			t.Errorf("%d of %d left, want %d", len(got), tt.have, tt.want)
		}
		for i := range got { // the fast ones, in their order
			if want := time.Duration(tt.want - i); got[i].Latency != want {
				t.Fatalf("of %d: latency %v at %d, want %v", tt.have, got[i].Latency, i, want)
			}
		}
	}
	unmeasured := []Candidate{{Latency: 0}, {Latency: 1}, {Latency: 2}, {Latency: 3}, {Latency: 4},
		{Latency: 5}, {Latency: 6}, {Latency: 7}, {Latency: 8}, {Latency: 9}}
	if got := dropSlowest(unmeasured, 1); len(got) != 9 || got[0].Latency != 1 {
		t.Errorf("the unmeasured one is not the slowest: %v", got)
	}
}

func TestSortCandidates(t *testing.T) {
	make1 := func(name string, c Candidate) Candidate {
		c.PeerInfo = newNode(t, name, 1, nil).info
		return c
	}
	list := []Candidate{
		make1("used", Candidate{Reliable: true, Steady: start, Latency: 1}),
		make1("near", Candidate{Reliable: true, Steady: start, NearUs: true, Latency: 1}),
		make1("unreliable", Candidate{Steady: start, Latency: 1}),
		make1("young", Candidate{Reliable: true, Steady: start.Add(time.Hour), Latency: 1}),
		make1("slow", Candidate{Reliable: true, Steady: start, Latency: 2}),
		make1("unknown", Candidate{Reliable: true}),
	}
	uses := map[crypto.NodeID]int{list[0].PeerInfo.NodeIDs[0]: 1}
	name := func(c Candidate) string {
		for i, n := range []string{"used", "near", "unreliable", "young", "slow", "unknown"} {
			if newNode(t, n, i, nil).id == c.PeerInfo.NodeIDs[0] {
				return n
			}
		}
		return "?"
	}
	for stability, want := range map[Stability][]string{
		Reliable:   {"slow", "young", "unknown", "unreliable", "near", "used"},
		LowLatency: {"young", "slow", "unknown", "unreliable", "near", "used"},
	} {
		sorted := slices.Clone(list)
		sortCandidates(sorted, stability, uses)
		var got []string
		for _, c := range sorted {
			got = append(got, name(c))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v: %v, want %v", stability, got, want)
		}
	}
}

// Each way in which a set of hops can be refused.
func TestSearchRules(t *testing.T) {
	relay := func(id crypto.NodeID) func(*wire.NodeInfo) {
		return func(i *wire.NodeInfo) {
			i.Relays = []wire.RelayInfo{{NodeIDs: []crypto.NodeID{id}, OutboundProtocols: wire.AllProtocols,
				AddressTypes: wire.Addresses(wire.IPv4), DialInfo: i.DialInfo}}
		}
	}
	stranger := newNode(t, "stranger", 99, nil)
	for _, tt := range []struct {
		name   string
		change func(n *net)
		want   bool
	}{
		{"nothing in the way", func(*net) {}, true},
		{"a node with its relay", func(n *net) {
			n.replace(t, 0, "n0", relay(n.others[1].id))
		}, false},
		{"two nodes with one relay", func(n *net) {
			n.replace(t, 0, "n0", relay(stranger.id))
			n.replace(t, 1, "n1", relay(stranger.id))
		}, false},
		{"one node with a relay", func(n *net) { n.replace(t, 0, "n0", relay(stranger.id)) }, true},
		{"one node with a relay over two transports", func(n *net) {
			n.replace(t, 0, "n0", func(i *wire.NodeInfo) {
				relay(stranger.id)(i)
				i.Relays = append(i.Relays, i.Relays[0])
				i.Relays[1].Kind = wire.RelayOutbound
			})
		}, true},
		{"the same block", func(n *net) { n.table.candidates[1].Blocks = n.table.candidates[0].Blocks }, true},
		{"no relay-capable node", func(n *net) {
			n.table.candidates[0].RelayCapable, n.table.candidates[1].RelayCapable = false, false
		}, true},
		{"no contact to either", func(n *net) {
			n.table.cut[[2]crypto.NodeID{n.us.id, n.others[0].id}] = true
			n.table.cut[[2]crypto.NodeID{n.us.id, n.others[1].id}] = true
		}, false},
		{"no contact between them", func(n *net) {
			n.table.cut[[2]crypto.NodeID{n.others[0].id, n.others[1].id}] = true
			n.table.cut[[2]crypto.NodeID{n.others[1].id, n.others[0].id}] = true
		}, false},
		{"the only one to avoid", func(n *net) { n.replace(t, 0, "n0", nil); n.table.candidates = n.table.candidates[:1] }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newNet(t, 2, nil)
			tt.change(n)
			_, err := n.store.Allocate(AllocateRequest{HopCount: 2, Ordering: Ordered}, start)
			if tt.want != (err == nil) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// replace gives a node another peer info.
func (n *net) replace(t *testing.T, i int, name string, change func(*wire.NodeInfo)) {
	o := newNode(t, name, i, change)
	n.others[i] = o
	n.table.known[o.id] = o.info
	n.table.candidates[i].PeerInfo = o.info
}

// The rounds go from the best to the least good set.
func TestSearchPrefers(t *testing.T) {
	t.Run("diverse blocks", func(t *testing.T) {
		n := newNet(t, 4, nil)
		shared := []netip.AddrPort{netip.AddrPortFrom(netip.MustParseAddr("44.81.77.0"), 0)}
		for i := range 3 { // 0, 1 and 2 share a block: only 3 goes with one of them
			n.table.candidates[i].Blocks = shared
		}
		info := n.info(t, n.allocate(t, AllocateRequest{HopCount: 2, Ordering: Ordered}))
		if !slices.Contains(info.Hops, n.others[3].id) {
			t.Errorf("hops %v", info.Hops)
		}
	})
	t.Run("a port as a place", func(t *testing.T) {
		n := newNet(t, 2, nil)
		for i := range n.table.candidates { // one address, two ports
			n.table.candidates[i].Blocks = []netip.AddrPort{netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(5150+i))}
		}
		s := search{req: &AllocateRequest{HopCount: 2}, fit: n.table.candidates, chosen: []int{0, 1}}
		if !s.diverse() {
			t.Error("two ports count as one place")
		}
	})
	t.Run("a relay at the far end", func(t *testing.T) {
		n := newNet(t, 2, nil)
		n.table.candidates[0].RelayCapable = false
		info := n.info(t, n.allocate(t, AllocateRequest{HopCount: 2, Ordering: Ordered}))
		if info.Hops[1] != n.others[1].id {
			t.Errorf("hops %v", info.Hops)
		}
	})
	t.Run("another order", func(t *testing.T) {
		n := newNet(t, 3, nil)
		// Only us, 0, 2, 1 and back is connected.
		n.table.cut[[2]crypto.NodeID{n.others[0].id, n.others[1].id}] = true
		info := n.info(t, n.allocate(t, AllocateRequest{HopCount: 3, Ordering: Ordered, Directions: Out}))
		want := []crypto.NodeID{n.others[0].id, n.others[2].id, n.others[1].id}
		if !slices.Equal(info.Hops, want) {
			t.Errorf("hops %v, want %v", info.Hops, want)
		}
	})
	t.Run("an order not in use", func(t *testing.T) {
		n := newNet(t, 3, nil)
		seen := make(map[string]bool)
		for range 2 { // one window of three has two orders
			seen[pathOf(n.info(t, n.allocate(t, AllocateRequest{HopCount: 3, Ordering: Ordered})).Hops)] = true
		}
		if len(seen) != 2 {
			t.Errorf("%d different routes", len(seen))
		}
	})
}

// Heap's algorithm visits every order of the hops behind the first.
func TestSearchVisitsAllOrders(t *testing.T) {
	for hops := 1; hops <= 5; hops++ {
		n := newNet(t, hops, nil)
		seen := make(map[string]bool)
		s := search{
			req: &AllocateRequest{HopCount: hops}, own: n.us.info, nodes: n.table, fit: n.table.candidates,
			paths: seen, contacts: make(map[link]bool), chosen: make([]int, hops),
		}
		// Every accepted order is marked as in use, until none is left.
		for s.window(0, 1, noHopRelays) {
			if s.chosen[0] != 0 {
				t.Fatal("the first hop has moved")
			}
			ids := make([]crypto.NodeID, hops)
			for i, c := range s.chosen {
				ids[i] = s.fit[c].PeerInfo.NodeIDs[0]
			}
			seen[pathOf(ids)] = true
		}
		want := 1
		for i := 2; i < hops; i++ {
			want *= i
		}
		if len(seen) != want {
			t.Errorf("%d hops: %d orders, want %d", hops, len(seen), want)
		}
	}
}

// A large table in which nobody reaches anybody must not cost much.
func TestSearchIsBounded(t *testing.T) {
	n := newNet(t, 0, nil)
	for i := range 3000 {
		pub := crypto.PublicKey{Kind: crypto.KindVLD0, Value: [32]byte{1, byte(i), byte(i >> 8)}}
		n.table.candidates = append(n.table.candidates, Candidate{PeerInfo: &wire.PeerInfo{
			NodeIDs: []crypto.NodeID{crypto.NodeIDOf(pub)},
			Info:    wire.NodeInfo{PublicKeys: []crypto.PublicKey{pub}},
		}})
		n.table.cut[[2]crypto.NodeID{n.us.id, crypto.NodeIDOf(pub)}] = true
	}
	if _, err := n.store.Allocate(AllocateRequest{HopCount: 4, Ordering: Ordered}, start); !errors.Is(err, ErrTryAgain) {
		t.Fatalf("error %v", err)
	}
	if most := passes * int(relayPolicies) * maxWindows; n.table.asked > most {
		t.Errorf("%d contacts computed, want at most %d", n.table.asked, most)
	}
}

// The hops of a route that died are avoided, unless there are no others, as long as the
// loss epoch holds.
func TestDeadHopsAreAvoided(t *testing.T) {
	n := newNet(t, 2, nil)
	kill := func() crypto.NodeID {
		t.Helper()
		id := n.allocate(t, AllocateRequest{HopCount: 1, Ordering: Ordered, Automatic: true})
		hop := n.info(t, id).Hops[0]
		for range n.store.cfg.MaxOrderedFails {
			n.store.TestDone(LoopTest{id, Ordered}, TestResult{Outcome: NoAnswer, Evidence: 1}, start)
		}
		if info := n.info(t, id); !info.Dead {
			t.Fatal("the route lives")
		}
		if err := n.store.Release(id); err != nil {
			t.Fatal(err)
		}
		return hop
	}
	next := func(ordering Ordering) crypto.NodeID {
		t.Helper()
		id := n.allocate(t, AllocateRequest{HopCount: 1, Ordering: ordering, Automatic: true})
		hop := n.info(t, id).Hops[0]
		if err := n.store.Release(id); err != nil {
			t.Fatal(err)
		}
		return hop
	}
	dead := kill()
	if got := next(Ordered); got == dead {
		t.Error("the dead hop is used at once")
	}
	if got := next(Unordered); got != dead {
		t.Error("the hop is avoided for the other ordering")
	}
	other := kill()
	if other == dead {
		t.Fatal("the same hop died twice")
	}
	if got := next(Ordered); got != dead {
		t.Errorf("with no other hop the dead one is not used: %v", got)
	}
	n.store.SetOnline(false)
	n.store.SetOnline(true)
	if got := next(Ordered); got != dead {
		t.Error("the hop is avoided in another epoch")
	}
}

func TestDeadHopsAreBounded(t *testing.T) {
	n := newNet(t, 8, nil)
	for i := range 30 {
		id := n.allocate(t, AllocateRequest{HopCount: 2, Ordering: Ordered, Automatic: true})
		for range n.store.cfg.MaxOrderedFails {
			n.store.TestDone(LoopTest{id, Ordered}, TestResult{Outcome: NoAnswer, Evidence: 1}, start)
		}
		if got, most := len(n.store.deadHops[Ordered]), 4*n.store.cfg.MaxHopCount; got > most {
			t.Fatalf("%d dead hops after %d routes, want at most %d", got, i+1, most)
		}
	}
}

// A network of three nodes, us included, becomes usable.
func TestThreeNodes(t *testing.T) {
	n := newNet(t, 2, func(c *Config) { c.ShortRoutes = true })
	for i := range 4 {
		plan := n.store.Manage(Health{Online: true, Streams: true}, start.Add(time.Duration(i)*time.Minute))
		for _, w := range plan.Allocate {
			id, err := n.store.Allocate(w.Request(), start)
			if err != nil {
				t.Fatal(err)
			}
			n.store.TestDone(LoopTest{id, Ordered}, TestResult{Outcome: Answered}, start.Add(time.Duration(i)*time.Minute))
		}
	}
	if !n.store.Ready(false) {
		t.Error("not ready")
	}
	for i, o := range n.others {
		target := Target{Node: o.info}
		sel := Safe(SafetySpec{HopCount: 1, Stability: Reliable, Sequencing: wire.PreferOrdered})
		reply, err := n.store.ReplyRoute(target, sel, start)
		if err != nil {
			t.Fatal(err)
		}
		c, err := n.store.Compile(target, sel, reply.Key, start)
		if err != nil {
			t.Fatal(err)
		}
		if want := n.others[1-i].id; c.First.NodeID != want {
			t.Errorf("to %s by %v, want the other node", o.name, c.First.NodeID)
		}
	}
}

func ExampleOrderingOf() {
	fmt.Println(OrderingOf(wire.UDP), OrderingOf(wire.WS), Ordered.Strict())
	// Output: Unordered Ordered EnsureOrdered
}
