package crypto

import (
	"encoding/base64"
	"fmt"
)

// Text and byte forms that all typed values share (spec 01 §2.2-§2.4).

// textSettable, partsSettable and binarySettable say what Parse, FromParts and
// ParseBytes can make; every typed value of this package is one of each.
type textSettable[T any] interface {
	*T
	UnmarshalText(text []byte) error
}

type partsSettable[T any] interface {
	*T
	setParts(kind Kind, value []byte) error
}

// Parse reads the text form of a value: Parse[PublicKey]("VLD0:…") (spec 01 §2.3).
// Errors are [ErrFormat], [ErrBase64] or [ErrLength].
func Parse[T any, P textSettable[T]](text string) (T, error) {
	var v T
	err := P(&v).UnmarshalText([]byte(text))
	return v, err
}

// ParseBytes reads the byte form of a value, kind and value joined (spec 01 §2.4).
func ParseBytes[T any, P partsSettable[T]](b []byte) (T, error) {
	var v T
	if len(b) < 4 {
		return v, fmt.Errorf("%w: %d bytes, no room for a crypto kind", ErrFormat, len(b))
	}
	err := P(&v).setParts(KindOf([4]byte(b)), b[4:])
	return v, err
}

// FromParts makes a value of a kind and its bytes, the form of Cap'n Proto
// structures. The only fault is [ErrLength]; value is copied.
func FromParts[T any, P partsSettable[T]](kind Kind, value []byte) (T, error) {
	var v T
	err := P(&v).setParts(kind, value)
	return v, err
}

// DecodeBase64 decodes strict base64url (spec 01 §2.2): no padding, no other
// characters, no bits left over. The empty text is the empty byte string.
func DecodeBase64(text string) ([]byte, error) {
	value, err := base64.RawURLEncoding.DecodeString(text)
	// The standard decoder skips line ends and lets trailing bits pass. There is
	// one right text for each value, so encoding again finds both.
	if err != nil || base64.RawURLEncoding.EncodeToString(value) != text {
		return nil, ErrBase64
	}
	return value, nil
}

// EncodeBase64 is the inverse of [DecodeBase64].
func EncodeBase64(value []byte) string { return base64.RawURLEncoding.EncodeToString(value) }

// splitText separates the kind of a typed text from the rest. A text without a
// kind is of the best kind, as a whole.
func splitText(text string) (Kind, string) {
	if len(text) > 5 && text[4] == ':' {
		return KindOf([4]byte([]byte(text[:4]))), text[5:]
	}
	return BestKind, text
}

// decodeInto decodes base64url into a field of fixed size; what names it in errors.
func decodeInto(dst []byte, text, what string) error {
	value, err := DecodeBase64(text)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	err = copyInto(dst, value, what)
	clear(value) // may have been a secret
	return err
}

func copyInto(dst, value []byte, what string) error {
	if len(value) != len(dst) {
		return &LengthError{What: what, Got: len(value), Want: len(dst)}
	}
	copy(dst, value)
	return nil
}

// appendText appends "KIND:" and the base64url of value.
func appendText(dst []byte, kind Kind, value []byte) []byte {
	dst = append(dst, kind.String()...)
	dst = append(dst, ':')
	return base64.RawURLEncoding.AppendEncode(dst, value)
}
