package dht

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

const noSubkey = wire.SubkeyAbsent

func (w *world) begin(a *author, signer *crypto.PublicKey) *wire.TransactBeginA {
	w.t.Helper()
	return ask[*wire.TransactBeginA](w, &wire.TransactBeginQ{Key: a.d.Key, Descriptor: a.d.Signed, MaxPeers: 20}, signer, way(0))
}

// begun is a transaction that must be granted.
func (w *world) begun(a *author) uint64 {
	w.t.Helper()
	got := w.begin(a, &a.owner.Public)
	if got.TransactionID == 0 || got.Duration != crypto.DurationOf(10*time.Second) {
		w.t.Fatalf("begin: %+v", got)
	}
	return got.TransactionID
}

func (w *world) command(a *author, id uint64, c wire.TransactCommand, subkey uint32, v *wire.SignedValueData) *wire.TransactCommandA {
	w.t.Helper()
	return ask[*wire.TransactCommandA](w, &wire.TransactCommandQ{Key: a.d.Key, TransactionID: id, Command: c, Subkey: subkey, Value: v}, nil, way(0))
}

// live wants an answer after which the transaction lives on.
func live(t testing.TB, got *wire.TransactCommandA, subkey uint32, value string) {
	t.Helper()
	if !got.Valid || got.Duration != crypto.DurationOf(10*time.Second) || got.Subkey != subkey || text(got.Value) != value || got.Seqs != nil {
		t.Errorf("got %+v with %s, want a live transaction and %s", got, text(got.Value), value)
	}
}

// over wants the answer to a last command.
func over(t testing.TB, got *wire.TransactCommandA) {
	t.Helper()
	if !got.Valid || got.Duration != 0 || got.Subkey != noSubkey || got.Value != nil {
		t.Errorf("got %+v, want valid and over", got)
	}
}

func invalidNow(t testing.TB, got *wire.TransactCommandA) {
	t.Helper()
	if got.Valid || got.Duration != 0 || got.Subkey != noSubkey || got.Value != nil {
		t.Errorf("got %+v, want invalid", got)
	}
}

// Begin: spec 06 §13.2.
func TestTransactBegin(t *testing.T) {
	w := newWorld(t, nil)
	a := w.author(DFLT(3))
	begin := func(d *wire.SignedValueDescriptor, want bool) *wire.TransactBeginA {
		t.Helper()
		return ask[*wire.TransactBeginA](w, &wire.TransactBeginQ{Key: a.d.Key, Descriptor: d, WantDescriptor: want, MaxPeers: 20}, &a.owner.Public, way(0))
	}
	if got := begin(nil, true); !got.Accepted || !got.NeedDescriptor || got.TransactionID != 0 || got.Seqs != nil || got.Descriptor != nil {
		t.Errorf("no record and no descriptor: %+v", got)
	}
	const none = wire.SeqNone
	if got := begin(a.d.Signed, false); got.TransactionID == 0 || !slices.Equal(got.Seqs, []uint32{none, none, none}) || got.Descriptor != nil || got.NeedDescriptor {
		t.Errorf("no record: %+v", got)
	}
	if w.store.Stats().Records != 0 {
		t.Error("begin made a record")
	}
	w.mustSet(a, 1, 4, "x", way(0))
	if got := begin(nil, true); got.TransactionID == 0 || !slices.Equal(got.Seqs, []uint32{none, 4, none}) || got.Descriptor == nil || !a.d.Same(got.Descriptor) {
		t.Errorf("with record: %+v", got)
	}
	// A transaction that holds the lock does not prevent another one.
	id := w.begun(a)
	live(t, w.command(a, id, wire.TransactSet, 0, a.value(0, 0, "y")), 0, "none")
	live(t, w.command(a, id, wire.TransactEnd, noSubkey, nil), noSubkey, "none")
	w.begun(a)
}

