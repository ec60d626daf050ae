package rpc

import (
	"context"
	"sync"
	"time"

	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/wire"
)

// waiter is a question whose answer is awaited.
type waiter struct {
	question wire.QuestionDetail
	reply    route.Reply // the path that the answer has to come by
	done     chan answer // buffered: the deliverer never waits
}

// answer is what ends a wait.
type answer struct {
	detail wire.AnswerDetail
	in     *message // header of the message; its body is released
	err    error    // nil: detail is valid
}

// waiters matches answers to questions by operation id alone (spec 03 §4.6).
type waiters struct {
	mu     sync.Mutex
	byID   map[uint64]*waiter
	closed bool
}

func (w *waiters) add(id uint64, q *waiter) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.closed:
		return ErrClosed
	case w.byID == nil:
		w.byID = map[uint64]*waiter{}
	case w.byID[id] != nil:
		return ErrBusy // 64 random bits: the caller draws again
	}
	w.byID[id] = q
	return nil
}

// take removes and returns the waiter of an id: the first answer ends the wait,
// valid or not.
func (w *waiters) take(id uint64) *waiter {
	w.mu.Lock()
	defer w.mu.Unlock()
	q := w.byID[id]
	delete(w.byID, id)
	return q
}

// close ends all waits, for good.
func (w *waiters) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.end()
}

// end ends all waits.
func (w *waiters) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, q := range w.byID {
		q.done <- answer{err: ErrClosed}
		delete(w.byID, id)
	}
}

// wait blocks until the answer comes, the time is over or ctx ends. When it takes
// long, overdue is called; nil: nobody wants to know.
func (w *waiters) wait(ctx context.Context, id uint64, q *waiter, timeout time.Duration, overdue func()) answer {
	first := timeout
	if overdue != nil {
		first = timeout * 33 / 100 // as a node that is slow to a search (spec 06 §8.4)
	}
	t := time.NewTimer(first)
	defer t.Stop()
	var a answer
	for a.err == nil {
		select {
		case a = <-q.done:
			return a
		case <-t.C:
			if overdue == nil {
				a.err = ErrTimeout
				break
			}
			overdue()
			overdue = nil
			t.Reset(timeout - first)
		case <-ctx.Done():
			a.err = context.Cause(ctx)
		}
	}
	if w.take(id) == nil { // it came at the last moment
		return <-q.done
	}
	return a
}

// fits reports whether an answer is of the kind that its question expects.
func fits(q wire.QuestionDetail, a wire.AnswerDetail) (ok bool) {
	switch q.(type) {
	case *wire.StatusQ:
		_, ok = a.(*wire.StatusA)
	case *wire.FindNodeQ:
		_, ok = a.(*wire.FindNodeA)
	case *wire.AppCallQ:
		_, ok = a.(*wire.AppCallA)
	case *wire.GetValueQ:
		_, ok = a.(*wire.GetValueA)
	case *wire.SetValueQ:
		_, ok = a.(*wire.SetValueA)
	case *wire.WatchValueQ:
		_, ok = a.(*wire.WatchValueA)
	case *wire.InspectValueQ:
		_, ok = a.(*wire.InspectValueA)
	case *wire.TransactBeginQ:
		_, ok = a.(*wire.TransactBeginA)
	case *wire.TransactCommandQ:
		_, ok = a.(*wire.TransactCommandA)
	}
	return ok
}
