package table

import (
	"context"
	"encoding/binary"
	"path/filepath"
	"testing"

	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/memory"
)

const benchRows = 1000

func benchKey(n int) []byte { return binary.BigEndian.AppendUint32([]byte("a record key "), uint32(n)) }

// benchStores runs f with a database in memory and with one in a file.
func benchStores(b *testing.B, f func(b *testing.B, db *DB)) {
	run := func(name string, open func(b *testing.B) platform.KeyValueStore) {
		b.Run(name, func(b *testing.B) {
			s := openStore(b, open(b))
			b.ReportAllocs()
			f(b, openDB(b, s, "table", 1))
			shut(b, s)
		})
	}
	run("memory", func(*testing.B) platform.KeyValueStore { return memory.NewKeyValueStore() })
	run("file", func(b *testing.B) platform.KeyValueStore {
		return openFile(b, filepath.Join(b.TempDir(), "store.db"))
	})
}

// fillRows commits rows with values of 1 KiB in one transaction.
func fillRows(b *testing.B, db *DB, from, count int) {
	value := make([]byte, 1024)
	tx, err := db.Transact()
	if err != nil {
		b.Fatal(err)
	}
	for i := range count {
		if err := tx.Store(0, benchKey(from+i), value); err != nil {
			b.Fatal(err)
		}
	}
	if err := tx.Commit(context.Background()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkTransaction commits 1000 rows of 1 KiB at a time, over the same 10,000.
func BenchmarkTransaction(b *testing.B) {
	benchStores(b, func(b *testing.B, db *DB) {
		n := 0
		for b.Loop() {
			fillRows(b, db, n%10*benchRows, benchRows)
			n++
		}
		b.ReportMetric(float64(n*benchRows)/b.Elapsed().Seconds(), "puts/s")
	})
}

func BenchmarkLoad(b *testing.B) {
	benchStores(b, func(b *testing.B, db *DB) {
		fillRows(b, db, 0, 10*benchRows)
		n := 0
		for b.Loop() {
			if _, found, err := db.Load(b.Context(), 0, benchKey(n*7%(10*benchRows))); !found || err != nil {
				b.Fatal(found, err)
			}
			n++
		}
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "gets/s")
	})
}

// BenchmarkStore is the single write: each waits until it is durable.
func BenchmarkStore(b *testing.B) {
	benchStores(b, func(b *testing.B, db *DB) {
		value := make([]byte, 1024)
		for n := 0; b.Loop(); n++ {
			if err := db.Store(b.Context(), 0, benchKey(n%benchRows), value); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkStoreParallel is the same from 32 goroutines per processor, whose
// writes are joined.
func BenchmarkStoreParallel(b *testing.B) {
	benchStores(b, func(b *testing.B, db *DB) {
		value := make([]byte, 1024)
		b.SetParallelism(32)
		b.RunParallel(func(p *testing.PB) {
			for n := 0; p.Next(); n++ {
				if err := db.Store(b.Context(), 0, benchKey(n%benchRows), value); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

func BenchmarkKeys(b *testing.B) {
	benchStores(b, func(b *testing.B, db *DB) {
		fillRows(b, db, 0, benchRows)
		for b.Loop() {
			if keys, err := db.Keys(b.Context(), 0); len(keys) != benchRows || err != nil {
				b.Fatal(len(keys), err)
			}
		}
	})
}

func BenchmarkWalk(b *testing.B) {
	benchStores(b, func(b *testing.B, db *DB) {
		fillRows(b, db, 0, benchRows)
		for b.Loop() {
			rows := 0
			if err := db.Walk(b.Context(), 0, func(_, _ []byte) error { rows++; return nil }); rows != benchRows || err != nil {
				b.Fatal(rows, err)
			}
		}
	})
}
