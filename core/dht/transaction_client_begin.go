package dht

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/core/wire"
)

// Begin begins a transaction over open records, one to 32, each named with the
// encryption key that it was opened with. Who signs for a record is its writer, else
// signer; nil: a key of this run (spec 06 §13.3, spec 07 §2.4).
func (c *Client) Begin(ctx context.Context, keys []crypto.RecordKey, signer *crypto.KeyPair) (*Transaction, error) {
	ctx, leave, err := c.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	for _, key := range keys {
		if err := c.checkKey(key); err != nil {
			return nil, err
		}
	}
	switch {
	case len(keys) == 0:
		return nil, missingArgument("begin_transaction requires one or more records")
	case len(keys) > MaxTransactionRecords:
		return nil, errTooMany(len(keys))
	case duplicate(keys):
		return nil, missingArgument("transaction can not have duplicate record keys")
	}
	if signer != nil {
		copied := *signer
		signer = &copied
	}
	return c.begin(ctx, slices.Clone(keys), signer, false)
}

func missingArgument(context string) error {
	return &ClientError{Kind: MissingArgument, Context: context, Argument: "record_keys"}
}

func errTooMany(n int) error {
	return invalidArgument(fmt.Sprintf("begin_transaction has more than %d records", MaxTransactionRecords), "record_keys", fmt.Sprint(n))
}

func duplicate(keys []crypto.RecordKey) bool {
	seen := make(map[crypto.OpaqueRecordKey]struct{}, len(keys))
	for _, key := range keys {
		seen[key.Opaque] = struct{}{}
	}
	return len(seen) < len(keys)
}

// begin begins a transaction of the application, or one of the background, which
// makes way for those of the application.
func (c *Client) begin(ctx context.Context, keys []crypto.RecordKey, signer *crypto.KeyPair, background bool) (*Transaction, error) {
	sorting.By(keys, func(a, b crypto.RecordKey) int { return compareKeys(a.Opaque, b.Opaque) })
	if err := c.free(keys, background); err != nil {
		return nil, err
	}
	if !c.cfg.Nodes.Ready() {
		return nil, fail(TryAgain, notReady)
	}
	for _, key := range keys { // in order, so that two of us never wait for each other
		if background {
			one, unlock, ok := c.locks.try(ctx, key.Opaque, wholeRecord)
			if !ok {
				return nil, fail(TryAgain, "record is busy")
			}
			defer unlock()
			ctx = one
			continue
		}
		unlock, err := c.locks.lock(ctx, key.Opaque, wholeRecord)
		if err != nil {
			return nil, err
		}
		defer unlock()
	}
	t := &Transaction{
		c: c, background: background, signer: signer,
		operations: make(chan struct{}, transactionOperations),
		records:    make(map[crypto.OpaqueRecordKey]*ownRecord, len(keys)),
	}
	t.ctx, t.cancel = context.WithCancel(c.ctx)
	if err := t.reserve(keys); err != nil {
		t.cancel()
		return nil, err
	}
	if err := t.beginAll(ctx); err != nil {
		c.mu.Lock()
		c.dropLocked(t, stageDropped)
		c.mu.Unlock()
		return nil, err
	}
	return t, nil
}

// free tells whether no other transaction of the application has a record.
func (c *Client) free(keys []crypto.RecordKey, background bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !background {
		c.foreground = time.Now()
	}
	return c.freeLocked(keys, background)
}

func (c *Client) freeLocked(keys []crypto.RecordKey, background bool) error {
	for _, key := range keys {
		h := c.records[key.Opaque]
		switch {
		case h == nil || h.tx == nil:
		case background || !h.tx.background:
			return fail(TryAgain, "transaction begin contended")
		}
	}
	return nil
}

// reserve puts the transaction into its records; one of the background that is in
// them ends.
func (t *Transaction) reserve(keys []crypto.RecordKey) error {
	c := t.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.freeLocked(keys, t.background); err != nil {
		return err
	}
	for _, key := range keys {
		h := c.records[key.Opaque]
		switch {
		case h != nil && (!h.detail.offline.Empty() || !h.inFlight.Empty()):
			return fail(TryAgain, "record has pending offline writes, try again later")
		case h == nil || h.open == nil && !t.background:
			return errNotOpen(key.Opaque)
		case !t.background && !h.open.key.Encryption.Equal(key.Encryption):
			return fail(Generic, "record encryption key does not match opened record encryption key: %s", key.Opaque)
		}
	}
	for _, key := range keys {
		h := c.records[key.Opaque]
		if h.tx != nil {
			c.dropLocked(h.tx, stageDropped)
		}
		h.tx = t
		seqs, _ := c.cfg.Store.Seqs(key.Opaque, SubkeysOf(AllSubkeys(), h.d.Schema.Subkeys()))
		if seqs == nil {
			seqs = noSeqs(h.d.Schema.Subkeys())
		}
		signer := t.signer
		if t.background {
			signer = h.detail.setSigner
		}
		t.records[key.Opaque] = &ownRecord{
			h: h, key: key, local: seqs, signer: signer,
			read: make(map[uint32]*wire.SignedValueData), wrote: make(map[uint32]*wire.SignedValueData),
		}
	}
	c.live[t] = struct{}{}
	return nil
}

