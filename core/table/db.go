package table

import (
	"context"
	"fmt"
	"io/fs"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/platform"
)

// What Walk reads at once.
const (
	pageRows  = 256
	pageBytes = 1 << 20
)

// table is a database that is open. All its handles and transactions share it.
type table struct {
	store    *Store
	id       tableID
	database string // of the store below
	columns  uint32
	cells    *cells
	io       *ioCounters

	name string // under store.mu
	refs int    // under store.mu: handles, transactions and methods that use it
}

// DB is a handle of a database. Close it: a database that is open cannot be
// deleted and does not grow. Two handles of a database see each other's writes at
// once. Goroutines: none.
//
// Every method with a column fails with a [ColumnError] for one that the handle
// was not opened for, with [ErrReleased] after Close, with [ErrClosed] after the
// Store's, and with platform.ErrTooLarge for a key or a value beyond [MaxKey] or
// [MaxValue]. A key may be empty, and so may a value.
type DB struct {
	table    *table
	columns  uint32 // what this handle may use
	released bool   // under store.mu
}

// ColumnCount is how many columns the database has, also beyond this handle.
func (d *DB) ColumnCount() uint32 { return d.table.columns }

// Close releases the handle. It does not wait: methods that are running and
// transactions that are open go on. It may be called twice.
func (d *DB) Close() error {
	s := d.table.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if !d.released {
		d.released = true
		d.table.releaseLocked()
	}
	return nil
}

// Store sets a row. When it returns nil the row is durable. When ctx ended before
// the commit began, or with any other error, nothing was written; only if the
// device itself failed during the commit may it have been, see
// [platform.KeyValueStore].
func (d *DB) Store(ctx context.Context, column uint32, key, value []byte) error {
	_, err := d.put(ctx, column, key, value, false)
	return err
}

// put is Store; it also tells whether the row existed, if look is set.
func (d *DB) put(ctx context.Context, column uint32, key, value []byte, look bool) (existed bool, err error) {
	if err := d.enter(column); err != nil {
		return false, err
	}
	defer d.table.leave()
	t := d.table
	name, err := t.cells.name(column, key)
	if err != nil {
		return false, t.wrap("store into", err)
	}
	cell, err := t.cells.seal(name, value)
	if err != nil {
		return false, t.wrap("store into", err)
	}
	s := &single{change: change{t.bucket(column), name, cell}, look: look}
	began := time.Now()
	if err := t.store.writer.do(ctx, s); err != nil {
		return false, t.wrap("store into", err)
	}
	if look {
		t.io.read(1, len(key))
	}
	t.io.committed(began, t.overhead(), s.change)
	return s.found, nil
}

// Load reads a row; false: there is none. A value that was found is not nil.
func (d *DB) Load(ctx context.Context, column uint32, key []byte) (value []byte, found bool, err error) {
	if err := d.enter(column); err != nil {
		return nil, false, err
	}
	defer d.table.leave()
	name, err := d.table.cells.name(column, key)
	if err != nil {
		return nil, false, d.table.wrap("load from", err)
	}
	cell, err := d.table.lookUp(ctx, column, name)
	if cell == nil || err != nil {
		return nil, false, d.table.wrap("load from", err)
	}
	if value, err = d.table.openCell(column, name, cell); err != nil {
		return nil, false, err
	}
	return value, true, nil
}

