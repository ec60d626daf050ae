package network

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/envelope"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
	"github.com/voile-net/voile/platform"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fabric is a network of fake stacks: enough of transports, connections and
// NATs to see what the manager does with them, in virtual time.
type fabric struct {
	t *testing.T

	mu      sync.Mutex
	stacks  map[netip.AddrPort]*fakeStack
	signals []*wire.Signal // stands for their encoding
	wg      sync.WaitGroup // deliveries
}

func newFabric(t *testing.T) *fabric {
	f := &fabric{t: t, stacks: map[netip.AddrPort]*fakeStack{}}
	t.Cleanup(f.wg.Wait)
	return f
}

// fakeStack is one node's transports on one address and port.
type fakeStack struct {
	f     *fabric
	addr  netip.AddrPort
	nat   bool // takes datagrams only from where it sent some, and no connections
	mute  bool // nothing leaves
	ports uint16

	open     map[netip.AddrPort]bool
	conns    map[transport.Flow]connEnd
	punches  []string
	sent     []string // "how to": one line per message
	sizes    []int    // datagram sizes asked for
	priority []transport.Flow
	manager  *Manager
	fail     error // of every SendDialInfo, SendOnce and Punch; nil: none
}

type connEnd struct {
	to   *fakeStack
	flow transport.Flow // as the other side has it
	dial bool           // we opened it
}

func (f *fabric) stack(addr string, nat bool) *fakeStack {
	s := &fakeStack{f: f, addr: netip.MustParseAddrPort(addr), nat: nat,
		open: map[netip.AddrPort]bool{}, conns: map[transport.Flow]connEnd{}}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stacks[s.addr] = s
	return s
}

// deliver hands a message over in its own goroutine.
func (f *fabric) deliver(to *fakeStack, m transport.Message) {
	m.Data = slices.Clone(m.Data)
	f.wg.Go(func() {
		if to.manager != nil {
			to.manager.HandleMessage(m)
		}
	})
}

func (s *fakeStack) note(how string, to netip.AddrPort) {
	s.sent = append(s.sent, how+" "+to.String())
}

func (s *fakeStack) udp(from netip.AddrPort, to netip.AddrPort, msg []byte) {
	s.open[to] = true
	target := s.f.stacks[to]
	if target == nil || s.mute || target.nat && !target.open[from] {
		return
	}
	s.f.deliver(target, transport.Message{
		Flow: transport.Flow{Protocol: wire.UDP, Remote: from, Local: to}, Data: msg, Datagram: len(msg) + 8,
	})
}

func (s *fakeStack) SendFlow(_ context.Context, flow transport.Flow, msg []byte, size int) error {
	s.f.mu.Lock()
	defer s.f.mu.Unlock()
	if flow.Protocol == wire.UDP {
		s.note("flow udp", flow.Remote)
		s.sizes = append(s.sizes, size)
		s.udp(s.addr, flow.Remote, msg)
		return nil
	}
	end, ok := s.conns[flow]
	if !ok {
		return transport.ErrNoFlow
	}
	s.note("flow tcp", flow.Remote)
	s.f.deliver(end.to, transport.Message{Flow: end.flow, Data: msg, Inbound: end.dial})
	return nil
}

func (s *fakeStack) SendDialInfo(ctx context.Context, di wire.DialInfo, msg []byte, o transport.SendOptions) (transport.Flow, error) {
	s.f.mu.Lock()
	defer s.f.mu.Unlock()
	s.note("dial "+strings.ToLower(di.Protocol.String()), di.Addr)
	if s.fail != nil {
		return transport.Flow{}, s.fail
	}
	if di.Protocol == wire.UDP {
		s.sizes = append(s.sizes, o.MaxDatagram)
		s.udp(s.addr, di.Addr, msg)
		return transport.Flow{Protocol: wire.UDP, Remote: di.Addr, Local: s.addr}, nil
	}
	target := s.f.stacks[di.Addr]
	if target == nil || target.nat {
		s.f.mu.Unlock()
		err := transport.ErrConnect
		select {
		case <-time.After(5 * time.Second):
		case <-ctx.Done():
			err = ctx.Err()
		}
		s.f.mu.Lock()
		return transport.Flow{}, err
	}
	s.ports++
	local := netip.AddrPortFrom(s.addr.Addr(), 40000+s.ports)
	ours := transport.Flow{Protocol: di.Protocol, Remote: di.Addr, Local: local}
	theirs := transport.Flow{Protocol: di.Protocol, Remote: local, Local: di.Addr}
	s.conns[ours] = connEnd{target, theirs, true}
	target.conns[theirs] = connEnd{s, ours, false}
	s.f.deliver(target, transport.Message{Flow: theirs, Data: msg, Inbound: true})
	return ours, nil
}

