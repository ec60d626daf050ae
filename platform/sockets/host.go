//go:build !js && !wasip1

package sockets

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/voile-net/voile/core/transport"
)

// socketBuffer is what datagram sockets ask for in each direction; the system
// may give less. It holds a burst of some dozen large messages.
const socketBuffer = 4 << 20

// ListenTCP implements transport.Host.
func (Host) ListenTCP(ctx context.Context, local netip.AddrPort, o transport.SocketOptions) (transport.Listener, error) {
	network := "tcp6"
	if local.Addr().Is4() {
		network = "tcp4"
	}
	if o.Shared && !o.Join && local.Port() != 0 {
		// A shared port would be shared with any program of this user. One try
		// without sharing tells whether it is free.
		probe := net.ListenConfig{KeepAlive: -1}
		probe.SetMultipathTCP(false)
		l, err := probe.Listen(ctx, network, local.String())
		if err != nil {
			return nil, listenError(err)
		}
		l.Close()
	}
	lc := net.ListenConfig{
		KeepAlive: -1, // the inactivity timeout finds dead peers
		Control: func(_, _ string, c syscall.RawConn) error {
			return control(c, func(fd uintptr) error { return prepareTCP(fd, o.Shared, o.MSS) })
		},
	}
	lc.SetMultipathTCP(false) // peers would see options that no node sends
	l, err := lc.Listen(ctx, network, local.String())
	if err != nil {
		return nil, listenError(err)
	}
	return listener{l.(*net.TCPListener)}, nil
}

// listener makes accepted streams ready.
type listener struct{ l *net.TCPListener }

func (l listener) Accept() (transport.Stream, error) {
	c, err := l.l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return ready(c), nil
}

func (l listener) Addr() netip.AddrPort { return addrPort(l.l.Addr().(*net.TCPAddr).AddrPort()) }

func (l listener) Close() error { return l.l.Close() }

// ready sets what every stream has (spec 02 §3). No-delay is Go's default. An
// error means that the connection is gone already, which the next use tells.
func ready(c *net.TCPConn) transport.Stream {
	c.SetLinger(0)
	return newStream(c)
}

// DialTCP implements transport.Host.
func (Host) DialTCP(ctx context.Context, remote netip.AddrPort, o transport.DialOptions) (transport.Stream, error) {
	d := net.Dialer{
		KeepAlive: -1,
		Control: func(_, _ string, c syscall.RawConn) error {
			return control(c, func(fd uintptr) error { return prepareTCP(fd, o.Local.IsValid(), o.MSS) })
		},
	}
	d.SetMultipathTCP(false)
	if o.Local.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(o.Local)
	}
	c, err := d.DialContext(ctx, "tcp", remote.String())
	if err != nil {
		// An address pair that is in use is told by bind or by connect, as the
		// one or the other error; Windows may say that it is not permitted.
		if o.Local.IsValid() && (errors.Is(err, errAddrInUse) || errors.Is(err, errAddrNotAvail) || reservedPort(err)) {
			err = fmt.Errorf("%w: %w", transport.ErrAddrInUse, err)
		}
		return nil, familyError(err)
	}
	return ready(c.(*net.TCPConn)), nil
}

// ListenUDP implements transport.Host.
func (Host) ListenUDP(ctx context.Context, local netip.AddrPort, o transport.SocketOptions) (transport.PacketConn, error) {
	network := "udp6"
	if local.Addr().Is4() {
		network = "udp4"
	}
	if o.Shared && !o.Join && local.Port() != 0 {
		probe, err := new(net.ListenConfig).ListenPacket(ctx, network, local.String())
		if err != nil {
			return nil, listenError(err)
		}
		probe.Close()
	}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		if !o.Shared {
			return nil
		}
		return control(c, share)
	}}
	pc, err := lc.ListenPacket(ctx, network, local.String())
	if err != nil {
		return nil, listenError(err)
	}
	c := pc.(*net.UDPConn)
	// The system bounds these; what it gives is enough to work.
	c.SetReadBuffer(socketBuffer)
	c.SetWriteBuffer(socketBuffer)
	return newPacketConn(c), nil
}

// control runs f on a socket.
func control(c syscall.RawConn, f func(fd uintptr) error) error {
	var err error
	if e := c.Control(func(fd uintptr) { err = f(fd) }); e != nil {
		return e
	}
	return err
}

// listenError makes the errors that the stack tells apart.
func listenError(err error) error {
	if errors.Is(err, errAddrInUse) || reservedPort(err) {
		return fmt.Errorf("%w: %w", transport.ErrAddrInUse, err)
	}
	if errors.Is(err, errAddrNotAvail) { // so says a system without IPv6 of ::
		return fmt.Errorf("%w: %w", transport.ErrUnsupported, err)
	}
	return familyError(err)
}

func familyError(err error) error {
	if errors.Is(err, errAFNoSupport) {
		return fmt.Errorf("%w: %w", transport.ErrUnsupported, err)
	}
	return err
}

func addrPort(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
