package dht

import (
	"context"
)

// What runs at once of the writes that the network missed (spec 06 §16).
const (
	offlineWrites    = 16
	offlinePerRecord = 4
)

// tickOfflineLocked starts writing values that the network does not have yet.
func (c *Client) tickOfflineLocked() {
	for key := range c.queued {
		h := c.records[key]
		if h == nil {
			continue
		}
		for subkey := range h.detail.offline.Minus(h.inFlight).All() {
			if c.writes >= offlineWrites || h.inFlight.Len() >= offlinePerRecord {
				break
			}
			ctx, unlock, ok := c.locks.try(c.ctx, key, subkey)
			if !ok {
				continue
			}
			h.inFlight.Add(subkey)
			c.writes++
			started := c.goLocked(func(context.Context) {
				defer unlock()
				c.offlineWrite(ctx, h, subkey)
			})
			if !started {
				unlock()
				return
			}
		}
	}
}

// offlineWrite writes one value; on any failure it stays queued.
func (c *Client) offlineWrite(ctx context.Context, h *held, subkey uint32) {
	done := c.tryOfflineWrite(ctx, h, subkey)
	c.mu.Lock()
	c.writes--
	h.inFlight.Remove(subkey)
	if done {
		h.detail.offline.Remove(subkey)
	}
	if c.records[h.key] == h {
		c.saveLocked(h)
	} else {
		c.noteLocked(h)
	}
	c.mu.Unlock()
	if err := c.cfg.Store.Flush(c.ctx); err != nil {
		c.log.Warn("record store not written", "err", err)
	}
}

func (c *Client) tryOfflineWrite(ctx context.Context, h *held, subkey uint32) (done bool) {
	leave, err := c.pass(ctx)
	if err != nil {
		return false
	}
	defer leave()
	v, err := c.cfg.Store.Get(ctx, h.key, subkey)
	if err != nil || v == nil {
		return err == nil // nothing to write
	}
	w, err := c.setValue(ctx, h, subkey, v)
	if err != nil {
		return false
	}
	if !SameValue(w.best, v) {
		// Somebody else's value counts; there is no second try with ours.
		if _, _, err := c.keep(ctx, h, subkey, w.best, keepSettled); err != nil {
			return false
		}
	}
	return !w.short
}