// Delete removes a row and gives what was there; false: there was none. A row
// that does not open stays, with a *platform.CorruptError; a transaction removes
// it. As to ctx and errors it is like Store.
func (d *DB) Delete(ctx context.Context, column uint32, key []byte) (old []byte, found bool, err error) {
	if err := d.enter(column); err != nil {
		return nil, false, err
	}
	defer d.table.leave()
	t := d.table
	name, err := t.cells.name(column, key)
	if err != nil {
		return nil, false, d.table.wrap("delete from", err)
	}
	// Most stores have to sync the disk for a transaction that changes nothing.
	cell, err := t.lookUp(ctx, column, name)
	if cell == nil || err != nil {
		return nil, false, d.table.wrap("delete from", err)
	}
	s := &single{change: change{bucket: t.bucket(column), name: name}}
	s.check = func(cell []byte) (err error) {
		old, err = t.openCell(column, name, cell)
		return err
	}
	began := time.Now()
	if err := t.store.writer.do(ctx, s); err != nil {
		return nil, false, d.table.wrap("delete from", err)
	}
	if s.found {
		t.io.committed(began, t.overhead(), s.change)
	}
	return old, s.found, nil
}

// Keys gives the keys of a column as they are at one moment, in no particular
// order.
func (d *DB) Keys(ctx context.Context, column uint32) ([][]byte, error) {
	if err := d.enter(column); err != nil {
		return nil, err
	}
	defer d.table.leave()
	rows, err := readRows(ctx, d.table.store.kv, d.table.bucket(column), platform.Range{KeysOnly: true}, noLimit)
	if err != nil {
		return nil, d.table.wrap("list keys of", err)
	}
	d.table.countRows(rows)
	keys := make([][]byte, len(rows))
	for i, r := range rows {
		if keys[i], err = d.table.openName(column, r.name); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// KeyCount is the number of rows of a column.
func (d *DB) KeyCount(ctx context.Context, column uint32) (count uint64, err error) {
	if err := d.enter(column); err != nil {
		return 0, err
	}
	defer d.table.leave()
	err = d.table.store.kv.View(ctx, func(tx platform.Tx) error {
		return tx.ForEach(d.table.bucket(column), platform.Range{KeysOnly: true}, func(_, _ []byte) error {
			if count++; count%checkEvery == 0 {
				return ctx.Err()
			}
			return nil
		})
	})
	if missing(err) {
		return 0, nil
	}
	return count, d.table.wrap("count keys of", err)
}

// Size is the number of rows of a column, and of bytes of their keys and values. It is
// a look at the table that [DB.IOStats] does not count.
func (d *DB) Size(ctx context.Context, column uint32) (rows int, bytes uint64, err error) {
	if err := d.enter(column); err != nil {
		return 0, 0, err
	}
	defer d.table.leave()
	overhead := d.table.overhead()
	err = d.table.store.kv.View(ctx, func(tx platform.Tx) error {
		return tx.ForEach(d.table.bucket(column), platform.Range{}, func(name, cell []byte) error {
			bytes += uint64(max(0, len(name)+len(cell)-overhead))
			if rows++; rows%checkEvery == 0 {
				return ctx.Err()
			}
			return nil
		})
	})
	if missing(err) {
		return 0, 0, nil
	}
	return rows, bytes, d.table.wrap("look at", err)
}

// Walk calls fn for the rows of a column, in no particular order; the slices are
// fn's to keep. The first error of fn ends the walk and is returned, but
// fs.SkipAll ends it without error.
//
// Rows are read a few at a time and fn is called between, so it may use the
// database; a row that is stored or deleted meanwhile may be seen or not.
func (d *DB) Walk(ctx context.Context, column uint32, fn func(key, value []byte) error) error {
	var r platform.Range
	for {
		page, next, err := d.page(ctx, column, r)
		if err != nil {
			return err
		}
		for _, row := range page {
			if err := fn(row.name, row.cell); err == fs.SkipAll {
				return nil
			} else if err != nil {
				return err
			}
		}
		if next == nil {
			return nil
		}
		r.Start = next
	}
}

// page reads some rows and opens them. next is where the following page starts;
// nil: there is none.
func (d *DB) page(ctx context.Context, column uint32, r platform.Range) (page []row, next []byte, err error) {
	if err := d.enter(column); err != nil {
		return nil, nil, err
	}
	defer d.table.leave()
	t := d.table
	page, err = readRows(ctx, t.store.kv, t.bucket(column), r, limit{pageRows, pageBytes})
	if len(page) == 0 || err != nil {
		return nil, nil, d.table.wrap("walk", err)
	}
	t.countRows(page)
	last := page[len(page)-1].name
	next = append(append(make([]byte, 0, len(last)+1), last...), 0) // the name after it
	for i, r := range page {
		if page[i].name, err = t.openName(column, r.name); err != nil {
			return nil, nil, err
		}
		if page[i].cell, err = t.openCell(column, r.name, r.cell); err != nil {
			return nil, nil, err
		}
	}
	return page, next, nil
}

// Transact begins a transaction with the columns of this handle. It outlives the
// handle, and keeps the database open until Commit or Rollback.
func (d *DB) Transact() (*Tx, error) {
	s := d.table.store
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, ErrClosed
	case d.released:
		return nil, ErrReleased
	}
	d.table.refs++
	return &Tx{table: d.table, columns: d.columns, index: make(map[rowID]int)}, nil
}

// enter lets a method run that uses a column; call table.leave at its end.
func (d *DB) enter(column uint32) error {
	s := d.table.store
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return ErrClosed
	case d.released:
		return ErrReleased
	case column >= d.columns:
		return &ColumnError{column, d.columns}
	}
	d.table.enterLocked()
	return nil
}

