package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/voile-net/voile/core/crypto"
)

// capturedPeers are n peers of captured messages, with repetitions.
func capturedPeers(t testing.TB, n int) []*PeerInfo {
	t.Helper()
	for _, v := range operationVectors(t) {
		_, op := decodeBody(t, v.Packed)
		if a, ok := op.Body.(*Answer); ok {
			if f, ok := a.Detail.(*FindNodeA); ok && len(f.Peers) >= 5 {
				peers := f.Peers
				for len(peers) < n {
					peers = append(peers, f.Peers...)
				}
				return peers[:n]
			}
		}
	}
	t.Fatal("no captured FindNodeA with peers")
	return nil
}

type largeOperation struct {
	name string
	sum  string // SHA-256 of operationData
	op   *Operation
}

// largeOperations exceed 1024 words, so that they are canonical. Their sums are
// those of `capnp convert flat:canonical` of the C++ tools, with the frame
// header in front.
func largeOperations(t testing.TB) []largeOperation {
	peers := capturedPeers(t, 20)
	value, err := NewSignedValueData(specValue(0, &specNonce, bytes.Repeat([]byte{7}, 9000)), crypto.Signature{Kind: crypto.KindVLD0})
	if err != nil {
		t.Fatal(err)
	}
	descriptor := &SignedValueDescriptor{Owner: specOwner, SchemaData: []byte("DFLT\x04\x00"), Signature: crypto.Signature{Kind: crypto.KindVLD0}}
	key := crypto.OpaqueRecordKey(specKey)
	hop := &RouteHopData{Nonce: specNonce, Blob: counting(1, 77)}
	stub := &PrivateRoute{PublicKey: specKey, FirstHop: &RouteHop{NodeID: crypto.NodeID(specKey)}}
	respond := &PrivateRoute{PublicKey: specOwner, FirstHop: &RouteHop{PeerInfo: peers[0], Next: hop}}
	question := func(d QuestionDetail, r *PrivateRoute) *Operation {
		return &Operation{OpID: specOpID, Body: &Question{RespondTo: r, Detail: d}}
	}
	return []largeOperation{
		{name: "AppMessage", sum: "4ee218e7c17ae6fd79fa1509ac1c88112dcc27e194d114e20ecce5b9a75f5c57",
			op: &Operation{OpID: specOpID, TargetNodeInfoTS: 5, Body: &Statement{&AppMessage{bytes.Repeat([]byte{1, 2, 3, 0, 5}, 6553)}}}},
		{name: "AppCallQ with return route", sum: "6c2fa1cdd93469b581bd299e88a30ede42faa9270817023a89b5d13f1a09daad",
			op: question(&AppCallQ{bytes.Repeat([]byte{9}, 8191)}, respond)},
		{name: "AppCallQ, respond to stub", sum: "e4fc5a17379acdac7f69477907e8078894aebd7c2b7ace21c1fefee786506f84",
			op: question(&AppCallQ{bytes.Repeat([]byte{9}, 8191)}, stub)},
		{name: "FindNodeA with sender", sum: "95be3e84fcec216c6de6a7debfd793aa44c945fcc7b11ee16ef06868e3cc8d02",
			op: &Operation{OpID: specOpID, SenderPeerInfo: peers[1], Body: &Answer{&FindNodeA{peers}}}},
		{name: "SetValueQ", sum: "d063668b0e9dc6ba51ac16064df7ab98eff199a460a5e86f6de2cb19bbb18485",
			op: question(&SetValueQ{Key: key, Value: value, Descriptor: descriptor, MaxPeers: 20}, nil)},
		{name: "SetValueQ for no peers", sum: "3dd7baa712e6e83b7074ce64e0feb84d08487c1ccbd348c421336cf3d36963e0",
			op: question(&SetValueQ{Key: key, Value: value, MaxPeers: 0}, nil)},
		{name: "GetValueA", sum: "17397f0372bd975f5484aa2663b83cb908fab8d217645db47a3c22eea7212d4c",
			op: &Operation{OpID: specOpID, Body: &Answer{&GetValueA{Value: value}}}},
		{name: "SetValueA with peers", sum: "3dede6d098c0429efa3bdb918a3c436b20cda2eada80e02375bb75c3f4c7b529",
			op: &Operation{OpID: specOpID, Body: &Answer{&SetValueA{Accepted: true, Peers: peers}}}},
		{name: "InspectValueA", sum: "a616f9546753695351dfa3b174bfd569601ac62d31e5e21e7d2e400615f2f076",
			op: &Operation{OpID: specOpID, Body: &Answer{&InspectValueA{Accepted: true, Seqs: make([]uint32, 1023), Peers: peers, Descriptor: descriptor}}}},
		{name: "WatchValueQ without peer", sum: "196fd147c704608a9aec861c3d0afcb4b7fec0775025542ed632b605f35b51d1",
			op: question(&WatchValueQ{Key: key, Count: 1, Subkeys: manyRanges(512), MaxPeers: 20},
				&PrivateRoute{PublicKey: specKey, Data: &RouteHopData{Nonce: specNonce, Blob: make([]byte, 8000)}})},
		{name: "Route", sum: "04fba0be57061468e55606283cad43236cf8980d75bbe7d8bf5b6f1c1ad40044",
			op: &Operation{OpID: specOpID, Body: &Statement{&Route{
				SafetyRoute: SafetyRoute{PublicKey: specKey, Private: &PrivateRoute{PublicKey: specOwner}},
				Operation:   RoutedOperation{Sequencing: EnsureOrdered, Nonce: specNonce, Data: bytes.Repeat([]byte{3}, 20000)},
			}}}},
		{name: "Route with signatures", sum: "c5f9097894c051a1138a17b33d1cb16c6e6fbca093c6805466f7c1d6906fc7b8",
			op: &Operation{OpID: specOpID, Body: &Statement{&Route{
				SafetyRoute: SafetyRoute{PublicKey: specKey, Data: hop},
				Operation: RoutedOperation{Nonce: specNonce, Data: bytes.Repeat([]byte{3}, 20000),
					Signatures: []crypto.Signature{{Kind: crypto.KindVLD0}, {Kind: crypto.KindNONE}}},
			}}}},
		{name: "TransactCommandA", sum: "8459b2af09e8eaf57c57977558074ec426ca76bec48343a52bc304c461b9cb1d",
			op: &Operation{OpID: specOpID, Body: &Answer{&TransactCommandA{Valid: true, Value: value}}}},
	}
}

