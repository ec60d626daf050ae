package rpc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/network"
	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/wire"
)

// routed reports whether a message goes in a Route statement.
func (d *Destination) routed() bool { return d.route != nil || !d.safety.IsUnsafe() }

// target is the far end of a route.
func (d *Destination) target() route.Target {
	if d.route != nil {
		return route.Target{Route: d.route}
	}
	return route.Target{Node: d.node.PeerInfo(wire.PublicInternet)}
}

// sendRouted wraps a message for its route (spec 05 §6). The inner operation never
// carries hints about peer infos: they would show who asks.
func (r *RPC) sendRouted(ctx context.Context, d *Destination, id uint64, body wire.Body, reply crypto.PublicKey) (sent, error) {
	now := time.Now()
	packed, err := r.pack(&wire.Operation{OpID: id, Body: body}, d, d.node)
	if err != nil {
		return sent{}, err
	}
	compiled, err := r.cfg.Routes.Compile(d.target(), d.safety, reply, now)
	if err != nil {
		return sent{}, routeError(err)
	}
	sealed, err := r.cfg.Onion.Seal(compiled, packed)
	if err != nil {
		return sent{}, err
	}
	s := sent{via: route.Via{
		Safety: compiled.SafetyRoute.PublicKey, Remote: d.RouteKey(), Reply: reply,
		Loopback: compiled.Loopback, ShowedNode: compiled.Stub() && d.route != nil,
	}}
	if s.first, err = r.hop(&compiled.First, compiled.SafetyRoute.PublicKey.Kind, wire.PublicInternet); err != nil {
		return sent{}, errors.Join(ErrNoConnection, err)
	}
	var protocols wire.ProtocolSet
	if compiled.DatagramsOnly {
		protocols = wire.Protocols(wire.UDP)
	}
	s.result, s.bytes, err = r.sendRoute(ctx, s.first, sealed, compiled.Sequencing, protocols)
	s.at = time.Now()
	if err != nil {
		if s.result.Flow.Remote.IsValid() {
			s.via.Ordering = route.OrderingOf(s.result.Flow.Protocol)
			s.via.Suppressed = r.linkFault(s.result.Transport)
			r.cfg.Routes.SendFailed(s.via, s.at)
		}
		return sent{}, networkError(err)
	}
	s.via.Ordering = route.OrderingOf(s.result.Flow.Protocol)
	if !r.cfg.Routes.Sent(s.via, s.bytes, s.at) {
		r.countSent(&s, body)
	}
	return s, nil
}

// sendRoute sends a Route statement to the next node, which is contacted in
// PublicInternet only (spec 05 §7).
func (r *RPC) sendRoute(ctx context.Context, to *routing.Entry, rt *wire.Route, seq wire.Sequencing, p wire.ProtocolSet) (network.Result, int, error) {
	id, err := r.opID()
	if err != nil {
		return network.Result{}, 0, err
	}
	op := &wire.Operation{OpID: id, Body: &wire.Statement{Detail: rt}}
	r.hints(op, to, wire.PublicInternet)
	data, err := wire.EncodeOperation(op)
	if err != nil {
		return network.Result{}, 0, err
	}
	packed, err := wire.EncodeSignedOperation(data, nil, crypto.Signature{})
	if err != nil {
		return network.Result{}, 0, err
	}
	domain := wire.PublicInternet
	result, err := r.net.Send(ctx, network.Request{
		Target: to, Body: packed, Sequencing: seq, Protocols: p, Domain: &domain,
	})
	return result, len(packed), err
}

// hop finds the node that a route names next: by an id that the routing table must
// know, or by peer info that is registered, which checks its signature. origin is
// the domain that the peer info came from.
func (r *RPC) hop(h *wire.RouteHop, kind crypto.Kind, origin wire.RoutingDomain) (*routing.Entry, error) {
	if h.PeerInfo == nil {
		if r.cfg.Table.IsOwn(h.NodeID) {
			return nil, &invalid{"a route that names us as the next hop"}
		}
		if e := r.cfg.Table.Lookup(h.NodeID); e != nil {
			return e, nil
		}
		return nil, &invalid{"next hop is not known"}
	}
	p := *h.PeerInfo // shared with whoever holds the route
	var ok bool
	if p.Domain, ok = r.cfg.Table.Domains().Assign(&p.Info, origin); !ok {
		return nil, &invalid{"next hop fits no routing domain"}
	}
	return r.cfg.Table.RegisterPeer(&p, routing.RegisterOptions{}, time.Now())
}

// route handles a Route statement: takes what is in it, or queues it to be passed
// on (spec 05 §7).
func (r *RPC) route(m *message, rt *wire.Route) (run func() error, err error) {
	switch {
	case !m.direct():
		return nil, &invalid{"route inside a route"}
	case r.published(m.in.Domain) == nil:
		return nil, ErrUnavailable
	}
	m.in.Entry.MessageReceived(routing.Path{Flow: m.in.Flow}, m.size, time.Now())
	action, err := r.cfg.Routes.Peel(rt, m.in.Sender, r.offers(m.in.Domain, wire.CapROUT))
	if err != nil {
		return nil, err
	}
	if f, ok := action.(*route.Forward); ok {
		m.lane = laneTo(&f.Next)
		return func() error { return r.forward(m, f) }, nil
	}
	a := action.(*route.Arrived)
	inner := &message{in: m.in, arrival: a.Arrival, size: len(a.Payload), lane: m.lane}
	m.carried = inner
	rest, err := r.handle(inner, a.Payload)
	switch {
	case err != nil:
		r.failed(inner, err) // what came over a route never punishes
		return nil, nil
	case rest == nil:
		return nil, nil
	}
	m.lane = inner.lane
	return func() error {
		if err := rest(); err != nil {
			r.failed(inner, err)
		}
		return nil
	}, nil
}

// laneTo is the lane of what goes to the next node of a route.
func laneTo(h *wire.RouteHop) laneKey {
	if p := h.PeerInfo; p != nil && len(p.NodeIDs) > 0 {
		return laneKey{toNext, p.NodeIDs[0]}
	}
	return laneKey{toNext, h.NodeID}
}

// forward passes a routed message on as a new statement.
func (r *RPC) forward(m *message, f *route.Forward) error {
	if r.tooOld(m, true) {
		r.shed(m)
		return nil
	}
	to, err := r.hop(&f.Next, f.Route.SafetyRoute.PublicKey.Kind, m.in.Domain)
	if err != nil {
		return &invalid{err.Error()}
	}
	result, n, err := r.sendRoute(r.ctx, to, &f.Route, f.Route.Operation.Sequencing, 0)
	if err != nil {
		return fmt.Errorf("forward: %w", err)
	}
	r.counters.Forwarded.Add(1)
	to.StatementSent(routing.Path{Flow: result.Flow, Dialled: result.Dialled}, n, time.Now())
	return nil
}

// routeReceived counts a routed question or statement with our route.
func (r *RPC) routeReceived(m *message, now time.Time) {
	r.cfg.Routes.Arrived(m.arrival, m.in.Flow.Protocol, m.size, now)
}
