//go:build !js

package host

import (
	"context"
	"path/filepath"

	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/bbolt"
)

// OpenKeyValueStore opens the store for tables in the file name of the folder
// dir, or makes both. Errors: those of bbolt.Open.
func OpenKeyValueStore(ctx context.Context, dir, name string) (platform.KeyValueStore, error) {
	s, err := bbolt.Open(ctx, filepath.Join(dir, name), bbolt.Options{})
	if err != nil {
		return nil, err // not s: a nil *Store in an interface is not nil
	}
	return s, nil
}
