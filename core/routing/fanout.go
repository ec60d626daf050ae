package routing

import (
	"slices"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// slowNode is how long a node may be in progress before others are asked beside it
// (spec 04 §7.4: 33 % of the rpc timeout).
const slowNode = rpcTimeout * 33 / 100

// FanoutStage is how far a node of a fanout is (spec 04 §7.4).
type FanoutStage uint8

const (
	FanoutQueued FanoutStage = iota
	FanoutInProgress
	FanoutTimeout
	FanoutRejected
	FanoutAccepted
	FanoutStale        // accepted an older value
	FanoutConflict     // accepted another value of the same age
	FanoutDisqualified // too far to matter
)

// unfinished reports that the node has not ended yet.
func (s FanoutStage) unfinished() bool { return s <= FanoutInProgress }

// answered reports that the node gave a final answer.
func (s FanoutStage) answered() bool { return s >= FanoutRejected && s <= FanoutConflict }

// FanoutNode is a node that a fanout asks. The fanout owns it; callers read.
type FanoutNode struct {
	Entry *Entry
	ID    crypto.NodeID // of the kind of the target
	Stage FanoutStage

	preferred bool
	routed    bool // lately lost a routed question
	started   time.Time
}

// FanoutConfig is what a search is to achieve (spec 04 §7.4).
type FanoutConfig struct {
	Target crypto.HashCoordinate
	// Consensus is how many accepted nodes in the window end the search; 0: it
	// only ends by exhaustion, by time or by the caller, as resolving a node does.
	Consensus int
	// Width is the number of closest nodes that count; 0: all.
	Width int
	// Fanout is how many nodes are asked at once.
	Fanout int
	// Throttled keeps from asking more nodes than consensus needs.
	Throttled bool
	// Timeout counts from the last accepted node.
	Timeout time.Duration
	// Extra is how long to go on after consensus; 0: not at all.
	Extra time.Duration
	// Preferred are nodes to be sorted before all others.
	Preferred []crypto.NodeID
	// LostRouted tells of nodes that lately lost a routed question: they are asked
	// last; nil: none.
	LostRouted func(*Entry) bool
}

// ResolveConfig is the search for a node (spec 04 §7.3). Its calls end as
// FanoutRejected when they are answered, since no answer prolongs the search.
func ResolveConfig(id crypto.NodeID) FanoutConfig {
	return FanoutConfig{Target: id.Coordinate(), Fanout: 5, Timeout: 10 * time.Second}
}

// FanoutResult is what a search has come to.
type FanoutResult uint8

const (
	FanoutIncomplete FanoutResult = iota
	FanoutConsensus
	FanoutExhausted
)

// String names the result.
func (r FanoutResult) String() string {
	names := [...]string{"Incomplete", "Consensus", "Exhausted"}
	if int(r) < len(names) {
		return names[r]
	}
	return "invalid"
}

// Fanout is the queue of a search that asks nodes ever closer to a point. It is
// state only: the caller asks the nodes that Next gives, tells Done how each call
// ended, calls Cut at Wake and whenever something has changed, cancels the calls
// that Cut returns, and stops when Evaluate is not incomplete or Deadline has
// passed. It has no lock.
type Fanout struct {
	cfg      FanoutConfig
	nodes    []*FanoutNode // nearest first, preferred ones before
	byID     map[crypto.NodeID]*FanoutNode
	progress int
	slowest  time.Duration // of the answers so far
	deadline time.Time
	extra    bool // the deadline is that of the time after consensus
}

// NewFanout begins a search with some nodes.
func NewFanout(cfg FanoutConfig, initial []*Entry, now time.Time) *Fanout {
	f := &Fanout{cfg: cfg, byID: make(map[crypto.NodeID]*FanoutNode), deadline: now.Add(cfg.Timeout)}
	f.Add(initial)
	return f
}

// FanoutNodes are the nodes that a search begins with: up to 20 closest responsive
// entries, or with initial set live ones, with a signed PublicInternet description
// that pass the filter (nil: all) (spec 04 §7.4).
func (t *Table) FanoutNodes(target crypto.HashCoordinate, initial bool, filter Filter, now time.Time) []*Entry {
	return t.Closest(target, MaxFindNode, func(e *Entry, s State) bool {
		return (s.Responsive() || initial && s.Live()) && e.SignedPeerInfo(wire.PublicInternet) != nil &&
			(filter == nil || filter(e, s))
	}, now)
}

// Resolved is the entry of a node that needs no search: it is live and has dial
// info of its own or of relays, in any domain (spec 04 §7.3). nil: search.
func (t *Table) Resolved(id crypto.NodeID, now time.Time) *Entry {
	e := t.Lookup(id)
	if e == nil || !e.State(now).Live() {
		return nil
	}
	for d := range e.peers {
		p := e.peers[d].Load()
		if p == nil {
			continue
		}
		if len(p.Info.DialInfo) > 0 || slices.ContainsFunc(p.Info.Relays, func(r wire.RelayInfo) bool {
			return len(r.DialInfo) > 0
		}) {
			return e
		}
	}
	return nil
}

// Add puts nodes into the queue. Those that are in it, or have no id of the kind,
// are left out.
func (f *Fanout) Add(entries []*Entry) {
	for _, e := range entries {
		id, ok := e.ID(f.cfg.Target.Kind)
		if !ok || f.byID[id] != nil {
			continue
		}
		n := &FanoutNode{
			Entry: e, ID: id,
			preferred: slices.Contains(f.cfg.Preferred, id),
			routed:    f.cfg.LostRouted != nil && f.cfg.LostRouted(e),
		}
		f.byID[id] = n
		i, _ := slices.BinarySearchFunc(f.nodes, n, func(a, b *FanoutNode) int {
			if c := boolCompare(b.preferred, a.preferred); c != 0 {
				return c
			}
			return compareDistance(a.ID, b.ID, f.cfg.Target)
		})
		f.nodes = slices.Insert(f.nodes, i, n)
	}
	f.disqualify()
}

// Nodes are all nodes in order. The slice and the nodes must not be changed.
func (f *Fanout) Nodes() []*FanoutNode { return f.nodes }

// Node finds a node by its id; nil: not in the queue.
func (f *Fanout) Node(id crypto.NodeID) *FanoutNode { return f.byID[id] }

// Deadline is when the search ends at the latest.
func (f *Fanout) Deadline() time.Time { return f.deadline }

// Next gives a node to ask now, in progress from here on; nil: none at present,
// because enough are being asked or nobody is left.
func (f *Fanout) Next(now time.Time) *FanoutNode {
	if f.progress >= f.cfg.Fanout || f.throttled(now) {
		return nil
	}
	var best *FanoutNode
	var bestGroup int
	inWindow := 0
	for _, n := range f.nodes {
		if n.Stage == FanoutTimeout || n.Stage == FanoutDisqualified {
			continue
		}
		inWindow++
		if n.Stage != FanoutQueued {
			continue
		}
		group := 0 // in the window before outside, then those that lost a routed question last
		if f.cfg.Width > 0 && inWindow > f.cfg.Width {
			group = 2
		}
		if n.routed {
			group++
		}
		if best == nil || group < bestGroup {
			best, bestGroup = n, group
		}
	}
	if best != nil {
		best.Stage, best.started = FanoutInProgress, now
		f.progress++
	}
	return best
}

// throttled reports that enough nodes work towards consensus: those in progress or
// accepted, from the front up to the first queued one. A slow one unlocks another.
func (f *Fanout) throttled(now time.Time) bool {
	if !f.cfg.Throttled || f.cfg.Consensus == 0 {
		return false
	}
	working, slow := 0, 0
	for _, n := range f.nodes {
		switch n.Stage {
		case FanoutInProgress:
			working++
			if now.Sub(n.started) > slowNode {
				slow++
			}
		case FanoutAccepted:
			working++
		case FanoutQueued:
			return working >= f.cfg.Consensus+slow
		}
	}
	return working >= f.cfg.Consensus+slow
}

// Done ends a call with an outcome and adds the peers that came with the answer.
// The outcome of a node that was cut meanwhile is not looked at.
func (f *Fanout) Done(n *FanoutNode, outcome FanoutStage, peers []*Entry, now time.Time) {
	if n.Stage == FanoutInProgress {
		f.progress--
		n.Stage = outcome
		if outcome.answered() {
			f.slowest = max(f.slowest, now.Sub(n.started))
		}
		if outcome == FanoutAccepted && !f.extra {
			f.deadline = now.Add(f.cfg.Timeout)
		}
	}
	n.started = time.Time{} // the call is over: nothing to cancel
	f.Add(peers)
	if !f.extra && f.cfg.Consensus > 0 && f.Evaluate() == FanoutConsensus {
		f.extra = true
		f.deadline = minTime(f.deadline, now.Add(f.cfg.Extra))
	}
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Restage gives a node that has answered another stage: a newer value makes
// accepted ones stale, FanoutQueued asks the node again. It reports whether it
// did. Consensus that is lost by it starts the timeout again.
func (f *Fanout) Restage(n *FanoutNode, stage FanoutStage, now time.Time) bool {
	if !n.Stage.answered() {
		return false
	}
	n.Stage = stage
	if f.extra && f.Evaluate() != FanoutConsensus {
		f.extra = false
		f.Prolong(now)
	}
	f.disqualify()
	return true
}

// Prolong restarts the timeout: the caller has learned something that counts like
// an accepted node.
func (f *Fanout) Prolong(now time.Time) { f.deadline = now.Add(f.cfg.Timeout) }

// disqualify takes out the unfinished nodes that cannot matter any more: beyond
// Consensus rejections in a row, and beyond a window full of answers.
func (f *Fanout) disqualify() {
	rejected, answers := 0, 0
	for i, n := range f.nodes {
		switch {
		case n.Stage == FanoutTimeout || n.Stage == FanoutDisqualified:
			continue
		case n.Stage == FanoutRejected:
			rejected++
		default:
			rejected = 0
		}
		if n.Stage.answered() {
			answers++
		}
		if f.cfg.Consensus > 0 && rejected >= f.cfg.Consensus || f.cfg.Width > 0 && answers >= f.cfg.Width {
			for _, far := range f.nodes[i+1:] {
				if far.Stage == FanoutQueued || far.Stage == FanoutInProgress {
					f.end(far, FanoutDisqualified)
				}
			}
			return
		}
	}
}

func (f *Fanout) end(n *FanoutNode, stage FanoutStage) {
	if n.Stage == FanoutInProgress {
		f.progress--
	}
	n.Stage = stage
}

// Cut ends calls that are not worth waiting for and returns all nodes whose call
// has been running and is of no use any more, each once, for the caller to cancel.
// These are nodes too far away, and stragglers: when every node of the window has
// answered or is being asked, and those cannot make consensus, the ones that take
// longer than 33 % of the rpc timeout and three times the slowest answer.
func (f *Fanout) Cut(now time.Time) []*FanoutNode {
	f.disqualify()
	if !now.Before(f.deadline) {
		for _, n := range f.nodes {
			if n.Stage.unfinished() {
				f.end(n, FanoutTimeout)
			}
		}
	} else if f.hopeless() {
		limit := f.stragglerLimit()
		for _, n := range f.nodes {
			if n.Stage == FanoutInProgress && now.Sub(n.started) >= limit {
				f.end(n, FanoutTimeout)
			}
		}
	}
	var cut []*FanoutNode
	for _, n := range f.nodes {
		if !n.started.IsZero() && (n.Stage == FanoutTimeout || n.Stage == FanoutDisqualified) {
			n.started = time.Time{}
			cut = append(cut, n)
		}
	}
	return cut
}

func (f *Fanout) stragglerLimit() time.Duration { return max(slowNode, 3*f.slowest) }

// window calls visit for the closest Width nodes that are not out.
func (f *Fanout) window(visit func(n *FanoutNode)) {
	left := f.cfg.Width
	for _, n := range f.nodes {
		if n.Stage == FanoutTimeout || n.Stage == FanoutDisqualified {
			continue
		}
		visit(n)
		if left--; left == 0 {
			return
		}
	}
}

// hopeless reports that nobody in the window is queued, and the accepted ones and
// those in progress together are too few.
func (f *Fanout) hopeless() bool {
	queued, counted := 0, 0
	f.window(func(n *FanoutNode) {
		switch n.Stage {
		case FanoutQueued:
			queued++
		case FanoutInProgress, FanoutAccepted:
			counted++
		}
	})
	return f.cfg.Consensus > 0 && queued == 0 && counted < f.cfg.Consensus
}

// Evaluate tells what the search has come to (spec 04 §7.4).
func (f *Fanout) Evaluate() FanoutResult {
	accepted, unfinished := 0, 0
	f.window(func(n *FanoutNode) {
		if n.Stage == FanoutAccepted {
			accepted++
		}
		if n.Stage.unfinished() {
			unfinished++
		}
	})
	switch {
	case f.cfg.Consensus > 0 && accepted >= f.cfg.Consensus:
		return FanoutConsensus
	case unfinished > 0:
		return FanoutIncomplete
	}
	return FanoutExhausted
}

// Finished reports that there is nothing to wait for: exhausted, past the
// deadline, or in consensus with nothing of the extra time or of the work left.
func (f *Fanout) Finished(now time.Time) bool {
	switch {
	case !now.Before(f.deadline):
		return true
	case f.Evaluate() == FanoutExhausted:
		return true
	case f.Evaluate() == FanoutIncomplete:
		return false
	}
	return f.cfg.Extra == 0 || !slices.ContainsFunc(f.nodes, func(n *FanoutNode) bool { return n.Stage.unfinished() })
}

// Accepted lists the accepted nodes in order.
func (f *Fanout) Accepted() []*FanoutNode {
	var list []*FanoutNode
	for _, n := range f.nodes {
		if n.Stage == FanoutAccepted {
			list = append(list, n)
		}
	}
	return list
}

// Wake is when to look again although no call has ended: a node becomes slow, a
// straggler is due, or the deadline comes.
func (f *Fanout) Wake(now time.Time) time.Time {
	wake := f.deadline
	for _, n := range f.nodes {
		if n.Stage != FanoutInProgress {
			continue
		}
		for _, d := range [...]time.Duration{slowNode + time.Microsecond, f.stragglerLimit()} {
			if at := n.started.Add(d); at.After(now) {
				wake = minTime(wake, at)
			}
		}
	}
	return wake
}
