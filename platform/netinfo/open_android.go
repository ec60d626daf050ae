package netinfo

import (
	"context"
	"fmt"

	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/platform"
)

// Open gives platform.ErrUnsupported: Android denies apps the list of
// interfaces below Java. Use FromApp.
func Open(context.Context, guard.Handler) (*Info, error) {
	return nil, fmt.Errorf("network facts on Android come from the app: %w", platform.ErrUnsupported)
}
