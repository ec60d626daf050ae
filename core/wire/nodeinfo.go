package wire

import (
	"cmp"
	"slices"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/core/wire/internal/capn"
)

// DecodeNodeInfo decodes a packed NodeInfo (spec 03 §2.1 layer 4, §5.3). A
// NodeInfo that came in a PeerInfo is decoded with it, where the class of
// every fault is Protocol.
func (d Decoder) DecodeNodeInfo(packed []byte) (*NodeInfo, error) {
	n := new(NodeInfo)
	if err := d.start().nodeInfo(n, packed); err != nil {
		return nil, err
	}
	return n, nil
}

func (d *decoding) nodeInfo(n *NodeInfo, packed []byte) error {
	const field = "nodeInfo"
	m := &d.nested
	// All that is taken from the message is copied, so its memory serves the next.
	if _, err := m.ReopenPacked(packed, &d.limit); err != nil {
		return &Error{Protocol, field, err.Error()}
	}
	s := m.Root()
	n.Timestamp = crypto.Timestamp(s.Uint64(0))
	var err error
	if n.EnvelopeSupport, err = readEnvelopeSupport(m, s); err != nil {
		return err
	}
	if n.PublicKeys, err = d.cryptoInfoList(m, s); err != nil {
		return err
	}
	if n.Capabilities, err = readCapabilities(m, s, 2, field+".capabilities"); err != nil {
		return err
	}
	sorting.Ordered(n.Capabilities)
	if n.OutboundProtocols, n.AddressTypes, err = readSets(m, s, 3, field); err != nil {
		return err
	}
	if n.DialInfo, err = readDialInfoDetails(m, s, 5, field+".dialInfoDetailList"); err != nil {
		return err
	}
	if n.Relays, err = d.relayInfoList(m, s, 6); err != nil {
		return err
	}
	if n.ReceiveMTUs, err = readMTUs(m, s, 7, field+".receiveMtus"); err != nil {
		return err
	}
	n.Sort(d.kinds)
	return intact(m, field)
}

func readEnvelopeSupport(m *capn.Message, s capn.Struct) ([]EnvelopeVersion, error) {
	const field = "nodeInfo.envelopeSupport"
	if !s.Has(0) {
		return nil, absent(m, field)
	}
	l := s.Uint32s(0)
	if err := intact(m, field); err != nil {
		return nil, err
	}
	if l.Len() < 1 || l.Len() > MaxEnvelopeVersions {
		return nil, fault(m, Ignore, field, "not 1 to 16 versions")
	}
	var versions []EnvelopeVersion
	for i := range l.Len() {
		v := EnvelopeVersion(l.Uint32(i))
		if v != ENV0 {
			continue // unknown
		}
		if len(versions) > 0 {
			return nil, fault(m, Protocol, field, "version named twice")
		}
		versions = append(versions, v)
	}
	return versions, nil
}

func (d *decoding) cryptoInfoList(m *capn.Message, s capn.Struct) ([]crypto.PublicKey, error) {
	const field = "nodeInfo.cryptoInfoList"
	if !s.Has(1) {
		return nil, absent(m, field)
	}
	l := s.List(1)
	if err := intact(m, field); err != nil {
		return nil, err
	}
	if l.Len() < 1 || l.Len() > MaxCryptoKinds {
		return nil, fault(m, Ignore, field, "not 1 to 3 kinds")
	}
	keys := make([]crypto.PublicKey, 0, l.Len())
	for i := range l.Len() {
		e := l.At(i)
		kind := crypto.Kind(e.Uint32(0))
		if !d.kinds.Contains(kind) {
			continue
		}
		value := e.Struct(0).Data(0)
		if slices.ContainsFunc(keys, func(k crypto.PublicKey) bool { return k.Kind == kind }) {
			return nil, fault(m, Protocol, field, "kind named twice")
		}
		if len(value) == crypto.ValueSize {
			keys = append(keys, crypto.PublicKey{Kind: kind, Value: [crypto.ValueSize]byte(value)})
		}
	}
	return keys, intact(m, field)
}

