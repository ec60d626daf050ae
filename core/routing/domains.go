package routing

import (
	"net/netip"
	"slices"

	"github.com/voile-net/voile/core/wire"
	"github.com/voile-net/voile/platform"
)

// domainCount is the number of routing domains; arrays are indexed by
// [wire.RoutingDomain], which is also the order of preference.
const domainCount = 2

// Domains says which routing domain addresses, flows and nodes belong to, for the
// interface addresses of one moment (spec 04 §2). It never changes: make a new one
// when the network of the device has changed.
//
// A private network is an extension of ours for networks on one laptop or one
// LAN: loopback and private addresses count as global, so that everything happens
// in the PublicInternet domain, and each address and port counts as a place of its
// own, so that nodes that share an address can serve each other.
type Domains struct {
	private    bool
	local      []netip.Prefix // networks of our local interface addresses, masked
	interfaces []netip.Addr   // publication set, both domains (spec 04 §2.2)
	running    []netip.Addr   // every address of a running interface
	network    platform.Network
}

// NewDomains works out the domains from the network of the device. The value is
// kept and must not change afterwards.
func NewDomains(network platform.Network, private bool) *Domains {
	d := &Domains{private: private, network: network}
	for _, i := range network.Interfaces {
		if !i.Running {
			continue
		}
		for _, a := range i.Addrs {
			addr := a.Prefix.Addr().Unmap().WithZone("")
			d.running = append(d.running, addr)
			if IsLocal(addr) {
				if p, err := addr.Prefix(unmappedBits(a.Prefix)); err == nil {
					d.local = append(d.local, p)
				}
			}
			if private || !i.Loopback && !i.CLAT && !a.Temporary && publishable(addr) {
				d.interfaces = append(d.interfaces, addr)
			}
		}
	}
	return d
}

func unmappedBits(p netip.Prefix) int {
	if p.Addr().Is4In6() {
		return p.Bits() - 96
	}
	return p.Bits()
}

// publishable: not shared or link-local (spec 04 §2.2).
func publishable(a netip.Addr) bool {
	if linkLocal(a) {
		return false
	}
	return !a.Is4() || !shared4(a.As4())
}

// Private reports whether this is a private network.
func (d *Domains) Private() bool { return d.private }

// Network is what the domains were made from. It must not be changed.
func (d *Domains) Network() *platform.Network { return &d.network }

