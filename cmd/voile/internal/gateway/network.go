package gateway

import (
	"context"
	"net"
	"net/netip"
	"strings"

	"github.com/voile-net/voile/wasm/edge/relay"
)

// system implements relay.Network with the network of the system.
type system struct{}

// Lookup implements relay.Network.
func (system) Lookup(ctx context.Context, name string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", strings.TrimSuffix(name, ".")+".")
}

// Dial implements relay.Network.
func (system) Dial(ctx context.Context, at netip.AddrPort) (relay.Stream, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", at.String())
}
