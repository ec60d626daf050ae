package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/netip"
	"strconv"

	"github.com/voile-net/voile/core/crypto"
)

// PeerInfo as JSON: exact names and order of members, no white space
// (spec 02 §13.6). Bootstrap servers answer with it.

// AppendPeerInfosJSON appends a list of records, the answer of a bootstrap server.
func AppendPeerInfosJSON(dst []byte, peers []*PeerInfo) []byte {
	return appendList(dst, peers, AppendPeerInfoJSON)
}

// AppendPeerInfoJSON appends one record.
func AppendPeerInfoJSON(dst []byte, p *PeerInfo) []byte {
	dst = append(dst, `{"routing_domain":"`...)
	dst = append(dst, p.Domain.String()...)
	dst = append(dst, `","node_ids":`...)
	dst = appendList(dst, p.NodeIDs, appendText[crypto.NodeID])
	dst = append(dst, `,"node_info":`...)
	dst = appendNodeInfo(dst, &p.Info)
	dst = append(dst, `,"node_info_message":`...)
	dst = appendList(dst, p.Message, appendNumber[byte])
	dst = append(dst, `,"signatures":`...)
	dst = appendList(dst, p.Signatures, appendText[crypto.Signature])
	return append(dst, '}')
}

func appendNodeInfo(dst []byte, n *NodeInfo) []byte {
	dst = append(dst, `{"timestamp":"`...)
	dst = strconv.AppendUint(dst, uint64(n.Timestamp), 10)
	dst = append(dst, `","envelope_support":`...)
	dst = appendList(dst, n.EnvelopeSupport, appendCode)
	dst = append(dst, `,"crypto_info_list":`...)
	dst = appendList(dst, n.PublicKeys, func(dst []byte, key crypto.PublicKey) []byte {
		dst = append(dst, '{')
		dst = appendString(dst, key.Kind.String())
		dst = append(dst, `:{"public_key":"`...)
		dst = append(dst, key.Bare()...)
		return append(dst, `"}}`...)
	})
	dst = append(dst, `,"capabilities":`...)
	dst = appendList(dst, n.Capabilities, appendCode)
	dst = appendReach(dst, n.OutboundProtocols, n.AddressTypes, n.DialInfo)
	dst = append(dst, `,"relay_info_list":`...)
	dst = appendList(dst, n.Relays, appendRelayInfo)
	dst = appendMTUs(dst, n.ReceiveMTUs)
	return append(dst, '}')
}

func appendRelayInfo(dst []byte, r RelayInfo) []byte {
	dst = append(dst, `{"timestamp":"`...)
	dst = strconv.AppendUint(dst, uint64(r.Timestamp), 10)
	dst = append(dst, `","node_ids":`...)
	dst = appendList(dst, r.NodeIDs, appendText[crypto.NodeID])
	dst = appendReach(dst, r.OutboundProtocols, r.AddressTypes, r.DialInfo)
	dst = append(dst, `,"relay_kind":"`...)
	dst = append(dst, r.Kind.String()...)
	dst = append(dst, '"')
	dst = appendMTUs(dst, r.ReceiveMTUs)
	return append(dst, '}')
}

func appendReach(dst []byte, protocols ProtocolSet, addresses AddressSet, dials []DialInfoDetail) []byte {
	dst = append(dst, `,"outbound_protocols":`...)
	dst = appendNumber(dst, protocols)
	dst = append(dst, `,"address_types":`...)
	dst = appendNumber(dst, addresses)
	dst = append(dst, `,"dial_info_detail_list":`...)
	return appendList(dst, dials, appendDialInfo)
}

