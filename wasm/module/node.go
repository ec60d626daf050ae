//go:build js

package module

import (
	"context"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"syscall/js"

	"github.com/voile-net/voile/bind/instance"
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
	options := instance.Options{Log: h.level, MemoryLimit: h.memoryLimit, Crash: h.crash}
	defaults := Defaults()
	options.Defaults = &defaults
	options.Core.NetInfo = n.net
	options.Core.Host = &browser.Host{Secure: h.secure}
	options.Core.Resolver = browser.Resolver{}
	options.Core.Logger = slog.New(slog.DiscardHandler)
	if n.stores, err = h.openStores(ctx, &options.Core); err != nil {
		return nil, err
	}
	if n.instance, err = instance.Start(ctx, []byte(text(args.value(0))), options); err != nil {
		n.closeStores()
		return nil, err
	}
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
	return o
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
