package route

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// captured is the form of the captured routes in testdata.
type captured struct {
	Nodes []struct {
		Node      string
		SecretKey string
		PublicKey string
	}
	Vectors []struct {
		Name string
		Hops []struct {
			From, To   string
			Packed     string
			Signatures int
		}
		RouteKeys struct {
			PrivateRouteKey, SafetyRouteKey *struct {
				PublicKey, SecretKey string
				Hops                 []string
				Owner                string
			}
		}
		Layers []struct {
			Where, Layer, DhKey, Plaintext string
		}
		Payload struct {
			PrivateRouteKey, SafetyRouteKey, End, Sequencing, Form, DhKey, Plaintext string
		}
	}
	Blobs []struct {
		Name, Blob, RouteID, PublicKey, SecretKey string
	}
}

func readJSON(t testing.TB, name string, v any) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func hexPair(t testing.TB, public, secret string) crypto.KeyPair {
	t.Helper()
	pub, err := crypto.FromParts[crypto.PublicKey](crypto.KindVLD0, unhex(t, public))
	if err != nil {
		t.Fatal(err)
	}
	sec, err := crypto.FromParts[crypto.SecretKey](crypto.KindVLD0, unhex(t, secret))
	if err != nil {
		t.Fatal(err)
	}
	return crypto.KeyPair{Public: pub, Secret: sec}
}

// ownRoutes is the routes of a node.
type ownRoutes map[crypto.PublicKey]OwnRoute

func (o ownRoutes) OwnRoute(key crypto.PublicKey) (OwnRoute, bool) {
	r, ok := o[key]
	return r, ok
}

// body takes the body of an envelope apart.
func body(t testing.TB, packed []byte) (*wire.Operation, *wire.Route) {
	t.Helper()
	signed, err := wire.DecodeSignedOperation(packed)
	if err != nil {
		t.Fatal(err)
	}
	op, err := (wire.Decoder{Kinds: crypto.DefaultKinds()}).DecodeOperation(signed.OperationData)
	if err != nil {
		t.Fatal(err)
	}
	st, ok := op.Body.(*wire.Statement)
	if !ok {
		t.Fatalf("%T is not a statement", op.Body)
	}
	r, ok := st.Detail.(*wire.Route)
	if !ok {
		t.Fatalf("%T is not a route", st.Detail)
	}
	return op, r
}