func appendDialInfo(dst []byte, d DialInfoDetail) []byte {
	addr := d.DialInfo.Addr
	dst = append(dst, `{"class":"`...)
	dst = append(dst, d.Class.String()...)
	dst = append(dst, `","dial_info":{"kind":"`...)
	dst = append(dst, d.DialInfo.Protocol.String()...)
	dst = append(dst, `","socket_address":{"address":{"`...)
	dst = append(dst, d.DialInfo.AddressType().String()...)
	dst = append(dst, `":"`...)
	dst = addr.Addr().AppendTo(dst)
	dst = append(dst, `"},"port":`...)
	dst = appendNumber(dst, addr.Port())
	dst = append(dst, '}')
	if d.DialInfo.Protocol >= WS {
		dst = append(dst, `,"request":`...)
		dst = appendString(dst, d.DialInfo.Request)
	}
	return append(dst, `}}`...)
}

func appendMTUs(dst []byte, t MTUs) []byte {
	dst = append(dst, `,"receive_mtus":{`...)
	for i, m := range [...]struct {
		name string
		mtu  uint16
	}{{"udp_v4", t.UDPv4}, {"udp_v6", t.UDPv6}, {"tcp_v4", t.TCPv4}, {"tcp_v6", t.TCPv6}} {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		dst = append(dst, m.name...)
		dst = append(dst, `":`...)
		if m.mtu == 0 {
			dst = append(dst, "null"...)
		} else {
			dst = appendNumber(dst, m.mtu)
		}
	}
	return append(dst, '}')
}

func appendList[T any](dst []byte, list []T, one func([]byte, T) []byte) []byte {
	dst = append(dst, '[')
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = one(dst, v)
	}
	return append(dst, ']')
}

func appendNumber[T ~uint8 | ~uint16](dst []byte, v T) []byte {
	return strconv.AppendUint(dst, uint64(v), 10)
}

// appendText appends a typed value, whose text needs no escapes but for an odd kind.
func appendText[T interface{ String() string }](dst []byte, v T) []byte {
	return appendString(dst, v.String())
}

func appendCode(dst []byte, code FourCC) []byte { return appendString(dst, code.String()) }

// appendString quotes text, which may come from a peer, without the escapes for
// HTML that the original does not write either.
func appendString(dst []byte, text string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(text) != nil {
		return append(dst, `""`...) // a string always encodes
	}
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}

// The members that have to be there when JSON is read. Their meaning comes from
// the message alone (spec 02 §13.6); receive_mtus may be missing.
type (
	peerJSON struct {
		RoutingDomain *string             `json:"routing_domain"`
		NodeIDs       *[]crypto.NodeID    `json:"node_ids"`
		NodeInfo      *nodeInfoJSON       `json:"node_info"`
		Message       *numbers            `json:"node_info_message"`
		Signatures    *[]crypto.Signature `json:"signatures"`
	}
	nodeInfoJSON struct {
		Timestamp       *crypto.Timestamp             `json:"timestamp"`
		EnvelopeSupport *[]string                     `json:"envelope_support"`
		CryptoInfoList  *[]map[string]json.RawMessage `json:"crypto_info_list"`
		Capabilities    *[]string                     `json:"capabilities"`
		reachJSON
		RelayInfoList *[]relayJSON       `json:"relay_info_list"`
		ReceiveMTUs   map[string]*uint16 `json:"receive_mtus"`
	}
	relayJSON struct {
		Timestamp *crypto.Timestamp `json:"timestamp"`
		NodeIDs   *[]string         `json:"node_ids"`
		reachJSON
		RelayKind   *string            `json:"relay_kind"`
		ReceiveMTUs map[string]*uint16 `json:"receive_mtus"`
	}
	reachJSON struct {
		OutboundProtocols *uint32     `json:"outbound_protocols"`
		AddressTypes      *uint32     `json:"address_types"`
		DialInfo          *[]dialJSON `json:"dial_info_detail_list"`
	}
	dialJSON struct {
		Class    *string `json:"class"`
		DialInfo *struct {
			Kind          *string `json:"kind"`
			SocketAddress *struct {
				Address *map[string]netip.Addr `json:"address"`
				Port    *uint16                `json:"port"`
			} `json:"socket_address"`
		} `json:"dial_info"`
	}
)

