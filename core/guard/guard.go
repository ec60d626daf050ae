// Package guard keeps a panic of a goroutine from ending the process of an
// application that has the node as a library. A panic is a bug all the same: the
// node is told to close. It imports the standard library only.
package guard

import (
	"fmt"
	"runtime/debug"
	"sync"
)

// Handler gets the panic of a goroutine and its stack, in that goroutine. It must
// not panic. nil: panics go on and end the process.
type Handler func(value any, stack []byte)

// Go runs f in a goroutine of wg.
func (h Handler) Go(wg *sync.WaitGroup, f func()) {
	wg.Go(func() { h.Run(f) })
}

// Run runs f.
func (h Handler) Run(f func()) {
	if h == nil {
		f()
		return
	}
	defer h.catch()
	f()
}

// Func is f that is guarded, for timers.
func (h Handler) Func(f func()) func() {
	return func() { h.Run(f) }
}

func (h Handler) catch() {
	if v := recover(); v != nil {
		stack := debug.Stack()
		if p, ok := v.(*Panic); ok {
			v, stack = p.Value, p.Stack
		}
		h(v, stack)
	}
}

// Group is a [sync.WaitGroup] for goroutines that a function waits for: Wait panics
// with a [*Panic] if one of them has, so that a panic ends up with the owner of the
// function's goroutine. The zero value is ready.
type Group struct {
	wg    sync.WaitGroup
	mu    sync.Mutex
	first *Panic
}

// Panic is the panic of another goroutine.
type Panic struct {
	Value any
	Stack []byte // of the goroutine that has panicked
}

// Error makes a Panic readable in the trace of a process that ends by it.
func (p *Panic) Error() string {
	return fmt.Sprintf("%v\n\n%s", p.Value, p.Stack)
}

// Go runs f in a goroutine.
func (g *Group) Go(f func()) {
	g.wg.Go(func() {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			p, ok := v.(*Panic)
			if !ok {
				p = &Panic{v, debug.Stack()}
			}
			g.mu.Lock()
			defer g.mu.Unlock()
			if g.first == nil {
				g.first = p
			}
		}()
		f()
	})
}

// Wait waits until all goroutines have ended.
func (g *Group) Wait() {
	g.wg.Wait()
	g.mu.Lock()
	p := g.first
	g.mu.Unlock()
	if p != nil {
		panic(p)
	}
}
