package routing

import (
	"cmp"
	"slices"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/core/wire"
)

// Sizes of the bucket table (spec 04 §4).
const (
	bucketCount      = 256
	exemptReliable   = 16 // closest entries that a kick spares
	exemptUnreliable = 8
)

// FirstBucketDepth is how many entries the first bucket should hold, that of half of
// all nodes.
const FirstBucketDepth = 256

// depth is how many entries a bucket should hold: half as many as the one before,
// at least 1.
func (t *Table) depth(index int) int { return max(t.first>>min(index, 8), 1) }

// member is an entry in a bucket, with its id of the kind at hand.
type member struct {
	id    crypto.NodeID
	entry *Entry
}

// bucketSet is the table of one crypto kind.
type bucketSet struct {
	own     crypto.NodeID
	buckets [bucketCount][]member
	queued  [bucketCount]bool // to be kicked
	count   int
}

// insert adds an id that is not there yet, and queues its bucket. The own id has
// no bucket.
func (s *bucketSet) insert(id crypto.NodeID, e *Entry) {
	i, ok := crypto.BucketIndex(s.own, id)
	if !ok {
		return
	}
	s.buckets[i] = append(s.buckets[i], member{id, e})
	s.queued[i] = true
	s.count++
}

// remove takes an id out.
func (s *bucketSet) remove(id crypto.NodeID) {
	i, ok := crypto.BucketIndex(s.own, id)
	if !ok {
		return
	}
	b := s.buckets[i]
	at := slices.IndexFunc(b, func(m member) bool { return m.id == id })
	if at < 0 {
		return
	}
	b[at] = b[len(b)-1]
	b[len(b)-1] = member{}
	s.buckets[i] = b[:len(b)-1]
	s.queued[i] = true
	s.count--
}

// walk visits the buckets from the one nearest to a point to the one farthest:
// every member of a bucket is nearer than every member of the ones after it. With
// d the distance of the point from us, bucket i holds what differs from us first
// at bit i. If d has that bit too, the bucket agrees with the point one bit
// further than all later buckets do; if not, one bit less.
func (s *bucketSet) walk(target crypto.HashCoordinate, visit func(b []member) (more bool)) {
	d, ok := s.own.Distance(target)
	if !ok {
		return
	}
	for i := range bucketCount {
		if d.Bit(i) && len(s.buckets[i]) > 0 && !visit(s.buckets[i]) {
			return
		}
	}
	for i := bucketCount - 1; i >= 0; i-- {
		if !d.Bit(i) && len(s.buckets[i]) > 0 && !visit(s.buckets[i]) {
			return
		}
	}
}

// exempt is the set of entries that a kick spares: of those with a distance-metric
// capability, nearest first, 16 reliable and 8 unreliable ones (spec 04 §4).
func (s *bucketSet) exempt(at excused) map[*Entry]bool {
	reliable, unreliable := exemptReliable, exemptUnreliable
	spared := make(map[*Entry]bool, exemptReliable+exemptUnreliable)
	s.walk(s.own.Coordinate(), func(b []member) bool {
		near := slices.Clone(b)
		sortByDistance(near, s.own.Coordinate())
		for _, m := range near {
			if !hasCaps(m.entry.PeerInfo(wire.PublicInternet), distanceCaps[:]) {
				continue
			}
			switch state := m.entry.stateAt(at); {
			case state == StateReliable && reliable > 0:
				reliable--
				spared[m.entry] = true
			case state == StateUnreliable && unreliable > 0:
				unreliable--
				spared[m.entry] = true
			}
		}
		return reliable > 0 || unreliable > 0
	})
	return spared
}

func sortByDistance(members []member, target crypto.HashCoordinate) {
	sorting.By(members, func(a, b member) int { return compareDistance(a.id, b.id, target) })
}

// compareDistance is negative if a is nearer to the target than b.
func compareDistance(a, b crypto.NodeID, target crypto.HashCoordinate) int {
	for i := range a.Value {
		if a.Value[i] != b.Value[i] {
			return cmp.Compare(a.Value[i]^target.Value[i], b.Value[i]^target.Value[i])
		}
	}
	return 0
}

// Kick thins out the buckets that were queued since the last call and are above
// their depth, and returns how many entries left the table (spec 04 §4).
func (t *Table) Kick(now time.Time) (removed int) {
	at := t.excused(now)
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.sets {
		var spared map[*Entry]bool
		for i := range s.buckets {
			if !s.queued[i] {
				continue
			}
			s.queued[i] = false
			extra := len(s.buckets[i]) - t.depth(i)
			if extra <= 0 {
				continue
			}
			if spared == nil {
				spared = s.exempt(at)
			}
			removed += t.kickBucketLocked(s.buckets[i], extra, spared, at)
		}
	}
	return removed
}

func (t *Table) kickBucketLocked(b []member, extra int, spared map[*Entry]bool, at excused) int {
	type candidate struct {
		entry *Entry
		state State
		added stamp
	}
	var cs []candidate
	for _, m := range b {
		if m.entry.holds.Load() == 0 && !spared[m.entry] {
			state, added := m.entry.stateAndAdded(at)
			cs = append(cs, candidate{m.entry, state, added})
		}
	}
	sorting.Stable(cs, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.state, b.state), cmp.Compare(b.added, a.added))
	})
	cs = cs[:min(extra, len(cs))]
	for _, c := range cs {
		t.removeLocked(c.entry)
	}
	return len(cs)
}

func (e *Entry) stateAt(at excused) State {
	e.mu.Lock()
	defer e.mu.Unlock()
	s, _ := e.acc.state(at)
	return s
}

func (e *Entry) stateAndAdded(at excused) (State, stamp) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s, _ := e.acc.state(at)
	return s, e.added
}
