package netinfo

import (
	"context"
	"fmt"

	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/platform"
)

// Info has no values in a browser.
type Info struct{ platform.NetInfo }

// Open gives platform.ErrUnsupported: a page is told nothing of the network.
func Open(context.Context, guard.Handler) (*Info, error) {
	return nil, fmt.Errorf("network facts in a browser: %w", platform.ErrUnsupported)
}
