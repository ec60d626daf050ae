package network

import (
	"net/netip"

	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// sizes are those of the datagrams and TCP segments to an address on the way to
// a node: the smaller of our own size and what the hop at that address
// advertises, which is the node itself, a relay of it, or a relay of ours (spec
// 02 §2.4, spec 04 §3.5). Whoever says nothing, or is not found, gets 1200.
func (m *Manager) sizes(target *routing.Entry, addr netip.Addr) (udp, tcp int) {
	_, ownUDP, ownTCP := m.table.Own(wire.PublicInternet).MTU(wire.AddressTypeOf(addr))
	hopUDP, hopTCP := m.hopSizes(target, addr)
	return min(orSafe(ownUDP), hopUDP), min(orSafe(ownTCP), hopTCP)
}

func (m *Manager) hopSizes(target *routing.Entry, addr netip.Addr) (udp, tcp int) {
	for _, domain := range [...]wire.RoutingDomain{wire.PublicInternet, wire.LocalNetwork} {
		p := target.PeerInfo(domain)
		if p == nil {
			continue
		}
		if hasAddr(p.Info.DialInfo, addr) {
			return ofFamily(p.Info.ReceiveMTUs, addr)
		}
		if mtus, ok := m.relayMTUs(p, addr); ok {
			return ofFamily(mtus, addr)
		}
	}
	if own := m.table.Own(wire.PublicInternet).Published(); own != nil {
		if mtus, ok := m.relayMTUs(own, addr); ok {
			return ofFamily(mtus, addr)
		}
	}
	return transport.DefaultDatagram, transport.DefaultDatagram
}

// relayMTUs asks the relay at an address: its own signed word, if we hold it,
// before the copy that the relayed node passes on.
func (m *Manager) relayMTUs(p *wire.PeerInfo, addr netip.Addr) (wire.MTUs, bool) {
	for i := range p.Info.Relays {
		r := &p.Info.Relays[i]
		if !hasAddr(r.DialInfo, addr) {
			continue
		}
		for _, id := range r.NodeIDs {
			if e := m.table.Lookup(id); e != nil {
				if held := e.SignedPeerInfo(p.Domain); held != nil {
					return held.Info.ReceiveMTUs, true
				}
			}
		}
		return r.ReceiveMTUs, true
	}
	return wire.MTUs{}, false
}

func hasAddr(list []wire.DialInfoDetail, addr netip.Addr) bool {
	for i := range list {
		if list[i].DialInfo.Addr.Addr() == addr {
			return true
		}
	}
	return false
}

// ofFamily are the sizes of the family of an address.
func ofFamily(m wire.MTUs, addr netip.Addr) (udp, tcp int) {
	if wire.AddressTypeOf(addr) == wire.IPv4 {
		return orSafe(m.UDPv4), orSafe(m.TCPv4)
	}
	return orSafe(m.UDPv6), orSafe(m.TCPv6)
}

// orSafe is the size that every path takes where nothing else is said.
func orSafe(size uint16) int {
	if size == 0 {
		return transport.DefaultDatagram
	}
	return int(size)
}
