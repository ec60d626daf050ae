package routing

import (
	"slices"
	"time"

	"github.com/voile-net/voile/core/wire"
)

// AnsweredOver reports whether some peer has answered, since a moment, a question
// that we sent it over a connection of our own in this family (spec 04 §14).
func (t *Table) AnsweredOver(family wire.AddressType, since time.Time) bool {
	at := stampOf(since)
	return slices.ContainsFunc(t.Entries(), func(e *Entry) bool { return e.answeredOver(family, at) })
}

func (e *Entry) answeredOver(family wire.AddressType, since stamp) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.acc.transport {
		if a := e.acc.transport[i].lastAnswer; transportAt(i).Family == family && a != 0 && a >= since {
			return true
		}
	}
	return false
}

// FamilyProbe is a node to ask whether a family works.
type FamilyProbe struct {
	Entry    *Entry
	DialInfo wire.DialInfo // its own, of that family
}

// FamilyProbes are nodes that have answered over another family since a moment and
// that can be dialled over this one, the fastest first: none as long as there are
// fewer than the threshold, and at most limit (spec 04 §14).
func (t *Table) FamilyProbes(family wire.AddressType, since time.Time, limit int, now time.Time) []FamilyProbe {
	protocols := t.own[wire.PublicInternet].Outbound().Protocols
	usable := func(d wire.DialInfoDetail) bool {
		return !d.Class.NeedsSignal() && protocols.Has(d.DialInfo.Protocol) && d.DialInfo.AddressType() == family
	}
	other := wire.IPv4
	if family == wire.IPv4 {
		other = wire.IPv6
	}
	at := stampOf(since)
	candidates := t.Fastest(max(limit, t.thresholds.FamilyCandidates), func(e *Entry, _ State) bool {
		p := e.SignedPeerInfo(wire.PublicInternet)
		return p != nil && slices.ContainsFunc(p.Info.DialInfo, usable) && e.answeredOver(other, at)
	}, now)
	if len(candidates) < t.thresholds.FamilyCandidates {
		return nil
	}
	var list []FamilyProbe
	for _, e := range candidates[:min(limit, len(candidates))] {
		p := e.SignedPeerInfo(wire.PublicInternet)
		if p == nil {
			continue
		}
		if i := slices.IndexFunc(p.Info.DialInfo, usable); i >= 0 {
			list = append(list, FamilyProbe{e, p.Info.DialInfo[i].DialInfo})
		}
	}
	return list
}
