package routing

import (
	"cmp"
	"slices"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/core/wire"
)

// ContactKind is a way to reach a node (spec 04 §10.1).
type ContactKind uint8

const (
	ContactExisting        ContactKind = iota // we are its relay: it keeps a flow to us
	ContactDirect                             // dial it
	ContactSignalReverse                      // ask it, through a relay, to dial us
	ContactSignalHolePunch                    // ask it, through a relay, to punch towards us
	ContactInboundRelay                       // send to its relay
)

// String names the kind.
func (k ContactKind) String() string {
	names := [...]string{"Existing", "Direct", "SignalReverse", "SignalHolePunch", "InboundRelay"}
	if int(k) < len(names) {
		return names[k]
	}
	return "invalid"
}

// ContactMethod is one way to reach a node. It is comparable.
type ContactMethod struct {
	Kind ContactKind
	// DialInfo is what we send to first: the target's own for Direct, the relay's
	// for the signals and InboundRelay; zero for Existing.
	DialInfo wire.DialInfo
	Relay    crypto.NodeID // best id of the relay; zero for Existing and Direct
	Target   wire.DialInfo // SignalHolePunch: the target's UDP dial info to punch
	Own      wire.DialInfo // SignalHolePunch: ours, to be named in the signal
}

// Transport is the transport of the first hop; Existing has none (false).
func (m ContactMethod) Transport() (Transport, bool) {
	return TransportOf(m.DialInfo), m.Kind != ContactExisting
}

// reach computes contact methods from one node to another in one domain.
type reach struct {
	domains *Domains
	domain  wire.RoutingDomain
	filter  DialFilter
	seq     wire.Sequencing
}

// dialInfos are the entries of list, dial info of Y, that X can use, best first
// (spec 04 §10.1, dids).
func (r *reach) dialInfos(x *wire.NodeInfo, list []wire.DialInfoDetail, filter DialFilter) []wire.DialInfoDetail {
	allowed := outboundFilter(x).Sequenced(r.seq)
	usable := make([]wire.DialInfoDetail, 0, len(list))
	best := Unordered
	for _, d := range list {
		if !allowed.Matches(TransportOf(d.DialInfo)) || atAddress(x, d.DialInfo) {
			continue
		}
		usable = append(usable, d)
		best = max(best, OrderingOf(d.DialInfo.Protocol))
	}
	if r.seq != wire.PreferUnordered {
		sorting.Stable(usable, compareOrdered)
	}
	return slices.DeleteFunc(usable, func(d wire.DialInfoDetail) bool {
		return r.seq != wire.PreferUnordered && OrderingOf(d.DialInfo.Protocol) != best ||
			!filter.Matches(TransportOf(d.DialInfo)) || r.hairpin(x, d.DialInfo)
	})
}

// atAddress reports that d is an address and port of X itself.
func atAddress(x *wire.NodeInfo, d wire.DialInfo) bool {
	return slices.ContainsFunc(x.DialInfo, func(own wire.DialInfoDetail) bool { return own.DialInfo.Addr == d.Addr })
}

// hairpin reports that d is at an address of X: neighbours behind one address use
// relays (spec 04 §10.1 rule 4; PublicInternet only). In a private network only
// the same port counts, which rule 2 has removed already.
func (r *reach) hairpin(x *wire.NodeInfo, d wire.DialInfo) bool {
	if r.domain != wire.PublicInternet || r.domains.private {
		return false
	}
	return slices.ContainsFunc(x.DialInfo, func(own wire.DialInfoDetail) bool {
		return own.DialInfo.Addr.Addr() == d.Addr.Addr()
	})
}

