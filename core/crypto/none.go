package crypto

import (
	"bytes"
	"crypto/subtle"
	"fmt"
	"io"

	"lukechampine.com/blake3"
)

// none is the cryptosystem NONE: it protects nothing and exists for tests between
// builds that enable it (spec 01 §5).
type none struct{ random }

func (*none) Kind() Kind { return KindNONE }

func (*none) Lengths() Lengths {
	return Lengths{
		SharedSecret: ValueSize, Nonce: NonceSize, HashDigest: ValueSize,
		PublicKey: ValueSize, SecretKey: ValueSize, Signature: SignatureSize,
		EncapsulationKey: ValueSize, DecapsulationKey: ValueSize,
		AEADOverhead: noneOverhead, DefaultSalt: 4, HPKEEncapsulate: ValueSize,
	}
}

const noneOverhead = ValueSize // the key blob at the end of an AEAD body

func (n *none) RandomSharedSecret() (SharedSecret, error) {
	s := SharedSecret{Kind: KindNONE}
	err := n.RandomBytes(s.value[:])
	return s, err
}

// GenerateKeyPair: the secret is the complement of the public key.
func (n *none) GenerateKeyPair() (KeyPair, error) {
	pair := KeyPair{Public: PublicKey{Kind: KindNONE}}
	if err := n.RandomBytes(pair.Public.Value[:]); err != nil {
		return KeyPair{}, err
	}
	pair.Secret = SecretKey{Kind: KindNONE, value: complement(pair.Public.Value)}
	return pair, nil
}

func (*none) ValidateKeyPair(pair KeyPair) (bool, error) {
	if err := checkPair(pair, KindNONE); err != nil {
		return false, err
	}
	return complement(pair.Public.Value) == pair.Secret.value, nil
}

func (*none) ComputeDH(public PublicKey, secret SecretKey) (SharedSecret, error) {
	if public.Value == [ValueSize]byte{} {
		return SharedSecret{}, ErrWeakKey
	}
	return SharedSecret{Kind: KindNONE, value: xor(public.Value, secret.value)}, nil
}

func (n *none) GenerateSharedSecret(public PublicKey, secret SecretKey, domain []byte) (SharedSecret, error) {
	dh, err := n.ComputeDH(public, secret)
	if err != nil {
		return SharedSecret{}, err
	}
	return sharedSecretFor(dh, domain), nil
}

func (*none) Hash(data []byte) HashDigest { return hash(KindNONE, data) }

func (*none) HashReader(r io.Reader) (HashDigest, error) { return hashReader(KindNONE, r) }

func (*none) ValidateHash(data []byte, digest HashDigest) (bool, error) {
	return validateHash(KindNONE, data, digest)
}

func (n *none) Sign(pair KeyPair, data []byte) (Signature, error) {
	s, err := n.NewSigner(pair)
	if err != nil {
		return Signature{}, err
	}
	return s.Sign(data), nil
}

func (n *none) NewSigner(pair KeyPair) (Signer, error) {
	ok, err := n.ValidateKeyPair(pair)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, ErrKeyPair
	}
	return noneSigner{pair}, nil
}

type noneSigner struct{ pair KeyPair }

func (s noneSigner) PublicKey() PublicKey { return s.pair.Public }

// Sign is 64 bytes of BLAKE3 with the secret key XORed into the second half.
func (s noneSigner) Sign(data []byte) Signature {
	sig := Signature{Kind: KindNONE, Value: wideHash(data)}
	subtle.XORBytes(sig.Value[ValueSize:], sig.Value[ValueSize:], s.pair.Secret.value[:])
	return sig
}

func (*none) Verify(public PublicKey, data []byte, signature Signature) (bool, error) {
	if err := public.check(KindNONE); err != nil {
		return false, err
	}
	if err := signature.check(KindNONE); err != nil {
		return false, err
	}
	want := wideHash(data)
	secret := complement(public.Value)
	subtle.XORBytes(want[ValueSize:], want[ValueSize:], secret[:])
	return want == signature.Value, nil
}

func wideHash(data []byte) (out [SignatureSize]byte) {
	h := blake3.New(SignatureSize, nil)
	h.Write(data)
	h.Sum(out[:0])
	return out
}

// blob is the key of the XOR "ciphers".
func (*none) blob(key SharedSecret, nonce Nonce) [ValueSize]byte {
	var padded [ValueSize]byte
	copy(padded[:], nonce[:])
	return xor(padded, key.value)
}

func (n *none) SealAEAD(dst []byte, key SharedSecret, nonce Nonce, body, ad []byte) ([]byte, error) {
	if err := key.check(KindNONE); err != nil {
		return nil, err
	}
	blob := xor(n.blob(key, nonce), blake3.Sum256(ad))
	start := len(dst)
	dst = append(dst, body...)
	xorRepeated(dst[start:], dst[start:], blob)
	return append(dst, blob[:]...), nil
}

