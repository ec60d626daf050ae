// Package overlay is the transaction of adapters that collect the writes of an Update
// and hand them over at its end: it shows the committed rows with the transaction's
// own changes over them, and keeps the contract of platform.Tx.
// It imports platform, platform/internal/guard and core/sorting.
package overlay

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/internal/guard"
)

// Base is what was committed. It stays as it is while a transaction reads it.
type Base interface {
	Has(b platform.Bucket) bool
	// Buckets yields each bucket that exists, in no order.
	Buckets(yield func(platform.Bucket) bool)
	// Get returns a copy of a value, never nil; a missing key is fs.ErrNotExist.
	Get(b platform.Bucket, key []byte) ([]byte, error)
	// Walk goes through the rows of a bucket from start on, in the order of their
	// keys. next gives a nil key behind the last one. Values may be nil if keysOnly.
	Walk(b platform.Bucket, start []byte, keysOnly bool) (next func() (key, value []byte, err error))
}

// Tx is one transaction.
type Tx struct {
	guard guard.Tx
	base  Base
	// Changes is what the transaction did, for the adapter at its end.
	Changes map[platform.Bucket]*Change
}

// Change is what a transaction did to one bucket.
type Change struct {
	Exists bool              // false: the bucket is deleted
	Fresh  bool              // committed rows are gone, only Rows counts
	Rows   map[string][]byte // nil value: the row is deleted
}

// View begins a transaction that reads.
func View(base Base) *Tx { return &Tx{base: base} }

// Update begins one that may write.
func Update(base Base) *Tx {
	return &Tx{guard: guard.Tx{Writable: true}, base: base, Changes: make(map[platform.Bucket]*Change)}
}

// End makes every later call fail.
func (t *Tx) End() { t.guard.End() }

// Get implements [platform.Tx].
func (t *Tx) Get(b platform.Bucket, key []byte) ([]byte, error) {
	if err := errors.Join(t.guard.Read(b), platform.CheckKey(key)); err != nil {
		return nil, fmt.Errorf("get from %v: %w", b, err)
	}
	base, c, err := t.find(b)
	if err != nil {
		return nil, fmt.Errorf("get: %w", err)
	}
	if c != nil {
		if value, ok := c.Rows[string(key)]; ok {
			if value == nil {
				return nil, fs.ErrNotExist
			}
			return append([]byte{}, value...), nil
		}
	}
	if !base {
		return nil, fs.ErrNotExist
	}
	value, err := t.base.Get(b, key)
	if err != nil && err != fs.ErrNotExist {
		err = fmt.Errorf("get from %v: %w", b, err)
	}
	return value, err
}

// Put implements [platform.Tx].
func (t *Tx) Put(b platform.Bucket, key, value []byte) error {
	if err := errors.Join(t.guard.Write(b), platform.CheckKey(key), platform.CheckValue(value)); err != nil {
		return fmt.Errorf("put into %v: %w", b, err)
	}
	if err := t.set(b, key, append([]byte{}, value...)); err != nil {
		return fmt.Errorf("put: %w", err)
	}
	return nil
}

// Delete implements [platform.Tx].
func (t *Tx) Delete(b platform.Bucket, key []byte) error {
	if err := errors.Join(t.guard.Write(b), platform.CheckKey(key)); err != nil {
		return fmt.Errorf("delete from %v: %w", b, err)
	}
	if err := t.set(b, key, nil); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	return nil
}

// ForEach implements [platform.Tx].
func (t *Tx) ForEach(b platform.Bucket, r platform.Range, fn func(key, value []byte) error) error {
	if err := t.guard.Read(b); err != nil {
		return fmt.Errorf("walk %v: %w", b, err)
	}
	base, c, err := t.find(b)
	if err != nil {
		return fmt.Errorf("walk: %w", err)
	}
	defer t.guard.Walk()()
	start := startOf(r)
	var own []string
	var ownRows map[string][]byte
	if c != nil {
		own, ownRows = slices.Collect(maps.Keys(c.Rows)), c.Rows
		sorting.Ordered(own)
		at, _ := slices.BinarySearch(own, string(start))
		own = own[at:]
	}
	next := func() (key, value []byte, err error) { return nil, nil, nil }
	if base {
		next = t.base.Walk(b, start, r.KeysOnly)
	}
	old, oldValue, err := next()
	for err == nil && (old != nil || len(own) > 0) {
		var key, value []byte
		deleted := false
		order := heads(old, own)
		if order >= 0 { // own writes hide the committed row
			key, value = []byte(own[0]), ownRows[own[0]]
			deleted, own = value == nil, own[1:]
		} else {
			key, value = old, oldValue
		}
		if order <= 0 {
			if old, oldValue, err = next(); err != nil {
				break
			}
		}
		if !bytes.HasPrefix(key, r.Prefix) {
			return nil // keys are sorted: no more of this prefix
		}
		if deleted {
			continue
		}
		if r.KeysOnly {
			value = nil
		}
		if err := fn(key, value); err == fs.SkipAll {
			return nil
		} else if err != nil {
			return err
		}
	}
	if err != nil {
		return fmt.Errorf("walk %v: %w", b, err)
	}
	return nil
}

