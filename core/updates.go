package core

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/crypto"
)

// Update is something the application is told (spec 07 §4): one of AppMessage,
// AppCall, AttachmentUpdate, NetworkUpdate, RouteChange, ValueChange, ConfigUpdate
// and ShutdownUpdate.
type Update interface{ update() }

// AppMessage is a message from another application.
type AppMessage struct {
	RouteID crypto.RouteID // our private route that it came by; zero: none
	Message []byte         // the receiver's
}

// AppCall is a question from another application: answer it with [Node.Reply],
// within five seconds.
type AppCall struct {
	RouteID crypto.RouteID // as of AppMessage
	Message []byte         // the receiver's
	CallID  uint64
}

// AttachmentUpdate comes when the state or a readiness has changed.
type AttachmentUpdate struct{ AttachmentStatus }

// NetworkUpdate comes once a second while the network runs, and when it starts
// and stops.
type NetworkUpdate struct{ NetworkStatus }

// RouteChange names private routes that have died or were released.
type RouteChange struct {
	DeadRoutes       []crypto.RouteID // ours
	DeadRemoteRoutes []crypto.RouteID // imported
}

// ConfigUpdate comes after a change of the configuration.
type ConfigUpdate struct{ Config config.Config }

// ShutdownUpdate is the last one.
type ShutdownUpdate struct{}

func (AppMessage) update()       {}
func (AppCall) update()          {}
func (AttachmentUpdate) update() {}
func (NetworkUpdate) update()    {}
func (RouteChange) update()      {}
func (ConfigUpdate) update()     {}
func (ShutdownUpdate) update()   {}

// Bounds of what waits for a subscriber.
const (
	DefaultBacklog = 1024    // updates
	backlogBytes   = 1 << 20 // of messages

	// stallTime is how long a subscriber whose queue is full may take nothing before
	// messages are no longer held up for it.
	stallTime = 2 * time.Second
)

// Subscription delivers updates to one receiver in order. What one receiver does
// not take fills its own queue and nobody else's: messages and calls of other
// applications then slow their senders down, and are dropped once the receiver has
// taken nothing for two seconds; other updates push out the oldest of their sort.
type Subscription struct {
	hub     *hub
	backlog int
	dropped atomic.Uint64

	mu    sync.Mutex
	queue []Update
	bytes int
	taken time.Time     // when the last update was taken, or the queue began to fill
	ready chan struct{} // has a value while the queue is not empty
	space chan struct{} // closed and made anew when the queue gets shorter
	done  bool          // nothing more will be queued
}

// Next waits for the next update. It fails when ctx ends, and with an error of
// kind Shutdown after the last one.
func (s *Subscription) Next(ctx context.Context) (Update, error) {
	for {
		s.mu.Lock()
		if len(s.queue) > 0 {
			u := s.queue[0]
			s.queue[0] = nil
			s.queue = s.queue[1:]
			s.bytes -= sizeOf(u)
			s.taken = time.Now()
			close(s.space)
			s.space = make(chan struct{})
			if len(s.queue) > 0 || s.done {
				s.wake()
			}
			s.mu.Unlock()
			return u, nil
		}
		done := s.done
		s.mu.Unlock()
		if done {
			return nil, &Error{Kind: Shutdown}
		}
		select {
		case <-s.ready:
		case <-ctx.Done():
			return nil, apiError(ctx.Err())
		}
	}
}

// Dropped counts the updates that were lost because the receiver was too slow.
func (s *Subscription) Dropped() uint64 { return s.dropped.Load() }

// Close ends the subscription. What is queued can still be read.
func (s *Subscription) Close() {
	s.hub.remove(s)
	s.finish(nil)
}

func (s *Subscription) wake() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

func (s *Subscription) fullLocked(u Update) bool {
	return len(s.queue) >= s.backlog || len(s.queue) > 0 && s.bytes+sizeOf(u) > backlogBytes
}

// offer queues an update if there is room; else it returns a channel that is
// closed when the queue gets shorter.
func (s *Subscription) offer(u Update) (bool, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.done:
		return true, nil
	case s.fullLocked(u):
		return false, s.space
	}
	s.appendLocked(u)
	return true, nil
}

func (s *Subscription) appendLocked(u Update) {
	if len(s.queue) == 0 {
		s.taken = time.Now()
	}
	s.queue = append(s.queue, u)
	s.bytes += sizeOf(u)
	s.wake()
}

// patience is how much longer the receiver may take nothing.
func (s *Subscription) patience() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return stallTime - time.Since(s.taken)
}

// replace queues an update in any case: the oldest state update goes if the queue
// is full.
func (s *Subscription) replace(u Update) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		return
	}
	if s.fullLocked(u) {
		for i, old := range s.queue {
			if sizeOf(old) == 0 {
				s.queue = append(s.queue[:i], s.queue[i+1:]...)
				break
			}
		}
		s.dropped.Add(1)
	}
	if len(s.queue) >= 2*s.backlog { // nothing but messages: the update itself is lost
		return
	}
	s.appendLocked(u)
}

// finish queues the last update, if there is one.
func (s *Subscription) finish(last Update) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		return
	}
	if last != nil {
		s.queue = append(s.queue, last)
	}
	s.done = true
	s.wake()
}

// sizeOf is the bytes of an application in an update; 0: an update of the node.
func sizeOf(u Update) int {
	const overhead = 128
	switch u := u.(type) {
	case AppMessage:
		return overhead + len(u.Message)
	case AppCall:
		return overhead + len(u.Message)
	}
	return 0
}

// hub passes updates to all subscriptions.
type hub struct {
	mu   sync.Mutex
	subs []*Subscription
	over bool
}

func (h *hub) add(backlog int) *Subscription {
	if backlog <= 0 {
		backlog = DefaultBacklog
	}
	s := &Subscription{hub: h, backlog: backlog, ready: make(chan struct{}, 1), space: make(chan struct{})}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		s.done = true
		s.wake()
		return s
	}
	h.subs = append(h.subs, s)
	return s
}

func (h *hub) remove(s *Subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, have := range h.subs {
		if have == s {
			h.subs = append(h.subs[:i:i], h.subs[i+1:]...)
			return
		}
	}
}

func (h *hub) all() []*Subscription {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.subs[:len(h.subs):len(h.subs)]
}

// publish passes an update of the node; it does not block.
func (h *hub) publish(u Update) {
	for _, s := range h.all() {
		s.replace(u)
	}
}

// deliver passes a message of another application. Where there is no room it waits
// until ctx ends, or the receiver has taken nothing for a while: that is what slows
// the sender down.
func (h *hub) deliver(ctx context.Context, u Update) {
	for _, s := range h.all() {
		if !s.deliver(ctx, u) {
			s.dropped.Add(1)
		}
	}
}

func (s *Subscription) deliver(ctx context.Context, u Update) bool {
	ok, space := s.offer(u)
	if ok {
		return true
	}
	late := time.NewTimer(s.patience())
	defer late.Stop()
	for {
		select {
		case <-space:
		case <-late.C:
			left := s.patience()
			if left <= 0 {
				return false
			}
			late.Reset(left)
		case <-ctx.Done():
			return false
		}
		if ok, space = s.offer(u); ok {
			return true
		}
	}
}

// close sends the last update to everybody.
func (h *hub) close() {
	h.mu.Lock()
	subs := h.subs
	h.subs, h.over = nil, true
	h.mu.Unlock()
	for _, s := range subs {
		s.finish(ShutdownUpdate{})
	}
}
