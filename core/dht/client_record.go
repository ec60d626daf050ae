package dht

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/wire"
)

// RecordDescriptor is what applications see of a record.
type RecordDescriptor struct {
	Key         crypto.RecordKey
	Owner       crypto.PublicKey
	OwnerSecret crypto.SecretKey // zero: not ours
	Schema      Schema
}

// OpenOptions are the options of [Client.Open].
type OpenOptions struct {
	// NoRehydrate leaves a record that is already here as it is; else it is compared
	// with the network in the background, and what the network has lost is written.
	NoRehydrate bool
}

// rehydrateAgain is how long a check of a record against the network is good for
// (spec 06 §1.1), in RPC timeouts.
const rehydrateAgain = 60

// Create makes a record, open with its owner as the writer; nil: an owner is made.
// Nothing goes over the network before the first write (spec 06 §14, 1). The safety
// is that of all questions on the record.
func (c *Client) Create(ctx context.Context, kind crypto.Kind, s Schema, owner *crypto.KeyPair, safety route.SafetySelection) (RecordDescriptor, error) {
	ctx, leave, err := c.enter(ctx)
	if err != nil {
		return RecordDescriptor{}, err
	}
	defer leave()
	sys, err := c.cfg.Crypto.Get(kind)
	if err != nil {
		return RecordDescriptor{}, fail(Generic, "invalid crypto kind")
	}
	pair, err := c.ownerPair(sys, owner)
	if err != nil {
		return RecordDescriptor{}, err
	}
	for _, m := range s.Members {
		if slices.ContainsFunc(c.cfg.Identity, func(k crypto.PublicKey) bool { return k.Kind == kind && MemberKey(k.Value) == m.Key }) {
			return RecordDescriptor{}, invalidArgument("node id can not be schema member", "schema", m.Key.String())
		}
	}
	d, err := NewDescriptor(sys, pair, s)
	if err != nil {
		return RecordDescriptor{}, failed(err)
	}
	encryption, err := sys.RandomSharedSecret()
	if err != nil {
		return RecordDescriptor{}, failed(err)
	}
	key := crypto.RecordKey{Opaque: d.Key, Encryption: encryption}
	unlock, err := c.locks.lock(ctx, d.Key, wholeRecord)
	if err != nil {
		return RecordDescriptor{}, err
	}
	defer unlock()
	if err := c.adopt(d, &opened{key, &pair}, safety, true); err != nil {
		return RecordDescriptor{}, err
	}
	if err := c.cfg.Store.Flush(ctx); err != nil {
		return RecordDescriptor{}, failed(err)
	}
	return RecordDescriptor{Key: key, Owner: pair.Public, OwnerSecret: pair.Secret, Schema: s}, nil
}

func (c *Client) ownerPair(sys crypto.System, owner *crypto.KeyPair) (crypto.KeyPair, error) {
	if owner == nil {
		pair, err := sys.GenerateKeyPair()
		return pair, failed(err)
	}
	if owner.Public.Kind != sys.Kind() || owner.Secret.Kind != sys.Kind() {
		return crypto.KeyPair{}, fail(Generic, "unsupported crypto kind")
	}
	if ok, err := sys.ValidateKeyPair(*owner); err != nil || !ok {
		return crypto.KeyPair{}, failed(crypto.ErrKeyPair)
	}
	return *owner, nil
}

// adopt takes a record that is not here yet into the store, open.
func (c *Client) adopt(d *Descriptor, o *opened, safety route.SafetySelection, fresh bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.records[d.Key] != nil {
		return fail(Internal, "record already exists")
	}
	if _, err := c.cfg.Store.Put(d, time.Now()); err != nil {
		return failed(err)
	}
	h := &held{key: d.Key, d: d, open: o, fresh: fresh, detail: detail{safety: safety}}
	c.records[d.Key] = h
	c.saveLocked(h)
	return nil
}

