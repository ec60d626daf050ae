package routing

import (
	"slices"
	"time"

	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/core/wire"
)

// SafeMTU is the packet size that every path takes (spec 04 §3.5).
const SafeMTU = 1200

const (
	maxInterfaceMTU   = 1500
	mtuProbesAtOnce   = 4
	mtuLossesToDecide = 2
)

// FullMTUs are the payload sizes that fill a packet of an interface: what is left
// of at most 1500 bytes after the headers of IP and UDP or TCP (spec 04 §3.5).
func FullMTUs(family wire.AddressType, interfaceMTU int) (udp, tcp uint16) {
	size := min(interfaceMTU, maxInterfaceMTU)
	if family == wire.IPv4 {
		return uint16(max(size-28, 0)), uint16(max(size-40, 0))
	}
	return uint16(max(size-48, 0)), uint16(max(size-60, 0))
}

// MTUState is how far the packet size of a family is known (spec 04 §3.5).
type MTUState uint8

const (
	MTUUnset     MTUState = iota // the family's interface has not been told
	MTUFixed                     // the interface allows no more than the safe size
	MTUDetecting                 // probes to be made
	MTUUnprobed                  // nobody to ask: the safe size for now
	MTUBlackHole                 // full packets do not arrive: the safe size
	MTUFull                      // full packets arrive
)

// MTUOutcome is how a probe ended.
type MTUOutcome uint8

const (
	MTUProbeFull    MTUOutcome = iota // answered in one datagram of the full size
	MTUProbeLost                      // the plain question was answered, the probe not
	MTUProbeUnknown                   // neither was
)

// familyMTU is the probing of one family.
type familyMTU struct {
	state    MTUState
	mtu      int // of the interface; 0: unknown
	tried    []*Entry
	inFlight int
	lost     int
}

// mtuState is the packet sizes of our own.
type mtuState struct{ family [2]familyMTU }

// settled reports that every family in use has a size.
func (m *mtuState) settled(families wire.AddressSet) bool {
	for f := range m.family {
		if families.Has(wire.AddressType(f)) && m.family[f].state == MTUDetecting {
			return false
		}
	}
	return true
}

// announced are the sizes of the families whose interface was told.
func (m *mtuState) announced() (mtus wire.MTUs) {
	if m.family[wire.IPv6].state == MTUDetecting || m.family[wire.IPv4].state == MTUDetecting {
		return wire.MTUs{}
	}
	if f := &m.family[wire.IPv4]; f.state != MTUUnset {
		mtus.UDPv4, mtus.TCPv4 = f.sizes(wire.IPv4)
	}
	if f := &m.family[wire.IPv6]; f.state != MTUUnset {
		mtus.UDPv6, mtus.TCPv6 = f.sizes(wire.IPv6)
	}
	return mtus
}

func (f *familyMTU) sizes(family wire.AddressType) (udp, tcp uint16) {
	if f.state == MTUFull {
		return FullMTUs(family, f.mtu)
	}
	return SafeMTU, SafeMTU
}

// SetInterfaceMTU tells the MTU of the interface that a family leaves by, 0 if it
// is unknown. Families that were never told announce nothing, which is right for
// browsers. A change of it starts the detection again.
func (o *Own) SetInterfaceMTU(family wire.AddressType, mtu int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f := &o.mtu.family[family]
	if f.state != MTUUnset && f.mtu == mtu {
		return
	}
	*f = familyMTU{state: MTUFixed, mtu: mtu}
	if udp, _ := FullMTUs(family, mtu); udp > SafeMTU {
		f.state = MTUDetecting
	}
	o.changedLocked()
}

// ClearMTUs takes the sizes of a family back: it is not in use, or nothing is to
// be announced.
func (o *Own) ClearMTUs(family wire.AddressType) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.mtu.family[family].state != MTUUnset {
		o.mtu.family[family] = familyMTU{}
		o.changedLocked()
	}
}

// MTU is the state of a family and the sizes to send at most.
func (o *Own) MTU(family wire.AddressType) (state MTUState, udp, tcp uint16) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f := &o.mtu.family[family]
	udp, tcp = f.sizes(family)
	return f.state, udp, tcp
}

// MTUProbe is one probe to make: a StatusQ with mtuProbe that fills a datagram of
// Size, and a plain one, both to DialInfo.
type MTUProbe struct {
	Peer     *Entry
	DialInfo wire.DialInfo
	Size     uint16
}

