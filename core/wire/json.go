package wire

import (
	"bytes"
	"encoding/json"
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
