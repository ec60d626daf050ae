package route

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"

	"lukechampine.com/blake3"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// example is the worked example of the spec: its values in order.
type example struct {
	t      *testing.T
	Values []struct{ Name, Hex string }
}

// value is the nth value whose description begins so, n counted from 0.
func (e *example) value(prefix string, n int) []byte {
	e.t.Helper()
	for _, v := range e.Values {
		if strings.HasPrefix(v.Name, prefix) {
			if n == 0 {
				return unhex(e.t, v.Hex)
			}
			n--
		}
	}
	e.t.Fatalf("no value %q", prefix)
	return nil
}

func (e *example) pair(name string) crypto.KeyPair {
	return keyPair(e.t, newCrypto(e.t, "example"), blake3.Sum256([]byte("private-route-example/"+name)))
}

// node is a node of the example, known by its key alone.
func (e *example) node(name string) *wire.PeerInfo {
	key := e.pair("node " + name).Public
	return &wire.PeerInfo{
		NodeIDs: []crypto.NodeID{crypto.NodeIDOf(key)},
		Info:    wire.NodeInfo{PublicKeys: []crypto.PublicKey{key}},
	}
}

// onion is the layers of a node whose random bytes are the nonces with these names.
func (e *example) onion(name string, nonces ...string) *Onion {
	e.t.Helper()
	var random []byte
	for _, n := range nonces {
		h := blake3.Sum256([]byte("private-route-example/nonce/" + n))
		random = append(random, h[:crypto.NonceSize]...)
	}
	c, err := crypto.New(crypto.Config{Rand: bytes.NewReader(random)})
	if err != nil {
		e.t.Fatal(err)
	}
	o, err := NewOnion(c, []crypto.KeyPair{e.pair("node " + name)})
	if err != nil {
		e.t.Fatal(err)
	}
	return o
}

func (e *example) equal(what string, got, want []byte) {
	e.t.Helper()
	if !bytes.Equal(got, want) {
		e.t.Errorf("%s:\n got %x\nwant %x", what, got, want)
	}
}

// The example of spec 05 §23, in the form that 0.5.8 writes (§23.6): B, the entry hop,
// is named by its peer info.
func TestWorkedExample(t *testing.T) {
	e := &example{t: t}
	readJSON(t, "worked-example.json", e)
	sig, err := crypto.FromParts[crypto.Signature](crypto.KindVLD0, e.value("signature of B over it", 0))
	if err != nil {
		t.Fatal(err)
	}
	b, err := (wire.Decoder{Kinds: crypto.DefaultKinds()}).DecodePeerInfo(e.value("nodeInfoMessage of B", 0), []crypto.Signature{sig})
	if err != nil {
		t.Fatal(err)
	}
	private, safety := e.pair("private route"), e.pair("safety route")

	// §23.2 and §23.6: D assembles its route over [C, B].
	d := e.onion("D", "C", "B")
	pr, err := d.AssemblePrivateRoute([]*wire.PeerInfo{e.node("C"), b}, private, e.node("D"), true)
	if err != nil {
		t.Fatal(err)
	}
	blob, err := wire.EncodeRouteBlob([]*wire.PrivateRoute{pr})
	if err != nil {
		t.Fatal(err)
	}
	e.equal("blob", blob, e.value("published blob", 1))
	id, err := d.RouteID(pr)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := id.String(), "VLD0:ZlPbr84S476m7o4KTrSpe5bA3Y6r88nf2SBJCseQTjo"; got != want {
		t.Errorf("route id %s, want %s", got, want)
	}

	// §23.6: S hides behind A, and seals the payload of §23.3.
	s := e.onion("S", "A", "payload")
	sr, err := s.CompileSafetyRoute([]*wire.PeerInfo{e.node("A")}, safety, pr, true)
	if err != nil {
		t.Fatal(err)
	}
	e.equal("blob A", sr.Data.Blob, e.value("blob A", 2))
	r, err := s.Seal(&Compiled{
		SafetyRoute: *sr, PayloadKey: pr.PublicKey, Secret: safety.Secret, Sequencing: wire.PreferOrdered,
	}, e.value("inner SignedOperation", 0))
	if err != nil {
		t.Fatal(err)
	}
	e.equal("payload", r.Operation.Data, e.value("payload data", 0))

	// §23.4: the four messages, each node peeling in turn.
	messages := []struct {
		to   string
		opID uint64
		want []byte
	}{
		{"A", 1, e.value("M1", 1)},
		{"B", 2, e.value("M2", 0)},
		{"C", 3, e.value("M3", 0)},
		{"D", 4, e.value("M4", 0)},
	}
	sender := "S"
	for i, m := range messages {
		e.equal(fmt.Sprintf("M%d", i+1), packRoute(t, &wire.Operation{OpID: m.opID}, r), m.want)
		own := ownRoutes{}
		if m.to == "D" {
			own[private.Public] = OwnRoute{ID: id, Secret: private.Secret, Hops: []crypto.NodeID{
				e.node("C").NodeIDs[0], e.node("B").NodeIDs[0],
			}}
		}
		action, err := e.onion(m.to).Peel(r, e.node(sender).NodeIDs[0], true, own)
		if err != nil {
			t.Fatalf("at %s: %v", m.to, err)
		}
		sender = m.to
		if f, ok := action.(*Forward); ok {
			r = &f.Route
			continue
		}
		a := action.(*Arrived)
		e.equal("arrived", a.Payload, e.value("inner SignedOperation", 0))
		if m.to != "D" || a.Path != PrivateRouted || a.Reply.Preferred != id || a.Reply.HopCount != 2 {
			t.Errorf("arrived at %s by %+v", m.to, a.Arrival)
		}
	}
}

