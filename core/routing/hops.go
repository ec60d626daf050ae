package routing

import (
	"slices"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/core/wire"
)

// HopQuery says what a route hop must be able to do (spec 05 §16).
type HopQuery struct {
	Ordering   Ordering        // of the route
	Sequencing wire.Sequencing // of the request
	Kinds      crypto.Kinds    // all must be supported
	// Avoid tells of an id whether its node, or a node that has it as a relay, is
	// not to be used; nil: none. It must not call back into this package.
	Avoid func(crypto.NodeID) bool
}

// HopCandidate is a node that passed the filters, with what a choice sorts by.
type HopCandidate struct {
	Entry        *Entry
	PeerInfo     *wire.PeerInfo // PublicInternet, signed
	State        State
	TM90         uint64    // µs; 0: no latency known
	SteadySince  time.Time // first steady answer on the ordering; zero: none
	Added        time.Time
	RelayCapable bool   // would qualify as a relay for us
	SharesBlock  bool   // it or a relay of it is in a block of us or a relay of ours
	Blocks       Places // of it and its relays
	RelayNodeIDs []crypto.NodeID
}

// HopCandidates lists the nodes that can be hops of our routes, by the filters of
// spec 05 §16 (geolocation is not supported), in the order of their ids so that
// equal nodes come out alike everywhere.
func (t *Table) HopCandidates(q HopQuery, now time.Time) []HopCandidate {
	domains := t.Domains()
	own := t.own[wire.PublicInternet]
	current := own.Current(now)
	hosts := domains.Hosts(&current.Info)
	blocks := domains.Blocks(&current.Info)
	relays := own.Relays()
	own.mu.Lock()
	judge := own.relayJudgeLocked(now)
	own.mu.Unlock()

	at := t.excused(now)
	var list []HopCandidate
	for _, e := range t.Entries() {
		p := e.SignedPeerInfo(wire.PublicInternet)
		if p == nil || e.PeerInfo(wire.LocalNetwork) != nil || !hopFits(p, q) ||
			slices.Contains(relays, e) || domains.Hosts(&p.Info).Overlaps(hosts) {
			continue
		}
		c := HopCandidate{Entry: e, PeerInfo: p}
		e.mu.Lock()
		c.State, _ = e.acc.state(at)
		if l, ok := e.latency.latency(); ok {
			c.TM90 = max(l.TM90, 1)
		}
		c.SteadySince = e.acc.ordering[q.Ordering].steadySince.Time()
		c.Added = e.added.Time()
		e.mu.Unlock()
		if !c.State.Responsive() {
			continue
		}
		c.RelayCapable = judge.judge(e) == relayFit
		c.Blocks = domains.Blocks(&p.Info)
		c.SharesBlock = c.Blocks.Overlaps(blocks)
		for i := range p.Info.Relays {
			c.RelayNodeIDs = append(c.RelayNodeIDs, p.Info.Relays[i].NodeIDs...)
		}
		list = append(list, c)
	}
	sorting.By(list, func(a, b HopCandidate) int { return compareIDs(a.Entry, b.Entry) })
	return list
}

// hopFits applies the filters that look at the description alone.
func hopFits(p *wire.PeerInfo, q HopQuery) bool {
	for _, k := range q.Kinds {
		if _, ok := idOfKind(p.NodeIDs, k); !ok {
			return false
		}
	}
	if q.Avoid != nil && slices.ContainsFunc(p.NodeIDs, q.Avoid) {
		return false
	}
	sequenced := AnyDialInfo().Sequenced(q.Sequencing)
	matches := func(f DialFilter) func(wire.DialInfoDetail) bool {
		return func(d wire.DialInfoDetail) bool { return f.Matches(TransportOf(d.DialInfo)) }
	}
	any := slices.ContainsFunc(p.Info.DialInfo, matches(sequenced))
	for i := range p.Info.Relays {
		r := &p.Info.Relays[i]
		if q.Avoid != nil && slices.ContainsFunc(r.NodeIDs, q.Avoid) {
			return false
		}
		any = any || slices.ContainsFunc(r.DialInfo, matches(sequenced))
	}
	return any && hasCaps(p, []wire.Capability{wire.CapROUT}) &&
		slices.ContainsFunc(p.Info.DialInfo, matches(DialFilter{q.Ordering.Protocols(), wire.AllAddresses}))
}
