package sim

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/crypto"
)

// When nodes that store a record go away, who has a copy brings the number of holders
// back by opening the record again (spec 06 §14, 2).
func TestRehydration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := New(11)
		defer net.Memory.Close()
		nodes := start(t, net, 10, nil)
		defer func() { closeAll(t, nodes) }()
		if t.Failed() {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		owner := nodes[0].Context()
		record, err := owner.CreateRecord(ctx, crypto.BestKind, core.DFLT(1), nil)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := owner.SetValue(ctx, record.Key, 0, []byte("kept"), core.SetOptions{NoOffline: true}); err != nil || v != nil {
			t.Fatalf("set: %v %v", v, err)
		}
		// One that made the record itself does not doubt it until it is started anew.
		reader := nodes[9].Context()
		if _, err := reader.OpenRecord(ctx, record.Key, nil, core.OpenOptions{}); err != nil {
			t.Fatal(err)
		}
		if v, err := reader.GetValue(ctx, record.Key, 0, true); err != nil || v == nil {
			t.Fatalf("get: %v %v", v, err)
		}
		holders := func() (list []int) {
			for i, n := range nodes[:9] {
				if n.IsClosed() {
					continue
				}
				text, err := n.Debug(ctx, "record info "+record.Key.Text())
				if err != nil {
					t.Fatal(err)
				}
				if _, remote, ok := strings.Cut(text, "Remote Info:\nRecord {"); ok && strings.Contains(remote, "subkey_seqs: [0") {
					list = append(list, i)
				}
			}
			return list
		}
		before := holders()
		if len(before) < 4 { // of five, one may be the reader
			t.Fatalf("%d holders after a set", len(before))
		}
		for _, i := range before[:3] {
			if err := nodes[i].Close(); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(6 * time.Minute) // the virtual clock: the last check is too old to trust
		if err := reader.CloseRecord(ctx, record.Key); err != nil {
			t.Fatal(err)
		}
		if _, err := reader.OpenRecord(ctx, record.Key, nil, core.OpenOptions{}); err != nil {
			t.Fatal(err)
		}
		for range 60 {
			if len(holders()) >= 5 { // of the six that are left
				return
			}
			time.Sleep(time.Second)
		}
		t.Errorf("%d holders a minute after the record was opened, want 5; %d before three of them went", len(holders()), len(before))
	})
}
