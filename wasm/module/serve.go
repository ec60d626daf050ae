//go:build js

package module

import (
	"fmt"
	"runtime/debug"
	"sync"
	"syscall/js"

	"github.com/voile-net/voile/core"
)

// ABI is the number of the border; it changes when JavaScript has to.
const ABI = 1

// Serve gives the module to globalThis.__voile_ready and then never returns: the
// program lives as long as its worker. It ends at once if nobody waits for it.
// version is that of the build, by which tabs know that they have the same.
func Serve(version string) {
	ready := js.Global().Get("__voile_ready")
	if ready.Type() != js.TypeFunction {
		fmt.Println("voile: globalThis.__voile_ready is not a function: the loader of web/ sets it")
		return
	}
	m := newModule()
	ready.Invoke(js.ValueOf(map[string]any{
		"abi": ABI, "version": version,
		"start": m.function(func(args arguments) any { return m.promise(func() (any, error) { return m.start(args) }) }),
	}))
	select {}
}

// module is what lives as long as the program: the functions of handles, each made
// once and bound to the number of its handle, and the nodes behind the numbers.
// Goroutines: those of promises. Locks: mu, for moments only.
type module struct {
	node, session map[string]js.Func // by method

	mu    sync.Mutex
	nodes map[int]*node
	next  int
}

func newModule() *module {
	m := &module{nodes: map[int]*node{}}
	m.node = map[string]js.Func{
		"open":           m.function(m.open),
		"networkChanged": m.function(m.onNode((*node).networkChanged)),
		"setForeground":  m.function(m.onNode((*node).setForeground)),
		"stats":          m.function(m.onNode((*node).stats)),
		"close":          m.function(m.closeNode),
	}
	m.session = map[string]js.Func{
		"call":   m.function(m.onSession(m.call)),
		"cancel": m.function(m.onSession((*session).giveUp)),
		"close":  m.function(m.onSession(m.closeSession)),
	}
	return m
}

// handle makes an object whose methods are bound to numbers.
func handle(methods map[string]js.Func, numbers ...any) js.Value {
	o := js.Global().Get("Object").New()
	for name, f := range methods {
		o.Set(name, f.Call("bind", append([]any{nil}, numbers...)...))
	}
	return o
}

// add gives a node its number.
func (m *module) add(n *node) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.next++
	n.id = m.next
	m.nodes[n.id] = n
	return n.id
}

func (m *module) find(id int) *node {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.nodes[id]
}

func (m *module) remove(id int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.nodes, id)
}

// onNode is a method of a node handle; the first argument is its number. On a
// closed node it does nothing and returns nothing.
func (m *module) onNode(f func(*node, arguments) any) func(arguments) any {
	return func(args arguments) any {
		if n := m.find(args.number(0)); n != nil {
			return f(n, args[1:])
		}
		return nil
	}
}

// onSession is a method of a session handle: numbers of the node and the session.
// It gets nil if the session is closed.
func (m *module) onSession(f func(*session, arguments) any) func(arguments) any {
	return func(args arguments) any {
		var s *session
		if n := m.find(args.number(0)); n != nil {
			s = n.find(args.number(1))
		}
		return f(s, args[2:])
	}
}

// open gives a handle also of a closed node: its calls are answered.
func (m *module) open(args arguments) any {
	id := 0
	if n := m.find(args.number(0)); n != nil {
		id = n.open(args.value(1))
	}
	return handle(m.session, args.number(0), id)
}

// closeNode waits for all that the node does.
func (m *module) closeNode(args arguments) any {
	n := m.find(args.number(0))
	return m.promise(func() (any, error) {
		if n != nil {
			n.close()
			m.remove(n.id)
		}
		return nil, nil
	})
}

func (m *module) closeSession(s *session, _ arguments) any {
	return m.promise(func() (any, error) {
		if s != nil {
			s.close()
		}
		return nil, nil
	})
}

// function makes a JavaScript function of f, which must not wait. A panic is a bug;
// it must not end the program with all its nodes, and it cannot become an
// exception: the function then returns undefined.
func (m *module) function(f func(arguments) any) js.Func {
	return js.FuncOf(func(_ js.Value, args []js.Value) (result any) {
		defer m.recovered()
		return f(args)
	})
}

// promise makes a Promise of f, which runs in a goroutine of its own.
func (m *module) promise(f func() (any, error)) js.Value {
	p, resolve, reject := newPromise()
	go func() { // the program owns it; what f waits for is ended by close
		defer func() {
			if v := recover(); v != nil {
				m.crash(v, debug.Stack())
				reject(jsError(&core.Error{Kind: core.Internal, Message: fmt.Sprint("bug: ", v)}))
			}
		}()
		if v, err := f(); err != nil {
			reject(jsError(err))
		} else {
			resolve(v)
		}
	}()
	return p
}

func (m *module) recovered() {
	if v := recover(); v != nil {
		m.crash(v, debug.Stack())
	}
}

// crash tells every node's host of a panic in the border itself.
func (m *module) crash(value any, stack []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range m.nodes {
		n.host.crash(value, stack)
	}
}
