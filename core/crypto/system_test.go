package crypto

import (
	"bytes"
	"errors"
	"testing"
)

// TestSystem runs the contract of System on both cryptosystems.
func TestSystem(t *testing.T) {
	for _, kind := range []Kind{KindVLD0, KindNONE} {
		t.Run(kind.String(), func(t *testing.T) {
			c := newCrypto(t, kind)
			s, err := c.Get(kind)
			if err != nil || s.Kind() != kind || c.Best() != s {
				t.Fatalf("Get = %v, %v", s, err)
			}
			a, errA := s.GenerateKeyPair()
			b, errB := s.GenerateKeyPair()
			if errA != nil || errB != nil || a.KindOf() != kind || a.Public == b.Public {
				t.Fatalf("GenerateKeyPair = %v, %v; %v, %v", a, errA, b, errB)
			}
			testPairs(t, s, a, b)
			testSignatures(t, s, a, b)
			testAgreement(t, c, s, a, b)
			testAEAD(t, s)
			testHPKE(t, s, a, b)
			testPasswords(t, s)
			testForeign(t, s)
		})
	}
}

func testPairs(t *testing.T, s System, a, b KeyPair) {
	if ok, err := s.ValidateKeyPair(a); !ok || err != nil {
		t.Errorf("ValidateKeyPair = %v, %v", ok, err)
	}
	if ok, err := s.ValidateKeyPair(KeyPair{a.Public, b.Secret}); ok || err != nil {
		t.Errorf("ValidateKeyPair of two halves = %v, %v", ok, err)
	}
	if _, err := s.NewSigner(KeyPair{a.Public, b.Secret}); !errors.Is(err, ErrKeyPair) {
		t.Errorf("NewSigner of two halves: %v", err)
	}
}

func testSignatures(t *testing.T, s System, a, b KeyPair) {
	sig, err := s.Sign(a, cheezburger)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := s.NewSigner(a)
	if err != nil {
		t.Fatal(err)
	}
	if again := signer.Sign(cheezburger); again != sig || sig.Kind != s.Kind() {
		t.Errorf("Signer.Sign = %v, want %v", again, sig)
	}
	bad := sig
	bad.Value[40] ^= 1
	for _, test := range []struct {
		name string
		key  PublicKey
		data []byte
		sig  Signature
		want bool
	}{
		{"good", a.Public, cheezburger, sig, true},
		{"other key", b.Public, cheezburger, sig, false},
		{"other data", a.Public, cheezburger[1:], sig, false},
		{"other signature", a.Public, cheezburger, bad, false},
	} {
		if ok, err := s.Verify(test.key, test.data, test.sig); ok != test.want || err != nil {
			t.Errorf("Verify, %s = %v, %v, want %v", test.name, ok, err, test.want)
		}
	}
}

func testAgreement(t *testing.T, c *Crypto, s System, a, b KeyPair) {
	ab, err := s.ComputeDH(a.Public, b.Secret)
	if err != nil {
		t.Fatal(err)
	}
	ba, err := s.ComputeDH(b.Public, a.Secret)
	// NONE is symmetric only by accident of its complements; both hold.
	if err != nil || !ab.Equal(ba) {
		t.Errorf("ComputeDH differs between the sides: %v", err)
	}
	for range 2 {
		cached, err := c.CachedDH(a.Public, b.Secret)
		if err != nil || !cached.Equal(ab) {
			t.Errorf("CachedDH = %x, %v, want %x", cached.SecretBytes(), err, ab.SecretBytes())
		}
	}
	c.Forget()
	if cached, err := c.CachedDH(a.Public, b.Secret); err != nil || !cached.Equal(ab) {
		t.Errorf("CachedDH after Forget: %v", err)
	}
	if _, err := s.ComputeDH(PublicKey{Kind: s.Kind()}, a.Secret); !errors.Is(err, ErrWeakKey) {
		t.Errorf("ComputeDH with the key zero: %v, want ErrWeakKey", err)
	}
	one, err1 := s.GenerateSharedSecret(a.Public, b.Secret, []byte("one"))
	two, err2 := s.GenerateSharedSecret(a.Public, b.Secret, []byte("two"))
	if err1 != nil || err2 != nil || one.Equal(two) || one.Kind != s.Kind() {
		t.Errorf("GenerateSharedSecret does not depend on the domain: %v, %v", err1, err2)
	}
}

