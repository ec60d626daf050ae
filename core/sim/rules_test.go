package sim

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/envelope"
	"github.com/voile-net/voile/core/wire"
)

// question wraps a question with respondTo sender.
func question(d wire.QuestionDetail) *wire.Operation {
	return &wire.Operation{OpID: 7, Body: &wire.Question{Detail: d}}
}

func statement(d wire.StatementDetail) *wire.Operation {
	return &wire.Operation{OpID: 8, Body: &wire.Statement{Detail: d}}
}

// A node does with each message of a stranger what spec 03 §3 and §6 say: answer,
// drop, or punish.
func TestWhatStrangersGet(t *testing.T) {
	pack := func(op *wire.Operation) []byte {
		body, err := Pack(op)
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	point := crypto.NodeID{Kind: crypto.KindVLD0, Value: [32]byte{1}}
	stub := &wire.PrivateRoute{PublicKey: crypto.PublicKeyOf(point), FirstHop: &wire.RouteHop{NodeID: point}}
	type outcome int
	const (
		answered outcome = iota
		dropped
		punished
	)
	for _, tt := range []struct {
		name    string
		body    []byte
		want    outcome
		without []string // capabilities that the node does not have
	}{
		{"status", pack(question(&wire.StatusQ{NodeStatus: true})), answered, nil},
		{"find node", pack(question(&wire.FindNodeQ{NodeID: point, MaxPeers: 20})), answered, nil},
		{"find node with a route for the answer", pack(&wire.Operation{OpID: 7, Body: &wire.Question{RespondTo: stub, Detail: &wire.FindNodeQ{NodeID: point}}}), dropped, nil},
		{"application call, directly", pack(question(&wire.AppCallQ{Message: []byte("x")})), dropped, nil},
		{"application message, directly", pack(statement(&wire.AppMessage{Message: []byte("x")})), dropped, nil},
		{"record, of a node without DHTV", pack(question(&wire.GetValueQ{Key: crypto.OpaqueRecordKey(point)})), dropped, []string{"DHTV"}},
		{"record", pack(question(&wire.GetValueQ{Key: crypto.OpaqueRecordKey(point)})), answered, nil},
		{"answer that nobody waits for", pack(&wire.Operation{OpID: 9, Body: &wire.Answer{Detail: &wire.StatusA{}}}), dropped, nil},
		{"unknown receipt", pack(statement(&wire.ReturnReceipt{Receipt: make([]byte, 130)})), dropped, nil},
		{"cut off", pack(question(&wire.StatusQ{}))[:20], punished, nil},
		{"no message at all", []byte("hello, world"), punished, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net := New(3)
				defer net.Memory.Close()
				nodes := start(t, net, 5, func(_ int, c *config.Config) { c.Capabilities.Disable = tt.without })
				defer closeAll(t, nodes)
				p, err := net.NewPeer(50)
				if err != nil {
					t.Fatal(err)
				}
				defer p.Close()
				id, _, err := p.Identity()
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				if err := p.Send(ctx, id, nodes[0].ID(), 1, wire.TCP, tt.body); err != nil {
					t.Fatal(err)
				}
				short, done := context.WithTimeout(ctx, 3*time.Second)
				defer done()
				_, err = p.Wait(short, id, func(op *wire.Operation) bool {
					_, ok := op.Body.(*wire.Answer)
					return ok && op.OpID == 7
				})
				if got := err == nil; got != (tt.want == answered) {
					t.Errorf("answered %v: %v", got, err)
				}
				list, err := nodes[0].Debug(ctx, "punish list")
				if err != nil {
					t.Fatal(err)
				}
				if got := strings.Contains(list, id.NodeID().String()); got != (tt.want == punished) {
					t.Errorf("punished %v, want %v\n%s", got, tt.want == punished, list)
				}
			})
		})
	}
}

