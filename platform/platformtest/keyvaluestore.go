package platformtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/voile-net/voile/platform"
)

var bucket = platform.Bucket{Database: "table", Column: 0}

// KeyValueStore runs the contract. open gives an empty store and leaves closing
// to the test, which does it once at least.
func KeyValueStore(t *testing.T, open func(t *testing.T) platform.KeyValueStore) {
	for _, c := range []struct {
		name string
		f    func(t *testing.T, s platform.KeyValueStore)
	}{
		{"rows", rows},
		{"values", values},
		{"limits", limits},
		{"missing bucket", missingBucket},
		{"buckets", buckets},
		{"own writes", ownWrites},
		{"random against a map", randomOperations},
		{"walk", walk},
		{"walk with own writes", walkOwnWrites},
		{"no write during a walk", noWriteDuringWalk},
		{"rollback", rollback},
		{"panic", panicking},
		{"read-only", readOnly},
		{"after the callback", afterCallback},
		{"copies", copies},
		{"views beside an update", viewsBesideUpdate},
		{"updates are serial", updatesAreSerial},
		{"context", contexts},
		{"close", closing},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			c.f(t, s)
		})
	}
}

// KeyValueStoreReopened runs what a store must keep over a restart. open opens
// the same store at each call.
func KeyValueStoreReopened(t *testing.T, open func(t *testing.T) platform.KeyValueStore) {
	other := platform.Bucket{Database: "other", Column: 7}
	s := open(t)
	update(t, s, func(tx platform.Tx) error {
		return errors.Join(
			tx.CreateBucket(bucket), tx.CreateBucket(other),
			tx.Put(bucket, []byte("k"), []byte("v")), tx.Put(bucket, []byte("gone"), nil), tx.Put(bucket, []byte("empty"), nil),
		)
	})
	update(t, s, func(tx platform.Tx) error { return tx.Delete(bucket, []byte("gone")) })
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	s = open(t)
	view(t, s, func(tx platform.Tx) error {
		wantRows(t, tx, bucket, platform.Range{}, "empty=", "k=v")
		wantRows(t, tx, other, platform.Range{})
		wantRow(t, tx, bucket, "empty", "")
		return nil
	})
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
}

func rows(t *testing.T, s platform.KeyValueStore) {
	fill(t, s, bucket, "a=1", "b=2")
	view(t, s, func(tx platform.Tx) error {
		wantRow(t, tx, bucket, "a", "1")
		wantRow(t, tx, bucket, "b", "2")
		if _, err := tx.Get(bucket, []byte("c")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Get of a missing key: %v, want fs.ErrNotExist", err)
		}
		return nil
	})
	update(t, s, func(tx platform.Tx) error {
		return errors.Join(tx.Put(bucket, []byte("a"), []byte("new")), tx.Delete(bucket, []byte("b")), tx.Delete(bucket, []byte("absent")))
	})
	view(t, s, func(tx platform.Tx) error {
		wantRows(t, tx, bucket, platform.Range{}, "a=new")
		size, err := tx.Size(bucket)
		if want := (platform.Size{Rows: 1, Bytes: 4}); err != nil || size != want {
			t.Errorf("Size = %+v, %v; want %+v", size, err, want)
		}
		return nil
	})
}

func values(t *testing.T, s platform.KeyValueStore) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	cases := map[string][]byte{"nil": nil, "empty": {}, "every": every, "page": bytes.Repeat([]byte("p"), 4096), "large": bytes.Repeat([]byte("large"), 200_000), string(every): []byte("binary key")}
	update(t, s, func(tx platform.Tx) error {
		err := tx.CreateBucket(bucket)
		for key, value := range cases {
			err = errors.Join(err, tx.Put(bucket, []byte(key), value))
		}
		return err
	})
	view(t, s, func(tx platform.Tx) error {
		for key, value := range cases {
			got, err := tx.Get(bucket, []byte(key))
			if err != nil || got == nil || !bytes.Equal(got, value) {
				t.Errorf("Get(%.10q): %d bytes (nil: %t), %v; want %d", key, len(got), got == nil, err, len(value))
			}
		}
		return nil
	})
}

