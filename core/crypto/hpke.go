package crypto

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/voile-net/voile/core/crypto/x25519"
)

// HPKE, RFC 9180, base mode, single shot, with HKDF-SHA256 and ChaCha20-Poly1305, over
// the KEM of each cryptosystem (spec 01 §4.11). Written out here because the one of
// the standard library takes its ephemeral key from the system's random source
// only, and knows no private KEM such as that of NONE.

const (
	hpkeVersion  = 1
	hpkeInfo     = "veilid-hpke/1" // followed by the kind
	hpkeHeader   = 1 + 4           // version, kind
	hpkeOverhead = hpkeHeader + ValueSize + chacha20poly1305.Overhead

	kdfSHA256    = 0x0001
	aeadChaCha20 = 0x0003
)

// kem is what HPKE needs of a key encapsulation mechanism.
type kem interface {
	id() uint16
	// encapsulate makes a shared secret for a recipient out of random bytes.
	encapsulate(recipient, random [ValueSize]byte) (shared []byte, enc [ValueSize]byte, err error)
	decapsulate(secret, enc [ValueSize]byte) (shared []byte, err error)
}

func sealHPKE(k kem, kind Kind, r random, dst []byte, recipient EncapsulationKey, ad, plaintext []byte) ([]byte, error) {
	var seed [ValueSize]byte
	defer clear(seed[:])
	if err := r.RandomBytes(seed[:]); err != nil {
		return nil, err
	}
	shared, enc, err := k.encapsulate(recipient.Value, seed)
	if err != nil {
		return nil, err
	}
	key, nonce, err := hpkeSchedule(k, kind, shared)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	aead, err := chacha20poly1305.New(key)
	if err != nil {
		return nil, fmt.Errorf("hpke: %w", err)
	}
	dst = append(dst, hpkeVersion)
	dst = binary.BigEndian.AppendUint32(dst, uint32(kind))
	dst = append(dst, enc[:]...)
	return aead.Seal(dst, nonce, plaintext, ad), nil
}

func openHPKE(k kem, kind Kind, dst []byte, secret DecapsulationKey, ad, sealed []byte) ([]byte, error) {
	switch {
	case len(sealed) < hpkeHeader:
		return nil, fmt.Errorf("%w: truncated to %d bytes", ErrSealed, len(sealed))
	case sealed[0] != hpkeVersion:
		return nil, fmt.Errorf("%w: version %d", ErrSealed, sealed[0])
	case KindOf([4]byte(sealed[1:])) != kind:
		return nil, &KindError{What: "sealed blob", Got: KindOf([4]byte(sealed[1:])), Want: kind}
	case len(sealed) < hpkeHeader+ValueSize:
		return nil, fmt.Errorf("%w: truncated to %d bytes", ErrSealed, len(sealed))
	}
	shared, err := k.decapsulate(secret.value, [ValueSize]byte(sealed[hpkeHeader:]))
	if err != nil {
		return nil, err
	}
	key, nonce, err := hpkeSchedule(k, kind, shared)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	aead, err := chacha20poly1305.New(key)
	if err != nil {
		return nil, fmt.Errorf("hpke: %w", err)
	}
	plaintext, err := aead.Open(dst, nonce, sealed[hpkeHeader+ValueSize:], ad)
	if err != nil {
		return nil, ErrAuth
	}
	return plaintext, nil
}

// hpkeSchedule is KeySchedule of RFC 9180 §5.1 in mode base, for one message.
func hpkeSchedule(k kem, kind Kind, shared []byte) (key, nonce []byte, err error) {
	defer clear(shared)
	suite := binary.BigEndian.AppendUint16([]byte("HPKE"), k.id())
	suite = binary.BigEndian.AppendUint16(suite, kdfSHA256)
	suite = binary.BigEndian.AppendUint16(suite, aeadChaCha20)
	info := binary.BigEndian.AppendUint32([]byte(hpkeInfo), uint32(kind))

	context := []byte{0} // mode base
	for _, part := range []struct {
		label string
		value []byte
	}{{"psk_id_hash", nil}, {"info_hash", info}} {
		h, err := labeledExtract(suite, nil, part.label, part.value)
		if err != nil {
			return nil, nil, err
		}
		context = append(context, h...)
	}
	secret, err := labeledExtract(suite, shared, "secret", nil)
	if err != nil {
		return nil, nil, err
	}
	defer clear(secret)
	if key, err = labeledExpand(suite, secret, "key", context, chacha20poly1305.KeySize); err != nil {
		return nil, nil, err
	}
	nonce, err = labeledExpand(suite, secret, "base_nonce", context, chacha20poly1305.NonceSize)
	return key, nonce, err
}

