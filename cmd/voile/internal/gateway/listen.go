package gateway

import (
	"net"
	"net/netip"
	"sync"

	"github.com/voile-net/voile/wasm/edge/policy"
)

// Room above the limits of the policy, for connections that have not asked for a
// WebSocket yet or are about to end.
const (
	roomPerClient = 32
	roomTotal     = 256
)

// crowd counts the TCP connections of all listeners, so that nobody can keep others
// out by connecting and saying nothing. Locks: mu.
type crowd struct {
	perClient, total int
	exempt           func(netip.Addr) bool // proxies, which have many clients

	mu   sync.Mutex
	all  int
	each map[netip.Prefix]int
}

func newCrowd(s policy.Settings, exempt func(netip.Addr) bool) *crowd {
	return &crowd{
		perClient: s.MaxPerClient + roomPerClient, total: s.MaxConnections + roomTotal,
		exempt: exempt, each: map[netip.Prefix]int{},
	}
}

func (c *crowd) enter(client netip.Prefix, counts bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all >= c.total || counts && c.each[client] >= c.perClient {
		return false
	}
	c.all++
	if counts {
		c.each[client]++
	}
	return true
}

func (c *crowd) leave(client netip.Prefix, counted bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	if !counted {
		return
	}
	if c.each[client]--; c.each[client] == 0 {
		delete(c.each, client)
	}
}

// listener lets no more in than the crowd may be. Who is too many is closed at once.
type listener struct {
	net.Listener
	crowd *crowd
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		addr := addrOf(conn.RemoteAddr())
		client, counts := policy.ClientOf(addr), !l.crowd.exempt(addr)
		if !l.crowd.enter(client, counts) {
			conn.Close()
			continue
		}
		return &counted{Conn: conn, leave: sync.OnceFunc(func() { l.crowd.leave(client, counts) })}, nil
	}
}

type counted struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *counted) Close() error {
	c.leave()
	return c.Conn.Close()
}

// addrOf is the address of a TCP peer; invalid: it is none.
func addrOf(a net.Addr) netip.Addr {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return tcp.AddrPort().Addr().Unmap().WithZone("")
}
