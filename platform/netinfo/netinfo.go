//go:build !js

package netinfo

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"

	"github.com/voile-net/voile/platform"
)

// Where the kernel is asked for the way to; nothing is sent there. They are
// those of spec 04 §2.2, so that a real node on the same host decides alike.
const (
	towards4 = "1.2.3.4:1"
	towards6 = "[2222::1]:1"
)

// Info is a [platform.NetInfo].
//
// Goroutines: on Linux one, started by Open, ended by Close. Locks: mu, held
// only to read or set closed.
type Info struct {
	list     func(context.Context) ([]platform.Interface, error)
	gateways func() ([]gateway, error) // nil: this system does not tell
	changed  chan struct{}             // holds at most one value; nil: cannot notice
	watcher  io.Closer                 // nil: none

	mu     sync.Mutex
	closed bool
}

var _ platform.NetInfo = (*Info)(nil)

// gateway is one default route.
type gateway struct {
	addr   netip.Addr
	index  int // of the interface
	metric uint32
}

// FromApp takes the interfaces from the app that the node is part of, for
// systems that deny them to everyone else. list may block and is called from
// any goroutine; what it returns belongs to the node. The app calls Notify
// when something changed.
func FromApp(list func(context.Context) ([]platform.Interface, error)) *Info {
	return &Info{list: list, changed: make(chan struct{}, 1)}
}

// Notify makes Changed receive a value. It does not block.
func (i *Info) Notify() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed || i.changed == nil {
		return
	}
	select {
	case i.changed <- struct{}{}:
	default: // one is waiting already
	}
}

// Network implements [platform.NetInfo]. Any trouble with finding the way out
// of a family counts as having none.
func (i *Info) Network(ctx context.Context) (platform.Network, error) {
	if i.isClosed() {
		return platform.Network{}, fmt.Errorf("network state: %w", platform.ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return platform.Network{}, fmt.Errorf("network state: %w", err)
	}
	interfaces, err := i.list(ctx)
	if err != nil {
		return platform.Network{}, fmt.Errorf("network interfaces: %w", err)
	}
	n := platform.Network{Interfaces: interfaces}
	n.Egress4 = egress(ctx, &n, "udp4", towards4)
	n.Egress6 = egress(ctx, &n, "udp6", towards6)
	if err := ctx.Err(); err != nil {
		return platform.Network{}, fmt.Errorf("network state: %w", err)
	}
	if i.gateways != nil {
		gateways, err := i.gateways()
		if err != nil {
			return platform.Network{}, fmt.Errorf("default routes: %w", err)
		}
		setGateway(&n, &n.Egress4, gateways)
		setGateway(&n, &n.Egress6, gateways)
	}
	return n, nil
}

// Changed implements [platform.NetInfo].
func (i *Info) Changed() <-chan struct{} { return i.changed }

// Close implements [platform.NetInfo].
func (i *Info) Close() error {
	i.mu.Lock()
	again := i.closed
	i.closed = true
	i.mu.Unlock()
	if again || i.watcher == nil {
		return nil
	}
	return i.watcher.Close()
}

func (i *Info) isClosed() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.closed
}

// egress connects a UDP socket, which makes the kernel choose a route and a
// source address, and sends nothing.
func egress(ctx context.Context, n *platform.Network, network, towards string) platform.Egress {
	conn, err := new(net.Dialer).DialContext(ctx, network, towards)
	if err != nil {
		return platform.Egress{}
	}
	defer conn.Close()
	local, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return platform.Egress{}
	}
	source := local.AddrPort().Addr().Unmap().WithZone("")
	for _, in := range n.Interfaces {
		for _, a := range in.Addrs {
			if a.Prefix.Addr() == source {
				return platform.Egress{Source: source, Interface: in.Name, MTU: in.MTU}
			}
		}
	}
	return platform.Egress{Source: source}
}

// setGateway picks the best default route of the family, on the interface of
// the egress if that is known.
func setGateway(n *platform.Network, e *platform.Egress, gateways []gateway) {
	if !e.Source.IsValid() {
		return
	}
	e.GatewayKnown = true
	in, known := n.ByName(e.Interface)
	best := gateway{metric: ^uint32(0)}
	for _, g := range gateways {
		if g.addr.Is4() == e.Source.Is4() && (!known || g.index == in.Index) && (!best.addr.IsValid() || g.metric < best.metric) {
			best = g
		}
	}
	e.Gateway = best.addr
}

// systemInterfaces lists interfaces through package net.
func systemInterfaces(context.Context) ([]platform.Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	list := make([]platform.Interface, 0, len(all))
	for _, in := range all {
		addrs, err := in.Addrs()
		if err != nil {
			continue // it has gone since
		}
		const running = net.FlagUp | net.FlagRunning
		list = append(list, platform.Interface{
			Name: in.Name, Index: in.Index, MTU: in.MTU,
			Running:      in.Flags&running == running,
			Loopback:     in.Flags&net.FlagLoopback != 0,
			PointToPoint: in.Flags&net.FlagPointToPoint != 0,
			Multicast:    in.Flags&net.FlagMulticast != 0,
			CLAT:         isCLAT(in.Name),
			Addrs:        prefixes(addrs),
		})
	}
	return list, nil
}

func prefixes(addrs []net.Addr) []platform.InterfaceAddr {
	list := make([]platform.InterfaceAddr, 0, len(addrs))
	for _, a := range addrs {
		ipnet, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		ip, ok := netip.AddrFromSlice(ipnet.IP)
		bits, size := ipnet.Mask.Size()
		if !ok || size == 0 {
			continue
		}
		ip = ip.Unmap()
		if size > ip.BitLen() {
			bits -= size - ip.BitLen() // an IPv4 address with the mask of its IPv6 form
		}
		if prefix := netip.PrefixFrom(ip, bits); prefix.IsValid() {
			list = append(list, platform.InterfaceAddr{Prefix: prefix})
		}
	}
	return list
}

// isCLAT goes by the names that clatd and Android use; there is no flag for it.
func isCLAT(name string) bool {
	return strings.HasPrefix(name, "clat") || strings.HasPrefix(name, "v4-")
}
