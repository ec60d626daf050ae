//go:build darwin

package netinfo

import (
	"context"
	"fmt"
	"net/netip"
	"syscall"

	"golang.org/x/net/route"

	"github.com/voile-net/voile/core/guard"
)

// Open finds out that the network can be read.
func Open(ctx context.Context, _ guard.Handler) (*Info, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("network facts: %w", err)
	}
	return &Info{list: systemInterfaces, gateways: routeGateways}, nil
}

// routeGateways reads the default routes with a gateway. Each interface has its
// own on these systems, besides the one of all.
func routeGateways() ([]gateway, error) {
	rib, err := route.FetchRIB(syscall.AF_UNSPEC, route.RIBTypeRoute, 0)
	if err != nil {
		return nil, err
	}
	messages, err := route.ParseRIB(route.RIBTypeRoute, rib)
	if err != nil {
		return nil, err
	}
	const gatewayRoute = syscall.RTF_UP | syscall.RTF_GATEWAY
	var list []gateway
	for _, m := range messages {
		r, ok := m.(*route.RouteMessage)
		if !ok || r.Flags&gatewayRoute != gatewayRoute || len(r.Addrs) <= syscall.RTAX_NETMASK {
			continue
		}
		destination, mask := address(r.Addrs[syscall.RTAX_DST]), address(r.Addrs[syscall.RTAX_NETMASK])
		next := address(r.Addrs[syscall.RTAX_GATEWAY])
		if destination.IsUnspecified() && (!mask.IsValid() || mask.IsUnspecified()) && next.IsValid() {
			list = append(list, gateway{addr: next, index: r.Index})
		}
	}
	return list, nil
}

func address(a route.Addr) netip.Addr {
	switch a := a.(type) {
	case *route.Inet4Addr:
		return netip.AddrFrom4(a.IP)
	case *route.Inet6Addr:
		return netip.AddrFrom16(a.IP)
	}
	return netip.Addr{}
}
