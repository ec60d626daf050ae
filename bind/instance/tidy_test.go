//go:build !js

package instance

import "testing"

// Memory is given back once after each time of work, when it has ended.
func TestKeeper(t *testing.T) {
	var k keeper
	allocated := uint64(0)
	for i, c := range []struct {
		more, free uint64
		want       bool
	}{
		{50 << 20, 20 << 20, false}, // busy
		{50 << 20, 20 << 20, false},
		{1000, 1 << 20, false}, // quiet, but there is nothing
		{1000, 20 << 20, true},
		{1000, 20 << 20, false}, // given already
		{3 << 20, 20 << 20, false},
		{1 << 20, 20 << 20, true},
	} {
		allocated += c.more
		if got := k.due(allocated, c.free); got != c.want {
			t.Errorf("step %d: %t, want %t", i, got, c.want)
		}
	}
}
