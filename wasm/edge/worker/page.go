//go:build js && wasm

package main

import (
	"sync"
	"syscall/js"

	"github.com/voile-net/voile/wasm/edge/policy"
	"github.com/voile-net/voile/wasm/edge/relay"
)

const (
	// Bounds of what has come from a page and waits to be passed on.
	maxQueue      = 256     // messages
	maxQueueBytes = 1 << 20 // at least one message of the largest size
	// maxUnheard is how many bytes are sent to a page that says nothing. Nodes ask
	// what is connected to them every ten seconds, and pages answer.
	maxUnheard = 2 << 20
)

// page implements relay.Page over a WebSocket of the platform, which has checked the
// frames and put messages together. Locks: mu.
type page struct {
	ws     js.Value
	events []event
	change chan struct{} // capacity 1: something below has changed, for Read
	room   chan struct{} // the same, for Write

	mu      sync.Mutex
	queue   [][]byte
	queued  int   // bytes
	unheard int   // bytes that were sent since the page last said something
	end     error // nil: open
}

type event struct {
	name string
	f    js.Func
}

// newPage begins to listen. It must be called before the WebSocket is answered with.
func newPage(ws js.Value) *page {
	p := &page{ws: ws, change: make(chan struct{}, 1), room: make(chan struct{}, 1)}
	on := func(name string, handle func(js.Value)) {
		f := js.FuncOf(func(_ js.Value, args []js.Value) any { handle(first(args)); return nil })
		p.events = append(p.events, event{name, f})
		ws.Call("addEventListener", name, f)
	}
	on("message", func(e js.Value) { p.take(e.Get("data")) })
	on("close", func(js.Value) { p.finish(relay.ErrPageClosed) })
	on("error", func(js.Value) { p.finish(relay.ErrPageClosed) })
	return p
}

// take queues a message. It runs while JavaScript waits.
func (p *page) take(data js.Value) {
	if data.Type() != js.TypeObject {
		p.finish(policy.CheckMessage(false, 0))
		return
	}
	size := data.Get("byteLength").Int()
	if err := policy.CheckMessage(true, size); err != nil {
		p.finish(err) // without a copy of it
		return
	}
	p.mu.Lock()
	full := len(p.queue) >= maxQueue || p.queued+size > maxQueueBytes
	if !full && p.end == nil {
		p.queue = append(p.queue, bytesOf(data))
		p.queued += size
	}
	p.unheard = 0
	p.mu.Unlock()
	if full {
		p.finish(&policy.Refusal{Code: policy.Breach, Text: "more messages than can be passed on"})
		return
	}
	wake(p.change)
	wake(p.room)
}

// finish ends reading and writing; only the first end counts.
func (p *page) finish(err error) {
	p.mu.Lock()
	if p.end == nil {
		p.end, p.queue = err, nil
	}
	p.mu.Unlock()
	wake(p.change)
	wake(p.room)
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Read implements relay.Page.
func (p *page) Read() (msg []byte, cost int, err error) {
	for {
		p.mu.Lock()
		err := p.end
		if err == nil && len(p.queue) > 0 {
			msg = p.queue[0]
			p.queue[0] = nil
			p.queue = p.queue[1:]
			p.queued -= len(msg)
			p.mu.Unlock()
			return msg, len(msg) + frameCost, nil
		}
		p.mu.Unlock()
		if err != nil {
			wake(p.change) // for who asks again
			return nil, 0, err
		}
		<-p.change
	}
}

// frameCost is what a message takes on the wire besides its bytes.
const frameCost = 8

// Write implements relay.Page.
func (p *page) Write(msg []byte) error {
	for {
		p.mu.Lock()
		if p.end != nil {
			p.mu.Unlock()
			return relay.ErrPageClosed
		}
		if p.unheard == 0 || p.unheard+len(msg) <= maxUnheard {
			p.unheard += len(msg)
			p.mu.Unlock()
			break
		}
		p.mu.Unlock()
		<-p.room
	}
	if _, err := call(p.ws, "send", arrayOf(msg)); err != nil {
		return relay.ErrPageClosed
	}
	return nil
}

// Close implements relay.Page.
func (p *page) Close(code policy.Code, reason string) {
	for _, e := range p.events {
		p.ws.Call("removeEventListener", e.name, e.f)
		e.f.Release()
	}
	p.finish(relay.ErrPageClosed)
	closeSocket(p.ws, code, reason)
}

// closeSocket says why; a WebSocket that is closed already throws.
func closeSocket(ws js.Value, code policy.Code, reason string) {
	_, _ = call(ws, "close", int(code), reason)
}
