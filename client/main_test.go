package client_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/voile-net/voile/client"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// request is a line that a fake server got.
type request map[string]any

func (r request) id() int { return int(r["id"].(float64)) }

func (r request) name() string {
	for _, k := range []string{"rc_op", "dhttx_op", "db_op", "tx_op", "cs_op"} {
		if sub, ok := r[k].(string); ok {
			return r["op"].(string) + "." + sub
		}
	}
	return r["op"].(string)
}

// respond is the response with a value, in JSON.
func (r request) respond(value string) string {
	b := fmt.Sprintf(`{"type":"Response","id":%d,"op":%q`, r.id(), r["op"])
	for _, k := range []string{"rc", "dhttx", "db", "tx", "cs"} {
		if sub, ok := r[k+"_op"].(string); ok {
			b += fmt.Sprintf(`,"%s_id":%v,"%s_op":%q`, k, r[k+"_id"], k, sub)
		}
	}
	if value != "" {
		b += `,"value":` + value
	}
	return b + "}"
}

// fault is the response with an error, in JSON.
func (r request) fault(err string) string {
	return strings.TrimSuffix(r.respond(""), "}") + `,"error":` + err + "}"
}

// fake is a server that answers as a test wants. Each connection is one end of a
// pipe.
type fake struct {
	// answer is called with each request; the lines it gives are sent. It runs on
	// the connection's own goroutine.
	answer func(r request) []string
	refuse error // for new connections; nil: they are taken

	mu       sync.Mutex
	conns    []net.Conn
	requests []request
	wg       sync.WaitGroup
}

func (f *fake) dial(context.Context) (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != nil {
		return nil, f.refuse
	}
	near, far := net.Pipe()
	f.conns = append(f.conns, far)
	f.wg.Go(func() { f.serve(far) })
	return near, nil
}

func (f *fake) serve(conn net.Conn) {
	defer conn.Close()
	for s := bufio.NewScanner(conn); s.Scan(); {
		var r request
		if err := json.Unmarshal(s.Bytes(), &r); err != nil {
			return // as real servers do
		}
		f.mu.Lock()
		f.requests = append(f.requests, r)
		f.mu.Unlock()
		for _, line := range f.answer(r) {
			if _, err := io.WriteString(conn, line+"\n"); err != nil {
				return
			}
		}
	}
}

// send sends a line on the last connection.
func (f *fake) send(line string) error {
	f.mu.Lock()
	conn := f.conns[len(f.conns)-1]
	f.mu.Unlock()
	_, err := io.WriteString(conn, line+"\n")
	return err
}

// cut ends the last connection.
func (f *fake) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conns[len(f.conns)-1].Close()
}

func (f *fake) setRefuse(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse = err
}

// names are the operations of all requests so far.
func (f *fake) names() (names []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.requests {
		names = append(names, r.name())
	}
	return names
}

// connect is a client of the fake, with a quick second attempt.
func (f *fake) connect(t testing.TB, o client.Options) *client.Client {
	t.Helper()
	o.Dial = f.dial
	if o.BackoffMin == 0 {
		o.BackoffMin = time.Millisecond
	}
	c, err := client.Dial(t.Context(), "", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); f.wg.Wait() })
	return c
}

// next is the next update, which must be of the type.
func next[T client.Update](t testing.TB, s *client.Subscription) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	u, err := s.Next(ctx)
	if err != nil {
		t.Fatalf("no update: %v", err)
	}
	v, ok := u.(T)
	if !ok {
		t.Fatalf("update %T %+v, want %T", u, u, v)
	}
	return v
}
