package jsonapi

import "github.com/voile-net/voile/core/crypto"

// Values with a secret in them, which core/crypto does not marshal on its own.
// Here they are meant to leave the process. They print as "…" all the same, and
// their Text is the form that goes out.
type (
	// SecretKey is the secret half of a signing key pair.
	SecretKey struct{ crypto.SecretKey }
	// SharedSecret is a symmetric key.
	SharedSecret struct{ crypto.SharedSecret }
	// DecapsulationKey is the secret half of a key pair for sealed boxes.
	DecapsulationKey struct{ crypto.DecapsulationKey }
	// KeyPair is a signing key pair.
	KeyPair struct{ crypto.KeyPair }
	// KEMKeyPair is a key pair for sealed boxes.
	KEMKeyPair struct{ crypto.KEMKeyPair }
	// RecordKey is the key of a record, with its encryption key if it has one.
	RecordKey struct{ crypto.RecordKey }
)

// MarshalText reveals the secret; it never fails.
func (s SecretKey) MarshalText() ([]byte, error) { return []byte(s.Text()), nil }

// MarshalText reveals the secret; it never fails.
func (s SharedSecret) MarshalText() ([]byte, error) { return []byte(s.Text()), nil }

// MarshalText reveals the secret; it never fails.
func (s DecapsulationKey) MarshalText() ([]byte, error) { return []byte(s.Text()), nil }

// MarshalText reveals the secret; it never fails.
func (p KeyPair) MarshalText() ([]byte, error) { return []byte(p.Text()), nil }

// MarshalText reveals the secret; it never fails.
func (p KEMKeyPair) MarshalText() ([]byte, error) { return []byte(p.Text()), nil }

// MarshalText reveals the encryption key; it never fails.
func (k RecordKey) MarshalText() ([]byte, error) { return []byte(k.Text()), nil }
