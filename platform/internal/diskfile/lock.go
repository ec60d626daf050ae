package diskfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/voile-net/voile/platform"
)

const (
	lockRetry = 25 * time.Millisecond

	// FileMode and DirMode keep stores private to their owner (spec 01 §8.1).
	FileMode = 0o600
	DirMode  = 0o700
)

var errHeld = errors.New("held by another")

// Lock is a held lock file. The file stays when the lock is released: removing
// it would let two processes lock two files of one name.
type Lock struct{ file *os.File }

// Acquire locks the file at path, made with its folder if need be. It waits up
// to wait for another holder, in this process or another, then gives
// platform.ErrInUse; ctx ends the waiting sooner. The lock goes with the
// process, however that ends. On network file systems it may not hold.
func Acquire(ctx context.Context, path string, wait time.Duration) (*Lock, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), DirMode); err != nil {
		return nil, platform.SpaceError(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, FileMode)
	if err != nil {
		return nil, platform.SpaceError(err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, wait, platform.ErrInUse)
	defer cancel()
	for {
		err := tryLock(f)
		if err == nil {
			return &Lock{f}, nil
		}
		if !errors.Is(err, errHeld) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		}
		select {
		case <-time.After(lockRetry):
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, context.Cause(ctx)), f.Close())
		}
	}
}

// Release gives the lock back. It may be called twice.
func (l *Lock) Release() error {
	if l.file == nil {
		return nil
	}
	err := l.file.Close() // releases the lock on every system
	l.file = nil
	return err
}
