package dht

import (
	"context"
	"fmt"
	"slices"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// find is where a subkey is among the entries, or would be.
func (r *record) find(subkey uint32) (at int, ok bool) {
	return slices.BinarySearchFunc(r.entries, subkey, func(e entry, k uint32) int {
		return int(e.subkey) - int(min(k, MaxSubkeys))
	})
}

func (r *record) seq(subkey uint32) uint32 {
	if at, ok := r.find(subkey); ok {
		return r.entries[at].seq
	}
	return wire.SeqNone
}

// cost is what a record takes of the store's space.
func (r *record) cost() int64 {
	return int64(recordRowKey+rowOverhead+headSize(r.descriptor, len(r.detail), len(r.entries))) + r.values
}

func valueCost(rowSize int) int64 { return int64(valueRowKey + rowOverhead + rowSize) }

// memoryOf is what a value in the cache is taken to occupy.
func memoryOf(v *wire.SignedValueData) int64 { return int64(len(v.Blob)) + 256 }

// insertLocked takes a record into the index as the one used last.
func (s *Store) insertLocked(r *record) {
	s.records[r.descriptor.Key] = r
	s.link(r)
	s.bytes += r.cost()
	s.subkeys += len(r.entries)
}

func (s *Store) link(r *record) {
	r.prev, r.next = &s.ring, s.ring.next
	r.next.prev, s.ring.next = r, r
}

func (s *Store) touchLocked(r *record) {
	if s.ring.next == r {
		return
	}
	r.prev.next, r.next.prev = r.next, r.prev
	s.link(r)
}

// fitsLocked reports whether r can grow if all others give way.
func (s *Store) fitsLocked(r *record, grow int64) bool {
	have := int64(0)
	if r.next != nil {
		have = r.cost()
	}
	return s.cfg.MaxBytes == 0 || have+grow <= s.cfg.MaxBytes
}

// makeRoomLocked removes the records used least recently, but never keep, until
// there is room for so many more bytes and records.
func (s *Store) makeRoomLocked(keep *record, bytes int64, records int) (evicted []crypto.OpaqueRecordKey) {
	for r := s.ring.prev; r != &s.ring; {
		full := s.cfg.MaxBytes > 0 && s.bytes+bytes > s.cfg.MaxBytes ||
			s.cfg.MaxRecords > 0 && len(s.records)+records > s.cfg.MaxRecords
		if !full {
			break
		}
		newer := r.prev
		if r != keep {
			evicted = append(evicted, r.descriptor.Key)
			s.removeLocked(r)
		}
		r = newer
	}
	return evicted
}

func (s *Store) removeLocked(r *record) {
	key := r.descriptor.Key
	s.bytes -= r.cost()
	s.subkeys -= len(r.entries)
	r.prev.next, r.next.prev = r.next, r.prev
	delete(s.records, key)
	for _, e := range r.entries {
		p := place{key, uint32(e.subkey)}
		s.cache.Remove(p)
		s.pending.value(p, nil)
	}
	s.pending.head(key)
}

// forgetLocked gives up a subkey whose row is damaged.
func (s *Store) forgetLocked(r *record, subkey uint32) {
	at, ok := r.find(subkey)
	if !ok {
		return
	}
	s.damaged++
	r.version++
	before := r.cost()
	r.values -= valueCost(int(r.entries[at].size))
	r.entries = slices.Delete(r.entries, at, at+1)
	s.subkeys--
	s.bytes += r.cost() - before
	p := place{r.descriptor.Key, subkey}
	s.cache.Remove(p)
	s.pending.value(p, nil)
	s.pending.head(p.key)
}

func (s *Store) cacheLocked(p place, v *wire.SignedValueData) {
	if s.cfg.CacheBytes > 0 && memoryOf(v) > s.cfg.CacheBytes {
		s.cache.Remove(p)
		return
	}
	s.cache.Put(p, v)
	s.cached += memoryOf(v)
	for s.cfg.CacheBytes > 0 && s.cached > s.cfg.CacheBytes {
		s.cache.RemoveOldest()
	}
}

// Settle is [Store.Flush] for whoever writes a lot: it does nothing until a few
// megabytes are pending.
func (s *Store) Settle(ctx context.Context) error {
	s.mu.Lock()
	little := s.pending.bytes < maxPending
	s.mu.Unlock()
	if little {
		return nil
	}
	return s.Flush(ctx)
}

// Flush makes everything durable that was written before it was called. After an
// error it is still pending, and the next Flush tries again.
func (s *Store) Flush(ctx context.Context) error {
	select {
	case s.writer <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("write records: %w", context.Cause(ctx))
	}
	defer func() { <-s.writer }()

	s.mu.Lock()
	if s.pending.empty() {
		s.mu.Unlock()
		return nil
	}
	b := s.pending
	s.pending, s.flushing = newBatch(), b
	rows := s.rowsLocked(&b)
	s.mu.Unlock()

	err := s.cfg.Tables.Write(ctx, rows)

	s.mu.Lock()
	defer s.mu.Unlock()
	s.flushing = batch{}
	if err == nil {
		return nil
	}
	for p, v := range b.values {
		if _, newer := s.pending.values[p]; !newer {
			s.pending.value(p, v)
		}
	}
	for key := range b.heads {
		s.pending.head(key)
	}
	return fmt.Errorf("write records: %w", err)
}

// rowsLocked makes the rows of a batch. A record may have been removed since one of
// its values was written; then removeLocked has marked all its rows.
func (s *Store) rowsLocked(b *batch) []Row {
	rows := make([]Row, 0, len(b.values)+len(b.heads))
	for p, v := range b.values {
		row := Row{Column: columnValues, Key: appendValueKey(make([]byte, 0, valueRowKey), p)}
		if v != nil {
			row.Value = appendValueRow(make([]byte, 0, valueRowSize(v)), v)
		}
		rows = append(rows, row)
	}
	for key := range b.heads {
		row := Row{Column: columnHeads, Key: appendRecordKey(make([]byte, 0, recordRowKey), key)}
		if r := s.records[key]; r != nil {
			row.Value = appendHead(make([]byte, 0, headSize(r.descriptor, len(r.detail), len(r.entries))), r)
		}
		rows = append(rows, row)
	}
	return rows
}