// readCapabilities reads a required list. One of another element size than
// that of numbers of 32 bits reads as empty (spec 03 §2.6).
func readCapabilities(m *capn.Message, s capn.Struct, slot int64, field string) ([]Capability, error) {
	if !s.Has(slot) {
		return nil, absent(m, field)
	}
	l := s.List(slot)
	if l.Len() > MaxCapabilities {
		return nil, fault(m, Ignore, field, "too many")
	}
	if l.Len() == 0 || !l.FourBytes() {
		return nil, intact(m, field)
	}
	caps := make([]Capability, l.Len())
	for i := range caps {
		caps[i] = Capability(l.Uint32(i))
	}
	return caps, nil
}

func putCapabilities(s capn.StructBuilder, slot int, caps []Capability) {
	l := s.Uint32s(slot, len(caps))
	for i, c := range caps {
		l.Uint32(i, uint32(c))
	}
}

// readSets reads outboundProtocols and addressTypes, which lie side by side.
func readSets(m *capn.Message, s capn.Struct, slot int64, field string) (ProtocolSet, AddressSet, error) {
	if !s.Has(slot) {
		return 0, 0, absent(m, field+".outboundProtocols")
	}
	if !s.Has(slot + 1) {
		return 0, 0, absent(m, field+".addressTypes")
	}
	protocols := readSet[ProtocolSet, ProtocolType](protocolCodes[:WSS], s.Uint32s(slot))
	addresses := readSet[AddressSet, AddressType](addressCodes[:], s.Uint32s(slot+1))
	return protocols, addresses, intact(m, field)
}

func putSets(s capn.StructBuilder, slot int, protocols ProtocolSet, addresses AddressSet) {
	writeSet(s, slot, protocolCodes[:WSS], protocols)
	writeSet(s, slot+1, addressCodes[:], addresses)
}

// relayInfoList reads the relays; one that cannot be understood is skipped.
func (d *decoding) relayInfoList(m *capn.Message, s capn.Struct, slot int64) ([]RelayInfo, error) {
	const field = "nodeInfo.relayInfoList"
	if !s.Has(slot) {
		return nil, absent(m, field)
	}
	l := s.List(slot)
	if l.Len() > MaxRelayInfos {
		return nil, fault(m, Ignore, field, "too many")
	}
	var relays []RelayInfo
	for i := range l.Len() {
		r, err := d.relayInfo(m, l.At(i), field)
		switch {
		case err == nil:
			relays = append(relays, r)
		case KindOf(err) != Ignore:
			return nil, err
		}
	}
	return relays, intact(m, field)
}

func (d *decoding) relayInfo(m *capn.Message, s capn.Struct, field string) (r RelayInfo, err error) {
	r.Timestamp = crypto.Timestamp(s.Uint64(0))
	if !s.Has(0) {
		return r, absent(m, field+".nodeIds")
	}
	ids := s.List(0)
	if ids.Len() > MaxRelayNodeIDs {
		return r, fault(m, Ignore, field+".nodeIds", "too many")
	}
	var group crypto.Group[crypto.NodeID]
	for i := range ids.Len() {
		key, err := idOf(m, ids.At(i), field+".nodeIds", Ignore)
		switch {
		case KindOf(err) == Protocol:
			return r, err
		case err == nil && d.kinds.Contains(key.Kind):
			group = group.Add(d.kinds, crypto.NodeID(key)) // the last of a kind stays
		}
	}
	r.NodeIDs = group
	if len(r.NodeIDs) == 0 {
		return r, fault(m, Ignore, field+".nodeIds", "none usable")
	}
	if r.OutboundProtocols, r.AddressTypes, err = readSets(m, s, 1, field); err != nil {
		return r, err
	}
	if r.DialInfo, err = readDialInfoDetails(m, s, 3, field+".dialInfoDetailList"); err != nil {
		return r, err
	}
	// A relay that must be signalled cannot be dialled for somebody else.
	r.DialInfo = slices.DeleteFunc(r.DialInfo, func(d DialInfoDetail) bool { return d.Class.NeedsSignal() })
	kind, ok := ordinal[RelayKind](relayKindCodes[:], s.Uint32(8))
	if !ok {
		return r, fault(m, Ignore, field, "unknown relay kind")
	}
	r.Kind = kind
	r.ReceiveMTUs, err = readMTUs(m, s, 4, field+".receiveMtus")
	return r, err
}

