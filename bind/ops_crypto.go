package bind

import (
	"cmp"
	"context"

	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/crypto"
)

// maxRandom bounds RandomBytes; a longer answer would not fit a line that
// clients take.
const maxRandom = 1 << 20

// defaultPasswords is how many passwords may be hashed at once: each takes 19 MiB
// and a core for a while.
const defaultPasswords = 2

func (c *Client) systemTable() *handles[crypto.System] { return &c.systems }

// The operations on keys that concern no node (spec 07 §2.5, §5.5).
func (a *API) addCryptoOps() {
	t := a.ops
	t.op("GetCryptoSystem", gives[uint32](), func(p *params) run {
		k := req(p, "kind", kind())
		return func(_ context.Context, c *Client) (any, error) {
			sys, err := a.crypto.Get(k)
			if err != nil {
				return nil, &core.Error{Kind: core.InvalidArgument, Context: "unsupported cryptosystem", Argument: "kind", Value: k.String()}
			}
			return c.systems.add(sys), nil
		}
	})
	t.op("GenerateKeyPair", gives[jsonapi.KeyPair](), func(p *params) run {
		k := req(p, "kind", kind())
		return func(context.Context, *Client) (any, error) {
			sys, err := a.crypto.Get(k)
			if err != nil {
				return nil, generic("invalid crypto kind")
			}
			pair, err := sys.GenerateKeyPair()
			return pair.Text(), err
		}
	})
	t.op("GenerateSignatures", gives[[]crypto.Signature](), func(p *params) run {
		message, pairs := req(p, "data", payload()), req(p, "key_pairs", list(pair()))
		return func(context.Context, *Client) (any, error) {
			known, err := values(supported(a.crypto, pairs))
			if err != nil {
				return nil, err
			}
			signatures, err := a.crypto.GenerateSignatures(message, known)
			return notNil(signatures), cryptoError(err)
		}
	})
	t.op("VerifySignatures", gives[[]crypto.PublicKey]().orNull(), func(p *params) run {
		keys, message := req(p, "node_ids", list(key[crypto.PublicKey]())), req(p, "data", payload())
		signatures := req(p, "signatures", list(key[crypto.Signature]()))
		return func(context.Context, *Client) (any, error) {
			publics, err := values(supported(a.crypto, keys))
			if err != nil {
				return nil, err
			}
			list, err := values(supported(a.crypto, signatures))
			if err != nil {
				return nil, err
			}
			verified, valid, err := a.crypto.VerifySignatures(publics, message, list)
			switch {
			case err != nil:
				return nil, cryptoError(err)
			case !valid:
				return nil, nil
			}
			return notNil([]crypto.PublicKey(verified)), nil
		}
	})
	t.op("GenerateMemberId", gives[crypto.MemberID](), func(p *params) run {
		k := req(p, "writer_key", key[crypto.PublicKey]())
		return func(context.Context, *Client) (any, error) {
			if !a.crypto.Kinds().Contains(k.kind) {
				return nil, generic("unsupported crypto kind")
			}
			public, err := k.get()
			return crypto.MemberID(public), err
		}
	})
	m := addFamily(t, jsonapi.CryptoSystem, (*Client).systemTable)
	m.release(nil)
	addLengthOps(m)
	addCheckOps(m)
	addKeyOps(m)
	addCipherOps(m)
	addHPKEOps(m)
	a.addPasswordOps(m)
}

// supported leaves out keys of kinds that are not known here, whatever length
// they have (spec 07 §2.5).
func supported[T any](c *crypto.Crypto, list []keyText[T]) (known []keyText[T]) {
	for _, k := range list {
		if c.Kinds().Contains(k.kind) {
			known = append(known, k)
		}
	}
	return known
}

type system = method[crypto.System]

func addLengthOps(m methods[crypto.System]) {
	m.op("Kind", gives[crypto.Kind]().always(), noMethodParams(func(_ context.Context, _ *Client, s crypto.System) (any, error) { return s.Kind(), nil }))
	for name, of := range map[string]func(crypto.Lengths) int{
		"SharedSecretLength":     func(l crypto.Lengths) int { return l.SharedSecret },
		"NonceLength":            func(l crypto.Lengths) int { return l.Nonce },
		"HashDigestLength":       func(l crypto.Lengths) int { return l.HashDigest },
		"PublicKeyLength":        func(l crypto.Lengths) int { return l.PublicKey },
		"SecretKeyLength":        func(l crypto.Lengths) int { return l.SecretKey },
		"SignatureLength":        func(l crypto.Lengths) int { return l.Signature },
		"EncapsulationKeyLength": func(l crypto.Lengths) int { return l.EncapsulationKey },
		"DecapsulationKeyLength": func(l crypto.Lengths) int { return l.DecapsulationKey },
		"DefaultSaltLength":      func(l crypto.Lengths) int { return l.DefaultSalt },
		"AeadOverhead":           func(l crypto.Lengths) int { return l.AEADOverhead },
	} {
		m.op(name, gives[uint32]().always(), noMethodParams(func(_ context.Context, _ *Client, s crypto.System) (any, error) { return of(s.Lengths()), nil }))
	}
}

