package platformtest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/voile-net/voile/platform"
)

var walkCases = []struct {
	name string
	r    platform.Range
	want []string
}{
	{"all", platform.Range{}, []string{"a=1", "aa=2", "ab=3", "b=4", "ba=5", "\xff=6", "\xff\xff=7"}},
	{"prefix", platform.Range{Prefix: []byte("a")}, []string{"a=1", "aa=2", "ab=3"}},
	{"prefix that is no key", platform.Range{Prefix: []byte("ac")}, nil},
	{"highest prefix", platform.Range{Prefix: []byte("\xff")}, []string{"\xff=6", "\xff\xff=7"}},
	{"start at a key", platform.Range{Start: []byte("b")}, []string{"b=4", "ba=5", "\xff=6", "\xff\xff=7"}},
	{"start between keys", platform.Range{Start: []byte("aaa")}, []string{"ab=3", "b=4", "ba=5", "\xff=6", "\xff\xff=7"}},
	{"start after all", platform.Range{Start: []byte("\xff\xff\x00")}, nil},
	{"prefix and start inside it", platform.Range{Prefix: []byte("a"), Start: []byte("ab")}, []string{"ab=3"}},
	{"prefix and start before it", platform.Range{Prefix: []byte("b"), Start: []byte("a")}, []string{"b=4", "ba=5"}},
	{"prefix and start after it", platform.Range{Prefix: []byte("a"), Start: []byte("b")}, nil},
	{"keys only", platform.Range{Prefix: []byte("a"), KeysOnly: true}, []string{"a", "aa", "ab"}},
}

func walk(t *testing.T, s platform.KeyValueStore) {
	fill(t, s, bucket, "b=4", "aa=2", "\xff\xff=7", "ab=3", "ba=5", "\xff=6", "a=1")
	view(t, s, func(tx platform.Tx) error {
		for _, c := range walkCases {
			t.Run(c.name, func(t *testing.T) { wantRows(t, tx, bucket, c.r, c.want...) })
		}
		return nil
	})
	boom := errors.New("boom")
	for _, c := range []struct {
		name        string
		stop, want  error
		wantVisited int
	}{{"error", boom, boom, 2}, {"skip all", fs.SkipAll, nil, 2}} {
		view(t, s, func(tx platform.Tx) error {
			visited := 0
			err := tx.ForEach(bucket, platform.Range{}, func(_, _ []byte) error {
				if visited++; visited == 2 {
					return c.stop
				}
				return nil
			})
			if err != c.want || visited != c.wantVisited {
				t.Errorf("%s at the second row: %v after %d rows, want %v after %d", c.name, err, visited, c.want, c.wantVisited)
			}
			return nil
		})
	}
	view(t, s, func(tx platform.Tx) error { // reading inside a walk
		return tx.ForEach(bucket, platform.Range{Prefix: []byte("a")}, func(key, value []byte) error {
			wantRow(t, tx, bucket, string(key), string(value))
			return tx.ForEach(bucket, platform.Range{Start: key}, func(k, v []byte) error {
				if !bytes.Equal(k, key) || !bytes.Equal(v, value) {
					t.Errorf("inner walk from %q begins with %q=%q", key, k, v)
				}
				return fs.SkipAll
			})
		})
	})
}

func walkOwnWrites(t *testing.T, s platform.KeyValueStore) {
	fill(t, s, bucket, "aa=old", "ab=3", "b=4", "gone=x", "\xff=6")
	update(t, s, func(tx platform.Tx) error {
		put(t, tx, bucket, "ba=5", "\xff\xff=7", "a=1", "aa=2", "new then gone=x")
		if err := errors.Join(tx.Delete(bucket, []byte("gone")), tx.Delete(bucket, []byte("new then gone"))); err != nil {
			return err
		}
		for _, c := range walkCases {
			t.Run(c.name, func(t *testing.T) { wantRows(t, tx, bucket, c.r, c.want...) })
		}
		size, err := tx.Size(bucket)
		if want := (platform.Size{Rows: 7, Bytes: 18}); err != nil || size != want {
			t.Errorf("Size = %+v, %v; want %+v", size, err, want)
		}
		return nil
	})
}

