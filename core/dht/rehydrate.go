package dht

import (
	"context"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// How fast records are brought back to life (spec 06 §1.1, §16).
const (
	rehydratesPerTick = 4
	rehydratesAtOnce  = 16
)

// wantRehydration asks for subkeys to be compared with the network until so many
// nodes agree; requests are joined.
func (d *detail) wantRehydration(subkeys Subkeys, agree int) {
	d.rehydrate = d.rehydrate.Union(subkeys)
	d.agree = max(d.agree, agree)
}

// tickRehydrationLocked starts comparing records with the network. It is the only
// thing that keeps a record alive that nobody writes.
func (c *Client) tickRehydrationLocked(now time.Time) {
	if !c.foreground.IsZero() && now.Sub(c.foreground) < c.cfg.Limits.RPCTimeout {
		return
	}
	started := 0
	for key := range c.thirsty {
		h := c.records[key]
		if h == nil || h.hydrating || h.tx != nil {
			continue
		}
		if started >= rehydratesPerTick || c.rehydrates >= rehydratesAtOnce {
			return
		}
		started++
		c.rehydrates++
		h.hydrating = true
		if !c.goLocked(func(ctx context.Context) { c.rehydrate(ctx, h) }) {
			return
		}
	}
}

// rehydrate serves the request of one record; on failure it stays.
func (c *Client) rehydrate(ctx context.Context, h *held) {
	c.mu.Lock()
	subkeys, agree, set := h.detail.rehydrate, h.detail.agree, h.detail.set
	c.mu.Unlock()
	var done bool
	if len(set) > 0 {
		done = c.rehydrateSet(ctx, h)
	} else {
		done = c.rehydrateAlone(ctx, h, subkeys, agree)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rehydrates--
	h.hydrating = false
	if c.records[h.key] != h {
		return
	}
	if done {
		h.detail.rehydrate = h.detail.rehydrate.Minus(subkeys)
		h.rehydrated = time.Now()
	}
	c.saveLocked(h)
}

// rehydrateAlone queues writes of what too few nodes have, or one of the nearest has
// not: the reference counts only how many.
func (c *Client) rehydrateAlone(ctx context.Context, h *held, subkeys Subkeys, agree int) (done bool) {
	which := c.writtenSubkeys(h, subkeys)
	if which.Empty() {
		return true
	}
	in := inspection{h: h, d: h.d, which: which, set: true, near: true, maxPeers: MaxPeers}
	if err := c.inspect(ctx, h.key, &in); err != nil || in.answered == 0 {
		return false
	}
	seqs, _ := c.cfg.Store.Seqs(h.key, which)
	var short Subkeys
	i := 0
	for k := range which.All() {
		if i >= len(seqs) || i >= len(in.seqs) {
			break
		}
		if NewerSeq(seqs[i], in.seqs[i]) || in.agree[i] < agree || in.lacking.Contains(k) {
			short.Add(k)
		}
		i++
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if h.tx != nil || c.records[h.key] != h {
		return false
	}
	h.detail.offline = h.detail.offline.Union(short)
	return true
}

// writtenSubkeys is the part of a set that we have values of.
func (c *Client) writtenSubkeys(h *held, subkeys Subkeys) Subkeys {
	seqs, _ := c.cfg.Store.Seqs(h.key, subkeys)
	i := 0
	var which Subkeys
	for k := range subkeys.All() {
		if i >= len(seqs) {
			break
		}
		if seqs[i] != wire.SeqNone {
			which.Add(k)
		}
		i++
	}
	return which
}

// rehydrateSet brings records that were committed together back to life together, so
// that nobody sees a part of them; if the network is newer anywhere, nothing is
// written (spec 06 §13.4).
func (c *Client) rehydrateSet(ctx context.Context, h *held) (done bool) {
	t, err := c.beginSet(ctx, h)
	if err != nil {
		return false
	}
	defer t.Release()
	for _, r := range t.list() {
		local, _ := c.cfg.Store.Seqs(r.h.key, SubkeysOf(AllSubkeys(), r.h.d.Schema.Subkeys()))
		for k, seq := range local {
			if NewerSeq(r.newest(uint32(k)), seq) {
				return true
			}
		}
	}
	for _, r := range t.list() {
		for k := range c.writtenSubkeys(r.h, SubkeysOf(AllSubkeys(), r.h.d.Schema.Subkeys())).All() {
			v, err := c.cfg.Store.Get(ctx, r.h.key, k)
			if err != nil || v == nil || t.push(ctx, r, k, v) != nil {
				return false
			}
		}
	}
	return t.Commit(ctx) == nil
}

// beginSet begins a background transaction over the set that a record was committed
// with.
func (c *Client) beginSet(ctx context.Context, h *held) (*Transaction, error) {
	c.mu.Lock()
	keys := make([]crypto.RecordKey, len(h.detail.set))
	for i, key := range h.detail.set {
		keys[i].Opaque = key
	}
	c.mu.Unlock()
	return c.begin(ctx, keys, nil, true) // each record is signed for as it was
}
