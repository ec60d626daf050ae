package routing

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
	"github.com/voile-net/voile/platform"
)

func names(list []Transport) (s []string) {
	for _, t := range list {
		s = append(s, t.String())
	}
	return s
}

// The table of spec 04 §17, and its neighbours.
func TestRelayNeeds(t *testing.T) {
	const v4, v6 = "44.2.0.1:5150", "[2600:10::1]:5150"
	all := []string{"UDP/IPV6", "UDP/IPV4", "TCP/IPV6", "TCP/IPV4", "WS/IPV6", "WS/IPV4"}
	elsewhere := everywhere("44.9.9.9", "2600:10::1") // IPv4 is not on an interface
	mapped := append(direct("UDP "+v6, "TCP "+v6, "WS: "+v6), did(wire.ClassMapped, "UDP 44.9.9.9:7000"))
	cone := append(direct("UDP "+v6, "TCP "+v6, "WS: "+v6), did(wire.ClassFullConeNAT, "UDP 44.9.9.9:7001"))
	blocked := []wire.DialInfoDetail{did(wire.ClassBlocked, "UDP "+v4), did(wire.ClassBlocked, "TCP "+v4)}
	v4Orderings := [2]wire.AddressSet{wire.Addresses(wire.IPv4), wire.Addresses(wire.IPv4)}
	v6Orderings := [2]wire.AddressSet{wire.Addresses(wire.IPv6), wire.Addresses(wire.IPv6)}
	both := [2]wire.AddressSet{wire.AllAddresses, wire.AllAddresses}
	for _, c := range []struct {
		name       string
		own        []wire.DialInfoDetail
		transports []string
		orderings  [2]wire.AddressSet
		keepalives []Keepalive
	}{
		{"all direct", ownEverywhere(), nil, [2]wire.AddressSet{}, nil},
		{"IPv4 only", direct("UDP "+v4, "TCP "+v4, "WS: "+v4), []string{"UDP/IPV6", "TCP/IPV6", "WS/IPV6"}, v6Orderings, nil},
		{"no WS", direct("UDP "+v4, "TCP "+v4, "UDP "+v6, "TCP "+v6), []string{"WS/IPV6", "WS/IPV4"}, [2]wire.AddressSet{}, nil},
		{"IPv4 static elsewhere", elsewhere, []string{"UDP/IPV4", "TCP/IPV4", "WS/IPV4"}, v4Orderings, nil},
		{"IPv4 mapped", mapped, []string{"UDP/IPV4", "TCP/IPV4", "WS/IPV4"}, v4Orderings, nil},
		{"full cone", cone, []string{"UDP/IPV4", "TCP/IPV4", "WS/IPV4"}, v4Orderings, []Keepalive{{wire.UDP, wire.IPv4, 7001}}},
		{"blocked", blocked, all, both, nil},
		{"none", nil, all, both, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			o := start(w.table(dualStack()), c.own...)
			n := o.RelayNeeds()
			if got := names(n.Transports()); !slices.Equal(got, c.transports) {
				t.Errorf("transports %v, want %v", got, c.transports)
			}
			if n.orderings != c.orderings {
				t.Errorf("orderings %b, want %b", n.orderings, c.orderings)
			}
			if !slices.Equal(n.keepalives, c.keepalives) {
				t.Errorf("keepalives %v, want %v", n.keepalives, c.keepalives)
			}
			if needed := c.transports != nil; n.Needed() != needed {
				t.Errorf("needed %v, want %v", n.Needed(), needed)
			}
		})
	}
}

