//go:build js

package indexeddb

import (
	"context"
	"sync"
)

// gate lets any number of readers in, or one who changes what they read. The zero
// value is open. Locks: mu, for moments only.
type gate struct {
	mu       sync.Mutex
	readers  int
	changing bool
	waiting  []chan struct{} // closed when something may have become possible
}

// enter waits until a reader may be in; the error is ctx's. leave ends it.
func (g *gate) enter(ctx context.Context) error {
	return g.when(ctx, func() bool { return !g.changing }, func() { g.readers++ })
}

func (g *gate) leave() { g.update(func() { g.readers-- }) }

// lock waits until nobody is in and keeps everybody out; unlock ends it.
func (g *gate) lock() {
	// A commit cannot be given up any more.
	_ = g.when(context.Background(), func() bool { return g.readers == 0 && !g.changing }, func() { g.changing = true })
}

func (g *gate) unlock() { g.update(func() { g.changing = false }) }

func (g *gate) when(ctx context.Context, possible func() bool, then func()) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		g.mu.Lock()
		if possible() {
			then()
			g.mu.Unlock()
			return nil
		}
		changed := make(chan struct{})
		g.waiting = append(g.waiting, changed)
		g.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
}

func (g *gate) update(f func()) {
	g.mu.Lock()
	f()
	waiting := g.waiting
	g.waiting = nil
	g.mu.Unlock()
	for _, c := range waiting {
		close(c)
	}
}
