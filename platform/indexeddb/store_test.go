//go:build js

package indexeddb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"
	"syscall/js"
	"testing"
	"time"

	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/internal/jsvalue"
	"github.com/voile-net/voile/platform/platformtest"
)

var names atomic.Int64

// fresh is the name of a database that no other test uses.
func fresh(t *testing.T) string {
	t.Helper()
	if !js.Global().Get("indexedDB").Truthy() || os.Getenv("VOILE_SCOPE") == "sandbox" {
		t.Skip("SKIP: no IndexedDB here: run it in a browser")
	}
	name := fmt.Sprintf("test %d %s", names.Add(1), t.Name())
	t.Cleanup(func() { js.Global().Get("indexedDB").Call("deleteDatabase", name) })
	return name
}

func open(t *testing.T, name string) *Store {
	t.Helper()
	s, err := Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestContract(t *testing.T) {
	platformtest.KeyValueStore(t, func(t *testing.T) platform.KeyValueStore { return open(t, fresh(t)) })
}

func TestReopened(t *testing.T) {
	name := fresh(t)
	platformtest.KeyValueStoreReopened(t, func(t *testing.T) platform.KeyValueStore { return open(t, name) })
}

func TestInUse(t *testing.T) {
	name := fresh(t)
	s := open(t, name)
	began := time.Now()
	if second, err := Open(t.Context(), name); second != nil || !errors.Is(err, platform.ErrInUse) {
		t.Errorf("second Open: %v, %v; want ErrInUse", second, err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("ErrInUse after %v, want at once", took)
	}
	other := open(t, fresh(t)) // another database is another store
	other.Close()
	s.Close()
	s.Close()
	again := open(t, name)
	again.Close()
}

// Walks longer than a batch, with values that make batches small, and reads between.
func TestLongWalks(t *testing.T) {
	s := open(t, fresh(t))
	defer s.Close()
	b := platform.Bucket{Database: "long"}
	const rows = 2*keysAtOnce + 7
	row := func(i int) (key, value []byte) {
		size := i % 50
		if i%100 == 0 {
			size = 300_000
		}
		return fmt.Appendf(nil, "%06d", i), make([]byte, size)
	}
	if err := s.Update(t.Context(), func(tx platform.Tx) error {
		err := tx.CreateBucket(b)
		for i := range rows {
			key, value := row(i)
			err = errors.Join(err, tx.Put(b, key, value))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, keysOnly := range []bool{false, true} {
		n := 0
		began := time.Now()
		if err := s.View(t.Context(), func(tx platform.Tx) error {
			return tx.ForEach(b, platform.Range{KeysOnly: keysOnly}, func(key, value []byte) error {
				wantKey, wantValue := row(n)
				if string(key) != string(wantKey) || !keysOnly && len(value) != len(wantValue) {
					t.Fatalf("row %d: %q with %d bytes", n, key, len(value))
				}
				if n%200 == 0 {
					if _, err := tx.Get(b, key); err != nil {
						t.Errorf("read in a walk: %v", err)
					}
				}
				n++
				return nil
			})
		}); err != nil || n != rows {
			t.Errorf("%d rows, %v; want %d", n, err, rows)
		}
		t.Logf("%d rows in %v", n, time.Since(began))
	}
}

// A transaction that IndexedDB has ended meanwhile is replaced by one that sees the
// same: also when another goroutine has changed the rows, or tried to.
func TestViewThatWaits(t *testing.T) {
	s := open(t, fresh(t))
	defer s.Close()
	b := platform.Bucket{Database: "t"}
	put := func(value string) error {
		return s.Update(t.Context(), func(tx platform.Tx) error {
			return errors.Join(tx.CreateBucket(b), tx.Put(b, []byte("k"), []byte(value)))
		})
	}
	if err := put("before"); err != nil {
		t.Fatal(err)
	}
	updated := make(chan error, 1)
	err := s.View(t.Context(), func(tx platform.Tx) error {
		for i := range 5 {
			value, err := tx.Get(b, []byte("k"))
			if err != nil || string(value) != "before" {
				t.Errorf("read %d: %q, %v", i, value, err)
			}
			if i == 0 {
				go func() { updated <- put("after") }()
			}
			turn() // against the contract: the event loop turns
		}
		return nil
	})
	if err := errors.Join(err, <-updated); err != nil {
		t.Error(err)
	}
}

// What doc.go says of Go and IndexedDB: a goroutine that waits for a request goes on
// in time for the next request of the same transaction.
func TestRequestsInOneTransaction(t *testing.T) {
	s := open(t, fresh(t))
	defer s.Close()
	b := platform.Bucket{Database: "t"}
	if err := s.Update(t.Context(), func(tx platform.Tx) error {
		return errors.Join(tx.CreateBucket(b), tx.Put(b, []byte("k"), []byte("v")))
	}); err != nil {
		t.Fatal(err)
	}
	r := reader{store: s, buckets: s.buckets}
	if _, err := r.Get(b, []byte("k")); err != nil {
		t.Fatal(err)
	}
	first := r.itx
	for range 100 {
		if _, err := r.Get(b, []byte("k")); err != nil {
			t.Fatal(err)
		}
	}
	if r.itx != first {
		t.Error("the transaction has ended between two requests")
	}
}

// turn lets the event loop turn several times.
func turn() {
	for range 5 {
		done := make(chan struct{})
		f := js.FuncOf(func(js.Value, []js.Value) any { close(done); return nil })
		js.Global().Call("setTimeout", f, 0)
		<-done
		f.Release()
	}
}

// The database is deleted under the store: an error that says so, no hanging.
func TestDeletedByAnotherTab(t *testing.T) {
	name := fresh(t)
	s := open(t, name)
	b := platform.Bucket{Database: "t"}
	fill := func(tx platform.Tx) error {
		return errors.Join(tx.CreateBucket(b), tx.Put(b, []byte("k"), []byte("v")))
	}
	if err := s.Update(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	deleted := make(chan struct{})
	f := js.FuncOf(func(js.Value, []js.Value) any { close(deleted); return nil })
	defer f.Release()
	request := js.Global().Get("indexedDB").Call("deleteDatabase", name)
	request.Set("onsuccess", f)
	<-deleted
	if err := s.Update(t.Context(), fill); !errors.Is(err, ErrGone) {
		t.Errorf("Update: %v, want ErrGone", err)
	}
	err := s.View(t.Context(), func(tx platform.Tx) error { _, err := tx.Get(b, []byte("k")); return err })
	if !errors.Is(err, ErrGone) {
		t.Errorf("View: %v, want ErrGone", err)
	}
	s.Close()
	again := open(t, name)
	defer again.Close()
	if err := again.View(t.Context(), func(tx platform.Tx) error { _, err := tx.Get(b, []byte("k")); return err }); !errors.Is(err, platform.ErrNoBucket) {
		t.Errorf("after a new Open: %v, want ErrNoBucket", err)
	}
}

// A database of somebody else is not taken for an empty store.
func TestForeignDatabase(t *testing.T) {
	name := fresh(t)
	opened := make(chan struct{})
	f := js.FuncOf(func(this js.Value, _ []js.Value) any {
		this.Get("result").Call("close")
		close(opened)
		return nil
	})
	defer f.Release()
	request := js.Global().Get("indexedDB").Call("open", name, version)
	request.Set("onsuccess", f)
	<-opened
	var corrupt *platform.CorruptError
	if s, err := Open(t.Context(), name); s != nil || !errors.As(err, &corrupt) {
		t.Errorf("Open: %v, %v; want a CorruptError", s, err)
	}
	newer := js.Global().Get("indexedDB").Call("open", name, version+1)
	opened = make(chan struct{})
	newer.Set("onsuccess", f)
	<-opened
	if s, err := Open(t.Context(), name); s != nil || err == nil {
		t.Errorf("Open of a newer version: %v, %v", s, err)
	}
}

// A value that is not bytes is reported, not read as something else.
func TestForeignValue(t *testing.T) {
	s := open(t, fresh(t))
	defer s.Close()
	b := platform.Bucket{Database: "t"}
	if err := s.Update(t.Context(), func(tx platform.Tx) error { return tx.CreateBucket(b) }); err != nil {
		t.Fatal(err)
	}
	put := func() error {
		db := make(chan js.Value, 1)
		f := js.FuncOf(func(this js.Value, _ []js.Value) any { db <- this.Get("result"); return nil })
		defer f.Release()
		js.Global().Get("indexedDB").Call("open", s.name).Set("onsuccess", f)
		other := <-db
		defer other.Call("close")
		itx := other.Call("transaction", []any{rowsStore}, "readwrite")
		done := make(chan struct{})
		g := js.FuncOf(func(js.Value, []js.Value) any { close(done); return nil })
		defer g.Release()
		itx.Set("oncomplete", g)
		itx.Call("objectStore", rowsStore).Call("put", "text", jsvalue.Bytes(rowKey(b, []byte("k"))))
		<-done
		return nil
	}
	if err := put(); err != nil {
		t.Fatal(err)
	}
	var corrupt *platform.CorruptError
	err := s.View(t.Context(), func(tx platform.Tx) error { _, err := tx.Get(b, []byte("k")); return err })
	if !errors.As(err, &corrupt) {
		t.Errorf("%v, want a CorruptError", err)
	}
}

func TestEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := Open(ctx, fresh(t)); s != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("Open: %v, %v", s, err)
	}
}

// Where there is no storage, as in Node, or the browser denies it, as to a page
// without an origin, that is said.
func TestNowhere(t *testing.T) {
	if js.Global().Get("indexedDB").Truthy() && os.Getenv("VOILE_SCOPE") != "sandbox" {
		t.Skip("SKIP: there is IndexedDB here; this is for Node and for VOILE_SCOPE=sandbox")
	}
	if s, err := Open(t.Context(), "x"); s != nil || !errors.Is(err, platform.ErrUnsupported) {
		t.Errorf("Open: %v, %v; want ErrUnsupported", s, err)
	} else {
		t.Log(err)
	}
}

func BenchmarkCommit(b *testing.B) {
	s, err := Open(b.Context(), "bench")
	if err != nil {
		b.Skip(err)
	}
	defer s.Close()
	at := platform.Bucket{Database: "t"}
	n := 0
	for b.Loop() {
		n++
		if err := s.Update(b.Context(), func(tx platform.Tx) error {
			return errors.Join(tx.CreateBucket(at), tx.Put(at, fmt.Appendf(nil, "%d", n%1000), make([]byte, 200)))
		}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	s, err := Open(b.Context(), "bench")
	if err != nil {
		b.Skip(err)
	}
	defer s.Close()
	at := platform.Bucket{Database: "t"}
	for b.Loop() {
		if err := s.View(b.Context(), func(tx platform.Tx) error {
			_, err := tx.Get(at, []byte("1"))
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, platform.ErrNoBucket) {
				err = nil
			}
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
}
