package abi

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/voile-net/voile/bind"
	"github.com/voile-net/voile/bind/instance"
	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/guard"
)

// Options are what the host adds to a node.
type Options struct {
	Reuse       bool          // a running node of the same name instead of a new one
	UpdateLevel Level         // of Log updates
	LogLevel    Level         // of lines to Log
	Log         LogFunc       // nil: none
	Timeout     time.Duration // of the start; 0: none
	MemoryLimit int64         // bytes; 0: none
	Store       StoreFuncs    // the zero value: the configuration decides
	// Ask is asked for secrets in place of Store: see [Asker]. nil: Store.
	Ask     Asker
	Network []byte // facts of the network as JSON; nil: the device is asked
}

// node is one node. The session set and ended are under the library's lock.
type node struct {
	library *Library
	handle  Handle
	name    string
	level   slog.LevelVar
	log     *logLines    // nil: none
	network *HostNetwork // nil: the device is asked
	secrets *Store       // nil: another one
	store   *AskStore    // nil: another one
	started chan struct{}
	once    sync.Once // of finish
	told    sync.Once // of a crash

	instance *instance.Instance // nil: the start has failed
	sessions map[*session]struct{}
	ended    bool
}

// StartNode starts a node. ctx ends the start early.
func (l *Library) StartNode(ctx context.Context, o Options, text []byte, from Caller) (Handle, error) {
	if err := check(from); err != nil {
		return 0, err
	}
	if len(text) > MaxConfig {
		return 0, TooLarge("config_size", uint64(len(text)), MaxConfig)
	}
	if o.MemoryLimit < 0 || o.MemoryLimit > 0 && o.MemoryLimit < MinMemory {
		return 0, InvalidArgument("voile_node_start", "memory_limit", o.MemoryLimit)
	}
	if o.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.Timeout)
		defer cancel()
	}
	name := nameOf(text)
	end, err := l.begin(ctx, name)
	if err != nil {
		return 0, err
	}
	defer end()
	if o.Reuse {
		if n := l.named(name); n != nil {
			if o.Ask != nil && n.store != nil {
				n.store.Use(o.Ask)
			}
			l.abandonDead(n)
			return n.handle, nil
		}
	}
	n := &node{library: l, name: name, sessions: map[*session]struct{}{}, started: make(chan struct{})}
	if err := n.start(ctx, o, text); err != nil {
		return 0, err
	}
	if n.handle, err = l.nodes.add(n); err != nil {
		n.finish()
		return 0, err
	}
	l.track(n)
	return n.handle, nil
}

func (n *node) start(ctx context.Context, o Options, text []byte) error {
	defer close(n.started)
	n.level.Set(o.UpdateLevel.slog())
	host := instance.Options{Log: &n.level, MemoryLimit: o.MemoryLimit, Crash: n.crashed}
	if o.Log != nil {
		n.log = newLogLines(o.Log)
		host.Core.Logger = slog.New(n.log.handler(o.LogLevel.slog()))
	}
	switch {
	case o.Ask != nil:
		n.store = NewAskStore(n.library, o.Ask)
		host.Core.ProtectedStore = n.store
	case o.Store.Load != nil:
		n.secrets = NewStore(o.Store)
		host.Core.ProtectedStore = n.secrets
	}
	if o.Network != nil {
		facts, err := ParseNetwork(o.Network)
		if err != nil {
			return err
		}
		n.network = NewHostNetwork(facts)
		host.Core.NetInfo = n.network
	}
	i, err := instance.Start(ctx, text, host)
	if err != nil {
		n.closeAdapters()
		return err
	}
	n.instance = i
	return nil
}

// nameOf is what a running node is found again by. A text that is no configuration
// is refused later.
func nameOf(text []byte) string {
	c := config.Default()
	names := struct {
		Program   string `json:"program_name"`
		Namespace string `json:"namespace"`
	}{c.ProgramName, c.Namespace}
	_ = json.Unmarshal(text, &names) // what could be read is there
	return names.Program + "\x00" + names.Namespace
}

// crashed is told of a panic in the node, which then closes itself.
func (n *node) crashed(value any, stack []byte) {
	n.told.Do(func() { n.tellCrash(value, stack) })
}

func (n *node) tellCrash(value any, stack []byte) {
	l := n.library
	line := append([]byte(nil), `{"panic":`...)
	line = jsonapi.AppendString(line, Panicked(value).Error())
	line = append(line, `,"stack":`...)
	line = append(jsonapi.AppendString(line, string(stack)), '}')
	l.mu.Lock()
	sessions := n.sessionsLocked()
	l.mu.Unlock()
	for _, s := range sessions {
		s.emit(Event{Type: Crash, Code: instance.Internal, Session: s.handle, Line: line})
	}
	guard.Handler(n.crashed).Go(&l.wg, func() { // told already: a second panic is not
		<-n.started
		if n.instance != nil {
			n.finish()
		}
	})
}

