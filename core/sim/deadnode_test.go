package sim

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/crypto"
)

// Nodes fall silent, one after the other; any of them may hold the record, watch it, or
// carry the routes of who writes and who watches. Writing goes on at once over other
// routes, and the watch learns of every change.
func TestSilentNodes(t *testing.T) {
	for _, seed := range []uint64{3, 4, 5} {
		synctest.Test(t, func(t *testing.T) { silentNodes(t, seed) })
	}
}

func silentNodes(t *testing.T, seed uint64) {
	net := New(seed)
	defer net.Memory.Close()
	nodes := start(t, net, 10, nil)
	defer func() { closeAll(t, nodes) }()
	if t.Failed() {
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	owner, reader := nodes[0].Context(), nodes[9].Context()
	record, err := owner.CreateRecord(ctx, crypto.BestKind, core.DFLT(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	set := func(text string) time.Duration {
		began := time.Now()
		if v, err := owner.SetValue(ctx, record.Key, 0, []byte(text), core.SetOptions{}); err != nil || v != nil {
			t.Fatalf("set: %v %v", v, err)
		}
		return time.Since(began)
	}
	set("first")
	if _, err := reader.OpenRecord(ctx, record.Key, nil, core.OpenOptions{}); err != nil {
		t.Fatal(err)
	}
	updates := nodes[9].Subscribe(0)
	defer updates.Close()
	if on, err := reader.WatchValues(ctx, record.Key, nil, time.Time{}, 0xFFFFFFFF); err != nil || !on {
		t.Fatalf("watch: %v %v", on, err)
	}
	time.Sleep(10 * time.Second) // the virtual clock: the watch reaches the nodes
	for i := 1; i < 5; i++ {
		nodes[i].Host.SetDown(true)
		text := fmt.Sprint("without ", i)
		if took := set(text); i == 1 && took >= 5*time.Second {
			t.Errorf("a set took %v, as long as a question that is lost", took)
		}
		began := time.Now()
		for seen := false; !seen; {
			u, err := updates.Next(ctx)
			if err != nil {
				t.Fatalf("no change arrives: %v", err)
			}
			c, ok := u.(core.ValueChange)
			seen = ok && c.Value != nil && string(c.Value.Data) == text
		}
		if took := time.Since(began); took > 90*time.Second {
			t.Errorf("the change %q was known after %v", text, took)
		}
	}
}
