package abi

import (
	"bytes"
	"context"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/voile-net/voile/bind/instance"
	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/guard"
)

// SessionOptions say where the events of a session go.
type SessionOptions struct {
	// Deliver gets each event, one at a time, from a goroutine of the session. It may
	// block, which holds up the updates of the session. nil: events wait for Poll.
	Deliver func(*Event)
	// Window is how many updates are delivered before Acknowledge; 0: no limit.
	Window int
	// Direct: answers go to Deliver at once, from any goroutine and beside other
	// events. Deliver must then not block.
	Direct bool
	// Alive says whether anybody takes the events still. It is asked when the node is
	// taken over. nil: yes.
	Alive func() bool
}

// session is one user of a node's API.
type session struct {
	library  *Library
	node     *node
	handle   Handle
	instance *instance.Session
	queue    *queue
	deliver  func(*Event) // nil: polled
	direct   bool
	window   *window     // nil: no limit
	alive    func() bool // nil: always
	// open counts calls whose answer has not been taken yet.
	open atomic.Int64

	// Under the library's lock.
	closed    bool // by its user
	delivered bool // no callback runs any more, or will
	closing   int  // closes that its callback waits in
}

// OpenSession opens a session of a node.
func (l *Library) OpenSession(h Handle, o SessionOptions, from Caller) (Handle, error) {
	n, err := l.node(h, from)
	if err != nil {
		return 0, err
	}
	s := &session{library: l, node: n, queue: newQueue(), deliver: o.Deliver, direct: o.Direct && o.Deliver != nil, alive: o.Alive}
	if o.Window > 0 {
		s.window = newWindow(o.Window)
	}
	if s.handle, err = l.sessions.add(s); err != nil {
		return 0, err
	}
	l.mu.Lock()
	if n.ended {
		l.mu.Unlock()
		l.sessions.remove(s.handle)
		return 0, border(instance.InvalidHandle, "the node is closing")
	}
	n.sessions[s] = struct{}{}
	s.instance = n.instance.Open(s.update)
	if s.deliver != nil {
		l.delivering[s.handle] = s
		guard.Handler(n.crashed).Go(&l.wg, s.run)
	}
	l.mu.Unlock()
	return s.handle, nil
}

// update is called with each update of the node.
func (s *session) update(line []byte, blobs [][]byte) {
	s.queue.push(Event{Type: Update, Session: s.handle, Line: bytes.Clone(line), Blobs: blobs})
}

// emit adds an event that does not wait for room.
func (s *session) emit(e Event) { s.queue.push(e) }

// run delivers until nothing comes any more.
func (s *session) run() {
	defer func() {
		l := s.library
		l.mu.Lock()
		defer l.mu.Unlock()
		s.delivered = true
		delete(l.delivering, s.handle)
		if s.closed {
			delete(s.node.sessions, s)
		}
		l.changed.Broadcast()
	}()
	for {
		e, err := s.queue.take(-1)
		if err != nil {
			return
		}
		if e.Type == Update && s.window != nil {
			s.window.wait(s.queue.released)
		}
		s.taken(&e)
		s.hand(&e)
	}
}

// hand gives an event to its callback. A panic there is a bug of the library, since
// another language cannot cause one, and ends the node.
func (s *session) hand(e *Event) {
	defer func() {
		if v := recover(); v != nil {
			s.node.crashed(v, debug.Stack())
		}
	}()
	if e.Done != nil {
		e.Done(e)
	} else {
		s.deliver(e)
	}
}

// taken frees the place of an answer.
func (s *session) taken(e *Event) {
	if e.Type == Answer {
		s.open.Add(-1)
	}
}

// release lets go who waits for the session's user.
func (s *session) release() { s.queue.release() }

// end makes the end of the session its last event.
func (s *session) end() {
	s.queue.end(Event{Type: SessionEnded, Code: instance.OK, Session: s.handle})
}

// CloseSession ends a session. When it returns no callback of it runs, but for the
// one that it is called from, and none will.
func (l *Library) CloseSession(h Handle, from Caller) error {
	if err := check(from); err != nil {
		return err
	}
	s, err := l.sessions.remove(h)
	if err != nil {
		return err
	}
	defer l.inClose(from)()
	s.queue.close()
	s.instance.Close()
	l.mu.Lock()
	s.closed = true
	if s.deliver == nil || s.delivered {
		delete(s.node.sessions, s) // else when its last callback has returned
	}
	l.mu.Unlock()
	if s.deliver != nil && h != from.Session {
		l.settle(s)
	}
	return nil
}

// Abandon closes a session without waiting, for a Deliver that finds that nobody is
// there any more.
func (l *Library) Abandon(h Handle) {
	if s, err := l.sessions.get(h); err == nil {
		guard.Handler(s.node.crashed).Go(&l.wg, func() { _ = l.CloseSession(h, Caller{}) }) // closed already: fine
	}
}

