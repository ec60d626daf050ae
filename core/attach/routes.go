package attach

import (
	"context"
	"errors"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/rpc"
	"github.com/voile-net/voile/core/wire"
)

// How many tests and keepalives of routes may be under way (spec 05 §17.2).
const (
	maxTests      = 4
	maxRouteAlive = 4
)

// manageRoutes is one run of the management of routes (spec 05 §17.2).
func (s *session) manageRoutes(now time.Time) {
	outbound := s.cfg.Table.Own(wire.PublicInternet).Outbound()
	plan := s.cfg.Routes.Manage(route.Health{
		Online:    true,
		Datagrams: outbound.Protocols.Has(wire.UDP),
		Streams:   outbound.Protocols.Has(wire.TCP) || outbound.Protocols.Has(wire.WS),
	}, now)
	if plan.Change != nil {
		s.routeChange(*plan.Change)
	}
	s.cfg.Panic.Go(&s.tasks, func() { s.runPlan(plan) })
}

// runPlan does what a management run has decided, in its order.
func (s *session) runPlan(plan route.Plan) {
	tests := append([]route.LoopTest(nil), plan.Test...)
	for _, w := range plan.Allocate {
		id, err := s.cfg.Routes.Allocate(w.Request(), time.Now())
		if err != nil {
			continue // not enough nodes yet: the next run tries again
		}
		if t, err := s.cfg.Routes.TestNow(id, time.Now()); err == nil {
			tests = append(tests, t)
		}
	}
	var all guard.Group
	all.Go(func() { each(maxTests, tests, s.loopTest) })
	all.Go(func() { each(maxRouteAlive, plan.Keepalive, s.loopTest) })
	all.Wait()
	each(maxTests, plan.TestRemote, s.remoteTest)
}

// each calls f for every element, at most n at a time.
func each[T any](n int, list []T, f func(T)) {
	next := make(chan T)
	var all guard.Group
	for range min(n, len(list)) {
		all.Go(func() {
			for t := range next {
				f(t)
			}
		})
	}
	for _, t := range list {
		next <- t
	}
	close(next)
	all.Wait()
}

// loopTest sends a StatusQ through one of our routes to ourselves.
func (s *session) loopTest(t route.LoopTest) {
	wasReady := s.routesReady()
	target, selection, err := s.cfg.Routes.Loopback(t.ID, t.Ordering.Strict())
	if err != nil {
		return
	}
	result := s.ask(s.ctx, rpc.PrivateRoute(target.Route, selection))
	if s.ctx.Err() != nil {
		return
	}
	if hop, ok := s.cfg.Routes.TestDone(t, result, time.Now()); ok {
		if e := s.cfg.Table.Lookup(hop); e != nil {
			e.SendFailed(routing.Path{})
		}
	}
	if !wasReady && s.routesReady() {
		s.poke()
	}
}

func (s *session) routesReady() bool {
	in := s.outboundInputs()
	need := s.cfg.Table.Thresholds().SafetyRoutes
	return in.SafeRoutes >= need && in.UnsafeRoutes >= need
}

// remoteTest sends a StatusQ over an imported route.
func (s *session) remoteTest(id crypto.RouteID) {
	target, selection, err := s.cfg.Routes.RemoteTest(id, time.Now())
	if err != nil {
		return
	}
	result := s.ask(s.ctx, rpc.PrivateRoute(target.Route, selection))
	if s.ctx.Err() == nil {
		s.cfg.Routes.RemoteTestDone(id, result, time.Now())
	}
}

func (a *Attacher) ask(ctx context.Context, d rpc.Destination) route.TestResult {
	_, err := a.cfg.RPC.Status(ctx, d)
	r := route.TestResult{Evidence: 1}
	switch {
	case err == nil:
		r.Outcome = route.Answered
	case errors.Is(err, rpc.ErrTimeout):
		r.Outcome = route.NoAnswer
	}
	return r
}

// NewPrivateRoute allocates a route for the application, tests it, and returns
// its id and blob (spec 05 §16 "API allocation"). It takes about a round trip
// through the route; the error is [route.ErrTryAgain] when no route works now.
func (a *Attacher) NewPrivateRoute(ctx context.Context, req route.AllocateRequest) (crypto.RouteID, []byte, error) {
	id, err := a.cfg.Routes.Allocate(req, time.Now())
	if err != nil {
		return crypto.RouteID{}, nil, err
	}
	blob, err := a.proveRoute(ctx, id)
	if err != nil {
		a.cfg.Routes.Forget(id)
		return crypto.RouteID{}, nil, err
	}
	return id, blob, nil
}

// proveRoute tests a new route of the application: a loopback, and at the same
// time questions through it to a few other nodes, of which one must be answered
// (spec 05 §17.3).
func (a *Attacher) proveRoute(ctx context.Context, id crypto.RouteID) ([]byte, error) {
	target, selection, err := a.cfg.Routes.Loopback(id, wire.PreferOrdered)
	if err != nil {
		return nil, err
	}
	test, err := a.cfg.Routes.TestNow(id, time.Now())
	if err != nil {
		return nil, err
	}
	probes, err := a.cfg.Routes.Probes(id, time.Now())
	if err != nil {
		return nil, err
	}
	answered := make(chan bool, len(probes))
	asking, cancel := context.WithCancel(ctx)
	var all guard.Group
	for _, p := range probes {
		all.Go(func() {
			e := a.cfg.Table.Lookup(p.NodeIDs[0])
			ok := e != nil && a.ask(asking, rpc.SafeNode(e, route.ProbeSelection(id))).Outcome == route.Answered
			answered <- ok
		})
	}
	loop := a.ask(ctx, rpc.PrivateRoute(target.Route, selection))
	ok := len(probes) == 0
	for range probes {
		if ok {
			break
		}
		ok = <-answered
	}
	cancel()
	all.Wait()
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if hop, blame := a.cfg.Routes.TestDone(test, loop, time.Now()); blame {
		if e := a.cfg.Table.Lookup(hop); e != nil {
			e.SendFailed(routing.Path{})
		}
	}
	if loop.Outcome != route.Answered || !ok {
		return nil, route.ErrTryAgain
	}
	blob, err := a.cfg.Routes.ExportBlob(id, true)
	if err != nil {
		return nil, err
	}
	return blob, a.cfg.Routes.SetPublished(id, true)
}