// fits is the value of a key whose kind and length must be those of a system.
func fits[T any](s crypto.System, k keyText[T], what string) (T, error) {
	if k.kind != s.Kind() {
		return k.value, generic("incorrect " + what + " kind")
	}
	return k.get()
}

func addCheckOps(m methods[crypto.System]) {
	addCheck[crypto.SharedSecret](m, "CheckSharedSecret", "secret", "shared secret")
	addCheck[crypto.HashDigest](m, "CheckHashDigest", "digest", "hash digest")
	addCheck[crypto.PublicKey](m, "CheckPublicKey", "key", "public key")
	addCheck[crypto.SecretKey](m, "CheckSecretKey", "key", "secret key")
	addCheck[crypto.Signature](m, "CheckSignature", "signature", "signature")
	m.op("CheckNonce", gives[null](), func(p *params) system {
		k := req(p, "nonce", nonce())
		return func(context.Context, *Client, crypto.System) (any, error) {
			_, err := k.get()
			return nil, err
		}
	})
}

func addCheck[T any, P textValue[T]](m methods[crypto.System], name, field, what string) {
	m.op(name, gives[null](), func(p *params) system {
		k := req(p, field, key[T, P]())
		return func(_ context.Context, _ *Client, s crypto.System) (any, error) {
			_, err := fits(s, k, what)
			return nil, err
		}
	})
}

// keyPairOf joins two keys that came apart.
func keyPairOf(s crypto.System, public keyText[crypto.PublicKey], secret keyText[crypto.SecretKey]) (pair crypto.KeyPair, err error) {
	if pair.Public, err = fits(s, public, "public key"); err != nil {
		return pair, err
	}
	pair.Secret, err = fits(s, secret, "secret key")
	return pair, err
}

// dhLength is the error of the operations that do not look at the kind of their
// keys (spec 07 §2.5).
func dhLength(faults ...*crypto.LengthError) error {
	for _, e := range faults {
		if e != nil {
			return &core.Error{Kind: core.Internal, Message: lengthText(e)}
		}
	}
	return nil
}

