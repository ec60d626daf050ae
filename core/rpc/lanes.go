package rpc

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/voile-net/voile/core/crypto"
)

// Shares of the queue and of the workers that one lane may take. Others have the
// rest, whatever becomes of it.
const (
	laneShare   = 8
	workerShare = 8
)

// patience is how long a full lane may stand still before what comes for it is
// dropped at once. As long as it moves its senders are slowed down, which is the
// point; two nodes that wait for each other do so no longer than this.
const patience = 2 * time.Second

// laneKind says what a lane leads to.
type laneKind uint8

const (
	toSender laneKind = iota // answers to the node that the message came from
	toNext                   // the next node of a route
	toApp                    // our application
)

// laneKey names a lane. Everything in one lane depends on the same place, which
// may be slower than what comes for it.
type laneKey struct {
	kind laneKind
	node crypto.NodeID // zero for toApp
}

// lane is the messages of one lane that are not done.
type lane struct {
	key     laneKey
	jobs    int // admitted and not done
	bytes   int
	active  int   // of jobs: with a worker or on their way to one
	parked  []job // the rest, the oldest first
	waiting int   // flows that wait for room
	moved   time.Time
}

// queue is what waits for a worker, in lanes. Each lane has a bounded part of the
// room and of the workers, so that a node that takes nothing, or an application
// that does not read, holds up only what is for it. An ordered flow whose message
// finds no room waits, which slows its sender down; of the flows that wait each
// has one message there, so that they take turns.
type queue struct {
	maxJobs, maxBytes, maxActive int

	ready chan job // for workers; never full, since maxJobs bounds it

	mu      sync.Mutex
	jobs    int // admitted and not done
	bytes   int
	lanes   map[laneKey]*lane
	waiting []*waitingFlow // the longest first
	moved   time.Time      // when the last job was done
}

// waitingFlow is an ordered flow that waits with its next message.
type waitingFlow struct {
	job      job
	lane     *lane
	admitted chan struct{} // closed when the job is in the queue
}

func newQueue(maxJobs, maxBytes, workers int) *queue {
	return &queue{
		maxJobs: maxJobs, maxBytes: maxBytes, maxActive: max(2, workers/workerShare),
		ready: make(chan job, maxJobs), lanes: map[laneKey]*lane{},
	}
}

// put queues a job; false: there is no room, or for a job that may wait, there is
// none and nothing moves.
func (q *queue) put(ctx context.Context, j job, mayWait bool) bool {
	q.mu.Lock()
	l := q.laneLocked(j.message.lane)
	if l.waiting == 0 && q.fitsLocked(l, j.message.size) {
		q.admitLocked(l, j)
		q.mu.Unlock()
		return true
	}
	left := q.patienceLocked(l, j.message.size)
	if !mayWait || left <= 0 {
		q.dropLocked(l)
		q.mu.Unlock()
		return false
	}
	w := &waitingFlow{job: j, lane: l, admitted: make(chan struct{})}
	q.waiting = append(q.waiting, w)
	l.waiting++
	q.mu.Unlock()
	return q.wait(ctx, w, left)
}

func (q *queue) wait(ctx context.Context, w *waitingFlow, left time.Duration) bool {
	late := time.NewTimer(left)
	defer late.Stop()
	for {
		over := false
		select {
		case <-w.admitted:
			return true
		case <-ctx.Done():
			over = true
		case <-late.C:
		}
		q.mu.Lock()
		i := slices.Index(q.waiting, w)
		if i < 0 {
			q.mu.Unlock()
			return true
		}
		if left = q.patienceLocked(w.lane, w.job.message.size); over || left <= 0 {
			q.waiting = slices.Delete(q.waiting, i, i+1)
			w.lane.waiting--
			q.dropLocked(w.lane)
			q.mu.Unlock()
			return false
		}
		q.mu.Unlock()
		late.Reset(left)
	}
}

// done ends a job, successfully or not: one that failed has not moved anything.
func (q *queue) done(j job, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.lanes[j.message.lane]
	l.jobs--
	l.bytes -= j.message.size
	q.jobs--
	q.bytes -= j.message.size
	if ok {
		l.moved = time.Now()
		q.moved = l.moved
	}
	if len(l.parked) > 0 {
		next := l.parked[0]
		l.parked[0] = job{}
		l.parked = l.parked[1:]
		q.ready <- next
	} else {
		l.active--
	}
	q.waiting = slices.DeleteFunc(q.waiting, func(w *waitingFlow) bool {
		if !q.fitsLocked(w.lane, w.job.message.size) {
			return false
		}
		w.lane.waiting--
		q.admitLocked(w.lane, w.job)
		close(w.admitted)
		return true
	})
	q.dropLocked(l)
}

func (q *queue) laneLocked(k laneKey) *lane {
	l := q.lanes[k]
	if l == nil {
		l = &lane{key: k}
		q.lanes[k] = l
	}
	return l
}

// dropLocked forgets a lane that is empty.
func (q *queue) dropLocked(l *lane) {
	if l.jobs == 0 && l.waiting == 0 {
		delete(q.lanes, l.key)
	}
}

// fitsLocked reports whether there is room, which an empty lane has for one
// message of any size if the queue has.
func (q *queue) fitsLocked(l *lane, size int) bool {
	return q.allFitLocked(size) && (l.jobs == 0 || l.jobs < q.maxJobs/laneShare && l.bytes+size <= q.maxBytes/laneShare)
}

func (q *queue) allFitLocked(size int) bool {
	return q.jobs < q.maxJobs && (q.jobs == 0 || q.bytes+size <= q.maxBytes)
}

// patienceLocked is how much longer what has no room may stand still: the whole
// queue if that is full, else the lane.
func (q *queue) patienceLocked(l *lane, size int) time.Duration {
	moved := l.moved
	if !q.allFitLocked(size) {
		moved = q.moved
	}
	return patience - time.Since(moved)
}

// admitLocked takes a job into the queue.
func (q *queue) admitLocked(l *lane, j job) {
	now := time.Now()
	if l.jobs == 0 {
		l.moved = now
	}
	if q.jobs == 0 {
		q.moved = now
	}
	l.jobs++
	l.bytes += j.message.size
	q.jobs++
	q.bytes += j.message.size
	if l.active >= q.maxActive {
		l.parked = append(l.parked, j)
		return
	}
	l.active++
	q.ready <- j
}