func manyRanges(n int) (rs []SubkeyRange) {
	for i := range uint32(n) {
		rs = append(rs, SubkeyRange{3 * i, 3*i + 1})
	}
	return rs
}

func TestLargeOperationsAreCanonical(t *testing.T) {
	for _, test := range largeOperations(t) {
		t.Run(test.name, func(t *testing.T) {
			data, err := EncodeOperation(test.op)
			if err != nil {
				t.Fatal(err)
			}
			if len(data) <= 8+8*firstSegmentWords-64 {
				t.Errorf("only %d bytes", len(data))
			}
			if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != test.sum {
				t.Errorf("sum %x, want %s", sum, test.sum)
			}
			for _, signer := range []*crypto.PublicKey{nil, &specKey} {
				packed, err := EncodeSignedOperation(data, signer, crypto.Signature{})
				if err != nil {
					t.Fatal(err)
				}
				signed, op := decodeBody(t, packed)
				if !bytes.Equal(signed.OperationData, data) || (signed.Signer != nil) != (signer != nil) {
					t.Error("does not come back from its packed form")
				}
				if got, want := pretty(operationJSON(t, op)), pretty(operationJSON(t, test.op)); got != want {
					t.Errorf("decodes to %s\nwant %s", got, want)
				}
			}
		})
	}
}
