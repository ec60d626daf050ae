package dht

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/rpc"
	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/core/wire"
)

// tickWatchesLocked takes every watch one step further (spec 06 §12.3). While the
// network cannot be used, watches only end.
func (c *Client) tickWatchesLocked(ready bool, now time.Time) {
	for key, w := range c.watches {
		if w.want != nil && (w.want.left == 0 || !w.want.expires.IsZero() && !now.Before(w.want.expires)) {
			w.want = nil
		}
		c.pruneLocked(w, now)
		if w.want == nil && len(w.nodes) == 0 && !w.busy && !w.looking {
			delete(c.watches, key)
			c.news = append(c.news, ValueChange{Key: w.key})
			continue
		}
		if !ready || w.want != nil && w.want.subkeys.Empty() {
			continue
		}
		if !w.busy {
			c.stepLocked(w, now)
		}
		if w.want != nil && !w.looking {
			c.maybeInspectLocked(w, now)
		}
	}
	if ready {
		c.cancelStraysLocked(now)
	}
}

// pruneLocked forgets what nodes granted and is over.
func (c *Client) pruneLocked(w *ownWatch, now time.Time) {
	before := len(w.nodes)
	w.nodes = slices.DeleteFunc(w.nodes, func(n nodeWatch) bool { return !now.Before(n.expires) || n.count == 0 })
	for i := range w.nodes {
		if n := &w.nodes[i]; n.active && c.cfg.Nodes.Find(n.id) == nil {
			n.active = false
		}
	}
	if len(w.nodes) != before {
		c.keepNodesLocked(w)
	}
}

// keepNodesLocked stores what nodes granted, for after a restart.
func (c *Client) keepNodesLocked(w *ownWatch) {
	if c.records[w.h.key] != w.h {
		return
	}
	w.h.detail.watchers = slices.Clone(w.nodes)
	c.saveLocked(w.h)
}

// stepLocked starts the one thing that is due for a watch.
func (c *Client) stepLocked(w *ownWatch, now time.Time) {
	do := func(f func(ctx context.Context)) {
		w.busy = true
		c.goLocked(func(ctx context.Context) {
			f(ctx)
			c.mu.Lock()
			w.busy = false
			c.mu.Unlock()
		})
	}
	if w.want == nil {
		nodes := slices.Clone(w.nodes)
		w.nodes = nil
		c.keepNodesLocked(w)
		do(func(ctx context.Context) { c.cancelNodes(ctx, w.h.key, nodes) })
		return
	}
	active, want := w.active(), c.cfg.Limits.GetCount
	due := w.dueLocked(c, now)
	switch {
	case len(due) > 0:
		do(func(ctx context.Context) { c.renew(ctx, w, due) })
	case active < want && !now.Before(w.retryAt), w.missed, w.changed:
		missed := w.missed
		w.missed = false
		do(func(ctx context.Context) { c.reconcile(ctx, w, missed) })
	}
}

// dueLocked lists the nodes to be told what is wanted: all if that has changed, else
// those whose watch is about to end or whose route has died.
func (w *ownWatch) dueLocked(c *Client, now time.Time) (due []nodeWatch) {
	endless := w.want.expires.IsZero() || w.want.expires.Sub(now) > watchRenewLead
	died := false
	for _, n := range w.nodes {
		if !n.active || n.signer != w.want.signer.Public {
			continue
		}
		spec, safe := n.safety.Spec()
		dead := safe && !spec.Preferred.IsZero() && !c.cfg.Nodes.RouteAlive(spec.Preferred)
		if dead && now.Before(w.renewAt) {
			continue
		}
		died = died || dead
		if w.changed || dead || endless && n.expires.Sub(now) < watchRenewLead {
			due = append(due, n)
		}
	}
	if died { // pauses grow when routes keep dying
		if now.Sub(w.renewAt) > watchPauseMost {
			w.renewal = 0
		}
		w.renewal = min(max(2*w.renewal, watchRetry), watchPauseMost)
		w.renewAt = now.Add(w.renewal)
	}
	return due
}

