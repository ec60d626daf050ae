package network

import (
	"sync/atomic"

	"github.com/voile-net/voile/core/routing"
)

// attempts count how the choice of a contact method came out, message by message. What
// was sent by a method is counted by reached.
type attempts struct {
	failed                         [routing.ContactInboundRelay + 1]atomic.Uint64
	noDomain, noMethod, suppressed outcome
}

type outcome struct{ sent, failed atomic.Uint64 }

func (o *outcome) count(err error) {
	if err == nil {
		o.sent.Add(1)
	} else {
		o.failed.Add(1)
	}
}

// Attempt counts messages for which the choice of a contact method came out alike.
type Attempt struct {
	// Method is that of a routing.ContactKind; or NoRoutingDomain, NoContactMethod, or
	// TransportSuppressed, when the method's transport is failing for everybody: then
	// a live flow of the node is all there is.
	Method       string
	Sent, Failed uint64
}

// Attempts says how the choices came out since the manager was made, of what was chosen
// at least once. What the sender gave up itself is not counted.
func (m *Manager) Attempts() []Attempt {
	a := &m.attempts
	list := make([]Attempt, 0, 3+len(a.failed))
	add := func(method string, sent, failed uint64) {
		if sent+failed > 0 {
			list = append(list, Attempt{method, sent, failed})
		}
	}
	add("NoRoutingDomain", a.noDomain.sent.Load(), a.noDomain.failed.Load())
	add("NoContactMethod", a.noMethod.sent.Load(), a.noMethod.failed.Load())
	add("TransportSuppressed", a.suppressed.sent.Load(), a.suppressed.failed.Load())
	for k := range a.failed {
		add(routing.ContactKind(k).String(), m.reached.by[k].Load(), a.failed[k].Load())
	}
	return list
}
