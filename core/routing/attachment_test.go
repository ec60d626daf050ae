package routing

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// Vectors of spec 04 §17; 1 bar is AttachedWeak, 5 are AttachedFull.
func TestBars(t *testing.T) {
	for _, c := range []struct {
		name             string
		size             uint64
		live, responsive int
		median           time.Duration
		target, bars     int
	}{
		{"size 2", 2, 4, 4, 0, 1, 5},
		{"size 8", 8, 4, 1, 0, 4, 1},
		{"size 100", 100, 20, 16, 0, 32, 2},
		{"size 100, slow", 100, 20, 16, 260 * time.Millisecond, 32, 1},
		{"nobody", 0, 0, 0, 0, 1, 0},
		{"live only", 2, 1, 0, 0, 1, 1},
		{"just slow", 2, 4, 4, 100 * time.Millisecond, 1, 4},
		{"not slow", 2, 4, 4, 99 * time.Millisecond, 1, 5},
		{"very slow", 2, 4, 4, 500 * time.Millisecond, 1, 2},
	} {
		l := Level{Live: c.live, Responsive: c.responsive, EstimatedSize: c.size, Target: targetFor(c.size), MedianLatency: c.median}
		if l.Target != c.target || l.Bars() != c.bars {
			t.Errorf("%s: target %d, %d bars; want %d, %d", c.name, l.Target, l.Bars(), c.target, c.bars)
		}
	}
}

func TestEstimatedSize(t *testing.T) {
	w := newWorld(t)
	tab := w.table(dualStack())
	if got := tab.EstimatedSize(t0); got != 0 {
		t.Errorf("an empty table estimates %d", got)
	}
	r := rand.New(rand.NewPCG(1, 2))
	var far []*Entry
	for range 700 {
		e, err := tab.RegisterSender(randomID(r, crypto.KindVLD0), flowTo(wire.UDP, "45.0.0.1:1"), wire.ENV0, t0)
		if err != nil {
			t.Fatal(err)
		}
		if i, _ := crypto.BucketIndex(tab.NodeIDs()[0], e.BestID()); i == 0 {
			far = append(far, e)
		}
	}
	// The buckets are a third above their depth: a deep one tells, with its noise.
	got := tab.EstimatedSize(t0)
	if got < 256 || got > 1400 {
		t.Errorf("700 nodes are estimated as %d", got)
	}
	for _, e := range far[:len(far)-10] {
		tab.Remove(e)
	}
	if again := tab.EstimatedSize(at(3600)); again != got {
		t.Errorf("estimate %d an hour later, want the highest of the day %d", again, got)
	}
	if later := tab.EstimatedSize(at(26 * 3600)); later != 20 {
		t.Errorf("estimate %d the day after, want 20: twice the 10 of bucket 0", later)
	}
}

func TestAttachmentLevel(t *testing.T) {
	w := newWorld(t)
	tab := w.table(dualStack())
	for range 3 {
		responsive(w.peer(tab, nil), 200*time.Millisecond, t0)
	}
	w.peer(tab, nil)
	l := tab.AttachmentLevel(at(1))
	if l.Entries != 4 || l.Live != 4 || l.Responsive != 3 || l.Reliable != 0 || l.MedianLatency != 0 {
		t.Errorf("%+v, want 4 live, 3 responsive and no median", l)
	}
	if l = tab.AttachmentLevel(at(61)); l.Reliable != 3 || l.MedianLatency != 200*time.Millisecond {
		t.Errorf("%+v, want 3 reliable, median 200 ms", l)
	}
	if l.Bars() != 4 {
		t.Errorf("%d bars, want 4: full, and slow by one", l.Bars())
	}
}
