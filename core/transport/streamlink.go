package transport

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/voile-net/voile/core/transport/websocket"
)

// keepQueue is the size of the buffer that a quiet connection keeps. A larger one
// goes back to the stack's pool, from which a busy one takes it again.
const keepQueue = 4 << 10

// Sizes of what waits on one connection.
const (
	// writeChunk is what one Write takes. After each the connection counts as
	// moving, so it must not take long even over a slow line.
	writeChunk = 32 << 10
	// bulkShare is the part of the queue that bulk may fill: what somebody waits for
	// finds room behind no more than that.
	bulkShare = 2
)

// streamLink carries messages over a stream. Senders append frames to one
// buffer and the writer takes all that is there at once: one copy per message,
// and few system calls under load. So twice SendQueue may be queued: what is
// being written, and what came since.
//
// Who finds no room waits in line, bulk behind everything else. It waits as long
// as the connection moves: only when nothing was written for the whole timeout
// is the other side taken for one that does not read.
type streamLink struct {
	messageReader
	limit int
	pool  *sync.Pool    // of *[]byte
	wake  chan struct{} // capacity 1: there is something to write, or the end

	mu       sync.Mutex
	pending  *[]byte   // nil: none, nothing waits
	spare    *[]byte   // empty; swapped with pending; nil: none
	lines    [2]line   // by class
	moved    time.Time // when the last chunk was written, or the queue began to fill
	writing  bool      // the writer has a batch
	finished bool
}

// class is how urgent a message is.
type class uint8

const (
	normal class = iota
	bulk
)

// line is who waits for room, the longest first.
type line []*waiting

// waiting is a sender without room. Its message is queued for it, so that nobody
// overtakes.
type waiting struct {
	msg    []byte
	queued chan struct{} // closed when msg is queued or the link is closed
	err    error         // nil: queued; set before queued is closed
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
	c := normal
	if isBulk(ctx) {
		c = bulk
	}
	w, err := l.put(c, msg)
	if w == nil {
		return err
	}
	late := time.NewTimer(timeout)
	defer late.Stop()
	for {
		select {
		case <-w.queued:
			return w.err
		case <-ctx.Done():
			if l.leave(c, w) {
				return ctx.Err()
			}
			return w.err
		case <-late.C:
			if left := l.patience(timeout); left > 0 {
				late.Reset(left)
				continue
			}
			if l.leave(c, w) {
				return ErrSendTimeout
			}
			return w.err
		}
	}
}

// put queues a message, or puts the sender in line.
func (l *streamLink) put(c class, msg []byte) (*waiting, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.finished {
		return nil, ErrNoFlow
	}
	if !l.firstLocked(c) || !l.fitsLocked(c, len(msg)) {
		w := &waiting{msg: msg, queued: make(chan struct{})}
		l.lines[c] = append(l.lines[c], w)
		return w, nil
	}
	if !l.writing && l.queuedLocked() == 0 {
		l.moved = time.Now()
	}
	l.appendLocked(msg)
	l.signal()
	return nil, nil
}

// firstLocked reports whether nobody of the class or a more urgent one waits.
func (l *streamLink) firstLocked(c class) bool {
	return len(l.lines[normal]) == 0 && (c == normal || len(l.lines[bulk]) == 0)
}

// fitsLocked reports whether there is room; an empty queue has it for anything.
func (l *streamLink) fitsLocked(c class, size int) bool {
	limit := l.limit
	if c == bulk {
		limit /= bulkShare
	}
	n := l.queuedLocked()
	return n == 0 || n+size+websocket.MaxHeader <= limit
}

// admitLocked queues what waits and fits.
func (l *streamLink) admitLocked() {
	for c := range l.lines {
		i := 0
		for ; i < len(l.lines[c]) && l.fitsLocked(class(c), len(l.lines[c][i].msg)); i++ {
			l.appendLocked(l.lines[c][i].msg)
			close(l.lines[c][i].queued)
		}
		l.lines[c] = slices.Delete(l.lines[c], 0, i)
		if len(l.lines[c]) > 0 {
			return
		}
	}
}

// leave takes a sender out of the line; false: it is not in it any more.
func (l *streamLink) leave(c class, w *waiting) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.lines[c], w)
	if i < 0 {
		return false
	}
	l.lines[c] = slices.Delete(l.lines[c], i, i+1)
	return true
}

// patience is how much longer the link may stand still.
func (l *streamLink) patience(timeout time.Duration) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return timeout - time.Since(l.moved)
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
			if err := l.writeBatch(*batch); err != nil {
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

func (l *streamLink) writeBatch(b []byte) error {
	for len(b) > 0 {
		n, err := l.conn.Write(b[:min(len(b), writeChunk)])
		if err != nil {
			return err
		}
		if b = b[n:]; len(b) > 0 {
			l.mu.Lock()
			l.moved = time.Now()
			l.mu.Unlock()
		}
	}
	return nil
}

// take swaps the buffers and gives all that waits, nil for nothing; done is the
// batch before.
func (l *streamLink) take(done *[]byte) (batch *[]byte, end bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if done != nil {
		*done = (*done)[:0]
		l.spare = done
		l.moved = time.Now()
	}
	if l.writing = l.queuedLocked() > 0; l.writing {
		batch, l.pending, l.spare = l.pending, l.spare, nil
	} else {
		l.shrink(&l.pending)
		l.shrink(&l.spare)
	}
	l.admitLocked()
	return batch, l.finished
}

// shrink gives an empty buffer back to the pool, unless it is small.
func (l *streamLink) shrink(b **[]byte) {
	if *b != nil && cap(**b) > keepQueue {
		l.pool.Put(*b)
		*b = nil
	}
}

// dismissLocked ends all waits.
func (l *streamLink) dismissLocked() {
	for c := range l.lines {
		for _, w := range l.lines[c] {
			w.err = ErrNoFlow
			close(w.queued)
		}
		l.lines[c] = nil
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
	l.dismissLocked()
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
