//go:build !js

package bbolt_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"
	"go.uber.org/goleak"

	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/bbolt"
	"github.com/voile-net/voile/platform/platformtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var bucket = platform.Bucket{Database: "table", Column: 3}

func open(t testing.TB, path string, o bbolt.Options) *bbolt.Store {
	t.Helper()
	s, err := bbolt.Open(t.Context(), path, o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return s
}

func shut(t testing.TB, s *bbolt.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
}

// put writes rows with values of size bytes, in one transaction.
func put(s *bbolt.Store, from, to, size int) error {
	return s.Update(context.Background(), func(tx platform.Tx) error {
		if err := tx.CreateBucket(bucket); err != nil {
			return err
		}
		for n := from; n < to; n++ {
			if err := tx.Put(bucket, rowKey(n), []byte(strings.Repeat("v", size))); err != nil {
				return err
			}
		}
		return nil
	})
}

func rowKey(n int) []byte { return binary.BigEndian.AppendUint32([]byte("row"), uint32(n)) }

func count(t testing.TB, s *bbolt.Store) (rows int) {
	t.Helper()
	err := s.View(t.Context(), func(tx platform.Tx) error {
		size, err := tx.Size(bucket)
		rows = size.Rows
		return err
	})
	if err != nil {
		t.Fatalf("count: %v", err)
	}
	return rows
}

func TestContract(t *testing.T) {
	platformtest.KeyValueStore(t, func(t *testing.T) platform.KeyValueStore {
		return open(t, filepath.Join(t.TempDir(), "new", "store.db"), bbolt.Options{})
	})
	path := filepath.Join(t.TempDir(), "store.db")
	platformtest.KeyValueStoreReopened(t, func(t *testing.T) platform.KeyValueStore { return open(t, path, bbolt.Options{}) })
}

func TestFilesArePrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes; a file inherits the rights of its folder")
	}
	path := filepath.Join(t.TempDir(), "store.db")
	shut(t, open(t, path, bbolt.Options{}))
	if err := os.Chmod(path, 0o664); err != nil {
		t.Fatal(err)
	}
	s := open(t, path, bbolt.Options{})
	defer shut(t, s)
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 2 {
		t.Fatalf("files = %v, %v; want the store and its lock", entries, err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v; want 0600", entry.Name(), info.Mode(), err)
		}
	}
}

func TestSecondOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, path, bbolt.Options{})
	if _, err := bbolt.Open(t.Context(), path, bbolt.Options{LockWait: 1}); !errors.Is(err, platform.ErrInUse) || !strings.Contains(err.Error(), path) {
		t.Errorf("second Open: %v, want ErrInUse with the path", err)
	}
	shut(t, s)
	shut(t, s)

	other, err := bolt.Open(path, 0o600, nil) // a tool of bbolt, which does not know our lock file
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bbolt.Open(t.Context(), path, bbolt.Options{}); !errors.Is(err, platform.ErrInUse) {
		t.Errorf("Open beside a tool of bbolt: %v, want ErrInUse", err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	shut(t, open(t, path, bbolt.Options{}))
}

func TestFileOfAnotherProgram(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	wantCorrupt(t, "of another program", path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	wantCorrupt(t, "a folder", path)
}

// wantCorrupt opens a damaged store. The lock must be free afterwards.
func wantCorrupt(t *testing.T, what, path string) {
	t.Helper()
	for range 2 {
		s, err := bbolt.Open(t.Context(), path, bbolt.Options{})
		var corrupt *platform.CorruptError
		if err == nil {
			shut(t, s)
		}
		if !errors.As(err, &corrupt) || corrupt.Name != path {
			t.Fatalf("%s: %v, want a CorruptError that names the file", what, err)
		}
	}
}

func TestCutFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, path, bbolt.Options{})
	if err := put(s, 0, 300, 200); err != nil {
		t.Fatal(err)
	}
	shut(t, s)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	used := usedBytes(t, path)
	for _, size := range []int{0, 1, 15, 16, 79, 80, 4095, 4096, 4097, 8191, 8192, 8193, 16384, used / 2, used - 4096, used - 1} {
		if err := os.WriteFile(path, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		wantCorrupt(t, fmt.Sprintf("cut to %d of %d bytes", size, used), path)
	}
	// Behind the last page in use nothing is missed.
	if err := os.WriteFile(path, whole[:used], 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, bbolt.Options{})
	if n := count(t, s); n != 300 {
		t.Errorf("%d rows, want 300", n)
	}
	shut(t, s)
}

func usedBytes(t *testing.T, path string) int {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin(false)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	return int(tx.Size())
}

// TestCutWhileOpen: the file shrinks under a running store, which must not end
// the process. Windows refuses to cut a mapped file.
func TestCutWhileOpen(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows refuses to cut a mapped file")
	}
	for _, size := range []int64{0, 4096, 5 * 4096} {
		path := filepath.Join(t.TempDir(), "store.db")
		s := open(t, path, bbolt.Options{})
		if err := put(s, 0, 3000, 200); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		var corrupt *platform.CorruptError
		err := s.View(t.Context(), func(tx platform.Tx) error {
			_, err := tx.Size(bucket)
			return err
		})
		if !errors.As(err, &corrupt) || corrupt.Name != path {
			t.Errorf("View of a file cut to %d: %v, want a CorruptError", size, err)
		}
		for range 2 {
			if err := put(s, 0, 3000, 300); err == nil {
				t.Errorf("Update of a file cut to %d worked", size)
			}
		}
		shut(t, s)
		wantCorrupt(t, "afterwards", path)
	}
}

func TestContextWhileWaitingForTheLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, path, bbolt.Options{})
	defer shut(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := bbolt.Open(ctx, path, bbolt.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Open: %v, want context.Canceled", err)
	}
}

func TestMaxSize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, path, bbolt.Options{MaxSize: 4 << 20})
	kept := 0
	var err error
	for ; err == nil && kept < 100; kept++ {
		err = put(s, kept*10, kept*10+10, 10<<10)
	}
	kept--
	if !errors.Is(err, platform.ErrNoSpace) || !strings.Contains(err.Error(), "store.db") && !strings.Contains(err.Error(), bucket.String()) {
		t.Fatalf("writing without end: %v after %d rounds, want ErrNoSpace that says where", err, kept)
	}
	if n := count(t, s); n != kept*10 {
		t.Errorf("%d rows, want %d", n, kept*10)
	}
	if err := s.Update(t.Context(), func(tx platform.Tx) error { return tx.DeleteBucket(bucket) }); err != nil {
		t.Errorf("making space: %v", err)
	}
	if err := put(s, 0, 10, 1000); err != nil {
		t.Errorf("writing with space again: %v", err)
	}
	shut(t, s)
	if info, err := os.Stat(path); err != nil || info.Size() > 4<<20 {
		t.Errorf("the file has %d bytes (%v)", info.Size(), err)
	}
}

func TestDiskFull(t *testing.T) {
	platformtest.SmallDisk(t, 3<<20, func(t *testing.T, dir string) {
		path := filepath.Join(dir, "store.db")
		s := open(t, path, bbolt.Options{})
		kept := 0
		var err error
		for ; err == nil && kept < 1000; kept++ {
			err = put(s, kept*10, kept*10+10, 5<<10)
		}
		kept--
		if !errors.Is(err, platform.ErrNoSpace) || !strings.Contains(err.Error(), path) {
			t.Fatalf("writing without end: %v after %d rounds, want ErrNoSpace with the path", err, kept)
		}
		if n := count(t, s); n != kept*10 {
			t.Errorf("%d rows on a full disk, want %d", n, kept*10)
		}
		shut(t, s)
		s = open(t, path, bbolt.Options{})
		if n := count(t, s); n != kept*10 {
			t.Errorf("%d rows after a restart on a full disk, want %d", n, kept*10)
		}
		// A new store beside it says so too, and leaves nothing half made.
		second := filepath.Join(dir, "second.db")
		if err := os.WriteFile(filepath.Join(dir, "ballast"), make([]byte, 3<<20), 0o600); err == nil {
			t.Fatal("the disk is not full")
		}
		if _, err := bbolt.Open(t.Context(), second, bbolt.Options{}); !errors.Is(err, platform.ErrNoSpace) {
			t.Errorf("Open of a new store: %v, want ErrNoSpace", err)
		}
		if _, err := os.Stat(second); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a failed Open left a file: %v", err)
		}
		if err := os.Remove(filepath.Join(dir, "ballast")); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(second + ".lock"); err != nil {
			t.Fatal(err)
		}
		// Freed pages are used again, although freeing needs some pages first.
		if err := s.Update(t.Context(), func(tx platform.Tx) error { return tx.DeleteBucket(bucket) }); err != nil {
			t.Fatalf("making space: %v", err)
		}
		if err := put(s, 0, 100, 5<<10); err != nil {
			t.Errorf("writing with space again: %v", err)
		}
		if n := count(t, s); n != 100 {
			t.Errorf("%d rows at the end, want 100", n)
		}
		shut(t, s)
	})
}

