package routing

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// Setup is what the network of this node can do in a domain (spec 04 §3.1).
type Setup struct {
	Outbound wire.ProtocolSet // dialled
	Inbound  wire.ProtocolSet // listened on
	Families wire.AddressSet
}

// Own is our description in one routing domain: what it is made of, how far it is
// ready, and what is published of it (spec 04 §3). Methods may be called from any
// goroutine. A change is published by the next [Own.Publish], never by itself.
type Own struct {
	table  *Table
	domain wire.RoutingDomain

	// Readers on the hot path look at these without the lock.
	publishedInfo atomic.Pointer[wire.PeerInfo] // nil: not published
	addresses     atomic.Pointer[[]netip.AddrPort]

	mu            sync.Mutex
	started       bool
	confirmed     bool
	setup         Setup
	static        []wire.DialInfoDetail // configured or on an interface; sorted
	detected      []wire.DialInfoDetail // found by address detection; sorted
	relays        []*relay
	mtu           mtuState
	current       *wire.PeerInfo   // nil: to be built; unsigned, or the published one
	lastTime      crypto.Timestamp // of the newest description made
	lastPublished crypto.Timestamp // of the newest description published
	nowReady      bool             // outbound was ready at the last look: fewer routes keep it so
	counts        countMemory
}

func newOwn(t *Table, domain wire.RoutingDomain) *Own {
	o := &Own{table: t, domain: domain, confirmed: domain == wire.LocalNetwork}
	o.addresses.Store(new([]netip.AddrPort))
	return o
}

// changedLocked is called after every change of what the description is made of.
func (o *Own) changedLocked() {
	o.current = nil
	o.table.generation.Add(1)
	addrs := make([]netip.AddrPort, 0, len(o.static)+len(o.detected))
	for _, list := range [][]wire.DialInfoDetail{o.static, o.detected} {
		for i := range list {
			if !slices.Contains(addrs, list[i].DialInfo.Addr) {
				addrs = append(addrs, list[i].DialInfo.Addr)
			}
		}
	}
	o.addresses.Store(&addrs)
}

// networkChanged drops what rested on the old interface addresses.
func (o *Own) networkChanged() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.changedLocked()
}

// SetStarted tells that the network runs, or has ended. It ends with nothing
// confirmed in PublicInternet and without detected dial info.
func (o *Own) SetStarted(on bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.started = on
	o.counts.respondedAt = nil // silence counts from here
	if !on {
		o.confirmed = o.domain == wire.LocalNetwork
		o.detected = nil
		o.nowReady = false
	}
	o.changedLocked()
}

// SetSetup tells which protocols and families the network has.
func (o *Own) SetSetup(s Setup) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.setup == s {
		return
	}
	o.setup = s
	o.changedLocked()
}

// Setup is what was set last.
func (o *Own) Setup() Setup {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.setup
}

// SetStaticDialInfo sets the dial info that is known without asking anyone: the
// configured and that of our interface addresses. What is not valid in the domain
// is left out.
func (o *Own) SetStaticDialInfo(list []wire.DialInfoDetail) { o.setDialInfo(&o.static, list) }

// SetDetectedDialInfo sets what address detection found (spec 04 §9.6).
func (o *Own) SetDetectedDialInfo(list []wire.DialInfoDetail) { o.setDialInfo(&o.detected, list) }

func (o *Own) setDialInfo(field *[]wire.DialInfoDetail, list []wire.DialInfoDetail) {
	domains := o.table.Domains()
	list = slices.DeleteFunc(sortedDetails(list), func(d wire.DialInfoDetail) bool {
		return !domains.ValidDialInfo(o.domain, d.DialInfo)
	})
	o.mu.Lock()
	defer o.mu.Unlock()
	if slices.Equal(*field, list) {
		return
	}
	*field = list
	o.changedLocked()
}

// DialInfo is all our dial info of the domain, sorted and without duplicates.
func (o *Own) DialInfo() []wire.DialInfoDetail {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.dialInfoLocked()
}

func (o *Own) dialInfoLocked() []wire.DialInfoDetail { return sortedDetails(o.static, o.detected) }

// hasAddress reports whether a list names one of our own addresses and ports.
func (o *Own) hasAddress(list []wire.DialInfoDetail) bool {
	own := *o.addresses.Load()
	return slices.ContainsFunc(list, func(d wire.DialInfoDetail) bool {
		return slices.Contains(own, d.DialInfo.Addr)
	})
}

// HasAddress reports whether an address and port is one of ours: it is never
// dialled (spec 04 §1, 5).
func (o *Own) HasAddress(a netip.AddrPort) bool { return slices.Contains(*o.addresses.Load(), a) }

