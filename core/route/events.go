package route

import (
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// Via says over which routes a message went, by their public keys. Which of them
// are routes the store finds out: the key of a node, as in a stub, is none.
type Via struct {
	Safety   crypto.PublicKey // safety route; zero: none
	Remote   crypto.PublicKey // private route that we sent to; zero: none
	Reply    crypto.PublicKey // our private route that the answer comes over; zero: none
	Ordering Ordering         // of the transport to or from the first hop
	Loopback bool             // a test or keepalive of our route

	// Suppressed: the transport is one that this node itself has suppressed, so that
	// failures say nothing about the routes.
	Suppressed bool
	// ShowedNode: the question went with Unsafe and named our node for the answer.
	ShowedNode bool
}

// charged is the statistics that an event belongs to; nil: not a route.
type charged struct {
	safety, reply *allocated // reply is nil if it is the safety route: not counted twice
	far           *stats     // of the private route that we sent to
	remote        *remote    // the same, if it was imported
}

func (c *charged) none() bool { return c.safety == nil && c.reply == nil && c.far == nil }

// ours lists the routes of our own.
func (c *charged) ours() []*allocated {
	var list []*allocated
	if c.safety != nil {
		list = append(list, c.safety)
	}
	if c.reply != nil {
		list = append(list, c.reply)
	}
	return list
}

func (s *Store) chargedLocked(v *Via, now time.Time) charged {
	c := charged{safety: s.byKey[v.Safety]}
	if r := s.byKey[v.Reply]; r != c.safety {
		c.reply = r
	}
	if own := s.byKey[v.Remote]; own != nil {
		if own != c.safety && own != c.reply {
			c.far = &own.stats
		}
	} else if c.remote = s.remoteByKeyLocked(v.Remote, now); c.remote != nil {
		c.far = &c.remote.stats
	}
	return c
}

// Sent records that a message of this many bytes was sent. It reports whether any
// route was charged; if not, the node that was sent to is to be.
func (s *Store) Sent(v Via, bytes int, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.chargedLocked(&v, now)
	count := func(st *stats) {
		o := &st.per[v.Ordering]
		o.lastSent = now
		o.failedToSend = 0
		st.sent += uint64(bytes)
	}
	if c.safety != nil {
		count(&c.safety.stats)
	}
	if c.far != nil {
		count(c.far)
	}
	return c.safety != nil || c.far != nil
}

// SendFailed records that a message could not be sent over a known transport. The
// result is as of [Store.Sent].
func (s *Store) SendFailed(v Via, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.chargedLocked(&v, now)
	switch {
	case v.Suppressed:
	case c.safety != nil:
		c.safety.stats.per[v.Ordering].failedToSend++
	case c.far != nil:
		c.far.per[v.Ordering].failedToSend++
	}
	return c.safety != nil || c.far != nil
}

// QuestionLost records a question to t, sent at sent, that got no answer. evidence
// is its weight, from 0 to 1: what this node knows against its own link counts for
// the route (spec 05 §17.1). A safety route that lost one is put in for a test. A
// lost loopback is no event of its own: see [Store.TestDone]. The result is as of
// [Store.Sent].
func (s *Store) QuestionLost(v Via, t Target, sent time.Time, evidence float64, now time.Time) bool {
	destination, err := s.DestinationKey(t)
	own := s.nodes.Published()
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.chargedLocked(&v, now)
	if err != nil || v.Loopback || v.Suppressed {
		return !c.none()
	}
	epoch := s.epochLocked(own, t.Node)
	count := func(st *stats) {
		weight := min(1, max(0, evidence))
		o := &st.per[v.Ordering]
		if sent.Before(o.lastAnswer) { // it has worked since
			weight = 0
		}
		o.addLost(destination, weight)
		o.mark(destination, epoch)
	}
	for _, a := range c.ours() {
		count(&a.stats)
		s.buryLocked(a)
	}
	if c.safety != nil {
		c.safety.retest = true
	}
	if c.far != nil {
		count(c.far)
	}
	return !c.none()
}

// Overdue records that a question, sent at sent, has waited for its answer longer than
// the answers of routes that work take. It is no loss yet: until something comes over
// the route, others are chosen before it, and it is tested. It may be a test itself.
func (s *Store) Overdue(v Via, sent, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v.Suppressed {
		return
	}
	c := s.chargedLocked(&v, now)
	for _, a := range c.ours() {
		o := &a.stats.per[v.Ordering]
		if sent.After(o.silent) {
			o.silent, o.noticed = sent, now
		}
		a.retest = a.retest || o.suspect()
	}
}

// Lost reports whether a question to a target was lost over one of our routes, while
// neither it nor our node have changed since (spec 05 §18).
func (s *Store) Lost(t Target) bool {
	destination, err := s.DestinationKey(t)
	if err != nil {
		return false
	}
	epoch := s.lossEpoch(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.routes {
		if a.stats.lostTo(destination, epoch) {
			return true
		}
	}
	return false
}

// buryLocked marks a route that has become dead for release and avoids its hops
// (spec 05 §16, §17.2).
func (s *Store) buryLocked(a *allocated) {
	if a.marked || !s.deadLocked(a) {
		return
	}
	a.marked = true
	s.avoidHopsLocked(a)
}

// AnswerReceived records the answer to a question to t: total is the time from
// sending the question. The result is as of [Store.Sent].
func (s *Store) AnswerReceived(v Via, t Target, bytes int, total time.Duration, now time.Time) bool {
	destination, err := s.DestinationKey(t)
	own := s.nodes.Published()
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.chargedLocked(&v, now)
	count := func(st *stats) {
		o := &st.per[v.Ordering]
		o.answered(now)
		if err == nil {
			delete(o.marks, destination)
		}
		st.rcvd += uint64(bytes)
	}
	ways := time.Duration(0) // of our own routes there and back
	for _, a := range c.ours() {
		ways += a.stats.latency.average()
		s.firstProofLocked(a)
		count(&a.stats)
	}
	if c.far == nil { // half of the time to each of our routes
		for _, a := range c.ours() {
			a.stats.latency.add(total / 2)
		}
		return !c.none()
	}
	count(c.far)
	c.far.latency.add(total - ways)
	if c.remote != nil && v.ShowedNode && own != nil {
		c.remote.seenOurs = own.Info.Timestamp
	}
	return true
}

// firstProofLocked asks for a save when a route is proved for the first time; call
// it before recording the proof.
func (s *Store) firstProofLocked(a *allocated) {
	if a.stats.lastValid().IsZero() {
		s.changes++
		s.urgent = true
	}
}

// Received records a question or statement that arrived over our private route own,
// from a sender with the safety key remote.
func (s *Store) Received(own, remote crypto.PublicKey, ordering Ordering, bytes int, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	count := func(st *stats) {
		o := &st.per[ordering]
		o.lastQuestion = now
		st.rcvd += uint64(bytes)
	}
	if a := s.byKey[own]; a != nil {
		s.firstProofLocked(a)
		count(&a.stats)
		a.stats.per[ordering].lastValid = now
	}
	if r := s.remoteByKeyLocked(remote, now); r != nil {
		count(&r.stats)
	}
}

// Arrived is [Store.Received] for a message of which [Onion.Peel] told.
func (s *Store) Arrived(a Arrival, protocol wire.ProtocolType, bytes int, now time.Time) {
	if a.Path == PrivateRouted {
		s.Received(a.RouteKey, a.SafetyKey, OrderingOf(protocol), bytes, now)
	}
}