func (s *fakeStack) SendOnce(_ context.Context, di wire.DialInfo, msg []byte) error {
	s.f.mu.Lock()
	defer s.f.mu.Unlock()
	s.note("once", di.Addr)
	if s.fail != nil {
		return s.fail
	}
	s.ports++
	s.udp(netip.AddrPortFrom(s.addr.Addr(), 50000+s.ports), di.Addr, msg)
	return nil
}

func (s *fakeStack) Punch(_ context.Context, remote netip.AddrPort, ttl int) error {
	s.f.mu.Lock()
	defer s.f.mu.Unlock()
	s.punches = append(s.punches, fmt.Sprintf("%v ttl %d", remote, ttl))
	s.open[remote] = true // it opens our own NAT and gets no further
	return nil
}

func (s *fakeStack) Alive(flow transport.Flow) bool {
	s.f.mu.Lock()
	defer s.f.mu.Unlock()
	_, ok := s.conns[flow]
	return ok
}

func (s *fakeStack) Prioritize(flow transport.Flow) {
	s.f.mu.Lock()
	defer s.f.mu.Unlock()
	s.priority = append(s.priority, flow)
}

// dropConns ends all connections as if the other side had gone.
func (s *fakeStack) dropConns() {
	s.f.mu.Lock()
	ends := s.conns
	s.conns = map[transport.Flow]connEnd{}
	for flow, end := range ends {
		delete(end.to.conns, end.flow)
		_ = flow
	}
	s.f.mu.Unlock()
}

// log returns what was sent since the last call.
func (s *fakeStack) log() []string {
	s.f.mu.Lock()
	defer s.f.mu.Unlock()
	out := s.sent
	s.sent = nil
	return out
}

// node is one manager on a fake stack, with an RPC layer of four lines.
type node struct {
	*Manager
	t     *testing.T
	f     *fabric
	addr  netip.AddrPort
	stack *fakeStack // nil: a real one
	pair  crypto.KeyPair
	id    crypto.NodeID

	mu       sync.Mutex
	got      []*Inbound
	full     bool  // refuse everything
	signalOK error // result of the last HandleSignal
	deaf     bool  // ignores signals
}

type nodeConfig struct {
	nat     bool
	dials   []wire.DialInfoDetail // nil: UDP and TCP, Direct
	network string                // password of the network key
	change  func(*Config)
}

const direct = wire.ClassDirect

func did(class wire.DialInfoClass, protocol wire.ProtocolType, addr string) wire.DialInfoDetail {
	return wire.DialInfoDetail{Class: class, DialInfo: wire.DialInfo{Protocol: protocol, Addr: netip.MustParseAddrPort(addr)}}
}

// node makes a node on a fake stack.
func (f *fabric) node(addr string, nc nodeConfig) *node {
	f.t.Helper()
	n := f.bare(addr, addr, nc)
	n.stack = f.stack(addr, nc.nat)
	f.mu.Lock()
	n.stack.manager = n.Manager
	f.mu.Unlock()
	n.SetStack(n.stack)
	return n
}

// bare makes a node without a stack. addr is where others see it, inside what
// its interface has.
func (f *fabric) bare(addr, inside string, nc nodeConfig) *node {
	t := f.t
	t.Helper()
	c, err := crypto.New(crypto.Config{})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := c.Best().GenerateKeyPair()
	if err != nil {
		t.Fatal(err)
	}
	identity, err := envelope.NewIdentity(c, pair)
	if err != nil {
		t.Fatal(err)
	}
	key, err := envelope.DeriveNetworkKey(c.Best(), nc.network)
	if err != nil {
		t.Fatal(err)
	}
	ap := netip.MustParseAddrPort(addr)
	thresholds := routing.StockThresholds()
	thresholds.OwnTransportsOnly = true
	table, err := routing.New(routing.Config{
		Crypto: c, Keys: []crypto.KeyPair{pair}, Domains: domainsAt(netip.MustParseAddrPort(inside).Addr()), Thresholds: thresholds,
		Capabilities: routing.DefaultCapabilities(false, nil), Rand: rand.New(rand.NewPCG(1, 2)),
	})
	if err != nil {
		t.Fatal(err)
	}
	own := table.Own(wire.PublicInternet)
	protocols := wire.Protocols(wire.UDP, wire.TCP)
	own.SetStarted(true)
	own.SetSetup(routing.Setup{Outbound: protocols, Inbound: protocols, Families: wire.Addresses(wire.IPv4)})
	if nc.dials == nil {
		nc.dials = []wire.DialInfoDetail{did(direct, wire.UDP, addr), did(direct, wire.TCP, addr)}
	}
	own.SetStaticDialInfo(nc.dials)
	own.SetConfirmed(true)
	if _, err := own.Publish(time.Now()); err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, f: f, addr: ap, pair: pair, id: crypto.NodeIDOf(pair.Public)}
	cfg := Config{
		Crypto: c, Identity: []*envelope.Identity{identity}, Table: table, Filter: transport.NewAddressFilter(nil),
		NetworkKey: key, Handler: n, Clock: crypto.NewClock(), RelayEnabled: true, RelayWorkers: 2,
	}
	if nc.change != nil {
		nc.change(&cfg)
	}
	if n.Manager, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	n.SetSignaller(n)
	return n
}

