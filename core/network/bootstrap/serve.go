package bootstrap

import (
	"slices"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// How an answer to BOOT is mixed (spec 02 §13.4).
const (
	perTransport = 2  // nodes counted per protocol and family
	perKind      = 12 // nodes per crypto kind
)

// connectivity is what a node must offer to be named to newcomers.
var connectivity = [...]wire.Capability{wire.CapRLAY, wire.CapSGNL, wire.CapROUT, wire.CapDIAL}

// SelectV0 picks the peers of an answer to BOOT (spec 02 §13.4). candidates are
// the signed PublicInternet peer infos of live nodes that were not seen on the
// local network, the best first. own is put first whatever it offers, so that a
// network can begin with one server; nil: it is not published.
//
// A Veilid node leaves itself out; ours does not, on purpose.
func SelectV0(kinds crypto.Kinds, own *wire.PeerInfo, candidates []*wire.PeerInfo) []*wire.PeerInfo {
	var picked []*wire.PeerInfo
	if own != nil {
		picked = append(picked, own)
	}
	for _, kind := range kinds {
		var counts [3][2]int // protocol, family
		n := 0
		for _, p := range candidates {
			if n == perKind {
				break
			}
			if !hasKind(p, kind) || !offersAll(&p.Info) || !adds(&counts, &p.Info) {
				continue
			}
			n++
			if !slices.ContainsFunc(picked, func(q *wire.PeerInfo) bool { return sameNode(p, q) }) {
				picked = append(picked, p)
			}
		}
	}
	return picked
}

func hasKind(p *wire.PeerInfo, kind crypto.Kind) bool {
	return slices.ContainsFunc(p.NodeIDs, func(id crypto.NodeID) bool { return id.Kind == kind })
}

func sameNode(a, b *wire.PeerInfo) bool {
	return slices.ContainsFunc(a.NodeIDs, func(id crypto.NodeID) bool { return slices.Contains(b.NodeIDs, id) })
}

// offersAll: all connectivity capabilities, and nothing that needs a signal.
func offersAll(info *wire.NodeInfo) bool {
	for _, c := range connectivity {
		if !slices.Contains(info.Capabilities, c) {
			return false
		}
	}
	return len(info.DialInfo) > 0 && !slices.ContainsFunc(info.DialInfo, func(d wire.DialInfoDetail) bool {
		return d.Class.NeedsSignal()
	})
}

// adds counts the node under each of its transports and reports whether one of
// them still had room.
func adds(counts *[3][2]int, info *wire.NodeInfo) bool {
	var seen [3][2]bool
	added := false
	for _, d := range info.DialInfo {
		p, f := d.DialInfo.Protocol, d.DialInfo.AddressType()
		if p > wire.WS || seen[p][f] {
			continue
		}
		seen[p][f] = true
		if counts[p][f] < perTransport {
			counts[p][f]++
			added = true
		}
	}
	return added
}

// AnswerToV1 makes the answer to B01T of the served record strings (spec 02
// §13.5). lookup gives the signed PublicInternet peer info of a node, our own
// included, or nil. ok is false if there is nothing to answer.
func AnswerToV1(records []string, lookup func(crypto.NodeID) *wire.PeerInfo) (a AnswerV1, ok bool) {
	if len(records) == 0 {
		return AnswerV1{}, false
	}
	var parsed []resolved
	for _, text := range records {
		if r, err := Parse(text); err == nil {
			parsed = append(parsed, resolved{record: r})
		}
	}
	a.Records = records
	for _, r := range merged(parsed) {
		p := lookup(crypto.NodeIDOf(r.record.PublicKeys[0]))
		if p != nil && !slices.ContainsFunc(a.Peers, func(q *wire.PeerInfo) bool { return sameNode(p, q) }) {
			a.Peers = append(a.Peers, p)
		}
	}
	return a, true
}
