package network

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// punchPause lets the first empty datagram open the way before the other side
// sends its own (spec 02 §12).
const punchPause = 100 * time.Millisecond

// contact chooses a contact method and carries it out (spec 04 §10.1, §10.5).
func (s *sending) contact() (Result, error) {
	target, m := s.r.Target, s.m
	domain, ok := s.domain()
	if !ok {
		return s.withoutMethod(&m.attempts.noDomain)
	}
	now := time.Now()
	methods := m.table.ContactMethods(target, domain, s.filter(), s.r.Sequencing, now)
	choice, ok := target.ChooseMethod(methods, m.outcomes.suppressed)
	if !ok {
		return s.withoutMethod(&m.attempts.noMethod)
	}
	if t, hops := choice.Method.Transport(); hops && choice.Suppressed && m.ready.Load() && !m.outcomes.admit(t, now) {
		res, found, err := s.lastFlow(routing.AnyDialInfo())
		if !found && err == nil {
			err = &SendError{Method: choice.Method.Kind.String(), To: choice.Method.DialInfo.String(),
				Err: fmt.Errorf("%w: %v is failing for everybody", ErrNoContact, t)}
		}
		m.attempts.suppressed.count(err)
		return res, err
	}
	res, err := s.by(choice.Method)
	switch {
	case err == nil:
		target.MethodWorked(choice.Method)
	case !errors.Is(s.ctx.Err(), context.Canceled) && !final(err):
		m.attempts.failed[choice.Method.Kind].Add(1)
		if !ourFault(err) {
			target.MethodFailed(choice.Method, time.Now())
		}
	}
	return res, err
}

// domain is the domain to talk to the target in; false: none is known, or not
// the one that the request wants.
func (s *sending) domain() (wire.RoutingDomain, bool) {
	if s.r.Domain != nil {
		return *s.r.Domain, true
	}
	return s.r.Target.BestDomain(s.m.Alive)
}

// withoutMethod uses the last live flow, if there is one. If there is none the
// target is told dead (spec 04 §5.2).
func (s *sending) withoutMethod(count *outcome) (Result, error) {
	res, found, err := s.lastFlow(s.filter())
	if !found && err == nil {
		s.r.Target.NoContact()
		err = ErrNoContact
	}
	count.count(err)
	return res, err
}

// lastFlow sends over the best live flow of the target; false: there is none.
func (s *sending) lastFlow(filter routing.DialFilter) (Result, bool, error) {
	flow, ok := s.r.Target.LastFlow(filter, s.r.Sequencing, s.m.Alive)
	if !ok {
		return Result{}, false, nil
	}
	return s.tryFlow(flow)
}

// by carries out one method. A signal that is not answered in time falls back
// on the same relay; any other failure is final (spec 04 §10.4).
func (s *sending) by(c routing.ContactMethod) (Result, error) {
	res, err := s.carryOut(c)
	if err == nil {
		s.m.reached.count(c.Kind)
	}
	return res, err
}

func (s *sending) carryOut(c routing.ContactMethod) (Result, error) {
	switch c.Kind {
	case routing.ContactExisting:
		return s.existing()
	case routing.ContactDirect, routing.ContactInboundRelay:
		return s.toDialInfo(c.Kind.String(), c.DialInfo)
	case routing.ContactSignalReverse, routing.ContactSignalHolePunch:
		res, err := s.bySignal(c)
		if errors.Is(err, errUnanswered) && s.ctx.Err() == nil {
			s.r.Target.MethodFailed(c, time.Now())
			s.m.log.Debug("signal not answered, relaying", "peer", s.to, "op", c.Kind.String())
			s.m.reached.unanswered.Add(1)
			return s.toDialInfo(routing.ContactInboundRelay.String(), c.DialInfo)
		}
		return res, err
	}
	return Result{}, ErrNoContact
}

// existing uses any live flow: the target uses us as relay and keeps one.
func (s *sending) existing() (Result, error) {
	res, found, err := s.lastFlow(routing.AnyDialInfo())
	if found || err != nil {
		return res, err
	}
	return Result{}, &SendError{Method: routing.ContactExisting.String(), Err: ErrNoContact}
}

// bySignal gets a flow to the target by a signal, or uses one that it has
// already, and sends over it.
func (s *sending) bySignal(c routing.ContactMethod) (Result, error) {
	flow, ok := s.signalled(c)
	if ok {
		res, done, err := s.tryFlow(flow)
		if done || err != nil {
			return res, err
		}
	}
	flow, err := s.m.reaching.once(s.ctx, reachKey{s.r.Target, c}, func(ctx context.Context) (transport.Flow, error) {
		return s.m.reach(ctx, s.r.Target, c)
	})
	if err != nil {
		return Result{}, signalError(c, err)
	}
	res, err := s.overFlow(flow)
	if err != nil {
		return Result{}, signalError(c, err)
	}
	return res, nil
}

func signalError(c routing.ContactMethod, err error) error {
	return &SendError{Method: c.Kind.String(), To: c.DialInfo.String(), Err: err}
}

// signalled is the flow that an earlier signal, or the target, has opened.
func (s *sending) signalled(c routing.ContactMethod) (transport.Flow, bool) {
	if c.Kind == routing.ContactSignalHolePunch {
		return s.r.Target.FlowTo(c.Target, s.m.Alive)
	}
	return s.r.Target.LastFlow(s.filter(), s.r.Sequencing, s.m.Alive)
}
