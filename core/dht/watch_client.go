package dht

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/wire"
)

// ownWatch is our watch of one record: what the application wants, and what nodes
// have granted (spec 06 §12.3).
type ownWatch struct {
	key  crypto.RecordKey
	h    *held
	want *wanted // nil: nothing; what is left is to be cancelled

	made     bool              // the network was asked, so that the end is worth telling
	changed  bool              // nodes do not know yet what is wanted
	busy     bool              // a task of this watch is under way
	nodes    []nodeWatch       // granted and not over, also by nodes that do not count now
	reported Subkeys           // told without a value, and not read since
	seen     map[uint32]uint32 // newest numbers told of, of a record that is one of a set

	retry    time.Duration // of the next reconcile; 0: the first
	retryAt  time.Time
	renewal  time.Duration // pause after routes died
	renewAt  time.Time
	inspect  Subkeys       // to be compared with the network
	trouble  time.Duration // pause after an inspection that failed
	again    time.Time
	looking  bool // an inspection is under way
	quiet    time.Time
	fallback time.Duration
	pushed   bool // told of something since the last inspection
	missed   bool // an inspection found what nobody told
}

type wanted struct {
	subkeys Subkeys
	expires time.Time // zero: never
	left    uint32    // changes to tell of
	signer  crypto.KeyPair
}

// nodeWatch is what one node granted.
type nodeWatch struct {
	id      crypto.NodeID
	watchID uint64
	expires time.Time
	count   uint32
	signer  crypto.PublicKey
	safety  route.SafetySelection // with the route that reports come by
	active  bool                  // one of the nodes that count
}

// stray is a watch that a node has and that we do not want.
type stray struct {
	nodeOf
	watchID uint64
}

// watchNodes is how many nodes a watch wants (get_value_count); watchRenewLead how
// long before the end it asks for more; watchQuiet when it first looks by itself; and
// the rest of spec 06 §1.1.
const (
	watchRenewLead = 30 * time.Second
	watchQuiet     = 30 * time.Second
	watchRetry     = 5 * time.Second
	watchRetryMost = time.Minute
	watchPauseMost = 5 * time.Minute
	strayDelay     = 10 * time.Second
	maxStrays      = 256
	inspectsAtOnce = 16
)

// Watch asks to be told of changes of subkeys; no ranges: of all. It replaces a watch
// of the record. expires: zero for never; count: how many changes, 0xFFFFFFFF for any
// number, 0 to cancel. The network is asked in the background; the result says whether
// a watch is wanted now (spec 06 §12.3).
func (c *Client) Watch(ctx context.Context, key crypto.RecordKey, ranges []wire.SubkeyRange, expires time.Time, count uint32) (bool, error) {
	_, leave, err := c.enterRecord(ctx, key)
	if err != nil {
		return false, err
	}
	defer leave()
	c.mu.Lock()
	defer c.mu.Unlock()
	h, err := c.openedLocked(key.Opaque)
	if err != nil {
		return false, err
	}
	if !expires.IsZero() && expires.Before(time.Now().Add(c.cfg.Limits.RPCTimeout)) {
		return false, invalidArgument("expiration is too soon", "expiration", strconv.FormatInt(expires.UnixMicro(), 10))
	}
	if count == 0 {
		return c.cancelLocked(key.Opaque, AllSubkeys()), nil
	}
	if !anyRange(ranges) {
		ranges = AllSubkeys()
	}
	signer := c.anonymous
	if h.open.writer != nil {
		signer = *h.open.writer
	}
	w := c.watches[key.Opaque]
	if w == nil || w.h != h {
		w = &ownWatch{h: h, nodes: slices.Clone(h.detail.watchers)}
		c.watches[key.Opaque] = w
	}
	w.key = key
	w.want = &wanted{subkeys: SubkeysOf(ranges, h.d.Schema.Subkeys()), expires: expires, left: count, signer: signer}
	w.changed, w.retry, w.retryAt = true, 0, time.Time{}
	w.reported = w.reported.Intersect(w.want.subkeys)
	return true, nil
}

