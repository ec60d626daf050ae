package dht

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"reflect"
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

// someNearby is a Nearby with a fixed answer.
type someNearby struct {
	peers   []*wire.PeerInfo
	foreign bool
}

func (n *someNearby) Closer(_ crypto.OpaqueRecordKey, most int, _ time.Time) ([]*wire.PeerInfo, bool) {
	return n.peers[:min(most, len(n.peers))], !n.foreign
}

func somePeers(n int) []*wire.PeerInfo {
	list := make([]*wire.PeerInfo, n)
	for i := range list {
		list[i] = &wire.PeerInfo{Message: []byte{byte(i)}, Signatures: make([]crypto.Signature, 1)}
	}
	return list
}

// notices is a Notifier that remembers.
type notices struct {
	mu   sync.Mutex
	sent []sentNotice
	fail error
	hold chan struct{} // a send waits for it; nil: it does not
}

type sentNotice struct {
	to target
	*wire.ValueChanged
}

func (n *notices) SendValueChanged(ctx context.Context, way rpc.Destination, c *wire.ValueChanged) error {
	n.mu.Lock()
	hold := n.hold
	n.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fail != nil {
		return n.fail
	}
	n.sent = append(n.sent, sentNotice{targetOf(way), c})
	return nil
}

func (n *notices) take() []sentNotice {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.sent
	n.sent = nil
	return list
}

// world is a server with all that it needs.
type world struct {
	*Server
	t       testing.TB
	sys     crypto.System
	tables  *memoryTables
	store   *Store
	nearby  *someNearby
	notices *notices
	now     time.Time
	limits  ServerLimits
}

func newWorld(t testing.TB, change func(*ServerConfig, *StoreConfig)) *world {
	t.Helper()
	c := newCrypto(t)
	w := &world{t: t, sys: c.Best(), tables: newMemoryTables(), nearby: new(someNearby), notices: new(notices), now: t0}
	cfg := ServerConfig{Crypto: c, Nearby: w.nearby, Notifier: w.notices, Limits: StockLimits()}
	sc := StoreConfig{Tables: w.tables, Kinds: c.Kinds(), CacheSubkeys: 64}
	if change != nil {
		change(&cfg, &sc)
	}
	store, err := OpenStore(t.Context(), sc)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Store, w.store, w.limits = store, store, cfg.Limits
	w.Server = NewServer(cfg)
	return w
}

// way is the n-th private route.
func way(n int) rpc.Destination {
	key := crypto.PublicKey{Kind: crypto.KindVLD0, Value: [32]byte{byte(n), byte(n >> 8), byte(n >> 16), 1}}
	return rpc.PrivateRoute(&wire.PrivateRoute{PublicKey: key}, route.Unsafe(wire.PreferOrdered))
}

// nodeWays are ways back to nodes of a routing table.
func nodeWays(t testing.TB, n int) []rpc.Destination {
	t.Helper()
	c := newCrypto(t)
	pair := newPair(t, c.Best())
	tab, err := routing.New(routing.Config{Crypto: c, Keys: []crypto.KeyPair{pair}, Rand: rand.New(rand.NewPCG(1, 2))})
	if err != nil {
		t.Fatal(err)
	}
	var list []rpc.Destination
	for i := range n {
		flow := transport.Flow{Protocol: wire.UDP, Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{45, 0, 0, byte(i)}), 5150)}
		e, err := tab.RegisterSender(crypto.NodeIDOf(newPair(t, c.Best()).Public), flow, wire.ENV0, t0)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, rpc.Node(e, wire.PreferUnordered))
	}
	return list
}

// try asks and gives what comes back.
func (w *world) try(q wire.QuestionDetail, signer *crypto.PublicKey, back rpc.Destination) (wire.AnswerDetail, error) {
	w.t.Helper()
	a, err := w.AnswerAt(w.t.Context(), rpc.RecordQuestion{Detail: q, Signer: signer, Back: back}, w.now)
	if (a == nil) != (err != nil) {
		w.t.Fatalf("%T: %v, %v", q, a, err)
	}
	return a, err
}

// ask wants an answer that the asker will take: it goes over the wire and is
// checked against the question.
func ask[A wire.AnswerDetail](w *world, q wire.QuestionDetail, signer *crypto.PublicKey, back rpc.Destination) A {
	w.t.Helper()
	a, err := w.try(q, signer, back)
	if err != nil {
		w.t.Fatalf("%T: %v", q, err)
	}
	got, ok := a.(A)
	if !ok {
		w.t.Fatalf("%T is answered by %T", q, a)
	}
	if len(w.nearby.peers) == 0 {
		data, err := wire.EncodeOperation(&wire.Operation{Body: &wire.Answer{Detail: a}})
		if err != nil {
			w.t.Fatal(err)
		}
		op, err := testDecoder.DecodeOperation(data)
		if err != nil {
			w.t.Fatalf("answer %+v: %v", a, err)
		}
		sent := op.Body.(*wire.Answer).Detail
		if err := wire.CheckAnswer(q, sent); err != nil {
			w.t.Fatalf("answer %+v: %v", a, err)
		}
		if reflect.TypeOf(sent) != reflect.TypeOf(a) {
			w.t.Fatalf("answer became %T", sent)
		}
	}
	return got
}

// set stores a value through the server.
func (w *world) set(a *author, v *wire.SignedValueData, subkey uint32, back rpc.Destination) *wire.SetValueA {
	w.t.Helper()
	return ask[*wire.SetValueA](w, &wire.SetValueQ{Key: a.d.Key, Subkey: subkey, Value: v, Descriptor: a.d.Signed, MaxPeers: 20}, nil, back)
}

func (w *world) mustSet(a *author, subkey, seq uint32, body string, back rpc.Destination) {
	w.t.Helper()
	if got := w.set(a, a.value(subkey, seq, body), subkey, back); !got.Accepted || got.NeedDescriptor || got.Value != nil {
		w.t.Fatalf("set subkey %d seq %d: %+v", subkey, seq, got)
	}
}

func (w *world) get(a *author, subkey uint32) *wire.GetValueA {
	w.t.Helper()
	return ask[*wire.GetValueA](w, &wire.GetValueQ{Key: a.d.Key, Subkey: subkey, WantDescriptor: true, MaxPeers: 20}, nil, way(0))
}

func (w *world) author(s Schema) *author {
	w.t.Helper()
	return newAuthor(w.t, w.sys, s)
}

func (w *world) signer() *crypto.PublicKey {
	w.t.Helper()
	key := newPair(w.t, w.sys).Public
	return &key
}

func (w *world) notify() []sentNotice {
	w.t.Helper()
	w.Notify(w.t.Context(), w.now)
	return w.notices.take()
}

func (w *world) tick(after time.Duration) {
	w.t.Helper()
	w.now = w.now.Add(after)
	if err := w.Tick(w.t.Context(), w.now); err != nil {
		w.t.Fatal(err)
	}
}

func question(q wire.QuestionDetail) rpc.RecordQuestion {
	return rpc.RecordQuestion{Detail: q, Back: way(0)}
}
