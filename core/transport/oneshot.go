package transport

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"os"
	"time"

	"github.com/voile-net/voile/core/transport/fragment"
	"github.com/voile-net/voile/core/wire"
)

// oneshotWait bounds how long a connection waits for the other side to end it
// after the only message was sent. A reset at once could overtake the message in
// the other system's buffers.
const oneshotWait = time.Second

// SendOnce sends one message from a fresh socket or connection, in datagrams of
// the default size, and forgets it: out-of-band receipts (spec 02 §2.3, §11). It
// is not in the table and not counted by the filter. Errors are those of
// SendDialInfo but those of the table.
func (s *Stack) SendOnce(ctx context.Context, di wire.DialInfo, msg []byte) error {
	return s.oneshot(ctx, di, msg, func(context.Context, *oneshot) error { return nil })
}

// Request sends one message from a fresh socket or connection; the first message
// that comes back is the reply: direct bootstrap (spec 02 §13.5). By UDP only
// the very address that was asked may answer. Like SendOnce it stands outside
// of the table. Connecting takes at most ConnectTimeout; the wait for the reply
// ends with ctx.
func (s *Stack) Request(ctx context.Context, di wire.DialInfo, msg []byte) (reply []byte, err error) {
	err = s.oneshot(ctx, di, msg, func(ctx context.Context, o *oneshot) error {
		reply, err = o.receive(ctx)
		return err
	})
	return reply, err
}

// oneshot is a socket or connection for one exchange.
type oneshot struct {
	receive func(ctx context.Context) ([]byte, error)
	close   func(ctx context.Context, sent bool)
}

func (s *Stack) oneshot(ctx context.Context, di wire.DialInfo, msg []byte, then func(context.Context, *oneshot) error) error {
	if len(msg) > MaxMessage {
		return ErrTooLarge
	}
	di.Addr = unmap(di.Addr)
	if err := s.checkOneshot(di); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.ctx, func() { cancel(ErrClosed) })()
	var o *oneshot
	var err error
	switch di.Protocol {
	case wire.UDP:
		o, err = s.oneshotUDP(ctx, di.Addr, msg)
	case wire.TCP, wire.WS:
		o, err = s.oneshotStream(ctx, di, msg)
	case wire.WSS: // the host has TLS where we have none
		if err = ErrUnsupported; OnlyWebSockets(s.host) {
			o, err = s.oneshotStream(ctx, di, msg)
		}
	default:
		err = ErrUnsupported
	}
	if err == nil {
		s.count.of(di.Protocol).sent(len(msg))
		err = then(ctx, o)
		o.close(ctx, err == nil)
	}
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// checkOneshot is checkRemote, but a host that goes by the text of a URL needs no
// address.
func (s *Stack) checkOneshot(di wire.DialInfo) error {
	if OnlyWebSockets(s.host) && di.Addr.IsValid() && di.Addr.Addr().IsUnspecified() && di.Request != "" {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.closed {
			return ErrClosed
		}
		return nil
	}
	return s.checkRemote(di.Addr)
}

func (s *Stack) oneshotUDP(ctx context.Context, remote netip.AddrPort, msg []byte) (*oneshot, error) {
	local := netip.IPv6Unspecified()
	if remote.Addr().Is4() {
		local = netip.IPv4Unspecified()
	}
	pc, err := s.host.ListenUDP(ctx, netip.AddrPortFrom(local, 0), SocketOptions{})
	if err != nil {
		return nil, err
	}
	b := fragment.Append(nil, 0, msg, DefaultDatagram)
	if err := pc.Write(b, DefaultDatagram, remote); err != nil {
		pc.Close()
		return nil, err
	}
	return &oneshot{
		receive: func(ctx context.Context) ([]byte, error) {
			defer context.AfterFunc(ctx, s.cfg.Panic.Func(func() { pc.SetReadDeadline(time.Unix(1, 0)) }))()
			return s.receiveFrom(ctx, pc, remote)
		},
		close: func(context.Context, bool) { pc.Close() },
	}, nil
}

// receiveFrom waits for the first message of one address.
func (s *Stack) receiveFrom(ctx context.Context, pc PacketConn, remote netip.AddrPort) ([]byte, error) {
	r := fragment.NewReassembler()
	buf := make([]byte, fragment.MaxDatagram)
	for {
		n, segment, from, err := pc.Read(buf)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			return nil, err
		}
		if unmap(from) != remote {
			continue
		}
		for b := buf[:n]; len(b) > 0; {
			d := b[:min(segment, len(b))]
			b = b[len(d):]
			if m, ok, err := r.Add(time.Now(), remote, d); ok && err == nil {
				s.count.udp.received(len(m.Data))
				return bytes.Clone(m.Data), nil
			}
		}
	}
}

func (s *Stack) oneshotStream(ctx context.Context, di wire.DialInfo, msg []byte) (*oneshot, error) {
	connecting, cancel := s.connectContext(ctx)
	defer cancel()
	if d, ok := s.host.(WebSocketDialer); ok && di.Protocol >= wire.WS {
		mc, err := d.DialWS(connecting, di)
		if err == nil {
			if err = mc.WriteMessage(connecting, msg); err != nil {
				mc.Close()
			}
		}
		if err != nil {
			return nil, connectError(connecting, err)
		}
		return &oneshot{
			receive: func(ctx context.Context) ([]byte, error) {
				b, err := mc.ReadMessage(ctx)
				return bytes.Clone(b), err
			},
			close: func(context.Context, bool) { mc.Close() },
		}, nil
	}
	d, err := s.dialStream(connecting, di, netip.AddrPort{}, 0)
	if err != nil {
		return nil, connectError(connecting, err)
	}
	stop := context.AfterFunc(ctx, s.cfg.Panic.Func(func() { d.stream.SetDeadline(time.Unix(1, 0)) }))
	d.stream.SetWriteDeadline(time.Now().Add(s.cfg.SendTimeout))
	if _, err := d.stream.Write(d.framing.append(nil, msg)); err != nil {
		stop()
		d.stream.Close()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = ErrSendTimeout
		}
		return nil, err
	}
	return &oneshot{
		receive: func(ctx context.Context) ([]byte, error) {
			r := newMessageReader(d.stream, d.framing, d.head)
			r.armed = true // ctx ends the read
			for {
				msg, err := r.read(func() (time.Duration, error) { return 0, context.Cause(ctx) })
				if err != nil || len(msg) > 0 {
					s.count.of(di.Protocol).received(len(msg))
					return bytes.Clone(msg), err
				}
			}
		},
		close: func(ctx context.Context, sent bool) {
			defer d.stream.Close()
			defer stop()
			if sent && d.stream.CloseWrite() == nil {
				d.stream.SetReadDeadline(time.Now().Add(oneshotWait))
				drain(ctx, d.stream)
			}
		},
	}, nil
}

// drain reads until the other side ends, the deadline or ctx.
func drain(ctx context.Context, stream Stream) {
	buf := make([]byte, 2048)
	for ctx.Err() == nil {
		if _, err := stream.Read(buf); err != nil {
			return
		}
	}
}
