package attach

import (
	"github.com/voile-net/voile/core/network"
	"github.com/voile-net/voile/core/transport"
)

// Between stands between the transports and the network manager, to make links
// worse than they are or to look at what they carry. Methods return quickly.
type Between interface {
	Handler(transport.Handler) transport.Handler
	Stack(*transport.Stack) network.Stack
}

// between gives what receives, and what stands before a stack that sends.
func (a *Attacher) between() (transport.Handler, func(*transport.Stack) network.Stack) {
	b := a.cfg.Between
	if b == nil {
		return a.cfg.Network, func(s *transport.Stack) network.Stack { return s }
	}
	return b.Handler(a.cfg.Network), b.Stack
}
