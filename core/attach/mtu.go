package attach

import (
	"context"
	"errors"
	"time"

	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/rpc"
	"github.com/voile-net/voile/core/wire"
)

// maxMTUProbes bounds the probes under way: 4 of each family (spec 04 §3.5).
const maxMTUProbes = 8

// mtuTick finds out the packet sizes that our links carry (spec 04 §3.5).
func (s *session) mtuTick(own *routing.Own, now time.Time) {
	probes, _ := own.MTUProbes(now)
	for _, p := range probes {
		if !s.try(&s.mtuProbes, maxMTUProbes, func(ctx context.Context) {
			outcome := s.probeMTU(ctx, p)
			if own.MTUProbeDone(p.DialInfo.AddressType(), outcome) {
				s.poke()
			}
		}) {
			own.MTUProbeDone(p.DialInfo.AddressType(), routing.MTUProbeUnknown)
		}
	}
}

// probeMTU sends a full and a plain question at once. The full one is lost if the
// plain one was answered and it was not within the larger of a third of the RPC
// timeout and three round trips.
func (s *session) probeMTU(ctx context.Context, p routing.MTUProbe) routing.MTUOutcome {
	d := rpc.NodeAt(p.Peer, p.DialInfo)
	full, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		both      guard.Group
		came      bool
		plainErr  error
		fullStart = time.Now()
	)
	both.Go(func() {
		size, err := s.cfg.RPC.ProbeMTU(full, d, p.Size)
		came = err == nil && size >= int(p.Size)-probeSlack
	})
	var roundTrip time.Duration
	roundTrip, plainErr = s.cfg.RPC.PlainProbe(ctx, d)
	if plainErr == nil {
		limit := max(3*roundTrip, s.cfg.Tuning.RPCTimeout*33/100)
		timer := time.AfterFunc(time.Until(fullStart.Add(limit)), cancel)
		defer timer.Stop()
	}
	both.Wait()
	switch {
	case came:
		return routing.MTUProbeFull
	case plainErr == nil && !errors.Is(ctx.Err(), context.Canceled):
		return routing.MTUProbeLost
	}
	return routing.MTUProbeUnknown
}

// probeSlack is how much shorter than its size a full datagram may be.
const probeSlack = 16

// DatagramLimit is the largest datagram that our interface takes in a family
// (spec 03 §6.1). It fits rpc.Config.
func DatagramLimit(t *routing.Table) func(wire.AddressType) int {
	return func(family wire.AddressType) int {
		udp, _ := routing.FullMTUs(family, t.Domains().Egress(family).MTU)
		return int(udp)
	}
}
