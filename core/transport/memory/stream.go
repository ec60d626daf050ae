package memory

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/voile-net/voile/core/transport"
)

const (
	window       = 256 << 10   // bytes of one direction that are not read yet
	backlog      = 128         // connections that wait to be accepted
	resendSYN    = time.Second // doubled each time
	maxResendSYN = time.Minute
	resendData   = 200 * time.Millisecond
)

var (
	// ErrRefused: nobody listens there.
	ErrRefused = errors.New("memory: connection refused")
	// ErrReset: the other side closed the stream.
	ErrReset = errors.New("memory: connection reset by peer")
)

// listener accepts streams.
type listener struct {
	host    *Host
	local   netip.AddrPort
	backlog chan *stream
	closed  chan struct{}
	once    sync.Once
}

func (l *listener) Accept() (transport.Stream, error) {
	select {
	case <-l.closed:
		return nil, net.ErrClosed
	default:
	}
	select {
	case s := <-l.backlog:
		return s, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Addr() netip.AddrPort { return l.local }

func (l *listener) Close() error {
	l.once.Do(func() {
		n := l.host.network
		n.mu.Lock()
		delete(l.host.listeners, l.local)
		n.mu.Unlock()
		close(l.closed)
		for {
			select {
			case s := <-l.backlog:
				s.Close()
			default:
				return
			}
		}
	})
	return nil
}

// stream is one end of a connection. Bytes go into the peer's inbox by way of
// the outbox, in which they wait for their arrival.
type stream struct {
	host          *Host
	ends          ends
	peer          *stream // set before anybody has the stream
	in            inbox
	writing       chan struct{} // capacity 1: held by the one Write that runs
	readDeadline  deadline
	writeDeadline deadline
	closed        chan struct{}
	once          sync.Once

	// The lock of the network guards the rest.
	out     []segment
	last    time.Time // arrival of the last of out
	pumping bool
	way     way          // how its packets travel
	answer  chan<- error // of a dial that is under way; room for one result
}

var _ transport.Stream = (*stream)(nil)

// segment is what travels: data, or the end.
type segment struct {
	data []byte
	end  error // io.EOF, ErrReset; nil: data
	at   time.Time
}

// inbox holds what has arrived and was not read.
type inbox struct {
	mu      sync.Mutex
	data    []byte
	end     error
	claimed int           // bytes in data or on their way
	arrived chan struct{} // capacity 1
	room    chan struct{} // capacity 1
	reset   chan struct{} // closed by ErrReset
}

func newStream(h *Host, e ends) *stream {
	return &stream{
		host: h, ends: e, writing: make(chan struct{}, 1), closed: make(chan struct{}),
		in: inbox{arrived: make(chan struct{}, 1), room: make(chan struct{}, 1), reset: make(chan struct{})},
	}
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// DialTCP implements transport.Host.
func (h *Host) DialTCP(ctx context.Context, remote netip.AddrPort, o transport.DialOptions) (transport.Stream, error) {
	s, err := h.newDial(remote, o.Local)
	if err != nil {
		return nil, err
	}
	answer := make(chan error, 1)
	h.network.mu.Lock()
	s.answer = answer
	h.network.mu.Unlock()
	for wait := resendSYN; ; wait = min(2*wait, maxResendSYN) {
		s.syn(remote)
		timer := time.NewTimer(wait)
		select {
		case err = <-answer:
		case <-ctx.Done():
			err = ctx.Err()
		case <-timer.C:
			continue
		}
		timer.Stop()
		if err != nil {
			s.Close()
			return nil, err
		}
		return s, nil
	}
}

// newDial binds a stream that goes out.
func (h *Host) newDial(remote, local netip.AddrPort) (*stream, error) {
	n := h.network
	n.mu.Lock()
	defer n.mu.Unlock()
	if !local.IsValid() {
		local = netip.AddrPortFrom(netip.IPv6Unspecified(), 0)
		if remote.Addr().Is4() {
			local = netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
		}
	}
	taken := func(a netip.AddrPort) bool {
		b, err := h.sourceLocked(a, remote.Addr())
		return err == nil && h.streams[ends{b, remote}] != nil
	}
	local, err := h.bindLocked(local, taken)
	if err == nil {
		local, err = h.sourceLocked(local, remote.Addr())
	}
	if err != nil {
		return nil, err
	}
	s := newStream(h, ends{local, remote})
	h.streams[s.ends] = s
	return s, nil
}

// reply ends a dial that is under way.
func (s *stream) reply(err error) {
	select {
	case s.answer <- err:
	default:
	}
}

// syn asks the other side once; the dial gets no answer if a packet is lost. Two
// sides that ask each other from and to the same ports at once get one connection,
// as the TCP of an operating system gives them (simultaneous open).
func (s *stream) syn(remote netip.AddrPort) {
	h := s.host
	n := h.network
	n.mu.Lock()
	defer n.mu.Unlock()
	w, ok := h.wayLocked(tcp, s.ends.local, remote, 0, time.Now())
	if !ok {
		return
	}
	s.way = w
	n.travelLocked(s, remote, func() {
		to, local, ok := n.arriveLocked(tcp, w, remote, time.Now())
		if !ok {
			return
		}
		back := time.Now().Add(h.link.Latency + to.link.Latency)
		if err := n.meetLocked(s, to, ends{local, w.source}); err != errDropped {
			n.scheduleLocked(back, func() { s.reply(err) })
		}
	})
}

// errDropped: no answer, the other side tries again.
var errDropped = errors.New("memory: dropped")

// meetLocked finds or makes the peer of a stream whose first packet arrived at a
// host.
func (n *Network) meetLocked(s *stream, to *Host, e ends) error {
	if s.peer != nil {
		return nil // asked twice
	}
	if p := to.streams[e]; p != nil {
		if p.peer != nil || p.answer == nil {
			return errDropped
		}
		p.peer, s.peer = s, p
		p.reply(nil)
		return nil
	}
	l, ok := socketLocked(to.listeners, e.local)
	if !ok {
		return ErrRefused
	}
	p := newStream(to, e)
	p.peer, s.peer = s, p
	select {
	case l.backlog <- p:
		to.streams[e] = p
		return nil
	default:
		s.peer = nil
		return errDropped
	}
}

// travelLocked lets one packet of a stream arrive, if it is not lost.
func (n *Network) travelLocked(s *stream, remote netip.AddrPort, arrive func()) {
	target := n.targetLocked(s.way, remote)
	if target == nil || n.cutLocked(s.host, target) {
		return
	}
	if target == s.host {
		n.scheduleLocked(time.Now(), arrive)
		return
	}
	f := n.fateLocked(s.host, target, s.ends.local.Addr(), remote.Addr())
	if !f.lost {
		n.scheduleLocked(time.Now().Add(s.host.link.Latency+target.link.Latency+f.jitter), arrive)
	}
}

// transmitLocked puts a segment on its way to the peer, behind those before it.
func (s *stream) transmitLocked(g segment) {
	n, now := s.host.network, time.Now()
	if s.peer == nil {
		return
	}
	g.at = now
	if to := s.peer.host; to != s.host {
		f := n.fateLocked(s.host, to, s.ends.local.Addr(), s.ends.remote.Addr())
		g.at = s.host.departLocked(len(g.data)+40, now).Add(s.host.link.Latency + to.link.Latency + f.jitter)
		if f.lost {
			g.at = g.at.Add(resendData)
		}
	}
	if g.at.Before(s.last) {
		g.at = s.last
	}
	s.last = g.at
	s.out = append(s.out, g)
	if !s.pumping {
		s.pumping = true
		n.scheduleLocked(s.out[0].at, s.pumpLocked)
	}
}

// pumpLocked delivers what is due, in order; across a cut it tries again later.
func (s *stream) pumpLocked() {
	n, now, to := s.host.network, time.Now(), s.peer
	if to.host != s.host && (n.cutLocked(s.host, to.host) || s.host.down || to.host.down) {
		n.scheduleLocked(now.Add(resendData), s.pumpLocked)
		return
	}
	for len(s.out) > 0 && !s.out[0].at.After(now) {
		to.in.take(s.out[0])
		if s.out[0].end == ErrReset {
			to.leaveLocked() // its address pair is free, whether or not it was closed
		}
		s.out[0] = segment{}
		s.out = s.out[1:]
	}
	if s.pumping = len(s.out) > 0; s.pumping {
		n.scheduleLocked(s.out[0].at, s.pumpLocked)
	}
}

func (b *inbox) take(g segment) {
	b.mu.Lock()
	switch {
	case b.end == nil:
		b.data = append(b.data, g.data...)
		b.end = g.end
	case g.end != nil:
		b.end = g.end // a reset behind the end of data
	}
	if b.end == ErrReset && !isClosed(b.reset) {
		close(b.reset)
	}
	b.mu.Unlock()
	notify(b.arrived)
}

// claim reserves room for at most n bytes.
func (b *inbox) claim(n int) (got int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	got = min(n, window-b.claimed)
	b.claimed += got
	return got
}

func (s *stream) Read(b []byte) (int, error) {
	for {
		switch {
		case isClosed(s.closed):
			return 0, net.ErrClosed
		case isClosed(s.readDeadline.wait()):
			return 0, os.ErrDeadlineExceeded
		}
		s.in.mu.Lock()
		n := copy(b, s.in.data)
		s.in.data = s.in.data[n:]
		s.in.claimed -= n
		end := s.in.end
		s.in.mu.Unlock()
		switch {
		case n > 0:
			notify(s.in.room)
			return n, nil
		case end != nil:
			return 0, end
		case len(b) == 0:
			return 0, nil
		}
		select {
		case <-s.in.arrived:
		case <-s.closed:
		case <-s.readDeadline.wait():
		}
	}
}

func (s *stream) Write(b []byte) (written int, err error) {
	select {
	case s.writing <- struct{}{}:
	case <-s.closed:
		return 0, net.ErrClosed
	case <-s.writeDeadline.wait():
		return 0, os.ErrDeadlineExceeded
	}
	defer func() { <-s.writing }()
	for len(b) > 0 {
		switch {
		case isClosed(s.closed):
			return written, net.ErrClosed
		case isClosed(s.writeDeadline.wait()):
			return written, os.ErrDeadlineExceeded
		case isClosed(s.in.reset):
			return written, ErrReset
		}
		n := s.peer.in.claim(len(b))
		if n == 0 {
			select {
			case <-s.peer.in.room:
			case <-s.closed:
			case <-s.in.reset:
			case <-s.writeDeadline.wait():
			}
			continue
		}
		g := segment{data: append([]byte(nil), b[:n]...)}
		s.host.network.mu.Lock()
		s.transmitLocked(g)
		s.host.network.mu.Unlock()
		written += n
		b = b[n:]
	}
	return written, nil
}

// CloseWrite implements transport.Stream.
func (s *stream) CloseWrite() error {
	if isClosed(s.closed) {
		return net.ErrClosed
	}
	s.host.network.mu.Lock()
	defer s.host.network.mu.Unlock()
	s.transmitLocked(segment{end: io.EOF})
	return nil
}

// Close resets the stream: the other side reads what was written before, then
// ErrReset.
func (s *stream) Close() error {
	s.once.Do(func() {
		close(s.closed)
		s.readDeadline.stop()
		s.writeDeadline.stop()
		n := s.host.network
		n.mu.Lock()
		defer n.mu.Unlock()
		s.leaveLocked()
		s.transmitLocked(segment{end: ErrReset})
	})
	return nil
}

func (s *stream) leaveLocked() {
	if s.host.streams[s.ends] == s {
		delete(s.host.streams, s.ends)
	}
}

func (s *stream) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(s.ends.local) }
func (s *stream) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(s.ends.remote) }

func (s *stream) SetDeadline(t time.Time) error {
	s.readDeadline.set(t)
	s.writeDeadline.set(t)
	return nil
}

func (s *stream) SetReadDeadline(t time.Time) error {
	s.readDeadline.set(t)
	return nil
}

func (s *stream) SetWriteDeadline(t time.Time) error {
	s.writeDeadline.set(t)
	return nil
}