func testAEAD(t *testing.T, s System) {
	key, err := s.RandomSharedSecret()
	if err != nil {
		t.Fatal(err)
	}
	nonce, err := s.RandomNonce()
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range [][]byte{nil, cheezburger, sequence(0, 100)} {
		sealed, err := s.SealAEAD(nil, key, nonce, body, []byte("ad"))
		if err != nil || len(sealed) != len(body)+s.Lengths().AEADOverhead {
			t.Fatalf("SealAEAD = %d bytes, %v", len(sealed), err)
		}
		opened, err := s.OpenAEAD([]byte("x"), key, nonce, sealed, []byte("ad"))
		if err != nil || !bytes.Equal(opened, append([]byte("x"), body...)) {
			t.Errorf("OpenAEAD = %q, %v", opened, err)
		}
		if _, err := s.OpenAEAD(nil, key, nonce, sealed, nil); !errors.Is(err, ErrAuth) {
			t.Errorf("OpenAEAD without its data: %v", err)
		}
		for n := range s.Lengths().AEADOverhead {
			if _, err := s.OpenAEAD(nil, key, nonce, sealed[:n], []byte("ad")); !errors.Is(err, ErrAuth) {
				t.Errorf("OpenAEAD of %d bytes: %v", n, err)
			}
		}
		crypted := make([]byte, len(body))
		if err := s.CryptNoAuth(crypted, body, key, nonce); err != nil || len(body) > 0 && bytes.Equal(crypted, body) {
			t.Errorf("CryptNoAuth: %v", err)
		}
		if err := s.CryptNoAuth(crypted, crypted, key, nonce); err != nil || !bytes.Equal(crypted, body) {
			t.Errorf("CryptNoAuth twice = %q, %v", crypted, err)
		}
	}
}

func testHPKE(t *testing.T, s System, a, b KeyPair) {
	generated, err := s.GenerateKEMKeyPair()
	if err != nil {
		t.Fatal(err)
	}
	ek, err1 := s.EncapsulationKeyOf(a.Public)
	dk, err2 := s.DecapsulationKeyOf(a.Secret)
	other, err3 := s.DecapsulationKeyOf(b.Secret)
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	for _, pair := range []KEMKeyPair{generated, {ek, dk}} {
		blob, err := s.SealHPKE(nil, pair.Encapsulation, []byte("ad"), cheezburger)
		if err != nil || len(blob) != len(cheezburger)+hpkeOverhead {
			t.Fatalf("SealHPKE = %d bytes, %v", len(blob), err)
		}
		if plain, err := s.OpenHPKE(nil, pair.Decapsulation, []byte("ad"), blob); err != nil || !bytes.Equal(plain, cheezburger) {
			t.Errorf("OpenHPKE = %q, %v", plain, err)
		}
		if _, err := s.OpenHPKE(nil, other, []byte("ad"), blob); !errors.Is(err, ErrAuth) {
			t.Errorf("OpenHPKE with another key: %v", err)
		}
		if _, err := s.OpenHPKE(nil, pair.Decapsulation, nil, blob); !errors.Is(err, ErrAuth) {
			t.Errorf("OpenHPKE without its data: %v", err)
		}
		blob[4] ^= 1
		if _, err := s.OpenHPKE(nil, pair.Decapsulation, nil, blob); !errors.Is(err, ErrKind) {
			t.Errorf("OpenHPKE of another kind: %v", err)
		}
	}
	if _, err := s.SealHPKE(nil, EncapsulationKey{Kind: s.Kind()}, nil, nil); !errors.Is(err, ErrWeakKey) {
		t.Errorf("SealHPKE to the key zero: %v", err)
	}
}

