package dht

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// modelSeeds is how many random runs there are: 100, or what VOILE_DHT_SEEDS says;
// VOILE_DHT_SEED runs one alone.
func modelSeeds(t *testing.T) (first, n uint64) {
	t.Helper()
	number := func(name string, other uint64) uint64 {
		text := os.Getenv(name)
		if text == "" {
			return other
		}
		v, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return v
	}
	if one := number("VOILE_DHT_SEED", 0); one > 0 {
		return one, 1
	}
	if testing.Short() {
		return 1, 10
	}
	return 1, number("VOILE_DHT_SEEDS", 100)
}

const (
	modelNodes   = 14
	modelClients = 3
	modelSubkeys = 4 // those above 1 are written by transactions too
	modelSteps   = 60
)

// model is what must hold whatever happens: a written value never gets lost, numbers
// never go back, watchers end with what the others see.
type model struct {
	t       *testing.T
	f       *fabric
	rng     *rand.Rand
	keys    []crypto.RecordKey
	writer  []crypto.KeyPair
	log     []string
	clients []*fabricNode

	wrote map[place]map[uint32]map[string]bool // what anybody tried to write, by number
	done  map[place]uint32                     // greatest number that was acknowledged
	seen  []map[place]uint32                   // greatest number that each client was shown
	told  []map[place]uint32                   // greatest number that each client was told of
	made  int
}

func (m *model) note(format string, args ...any) {
	m.log = append(m.log, fmt.Sprintf("%8.3f ", time.Since(m.started()).Seconds())+fmt.Sprintf(format, args...))
}

func (m *model) started() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }

func (m *model) fatalf(format string, args ...any) {
	m.t.Helper()
	m.t.Fatalf("%s\n%s", fmt.Sprintf(format, args...), strings.Join(m.log, "\n"))
}

func (m *model) tried(p place, seq uint32, data string) {
	if m.wrote[p] == nil {
		m.wrote[p] = make(map[uint32]map[string]bool)
	}
	if m.wrote[p][seq] == nil {
		m.wrote[p][seq] = make(map[string]bool)
	}
	m.wrote[p][seq][data] = true
}

// shown checks a value that a client was given.
func (m *model) shown(c int, p place, v *Value) {
	m.t.Helper()
	last, had := m.seen[c][p]
	switch {
	case v == nil && had:
		m.fatalf("client %d: subkey %d is gone, was at %d", c, p.subkey, last)
	case v == nil:
		return
	case had && v.Seq < last:
		m.fatalf("client %d: subkey %d went back from %d to %d", c, p.subkey, last, v.Seq)
	case !m.wrote[p][v.Seq][string(v.Data)]:
		m.fatalf("client %d: subkey %d is %q at %d, which nobody wrote", c, p.subkey, v.Data, v.Seq)
	}
	m.seen[c][p] = v.Seq
}

// acknowledged notes a write that was said to be done.
func (m *model) acknowledged(c int, p place, seq uint32) {
	m.done[p] = max(m.done[p], seq+1)
	m.seen[c][p] = max(m.seen[c][p], seq)
}

func (m *model) pick() (p place, key crypto.RecordKey) {
	key = m.keys[m.rng.IntN(len(m.keys))]
	return place{key.Opaque, m.rng.Uint32N(modelSubkeys)}, key
}

// nextSeq is the number that a write of a client will have.
func nextSeq(n *fabricNode, p place) uint32 {
	seq, err := NextSeq(n.client.cfg.Store.Seq(p.key, p.subkey))
	if err != nil {
		panic(err)
	}
	return seq
}