// transport returns the place of a transport's size; nil for an unknown one.
func (t *MTUs) transport(protocol, address uint32) *uint16 {
	switch {
	case protocol == protocolCodes[UDP] && address == addressCodes[IPv4]:
		return &t.UDPv4
	case protocol == protocolCodes[UDP] && address == addressCodes[IPv6]:
		return &t.UDPv6
	case protocol == protocolCodes[TCP] && address == addressCodes[IPv4]:
		return &t.TCPv4
	case protocol == protocolCodes[TCP] && address == addressCodes[IPv6]:
		return &t.TCPv6
	}
	return nil
}

func readMTUs(m *capn.Message, s capn.Struct, slot int64, field string) (t MTUs, err error) {
	l := s.List(slot)
	if l.Len() > MaxTransportMTUs {
		return t, fault(m, Ignore, field, "too many")
	}
	for i := range l.Len() {
		e := l.At(i)
		size := t.transport(e.Uint32(0), e.Uint32(4))
		if size == nil {
			continue
		}
		mtu := e.Uint16(8)
		if mtu < MinTransportMTU || mtu > MaxTransportMTU || *size != 0 {
			return t, fault(m, Ignore, field, "size out of range or transport named twice")
		}
		*size = mtu
	}
	return t, intact(m, field)
}

// putMTUs writes the sizes in the order of the other implementation; none at
// all stay null.
func putMTUs(s capn.StructBuilder, slot int, t MTUs) {
	sizes := [...]struct {
		p   ProtocolType
		a   AddressType
		mtu uint16
	}{{UDP, IPv4, t.UDPv4}, {UDP, IPv6, t.UDPv6}, {TCP, IPv4, t.TCPv4}, {TCP, IPv6, t.TCPv6}}
	n := 0
	for _, size := range sizes {
		if size.mtu != 0 {
			n++
		}
	}
	if n == 0 {
		return
	}
	l := s.List(slot, n, 2, 0)
	n = 0
	for _, size := range sizes {
		if size.mtu != 0 {
			e := l.At(n)
			e.Uint32(0, protocolCodes[size.p])
			e.Uint32(4, addressCodes[size.a])
			e.Uint16(8, size.mtu)
			n++
		}
	}
}

func (t MTUs) check(field string) error {
	for _, mtu := range [...]uint16{t.UDPv4, t.UDPv6, t.TCPv4, t.TCPv6} {
		if mtu != 0 && (mtu < MinTransportMTU || mtu > MaxTransportMTU) {
			return unfit(field, "size out of range")
		}
	}
	return nil
}

// EncodeNodeInfo returns the packed NodeInfo, which is what a node signs. Lists
// are written as they are: see [NodeInfo.Sort]. What peers would refuse is an
// error (spec 03 §5.3).
func EncodeNodeInfo(n *NodeInfo) ([]byte, error) {
	if err := n.check(); err != nil {
		return nil, err
	}
	b := capn.NewBuilder(512 + 192*len(n.DialInfo))
	s := b.Root(1, 8)
	s.Uint64(0, uint64(n.Timestamp))
	versions := s.Uint32s(0, len(n.EnvelopeSupport))
	for i, v := range n.EnvelopeSupport {
		versions.Uint32(i, uint32(v))
	}
	keys := s.List(1, len(n.PublicKeys), 1, 1)
	for i := range n.PublicKeys {
		e := keys.At(i)
		e.Uint32(0, uint32(n.PublicKeys[i].Kind))
		e.Struct(0, 0, 1).Data(0, n.PublicKeys[i].Value[:])
	}
	putCapabilities(s, 2, n.Capabilities)
	putSets(s, 3, n.OutboundProtocols, n.AddressTypes)
	putDialInfoDetails(s, 5, n.DialInfo)
	relays := s.List(6, len(n.Relays), 2, 5)
	for i := range n.Relays {
		putRelayInfo(relays.At(i), &n.Relays[i])
	}
	putMTUs(s, 7, n.ReceiveMTUs)
	return finishPacked(b)
}

func putRelayInfo(s capn.StructBuilder, r *RelayInfo) {
	s.Uint64(0, uint64(r.Timestamp))
	s.Uint32(8, relayKindCodes[r.Kind])
	ids := s.List(0, len(r.NodeIDs), 1, 1)
	for i := range r.NodeIDs {
		putTyped(ids.At(i), r.NodeIDs[i].Kind, r.NodeIDs[i].Value[:])
	}
	putSets(s, 1, r.OutboundProtocols, r.AddressTypes)
	putDialInfoDetails(s, 3, r.DialInfo)
	putMTUs(s, 4, r.ReceiveMTUs)
}