// beginAll begins on the network, all records at once.
func (t *Transaction) beginAll(ctx context.Context) error {
	list := t.list()
	errs := make([]error, len(list))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var records guard.Group
	for i, r := range list {
		records.Go(func() {
			if errs[i] = t.beginRecord(ctx, r); errs[i] != nil {
				cancel() // the others have no use any more
			}
		})
	}
	records.Wait()
	var first error
	for _, err := range errs {
		if err != nil && (first == nil || errors.Is(first, context.Canceled)) {
			first = err
		}
	}
	if first != nil {
		return failed(first)
	}
	return nil
}

// signerOf is who signs for a record.
func (t *Transaction) signerOf(r *ownRecord) (crypto.Signer, error) {
	pair := t.c.anonymous
	if r.signer != nil {
		pair = *r.signer
	}
	t.c.mu.Lock()
	if o := r.h.open; o != nil && o.writer != nil && !t.background {
		pair = *o.writer
	}
	t.c.mu.Unlock()
	sys, err := t.c.cfg.Crypto.Get(pair.Public.Kind)
	if err != nil {
		return nil, fail(NoConnection, "unsupported cryptosystem")
	}
	signer, err := sys.NewSigner(pair)
	if errors.Is(err, crypto.ErrKeyPair) {
		return nil, fail(NoConnection, "Parse error: 'Keypair is invalid' with value 'invalid key'")
	}
	return signer, err
}

// beginRecord finds nodes for one record: as many as a set needs and half as many
// again, if they are to be had.
func (t *Transaction) beginRecord(ctx context.Context, r *ownRecord) error {
	signer, err := t.signerOf(r)
	if err != nil {
		return err
	}
	tried := make(map[crypto.NodeID]struct{})
	b := beginning{t: t, r: r, signer: signer}
	need := t.c.cfg.Limits.SetCount
	result, err := t.c.run(ctx, b.search(t.c.seeds(r.h.key)))
	if result.fanout != nil {
		for _, n := range result.fanout.Nodes() {
			tried[n.ID] = struct{}{}
		}
	}
	if got := len(r.nodes); err == nil && got > 0 && got < need && !b.busy {
		more := slices.DeleteFunc(t.c.cfg.Nodes.Nearest(r.h.key, true), func(e *routing.Entry) bool {
			id, _ := e.ID(r.h.key.Kind)
			_, known := tried[id]
			return known
		})
		if len(more) > 0 {
			_, err = t.c.run(ctx, b.search(more))
		}
	}
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	point := r.h.key.Coordinate()
	slices.SortFunc(r.nodes, func(a, b *peerNode) int {
		x, _ := a.id.Distance(point)
		y, _ := b.id.Distance(point)
		return x.Compare(y)
	})
	switch {
	case err != nil:
		return err
	case len(r.nodes) < need:
		return fail(TryAgain, "transaction begin held by %d of %d required nodes for record %s", len(r.nodes), need, r.h.key)
	}
	r.begun = true
	return nil
}

// beginning is the search for the nodes of one record.
type beginning struct {
	t      *Transaction
	r      *ownRecord
	signer crypto.Signer
	busy   bool
	last   time.Time // of the last accepting answer
	rtts   []time.Duration
}

func (b *beginning) search(first []*routing.Entry) *search {
	c, r := b.t.c, b.r
	collect := (c.cfg.Limits.SetCount*3 + 1) / 2
	limit := c.safetyOf(r.h).QuestionTimeout(c.cfg.Limits.RPCTimeout)
	s := &search{key: r.h.key, cfg: c.searchConfig(r.h.key, c.safetyOf(r.h), true, true), first: first}
	s.cfg.Consensus, s.cfg.Timeout, s.cfg.Extra = collect, limit, limit
	s.ask = func(n *routing.FanoutNode) func(context.Context) (Reply, error) {
		return func(ctx context.Context) (Reply, error) { return b.ask(ctx, n) }
	}
	s.judge = func(_ *routing.Fanout, n *routing.FanoutNode, reply Reply, now time.Time) routing.FanoutStage {
		return b.judge(n, reply, now)
	}
	s.done = func(f *routing.Fanout, now time.Time) bool {
		got := len(r.nodes)
		return got >= collect || f.Evaluate() != routing.FanoutIncomplete ||
			got >= c.cfg.Limits.SetCount && !now.Before(b.until(limit))
	}
	s.wake = func(time.Time) time.Time {
		if len(r.nodes) < c.cfg.Limits.SetCount {
			return time.Time{}
		}
		return b.until(limit)
	}
	return s
}

