package network

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/envelope"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// FuzzReceive hands damaged messages to a manager: nothing panics, the message
// stays as it is, and nothing gets through but what was sealed.
func FuzzReceive(f *testing.F) {
	vectors := loadVectors(f, "envelopes.json").Vectors
	for _, v := range vectors {
		f.Add(unhex(f, v.Hex))
	}
	for _, v := range loadVectors(f, "receipts.json").Vectors {
		f.Add(unhex(f, v.Hex))
	}
	for _, s := range []string{"", "B", "BOOT", "B01T", "RCP0", "ENV0", "ENV0VLD0"} {
		f.Add([]byte(s))
	}
	seed := unhex(f, vectors[0].RecipientSeed)
	good := map[string]bool{}
	for _, v := range vectors {
		good[v.Body] = true
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		before := bytes.Clone(msg)
		var bodies []string
		m := managerOf(t, seed, handlerFunc(func(in *Inbound) bool {
			bodies = append(bodies, string(unhexed(in.Body)))
			in.Release()
			return true
		}))
		m.HandleMessage(transport.Message{Flow: udpFrom("44.81.0.99:1"), Data: msg})
		if !bytes.Equal(msg, before) {
			t.Fatal("the message was changed")
		}
		for _, b := range bodies {
			if !good[b] {
				t.Fatalf("a forged body came through: %s", b)
			}
		}
	})
}

func unhexed(b []byte) []byte {
	const digits = "0123456789abcdef"
	out := make([]byte, 0, 2*len(b))
	for _, c := range b {
		out = append(out, digits[c>>4], digits[c&15])
	}
	return out
}

// benchPeer is a second identity that seals for the manager of a benchmark.
func benchPeer(b *testing.B, first byte) (*envelope.Codec, *envelope.Identity) {
	b.Helper()
	c, err := crypto.New(crypto.Config{})
	if err != nil {
		b.Fatal(err)
	}
	pair, err := fixedPair(bytes.Repeat([]byte{first}, 32))
	if err != nil {
		b.Fatal(err)
	}
	identity, err := envelope.NewIdentity(c, pair)
	if err != nil {
		b.Fatal(err)
	}
	return envelope.NewCodec(c, envelope.NetworkKey{}), identity
}

// messages seals n envelopes of 1 KiB.
func messages(b *testing.B, n int, to crypto.NodeID) [][]byte {
	b.Helper()
	codec, from := benchPeer(b, 9)
	body := make([]byte, 1024)
	clock := crypto.NewClock()
	out := make([][]byte, n)
	for i := range out {
		var err error
		if out[i], err = codec.Seal(nil, from, to, clock.Increasing(), body); err != nil {
			b.Fatal(err)
		}
	}
	return out
}

// BenchmarkReceive is the way of a 1 KiB envelope from the transport to the
// handler.
func BenchmarkReceive(b *testing.B) {
	n := 0
	m := managerOf(b, bytes.Repeat([]byte{1}, 32), handlerFunc(func(in *Inbound) bool {
		n++
		in.Release()
		return true
	}))
	msgs := messages(b, b.N, m.cfg.Identity[0].NodeID())
	flow := udpFrom("44.81.0.99:1")
	b.ReportAllocs()
	b.SetBytes(1024)
	b.ResetTimer()
	for _, msg := range msgs {
		m.HandleMessage(transport.Message{Flow: flow, Data: msg})
	}
	if n != b.N {
		b.Fatalf("%d of %d arrived", n, b.N)
	}
}

// sinkStack counts what it is given.
type sinkStack struct {
	fakeStack
	sent chan struct{}
}

func (s *sinkStack) SendFlow(context.Context, transport.Flow, []byte, int) error {
	s.sent <- struct{}{}
	return nil
}

func (s *sinkStack) Alive(transport.Flow) bool { return true }

// BenchmarkRelay is the way of a 1 KiB envelope for somebody else, to the
// transport again.
func BenchmarkRelay(b *testing.B) {
	m := managerOf(b, bytes.Repeat([]byte{1}, 32), handlerFunc(func(*Inbound) bool { return false }))
	cfg := m.cfg
	cfg.RelayEnabled = true
	m, err := New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	sink := &sinkStack{sent: make(chan struct{}, 1024)}
	m.SetStack(sink)
	_, target := benchPeer(b, 8)
	flow := udpFrom("44.81.0.98:1")
	flow.Protocol = wire.TCP // alive as long as the stack says so
	if _, err := m.table.RegisterSender(target.NodeID(), flow, wire.ENV0, time.Now()); err != nil {
		b.Fatal(err)
	}
	msgs := messages(b, b.N, target.NodeID())
	b.ReportAllocs()
	b.SetBytes(1024)
	b.ResetTimer()
	for _, msg := range msgs {
		m.HandleMessage(transport.Message{Flow: udpFrom("44.81.0.99:1"), Data: msg})
		<-sink.sent
	}
}

// BenchmarkSend is the way of a 1 KiB body to a node with a live connection.
func BenchmarkSend(b *testing.B) {
	m := managerOf(b, bytes.Repeat([]byte{1}, 32), handlerFunc(func(*Inbound) bool { return false }))
	m.SetStack(&sinkStack{sent: make(chan struct{}, 1<<20)})
	peer := managerOf(b, bytes.Repeat([]byte{2}, 32), handlerFunc(func(*Inbound) bool { return false }))
	p := &wire.PeerInfo{Domain: wire.PublicInternet, NodeIDs: peer.table.NodeIDs()}
	p.Info = wire.NodeInfo{
		PublicKeys: []crypto.PublicKey{crypto.PublicKeyOf(p.NodeIDs[0])}, EnvelopeSupport: []wire.EnvelopeVersion{wire.ENV0},
		OutboundProtocols: wire.AllProtocols, AddressTypes: wire.AllAddresses,
		DialInfo: []wire.DialInfoDetail{did(direct, wire.UDP, "44.81.0.98:1"), did(direct, wire.TCP, "44.81.0.98:1")},
	}
	own := m.table.Own(wire.PublicInternet)
	own.SetStarted(true)
	own.SetSetup(routing.Setup{Outbound: wire.AllProtocols, Families: wire.AllAddresses})
	e, err := m.table.RegisterPeer(p, routing.RegisterOptions{AllowUnsigned: true}, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	flow := udpFrom("44.81.0.98:1")
	flow.Protocol = wire.TCP
	e.RecordFlow(flow, time.Now())
	body := make([]byte, 1024)
	b.ReportAllocs()
	b.SetBytes(1024)
	for b.Loop() {
		if _, err := m.Send(context.Background(), Request{Target: e, Body: body, Sequencing: wire.EnsureOrdered}); err != nil {
			b.Fatal(err)
		}
	}
}
