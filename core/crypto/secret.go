package crypto

import (
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Secret is a secret value of 32 bytes with its kind. It has no ==, prints as "…"
// whatever the verb, and does not marshal by itself: [Secret.Text] and
// [Secret.SecretBytes] reveal it on purpose.
type Secret[R role] struct {
	_     [0]func() // not comparable: compare with Equal
	Kind  Kind      // zero: no value
	value [ValueSize]byte
}

type (
	SecretKey        = Secret[secretKeyRole]        // Ed25519 seed
	SharedSecret     = Secret[sharedSecretRole]     // symmetric key
	DecapsulationKey = Secret[decapsulationKeyRole] // X25519 secret key
)

type (
	secretKeyRole        struct{}
	sharedSecretRole     struct{}
	decapsulationKeyRole struct{}
)

func (secretKeyRole) noun() string        { return "secret key" }
func (sharedSecretRole) noun() string     { return "shared secret" }
func (decapsulationKeyRole) noun() string { return "decapsulation key" }

const hidden = "…"

var errSecretMarshal = errors.New("a secret does not marshal by itself; use Text")

// NewSharedSecret makes a symmetric key of its bytes.
func NewSharedSecret(kind Kind, value [ValueSize]byte) SharedSecret {
	return SharedSecret{Kind: kind, value: value}
}

// NewSecretKey makes a secret key of its seed.
func NewSecretKey(kind Kind, seed [ValueSize]byte) SecretKey {
	return SecretKey{Kind: kind, value: seed}
}

// Text is the typed text with the secret in it.
func (s Secret[R]) Text() string { return string(appendText(nil, s.Kind, s.value[:])) }

// SecretBytes is the secret itself, not a copy: it changes with s.
func (s *Secret[R]) SecretBytes() []byte { return s.value[:] }

// AppendSecret appends kind and secret, 36 bytes (spec 01 §2.4).
func (s *Secret[R]) AppendSecret(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(s.Kind))
	return append(dst, s.value[:]...)
}

// IsZero reports whether s is the zero value, which means that there is no secret.
func (s Secret[R]) IsZero() bool {
	var zero [ValueSize]byte
	return s.Kind == 0 && subtle.ConstantTimeCompare(s.value[:], zero[:]) == 1
}

// Equal compares kind and secret, the secret in constant time.
func (s Secret[R]) Equal(other Secret[R]) bool {
	return subtle.ConstantTimeCompare(s.value[:], other.value[:]) == 1 && s.Kind == other.Kind
}

// Zero wipes the secret.
func (s *Secret[R]) Zero() {
	clear(s.value[:])
	s.Kind = 0
}

// String hides the secret.
func (s Secret[R]) String() string { return hidden }

// GoString hides the secret.
func (s Secret[R]) GoString() string { return hidden }

// LogValue hides the secret.
func (s Secret[R]) LogValue() slog.Value { return slog.StringValue(hidden) }

// Format hides the secret under every verb.
func (s Secret[R]) Format(f fmt.State, _ rune) { io.WriteString(f, hidden) }

// MarshalText always fails, so that a secret inside a larger value does not leave
// the process by accident.
func (s Secret[R]) MarshalText() ([]byte, error) { return nil, errSecretMarshal }

// UnmarshalText reads the typed text. Errors as of [Parse]; none shows the text.
func (s *Secret[R]) UnmarshalText(text []byte) error {
	var v Secret[R]
	var r R
	kind, value := splitText(string(text))
	if err := decodeInto(v.value[:], value, r.noun()); err != nil {
		return err
	}
	s.Kind, s.value = kind, v.value
	return nil
}

func (s *Secret[R]) setParts(kind Kind, value []byte) error {
	var r R
	if err := copyInto(s.value[:], value, r.noun()); err != nil {
		return err
	}
	s.Kind = kind
	return nil
}

func (s *Secret[R]) check(kind Kind) error {
	if s.Kind != kind {
		var r R
		return &KindError{What: r.noun(), Got: s.Kind, Want: kind}
	}
	return nil
}