// The 0.5.2 forms of spec 05 §23.2 to §23.5, where the entry hop is an id, are read
// and wrapped like any other.
func TestWorkedExampleStubs(t *testing.T) {
	e := &example{t: t}
	readJSON(t, "worked-example.json", e)
	routes, err := (wire.Decoder{Kinds: crypto.DefaultKinds()}).DecodeRouteBlob(e.value("published blob", 0))
	if err != nil {
		t.Fatal(err)
	}
	pr := routes[0]
	safety := e.pair("safety route")
	inner := e.value("inner SignedOperation", 0)

	t.Run("SafetyRoute", func(t *testing.T) {
		sr, err := e.onion("S", "A").CompileSafetyRoute([]*wire.PeerInfo{e.node("A")}, safety, pr, true)
		if err != nil {
			t.Fatal(err)
		}
		e.equal("blob A", sr.Data.Blob, e.value("blob A", 0))
		// A second hop would wrap it once more.
		hop := wire.RouteHop{NodeID: e.node("A").NodeIDs[0], Next: sr.Data}
		plain, err := wire.EncodeSafetyLayer(wire.SafetyLayer{Hop: &hop})
		if err != nil {
			t.Fatal(err)
		}
		e.equal("outer layer", plain, e.value("PACK(RouteHop{nodeId A", 0))
	})
	t.Run("SafetyStub", func(t *testing.T) {
		s := e.onion("S", "payload")
		sr, first, err := s.CompileStub(pr)
		if err != nil {
			t.Fatal(err)
		}
		if first.NodeID != e.node("B").NodeIDs[0] || first.PeerInfo != nil || first.Next != nil {
			t.Errorf("first hop %+v", first)
		}
		r, err := s.Seal(&Compiled{
			SafetyRoute: *sr, PayloadKey: pr.PublicKey, Secret: e.pair("node S").Secret, Sequencing: wire.PreferOrdered,
		}, inner)
		if err != nil {
			t.Fatal(err)
		}
		e.equal("payload", r.Operation.Data, e.value("payload data = ENC(DH(PR,S), p", 0))
		e.equal("body", packRoute(t, &wire.Operation{OpID: 1}, r), e.value("S→B body", 0))
	})
	t.Run("PrivateStub", func(t *testing.T) {
		stub := &wire.PrivateRoute{PublicKey: e.pair("node D").Public, FirstHop: &wire.RouteHop{NodeID: e.node("D").NodeIDs[0]}}
		s := e.onion("S", "A", "payload")
		sr, err := s.CompileSafetyRoute([]*wire.PeerInfo{e.node("A")}, safety, stub, true)
		if err != nil {
			t.Fatal(err)
		}
		e.equal("blob A", sr.Data.Blob, e.value("blob A", 1))
		r, err := s.Seal(&Compiled{
			SafetyRoute: *sr, PayloadKey: stub.PublicKey, Secret: safety.Secret, Sequencing: wire.PreferOrdered,
		}, inner)
		if err != nil {
			t.Fatal(err)
		}
		action, err := e.onion("A").Peel(r, e.node("S").NodeIDs[0], true, nil)
		if err != nil {
			t.Fatal(err)
		}
		f := action.(*Forward)
		e.equal("body", packRoute(t, &wire.Operation{OpID: 4}, &f.Route), e.value("A→D body", 0))
		action, err = e.onion("D").Peel(&f.Route, e.node("A").NodeIDs[0], false, nil)
		if err != nil {
			t.Fatal(err)
		}
		a := action.(*Arrived)
		e.equal("payload", a.Payload, inner)
		if a.Path != SafetyRouted || a.RouteKey != stub.PublicKey || a.SafetyKey != safety.Public {
			t.Errorf("arrived by %+v", a.Arrival)
		}
	})
	t.Run("Loopback", func(t *testing.T) {
		one, err := (wire.Decoder{Kinds: crypto.DefaultKinds()}).DecodeRouteBlob(e.value("for comparison", 0))
		if err != nil {
			t.Fatal(err)
		}
		pair := e.pair("private route")
		d := e.onion("D", "A", "payload")
		sr, err := d.CompileSafetyRoute([]*wire.PeerInfo{e.node("C")}, pair, one[0], true)
		if err != nil {
			t.Fatal(err)
		}
		e.equal("blob", sr.Data.Blob, e.value("blob = ENC", 0))
		r, err := d.Seal(&Compiled{SafetyRoute: *sr, PayloadKey: pair.Public, Secret: pair.Secret}, inner)
		if err != nil {
			t.Fatal(err)
		}
		e.equal("payload", r.Operation.Data, e.value("payload data (63)", 0))
	})
}

