package envelope

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/voile-net/voile/core/crypto"
)

func TestEnvelopeFaults(t *testing.T) {
	w := newWorld(t, NetworkKey{})
	good := unhex(t, plainVector)
	change := func(f func(msg []byte) []byte) []byte { return f(bytes.Clone(good)) }
	huge := make([]byte, MaxSize+1)
	copy(huge, good)
	binary.LittleEndian.PutUint16(huge[offSize:], MaxSize+1)
	for _, test := range []struct {
		name string
		msg  []byte
		want error
	}{
		{"empty", nil, ErrMagic},
		{"three bytes", good[:3], ErrMagic},
		{"receipt", unhex(t, receiptVectorHex), ErrMagic},
		{"other version", change(func(m []byte) []byte { m[3] = '1'; return m }), ErrMagic},
		{"magic alone", good[:4], ErrShort},
		{"169 bytes", good[:169], ErrShort},
		{"170 bytes", good[:170], ErrSize},
		{"one byte added", change(func(m []byte) []byte { return append(m, 0) }), ErrSize},
		{"too large", huge, ErrSize},
		{"kind", change(func(m []byte) []byte { m[7] = '1'; return m }), ErrKind},
		{"kind not enabled", change(func(m []byte) []byte { copy(m[4:], "NONE"); return m }), ErrKind},
		{"size", change(func(m []byte) []byte { m[8]++; return m }), ErrSize},
		{"to itself", change(func(m []byte) []byte { copy(m[offRecipient:], m[offSender:offRecipient]); return m }), ErrSelf},
		{"timestamp", change(func(m []byte) []byte { m[offTimestamp]++; return m }), ErrSignature},
		{"nonce", change(func(m []byte) []byte { m[offNonce]++; return m }), ErrSignature},
		{"sender", change(func(m []byte) []byte { m[offSender] ^= 1; return m }), ErrSignature},
		{"sender is no point", change(func(m []byte) []byte {
			clear(m[offSender:offRecipient])
			m[offSender] = 2
			return m
		}), ErrSignature},
		{"recipient", change(func(m []byte) []byte { m[offRecipient]++; return m }), ErrSignature},
		{"body", change(func(m []byte) []byte { m[offBody]++; return m }), ErrSignature},
		{"signature", change(func(m []byte) []byte { m[len(m)-1] ^= 1; return m }), ErrSignature},
		{"masked", unhex(t, maskedVector), ErrSignature},
	} {
		t.Run(test.name, func(t *testing.T) {
			if e, err := w.codec.Parse(test.msg); !errors.Is(err, test.want) || e.Size() != 0 {
				t.Errorf("Parse = %+v, %v, want %v", e.Header, err, test.want)
			}
		})
	}
	if _, err := newWorld(t, testNetwork(t)).codec.Parse(good); !errors.Is(err, ErrSignature) {
		t.Errorf("Parse under a network key: %v, want ErrSignature", err)
	}
	for n := range good {
		if _, err := w.codec.Parse(good[:n]); err == nil {
			t.Errorf("the first %d bytes parse", n)
		}
	}
}

// TestBodies: what parses and does not decrypt to compressed data.
func TestBodies(t *testing.T) {
	w := newWorld(t, NetworkKey{})
	h := Header{Kind: crypto.KindVLD0, Sender: w.a.NodeID(), Recipient: w.b.NodeID()}
	for _, test := range []struct {
		name, plain string
		want        error
	}{
		{"nothing", "", ErrBody},
		{"four bytes", "\x00\x00\x00\x00", ErrBody},
		{"empty body", "\x00\x00\x00\x00\x00", nil},
		{"over the limit", "\xe4\xff\x00\x00\x10a", ErrBody},
		{"longer than declared", "\x00\x00\x00\x00\x10a", ErrBody},
	} {
		t.Run(test.name, func(t *testing.T) {
			key, err := w.codec.key(w.b.NodeID(), w.a)
			if err != nil {
				t.Fatal(err)
			}
			sealed := make([]byte, len(test.plain))
			if err := w.c.Best().CryptNoAuth(sealed, []byte(test.plain), key, h.Nonce); err != nil {
				t.Fatal(err)
			}
			e, err := w.codec.Parse(reseal(t, w.c, w.a, h, sealed, NetworkKey{}))
			if err != nil {
				t.Fatal(err)
			}
			if body, err := w.codec.Open(nil, &e, w.b); !errors.Is(err, test.want) || len(body) != 0 {
				t.Errorf("Open = %q, %v, want %v", body, err, test.want)
			}
		})
	}
	// Under another identity the key differs, and the result is noise or an error;
	// it is the caller who compares the recipient.
	sealed, err := w.codec.Seal(nil, w.a, w.b.NodeID(), 1, []byte(vectorBody))
	if err != nil {
		t.Fatal(err)
	}
	e, err := w.codec.Parse(sealed)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := w.codec.Open(nil, &e, w.a); err == nil && string(body) == vectorBody {
		t.Error("the body opens for somebody else")
	}
}

