package dht

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/crypto/lru"
	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/core/wire"
)

// Faults of a store. Each is compared with errors.Is.
var (
	// ErrNoRecord: the store does not have the record.
	ErrNoRecord = errors.New("no such record")
	// ErrChanged: a subkey was written since the caller looked at it.
	ErrChanged = errors.New("value changed meanwhile")
	// ErrFull: it does not fit, and nothing is left to give way.
	ErrFull = errors.New("record store is full")
	// ErrTooLarge: more detail than a record may have.
	ErrTooLarge = errors.New("detail of a record too large")
)

// maxPending is how much may wait to be written before a caller has to.
const maxPending = 4 << 20

// StoreConfig is what a store is made of.
type StoreConfig struct {
	Tables Tables
	Kinds  crypto.Kinds // of the records that it keeps

	MaxRecords int   // 0: no limit
	MaxBytes   int64 // of everything that is stored; 0: no limit

	CacheSubkeys int   // values kept in memory; below 1: 1
	CacheBytes   int64 // of them; 0: no limit but their number
}

// Store keeps records: descriptors, the newest value of each subkey, and a few
// bytes of detail that only its user understands. One holds others' records, within
// limits, the one used least recently giving way; another, without limits, our own.
//
// Reads see a write as soon as [Store.Put] has returned; it is durable after the
// next [Store.Flush], all of what one Put wrote or none of it. A crash before that
// loses writes, never the consistency: what the store occupies is summed up from its
// rows when it is opened.
//
// Values and descriptors are shared between the store and its users: nobody may
// change them. Methods may be called from any goroutine. Locks: mu, not held during
// I/O, and writer, held during a Flush. Goroutines: none.
type Store struct {
	cfg     StoreConfig
	decoder wire.Decoder
	writer  chan struct{} // holds one value during a Flush

	mu       sync.Mutex
	records  map[crypto.OpaqueRecordKey]*record
	ring     record // anchor: next is the record used last, prev the one that goes first
	bytes    int64
	subkeys  int
	cache    *lru.Cache[place, *wire.SignedValueData]
	cached   int64 // bytes in it
	pending  batch // not written yet
	flushing batch // being written
	damaged  int
}

// record is one record in the index.
type record struct {
	descriptor *Descriptor
	prev, next *record
	entries    []entry // of the written subkeys, ascending
	detail     []byte
	values     int64 // bytes of the rows of the values
	touched    int64 // of the last write, µs
	version    int   // counts what happened to the entries since the store was opened
}

// place is where a value is.
type place struct {
	key    crypto.OpaqueRecordKey
	subkey uint32
}

// batch is what a Flush writes.
type batch struct {
	values map[place]*wire.SignedValueData // nil: the row goes
	heads  map[crypto.OpaqueRecordKey]struct{}
	bytes  int
}

func newBatch() batch {
	return batch{values: make(map[place]*wire.SignedValueData), heads: make(map[crypto.OpaqueRecordKey]struct{})}
}

func (b *batch) empty() bool { return len(b.values) == 0 && len(b.heads) == 0 }

func (b *batch) value(p place, v *wire.SignedValueData) {
	if v != nil {
		b.bytes += len(v.Blob)
	}
	b.bytes += rowOverhead
	b.values[p] = v
}

func (b *batch) head(key crypto.OpaqueRecordKey) {
	b.bytes += rowOverhead
	b.heads[key] = struct{}{}
}