func domainsAt(a netip.Addr) *routing.Domains {
	return routing.NewDomains(platform.Network{
		Interfaces: []platform.Interface{{
			Name: "eth0", Running: true, MTU: 1500, Addrs: []platform.InterfaceAddr{{Prefix: netip.PrefixFrom(a, 24)}},
		}},
		Egress4: platform.Egress{Source: a, Interface: "eth0", MTU: 1500},
	}, false)
}

// knows registers the published description of another node.
func (n *node) knows(other *node) *routing.Entry {
	n.t.Helper()
	p := other.table.Own(wire.PublicInternet).Published()
	if p == nil {
		n.t.Fatal("the other node has published nothing")
	}
	copied := *p
	e, err := n.table.RegisterPeer(&copied, routing.RegisterOptions{}, time.Now())
	if err != nil {
		n.t.Fatal(err)
	}
	return e
}

// usesRelay makes the node choose r as its relay, and publish.
func (n *node) usesRelay(r *node) {
	n.t.Helper()
	e := n.knows(r)
	for _, p := range []wire.ProtocolType{wire.UDP, wire.TCP} {
		flow := transport.Flow{Protocol: p, Remote: r.addr}
		e.AnswerReceived(routing.Path{Flow: flow, Dialled: true}, 1, time.Millisecond, time.Now())
	}
	own := n.table.Own(wire.PublicInternet)
	own.ManageRelays(false, time.Now())
	if _, err := own.Publish(time.Now()); err != nil {
		n.t.Fatal(err)
	}
	if p := own.Published(); p == nil || len(p.Info.Relays) != 1 {
		n.t.Fatalf("no relay chosen: %+v", p)
	}
}

func (n *node) HandleEnvelope(in *Inbound) bool {
	n.mu.Lock()
	full, deaf := n.full, n.deaf
	n.mu.Unlock()
	if full {
		return false
	}
	kind, rest, _ := strings.Cut(string(in.Body), ":")
	switch kind {
	case "signal":
		var i int
		fmt.Sscan(rest, &i)
		n.f.mu.Lock()
		s := n.f.signals[i]
		n.f.mu.Unlock()
		if deaf {
			break
		}
		err := n.HandleSignal(context.Background(), s, in)
		n.mu.Lock()
		n.signalOK = err
		n.mu.Unlock()
	case "receipt":
		n.Receipts().Returned([]byte(rest), Return{Way: InBand, Sender: in.Sender, Flow: in.Flow})
	default:
		n.mu.Lock()
		n.got = append(n.got, in)
		n.mu.Unlock()
		return true
	}
	in.Release()
	return true
}

func (n *node) SendSignal(ctx context.Context, target *routing.Entry, relay wire.DialInfo, s *wire.Signal) error {
	n.f.mu.Lock()
	copied := *s
	p := *s.PeerInfo
	copied.PeerInfo = &p
	n.f.signals = append(n.f.signals, &copied)
	i := len(n.f.signals) - 1
	n.f.mu.Unlock()
	_, err := n.Send(ctx, Request{Target: target, Body: fmt.Appendf(nil, "signal:%d", i), DialInfo: &relay})
	return err
}

func (n *node) SendReturnReceipt(ctx context.Context, target *routing.Entry, receipt []byte, o ReturnOptions) error {
	_, err := n.Send(ctx, Request{
		Target: target, Body: append([]byte("receipt:"), receipt...), Sequencing: o.Sequencing,
		PinFlow: o.PinFlow, MustPin: o.PinFlow != nil, DialInfo: o.DialInfo,
	})
	return err
}

// received returns the bodies since the last call, releasing them.
func (n *node) received() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []string
	for _, in := range n.got {
		out = append(out, string(in.Body))
		in.Release()
	}
	n.got = nil
	return out
}

// take returns the only message since the last call.
func (n *node) take() *Inbound {
	n.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.got) != 1 {
		n.t.Fatalf("%d messages, want 1", len(n.got))
	}
	in := n.got[0]
	n.got = nil
	return in
}
