package transport

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/core/wire"
)

// DefaultPort is where a search for a free port begins (spec 02 §5.3).
const DefaultPort = 5150

// lowestPort is where a search goes on after 65535.
const lowestPort = 1024

// Listen says where one protocol listens (spec 04 §11.8). The zero value is off.
type Listen struct {
	Enabled bool
	// Addrs are the addresses. Empty: both unspecified ones, as far as the device
	// has the family. A port 0 is searched for from DefaultPort upward, the same
	// port for all addresses.
	Addrs []netip.AddrPort
}

// ListenConfig says where a stack listens.
type ListenConfig struct {
	UDP, TCP, WS Listen
	WSPath       string          // slashes at either end do not count; empty: "ws"
	AddressTypes wire.AddressSet // 0: all; an address of another type is an error
	MSSv4, MSSv6 int             // segment sizes to ask for; 0: the system's
}

// Bound is one address at which a stack listens.
type Bound struct {
	Protocol wire.ProtocolType
	Addr     netip.AddrPort
}

// ParseListen reads a listen address of the configuration (spec 04 §11.8): empty,
// "port" or ":port", "host", "host:port". resolve turns a host name into
// addresses; it is not asked about literals.
func ParseListen(s string, resolve func(host string) ([]netip.Addr, error)) (Listen, error) {
	l := Listen{Enabled: true}
	if s == "" {
		return l, nil
	}
	host, portText := s, ""
	if _, err := strconv.ParseUint(s, 10, 16); err == nil {
		host, portText = "", s
	} else if i := strings.LastIndexByte(s, ':'); i >= 0 && !isIPv6(s) {
		host, portText = s[:i], s[i+1:]
	}
	port := uint64(0)
	if portText != "" {
		var err error
		if port, err = strconv.ParseUint(portText, 10, 16); err != nil {
			return Listen{}, fmt.Errorf("listen address %q: bad port", s)
		}
	}
	addrs := unspecified
	if host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"); host != "" {
		if a, err := netip.ParseAddr(host); err == nil {
			addrs = func() []netip.Addr { return []netip.Addr{a} }
		} else {
			found, err := resolve(host)
			if err != nil {
				return Listen{}, fmt.Errorf("listen address %q: %w", s, err)
			}
			addrs = func() []netip.Addr { return found }
		}
	} else if port == 0 {
		return l, nil
	}
	for _, a := range addrs() {
		l.Addrs = append(l.Addrs, netip.AddrPortFrom(a.Unmap(), uint16(port)))
	}
	return l, nil
}

// isIPv6 reports whether s is an IPv6 literal, with or without brackets, and no port.
func isIPv6(s string) bool {
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	return err == nil && a.Is6()
}

func unspecified() []netip.Addr {
	return []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}
}

// Listen opens the sockets of all enabled protocols, in the order UDP, WS, TCP;
// WS and TCP share a listener when they meet at one address and port. On an
// error nothing of this call stays open; a fixed port that is taken is
// ErrAddrInUse, and the caller tries again later. It may be called again, for
// more addresses.
func (s *Stack) Listen(ctx context.Context, c ListenConfig) error {
	o := opening{stack: s, config: c}
	o.config.WSPath = strings.Trim(c.WSPath, "/")
	if o.config.WSPath == "" {
		o.config.WSPath = "ws"
	}
	if c.AddressTypes == 0 {
		o.config.AddressTypes = wire.AllAddresses
	}
	for _, p := range []struct {
		protocol wire.ProtocolType
		listen   Listen
	}{{wire.UDP, c.UDP}, {wire.WS, c.WS}, {wire.TCP, c.TCP}} {
		if !p.listen.Enabled {
			continue
		}
		if err := o.open(ctx, p.protocol, p.listen.Addrs); err != nil {
			o.abandon()
			return fmt.Errorf("listen for %v: %w", p.protocol, err)
		}
	}
	return o.start()
}

// BoundAddrs is where the stack listens, and the datagram sockets that it opened
// beside, all but the one it opened only to send.
func (s *Stack) BoundAddrs() (all []Bound) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.sockets {
		if u.kind != sendsOnly {
			all = append(all, Bound{wire.UDP, u.local})
		}
	}
	for _, l := range s.listeners {
		if l.ws {
			all = append(all, Bound{wire.WS, l.addr})
		}
		if l.tcp {
			all = append(all, Bound{wire.TCP, l.addr})
		}
	}
	sorting.By(all, func(a, b Bound) int {
		if a.Protocol != b.Protocol {
			return int(a.Protocol) - int(b.Protocol)
		}
		return a.Addr.Compare(b.Addr)
	})
	return all
}

