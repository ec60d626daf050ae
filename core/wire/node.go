package wire

import (
	"net/netip"

	"github.com/voile-net/voile/core/crypto"
)

// Limits of lists in node descriptions (spec 03 §1.6, §2.7).
const (
	MaxEnvelopeVersions = 16
	MaxCryptoKinds      = 3
	MaxCapabilities     = 64
	MaxDialInfoDetails  = 64
	MaxRelayInfos       = 16
	MaxTransportMTUs    = 16
	MaxRelayNodeIDs     = 3
	MinTransportMTU     = 576
	MaxTransportMTU     = 1500
)

// DialInfo is one address at which a node can be dialled (spec 02 §1.2). It is
// comparable. Addr is never an IPv4-mapped IPv6 address.
type DialInfo struct {
	Protocol ProtocolType
	Addr     netip.AddrPort
	Request  string // WS only: the URL without "ws://", as the node published it
}

// AddressType returns the family of the address.
func (d DialInfo) AddressType() AddressType { return AddressTypeOf(d.Addr.Addr()) }

// AddressTypeOf returns the family of an address.
func AddressTypeOf(a netip.Addr) AddressType {
	if a.Unmap().Is4() {
		return IPv4
	}
	return IPv6
}

// DialInfoDetail is a dial info with its class.
type DialInfoDetail struct {
	Class    DialInfoClass
	DialInfo DialInfo
}

// MTUs holds the largest packet a node takes per low-level transport, 0 where
// nothing is said (spec 02 §2.4). UDP counts the datagram payload, TCP the
// segment payload.
type MTUs struct {
	UDPv4, UDPv6, TCPv4, TCPv6 uint16
}

// RelayInfo describes one relay of a node (spec 03 §1.2).
type RelayInfo struct {
	Timestamp         crypto.Timestamp
	NodeIDs           []crypto.NodeID
	OutboundProtocols ProtocolSet
	AddressTypes      AddressSet
	DialInfo          []DialInfoDetail
	Kind              RelayKind
	ReceiveMTUs       MTUs
}

// NodeInfo is what a node says of itself (spec 03 §1.2, §5.3). Lists are sorted.
type NodeInfo struct {
	Timestamp         crypto.Timestamp // version of the record, µs
	EnvelopeSupport   []EnvelopeVersion
	PublicKeys        []crypto.PublicKey // from cryptoInfoList: kinds known to the decoder only
	Capabilities      []Capability
	OutboundProtocols ProtocolSet
	AddressTypes      AddressSet
	DialInfo          []DialInfoDetail
	Relays            []RelayInfo
	ReceiveMTUs       MTUs
}

// PeerInfo is a signed NodeInfo (spec 03 §5.4). It is immutable once decoded
// or made: share it by pointer and copy before changing anything.
type PeerInfo struct {
	Domain     RoutingDomain      // worked out by the receiver, not on the wire
	NodeIDs    []crypto.NodeID    // one per known kind, derived from the public keys
	Info       NodeInfo           // decoded from Message
	Message    []byte             // the packed NodeInfo exactly as signed; empty: unsigned bootstrap record
	Signatures []crypto.Signature // over Message, not verified by the decoder
}

// Signed reports whether the record carries signatures (verified or not).
func (p *PeerInfo) Signed() bool { return len(p.Signatures) > 0 }