func limits(t *testing.T, s platform.KeyValueStore) {
	longest := bytes.Repeat([]byte("k"), platform.MaxKey)
	name := strings.Repeat("n", platform.MaxDatabaseName)
	update(t, s, func(tx platform.Tx) error {
		for _, b := range []platform.Bucket{bucket, {Database: name}, {Database: "größe"}, {Database: "-_"}, {Database: "c", Column: math.MaxUint32}} {
			if err := tx.CreateBucket(b); err != nil {
				t.Errorf("CreateBucket(%.20v): %v", b, err)
			}
			if err := tx.Put(b, longest, []byte("v")); err != nil {
				t.Errorf("Put of the longest key: %v", err)
			}
		}
		for _, c := range []struct {
			name string
			b    platform.Bucket
			want error
		}{
			{"empty", platform.Bucket{}, platform.ErrInvalidKey},
			{"NUL", platform.Bucket{Database: "a\x00"}, platform.ErrInvalidKey},
			{"not UTF-8", platform.Bucket{Database: "\xff"}, platform.ErrInvalidKey},
			{"long", platform.Bucket{Database: name + "n"}, platform.ErrTooLarge},
		} {
			for method, err := range map[string]error{
				"CreateBucket":   tx.CreateBucket(c.b),
				"DeleteBucket":   tx.DeleteBucket(c.b),
				"DeleteDatabase": tx.DeleteDatabase(c.b.Database),
				"Put":            tx.Put(c.b, []byte("k"), nil),
			} {
				if !errors.Is(err, c.want) {
					t.Errorf("%s with a database name that is %s: %v, want %v", method, c.name, err, c.want)
				}
			}
			if _, err := tx.Columns(c.b.Database); !errors.Is(err, c.want) {
				t.Errorf("Columns with a database name that is %s: %v, want %v", c.name, err, c.want)
			}
		}
		for _, c := range []struct {
			name string
			key  []byte
			want error
		}{{"nil", nil, platform.ErrInvalidKey}, {"empty", []byte{}, platform.ErrInvalidKey}, {"long", append(longest, 'k'), platform.ErrTooLarge}} {
			_, get := tx.Get(bucket, c.key)
			for method, err := range map[string]error{"Get": get, "Put": tx.Put(bucket, c.key, nil), "Delete": tx.Delete(bucket, c.key)} {
				if !errors.Is(err, c.want) {
					t.Errorf("%s with a key that is %s: %v, want %v", method, c.name, err, c.want)
				}
			}
		}
		if err := tx.Put(bucket, []byte("k"), make([]byte, platform.MaxValue+1)); !errors.Is(err, platform.ErrTooLarge) {
			t.Errorf("Put of a value over the limit: %v, want ErrTooLarge", err)
		}
		return nil
	})
	view(t, s, func(tx platform.Tx) error {
		wantRow(t, tx, bucket, string(longest), "v")
		return nil
	})
}

func missingBucket(t *testing.T, s platform.KeyValueStore) {
	fill(t, s, platform.Bucket{Database: "table", Column: 1}, "a=1")
	update(t, s, func(tx platform.Tx) error {
		for _, b := range []platform.Bucket{bucket, {Database: "none"}, {Database: "tabl", Column: 1}, {Database: "table1"}} {
			_, get := tx.Get(b, []byte("a"))
			_, size := tx.Size(b)
			for method, err := range map[string]error{
				"Get": get, "Size": size, "Put": tx.Put(b, []byte("a"), nil), "Delete": tx.Delete(b, []byte("a")),
				"ForEach": tx.ForEach(b, platform.Range{}, func(_, _ []byte) error { return nil }), "DeleteBucket": tx.DeleteBucket(b),
			} {
				if !errors.Is(err, platform.ErrNoBucket) {
					t.Errorf("%s of %v: %v, want ErrNoBucket", method, b, err)
				}
			}
		}
		if _, err := tx.Columns("none"); !errors.Is(err, platform.ErrNoBucket) {
			t.Errorf("Columns: %v, want ErrNoBucket", err)
		}
		if err := tx.DeleteDatabase("none"); !errors.Is(err, platform.ErrNoBucket) {
			t.Errorf("DeleteDatabase: %v, want ErrNoBucket", err)
		}
		return nil
	})
}