// MTUProbes lists the probes to start now, once a second by rule; each must be
// ended with [Own.MTUProbeDone]. changed: a family settled because there is nobody
// to ask and nothing else keeps us from publishing (spec 04 §3.5).
func (o *Own) MTUProbes(now time.Time) (probes []MTUProbe, changed bool) {
	if o.domain != wire.PublicInternet {
		return nil, false
	}
	for _, family := range []wire.AddressType{wire.IPv4, wire.IPv6} {
		if o.mtuOpen(family) {
			p, c := o.mtuProbesOf(family, now)
			probes, changed = append(probes, p...), changed || c
		}
	}
	return probes, changed
}

func (o *Own) mtuOpen(family wire.AddressType) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.mtu.family[family].state
	return o.setup.Families.Has(family) && (s == MTUDetecting || s == MTUUnprobed)
}

func (o *Own) mtuProbesOf(family wire.AddressType, now time.Time) (probes []MTUProbe, changed bool) {
	peers := o.table.Fastest(o.table.Len(), func(e *Entry, _ State) bool {
		_, ok := mtuTarget(e, family)
		return ok
	}, now)
	o.mu.Lock()
	defer o.mu.Unlock()
	f := &o.mtu.family[family]
	if f.state != MTUDetecting && f.state != MTUUnprobed {
		return nil, false
	}
	size, _ := FullMTUs(family, f.mtu)
	f.tried = slices.DeleteFunc(f.tried, func(e *Entry) bool { return !e.place.Load() })
	peers = slices.DeleteFunc(peers, func(e *Entry) bool { return slices.Contains(f.tried, e) })
	sorting.Stable(peers, func(a, b *Entry) int { // those that announce our size first
		return boolCompare(announces(b, family) >= size, announces(a, family) >= size)
	})
	if len(peers) == 0 && f.inFlight == 0 && f.state == MTUDetecting && o.onlyMTUsMissingLocked() {
		f.state = MTUUnprobed
		o.changedLocked()
		return nil, true
	}
	for _, e := range peers[:min(len(peers), mtuProbesAtOnce-min(f.inFlight, mtuProbesAtOnce))] {
		di, _ := mtuTarget(e, family)
		f.tried = append(f.tried, e)
		f.inFlight++
		probes = append(probes, MTUProbe{e, di, size})
	}
	return probes, false
}

// onlyMTUsMissingLocked reports that nothing but the MTUs blocks publication.
func (o *Own) onlyMTUsMissingLocked() bool {
	return o.inboundStageLocked(time.Time{}) == InboundNeedsTransportMTUs
}

// mtuTarget is the dial info at which a node can be probed: UDP without a signal,
// of a node that announces sizes and is not on our own network.
func mtuTarget(e *Entry, family wire.AddressType) (wire.DialInfo, bool) {
	p := e.SignedPeerInfo(wire.PublicInternet)
	if p == nil || e.PeerInfo(wire.LocalNetwork) != nil || p.Info.ReceiveMTUs == (wire.MTUs{}) {
		return wire.DialInfo{}, false
	}
	for i := range p.Info.DialInfo {
		d := &p.Info.DialInfo[i]
		if !d.Class.NeedsSignal() && TransportOf(d.DialInfo) == (Transport{wire.UDP, family}) {
			return d.DialInfo, true
		}
	}
	return wire.DialInfo{}, false
}

func announces(e *Entry, family wire.AddressType) uint16 {
	p := e.PeerInfo(wire.PublicInternet)
	switch {
	case p == nil:
		return 0
	case family == wire.IPv4:
		return p.Info.ReceiveMTUs.UDPv4
	}
	return p.Info.ReceiveMTUs.UDPv6
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// MTUProbeDone tells how a probe ended, and reports whether our sizes changed, so
// that the description is to be published again.
func (o *Own) MTUProbeDone(family wire.AddressType, outcome MTUOutcome) (changed bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f := &o.mtu.family[family]
	f.inFlight = max(f.inFlight-1, 0)
	if f.state != MTUDetecting && f.state != MTUUnprobed {
		return false
	}
	before := f.state
	switch outcome {
	case MTUProbeFull:
		f.state = MTUFull
	case MTUProbeLost:
		f.lost++
	case MTUProbeUnknown:
	}
	switch {
	case f.state == MTUFull || f.inFlight > 0:
	case f.lost >= mtuLossesToDecide:
		f.state = MTUBlackHole
	default:
		f.state = MTUUnprobed
	}
	if f.state == before {
		return false
	}
	if f.state != MTUUnprobed {
		f.tried = nil
	}
	o.changedLocked()
	return true
}
