package network

import (
	"sync"

	"github.com/voile-net/voile/core/transport"
)

// acceptedFlows are the connections that others opened and that have said
// something, which the opening side does first (spec 02 §5.2). Everything else is
// dialled: a question that gets no answer there counts against the node (spec
// 04 §5.3). It holds no more than the table of connections. The zero value is
// ready.
type acceptedFlows struct {
	mu    sync.RWMutex // guards flows
	flows map[transport.Flow]struct{}
}

func (a *acceptedFlows) add(f transport.Flow) {
	if a.has(f) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.flows == nil {
		a.flows = make(map[transport.Flow]struct{})
	}
	a.flows[f] = struct{}{}
}

func (a *acceptedFlows) has(f transport.Flow) bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	_, ok := a.flows[f]
	return ok
}

func (a *acceptedFlows) remove(f transport.Flow) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.flows, f)
}
