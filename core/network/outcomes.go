package network

import (
	"sync"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/wire"
)

// When a transport of ours, and not the peers, is at fault (spec 04 §11.7, §5.3).
const (
	suppressOutcomes = 8                // all failed ...
	suppressPeers    = 4                // ... towards that many peers
	trialEvery       = 30 * time.Second // one attempt is let through
	suspectPeers     = 4                // live nodes failing with no success between
)

// outcomes remembers how sends on our own transports went. The zero value is
// ready; methods may be called from any goroutine.
type outcomes struct {
	mu         sync.Mutex
	transports map[routing.Transport]*failureRun
	classes    [2]failureRun // UDP, and everything over TCP
}

// failureRun is a row of failures without a success.
type failureRun struct {
	count int
	peers [suppressPeers]crypto.NodeID // distinct
	n     int                          // of peers
	trial time.Time                    // last attempt let through
}

func (r *failureRun) add(peer crypto.NodeID) {
	r.count++
	for i := range r.n {
		if r.peers[i] == peer {
			return
		}
	}
	if r.n < len(r.peers) {
		r.peers[r.n] = peer
		r.n++
	}
}

func (r *failureRun) over() bool { return r.count >= suppressOutcomes && r.n >= suppressPeers }

func class(p wire.ProtocolType) int {
	if p.LowLevel() == wire.UDP {
		return 0
	}
	return 1
}

func (o *outcomes) record(t routing.Transport, peer crypto.NodeID, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if ok {
		delete(o.transports, t)
		o.classes[class(t.Protocol)] = failureRun{}
		return
	}
	if o.transports == nil {
		o.transports = make(map[routing.Transport]*failureRun)
	}
	r := o.transports[t]
	if r == nil {
		r = new(failureRun)
		o.transports[t] = r
	}
	r.add(peer)
	o.classes[class(t.Protocol)].add(peer)
}

// suppressed reports whether a transport is, without regard to trials.
func (o *outcomes) suppressed(t routing.Transport) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	r := o.transports[t]
	return r != nil && r.over()
}

// admit reports whether a send may go over a transport: it is not suppressed,
// or this is the trial of the last 30 s.
func (o *outcomes) admit(t routing.Transport, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	r := o.transports[t]
	if r == nil || !r.over() {
		return true
	}
	if now.Sub(r.trial) < trialEvery {
		return false
	}
	r.trial = now
	return true
}

func (o *outcomes) suspect(p wire.ProtocolType) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.classes[class(p)].n >= suspectPeers
}

// Outcome reports how a send over a path that we dialled came out, as far as
// the manager cannot see it: the answer came, or did not come in time.
func (m *Manager) Outcome(t routing.Transport, peer crypto.NodeID, ok bool) {
	m.outcomes.record(t, peer, ok)
}

// Suspect reports whether sends of a protocol's class (UDP, or all that is over
// TCP) failed towards 4 different nodes with no success between: our own link is
// then the likelier culprit, and no peer should be charged (spec 04 §5.3).
func (m *Manager) Suspect(p wire.ProtocolType) bool { return m.outcomes.suspect(p) }