// numbers is a byte string as an array of numbers; encoding/json would take it
// for base64.
type numbers []byte

func (n *numbers) UnmarshalJSON(text []byte) error {
	var list []uint8
	if len(text) < 2 || text[0] != '[' {
		return errNumbers
	}
	text = bytes.TrimSpace(text[1 : len(text)-1])
	for len(text) > 0 {
		one, rest, more := bytes.Cut(text, []byte{','})
		v, err := strconv.ParseUint(string(bytes.TrimSpace(one)), 10, 8)
		if err != nil {
			return errNumbers
		}
		list = append(list, byte(v))
		if text = rest; more && len(text) == 0 {
			return errNumbers
		}
	}
	*n = list
	return nil
}

var (
	errNumbers = errors.New("not an array of numbers 0..255")
	errMembers = errors.New("member missing")
)

func (p *peerJSON) complete() bool {
	if p.RoutingDomain == nil || p.NodeIDs == nil || p.NodeInfo == nil || p.Message == nil || p.Signatures == nil {
		return false
	}
	n := p.NodeInfo
	if n.Timestamp == nil || n.EnvelopeSupport == nil || n.CryptoInfoList == nil || n.Capabilities == nil ||
		n.RelayInfoList == nil || !n.reachJSON.complete() {
		return false
	}
	for _, r := range *n.RelayInfoList {
		if r.Timestamp == nil || r.NodeIDs == nil || r.RelayKind == nil || !r.reachJSON.complete() {
			return false
		}
	}
	return true
}

func (r *reachJSON) complete() bool {
	if r.OutboundProtocols == nil || r.AddressTypes == nil || r.DialInfo == nil {
		return false
	}
	for _, d := range *r.DialInfo {
		if d.Class == nil || d.DialInfo == nil || d.DialInfo.Kind == nil || d.DialInfo.SocketAddress == nil ||
			d.DialInfo.SocketAddress.Address == nil || d.DialInfo.SocketAddress.Port == nil {
			return false
		}
	}
	return true
}

// DecodePeerInfoJSON reads one record. All members must be there and parse, but
// only routing_domain, node_info_message and signatures are used: the first
// fills Domain, the others are checked as those of any PeerInfo. Signatures are
// not verified.
func (d Decoder) DecodePeerInfoJSON(text []byte) (*PeerInfo, error) {
	const field = "peerInfo JSON"
	var j peerJSON
	if err := json.Unmarshal(text, &j); err != nil {
		return nil, &Error{Protocol, field, err.Error()}
	}
	if !j.complete() {
		return nil, &Error{Protocol, field, errMembers.Error()}
	}
	domain := PublicInternet
	switch *j.RoutingDomain {
	case LocalNetwork.String():
		domain = LocalNetwork
	case PublicInternet.String():
	default:
		return nil, &Error{Protocol, field, "unknown routing domain"}
	}
	var signatures crypto.Group[crypto.Signature]
	for _, sig := range *j.Signatures {
		signatures = signatures.Add(d.Kinds, sig)
	}
	if len(signatures) > MaxCryptoKinds {
		return nil, &Error{Ignore, field, "too many signatures"}
	}
	p, err := d.start().newPeerInfo(*j.Message, signatures, field)
	if err != nil {
		return nil, err
	}
	p.Domain = domain
	return p, nil
}

// DecodePeerInfosJSON reads the answer of a bootstrap server. The text must be
// a JSON array; records in it that do not decode are skipped.
func (d Decoder) DecodePeerInfosJSON(text []byte) ([]*PeerInfo, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, &Error{Protocol, "peerInfo JSON", err.Error()}
	}
	peers := make([]*PeerInfo, 0, len(list))
	for _, one := range list {
		if p, err := d.DecodePeerInfoJSON(one); err == nil {
			peers = append(peers, p)
		}
	}
	return peers, nil
}
