package dht

import (
	"context"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/core/wire"
)

// Commit stores what the transaction has written, with every node that takes part,
// all or nothing. It uses the handle up, whatever comes of it. TryAgain: nothing was
// stored, because a record has changed since the beginning, or too many nodes were
// lost (spec 06 §13.3).
func (t *Transaction) Commit(ctx context.Context) error {
	ctx, leave, err := t.c.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if err := t.useUp(); err != nil {
		return err
	}
	c := t.c
	if !c.cfg.Nodes.Ready() {
		t.finish(nil)
		return fail(TryAgain, notReady)
	}
	committed, err := t.commit(ctx)
	if err == nil {
		err = t.store(context.WithoutCancel(ctx), committed)
	}
	t.finish(committed)
	return failed(err)
}

// useUp takes the handle.
func (t *Transaction) useUp() error {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	err := t.usableLocked()
	t.used = true
	if err == nil {
		t.stage = stagePlanning
		if !t.background {
			t.c.foreground = time.Now()
		}
	}
	return err
}

// commit runs both phases. committed are the records that at least one node stored.
func (t *Transaction) commit(ctx context.Context) (committed map[*ownRecord]bool, err error) {
	t.awaitSets(ctx)
	list := t.list()
	voters := make(map[*ownRecord][]*peerNode, len(list))
	for _, r := range list {
		if voters[r], err = t.voters(ctx, r); err != nil {
			return nil, err
		}
	}
	t.c.mu.Lock()
	t.stage = stageEnding
	t.c.mu.Unlock()
	var ends guard.Group
	for _, r := range list {
		for _, n := range voters[r] {
			ends.Go(func() { t.endAt(ctx, r, n) })
		}
	}
	ends.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	need := t.c.cfg.Limits.SetCount
	for _, r := range list {
		if held := t.holders(r, nodeEnded); held >= 0 && held < need {
			return nil, fail(TryAgain, "end held by %d of %d required nodes for record %s", held, need, r.h.key)
		}
	}
	// From here on the transaction may be stored somewhere: it goes on although the
	// caller may have gone.
	t.commitRounds(context.WithoutCancel(ctx), list)
	committed = make(map[*ownRecord]bool)
	for _, r := range list {
		held := t.holders(r, nodeCommitted)
		if held == 0 {
			err = fail(TryAgain, "commit held by 0 of %d required nodes for record %s", need, r.h.key)
			continue
		}
		committed[r] = true
		if held > 0 && held < need {
			t.rehydrate(r)
		}
	}
	return committed, err
}

// awaitSets waits for sets that nobody waited for, at most one RPC timeout.
func (t *Transaction) awaitSets(ctx context.Context) {
	done := make(chan struct{})
	t.c.mu.Lock()
	started := t.c.goLocked(func(context.Context) { t.flying.Wait(); close(done) })
	t.c.mu.Unlock()
	if !started {
		return
	}
	limit := time.NewTimer(t.c.cfg.Limits.RPCTimeout)
	defer limit.Stop()
	select {
	case <-done:
	case <-limit.C:
	case <-ctx.Done():
	}
}

// voters are the nodes that have everything the transaction has written. Those that
// miss something get it once more.
func (t *Transaction) voters(ctx context.Context, r *ownRecord) ([]*peerNode, error) {
	t.c.mu.Lock()
	type lack struct {
		n      *peerNode
		subkey uint32
		v      *wire.SignedValueData
	}
	var lacks []lack
	now := time.Now()
	for _, n := range r.nodes {
		for subkey, v := range r.wrote {
			if n.stage == nodeBegun && now.Before(n.expires) && !n.has(subkey, v) {
				lacks = append(lacks, lack{n, subkey, v})
			}
		}
	}
	t.c.mu.Unlock()
	var again guard.Group
	for _, l := range lacks {
		again.Go(func() { t.stageAt(r, l.n, l.subkey, l.v) })
	}
	again.Wait()
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	var list []*peerNode
	now = time.Now()
nodes:
	for _, n := range r.nodes {
		if n.stage != nodeBegun || !now.Before(n.expires) {
			continue
		}
		for subkey, v := range r.wrote {
			if !n.has(subkey, v) {
				continue nodes
			}
		}
		list = append(list, n)
	}
	if need := t.c.cfg.Limits.SetCount; len(list) < need {
		return nil, fail(TryAgain, "begin held by %d of %d required nodes for record %s", len(list), need, r.h.key)
	}
	return list, nil
}

