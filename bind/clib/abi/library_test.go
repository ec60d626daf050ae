package abi

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/voile-net/voile/bind/instance"
)

const testConfig = `{"program_name":"test"}`

// start gives a library with a node; what is open at the end of the test is closed.
func start(t testing.TB) (*Library, Handle) {
	t.Helper()
	l := New("test")
	t.Cleanup(func() {
		l.CloseAll()
		if c := l.Count(); c.Nodes+c.Sessions+c.Calls+c.Events != 0 || len(l.delivering) != 0 {
			t.Errorf("left: %+v, %d delivering", c, len(l.delivering))
		}
	})
	node, err := l.StartNode(t.Context(), Options{}, []byte(testConfig), Caller{})
	if err != nil {
		t.Fatal(err)
	}
	return l, node
}

// A panic of the library in a callback is told as an event with its stack, ends the
// node, and nothing else.
func TestPanicInDelivery(t *testing.T) {
	l, node := start(t)
	events := make(chan Event, 10)
	other, err := l.OpenSession(node, SessionOptions{Deliver: func(e *Event) { events <- *e }}, Caller{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.OpenSession(node, SessionOptions{Deliver: func(e *Event) {
		if e.Type == Answer {
			panic("a bug")
		}
	}}, Caller{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := l.NewCall(s, CallOptions{}, Caller{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Begin([]byte(`{"op":"Now"}`), nil); err != nil {
		t.Fatal(err)
	}
	var crash Event
	for e := range events {
		if e.Type == Crash {
			crash = e
		}
		if e.Type == SessionEnded {
			break
		}
	}
	if crash.Code != instance.Internal || !strings.Contains(string(crash.Line), "a bug") || !strings.Contains(string(crash.Line), `"stack":"goroutine`) {
		t.Errorf("the event says %s", crash.Line)
	}
	if _, err := l.OpenSession(node, SessionOptions{}, Caller{}); CodeOf(err) != instance.InvalidHandle {
		t.Errorf("a session of the crashed node: %v", err)
	}
	for _, h := range []Handle{other, s} {
		if err := l.CloseSession(h, Caller{}); err != nil {
			t.Error(err)
		}
	}
	if err := l.CloseNode(node, Caller{}); err != nil {
		t.Error(err)
	}
}

// Nothing with a handle is done for a function of a store or of the log.
func TestReentrant(t *testing.T) {
	l, node := start(t)
	in := Caller{Adapter: true}
	s, err := l.OpenSession(node, SessionOptions{}, Caller{})
	if err != nil {
		t.Fatal(err)
	}
	_, e1 := l.StartNode(t.Context(), Options{}, []byte(testConfig), in)
	_, e2 := l.OpenSession(node, SessionOptions{}, in)
	_, e3 := l.Poll(s, 0, in)
	_, e4 := l.CallSync(s, nil, nil, 0, in)
	_, e5 := l.NewCall(s, CallOptions{}, in)
	_, e6 := l.WakeDescriptor(s, in)
	for i, err := range []error{
		e1, e2, e3, e4, e5, e6, l.CloseNode(node, in), l.CloseSession(s, in), l.NetworkChanged(node, in),
		l.SetForeground(node, true, in), l.SetLogLevel(node, LevelInfo, in), l.SetNetwork(node, nil, in),
		l.CancelCall(1, in), l.Acknowledge(s, 1, in),
	} {
		if CodeOf(err) != instance.Reentrant {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// Calls of a session that is polled count until their answers are taken.
func TestTooManyAnswers(t *testing.T) {
	l, node := start(t)
	s, err := l.OpenSession(node, SessionOptions{}, Caller{})
	if err != nil {
		t.Fatal(err)
	}
	begin := func() error {
		c, err := l.NewCall(s, CallOptions{}, Caller{})
		if err == nil {
			err = c.Begin([]byte(`x`), nil)
		}
		return err
	}
	for range instance.MaxPending {
		if err := begin(); err != nil {
			t.Fatal(err)
		}
	}
	if err := begin(); CodeOf(err) != instance.TryAgain {
		t.Errorf("one more: %v", err)
	}
	if _, err := l.Poll(s, time.Minute, Caller{}); err != nil {
		t.Error(err)
	}
	if err := begin(); err != nil {
		t.Errorf("after one was taken: %v", err)
	}
}

// Starts of the same node at the same time give one node, and the others its handle.
func TestReuse(t *testing.T) {
	l := New("test")
	defer l.CloseAll()
	got := make(chan Handle)
	for range 8 {
		go func() {
			h, err := l.StartNode(t.Context(), Options{Reuse: true}, []byte(testConfig), Caller{})
			if err != nil {
				t.Error(err)
			}
			got <- h
		}()
	}
	first := <-got
	for range 7 {
		if h := <-got; h != first {
			t.Errorf("handles %#x and %#x", first, h)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		code instance.Code
		json string
	}{
		{NullPointer("x"), instance.NullPointer, `{"kind":"NullPointer","message":"x is null"}`},
		{TooLarge("n", 5, 4), instance.TooLarge, `{"kind":"TooLarge","message":"n is 5, at most 4"}`},
		{InvalidArgument("f", "a", 7), instance.InvalidArgument, `{"kind":"InvalidArgument","context":"f","argument":"a","value":"7"}`},
		{errors.New("x"), instance.Internal, `{"kind":"Internal","message":"x"}`},
		{errTimeout(), instance.Timeout, `{"kind":"Timeout"}`},
		{NoMemory(9), instance.NoMemory, `{"kind":"NoMemory","message":"9 bytes"}`},
	} {
		if code, text := CodeOf(c.err), string(AppendError(nil, c.err)); code != c.code || text != c.json {
			t.Errorf("%v is %s, %s", c.err, code, text)
		}
	}
}

func BenchmarkCallSync(b *testing.B) {
	l, node := start(b)
	s, err := l.OpenSession(node, SessionOptions{}, Caller{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.CallSync(s, []byte(`{"op":"VeilidVersionString"}`), nil, 0, Caller{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCall(b *testing.B) {
	l, node := start(b)
	var answers atomic.Int64
	s, err := l.OpenSession(node, SessionOptions{Deliver: func(*Event) { answers.Add(1) }}, Caller{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		c, err := l.NewCall(s, CallOptions{}, Caller{})
		if CodeOf(err) == instance.TryAgain {
			continue // the answers are slower than the calls
		}
		if err == nil {
			err = c.Begin([]byte(`{"op":"VeilidVersionString"}`), nil)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
