//go:build interop && linux && !android

package interop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/voile-net/voile/interop/api"
	"github.com/voile-net/voile/interop/lab"
)

const (
	recordTime = 30 * time.Second // for one operation on a record; 10 ms is usual
	changeTime = 20 * time.Second // for a change to reach who watches
	lossTime   = 2 * time.Minute  // for the holders of a record to be as many as before

	// For a change to be known when the node that would tell of it is gone: the longest
	// pause between the inspections of a watch, and an inspection.
	silenceTime = 5*time.Minute + recordTime
	againTime   = time.Minute // to write again what is not known
)

// records is a routing context of a node for a test, with a limit of time for each
// operation.
type records struct {
	t *testing.T
	n lab.Node
	*api.RoutingContext
}

func recordsOf(t *testing.T, n lab.Node) *records {
	t.Helper()
	rc, err := n.Client().NewRoutingContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &records{t, n, rc}
}

// do runs an operation until it succeeds or its time is over: too few nodes may
// answer for a moment.
func do[T any](r *records, what string, op func(context.Context) (T, error)) (result T) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), recordTime)
	defer cancel()
	err := lab.Eventually(ctx, func(ctx context.Context) (err error) {
		result, err = op(ctx)
		var known *api.Error
		if errors.As(err, &known) && !strings.Contains(string(known.Raw), "TryAgain") && !strings.Contains(string(known.Raw), "KeyNotFound") {
			r.t.Fatalf("%s: %s: %v", describe(r.n), what, err)
		}
		return err
	})
	if err != nil {
		r.t.Fatalf("%s: %s: %v", describe(r.n), what, err)
	}
	return result
}

func (r *records) create(s api.Schema) api.Record {
	r.t.Helper()
	return do(r, "create", func(ctx context.Context) (api.Record, error) { return r.CreateDHTRecord(ctx, s) })
}

func (r *records) open(key, writer string) {
	r.t.Helper()
	do(r, "open", func(ctx context.Context) (api.Record, error) { return r.OpenDHTRecord(ctx, key, writer) })
}

func (r *records) set(key string, subkey uint32, data []byte) {
	r.t.Helper()
	newer := do(r, "set", func(ctx context.Context) (*api.Value, error) { return r.SetDHTValue(ctx, key, subkey, data) })
	// A retry of a write that did arrive finds its own value.
	if newer != nil && !bytes.Equal(newer.Data, data) {
		r.t.Fatalf("%s: set of subkey %d: a newer value %d", describe(r.n), subkey, newer.Seq)
	}
}

func (r *records) get(key string, subkey uint32) *api.Value {
	r.t.Helper()
	return do(r, "get", func(ctx context.Context) (*api.Value, error) { return r.GetDHTValue(ctx, key, subkey, true) })
}

// want checks that a node reads what was written. A get of 0.5.8 is content with
// three nodes of the ten nearest, which after a conflict may be three that were
// passed over (spec 06 §8.5): then the next one has to find it.
func (r *records) want(key string, subkey uint32, data []byte) {
	r.t.Helper()
	eventually(r.t, recordTime, func(ctx context.Context) error {
		v, err := r.GetDHTValue(ctx, key, subkey, true)
		if err == nil && (v == nil || !bytes.Equal(v.Data, data)) {
			err = fmt.Errorf("%s: subkey %d is not what was written (%d bytes): %.200v", describe(r.n), subkey, len(data), v)
		}
		return err
	})
}

// mixed is a laboratory of as many nodes of either kind.
func mixed(t *testing.T, name string, each int) (real, voile []lab.Node) {
	t.Helper()
	l := newLab(t, name)
	real = addFull(t, l, lab.Real, each, lab.Settings{})
	voile = addFull(t, l, lab.Voile, each, lab.Settings{})
	startReady(t, readyTime, l.Nodes()...)
	return real, voile
}

