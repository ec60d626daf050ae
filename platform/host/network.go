package host

import (
	"context"

	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/netinfo"
)

// NetInfo starts watching the network of the device. On Android and in a
// browser it gives platform.ErrUnsupported: there an app hands its interfaces
// to netinfo.FromApp, and a page has none. panicked is told of a panic of its
// goroutine, which is a bug; nil: it ends the process.
func NetInfo(ctx context.Context, panicked guard.Handler) (platform.NetInfo, error) {
	i, err := netinfo.Open(ctx, panicked)
	if err != nil {
		return nil, err // not i: a nil *Info in an interface is not nil
	}
	return i, nil
}
