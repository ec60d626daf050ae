package routing

import (
	"cmp"
	"slices"
	"time"

	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/core/wire"
)

// Times of the ping validator (spec 04 §6.1).
const (
	unreliablePing  = rpcTimeout
	firstFalloff    = 10 * time.Second
	maxFalloff      = 120 * time.Second
	falloffFromThen = 55 * time.Second // after the first steady answer
)

// PingReason says why a peer is to be asked for its status, in order of priority
// (spec 04 §6.1: 50, 75, 100).
type PingReason uint8

const (
	PingNoStatus    PingReason = iota // it never sent a node status
	PingOldNodeInfo                   // it does not hold our published description
	PingTiming                        // it is time on one ordering
)

// Ping is a StatusQ to send.
type Ping struct {
	Entry      *Entry
	Domain     wire.RoutingDomain
	Reason     PingReason
	Filter     DialFilter      // restricted to the ordering, for PingTiming
	Sequencing wire.Sequencing // to send it with
}

// PingCandidates lists the pings that are due in a domain, most urgent first. The
// caller bounds how many are in flight (spec 04 §6.1: 32); what is left over is
// due again at the next tick.
func (t *Table) PingCandidates(domain wire.RoutingDomain, now time.Time) []Ping {
	own := t.own[domain]
	outbound := own.Outbound()
	published := own.Published()
	at := t.excused(now)
	excuse := stamp(t.excuse.Load())

	type due struct {
		ping Ping
		seen stamp
	}
	var list []due
	for _, e := range t.Entries() {
		p := e.PeerInfo(domain)
		if p == nil {
			continue
		}
		supported := announcedOrderings(&p.Info, outbound)
		e.mu.Lock()
		state, _ := e.acc.state(at)
		seen := e.acc.node.lastSeen
		ping := Ping{Entry: e, Domain: domain, Filter: outbound, Sequencing: wire.PreferOrdered}
		if state.MaybeLive() {
			timed := false
			for o := range supported {
				if supported[o] && pingDue(&e.acc.ordering[o], state, at.now, excuse) {
					timed = true
					one := ping
					one.Reason = PingTiming
					one.Filter.Protocols &= Ordering(o).Protocols()
					one.Sequencing = Ordering(o).Strict()
					list = append(list, due{one, seen})
				}
			}
			switch {
			case timed || !state.Responsive() || published == nil:
			case e.seenOurs[domain] != published.Info.Timestamp:
				ping.Reason = PingOldNodeInfo
				list = append(list, due{ping, seen})
			case !e.status[domain]:
				ping.Reason = PingNoStatus
				list = append(list, due{ping, seen})
			}
		}
		e.mu.Unlock()
	}
	sorting.Stable(list, func(a, b due) int {
		return cmp.Or(cmp.Compare(a.ping.Reason, b.ping.Reason), cmp.Compare(b.seen, a.seen))
	})
	pings := make([]Ping, len(list))
	for i := range list {
		pings[i] = list[i].ping
	}
	return pings
}

// announcedOrderings are the orderings in which a node, or a relay of it, has dial
// info that we can use.
func announcedOrderings(info *wire.NodeInfo, outbound DialFilter) (has [orderingCount]bool) {
	look := func(list []wire.DialInfoDetail) {
		for i := range list {
			if t := TransportOf(list[i].DialInfo); outbound.Matches(t) {
				has[t.Ordering()] = true
			}
		}
	}
	look(info.DialInfo)
	for i := range info.Relays {
		look(info.Relays[i].DialInfo)
	}
	return has
}

// pingDue decides for one ordering of an entry (spec 04 §6.1, 1).
func pingDue(c *counters, state State, now, excuse stamp) bool {
	switch {
	case c.lastQuestion == 0:
		return true
	case c.lost >= failingRun:
		// Counted from the first loss, starting at 5 s.
		return falloffDue(c.lostAt, c.lastQuestion, now, unreliablePing)
	case state != StateReliable || c.steadySince == 0:
		return c.lastQuestion.since(now) >= unreliablePing
	}
	steady := c.steadySince + excuse // by the clock
	return falloffDue(steady+stamp(falloffFromThen.Microseconds()), c.lastQuestion, now, firstFalloff)
}

