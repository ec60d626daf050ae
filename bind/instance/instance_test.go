package instance_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/voile-net/voile/bind/instance"
	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/internal/loopback"
	"github.com/voile-net/voile/platform"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// offline is a configuration of a node that keeps nothing, listens nowhere and
// knows nobody.
const offline = `{"program_name":"app","table_store":{"directory":""},"protected_store":{"directory":""},
	"network":{"upnp":false,"routing_table":{"bootstrap":[],"bootstrap_keys":[]},
	"protocol":{"udp":{"enabled":false},"tcp":{"listen":false},"ws":{"listen":false}}}}`

func start(t testing.TB, o instance.Options) *instance.Instance {
	t.Helper()
	i, err := instance.Start(t.Context(), []byte(offline), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(i.Close)
	return i
}

// answer is what every response has.
type answer struct {
	Value json.RawMessage
	Error *struct{ Kind, Message string }
}

func read(t testing.TB, line []byte) (a answer) {
	t.Helper()
	if err := json.Unmarshal(line, &a); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return a
}

func kindOf(t testing.TB, line []byte) string {
	t.Helper()
	if a := read(t, line); a.Error != nil {
		return a.Error.Kind
	}
	return ""
}

func TestStartErrors(t *testing.T) {
	for _, c := range []struct {
		name, config, says string
		kind               core.ErrorKind
	}{
		{"not JSON", `{`, "configuration", core.ParseError},
		{"wrong type", `{"program_name":7}`, "program_name", core.ParseError},
		{"no name", `{"table_store":{"directory":""},"protected_store":{"directory":""}}`, "program_name", core.Generic},
	} {
		t.Run(c.name, func(t *testing.T) {
			i, err := instance.Start(t.Context(), []byte(c.config), instance.Options{})
			if i != nil || core.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) {
				t.Errorf("= %v, %v; want %s that says %q", i, err, c.kind, c.says)
			}
		})
	}
}

// Lines of the log from before there was a session are not lost.
func TestEarlyLog(t *testing.T) {
	i := start(t, instance.Options{Log: slog.LevelInfo})
	i.Logger().Info("before anybody listens")
	told := make(chan struct{}, 64)
	i.Open(func(line []byte, _ [][]byte) {
		if strings.Contains(string(line), "before anybody listens") {
			told <- struct{}{}
		}
	})
	<-told
}

func TestCalls(t *testing.T) {
	s := start(t, instance.Options{}).Open(nil)
	for _, c := range []struct{ name, line, kind string }{
		{"an operation", `{"id":1,"op":"GetState"}`, ""},
		{"one that fails", `{"id":1,"op":"Detach"}`, "Generic"},
		{"unknown operation", `{"id":1,"op":"Dance"}`, "ParseError"},
		{"no JSON", `hello`, "ParseError"},
		{"nothing", ``, "ParseError"},
		{"bytes that are not there", `{"id":1,"op":"AppCallReply","call_id":"1","message":"#0"}`, "ParseError"},
	} {
		t.Run(c.name, func(t *testing.T) {
			line, blobs := s.Call(t.Context(), []byte(c.line), nil)
			if kindOf(t, line) != c.kind || blobs != nil {
				t.Errorf("%s is answered with %s, %d blobs; want an error of kind %q", c.line, line, len(blobs), c.kind)
			}
			begun := make(chan []byte, 2)
			s.Begin([]byte(c.line), nil, func(answer []byte, _ [][]byte) { begun <- answer })
			if line := <-begun; kindOf(t, line) != c.kind {
				t.Errorf("begun, %s is answered with %s", c.line, line)
			}
		})
	}
}

