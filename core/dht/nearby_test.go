package dht

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
	"github.com/voile-net/voile/platform"
)

// Spec 06 §7.1 step 5: reliable, with DHTV, strictly nearer, nearest first.
func TestTableNearby(t *testing.T) {
	c := newCrypto(t)
	prefix := netip.MustParsePrefix("44.2.0.1/16")
	domains := routing.NewDomains(platform.Network{
		Interfaces: []platform.Interface{{Name: "eth0", MTU: 1500, Running: true, Addrs: []platform.InterfaceAddr{{Prefix: prefix}}}},
		Egress4: platform.Egress{
			Source: prefix.Addr(), Interface: "eth0", MTU: 1500, Gateway: netip.MustParseAddr("44.2.0.254"), GatewayKnown: true,
		},
	}, false)
	own := newPair(t, c.Best())
	tab, err := routing.New(routing.Config{
		Crypto: c, Keys: []crypto.KeyPair{own}, Domains: domains,
		Capabilities: routing.DefaultCapabilities(false, nil), Rand: rand.New(rand.NewPCG(1, 2)),
	})
	if err != nil {
		t.Fatal(err)
	}
	now := t0.Add(10 * time.Minute)
	register := func(i int, dhtv, answers bool) crypto.NodeID {
		t.Helper()
		pair := newPair(t, c.Best())
		info := wire.NodeInfo{
			Timestamp: crypto.FromTime(t0), EnvelopeSupport: []wire.EnvelopeVersion{wire.ENV0},
			Capabilities:      []wire.Capability{wire.CapROUT},
			OutboundProtocols: wire.AllProtocols, AddressTypes: wire.AllAddresses,
			PublicKeys: []crypto.PublicKey{pair.Public},
			DialInfo: []wire.DialInfoDetail{{Class: wire.ClassDirect, DialInfo: wire.DialInfo{
				Protocol: wire.UDP, Addr: netip.MustParseAddrPort(fmt.Sprintf("45.1.0.%d:5150", i))}}},
		}
		if dhtv {
			info.Capabilities = append(info.Capabilities, wire.CapDHTV)
		}
		info.Sort(c.Kinds())
		p := &wire.PeerInfo{Domain: wire.PublicInternet, NodeIDs: []crypto.NodeID{crypto.NodeIDOf(pair.Public)}, Info: info}
		if p.Message, err = wire.EncodeNodeInfo(&info); err != nil {
			t.Fatal(err)
		}
		if p.Signatures, err = c.GenerateSignatures(p.Message, []crypto.KeyPair{pair}); err != nil {
			t.Fatal(err)
		}
		e, err := tab.RegisterPeer(p, routing.RegisterOptions{}, t0)
		if err != nil {
			t.Fatal(err)
		}
		if answers {
			path := routing.Path{Flow: transport.Flow{Protocol: wire.UDP, Remote: info.DialInfo[0].DialInfo.Addr}, Dialled: true}
			for s := time.Duration(0); s < 10*time.Minute; s += 10 * time.Second {
				e.QuestionSent(path, 10, t0.Add(s))
				e.AnswerReceived(path, 10, 50*time.Millisecond, t0.Add(s))
			}
			if got := e.State(now); got != routing.StateReliable {
				t.Fatalf("node %d is %v", i, got)
			}
		}
		return p.NodeIDs[0]
	}
	var candidates []crypto.NodeID
	for i := range 40 {
		id := register(1+i, i%4 != 1, i%4 != 2)
		if i%4 != 1 && i%4 != 2 {
			candidates = append(candidates, id)
		}
	}
	nearby := TableNearby{tab}
	ownID := crypto.NodeIDOf(own.Public)
	some, none := 0, 0
	for n := range 50 {
		key := crypto.OpaqueRecordKey{Kind: crypto.KindVLD0, Value: [32]byte{byte(5 * n), 3}}
		if n == 0 {
			key.Value = ownID.Value // nobody is nearer to ourselves
		}
		distance := func(id crypto.NodeID) crypto.Distance {
			d, _ := id.Distance(key.Coordinate())
			return d
		}
		var want []crypto.NodeID
		for _, id := range candidates {
			if distance(id).Less(distance(ownID)) {
				want = append(want, id)
			}
		}
		slices.SortFunc(want, func(a, b crypto.NodeID) int { return distance(a).Compare(distance(b)) })
		for _, most := range []int{20, 3, 0} {
			peers, ok := nearby.Closer(key, most, now)
			var got []crypto.NodeID
			for _, p := range peers {
				got = append(got, p.NodeIDs[0])
			}
			if !ok || !slices.Equal(got, want[:min(most, len(want))]) {
				t.Errorf("key %d, at most %d: %d nodes, want %d", n, most, len(got), len(want))
			}
		}
		some, none = some+min(1, len(want)), none+1-min(1, len(want))
	}
	if some == 0 || none == 0 {
		t.Errorf("%d keys with nearer nodes, %d without", some, none)
	}
	if _, ok := nearby.Closer(crypto.OpaqueRecordKey{Kind: crypto.KindNONE}, 20, now); ok {
		t.Error("a kind that we have no id for")
	}
}