// bothWays runs a test from a real node to a Voile node and back.
func bothWays(t *testing.T, real, voile lab.Node, f func(t *testing.T, from, to lab.Node)) {
	for _, way := range [][2]lab.Node{{real, voile}, {voile, real}} {
		t.Run(fmt.Sprintf("%s to %s", way[0].Kind(), way[1].Kind()), func(t *testing.T) { f(t, way[0], way[1]) })
	}
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

// Records of one kind of node are read, inspected and written by the other.
func TestRecords(t *testing.T) {
	real, voile := mixed(t, "records", 4)
	defer nobodyIsPunished(t, slices.Concat(real, voile))
	bothWays(t, real[2], voile[2], func(t *testing.T, from, to lab.Node) {
		owner, reader := recordsOf(t, from), recordsOf(t, to)
		t.Run("DFLT", func(t *testing.T) {
			record := owner.create(api.Schema{Kind: "DFLT", OwnerCount: 4})
			for k, size := range []int{0, 1, 1024, 32768} {
				data := randomBytes(size)
				owner.set(record.Key, uint32(k), data)
				if k == 0 {
					reader.open(record.Key, "")
				}
				reader.want(record.Key, uint32(k), data)
			}
			owner.set(record.Key, 0, []byte("again"))
			reader.want(record.Key, 0, []byte("again"))
			report := do(reader, "inspect", func(ctx context.Context) (api.Report, error) {
				return reader.InspectDHTRecord(ctx, record.Key, "SyncGet")
			})
			if got := numbers(report.NetworkSeqs); got != "1 0 0 0" {
				t.Errorf("numbers in the network: %s, want 1 0 0 0", got)
			}
		})
		t.Run("SMPL", func(t *testing.T) {
			writer, err := to.Client().KeyPair(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			public := strings.Split(writer, ":")[1]
			record := owner.create(api.Schema{Kind: "SMPL", OwnerCount: 1, Members: []api.Member{{Key: public, Count: 2}}})
			owner.set(record.Key, 0, []byte("of the owner"))
			reader.open(record.Key, writer)
			reader.set(record.Key, 2, []byte("of the member"))
			reader.want(record.Key, 0, []byte("of the owner"))
			owner.want(record.Key, 2, []byte("of the member"))
			if _, err := reader.SetDHTValue(t.Context(), record.Key, 0, []byte("not mine")); err == nil {
				t.Error("a member wrote what is the owner's")
			}
		})
		t.Run("1024 subkeys", func(t *testing.T) {
			record := owner.create(api.Schema{Kind: "DFLT", OwnerCount: 1024})
			for _, k := range []uint32{0, 500, 1023} {
				owner.set(record.Key, k, fmt.Append(nil, "value ", k))
			}
			reader.open(record.Key, "")
			for _, k := range []uint32{0, 500, 1023} {
				reader.want(record.Key, k, fmt.Append(nil, "value ", k))
			}
			if v := reader.get(record.Key, 77); v != nil {
				t.Errorf("subkey that was never written: %v", v)
			}
		})
	})
}

func numbers(seqs []*uint32) string {
	var b strings.Builder
	for i, n := range seqs {
		if i > 0 {
			b.WriteByte(' ')
		}
		if n == nil {
			b.WriteByte('-')
		} else {
			fmt.Fprint(&b, *n)
		}
	}
	return b.String()
}

// Values outlive their owner on nodes of both kinds, and writers that do not know
// of each other end with the same value everywhere.
func TestStorageAndConflicts(t *testing.T) {
	real, voile := mixed(t, "storage", 4)
	defer nobodyIsPunished(t, slices.Concat(real, voile))
	bothWays(t, real[3], voile[3], func(t *testing.T, from, _ lab.Node) {
		owner := recordsOf(t, from)
		record := owner.create(api.Schema{Kind: "DFLT", OwnerCount: 1})
		writer := pairOf(record)
		owner.set(record.Key, 0, []byte("first"))

		// Two more writers, one of each kind, all at once.
		writers := []*records{owner, recordsOf(t, real[1]), recordsOf(t, voile[1])}
		for _, w := range writers[1:] {
			w.open(record.Key, writer)
			w.get(record.Key, 0)
		}
		conflict(t, writers, record.Key)
		// Of two values with the same number each node keeps the one that it had first;
		// only a greater number ends that (spec 06 §10.4). It does so for everybody, and
		// whoever writes it.
		for i, w := range writers {
			if v := w.get(record.Key, 0); v == nil || v.Seq != uint32(2*i+1) {
				t.Errorf("%s: after the conflict: %.80v, want number %d", describe(w.n), v, 2*i+1)
			}
			eventually(t, recordTime, func(ctx context.Context) error {
				// A writer whose value lost learns the other one from its first attempt.
				text := fmt.Append(nil, "the end, by ", i)
				if newer, err := w.SetDHTValue(ctx, record.Key, 0, text); err != nil || newer != nil && newer.Seq < uint32(2*i+2) {
					return fmt.Errorf("%s: set: %.80v %v", describe(w.n), newer, err)
				}
				for _, other := range writers {
					v, err := other.GetDHTValue(ctx, record.Key, 0, true)
					if err != nil {
						return err
					}
					if v.Seq != uint32(2*i+2) || !bytes.Equal(v.Data, text) {
						return fmt.Errorf("%s has %d %s after %q", describe(other.n), v.Seq, v.Data, text)
					}
				}
				return nil
			})
			if i+1 < len(writers) {
				conflict(t, writers, record.Key)
			}
		}
		last := owner.get(record.Key, 0)
		if err := from.Stop(); err != nil {
			t.Fatal(err)
		}
		for _, n := range []lab.Node{real[2], voile[2]} {
			r := recordsOf(t, n)
			r.open(record.Key, "")
			r.want(record.Key, 0, last.Data)
		}
		startReady(t, readyTime, from)
		back := recordsOf(t, from)
		back.open(record.Key, writer)
		back.set(record.Key, 0, []byte("back again"))
		late := recordsOf(t, real[0])
		late.open(record.Key, "")
		late.want(record.Key, 0, []byte("back again"))
	})
}

// pairOf is the key pair of the owner of a record that was created here.
func pairOf(r api.Record) string {
	return r.Owner + ":" + strings.TrimPrefix(*r.OwnerSecret, "VLD0:")
}

// Nodes that store a record are killed; who opens its copy again brings the number of
// holders back, on nodes of either kind.
func TestRehydration(t *testing.T) {
	real, voile := mixed(t, "rehydrate", 5)
	defer nobodyIsPunished(t, slices.Concat(real, voile))
	bothWays(t, real[4], voile[4], func(t *testing.T, from, to lab.Node) {
		owner, reader := recordsOf(t, from), recordsOf(t, to)
		record := owner.create(api.Schema{Kind: "DFLT", OwnerCount: 1})
		owner.set(record.Key, 0, []byte("kept"))
		reader.open(record.Key, "")
		reader.want(record.Key, 0, []byte("kept"))
		opaque := strings.Split(record.Key, ":")[1]
		holders := func(ctx context.Context) (list []lab.Node, err error) {
			for _, n := range slices.Concat(real, voile) {
				if n == to || n.Client() == nil || n.Client().Done() != nil {
					continue
				}
				text, err := n.Client().Debug(ctx, "record list remote")
				if err != nil {
					return nil, err
				}
				if strings.Contains(text, opaque) {
					list = append(list, n)
				}
			}
			return list, nil
		}
		before, err := holders(t.Context())
		if err != nil || len(before) < 4 {
			t.Fatalf("%d holders after a set, %v", len(before), err)
		}
		var killed []lab.Node
		for _, n := range before {
			if n != from && len(killed) < 2 {
				n.Kill()
				killed = append(killed, n)
			}
		}
		if err := reader.CloseDHTRecord(t.Context(), record.Key); err != nil {
			t.Fatal(err)
		}
		reader.open(record.Key, "")
		eventually(t, lossTime, func(ctx context.Context) error {
			list, err := holders(ctx)
			if err == nil && len(list) < 5 {
				err = fmt.Errorf("%d holders, want 5; %d before %d were killed", len(list), len(before), len(killed))
			}
			return err
		})
		startReady(t, readyTime, killed...)
	})
}

// conflict lets all write the same subkey at once.
func conflict(t *testing.T, writers []*records, key string) {
	t.Helper()
	var all sync.WaitGroup
	for i, w := range writers {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), recordTime)
			defer cancel()
			// Who loses gets the winner's value, or is told to try again.
			if _, err := w.SetDHTValue(ctx, key, 0, fmt.Append(nil, "writer ", i)); err != nil && !strings.Contains(err.Error(), "TryAgain") {
				t.Errorf("%s: %v", describe(w.n), err)
			}
		})
	}
	all.Wait()
}