// Bytes go in and come back beside the line.
func TestBytesBesideTheLine(t *testing.T) {
	s := start(t, instance.Options{}).Open(nil)
	table := read(t, first(s.Call(t.Context(), []byte(`{"op":"OpenTableDb","name":"t","column_count":1}`), nil)))
	call := func(op string, blobs ...string) ([]byte, [][]byte) {
		in := make([][]byte, len(blobs))
		for i := range blobs {
			in[i] = []byte(blobs[i])
		}
		return s.Call(t.Context(), fmt.Appendf(nil, `{"op":"TableDb","db_id":%s,"db_op":%s}`, table.Value, op), in)
	}
	if line, _ := call(`"Store","col":0,"key":"#0","value":"#1"`, "k", "a value"); kindOf(t, line) != "" {
		t.Fatalf("Store: %s", line)
	}
	line, blobs := call(`"Load","col":0,"key":"#0"`, "k")
	if len(blobs) != 1 || string(blobs[0]) != "a value" {
		t.Errorf("Load: %s, %q", line, blobs)
	}
	if s.Objects() != 1 {
		t.Errorf("%d objects, want the table", s.Objects())
	}
	s.Close()
	if s.Objects() != 0 {
		t.Errorf("%d objects after Close", s.Objects())
	}
}

func first(line []byte, _ [][]byte) []byte { return line }

