package routing

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// text is a short form of a method: kind, first dial info, dial infos of a punch.
func (m ContactMethod) text() string {
	short := func(d wire.DialInfo) string { return fmt.Sprintf("%v:%v", d.Protocol, d.Addr) }
	switch m.Kind {
	case ContactExisting:
		return "Existing"
	case ContactSignalHolePunch:
		return fmt.Sprintf("%v %s %s %s", m.Kind, short(m.DialInfo), short(m.Target), short(m.Own))
	}
	return fmt.Sprintf("%v %s", m.Kind, short(m.DialInfo))
}

// Ways to reach a node (spec 04 §10.1).
func TestContactMethods(t *testing.T) {
	const a4, b4, r4 = "44.2.0.1:5150", "45.1.1.1:5150", "46.1.1.1:5150"
	const b6, r6 = "[2a02:1::1]:5150", "[2a03:1::1]:5150"
	relayID := crypto.NodeID{Kind: crypto.KindVLD0, Value: [32]byte{9}}
	relay := func(texts ...string) []wire.RelayInfo {
		return []wire.RelayInfo{{NodeIDs: []crypto.NodeID{relayID}, DialInfo: sortedDetails(direct(texts...))}}
	}
	blocked := func(text string) wire.DialInfoDetail { return did(wire.ClassPortRestrictedNAT, text) }
	own := direct("UDP "+a4, "TCP "+a4)
	nodes := func(change func(a, b *wire.NodeInfo)) (a, b *wire.PeerInfo) {
		a = &wire.PeerInfo{Domain: wire.PublicInternet, NodeIDs: []crypto.NodeID{{Kind: crypto.KindVLD0, Value: [32]byte{1}}}}
		b = &wire.PeerInfo{Domain: wire.PublicInternet, NodeIDs: []crypto.NodeID{{Kind: crypto.KindVLD0, Value: [32]byte{2}}}}
		for _, p := range []*wire.PeerInfo{a, b} {
			p.Info.OutboundProtocols, p.Info.AddressTypes = wire.AllProtocols, wire.AllAddresses
		}
		a.Info.DialInfo = own
		change(&a.Info, &b.Info)
		a.Info.DialInfo, b.Info.DialInfo = sortedDetails(a.Info.DialInfo), sortedDetails(b.Info.DialInfo)
		return a, b
	}
	for _, c := range []struct {
		name     string
		change   func(a, b *wire.NodeInfo)
		seq      wire.Sequencing
		filter   DialFilter
		unsignal bool // our description is not the published one
		want     []string
	}{
		{name: "direct, ordered preferred", seq: wire.PreferOrdered,
			change: func(a, b *wire.NodeInfo) { b.DialInfo = direct("UDP "+b4, "WS: "+b4, "TCP "+b4, "TCP "+b6) },
			want:   []string{"Direct TCP:" + b6, "Direct TCP:" + b4, "Direct WS:" + b4}},
		{name: "direct, unordered preferred", seq: wire.PreferUnordered,
			change: func(a, b *wire.NodeInfo) { b.DialInfo = direct("TCP "+b4, "UDP "+b4) },
			want:   []string{"Direct UDP:" + b4, "Direct TCP:" + b4}},
		{name: "ordered preferred, only UDP", seq: wire.PreferOrdered,
			change: func(a, b *wire.NodeInfo) { b.DialInfo = direct("UDP " + b4) },
			want:   []string{"Direct UDP:" + b4}},
		{name: "ordered ensured, only UDP", seq: wire.EnsureOrdered,
			change: func(a, b *wire.NodeInfo) { b.DialInfo = direct("UDP " + b4) }},
		{name: "filter for the lower ordering leaves nothing", seq: wire.PreferOrdered,
			filter: DialFilter{wire.Protocols(wire.UDP), wire.AllAddresses},
			change: func(a, b *wire.NodeInfo) { b.DialInfo = direct("UDP "+b4, "TCP "+b4) }},
		{name: "protocols we cannot dial", seq: wire.PreferUnordered,
			change: func(a, b *wire.NodeInfo) {
				a.OutboundProtocols, a.AddressTypes = wire.Protocols(wire.WS), wire.Addresses(wire.IPv4)
				b.DialInfo = direct("UDP "+b4, "TCP "+b4, "WS: "+b4, "WS: "+b6)
			},
			want: []string{"Direct WS:" + b4}},
		{name: "behind our own address", seq: wire.PreferOrdered,
			change: func(a, b *wire.NodeInfo) {
				b.DialInfo, b.Relays = direct("TCP 44.2.0.1:6000"), relay("TCP "+r4)
			},
			// The way back is a hairpin as well, so that there is nothing to signal.
			want: []string{"InboundRelay TCP:" + r4}},
		{name: "relay only", seq: wire.PreferOrdered, unsignal: true,
			change: func(a, b *wire.NodeInfo) { b.Relays = relay("TCP "+r4, "UDP "+r4, "TCP "+r6) },
			want:   []string{"InboundRelay TCP:" + r6, "InboundRelay TCP:" + r4}},
		{name: "reverse connection", seq: wire.PreferOrdered,
			change: func(a, b *wire.NodeInfo) {
				b.DialInfo, b.Relays = []wire.DialInfoDetail{blocked("TCP " + b4)}, relay("TCP "+r4)
			},
			want: []string{"SignalReverse TCP:" + r4, "InboundRelay TCP:" + r4}},
		{name: "reverse connection, not published", seq: wire.PreferOrdered, unsignal: true,
			change: func(a, b *wire.NodeInfo) {
				b.DialInfo, b.Relays = []wire.DialInfoDetail{blocked("TCP " + b4)}, relay("TCP "+r4)
			},
			want: []string{"InboundRelay TCP:" + r4}},
		{name: "hole punch", seq: wire.PreferUnordered,
			change: func(a, b *wire.NodeInfo) {
				a.DialInfo = []wire.DialInfoDetail{blocked("UDP " + a4), blocked("TCP " + a4)}
				b.DialInfo, b.Relays = []wire.DialInfoDetail{blocked("UDP " + b4), blocked("UDP " + b6), blocked("TCP " + b4)}, relay("UDP "+r4)
			},
			want: []string{"SignalHolePunch UDP:" + r4 + " UDP:" + b4 + " UDP:" + a4, "InboundRelay UDP:" + r4}},
		{name: "we are its relay", seq: wire.PreferOrdered,
			change: func(a, b *wire.NodeInfo) {
				b.DialInfo = direct("TCP " + b4)
				b.Relays = []wire.RelayInfo{{NodeIDs: []crypto.NodeID{{Kind: crypto.KindVLD0, Value: [32]byte{1}}}, DialInfo: own}}
			},
			want: []string{"Existing", "Direct TCP:" + b4}},
		{name: "we are its relay over UDP, ordered ensured", seq: wire.EnsureOrdered,
			change: func(a, b *wire.NodeInfo) {
				b.Relays = []wire.RelayInfo{{NodeIDs: []crypto.NodeID{{Kind: crypto.KindVLD0, Value: [32]byte{1}}}, DialInfo: direct("UDP " + a4)}}
			}},
		{name: "direct and relay", seq: wire.PreferOrdered,
			change: func(a, b *wire.NodeInfo) { b.DialInfo, b.Relays = direct("TCP "+b4), relay("TCP "+r4) },
			want:   []string{"Direct TCP:" + b4, "SignalReverse TCP:" + r4, "InboundRelay TCP:" + r4}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := nodes(c.change)
			filter := c.filter
			if filter == (DialFilter{}) {
				filter = AnyDialInfo()
			}
			r := reach{domains: dualStack(), domain: wire.PublicInternet, filter: filter, seq: c.seq}
			before := slices.Clone(b.Info.DialInfo)
			var got []string
			for _, m := range r.methods(a, b, !c.unsignal) {
				got = append(got, m.text())
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("\n got %q\nwant %q", got, c.want)
			}
			if !slices.Equal(before, b.Info.DialInfo) {
				t.Error("the description of the target was changed")
			}
		})
	}

	a, b := nodes(func(a, b *wire.NodeInfo) { b.DialInfo = direct("TCP " + b4) })
	b.NodeIDs = []crypto.NodeID{{Kind: crypto.KindNONE}}
	if ms := (&reach{domains: dualStack(), domain: wire.PublicInternet, filter: AnyDialInfo()}).methods(a, b, true); ms != nil {
		t.Errorf("without a common kind: %v", ms)
	}
	a, b = nodes(func(a, b *wire.NodeInfo) {
		b.DialInfo = []wire.DialInfoDetail{did(wire.ClassMapped, "TCP 192.168.7.3:1"), did(wire.ClassDirect, "TCP 192.168.7.3:2")}
		b.Relays = relay("TCP " + r4)
	})
	ln := reach{domains: dualStack(), domain: wire.LocalNetwork, filter: AnyDialInfo(), seq: wire.PreferOrdered}
	if ms := ln.methods(a, b, true); len(ms) != 1 || ms[0].text() != "Direct TCP:192.168.7.3:2" {
		t.Errorf("LocalNetwork: %v, want the direct one only", ms)
	}
}