func noWriteDuringWalk(t *testing.T, s platform.KeyValueStore) {
	fill(t, s, bucket, "a=1", "b=2")
	update(t, s, func(tx platform.Tx) error {
		err := tx.ForEach(bucket, platform.Range{}, func(key, _ []byte) error {
			for method, err := range map[string]error{
				"Put": tx.Put(bucket, []byte("a"), nil), "Delete": tx.Delete(bucket, []byte("b")), "CreateBucket": tx.CreateBucket(bucket),
				"DeleteBucket": tx.DeleteBucket(bucket), "DeleteDatabase": tx.DeleteDatabase("table"),
			} {
				if !errors.Is(err, platform.ErrWalking) {
					t.Errorf("%s in a walk: %v, want ErrWalking", method, err)
				}
			}
			return fs.SkipAll
		})
		return errors.Join(err, tx.Put(bucket, []byte("c"), []byte("3"))) // the walk is over
	})
	view(t, s, func(tx platform.Tx) error {
		wantRows(t, tx, bucket, platform.Range{}, "a=1", "b=2", "c=3")
		return nil
	})
}

// randomOperations compares the store with a plain map over many small
// transactions, some of which are rolled back.
func randomOperations(t *testing.T, s platform.KeyValueStore) {
	const seed = 7
	rnd := rand.New(rand.NewPCG(seed, seed))
	model := make(map[string]string)
	update(t, s, func(tx platform.Tx) error { return tx.CreateBucket(bucket) })
	undo := errors.New("undo")
	for round := range 60 {
		next := maps.Clone(model)
		keep := rnd.IntN(4) > 0
		err := s.Update(t.Context(), func(tx platform.Tx) error {
			for range rnd.IntN(30) {
				key := fmt.Sprintf("%0*d", 1+rnd.IntN(3), rnd.IntN(200))
				if rnd.IntN(3) == 0 {
					delete(next, key)
					if err := tx.Delete(bucket, []byte(key)); err != nil {
						return err
					}
					continue
				}
				value := strings.Repeat(fmt.Sprint(round), rnd.IntN(200))
				next[key] = value
				if err := tx.Put(bucket, []byte(key), []byte(value)); err != nil {
					return err
				}
			}
			wantRows(t, tx, bucket, platform.Range{}, lines(next)...)
			if !keep {
				return undo
			}
			return nil
		})
		switch {
		case keep && err != nil, !keep && err != undo:
			t.Fatalf("round %d (seed %d): %v", round, seed, err)
		case keep:
			model = next
		}
		view(t, s, func(tx platform.Tx) error {
			wantRows(t, tx, bucket, platform.Range{}, lines(model)...)
			return nil
		})
		if t.Failed() {
			t.Fatalf("round %d of seed %d", round, seed)
		}
	}
}

func lines(model map[string]string) []string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(model)) {
		all = append(all, key+"="+model[key])
	}
	return all
}

func view(t *testing.T, s platform.KeyValueStore, fn func(platform.Tx) error) {
	t.Helper()
	if err := s.View(t.Context(), fn); err != nil {
		t.Fatalf("View: %v", err)
	}
}

func update(t *testing.T, s platform.KeyValueStore, fn func(platform.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), fn); err != nil {
		t.Fatalf("Update: %v", err)
	}
}

// fill makes the bucket and puts rows written as "key=value".
func fill(t *testing.T, s platform.KeyValueStore, b platform.Bucket, rows ...string) {
	t.Helper()
	update(t, s, func(tx platform.Tx) error {
		if err := tx.CreateBucket(b); err != nil {
			return err
		}
		put(t, tx, b, rows...)
		return nil
	})
}

func put(t *testing.T, tx platform.Tx, b platform.Bucket, rows ...string) {
	t.Helper()
	for _, row := range rows {
		key, value, _ := strings.Cut(row, "=")
		if err := tx.Put(b, []byte(key), []byte(value)); err != nil {
			t.Fatalf("Put(%q): %v", row, err)
		}
	}
}

func wantRow(t *testing.T, tx platform.Tx, b platform.Bucket, key, value string) {
	t.Helper()
	got, err := tx.Get(b, []byte(key))
	if err != nil || got == nil || string(got) != value {
		t.Errorf("Get(%.20q) = %.20q, %v; want %.20q", key, got, err, value)
	}
}

func wantRows(t *testing.T, tx platform.Tx, b platform.Bucket, r platform.Range, want ...string) {
	t.Helper()
	var got []string
	err := tx.ForEach(b, r, func(key, value []byte) error {
		if r.KeysOnly {
			if value != nil {
				t.Errorf("a value in a walk of keys only: %q", value)
			}
			got = append(got, string(key))
			return nil
		}
		if value == nil {
			t.Errorf("nil value for %q", key)
		}
		got = append(got, string(key)+"="+string(value))
		return nil
	})
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("ForEach(%v, %+v) = %q, %v; want %q", b, r, got, err, want)
	}
}
