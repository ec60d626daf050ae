package crypto

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
)

// vector is one recorded operation of a real node; see testdata/README.md.
type vector struct {
	Name       string
	Op         string
	CSOp       string                     `json:"cs_op"`
	Params     map[string]json.RawMessage `json:"params"`
	Value      json.RawMessage            `json:"value"`
	Error      *struct{ Kind, Message string }
	Closed     bool
	Note       string
	Public     string
	Secret     string
	KeyPair    string `json:"key_pair"`
	KEMKeyPair string `json:"kem_key_pair"`
}

// call runs one vector; the first error of a parameter or of the operation stays.
type call struct {
	t   *testing.T
	v   vector
	c   *Crypto
	err error
}

func (c *call) text(name string) string {
	c.t.Helper()
	var s string
	raw, ok := c.v.Params[name]
	if !ok {
		c.t.Fatalf("no parameter %q", name)
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		c.t.Fatal(err)
	}
	return s
}

func (c *call) bytes(name string) []byte {
	c.t.Helper()
	raw := string(c.v.Params[name])
	if raw == "null" {
		return nil
	}
	if raw == `{"bytes": "i % 251 for i in 0..39999"}` {
		b := make([]byte, 40000)
		for i := range b {
			b[i] = byte(i % 251)
		}
		return b
	}
	b, err := DecodeBase64(c.text(name))
	c.keep(err)
	return b
}

func (c *call) keep(err error) {
	if c.err == nil {
		c.err = err
	}
}

func arg[T any, P textSettable[T]](c *call, name string) T {
	c.t.Helper()
	v, err := Parse[T, P](c.text(name))
	c.keep(err)
	return v
}

func list[T any, P textSettable[T]](c *call, name string) []T {
	c.t.Helper()
	var texts []string
	if err := json.Unmarshal(c.v.Params[name], &texts); err != nil {
		c.t.Fatal(err)
	}
	var values []T
	for _, text := range texts {
		v, err := Parse[T, P](text)
		c.keep(err)
		values = append(values, v)
	}
	return values
}

