package transport

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/voile-net/voile/core/wire"
)

// Host is what the stack needs of a device's network.
//
//   - Methods may be called from any goroutine. A method that the platform
//     lacks, or an address family that the device lacks, is [ErrUnsupported].
//   - A port that is taken is [ErrAddrInUse].
//   - Sockets do not inherit anything from each other; the caller closes them.
//   - IPv6 sockets take IPv6 only. Every stream has no-delay set and linger 0,
//     so that Close resets it (spec 02 §3).
//   - Addresses that come out are not IPv4-mapped.
type Host interface {
	// ListenUDP opens a datagram socket; port 0 is a free port.
	ListenUDP(ctx context.Context, local netip.AddrPort, o SocketOptions) (PacketConn, error)
	// ListenTCP opens a listener; port 0 is a free port.
	ListenTCP(ctx context.Context, local netip.AddrPort, o SocketOptions) (Listener, error)
	// DialTCP connects. It gives up when ctx ends.
	DialTCP(ctx context.Context, remote netip.AddrPort, o DialOptions) (Stream, error)
}

// SocketOptions are for sockets that listen.
type SocketOptions struct {
	// Shared lets the port be taken by several sockets of this program: a
	// listener and connections out, or an unspecified and a specific address.
	// A port that another program has is ErrAddrInUse all the same.
	Shared bool
	// Join: the port is known to be taken by this program already, so whether it
	// is free must not be tried.
	Join bool
	MSS  int // TCP: the segment size to ask for; 0: the system's
}

// DialOptions are for connections out.
type DialOptions struct {
	Local netip.AddrPort // to bind to, with the port shared; invalid: any
	MSS   int            // as in SocketOptions
}

// Stream is a byte stream. Write writes all or fails; it may be called while a
// Read waits. CloseWrite ends the own direction after what was written.
// LocalAddr and RemoteAddr are of a type that has AddrPort, as *net.TCPAddr.
type Stream interface {
	net.Conn
	CloseWrite() error
}

// Listener accepts streams. Close ends a waiting Accept, with an error that is
// net.ErrClosed.
type Listener interface {
	Accept() (Stream, error)
	Addr() netip.AddrPort
	Close() error
}

// PacketConn is a datagram socket.
//
//   - Read may be called from several goroutines at once, and Write too.
//   - Close ends waiting calls, with an error that is net.ErrClosed. A deadline
//     ends a waiting Read with os.ErrDeadlineExceeded; any other error of Read
//     is passing.
type PacketConn interface {
	// Read waits for datagrams of one sender and puts them into b one after the
	// other: n bytes, in datagrams of segment bytes of which the last may be
	// shorter. One datagram has segment = n, an empty one n = 0. b should hold
	// 65535 bytes; what does not fit is lost.
	Read(b []byte) (n, segment int, from netip.AddrPort, err error)
	// Write sends b in datagrams of segment bytes, the last may be shorter, with
	// nothing else from this socket to that address between them. An empty b is
	// one empty datagram. It may block while the system has no room.
	Write(b []byte, segment int, to netip.AddrPort) error
	// WriteTTL sends one datagram with its own time to live or hop limit.
	WriteTTL(b []byte, to netip.AddrPort, ttl int) error
	// SetReadDeadline is as in net.Conn.
	SetReadDeadline(t time.Time) error
	// LocalAddr is what the socket is bound to.
	LocalAddr() netip.AddrPort
	Close() error
}

// WebSocketDialer is implemented by a [Host] that makes its WebSocket
// connections itself because it has no streams: the browser. The stack asks it
// in place of DialTCP.
type WebSocketDialer interface {
	// DialWS connects to di, which is a WS dial info, and is ready when the
	// upgrade is done (spec 02 §4.2). It goes by the request text of di alone; in
	// [Stack.Request] the address may be unspecified, where nobody knows it, and
	// the protocol may be WSS.
	DialWS(ctx context.Context, di wire.DialInfo) (MessageConn, error)
}

// OnlyWebSockets reports whether a host makes WebSocket connections out and has
// nothing else (spec 04 §14).
func OnlyWebSockets(h Host) bool {
	_, ok := h.(WebSocketDialer)
	return ok
}

// MessageConn carries whole messages.
//
//   - ReadMessage waits for the next binary message, of at most MaxMessage
//     bytes; the slice is the caller's until the next call. Any other frame ends
//     the connection. One goroutine reads. An ended ctx ends the wait, with its
//     error, and nothing else.
//   - WriteMessage does not keep b. It blocks while more is queued than the
//     connection can bear, and gives up when ctx ends. Several goroutines write.
//   - Close ends waiting calls.
type MessageConn interface {
	ReadMessage(ctx context.Context) ([]byte, error)
	WriteMessage(ctx context.Context, b []byte) error
	Close() error
}

// addrPortOf takes the socket address out of a net.Addr; invalid if there is none.
func addrPortOf(a net.Addr) netip.AddrPort {
	x, ok := a.(interface{ AddrPort() netip.AddrPort })
	if !ok {
		return netip.AddrPort{}
	}
	return unmap(x.AddrPort())
}

// unmap makes an IPv4-mapped address IPv4 (spec 02 §1.2).
func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
