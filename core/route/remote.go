package route

import (
	"fmt"
	"slices"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// maxBlobRoutes bounds the routes of a blob (spec 05 §13.3).
const maxBlobRoutes = crypto.MaxKinds

// remote is a route set that somebody else gave us (spec 05 §14).
type remote struct {
	id      crypto.RouteID
	routes  []*wire.PrivateRoute // in the order of typed values; never empty
	touched time.Time
	// seenOurs is the timestamp of our published peer info when an answer to a
	// question that showed our node came over the route; 0: never (spec 05 §14.4).
	seenOurs crypto.Timestamp
	tested   time.Time // last put in for a test; zero: never
	putOff   bool      // failed while this node was degraded or offline
	stats    stats
}

func (r *remote) expired(now time.Time, after time.Duration) bool {
	return now.Sub(r.touched) >= after
}

// ImportBlob takes a blob into the cache of remote routes and returns the id of its
// route set, which is the owner's own (spec 05 §13.3). Importing a set that is there
// only keeps it from expiring. A blob of a route of our own is taken like any other.
// Errors: [ErrBlobEmpty], [ErrBlobCount], [ErrBlobKinds], [ErrBlobDecode],
// [ErrBlobFirstHop].
func (s *Store) ImportBlob(blob []byte, now time.Time) (crypto.RouteID, error) {
	routes, err := s.onion.decodeBlob(blob)
	if err != nil {
		return crypto.RouteID{}, err
	}
	for _, pr := range routes {
		if entry := pr.FirstHop.PeerInfo; entry != nil && !s.nodes.ValidEntry(entry) {
			return crypto.RouteID{}, fmt.Errorf("%w: not valid in the public internet", ErrBlobFirstHop)
		}
	}
	keys := make([]crypto.PublicKey, len(routes))
	for i, pr := range routes {
		keys[i] = pr.PublicKey
	}
	id, err := routeIDOf(s.crypto, keys)
	if err != nil {
		return crypto.RouteID{}, err
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.remotes.Get(id); old != nil && !(*old).expired(now, s.cfg.RemoteExpiry) {
		(*old).touched = now
		return id, nil
	}
	// An expired set is replaced, without being told of: its id lives on.
	if old := s.remotes.Peek(id); old != nil {
		s.forgetKeysLocked(*old)
		*old = nil
	}
	s.remotes.Put(id, &remote{id: id, routes: routes, touched: now, stats: stats{created: now}})
	for _, key := range keys {
		s.remoteKey[key] = id
	}
	return id, nil
}

// decodeBlob reads the routes of a blob one after the other, in the order of typed
// values; each has a first hop. What follows the last is ignored.
func (o *Onion) decodeBlob(blob []byte) ([]*wire.PrivateRoute, error) {
	switch {
	case len(blob) == 0:
		return nil, ErrBlobEmpty
	case blob[0] > maxBlobRoutes:
		return nil, fmt.Errorf("%w: %d", ErrBlobCount, blob[0])
	case blob[0] == 0:
		return nil, ErrBlobKinds
	}
	routes, err := o.decoder.DecodeRouteBlob(blob)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBlobDecode, err)
	}
	return routes, nil
}

// ExportBlob assembles a route of ours as a blob to hand out (spec 05 §13.3).
// optimized names the inner nodes by their ids, which is right for a route that
// has passed a test. It does not mark the route as published.
// Errors: [ErrUnknownRoute], [ErrTryAgain], [ErrUnreachable].
func (s *Store) ExportBlob(id crypto.RouteID, optimized bool) ([]byte, error) {
	s.mu.Lock()
	a := s.routes[id]
	if a == nil {
		s.mu.Unlock()
		return nil, fmt.Errorf("export %v: %w", id, ErrUnknownRoute)
	}
	sets := slices.Clone(a.sets)
	s.mu.Unlock()

	routes := make([]*wire.PrivateRoute, 0, len(sets))
	for i := range sets {
		pr, err := s.assemble(&sets[i], optimized)
		if err != nil {
			return nil, err
		}
		routes = append(routes, pr)
	}
	return wire.EncodeRouteBlob(routes)
}

// assemble builds the private route of one key of a set, outside the lock.
func (s *Store) assemble(k *routeKey, optimized bool) (*wire.PrivateRoute, error) {
	own := s.nodes.Published()
	if own == nil {
		return nil, fmt.Errorf("%w: our peer info is not published", ErrTryAgain)
	}
	hops, err := s.peerInfos(k.hops)
	if err != nil {
		return nil, err
	}
	return s.onion.AssemblePrivateRoute(hops, k.pair, own, optimized)
}

// peerInfos looks the hops of a route up.
func (s *Store) peerInfos(ids []crypto.NodeID) ([]*wire.PeerInfo, error) {
	infos := make([]*wire.PeerInfo, len(ids))
	for i, id := range ids {
		if infos[i] = s.nodes.PeerInfo(id); infos[i] == nil {
			return nil, fmt.Errorf("%w: no peer info of hop %v", ErrUnreachable, id.LogValue())
		}
	}
	return infos, nil
}

// RemoteRoute is the best private route of an imported set (spec 05 §14.2), which
// it keeps from expiring. Error: [ErrUnknownRoute].
func (s *Store) RemoteRoute(id crypto.RouteID, now time.Time) (*wire.PrivateRoute, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.remoteLocked(id, now)
	if r == nil || !s.crypto.Kinds().Contains(r.routes[0].PublicKey.Kind) {
		return nil, fmt.Errorf("remote route %v: %w", id.LogValue(), ErrUnknownRoute)
	}
	return r.routes[0], nil
}

// remoteLocked finds an imported route and touches it; nil: none, or expired.
func (s *Store) remoteLocked(id crypto.RouteID, now time.Time) *remote {
	p := s.remotes.Peek(id)
	if p == nil || (*p).expired(now, s.cfg.RemoteExpiry) {
		return nil
	}
	r := *s.remotes.Get(id)
	r.touched = now
	return r
}

func (s *Store) remoteByKeyLocked(key crypto.PublicKey, now time.Time) *remote {
	id, ok := s.remoteKey[key]
	if !ok {
		return nil
	}
	return s.remoteLocked(id, now)
}

// remoteEvictedLocked is told of every set that leaves the cache (spec 05 §14.3).
// A nil set was replaced by a new import.
func (s *Store) remoteEvictedLocked(id crypto.RouteID, r **remote) {
	if *r == nil {
		return
	}
	s.forgetKeysLocked(*r)
	s.deadRemotes = append(s.deadRemotes, id)
}

func (s *Store) forgetKeysLocked(r *remote) {
	for _, pr := range r.routes {
		if s.remoteKey[pr.PublicKey] == r.id {
			delete(s.remoteKey, pr.PublicKey)
		}
	}
}

// seenOurNodeLocked reports whether the far end of a private route is known to have
// our present peer info (spec 05 §14.4).
func (s *Store) seenOurNodeLocked(key crypto.PublicKey, published *wire.PeerInfo, now time.Time) bool {
	if s.byKey[key] != nil {
		return true
	}
	r := s.remoteByKeyLocked(key, now)
	return r != nil && r.seenOurs != 0 && r.seenOurs == published.Info.Timestamp
}
