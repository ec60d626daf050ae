package dht

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/rpc"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// fabric is a network in memory: nodes that serve records, with clients on them. It
// loses messages, falls apart and stops nodes as told. It belongs into a bubble of
// testing/synctest: what travels takes time.
type fabric struct {
	t      testing.TB
	crypto *crypto.Crypto
	sys    crypto.System
	table  *routing.Table // the entries of all nodes
	nodes  []*fabricNode
	stop   chan struct{}
	ticked sync.WaitGroup

	mu   sync.Mutex
	rng  *rand.Rand
	loss float64
}

type fabricNode struct {
	f      *fabric
	n      int
	pair   crypto.KeyPair
	id     crypto.NodeID
	info   *wire.PeerInfo
	entry  *routing.Entry
	tables *memoryTables // of the server
	own    *memoryTables // of the client

	mu     sync.Mutex // below are what restarts and faults change
	server *Server
	client *Client // nil: down
	down   bool
	part   int // of the network
	ready  bool
	routes map[crypto.RouteID]bool
	told   []ValueChange
	faulty int
	pinned int // routes
	last   []Question
	fault  error // of every question; nil: none
}

func newFabric(t testing.TB, seed uint64, n int) *fabric {
	t.Helper()
	c, err := crypto.New(crypto.Config{Rand: rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), 9})})
	if err != nil {
		t.Fatal(err)
	}
	f := &fabric{t: t, crypto: c, sys: c.Best(), rng: rand.New(rand.NewPCG(seed, 2)), stop: make(chan struct{})}
	f.table, err = routing.New(routing.Config{Crypto: c, Keys: []crypto.KeyPair{newPair(t, f.sys)}, Rand: rand.New(rand.NewPCG(seed, 3))})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		m := &fabricNode{f: f, n: i + 1, pair: newPair(t, f.sys), tables: newMemoryTables(), own: newMemoryTables(), ready: true}
		m.id = crypto.NodeIDOf(m.pair.Public)
		m.info = f.describe(m)
		flow := transport.Flow{Protocol: wire.UDP, Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{45, 0, byte(i >> 8), byte(i)}), 5150)}
		if m.entry, err = f.table.RegisterSender(m.id, flow, wire.ENV0, time.Now()); err != nil {
			t.Fatal(err)
		}
		m.startServer()
		f.nodes = append(f.nodes, m)
	}
	f.ticked.Go(f.tick)
	return f
}

func (f *fabric) describe(m *fabricNode) *wire.PeerInfo {
	info := wire.NodeInfo{
		Timestamp: crypto.FromTime(time.Now()), EnvelopeSupport: []wire.EnvelopeVersion{wire.ENV0},
		Capabilities:      routing.DefaultCapabilities(false, nil)[wire.PublicInternet],
		OutboundProtocols: wire.AllProtocols, AddressTypes: wire.AllAddresses, PublicKeys: []crypto.PublicKey{m.pair.Public},
	}
	info.Sort(f.crypto.Kinds())
	p := &wire.PeerInfo{Domain: wire.PublicInternet, NodeIDs: []crypto.NodeID{m.id}, Info: info}
	var err error
	if p.Message, err = wire.EncodeNodeInfo(&info); err != nil {
		f.t.Fatal(err)
	}
	if p.Signatures, err = f.crypto.GenerateSignatures(p.Message, []crypto.KeyPair{m.pair}); err != nil {
		f.t.Fatal(err)
	}
	return p
}

// tick drives all nodes once a second until close.
func (f *fabric) tick() {
	for {
		select {
		case <-f.stop:
			return
		case <-time.After(time.Second):
		}
		now := time.Now()
		var nodes sync.WaitGroup
		for _, m := range f.nodes {
			server, client := m.parts()
			if server == nil {
				continue
			}
			nodes.Go(func() {
				if err := server.Tick(context.Background(), now); err != nil {
					f.t.Error(err)
				}
				if m.Ready() {
					server.Notify(context.Background(), now)
				}
				if client != nil {
					if err := client.Tick(context.Background(), now); err != nil {
						f.t.Error(err)
					}
				}
			})
		}
		nodes.Wait()
	}
}

func (f *fabric) close() {
	close(f.stop)
	f.ticked.Wait()
	for _, m := range f.nodes {
		if _, client := m.parts(); client != nil {
			if err := client.Close(context.Background()); err != nil {
				f.t.Error(err)
			}
		}
	}
}

func (m *fabricNode) parts() (*Server, *Client) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down {
		return nil, nil
	}
	return m.server, m.client
}

func (m *fabricNode) startServer() {
	store, err := OpenStore(context.Background(), StoreConfig{Tables: m.tables, Kinds: m.f.crypto.Kinds(), CacheSubkeys: 64})
	if err != nil {
		m.f.t.Fatal(err)
	}
	s := NewServer(ServerConfig{Crypto: m.f.crypto, Store: store, Nearby: m, Notifier: m, Limits: StockLimits()})
	m.mu.Lock()
	defer m.mu.Unlock()
	m.server, m.down = s, false
}