// packRoute makes the body of an envelope, with everything but the route taken from like.
func packRoute(t testing.TB, like *wire.Operation, r *wire.Route) []byte {
	t.Helper()
	op := *like
	op.Body = &wire.Statement{Detail: r}
	data, err := wire.EncodeOperation(&op)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := wire.EncodeSignedOperation(data, nil, crypto.Signature{})
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

// Every captured message is peeled by every node on its way; what our nodes pass on
// is, byte for byte, what the real nodes passed on.
func TestCapturedRoutes(t *testing.T) {
	for _, file := range []string{"routes-private.json", "routes-stub-loopback.json"} {
		var doc captured
		readJSON(t, file, &doc)
		c := newCrypto(t, "captured")
		onions := make(map[string]*Onion)
		ids := make(map[string]crypto.NodeID)
		names := make(map[crypto.NodeID]string)
		for _, n := range doc.Nodes {
			pair := hexPair(t, n.PublicKey, n.SecretKey)
			o, err := NewOnion(c, []crypto.KeyPair{pair})
			if err != nil {
				t.Fatal(err)
			}
			onions[n.Node], ids[n.Node] = o, crypto.NodeIDOf(pair.Public)
			names[ids[n.Node]] = n.Node
		}
		for _, v := range doc.Vectors {
			t.Run(v.Name, func(t *testing.T) {
				routes := ownRoutes{}
				owner := ""
				if k := v.RouteKeys.PrivateRouteKey; k != nil && k.SecretKey != "" {
					pair := hexPair(t, k.PublicKey, k.SecretKey)
					r := OwnRoute{Secret: pair.Secret, Stability: Reliable}
					for _, h := range k.Hops {
						r.Hops = append(r.Hops, ids[h])
					}
					routes[pair.Public], owner = r, k.Owner
				}
				hops := v.Hops
				for i := 0; i < len(hops); i++ {
					// The same body again was carried by a relay, or over two transports.
					if i+1 < len(hops) && hops[i+1].Packed == hops[i].Packed {
						continue
					}
					h := hops[i]
					_, r := body(t, unhex(t, h.Packed))
					if len(r.Operation.Signatures) != h.Signatures {
						t.Fatalf("%d signatures, want %d", len(r.Operation.Signatures), h.Signatures)
					}
					var own OwnRoutes
					if h.To == owner {
						own = routes
					}
					action, err := onions[h.To].Peel(r, ids[h.From], true, own)
					if err != nil {
						t.Fatalf("envelope %d, at %s: %v", i, h.To, err)
					}
					switch a := action.(type) {
					case *Forward:
						if i == len(hops)-1 {
							t.Fatal("forwarded at the end")
						}
						next, _ := HopID(&a.Next, crypto.KindVLD0)
						want, like := hops[i+1], unhex(t, hops[i+1].Packed)
						if names[next] != want.To {
							t.Fatalf("next is %s, want %s", names[next], want.To)
						}
						op, _ := body(t, like)
						if got := packRoute(t, op, &a.Route); !bytes.Equal(got, like) {
							t.Errorf("passes on\n%x, want\n%x", got, like)
						}
					case *Arrived:
						if i != len(hops)-1 || h.To != v.Payload.End {
							t.Fatalf("arrived at %s after %d envelopes", h.To, i+1)
						}
						if got := hex.EncodeToString(a.Payload); got != v.Payload.Plaintext {
							t.Errorf("payload %s, want %s", got, v.Payload.Plaintext)
						}
						path := PrivateRouted
						if v.Payload.Form == "safe->stub" {
							path = SafetyRouted
						}
						if a.Path != path {
							t.Errorf("path %v, want %v", a.Path, path)
						}
						if path == PrivateRouted && (a.Reply.HopCount != len(v.RouteKeys.PrivateRouteKey.Hops) || a.Reply.Sequencing != a.Sequencing) {
							t.Errorf("reply by %+v", a.Reply)
						}
						if got := hex.EncodeToString(a.SafetyKey.Value[:]); got != v.Payload.SafetyRouteKey {
							t.Errorf("safety key %s, want %s", got, v.Payload.SafetyRouteKey)
						}
						// Without the hop that brought it, the message is not believed.
						if path == PrivateRouted {
							if _, err := onions[h.To].Peel(r, ids["n6"], true, own); err == nil && h.From != "n6" {
								t.Error("believed from another last hop")
							}
						}
					}
				}
				for _, l := range v.Layers {
					if l.Plaintext == "" {
						continue
					}
					found := slices.ContainsFunc(hops, func(h struct {
						From, To   string
						Packed     string
						Signatures int
					}) bool {
						return h.To == l.Where && layerIs(t, onions[l.Where], unhex(t, h.Packed), unhex(t, l.Plaintext))
					})
					if !found {
						t.Errorf("%s layer at %s does not open to its plaintext", l.Layer, l.Where)
					}
				}
			})
		}
	}
}

// layerIs reports whether one of the layers in a message opens to plain, the second
// one of a turning hop included.
func layerIs(t *testing.T, o *Onion, packed, plain []byte) bool {
	_, r := body(t, packed)
	sr := r.SafetyRoute
	if sr.Data != nil {
		got, err := o.open(sr.PublicKey, sr.Data)
		if err != nil {
			return false
		}
		if bytes.Equal(got, plain) {
			return true
		}
		layer, err := o.decoder.DecodeSafetyLayer(got)
		if err != nil || layer.Route == nil {
			return false
		}
		sr.Private = &wire.PrivateRoute{PublicKey: layer.Route.PublicKey, Data: layer.Route.FirstHop.Next}
	}
	if sr.Private == nil || sr.Private.Data == nil {
		return false
	}
	got, err := o.open(sr.Private.PublicKey, sr.Private.Data)
	return err == nil && bytes.Equal(got, plain)
}

func TestCapturedBlobs(t *testing.T) {
	var doc captured
	readJSON(t, "wire-blobs.json", &doc)
	n := newNet(t, 1, nil)
	for _, b := range doc.Blobs {
		id, err := n.store.ImportBlob(unhex(t, b.Blob), start)
		if err != nil {
			t.Fatalf("%s: %v", b.Name, err)
		}
		if id.String() != b.RouteID {
			t.Errorf("%s: id %v, want %s", b.Name, id, b.RouteID)
		}
		pr, err := n.store.RemoteRoute(id, start)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(pr.PublicKey.Value[:]); got != b.PublicKey {
			t.Errorf("%s: key %s, want %s", b.Name, got, b.PublicKey)
		}
		again, err := wire.EncodeRouteBlob([]*wire.PrivateRoute{pr})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again, unhex(t, b.Blob)) {
			t.Errorf("%s: does not encode back", b.Name)
		}
	}
	var api struct {
		Routes []struct {
			Blob       string
			RouteID    string `json:"route_id"`
			ImportedID string `json:"imported_id"`
		}
	}
	readJSON(t, "route-blobs.json", &api)
	for i, r := range api.Routes {
		blob, err := crypto.DecodeBase64(r.Blob)
		if err != nil {
			t.Fatal(err)
		}
		id, err := n.store.ImportBlob(blob, start)
		if err != nil {
			t.Fatalf("blob %d: %v", i, err)
		}
		if id.String() != r.RouteID || r.ImportedID != "" && id.String() != r.ImportedID {
			t.Errorf("blob %d: id %v, want %s", i, id, r.RouteID)
		}
	}
}
