package detect

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/voile-net/voile/core/wire"
)

// watching is a watch with what it is told; steps of a test change it.
type watching struct {
	w   Watch
	own Own
}

func newWatching(own ...wire.DialInfoDetail) *watching {
	return &watching{own: Own{
		Online: true, Published: new(wire.PeerInfo), DialInfo: own,
		Groups: []Group{udp6, tcp6, udp4, tcp4},
	}}
}

// report is one of peer n, in a block of its own, about UDP over IPv4.
func report(n int, seen, previous string) Report {
	r := Report{
		Protocol: wire.UDP, Reachable: true,
		Local:  netip.AddrPortFrom(inside4, listenPort),
		Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{45, 0, byte(n >> 8), byte(n)}), 5150),
		Seen:   netip.MustParseAddrPort(seen),
	}
	if previous != "" {
		r.Previous = netip.MustParseAddrPort(previous)
	}
	return r
}

// feed gives n reports of n peers and returns which of them asked for a
// detection, counted from 1.
func (w *watching) feed(first, n int, seen, previous string) (asked []int) {
	for i := range n {
		if w.w.Observe(report(first+i, seen, previous), &w.own) {
			asked = append(asked, i+1)
		}
	}
	return asked
}

func expect(t *testing.T, what string, got []int, want ...int) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: asked at %v, want %v", what, got, want)
	}
}

const (
	ours    = "44.1.2.3:5150"
	changed = "44.9.9.9:5150"
)

func ownUDP(class wire.DialInfoClass) wire.DialInfoDetail {
	return detail(class, wire.UDP, netip.MustParseAddrPort(ours))
}

func TestWatchWithDialInfo(t *testing.T) {
	t.Run("five who said otherwise before", func(t *testing.T) {
		w := newWatching(ownUDP(wire.ClassDirect))
		expect(t, "changed", w.feed(0, 5, changed, ours), 5)
	})
	t.Run("once per address", func(t *testing.T) {
		w := newWatching(ownUDP(wire.ClassDirect))
		expect(t, "first address", w.feed(0, 20, changed, ours), 5)
		expect(t, "second address", w.feed(20, 20, "44.9.9.8:5150", ours), 1)
		expect(t, "first address again", w.feed(40, 20, changed, ours))
	})
	t.Run("a right report starts over", func(t *testing.T) {
		w := newWatching(ownUDP(wire.ClassDirect))
		expect(t, "four", w.feed(0, 4, changed, ours))
		expect(t, "right", w.feed(4, 1, ours, ours))
		expect(t, "four more", w.feed(5, 4, changed, ours))
		expect(t, "the fifth", w.feed(9, 1, changed, ours), 1)
	})
	t.Run("whoever was wrong before does not count", func(t *testing.T) {
		w := newWatching(ownUDP(wire.ClassDirect))
		expect(t, "never right", w.feed(0, 20, changed, changed))
		expect(t, "nothing said before", w.feed(20, 20, changed, ""))
	})
	t.Run("another port of a direct address is right", func(t *testing.T) {
		w := newWatching(ownUDP(wire.ClassDirect))
		expect(t, "port", w.feed(0, 20, "44.1.2.3:9", ours))
	})
	t.Run("another port of a NAT is not", func(t *testing.T) {
		for _, class := range []wire.DialInfoClass{wire.ClassFullConeNAT, wire.ClassAddressRestrictedNAT, wire.ClassPortRestrictedNAT} {
			w := newWatching(ownUDP(class))
			expect(t, class.String(), w.feed(0, 5, "44.1.2.3:9", ours), 5)
		}
	})
	t.Run("another port of TCP behind a NAT is right", func(t *testing.T) {
		w := newWatching(detail(wire.ClassFullConeNAT, wire.TCP, netip.MustParseAddrPort(ours)))
		for n := range 20 {
			r := report(n, "44.1.2.3:9", ours)
			r.Protocol = wire.TCP
			if w.w.Observe(r, &w.own) {
				t.Errorf("asked at report %d", n)
			}
		}
	})
	t.Run("a new peer info starts over", func(t *testing.T) {
		w := newWatching(ownUDP(wire.ClassDirect))
		expect(t, "four", w.feed(0, 4, changed, ours))
		w.own.Published = new(wire.PeerInfo)
		expect(t, "four more", w.feed(4, 4, changed, ours))
		expect(t, "the fifth", w.feed(8, 1, changed, ours), 1)
		w.own.DialInfo = []wire.DialInfoDetail{ownUDP(wire.ClassMapped)}
		expect(t, "same address, other dial info", w.feed(9, 5, changed, ours), 5)
	})
	t.Run("transports are apart", func(t *testing.T) {
		w := newWatching(ownUDP(wire.ClassDirect), detail(wire.ClassDirect, wire.TCP, netip.MustParseAddrPort(ours)))
		expect(t, "UDP", w.feed(0, 4, changed, ours))
		for n := range 4 {
			r := report(n, changed, ours)
			r.Protocol = wire.TCP
			if w.w.Observe(r, &w.own) {
				t.Errorf("TCP asked at report %d", n)
			}
		}
	})
	t.Run("asked addresses are bounded", func(t *testing.T) {
		w := newWatching(ownUDP(wire.ClassDirect))
		for i := range 3 * triggersHeld {
			expect(t, "address", w.feed(0, 5, fmt.Sprintf("44.9.%d.9:5150", i), ours), 5)
		}
		for _, s := range w.w.transports {
			if len(s.asked) != triggersHeld {
				t.Errorf("%d addresses held, want %d", len(s.asked), triggersHeld)
			}
		}
	})
}

