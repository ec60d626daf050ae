package abi

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/bind/instance"
)

// Updates wait for room; answers do not, and keep their place among them.
func TestQueueHoldsUpdatesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		for i := range maxUpdates {
			q.push(Event{Type: Update, Tag: uint64(i)})
		}
		pushed := false
		go func() { pushed = q.push(Event{Type: Update, Tag: 1000}) }()
		synctest.Wait()
		if pushed {
			t.Fatal("an update found room in a full queue")
		}
		q.push(Event{Type: Answer, Tag: 999})
		for i := range maxUpdates {
			if e, err := q.take(0); err != nil || e.Tag != uint64(i) {
				t.Fatalf("event %d is %+v, %v", i, e, err)
			}
			if i == 0 {
				synctest.Wait()
				if !pushed {
					t.Fatal("an update does not find the room that there is")
				}
			}
		}
		for _, want := range []uint64{999, 1000} {
			if e, err := q.take(0); err != nil || e.Tag != want {
				t.Errorf("then comes %+v, %v, want %d", e, err, want)
			}
		}
	})
}

func TestQueueTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue()
		start := time.Now()
		if _, err := q.take(time.Minute); CodeOf(err) != instance.Timeout || time.Since(start) != time.Minute {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		// Two wait, two events come.
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				if _, err := q.take(-1); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		q.push(Event{Type: Answer})
		q.push(Event{Type: Answer})
		wg.Wait()
	})
}

// What is there can be taken after the end, with the last event last; not after the
// close. Who waits is woken by both.
func TestQueueEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, how := range []string{"end", "close"} {
			q := newQueue()
			for range maxUpdates {
				q.push(Event{Type: Update})
			}
			var wg sync.WaitGroup
			var taken bool
			wg.Go(func() { taken = q.push(Event{Type: Update}) })
			synctest.Wait()
			want := 0
			if how == "end" {
				q.release()
				wg.Wait()
				q.end(Event{Type: SessionEnded})
				q.end(Event{Type: SessionEnded})
				want = maxUpdates + 2
			} else {
				q.close()
				q.close()
				wg.Wait()
			}
			if taken != (how == "end") || q.push(Event{Type: Answer}) {
				t.Errorf("%s: the one that waited was taken: %t", how, taken)
			}
			got := 0
			for {
				e, err := q.take(-1)
				if err != nil {
					if CodeOf(err) != instance.Closed {
						t.Error(err)
					}
					break
				}
				if got++; (e.Type == SessionEnded) != (got == want) {
					t.Errorf("%s: event %d is of type %d", how, got, e.Type)
				}
			}
			if got != want {
				t.Errorf("%s: %d events, want %d", how, got, want)
			}
			waiting := newQueue()
			wg.Go(func() {
				if _, err := waiting.take(-1); CodeOf(err) != instance.Closed {
					t.Errorf("%s: who waits gets %v", how, err)
				}
			})
			synctest.Wait()
			waiting.close()
			wg.Wait()
		}
	})
}

func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, released := newWindow(2), make(chan struct{})
		w.wait(released)
		w.wait(released)
		passed := 0
		go func() {
			for range 3 {
				w.wait(released)
				passed++
			}
		}()
		for _, step := range []struct{ acknowledge, want int }{{0, 0}, {1, 1}, {-5, 1}, {100, 3}} {
			w.acknowledge(step.acknowledge)
			synctest.Wait()
			if passed != step.want {
				t.Errorf("after %d more acknowledged %d have passed, want %d", step.acknowledge, passed, step.want)
			}
		}
		go w.wait(released)
		synctest.Wait()
		close(released)
	})
}
