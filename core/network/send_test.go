package network

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/envelope"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

const (
	addrA = "44.81.0.11:5150"
	addrB = "44.81.0.12:5150"
	addrR = "44.81.0.13:5150"
	addrS = "44.81.0.14:5150"
)

func (n *node) mustSend(r Request) Result {
	n.t.Helper()
	res, err := n.Send(context.Background(), r)
	if err != nil {
		n.t.Fatal(err)
	}
	return res
}

func TestSendDirect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		a, b := f.node(addrA, nodeConfig{}), f.node(addrB, nodeConfig{})
		e := a.knows(b)

		res := a.mustSend(Request{Target: e, Body: []byte("one"), Sequencing: wire.PreferOrdered})
		synctest.Wait()
		if got := a.stack.log(); !slices.Equal(got, []string{"dial tcp " + addrB}) {
			t.Errorf("sent %q", got)
		}
		if !res.Dialled || !res.ToDialInfo || res.Domain != wire.PublicInternet || res.Transport != (routing.Transport{Protocol: wire.TCP, Family: wire.IPv4}) {
			t.Errorf("result %+v", res)
		}
		in := b.take()
		if string(in.Body) != "one" || in.Sender != a.id || in.Domain != wire.PublicInternet || in.Dialled || !in.Ordered() || !in.Entry.HasID(a.id) {
			t.Errorf("received %+v", in)
		}

		// The answer goes back on the flow, and the flow is not ours.
		back := b.mustSend(Request{Target: in.Entry, Body: []byte("two"), PinFlow: &in.Flow})
		in.Release()
		synctest.Wait()
		if back.Dialled || back.ToDialInfo || back.Flow != in.Flow {
			t.Errorf("result of the answer %+v", back)
		}
		if got := a.received(); !slices.Equal(got, []string{"two"}) {
			t.Errorf("received %q", got)
		}

		// The connection is used again.
		a.mustSend(Request{Target: e, Body: []byte("three"), Sequencing: wire.EnsureOrdered})
		synctest.Wait()
		if got := a.stack.log(); !slices.Equal(got, []string{"flow tcp " + addrB}) {
			t.Errorf("sent %q", got)
		}
		// Unordered goes by UDP, from where nothing was received yet: dialled again.
		for range 2 {
			res = a.mustSend(Request{Target: e, Body: []byte("four"), Sequencing: wire.PreferUnordered})
		}
		if got := a.stack.log(); !slices.Equal(got, []string{"dial udp " + addrB, "dial udp " + addrB}) || !res.Dialled {
			t.Errorf("sent %q, %+v", got, res)
		}
		synctest.Wait()
		if got := b.received(); !slices.Equal(got, []string{"three", "four", "four"}) && len(got) != 3 {
			t.Errorf("received %q", got)
		}
	})
}

// A flow that is gone is forgotten and the dial info dialled (spec 04 §10.5 row 3).
func TestSendAfterFlowIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		a, b := f.node(addrA, nodeConfig{}), f.node(addrB, nodeConfig{})
		e := a.knows(b)
		res := a.mustSend(Request{Target: e, Body: []byte("one"), Sequencing: wire.EnsureOrdered})
		synctest.Wait()
		a.stack.dropConns()
		a.stack.log()

		_, err := a.Send(t.Context(), Request{Target: e, Body: []byte("x"), PinFlow: &res.Flow, MustPin: true})
		if !errors.Is(err, ErrFlowGone) {
			t.Errorf("pinned: %v, want ErrFlowGone", err)
		}
		a.mustSend(Request{Target: e, Body: []byte("two"), PinFlow: &res.Flow, Sequencing: wire.EnsureOrdered})
		synctest.Wait()
		if got := a.stack.log(); !slices.Equal(got, []string{"dial tcp " + addrB}) {
			t.Errorf("sent %q", got)
		}
		if got := b.received(); !slices.Equal(got, []string{"one", "two"}) {
			t.Errorf("received %q", got)
		}
	})
}

func TestSendFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		a, b := f.node(addrA, nodeConfig{}), f.node(addrB, nodeConfig{})
		e := a.knows(b)
		send := func(r Request) error {
			if r.Target == nil {
				r.Target = e
			}
			_, err := a.Send(t.Context(), r)
			return err
		}
		if err := send(Request{Body: make([]byte, envelope.MaxBody+1)}); !errors.Is(err, ErrTooLarge) {
			t.Errorf("too large: %v", err)
		}
		noise := make([]byte, envelope.MaxBody) // does not compress, so it grows
		for i := range noise {
			noise[i] = byte(i * i >> 3 * 7)
		}
		if err := a.cfg.Crypto.Best().RandomBytes(noise); err != nil {
			t.Fatal(err)
		}
		if err := send(Request{Body: noise}); !errors.Is(err, ErrTooLarge) {
			t.Errorf("too large once compressed: %v", err)
		}
		if e.State(time.Now()) == routing.StateDead {
			t.Error("our own fault was charged to the node")
		}

		// A node without description or flow cannot be reached, and is told dead.
		stranger, err := a.table.RegisterSender(f.node(addrS, nodeConfig{}).id, transport.Flow{Protocol: wire.UDP, Remote: netip.MustParseAddrPort(addrS)}, wire.ENV0, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(routing.UDPFlowLife)
		if err := send(Request{Target: stranger}); !errors.Is(err, ErrNoContact) {
			t.Errorf("no contact: %v", err)
		}
		if got := stranger.State(time.Now()); got != routing.StateDead {
			t.Errorf("state %v, want dead", got)
		}

		if err := send(Request{Protocols: wire.Protocols(wire.WS)}); !errors.Is(err, ErrNoContact) {
			t.Errorf("no such protocol: %v", err)
		}

		a.PunishNode(b.id, transport.Manual)
		if err := send(Request{}); !errors.Is(err, ErrPunished) {
			t.Errorf("punished: %v", err)
		}
		a.filter.ForgiveNode(b.id)
		e.SetPunished(false)

		a.SetStack(nil)
		if err := send(Request{}); !errors.Is(err, ErrClosed) {
			t.Errorf("without stack: %v", err)
		}
	})
}

// A failed dial is charged to the node and its method; the next send takes
// another one (spec 02 §6.3 point 4).
func TestFailureMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		a := f.node(addrA, nodeConfig{})
		b := f.node(addrB, nodeConfig{})
		p := *b.table.Own(wire.PublicInternet).Published()
		p.Info.DialInfo = append(slices.Clone(p.Info.DialInfo), did(direct, wire.TCP, "44.81.0.99:1"))
		e, err := a.table.RegisterPeer(resign(t, b, &p), routing.RegisterOptions{}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		// In the order of dial info the good one comes first; make it fail once.
		b.stack.nat = true
		r := Request{Target: e, Body: []byte("x"), Sequencing: wire.EnsureOrdered}
		for i, want := range []string{"dial tcp " + addrB, "dial tcp 44.81.0.99:1", "dial tcp " + addrB} {
			_, err := a.Send(t.Context(), r)
			var failed *SendError
			if !errors.Is(err, ErrTimeout) || !errors.As(err, &failed) || failed.Method != "Direct" {
				t.Fatalf("send %d: %v", i, err)
			}
			if got := a.stack.log(); !slices.Equal(got, []string{want}) {
				t.Errorf("send %d: %q, want %q", i, got, want)
			}
		}
		if !e.TransportFailing(routing.Transport{Protocol: wire.TCP, Family: wire.IPv4}) {
			t.Error("three failed sends, and the transport is not failing")
		}
		// Cancelled by the caller: charged to nobody.
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		time.AfterFunc(time.Second, cancel)
		if _, err := a.Send(ctx, r); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	})
}

func TestSendToRelayDialInfo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		a, b, r := f.node(addrA, nodeConfig{}), f.node(addrB, nodeConfig{}), f.node(addrR, nodeConfig{})
		r.knows(b)
		eb := a.knows(b)
		// b keeps a flow to r.
		b.mustSend(Request{Target: b.knows(r), Body: []byte("keep"), Sequencing: wire.EnsureOrdered})
		synctest.Wait()
		r.received()

		relay := did(direct, wire.TCP, addrR).DialInfo
		res := a.mustSend(Request{Target: eb, Body: []byte("hello"), DialInfo: &relay})
		synctest.Wait()
		if res.ToDialInfo || !res.Dialled || res.Flow.Remote != r.stack.addr {
			t.Errorf("result %+v", res)
		}
		in := b.take()
		if string(in.Body) != "hello" || in.Sender != a.id || in.Flow.Remote != r.stack.addr {
			t.Errorf("received %+v", in)
		}
		// The answer takes the relay's flow back, and the relay the flow of a.
		b.mustSend(Request{Target: in.Entry, Body: []byte("back"), PinFlow: &in.Flow})
		in.Release()
		synctest.Wait()
		if got := a.received(); len(got) != 0 {
			t.Errorf("received %q, though the relay does not know a", got)
		}
		r.knows(a)
		a.mustSend(Request{Target: a.knows(r), Body: []byte("keep"), Sequencing: wire.EnsureOrdered})
		synctest.Wait()
		b.mustSend(Request{Target: in.Entry, Body: []byte("again"), PinFlow: &in.Flow})
		synctest.Wait()
		if got := a.received(); !slices.Equal(got, []string{"again"}) {
			t.Errorf("received %q", got)
		}
		if got := r.received(); !slices.Equal(got, []string{"keep"}) {
			t.Errorf("the relay took %q for itself", got)
		}
	})
}