// addKeyOps adds what makes keys, agrees on keys, signs and hashes.
func addKeyOps(m methods[crypto.System]) {
	m.op("GenerateKeyPair", gives[jsonapi.KeyPair]().always(), noMethodParams(func(_ context.Context, _ *Client, s crypto.System) (any, error) {
		pair, err := s.GenerateKeyPair()
		return pair.Text(), err
	}))
	m.op("CachedDh", gives[jsonapi.SharedSecret](), func(p *params) system {
		k, x := req(p, "key", key[crypto.PublicKey]()), req(p, "secret", key[crypto.SecretKey]())
		return func(_ context.Context, c *Client, s crypto.System) (any, error) {
			pair, err := keyPairOf(s, k, x)
			if err != nil {
				return nil, err
			}
			secret, err := c.api.crypto.CachedDH(pair.Public, pair.Secret)
			return secret.Text(), dhError(err)
		}
	})
	m.op("ComputeDh", gives[jsonapi.SharedSecret](), func(p *params) system {
		k, x := req(p, "key", key[crypto.PublicKey]()), req(p, "secret", key[crypto.SecretKey]())
		return func(_ context.Context, _ *Client, s crypto.System) (any, error) {
			if err := dhLength(k.length, x.length); err != nil {
				return nil, err
			}
			secret, err := s.ComputeDH(k.value, x.value)
			return secret.Text(), dhError(err)
		}
	})
	m.op("GenerateSharedSecret", gives[jsonapi.SharedSecret](), func(p *params) system {
		k, x := req(p, "key", key[crypto.PublicKey]()), req(p, "secret", key[crypto.SecretKey]())
		domain := req(p, "domain", payload())
		return func(_ context.Context, _ *Client, s crypto.System) (any, error) {
			if err := dhLength(k.length, x.length); err != nil {
				return nil, err
			}
			secret, err := s.GenerateSharedSecret(k.value, x.value, domain)
			return secret.Text(), dhError(err)
		}
	})
	m.op("ValidateKeyPair", gives[bool](), func(p *params) system {
		k, x := req(p, "key", key[crypto.PublicKey]()), req(p, "secret", key[crypto.SecretKey]())
		return func(_ context.Context, _ *Client, s crypto.System) (any, error) {
			pair, err := keyPairOf(s, k, x)
			if err != nil {
				return nil, err
			}
			ok, err := s.ValidateKeyPair(pair)
			return ok, cryptoError(err)
		}
	})
	m.op("Sign", gives[crypto.Signature](), func(p *params) system {
		k, x := req(p, "key", key[crypto.PublicKey]()), req(p, "secret", key[crypto.SecretKey]())
		message := req(p, "data", payload())
		return func(_ context.Context, _ *Client, s crypto.System) (any, error) {
			pair, err := keyPairOf(s, k, x)
			if err != nil {
				return nil, err
			}
			signature, err := s.Sign(pair, message)
			return signature, cryptoError(err)
		}
	})
	m.op("Verify", gives[bool](), func(p *params) system {
		k, message, g := req(p, "key", key[crypto.PublicKey]()), req(p, "data", payload()), req(p, "signature", key[crypto.Signature]())
		return func(_ context.Context, _ *Client, s crypto.System) (any, error) {
			public, err := fits(s, k, "public key")
			if err != nil {
				return nil, err
			}
			signature, err := fits(s, g, "signature")
			if err != nil {
				return nil, err
			}
			ok, err := s.Verify(public, message, signature)
			return ok, verifyError(err, public)
		}
	})
	m.op("GenerateHash", gives[crypto.HashDigest]().always(), func(p *params) system {
		b := req(p, "data", payload())
		return func(_ context.Context, _ *Client, s crypto.System) (any, error) { return s.Hash(b), nil }
	})
	m.op("ValidateHash", gives[bool](), func(p *params) system {
		b, k := req(p, "data", payload()), req(p, "hash_digest", key[crypto.HashDigest]())
		return func(_ context.Context, _ *Client, s crypto.System) (any, error) {
			digest, err := fits(s, k, "hash digest")
			if err != nil {
				return nil, err
			}
			ok, err := s.ValidateHash(b, digest)
			return ok, cryptoError(err)
		}
	})
}

// addCipherOps adds random values and the ciphers.
func addCipherOps(m methods[crypto.System]) {
	m.op("RandomBytes", gives[jsonapi.Bytes]().always(), func(p *params) system {
		n := req(p, "len", u32())
		return func(_ context.Context, _ *Client, s crypto.System) (any, error) {
			if n > maxRandom {
				return nil, generic("at most 1048576 random bytes at once")
			}
			b := make(data, n)
			return b, s.RandomBytes(b)
		}
	})
	m.op("RandomNonce", gives[crypto.Nonce]().always(), noMethodParams(func(_ context.Context, _ *Client, s crypto.System) (any, error) {
		n, err := s.RandomNonce()
		return n.String(), err
	}))
	m.op("RandomSharedSecret", gives[jsonapi.SharedSecret]().always(), noMethodParams(func(_ context.Context, _ *Client, s crypto.System) (any, error) {
		secret, err := s.RandomSharedSecret()
		return secret.Text(), err
	}))
	addCipher(m, "EncryptAead", true, func(s crypto.System, n crypto.Nonce, x crypto.SharedSecret, body, ad []byte) ([]byte, error) {
		return s.SealAEAD(nil, x, n, body, ad)
	})
	addCipher(m, "DecryptAead", true, func(s crypto.System, n crypto.Nonce, x crypto.SharedSecret, body, ad []byte) ([]byte, error) {
		return s.OpenAEAD(nil, x, n, body, ad)
	})
	addCipher(m, "CryptNoAuth", false, func(s crypto.System, n crypto.Nonce, x crypto.SharedSecret, body, _ []byte) ([]byte, error) {
		return body, s.CryptNoAuth(body, body, x, n)
	})
}

func addCipher(m methods[crypto.System], name string, withAD bool,
	do func(s crypto.System, n crypto.Nonce, x crypto.SharedSecret, body, ad []byte) ([]byte, error)) {
	m.op(name, gives[jsonapi.Bytes](), func(p *params) system {
		body, n, x := req(p, "body", payload()), req(p, "nonce", nonce()), req(p, "shared_secret", key[crypto.SharedSecret]())
		var ad []byte
		if withAD { // optional in the published schema, and so here (spec 07 §5.6)
			if given := opt(p, "associated_data", payload()); given != nil {
				ad = *given
			}
		}
		return func(_ context.Context, _ *Client, s crypto.System) (any, error) {
			secret, err := fits(s, x, "shared secret")
			if err != nil {
				return nil, err
			}
			once, err := n.get()
			if err != nil {
				return nil, err
			}
			out, err := do(s, once, secret, body, ad)
			return data(out), cryptoError(err)
		}
	})
}

