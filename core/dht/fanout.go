package dht

import (
	"context"
	"errors"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/rpc"
	"github.com/voile-net/voile/core/wire"
)

// search asks nodes ever nearer to a record (spec 06 §8). What it calls runs in the
// goroutine of the search, but for the function that ask returns.
type search struct {
	key   crypto.OpaqueRecordKey
	cfg   routing.FanoutConfig
	first []*routing.Entry
	// ask prepares the call of a node; what it returns runs in a goroutine.
	ask func(n *routing.FanoutNode) func(ctx context.Context) (Reply, error)
	// judge tells what an answer is worth. It may give other nodes another stage.
	// Disqualified: the answer broke a rule, and its peers are not used.
	judge func(f *routing.Fanout, n *routing.FanoutNode, a Reply, now time.Time) routing.FanoutStage
	// done ends the search early, or keeps it up; nil: it ends as the fanout says.
	done func(f *routing.Fanout, now time.Time) bool
	// full keeps from asking more nodes; nil: never.
	full func(f *routing.Fanout) bool
	// wake is when done has to be asked again; nil: after answers only.
	wake func(now time.Time) time.Time
}

// found is how a search ended.
type found struct {
	fanout    *routing.Fanout
	agreed    bool // consensus
	answered  int  // nodes that answered, accepting or not
	consensus int  // accepting nodes of the window
}

// values lists the nodes that accepted, whatever they had.
func (r *found) values() []crypto.NodeID {
	var ids []crypto.NodeID
	for _, n := range r.fanout.Nodes() {
		switch n.Stage {
		case routing.FanoutAccepted, routing.FanoutStale, routing.FanoutConflict:
			ids = append(ids, n.ID)
		}
	}
	return ids
}

// searchConfig is a search with the counts of gets, or of sets (spec 06 §8.1). Over
// routes, nodes that lately lost a question are asked last (spec 06 §8.2).
func (c *Client) searchConfig(key crypto.OpaqueRecordKey, safety route.SafetySelection, set, throttled bool) routing.FanoutConfig {
	l := &c.cfg.Limits
	cfg := routing.FanoutConfig{
		Target: key.Coordinate(), Width: l.Width, Throttled: throttled,
		Consensus: l.GetCount, Fanout: l.GetFanout, Timeout: l.GetTimeout,
	}
	if set {
		cfg.Consensus, cfg.Fanout, cfg.Timeout = l.SetCount, l.SetFanout, l.SetTimeout
	}
	if !safety.IsUnsafe() {
		cfg.LostRouted = c.cfg.Nodes.LostRouted
	}
	return cfg
}

// seeds are the nodes that a search begins with: the nearest ones of the routing
// table, and those that had the record (spec 06 §8.3, 1).
func (c *Client) seeds(key crypto.OpaqueRecordKey) []*routing.Entry {
	list := c.cfg.Nodes.Nearest(key, false)
	for _, id := range c.remembered(key) {
		if e := c.cfg.Nodes.Find(id); e != nil {
			list = append(list, e)
		}
	}
	return list
}

func (c *Client) remembered(key crypto.OpaqueRecordKey) []crypto.NodeID {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.records[key]
	if h == nil {
		return nil
	}
	ids := make([]crypto.NodeID, len(h.detail.nodes))
	for i := range ids {
		ids[i] = h.detail.nodes[i].id
	}
	return ids
}

// asked is the end of a call.
type asked struct {
	node  *routing.FanoutNode
	reply Reply
	err   error
}

// run runs a search to its end. The error is that of the context, or, if nobody
// answered, why nobody could be asked.
func (c *Client) run(ctx context.Context, s *search) (r found, err error) {
	f := routing.NewFanout(s.cfg, s.first, time.Now())
	r.fanout = f
	var calls guard.Group
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		calls.Wait()
		r.agreed = f.Evaluate() == routing.FanoutConsensus
		r.consensus = inWindow(f, s.cfg.Width)
	}()
	ends := make(chan asked)
	cancels := make(map[*routing.FanoutNode]context.CancelFunc)
	var unasked error // why a node could not be asked, for our own fault
	for {
		now := time.Now()
		if c.over(s, f, now) {
			break
		}
		for s.full == nil || !s.full(f) {
			n := f.Next(now)
			if n == nil {
				break
			}
			ask := s.ask(n)
			one, stop := context.WithCancel(ctx)
			cancels[n] = stop
			calls.Go(func() {
				a, err := ask(one)
				select {
				case ends <- asked{n, a, err}:
				case <-ctx.Done():
				}
			})
		}
		if len(cancels) == 0 {
			break // nobody is left to ask
		}
		wake := f.Wake(now)
		if s.wake != nil {
			if at := s.wake(now); !at.IsZero() && at.Before(wake) {
				wake = at
			}
		}
		timer := time.NewTimer(time.Until(wake))
		select {
		case e := <-ends:
			cancels[e.node]()
			delete(cancels, e.node)
			fatal := c.ended(s, f, e, &r, &unasked)
			if fatal != nil {
				timer.Stop()
				return r, fatal
			}
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return r, context.Cause(ctx)
		}
		timer.Stop()
		for _, n := range f.Cut(time.Now()) {
			if stop := cancels[n]; stop != nil {
				stop()
			}
		}
	}
	f.Cut(time.Now())
	if r.answered == 0 && unasked != nil {
		return r, unasked
	}
	return r, nil
}