func testPasswords(t *testing.T, s System) {
	salt := sequence(7, max(8, s.Lengths().DefaultSalt))
	hash, err := s.HashPassword([]byte("secret"), salt)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := s.VerifyPassword([]byte("secret"), hash); !ok || err != nil {
		t.Errorf("VerifyPassword = %v, %v", ok, err)
	}
	if ok, err := s.VerifyPassword([]byte("Secret"), hash); ok || err != nil {
		t.Errorf("VerifyPassword of another = %v, %v", ok, err)
	}
	if _, err := s.VerifyPassword([]byte("secret"), "nonsense"); !errors.Is(err, ErrPasswordHash) {
		t.Errorf("VerifyPassword of nonsense: %v", err)
	}
	one, err1 := s.DeriveSharedSecret([]byte("secret"), salt)
	two, err2 := s.DeriveSharedSecret([]byte("Secret"), salt)
	if err1 != nil || err2 != nil || one.Equal(two) || one.Kind != s.Kind() {
		t.Errorf("DeriveSharedSecret: %v, %v", err1, err2)
	}
	if _, err := s.DeriveSharedSecret(nil, make([]byte, 49)); !errors.Is(err, ErrSalt) {
		t.Errorf("DeriveSharedSecret with a long salt: %v", err)
	}
	if _, err := s.HashPassword(nil, make([]byte, 3)); !errors.Is(err, ErrSalt) {
		t.Errorf("HashPassword with a short salt: %v", err)
	}
}

// testForeign gives every operation that looks at kinds a value of another one.
func testForeign(t *testing.T, s System) {
	const x Kind = 0x58585858
	pair := KeyPair{PublicKey{Kind: x}, SecretKey{Kind: x}}
	_, validateErr := s.ValidateKeyPair(pair)
	_, signErr := s.Sign(pair, nil)
	_, signerErr := s.NewSigner(pair)
	_, keyErr := s.Verify(pair.Public, nil, Signature{Kind: s.Kind()})
	_, sigErr := s.Verify(PublicKey{Kind: s.Kind(), Value: pairFromSeed(0).Public.Value}, nil, Signature{Kind: x})
	_, hashErr := s.ValidateHash(nil, HashDigest{Kind: x})
	_, sealErr := s.SealAEAD(nil, SharedSecret{Kind: x}, Nonce{}, nil, nil)
	_, openErr := s.OpenAEAD(nil, SharedSecret{Kind: x}, Nonce{}, nil, nil)
	cryptErr := s.CryptNoAuth(nil, nil, SharedSecret{Kind: x}, Nonce{})
	_, deviceErr := SealDeviceKey(s, SharedSecret{Kind: x}, "")
	for i, err := range []error{validateErr, signErr, signerErr, keyErr, sigErr, hashErr, sealErr, openErr, cryptErr, deviceErr} {
		if !errors.Is(err, ErrKind) {
			t.Errorf("operation %d on another kind: %v, want ErrKind", i, err)
		}
	}
}

func TestConfig(t *testing.T) {
	if c := newCrypto(t); len(c.Kinds()) != 1 || c.Best().Kind() != KindVLD0 {
		t.Errorf("default kinds = %v", c.Kinds())
	}
	c := newCrypto(t, KindVLD0, KindNONE)
	if s, err := c.Get(KindNONE); err != nil || s.Kind() != KindNONE || c.Best().Kind() != KindVLD0 {
		t.Errorf("Get(NONE) = %v, %v", s, err)
	}
	if _, err := newCrypto(t).Get(KindNONE); !errors.Is(err, ErrUnsupported) {
		t.Errorf("Get(NONE) without asking for it: %v", err)
	}
	for _, bad := range []Kinds{{}, {0x564c4431}, {KindVLD0, KindVLD0}} {
		if _, err := New(Config{Kinds: bad}); err == nil {
			t.Errorf("New with kinds %v succeeds", bad)
		}
	}
}

