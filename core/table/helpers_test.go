package table

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/host"
	"github.com/voile-net/voile/platform/memory"
)

// sequence is size bytes that count up from first.
func sequence(first byte, size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

func newCrypto(t testing.TB, kinds ...crypto.Kind) *crypto.Crypto {
	t.Helper()
	c, err := crypto.New(crypto.Config{Kinds: kinds})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func testKey(first byte) crypto.SharedSecret {
	return crypto.NewSharedSecret(crypto.KindVLD0, [32]byte(sequence(first, 32)))
}

// testConfig is for a store under the key of the spec's vectors.
func testConfig(t testing.TB, kv platform.KeyValueStore) Config {
	return Config{KeyValueStore: kv, Crypto: newCrypto(t), Key: testKey(0xc0), Name: "/a/file"}
}

func openStore(t testing.TB, kv platform.KeyValueStore) *Store {
	t.Helper()
	s, wiped, err := Open(context.Background(), testConfig(t, kv))
	if err != nil || wiped {
		t.Fatalf("Open: wiped %v, %v", wiped, err)
	}
	t.Cleanup(func() { shut(t, s) })
	return s
}

type closer interface{ Close() error }

func shut(t testing.TB, c closer) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// openFile opens a store in a file, where the device has files.
func openFile(t testing.TB, path string) platform.KeyValueStore {
	t.Helper()
	kv, err := host.OpenKeyValueStore(context.Background(), filepath.Dir(path), filepath.Base(path))
	if errors.Is(err, platform.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, kv) })
	return kv
}

func openDB(t testing.TB, s *Store, name string, columns uint32) *DB {
	t.Helper()
	db, err := s.OpenDB(context.Background(), name, columns)
	if err != nil {
		t.Fatalf("OpenDB(%q, %d): %v", name, columns, err)
	}
	return db
}

// memoryDB is a database of its own in memory.
func memoryDB(t testing.TB, columns uint32) (*DB, *memory.KeyValueStore) {
	t.Helper()
	kv := memory.NewKeyValueStore()
	return openDB(t, openStore(t, kv), "table", columns), kv
}

func put(t testing.TB, db *DB, column uint32, key, value string) {
	t.Helper()
	if err := db.Store(context.Background(), column, []byte(key), []byte(value)); err != nil {
		t.Fatalf("Store(%d, %.20q): %v", column, key, err)
	}
}

func wantRow(t testing.TB, db *DB, column uint32, key, want string) {
	t.Helper()
	got, found, err := db.Load(context.Background(), column, []byte(key))
	if err != nil || !found || got == nil || string(got) != want {
		t.Errorf("Load(%d, %.20q) = %.20q, %v, %v; want %.20q", column, key, got, found, err, want)
	}
}

func wantNoRow(t testing.TB, db *DB, column uint32, key string) {
	t.Helper()
	got, found, err := db.Load(context.Background(), column, []byte(key))
	if err != nil || found || got != nil {
		t.Errorf("Load(%d, %.20q) = %.20q, %v, %v; want nothing", column, key, got, found, err)
	}
}

// contents reads a column by Walk, Keys and KeyCount, and compares them.
func contents(t testing.TB, db *DB, column uint32) map[string]string {
	t.Helper()
	ctx := context.Background()
	all := make(map[string]string)
	err := db.Walk(ctx, column, func(key, value []byte) error {
		if _, again := all[string(key)]; again {
			t.Errorf("Walk meets %q twice", key)
		}
		all[string(key)] = string(value)
		return nil
	})
	if err != nil {
		t.Fatalf("Walk: %v", err)
	}
	keys, err := db.Keys(ctx, column)
	if err != nil || len(keys) != len(all) {
		t.Errorf("Keys = %d keys, %v; Walk found %d", len(keys), err, len(all))
	}
	for _, key := range keys {
		if _, ok := all[string(key)]; !ok {
			t.Errorf("Keys has %q, Walk has not", key)
		}
	}
	if count, err := db.KeyCount(ctx, column); err != nil || count != uint64(len(all)) {
		t.Errorf("KeyCount = %d, %v; Walk found %d", count, err, len(all))
	}
	return all
}

// changeCell changes bytes of the store below; fn gets a copy of each row of the
// bucket and gives what is to be there, nil for nothing.
func changeCells(t testing.TB, kv platform.KeyValueStore, b platform.Bucket, fn func(name, cell []byte) (newName, newCell []byte)) {
	t.Helper()
	rows, err := readRows(context.Background(), kv, b, platform.Range{}, noLimit)
	if err != nil || len(rows) == 0 {
		t.Fatalf("rows of %v: %d, %v", b, len(rows), err)
	}
	err = kv.Update(context.Background(), func(tx platform.Tx) error {
		for _, r := range rows {
			if err := tx.Delete(b, r.name); err != nil {
				return err
			}
			if name, cell := fn(r.name, r.cell); name != nil {
				if err := tx.Put(b, name, cell); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

var errBoom = errors.New("boom")

// faultyStore fails on demand and counts what it does.
type faultyStore struct {
	platform.KeyValueStore
	updates int
	before  func(n int) error // nil: nothing; called with the number of each Update
}

func (f *faultyStore) Update(ctx context.Context, fn func(platform.Tx) error) error {
	f.updates++
	if f.before != nil {
		if err := f.before(f.updates); err != nil {
			return err
		}
	}
	return f.KeyValueStore.Update(ctx, fn)
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
