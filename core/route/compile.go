package route

import (
	"fmt"
	"slices"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// Target is where a message over a route goes: a node, or a private route.
// Exactly one is set.
type Target struct {
	Node  *wire.PeerInfo
	Route *wire.PrivateRoute
}

// Kind is the crypto kind that a route to the target uses: that of the private route's
// key, or the best supported one of the node. 0: none.
func (s *Store) targetKind(t Target) crypto.Kind {
	if t.Route != nil {
		return t.Route.PublicKey.Kind
	}
	for _, kind := range s.crypto.Kinds() {
		if _, ok := NodeIDFor(t.Node, kind); ok {
			return kind
		}
	}
	return 0
}

// DestinationKey is the key that losses are remembered by and that signed operations
// name: that of the private route, or of the node (spec 05 §6, §18).
// Error: [ErrUnreachable].
func (s *Store) DestinationKey(t Target) (crypto.PublicKey, error) {
	if t.Route != nil {
		return t.Route.PublicKey, nil
	}
	if t.Node != nil {
		if key, ok := PublicKeyFor(t.Node, s.targetKind(t)); ok {
			return key, nil
		}
	}
	return crypto.PublicKey{}, fmt.Errorf("%w: no public key", ErrUnreachable)
}

// privateRoute is the route to the target: its own, or the stub of its node.
func (s *Store) privateRoute(t Target) (*wire.PrivateRoute, error) {
	if t.Route != nil {
		return t.Route, nil
	}
	if t.Node == nil {
		return nil, fmt.Errorf("%w: no target", ErrUnreachable)
	}
	return NodeStub(t.Node, s.targetKind(t))
}

// cacheKey names a compiled route (spec 05 §5.3).
type cacheKey struct {
	selection SafetySelection
	route     crypto.PublicKey // of the private route or the node
	reply     crypto.PublicKey // zero: none
}

// cached is a compiled route with what it depends on.
type cached struct {
	compiled  *Compiled
	optimized bool
	own       bool // the private route is an allocated one of ours
	imported  bool // the private route is an imported one
	at        time.Time
}

// Compile makes or finds the route to a target (spec 05 §5). reply is the key of the
// allocated route that a question names for its answer, which is then also its
// safety route; zero: none. The target is not remembered beyond its key: a peer info
// that is newer, or another route of the same key, is used only when the compiled
// route has become invalid.
//
// Errors: [ErrHopCount], [ErrTooManyHops], [ErrTryAgain], [ErrUnreachable],
// [ErrInvalid], crypto.ErrUnsupported.
func (s *Store) Compile(t Target, selection SafetySelection, reply crypto.PublicKey, now time.Time) (*Compiled, error) {
	if selection.IsUnsafe() {
		return s.compileUnsafe(t, selection)
	}
	destination, err := s.DestinationKey(t)
	if err != nil {
		return nil, err
	}
	if !s.crypto.Kinds().Contains(destination.Kind) {
		return nil, fmt.Errorf("%w: %s", crypto.ErrUnsupported, destination.Kind)
	}
	key := cacheKey{selection: selection, route: destination, reply: reply}
	epoch := s.lossEpoch(t)
	var over chan struct{}
	var pinned crypto.RouteID // compiled before over this route: now with ids
	for over == nil {
		s.mu.Lock()
		c := s.cachedLocked(key, epoch, now)
		if c != nil && (c.optimized || !s.provedLocked(c.compiled.SafetyID)) {
			s.mu.Unlock()
			return c.compiled, nil
		}
		if busy := s.compiling[key]; busy != nil {
			s.mu.Unlock()
			<-busy // only computation
			continue
		}
		if c != nil {
			pinned = c.compiled.SafetyID
		}
		over = make(chan struct{})
		s.compiling[key] = over
		s.mu.Unlock()
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.compiling, key)
		close(over)
	}()
	c, err := s.compileSafe(t, key, epoch, pinned, now)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.compiled.Put(key, c)
	return c.compiled, nil
}

// compileUnsafe makes a stub. It is never kept: there is nothing to compute.
func (s *Store) compileUnsafe(t Target, selection SafetySelection) (*Compiled, error) {
	pr, err := s.privateRoute(t)
	if err != nil {
		return nil, err
	}
	sr, first, err := s.onion.CompileStub(pr)
	if err != nil {
		return nil, err
	}
	return &Compiled{
		SafetyRoute: *sr,
		PayloadKey:  pr.PublicKey,
		Secret:      s.onion.keys[s.onion.keyIndex(pr.PublicKey.Kind)].Secret,
		Sequencing:  selection.Sequencing(),
		First:       first,
	}, nil
}

