package sim

import (
	"context"
	"fmt"
	"net/netip"
	"sync"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/envelope"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/transport/memory"
	"github.com/voile-net/voile/core/wire"
)

// Peer is no node but a hand on the wire: it seals whatever it is told to, under
// any identity, and keeps what comes back. For tests of what a node does with
// messages that no node would send.
type Peer struct {
	Crypto *crypto.Crypto
	Host   *memory.Host
	stack  *transport.Stack
	codec  *envelope.Codec
	clock  *crypto.Clock

	mu       sync.Mutex
	ids      map[crypto.NodeID]*envelope.Identity
	received []Received
	arrived  chan struct{} // has a value after a message
}

// Received is an envelope that was sealed for one of the peer's identities.
type Received struct {
	From, To  crypto.NodeID
	Operation *wire.Operation
	Flow      transport.Flow
}

// NewPeer adds a host with a peer on it. Close ends it.
func (n *Net) NewPeer(i int) (*Peer, error) {
	host, err := n.Memory.Host(memory.HostConfig{Addrs: []netip.Addr{IPv4(i), IPv6(i)}})
	if err != nil {
		return nil, err
	}
	c, err := crypto.New(crypto.Config{})
	if err != nil {
		return nil, err
	}
	p := &Peer{
		Crypto: c, Host: host, codec: envelope.NewCodec(c, envelope.NetworkKey{}), clock: crypto.NewClock(),
		ids: map[crypto.NodeID]*envelope.Identity{}, arrived: make(chan struct{}, 1),
	}
	if p.stack, err = transport.New(transport.Config{Host: host, Handler: p, MaxConnections: 512}); err != nil {
		return nil, err
	}
	port := []netip.AddrPort{netip.AddrPortFrom(IPv4(i), 5150)}
	on := transport.Listen{Enabled: true, Addrs: port}
	return p, p.stack.Listen(context.Background(), transport.ListenConfig{UDP: on, TCP: on, WS: on})
}

// Close ends the peer.
func (p *Peer) Close() { p.stack.Close() }

// Identity makes an identity.
func (p *Peer) Identity() (*envelope.Identity, crypto.KeyPair, error) {
	pair, err := p.Crypto.Best().GenerateKeyPair()
	if err != nil {
		return nil, pair, err
	}
	id, err := envelope.NewIdentity(p.Crypto, pair)
	if err != nil {
		return nil, pair, err
	}
	p.mu.Lock()
	p.ids[id.NodeID()] = id
	p.mu.Unlock()
	return id, pair, nil
}

// Forget drops an identity: what is sealed for it is not opened any more.
func (p *Peer) Forget(id *envelope.Identity) {
	p.mu.Lock()
	delete(p.ids, id.NodeID())
	p.mu.Unlock()
}

// Send seals a body and sends it to host i, over TCP or UDP.
func (p *Peer) Send(ctx context.Context, from *envelope.Identity, to crypto.NodeID, i int, protocol wire.ProtocolType, body []byte) error {
	msg, err := p.codec.Seal(nil, from, to, p.clock.Increasing(), body)
	if err != nil {
		return err
	}
	return p.SendRaw(ctx, i, protocol, msg)
}

// SendRaw sends bytes as they are.
func (p *Peer) SendRaw(ctx context.Context, i int, protocol wire.ProtocolType, msg []byte) error {
	di := wire.DialInfo{Protocol: protocol, Addr: netip.AddrPortFrom(IPv4(i), 5150)}
	_, err := p.stack.SendDialInfo(ctx, di, msg, transport.SendOptions{})
	return err
}

// Pack encodes an operation as the body of an envelope.
func Pack(op *wire.Operation) ([]byte, error) {
	data, err := wire.EncodeOperation(op)
	if err != nil {
		return nil, err
	}
	return wire.EncodeSignedOperation(data, nil, crypto.Signature{})
}

// PackSigned encodes an operation that is signed for its receiver.
func PackSigned(op *wire.Operation, sys crypto.System, signer crypto.KeyPair, to crypto.PublicKey) ([]byte, error) {
	data, err := wire.EncodeOperation(op)
	if err != nil {
		return nil, err
	}
	sig, err := sys.Sign(signer, wire.OperationSigningInput(nil, to, data))
	if err != nil {
		return nil, err
	}
	return wire.EncodeSignedOperation(data, &signer.Public, sig)
}

// HandleMessage implements transport.Handler.
func (p *Peer) HandleMessage(m transport.Message) {
	env, err := p.codec.Parse(m.Data)
	if err != nil {
		return
	}
	p.mu.Lock()
	to := p.ids[env.Recipient]
	p.mu.Unlock()
	if to == nil {
		return
	}
	body, err := p.codec.Open(nil, &env, to)
	if err != nil {
		return
	}
	signed, err := wire.DecodeSignedOperation(body)
	if err != nil {
		return
	}
	op, err := wire.Decoder{Kinds: p.Crypto.Kinds()}.DecodeOperation(signed.OperationData)
	if err != nil {
		return
	}
	p.mu.Lock()
	p.received = append(p.received, Received{env.Sender, env.Recipient, op, m.Flow})
	p.mu.Unlock()
	select {
	case p.arrived <- struct{}{}:
	default:
	}
}

// HandleConnClosed implements transport.Handler.
func (p *Peer) HandleConnClosed(transport.ConnClosed) {}

// Wait returns the first message for an identity that satisfies want, which it
// takes out, or the error of ctx.
func (p *Peer) Wait(ctx context.Context, id *envelope.Identity, want func(*wire.Operation) bool) (Received, error) {
	for {
		p.mu.Lock()
		for i, r := range p.received {
			if r.To == id.NodeID() && want(r.Operation) {
				p.received = append(p.received[:i:i], p.received[i+1:]...)
				p.mu.Unlock()
				return r, nil
			}
		}
		p.mu.Unlock()
		select {
		case <-p.arrived:
		case <-ctx.Done():
			return Received{}, fmt.Errorf("no such message: %w", ctx.Err())
		}
	}
}
