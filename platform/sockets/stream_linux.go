//go:build !race

// The race detector learns from the calls of the standard library what happens before
// what, and not from ours: under it the connections stay as they are.

package sockets

import (
	"io"
	"net"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/voile-net/voile/core/transport"
)

// rawLimit bounds what one call writes: nothing else runs on its core meanwhile.
const rawLimit = 64 << 10

// unsentLimit is how much the kernel holds of what does not go out yet. It does not
// limit what is on its way.
const unsentLimit = 64 << 10

// conn is a connection whose calls of the system the Go scheduler does not watch.
// Its socket never blocks, so there is nothing to watch for; but a write often does
// the work of the network and of the receiver as well, which takes just long enough
// for the scheduler to give the place on the core away and to look every 20 µs
// whether it has to do so again. Under load that cost a tenth of the processor time.
type conn struct {
	net.Conn
	raw syscall.RawConn
	in  direction
	out direction
}

// stream is a conn over TCP.
type stream struct{ *conn }

// CloseWrite implements transport.Stream.
func (s stream) CloseWrite() error { return s.Conn.(*net.TCPConn).CloseWrite() }

// direction is reading or writing, one call at a time.
type direction struct {
	mu   sync.Mutex // held for a whole Read or Write
	call func(fd uintptr) (done bool)

	b     []byte // of the call under way
	n     int
	errno syscall.Errno
}

// newStream makes a stream of a connection.
func newStream(c *net.TCPConn) transport.Stream {
	w, ok := newConn(c)
	if !ok {
		return c
	}
	w.raw.Control(func(fd uintptr) {
		// A wish: without it more waits where nobody can choose what goes first.
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentLimit)
	})
	return stream{w}
}

// newConn fails for a connection that is closed already, which its next use tells,
// and for one without a socket.
func newConn(c net.Conn) (*conn, bool) {
	s, ok := c.(syscall.Conn)
	if !ok {
		return nil, false
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return nil, false
	}
	w := &conn{Conn: c, raw: raw}
	w.in.call = w.in.system(unix.SYS_READ)
	w.out.call = w.out.system(unix.SYS_WRITE)
	return w, true
}

// listening is a listener whose connections are conns.
type listening struct{ net.Listener }

func (l listening) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if w, ok := newConn(c); ok {
		return w, nil
	}
	return c, nil
}

// Quick makes the connections of a listener cost less where many short messages
// come and go, as stream does for those of the node. Only the methods of net.Conn
// are left of them.
func Quick(l net.Listener) net.Listener { return listening{l} }

// system makes the function that calls the system until it would have to wait.
func (d *direction) system(trap uintptr) func(uintptr) bool {
	return func(fd uintptr) bool {
		for {
			n, _, errno := unix.RawSyscall(trap, fd, uintptr(unsafe.Pointer(unsafe.SliceData(d.b))), uintptr(len(d.b)))
			switch errno {
			case unix.EINTR:
				continue
			case unix.EAGAIN:
				return false
			case 0:
				d.n, d.errno = int(n), 0
			default:
				d.n, d.errno = 0, errno
			}
			return true
		}
	}
}

// Read implements net.Conn.
func (s *conn) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	d := &s.in
	d.mu.Lock()
	defer d.mu.Unlock()
	d.b = b
	err := s.raw.Read(d.call)
	d.b = nil
	switch {
	case err != nil:
		return 0, err
	case d.errno != 0:
		return 0, s.failed("read", d.errno)
	case d.n == 0:
		return 0, io.EOF
	}
	return d.n, nil
}

// Write implements net.Conn.
func (s *conn) Write(b []byte) (written int, err error) {
	d := &s.out
	d.mu.Lock()
	defer d.mu.Unlock()
	for written < len(b) {
		d.b = b[written:min(len(b), written+rawLimit)]
		err := s.raw.Write(d.call)
		d.b = nil
		switch {
		case err != nil:
			return written, err
		case d.errno != 0:
			return written, s.failed("write", d.errno)
		}
		written += d.n
	}
	return written, nil
}

func (s *conn) failed(op string, errno syscall.Errno) error {
	return &net.OpError{Op: op, Net: s.LocalAddr().Network(), Source: s.LocalAddr(), Addr: s.RemoteAddr(), Err: errno}
}