// falloffDue spaces questions out: none before first, then whenever the time since
// t0 has doubled, and at the latest after 120 s (spec 04 §6.1).
func falloffDue(t0, last, now stamp, first time.Duration) bool {
	cur := t0.since(now)
	asked := t0.since(last)
	if cur < first {
		return false
	}
	return cur >= asked+maxFalloff || asked <= cur/2
}

// RefreshTargets are the entries of a kind to be asked for more peers by a peer
// minimum refresh: up to 20 live connectivity entries that answered at least once
// and were not asked anything for 60 s, fastest first (spec 04 §6.3).
func (t *Table) RefreshTargets(kind wire.CryptoKind, now time.Time) []*Entry {
	at := stampOf(now)
	return t.Fastest(MaxFindNode, func(e *Entry, _ State) bool {
		if _, ok := e.ID(kind); !ok || !hasCaps(e.PeerInfo(wire.PublicInternet), connectivityCaps[:]) {
			return false
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.acc.node.lastAnswer != 0 && e.acc.node.lastQuestion.since(at) >= time.Minute
	}, now)
}

// closestRefresh is how many nodes a closest peers refresh asks (spec 04 §6.4).
const closestRefresh = 5

// ClosestTargets are the entries of a kind to be asked by a closest peers refresh:
// the 5 nearest to us that serve records and answered at least once.
func (t *Table) ClosestTargets(kind wire.CryptoKind, now time.Time) []*Entry {
	own, ok := t.NodeID(kind)
	if !ok {
		return nil
	}
	return t.Closest(own.Coordinate(), closestRefresh, func(e *Entry, s State) bool {
		return s.Live() && hasCaps(e.PeerInfo(wire.PublicInternet), distanceCaps[:]) && e.Answered()
	}, now)
}

// wideSteps is the number of coordinates of a wide search (spec 04 §7.2).
const wideSteps = 16

// WideTargets are the entries that a wide search asks, each for its own id: for 16
// coordinates spread over the space from ours, the nearest live entry with the
// capabilities, reliable ones first; each entry once (spec 04 §7.2).
func (t *Table) WideTargets(kind wire.CryptoKind, caps []wire.Capability, now time.Time) []*Entry {
	own, ok := t.NodeID(kind)
	if !ok {
		return nil
	}
	var list []*Entry
	for i := range wideSteps {
		point := own.Coordinate()
		point.Value[0] += byte(i*16 + 8)
		for _, e := range t.Closest(point, 1, func(e *Entry, s State) bool {
			return s.Live() && e.PeerInfo(wire.PublicInternet) != nil && hasCaps(e.PeerInfo(wire.PublicInternet), caps)
		}, now) {
			if !slices.Contains(list, e) {
				list = append(list, e)
			}
		}
	}
	return list
}

// Validators are the nodes that can tell and test our public address over a
// transport, fastest first (spec 04 §9.1, §9.3).
func (t *Table) Validators(n int, filter DialFilter, now time.Time) []*Entry {
	return t.Fastest(n, func(e *Entry, _ State) bool {
		p := e.SignedPeerInfo(wire.PublicInternet)
		return p != nil && e.PeerInfo(wire.LocalNetwork) == nil && IsValidator(&p.Info) &&
			slices.ContainsFunc(p.Info.DialInfo, func(d wire.DialInfoDetail) bool {
				return filter.Matches(TransportOf(d.DialInfo))
			})
	}, now)
}

// IsValidator reports whether a node has no relays, the capability to validate
// dial info, and only dial info that can be dialled directly (spec 04 §9.1).
func IsValidator(info *wire.NodeInfo) bool {
	return len(info.Relays) == 0 && slices.Contains(info.Capabilities, wire.CapDIAL) && OnlyDirect(info)
}

// OnlyDirect reports whether a node has dial info and none that needs a signal.
func OnlyDirect(info *wire.NodeInfo) bool {
	return len(info.DialInfo) > 0 && !slices.ContainsFunc(info.DialInfo, func(d wire.DialInfoDetail) bool {
		return d.Class.NeedsSignal()
	})
}
