package detect

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/wire"
)

func detail(class wire.DialInfoClass, p wire.ProtocolType, at netip.AddrPort) wire.DialInfoDetail {
	return wire.DialInfoDetail{Class: class, DialInfo: dialInfo(p, at, "ws")}
}

// result names dial info for comparison and messages.
func result(list []wire.DialInfoDetail) (texts []string) {
	for _, d := range list {
		texts = append(texts, d.Class.String()+" "+d.DialInfo.String())
	}
	return texts
}

// TestNATKinds is the table of classes (spec 04 §9.3, §9.7), once over UDP and
// once over TCP with WebSocket on the same port.
func TestNATKinds(t *testing.T) {
	double := netip.MustParseAddr("100.64.3.3")
	tests := []struct {
		name  string
		kind  natKind
		setup func(w *world)
		found bool // a class; else no dial info at all
		class wire.DialInfoClass
		at    netip.AddrPort
	}{
		{name: "no NAT", kind: openInternet, found: true, class: wire.ClassDirect, at: netip.AddrPortFrom(outside4, listenPort)},
		{name: "packet filter", kind: packetFilter, found: true, class: wire.ClassBlocked, at: netip.AddrPortFrom(outside4, listenPort)},
		{name: "no NAT, requests not sent", kind: openInternet, setup: func(w *world) { w.unsent = true }},
		{name: "full cone", kind: fullCone, found: true, class: wire.ClassFullConeNAT, at: netip.AddrPortFrom(outside4, natPort)},
		{name: "address restricted", kind: addressRestricted, found: true, class: wire.ClassAddressRestrictedNAT, at: netip.AddrPortFrom(outside4, natPort)},
		{name: "port restricted", kind: portRestricted, found: true, class: wire.ClassPortRestrictedNAT, at: netip.AddrPortFrom(outside4, natPort)},
		{name: "port restricted, same port outside", kind: portPreserving, found: true, class: wire.ClassPortRestrictedNAT, at: netip.AddrPortFrom(outside4, listenPort)},
		{name: "NAT, requests not sent", kind: fullCone, setup: func(w *world) { w.unsent = true }},
		{name: "symmetric by port", kind: symmetricPorts},
		{name: "symmetric by address", kind: symmetricAddresses},
		{name: "forwarded by hand", kind: manualForward, found: true, class: wire.ClassDirect, at: netip.AddrPortFrom(outside4, listenPort)},
		{name: "forwarded by hand, filtered", kind: manualForward, setup: func(w *world) { w.filtered = true },
			found: true, class: wire.ClassPortRestrictedNAT, at: netip.AddrPortFrom(outside4, natPort)},
		{name: "full cone looks restricted where nobody can redirect", kind: fullCone, setup: func(w *world) { w.lonely = true },
			found: true, class: wire.ClassAddressRestrictedNAT, at: netip.AddrPortFrom(outside4, natPort)},
		{name: "mapped by the gateway", kind: portRestricted, setup: func(w *world) { w.mapper = &router{outside: outside4, port: 6000} },
			found: true, class: wire.ClassMapped, at: netip.AddrPortFrom(outside4, 6000)},
		{name: "mapped in front of a symmetric NAT", kind: symmetricPorts, setup: func(w *world) { w.mapper = &router{outside: outside4, port: 6000} },
			found: true, class: wire.ClassMapped, at: netip.AddrPortFrom(outside4, 6000)},
		{name: "mapped is better than full cone", kind: fullCone, setup: func(w *world) { w.mapper = &router{outside: outside4, port: 6000} },
			found: true, class: wire.ClassMapped, at: netip.AddrPortFrom(outside4, 6000)},
		{name: "mapped but filtered", kind: fullCone, setup: func(w *world) { w.mapper, w.filtered = &router{outside: outside4, port: 6000}, true },
			found: true, class: wire.ClassFullConeNAT, at: netip.AddrPortFrom(outside4, natPort)},
		{name: "mapping behind another NAT", kind: fullCone, setup: func(w *world) { w.mapper = &router{outside: double, port: 6000} },
			found: true, class: wire.ClassFullConeNAT, at: netip.AddrPortFrom(outside4, natPort)},
		{name: "gateway without mappings", kind: fullCone, setup: func(w *world) { w.mapper = &router{} },
			found: true, class: wire.ClassFullConeNAT, at: netip.AddrPortFrom(outside4, natPort)},
	}
	for _, tt := range tests {
		for _, g := range []Group{udp4, tcp4} {
			t.Run(tt.name+"/"+g.Protocols[0].String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(tt.kind, 8)
					w.answerAfter = 100 * time.Millisecond
					if tt.setup != nil {
						tt.setup(w)
					}
					r, err := Run(t.Context(), w.config(g))
					if err != nil {
						t.Fatal(err)
					}
					var want []wire.DialInfoDetail
					if tt.found {
						for _, p := range g.Protocols {
							want = append(want, detail(tt.class, p, tt.at))
						}
					}
					if !slices.Equal(r.DialInfo, want) {
						t.Errorf("dial info %q, want %q", result(r.DialInfo), result(want))
					}
					if r.Families != wire.Addresses(wire.IPv4) {
						t.Errorf("families %b, want IPv4", r.Families)
					}
					if !slices.Contains(r.External, outside4) {
						t.Errorf("external addresses %v, want %v among them", r.External, outside4)
					}
					if m := w.mapper; m != nil {
						if kept := len(m.mapped) > 0; kept != (tt.class == wire.ClassMapped) {
							t.Errorf("mapping kept: %v, class %v", kept, tt.class)
						}
						if m.prepared != 1 {
							t.Errorf("gateway searched for %d times, want 1", m.prepared)
						}
					}
				})
			})
		}
	}
}