// startClient opens the client of a node, with what an earlier one left.
func (m *fabricNode) startClient() *Client {
	store, err := OpenStore(context.Background(), StoreConfig{Tables: m.own, Kinds: m.f.crypto.Kinds(), CacheSubkeys: 64})
	if err != nil {
		m.f.t.Fatal(err)
	}
	c, err := NewClient(ClientConfig{
		Crypto: m.f.crypto, Store: store, Nodes: m, Identity: []crypto.PublicKey{m.pair.Public},
		Limits: StockClientLimits(), Changed: m.changed,
	})
	if err != nil {
		m.f.t.Fatal(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.client = c
	return c
}

// crashServer stops a node's server as a crash does and starts it again.
func (m *fabricNode) crashServer() {
	m.tables = m.tables.crash()
	m.startServer()
}

// crashClient stops a client as a crash does and starts it again.
func (m *fabricNode) crashClient() *Client {
	_, c := m.parts()
	after := m.own.crash()
	m.mu.Lock()
	m.client = nil
	m.mu.Unlock()
	if err := c.Close(context.Background()); err != nil {
		m.f.t.Error(err)
	}
	m.own = after
	return m.startClient()
}

func (m *fabricNode) changed(v ValueChange) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.told = append(m.told, v)
}

func (m *fabricNode) takeTold() []ValueChange {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := m.told
	m.told = nil
	return list
}

// takeAsked gives the questions that a node has asked since it was called last.
func (m *fabricNode) takeAsked() []Question {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := m.last
	m.last = nil
	return list
}

func (m *fabricNode) setReady(on bool)   { m.mu.Lock(); m.ready = on; m.mu.Unlock() }
func (m *fabricNode) setFault(err error) { m.mu.Lock(); m.fault = err; m.mu.Unlock() }
func (m *fabricNode) setDown(on bool)    { m.mu.Lock(); m.down = on; m.mu.Unlock() }
func (m *fabricNode) setPart(part int)   { m.mu.Lock(); m.part = part; m.mu.Unlock() }

func (f *fabric) setLoss(loss float64) { f.mu.Lock(); f.loss = loss; f.mu.Unlock() }

// travel takes the time of one way and reports whether the message arrives.
func (f *fabric) travel(ctx context.Context, from, to *fabricNode) bool {
	f.mu.Lock()
	lost := f.rng.Float64() < f.loss
	takes := time.Duration(2+f.rng.IntN(30)) * time.Millisecond
	f.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return false
	}
	from.mu.Lock()
	part, down := from.part, from.down
	from.mu.Unlock()
	to.mu.Lock()
	defer to.mu.Unlock()
	return !lost && !down && !to.down && to.part == part
}

func (f *fabric) byID(id crypto.NodeID) *fabricNode {
	i := slices.IndexFunc(f.nodes, func(m *fabricNode) bool { return m.id == id })
	if i < 0 {
		return nil
	}
	return f.nodes[i]
}

// nearest sorts all nodes but one by their distance to a key.
func (f *fabric) nearest(key crypto.OpaqueRecordKey, but *fabricNode) []*fabricNode {
	list := slices.DeleteFunc(slices.Clone(f.nodes), func(m *fabricNode) bool { return m == but })
	slices.SortFunc(list, func(a, b *fabricNode) int {
		x, _ := a.id.Distance(key.Coordinate())
		y, _ := b.id.Distance(key.Coordinate())
		return x.Compare(y)
	})
	return list
}

// Closer implements Nearby.
func (m *fabricNode) Closer(key crypto.OpaqueRecordKey, n int, _ time.Time) (peers []*wire.PeerInfo, ok bool) {
	ours, _ := m.id.Distance(key.Coordinate())
	for _, o := range m.f.nearest(key, m) {
		if d, _ := o.id.Distance(key.Coordinate()); d.Less(ours) && len(peers) < n {
			peers = append(peers, o.info)
		}
	}
	return peers, true
}

// SendValueChanged implements Notifier.
func (m *fabricNode) SendValueChanged(ctx context.Context, way rpc.Destination, c *wire.ValueChanged) error {
	to := m.f.byID(way.Entry().BestID())
	if !m.f.travel(ctx, m, to) {
		return rpc.ErrNoConnection
	}
	if _, client := to.parts(); client != nil {
		return client.ValueChanged(ctx, c, m.id)
	}
	return nil
}

// Ready and what follows implement Nodes.
func (m *fabricNode) Ready() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ready
}

