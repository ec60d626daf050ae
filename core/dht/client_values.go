package dht

import (
	"bytes"
	"context"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// SetOptions are the options of [Client.Set].
type SetOptions struct {
	Writer    *crypto.KeyPair // nil: the one that the record was opened with
	NoOffline bool            // fail if the value cannot be written now
	MinSeq    *uint32         // lowest sequence number to write; nil: no wish
}

// Get gives the value of a subkey: our own copy, or with refresh, or if there is
// none, the newest of the network, which is stored; nil: there is none
// (spec 06 §9.1).
func (c *Client) Get(ctx context.Context, key crypto.RecordKey, subkey uint32, refresh bool) (*Value, error) {
	ctx, leave, err := c.enterRecord(ctx, key)
	if err != nil {
		return nil, err
	}
	defer leave()
	h, v, err := c.local(ctx, key.Opaque, subkey)
	if err != nil {
		return nil, err
	}
	if v != nil && !refresh {
		return c.reveal(key, v)
	}
	unlock, err := c.locks.lock(ctx, key.Opaque, subkey)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if !c.cfg.Nodes.Ready() {
		return nil, fail(TryAgain, offlineText)
	}
	rule := keepNewer
	if refresh {
		rule = keepForced
	}
	if v, err = c.refresh(ctx, h, subkey, rule); err != nil {
		return nil, err
	}
	if v == nil {
		return nil, nil
	}
	return c.reveal(key, v)
}

// refresh brings our copy of a subkey up to date and gives it; nil: there is none.
func (c *Client) refresh(ctx context.Context, h *held, subkey uint32, rule keepRule) (*wire.SignedValueData, error) {
	leave, err := c.pass(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	c.leaveSet(h)
	prior, err := c.cfg.Store.Get(ctx, h.key, subkey)
	if err != nil {
		return nil, failed(err)
	}
	best, err := c.getValue(ctx, h, subkey, prior, 0)
	if err != nil {
		return nil, failed(err)
	}
	v, stored, err := c.keep(ctx, h, subkey, best, rule)
	if err != nil {
		return nil, err
	}
	c.readSubkey(h.key, subkey)
	if stored {
		err = c.cfg.Store.Flush(ctx)
	}
	return v, failed(err)
}

// local finds an open record and our copy of a subkey; nil: there is none.
func (c *Client) local(ctx context.Context, key crypto.OpaqueRecordKey, subkey uint32) (*held, *wire.SignedValueData, error) {
	c.mu.Lock()
	h, err := c.openedLocked(key)
	c.mu.Unlock()
	if err != nil {
		return nil, nil, err
	}
	if subkey >= uint32(h.d.Schema.Subkeys()) {
		return nil, nil, errSubkey(subkey)
	}
	v, err := c.cfg.Store.Get(ctx, key, subkey)
	return h, v, failed(err)
}

// reveal decrypts a value with the encryption key that the application gave with the
// request (spec 07 §2.3).
func (c *Client) reveal(key crypto.RecordKey, v *wire.SignedValueData) (*Value, error) {
	sys, err := c.system(key.Opaque.Kind)
	if err != nil {
		return nil, err
	}
	plain, err := DecryptValue(sys, key.Encryption, &v.Value)
	if err != nil {
		return nil, failed(err)
	}
	return &Value{Seq: v.Value.Seq, Data: plain, Writer: v.Value.Writer}, nil
}

// Set writes a subkey. nil: done, or queued until it can be done. A value: the
// network has another one, which now is ours; writing again goes over it. If ours
// has won over one of the same age, the result is ours, and some nodes may still have
// the other; writing ours again ends that (spec 06 §10). The data is not kept.
func (c *Client) Set(ctx context.Context, key crypto.RecordKey, subkey uint32, data []byte, o SetOptions) (*Value, error) {
	ctx, leave, err := c.enterRecord(ctx, key)
	if err != nil {
		return nil, err
	}
	defer leave()
	if err := c.maySet(key.Opaque); err != nil {
		return nil, err
	}
	unlock, err := c.locks.lock(ctx, key.Opaque, subkey)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := c.maySet(key.Opaque); err != nil {
		return nil, err
	}
	h, old, err := c.local(ctx, key.Opaque, subkey)
	if err != nil {
		return nil, err
	}
	v, err := c.prepare(h, key, subkey, data, old, o.Writer, o.MinSeq, true)
	if err != nil {
		return nil, err
	}
	c.leaveSet(h)
	if !c.cfg.Nodes.Ready() {
		if o.NoOffline {
			return nil, fail(TryAgain, offlineText)
		}
		return nil, c.queue(ctx, h, subkey, v)
	}
	return c.publish(ctx, h, key, subkey, data, v, o.NoOffline)
}

// maySet tells whether plain writes are possible now.
func (c *Client) maySet(key crypto.OpaqueRecordKey) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h := c.records[key]; h != nil && h.tx != nil {
		if !h.tx.background {
			return fail(TryAgain, "record is currently in transaction")
		}
		c.dropLocked(h.tx, stageDropped)
	}
	_, err := c.openedLocked(key)
	return err
}

// prepare makes the signed value of a write (spec 06 §10.1). old is what it comes
// after; nil: nothing. An unchanged value is old itself. again: the greatest
// sequence number may be written twice.
func (c *Client) prepare(h *held, key crypto.RecordKey, subkey uint32, data []byte, old *wire.SignedValueData, writer *crypto.KeyPair, least *uint32, again bool) (*wire.SignedValueData, error) {
	sys, err := c.system(key.Opaque.Kind)
	if err != nil {
		return nil, err
	}
	if writer == nil {
		c.mu.Lock()
		if h.open != nil {
			writer = h.open.writer
		}
		c.mu.Unlock()
	}
	switch {
	case writer == nil:
		return nil, fail(Generic, "value is not writable")
	case len(data) > MaxValueSize:
		return nil, fail(Generic, "invalid size")
	case least != nil && *least == wire.SeqNone:
		return nil, fail(Internal, "Failed: invalid seq")
	}
	seq := uint32(0)
	if old != nil {
		plain, err := DecryptValue(sys, key.Encryption, &old.Value)
		if err != nil {
			return nil, failed(err)
		}
		seq = old.Value.Seq
		// Written again against another value of the same age, the same would never win.
		unchanged := bytes.Equal(plain, data) && old.Value.Writer == writer.Public && !c.isContested(h, subkey)
		switch {
		case unchanged && (least == nil || *least <= seq):
			return old, nil
		case unchanged:
		case seq < MaxSeq:
			seq++
		case least == nil || !again:
			return nil, fail(Generic, "sequence number at max: %s:%d", key.Text(), subkey)
		}
	}
	if least != nil {
		seq = max(seq, *least)
	}
	invalid := fail(Generic, "failed schema validation: %s:%d", key.Text(), subkey)
	if h.d.Schema.MayWrite(h.d.Owner(), writer.Public, subkey) != nil || len(data) > h.d.Schema.MaxValueSize() {
		return nil, invalid
	}
	value, err := EncryptValue(sys, key.Encryption, writer.Public, seq, data)
	if err != nil {
		return nil, failed(err)
	}
	signed, err := SignValue(sys, *writer, h.d.Owner(), subkey, value)
	if err != nil {
		return nil, failed(err)
	}
	return signed, nil
}

// queue stores a value and notes that the network does not have it.
func (c *Client) queue(ctx context.Context, h *held, subkey uint32, v *wire.SignedValueData) error {
	kept, _, err := c.keep(ctx, h, subkey, v, keepSettled)
	if err != nil {
		return err
	}
	if kept != nil && SameValue(kept, v) {
		c.mu.Lock()
		if c.records[h.key] == h {
			h.detail.offline.Add(subkey)
			c.saveLocked(h)
		}
		c.mu.Unlock()
	}
	return failed(c.cfg.Store.Flush(ctx))
}

// publish writes a value to the network (spec 06 §10.3, §10.4).
func (c *Client) publish(ctx context.Context, h *held, key crypto.RecordKey, subkey uint32, data []byte, v *wire.SignedValueData, noOffline bool) (*Value, error) {
	leave, err := c.pass(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	c.mark(&h.writing, subkey, true)
	defer c.mark(&h.writing, subkey, false)
	w, err := c.setValue(ctx, h, subkey, v)
	c.mark(&h.contested, subkey, w.contested)
	ours := SameValue(w.best, v)
	switch {
	case w.short && noOffline:
		if !ours {
			_, _, _ = c.keep(ctx, h, subkey, w.best, keepNewer) // a newer one is worth having; the write has failed anyway
		}
		if err == nil {
			err = fail(TryAgain, "set did not reach consensus")
		}
		return nil, failed(err)
	case w.short:
		if queued := c.queue(context.WithoutCancel(ctx), h, subkey, w.best); queued != nil {
			return nil, queued
		}
		if err = failed(err); err != nil && (ctx.Err() != nil || KindOf(err) != TryAgain) {
			return nil, err
		}
	default:
		if _, _, err := c.keep(ctx, h, subkey, w.best, keepSettled); err != nil {
			return nil, err
		}
		c.settled(h, subkey, w.best)
		if w.silent {
			c.spreadLater(h, subkey)
		}
		if err := c.cfg.Store.Flush(ctx); err != nil {
			return nil, failed(err)
		}
	}
	if ours && !w.contested {
		return nil, nil
	}
	best, err := c.reveal(key, w.best)
	if err != nil {
		return nil, err
	}
	if !w.contested && best.Seq == v.Value.Seq && best.Writer == v.Value.Writer && bytes.Equal(best.Data, data) {
		return nil, nil // the same, under another nonce
	}
	return best, nil
}

func (c *Client) isContested(h *held, subkey uint32) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return h.contested.Contains(subkey)
}

// mark puts a subkey into a set of a record, or takes it out.
func (c *Client) mark(set *Subkeys, subkey uint32, on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if on {
		set.Add(subkey)
	} else {
		set.Remove(subkey)
	}
}

// settled takes back the offline write of a value that the network now has.
func (c *Client) settled(h *held, subkey uint32, v *wire.SignedValueData) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h.detail.offline.Contains(subkey) && c.cfg.Store.Seq(h.key, subkey) == v.Value.Seq {
		h.detail.offline.Remove(subkey)
		c.saveLocked(h)
	}
}

// spreadLater asks for a comparison with the network, which brings a value to as many
// nodes as it should be on: those that did not answer are known to be gone by then, or
// are back. Else readers may agree on the value before, that the others still have.
func (c *Client) spreadLater(h *held, subkey uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.records[h.key] != h {
		return
	}
	var one Subkeys
	one.Add(subkey)
	h.detail.wantRehydration(one, c.cfg.Limits.SetCount)
	c.saveLocked(h)
}

// leaveSet takes a record out of the set that it was committed with: what is read
// or written alone may not fit to the others any more (spec 06 §13.4).
func (c *Client) leaveSet(h *held) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h.detail.set != nil && c.records[h.key] == h {
		h.detail.set, h.detail.setSigner = nil, nil
		c.saveLocked(h)
	}
}
