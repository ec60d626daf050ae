package host

import (
	"context"

	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/netinfo"
)

// NetInfo starts watching the network of the device. On Android and in a
// browser it gives platform.ErrUnsupported: there an app hands its interfaces
// to netinfo.FromApp, and a page has none.
func NetInfo(ctx context.Context) (platform.NetInfo, error) {
	i, err := netinfo.Open(ctx)
	if err != nil {
		return nil, err // not i: a nil *Info in an interface is not nil
	}
	return i, nil
}
