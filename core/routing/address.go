package routing

import (
	"net/netip"

	"github.com/voile-net/voile/core/transport"
)

// IsGlobal reports whether an address belongs to the internet (spec 04 §2.1). An
// IPv4-mapped address counts as the IPv4 address.
func IsGlobal(a netip.Addr) bool {
	a = a.Unmap()
	switch {
	case a.Is4():
		return global4(a.As4())
	case a.Is6():
		return global6(a.As16())
	}
	return false
}

func global4(b [4]byte) bool {
	switch b[0] {
	case 0, 10, 127:
		return false
	case 100: // shared 100.64/10
		return b[1]&0xc0 != 64
	case 169: // link-local
		return b[1] != 254
	case 172: // private 172.16/12
		return b[1]&0xf0 != 16
	case 192:
		switch {
		case b[1] == 168: // private
			return false
		case b[1] == 0 && b[2] == 0: // IETF, with two exceptions
			return b[3] == 9 || b[3] == 10
		case b[1] == 0 && b[2] == 2: // documentation
			return false
		}
	case 198: // benchmarking 198.18/15, documentation 198.51.100/24
		return b[1]&0xfe != 18 && (b[1] != 51 || b[2] != 100)
	case 203: // documentation
		return b[1] != 0 || b[2] != 113
	}
	return b[0] < 224 // multicast 224/4, reserved 240/4, broadcast
}

func global6(b [16]byte) bool {
	switch {
	case b[0] == 0xff, // multicast
		b[0] == 0xfe && b[1]&0xc0 == 0x80, // link-local fe80::/10
		b[0]&0xfe == 0xfc,                 // unique-local fc00::/7
		b[0] == 0x20 && b[1] == 0x01 && b[2] == 0x0d && b[3] == 0xb8, // documentation
		b == [16]byte{}, b == [16]byte{15: 1}: // unspecified, loopback
		return false
	}
	return true // site-local fec0::/10 counts as global (spec 04 §2.1)
}

// IsLocal reports whether an address belongs to some local network (spec 04 §2.1).
// Site-local IPv6 is both local and global; loopback is neither.
func IsLocal(a netip.Addr) bool {
	a = a.Unmap()
	switch {
	case a.Is4():
		b := a.As4()
		return b[0] == 10 || b[0] == 172 && b[1]&0xf0 == 16 || b[0] == 192 && b[1] == 168 ||
			linkLocal(a) || shared4(b)
	case a.Is6():
		b := a.As16()
		return b[0] == 0xfe && b[1]&0xc0 == 0xc0 || linkLocal(a) || b[0]&0xfe == 0xfc
	}
	return false
}

// IsSynthetic reports whether an address, as the own end of a flow, says nothing
// about the network behind it: carrier NAT and translation prefixes (spec 04 §2.1).
func IsSynthetic(a netip.Addr) bool {
	a = a.Unmap()
	switch {
	case a.Is4():
		return shared4(a.As4())
	case a.Is6():
		b := a.As16()
		return b[0] == 0x20 && b[1] == 0x02 || // 6to4 2002::/16
			b[0] == 0x20 && b[1] == 0x01 && b[2] == 0 && b[3] == 0 || // Teredo 2001::/32
			[12]byte(b[:12]) == [12]byte{1: 0x64, 2: 0xff, 3: 0x9b} // NAT64 64:ff9b::/96
	}
	return false
}

// shared4: shared 100.64/10 (carrier NAT) and IETF 192.0.0/24 (DS-Lite).
func shared4(b [4]byte) bool {
	return b[0] == 100 && b[1]&0xc0 == 64 || b[0] == 192 && b[1] == 0 && b[2] == 0
}

func linkLocal(a netip.Addr) bool {
	if a.Is4() {
		b := a.As4()
		return b[0] == 169 && b[1] == 254
	}
	b := a.As16()
	return b[0] == 0xfe && b[1]&0xc0 == 0x80
}

// Block is what limits and diversity rules count as one place: an IPv4 address
// itself, an IPv6 /56 (spec 04 §9.7).
func Block(a netip.Addr) netip.Addr { return transport.Block(a) }
