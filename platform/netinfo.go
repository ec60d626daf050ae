package platform

import (
	"context"
	"net/netip"
)

// NetInfo tells the facts of the device's network (spec 04 §2.2, spec 02 §2.4).
// It says what there is; which addresses a node publishes is decided in core.
//
//   - Methods may be called from any goroutine.
//   - Network gives a new value at each call, which the caller owns. It may take
//     milliseconds; it sends nothing.
//   - Changed is the same channel at each call. It receives a value after a
//     change of interfaces, addresses or routes; several changes may be one
//     value, and a value may come without a visible change. One reader gets it.
//     It is nil where the adapter cannot notice: ask Network at intervals.
//   - Close ends notifications, waits for its goroutine and may be called twice.
//     The channel is then silent, not closed. Network returns [ErrClosed].
type NetInfo interface {
	Network(ctx context.Context) (Network, error)
	Changed() <-chan struct{}
	Close() error
}

// Network is the state of the device's network at one moment.
type Network struct {
	Interfaces []Interface // in the order of the operating system
	Egress4    Egress      // for IPv4 towards the internet
	Egress6    Egress      // for IPv6

	// Hidden: the platform shows none of this, as a browser does not. Only trying
	// tells which families work.
	Hidden bool
	// Offline: a platform that hides its network says at least that there is none.
	// It can be wrong, and the device itself can still be reached.
	Offline bool
	// Changes counts the changes that such a platform has told of.
	Changes int
}

// Interface is one network interface.
type Interface struct {
	Name         string
	Index        int // of the operating system; 0: unknown
	MTU          int // bytes; 0: unknown
	Running      bool
	Loopback     bool
	PointToPoint bool
	Multicast    bool
	CLAT         bool // carries IPv4 over an IPv6-only network (464XLAT)
	Addrs        []InterfaceAddr
}

// InterfaceAddr is one address of an interface. IPv4 addresses have their
// 4-byte form, addresses have no zone.
type InterfaceAddr struct {
	Prefix     netip.Prefix // the address, not masked, with the length of its network
	Temporary  bool         // IPv6 privacy address; false where the adapter cannot tell
	Deprecated bool         // IPv6 address not to be used for new flows; false likewise
}

// Egress is the way packets of a family leave the device.
type Egress struct {
	Source    netip.Addr // chosen by the kernel; zero: no route, all else is zero too
	Interface string     // that has Source; empty: unknown
	MTU       int        // of that interface; 0: unknown
	// Gateway is the next hop of a default route. Zero: none, or unknown.
	Gateway netip.Addr
	// GatewayKnown is false where the adapter cannot read routes; then having a
	// Source is all there is to go by.
	GatewayKnown bool
}

// ByName finds an interface.
func (n *Network) ByName(name string) (*Interface, bool) {
	for i := range n.Interfaces {
		if n.Interfaces[i].Name == name {
			return &n.Interfaces[i], true
		}
	}
	return nil, false
}
