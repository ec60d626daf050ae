package instance

import (
	"runtime/debug"
	"testing"

	"github.com/voile-net/voile/core/config"
)

func TestLimitMemory(t *testing.T) {
	const mb = 1 << 20
	before := debug.SetMemoryLimit(-1)
	for _, c := range []struct {
		limit                      int64
		cache, connections         uint32
		queue, depth, defaultQueue int
	}{
		{1, 1, 32, 64, 32, 1024},
		{20 * mb, 1, 32, 80, 64, 1024},
		{40 * mb, 1, 40, 160, 128, 1024},
		{64 * mb, 2, 64, 256, 256, 1024},
		{64 * mb, 2, 64, 16, 256, 16}, // what is less already stays
		{4096 * mb, 128, 256, 1024, 256, 1024},
	} {
		cfg, tuning := config.Default(), config.Tuning{}
		cfg.ProgramName, cfg.Network.MaxConnections = "test", 256
		if c.defaultQueue != 1024 {
			tuning = config.StockTuning()
			tuning.QueueSize = c.defaultQueue
		}
		restore := limitMemory(c.limit, &cfg, &tuning)
		if set := debug.SetMemoryLimit(-1); set != c.limit/4*3 {
			t.Errorf("%d: the runtime's limit is %d", c.limit, set)
		}
		dht := &cfg.Network.DHT
		if dht.LocalMaxSubkeyCacheMemoryMB != c.cache || dht.RemoteMaxSubkeyCacheMemoryMB != c.cache {
			t.Errorf("%d: caches of %d and %d MB, want %d", c.limit, dht.LocalMaxSubkeyCacheMemoryMB, dht.RemoteMaxSubkeyCacheMemoryMB, c.cache)
		}
		if cfg.Network.MaxConnections != c.connections || tuning.QueueSize != c.queue || tuning.BucketDepth != c.depth {
			t.Errorf("%d: %d connections, a queue of %d, a first bucket of %d; want %d, %d, %d", c.limit,
				cfg.Network.MaxConnections, tuning.QueueSize, tuning.BucketDepth, c.connections, c.queue, c.depth)
		}
		if err := cfg.Validate(); err != nil {
			t.Errorf("%d: %v", c.limit, err)
		}
		restore()
		if set := debug.SetMemoryLimit(-1); set != before {
			t.Fatalf("%d: the runtime's limit is %d afterwards, want %d", c.limit, set, before)
		}
	}
}
