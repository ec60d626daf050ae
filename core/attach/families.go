package attach

import (
	"context"
	"sync"
	"time"

	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/rpc"
	"github.com/voile-net/voile/core/wire"
)

// Numbers of the family probe (spec 04 §14).
const (
	maxFamilyProbes   = 8 // at once
	condemnedBy       = 3 // failures
	familyProbePause  = 5 * time.Second
	condemnedFamilies = 30 * time.Second // until all are tried again when none worked
)

// familyProbe finds out which address families work where the platform does not
// tell, as in a browser. A family counts once a node has answered over it; a family
// that is not needed for that is tried when enough nodes are known. The fields but
// since are guarded by mu.
type familyProbe struct {
	mu       sync.Mutex
	since    time.Time // answers from then on count
	failures map[wire.AddressType]int
	asked    map[wire.AddressType]time.Time
	deferred time.Time // when all were condemned; zero: they are not
}

func newFamilyProbe(now time.Time) *familyProbe {
	p := &familyProbe{}
	p.begin(now)
	return p
}

// begin forgets what was found out.
func (p *familyProbe) begin(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.since, p.deferred = now, time.Time{}
	p.failures, p.asked = map[wire.AddressType]int{}, map[wire.AddressType]time.Time{}
}

// probeFamilies confirms families that work, and asks over those that nobody has
// answered over yet. What is confirmed is published; a further family joins later.
func (s *session) probeFamilies(own *routing.Own, now time.Time) {
	p := s.probe
	p.mu.Lock()
	since := p.since
	if !p.deferred.IsZero() && now.Sub(p.deferred) >= condemnedFamilies {
		p.deferred, p.failures = time.Time{}, map[wire.AddressType]int{}
	}
	p.mu.Unlock()
	var confirmed, condemned wire.AddressSet
	for _, f := range []wire.AddressType{wire.IPv4, wire.IPv6} {
		switch {
		case !s.families.Has(f):
		case s.cfg.Table.AnsweredOver(f, since):
			confirmed |= wire.Addresses(f)
		case p.isCondemned(f):
			condemned |= wire.Addresses(f)
		default:
			s.askOver(f, since, now)
		}
	}
	if confirmed == 0 {
		if condemned == s.families {
			p.deferAll(now)
		}
		return
	}
	setup := own.Setup()
	if setup.Families == confirmed && own.Confirmed() {
		return
	}
	setup.Families = confirmed
	own.SetSetup(setup)
	own.SetConfirmed(true)
	s.log.Info("address families confirmed", "ipv4", confirmed.Has(wire.IPv4), "ipv6", confirmed.Has(wire.IPv6))
	s.poke()
}

func (p *familyProbe) isCondemned(f wire.AddressType) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failures[f] >= condemnedBy
}

func (p *familyProbe) deferAll(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.deferred.IsZero() {
		p.deferred = now
	}
}

// askOver asks nodes over a family; that they answer is seen in the table.
func (s *session) askOver(f wire.AddressType, since, now time.Time) {
	p := s.probe
	p.mu.Lock()
	early := now.Sub(p.asked[f]) < familyProbePause
	p.mu.Unlock()
	if early {
		return
	}
	probes := s.cfg.Table.FamilyProbes(f, since, maxFamilyProbes, now)
	if len(probes) == 0 {
		return
	}
	p.mu.Lock()
	p.asked[f] = now
	p.mu.Unlock()
	for _, probe := range probes {
		s.try(&s.pinging, maxPings, func(ctx context.Context) {
			_, err := s.cfg.RPC.Status(ctx, rpc.NodeAt(probe.Entry, probe.DialInfo))
			if err == nil {
				s.poke()
				return
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.since.Equal(since) && ctx.Err() == nil {
				p.failures[f]++
			}
		})
	}
}