// watchCall is what was asked of a node, and what it said.
type watchCall struct {
	node    nodeWatch
	refused bool // it answered, and does not watch for us
	granted bool
}

// askWatch asks a node to watch, over the route that it reports by while that lives.
func (c *Client) askWatch(ctx context.Context, w *ownWatch, want *wanted, e *routing.Entry, had *nodeWatch) (watchCall, Reply, error) {
	id, _ := e.ID(w.h.key.Kind)
	call := watchCall{node: nodeWatch{id: id, signer: want.signer.Public}}
	sys, err := c.system(w.h.key.Kind)
	if err != nil {
		return call, Reply{}, err
	}
	signer, err := sys.NewSigner(want.signer)
	if err != nil {
		return call, Reply{}, err
	}
	safety := c.safetyOf(w.h)
	pinned := false
	if had != nil && had.signer == call.node.signer {
		call.node.watchID = had.watchID
		spec, safe := had.safety.Spec()
		alive := !safe || !spec.Preferred.IsZero() && c.cfg.Nodes.RouteAlive(spec.Preferred)
		if alive && alikeSafety(had.safety, safety) {
			safety, pinned = had.safety, true
		}
	}
	if !pinned {
		if safety, err = c.cfg.Nodes.PinRoute(ctx, e, safety); err != nil {
			return call, Reply{}, err
		}
	}
	call.node.safety = safety
	q := wire.WatchValueQ{
		Key: w.h.key, Subkeys: want.subkeys.Ranges(), Count: want.left, WatchID: call.node.watchID, MaxPeers: MaxPeers,
	}
	for {
		sent := time.Now()
		if !want.expires.IsZero() {
			q.Duration = crypto.DurationOf(want.expires.Sub(sent))
		}
		reply, err := c.cfg.Nodes.Ask(ctx, Question{To: e, Safety: safety, Signer: signer, Detail: &q})
		if err != nil {
			return call, reply, err
		}
		a, ok := reply.Detail.(*wire.WatchValueA)
		switch {
		case !ok, a.Duration > 0 && (a.WatchID == 0 || q.WatchID != 0 && a.WatchID != q.WatchID):
			return call, reply, rpc.ErrInvalidAnswer
		case !a.Accepted || a.Duration == 0 && q.WatchID == 0:
			call.refused = true
			return call, reply, nil
		case a.Duration == 0: // it has forgotten: it was restarted, or the record was
			asked := q
			asked.WatchID = 0
			q, call.node.watchID = asked, 0
			continue
		}
		call.granted = true
		call.node.watchID, call.node.count, call.node.active = a.WatchID, want.left, true
		call.node.expires = sent.Add(reply.Latency/2 + a.Duration.Duration())
		return call, reply, nil
	}
}

// alikeSafety reports whether two selections differ at most in the route that they
// prefer.
func alikeSafety(a, b route.SafetySelection) bool {
	x, safe := a.Spec()
	y, alsoSafe := b.Spec()
	x.Preferred, y.Preferred = crypto.RouteID{}, crypto.RouteID{}
	return safe == alsoSafe && x == y
}

// renew tells nodes one by one what is wanted.
func (c *Client) renew(ctx context.Context, w *ownWatch, due []nodeWatch) {
	c.mu.Lock()
	if w.want == nil {
		c.mu.Unlock()
		return
	}
	want := *w.want
	c.mu.Unlock()
	results := make([]*watchCall, len(due))
	var calls guard.Group
	for i := range due {
		e := c.cfg.Nodes.Find(due[i].id)
		if e == nil {
			continue
		}
		calls.Go(func() {
			if call, _, err := c.askWatch(ctx, w, &want, e, &due[i]); err == nil {
				results[i] = &call
			}
		})
	}
	calls.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	all := true
	for i, r := range results {
		if r == nil {
			if n := w.node(due[i].id); n != nil {
				n.active = false
			}
			all = false
			continue
		}
		if r.granted && due[i].safety != r.node.safety { // what came by the old route may be lost
			w.inspect = w.inspect.Union(want.subkeys)
		}
		c.mergeLocked(w, r)
	}
	c.askedLocked(w, &want, all)
	c.keepNodesLocked(w)
}

