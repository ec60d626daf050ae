//go:build linux && !android

package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/voile-net/voile/interop/api"
)

// quickPair is a quick client and the other end of its connection.
func quickPair(t *testing.T) (*quick, net.Conn, *bufio.Reader) {
	t.Helper()
	ours, theirs := net.Pipe()
	q := &quick{conn: ours, done: make(chan struct{}), pending: map[uint64]chan answer{}, wake: make(chan struct{}, 1)}
	t.Cleanup(func() { theirs.Close(); q.Close() })
	return q, theirs, bufio.NewReader(theirs)
}

func TestQuickRequest(t *testing.T) {
	for _, tt := range []struct {
		name, response string
		length         int
		value, err     string
	}{
		{"text", `{"type":"Response","id":1,"op":"RoutingContext","rc_id":3,"rc_op":"AppCall","value":"AAAA"}`, 4, "", ""},
		{"number", `{"type":"Response","id":1,"op":"NewRoutingContext","value":77}`, 0, "77", ""},
		{"nothing", `{"type":"Response","id":1,"op":"RoutingContext","rc_op":"AppMessage","value":null}`, 0, "", ""},
		{"error", `{"type":"Response","id":1,"op":"RoutingContext","rc_op":"AppCall","error":{"kind":"Timeout"}}`, 0, "", `"error":{"kind":"Timeout"}}`},
		{"not for us", `{"type":"Response","id":9,"op":"Detach","value":null}` + "\n" + `{"type":"Response","id":1,"value":5}`, 0, "5", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q, theirs, r := quickPair(t)
			q.start()
			line, err := messageLine(3, "AppCall", api.Target{RouteID: "VLD0:x"}, []byte("abc"))
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				got, _ := r.ReadString('\n')
				if want := `{"op":"RoutingContext","rc_id":3,"rc_op":"AppCall","target":{"RouteId":"VLD0:x"},"message":"YWJj","id":1}` + "\n"; got != want {
					t.Errorf("sent %s", got)
				}
				fmt.Fprintln(theirs, tt.response)
			}()
			a := q.request(t.Context(), line)
			text := ""
			if a.err != nil {
				text = a.err.Error()
			}
			if a.length != tt.length || string(a.value) != tt.value || !strings.HasSuffix(text, tt.err) || (tt.err == "") != (a.err == nil) {
				t.Errorf("answer of %d characters, value %q, %v", a.length, a.value, a.err)
			}
		})
	}
}

func TestQuickUpdates(t *testing.T) {
	q, theirs, r := quickPair(t)
	q.echo()
	messages := make(chan string, 2)
	q.onMessage = func(route, text []byte) { messages <- string(route) + " " + string(text) }
	q.start()
	go fmt.Fprint(theirs, `{"type":"Update","kind":"Attachment","state":"Detached"}`+"\n"+
		`{"type":"Update","kind":"AppMessage","sender":null,"route_id":"VLD0:r","message":"AQID"}`+"\n"+
		`{"type":"Update","kind":"AppCall","sender":null,"route_id":"VLD0:r","message":"BBBB","call_id":"123"}`+"\n")
	if got := <-messages; got != "VLD0:r AQID" {
		t.Errorf("message %q", got)
	}
	got, err := r.ReadString('\n')
	if want := `{"op":"AppCallReply","call_id":"123","message":"BBBB","id":0}` + "\n"; got != want {
		t.Errorf("reply %s, %v", got, err)
	}
}

func TestQuickEnds(t *testing.T) {
	q, theirs, _ := quickPair(t)
	q.start()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	go func() {
		<-ctx.Done()
		theirs.Close()
	}()
	if a := q.request(t.Context(), open(`"op":"GetState"`)); a.err == nil {
		t.Error("an answer on a connection that has ended")
	}
	if a := q.request(t.Context(), open(`"op":"GetState"`)); a.err == nil {
		t.Error("a request on a connection that has ended")
	}
}
