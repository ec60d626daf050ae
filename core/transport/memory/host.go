package memory

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/voile-net/voile/core/transport"
)

// Firewall is what a host lets in.
type Firewall uint8

const (
	Open     Firewall = iota
	Stateful          // only answers: from an address and port that was sent to within 30 s
)

// HostConfig describes a host.
type HostConfig struct {
	// Addrs are its addresses. With a NAT, those of the NAT's family are known
	// inside only; all others are public. The first of a family is the source of
	// what is sent from an unspecified address.
	Addrs    []netip.Addr
	NAT      *NAT // nil: none
	Link     Link
	Firewall Firewall
	BlockUDP bool // in both directions
}

// Host is one device of the network.
type Host struct {
	network  *Network
	nat      *NAT
	firewall Firewall
	blockUDP bool

	// The lock of the network guards the rest.
	addrs     []netip.Addr
	link      Link
	down      bool
	clear     time.Time // when all that was sent has left, with a Rate
	states    map[state]time.Time
	packets   map[netip.AddrPort]*packetConn
	listeners map[netip.AddrPort]*listener
	streams   map[ends]*stream
	ephemeral uint16
}

var _ transport.Host = (*Host)(nil)

// state is an entry of a stateful firewall.
type state struct {
	proto         proto
	local, remote netip.AddrPort
}

type ends struct{ local, remote netip.AddrPort }

const firstEphemeral = 49152

