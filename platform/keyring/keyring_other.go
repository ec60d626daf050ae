//go:build !(linux && !android) && !(darwin && !ios) && !windows

package keyring

import (
	"context"
	"fmt"
	"runtime"

	"github.com/voile-net/voile/platform"
)

// Store has no values on this system.
type Store struct{ platform.ProtectedStore }

// Close is never called.
func (*Store) Close() error { return platform.ErrUnsupported }

// Open gives platform.ErrUnsupported.
func Open(context.Context, Options) (*Store, error) {
	return nil, fmt.Errorf("open keyring on %s: %w", runtime.GOOS, platform.ErrUnsupported)
}
