package dht

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

func (m *fabricNode) begin(keys ...crypto.RecordKey) *Transaction {
	m.f.t.Helper()
	return must(m.client.Begin(context.Background(), keys, nil))(m.f.t)
}

func (m *fabricNode) stage(tx *Transaction, key crypto.RecordKey, subkey uint32, data string) {
	m.f.t.Helper()
	if v := must(tx.Set(context.Background(), key, subkey, []byte(data), SetOptions{}))(m.f.t); v != nil {
		m.f.t.Fatalf("set %s: there is %s", data, textOf(v))
	}
}

// left counts the transactions that nodes have open.
func (f *fabric) left() int {
	n := 0
	for _, m := range f.nodes {
		n += m.server.Stats().Transactions
	}
	return n
}

func TestTransactionCommit(t *testing.T) {
	inFabric(t, 16, func(t *testing.T, f *fabric) {
		a, b := f.nodes[0], f.nodes[1]
		a.startClient()
		b.startClient()
		x, y := a.create(2), a.create(40)
		a.set(x, 0, "before")
		tx := a.begin(x, y)
		a.stage(tx, x, 0, "x0")
		for k := range uint32(40) {
			a.stage(tx, y, k, fmt.Sprint("y", k))
		}
		if v := must(tx.Get(t.Context(), x, 0))(t); textOf(v) != "before" {
			t.Errorf("inside, before the commit: %s", textOf(v))
		}
		if v := a.get(x, 0); textOf(v) != "before" {
			t.Errorf("outside, before the commit: %s", textOf(v))
		}
		_, err := a.client.Set(t.Context(), y, 0, []byte("z"), SetOptions{})
		wantKind(t, "plain set inside", err, TryAgain)
		_, err = a.client.Begin(t.Context(), []crypto.RecordKey{y}, nil)
		wantKind(t, "second begin", err, TryAgain)
		time.Sleep(10 * time.Minute) // it is kept alive
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Get(t.Context(), x, 0); KindOf(err) != TransactionNotFound {
			t.Errorf("used after the end: %v", err)
		}
		must(b.client.Open(t.Context(), x, nil, OpenOptions{}, plainSafety))(t)
		must(b.client.Open(t.Context(), y, nil, OpenOptions{}, plainSafety))(t)
		if v := b.get(x, 0); textOf(v) != "x0" || v.Seq != 1 {
			t.Errorf("read %s", textOf(v))
		}
		for k := range uint32(40) {
			if v := b.get(y, k); textOf(v) != fmt.Sprint("y", k) {
				t.Errorf("subkey %d: %s", k, textOf(v))
			}
			if v := must(a.client.Get(t.Context(), y, k, false))(t); textOf(v) != fmt.Sprint("y", k) {
				t.Errorf("own copy of subkey %d: %s", k, textOf(v))
			}
		}
		time.Sleep(11 * time.Second)
		if n := f.left(); n != 0 {
			t.Errorf("%d transactions are left with nodes", n)
		}
		if s := a.client.Stats(); s.Transactions != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestTransactionEndsWithoutCommit(t *testing.T) {
	ends := map[string]struct {
		end  func(t *testing.T, a *fabricNode, tx *Transaction, key crypto.RecordKey)
		then ErrorKind // of a commit
	}{
		"rollback": {func(t *testing.T, _ *fabricNode, tx *Transaction, _ crypto.RecordKey) {
			if err := tx.Rollback(t.Context()); err != nil {
				t.Error(err)
			}
		}, TransactionNotFound},
		"release": {func(_ *testing.T, _ *fabricNode, tx *Transaction, _ crypto.RecordKey) { tx.Release() }, TransactionNotFound},
		"close of the record": {func(t *testing.T, a *fabricNode, tx *Transaction, key crypto.RecordKey) {
			if err := a.client.CloseRecord(t.Context(), key); err != nil {
				t.Error(err)
			}
		}, TransactionNotFound},
		"loss of its nodes": {func(t *testing.T, a *fabricNode, tx *Transaction, key crypto.RecordKey) {
			for _, m := range a.f.nodes {
				m.crashServer()
			}
			time.Sleep(6 * time.Second)
			_, err := tx.Get(t.Context(), key, 0)
			wantKind(t, "get", err, TryAgain)
		}, TryAgain},
		"expiry while cut off": {func(t *testing.T, a *fabricNode, tx *Transaction, key crypto.RecordKey) {
			a.setPart(1)
			time.Sleep(25 * time.Second)
			a.setPart(0)
		}, TryAgain},
	}
	for name, test := range ends {
		t.Run(name, func(t *testing.T) {
			inFabric(t, 12, func(t *testing.T, f *fabric) {
				a, b := f.nodes[0], f.nodes[1]
				a.startClient()
				b.startClient()
				key := a.create(1)
				writer := a.writer(key)
				a.set(key, 0, "before")
				time.Sleep(2 * time.Second)
				tx := a.begin(key)
				a.stage(tx, key, 0, "staged")
				test.end(t, a, tx, key)
				wantKind(t, "commit", tx.Commit(t.Context()), test.then)
				time.Sleep(12 * time.Second)
				if n := f.left(); n != 0 {
					t.Errorf("%d transactions are left with nodes", n)
				}
				must(b.client.Open(t.Context(), key, nil, OpenOptions{}, plainSafety))(t)
				if v := b.get(key, 0); textOf(v) != "before" {
					t.Errorf("read %s", textOf(v))
				}
				must(a.client.Open(t.Context(), key, &writer, OpenOptions{}, plainSafety))(t)
				again := a.begin(key)
				a.stage(again, key, 0, "after")
				if err := again.Commit(t.Context()); err != nil {
					t.Error(err)
				}
				if v := b.get(key, 0); textOf(v) != "after" {
					t.Errorf("read %s", textOf(v))
				}
			})
		})
	}
}

func TestTransactionConflict(t *testing.T) {
	inFabric(t, 12, func(t *testing.T, f *fabric) {
		a, b := f.nodes[0], f.nodes[1]
		a.startClient()
		b.startClient()
		key := a.create(2)
		a.set(key, 0, "0")
		b.share(a, key)
		b.get(key, 0)
		first, second := a.begin(key), b.begin(key)
		a.stage(first, key, 0, "a")
		b.stage(second, key, 1, "b")
		if err := first.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		err := second.Commit(t.Context())
		wantKind(t, "commit of the second", err, TryAgain)
		if x, y := b.get(key, 0), b.get(key, 1); textOf(x) != "a" || y != nil {
			t.Errorf("read %s, %s", textOf(x), textOf(y))
		}
		// A plain write in between spoils a transaction too.
		third := a.begin(key)
		a.stage(third, key, 1, "c")
		if v := b.set(key, 0, "plain"); v != nil {
			t.Fatalf("set: %s", textOf(v))
		}
		wantKind(t, "commit of the third", third.Commit(t.Context()), TryAgain)
		// And one that begins on an old copy is told of the newer value.
		fourth := a.begin(key)
		if v := must(fourth.Get(t.Context(), key, 0))(t); textOf(v) != "plain" {
			t.Errorf("read %s", textOf(v))
		}
		if err := fourth.Commit(t.Context()); err != nil {
			t.Error(err)
		}
		if v := must(a.client.Get(t.Context(), key, 0, false))(t); textOf(v) != "plain" {
			t.Errorf("own copy %s", textOf(v))
		}
	})
}

func TestTransactionNeedsFiveNodes(t *testing.T) {
	inFabric(t, 10, func(t *testing.T, f *fabric) {
		a := f.nodes[0]
		a.startClient()
		key := a.create(1)
		for _, m := range f.nodes[5:] {
			m.setDown(true)
		}
		_, err := a.client.Begin(t.Context(), []crypto.RecordKey{key}, nil)
		wantKind(t, "begin with four", err, TryAgain)
		f.nodes[5].setDown(false)
		tx := a.begin(key)
		a.stage(tx, key, 0, "five")
		if err := tx.Commit(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestTransactionSurvivesLoss(t *testing.T) {
	inFabric(t, 16, func(t *testing.T, f *fabric) {
		a := f.nodes[0]
		a.startClient()
		key := a.create(4)
		f.setLoss(0.05)
		committed := 0
		for round := range 20 {
			tx, err := a.client.Begin(t.Context(), []crypto.RecordKey{key}, nil)
			if err != nil {
				wantKind(t, "begin", err, TryAgain)
				time.Sleep(3 * time.Second)
				continue
			}
			bad := false
			for k := range uint32(4) {
				v, err := tx.Set(t.Context(), key, k, fmt.Append(nil, round), SetOptions{})
				for try := 0; try < 3 && KindOf(err) == TryAgain; try++ { // as applications do
					v, err = tx.Set(t.Context(), key, k, fmt.Append(nil, round), SetOptions{})
				}
				bad = bad || v != nil || err != nil
			}
			if bad {
				tx.Release()
				continue
			}
			if err := tx.Commit(t.Context()); err != nil {
				wantKind(t, "commit", err, TryAgain)
				continue
			}
			committed++
			// Whatever a node has, it has of one commit.
			for n, m := range f.nodes {
				seqs, _ := m.server.cfg.Store.Seqs(key.Opaque, SubkeysOf(AllSubkeys(), 4))
				for _, seq := range seqs {
					if seq != seqs[0] {
						t.Errorf("round %d: node %d has %v", round, n, seqs)
						break
					}
				}
			}
			if v := must(a.client.Get(t.Context(), key, 3, false))(t); textOf(v) != fmt.Sprint(round) {
				t.Errorf("round %d: own copy is %s", round, textOf(v))
			}
		}
		if committed < 10 {
			t.Errorf("%d of 20 transactions were committed", committed)
		}
	})
}

func TestSetIsRehydratedTogether(t *testing.T) {
	inFabric(t, 12, func(t *testing.T, f *fabric) {
		a, b := f.nodes[0], f.nodes[1]
		a.startClient()
		b.startClient()
		x, y := a.create(1), a.create(2)
		tx := a.begin(x, y)
		a.stage(tx, x, 0, "x")
		a.stage(tx, y, 1, "y")
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		a.crashClient()
		for _, m := range f.nodes {
			m.tables = newMemoryTables()
			m.startServer()
		}
		must(a.client.Open(t.Context(), x, nil, OpenOptions{}, plainSafety))(t)
		time.Sleep(30 * time.Second)
		for key, want := range map[*crypto.RecordKey]string{&x: "x", &y: "y"} {
			must(b.client.Open(t.Context(), *key, nil, OpenOptions{}, plainSafety))(t)
			k := uint32(0)
			if want == "y" {
				k = 1
			}
			if v := b.get(*key, k); textOf(v) != want {
				t.Errorf("%s: read %s", want, textOf(v))
			}
		}
		if n := holding(f.seqsAt(y.Opaque, 1), 0); n < 5 {
			t.Errorf("%d nodes hold the other record", n)
		}
	})
}

// Records taken in later may be signed for by another key, and keep it.
func TestExtendWithAnotherSigner(t *testing.T) {
	inFabric(t, 8, func(t *testing.T, f *fabric) {
		owner, reader := f.nodes[0], f.nodes[1]
		owner.startClient()
		reader.startClient()
		var keys []crypto.RecordKey
		for range 3 {
			key := owner.create(1)
			owner.set(key, 0, "before")
			must(reader.client.Open(t.Context(), key, nil, OpenOptions{}, plainSafety))(t)
			keys = append(keys, key)
		}
		first, second := newPair(t, f.sys), newPair(t, f.sys)
		tx, err := reader.client.Begin(t.Context(), keys[:1], &first)
		if err != nil {
			t.Fatal(err)
		}
		if err := tx.Extend(t.Context(), keys[:2], &second); err != nil {
			t.Fatal(err)
		}
		if err := tx.Extend(t.Context(), keys[2:], nil); err != nil {
			t.Fatal(err)
		}
		for i, key := range keys {
			if _, err := tx.Get(t.Context(), key, 0); err != nil {
				t.Errorf("get %d: %v", i, err)
			}
		}
		want := []crypto.PublicKey{first.Public, second.Public, first.Public}
		seen := 0
		for _, q := range reader.takeAsked() {
			var key crypto.OpaqueRecordKey
			switch d := q.Detail.(type) {
			case *wire.TransactBeginQ:
				key = d.Key
			default:
				continue
			}
			seen++
			for i := range keys {
				if keys[i].Opaque == key && q.Signer.PublicKey() != want[i] {
					t.Errorf("a %T on record %d is signed by %v", q.Detail, i, q.Signer.PublicKey())
				}
			}
		}
		if seen < 15 { // five for each at least
			t.Errorf("%d begins", seen)
		}
		tx.Release()
	})
}

func TestTransactionLimits(t *testing.T) {
	inFabric(t, 8, func(t *testing.T, f *fabric) {
		a := f.nodes[0]
		a.startClient()
		keys := make([]crypto.RecordKey, 33)
		for i := range keys {
			keys[i] = a.create(1)
		}
		_, err := a.client.Begin(t.Context(), keys, nil)
		wantKind(t, "33 records", err, InvalidArgument)
		tx := a.begin(keys[:32]...)
		wantKind(t, "one more", tx.Extend(t.Context(), keys[32:], nil), InvalidArgument)
		for _, key := range keys[:32] {
			a.stage(tx, key, 0, "all")
		}
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if seqs := f.seqsAt(keys[31].Opaque, 0); holding(seqs, wire.SeqNone) > 3 {
			t.Errorf("the last record is at %v", seqs)
		}
	})
}
