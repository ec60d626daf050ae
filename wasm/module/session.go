//go:build js

package module

import (
	"errors"
	"log/slog"
	"sync"
	"syscall/js"

	"github.com/voile-net/voile/bind/instance"
	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/core"
)

// session is one of a node's. Goroutines: those of the instance's session, ended by
// close. Locks: mu, for moments only.
type session struct {
	id    int
	node  *node
	inner *instance.Session
	done  chan struct{} // closed by close: nobody waits for the application any more
	once  sync.Once

	mu    sync.Mutex
	calls map[int]func() // that give up the calls under way, by id
	next  int
}

// open makes a session and returns its number. onUpdate that is no function: there
// are no updates.
func (n *node) open(onUpdate js.Value) int {
	s := &session{node: n, done: make(chan struct{}), calls: map[int]func(){}}
	n.mu.Lock()
	n.next++
	s.id = n.next
	n.sessions[s.id] = s
	n.mu.Unlock()
	var update func(line []byte, blobs [][]byte)
	if onUpdate.Type() == js.TypeFunction {
		update = func(line []byte, blobs [][]byte) { s.update(onUpdate, line, blobs) }
	}
	s.inner = n.instance.Open(update)
	if n.host.level != nil && n.host.secure && len(n.host.gateways) == 0 {
		n.instance.Node().PublishLog(core.LogUpdate{Level: slog.LevelWarn, Message: insecure})
	}
	return s.id
}

// insecure says why a node of a page that came by https may find nobody.
const insecure = "the page came by https: nodes at ws:// can only be reached through a gateway at wss://, and there is none"

// update gives one update to the application and waits for the promise that it may
// return.
func (s *session) update(onUpdate js.Value, line []byte, blobs [][]byte) {
	result, err := invoke(onUpdate, string(line), fromBytes(blobs))
	if err == nil && result.Type() == js.TypeObject && result.Get("then").Type() == js.TypeFunction {
		err = await(result, s.done)
	}
	if err != nil {
		js.Global().Get("console").Call("error", "voile: an update was not taken: "+err.Error())
	}
}

// invoke calls a function and makes an exception an error.
func invoke(f js.Value, args ...any) (result js.Value, err error) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case js.Error:
			err = thrown(v.Value)
		default:
			panic(v)
		}
	}()
	return f.Invoke(args...), nil
}

// thrown is an exception, which may be any value.
func thrown(v js.Value) error { return errors.New(js.Global().Get("String").Invoke(v).String()) }

// await waits for a promise; when given up is closed it does not wait any longer.
func await(promise js.Value, givenUp <-chan struct{}) error {
	settled := make(chan error, 1)
	var yes, no js.Func
	end := func(err error) {
		yes.Release()
		no.Release()
		settled <- err
	}
	yes = js.FuncOf(func(js.Value, []js.Value) any { end(nil); return nil })
	no = js.FuncOf(func(_ js.Value, args []js.Value) any { end(thrown(arguments(args).value(0))); return nil })
	promise.Call("then", yes, no)
	select {
	case err := <-settled:
		return err
	case <-givenUp:
		return nil
	}
}

// call begins a request: arguments are its line and its bytes. The answer of a
// closed session is an error.
func (m *module) call(s *session, args arguments) any {
	promise, resolve, _ := newPromise()
	o := js.Global().Get("Object").New()
	o.Set("answer", promise)
	if s == nil {
		o.Set("id", 0)
		resolve(message(closedAnswer(), nil))
		return o
	}
	s.mu.Lock()
	s.next++
	id := s.next
	s.calls[id] = nil
	s.mu.Unlock()
	o.Set("id", id)
	giveUp := s.inner.Begin([]byte(text(args.value(0))), toBytes(args.value(1)), func(answer []byte, blobs [][]byte) {
		s.mu.Lock()
		delete(s.calls, id)
		s.mu.Unlock()
		resolve(message(answer, blobs))
	})
	s.mu.Lock()
	if _, under := s.calls[id]; under {
		s.calls[id] = giveUp
	}
	s.mu.Unlock()
	return o
}

// giveUp ends a call early; one that is answered already stays as it is.
func (s *session) giveUp(args arguments) any {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	f := s.calls[args.number(0)]
	s.mu.Unlock()
	if f != nil {
		f()
	}
	return nil
}

// close ends the calls and updates, and waits.
func (s *session) close() {
	s.once.Do(func() { close(s.done) })
	s.inner.Close()
	s.node.forget(s.id)
}

// closedAnswer is what a call of a closed session gets.
func closedAnswer() []byte {
	line := append([]byte(nil), `{"type":"Response","id":0,"error":`...)
	return append((&jsonapi.VeilidAPIError{Kind: jsonapi.NotInitialized}).AppendJSON(line), '}')
}