func (m *model) set(c int) {
	n := m.clients[c]
	p, key := m.pick()
	m.made++
	data := fmt.Sprintf("%d of %d", m.made, c)
	// A report may come in between and raise the number: any one from here on is ours.
	low := nextSeq(n, p)
	for seq := low; seq < low+6; seq++ {
		m.tried(p, seq, data)
	}
	no := m.rng.IntN(3) == 0
	v, err := n.client.Set(context.Background(), key, p.subkey, []byte(data), SetOptions{NoOffline: no})
	own := n.client.cfg.Store.Seq(p.key, p.subkey)
	m.note("client %d sets %v/%d to %q (number %d or so, must %v): %s, %v; has %d", c, p.key, p.subkey, data, low, no, textOf(v), err, int32(own))
	switch {
	case err != nil:
		if KindOf(err) != TryAgain {
			m.fatalf("set: %v", err)
		}
	case v != nil:
		m.shown(c, p, v)
	default:
		m.acknowledged(c, p, low)
	}
}

func (m *model) get(c int) {
	p, key := m.pick()
	refresh := m.rng.IntN(2) == 0
	v, err := m.clients[c].client.Get(context.Background(), key, p.subkey, refresh)
	m.note("client %d gets %v/%d (refresh %v): %s, %v", c, p.key, p.subkey, refresh, textOf(v), err)
	if err != nil {
		if KindOf(err) != TryAgain {
			m.fatalf("get: %v", err)
		}
		return
	}
	m.shown(c, p, v)
}

func (m *model) transact(c int) {
	n := m.clients[c]
	tx, err := n.client.Begin(context.Background(), slices.Clone(m.keys), nil)
	if err != nil {
		m.note("client %d begins: %v", c, err)
		if KindOf(err) != TryAgain {
			m.fatalf("begin: %v", err)
		}
		return
	}
	defer tx.Release()
	m.made++
	data := fmt.Sprintf("%d together by %d", m.made, c)
	at := make(map[place]uint32)
	for _, key := range m.keys {
		p := place{key.Opaque, 2 + m.rng.Uint32N(modelSubkeys-2)}
		seq, err := NextSeq(max32(tx.records[p.key].newest(p.subkey), tx.records[p.key].local[p.subkey]))
		if err != nil {
			m.fatalf("%v", err)
		}
		m.tried(p, seq, data)
		v, err := tx.Set(context.Background(), key, p.subkey, []byte(data), SetOptions{})
		if err != nil || v != nil {
			m.note("client %d stages %v/%d: %s, %v", c, p.key, p.subkey, textOf(v), err)
			return
		}
		at[p] = seq
	}
	if m.rng.IntN(3) == 0 {
		err := tx.Rollback(context.Background())
		m.note("client %d rolls %q back: %v", c, data, err)
		return
	}
	err = tx.Commit(context.Background())
	m.note("client %d commits %q at %v: %v", c, data, slices.Collect(maps.Values(at)), err)
	if err != nil {
		if KindOf(err) != TryAgain {
			m.fatalf("commit: %v", err)
		}
		return
	}
	for p, seq := range at {
		m.acknowledged(c, p, seq)
	}
}

func max32(a, b uint32) uint32 {
	if NewerSeq(b, a) {
		return b
	}
	return a
}

// trouble does something to the network.
func (m *model) trouble() {
	n := m.f.nodes[m.rng.IntN(len(m.f.nodes))]
	switch m.rng.IntN(8) {
	case 0:
		// What was stored within the last second is lost: one node at a time, so that
		// enough others have it.
		m.note("server %d crashes", n.n)
		n.crashServer()
		time.Sleep(3 * time.Second)
	case 1:
		c := m.rng.IntN(modelClients)
		m.note("client %d crashes", c)
		m.clients[c].crashClient()
		m.listen(c)
		clear(m.told[c]) // what it was told of and did not store, it may be told again
		m.reopen(c)
	case 2:
		part := m.rng.IntN(2)
		m.note("node %d is in part %d", n.n, part)
		n.setPart(part)
	case 3:
		m.note("all in one part")
		for _, n := range m.f.nodes {
			n.setPart(0)
		}
	case 4:
		loss := m.rng.Float64() * 0.2
		m.note("loss %.2f", loss)
		m.f.setLoss(loss)
	case 5:
		m.note("no loss")
		m.f.setLoss(0)
	case 6:
		c := m.rng.IntN(modelClients)
		on := m.rng.IntN(2) == 0
		m.note("client %d ready %v", c, on)
		m.clients[c].setReady(on)
	case 7:
		time.Sleep(time.Duration(m.rng.IntN(40)) * time.Second)
	}
}