// Publication readiness with and without relays (spec 04 §3.1, §3.2, §17).
func TestPublication(t *testing.T) {
	const v4 = "44.2.0.1:5150"
	const v6 = "[2600:10::1]:5150"
	withTransports := func(keep func(wire.DialInfo) bool) func(*wire.NodeInfo) {
		return func(n *wire.NodeInfo) {
			n.DialInfo = slices.DeleteFunc(n.DialInfo, func(d wire.DialInfoDetail) bool { return !keep(d.DialInfo) })
		}
	}
	noWS := withTransports(func(d wire.DialInfo) bool { return d.Protocol != wire.WS })
	only4 := withTransports(func(d wire.DialInfo) bool { return d.AddressType() == wire.IPv4 })
	udp := withTransports(func(d wire.DialInfo) bool { return d.Protocol == wire.UDP })
	tcp := withTransports(func(d wire.DialInfo) bool { return d.Protocol == wire.TCP })
	for _, c := range []struct {
		name   string
		own    []wire.DialInfoDetail
		relays []func(*wire.NodeInfo)
		chosen int
		stage  InboundStage
	}{
		{"all direct", ownEverywhere(), nil, 0, InboundReadyToPublish},
		{"all direct, with candidates", ownEverywhere(), []func(*wire.NodeInfo){nil}, 0, InboundReadyToPublish},
		{"IPv4 only, no relay", direct("UDP "+v4, "TCP "+v4, "WS: "+v4), nil, 0, InboundNeedsRelays},
		{"IPv4 only, IPv4 relay", direct("UDP "+v4, "TCP "+v4, "WS: "+v4), []func(*wire.NodeInfo){only4}, 0, InboundNeedsRelays},
		{"IPv4 only, relay without WS", direct("UDP "+v4, "TCP "+v4, "WS: "+v4), []func(*wire.NodeInfo){noWS}, 1, InboundReadyToPublish},
		{"IPv4 only, one ordering", direct("UDP "+v4, "TCP "+v4, "WS: "+v4), []func(*wire.NodeInfo){udp}, 0, InboundNeedsRelays},
		{"IPv4 only, two halves", direct("UDP "+v4, "TCP "+v4, "WS: "+v4), []func(*wire.NodeInfo){udp, tcp}, 2, InboundReadyToPublish},
		{"no WS, relay without WS", direct("UDP "+v4, "TCP "+v4, "UDP "+v6, "TCP "+v6), []func(*wire.NodeInfo){noWS}, 0, InboundNeedsRelays},
		{"no WS, relay with WS over IPv4", direct("UDP "+v4, "TCP "+v4, "UDP "+v6, "TCP "+v6), []func(*wire.NodeInfo){only4}, 1, InboundReadyToPublish},
		{"nothing, full relay", nil, []func(*wire.NodeInfo){nil}, 1, InboundReadyToPublish},
		{"full cone, relay", append(direct("UDP "+v6, "TCP "+v6, "WS: "+v6), did(wire.ClassFullConeNAT, "UDP 44.9.9.9:7001")),
			[]func(*wire.NodeInfo){nil}, 1, InboundReadyToPublish},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			tab := w.table(dualStack())
			o := start(tab, c.own...)
			for _, change := range c.relays {
				responsive(w.peer(tab, change), time.Millisecond, t0)
			}
			if changed := o.ManageRelays(false, t0); changed != (c.chosen > 0) {
				t.Errorf("ManageRelays changed %v, want %v", changed, c.chosen > 0)
			}
			if got := len(o.Relays()); got != c.chosen {
				t.Errorf("%d relays, want %d", got, c.chosen)
			}
			if got := o.InboundStage(t0); got != c.stage {
				t.Errorf("stage %v, want %v", got, c.stage)
			}
			changed, err := o.Publish(t0)
			if err != nil || changed != (c.stage == InboundReadyToPublish) {
				t.Fatalf("published %v %v, want %v", changed, err, c.stage == InboundReadyToPublish)
			}
			if !changed {
				if o.Published() != nil || o.InboundReady(t0) {
					t.Error("published although not ready")
				}
				return
			}
			p := o.Published()
			again, err := wire.Decoder{Kinds: tab.Kinds()}.DecodePeerInfo(p.Message, p.Signatures)
			if err != nil {
				t.Fatalf("what is published does not decode: %v", err)
			}
			if again.Domain = wire.PublicInternet; !again.Equivalent(p) || again.Info.Timestamp != p.Info.Timestamp {
				t.Error("what is published decodes to something else")
			}
			if _, err := tab.verify(again); err != nil {
				t.Errorf("signature: %v", err)
			}
			if len(p.Info.Relays) != c.chosen || !tab.Domains().ValidNodeInfo(wire.PublicInternet, &p.Info) {
				t.Errorf("%d relays published, want %d, in a valid description", len(p.Info.Relays), c.chosen)
			}
			if changed := o.ManageRelays(false, at(1)); changed {
				t.Error("a second look changes the relays")
			}
			if changed, _ := o.Publish(at(1)); changed {
				t.Error("published again without a change")
			}
		})
	}
}

