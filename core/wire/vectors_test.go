package wire

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/voile-net/voile/core/crypto"
)

var testDecoder = Decoder{Kinds: crypto.DefaultKinds()}

// Hexed is bytes as hex text, the form of the vectors.
type Hexed []byte

func (h *Hexed) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func load[T any](t testing.TB, file string) (v T) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

type typedVector struct {
	Kind  string `json:"kind"`
	Value Hexed  `json:"value"`
}

type operationVector struct {
	Name   string `json:"name"`
	Packed Hexed  `json:"packed"`
	Expect struct {
		Operation   any          `json:"operation"`
		Signer      *typedVector `json:"signer"`
		Signature   *typedVector `json:"signature"`
		SignedBytes Hexed        `json:"signedBytes"`
	} `json:"expect"`
}

func operationVectors(t testing.TB) (all []operationVector) {
	for _, file := range []string{"operations-1.json", "operations-2.json"} {
		all = append(all, load[struct{ Vectors []operationVector }](t, file).Vectors...)
	}
	return all
}

// The functions below turn values into the JSON form of the vectors, whose
// names are those of the schema.

type object = map[string]any

func number(v uint64) string { return strconv.FormatUint(v, 10) }

func typed(kind crypto.Kind, value []byte) any {
	return object{"kind": kind.String(), "value": hex.EncodeToString(value)}
}

func idJSON(key crypto.PublicKey) any        { return typed(key.Kind, key.Value[:]) }
func nodeIDJSON(key crypto.NodeID) any       { return typed(key.Kind, key.Value[:]) }
func keyJSON(key crypto.OpaqueRecordKey) any { return typed(key.Kind, key.Value[:]) }
func signatureJSON(s crypto.Signature) any   { return typed(s.Kind, s.Value[:]) }
func nonceJSON(n crypto.Nonce) any           { return object{"value": hex.EncodeToString(n[:])} }

func list[T any](vs []T, one func(T) any) any {
	out := []any{}
	for _, v := range vs {
		out = append(out, one(v))
	}
	return out
}

func codeJSON(c FourCC) any { return c.String() }

func codes[T ~uint8, S ~uint8](table []uint32, set S) any {
	out := []any{}
	for i, c := range table {
		if set>>i&1 != 0 {
			out = append(out, FourCC(c).String())
		}
	}
	return out
}

func fanout(n uint32) any { return object{"maxPeers": float64(n)} }

func peerJSONOf(p *PeerInfo) any {
	if p == nil {
		return nil
	}
	return object{"nodeInfoMessage": hex.EncodeToString(p.Message), "signatures": list(p.Signatures, signatureJSON)}
}

func socketJSON(d DialInfo) any {
	addr := d.Addr.Addr()
	detail, kind := object{}, "ipV4"
	if addr.Is4() {
		b := addr.As4()
		detail["addr"] = float64(uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3]))
	} else {
		kind = "ipV6"
		b := addr.As16()
		for i := range 4 {
			c := b[4*i:]
			detail["addr"+strconv.Itoa(i)] = float64(uint32(c[0])<<24 | uint32(c[1])<<16 | uint32(c[2])<<8 | uint32(c[3]))
		}
	}
	return object{"address": object{"addressType": kind, "detail": detail}, "port": float64(d.Addr.Port())}
}

func dialInfoJSON(d DialInfo) any {
	detail := object{"socketAddress": socketJSON(d)}
	if d.Protocol == WS {
		detail["request"] = "ws://" + d.Request
	}
	return object{"protocolType": FourCC(protocolCodes[d.Protocol]).String(), "detail": detail}
}

func dialDetailJSON(d DialInfoDetail) any {
	return object{"class": FourCC(classCodes[d.Class]).String(), "dialInfo": dialInfoJSON(d.DialInfo)}
}