// A hundred changes reach who watches, by number or by value, and the last one
// always does.
func TestWatches(t *testing.T) {
	real, voile := mixed(t, "watches", 4)
	defer nobodyIsPunished(t, slices.Concat(real, voile))
	bothWays(t, real[2], voile[2], func(t *testing.T, from, to lab.Node) {
		owner, watcher := recordsOf(t, from), recordsOf(t, to)
		record := owner.create(api.Schema{Kind: "DFLT", OwnerCount: 2})
		owner.set(record.Key, 0, []byte("before"))
		watcher.open(record.Key, "")
		changes := make(chan api.ValueChange, 1000)
		stop := to.Client().OnUpdate(func(u api.Update) {
			if c, ok := api.ValueChangeOf(u); ok && c.Key == record.Key {
				changes <- c
			}
		})
		defer stop()
		if on := do(watcher, "watch", func(ctx context.Context) (bool, error) { return watcher.WatchDHTValues(ctx, record.Key) }); !on {
			t.Fatal("nothing is watched")
		}
		heard := func(want string, within time.Duration) (count int, ok bool) {
			t.Helper()
			limit := time.After(within)
			for {
				select {
				case c := <-changes:
					count++
					if c.Value != nil && string(c.Value.Data) == want {
						return count, true
					}
					if v := watcher.get(record.Key, 0); v != nil && string(v.Data) == want {
						return count, true
					}
				case <-limit:
					return count, false
				}
			}
		}
		await := func(want string) int {
			t.Helper()
			count, ok := heard(want, changeTime)
			if !ok {
				t.Fatalf("%s does not hear of %q after %d changes", describe(to), want, count)
			}
			return count
		}
		// An original node that finds too few nodes for a write says that all is well,
		// keeps nothing, and uses the number again (spec 06 §10.4): while nodes are
		// missing, what nobody has heard of for a while is read, and written again with
		// another text: setting what an original node believes to be there does nothing.
		insist := func(text string) time.Duration {
			t.Helper()
			began := time.Now()
			for try := 1; ; try++ {
				text := fmt.Sprint(text, ", try ", try)
				owner.get(record.Key, 0)
				do(owner, "set", func(ctx context.Context) (*api.Value, error) {
					return owner.SetDHTValue(ctx, record.Key, 0, []byte(text))
				})
				_, ok := heard(text, againTime)
				switch {
				case ok:
					return time.Since(began).Round(100 * time.Millisecond)
				case time.Since(began) > silenceTime:
					t.Fatalf("%s does not hear of %q", describe(to), text)
				}
			}
		}
		// The first change may be older than the watch; it has to be known all the same.
		owner.set(record.Key, 0, []byte("begin"))
		await("begin")
		updates := 0
		for i := range 100 {
			text := fmt.Sprint("change ", i)
			owner.set(record.Key, 0, []byte(text))
			if i%10 == 9 {
				updates += await(text)
			}
		}
		t.Logf("100 changes in %d updates", updates)
		// Nodes that may hold the watch, or be on a route of either side, go without a
		// word and come back.
		for _, n := range []lab.Node{real[0], voile[0]} {
			n.Kill()
			t.Logf("%s is gone: the next change is known after %s", describe(n), insist("without "+n.Name()))
			startReady(t, readyTime, n)
			insist("with " + n.Name())
		}
	})
}