// do gives the result in the form of the vectors. Operations are only reached with
// parameters that parse: elsewhere the value would be unused.
func (c *call) do() any {
	s := c.c.Best()
	switch c.v.CSOp + c.v.Op {
	case "SharedSecretLength":
		return s.Lengths().SharedSecret
	case "NonceLength":
		return s.Lengths().Nonce
	case "HashDigestLength":
		return s.Lengths().HashDigest
	case "PublicKeyLength":
		return s.Lengths().PublicKey
	case "SecretKeyLength":
		return s.Lengths().SecretKey
	case "EncapsulationKeyLength":
		return s.Lengths().EncapsulationKey
	case "DecapsulationKeyLength":
		return s.Lengths().DecapsulationKey
	case "SignatureLength":
		return s.Lengths().Signature
	case "DefaultSaltLength":
		return s.Lengths().DefaultSalt
	case "AeadOverhead":
		return s.Lengths().AEADOverhead
	case "ValidateKeyPair":
		return result(c, func() (bool, error) {
			return s.ValidateKeyPair(KeyPair{arg[PublicKey](c, "key"), arg[SecretKey](c, "secret")})
		})
	case "ComputeDh", "CachedDh":
		public, secret := arg[PublicKey](c, "key"), arg[SecretKey](c, "secret")
		return result(c, func() (string, error) {
			if c.v.CSOp == "CachedDh" {
				dh, err := c.c.CachedDH(public, secret)
				return dh.Text(), err
			}
			dh, err := s.ComputeDH(public, secret)
			return dh.Text(), err
		})
	case "GenerateSharedSecret":
		public, secret, domain := arg[PublicKey](c, "key"), arg[SecretKey](c, "secret"), c.bytes("domain")
		return result(c, func() (string, error) {
			dh, err := s.GenerateSharedSecret(public, secret, domain)
			return dh.Text(), err
		})
	case "GenerateHash":
		d := s.Hash(c.bytes("data"))
		streamed, err := s.HashReader(bytes.NewReader(c.bytes("data")))
		if err != nil || streamed != d {
			c.t.Errorf("HashReader = %v, %v, want %v", streamed, err, d)
		}
		return d.String()
	case "ValidateHash":
		digest := arg[HashDigest](c, "hash_digest")
		return result(c, func() (bool, error) { return s.ValidateHash(c.bytes("data"), digest) })
	case "Sign":
		pair := KeyPair{arg[PublicKey](c, "key"), arg[SecretKey](c, "secret")}
		return result(c, func() (string, error) {
			sig, err := s.Sign(pair, c.bytes("data"))
			return sig.String(), err
		})
	case "Verify":
		public, sig := arg[PublicKey](c, "key"), arg[Signature](c, "signature")
		return result(c, func() (bool, error) { return s.Verify(public, c.bytes("data"), sig) })
	case "EncryptAead", "DecryptAead":
		key := arg[SharedSecret](c, "shared_secret")
		nonce, err := ParseNonce(c.text("nonce"))
		c.keep(err)
		body, ad := c.bytes("body"), c.bytes("associated_data")
		return result(c, func() (string, error) {
			f := s.SealAEAD
			if c.v.CSOp == "DecryptAead" {
				f = s.OpenAEAD
			}
			out, err := f(nil, key, nonce, body, ad)
			return EncodeBase64(out), err
		})
	case "CryptNoAuth":
		key := arg[SharedSecret](c, "shared_secret")
		nonce, err := ParseNonce(c.text("nonce"))
		c.keep(err)
		body := c.bytes("body")
		return result(c, func() (string, error) {
			err := s.CryptNoAuth(body, body, key, nonce)
			return EncodeBase64(body), err
		})
	case "HashPassword":
		return result(c, func() (string, error) { return s.HashPassword(c.bytes("password"), c.bytes("salt")) })
	case "DeriveSharedSecret":
		return result(c, func() (string, error) {
			secret, err := s.DeriveSharedSecret(c.bytes("password"), c.bytes("salt"))
			return secret.Text(), err
		})
	case "VerifyPassword":
		return result(c, func() (bool, error) {
			return s.VerifyPassword(c.bytes("password"), c.text("password_hash"))
		})
	case "EncapsulationKeyFromSigningKey":
		public := arg[PublicKey](c, "key")
		return result(c, func() (string, error) {
			key, err := s.EncapsulationKeyOf(public)
			return key.String(), err
		})
	case "DecapsulationKeyFromSigningSecret":
		secret := arg[SecretKey](c, "secret")
		return result(c, func() (string, error) {
			key, err := s.DecapsulationKeyOf(secret)
			return key.Text(), err
		})
	case "HpkeSeal":
		recipient := arg[EncapsulationKey](c, "recipient")
		return result(c, func() (string, error) {
			blob, err := s.SealHPKE(nil, recipient, c.bytes("aad"), c.bytes("plaintext"))
			return EncodeBase64(blob), err
		})
	case "HpkeOpen":
		secret := arg[DecapsulationKey](c, "secret")
		return result(c, func() (string, error) {
			plain, err := s.OpenHPKE(nil, secret, c.bytes("aad"), c.bytes("sealed"))
			return EncodeBase64(plain), err
		})
	case "CheckSharedSecret":
		v := arg[SharedSecret](c, "secret")
		c.keep(v.check(KindVLD0))
		return nil
	case "CheckNonce":
		_, err := ParseNonce(c.text("nonce"))
		c.keep(err)
		return nil
	case "CheckHashDigest":
		c.keep(arg[HashDigest](c, "digest").check(KindVLD0))
		return nil
	case "CheckPublicKey":
		c.keep(arg[PublicKey](c, "key").check(KindVLD0))
		return nil
	case "CheckSecretKey":
		v := arg[SecretKey](c, "key")
		c.keep(v.check(KindVLD0))
		return nil
	case "CheckSignature":
		c.keep(arg[Signature](c, "signature").check(KindVLD0))
		return nil
	case "GenerateSignatures":
		pairs := list[KeyPair](c, "key_pairs")
		return result(c, func() (any, error) {
			sigs, err := c.c.GenerateSignatures(c.bytes("data"), pairs)
			return append([]Signature{}, sigs...), err
		})
	case "VerifySignatures":
		keys, sigs := list[PublicKey](c, "node_ids"), list[Signature](c, "signatures")
		return result(c, func() (any, error) {
			verified, valid, err := c.c.VerifySignatures(keys, c.bytes("data"), sigs)
			if !valid {
				return nil, err
			}
			return append([]PublicKey{}, verified...), err
		})
	}
	c.t.Fatalf("operation %q is not covered", c.v.CSOp+c.v.Op)
	return nil
}

func result[T any](c *call, f func() (T, error)) any {
	if c.err != nil {
		return nil
	}
	v, err := f()
	c.keep(err)
	return v
}

func TestVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/crypto.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 290 {
		t.Fatalf("only %d vectors", len(vectors))
	}
	c := newCrypto(t)
	for i, v := range vectors {
		t.Run(fmt.Sprintf("%d %s", i, v.Name), func(t *testing.T) {
			if v.KeyPair != "" {
				checkPairVector(t, c, v)
				return
			}
			if v.KEMKeyPair != "" {
				pair, err := Parse[KEMKeyPair](v.KEMKeyPair)
				if err != nil || pair.Text() != v.KEMKeyPair {
					t.Errorf("parse %q: %v", v.KEMKeyPair, err)
				}
				return
			}
			run := &call{t: t, v: v, c: c}
			got := run.do()
			switch {
			case v.Closed:
				if !errors.Is(run.err, ErrFormat) && !errors.Is(run.err, ErrBase64) {
					t.Errorf("error %v, want a syntax fault", run.err)
				}
			case v.Error != nil:
				if run.err == nil {
					t.Errorf("got %v, want error %+v", got, v.Error)
				}
				want := wantError(v.Error.Message)
				if want == ErrKind && v.CSOp == "CachedDh" && errors.Is(run.err, ErrUnsupported) {
					return // ours finds the cryptosystem by the kind of the public key
				}
				if want != nil && !errors.Is(run.err, want) {
					t.Errorf("error %v, want %v for %q", run.err, want, v.Error.Message)
				}
			case run.err != nil:
				t.Errorf("error %v, want %s", run.err, v.Value)
			case v.CSOp == "HpkeSeal": // random; the opening of our own is tested elsewhere
				if len(got.(string)) != len(v.Value)-2 {
					t.Errorf("blob of %d characters, want %d", len(got.(string)), len(v.Value)-2)
				}
			default:
				text, err := json.Marshal(got)
				if err != nil {
					t.Fatal(err)
				}
				if !sameJSON(t, text, v.Value) {
					t.Errorf("got %s, want %s", text, v.Value)
				}
			}
		})
	}
}

// wantError finds the error that stands for a message of the real node.
func wantError(message string) error {
	for _, m := range []struct {
		part string
		err  error
	}{
		{"length", nil}, // told apart below
		{"invalid salt length", ErrSalt},
		{"not contributory", ErrWeakKey},
		{"Encapsulation failed", ErrWeakKey},
		{"Decapsulation failed", ErrWeakKey},
		{"Failed to open", ErrAuth},
		{"aead error", ErrAuth},
		{"Keypair is invalid", ErrKeyPair},
		{"Public key is invalid", ErrPoint},
		{"password hash string", ErrPasswordHash},
		{"salt too short", ErrPasswordHash},
		{"invalid Base64", ErrPasswordHash},
		{"sealed blob is truncated", ErrSealed},
		{"unsupported hpke version", ErrSealed},
		{"incorrect ", ErrKind},
	} {
		if bytes.Contains([]byte(message), []byte(m.part)) && m.err != nil {
			return m.err
		}
	}
	if bytes.Contains([]byte(message), []byte("length")) {
		return ErrLength
	}
	return nil
}

func checkPairVector(t *testing.T, c *Crypto, v vector) {
	pair, err := Parse[KeyPair](v.KeyPair)
	if err != nil {
		t.Fatal(err)
	}
	if pair.Public.String() != v.Public || pair.Secret.Text() != v.Secret || pair.Text() != v.KeyPair {
		t.Errorf("pair %q came back as %q", v.KeyPair, pair.Text())
	}
	// Generation from the same seed gives the same pair.
	seeded, err := New(Config{Rand: bytes.NewReader(slices.Clone(pair.Secret.SecretBytes()))})
	if err != nil {
		t.Fatal(err)
	}
	made, err := seeded.Best().GenerateKeyPair()
	if err != nil || !made.Equal(pair) {
		t.Errorf("GenerateKeyPair = %v, %v, want %v", made, err, pair)
	}
}

func sameJSON(t *testing.T, a, b []byte) bool {
	var x, y bytes.Buffer
	if err := json.Compact(&x, a); err != nil {
		t.Fatal(err)
	}
	if len(b) == 0 {
		b = []byte("null")
	}
	if err := json.Compact(&y, b); err != nil {
		t.Fatal(err)
	}
	return bytes.Equal(x.Bytes(), y.Bytes())
}

func newCrypto(t testing.TB, kinds ...Kind) *Crypto {
	c, err := New(Config{Kinds: kinds})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
