package table

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/memory"
)

// TestModel compares random operations with plain maps, with the store closed and
// opened again in between.
func TestModel(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		kv := memory.NewKeyValueStore()
		for seed := range uint64(4) {
			if err := Wipe(t.Context(), kv); err != nil {
				t.Fatal(err)
			}
			runModel(t, seed, 3000, func() (platform.KeyValueStore, func()) { return kv, func() {} })
		}
	})
	t.Run("file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "store.db")
		runModel(t, 99, 600, func() (platform.KeyValueStore, func()) {
			kv := openFile(t, path)
			return kv, func() { shut(t, kv) }
		})
	})
}

// model is what there should be.
type model struct {
	t     *testing.T
	rnd   *rand.Rand
	names map[string]*modelTable
	store *Store
	open  []*modelHandle
}

type modelTable struct {
	columns uint32
	rows    map[string]string // by column and key
	refs    int               // handles and transactions
}

type modelHandle struct {
	table   *modelTable
	db      *DB
	columns uint32
	tx      *Tx               // nil: none is open
	changes map[string]string // of tx
}

const gone = "\x00gone"

func runModel(t *testing.T, seed uint64, steps int, open func() (kv platform.KeyValueStore, done func())) {
	t.Helper()
	m := &model{t: t, rnd: rand.New(rand.NewPCG(seed, 1)), names: make(map[string]*modelTable)}
	kv, done := open()
	m.store = openStore(t, kv)
	for step := range steps {
		switch n := m.rnd.IntN(100); {
		case n < 2:
			m.checkAll()
			shut(t, m.store)
			done()
			kv, done = open()
			m.store = openStore(t, kv)
			for _, h := range m.open {
				h.table.refs = 0
			}
			m.open = nil
		case n < 12:
			m.openTable()
		case n < 18 && len(m.open) > 0:
			m.closeHandle()
		case n < 22:
			m.deleteTable()
		case n < 25:
			m.renameTable()
		case len(m.open) > 0:
			m.use(m.open[m.rnd.IntN(len(m.open))])
		}
		if t.Failed() {
			t.Fatalf("step %d of seed %d", step, seed)
		}
	}
	m.checkAll()
	shut(t, m.store)
	done()
}

func (m *model) name() string { return fmt.Sprintf("t%d", m.rnd.IntN(5)) }

func (m *model) openTable() {
	name, columns := m.name(), uint32(1+m.rnd.IntN(4))
	t := m.names[name]
	db, err := m.store.OpenDB(context.Background(), name, columns)
	switch {
	case t == nil:
		t = &modelTable{columns: columns, rows: make(map[string]string)}
		m.names[name] = t
	case columns > t.columns && t.refs > 0:
		if want := (&GrowError{t.columns, columns}).Error(); err == nil || err.Error() != want {
			m.t.Errorf("OpenDB(%s, %d): %v, want %s", name, columns, err, want)
		}
		return
	}
	if err != nil {
		m.t.Errorf("OpenDB(%s, %d): %v", name, columns, err)
		return
	}
	t.columns = max(t.columns, columns)
	t.refs++
	if db.ColumnCount() != t.columns {
		m.t.Errorf("ColumnCount = %d, want %d", db.ColumnCount(), t.columns)
	}
	m.open = append(m.open, &modelHandle{table: t, db: db, columns: columns})
}

// closeHandle forgets a handle; its transaction ends half of the times before,
// half of the times after.
func (m *model) closeHandle() {
	i := m.rnd.IntN(len(m.open))
	h := m.open[i]
	m.open = append(m.open[:i], m.open[i+1:]...)
	if m.rnd.IntN(2) == 0 {
		m.endTx(h)
	}
	shut(m.t, h.db)
	h.table.refs--
	m.endTx(h)
}

func (m *model) deleteTable() {
	name := m.name()
	t := m.names[name]
	ok, err := m.store.Delete(context.Background(), name)
	switch {
	case t != nil && t.refs > 0:
		if err != ErrStillOpen {
			m.t.Errorf("Delete of an open table: %v", err)
		}
	case err != nil || ok != (t != nil):
		m.t.Errorf("Delete = %v, %v; want %v", ok, err, t != nil)
	default:
		delete(m.names, name)
	}
}