func (n *NodeInfo) check() error {
	const field = "nodeInfo"
	switch {
	case len(n.EnvelopeSupport) < 1 || len(n.EnvelopeSupport) > MaxEnvelopeVersions:
		return unfit(field, "not 1 to 16 envelope versions")
	case len(n.PublicKeys) < 1 || len(n.PublicKeys) > MaxCryptoKinds:
		return unfit(field, "not 1 to 3 public keys")
	case len(n.Capabilities) > MaxCapabilities:
		return unfit(field, "too many capabilities")
	case len(n.Relays) > MaxRelayInfos:
		return unfit(field, "too many relays")
	}
	if err := checkDialInfoDetails(n.DialInfo, field); err != nil {
		return err
	}
	for i := range n.Relays {
		r := &n.Relays[i]
		if len(r.NodeIDs) < 1 || len(r.NodeIDs) > MaxRelayNodeIDs || int(r.Kind) >= len(relayKindCodes) {
			return unfit(field+".relayInfoList", "not 1 to 3 node ids or invalid kind")
		}
		if err := checkDialInfoDetails(r.DialInfo, field+".relayInfoList"); err != nil {
			return err
		}
		if err := r.ReceiveMTUs.check(field + ".relayInfoList"); err != nil {
			return err
		}
	}
	return n.ReceiveMTUs.check(field)
}

// Sort puts the lists in the order that real nodes publish and compare
// (spec 03 §5.3): what a decoder returns is sorted.
func (n *NodeInfo) Sort(order crypto.Kinds) {
	sorting.Ordered(n.EnvelopeSupport)
	sorting.By(n.PublicKeys, func(a, b crypto.PublicKey) int { return a.Compare(b, order) })
	sorting.Ordered(n.Capabilities)
	sorting.By(n.DialInfo, DialInfoDetail.Compare)
	for i := range n.Relays {
		sorting.By(n.Relays[i].DialInfo, DialInfoDetail.Compare)
	}
	sorting.By(n.Relays, func(a, b RelayInfo) int {
		return cmp.Or(
			cmp.Compare(a.Timestamp, b.Timestamp),
			slices.CompareFunc(a.NodeIDs, b.NodeIDs, func(x, y crypto.NodeID) int { return x.Compare(y, order) }),
			cmp.Compare(a.OutboundProtocols, b.OutboundProtocols),
			cmp.Compare(a.AddressTypes, b.AddressTypes),
			slices.CompareFunc(a.DialInfo, b.DialInfo, DialInfoDetail.Compare),
			cmp.Compare(a.Kind, b.Kind),
		)
	})
}

// Equivalent reports whether two descriptions, both sorted, say the same but
// for their time: a node does not publish again what is equivalent
// (spec 04 §3.4).
func (n *NodeInfo) Equivalent(o *NodeInfo) bool {
	return slices.Equal(n.EnvelopeSupport, o.EnvelopeSupport) &&
		slices.Equal(n.PublicKeys, o.PublicKeys) &&
		slices.Equal(n.Capabilities, o.Capabilities) &&
		n.OutboundProtocols == o.OutboundProtocols &&
		n.AddressTypes == o.AddressTypes &&
		slices.Equal(n.DialInfo, o.DialInfo) &&
		slices.EqualFunc(n.Relays, o.Relays, RelayInfo.equivalent) &&
		n.ReceiveMTUs == o.ReceiveMTUs
}

func (r RelayInfo) equivalent(o RelayInfo) bool {
	return slices.Equal(r.NodeIDs, o.NodeIDs) &&
		r.OutboundProtocols == o.OutboundProtocols &&
		r.AddressTypes == o.AddressTypes &&
		slices.Equal(r.DialInfo, o.DialInfo) &&
		r.Kind == o.Kind &&
		r.ReceiveMTUs == o.ReceiveMTUs
}

func finishPacked(b *capn.Builder) ([]byte, error) {
	flat, err := b.Finish()
	if err != nil {
		return nil, unfit("message", err.Error())
	}
	return capn.AppendPacked(make([]byte, 0, len(flat)*3/4+16), flat), nil
}

// clone copies bytes; empty stays empty and not nil.
func clone(b []byte) []byte { return append(make([]byte, 0, len(b)), b...) }
