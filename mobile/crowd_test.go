//go:build linux && !race

package mobile

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/envelope"
	"github.com/voile-net/voile/core/transport/fragment"
	"github.com/voile-net/voile/core/wire"
)

// crowd is many peers of a private network that are alive and nothing more: each has
// an identity and an address of its own on loopback, asks a node for its status every
// now and then, and answers what it is asked. They carry nothing for others.
type crowd struct {
	t      testing.TB
	crypto *crypto.Crypto
	codec  *envelope.Codec
	clock  *crypto.Clock
	peers  []*crowdPeer
	done   context.CancelFunc
	parts  sync.WaitGroup

	asked, answered, heard atomic.Uint64
}

type crowdPeer struct {
	id   *envelope.Identity
	pair crypto.KeyPair
	info *wire.PeerInfo
	conn *net.UDPConn
}

// newCrowd makes peers. password is that of the network key.
func newCrowd(t testing.TB, size int, password string) *crowd {
	t.Helper()
	c, err := crypto.New(crypto.Config{})
	if err != nil {
		t.Fatal(err)
	}
	key, err := envelope.DeriveNetworkKey(c.Best(), password)
	if err != nil {
		t.Fatal(err)
	}
	w := &crowd{t: t, crypto: c, codec: envelope.NewCodec(c, key), clock: crypto.NewClock()}
	t.Cleanup(w.close)
	for i := range size {
		p := &crowdPeer{}
		if p.pair, err = c.Best().GenerateKeyPair(); err != nil {
			t.Fatal(err)
		}
		if p.id, err = envelope.NewIdentity(c, p.pair); err != nil {
			t.Fatal(err)
		}
		// 127.64.0.1 and so on: a block of addresses for each, as in a real network.
		at := &net.UDPAddr{IP: net.IPv4(127, byte(64+i>>8), byte(i), 1)}
		if p.conn, err = net.ListenUDP("udp4", at); err != nil {
			t.Fatal(err)
		}
		p.info = w.describe(p)
		w.peers = append(w.peers, p)
	}
	return w
}

// describe makes the signed description of a peer.
func (w *crowd) describe(p *crowdPeer) *wire.PeerInfo {
	w.t.Helper()
	local := netip.MustParseAddrPort(p.conn.LocalAddr().String())
	info := wire.NodeInfo{
		Timestamp: w.clock.Now(), EnvelopeSupport: []wire.EnvelopeVersion{wire.ENV0}, PublicKeys: []crypto.PublicKey{p.pair.Public},
		Capabilities: []wire.Capability{wire.CapAPPM, wire.CapSGNL}, OutboundProtocols: wire.AllProtocols, AddressTypes: wire.AllAddresses,
		DialInfo: []wire.DialInfoDetail{{Class: wire.ClassDirect, DialInfo: wire.DialInfo{Protocol: wire.UDP, Addr: local}}},
	}
	info.Sort(w.crypto.Kinds())
	described := &wire.PeerInfo{Domain: wire.PublicInternet, NodeIDs: []crypto.NodeID{p.id.NodeID()}, Info: info}
	var err error
	if described.Message, err = wire.EncodeNodeInfo(&info); err != nil {
		w.t.Fatal(err)
	}
	if described.Signatures, err = w.crypto.GenerateSignatures(described.Message, []crypto.KeyPair{p.pair}); err != nil {
		w.t.Fatal(err)
	}
	return described
}

// surround makes the peers ask a node, each once per interval, until close.
func (w *crowd) surround(node crypto.NodeID, at netip.AddrPort, every time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	w.done = cancel
	for _, p := range w.peers {
		w.parts.Go(func() { w.answer(p, node) })
	}
	w.parts.Go(func() {
		t := time.NewTicker(every / time.Duration(len(w.peers)))
		defer t.Stop()
		for i := 0; ; i++ {
			select {
			case <-t.C:
			case <-ctx.Done():
				return
			}
			p := w.peers[i%len(w.peers)]
			question := &wire.Operation{OpID: uint64(i) + 1, SenderPeerInfo: p.info, Body: &wire.Question{Detail: &wire.StatusQ{NodeStatus: true}}}
			if w.send(p, node, at, question) == nil {
				w.asked.Add(1)
			}
		}
	})
}

func (w *crowd) send(p *crowdPeer, to crypto.NodeID, at netip.AddrPort, op *wire.Operation) error {
	data, err := wire.EncodeOperation(op)
	if err != nil {
		return err
	}
	body, err := wire.EncodeSignedOperation(data, nil, crypto.Signature{})
	if err != nil {
		return err
	}
	sealed, err := w.codec.Seal(nil, p.id, to, w.clock.Increasing(), body)
	if err != nil {
		return err
	}
	_, err = p.conn.WriteToUDPAddrPort(fragment.Append(nil, uint16(op.OpID), sealed, 60000), at) // loopback takes it whole
	return err
}

// answer reads what comes for a peer until its socket closes.
func (w *crowd) answer(p *crowdPeer, node crypto.NodeID) {
	b := make([]byte, 4096)
	whole := fragment.NewReassembler()
	for n := 0; ; n++ {
		size, from, err := p.conn.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		m, ok, err := whole.Add(time.Now(), from, b[:size])
		if err != nil || !ok {
			continue
		}
		env, err := w.codec.Parse(m.Data)
		if err != nil {
			continue
		}
		body, err := w.codec.Open(nil, &env, p.id)
		if err != nil {
			continue
		}
		signed, err := wire.DecodeSignedOperation(body)
		if err != nil {
			continue
		}
		op, err := wire.Decoder{Kinds: w.crypto.Kinds()}.DecodeOperation(signed.OperationData)
		if err != nil {
			continue
		}
		whole.Release(m)
		q, ok := op.Body.(*wire.Question)
		if !ok {
			w.heard.Add(1)
			continue
		}
		var detail wire.AnswerDetail
		switch q.Detail.(type) {
		case *wire.StatusQ:
			detail = &wire.StatusA{NodeStatus: true}
		case *wire.FindNodeQ:
			var some []*wire.PeerInfo
			for i := range wire.DefaultMaxPeers {
				some = append(some, w.peers[(n*wire.DefaultMaxPeers+i)%len(w.peers)].info)
			}
			detail = &wire.FindNodeA{Peers: some}
		default:
			continue
		}
		if w.send(p, env.Sender, from, &wire.Operation{OpID: op.OpID, Body: &wire.Answer{Detail: detail}}) == nil {
			w.answered.Add(1)
		}
	}
}

func (w *crowd) close() {
	if w.done != nil {
		w.done()
	}
	for _, p := range w.peers {
		p.conn.Close()
	}
	w.parts.Wait()
}

func (w *crowd) String() string {
	return fmt.Sprintf("%d peers asked %d times, heard %d answers, answered %d questions", len(w.peers), w.asked.Load(), w.heard.Load(), w.answered.Load())
}
