package table

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/host"
	"github.com/voile-net/voile/platform/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var control = platform.Bucket{Database: controlDatabase, Column: columnControl}

// TestKeyHash: the vector of spec 01 §8.3.
func TestKeyHash(t *testing.T) {
	kv := memory.NewKeyValueStore()
	openStore(t, kv)
	const want = "93892806aa6787c2c10b8e5c3068ceea66133537553ca685d261c75ea166e89f"
	got, err := readRow(t.Context(), kv, control, []byte(keyHashRow))
	if err != nil || hex.EncodeToString(got) != want {
		t.Errorf("stored key hash = %x, %v; want %s", got, err, want)
	}
}

// setControl changes the plain rows; nil deletes.
func setControl(t *testing.T, kv platform.KeyValueStore, name string, value []byte) {
	t.Helper()
	err := kv.Update(t.Context(), func(tx platform.Tx) error {
		if value == nil {
			return tx.Delete(control, []byte(name))
		}
		return tx.Put(control, []byte(name), value)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestOpenOfAnotherKey(t *testing.T) {
	var corrupt *platform.CorruptError
	for _, test := range []struct {
		name    string
		change  func(t *testing.T, kv platform.KeyValueStore)
		key     byte
		foreign bool // wiped or refused
		corrupt bool // refused whatever the configuration says
	}{
		{name: "same key", key: 0xc0},
		{name: "other key", key: 0xc1, foreign: true},
		{name: "no hash", key: 0xc0, foreign: true, change: func(t *testing.T, kv platform.KeyValueStore) { setControl(t, kv, keyHashRow, nil) }},
		{name: "no format", key: 0xc0, foreign: true, change: func(t *testing.T, kv platform.KeyValueStore) { setControl(t, kv, formatRow, nil) }},
		{name: "data of somebody else", key: 0xc0, foreign: true, change: func(t *testing.T, kv platform.KeyValueStore) {
			if err := Wipe(t.Context(), kv); err != nil {
				t.Fatal(err)
			}
			b := platform.Bucket{Database: "other"}
			if err := kv.Update(t.Context(), func(tx platform.Tx) error { return tx.CreateBucket(b) }); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "short hash", key: 0xc0, corrupt: true, change: func(t *testing.T, kv platform.KeyValueStore) { setControl(t, kv, keyHashRow, []byte("short")) }},
		{name: "later format", key: 0xc0, corrupt: true, change: func(t *testing.T, kv platform.KeyValueStore) { setControl(t, kv, formatRow, []byte("2")) }},
		{name: "later format, other key", key: 0xc1, corrupt: true, change: func(t *testing.T, kv platform.KeyValueStore) { setControl(t, kv, formatRow, []byte("2")) }},
	} {
		for _, wipe := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, wipe %v", test.name, wipe), func(t *testing.T) {
				kv := memory.NewKeyValueStore()
				s := openStore(t, kv)
				put(t, openDB(t, s, "mine", 1), 0, "k", "v")
				shut(t, s)
				if test.change != nil {
					test.change(t, kv)
				}
				before := dump(t, kv)
				cfg := testConfig(t, kv)
				cfg.Key, cfg.Wipe = testKey(test.key), wipe
				s, wiped, err := Open(t.Context(), cfg)
				if s != nil {
					defer shut(t, s)
				}
				switch {
				case test.corrupt:
					if !errors.As(err, &corrupt) || !strings.Contains(err.Error(), "/a/file") || wiped {
						t.Errorf("Open: wiped %v, %v; want a *CorruptError that names the file", wiped, err)
					}
				case test.foreign && !wipe:
					if !errors.Is(err, ErrDeviceKey) || !strings.Contains(err.Error(), "/a/file") || wiped {
						t.Errorf("Open: wiped %v, %v; want ErrDeviceKey with the file's name", wiped, err)
					}
				case err != nil || wiped != test.foreign:
					t.Errorf("Open: wiped %v, %v; want %v", wiped, err, test.foreign)
				}
				if err != nil {
					if s != nil || dump(t, kv) != before {
						t.Errorf("a failed Open gave %v, or changed what is stored", s)
					}
					return
				}
				list, err := s.List(t.Context())
				if test.foreign {
					if err != nil || len(list) != 0 {
						t.Errorf("after the wipe List = %v, %v", list, err)
					}
					return
				}
				wantRow(t, openDB(t, s, "mine", 1), 0, "k", "v")
			})
		}
	}
}

// dump is all that a store holds.
func dump(t *testing.T, kv platform.KeyValueStore) string {
	t.Helper()
	var b strings.Builder
	err := kv.View(t.Context(), func(tx platform.Tx) error {
		databases, err := tx.Databases()
		for _, d := range databases {
			columns, err := tx.Columns(d)
			if err != nil {
				return err
			}
			for _, c := range columns {
				bucket := platform.Bucket{Database: d, Column: c}
				fmt.Fprintln(&b, bucket)
				if err := tx.ForEach(bucket, platform.Range{}, func(k, v []byte) error {
					fmt.Fprintf(&b, "%x %x\n", k, v)
					return nil
				}); err != nil {
					return err
				}
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestNothingInTheClear looks for names, keys and values in what is stored.
func TestNothingInTheClear(t *testing.T) {
	kv := memory.NewKeyValueStore()
	s := openStore(t, kv)
	db := openDB(t, s, "SecretTable", 2)
	put(t, db, 1, "SecretKeyOfTheRow", "SecretValueOfTheRow")
	own, err := s.OpenOwn(t.Context(), "SecretOwn", 1)
	if err != nil {
		t.Fatal(err)
	}
	put(t, own, 0, "SecretKey", "SecretValue")
	text := dump(t, kv)
	if strings.Contains(text, hex.EncodeToString([]byte("Secret"))) || strings.Contains(text, "Secret") {
		t.Errorf("stored in the clear:\n%s", text)
	}
	const buckets, rows = 5, 6 // control and two catalogs, two tables; 2+1+1 and 1+1
	if n := strings.Count(text, "\n"); n != buckets+rows {
		t.Errorf("stored are %d lines, want %d buckets and %d rows:\n%s", n, buckets, rows, text)
	}
}

func TestOpenWritesOnce(t *testing.T) {
	kv := &faultyStore{KeyValueStore: memory.NewKeyValueStore()}
	openStore(t, kv)
	if kv.updates != 1 {
		t.Errorf("Open of a new store made %d updates, want 1", kv.updates)
	}
	openStore(t, kv)
	if kv.updates != 1 {
		t.Errorf("Open of an old store made %d updates, want none", kv.updates-1)
	}
}

func TestOpenErrors(t *testing.T) {
	kv := &faultyStore{KeyValueStore: memory.NewKeyValueStore(), before: func(int) error { return platform.ErrNoSpace }}
	if _, wiped, err := Open(t.Context(), testConfig(t, kv)); !errors.Is(err, platform.ErrNoSpace) || wiped {
		t.Errorf("Open on a full disk: %v, %v", wiped, err)
	}
	cfg := testConfig(t, memory.NewKeyValueStore())
	cfg.Key = crypto.NewSharedSecret(crypto.KindNONE, [32]byte{1})
	if _, _, err := Open(t.Context(), cfg); !errors.Is(err, crypto.ErrUnsupported) {
		t.Errorf("Open with a key of a kind that is not enabled: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := Open(ctx, testConfig(t, memory.NewKeyValueStore())); !errors.Is(err, context.Canceled) {
		t.Errorf("Open with a ctx that is done: %v", err)
	}
}

// TestDamagedFile: whatever is cut off a file, the error names it.
func TestDamagedFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "store.db")
	kv := openFile(t, path)
	s := openStore(t, kv)
	put(t, openDB(t, s, "table", 1), 0, "k", string(make([]byte, 100_000)))
	shut(t, s)
	shut(t, kv)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var corrupt *platform.CorruptError
	for _, size := range []int{0, 1, 4096, 8192, len(whole) / 4, len(whole) / 2} {
		if err := os.WriteFile(path, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		kv, err := host.OpenKeyValueStore(t.Context(), dir, "store.db")
		if err == nil {
			shut(t, kv)
		}
		if !errors.As(err, &corrupt) || !strings.Contains(err.Error(), path) {
			t.Errorf("open of %d of %d bytes: %v, want a *CorruptError that names the file", size, len(whole), err)
		}
	}
}

// TestDamagedRows: rows that were changed below are found out, and named.
func TestDamagedRows(t *testing.T) {
	ctx := context.Background()
	flip := func(b []byte, i int) []byte { b = bytes.Clone(b); b[i] ^= 1; return b }
	for _, test := range []struct {
		name   string
		change func(name, cell []byte) ([]byte, []byte)
		lost   bool // the row is not found under its key any more
		keys   bool // Keys fails too
	}{
		{name: "value", change: func(n, c []byte) ([]byte, []byte) { return n, flip(c, 30) }},
		{name: "value cut", change: func(n, c []byte) ([]byte, []byte) { return n, c[:10] }},
		{name: "value empty", change: func(n, c []byte) ([]byte, []byte) { return n, []byte{} }},
		{name: "key", change: func(n, c []byte) ([]byte, []byte) { return flip(n, len(n)-1), c }, lost: true, keys: true},
		{name: "key cut", change: func(n, c []byte) ([]byte, []byte) { return n[:3], c }, lost: true, keys: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			db, kv := memoryDB(t, 4)
			put(t, db, 3, "key", "value")
			changeCells(t, kv, db.table.bucket(3), test.change)
			var corrupt *platform.CorruptError
			wantCorrupt := func(what string, err error) {
				t.Helper()
				if !errors.As(err, &corrupt) || corrupt.Name != "/a/file" || !strings.Contains(err.Error(), `table "table" column 3`) {
					t.Errorf("%s: %v, want a *CorruptError with file, table and column", what, err)
				}
			}
			_, found, err := db.Load(ctx, 3, []byte("key"))
			if test.lost {
				if found || err != nil {
					t.Errorf("Load: %v, %v", found, err)
				}
			} else {
				wantCorrupt("Load", err)
				_, found, err = db.Delete(ctx, 3, []byte("key"))
				wantCorrupt("Delete", err)
			}
			if found {
				t.Error("a damaged row was found")
			}
			wantCorrupt("Walk", db.Walk(ctx, 3, func(_, _ []byte) error { t.Error("Walk shows a damaged row"); return nil }))
			keys, err := db.Keys(ctx, 3)
			if test.keys {
				wantCorrupt("Keys", err)
				return
			}
			if err != nil || len(keys) != 1 || string(keys[0]) != "key" {
				t.Errorf("Keys = %q, %v", keys, err)
			}
			tx, err := db.Transact()
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(tx.Delete(3, []byte("key")), tx.Commit(ctx)); err != nil {
				t.Errorf("a transaction that deletes the row: %v", err)
			}
			wantNoRow(t, db, 3, "key")
		})
	}
}

func TestDamagedCatalog(t *testing.T) {
	for name, change := range map[string]func(n, c []byte) ([]byte, []byte){
		"record":   func(n, c []byte) ([]byte, []byte) { c = bytes.Clone(c); c[40] ^= 1; return n, c },
		"cut":      func(n, c []byte) ([]byte, []byte) { return n, c[:len(c)-1] },
		"too long": func(n, c []byte) ([]byte, []byte) { return n, append(c, 0) },
	} {
		kv := memory.NewKeyValueStore()
		s := openStore(t, kv)
		shut(t, openDB(t, s, "table", 1))
		changeCells(t, kv, spaceApplication.bucket(), change)
		var corrupt *platform.CorruptError
		_, err := s.OpenDB(t.Context(), "table", 1)
		if !errors.As(err, &corrupt) || corrupt.Name != "/a/file" {
			t.Errorf("%s: OpenDB: %v, want a *CorruptError of the file", name, err)
		}
		if _, err := s.List(t.Context()); !errors.As(err, &corrupt) {
			t.Errorf("%s: List: %v, want a *CorruptError", name, err)
		}
		if _, err := s.Delete(t.Context(), "table"); !errors.As(err, &corrupt) {
			t.Errorf("%s: Delete: %v, want a *CorruptError", name, err)
		}
	}
}

func TestClose(t *testing.T) {
	ctx := t.Context()
	s := openStore(t, memory.NewKeyValueStore())
	db := openDB(t, s, "table", 1)
	tx, err := db.Transact()
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Store(0, []byte("k"), nil); err != nil {
		t.Fatal(err)
	}
	shut(t, s)
	shut(t, s)
	_, openErr := s.OpenDB(ctx, "table", 1)
	_, deleteErr := s.Delete(ctx, "table")
	_, listErr := s.List(ctx)
	_, _, loadErr := db.Load(ctx, 0, nil)
	_, _, rowErr := db.Delete(ctx, 0, nil)
	_, keysErr := db.Keys(ctx, 0)
	_, countErr := db.KeyCount(ctx, 0)
	_, transactErr := db.Transact()
	for name, err := range map[string]error{
		"OpenDB": openErr, "Delete": deleteErr, "Rename": s.Rename(ctx, "table", "x"), "List": listErr,
		"DB.Store": db.Store(ctx, 0, nil, nil), "DB.Load": loadErr, "DB.Delete": rowErr, "DB.Keys": keysErr, "DB.KeyCount": countErr,
		"DB.Walk": db.Walk(ctx, 0, func(_, _ []byte) error { return nil }), "DB.Transact": transactErr,
		"Tx.Store": tx.Store(0, nil, nil), "Tx.Delete": tx.Delete(0, nil), "Tx.Commit": tx.Commit(ctx),
	} {
		if err != ErrClosed {
			t.Errorf("%s after Close: %v, want ErrClosed", name, err)
		}
	}
	if err := tx.Rollback(); err != nil {
		t.Errorf("Rollback after Close: %v", err)
	}
	shut(t, db)
}

// gatedStore lets Updates begin only when the gate opens.
type gatedStore struct {
	platform.KeyValueStore
	gate chan struct{}
}

func (g gatedStore) Update(ctx context.Context, fn func(platform.Tx) error) error {
	<-g.gate
	return g.KeyValueStore.Update(ctx, fn)
}

// TestCloseWaits: what was let in ends before Close does, and with its keys.
func TestCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := gatedStore{memory.NewKeyValueStore(), make(chan struct{})}
		kv := g.KeyValueStore
		s := openStore(t, kv)
		shut(t, openDB(t, s, "table", 1))
		shut(t, s)
		s = openStore(t, g)
		db := openDB(t, s, "table", 1)
		stored, closed := make(chan error, 1), make(chan error, 1)
		go func() { stored <- db.Store(t.Context(), 0, []byte("k"), []byte("v")) }()
		synctest.Wait()
		go func() { closed <- s.Close() }()
		synctest.Wait()
		if len(stored)+len(closed) != 0 {
			t.Fatalf("%d Stores and %d Closes ended before the commit", len(stored), len(closed))
		}
		if err := db.Store(t.Context(), 0, []byte("late"), nil); err != ErrClosed {
			t.Errorf("Store while Close waits: %v, want ErrClosed", err)
		}
		close(g.gate)
		if err := errors.Join(<-stored, <-closed); err != nil {
			t.Fatal(err)
		}
		wantRow(t, openDB(t, openStore(t, kv), "table", 1), 0, "k", "v")
	})
}

func TestNames(t *testing.T) {
	for _, test := range []struct {
		name string
		good bool
	}{
		{"", true}, {"A-b_9", true}, {"é", true}, {"日本語", true}, {"٣", true}, {"Ⅷ", true}, {"²", true}, {"ⓐ", true}, {"ि", true},
		{strings.Repeat("a", MaxName), true}, {strings.Repeat("a", MaxName+1), false},
		{"a b", false}, {"a/b", false}, {"a.b", false}, {"a\x00", false}, {"\xff", false}, {"\ufffd", false}, {"a\n", false}, {"€", false}, {"́", false}, {"‐", false},
	} {
		err := checkName(test.name)
		var name *NameError
		if test.good && err != nil || !test.good && (!errors.As(err, &name) || name.Name != test.name) {
			t.Errorf("checkName(%.20q): %v, want good %v", test.name, err, test.good)
		}
	}
}

func TestList(t *testing.T) {
	ctx := t.Context()
	s := openStore(t, memory.NewKeyValueStore())
	for i, name := range []string{"b", "", "é", "a"} {
		shut(t, openDB(t, s, name, uint32(i+1)))
	}
	if _, err := s.OpenOwn(ctx, "own", 1); err != nil {
		t.Fatal(err)
	}
	if err := s.Rename(ctx, "b", "z"); err != nil {
		t.Fatal(err)
	}
	if ok, err := s.Delete(ctx, "a"); !ok || err != nil {
		t.Fatal(ok, err)
	}
	list, err := s.List(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	stored := make(map[string]bool)
	for _, i := range list {
		got = append(got, fmt.Sprintf("%s:%d", i.Name, i.Columns))
		stored[i.Stored] = true
	}
	if want := []string{":2", "z:1", "é:3"}; !slices.Equal(got, want) || len(stored) != len(want) {
		t.Errorf("List = %q, %d stored names; want %q", got, len(stored), want)
	}
}

// TestOwnAndApplication: the node's databases and those of applications do not
// meet, whatever they are called.
func TestOwnAndApplication(t *testing.T) {
	ctx := t.Context()
	s := openStore(t, memory.NewKeyValueStore())
	own, err := s.OpenOwn(ctx, "same", 1)
	if err != nil {
		t.Fatal(err)
	}
	put(t, own, 0, "k", "own")
	db := openDB(t, s, "same", 2)
	wantNoRow(t, db, 0, "k")
	put(t, db, 0, "k", "application")
	wantRow(t, own, 0, "k", "own")
	shut(t, db)
	if ok, err := s.Delete(ctx, "same"); !ok || err != nil {
		t.Errorf("Delete = %v, %v", ok, err)
	}
	if ok, err := s.Delete(ctx, "same"); ok || err != nil {
		t.Errorf("second Delete = %v, %v", ok, err)
	}
	if err := s.Rename(ctx, "same", "other"); err != ErrNotFound {
		t.Errorf("Rename: %v, want ErrNotFound", err)
	}
	wantRow(t, own, 0, "k", "own")
}

// TestDeletedIsGone: a database made again under a name has nothing of the old
// one, and the store below keeps nothing of it.
func TestDeletedIsGone(t *testing.T) {
	ctx := t.Context()
	kv := memory.NewKeyValueStore()
	s := openStore(t, kv)
	empty := dump(t, kv)
	db := openDB(t, s, "table", 3)
	put(t, db, 0, "k", "v")
	put(t, db, 2, "k", "v")
	shut(t, db)
	if ok, err := s.Delete(ctx, "table"); !ok || err != nil {
		t.Fatalf("Delete = %v, %v", ok, err)
	}
	if got := strings.Replace(dump(t, kv), "voile/1\n", "", 1); got != empty {
		t.Errorf("left behind:\n%s", got)
	}
	db = openDB(t, s, "table", 1)
	wantNoRow(t, db, 0, "k")
	if db.ColumnCount() != 1 {
		t.Errorf("ColumnCount = %d, want 1", db.ColumnCount())
	}
}
