//go:build !js

package mobile

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"sync"

	"github.com/voile-net/voile/bind"
	"github.com/voile-net/voile/bind/instance"
	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/network/bootstrap"
	"github.com/voile-net/voile/platform/hostcallback"
)

// ABI is the number of this interface. It grows when something that was here is
// gone or means something else; the wrappers compare it.
const ABI = 1

// Node is a running node. Methods may be called from any thread. Close it: nothing
// else does.
// Goroutines: those of its instance, and one if there is a memory limit; ended by Close.
type Node struct {
	instance *instance.Instance
	log      *slog.Logger
	network  *hostcallback.Network // nil: the system's
	owned    []io.Closer
	closing  sync.Once
}

// Start starts a node and waits, up to a second or two, until it is ready to be
// attached; call it from a thread that may wait. The configuration is JSON, shaped as
// a VeilidConfig (spec 07 §6.1); what it leaves out is as in [DefaultConfig]. Options
// may be null. cancel ends the start early; it may be null.
//
// Several nodes may run in one process, each with a program_name or namespace of its
// own. Errors: ParseError and Generic for the configuration, AlreadyInitialized for
// a second node on the same folders, TryAgain for secrets that are locked, Internal
// for a store that is broken or a missing part, which the message names.
func Start(configuration string, o *Options, cancel *Cancellation) (_ *Node, err error) {
	defer catch(&err)
	if o == nil {
		o = &Options{}
	}
	n := &Node{log: slog.New(slog.DiscardHandler)}
	started := false
	defer func() {
		if !started {
			n.release()
		}
	}()
	defaults := defaultConfig(o.Directory)
	options := instance.Options{Defaults: &defaults, MemoryLimit: o.MemoryLimit}
	if o.LogLevel != "" {
		level, err := levelOf(o.LogLevel)
		if err != nil {
			return nil, err
		}
		options.Log = level
	}
	if o.MemoryLimit < 0 {
		return nil, failure(core.InvalidArgument, "MemoryLimit is %d, negative", o.MemoryLimit)
	}
	if o.ProtectedStore != nil {
		s := hostcallback.NewStore(o.ProtectedStore)
		n.owned = append(n.owned, s)
		options.Core.ProtectedStore = s
	}
	if o.Network != nil {
		n.network = hostcallback.NewNetwork(o.Network.FactsJSON)
		n.owned = append(n.owned, n.network)
		options.Core.NetInfo = n.network
		options.Core.Resolver = bootstrap.NewNetResolver(n.network)
	}
	if crash := o.Crash; crash != nil {
		options.Crash = func(value any, stack []byte) {
			defer swallow(n.log, "OnCrash")
			if err := crash.OnCrash(clean(fmt.Sprintf("%v\n\n%s", value, stack))); err != nil {
				n.log.Error("the app's crash listener failed", "err", clean(err.Error()))
			}
		}
	}
	ctx, end := contextOf(cancel)
	defer end()
	n.instance, err = instance.Start(ctx, []byte(configuration), options)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, failure(core.Timeout, "the start was cancelled")
	case err != nil:
		return nil, fault(err)
	}
	n.log = n.instance.Logger()
	started = true
	return n, nil
}

// Open makes a session: a user of the API with handles of its own, and updates if
// there is a listener, from now on; it may be null. On a closed node the session
// answers every request with NotInitialized.
func (n *Node) Open(updates UpdateListener) (_ *Session, err error) {
	defer catch(&err)
	if n.instance == nil {
		return nil, errNotStarted
	}
	s := &Session{log: n.log}
	if updates == nil {
		s.session = n.instance.Open(nil)
		return s, nil
	}
	var message []byte // one update at a time
	s.session = n.instance.Open(func(line []byte, blobs [][]byte) {
		message = appendMessage(message, line, blobs)
		s.give("OnUpdate", func() error { return updates.OnUpdate(message) })
		if cap(message) > maxKept {
			message = nil
		}
	})
	return s, nil
}

// maxKept bounds the room of an update that is used for the next one.
const maxKept = 64 << 10

