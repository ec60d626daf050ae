package route

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/sorting"
)

// Health is what a management run must know of this node.
type Health struct {
	Online    bool
	Degraded  bool // by stalls or bursts: failures may be our own
	Datagrams bool // we have an outbound datagram protocol
	Streams   bool // we have an outbound ordered protocol
}

// Wanted is a background route to be allocated.
type Wanted struct {
	HopCount int
	Ordering Ordering
}

// Request is what to allocate.
func (w Wanted) Request() AllocateRequest {
	return AllocateRequest{
		HopCount: w.HopCount, Ordering: w.Ordering,
		Directions: Both, Stability: Reliable, Automatic: true,
	}
}

// Change tells the application of routes that are gone (spec 05 §17.5).
type Change struct {
	Dead       []crypto.RouteID // allocated, not automatic
	DeadRemote []crypto.RouteID
}

// Plan is what a management run has decided. The releases have happened; everything
// else is for the caller to do, in the order of the fields: at most four tests and
// four keepalives at a time, tests of remote routes last.
type Plan struct {
	Test       []LoopTest
	Keepalive  []LoopTest
	Allocate   []Wanted // ordered ones first, the lengths alternating; test them with TestNow
	TestRemote []crypto.RouteID
	Released   []crypto.RouteID
	Change     *Change // nil: nothing to tell
}

// cell is a pool of background routes.
type cell = Wanted

// Manage is one run of the management tick (spec 05 §17.2). Call it every second while
// our peer info is published, bootstrap is done and enough nodes were tested. What it
// puts in for a test counts as being tested from now on.
func (s *Store) Manage(health Health, now time.Time) Plan {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setOnlineLocked(health.Online)
	var plan Plan
	routes := s.sortedLocked()
	cells := make(map[cell][]*allocated)
	lengths := s.backgroundLengths()
	for _, a := range routes {
		o := &a.stats.per[a.ordering]
		switch {
		case a.marked:
			if a.uses == 0 {
				s.retireLocked(a, &plan)
			}
		case !s.cfg.needsTest(o, now):
		case a.published || o.lastValid.IsZero():
			s.testLocked(a, &plan, now)
		case a.automatic && slices.Contains(lengths, len(a.hops)):
			c := cell{len(a.hops), a.ordering}
			cells[c] = append(cells[c], a)
		case a.automatic:
			s.retireLocked(a, &plan)
		case a.retest: // a route of the application is otherwise left alone
			s.testLocked(a, &plan, now)
		}
	}
	for _, pool := range cells {
		sorting.Stable(pool, func(x, y *allocated) int { // routes were sorted by id
			lx, ly := x.stats.latency.average(), y.stats.latency.average()
			return cmp.Or(compareBool(lx == 0, ly == 0), cmp.Compare(lx, ly))
		})
		for i, a := range pool {
			if i < s.cfg.BackgroundRoutes {
				s.testLocked(a, &plan, now)
			} else {
				s.retireLocked(a, &plan)
			}
		}
	}
	s.resumeLocked(routes, health, &plan, now)
	s.keepaliveLocked(routes, &plan, now)
	plan.Allocate = s.missingLocked(lengths, health)
	s.manageRemotesLocked(health, &plan, now)
	plan.Change = s.takeChangeLocked()
	sorting.Stable(plan.Test, func(x, y LoopTest) int { // ordered routes make us ready
		return compareBool(x.Ordering == Unordered, y.Ordering == Unordered)
	})
	return plan
}

// sortedLocked lists our routes by their ids.
func (s *Store) sortedLocked() []*allocated {
	routes := make([]*allocated, 0, len(s.routes))
	for _, a := range s.routes {
		routes = append(routes, a)
	}
	sorting.By(routes, func(x, y *allocated) int { return bytes.Compare(x.id.Value[:], y.id.Value[:]) })
	return routes
}

// backgroundLengths is the default lengths, each once.
func (s *Store) backgroundLengths() []int {
	c := s.Config()
	return slices.Compact([]int{c.DefaultHopCount, c.UnsafeHopCount()})
}

