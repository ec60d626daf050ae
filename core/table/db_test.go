package table

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/memory"
)

func TestRows(t *testing.T) {
	ctx := t.Context()
	db, _ := memoryDB(t, 2)
	wantNoRow(t, db, 0, "k")
	put(t, db, 0, "k", "v")
	put(t, db, 0, "k", "w")
	put(t, db, 0, "", "")
	wantRow(t, db, 0, "k", "w")
	wantRow(t, db, 0, "", "")
	wantNoRow(t, db, 1, "k")
	old, found, err := db.Delete(ctx, 0, []byte("k"))
	if string(old) != "w" || !found || err != nil {
		t.Errorf("Delete = %q, %v, %v", old, found, err)
	}
	if old, found, err = db.Delete(ctx, 0, []byte("k")); old != nil || found || err != nil {
		t.Errorf("second Delete = %q, %v, %v", old, found, err)
	}
	if old, found, err = db.Delete(ctx, 0, nil); old == nil || len(old) != 0 || !found || err != nil {
		t.Errorf("Delete of an empty row = %q, %v, %v", old, found, err)
	}
	if keys, err := db.Keys(ctx, 0); keys == nil || len(keys) != 0 || err != nil {
		t.Errorf("Keys = %q, %v; want an empty list", keys, err)
	}
}

func TestDeleteOfNothingWritesNothing(t *testing.T) {
	kv := &faultyStore{KeyValueStore: memory.NewKeyValueStore()}
	db := openDB(t, openStore(t, kv), "table", 1)
	before := kv.updates
	if _, found, err := db.Delete(t.Context(), 0, []byte("k")); found || err != nil {
		t.Errorf("Delete = %v, %v", found, err)
	}
	tx, err := db.Transact()
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Errorf("empty Commit: %v", err)
	}
	if kv.updates != before {
		t.Errorf("%d updates for nothing", kv.updates-before)
	}
}

// TestCopies: nobody keeps the slices of the caller, nor shows his own.
func TestCopies(t *testing.T) {
	ctx := t.Context()
	db, _ := memoryDB(t, 1)
	tx, err := db.Transact()
	if err != nil {
		t.Fatal(err)
	}
	key, value := []byte("key"), []byte("value")
	for name, store := range map[string]func(uint32, []byte, []byte) error{
		"one": func(c uint32, k, v []byte) error { return db.Store(ctx, c, k, v) },
		"two": tx.Store,
	} {
		k := append([]byte(name), key...)
		if err := store(0, k, value); err != nil {
			t.Fatal(err)
		}
		if string(value) != "value" || string(k) != name+"key" {
			t.Fatalf("Store changed its arguments: %q, %q", k, value)
		}
		clear(k)
		clear(value)
		copy(value, "value")
	}
	clear(value)
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"onekey", "twokey"} {
		got, _, _ := db.Load(ctx, 0, []byte(name))
		clear(got)
		wantRow(t, db, 0, name, "value")
	}
	keys, _ := db.Keys(ctx, 0)
	for _, k := range keys {
		clear(k)
	}
	if got := contents(t, db, 0); got["onekey"] != "value" || got["twokey"] != "value" || len(got) != 2 {
		t.Errorf("contents = %q", got)
	}
}

func TestColumns(t *testing.T) {
	ctx := t.Context()
	s := openStore(t, memory.NewKeyValueStore())
	if _, err := s.OpenDB(ctx, "table", 0); err != ErrNoColumns {
		t.Errorf("OpenDB with no columns: %v", err)
	}
	const most = 1<<32 - 1
	wide := openDB(t, s, "wide", most)
	put(t, wide, most-1, "k", "v")
	wantRow(t, wide, most-1, "k", "v")
	if wide.ColumnCount() != most {
		t.Errorf("ColumnCount = %d", wide.ColumnCount())
	}

	db := openDB(t, s, "table", 2)
	narrow := openDB(t, s, "table", 1)
	put(t, db, 1, "k", "v")
	_, _, loadErr := narrow.Load(ctx, 1, nil)
	_, _, deleteErr := narrow.Delete(ctx, 1, nil)
	_, keysErr := narrow.Keys(ctx, 1)
	_, countErr := narrow.KeyCount(ctx, 1)
	tx, err := narrow.Transact()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	for name, err := range map[string]error{
		"Store": narrow.Store(ctx, 1, nil, nil), "Load": loadErr, "Delete": deleteErr, "Keys": keysErr, "KeyCount": countErr,
		"Walk":     narrow.Walk(ctx, 1, func(_, _ []byte) error { return nil }),
		"Tx.Store": tx.Store(1, nil, nil), "Tx.Delete": tx.Delete(1, nil),
	} {
		var column *ColumnError
		if !errors.As(err, &column) || *column != (ColumnError{1, 1}) || err.Error() != "Column exceeds opened column count 1 >= 1" {
			t.Errorf("%s of a column beyond the handle: %v", name, err)
		}
	}
	if db.ColumnCount() != 2 || narrow.ColumnCount() != 2 {
		t.Errorf("ColumnCount = %d and %d, want the table's 2", db.ColumnCount(), narrow.ColumnCount())
	}
	var grow *GrowError
	if _, err := s.OpenDB(ctx, "table", 3); !errors.As(err, &grow) || *grow != (GrowError{2, 3}) {
		t.Errorf("OpenDB with more columns: %v, want a *GrowError from 2 to 3", err)
	}
}

