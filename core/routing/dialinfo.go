package routing

import (
	"cmp"
	"slices"

	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/core/wire"
)

// Ordering is whether a transport keeps the order of messages.
type Ordering uint8

const (
	Unordered Ordering = iota // UDP
	Ordered                   // TCP, WS, WSS

	orderingCount = 2
)

// String names the ordering.
func (o Ordering) String() string {
	if o == Unordered {
		return "Unordered"
	}
	return "Ordered"
}

// OrderingOf is the ordering of a protocol.
func OrderingOf(p wire.ProtocolType) Ordering {
	if p.Ordered() {
		return Ordered
	}
	return Unordered
}

// Protocols are the protocols of an ordering.
func (o Ordering) Protocols() wire.ProtocolSet {
	if o == Unordered {
		return wire.Protocols(wire.UDP)
	}
	return wire.Protocols(wire.TCP, wire.WS, wire.WSS)
}

// Strict is the sequencing that uses no other ordering, given a filter for the
// protocols of this one (spec 05 §16).
func (o Ordering) Strict() wire.Sequencing {
	if o == Unordered {
		return wire.PreferUnordered
	}
	return wire.EnsureOrdered
}

// Transport is a protocol over a family.
type Transport struct {
	Protocol wire.ProtocolType
	Family   wire.AddressType
}

const transportCount = 8 // 4 protocols x 2 families

// TransportOf is the transport that a dial info uses.
func TransportOf(d wire.DialInfo) Transport { return Transport{d.Protocol, d.AddressType()} }

// Ordering is the ordering of the protocol.
func (t Transport) Ordering() Ordering { return OrderingOf(t.Protocol) }

// String is a short name such as "UDP/IPV4".
func (t Transport) String() string { return t.Protocol.String() + "/" + t.Family.String() }

func (t Transport) index() int { return int(t.Protocol&3)<<1 | int(t.Family&1) }

// transportSet is a set of transports; bit n stands for index n.
type transportSet uint8

func (s transportSet) has(t Transport) bool          { return s&(1<<t.index()) != 0 }
func (s transportSet) with(t Transport) transportSet { return s | 1<<t.index() }

// DialFilter selects dial infos by transport. The zero filter selects none.
type DialFilter struct {
	Protocols wire.ProtocolSet
	Families  wire.AddressSet
}

// AnyDialInfo selects everything.
func AnyDialInfo() DialFilter {
	return DialFilter{Protocols: wire.Protocols(wire.UDP, wire.TCP, wire.WS, wire.WSS), Families: wire.AllAddresses}
}

// Matches reports whether the filter selects a transport.
func (f DialFilter) Matches(t Transport) bool {
	return f.Protocols.Has(t.Protocol) && f.Families.Has(t.Family)
}

// And selects what both select.
func (f DialFilter) And(g DialFilter) DialFilter {
	return DialFilter{f.Protocols & g.Protocols, f.Families & g.Families}
}

// Sequenced leaves out what a sequencing forbids: EnsureOrdered allows no UDP.
func (f DialFilter) Sequenced(seq wire.Sequencing) DialFilter {
	if seq == wire.EnsureOrdered {
		f.Protocols &= Ordered.Protocols()
	}
	return f
}

// outboundFilter is what a node can dial.
func outboundFilter(info *wire.NodeInfo) DialFilter {
	return DialFilter{info.OutboundProtocols, info.AddressTypes}
}

// preference is the place of a protocol in the order TCP, WS, WSS, UDP
// (spec 02 §1.1).
func preference(p wire.ProtocolType) int {
	if p == wire.UDP {
		return 3
	}
	return int(p) - 1
}

// compareOrdered is the order of a list for PreferOrdered and EnsureOrdered:
// protocol TCP, WS, WSS, UDP, then dial info, then class (spec 04 §10.1).
func compareOrdered(a, b wire.DialInfoDetail) int {
	if c := cmp.Compare(preference(a.DialInfo.Protocol), preference(b.DialInfo.Protocol)); c != 0 {
		return c
	}
	if c := a.DialInfo.Compare(b.DialInfo); c != 0 {
		return c
	}
	return cmp.Compare(a.Class, b.Class)
}

// sortedDetails is a sorted copy without duplicates.
func sortedDetails(list ...[]wire.DialInfoDetail) []wire.DialInfoDetail {
	all := slices.Concat(list...)
	sorting.By(all, wire.DialInfoDetail.Compare)
	return slices.Compact(all)
}
