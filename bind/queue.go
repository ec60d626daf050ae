package bind

import (
	"context"
	"errors"
	"sync"
)

// errQueueClosed: the connection has ended.
var errQueueClosed = errors.New("connection closed")

// queue is what one client has to be sent: whole lines, joined, so that many
// small ones leave in one write. A line that finds it full waits; that slows down
// the calls of this client and, through its subscription, those who send to it.
type queue struct {
	limit int // bytes above which a line waits; one line may be longer

	mu    sync.Mutex
	lines []byte
	over  bool
	ready chan struct{} // has a value while lines is not empty
	space chan struct{} // closed and made anew when lines was taken
	done  chan struct{} // closed by close
}

func newQueue(limit int) *queue {
	return &queue{limit: limit, ready: make(chan struct{}, 1), space: make(chan struct{}), done: make(chan struct{})}
}

// add copies a line and its end into the queue, and waits while it is full.
func (q *queue) add(ctx context.Context, line []byte) error {
	for {
		q.mu.Lock()
		if q.over {
			q.mu.Unlock()
			return errQueueClosed
		}
		if len(q.lines) == 0 || len(q.lines)+len(line) < q.limit {
			q.lines = append(append(q.lines, line...), '\n')
			q.mu.Unlock()
			select {
			case q.ready <- struct{}{}:
			default:
			}
			return nil
		}
		space := q.space
		q.mu.Unlock()
		select {
		case <-space:
		case <-q.done:
			return errQueueClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// take waits for lines and exchanges them for spare, whose content is dropped.
// It fails when the queue is closed and empty.
func (q *queue) take(spare []byte) ([]byte, error) {
	for {
		q.mu.Lock()
		if len(q.lines) > 0 {
			lines := q.lines
			q.lines = spare[:0]
			close(q.space)
			q.space = make(chan struct{})
			q.mu.Unlock()
			return lines, nil
		}
		over := q.over
		q.mu.Unlock()
		if over {
			return nil, errQueueClosed
		}
		select {
		case <-q.ready:
		case <-q.done:
		}
	}
}

// close lets nothing more in. What is queued can still be taken.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.over {
		q.over = true
		close(q.done)
	}
}
