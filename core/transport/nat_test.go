package transport_test

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/transport/memory"
	"github.com/voile-net/voile/core/wire"
)

// behind starts a node behind a translator of its own.
func behind(t *testing.T, n *memory.Network, kind memory.NATKind, public string) (node, wire.DialInfo) {
	t.Helper()
	a := netip.MustParseAddr(public)
	nat, err := n.NAT(memory.NATConfig{Kind: kind, Public: a})
	if err != nil {
		t.Fatal(err)
	}
	h, err := n.Host(memory.HostConfig{Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.2")}, NAT: nat, Link: delayed})
	if err != nil {
		t.Fatal(err)
	}
	return start(t, h), wire.DialInfo{Protocol: wire.UDP, Addr: netip.AddrPortFrom(a, 5150)}
}

// TestHolePunch is the link-level part of spec 02 §12: low datagrams of both
// sides open the way for both, unless a translator maps each remote anew.
func TestHolePunch(t *testing.T) {
	for _, tt := range []struct {
		name  string
		kinds [2]memory.NATKind
		works bool
	}{
		{"port restricted", [2]memory.NATKind{memory.PortRestricted, memory.PortRestricted}, true},
		{"address restricted", [2]memory.NATKind{memory.AddressRestricted, memory.PortRestricted}, true},
		{"symmetric", [2]memory.NATKind{memory.Symmetric, memory.PortRestricted}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := network(t)
				a, aInfo := behind(t, n, tt.kinds[0], "44.0.0.1")
				b, bInfo := behind(t, n, tt.kinds[1], "44.0.0.2")
				arrived := func(r node) bool {
					time.Sleep(time.Second)
					return len(r.messages) > 0
				}
				send(t, a, bInfo, "too early")
				check(t, "without a punch", arrived(b), false)
				time.Sleep(time.Minute)
				if err := a.Punch(t.Context(), bInfo.Addr, 3); err != nil {
					t.Fatal(err)
				}
				if err := b.Punch(t.Context(), aInfo.Addr, 3); err != nil {
					t.Fatal(err)
				}
				check(t, "the datagrams themselves", arrived(a) || arrived(b), false)
				flow := send(t, b, aInfo, "receipt")
				check(t, "through", arrived(a), tt.works)
				if !tt.works {
					return
				}
				m := a.message(t)
				check(t, "from the punched address", m.Flow.Remote, bInfo.Addr)
				if err := a.SendFlow(t.Context(), m.Flow, []byte("data"), 0); err != nil {
					t.Fatal(err)
				}
				check(t, "answer", b.message(t).Flow, flow)
			})
		})
	}
}

// TestLossyLink: what arrives by UDP is whole, and streams lose nothing.
func TestLossyLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t)
		a, b := start(t, host(t, n, "44.0.0.1")), start(t, host(t, n, "44.0.0.2"))
		a.host.SetLink(memory.Link{Latency: 20 * time.Millisecond, Jitter: 20 * time.Millisecond, Loss: 0.02})
		msg := make([]byte, 16<<10)
		for i := range msg {
			msg[i] = byte(i % 251)
		}
		for range 100 {
			send(t, a, b.at(wire.UDP), string(msg))
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Second)
		whole := len(b.messages)
		if whole < 60 || whole > 90 { // 0.98^14 of 100
			t.Errorf("%d of 100 arrived", whole)
		}
		for range whole {
			check(t, "whole", b.message(t).text == string(msg), true)
		}
		for range 100 {
			send(t, a, b.at(wire.TCP), string(msg))
		}
		for range 100 {
			check(t, "by stream", b.message(t).text == string(msg), true)
		}
	})
}

// TestPartition: a connection outlives a short cut, and an attempt over it fails.
func TestPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t)
		a, b, c := start(t, host(t, n, "44.0.0.1")), start(t, host(t, n, "44.0.0.2")), start(t, host(t, n, "44.0.0.3"))
		flow := send(t, a, b.at(wire.TCP), "1")
		check(t, "received", b.message(t).text, "1")
		n.Partition(a.host)
		if err := a.SendFlow(t.Context(), flow, []byte("2"), 0); err != nil {
			t.Fatal(err)
		}
		if _, err := a.SendDialInfo(t.Context(), c.at(wire.TCP), nil, transport.SendOptions{}); err == nil {
			t.Error("connected across the cut")
		}
		time.Sleep(time.Second)
		check(t, "messages across the cut", len(b.messages), 0)
		n.Heal()
		check(t, "received", b.message(t).text, "2")
	})
}
