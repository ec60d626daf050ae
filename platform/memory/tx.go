package memory

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/internal/guard"
)

// tx reads the committed tables and, in an Update, its own changes over them.
type tx struct {
	guard   guard.Tx
	tables  map[platform.Bucket]*table
	changes map[platform.Bucket]*change // nil in a View
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
	if base != nil {
		if value, ok := base.rows[string(key)]; ok {
			return append([]byte{}, value...), nil
		}
	}
	return nil, fs.ErrNotExist
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
	var old, own []string
	var baseRows, ownRows map[string][]byte
	if base != nil {
		old, baseRows = base.keys, base.rows
	}
	if c != nil {
		own, ownRows = sortedKeys(c.rows), c.rows
	}
	start := string(r.Start)
	if bytes.Compare(r.Prefix, r.Start) > 0 {
		start = string(r.Prefix)
	}
	old, own = from(old, start), from(own, start)
	for len(old)+len(own) > 0 {
		var key string
		var value []byte
		switch order := compareHeads(old, own); {
		case order < 0:
			key, value, old = old[0], baseRows[old[0]], old[1:]
		case order > 0:
			key, value, own = own[0], ownRows[own[0]], own[1:]
		default: // own writes hide the committed row
			key, value, old, own = own[0], ownRows[own[0]], old[1:], own[1:]
		}
		if !strings.HasPrefix(key, string(r.Prefix)) {
			break // keys are sorted: no more of this prefix
		}
		if value == nil {
			continue // deleted in this transaction
		}
		if r.KeysOnly {
			value = nil
		}
		if err := fn([]byte(key), value); err == fs.SkipAll {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
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
	for b := range t.buckets {
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
	for b := range t.buckets {
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

// buckets yields each bucket that exists, in no order.
func (t *tx) buckets(yield func(platform.Bucket) bool) {
	for b := range t.tables {
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

// find gives what is known of a bucket; base is nil if committed rows do not
// count, c is nil if the transaction has not written to it.
func (t *tx) find(b platform.Bucket) (base *table, c *change, err error) {
	c = t.changes[b]
	if c == nil || !c.fresh {
		base = t.tables[b]
	}
	if c != nil && !c.exists || c == nil && base == nil {
		return nil, nil, fmt.Errorf("%w: %v", platform.ErrNoBucket, b)
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

func from(keys []string, start string) []string {
	at, _ := slices.BinarySearch(keys, start)
	return keys[at:]
}

// compareHeads says which of two sorted lists goes on first; 0: the same key.
func compareHeads(a, b []string) int {
	switch {
	case len(a) == 0:
		return 1
	case len(b) == 0:
		return -1
	}
	return cmp.Compare(a[0], b[0])
}