// addHPKEOps adds the sealed boxes (spec 01 §4.11).
func addHPKEOps(m methods[crypto.System]) {
	m.op("GenerateKemKeyPair", gives[jsonapi.KEMKeyPair]().always(), noMethodParams(func(_ context.Context, _ *Client, s crypto.System) (any, error) {
		pair, err := s.GenerateKEMKeyPair()
		return pair.Text(), err
	}))
	m.op("EncapsulationKeyFromSigningKey", gives[crypto.EncapsulationKey](), func(p *params) system {
		k := req(p, "key", key[crypto.PublicKey]())
		return func(_ context.Context, _ *Client, s crypto.System) (any, error) {
			const context, argument = "encapsulation_key_from_signing_key", "key"
			if k.length != nil {
				return nil, invalidArgument(context, argument, "Internal: "+lengthText(k.length))
			}
			e, err := s.EncapsulationKeyOf(k.value)
			if err != nil {
				return nil, invalidArgument(context, argument, "Internal: invalid key")
			}
			return e, nil
		}
	})
	m.op("DecapsulationKeyFromSigningSecret", gives[jsonapi.DecapsulationKey](), func(p *params) system {
		k := req(p, "secret", key[crypto.SecretKey]())
		return func(_ context.Context, _ *Client, s crypto.System) (any, error) {
			if k.length != nil {
				return nil, invalidArgument("decapsulation_key_from_signing_secret", "secret", "Internal: "+lengthText(k.length))
			}
			d, err := s.DecapsulationKeyOf(k.value)
			return d.Text(), cryptoError(err)
		}
	})
	m.op("HpkeSeal", gives[jsonapi.Bytes](), func(p *params) system {
		k, ad, body := req(p, "recipient", key[crypto.EncapsulationKey]()), req(p, "aad", payload()), req(p, "plaintext", payload())
		return func(_ context.Context, _ *Client, s crypto.System) (any, error) {
			if k.length != nil {
				return nil, invalidArgument("hpke_seal", "recipient", "invalid key")
			}
			sealed, err := s.SealHPKE(nil, k.value, ad, body)
			return data(sealed), sealError(err)
		}
	})
	m.op("HpkeOpen", gives[jsonapi.Bytes](), func(p *params) system {
		k, ad, sealed := req(p, "secret", key[crypto.DecapsulationKey]()), req(p, "aad", payload()), req(p, "sealed", payload())
		return func(_ context.Context, _ *Client, s crypto.System) (any, error) {
			if k.length != nil {
				return nil, invalidArgument("hpke_open", "secret", "invalid key")
			}
			body, err := s.OpenHPKE(nil, k.value, ad, sealed)
			return data(body), openError(err, sealed)
		}
	})
}

// addPasswordOps adds the slow ones, which wait for each other.
func (a *API) addPasswordOps(m methods[crypto.System]) {
	slots := make(chan struct{}, cmp.Or(a.opts.Passwords, defaultPasswords))
	inTurn := func(do system) system {
		return func(ctx context.Context, c *Client, s crypto.System) (any, error) {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			defer func() { <-slots }()
			return do(ctx, c, s)
		}
	}
	m.op("HashPassword", gives[string](), func(p *params) system {
		password, salt := req(p, "password", payload()), req(p, "salt", payload())
		return inTurn(func(_ context.Context, _ *Client, s crypto.System) (any, error) {
			hash, err := s.HashPassword(password, salt)
			return hash, cryptoError(err)
		})
	})
	m.op("VerifyPassword", gives[bool](), func(p *params) system {
		password, hash := req(p, "password", payload()), req(p, "password_hash", text())
		return inTurn(func(_ context.Context, _ *Client, s crypto.System) (any, error) {
			ok, err := s.VerifyPassword(password, hash)
			return ok, passwordError(err, hash)
		})
	})
	m.op("DeriveSharedSecret", gives[jsonapi.SharedSecret](), func(p *params) system {
		password, salt := req(p, "password", payload()), req(p, "salt", payload())
		return inTurn(func(_ context.Context, _ *Client, s crypto.System) (any, error) {
			secret, err := s.DeriveSharedSecret(password, salt)
			return secret.Text(), cryptoError(err)
		})
	})
}