// Ordered traffic is relayed over ordered flows only; datagrams over any.
func TestRelaySequencing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		a, b, r := f.node(addrA, nodeConfig{}), f.node(addrB, nodeConfig{}), f.node(addrR, nodeConfig{})
		r.knows(b)
		eb := a.knows(b)
		b.mustSend(Request{Target: b.knows(r), Body: []byte("keep"), Sequencing: wire.PreferUnordered})
		synctest.Wait()
		r.stack.log()
		for _, v := range []struct {
			protocol wire.ProtocolType
			want     []string
		}{{wire.TCP, nil}, {wire.UDP, []string{"hello"}}} {
			relay := did(direct, v.protocol, addrR).DialInfo
			a.mustSend(Request{Target: eb, Body: []byte("hello"), DialInfo: &relay})
			synctest.Wait()
			if got := b.received(); !slices.Equal(got, v.want) {
				t.Errorf("%v: received %q, want %q", v.protocol, got, v.want)
			}
		}
		// A relay never opens a connection.
		if got := r.stack.log(); !slices.Equal(got, []string{"flow udp " + addrB}) {
			t.Errorf("the relay sent %q", got)
		}
	})
}

func TestRelayDisabled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		a, b := f.node(addrA, nodeConfig{}), f.node(addrB, nodeConfig{})
		r := f.node(addrR, nodeConfig{change: func(c *Config) { c.RelayEnabled = false }})
		r.knows(b)
		b.mustSend(Request{Target: b.knows(r), Body: []byte("keep")})
		relay := did(direct, wire.UDP, addrR).DialInfo
		a.mustSend(Request{Target: a.knows(b), Body: []byte("hello"), DialInfo: &relay})
		synctest.Wait()
		if got := b.received(); len(got) != 0 {
			t.Errorf("relayed %q", got)
		}
		r.SetRelaying(true)
		a.mustSend(Request{Target: a.knows(b), Body: []byte("again"), DialInfo: &relay})
		synctest.Wait()
		if got := b.received(); len(got) != 1 {
			t.Errorf("relayed %q after it was turned on, want one message", got)
		}
	})
}

// Datagrams are as large as both ends take (spec 02 §2.4).
func TestDatagramSizes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		a, b := f.node(addrA, nodeConfig{}), f.node(addrB, nodeConfig{})
		send := func(want int) {
			t.Helper()
			a.mustSend(Request{Target: a.knows(b), Body: []byte("x"), Sequencing: wire.PreferUnordered})
			if got := a.stack.sizes[len(a.stack.sizes)-1]; got != want {
				t.Errorf("datagrams of %d, want %d", got, want)
			}
		}
		send(1200)
		own := a.table.Own(wire.PublicInternet)
		own.SetInterfaceMTU(wire.IPv4, 1100) // a small link: 1072
		if _, udp, _ := own.MTU(wire.IPv4); udp == 0 {
			t.Fatal("no size of our own")
		}
		p := *b.table.Own(wire.PublicInternet).Published()
		p.Info.ReceiveMTUs = wire.MTUs{UDPv4: 600}
		p.Info.Timestamp++
		signed := resign(t, b, &p)
		if _, err := a.table.RegisterPeer(signed, routing.RegisterOptions{}, time.Now()); err != nil {
			t.Fatal(err)
		}
		a.mustSend(Request{Target: a.table.Lookup(b.id), Body: []byte("x"), Sequencing: wire.PreferUnordered})
		if got := a.stack.sizes[len(a.stack.sizes)-1]; got != 600 {
			t.Errorf("datagrams of %d, want the 600 of the peer", got)
		}
	})
}

