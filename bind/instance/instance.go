package instance

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/voile-net/voile/bind"
	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/guard"
)

// MaxPending is how many calls of a session may be under way. One more is answered
// with TryAgain.
const MaxPending = 16384

// Options are what the host of an instance adds. The zero value is usable where the
// device has adapters of its own (package platform/host).
type Options struct {
	// Core has the adapters of the platform and the logger; see there who closes
	// them. Its Panic is replaced.
	Core core.Options
	// Defaults is what a configuration has that leaves keys out; nil:
	// config.Default.
	Defaults *config.Config
	// Log is the level of Log updates; nil: there are none.
	Log slog.Leveler
	// MemoryLimit is how many bytes the process should take; 0: no limit. It bounds
	// what the node keeps and does at once: the caches of records to a 32nd each,
	// connections and waiting messages, below 64 MB also the first bucket of the
	// routing table (four entries for each MB, at least 32). Three quarters of it are
	// a limit of the Go runtime, which is one for the process: several instances must
	// share it.
	MemoryLimit int64
	// Crash is told of a panic anywhere in the library, which is a bug: once, by the
	// goroutine that has panicked. The instance is of no use any more and closes
	// itself; its sessions get the last update. It must not call back. nil: the log
	// alone has it.
	Crash func(value any, stack []byte)
}

// Instance is a node with its API. Methods may be called from any goroutine.
// Goroutines: those of the node and of the sessions, all ended by Close.
type Instance struct {
	node    *core.Node
	api     *bind.API
	logs    *bind.LogLayer // nil: no Log updates
	log     *slog.Logger
	restore func() // of the memory limit
	guard   guard.Handler
	crash   func(value any, stack []byte)
	report  sync.Once
	crashed chan struct{}  // closed by the first panic
	closing sync.WaitGroup // of a crash

	mu       sync.Mutex
	closed   bool
	sessions map[*Session]struct{}
	heard    bool // by a session with updates
	once     sync.Once
}

// Start starts a node. The configuration is JSON, shaped as a VeilidConfig (spec 07
// §6.1); keys that it leaves out have their defaults, and a key that is not known
// is a warning in the log. Start may take a second if a network key has to be
// derived. Errors are *core.Error, as of core.Start; a configuration that cannot be
// read is a ParseError.
func Start(ctx context.Context, text []byte, o Options) (*Instance, error) {
	base := config.Default()
	if o.Defaults != nil {
		base = *o.Defaults
	}
	cfg, unknown, err := config.ParseOver(text, base)
	if err != nil {
		return nil, &core.Error{Kind: core.ParseError, Message: "configuration: " + err.Error(), Err: err}
	}
	i := &Instance{crash: o.Crash, crashed: make(chan struct{}), sessions: map[*Session]struct{}{}}
	i.log = o.Core.Logger
	if i.log == nil {
		i.log = slog.New(slog.DiscardHandler)
	}
	if o.Log != nil {
		i.logs = bind.NewLogLayer(o.Log)
		handlers := []slog.Handler{i.logs.Handler()}
		if o.Core.Logger != nil {
			handlers = append(handlers, o.Core.Logger.Handler())
		}
		i.log = slog.New(slog.NewMultiHandler(handlers...))
		o.Core.Logger = i.log
	}
	if len(unknown) > 0 {
		i.log.Warn("unknown keys in the configuration", "keys", strings.Join(unknown, " "))
	}
	i.guard = i.panicked
	i.restore = func() {}
	if o.MemoryLimit > 0 {
		i.restore = limitMemory(o.MemoryLimit, &cfg, &o.Core.Tuning)
	}
	o.Core.Panic = i.panicked
	if i.node, err = core.Start(ctx, cfg, o.Core); err != nil {
		i.restore()
		if i.logs != nil {
			i.logs.Close()
		}
		return nil, err
	}
	options := bind.Options{Schema: schemas(), Logger: i.log, Panic: i.panicked}
	if o.MemoryLimit > 0 {
		options.Passwords = 1 // a second one beside it would take 19 MiB more
		stop, unlimited := giveBack(), i.restore
		i.restore = func() { stop(); unlimited() }
	}
	i.api = bind.New(i.node, options)
	return i, nil
}

// Node is the node itself, for what the API has no request for. Close closes it.
func (i *Instance) Node() *core.Node { return i.node }

