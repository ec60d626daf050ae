package wire

import (
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire/internal/capn"
)

// maxRouteSignatures is the most signatures a routed operation carries.
const maxRouteSignatures = 3

// Union tags of the schema (spec 03 §1.2).
const (
	hopNodeID   = 0
	hopPeerInfo = 1

	privateFirstHop = 0
	privateData     = 1
	privateEmpty    = 2

	safetyData    = 0
	safetyPrivate = 1
)

// routeHopData reads a layer; the blob is a part of the message.
func routeHopData(m *capn.Message, s capn.Struct, field string) (*RouteHopData, error) {
	n, err := nonce(m, s, 0, field+".nonce")
	if err != nil {
		return nil, err
	}
	blob, err := bytesOf(m, s, 1, field+".blob", readLimit)
	if err != nil {
		return nil, err
	}
	return &RouteHopData{Nonce: n, Blob: blob}, nil
}

// routeHop reads a hop. A null pointer behind a union member reads as an empty
// struct and fails on its first required field (spec 03 §5.6).
func (d *decoding) routeHop(s capn.Struct, field string) (*RouteHop, error) {
	m := &d.main
	h := new(RouteHop)
	switch s.Uint16(0) {
	case hopNodeID:
		key, err := idOf(m, s.Struct(0), field+".nodeId", Ignore)
		if err != nil {
			return nil, err
		}
		h.NodeID = crypto.NodeID(key)
	case hopPeerInfo:
		p, err := d.peerInfo(s.Struct(0), field+".peerInfo")
		if err != nil {
			return nil, err
		}
		h.PeerInfo = p
	default:
		return nil, fault(m, Ignore, field, "unknown form of node")
	}
	if s.Has(1) {
		next, err := routeHopData(m, s.Struct(1), field+".nextHop")
		if err != nil {
			return nil, err
		}
		h.Next = next
	}
	return h, nil
}