func TestContactMethodsOfTheTable(t *testing.T) {
	w := newWorld(t)
	tab := w.table(dualStack())
	o := start(tab, ownEverywhere()...)
	e := w.peer(tab, func(n *wire.NodeInfo) {
		n.DialInfo = []wire.DialInfoDetail{did(wire.ClassBlocked, "TCP 45.1.1.1:1")}
		n.Relays = []wire.RelayInfo{{NodeIDs: []crypto.NodeID{{Kind: crypto.KindVLD0, Value: [32]byte{9}}}, DialInfo: direct("TCP 46.1.1.1:1")}}
	})
	kinds := func() (list []ContactKind) {
		for _, m := range tab.ContactMethods(e, wire.PublicInternet, AnyDialInfo(), wire.PreferOrdered, t0) {
			list = append(list, m.Kind)
		}
		return list
	}
	if got := kinds(); !slices.Equal(got, []ContactKind{ContactInboundRelay}) {
		t.Errorf("before we publish: %v, want only the relay", got)
	}
	if changed, err := o.Publish(t0); !changed || err != nil {
		t.Fatal(changed, err)
	}
	if got := kinds(); !slices.Equal(got, []ContactKind{ContactSignalReverse, ContactInboundRelay}) {
		t.Errorf("published: %v, want a reverse connection before the relay", got)
	}
	if got := tab.ContactMethods(e, wire.LocalNetwork, AnyDialInfo(), wire.PreferOrdered, t0); got != nil {
		t.Errorf("in a domain without description: %v", got)
	}
	me, it := o.Published(), e.PeerInfo(wire.PublicInternet)
	if !tab.ContactPossible(me, it, Ordered) || tab.ContactPossible(me, it, Unordered) {
		t.Error("ContactPossible: want ordered and not unordered")
	}
}