// methods lists every way from a to b in the order of spec 04 §10.1. signal: a's
// description as used here is the one that others hold, so that signals about it
// make sense.
func (r *reach) methods(a, b *wire.PeerInfo, signal bool) []ContactMethod {
	if !sharesKind(a.NodeIDs, b.NodeIDs) {
		return nil
	}
	filter := r.filter.And(outboundFilter(&a.Info))
	direct := r.dialInfos(&a.Info, b.Info.DialInfo, filter)
	var list []ContactMethod
	if r.domain == wire.LocalNetwork {
		for _, t := range direct {
			if t.Class == wire.ClassDirect {
				list = append(list, ContactMethod{Kind: ContactDirect, DialInfo: t.DialInfo})
			}
		}
		return list
	}

	sequenced := AnyDialInfo().Sequenced(r.seq)
	for i := range b.Info.Relays {
		relay := &b.Info.Relays[i]
		if sharesID(relay.NodeIDs, a.NodeIDs) && slices.ContainsFunc(relay.DialInfo, func(d wire.DialInfoDetail) bool {
			return sequenced.Matches(TransportOf(d.DialInfo))
		}) {
			list = append(list, ContactMethod{Kind: ContactExisting})
			break
		}
	}
	for _, t := range direct {
		if !t.Class.NeedsSignal() {
			list = append(list, ContactMethod{Kind: ContactDirect, DialInfo: t.DialInfo})
		}
	}

	relays := r.viaRelays(a, b, filter)
	if len(relays) == 0 {
		return list
	}
	var back []wire.DialInfoDetail
	if signal {
		back = r.dialInfos(&b.Info, a.Info.DialInfo, AnyDialInfo())
	}
	if slices.ContainsFunc(back, func(d wire.DialInfoDetail) bool { return !d.Class.NeedsSignal() }) {
		list = appendKind(list, relays, ContactSignalReverse)
	}
	for _, t := range direct {
		for _, v := range back {
			if t.Class.NeedsSignal() && v.Class.NeedsSignal() && t.DialInfo.Protocol == wire.UDP &&
				v.DialInfo.Protocol == wire.UDP && t.DialInfo.AddressType() == v.DialInfo.AddressType() {
				for _, m := range relays {
					m.Kind, m.Target, m.Own = ContactSignalHolePunch, t.DialInfo, v.DialInfo
					list = append(list, m)
				}
			}
		}
	}
	return appendKind(list, relays, ContactInboundRelay)
}

func appendKind(list, relays []ContactMethod, kind ContactKind) []ContactMethod {
	for _, m := range relays {
		m.Kind = kind
		list = append(list, m)
	}
	return list
}

// viaRelays lists the dial infos of b's relays, other than a, that a can use.
func (r *reach) viaRelays(a, b *wire.PeerInfo, filter DialFilter) (list []ContactMethod) {
	for i := range b.Info.Relays {
		relay := &b.Info.Relays[i]
		if len(relay.NodeIDs) == 0 || sharesID(relay.NodeIDs, a.NodeIDs) {
			continue
		}
		for _, d := range r.dialInfos(&a.Info, relay.DialInfo, filter) {
			if !d.Class.NeedsSignal() {
				list = append(list, ContactMethod{DialInfo: d.DialInfo, Relay: relay.NodeIDs[0]})
			}
		}
	}
	return list
}

func sharesKind(a, b []crypto.NodeID) bool {
	return slices.ContainsFunc(a, func(id crypto.NodeID) bool {
		_, ok := idOfKind(b, id.Kind)
		return ok
	})
}

// ContactMethods lists every way from us to a peer in a domain, in the order of
// spec 04 §10.1; empty: none. It does not look at the state of the peer.
func (t *Table) ContactMethods(e *Entry, domain wire.RoutingDomain, filter DialFilter, seq wire.Sequencing, now time.Time) []ContactMethod {
	p := e.PeerInfo(domain)
	if p == nil {
		return nil
	}
	return t.ContactMethodsFor(p, filter, seq, now)
}

// ContactMethodsFor is ContactMethods for a description without an entry, in the
// domain that it names.
func (t *Table) ContactMethodsFor(p *wire.PeerInfo, filter DialFilter, seq wire.Sequencing, now time.Time) []ContactMethod {
	current, published := t.own[p.Domain].view(now)
	r := reach{domains: t.Domains(), domain: p.Domain, filter: filter, seq: seq}
	return r.methods(current, p, published)
}

// ContactPossible reports whether node a could contact node b in PublicInternet
// over transports of one ordering alone (spec 05 §16).
func (t *Table) ContactPossible(a, b *wire.PeerInfo, o Ordering) bool {
	r := reach{
		domains: t.Domains(), domain: wire.PublicInternet, seq: o.Strict(),
		filter: DialFilter{o.Protocols(), wire.AllAddresses},
	}
	return len(r.methods(a, b, true)) > 0
}

