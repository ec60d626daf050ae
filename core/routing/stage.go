package routing

import (
	"slices"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// InboundStage is how far our description is from being published (spec 04 §3.1).
type InboundStage uint8

const (
	InboundInvalid InboundStage = iota
	InboundNeedsDialInfoConfirmation
	InboundUnusable
	InboundNeedsRelays
	InboundNeedsTransportMTUs
	InboundReadyToPublish
)

// String names the stage.
func (s InboundStage) String() string {
	names := [...]string{"Invalid", "NeedsDialInfoConfirmation", "Unusable", "NeedsRelays",
		"NeedsTransportMtus", "ReadyToPublish"}
	if int(s) < len(names) {
		return names[s]
	}
	return "invalid"
}

// OutboundStage is how far we are from using the network (spec 04 §3.1).
type OutboundStage uint8

const (
	OutboundInvalid OutboundStage = iota
	OutboundNeedsBootstrap
	OutboundNeedsPublishedPeerInfo
	OutboundNeedsMoreTestedNodes
	OutboundNeedsSafetyRoutes
	OutboundReadyToOperate
)

// String names the stage.
func (s OutboundStage) String() string {
	names := [...]string{"Invalid", "NeedsBootstrap", "NeedsPublishedPeerInfo", "NeedsMoreTestedNodes",
		"NeedsSafetyRoutes", "ReadyToOperate"}
	if int(s) < len(names) {
		return names[s]
	}
	return "invalid"
}

// InboundStage is the first stage that is not passed (spec 04 §3.1).
func (o *Own) InboundStage(now time.Time) InboundStage {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.inboundStageLocked(now)
}

func (o *Own) inboundStageLocked(time.Time) InboundStage {
	usable := o.setup.Families != 0 && o.setup.Outbound != 0
	switch {
	case !o.confirmed && !usable:
		return InboundInvalid
	case !o.confirmed:
		return InboundNeedsDialInfoConfirmation
	case !usable:
		return InboundUnusable
	}
	needs := o.relayNeedsLocked()
	if needs.Needed() != (len(o.relays) > 0) {
		return InboundNeedsRelays
	}
	if o.domain == wire.PublicInternet && !o.mtu.settled(o.setup.Families) {
		return InboundNeedsTransportMTUs
	}
	return InboundReadyToPublish
}

// InboundReady reports that our description is complete and published.
func (o *Own) InboundReady(now time.Time) bool {
	return o.Published() != nil && o.InboundStage(now) == InboundReadyToPublish
}

// OutboundInputs is what the outbound stage depends on beside the table.
type OutboundInputs struct {
	// SafeRoutes and UnsafeRoutes count the known-valid automatic ordered routes of
	// the two default lengths (spec 05 §17.6).
	SafeRoutes, UnsafeRoutes int
	// HasBootstrap: there is a bootstrap other than ourselves. Only then the loss
	// of every responsive peer calls for another bootstrap.
	HasBootstrap bool
}

// responsiveGap is how long no connectivity peer may be responsive (spec 04 §3.1).
const responsiveGap = 2 * rpcTimeout

// OutboundStage is the first stage that is not passed (spec 04 §3.1). It remembers
// what it saw, so it is to be called about once a second.
func (o *Own) OutboundStage(in OutboundInputs, now time.Time) OutboundStage {
	counts := o.Counts(now)
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case !o.started:
		return OutboundInvalid
	case o.domain == wire.LocalNetwork: // ready as soon as the network runs
		return OutboundReadyToOperate
	case o.setup.Families == 0 || o.setup.Outbound == 0:
		return OutboundInvalid
	}
	th := &o.table.thresholds
	switch {
	case slices.ContainsFunc(counts, func(c KindCounts) bool { return o.needsBootstrapLocked(c, in, now) }):
		o.nowReady = false
		return OutboundNeedsBootstrap
	case o.Published() == nil:
		o.nowReady = false
		return OutboundNeedsPublishedPeerInfo
	case slices.ContainsFunc(counts, func(c KindCounts) bool { return c.Responsive < c.Wanted }):
		o.nowReady = false
		return OutboundNeedsMoreTestedNodes
	case o.nowReady && in.SafeRoutes+in.UnsafeRoutes > 0:
	case in.SafeRoutes < th.SafetyRoutes || in.UnsafeRoutes < th.SafetyRoutes:
		o.nowReady = false
		return OutboundNeedsSafetyRoutes
	}
	o.nowReady = true
	return OutboundReadyToOperate
}

func (o *Own) needsBootstrapLocked(c KindCounts, in OutboundInputs, now time.Time) bool {
	return c.MaybeLive < o.table.thresholds.ConnectivityPeers ||
		in.HasBootstrap && o.counts.silentFor(c.Kind, stampOf(now)) >= responsiveGap
}