// OpenStore reads the index of a store. Rows that are damaged are removed: what
// they held is on other nodes.
func OpenStore(ctx context.Context, cfg StoreConfig) (*Store, error) {
	s := &Store{
		cfg:     cfg,
		decoder: wire.Decoder{Kinds: cfg.Kinds},
		writer:  make(chan struct{}, 1),
		records: make(map[crypto.OpaqueRecordKey]*record),
		pending: newBatch(),
	}
	s.ring.prev, s.ring.next = &s.ring, &s.ring
	s.cache = lru.New(cfg.CacheSubkeys, func(_ place, v **wire.SignedValueData) { s.cached -= memoryOf(*v) })

	var records []*record
	var bad []Row
	err := cfg.Tables.Each(ctx, columnHeads, func(rowKey, row []byte) error {
		key, err := parseRecordKey(rowKey)
		var r *record
		if err == nil && cfg.Kinds.Contains(key.Kind) {
			r, err = parseHead(key, row)
		}
		switch {
		case err != nil:
			bad = append(bad, Row{Column: columnHeads, Key: append([]byte(nil), rowKey...)})
		case r != nil:
			records = append(records, r)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("open record store: %w", err)
	}
	sorting.By(records, func(a, b *record) int { return cmp.Compare(a.touched, b.touched) })
	for _, r := range records {
		for _, e := range r.entries {
			r.values += valueCost(int(e.size))
		}
		s.insertLocked(r)
	}
	if len(bad) > 0 {
		if err := s.sweep(ctx, bad); err != nil {
			return nil, fmt.Errorf("repair record store: %w", err)
		}
	}
	s.makeRoomLocked(nil, 0, 0) // the limits may be lower than last time
	if err := s.Flush(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// sweep removes damaged heads, and the values that no record claims any more.
func (s *Store) sweep(ctx context.Context, bad []Row) error {
	s.damaged += len(bad)
	err := s.cfg.Tables.Each(ctx, columnValues, func(rowKey, _ []byte) error {
		key, err := parseRecordKey(rowKey[:min(len(rowKey), recordRowKey)])
		if err == nil && len(rowKey) == valueRowKey && (s.records[key] != nil || !s.cfg.Kinds.Contains(key.Kind)) {
			return nil
		}
		bad = append(bad, Row{Column: columnValues, Key: append([]byte(nil), rowKey...)})
		return nil
	})
	if err != nil {
		return err
	}
	return s.cfg.Tables.Write(ctx, bad)
}

// Close writes what is pending. The store must not be used any more.
func (s *Store) Close(ctx context.Context) error { return s.Flush(ctx) }

// Descriptor finds a record, which counts as a use of it; nil: not here.
func (s *Store) Descriptor(key crypto.OpaqueRecordKey) *Descriptor {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[key]
	if r == nil {
		return nil
	}
	s.touchLocked(r)
	return r.descriptor
}

// Seq is the sequence number of a subkey, wire.SeqNone if it was never written or
// there is no such record or subkey.
func (s *Store) Seq(key crypto.OpaqueRecordKey, subkey uint32) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.records[key]; r != nil {
		return r.seq(subkey)
	}
	return wire.SeqNone
}

// Seqs gives the sequence numbers of the subkeys of a set, ascending, those never
// written as wire.SeqNone, and the descriptor; it counts as a use of the record.
// Subkeys beyond the schema are left out. nil, nil: no such record.
func (s *Store) Seqs(key crypto.OpaqueRecordKey, which Subkeys) ([]uint32, *Descriptor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[key]
	if r == nil {
		return nil, nil
	}
	s.touchLocked(r)
	total := uint32(r.descriptor.Schema.Subkeys())
	seqs := make([]uint32, 0, which.Len())
	next := 0
	for k := range which.All() {
		if k >= total {
			break
		}
		for next < len(r.entries) && uint32(r.entries[next].subkey) < k {
			next++
		}
		if next < len(r.entries) && uint32(r.entries[next].subkey) == k {
			seqs = append(seqs, r.entries[next].seq)
		} else {
			seqs = append(seqs, wire.SeqNone)
		}
	}
	return seqs, r.descriptor
}

// Get gives the value of a subkey and counts as a use of the record. nil, nil: it
// was never written. Errors: ErrNoRecord, ErrRange, or the tables'.
func (s *Store) Get(ctx context.Context, key crypto.OpaqueRecordKey, subkey uint32) (*wire.SignedValueData, error) {
	p := place{key, subkey}
	var rowKey []byte
	for {
		v, seen, err := s.recall(p)
		if v != nil || err != nil || seen.seq == wire.SeqNone {
			return v, err
		}
		if rowKey == nil {
			rowKey = appendValueKey(make([]byte, 0, valueRowKey), p)
		}
		row, err := s.cfg.Tables.Load(ctx, columnValues, rowKey)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("load value: %w", err)
		}
		if err == nil {
			v, err = parseValueRow(s.decoder, key.Kind, row)
		}
		if err != nil {
			v = nil
		}
		if s.loaded(p, seen, v) {
			return v, nil
		}
		// It was written or removed meanwhile, or is damaged and now gone: look again.
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

// sighting is what the index said of a value before it was loaded.
type sighting struct {
	record  *record
	version int
	seq     uint32
}

// recall finds a value in memory. A nil value with a sequence number has to be
// loaded.
func (s *Store) recall(p place) (v *wire.SignedValueData, seen sighting, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[p.key]
	if r == nil {
		return nil, sighting{seq: wire.SeqNone}, ErrNoRecord
	}
	s.touchLocked(r)
	seen = sighting{r, r.version, r.seq(p.subkey)}
	if seen.seq == wire.SeqNone {
		if p.subkey >= uint32(r.descriptor.Schema.Subkeys()) {
			err = ErrRange
		}
		return nil, seen, err
	}
	if v := s.cache.Get(p); v != nil {
		return *v, seen, nil
	}
	if v := s.pending.values[p]; v != nil {
		return v, seen, nil
	}
	return s.flushing.values[p], seen, nil
}

// loaded takes a value from the tables into the cache, unless the record has changed
// since it was looked for. A missing or another value in an unchanged record is a
// damaged row, and the subkey is forgotten.
func (s *Store) loaded(p place, seen sighting, v *wire.SignedValueData) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[p.key]
	if r != seen.record || r.version != seen.version {
		return false
	}
	if v != nil && v.Value.Seq == seen.seq {
		s.cacheLocked(p, v)
		return true
	}
	s.forgetLocked(r, p.subkey)
	return false
}

// Change is one write of a subkey, which occurs once in a Put.
type Change struct {
	Subkey uint32
	Value  *wire.SignedValueData
	Was    uint32 // the sequence number that it replaces; wire.SeqNone: nothing
}

// Put writes values of one record, all or none, and makes the record if it is not
// there. It counts as a use, does no I/O and does not verify anything: the values
// have passed [Descriptor.CheckValue]. Evicted are the records that had to give way.
// Errors: ErrChanged if a subkey is not as Was says, ErrFull.
func (s *Store) Put(d *Descriptor, now time.Time, changes ...Change) (evicted []crypto.OpaqueRecordKey, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[d.Key]
	if r == nil {
		r = &record{descriptor: d}
	}
	grow, written := int64(0), 0
	for i := range changes {
		c := &changes[i]
		at, had := r.find(c.Subkey)
		was := wire.SeqNone
		if had {
			was = r.entries[at].seq
			grow -= valueCost(int(r.entries[at].size))
		} else {
			written++
		}
		if was != c.Was {
			return nil, ErrChanged
		}
		grow += valueCost(valueRowSize(c.Value))
	}
	grow += int64(written * entrySize)
	fresh := 0
	if r.next == nil {
		fresh = 1
		grow += r.cost()
	}
	// Whoever fills the queue faster than the disk takes it has to wait for it.
	if s.pending.bytes > 2*maxPending || !s.fitsLocked(r, grow) {
		return nil, ErrFull
	}
	evicted = s.makeRoomLocked(r, grow, fresh)
	if fresh > 0 {
		s.insertLocked(r)
	} else {
		s.touchLocked(r)
	}
	r.touched = now.UnixMicro()
	before := r.cost()
	for i := range changes {
		s.writeLocked(r, &changes[i])
	}
	s.bytes += r.cost() - before
	s.pending.head(d.Key)
	return evicted, nil
}

func (s *Store) writeLocked(r *record, c *Change) {
	e := entry{seq: c.Value.Value.Seq, subkey: uint16(c.Subkey), size: uint16(valueRowSize(c.Value))}
	r.version++
	at, had := r.find(c.Subkey)
	if had {
		r.values -= valueCost(int(r.entries[at].size))
		r.entries[at] = e
	} else {
		r.entries = slices.Insert(r.entries, at, e)
		s.subkeys++
	}
	r.values += valueCost(int(e.size))
	p := place{r.descriptor.Key, c.Subkey}
	s.pending.value(p, c.Value)
	s.cacheLocked(p, c.Value)
}

// Detail is what was kept beside a record; ok is false if the record is not there.
// The slice must not be changed.
func (s *Store) Detail(key crypto.OpaqueRecordKey) (detail []byte, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[key]
	if r == nil {
		return nil, false
	}
	return r.detail, true
}

// SetDetail keeps a copy of some bytes beside a record. Errors: ErrNoRecord,
// ErrTooLarge.
func (s *Store) SetDetail(key crypto.OpaqueRecordKey, detail []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[key]
	switch {
	case r == nil:
		return ErrNoRecord
	case len(detail) > MaxDetail:
		return ErrTooLarge
	}
	s.bytes += int64(len(detail) - len(r.detail))
	r.detail = append([]byte(nil), detail...)
	s.pending.head(key)
	return nil
}

// Delete forgets a record and reports whether it was there. The rows are gone after
// the next Flush.
func (s *Store) Delete(key crypto.OpaqueRecordKey) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[key]
	if r == nil {
		return false
	}
	s.removeLocked(r)
	return true
}

// Purge forgets the records used least recently until at most that many bytes are
// stored, and gives their keys. The pinned ones stay; nil: all may go.
func (s *Store) Purge(most int64, pinned func(crypto.OpaqueRecordKey) bool) []crypto.OpaqueRecordKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	var gone []crypto.OpaqueRecordKey
	for r := s.ring.prev; r != &s.ring && s.bytes > most; {
		newer := r.prev
		if key := r.descriptor.Key; pinned == nil || !pinned(key) {
			s.removeLocked(r)
			gone = append(gone, key)
		}
		r = newer
	}
	return gone
}

// Keys lists the records, the one used last first.
func (s *Store) Keys() []crypto.OpaqueRecordKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := make([]crypto.OpaqueRecordKey, 0, len(s.records))
	for r := s.ring.next; r != &s.ring; r = r.next {
		keys = append(keys, r.descriptor.Key)
	}
	return keys
}

// StoreStats says what a store holds.
type StoreStats struct {
	Records, Subkeys int
	Bytes            int64 // on disk, as estimated for the limit
	Cached           int   // values in memory
	CachedBytes      int64
	PendingBytes     int // waiting for a Flush
	Damaged          int // rows found damaged since the store was opened
}

// Stats says what the store holds.
func (s *Store) Stats() StoreStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return StoreStats{
		Records: len(s.records), Subkeys: s.subkeys, Bytes: s.bytes,
		Cached: s.cache.Len(), CachedBytes: s.cached,
		PendingBytes: s.pending.bytes + s.flushing.bytes, Damaged: s.damaged,
	}
}