// Open opens a record, for writing as writer; nil: for reading. One that is not here
// is looked for in the network, which takes up to 10 s. A record that is open gets
// the new writer, encryption key and safety; closing it once is enough. The writer is
// not checked before it writes (spec 06 §14, 2 and 3).
func (c *Client) Open(ctx context.Context, key crypto.RecordKey, writer *crypto.KeyPair, o OpenOptions, safety route.SafetySelection) (RecordDescriptor, error) {
	ctx, leave, err := c.enterRecord(ctx, key)
	if err != nil {
		return RecordDescriptor{}, err
	}
	defer leave()
	if writer != nil {
		if !c.cfg.Crypto.Kinds().Contains(writer.Public.Kind) {
			return RecordDescriptor{}, fail(Generic, "unsupported crypto kind")
		}
		copied := *writer
		writer = &copied
	}
	unlock, err := c.locks.lock(ctx, key.Opaque, wholeRecord)
	if err != nil {
		return RecordDescriptor{}, err
	}
	defer unlock()
	op := &opened{key, writer}
	if r, ok := c.reopen(op, o, safety); ok {
		return r, nil
	}
	d, err := c.fetchDescriptor(ctx, key.Opaque, safety)
	if err != nil {
		return RecordDescriptor{}, err
	}
	if err := c.adopt(d, op, safety, false); err != nil {
		return RecordDescriptor{}, err
	}
	if err := c.cfg.Store.Flush(ctx); err != nil {
		return RecordDescriptor{}, failed(err)
	}
	return describe(op, d), nil
}

func describe(o *opened, d *Descriptor) RecordDescriptor {
	r := RecordDescriptor{Key: o.key, Owner: d.Owner(), Schema: d.Schema}
	if o.writer != nil && o.writer.Public == d.Owner() {
		r.OwnerSecret = o.writer.Secret
	}
	return r
}

// reopen opens a record that is here.
func (c *Client) reopen(o *opened, options OpenOptions, safety route.SafetySelection) (RecordDescriptor, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.records[o.key.Opaque]
	if h == nil {
		return RecordDescriptor{}, false
	}
	h.open = o
	h.detail.safety = safety
	now := time.Now()
	recent := !h.rehydrated.IsZero() && now.Sub(h.rehydrated) < rehydrateAgain*c.cfg.Limits.RPCTimeout
	if !options.NoRehydrate && !h.fresh && !recent {
		h.rehydrated = now
		h.detail.wantRehydration(SubkeysOf(AllSubkeys(), h.d.Schema.Subkeys()), c.cfg.Limits.SetCount)
	}
	c.saveLocked(h)
	return describe(o, h.d), true
}

