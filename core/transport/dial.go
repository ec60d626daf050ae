package transport

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/voile-net/voile/core/transport/websocket"
	"github.com/voile-net/voile/core/wire"
)

// SendOptions say how a message goes out.
type SendOptions struct {
	MaxDatagram int // UDP: largest datagram, fragment header included; 0: DefaultDatagram
	MSS         int // segment size to ask for when a connection is made; 0: the system's
}

// SendFlow sends on a flow that exists. A flow without a local address is any
// with the same protocol and remote. It does not keep msg; what it returns says
// only whether the message was queued or given to the system.
//
// Errors: ErrNoFlow if the connection or the socket is gone, ErrSendTimeout if
// there was no room and nothing moved for SendTimeout, ErrTooLarge, ErrPunished, ErrClosed, those
// of ctx, and for UDP those of the system. maxDatagram is as in SendOptions.
func (s *Stack) SendFlow(ctx context.Context, f Flow, msg []byte, maxDatagram int) error {
	if len(msg) > MaxMessage {
		return ErrTooLarge
	}
	if err := s.checkRemote(f.Remote); err != nil && !errors.Is(err, ErrSelf) {
		return err
	}
	if f.Protocol == wire.UDP {
		u := s.socketOf(f)
		if u == nil {
			return ErrNoFlow
		}
		return u.send(f.Remote, msg, maxDatagram)
	}
	s.mu.Lock()
	c := s.table.find(f)
	s.mu.Unlock()
	if c == nil {
		return ErrNoFlow
	}
	return c.send(ctx, msg)
}

// SendDialInfo sends to a dial info and says which flow it took (spec 02 §6.2,
// §6.3). UDP: from the socket that listens. TCP and WS: over a connection to the
// same address and port, whichever of the two it speaks, else over a new one.
// Attempts at one address share their result. It does not keep msg.
//
// Errors: those of SendFlow but ErrNoFlow, and ErrSelf, ErrAddress, ErrConnect,
// ErrTableFull, ErrLimit, ErrRate, ErrUnsupported, and those of the system.
func (s *Stack) SendDialInfo(ctx context.Context, di wire.DialInfo, msg []byte, o SendOptions) (Flow, error) {
	if len(msg) > MaxMessage {
		return Flow{}, ErrTooLarge
	}
	remote := unmap(di.Addr)
	if err := s.checkRemote(remote); err != nil {
		return Flow{}, err
	}
	switch di.Protocol {
	case wire.UDP:
		u, err := s.socketFor(ctx, remote.Addr())
		if err != nil {
			return Flow{}, err
		}
		return Flow{wire.UDP, remote, u.local}, u.send(remote, msg, o.MaxDatagram)
	case wire.TCP, wire.WS:
	default:
		return Flow{}, ErrUnsupported
	}
	if f, ok, err := s.sendExisting(ctx, remote, msg); ok {
		return f, err
	}
	unlock, err := s.lockRemote(ctx, remote)
	if err != nil {
		return Flow{}, err
	}
	if f, ok, err := s.sendExisting(ctx, remote, msg); ok {
		unlock(nil)
		return f, err
	}
	c, err := s.connect(ctx, di, msg, o.MSS)
	if err != nil {
		if ctx.Err() != nil {
			unlock(nil) // says nothing about the remote
		} else {
			unlock(err)
		}
		return Flow{}, err
	}
	unlock(nil)
	return c.flow, nil
}

// sendExisting sends over a connection to the remote; ok is false if there is none.
func (s *Stack) sendExisting(ctx context.Context, remote netip.AddrPort, msg []byte) (f Flow, ok bool, err error) {
	s.mu.Lock()
	c := s.table.reusable(remote, s.listensOnLocked)
	s.mu.Unlock()
	if c == nil {
		return Flow{}, false, nil
	}
	if err = c.send(ctx, msg); errors.Is(err, ErrNoFlow) {
		return Flow{}, false, nil // closed at this moment
	}
	return c.flow, true, err
}

func (s *Stack) listensOnLocked(port uint16) bool {
	for _, l := range s.listeners {
		if l.addr.Port() == port {
			return true
		}
	}
	return false
}

