package attach

import (
	"context"
	"slices"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/rpc"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// State is how well the node is attached (spec 04 §8). It says nothing about
// readiness.
type State uint8

const (
	Detached State = iota
	Detaching
	Attaching
	AttachedWeak
	AttachedFair
	AttachedGood
	AttachedStrong
	AttachedFull
)

// String is the name of the API.
func (s State) String() string {
	names := [...]string{"Detached", "Detaching", "Attaching", "AttachedWeak", "AttachedFair",
		"AttachedGood", "AttachedStrong", "AttachedFull"}
	if int(s) < len(names) {
		return names[s]
	}
	return "invalid"
}

// Status is the state with what it was worked out from.
type Status struct {
	State               State
	PublicInternetReady bool
	LocalNetworkReady   bool
	AttachedSince       time.Time // zero: detached
	routing.Level                 // counts; zero while detached
	// StartError is why the network could not be started; nil: it is started, or
	// nobody wants it to be.
	StartError error
	Inbound    routing.InboundStage
	Outbound   routing.OutboundStage
}

// Status is the present status.
func (a *Attacher) Status() Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.status
	s.AttachedSince = a.since
	return s
}

// Wait blocks until the condition holds for the status, or ctx ends. The
// condition must not block.
func (a *Attacher) Wait(ctx context.Context, condition func(Status) bool) (Status, error) {
	for {
		a.mu.Lock()
		s := a.status
		s.AttachedSince = a.since
		closed := a.closed
		var changed chan struct{}
		if !condition(s) && !closed {
			changed = make(chan struct{})
			a.waiters = append(a.waiters, changed)
		}
		a.mu.Unlock()
		switch {
		case changed != nil:
		case closed:
			return s, ErrClosed
		default:
			return s, nil
		}
		select {
		case <-changed:
		case <-a.ctx.Done():
			return s, ErrClosed
		case <-ctx.Done():
			a.mu.Lock()
			a.waiters = slices.DeleteFunc(a.waiters, func(c chan struct{}) bool { return c == changed })
			a.mu.Unlock()
			return s, context.Cause(ctx)
		}
	}
}

// measure works the status out, once a tick (spec 04 §8).
func (a *Attacher) measure(now time.Time) {
	own := a.cfg.Table.Own(wire.PublicInternet)
	level := a.cfg.Table.AttachmentLevel(now)
	inbound := own.InboundStage(now)
	outbound := own.OutboundStage(a.session.outboundInputs(), now)
	ready := own.InboundReady(now) && outbound == routing.OutboundReadyToOperate
	a.cfg.Network.SetOutboundReady(outbound == routing.OutboundReadyToOperate)

	a.mu.Lock()
	if !a.want {
		a.mu.Unlock()
		return
	}
	old := a.status
	a.status.Level = level
	a.status.State = Attaching + State(level.Bars())
	a.status.PublicInternetReady = ready
	a.status.LocalNetworkReady = a.cfg.Table.Own(wire.LocalNetwork).InboundStage(now) == routing.InboundReadyToPublish
	a.status.Inbound, a.status.Outbound = inbound, outbound
	status := a.status
	a.mu.Unlock()
	if status.State != old.State || status.PublicInternetReady != old.PublicInternetReady ||
		status.LocalNetworkReady != old.LocalNetworkReady {
		a.tell(status)
		return
	}
	a.wake() // counts and stages are looked at too
}

func (a *Attacher) setStartError(err error) {
	a.mu.Lock()
	changed := (a.status.StartError == nil) != (err == nil)
	a.status.StartError = err
	status := a.status
	a.mu.Unlock()
	if changed {
		a.tell(status)
	}
}

// tell passes a changed status on and wakes whoever waits.
func (a *Attacher) tell(s Status) {
	a.mu.Lock()
	s.AttachedSince = a.since
	a.mu.Unlock()
	a.wake()
	if a.cfg.Changed != nil {
		a.cfg.Changed(s)
	}
}

// wake lets everybody who waits look again.
func (a *Attacher) wake() {
	a.mu.Lock()
	waiters := a.waiters
	a.waiters = nil
	a.mu.Unlock()
	for _, w := range waiters {
		close(w)
	}
}

// Started reports whether the network runs.
func (a *Attacher) Started() bool { return a.current.Load() != nil }

// Connections lists the connections, nil while the network is not started.
func (a *Attacher) Connections() []transport.ConnInfo {
	if s := a.current.Load(); s != nil {
		return s.stack.Connections()
	}
	return nil
}

// TransportStats are the counters of the transports; false: not started.
func (a *Attacher) TransportStats() (transport.Stats, bool) {
	if s := a.current.Load(); s != nil {
		return s.stack.Stats(), true
	}
	return transport.Stats{}, false
}

// CloseConnections closes all connections.
func (a *Attacher) CloseConnections() {
	if s := a.current.Load(); s != nil {
		s.stack.CloseAll()
	}
}

// TestRoute sends a StatusQ through a route of ours, or to an imported one, and
// reports whether it was answered.
func (a *Attacher) TestRoute(ctx context.Context, id crypto.RouteID) (bool, error) {
	if target, selection, err := a.cfg.Routes.RemoteTest(id, time.Now()); err == nil {
		return a.ask(ctx, rpc.PrivateRoute(target.Route, selection)).Outcome == route.Answered, nil
	}
	target, selection, err := a.cfg.Routes.Loopback(id, wire.PreferOrdered)
	if err != nil {
		return false, err
	}
	return a.ask(ctx, rpc.PrivateRoute(target.Route, selection)).Outcome == route.Answered, nil
}
