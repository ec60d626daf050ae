package wire

import (
	"bytes"
	"testing"
)

// Every proper prefix of a good message fails, and always as the writer's fault;
// one byte more changes nothing (spec 03 §2.1).
func TestCutMessages(t *testing.T) {
	for _, v := range operationVectors(t) {
		signed, op := decodeBody(t, v.Packed)
		step := max(1, len(v.Packed)/97) // all of the short ones, samples of the long
		for n := 0; n < len(v.Packed); n += step {
			if _, err := DecodeSignedOperation(v.Packed[:n]); KindOf(err) != Protocol {
				t.Fatalf("%s: %d of %d bytes: %v", v.Name, n, len(v.Packed), err)
			}
		}
		for n := 0; n < len(signed.OperationData); n += step {
			if _, err := testDecoder.DecodeOperation(signed.OperationData[:n]); KindOf(err) != Protocol {
				t.Fatalf("%s: operation, %d of %d bytes: %v", v.Name, n, len(signed.OperationData), err)
			}
		}
		longer, err := DecodeSignedOperation(append(bytes.Clone(v.Packed), 0xff))
		if err != nil || !bytes.Equal(longer.OperationData, signed.OperationData) {
			t.Errorf("%s: with a byte more: %v", v.Name, err)
		}
		again, err := testDecoder.DecodeOperation(append(bytes.Clone(signed.OperationData), 0xff))
		if err != nil || pretty(operationJSON(t, again)) != pretty(operationJSON(t, op)) {
			t.Errorf("%s: operation with a byte more: %v", v.Name, err)
		}
	}
}

// What is said to own its memory does.
func TestOwnership(t *testing.T) {
	for _, v := range operationVectors(t) {
		signed, op := decodeBody(t, v.Packed)
		long := func(op *Operation) string { // what must survive its message
			kept := []any{peerJSONOf(op.SenderPeerInfo)}
			switch body := op.Body.(type) {
			case *Question:
				if body.RespondTo != nil {
					kept = append(kept, privateRouteJSON(body.RespondTo))
				}
				if q, ok := body.Detail.(*SetValueQ); ok {
					kept = append(kept, valueJSON(q.Value), descriptorJSON(q.Descriptor))
				}
			case *Answer:
				switch body.Detail.(type) {
				case *AppCallA, *StatusA: // message and padding are parts of it
				default:
					_, detail := detailJSON(t, body.Detail)
					kept = append(kept, detail)
				}
			}
			return pretty(kept)
		}
		before := long(op)
		clear(signed.OperationData)
		if after := long(op); after != before {
			t.Errorf("%s: changed with its message:\n%s\nwas\n%s", v.Name, after, before)
		}
	}
}

func TestCutLayersAndBlobs(t *testing.T) {
	route := &PrivateRoute{PublicKey: specKey, FirstHop: &RouteHop{PeerInfo: capturedPeers(t, 1)[0], Next: &RouteHopData{Nonce: specNonce, Blob: counting(0, 50)}}}
	layer, err := EncodeSafetyLayer(SafetyLayer{Route: route})
	if err != nil {
		t.Fatal(err)
	}
	blob, err := EncodeRouteBlob([]*PrivateRoute{route})
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(layer) {
		if _, err := testDecoder.DecodeSafetyLayer(layer[:n]); KindOf(err) != Ignore {
			t.Errorf("layer, %d of %d bytes: %v", n, len(layer), err)
		}
	}
	for n := range len(blob) {
		if _, err := testDecoder.DecodeRouteBlob(blob[:n]); KindOf(err) != Ignore {
			t.Errorf("blob, %d of %d bytes: %v", n, len(blob), err)
		}
	}
	hop, err := EncodeRouteHop(&RouteHop{NodeID: route.FirstHop.PeerInfo.NodeIDs[0]})
	if err != nil {
		t.Fatal(err)
	}
	arrived, err := EncodePrivateRoute(&PrivateRoute{PublicKey: specKey})
	if err != nil {
		t.Fatal(err)
	}
	for name, plain := range map[string][]byte{
		"safety hop without next": append(bytes.Clone(hop), 0),
		"unknown tag":             append(bytes.Clone(hop), 2),
		"hop tagged as route":     append(bytes.Clone(hop), 1),
	} {
		if _, err := testDecoder.DecodeSafetyLayer(plain); KindOf(err) != Ignore {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, blob := range map[string][]byte{
		"no routes":         {0},
		"four routes":       bytes.Repeat([]byte{4}, 100),
		"without first hop": append([]byte{1}, arrived...),
	} {
		if _, err := testDecoder.DecodeRouteBlob(blob); KindOf(err) != Ignore {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := EncodeSafetyLayer(SafetyLayer{}); err == nil {
		t.Error("an empty layer encodes")
	}
	if _, err := EncodeSafetyLayer(SafetyLayer{Hop: &RouteHop{NodeID: route.FirstHop.PeerInfo.NodeIDs[0]}}); err == nil {
		t.Error("a safety hop without a next one encodes")
	}
	if _, err := EncodeRouteBlob(nil); err == nil {
		t.Error("an empty blob encodes")
	}
}
