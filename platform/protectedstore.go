package platform

import (
	"context"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// Limits that every [ProtectedStore] keeps at least.
const (
	MaxSecretKey  = 255  // bytes of a key; Windows allows 512 for the names around it too
	MinMaxSecret  = 1024 // a secret up to here fits every store; macOS ends at 4 KiB of twice encoded text, names included
	secretKeyRule = "1 to 255 bytes of printable UTF-8"
)

// ProtectedStore keeps a few small secrets where the device keeps its own
// (spec 01 §8.1).
//
//   - Methods may block and may be called from any goroutine.
//   - A method whose ctx is done returns ctx's error; what it had asked for may
//     or may not have happened.
//   - Slices are copied in both directions; nobody keeps the caller's.
//   - Save replaces what was there. When it returned nil, a Load after a crash
//     finds the new secret; when it failed, the old one or the new one, whole.
//   - An empty secret is a secret: Load gives an empty slice that is not nil.
//   - A missing key is fs.ErrNotExist, from Load and from Remove.
//   - A key is 1 to [MaxSecretKey] bytes of printable UTF-8, else [ErrInvalidKey].
//   - Secrets up to [MinMaxSecret] bytes fit; beyond its own limit a store says
//     [ErrTooLarge] and keeps the old value.
//   - A store that cannot work on this device says so from its Open. Later
//     calls may still find a keyring locked: [ErrLocked].
//
// Adapters also have a Close, after which methods return [ErrClosed].
type ProtectedStore interface {
	Load(ctx context.Context, key string) ([]byte, error)
	Save(ctx context.Context, key string, secret []byte) error
	Remove(ctx context.Context, key string) error
}

// CheckSecretKey is the rule for keys of a [ProtectedStore]; adapters call it
// first in every method.
func CheckSecretKey(key string) error {
	if len(key) == 0 || len(key) > MaxSecretKey || !utf8.ValidString(key) {
		return fmt.Errorf("%w: want %s", ErrInvalidKey, secretKeyRule)
	}
	for _, r := range key {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("%w: want %s", ErrInvalidKey, secretKeyRule)
		}
	}
	return nil
}