// opening is what one call of Listen has opened so far.
type opening struct {
	stack     *Stack
	config    ListenConfig
	sockets   []*udpSocket
	listeners []*listener
}

// open opens one protocol at all its addresses.
func (o *opening) open(ctx context.Context, p wire.ProtocolType, addrs []netip.AddrPort) error {
	optional := len(addrs) == 0 // families that the device lacks are left out
	if optional {
		for _, a := range unspecified() {
			if o.config.AddressTypes.Has(wire.AddressTypeOf(a)) {
				addrs = append(addrs, netip.AddrPortFrom(a, 0))
			}
		}
	}
	var fixed, searched []netip.AddrPort
	for _, a := range addrs {
		switch {
		case !o.config.AddressTypes.Has(wire.AddressTypeOf(a.Addr())):
			return fmt.Errorf("%v is of a family that is switched off", a)
		case a.Port() == 0:
			searched = append(searched, a)
		default:
			fixed = append(fixed, a)
		}
	}
	if n, err := o.openAll(ctx, p, fixed, false); err != nil {
		o.drop(n)
		return err
	}
	if len(searched) == 0 {
		return nil
	}
	for port := uint16(DefaultPort); ; {
		for i, a := range searched {
			searched[i] = netip.AddrPortFrom(a.Addr(), port)
		}
		n, err := o.openAll(ctx, p, searched, optional)
		if err == nil {
			return nil
		}
		o.drop(n)
		if port++; port == 0 {
			port = lowestPort
		}
		if !errors.Is(err, ErrAddrInUse) || port == DefaultPort {
			return err
		}
	}
}

// mark is a length of what an opening holds, to go back to.
type mark struct{ sockets, listeners int }

// openAll opens one protocol at addresses that have ports. optional leaves
// families out that the device lacks, but not all.
func (o *opening) openAll(ctx context.Context, p wire.ProtocolType, addrs []netip.AddrPort, optional bool) (before mark, err error) {
	before = mark{len(o.sockets), len(o.listeners)}
	opened := 0
	for _, a := range addrs {
		err = o.openOne(ctx, p, a)
		if err == nil {
			opened++
		} else if !optional || !errors.Is(err, ErrUnsupported) {
			return before, fmt.Errorf("%v: %w", a, err)
		}
	}
	if opened == 0 && err != nil {
		return before, err
	}
	return before, nil
}

func (o *opening) openOne(ctx context.Context, p wire.ProtocolType, a netip.AddrPort) error {
	s := o.stack
	if p == wire.UDP {
		pc, err := s.host.ListenUDP(ctx, a, SocketOptions{Shared: true})
		if err != nil {
			return err
		}
		o.sockets = append(o.sockets, newUDPSocket(s, pc, listens))
		return nil
	}
	for _, l := range o.listeners {
		if l.addr == a {
			l.enable(p, o.config.WSPath)
			return nil
		}
	}
	mss := o.config.MSSv6
	if a.Addr().Is4() {
		mss = o.config.MSSv4
	}
	ln, err := s.host.ListenTCP(ctx, a, SocketOptions{Shared: true, MSS: mss})
	if err != nil {
		return err
	}
	l := &listener{stack: s, ln: ln, addr: ln.Addr()}
	l.enable(p, o.config.WSPath)
	o.listeners = append(o.listeners, l)
	return nil
}

// drop closes what was opened after the mark.
func (o *opening) drop(to mark) {
	for _, u := range o.sockets[to.sockets:] {
		u.conn.Close()
	}
	for _, l := range o.listeners[to.listeners:] {
		l.ln.Close()
	}
	o.sockets = o.sockets[:to.sockets]
	o.listeners = o.listeners[:to.listeners]
}

func (o *opening) abandon() { o.drop(mark{}) }

// start gives everything to the stack and begins to read and accept.
func (o *opening) start() error {
	s := o.stack
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		o.abandon()
		return ErrClosed
	}
	for _, u := range o.sockets {
		s.sockets = append(s.sockets, u)
		u.startLocked()
	}
	for _, l := range o.listeners {
		s.listeners = append(s.listeners, l)
		s.goLocked(l.acceptLoop)
	}
	return nil
}