// Logger writes where the instance does: to Log updates too, if there are any.
func (i *Instance) Logger() *slog.Logger { return i.log }

// Open makes a session: a user of the API with objects (handles) of its own.
//
// update gets the updates of the node in order, one call at a time, from a goroutine
// of the session and never after [Session.Close] has returned. It may block: what
// other applications send is then held up and, after two seconds, lost, other
// updates replace each other (core.Subscription). line is valid until it returns;
// blobs may be kept but not changed. It must not close the session or the instance.
// nil: no updates.
//
// The first session with updates gets the last lines of the log from before it as
// well. The last update is Shutdown, when the instance has been closed. On a closed
// instance calls are answered with NotInitialized and no update comes.
func (i *Instance) Open(update func(line []byte, blobs [][]byte)) *Session {
	s := &Session{owner: i, client: i.api.NewClient(), slots: make(chan struct{}, MaxPending)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed {
		s.ended = true
		s.cancel()
		return s
	}
	i.sessions[s] = struct{}{}
	if update != nil {
		s.sub = i.node.Subscribe(0)
		i.guard.Go(&s.parts, func() { s.pump(update) })
		if i.logs != nil && !i.heard {
			i.heard = true
			i.logs.Start(i.node, i.panicked) // lines of the start have waited
		}
	}
	return s
}

// Sessions counts the sessions that are open.
func (i *Instance) Sessions() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.sessions)
}

// NetworkChanged tells that interfaces or connectivity may have changed: the node
// looks at once instead of within a second.
func (i *Instance) NetworkChanged() { i.node.NetworkChanged() }

// SetForeground tells where the application is. In the background, or frozen, the
// node does its periodic work more rarely; back in the foreground it looks at its
// network and peers at once, and attaches again if it has to.
func (i *Instance) SetForeground(on bool) { i.node.SetBackground(!on) }

// Close ends the node and all sessions, and waits: calls under way are answered
// with Shutdown, sessions get their last update. It may be called twice and at the
// same time; each call waits. It must not be called by update or done.
//
// After a panic it waits for [crashPatience] at most: what the panic has left locked
// may never end.
func (i *Instance) Close() {
	ended := make(chan struct{})
	go func() { // joined, but after a crash
		defer close(ended)
		i.close()
		i.closing.Wait()
	}()
	select {
	case <-ended:
		return
	case <-i.crashed:
	}
	patience := time.NewTimer(crashPatience)
	defer patience.Stop()
	select {
	case <-ended:
	case <-patience.C:
		i.log.Error("node not closed after a panic", "after", crashPatience)
	}
}

const crashPatience = 10 * time.Second

func (i *Instance) close() {
	i.once.Do(func() {
		i.mu.Lock()
		i.closed = true
		sessions := make([]*Session, 0, len(i.sessions))
		for s := range i.sessions {
			sessions = append(sessions, s)
		}
		i.mu.Unlock()
		if i.logs != nil {
			i.logs.Close()
		}
		i.node.Close() // ends calls and subscriptions
		for _, s := range sessions {
			s.end()
			s.parts.Wait() // what is under way ends by itself, and the last update is delivered
			s.Close()
		}
		i.restore()
	})
}

// panicked is called in the goroutine that has panicked.
func (i *Instance) panicked(value any, stack []byte) {
	i.report.Do(func() {
		close(i.crashed)
		i.log.Error("bug: panic in the node, which closes", "value", value, "stack", string(stack))
		if i.crash != nil {
			i.crash(value, stack)
		}
		i.mu.Lock()
		defer i.mu.Unlock()
		if !i.closed {
			i.closing.Go(i.close)
		}
	})
}

// refusal answers what is no request.
func refusal(err error) []byte {
	line := append([]byte(nil), `{"type":"Response","id":0,"error":`...)
	line = (&jsonapi.VeilidAPIError{Kind: jsonapi.ParseError, Message: "not a request: " + err.Error()}).AppendJSON(line)
	return append(line, '}')
}

// failure answers a request that is not done.
func failure(kind jsonapi.ErrorKind, message string) []byte {
	line := append([]byte(nil), `{"type":"Response","id":0,"error":`...)
	line = (&jsonapi.VeilidAPIError{Kind: kind, Message: message}).AppendJSON(line)
	return append(line, '}')
}

func tooMany() []byte {
	return failure(jsonapi.TryAgain, "more than "+strconv.Itoa(MaxPending)+" calls under way")
}