func TestTransactLimits(t *testing.T) {
	w := newWorld(t, nil)
	member := newPair(t, w.sys)
	a := w.author(SMPL(1, Member{member.Public.Value, 0}))
	for _, c := range []struct {
		name   string
		signer func() crypto.PublicKey
		most   int
	}{
		{"owner", func() crypto.PublicKey { return a.owner.Public }, 4},
		{"member", func() crypto.PublicKey { return member.Public }, 4},
		{"everybody else", func() crypto.PublicKey { return *w.signer() }, 8},
	} {
		granted := 0
		for range c.most + 3 {
			signer := c.signer()
			got := w.begin(a, &signer)
			if !got.Accepted || got.NeedDescriptor {
				t.Errorf("%s: %+v", c.name, got)
			}
			if got.TransactionID != 0 {
				granted++
			} else if got.Duration != 0 || got.Seqs != nil {
				t.Errorf("%s: unavailable with %+v", c.name, got)
			}
		}
		if granted != c.most {
			t.Errorf("%s: %d transactions, want %d", c.name, granted, c.most)
		}
	}
	if got := w.begin(w.author(DFLT(1)), w.signer()); got.TransactionID == 0 {
		t.Error("another record's transactions count")
	}
	w.now = w.now.Add(10 * time.Second)
	if got := w.begin(a, &a.owner.Public); got.TransactionID == 0 {
		t.Error("expired ones count before the tick")
	}
	w.tick(0)
	if n := w.Stats().Transactions; n != 1 {
		t.Errorf("%d transactions are left, want 1", n)
	}
}

