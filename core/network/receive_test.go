package network

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/envelope"
	"github.com/voile-net/voile/core/network/bootstrap"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// udpFrom is the flow of a datagram from an address.
func udpFrom(addr string) transport.Flow {
	return transport.Flow{Protocol: wire.UDP, Remote: netip.MustParseAddrPort(addr)}
}

// sealFor makes an envelope from one node to another.
func (n *node) sealFor(to crypto.NodeID, body string) []byte {
	n.t.Helper()
	msg, err := n.codec.Seal(nil, n.cfg.Identity[0], to, n.cfg.Clock.Increasing(), []byte(body))
	if err != nil {
		n.t.Fatal(err)
	}
	return msg
}

// The dispatch of spec 02 §8, row by row, and what each row costs the sender.
func TestDispatch(t *testing.T) {
	const from = "44.81.0.14:5150"
	type world struct {
		a, b, s *node // s is the sender; b is known to a and has a flow to it
	}
	for _, v := range []struct {
		name   string
		msg    func(w world) []byte
		from   string // empty: from
		before func(w world)
		bodies []string
		ip     bool // the address is punished
		node   bool // the node is
		sent   []string
	}{
		{name: "empty", msg: func(world) []byte { return nil }},
		{name: "1 byte", msg: func(world) []byte { return []byte("B") }, ip: true},
		{name: "3 bytes", msg: func(world) []byte { return []byte("BOO") }, ip: true},
		{name: "3 bytes from nowhere", msg: func(world) []byte { return []byte("BOO") }, from: "10.9.9.9:1", ip: true},
		{name: "no domain", msg: func(world) []byte { return []byte("junk") }, from: "10.9.9.9:1"},
		{name: "BOOT, not served", msg: func(world) []byte { return []byte("BOOT") }},
		{name: "B01T, not served", msg: func(world) []byte { return []byte("B01T") }},
		{name: "bad receipt", msg: func(world) []byte { return []byte("RCP0 and more") }},
		{name: "junk", msg: func(world) []byte { return []byte("junk") }, ip: true},
		{name: "old envelope", msg: func(world) []byte { return append([]byte("VLD\x00"), make([]byte, 200)...) }, ip: true},
		{
			name: "good", msg: func(w world) []byte { return w.s.sealFor(w.a.id, "hi") }, bodies: []string{"hi"},
		},
		{
			name: "one byte more", msg: func(w world) []byte { return append(w.s.sealFor(w.a.id, "hi"), 0) }, ip: true,
		},
		{
			name: "bad signature", ip: true,
			msg: func(w world) []byte { m := w.s.sealFor(w.a.id, "hi"); m[len(m)-1] ^= 1; return m },
		},
		{
			name: "unknown kind", ip: true,
			msg: func(w world) []byte { m := w.s.sealFor(w.a.id, "hi"); copy(m[4:], "VLD9"); return m },
		},
		{
			name: "body does not decrypt", node: true,
			msg: func(w world) []byte { return w.s.garbage(w.a.id) },
		},
		{
			name: "punished sender", msg: func(w world) []byte { return w.s.sealFor(w.a.id, "hi") }, node: true,
			before: func(w world) { w.a.PunishNode(w.s.id, transport.Manual) },
		},
		{
			name: "our own id", msg: func(w world) []byte { return w.a.sealFor(w.b.id, "hi") },
		},
		{
			name: "for somebody known", msg: func(w world) []byte { return w.s.sealFor(w.b.id, "hi") },
			sent: []string{"flow udp " + addrB},
		},
		{
			name: "for somebody unknown",
			msg:  func(w world) []byte { return w.s.sealFor(w.s.f.node("44.81.0.30:1", nodeConfig{}).id, "hi") },
		},
		{
			name: "for somebody, from a punished sender", msg: func(w world) []byte { return w.s.sealFor(w.b.id, "hi") }, node: true,
			before: func(w world) { w.a.PunishNode(w.s.id, transport.Manual) },
		},
		{
			name: "queue full", msg: func(w world) []byte { return w.s.sealFor(w.a.id, "hi") },
			before: func(w world) { w.a.full = true },
		},
	} {
		t.Run(v.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFabric(t)
				w := world{f.node(addrA, nodeConfig{}), f.node(addrB, nodeConfig{}), f.node(from, nodeConfig{})}
				e := w.a.knows(w.b)
				e.RecordFlow(udpFrom(addrB), time.Now())
				if v.before != nil {
					v.before(w)
				}
				flow := udpFrom(from)
				if v.from != "" {
					flow = udpFrom(v.from)
				}
				msg := v.msg(w)
				before := bytes.Clone(msg)
				w.a.HandleMessage(transport.Message{Flow: flow, Data: msg})
				synctest.Wait()
				if !bytes.Equal(msg, before) {
					t.Error("the message was changed")
				}
				if got := w.a.received(); !slices.Equal(got, v.bodies) {
					t.Errorf("received %q, want %q", got, v.bodies)
				}
				if got := w.a.filter.IPPunished(flow.Remote.Addr(), time.Now()); got != v.ip {
					t.Errorf("address punished %v, want %v", got, v.ip)
				}
				if got := w.a.filter.NodePunished(w.s.id, time.Now()); got != v.node {
					t.Errorf("node punished %v, want %v", got, v.node)
				}
				if got := w.a.stack.log(); !slices.Equal(got, v.sent) {
					t.Errorf("sent %q, want %q", got, v.sent)
				}
				registered := w.a.table.Lookup(w.s.id) != nil
				if want := v.bodies != nil || v.name == "queue full"; registered != want {
					t.Errorf("sender registered %v, want %v", registered, want)
				}
			})
		})
	}
}

