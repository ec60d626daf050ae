package wire

import "github.com/voile-net/voile/core/crypto"

// FourCC is a four character code as the schema stores it: the four ASCII
// bytes read as a big-endian number (spec 03 §1.1).
type FourCC uint32

// String returns the four characters.
func (f FourCC) String() string {
	return string([]byte{byte(f >> 24), byte(f >> 16), byte(f >> 8), byte(f)})
}

// ProtocolType is a transport protocol; the order is the sort order of dial
// info (spec 02 §1.1).
type ProtocolType uint8

const (
	UDP ProtocolType = iota
	TCP
	WS
	WSS // recognised only to be ignored: a default build has no WSS
)

// Ordered reports whether the protocol keeps the order of messages.
func (p ProtocolType) Ordered() bool { return p != UDP }

// LowLevel returns the protocol that carries p: UDP or TCP (spec 02 §1.1).
func (p ProtocolType) LowLevel() ProtocolType {
	if p == UDP {
		return UDP
	}
	return TCP
}

// String returns the name used in bootstrap JSON (spec 02 §13.6).
func (p ProtocolType) String() string {
	switch p {
	case UDP:
		return "UDP"
	case TCP:
		return "TCP"
	case WS:
		return "WS"
	}
	return "WSS"
}

// ProtocolSet is a set of protocol types; bit n stands for ordinal n.
type ProtocolSet uint8

// Protocols makes a set.
func Protocols(ps ...ProtocolType) (s ProtocolSet) {
	for _, p := range ps {
		s |= 1 << p
	}
	return s
}

// AllProtocols is every protocol that this implementation speaks.
const AllProtocols = ProtocolSet(1<<UDP | 1<<TCP | 1<<WS)

// Has reports whether p is in the set.
func (s ProtocolSet) Has(p ProtocolType) bool { return s&(1<<p) != 0 }

// AddressType is an address family; IPv6 sorts first (spec 02 §1.1).
type AddressType uint8

const (
	IPv6 AddressType = iota
	IPv4
)

// String returns the name used in bootstrap JSON.
func (a AddressType) String() string {
	if a == IPv6 {
		return "IPV6"
	}
	return "IPV4"
}

// AddressSet is a set of address types; bit n stands for ordinal n.
type AddressSet uint8

// Addresses makes a set.
func Addresses(as ...AddressType) (s AddressSet) {
	for _, a := range as {
		s |= 1 << a
	}
	return s
}

// AllAddresses is both families.
const AllAddresses = AddressSet(1<<IPv6 | 1<<IPv4)

// Has reports whether a is in the set.
func (s AddressSet) Has(a AddressType) bool { return s&(1<<a) != 0 }

// DialInfoClass says how a dial info can be reached (spec 02 §1.3); the order
// is the sort order.
type DialInfoClass uint8

const (
	ClassDirect DialInfoClass = iota
	ClassMapped
	ClassFullConeNAT
	ClassBlocked
	ClassAddressRestrictedNAT
	ClassPortRestrictedNAT
)

// NeedsSignal reports whether a peer must be signalled before it can be
// reached at a dial info of this class.
func (c DialInfoClass) NeedsSignal() bool { return c >= ClassBlocked }

// WantsKeepalive reports whether the mapping behind the class goes away
// without traffic.
func (c DialInfoClass) WantsKeepalive() bool {
	return c == ClassFullConeNAT || c == ClassAddressRestrictedNAT || c == ClassPortRestrictedNAT
}

// String returns the name used in bootstrap JSON.
func (c DialInfoClass) String() string {
	names := [...]string{"Direct", "Mapped", "FullConeNAT", "Blocked", "AddressRestrictedNAT", "PortRestrictedNAT"}
	if int(c) < len(names) {
		return names[c]
	}
	return "invalid"
}

// Sequencing is the ordering that a sender wants (spec 03 §8.2).
type Sequencing uint8

const (
	PreferUnordered Sequencing = iota // wire sqNP
	PreferOrdered                     // wire sqPO
	EnsureOrdered                     // wire sqEO
)

// String returns the name that the API uses.
func (s Sequencing) String() string {
	switch s {
	case PreferUnordered:
		return "PreferUnordered"
	case PreferOrdered:
		return "PreferOrdered"
	}
	return "EnsureOrdered"
}

// RelayKind is the direction a relay serves (spec 02 §1.1).
type RelayKind uint8

const (
	RelayInbound RelayKind = iota
	RelayOutbound
)

// String returns the name used in bootstrap JSON.
func (k RelayKind) String() string {
	if k == RelayInbound {
		return "Inbound"
	}
	return "Outbound"
}

// RoutingDomain is never on the wire; it says which network an address, a flow
// or a peer info belongs to (spec 02 §1.5).
type RoutingDomain uint8

const (
	LocalNetwork RoutingDomain = iota
	PublicInternet
)

// String returns the name used in bootstrap JSON.
func (d RoutingDomain) String() string {
	if d == LocalNetwork {
		return "LocalNetwork"
	}
	return "PublicInternet"
}

// Capability is a promise of a node to others (spec 03 §8.1). Unknown
// capabilities are kept.
type Capability = FourCC

const (
	CapROUT Capability = 0x524F5554 // forwards Route
	CapSGNL Capability = 0x53474E4C // handles Signal
	CapRLAY Capability = 0x524C4159 // relays envelopes for others
	CapDIAL Capability = 0x4449414C // validates dial info
	CapDHTV Capability = 0x44485456 // serves the distributed records
	CapAPPM Capability = 0x4150504D // takes AppCall and AppMessage
)

// EnvelopeVersion is the version of an envelope.
type EnvelopeVersion = FourCC

// ENV0 is the only envelope version there is.
const ENV0 EnvelopeVersion = 0x454e5630

// CryptoKind is the FourCC of a cryptosystem.
type CryptoKind = crypto.Kind
