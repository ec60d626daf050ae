package routing

import (
	"net/netip"
	"slices"
	"time"

	"github.com/voile-net/voile/core/wire"
)

// Places are blocks of addresses, or hosts: what diversity rules compare. Small
// lists without duplicates.
type Places []netip.AddrPort

func (p Places) with(ap netip.AddrPort) Places {
	if slices.Contains(p, ap) {
		return p
	}
	return append(p, ap)
}

// Overlaps reports whether two lists have an element in common.
func (p Places) Overlaps(q Places) bool {
	return slices.ContainsFunc(p, func(ap netip.AddrPort) bool { return slices.Contains(q, ap) })
}

// Blocks are the address blocks of a node and its relays (spec 04 §9.7); in a
// private network each address and port is one.
func (d *Domains) Blocks(info *wire.NodeInfo) (p Places) {
	for i := range info.DialInfo {
		p = p.with(d.place(info.DialInfo[i].DialInfo.Addr))
	}
	for i := range info.Relays {
		for j := range info.Relays[i].DialInfo {
			p = p.with(d.place(info.Relays[i].DialInfo[j].DialInfo.Addr))
		}
	}
	return p
}

// OwnBlocks are the address blocks of a node without its relays.
func (d *Domains) OwnBlocks(info *wire.NodeInfo) (p Places) {
	for i := range info.DialInfo {
		p = p.with(d.place(info.DialInfo[i].DialInfo.Addr))
	}
	return p
}

// Hosts are the addresses of a node without its relays; in a private network each
// address and port is one.
func (d *Domains) Hosts(info *wire.NodeInfo) (p Places) {
	for i := range info.DialInfo {
		p = p.with(d.host(info.DialInfo[i].DialInfo.Addr))
	}
	return p
}

// sharesPlace reports whether a node or a relay of it is in one of the blocks.
func (d *Domains) sharesPlace(info *wire.NodeInfo, blocks Places) bool {
	for i := range info.DialInfo {
		if slices.Contains(blocks, d.place(info.DialInfo[i].DialInfo.Addr)) {
			return true
		}
	}
	for i := range info.Relays {
		for j := range info.Relays[i].DialInfo {
			if slices.Contains(blocks, d.place(info.Relays[i].DialInfo[j].DialInfo.Addr)) {
				return true
			}
		}
	}
	return false
}

// ownPlaces are the blocks of us and our relays.
func (o *Own) ownPlaces(now time.Time) Places {
	return o.table.Domains().Blocks(&o.Current(now).Info)
}
