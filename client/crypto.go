package client

import (
	"context"

	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/core/crypto"
)

// CryptoSystem is the cryptography of one kind, done by the node (spec 07 §2.5).
// Programs in Go can do the same without a round trip: see package core/crypto. It
// survives a lost connection.
type CryptoSystem struct{ *handle }

type kindParams struct {
	Kind crypto.Kind `json:"kind"`
}

// GetCryptoSystem is the cryptography of a kind, such as crypto.KindVLD0.
func (c *Client) GetCryptoSystem(ctx context.Context, kind crypto.Kind) (*CryptoSystem, error) {
	const op = "GetCryptoSystem"
	get := func(ctx context.Context, conn *conn) (uint32, error) {
		return cryptoSystems.create(ctx, conn, op, opHead(op), kindParams{kind})
	}
	conn, err := c.current(op)
	if err != nil {
		return nil, err
	}
	id, err := get(ctx, conn)
	if err != nil {
		return nil, err
	}
	return &CryptoSystem{newHandle(c, cryptoSystems, conn, id, get)}, nil
}

// GenerateKeyPair makes a signing key pair of a kind.
func (c *Client) GenerateKeyPair(ctx context.Context, kind crypto.Kind) (KeyPair, error) {
	return call[KeyPair](ctx, c, "GenerateKeyPair", kindParams{kind})
}

// GenerateSignatures signs with several key pairs.
func (c *Client) GenerateSignatures(ctx context.Context, data []byte, pairs []KeyPair) ([]crypto.Signature, error) {
	return call[[]crypto.Signature](ctx, c, "GenerateSignatures", struct {
		Data  jsonapi.Bytes `json:"data"`
		Pairs []KeyPair     `json:"key_pairs"`
	}{data, notNil(pairs)})
}

// VerifySignatures checks signatures by several keys. valid is false if one of them
// is wrong; otherwise keys are those that could be checked.
func (c *Client) VerifySignatures(ctx context.Context, keys []crypto.PublicKey, data []byte, signatures []crypto.Signature) (checked []crypto.PublicKey, valid bool, err error) {
	list, err := call[*[]crypto.PublicKey](ctx, c, "VerifySignatures", struct {
		Keys       []crypto.PublicKey `json:"node_ids"`
		Data       jsonapi.Bytes      `json:"data"`
		Signatures []crypto.Signature `json:"signatures"`
	}{notNil(keys), data, notNil(signatures)})
	if err != nil || list == nil {
		return nil, false, err
	}
	return *list, true, nil
}

// Release gives the system back to the server. It may be called twice.
func (s *CryptoSystem) Release(ctx context.Context) error { return s.release(ctx) }

// Kind is the kind of the system.
func (s *CryptoSystem) Kind(ctx context.Context) (crypto.Kind, error) {
	return on[crypto.Kind](ctx, s.handle, "Kind", nil)
}

type dhParams struct {
	Key    crypto.PublicKey `json:"key"`
	Secret SecretKey        `json:"secret"`
}

// CachedDH agrees on a secret by key exchange; the node remembers it.
func (s *CryptoSystem) CachedDH(ctx context.Context, key crypto.PublicKey, secret SecretKey) (SharedSecret, error) {
	return on[SharedSecret](ctx, s.handle, "CachedDh", dhParams{key, secret})
}

// ComputeDH agrees on a secret by key exchange.
func (s *CryptoSystem) ComputeDH(ctx context.Context, key crypto.PublicKey, secret SecretKey) (SharedSecret, error) {
	return on[SharedSecret](ctx, s.handle, "ComputeDh", dhParams{key, secret})
}

// GenerateSharedSecret agrees on a secret for one purpose, the domain.
func (s *CryptoSystem) GenerateSharedSecret(ctx context.Context, key crypto.PublicKey, secret SecretKey, domain []byte) (SharedSecret, error) {
	return on[SharedSecret](ctx, s.handle, "GenerateSharedSecret", struct {
		dhParams
		Domain jsonapi.Bytes `json:"domain"`
	}{dhParams{key, secret}, domain})
}