// TestNoNATSeenAtAnotherPort: a connection that could not leave from the listening
// port tells our address all the same.
func TestNoNATSeenAtAnotherPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(openInternet, 3)
		w.lies = map[*routing.Entry]netip.AddrPort{}
		for i, e := range w.nodes[wire.IPv4] {
			w.lies[e] = netip.AddrPortFrom(outside4, uint16(33000+i))
		}
		r, err := Run(t.Context(), w.config(tcp4))
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"Direct tcp|44.1.2.3:5150", "Direct ws|44.1.2.3:5150/ws"}
		if got := result(r.DialInfo); !slices.Equal(got, want) {
			t.Errorf("dial info %q, want %q", got, want)
		}
	})
}

func TestFamiliesAndSharedPorts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(fullCone, 5)
		r, err := Run(t.Context(), w.config(udp4, tcp4, udp6, tcp6))
		if err != nil {
			t.Fatal(err)
		}
		at4, at6 := netip.AddrPortFrom(outside4, natPort), netip.AddrPortFrom(outside6, listenPort)
		want := []string{
			"Direct udp|[2600:1::5]:5150", "Direct tcp|[2600:1::5]:5150", "Direct ws|[2600:1::5]:5150/ws",
			"FullConeNAT udp|44.1.2.3:40001", "FullConeNAT tcp|44.1.2.3:40001", "FullConeNAT ws|44.1.2.3:40001/ws",
		}
		if got := result(r.DialInfo); !slices.Equal(got, want) {
			t.Errorf("dial info %q, want %q", got, want)
		}
		for _, d := range r.DialInfo {
			if err := d.DialInfo.Check(); err != nil {
				t.Errorf("%v: %v", d.DialInfo, err)
			}
		}
		if r.Families != wire.AllAddresses {
			t.Errorf("families %b, want both", r.Families)
		}
		if !slices.Contains(r.External, at4.Addr()) || !slices.Contains(r.External, at6.Addr()) || len(r.External) != 2 {
			t.Errorf("external %v, want %v and %v", r.External, at4.Addr(), at6.Addr())
		}
	})
}

func TestOneFamilyIsEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(openInternet, 5)
		w.nodes[wire.IPv6] = w.nodes[wire.IPv6][:1]
		r, err := Run(t.Context(), w.config(udp4, udp6))
		if err != nil {
			t.Fatal(err)
		}
		if r.Families != wire.Addresses(wire.IPv4) || len(r.DialInfo) != 1 {
			t.Errorf("families %b, dial info %q; want IPv4 and one", r.Families, result(r.DialInfo))
		}
		if r.MoreValidators(w.validators) {
			t.Error("asks for another detection though no validator came")
		}
		w.nodes[wire.IPv6] = append(w.nodes[wire.IPv6], new(routing.Entry))
		if !r.MoreValidators(w.validators) {
			t.Error("a validator came where there were too few, and it is not noticed")
		}
	})
}

func TestEnoughValidatorsNeedNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(openInternet, wantAnswers)
		r, err := Run(t.Context(), w.config(udp4))
		if err != nil {
			t.Fatal(err)
		}
		w.nodes[wire.IPv4] = append(w.nodes[wire.IPv4], new(routing.Entry))
		if r.MoreValidators(w.validators) {
			t.Error("five validators were not enough")
		}
	})
}

