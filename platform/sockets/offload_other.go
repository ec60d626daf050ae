//go:build !linux && !js && !wasip1

package sockets

import (
	"net"
	"net/netip"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// offload does nothing on this system: one call carries one datagram.
type offload struct{}

func (offload) enable(*net.UDPConn) {}

func (offload) batch(int) int { return 0 }

func (offload) write(*net.UDPConn, []byte, int, netip.AddrPort) (done bool, err error) {
	return false, nil
}

func (offload) read(c *net.UDPConn, b []byte) (n, segment int, from netip.AddrPort, err error) {
	n, from, err = c.ReadFromUDPAddrPort(b)
	return n, n, from, err
}

// WriteTTL implements transport.PacketConn. The time to live belongs to the
// socket here, so other writes wait while it differs.
func (p *packetConn) WriteTTL(b []byte, to netip.AddrPort, ttl int) error {
	var c interface {
		get() (int, error)
		set(int) error
	}
	if p.v4 {
		c = ttl4{ipv4.NewConn(p.UDPConn)}
	} else {
		c = ttl6{ipv6.NewConn(p.UDPConn)}
	}
	p.order.Lock()
	defer p.order.Unlock()
	usual, err := c.get()
	if err == nil {
		err = c.set(ttl)
	}
	if err != nil {
		return err
	}
	_, err = p.WriteToUDPAddrPort(b, to)
	if e := c.set(usual); err == nil {
		err = e
	}
	return err
}

type ttl4 struct{ *ipv4.Conn }

func (t ttl4) get() (int, error) { return t.TTL() }
func (t ttl4) set(v int) error   { return t.SetTTL(v) }

type ttl6 struct{ *ipv6.Conn }

func (t ttl6) get() (int, error) { return t.HopLimit() }
func (t ttl6) set(v int) error   { return t.SetHopLimit(v) }
