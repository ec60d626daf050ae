package rpc

import (
	"context"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/network"
	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// Destination is where a message goes, and by which path (spec 03 §4.1). It is a
// value; make one with [Node], [DialInfo] or [PrivateRoute].
type Destination struct {
	node     *routing.Entry     // nil: a private route
	route    *wire.PrivateRoute // nil: a node
	dialInfo *wire.DialInfo     // nil: a contact method is chosen
	pin      *transport.Flow    // nil: not pinned
	mustPin  bool
	safety   route.SafetySelection

	protocols wire.ProtocolSet // 0: all
	addresses wire.AddressSet  // 0: both
	signer    crypto.Signer    // nil: the message is not signed
	uncounted bool             // neither loss nor success is held against the node
}

// Node is a node that learns who asks.
func Node(e *routing.Entry, s wire.Sequencing) Destination {
	return Destination{node: e, safety: route.Unsafe(s)}
}

// NodeAt is a node at exactly one dial info, which is its own or its relay's: the
// Relay destination of the protocol.
func NodeAt(e *routing.Entry, di wire.DialInfo) Destination {
	return Destination{node: e, dialInfo: &di, safety: route.Unsafe(wire.PreferUnordered)}
}

// SafeNode is a node that does not learn who asks.
func SafeNode(e *routing.Entry, s route.SafetySelection) Destination {
	return Destination{node: e, safety: s}
}

// PrivateRoute is whoever owns a private route.
func PrivateRoute(pr *wire.PrivateRoute, s route.SafetySelection) Destination {
	return Destination{route: pr, safety: s}
}

// Over restricts the transports that may be used.
func (d Destination) Over(p wire.ProtocolSet, a wire.AddressSet) Destination {
	d.protocols, d.addresses = p, a
	return d
}

// SignedBy makes the message a signed one.
func (d Destination) SignedBy(s crypto.Signer) Destination {
	d.signer = s
	return d
}

// Entry is the node, nil for a private route.
func (d Destination) Entry() *routing.Entry { return d.node }

// RouteKey is the key of the private route, zero for a node.
func (d Destination) RouteKey() crypto.PublicKey {
	if d.route == nil {
		return crypto.PublicKey{}
	}
	return d.route.PublicKey
}

func (m *message) private() bool { return m.arrival.Path == route.PrivateRouted }

// wayBack works out where the answer to a question goes (spec 05 §9). A question
// that names a path which would tie its asker to a route is refused.
func (m *message) wayBack(respondTo *wire.PrivateRoute) (Destination, error) {
	pr, selection, err := route.AnswerTo(m.arrival, respondTo)
	switch {
	case err != nil:
		return Destination{}, err
	case pr != nil:
		return PrivateRoute(pr, selection), nil
	}
	flow := m.in.Flow
	d := Node(m.in.Entry, wire.PreferUnordered)
	if flow.Protocol.Ordered() {
		d = Node(m.in.Entry, wire.PreferOrdered)
	}
	d.pin = &flow
	return d, nil
}

// SendSignal sends a signal to a node by its relay. It implements network.Signaller.
func (r *RPC) SendSignal(ctx context.Context, target *routing.Entry, relay wire.DialInfo, s *wire.Signal) error {
	_, err := r.Tell(ctx, NodeAt(target, relay), s)
	return err
}

// SendReturnReceipt returns a receipt to the node that signalled. It implements
// network.Signaller.
func (r *RPC) SendReturnReceipt(ctx context.Context, target *routing.Entry, receipt []byte, o network.ReturnOptions) error {
	d := Node(target, o.Sequencing)
	d.pin, d.mustPin, d.dialInfo = o.PinFlow, o.PinFlow != nil, o.DialInfo
	_, err := r.Tell(ctx, d, &wire.ReturnReceipt{Receipt: receipt})
	return err
}

var _ network.Signaller = (*RPC)(nil)