func mtusJSON(t MTUs) any {
	out := []any{}
	for _, m := range []struct {
		p, a string
		mtu  uint16
	}{{"pUDP", "ipV4", t.UDPv4}, {"pUDP", "ipV6", t.UDPv6}, {"pTCP", "ipV4", t.TCPv4}, {"pTCP", "ipV6", t.TCPv6}} {
		if m.mtu != 0 {
			out = append(out, object{"protocolType": m.p, "addressType": m.a, "mtu": float64(m.mtu)})
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func nodeInfoJSONOf(n *NodeInfo) any {
	return object{
		"timestamp":       number(uint64(n.Timestamp)),
		"envelopeSupport": list(n.EnvelopeSupport, codeJSON),
		"cryptoInfoList": list(n.PublicKeys, func(k crypto.PublicKey) any {
			return object{"cryptoKind": k.Kind.String(), "detail": object{"publicKey": hex.EncodeToString(k.Value[:])}}
		}),
		"capabilities":       list(n.Capabilities, codeJSON),
		"outboundProtocols":  codes[ProtocolType](protocolCodes[:], n.OutboundProtocols),
		"addressTypes":       codes[AddressType](addressCodes[:], n.AddressTypes),
		"dialInfoDetailList": list(n.DialInfo, dialDetailJSON),
		"relayInfoList": list(n.Relays, func(r RelayInfo) any {
			return object{
				"timestamp":          number(uint64(r.Timestamp)),
				"nodeIds":            list(r.NodeIDs, nodeIDJSON),
				"outboundProtocols":  codes[ProtocolType](protocolCodes[:], r.OutboundProtocols),
				"addressTypes":       codes[AddressType](addressCodes[:], r.AddressTypes),
				"dialInfoDetailList": list(r.DialInfo, dialDetailJSON),
				"relayKind":          FourCC(relayKindCodes[r.Kind]).String(),
				"receiveMtus":        mtusJSON(r.ReceiveMTUs),
			}
		}),
		"receiveMtus": mtusJSON(n.ReceiveMTUs),
	}
}

func hopDataJSON(h *RouteHopData) any {
	if h == nil {
		return nil
	}
	return object{"nonce": nonceJSON(h.Nonce), "blob": hex.EncodeToString(h.Blob)}
}

func hopJSON(h *RouteHop) any {
	node := object{"nodeId": nodeIDJSON(h.NodeID)}
	if h.PeerInfo != nil {
		node = object{"peerInfo": peerJSONOf(h.PeerInfo)}
	}
	return object{"node": node, "nextHop": hopDataJSON(h.Next)}
}

func privateRouteJSON(r *PrivateRoute) any {
	hops := object{"empty": nil}
	switch {
	case r.FirstHop != nil:
		hops = object{"firstHop": hopJSON(r.FirstHop)}
	case r.Data != nil:
		hops = object{"data": hopDataJSON(r.Data)}
	}
	return object{"publicKey": idJSON(r.PublicKey), "hops": hops}
}

func valueJSON(v *SignedValueData) any {
	if v == nil {
		return nil
	}
	return object{"valueData": hex.EncodeToString(v.Blob), "signature": signatureJSON(v.Signature)}
}

func descriptorJSON(d *SignedValueDescriptor) any {
	if d == nil {
		return nil
	}
	return object{"owner": idJSON(d.Owner), "schemaData": hex.EncodeToString(d.SchemaData), "signature": signatureJSON(d.Signature)}
}

func probeJSON(p *MTUProbe) any {
	if p == nil {
		return nil
	}
	return object{"size": float64(p.Size), "padding": hex.EncodeToString(p.Padding)}
}

func statusJSON(present bool) any {
	if present {
		return object{}
	}
	return nil
}

func rangesJSON(rs []SubkeyRange) any {
	return list(rs, func(r SubkeyRange) any {
		return object{"start": float64(r.Start), "end": float64(r.End)}
	})
}

func seqsJSON(seqs []uint32) any { return list(seqs, func(v uint32) any { return float64(v) }) }

func peersJSON(ps []*PeerInfo) any { return list(ps, peerJSONOf) }

func message(b []byte) any { return object{"message": hex.EncodeToString(b)} }

var commandNames = []string{"end", "commit", "rollback", "get", "set"}

// detailJSON names the detail of a body as the schema does.
func detailJSON(t testing.TB, detail any) (name string, value any) {
	switch d := detail.(type) {
	case *StatusQ:
		return "statusQ", object{"nodeStatus": statusJSON(d.NodeStatus), "mtuProbe": probeJSON(d.Probe)}
	case *StatusA:
		o := object{"nodeStatus": statusJSON(d.NodeStatus), "senderInfo": nil, "mtuProbe": probeJSON(d.Probe)}
		if d.SenderAddr.IsValid() {
			o["senderInfo"] = object{"socketAddress": socketJSON(DialInfo{Addr: d.SenderAddr})}
		}
		return "statusA", o
	case *FindNodeQ:
		return "findNodeQ", object{"nodeId": nodeIDJSON(d.NodeID), "capabilities": list(d.Capabilities, codeJSON), "fanoutConfig": fanout(d.MaxPeers)}
	case *FindNodeA:
		return "findNodeA", object{"peers": peersJSON(d.Peers)}
	case *AppCallQ:
		return "appCallQ", message(d.Message)
	case *AppCallA:
		return "appCallA", message(d.Message)
	case *AppMessage:
		return "appMessage", message(d.Message)
	case *GetValueQ:
		return "getValueQ", object{"key": keyJSON(d.Key), "subkey": float64(d.Subkey), "wantDescriptor": d.WantDescriptor, "fanoutConfig": fanout(d.MaxPeers)}
	case *GetValueA:
		return "getValueA", object{"accepted": d.Accepted, "value": valueJSON(d.Value), "peers": peersJSON(d.Peers), "descriptor": descriptorJSON(d.Descriptor)}
	case *SetValueQ:
		return "setValueQ", object{"key": keyJSON(d.Key), "subkey": float64(d.Subkey), "value": valueJSON(d.Value), "descriptor": descriptorJSON(d.Descriptor), "fanoutConfig": fanout(d.MaxPeers)}
	case *SetValueA:
		return "setValueA", object{"accepted": d.Accepted, "needDescriptor": d.NeedDescriptor, "value": valueJSON(d.Value), "peers": peersJSON(d.Peers)}
	case *WatchValueQ:
		return "watchValueQ", object{"key": keyJSON(d.Key), "subkeys": rangesJSON(d.Subkeys), "duration": number(uint64(d.Duration)), "count": float64(d.Count), "watchId": number(d.WatchID), "fanoutConfig": fanout(d.MaxPeers)}
	case *WatchValueA:
		return "watchValueA", object{"accepted": d.Accepted, "duration": number(uint64(d.Duration)), "peers": peersJSON(d.Peers), "watchId": number(d.WatchID)}
	case *InspectValueQ:
		return "inspectValueQ", object{"key": keyJSON(d.Key), "subkeys": rangesJSON(d.Subkeys), "wantDescriptor": d.WantDescriptor, "fanoutConfig": fanout(d.MaxPeers)}
	case *InspectValueA:
		return "inspectValueA", object{"accepted": d.Accepted, "seqs": seqsJSON(d.Seqs), "peers": peersJSON(d.Peers), "descriptor": descriptorJSON(d.Descriptor)}
	case *ValueChanged:
		return "valueChanged", object{"key": keyJSON(d.Key), "subkeys": rangesJSON(d.Subkeys), "count": float64(d.Count), "watchId": number(d.WatchID), "value": valueJSON(d.Value)}
	case *TransactBeginQ:
		return "transactBeginQ", object{"key": keyJSON(d.Key), "descriptor": descriptorJSON(d.Descriptor), "wantDescriptor": d.WantDescriptor, "fanoutConfig": fanout(d.MaxPeers)}
	case *TransactBeginA:
		return "transactBeginA", object{"accepted": d.Accepted, "needDescriptor": d.NeedDescriptor, "descriptor": descriptorJSON(d.Descriptor), "transactionId": number(d.TransactionID), "duration": number(uint64(d.Duration)), "seqs": seqsJSON(d.Seqs), "peers": peersJSON(d.Peers)}
	case *TransactCommandQ:
		return "transactCommandQ", object{"key": keyJSON(d.Key), "transactionId": number(d.TransactionID), "command": commandNames[d.Command], "seqs": nil, "subkey": float64(d.Subkey), "value": valueJSON(d.Value)}
	case *TransactCommandA:
		var seqs any
		if d.Seqs != nil {
			seqs = seqsJSON(d.Seqs)
		}
		return "transactCommandA", object{"transactionValid": d.Valid, "duration": number(uint64(d.Duration)), "seqs": seqs, "subkey": float64(d.Subkey), "value": valueJSON(d.Value)}
	case *ValidateDialInfo:
		return "validateDialInfo", object{"dialInfo": dialInfoJSON(d.DialInfo), "receipt": hex.EncodeToString(d.Receipt), "redirect": d.Redirect}
	case *ReturnReceipt:
		return "returnReceipt", object{"receipt": hex.EncodeToString(d.Receipt)}
	case *Signal:
		info := object{"receipt": hex.EncodeToString(d.Receipt), "peerInfo": peerJSONOf(d.PeerInfo)}
		name := "reverseConnect"
		if d.Kind == SignalHolePunch {
			name = "holePunch"
			info["dialInfo"] = nil
			if d.DialInfo != nil {
				info["dialInfo"] = dialInfoJSON(*d.DialInfo)
			}
		}
		return "signal", object{"union": object{name: info}}
	case *Route:
		hops := object{"data": hopDataJSON(d.SafetyRoute.Data)}
		if d.SafetyRoute.Private != nil {
			hops = object{"private": privateRouteJSON(d.SafetyRoute.Private)}
		}
		o := d.Operation
		return "route", object{
			"safetyRoute": object{"publicKey": idJSON(d.SafetyRoute.PublicKey), "hops": hops},
			"operation": object{"sequencing": FourCC(sequencingCode[o.Sequencing]).String(), "signatures": list(o.Signatures, signatureJSON),
				"nonce": nonceJSON(o.Nonce), "data": hex.EncodeToString(o.Data)},
		}
	}
	t.Fatalf("no JSON form of %T", detail)
	return "", nil
}

func operationJSON(t testing.TB, op *Operation) any {
	var kind object
	switch body := op.Body.(type) {
	case *Question:
		respond := object{"sender": nil}
		if body.RespondTo != nil {
			respond = object{"privateRoute": privateRouteJSON(body.RespondTo)}
		}
		name, detail := detailJSON(t, body.Detail)
		kind = object{"question": object{"respondTo": respond, "detail": object{name: detail}}}
	case *Statement:
		name, detail := detailJSON(t, body.Detail)
		kind = object{"statement": object{"detail": object{name: detail}}}
	case *Answer:
		name, detail := detailJSON(t, body.Detail)
		kind = object{"answer": object{"detail": object{name: detail}}}
	}
	return object{
		"opId":             number(op.OpID),
		"senderPeerInfo":   peerJSONOf(op.SenderPeerInfo),
		"targetNodeInfoTs": number(uint64(op.TargetNodeInfoTS)),
		"kind":             kind,
	}
}