// labeledExtract and labeledExpand are of RFC 9180 §4.
func labeledExtract(suite, salt []byte, label string, ikm []byte) ([]byte, error) {
	labeled := append([]byte("HPKE-v1"), suite...)
	labeled = append(labeled, label...)
	labeled = append(labeled, ikm...)
	defer clear(labeled)
	prk, err := hkdf.Extract(sha256.New, labeled, salt)
	if err != nil {
		return nil, fmt.Errorf("hpke %s: %w", label, err)
	}
	return prk, nil
}

func labeledExpand(suite, prk []byte, label string, info []byte, size int) ([]byte, error) {
	labeled := binary.BigEndian.AppendUint16(nil, uint16(size))
	labeled = append(labeled, "HPKE-v1"...)
	labeled = append(labeled, suite...)
	labeled = append(labeled, label...)
	labeled = append(labeled, info...)
	out, err := hkdf.Expand(sha256.New, prk, string(labeled), size)
	if err != nil {
		return nil, fmt.Errorf("hpke %s: %w", label, err)
	}
	return out, nil
}

// x25519KEM is DHKEM(X25519, HKDF-SHA256), RFC 9180 §4.1.
type x25519KEM struct{}

func (x25519KEM) id() uint16 { return 0x0020 }

func (x25519KEM) suite() []byte { return []byte{'K', 'E', 'M', 0x00, 0x20} }

// deriveKeyPair is DeriveKeyPair of RFC 9180 §7.1.3.
func (k x25519KEM) deriveKeyPair(random [ValueSize]byte) (secret, public [ValueSize]byte, err error) {
	prk, err := labeledExtract(k.suite(), nil, "dkp_prk", random[:])
	if err != nil {
		return secret, public, err
	}
	raw, err := labeledExpand(k.suite(), prk, "sk", nil, ValueSize)
	if err != nil {
		return secret, public, err
	}
	copy(secret[:], raw)
	clear(raw)
	return secret, x25519.Public(&secret), nil
}

func (k x25519KEM) encapsulate(recipient, random [ValueSize]byte) ([]byte, [ValueSize]byte, error) {
	secret, enc, err := k.deriveKeyPair(random)
	if err != nil {
		return nil, enc, err
	}
	defer clear(secret[:])
	dh, err := agree(&secret, &recipient)
	if err != nil {
		return nil, enc, err
	}
	shared, err := k.extractAndExpand(dh[:], enc, recipient)
	return shared, enc, err
}

func (k x25519KEM) decapsulate(secret, enc [ValueSize]byte) ([]byte, error) {
	dh, err := agree(&secret, &enc)
	if err != nil {
		return nil, err
	}
	return k.extractAndExpand(dh[:], enc, x25519.Public(&secret))
}

func (k x25519KEM) extractAndExpand(dh []byte, enc, recipient [ValueSize]byte) ([]byte, error) {
	defer clear(dh)
	prk, err := labeledExtract(k.suite(), nil, "eae_prk", dh)
	if err != nil {
		return nil, err
	}
	defer clear(prk)
	return labeledExpand(k.suite(), prk, "shared_secret", append(enc[:], recipient[:]...), ValueSize)
}

func (v *vld0) GenerateKEMKeyPair() (KEMKeyPair, error) {
	var seed [ValueSize]byte
	defer clear(seed[:])
	if err := v.RandomBytes(seed[:]); err != nil {
		return KEMKeyPair{}, err
	}
	secret, public, err := x25519KEM{}.deriveKeyPair(seed)
	if err != nil {
		return KEMKeyPair{}, err
	}
	return KEMKeyPair{
		Encapsulation: EncapsulationKey{Kind: KindVLD0, Value: public},
		Decapsulation: DecapsulationKey{Kind: KindVLD0, value: secret},
	}, nil
}

func (*vld0) EncapsulationKeyOf(public PublicKey) (EncapsulationKey, error) {
	u, err := montgomeryOf(public)
	return EncapsulationKey{Kind: KindVLD0, Value: u}, err
}

func (*vld0) DecapsulationKeyOf(secret SecretKey) (DecapsulationKey, error) {
	return DecapsulationKey{Kind: KindVLD0, value: scalarOf(secret)}, nil
}

func (v *vld0) SealHPKE(dst []byte, recipient EncapsulationKey, ad, plaintext []byte) ([]byte, error) {
	return sealHPKE(x25519KEM{}, KindVLD0, v.random, dst, recipient, ad, plaintext)
}

func (*vld0) OpenHPKE(dst []byte, secret DecapsulationKey, ad, sealed []byte) ([]byte, error) {
	return openHPKE(x25519KEM{}, KindVLD0, dst, secret, ad, sealed)
}
