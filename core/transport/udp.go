package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/voile-net/voile/core/transport/fragment"
	"github.com/voile-net/voile/core/wire"
)

// minDatagram is the least size of datagrams (spec 02 §2.4).
const minDatagram = wire.MinTransportMTU

// socketKind says what a datagram socket is for.
type socketKind uint8

const (
	listens   socketKind = iota // at a configured address
	global                      // beside one on an unspecified address, for the internet (spec 02 §2.3)
	sendsOnly                   // on a free port, since the family does not listen
)

// udpSocket is one datagram socket; several goroutines read it.
type udpSocket struct {
	stack     *Stack
	conn      PacketConn
	local     netip.AddrPort
	kind      socketKind
	sequence  atomic.Uint32 // of the next message; the low 16 bits (spec 02 §2.1)
	fragments *fragment.Reassembler
}

func newUDPSocket(s *Stack, pc PacketConn, kind socketKind) *udpSocket {
	return &udpSocket{stack: s, conn: pc, local: pc.LocalAddr(), kind: kind, fragments: fragment.NewReassembler()}
}

func (u *udpSocket) startLocked() {
	for range u.stack.cfg.UDPReaders {
		u.stack.goLocked(u.readLoop)
	}
}

// send sends one message; an empty one is an empty datagram.
func (u *udpSocket) send(to netip.AddrPort, msg []byte, size int) error {
	s := u.stack
	if len(msg) == 0 {
		return u.conn.Write(nil, 0, to)
	}
	if size <= 0 {
		size = DefaultDatagram
	}
	size = min(max(size, minDatagram), fragment.MaxDatagram)
	buf := getBuffer(&s.buffers)
	sequence := uint16(u.sequence.Add(1) - 1)
	*buf = fragment.Append(*buf, sequence, msg, size)
	err := u.conn.Write(*buf, size, to)
	s.buffers.Put(buf)
	if err != nil {
		if errors.Is(err, net.ErrClosed) {
			return ErrNoFlow
		}
		return err
	}
	s.count.udp.sent(len(msg))
	return nil
}

// readPause is after a passing error of a socket, so that one that stays does
// not spin.
const readPause = 5 * time.Millisecond

func (u *udpSocket) readLoop() {
	buf := make([]byte, fragment.MaxDatagram)
	for {
		n, segment, from, err := u.conn.Read(buf)
		switch {
		case err == nil:
			u.receive(buf[:n], segment, unmap(from))
			continue
		case errors.Is(err, net.ErrClosed):
			return
		}
		u.stack.log.Debug("datagram socket", "addr", u.local, "err", err)
		select {
		case <-time.After(readPause):
		case <-u.stack.ctx.Done():
			return
		}
	}
}

// receive takes datagrams of one sender (spec 02 §2.2).
func (u *udpSocket) receive(b []byte, segment int, from netip.AddrPort) {
	s := u.stack
	if now := time.Now(); !s.filter.IPPunished(from.Addr(), now) {
		flow := Flow{Protocol: wire.UDP, Remote: from, Local: u.local}
		heard := false
		if len(b) == 0 {
			heard = true
			u.hear(flow)
			s.cfg.Handler.HandleMessage(Message{Flow: flow})
		}
		for len(b) > 0 {
			d := b[:min(segment, len(b))]
			b = b[len(d):]
			m, ok, err := u.fragments.Add(now, from, d)
			if err != nil {
				s.count.ignored.Add(1)
				continue
			}
			if !heard {
				heard = true
				u.hear(flow)
			}
			if ok {
				s.count.udp.received(len(m.Data))
				s.cfg.Handler.HandleMessage(Message{Flow: flow, Data: m.Data, Datagram: m.Datagram})
				u.fragments.Release(m)
			}
		}
		return
	}
	s.count.ignored.Add(1)
}

func (u *udpSocket) hear(f Flow) { u.stack.udpFlows.hear(f, u.stack.now()) }

