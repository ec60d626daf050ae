//go:build linux && !android

package netinfo

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"os"
	"sync"
	"syscall"

	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/platform"
)

// Of linux/if_addr.h, linux/rtnetlink.h.
const (
	attrFlags       = 8 // IFA_FLAGS
	flagTemporary   = 0x01
	flagDeprecated  = 0x20
	watchedGroups   = 0x1 | 0x10 | 0x100 | 0x40 | 0x400 // links, IPv4 and IPv6 addresses, IPv4 and IPv6 routes
	attrVia         = 18                                // RTA_VIA: a next hop of the other family
	netlinkBuffer   = 32 << 10
	nextHopSize     = 8  // struct rtnexthop
	routeHeadSize   = 12 // struct rtmsg
	addressHeadSize = 8  // struct ifaddrmsg
	attrHeadSize    = 4  // struct rtattr
)

// Open starts watching the network.
func Open(ctx context.Context, panicked guard.Handler) (*Info, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("network facts: %w", err)
	}
	i := &Info{list: linuxInterfaces, gateways: linuxGateways, changed: make(chan struct{}, 1)}
	w, err := watch(i.Notify, panicked)
	if err != nil {
		return nil, fmt.Errorf("watch the network: %w", err)
	}
	i.watcher = w
	return i, nil
}

// watcher reads change messages of the kernel. Goroutines: one.
type watcher struct {
	socket *os.File
	wg     sync.WaitGroup
}

func watch(changed func(), panicked guard.Handler) (*watcher, error) {
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, syscall.NETLINK_ROUTE)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK, Groups: watchedGroups}); err != nil {
		return nil, errors.Join(os.NewSyscallError("bind", err), syscall.Close(fd))
	}
	w := &watcher{socket: os.NewFile(uintptr(fd), "netlink")} // non-blocking, so that Close ends a Read
	panicked.Go(&w.wg, func() {
		buf := make([]byte, netlinkBuffer)
		for {
			_, err := w.socket.Read(buf)
			if err != nil && !errors.Is(err, syscall.ENOBUFS) { // messages were lost: a change all the same
				return // closed; the kernel has no other way to end this
			}
			changed()
		}
	})
	return w, nil
}

func (w *watcher) Close() error {
	err := w.socket.Close()
	w.wg.Wait()
	return err
}

// linuxInterfaces adds what package net leaves out.
func linuxInterfaces(ctx context.Context) ([]platform.Interface, error) {
	list, err := systemInterfaces(ctx)
	if err != nil {
		return nil, err
	}
	rib, err := syscall.NetlinkRIB(syscall.RTM_GETADDR, syscall.AF_INET6)
	if err != nil {
		return nil, os.NewSyscallError("netlink addresses", err)
	}
	flags, err := parseAddrFlags(rib)
	if err != nil {
		return nil, err
	}
	for i := range list {
		for j := range list[i].Addrs {
			a := &list[i].Addrs[j]
			f := flags[indexedAddr{list[i].Index, a.Prefix.Addr()}]
			a.Temporary, a.Deprecated = f&flagTemporary != 0, f&flagDeprecated != 0
		}
	}
	return list, nil
}

type indexedAddr struct {
	index int
	addr  netip.Addr
}

// parseAddrFlags reads the flags of IPv6 addresses out of an address dump.
func parseAddrFlags(rib []byte) (map[indexedAddr]uint32, error) {
	messages, err := syscall.ParseNetlinkMessage(rib)
	if err != nil {
		return nil, os.NewSyscallError("netlink message", err)
	}
	flags := make(map[indexedAddr]uint32)
	for _, m := range messages {
		if m.Header.Type != syscall.RTM_NEWADDR || len(m.Data) < addressHeadSize || m.Data[0] != syscall.AF_INET6 {
			continue
		}
		f := uint32(m.Data[2]) // the low byte; the attribute has them all
		key := indexedAddr{index: int(binary.NativeEndian.Uint32(m.Data[4:]))}
		for kind, value := range attributes(m.Data[addressHeadSize:]) {
			switch {
			case kind == syscall.IFA_ADDRESS:
				key.addr, _ = netip.AddrFromSlice(value)
			case kind == attrFlags && len(value) == 4:
				f = binary.NativeEndian.Uint32(value)
			}
		}
		flags[key] = f
	}
	return flags, nil
}

func linuxGateways() ([]gateway, error) {
	rib, err := syscall.NetlinkRIB(syscall.RTM_GETROUTE, syscall.AF_UNSPEC)
	if err != nil {
		return nil, os.NewSyscallError("netlink routes", err)
	}
	return parseGateways(rib)
}

// parseGateways reads the default routes with a gateway out of a route dump,
// of all tables: with several (VPN, policy routing) the interface decides.
func parseGateways(rib []byte) ([]gateway, error) {
	messages, err := syscall.ParseNetlinkMessage(rib)
	if err != nil {
		return nil, os.NewSyscallError("netlink message", err)
	}
	var list []gateway
	for _, m := range messages {
		if m.Header.Type != syscall.RTM_NEWROUTE || len(m.Data) < routeHeadSize {
			continue
		}
		if destinationBits, kind := m.Data[1], m.Data[7]; destinationBits != 0 || kind != syscall.RTN_UNICAST {
			continue
		}
		var g gateway
		var hops []gateway
		for kind, value := range attributes(m.Data[routeHeadSize:]) {
			switch {
			case kind == syscall.RTA_GATEWAY:
				g.addr, _ = netip.AddrFromSlice(value)
			case kind == attrVia:
				g.addr = via(value)
			case kind == syscall.RTA_OIF && len(value) == 4:
				g.index = int(binary.NativeEndian.Uint32(value))
			case kind == syscall.RTA_PRIORITY && len(value) == 4:
				g.metric = binary.NativeEndian.Uint32(value)
			case kind == syscall.RTA_MULTIPATH:
				hops = parseNextHops(value)
			}
		}
		for _, hop := range append(hops, g) {
			if hop.metric = g.metric; hop.addr.IsValid() {
				list = append(list, hop)
			}
		}
	}
	return list, nil
}

// parseNextHops reads the struct rtnexthop list of a route over several gateways.
func parseNextHops(b []byte) []gateway {
	var list []gateway
	for len(b) >= nextHopSize {
		size := int(binary.NativeEndian.Uint16(b))
		if size < nextHopSize || size > len(b) {
			return list
		}
		g := gateway{index: int(binary.NativeEndian.Uint32(b[4:]))}
		for kind, value := range attributes(b[nextHopSize:size]) {
			switch kind {
			case syscall.RTA_GATEWAY:
				g.addr, _ = netip.AddrFromSlice(value)
			case attrVia:
				g.addr = via(value)
			}
		}
		list = append(list, g)
		b = b[min((size+3)&^3, len(b)):]
	}
	return list
}

// attributes yields the struct rtattr list b: kind and value. It ends where the
// list is malformed; the parser of package syscall panics there.
func attributes(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= attrHeadSize {
			size, kind := int(binary.NativeEndian.Uint16(b)), binary.NativeEndian.Uint16(b[2:])
			if size < attrHeadSize || size > len(b) || !yield(kind, b[attrHeadSize:size]) {
				return
			}
			b = b[min((size+3)&^3, len(b)):] // each begins at a multiple of 4
		}
	}
}

// via reads struct rtvia: a family and an address.
func via(b []byte) netip.Addr {
	if len(b) < 2 {
		return netip.Addr{}
	}
	addr, _ := netip.AddrFromSlice(b[2:])
	return addr
}