func (n *net) pair(t testing.TB, name string) crypto.KeyPair {
	return keyPair(t, newCrypto(t, "pair"), sha256.Sum256([]byte(name)))
}

func infos(nodes []*node) []*wire.PeerInfo {
	list := make([]*wire.PeerInfo, len(nodes))
	for i := range nodes {
		list[i] = nodes[i].info
	}
	return list
}

func ownRoute(pair crypto.KeyPair, hops []*node) ownRoutes {
	r := OwnRoute{ID: crypto.RouteID{Kind: crypto.KindVLD0}, Secret: pair.Secret, Stability: Reliable}
	for _, h := range hops {
		r.Hops = append(r.Hops, h.id)
	}
	return ownRoutes{pair.Public: r}
}

// Every length of both routes, named by ids and by peer infos: every hop peels and the
// payload arrives.
func TestAllLengths(t *testing.T) {
	n := newNet(t, 10, nil)
	private, safety := n.pair(t, "private"), n.pair(t, "safety")
	owner := n.others[9]
	payload := []byte("payload")
	for hops := 1; hops <= 4; hops++ {
		for cover := 1; cover <= 4; cover++ {
			for _, optimized := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d-%d-%t", cover, hops, optimized), func(t *testing.T) {
					inner, outer := n.others[:hops], n.others[4:4+cover]
					pr, err := owner.onion.AssemblePrivateRoute(infos(inner), private, owner.info, optimized)
					if err != nil {
						t.Fatal(err)
					}
					if pr.FirstHop.PeerInfo == nil {
						t.Error("the entry hop is not named by its peer info")
					}
					sr, err := n.us.onion.CompileSafetyRoute(infos(outer), safety, pr, optimized)
					if err != nil {
						t.Fatal(err)
					}
					c := &Compiled{
						SafetyRoute: *sr, PayloadKey: pr.PublicKey, Secret: safety.Secret,
						Sequencing: wire.EnsureOrdered, First: wire.RouteHop{NodeID: outer[0].id},
					}
					r, err := n.us.onion.Seal(c, payload)
					if err != nil {
						t.Fatal(err)
					}
					own := map[crypto.NodeID]OwnRoutes{owner.id: ownRoute(private, inner)}
					end, a := n.carry(t, n.us, c.First, r, own)
					if end != owner || !bytes.Equal(a.Payload, payload) {
						t.Fatalf("%q arrived at %s", a.Payload, end.name)
					}
					if a.Path != PrivateRouted || a.Sequencing != wire.EnsureOrdered || a.Reply.HopCount != hops {
						t.Errorf("arrived by %+v", a.Arrival)
					}
				})
			}
		}
	}
}

