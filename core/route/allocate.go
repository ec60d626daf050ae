package route

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/core/wire"
)

// AllocateRequest describes a route to be made (spec 05 §16).
type AllocateRequest struct {
	Kinds      crypto.Kinds // empty: all
	HopCount   int
	Directions Directions // zero: Both
	Stability  Stability
	Ordering   Ordering
	Avoid      []crypto.NodeID
	Automatic  bool // by the library for itself; false: for the application
}

// Allocate makes a route of nodes that fit. It is not tested yet.
// Errors: [ErrHopCount], [ErrTooManyHops], [ErrKinds], [ErrTryAgain].
func (s *Store) Allocate(req AllocateRequest, now time.Time) (crypto.RouteID, error) {
	s.allocating.Lock()
	defer s.allocating.Unlock()
	p, err := s.allocateExclusive(req, 0, now)
	return p.id, err
}

// allocateExclusive is Allocate for who holds allocating. It gives the part of the
// kind; 0: of the best.
func (s *Store) allocateExclusive(req AllocateRequest, kind crypto.Kind, now time.Time) (picked, error) {
	if err := s.checkRequest(&req); err != nil {
		return picked{}, err
	}
	own := s.nodes.Published()
	if own == nil {
		return picked{}, fmt.Errorf("%w: our peer info is not published", ErrTryAgain)
	}
	s.mu.Lock()
	dead := s.deadHopsLocked(req.Ordering, own)
	inUse := s.hopUseLocked(req.HopCount)
	s.mu.Unlock()

	candidates := s.nodes.Candidates(req.Kinds, req.Ordering, now)
	// Without the hops of routes that died lately, or if need be with them.
	hops, err := s.findHops(&req, own, candidates, slices.Concat(req.Avoid, dead), inUse)
	if err != nil && len(dead) > 0 {
		hops, err = s.findHops(&req, own, candidates, req.Avoid, inUse)
	}
	if err != nil {
		return picked{}, err
	}
	a, err := s.newRoute(&req, hops, now)
	if err != nil {
		return picked{}, err
	}
	if kind == 0 {
		kind = a.sets[0].pair.Public.Kind
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addLocked(a)
	return a.pickLocked(kind), nil
}

func (s *Store) checkRequest(req *AllocateRequest) error {
	switch {
	case req.HopCount < 1:
		return ErrHopCount
	case req.HopCount > s.cfg.MaxHopCount:
		return ErrTooManyHops
	}
	if len(req.Kinds) == 0 {
		req.Kinds = s.crypto.Kinds()
	}
	for i, kind := range req.Kinds {
		if !s.crypto.Kinds().Contains(kind) || slices.Contains(req.Kinds[:i], kind) {
			return fmt.Errorf("%w: %s", ErrKinds, kind)
		}
	}
	if req.Directions == 0 {
		req.Directions = Both
	}
	return nil
}

// newRoute makes the keys of a route over hops.
func (s *Store) newRoute(req *AllocateRequest, hops []Candidate, now time.Time) (*allocated, error) {
	a := &allocated{
		directions: req.Directions,
		stability:  req.Stability,
		ordering:   req.Ordering,
		automatic:  req.Automatic,
		stats:      stats{created: now},
	}
	for i := range hops {
		a.hops = append(a.hops, hop{ids: hops[i].PeerInfo.NodeIDs})
	}
	var keys []crypto.PublicKey
	for _, kind := range req.Kinds {
		sys, err := s.crypto.Get(kind)
		if err != nil {
			return nil, err
		}
		k := routeKey{hops: make([]crypto.NodeID, len(hops))}
		if k.pair, err = sys.GenerateKeyPair(); err != nil {
			return nil, err
		}
		for i := range hops {
			id, ok := NodeIDFor(hops[i].PeerInfo, kind)
			if !ok { // excluded by the candidate filter
				return nil, fmt.Errorf("%w: hop without %s node id", ErrTryAgain, kind)
			}
			k.hops[i] = id
		}
		a.sets = append(a.sets, k)
		keys = append(keys, k.pair.Public)
	}
	a.sortSets(s.crypto.Kinds())
	var err error
	a.id, err = routeIDOf(s.crypto, keys)
	return a, err
}

func (a *allocated) sortSets(order crypto.Kinds) {
	sorting.By(a.sets, func(x, y routeKey) int { return x.pair.Public.Compare(y.pair.Public, order) })
}

// hopUse is what a search for hops must know of the present routes.
type hopUse struct {
	uses  map[crypto.NodeID]int // in routes of the same length
	paths map[string]bool       // hop sequences of all routes, as of pathOf
}

func (s *Store) hopUseLocked(hopCount int) hopUse {
	u := hopUse{uses: make(map[crypto.NodeID]int), paths: make(map[string]bool)}
	for _, a := range s.routes {
		ids := make([]crypto.NodeID, len(a.hops))
		for i := range a.hops {
			ids[i] = a.hops[i].ids[0]
			if len(a.hops) == hopCount {
				u.uses[ids[i]]++
			}
		}
		u.paths[pathOf(ids)] = true
	}
	return u
}

// pathOf names a sequence of hops.
func pathOf(ids []crypto.NodeID) string {
	b := make([]byte, 0, len(ids)*(4+crypto.ValueSize))
	for _, id := range ids {
		b, _ = id.AppendBinary(b) // never fails
	}
	return string(b)
}

// findHops chooses the hops of a route.
func (s *Store) findHops(req *AllocateRequest, own *wire.PeerInfo, candidates []Candidate, avoid []crypto.NodeID, use hopUse) ([]Candidate, error) {
	fit := make([]Candidate, 0, len(candidates))
	for i := range candidates {
		if !avoided(candidates[i].PeerInfo, avoid) {
			fit = append(fit, candidates[i])
		}
	}
	if len(fit) < req.HopCount {
		return nil, fmt.Errorf("%w: %d nodes for a route of %d hops", ErrTryAgain, len(fit), req.HopCount)
	}
	fit = dropSlowest(fit, req.HopCount)
	sortCandidates(fit, req.Stability, use.uses)
	start := make([]byte, 8*passes)
	if err := s.crypto.Best().RandomBytes(start); err != nil {
		return nil, err
	}
	search := search{
		req: req, own: own, nodes: s.nodes, fit: fit, paths: use.paths,
		random: start, contacts: make(map[link]bool),
	}
	if hops := search.run(); hops != nil {
		return hops, nil
	}
	return nil, fmt.Errorf("%w: no route of %d hops", ErrTryAgain, req.HopCount)
}

// avoided is rules 3 and 11 of spec 05 §16: neither the node nor one of its relays
// is to be avoided.
func avoided(node *wire.PeerInfo, avoid []crypto.NodeID) bool {
	in := func(id crypto.NodeID) bool { return slices.Contains(avoid, id) }
	if slices.ContainsFunc(node.NodeIDs, in) {
		return true
	}
	return slices.ContainsFunc(node.Info.Relays, func(r wire.RelayInfo) bool {
		return slices.ContainsFunc(r.NodeIDs, in)
	})
}

// dropSlowest removes the slowest fifth, rounded down as 32-bit floating point does,
// but leaves keep. What is left keeps its order (spec 05 §16, pre-sort). It may change
// the slice.
func dropSlowest(fit []Candidate, keep int) []Candidate {
	const share = float32(0.8)
	drop := min(int(float32(len(fit))*(1-share)), len(fit)-keep)
	if drop <= 0 {
		return fit
	}
	order := make([]int, len(fit))
	for i := range order {
		order[i] = i
	}
	sorting.Stable(order, func(i, j int) int {
		a, b := fit[i].Latency, fit[j].Latency
		return cmp.Or(compareBool(a == 0, b == 0), cmp.Compare(a, b))
	})
	slow := make([]bool, len(fit))
	for _, i := range order[len(order)-drop:] {
		slow[i] = true
	}
	kept := fit[:0]
	for i := range fit {
		if !slow[i] {
			kept = append(kept, fit[i])
		}
	}
	return kept
}

// sortCandidates puts the nodes to be tried first first (spec 05 §16, sort). Rule 3 of
// the reference compares a value with itself and has no effect.
func sortCandidates(fit []Candidate, stability Stability, uses map[crypto.NodeID]int) {
	sorting.Stable(fit, func(a, b Candidate) int {
		c := cmp.Or(
			cmp.Compare(uses[a.PeerInfo.NodeIDs[0]], uses[b.PeerInfo.NodeIDs[0]]),
			compareBool(a.NearUs, b.NearUs),
			compareBool(!a.Reliable, !b.Reliable),
		)
		if c != 0 {
			return c
		}
		if stability == LowLatency {
			return cmp.Or(compareBool(a.Latency == 0, b.Latency == 0), cmp.Compare(a.Latency, b.Latency))
		}
		return cmp.Or(
			compareBool(a.Steady.IsZero(), b.Steady.IsZero()),
			a.Steady.Compare(b.Steady),
			a.Added.Compare(b.Added),
		)
	})
}

// deadHop is a hop of a route that died: it is avoided as long as its epoch lasts.
type deadHop struct {
	ids   []crypto.NodeID
	epoch lossEpoch
}

// avoidHopsLocked remembers the hops of a dead route, the last 4 × MaxHopCount of them
// per ordering (spec 05 §16).
func (s *Store) avoidHopsLocked(a *allocated) {
	own := s.nodes.Published()
	list := s.deadHops[a.ordering]
	for i := range a.hops {
		node := s.nodes.PeerInfo(a.hops[i].ids[0])
		list = append(list, deadHop{ids: a.hops[i].ids, epoch: s.epochLocked(own, node)})
	}
	if most := 4 * s.cfg.MaxHopCount; len(list) > most {
		list = slices.Clone(list[len(list)-most:])
	}
	s.deadHops[a.ordering] = list
}

// deadHopsLocked is the ids of the hops to avoid now.
func (s *Store) deadHopsLocked(ordering Ordering, own *wire.PeerInfo) []crypto.NodeID {
	var ids []crypto.NodeID
	s.deadHops[ordering] = slices.DeleteFunc(s.deadHops[ordering], func(d deadHop) bool {
		return d.epoch != s.epochLocked(own, s.nodes.PeerInfo(d.ids[0]))
	})
	for _, d := range s.deadHops[ordering] {
		ids = append(ids, d.ids...)
	}
	return ids
}

// epochLocked is the loss epoch of a destination at this time; node is nil for
// one that is not a node.
func (s *Store) epochLocked(own, node *wire.PeerInfo) lossEpoch {
	e := lossEpoch{online: s.onlineCount}
	if own != nil {
		e.own = own.Info.Timestamp
	}
	if node != nil {
		e.destination = node.Info.Timestamp
	}
	return e
}
