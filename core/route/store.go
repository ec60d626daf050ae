package route

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/crypto/lru"
	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/core/wire"
)

// Store keeps the routes of a node: the ones it allocated, the ones it was given,
// and what was compiled of them (spec 05 §13-§19). Methods may be called from any
// goroutine and none waits for more than computation.
//
// Locks: allocating serializes the search for hops and is taken before mu; mu guards
// everything below it. Layers are built and opened outside mu.
type Store struct {
	cfg    Config
	crypto *crypto.Crypto
	onion  *Onion
	nodes  Nodes

	allocating sync.Mutex

	mu        sync.Mutex
	routes    map[crypto.RouteID]*allocated
	byKey     map[crypto.PublicKey]*allocated
	remotes   *lru.Cache[crypto.RouteID, *remote]
	remoteKey map[crypto.PublicKey]crypto.RouteID
	compiled  *lru.Cache[cacheKey, *cached]
	compiling map[cacheKey]chan struct{} // closed when the compilation of the key is over

	deadRoutes  []crypto.RouteID // for the next RouteChange
	deadRemotes []crypto.RouteID
	deadHops    [orderingCount][]deadHop // oldest first
	online      bool
	onlineCount uint64       // changes of online
	hops        atomic.Int64 // DefaultHopCount, in place of that of cfg
	turn        uint64       // round robin of selection
	probeTurn   uint64       // rotation of probes
	changes     uint64       // of content worth saving
	urgent      bool         // save without delay
}

// NewStore makes an empty store. The onion is that of the same cryptosystems.
// It fails only if the configuration is not valid.
func NewStore(cfg Config, c *crypto.Crypto, onion *Onion, nodes Nodes) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Store{
		cfg:       cfg,
		crypto:    c,
		onion:     onion,
		nodes:     nodes,
		routes:    make(map[crypto.RouteID]*allocated),
		byKey:     make(map[crypto.PublicKey]*allocated),
		remoteKey: make(map[crypto.PublicKey]crypto.RouteID),
		compiling: make(map[cacheKey]chan struct{}),
		online:    true,
	}
	s.hops.Store(int64(cfg.DefaultHopCount))
	s.compiled = lru.New(cfg.CompiledRoutes, func(_ cacheKey, c **cached) { *c = nil })
	s.remotes = lru.New(cfg.RemoteRoutes, s.remoteEvictedLocked)
	return s, nil
}

// Config is the configuration of the store.
func (s *Store) Config() Config {
	c := s.cfg
	c.DefaultHopCount = int(s.hops.Load())
	return c
}

// SetDefaultHopCount changes DefaultHopCount; the next run of the management keeps
// routes of the new lengths ready.
func (s *Store) SetDefaultHopCount(hops int) error {
	c := s.cfg
	c.DefaultHopCount = hops
	if err := c.Validate(); err != nil {
		return err
	}
	s.hops.Store(int64(hops))
	return nil
}

// Onion is the layer of functions that the store uses.
func (s *Store) Onion() *Onion { return s.onion }

// Peel is [Onion.Peel] with the routes of this store.
func (s *Store) Peel(r *wire.Route, sender crypto.NodeID, canRoute bool) (Action, error) {
	return s.onion.Peel(r, sender, canRoute, s)
}

// allocated is a route set of ours: a list of hops and a key pair per crypto kind.
// The same object serves as safety route and as private route (spec 05 §13.1).
type allocated struct {
	id         crypto.RouteID
	sets       []routeKey // in the order of typed values; never empty
	hops       []hop      // hops[0] is next to us
	directions Directions
	stability  Stability
	ordering   Ordering
	automatic  bool // allocated by the library, not by the application

	published bool      // do not pick as a safety route of others; always keep alive
	marked    bool      // dead: never selected again, released when nothing uses it
	uses      int       // operations under way
	tested    time.Time // last put in for a test; zero: never
	retest    bool      // a question or a test was lost over it: test soon
	stats     stats
}

// routeKey is the part of a route set that belongs to one crypto kind.
type routeKey struct {
	pair crypto.KeyPair
	hops []crypto.NodeID // of the kind of pair, hops[0] next to us
}

// hop is a node of a route with its ids of every kind.
type hop struct{ ids []crypto.NodeID }

// Directions says what a route was checked for (spec 05 §13.1).
type Directions uint8

const (
	Out  Directions = 1 << iota // usable as a safety route
	In                          // usable as a private route
	Both = Out | In
)

// keyOf is the part of a kind; nil: the route has no key of it.
func (a *allocated) keyOf(kind crypto.Kind) *routeKey {
	for i := range a.sets {
		if a.sets[i].pair.Public.Kind == kind {
			return &a.sets[i]
		}
	}
	return nil
}

// hasAny reports whether one of the nodes is a hop.
func (a *allocated) hasAny(nodes []crypto.NodeID) bool {
	for i := range a.hops {
		for _, id := range a.hops[i].ids {
			if slices.Contains(nodes, id) {
				return true
			}
		}
	}
	return false
}

// deadLocked reports whether no ordering of the route can be used any more. A route has
// exactly one (spec 05 §13.1).
func (s *Store) deadLocked(a *allocated) bool {
	return s.cfg.dead(&a.stats.per[a.ordering], a.ordering)
}

// OwnRoute finds an allocated route by its public key, for messages that arrive
// over it.
func (s *Store) OwnRoute(key crypto.PublicKey) (OwnRoute, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.byKey[key]
	if a == nil {
		return OwnRoute{}, false
	}
	k := a.keyOf(key.Kind)
	return OwnRoute{ID: a.id, Secret: k.pair.Secret, Hops: k.hops, Stability: a.stability}, true
}