// enterLocked keeps store and table open until leave. The store is not closed.
func (t *table) enterLocked() {
	t.refs++
	t.store.running.Add(1)
}

func (t *table) leave() {
	t.store.mu.Lock()
	t.releaseLocked()
	t.store.mu.Unlock()
	t.store.running.Done()
}

// releaseLocked forgets the table when nobody uses it any more.
func (t *table) releaseLocked() {
	if t.refs--; t.refs == 0 {
		delete(t.store.open, t.id)
		t.cells.zero()
	}
}

func (t *table) bucket(column uint32) platform.Bucket {
	return platform.Bucket{Database: t.database, Column: column}
}

// lookUp reads a cell and counts that; nil: there is none.
func (t *table) lookUp(ctx context.Context, column uint32, name []byte) ([]byte, error) {
	cell, err := readRow(ctx, t.store.kv, t.bucket(column), name)
	switch {
	case err != nil:
	case cell == nil:
		t.io.read(1, len(name)-sivSize)
	default:
		t.io.read(1, len(name)+len(cell)-t.overhead())
	}
	return cell, err
}

// countRows counts rows that were read, or only their names.
func (t *table) countRows(rows []row) {
	bytes := 0
	for _, r := range rows {
		bytes += len(r.name) - sivSize
		if r.cell != nil {
			bytes += len(r.cell) - t.overhead() + sivSize
		}
	}
	t.io.read(len(rows), bytes)
}

func (t *table) openName(column uint32, name []byte) ([]byte, error) {
	key, err := t.cells.openName(column, name)
	if err != nil {
		return nil, t.corrupt(column, "key", err)
	}
	return key, nil
}

func (t *table) openCell(column uint32, name, cell []byte) ([]byte, error) {
	value, err := t.cells.open(name, cell)
	if err != nil {
		return nil, t.corrupt(column, "value", err)
	}
	return value, nil
}

func (t *table) corrupt(column uint32, what string, err error) error {
	return &platform.CorruptError{Name: t.store.name, Err: fmt.Errorf("table %q column %d: %s: %w", t.label(), column, what, err)}
}

// wrap says what was being done; nil stays nil.
func (t *table) wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s table %q: %w", what, t.label(), err)
}

func (t *table) label() string {
	t.store.mu.Lock()
	defer t.store.mu.Unlock()
	return t.name
}

// overhead is what encryption adds to the key and the value of a row.
func (t *table) overhead() int {
	return sivSize + crypto.NonceSize + t.store.sys.Lengths().AEADOverhead
}