// Two instances of a private network talk; the messages are updates.
func TestMessages(t *testing.T) {
	record := loopback.Network(t, 3)
	join := func(name string, update func([]byte, [][]byte)) *instance.Session {
		cfg, err := json.Marshal(loopback.Config(name, loopback.FreePort(t), record))
		if err != nil {
			t.Fatal(err)
		}
		i, err := instance.Start(t.Context(), cfg, instance.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(i.Close)
		s := i.Open(update)
		if kind := kindOf(t, first(s.Call(t.Context(), []byte(`{"op":"Attach"}`), nil))); kind != "" {
			t.Fatal(kind)
		}
		if err := i.Node().WaitReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		return s
	}
	var receiver *instance.Session
	ready := make(chan struct{})
	receiver = join("receiver", func(line []byte, blobs [][]byte) {
		var u struct {
			Kind, Message string
			CallID        string `json:"call_id"`
		}
		if err := json.Unmarshal(line, &u); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if u.Kind != "AppCall" {
			return
		}
		<-ready
		reply := append([]byte("you said "), blobs[0]...)
		receiver.Begin(fmt.Appendf(nil, `{"op":"AppCallReply","call_id":%q,"message":"#0"}`, u.CallID), [][]byte{reply}, func([]byte, [][]byte) {})
	})
	close(ready)
	sender := join("sender", nil)

	var route struct {
		Value struct {
			Blob string
		}
	}
	line, blobs := receiver.Call(t.Context(), []byte(`{"op":"NewPrivateRoute"}`), nil)
	if err := json.Unmarshal(line, &route); err != nil || len(blobs) != 1 {
		t.Fatalf("%s, %d blobs: %v", line, len(blobs), err)
	}
	target := read(t, first(sender.Call(t.Context(), []byte(`{"op":"ImportRemotePrivateRoute","blob":"#0"}`), blobs)))
	rc := read(t, first(sender.Call(t.Context(), []byte(`{"op":"NewRoutingContext"}`), nil)))
	call := fmt.Appendf(nil, `{"op":"RoutingContext","rc_id":%s,"rc_op":"AppCall","target":{"RouteId":%s},"message":"#0"}`, rc.Value, target.Value)
	line, blobs = sender.Call(t.Context(), call, [][]byte{[]byte("hello")})
	for try := 1; kindOf(t, line) == "Timeout" && try < 3; try++ { // a datagram may be lost on a machine that is busy
		line, blobs = sender.Call(t.Context(), call, [][]byte{[]byte("hello")})
	}
	if len(blobs) != 1 || string(blobs[0]) != "you said hello" {
		t.Errorf("AppCall: %s, %q", line, blobs)
	}
}

// Close answers what is under way, delivers the last update and lets nothing come
// after it.
func TestClose(t *testing.T) {
	i, err := instance.Start(t.Context(), []byte(offline), instance.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var closed bool
	var updates []string
	s := i.Open(func(line []byte, _ [][]byte) {
		mu.Lock()
		defer mu.Unlock()
		if closed {
			t.Errorf("an update after Close: %s", line)
		}
		updates = append(updates, string(line))
	})
	var calls sync.WaitGroup
	const n = 1000
	calls.Add(n)
	for range n {
		s.Begin([]byte(`{"op":"Debug","command":"nodeid"}`), nil, func([]byte, [][]byte) {
			mu.Lock()
			defer mu.Unlock()
			if closed {
				t.Error("an answer after Close")
			}
			calls.Done()
		})
	}
	i.Close()
	mu.Lock()
	closed = true
	mu.Unlock()
	calls.Wait()
	i.Close()
	s.Close()
	if len(updates) == 0 || !strings.Contains(updates[len(updates)-1], `"Shutdown"`) {
		t.Errorf("updates %q, want Shutdown as the last one", updates)
	}
	if kind := kindOf(t, first(s.Call(t.Context(), []byte(`{"op":"GetState"}`), nil))); kind != "NotInitialized" {
		t.Errorf("a call after Close: %s, want NotInitialized", kind)
	}
	late := make(chan []byte, 1)
	s.Begin([]byte(`{"op":"GetState"}`), nil, func(answer []byte, _ [][]byte) { late <- answer })
	if kind := kindOf(t, <-late); kind != "NotInitialized" {
		t.Errorf("a call begun after Close: %s, want NotInitialized", kind)
	}
	if i.Sessions() != 0 {
		t.Errorf("%d sessions after Close", i.Sessions())
	}
	again := i.Open(nil)
	if kind := kindOf(t, first(again.Call(t.Context(), []byte(`{"op":"GetState"}`), nil))); kind != "NotInitialized" {
		t.Errorf("a session opened after Close: %s, want NotInitialized", kind)
	}
}

// A call can be given up, by its context and by cancel.
func TestCancel(t *testing.T) {
	s := start(t, instance.Options{}).Open(nil)
	if kind := kindOf(t, first(s.Call(t.Context(), []byte(`{"op":"Attach"}`), nil))); kind != "" {
		t.Fatal(kind)
	}
	const waits = `{"op":"WaitForAttachmentCondition","condition":{"opt_public_internet_ready":true},"timeout_ms":600000}`
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if kind := kindOf(t, first(s.Call(ctx, []byte(waits), nil))); kind != "Timeout" {
		t.Errorf("a call whose context has ended: %q, want Timeout", kind)
	}
	done := make(chan []byte, 1)
	stop := s.Begin([]byte(waits), nil, func(answer []byte, _ [][]byte) { done <- answer })
	stop()
	if kind := kindOf(t, <-done); kind != "Timeout" {
		t.Errorf("a cancelled call: %q, want Timeout", kind)
	}
	stop()
}

// brokenNetwork has a bug.
type brokenNetwork struct{ platform.NetInfo }

func (brokenNetwork) Network(context.Context) (platform.Network, error) { panic("a bug") }
func (brokenNetwork) Changed() <-chan struct{}                          { return nil }

// A panic in a goroutine of the node is told, closes the instance and ends nothing
// else.
func TestCrash(t *testing.T) {
	type crash struct {
		value any
		stack string
	}
	crashes := make(chan crash, 2)
	last := make(chan string, 100)
	i := start(t, instance.Options{
		Core:  core.Options{NetInfo: brokenNetwork{}},
		Crash: func(value any, stack []byte) { crashes <- crash{value, string(stack)} },
	})
	s := i.Open(func(line []byte, _ [][]byte) { last <- string(line) })
	s.Call(t.Context(), []byte(`{"op":"Attach"}`), nil)
	if c := <-crashes; c.value != "a bug" || !strings.Contains(c.stack, "brokenNetwork") {
		t.Errorf("told of %v at\n%s", c.value, c.stack)
	}
	for !strings.Contains(<-last, `"Shutdown"`) {
	}
	i.Close()
	if kind := kindOf(t, first(s.Call(t.Context(), []byte(`{"op":"GetState"}`), nil))); kind != "NotInitialized" {
		t.Errorf("a call after a crash: %s, want NotInitialized", kind)
	}
	if len(crashes) != 0 {
		t.Error("told twice")
	}
}

func BenchmarkCall(b *testing.B) {
	s := start(b, instance.Options{}).Open(nil)
	line := []byte(`{"id":1,"op":"Now"}`)
	b.ReportAllocs()
	for b.Loop() {
		s.Call(b.Context(), line, nil)
	}
}
