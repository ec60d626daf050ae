package routing

import (
	"slices"
	"time"

	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/core/wire"
)

// Rules of the choice of relays (spec 04 §10.2, §6.2).
const (
	relayPercentile   = 75               // picked from the fastest 25 %
	relayDropBelow    = 10.0             // percentile
	relaySlowBelow    = 50.0             // percentile, if also twice as slow as its best
	relayCheckPeriod  = 10 * time.Second // between looks at the percentile
	relayCheckSamples = 50               // of latency since the selection
	relayPingPeriod   = 10 * time.Second
	minLifetime       = 20 * time.Second // of protected connections, tm90
	minLifetimeCount  = 3                // connections before their life counts
)

// relay is a node that we name as our relay.
type relay struct {
	entry    *Entry
	dialInfo []wire.DialInfoDetail // chosen of its own, goes into our RelayInfo
	pings    []wire.DialInfo
	samples  uint64 // latency samples of the entry at the selection
	best     uint64 // lowest tm90 since then, µs; 0: none yet
	checked  stamp
	pinged   stamp // 0: not yet
}

// info is the RelayInfo to publish; false: the relay's own description is gone or
// has none of the chosen dial info any more.
func (r *relay) info(domain wire.RoutingDomain) (wire.RelayInfo, bool) {
	p := r.entry.PeerInfo(domain)
	if p == nil {
		return wire.RelayInfo{}, false
	}
	info := wire.RelayInfo{
		Timestamp:         p.Info.Timestamp,
		NodeIDs:           p.NodeIDs,
		OutboundProtocols: p.Info.OutboundProtocols,
		AddressTypes:      p.Info.AddressTypes,
		Kind:              wire.RelayInbound,
		ReceiveMTUs:       p.Info.ReceiveMTUs,
	}
	for _, d := range r.dialInfo {
		if slices.Contains(p.Info.DialInfo, d) {
			info.DialInfo = append(info.DialInfo, d)
		}
	}
	return info, len(info.DialInfo) > 0
}

// apply takes what is wanted of a node's dial info, and reports whether that was
// anything (spec 04 §10.2).
func (n *RelayNeeds) apply(p *wire.PeerInfo, outbound DialFilter) (r relay, useful bool) {
	var reachable bool
	var pinged [orderingCount]bool
	direct := slices.DeleteFunc(slices.Clone(p.Info.DialInfo), func(d wire.DialInfoDetail) bool {
		reachable = reachable || !d.Class.NeedsSignal() && outbound.Matches(TransportOf(d.DialInfo))
		return d.Class.NeedsSignal()
	})
	if !reachable {
		return relay{}, false
	}
	before := n.clone()
	sorting.By(direct, compareOrdered)
	for _, d := range direct {
		t := TransportOf(d.DialInfo)
		if n.transports.has(t) {
			n.supply(t)
			r.dialInfo = append(r.dialInfo, d)
		}
		if o := t.Ordering(); outbound.Matches(t) && (!pinged[o] || n.keepsAlive(t)) {
			pinged[o] = true
			n.kept(t)
			r.pings = append(r.pings, d.DialInfo)
		}
	}
	if len(r.dialInfo) == 0 {
		*n = before
		return relay{}, false
	}
	return r, true
}

// relayFault is why a node cannot be our relay.
type relayFault uint8

const (
	relayFit        relayFault = iota
	relayUnproved              // has not answered over a transport that we dialled: no evidence yet
	relayUnsuitable            // breaks a rule
)

// relayJudge holds what the candidate rule compares with.
type relayJudge struct {
	own      *wire.PeerInfo // our current description
	outbound DialFilter
	blocks   Places
	domains  *Domains
}

func (o *Own) relayJudgeLocked(now time.Time) relayJudge {
	current := o.currentLocked(now)
	d := o.table.Domains()
	return relayJudge{
		own: current, outbound: outboundFilter(&current.Info),
		blocks: d.OwnBlocks(&current.Info), domains: d,
	}
}