func (m *fabricNode) Nearest(key crypto.OpaqueRecordKey, initial bool) []*routing.Entry {
	var list []*routing.Entry
	for i, o := range m.f.nearest(key, m) {
		// Nobody knows all: every third node is found by asking others.
		if (i+m.n)%3 != 0 || initial || len(m.f.nodes) < 16 {
			list = append(list, o.entry)
		}
	}
	return list[:min(len(list), 20)]
}

func (m *fabricNode) Find(id crypto.NodeID) *routing.Entry {
	if o := m.f.byID(id); o != nil {
		return o.entry
	}
	return nil
}

func (m *fabricNode) Register(peers []*wire.PeerInfo) []*routing.Entry {
	var list []*routing.Entry
	for _, p := range peers {
		if o := m.f.byID(p.NodeIDs[0]); o != nil && o != m {
			list = append(list, o.entry)
		}
	}
	return list
}

// PinRoute gives every node a route of its own.
func (m *fabricNode) PinRoute(_ context.Context, to *routing.Entry, s route.SafetySelection) (route.SafetySelection, error) {
	spec, safe := s.Spec()
	if !safe {
		return s, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.routes == nil {
		m.routes = make(map[crypto.RouteID]bool)
	}
	m.pinned++
	spec.Preferred = crypto.RouteID{Kind: crypto.KindVLD0, Value: [32]byte{byte(m.pinned), byte(m.pinned >> 8), byte(m.n)}}
	m.routes[spec.Preferred] = true
	return route.Safe(spec), nil
}

func (m *fabricNode) RouteAlive(id crypto.RouteID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.routes[id]
}

func (m *fabricNode) LostRouted(*routing.Entry) bool { return false }

func (m *fabricNode) Faulty(*routing.Entry, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faulty++
}

// overWire is an operation as the other side decodes it.
func overWire(body wire.Body) (wire.Body, error) {
	data, err := wire.EncodeOperation(&wire.Operation{Body: body})
	if err != nil {
		return nil, err
	}
	op, err := testDecoder.DecodeOperation(data)
	if err != nil {
		return nil, err
	}
	return op.Body, nil
}

func (m *fabricNode) Ask(ctx context.Context, q Question) (Reply, error) {
	f, to := m.f, m.f.byID(q.To.BestID())
	m.mu.Lock()
	m.last = append(m.last, q)
	fault := m.fault
	m.mu.Unlock()
	if fault != nil {
		return Reply{}, fault
	}
	began := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, 5*time.Second, rpc.ErrTimeout)
	defer cancel()
	lost := func() (Reply, error) {
		<-ctx.Done()
		return Reply{}, context.Cause(ctx)
	}
	sent, err := overWire(&wire.Question{Detail: q.Detail})
	if err != nil {
		f.t.Errorf("question %+v: %v", q.Detail, err)
		return Reply{}, err
	}
	if !f.travel(ctx, m, to) {
		return lost()
	}
	server, _ := to.parts()
	if server == nil {
		return Reply{}, rpc.ErrNoConnection
	}
	asked := rpc.RecordQuestion{Detail: sent.(*wire.Question).Detail, Asker: m.entry, Back: rpc.Node(m.entry, wire.PreferOrdered)}
	if q.Signer != nil {
		key := q.Signer.PublicKey()
		asked.Signer = &key
	}
	a, err := server.AnswerAt(ctx, asked, time.Now())
	if err != nil || !f.travel(ctx, to, m) {
		return lost()
	}
	back, err := overWire(&wire.Answer{Detail: a})
	if err != nil {
		f.t.Errorf("answer %+v: %v", a, err)
		return Reply{}, rpc.ErrInvalidAnswer
	}
	detail := back.(*wire.Answer).Detail
	if err := wire.CheckAnswer(q.Detail, detail); err != nil {
		f.t.Errorf("answer %+v to %+v: %v", detail, q.Detail, err)
		return Reply{}, errors.Join(rpc.ErrInvalidAnswer, err)
	}
	return Reply{detail, time.Since(began)}, nil
}

// seqsAt lists what the nodes store of a subkey, nearest first.
func (f *fabric) seqsAt(key crypto.OpaqueRecordKey, subkey uint32) []uint32 {
	var list []uint32
	for _, m := range f.nearest(key, nil) {
		list = append(list, m.server.cfg.Store.Seq(key, subkey))
	}
	return list
}

func holding(seqs []uint32, seq uint32) int {
	n := 0
	for _, s := range seqs {
		if s == seq {
			n++
		}
	}
	return n
}

var plainSafety = route.Unsafe(wire.PreferOrdered)

func textOf(v *Value) string {
	if v == nil {
		return "none"
	}
	return string(v.Data)
}

func rangesText(r []wire.SubkeyRange) [][2]uint32 {
	list := [][2]uint32{}
	for _, r := range r {
		list = append(list, [2]uint32{r.Start, r.End})
	}
	slices.SortFunc(list, func(a, b [2]uint32) int { return cmp.Compare(a[0], b[0]) })
	return list
}
