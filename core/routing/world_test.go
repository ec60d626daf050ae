package routing

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
	"github.com/voile-net/voile/platform"
)

// t0 is when every test begins.
var t0 = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return t0.Add(time.Duration(seconds * float64(time.Second))) }

// world makes tables and peers from one seed.
type world struct {
	t      testing.TB
	crypto *crypto.Crypto
	n      int // peers made
}

func newWorld(t testing.TB, kinds ...crypto.Kind) *world {
	t.Helper()
	if len(kinds) == 0 {
		kinds = []crypto.Kind{crypto.KindVLD0}
	}
	c, err := crypto.New(crypto.Config{Kinds: kinds, Rand: seeded(7)})
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, crypto: c}
}

func seeded(n byte) io.Reader { return rand.NewChaCha8([32]byte{n}) }

func (w *world) keys() []crypto.KeyPair {
	w.t.Helper()
	var pairs []crypto.KeyPair
	for _, k := range w.crypto.Kinds() {
		sys, err := w.crypto.Get(k)
		if err != nil {
			w.t.Fatal(err)
		}
		pair, err := sys.GenerateKeyPair()
		if err != nil {
			w.t.Fatal(err)
		}
		pairs = append(pairs, pair)
	}
	return pairs
}

// dualStack is a device with a global address of each family, and a private one.
func dualStack() *Domains { return NewDomains(dualStackNetwork(), false) }

func dualStackNetwork() platform.Network {
	a4, a6 := netip.MustParsePrefix("44.2.0.1/16"), netip.MustParsePrefix("2600:10::1/16")
	return platform.Network{
		Interfaces: []platform.Interface{
			{Name: "lo", MTU: 65536, Running: true, Loopback: true, Addrs: []platform.InterfaceAddr{
				{Prefix: netip.MustParsePrefix("127.0.0.1/8")}, {Prefix: netip.MustParsePrefix("::1/128")}}},
			{Name: "eth0", MTU: 1500, Running: true, Addrs: []platform.InterfaceAddr{{Prefix: a4}, {Prefix: a6}}},
			{Name: "lan0", MTU: 1500, Running: true, Addrs: []platform.InterfaceAddr{
				{Prefix: netip.MustParsePrefix("192.168.7.2/24")}}},
		},
		Egress4: platform.Egress{Source: a4.Addr(), Interface: "eth0", MTU: 1500, Gateway: netip.MustParseAddr("44.2.0.254"), GatewayKnown: true},
		Egress6: platform.Egress{Source: a6.Addr(), Interface: "eth0", MTU: 1500},
	}
}

func (w *world) table(d *Domains) *Table {
	w.t.Helper()
	return w.sized(d, 0)
}