// resign encodes and signs a changed description.
func resign(t *testing.T, n *node, p *wire.PeerInfo) *wire.PeerInfo {
	t.Helper()
	var err error
	if p.Message, err = wire.EncodeNodeInfo(&p.Info); err != nil {
		t.Fatal(err)
	}
	if p.Signatures, err = n.cfg.Crypto.GenerateSignatures(p.Message, []crypto.KeyPair{n.pair}); err != nil {
		t.Fatal(err)
	}
	return p
}

// A transport that fails for everybody is suppressed, but for a trial now and
// then (spec 04 §11.7).
func TestSuppression(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o outcomes
		udp := routing.Transport{Protocol: wire.UDP, Family: wire.IPv6}
		f := newFabric(t)
		a := f.node(addrA, nodeConfig{})
		peer := func(i int) (id [1]byte) { return [1]byte{byte(i)} }
		fail := func(n, peers int) {
			for i := range n {
				id := a.id
				id.Value[0] = peer(i % peers)[0]
				o.record(udp, id, false)
			}
		}
		fail(20, 3)
		if o.suppressed(udp) || o.suspect(wire.UDP) {
			t.Error("three peers are not enough")
		}
		o.record(udp, a.id, true)
		fail(7, 4)
		if o.suppressed(udp) || !o.suspect(wire.UDP) || o.suspect(wire.TCP) {
			t.Error("seven failures are not enough to suppress, but to suspect")
		}
		fail(1, 4)
		if !o.suppressed(udp) {
			t.Error("not suppressed")
		}
		if !o.admit(udp, time.Now()) || o.admit(udp, time.Now()) {
			t.Error("want one trial and no second")
		}
		time.Sleep(trialEvery)
		if !o.admit(udp, time.Now()) {
			t.Error("want a trial after 30 s")
		}
		o.record(udp, a.id, true)
		if o.suppressed(udp) || o.suspect(wire.UDP) || !o.admit(udp, time.Now()) {
			t.Error("a success must end it")
		}
	})
}

func TestSuppressedTransportIsEnforced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		a, b := f.node(addrA, nodeConfig{}), f.node(addrB, nodeConfig{})
		e := a.knows(b)
		tcp := routing.Transport{Protocol: wire.TCP, Family: wire.IPv4}
		for i := range 8 {
			id := a.id
			id.Value[0] = byte(i)
			a.Outcome(tcp, id, false)
		}
		r := Request{Target: e, Body: []byte("x"), Sequencing: wire.EnsureOrdered}
		a.outcomes.admit(tcp, time.Now()) // the trial is gone
		a.SetOutboundReady(true)
		if _, err := a.Send(t.Context(), r); !errors.Is(err, ErrNoContact) {
			t.Errorf("suppressed: %v, want ErrNoContact", err)
		}
		a.SetOutboundReady(false)
		a.mustSend(r) // not enforced; and it works, so it is over
		a.SetOutboundReady(true)
		a.mustSend(r)
		synctest.Wait()
		if got := b.received(); len(got) != 2 {
			t.Errorf("received %q", got)
		}
	})
}

func TestBodyIsCopied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		a, b := f.node(addrA, nodeConfig{}), f.node(addrB, nodeConfig{})
		body := []byte("some body")
		before := bytes.Clone(body)
		a.mustSend(Request{Target: a.knows(b), Body: body})
		if !bytes.Equal(body, before) {
			t.Error("Send changed the body")
		}
	})
}

// Attempts tell the messages that were sent from those that were not, by method.
func TestAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		a, b := f.node(addrA, nodeConfig{}), f.node(addrB, nodeConfig{})
		e := a.knows(b)
		send := func(r Request, ok bool) {
			t.Helper()
			r.Target, r.Body = e, []byte("x")
			if _, err := a.Send(t.Context(), r); (err == nil) != ok {
				t.Fatalf("sent: %v, want %v", err, ok)
			}
		}
		send(Request{}, true)
		send(Request{}, true)
		a.stack.fail = transport.ErrConnect
		send(Request{Sequencing: wire.EnsureOrdered}, false)
		a.stack.fail = nil
		send(Request{Protocols: wire.Protocols(wire.UDP), Addresses: wire.Addresses(wire.IPv6)}, false)
		want := []Attempt{{"NoContactMethod", 0, 1}, {"Direct", 2, 1}}
		if got := a.Attempts(); !slices.Equal(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}
