package route

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

var start = time.Unix(1_700_000_000, 0).UTC()

// seeded is a random reader that always gives the same bytes.
func seeded(seed string) *rand.ChaCha8 { return rand.NewChaCha8(sha256.Sum256([]byte(seed))) }

func newCrypto(t testing.TB, seed string) *crypto.Crypto {
	t.Helper()
	c, err := crypto.New(crypto.Config{Rand: seeded(seed)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func keyPair(t testing.TB, c *crypto.Crypto, seed [32]byte) crypto.KeyPair {
	t.Helper()
	// The best system derives the pair from the 32 bytes of its reader.
	fixed, err := crypto.New(crypto.Config{Rand: bytes.NewReader(seed[:])})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := fixed.Best().GenerateKeyPair()
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := c.Best().ValidateKeyPair(pair); err != nil || !ok {
		t.Fatalf("key pair of seed %x: %v", seed, err)
	}
	return pair
}

// node is one node of a test network.
type node struct {
	name  string
	pair  crypto.KeyPair
	id    crypto.NodeID
	info  *wire.PeerInfo
	onion *Onion
}

func newNode(t testing.TB, name string, number int, change func(*wire.NodeInfo)) *node {
	t.Helper()
	c := newCrypto(t, "crypto of "+name)
	n := &node{name: name, pair: keyPair(t, c, sha256.Sum256([]byte("node "+name)))}
	n.id = crypto.NodeIDOf(n.pair.Public)
	addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{44, 81, byte(number), 1}), 5150)
	info := wire.NodeInfo{
		Timestamp:         crypto.FromTime(start),
		EnvelopeSupport:   []wire.EnvelopeVersion{wire.ENV0},
		PublicKeys:        []crypto.PublicKey{n.pair.Public},
		Capabilities:      []wire.Capability{wire.CapROUT, wire.CapRLAY, wire.CapSGNL, wire.CapDIAL},
		OutboundProtocols: wire.AllProtocols,
		AddressTypes:      wire.Addresses(wire.IPv4),
		DialInfo: []wire.DialInfoDetail{
			{DialInfo: wire.DialInfo{Protocol: wire.UDP, Addr: addr}},
			{DialInfo: wire.DialInfo{Protocol: wire.TCP, Addr: addr}},
		},
	}
	if change != nil {
		change(&info)
	}
	n.info = sign(t, c, n.pair, &info)
	var err error
	if n.onion, err = NewOnion(c, []crypto.KeyPair{n.pair}); err != nil {
		t.Fatal(err)
	}
	return n
}

func sign(t testing.TB, c *crypto.Crypto, pair crypto.KeyPair, info *wire.NodeInfo) *wire.PeerInfo {
	t.Helper()
	message, err := wire.EncodeNodeInfo(info)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := c.Best().Sign(pair, message)
	if err != nil {
		t.Fatal(err)
	}
	pi, err := (wire.Decoder{Kinds: c.Kinds()}).DecodePeerInfo(message, []crypto.Signature{sig})
	if err != nil {
		t.Fatal(err)
	}
	pi.Domain = wire.PublicInternet
	return pi
}

// table is a routing table in memory.
type table struct {
	mu         sync.Mutex
	own        *wire.PeerInfo // nil: not published
	known      map[crypto.NodeID]*wire.PeerInfo
	candidates []Candidate
	cut        map[[2]crypto.NodeID]bool // no contact from the first to the second
	noUDP      bool                      // no contact over datagrams
	invalid    map[crypto.NodeID]bool    // not valid in the public internet
	asked      int                       // calls of CanContact
}

func (f *table) Published() *wire.PeerInfo {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.own
}

func (f *table) PeerInfo(id crypto.NodeID) *wire.PeerInfo {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.known[id]
}

func (f *table) Candidates(crypto.Kinds, Ordering, time.Time) []Candidate {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Candidate(nil), f.candidates...)
}

func (f *table) CanContact(from, to *wire.PeerInfo, ordering Ordering) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	return !f.cut[[2]crypto.NodeID{from.NodeIDs[0], to.NodeIDs[0]}] && (ordering == Ordered || !f.noUDP)
}

func (f *table) ValidEntry(node *wire.PeerInfo) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.invalid[node.NodeIDs[0]]
}

// net is a test network: us and a number of others that could all be hops.
type net struct {
	us     *node
	others []*node
	table  *table
	store  *Store
}

func newNet(t testing.TB, others int, change func(*Config)) *net {
	t.Helper()
	n := &net{us: newNode(t, "us", 250, nil)}
	n.table = &table{
		own:     n.us.info,
		known:   make(map[crypto.NodeID]*wire.PeerInfo),
		cut:     make(map[[2]crypto.NodeID]bool),
		invalid: make(map[crypto.NodeID]bool),
	}
	for i := range others {
		o := newNode(t, fmt.Sprintf("n%d", i), i, nil)
		n.others = append(n.others, o)
		n.table.known[o.id] = o.info
		n.table.candidates = append(n.table.candidates, Candidate{
			PeerInfo:     o.info,
			Latency:      time.Duration(i+1) * 10 * time.Millisecond,
			Reliable:     true,
			Steady:       start.Add(time.Duration(i) * time.Second),
			Added:        start,
			RelayCapable: true,
			Blocks:       []netip.AddrPort{netip.AddrPortFrom(o.info.Info.DialInfo[0].DialInfo.Addr.Addr(), 0)},
		})
	}
	n.store = n.newStore(t, change)
	return n
}

func (n *net) newStore(t testing.TB, change func(*Config)) *Store {
	t.Helper()
	cfg := DefaultConfig()
	if change != nil {
		change(&cfg)
	}
	c := newCrypto(t, "store")
	onion, err := NewOnion(c, []crypto.KeyPair{n.us.pair})
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewStore(cfg, c, onion, n.table)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// find is the node with an id, us included.
func (n *net) find(t testing.TB, id crypto.NodeID) *node {
	t.Helper()
	if id == n.us.id {
		return n.us
	}
	for _, o := range n.others {
		if o.id == id {
			return o
		}
	}
	t.Fatalf("no node %v", id)
	return nil
}

// carry takes a message from the sender over all nodes to its end. own are the
// routes of each node that has some.
func (n *net) carry(t testing.TB, from *node, first wire.RouteHop, r *wire.Route, own map[crypto.NodeID]OwnRoutes) (*node, *Arrived) {
	t.Helper()
	sender := from.id
	for range 20 {
		id, ok := HopID(&first, crypto.KindVLD0)
		if !ok {
			t.Fatalf("hop without id: %+v", first)
		}
		at := n.find(t, id)
		action, err := at.onion.Peel(r, sender, true, own[at.id])
		if err != nil {
			t.Fatalf("at %s: %v", at.name, err)
		}
		switch a := action.(type) {
		case *Arrived:
			return at, a
		case *Forward:
			first, sender = a.Next, at.id
			r = &a.Route
		}
	}
	t.Fatal("the message does not arrive")
	return nil, nil
}

func (n *net) allocate(t testing.TB, req AllocateRequest) crypto.RouteID {
	t.Helper()
	id, err := n.store.Allocate(req, start)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (n *net) info(t testing.TB, id crypto.RouteID) Info {
	t.Helper()
	info, ok := n.store.Info(id, start)
	if !ok {
		t.Fatalf("no route %v", id)
	}
	return info
}
