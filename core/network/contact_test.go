package network

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// The relay of a node uses the flow that the node keeps to it, and nothing else.
func TestExisting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		r := f.node(addrR, nodeConfig{})
		b := f.natted(addrB, r)
		eb := r.table.Lookup(b.id)
		res := r.mustSend(Request{Target: eb, Body: []byte("hello"), Sequencing: wire.EnsureOrdered})
		synctest.Wait()
		if res.Dialled || res.Flow.Remote.Addr() != b.addr.Addr() {
			t.Errorf("result %+v", res)
		}
		if got := b.received(); !slices.Equal(got, []string{"hello"}) {
			t.Errorf("received %q", got)
		}
		b.stack.dropConns()
		_, err := r.Send(t.Context(), Request{Target: eb, Body: []byte("x"), Sequencing: wire.EnsureOrdered})
		if !errors.Is(err, ErrNoContact) {
			t.Errorf("without flows: %v, want ErrNoContact", err)
		}
	})
}

// Without a description the last live flow is used, as for an answer (spec 02
// §6.3 rule 3).
func TestLastFlowWithoutDescription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		a, b := f.node(addrA, nodeConfig{}), f.node(addrB, nodeConfig{})
		b.mustSend(Request{Target: b.knows(a), Body: []byte("x"), Sequencing: wire.EnsureOrdered})
		synctest.Wait()
		in := a.take()
		if in.Entry.PeerInfo(wire.PublicInternet) != nil {
			t.Fatal("the sender came with a description")
		}
		res := a.mustSend(Request{Target: in.Entry, Body: []byte("back")})
		synctest.Wait()
		if res.Flow != in.Flow || res.Dialled {
			t.Errorf("result %+v, want flow %v", res, in.Flow)
		}
		if got := b.received(); !slices.Equal(got, []string{"back"}) {
			t.Errorf("received %q", got)
		}
	})
}

// Which failures of a dial are held against the node.
func TestWhoIsCharged(t *testing.T) {
	tcp := routing.Transport{Protocol: wire.TCP, Family: wire.IPv4}
	for _, v := range []struct {
		err     error
		want    error
		charged bool
	}{
		{transport.ErrConnect, ErrTimeout, true},
		{transport.ErrSendTimeout, ErrTimeout, true},
		{errors.New("connection refused"), nil, true},
		{transport.ErrPunished, ErrPunished, false},
		{transport.ErrTooLarge, ErrTooLarge, false},
		{transport.ErrTableFull, transport.ErrTableFull, false},
		{transport.ErrLimit, transport.ErrLimit, false},
		{transport.ErrRate, transport.ErrRate, false},
		{transport.ErrSelf, transport.ErrSelf, false},
		{transport.ErrClosed, transport.ErrClosed, false},
		{fmt.Errorf("dial: %w", transport.ErrUnsupported), transport.ErrUnsupported, false},
	} {
		t.Run(v.err.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFabric(t)
				a, b := f.node(addrA, nodeConfig{}), f.node(addrB, nodeConfig{})
				e := a.knows(b)
				a.stack.fail = v.err
				for range 3 {
					_, err := a.Send(t.Context(), Request{Target: e, Body: []byte("x"), Sequencing: wire.EnsureOrdered})
					if err == nil || v.want != nil && !errors.Is(err, v.want) {
						t.Fatalf("got %v, want %v", err, v.want)
					}
				}
				if got := e.TransportFailing(tcp); got != v.charged {
					t.Errorf("charged %v, want %v", got, v.charged)
				}
			})
		})
	}
}

// A relay that cannot be reached is no proof about the target's own transports.
func TestRelayFailureIsNotTheTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		a, b := f.node(addrA, nodeConfig{}), f.node(addrB, nodeConfig{})
		e := a.knows(b)
		a.stack.fail = transport.ErrConnect
		relay := did(direct, wire.TCP, addrR).DialInfo
		for range 3 {
			if _, err := a.Send(t.Context(), Request{Target: e, Body: []byte("x"), DialInfo: &relay}); !errors.Is(err, ErrTimeout) {
				t.Fatalf("got %v, want ErrTimeout", err)
			}
		}
		if e.TransportFailing(routing.Transport{Protocol: wire.TCP, Family: wire.IPv4}) {
			t.Error("the relay's failure was charged to the target's transport")
		}
		a.stack.fail = errors.New("no route")
		if err := a.SendReceiptOutOfBand(t.Context(), relay, make([]byte, 130)); !errors.Is(err, a.stack.fail) {
			t.Errorf("out of band: %v", err)
		}
	})
}

// After failures towards four nodes our own link is the likelier culprit, until
// something works.
func TestSuspect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		a := f.node(addrA, nodeConfig{})
		udp := routing.Transport{Protocol: wire.UDP, Family: wire.IPv4}
		for i := range 4 {
			if a.Suspect(wire.UDP) {
				t.Errorf("suspected after %d nodes", i)
			}
			id := a.id
			id.Value[0] = byte(i)
			a.Outcome(udp, id, false)
		}
		if !a.Suspect(wire.UDP) || a.Suspect(wire.WS) {
			t.Error("want UDP suspected, and TCP not")
		}
		a.Outcome(udp, a.id, true)
		if a.Suspect(wire.UDP) {
			t.Error("still suspected after a success")
		}
	})
}

// Behind a carrier's translator a punch has to go further (spec 02 §2.3).
func TestPunchTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		di := did(direct, wire.UDP, addrB).DialInfo
		if got := f.node(addrA, nodeConfig{}).punchTTL(di); got != 3 {
			t.Errorf("TTL %d, want 3", got)
		}
		if got := f.bare(addrR, "100.64.0.2:5150", nodeConfig{}).punchTTL(di); got != 8 {
			t.Errorf("TTL behind carrier NAT %d, want 8", got)
		}
	})
}

func TestPathOfInbound(t *testing.T) {
	flow := udpFrom(addrB)
	in := &Inbound{Flow: flow, Dialled: true, Received: time.Unix(1, 0)}
	if got, want := in.Path(), (routing.Path{Flow: flow, Dialled: true}); got != want {
		t.Errorf("path %+v, want %+v", got, want)
	}
}
