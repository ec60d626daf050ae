package crypto

import (
	"bytes"
	"encoding/binary"
)

const (
	SignatureSize = 64 // bytes of a signature (spec 01 §2.1)
	NonceSize     = 24 // bytes of a nonce
)

// Signature is a signature with its kind.
type Signature struct {
	Kind  Kind // zero: no value
	Value [SignatureSize]byte
}

// IsZero reports whether s is the zero value.
func (s Signature) IsZero() bool { return s == Signature{} }

// String is the typed text.
func (s Signature) String() string { return string(appendText(nil, s.Kind, s.Value[:])) }

// AppendText appends the form of [Signature.String]; it never fails.
func (s Signature) AppendText(dst []byte) ([]byte, error) {
	return appendText(dst, s.Kind, s.Value[:]), nil
}

// MarshalText gives the form of [Signature.String]; it never fails.
func (s Signature) MarshalText() ([]byte, error) { return s.AppendText(nil) }

// UnmarshalText reads the typed text. Errors as of [Parse].
func (s *Signature) UnmarshalText(text []byte) error {
	var v Signature
	kind, value := splitText(string(text))
	if err := decodeInto(v.Value[:], value, "signature"); err != nil {
		return err
	}
	v.Kind = kind
	*s = v
	return nil
}

// AppendBinary appends kind and value, 68 bytes; it never fails.
func (s Signature) AppendBinary(dst []byte) ([]byte, error) {
	dst = binary.BigEndian.AppendUint32(dst, uint32(s.Kind))
	return append(dst, s.Value[:]...), nil
}

// Compare is the order of typed values (spec 01 §2.5).
func (s Signature) Compare(other Signature, order Kinds) int {
	if c := order.Compare(s.Kind, other.Kind); c != 0 {
		return c
	}
	return bytes.Compare(s.Value[:], other.Value[:])
}

// KindOf is the kind, for code that is generic over typed values.
func (s Signature) KindOf() Kind { return s.Kind }

func (s *Signature) setParts(kind Kind, value []byte) error {
	if err := copyInto(s.Value[:], value, "signature"); err != nil {
		return err
	}
	s.Kind = kind
	return nil
}

func (s Signature) check(kind Kind) error {
	if s.Kind != kind {
		return &KindError{What: "signature", Got: s.Kind, Want: kind}
	}
	return nil
}

// Nonce is a nonce; nonces have no kind (spec 01 §2.1).
type Nonce [NonceSize]byte

// ParseNonce reads the text form, base64url without a kind.
func ParseNonce(text string) (n Nonce, err error) {
	err = n.UnmarshalText([]byte(text))
	return n, err
}

// NonceFromBytes copies 24 bytes; any other length is [ErrLength].
func NonceFromBytes(b []byte) (n Nonce, err error) {
	err = copyInto(n[:], b, "nonce")
	return n, err
}

// String is the text form.
func (n Nonce) String() string { return EncodeBase64(n[:]) }

// MarshalText gives the form of [Nonce.String]; it never fails.
func (n Nonce) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText reads the text form. Errors as of [Parse].
func (n *Nonce) UnmarshalText(text []byte) error {
	var v Nonce
	if err := decodeInto(v[:], string(text), "nonce"); err != nil {
		return err
	}
	*n = v
	return nil
}
