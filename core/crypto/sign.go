package crypto

import (
	"crypto/sha512"
	"crypto/subtle"
	"fmt"

	"filippo.io/edwards25519"
)

// dom2 of Ed25519ph with the context "VLD0_SIGN" (RFC 8032 §5.1, spec 01 §4.6).
const dom2 = "SigEd25519 no Ed25519 collisions\x01\x09" + domainSign

func (v *vld0) GenerateKeyPair() (KeyPair, error) {
	secret := SecretKey{Kind: KindVLD0}
	if err := v.RandomBytes(secret.value[:]); err != nil {
		return KeyPair{}, err
	}
	return keyPairOf(secret), nil
}

// keyPairOf derives the verifying key of a seed (RFC 8032 §5.1.5).
func keyPairOf(secret SecretKey) KeyPair {
	h := sha512.Sum512(secret.value[:])
	defer clear(h[:])
	scalar := new(edwards25519.Scalar)
	mustSet(scalar.SetBytesWithClamping(h[:ValueSize]))
	pair := KeyPair{Public: PublicKey{Kind: secret.Kind}, Secret: secret}
	copy(pair.Public.Value[:], new(edwards25519.Point).ScalarBaseMult(scalar).Bytes())
	*scalar = edwards25519.Scalar{}
	return pair
}

// ValidateKeyPair derives the public key again, which decides the same as the signing
// and verifying of spec 01 §4.1.
func (v *vld0) ValidateKeyPair(pair KeyPair) (bool, error) {
	if err := checkPair(pair, KindVLD0); err != nil {
		return false, err
	}
	return keyPairOf(pair.Secret).Public == pair.Public, nil
}

func checkPair(pair KeyPair, kind Kind) error {
	if err := pair.Public.check(kind); err != nil {
		return err
	}
	return pair.Secret.check(kind)
}

func (v *vld0) Sign(pair KeyPair, data []byte) (Signature, error) {
	s, err := v.newSigner(pair)
	if err != nil {
		return Signature{}, err
	}
	defer s.zero()
	return s.Sign(data), nil
}

func (v *vld0) NewSigner(pair KeyPair) (Signer, error) {
	s, err := v.newSigner(pair)
	if err != nil {
		return nil, err // not a nil *vld0Signer in an interface
	}
	return s, nil
}

func (v *vld0) newSigner(pair KeyPair) (*vld0Signer, error) {
	if err := checkPair(pair, KindVLD0); err != nil {
		return nil, err
	}
	s := &vld0Signer{public: pair.Public}
	h := sha512.Sum512(pair.Secret.value[:])
	defer clear(h[:])
	if _, err := s.scalar.SetBytesWithClamping(h[:ValueSize]); err != nil {
		return nil, fmt.Errorf("signer: %w", err)
	}
	copy(s.prefix[:], h[ValueSize:])
	public := new(edwards25519.Point).ScalarBaseMult(&s.scalar).Bytes()
	if subtle.ConstantTimeCompare(public, pair.Public.Value[:]) == 0 {
		s.zero()
		return nil, ErrKeyPair
	}
	return s, nil
}

// vld0Signer holds the expanded key (RFC 8032 §5.1.5). The signing is written out on
// the same arithmetic that crypto/ed25519 is made of, which looks up and compares the
// key, and allocates, for every signature; a test compares the two.
type vld0Signer struct {
	public PublicKey
	scalar edwards25519.Scalar
	prefix [ValueSize]byte
}

func (s *vld0Signer) PublicKey() PublicKey { return s.public }

// Sign is RFC 8032 §5.1.6 with dom2 and the pre-hash.
func (s *vld0Signer) Sign(data []byte) Signature {
	digest := sha512.Sum512(data)
	sig := Signature{Kind: KindVLD0}

	var m [len(dom2) + ValueSize + sha512.Size]byte
	n := copy(m[:], dom2)
	n += copy(m[n:], s.prefix[:])
	copy(m[n:], digest[:])
	wide := sha512.Sum512(m[:])
	var r edwards25519.Scalar
	mustSet(r.SetUniformBytes(wide[:]))
	var point edwards25519.Point
	copy(sig.Value[:], point.ScalarBaseMult(&r).Bytes())

	k := challenge([ValueSize]byte(sig.Value[:]), s.public.Value, &digest)
	copy(sig.Value[ValueSize:], k.MultiplyAdd(&k, &s.scalar, &r).Bytes())
	clear(m[:])
	clear(wide[:])
	return sig
}

func (s *vld0Signer) zero() {
	s.scalar = edwards25519.Scalar{}
	clear(s.prefix[:])
}

// Format hides the key, should a signer ever be printed.
func (s *vld0Signer) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.public, ":", hidden) }

// challenge is k = SHA512(dom2 || R || A || PH(data)) of both signing and verifying.
func challenge(r, public [ValueSize]byte, digest *[sha512.Size]byte) (k edwards25519.Scalar) {
	var m [len(dom2) + 2*ValueSize + sha512.Size]byte
	n := copy(m[:], dom2)
	n += copy(m[n:], r[:])
	n += copy(m[n:], public[:])
	copy(m[n:], digest[:])
	wide := sha512.Sum512(m[:])
	mustSet(k.SetUniformBytes(wide[:]))
	return k
}

// mustSet takes the result of SetUniformBytes or SetBytesWithClamping, which fail on
// inputs of another size than 64 or 32 bytes only; the types of our inputs exclude that.
func mustSet(_ *edwards25519.Scalar, err error) {
	if err != nil {
		panic(err)
	}
}

// Verify recomputes R from the key and compares bytes. R' is encoded canonically, so
// that an R that does not decode, or not canonically, never matches and needs no
// check of its own.
func (v *vld0) Verify(public PublicKey, data []byte, signature Signature) (bool, error) {
	if err := public.check(KindVLD0); err != nil {
		return false, err
	}
	if err := signature.check(KindVLD0); err != nil {
		return false, err
	}
	key, err := v.keys.get(public.Value)
	if err != nil {
		return false, err
	}
	r := [ValueSize]byte(signature.Value[:])
	var scalar edwards25519.Scalar
	if _, err := scalar.SetCanonicalBytes(signature.Value[ValueSize:]); err != nil || key.small || isSmallOrder(r) {
		return false, nil
	}
	digest := sha512.Sum512(data)
	k := challenge(r, public.Value, &digest)
	if key.table != nil {
		return sumOfTables(&k, key.table, &scalar, v.keys.base()) == r, nil // nothing here is secret
	}
	var again edwards25519.Point
	again.VarTimeDoubleScalarBaseMult(&k, &key.minusA, &scalar)
	if [ValueSize]byte(again.Bytes()) != r {
		return false, nil
	}
	v.keys.proved(public.Value, key)
	return true, nil
}