// abandonDead closes the sessions of a node that nobody takes the events of any more:
// those that wait for an acknowledgement would not notice.
func (l *Library) abandonDead(n *node) {
	l.mu.Lock()
	sessions := n.sessionsLocked()
	l.mu.Unlock()
	for _, s := range sessions {
		if s.alive != nil && !s.alive() {
			l.Abandon(s.handle)
		}
	}
}

// Poll takes the next event of a session that does not deliver; negative: it waits
// as long as it takes. Errors: Timeout, Closed, InvalidHandle.
func (l *Library) Poll(h Handle, timeout time.Duration, from Caller) (Event, error) {
	s, err := l.session(h, from)
	if err != nil {
		return Event{}, err
	}
	if s.deliver != nil {
		return Event{}, InvalidArgument("voile_session_poll", "session", "has a callback")
	}
	e, err := s.queue.take(timeout)
	if err == nil {
		s.taken(&e)
	}
	return e, err
}

// WakeDescriptor is readable while events of a session wait. The session owns it.
func (l *Library) WakeDescriptor(h Handle, from Caller) (int, error) {
	s, err := l.session(h, from)
	if err != nil {
		return -1, err
	}
	if s.deliver != nil {
		return -1, InvalidArgument("voile_session_wake_fd", "session", "has a callback")
	}
	return s.queue.descriptor()
}

// Acknowledge makes room in the window of a session.
func (l *Library) Acknowledge(h Handle, updates int, from Caller) error {
	s, err := l.session(h, from)
	if err != nil {
		return err
	}
	if s.window == nil {
		return InvalidArgument("voile_dart_ack", "session", "has no window")
	}
	s.window.acknowledge(updates)
	return nil
}

func (l *Library) session(h Handle, from Caller) (*session, error) {
	if err := check(from); err != nil {
		return nil, err
	}
	return l.sessions.get(h)
}

// CallSync does a call and waits; 0: as long as it takes. blobs belong to the
// library from then on. The answer is the caller's.
func (l *Library) CallSync(h Handle, line []byte, blobs [][]byte, timeout time.Duration, from Caller) (Event, error) {
	s, err := l.session(h, from)
	if err != nil {
		return Event{}, err
	}
	ctx := context.Background()
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	e := Event{Type: Answer, Session: h}
	e.Line, e.Blobs = s.instance.Call(ctx, line, blobs)
	e.Code = instance.AnswerCode(e.Line)
	return e, nil
}

// CallOptions say where an answer goes.
type CallOptions struct {
	Tag  uint64
	Done func(*Event) // nil: to the session
}

// Call is a call that is made, begun or under way.
type Call struct {
	session *session
	handle  Handle
	options CallOptions

	mu        sync.Mutex
	cancel    func() // nil: not begun, or over
	cancelled bool
}

// NewCall makes a call, so that its handle is known before its answer. It must be
// begun.
func (l *Library) NewCall(h Handle, o CallOptions, from Caller) (*Call, error) {
	s, err := l.session(h, from)
	if err != nil {
		return nil, err
	}
	if o.Done != nil && s.deliver == nil {
		return nil, InvalidArgument("voile_call", "done", "for a session that is polled")
	}
	if s.open.Add(1) > instance.MaxPending {
		s.open.Add(-1)
		return nil, &core.Error{Kind: core.TryAgain, Message: "too many calls whose answers were not taken"}
	}
	c := &Call{session: s, options: o}
	if c.handle, err = l.calls.add(c); err != nil {
		s.open.Add(-1)
		return nil, err
	}
	return c, nil
}

// Handle is for CancelCall. It ends with the answer.
func (c *Call) Handle() Handle { return c.handle }

// Begin starts the call and returns. The line is read before that, blobs belong to
// the library. An error: there will be no answer.
func (c *Call) Begin(line []byte, blobs [][]byte) error {
	var lost atomic.Bool // before Begin of the instance returns, if the session has ended
	cancel := c.session.instance.Begin(line, blobs, func(answer []byte, blobs [][]byte) {
		lost.Store(!c.answered(answer, blobs))
	})
	if lost.Load() {
		return errClosed("session")
	}
	c.mu.Lock()
	cancelled := c.cancelled
	c.cancel = cancel
	c.mu.Unlock()
	if cancelled {
		cancel()
	}
	return nil
}

// answered hands the answer over; false: nobody takes it any more.
func (c *Call) answered(line []byte, blobs [][]byte) bool {
	s := c.session
	s.library.calls.remove(c.handle)
	e := Event{
		Type: Answer, Code: instance.AnswerCode(line), Session: s.handle, Tag: c.options.Tag,
		Line: line, Blobs: blobs, Done: c.options.Done,
	}
	if s.direct {
		s.taken(&e)
		if !s.queue.takes() {
			return false
		}
		s.hand(&e)
		return true
	}
	if !s.queue.push(e) {
		s.taken(&e)
		return false
	}
	return true
}

// CancelCall ends a call early; its answer says so.
func (l *Library) CancelCall(h Handle, from Caller) error {
	if err := check(from); err != nil {
		return err
	}
	c, err := l.calls.get(h)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.cancelled = true
	cancel := c.cancel
	c.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	return nil
}
