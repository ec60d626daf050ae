package envelope

import (
	"crypto/subtle"
	"fmt"
	"io"

	"github.com/voile-net/voile/core/crypto"
)

// NetworkKey separates the networks that have one from all others (spec 02 §9.2).
// The zero value, and nil, is no network key.
type NetworkKey struct {
	_   [0]func() // not comparable
	set bool
	key [crypto.ValueSize]byte
}

// DeriveNetworkKey makes the key of a password, slowly. An empty password is no key.
func DeriveNetworkKey(sys crypto.System, password string) (NetworkKey, error) {
	if password == "" {
		return NetworkKey{}, nil
	}
	salt := sys.Hash([]byte(password))
	secret, err := sys.DeriveSharedSecret([]byte(password), salt.Value[:])
	if err != nil {
		return NetworkKey{}, fmt.Errorf("network key: %w", err)
	}
	defer secret.Zero()
	return NetworkKey{set: true, key: [crypto.ValueSize]byte(secret.SecretBytes())}, nil
}

// IsZero reports whether there is no network key.
func (n *NetworkKey) IsZero() bool { return n == nil || !n.set }

// Zero wipes the key.
func (n *NetworkKey) Zero() { *n = NetworkKey{} }

// Format hides the key under every verb.
func (n NetworkKey) Format(f fmt.State, _ rune) { io.WriteString(f, "…") }

// mask XORs each field with the key from its first byte on; masking again unmasks.
func (n *NetworkKey) mask(fields ...[]byte) {
	if n.IsZero() {
		return
	}
	for _, f := range fields {
		subtle.XORBytes(f, f, n.key[:])
	}
}
