package route

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// capturedOnions is the layers of every node of the captured routes.
func capturedOnions(t testing.TB, doc *captured) []*Onion {
	c := newCrypto(t, "fuzz")
	var onions []*Onion
	for _, n := range doc.Nodes {
		pub, err := hex.DecodeString(n.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		sec, err := hex.DecodeString(n.SecretKey)
		if err != nil {
			t.Fatal(err)
		}
		public, err := crypto.FromParts[crypto.PublicKey](crypto.KindVLD0, pub)
		if err != nil {
			t.Fatal(err)
		}
		secret, err := crypto.FromParts[crypto.SecretKey](crypto.KindVLD0, sec)
		if err != nil {
			t.Fatal(err)
		}
		o, err := NewOnion(c, []crypto.KeyPair{{Public: public, Secret: secret}})
		if err != nil {
			t.Fatal(err)
		}
		onions = append(onions, o)
	}
	return onions
}

// Whatever a captured message is changed into, peeling it neither panics nor changes it,
// and what it says is well formed.
func FuzzPeel(f *testing.F) {
	var onions []*Onion
	for _, file := range []string{"routes-private.json", "routes-stub-loopback.json"} {
		var doc captured
		readJSON(f, file, &doc)
		if onions == nil {
			onions = capturedOnions(f, &doc)
		}
		for _, v := range doc.Vectors {
			for i, h := range v.Hops {
				packed, err := hex.DecodeString(h.Packed)
				if err != nil {
					f.Fatal(err)
				}
				f.Add(packed, uint8(i))
			}
		}
	}
	f.Fuzz(func(t *testing.T, packed []byte, at uint8) {
		signed, err := wire.DecodeSignedOperation(packed)
		if err != nil {
			return
		}
		op, err := (wire.Decoder{Kinds: crypto.DefaultKinds()}).DecodeOperation(signed.OperationData)
		if err != nil {
			return
		}
		st, ok := op.Body.(*wire.Statement)
		if !ok {
			return
		}
		r, ok := st.Detail.(*wire.Route)
		if !ok {
			return
		}
		before := packRoute(t, op, r)
		o := onions[int(at)%len(onions)]
		action, err := o.Peel(r, crypto.NodeID{Kind: crypto.KindVLD0}, true, nil)
		if !bytes.Equal(before, packRoute(t, op, r)) {
			t.Fatal("the message has changed")
		}
		if err != nil {
			if !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrUnavailable) {
				t.Fatalf("error %v", err)
			}
			return
		}
		if fwd, ok := action.(*Forward); ok {
			if _, ok := HopID(&fwd.Next, r.SafetyRoute.PublicKey.Kind); !ok {
				t.Fatalf("next hop %+v", fwd.Next)
			}
			packRoute(t, op, &fwd.Route)
		}
	})
}

// The inside of layers is decoded too: plain is sealed for a hop as if it were one.
func FuzzLayers(f *testing.F) {
	for _, file := range []string{"routes-private.json", "routes-stub-loopback.json"} {
		var doc captured
		readJSON(f, file, &doc)
		for _, v := range doc.Vectors {
			for _, l := range v.Layers {
				plain, err := hex.DecodeString(l.Plaintext)
				if err != nil {
					f.Fatal(err)
				}
				f.Add(plain)
			}
		}
	}
	n := newNet(f, 1, nil)
	pair := n.pair(f, "fuzz")
	f.Fuzz(func(t *testing.T, plain []byte) {
		data, err := n.us.onion.layer(n.others[0].info, pair, bytes.Clone(plain))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []*wire.Route{
			{SafetyRoute: wire.SafetyRoute{PublicKey: pair.Public, Data: data}},
			{SafetyRoute: wire.SafetyRoute{PublicKey: pair.Public, Private: &wire.PrivateRoute{PublicKey: pair.Public, Data: data}}},
		} {
			action, err := n.others[0].onion.Peel(r, n.us.id, true, nil)
			if err != nil {
				if !errors.Is(err, ErrInvalid) {
					t.Fatalf("error %v", err)
				}
				continue
			}
			packRoute(t, &wire.Operation{}, &action.(*Forward).Route)
		}
	})
}

// A blob that imports can be used, and encodes to one that imports as the same route.
func FuzzImportBlob(f *testing.F) {
	var doc captured
	readJSON(f, "wire-blobs.json", &doc)
	for _, b := range doc.Blobs {
		blob, err := hex.DecodeString(b.Blob)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(blob)
	}
	n := newNet(f, 3, nil)
	f.Fuzz(func(t *testing.T, blob []byte) {
		before := bytes.Clone(blob)
		id, err := n.store.ImportBlob(blob, start)
		if !bytes.Equal(before, blob) {
			t.Fatal("the blob has changed")
		}
		if err != nil {
			return
		}
		pr, err := n.store.RemoteRoute(id, start)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.store.Compile(Target{Route: pr}, Unsafe(wire.PreferOrdered), zeroKey, start); err != nil {
			t.Fatal(err)
		}
		again, err := wire.EncodeRouteBlob([]*wire.PrivateRoute{pr})
		if err != nil {
			t.Fatal(err)
		}
		if other, err := n.store.ImportBlob(again, start); err != nil || blob[0] == 1 && other != id {
			t.Fatalf("encodes to a blob of %v, %v, want %v", other, err, id)
		}
		if err := n.store.Release(id); err != nil {
			t.Fatal(err)
		}
		n.store.TakeChange()
	})
}

func FuzzLoad(f *testing.F) {
	n := newNet(f, 4, nil)
	for i := range 3 {
		n.allocate(f, AllocateRequest{HopCount: i + 1, Ordering: Ordered})
	}
	data := n.store.Save()
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		s := n.newStore(t, nil)
		if err := s.Load(data); err != nil {
			if !errors.Is(err, ErrContent) || len(s.Routes(start)) != 0 {
				t.Fatalf("%d routes, %v", len(s.Routes(start)), err)
			}
			return
		}
		again := s.Save()
		if err := n.newStore(t, nil).Load(again); err != nil {
			t.Fatal(err)
		}
	})
}
