package route

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/packed"
)

// A store that comes back is as it was, but nothing is published.
func TestSaveAndLoad(t *testing.T) {
	n := newNet(t, 8, nil)
	for i := range 4 {
		id := n.allocate(t, AllocateRequest{
			HopCount: i + 1, Ordering: Ordering(i % 2), Stability: Stability(i % 2), Automatic: i == 0, Directions: Directions(1 + i%3),
		})
		n.with(t, id, func(a *allocated) {
			o := &a.stats.per[a.ordering]
			o.lastValid, o.lastAnswer, o.failedToSend, o.loopFails, o.answers = start, start, i, i, 7
			a.stats.latency.add(time.Duration(i) * time.Millisecond)
			a.stats.sent, a.stats.rcvd = 10, 20
			o.addLost(n.others[0].pair.Public, 1)
		})
	}
	dead := n.allocate(t, AllocateRequest{HopCount: 1, Ordering: Ordered})
	n.with(t, dead, func(a *allocated) { a.marked = true })
	data := n.store.Save()
	n.store.Release(dead)
	other := n.newStore(t, nil)
	if err := other.Load(data); err != nil {
		t.Fatal(err)
	}
	want, got := n.store.Routes(start), other.Routes(start)
	if len(want) != 4 || !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	for _, info := range want {
		a, _ := n.store.OwnRoute(info.Keys[0])
		b, ok := other.OwnRoute(info.Keys[0])
		if !ok || !a.Secret.Equal(b.Secret) || !reflect.DeepEqual(a.Hops, b.Hops) {
			t.Errorf("route %v is another", info.ID)
		}
	}
	if !bytes.Equal(other.Save(), data) {
		t.Error("saves to other bytes")
	}
	if text := fmt.Sprintf("%+v", want); strings.Contains(text, "…") {
		t.Error("the description holds secrets")
	}
}

func TestLoadDropsUnknownHops(t *testing.T) {
	n := newNet(t, 3, nil)
	for range 3 {
		n.allocate(t, AllocateRequest{HopCount: 1, Ordering: Ordered})
	}
	data := n.store.Save()
	delete(n.table.known, n.others[1].id)
	other := n.newStore(t, nil)
	if err := other.Load(data); err != nil {
		t.Fatal(err)
	}
	routes := other.Routes(start)
	if len(routes) != 2 {
		t.Errorf("%d routes", len(routes))
	}
	for _, r := range routes {
		if r.Hops[0] == n.others[1].id {
			t.Error("a route over a node that is not known")
		}
	}
	// Loading twice adds nothing.
	if err := other.Load(data); err != nil || len(other.Routes(start)) != 2 {
		t.Errorf("loaded twice: %d routes, %v", len(other.Routes(start)), err)
	}
}

func TestLoadFaults(t *testing.T) {
	n := newNet(t, 3, nil)
	n.allocate(t, AllocateRequest{HopCount: 2, Ordering: Ordered})
	data := n.store.Save()
	for i := range data {
		if err := n.newStore(t, nil).Load(data[:i]); !errors.Is(err, ErrContent) {
			t.Fatalf("the first %d bytes: %v", i, err)
		}
	}
	for name, change := range map[string]func(*storedContent){
		"version":            func(c *storedContent) { c.Version = 1 },
		"ordering":           func(c *storedContent) { c.Routes[0].Ordering = 2 },
		"directions":         func(c *storedContent) { c.Routes[0].Directions = 4 },
		"per ordering":       func(c *storedContent) { c.Routes[0].Per = nil },
		"secret":             func(c *storedContent) { c.Routes[0].Sets[0].Secret[0] ^= 1 },
		"secret length":      func(c *storedContent) { c.Routes[0].Sets[0].Secret = nil },
		"public length":      func(c *storedContent) { c.Routes[0].Sets[0].Public = make([]byte, 31) },
		"no hops":            func(c *storedContent) { c.Routes[0].Sets[0].Hops = nil },
		"six hops":           func(c *storedContent) { c.Routes[0].Sets[0].Hops = make([][]byte, 6) },
		"hop length":         func(c *storedContent) { c.Routes[0].Sets[0].Hops[1] = []byte{1} },
		"a negative count":   func(c *storedContent) { c.Routes[0].Per[0].FailedToSend = -1 },
		"a lost key":         func(c *storedContent) { c.Routes[0].Per[0].Lost = []storedLost{{Key: []byte{1}, Count: 1}} },
		"samples of latency": func(c *storedContent) { c.Routes[0].Latency = make([]uint64, 51) },
	} {
		var c storedContent
		if err := packed.Read(data, c.fields); err != nil {
			t.Fatal(err)
		}
		change(&c)
		bad := packed.Append(nil, c.fields)
		s := n.newStore(t, nil)
		if err := s.Load(bad); !errors.Is(err, ErrContent) {
			t.Errorf("%s: %v", name, err)
		}
		if len(s.Routes(start)) != 0 {
			t.Errorf("%s: a route was added", name)
		}
	}
	// A kind that is not enabled any more is left out, and the route with its last key.
	var c storedContent
	if err := packed.Read(data, c.fields); err != nil {
		t.Fatal(err)
	}
	c.Routes[0].Sets[0].Kind = uint32(crypto.KindNONE)
	other := packed.Append(nil, c.fields)
	s := n.newStore(t, nil)
	if err := s.Load(other); err != nil || len(s.Routes(start)) != 0 {
		t.Errorf("another kind: %d routes, %v", len(s.Routes(start)), err)
	}
}

func TestSaveState(t *testing.T) {
	n := newNet(t, 3, nil)
	before := n.store.SaveState()
	id := n.allocate(t, AllocateRequest{HopCount: 1, Ordering: Ordered})
	made := n.store.SaveState()
	if made.Changes == before.Changes || made.Urgent {
		t.Errorf("allocated: %+v after %+v", made, before)
	}
	n.store.TestDone(LoopTest{id, Ordered}, passed, start)
	proved := n.store.SaveState()
	if proved.Changes == made.Changes || !proved.Urgent {
		t.Errorf("proved: %+v", proved)
	}
	n.store.Save()
	n.store.TestDone(LoopTest{id, Ordered}, passed, start)
	if s := n.store.SaveState(); s.Changes != proved.Changes || s.Urgent {
		t.Errorf("proved again: %+v", s)
	}
	n.store.Release(id)
	if s := n.store.SaveState(); s.Changes == proved.Changes {
		t.Errorf("released: %+v", s)
	}
}
