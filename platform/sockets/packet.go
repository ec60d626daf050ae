//go:build !js && !wasip1

package sockets

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// packetConn is a datagram socket.
type packetConn struct {
	*net.UDPConn
	offload offload
	v4      bool

	// order is held for reading by a write that is one call of the system, and
	// for writing by one that is several and must not be interleaved.
	order sync.RWMutex
}

func newPacketConn(c *net.UDPConn) *packetConn {
	p := &packetConn{UDPConn: c}
	p.v4 = p.LocalAddr().Addr().Is4()
	p.offload.enable(c)
	return p
}

// LocalAddr implements transport.PacketConn.
func (p *packetConn) LocalAddr() netip.AddrPort {
	return addrPort(p.UDPConn.LocalAddr().(*net.UDPAddr).AddrPort())
}

// Read implements transport.PacketConn.
func (p *packetConn) Read(b []byte) (n, segment int, from netip.AddrPort, err error) {
	n, segment, from, err = p.offload.read(p.UDPConn, b)
	return n, segment, addrPort(from), err
}

// Write implements transport.PacketConn.
func (p *packetConn) Write(b []byte, segment int, to netip.AddrPort) error {
	batch := len(b)
	if batch > segment {
		batch = max(p.offload.batch(segment), segment)
	}
	if len(b) <= batch {
		p.order.RLock()
		defer p.order.RUnlock()
	} else {
		p.order.Lock()
		defer p.order.Unlock()
	}
	for {
		part := b[:min(batch, len(b))]
		if err := p.writeBatch(part, segment, to); err != nil {
			return err
		}
		if b = b[len(part):]; len(b) == 0 {
			return nil
		}
	}
}

// writeBatch writes what is meant to be one call of the system.
func (p *packetConn) writeBatch(b []byte, segment int, to netip.AddrPort) error {
	if len(b) > segment {
		if done, err := p.offload.write(p.UDPConn, b, segment, to); done {
			return err
		}
	}
	for {
		d := b[:min(segment, len(b))]
		if _, err := p.WriteToUDPAddrPort(d, to); err != nil {
			return err
		}
		if b = b[len(d):]; len(b) == 0 {
			return nil
		}
	}
}

// SetReadDeadline implements transport.PacketConn.
func (p *packetConn) SetReadDeadline(t time.Time) error { return p.UDPConn.SetReadDeadline(t) }
