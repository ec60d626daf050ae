package browser

import (
	"context"
	"net/netip"

	"github.com/voile-net/voile/core/network/bootstrap"
)

// Resolver resolves nothing: a page is not told what a name stands for. Hosts of
// WebSocket URLs are resolved by the browser itself (spec 04 §12.1).
type Resolver struct{}

var _ bootstrap.Resolver = Resolver{}

// TXT gives bootstrap.ErrNoResolver.
func (Resolver) TXT(context.Context, string) ([]string, error) {
	return nil, bootstrap.ErrNoResolver
}

// Host gives bootstrap.ErrNoResolver.
func (Resolver) Host(context.Context, string) ([]netip.Addr, error) {
	return nil, bootstrap.ErrNoResolver
}
