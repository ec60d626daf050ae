package crypto

import (
	"crypto/subtle"
	"fmt"
	"io"

	"golang.org/x/crypto/chacha20poly1305"
	"lukechampine.com/blake3"
)

// Domain strings of VLD0 (spec 01 §4.3, §4.4, §4.6).
const (
	domainCrypt = "VLD0_CRYPT"
	domainSign  = "VLD0_SIGN"
	domainAPI   = "VEILID_API"
)

// vld0 is the production cryptosystem (spec 01 §4). Signatures are in sign.go, key
// agreement in dh.go, the stream cipher in stream.go, passwords in password.go, HPKE in hpke.go.
type vld0 struct {
	random
	keys *verifyKeys
}

// newVLD0 takes the number of public keys that may have a table; less than 1 is none.
func newVLD0(source io.Reader, verifyTables int) *vld0 {
	return &vld0{random: random{source}, keys: newVerifyKeys(verifyTables)}
}

func (*vld0) Kind() Kind { return KindVLD0 }

func (*vld0) Lengths() Lengths {
	return Lengths{
		SharedSecret: ValueSize, Nonce: NonceSize, HashDigest: ValueSize,
		PublicKey: ValueSize, SecretKey: ValueSize, Signature: SignatureSize,
		EncapsulationKey: ValueSize, DecapsulationKey: ValueSize,
		AEADOverhead: chacha20poly1305.Overhead, DefaultSalt: 16, HPKEEncapsulate: ValueSize,
	}
}

func (v *vld0) RandomSharedSecret() (SharedSecret, error) {
	s := SharedSecret{Kind: KindVLD0}
	err := v.RandomBytes(s.value[:])
	return s, err
}

func (*vld0) Hash(data []byte) HashDigest { return hash(KindVLD0, data) }

func (*vld0) HashReader(r io.Reader) (HashDigest, error) { return hashReader(KindVLD0, r) }

func (*vld0) ValidateHash(data []byte, digest HashDigest) (bool, error) {
	return validateHash(KindVLD0, data, digest)
}

func (v *vld0) SealAEAD(dst []byte, key SharedSecret, nonce Nonce, body, ad []byte) ([]byte, error) {
	if err := key.check(KindVLD0); err != nil {
		return nil, err
	}
	aead, err := chacha20poly1305.NewX(key.value[:])
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return aead.Seal(dst, nonce[:], body, ad), nil
}

func (v *vld0) OpenAEAD(dst []byte, key SharedSecret, nonce Nonce, sealed, ad []byte) ([]byte, error) {
	if err := key.check(KindVLD0); err != nil {
		return nil, err
	}
	aead, err := chacha20poly1305.NewX(key.value[:])
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	body, err := aead.Open(dst, nonce[:], sealed, ad)
	if err != nil {
		return nil, ErrAuth
	}
	return body, nil
}

func hash(kind Kind, data []byte) HashDigest {
	return HashDigest{Kind: kind, Value: blake3.Sum256(data)}
}

func hashReader(kind Kind, r io.Reader) (HashDigest, error) {
	h := blake3.New(ValueSize, nil)
	if _, err := io.Copy(h, r); err != nil {
		return HashDigest{}, fmt.Errorf("hash: %w", err)
	}
	d := HashDigest{Kind: kind}
	h.Sum(d.Value[:0])
	return d, nil
}

func validateHash(kind Kind, data []byte, digest HashDigest) (bool, error) {
	if err := digest.check(kind); err != nil {
		return false, err
	}
	sum := blake3.Sum256(data)
	return subtle.ConstantTimeCompare(sum[:], digest.Value[:]) == 1, nil
}
