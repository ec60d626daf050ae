//go:build !js

package diskfile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/voile-net/voile/platform"
)

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "lock")
	first, err := Acquire(t.Context(), path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Acquire(t.Context(), path, time.Nanosecond); !errors.Is(err, platform.ErrInUse) {
		t.Errorf("second Acquire: %v, want ErrInUse", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(lockRetry/2, cancel) // while it waits
	if _, err := Acquire(ctx, path, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled Acquire: %v, want context.Canceled", err)
	}
	// One who waits gets the lock when it is released.
	time.AfterFunc(lockRetry/2, func() {
		if err := first.Release(); err != nil {
			t.Errorf("Release: %v", err)
		}
	})
	second, err := Acquire(t.Context(), path, time.Hour)
	if err != nil {
		t.Fatalf("Acquire while another releases: %v", err)
	}
	for range 2 {
		if err := second.Release(); err != nil {
			t.Errorf("Release: %v", err)
		}
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path+TempSuffix, []byte("left over, and longer than what comes"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, content := range []string{"first", "second", ""} {
		if err := Write(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != content {
			t.Errorf("read %q, %v; want %q", got, err, content)
		}
	}
	if _, err := os.Stat(path + TempSuffix); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a temporary file is left: %v", err)
	}
	if err := Write(filepath.Join(dir, "absent", "file"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Write in a folder that is not there: %v", err)
	}
	// The target cannot be replaced: the temporary file goes again.
	if err := os.MkdirAll(filepath.Join(dir, "folder", "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Write(filepath.Join(dir, "folder"), []byte("x")); err == nil {
		t.Error("Write over a folder worked")
	}
	if _, err := os.Stat(filepath.Join(dir, "folder") + TempSuffix); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a temporary file is left: %v", err)
	}
}
