package table

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/voile-net/voile/platform/platformtest"
)

// go test -run Crash -kills 200 ./core/table
var kills = flag.Int("kills", 30, "how often the crash tests kill the writer, in total")

const (
	crashRows    = 20 // rows of a transaction, over crashColumns
	crashColumns = 3
	crashWriters = 6 // goroutines with single writes
)

// crashStore opens the store that the killed process left behind.
func crashStore(t *testing.T, dir string, name string, columns uint32) (db *DB, done func()) {
	t.Helper()
	kv := openFile(t, filepath.Join(dir, "store.db"))
	s := openStore(t, kv)
	db = openDB(t, s, name, columns)
	return db, func() {
		shut(t, s)
		shut(t, kv)
	}
}

// crashNumber reads the number in a row; 0: there is none.
func crashNumber(t *testing.T, db *DB, column uint32, key string) int {
	t.Helper()
	value, found, err := db.Load(context.Background(), column, []byte(key))
	if err != nil {
		t.Fatalf("Load(%s): %v", key, err)
	}
	if !found {
		return 0
	}
	return int(binary.BigEndian.Uint64(value))
}

// crashValue is a number with as much behind it as takes a few pages.
func crashValue(n int) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(n)), make([]byte, n*7919%5000)...)
}

// TestCrashTransaction: transaction n writes n into the same rows of every
// column, deletes the row of n-1 and makes one of n. After a kill all rows have
// one number, which is the last acknowledged or the one after.
func TestCrashTransaction(t *testing.T) {
	platformtest.Crash(t, (*kills+1)/2, func(t *testing.T, dir string, ack func(int)) {
		db, _ := crashStore(t, dir, "tx", crashColumns)
		for n := crashNumber(t, db, 0, "row 0") + 1; ; n++ {
			tx, err := db.Transact()
			if err != nil {
				t.Fatal(err)
			}
			for i := range crashRows {
				if err := tx.Store(uint32(i%crashColumns), fmt.Appendf(nil, "row %d", i), crashValue(n)); err != nil {
					t.Fatal(err)
				}
			}
			if err := tx.Delete(0, fmt.Appendf(nil, "only %d", n-1)); err != nil {
				t.Fatal(err)
			}
			if err := tx.Store(0, fmt.Appendf(nil, "only %d", n), nil); err != nil {
				t.Fatal(err)
			}
			if err := tx.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			ack(n)
		}
	}, func(t *testing.T, dir string, acked int) int {
		db, done := crashStore(t, dir, "tx", crashColumns)
		defer done()
		last := crashNumber(t, db, 0, "row 0")
		rows := 0
		for column := range uint32(crashColumns) {
			for key, value := range contents(t, db, column) {
				rows++
				if len(value) == 0 {
					if want := fmt.Sprintf("only %d", last); key != want {
						t.Errorf("torn: row %q beside the number %d", key, last)
					}
				} else if value != string(crashValue(last)) {
					t.Errorf("torn: row %q of column %d has not the number %d", key, column, last)
				}
			}
		}
		if last > 0 && rows != crashRows+1 {
			t.Errorf("%d rows, want %d", rows, crashRows+1)
		}
		return last
	})
}

// TestCrashJoined: in round n several goroutines store n at the same moment, so
// that their writes are joined; the round is acknowledged when all are. After a
// kill every row has the number of that round or the one after.
func TestCrashJoined(t *testing.T) {
	platformtest.Crash(t, *kills/2, func(t *testing.T, dir string, ack func(int)) {
		db, _ := crashStore(t, dir, "joined", 1)
		first := 0
		for i := range crashWriters {
			first = max(first, crashNumber(t, db, 0, fmt.Sprint(i)))
		}
		for n := max(first, 1); ; n++ {
			var round sync.WaitGroup
			for i := range crashWriters {
				round.Go(func() {
					if err := db.Store(t.Context(), 0, fmt.Append(nil, i), crashValue(n)); err != nil {
						t.Error(err)
					}
				})
			}
			round.Wait()
			if t.Failed() {
				t.FailNow()
			}
			ack(n)
		}
	}, func(t *testing.T, dir string, acked int) int {
		db, done := crashStore(t, dir, "joined", 1)
		defer done()
		last := 0
		for i := range crashWriters {
			n := crashNumber(t, db, 0, fmt.Sprint(i))
			if n < acked || n > acked+1 {
				t.Errorf("row %d has the number %d, acknowledged was %d", i, n, acked)
			}
			value, _, err := db.Load(t.Context(), 0, fmt.Append(nil, i))
			if n > 0 && (err != nil || string(value) != string(crashValue(n))) {
				t.Errorf("torn: row %d of number %d, %v", i, n, err)
			}
			last = max(last, n)
		}
		return last
	})
}
