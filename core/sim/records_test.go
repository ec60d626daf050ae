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

// A record that one node writes is read, watched and changed by others, through
// safety routes, and outlives its owner.
func TestRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := New(7)
		defer net.Memory.Close()
		nodes := start(t, net, 10, nil)
		defer func() { closeAll(t, nodes) }()
		if t.Failed() {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		owner, reader := nodes[1].Context(), nodes[2].Context()
		member, err := mustSystem(t).GenerateKeyPair()
		if err != nil {
			t.Fatal(err)
		}
		record, err := owner.CreateRecord(ctx, crypto.BestKind, core.SMPL(2, core.MemberOf(member.Public, 1)), nil)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := owner.SetValue(ctx, record.Key, 0, []byte("first"), core.SetOptions{NoOffline: true}); err != nil || v != nil {
			t.Fatalf("set: %v %v", v, err)
		}
		if _, err := reader.OpenRecord(ctx, record.Key, &member, core.OpenOptions{}); err != nil {
			t.Fatal(err)
		}
		if v, err := reader.GetValue(ctx, record.Key, 0, false); err != nil || v == nil || string(v.Data) != "first" {
			t.Fatalf("get: %v %v", v, err)
		}

		updates := nodes[2].Subscribe(0)
		defer updates.Close()
		if on, err := reader.WatchValues(ctx, record.Key, nil, time.Time{}, 0xFFFFFFFF); err != nil || !on {
			t.Fatalf("watch: %v %v", on, err)
		}
		time.Sleep(10 * time.Second) // the virtual clock: the watch reaches the nodes
		for i := range 5 {
			text := fmt.Sprint("change ", i)
			if v, err := owner.SetValue(ctx, record.Key, 1, []byte(text), core.SetOptions{}); err != nil || v != nil {
				t.Fatalf("set: %v %v", v, err)
			}
			for seen := false; !seen; {
				u, err := updates.Next(ctx)
				if err != nil {
					t.Fatalf("no change arrives: %v", err)
				}
				if c, ok := u.(core.ValueChange); ok {
					seen = c.Value != nil && string(c.Value.Data) == text
				}
			}
		}
		if v, err := reader.SetValue(ctx, record.Key, 2, []byte("of the member"), core.SetOptions{NoOffline: true}); err != nil || v != nil {
			t.Fatalf("member's set: %v %v", v, err)
		}
		if v, err := owner.GetValue(ctx, record.Key, 2, true); err != nil || v == nil || string(v.Data) != "of the member" {
			t.Fatalf("owner's get: %v %v", v, err)
		}

		// A transaction of the owner.
		tx, err := nodes[1].Transact(ctx, []crypto.RecordKey{record.Key}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for k := range uint32(2) {
			if _, err := tx.Set(ctx, record.Key, k, []byte("together"), core.SetOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := tx.Commit(ctx); err != nil {
			t.Fatal(err)
		}

		// The owner goes; a node that never saw the record finds everything.
		if err := nodes[1].Close(); err != nil {
			t.Fatal(err)
		}
		late := nodes[3].Context()
		if _, err := late.OpenRecord(ctx, record.Key, nil, core.OpenOptions{}); err != nil {
			t.Fatal(err)
		}
		for k, want := range []string{"together", "together", "of the member"} {
			if v, err := late.GetValue(ctx, record.Key, uint32(k), true); err != nil || v == nil || string(v.Data) != want {
				t.Errorf("subkey %d: %v %v, want %q", k, v, err, want)
			}
		}
		// With the counts of gets, three nodes that agree on the other subkeys can hide
		// the one that they do not have (spec 06 §11.2).
		r, err := late.InspectRecord(ctx, record.Key, nil, core.ScopeSyncSet)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(r.NetworkSeqs) != "[1 5 0]" {
			t.Errorf("numbers in the network %v, want [1 5 0]", r.NetworkSeqs)
		}
	})
}

func mustSystem(t *testing.T) crypto.System {
	t.Helper()
	c, err := crypto.New(crypto.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Forget)
	return c.Best()
}
