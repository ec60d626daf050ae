package attach

import (
	"context"
	"time"

	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/rpc"
	"github.com/voile-net/voile/core/wire"
)

// How many pings may be under way (spec 04 §6.1).
const (
	maxPings      = 32
	maxKeepalives = 16
)

// ping asks the peers of a domain that are due whether they still answer.
func (s *session) ping(domain wire.RoutingDomain, now time.Time) {
	for _, p := range s.cfg.Table.PingCandidates(domain, now) {
		d := rpc.Node(p.Entry, p.Sequencing).Over(p.Filter.Protocols, p.Filter.Families)
		if !s.try(&s.pinging, maxPings, func(ctx context.Context) {
			first := !p.Entry.Answered()
			if _, err := s.cfg.RPC.Status(ctx, d); err == nil && first {
				s.poke() // a new peer that answers can be a hop or a relay
			}
		}) {
			return
		}
	}
}

// pingRelays keeps the flows to our relays open (spec 04 §6.2).
func (s *session) pingRelays(own *routing.Own, now time.Time) {
	for _, p := range own.RelayPings(now) {
		s.try(&s.keepalives, maxKeepalives, func(ctx context.Context) {
			s.cfg.RPC.Status(ctx, rpc.NodeAt(p.Relay, p.DialInfo))
		})
	}
}