func buckets(t *testing.T, s platform.KeyValueStore) {
	view(t, s, func(tx platform.Tx) error {
		if names, err := tx.Databases(); err != nil || len(names) != 0 {
			t.Errorf("Databases of a new store = %q, %v", names, err)
		}
		return nil
	})
	at := func(name string, column uint32) platform.Bucket {
		return platform.Bucket{Database: name, Column: column}
	}
	for _, b := range []platform.Bucket{at("b", 300), at("b", 2), at("b", 0), at("a", 1), at("ab", 0)} {
		fill(t, s, b, "in="+b.String())
	}
	fill(t, s, at("a", 1), "more=1") // creating again keeps the rows
	check := func(tx platform.Tx, want ...string) {
		t.Helper()
		names, err := tx.Databases()
		var got []string
		for _, name := range names {
			columns, cerr := tx.Columns(name)
			err = errors.Join(err, cerr)
			got = append(got, fmt.Sprint(name, columns))
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("databases = %q, %v; want %q", got, err, want)
		}
	}
	view(t, s, func(tx platform.Tx) error {
		check(tx, "a[1]", "ab[0]", "b[0 2 300]")
		wantRows(t, tx, at("a", 1), platform.Range{}, "in=a/1", "more=1")
		wantRows(t, tx, at("b", 2), platform.Range{}, "in=b/2")
		return nil
	})
	update(t, s, func(tx platform.Tx) error {
		if err := errors.Join(tx.DeleteBucket(at("b", 2)), tx.DeleteBucket(at("a", 1))); err != nil {
			return err
		}
		check(tx, "ab[0]", "b[0 300]") // a is gone with its last column
		// Deleted and made again, a bucket is empty.
		return errors.Join(tx.DeleteBucket(at("b", 300)), tx.CreateBucket(at("b", 300)))
	})
	view(t, s, func(tx platform.Tx) error {
		check(tx, "ab[0]", "b[0 300]")
		wantRows(t, tx, at("b", 300), platform.Range{})
		wantRows(t, tx, at("b", 0), platform.Range{}, "in=b/0")
		return nil
	})
	update(t, s, func(tx platform.Tx) error {
		if err := tx.DeleteDatabase("b"); err != nil {
			return err
		}
		check(tx, "ab[0]")
		return nil
	})
	view(t, s, func(tx platform.Tx) error {
		check(tx, "ab[0]")
		return nil
	})
}

func ownWrites(t *testing.T, s platform.KeyValueStore) {
	fill(t, s, bucket, "a=1", "b=2")
	fresh := platform.Bucket{Database: "fresh"}
	update(t, s, func(tx platform.Tx) error {
		if err := errors.Join(tx.Put(bucket, []byte("a"), []byte("own")), tx.Delete(bucket, []byte("b")), tx.CreateBucket(fresh), tx.Put(fresh, []byte("k"), nil)); err != nil {
			return err
		}
		wantRow(t, tx, bucket, "a", "own")
		wantRow(t, tx, fresh, "k", "")
		if _, err := tx.Get(bucket, []byte("b")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Get of an own deletion: %v, want fs.ErrNotExist", err)
		}
		if err := errors.Join(tx.Put(bucket, []byte("b"), []byte("back")), tx.Delete(bucket, []byte("a"))); err != nil {
			return err
		}
		wantRows(t, tx, bucket, platform.Range{}, "b=back")
		return nil
	})
	view(t, s, func(tx platform.Tx) error {
		wantRows(t, tx, bucket, platform.Range{}, "b=back")
		return nil
	})
}

