package memory

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/voile-net/voile/core/transport"
)

// packetQueue is how many datagrams wait in a socket before they are lost.
const packetQueue = 4096

// maxBacklog is how long datagrams wait for a link with a Rate before they are lost.
const maxBacklog = time.Second

// packetConn is a datagram socket.
type packetConn struct {
	host     *Host
	local    netip.AddrPort
	queue    chan datagram
	deadline deadline
	closed   chan struct{}
	once     sync.Once
}

var _ transport.PacketConn = (*packetConn)(nil)

type datagram struct {
	data []byte
	from netip.AddrPort
}

func (p *packetConn) LocalAddr() netip.AddrPort { return p.local }

func (p *packetConn) SetReadDeadline(t time.Time) error {
	p.deadline.set(t)
	return nil
}

func (p *packetConn) Read(b []byte) (n, segment int, from netip.AddrPort, err error) {
	select {
	case <-p.closed:
		return 0, 0, from, net.ErrClosed
	case <-p.deadline.wait():
		return 0, 0, from, os.ErrDeadlineExceeded
	default:
	}
	select {
	case d := <-p.queue:
		n = copy(b, d.data)
		return n, n, d.from, nil
	case <-p.closed:
		return 0, 0, from, net.ErrClosed
	case <-p.deadline.wait():
		return 0, 0, from, os.ErrDeadlineExceeded
	}
}

func (p *packetConn) Write(b []byte, segment int, to netip.AddrPort) error {
	return p.write(b, segment, to, 0)
}

func (p *packetConn) WriteTTL(b []byte, to netip.AddrPort, ttl int) error {
	return p.write(b, len(b), to, ttl)
}

func (p *packetConn) write(b []byte, segment int, to netip.AddrPort, ttl int) error {
	select {
	case <-p.closed:
		return net.ErrClosed
	default:
	}
	b = append([]byte(nil), b...)
	n := p.host.network
	n.mu.Lock()
	defer n.mu.Unlock()
	local, err := p.host.sourceLocked(p.local, to.Addr())
	if err != nil {
		return err
	}
	for {
		d := b[:min(segment, len(b)):min(segment, len(b))]
		p.sendLocked(d, local, to, ttl)
		if b = b[len(d):]; len(b) == 0 {
			return nil
		}
	}
}

// sendLocked sends one datagram on its way.
func (p *packetConn) sendLocked(d []byte, local, to netip.AddrPort, ttl int) {
	h, n, now := p.host, p.host.network, time.Now()
	w, ok := h.wayLocked(udp, local, to, ttl, now)
	if !ok {
		return
	}
	target := n.targetLocked(w, to)
	if target == nil || n.cutLocked(h, target) {
		return
	}
	if w.lan == nil && ttl > 0 && ttl <= h.link.hops()+target.link.hops() {
		return
	}
	header := 48
	if to.Addr().Is4() {
		header = 28
	}
	if w.lan != h && len(d)+header > min(h.link.mtu(), target.link.mtu()) {
		return
	}
	at := now
	if w.lan != h {
		f := n.fateLocked(h, target, local.Addr(), to.Addr())
		if at = h.departLocked(len(d)+header, now); f.lost || at.Sub(now) > maxBacklog {
			return
		}
		at = at.Add(h.link.Latency + target.link.Latency + f.jitter)
	}
	n.scheduleLocked(at, func() {
		to, local, ok := n.arriveLocked(udp, w, to, time.Now())
		if !ok {
			return
		}
		if s, ok := socketLocked(to.packets, local); ok {
			select {
			case s.queue <- datagram{d, w.source}:
			default:
			}
		}
	})
}

func (p *packetConn) Close() error {
	p.once.Do(func() {
		h := p.host
		h.network.mu.Lock()
		delete(h.packets, p.local)
		h.network.mu.Unlock()
		p.deadline.stop()
		close(p.closed)
	})
	return nil
}