// heads says which of two lists goes on first; 0: with the same key.
func heads(old []byte, own []string) int {
	switch {
	case old == nil:
		return 1
	case len(own) == 0:
		return -1
	}
	return cmp.Compare(string(old), own[0])
}

// Size implements [platform.Tx].
func (t *Tx) Size(b platform.Bucket) (platform.Size, error) { return guard.Size(t, b) }

// CreateBucket implements [platform.Tx].
func (t *Tx) CreateBucket(b platform.Bucket) error {
	if err := t.guard.Write(b); err != nil {
		return fmt.Errorf("create bucket %v: %w", b, err)
	}
	if _, _, err := t.find(b); err == nil {
		return nil
	}
	t.Changes[b] = &Change{Exists: true, Fresh: true, Rows: make(map[string][]byte)}
	return nil
}

// DeleteBucket implements [platform.Tx].
func (t *Tx) DeleteBucket(b platform.Bucket) error {
	if err := t.guard.Write(b); err != nil {
		return fmt.Errorf("delete bucket %v: %w", b, err)
	}
	if _, _, err := t.find(b); err != nil {
		return fmt.Errorf("delete bucket: %w", err)
	}
	t.Changes[b] = &Change{}
	return nil
}

// DeleteDatabase implements [platform.Tx].
func (t *Tx) DeleteDatabase(name string) error {
	if err := t.guard.Write(platform.Bucket{Database: name}); err != nil {
		return fmt.Errorf("delete database %q: %w", name, err)
	}
	columns, err := t.Columns(name)
	if err != nil {
		return fmt.Errorf("delete database %q: %w", name, platform.ErrNoBucket)
	}
	for _, column := range columns {
		t.Changes[platform.Bucket{Database: name, Column: column}] = &Change{}
	}
	return nil
}

// Databases implements [platform.Tx].
func (t *Tx) Databases() ([]string, error) {
	if err := t.guard.Alive(); err != nil {
		return nil, fmt.Errorf("list databases: %w", err)
	}
	var names []string
	for b := range t.existing {
		names = append(names, b.Database)
	}
	sorting.Ordered(names)
	return slices.Compact(names), nil
}

// Columns implements [platform.Tx].
func (t *Tx) Columns(database string) ([]uint32, error) {
	if err := t.guard.Read(platform.Bucket{Database: database}); err != nil {
		return nil, fmt.Errorf("list columns of %q: %w", database, err)
	}
	var columns []uint32
	for b := range t.existing {
		if b.Database == database {
			columns = append(columns, b.Column)
		}
	}
	if columns == nil {
		return nil, fmt.Errorf("list columns of %q: %w", database, platform.ErrNoBucket)
	}
	sorting.Ordered(columns)
	return columns, nil
}

// existing yields each bucket that exists, in no order.
func (t *Tx) existing(yield func(platform.Bucket) bool) {
	for b := range t.base.Buckets {
		if _, changed := t.Changes[b]; !changed && !yield(b) {
			return
		}
	}
	for b, c := range t.Changes {
		if c.Exists && !yield(b) {
			return
		}
	}
}

// find gives what is known of a bucket: whether committed rows count, and the
// changes, nil if the transaction has not written to it.
func (t *Tx) find(b platform.Bucket) (base bool, c *Change, err error) {
	c = t.Changes[b]
	if c == nil || !c.Fresh {
		base = t.base.Has(b)
	}
	if c != nil && !c.Exists || c == nil && !base {
		return false, nil, fmt.Errorf("%w: %v", platform.ErrNoBucket, b)
	}
	return base, c, nil
}

func (t *Tx) set(b platform.Bucket, key, value []byte) error {
	_, c, err := t.find(b)
	if err != nil {
		return err
	}
	if c == nil {
		c = &Change{Exists: true, Rows: make(map[string][]byte)}
		t.Changes[b] = c
	}
	c.Rows[string(key)] = value
	return nil
}

// startOf is the first key that a range can have.
func startOf(r platform.Range) []byte {
	if bytes.Compare(r.Prefix, r.Start) > 0 {
		return r.Prefix
	}
	return r.Start
}