// TestGrow: a database grows when nobody has it open, never shrinks, and keeps
// its rows.
func TestGrow(t *testing.T) {
	kv := memory.NewKeyValueStore()
	for i, test := range []struct{ open, want uint32 }{{2, 2}, {1, 2}, {5, 5}, {3, 5}, {5, 5}} {
		s := openStore(t, kv)
		db := openDB(t, s, "table", test.open)
		if db.ColumnCount() != test.want {
			t.Errorf("step %d: ColumnCount = %d, want %d", i, db.ColumnCount(), test.want)
		}
		if i == 0 {
			put(t, db, 1, "k", "v")
		} else if test.open > 1 {
			wantRow(t, db, 1, "k", "v")
		}
		shut(t, s)
	}
}

func TestHandles(t *testing.T) {
	ctx := t.Context()
	s := openStore(t, memory.NewKeyValueStore())
	a, b := openDB(t, s, "table", 1), openDB(t, s, "table", 1)
	put(t, a, 0, "k", "v")
	wantRow(t, b, 0, "k", "v")
	shut(t, a)
	shut(t, a) // counts once
	if _, _, err := a.Load(ctx, 0, nil); err != ErrReleased {
		t.Errorf("Load after Close: %v, want ErrReleased", err)
	}
	if _, err := a.Transact(); err != ErrReleased {
		t.Errorf("Transact after Close: %v, want ErrReleased", err)
	}
	if _, err := s.Delete(ctx, "table"); err != ErrStillOpen {
		t.Errorf("Delete with a handle open: %v", err)
	}
	tx, err := b.Transact()
	if err != nil {
		t.Fatal(err)
	}
	shut(t, b)
	if _, err := s.Delete(ctx, "table"); err != ErrStillOpen {
		t.Errorf("Delete with a transaction open: %v", err)
	}
	if err := s.Rename(ctx, "table", "renamed"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(tx.Store(0, []byte("k"), []byte("w")), tx.Commit(ctx)); err != nil {
		t.Errorf("transaction after its handle and its name: %v", err)
	}
	c := openDB(t, s, "renamed", 1)
	wantRow(t, c, 0, "k", "w")
	shut(t, c)
	if len(s.open) != 0 {
		t.Errorf("%d tables are still open", len(s.open))
	}
	if ok, err := s.Delete(ctx, "renamed"); !ok || err != nil {
		t.Errorf("Delete = %v, %v", ok, err)
	}
}

func TestRename(t *testing.T) {
	ctx := t.Context()
	s := openStore(t, memory.NewKeyValueStore())
	shut(t, openDB(t, s, "a", 1))
	shut(t, openDB(t, s, "b", 1))
	for _, test := range []struct {
		oldName, newName string
		want             error
	}{
		{"a", "b", ErrExists}, {"a", "a", ErrExists}, {"x", "b", ErrExists}, {"x", "y", ErrNotFound},
	} {
		if err := s.Rename(ctx, test.oldName, test.newName); err != test.want {
			t.Errorf("Rename(%q, %q): %v, want %v", test.oldName, test.newName, err, test.want)
		}
	}
	var name *NameError
	if err := s.Rename(ctx, "a b", "c d"); !errors.As(err, &name) || name.Name != "a b" {
		t.Errorf("Rename of a bad name: %v", err)
	}
	if err := s.Rename(ctx, "a", "c d"); !errors.As(err, &name) || name.Name != "c d" {
		t.Errorf("Rename to a bad name: %v", err)
	}
}

func TestWalk(t *testing.T) {
	ctx := t.Context()
	db, _ := memoryDB(t, 1)
	tx, err := db.Transact()
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[string]string)
	for i := range 3*pageRows + 5 { // several pages by rows
		key, value := fmt.Sprintf("key %d", i), fmt.Sprint(i)
		if i%100 == 0 {
			value = strings.Repeat("v", pageBytes) // and by bytes
		}
		want[key] = value
		if err := tx.Store(0, []byte(key), []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	got := contents(t, db, 0)
	if len(got) != len(want) {
		t.Errorf("Walk saw %d rows, want %d", len(got), len(want))
	}
	for key, value := range want {
		if got[key] != value {
			t.Errorf("Walk saw %q = %.20q, want %.20q", key, got[key], value)
		}
	}
	for _, test := range []struct {
		name       string
		stop, want error
	}{{"error", errBoom, errBoom}, {"skip all", fs.SkipAll, nil}} {
		seen := 0
		err := db.Walk(ctx, 0, func(_, _ []byte) error {
			if seen++; seen == pageRows+1 {
				return test.stop
			}
			return nil
		})
		if err != test.want || seen != pageRows+1 {
			t.Errorf("%s: Walk = %v after %d rows, want %v", test.name, err, seen, test.want)
		}
	}
	// The callback may use the database, and may empty it.
	seen := 0
	err = db.Walk(ctx, 0, func(key, _ []byte) error {
		seen++
		_, found, err := db.Delete(ctx, 0, key)
		if !found {
			t.Errorf("row %q is not there", key)
		}
		return err
	})
	if err != nil || seen != len(want) || len(contents(t, db, 0)) != 0 {
		t.Errorf("Walk that deletes saw %d rows, %v; %d are left", seen, err, len(contents(t, db, 0)))
	}
}

// TestWalkReadsPages: a walk does not hold more than a page.
func TestWalkReadsPages(t *testing.T) {
	db, kv := memoryDB(t, 1)
	for i := range 5 {
		put(t, db, 0, fmt.Sprint(i), strings.Repeat("v", pageBytes))
	}
	rows, err := readRows(t.Context(), kv, db.table.bucket(0), platform.Range{}, limit{pageRows, pageBytes})
	if err != nil || len(rows) != 1 {
		t.Errorf("a page of large rows has %d, %v; want 1", len(rows), err)
	}
}

func TestContext(t *testing.T) {
	db, _ := memoryDB(t, 1)
	put(t, db, 0, "k", "v")
	s := db.table.store
	tx, err := db.Transact()
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Store(0, []byte("k"), []byte("w")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, openErr := s.OpenDB(ctx, "other", 1)
	_, deleteErr := s.Delete(ctx, "other")
	_, listErr := s.List(ctx)
	_, _, loadErr := db.Load(ctx, 0, []byte("k"))
	_, _, rowErr := db.Delete(ctx, 0, []byte("k"))
	_, keysErr := db.Keys(ctx, 0)
	_, countErr := db.KeyCount(ctx, 0)
	for name, err := range map[string]error{
		"OpenDB": openErr, "Delete": deleteErr, "Rename": s.Rename(ctx, "table", "x"), "List": listErr,
		"DB.Store": db.Store(ctx, 0, []byte("k"), []byte("x")), "DB.Load": loadErr, "DB.Delete": rowErr, "DB.Keys": keysErr, "DB.KeyCount": countErr,
		"DB.Walk": db.Walk(ctx, 0, func(_, _ []byte) error { return nil }), "Tx.Commit": tx.Commit(ctx),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a ctx that is done: %v", name, err)
		}
	}
	wantRow(t, db, 0, "k", "v")
	if err := tx.Commit(t.Context()); err != nil {
		t.Errorf("second Commit: %v", err)
	}
	wantRow(t, db, 0, "k", "w")
}

func TestTransaction(t *testing.T) {
	ctx := t.Context()
	s := openStore(t, memory.NewKeyValueStore())
	db := openDB(t, s, "table", 3)
	put(t, db, 0, "deleted", "v")
	put(t, db, 0, "stored again", "v")
	begin := func() *Tx {
		t.Helper()
		tx, err := db.Transact()
		if err != nil {
			t.Fatal(err)
		}
		return tx
	}
	tx := begin()
	for _, err := range []error{
		tx.Delete(0, []byte("deleted")), tx.Delete(0, []byte("absent")), tx.Delete(1, []byte("absent")),
		tx.Delete(0, []byte("stored again")), tx.Store(0, []byte("stored again"), []byte("w")),
		tx.Store(0, []byte("new"), nil), tx.Store(2, []byte("new"), []byte("a")), tx.Store(2, []byte("new"), []byte("b")),
		tx.Store(0, []byte("new then deleted"), []byte("x")), tx.Delete(0, []byte("new then deleted")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	wantRow(t, db, 0, "deleted", "v")
	wantNoRow(t, db, 0, "new")
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	wantNoRow(t, db, 0, "deleted")
	wantNoRow(t, db, 0, "new then deleted")
	wantRow(t, db, 0, "stored again", "w")
	wantRow(t, db, 0, "new", "")
	wantRow(t, db, 2, "new", "b")

	dropped := begin()
	if err := errors.Join(dropped.Store(0, []byte("dropped"), nil), dropped.Rollback()); err != nil {
		t.Fatal(err)
	}
	wantNoRow(t, db, 0, "dropped")
	for _, over := range []*Tx{tx, dropped} {
		for name, err := range map[string]error{
			"Store": over.Store(0, nil, nil), "Store in a bad column": over.Store(9, nil, nil), "Delete": over.Delete(0, nil),
			"Commit": over.Commit(ctx), "Rollback": over.Rollback(),
		} {
			if err != ErrCompleted {
				t.Errorf("%s after the end: %v, want ErrCompleted", name, err)
			}
		}
	}

	a, b := begin(), begin()
	if err := errors.Join(a.Store(0, []byte("both"), []byte("a")), b.Store(0, []byte("both"), []byte("b")), b.Commit(ctx), a.Commit(ctx)); err != nil {
		t.Fatal(err)
	}
	wantRow(t, db, 0, "both", "a") // the last to commit
	shut(t, db)
	if len(s.open) != 0 {
		t.Errorf("%d tables are open at the end", len(s.open))
	}
}

// TestFailedCommit: nothing is written, and the transaction can be tried again.
func TestFailedCommit(t *testing.T) {
	ctx := t.Context()
	kv := &faultyStore{KeyValueStore: memory.NewKeyValueStore()}
	db := openDB(t, openStore(t, kv), "table", 2)
	tx, err := db.Transact()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(tx.Store(1, []byte("b"), []byte("1")), tx.Store(0, []byte("a"), []byte("1"))); err != nil {
		t.Fatal(err)
	}
	kv.before = func(int) error { return platform.ErrNoSpace }
	if err := tx.Commit(ctx); !errors.Is(err, platform.ErrNoSpace) || !strings.Contains(err.Error(), `"table"`) {
		t.Errorf("Commit: %v, want ErrNoSpace with the table's name", err)
	}
	if err := db.Store(ctx, 0, []byte("a"), nil); !errors.Is(err, platform.ErrNoSpace) {
		t.Errorf("Store: %v, want ErrNoSpace", err)
	}
	wantNoRow(t, db, 0, "a")
	kv.before = nil
	if err := errors.Join(tx.Store(1, []byte("b"), []byte("2")), tx.Commit(ctx)); err != nil {
		t.Errorf("second Commit: %v", err)
	}
	wantRow(t, db, 0, "a", "1")
	wantRow(t, db, 1, "b", "2")
}

func TestTooLarge(t *testing.T) {
	ctx := t.Context()
	db, _ := memoryDB(t, 1)
	tx, err := db.Transact()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	long := make([]byte, MaxKey+1)
	_, _, loadErr := db.Load(ctx, 0, long)
	_, _, deleteErr := db.Delete(ctx, 0, long)
	for name, err := range map[string]error{
		"Store": db.Store(ctx, 0, long, nil), "Load": loadErr, "Delete": deleteErr,
		"Tx.Store": tx.Store(0, long, nil), "Tx.Delete": tx.Delete(0, long),
	} {
		if !errors.Is(err, platform.ErrTooLarge) {
			t.Errorf("%s with a long key: %v, want ErrTooLarge", name, err)
		}
	}
	if err := db.Store(ctx, 0, long[1:], nil); err != nil {
		t.Errorf("Store with the longest key: %v", err)
	}
	wantRow(t, db, 0, string(long[1:]), "")
}

// TestTransactionBound: the bound counts what is kept, not what passed through.
func TestTransactionBound(t *testing.T) {
	db, _ := memoryDB(t, 1)
	tx, err := db.Transact()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	const piece = 20 << 20
	value := bytes.Repeat([]byte("v"), piece)
	for i := range 2 * MaxTransaction / piece {
		if err := tx.Store(0, []byte("one row"), value); err != nil {
			t.Fatalf("store %d of one row: %v", i, err)
		}
	}
	rows := 1
	for ; err == nil && rows < 10; rows++ {
		err = tx.Store(0, []byte{byte(rows)}, value)
	}
	if want := MaxTransaction/piece + 1; !errors.Is(err, platform.ErrTooLarge) || rows != want {
		t.Errorf("store number %d: %v, want ErrTooLarge at %d", rows, err, want)
	}
	if err := tx.Delete(0, []byte("one row")); err != nil {
		t.Errorf("Delete in a full transaction: %v", err)
	}
	if err := tx.Store(0, []byte("another"), value); err != nil {
		t.Errorf("Store after something was given up: %v", err)
	}
}
