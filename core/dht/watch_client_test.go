package dht

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/wire"
)

func TestWatchDelivery(t *testing.T) {
	inFabric(t, 16, func(t *testing.T, f *fabric) {
		a, b := f.nodes[0], f.nodes[1]
		a.startClient()
		b.startClient()
		key := a.create(4)
		a.set(key, 0, "0")
		must(b.client.Open(t.Context(), key, nil, OpenOptions{}, plainSafety))(t)
		b.get(key, 0)
		if ok := must(b.client.Watch(t.Context(), key, nil, time.Time{}, 0xFFFFFFFF))(t); !ok {
			t.Fatal("not watched")
		}
		next := func(what string, want string, within time.Duration) {
			t.Helper()
			for range int(within / time.Second) {
				time.Sleep(time.Second)
				if list := b.takeTold(); len(list) > 0 {
					if len(list) > 1 || textOf(list[0].Value) != want {
						t.Fatalf("%s: told of %+v", what, list)
					}
					return
				}
			}
			t.Fatalf("%s: told of nothing in %v", what, within)
		}
		time.Sleep(3 * time.Second)
		if n := len(b.client.WatchNodes()); n != 3 {
			t.Fatalf("%d nodes watch", n)
		}
		a.set(key, 0, "1")
		next("a change", "1", 5*time.Second)

		// All watches are lost: the servers start anew. What they store is still there.
		time.Sleep(3 * time.Second)
		for _, m := range f.nodes {
			m.crashServer()
		}
		a.set(key, 0, "2")
		next("after a restart of all", "2", 35*time.Second)
		time.Sleep(5 * time.Second)
		a.set(key, 0, "3")
		next("and again, by fresh watches", "3", 5*time.Second)

		// The watcher restarts; a new watch finds what it has missed.
		b.crashClient()
		a.set(key, 0, "4")
		must(b.client.Open(t.Context(), key, nil, OpenOptions{}, plainSafety))(t)
		must(b.client.Watch(t.Context(), key, nil, time.Time{}, 0xFFFFFFFF))(t)
		next("what was missed", "4", 8*time.Second)
		a.set(key, 0, "5")
		next("after a restart of the watcher", "5", 5*time.Second)

		// It lives on beyond what nodes grant at once.
		time.Sleep(45 * time.Minute)
		if list := b.takeTold(); len(list) > 0 {
			t.Errorf("told of %+v while nothing happened", list)
		}
		a.set(key, 0, "6")
		next("after 45 minutes", "6", 5*time.Second)

		// Cut off, and back.
		b.setReady(false)
		b.setPart(1)
		a.set(key, 0, "7")
		time.Sleep(20 * time.Minute)
		b.setPart(0)
		b.setReady(true)
		next("back in the network", "7", 30*time.Second)
		time.Sleep(10 * time.Second)
		a.set(key, 0, "8")
		next("and told again", "8", 5*time.Second)

		if left := must(b.client.CancelWatch(t.Context(), key, nil))(t); left {
			t.Error("still watched")
		}
		time.Sleep(5 * time.Second)
		if list := b.takeTold(); len(list) != 1 || list[0].Count != 0 || len(list[0].Subkeys) != 0 {
			t.Errorf("at the end told of %+v", list)
		}
		watches := 0
		for _, m := range f.nodes {
			watches += m.server.Stats().Watches
		}
		if watches != 0 {
			t.Errorf("%d watches are left with nodes", watches)
		}
	})
}

func TestWatchCounts(t *testing.T) {
	inFabric(t, 8, func(t *testing.T, f *fabric) {
		a, b := f.nodes[0], f.nodes[1]
		a.startClient()
		b.startClient()
		key := a.create(2)
		a.set(key, 0, "0")
		b.share(a, key)
		_, err := b.client.Watch(t.Context(), key, nil, time.Now().Add(time.Second), 3)
		wantKind(t, "expires too soon", err, InvalidArgument)
		must(b.client.Watch(t.Context(), key, []wire.SubkeyRange{{Start: 0, End: 0}}, time.Now().Add(30*time.Second), 3))(t)
		time.Sleep(4 * time.Second)
		b.takeTold() // our copy was empty
		for i := range 2 {
			a.set(key, 0, fmt.Sprint("change ", i))
			a.set(key, 1, "not watched")
			time.Sleep(3 * time.Second)
		}
		list := b.takeTold()
		if len(list) != 3 {
			t.Fatalf("told of %+v", list)
		}
		for i, want := range []ValueChange{
			{Subkeys: []wire.SubkeyRange{{Start: 0, End: 0}}, Count: 1, Value: &Value{Data: []byte("change 0")}},
			{Subkeys: []wire.SubkeyRange{{Start: 0, End: 0}}, Count: 0, Value: &Value{Data: []byte("change 1")}},
			{},
		} {
			if got := list[i]; got.Count != want.Count || !slices.Equal(got.Subkeys, want.Subkeys) || textOf(got.Value) != textOf(want.Value) {
				t.Errorf("told of %+v, want %+v", got, want)
			}
		}
	})
}

