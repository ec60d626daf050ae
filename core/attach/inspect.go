package attach

import "github.com/voile-net/voile/core/transport"

// BoundAddrs is where the transports listen, nil while the network is not started.
func (a *Attacher) BoundAddrs() []transport.Bound {
	if s := a.current.Load(); s != nil {
		return s.stack.BoundAddrs()
	}
	return nil
}