// garbage seals, breaks the body, and signs again.
func (n *node) garbage(to crypto.NodeID) []byte {
	msg := n.sealFor(to, "hi")
	const body = 0x6a   // spec 02 §9.1
	msg[body+3] ^= 0x80 // the declared size
	signed := len(msg) - crypto.SignatureSize
	sig := n.cfg.Identity[0].Signer().Sign(msg[:signed])
	return append(msg[:signed], sig.Value[:]...)
}

// slowStack sends on a flow once the gate is open.
type slowStack struct {
	*fakeStack
	gate chan struct{}
}

func (s slowStack) SendFlow(ctx context.Context, flow transport.Flow, msg []byte, size int) error {
	<-s.gate
	return s.fakeStack.SendFlow(ctx, flow, msg, size)
}

// tapStack keeps the last message sent on a flow.
type tapStack struct {
	*fakeStack
	last *[]byte
}

func (s tapStack) SendFlow(_ context.Context, _ transport.Flow, msg []byte, size int) error {
	if size != transport.DefaultDatagram {
		return fmt.Errorf("datagrams of %d", size)
	}
	*s.last = bytes.Clone(msg)
	return nil
}

func fixedPair(seed []byte) (crypto.KeyPair, error) {
	c, err := crypto.New(crypto.Config{Rand: bytes.NewReader(seed)})
	if err != nil {
		return crypto.KeyPair{}, err
	}
	return c.Best().GenerateKeyPair()
}

// The same (sender, timestamp) is taken once (spec 02 §9.4).
func TestDuplicate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		a, s := f.node(addrA, nodeConfig{}), f.node(addrS, nodeConfig{})
		msg := s.sealFor(a.id, "hi")
		for range 3 {
			a.HandleMessage(transport.Message{Flow: udpFrom(addrS), Data: msg})
		}
		if got := a.received(); !slices.Equal(got, []string{"hi"}) {
			t.Errorf("received %q, want it once", got)
		}
		// What was sent while we were frozen is dropped, for 10 s.
		a.Stalled(time.Now().Add(-time.Minute), time.Now().Add(time.Second))
		a.HandleMessage(transport.Message{Flow: udpFrom(addrS), Data: s.sealFor(a.id, "stalled")})
		if got := a.received(); len(got) != 0 {
			t.Errorf("received %q", got)
		}
		if a.filter.IPPunished(netip.MustParseAddr("44.81.0.14"), time.Now()) || a.filter.NodePunished(s.id, time.Now()) {
			t.Error("a duplicate was punished")
		}
	})
}