func (t *Transaction) endAt(ctx context.Context, r *ownRecord, n *peerNode) {
	a := t.command(ctx, r, n, &wire.TransactCommandQ{Command: wire.TransactEnd})
	if a == nil || !a.Valid {
		return
	}
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	n.stage = nodeEnded
	if len(n.staged) == 0 { // nothing to store there: it has gone already
		n.stage = nodeCommitted
	}
}

// holders counts the nodes of a stage, or beyond, that have each written subkey, and
// gives the smallest number; -1: nothing was written.
func (t *Transaction) holders(r *ownRecord, least nodeStage) int {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	fewest := -1
	for subkey, v := range r.wrote {
		count := 0
		for _, n := range r.nodes {
			if n.stage >= least && n.stage <= nodeCommitted && n.has(subkey, v) {
				count++
			}
		}
		if fewest < 0 || count < fewest {
			fewest = count
		}
	}
	return fewest
}

// commitRounds sends Commit until enough nodes have stored everything, or nobody is
// left who could.
func (t *Transaction) commitRounds(ctx context.Context, list []*ownRecord) {
	interval := t.c.cfg.Limits.RPCTimeout / 5
	for {
		began := time.Now()
		var round guard.Group
		some, enough := false, true
		for _, r := range list {
			held := t.holders(r, nodeCommitted)
			enough = enough && (held < 0 || held >= t.c.cfg.Limits.SetCount)
			for _, n := range t.uncommitted(r, began) {
				some = true
				round.Go(func() { t.commitAt(ctx, r, n) })
			}
		}
		round.Wait()
		if !some || enough || t.c.ctx.Err() != nil {
			return
		}
		if t.settledAll(list) {
			return
		}
		pause := time.NewTimer(time.Until(began.Add(interval)))
		select {
		case <-pause.C:
		case <-t.c.ctx.Done():
		}
		pause.Stop()
	}
}

// settledAll reports whether enough nodes have stored all that was written.
func (t *Transaction) settledAll(list []*ownRecord) bool {
	for _, r := range list {
		if held := t.holders(r, nodeCommitted); held >= 0 && held < t.c.cfg.Limits.SetCount {
			return false
		}
	}
	return true
}

func (t *Transaction) uncommitted(r *ownRecord, now time.Time) (list []*peerNode) {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	for _, n := range r.nodes {
		if n.stage == nodeEnded && now.Before(n.expires) {
			list = append(list, n)
		}
	}
	return list
}

func (t *Transaction) commitAt(ctx context.Context, r *ownRecord, n *peerNode) {
	// The call also ends with the client, by the context of its node questions.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(t.c.ctx, cancel)()
	a := t.command(ctx, r, n, &wire.TransactCommandQ{Command: wire.TransactCommit})
	if a == nil || !a.Valid {
		return
	}
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	n.stage = nodeCommitted
}

// rehydrate has a record written again that too few nodes have stored.
func (t *Transaction) rehydrate(r *ownRecord) {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	var wrote Subkeys
	for subkey := range r.wrote {
		wrote.Add(subkey)
	}
	r.h.detail.wantRehydration(wrote, t.c.cfg.Limits.SetCount)
}

// store makes what was committed ours, and remembers which records belong together.
func (t *Transaction) store(ctx context.Context, committed map[*ownRecord]bool) error {
	c := t.c
	list := t.list()
	var set []crypto.OpaqueRecordKey
	for _, r := range list {
		set = append(set, r.h.key)
	}
	for _, r := range list {
		c.mu.Lock()
		read, wrote := r.read, r.wrote
		c.mu.Unlock()
		for subkey, v := range read {
			if _, _, err := c.keep(ctx, r.h, subkey, v, keepNewer); err != nil {
				return err
			}
		}
		for subkey, v := range wrote {
			if !committed[r] {
				continue
			}
			if _, _, err := c.keep(ctx, r.h, subkey, v, keepSettled); err != nil {
				return err
			}
		}
		ids := make([]crypto.NodeID, 0, len(r.nodes))
		var all Subkeys
		for subkey := range wrote {
			all.Add(subkey)
		}
		c.mu.Lock()
		for _, n := range r.nodes {
			if n.stage == nodeCommitted {
				ids = append(ids, n.id)
			}
		}
		r.h.detail.remember(r.h.key, ids, all, len(wrote) > 0, c.cfg.Limits.Width, time.Now())
		r.h.detail.set, r.h.detail.setSigner = set, r.signer
		if o := r.h.open; o != nil && o.writer != nil {
			pair := *o.writer
			r.h.detail.setSigner = &pair
		}
		c.saveLocked(r.h)
		c.mu.Unlock()
	}
	return c.cfg.Store.Flush(ctx)
}