// judge is the candidate rule of spec 04 §10.2, but for the state of the entry.
func (j *relayJudge) judge(e *Entry) relayFault {
	p := e.SignedPeerInfo(wire.PublicInternet)
	if p == nil || e.PeerInfo(wire.LocalNetwork) != nil || !hasCaps(p, []wire.Capability{wire.CapRLAY}) {
		return relayUnsuitable
	}
	for i := range p.Info.Relays {
		if sharesID(p.Info.Relays[i].NodeIDs, j.own.NodeIDs) {
			return relayUnsuitable
		}
	}
	for i := range p.Info.DialInfo {
		if slices.Contains(j.blocks, j.domains.place(p.Info.DialInfo[i].DialInfo.Addr)) {
			return relayUnsuitable
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, v := range j.own.Info.EnvelopeSupport {
		if !slices.Contains(e.versions, v) {
			return relayUnsuitable
		}
	}
	if l, ok := e.lived.latency(); ok && e.lived.total >= minLifetimeCount && l.TM90 < uint64(minLifetime.Microseconds()) {
		return relayUnsuitable
	}
	fault := relayUnsuitable
	for i := range p.Info.DialInfo {
		t := TransportOf(p.Info.DialInfo[i].DialInfo)
		c := &e.acc.transport[t.index()]
		switch {
		case p.Info.DialInfo[i].Class.NeedsSignal() || !j.outbound.Matches(t) || c.failing():
		case c.answers > 0:
			return relayFit
		default:
			fault = relayUnproved
		}
	}
	return fault
}

// RelayCapable reports whether a node would qualify as a relay for us: what route
// allocation calls relay-capable (spec 05 §16).
func (t *Table) RelayCapable(e *Entry, now time.Time) bool {
	if !e.State(now).Responsive() {
		return false
	}
	o := t.own[wire.PublicInternet]
	o.mu.Lock()
	j := o.relayJudgeLocked(now)
	o.mu.Unlock()
	return j.judge(e) == relayFit
}

// ManageRelays chooses our relays, once a second by rule: it keeps those that are
// still good, replaces bad ones and adds what is wanted, and reports whether the
// choice has changed. offline: we believe ourselves offline, and drop nobody for
// not answering (spec 04 §10.2).
func (o *Own) ManageRelays(offline bool, now time.Time) (changed bool) {
	if o.domain != wire.PublicInternet {
		return false
	}
	o.mu.Lock()
	needs := o.relayNeedsLocked()
	judge := o.relayJudgeLocked(now)
	idle := o.inboundStageLocked(now) < InboundNeedsRelays || !needs.Needed() && len(o.relays) == 0
	o.mu.Unlock()
	if idle {
		return false
	}
	// All entries are looked at without our lock, which every send takes.
	var candidates []*Entry
	if needs.Needed() {
		candidates = o.table.ByResponse(func(e *Entry, s State) bool {
			return s.Responsive() && judge.judge(e) == relayFit
		}, now)
	}

	o.mu.Lock()
	defer o.mu.Unlock()
	var chosen []*relay
	if needs = o.relayNeedsLocked(); needs.Needed() {
		chosen = o.chooseRelaysLocked(needs, judge, candidates, offline, now)
		if chosen == nil {
			return false // nothing that can be published: stay as we are
		}
	}
	if slices.EqualFunc(o.relays, chosen, func(a, b *relay) bool {
		return a.entry == b.entry && slices.Equal(a.dialInfo, b.dialInfo) && slices.Equal(a.pings, b.pings)
	}) {
		return false
	}
	o.useLocked(chosen)
	return true
}

// useLocked takes other relays in place of those before.
func (o *Own) useLocked(chosen []*relay) {
	for _, r := range chosen {
		r.entry.Hold()
	}
	for _, r := range o.relays {
		r.entry.Release()
	}
	o.relays = chosen
	o.changedLocked()
}

// chooseRelaysLocked returns nil if no choice can be published.
func (o *Own) chooseRelaysLocked(needs RelayNeeds, judge relayJudge, candidates []*Entry, offline bool, now time.Time) []*relay {
	at := stampOf(now)
	var chosen []*relay
	tried := make(map[*Entry]bool)
	take := func(e *Entry, old *relay) {
		tried[e] = true
		p := e.SignedPeerInfo(o.domain)
		if p == nil {
			return
		}
		r, useful := needs.apply(p, judge.outbound)
		if !useful {
			return
		}
		r.entry = e
		if old == nil {
			r.samples, r.checked = e.latencySamples(), at
		} else {
			r.samples, r.best, r.checked, r.pinged = old.samples, old.best, old.checked, old.pinged
		}
		chosen = append(chosen, &r)
	}
	for _, r := range o.relays {
		if r.keep(judge, candidates, offline, now) {
			take(r.entry, r)
		} else {
			tried[r.entry] = true
		}
	}
	for needs.Wanted() && len(chosen) < wire.MaxRelayInfos {
		rest := slices.DeleteFunc(slices.Clone(candidates), func(e *Entry) bool { return tried[e] })
		e := o.table.RandomFast(rest, relayPercentile)
		if e == nil {
			break
		}
		take(e, nil)
	}
	if len(chosen) == 0 || !needs.Publishable() {
		return nil
	}
	return chosen
}

// keep decides whether a relay stays (spec 04 §10.2).
func (r *relay) keep(judge relayJudge, candidates []*Entry, offline bool, now time.Time) bool {
	state := r.entry.State(now)
	if state <= StateDead || !r.entry.place.Load() ||
		!offline && state.Responsive() && judge.judge(r.entry) == relayUnsuitable {
		return false
	}
	at := stampOf(now)
	if r.checked.since(at) < relayCheckPeriod {
		return true
	}
	r.checked = at
	l, ok := r.entry.Latency()
	if !ok || r.entry.latencySamples()-r.samples < relayCheckSamples {
		return true
	}
	if r.best == 0 || l.TM90 < r.best {
		r.best = l.TM90
	}
	i := slices.Index(candidates, r.entry)
	if i < 0 {
		return true
	}
	percentile := Percentile(i, len(candidates))
	return percentile >= relayDropBelow && (percentile >= relaySlowBelow || l.TM90 <= 2*r.best)
}

func (e *Entry) latencySamples() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.latency == nil {
		return 0
	}
	return e.latency.total
}

// Relays lists the entries of our relays.
func (o *Own) Relays() []*Entry {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := make([]*Entry, len(o.relays))
	for i, r := range o.relays {
		list[i] = r.entry
	}
	return list
}

// RelayPing is a StatusQ to send to exactly one dial info of a relay.
type RelayPing struct {
	Relay    *Entry
	DialInfo wire.DialInfo
}

// RelayPings lists the keepalives that are due now, and counts them as sent
// (spec 04 §6.2).
func (o *Own) RelayPings(now time.Time) []RelayPing {
	at := stampOf(now)
	o.mu.Lock()
	defer o.mu.Unlock()
	var pings []RelayPing
	for _, r := range o.relays {
		if r.pinged != 0 && r.pinged.since(at) < relayPingPeriod {
			continue
		}
		r.pinged = at
		for _, d := range r.pings {
			pings = append(pings, RelayPing{r.entry, d})
		}
	}
	return pings
}

// RelayPingsDue makes every keepalive due now: the connections to the relays are
// gone.
func (o *Own) RelayPingsDue() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.relays {
		r.pinged = 0
	}
}

// ProtectedAddrs are the dial infos of our relays, whose connections are not to be
// closed (spec 04 §11.6).
func (o *Own) ProtectedAddrs() []wire.DialInfo {
	o.mu.Lock()
	defer o.mu.Unlock()
	var list []wire.DialInfo
	for _, r := range o.relays {
		if p := r.entry.PeerInfo(o.domain); p != nil {
			for _, d := range p.Info.DialInfo {
				list = append(list, d.DialInfo)
			}
		}
	}
	return list
}