func TestSealLimits(t *testing.T) {
	w := newWorld(t, NetworkKey{})
	noise := make([]byte, MaxBody+1)
	if err := w.c.Best().RandomBytes(noise); err != nil {
		t.Fatal(err)
	}
	fits := MaxBody - 4 - 1 - (MaxBody-15)/255 - 1
	for _, test := range []struct {
		name string
		body []byte
		want error
	}{
		{"empty", nil, nil},
		{"largest that does not compress", noise[:fits], nil},
		{"too large compressed", noise[:MaxBody], ErrTooLong},
		{"largest that compresses", make([]byte, MaxBody), nil},
		{"too large", make([]byte, MaxBody+1), ErrTooLong},
	} {
		t.Run(test.name, func(t *testing.T) {
			sealed, err := w.codec.Seal(nil, w.a, w.b.NodeID(), 1, test.body)
			if !errors.Is(err, test.want) {
				t.Fatalf("Seal of %d bytes: %v, want %v", len(test.body), err, test.want)
			}
			if err != nil {
				return
			}
			e, err := w.codec.Parse(sealed)
			if err != nil {
				t.Fatal(err)
			}
			if body, err := w.codec.Open(nil, &e, w.b); err != nil || !bytes.Equal(body, test.body) {
				t.Errorf("came back as %d bytes, %v", len(body), err)
			}
		})
	}
	if _, err := w.codec.Seal(nil, w.a, w.a.NodeID(), 1, nil); !errors.Is(err, ErrSelf) {
		t.Errorf("Seal to oneself: %v, want ErrSelf", err)
	}
	foreign := w.b.NodeID()
	foreign.Kind = crypto.KindNONE
	if _, err := w.codec.Seal(nil, w.a, foreign, 1, nil); err == nil {
		t.Error("Seal to a node of another kind succeeds")
	}
	noPoint := w.b.NodeID()
	noPoint.Value = [32]byte{2}
	if _, err := w.codec.Seal(nil, w.a, noPoint, 1, nil); !errors.Is(err, crypto.ErrPoint) {
		t.Errorf("Seal to an id that is no key: %v, want ErrPoint", err)
	}
}

func TestNonceIsFresh(t *testing.T) {
	w := newWorld(t, NetworkKey{})
	seen := map[crypto.Nonce]bool{}
	for i := range 20 {
		sealed, err := w.codec.Seal(nil, w.a, w.b.NodeID(), crypto.Timestamp(i), nil)
		if err != nil {
			t.Fatal(err)
		}
		e, err := w.codec.Parse(sealed)
		if err != nil || seen[e.Nonce] || e.Timestamp != crypto.Timestamp(i) {
			t.Fatalf("envelope %d: %+v, %v", i, e.Header, err)
		}
		seen[e.Nonce] = true
	}
}

func TestOtherKind(t *testing.T) {
	c := newCrypto(t, crypto.KindVLD0, crypto.KindNONE)
	sys, err := c.Get(crypto.KindNONE)
	if err != nil {
		t.Fatal(err)
	}
	pairs := [2]crypto.KeyPair{}
	for i := range pairs {
		if pairs[i], err = sys.GenerateKeyPair(); err != nil {
			t.Fatal(err)
		}
	}
	a, b := identity(t, c, pairs[0]), identity(t, c, pairs[1])
	codec := NewCodec(c, testNetwork(t))
	sealed, err := codec.Seal(nil, a, b.NodeID(), 7, []byte(vectorBody))
	if err != nil {
		t.Fatal(err)
	}
	e, err := codec.Parse(sealed)
	if err != nil || e.Kind != crypto.KindNONE || e.Sender != a.NodeID() {
		t.Fatalf("Parse = %+v, %v", e.Header, err)
	}
	if body, err := codec.Open(nil, &e, b); err != nil || string(body) != vectorBody {
		t.Errorf("Open = %q, %v", body, err)
	}
}

func TestIdentityFaults(t *testing.T) {
	c := newCrypto(t)
	a, b := testPair(t, 0), testPair(t, 1)
	if _, err := NewIdentity(c, crypto.KeyPair{Public: a.Public, Secret: b.Secret}); !errors.Is(err, crypto.ErrKeyPair) {
		t.Errorf("NewIdentity of two halves: %v", err)
	}
	a.Public.Kind, a.Secret.Kind = crypto.KindNONE, crypto.KindNONE
	if _, err := NewIdentity(c, a); !errors.Is(err, crypto.ErrUnsupported) {
		t.Errorf("NewIdentity of a kind that is not enabled: %v", err)
	}
}

func TestNetworkKeyStaysHidden(t *testing.T) {
	network := testNetwork(t)
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%d"} {
		if got := fmt.Sprintf(verb, network); strings.Contains(got, "07eeb1") || strings.Contains(got, "238") {
			t.Errorf("%s shows %s", verb, got)
		}
	}
	if network.IsZero() || !(*NetworkKey)(nil).IsZero() {
		t.Error("IsZero")
	}
	if none, err := DeriveNetworkKey(newCrypto(t).Best(), ""); err != nil || !none.IsZero() {
		t.Errorf("the empty password gives a key: %v", err)
	}
	network.Zero()
	if !network.IsZero() || network.key != [32]byte{} {
		t.Error("Zero leaves something")
	}
}