func (s *Store) retireLocked(a *allocated, plan *Plan) {
	if a.uses > 0 { // released when the last operation ends
		a.marked = true
		return
	}
	s.releaseLocked(a)
	plan.Released = append(plan.Released, a.id)
}

// testLocked puts a route in for a test, unless it was shortly before. One that has
// just failed is not waited for as long: who relies on it wants to know.
func (s *Store) testLocked(a *allocated, plan *Plan, now time.Time) {
	spacing := s.cfg.TestSpacing
	if a.retest {
		spacing = min(spacing, s.cfg.Timeout)
	}
	if !a.tested.IsZero() && now.Sub(a.tested) < spacing {
		return
	}
	s.beginLocked(a, now)
	plan.Test = append(plan.Test, LoopTest{ID: a.id, Ordering: a.ordering})
}

func (s *Store) beginLocked(a *allocated, now time.Time) {
	o := &a.stats.per[a.ordering]
	a.tested, a.retest = now, false
	o.lastLoopback, o.putOffTest = now, false
}

// resumeLocked runs the tests whose failure was put off (spec 05 §17.2 step 2).
func (s *Store) resumeLocked(routes []*allocated, health Health, plan *Plan, now time.Time) {
	if health.Degraded || !health.Online {
		return
	}
	for _, a := range routes {
		if !a.marked && a.stats.per[a.ordering].putOffTest {
			s.beginLocked(a, now)
			plan.Test = append(plan.Test, LoopTest{ID: a.id, Ordering: a.ordering})
		}
	}
}

// keepaliveLocked is step 3: real traffic does not replace a loopback.
func (s *Store) keepaliveLocked(routes []*allocated, plan *Plan, now time.Time) {
	for _, a := range routes {
		o := &a.stats.per[a.ordering]
		if a.marked || !o.lastLoopback.IsZero() && now.Sub(o.lastLoopback) < s.cfg.KeepaliveInterval {
			continue
		}
		o.lastLoopback = now
		plan.Keepalive = append(plan.Keepalive, LoopTest{ID: a.id, Ordering: a.ordering})
	}
}

// missingLocked is step 4, what the background pools lack (spec 05 §16).
func (s *Store) missingLocked(lengths []int, health Health) []Wanted {
	have := make(map[cell]int)
	for _, a := range s.routes {
		if a.automatic && !a.published && !a.marked {
			have[cell{len(a.hops), a.ordering}]++
		}
	}
	var list []Wanted
	for _, ordering := range []Ordering{Ordered, Unordered} {
		if ordering == Ordered && !health.Streams || ordering == Unordered && !health.Datagrams {
			continue
		}
		for n := range s.cfg.BackgroundRoutes {
			for _, length := range lengths {
				if c := (cell{length, ordering}); have[c]+n < s.cfg.BackgroundRoutes {
					list = append(list, c)
				}
			}
		}
	}
	return list
}

// manageRemotesLocked is step 5. Listing the imported routes keeps them from expiring.
func (s *Store) manageRemotesLocked(health Health, plan *Plan, now time.Time) {
	s.remotes.RemoveFunc(func(id crypto.RouteID, p **remote) bool {
		r := *p
		if r.expired(now, s.cfg.RemoteExpiry) {
			return false
		}
		r.touched = now
		resume := r.putOff && health.Online && !health.Degraded
		spaced := r.tested.IsZero() || now.Sub(r.tested) >= s.cfg.TestSpacing
		if s.cfg.remoteNeedsTest(&r.stats, now) && (spaced && !r.putOff || resume) {
			r.tested, r.putOff = now, false
			plan.TestRemote = append(plan.TestRemote, id)
		}
		return false
	})
}

func (s *Store) takeChangeLocked() *Change {
	if len(s.deadRoutes) == 0 && len(s.deadRemotes) == 0 {
		return nil
	}
	c := &Change{Dead: s.deadRoutes, DeadRemote: s.deadRemotes}
	s.deadRoutes, s.deadRemotes = nil, nil
	return c
}

// TakeChange is the routes that are gone since the last time; nil: none. It is for a
// node whose management does not run; [Store.Manage] does it itself.
func (s *Store) TakeChange() *Change {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.takeChangeLocked()
}