// until is how long more nodes are waited for than are needed: three times the
// slowest of the fastest ones, at most a tenth of the time limit.
func (b *beginning) until(limit time.Duration) time.Time {
	fastest := slices.Clone(b.rtts)
	sorting.Ordered(fastest)
	slowest := fastest[min(len(fastest), b.t.c.cfg.Limits.SetCount)-1]
	return b.last.Add(min(3*slowest, limit/10))
}

func (b *beginning) ask(ctx context.Context, n *routing.FanoutNode) (Reply, error) {
	c, h := b.t.c, b.r.h
	q := &wire.TransactBeginQ{Key: h.key, MaxPeers: MaxPeers}
	if !c.knowsDescriptor(h.key, n.ID) {
		q.Descriptor = h.d.Signed
	}
	for {
		reply, err := c.cfg.Nodes.Ask(ctx, Question{To: n.Entry, Safety: c.safetyOf(h), Signer: b.signer, Detail: q})
		if err != nil {
			return reply, err
		}
		if a, ok := reply.Detail.(*wire.TransactBeginA); ok && a.NeedDescriptor && q.Descriptor == nil {
			again := *q
			again.Descriptor = h.d.Signed
			q = &again
			continue
		}
		return reply, nil
	}
}

func (b *beginning) judge(n *routing.FanoutNode, reply Reply, now time.Time) routing.FanoutStage {
	a, ok := reply.Detail.(*wire.TransactBeginA)
	switch {
	case !ok, a.Descriptor != nil && !b.r.h.d.Same(a.Descriptor):
		return routing.FanoutDisqualified
	case !a.Accepted, a.NeedDescriptor:
		return routing.FanoutRejected
	case a.TransactionID == 0:
		b.busy = true
		return routing.FanoutRejected
	case len(a.Seqs) != len(b.r.local):
		return routing.FanoutDisqualified
	}
	node := &peerNode{
		entry: n.Entry, id: n.ID, txID: a.TransactionID, seqs: a.Seqs, rtt: reply.Latency,
		staged: make(map[uint32]*wire.SignedValueData),
	}
	node.renewed(now.Add(-reply.Latency), a.Duration.Duration())
	b.last, b.rtts = now, append(b.rtts, reply.Latency)
	b.t.c.mu.Lock()
	b.r.nodes = append(b.r.nodes, node)
	b.t.c.mu.Unlock()
	return routing.FanoutAccepted
}

// Extend takes more open records into the transaction; those that are in it already
// are passed over. Who signs for the new ones is as of [Client.Begin]; nil: the signer
// of the beginning. On failure the transaction is as it was.
func (t *Transaction) Extend(ctx context.Context, keys []crypto.RecordKey, signer *crypto.KeyPair) error {
	ctx, leave, err := t.c.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	for _, key := range keys {
		if err := t.c.checkKey(key); err != nil {
			return err
		}
	}
	if duplicate(keys) {
		return missingArgument("transaction can not have duplicate record keys")
	}
	t.c.mu.Lock()
	err = t.usableLocked()
	total := len(t.records)
	var more []crypto.RecordKey
	for _, key := range keys {
		if t.records[key.Opaque] == nil {
			more = append(more, key)
		}
	}
	t.c.mu.Unlock()
	switch {
	case err != nil:
		return err
	case len(more) == 0:
		return nil
	case total+len(more) > MaxTransactionRecords:
		return errTooMany(total + len(more))
	}
	if signer == nil {
		signer = t.signer
	} else {
		copied := *signer
		signer = &copied
	}
	other, err := t.c.begin(ctx, more, signer, t.background)
	if err != nil {
		return err
	}
	return t.merge(other)
}

// merge takes over the records of another transaction.
func (t *Transaction) merge(other *Transaction) error {
	c := t.c
	c.mu.Lock()
	defer c.mu.Unlock()
	err := t.usableLocked()
	if err == nil {
		err = other.usableLocked()
	}
	if err == nil && len(t.records)+len(other.records) > MaxTransactionRecords {
		err = errTooMany(len(t.records) + len(other.records))
	}
	if err != nil {
		c.dropLocked(other, stageDropped)
		return err
	}
	for key, r := range other.records {
		t.records[key] = r
		r.h.tx = t
	}
	delete(c.live, other)
	other.stage, other.used = stageOver, true
	other.records = nil
	other.cancel()
	return nil
}
