package route

import (
	"slices"
	"time"

	"github.com/voile-net/voile/core/crypto"
)

// Info is what is known of an allocated route, without its secrets.
type Info struct {
	ID         crypto.RouteID
	Keys       []crypto.PublicKey // in the order of typed values
	Hops       []crypto.NodeID    // of the best kind, the one next to us first
	Directions Directions
	Stability  Stability
	Ordering   Ordering
	Automatic  bool
	Published  bool
	Dead       bool // to be released
	NeedsTest  bool
	Measured
}

// RemoteInfo is what is known of an imported route.
type RemoteInfo struct {
	ID        crypto.RouteID
	Keys      []crypto.PublicKey
	Touched   time.Time
	Expired   bool
	NeedsTest bool
	SeenOurs  crypto.Timestamp // of our peer info that the far end has; 0: none
	Measured
}

// Measured is the statistics of a route. Times are zero for never.
type Measured struct {
	Created      time.Time
	LastValid    time.Time     // proved to work
	Latency      time.Duration // average of the round trip; 0: not measured
	Sent, Rcvd   uint64        // bytes
	FailedToSend int           // in a row
	FailedTests  int           // in a row
	Lost         int           // questions since the last answer
	Answers      uint64
}

func (s *stats) measured() Measured {
	m := Measured{
		Created: s.created, LastValid: s.lastValid(), Latency: s.latency.average(), Sent: s.sent, Rcvd: s.rcvd,
	}
	for i := range s.per {
		o := &s.per[i]
		m.FailedToSend += o.failedToSend
		m.FailedTests += o.loopFails
		m.Answers += o.answers
		for _, l := range o.lost {
			m.Lost += l.count
		}
	}
	return m
}

// Info describes an allocated route.
func (s *Store) Info(id crypto.RouteID, now time.Time) (Info, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.routes[id]
	if a == nil {
		return Info{}, false
	}
	return s.infoLocked(a, now), true
}

// Usable reports whether messages can be expected to arrive by a route of ours: it is
// there to stay, and has not failed its last test in silence. Datagrams get lost now
// and then, so that one failure says nothing about them.
func (s *Store) Usable(id crypto.RouteID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.routes[id]
	if a == nil || a.marked || s.deadLocked(a) {
		return false
	}
	failed := 1
	if a.ordering == Unordered {
		failed = 2
	}
	o := &a.stats.per[a.ordering]
	return !o.suspect() || o.loopFails < failed
}

// Routes lists the allocated routes by their ids.
func (s *Store) Routes(now time.Time) []Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Info, 0, len(s.routes))
	for _, a := range s.sortedLocked() {
		list = append(list, s.infoLocked(a, now))
	}
	return list
}

func (s *Store) infoLocked(a *allocated, now time.Time) Info {
	info := Info{
		ID:         a.id,
		Hops:       slices.Clone(a.sets[0].hops),
		Directions: a.directions,
		Stability:  a.stability,
		Ordering:   a.ordering,
		Automatic:  a.automatic,
		Published:  a.published,
		Dead:       a.marked || s.deadLocked(a),
		NeedsTest:  s.cfg.needsTest(&a.stats.per[a.ordering], now),
		Measured:   a.stats.measured(),
	}
	for i := range a.sets {
		info.Keys = append(info.Keys, a.sets[i].pair.Public)
	}
	return info
}

// Remotes lists the imported routes, the one used longest ago first. It does not
// keep them from expiring.
func (s *Store) Remotes(now time.Time) []RemoteInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]RemoteInfo, 0, s.remotes.Len())
	s.remotes.RemoveFunc(func(id crypto.RouteID, p **remote) bool {
		r := *p
		info := RemoteInfo{
			ID:        id,
			Touched:   r.touched,
			Expired:   r.expired(now, s.cfg.RemoteExpiry),
			NeedsTest: s.cfg.remoteNeedsTest(&r.stats, now),
			SeenOurs:  r.seenOurs,
			Measured:  r.stats.measured(),
		}
		for _, pr := range r.routes {
			info.Keys = append(info.Keys, pr.PublicKey)
		}
		list = append(list, info)
		return false
	})
	return list
}