// A route that is used to reach itself turns around at its far end (spec 05 §11).
func TestLoopbackLengths(t *testing.T) {
	n := newNet(t, 4, nil)
	pair := n.pair(t, "loop")
	for hops := 1; hops <= 4; hops++ {
		nodes := n.others[:hops]
		pr, err := n.us.onion.AssemblePrivateRoute(infos(nodes), pair, n.us.info, false)
		if err != nil {
			t.Fatal(err)
		}
		sr, err := n.us.onion.CompileSafetyRoute(infos(nodes), pair, pr, false)
		if err != nil {
			t.Fatal(err)
		}
		c := &Compiled{SafetyRoute: *sr, PayloadKey: pr.PublicKey, Secret: pair.Secret}
		r, err := n.us.onion.Seal(c, []byte("around"))
		if err != nil {
			t.Fatal(err)
		}
		own := map[crypto.NodeID]OwnRoutes{n.us.id: ownRoute(pair, nodes)}
		end, a := n.carry(t, n.us, wire.RouteHop{NodeID: nodes[0].id}, r, own)
		if end != n.us || string(a.Payload) != "around" || a.Path != PrivateRouted {
			t.Errorf("%d hops: %q arrived at %s by %v", hops, a.Payload, end.name, a.Path)
		}
	}
}

