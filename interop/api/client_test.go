package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// server plays the node on the other end of a pipe: f gets each request and
// the function that writes a line.
func server(t *testing.T, f func(request map[string]any, say func(format string, args ...any))) *Client {
	t.Helper()
	here, there := net.Pipe()
	c := New(here)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer there.Close()
		var mu sync.Mutex
		say := func(format string, args ...any) {
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintf(there, format+"\n", args...)
		}
		lines := bufio.NewScanner(there)
		lines.Buffer(nil, maxLine)
		for lines.Scan() {
			var request map[string]any
			if err := json.Unmarshal(lines.Bytes(), &request); err != nil {
				t.Errorf("request %q: %v", lines.Text(), err)
				return
			}
			wg.Go(func() { f(request, say) })
		}
	})
	t.Cleanup(func() {
		c.Close()
		wg.Wait()
	})
	return c
}

func respond(say func(string, ...any), request map[string]any, rest string) {
	object := ""
	if request["rc_id"] != nil {
		object = fmt.Sprintf(`"rc_id":%v,"rc_op":%q,`, request["rc_id"], request["rc_op"])
	}
	say(`{"type":"Response","id":%v,"op":%q,%s%s}`, request["id"], request["op"], object, rest)
}

func TestRequestsRunSideBySide(t *testing.T) {
	const n = 8
	var waiting sync.WaitGroup
	waiting.Add(n) // nobody is answered before everybody has asked
	c := server(t, func(r map[string]any, say func(string, ...any)) {
		waiting.Done()
		waiting.Wait()
		respond(say, r, fmt.Sprintf(`"value":"%v"`, r["command"]))
	})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			want := fmt.Sprintf("command %d", i)
			if got, err := c.Debug(t.Context(), want); err != nil || got != want {
				t.Errorf("Debug = %q, %v; want %q", got, err, want)
			}
		})
	}
	wg.Wait()
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		check        func(error) bool
	}{
		{"generic", `"error":{"kind":"Generic","message":"no"}`, func(err error) bool {
			var e *Error
			return errors.As(err, &e) && e.Kind == "Generic" && e.Message == "no" && e.Op == "RoutingContext"
		}},
		{"without message", `"error":{"kind":"Timeout"}`, func(err error) bool {
			var e *Error
			return errors.As(err, &e) && e.Kind == "Timeout" && e.Message == ""
		}},
		{"value of another type", `"value":7`, func(err error) bool { return err != nil && strings.Contains(err.Error(), `"7"`) }},
		{"padded base64", `"value":"YQ=="`, func(err error) bool { return err != nil && strings.Contains(err.Error(), "base64") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := server(t, func(r map[string]any, say func(string, ...any)) { respond(say, r, c.answer) })
			rc := &RoutingContext{client, 1}
			if _, err := rc.AppCall(t.Context(), Target{RouteID: "r"}, nil); !c.check(err) {
				t.Errorf("AppCall: %v", err)
			}
		})
	}
}

func TestInvalidID(t *testing.T) {
	c := server(t, func(r map[string]any, say func(string, ...any)) {
		say(`{"type":"Response","id":%v,"op":"RoutingContext","rc_id":%v,"rc_op":"InvalidId"}`, r["id"], r["rc_id"])
	})
	rc := &RoutingContext{c, 9}
	if err := rc.Release(t.Context()); !errors.Is(err, ErrInvalidID) {
		t.Errorf("Release of an unknown context: %v, want ErrInvalidID", err)
	}
}

func TestAttachTwiceIsNoError(t *testing.T) {
	c := server(t, func(r map[string]any, say func(string, ...any)) {
		respond(say, r, `"error":{"kind":"Generic","message":"Already attached"}`)
	})
	if err := c.Attach(t.Context()); err != nil {
		t.Error(err)
	}
	if err := c.Detach(t.Context()); err == nil {
		t.Error("Detach took the error of Attach for its own")
	}
}

func TestContextEndsARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := server(t, func(map[string]any, func(string, ...any)) {})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := c.GetState(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("GetState of a silent node: %v, want a deadline", err)
		}
	})
}

func TestTheEndOfTheConnectionEndsRequests(t *testing.T) {
	for _, c := range []struct {
		name string
		last string // what the server says before it closes
	}{
		{"closed", ""},
		{"no JSON", "hello\n"},
		{"unknown type", `{"type":"Greeting"}` + "\n"},
		{"cut", `{"type":"Respo`},
		{"update without kind", `{"type":"Update"}` + "\n"},
		{"bad message", `{"type":"Update","kind":"AppMessage","message":"*"}` + "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			here, there := net.Pipe()
			client := New(here)
			defer client.Close()
			go func() {
				bufio.NewReader(there).ReadString('\n')
				there.Write([]byte(c.last))
				there.Close()
			}()
			if _, err := client.GetState(t.Context()); !errors.Is(err, ErrClosed) {
				t.Errorf("GetState: %v, want ErrClosed", err)
			}
			if _, err := client.GetState(t.Context()); !errors.Is(err, ErrClosed) {
				t.Errorf("GetState afterwards: %v, want ErrClosed", err)
			}
		})
	}
}