// sized is a table whose first bucket has a depth.
func (w *world) sized(d *Domains, depth int) *Table {
	w.t.Helper()
	t, err := New(Config{
		Crypto: w.crypto, Keys: w.keys(), Domains: d, BucketDepth: depth,
		Capabilities: DefaultCapabilities(false, nil), Rand: rand.New(rand.NewPCG(1, 2)),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return t
}

// start makes the table's node one with all transports in PublicInternet.
func start(t *Table, details ...wire.DialInfoDetail) *Own {
	o := t.Own(wire.PublicInternet)
	o.SetSetup(Setup{wire.AllProtocols, wire.AllProtocols, wire.AllAddresses})
	o.SetStaticDialInfo(details)
	o.SetStarted(true)
	o.SetConfirmed(true)
	return o
}

func did(class wire.DialInfoClass, text string) wire.DialInfoDetail {
	var proto, addr string
	if _, err := fmt.Sscanf(text, "%3s %s", &proto, &addr); err != nil {
		panic(text)
	}
	d := wire.DialInfo{Addr: netip.MustParseAddrPort(addr)}
	switch proto {
	case "UDP":
		d.Protocol = wire.UDP
	case "TCP":
		d.Protocol = wire.TCP
	case "WS:":
		d.Protocol, d.Request = wire.WS, addr+"/ws"
	default:
		panic(text)
	}
	return wire.DialInfoDetail{Class: class, DialInfo: d}
}

func direct(texts ...string) []wire.DialInfoDetail {
	var list []wire.DialInfoDetail
	for _, s := range texts {
		list = append(list, did(wire.ClassDirect, s))
	}
	return list
}

// everywhere is all six transports of a host with an address of each family.
func everywhere(v4, v6 string) []wire.DialInfoDetail {
	var list []wire.DialInfoDetail
	for _, a := range []string{v4 + ":5150", "[" + v6 + "]:5150"} {
		list = append(list, direct("UDP "+a, "TCP "+a, "WS: "+a)...)
	}
	return list
}

func ownEverywhere() []wire.DialInfoDetail { return everywhere("44.2.0.1", "2600:10::1") }

// info is the description of a full node at the n-th address.
func (w *world) info() wire.NodeInfo {
	w.n++
	n := w.n
	return wire.NodeInfo{
		Timestamp:         crypto.FromTime(t0),
		EnvelopeSupport:   []wire.EnvelopeVersion{wire.ENV0},
		Capabilities:      DefaultCapabilities(false, nil)[wire.PublicInternet],
		OutboundProtocols: wire.AllProtocols, AddressTypes: wire.AllAddresses,
		DialInfo: everywhere(fmt.Sprintf("45.%d.%d.%d", n>>16, n>>8&255, n&255),
			fmt.Sprintf("2a02:%x:%x::1", n>>16, n&0xffff)),
	}
}

// sign makes a PeerInfo as a decoder would.
func (w *world) sign(info wire.NodeInfo, keys []crypto.KeyPair) *wire.PeerInfo {
	w.t.Helper()
	info.PublicKeys = nil
	p := &wire.PeerInfo{Domain: wire.PublicInternet}
	for _, k := range keys {
		info.PublicKeys = append(info.PublicKeys, k.Public)
		p.NodeIDs = append(p.NodeIDs, crypto.NodeIDOf(k.Public))
	}
	info.Sort(w.crypto.Kinds())
	p.Info = info
	var err error
	if p.Message, err = wire.EncodeNodeInfo(&info); err != nil {
		w.t.Fatal(err)
	}
	if p.Signatures, err = w.crypto.GenerateSignatures(p.Message, keys); err != nil {
		w.t.Fatal(err)
	}
	return p
}

// peer registers a new full node, as change leaves it.
func (w *world) peer(t *Table, change func(*wire.NodeInfo)) *Entry {
	w.t.Helper()
	info := w.info()
	if change != nil {
		change(&info)
	}
	e, err := t.RegisterPeer(w.sign(info, w.keys()), RegisterOptions{}, t0)
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// responsive makes an entry that answered on both orderings and every transport.
func responsive(e *Entry, latency time.Duration, when time.Time) *Entry {
	for _, d := range e.PeerInfo(wire.PublicInternet).Info.DialInfo {
		p := pathTo(d.DialInfo)
		e.QuestionSent(p, 100, when)
		e.AnswerReceived(p, 100, latency, when)
	}
	return e
}

func pathTo(d wire.DialInfo) Path {
	return Path{Flow: transport.Flow{Protocol: d.Protocol, Remote: d.Addr}, Dialled: true}
}

func flowTo(proto wire.ProtocolType, remote string) transport.Flow {
	return transport.Flow{Protocol: proto, Remote: netip.MustParseAddrPort(remote)}
}

func over(proto wire.ProtocolType) Path {
	return Path{Flow: flowTo(proto, "45.0.0.1:5150"), Dialled: true}
}

// bare is an entry without any description.
func (w *world) bare(t *Table) *Entry {
	w.t.Helper()
	id := crypto.NodeIDOf(w.keys()[0].Public)
	e, err := t.RegisterSender(id, flowTo(wire.UDP, "45.0.0.1:5150"), wire.ENV0, t0)
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}
