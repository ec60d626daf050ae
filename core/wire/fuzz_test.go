package wire

import (
	"bytes"
	"testing"

	"github.com/voile-net/voile/core/crypto"
)

func unchanged(t *testing.T, what, before []byte) {
	t.Helper()
	if !bytes.Equal(what, before) {
		t.Fatal("the input was changed")
	}
}

// What decodes encodes, and then decodes to the same. The first bytes may
// differ: a message has many layouts and may hold what we do not know.
func FuzzOperation(f *testing.F) {
	for _, v := range operationVectors(f) {
		signed, err := DecodeSignedOperation(v.Packed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(signed.OperationData)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		op, err := testDecoder.DecodeOperation(data)
		unchanged(t, data, before)
		if err != nil {
			if KindOf(err) == Local {
				t.Fatalf("a peer's fault is called ours: %v", err)
			}
			return
		}
		again, err := EncodeOperation(op)
		if err != nil {
			t.Fatalf("decodes and does not encode: %v", err)
		}
		back, err := testDecoder.DecodeOperation(again)
		if err != nil {
			t.Fatalf("does not decode again: %v", err)
		}
		if got, want := pretty(operationJSON(t, back)), pretty(operationJSON(t, op)); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	})
}

func FuzzSignedOperation(f *testing.F) {
	for _, v := range operationVectors(f) {
		f.Add([]byte(v.Packed))
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		before := bytes.Clone(packed)
		signed, err := DecodeSignedOperation(packed)
		unchanged(t, packed, before)
		if err != nil {
			if KindOf(err) == Local {
				t.Fatalf("a peer's fault is called ours: %v", err)
			}
			return
		}
		if len(signed.OperationData)%8 != 0 {
			return // not of ours, and no operation
		}
		again, err := EncodeSignedOperation(signed.OperationData, signed.Signer, signed.Signature)
		if err != nil {
			t.Fatal(err)
		}
		back, err := DecodeSignedOperation(again)
		if err != nil || !bytes.Equal(back.OperationData, signed.OperationData) || (back.Signer == nil) != (signed.Signer == nil) ||
			signed.Signer != nil && (*back.Signer != *signed.Signer || back.Signature != signed.Signature) {
			t.Fatalf("comes back as %+v, %v", back, err)
		}
	})
}

func FuzzNodeInfo(f *testing.F) {
	type vector struct{ NodeInfoMessage Hexed }
	for _, v := range load[struct{ Vectors []vector }](f, "peer-info.json").Vectors {
		f.Add([]byte(v.NodeInfoMessage))
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		before := bytes.Clone(packed)
		n, err := testDecoder.DecodeNodeInfo(packed)
		unchanged(t, packed, before)
		if err != nil || n.check() != nil {
			return // such as one without a key that we know
		}
		again, err := EncodeNodeInfo(n)
		if err != nil {
			t.Fatal(err)
		}
		back, err := testDecoder.DecodeNodeInfo(again)
		if err != nil || !back.Equivalent(n) || back.Timestamp != n.Timestamp {
			t.Fatalf("got %+v, %v, want %+v", back, err, n)
		}
	})
}

func FuzzRouteHop(f *testing.F) {
	for _, plain := range layerPlaintexts(f) {
		f.Add(plain)
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		before := bytes.Clone(packed)
		h, err := testDecoder.DecodeRouteHop(packed)
		unchanged(t, packed, before)
		if err != nil {
			if KindOf(err) != Ignore {
				t.Fatalf("a layer punishes: %v", err)
			}
			return
		}
		if h.check("") != nil {
			return // the zero id, which we do not send
		}
		again, err := EncodeRouteHop(h)
		if err != nil {
			t.Fatal(err)
		}
		back, err := testDecoder.DecodeRouteHop(again)
		if err != nil || pretty(hopJSON(back)) != pretty(hopJSON(h)) {
			t.Fatalf("got %+v, %v, want %+v", back, err, h)
		}
	})
}

func FuzzSafetyLayer(f *testing.F) {
	for _, plain := range layerPlaintexts(f) {
		f.Add(plain)
	}
	f.Fuzz(func(t *testing.T, plain []byte) {
		before := bytes.Clone(plain)
		l, err := testDecoder.DecodeSafetyLayer(plain)
		unchanged(t, plain, before)
		if err == nil && (l.Hop == nil) == (l.Route == nil) {
			t.Fatalf("not one of both: %+v", l)
		}
		if err != nil && KindOf(err) != Ignore {
			t.Fatalf("a layer punishes: %v", err)
		}
	})
}

func FuzzRouteBlob(f *testing.F) {
	type blob struct{ Blob Hexed }
	for _, b := range load[struct{ Blobs []blob }](f, "layers.json").Blobs {
		f.Add([]byte(b.Blob))
	}
	f.Fuzz(func(t *testing.T, blob []byte) {
		before := bytes.Clone(blob)
		routes, err := testDecoder.DecodeRouteBlob(blob)
		unchanged(t, blob, before)
		if err == nil && (len(routes) == 0 || len(routes) > 3) {
			t.Fatalf("%d routes", len(routes))
		}
	})
}

func FuzzPeerInfoJSON(f *testing.F) {
	f.Add(bootRecord(f))
	f.Add([]byte(`{"routing_domain":"PublicInternet"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		p, err := testDecoder.DecodePeerInfoJSON(text)
		unchanged(t, text, before)
		if err != nil {
			return
		}
		again := AppendPeerInfoJSON(nil, p)
		back, err := testDecoder.DecodePeerInfoJSON(again)
		if err != nil || !bytes.Equal(back.Message, p.Message) || !back.Equivalent(p) {
			t.Fatalf("%s comes back as %+v, %v", again, back, err)
		}
	})
}

// The rebuilt blob is a fixed point: what is signed and stored does not change
// any more.
func FuzzValueData(f *testing.F) {
	for _, v := range []ValueData{specValue(0, &specNonce, []byte("hello")), specValue(5, nil, nil), specValue(5, &specNonce, make([]byte, 9000))} {
		blob, err := encodeValueData(&v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(blob)
	}
	f.Fuzz(func(t *testing.T, blob []byte) {
		before := bytes.Clone(blob)
		v, err := testDecoder.DecodeValueData(blob)
		unchanged(t, blob, before)
		if err != nil {
			return
		}
		back, err := testDecoder.DecodeValueData(v.Blob)
		if err != nil || !bytes.Equal(back.Blob, v.Blob) || !bytes.Equal(back.Value.Data, v.Value.Data) {
			t.Fatalf("%x rebuilds to %x, %v", v.Blob, back.Blob, err)
		}
		if len(ValueSigningInput(nil, v, crypto.PublicKey{}, 0)) <= len(v.Value.Data) {
			t.Fatal("signing input without the data")
		}
	})
}

func FuzzDialInfoURL(f *testing.F) {
	f.Add("udp://1.2.3.4:5150")
	f.Add("ws://user@[::1]:80/ws")
	f.Fuzz(func(t *testing.T, text string) {
		u, err := ParseURL(text)
		if err != nil {
			return
		}
		back, err := ParseURL(u.String())
		if err != nil || back != u {
			t.Fatalf("%q comes back as %+v, %v, want %+v", u, back, err, u)
		}
	})
}

func layerPlaintexts(t testing.TB) (plains [][]byte) {
	type vector struct{ Plaintext Hexed }
	for _, v := range load[struct{ Vectors []vector }](t, "layers.json").Vectors {
		plains = append(plains, v.Plaintext)
	}
	return plains
}