func TestStaticFamilies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(openInternet, 0)
		c := w.config()
		c.Static = wire.Addresses(wire.IPv4)
		r, err := Run(t.Context(), c)
		if err != nil || r.Families != c.Static || len(r.DialInfo) != 0 {
			t.Errorf("all static: %+v, %v; want IPv4 and nothing detected", r, err)
		}
		c.Groups = []Group{udp6}
		if _, err := Run(t.Context(), c); !errors.Is(err, ErrStarved) {
			t.Errorf("with a group that starves: %v, want ErrStarved", err)
		}
	})
}

func TestStarvationAndFailure(t *testing.T) {
	everyone := func(w *world) {
		w.silent = map[*routing.Entry]bool{}
		for _, e := range w.nodes[wire.IPv4] {
			w.silent[e] = true
		}
	}
	tests := []struct {
		name       string
		validators int
		setup      func(w *world)
		want       error // nil: success
		took       time.Duration
	}{
		{name: "no validator", validators: 0, want: ErrStarved},
		{name: "one validator", validators: 1, want: ErrStarved},
		{name: "two validators", validators: 2},
		{name: "all silent", validators: 3, setup: everyone, want: ErrFailed, took: 5 * time.Second},
		{name: "one of two silent", validators: 2, want: ErrFailed, took: 5 * time.Second, setup: func(w *world) {
			w.silent = map[*routing.Entry]bool{w.nodes[wire.IPv4][0]: true}
		}},
		{name: "one of three silent", validators: 3, took: 5 * time.Second, setup: func(w *world) {
			w.silent = map[*routing.Entry]bool{w.nodes[wire.IPv4][0]: true}
		}},
		{name: "one of six silent", validators: 6, setup: func(w *world) {
			w.silent = map[*routing.Entry]bool{w.nodes[wire.IPv4][0]: true}
		}},
		{name: "answers of no use", validators: 3, want: ErrFailed, setup: func(w *world) {
			w.lies = map[*routing.Entry]netip.AddrPort{
				w.nodes[wire.IPv4][0]: netip.MustParseAddrPort("10.0.0.1:5150"),
				w.nodes[wire.IPv4][1]: netip.MustParseAddrPort("[2600:1::5]:5150"),
				w.nodes[wire.IPv4][2]: netip.MustParseAddrPort("44.1.2.3:0"),
			}
		}},
		{name: "an IPv4 address in IPv6 form", validators: 2, setup: func(w *world) {
			w.lies = map[*routing.Entry]netip.AddrPort{
				w.nodes[wire.IPv4][0]: netip.MustParseAddrPort("[::ffff:44.1.2.3]:5150"),
			}
		}},
		{name: "nobody ever answers", validators: 3, want: ErrFailed, took: time.Minute, setup: func(w *world) { w.hang = true }},
		{name: "backstop while testing", validators: 3, want: ErrFailed, took: time.Minute, setup: func(w *world) {
			w.answerAfter = 40 * time.Second
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(openInternet, tt.validators)
				if tt.setup != nil {
					tt.setup(w)
				}
				start := time.Now()
				r, err := Run(t.Context(), w.config(udp4))
				if !errors.Is(err, tt.want) {
					t.Fatalf("error %v, want %v", err, tt.want)
				}
				if took := time.Since(start); took != tt.took {
					t.Errorf("took %v, want %v", took, tt.took)
				}
				want := []string{"Direct udp|44.1.2.3:5150"}
				if tt.want != nil {
					want = nil
				}
				if got := result(r.DialInfo); !slices.Equal(got, want) {
					t.Errorf("dial info %q, want %q", got, want)
				}
				if tt.want != nil && r.Families != 0 {
					t.Errorf("families %b with an error", r.Families)
				}
			})
		})
	}
}

func TestFailureIsNotStarvation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(openInternet, 3)
		w.nodes[wire.IPv6] = nil
		w.silent = map[*routing.Entry]bool{}
		for _, e := range w.nodes[wire.IPv4] {
			w.silent[e] = true
		}
		if _, err := Run(t.Context(), w.config(udp4, udp6)); !errors.Is(err, ErrFailed) || errors.Is(err, ErrStarved) {
			t.Errorf("one family failed, the other starved: %v, want ErrFailed only", err)
		}
	})
}