// SetConfirmed tells that the dial info is right, or has to be detected again.
// LocalNetwork is always confirmed (spec 04 §3.1).
func (o *Own) SetConfirmed(on bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.confirmed = on || o.domain == wire.LocalNetwork
}

// Confirmed reports whether the dial info is confirmed.
func (o *Own) Confirmed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.confirmed
}

// Outbound is what we can dial in the domain.
func (o *Own) Outbound() DialFilter {
	o.mu.Lock()
	defer o.mu.Unlock()
	return DialFilter{o.setup.Outbound, o.setup.Families}
}

// Published is what others are told; nil: nothing. Shared, never changed.
func (o *Own) Published() *wire.PeerInfo { return o.publishedInfo.Load() }

// Current is our description as it is now, in its own canonical order. It carries
// signatures only if it is the published one (spec 04 §3.4). Shared, never changed.
func (o *Own) Current(now time.Time) *wire.PeerInfo {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.currentLocked(now)
}

// view is Current, and whether that is what others have.
func (o *Own) view(now time.Time) (current *wire.PeerInfo, published bool) {
	current = o.Current(now)
	return current, current == o.Published()
}

func (o *Own) currentLocked(now time.Time) *wire.PeerInfo {
	if o.current != nil {
		return o.current
	}
	p := &wire.PeerInfo{Domain: o.domain, NodeIDs: o.table.ids}
	p.Info = wire.NodeInfo{
		Timestamp:         max(crypto.FromTime(now), o.lastTime),
		EnvelopeSupport:   []wire.EnvelopeVersion{wire.ENV0},
		Capabilities:      slices.Clone(o.table.caps[o.domain]),
		OutboundProtocols: o.setup.Outbound,
		AddressTypes:      o.setup.Families,
		DialInfo:          o.dialInfoLocked(),
		ReceiveMTUs:       o.mtu.announced(),
	}
	for _, pair := range o.table.keys {
		p.Info.PublicKeys = append(p.Info.PublicKeys, pair.Public)
	}
	for _, r := range o.relays {
		if info, ok := r.info(o.domain); ok {
			p.Info.Relays = append(p.Info.Relays, info)
		}
	}
	p.Info.Sort(o.table.kinds)
	o.lastTime = p.Info.Timestamp
	if pub := o.Published(); pub != nil && pub.Equivalent(p) {
		p = pub
	}
	o.current = p
	return p
}

// Publish puts the current description in place of the published one, if it is
// ready and differs by more than its timestamp (spec 04 §3.4). The caller then
// tells others, and drops what it compiled from the old one. Entries of nodes
// that claim one of our addresses leave the table. An error means that the
// description could not be encoded or signed; what was published stays.
func (o *Own) Publish(now time.Time) (changed bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.inboundStageLocked(now) != InboundReadyToPublish {
		return false, nil
	}
	p := o.currentLocked(now)
	old := o.Published()
	if p == old {
		return false, nil
	}
	signed := *p // newer than anything that others have
	signed.Info.Timestamp = max(signed.Info.Timestamp, o.lastPublished+1)
	if signed.Message, err = wire.EncodeNodeInfo(&signed.Info); err != nil {
		return false, err
	}
	if signed.Signatures, err = o.table.crypto.GenerateSignatures(signed.Message, o.table.keys); err != nil {
		return false, err
	}
	o.lastPublished = signed.Info.Timestamp
	o.lastTime = max(o.lastTime, o.lastPublished)
	o.table.removeClaimants(o.domain, *o.addresses.Load())
	o.current = &signed
	o.publishedInfo.Store(&signed)
	o.table.generation.Add(1)
	return true, nil
}

// Unpublish takes the published description back and reports whether there was one.
func (o *Own) Unpublish() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	had := o.publishedInfo.Swap(nil) != nil
	if had {
		o.current = nil
		o.nowReady = false
		o.table.generation.Add(1)
	}
	return had
}

// removeClaimants drops entries whose own dial info is at one of our addresses.
func (t *Table) removeClaimants(domain wire.RoutingDomain, addrs []netip.AddrPort) {
	for _, e := range t.Entries() {
		p := e.PeerInfo(domain)
		if p != nil && slices.ContainsFunc(p.Info.DialInfo, func(d wire.DialInfoDetail) bool {
			return slices.Contains(addrs, d.DialInfo.Addr)
		}) {
			t.Remove(e)
		}
	}
}

// peerChanged is told of a new description of an entry: if it is a relay of ours,
// our own description has changed with it.
func (o *Own) peerChanged(e *Entry) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if slices.ContainsFunc(o.relays, func(r *relay) bool { return r.entry == e }) {
		o.changedLocked()
	}
}
