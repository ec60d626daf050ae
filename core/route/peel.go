package route

import (
	"fmt"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// maxSignatures bounds the hops of a private route: each but the last adds one
// (spec 05 §8, §22).
const maxSignatures = 3

// Action is what to do with a Route statement: a *Forward or an *Arrived.
type Action interface{ action() }

// Forward is a message to pass on: as a new, unsigned statement with a new
// operation id, in a direct envelope, in PublicInternet only and with the sequencing
// of the operation (spec 05 §7).
type Forward struct {
	// Next is the node to send to, named by an id that the routing table must know
	// or by peer info that must be registered, which checks its signature. If that
	// fails the message is dropped and nobody punished. Its field Next is nil.
	Next  wire.RouteHop
	Route wire.Route // shares the bytes of the message that was peeled
}

// Arrived is a message that has reached us.
type Arrived struct {
	Arrival
	Payload []byte // packed SignedOperation
}

func (*Forward) action() {}
func (*Arrived) action() {}

// Path says how a message arrived.
type Path uint8

const (
	Direct        Path = iota // in an envelope of its sender
	SafetyRouted              // over a safety route to our node
	PrivateRouted             // over our private route
)

// String names the path as log lines do.
func (p Path) String() string {
	switch p {
	case Direct:
		return "direct"
	case SafetyRouted:
		return "safety"
	}
	return "private"
}

// Arrival is what is known of the way of a message (spec 05 §7).
type Arrival struct {
	Path       Path
	SafetyKey  crypto.PublicKey // of the sender's safety route, or the sender's node key for a stub; zero: Direct
	RouteKey   crypto.PublicKey // of our private route; SafetyRouted: our node key; zero: Direct
	Sequencing wire.Sequencing  // of the routed operation

	// Reply is the safety spec of an answer. PrivateRouted only; Preferred is the
	// id of the route that the message came over.
	Reply SafetySpec
}

// OwnRoute is what must be known of an allocated route to receive over it.
type OwnRoute struct {
	ID        crypto.RouteID
	Secret    crypto.SecretKey
	Hops      []crypto.NodeID // of the kind of the route's key, the one next to us first; not to be changed
	Stability Stability
}

// OwnRoutes finds allocated routes by their public keys; the Store is one.
type OwnRoutes interface {
	OwnRoute(key crypto.PublicKey) (OwnRoute, bool)
}

// Peel opens the layer of a Route statement that is meant for this node and says
// what comes next (spec 05 §7). The statement must have come in a direct envelope
// from sender, while our peer info is published in its domain; a route never comes
// over a route. canRoute says that our published peer info promises ROUT; without
// it only messages that end here are taken. own may be nil: no routes.
//
// r is not changed. Errors are [ErrInvalid] and [ErrUnavailable].
func (o *Onion) Peel(r *wire.Route, sender crypto.NodeID, canRoute bool, own OwnRoutes) (Action, error) {
	sr := &r.SafetyRoute
	if !o.crypto.Kinds().Contains(sr.PublicKey.Kind) {
		return nil, fmt.Errorf("%w: safety route of kind %s", ErrInvalid, sr.PublicKey.Kind)
	}
	pr := sr.Private
	arrives := sr.Data == nil && pr != nil && pr.FirstHop == nil && pr.Data == nil
	switch {
	case arrives:
		return o.arrive(r, pr.PublicKey, sender, own)
	case !canRoute:
		return nil, fmt.Errorf("%w: not a hop of routes", ErrUnavailable)
	case sr.Data != nil:
		return o.peelSafety(r)
	case pr == nil:
		return nil, fmt.Errorf("%w: safety route without hops", ErrInvalid)
	case pr.FirstHop != nil:
		return o.enterPrivate(r, pr)
	}
	return o.peelPrivate(r, pr.PublicKey, pr.Data)
}

// peelSafety is a hop of the safety route.
func (o *Onion) peelSafety(r *wire.Route) (Action, error) {
	sr := &r.SafetyRoute
	plain, err := o.open(sr.PublicKey, sr.Data)
	if err != nil {
		return nil, err
	}
	layer, err := o.decoder.DecodeSafetyLayer(plain)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: safety layer: %w", ErrInvalid, err)
	case layer.Route != nil:
		return o.enterPrivate(r, layer.Route)
	case layer.Hop == nil || layer.Hop.Next == nil:
		return nil, fmt.Errorf("%w: safety hop that leads nowhere", ErrInvalid)
	}
	return forward(r, *layer.Hop, r.Operation.Signatures,
		wire.SafetyRoute{PublicKey: sr.PublicKey, Data: layer.Hop.Next})
}

// enterPrivate is the last hop of the safety route, or the node that an unhidden
// sender was told of: it sends to the first hop of the private route. If both
// routes are one, that hop is itself, and the message turns around (spec 05 §11).
func (o *Onion) enterPrivate(r *wire.Route, pr *wire.PrivateRoute) (Action, error) {
	first, rest, err := popFirstHop(pr)
	if err != nil {
		return nil, err
	}
	if r.SafetyRoute.PublicKey == pr.PublicKey {
		if rest.Data == nil {
			return nil, fmt.Errorf("%w: loopback to a stub", ErrInvalid)
		}
		return o.peelPrivate(r, pr.PublicKey, rest.Data)
	}
	return forward(r, first, r.Operation.Signatures,
		wire.SafetyRoute{PublicKey: r.SafetyRoute.PublicKey, Private: rest})
}

