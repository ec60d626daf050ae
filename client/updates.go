package client

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
)

// Bounds of what waits for a subscriber.
const (
	DefaultBacklog = 1024    // updates
	backlogBytes   = 8 << 20 // of the lines they came in
)

// Subscription delivers the updates of the node, and what happens to the
// connection, to one receiver in order. A receiver that is too slow loses the
// oldest updates and nobody else's; see [Subscription.Dropped].
type Subscription struct {
	client  *Client
	backlog int
	dropped atomic.Uint64

	mu    sync.Mutex
	queue []queued
	bytes int
	ready chan struct{} // has a value while there is something to say
	done  bool
}

type queued struct {
	update Update
	size   int
}

// Next waits for the next update. It fails when ctx ends, and with ErrClosed when
// the subscription or the client was closed and everything was read.
func (s *Subscription) Next(ctx context.Context) (Update, error) {
	for {
		s.mu.Lock()
		if len(s.queue) > 0 {
			q := s.popLocked()
			if len(s.queue) > 0 || s.done {
				s.wake()
			}
			s.mu.Unlock()
			return q.update, nil
		}
		done := s.done
		s.mu.Unlock()
		if done {
			s.wake() // for others who wait
			return nil, ErrClosed
		}
		select {
		case <-s.ready:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// All ranges over the updates until ctx ends or the subscription is closed.
func (s *Subscription) All(ctx context.Context) iter.Seq[Update] {
	return func(yield func(Update) bool) {
		for {
			u, err := s.Next(ctx)
			if err != nil || !yield(u) {
				return
			}
		}
	}
}

// Dropped counts the updates that were lost because the receiver was too slow.
func (s *Subscription) Dropped() uint64 { return s.dropped.Load() }

// Close ends the subscription. What is queued can still be read. It may be called
// twice.
func (s *Subscription) Close() {
	s.client.forget(s)
	s.finish()
}

func (s *Subscription) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = true
	s.wake()
}

func (s *Subscription) wake() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

func (s *Subscription) popLocked() queued {
	q := s.queue[0]
	s.queue[0] = queued{}
	s.queue = s.queue[1:]
	s.bytes -= q.size
	return q
}

// push queues an update; the oldest ones make room.
func (s *Subscription) push(u Update, size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		return
	}
	for len(s.queue) >= s.backlog || len(s.queue) > 0 && s.bytes+size > backlogBytes {
		s.popLocked()
		s.dropped.Add(1)
	}
	s.queue = append(s.queue, queued{u, size})
	s.bytes += size
	s.wake()
}