// The commands of a transaction, one life after the other. The record has subkey 0
// at seq 3, "before".
func TestTransactCommands(t *testing.T) {
	type life struct {
		*world
		a  *author
		id uint64
	}
	for _, c := range []struct {
		name string
		run  func(t *testing.T, l *life)
		open int // transactions afterwards
	}{
		{"get", func(t *testing.T, l *life) {
			live(t, l.command(l.a, l.id, wire.TransactGet, 0, nil), 0, "before")
			live(t, l.command(l.a, l.id, wire.TransactGet, 1, nil), 1, "none")
			live(t, l.command(l.a, l.id, wire.TransactGet, noSubkey, nil), noSubkey, "none")
		}, 1},
		{"get does not see what was set", func(t *testing.T, l *life) {
			live(t, l.command(l.a, l.id, wire.TransactSet, 0, l.a.value(0, 4, "mine")), 0, "none")
			live(t, l.command(l.a, l.id, wire.TransactGet, 0, nil), 0, "before")
		}, 1},
		{"get sees the beginning, whatever happens meanwhile", func(t *testing.T, l *life) {
			l.mustSet(l.a, 0, 4, "later", way(1))
			l.mustSet(l.a, 0, 5, "later still", way(1))
			l.mustSet(l.a, 1, 0, "new", way(1))
			live(t, l.command(l.a, l.id, wire.TransactGet, 0, nil), 0, "before")
			live(t, l.command(l.a, l.id, wire.TransactGet, 1, nil), 1, "none")
			live(t, l.command(l.a, l.id, wire.TransactSet, 0, l.a.value(0, 3, "x")), 0, "before")
		}, 1},
		{"get after another commit", func(t *testing.T, l *life) {
			other := l.begun(l.a)
			live(t, l.command(l.a, other, wire.TransactSet, 0, l.a.value(0, 4, "theirs")), 0, "none")
			live(t, l.command(l.a, other, wire.TransactEnd, noSubkey, nil), noSubkey, "none")
			over(t, l.command(l.a, other, wire.TransactCommit, noSubkey, nil))
			live(t, l.command(l.a, l.id, wire.TransactGet, 0, nil), 0, "before")
			if got := l.get(l.a, 0); text(got.Value) != "theirs" {
				t.Errorf("committed %s", text(got.Value))
			}
		}, 1},
		{"get when the record had to give way", func(t *testing.T, l *life) {
			if _, err := l.Purge(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
			invalidNow(t, l.command(l.a, l.id, wire.TransactGet, 0, nil))
		}, 0},
		{"get beyond the schema", func(t *testing.T, l *life) {
			_, err := l.try(&wire.TransactCommandQ{Key: l.a.d.Key, TransactionID: l.id, Command: wire.TransactGet, Subkey: 2}, nil, way(0))
			if !errors.Is(err, ErrRange) {
				t.Errorf("got %v", err)
			}
		}, 0},
		{"set", func(t *testing.T, l *life) {
			live(t, l.command(l.a, l.id, wire.TransactSet, 0, l.a.value(0, 4, "a")), 0, "none")
			live(t, l.command(l.a, l.id, wire.TransactSet, 0, l.a.value(0, 4, "b")), 0, "none")
			live(t, l.command(l.a, l.id, wire.TransactEnd, noSubkey, nil), noSubkey, "none")
			if got := l.get(l.a, 0); text(got.Value) != "before" {
				t.Errorf("stored before the commit: %s", text(got.Value))
			}
			over(t, l.command(l.a, l.id, wire.TransactCommit, noSubkey, nil))
			if got := l.get(l.a, 0); text(got.Value) != "b" {
				t.Errorf("committed %s", text(got.Value))
			}
			invalidNow(t, l.command(l.a, l.id, wire.TransactCommit, noSubkey, nil))
		}, 0},
		{"set of an old value withdraws", func(t *testing.T, l *life) {
			live(t, l.command(l.a, l.id, wire.TransactSet, 0, l.a.value(0, 4, "a")), 0, "none")
			live(t, l.command(l.a, l.id, wire.TransactSet, 0, l.a.value(0, 3, "a")), 0, "before")
			over(t, l.command(l.a, l.id, wire.TransactEnd, noSubkey, nil)) // nothing is staged
		}, 0},
		{"set that is not valid", func(t *testing.T, l *life) {
			bad := *l.a.value(0, 4, "x")
			bad.Signature.Value[0] ^= 1
			for name, q := range map[string]struct {
				subkey uint32
				value  *wire.SignedValueData
				want   error
			}{
				"signature": {0, &bad, ErrSignature},
				"writer":    {0, l.a.valueBy(newPair(t, l.sys), 0, 4, "x"), ErrWriter},
				"size":      {0, l.a.value(0, 4, long(32768)), nil},
				"subkey":    {2, l.a.value(2, 4, "x"), ErrRange},
			} {
				_, err := l.try(&wire.TransactCommandQ{Key: l.a.d.Key, TransactionID: l.id, Command: wire.TransactSet, Subkey: q.subkey, Value: q.value}, nil, way(0))
				if q.want != nil && !errors.Is(err, q.want) || q.want == nil && err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			live(t, l.command(l.a, l.id, wire.TransactGet, noSubkey, nil), noSubkey, "none")
		}, 1},
		{"set after end", func(t *testing.T, l *life) {
			live(t, l.command(l.a, l.id, wire.TransactSet, 0, l.a.value(0, 4, "a")), 0, "none")
			live(t, l.command(l.a, l.id, wire.TransactEnd, noSubkey, nil), noSubkey, "none")
			invalidNow(t, l.command(l.a, l.id, wire.TransactSet, 0, l.a.value(0, 5, "b")))
			live(t, l.command(l.a, l.id, wire.TransactGet, noSubkey, nil), noSubkey, "none") // a late keepalive
			live(t, l.command(l.a, l.id, wire.TransactGet, 0, nil), 0, "before")
			live(t, l.command(l.a, l.id, wire.TransactEnd, noSubkey, nil), noSubkey, "none") // twice
			over(t, l.command(l.a, l.id, wire.TransactCommit, noSubkey, nil))
			if got := l.get(l.a, 0); text(got.Value) != "a" {
				t.Errorf("committed %s", text(got.Value))
			}
		}, 0},
		{"end without values", func(t *testing.T, l *life) {
			over(t, l.command(l.a, l.id, wire.TransactEnd, noSubkey, nil))
			invalidNow(t, l.command(l.a, l.id, wire.TransactEnd, noSubkey, nil))
		}, 0},
		{"end while another one holds the lock", func(t *testing.T, l *life) {
			other := l.begun(l.a)
			live(t, l.command(l.a, other, wire.TransactSet, 0, l.a.value(0, 4, "a")), 0, "none")
			live(t, l.command(l.a, other, wire.TransactEnd, noSubkey, nil), noSubkey, "none")
			live(t, l.command(l.a, l.id, wire.TransactSet, 1, l.a.value(1, 0, "b")), 1, "none")
			invalidNow(t, l.command(l.a, l.id, wire.TransactEnd, noSubkey, nil))
			invalidNow(t, l.command(l.a, l.id, wire.TransactGet, noSubkey, nil))
			over(t, l.command(l.a, other, wire.TransactRollback, noSubkey, nil))
		}, 0},
		{"end after the lock's holder has expired", func(t *testing.T, l *life) {
			other := l.begun(l.a)
			live(t, l.command(l.a, other, wire.TransactSet, 0, l.a.value(0, 4, "a")), 0, "none")
			live(t, l.command(l.a, other, wire.TransactEnd, noSubkey, nil), noSubkey, "none")
			l.now = l.now.Add(6 * time.Second)
			live(t, l.command(l.a, l.id, wire.TransactSet, 1, l.a.value(1, 0, "b")), 1, "none")
			l.now = l.now.Add(6 * time.Second) // no tick in between
			live(t, l.command(l.a, l.id, wire.TransactEnd, noSubkey, nil), noSubkey, "none")
			over(t, l.command(l.a, l.id, wire.TransactCommit, noSubkey, nil))
		}, 0},
		{"end after the record has changed", func(t *testing.T, l *life) {
			live(t, l.command(l.a, l.id, wire.TransactSet, 1, l.a.value(1, 0, "b")), 1, "none")
			l.mustSet(l.a, 0, 4, "later", way(1))
			invalidNow(t, l.command(l.a, l.id, wire.TransactEnd, noSubkey, nil))
		}, 0},
		{"end after the record has gone", func(t *testing.T, l *life) {
			live(t, l.command(l.a, l.id, wire.TransactSet, 1, l.a.value(1, 0, "b")), 1, "none")
			if _, err := l.Purge(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
			invalidNow(t, l.command(l.a, l.id, wire.TransactEnd, noSubkey, nil))
		}, 0},
		{"end on a record that has come", func(t *testing.T, l *life) {
			b := l.author(DFLT(1))
			id := l.begun(b)
			live(t, l.command(b, id, wire.TransactSet, 0, b.value(0, 1, "b")), 0, "none")
			l.mustSet(b, 0, 0, "a", way(1))
			invalidNow(t, l.command(b, id, wire.TransactEnd, noSubkey, nil))
		}, 1},
		{"commit makes the record", func(t *testing.T, l *life) {
			b := l.author(DFLT(2))
			id := l.begun(b)
			live(t, l.command(b, id, wire.TransactSet, 0, b.value(0, 0, "x")), 0, "none")
			live(t, l.command(b, id, wire.TransactSet, 1, b.value(1, 7, "y")), 1, "none")
			live(t, l.command(b, id, wire.TransactEnd, noSubkey, nil), noSubkey, "none")
			over(t, l.command(b, id, wire.TransactCommit, noSubkey, nil))
			if x, y := l.get(b, 0), l.get(b, 1); text(x.Value) != "x" || text(y.Value) != "y" || x.Descriptor == nil {
				t.Errorf("committed %s and %s", text(x.Value), text(y.Value))
			}
		}, 1},
		{"commit without end", func(t *testing.T, l *life) {
			live(t, l.command(l.a, l.id, wire.TransactSet, 0, l.a.value(0, 4, "a")), 0, "none")
			invalidNow(t, l.command(l.a, l.id, wire.TransactCommit, noSubkey, nil))
			if got := l.get(l.a, 0); text(got.Value) != "before" {
				t.Errorf("stored %s", text(got.Value))
			}
		}, 0},
		{"commit over a value set since the end", func(t *testing.T, l *life) {
			live(t, l.command(l.a, l.id, wire.TransactSet, 0, l.a.value(0, 4, "a")), 0, "none")
			live(t, l.command(l.a, l.id, wire.TransactEnd, noSubkey, nil), noSubkey, "none")
			l.mustSet(l.a, 0, 9, "between", way(1))
			over(t, l.command(l.a, l.id, wire.TransactCommit, noSubkey, nil))
			if got := l.get(l.a, 0); text(got.Value) != "a" {
				t.Errorf("holds %s", text(got.Value))
			}
		}, 0},
		{"commit tells everybody", func(t *testing.T, l *life) {
			ask[*wire.WatchValueA](l.world, &wire.WatchValueQ{Key: l.a.d.Key, Subkeys: AllSubkeys(), Count: 5}, l.signer(), way(0))
			live(t, l.command(l.a, l.id, wire.TransactSet, 0, l.a.value(0, 4, "a")), 0, "none")
			live(t, l.command(l.a, l.id, wire.TransactSet, 1, l.a.value(1, 4, "b")), 1, "none")
			live(t, l.command(l.a, l.id, wire.TransactEnd, noSubkey, nil), noSubkey, "none")
			if got := l.notify(); len(got) != 0 {
				t.Errorf("told before the commit: %+v", got)
			}
			over(t, l.command(l.a, l.id, wire.TransactCommit, noSubkey, nil)) // by the watcher's own way
			if got := l.notify(); len(got) != 1 || !slices.Equal(got[0].Subkeys, []wire.SubkeyRange{{Start: 0, End: 1}}) || got[0].Value != nil {
				t.Errorf("told %+v", got)
			}
		}, 0},
		{"commit when the store is full", func(t *testing.T, l *life) {
			l.store.cfg.MaxBytes = 1000
			live(t, l.command(l.a, l.id, wire.TransactSet, 0, l.a.value(0, 4, long(5000))), 0, "none")
			live(t, l.command(l.a, l.id, wire.TransactEnd, noSubkey, nil), noSubkey, "none")
			if _, err := l.try(&wire.TransactCommandQ{Key: l.a.d.Key, TransactionID: l.id, Command: wire.TransactCommit, Subkey: noSubkey}, nil, way(0)); !errors.Is(err, ErrFull) {
				t.Errorf("got %v", err)
			}
			over(t, l.command(l.a, l.id, wire.TransactRollback, noSubkey, nil))
		}, 0},
		{"rollback", func(t *testing.T, l *life) {
			live(t, l.command(l.a, l.id, wire.TransactSet, 0, l.a.value(0, 4, "a")), 0, "none")
			over(t, l.command(l.a, l.id, wire.TransactRollback, noSubkey, nil))
			invalidNow(t, l.command(l.a, l.id, wire.TransactRollback, noSubkey, nil))
			if got := l.get(l.a, 0); text(got.Value) != "before" {
				t.Errorf("stored %s", text(got.Value))
			}
		}, 0},
		{"rollback frees the lock", func(t *testing.T, l *life) {
			live(t, l.command(l.a, l.id, wire.TransactSet, 0, l.a.value(0, 4, "a")), 0, "none")
			live(t, l.command(l.a, l.id, wire.TransactEnd, noSubkey, nil), noSubkey, "none")
			over(t, l.command(l.a, l.id, wire.TransactRollback, noSubkey, nil))
			next := l.begun(l.a)
			live(t, l.command(l.a, next, wire.TransactSet, 0, l.a.value(0, 4, "a")), 0, "none")
			live(t, l.command(l.a, next, wire.TransactEnd, noSubkey, nil), noSubkey, "none")
		}, 1},
		{"every command by another key", func(t *testing.T, l *life) {
			b := l.author(DFLT(2))
			for c := wire.TransactEnd; c <= wire.TransactSet; c++ {
				var v *wire.SignedValueData
				subkey := noSubkey
				if c == wire.TransactSet {
					v, subkey = b.value(0, 0, "x"), 0
				}
				invalidNow(t, l.command(b, l.id, c, subkey, v))
			}
		}, 1},
		{"every command on an unknown id", func(t *testing.T, l *life) {
			for c := wire.TransactEnd; c <= wire.TransactSet; c++ {
				var v *wire.SignedValueData
				subkey := noSubkey
				if c == wire.TransactSet {
					v, subkey = l.a.value(0, 4, "x"), 0
				}
				invalidNow(t, l.command(l.a, l.id+1, c, subkey, v))
			}
		}, 1},
		{"a keepalive keeps it alive", func(t *testing.T, l *life) {
			for range 5 {
				l.tick(10*time.Second - time.Microsecond)
				live(t, l.command(l.a, l.id, wire.TransactGet, noSubkey, nil), noSubkey, "none")
			}
		}, 1},
		{"it expires", func(t *testing.T, l *life) {
			live(t, l.command(l.a, l.id, wire.TransactSet, 0, l.a.value(0, 4, "a")), 0, "none")
			l.tick(10*time.Second - time.Microsecond)
			if l.Stats().Transactions != 1 {
				t.Error("expired too early")
			}
			l.now = l.now.Add(time.Microsecond)
			invalidNow(t, l.command(l.a, l.id, wire.TransactGet, 0, nil)) // even without a tick
		}, 0},
		{"the tick ends it", func(t *testing.T, l *life) {
			l.tick(10 * time.Second)
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			l := &life{world: w, a: w.author(DFLT(2))}
			w.mustSet(l.a, 0, 3, "before", way(0))
			l.id = w.begun(l.a)
			c.run(t, l)
			st := w.Stats()
			if st.Transactions != c.open {
				t.Errorf("%d transactions are open, want %d", st.Transactions, c.open)
			}
			w.tick(time.Hour)
			if st := w.Stats(); st != (ServerStats{}) || len(w.activity) != 0 {
				t.Errorf("left over: %+v, %d activities", st, len(w.activity))
			}
		})
	}
}

// What transactions keep in memory is bounded.
func TestTransactMemory(t *testing.T) {
	w := newWorld(t, func(c *ServerConfig, _ *StoreConfig) {
		c.Limits.Transactions, c.Limits.TransactionBytes = 100, 1<<20
	})
	granted, refused := 0, 0
	for range 200 {
		a := w.author(DFLT(32))
		got := w.begin(a, w.signer())
		if got.TransactionID == 0 {
			continue
		}
		granted++
		_, err := w.try(&wire.TransactCommandQ{
			Key: a.d.Key, TransactionID: got.TransactionID, Command: wire.TransactSet, Subkey: 0, Value: a.value(0, 0, long(32768)),
		}, nil, way(0))
		if errors.Is(err, ErrFull) {
			refused++
		}
	}
	if st := w.Stats(); granted != 100 || refused == 0 || st.TransactionBytes > 1<<20 {
		t.Errorf("%d granted, %d refused, %+v", granted, refused, st)
	}
	// A value that is overwritten is kept for the snapshots, while there is room.
	w = newWorld(t, func(c *ServerConfig, _ *StoreConfig) { c.Limits.TransactionBytes = 2000 })
	a := w.author(DFLT(4))
	for k := range uint32(4) {
		w.mustSet(a, k, 0, long(400), way(0))
	}
	id := w.begun(a)
	for k := range uint32(2) {
		w.mustSet(a, k, 1, "x", way(0))
		live(t, w.command(a, id, wire.TransactGet, k, nil), k, long(400))
	}
	w.mustSet(a, 2, 1, "x", way(0))
	w.mustSet(a, 3, 1, "x", way(0))
	invalidNow(t, w.command(a, id, wire.TransactGet, 2, nil))
	if st := w.Stats(); st != (ServerStats{}) {
		t.Errorf("left over: %+v", st)
	}
}

// Transactions that run beside each other: one commits, the others find out.
func TestTransactRace(t *testing.T) {
	w := newWorld(t, nil)
	a := w.author(DFLT(4))
	const runs = 4
	ids := make([]uint64, runs)
	for i := range ids {
		ids[i] = w.begun(a)
		live(t, w.command(a, ids[i], wire.TransactSet, uint32(i), a.value(uint32(i), 0, fmt.Sprint(i))), uint32(i), "none")
	}
	done := make(chan bool)
	ctx := t.Context()
	for _, id := range ids {
		go func() {
			ok := true
			for _, c := range []wire.TransactCommand{wire.TransactEnd, wire.TransactCommit} {
				got, err := w.AnswerAt(ctx, question(&wire.TransactCommandQ{Key: a.d.Key, TransactionID: id, Command: c, Subkey: noSubkey}), t0)
				ok = ok && err == nil && got.(*wire.TransactCommandA).Valid
			}
			done <- ok
		}()
	}
	committed := 0
	for range ids {
		if <-done {
			committed++
		}
	}
	if committed != 1 || w.store.Stats().Subkeys != 1 {
		t.Errorf("%d committed, %d subkeys", committed, w.store.Stats().Subkeys)
	}
}
