package table

import (
	"context"
	"slices"
	"sync"

	"github.com/voile-net/voile/platform"
)

// Limits of what is committed together. They bound how long one write waits for
// the others in its batch.
const (
	batchRows  = 1024
	batchBytes = 4 << 20
)

// writer makes every change of the store below, one transaction after the other.
// Single writes that wait for their turn are joined: whoever gets the turn
// commits all of them at once, since a commit costs a sync of the disk, whatever
// its size.
//
// Locks: mu is held for moments only. Goroutines: none.
type writer struct {
	kv   platform.KeyValueStore
	turn chan struct{} // holds one value while somebody writes

	mu      sync.Mutex
	waiting []*single // in the order of their arrival
}

// single is a write of one row that others may join.
type single struct {
	change
	// check, if not nil, is given the cell that is deleted; with an error it stays.
	check func(cell []byte) error
	look  bool // set found also of a row that is set

	found bool // the row was there
	err   error
	done  chan struct{} // closed when found and err are set
}

func newWriter(kv platform.KeyValueStore) *writer {
	return &writer{kv: kv, turn: make(chan struct{}, 1)}
}

// update runs a transaction of the store below. ctx bounds the wait for its turn.
func (w *writer) update(ctx context.Context, fn func(platform.Tx) error) error {
	select {
	case w.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-w.turn }()
	return w.kv.Update(ctx, fn)
}

// write makes changes, all or none.
func (w *writer) write(ctx context.Context, changes ...change) error {
	return w.update(ctx, func(tx platform.Tx) error { return write(tx, changes) })
}

// do makes a single write. When ctx ends before the commit has begun, nothing is
// written.
func (w *writer) do(ctx context.Context, s *single) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.done = make(chan struct{})
	w.mu.Lock()
	w.waiting = append(w.waiting, s)
	w.mu.Unlock()
	select {
	case <-s.done: // somebody else did it
		return s.err
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-ctx.Done():
		if w.withdraw(s) {
			return ctx.Err()
		}
		<-s.done // it is being committed
		return s.err
	}
	for {
		select {
		case <-s.done:
			return s.err
		default:
			w.commit(w.take())
		}
	}
}

// withdraw takes s out of the queue; false: it is not there any more.
func (w *writer) withdraw(s *single) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.waiting, s)
	if i < 0 {
		return false
	}
	w.waiting = slices.Delete(w.waiting, i, i+1)
	return true
}

// take takes the writes that have waited longest. Only the holder of the turn
// calls it, so what it takes is done before the turn passes on.
func (w *writer) take() []*single {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, size := 0, 0
	for n < len(w.waiting) && n < batchRows && (n == 0 || size < batchBytes) {
		size += len(w.waiting[n].name) + len(w.waiting[n].cell)
		n++
	}
	batch := slices.Clone(w.waiting[:n])
	w.waiting = slices.Delete(w.waiting, 0, n)
	return batch
}

// commit makes the writes of a batch durable and tells their owners. If that
// fails they are tried one by one, so that a large one, for which there is no
// space, does not take the others with it.
func (w *writer) commit(batch []*single) {
	err := w.kv.Update(context.Background(), func(tx platform.Tx) error {
		for _, s := range batch {
			if err := s.apply(tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && len(batch) > 1 {
		for _, s := range batch {
			w.commit([]*single{s})
		}
		return
	}
	for _, s := range batch {
		if err != nil {
			s.err = err
		}
		close(s.done)
	}
}

// apply makes the write in a transaction of the store below. An error of its own
// it keeps in err; what it returns is one of the transaction.
func (s *single) apply(tx platform.Tx) error {
	s.found, s.err = false, nil
	if s.cell == nil || s.look {
		cell, err := tx.Get(s.bucket, s.name)
		if err != nil && !missing(err) {
			return err
		}
		s.found = err == nil
		if s.found && s.check != nil {
			if s.err = s.check(cell); s.err != nil {
				return nil
			}
		}
	}
	switch {
	case s.cell != nil:
		if err := tx.CreateBucket(s.bucket); err != nil {
			return err
		}
		return tx.Put(s.bucket, s.name, s.cell)
	case s.found:
		return tx.Delete(s.bucket, s.name)
	}
	return nil
}