func TestInboundStages(t *testing.T) {
	w := newWorld(t)
	o := w.table(dualStack()).Own(wire.PublicInternet)
	expect := func(want InboundStage) {
		t.Helper()
		if got := o.InboundStage(t0); got != want {
			t.Errorf("stage %v, want %v", got, want)
		}
	}
	expect(InboundInvalid)
	o.SetConfirmed(true)
	expect(InboundUnusable)
	o.SetConfirmed(false)
	o.SetSetup(Setup{wire.AllProtocols, wire.AllProtocols, wire.AllAddresses})
	expect(InboundNeedsDialInfoConfirmation)
	o.SetConfirmed(true)
	expect(InboundNeedsRelays)
	o.SetStaticDialInfo(ownEverywhere())
	expect(InboundReadyToPublish)
	o.SetInterfaceMTU(wire.IPv4, 1500)
	expect(InboundNeedsTransportMTUs)
	o.SetInterfaceMTU(wire.IPv4, 1228)
	expect(InboundReadyToPublish)
}

func TestPublishTimestamps(t *testing.T) {
	w := newWorld(t)
	o := start(w.table(dualStack()), ownEverywhere()...)
	publish := func(when float64, want bool) crypto.Timestamp {
		t.Helper()
		changed, err := o.Publish(at(when))
		if err != nil || changed != want {
			t.Fatalf("Publish at %v s: %v %v, want %v", when, changed, err, want)
		}
		return o.Published().Info.Timestamp
	}
	first := publish(10, true)
	if first != crypto.FromTime(at(10)) {
		t.Errorf("timestamp %d, want that of now", first)
	}
	o.SetStaticDialInfo(append(ownEverywhere(), direct("TCP 44.2.0.1:6000")...))
	if o.Current(at(11)) == o.Published() {
		t.Error("current is still the published one after a change")
	}
	o.SetStaticDialInfo(ownEverywhere())
	if o.Current(at(11)) != o.Published() {
		t.Error("current is not the published one after the change was undone")
	}
	if again := publish(12, false); again != first {
		t.Errorf("timestamp moved to %d without a change", again)
	}
	o.SetStaticDialInfo(append(ownEverywhere(), direct("TCP 44.2.0.1:6000")...))
	second := publish(5, true) // the clock went back
	if second <= first {
		t.Errorf("timestamp %d, want above %d", second, first)
	}
	if !o.Unpublish() || o.Unpublish() || o.Published() != nil {
		t.Error("Unpublish")
	}
	if third := publish(5, true); third <= second {
		t.Errorf("timestamp %d after unpublishing, want above %d", third, second)
	}
}

func TestPublishRemovesClaimants(t *testing.T) {
	w := newWorld(t)
	tab := w.table(dualStack())
	thief := w.peer(tab, func(n *wire.NodeInfo) { n.DialInfo = direct("TCP 44.2.0.1:5150") })
	other := w.peer(tab, nil)
	if changed, err := start(tab, ownEverywhere()...).Publish(t0); !changed || err != nil {
		t.Fatal(changed, err)
	}
	if tab.Lookup(thief.BestID()) != nil || tab.Lookup(other.BestID()) == nil {
		t.Error("want exactly the node at our address removed")
	}
}