// A node of another network costs its address an hour, and no more.
func TestNetworkKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		a := f.node(addrA, nodeConfig{network: "one"})
		same, other, none := f.node(addrB, nodeConfig{network: "one"}), f.node(addrS, nodeConfig{network: "two"}), f.node(addrR, nodeConfig{})
		now := time.Now()
		for _, v := range []struct {
			n        *node
			addr     string
			bodies   []string
			punished bool
		}{
			{same, addrB, []string{"hi"}, false},
			{other, addrS, nil, true},
			{none, addrR, nil, true},
		} {
			a.HandleMessage(transport.Message{Flow: udpFrom(v.addr), Data: v.n.sealFor(a.id, "hi")})
			if got := a.received(); !slices.Equal(got, v.bodies) {
				t.Errorf("%s: received %q, want %q", v.addr, got, v.bodies)
			}
			ip := netip.MustParseAddrPort(v.addr).Addr()
			if got := a.filter.IPPunished(ip, now); got != v.punished {
				t.Errorf("%s: punished %v, want %v", v.addr, got, v.punished)
			}
			if got := a.filter.IPPunished(ip, now.Add(time.Hour)); got {
				t.Errorf("%s: punished after an hour", v.addr)
			}
		}
	})
}

func TestPurgePunishments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		a, b := f.node(addrA, nodeConfig{}), f.node(addrB, nodeConfig{})
		e := a.knows(b)
		a.PunishNode(b.id, transport.FailedToDecodeOperation)
		time.Sleep(59 * time.Minute)
		a.PurgePunishments(time.Now())
		if !e.Punished() {
			t.Error("forgiven after 59 minutes")
		}
		time.Sleep(time.Minute)
		a.PurgePunishments(time.Now())
		if e.Punished() {
			t.Error("not forgiven after an hour")
		}
	})
}

type vectorFile struct {
	Vectors []struct{ Name, Hex, Seed, RecipientSeed, Sender, Body, Source string }
}

