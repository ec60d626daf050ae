//go:build !nodebugapi

package table

import (
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/platform/memory"
)

func wantIO(t *testing.T, what string, got, want IOStats) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// What is written, read and deleted is counted to the byte, since the last look and in
// all, and by whatever handle.
func TestIOStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, ctx := openStore(t, memory.NewKeyValueStore()), t.Context()
		t0 := time.Now()
		db := openDB(t, s, "table", 2)
		time.Sleep(time.Minute) // of the virtual clock, as all below
		put(t, db, 0, "key", "value")
		put(t, db, 1, "long", strings.Repeat("x", 200))
		wantRow(t, db, 0, "key", "value")
		wantNoRow(t, db, 0, "absent")
		first := IOStats{
			Started: t0, Span: time.Minute, Transactions: 2, Reads: 2, Writes: 2, BytesRead: 8 + 6, BytesWritten: 8 + 204,
			WriteSizes:       []SizeCount{{Size: 128, Count: 1}, {Size: 256, Count: 1}},
			TransactionSizes: []SizeCount{{Size: 128, Count: 1}, {Size: 256, Count: 1}},
		}
		since, all := db.IOStats()
		wantIO(t, "since the start", since, first)
		wantIO(t, "in all", all, first)

		looked := time.Now()
		time.Sleep(time.Second)
		since, _ = db.IOStats()
		wantIO(t, "nothing since", since, IOStats{Started: looked, Span: time.Second})

		again := openDB(t, s, "table", 2)
		db.Close()
		tx, err := again.Transact()
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"a", "b", "c"} {
			if err := tx.Store(0, []byte(key), make([]byte, 999)); err != nil {
				t.Fatal(err)
			}
		}
		if err := tx.Delete(0, []byte("key")); err != nil {
			t.Fatal(err)
		}
		since, _ = again.IOStats()
		wantIO(t, "before the commit", since, IOStats{Started: looked.Add(time.Second)})
		if err := tx.Commit(ctx); err != nil {
			t.Fatal(err)
		}
		if _, found, err := again.Delete(ctx, 1, []byte("long")); !found || err != nil {
			t.Fatalf("deleted %v, %v", found, err)
		}
		if _, found, err := again.Delete(ctx, 1, []byte("long")); found || err != nil {
			t.Fatalf("deleted twice: %v, %v", found, err)
		}
		if err := again.Walk(ctx, 0, func(_, _ []byte) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if _, err := again.Keys(ctx, 0); err != nil {
			t.Fatal(err)
		}
		if rows, size, err := again.Size(ctx, 0); rows != 3 || size != 3000 || err != nil {
			t.Errorf("Size = %d, %d, %v; want 3 rows of 3000 bytes", rows, size, err)
		}
		if rows, size, err := again.Size(ctx, 1); rows != 0 || size != 0 || err != nil {
			t.Errorf("Size = %d, %d, %v; want nothing", rows, size, err)
		}
		again.Close()

		again = openDB(t, s, "table", 2) // all handles were closed
		since, all = again.IOStats()
		second := IOStats{
			Started: looked.Add(time.Second), Transactions: 2, Reads: 2 + 3 + 3, Writes: 3, Deletes: 2,
			BytesRead: 204 + 4 + 3000 + 3, BytesWritten: 3000,
			WriteSizes:       []SizeCount{{Size: 1024, Count: 3}},
			TransactionSizes: []SizeCount{{Size: 0, Count: 1}, {Size: 3072, Count: 1}},
		}
		wantIO(t, "since the look before", since, second)
		wantIO(t, "in all", all, IOStats{
			Started: t0, Span: time.Minute + time.Second, Transactions: 4, Reads: 10, Writes: 5, Deletes: 2,
			BytesRead: 14 + 3211, BytesWritten: 212 + 3000,
			WriteSizes:       []SizeCount{{Size: 128, Count: 1}, {Size: 256, Count: 1}, {Size: 1024, Count: 3}},
			TransactionSizes: []SizeCount{{Size: 0, Count: 1}, {Size: 128, Count: 1}, {Size: 256, Count: 1}, {Size: 3072, Count: 1}},
		})
		again.Close()
		if deleted, err := s.Delete(ctx, "table"); !deleted || err != nil {
			t.Fatal(deleted, err)
		}
		_, all = openDB(t, s, "table", 2).IOStats()
		wantIO(t, "a new table of the name", all, IOStats{Started: time.Now()})
		if len(s.io) != 1 {
			t.Errorf("%d tables are counted, one exists", len(s.io))
		}
	})
}

// What fails is not counted.
func TestIOStatsOfFailures(t *testing.T) {
	db, _ := memoryDB(t, 1)
	if err := db.Store(t.Context(), 0, make([]byte, MaxKey+1), nil); err == nil {
		t.Error("too long a key was stored")
	}
	tx, err := db.Transact()
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Store(0, []byte("a"), []byte("b")); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if _, all := db.IOStats(); all.Writes+all.Transactions+all.BytesWritten != 0 || all.WriteSizes != nil {
		t.Errorf("counted %+v", all)
	}
}

func TestSizeBucket(t *testing.T) {
	for size, want := range map[int]int{
		-5: 0, 0: 0, 1: 128, 128: 128, 129: 256, 1000: 1024, 2048: 2048, 2049: 2304, 2500: 2560, 5100: 5120, 9000: 9216, 9900: 10240,
		1 << 24: 1 << 24, 1<<24 + 1: 1<<24 + 1<<21,
	} {
		if got := sizeBucket(size); got != want {
			t.Errorf("%d is counted as %d, want %d", size, got, want)
		}
	}
}