// RouteIDOf is the id of the allocated or imported route with this public key.
func (s *Store) RouteIDOf(key crypto.PublicKey, now time.Time) (crypto.RouteID, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.byKey[key]; a != nil {
		return a.id, true
	}
	if r := s.remoteByKeyLocked(key, now); r != nil {
		return r.id, true
	}
	return crypto.RouteID{}, false
}

// Use keeps the routes with these keys from being released, dead or not, until the
// returned function is called, which must happen once. Keys that are not of our
// allocated routes are ignored.
func (s *Store) Use(keys ...crypto.PublicKey) (done func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var used []*allocated
	for _, key := range keys {
		if a := s.byKey[key]; a != nil && !slices.Contains(used, a) {
			a.uses++
			used = append(used, a)
		}
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, a := range used {
			a.uses--
			if a.marked && a.uses == 0 {
				s.releaseLocked(a)
			}
		}
	}
}

// Release forgets a route of ours or one that was imported. Both are reported in the
// next RouteChange, unless it was one of our automatic routes. Error: [ErrUnknownRoute].
func (s *Store) Release(id crypto.RouteID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.routes[id]; a != nil {
		s.releaseLocked(a)
		return nil
	}
	if s.remotes.Remove(id) { // tells of itself
		return nil
	}
	return fmt.Errorf("release %v: %w", id, ErrUnknownRoute)
}

// Forget releases a route of ours without telling the application, which was never
// given its id: its first test failed.
func (s *Store) Forget(id crypto.RouteID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.routes[id]; a != nil {
		a.automatic = true // nobody is told of the end of these
		s.releaseLocked(a)
	}
}

// ReleaseAutomatic forgets the routes that the library allocated for itself and
// reports how many there were; the next management makes new ones.
func (s *Store) ReleaseAutomatic() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, a := range s.routes {
		if a.automatic {
			s.releaseLocked(a)
			n++
		}
	}
	return n
}

// Purge forgets every route without telling of it, and wipes the secrets.
func (s *Store) Purge() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.routes {
		s.releaseLocked(a)
	}
	s.remotes.Clear()
	s.compiled.Clear()
	s.deadRoutes, s.deadRemotes = nil, nil
	s.deadHops = [orderingCount][]deadHop{}
}

func (s *Store) addLocked(a *allocated) {
	s.routes[a.id] = a
	for i := range a.sets {
		s.byKey[a.sets[i].pair.Public] = a
	}
	s.changes++
}

func (s *Store) releaseLocked(a *allocated) {
	if s.routes[a.id] != a {
		return
	}
	delete(s.routes, a.id)
	for i := range a.sets {
		delete(s.byKey, a.sets[i].pair.Public)
		a.sets[i].pair.Secret.Zero()
	}
	a.marked = true
	s.compiled.RemoveFunc(func(_ cacheKey, c **cached) bool { return (*c).compiled.SafetyID == a.id })
	if !a.automatic {
		s.deadRoutes = append(s.deadRoutes, a.id)
	}
	s.changes++
}

// SetPublished marks a route as handed out: it is kept alive and not used to hide
// the sender of other messages. Error: [ErrUnknownRoute].
func (s *Store) SetPublished(id crypto.RouteID, published bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.routes[id]
	if a == nil {
		return fmt.Errorf("publish %v: %w", id, ErrUnknownRoute)
	}
	a.published = published
	return nil
}

// SetOnline tells the store whether this node is online; it counts the changes
// (spec 05 §18, loss marks). A new store is online. [Store.Manage] does the same.
func (s *Store) SetOnline(online bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setOnlineLocked(online)
}

func (s *Store) setOnlineLocked(online bool) {
	if s.online != online {
		s.online = online
		s.onlineCount++
	}
}

// OwnNodeInfoChanged is to be called when our peer info was published anew or
// unpublished: published routes are not published any more and have to be tested
// again, and what was measured of imported ones is forgotten (spec 05 §17.4).
func (s *Store) OwnNodeInfoChanged(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.routes {
		if a.published {
			a.published = false
			a.stats.reset()
		}
	}
	s.remotes.RemoveFunc(func(_ crypto.RouteID, r **remote) bool {
		(*r).stats.reset()
		return false
	})
}

// SaveState says what has happened since a save.
type SaveState struct {
	Changes uint64 // grows with every change worth saving
	Urgent  bool   // a route was proved for the first time: save without delay
}

// SaveState is the present state; Urgent stays until [Store.Save].
func (s *Store) SaveState() SaveState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return SaveState{Changes: s.changes, Urgent: s.urgent}
}

// routeIDOf is the id of a set of public keys (spec 05 §13.2): their raw bytes in
// the order of typed values, hashed. Sorts keys. No key of a supported kind:
// [ErrBlobKinds].
func routeIDOf(c *crypto.Crypto, keys []crypto.PublicKey) (crypto.RouteID, error) {
	sorting.By(keys, func(a, b crypto.PublicKey) int { return a.Compare(b, c.Kinds()) })
	if len(keys) == 0 {
		return crypto.RouteID{}, ErrBlobKinds
	}
	sys, err := c.Get(keys[0].Kind)
	if err != nil {
		return crypto.RouteID{}, fmt.Errorf("%w: %w", ErrBlobKinds, err)
	}
	raw := make([]byte, 0, len(keys)*crypto.ValueSize)
	for i := range keys {
		raw = append(raw, keys[i].Value[:]...)
	}
	return crypto.RouteID(sys.Hash(raw)), nil
}

// RouteID is the id that a single private route has (spec 05 §13.2).
func (o *Onion) RouteID(pr *wire.PrivateRoute) (crypto.RouteID, error) {
	return routeIDOf(o.crypto, []crypto.PublicKey{pr.PublicKey})
}