func TestChooseMethod(t *testing.T) {
	w := newWorld(t)
	tab := w.table(dualStack())
	o := start(tab, ownEverywhere()...)
	e := w.bare(tab)
	m := func(kind ContactKind, proto wire.ProtocolType, addr string) ContactMethod {
		return ContactMethod{Kind: kind, DialInfo: wire.DialInfo{Protocol: proto, Addr: netip.MustParseAddrPort(addr)}}
	}
	tcp6 := m(ContactDirect, wire.TCP, "[2a02::1]:1")
	tcp4 := m(ContactDirect, wire.TCP, "45.0.0.1:1")
	other4 := m(ContactDirect, wire.TCP, "45.0.0.1:2")
	ws4 := m(ContactDirect, wire.WS, "45.0.0.1:1")
	relay4 := m(ContactInboundRelay, wire.TCP, "46.0.0.1:1")
	list := []ContactMethod{tcp6, tcp4, other4, ws4, relay4}
	choose := func(want ContactMethod, why string, suppressed func(Transport) bool) Choice {
		t.Helper()
		got, ok := e.ChooseMethod(list, suppressed)
		if !ok || got.Method != want {
			t.Errorf("%s: %s, want %s", why, got.Method.text(), want.text())
		}
		return got
	}
	choose(tcp4, "IPv4 before IPv6, then list order", nil)
	e.MethodFailed(tcp4, at(1))
	choose(other4, "one that never failed", nil)
	e.MethodFailed(other4, at(2))
	e.MethodFailed(ws4, at(3))
	choose(relay4, "still the only one that never failed", nil)
	e.MethodFailed(relay4, at(4))
	choose(tcp4, "the oldest failure", nil)
	e.MethodWorked(relay4)
	choose(relay4, "a success is never failed", nil)
	noTCP4 := func(t Transport) bool { return t == Transport{wire.TCP, wire.IPv4} }
	choose(ws4, "not suppressed", noTCP4)
	if c := choose(relay4, "all are suppressed", func(Transport) bool { return true }); !c.Suppressed {
		t.Error("the choice is not marked as suppressed")
	}
	o.SetDetectedDialInfo(direct("TCP 44.2.0.1:7000"))
	choose(tcp4, "our description changed", nil)
	for range 3 {
		e.SendFailed(Path{Flow: flowTo(wire.TCP, "45.0.0.1:1"), Dialled: true})
	}
	if c := choose(ws4, "TCP over IPv4 is failing", nil); c.Failing {
		t.Error("the choice is marked as failing")
	}
	if _, ok := e.ChooseMethod(nil, nil); ok {
		t.Error("chose from nothing")
	}

	// A real node reaches a dual-stack peer by its IPv4 relay rather than by its
	// direct IPv6 (spec 04 §0 row 10).
	list = []ContactMethod{m(ContactDirect, wire.WS, "[2a02::1]:1"), m(ContactInboundRelay, wire.WS, "46.0.0.1:1")}
	choose(list[1], "IPv4 relay before direct IPv6", nil)
}