// Rollback ends the transaction; nothing is stored. It uses the handle up. A
// transaction that has gone already is no error.
func (t *Transaction) Rollback(ctx context.Context) error {
	_, leave, err := t.c.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	t.c.mu.Lock()
	used, dropped := t.used, t.stage == stageDropped || t.stage == stageFailed
	t.used = true
	t.c.mu.Unlock()
	switch {
	case used:
		return fail(TransactionNotFound, "transaction already completed")
	case dropped:
		return nil
	}
	t.finish(nil)
	if !t.c.cfg.Nodes.Ready() {
		return fail(TryAgain, notReady)
	}
	return nil
}

// Release gives the handle up; what is not committed is rolled back in the
// background. It may be called at any time.
func (t *Transaction) Release() {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	if t.used {
		return
	}
	t.used = true
	t.c.dropLocked(t, stageOver)
}

// finish ends the transaction: nodes of committed records are told to commit, all
// others to roll back.
func (t *Transaction) finish(committed map[*ownRecord]bool) {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	t.c.endLocked(t, stageOver, committed)
}

// dropLocked ends a transaction without its handle.
func (c *Client) dropLocked(t *Transaction, to transactionStage) {
	if (t.stage == stagePlanning || t.stage == stageEnding) && to != stageOver {
		return // its commit is under way and will end it
	}
	c.endLocked(t, to, nil)
}

func (c *Client) endLocked(t *Transaction, to transactionStage, committed map[*ownRecord]bool) {
	if t.stage > stageEnding {
		return
	}
	t.stage = to
	t.cancel()
	delete(c.live, t)
	if !t.background {
		c.foreground = time.Now()
	}
	now := time.Now()
	for _, r := range t.records {
		if r.h.tx == t {
			r.h.tx = nil
		}
		for _, n := range r.nodes {
			last := wire.TransactRollback
			switch {
			case n.stage > nodeEnded || !now.Before(n.expires):
				continue
			case n.stage == nodeEnded && committed[r]:
				last = wire.TransactCommit
			}
			c.goLocked(func(ctx context.Context) { t.deliver(ctx, r, n, last) })
		}
	}
}

// deliver repeats the last command to a node until it answers, or has forgotten the
// transaction by itself (spec 06 §13.3, terminal delivery).
func (t *Transaction) deliver(ctx context.Context, r *ownRecord, n *peerNode, last wire.TransactCommand) {
	for pause := t.c.cfg.Limits.RPCTimeout * 2 / 5; ; pause *= 2 {
		if a := t.command(ctx, r, n, &wire.TransactCommandQ{Command: last}); a != nil {
			return
		}
		t.c.mu.Lock()
		expires := n.expires
		t.c.mu.Unlock()
		if !time.Now().Add(pause).Before(expires) {
			return
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// tickTransactionsLocked keeps transactions alive, and gives up those that have lost
// too many nodes.
func (c *Client) tickTransactionsLocked(now time.Time) {
	for t := range c.live {
		if t.stage > stagePlanning {
			continue
		}
		lost := false
		for _, r := range t.records {
			alive := 0
			for _, n := range r.nodes {
				if n.alive(now) {
					alive++
				}
				if n.stage == nodeBegun && now.Before(n.expires) && !now.Before(n.next) {
					n.asked(now)
					c.goLocked(func(context.Context) { t.keepalive(r, n) })
				}
			}
			// A record without nodes has only just begun.
			lost = lost || alive < c.cfg.Limits.SetCount && r.begun
		}
		if lost {
			c.dropLocked(t, stageFailed)
		}
	}
}

func (t *Transaction) keepalive(r *ownRecord, n *peerNode) {
	t.command(t.ctx, r, n, &wire.TransactCommandQ{Command: wire.TransactGet, Subkey: wire.SubkeyAbsent})
}