func TestWatchWithoutDialInfo(t *testing.T) {
	t.Run("five blocks agree", func(t *testing.T) {
		w := newWatching()
		expect(t, "agree", w.feed(0, 5, changed, ""), 5)
	})
	t.Run("ports differ behind a symmetric NAT", func(t *testing.T) {
		w := newWatching()
		asked := 0
		for n := range 5 {
			if w.w.Observe(report(n, fmt.Sprintf("44.9.9.9:%d", 100+n), ""), &w.own) {
				asked++
			}
		}
		if asked != 1 {
			t.Errorf("asked %d times, want 1", asked)
		}
	})
	t.Run("one block is one voice", func(t *testing.T) {
		w := newWatching()
		for range 20 {
			expect(t, "same peer", w.feed(0, 1, changed, ""))
		}
	})
	t.Run("two addresses", func(t *testing.T) {
		w := newWatching()
		expect(t, "one", w.feed(0, 1, "44.8.8.8:5150", ""))
		expect(t, "other", w.feed(1, 9, changed, ""))
		expect(t, "the eleventh block drops the first", w.feed(10, 1, changed, ""), 1)
	})
	t.Run("known from the last detection", func(t *testing.T) {
		w := newWatching()
		w.w.Detected(&Result{External: []netip.Addr{netip.MustParseAddr("44.9.9.9")}})
		expect(t, "known", w.feed(0, 10, changed, ""))
		expect(t, "moved", w.feed(0, 10, "44.7.7.7:5150", ""), 10)
	})
	t.Run("dial info of another transport", func(t *testing.T) {
		w := newWatching(detail(wire.ClassDirect, wire.UDP, netip.MustParseAddrPort("[2600:1::5]:5150")))
		expect(t, "IPv4 has none", w.feed(0, 5, changed, ""), 5)
	})
}

// TestWatchIgnores: what says nothing about us (spec 04 §9.7).
func TestWatchIgnores(t *testing.T) {
	tests := []struct {
		name   string
		own    func(o *Own)
		report func(r *Report)
		counts bool
	}{
		{name: "nothing special", counts: true},
		{name: "offline", own: func(o *Own) { o.Online = false }},
		{name: "not published", own: func(o *Own) { o.Published = nil }},
		{name: "not our listening port", report: func(r *Report) { r.Local = netip.AddrPortFrom(inside4, 40000) }},
		{name: "a transport not listened on", own: func(o *Own) { o.Groups = []Group{tcp4, udp6} }},
		{name: "no dial info", report: func(r *Report) { r.Reachable = false }},
		{name: "another family", report: func(r *Report) { r.Seen = netip.MustParseAddrPort("[2600:9::1]:5150") }},
		{name: "in IPv6 form", report: func(r *Report) { r.Seen = netip.MustParseAddrPort("[::ffff:44.9.9.9]:5150") }, counts: true},
		{name: "block of the reporter", report: func(r *Report) { r.Seen = netip.AddrPortFrom(r.Remote.Addr(), 1) }},
		{name: "private address", report: func(r *Report) { r.Seen = netip.MustParseAddrPort("10.0.0.1:5150") }},
		{name: "nothing said", report: func(r *Report) { r.Seen = netip.AddrPort{} }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWatching(ownUDP(wire.ClassDirect))
			if tt.own != nil {
				tt.own(&w.own)
			}
			asked := false
			for n := range wrongToDetect {
				r := report(n, changed, ours)
				if tt.report != nil {
					tt.report(&r)
				}
				asked = w.w.Observe(r, &w.own) || asked
			}
			if asked != tt.counts {
				t.Errorf("asked %v, want %v", asked, tt.counts)
			}
		})
	}
}

func TestWatchIPv6Block(t *testing.T) {
	w := newWatching()
	asked := 0
	for n := range 20 {
		r := report(n, "[2600:9::1]:5150", "")
		r.Local = netip.AddrPortFrom(outside6, listenPort)
		// All of one /56, which is one block.
		r.Remote = netip.MustParseAddrPort(fmt.Sprintf("[2600:7:0:12%02x::1]:5150", n))
		if w.w.Observe(r, &w.own) {
			asked++
		}
	}
	if asked != 0 {
		t.Errorf("one block asked %d times", asked)
	}
}

func TestPortString(t *testing.T) {
	if got, want := udp4.port().String(), "UDP/IPV4:5150"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
