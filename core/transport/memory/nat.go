package memory

import (
	"fmt"
	"net/netip"
	"time"
)

// NATKind is how a translator maps and filters.
type NATKind uint8

const (
	FullCone          NATKind = iota // one mapping per inside socket, open to all
	AddressRestricted                // open to addresses that the inside has sent to
	PortRestricted                   // open to addresses with port
	Symmetric                        // one mapping per inside socket and remote; open to that
)

// Defaults of NATConfig.
const (
	defaultUDPTimeout = 30 * time.Second
	tcpTimeout        = 2 * time.Hour
	firstNATPort      = 20000
)

// NATConfig describes a translator.
type NATConfig struct {
	Kind    NATKind
	Public  netip.Addr    // its family is the one that is translated
	Timeout time.Duration // of UDP mappings without traffic; 0: 30 s
	Hairpin bool          // hosts inside can reach each other by the public address
}

// NAT is an address translator with hosts behind it. Ports are kept where they
// are free, except by a symmetric one. The lock of the network guards it.
type NAT struct {
	network *Network
	config  NATConfig
	inside  map[netip.Addr]*Host
	out     map[outKey]*mapping
	in      map[inKey]*mapping
	next    uint16
}

type outKey struct {
	proto  proto
	inside netip.AddrPort
	remote netip.AddrPort // of a symmetric one
}

type inKey struct {
	proto proto
	port  uint16
}

type mapping struct {
	key     outKey
	port    uint16
	used    time.Time
	static  bool // forwarded by configuration: open to all, for ever
	allowed map[netip.AddrPort]time.Time
}

// proto is UDP or TCP, for mappings and firewalls.
type proto uint8

const (
	udp proto = iota
	tcp
)

// NAT makes a translator.
func (n *Network) NAT(c NATConfig) (*NAT, error) {
	if c.Timeout == 0 {
		c.Timeout = defaultUDPTimeout
	}
	t := &NAT{
		network: n, config: c, next: firstNATPort,
		inside: make(map[netip.Addr]*Host), out: make(map[outKey]*mapping), in: make(map[inKey]*mapping),
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return t, n.attach(c.Public, attachment{nat: t})
}

// Forward opens a port of the public address for an inside socket, both for UDP
// and TCP, as a port mapping protocol does.
func (t *NAT) Forward(port uint16, inside netip.AddrPort) error {
	t.network.mu.Lock()
	defer t.network.mu.Unlock()
	for _, p := range []proto{udp, tcp} {
		if t.in[inKey{p, port}] != nil {
			return fmt.Errorf("memory: port %d is mapped already", port)
		}
		m := &mapping{key: outKey{proto: p, inside: inside}, port: port, static: true}
		t.in[inKey{p, port}] = m
		t.out[m.key] = m
	}
	return nil
}

// Reset forgets all mappings but forwarded ones, as a restart does.
func (t *NAT) Reset() {
	t.network.mu.Lock()
	defer t.network.mu.Unlock()
	for _, m := range t.out {
		if !m.static {
			t.drop(m)
		}
	}
}

func (t *NAT) drop(m *mapping) {
	delete(t.out, m.key)
	delete(t.in, inKey{m.key.proto, m.port})
}

func (t *NAT) timeout(p proto) time.Duration {
	if p == tcp {
		return tcpTimeout
	}
	return t.config.Timeout
}

func (t *NAT) expired(m *mapping, now time.Time) bool {
	return !m.static && now.Sub(m.used) >= t.timeout(m.key.proto)
}

// outLocked translates the source of a packet on its way out.
func (t *NAT) outLocked(p proto, inside, remote netip.AddrPort, now time.Time) netip.AddrPort {
	key := outKey{proto: p, inside: inside}
	m := t.out[key]
	if m == nil || !m.static {
		if t.config.Kind == Symmetric {
			key.remote = remote
		}
		m = t.out[key]
	}
	if m != nil && t.expired(m, now) {
		t.drop(m)
		m = nil
	}
	if m == nil {
		m = &mapping{key: key, port: t.freePort(p, inside.Port(), now), allowed: make(map[netip.AddrPort]time.Time)}
		t.out[key] = m
		t.in[inKey{p, m.port}] = m
	}
	m.used = now
	if !m.static {
		m.allowed[remote] = now
	}
	return netip.AddrPortFrom(t.config.Public, m.port)
}

func (t *NAT) freePort(p proto, wanted uint16, now time.Time) uint16 {
	free := func(port uint16) bool {
		m := t.in[inKey{p, port}]
		if m != nil && t.expired(m, now) {
			t.drop(m)
			m = nil
		}
		return m == nil
	}
	if t.config.Kind != Symmetric && free(wanted) {
		return wanted
	}
	for {
		if t.next++; t.next < firstNATPort {
			t.next = firstNATPort
		}
		if free(t.next) {
			return t.next
		}
	}
}

// inLocked finds the inside socket of a packet that arrived, if it may pass.
func (t *NAT) inLocked(p proto, port uint16, remote netip.AddrPort, now time.Time) (netip.AddrPort, bool) {
	m := t.in[inKey{p, port}]
	if m == nil || t.expired(m, now) {
		return netip.AddrPort{}, false
	}
	if !m.static && !t.passes(m, remote, now) {
		return netip.AddrPort{}, false
	}
	m.used = now
	return m.key.inside, true
}

func (t *NAT) passes(m *mapping, remote netip.AddrPort, now time.Time) bool {
	fresh := func(at time.Time) bool { return now.Sub(at) < t.timeout(m.key.proto) }
	switch t.config.Kind {
	case FullCone:
		return true
	case AddressRestricted:
		for a, at := range m.allowed {
			if a.Addr() == remote.Addr() && fresh(at) {
				return true
			}
		}
		return false
	}
	at, ok := m.allowed[remote]
	return ok && fresh(at)
}