// NetworkChanged tells that interfaces or connectivity have changed: the node asks
// for the facts again and looks at its connections at once. It does not block.
func (n *Node) NetworkChanged() {
	if n.instance == nil {
		return
	}
	defer swallow(n.log, "NetworkChanged")
	if n.network != nil {
		n.network.Notify()
	}
	n.instance.NetworkChanged()
}

// SetForeground tells where the app is: false, in the background, the node does its
// periodic work more rarely, which saves the battery; true, it looks at its network
// at once and attaches again if it has to.
func (n *Node) SetForeground(on bool) {
	if n.instance == nil {
		return
	}
	defer swallow(n.log, "SetForeground")
	n.instance.SetForeground(on)
}

// StatusJSON is what the node takes of the device, as
//
//	{"heap_bytes": 0, "runtime_bytes": 0, "goroutines": 0, "sessions": 0}
//
// heap_bytes is what is in use, runtime_bytes all that Go has from the system.
func (n *Node) StatusJSON() (_ string, err error) {
	defer catch(&err)
	if n.instance == nil {
		return "", errNotStarted
	}
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(samples)
	text, err := json.Marshal(struct {
		Heap       uint64 `json:"heap_bytes"`
		Runtime    uint64 `json:"runtime_bytes"`
		Goroutines int    `json:"goroutines"`
		Sessions   int    `json:"sessions"`
	}{samples[0].Value.Uint64(), samples[1].Value.Uint64() - samples[2].Value.Uint64(), runtime.NumGoroutine(), n.instance.Sessions()})
	return string(text), fault(err)
}

// Close ends the node and its sessions, which get a Shutdown update as the last one,
// and waits, a few seconds at most. It may be called twice, but not by a listener.
// Errors: an Internal one for a bug.
func (n *Node) Close() (err error) {
	defer catch(&err)
	if n.instance == nil {
		return nil
	}
	n.instance.Close()
	n.release()
	return nil
}

// release closes the adapters.
func (n *Node) release() {
	n.closing.Do(func() {
		for _, c := range n.owned {
			if err := c.Close(); err != nil {
				n.log.Warn("adapter of the app did not close", "err", err)
			}
		}
	})
}

// DefaultConfig is the configuration of an app in a folder, as JSON, the same that
// [Start] completes a configuration with. In contrast to a server's it maps no ports
// (upnp), since iOS asks the user before an app may look for a router.
func DefaultConfig(directory string) (_ string, err error) {
	defer catch(&err)
	text, err := json.Marshal(defaultConfig(directory))
	return string(text), fault(err)
}

func defaultConfig(directory string) config.Config {
	c := config.Default()
	c.Network.UPnP = false
	dirs := map[string]*string{"protected_store": &c.ProtectedStore.Directory, "table_store": &c.TableStore.Directory, "block_store": &c.BlockStore.Directory}
	for name, dir := range dirs {
		*dir = ""
		if directory != "" {
			*dir = filepath.Join(directory, name)
		}
	}
	return c
}

// levelOf reads a level as the API names it.
func levelOf(name string) (slog.Level, error) {
	levels := map[string]slog.Level{
		"Error": slog.LevelError, "Warn": slog.LevelWarn, "Info": slog.LevelInfo, "Debug": slog.LevelDebug, "Trace": bind.LevelTrace,
	}
	if level, ok := levels[name]; ok {
		return level, nil
	}
	return 0, failure(core.InvalidArgument, "LogLevel is %.40q, must be Error, Warn, Info, Debug, Trace or empty", name)
}

// contextOf is a context that ends with a cancellation, which may be nil.
func contextOf(c *Cancellation) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	if c == nil {
		return ctx, cancel
	}
	select {
	case <-c.wait(): // at once, not when the goroutine gets to it
		cancel()
		return ctx, cancel
	default:
	}
	stopped := make(chan struct{})
	go func() { // ends with the call: cancel below waits for it
		defer close(stopped)
		select {
		case <-c.wait():
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(); <-stopped }
}