func TestRelayRules(t *testing.T) {
	relayed := func(tab *Table) func(*wire.NodeInfo) {
		return func(n *wire.NodeInfo) {
			n.Relays = []wire.RelayInfo{{NodeIDs: tab.NodeIDs(), DialInfo: direct("TCP 46.0.0.1:1")}}
		}
	}
	for _, c := range []struct {
		name string
		make func(w *world, tab *Table) *Entry
		want bool
	}{
		{"good", func(w *world, tab *Table) *Entry { return responsive(w.peer(tab, nil), 1e6, t0) }, true},
		{"not responsive", func(w *world, tab *Table) *Entry { return w.peer(tab, nil) }, false},
		{"no RLAY", func(w *world, tab *Table) *Entry {
			return responsive(w.peer(tab, func(n *wire.NodeInfo) { n.Capabilities = []wire.Capability{wire.CapROUT} }), 1e6, t0)
		}, false},
		{"relayed through us", func(w *world, tab *Table) *Entry { return responsive(w.peer(tab, relayed(tab)), 1e6, t0) }, false},
		{"only signalled dial info", func(w *world, tab *Table) *Entry {
			return responsive(w.peer(tab, func(n *wire.NodeInfo) {
				for i := range n.DialInfo {
					n.DialInfo[i].Class = wire.ClassBlocked
				}
			}), 1e6, t0)
		}, false},
		{"answered on its own flow only", func(w *world, tab *Table) *Entry {
			e := w.peer(tab, nil)
			p := over(wire.UDP)
			p.Dialled = false
			e.AnswerReceived(p, 1, 1e6, t0)
			return e
		}, false},
		{"in our block", func(w *world, tab *Table) *Entry {
			return responsive(w.peer(tab, func(n *wire.NodeInfo) { n.DialInfo = everywhere("45.9.9.9", "2600:10::99") }), 1e6, t0)
		}, false},
		{"drops connections", func(w *world, tab *Table) *Entry {
			e := responsive(w.peer(tab, nil), 1e6, t0)
			for range 3 {
				e.ConnectionLived(10 * time.Second)
			}
			return e
		}, false},
		{"dropped two connections", func(w *world, tab *Table) *Entry {
			e := responsive(w.peer(tab, nil), 1e6, t0)
			e.ConnectionLived(10 * time.Second)
			e.ConnectionLived(10 * time.Second)
			return e
		}, true},
		{"other envelope version", func(w *world, tab *Table) *Entry {
			e := responsive(w.peer(tab, nil), 1e6, t0)
			e.mu.Lock()
			e.versions = []wire.EnvelopeVersion{0x454e5631}
			e.mu.Unlock()
			return e
		}, false},
		{"all transports failing", func(w *world, tab *Table) *Entry {
			e := responsive(w.peer(tab, nil), 1e6, t0)
			for _, d := range e.PeerInfo(wire.PublicInternet).Info.DialInfo {
				for range 3 {
					e.SendFailed(pathTo(d.DialInfo))
				}
			}
			return e
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			tab := w.table(dualStack())
			o := start(tab, direct("UDP [2600:10::1]:5150")...) // needs relays
			e := c.make(w, tab)
			if got := tab.RelayCapable(e, at(1)); got != c.want {
				t.Errorf("relay capable %v, want %v", got, c.want)
			}
			o.ManageRelays(false, at(1))
			if got := len(o.Relays()) == 1; got != c.want {
				t.Errorf("chosen %v, want %v", got, c.want)
			}
		})
	}
}

