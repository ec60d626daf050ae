package routing

import (
	"bytes"
	"time"

	"github.com/voile-net/voile/core/packed"
	"github.com/voile-net/voile/core/wire"
)

// savedOwn is a restore point: the published description and what it was made of.
type savedOwn struct {
	BasedOn  []byte // fingerprint of the network it rests on
	Outbound uint8
	Inbound  uint8
	Families uint8
	Detected []savedDetail
	Relays   [][]byte    // best id of each
	MTUs     [2]savedMTU // per family
	Peer     savedPeer
}

type savedMTU struct {
	State     uint8
	Interface int
}

func (s *savedOwn) fields(c *packed.Codec) {
	packed.Bytes(c, &s.BasedOn, maxRecord)
	packed.Uint(c, &s.Outbound)
	packed.Uint(c, &s.Inbound)
	packed.Uint(c, &s.Families)
	packed.List(c, &s.Detected, maxRecord, func(c *packed.Codec, d *savedDetail) { d.fields(c) })
	packed.List(c, &s.Relays, maxRecord, idField)
	for f := range s.MTUs {
		packed.Uint(c, &s.MTUs[f].State)
		packed.Int(c, &s.MTUs[f].Interface)
	}
	s.Peer.fields(c)
}

// RestorePoint is what Restore needs to publish the same description after a
// restart; nil: nothing is published. basedOn identifies what the description
// rests on: egress, global addresses, listeners and protocol configuration
// (spec 04 §3.4).
func (o *Own) RestorePoint(basedOn []byte) []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.Published()
	if p == nil {
		return nil
	}
	s := savedOwn{
		BasedOn: basedOn, Outbound: uint8(o.setup.Outbound), Inbound: uint8(o.setup.Inbound),
		Families: uint8(o.setup.Families), Detected: saveDetails(o.detected),
		Peer: savePeer(p),
	}
	for f := range o.mtu.family {
		s.MTUs[f] = savedMTU{State: uint8(o.mtu.family[f].state), Interface: o.mtu.family[f].mtu}
	}
	for _, r := range o.relays {
		id, _ := r.entry.BestID().AppendBinary(nil)
		s.Relays = append(s.Relays, id)
	}
	return encodeRecord(s.fields)
}

// Restore takes a restore point up if the network is as it was: call it when the
// setup and the static dial info have been set and before the first Publish. The
// dial info is then confirmed, relays and MTUs are as before, and if that makes
// the same description, it is published with its old timestamp and Restore reports
// true. Whatever is published later is newer than it in any case.
func (o *Own) Restore(point, basedOn []byte, now time.Time) (published bool, err error) {
	var s savedOwn
	if err := decodeRecord(point, s.fields); err != nil {
		return false, err
	}
	p := o.table.loadPeer(&s.Peer)
	o.mu.Lock()
	defer o.mu.Unlock()
	if p == nil || p.Domain != o.domain || !sharesID(p.NodeIDs, o.table.ids) {
		return false, ErrRecord
	}
	o.lastTime = max(o.lastTime, p.Info.Timestamp)
	o.lastPublished = max(o.lastPublished, p.Info.Timestamp)
	setup := Setup{wire.ProtocolSet(s.Outbound), wire.ProtocolSet(s.Inbound), wire.AddressSet(s.Families)}
	if !bytes.Equal(s.BasedOn, basedOn) || setup != o.setup {
		return false, nil
	}
	o.confirmed = true
	o.detected = loadDetails(s.Detected)
	for f := range o.mtu.family {
		family := &o.mtu.family[f]
		if saved := s.MTUs[f]; family.state == MTUDetecting && family.mtu == saved.Interface &&
			MTUState(saved.State) > MTUDetecting && MTUState(saved.State) <= MTUFull {
			family.state = MTUState(saved.State)
		}
	}
	if len(o.relays) == 0 {
		o.restoreRelaysLocked(s.Relays, now)
	}
	o.changedLocked()
	if o.inboundStageLocked(now) != InboundReadyToPublish || !o.currentLocked(now).Equivalent(p) {
		return false, nil
	}
	o.current = p
	o.publishedInfo.Store(p)
	return true, nil
}

// restoreRelaysLocked names the relays of before again, as far as they are still
// known and supply what is wanted.
func (o *Own) restoreRelaysLocked(saved [][]byte, now time.Time) {
	needs := o.relayNeedsLocked()
	outbound := DialFilter{o.setup.Outbound, o.setup.Families}
	for _, b := range saved[:min(len(saved), wire.MaxRelayInfos)] {
		id, ok := idFromBytes(b)
		if !ok {
			continue
		}
		e := o.table.Lookup(id)
		if e == nil {
			continue
		}
		p := e.SignedPeerInfo(o.domain)
		if p == nil {
			continue
		}
		if r, useful := needs.apply(p, outbound); useful {
			r.entry, r.samples, r.checked = e, e.latencySamples(), stampOf(now)
			e.Hold()
			o.relays = append(o.relays, &r)
		}
	}
}
