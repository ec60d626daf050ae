package block

import (
	"context"
	"errors"

	"github.com/voile-net/voile/core/crypto"
)

// MaxSize bounds a block, in bytes: what an answer of the schema may carry
// (spec 03 §1.6).
const MaxSize = 32768

// ErrNotFound is what [Store.Get] and [Store.Remove] return for a block that is not
// there.
var ErrNotFound = errors.New("block not found")

// Store keeps blocks of 1 to [MaxSize] bytes under their ids, which are their hashes.
// Methods may be called from any goroutine and may wait for the disk until ctx ends.
type Store interface {
	// Put stores a block and returns its id, by the best kind. A block that is there
	// already is not stored again. The slice stays the caller's.
	Put(ctx context.Context, block []byte) (crypto.HashDigest, error)
	// Get reads a block and checks it against its id. The slice is the caller's.
	Get(ctx context.Context, id crypto.HashDigest) ([]byte, error)
	// Has reports whether a block is there.
	Has(ctx context.Context, id crypto.HashDigest) (bool, error)
	// Remove forgets a block.
	Remove(ctx context.Context, id crypto.HashDigest) error
}