func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(openInternet, 3)
		w.hang = true
		why := errors.New("detached")
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			time.Sleep(time.Second)
			cancel(why)
		}()
		start := time.Now()
		if _, err := Run(ctx, w.config(udp4, tcp4)); !errors.Is(err, why) {
			t.Errorf("error %v, want %v", err, why)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("took %v after the cancellation at 1s", took)
		}
	})
}

// TestWhoIsAsked checks how many are asked, and that tests of the NAT go to the
// nodes they are meant for (spec 04 §9.3).
func TestWhoIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(portRestricted, 25)
		c := w.config(udp4)
		c.RestrictedNATRetries = 2
		if _, err := Run(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if w.asked != maxCandidates {
			t.Errorf("%d nodes asked, want %d", w.asked, maxCandidates)
		}
		mapping, forwarded := netip.AddrPortFrom(outside4, natPort), netip.AddrPortFrom(outside4, listenPort)
		redirected, direct, manual := map[*routing.Entry]int{}, map[*routing.Entry]int{}, map[*routing.Entry]int{}
		for _, v := range w.validates {
			switch {
			case v.di.Addr == forwarded && v.redirect:
				manual[v.node]++
			case v.di.Addr == mapping && v.redirect:
				redirected[v.node]++
			case v.di.Addr == mapping:
				direct[v.node]++
			default:
				t.Errorf("unexpected validation %+v", v)
			}
		}
		if len(manual) != wantAnswers {
			t.Errorf("manual forward tested by %d nodes, want %d", len(manual), wantAnswers)
		}
		for name, m := range map[string]map[*routing.Entry]int{"redirected": redirected, "direct": direct} {
			if len(m) != 1 {
				t.Errorf("%s test by %d nodes, want 1", name, len(m))
			}
			for e, n := range m {
				if n != 3 {
					t.Errorf("%s test tried %d times, want 3", name, n)
				}
				if !w.contacted[e] {
					t.Errorf("%s test by a node that never saw us", name)
				}
			}
		}
		for e := range redirected {
			if direct[e] > 0 {
				t.Error("both tests by the same node")
			}
		}
	})
}

func TestMappingIsNotTestedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(addressRestricted, 3)
		w.filtered = true
		w.mapper = &router{outside: outside4, port: natPort}
		if _, err := Run(t.Context(), w.config(udp4)); err != nil {
			t.Fatal(err)
		}
		repeated := 0
		for _, v := range w.validates {
			if v.redirect && v.di.Addr == netip.AddrPortFrom(outside4, natPort) {
				repeated++
			}
		}
		if repeated != 3 {
			t.Errorf("%d redirected tests of the mapped address, want those of the mapping: 3", repeated)
		}
	})
}

func TestSymmetric(t *testing.T) {
	at := func(texts ...string) (list []netip.AddrPort) {
		for _, text := range texts {
			list = append(list, netip.MustParseAddrPort(text))
		}
		return list
	}
	tests := []struct {
		name string
		seen []netip.AddrPort
		want bool
	}{
		{"one address and port", at("44.1.2.3:1", "44.1.2.3:1"), false},
		{"two ports", at("44.1.2.3:1", "44.1.2.3:2"), true},
		{"two ports, one twice", at("44.1.2.3:1", "44.1.2.3:2", "44.1.2.3:1"), false},
		{"two addresses", at("44.1.2.3:1", "44.1.2.4:1", "44.1.2.3:1"), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := discovery{group: &udp4}
			for _, a := range tt.seen {
				d.samples = append(d.samples, sample{addr: a})
			}
			if got := d.symmetric(); got != tt.want {
				t.Errorf("symmetric %v, want %v", got, tt.want)
			}
		})
	}
}

// TestSampleOrder: by IP, then samples with our own port, then port.
func TestSampleOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(openInternet, 5)
		order := []string{"44.1.2.3:5150", "44.1.2.3:80", "44.1.2.3:6000", "44.1.2.4:5150", "44.1.2.4:1"}
		w.lies = map[*routing.Entry]netip.AddrPort{}
		for i, j := range []int{3, 1, 4, 0, 2} {
			w.lies[w.nodes[wire.IPv4][i]] = netip.MustParseAddrPort(order[j])
		}
		c := w.config(udp4)
		d := discovery{cfg: &c, group: &udp4, log: discardLogger()}
		d.ask(t.Context(), w.nodes[wire.IPv4])
		var got []string
		for _, s := range d.samples {
			got = append(got, s.addr.String())
		}
		if !slices.Equal(got, order) {
			t.Errorf("order %q, want %q", got, order)
		}
	})
}