// Choice is a contact method, and how much there is to say against it.
type Choice struct {
	Method     ContactMethod
	Suppressed bool // our own sends on its transport are suppressed (spec 04 §11.7)
	Failing    bool // that transport of the target is failing
}

// ChooseMethod picks from the methods to a peer: not suppressed before suppressed,
// not failing before failing, IPv4 before IPv6, never failed before failed long
// ago before failed lately, then the order of the list (spec 04 §10.1).
// suppressed may be nil. false: the list is empty.
func (e *Entry) ChooseMethod(methods []ContactMethod, suppressed func(Transport) bool) (Choice, bool) {
	if len(methods) == 0 {
		return Choice{}, false
	}
	type rank struct {
		choice Choice
		family int // 0: IPv4, or no dial info at all
		failed stamp
	}
	ranks := make([]rank, len(methods))
	for i, m := range methods {
		ranks[i].choice.Method = m
		if t, ok := m.Transport(); ok {
			ranks[i].choice.Suppressed = suppressed != nil && suppressed(t)
			if t.Family == wire.IPv6 {
				ranks[i].family = 1
			}
		}
	}
	generation := e.table.generation.Load()
	e.mu.Lock()
	if e.methodsAt != generation { // our own description has changed since
		e.failures, e.methodsAt = nil, generation
	}
	for i, m := range methods {
		if t, ok := m.Transport(); ok {
			ranks[i].choice.Failing = e.acc.transport[t.index()].failing()
		}
		ranks[i].failed = e.failures[m]
	}
	e.mu.Unlock()
	best := slices.MinFunc(ranks, func(a, b rank) int { // the first of equals
		return cmp.Or(boolCompare(a.choice.Suppressed, b.choice.Suppressed),
			boolCompare(a.choice.Failing, b.choice.Failing),
			cmp.Compare(a.family, b.family), cmp.Compare(a.failed, b.failed))
	})
	return best.choice, true
}

// MethodFailed remembers that a contact method did not work. It is forgotten by a
// success, and when either description changes.
func (e *Entry) MethodFailed(m ContactMethod, now time.Time) {
	generation := e.table.generation.Load()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failures == nil || e.methodsAt != generation {
		e.failures, e.methodsAt = make(map[ContactMethod]stamp), generation
	}
	e.failures[m] = stampOf(now)
}

// MethodWorked forgets the failure of a contact method.
func (e *Entry) MethodWorked(m ContactMethod) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.failures, m)
}

// refreshViability works out anew what the contact methods of an entry come down
// to (spec 04 §5.2: an ordering is dead when all its methods are direct and fail).
func (t *Table) refreshViability(e *Entry, now time.Time) {
	generation := t.generation.Load()
	var viable [orderingCount]viability
	for d := range e.peers {
		p := e.peers[d].Load()
		if p == nil {
			continue
		}
		for o := range viable {
			ordering := Ordering(o)
			ms := t.ContactMethodsFor(p, DialFilter{ordering.Protocols(), wire.AllAddresses}, ordering.Strict(), now)
			viable[o] = viabilityOf(ms)
		}
		break // the best domain decides
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.acc.viable = viable
	e.viableAt = generation
}

func viabilityOf(methods []ContactMethod) viability {
	v := viability{some: len(methods) > 0, allDirect: true}
	for _, m := range methods {
		v.allDirect = v.allDirect && m.Kind == ContactDirect
		if t, ok := m.Transport(); ok {
			v.firstHops = v.firstHops.with(t)
		}
	}
	return v
}

// UpdateViability brings every entry up to date with our own description; once a
// second by rule. It is cheap when nothing changed (spec 04 §6).
func (t *Table) UpdateViability(now time.Time) {
	generation := t.generation.Load()
	for _, e := range t.Entries() {
		e.mu.Lock()
		stale := e.viableAt != generation
		e.mu.Unlock()
		if stale {
			t.refreshViability(e, now)
		}
	}
}