func (n *none) OpenAEAD(dst []byte, key SharedSecret, nonce Nonce, sealed, ad []byte) ([]byte, error) {
	if err := key.check(KindNONE); err != nil {
		return nil, err
	}
	blob := xor(n.blob(key, nonce), blake3.Sum256(ad))
	size := len(sealed) - noneOverhead
	if size < 0 || !bytes.Equal(sealed[size:], blob[:]) {
		return nil, ErrAuth
	}
	start := len(dst)
	dst = append(dst, sealed[:size]...)
	xorRepeated(dst[start:], dst[start:], blob)
	return dst, nil
}

func (n *none) CryptNoAuth(dst, src []byte, key SharedSecret, nonce Nonce) error {
	if err := key.check(KindNONE); err != nil {
		return err
	}
	if len(dst) != len(src) {
		return &LengthError{What: "output", Got: len(dst), Want: len(src)}
	}
	xorRepeated(dst, src, n.blob(key, nonce))
	return nil
}

func (*none) DeriveSharedSecret(password, salt []byte) (SharedSecret, error) {
	text, err := nonePassword(password, salt)
	if err != nil {
		return SharedSecret{}, err
	}
	return SharedSecret{Kind: KindNONE, value: blake3.Sum256([]byte(text))}, nil
}

func (*none) HashPassword(password, salt []byte) (string, error) {
	return nonePassword(password, salt)
}

// maxNoneSalt and minNoneSalt bound the salts of NONE as those of VLD0 are bounded;
// its default of 4 bytes must fit.
const (
	minNoneSalt = 4
	maxNoneSalt = maxSalt
)

func nonePassword(password, salt []byte) (string, error) {
	if len(salt) < minNoneSalt || len(salt) > maxNoneSalt {
		return "", fmt.Errorf("%w, not %d", ErrSalt, len(salt))
	}
	return EncodeBase64(salt) + ":" + EncodeBase64(password), nil
}

func (*none) VerifyPassword(password []byte, hash string) (bool, error) {
	saltText, _, ok := bytes.Cut([]byte(hash), []byte(":"))
	if !ok {
		return false, fmt.Errorf("%w: missing field", ErrPasswordHash)
	}
	salt, err := DecodeBase64(string(saltText))
	if err != nil {
		return false, fmt.Errorf("%w: salt: %w", ErrPasswordHash, err)
	}
	again, err := nonePassword(password, salt)
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrPasswordHash, err)
	}
	return subtle.ConstantTimeCompare([]byte(again), []byte(hash)) == 1, nil
}

func (n *none) GenerateKEMKeyPair() (KEMKeyPair, error) {
	pair, err := n.GenerateKeyPair()
	return KEMKeyPair{
		Encapsulation: EncapsulationKey(pair.Public),
		Decapsulation: DecapsulationKey{Kind: KindNONE, value: pair.Secret.value},
	}, err
}

func (*none) EncapsulationKeyOf(public PublicKey) (EncapsulationKey, error) {
	return EncapsulationKey{Kind: KindNONE, Value: public.Value}, nil
}

func (*none) DecapsulationKeyOf(secret SecretKey) (DecapsulationKey, error) {
	return DecapsulationKey{Kind: KindNONE, value: secret.value}, nil
}

func (n *none) SealHPKE(dst []byte, recipient EncapsulationKey, ad, plaintext []byte) ([]byte, error) {
	return sealHPKE(noneKEM{}, KindNONE, n.random, dst, recipient, ad, plaintext)
}

func (*none) OpenHPKE(dst []byte, secret DecapsulationKey, ad, sealed []byte) ([]byte, error) {
	return openHPKE(noneKEM{}, KindNONE, dst, secret, ad, sealed)
}

// noneKEM: the shared secret is enc XOR the recipient's public key.
type noneKEM struct{}

func (noneKEM) id() uint16 { return 0xffff }

func (noneKEM) encapsulate(recipient, random [ValueSize]byte) ([]byte, [ValueSize]byte, error) {
	if recipient == [ValueSize]byte{} {
		return nil, random, ErrWeakKey
	}
	shared := xor(random, recipient)
	return shared[:], random, nil
}

func (noneKEM) decapsulate(secret, enc [ValueSize]byte) ([]byte, error) {
	shared := xor(enc, complement(secret))
	return shared[:], nil
}

func xor(a, b [ValueSize]byte) (out [ValueSize]byte) {
	subtle.XORBytes(out[:], a[:], b[:])
	return out
}

func complement(a [ValueSize]byte) [ValueSize]byte {
	for i := range a {
		a[i] = ^a[i]
	}
	return a
}

// xorRepeated XORs src with the blob, over and over, into dst.
func xorRepeated(dst, src []byte, blob [ValueSize]byte) {
	for len(src) > 0 {
		n := subtle.XORBytes(dst, src, blob[:])
		dst, src = dst[n:], src[n:]
	}
}
