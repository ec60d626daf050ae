package dht

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/core/wire"
)

// Limits of transactions (spec 06 §1.1, spec 07 §2.4).
const (
	MaxTransactionRecords = 32
	transactionOperations = 32 // of one transaction at once

	keepaliveLeast = time.Second // between two
	keepaliveMost  = 10 * time.Second / 3
)

// transactionStage is how far a transaction of ours is.
type transactionStage uint8

const (
	stageOpen     transactionStage = iota
	stagePlanning                  // being committed; its nodes are still kept alive
	stageEnding                    // being committed
	stageFailed                    // too many of its nodes were lost
	stageDropped                   // it has ended without its handle: a record was closed
	stageOver                      // committed or rolled back
)

// Transaction is a transaction over several records (spec 06 §13.3): all that it
// writes is stored together, or nothing of it. It is kept alive until it is used up
// by Commit, Rollback or Release. Methods may be called from any goroutine.
type Transaction struct {
	c          *Client
	background bool
	signer     *crypto.KeyPair // of records opened without a writer; nil: the anonymous one
	operations chan struct{}
	ctx        context.Context // ends with the transaction
	cancel     context.CancelFunc
	flying     sync.WaitGroup // sets that nobody waits for any more

	// Guarded by the client's mu.
	used    bool // the handle is used up
	stage   transactionStage
	records map[crypto.OpaqueRecordKey]*ownRecord
}

// ownRecord is a record in a transaction of ours.
type ownRecord struct {
	h     *held
	key   crypto.RecordKey
	local []uint32 // our own numbers at the beginning

	signer *crypto.KeyPair // if the record was opened without a writer; nil: the anonymous one
	nodes  []*peerNode     // nearest first

	// Guarded by the client's mu.
	begun bool                             // on the network
	read  map[uint32]*wire.SignedValueData // newest seen in the network
	wrote map[uint32]*wire.SignedValueData // to be committed
}

// nodeStage is how far the transaction of one node is.
type nodeStage uint8

const (
	nodeBegun nodeStage = iota
	nodeEnded           // it holds the lock of its record
	nodeCommitted
	nodeRolledBack
)

// peerNode is a node that takes part in a transaction.
type peerNode struct {
	entry *routing.Entry
	id    crypto.NodeID
	txID  uint64
	seqs  []uint32 // of all subkeys at the beginning

	// Guarded by the client's mu.
	stage   nodeStage
	expires time.Time
	next    time.Time // of the next keepalive
	rtt     time.Duration
	staged  map[uint32]*wire.SignedValueData
}

// alive reports whether the node still takes part.
func (n *peerNode) alive(now time.Time) bool {
	return n.stage <= nodeEnded && now.Before(n.expires) || n.stage == nodeCommitted
}

// has reports whether a commit leaves a value of a subkey with the node.
func (n *peerNode) has(subkey uint32, v *wire.SignedValueData) bool {
	if s := n.staged[subkey]; s != nil {
		return SameValue(s, v)
	}
	return n.seqs[subkey] == v.Value.Seq
}

// newest is the greatest number of a subkey that a node had at the beginning.
func (r *ownRecord) newest(subkey uint32) uint32 {
	seq := wire.SeqNone
	for _, n := range r.nodes {
		if NewerSeq(n.seqs[subkey], seq) {
			seq = n.seqs[subkey]
		}
	}
	return seq
}

// list gives the records in the order of their keys.
func (t *Transaction) list() []*ownRecord {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	return t.listLocked()
}

func (t *Transaction) listLocked() []*ownRecord {
	list := make([]*ownRecord, 0, len(t.records))
	for _, r := range t.records {
		list = append(list, r)
	}
	sorting.By(list, func(a, b *ownRecord) int { return compareKeys(a.h.key, b.h.key) })
	return list
}

func compareKeys(a, b crypto.OpaqueRecordKey) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), slices.Compare(a.Value[:], b.Value[:]))
}

