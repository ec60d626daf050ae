package route

import (
	"time"

	"github.com/voile-net/voile/core/crypto"
)

// Bounds of what is remembered per route and ordering; what does not fit is not
// remembered, which at worst tries a route for a destination once more.
const (
	maxLost        = 64  // destinations with lost questions
	maxMarks       = 256 // loss marks
	latencySamples = 50  // spec 05 §18
)

// stats is what was measured of a route, own or remote (spec 05 §18).
type stats struct {
	created time.Time
	sent    uint64 // bytes
	rcvd    uint64 // bytes
	latency latencyRing
	per     [orderingCount]orderingStats
}

// orderingStats is the part of one ordering. The zero value is an ordering without
// statistics.
type orderingStats struct {
	failedToSend int
	loopFails    int     // failed loopbacks in a row
	loopEvidence float64 // their weight
	putOff       int     // failures in a row that were put off
	putOffTest   bool    // to be tested when the node has recovered
	lost         map[crypto.PublicKey]lostQuestions
	marks        map[crypto.PublicKey]lossEpoch
	lastValid    time.Time
	lastSent     time.Time
	lastQuestion time.Time
	lastAnswer   time.Time
	lastLoopback time.Time // started
	silent       time.Time // when the last question that waits for long was sent
	noticed      time.Time // when that was found to be long
	answers      uint64
}

// lostQuestions counts the questions lost to a destination since the last answer.
type lostQuestions struct {
	count    int
	evidence float64
}

// lossEpoch is the state of the world in which a question was lost. A loss says
// nothing about another one (spec 05 §18).
type lossEpoch struct {
	destination crypto.Timestamp // of the destination's node info; 0: not a node
	own         crypto.Timestamp // of our published node info; 0: none
	online      uint64           // changes of our online state
}

// used reports whether anything at all was recorded.
func (o *orderingStats) used() bool {
	return o.failedToSend > 0 || o.loopFails > 0 || len(o.lost) > 0 || !o.lastValid.IsZero() ||
		!o.lastSent.IsZero() || !o.lastQuestion.IsZero() || !o.lastAnswer.IsZero()
}

// reset forgets what was measured per ordering (spec 05 §17.4, §18).
func (s *stats) reset() { s.per = [orderingCount]orderingStats{} }

// lastValid is the latest proof over all orderings; zero: never.
func (s *stats) lastValid() time.Time {
	var last time.Time
	for i := range s.per {
		if t := s.per[i].lastValid; t.After(last) {
			last = t
		}
	}
	return last
}

// needsTest is the rule for an ordering of an allocated route (spec 05 §17.1).
func (c *Config) needsTest(o *orderingStats, now time.Time) bool {
	return len(o.lost) > 0 || o.suspect() || o.failedToSend > 0 || o.loopFails > 0 ||
		o.lastValid.IsZero() || now.Sub(o.lastValid) > c.IdleBeforeTest
}

// remoteNeedsTest is the rule for an imported route (spec 05 §17.1).
func (c *Config) remoteNeedsTest(s *stats, now time.Time) bool {
	for i := range s.per {
		if len(s.per[i].lost) > 0 || s.per[i].failedToSend > 0 {
			return true
		}
	}
	last := s.lastValid()
	return last.IsZero() || now.Sub(last) > c.IdleBeforeTest
}

// suspect reports whether a question waits for its answer unusually long, and
// nothing came over the route since it was sent. Such a route is not chosen while
// there are others.
func (o *orderingStats) suspect() bool { return o.silent.After(o.lastValid) }

// goneSilentSince reports whether a route has become suspect after a time.
func (a *allocated) goneSilentSince(t time.Time) bool {
	o := &a.stats.per[a.ordering]
	return o.suspect() && o.noticed.After(t)
}

// dead is the rule of spec 05 §17.1. Send failures never kill.
func (c *Config) dead(o *orderingStats, ordering Ordering) bool {
	limit := c.MaxOrderedFails
	if ordering == Unordered {
		limit = c.MaxUnorderedFails
	}
	if o.loopEvidence >= float64(limit) {
		return true
	}
	destinations := 0.0
	for _, l := range o.lost {
		destinations += min(1, l.evidence)
	}
	return destinations >= float64(c.MaxLostDestination)
}

// answered is the effect of any answer over the route (spec 05 §18).
func (o *orderingStats) answered(now time.Time) {
	o.lastValid = now
	o.lastAnswer = now
	o.answers++
	o.lost = nil
}

// passed is the effect of a test that was answered (spec 05 §17.2).
func (o *orderingStats) passed(now time.Time) {
	o.lastValid = now
	o.failedToSend = 0
	o.lost = nil
	o.loopFails, o.loopEvidence, o.putOff, o.putOffTest = 0, 0, 0, false
}

func (o *orderingStats) addLost(destination crypto.PublicKey, evidence float64) {
	if o.lost == nil {
		o.lost = make(map[crypto.PublicKey]lostQuestions)
	}
	l, known := o.lost[destination]
	if !known && len(o.lost) >= maxLost {
		return
	}
	o.lost[destination] = lostQuestions{count: l.count + 1, evidence: l.evidence + evidence}
}

func (o *orderingStats) mark(destination crypto.PublicKey, epoch lossEpoch) {
	if o.marks == nil {
		o.marks = make(map[crypto.PublicKey]lossEpoch)
	}
	if len(o.marks) >= maxMarks {
		for key, e := range o.marks { // those of other times say nothing any more
			if e.own != epoch.own || e.online != epoch.online {
				delete(o.marks, key)
			}
		}
	}
	if _, known := o.marks[destination]; known || len(o.marks) < maxMarks {
		o.marks[destination] = epoch
	}
}

// lostTo reports whether a question to the destination was lost in this epoch over
// any ordering.
func (s *stats) lostTo(destination crypto.PublicKey, epoch lossEpoch) bool {
	for i := range s.per {
		if e, ok := s.per[i].marks[destination]; ok && e == epoch {
			return true
		}
	}
	return false
}

// latencyRing holds the last samples of round trips.
type latencyRing struct {
	samples []time.Duration // at most latencySamples
	next    int
	sum     time.Duration
}

func (r *latencyRing) add(d time.Duration) {
	d = max(d, 0)
	if len(r.samples) < latencySamples {
		r.samples = append(r.samples, d)
	} else {
		r.sum -= r.samples[r.next]
		r.samples[r.next] = d
		r.next = (r.next + 1) % latencySamples
	}
	r.sum += d
}

// average is 0 if nothing was measured.
func (r *latencyRing) average() time.Duration {
	if len(r.samples) == 0 {
		return 0
	}
	return r.sum / time.Duration(len(r.samples))
}