func TestHopCandidates(t *testing.T) {
	relayOf := func(id crypto.NodeID) []wire.RelayInfo {
		return []wire.RelayInfo{{NodeIDs: []crypto.NodeID{id}, DialInfo: direct("TCP 46.0.0.1:1")}}
	}
	bad := crypto.NodeID{Kind: crypto.KindVLD0, Value: [32]byte{0xbb}}
	for _, c := range []struct {
		name     string
		change   func(*wire.NodeInfo)
		after    func(e *Entry)
		ordering Ordering
		kinds    crypto.Kinds
		avoid    bool // the node itself
		want     bool
	}{
		{name: "good", ordering: Ordered, want: true},
		{name: "good, unordered", ordering: Unordered, want: true},
		{name: "kind it has", ordering: Ordered, kinds: crypto.Kinds{crypto.KindVLD0}, want: true},
		{name: "kind it lacks", ordering: Ordered, kinds: crypto.Kinds{crypto.KindNONE}},
		{name: "avoided", ordering: Ordered, avoid: true},
		{name: "relay avoided", ordering: Ordered, change: func(n *wire.NodeInfo) { n.Relays = relayOf(bad) }},
		{name: "other relay", ordering: Ordered, change: func(n *wire.NodeInfo) { n.Relays = relayOf(crypto.NodeID{Kind: crypto.KindVLD0}) }, want: true},
		{name: "no ROUT", ordering: Ordered, change: func(n *wire.NodeInfo) { n.Capabilities = ConnectivityCaps()[:2] }},
		{name: "own UDP only, ordered by its relay", ordering: Ordered, change: func(n *wire.NodeInfo) {
			n.DialInfo, n.Relays = direct("UDP 45.3.3.3:1"), relayOf(crypto.NodeID{Kind: crypto.KindVLD0})
		}},
		{name: "own TCP that needs a signal", ordering: Ordered, change: func(n *wire.NodeInfo) {
			n.DialInfo = []wire.DialInfoDetail{did(wire.ClassBlocked, "TCP 45.3.3.3:1")}
		}, want: true},
		{name: "our address", ordering: Ordered, change: func(n *wire.NodeInfo) { n.DialInfo = direct("TCP 44.2.0.1:9") }},
		{name: "our block", ordering: Ordered, change: func(n *wire.NodeInfo) { n.DialInfo = direct("TCP [2600:10::2]:9") }, want: true},
		{name: "on our LAN", ordering: Ordered, after: func(e *Entry) {
			e.peers[wire.LocalNetwork].Store(e.PeerInfo(wire.PublicInternet))
		}},
		{name: "not responsive", ordering: Ordered, after: func(e *Entry) {
			e.AnswerLost(over(wire.UDP), t0)
			e.AnswerLost(over(wire.TCP), t0)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			tab := w.table(dualStack())
			start(tab, ownEverywhere()...)
			e := responsive(w.peer(tab, c.change), 20*time.Millisecond, t0)
			if c.after != nil {
				c.after(e)
			}
			q := HopQuery{Ordering: c.ordering, Sequencing: c.ordering.Strict(), Kinds: c.kinds, Avoid: func(id crypto.NodeID) bool {
				return id == bad || c.avoid && id == e.BestID()
			}}
			got := tab.HopCandidates(q, t0)
			if (len(got) == 1) != c.want {
				t.Fatalf("candidate %v, want %v", len(got) == 1, c.want)
			}
			if c.want && (got[0].Entry != e || got[0].State != StateUnreliable || got[0].TM90 == 0) {
				t.Errorf("candidate %+v lacks what the table knows", got[0])
			}
			if c.want && got[0].SharesBlock != (c.name == "our block") {
				t.Errorf("shares our block: %v", got[0].SharesBlock)
			}
		})
	}

	w := newWorld(t)
	tab := w.table(dualStack())
	o := start(tab)
	relay := responsive(w.peer(tab, nil), time.Millisecond, t0)
	other := responsive(w.peer(tab, nil), time.Millisecond, t0)
	o.ManageRelays(false, t0)
	if chosen := o.Relays(); len(chosen) == 1 {
		got := tab.HopCandidates(HopQuery{Ordering: Ordered, Sequencing: wire.EnsureOrdered}, t0)
		if len(got) != 1 || got[0].Entry == chosen[0] || !got[0].RelayCapable {
			t.Errorf("%d candidates beside our relay, want the other one, relay-capable", len(got))
		}
	} else {
		t.Fatalf("%d relays of %v and %v", len(chosen), relay.BestID(), other.BestID())
	}
}