// Transactions of one kind of node on servers of both.
func TestTransactions(t *testing.T) {
	real, voile := mixed(t, "transact", 4)
	defer nobodyIsPunished(t, slices.Concat(real, voile))
	bothWays(t, real[2], voile[2], func(t *testing.T, from, to lab.Node) {
		owner, reader := recordsOf(t, from), recordsOf(t, to)
		var keys []string
		ownerOf := map[string]string{}
		for range 2 {
			r := owner.create(api.Schema{Kind: "DFLT", OwnerCount: 2})
			ownerOf[r.Key] = pairOf(r)
			owner.set(r.Key, 0, []byte("before"))
			reader.open(r.Key, "")
			keys = append(keys, r.Key)
		}
		begin := func() *api.Transaction {
			t.Helper()
			return do(owner, "begin", func(ctx context.Context) (*api.Transaction, error) {
				return from.Client().TransactDHTRecords(ctx, keys...)
			})
		}
		set := func(tx *api.Transaction, text string) {
			t.Helper()
			for _, key := range keys {
				for k := range uint32(2) {
					if _, err := tx.Set(t.Context(), key, k, []byte(text)); err != nil {
						t.Fatalf("set: %v", err)
					}
				}
			}
		}
		tx := begin()
		if v, err := tx.Get(t.Context(), keys[0], 0); err != nil || v == nil || string(v.Data) != "before" {
			t.Errorf("get: %v %v", v, err)
		}
		set(tx, "dropped")
		if err := tx.Rollback(t.Context()); err != nil {
			t.Errorf("rollback: %v", err)
		}
		reader.want(keys[0], 0, []byte("before"))
		tx = begin()
		set(tx, "together")
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatalf("commit: %v", err)
		}
		for _, key := range keys {
			for k := range uint32(2) {
				reader.want(key, k, []byte("together"))
			}
		}
		// Two at once: who commits first wins, and the other one is told.
		writer := ownerOf[keys[0]]
		do(reader, "open", func(ctx context.Context) (api.Record, error) { return reader.OpenDHTRecord(ctx, keys[0], writer) })
		tx = begin()
		rival := do(reader, "begin", func(ctx context.Context) (*api.Transaction, error) {
			return to.Client().TransactDHTRecords(ctx, keys[0])
		})
		set(tx, "faster")
		if _, err := rival.Set(t.Context(), keys[0], 0, []byte("slower")); err != nil {
			t.Fatalf("rival's set: %v", err)
		}
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatalf("commit beside a rival: %v", err)
		}
		if err := rival.Commit(t.Context()); err == nil || !strings.Contains(err.Error(), "TryAgain") {
			t.Errorf("the rival's commit: %v, want TryAgain", err)
		}
		reader.want(keys[0], 0, []byte("faster"))
		// The client dies with a transaction open: nothing of it stays, and after its
		// ten seconds others can write again.
		tx = begin()
		set(tx, "lost")
		from.Kill()
		time.Sleep(11 * time.Second) // the life of a transaction that nobody renews
		reader.want(keys[0], 0, []byte("faster"))
		startReady(t, readyTime, from)
	})
}