// HPKESeal encrypts for the holder of a key (RFC 9180).
func (s *CryptoSystem) HPKESeal(ctx context.Context, recipient crypto.EncapsulationKey, aad, plaintext []byte) ([]byte, error) {
	return on[jsonapi.Bytes](ctx, s.handle, "HpkeSeal", struct {
		Recipient crypto.EncapsulationKey `json:"recipient"`
		AAD       jsonapi.Bytes           `json:"aad"`
		Plaintext jsonapi.Bytes           `json:"plaintext"`
	}{recipient, aad, plaintext})
}

// HPKEOpen decrypts what HPKESeal has made.
func (s *CryptoSystem) HPKEOpen(ctx context.Context, secret DecapsulationKey, aad, sealed []byte) ([]byte, error) {
	return on[jsonapi.Bytes](ctx, s.handle, "HpkeOpen", struct {
		Secret DecapsulationKey `json:"secret"`
		AAD    jsonapi.Bytes    `json:"aad"`
		Sealed jsonapi.Bytes    `json:"sealed"`
	}{secret, aad, sealed})
}

// GenerateKEMKeyPair makes a key pair for HPKE.
func (s *CryptoSystem) GenerateKEMKeyPair(ctx context.Context) (KEMKeyPair, error) {
	return on[KEMKeyPair](ctx, s.handle, "GenerateKemKeyPair", nil)
}

// EncapsulationKeyFromSigningKey makes a key for HPKE of a public signing key.
func (s *CryptoSystem) EncapsulationKeyFromSigningKey(ctx context.Context, key crypto.PublicKey) (crypto.EncapsulationKey, error) {
	return on[crypto.EncapsulationKey](ctx, s.handle, "EncapsulationKeyFromSigningKey", checkKey{key})
}

// DecapsulationKeyFromSigningSecret makes the secret key for HPKE of a signing secret.
func (s *CryptoSystem) DecapsulationKeyFromSigningSecret(ctx context.Context, secret SecretKey) (DecapsulationKey, error) {
	return on[DecapsulationKey](ctx, s.handle, "DecapsulationKeyFromSigningSecret", struct {
		Secret SecretKey `json:"secret"`
	}{secret})
}

// Lengths of the values of the system in bytes.

// EncapsulationKeyLength is the length of an encapsulation key.
func (s *CryptoSystem) EncapsulationKeyLength(ctx context.Context) (int, error) {
	return on[int](ctx, s.handle, "EncapsulationKeyLength", nil)
}

// DecapsulationKeyLength is the length of a decapsulation key.
func (s *CryptoSystem) DecapsulationKeyLength(ctx context.Context) (int, error) {
	return on[int](ctx, s.handle, "DecapsulationKeyLength", nil)
}

// SharedSecretLength is the length of a shared secret.
func (s *CryptoSystem) SharedSecretLength(ctx context.Context) (int, error) {
	return on[int](ctx, s.handle, "SharedSecretLength", nil)
}

// NonceLength is the length of a nonce.
func (s *CryptoSystem) NonceLength(ctx context.Context) (int, error) {
	return on[int](ctx, s.handle, "NonceLength", nil)
}

// HashDigestLength is the length of a digest.
func (s *CryptoSystem) HashDigestLength(ctx context.Context) (int, error) {
	return on[int](ctx, s.handle, "HashDigestLength", nil)
}

// PublicKeyLength is the length of a public key.
func (s *CryptoSystem) PublicKeyLength(ctx context.Context) (int, error) {
	return on[int](ctx, s.handle, "PublicKeyLength", nil)
}

// SecretKeyLength is the length of a secret key.
func (s *CryptoSystem) SecretKeyLength(ctx context.Context) (int, error) {
	return on[int](ctx, s.handle, "SecretKeyLength", nil)
}