func TestRefreshSelections(t *testing.T) {
	w := newWorld(t)
	tab := w.table(dualStack())
	start(tab, ownEverywhere()...)
	kind := crypto.KindVLD0
	for range 8 {
		responsive(w.peer(tab, nil), time.Millisecond, t0)
	}
	silent := w.peer(tab, nil)
	limited := responsive(w.peer(tab, func(n *wire.NodeInfo) { n.Capabilities = []wire.Capability{wire.CapROUT} }), time.Millisecond, t0)
	if got := tab.RefreshTargets(kind, at(59)); len(got) != 0 {
		t.Errorf("%d refresh targets asked less than 60 s ago", len(got))
	}
	got := tab.RefreshTargets(kind, at(60))
	if len(got) != 8 || slices.Contains(got, silent) || slices.Contains(got, limited) {
		t.Errorf("%d refresh targets, want the 8 that answered and have the capabilities", len(got))
	}
	if got := tab.ClosestTargets(kind, at(60)); len(got) != closestRefresh || slices.Contains(got, silent) || slices.Contains(got, limited) {
		t.Errorf("%d closest targets, want %d that answered and serve records", len(got), closestRefresh)
	}
	wide := tab.WideTargets(kind, ConnectivityCaps(), at(60))
	if len(wide) < 3 || len(wide) > 8 || slices.Contains(wide, silent) || slices.Contains(wide, limited) {
		t.Errorf("%d wide targets, want several different reliable ones", len(wide))
	}
	for i, e := range wide {
		if slices.Contains(wide[:i], e) {
			t.Error("a wide target twice")
		}
	}
	if got := tab.Validators(20, DialFilter{wire.Protocols(wire.UDP), wire.Addresses(wire.IPv4)}, at(60)); len(got) != 9 {
		t.Errorf("%d validators, want 9: all with DIAL", len(got))
	}
	if !tab.Own(wire.PublicInternet).ReadyToDetect(at(60)) {
		t.Error("not ready to detect with 9 connectivity peers")
	}
	if got := tab.RefreshTargets(crypto.KindNONE, at(60)); len(got) != 0 {
		t.Errorf("%d targets of a kind that is not enabled", len(got))
	}
}