// usableLocked tells whether an operation is possible (spec 06 §13.3).
func (t *Transaction) usableLocked() error {
	switch {
	case t.used:
		return fail(TransactionNotFound, "transaction already completed")
	case t.stage == stageDropped:
		return fail(TransactionNotFound, "missing transaction")
	case t.stage == stageFailed:
		return fail(TryAgain, "transaction stage was Failed, wanted Begin")
	case t.stage != stageOpen:
		return fail(TransactionNotFound, "transaction is past the stage Begin")
	}
	return nil
}

// use begins an operation on a record.
func (t *Transaction) use(ctx context.Context, key crypto.RecordKey, missing error) (_ context.Context, r *ownRecord, leave func(), err error) {
	ctx, out, err := t.c.enter(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	defer func() {
		if err != nil {
			out()
		}
	}()
	if err := t.c.checkKey(key); err != nil {
		return nil, nil, nil, err
	}
	t.c.mu.Lock()
	err = t.usableLocked()
	r = t.records[key.Opaque]
	if !t.background {
		t.c.foreground = time.Now()
	}
	t.c.mu.Unlock()
	switch {
	case err != nil:
		return nil, nil, nil, err
	case r == nil:
		return nil, nil, nil, missing
	}
	select {
	case t.operations <- struct{}{}:
		return ctx, r, func() { <-t.operations; out() }, nil
	case <-ctx.Done():
		return nil, nil, nil, failed(context.Cause(ctx))
	}
}

func errOutside(key crypto.RecordKey) error {
	return invalidArgument("record not in transaction", "opaque_record_key", key.Opaque.String())
}

// Get gives the value of a subkey as it was at the beginning of the transaction; nil:
// there was none. What the transaction itself has set is not seen.
func (t *Transaction) Get(ctx context.Context, key crypto.RecordKey, subkey uint32) (*Value, error) {
	ctx, r, leave, err := t.use(ctx, key, errOutside(key))
	if err != nil {
		return nil, err
	}
	defer leave()
	if subkey >= uint32(len(r.local)) {
		return nil, errSubkey(subkey)
	}
	v, err := t.value(ctx, r, subkey)
	if err != nil || v == nil {
		return nil, err
	}
	t.c.readSubkey(key.Opaque, subkey)
	return t.c.reveal(key, v)
}

// value finds the newest of our own and the network's value at the beginning.
func (t *Transaction) value(ctx context.Context, r *ownRecord, subkey uint32) (*wire.SignedValueData, error) {
	seq := r.newest(subkey)
	t.c.mu.Lock()
	v := r.read[subkey]
	t.c.mu.Unlock()
	if v != nil {
		return v, nil
	}
	if NewerSeq(r.local[subkey], seq) {
		v, err := t.c.cfg.Store.Get(ctx, r.h.key, subkey)
		if err != nil {
			return nil, failed(err)
		}
		if SeqOf(v) == r.local[subkey] {
			return v, nil
		}
	}
	if seq == wire.SeqNone {
		return nil, nil
	}
	leave, err := t.c.pass(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	if v, err = t.fetch(ctx, r, subkey, seq); err != nil {
		return nil, err
	}
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	r.read[subkey] = v
	return v, nil
}

// fetch asks the nodes that had the newest number of a subkey for its value.
func (t *Transaction) fetch(ctx context.Context, r *ownRecord, subkey uint32, seq uint32) (*wire.SignedValueData, error) {
	sys, err := t.c.system(r.h.key.Kind)
	if err != nil {
		return nil, err
	}
	t.c.mu.Lock()
	var nodes []*peerNode
	for _, n := range r.nodes {
		if n.stage == nodeBegun && n.seqs[subkey] == seq {
			nodes = append(nodes, n)
		}
	}
	t.c.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	var calls guard.Group
	defer func() { cancel(); calls.Wait() }()
	answers := make(chan *wire.SignedValueData, len(nodes)) // nil: not a valid one
	for _, n := range nodes {
		calls.Go(func() {
			a := t.command(ctx, r, n, &wire.TransactCommandQ{Command: wire.TransactGet, Subkey: subkey})
			var v *wire.SignedValueData
			if a != nil && a.Valid && a.Value != nil && a.Value.Value.Seq == seq {
				if err := r.h.d.CheckValue(sys, subkey, a.Value); err != nil {
					t.c.faulty(r.h, n.entry, err)
				} else {
					v = a.Value
				}
			}
			answers <- v
		})
	}
	var got *wire.SignedValueData
	need := min(t.c.cfg.Limits.GetCount, len(nodes))
	for range nodes {
		v := <-answers
		if v == nil {
			continue
		}
		got = v
		if need--; need == 0 {
			break
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, failed(context.Cause(ctx))
	case got == nil:
		return nil, fail(TryAgain, "get did not reach consensus")
	}
	return got, nil
}

// command runs one step on one node and takes in what its answer says of the
// transaction; nil: no answer.
func (t *Transaction) command(ctx context.Context, r *ownRecord, n *peerNode, q *wire.TransactCommandQ) *wire.TransactCommandA {
	c := t.c
	q.Key, q.TransactionID = r.h.key, n.txID
	if q.Command != wire.TransactGet && q.Command != wire.TransactSet {
		q.Subkey = wire.SubkeyAbsent
	}
	sent := time.Now()
	reply, err := c.call(ctx, n.entry, r.h, q)
	if err != nil {
		return nil
	}
	a, ok := reply.Detail.(*wire.TransactCommandA)
	if !ok {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if reply.Latency > 0 {
		n.rtt = reply.Latency
	}
	switch {
	case !a.Valid:
		n.stage = nodeRolledBack
	case a.Duration > 0:
		n.renewed(sent, a.Duration.Duration())
	}
	return a
}

// renewed notes a new end, and when to ask for a later one: three round trips before,
// but not before a tenth and not after a third of the time (spec 06 §13.3).
func (n *peerNode) renewed(sent time.Time, life time.Duration) {
	n.expires = sent.Add(life)
	n.next = sent.Add(min(max(life-3*n.rtt, life/10), life/3))
}

// asked notes that a keepalive is on its way, and when to send another one if there
// is no answer: the sooner, the less time is left.
func (n *peerNode) asked(now time.Time) {
	left := n.expires.Sub(now) - 3*n.rtt
	n.next = now.Add(min(max(left/2, keepaliveLeast), keepaliveMost))
}

// Set writes a subkey when the transaction is committed; no value: done. A value: the
// network has a newer one, and ours will not be written (spec 06 §13.3). The data is
// not kept. NoOffline is meaningless here.
func (t *Transaction) Set(ctx context.Context, key crypto.RecordKey, subkey uint32, data []byte, o SetOptions) (*Value, error) {
	ctx, r, leave, err := t.use(ctx, key, fail(Internal, "missing record state"))
	if err != nil {
		return nil, err
	}
	defer leave()
	if subkey >= uint32(len(r.local)) {
		return nil, errSubkey(subkey)
	}
	old, err := t.value(ctx, r, subkey)
	if err != nil {
		return nil, err
	}
	v, err := t.c.prepare(r.h, key, subkey, data, old, o.Writer, o.MinSeq, false)
	if err != nil {
		return nil, err
	}
	newer, err := t.stageValue(ctx, r, subkey, v)
	switch {
	case err != nil:
		return nil, err
	case newer != nil:
		// Ours may be staged with nodes that did not have the newer one: replace it, so
		// that a commit leaves all with the same.
		if _, err := t.stageValue(ctx, r, subkey, newer); err != nil && ctx.Err() != nil {
			return nil, failed(context.Cause(ctx))
		}
		t.c.mu.Lock()
		r.read[subkey] = newer
		t.c.mu.Unlock()
		return t.c.reveal(key, newer)
	case old != nil && SameValue(v, old):
		return t.c.reveal(key, old)
	}
	return nil, nil
}

// push writes a value that is signed already.
func (t *Transaction) push(ctx context.Context, r *ownRecord, subkey uint32, v *wire.SignedValueData) error {
	_, err := t.stageValue(ctx, r, subkey, v)
	return err
}

// staging is what one node said to a value.
type staging struct {
	ok    bool
	value *wire.SignedValueData // that it has instead; nil: none
}

// stageValue gives a value to all nodes that do not have it. It waits for as many as
// a commit needs; the others are collected in the background. newer is what a node
// has instead.
func (t *Transaction) stageValue(ctx context.Context, r *ownRecord, subkey uint32, v *wire.SignedValueData) (newer *wire.SignedValueData, err error) {
	leave, err := t.c.pass(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	t.c.mu.Lock()
	if err := t.usableLocked(); err != nil {
		t.c.mu.Unlock()
		return nil, err
	}
	had := 0
	var nodes []*peerNode
	for _, n := range r.nodes {
		switch {
		case n.stage != nodeBegun:
		case n.seqs[subkey] == v.Value.Seq && n.staged[subkey] == nil:
			had++
		default:
			delete(n.staged, subkey) // until it answers
			nodes = append(nodes, n)
		}
	}
	r.wrote[subkey] = v
	t.flying.Add(len(nodes))
	answers := make(chan staging, len(nodes))
	for _, n := range nodes {
		started := t.c.goLocked(func(context.Context) {
			defer t.flying.Done()
			answers <- t.stageAt(r, n, subkey, v)
		})
		if !started {
			t.flying.Done()
			answers <- staging{}
		}
	}
	t.c.mu.Unlock()

	need, good := t.c.cfg.Limits.SetCount, had
	for range nodes {
		if good >= need {
			break
		}
		select {
		case a := <-answers:
			if a.value != nil && (newer == nil || NewerSeq(a.value.Value.Seq, newer.Value.Seq)) {
				newer = a.value
			}
			if a.ok {
				good++
			}
		case <-ctx.Done():
			return nil, failed(context.Cause(ctx))
		}
	}
	switch {
	case newer != nil:
		return newer, nil
	case good < need:
		return nil, fail(TryAgain, "set did not reach consensus")
	}
	return nil, nil
}

// stageAt gives a value to one node.
func (t *Transaction) stageAt(r *ownRecord, n *peerNode, subkey uint32, v *wire.SignedValueData) staging {
	a := t.command(t.ctx, r, n, &wire.TransactCommandQ{Command: wire.TransactSet, Subkey: subkey, Value: v})
	if a == nil || !a.Valid {
		return staging{}
	}
	if a.Value != nil {
		sys, err := t.c.system(r.h.key.Kind)
		if err == nil {
			err = r.h.d.CheckValue(sys, subkey, a.Value)
		}
		if err != nil {
			t.c.faulty(r.h, n.entry, err)
			return staging{}
		}
		if SameValue(a.Value, v) {
			return staging{ok: true}
		}
		return staging{value: a.Value}
	}
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	if r.wrote[subkey] == v { // it is still what we want
		n.staged[subkey] = v
	}
	return staging{ok: true}
}

// Inspect compares our own numbers at the beginning with those of the network, which
// are known since then: nobody is asked (spec 07 §2.4).
func (t *Transaction) Inspect(ctx context.Context, key crypto.RecordKey, ranges []wire.SubkeyRange, scope Scope) (Report, error) {
	_, r, leave, err := t.use(ctx, key, errOutside(key))
	if err != nil {
		return Report{}, err
	}
	defer leave()
	which, err := inspected(ranges, r.h.d.Schema)
	if err != nil {
		return Report{}, err
	}
	var local, network []uint32
	for k := range which.All() {
		local = append(local, r.local[k])
		network = append(network, r.newest(k))
	}
	switch scope {
	case ScopeLocal:
		network = noSeqs(len(local))
	case ScopeUpdateGet:
		local = newestSeqs(local, network)
		network = local
	case ScopeUpdateSet:
		local = raised(local)
		network = newestSeqs(local, network)
	}
	return Report{Subkeys: which.Ranges(), LocalSeqs: local, NetworkSeqs: slices.Clone(network)}, nil
}