// arrivalAt builds a message for a route of three hops and carries it to the owner's
// door: what is returned has not been peeled by the owner yet.
func arrivalAt(t *testing.T, n *net, pair crypto.KeyPair) (*wire.Route, ownRoutes) {
	t.Helper()
	hops := n.others[:3]
	pr, err := n.us.onion.AssemblePrivateRoute(infos(hops), pair, n.us.info, false)
	if err != nil {
		t.Fatal(err)
	}
	from := n.others[4]
	sr, _, err := from.onion.CompileStub(pr)
	if err != nil {
		t.Fatal(err)
	}
	r, err := from.onion.Seal(&Compiled{SafetyRoute: *sr, PayloadKey: pr.PublicKey, Secret: from.pair.Secret}, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	sender := from.id
	for i := len(hops) - 1; i >= 0; i-- {
		action, err := hops[i].onion.Peel(r, sender, true, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, sender = &action.(*Forward).Route, hops[i].id
	}
	return r, ownRoute(pair, hops)
}

func TestArrivalChecks(t *testing.T) {
	n := newNet(t, 6, nil)
	pair := n.pair(t, "private")
	for _, tt := range []struct {
		name   string
		change func(r *wire.Route, sender *crypto.NodeID, own ownRoutes)
		ok     bool
	}{
		{"unchanged", func(*wire.Route, *crypto.NodeID, ownRoutes) {}, true},
		{"another last hop", func(_ *wire.Route, s *crypto.NodeID, _ ownRoutes) { *s = n.others[1].id }, false},
		{"a sender of another kind", func(_ *wire.Route, s *crypto.NodeID, _ ownRoutes) { s.Kind = crypto.KindNONE }, false},
		{"a signature missing", func(r *wire.Route, _ *crypto.NodeID, _ ownRoutes) {
			r.Operation.Signatures = r.Operation.Signatures[:1]
		}, false},
		{"a signature too many", func(r *wire.Route, _ *crypto.NodeID, _ ownRoutes) {
			r.Operation.Signatures = append(r.Operation.Signatures, r.Operation.Signatures[0])
		}, false},
		{"signatures in another order", func(r *wire.Route, _ *crypto.NodeID, _ ownRoutes) {
			s := r.Operation.Signatures
			r.Operation.Signatures = []crypto.Signature{s[1], s[0]}
		}, false},
		{"a signature changed", func(r *wire.Route, _ *crypto.NodeID, _ ownRoutes) {
			r.Operation.Signatures[1].Value[5] ^= 1
		}, false},
		{"a signature of another kind", func(r *wire.Route, _ *crypto.NodeID, _ ownRoutes) {
			r.Operation.Signatures[1].Kind = crypto.KindNONE
		}, false},
		{"the payload changed", func(r *wire.Route, _ *crypto.NodeID, _ ownRoutes) { r.Operation.Data[0] ^= 1 }, false},
		// The nonce is not signed, so it is found when the payload is opened.
		{"the nonce changed", func(r *wire.Route, _ *crypto.NodeID, _ ownRoutes) { r.Operation.Nonce[0] ^= 1 }, false},
		{"the safety key changed", func(r *wire.Route, _ *crypto.NodeID, _ ownRoutes) {
			r.SafetyRoute.PublicKey = n.others[3].pair.Public
		}, false},
		{"a kind that is not enabled", func(r *wire.Route, _ *crypto.NodeID, _ ownRoutes) {
			r.SafetyRoute.PublicKey.Kind = crypto.KindNONE
		}, false},
		{"an unknown route", func(_ *wire.Route, _ *crypto.NodeID, own ownRoutes) { clear(own) }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, own := arrivalAt(t, n, pair)
			r.Operation.Data = bytes.Clone(r.Operation.Data)
			sender := n.others[0].id
			tt.change(r, &sender, own)
			// Arriving does not need ROUT.
			action, err := n.us.onion.Peel(r, sender, false, own)
			if tt.ok != (err == nil) {
				t.Fatalf("error %v", err)
			}
			if err == nil && string(action.(*Arrived).Payload) != "x" {
				t.Errorf("payload %q", action.(*Arrived).Payload)
			}
			if err != nil && (!errors.Is(err, ErrInvalid) || wire.KindOf(err) == wire.Protocol) {
				t.Errorf("error %v, want one that does not punish", err)
			}
		})
	}
}

func TestPeelRefuses(t *testing.T) {
	n := newNet(t, 6, nil)
	private, safety := n.pair(t, "private"), n.pair(t, "safety")
	hops, cover := n.others[:2], n.others[2:4]
	pr, err := n.us.onion.AssemblePrivateRoute(infos(hops), private, n.us.info, false)
	if err != nil {
		t.Fatal(err)
	}
	sr, err := n.others[5].onion.CompileSafetyRoute(infos(cover), safety, pr, false)
	if err != nil {
		t.Fatal(err)
	}
	seal := func(s wire.SafetyRoute) *wire.Route {
		r, err := n.others[5].onion.Seal(&Compiled{SafetyRoute: s, PayloadKey: pr.PublicKey, Secret: safety.Secret}, []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	loop := wire.SafetyRoute{PublicKey: pr.PublicKey, Private: &wire.PrivateRoute{
		PublicKey: pr.PublicKey, FirstHop: &wire.RouteHop{NodeID: cover[0].id},
	}}
	entered := wire.SafetyRoute{PublicKey: safety.Public, Private: &wire.PrivateRoute{PublicKey: pr.PublicKey, Data: pr.FirstHop.Next}}
	full := seal(entered)
	full.Operation.Signatures = make([]crypto.Signature, maxSignatures)
	lowOrder := seal(*sr)
	lowOrder.SafetyRoute.PublicKey.Value = [32]byte{1} // the neutral element

	for _, tt := range []struct {
		name     string
		at       *node
		r        *wire.Route
		canRoute bool
		want     error
	}{
		{"a safety hop without ROUT", cover[0], seal(*sr), false, ErrUnavailable},
		{"a private hop without ROUT", hops[1], seal(entered), false, ErrUnavailable},
		{"the entry without ROUT", cover[1], seal(wire.SafetyRoute{PublicKey: safety.Public, Private: pr}), false, ErrUnavailable},
		{"the wrong safety hop", cover[1], seal(*sr), true, ErrInvalid},
		{"the wrong private hop", hops[0], seal(entered), true, ErrInvalid},
		{"a fourth signature", hops[1], full, true, ErrInvalid},
		{"a key of small order", cover[0], lowOrder, true, ErrInvalid},
		{"a loopback to a stub", cover[0], seal(loop), true, ErrInvalid},
		{"no hops at all", cover[0], seal(wire.SafetyRoute{PublicKey: safety.Public}), true, ErrInvalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if a, err := tt.at.onion.Peel(tt.r, n.us.id, tt.canRoute, nil); !errors.Is(err, tt.want) {
				t.Errorf("%T, %v, want %v", a, err, tt.want)
			}
		})
	}
}

// A hop without a next one inside a safety layer, and tags that do not exist.
func TestSafetyLayerFaults(t *testing.T) {
	n := newNet(t, 2, nil)
	safety := n.pair(t, "safety")
	hop, err := wire.EncodeRouteHop(&wire.RouteHop{NodeID: n.others[1].id})
	if err != nil {
		t.Fatal(err)
	}
	for name, plain := range map[string][]byte{
		"no next hop": append(bytes.Clone(hop), 0),
		"tag 2":       append(bytes.Clone(hop), 2),
		"wrong arm":   append(bytes.Clone(hop), 1),
		"empty":       {},
		"tag only":    {0},
	} {
		data, err := n.us.onion.layer(n.others[0].info, safety, plain)
		if err != nil {
			t.Fatal(err)
		}
		r := &wire.Route{SafetyRoute: wire.SafetyRoute{PublicKey: safety.Public, Data: data}}
		if a, err := n.others[0].onion.Peel(r, n.us.id, true, nil); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %T, %v", name, a, err)
		}
	}
}

// Peel must leave the message alone: the caller may look at it again.
func TestPeelKeepsItsInput(t *testing.T) {
	n := newNet(t, 5, nil)
	pair := n.pair(t, "private")
	pr, err := n.us.onion.AssemblePrivateRoute(infos(n.others[:3]), pair, n.us.info, false)
	if err != nil {
		t.Fatal(err)
	}
	sr, _, err := n.others[4].onion.CompileStub(pr)
	if err != nil {
		t.Fatal(err)
	}
	r, err := n.others[4].onion.Seal(&Compiled{SafetyRoute: *sr, PayloadKey: pr.PublicKey, Secret: n.others[4].pair.Secret}, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	r.Operation.Signatures = make([]crypto.Signature, 1, 3)
	before := packRoute(t, &wire.Operation{}, r)
	first, err := n.others[2].onion.Peel(r, n.others[4].id, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, packRoute(t, &wire.Operation{}, r)) {
		t.Error("the message has changed")
	}
	second, err := n.others[2].onion.Peel(r, n.others[4].id, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, b := first.(*Forward).Route.Operation.Signatures, second.(*Forward).Route.Operation.Signatures
	if &a[0] == &b[0] || &a[0] == &r.Operation.Signatures[0] {
		t.Error("the signatures share memory")
	}
}

func TestAssembleFaults(t *testing.T) {
	n := newNet(t, 1, nil)
	pair := n.pair(t, "private")
	nobody := &wire.PeerInfo{}
	if _, err := n.us.onion.AssemblePrivateRoute(nil, pair, n.us.info, false); !errors.Is(err, ErrHopCount) {
		t.Errorf("no hops: %v", err)
	}
	if _, err := n.us.onion.AssemblePrivateRoute([]*wire.PeerInfo{nobody}, pair, n.us.info, false); !errors.Is(err, ErrUnreachable) {
		t.Errorf("hop without key: %v", err)
	}
	if _, err := n.us.onion.AssemblePrivateRoute(infos(n.others), pair, nil, false); !errors.Is(err, ErrUnreachable) {
		t.Errorf("no own peer info: %v", err)
	}
	if _, err := NodeStub(nobody, crypto.KindVLD0); !errors.Is(err, ErrUnreachable) {
		t.Errorf("stub of nobody: %v", err)
	}
	none := &wire.PrivateRoute{PublicKey: crypto.PublicKey{Kind: crypto.KindNONE}}
	if _, err := n.us.onion.CompileSafetyRoute(infos(n.others), pair, none, false); !errors.Is(err, crypto.ErrKind) {
		t.Errorf("another kind: %v", err)
	}
	if _, _, err := n.us.onion.CompileStub(&wire.PrivateRoute{PublicKey: pair.Public}); !errors.Is(err, ErrInvalid) {
		t.Errorf("no first hop: %v", err)
	}
}
