//go:build js

package indexeddb

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/internal/guard"
)

// tx reads the committed rows and, in an Update, its own changes over them.
type tx struct {
	guard   guard.Tx
	base    reader
	buckets map[platform.Bucket]struct{} // committed
	changes map[platform.Bucket]*change  // nil in a View
}

// change is what an Update did to one bucket.
type change struct {
	exists bool              // false: the bucket is deleted
	fresh  bool              // committed rows are gone, only rows counts
	rows   map[string][]byte // nil value: the row is deleted
}

func (t *tx) Get(b platform.Bucket, key []byte) ([]byte, error) {
	if err := errors.Join(t.guard.Read(b), platform.CheckKey(key)); err != nil {
		return nil, fmt.Errorf("get from %v: %w", b, err)
	}
	base, c, err := t.find(b)
	if err != nil {
		return nil, fmt.Errorf("get: %w", err)
	}
	if c != nil {
		if value, ok := c.rows[string(key)]; ok {
			if value == nil {
				return nil, fs.ErrNotExist
			}
			return append([]byte{}, value...), nil
		}
	}
	if !base {
		return nil, fs.ErrNotExist
	}
	value, err := t.base.get(rowKey(b, key))
	if err != nil && err != fs.ErrNotExist {
		err = fmt.Errorf("get from %v: %w", b, err)
	}
	return value, err
}

func (t *tx) Put(b platform.Bucket, key, value []byte) error {
	if err := errors.Join(t.guard.Write(b), platform.CheckKey(key), platform.CheckValue(value)); err != nil {
		return fmt.Errorf("put into %v: %w", b, err)
	}
	if err := t.set(b, key, append([]byte{}, value...)); err != nil {
		return fmt.Errorf("put: %w", err)
	}
	return nil
}

func (t *tx) Delete(b platform.Bucket, key []byte) error {
	if err := errors.Join(t.guard.Write(b), platform.CheckKey(key)); err != nil {
		return fmt.Errorf("delete from %v: %w", b, err)
	}
	if err := t.set(b, key, nil); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	return nil
}

func (t *tx) ForEach(b platform.Bucket, r platform.Range, fn func(key, value []byte) error) error {
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
		own, ownRows = slices.Sorted(maps.Keys(c.rows)), c.rows
		at, _ := slices.BinarySearch(own, string(start))
		own = own[at:]
	}
	rows := &walk{last: true} // of nothing
	if base {
		rows = t.base.walk(b, start, r.KeysOnly)
	}
	old, oldValue, err := rows.next()
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
			if old, oldValue, err = rows.next(); err != nil {
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

func (t *tx) Size(b platform.Bucket) (platform.Size, error) {
	var size platform.Size
	err := t.ForEach(b, platform.Range{}, func(key, value []byte) error {
		size.Rows++
		size.Bytes += int64(len(key) + len(value))
		return nil
	})
	return size, err
}

func (t *tx) CreateBucket(b platform.Bucket) error {
	if err := t.guard.Write(b); err != nil {
		return fmt.Errorf("create bucket %v: %w", b, err)
	}
	if _, _, err := t.find(b); err == nil {
		return nil
	}
	t.changes[b] = &change{exists: true, fresh: true, rows: make(map[string][]byte)}
	return nil
}

func (t *tx) DeleteBucket(b platform.Bucket) error {
	if err := t.guard.Write(b); err != nil {
		return fmt.Errorf("delete bucket %v: %w", b, err)
	}
	if _, _, err := t.find(b); err != nil {
		return fmt.Errorf("delete bucket: %w", err)
	}
	t.changes[b] = &change{}
	return nil
}

func (t *tx) DeleteDatabase(name string) error {
	if err := t.guard.Write(platform.Bucket{Database: name}); err != nil {
		return fmt.Errorf("delete database %q: %w", name, err)
	}
	columns, err := t.Columns(name)
	if err != nil {
		return fmt.Errorf("delete database %q: %w", name, platform.ErrNoBucket)
	}
	for _, column := range columns {
		t.changes[platform.Bucket{Database: name, Column: column}] = &change{}
	}
	return nil
}

func (t *tx) Databases() ([]string, error) {
	if err := t.guard.Alive(); err != nil {
		return nil, fmt.Errorf("list databases: %w", err)
	}
	var names []string
	for b := range t.existing {
		names = append(names, b.Database)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func (t *tx) Columns(database string) ([]uint32, error) {
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
	slices.Sort(columns)
	return columns, nil
}

// existing yields each bucket that exists, in no order.
func (t *tx) existing(yield func(platform.Bucket) bool) {
	for b := range t.buckets {
		if _, changed := t.changes[b]; !changed && !yield(b) {
			return
		}
	}
	for b, c := range t.changes {
		if c.exists && !yield(b) {
			return
		}
	}
}

// find gives what is known of a bucket: whether committed rows count, and the
// changes, nil if the transaction has not written to it.
func (t *tx) find(b platform.Bucket) (base bool, c *change, err error) {
	c = t.changes[b]
	if c == nil || !c.fresh {
		_, base = t.buckets[b]
	}
	if c != nil && !c.exists || c == nil && !base {
		return false, nil, fmt.Errorf("%w: %v", platform.ErrNoBucket, b)
	}
	return base, c, nil
}

func (t *tx) set(b platform.Bucket, key, value []byte) error {
	_, c, err := t.find(b)
	if err != nil {
		return err
	}
	if c == nil {
		c = &change{exists: true, rows: make(map[string][]byte)}
		t.changes[b] = c
	}
	c.rows[string(key)] = value
	return nil
}