// The peer info that comes with a message has to be its sender's own, and signed.
func TestSenderPeerInfo(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*wire.PeerInfo, crypto.KeyPair, crypto.KeyPair)
		reason string // of the punishment; empty: none
	}{
		{"own", func(*wire.PeerInfo, crypto.KeyPair, crypto.KeyPair) {}, ""},
		{"somebody else's", func(p *wire.PeerInfo, _, other crypto.KeyPair) {
			p.Info.PublicKeys = []crypto.PublicKey{other.Public}
		}, "WrongSenderPeerInfo"},
		{"signature of another key", func(p *wire.PeerInfo, _, _ crypto.KeyPair) {
			p.Signatures = nil
		}, "FailedToRegisterSenderPeerInfo"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net := New(4)
				defer net.Memory.Close()
				nodes := start(t, net, 5, nil)
				defer closeAll(t, nodes)
				p, err := net.NewPeer(50)
				if err != nil {
					t.Fatal(err)
				}
				defer p.Close()
				id, pair, err := p.Identity()
				if err != nil {
					t.Fatal(err)
				}
				_, other, err := p.Identity()
				if err != nil {
					t.Fatal(err)
				}
				info := describe(50, pair.Public)
				info.Signatures = []crypto.Signature{{}} // to be made
				tt.change(info, pair, other)
				seal(t, p, info, pair, other)
				op := question(&wire.StatusQ{NodeStatus: true})
				op.SenderPeerInfo = info
				body, err := Pack(op)
				if err != nil {
					t.Fatal(err)
				}
				if err := p.Send(t.Context(), id, nodes[0].ID(), 1, wire.TCP, body); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				list, err := nodes[0].Debug(t.Context(), "punish list")
				if err != nil {
					t.Fatal(err)
				}
				if tt.reason == "" {
					if strings.Contains(list, id.NodeID().String()) {
						t.Errorf("punished:\n%s", list)
					}
					return
				}
				if !strings.Contains(list, id.NodeID().String()+": "+tt.reason) {
					t.Errorf("not punished for %s:\n%s", tt.reason, list)
				}
			})
		})
	}
}

// describe makes the description of a node at host i.
func describe(i int, key crypto.PublicKey) *wire.PeerInfo {
	return &wire.PeerInfo{
		Domain: wire.PublicInternet, NodeIDs: []crypto.NodeID{crypto.NodeIDOf(key)},
		Info: wire.NodeInfo{
			Timestamp: crypto.FromTime(time.Now()), EnvelopeSupport: []wire.EnvelopeVersion{wire.ENV0},
			PublicKeys: []crypto.PublicKey{key}, OutboundProtocols: wire.AllProtocols, AddressTypes: wire.AllAddresses,
			DialInfo: []wire.DialInfoDetail{{Class: wire.ClassDirect, DialInfo: wire.DialInfo{
				Protocol: wire.TCP, Addr: addrPort(i),
			}}},
		},
	}
}

// seal encodes and signs a description: by its own key, or if it asks for no
// signature of its own, by another.
func seal(t *testing.T, p *Peer, info *wire.PeerInfo, own, other crypto.KeyPair) {
	t.Helper()
	var err error
	if info.Message, err = wire.EncodeNodeInfo(&info.Info); err != nil {
		t.Fatal(err)
	}
	signer := own
	if len(info.Signatures) == 0 || info.Info.PublicKeys[0] == other.Public {
		signer = other
	}
	signature, err := p.Crypto.Best().Sign(signer, info.Message)
	if err != nil {
		t.Fatal(err)
	}
	info.Signatures = []crypto.Signature{signature}
}

// An envelope that does not verify costs its address an hour.
func TestBadEnvelopePunishesTheAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := New(5)
		defer net.Memory.Close()
		nodes := start(t, net, 5, nil)
		defer closeAll(t, nodes)
		p, err := net.NewPeer(50)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		id, _, err := p.Identity()
		if err != nil {
			t.Fatal(err)
		}
		codec := envelope.NewCodec(p.Crypto, envelope.NetworkKey{})
		msg, err := codec.Seal(nil, id, nodes[0].ID(), crypto.FromTime(time.Now()), []byte("body"))
		if err != nil {
			t.Fatal(err)
		}
		msg[len(msg)-1] ^= 1
		if err := p.SendRaw(t.Context(), 1, wire.UDP, msg); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if list, err := nodes[0].Debug(t.Context(), "punish list"); err != nil || !strings.Contains(list, IPv4(50).String()+": FailedToDecodeEnvelope") {
			t.Errorf("not punished: %v\n%s", err, list)
		}
		body, err := Pack(question(&wire.StatusQ{NodeStatus: true}))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		p.Send(ctx, id, nodes[0].ID(), 1, wire.UDP, body)
		if _, err := p.Wait(ctx, id, func(*wire.Operation) bool { return true }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a punished address was answered: %v", err)
		}
	})
}