// SignatureLength is the length of a signature.
func (s *CryptoSystem) SignatureLength(ctx context.Context) (int, error) {
	return on[int](ctx, s.handle, "SignatureLength", nil)
}

// DefaultSaltLength is the usual length of a salt.
func (s *CryptoSystem) DefaultSaltLength(ctx context.Context) (int, error) {
	return on[int](ctx, s.handle, "DefaultSaltLength", nil)
}

// AEADOverhead is what authenticated encryption adds.
func (s *CryptoSystem) AEADOverhead(ctx context.Context) (int, error) {
	return on[int](ctx, s.handle, "AeadOverhead", nil)
}

// RandomBytes are random bytes of the node.
func (s *CryptoSystem) RandomBytes(ctx context.Context, length uint32) ([]byte, error) {
	return on[jsonapi.Bytes](ctx, s.handle, "RandomBytes", struct {
		Length uint32 `json:"len"`
	}{length})
}

// check runs an operation that has no value.
func (s *CryptoSystem) check(ctx context.Context, sub string, params any) error {
	_, err := on[nothing](ctx, s.handle, sub, params)
	return err
}

type checkKey struct {
	Key crypto.PublicKey `json:"key"`
}

// CheckSharedSecret fails if a secret is not of the system.
func (s *CryptoSystem) CheckSharedSecret(ctx context.Context, secret SharedSecret) error {
	return s.check(ctx, "CheckSharedSecret", struct {
		Secret SharedSecret `json:"secret"`
	}{secret})
}

// CheckNonce fails if a nonce is not of the system.
func (s *CryptoSystem) CheckNonce(ctx context.Context, nonce crypto.Nonce) error {
	return s.check(ctx, "CheckNonce", struct {
		Nonce crypto.Nonce `json:"nonce"`
	}{nonce})
}

// CheckHashDigest fails if a digest is not of the system.
func (s *CryptoSystem) CheckHashDigest(ctx context.Context, digest crypto.HashDigest) error {
	return s.check(ctx, "CheckHashDigest", struct {
		Digest crypto.HashDigest `json:"digest"`
	}{digest})
}

// CheckPublicKey fails if a key is not of the system.
func (s *CryptoSystem) CheckPublicKey(ctx context.Context, key crypto.PublicKey) error {
	return s.check(ctx, "CheckPublicKey", checkKey{key})
}

// CheckSecretKey fails if a key is not of the system.
func (s *CryptoSystem) CheckSecretKey(ctx context.Context, key SecretKey) error {
	return s.check(ctx, "CheckSecretKey", struct {
		Key SecretKey `json:"key"`
	}{key})
}

// CheckSignature fails if a signature is not of the system.
func (s *CryptoSystem) CheckSignature(ctx context.Context, signature crypto.Signature) error {
	return s.check(ctx, "CheckSignature", struct {
		Signature crypto.Signature `json:"signature"`
	}{signature})
}

// HashPassword is a text to keep in place of a password. The salt has 8 to 48 bytes.
func (s *CryptoSystem) HashPassword(ctx context.Context, password, salt []byte) (string, error) {
	return on[string](ctx, s.handle, "HashPassword", passwordParams{password, salt})
}

type passwordParams struct {
	Password jsonapi.Bytes `json:"password"`
	Salt     jsonapi.Bytes `json:"salt"`
}

// VerifyPassword reports whether a password is the one of a HashPassword.
func (s *CryptoSystem) VerifyPassword(ctx context.Context, password []byte, hash string) (bool, error) {
	return on[bool](ctx, s.handle, "VerifyPassword", struct {
		Password jsonapi.Bytes `json:"password"`
		Hash     string        `json:"password_hash"`
	}{password, hash})
}

// DeriveSharedSecret makes a secret of a password. The salt has 8 to 48 bytes.
func (s *CryptoSystem) DeriveSharedSecret(ctx context.Context, password, salt []byte) (SharedSecret, error) {
	return on[SharedSecret](ctx, s.handle, "DeriveSharedSecret", passwordParams{password, salt})
}

