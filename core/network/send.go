package network

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/envelope"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// Send seals the body for the target and sends it by the best way there is
// (spec 04 §10.5). It records what belongs to the link with the target's entry:
// flows, failures, the lack of a contact method. Counting questions and answers
// is left to the caller.
//
// It may take as long as a connection and a signal take, some 10 s. If ctx is
// cancelled earlier nobody is charged; a deadline of ctx counts like a timeout.
// Errors are those of this package, the context's, or, as a [SendError], those
// of the transport.
func (m *Manager) Send(ctx context.Context, r Request) (Result, error) {
	s, err := m.sending(ctx, &r)
	if err != nil {
		return Result{}, err
	}
	defer s.release()
	if r.PinFlow != nil {
		res, err := s.overFlow(*r.PinFlow)
		switch {
		case err == nil:
			return res, nil
		case r.MustPin:
			return Result{}, &SendError{Method: "pinned flow", To: r.PinFlow.String(), Err: pinnedError(err)}
		case final(err):
			return Result{}, err
		}
	}
	if r.DialInfo != nil {
		return s.toDialInfo("relay", *r.DialInfo)
	}
	return s.contact()
}

func pinnedError(err error) error {
	if errors.Is(err, transport.ErrNoFlow) {
		return fmt.Errorf("%w: %w", ErrFlowGone, err)
	}
	return err
}

// sending is one Send under way.
type sending struct {
	m      *Manager
	ctx    context.Context
	stack  Stack
	r      *Request
	from   *envelope.Identity
	to     crypto.NodeID
	buffer *[]byte // the envelope; empty: not sealed yet
}

func (m *Manager) sending(ctx context.Context, r *Request) (*sending, error) {
	stack := m.stack.Load()
	switch {
	case stack == nil || m.ctx.Err() != nil:
		return nil, ErrClosed
	case len(r.Body) > envelope.MaxBody:
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(r.Body))
	case r.Target.Punished():
		return nil, ErrPunished
	}
	orDefault(&r.Protocols, wire.AllProtocols)
	orDefault(&r.Addresses, wire.AllAddresses)
	s := &sending{m: m, ctx: ctx, stack: *stack, r: r}
	for _, own := range m.cfg.Identity {
		if id, ok := r.Target.ID(own.NodeID().Kind); ok {
			s.from, s.to = own, id
			return s, nil
		}
	}
	return nil, ErrKind
}

func (s *sending) release() {
	if s.buffer != nil {
		s.m.messages.Put(s.buffer)
	}
}

// sealed is the envelope, made when it is first needed: its timestamp must not
// be as old as the wait for a signal (spec 02 §9.4). Once something may have
// left, the same bytes are used again, so that the target takes only one.
func (s *sending) sealed() ([]byte, error) {
	if s.buffer != nil {
		return *s.buffer, nil
	}
	buf := buffer(&s.m.messages)
	msg, err := s.m.codec.Seal(*buf, s.from, s.to, s.m.cfg.Clock.Increasing(), s.r.Body)
	if err != nil {
		s.m.messages.Put(buf)
		if errors.Is(err, envelope.ErrTooLong) {
			err = fmt.Errorf("%w: %w", ErrTooLarge, err)
		}
		return nil, err
	}
	*buf = msg
	s.buffer = buf
	return msg, nil
}

// filter is what the request allows.
func (s *sending) filter() routing.DialFilter {
	return routing.DialFilter{Protocols: s.r.Protocols, Families: s.r.Addresses}
}

// overFlow sends on a flow that exists.
func (s *sending) overFlow(flow transport.Flow) (Result, error) {
	msg, err := s.sealed()
	if err != nil {
		return Result{}, err
	}
	// The stack knows best how long a connection may stand still.
	size, _ := s.m.sizes(s.r.Target, flow.Remote.Addr())
	if err := s.stack.SendFlow(s.ctx, flow, msg, size); err != nil {
		if own := s.ctx.Err(); own != nil {
			return Result{}, own
		}
		return Result{}, err
	}
	return s.sent(flow), nil
}

// tryFlow sends on a live flow of the target. A flow that fails is forgotten;
// false: dial instead.
func (s *sending) tryFlow(flow transport.Flow) (Result, bool, error) {
	res, err := s.overFlow(flow)
	switch {
	case err == nil:
		return res, true, nil
	case final(err) || s.ctx.Err() != nil:
		return Result{}, false, err
	case errors.Is(err, transport.ErrSendTimeout):
		// The other side does not read: it would not over this connection again.
		return Result{}, false, s.failed("flow", wire.DialInfo{Protocol: flow.Protocol, Addr: flow.Remote}, err)
	}
	s.r.Target.ForgetFlow(flow)
	s.m.log.Debug("flow cannot be used", "peer", s.to, "flow", flow.String(), "err", err)
	return Result{}, false, nil
}

