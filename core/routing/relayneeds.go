package routing

import (
	"slices"

	"github.com/voile-net/voile/core/wire"
)

// Keepalive is a mapping of a NAT that goes away unless one of our relays is
// pinged through it (spec 04 §3.2).
type Keepalive struct {
	LowLevel wire.ProtocolType // UDP or TCP
	Family   wire.AddressType
	Port     uint16 // of the dial info
}

// RelayNeeds is what our own dial info leaves for relays to supply (spec 04 §3.2).
type RelayNeeds struct {
	transports transportSet
	orderings  [orderingCount]wire.AddressSet
	keepalives []Keepalive
}

// Needed reports that at least one relay is needed.
func (n *RelayNeeds) Needed() bool { return !n.Publishable() || n.Wanted() }

// Publishable reports that our description can be published: both orderings can
// be reached in both families, and every NAT mapping is kept open.
func (n *RelayNeeds) Publishable() bool {
	return len(n.keepalives) == 0 && n.orderings == [orderingCount]wire.AddressSet{}
}

// Wanted reports that a further relay could still supply something.
func (n *RelayNeeds) Wanted() bool { return len(n.keepalives) > 0 || n.transports != 0 }

// Transports lists the transports that are wanted, by protocol, IPv6 first.
func (n *RelayNeeds) Transports() []Transport {
	var list []Transport
	for _, p := range []wire.ProtocolType{wire.UDP, wire.TCP, wire.WS, wire.WSS} {
		for _, f := range []wire.AddressType{wire.IPv6, wire.IPv4} {
			if n.transports.has(Transport{p, f}) {
				list = append(list, Transport{p, f})
			}
		}
	}
	return list
}

// Orderings are the families in which an ordering is still wanted.
func (n *RelayNeeds) Orderings(o Ordering) wire.AddressSet { return n.orderings[o] }

// Keepalives lists the mappings that a relay ping has to keep open.
func (n *RelayNeeds) Keepalives() []Keepalive { return slices.Clone(n.keepalives) }

func (n *RelayNeeds) clone() RelayNeeds {
	c := *n
	c.keepalives = slices.Clone(n.keepalives)
	return c
}

// supply takes a transport off, and its ordering in its family with it.
func (n *RelayNeeds) supply(t Transport) {
	n.transports &^= 1 << t.index()
	n.orderings[t.Ordering()] &^= wire.Addresses(t.Family)
}

// keepsAlive reports whether a ping over the transport covers a wanted keepalive.
func (n *RelayNeeds) keepsAlive(t Transport) bool {
	return slices.ContainsFunc(n.keepalives, func(k Keepalive) bool {
		return k.LowLevel == t.Protocol.LowLevel() && k.Family == t.Family
	})
}

func (n *RelayNeeds) kept(t Transport) {
	n.keepalives = slices.DeleteFunc(n.keepalives, func(k Keepalive) bool {
		return k.LowLevel == t.Protocol.LowLevel() && k.Family == t.Family
	})
}

// RelayNeeds is what our dial info leaves for relays to supply.
func (o *Own) RelayNeeds() RelayNeeds {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.relayNeedsLocked()
}

func (o *Own) relayNeedsLocked() RelayNeeds {
	domains := o.table.Domains()
	all := DialFilter{wire.AllProtocols, wire.AllAddresses}
	if o.table.thresholds.OwnTransportsOnly {
		all = DialFilter{o.setup.Inbound, o.setup.Families}
		if all.Protocols == 0 { // a browser: what it can dial, others can reach it by
			all.Protocols = o.setup.Outbound
		}
	}
	return relayNeeds(all, o.dialInfoLocked(), func(di wire.DialInfo) bool {
		return !domains.OnInterface(o.domain, di.Addr.Addr())
	})
}

// relayNeeds is the rule of spec 04 §3.2: of all transports wanted, what dial info
// in families that are not translated does not supply.
func relayNeeds(all DialFilter, own []wire.DialInfoDetail, translated func(wire.DialInfo) bool) RelayNeeds {
	var n RelayNeeds
	for _, p := range []wire.ProtocolType{wire.UDP, wire.TCP, wire.WS, wire.WSS} {
		for _, f := range []wire.AddressType{wire.IPv6, wire.IPv4} {
			if t := (Transport{p, f}); all.Matches(t) {
				n.transports = n.transports.with(t)
				n.orderings[t.Ordering()] |= wire.Addresses(f)
			}
		}
	}
	var translatedFamilies wire.AddressSet
	for i := range own {
		if translated(own[i].DialInfo) {
			translatedFamilies |= wire.Addresses(own[i].DialInfo.AddressType())
		}
	}
	for i := range own {
		d := own[i].DialInfo
		if !own[i].Class.NeedsSignal() && !translatedFamilies.Has(d.AddressType()) {
			n.supply(TransportOf(d))
		}
		if own[i].Class == wire.ClassFullConeNAT {
			k := Keepalive{d.Protocol.LowLevel(), d.AddressType(), d.Addr.Port()}
			if !slices.Contains(n.keepalives, k) {
				n.keepalives = append(n.keepalives, k)
			}
		}
	}
	return n
}
