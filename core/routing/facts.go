package routing

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// EntryFacts is everything about an entry that people ask for when they look for a
// fault. It is a copy.
type EntryFacts struct {
	Flows      []FlowFact
	Senders    []SenderFact // our own address, as the peer sees it
	Node       CounterFacts
	Orderings  [orderingCount]CounterFacts
	Transports []TransportFact // those that were ever dialled
	Viable     [orderingCount]ViableFact
	Failures   []FailureFact
	Holds      int      // whoever waits for something of the peer
	Lived      *Latency // of protected connections; nil: none ended
}

// FlowFact is a last flow.
type FlowFact struct {
	Flow     transport.Flow
	Received time.Time
}

// SenderFact is a report of our own address.
type SenderFact struct {
	Domain    wire.RoutingDomain
	Transport Transport
	Addr      netip.AddrPort
}

// CounterFacts is a row of the accounts of an entry. Times are zero for never.
type CounterFacts struct {
	Sent, Received uint32
	Answers        uint32
	Lost           uint32 // answers in a row
	Failed         uint32 // sends in a row
	LastQuestion   time.Time
	LastSeen       time.Time
	SteadySince    time.Time // first answer of the unbroken run
	LossSince      time.Time // first loss since the last answer
}

// TransportFact is the account of a transport that was dialled.
type TransportFact struct {
	Transport Transport
	Failing   bool
	CounterFacts
}

// ViableFact says how an ordering could reach the peer.
type ViableFact struct {
	Direct   []Transport
	Indirect bool
}

// FailureFact is a contact method that failed.
type FailureFact struct {
	Method ContactMethod
	At     time.Time
}

func (c *counters) facts() CounterFacts {
	return CounterFacts{
		Sent: c.sent, Received: c.received, Answers: c.answers, Lost: c.lost, Failed: c.failed,
		LastQuestion: c.lastQuestion.Time(), LastSeen: c.lastSeen.Time(),
		SteadySince: c.steadySince.Time(), LossSince: c.lostAt.Time(),
	}
}

// Facts copies everything that is known of the entry beside its descriptions.
func (e *Entry) Facts() EntryFacts {
	e.mu.Lock()
	defer e.mu.Unlock()
	f := EntryFacts{Node: e.acc.node.facts(), Holds: int(e.holds.Load())}
	for _, r := range e.flows {
		f.Flows = append(f.Flows, FlowFact{r.flow, r.at.Time()})
	}
	for k, a := range e.senders {
		f.Senders = append(f.Senders, SenderFact{k.domain, k.transport, a})
	}
	sorting.By(f.Senders, func(a, b SenderFact) int {
		return cmp.Or(cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Transport.index(), b.Transport.index()))
	})
	for o := range e.acc.ordering {
		f.Orderings[o] = e.acc.ordering[o].facts()
		v := e.acc.viable[o]
		f.Viable[o].Indirect = v.some && !v.allDirect
		for i := range transportCount {
			if v.firstHops&(1<<i) != 0 {
				f.Viable[o].Direct = append(f.Viable[o].Direct, transportAt(i))
			}
		}
	}
	for i := range e.acc.transport {
		if c := &e.acc.transport[i]; c.sent > 0 || c.received > 0 || c.failed > 0 {
			f.Transports = append(f.Transports, TransportFact{transportAt(i), c.failing(), c.facts()})
		}
	}
	for m, at := range e.failures {
		f.Failures = append(f.Failures, FailureFact{m, at.Time()})
	}
	sorting.By(f.Failures, func(a, b FailureFact) int { return a.At.Compare(b.At) })
	if l, ok := e.lived.latency(); ok {
		f.Lived = &l
	}
	return f
}

// Bucket is a bucket that is not empty.
type Bucket struct {
	Index   int
	Entries []*Entry
}

// Buckets lists the buckets of a kind that hold something.
func (t *Table) Buckets(kind crypto.Kind) []Bucket {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var list []Bucket
	for i, k := range t.kinds {
		if k != kind {
			continue
		}
		for index, members := range t.sets[i].buckets {
			if len(members) == 0 {
				continue
			}
			b := Bucket{Index: index}
			for _, m := range members {
				b.Entries = append(b.Entries, m.entry)
			}
			list = append(list, b)
		}
	}
	return list
}

// UseRelays makes nodes our relays in place of those chosen by rule, as far as the
// own needs have a use for them; none: no relay. The rules may replace them again
// when they fail or are not needed. It reports whether the choice has changed, and
// how many are relays now.
func (o *Own) UseRelays(entries []*Entry, now time.Time) (changed bool, used int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	needs := o.relayNeedsLocked()
	judge := o.relayJudgeLocked(now)
	at := stampOf(now)
	var chosen []*relay
	for _, e := range entries {
		p := e.SignedPeerInfo(o.domain)
		if p == nil || len(chosen) == wire.MaxRelayInfos {
			continue
		}
		r, useful := needs.apply(p, judge.outbound)
		if !useful {
			continue
		}
		r.entry, r.samples, r.checked = e, e.latencySamples(), at
		chosen = append(chosen, &r)
	}
	if len(chosen) == 0 && len(o.relays) == 0 {
		return false, 0
	}
	o.useLocked(chosen)
	return true, len(chosen)
}

// transportAt is the transport of an index.
func transportAt(i int) Transport {
	return Transport{wire.ProtocolType(i >> 1), wire.AddressType(i & 1)}
}

// Tally counts entries: any, those that serve connectivity, and those that serve
// records (spec 04 §2.4).
type Tally struct{ Any, Connectivity, Distance int }

func (t *Tally) add(p *wire.PeerInfo) {
	t.Any++
	if hasCaps(p, connectivityCaps[:]) {
		t.Connectivity++
	}
	if hasCaps(p, distanceCaps[:]) {
		t.Distance++
	}
}

// least is the smaller of each count.
func (t Tally) least(u Tally) Tally {
	return Tally{min(t.Any, u.Any), min(t.Connectivity, u.Connectivity), min(t.Distance, u.Distance)}
}

// KindSummary counts the entries of a kind that have a description in a domain.
type KindSummary struct {
	Kind                     crypto.Kind
	Total, MaybeLive, Live   Tally
	LiveExternal, Responsive Tally  // external: not on our own network
	LowWater                 *Tally // see [KindCounts]; nil: no refresh has ended yet
}

// Summary counts the entries with a description in the domain, signed or not.
func (o *Own) Summary(now time.Time) []KindSummary {
	at := o.table.excused(now)
	ours := o.ownPlaces(now)
	domains := o.table.Domains()
	list := make([]KindSummary, len(o.table.kinds))
	for i, kind := range o.table.kinds {
		list[i] = KindSummary{Kind: kind}
	}
	for _, e := range o.table.Entries() {
		p := e.PeerInfo(o.domain)
		if p == nil {
			continue
		}
		s := e.stateAt(at)
		for _, id := range e.NodeIDs() {
			i := slices.Index(o.table.kinds, id.Kind)
			if i < 0 {
				continue
			}
			c := &list[i]
			c.Total.add(p)
			if s.MaybeLive() {
				c.MaybeLive.add(p)
			}
			if s.Live() {
				c.Live.add(p)
				if !domains.sharesPlace(&p.Info, ours) {
					c.LiveExternal.add(p)
				}
			}
			if s.Responsive() {
				c.Responsive.add(p)
			}
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range list {
		if low, ok := o.counts.lowWater[list[i].Kind]; ok {
			list[i].LowWater = &low
		}
	}
	return list
}