// CancelWatch takes subkeys out of a watch, no ranges: all, and reports whether
// something is still watched. False also says that nothing was.
func (c *Client) CancelWatch(ctx context.Context, key crypto.RecordKey, ranges []wire.SubkeyRange) (bool, error) {
	_, leave, err := c.enterRecord(ctx, key)
	if err != nil {
		return false, err
	}
	defer leave()
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.openedLocked(key.Opaque); err != nil {
		return false, err
	}
	if !anyRange(ranges) {
		ranges = AllSubkeys()
	}
	return c.cancelLocked(key.Opaque, ranges), nil
}

func (c *Client) cancelLocked(key crypto.OpaqueRecordKey, ranges []wire.SubkeyRange) (left bool) {
	w := c.watches[key]
	if w == nil || w.want == nil {
		return false
	}
	cut := SubkeysOf(ranges, MaxSubkeys).Intersect(w.want.subkeys)
	if cut.Empty() {
		return false
	}
	w.want.subkeys = w.want.subkeys.Minus(cut)
	w.changed = true
	if w.want.subkeys.Empty() {
		w.want = nil
		return false
	}
	return true
}

// unwatchLocked ends the watch of a record that is being closed.
func (c *Client) unwatchLocked(key crypto.OpaqueRecordKey) {
	w := c.watches[key]
	if w == nil {
		return
	}
	if w.want != nil && w.want.subkeys.Empty() {
		delete(c.watches, key) // nobody was ever asked for nothing
	}
	w.want = nil
}

// WatchNodes lists the nodes that watches depend on: they are pinged to keep the way
// between us open (spec 06 §1.1, active-watch keepalive).
func (c *Client) WatchNodes() []crypto.NodeID {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := make(map[crypto.NodeID]struct{})
	var list []crypto.NodeID
	for _, w := range c.watches {
		for i := range w.nodes {
			id := w.nodes[i].id
			if _, ok := seen[id]; !ok && w.nodes[i].active {
				seen[id] = struct{}{}
				list = append(list, id)
			}
		}
	}
	return list
}

// readSubkey notes that the application has seen a subkey: the next change of it is
// worth telling again.
func (c *Client) readSubkey(key crypto.OpaqueRecordKey, subkey uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w := c.watches[key]; w != nil {
		w.reported.Remove(subkey)
	}
}

func (w *ownWatch) node(id crypto.NodeID) *nodeWatch {
	for i := range w.nodes {
		if w.nodes[i].id == id {
			return &w.nodes[i]
		}
	}
	return nil
}

func (w *ownWatch) active() int {
	n := 0
	for i := range w.nodes {
		if w.nodes[i].active {
			n++
		}
	}
	return n
}

// reportLocked tells the application of a change; it uses up one of the count.
func (c *Client) reportLocked(w *ownWatch, subkeys Subkeys, v *Value) {
	w.want.left--
	c.news = append(c.news, ValueChange{Key: w.key, Subkeys: subkeys.Ranges(), Count: w.want.left, Value: v})
}

// ValueChanged takes the report of a node on a watched record (spec 06 §12.4). It
// implements [Watcher].
func (c *Client) ValueChanged(ctx context.Context, change *wire.ValueChanged, reporter crypto.NodeID) error {
	ctx, leave, err := c.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	now := time.Now()
	w, subkeys, ok := c.acceptReport(change, reporter, now)
	if !ok {
		return nil
	}
	defer c.tell()
	v := change.Value
	if len(change.Subkeys) != 1 || change.Subkeys[0].Start != change.Subkeys[0].End {
		v = nil
	}
	if v == nil {
		c.mu.Lock()
		c.reportUnreadLocked(w, subkeys)
		c.mu.Unlock()
		return nil
	}
	subkey := change.Subkeys[0].Start
	sys, err := c.system(w.h.key.Kind)
	if err != nil {
		return err
	}
	if err := w.h.d.CheckValue(sys, subkey, v); err != nil {
		return err
	}
	return c.takeChange(ctx, w, subkey, v)
}