// peelPrivate is a hop of the private route. All but the one next to the owner sign
// what they pass on (spec 05 §8).
func (o *Onion) peelPrivate(r *wire.Route, key crypto.PublicKey, data *wire.RouteHopData) (Action, error) {
	plain, err := o.open(key, data)
	if err != nil {
		return nil, err
	}
	hop, err := o.decoder.DecodeRouteHop(plain)
	if err != nil {
		return nil, fmt.Errorf("%w: private route layer: %w", ErrInvalid, err)
	}
	signatures := r.Operation.Signatures
	if hop.Next != nil {
		if len(signatures) >= maxSignatures {
			return nil, fmt.Errorf("%w: private route of more than %d hops", ErrInvalid, maxSignatures+1)
		}
		signed := make([]crypto.Signature, len(signatures), len(signatures)+1)
		copy(signed, signatures)
		signatures = append(signed, o.signers[o.keyIndex(key.Kind)].Sign(r.Operation.Data))
	}
	return forward(r, *hop, signatures, wire.SafetyRoute{
		PublicKey: r.SafetyRoute.PublicKey,
		Private:   &wire.PrivateRoute{PublicKey: key, Data: hop.Next},
	})
}

// forward addresses a message to the node of a hop.
func forward(r *wire.Route, hop wire.RouteHop, signatures []crypto.Signature, sr wire.SafetyRoute) (Action, error) {
	// A peer info without an id of the route's kind aborts the reference (spec 05 §20).
	if _, ok := HopID(&hop, sr.PublicKey.Kind); !ok {
		return nil, fmt.Errorf("%w: next hop has no %s node id", ErrInvalid, sr.PublicKey.Kind)
	}
	hop.Next = nil
	op := r.Operation
	op.Signatures = signatures
	return &Forward{Next: hop, Route: wire.Route{SafetyRoute: sr, Operation: op}}, nil
}

// open decrypts a layer that was sealed for our node with the key of a route.
func (o *Onion) open(route crypto.PublicKey, layer *wire.RouteHopData) ([]byte, error) {
	i := o.keyIndex(route.Kind)
	if i < 0 {
		return nil, fmt.Errorf("%w: route of kind %s", ErrInvalid, route.Kind)
	}
	return o.openWith(route, o.keys[i].Secret, layer.Nonce, layer.Blob)
}

func (o *Onion) openWith(public crypto.PublicKey, secret crypto.SecretKey, nonce crypto.Nonce, sealed []byte) ([]byte, error) {
	sys, err := o.crypto.Get(public.Kind)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	key, err := o.crypto.CachedDH(public, secret)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	defer key.Zero()
	plain, err := sys.OpenAEAD(make([]byte, 0, len(sealed)), key, nonce, sealed, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return plain, nil
}

// arrive ends a route here: at our node, or at one of our private routes.
func (o *Onion) arrive(r *wire.Route, key crypto.PublicKey, sender crypto.NodeID, own OwnRoutes) (Action, error) {
	op := &r.Operation
	a := &Arrived{Arrival: Arrival{
		Path:       SafetyRouted,
		SafetyKey:  r.SafetyRoute.PublicKey,
		RouteKey:   key,
		Sequencing: op.Sequencing,
	}}
	var secret crypto.SecretKey
	if o.IsNodeKey(key) {
		i := o.keyIndex(r.SafetyRoute.PublicKey.Kind)
		if i < 0 {
			return nil, fmt.Errorf("%w: no own key of kind %s", ErrInvalid, r.SafetyRoute.PublicKey.Kind)
		}
		secret = o.keys[i].Secret
	} else {
		var route OwnRoute
		ok := false
		if own != nil {
			route, ok = own.OwnRoute(key)
		}
		if !ok {
			return nil, fmt.Errorf("%w: %w", ErrInvalid, ErrUnknownRoute)
		}
		if err := o.verifyWay(op, key, sender, route.Hops); err != nil {
			return nil, err
		}
		a.Path = PrivateRouted
		a.Reply = SafetySpec{
			Preferred:  route.ID,
			HopCount:   len(route.Hops),
			Stability:  route.Stability,
			Sequencing: op.Sequencing,
		}
		secret = route.Secret
	}
	var err error
	a.Payload, err = o.openWith(r.SafetyRoute.PublicKey, secret, op.Nonce, op.Data)
	if err != nil {
		return nil, err
	}
	return a, nil
}

// verifyWay checks that every hop of our private route has had the message in its
// turn: the signatures of all but the last, and the envelope of the last
// (spec 05 §8).
func (o *Onion) verifyWay(op *wire.RoutedOperation, key crypto.PublicKey, sender crypto.NodeID, hops []crypto.NodeID) error {
	n := len(hops)
	switch {
	case sender.Kind != key.Kind:
		return fmt.Errorf("%w: sender of kind %s on a route of kind %s", ErrInvalid, sender.Kind, key.Kind)
	case len(op.Signatures) != n-1:
		return fmt.Errorf("%w: %d signatures on a route of %d hops", ErrInvalid, len(op.Signatures), n)
	case sender != hops[0]:
		return fmt.Errorf("%w: the last hop is another node", ErrInvalid)
	}
	sys, err := o.crypto.Get(key.Kind)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	for j, signature := range op.Signatures {
		ok, err := sys.Verify(crypto.PublicKeyOf(hops[n-1-j]), op.Data, signature)
		if err != nil || !ok {
			return fmt.Errorf("%w: signature %d", ErrInvalid, j)
		}
	}
	return nil
}