// mergeLocked takes in what a node said, and reports whether it is new.
func (c *Client) mergeLocked(w *ownWatch, r *watchCall) (fresh bool) {
	n := w.node(r.node.id)
	switch {
	case r.granted && n == nil:
		w.nodes = append(w.nodes, r.node)
		return true
	case r.granted:
		fresh = n.watchID != r.node.watchID || !n.active
		*n = r.node
	case r.refused && n != nil:
		w.nodes = slices.DeleteFunc(w.nodes, func(n nodeWatch) bool { return n.id == r.node.id })
	}
	return fresh
}

// askedLocked notes that nodes know what was wanted.
func (c *Client) askedLocked(w *ownWatch, want *wanted, all bool) {
	w.made = true
	if w.want == nil || !all {
		return
	}
	if w.changed && w.want.subkeys == want.subkeys && w.want.expires.Equal(want.expires) {
		w.changed = false
		w.inspect = w.inspect.Union(want.subkeys)
	}
}

// reconcile looks for nodes that watch for us (spec 06 §12.3, 5): those first that did
// before, unless they have missed something, and may be the wrong ones by now.
func (c *Client) reconcile(ctx context.Context, w *ownWatch, missed bool) {
	c.mu.Lock()
	if w.want == nil {
		c.mu.Unlock()
		return
	}
	want := *w.want
	had := make(map[crypto.NodeID]nodeWatch, len(w.nodes))
	s := search{key: w.h.key, cfg: c.searchConfig(w.h.key, w.h.detail.safety, false, true)}
	for _, n := range w.nodes {
		had[n.id] = n
		if !missed {
			s.cfg.Preferred = append(s.cfg.Preferred, n.id)
		}
	}
	for _, n := range w.h.detail.nodes {
		if !missed {
			s.cfg.Preferred = append(s.cfg.Preferred, n.id)
		}
	}
	c.mu.Unlock()
	s.cfg.Extra = s.cfg.Timeout
	s.first = c.seeds(w.h.key)
	for id := range had {
		if e := c.cfg.Nodes.Find(id); e != nil {
			s.first = append(s.first, e)
		}
	}
	var mu sync.Mutex
	calls := make(map[crypto.NodeID]watchCall)
	s.ask = func(n *routing.FanoutNode) func(context.Context) (Reply, error) {
		return func(ctx context.Context) (Reply, error) {
			var before *nodeWatch
			if b, ok := had[n.ID]; ok {
				before = &b
			}
			call, reply, err := c.askWatch(ctx, w, &want, n.Entry, before)
			if err == nil {
				mu.Lock()
				calls[n.ID] = call
				mu.Unlock()
			}
			return reply, err
		}
	}
	s.judge = func(_ *routing.Fanout, n *routing.FanoutNode, reply Reply, _ time.Time) routing.FanoutStage {
		a := reply.Detail.(*wire.WatchValueA)
		switch {
		case !a.Accepted:
			return routing.FanoutRejected
		case a.Duration == 0:
			return routing.FanoutStale
		}
		return routing.FanoutAccepted
	}
	agreed := func(f *routing.Fanout) bool { return f.Evaluate() == routing.FanoutConsensus }
	s.full = agreed
	s.done = func(f *routing.Fanout, _ time.Time) bool {
		return f.Evaluate() != routing.FanoutIncomplete && !slices.ContainsFunc(f.Nodes(), func(n *routing.FanoutNode) bool { return n.Stage == routing.FanoutInProgress })
	}
	_, err := c.run(ctx, &s)

	mu.Lock()
	defer mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	refused, granted := 0, 0
	fresh := false
	for _, call := range calls {
		if call.granted {
			granted++
		} else {
			refused++
		}
		fresh = c.mergeLocked(w, &call) || fresh
	}
	for i := range w.nodes { // who did not answer may still report, but does not count
		if _, ok := calls[w.nodes[i].id]; !ok {
			w.nodes[i].active = false
		}
	}
	now := time.Now()
	c.chooseLocked(w, now)
	c.askedLocked(w, &want, err == nil && granted > 0)
	if fresh && w.want != nil {
		w.inspect = w.inspect.Union(w.want.subkeys)
	}
	if w.fallback == 0 || granted > 0 {
		w.quiet, w.fallback = now, watchQuiet
	}
	switch {
	case w.active() >= c.cfg.Limits.GetCount:
		w.retry, w.retryAt = 0, time.Time{}
	case granted == 0 && refused > 0:
		w.retryAt = now.Add(watchRetryMost)
	default:
		w.retry = min(max(2*w.retry, watchRetry), watchRetryMost)
		w.retryAt = now.Add(w.retry)
	}
	c.keepNodesLocked(w)
	if err != nil && !errors.Is(err, context.Canceled) {
		c.log.Debug("watch not made", "record", w.h.key, "err", err)
	}
}

