package detect

import (
	"context"
	"net/netip"

	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/wire"
)

// Port is a port of ours that a gateway can pass on to us.
type Port struct {
	Protocol wire.ProtocolType // low level: UDP or TCP
	Family   wire.AddressType
	Number   uint16
}

// String is a short name such as "UDP/IPV4:5150".
func (p Port) String() string {
	return routing.Transport{Protocol: p.Protocol, Family: p.Family}.String() + ":" + itoa(p.Number)
}

// PortMapper asks the gateway of the local network to pass ports on to us
// (spec 04 §9.5). It keeps what it has mapped alive by itself: a lease of 120 s is
// renewed at half its life, then at half of what remains, three attempts in all;
// then the mapping is removed and made anew.
//
// Methods block until they are done or ctx ends, and may be called from any
// goroutine. After Close, Map fails and the others do nothing.
type PortMapper interface {
	// Prepare looks for the gateway, ahead of need, unless it is known. What it
	// finds out is for Map to tell.
	Prepare(ctx context.Context)
	// Map has a port passed on and returns the address that others reach it at,
	// with a valid address and a port that need not be ours. It looks for the
	// gateway if that is not known. A port that is mapped already stays as it is.
	// Without gateway, and for a family that it does not map, it is an error.
	Map(ctx context.Context, p Port) (netip.AddrPort, error)
	// Unmap takes a mapping back. It does nothing about a port that is not mapped.
	Unmap(ctx context.Context, p Port)
	// Clear takes all mappings back and forgets the gateway: the network of the
	// device ends or is another.
	Clear(ctx context.Context)
	// Lost is the same channel at each call. It receives a value after a mapping
	// is gone and could not be made anew, or only at another address: the network
	// should be started anew. Several losses may be one value; one reader gets it.
	// It is never closed.
	Lost() <-chan struct{}
	// Close takes all mappings back, waits for all goroutines, and may be called
	// twice.
	Close() error
}