func (d *decoding) privateRoute(s capn.Struct, field string) (*PrivateRoute, error) {
	m := &d.main
	key, err := id(m, s, 0, field+".publicKey", Ignore)
	if err != nil {
		return nil, err
	}
	r := &PrivateRoute{PublicKey: key}
	switch s.Uint16(0) {
	case privateFirstHop:
		r.FirstHop, err = d.routeHop(s.Struct(1), field+".firstHop")
	case privateData:
		r.Data, err = routeHopData(m, s.Struct(1), field+".data")
	case privateEmpty:
	default:
		err = fault(m, Ignore, field, "unknown form of hops")
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (d *decoding) safetyRoute(r *SafetyRoute, s capn.Struct, field string) (err error) {
	m := &d.main
	if r.PublicKey, err = id(m, s, 0, field+".publicKey", Ignore); err != nil {
		return err
	}
	switch s.Uint16(0) {
	case safetyData:
		r.Data, err = routeHopData(m, s.Struct(1), field+".data")
	case safetyPrivate:
		r.Private, err = d.privateRoute(s.Struct(1), field+".private")
	default:
		err = fault(m, Ignore, field, "unknown form of hops")
	}
	return err
}

func (d *decoding) routedOperation(r *RoutedOperation, s capn.Struct, field string) (err error) {
	m := &d.main
	if !s.Has(0) {
		return absent(m, field+".signatures")
	}
	l := s.List(0)
	if l.Len() > maxRouteSignatures {
		return fault(m, Ignore, field+".signatures", "too many")
	}
	for i := range l.Len() {
		e := l.At(i)
		// One that is null is skipped. One of a wrong length would count at the end
		// of the route and never verify there: skipping it could make the count fit.
		if !e.Has(0) && m.Err() == nil {
			continue
		}
		sig, err := signatureOf(m, e, field+".signatures", Ignore)
		if err != nil {
			return err
		}
		r.Signatures = append(r.Signatures, sig)
	}
	sequencing, ok := ordinal[Sequencing](sequencingCode[:], s.Uint32(0))
	if !ok {
		return fault(m, Ignore, field+".sequencing", "unknown")
	}
	r.Sequencing = sequencing
	if r.Nonce, err = nonce(m, s, 1, field+".nonce"); err != nil {
		return err
	}
	r.Data, err = bytesOf(m, s, 2, field+".data", readLimit)
	return err
}

func (d *decoding) route(s capn.Struct, field string) (*Route, error) {
	m := &d.main
	if !s.Has(0) || !s.Has(1) {
		return nil, absent(m, field)
	}
	r := new(Route)
	if err := d.safetyRoute(&r.SafetyRoute, s.Struct(0), field+".safetyRoute"); err != nil {
		return nil, err
	}
	if err := d.routedOperation(&r.Operation, s.Struct(1), field+".operation"); err != nil {
		return nil, err
	}
	return r, nil
}

func putRouteHopData(s capn.StructBuilder, slot int, h *RouteHopData) {
	s = s.Struct(slot, 0, 2)
	putNonce(s, 0, &h.Nonce)
	s.Data(1, h.Blob)
}

func putRouteHop(s capn.StructBuilder, h *RouteHop) {
	if h.PeerInfo != nil {
		s.Uint16(0, hopPeerInfo)
		putPeerInfo(s.Struct(0, 0, 2), h.PeerInfo)
	} else {
		s.Uint16(0, hopNodeID)
		putID(s, 0, h.NodeID.Kind, h.NodeID.Value[:])
	}
	if h.Next != nil {
		putRouteHopData(s, 1, h.Next)
	}
}

func putPrivateRoute(s capn.StructBuilder, r *PrivateRoute) {
	putID(s, 0, r.PublicKey.Kind, r.PublicKey.Value[:])
	switch {
	case r.FirstHop != nil:
		s.Uint16(0, privateFirstHop)
		putRouteHop(s.Struct(1, 1, 2), r.FirstHop)
	case r.Data != nil:
		s.Uint16(0, privateData)
		putRouteHopData(s, 1, r.Data)
	default:
		s.Uint16(0, privateEmpty)
	}
}

func putRoute(s capn.StructBuilder, r *Route) {
	safety := s.Struct(0, 1, 2)
	putID(safety, 0, r.SafetyRoute.PublicKey.Kind, r.SafetyRoute.PublicKey.Value[:])
	if r.SafetyRoute.Private != nil {
		safety.Uint16(0, safetyPrivate)
		putPrivateRoute(safety.Struct(1, 1, 2), r.SafetyRoute.Private)
	} else {
		safety.Uint16(0, safetyData)
		putRouteHopData(safety, 1, r.SafetyRoute.Data)
	}
	o := s.Struct(1, 1, 3)
	o.Uint32(0, sequencingCode[r.Operation.Sequencing])
	putSignatures(o, 0, r.Operation.Signatures) // an empty list is not null
	putNonce(o, 1, &r.Operation.Nonce)
	o.Data(2, r.Operation.Data)
}

func (h *RouteHop) check(field string) error {
	if h.PeerInfo != nil {
		return h.PeerInfo.check(field)
	}
	if h.NodeID.IsZero() {
		return unfit(field, "hop without node")
	}
	return nil
}

func (r *PrivateRoute) check(field string) error {
	if r.FirstHop != nil && r.Data != nil {
		return unfit(field, "private route with two forms of hops")
	}
	if r.FirstHop != nil {
		return r.FirstHop.check(field)
	}
	return nil
}

func (r *Route) check() error {
	const field = "route"
	switch {
	case (r.SafetyRoute.Data == nil) == (r.SafetyRoute.Private == nil):
		return unfit(field, "safety route without one form of hops")
	case int(r.Operation.Sequencing) >= len(sequencingCode):
		return unfit(field, "invalid sequencing")
	case len(r.Operation.Signatures) > maxRouteSignatures:
		return unfit(field, "too many signatures")
	case r.SafetyRoute.Private != nil:
		return r.SafetyRoute.Private.check(field)
	}
	return nil
}

// own copies what is still a part of the message: a return route outlives it.
func (r *PrivateRoute) own() {
	if r.Data != nil {
		r.Data.Blob = clone(r.Data.Blob)
	}
	if r.FirstHop != nil && r.FirstHop.Next != nil {
		r.FirstHop.Next.Blob = clone(r.FirstHop.Next.Blob)
	}
}
