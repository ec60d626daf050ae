package netinfo

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/platform"
)

// Open finds out that the network can be read.
func Open(ctx context.Context, _ guard.Handler) (*Info, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("network facts: %w", err)
	}
	if _, err := adapters(); err != nil {
		return nil, fmt.Errorf("network facts: %w", err)
	}
	return &Info{list: windowsInterfaces, gateways: windowsGateways}, nil
}

// adapters asks for all adapters; the pointers in them stay valid as long as
// one of them is held.
func adapters() ([]*windows.IpAdapterAddresses, error) {
	const flags = windows.GAA_FLAG_INCLUDE_GATEWAYS | windows.GAA_FLAG_SKIP_ANYCAST | windows.GAA_FLAG_SKIP_MULTICAST | windows.GAA_FLAG_SKIP_DNS_SERVER
	size := uint32(15000) // recommended by the documentation of the call
	for range 5 {         // the list may grow between two calls
		buf := make([]byte, size)
		first := (*windows.IpAdapterAddresses)(unsafe.Pointer(&buf[0]))
		err := windows.GetAdaptersAddresses(windows.AF_UNSPEC, flags, 0, first, &size)
		switch {
		case errors.Is(err, windows.ERROR_BUFFER_OVERFLOW):
			continue
		case errors.Is(err, windows.ERROR_NO_DATA):
			return nil, nil
		case err != nil:
			return nil, os.NewSyscallError("GetAdaptersAddresses", err)
		}
		var list []*windows.IpAdapterAddresses
		for a := first; a != nil; a = a.Next {
			list = append(list, a)
		}
		return list, nil
	}
	return nil, errors.New("GetAdaptersAddresses: the list keeps growing")
}

// windowsInterfaces adds what package net leaves out.
func windowsInterfaces(ctx context.Context) ([]platform.Interface, error) {
	list, err := systemInterfaces(ctx)
	if err != nil {
		return nil, err
	}
	all, err := adapters()
	if err != nil {
		return nil, err
	}
	for _, a := range all {
		for u := a.FirstUnicastAddress; u != nil; u = u.Next {
			ip, ok := netip.AddrFromSlice(u.Address.IP())
			ip = ip.Unmap()
			if !ok || !ip.Is6() {
				continue
			}
			for i := range list {
				for j := range list[i].Addrs {
					if own := &list[i].Addrs[j]; list[i].Index == interfaceIndex(a) && own.Prefix.Addr() == ip {
						own.Temporary = u.SuffixOrigin == windows.IpSuffixOriginRandom
						own.Deprecated = u.DadState == windows.IpDadStateDeprecated
					}
				}
			}
		}
	}
	return list, nil
}

func windowsGateways() ([]gateway, error) {
	all, err := adapters()
	if err != nil {
		return nil, err
	}
	var list []gateway
	for _, a := range all {
		for g := a.FirstGatewayAddress; g != nil; g = g.Next {
			ip, ok := netip.AddrFromSlice(g.Address.IP())
			if !ok {
				continue
			}
			ip = ip.Unmap()
			metric := a.Ipv6Metric
			if ip.Is4() {
				metric = a.Ipv4Metric
			}
			list = append(list, gateway{addr: ip, index: interfaceIndex(a), metric: metric})
		}
	}
	return list, nil
}

// interfaceIndex is the number package net uses: that of IPv4, else of IPv6.
func interfaceIndex(a *windows.IpAdapterAddresses) int {
	if a.IfIndex == 0 {
		return int(a.Ipv6IfIndex)
	}
	return int(a.IfIndex)
}
