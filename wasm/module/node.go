//go:build js

package module

import (
	"context"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall/js"

	"github.com/voile-net/voile/bind/instance"
	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/platform/browser"
)

// node is a started node with its sessions.
// Goroutines: those of the instance, ended by close. Locks: mu, for moments only.
type node struct {
	id       int
	host     *host
	instance *instance.Instance
	net      *browser.NetInfo
	stores   []io.Closer

	used          atomic.Int64 // bytes of storage at the last look; 0: unknown
	measuring     atomic.Bool
	measure       context.Context
	stopMeasuring context.CancelFunc
	looks         sync.WaitGroup

	mu       sync.Mutex
	sessions map[int]*session
	next     int
}

// start starts a node: arguments are the configuration and the host.
func (m *module) start(args arguments) (any, error) {
	h, err := readHost(args.value(1))
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	n := &node{host: h, net: browser.NewNetInfo(), sessions: map[int]*session{}}
	n.measure, n.stopMeasuring = context.WithCancel(ctx)
	options := instance.Options{Log: h.level, MemoryLimit: h.memoryLimit, Crash: h.crash}
	defaults := Defaults()
	options.Defaults = &defaults
	options.Core.NetInfo = n.net
	options.Core.Host = &browser.Host{Secure: h.secure, Gateways: h.gateways}
	options.Core.Logger = slog.New(slog.DiscardHandler)
	line := []byte(text(args.value(0)))
	cfg, _, err := config.ParseOver(line, defaults)
	if err != nil {
		return nil, &core.Error{Kind: core.ParseError, Message: "configuration: " + err.Error(), Err: err}
	}
	if n.stores, err = h.openStores(ctx, cfg.Namespace, &options.Core); err != nil {
		return nil, err
	}
	if n.instance, err = instance.Start(ctx, line, options); err != nil {
		n.stopMeasuring()
		n.closeStores()
		return nil, err
	}
	// A network key has taken 19 MiB for a moment. The memory of a module never gets
	// smaller, but what is free in it is used before it grows: the collector must know
	// now that so much is, or lets the heap become twice that first.
	runtime.GC()
	n.look()
	return handle(m.node, m.add(n)), nil
}

func (n *node) closeStores() {
	for _, s := range n.stores {
		s.Close() // nothing can be done about an error
	}
}

// close closes the node with its sessions, and waits. It may be called twice.
func (n *node) close() {
	n.instance.Close()
	n.mu.Lock()
	sessions := n.sessions
	n.sessions = map[int]*session{}
	n.mu.Unlock()
	for _, s := range sessions {
		s.close()
	}
	n.closeStores()
	n.net.Close()
	n.stopMeasuring()
	n.looks.Wait()
}

func (n *node) networkChanged(args arguments) any {
	n.net.Set(args.value(0).Truthy())
	n.instance.NetworkChanged()
	return nil
}

func (n *node) setForeground(args arguments) any {
	n.instance.SetForeground(args.value(0).Truthy())
	return nil
}

func (n *node) stats(arguments) any {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	o := js.Global().Get("Object").New()
	o.Set("goHeap", float64(m.HeapAlloc))
	o.Set("goSys", float64(m.Sys))
	o.Set("goroutines", runtime.NumGoroutine())
	if used := n.used.Load(); used > 0 {
		o.Set("storeBytes", float64(used))
	}
	n.look()
	return o
}

// look asks the browser for the size of its storage: the next stats have it.
func (n *node) look() {
	if n.host.storage == "memory" || n.measure.Err() != nil || !n.measuring.CompareAndSwap(false, true) {
		return
	}
	guard.Handler(n.host.crash).Go(&n.looks, func() {
		defer n.measuring.Store(false)
		if used, err := browser.StorageUsed(n.measure); err == nil {
			n.used.Store(used)
		}
	})
}

func (n *node) find(id int) *session {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.sessions[id]
}

func (n *node) forget(id int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.sessions, id)
}