// final reports errors that no other way can mend.
func final(err error) bool {
	return errors.Is(err, ErrTooLarge) || errors.Is(err, transport.ErrTooLarge) ||
		errors.Is(err, context.Canceled) || errors.Is(err, envelope.ErrSelf)
}

// sent makes the result of a send that worked.
func (s *sending) sent(flow transport.Flow) Result {
	m := s.m
	m.traffic.up.Add(uint64(len(*s.buffer)))
	res := Result{Flow: flow, Transport: routing.TransportOfFlow(flow), Size: len(*s.buffer)}
	res.Dialled = !m.accepted.has(flow)
	res.Domain, _ = m.table.Domains().DomainOfFlow(flow.Remote, flow.Local)
	res.ToDialInfo = s.isTargets(flow.Remote, flow.Protocol)
	return res
}

// isTargets reports whether an address is that of a dial info of the target.
func (s *sending) isTargets(addr netip.AddrPort, protocol wire.ProtocolType) bool {
	for _, domain := range [...]wire.RoutingDomain{wire.LocalNetwork, wire.PublicInternet} {
		p := s.r.Target.PeerInfo(domain)
		if p != nil && slices.ContainsFunc(p.Info.DialInfo, func(d wire.DialInfoDetail) bool {
			return d.DialInfo.Addr == addr && d.DialInfo.Protocol.LowLevel() == protocol.LowLevel()
		}) {
			return true
		}
	}
	return false
}

// toDialInfo sends to exactly this dial info, on a live flow of the target that
// ends there or by dialling. A connection becomes a last flow of the target.
func (s *sending) toDialInfo(method string, di wire.DialInfo) (Result, error) {
	if flow, ok := s.r.Target.FlowTo(di, s.m.Alive); ok {
		res, done, err := s.tryFlow(flow)
		if done || err != nil {
			return res, err
		}
	}
	msg, err := s.sealed()
	if err != nil {
		return Result{}, err
	}
	udp, tcp := s.m.sizes(s.r.Target, di.Addr.Addr())
	received := s.r.Target.Received()
	flow, err := s.stack.SendDialInfo(s.ctx, di, msg, transport.SendOptions{MaxDatagram: udp, MSS: tcp})
	if err != nil {
		return Result{}, s.failed(method, di, err)
	}
	if flow.Protocol.Ordered() {
		s.r.Target.RecordDialled(flow, time.Now(), received)
		s.m.outcomes.record(routing.TransportOf(di), s.to, true)
	}
	return s.sent(flow), nil
}

// failed charges a failed dial to the target, unless it was our own doing, and
// makes the error of Send.
func (s *sending) failed(method string, di wire.DialInfo, err error) error {
	if own := s.ctx.Err(); errors.Is(own, context.Canceled) {
		return own
	}
	out := &SendError{Method: method, To: di.String(), Err: err}
	switch {
	case errors.Is(err, transport.ErrPunished):
		out.Err = fmt.Errorf("%w: %w", ErrPunished, err)
		return out
	case errors.Is(err, transport.ErrTooLarge):
		out.Err = fmt.Errorf("%w: %w", ErrTooLarge, err)
		return out
	case ourFault(err):
		return out
	case errors.Is(err, transport.ErrSendTimeout), errors.Is(err, transport.ErrConnect), errors.Is(err, context.DeadlineExceeded):
		out.Err = fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	s.r.Target.SendFailed(routing.Path{
		Flow:    transport.Flow{Protocol: di.Protocol, Remote: di.Addr},
		Dialled: s.isTargets(di.Addr, di.Protocol),
	})
	s.m.outcomes.record(routing.TransportOf(di), s.to, false)
	return out
}

// ourFault: nothing that the peer could help.
func ourFault(err error) bool {
	for _, local := range [...]error{
		transport.ErrClosed, transport.ErrLimit, transport.ErrRate, transport.ErrTableFull,
		transport.ErrSelf, transport.ErrAddress, transport.ErrUnsupported, transport.ErrAddrInUse,
	} {
		if errors.Is(err, local) {
			return true
		}
	}
	return false
}
