package abi

import (
	"context"
	"runtime"
	"slices"
	"sync"
)

// Limits of what one call brings, in bytes and numbers; voile.h has the same.
const (
	MaxLine     = 16 << 20
	MaxConfig   = 1 << 20
	MaxBlobs    = 4096
	MaxPayload  = 64 << 20
	MaxSecret   = 64 << 10
	MinMemory   = 16 << 20
	maxNodes    = 1 << 10
	maxSessions = 1 << 14
	maxCalls    = 1 << 20
)

// Library is all that one loaded library holds. Its methods may be called from any
// goroutine.
// Goroutines: one for each session with Deliver, and one for each node that has
// crashed; CloseNode and CloseAll join them.
type Library struct {
	version  string
	nodes    *handles[*node]
	sessions *handles[*session]
	calls    *handles[*Call]
	requests *handles[*request]

	wg sync.WaitGroup

	mu       sync.Mutex // of what follows, and of when a callback ends
	changed  *sync.Cond // callbacks ended, began to close, or stopped closing
	order    []*node    // open ones, oldest first
	starting map[string]chan struct{}
	// delivering are the sessions of which a callback runs or may run, also after
	// their close.
	delivering map[Handle]*session
}

// New makes a library without objects.
func New(version string) *Library {
	l := &Library{
		version: version, starting: map[string]chan struct{}{}, delivering: map[Handle]*session{},
		nodes: newHandles[*node](sortNode, maxNodes), sessions: newHandles[*session](sortSession, maxSessions),
		calls: newHandles[*Call](sortCall, maxCalls), requests: newHandles[*request](sortRequest, maxCalls),
	}
	l.changed = sync.NewCond(&l.mu)
	return l
}

// Version is the version that New was given.
func (l *Library) Version() string { return l.version }

// Caller says which callback the calling thread is in. The zero value: none.
type Caller struct {
	Session Handle // an event of this session
	Adapter bool   // a function of a store, or of the log
}

// Counts is what the library holds.
type Counts struct {
	Nodes, Sessions, Calls, Events, Goroutines, HeapBytes, AllocatedBytes int64
}

// Count counts what the library holds. Events are those that wait in it.
func (l *Library) Count() Counts {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	c := Counts{
		Nodes: int64(l.nodes.count()), Sessions: int64(l.sessions.count()), Calls: int64(l.calls.count()),
		Goroutines: int64(runtime.NumGoroutine()), HeapBytes: int64(m.HeapInuse), AllocatedBytes: int64(m.TotalAlloc),
	}
	for _, s := range l.sessions.all() {
		c.Events += int64(s.queue.waiting())
	}
	return c
}

// Nodes are the handles of the open nodes, oldest first.
func (l *Library) Nodes() []Handle {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]Handle, len(l.order))
	for i, n := range l.order {
		list[i] = n.handle
	}
	return list
}

// Go does something in a goroutine of the library. A panic is told to failed.
func (l *Library) Go(f func(), failed func(error)) {
	l.wg.Go(func() {
		defer func() {
			if v := recover(); v != nil {
				failed(Panicked(v))
			}
		}()
		f()
	})
}

// Close closes a node or a session.
func (l *Library) Close(h Handle, from Caller) error {
	if sort(h>>sortShift) == sortNode {
		return l.CloseNode(h, from)
	}
	return l.CloseSession(h, from)
}

// CloseAll closes all that is open and waits for every goroutine.
func (l *Library) CloseAll() {
	for _, h := range l.Nodes() {
		l.CloseNode(h, Caller{})
	}
	for _, s := range l.sessions.all() {
		l.CloseSession(s.handle, Caller{})
	}
	l.wg.Wait()
}

// begin waits until no other start of the name is under way. end lets the next one.
func (l *Library) begin(ctx context.Context, name string) (end func(), err error) {
	l.mu.Lock()
	for {
		other, busy := l.starting[name]
		if !busy {
			break
		}
		l.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, errTimeout()
		}
		l.mu.Lock()
	}
	done := make(chan struct{})
	l.starting[name] = done
	l.mu.Unlock()
	return func() {
		l.mu.Lock()
		delete(l.starting, name)
		l.mu.Unlock()
		close(done)
	}, nil
}

// named finds the oldest open node of a name.
func (l *Library) named(name string) *node {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range l.order {
		if n.name == name && !n.ended {
			return n
		}
	}
	return nil
}

func (l *Library) track(n *node) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.order = append(l.order, n)
}

func (l *Library) untrack(n *node) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.order = slices.DeleteFunc(l.order, func(o *node) bool { return o == n })
}

// inClose tells that the callback of a session waits for a close, until the result
// is called. Such callbacks are not waited for: two that close each other's session
// would wait for ever.
func (l *Library) inClose(from Caller) (leave func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.delivering[from.Session]
	if s == nil {
		return func() {}
	}
	s.closing++
	l.changed.Broadcast()
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		s.closing--
	}
}

// settle waits until no callback of a session runs any more, but for those that
// themselves wait in a close.
func (l *Library) settle(s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !s.delivered && s.closing == 0 {
		l.changed.Wait()
	}
}

// check is the rule for functions with a handle.
func check(from Caller) error {
	if from.Adapter {
		return Reentrant()
	}
	return nil
}