func TestRelayKeepAndDrop(t *testing.T) {
	w := newWorld(t)
	tab := w.table(dualStack())
	o := start(tab) // no dial info: one full relay is enough
	first := responsive(w.peer(tab, nil), 10*time.Millisecond, t0)
	if !o.ManageRelays(false, t0) || !slices.Equal(o.Relays(), []*Entry{first}) {
		t.Fatal("the only candidate is not chosen")
	}
	for range 19 {
		responsive(w.peer(tab, nil), 5*time.Millisecond, t0)
	}
	if o.ManageRelays(false, at(5)) {
		t.Error("the relay was replaced without 50 samples")
	}
	for range 60 { // now it is the slowest of 20: percentile 5
		first.AnswerReceived(over(wire.UDP), 1, 200*time.Millisecond, at(6))
	}
	if o.ManageRelays(false, at(9)) {
		t.Error("the percentile was looked at before 10 s")
	}
	if !o.ManageRelays(false, at(10)) || slices.Contains(o.Relays(), first) || len(o.Relays()) != 1 {
		t.Error("the slowest relay was not replaced")
	}
	second := o.Relays()[0]
	if changed, err := o.Publish(at(10)); !changed || err != nil {
		t.Fatal(changed, err)
	}

	// An offline node drops nobody, an online one a relay without RLAY.
	info := second.PeerInfo(wire.PublicInternet).Info
	info.Timestamp++
	info.Capabilities = nil
	stripped := &wire.PeerInfo{Domain: wire.PublicInternet, NodeIDs: second.NodeIDs(), Info: info, Signatures: []crypto.Signature{{}}}
	second.update(stripped, at(11))
	if o.ManageRelays(true, at(11)) {
		t.Error("a relay was dropped while offline")
	}
	if !o.ManageRelays(false, at(11)) || slices.Contains(o.Relays(), second) {
		t.Error("a relay without RLAY was kept")
	}
	if changed, _ := o.Publish(at(11)); !changed {
		t.Error("new relays, and nothing to publish")
	}

	// With every candidate dead the choice stays as it was.
	third := o.Relays()[0]
	for _, e := range tab.Entries() {
		e.NoContact()
	}
	if o.ManageRelays(false, at(12)) || !slices.Equal(o.Relays(), []*Entry{third}) {
		t.Error("a choice that cannot be published was adopted")
	}
	o.SetStaticDialInfo(ownEverywhere())
	if !o.ManageRelays(false, at(13)) || len(o.Relays()) != 0 {
		t.Error("relays that are not needed are kept")
	}
	if third.holds.Load() != 0 {
		t.Errorf("a relay of before is held %d times", third.holds.Load())
	}
}

func TestRelayInfoAndPings(t *testing.T) {
	w := newWorld(t)
	tab := w.table(dualStack())
	o := start(tab, append(direct("UDP [2600:10::1]:5150", "TCP [2600:10::1]:5150", "WS: [2600:10::1]:5150"),
		did(wire.ClassFullConeNAT, "UDP 44.9.9.9:7001"))...)
	r := responsive(w.peer(tab, nil), time.Millisecond, t0)
	o.ManageRelays(false, t0)
	if changed, err := o.Publish(t0); !changed || err != nil {
		t.Fatal(changed, err)
	}
	ri := o.Published().Info.Relays[0]
	if len(ri.DialInfo) != 3 || slices.ContainsFunc(ri.DialInfo, func(d wire.DialInfoDetail) bool { return d.DialInfo.AddressType() != wire.IPv4 }) {
		t.Errorf("the relay info has %v, want the three IPv4 transports", ri.DialInfo)
	}
	if ri.Timestamp != r.NodeInfoTimestamp(wire.PublicInternet) || !slices.Equal(ri.NodeIDs, r.NodeIDs()) {
		t.Error("the relay info is not of the relay")
	}
	pings := o.RelayPings(at(1))
	var got []string
	for _, p := range pings {
		got = append(got, TransportOf(p.DialInfo).String())
	}
	// One of each ordering, the first that is reachable, and UDP over IPv4 for the NAT.
	if want := []string{"TCP/IPV6", "UDP/IPV6", "UDP/IPV4"}; !slices.Equal(got, want) {
		t.Errorf("pings over %v, want %v", got, want)
	}
	if n := len(o.RelayPings(at(10.9))); n != 0 {
		t.Errorf("%d pings after 9.9 s, want none", n)
	}
	if n := len(o.RelayPings(at(11))); n != 3 {
		t.Errorf("%d pings after 10 s, want 3", n)
	}
	if n := len(o.ProtectedAddrs()); n != 6 {
		t.Errorf("%d protected addresses, want all 6 of the relay", n)
	}
}

