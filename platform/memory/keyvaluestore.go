package memory

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"

	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/internal/overlay"
)

// KeyValueStore keeps tables in memory. An Update collects its writes beside
// the tables and applies them at the end, so Views run while its callback does.
//
// Locks: writer is held for a whole Update; mu for reading during a View, for
// writing while an Update applies its writes. Goroutines: none.
type KeyValueStore struct {
	writer chan struct{} // holds one value while an Update runs
	mu     sync.RWMutex
	tables map[platform.Bucket]*table // nil: closed; changed under writer and mu
}

var _ platform.KeyValueStore = (*KeyValueStore)(nil)

// table is one bucket as it was committed last.
type table struct {
	rows map[string][]byte
	keys []string // of rows, sorted
}

// NewKeyValueStore makes an empty store.
func NewKeyValueStore() *KeyValueStore {
	return &KeyValueStore{
		writer: make(chan struct{}, 1),
		tables: make(map[platform.Bucket]*table),
	}
}

// View implements [platform.KeyValueStore].
func (s *KeyValueStore) View(ctx context.Context, fn func(platform.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("view: %w", err)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.tables == nil {
		return fmt.Errorf("view: %w", platform.ErrClosed)
	}
	t := overlay.View(tables(s.tables))
	defer t.End()
	return fn(t)
}

// Update implements [platform.KeyValueStore].
func (s *KeyValueStore) Update(ctx context.Context, fn func(platform.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("update: %w", err)
	}
	select {
	case s.writer <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("update: %w", ctx.Err())
	}
	defer func() { <-s.writer }()
	if s.tables == nil { // Close holds writer when it clears this
		return fmt.Errorf("update: %w", platform.ErrClosed)
	}
	t := overlay.Update(tables(s.tables))
	defer t.End()
	if err := fn(t); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for b, c := range t.Changes {
		s.applyLocked(b, c)
	}
	return nil
}

// Close forgets everything.
func (s *KeyValueStore) Close() error {
	s.writer <- struct{}{}
	defer func() { <-s.writer }()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tables = nil
	return nil
}

func (s *KeyValueStore) applyLocked(b platform.Bucket, c *overlay.Change) {
	switch {
	case !c.Exists:
		delete(s.tables, b)
		return
	case c.Fresh || s.tables[b] == nil:
		s.tables[b] = &table{rows: make(map[string][]byte, len(c.Rows))}
	}
	t := s.tables[b]
	before := len(t.keys)
	gone := false
	for key, value := range c.Rows {
		_, had := t.rows[key]
		switch {
		case value == nil && had:
			delete(t.rows, key)
			gone = true
		case value != nil:
			t.rows[key] = value
			if !had {
				t.keys = append(t.keys, key)
			}
		}
	}
	if gone {
		t.keys = slices.DeleteFunc(t.keys, func(k string) bool { _, ok := t.rows[k]; return !ok })
	}
	switch added := len(t.keys) - before; {
	case !gone && added == 0:
	case !gone && added == 1: // the common write: one new row
		key := t.keys[before]
		at, _ := slices.BinarySearch(t.keys[:before], key)
		copy(t.keys[at+1:], t.keys[at:before])
		t.keys[at] = key
	default:
		sorting.Ordered(t.keys)
	}
}

// tables are the committed buckets, as the base of a transaction.
type tables map[platform.Bucket]*table

// Has implements overlay.Base.
func (t tables) Has(b platform.Bucket) bool { return t[b] != nil }

// Buckets implements overlay.Base.
func (t tables) Buckets(yield func(platform.Bucket) bool) { maps.Keys(t)(yield) }

// Get implements overlay.Base.
func (t tables) Get(b platform.Bucket, key []byte) ([]byte, error) {
	value, ok := t[b].rows[string(key)]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return append([]byte{}, value...), nil
}

// Walk implements overlay.Base.
func (t tables) Walk(b platform.Bucket, start []byte, _ bool) func() (key, value []byte, err error) {
	bucket := t[b]
	at, _ := slices.BinarySearch(bucket.keys, string(start))
	rest := bucket.keys[at:]
	return func() (key, value []byte, err error) {
		if len(rest) == 0 {
			return nil, nil, nil
		}
		name := rest[0]
		rest = rest[1:]
		return []byte(name), bucket.rows[name], nil
	}
}
