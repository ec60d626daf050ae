//go:build !nodebugapi

package table

import (
	"cmp"
	"math/bits"
	"sync"
	"time"

	"github.com/voile-net/voile/core/sorting"
)

// IOStats say what was done with a table in a stretch of time. Bytes are those of keys
// and values as the caller knows them, without encryption.
type IOStats struct {
	Started      time.Time
	Span         time.Duration
	Transactions uint64 // commits: each Store and Delete of a handle is one by itself
	Reads        uint64 // rows: asked for, also in vain, or walked over
	Writes       uint64 // rows
	Deletes      uint64 // rows; in a transaction also those that were not there
	BytesRead    uint64
	BytesWritten uint64

	WriteSizes       []SizeCount // of each row that was written
	TransactionSizes []SizeCount // of all rows that a transaction wrote
}

// SizeCount counts what had a size of up to Size bytes, and more than the one before.
type SizeCount struct {
	Size  int
	Count uint64
	Took  time.Duration // mean time to commit; 0 for rows
}

// IOStats are since the previous call of it, by whatever handle, and since the table
// was first opened by this Store.
func (d *DB) IOStats() (since, all IOStats) { return d.table.io.snapshot(time.Now()) }

// ioCounters count what happens to one table. They outlive its handles.
type ioCounters struct {
	mu     sync.Mutex
	since  ioCounts // the previous look
	before ioCounts // it: the rest of all
}

type ioCounts struct {
	IOStats      // without sizes
	writes       map[int]uint64
	transactions map[int]sizeTimes
}

type sizeTimes struct {
	count uint64
	took  time.Duration // in all
}

func newIOCounters(now time.Time) *ioCounters {
	return &ioCounters{since: newIOCounts(now), before: newIOCounts(now)}
}

func newIOCounts(now time.Time) ioCounts {
	return ioCounts{IOStats: IOStats{Started: now}, writes: map[int]uint64{}, transactions: map[int]sizeTimes{}}
}

// read counts rows and their bytes.
func (c *ioCounters) read(rows, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.since.Reads += uint64(rows)
	c.since.BytesRead += uint64(max(0, bytes)) // less: a damaged row
}

// committed counts a transaction that began to be written at a time.
func (c *ioCounters) committed(began time.Time, overhead int, changes ...change) {
	took := time.Since(began)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.since.add(took, overhead, changes)
}

// add counts a transaction; overhead is what encryption adds to a row.
func (n *ioCounts) add(took time.Duration, overhead int, changes []change) {
	total := 0
	for _, c := range changes {
		if c.cell == nil {
			n.Deletes++
			continue
		}
		size := len(c.name) + len(c.cell) - overhead // as sealed here
		total += size
		n.Writes++
		n.writes[sizeBucket(size)]++
	}
	n.BytesWritten += uint64(total)
	n.Transactions++
	size := sizeBucket(total)
	t := n.transactions[size]
	n.transactions[size] = sizeTimes{t.count + 1, t.took + took}
}

func (c *ioCounters) snapshot(now time.Time) (since, all IOStats) {
	c.mu.Lock()
	defer c.mu.Unlock()
	since = c.since.stats(now)
	c.before.merge(&c.since)
	c.since = newIOCounts(now)
	return since, c.before.stats(now)
}

// merge adds what was counted later.
func (n *ioCounts) merge(m *ioCounts) {
	n.Transactions += m.Transactions
	n.Reads += m.Reads
	n.Writes += m.Writes
	n.Deletes += m.Deletes
	n.BytesRead += m.BytesRead
	n.BytesWritten += m.BytesWritten
	for size, count := range m.writes {
		n.writes[size] += count
	}
	for size, t := range m.transactions {
		have := n.transactions[size]
		n.transactions[size] = sizeTimes{have.count + t.count, have.took + t.took}
	}
}

func (n *ioCounts) stats(now time.Time) IOStats {
	s := n.IOStats
	s.Span = now.Sub(s.Started)
	for size, count := range n.writes {
		s.WriteSizes = append(s.WriteSizes, SizeCount{Size: size, Count: count})
	}
	for size, t := range n.transactions {
		s.TransactionSizes = append(s.TransactionSizes, SizeCount{size, t.count, t.took / time.Duration(t.count)})
	}
	for _, list := range [...][]SizeCount{s.WriteSizes, s.TransactionSizes} {
		sorting.By(list, func(a, b SizeCount) int { return cmp.Compare(a.Size, b.Size) })
	}
	return s
}

// sizeBucket rounds a size up, to 128 bytes or, from 2 KiB on, to a sixteenth of the
// next power of two, so that there are some hundreds at most.
func sizeBucket(size int) int {
	if size <= 0 {
		return 0
	}
	step := max(128, 1<<bits.Len(uint(size-1))/16)
	return (size + step - 1) / step * step
}
