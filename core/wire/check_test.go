package wire

import (
	"net/netip"
	"testing"

	"github.com/voile-net/voile/core/crypto"
)

func TestCheckAnswer(t *testing.T) {
	const good = Local // stands for no error at all
	peer := func(caps ...Capability) []*PeerInfo { return []*PeerInfo{{Info: NodeInfo{Capabilities: caps}}} }
	value := func(seq uint32) *SignedValueData { return &SignedValueData{Value: ValueData{Seq: seq}} }
	command := func(c TransactCommand, subkey uint32) *TransactCommandQ {
		return &TransactCommandQ{Command: c, Subkey: subkey, Value: value(5)}
	}
	valid := func(d crypto.TimestampDuration, subkey uint32, v *SignedValueData) *TransactCommandA {
		return &TransactCommandA{Valid: true, Duration: d, Subkey: subkey, Value: v}
	}
	tests := []struct {
		name string
		q    QuestionDetail
		a    AnswerDetail
		want Kind
	}{
		{"status", &StatusQ{}, &StatusA{}, good},
		{"call", &AppCallQ{}, &AppCallA{}, good},
		{"get", &GetValueQ{}, &GetValueA{}, good},
		{"set", &SetValueQ{}, &SetValueA{}, good},
		{"another type", &GetValueQ{}, &SetValueA{}, Protocol},
		{"no answer", &StatusQ{}, nil, Protocol},
		{"peers with all capabilities", &FindNodeQ{Capabilities: []Capability{CapDHTV}}, &FindNodeA{peer(CapAPPM, CapDHTV)}, good},
		{"peer without one", &FindNodeQ{Capabilities: []Capability{CapDHTV, CapROUT}}, &FindNodeA{peer(CapAPPM, CapDHTV)}, Ignore},
		{"new watch", &WatchValueQ{}, &WatchValueA{Accepted: true, Duration: 1, WatchID: 7}, good},
		{"watch without id", &WatchValueQ{}, &WatchValueA{Accepted: true, Duration: 1}, Ignore},
		{"rejected watch", &WatchValueQ{WatchID: 7}, &WatchValueA{WatchID: 8}, good},
		{"watch of another id", &WatchValueQ{WatchID: 7}, &WatchValueA{Accepted: true, WatchID: 8}, Ignore},
		{"as many as asked", &InspectValueQ{Subkeys: []SubkeyRange{{0, 1}}}, &InspectValueA{Seqs: make([]uint32, 2)}, good},
		{"more than asked", &InspectValueQ{Subkeys: []SubkeyRange{{0, 1}}}, &InspectValueA{Seqs: make([]uint32, 3)}, Protocol},
		{"all", &InspectValueQ{}, &InspectValueA{Seqs: make([]uint32, 1024)}, good},
		{"the whole range", &InspectValueQ{Subkeys: []SubkeyRange{{0, 0xffffffff}}}, &InspectValueA{Seqs: make([]uint32, 1024)}, good},
		{"begin", &TransactBeginQ{WantDescriptor: true}, &TransactBeginA{Accepted: true, Descriptor: &SignedValueDescriptor{}}, good},
		{"begin without descriptor", &TransactBeginQ{WantDescriptor: true}, &TransactBeginA{Accepted: true}, Ignore},
		{"begin needs descriptor", &TransactBeginQ{WantDescriptor: true}, &TransactBeginA{Accepted: true, NeedDescriptor: true}, good},
		{"transaction gone", command(TransactSet, 1), &TransactCommandA{Subkey: SubkeyAbsent}, good},
		{"end", command(TransactEnd, SubkeyAbsent), valid(10, SubkeyAbsent, nil), good},
		{"end with subkey", command(TransactEnd, SubkeyAbsent), valid(10, 0, nil), Protocol},
		{"commit", command(TransactCommit, SubkeyAbsent), valid(0, SubkeyAbsent, nil), good},
		{"commit goes on", command(TransactCommit, SubkeyAbsent), valid(1, SubkeyAbsent, nil), Protocol},
		{"rollback with value", command(TransactRollback, SubkeyAbsent), valid(0, SubkeyAbsent, value(1)), Protocol},
		{"keep alive", command(TransactGet, SubkeyAbsent), valid(10, SubkeyAbsent, nil), good},
		{"get value", command(TransactGet, 1), valid(10, 1, value(1)), good},
		{"get another subkey", command(TransactGet, 1), valid(10, 2, nil), Protocol},
		{"set taken", command(TransactSet, 1), valid(10, 1, nil), good},
		{"set, newer held", command(TransactSet, 1), valid(10, 1, value(5)), good},
		{"set, older held", command(TransactSet, 1), valid(10, 1, value(4)), Protocol},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := CheckAnswer(test.q, test.a)
			if KindOf(err) != test.want || (err == nil) != (test.want == good) {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}
}

// What a peer would refuse or punish is not encoded.
func TestEncodeRefuses(t *testing.T) {
	question := func(d QuestionDetail) *Operation { return &Operation{Body: &Question{Detail: d}} }
	statement := func(d StatementDetail) *Operation { return &Operation{Body: &Statement{d}} }
	answer := func(d AnswerDetail) *Operation { return &Operation{Body: &Answer{d}} }
	bootstrap := &PeerInfo{} // unsigned
	long := make([]byte, MaxMessageSize+1)
	tests := map[string]*Operation{
		"no body":              {},
		"no question":          question(nil),
		"no statement":         statement(nil),
		"no answer":            answer(nil),
		"unsigned sender":      {SenderPeerInfo: bootstrap, Body: &Question{Detail: &StatusQ{}}},
		"unsigned peer":        answer(&FindNodeA{[]*PeerInfo{bootstrap}}),
		"21 peers":             answer(&FindNodeA{make([]*PeerInfo, 21)}),
		"long call":            question(&AppCallQ{long}),
		"long answer":          answer(&AppCallA{long}),
		"long message":         statement(&AppMessage{long}),
		"probe size":           question(&StatusQ{Probe: &MTUProbe{Size: 1501}}),
		"probe padding":        answer(&StatusA{Probe: &MTUProbe{Size: 1200, Padding: make([]byte, 1023)}}),
		"many capabilities":    question(&FindNodeQ{Capabilities: make([]Capability, 65)}),
		"unspecified address":  statement(&ValidateDialInfo{DialInfo: DialInfo{UDP, netip.MustParseAddrPort("0.0.0.0:1"), ""}, Receipt: make([]byte, 130)}),
		"short receipt":        statement(&ReturnReceipt{make([]byte, 129)}),
		"signal from nobody":   statement(&Signal{Receipt: make([]byte, 130)}),
		"no value":             question(&SetValueQ{}),
		"value without blob":   question(&SetValueQ{Value: &SignedValueData{}}),
		"overlapping ranges":   question(&InspectValueQ{Subkeys: []SubkeyRange{{0, 2}, {2, 3}}}),
		"many seqs":            answer(&InspectValueA{Seqs: make([]uint32, 1025)}),
		"no watch":             question(&WatchValueQ{}),
		"change of no watch":   statement(&ValueChanged{}),
		"both descriptors":     question(&TransactBeginQ{Descriptor: &SignedValueDescriptor{}, WantDescriptor: true}),
		"no transaction":       question(&TransactCommandQ{Subkey: SubkeyAbsent}),
		"end with subkey":      question(&TransactCommandQ{TransactionID: 1}),
		"set without value":    question(&TransactCommandQ{TransactionID: 1, Command: TransactSet}),
		"invalid with subkey":  answer(&TransactCommandA{}),
		"route without hops":   statement(&Route{}),
		"route with both":      statement(&Route{SafetyRoute: SafetyRoute{Data: &RouteHopData{}, Private: &PrivateRoute{}}}),
		"4 signatures":         statement(&Route{SafetyRoute: SafetyRoute{Data: &RouteHopData{}}, Operation: RoutedOperation{Signatures: make([]crypto.Signature, 4)}}),
		"respond to two forms": {Body: &Question{RespondTo: &PrivateRoute{FirstHop: &RouteHop{}, Data: &RouteHopData{}}, Detail: &StatusQ{}}},
		"respond to nobody":    {Body: &Question{RespondTo: &PrivateRoute{FirstHop: &RouteHop{}}, Detail: &StatusQ{}}},
	}
	for name, op := range tests {
		if _, err := EncodeOperation(op); err == nil || KindOf(err) != Local {
			t.Errorf("%s: error %v, want a local one", name, err)
		}
	}
	if _, err := EncodeSignedOperation(make([]byte, 9), nil, crypto.Signature{}); err == nil {
		t.Error("signed operation of broken words: no error")
	}
	for name, v := range map[string]ValueData{"no seq": {Seq: SeqNone}, "too long": {Data: make([]byte, MaxValueSize+1)}} {
		if _, err := NewSignedValueData(v, crypto.Signature{}); err == nil {
			t.Errorf("value, %s: no error", name)
		}
	}
}

func TestNodeInfoEncodeRefuses(t *testing.T) {
	if _, err := EncodeNodeInfo(specNodeInfo(MTUs{})); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*NodeInfo){
		"no versions":      func(n *NodeInfo) { n.EnvelopeSupport = nil },
		"no key":           func(n *NodeInfo) { n.PublicKeys = nil },
		"4 keys":           func(n *NodeInfo) { n.PublicKeys = make([]crypto.PublicKey, 4) },
		"65 capabilities":  func(n *NodeInfo) { n.Capabilities = make([]Capability, 65) },
		"65 dial infos":    func(n *NodeInfo) { n.DialInfo = make([]DialInfoDetail, 65) },
		"no address":       func(n *NodeInfo) { n.DialInfo = make([]DialInfoDetail, 1) },
		"no class":         func(n *NodeInfo) { n.DialInfo[0].Class = 6 },
		"17 relays":        func(n *NodeInfo) { n.Relays = make([]RelayInfo, 17) },
		"relay without id": func(n *NodeInfo) { n.Relays = make([]RelayInfo, 1) },
		"size":             func(n *NodeInfo) { n.ReceiveMTUs.TCPv6 = 575 },
	} {
		n := specNodeInfo(MTUs{})
		spoil(n)
		if _, err := EncodeNodeInfo(n); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestEquivalent(t *testing.T) {
	base := func() *NodeInfo {
		n := specNodeInfo(MTUs{UDPv4: 1200})
		n.Relays = []RelayInfo{{Timestamp: 1, NodeIDs: []crypto.NodeID{crypto.NodeID(specKey)}, DialInfo: n.DialInfo}}
		return n
	}
	for name, change := range map[string]func(*NodeInfo){
		"versions":     func(n *NodeInfo) { n.EnvelopeSupport = nil },
		"keys":         func(n *NodeInfo) { n.PublicKeys = []crypto.PublicKey{specOwner} },
		"capabilities": func(n *NodeInfo) { n.Capabilities = n.Capabilities[1:] },
		"protocols":    func(n *NodeInfo) { n.OutboundProtocols = 1 },
		"addresses":    func(n *NodeInfo) { n.AddressTypes = AllAddresses },
		"dial info":    func(n *NodeInfo) { n.DialInfo = n.DialInfo[1:] },
		"relay":        func(n *NodeInfo) { n.Relays[0].Kind = RelayOutbound },
		"relay sizes":  func(n *NodeInfo) { n.Relays[0].ReceiveMTUs.UDPv4 = 1200 },
		"no relay":     func(n *NodeInfo) { n.Relays = nil },
		"sizes":        func(n *NodeInfo) { n.ReceiveMTUs.UDPv4 = 1201 },
	} {
		a, b := base(), base()
		change(b)
		if a.Equivalent(b) {
			t.Errorf("equivalent in spite of other %s", name)
		}
	}
	a, b := base(), base()
	b.Timestamp, b.Relays[0].Timestamp = 9, 9
	if !a.Equivalent(b) {
		t.Error("not equivalent for the time alone")
	}
	p, q := &PeerInfo{Info: *a}, &PeerInfo{Info: *b}
	if !p.Equivalent(q) {
		t.Error("records not equivalent")
	}
	if q.Domain = PublicInternet; p.Equivalent(q) {
		t.Error("records of two domains equivalent")
	}
}

func TestSameDescriptor(t *testing.T) {
	d := SignedValueDescriptor{Owner: specOwner, SchemaData: []byte{1}}
	o := d
	o.Signature.Value[0] = 1
	if !d.Same(&o) {
		t.Error("the signature is compared")
	}
	if o.SchemaData = []byte{2}; d.Same(&o) {
		t.Error("the schema is not compared")
	}
}