// NeedsBootstrap lists the kinds that call for a bootstrap (spec 04 §12.1).
func (o *Own) NeedsBootstrap(in OutboundInputs, now time.Time) crypto.Kinds {
	counts := o.Counts(now)
	o.mu.Lock()
	defer o.mu.Unlock()
	var kinds crypto.Kinds
	for _, c := range counts {
		if o.needsBootstrapLocked(c, in, now) {
			kinds = append(kinds, c.Kind)
		}
	}
	return kinds
}

// NeedsPeers lists the kinds that call for a peer minimum refresh: too few
// connectivity peers, or too few tested ones (spec 04 §6).
func (o *Own) NeedsPeers(now time.Time) crypto.Kinds {
	var kinds crypto.Kinds
	for _, c := range o.Counts(now) {
		if c.MaybeLive < o.table.thresholds.MinPeers || c.Responsive < c.Wanted {
			kinds = append(kinds, c.Kind)
		}
	}
	return kinds
}

// ReadyToDetect reports that every kind has enough live connectivity entries for
// address detection (spec 04 §9.1).
func (o *Own) ReadyToDetect(now time.Time) bool {
	return !slices.ContainsFunc(o.Counts(now), func(c KindCounts) bool {
		return c.Live < o.table.thresholds.DetectionPeers
	})
}

// KindCounts are the connectivity entries of a kind with a signed description in
// the domain (spec 04 §3.1).
type KindCounts struct {
	Kind                        crypto.Kind
	MaybeLive, Live, Responsive int
	ExternalLive                int   // not on our own network
	ExternalResponsive          Tally // also entries without connectivity
	LowWater                    Tally // fewest ExternalResponsive since the last refresh ended
	Wanted                      int   // responsive ones for the stage after NeedsMoreTestedNodes
}

// countMemory is what counting remembers between looks.
type countMemory struct {
	respondedAt map[crypto.Kind]stamp // last time some entry was responsive
	lowWater    map[crypto.Kind]Tally // absent: no refresh has ended yet
}

func (m *countMemory) silentFor(kind crypto.Kind, now stamp) time.Duration {
	at, ok := m.respondedAt[kind]
	if !ok {
		return 0
	}
	return at.since(now)
}

// Counts looks at every entry (spec 04 §6: each tick) and returns one element per
// enabled kind.
func (o *Own) Counts(now time.Time) []KindCounts {
	at := o.table.excused(now)
	ours := o.ownPlaces(now)
	domains := o.table.Domains()
	counts := make([]KindCounts, len(o.table.kinds))
	for i, kind := range o.table.kinds {
		counts[i].Kind = kind
	}
	for _, e := range o.table.Entries() {
		p := e.SignedPeerInfo(o.domain)
		if p == nil {
			continue
		}
		s := e.stateAt(at)
		connectivity := hasCaps(p, connectivityCaps[:])
		if !s.MaybeLive() || !connectivity && !s.Responsive() {
			continue
		}
		external := s.Live() && !domains.sharesPlace(&p.Info, ours)
		for _, id := range e.NodeIDs() {
			i := slices.Index(o.table.kinds, id.Kind)
			if i < 0 {
				continue
			}
			c := &counts[i]
			if external && s.Responsive() {
				c.ExternalResponsive.add(p)
			}
			if !connectivity {
				continue
			}
			c.MaybeLive++
			if s.Live() {
				c.Live++
			}
			if s.Responsive() {
				c.Responsive++
			}
			if external {
				c.ExternalLive++
			}
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.counts.respondedAt == nil {
		o.counts.respondedAt = make(map[crypto.Kind]stamp)
	}
	for i := range counts {
		c := &counts[i]
		if _, ok := o.counts.respondedAt[c.Kind]; !ok || c.Responsive > 0 {
			o.counts.respondedAt[c.Kind] = at.now
		}
		if low, ok := o.counts.lowWater[c.Kind]; ok {
			c.LowWater = low.least(c.ExternalResponsive)
			o.counts.lowWater[c.Kind] = c.LowWater
		}
		c.Wanted = o.table.thresholds.wanted(c.ExternalLive, c.LowWater.Connectivity)
	}
	return counts
}

// wanted is min(12, max(floor(0.25 x live external), floor(0.5 x low-water mark)))
// (spec 04 §3.1).
func (th *Thresholds) wanted(liveExternal, lowWater int) int {
	return min(th.MaxTestedPeers, max(liveExternal/4, lowWater/2, th.MinTestedPeers))
}

// RefreshEnded restarts the low-water marks at the present counts: a bootstrap or
// a peer minimum refresh has ended (spec 04 §3.1).
func (o *Own) RefreshEnded(now time.Time) {
	counts := o.Counts(now)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.counts.lowWater = make(map[crypto.Kind]Tally, len(counts))
	for _, c := range counts {
		o.counts.lowWater[c.Kind] = c.ExternalResponsive
	}
}