func (c *Client) over(s *search, f *routing.Fanout, now time.Time) bool {
	switch {
	case !now.Before(f.Deadline()):
		return true
	case s.done != nil:
		return s.done(f, now)
	}
	return f.Evaluate() != routing.FanoutIncomplete
}

// ended applies the end of a call (spec 06 §8.4). A node that was cut meanwhile does
// not count any more.
func (c *Client) ended(s *search, f *routing.Fanout, e asked, r *found, unasked *error) (fatal error) {
	now := time.Now()
	stage := routing.FanoutDisqualified
	switch {
	case e.node.Stage != routing.FanoutInProgress:
		f.Done(e.node, stage, nil, now)
		return nil
	case e.err == nil:
		peers, ok := peersOf(e.reply.Detail), true
		if ok = nearer(s.key, e.node.ID, peers); ok {
			stage = s.judge(f, e.node, e.reply, now)
		}
		var entries []*routing.Entry
		if stage != routing.FanoutDisqualified {
			r.answered++
			entries = c.cfg.Nodes.Register(peers)
		}
		f.Done(e.node, stage, entries, now)
		return nil
	case errors.Is(e.err, rpc.ErrClosed):
		return e.err
	case errors.Is(e.err, rpc.ErrTimeout):
		stage = routing.FanoutTimeout
	case errors.Is(e.err, rpc.ErrTryAgain), errors.Is(e.err, rpc.ErrBusy):
		// Ours: no route to be had, or too much at once. The reference gives up here;
		// another node may still be reached.
		stage, *unasked = routing.FanoutTimeout, e.err
	}
	f.Done(e.node, stage, nil, now)
	return nil
}

// inWindow counts the accepting nodes of the window.
func inWindow(f *routing.Fanout, width int) int {
	n, left := 0, width
	for _, node := range f.Nodes() {
		if node.Stage == routing.FanoutTimeout || node.Stage == routing.FanoutDisqualified {
			continue
		}
		if node.Stage == routing.FanoutAccepted {
			n++
		}
		if left--; left == 0 {
			break
		}
	}
	return n
}

func peersOf(a wire.AnswerDetail) []*wire.PeerInfo {
	switch a := a.(type) {
	case *wire.GetValueA:
		return a.Peers
	case *wire.SetValueA:
		return a.Peers
	case *wire.InspectValueA:
		return a.Peers
	case *wire.WatchValueA:
		return a.Peers
	case *wire.TransactBeginA:
		return a.Peers
	}
	return nil
}

// nearer reports whether no peer is farther from the record than who named it
// (spec 06 §7.2).
func nearer(key crypto.OpaqueRecordKey, asked crypto.NodeID, peers []*wire.PeerInfo) bool {
	point := key.Coordinate()
	most, _ := asked.Distance(point)
peers:
	for _, p := range peers {
		for _, id := range p.NodeIDs {
			if id.Kind != key.Kind {
				continue
			}
			if d, _ := id.Distance(point); most.Less(d) {
				return false
			}
			continue peers
		}
		return false
	}
	return true
}

// call asks a node with the safety of the record.
func (c *Client) call(ctx context.Context, n *routing.Entry, h *held, q wire.QuestionDetail) (Reply, error) {
	return c.cfg.Nodes.Ask(ctx, Question{To: n, Safety: c.safetyOf(h), Detail: q})
}

func (c *Client) safetyOf(h *held) route.SafetySelection {
	c.mu.Lock()
	defer c.mu.Unlock()
	return h.detail.safety
}

// knowsDescriptor and learnedDescriptor keep who has the descriptor of a record.
func (c *Client) knowsDescriptor(key crypto.OpaqueRecordKey, n crypto.NodeID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.knows.Get(nodeOf{key, n}) != nil
}

func (c *Client) learnedDescriptor(key crypto.OpaqueRecordKey, n crypto.NodeID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.knows.Put(nodeOf{key, n}, struct{}{})
}

// faulty tells of an answer with a signature that does not hold.
func (c *Client) faulty(h *held, n *routing.Entry, err error) {
	if errors.Is(err, ErrSignature) || errors.Is(err, ErrKey) {
		c.cfg.Nodes.Faulty(n, c.safetyOf(h).IsUnsafe())
	}
}
