package dht

import (
	"context"
	"slices"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/wire"
)

// tally settles which of several values of a subkey counts: a newer one always,
// of those of the same age the one that more nodes hold, or as many and the nearest
// of them nearer to the key (spec 06 §8.5).
type tally struct {
	key    crypto.OpaqueRecordKey
	best   *wire.SignedValueData // nil: none seen
	rivals []rival               // the values of the newest sequence number, best among them
}

type rival struct {
	value   *wire.SignedValueData
	holders []crypto.NodeID
	nearest crypto.Distance
}

// relation is how a value compares with the best one before it.
type relation uint8

const (
	older relation = iota
	same
	newest   // it is the best now
	winning  // of the same age, and it is the best now
	rivalled // of the same age, and it is not
)

// begin makes a value the best that nobody is known to hold.
func (t *tally) begin(v *wire.SignedValueData) {
	t.best, t.rivals = v, nil
	if v != nil {
		t.rivals = []rival{{value: v}}
	}
}

func (t *tally) of(v *wire.SignedValueData) *rival {
	for i := range t.rivals {
		if SameValue(t.rivals[i].value, v) {
			return &t.rivals[i]
		}
	}
	t.rivals = append(t.rivals, rival{value: v})
	return &t.rivals[len(t.rivals)-1]
}

func (r *rival) beats(o *rival) bool {
	if len(r.holders) != len(o.holders) {
		return len(r.holders) > len(o.holders)
	}
	return r.nearest.Less(o.nearest)
}

// holds notes that a node has a value.
func (t *tally) holds(v *wire.SignedValueData, n crypto.NodeID) relation {
	fresh := t.best == nil || NewerSeq(v.Value.Seq, t.best.Value.Seq)
	switch {
	case fresh:
		t.begin(v)
	case NewerSeq(t.best.Value.Seq, v.Value.Seq):
		return older
	}
	r := t.of(v)
	far, _ := n.Distance(t.key.Coordinate())
	known := false
	for _, id := range r.holders {
		known = known || id == n
	}
	if !known {
		if len(r.holders) == 0 || far.Less(r.nearest) {
			r.nearest = far
		}
		r.holders = append(r.holders, n)
	}
	switch {
	case fresh:
		return newest
	case SameValue(v, t.best):
		return same
	case r.beats(t.of(t.best)):
		t.best = v
		return winning
	}
	return rivalled
}

// contested reports whether a node has another value of the same age as the best.
func (t *tally) contested() bool {
	for i := range t.rivals {
		if len(t.rivals[i].holders) > 0 && !SameValue(t.rivals[i].value, t.best) {
			return true
		}
	}
	return false
}

// restage gives all nodes of some stages another one.
func restage(f *routing.Fanout, to routing.FanoutStage, now time.Time, from ...routing.FanoutStage) {
	for _, n := range f.Nodes() {
		for _, s := range from {
			if n.Stage == s {
				f.Restage(n, to, now)
				break
			}
		}
	}
}

// switched is what happens when another value of the same age wins.
func switched(f *routing.Fanout, now time.Time) routing.FanoutStage {
	var conflicting []*routing.FanoutNode
	for _, n := range f.Nodes() {
		if n.Stage == routing.FanoutConflict {
			conflicting = append(conflicting, n)
		}
	}
	restage(f, routing.FanoutConflict, now, routing.FanoutAccepted)
	for _, n := range conflicting {
		f.Restage(n, routing.FanoutQueued, now)
	}
	return routing.FanoutAccepted
}

// getValue looks for the newest value of a subkey (spec 06 §9.1, 5 and 6). prior is
// the value that we have; nil: none. least is the number that a node is known to have,
// before which no value counts; 0: any does. A value that too few nodes have while
// others have one before it is spread in the background.
func (c *Client) getValue(ctx context.Context, h *held, subkey uint32, prior *wire.SignedValueData, least uint32) (*wire.SignedValueData, error) {
	sys, err := c.system(h.key.Kind)
	if err != nil {
		return nil, err
	}
	t := tally{key: h.key}
	t.begin(prior)
	s := search{key: h.key, cfg: c.searchConfig(h.key, c.safetyOf(h), false, true), first: c.seeds(h.key)}
	s.ask = func(n *routing.FanoutNode) func(context.Context) (Reply, error) {
		return func(ctx context.Context) (Reply, error) {
			return c.call(ctx, n.Entry, h, &wire.GetValueQ{Key: h.key, Subkey: subkey, MaxPeers: MaxPeers})
		}
	}
	behind := false // a node had a value before the best
	s.judge = func(f *routing.Fanout, n *routing.FanoutNode, reply Reply, now time.Time) routing.FanoutStage {
		a, ok := reply.Detail.(*wire.GetValueA)
		switch {
		case !ok, a.Descriptor != nil && !h.d.Same(a.Descriptor):
			return routing.FanoutDisqualified
		case !a.Accepted:
			return routing.FanoutRejected
		case a.Value == nil:
			return routing.FanoutStale
		}
		if err := h.d.CheckValue(sys, subkey, a.Value); err != nil {
			c.faulty(h, n.Entry, err)
			return routing.FanoutDisqualified
		}
		was := t.best
		switch r := t.holds(a.Value, n.ID); {
		case r == older, NewerSeq(least, a.Value.Value.Seq):
			behind = true
			return routing.FanoutStale
		case r == newest:
			behind = behind || was != nil && was != prior
			restage(f, routing.FanoutStale, now, routing.FanoutAccepted, routing.FanoutConflict)
		case r == winning:
			return switched(f, now)
		case r == rivalled:
			return routing.FanoutConflict
		}
		return routing.FanoutAccepted
	}
	r, err := c.run(ctx, &s)
	if err != nil {
		return nil, err
	}
	c.rememberNodes(h, r.values(), subkey, false)
	if behind && !r.agreed {
		c.spreadLater(h, subkey)
	}
	return t.best, nil
}

