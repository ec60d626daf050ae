//go:build !linux || android

package platformtest

import "testing"

// SmallDisk skips the test: only Linux gives a process mounts of its own.
func SmallDisk(t *testing.T, _ int, _ func(t *testing.T, dir string)) {
	t.Skip("needs mounts of its own, which only Linux gives a process")
}
