package route

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// The table of spec 05 §9: what the asker names.
func TestReplyRoute(t *testing.T) {
	n := newNet(t, 6, nil)
	far := n.remoteRoute(t, n.others[0], n.others[1], "far")
	t.Run("node, unsafe", func(t *testing.T) {
		r, err := n.store.ReplyRoute(Target{Node: n.others[0].info}, Unsafe(wire.PreferOrdered), start)
		if err != nil || r.RespondTo != nil || r.Stub() {
			t.Errorf("%+v, %v", r, err)
		}
	})
	t.Run("node, safe", func(t *testing.T) {
		r, err := n.store.ReplyRoute(Target{Node: n.others[0].info}, Safe(reliable), start)
		if err != nil || r.Key.IsZero() || r.Key != r.RespondTo.PublicKey {
			t.Fatalf("%+v, %v", r, err)
		}
		own, ok := n.store.OwnRoute(r.Key)
		if !ok || len(own.Hops) != 2 || slices.Contains(own.Hops, n.others[0].id) {
			t.Errorf("hops %v, want two without the target", own.Hops)
		}
	})
	t.Run("route, safe", func(t *testing.T) {
		r, err := n.store.ReplyRoute(Target{Route: far}, Safe(reliable), start)
		if err != nil {
			t.Fatal(err)
		}
		own, ok := n.store.OwnRoute(r.Key)
		if !ok || len(own.Hops) != 1 || slices.Contains(own.Hops, n.others[1].id) {
			t.Errorf("hops %v, want one that is not the first of the target", own.Hops)
		}
	})
	t.Run("route, unsafe", func(t *testing.T) {
		r, err := n.store.ReplyRoute(Target{Route: far}, Unsafe(wire.PreferOrdered), start)
		if err != nil || !r.Stub() || r.RespondTo.PublicKey != n.us.pair.Public || !IsStub(r.RespondTo) || r.RespondTo.FirstHop.PeerInfo != n.us.info {
			t.Errorf("%+v, %v", r, err)
		}
	})
	t.Run("unpublished", func(t *testing.T) {
		own := n.table.own
		n.table.own = nil
		defer func() { n.table.own = own }()
		if r, err := n.store.ReplyRoute(Target{Route: far}, Unsafe(wire.PreferOrdered), start); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// The stub names our id alone once the far end is known to have our present peer info:
// after an answer to a question that showed it (spec 05 §14.4).
func TestSeenOurNode(t *testing.T) {
	n := newNet(t, 4, nil)
	far := n.remoteRoute(t, n.others[0], n.others[1], "far")
	blob, err := wire.EncodeRouteBlob([]*wire.PrivateRoute{far})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.store.ImportBlob(blob, start); err != nil {
		t.Fatal(err)
	}
	target := Target{Route: far}
	full := func() bool {
		t.Helper()
		r, err := n.store.ReplyRoute(target, Unsafe(wire.PreferOrdered), start)
		if err != nil {
			t.Fatal(err)
		}
		return r.RespondTo.FirstHop.PeerInfo != nil
	}
	via := Via{Remote: far.PublicKey, Ordering: Ordered}
	if !full() {
		t.Error("an id before anything was sent")
	}
	n.store.AnswerReceived(via, target, 10, time.Second, start)
	if !full() {
		t.Error("an id after a safe question")
	}
	via.ShowedNode = true
	n.store.AnswerReceived(via, target, 10, time.Second, start)
	if full() {
		t.Error("peer info although the far end has it")
	}
	n.table.own = newNode(t, "us", 250, func(i *wire.NodeInfo) { i.Timestamp++ }).info
	if !full() {
		t.Error("an id although our peer info is newer")
	}
	// Our own route is always known to have it.
	id := n.allocate(t, AllocateRequest{HopCount: 1, Ordering: Ordered})
	if target, _, err = n.store.Loopback(id, wire.PreferOrdered); err != nil {
		t.Fatal(err)
	}
	if full() {
		t.Error("peer info to our own route")
	}
}

func TestAnswerTo(t *testing.T) {
	route := &wire.PrivateRoute{}
	reply := SafetySpec{HopCount: 2, Sequencing: wire.EnsureOrdered}
	for _, tt := range []struct {
		name  string
		path  Path
		to    *wire.PrivateRoute
		ok    bool
		route *wire.PrivateRoute
		sel   SafetySelection
	}{
		{"direct, sender", Direct, nil, true, nil, Unsafe(wire.EnsureOrdered)},
		{"direct, route", Direct, route, false, nil, SafetySelection{}},
		{"safety-routed, sender", SafetyRouted, nil, false, nil, SafetySelection{}},
		{"safety-routed, route", SafetyRouted, route, true, route, Unsafe(wire.EnsureOrdered)},
		{"private-routed, sender", PrivateRouted, nil, false, nil, SafetySelection{}},
		{"private-routed, route", PrivateRouted, route, true, route, Safe(reply)},
	} {
		got, sel, err := AnswerTo(Arrival{Path: tt.path, Sequencing: wire.EnsureOrdered, Reply: reply}, tt.to)
		if (err == nil) != tt.ok || got != tt.route || sel != tt.sel {
			t.Errorf("%s: %v, %+v, %v", tt.name, got, sel, err)
		}
		if err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestReplyAccepts(t *testing.T) {
	key := crypto.PublicKey{Kind: crypto.KindVLD0, Value: [32]byte{1}}
	other := crypto.PublicKey{Kind: crypto.KindVLD0, Value: [32]byte{2}}
	none, stub, own := Reply{}, Reply{RespondTo: &wire.PrivateRoute{}}, Reply{RespondTo: &wire.PrivateRoute{}, Key: key}
	for _, tt := range []struct {
		name  string
		reply Reply
		a     Arrival
		ok    bool
	}{
		{"none, direct", none, Arrival{Path: Direct}, true},
		{"none, routed", none, Arrival{Path: PrivateRouted, RouteKey: key}, true},
		{"stub, direct", stub, Arrival{Path: Direct}, false},
		{"stub, safety-routed", stub, Arrival{Path: SafetyRouted}, true},
		{"stub, private-routed", stub, Arrival{Path: PrivateRouted, RouteKey: key}, false},
		{"route, direct", own, Arrival{Path: Direct}, false},
		{"route, safety-routed", own, Arrival{Path: SafetyRouted, RouteKey: key}, false},
		{"route, by another", own, Arrival{Path: PrivateRouted, RouteKey: other}, false},
		{"route, by it", own, Arrival{Path: PrivateRouted, RouteKey: key}, true},
	} {
		if err := tt.reply.Accepts(tt.a); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
