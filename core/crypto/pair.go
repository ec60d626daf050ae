package crypto

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// KeyPair is a signing key pair. Both halves have the same kind.
type KeyPair struct {
	Public PublicKey
	Secret SecretKey
}

// KindOf is the kind of the pair.
func (p KeyPair) KindOf() Kind { return p.Public.Kind }

// IsZero reports whether p is the zero value.
func (p KeyPair) IsZero() bool { return p.Public.IsZero() && p.Secret.IsZero() }

// Text is the typed text with the secret in it, "KIND:public:secret" (spec 01 §2.3).
func (p KeyPair) Text() string { return p.Public.String() + ":" + EncodeBase64(p.Secret.value[:]) }

// Equal compares both halves, the secret one in constant time.
func (p KeyPair) Equal(other KeyPair) bool {
	return p.Secret.Equal(other.Secret) && p.Public == other.Public
}

// Compare is the order of typed values: kind, public key, secret key (spec 01 §2.5).
func (p KeyPair) Compare(other KeyPair, order Kinds) int {
	if c := p.Public.Compare(other.Public, order); c != 0 {
		return c
	}
	return bytes.Compare(p.Secret.value[:], other.Secret.value[:])
}

// Format shows the public half only.
func (p KeyPair) Format(f fmt.State, _ rune) { io.WriteString(f, p.Public.String()+":"+hidden) }

// LogValue shows the public half only.
func (p KeyPair) LogValue() slog.Value { return p.Public.LogValue() }

// MarshalText always fails; see [Secret.MarshalText].
func (p KeyPair) MarshalText() ([]byte, error) { return nil, errSecretMarshal }

// UnmarshalText reads the typed text. Errors as of [Parse].
func (p *KeyPair) UnmarshalText(text []byte) error {
	var v KeyPair
	kind, err := parsePair(string(text), v.Public.Value[:], v.Secret.value[:], "public key", "secret key")
	if err != nil {
		return err
	}
	v.Public.Kind, v.Secret.Kind = kind, kind
	*p = v
	return nil
}

// KEMKeyPair is an encapsulation key with its decapsulation key (spec 01 §4.11).
type KEMKeyPair struct {
	Encapsulation EncapsulationKey
	Decapsulation DecapsulationKey
}

// KindOf is the kind of the pair.
func (p KEMKeyPair) KindOf() Kind { return p.Encapsulation.Kind }

// IsZero reports whether p is the zero value.
func (p KEMKeyPair) IsZero() bool { return p.Encapsulation.IsZero() && p.Decapsulation.IsZero() }

// Text is the typed text with the secret in it.
func (p KEMKeyPair) Text() string {
	return p.Encapsulation.String() + ":" + EncodeBase64(p.Decapsulation.value[:])
}

// Equal compares both halves, the secret one in constant time.
func (p KEMKeyPair) Equal(other KEMKeyPair) bool {
	return p.Decapsulation.Equal(other.Decapsulation) && p.Encapsulation == other.Encapsulation
}

// Compare is the order of typed values (spec 01 §2.5).
func (p KEMKeyPair) Compare(other KEMKeyPair, order Kinds) int {
	if c := p.Encapsulation.Compare(other.Encapsulation, order); c != 0 {
		return c
	}
	return bytes.Compare(p.Decapsulation.value[:], other.Decapsulation.value[:])
}

// Format shows the public half only.
func (p KEMKeyPair) Format(f fmt.State, _ rune) {
	io.WriteString(f, p.Encapsulation.String()+":"+hidden)
}

// LogValue shows the public half only.
func (p KEMKeyPair) LogValue() slog.Value { return p.Encapsulation.LogValue() }

// MarshalText always fails; see [Secret.MarshalText].
func (p KEMKeyPair) MarshalText() ([]byte, error) { return nil, errSecretMarshal }

