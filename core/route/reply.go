package route

import (
	"fmt"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// Reply is where a question wants its answer to go (spec 05 §9).
type Reply struct {
	RespondTo *wire.PrivateRoute // nil: back to the sender
	Key       crypto.PublicKey   // of the allocated route in RespondTo; zero: none, or the stub of our node
}

// Stub reports whether the answer goes to a stub of our own node.
func (r *Reply) Stub() bool { return r.RespondTo != nil && r.Key.IsZero() }

// ReplyRoute chooses what a question names for its answer. For a safe question the
// route chosen here is also its safety route: give Key to [Store.Compile].
// Errors: as of Compile, and [ErrUnavailable] when our peer info, which an answer
// needs, is not published.
func (s *Store) ReplyRoute(t Target, selection SafetySelection, now time.Time) (Reply, error) {
	spec, safe := selection.Spec()
	switch {
	case !safe && t.Route == nil:
		return Reply{}, nil
	case !safe:
		return s.replyStub(t.Route.PublicKey, now)
	}
	destination, err := s.DestinationKey(t)
	if err != nil {
		return Reply{}, err
	}
	if t.Route != nil { // a loopback answers over the route that it tests
		s.mu.Lock()
		a := s.byKey[destination]
		s.mu.Unlock()
		if a != nil && a.id == spec.Preferred {
			return Reply{RespondTo: t.Route, Key: destination}, nil
		}
	}
	p, err := s.selectRoute(wanted{
		kind:        destination.Kind,
		spec:        spec,
		directions:  In,
		avoid:       avoidTarget(t),
		safe:        t.Route != nil && !IsStub(t.Route),
		destination: destination,
		epoch:       s.lossEpoch(t),
	}, now)
	if err != nil {
		return Reply{}, err
	}
	pr, err := s.assembleOwn(p)
	if err != nil {
		return Reply{}, err
	}
	return Reply{RespondTo: pr, Key: p.key.pair.Public}, nil
}

// replyStub is the private route that stands for our own node. Its full peer info
// is named until the far end of the route is known to have it.
func (s *Store) replyStub(to crypto.PublicKey, now time.Time) (Reply, error) {
	own := s.nodes.Published()
	if own == nil {
		return Reply{}, fmt.Errorf("%w: our peer info is not published", ErrUnavailable)
	}
	key, ok := s.onion.NodeKey(to.Kind)
	if !ok {
		return Reply{}, fmt.Errorf("%w: no own %s key", ErrUnreachable, to.Kind)
	}
	s.mu.Lock()
	seen := s.seenOurNodeLocked(to, own, now)
	s.mu.Unlock()
	hop, err := hopTo(own, to.Kind, seen)
	if err != nil {
		return Reply{}, err
	}
	return Reply{RespondTo: &wire.PrivateRoute{PublicKey: key, FirstHop: &hop}}, nil
}

// Accepts checks the way of an answer against what the question asked for
// (spec 05 §9). An answer to the stub of our node must have come over a safety route;
// this is the stricter rule that 0.5.2 had. Error: [ErrInvalid].
func (r *Reply) Accepts(a Arrival) error {
	switch {
	case r.RespondTo == nil:
		return nil
	case r.Stub():
		if a.Path == SafetyRouted {
			return nil
		}
	case a.Path == PrivateRouted && a.RouteKey == r.Key:
		return nil
	}
	return fmt.Errorf("%w: the answer came by another way (%v)", ErrInvalid, a.Path)
}

// AnswerTo is the way back for a question that arrived so (spec 05 §9): nil for
// straight to the envelope's sender, else the private route and the selection to send
// with. The same way leads to a watcher as long as its watch lives.
// Error: [ErrInvalid] for a question that must not be answered.
func AnswerTo(a Arrival, respondTo *wire.PrivateRoute) (*wire.PrivateRoute, SafetySelection, error) {
	switch {
	case a.Path == Direct && respondTo == nil:
		return nil, Unsafe(a.Sequencing), nil
	case a.Path == Direct:
		return nil, SafetySelection{}, fmt.Errorf("%w: a direct question names a private route", ErrInvalid)
	case respondTo == nil:
		return nil, SafetySelection{}, fmt.Errorf("%w: a routed question wants a direct answer", ErrInvalid)
	case a.Path == SafetyRouted:
		return respondTo, Unsafe(a.Sequencing), nil
	}
	return respondTo, Safe(a.Reply), nil
}