func loadVectors(t testing.TB, name string) vectorFile {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var v vectorFile
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Vectors) == 0 {
		t.Fatal("no vectors")
	}
	return v
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// managerOf is a manager with an identity of a vector and no stack.
func managerOf(t testing.TB, seed []byte, h Handler) *Manager {
	t.Helper()
	c, err := crypto.New(crypto.Config{})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := fixedPair(seed)
	if err != nil {
		t.Fatal(err)
	}
	identity, err := envelope.NewIdentity(c, pair)
	if err != nil {
		t.Fatal(err)
	}
	table, err := routing.New(routing.Config{
		Crypto: c, Keys: []crypto.KeyPair{pair}, Domains: domainsAt(netip.MustParseAddr("44.81.0.1")),
		Capabilities: routing.DefaultCapabilities(false, nil), Rand: rand.New(rand.NewPCG(1, 2)),
	})
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(Config{
		Crypto: c, Identity: []*envelope.Identity{identity}, Table: table, Filter: transport.NewAddressFilter(nil),
		Handler: h, Clock: crypto.NewClock(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

type handlerFunc func(in *Inbound) bool

func (h handlerFunc) HandleEnvelope(in *Inbound) bool { return h(in) }

// Envelopes of real nodes come out with their bodies.
func TestEnvelopeVectors(t *testing.T) {
	for _, v := range loadVectors(t, "envelopes.json").Vectors {
		t.Run(v.Name, func(t *testing.T) {
			var got *Inbound
			m := managerOf(t, unhex(t, v.RecipientSeed), handlerFunc(func(in *Inbound) bool { got = in; return true }))
			m.HandleMessage(transport.Message{Flow: udpFrom("44.81.0.99:1"), Data: unhex(t, v.Hex)})
			if got == nil {
				t.Fatal("nothing arrived")
			}
			if hex.EncodeToString(got.Sender.Value[:]) != v.Sender || hex.EncodeToString(got.Body) != v.Body {
				t.Errorf("sender %v, body %x, want %s, %s", got.Sender, got.Body, v.Sender, v.Body)
			}
		})
	}
}

// A handler's body is its own until it releases it, and Release may be repeated.
func TestBodiesAreNotShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		a, s := f.node(addrA, nodeConfig{}), f.node(addrS, nodeConfig{})
		for _, body := range []string{"first", "second", "third"} {
			a.HandleMessage(transport.Message{Flow: udpFrom(addrS), Data: s.sealFor(a.id, body)})
		}
		a.mu.Lock()
		in := a.got[0]
		a.mu.Unlock()
		if got := a.received(); !slices.Equal(got, []string{"first", "second", "third"}) {
			t.Errorf("received %q", got)
		}
		in.Release()
		if in.Body != nil {
			t.Error("a released body can still be read")
		}
	})
}

// When the relay queue is full, an ordered flow waits for 2 s and a datagram is
// dropped at once.
func TestRelayQueueFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		gate := make(chan struct{})
		r := f.node(addrR, nodeConfig{change: func(c *Config) { c.RelayQueue, c.RelayWorkers = 1, 1 }})
		b, s := f.node(addrB, nodeConfig{}), f.node(addrS, nodeConfig{})
		r.knows(b).RecordFlow(udpFrom(addrB), time.Now())
		r.SetStack(slowStack{r.stack, gate})
		relay := func(flow transport.Flow, body string) time.Duration {
			start := time.Now()
			r.HandleMessage(transport.Message{Flow: flow, Data: s.sealFor(b.id, body), Inbound: flow.Protocol == wire.TCP})
			return time.Since(start)
		}
		tcp := udpFrom(addrS)
		tcp.Protocol = wire.TCP
		relay(udpFrom(addrS), "at the worker")
		synctest.Wait()
		relay(udpFrom(addrS), "in the queue")
		if took := relay(udpFrom(addrS), "dropped"); took != 0 {
			t.Errorf("a datagram was held for %v", took)
		}
		if took := relay(tcp, "held and dropped"); took != relayWait {
			t.Errorf("a stream was held for %v, want %v", took, relayWait)
		}
		if got := r.Traffic().Dropped; got != 2 {
			t.Errorf("dropped %d, want 2", got)
		}
		if got := r.RelayTimings(); got != (RelayTimings{}) {
			t.Errorf("%+v while nothing has left", got)
		}
		time.Sleep(time.Second) // of the virtual clock
		close(gate)
		synctest.Wait()
		waited := uint64((relayWait + time.Second).Microseconds()) // the first with the stack, the second for its worker
		want := RelayTimings{
			Dequeue: routing.Latency{Slowest: waited, Average: waited / 2},
			Process: routing.Latency{Slowest: waited, Average: waited / 2},
		}
		if got := r.RelayTimings(); got != want {
			t.Errorf("timings %+v, want %+v", got, want)
		}
		got := b.received()
		slices.Sort(got)
		if !slices.Equal(got, []string{"at the worker", "in the queue"}) {
			t.Errorf("received %q", got)
		}
	})
}

// bootSource is a BootstrapSource in fields.
type bootSource struct {
	serves  bool
	peers   []*wire.PeerInfo
	records []string
	asked   int
}

func (b *bootSource) ServesBootstrap() bool            { return b.serves }
func (b *bootSource) BootstrapPeers() []*wire.PeerInfo { b.asked++; return b.peers }
func (b *bootSource) BootstrapRecords() []string       { return b.records }

