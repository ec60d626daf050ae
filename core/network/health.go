package network

import (
	"cmp"
	"time"

	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/core/wire"
)

// TransportHealth says how sends over a transport that we dialled went lately, as
// far as that speaks against it.
type TransportHealth struct {
	Transport  routing.Transport
	Failed     int       // in a row, without a success between
	Peers      int       // how many different ones, at most 4
	Suppressed bool      // nothing goes over it but a trial now and then
	Trial      time.Time // the last one; zero: none
}

// Health lists the transports that have failed since their last success, and the
// protocols whose failures are taken for our own fault.
func (m *Manager) Health() (list []TransportHealth, suspects []wire.ProtocolType) {
	o := &m.outcomes
	o.mu.Lock()
	defer o.mu.Unlock()
	for t, r := range o.transports {
		list = append(list, TransportHealth{t, r.count, r.n, r.over(), r.trial})
	}
	sorting.By(list, func(a, b TransportHealth) int {
		return cmp.Or(cmp.Compare(a.Transport.Protocol, b.Transport.Protocol), cmp.Compare(a.Transport.Family, b.Transport.Family))
	})
	for _, p := range []wire.ProtocolType{wire.UDP, wire.TCP} {
		if o.classes[class(p)].n >= suspectPeers {
			suspects = append(suspects, p)
		}
	}
	return list, suspects
}

// ForgetHealth forgets what speaks against transports.
func (m *Manager) ForgetHealth() {
	o := &m.outcomes
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.transports)
	o.classes = [2]failureRun{}
}
