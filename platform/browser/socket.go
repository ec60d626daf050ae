//go:build js

package browser

import (
	"context"
	"fmt"
	"sync"
	"syscall/js"
	"time"

	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/platform/internal/jsvalue"
	"github.com/voile-net/voile/wasm/edge/edgeurl"
)

// Codes of the Close frames that a connection is ended with.
const (
	closeNormal   = 1000
	closeText     = 4003 // a script may send 1000 and 3000 to 4999 only: these mirror
	closeTooLarge = 4009 // 1003, 1009 and 1013 of RFC 6455
	closeTooSlow  = 4013
)

// Waits for a WebSocket to have room: it has no event for that.
const (
	firstWait = 2 * time.Millisecond
	lastWait  = 50 * time.Millisecond
)

// CloseError says how a connection ended, or that it was never made.
type CloseError struct {
	Code   int // of the Close frame; 1006: there was none
	Reason string
}

func (e *CloseError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("websocket closed with code %d", e.Code)
	}
	return fmt.Sprintf("websocket closed with code %d: %.123s", e.Code, e.Reason)
}

// socket is one WebSocket. Events come from the engine while no goroutine runs.
// Goroutines: none. Locks: mu, for moments only.
type socket struct {
	host   *Host
	ws     js.Value
	event  js.Func
	writer chan struct{} // holds one value while somebody writes
	open   chan struct{} // closed when the connection is made
	ended  chan struct{} // closed when it has ended
	ready  chan struct{} // has a value after a message came

	mu     sync.Mutex
	queue  [][]byte
	unread int   // bytes of queue
	err    error // why it has ended; nil: it has not
}

var _ transport.MessageConn = (*socket)(nil)

var events = [...]string{"open", "message", "close"}

// open begins to connect.
func open(h *Host, class js.Value, target Target) (s *socket, err error) {
	s = &socket{
		host: h, writer: make(chan struct{}, 1), open: make(chan struct{}),
		ended: make(chan struct{}), ready: make(chan struct{}, 1),
	}
	args := []any{target.URL}
	if target.Gateway {
		args = append(args, []any{edgeurl.Open, edgeurl.Refused})
	}
	if s.ws, err = construct(class, args); err != nil {
		return nil, err
	}
	s.ws.Set("binaryType", "arraybuffer")
	// Errors say nothing that the end does not; but in Node the package ws makes one
	// that nobody listens to the end of the process. Function.prototype does nothing.
	s.ws.Call("addEventListener", "error", js.Global().Get("Function").Get("prototype"))
	s.event = js.FuncOf(func(_ js.Value, args []js.Value) any {
		s.happened(args[0])
		return nil
	})
	for _, name := range events {
		s.ws.Call("addEventListener", name, s.event)
	}
	return s, nil
}

// construct makes an exception an error: a URL that the page may not open is one.
func construct(class js.Value, args []any) (v js.Value, err error) {
	defer exception(&err)
	return class.New(args...), nil
}

// exception makes a panic of an exception an error.
func exception(err *error) {
	switch v := recover().(type) {
	case nil:
	case js.Error:
		*err = jsvalue.ErrorOf(v.Value)
	default:
		panic(v)
	}
}

// happened handles one event.
func (s *socket) happened(event js.Value) {
	switch event.Get("type").String() {
	case "open":
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.err == nil {
			close(s.open)
		}
	case "message":
		s.received(event.Get("data"))
	case "close":
		s.end(&CloseError{event.Get("code").Int(), event.Get("reason").String()}, 0)
	}
}

// received queues a message, or ends a connection that breaks a rule.
func (s *socket) received(data js.Value) {
	if data.Type() != js.TypeObject {
		s.end(&CloseError{closeText, "a text message"}, closeText)
		return
	}
	size := data.Get("byteLength").Int()
	s.mu.Lock()
	unread := s.unread + size
	s.mu.Unlock()
	switch {
	case size > transport.MaxMessage:
		s.end(&CloseError{closeTooLarge, fmt.Sprintf("a message of %d bytes", size)}, closeTooLarge)
		return
	case unread > MaxUnread, s.host.unread.Load()+int64(size) > maxTotal:
		s.end(&CloseError{closeTooSlow, "messages come faster than they are read"}, closeTooSlow)
		return
	}
	msg := make([]byte, size)
	js.CopyBytesToGo(msg, js.Global().Get("Uint8Array").New(data))
	s.mu.Lock()
	if s.err == nil {
		s.queue = append(s.queue, msg)
		s.unread += size
		s.host.unread.Add(int64(size))
	}
	s.mu.Unlock()
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// end ends the connection once, for a reason. code 0: the browser has closed it.
func (s *socket) end(reason error, code int) {
	s.mu.Lock()
	if s.err != nil {
		s.mu.Unlock()
		return
	}
	s.err = reason
	close(s.ended)
	s.mu.Unlock()
	for _, name := range events {
		s.ws.Call("removeEventListener", name, s.event)
	}
	s.event.Release()
	if code == 0 {
		return
	}
	// Before the connection is made the engine reports the end of it as an error
	// to listeners, of which there are none, and some engines as an exception.
	text := ""
	if e, ok := reason.(*CloseError); ok {
		text = e.Reason
	}
	_, _ = jsvalue.Call(s.ws, "close", code, text)
}

// opened waits until the connection is made. A gateway that refuses opens it only to
// close it with the reason.
func (s *socket) opened(ctx context.Context, gateway bool) error {
	select {
	case <-s.open:
		if !gateway || s.ws.Get("protocol").String() == edgeurl.Open {
			return nil
		}
	case <-s.ended:
		return s.reason()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case <-s.ended:
		return s.reason()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *socket) reason() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// ReadMessage implements [transport.MessageConn]. What came before the end is read
// first.
func (s *socket) ReadMessage(ctx context.Context) ([]byte, error) {
	for {
		s.mu.Lock()
		if len(s.queue) > 0 {
			msg := s.queue[0]
			s.queue[0] = nil
			s.queue = s.queue[1:]
			s.unread -= len(msg)
			s.host.unread.Add(-int64(len(msg)))
			s.mu.Unlock()
			return msg, nil
		}
		err := s.err
		s.mu.Unlock()
		if err != nil {
			return nil, err
		}
		select {
		case <-s.ready:
		case <-s.ended:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// WriteMessage implements [transport.MessageConn]. It waits while the WebSocket
// holds more than [MaxUnsent] bytes with b, unless it holds none.
func (s *socket) WriteMessage(ctx context.Context, b []byte) error {
	select {
	case s.writer <- struct{}{}:
		defer func() { <-s.writer }()
	case <-s.ended:
		return s.reason()
	case <-ctx.Done():
		return ctx.Err()
	}
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		if err := s.reason(); err != nil {
			return err
		}
		if held := s.ws.Get("bufferedAmount").Int(); held == 0 || held+len(b) <= MaxUnsent {
			break
		}
		if err := s.pause(ctx, wait); err != nil {
			return err
		}
	}
	data := js.Global().Get("Uint8Array").New(len(b))
	js.CopyBytesToJS(data, b)
	_, err := jsvalue.Call(s.ws, "send", data)
	return err
}

func (s *socket) pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-s.ended:
		return s.reason()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close implements [transport.MessageConn]. What waits to be sent still goes out.
func (s *socket) Close() error {
	s.end(fmt.Errorf("websocket: %w", transport.ErrClosed), closeNormal)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.host.unread.Add(-int64(s.unread))
	s.queue, s.unread = nil, 0
	return nil
}