func rollback(t *testing.T, s platform.KeyValueStore) {
	fill(t, s, bucket, "a=1")
	boom := errors.New("boom")
	err := s.Update(t.Context(), func(tx platform.Tx) error {
		if err := errors.Join(tx.Put(bucket, []byte("a"), []byte("2")), tx.Put(bucket, []byte("b"), nil), tx.CreateBucket(platform.Bucket{Database: "new"}), tx.DeleteBucket(bucket)); err != nil {
			return err
		}
		return boom
	})
	if err != boom {
		t.Errorf("Update = %v, want the error of the callback as it is", err)
	}
	if err := s.View(t.Context(), func(platform.Tx) error { return boom }); err != boom {
		t.Errorf("View = %v, want the error of the callback as it is", err)
	}
	view(t, s, func(tx platform.Tx) error {
		wantRows(t, tx, bucket, platform.Range{}, "a=1")
		if names, err := tx.Databases(); err != nil || !slices.Equal(names, []string{"table"}) {
			t.Errorf("Databases = %q, %v", names, err)
		}
		return nil
	})
}

func panicking(t *testing.T, s platform.KeyValueStore) {
	fill(t, s, bucket, "a=1")
	for name, transact := range map[string]func(context.Context, func(platform.Tx) error) error{"View": s.View, "Update": s.Update} {
		func() {
			defer func() {
				if got := recover(); got != "mine" {
					t.Errorf("%s: recovered %v, want the panic of the callback", name, got)
				}
			}()
			_ = transact(t.Context(), func(tx platform.Tx) error {
				_ = tx.Put(bucket, []byte("a"), []byte("2"))
				return tx.ForEach(bucket, platform.Range{}, func(_, _ []byte) error { panic("mine") })
			})
		}()
	}
	fill(t, s, bucket, "b=2") // the store goes on
	view(t, s, func(tx platform.Tx) error {
		wantRows(t, tx, bucket, platform.Range{}, "a=1", "b=2")
		return nil
	})
}

func readOnly(t *testing.T, s platform.KeyValueStore) {
	fill(t, s, bucket, "a=1")
	view(t, s, func(tx platform.Tx) error {
		for method, err := range map[string]error{
			"Put": tx.Put(bucket, []byte("a"), nil), "Delete": tx.Delete(bucket, []byte("a")), "CreateBucket": tx.CreateBucket(bucket),
			"DeleteBucket": tx.DeleteBucket(bucket), "DeleteDatabase": tx.DeleteDatabase("table"),
		} {
			if !errors.Is(err, platform.ErrReadOnly) {
				t.Errorf("%s in View: %v, want ErrReadOnly", method, err)
			}
		}
		return nil
	})
}

func afterCallback(t *testing.T, s platform.KeyValueStore) {
	fill(t, s, bucket, "a=1")
	for name, transact := range map[string]func(context.Context, func(platform.Tx) error) error{"View": s.View, "Update": s.Update} {
		var kept platform.Tx
		if err := transact(t.Context(), func(tx platform.Tx) error { kept = tx; return nil }); err != nil {
			t.Fatal(err)
		}
		_, get := kept.Get(bucket, []byte("a"))
		_, size := kept.Size(bucket)
		_, databases := kept.Databases()
		_, columns := kept.Columns("table")
		for method, err := range map[string]error{
			"Get": get, "Size": size, "Databases": databases, "Columns": columns,
			"Put": kept.Put(bucket, []byte("a"), nil), "Delete": kept.Delete(bucket, []byte("a")), "CreateBucket": kept.CreateBucket(bucket),
			"DeleteBucket": kept.DeleteBucket(bucket), "DeleteDatabase": kept.DeleteDatabase("table"),
			"ForEach": kept.ForEach(bucket, platform.Range{}, func(_, _ []byte) error { return nil }),
		} {
			if !errors.Is(err, platform.ErrTxDone) {
				t.Errorf("%s after %s: %v, want ErrTxDone", method, name, err)
			}
		}
	}
}

func copies(t *testing.T, s platform.KeyValueStore) {
	key, value := []byte("key"), []byte("value")
	update(t, s, func(tx platform.Tx) error {
		if err := errors.Join(tx.CreateBucket(bucket), tx.Put(bucket, key, value)); err != nil {
			return err
		}
		key[0], value[0] = 'X', 'X'
		got, err := tx.Get(bucket, []byte("key"))
		if err != nil {
			return err
		}
		got[1] = 'X'
		return nil
	})
	var got []byte
	view(t, s, func(tx platform.Tx) (err error) {
		wantRows(t, tx, bucket, platform.Range{}, "key=value")
		got, err = tx.Get(bucket, []byte("key"))
		return err
	})
	got[0] = 'Y' // ours also after the transaction
	view(t, s, func(tx platform.Tx) error { wantRow(t, tx, bucket, "key", "value"); return nil })
}

