//go:build !js

package instance

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// Go keeps what a burst took, in case there is another one. On a phone the process is
// judged by it, so a node with a limit gives it back when it has become quiet.
const (
	tidyInterval = 2 * time.Second
	quietRate    = 1 << 20 // bytes per second; below it nothing much goes on
	worthwhile   = 2 << 20 // bytes that must be free for a collection to pay
)

// giveBack gives memory that is free back to the system, until stop is called, which
// waits for its goroutine.
func giveBack() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	debug.FreeOSMemory() // what the start took: a key of a password needs 19 MiB
	wg.Go(func() {
		tick := time.NewTicker(tidyInterval)
		defer tick.Stop()
		var k keeper
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			samples := []metrics.Sample{
				{Name: "/gc/heap/allocs:bytes"}, {Name: "/memory/classes/heap/free:bytes"}, {Name: "/memory/classes/heap/unused:bytes"},
			}
			metrics.Read(samples)
			if k.due(samples[0].Value.Uint64(), samples[1].Value.Uint64()+samples[2].Value.Uint64()) {
				debug.FreeOSMemory()
			}
		}
	})
	return func() {
		cancel()
		wg.Wait()
	}
}

// keeper decides when to give back.
type keeper struct {
	allocated uint64 // in all, at the last look
	given     bool   // since it was busy
}

// due takes what was allocated since the process began and what is free now, and
// tells whether it is quiet and there is something to give back: once after each
// time that it was busy.
func (k *keeper) due(allocated, free uint64) bool {
	quiet := allocated-k.allocated < quietRate*uint64(tidyInterval/time.Second)
	k.allocated = allocated
	if !quiet {
		k.given = false
		return false
	}
	if k.given || free < worthwhile {
		return false
	}
	k.given = true
	return true
}