// reopen opens and watches the records again after a restart.
func (m *model) reopen(c int) {
	n := m.clients[c]
	for i, key := range m.keys {
		if _, err := n.client.Open(context.Background(), key, &m.writer[i], OpenOptions{}, plainSafety); err != nil {
			m.fatalf("client %d opens again: %v", c, err)
		}
		if _, err := n.client.Watch(context.Background(), key, nil, time.Time{}, 0xFFFFFFFF); err != nil {
			m.fatalf("client %d watches again: %v", c, err)
		}
	}
}

// listen reads what a client was told of without a value.
func (m *model) listen(c int) {
	n := m.clients[c]
	for _, change := range n.takeTold() {
		for _, r := range change.Subkeys {
			for k := r.Start; k <= r.End; k++ {
				p := place{change.Key.Opaque, k}
				if v := change.Value; v != nil {
					// It may have waited while the client did something else, so it is
					// compared with what was told before only.
					if last, had := m.told[c][p]; had && v.Seq <= last || !m.wrote[p][v.Seq][string(v.Data)] {
						m.fatalf("client %d: told of %q at %d in subkey %d, after %d", c, v.Data, v.Seq, k, last)
					}
					m.told[c][p] = v.Seq
					continue
				}
				if v, err := n.client.Get(context.Background(), change.Key, k, true); err == nil {
					m.shown(c, p, v)
				}
			}
		}
	}
}

func (m *model) run() {
	for range modelSteps {
		c := m.rng.IntN(modelClients)
		switch x := m.rng.IntN(20); {
		case x < 8:
			m.set(c)
		case x < 13:
			m.get(c)
		case x < 15:
			m.transact(c)
		default:
			m.trouble()
		}
		m.listen(c)
		time.Sleep(time.Duration(m.rng.IntN(3000)) * time.Millisecond)
	}
	m.settle()
	m.check()
}

// settle heals the network and gives everybody time.
func (m *model) settle() {
	m.note("heal")
	m.f.setLoss(0)
	for _, n := range m.f.nodes {
		n.setPart(0)
		n.setReady(true)
	}
	wait := func(d time.Duration) {
		for range int(d / (10 * time.Second)) {
			time.Sleep(10 * time.Second)
			for c := range modelClients {
				m.listen(c)
			}
		}
	}
	wait(2 * time.Minute)
	// Whoever reads takes records out of the sets that they were committed with: as long
	// as they are in them, a set that is newer anywhere is not brought back at all.
	for c, n := range m.clients {
		for _, key := range m.keys {
			for k := range uint32(modelSubkeys) {
				v, err := n.client.Get(context.Background(), key, k, true)
				if err != nil {
					m.fatalf("client %d reads: %v", c, err)
				}
				m.shown(c, place{key.Opaque, k}, v)
			}
		}
	}
	// Values that were written while the nearest nodes were away are with others, where
	// a read may not look. Every client that opens a record brings it back.
	for c := range modelClients {
		m.clients[c].crashClient()
		m.listen(c)
		clear(m.told[c])
		m.reopen(c)
		wait(time.Minute)
	}
	wait(10 * time.Minute)
}

