package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Bounds of the memory that the collector aims at. A node needs about 20 MB.
const (
	// leastMemoryLimit keeps what a burst of messages leaves behind, with the rest of
	// the process, below 80 MB.
	leastMemoryLimit = 56 << 20
	memoryInterval   = time.Second
	quietIntervals   = 5

	// A node is busy while it allocates more than busyRate in a second. The collector
	// then comes when the memory has grown by busyPercent or reaches the limit: with so
	// little in use it would otherwise be at work all the time.
	busyRate     = 4 << 20
	busyPercent  = 400
	quietPercent = 100
)

// keepSmall sets how the collector works, so that a busy node has time for its work,
// one that has become quiet gives back what the burst took, and one with large stores
// does not spend its time collecting. What GOMEMLIMIT or GOGC says stays as it is. It
// returns when ctx ends.
func keepSmall(ctx context.Context) {
	if os.Getenv("GOMEMLIMIT") != "" || os.Getenv("GOGC") != "" {
		return
	}
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(samples)
	c := collector{limit: leastMemoryLimit, percent: quietPercent, allocated: samples[1].Value.Uint64()}
	debug.SetMemoryLimit(c.limit)
	t := time.NewTicker(memoryInterval)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		metrics.Read(samples)
		was := c
		giveBack := c.tick(samples[0].Value.Uint64(), samples[1].Value.Uint64())
		if c.limit != was.limit {
			debug.SetMemoryLimit(c.limit)
		}
		if c.percent != was.percent {
			debug.SetGCPercent(c.percent)
		}
		if giveBack {
			debug.FreeOSMemory()
		}
	}
}

// collector is how the collector is set.
type collector struct {
	limit     int64
	percent   int
	allocated uint64 // since the start
	quiet     int    // intervals in a row
}

// tick decides once in each interval; giveBack: a busy time is over.
func (c *collector) tick(live, allocated uint64) (giveBack bool) {
	c.limit = max(leastMemoryLimit, 3*int64(live))
	busy := allocated-c.allocated > busyRate
	c.allocated = allocated
	switch {
	case busy:
		c.percent, c.quiet = busyPercent, 0
	case c.percent == busyPercent:
		if c.quiet++; c.quiet >= quietIntervals {
			c.percent = quietPercent
			return true
		}
	}
	return false
}
