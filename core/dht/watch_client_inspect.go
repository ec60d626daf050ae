package dht

import (
	"context"
	"time"

	"github.com/voile-net/voile/core/crypto"
)

// inspectAllLocked looks at every watched record: the node was not reachable for a
// while, and reports may have been lost.
func (c *Client) inspectAllLocked() {
	for _, w := range c.watches {
		if w.want != nil && w.made {
			w.inspect = w.inspect.Union(w.want.subkeys)
		}
	}
}

// ResumeWatches looks at every watched record at the next Tick. It is for after the
// operating system has stopped the process for a while.
func (c *Client) ResumeWatches() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inspectAllLocked()
}

// maybeInspectLocked starts comparing a watched record with the network: when that
// was asked for, or when nobody has reported for long (spec 06 §12.3).
func (c *Client) maybeInspectLocked(w *ownWatch, now time.Time) {
	which, fallback := w.inspect.Intersect(w.want.subkeys), false
	if which.Empty() {
		if w.fallback == 0 {
			return
		}
		after := w.fallback
		if w.active() == 0 {
			after = c.cfg.Limits.MaxWatchInspect
		}
		// A watch that was lately told of something waits for its renewal.
		trusted := after >= c.cfg.Limits.MaxWatchInspect && w.pushed && w.active() >= c.cfg.Limits.GetCount
		if trusted || now.Sub(w.quiet) < after {
			return
		}
		which, fallback = w.want.subkeys, true
	}
	if c.inspects >= inspectsAtOnce || now.Before(w.again) {
		return
	}
	c.inspects++
	w.looking = true
	c.goLocked(func(ctx context.Context) {
		ok, news := c.inspectWatch(ctx, w, which)
		c.mu.Lock()
		c.inspects--
		w.looking = false
		w.inspectedLocked(c, which, ok, news, fallback)
		c.mu.Unlock()
		c.tell()
	})
}

// inspectedLocked plans the next inspection.
func (w *ownWatch) inspectedLocked(c *Client, which Subkeys, ok, news, fallback bool) {
	now := time.Now()
	if !ok {
		w.trouble = min(max(2*w.trouble, watchRetry), watchPauseMost)
		w.again = now.Add(w.trouble)
		return
	}
	w.trouble, w.again = 0, time.Time{}
	w.inspect = w.inspect.Minus(which)
	w.quiet = now
	switch {
	case news:
		w.fallback = watchQuiet
		w.missed = fallback // nobody reported this: ask for fresh ways
	case fallback:
		w.fallback = min(2*w.fallback, c.cfg.Limits.MaxWatchInspect)
	}
	w.pushed = false
}

// inspectWatch compares, and tells of what is newer in the network: one subkey with
// its value, several without.
func (c *Client) inspectWatch(ctx context.Context, w *ownWatch, which Subkeys) (ok, news bool) {
	c.mu.Lock()
	var ours []crypto.NodeID
	for i := range w.nodes {
		if w.nodes[i].active {
			ours = append(ours, w.nodes[i].id)
		}
	}
	c.mu.Unlock()
	in := inspection{h: w.h, d: w.h.d, which: which, maxPeers: MaxPeers}
	if in.also = ours; len(ours) >= c.cfg.Limits.GetCount {
		// The reference asks the nodes of the watch first; but they would have told of
		// what they know, and it is the nearest nodes that a write goes to.
		in.maxPeers = 0
	}
	if err := c.inspect(ctx, w.h.key, &in); err != nil || in.answered == 0 {
		return false, false
	}
	local, _ := c.cfg.Store.Seqs(w.h.key, which)
	var newer Subkeys
	numbers := make(map[uint32]uint32) // of the network
	i := 0
	for k := range which.All() {
		if i < len(local) && i < len(in.seqs) && NewerSeq(in.seqs[i], local[i]) {
			newer.Add(k)
			numbers[k] = in.seqs[i]
		}
		i++
	}
	c.mu.Lock()
	before := len(c.news)
	for k, seq := range numbers { // told of and not stored
		if last, ok := w.seen[k]; ok && !NewerSeq(seq, last) {
			newer.Remove(k)
		}
	}
	newer = newer.Minus(w.reported)
	c.mu.Unlock()
	switch {
	case newer.Empty():
		return true, false
	case newer.Len() == 1:
		for k := range newer.All() {
			return c.fetchChange(ctx, w, k, numbers[k]), true
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reportUnreadLocked(w, newer)
	return true, len(c.news) > before
}

// fetchChange gets a subkey of which a node has the number seq, and tells of it.
func (c *Client) fetchChange(ctx context.Context, w *ownWatch, subkey, seq uint32) (ok bool) {
	ctx, unlock, free := c.locks.try(ctx, w.h.key, subkey)
	if !free {
		return false
	}
	defer unlock()
	leave, err := c.pass(ctx)
	if err != nil {
		return false
	}
	defer leave()
	v, err := c.getValue(ctx, w.h, subkey, nil, seq)
	return err == nil && (v == nil || c.takeChange(ctx, w, subkey, v) == nil)
}
