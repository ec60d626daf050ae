package table

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/platform"
)

const (
	// MaxTransaction bounds what one transaction collects, in bytes of keys, values
	// and rowCost for each row. It is memory, and about as much again while the
	// store below commits; the largest value fits.
	MaxTransaction = platform.MaxValue + 1<<20
	rowCost        = 256
)

// Tx is a transaction: writes to the columns of one database that become visible
// and durable together, or not at all. They are kept in memory, encrypted, until
// Commit. Transactions do not see each other, and of two that write a row the
// last to commit wins. End every transaction: until then its database counts as
// open. After its end every method fails with [ErrCompleted].
type Tx struct {
	table   *table
	columns uint32

	mu    sync.Mutex
	state txState
	rows  []change
	index map[rowID]int // of rows
	size  int
}

type txState uint8

const (
	txOpen txState = iota
	txCommitting
	txOver
)

// rowID stands for a column and a key.
type rowID struct {
	column uint32
	siv    [sivSize]byte
}

// Store notes that a row is to be set. Errors as of [DB.Store]; platform.ErrTooLarge
// also when the transaction would collect more than [MaxTransaction]. It stays
// what it was then.
func (x *Tx) Store(column uint32, key, value []byte) error {
	if value == nil {
		value = []byte{}
	}
	return x.add(column, key, value)
}

// Delete notes that a row is to be removed. One that does not exist is no error.
func (x *Tx) Delete(column uint32, key []byte) error { return x.add(column, key, nil) }

// Commit writes what was collected. When it returns nil all of it is durable and
// the transaction is over. When it returns an error nothing was written, with the
// exception that [DB.Store] names, and the transaction can be committed again or
// rolled back. ctx bounds the wait for other writers.
func (x *Tx) Commit(ctx context.Context) error {
	if err := x.enter(); err != nil {
		return err
	}
	defer x.table.leave()
	rows, err := x.begin()
	if err != nil {
		return err
	}
	began := time.Now()
	if len(rows) > 0 {
		// In the order in which the store below keeps them.
		rows = slices.Clone(rows)
		sorting.By(rows, func(a, b change) int {
			return cmp.Or(cmp.Compare(a.bucket.Column, b.bucket.Column), bytes.Compare(a.name, b.name))
		})
		err = x.table.store.writer.write(ctx, rows...)
	} else {
		err = ctx.Err()
	}
	if err != nil {
		x.end(txOpen)
		return x.table.wrap("commit to", err)
	}
	if len(rows) > 0 {
		x.table.io.committed(began, x.table.overhead(), rows...)
	}
	x.end(txOver)
	return nil
}

// Rollback ends the transaction without writing anything.
func (x *Tx) Rollback() error {
	if _, err := x.begin(); err != nil {
		return err
	}
	x.end(txOver)
	return nil
}

// add seals a change; a nil value deletes.
func (x *Tx) add(column uint32, key, value []byte) error {
	if err := x.enter(); err != nil {
		return err
	}
	defer x.table.leave()
	if column >= x.columns {
		return &ColumnError{column, x.columns}
	}
	c := change{bucket: x.table.bucket(column)}
	var err error
	if c.name, err = x.table.cells.name(column, key); err != nil {
		return x.table.wrap("store into", err)
	}
	if value != nil {
		if c.cell, err = x.table.cells.seal(c.name, value); err != nil {
			return x.table.wrap("store into", err)
		}
	}
	err = x.note(rowID{column, [sivSize]byte(c.name)}, c)
	if err != nil && err != ErrCompleted {
		return x.table.wrap("store into", err)
	}
	return err
}

// note remembers a change, in the place of an earlier one of the same row.
func (x *Tx) note(id rowID, c change) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.state != txOpen {
		return ErrCompleted
	}
	i, again := x.index[id]
	size := x.size + cost(c)
	if again {
		size -= cost(x.rows[i])
	}
	if size > MaxTransaction {
		return fmt.Errorf("%w: transaction of more than %d bytes", platform.ErrTooLarge, MaxTransaction)
	}
	x.size = size
	if again {
		x.rows[i] = c
		return nil
	}
	x.index[id] = len(x.rows)
	x.rows = append(x.rows, c)
	return nil
}

func cost(c change) int { return len(c.name) + len(c.cell) + rowCost }

// enter keeps the store open until table.leave.
func (x *Tx) enter() error {
	s := x.table.store
	s.mu.Lock()
	defer s.mu.Unlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case s.closed:
		return ErrClosed
	case x.state == txOver: // its table may be gone
		return ErrCompleted
	}
	x.table.enterLocked()
	return nil
}

// begin is the first half of an end: nobody changes the transaction from here on
// until end.
func (x *Tx) begin() ([]change, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.state != txOpen {
		return nil, ErrCompleted
	}
	x.state = txCommitting
	return x.rows, nil
}

func (x *Tx) end(state txState) {
	s := x.table.store
	s.mu.Lock()
	defer s.mu.Unlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	x.state = state
	if state == txOver {
		x.rows, x.index = nil, nil
		x.table.releaseLocked()
	}
}