// Host adds a host.
func (n *Network) Host(c HostConfig) (*Host, error) {
	h := &Host{
		network: n, nat: c.NAT, firewall: c.Firewall, blockUDP: c.BlockUDP,
		addrs: append([]netip.Addr(nil), c.Addrs...), link: c.Link,
		states: make(map[state]time.Time), packets: make(map[netip.AddrPort]*packetConn),
		listeners: make(map[netip.AddrPort]*listener), streams: make(map[ends]*stream),
		ephemeral: firstEphemeral - 1,
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range h.addrs {
		if h.insideLocked(a) {
			if h.nat.inside[a] != nil {
				return nil, fmt.Errorf("memory: address %v is taken", a)
			}
			h.nat.inside[a] = h
		} else if err := n.attach(a, attachment{host: h}); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// insideLocked reports whether an address of the host is translated.
func (h *Host) insideLocked(a netip.Addr) bool {
	return h.nat != nil && a.Is4() == h.nat.config.Public.Is4()
}

// Addrs are the addresses of the host.
func (h *Host) Addrs() []netip.Addr {
	h.network.mu.Lock()
	defer h.network.mu.Unlock()
	return append([]netip.Addr(nil), h.addrs...)
}

// SetLink changes the link for what is sent from now on.
func (h *Host) SetLink(l Link) {
	h.network.mu.Lock()
	defer h.network.mu.Unlock()
	h.link = l
}

// SetDown unplugs the host from the network, or plugs it in again.
func (h *Host) SetDown(down bool) {
	h.network.mu.Lock()
	defer h.network.mu.Unlock()
	h.down = down
}

func (h *Host) hasLocked(a netip.Addr) bool {
	for _, own := range h.addrs {
		if own == a {
			return true
		}
	}
	return a.IsLoopback()
}

var errUnreachable = errors.New("memory: network is unreachable")

// sourceLocked completes a local address for packets to a remote.
func (h *Host) sourceLocked(local netip.AddrPort, remote netip.Addr) (netip.AddrPort, error) {
	if !local.Addr().IsUnspecified() {
		return local, nil
	}
	if remote.IsLoopback() {
		return netip.AddrPortFrom(remote, local.Port()), nil
	}
	for _, a := range h.addrs {
		if a.Is4() == remote.Is4() {
			return netip.AddrPortFrom(a, local.Port()), nil
		}
	}
	return local, errUnreachable
}

// bindLocked checks an address to bind to and fills in a free port.
func (h *Host) bindLocked(a netip.AddrPort, taken func(netip.AddrPort) bool) (netip.AddrPort, error) {
	if !a.Addr().IsUnspecified() && !h.hasLocked(a.Addr()) {
		return a, fmt.Errorf("memory: host does not have address %v", a.Addr())
	}
	if a.Addr().IsUnspecified() && !h.familyLocked(a.Addr().Is4()) {
		return a, transport.ErrUnsupported
	}
	if a.Port() != 0 {
		if taken(a) {
			return a, fmt.Errorf("%v: %w", a, transport.ErrAddrInUse)
		}
		return a, nil
	}
	for {
		if h.ephemeral++; h.ephemeral < firstEphemeral {
			h.ephemeral = firstEphemeral
		}
		if b := netip.AddrPortFrom(a.Addr(), h.ephemeral); !taken(b) {
			return b, nil
		}
	}
}

func (h *Host) familyLocked(v4 bool) bool {
	for _, a := range h.addrs {
		if a.Is4() == v4 {
			return true
		}
	}
	return false
}

// takenIn reports whether a socket in the way of a is in the table; join: only
// one with the very same address is.
func takenIn[T any](table map[netip.AddrPort]T, a netip.AddrPort, join bool) bool {
	if _, ok := table[a]; ok || join {
		return ok
	}
	for b := range table {
		if b.Port() == a.Port() && b.Addr().Is4() == a.Addr().Is4() && (a.Addr().IsUnspecified() || b.Addr().IsUnspecified()) {
			return true
		}
	}
	return false
}

// socketLocked finds the socket that gets what is sent to an address.
func socketLocked[T any](table map[netip.AddrPort]T, a netip.AddrPort) (T, bool) {
	if s, ok := table[a]; ok {
		return s, true
	}
	any := netip.IPv6Unspecified()
	if a.Addr().Is4() {
		any = netip.IPv4Unspecified()
	}
	s, ok := table[netip.AddrPortFrom(any, a.Port())]
	return s, ok
}

// ListenUDP implements transport.Host.
func (h *Host) ListenUDP(_ context.Context, local netip.AddrPort, o transport.SocketOptions) (transport.PacketConn, error) {
	h.network.mu.Lock()
	defer h.network.mu.Unlock()
	local, err := h.bindLocked(local, func(a netip.AddrPort) bool { return takenIn(h.packets, a, o.Join) })
	if err != nil {
		return nil, err
	}
	p := &packetConn{host: h, local: local, queue: make(chan datagram, packetQueue), closed: make(chan struct{})}
	h.packets[local] = p
	return p, nil
}

// ListenTCP implements transport.Host.
func (h *Host) ListenTCP(_ context.Context, local netip.AddrPort, o transport.SocketOptions) (transport.Listener, error) {
	h.network.mu.Lock()
	defer h.network.mu.Unlock()
	local, err := h.bindLocked(local, func(a netip.AddrPort) bool { return takenIn(h.listeners, a, o.Join) })
	if err != nil {
		return nil, err
	}
	l := &listener{host: h, local: local, backlog: make(chan *stream, backlog), closed: make(chan struct{})}
	h.listeners[local] = l
	return l, nil
}

// noteLocked opens the firewall for answers.
func (h *Host) noteLocked(p proto, local, remote netip.AddrPort, now time.Time) {
	if h.firewall == Stateful {
		h.states[state{p, local, remote}] = now
	}
}

func (h *Host) letsInLocked(p proto, local, remote netip.AddrPort, now time.Time) bool {
	if p == udp && h.blockUDP {
		return false
	}
	if h.firewall == Open || remote.Addr().IsLoopback() {
		return true
	}
	at, ok := h.states[state{p, local, remote}]
	if !ok || now.Sub(at) >= defaultUDPTimeout {
		return false
	}
	h.states[state{p, local, remote}] = now
	return true
}

// way is how a packet travels.
type way struct {
	source netip.AddrPort // as the other side sees it
	lan    *Host          // not nil: straight to this host, same host or same translator
}

// wayLocked is the first half of a packet's way, up to the middle of the
// internet; ok is false if it gets lost before.
func (h *Host) wayLocked(p proto, local, remote netip.AddrPort, ttl int, now time.Time) (w way, ok bool) {
	if h.hasLocked(remote.Addr()) {
		return way{local, h}, true
	}
	if h.down || p == udp && h.blockUDP {
		return way{}, false
	}
	h.noteLocked(p, local, remote, now)
	if h.nat == nil || !h.insideLocked(local.Addr()) {
		return way{source: local}, true
	}
	if other := h.nat.inside[remote.Addr()]; other != nil {
		return way{local, other}, true
	}
	if ttl == 1 { // ends at the translator
		return way{}, false
	}
	if remote.Addr() == h.nat.config.Public && !h.nat.config.Hairpin {
		return way{}, false
	}
	return way{source: h.nat.outLocked(p, local, remote, now)}, true
}

// arriveLocked is the second half: which host and socket address a packet comes
// to, if it may.
func (n *Network) arriveLocked(p proto, w way, remote netip.AddrPort, now time.Time) (h *Host, local netip.AddrPort, ok bool) {
	local = remote
	switch at := n.public[remote.Addr()]; {
	case w.lan != nil:
		h = w.lan
	case at.host != nil:
		h = at.host
	case at.nat != nil:
		if local, ok = at.nat.inLocked(p, remote.Port(), w.source, now); !ok {
			return nil, local, false
		}
		h = at.nat.inside[local.Addr()]
	}
	if h == nil || h.down || !h.letsInLocked(p, local, w.source, now) {
		return nil, local, false
	}
	return h, local, true
}

// targetLocked is the host behind an address, for latency and loss; nil: nobody.
func (n *Network) targetLocked(w way, remote netip.AddrPort) *Host {
	if w.lan != nil {
		return w.lan
	}
	at := n.public[remote.Addr()]
	if at.nat == nil {
		return at.host
	}
	for _, p := range []proto{udp, tcp} {
		if m := at.nat.in[inKey{p, remote.Port()}]; m != nil {
			return at.nat.inside[m.key.inside.Addr()]
		}
	}
	return nil
}

// cutLocked reports whether two hosts are in different parts of the network.
func (n *Network) cutLocked(a, b *Host) bool { return n.island[a] != n.island[b] }

// departLocked is when size bytes have left the host.
func (h *Host) departLocked(size int, now time.Time) time.Time {
	if h.link.Rate <= 0 {
		return now
	}
	if h.clear.Before(now) {
		h.clear = now
	}
	h.clear = h.clear.Add(time.Duration(size) * time.Second / time.Duration(h.link.Rate))
	return h.clear
}
