package route

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/sorting"
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
	cfg := s.Config()
	hops, err := cfg.hopCount(w.spec.HopCount, w.safe)
	if err != nil {
		return picked{}, err
	}
	shortest := hops
	if s.cfg.ShortRoutes {
		shortest = 1
	}
	var silent picked // fits, but should be replaced; its id is zero if there is none
	find := func() (picked, bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		a, good := s.findLocked(w, hops, shortest, now)
		if a == nil {
			return picked{}, false
		}
		p := a.pickLocked(w.kind)
		if !good {
			silent = p
		}
		return p, good
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
		switch {
		case err == nil:
			return p, nil
		case errors.Is(err, ErrTryAgain) && !silent.id.IsZero():
			return silent, nil
		case !errors.Is(err, ErrTryAgain) || hops <= shortest:
			return picked{}, err
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
// network that may use them, shorter ones. A route that is not good has gone silent,
// and so have all that fit; there are few enough of them to make another.
func (s *Store) findLocked(w wanted, hops, shortest int, now time.Time) (_ *allocated, good bool) {
	if a := s.routes[w.spec.Preferred]; a != nil && a.keyOf(w.kind) != nil && !a.hasAny(w.avoid) {
		return a, true
	}
	var first *allocated
	silent := 0
	for ; hops >= shortest; hops-- {
		orderings := []Ordering{PreferredOrdering(w.spec.Sequencing)}
		if orderings[0] == Unordered {
			orderings = append(orderings, Ordered)
		}
		for _, ordering := range orderings {
			a, n := s.poolLocked(w, hops, ordering, now)
			switch {
			case a == nil:
				continue
			case n == 0:
				return a, true
			case first == nil:
				first = a
			}
			silent += n
		}
		if first != nil { // one of this length can be made: fewer hops hide less
			break
		}
	}
	return first, silent >= s.cfg.BackgroundRoutes
}

// poolLocked chooses among the fitting routes of one length and ordering. silent
// counts them if all have gone silent.
func (s *Store) poolLocked(w wanted, hops int, ordering Ordering, now time.Time) (_ *allocated, silent int) {
	type choice struct {
		a        *allocated
		silent   bool
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
			silent:   a.stats.per[ordering].suspect(),
			lost:     !w.destination.IsZero() && a.stats.lostTo(w.destination, w.epoch),
			untested: s.cfg.needsTest(&a.stats.per[ordering], now),
			unstable: a.stability < w.spec.Stability,
			latency:  a.stats.latency.average(),
		})
	}
	if len(fit) == 0 {
		return nil, 0
	}
	sorting.By(fit, func(x, y choice) int {
		return cmp.Or(
			compareBool(x.silent, y.silent),
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
	pool := lead(func(c choice) bool { return !c.silent && !c.lost && !c.untested && !c.unstable })
	if pool == 0 {
		pool = lead(func(c choice) bool { return !c.silent && !c.lost })
	}
	if pool == 0 {
		pool = lead(func(c choice) bool { return !c.silent })
	}
	if pool == 0 {
		pool, silent = len(fit), len(fit)
	}
	if pool == 1 {
		return fit[0].a, silent
	}
	s.turn++
	return fit[(s.turn-1)%uint64(pool)].a, silent
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