// TestGrowth: writing the same rows again and again does not grow the file, and
// what was deleted is given back at the next start.
func TestGrowth(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	size := func() int64 {
		t.Helper()
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	s := open(t, path, bbolt.Options{})
	for round := range 60 {
		if err := put(s, 0, 100, 1000+round); err != nil {
			t.Fatal(err)
		}
	}
	if got := size(); got > 1<<20 {
		t.Errorf("100 rows of 1 kB written 60 times take %d bytes", got)
	}
	if err := put(s, 0, 2000, 8<<10); err != nil {
		t.Fatal(err)
	}
	full := size()
	if err := s.Update(t.Context(), func(tx platform.Tx) error {
		for n := 10; n < 2000; n++ {
			if err := tx.Delete(bucket, rowKey(n)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	shut(t, s)
	if full < 16<<20 || size() < full {
		t.Fatalf("before the compaction: %d, %d bytes", full, size())
	}
	s = open(t, path, bbolt.Options{})
	if got := size(); got > 1<<20 {
		t.Errorf("after a restart the file has still %d bytes of %d", got, full)
	}
	if n := count(t, s); n != 10 {
		t.Errorf("%d rows, want 10", n)
	}
	if err := put(s, 10, 20, 100); err != nil {
		t.Error(err)
	}
	shut(t, s)
	s = open(t, path, bbolt.Options{})
	if n := count(t, s); n != 20 {
		t.Errorf("%d rows, want 20", n)
	}
	shut(t, s)
}

// TestLeftoverOfACrash: what a process left that was killed while it made the
// store or compacted it.
func TestLeftoverOfACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	if err := os.WriteFile(path+".tmp", []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, path, bbolt.Options{})
	if err := put(s, 0, 1, 1); err != nil {
		t.Fatal(err)
	}
	shut(t, s)
}

// TestCrash: after a kill the store opens and has every acknowledged write, and
// of none that was not acknowledged only a part. A write is two rows in two
// buckets and a third row of changing size.
func TestCrash(t *testing.T) {
	a, b := platform.Bucket{Database: "a"}, platform.Bucket{Database: "b", Column: 1}
	read := func(t *testing.T, s *bbolt.Store) (n int) {
		t.Helper()
		if err := s.View(t.Context(), func(tx platform.Tx) error {
			first, err := tx.Get(a, []byte("n"))
			if errors.Is(err, platform.ErrNoBucket) {
				return nil
			}
			second, err2 := tx.Get(b, []byte("n"))
			if err := errors.Join(err, err2); err != nil {
				return err
			}
			if string(first) != string(second) {
				return fmt.Errorf("one transaction in halves: %s and %s", first, second)
			}
			fmt.Sscan(string(first), &n)
			for i := max(1, n-50); i <= n; i++ {
				if value, err := tx.Get(b, fmt.Append(nil, "row", i%51)); err != nil || len(value) != i*37%5000 {
					return fmt.Errorf("row of write %d: %d bytes, %v", i, len(value), err)
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	platformtest.Crash(t, 20, func(t *testing.T, dir string, ack func(int)) {
		s := open(t, filepath.Join(dir, "store.db"), bbolt.Options{})
		for n := read(t, s) + 1; ; n++ {
			if err := s.Update(t.Context(), func(tx platform.Tx) error {
				return errors.Join(
					tx.CreateBucket(a), tx.CreateBucket(b),
					tx.Put(a, []byte("n"), fmt.Append(nil, n)), tx.Put(b, []byte("n"), fmt.Append(nil, n)),
					tx.Put(b, fmt.Append(nil, "row", n%51), make([]byte, n*37%5000)),
				)
			}); err != nil {
				t.Fatal(err)
			}
			ack(n)
		}
	}, func(t *testing.T, dir string, _ int) int {
		s := open(t, filepath.Join(dir, "store.db"), bbolt.Options{})
		defer shut(t, s)
		return read(t, s)
	})
}

func BenchmarkGet(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "store.db"), bbolt.Options{})
	defer shut(b, s)
	if err := put(s, 0, 10_000, 100); err != nil {
		b.Fatal(err)
	}
	key := rowKey(5_000)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.View(b.Context(), func(tx platform.Tx) error { _, err := tx.Get(bucket, key); return err }); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUpdate(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "store.db"), bbolt.Options{})
	defer shut(b, s)
	if err := put(s, 0, 10_000, 100); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		if err := put(s, n%10_000, n%10_000+1, 100); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "store.db")
	s := open(b, path, bbolt.Options{})
	if err := put(s, 0, 30_000, 500); err != nil { // about 35 MB, all of it checked
		b.Fatal(err)
	}
	shut(b, s)
	b.ReportAllocs()
	for b.Loop() {
		shut(b, open(b, path, bbolt.Options{}))
	}
}
