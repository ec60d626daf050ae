package crypto

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"io"
	"math/big"
	"slices"
	"strings"
	"testing"

	"filippo.io/edwards25519"
	"golang.org/x/crypto/chacha20"
)

// The test keys of spec 01 §4.1.
const (
	publicA = "VLD0:A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg"
	publicB = "VLD0:Kay64UG8yvCyLhqU000LxzYeUm0L_hLIl5S8kyKWbdc"
)

var cheezburger = []byte("I can has cheezburger")

func sequence(from byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = from + byte(i)
	}
	return b
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func parse[T any, P textSettable[T]](t testing.TB, text string) T {
	t.Helper()
	v, err := Parse[T, P](text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func pairFromSeed(first byte) KeyPair {
	return keyPairOf(NewSecretKey(KindVLD0, [32]byte(sequence(first, 32))))
}

func TestPublishedKeyPairs(t *testing.T) {
	s := newCrypto(t).Best()
	for _, text := range []string{
		publicA + ":AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
		"VLD0:W7ENB-SUWpPA7usY8ORVQf_si5QmFbD1Uqa89Jg2Uc0:hbdjau5sr3rBNwN68XeWLg3rfXnXLaLqfbbqhELqV1E",
		"VLD0:v6XPfyOoCP_ZP-CWFNrf_pF_dpxsq74p2LW_Q5Q4yPQ:n-DhHtOU7KWQkdp5to8cpBa_u0RFt2IDZzXPqMTq4O0",
	} {
		if ok, err := s.ValidateKeyPair(parse[KeyPair](t, text)); !ok || err != nil {
			t.Errorf("ValidateKeyPair(%s) = %v, %v", text, ok, err)
		}
	}
	if got := pairFromSeed(0x20).Public.String(); got != publicB {
		t.Errorf("public B = %s, want %s", got, publicB)
	}
}

// TestKeyAgreement has the intermediate values of spec 01 §4.2 and §4.3, which the
// recorded vectors do not show.
func TestKeyAgreement(t *testing.T) {
	s := newCrypto(t).Best()
	a, b := pairFromSeed(0), pairFromSeed(0x20)
	uA, err := s.EncapsulationKeyOf(a.Public)
	if want := unhex(t, "4701d08488451f545a409fb58ae3e58581ca40ac3f7f114698cd71deac73ca01"); err != nil || !bytes.Equal(uA.Value[:], want) {
		t.Errorf("u(A) = %x, %v, want %x", uA.Value, err, want)
	}
	xB, err := s.DecapsulationKeyOf(b.Secret)
	if want := unhex(t, "887af58a36202e05c4c1cfec5bf6c61fad66bca851536004074b31f1b56e4ac9"); err != nil || !bytes.Equal(xB.SecretBytes(), want) {
		t.Errorf("x(B) = %x, %v, want %x", xB.SecretBytes(), err, want)
	}
	raw, err := agree(&xB.value, &uA.Value)
	if want := unhex(t, "f6f92efb32945aff683324a1c984c5001f46aaea513f3453138d740b3a604b7d"); err != nil || !bytes.Equal(raw[:], want) {
		t.Errorf("X25519 = %x, %v, want %x", raw, err, want)
	}
	want := unhex(t, "0409dfd3b7deb28373a82d7e684036dda56304afd527ebd863f0cc165d814080")
	for name, dh := range map[string]func() (SharedSecret, error){
		"B, a": func() (SharedSecret, error) { return s.ComputeDH(b.Public, a.Secret) },
		"A, b": func() (SharedSecret, error) { return s.ComputeDH(a.Public, b.Secret) },
	} {
		if got, err := dh(); err != nil || !bytes.Equal(got.SecretBytes(), want) {
			t.Errorf("ComputeDH(%s) = %x, %v, want %x", name, got.SecretBytes(), err, want)
		}
	}
	shared, err := s.GenerateSharedSecret(a.Public, b.Secret, []byte("test"))
	if want := unhex(t, "ba441579f13e6bd04d4959d0b1a42a4d522f48c255392a3e759a143293afac82"); err != nil || !bytes.Equal(shared.SecretBytes(), want) {
		t.Errorf("GenerateSharedSecret = %x, %v, want %x", shared.SecretBytes(), err, want)
	}
}

func TestCiphers(t *testing.T) {
	s := newCrypto(t).Best()
	key := NewSharedSecret(KindVLD0, [32]byte(sequence(0x40, 32)))
	nonce := Nonce(sequence(0x80, 24))
	for _, test := range []struct{ ad, want string }{
		{"", "4b831598ae12311559ac9f71e30ab937db55b6dce15a5ee0b00a95d8d482fbbab5a8d3f6a7"},
		{"foobar", "4b831598ae12311559ac9f71e30ab937db55b6dce1d1a95ebbb008b44d240c46d110ee8723"},
	} {
		sealed, err := s.SealAEAD([]byte("before"), key, nonce, cheezburger, []byte(test.ad))
		if want := append([]byte("before"), unhex(t, test.want)...); err != nil || !bytes.Equal(sealed, want) {
			t.Errorf("SealAEAD with %q = %x, %v, want %x", test.ad, sealed, err, want)
		}
		opened, err := s.OpenAEAD(nil, key, nonce, sealed[6:], []byte(test.ad))
		if err != nil || !bytes.Equal(opened, cheezburger) {
			t.Errorf("OpenAEAD with %q = %q, %v", test.ad, opened, err)
		}
		if _, err := s.OpenAEAD(nil, key, nonce, sealed[6:], []byte("x")); !errors.Is(err, ErrAuth) {
			t.Errorf("OpenAEAD with the wrong data: %v, want ErrAuth", err)
		}
		inPlace := append(make([]byte, 0, 64), cheezburger...)
		if sealed, err := s.SealAEAD(inPlace[:0], key, nonce, inPlace, []byte(test.ad)); err != nil || !bytes.Equal(sealed, unhex(t, test.want)) {
			t.Errorf("SealAEAD in place = %x, %v", sealed, err)
		}
	}
	want := unhex(t, "d2e18add432f379849230b8c1aa2f23bc779741626")
	got := make([]byte, len(cheezburger))
	if err := s.CryptNoAuth(got, cheezburger, key, nonce); err != nil || !bytes.Equal(got, want) {
		t.Errorf("CryptNoAuth = %x, %v, want %x", got, err, want)
	}
	if err := s.CryptNoAuth(got, got, key, nonce); err != nil || !bytes.Equal(got, cheezburger) {
		t.Errorf("CryptNoAuth twice, in place = %q, %v", got, err)
	}
	if err := s.CryptNoAuth(got[:3], got, key, nonce); !errors.Is(err, ErrLength) {
		t.Errorf("CryptNoAuth of unequal lengths: %v, want ErrLength", err)
	}
}

// TestStreamLengths compares all lengths with the plain stream cipher, in place and not,
// and sees that nothing beyond is touched.
func TestStreamLengths(t *testing.T) {
	s := newCrypto(t).Best()
	key := NewSharedSecret(KindVLD0, [32]byte(sequence(0x40, 32)))
	nonce := Nonce(sequence(0x80, 24))
	src := sequence(0, 5000)
	for n := 0; n <= len(src); n += 1 + n/1500*13 {
		cipher, err := chacha20.NewUnauthenticatedCipher(key.SecretBytes(), nonce[:])
		if err != nil {
			t.Fatal(err)
		}
		want := append(make([]byte, n), "after this, nothing"...)
		cipher.XORKeyStream(want[:n], src[:n])
		apart := append(make([]byte, n), "after this, nothing"...)
		inPlace := append(slices.Clone(src[:n]), "after this, nothing"...)
		if err := s.CryptNoAuth(apart[:n], src[:n], key, nonce); err != nil || !bytes.Equal(apart, want) {
			t.Fatalf("%d bytes: %v or wrong bytes", n, err)
		}
		if err := s.CryptNoAuth(inPlace[:n], inPlace[:n], key, nonce); err != nil || !bytes.Equal(inPlace, want) {
			t.Fatalf("%d bytes in place: %v or wrong bytes", n, err)
		}
		if !bytes.Equal(src, sequence(0, 5000)) {
			t.Fatalf("%d bytes: the source was changed", n)
		}
	}
}

func TestSign(t *testing.T) {
	s := newCrypto(t).Best()
	a := pairFromSeed(0)
	want := "VLD0:gLtMftOjwOPTy3SLi_hpxRdMpRAhf0sEMgAKOJ9nDnZT_ddxr32RmrBZN_b2h2ZEeim5ej_0AtA3ZnKiJq9XCw"
	signer, err := s.NewSigner(a)
	if err != nil {
		t.Fatal(err)
	}
	if got := signer.Sign(cheezburger); got.String() != want {
		t.Errorf("Sign = %s, want %s", got, want)
	}
	if signer.PublicKey() != a.Public {
		t.Errorf("PublicKey = %s, want %s", signer.PublicKey(), a.Public)
	}
	sig := parse[Signature](t, want)
	for i := range 3 { // the first from scratch, the others from the cache
		if ok, err := s.Verify(a.Public, cheezburger, sig); !ok || err != nil {
			t.Errorf("Verify %d = %v, %v", i, ok, err)
		}
	}
	for bit := range 8 * SignatureSize {
		bad := sig
		bad.Value[bit/8] ^= 1 << (bit % 8)
		if ok, err := s.Verify(a.Public, cheezburger, bad); ok || err != nil {
			t.Fatalf("Verify with bit %d changed = %v, %v", bit, ok, err)
		}
	}
	if _, err := s.NewSigner(KeyPair{a.Public, pairFromSeed(1).Secret}); !errors.Is(err, ErrKeyPair) {
		t.Errorf("NewSigner with a foreign secret: %v, want ErrKeyPair", err)
	}
}

// TestSignLikeStandardLibrary compares both directions with crypto/ed25519.
func TestSignLikeStandardLibrary(t *testing.T) {
	s := newCrypto(t).Best()
	options := &ed25519.Options{Hash: crypto.SHA512, Context: "VLD0_SIGN"}
	for i := range 200 {
		pair, err := s.GenerateKeyPair()
		if err != nil {
			t.Fatal(err)
		}
		data := sequence(byte(i), i)
		digest := sha512.Sum512(data)
		theirs, err := ed25519.NewKeyFromSeed(pair.Secret.SecretBytes()).Sign(nil, digest[:], options)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := s.Sign(pair, data)
		if err != nil || !bytes.Equal(ours.Value[:], theirs) {
			t.Fatalf("signature %x, %v, want %x", ours.Value, err, theirs)
		}
		if ok, err := s.Verify(pair.Public, data, ours); !ok || err != nil {
			t.Fatalf("Verify = %v, %v", ok, err)
		}
		ours.Value[i%64] ^= 1 << (i % 8)
		if ok, err := s.Verify(pair.Public, data, ours); ok || err != nil {
			t.Fatalf("Verify of a changed signature = %v, %v", ok, err)
		}
	}
}

// TestSmallOrder makes signatures that a lax verifier takes and a strict one does not:
// with a key or an R of small order (spec 01 §4.6).
func TestSmallOrder(t *testing.T) {
	// All small points are multiples of one of order 8.
	p, err := new(edwards25519.Point).SetBytes([]byte(yOrder8))
	if err != nil {
		t.Fatal(err)
	}
	small := map[[32]byte]bool{}
	q := edwards25519.NewIdentityPoint()
	for range 8 {
		small[[32]byte(q.Bytes())] = true
		q.Add(q, p)
	}
	if len(small) != 8 || !small[[32]byte(edwards25519.NewIdentityPoint().Bytes())] {
		t.Fatalf("%d points of small order, want 8", len(small))
	}
	for encoded := range small {
		if !isSmallOrder(encoded) {
			t.Errorf("isSmallOrder(%x) = false", encoded)
		}
	}
	if public := pairFromSeed(0).Public; isSmallOrder(public.Value) {
		t.Error("isSmallOrder of a good key = true")
	}

	s := newCrypto(t).Best()
	// With A of small order and S = 0, R = -kA is small too, and for the identity
	// every k fits.
	identity := [32]byte(edwards25519.NewIdentityPoint().Bytes())
	sig := Signature{Kind: KindVLD0}
	copy(sig.Value[:], identity[:])
	if ok, err := s.Verify(PublicKey{KindVLD0, identity}, cheezburger, sig); ok || err != nil {
		t.Errorf("Verify with the identity as key and R = %v, %v, want false", ok, err)
	}
	if v, err := newVLD0(nil, 1).keys.get(identity); err != nil || !v.small {
		t.Errorf("the identity as key: small %v, %v", v.small, err)
	}
	if v, err := newVLD0(nil, 1).keys.get(pairFromSeed(0).Public.Value); err != nil || v.small {
		t.Errorf("a good key: small %v, %v", v.small, err)
	}
}

// TestVerifyCanonical: S + L is the same scalar, and refused.
func TestVerifyCanonical(t *testing.T) {
	s := newCrypto(t).Best()
	a := pairFromSeed(0)
	sig, err := s.Sign(a, cheezburger)
	if err != nil {
		t.Fatal(err)
	}
	l, _ := new(big.Int).SetString("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed", 16)
	le := slices.Clone(sig.Value[32:])
	slices.Reverse(le)
	sum := new(big.Int).Add(new(big.Int).SetBytes(le), l).FillBytes(make([]byte, 32))
	slices.Reverse(sum)
	copy(sig.Value[32:], sum)
	if ok, err := s.Verify(a.Public, cheezburger, sig); ok || err != nil {
		t.Errorf("Verify with S + L = %v, %v, want false", ok, err)
	}
}

func TestHPKEVector(t *testing.T) {
	// Spec 01 §4.11: the ephemeral key is derived from these random bytes.
	c, err := New(Config{Rand: bytes.NewReader(sequence(0x60, 32))})
	if err != nil {
		t.Fatal(err)
	}
	s := c.Best()
	b := pairFromSeed(0x20)
	recipient, err := s.EncapsulationKeyOf(b.Public)
	if err != nil {
		t.Fatal(err)
	}
	want := unhex(t, "01564c4430bad762e098446cbcc58b30c7e804f82847b8b911185996582af9f27bfd4e875fbccb7ec5ffe0999a0b1f63ebf9e46563dfdb2ad4e8087795baa7a7fe8c80d4acafb684d79e")
	got, err := s.SealHPKE([]byte("x"), recipient, []byte("foobar"), cheezburger)
	if err != nil || !bytes.Equal(got[1:], want) || got[0] != 'x' {
		t.Errorf("SealHPKE = %x, %v, want %x", got, err, want)
	}
	secret, err := s.DecapsulationKeyOf(b.Secret)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := s.OpenHPKE(nil, secret, []byte("foobar"), want)
	if err != nil || !bytes.Equal(plain, cheezburger) {
		t.Errorf("OpenHPKE = %q, %v", plain, err)
	}
	for n := range want {
		if _, err := s.OpenHPKE(nil, secret, []byte("foobar"), want[:n]); !errors.Is(err, ErrSealed) && !errors.Is(err, ErrAuth) {
			t.Errorf("OpenHPKE of %d bytes: %v", n, err)
		}
	}
}

func TestPasswordStrings(t *testing.T) {
	s := newCrypto(t).Best()
	const hash = "$argon2id$v=19$m=19456,t=2,p=1$cXdlcmFzZGY$4BZC9wAq/fn5/HX8jIB8e0gMX9kbTVlaXrlvoKYNnfc"
	got, err := s.HashPassword([]byte("abc123"), []byte("qwerasdf"))
	if err != nil || got != hash {
		t.Errorf("HashPassword = %s, %v, want %s", got, err, hash)
	}
	for _, test := range []struct {
		name, hash string
		ok         bool
		err        error
	}{
		{"good", hash, true, nil},
		{"cheap, its own parameters", "$argon2id$v=19$m=64,t=1,p=1$cXdlcmFzZGY$4BZC9wAq/fn5/HX8jIB8e0gMX9kbTVlaXrlvoKYNnfc", false, nil},
		{"unknown algorithm", "$foo$cXdlcmFzZGY$4BZC9wAq/fn5/HX8jIB8e0gMX9kbTVlaXrlvoKYNnfc", false, nil},
		{"all memory", "$argon2id$v=19$m=4294967295,t=2,p=1$cXdlcmFzZGY$4BZC9wAq/fn5/HX8jIB8e0gMX9kbTVlaXrlvoKYNnfc", false, ErrPasswordCost},
		{"endless", "$argon2id$v=19$m=64,t=4294967295,p=1$cXdlcmFzZGY$4BZC9wAq/fn5/HX8jIB8e0gMX9kbTVlaXrlvoKYNnfc", false, ErrPasswordCost},
		{"no passes", "$argon2id$v=19$m=64,t=0,p=1$cXdlcmFzZGY$4BZC9wAq/fn5/HX8jIB8", false, nil},
		{"no threads", "$argon2id$v=19$m=64,t=1,p=0$cXdlcmFzZGY$4BZC9wAq/fn5/HX8jIB8", false, nil},
		{"too many threads", "$argon2id$v=19$m=64,t=1,p=257$cXdlcmFzZGY$4BZC9wAq/fn5/HX8jIB8", false, nil},
		{"no number", "$argon2id$v=19$m=x,t=1,p=1$cXdlcmFzZGY$4BZC9wAq/fn5/HX8jIB8", false, nil},
		{"unknown parameter", "$argon2id$v=19$m=64,q=1$cXdlcmFzZGY$4BZC9wAq/fn5/HX8jIB8", false, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			ok, err := s.VerifyPassword([]byte("abc123"), test.hash)
			if ok != test.ok || !errors.Is(err, test.err) {
				t.Errorf("VerifyPassword = %v, %v, want %v, %v", ok, err, test.ok, test.err)
			}
		})
	}
}

// What is wrong with a password hash string is said as a real node does (recorded).
func TestPasswordStringFaults(t *testing.T) {
	s := newCrypto(t).Best()
	const salt, hash = "AAECAwQFBgcICQoLDA0ODw", "aCgl86jbQK5AqXUdRqU1zCQuIqT+BCx60lsL7lidnX0"
	const cost = "$argon2id$v=19$m=64,t=1,p=1"
	for text, want := range map[string]string{
		"":                                   "password hash string missing field",
		"x":                                  "password hash string missing field",
		"argon2id$v=19$" + salt + "$" + hash: "password hash string missing field",
		"$":                                  "invalid parameter name",
		"$ARGON$" + salt + "$" + hash:        "invalid parameter name",
		"$" + strings.Repeat("a", 40) + "$" + salt + "$" + hash: "invalid parameter name",
		"$argon2id$v=19$=5$" + salt + "$" + hash:                "invalid parameter name",
		"$argon2id$v=x$" + salt + "$" + hash:                    "invalid parameter value",
		"$argon2id$$" + salt + "$" + hash:                       "salt too short (minimum 8 bytes)",
		cost + "$?$" + hash:                                     "salt too short (minimum 8 bytes)",
		cost + "$" + strings.Repeat("A", 100) + "$" + hash:      "salt too long (maximum 48 bytes)",
		cost + "$" + salt + "$?":                                "invalid Base64 encoding",
		cost + "$" + salt + "$":                                 "output size too short, expected at least 10 bytes",
		cost + "$" + salt + "$AA":                               "output size too short, expected at least 10 bytes",
		cost + "$" + salt + "$" + strings.Repeat("A", 100):      "invalid Base64 length",
		cost + "$" + salt + "$" + hash + "$x":                   "password hash has unexpected trailing characters",
		cost + "$" + salt + "$" + strings.Repeat("A", 1000):     "password hash string too long",
	} {
		ok, err := s.VerifyPassword([]byte("abc"), text)
		if ok || !errors.Is(err, ErrPasswordHash) || err.Error() != want {
			t.Errorf("%q: %v, %v, want %q", text, ok, err, want)
		}
	}
}

// TestRandomSource: what is random comes from the given reader, and its failure is an error.
func TestRandomSource(t *testing.T) {
	for _, kind := range []Kind{KindVLD0, KindNONE} {
		c, err := New(Config{Kinds: Kinds{kind}, Rand: io.LimitReader(bytes.NewReader(sequence(1, 64)), 40)})
		if err != nil {
			t.Fatal(err)
		}
		s := c.Best()
		secret, err := s.RandomSharedSecret()
		if err != nil || !bytes.Equal(secret.SecretBytes(), sequence(1, 32)) || secret.Kind != kind {
			t.Errorf("%s: RandomSharedSecret = %x, %v", kind, secret.SecretBytes(), err)
		}
		_, nonceErr := s.RandomNonce() // 8 bytes are left
		_, pairErr := s.GenerateKeyPair()
		_, kemErr := s.GenerateKEMKeyPair()
		_, secretErr := s.RandomSharedSecret()
		_, sealErr := s.SealHPKE(nil, EncapsulationKey{Kind: kind, Value: [32]byte{9}}, nil, nil)
		for i, err := range []error{nonceErr, pairErr, kemErr, secretErr, sealErr} {
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s: call %d on a dry source: %v", kind, i, err)
			}
		}
	}
}