func viewsBesideUpdate(t *testing.T, s platform.KeyValueStore) {
	fill(t, s, bucket, "a=before")
	// The Update is kept open by its callback, against the contract, because
	// what is tested is what others see meanwhile. A browser cannot do this.
	viewed := make(chan struct{})
	update(t, s, func(tx platform.Tx) error {
		if err := tx.Put(bucket, []byte("a"), []byte("after")); err != nil {
			return err
		}
		go func() {
			defer close(viewed)
			if err := s.View(t.Context(), func(tx platform.Tx) error { wantRow(t, tx, bucket, "a", "before"); return nil }); err != nil {
				t.Errorf("View: %v", err)
			}
		}()
		<-viewed
		return nil
	})
	view(t, s, func(tx platform.Tx) error { wantRow(t, tx, bucket, "a", "after"); return nil })
}

func updatesAreSerial(t *testing.T, s platform.KeyValueStore) {
	fill(t, s, bucket, "n=0")
	const workers, rounds = 4, 10
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range rounds {
				err := s.Update(t.Context(), func(tx platform.Tx) error {
					value, err := tx.Get(bucket, []byte("n"))
					if err != nil {
						return err
					}
					var n int
					fmt.Sscan(string(value), &n)
					return tx.Put(bucket, []byte("n"), fmt.Append(nil, n+1))
				})
				if err != nil {
					t.Errorf("Update: %v", err)
				}
			}
		})
	}
	wg.Wait()
	view(t, s, func(tx platform.Tx) error { wantRow(t, tx, bucket, "n", fmt.Sprint(workers*rounds)); return nil })
}

func contexts(t *testing.T, s platform.KeyValueStore) {
	fill(t, s, bucket, "a=1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	never := func(platform.Tx) error { t.Error("the callback ran"); return nil }
	if err := s.View(ctx, never); !errors.Is(err, context.Canceled) {
		t.Errorf("View: %v, want context.Canceled", err)
	}
	if err := s.Update(ctx, never); !errors.Is(err, context.Canceled) {
		t.Errorf("Update: %v, want context.Canceled", err)
	}
	// An Update that waits for another one stops waiting.
	update(t, s, func(platform.Tx) error {
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error)
		go func() { result <- s.Update(ctx, never) }()
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("waiting Update: %v, want context.Canceled", err)
		}
		return nil
	})
	// Once it runs, the callback is not disturbed.
	ctx, cancel = context.WithCancel(t.Context())
	if err := s.Update(ctx, func(tx platform.Tx) error { cancel(); return tx.Put(bucket, []byte("a"), []byte("2")) }); err != nil {
		t.Errorf("Update cancelled inside its callback: %v", err)
	}
	view(t, s, func(tx platform.Tx) error { wantRow(t, tx, bucket, "a", "2"); return nil })
}

func closing(t *testing.T, s platform.KeyValueStore) {
	fill(t, s, bucket, "a=1")
	started, release, closed := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.View(t.Context(), func(tx platform.Tx) error {
			close(started)
			<-release
			select {
			case <-closed:
				t.Error("Close returned while a View ran")
			default:
			}
			wantRow(t, tx, bucket, "a", "1")
			return nil
		}); err != nil {
			t.Errorf("View: %v", err)
		}
	})
	<-started
	wg.Go(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		close(closed)
	})
	close(release)
	wg.Wait()
	never := func(platform.Tx) error { t.Error("the callback ran"); return nil }
	if err := s.View(t.Context(), never); !errors.Is(err, platform.ErrClosed) {
		t.Errorf("View: %v, want ErrClosed", err)
	}
	if err := s.Update(t.Context(), never); !errors.Is(err, platform.ErrClosed) {
		t.Errorf("Update: %v, want ErrClosed", err)
	}
}
