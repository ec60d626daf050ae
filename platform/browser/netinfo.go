//go:build js

package browser

import (
	"context"
	"fmt"
	"sync"
	"syscall/js"

	"github.com/voile-net/voile/platform"
)

// NetInfo is a [platform.NetInfo] that knows whether the browser is online, and
// that something has changed. Goroutines: none. Locks: mu, for moments only.
type NetInfo struct {
	changed chan struct{}

	mu      sync.Mutex
	offline bool
	changes int
	closed  bool
}

var _ platform.NetInfo = (*NetInfo)(nil)

// NewNetInfo begins with what the engine says; one that says nothing is online.
func NewNetInfo() *NetInfo {
	navigator := js.Global().Get("navigator")
	return &NetInfo{
		changed: make(chan struct{}, 1),
		offline: navigator.Truthy() && navigator.Get("onLine").Equal(js.ValueOf(false)),
	}
}

// Set tells of an online or offline event, or of another change of the network.
// The node's connections are looked at anew in each case.
func (i *NetInfo) Set(online bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed {
		return
	}
	i.offline = !online
	i.changes++
	select {
	case i.changed <- struct{}{}:
	default:
	}
}

// Network implements [platform.NetInfo].
func (i *NetInfo) Network(ctx context.Context) (platform.Network, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed {
		return platform.Network{}, fmt.Errorf("network state: %w", platform.ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return platform.Network{}, fmt.Errorf("network state: %w", err)
	}
	return platform.Network{Hidden: true, Offline: i.offline, Changes: i.changes}, nil
}

// Changed implements [platform.NetInfo].
func (i *NetInfo) Changed() <-chan struct{} { return i.changed }

// Close implements [platform.NetInfo].
func (i *NetInfo) Close() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.closed = true
	return nil
}