func (m *model) check() {
	for _, key := range m.keys {
		m.note("%v: one of a set for %v", key.Opaque, m.sets(key.Opaque))
	}
	for c, n := range m.clients {
		for _, key := range m.keys {
			r, err := n.client.Inspect(context.Background(), key, nil, ScopeLocal)
			if err != nil {
				m.fatalf("client %d inspects: %v", c, err)
			}
			if len(r.Offline) > 0 {
				m.fatalf("client %d: %v waits to be written", c, r.Offline)
			}
		}
	}
	// A write that was refused may have left its value with a node that hardly anybody
	// asks. Once a client has found it, the others find it too.
	for range 3 {
		if m.agree() {
			break
		}
		time.Sleep(2 * time.Minute)
	}
	for _, key := range m.keys {
		for k := range uint32(modelSubkeys) {
			p := place{key.Opaque, k}
			best := wire.SeqNone
			for c, n := range m.clients {
				watched := n.client.cfg.Store.Seq(p.key, k) // before we look
				if told, ok := m.told[c][p]; ok {
					watched = max32(watched, told) // of a set it is told, not stored
				}
				v, err := n.client.Get(context.Background(), key, k, true)
				if err != nil {
					m.fatalf("client %d reads: %v", c, err)
				}
				m.shown(c, p, v)
				seq := wire.SeqNone
				if v != nil {
					seq = v.Seq
				}
				if c > 0 && seq != best {
					m.fatalf("subkey %d: client %d sees %d, another one %d: %v", k, c, int32(seq), int32(best), m.f.seqsAt(p.key, k))
				}
				best = seq
				if watched != seq {
					m.fatalf("subkey %d: client %d has %d of what it watches, the network %d: %v", k, c, int32(watched), int32(seq), m.f.seqsAt(p.key, k))
				}
			}
			if done := m.done[p]; done > 0 && best+1 < done {
				m.fatalf("subkey %d: number %d was acknowledged, %d is left", k, done-1, int32(best))
			}
		}
	}
	if n := m.f.left(); n > 0 {
		m.fatalf("%d transactions are left with nodes", n)
	}
}

// agree lets all clients read everything and reports whether they see the same.
func (m *model) agree() bool {
	same := true
	for _, key := range m.keys {
		for k := range uint32(modelSubkeys) {
			first := wire.SeqNone
			for c, n := range m.clients {
				v, err := n.client.Get(context.Background(), key, k, true)
				if err != nil {
					m.fatalf("client %d reads: %v", c, err)
				}
				m.shown(c, place{key.Opaque, k}, v)
				seq := wire.SeqNone
				if v != nil {
					seq = v.Seq
				}
				if c == 0 {
					first = seq
				}
				same = same && seq == first
			}
		}
	}
	return same
}

// TestModel runs random operations of several clients over a network with faults and
// compares with what must hold.
func TestModel(t *testing.T) {
	first, n := modelSeeds(t)
	for seed := first; seed < first+n; seed++ {
		ok := t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFabric(t, seed, modelNodes)
				defer f.close()
				m := &model{
					t: t, f: f, rng: rand.New(rand.NewPCG(seed, 11)),
					wrote: map[place]map[uint32]map[string]bool{}, done: map[place]uint32{},
				}
				for c := range modelClients {
					n := f.nodes[c]
					n.startClient()
					m.clients = append(m.clients, n)
					m.seen = append(m.seen, map[place]uint32{})
					m.told = append(m.told, map[place]uint32{})
				}
				for range 2 {
					key := m.clients[0].create(modelSubkeys)
					m.keys = append(m.keys, key)
					m.writer = append(m.writer, m.clients[0].writer(key))
					for k := range uint32(modelSubkeys) {
						m.tried(place{key.Opaque, k}, 0, "begin")
						m.clients[0].set(key, k, "begin")
					}
				}
				time.Sleep(2 * time.Second)
				for c := range modelClients {
					m.reopen(c)
				}
				m.run()
			})
		})
		if !ok {
			t.Fatalf("repeat with VOILE_DHT_SEED=%d", seed)
		}
	}
}

// sets tells which clients take a record for one of a set.
func (m *model) sets(key crypto.OpaqueRecordKey) (list []bool) {
	for _, n := range m.clients {
		n.client.mu.Lock()
		list = append(list, len(n.client.records[key].detail.set) > 0)
		n.client.mu.Unlock()
	}
	return list
}