// chooseLocked keeps the nearest nodes and lets the others go.
func (c *Client) chooseLocked(w *ownWatch, now time.Time) {
	point := w.h.key.Coordinate()
	sorting.By(w.nodes, func(a, b nodeWatch) int {
		if a.active != b.active {
			if a.active {
				return -1
			}
			return 1
		}
		x, _ := a.id.Distance(point)
		y, _ := b.id.Distance(point)
		return x.Compare(y)
	})
	for i := c.cfg.Limits.GetCount; i < len(w.nodes); i++ {
		n := &w.nodes[i]
		if n.active && len(c.strays) < maxStrays {
			c.strays[stray{nodeOf{w.h.key, n.id}, n.watchID}] = now
		}
	}
	kept := 0
	w.nodes = slices.DeleteFunc(w.nodes, func(n nodeWatch) bool {
		if n.active {
			kept++
		}
		return n.active && kept > c.cfg.Limits.GetCount
	})
}

// cancelNodes ends watches that nodes have granted.
func (c *Client) cancelNodes(ctx context.Context, key crypto.OpaqueRecordKey, nodes []nodeWatch) {
	var calls guard.Group
	for _, n := range nodes {
		calls.Go(func() { c.cancelNode(ctx, key, n.id, n.watchID, n.safety) })
	}
	calls.Wait()
}

func (c *Client) cancelNode(ctx context.Context, key crypto.OpaqueRecordKey, id crypto.NodeID, watchID uint64, safety route.SafetySelection) {
	e := c.cfg.Nodes.Find(id)
	if e == nil {
		return
	}
	sys, err := c.system(key.Kind)
	if err != nil {
		return
	}
	signer, err := sys.NewSigner(c.anonymous)
	if err != nil {
		return
	}
	// An answer that does not come is no loss: the watch expires.
	_, _ = c.cfg.Nodes.Ask(ctx, Question{To: e, Safety: safety, Signer: signer, Detail: &wire.WatchValueQ{
		Key: key, WatchID: watchID, MaxPeers: MaxPeers,
	}})
}

// cancelStraysLocked ends watches that report and are not ours any more.
func (c *Client) cancelStraysLocked(now time.Time) {
	for s, at := range c.strays {
		if now.Before(at) {
			continue
		}
		delete(c.strays, s)
		if w := c.watches[s.record]; w != nil {
			if n := w.node(s.node); n != nil && n.watchID == s.watchID {
				continue // it came back
			}
		}
		safety := route.Unsafe(wire.PreferOrdered)
		if h := c.records[s.record]; h != nil {
			safety = h.detail.safety
		} else {
			continue // whoever has no record has no way to ask about it
		}
		c.goLocked(func(ctx context.Context) { c.cancelNode(ctx, s.record, s.node, s.watchID, safety) })
	}
}
