package route

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// wanted is the input of a selection (spec 05 §15).
type wanted struct {
	kind        crypto.Kind
	spec        SafetySpec
	directions  Directions
	avoid       []crypto.NodeID
	safe        bool             // the destination is itself hidden by a route
	destination crypto.PublicKey // zero: losses do not matter
	epoch       lossEpoch
}

// hopCount applies the double-length rule (spec 05 §15 rules 1 and 2).
func (c *Config) hopCount(requested int, safe bool) (int, error) {
	switch {
	case requested < 1:
		return 0, ErrHopCount
	case requested > c.MaxHopCount:
		return 0, ErrTooManyHops
	case !safe && requested < c.UnsafeHopCount():
		return min(2*requested, c.MaxHopCount), nil
	}
	return requested, nil
}

// picked is what is needed of an allocated route to send over it, taken while the
// store was locked.
type picked struct {
	id       crypto.RouteID
	key      routeKey
	ordering Ordering
	proved   bool // has ever been valid: the default of optimized (spec 05 §4)
}

// pickLocked takes the part of a kind, which the route must have.
func (a *allocated) pickLocked(kind crypto.Kind) picked {
	return picked{id: a.id, key: *a.keyOf(kind), ordering: a.ordering, proved: !a.stats.lastValid().IsZero()}
}

// selectRoute finds a route for a message, or allocates one (spec 05 §15).
func (s *Store) selectRoute(w wanted, now time.Time) (picked, error) {
	hops, err := s.cfg.hopCount(w.spec.HopCount, w.safe)
	if err != nil {
		return picked{}, err
	}
	shortest := hops
	if s.cfg.ShortRoutes {
		shortest = 1
	}
	find := func() (picked, bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		a := s.findLocked(w, hops, shortest, now)
		if a == nil {
			return picked{}, false
		}
		return a.pickLocked(w.kind), true
	}
	if p, ok := find(); ok {
		return p, nil
	}
	s.allocating.Lock()
	defer s.allocating.Unlock()
	if p, ok := find(); ok { // made while we waited
		return p, nil
	}
	for ; ; hops-- {
		p, err := s.allocateFor(w, hops, now)
		if err == nil || !errors.Is(err, ErrTryAgain) || hops <= shortest {
			return p, err
		}
	}
}

// allocateFor makes an automatic route; where none of datagram links can be made, one
// of ordered links (spec 05 §15 rule 5).
func (s *Store) allocateFor(w wanted, hops int, now time.Time) (picked, error) {
	req := AllocateRequest{
		Kinds:      s.crypto.Kinds(),
		HopCount:   hops,
		Directions: Both,
		Stability:  w.spec.Stability,
		Ordering:   PreferredOrdering(w.spec.Sequencing),
		Avoid:      w.avoid,
		Automatic:  true,
	}
	own := s.nodes.Published()
	if own != nil && !own.Info.OutboundProtocols.Has(wire.UDP) {
		req.Ordering = Ordered
	}
	p, err := s.allocateExclusive(req, w.kind, now)
	if err != nil && req.Ordering == Unordered && errors.Is(err, ErrTryAgain) {
		req.Ordering = Ordered
		p, err = s.allocateExclusive(req, w.kind, now)
	}
	return p, err
}

// findLocked is rules 3 and 4 of spec 05 §15, for the wanted length and, in a
// network that may use them, shorter ones.
func (s *Store) findLocked(w wanted, hops, shortest int, now time.Time) *allocated {
	if a := s.routes[w.spec.Preferred]; a != nil && a.keyOf(w.kind) != nil && !a.hasAny(w.avoid) {
		return a
	}
	for ; hops >= shortest; hops-- {
		ordering := PreferredOrdering(w.spec.Sequencing)
		if a := s.poolLocked(w, hops, ordering, now); a != nil {
			return a
		}
		if ordering == Unordered {
			if a := s.poolLocked(w, hops, Ordered, now); a != nil {
				return a
			}
		}
	}
	return nil
}

// poolLocked chooses among the fitting routes of one length and ordering.
func (s *Store) poolLocked(w wanted, hops int, ordering Ordering, now time.Time) *allocated {
	type choice struct {
		a        *allocated
		lost     bool
		untested bool
		unstable bool
		latency  time.Duration
	}
	var fit []choice
	for _, a := range s.routes {
		if a.ordering != ordering || a.marked || s.deadLocked(a) || len(a.hops) != hops ||
			a.directions&w.directions != w.directions || a.keyOf(w.kind) == nil ||
			a.published || a.hasAny(w.avoid) {
			continue
		}
		fit = append(fit, choice{
			a:        a,
			lost:     !w.destination.IsZero() && a.stats.lostTo(w.destination, w.epoch),
			untested: s.cfg.needsTest(&a.stats.per[ordering], now),
			unstable: a.stability < w.spec.Stability,
			latency:  a.stats.latency.average(),
		})
	}
	if len(fit) == 0 {
		return nil
	}
	slices.SortFunc(fit, func(x, y choice) int {
		return cmp.Or(
			compareBool(x.lost, y.lost),
			compareBool(x.untested, y.untested),
			compareBool(x.unstable, y.unstable),
			cmp.Compare(x.latency, y.latency),
			slices.Compare(x.a.id.Value[:], y.a.id.Value[:]), // the map has no order
		)
	})
	lead := func(good func(choice) bool) int {
		n := 0
		for n < len(fit) && good(fit[n]) {
			n++
		}
		return n
	}
	pool := lead(func(c choice) bool { return !c.lost && !c.untested && !c.unstable })
	if pool == 0 {
		pool = lead(func(c choice) bool { return !c.lost })
	}
	if pool == 0 {
		pool = len(fit)
	}
	if pool == 1 {
		return fit[0].a
	}
	s.turn++
	return fit[(s.turn-1)%uint64(pool)].a
}

// compareBool sorts false first.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
