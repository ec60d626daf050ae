package transport

import (
	"context"
	"sync"
	"time"

	"github.com/voile-net/voile/core/transport/websocket"
)

// keepQueue is the size of the buffer that a quiet connection keeps. A larger one
// goes back to the stack's pool, from which a busy one takes it again.
const keepQueue = 4 << 10

// streamLink carries messages over a stream. Senders append frames to one
// buffer and the writer takes all that is there with one Write: one copy per
// message, and few system calls under load.
//
// So twice SendQueue may wait: what is being written, and what came since.
type streamLink struct {
	messageReader
	limit int
	pool  *sync.Pool    // of *[]byte
	wake  chan struct{} // capacity 1: there is something to write, or the end

	mu       sync.Mutex
	pending  *[]byte       // nil: none, nothing waits
	spare    *[]byte       // empty; swapped with pending; nil: none
	room     chan struct{} // closed when pending was taken; nil: nobody waits
	finished bool
}

func newStreamLink(conn Stream, f *framing, head []byte, limit int, pool *sync.Pool) *streamLink {
	return &streamLink{
		messageReader: *newMessageReader(conn, f, head),
		limit:         limit,
		pool:          pool,
		wake:          make(chan struct{}, 1),
	}
}

// preload queues the first message, before the writer runs, so that the first
// write begins with this frame, whole (spec 02 §5.2).
func (l *streamLink) preload(msg []byte) { l.appendLocked(msg) }

// appendLocked queues one frame.
func (l *streamLink) appendLocked(msg []byte) {
	l.bufferLocked()
	*l.pending = l.framing.append(*l.pending, msg)
}

// bufferLocked sees to it that there is a buffer.
func (l *streamLink) bufferLocked() {
	if l.pending == nil {
		l.pending = getBuffer(l.pool)
	}
}

// getBuffer takes an empty buffer out of a pool.
func getBuffer(pool *sync.Pool) *[]byte {
	b, _ := pool.Get().(*[]byte)
	if b == nil {
		return new([]byte)
	}
	*b = (*b)[:0]
	return b
}

func (l *streamLink) send(ctx context.Context, msg []byte, timeout time.Duration) error {
	var late *time.Timer
	for {
		room, err := l.put(msg)
		if room == nil {
			return err
		}
		if late == nil {
			late = time.NewTimer(timeout)
			defer late.Stop()
		}
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		case <-late.C:
			return ErrSendTimeout
		}
	}
}

// put queues a message, or returns what to wait for.
func (l *streamLink) put(msg []byte) (room <-chan struct{}, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.finished {
		return nil, ErrNoFlow
	}
	if n := l.queuedLocked(); n > 0 && n+len(msg)+websocket.MaxHeader > l.limit {
		if l.room == nil {
			l.room = make(chan struct{})
		}
		return l.room, nil
	}
	l.appendLocked(msg)
	l.signal()
	return nil, nil
}

func (l *streamLink) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *streamLink) write() error {
	defer l.conn.Close()
	var done *[]byte // written; nil: none
	for {
		batch, end := l.take(done)
		switch {
		case batch != nil:
			if _, err := l.conn.Write(*batch); err != nil {
				return err
			}
			done = batch
		case end:
			return nil
		default:
			done = nil
			<-l.wake
		}
	}
}

// take swaps the buffers and gives all that waits, nil for nothing; done is the
// batch before.
func (l *streamLink) take(done *[]byte) (batch *[]byte, end bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if done != nil {
		*done = (*done)[:0]
		l.spare = done
	}
	if l.queuedLocked() > 0 {
		batch, l.pending, l.spare = l.pending, l.spare, nil
	} else {
		l.shrink(&l.pending)
		l.shrink(&l.spare)
	}
	l.releaseLocked()
	return batch, l.finished
}

// shrink gives an empty buffer back to the pool, unless it is small.
func (l *streamLink) shrink(b **[]byte) {
	if *b != nil && cap(**b) > keepQueue {
		l.pool.Put(*b)
		*b = nil
	}
}

func (l *streamLink) releaseLocked() {
	if l.room != nil {
		close(l.room)
		l.room = nil
	}
}

func (l *streamLink) finish(last []byte, how closing) {
	l.mu.Lock()
	l.finished = true
	if how == flushThenClose {
		l.bufferLocked()
		*l.pending = append(*l.pending, last...)
	} else {
		l.pending = nil
	}
	l.releaseLocked()
	l.mu.Unlock()
	if how == flushThenClose {
		l.conn.SetWriteDeadline(time.Now().Add(closeFlush)) // fails only on a closed connection
	} else {
		l.conn.Close()
	}
	l.signal()
}

func (l *streamLink) last(err error) []byte {
	if l.framing.ws == nil {
		return nil
	}
	return websocket.AppendEnd(nil, l.framing.ws.Role, l.framing.mask, err)
}

func (l *streamLink) queued() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.queuedLocked()
}

func (l *streamLink) queuedLocked() int {
	if l.pending == nil {
		return 0
	}
	return len(*l.pending)
}