// RandomNonce is a nonce nobody has used.
func (s *CryptoSystem) RandomNonce(ctx context.Context) (crypto.Nonce, error) {
	return on[crypto.Nonce](ctx, s.handle, "RandomNonce", nil)
}

// RandomSharedSecret is a secret nobody else knows.
func (s *CryptoSystem) RandomSharedSecret(ctx context.Context) (SharedSecret, error) {
	return on[SharedSecret](ctx, s.handle, "RandomSharedSecret", nil)
}

// GenerateKeyPair makes a signing key pair.
func (s *CryptoSystem) GenerateKeyPair(ctx context.Context) (KeyPair, error) {
	return on[KeyPair](ctx, s.handle, "GenerateKeyPair", nil)
}

type dataParams struct {
	Data jsonapi.Bytes `json:"data"`
}

// GenerateHash is the digest of data.
func (s *CryptoSystem) GenerateHash(ctx context.Context, data []byte) (crypto.HashDigest, error) {
	return on[crypto.HashDigest](ctx, s.handle, "GenerateHash", dataParams{data})
}

// ValidateHash reports whether a digest is that of data.
func (s *CryptoSystem) ValidateHash(ctx context.Context, data []byte, digest crypto.HashDigest) (bool, error) {
	return on[bool](ctx, s.handle, "ValidateHash", struct {
		dataParams
		Digest crypto.HashDigest `json:"hash_digest"`
	}{dataParams{data}, digest})
}

// ValidateKeyPair reports whether two keys belong together.
func (s *CryptoSystem) ValidateKeyPair(ctx context.Context, key crypto.PublicKey, secret SecretKey) (bool, error) {
	return on[bool](ctx, s.handle, "ValidateKeyPair", dhParams{key, secret})
}

// Sign signs data.
func (s *CryptoSystem) Sign(ctx context.Context, key crypto.PublicKey, secret SecretKey, data []byte) (crypto.Signature, error) {
	return on[crypto.Signature](ctx, s.handle, "Sign", struct {
		dhParams
		dataParams
	}{dhParams{key, secret}, dataParams{data}})
}

// Verify reports whether a signature of data is good.
func (s *CryptoSystem) Verify(ctx context.Context, key crypto.PublicKey, data []byte, signature crypto.Signature) (bool, error) {
	return on[bool](ctx, s.handle, "Verify", struct {
		checkKey
		dataParams
		Signature crypto.Signature `json:"signature"`
	}{checkKey{key}, dataParams{data}, signature})
}

type bodyParams struct {
	Body   jsonapi.Bytes `json:"body"`
	Nonce  crypto.Nonce  `json:"nonce"`
	Secret SharedSecret  `json:"shared_secret"`
}

type aeadParams struct {
	bodyParams
	Associated jsonapi.Bytes `json:"associated_data"` // real servers want it, empty or not
}

// EncryptAEAD encrypts with authentication. associated may be nil.
func (s *CryptoSystem) EncryptAEAD(ctx context.Context, body []byte, nonce crypto.Nonce, secret SharedSecret, associated []byte) ([]byte, error) {
	return on[jsonapi.Bytes](ctx, s.handle, "EncryptAead", aeadParams{bodyParams{body, nonce, secret}, associated})
}

// DecryptAEAD decrypts what EncryptAEAD has made.
func (s *CryptoSystem) DecryptAEAD(ctx context.Context, body []byte, nonce crypto.Nonce, secret SharedSecret, associated []byte) ([]byte, error) {
	return on[jsonapi.Bytes](ctx, s.handle, "DecryptAead", aeadParams{bodyParams{body, nonce, secret}, associated})
}

// CryptNoAuth encrypts or decrypts without authentication.
func (s *CryptoSystem) CryptNoAuth(ctx context.Context, body []byte, nonce crypto.Nonce, secret SharedSecret) ([]byte, error) {
	return on[jsonapi.Bytes](ctx, s.handle, "CryptNoAuth", bodyParams{body, nonce, secret})
}
