package instance

import (
	"math/bits"
	"runtime/debug"

	"github.com/voile-net/voile/core/config"
)

// limitMemory makes a configuration keep a limit of the process, and tells the Go
// runtime; what is below the configuration's own limits stays. The result takes the
// runtime's limit back.
func limitMemory(limit int64, cfg *config.Config, tuning *config.Tuning) (restore func()) {
	// A part of the process is not of the Go heap: code, stacks of the host, C.
	old := debug.SetMemoryLimit(limit / 4 * 3)
	mb := uint32(max(limit>>20, 1))
	d := &cfg.Network.DHT
	lower(&d.LocalMaxSubkeyCacheMemoryMB, max(mb/32, 1))
	lower(&d.RemoteMaxSubkeyCacheMemoryMB, max(mb/32, 1))
	lower(&cfg.Network.MaxConnections, max(mb, 32)) // fewer is no valid configuration
	if *tuning == (config.Tuning{}) {
		*tuning = config.StockTuning()
	}
	tuning.QueueSize = min(tuning.QueueSize, int(max(4*mb, 64)))                // messages of at most 64 KiB
	tuning.BucketDepth = min(tuning.BucketDepth, 1<<max(bits.Len32(4*mb)-1, 5)) // from 64 MB on the whole table; at least 32
	return func() { debug.SetMemoryLimit(old) }
}

func lower(v *uint32, to uint32) { *v = min(*v, to) }
