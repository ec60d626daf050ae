package crypto

import "io"

// System is one cryptosystem. Every method checks that its typed arguments are of
// this kind and fails with a [KindError] if not, except where it says otherwise
// (spec 01 §3). Methods may be called from any goroutine; none keeps a slice.
type System interface {
	Kind() Kind
	Lengths() Lengths

	// RandomBytes fills b. RandomNonce, RandomSharedSecret, GenerateKeyPair and
	// GenerateKEMKeyPair take their bytes from the same reader; all fail only if it does.
	RandomBytes(b []byte) error
	RandomNonce() (Nonce, error)
	RandomSharedSecret() (SharedSecret, error)

	GenerateKeyPair() (KeyPair, error)
	// ValidateKeyPair reports whether the two belong together.
	ValidateKeyPair(pair KeyPair) (bool, error)

	// ComputeDH is the key agreement (spec 01 §4.3); the result is the same for both
	// sides. Like the peers it does not look at the kinds of its keys; [Crypto.CachedDH]
	// does. Errors: ErrPoint, ErrWeakKey.
	ComputeDH(public PublicKey, secret SecretKey) (SharedSecret, error)
	// GenerateSharedSecret is ComputeDH bound to an application's domain (spec 01 §4.4).
	GenerateSharedSecret(public PublicKey, secret SecretKey, domain []byte) (SharedSecret, error)

	Hash(data []byte) HashDigest
	// HashReader hashes a stream to its end.
	HashReader(r io.Reader) (HashDigest, error)
	ValidateHash(data []byte, digest HashDigest) (bool, error)

	// Sign checks the pair, signs, and is for single signatures; see NewSigner.
	// Errors: ErrKeyPair.
	Sign(pair KeyPair, data []byte) (Signature, error)
	// NewSigner checks the pair once and precomputes what it can.
	NewSigner(pair KeyPair) (Signer, error)
	// Verify is strict (spec 01 §4.6): a signature that fails in any way is false, a
	// public key that is no point is ErrPoint.
	Verify(public PublicKey, data []byte, signature Signature) (bool, error)

	// SealAEAD appends the encrypted body and its tag to dst. To encrypt in place use
	// body[:0] as dst. ad may be nil.
	SealAEAD(dst []byte, key SharedSecret, nonce Nonce, body, ad []byte) ([]byte, error)
	// OpenAEAD appends the body to dst, or fails with ErrAuth.
	OpenAEAD(dst []byte, key SharedSecret, nonce Nonce, sealed, ad []byte) ([]byte, error)
	// CryptNoAuth XORs src with the key stream into dst; both directions are the same.
	// dst and src have the same length (else ErrLength) and are the same memory or
	// do not overlap.
	CryptNoAuth(dst, src []byte, key SharedSecret, nonce Nonce) error

	// DeriveSharedSecret derives a key from a password (spec 01 §4.9). Slow and
	// hungry of memory on purpose. Errors: ErrSalt.
	DeriveSharedSecret(password, salt []byte) (SharedSecret, error)
	// HashPassword gives a text that VerifyPassword can check. Errors: ErrSalt.
	HashPassword(password, salt []byte) (string, error)
	// VerifyPassword: errors are ErrPasswordHash and ErrPasswordCost.
	VerifyPassword(password []byte, hash string) (bool, error)

	GenerateKEMKeyPair() (KEMKeyPair, error)
	// EncapsulationKeyOf and DecapsulationKeyOf convert signing keys (spec 01 §4.11).
	// They do not look at the kind of the key.
	EncapsulationKeyOf(public PublicKey) (EncapsulationKey, error)
	DecapsulationKeyOf(secret SecretKey) (DecapsulationKey, error)
	// SealHPKE appends a blob that only the holder of the decapsulation key opens.
	// It does not look at the kind of the recipient. Errors: ErrWeakKey.
	SealHPKE(dst []byte, recipient EncapsulationKey, ad, plaintext []byte) ([]byte, error)
	// OpenHPKE appends the plaintext. Errors: ErrSealed, KindError for a blob of
	// another kind, ErrWeakKey, ErrAuth.
	OpenHPKE(dst []byte, secret DecapsulationKey, ad, sealed []byte) ([]byte, error)
}

// Signer signs with one key pair. It may be used from any goroutine.
type Signer interface {
	PublicKey() PublicKey
	Sign(data []byte) Signature
}

// Lengths are the sizes of a cryptosystem in bytes (spec 01 §2.1).
type Lengths struct {
	SharedSecret, Nonce, HashDigest            int
	PublicKey, SecretKey, Signature            int
	EncapsulationKey, DecapsulationKey         int
	AEADOverhead, DefaultSalt, HPKEEncapsulate int
}
