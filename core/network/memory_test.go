package network

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/network/bootstrap"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/transport/memory"
	"github.com/voile-net/voile/core/wire"
)

// internet is nodes with real transports over simulated links.
type internet struct {
	*fabric
	net *memory.Network
}

func newInternet(t *testing.T) *internet {
	n := &internet{newFabric(t), memory.New(1)}
	t.Cleanup(n.net.Close)
	return n
}

// public adds a node with an address of its own.
func (w *internet) public(addr string, change func(*Config)) (*node, *transport.Stack) {
	w.t.Helper()
	n := w.bare(addr, addr, nodeConfig{change: change})
	return n, w.connect(n, memory.HostConfig{Addrs: []netip.Addr{n.addr.Addr()}})
}

// behindNAT adds a node behind a port-restricted translator of its own, with r
// as its relay.
func (w *internet) behindNAT(public string, r *node) *node {
	w.t.Helper()
	const inside = "192.168.0.2:5150"
	nat, err := w.net.NAT(memory.NATConfig{Kind: memory.PortRestricted, Public: netip.MustParseAddrPort(public).Addr()})
	if err != nil {
		w.t.Fatal(err)
	}
	n := w.bare(public, inside, nodeConfig{dials: []wire.DialInfoDetail{did(wire.ClassPortRestrictedNAT, wire.UDP, public)}})
	w.connect(n, memory.HostConfig{Addrs: []netip.Addr{netip.MustParseAddrPort(inside).Addr()}, NAT: nat})
	n.usesRelay(r)
	r.knows(n)
	n.keep(r)
	w.settle()
	r.received()
	return n
}

func (w *internet) connect(n *node, hc memory.HostConfig) *transport.Stack {
	w.t.Helper()
	hc.Link = memory.Link{Latency: 5 * time.Millisecond}
	host, err := w.net.Host(hc)
	if err != nil {
		w.t.Fatal(err)
	}
	stack, err := transport.New(transport.Config{Host: host, Handler: n.Manager, Filter: n.filter, UDPReaders: 1})
	if err != nil {
		w.t.Fatal(err)
	}
	listen := transport.Listen{Enabled: true, Addrs: []netip.AddrPort{netip.AddrPortFrom(netip.IPv4Unspecified(), n.addr.Port())}}
	if err := stack.Listen(w.t.Context(), transport.ListenConfig{UDP: listen, TCP: listen, WS: listen}); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { stack.Close() })
	n.SetStack(stack)
	return stack
}

// settle lets everything under way arrive.
func (w *internet) settle() {
	time.Sleep(time.Second)
	synctest.Wait()
}

func TestOverMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newInternet(t)
		a, _ := w.public("44.81.0.11:5150", nil)
		b, _ := w.public("44.81.0.12:5150", nil)
		e := a.knows(b)
		big := make([]byte, 60000) // many datagrams, one connection
		if err := a.cfg.Crypto.Best().RandomBytes(big); err != nil {
			t.Fatal(err)
		}
		for _, v := range []struct {
			seq      wire.Sequencing
			protocol wire.ProtocolType
			body     []byte
		}{
			{wire.PreferUnordered, wire.UDP, []byte("small")},
			{wire.PreferUnordered, wire.UDP, big},
			{wire.EnsureOrdered, wire.TCP, []byte("small")},
			{wire.EnsureOrdered, wire.TCP, big},
		} {
			res := a.mustSend(Request{Target: e, Body: v.body, Sequencing: v.seq})
			w.settle()
			in := b.take()
			if res.Flow.Protocol != v.protocol || string(in.Body) != string(v.body) || in.Sender != a.id {
				t.Errorf("%v: %d bytes over %v, want %d", v.seq, len(in.Body), res.Flow, len(v.body))
			}
			if one := v.protocol == wire.UDP && len(v.body) < 100; (in.Datagram > 0) != one {
				t.Errorf("%v: datagram of %d", v.seq, in.Datagram)
			}
			back := b.mustSend(Request{Target: in.Entry, Body: []byte("back"), PinFlow: &in.Flow, MustPin: true})
			if back.Dialled != (v.protocol == wire.UDP) {
				t.Errorf("%v: dialled %v", v.seq, back.Dialled)
			}
			in.Release()
			w.settle()
			if got := a.received(); !slices.Equal(got, []string{"back"}) {
				t.Errorf("%v: answered %q", v.seq, got)
			}
		}
		if up, down := a.Traffic().Up, b.Traffic().Down; up != down || up < 2*60000 {
			t.Errorf("%d bytes up, %d down", up, down)
		}
	})
}

func TestReverseConnectOverMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newInternet(t)
		r, _ := w.public("44.81.0.13:5150", nil)
		a, _ := w.public("44.81.0.11:5150", nil)
		b := w.behindNAT("44.81.0.12:5150", r)
		res := a.mustSend(Request{Target: a.knows(b), Body: []byte("hello"), Sequencing: wire.EnsureOrdered})
		w.settle()
		if res.Dialled || res.Flow.Remote.Addr() != b.addr.Addr() || res.Flow.Protocol != wire.TCP {
			t.Errorf("result %+v, want a connection of b", res)
		}
		if got := b.received(); !slices.Equal(got, []string{"hello"}) {
			t.Errorf("received %q", got)
		}
	})
}

func TestHolePunchOverMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newInternet(t)
		r, _ := w.public("44.81.0.13:5150", nil)
		a := w.behindNAT("44.81.0.11:5150", r)
		b := w.behindNAT("44.81.0.12:5150", r)
		res := a.mustSend(Request{Target: a.knows(b), Body: []byte("hello"), Sequencing: wire.PreferUnordered})
		w.settle()
		if res.Flow.Remote != b.addr || res.Flow.Protocol != wire.UDP {
			t.Errorf("result %+v, want b's own address over UDP", res)
		}
		in := b.take()
		if string(in.Body) != "hello" || in.Flow.Remote != a.addr {
			t.Errorf("received %q from %v, want it from %v", in.Body, in.Flow, a.addr)
		}
		// The hole is open in both directions.
		b.mustSend(Request{Target: in.Entry, Body: []byte("back"), PinFlow: &in.Flow, MustPin: true})
		in.Release()
		w.settle()
		if got := a.received(); !slices.Equal(got, []string{"back"}) {
			t.Errorf("answered %q", got)
		}
	})
}

// Two NATs that only speak TCP to each other meet at the relay.
func TestInboundRelayOverMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newInternet(t)
		r, _ := w.public("44.81.0.13:5150", nil)
		a := w.behindNAT("44.81.0.11:5150", r)
		b := w.behindNAT("44.81.0.12:5150", r)
		res := a.mustSend(Request{Target: a.knows(b), Body: []byte("hello"), Sequencing: wire.EnsureOrdered})
		w.settle()
		if res.Flow.Remote != r.addr || res.ToDialInfo {
			t.Errorf("result %+v, want the relay", res)
		}
		in := b.take()
		if string(in.Body) != "hello" || in.Flow.Remote != r.addr {
			t.Errorf("received %q from %v", in.Body, in.Flow)
		}
		b.mustSend(Request{Target: in.Entry, Body: []byte("back"), PinFlow: &in.Flow, MustPin: true})
		in.Release()
		w.settle()
		if got := a.received(); !slices.Equal(got, []string{"back"}) {
			t.Errorf("answered %q", got)
		}
	})
}

// A newcomer finds a server by each transport, with and without keys.
func TestBootstrapOverMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newInternet(t)
		src := &bootSource{serves: true}
		server, _ := w.public("44.81.0.13:5150", func(c *Config) { c.Bootstrap = src })
		client, stack := w.public("44.81.0.11:5150", nil)
		record := bootstrap.Record{
			EnvelopeVersions: []wire.EnvelopeVersion{wire.ENV0}, PublicKeys: []crypto.PublicKey{server.pair.Public},
			Hostname: "44.81.0.13", Dials: []bootstrap.ShortDial{{Protocol: wire.TCP, Port: 5150}}, Timestamp: 1,
		}
		signed, err := record.Sign(client.cfg.Crypto, client.pair)
		if err != nil {
			t.Fatal(err)
		}
		src.records = []string{signed}
		for _, url := range []string{"udp://44.81.0.13:5150", "tcp://44.81.0.13:5150", "ws://44.81.0.13:5150/ws"} {
			for _, keys := range [][]crypto.PublicKey{nil, {client.pair.Public}} {
				res, err := bootstrap.Gather(t.Context(), bootstrap.Config{
					Bootstrap: []string{url}, Keys: keys, Crypto: client.cfg.Crypto, Clock: client.cfg.Clock,
					Cache: bootstrap.NewCache(nil), Requester: stack, Protocols: wire.AllProtocols, Addresses: wire.AllAddresses,
					Assign: func(info *wire.NodeInfo) (wire.RoutingDomain, bool) {
						return client.table.Domains().Assign(info, wire.PublicInternet)
					},
				})
				if err != nil || len(res.Errors) > 0 {
					t.Fatalf("%s with %d keys: %v, %v", url, len(keys), res.Errors, err)
				}
				if len(res.Peers) != 1 || res.Peers[0].NodeIDs[0] != server.id || !res.Peers[0].Signed() {
					t.Errorf("%s with %d keys: peers %+v", url, len(keys), res.Peers)
				}
				if want := len(keys); len(res.Records) != want {
					t.Errorf("%s with %d keys: records %q", url, len(keys), res.Records)
				}
			}
		}
	})
}

func TestOutOfBandOverMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newInternet(t)
		a, _ := w.public("44.81.0.11:5150", nil)
		b, _ := w.public("44.81.0.12:5150", nil)
		for _, protocol := range []wire.ProtocolType{wire.UDP, wire.TCP} {
			rc, err := a.Receipts().New(OutOfBand, time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if err := b.SendReceiptOutOfBand(t.Context(), did(direct, protocol, "44.81.0.11:5150").DialInfo, rc.Bytes()); err != nil {
				t.Fatal(err)
			}
			ret, err := rc.Wait(t.Context())
			if err != nil || ret.Flow.Remote.Port() == b.addr.Port() || ret.Flow.Protocol != protocol {
				t.Errorf("%v: %+v, %v, want one from a fresh port", protocol, ret, err)
			}
		}
	})
}
