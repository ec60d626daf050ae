package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Bounds of the memory that the collector aims at. A node needs about 20 MB; what
// a burst of messages leaves behind is collected earlier, and given back, while
// all of it stays below the least limit.
const (
	leastMemoryLimit = 64 << 20
	memoryInterval   = 10 * time.Second
)

// keepSmall sets the collector's limit and lets it grow with what is really in use,
// so that a node with large stores does not spend its time collecting. It does
// nothing if GOMEMLIMIT is set. It returns when ctx ends.
func keepSmall(ctx context.Context) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	limit := int64(leastMemoryLimit)
	debug.SetMemoryLimit(limit)
	t := time.NewTicker(memoryInterval)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		if want := max(leastMemoryLimit, 3*int64(live[0].Value.Uint64())); want != limit {
			limit = want
			debug.SetMemoryLimit(limit)
		}
	}
}