func TestServeBootstrap(t *testing.T) {
	const record = "0|0|VLD0:Yfwkg5XoqsYReVxLY9AWRtRt91B6vMjkz0D-byQA6XY|n1.lab|T5150,U5150,W5150/ws"
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		src := &bootSource{}
		a := f.node(addrA, nodeConfig{change: func(c *Config) { c.Bootstrap = src }})
		b := f.node(addrB, nodeConfig{})
		src.peers = []*wire.PeerInfo{a.knows(b).SignedPeerInfo(wire.PublicInternet)}
		ask := func(request string) []byte {
			t.Helper()
			var reply []byte
			a.SetStack(tapStack{a.stack, &reply})
			a.HandleMessage(transport.Message{Flow: udpFrom("44.81.0.50:1"), Data: []byte(request)})
			synctest.Wait()
			return reply
		}
		if got := ask("BOOT"); got != nil {
			t.Errorf("answered %q without serving", got)
		}
		src.serves = true
		peers, err := bootstrap.ParseV0(a.cfg.Crypto, ask("BOOT"+strings.Repeat("\x00", 120)))
		if err != nil || len(peers) != 2 || peers[0].NodeIDs[0] != a.id || peers[1].NodeIDs[0] != b.id {
			t.Errorf("peers %v, %v, want ourselves and b", peers, err)
		}
		asked := src.asked
		ask("BOOT")
		if src.asked != asked {
			t.Error("the answer was made anew within a second")
		}
		if got := ask("B01T"); got != nil {
			t.Errorf("answered %q without records", got)
		}
		time.Sleep(bootRefresh)
		own := "0|0|" + crypto.PublicKeyOf(a.id).String() + "|a.example|U5150"
		src.records = []string{record, own}
		answer, err := bootstrap.ParseV1(a.cfg.Crypto, ask("B01T"))
		if err != nil || !slices.Equal(answer.Records, src.records) || len(answer.Peers) != 1 || answer.Peers[0].NodeIDs[0] != a.id {
			t.Errorf("answer %+v, %v", answer, err)
		}
		// 128 a minute of one block, this one included.
		answered := 0
		for range 2 * transport.MaxRatePerBlock {
			if ask("BOOT") != nil {
				answered++
			}
		}
		if want := transport.MaxRatePerBlock - 4; answered != want {
			t.Errorf("answered %d more, want %d", answered, want)
		}
	})
}

// A node that names us as its relay keeps its connection.
func TestPriorityFlows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		r, a := f.node(addrR, nodeConfig{}), f.node(addrA, nodeConfig{})
		b := f.natted(addrB, r)
		b.keep(r)
		a.mustSend(Request{Target: a.knows(r), Body: []byte("x"), Sequencing: wire.EnsureOrdered})
		synctest.Wait()
		if len(r.stack.priority) == 0 {
			t.Fatal("no flow has priority")
		}
		for _, flow := range r.stack.priority {
			if flow.Remote.Addr() != b.stack.addr.Addr() || flow.Protocol != wire.TCP {
				t.Errorf("flow %v has priority", flow)
			}
		}
	})
}

func TestConnClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		var closed []transport.ConnClosed
		a := f.node(addrA, nodeConfig{change: func(c *Config) {
			c.ConnClosed = func(c transport.ConnClosed) { closed = append(closed, c) }
		}})
		flow := transport.Flow{Protocol: wire.TCP, Remote: netip.MustParseAddrPort(addrB)}
		a.HandleMessage(transport.Message{Flow: flow, Inbound: true})
		if !a.accepted.has(flow) {
			t.Error("an accepted flow is not known")
		}
		a.HandleConnClosed(transport.ConnClosed{Flow: flow, Inbound: true})
		if a.accepted.has(flow) || len(closed) != 1 || closed[0].Flow != flow {
			t.Errorf("closed %v, still known %v", closed, a.accepted.has(flow))
		}
	})
}

func TestCloseEndsWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFabric(t)
		a := f.node(addrA, nodeConfig{})
		rc, err := a.Receipts().New(InBand, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, func() { a.Close() })
		start := time.Now()
		if _, err := rc.Wait(t.Context()); err == nil || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		if _, err := a.Receipts().New(InBand, time.Hour); err == nil {
			t.Error("a receipt after Close")
		}
	})
}