func (n *node) sessionsLocked() (list []*session) {
	for s := range n.sessions {
		list = append(list, s)
	}
	return list
}

// finish ends the node. Each session gets its last update, and the event that says
// so; they may still be taken. It does not wait for callbacks.
func (n *node) finish() {
	n.once.Do(func() {
		l := n.library
		l.mu.Lock()
		n.ended = true
		sessions := n.sessionsLocked()
		l.mu.Unlock()
		for _, s := range sessions {
			s.release()
		}
		if n.store != nil {
			n.store.release()
		}
		n.instance.Close()
		for _, s := range sessions {
			s.end()
		}
		n.closeAdapters()
	})
}

func (n *node) closeAdapters() {
	if n.store != nil {
		n.store.Close()
	}
	if n.secrets != nil {
		n.secrets.Close()
	}
	if n.network != nil {
		n.network.Close()
	}
	if n.log != nil {
		n.log.close()
	}
}

// CloseNode ends a node. When it returns, sessions that deliver have had their last
// event, but for the callback that it is called from, which is its session's last.
func (l *Library) CloseNode(h Handle, from Caller) error {
	if err := check(from); err != nil {
		return err
	}
	n, err := l.nodes.remove(h)
	if err != nil {
		return err
	}
	l.untrack(n)
	defer l.inClose(from)()
	l.mu.Lock()
	sessions := n.sessionsLocked()
	l.mu.Unlock()
	for _, s := range sessions {
		if s.handle == from.Session {
			s.queue.close()
		}
	}
	n.finish()
	l.mu.Lock()
	sessions = n.sessionsLocked() // also one opened meanwhile
	l.mu.Unlock()
	for _, s := range sessions {
		if s.deliver != nil && s.handle != from.Session {
			l.settle(s)
		}
	}
	return nil
}

// node finds an open node for a function.
func (l *Library) node(h Handle, from Caller) (*node, error) {
	if err := check(from); err != nil {
		return nil, err
	}
	return l.nodes.get(h)
}

// NetworkChanged tells a node that interfaces or connectivity have changed.
func (l *Library) NetworkChanged(h Handle, from Caller) error {
	n, err := l.node(h, from)
	if err == nil {
		n.instance.NetworkChanged()
	}
	return err
}

// SetNetwork tells a node the facts of its network.
func (l *Library) SetNetwork(h Handle, facts []byte, from Caller) error {
	n, err := l.node(h, from)
	if err != nil {
		return err
	}
	if n.network == nil {
		return InvalidArgument("voile_node_set_network", "node", "was started without facts")
	}
	network, err := ParseNetwork(facts)
	if err != nil {
		return err
	}
	n.network.Set(network)
	n.instance.NetworkChanged()
	return nil
}

// SetForeground tells a node where the application is.
func (l *Library) SetForeground(h Handle, on bool, from Caller) error {
	n, err := l.node(h, from)
	if err == nil {
		n.instance.SetForeground(on)
	}
	return err
}

// SetLogLevel sets the level of Log updates.
func (l *Library) SetLogLevel(h Handle, level Level, from Caller) error {
	n, err := l.node(h, from)
	if err != nil {
		return err
	}
	if level < LevelOff || level > LevelTrace {
		return InvalidArgument("voile_node_set_log_level", "level", level)
	}
	n.level.Set(level.slog())
	return nil
}

// Level is a level of logging; the numbers are those of voile.h.
type Level int32

// Levels.
const (
	LevelOff Level = iota
	LevelError
	LevelWarn
	LevelInfo
	LevelDebug
	LevelTrace
)

// levelNone is above all levels.
const levelNone = slog.Level(1 << 20)

func (l Level) slog() slog.Level {
	switch l {
	case LevelError:
		return slog.LevelError
	case LevelWarn:
		return slog.LevelWarn
	case LevelInfo:
		return slog.LevelInfo
	case LevelDebug:
		return slog.LevelDebug
	case LevelTrace:
		return bind.LevelTrace
	}
	return levelNone
}

// levelOf is the level of a line.
func levelOf(l slog.Level) Level {
	switch {
	case l >= slog.LevelError:
		return LevelError
	case l >= slog.LevelWarn:
		return LevelWarn
	case l >= slog.LevelInfo:
		return LevelInfo
	case l >= slog.LevelDebug:
		return LevelDebug
	}
	return LevelTrace
}