// connect opens a connection, with msg as its first frame.
func (s *Stack) connect(ctx context.Context, di wire.DialInfo, msg []byte, mss int) (*conn, error) {
	remote := unmap(di.Addr)
	if err := s.filter.checkLimit(remote.Addr()); err != nil {
		return nil, err
	}
	ctx, cancel := s.connectContext(ctx)
	defer cancel()
	f := Flow{Protocol: di.Protocol, Remote: remote}
	if d, ok := s.host.(WebSocketDialer); ok && di.Protocol == wire.WS {
		mc, err := d.DialWS(ctx, di)
		if err != nil {
			return nil, connectError(ctx, err)
		}
		c, err := s.addConn(f, false, newMessageLink(mc))
		if err != nil {
			mc.Close()
			return nil, err
		}
		return c, c.send(ctx, msg)
	}
	d, err := s.dialStream(ctx, di, s.dialLocal(di.Protocol, remote.Addr()), mss)
	if err != nil {
		return nil, connectError(ctx, err)
	}
	f.Local = addrPortOf(d.stream.LocalAddr())
	if f.Local == remote { // TCP can connect a port to itself
		d.stream.Close()
		return nil, ErrSelf
	}
	l := newStreamLink(d.stream, d.framing, d.head, s.cfg.SendQueue, &s.buffers)
	l.preload(msg)
	c, err := s.addConn(f, false, l)
	if err != nil {
		d.stream.Close()
		return nil, err
	}
	c.noteSent(len(msg))
	return c, nil
}

// connectContext ends with ctx, with the stack, or after ConnectTimeout.
func (s *Stack) connectContext(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.ConnectTimeout, ErrConnect)
	stop := context.AfterFunc(s.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

// connectError tells our timeout from other errors.
func connectError(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// dialed is a stream whose upgrade, if any, is done.
type dialed struct {
	stream  Stream
	framing *framing
	head    []byte // read already
}

// dialStream connects and upgrades (spec 02 §4.2).
func (s *Stack) dialStream(ctx context.Context, di wire.DialInfo, local netip.AddrPort, mss int) (dialed, error) {
	remote := unmap(di.Addr)
	stream, err := s.host.DialTCP(ctx, remote, DialOptions{Local: local, MSS: mss})
	if err != nil && local.IsValid() && errors.Is(err, ErrAddrInUse) {
		stream, err = s.host.DialTCP(ctx, remote, DialOptions{MSS: mss}) // from a free port (spec 04 §11.6)
	}
	if err != nil {
		return dialed{}, err
	}
	d := dialed{stream: stream, framing: &framing{}}
	if di.Protocol == wire.WS {
		d.framing.ws = &websocket.Decoder{Role: websocket.Client}
		d.framing.mask = s.mask
		if d.head, err = s.upgrade(ctx, stream, di.Request); err != nil {
			stream.Close()
			return dialed{}, err
		}
	}
	return d, nil
}

// upgrade does the client's side of the upgrade: the request in one write. rest
// is what the server sent behind its answer.
func (s *Stack) upgrade(ctx context.Context, stream Stream, request string) (rest []byte, err error) {
	var random [16]byte
	s.random.fill(random[:])
	key := websocket.NewKey(random)
	head, err := websocket.AppendRequest(nil, request, key)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, s.cfg.Panic.Func(func() { stream.SetDeadline(time.Unix(1, 0)) })) // ends the calls below
	if _, err := stream.Write(head); err != nil {
		return nil, err
	}
	buf := make([]byte, websocket.MaxResponse)
	for n := 0; ; {
		got, err := stream.Read(buf[n:])
		n += got
		if got == 0 && err != nil {
			return nil, err
		}
		rest, more, err := websocket.ParseResponse(buf[:n], key)
		if err != nil {
			return nil, err
		}
		if !more {
			if !stop() {
				return nil, context.Cause(ctx)
			}
			return rest, nil
		}
	}
}

func (s *Stack) mask() (m [4]byte) {
	s.random.fill(m[:])
	return m
}

// dialLocal is the address to bind a connection out to: that of the listener of
// the protocol, and towards the internet, if the listener's is unspecified, the
// global one of the device with its port (spec 02 §6.2). Invalid: any.
func (s *Stack) dialLocal(p wire.ProtocolType, remote netip.Addr) netip.AddrPort {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.listeners {
		if p == wire.WS && !l.ws || p == wire.TCP && !l.tcp || l.addr.Addr().Is4() != remote.Is4() {
			continue
		}
		local := l.addr.Addr()
		if global := s.addrs.global(remote); local.IsUnspecified() && isPublic(remote) && global.IsValid() {
			local = global
		}
		if !local.IsUnspecified() && local.IsLoopback() != remote.IsLoopback() {
			continue // the system would refuse
		}
		return netip.AddrPortFrom(local, l.addr.Port())
	}
	return netip.AddrPort{}
}

// global is the global address of the family of a remote.
func (a *addresses) global(remote netip.Addr) netip.Addr {
	if remote.Is4() {
		return a.global4
	}
	return a.global6
}

// isPublic is a rough test, enough to choose a source address.
func isPublic(a netip.Addr) bool { return a.IsGlobalUnicast() && !a.IsPrivate() }