// Punch sends an empty datagram with a time to live of its own from the socket
// that messages to the remote come from (spec 02 §2.3, §12). ttl 0: the system's.
func (s *Stack) Punch(ctx context.Context, remote netip.AddrPort, ttl int) error {
	remote = unmap(remote)
	if err := s.checkRemote(remote); err != nil {
		return err
	}
	u, err := s.socketFor(ctx, remote.Addr())
	if err != nil {
		return err
	}
	if ttl <= 0 {
		return u.conn.Write(nil, 0, remote)
	}
	return u.conn.WriteTTL(nil, remote, ttl)
}

// socketOf finds the socket of a flow.
func (s *Stack) socketOf(f Flow) *udpSocket {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !f.Local.IsValid() {
		return s.pickLocked(f.Remote.Addr())
	}
	for _, u := range s.sockets {
		if u.local == f.Local {
			return u
		}
	}
	return nil
}

// pickLocked chooses the socket for a remote address: towards the internet the
// one on the global address, else one on an unspecified address, else the first
// that can reach it.
func (s *Stack) pickLocked(remote netip.Addr) (best *udpSocket) {
	rank := func(u *udpSocket) int {
		a := u.local.Addr()
		switch {
		case a.Is4() != remote.Is4(), a.IsLoopback() && !remote.IsLoopback():
			return 0
		case u.kind == global && isPublic(remote):
			return 4
		case u.kind == global:
			return 1
		case a.IsUnspecified():
			return 3
		}
		return 2
	}
	for _, u := range s.sockets {
		if rank(u) > 0 && (best == nil || rank(u) > rank(best)) {
			best = u
		}
	}
	return best
}

// socketFor is pickLocked, but opens a socket on a free port if there is none.
func (s *Stack) socketFor(ctx context.Context, remote netip.Addr) (*udpSocket, error) {
	s.mu.Lock()
	u := s.pickLocked(remote)
	s.mu.Unlock()
	if u != nil {
		return u, nil
	}
	a := netip.IPv6Unspecified()
	if remote.Is4() {
		a = netip.IPv4Unspecified()
	}
	pc, err := s.host.ListenUDP(ctx, netip.AddrPortFrom(a, 0), SocketOptions{})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if u = s.pickLocked(remote); u != nil || s.closed {
		pc.Close() // another was quicker
		if s.closed {
			return nil, ErrClosed
		}
		return u, nil
	}
	u = newUDPSocket(s, pc, sendsOnly)
	s.sockets = append(s.sockets, u)
	u.startLocked()
	return u, nil
}

// followGlobal opens the socket on a global address, beside the one of its
// family that listens on the unspecified address. Without it messages go out of
// that one, which is nearly as good, so a failure is only logged.
func (s *Stack) followGlobal(ctx context.Context, a netip.Addr) {
	if !a.IsValid() {
		return
	}
	s.mu.Lock()
	var port uint16
	for _, u := range s.sockets {
		if u.kind == listens && u.local.Addr().IsUnspecified() && u.local.Addr().Is4() == a.Is4() {
			port = u.local.Port()
		}
	}
	local := netip.AddrPortFrom(a, port)
	exists := slices.ContainsFunc(s.sockets, func(u *udpSocket) bool { return u.local == local })
	s.mu.Unlock()
	if port == 0 || exists {
		return
	}
	pc, err := s.host.ListenUDP(ctx, local, SocketOptions{Shared: true, Join: true})
	if err != nil {
		s.log.Debug("no socket on the global address", "addr", local, "err", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || slices.ContainsFunc(s.sockets, func(u *udpSocket) bool { return u.local == local }) {
		pc.Close()
		return
	}
	u := newUDPSocket(s, pc, global)
	s.sockets = append(s.sockets, u)
	u.startLocked()
}

// dropExtras closes the sockets on global addresses that are none any more.
func (s *Stack) dropExtras(global4, global6 netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sockets = slices.DeleteFunc(s.sockets, func(u *udpSocket) bool {
		a := u.local.Addr()
		old := u.kind == global && a != global4 && a != global6
		if old {
			u.conn.Close()
		}
		return old
	})
}
