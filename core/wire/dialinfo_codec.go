package wire

import (
	"encoding/binary"
	"net/netip"
	"strings"

	"github.com/voile-net/voile/core/wire/internal/capn"
)

// readSocketAddress reads a required SocketAddress. IPv4-mapped addresses
// become IPv4 (spec 03 §5.2).
func readSocketAddress(m *capn.Message, parent capn.Struct, slot int64, field string) (addr netip.AddrPort, err error) {
	if !parent.Has(slot) {
		return addr, absent(m, field)
	}
	s := parent.Struct(slot)
	if !s.Has(0) {
		return addr, absent(m, field+".address")
	}
	a := s.Struct(0)
	detail := a.Struct(0) // null reads as the unspecified address
	kind, ok := ordinal[AddressType](addressCodes[:], a.Uint32(0))
	if !ok {
		return addr, fault(m, Ignore, field, "unknown address type")
	}
	var ip netip.Addr
	if kind == IPv4 {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], detail.Uint32(0))
		ip = netip.AddrFrom4(b)
	} else {
		var b [16]byte
		for i := range 4 {
			binary.BigEndian.PutUint32(b[4*i:], detail.Uint32(int64(4*i)))
		}
		ip = netip.AddrFrom16(b).Unmap()
	}
	return netip.AddrPortFrom(ip, s.Uint16(0)), intact(m, field)
}

func putSocketAddress(s capn.StructBuilder, slot int, addr netip.AddrPort) {
	s = s.Struct(slot, 1, 1)
	s.Uint16(0, addr.Port())
	a := s.Struct(0, 1, 1)
	ip := addr.Addr().Unmap()
	a.Uint32(0, addressCodes[AddressTypeOf(ip)])
	if ip.Is4() {
		b := ip.As4()
		a.Struct(0, 1, 0).Uint32(0, binary.BigEndian.Uint32(b[:]))
		return
	}
	b := ip.As16()
	detail := a.Struct(0, 2, 0)
	for i := range 4 {
		detail.Uint32(4*i, binary.BigEndian.Uint32(b[4*i:]))
	}
}

// readDialInfo reads a required DialInfo.
func readDialInfo(m *capn.Message, parent capn.Struct, slot int64, field string) (d DialInfo, err error) {
	if !parent.Has(slot) {
		return d, absent(m, field)
	}
	s := parent.Struct(slot)
	protocol, ok := ordinal[ProtocolType](protocolCodes[:WSS], s.Uint32(0))
	if !ok {
		return d, fault(m, Ignore, field, "unknown protocol")
	}
	d.Protocol = protocol
	detail := s.Struct(0)
	if d.Addr, err = readSocketAddress(m, detail, 0, field); err != nil {
		return d, err
	}
	if d.Addr.Addr().IsUnspecified() {
		return d, fault(m, Protocol, field, "unspecified address")
	}
	if protocol == WS {
		if !detail.Has(1) {
			return d, absent(m, field+".request")
		}
		request, ok := strings.CutPrefix(string(detail.Text(1)), "ws://")
		if !ok {
			return d, fault(m, Protocol, field, "scheme of the request is not ws")
		}
		if msg := requestFault(d.Addr, request); msg != "" {
			return d, fault(m, Protocol, field, msg)
		}
		d.Request = request
	}
	return d, intact(m, field)
}

func putDialInfo(s capn.StructBuilder, slot int, d DialInfo) {
	s = s.Struct(slot, 1, 1)
	s.Uint32(0, protocolCodes[d.Protocol])
	if d.Protocol != WS {
		putSocketAddress(s.Struct(0, 0, 1), 0, d.Addr)
		return
	}
	detail := s.Struct(0, 0, 2)
	putSocketAddress(detail, 0, d.Addr)
	detail.Text(1, "ws://", d.Request)
}

// readDialInfoDetails reads a required list; an element of unknown kind is skipped.
func readDialInfoDetails(m *capn.Message, s capn.Struct, slot int64, field string) ([]DialInfoDetail, error) {
	if !s.Has(slot) {
		return nil, absent(m, field)
	}
	l := s.List(slot)
	if l.Len() > MaxDialInfoDetails {
		return nil, fault(m, Ignore, field, "too many")
	}
	if l.Len() == 0 {
		return nil, intact(m, field)
	}
	details := make([]DialInfoDetail, 0, l.Len())
	for i := range l.Len() {
		e := l.At(i)
		dial, err := readDialInfo(m, e, 0, field)
		class, ok := ordinal[DialInfoClass](classCodes[:], e.Uint32(0))
		switch {
		case KindOf(err) == Protocol:
			return nil, err
		case err == nil && ok:
			details = append(details, DialInfoDetail{class, dial})
		}
	}
	return details, intact(m, field)
}

func putDialInfoDetails(s capn.StructBuilder, slot int, details []DialInfoDetail) {
	l := s.List(slot, len(details), 1, 1)
	for i, d := range details {
		e := l.At(i)
		e.Uint32(0, classCodes[d.Class])
		putDialInfo(e, 0, d.DialInfo)
	}
}

func checkDialInfoDetails(details []DialInfoDetail, field string) error {
	if len(details) > MaxDialInfoDetails {
		return unfit(field, "too many")
	}
	for _, d := range details {
		if int(d.Class) >= len(classCodes) {
			return unfit(field, "invalid class")
		}
		if err := d.DialInfo.Check(); err != nil {
			return err
		}
	}
	return nil
}
