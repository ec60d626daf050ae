package network

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// natted makes a node behind a NAT with a relay, with the flow to it open.
func (f *fabric) natted(addr string, r *node, classes ...wire.DialInfoDetail) *node {
	f.t.Helper()
	if classes == nil {
		classes = []wire.DialInfoDetail{}
	}
	n := f.node(addr, nodeConfig{nat: true, dials: classes})
	n.usesRelay(r)
	r.knows(n)
	n.keep(r)
	return n
}

// keep opens or refreshes the flows to a relay.
func (n *node) keep(r *node) {
	n.t.Helper()
	for _, seq := range []wire.Sequencing{wire.EnsureOrdered, wire.PreferUnordered} {
		n.mustSend(Request{Target: n.knows(r), Body: []byte("keep"), Sequencing: seq})
	}
	synctest.Wait()
	r.received()
	if n.stack != nil {
		n.stack.log()
	}
}

func TestReverseConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		r, a := f.node(addrR, nodeConfig{}), f.node(addrA, nodeConfig{})
		b := f.natted(addrB, r)
		eb := a.knows(b)
		res := a.mustSend(Request{Target: eb, Body: []byte("hello"), Sequencing: wire.EnsureOrdered})
		synctest.Wait()
		if got := a.stack.log(); !slices.Equal(got, []string{"dial tcp " + addrR, "flow tcp " + res.Flow.Remote.String()}) {
			t.Errorf("sent %q", got)
		}
		if res.Dialled || res.Flow.Remote.Addr() != b.stack.addr.Addr() {
			t.Errorf("result %+v, want the flow that b opened", res)
		}
		if got := b.stack.log(); !slices.Equal(got, []string{"dial tcp " + addrA}) {
			t.Errorf("b sent %q", got)
		}
		if got := b.received(); !slices.Equal(got, []string{"hello"}) {
			t.Errorf("received %q", got)
		}
		// The next one needs no signal.
		a.mustSend(Request{Target: eb, Body: []byte("again"), Sequencing: wire.EnsureOrdered})
		if got := a.stack.log(); !slices.Equal(got, []string{"flow tcp " + res.Flow.Remote.String()}) {
			t.Errorf("sent %q", got)
		}
	})
}

// Several sends at once share one signal.
func TestReverseConnectShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		r, a := f.node(addrR, nodeConfig{}), f.node(addrA, nodeConfig{})
		b := f.natted(addrB, r)
		eb := a.knows(b)
		for range 10 {
			f.wg.Go(func() { a.mustSend(Request{Target: eb, Body: []byte("hello"), Sequencing: wire.EnsureOrdered}) })
		}
		synctest.Wait()
		if got := b.received(); len(got) != 10 {
			t.Errorf("received %d, want 10", len(got))
		}
		if len(f.signals) != 1 {
			t.Errorf("%d signals, want 1", len(f.signals))
		}
	})
}

func TestReverseConnectFallsBackToRelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		r, a := f.node(addrR, nodeConfig{}), f.node(addrA, nodeConfig{})
		b := f.natted(addrB, r)
		b.deaf = true
		eb := a.knows(b)
		start := time.Now()
		res := a.mustSend(Request{Target: eb, Body: []byte("hello"), Sequencing: wire.EnsureOrdered})
		synctest.Wait()
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("took %v, want 5 s", took)
		}
		if res.ToDialInfo || res.Flow.Remote != r.stack.addr {
			t.Errorf("result %+v, want the relay", res)
		}
		if got := b.received(); !slices.Equal(got, []string{"hello"}) {
			t.Errorf("received %q", got)
		}
		// The failure is remembered: straight to the relay.
		start = time.Now()
		a.mustSend(Request{Target: eb, Body: []byte("again"), Sequencing: wire.EnsureOrdered})
		if took := time.Since(start); took != 0 {
			t.Errorf("the second took %v", took)
		}
	})
}

func TestHolePunch(t *testing.T) {
	for _, v := range []struct {
		name  string
		named bool // the signal names a dial info; 0.5.2 does not
	}{{"named", true}, {"as from 0.5.2", false}} {
		t.Run(v.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFabric(t)
				r := f.node(addrR, nodeConfig{})
				a := f.natted(addrA, r, did(wire.ClassPortRestrictedNAT, wire.UDP, addrA))
				b := f.natted(addrB, r, did(wire.ClassPortRestrictedNAT, wire.UDP, addrB))
				eb := a.knows(b)
				if !v.named {
					a.SetSignaller(oldSignaller{a})
				}
				res := a.mustSend(Request{Target: eb, Body: []byte("hello"), Sequencing: wire.PreferUnordered})
				synctest.Wait()
				if res.Flow.Protocol != wire.UDP || res.Flow.Remote != b.stack.addr || !res.Dialled || !res.ToDialInfo {
					t.Errorf("result %+v, want b's address over UDP", res)
				}
				if want := []string{addrB + " ttl 3", addrB + " ttl 3"}; !slices.Equal(a.stack.punches, want) {
					t.Errorf("a punched %q, want %q", a.stack.punches, want)
				}
				if want := []string{addrA + " ttl 3"}; !slices.Equal(b.stack.punches, want) {
					t.Errorf("b punched %q, want %q", b.stack.punches, want)
				}
				if got := b.received(); !slices.Equal(got, []string{"hello"}) {
					t.Errorf("received %q", got)
				}
			})
		})
	}
}

// oldSignaller leaves the dial info out, as 0.5.2 does.
type oldSignaller struct{ *node }

func (o oldSignaller) SendSignal(ctx context.Context, target *routing.Entry, relay wire.DialInfo, s *wire.Signal) error {
	old := *s
	old.DialInfo = nil
	return o.node.SendSignal(ctx, target, relay, &old)
}