// compileSafe chooses the safety route and builds its layers. The first time they name
// every node by its peer info; with pinned, the route of the first time, by ids.
func (s *Store) compileSafe(t Target, key cacheKey, epoch lossEpoch, pinned crypto.RouteID, now time.Time) (*cached, error) {
	pr, err := s.privateRoute(t)
	if err != nil {
		return nil, err
	}
	if pr.FirstHop == nil {
		return nil, fmt.Errorf("%w: private route without first hop", ErrInvalid)
	}
	p, loopback, err := s.safetyRoute(pr, key, epoch, pinned, now)
	if err != nil {
		return nil, err
	}
	hops, err := s.peerInfos(p.key.hops)
	if err != nil {
		return nil, err
	}
	optimized := p.id == pinned && p.proved
	sr, err := s.onion.CompileSafetyRoute(hops, p.key.pair, pr, optimized)
	if err != nil {
		return nil, err
	}
	spec, _ := key.selection.Spec()
	sequencing := spec.Sequencing
	if sequencing == wire.PreferUnordered && p.ordering == Ordered {
		sequencing = wire.PreferOrdered
	}
	c := &cached{
		compiled: &Compiled{
			SafetyRoute:   *sr,
			PayloadKey:    pr.PublicKey,
			Secret:        p.key.pair.Secret,
			Sequencing:    sequencing,
			First:         wire.RouteHop{NodeID: p.key.hops[0]},
			DatagramsOnly: loopback && p.ordering == Unordered,
			SafetyID:      p.id,
			Loopback:      loopback,
		},
		optimized: optimized,
		at:        now,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.own = s.byKey[pr.PublicKey] != nil
	c.imported = !c.own && s.remoteByKeyLocked(pr.PublicKey, now) != nil
	return c, nil
}

// safetyRoute chooses the allocated route to hide behind (spec 05 §5.2).
func (s *Store) safetyRoute(pr *wire.PrivateRoute, key cacheKey, epoch lossEpoch, pinned crypto.RouteID, now time.Time) (p picked, loopback bool, err error) {
	spec, _ := key.selection.Spec()
	kind := pr.PublicKey.Kind
	s.mu.Lock()
	if a := s.byKey[pr.PublicKey]; a != nil && a.id == spec.Preferred {
		p = a.pickLocked(kind)
		s.mu.Unlock()
		return p, true, nil
	}
	if !key.reply.IsZero() {
		a := s.byKey[key.reply]
		if a == nil || a.keyOf(kind) == nil {
			s.mu.Unlock()
			return picked{}, false, fmt.Errorf("%w: the reply route is gone", ErrTryAgain)
		}
		p = a.pickLocked(kind)
		s.mu.Unlock()
		return p, false, nil
	}
	if a := s.routes[pinned]; a != nil && !a.marked {
		p = a.pickLocked(kind)
		s.mu.Unlock()
		return p, false, nil
	}
	s.mu.Unlock()
	w := wanted{
		kind:        kind,
		spec:        spec,
		directions:  Out,
		safe:        !IsStub(pr),
		destination: pr.PublicKey,
		epoch:       epoch,
	}
	if id, ok := HopID(pr.FirstHop, kind); ok {
		w.avoid = []crypto.NodeID{id}
	}
	p, err = s.selectRoute(w, now)
	return p, false, err
}

func (s *Store) lossEpoch(t Target) lossEpoch {
	own := s.nodes.Published()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epochLocked(own, t.Node)
}

func (s *Store) provedLocked(id crypto.RouteID) bool {
	a := s.routes[id]
	return a != nil && !a.stats.lastValid().IsZero()
}

// cachedLocked finds a compiled route that is still good; one that is not is
// dropped (spec 05 §5.3).
func (s *Store) cachedLocked(key cacheKey, epoch lossEpoch, now time.Time) *cached {
	p := s.compiled.Get(key)
	if p == nil {
		return nil
	}
	c := *p
	if !s.usableLocked(c, key, epoch, now) {
		s.compiled.Remove(key)
		return nil
	}
	return c
}

func (s *Store) usableLocked(c *cached, key cacheKey, epoch lossEpoch, now time.Time) bool {
	a := s.routes[c.compiled.SafetyID]
	switch {
	case a == nil || a.marked || s.deadLocked(a):
		return false
	case !key.reply.IsZero(), c.compiled.Loopback:
	case a.stats.lostTo(key.route, epoch):
		return false
	case a.goneSilentSince(c.at): // once: there may be no better one
		return false
	}
	if c.own {
		pr := s.byKey[key.route]
		return pr != nil && !s.deadLocked(pr)
	}
	if c.imported {
		r := s.remoteByKeyLocked(key.route, now)
		return r != nil && !s.remoteBrokenLocked(r)
	}
	return true
}

// remoteBrokenLocked reports whether every ordering with statistics of an imported
// route is dead or has a send failure.
func (s *Store) remoteBrokenLocked(r *remote) bool {
	some := false
	for ordering := range Ordering(orderingCount) {
		o := &r.stats.per[ordering]
		if !o.used() {
			continue
		}
		if !s.cfg.dead(o, ordering) && o.failedToSend == 0 {
			return false
		}
		some = true
	}
	return some
}

// assembleOwn builds the private route of an allocated route, with the default of
// optimized (spec 05 §4).
func (s *Store) assembleOwn(p picked) (*wire.PrivateRoute, error) {
	return s.assemble(&p.key, p.proved)
}

// avoidTarget is the nodes that a reply route must not contain (spec 05 §9).
func avoidTarget(t Target) []crypto.NodeID {
	if t.Node != nil {
		return slices.Clone(t.Node.NodeIDs)
	}
	if t.Route.FirstHop == nil {
		return nil
	}
	if t.Route.FirstHop.PeerInfo != nil {
		return slices.Clone(t.Route.FirstHop.PeerInfo.NodeIDs)
	}
	return []crypto.NodeID{t.Route.FirstHop.NodeID}
}
