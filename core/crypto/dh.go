package crypto

import (
	"crypto/sha512"

	"filippo.io/edwards25519"
	"lukechampine.com/blake3"

	"github.com/voile-net/voile/core/crypto/x25519"
)

// ComputeDH is BLAKE3("VLD0_CRYPT" || X25519(secret, public)) over the converted
// signing keys (spec 01 §4.3).
func (v *vld0) ComputeDH(public PublicKey, secret SecretKey) (SharedSecret, error) {
	u, err := montgomeryOf(public)
	if err != nil {
		return SharedSecret{}, err
	}
	x := scalarOf(secret)
	defer clear(x[:])
	raw, err := agree(&x, &u)
	if err != nil {
		return SharedSecret{}, err
	}
	var b [len(domainCrypt) + ValueSize]byte
	copy(b[:], domainCrypt)
	copy(b[len(domainCrypt):], raw[:])
	clear(raw[:])
	s := SharedSecret{Kind: KindVLD0, value: blake3.Sum256(b[:])}
	clear(b[:])
	return s, nil
}

// GenerateSharedSecret is BLAKE3(DH || domain || "VEILID_API") (spec 01 §4.4).
func (v *vld0) GenerateSharedSecret(public PublicKey, secret SecretKey, domain []byte) (SharedSecret, error) {
	dh, err := v.ComputeDH(public, secret)
	if err != nil {
		return SharedSecret{}, err
	}
	return sharedSecretFor(dh, domain), nil
}

func sharedSecretFor(dh SharedSecret, domain []byte) SharedSecret {
	h := blake3.New(ValueSize, nil)
	h.Write(dh.value[:])
	h.Write(domain)
	h.Write([]byte(domainAPI))
	s := SharedSecret{Kind: dh.Kind}
	h.Sum(s.value[:0])
	dh.Zero()
	return s
}

// montgomeryOf converts a verifying key to an X25519 public key (spec 01 §4.2).
func montgomeryOf(public PublicKey) (u [ValueSize]byte, err error) {
	p, err := new(edwards25519.Point).SetBytes(public.Value[:])
	if err != nil {
		return u, ErrPoint
	}
	return [ValueSize]byte(p.BytesMontgomery()), nil
}

// scalarOf converts a seed to an X25519 secret key, not yet clamped: X25519 does that.
func scalarOf(secret SecretKey) (x [ValueSize]byte) {
	h := sha512.Sum512(secret.value[:])
	copy(x[:], h[:])
	clear(h[:])
	return x
}

// agree is X25519; what it returns for a key of low order is ErrWeakKey.
func agree(secret, public *[ValueSize]byte) ([ValueSize]byte, error) {
	raw, err := x25519.Multiply(secret, public)
	if err != nil {
		return raw, ErrWeakKey
	}
	return raw, nil
}