// IsGlobal is [IsGlobal], or in a private network any unicast address.
func (d *Domains) IsGlobal(a netip.Addr) bool {
	if !d.private {
		return IsGlobal(a)
	}
	a = a.Unmap()
	return a.IsValid() && !a.IsUnspecified() && !a.IsMulticast() &&
		a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// DomainOf is the domain that holds an address; false: none (spec 04 §2.2).
func (d *Domains) DomainOf(a netip.Addr) (wire.RoutingDomain, bool) {
	a = a.Unmap().WithZone("")
	if d.IsGlobal(a) {
		return wire.PublicInternet, true
	}
	if a.IsLoopback() && !d.network.Hidden {
		return wire.LocalNetwork, true
	}
	for _, p := range d.local {
		if p.Contains(a) {
			return wire.LocalNetwork, true
		}
	}
	return 0, false
}

// DomainOfFlow is the domain of a flow; false: what comes over it is dropped
// (spec 02 §1.5). local may be the zero value.
func (d *Domains) DomainOfFlow(remote, local netip.AddrPort) (wire.RoutingDomain, bool) {
	domain, ok := d.DomainOf(remote.Addr())
	if !ok {
		return 0, false
	}
	l, r := local.Addr().Unmap(), remote.Addr().Unmap()
	if !l.IsValid() || l.IsUnspecified() || IsSynthetic(l) || linkLocal(l) && !linkLocal(r) {
		return domain, true
	}
	own, ok := d.DomainOf(l)
	if !ok {
		return 0, false
	}
	return max(domain, own), true // a pair of both is PublicInternet
}

// ValidDialInfo reports whether a dial info can be published in a domain: port
// set, address held by the domain, and global or local, so never loopback
// (spec 04 §2.1, §2.3).
func (d *Domains) ValidDialInfo(domain wire.RoutingDomain, di wire.DialInfo) bool {
	a := di.Addr.Addr()
	if di.Addr.Port() == 0 || !d.IsGlobal(a) && !IsLocal(a) {
		return false
	}
	held, ok := d.DomainOf(a)
	return ok && held == domain
}

// ValidNodeInfo reports whether a node is valid in a domain: every dial info of it
// and of its relays is, and there is one (spec 04 §2.3).
func (d *Domains) ValidNodeInfo(domain wire.RoutingDomain, info *wire.NodeInfo) bool {
	some := false
	for i := range info.DialInfo {
		if !d.ValidDialInfo(domain, info.DialInfo[i].DialInfo) {
			return false
		}
		some = true
	}
	for i := range info.Relays {
		for j := range info.Relays[i].DialInfo {
			if !d.ValidDialInfo(domain, info.Relays[i].DialInfo[j].DialInfo) {
				return false
			}
			some = true
		}
	}
	return some
}

// Assign is the domain of a node description that arrived over a domain; false:
// the description is ignored (spec 04 §2.3).
func (d *Domains) Assign(info *wire.NodeInfo, arrived wire.RoutingDomain) (wire.RoutingDomain, bool) {
	if arrived == wire.LocalNetwork && d.ValidNodeInfo(wire.LocalNetwork, info) {
		return wire.LocalNetwork, true
	}
	if d.ValidNodeInfo(wire.PublicInternet, info) {
		return wire.PublicInternet, true
	}
	return 0, false
}

// PublicationAddrs are the interface addresses to publish in a domain: local ones
// in LocalNetwork, and in PublicInternet the global ones of the interface that the
// kernel sends from (spec 04 §2.2). In a private network it is the address that
// the kernel sends from, or, without one, loopback.
func (d *Domains) PublicationAddrs(domain wire.RoutingDomain) []netip.Addr {
	var addrs []netip.Addr
	for _, a := range d.interfaces {
		keep := false
		switch {
		case domain == wire.LocalNetwork:
			keep = !d.private && IsLocal(a) && !IsGlobal(a)
		case d.private:
			egress := d.Egress(wire.AddressTypeOf(a)).Source.Unmap()
			keep = a == egress || !egress.IsValid() && a.IsLoopback()
		default:
			keep = IsGlobal(a) && d.onEgress(a)
		}
		if keep && !slices.Contains(addrs, a) {
			addrs = append(addrs, a)
		}
	}
	return addrs
}

// onEgress reports whether an address is on the interface that the kernel sends
// from in that family.
func (d *Domains) onEgress(a netip.Addr) bool {
	egress := d.Egress(wire.AddressTypeOf(a)).Source.Unmap().WithZone("")
	if !egress.IsValid() {
		return false
	}
	for _, i := range d.network.Interfaces {
		has, sends := false, false
		for _, ia := range i.Addrs {
			addr := ia.Prefix.Addr().Unmap().WithZone("")
			has = has || addr == a
			sends = sends || addr == egress
		}
		if has && sends {
			return true
		}
	}
	return false
}

// Egress is how packets of a family leave the device.
func (d *Domains) Egress(family wire.AddressType) platform.Egress {
	if family == wire.IPv4 {
		return d.network.Egress4
	}
	return d.network.Egress6
}

// CarrierNAT reports whether packets of a family leave from a shared address, so
// that hole punches need a longer reach (spec 04 §10.4).
func (d *Domains) CarrierNAT(family wire.AddressType) bool {
	a := d.Egress(family).Source.Unmap()
	return a.Is4() && shared4(a.As4())
}

// OnInterface reports whether an address is one of our own. Dial info at another
// address is translated somewhere (spec 04 §3.2).
func (d *Domains) OnInterface(domain wire.RoutingDomain, a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if d.private {
		return slices.Contains(d.running, a)
	}
	return slices.Contains(d.PublicationAddrs(domain), a)
}

// AddressTypes are the families that can be used in a domain, of those allowed
// (spec 04 §3.1): PublicInternet has IPv4 with an address and a default gateway,
// and IPv6 with a global address.
//
// A platform that hides its network has all of them in PublicInternet, until trying
// tells (spec 04 §14), and none when it is offline; a private network may be on the
// device itself and does not care.
func (d *Domains) AddressTypes(domain wire.RoutingDomain, allowed wire.AddressSet) wire.AddressSet {
	var set wire.AddressSet
	if d.network.Hidden {
		if domain == wire.PublicInternet && (d.private || !d.network.Offline) {
			set = allowed
		}
		return set
	}
	if domain == wire.LocalNetwork || d.private {
		for _, a := range d.PublicationAddrs(domain) {
			set |= wire.Addresses(wire.AddressTypeOf(a))
		}
		return set & allowed
	}
	egress := d.network.Egress4
	if egress.Source.IsValid() && (egress.Gateway.IsValid() || !egress.GatewayKnown) &&
		slices.ContainsFunc(d.running, func(a netip.Addr) bool { return a.Is4() && !a.IsLoopback() }) {
		set |= wire.Addresses(wire.IPv4)
	}
	if d.hasGlobal(wire.IPv6) {
		set |= wire.Addresses(wire.IPv6)
	}
	return set & allowed
}

// NeedsDetection is what address detection set to automatic means: some family in
// use has no global interface address (spec 04 §3.1).
func (d *Domains) NeedsDetection(families wire.AddressSet) bool {
	return families.Has(wire.IPv4) && !d.hasGlobal(wire.IPv4) ||
		families.Has(wire.IPv6) && !d.hasGlobal(wire.IPv6)
}

func (d *Domains) hasGlobal(family wire.AddressType) bool {
	return slices.ContainsFunc(d.PublicationAddrs(wire.PublicInternet), func(a netip.Addr) bool {
		return wire.AddressTypeOf(a) == family
	})
}

// place is what block rules compare: the block of an address, or in a private
// network the address and port.
func (d *Domains) place(ap netip.AddrPort) netip.AddrPort {
	if d.private {
		return ap
	}
	return netip.AddrPortFrom(Block(ap.Addr()), 0)
}

// host is what "shares an IP" rules compare: the address, or in a private network
// the address and port.
func (d *Domains) host(ap netip.AddrPort) netip.AddrPort {
	if d.private {
		return ap
	}
	return netip.AddrPortFrom(ap.Addr(), 0)
}