// UnmarshalText reads the typed text. Errors as of [Parse].
func (p *KEMKeyPair) UnmarshalText(text []byte) error {
	var v KEMKeyPair
	kind, err := parsePair(string(text), v.Encapsulation.Value[:], v.Decapsulation.value[:],
		"encapsulation key", "decapsulation key")
	if err != nil {
		return err
	}
	v.Encapsulation.Kind, v.Decapsulation.Kind = kind, kind
	*p = v
	return nil
}

// RecordKey is the key of a DHT record: its location, which peers see, and the key
// that its values are encrypted with, which only the applications know (spec 01 §2.7).
type RecordKey struct {
	Opaque     OpaqueRecordKey
	Encryption SharedSecret // zero: the record is not encrypted
}

// Encrypted reports whether the record has an encryption key.
func (k RecordKey) Encrypted() bool { return k.Encryption.Kind != 0 }

// KindOf is the kind of the key.
func (k RecordKey) KindOf() Kind { return k.Opaque.Kind }

// IsZero reports whether k is the zero value.
func (k RecordKey) IsZero() bool { return k.Opaque.IsZero() && k.Encryption.IsZero() }

// Text is the typed text with the encryption key, if there is one, in it.
func (k RecordKey) Text() string {
	if !k.Encrypted() {
		return k.Opaque.String()
	}
	return k.Opaque.String() + ":" + EncodeBase64(k.Encryption.value[:])
}

// Equal compares both parts, the encryption key in constant time.
func (k RecordKey) Equal(other RecordKey) bool {
	return k.Encryption.Equal(other.Encryption) && k.Opaque == other.Opaque
}

// Compare is the order of typed values; a key without encryption comes first (spec 01 §2.5).
func (k RecordKey) Compare(other RecordKey, order Kinds) int {
	c := k.Opaque.Compare(other.Opaque, order)
	switch {
	case c != 0:
		return c
	case !k.Encrypted() && !other.Encrypted():
		return 0
	case !k.Encrypted():
		return -1
	case !other.Encrypted():
		return 1
	}
	return bytes.Compare(k.Encryption.value[:], other.Encryption.value[:])
}

// Format hides the encryption key.
func (k RecordKey) Format(f fmt.State, _ rune) {
	text := k.Opaque.String()
	if k.Encrypted() {
		text += ":" + hidden
	}
	io.WriteString(f, text)
}

// LogValue is the shortened location.
func (k RecordKey) LogValue() slog.Value { return k.Opaque.LogValue() }

// MarshalText always fails; see [Secret.MarshalText].
func (k RecordKey) MarshalText() ([]byte, error) { return nil, errSecretMarshal }

// UnmarshalText reads the typed text, of one or two parts. Errors as of [Parse].
func (k *RecordKey) UnmarshalText(text []byte) error {
	var v RecordKey
	kind, value := splitText(string(text))
	opaque, encryption, two := strings.Cut(value, ":")
	if err := decodeInto(v.Opaque.Value[:], opaque, "opaque record key"); err != nil {
		return err
	}
	v.Opaque.Kind = kind
	if two {
		if strings.Contains(encryption, ":") {
			return fmt.Errorf("%w: a record key has one or two parts", ErrFormat)
		}
		if err := decodeInto(v.Encryption.value[:], encryption, "shared secret"); err != nil {
			return err
		}
		v.Encryption.Kind = kind
	}
	*k = v
	return nil
}

// parsePair reads "KIND:first:second" into two fields of fixed size.
func parsePair(text string, first, second []byte, firstNoun, secondNoun string) (Kind, error) {
	kind, value := splitText(text)
	a, b, ok := strings.Cut(value, ":")
	if !ok || strings.Contains(b, ":") {
		return 0, fmt.Errorf("%w: a key pair has exactly two parts", ErrFormat)
	}
	if err := decodeInto(first, a, firstNoun); err != nil {
		return 0, err
	}
	return kind, decodeInto(second, b, secondNoun)
}