func TestAnswer(t *testing.T) {
	replies := make(chan map[string]any, 2)
	c := server(t, func(r map[string]any, say func(string, ...any)) {
		switch r["op"] {
		case "AppCallReply":
			replies <- r
			respond(say, r, `"value":null`)
		case "GetState":
			say(`{"type":"Update","kind":"Log","log_level":"Info","message":"not base64 !","backtrace":null}`)
			say(`{"type":"Update","kind":"AppCall","sender":null,"route_id":"VLD0:r","message":"YWJj","call_id":"18446744073709551615"}`)
			respond(say, r, `"value":{"attachment":{"state":"AttachedGood","live_peer_count":"5","median_latency":"2140"}}`)
		}
	})
	var kinds []string
	defer c.OnUpdate(func(u Update) { kinds = append(kinds, u.Kind+" "+u.LogText) })()
	defer c.Answer(func(u Update) []byte {
		if u.RouteID == nil || *u.RouteID != "VLD0:r" || u.Sender != nil {
			t.Errorf("call by %v over %v", u.Sender, u.RouteID)
		}
		return append(u.Message, '!')
	})()
	s, err := c.GetState(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Attachment.LivePeerCount != 5 || s.Attachment.MedianLatency.Duration() != 2140*time.Microsecond {
		t.Errorf("state %+v", s.Attachment)
	}
	r := <-replies
	var got Bytes
	if err := got.UnmarshalText([]byte(r["message"].(string))); err != nil || !bytes.Equal(got, []byte("abc!")) {
		t.Errorf("answer %q, %v; want abc!", got, err)
	}
	if r["call_id"] != "18446744073709551615" {
		t.Errorf("call id %v", r["call_id"])
	}
	if want := []string{"Log not base64 !", "AppCall "}; !slices.Equal(kinds, want) {
		t.Errorf("updates %q, want %q", kinds, want)
	}
}

func TestRequestShapes(t *testing.T) {
	var got map[string]any
	c := server(t, func(r map[string]any, say func(string, ...any)) {
		got = r
		value := `"value":3`
		switch {
		case r["rc_op"] == "AppMessage" || r["op"] == "ReleasePrivateRoute":
			value = `"value":null`
		case r["op"] == "NewCustomPrivateRoute":
			value = `"value":{"route_id":"VLD0:r","blob":"AQI"}`
		case r["op"] == "ImportRemotePrivateRoute":
			value = `"value":"VLD0:r"`
		}
		respond(say, r, value)
	})
	rc := &RoutingContext{c, 2}
	ctx := t.Context()
	for _, s := range []struct {
		name string
		do   func() error
		want string
	}{
		{"safe", func() error {
			_, err := rc.WithSafety(ctx, SafetySpec{HopCount: 2, Stability: Reliable, Sequencing: EnsureOrdered})
			return err
		}, `{"id":1,"op":"RoutingContext","rc_id":2,"rc_op":"WithSafety","safety_selection":{"Safe":{"preferred_route":null,"hop_count":2,"stability":"Reliable","sequencing":"EnsureOrdered"}}}`},
		{"unsafe", func() error { _, err := rc.WithoutSafety(ctx, PreferOrdered); return err },
			`{"id":2,"op":"RoutingContext","rc_id":2,"rc_op":"WithSafety","safety_selection":{"Unsafe":"PreferOrdered"}}`},
		{"message", func() error { return rc.AppMessage(ctx, Target{RouteID: "VLD0:x"}, []byte{0xfb, 0xff}) },
			`{"id":3,"op":"RoutingContext","rc_id":2,"rc_op":"AppMessage","target":{"RouteId":"VLD0:x"},"message":"-_8"}`},
		{"route", func() error {
			_, err := c.NewCustomPrivateRoute(ctx, PrivateSpec{HopCount: 3, Stability: LowLatency, Sequencing: PreferUnordered})
			return err
		}, `{"id":4,"op":"NewCustomPrivateRoute","private_spec":{"crypto_kinds":["VLD0"],"hop_count":3,"stability":"LowLatency","sequencing":"PreferUnordered"},"kinds":["VLD0"],"stability":"LowLatency","sequencing":"PreferUnordered"}`},
		{"import", func() error { _, err := c.ImportRemotePrivateRoute(ctx, []byte{1}); return err },
			`{"id":5,"op":"ImportRemotePrivateRoute","blob":"AQ"}`},
		{"release", func() error { return c.ReleasePrivateRoute(ctx, "VLD0:r") },
			`{"id":6,"op":"ReleasePrivateRoute","route_id":"VLD0:r"}`},
	} {
		t.Run(s.name, func(t *testing.T) {
			if err := s.do(); err != nil {
				t.Fatal(err)
			}
			var want map[string]any
			if err := json.Unmarshal([]byte(s.want), &want); err != nil {
				t.Fatal(err)
			}
			if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
				t.Errorf("request\n%s\nwant\n%s", g, w)
			}
		})
	}
}