// fetchDescriptor asks the network for the descriptor of a record.
func (c *Client) fetchDescriptor(ctx context.Context, key crypto.OpaqueRecordKey, safety route.SafetySelection) (*Descriptor, error) {
	if !c.cfg.Nodes.Ready() {
		return nil, fail(TryAgain, offlineText)
	}
	leave, err := c.pass(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	in := inspection{safety: safety, first: true, maxPeers: MaxPeers}
	in.which.Add(0)
	err = c.inspect(ctx, key, &in)
	switch {
	case err != nil:
		return nil, failed(err)
	case in.d != nil:
		return in.d, nil
	case in.answered == 0:
		return nil, fail(TryAgain, "no node answered the open")
	}
	return nil, errNoKey(key)
}

// CloseRecord closes a record: its watch ends, a transaction that it is part of is
// dropped; what is stored stays. Closing a closed record is no error
// (spec 06 §14, 4).
func (c *Client) CloseRecord(ctx context.Context, key crypto.RecordKey) error {
	return c.end(ctx, key, false)
}

// Delete closes a record and forgets what is stored of it here, unwritten values
// included. Other nodes keep theirs (spec 06 §14, 5).
func (c *Client) Delete(ctx context.Context, key crypto.RecordKey) error {
	return c.end(ctx, key, true)
}

func (c *Client) end(ctx context.Context, key crypto.RecordKey, forget bool) error {
	ctx, leave, err := c.enterRecord(ctx, key)
	if err != nil {
		return err
	}
	defer leave()
	unlock, err := c.locks.lock(ctx, key.Opaque, wholeRecord)
	if err != nil {
		return err
	}
	defer unlock()
	c.mu.Lock()
	h := c.records[key.Opaque]
	if h == nil {
		c.mu.Unlock()
		return errNoKey(key.Opaque)
	}
	h.open = nil
	if h.tx != nil {
		c.dropLocked(h.tx, stageDropped)
	}
	c.unwatchLocked(key.Opaque)
	if forget {
		delete(c.records, key.Opaque)
		c.cfg.Store.Delete(key.Opaque)
		h.detail, h.inFlight = detail{}, Subkeys{}
		c.noteLocked(h)
	}
	c.mu.Unlock()
	return failed(c.cfg.Store.Flush(ctx))
}

// openedLocked finds a record that is open.
func (c *Client) openedLocked(key crypto.OpaqueRecordKey) (*held, error) {
	h := c.records[key]
	if h == nil || h.open == nil {
		return nil, errNotOpen(key)
	}
	return h, nil
}

// Flush waits until no value of a record waits to be written to the network, and
// reports whether that is so; false: the time was over. A negative limit is none. The
// record need not be open (spec 06 §14, 8).
func (c *Client) Flush(ctx context.Context, key crypto.RecordKey, limit time.Duration) (bool, error) {
	ctx, leave, err := c.enterRecord(ctx, key)
	if err != nil {
		return false, err
	}
	defer leave()
	c.mu.Lock()
	h := c.records[key.Opaque]
	if h == nil || h.detail.offline.Empty() && h.inFlight.Empty() {
		c.mu.Unlock()
		return true, nil
	}
	if h.drained == nil {
		h.drained = make(chan struct{})
	}
	drained := h.drained
	c.mu.Unlock()
	var over <-chan time.Time
	if limit >= 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-drained:
		return true, nil
	case <-over:
		return false, nil
	case <-ctx.Done():
		return false, failed(context.Cause(ctx))
	}
}

// keepRule says which values replace the one that is stored.
type keepRule uint8

const (
	keepNewer   keepRule = iota // greater sequence numbers
	keepForced                  // also others of the same, unless ours is not written yet
	keepSettled                 // also others of the same: the network has decided
)

// keep stores a verified value of a subkey if the rule says so, and gives what is
// stored then. Whatever is stored so needs no offline write any more.
func (c *Client) keep(ctx context.Context, h *held, subkey uint32, v *wire.SignedValueData, rule keepRule) (*wire.SignedValueData, bool, error) {
	for {
		old, err := c.cfg.Store.Get(ctx, h.key, subkey)
		switch {
		case errors.Is(err, ErrNoRecord): // deleted meanwhile
			return nil, false, nil
		case err != nil:
			return nil, false, failed(err)
		}
		if v == nil {
			return old, false, nil
		}
		c.mu.Lock()
		pending := h.detail.offline.Contains(subkey)
		take := old == nil || NewerSeq(v.Value.Seq, old.Value.Seq)
		if !take && v.Value.Seq == old.Value.Seq && !SameValue(v, old) {
			take = rule == keepSettled || rule == keepForced && !pending
		}
		if !take || c.records[h.key] != h {
			c.mu.Unlock()
			return old, false, nil
		}
		_, err = c.cfg.Store.Put(h.d, time.Now(), Change{Subkey: subkey, Value: v, Was: SeqOf(old)})
		if err == nil && pending {
			h.detail.offline.Remove(subkey)
			c.saveLocked(h)
		}
		c.mu.Unlock()
		switch {
		case errors.Is(err, ErrChanged):
			continue
		case errors.Is(err, ErrFull): // only for what waits to be written
			if err := c.cfg.Store.Flush(ctx); err != nil {
				return nil, false, failed(err)
			}
			continue
		case err != nil:
			return nil, false, failed(err)
		}
		return v, true, nil
	}
}
