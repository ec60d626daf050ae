package abi

import (
	"sync"
	"time"

	"github.com/voile-net/voile/bind/instance"
)

// maxUpdates is how many updates wait in a session before the node is held up.
const maxUpdates = 256

// EventType is what sort of thing happened; the numbers are those of voile.h.
type EventType int32

// Types of events.
const (
	Answer       EventType = 1
	Update       EventType = 2
	Crash        EventType = 3
	SessionEnded EventType = 4
)

// Event is one thing that happened in a session. Who gets it owns its bytes.
type Event struct {
	Type    EventType
	Code    instance.Code
	Session Handle
	Tag     uint64
	Line    []byte
	Blobs   [][]byte
	// Done is what the call wants to be told its answer with; nil: what the session
	// has.
	Done func(*Event)
}

// queue holds the events of a session in their order. Updates wait for room, other
// events do not: answers are bounded by the calls that may be open, and the others
// come once.
//
// Its life: open; released, when nothing waits for room any more; ended, when
// nothing comes any more and what is there can still be taken; closed, when that is
// dropped.
type queue struct {
	room     chan struct{} // has a value when there may be room
	ready    chan struct{} // has a value when there may be an event
	released chan struct{} // closed from released on
	over     chan struct{} // closed from ended on

	mu      sync.Mutex
	events  []Event // from first on
	first   int
	updates int
	state   queueState
	wake    *wakeup // nil: nobody asked for it
}

type queueState uint8

const (
	queueOpen queueState = iota
	queueReleased
	queueEnded
	queueClosed
)

func newQueue() *queue {
	return &queue{
		room: make(chan struct{}, 1), ready: make(chan struct{}, 1),
		released: make(chan struct{}), over: make(chan struct{}),
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// push adds an event; an update waits for room. It reports whether the queue still
// takes events.
func (q *queue) push(e Event) bool {
	for {
		q.mu.Lock()
		switch {
		case q.state >= queueEnded:
			q.mu.Unlock()
			return false
		case e.Type != Update || q.updates < maxUpdates || q.state == queueReleased:
			q.addLocked(e)
			q.mu.Unlock()
			return true
		}
		q.mu.Unlock()
		select {
		case <-q.room:
		case <-q.released:
		}
	}
}

func (q *queue) addLocked(e Event) {
	if q.first > 0 && len(q.events) == cap(q.events) {
		n := copy(q.events, q.events[q.first:])
		clear(q.events[n:])
		q.events, q.first = q.events[:n], 0
	}
	q.events = append(q.events, e)
	if e.Type == Update {
		q.updates++
	}
	if q.wake != nil && len(q.events)-q.first == 1 {
		q.wake.set()
	}
	signal(q.ready)
}

// take takes the next event. It waits until there is one, but not longer than
// timeout; negative: as long as it takes. Errors: Timeout, Closed.
func (q *queue) take(timeout time.Duration) (Event, error) {
	var expired <-chan time.Time // nil until it has to wait
	for {
		q.mu.Lock()
		if q.first < len(q.events) {
			e := q.takeLocked()
			q.mu.Unlock()
			return e, nil
		}
		if q.state >= queueEnded {
			q.mu.Unlock()
			return Event{}, errClosed("session")
		}
		q.mu.Unlock()
		if timeout == 0 {
			return Event{}, errTimeout()
		}
		if timeout > 0 && expired == nil {
			t := time.NewTimer(timeout)
			defer t.Stop()
			expired = t.C
		}
		select {
		case <-q.ready:
		case <-q.over:
		case <-expired:
			timeout = 0 // once more, for what has just come
		}
	}
}

func (q *queue) takeLocked() Event {
	e := q.events[q.first]
	q.events[q.first] = Event{}
	q.first++
	if e.Type == Update {
		q.updates--
		signal(q.room)
	}
	if q.first < len(q.events) {
		signal(q.ready) // for another one who waits
		return e
	}
	q.events, q.first = q.events[:0], 0
	if cap(q.events) > maxUpdates {
		q.events = nil
	}
	if q.wake != nil && q.state < queueEnded {
		q.wake.clear()
	}
	return e
}

// release lets everybody in who waits for room, now and later.
func (q *queue) release() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.releaseLocked()
}

func (q *queue) releaseLocked() {
	if q.state == queueOpen {
		q.state = queueReleased
		close(q.released)
	}
}

// end adds the last event. It does nothing if the queue has ended before.
func (q *queue) end(last Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.state >= queueEnded {
		return
	}
	q.releaseLocked()
	q.addLocked(last)
	q.state = queueEnded
	close(q.over)
}

// close drops what is there. It may be called twice.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.releaseLocked()
	if q.state < queueEnded {
		close(q.over)
	}
	q.state = queueClosed
	q.events, q.first, q.updates = nil, 0, 0
	if q.wake != nil {
		q.wake.close()
		q.wake = nil
	}
}

// takes reports whether events may still be pushed.
func (q *queue) takes() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.state < queueEnded
}

// waiting counts the events that wait.
func (q *queue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.events) - q.first
}

// descriptor is a file descriptor that is readable while events wait, and from the
// end on.
func (q *queue) descriptor() (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.state == queueClosed {
		return -1, errClosed("session")
	}
	if q.wake == nil {
		w, err := newWakeup()
		if err != nil {
			return -1, err
		}
		q.wake = w
		if q.first < len(q.events) || q.state >= queueEnded {
			w.set()
		}
	}
	return q.wake.descriptor(), nil
}
