package rpc

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newWaiter() *waiter {
	return &waiter{question: &wire.StatusQ{}, done: make(chan answer, 1)}
}

// How a wait can end, and what is left of it afterwards: nothing.
func TestWait(t *testing.T) {
	canceled := errors.New("canceled by the caller")
	for _, tt := range []struct {
		name string
		act  func(w *waiters, cancel context.CancelCauseFunc) // a second after the wait began
		err  error
		took time.Duration
	}{
		{"answered", func(w *waiters, _ context.CancelCauseFunc) { w.take(7).done <- answer{detail: &wire.StatusA{}} }, nil, time.Second},
		{"not answered", func(*waiters, context.CancelCauseFunc) {}, ErrTimeout, 5 * time.Second},
		{"given up", func(_ *waiters, cancel context.CancelCauseFunc) { cancel(canceled) }, canceled, time.Second},
		{"network stopped", func(w *waiters, _ context.CancelCauseFunc) { w.end() }, ErrClosed, time.Second},
		{"closed", func(w *waiters, _ context.CancelCauseFunc) { w.close() }, ErrClosed, time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var w waiters
				q := newWaiter()
				if err := w.add(7, q); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				time.AfterFunc(time.Second, func() { tt.act(&w, cancel) })
				began := time.Now()
				a := w.wait(ctx, 7, q, 5*time.Second, nil)
				if !errors.Is(a.err, tt.err) || time.Since(began) != tt.took {
					t.Errorf("ended with %v after %v, want %v after %v", a.err, time.Since(began), tt.err, tt.took)
				}
				if w.take(7) != nil {
					t.Error("the question still waits")
				}
			})
		})
	}
}

func TestWaitersKeepIDsApart(t *testing.T) {
	var w waiters
	a, b := newWaiter(), newWaiter()
	if err := w.add(1, a); err != nil {
		t.Fatal(err)
	}
	if err := w.add(1, b); !errors.Is(err, ErrBusy) {
		t.Errorf("the same id again: %v, want ErrBusy", err)
	}
	if err := w.add(2, b); err != nil {
		t.Fatal(err)
	}
	if got := w.take(1); got != a {
		t.Errorf("id 1 belongs to %p, want %p", got, a)
	}
	if got := w.take(1); got != nil {
		t.Error("an id was given out twice")
	}
	w.close()
	if err := w.add(3, newWaiter()); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v, want ErrClosed", err)
	}
}

// Every question fits its own answer and no other (spec 03 §4.5).
func TestFits(t *testing.T) {
	questions := []wire.QuestionDetail{
		&wire.StatusQ{}, &wire.FindNodeQ{}, &wire.AppCallQ{}, &wire.GetValueQ{}, &wire.SetValueQ{},
		&wire.WatchValueQ{}, &wire.InspectValueQ{}, &wire.TransactBeginQ{}, &wire.TransactCommandQ{},
	}
	answers := []wire.AnswerDetail{
		&wire.StatusA{}, &wire.FindNodeA{}, &wire.AppCallA{}, &wire.GetValueA{}, &wire.SetValueA{},
		&wire.WatchValueA{}, &wire.InspectValueA{}, &wire.TransactBeginA{}, &wire.TransactCommandA{},
	}
	for i, q := range questions {
		for j, a := range answers {
			if got := fits(q, a); got != (i == j) {
				t.Errorf("%T fits %T: %v", a, q, got)
			}
		}
	}
}

func TestCallsEndOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c calls
		if err := c.add(1, Destination{}, 5*time.Second, nil); err != nil {
			t.Fatal(err)
		}
		if err := c.add(1, Destination{}, 5*time.Second, nil); err == nil {
			t.Error("the same call again was taken")
		}
		if _, ok := c.take(1); !ok {
			t.Error("a waiting call cannot be answered")
		}
		if _, ok := c.take(1); ok {
			t.Error("a call was answered twice")
		}
		if err := c.add(2, Destination{}, 5*time.Second, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5*time.Second + time.Millisecond)
		if _, ok := c.take(2); ok {
			t.Error("a late call can be answered")
		}
		for id := range uint64(maxCalls) {
			if err := c.add(id, Destination{}, time.Hour, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.add(maxCalls, Destination{}, time.Hour, nil); !errors.Is(err, ErrBusy) {
			t.Errorf("one call too many: %v, want ErrBusy", err)
		}
		c.close()
		if err := c.add(1, Destination{}, time.Hour, nil); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v, want ErrClosed", err)
		}
	})
}

// The envelope of a probe fills its datagram to 16 bytes (spec 03 §6.1).
func TestPackProbe(t *testing.T) {
	for _, size := range []uint16{576, 1200, 1452, 1472, 1500} {
		for range 20 { // the padding is random
			op := &wire.Operation{OpID: 1, Body: &wire.Question{Detail: &wire.StatusQ{NodeStatus: true, Probe: &wire.MTUProbe{Size: size}}}}
			packed, err := packProbe(op, probeOf(op.Body))
			if err != nil {
				t.Fatal(err)
			}
			var compressor crypto.Compressor
			if n := fragmentBytes + envelopeBytes + len(compressor.Compress(nil, packed)); n > int(size) || n < int(size)-probeSlack {
				t.Fatalf("a probe of %d bytes comes in a datagram of %d", size, n)
			}
			if p := probeOf(op.Body); p == nil || p.Size != size {
				t.Fatalf("probe %+v, want one of size %d", p, size)
			}
		}
	}
}