func TestReportsFromStrangers(t *testing.T) {
	inFabric(t, 10, func(t *testing.T, f *fabric) {
		a, b := f.nodes[0], f.nodes[1]
		a.startClient()
		b.startClient()
		key := a.create(2)
		a.set(key, 0, "0")
		a.set(key, 1, "1")
		must(b.client.Open(t.Context(), key, nil, OpenOptions{}, plainSafety))(t)
		b.get(key, 0)
		b.get(key, 1)
		must(b.client.Watch(t.Context(), key, nil, time.Time{}, 100))(t)
		time.Sleep(4 * time.Second)
		b.takeTold()
		b.client.mu.Lock()
		node := b.client.watches[key.Opaque].nodes[0]
		d := b.client.records[key.Opaque].d
		b.client.mu.Unlock()
		sys := f.sys
		writer := a.writer(key)
		signed := func(seq uint32, text string) *wire.SignedValueData {
			v := must(EncryptValue(sys, key.Encryption, writer.Public, seq, []byte(text)))(t)
			return must(SignValue(sys, writer, d.Owner(), 0, v))(t)
		}
		bad := signed(9, "bad")
		bad.Signature.Value[3] ^= 1
		change := func(count uint32, id uint64, v *wire.SignedValueData, subkeys ...wire.SubkeyRange) *wire.ValueChanged {
			return &wire.ValueChanged{Key: key.Opaque, Subkeys: subkeys, Count: count, WatchID: id, Value: v}
		}
		zero := wire.SubkeyRange{}
		tests := []struct {
			name   string
			change *wire.ValueChanged
			from   *fabricNode
			told   int
		}{
			{"another node", change(90, node.watchID, signed(5, "x"), zero), a, 0},
			{"another watch", change(90, node.watchID+1, signed(5, "x"), zero), f.byID(node.id), 0},
			{"nothing changed", change(90, node.watchID, nil), f.byID(node.id), 0},
			{"broken signature", change(90, node.watchID, bad, zero), f.byID(node.id), 0},
			{"old value", change(89, node.watchID, signed(0, "x"), zero), f.byID(node.id), 0},
			{"a value", change(88, node.watchID, signed(5, "x"), zero), f.byID(node.id), 1},
			{"the same again", change(88, node.watchID, signed(5, "x"), zero), f.byID(node.id), 0},
			{"several", change(87, node.watchID, signed(7, "x"), wire.SubkeyRange{Start: 0, End: 1}), f.byID(node.id), 1},
			{"several, not read since", change(86, node.watchID, nil, wire.SubkeyRange{Start: 0, End: 1}), f.byID(node.id), 0},
			{"count goes up", change(99, node.watchID, signed(6, "x"), zero), f.byID(node.id), 0},
			{"then the node counts no more", change(80, node.watchID, signed(6, "y"), zero), f.byID(node.id), 0},
		}
		for _, test := range tests {
			_ = b.client.ValueChanged(context.Background(), test.change, test.from.id) // broken ones are errors
			if got := len(b.takeTold()); got != test.told {
				t.Errorf("%s: told %d times, want %d", test.name, got, test.told)
			}
			if test.name == "count goes up" {
				time.Sleep(2 * time.Second)
				b.takeTold()
			}
		}
	})
}

func TestWatchKeepsItsRoutesAlive(t *testing.T) {
	inFabric(t, 10, func(t *testing.T, f *fabric) {
		a, b := f.nodes[0], f.nodes[1]
		a.startClient()
		b.startClient()
		key := a.create(2)
		a.set(key, 0, "0")
		safe := route.Safe(route.SafetySpec{HopCount: 1, Stability: route.Reliable, Sequencing: wire.PreferOrdered})
		must(b.client.Open(t.Context(), key, nil, OpenOptions{}, safe))(t)
		must(b.client.Watch(t.Context(), key, nil, time.Time{}, 100))(t)
		time.Sleep(5 * time.Second)
		watchQuestions := func() (list []Question) {
			for _, q := range b.takeAsked() {
				if _, ok := q.Detail.(*wire.WatchValueQ); ok {
					list = append(list, q)
				}
			}
			return list
		}
		asked := watchQuestions()
		if len(asked) < 3 {
			t.Fatalf("%d nodes were asked", len(asked))
		}
		for _, q := range asked {
			if spec, safe := q.Safety.Spec(); !safe || spec.Preferred.IsZero() || q.Signer == nil {
				t.Errorf("asked with %+v", q.Safety)
			}
		}
		// Nothing to do while all is well.
		time.Sleep(20 * time.Second)
		if asked = watchQuestions(); len(asked) > 0 {
			t.Errorf("asked %d times without need", len(asked))
		}
		// A route dies: its node is told of another one.
		b.client.mu.Lock()
		spec, _ := b.client.watches[key.Opaque].nodes[0].safety.Spec()
		b.client.mu.Unlock()
		b.mu.Lock()
		delete(b.routes, spec.Preferred)
		b.mu.Unlock()
		time.Sleep(3 * time.Second)
		if asked = watchQuestions(); len(asked) != 1 || asked[0].Detail.(*wire.WatchValueQ).WatchID == 0 {
			t.Fatalf("asked %+v", asked)
		}
		if again, _ := asked[0].Safety.Spec(); again.Preferred == spec.Preferred {
			t.Error("by the dead route")
		}
		// What is wanted changes: all learn it at once.
		must(b.client.Watch(t.Context(), key, []wire.SubkeyRange{{Start: 1, End: 1}}, time.Time{}, 7))(t)
		time.Sleep(3 * time.Second)
		if asked = watchQuestions(); len(asked) != 3 {
			t.Fatalf("%d nodes were told", len(asked))
		}
		for _, q := range asked {
			if d := q.Detail.(*wire.WatchValueQ); d.Count != 7 || d.WatchID == 0 || len(d.Subkeys) != 1 || d.Subkeys[0].Start != 1 {
				t.Errorf("told %+v", d)
			}
		}
	})
}
