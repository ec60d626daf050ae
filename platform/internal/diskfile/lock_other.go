//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly || windows)

package diskfile

import (
	"os"

	"github.com/voile-net/voile/platform"
)

// Without locks two processes would overwrite each other's data, so there are
// no stores in files here; a browser has no files at all.
func tryLock(*os.File) error { return platform.ErrUnsupported }