func TestPrivateNetworkPublishes(t *testing.T) {
	w := newWorld(t)
	d := NewDomains(platform.Network{Interfaces: dualStackNetwork().Interfaces[:1]}, true)
	tab := w.table(d)
	o := tab.Own(wire.PublicInternet)
	o.SetSetup(Setup{wire.Protocols(wire.TCP), wire.Protocols(wire.TCP), wire.Addresses(wire.IPv4)})
	o.SetStarted(true)
	o.SetConfirmed(true)
	if changed, _ := o.Publish(t0); changed {
		t.Error("published without any dial info")
	}
	o.SetStaticDialInfo(direct("TCP 127.0.0.1:5150"))
	if changed, err := o.Publish(t0); !changed || err != nil {
		t.Fatalf("IPv4 loopback with TCP alone: %v %v, want published", changed, err)
	}
	for i := range 2 {
		port := []string{"5151", "5152"}[i]
		e := w.peer(tab, func(n *wire.NodeInfo) { n.DialInfo = direct("TCP 127.0.0.1:" + port) })
		responsive(e, time.Millisecond, t0)
		if !tab.RelayCapable(e, t0) {
			t.Error("a neighbour at another port cannot be a relay")
		}
		if ms := tab.ContactMethods(e, wire.PublicInternet, AnyDialInfo(), wire.PreferOrdered, t0); len(ms) != 1 || ms[0].Kind != ContactDirect {
			t.Errorf("contact methods to a neighbour: %v, want direct", ms)
		}
	}
	if got := tab.HopCandidates(HopQuery{Ordering: Ordered, Sequencing: wire.EnsureOrdered}, t0); len(got) != 2 || got[0].SharesBlock {
		t.Errorf("%d hop candidates, want 2 outside our block", len(got))
	}
	if got := o.OutboundStage(OutboundInputs{SafeRoutes: 1, UnsafeRoutes: 1}, t0); got != OutboundReadyToOperate {
		t.Errorf("three nodes: %v, want ready", got)
	}
}

func TestOutboundStages(t *testing.T) {
	w := newWorld(t)
	tab := w.table(dualStack())
	o := tab.Own(wire.PublicInternet)
	expect := func(in OutboundInputs, when float64, want OutboundStage) {
		t.Helper()
		if got := o.OutboundStage(in, at(when)); got != want {
			t.Errorf("at %v s: %v, want %v", when, got, want)
		}
	}
	two := OutboundInputs{SafeRoutes: 2, UnsafeRoutes: 2}
	expect(two, 0, OutboundInvalid)
	start(tab, ownEverywhere()...)
	expect(two, 0, OutboundNeedsBootstrap)
	var peers []*Entry
	for range 4 {
		peers = append(peers, w.peer(tab, nil))
	}
	expect(two, 0, OutboundNeedsPublishedPeerInfo)
	if changed, err := o.Publish(t0); !changed || err != nil {
		t.Fatal(changed, err)
	}
	expect(two, 0, OutboundNeedsMoreTestedNodes) // a quarter of 4 live ones
	responsive(peers[0], time.Millisecond, at(1))
	expect(OutboundInputs{}, 1, OutboundNeedsSafetyRoutes)
	expect(OutboundInputs{SafeRoutes: 2, UnsafeRoutes: 1}, 1, OutboundNeedsSafetyRoutes)
	expect(two, 1, OutboundReadyToOperate)
	expect(OutboundInputs{UnsafeRoutes: 1}, 1, OutboundReadyToOperate) // stays ready
	expect(OutboundInputs{}, 1, OutboundNeedsSafetyRoutes)
	expect(OutboundInputs{UnsafeRoutes: 1}, 1, OutboundNeedsSafetyRoutes)

	// Half of the low-water mark counts from the end of a refresh on.
	for _, e := range peers {
		responsive(e, time.Millisecond, at(2))
	}
	o.RefreshEnded(at(2))
	for _, e := range peers[1:] {
		for range 3 {
			e.AnswerLost(over(wire.UDP), at(3))
		}
		e.SetPunished(e == peers[1])
	}
	counts := o.Counts(at(3))
	if c := counts[0]; c.MaybeLive != 3 || c.Responsive != 1 || c.LowWater.Connectivity != 1 {
		t.Errorf("counts %+v, want 3 maybe live, 1 responsive, low water 1", c)
	}
	expect(two, 3, OutboundNeedsBootstrap)
	if got := o.NeedsBootstrap(two, at(3)); !slices.Equal(got, tab.Kinds()) {
		t.Errorf("bootstrap for %v, want %v", got, tab.Kinds())
	}
	peers[1].SetPunished(false)

	// Nobody responsive for 10 s, with a bootstrap to go to.
	for range 3 {
		peers[0].AnswerLost(over(wire.UDP), at(4))
		peers[0].AnswerLost(over(wire.TCP), at(4))
	}
	in := two
	in.HasBootstrap = true
	expect(in, 4, OutboundReadyToOperate) // wanted: a quarter of no live ones
	expect(in, 12.9, OutboundReadyToOperate)
	expect(in, 13.1, OutboundNeedsBootstrap)
	expect(two, 13.1, OutboundReadyToOperate) // without one there is no point
	if got := o.NeedsPeers(at(14)); !slices.Equal(got, tab.Kinds()) {
		t.Errorf("more peers for %v, want %v", got, tab.Kinds())
	}
}