// TestTwoKinds: signature sets over both cryptosystems.
func TestTwoKinds(t *testing.T) {
	c := newCrypto(t, KindVLD0, KindNONE)
	noneSys, err := c.Get(KindNONE)
	if err != nil {
		t.Fatal(err)
	}
	n, err := noneSys.GenerateKeyPair()
	if err != nil {
		t.Fatal(err)
	}
	v := pairFromSeed(0)
	sigs, err := c.GenerateSignatures(cheezburger, []KeyPair{n, v})
	if err != nil || len(sigs) != 2 || sigs[0].Kind != KindNONE || sigs[1].Kind != KindVLD0 {
		t.Fatalf("GenerateSignatures = %v, %v", sigs, err)
	}
	keys := []PublicKey{n.Public, v.Public}
	verified, valid, err := c.VerifySignatures(keys, cheezburger, sigs)
	if err != nil || !valid || len(verified) != 2 || verified[0] != v.Public || verified[1] != n.Public {
		t.Errorf("VerifySignatures = %v, %v, %v; want both keys, VLD0 first", verified, valid, err)
	}
	// A node with VLD0 alone ignores the other.
	verified, valid, err = newCrypto(t).VerifySignatures(keys, cheezburger, sigs)
	if err != nil || !valid || len(verified) != 1 || verified[0] != v.Public {
		t.Errorf("VerifySignatures with VLD0 alone = %v, %v, %v", verified, valid, err)
	}
	// One that fails spoils all; a key that is no point is an error.
	sigs[0].Value[0] ^= 1
	if verified, valid, err = c.VerifySignatures(keys, cheezburger, sigs); valid || err != nil || verified != nil {
		t.Errorf("VerifySignatures with one bad = %v, %v, %v", verified, valid, err)
	}
	notAPoint := PublicKey{Kind: KindVLD0, Value: [32]byte{2}}
	if _, valid, err = c.VerifySignatures([]PublicKey{notAPoint}, cheezburger, sigs[1:]); valid || !errors.Is(err, ErrPoint) {
		t.Errorf("VerifySignatures with no point = %v, %v, want ErrPoint", valid, err)
	}
}

func TestDeviceKey(t *testing.T) {
	c := newCrypto(t)
	s := c.Best()
	key := NewSharedSecret(KindVLD0, [32]byte(sequence(0xc0, 32)))
	open := parseDeviceText(t, "VkxEMMDBwsPExcbHyMnKy8zNzs_Q0dLT1NXW19jZ2tvc3d7f")
	locked := unhex(t, "564c44301ef288cb855729639f02e9328284140ea7b644e5462b3e10b9a48143335710506044cb8d724783aff4bb7b50662dfc27101112131415161718191a1b1c1d1e1f2021222324252627")

	if got, err := SealDeviceKey(s, key, ""); err != nil || !bytes.Equal(got, open) {
		t.Errorf("SealDeviceKey without password = %x, %v, want %x", got, err, open)
	}
	if got, err := sealDeviceKey(s, key, "password", Nonce(sequence(0x10, 24))); err != nil || !bytes.Equal(got, locked) {
		t.Errorf("sealDeviceKey = %x, %v, want %x", got, err, locked)
	}
	fresh, err := SealDeviceKey(s, key, "other")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name     string
		stored   []byte
		password string
		want     error
	}{
		{"open", open, "", nil},
		{"locked", locked, "password", nil},
		{"fresh", fresh, "other", nil},
		{"wrong password", locked, "Password", ErrAuth},
		{"password missing", locked, "", ErrLength},
		{"password too many", open, "password", ErrLength},
		{"short", open[:3], "", ErrLength},
		{"one byte less", locked[:75], "password", ErrLength},
		{"other kind", append([]byte("VLD1"), open[4:]...), "", ErrUnsupported},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := c.OpenDeviceKey(test.stored, test.password)
			if !errors.Is(err, test.want) || test.want == nil && !got.Equal(key) {
				t.Errorf("OpenDeviceKey = %x, %v, want %v", got.SecretBytes(), err, test.want)
			}
		})
	}
}

func parseDeviceText(t *testing.T, text string) []byte {
	b, err := DecodeBase64(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDHStats(t *testing.T) {
	c, err := New(Config{DHCacheSize: 2})
	if err != nil {
		t.Fatal(err)
	}
	pair := func() KeyPair {
		p, err := c.Best().GenerateKeyPair()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	own := pair()
	peers := []KeyPair{pair(), pair(), pair()}
	for i, step := range []struct {
		peer int
		want DHStats
	}{
		{0, DHStats{Misses: 1}},
		{0, DHStats{Hits: 1, Misses: 1}},
		{1, DHStats{Hits: 1, Misses: 2}},
		{2, DHStats{Hits: 1, Misses: 3, Evicted: 1}},
		{1, DHStats{Hits: 2, Misses: 3, Evicted: 1}},
		{0, DHStats{Hits: 2, Misses: 4, Evicted: 2}},
	} {
		if _, err := c.CachedDH(peers[step.peer].Public, own.Secret); err != nil {
			t.Fatal(err)
		}
		if got := c.DHStats(); got != step.want {
			t.Errorf("step %d: %+v, want %+v", i, got, step.want)
		}
	}
}