func (m *model) renameTable() {
	from, to := m.name(), m.name()
	var want error
	switch {
	case m.names[to] != nil:
		want = ErrExists
	case m.names[from] == nil:
		want = ErrNotFound
	default:
		m.names[to] = m.names[from]
		delete(m.names, from)
	}
	if err := m.store.Rename(context.Background(), from, to); err != want {
		m.t.Errorf("Rename(%s, %s): %v, want %v", from, to, err, want)
	}
}

// use does something with a row.
func (m *model) use(h *modelHandle) {
	ctx := context.Background()
	column := uint32(m.rnd.IntN(int(h.columns)))
	key := strings.Repeat("k", m.rnd.IntN(6)) // few, so that they meet
	if m.rnd.IntN(10) == 0 {
		key = strings.Repeat("long", 300+m.rnd.IntN(3))
	}
	value := strings.Repeat("v", m.rnd.IntN(3000))
	id := fmt.Sprintf("%d %s", column, key)
	have, exists := h.table.rows[id]
	switch m.rnd.IntN(8) {
	case 0, 1:
		h.table.rows[id] = value
		if err := h.db.Store(ctx, column, []byte(key), []byte(value)); err != nil {
			m.t.Errorf("Store: %v", err)
		}
	case 2:
		delete(h.table.rows, id)
		old, found, err := h.db.Delete(ctx, column, []byte(key))
		if err != nil || found != exists || string(old) != have {
			m.t.Errorf("Delete(%s) = %.20q, %v, %v; want %.20q, %v", id, old, found, err, have, exists)
		}
	case 3:
		got, found, err := h.db.Load(ctx, column, []byte(key))
		if err != nil || found != exists || string(got) != have {
			m.t.Errorf("Load(%s) = %.20q, %v, %v; want %.20q, %v", id, got, found, err, have, exists)
		}
	case 4, 5:
		m.beginTx(h)
		h.changes[id] = value
		if err := h.tx.Store(column, []byte(key), []byte(value)); err != nil {
			m.t.Errorf("Tx.Store: %v", err)
		}
	case 6:
		m.beginTx(h)
		h.changes[id] = gone
		if err := h.tx.Delete(column, []byte(key)); err != nil {
			m.t.Errorf("Tx.Delete: %v", err)
		}
	case 7:
		m.endTx(h)
	}
}

func (m *model) beginTx(h *modelHandle) {
	if h.tx != nil {
		return
	}
	var err error
	if h.tx, err = h.db.Transact(); err != nil {
		m.t.Fatalf("Transact: %v", err)
	}
	h.table.refs++
	h.changes = make(map[string]string)
}

func (m *model) endTx(h *modelHandle) {
	if h.tx == nil {
		return
	}
	var err error
	if m.rnd.IntN(3) == 0 {
		err = h.tx.Rollback()
	} else {
		err = h.tx.Commit(context.Background())
		for id, value := range h.changes {
			if value == gone {
				delete(h.table.rows, id)
			} else {
				h.table.rows[id] = value
			}
		}
	}
	if err != nil {
		m.t.Errorf("end of a transaction: %v", err)
	}
	h.tx, h.changes = nil, nil
	h.table.refs--
}

func (m *model) checkAll() {
	ctx := context.Background()
	list, err := m.store.List(ctx)
	if err != nil || len(list) != len(m.names) {
		m.t.Errorf("List = %v, %v; want %d", list, err, len(m.names))
	}
	for _, info := range list {
		t := m.names[info.Name]
		if t == nil || info.Columns != t.columns {
			m.t.Errorf("List has %+v, want %+v", info, t)
			continue
		}
		db, err := m.store.OpenDB(ctx, info.Name, t.columns)
		if err != nil {
			m.t.Errorf("OpenDB: %v", err)
			continue
		}
		got := make(map[string]string)
		for column := range t.columns {
			for key, value := range contents(m.t, db, column) {
				got[fmt.Sprintf("%d %s", column, key)] = value
			}
		}
		if !maps.Equal(got, t.rows) {
			m.t.Errorf("table %s holds %d rows, want %d, or their values differ", info.Name, len(got), len(t.rows))
		}
		shut(m.t, db)
	}
}
