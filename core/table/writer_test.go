package table

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/memory"
)

// gated is a database whose commits wait for the gate, with a count of them.
func gated(t *testing.T) (db *DB, kv *faultyStore, gate chan struct{}) {
	t.Helper()
	store := memory.NewKeyValueStore()
	s := openStore(t, store)
	shut(t, openDB(t, s, "table", 1))
	shut(t, s)
	gate = make(chan struct{})
	kv = &faultyStore{KeyValueStore: store, before: func(int) error { <-gate; return nil }}
	return openDB(t, openStore(t, kv), "table", 1), kv, gate
}

// begin runs f in a goroutine until it waits, so that calls arrive in order.
func begin(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	synctest.Wait()
	return done
}

func TestWritesAreJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, kv, gate := gated(t)
		var all []<-chan error
		for i := range 50 {
			all = append(all, begin(func() error { return db.Store(t.Context(), 0, fmt.Append(nil, i%40), fmt.Append(nil, i)) }))
		}
		close(gate)
		for i, done := range all {
			if err := <-done; err != nil {
				t.Errorf("Store %d: %v", i, err)
			}
		}
		if kv.updates != 2 { // the first alone, and those that came while it was busy
			t.Errorf("50 Stores at once made %d commits, want 2", kv.updates)
		}
		if rows := contents(t, db, 0); len(rows) != 40 || rows["9"] != "49" || rows["39"] != "39" {
			t.Errorf("stored are %v", rows)
		}
	})
}

// TestBatchesAreBounded: many writes at once are several commits.
func TestBatchesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, kv, gate := gated(t)
		var all []<-chan error
		value := make([]byte, batchBytes/2)
		for i := range 9 { // 1, then 2 for each batch: the second one fills it
			all = append(all, begin(func() error { return db.Store(t.Context(), 0, []byte{byte(i)}, value) }))
		}
		close(gate)
		for _, done := range all {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if kv.updates != 5 {
			t.Errorf("9 large Stores made %d commits, want 5", kv.updates)
		}
	})
}

// TestDeletesAreJoined: of several that delete a row one gets it.
func TestDeletesAreJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, _, gate := gated(t)
		first := begin(func() error { return db.Store(t.Context(), 0, []byte("k"), []byte("v")) })
		gate <- struct{}{}
		if err := <-first; err != nil {
			t.Fatal(err)
		}
		got := make(chan string, 8)
		for range 5 {
			begin(func() error {
				old, found, err := db.Delete(t.Context(), 0, []byte("k"))
				got <- fmt.Sprintf("%s %v %v", old, found, err)
				return nil
			})
		}
		close(gate)
		seen := make(map[string]int)
		for range 5 {
			seen[<-got]++
		}
		if seen["v true <nil>"] != 1 || seen[" false <nil>"] != 4 {
			t.Errorf("five Deletes at once: %v", seen)
		}
		wantNoRow(t, db, 0, "k")
	})
}

func TestContextOfAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, _, gate := gated(t)
		store := func(ctx context.Context, key string) <-chan error {
			return begin(func() error { return db.Store(ctx, 0, []byte(key), []byte("v")) })
		}
		early, cancelEarly := context.WithCancel(t.Context())
		late, cancelLate := context.WithCancel(t.Context())
		tx, err := db.Transact()
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		if err := tx.Store(0, []byte("tx"), nil); err != nil {
			t.Fatal(err)
		}
		busy := store(early, "busy") // begins to commit
		queued := store(late, "queued")
		other := store(t.Context(), "other")
		committed := begin(func() error { return tx.Commit(late) })
		cancelEarly()
		cancelLate()
		synctest.Wait()
		if len(busy) != 0 {
			t.Errorf("a Store that is being committed ended: %v", <-busy)
		}
		if err := <-queued; !errors.Is(err, context.Canceled) {
			t.Errorf("a Store that waits for its turn: %v, want Canceled", err)
		}
		if err := <-committed; !errors.Is(err, context.Canceled) {
			t.Errorf("a Commit that waits for its turn: %v, want Canceled", err)
		}
		close(gate)
		if err := errors.Join(<-busy, <-other); err != nil {
			t.Error(err)
		}
		wantRow(t, db, 0, "busy", "v")
		wantRow(t, db, 0, "other", "v")
		wantNoRow(t, db, 0, "queued")
		wantNoRow(t, db, 0, "tx")
	})
}

// TestOneBadWrite: a write that cannot be committed does not take those with it
// that were joined to it.
func TestOneBadWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, kv, gate := gated(t)
		kv.before = func(n int) error {
			<-gate
			if n == 2 || n == 4 { // the batch of three, and its second one again
				return platform.ErrNoSpace
			}
			return nil
		}
		var all []<-chan error
		for _, key := range []string{"first", "a", "b", "c"} {
			all = append(all, begin(func() error { return db.Store(t.Context(), 0, []byte(key), nil) }))
		}
		close(gate)
		for i, done := range all {
			if err := <-done; errors.Is(err, platform.ErrNoSpace) != (i == 2) || i != 2 && err != nil {
				t.Errorf("Store %d: %v", i, err)
			}
		}
		if rows := contents(t, db, 0); len(rows) != 3 {
			t.Errorf("stored are %v, want all but b", rows)
		}
		wantNoRow(t, db, 0, "b")
	})
}
