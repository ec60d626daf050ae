package wire

import (
	"testing"

	"github.com/voile-net/voile/core/crypto"
)

// commonOperations are those that a busy node sees most.
func commonOperations(b *testing.B) map[string]*Operation {
	peers := capturedPeers(b, 20)
	value, err := NewSignedValueData(specValue(3, &specNonce, make([]byte, 1024)), crypto.Signature{Kind: crypto.KindVLD0})
	if err != nil {
		b.Fatal(err)
	}
	descriptor := &SignedValueDescriptor{Owner: specOwner, SchemaData: []byte("DFLT\x04\x00"), Signature: crypto.Signature{Kind: crypto.KindVLD0}}
	key := crypto.OpaqueRecordKey(specKey)
	q := func(d QuestionDetail) *Operation { return &Operation{OpID: specOpID, Body: &Question{Detail: d}} }
	a := func(d AnswerDetail) *Operation { return &Operation{OpID: specOpID, Body: &Answer{d}} }
	return map[string]*Operation{
		"StatusQ":       q(&StatusQ{NodeStatus: true}),
		"StatusA":       a(&StatusA{NodeStatus: true, SenderAddr: peers[0].Info.DialInfo[0].DialInfo.Addr}),
		"FindNodeQ":     q(&FindNodeQ{NodeID: peers[0].NodeIDs[0], MaxPeers: 20}),
		"FindNodeA20":   a(&FindNodeA{peers}),
		"AppCallQ1K":    q(&AppCallQ{counting(1, 1024)}),
		"AppCallA1K":    a(&AppCallA{counting(1, 1024)}),
		"AppMessage16K": {OpID: specOpID, Body: &Statement{&AppMessage{counting(1, 16<<10)}}},
		"Route1K": {OpID: specOpID, Body: &Statement{&Route{
			SafetyRoute: SafetyRoute{PublicKey: specKey, Private: &PrivateRoute{PublicKey: specOwner, Data: &RouteHopData{Nonce: specNonce, Blob: counting(1, 181)}}},
			Operation:   RoutedOperation{Sequencing: PreferOrdered, Nonce: specNonce, Data: counting(1, 1024)},
		}}},
		"GetValueQ": q(&GetValueQ{Key: key, MaxPeers: 20}),
		"GetValueA": a(&GetValueA{Accepted: true, Value: value, Peers: peers[:5], Descriptor: descriptor}),
		"SetValueQ": q(&SetValueQ{Key: key, Value: value, Descriptor: descriptor, MaxPeers: 20}),
	}
}

func BenchmarkEncode(b *testing.B) {
	for name, op := range commonOperations(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var packed []byte
			for b.Loop() {
				data, err := EncodeOperation(op)
				if err == nil {
					packed, err = EncodeSignedOperation(data, nil, crypto.Signature{})
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(len(packed)))
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for name, op := range commonOperations(b) {
		data, err := EncodeOperation(op)
		if err != nil {
			b.Fatal(err)
		}
		packed, err := EncodeSignedOperation(data, nil, crypto.Signature{})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(packed)))
			for b.Loop() {
				signed, err := DecodeSignedOperation(packed)
				if err == nil {
					_, err = testDecoder.DecodeOperation(signed.OperationData)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
