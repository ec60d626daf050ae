package bind

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
)

// Why a queue takes nothing more.
var (
	errQueueClosed = errors.New("connection closed")
	errOverflow    = errors.New("client does not read its answers")
)

// Sizes of a queue's parts.
const (
	bufferSize  = 4 << 10  // where a buffer of small lines begins
	bufferLimit = 64 << 10 // above which a new one begins; longer ones are not kept
	batchLimit  = 256 << 10
	// shareFrom is the length from which a line that goes to all clients is kept
	// once for all of them instead of being copied.
	shareFrom = 1 << 10
	// tightLimit is what each client may still queue while all queues together
	// hold more than they should.
	tightLimit = 64 << 10
)

// budget is what the queues of all clients of a server hold.
type budget struct {
	limit int64
	used  atomic.Int64
	pool  sync.Pool // of *[]byte
}

func newBudget(limit int) *budget {
	b := &budget{limit: int64(limit)}
	b.pool.New = func() any { buffer := make([]byte, 0, bufferSize); return &buffer }
	return b
}

// piece is a part of what has to be sent: whole lines.
type piece struct {
	own   *[]byte // of the pool; nil: shared, and nobody's to change
	bytes []byte
}

// queue is what one client has to be sent, so joined that many small lines leave
// in one write, and that a long line for all clients exists once. An idle client
// has no buffer. A line that finds the queue full waits; that slows down the
// calls of this client and, through its subscription, those who send to it. When
// too much waits, the queue fails: the client does not read.
type queue struct {
	limit   int // bytes above which a line waits; one line may be longer
	waiters int // bytes that may wait beside it
	all     *budget

	mu      sync.Mutex
	pieces  []piece
	size    int // of pieces
	waiting int // bytes of lines that wait for room
	err     error
	ready   chan struct{} // has a value while pieces is not empty
	space   chan struct{} // nil: nobody waits; closed when pieces was taken
	done    chan struct{} // closed by end
}

func newQueue(limit int, all *budget) *queue {
	return &queue{limit: limit, waiters: waitingFactor * limit, all: all, ready: make(chan struct{}, 1), done: make(chan struct{})}
}

// waitingFactor: how many times its limit may wait beside a queue. So many calls
// can have been under way when it became full.
const waitingFactor = 32

// add copies a line and its end into the queue, and waits while it is full.
func (q *queue) add(ctx context.Context, line []byte) error {
	return q.put(ctx, line, false)
}

// share is add for a line, end included, that nobody changes any more.
func (q *queue) share(ctx context.Context, line []byte) error {
	if len(line) < shareFrom {
		return q.put(ctx, line[:len(line)-1], false)
	}
	return q.put(ctx, line, true)
}

func (q *queue) put(ctx context.Context, line []byte, shared bool) error {
	counted := false // line is in q.waiting
	for {
		q.mu.Lock()
		if counted {
			q.waiting -= len(line)
			q.all.used.Add(-int64(len(line)))
			counted = false
		}
		if q.err != nil {
			defer q.mu.Unlock()
			return q.err
		}
		if !q.fullLocked(len(line)) {
			q.appendLocked(line, shared)
			q.mu.Unlock()
			select {
			case q.ready <- struct{}{}:
			default:
			}
			return nil
		}
		if !shared {
			q.waiting += len(line)
			counted = true
			used := q.all.used.Add(int64(len(line)))
			if q.waiting > q.waiters && q.waiting > len(line) || used > 2*q.all.limit && q.waiting+q.size > q.limit {
				q.waiting -= len(line)
				q.all.used.Add(-int64(len(line)))
				q.failLocked(errOverflow)
				q.mu.Unlock()
				return errOverflow
			}
		}
		space := q.spaceLocked()
		q.mu.Unlock()
		var err error
		select {
		case <-space:
			continue
		case <-q.done:
			continue // for the error
		case <-ctx.Done():
			err = ctx.Err()
		}
		if counted {
			q.mu.Lock()
			q.waiting -= len(line)
			q.all.used.Add(-int64(len(line)))
			q.mu.Unlock()
		}
		return err
	}
}

func (q *queue) fullLocked(more int) bool {
	limit := q.limit
	if q.all.used.Load() > q.all.limit {
		limit = min(limit, tightLimit)
	}
	return q.size > 0 && q.size+more >= limit
}

func (q *queue) spaceLocked() <-chan struct{} {
	if q.space == nil {
		q.space = make(chan struct{})
	}
	return q.space
}

func (q *queue) appendLocked(line []byte, shared bool) {
	if shared {
		q.pieces = append(q.pieces, piece{bytes: line})
		q.size += len(line)
		return
	}
	q.size += len(line) + 1
	q.all.used.Add(int64(len(line) + 1))
	last := len(q.pieces) - 1
	if last < 0 || q.pieces[last].own == nil || len(q.pieces[last].bytes)+len(line) >= bufferLimit {
		buffer := q.all.pool.Get().(*[]byte)
		q.pieces = append(q.pieces, piece{own: buffer, bytes: (*buffer)[:0]})
		last++
	}
	q.pieces[last].bytes = append(append(q.pieces[last].bytes, line...), '\n')
}

// room waits until a line would not have to wait.
func (q *queue) room(ctx context.Context) error {
	for {
		q.mu.Lock()
		if q.err != nil || !q.fullLocked(0) && q.waiting == 0 {
			defer q.mu.Unlock()
			return q.err
		}
		space := q.spaceLocked()
		q.mu.Unlock()
		select {
		case <-space:
		case <-q.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// take waits for something to send and appends it to dst. It fails when the queue
// has ended and is empty.
func (q *queue) take(dst []piece) ([]piece, error) {
	for {
		q.mu.Lock()
		if len(q.pieces) > 0 {
			n, size := 0, 0
			for n < len(q.pieces) && (n == 0 || size+len(q.pieces[n].bytes) <= batchLimit) {
				size += len(q.pieces[n].bytes)
				n++
			}
			dst = append(dst, q.pieces[:n]...)
			rest := copy(q.pieces, q.pieces[n:])
			clear(q.pieces[rest:])
			q.pieces = q.pieces[:rest]
			if rest == 0 && cap(q.pieces) > 4 {
				q.pieces = nil
			}
			q.size -= size
			if q.space != nil {
				close(q.space)
				q.space = nil
			}
			q.mu.Unlock()
			return dst, nil
		}
		err := q.err
		q.mu.Unlock()
		if err != nil {
			return nil, err
		}
		select {
		case <-q.ready:
		case <-q.done:
		}
	}
}

// release gives back the buffers of pieces that were sent or dropped.
func (b *budget) release(pieces []piece) {
	for i, p := range pieces {
		pieces[i] = piece{}
		if p.own == nil {
			continue
		}
		b.used.Add(-int64(len(p.bytes)))
		if cap(p.bytes) <= 2*bufferLimit {
			*p.own = p.bytes[:0]
			b.pool.Put(p.own)
		}
	}
}

// buffers are pieces as what a socket takes in one call.
func buffers(dst net.Buffers, pieces []piece) net.Buffers {
	for _, p := range pieces {
		dst = append(dst, p.bytes)
	}
	return dst
}

// close lets nothing more in. What is queued can still be taken.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.failLocked(errQueueClosed)
}

func (q *queue) failLocked(err error) {
	if q.err == nil {
		q.err = err
		close(q.done)
	}
}

// drop ends the queue and forgets what is in it.
func (q *queue) drop() {
	q.close()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.all.release(q.pieces)
	q.pieces, q.size = nil, 0
}