// takeChange stores a value that a watch brought, if it is new, and tells of it.
func (c *Client) takeChange(ctx context.Context, w *ownWatch, subkey uint32, v *wire.SignedValueData) error {
	fresh := c.newForSet(w, subkey, v.Value.Seq)
	if fresh == nil {
		_, stored, err := c.keep(ctx, w.h, subkey, v, keepNewer)
		if err != nil || !stored {
			return err
		}
	} else if !*fresh {
		return nil
	}
	plain, err := c.reveal(w.key, v)
	c.mu.Lock()
	if last, ok := w.seen[subkey]; fresh == nil && ok && !NewerSeq(v.Value.Seq, last) {
		// It was told of while the record was one of a set, and is only stored now.
	} else if w.want != nil && w.want.left > 0 && w.want.subkeys.Contains(subkey) {
		var one Subkeys
		one.Add(subkey)
		if err != nil {
			plain = nil // the key that the watch was made with does not fit
		}
		c.reportLocked(w, one, plain)
	}
	c.mu.Unlock()
	return c.cfg.Store.Flush(ctx)
}

// acceptReport checks who reports and whether it is new (spec 06 §12.4, 2 to 5).
func (c *Client) acceptReport(change *wire.ValueChanged, reporter crypto.NodeID, now time.Time) (*ownWatch, Subkeys, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.watches[change.Key]
	h := c.records[change.Key]
	if len(change.Subkeys) == 0 || h == nil || h.open == nil || w == nil || w.h != h || w.want == nil {
		return nil, Subkeys{}, false
	}
	n := w.node(reporter)
	if n == nil || n.watchID != change.WatchID {
		if s := (stray{nodeOf{change.Key, reporter}, change.WatchID}); len(c.strays) < maxStrays && c.strays[s].IsZero() {
			c.strays[s] = now.Add(strayDelay)
		}
		return nil, Subkeys{}, false
	}
	n.active = true // a node that was given up comes back by this
	switch {
	case change.Count > n.count:
		n.count = 0
		return nil, Subkeys{}, false
	case change.Count < n.count:
		n.count = change.Count
	}
	w.quiet, w.fallback, w.pushed = now, watchQuiet, true
	subkeys := SubkeysOf(change.Subkeys, MaxSubkeys).Intersect(w.want.subkeys)
	return w, subkeys, !subkeys.Empty() && w.want.left > 0
}

// reportUnreadLocked tells of changes without their values: of those that the
// application was not told of since it read them last.
func (c *Client) reportUnreadLocked(w *ownWatch, subkeys Subkeys) {
	if w.want == nil || w.want.left == 0 {
		return
	}
	subkeys = subkeys.Minus(w.reported).Intersect(w.want.subkeys)
	if subkeys.Empty() {
		return
	}
	w.reported = w.reported.Union(subkeys)
	c.reportLocked(w, subkeys, nil)
}

// newForSet tells whether a value of a record that was committed with others is one
// that was not told of: it is not stored, so that our copies stay those of one commit
// (spec 06 §12.4, 8). nil: the record is for itself.
func (c *Client) newForSet(w *ownWatch, subkey, seq uint32) *bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(w.h.detail.set) == 0 {
		return nil
	}
	last, ok := w.seen[subkey]
	if local := c.cfg.Store.Seq(w.h.key, subkey); !ok || NewerSeq(local, last) {
		last = local
	}
	fresh := NewerSeq(seq, last)
	if fresh {
		if w.seen == nil {
			w.seen = make(map[uint32]uint32)
		}
		w.seen[subkey] = seq
	}
	return &fresh
}

// anyRange reports whether there is a range that holds something; one that ends before
// it starts counts as none (spec 07 §1).
func anyRange(ranges []wire.SubkeyRange) bool {
	return slices.ContainsFunc(ranges, func(r wire.SubkeyRange) bool { return r.Start <= r.End })
}