// A receipt that comes by another way than the hole counts as none.
func TestHolePunchReceiptByRelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		r := f.node(addrR, nodeConfig{})
		a := f.natted(addrA, r, did(wire.ClassPortRestrictedNAT, wire.UDP, addrA))
		b := f.natted(addrB, r, did(wire.ClassPortRestrictedNAT, wire.UDP, addrB))
		b.SetSignaller(byRelay{b, did(direct, wire.UDP, addrR).DialInfo})
		res := a.mustSend(Request{Target: a.knows(b), Body: []byte("hello"), Sequencing: wire.PreferUnordered})
		synctest.Wait()
		if res.Flow.Remote != r.stack.addr {
			t.Errorf("result %+v, want the relay", res)
		}
		if got := b.received(); !slices.Equal(got, []string{"hello"}) {
			t.Errorf("received %q", got)
		}
	})
}

type byRelay struct {
	*node
	relay wire.DialInfo
}

func (b byRelay) SendReturnReceipt(ctx context.Context, target *routing.Entry, receipt []byte, _ ReturnOptions) error {
	return b.node.SendReturnReceipt(ctx, target, receipt, ReturnOptions{DialInfo: &b.relay})
}

func TestHandleSignalFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		a, b, c := f.node(addrA, nodeConfig{}), f.node(addrB, nodeConfig{}), f.node(addrS, nodeConfig{})
		e := b.knows(a)
		pub := func(n *node) *wire.PeerInfo { p := *n.table.Own(wire.PublicInternet).Published(); return &p }
		other := did(direct, wire.UDP, addrR).DialInfo
		broken := pub(a)
		broken.Signatures = slices.Clone(broken.Signatures)
		broken.Signatures[0].Value[0] ^= 1
		broken.Info.Timestamp++
		in := func() *Inbound {
			return &Inbound{Sender: a.id, Entry: e, Domain: wire.PublicInternet, Flow: transport.Flow{Protocol: wire.TCP, Remote: a.stack.addr}}
		}
		for _, v := range []struct {
			name   string
			signal wire.Signal
			want   error
		}{
			{"no peer info", wire.Signal{}, ErrSignal},
			{"foreign dial info", wire.Signal{Kind: wire.SignalHolePunch, PeerInfo: pub(a), DialInfo: &other}, ErrSignal},
			{"peer info of another", wire.Signal{PeerInfo: pub(c)}, ErrRegister},
			{"bad signature", wire.Signal{PeerInfo: broken}, ErrRegister},
			{"good", wire.Signal{PeerInfo: pub(a), Receipt: make([]byte, 130)}, nil},
		} {
			if err := b.HandleSignal(t.Context(), &v.signal, in()); !errors.Is(err, v.want) || (err == nil) != (v.want == nil) {
				t.Errorf("%s: got %v, want %v", v.name, err, v.want)
			}
		}
		for range maxServedSignals {
			if !b.served.enter() {
				break
			}
		}
		if err := b.HandleSignal(t.Context(), &wire.Signal{PeerInfo: pub(a)}, in()); !errors.Is(err, ErrBusy) {
			t.Errorf("too many: %v, want ErrBusy", err)
		}
		b.table.Own(wire.PublicInternet).Unpublish()
		if err := b.HandleSignal(t.Context(), &wire.Signal{PeerInfo: pub(a)}, in()); !errors.Is(err, ErrNotPublished) {
			t.Errorf("unpublished: %v, want ErrNotPublished", err)
		}
	})
}

func TestReceiptOutOfBand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		a, b := f.node(addrA, nodeConfig{}), f.node(addrB, nodeConfig{})
		rc, err := a.Receipts().New(OutOfBand, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.SendReceiptOutOfBand(t.Context(), did(direct, wire.UDP, addrA).DialInfo, rc.Bytes()); err != nil {
			t.Fatal(err)
		}
		ret, err := rc.Wait(t.Context())
		if err != nil || ret.Way != OutOfBand || ret.Flow.Remote.Addr() != b.stack.addr.Addr() || ret.Flow.Remote == b.stack.addr {
			t.Errorf("%+v, %v, want one from a fresh port of b", ret, err)
		}
	})
}

// What keeps a signal from being sent is the error of the send, at once.
func TestSignalCannotBeSent(t *testing.T) {
	broken := errors.New("no signals today")
	for _, v := range []struct {
		name   string
		before func(a *node)
		want   error
	}{
		{"no signaller", func(a *node) { a.signals.Store(nil) }, ErrUnsupported},
		{"signaller fails", func(a *node) { a.SetSignaller(brokenSignaller{a, broken}) }, broken},
		{"relay not reached", func(a *node) { a.stack.fail = transport.ErrConnect }, ErrTimeout},
	} {
		t.Run(v.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFabric(t)
				r, a := f.node(addrR, nodeConfig{}), f.node(addrA, nodeConfig{})
				eb := a.knows(f.natted(addrB, r))
				v.before(a)
				start := time.Now()
				_, err := a.Send(t.Context(), Request{Target: eb, Body: []byte("x"), Sequencing: wire.EnsureOrdered})
				var failed *SendError
				if !errors.Is(err, v.want) || !errors.As(err, &failed) || failed.Method != "SignalReverse" {
					t.Errorf("got %v, want %v by SignalReverse", err, v.want)
				}
				if time.Since(start) != 0 {
					t.Errorf("took %v", time.Since(start))
				}
			})
		})
	}
}

type brokenSignaller struct {
	*node
	err error
}

func (b brokenSignaller) SendSignal(context.Context, *routing.Entry, wire.DialInfo, *wire.Signal) error {
	return b.err
}