// wrote is what became of a value that was offered to the network.
type wrote struct {
	best      *wire.SignedValueData // the value that counts
	contested bool                  // a node has another one of the same age
	short     bool                  // too few nodes have it
	silent    bool                  // fewer than wanted have it, and some did not answer
}

// setValue offers a value of a subkey to the network (spec 06 §10.3).
func (c *Client) setValue(ctx context.Context, h *held, subkey uint32, v *wire.SignedValueData) (wrote, error) {
	sys, err := c.system(h.key.Kind)
	if err != nil {
		return wrote{best: v}, err
	}
	t := tally{key: h.key}
	t.begin(v)
	sent := make(map[crypto.NodeID]*wire.SignedValueData)
	s := search{key: h.key, cfg: c.searchConfig(h.key, c.safetyOf(h), true, true), first: c.seeds(h.key)}
	s.ask = func(n *routing.FanoutNode) func(context.Context) (Reply, error) {
		value := t.best
		sent[n.ID] = value
		return func(ctx context.Context) (Reply, error) { return c.offer(ctx, h, subkey, value, n) }
	}
	s.judge = func(f *routing.Fanout, n *routing.FanoutNode, reply Reply, now time.Time) routing.FanoutStage {
		a, ok := reply.Detail.(*wire.SetValueA)
		sent := sent[n.ID]
		has := sent // what the node has now
		switch {
		case !ok, a.Accepted && a.NeedDescriptor:
			return routing.FanoutDisqualified
		case !a.Accepted:
			return routing.FanoutRejected
		case a.Value != nil:
			has = a.Value
			if err := h.d.CheckValue(sys, subkey, a.Value); err != nil {
				c.faulty(h, n.Entry, err)
				return routing.FanoutDisqualified
			}
			if SameValue(a.Value, sent) || NewerSeq(sent.Value.Seq, a.Value.Value.Seq) {
				return routing.FanoutDisqualified
			}
		}
		switch t.holds(has, n.ID) {
		case older:
			return routing.FanoutStale
		case newest:
			restage(f, routing.FanoutQueued, now, routing.FanoutAccepted, routing.FanoutConflict, routing.FanoutStale)
		case winning:
			return switched(f, now)
		case rivalled:
			return routing.FanoutConflict
		}
		return routing.FanoutAccepted
	}
	r, err := c.run(ctx, &s)
	w := wrote{best: t.best, contested: t.contested(), short: !r.agreed && r.consensus < c.cfg.Limits.GetCount}
	w.silent = !r.agreed && slices.ContainsFunc(r.fanout.Nodes(), func(n *routing.FanoutNode) bool { return n.Stage == routing.FanoutTimeout })
	if err != nil {
		w.short = true
		return w, err
	}
	c.rememberNodes(h, r.values(), subkey, true)
	return w, nil
}

// offer sends a value to a node, with the descriptor if the node may need it.
func (c *Client) offer(ctx context.Context, h *held, subkey uint32, v *wire.SignedValueData, n *routing.FanoutNode) (Reply, error) {
	q := &wire.SetValueQ{Key: h.key, Subkey: subkey, Value: v, MaxPeers: MaxPeers}
	if !c.knowsDescriptor(h.key, n.ID) {
		q.Descriptor = h.d.Signed
	}
	for {
		reply, err := c.call(ctx, n.Entry, h, q)
		if err != nil {
			return reply, err
		}
		a, ok := reply.Detail.(*wire.SetValueA)
		switch {
		case !ok || !a.Accepted:
			return reply, nil
		case a.NeedDescriptor && q.Descriptor == nil:
			again := *q
			again.Descriptor = h.d.Signed
			q = &again
			continue
		case q.Descriptor != nil && !a.NeedDescriptor:
			c.learnedDescriptor(h.key, n.ID)
		}
		return reply, nil
	}
}

func (c *Client) rememberNodes(h *held, ids []crypto.NodeID, subkey uint32, set bool) {
	var s Subkeys
	s.Add(subkey)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(ids) == 0 || c.records[h.key] != h {
		return
	}
	h.detail.remember(h.key, ids, s, set, c.cfg.Limits.Width, time.Now())
	c.saveLocked(h)
}
