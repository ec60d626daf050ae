package main

import "testing"

func TestCollector(t *testing.T) {
	type step struct {
		name      string
		live      uint64
		allocates uint64 // since the step before
		percent   int
		limit     int64
		giveBack  bool
	}
	c := collector{limit: leastMemoryLimit, percent: quietPercent}
	allocated := uint64(0)
	steps := []step{
		{"quiet", 8 << 20, 1 << 20, quietPercent, leastMemoryLimit, false},
		{"busy", 8 << 20, 100 << 20, busyPercent, leastMemoryLimit, false},
		{"large", 100 << 20, 100 << 20, busyPercent, 300 << 20, false},
	}
	for range quietIntervals - 1 {
		steps = append(steps, step{"a pause", 8 << 20, 0, busyPercent, leastMemoryLimit, false})
	}
	steps = append(steps, step{"busy again", 8 << 20, 100 << 20, busyPercent, leastMemoryLimit, false})
	for range quietIntervals - 1 {
		steps = append(steps, step{"the end", 8 << 20, busyRate, busyPercent, leastMemoryLimit, false})
	}
	steps = append(steps,
		step{"over", 8 << 20, 0, quietPercent, leastMemoryLimit, true},
		step{"quiet as before", 8 << 20, 0, quietPercent, leastMemoryLimit, false})
	for i, s := range steps {
		allocated += s.allocates
		giveBack := c.tick(s.live, allocated)
		if c.percent != s.percent || c.limit != s.limit || giveBack != s.giveBack {
			t.Fatalf("step %d, %s: percent %d, limit %d, give back %v; want %d, %d, %v",
				i, s.name, c.percent, c.limit, giveBack, s.percent, s.limit, s.giveBack)
		}
	}
}
