package route

import (
	"fmt"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// Onion builds and opens the layers of routes for one node. It never changes after
// [NewOnion] and may be used from any goroutine.
type Onion struct {
	crypto  *crypto.Crypto
	decoder wire.Decoder
	keys    []crypto.KeyPair // node keys, one per kind
	signers []crypto.Signer  // of keys, in the same order
}

// NewOnion makes the layers of a node with these node keys, at most one per kind.
// Errors: crypto.ErrUnsupported, crypto.ErrKeyPair.
func NewOnion(c *crypto.Crypto, nodeKeys []crypto.KeyPair) (*Onion, error) {
	o := &Onion{crypto: c, decoder: wire.Decoder{Kinds: c.Kinds()}}
	for _, pair := range nodeKeys {
		sys, err := c.Get(pair.KindOf())
		if err != nil {
			return nil, fmt.Errorf("node key: %w", err)
		}
		signer, err := sys.NewSigner(pair)
		if err != nil {
			return nil, fmt.Errorf("node key: %w", err)
		}
		o.keys = append(o.keys, pair)
		o.signers = append(o.signers, signer)
	}
	return o, nil
}

// NodeKey is the public node key of a kind.
func (o *Onion) NodeKey(kind crypto.Kind) (crypto.PublicKey, bool) {
	if i := o.keyIndex(kind); i >= 0 {
		return o.keys[i].Public, true
	}
	return crypto.PublicKey{}, false
}

// IsNodeKey reports whether a public key is one of our node keys.
func (o *Onion) IsNodeKey(key crypto.PublicKey) bool {
	i := o.keyIndex(key.Kind)
	return i >= 0 && o.keys[i].Public == key
}

func (o *Onion) keyIndex(kind crypto.Kind) int {
	for i := range o.keys {
		if o.keys[i].Public.Kind == kind {
			return i
		}
	}
	return -1
}

// AssemblePrivateRoute builds the private route over hops to own (spec 05 §4).
// hops[0] is next to the owner and hops[N-1], which is always named by its full
// peer info, is where senders enter. In an optimized route the inner nodes are named
// by their ids alone, which their predecessors must know already.
func (o *Onion) AssemblePrivateRoute(hops []*wire.PeerInfo, pair crypto.KeyPair, own *wire.PeerInfo, optimized bool) (*wire.PrivateRoute, error) {
	if len(hops) == 0 {
		return nil, ErrHopCount
	}
	kind := pair.KindOf()
	hop, err := hopTo(own, kind, optimized)
	if err != nil {
		return nil, err
	}
	for i, node := range hops {
		plain, err := wire.EncodeRouteHop(&hop) // no tag byte
		if err != nil {
			return nil, fmt.Errorf("hop %d of a private route: %w", i, err)
		}
		next, err := o.layer(node, pair, plain)
		if err != nil {
			return nil, fmt.Errorf("hop %d of a private route: %w", i, err)
		}
		if hop, err = hopTo(node, kind, optimized && i < len(hops)-1); err != nil {
			return nil, err
		}
		hop.Next = next
	}
	return &wire.PrivateRoute{PublicKey: pair.Public, FirstHop: &hop}, nil
}

// NodeStub is the private route that stands for a node when only the sender is to
// be hidden (spec 05 §10). Its full peer info is always in it, since the last
// safety hop may not know the node.
func NodeStub(node *wire.PeerInfo, kind crypto.Kind) (*wire.PrivateRoute, error) {
	hop, err := hopTo(node, kind, false)
	if err != nil {
		return nil, err
	}
	key, ok := PublicKeyFor(node, kind)
	if !ok {
		return nil, fmt.Errorf("%w: no %s key", ErrUnreachable, kind)
	}
	return &wire.PrivateRoute{PublicKey: key, FirstHop: &hop}, nil
}

// IsStub reports whether a private route is that of a node: it names the node and
// leads no further.
func IsStub(pr *wire.PrivateRoute) bool {
	return pr.FirstHop != nil && pr.FirstHop.Next == nil
}

// CompileSafetyRoute wraps a private route, as it was received, into the layers of
// a safety route over hops, hops[0] being next to us (spec 05 §5.2). The key pair
// must be of the kind of the private route's key.
func (o *Onion) CompileSafetyRoute(hops []*wire.PeerInfo, pair crypto.KeyPair, pr *wire.PrivateRoute, optimized bool) (*wire.SafetyRoute, error) {
	if len(hops) == 0 {
		return nil, ErrHopCount
	}
	kind := pair.KindOf()
	if kind != pr.PublicKey.Kind {
		return nil, fmt.Errorf("safety route: %w", &crypto.KindError{What: "public key", Got: pr.PublicKey.Kind, Want: kind})
	}
	inner := wire.SafetyLayer{Route: pr}
	for i := len(hops) - 1; ; i-- {
		plain, err := wire.EncodeSafetyLayer(inner)
		if err != nil {
			return nil, fmt.Errorf("hop %d of a safety route: %w", i, err)
		}
		data, err := o.layer(hops[i], pair, plain)
		if err != nil {
			return nil, fmt.Errorf("hop %d of a safety route: %w", i, err)
		}
		if i == 0 {
			return &wire.SafetyRoute{PublicKey: pair.Public, Data: data}, nil
		}
		hop, err := hopTo(hops[i], kind, optimized)
		if err != nil {
			return nil, err
		}
		hop.Next = data
		inner = wire.SafetyLayer{Hop: &hop}
	}
}

// CompileStub makes the safety route of a sender that does not hide (spec 05 §5.1):
// its node key stands for the route, and the first hop of the private route is taken
// off, to be sent to. Around the stub of a node this leaves nothing, and the message
// goes straight to that node, which takes it as safety-routed.
func (o *Onion) CompileStub(pr *wire.PrivateRoute) (*wire.SafetyRoute, wire.RouteHop, error) {
	key, ok := o.NodeKey(pr.PublicKey.Kind)
	if !ok {
		return nil, wire.RouteHop{}, fmt.Errorf("%w: no own %s key", ErrUnreachable, pr.PublicKey.Kind)
	}
	first, rest, err := popFirstHop(pr)
	if err != nil {
		return nil, wire.RouteHop{}, err
	}
	return &wire.SafetyRoute{PublicKey: key, Private: rest}, first, nil
}

// Compiled is what [Onion.Seal] needs to put messages on a route.
// It is immutable: share it by pointer.
type Compiled struct {
	SafetyRoute wire.SafetyRoute
	PayloadKey  crypto.PublicKey // of the private route, or of the node behind a stub
	Secret      crypto.SecretKey // of the safety route, or of our node for a stub
	Sequencing  wire.Sequencing  // narrowed to what the safety route carries (spec 05 §5.2)

	// First is the node to send to, in PublicInternet and with Sequencing: one that
	// the routing table knows, or one to be registered, which checks its signature.
	// Next is always nil.
	First wire.RouteHop
	// DatagramsOnly: contact First over datagrams only, so that the test of a route
	// does not ride on an ordered connection that happens to exist.
	DatagramsOnly bool

	SafetyID crypto.RouteID // allocated route that is the safety route; zero: a stub
	Loopback bool           // the route leads back to us
}

// Stub reports whether there is no safety route.
func (c *Compiled) Stub() bool { return c.SafetyID.IsZero() }

// Seal wraps the packed SignedOperation of a message for its destination
// (spec 05 §6). The result shares the layers of c and must not be changed.
func (o *Onion) Seal(c *Compiled, packed []byte) (*wire.Route, error) {
	sys, err := o.crypto.Get(c.PayloadKey.Kind)
	if err != nil {
		return nil, err
	}
	key, err := o.crypto.CachedDH(c.PayloadKey, c.Secret)
	if err != nil {
		return nil, fmt.Errorf("payload key: %w", err)
	}
	defer key.Zero()
	nonce, err := sys.RandomNonce()
	if err != nil {
		return nil, err
	}
	data := make([]byte, 0, len(packed)+sys.Lengths().AEADOverhead)
	data, err = sys.SealAEAD(data, key, nonce, packed, nil)
	if err != nil {
		return nil, err
	}
	return &wire.Route{
		SafetyRoute: c.SafetyRoute,
		Operation:   wire.RoutedOperation{Sequencing: c.Sequencing, Nonce: nonce, Data: data},
	}, nil
}

// layer encrypts plain, in place if it has room, for a hop of the route with this
// key pair.
func (o *Onion) layer(hop *wire.PeerInfo, pair crypto.KeyPair, plain []byte) (*wire.RouteHopData, error) {
	public, ok := PublicKeyFor(hop, pair.KindOf())
	if !ok {
		return nil, fmt.Errorf("%w: no %s key", ErrUnreachable, pair.KindOf())
	}
	sys, err := o.crypto.Get(pair.KindOf())
	if err != nil {
		return nil, err
	}
	key, err := o.crypto.CachedDH(public, pair.Secret)
	if err != nil {
		return nil, err
	}
	defer key.Zero()
	nonce, err := sys.RandomNonce()
	if err != nil {
		return nil, err
	}
	blob, err := sys.SealAEAD(plain[:0], key, nonce, plain, nil)
	if err != nil {
		return nil, err
	}
	return &wire.RouteHopData{Nonce: nonce, Blob: blob}, nil
}

// hopTo names a node, by its id alone or by its peer info.
func hopTo(node *wire.PeerInfo, kind crypto.Kind, byID bool) (wire.RouteHop, error) {
	if node == nil {
		return wire.RouteHop{}, fmt.Errorf("%w: no peer info", ErrUnreachable)
	}
	id, ok := NodeIDFor(node, kind)
	if !ok {
		return wire.RouteHop{}, fmt.Errorf("%w: no %s node id", ErrUnreachable, kind)
	}
	if byID {
		return wire.RouteHop{NodeID: id}, nil
	}
	return wire.RouteHop{PeerInfo: node}, nil
}

// NodeIDFor is the id of a node of a kind.
func NodeIDFor(node *wire.PeerInfo, kind crypto.Kind) (crypto.NodeID, bool) {
	for _, id := range node.NodeIDs {
		if id.Kind == kind {
			return id, true
		}
	}
	return crypto.NodeID{}, false
}

// PublicKeyFor is the public key of a node of a kind.
func PublicKeyFor(node *wire.PeerInfo, kind crypto.Kind) (crypto.PublicKey, bool) {
	if node == nil {
		return crypto.PublicKey{}, false
	}
	for _, key := range node.Info.PublicKeys {
		if key.Kind == kind {
			return key, true
		}
	}
	return crypto.PublicKey{}, false
}

// HopID is the node id of a kind by which a hop is named.
func HopID(hop *wire.RouteHop, kind crypto.Kind) (crypto.NodeID, bool) {
	if hop.PeerInfo != nil {
		return NodeIDFor(hop.PeerInfo, kind)
	}
	return hop.NodeID, hop.NodeID.Kind == kind
}

// popFirstHop takes the first hop off a private route.
func popFirstHop(pr *wire.PrivateRoute) (wire.RouteHop, *wire.PrivateRoute, error) {
	if pr.FirstHop == nil {
		return wire.RouteHop{}, nil, fmt.Errorf("%w: private route without first hop", ErrInvalid)
	}
	first := *pr.FirstHop
	rest := &wire.PrivateRoute{PublicKey: pr.PublicKey, Data: first.Next}
	first.Next = nil
	return first, rest, nil
}
