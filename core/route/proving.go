package route

import (
	"fmt"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// LoopTest is a test or keepalive of one of our routes: a StatusQ to itself. Report its
// end by [Store.TestDone].
type LoopTest struct {
	ID       crypto.RouteID
	Ordering Ordering
}

// TestNow puts a route in for a test without waiting for the next tick.
// Error: [ErrUnknownRoute].
func (s *Store) TestNow(id crypto.RouteID, now time.Time) (LoopTest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.routes[id]
	if a == nil {
		return LoopTest{}, fmt.Errorf("test %v: %w", id.LogValue(), ErrUnknownRoute)
	}
	s.beginLocked(a, now)
	return LoopTest{ID: id, Ordering: a.ordering}, nil
}

// Loopback is the target and selection of a test of our route: the route itself, by
// its best key (spec 05 §17.3). The first one teaches the hops each other's peer
// infos. Errors: [ErrUnknownRoute], [ErrTryAgain], [ErrUnreachable].
func (s *Store) Loopback(id crypto.RouteID, sequencing wire.Sequencing) (Target, SafetySelection, error) {
	s.mu.Lock()
	a := s.routes[id]
	if a == nil {
		s.mu.Unlock()
		return Target{}, SafetySelection{}, fmt.Errorf("test %v: %w", id.LogValue(), ErrUnknownRoute)
	}
	p := a.pickLocked(a.sets[0].pair.Public.Kind)
	s.mu.Unlock()
	pr, err := s.assembleOwn(p)
	if err != nil {
		return Target{}, SafetySelection{}, err
	}
	return Target{Route: pr}, Safe(SafetySpec{
		Preferred: id, HopCount: len(p.key.hops), Stability: Reliable, Sequencing: sequencing,
	}), nil
}

// Outcome is how a test ended.
type Outcome uint8

const (
	NotSent  Outcome = iota // or an error before it could be lost
	NoAnswer                // in time
	Answered
)

// TestResult is the end of a test with what this node knew against itself.
type TestResult struct {
	Outcome    Outcome
	Offline    bool    // this node was
	Degraded   bool    // this node was, by stalls or bursts
	Suppressed bool    // the transport used is suppressed for this node
	Evidence   float64 // weight of a failure, 0..1
}

// TestDone records the end of a loopback (spec 05 §17.2). A failure of a one-hop route
// that counts is the fault of the hop: if ok, record it as failed to send to.
func (s *Store) TestDone(t LoopTest, r TestResult, now time.Time) (blame crypto.NodeID, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.routes[t.ID]
	if a == nil {
		return crypto.NodeID{}, false
	}
	o := &a.stats.per[t.Ordering]
	switch {
	case r.Outcome == Answered:
		s.firstProofLocked(a)
		o.passed(now)
		return crypto.NodeID{}, false
	case r.Outcome == NotSent || r.Offline:
		return crypto.NodeID{}, false
	case r.Degraded && o.putOff < s.cfg.MaxPutOff:
		o.putOff++
		o.putOffTest = true
		return crypto.NodeID{}, false
	case r.Suppressed:
		return crypto.NodeID{}, false
	}
	o.loopFails++
	o.loopEvidence += min(1, max(0, r.Evidence))
	o.putOff = 0
	a.retest = true
	s.buryLocked(a)
	if len(a.hops) == 1 {
		return a.hops[0].ids[0], true
	}
	return crypto.NodeID{}, false
}

// RemoteTest is the target and selection of a test of an imported route
// (spec 05 §17.3). Error: [ErrUnknownRoute].
func (s *Store) RemoteTest(id crypto.RouteID, now time.Time) (Target, SafetySelection, error) {
	pr, err := s.RemoteRoute(id, now)
	if err != nil {
		return Target{}, SafetySelection{}, err
	}
	return Target{Route: pr}, Safe(SafetySpec{
		HopCount: int(s.hops.Load()), Stability: Reliable, Sequencing: wire.PreferOrdered,
	}), nil
}

// RemoteTestDone records the end of the test of an imported route: the first failure
// removes it, unless this node may be at fault.
func (s *Store) RemoteTestDone(id crypto.RouteID, r TestResult, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.remotes.Peek(id)
	if p == nil {
		return
	}
	remote := *p
	switch {
	case r.Outcome == Answered:
		remote.stats.per[Ordered].passed(now)
		for i := range remote.stats.per {
			remote.stats.per[i].failedToSend = 0
			remote.stats.per[i].lost = nil
		}
	case r.Outcome == NotSent:
	case r.Offline || r.Degraded:
		remote.putOff = true
	default:
		s.remotes.Remove(id) // tells of itself
	}
}

// Probes picks other nodes to ask through a new route of the application, in rotation:
// nodes that could be hops, are not, and can be reached from its far end
// (spec 05 §17.3). Error: [ErrUnknownRoute].
func (s *Store) Probes(id crypto.RouteID, now time.Time) ([]*wire.PeerInfo, error) {
	s.mu.Lock()
	a := s.routes[id]
	if a == nil {
		s.mu.Unlock()
		return nil, fmt.Errorf("probes of %v: %w", id.LogValue(), ErrUnknownRoute)
	}
	var kinds crypto.Kinds
	for i := range a.sets {
		kinds = append(kinds, a.sets[i].pair.Public.Kind)
	}
	far := a.hops[len(a.hops)-1].ids[0]
	turn := s.probeTurn
	s.probeTurn++
	s.mu.Unlock()

	end := s.nodes.PeerInfo(far)
	if end == nil {
		return nil, nil
	}
	candidates := s.nodes.Candidates(kinds, Ordered, now)
	var picked []*wire.PeerInfo
	for i := range candidates {
		n := uint64(len(candidates))
		node := candidates[(turn*uint64(s.cfg.Probes)+uint64(i))%n].PeerInfo
		if len(picked) == s.cfg.Probes {
			break
		}
		if !a.hasAny(node.NodeIDs) && s.nodes.CanContact(end, node, Ordered) {
			picked = append(picked, node)
		}
	}
	return picked, nil
}

// ProbeSelection is the selection of a question through a route to such a node.
func ProbeSelection(id crypto.RouteID) SafetySelection {
	return Safe(SafetySpec{Preferred: id, HopCount: 1, Stability: Reliable, Sequencing: wire.PreferOrdered})
}

// Tested counts the ordered automatic routes of a length that have passed a test and
// have a key of the kind.
func (s *Store) Tested(kind crypto.Kind, hopCount int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, a := range s.routes {
		if a.automatic && !a.marked && a.ordering == Ordered && len(a.hops) == hopCount &&
			a.keyOf(kind) != nil && !a.stats.per[Ordered].lastValid.IsZero() {
			n++
		}
	}
	return n
}

// Ready reports whether there are routes enough to use the DHT, for every kind
// (spec 05 §17.6 rule 4): to become ready some of each default length, to stay so,
// which was says, any of them.
func (s *Store) Ready(was bool) bool {
	lengths := s.backgroundLengths()
	if s.cfg.ShortRoutes {
		lengths = lengths[:1]
	}
	for _, kind := range s.crypto.Kinds() {
		sum, each := 0, true
		for _, length := range lengths {
			n := s.Tested(kind, length)
			sum += n
			each = each && n >= s.cfg.ReadyRoutes
		}
		if was && sum < s.cfg.StayReadyRoutes || !was && !each {
			return false
		}
	}
	return true
}
