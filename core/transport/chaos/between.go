package chaos

import (
	"context"
	"net/netip"

	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// Links is what chaos needs of a [transport.Stack].
type Links interface {
	SendFlow(ctx context.Context, flow transport.Flow, msg []byte, maxDatagram int) error
	SendDialInfo(ctx context.Context, di wire.DialInfo, msg []byte, opts transport.SendOptions) (transport.Flow, error)
	SendOnce(ctx context.Context, di wire.DialInfo, msg []byte) error
	Punch(ctx context.Context, remote netip.AddrPort, ttl int) error
	Alive(flow transport.Flow) bool
	Prioritize(flow transport.Flow)
	CloseFlow(flow transport.Flow)
}

// Stack is a transport.Stack behind a chaos.
type Stack struct {
	Links
	chaos *Chaos
}

// Stack puts the chaos before what sends.
func (c *Chaos) Stack(l Links) *Stack { return &Stack{l, c} }

// SendFlow sends, unless the message gets lost: then it reports success too.
func (s *Stack) SendFlow(ctx context.Context, f transport.Flow, msg []byte, maxDatagram int) error {
	if s.chaos.active.Load() {
		pass, stuck, err := s.chaos.outbound(ctx, f, len(msg), datagram(len(msg), maxDatagram))
		if stuck {
			s.CloseFlow(f)
		}
		if err != nil || !pass {
			return err
		}
	}
	return s.Links.SendFlow(ctx, f, msg, maxDatagram)
}

// SendDialInfo likewise. A message that got lost has no connection either.
func (s *Stack) SendDialInfo(ctx context.Context, di wire.DialInfo, msg []byte, o transport.SendOptions) (transport.Flow, error) {
	if s.chaos.active.Load() {
		f := transport.Flow{Protocol: di.Protocol, Remote: di.Addr}
		if pass, _, err := s.chaos.outbound(ctx, f, len(msg), datagram(len(msg), o.MaxDatagram)); err != nil || !pass {
			return f, err
		}
	}
	return s.Links.SendDialInfo(ctx, di, msg, o)
}

// datagram is the size of the largest datagram that a message goes out in.
func datagram(message, most int) int {
	if most == 0 {
		most = transport.DefaultDatagram
	}
	return min(message, most)
}

// SendOnce likewise.
func (s *Stack) SendOnce(ctx context.Context, di wire.DialInfo, msg []byte) error {
	if s.chaos.active.Load() {
		f := transport.Flow{Protocol: di.Protocol, Remote: di.Addr}
		if pass, _, err := s.chaos.outbound(ctx, f, len(msg), len(msg)); err != nil || !pass {
			return err
		}
	}
	return s.Links.SendOnce(ctx, di, msg)
}

// Punch likewise.
func (s *Stack) Punch(ctx context.Context, remote netip.AddrPort, ttl int) error {
	if s.chaos.active.Load() {
		f := transport.Flow{Protocol: wire.UDP, Remote: remote}
		if pass, _, err := s.chaos.outbound(ctx, f, 0, 0); err != nil || !pass {
			return err
		}
	}
	return s.Links.Punch(ctx, remote, ttl)
}

// handler is a transport.Handler behind a chaos.
type handler struct {
	transport.Handler
	chaos *Chaos
}

// Handler puts the chaos before what receives.
func (c *Chaos) Handler(h transport.Handler) transport.Handler { return handler{h, c} }

// HandleMessage hands a message on, unless it gets lost.
func (h handler) HandleMessage(m transport.Message) {
	if h.chaos.active.Load() {
		size := m.Datagram
		if size == 0 {
			size = datagram(len(m.Data), 0) // it came in parts of about that
		}
		if pass, _ := h.chaos.inbound(m.Flow, len(m.Data), size); !pass {
			return
		}
	}
	h.Handler.HandleMessage(m)
}

// HandleConnClosed forgets what was stuck.
func (h handler) HandleConnClosed(x transport.ConnClosed) {
	h.chaos.mu.Lock()
	delete(h.chaos.stalled, x.Flow)
	h.chaos.mu.Unlock()
	h.Handler.HandleConnClosed(x)
}