func TestWanted(t *testing.T) {
	stock, private := StockThresholds(), PrivateThresholds()
	for _, c := range []struct{ live, low, want, private int }{
		{0, 0, 0, 1}, {4, 4, 2, 2}, {4, 0, 1, 1}, {7, 3, 1, 1}, {100, 0, 12, 2}, {8, 30, 12, 2},
	} {
		if got := stock.wanted(c.live, c.low); got != c.want {
			t.Errorf("stock: %d live, low water %d: %d, want %d", c.live, c.low, got, c.want)
		}
		if got := private.wanted(c.live, c.low); got != c.private {
			t.Errorf("private: %d live, low water %d: %d, want %d", c.live, c.low, got, c.private)
		}
	}
}

func TestOwnNodesAreNotExternal(t *testing.T) {
	w := newWorld(t)
	tab := w.table(dualStack())
	o := start(tab, ownEverywhere()...)
	w.peer(tab, func(n *wire.NodeInfo) { n.DialInfo = everywhere("45.9.9.9", "2600:10::77") })
	w.peer(tab, nil)
	if c := o.Counts(t0)[0]; c.Live != 2 || c.ExternalLive != 1 {
		t.Errorf("%d live, %d external; want 2 and 1", c.Live, c.ExternalLive)
	}
}

