package rpc

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/core/crypto"
)

var (
	appLane  = laneKey{kind: toApp}
	nextLane = laneKey{kind: toNext}
)

func jobIn(k laneKey, size int) job { return job{message: &message{lane: k, size: size}} }

// fillLane puts jobs of a size until there is no room.
func fillLane(t *testing.T, q *queue, k laneKey, size int) (n int) {
	t.Helper()
	for q.put(t.Context(), jobIn(k, size), false) {
		if n++; n > 10_000 {
			t.Fatal("a lane has no bound")
		}
	}
	return n
}

func TestLaneBounds(t *testing.T) {
	for _, tt := range []struct {
		name string
		size int
		want int
	}{
		{"many small", 10, 1024 / laneShare},
		{"bytes", 16 << 10, (2 << 20) / laneShare / (16 << 10)},
		{"one that is larger than the share", 200 << 10, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := newQueue(1024, 2<<20, 32)
			if n := fillLane(t, q, appLane, tt.size); n != tt.want {
				t.Errorf("a lane takes %d, want %d", n, tt.want)
			}
			if n := len(q.ready); n > q.maxActive {
				t.Errorf("%d of one lane go to workers, want %d at most", n, q.maxActive)
			}
			if n := fillLane(t, q, nextLane, tt.size); n != tt.want {
				t.Errorf("beside a full lane another takes %d, want %d", n, tt.want)
			}
		})
	}
}

func TestQueueBounds(t *testing.T) {
	q := newQueue(100, 1<<20, 32)
	lanes := 0
	for ; q.put(t.Context(), jobIn(laneKey{kind: toNext, node: numbered(lanes)}, 1), false); lanes++ {
	}
	if lanes != 100 {
		t.Errorf("%d jobs in a queue of 100", lanes)
	}
	for len(q.ready) > 0 {
		q.done(<-q.ready, true)
	}
	if len(q.lanes) != 0 || q.jobs != 0 || q.bytes != 0 {
		t.Errorf("an empty queue has %d lanes, %d jobs, %d bytes", len(q.lanes), q.jobs, q.bytes)
	}
}

// A flow that waits gets in as soon as there is room, before whoever comes later;
// every job gets to a worker.
func TestFlowsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1024, 2<<20, 32)
		all := fillLane(t, q, appLane, 16<<10)
		var order []int
		for i := range 3 {
			go func() {
				if q.put(t.Context(), jobIn(appLane, 16<<10), true) {
					order = append(order, i)
				}
			}()
			synctest.Wait()
		}
		if q.put(t.Context(), jobIn(appLane, 1), false) {
			t.Error("a small message overtakes those that wait")
		}
		for done := 0; done < all+3; done++ {
			select {
			case j := <-q.ready:
				q.done(j, true)
				synctest.Wait()
			default:
				t.Fatalf("%d jobs of %d came to workers", done, all+3)
			}
		}
		if len(order) != 3 || order[0] != 0 || order[1] != 1 || order[2] != 2 {
			t.Errorf("admitted in the order %v", order)
		}
		if len(q.lanes) != 0 {
			t.Errorf("%d lanes are left", len(q.lanes))
		}
	})
}

func TestPatience(t *testing.T) {
	for _, tt := range []struct {
		name    string
		every   time.Duration // between jobs that end; 0: none does
		ok      bool          // they succeed
		jobs    int           // that end before there is room
		admit   bool
		atLeast time.Duration
		atMost  time.Duration
	}{
		{"slow", 1900 * time.Millisecond, true, 3, true, 5700 * time.Millisecond, 5700 * time.Millisecond},
		{"too slow", 2100 * time.Millisecond, true, 3, false, patience, patience},
		{"stuck", 0, false, 0, false, patience, patience},
		{"nothing works", 500 * time.Millisecond, false, 5, false, patience, patience},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newQueue(1024, 2<<20, 32)
				fillLane(t, q, appLane, 10<<10)
				var working sync.WaitGroup
				defer working.Wait()
				if tt.every > 0 {
					working.Go(func() {
						for range tt.jobs {
							time.Sleep(tt.every)
							q.done(<-q.ready, tt.ok)
						}
					})
				}
				began := time.Now()
				size := max(tt.jobs, 1) * 10 << 10 // needs the room of all that end
				ok := q.put(t.Context(), jobIn(appLane, size), true)
				took := time.Since(began)
				if ok != tt.admit || took < tt.atLeast || took > tt.atMost {
					t.Errorf("admitted %v after %v", ok, took)
				}
				if ok {
					return
				}
				again := time.Now()
				if q.put(t.Context(), jobIn(appLane, size), true) || time.Since(again) > 0 {
					t.Errorf("a lane that stands still is waited for again, %v", time.Since(again))
				}
				if !q.put(t.Context(), jobIn(nextLane, 10), true) {
					t.Error("another lane is closed")
				}
			})
		})
	}
}

func TestWaitEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1024, 2<<20, 32)
		fillLane(t, q, appLane, 16<<10)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if q.put(ctx, jobIn(appLane, 16<<10), true) || ctx.Err() == nil {
			t.Error("the wait did not end with the context")
		}
		if len(q.waiting) != 0 {
			t.Error("it still waits")
		}
	})
}

func BenchmarkQueue(b *testing.B) {
	q := newQueue(1024, 2<<20, 32)
	j := jobIn(nextLane, 1000)
	b.ReportAllocs()
	for b.Loop() {
		q.put(b.Context(), j, true)
		q.done(<-q.ready, true)
	}
}

func numbered(i int) (id crypto.NodeID) {
	id.Kind = crypto.Kind(i)
	return id
}