func TestRestorePoint(t *testing.T) {
	w := newWorld(t)
	keys := w.keys()
	build := func() *Table {
		tab := w.table(dualStack())
		tab.keys, tab.ids = keys, []crypto.NodeID{crypto.NodeIDOf(keys[0].Public)}
		tab.sets[0].own = tab.ids[0]
		return tab
	}
	tab := build()
	o := start(tab, ownEverywhere()...)
	if point := o.RestorePoint(nil); point != nil {
		t.Fatalf("a restore point without a description: %x", point)
	}
	o.SetInterfaceMTU(wire.IPv4, 1500)
	o.mtu.family[wire.IPv4].state = MTUFull
	o.SetDetectedDialInfo(direct("TCP 44.2.0.1:7000"))
	if changed, err := o.Publish(t0); !changed || err != nil {
		t.Fatal(changed, err)
	}
	point := o.RestorePoint([]byte("net"))
	for _, c := range []struct {
		name    string
		basedOn string
		setup   func(o *Own)
		want    bool
	}{
		{"as it was", "net", func(*Own) {}, true},
		{"another network", "other", func(*Own) {}, false},
		{"another setup", "net", func(o *Own) {
			o.SetSetup(Setup{wire.AllProtocols, wire.AllProtocols, wire.Addresses(wire.IPv4)})
		}, false},
		{"another MTU", "net", func(o *Own) { o.SetInterfaceMTU(wire.IPv4, 1400) }, false},
	} {
		next := start(build(), ownEverywhere()...)
		next.SetInterfaceMTU(wire.IPv4, 1500)
		next.SetConfirmed(false)
		c.setup(next)
		got, err := next.Restore(point, []byte(c.basedOn), at(100))
		if err != nil || got != c.want || (next.Published() != nil) != c.want {
			t.Errorf("%s: restored %v %v, want %v", c.name, got, err, c.want)
		}
		if c.want {
			if p := next.Published(); p.Info.Timestamp != o.Published().Info.Timestamp || !bytes.Equal(p.Message, o.Published().Message) {
				t.Errorf("%s: not the same description", c.name)
			}
			if changed, _ := next.Publish(at(101)); changed {
				t.Errorf("%s: published again", c.name)
			}
			next.SetDetectedDialInfo(nil)
		} else {
			next.SetConfirmed(true)
			next.SetSetup(Setup{wire.AllProtocols, wire.AllProtocols, wire.AllAddresses})
			next.SetInterfaceMTU(wire.IPv4, 0)
		}
		// The clock may have been set back: what follows is newer all the same.
		if changed, err := next.Publish(at(-100)); !changed || err != nil || next.Published().Info.Timestamp <= o.Published().Info.Timestamp {
			t.Errorf("%s: published later: %v %v, want a newer timestamp", c.name, changed, err)
		}
	}
	for n := range point {
		if ok, err := start(build(), ownEverywhere()...).Restore(point[:n], []byte("net"), t0); ok || err == nil {
			t.Fatalf("%d of %d bytes restored", n, len(point))
		}
	}
}

func TestOwnAddresses(t *testing.T) {
	w := newWorld(t)
	o := start(w.table(dualStack()), ownEverywhere()...)
	if !o.HasAddress(netip.MustParseAddrPort("44.2.0.1:5150")) || o.HasAddress(netip.MustParseAddrPort("44.2.0.1:5151")) {
		t.Error("HasAddress does not tell our ports from others")
	}
	o.SetStaticDialInfo(direct("UDP 192.168.7.2:1", "UDP 44.2.0.1:1", "UDP 44.2.0.1:1"))
	if got := o.DialInfo(); len(got) != 1 {
		t.Errorf("dial info %v, want the global one once", got)
	}
}

// The low-water mark counts all that answered, and apart those with the capabilities
// for connectivity and for records.
func TestLowWaterMark(t *testing.T) {
	w := newWorld(t)
	tab := w.table(dualStack())
	o := start(tab, ownEverywhere()...)
	var peers []*Entry
	for range 3 {
		peers = append(peers, responsive(w.peer(tab, nil), 2*time.Millisecond, at(1)))
	}
	leaf := responsive(w.peer(tab, func(i *wire.NodeInfo) { i.Capabilities = nil }), 4*time.Millisecond, at(1))
	records := responsive(w.peer(tab, func(i *wire.NodeInfo) { i.Capabilities = distanceCaps[:] }), 4*time.Millisecond, at(1))
	if s := o.Summary(at(1)); s[0].LowWater != nil {
		t.Errorf("%+v before the first refresh", *s[0].LowWater)
	}
	o.RefreshEnded(at(1))
	expect := func(when float64, want Tally) {
		t.Helper()
		o.Counts(at(when))
		if s := o.Summary(at(when)); s[0].LowWater == nil || *s[0].LowWater != want {
			t.Errorf("at %v s: %+v, want %+v", when, s[0].LowWater, want)
		}
	}
	expect(1, Tally{5, 3, 4})
	leaf.SetPunished(true)
	peers[0].SetPunished(true)
	expect(2, Tally{3, 2, 3})
	leaf.SetPunished(false)
	peers[0].SetPunished(false)
	records.SetPunished(true)
	expect(3, Tally{3, 2, 3})
	o.RefreshEnded(at(4))
	expect(4, Tally{4, 3, 3})

	l, ok := tab.Latency()
	if !ok || l.Fastest != 2000 || l.Slowest != 4000 {
		t.Errorf("round trips to all %+v, %v; want 2 and 4 ms", l, ok)
	}
}
