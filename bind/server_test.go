package bind_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/bind"
	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/sim"
	"github.com/voile-net/voile/core/transport/memory"
)

// peer is the other end of a connection to a server.
type peer struct {
	t     testing.TB
	conn  net.Conn
	lines chan map[string]any // closed when the connection ends
	done  sync.WaitGroup
}

// dial connects to a server without a network.
func dial(t testing.TB, s *bind.Server) *peer {
	t.Helper()
	ours, theirs := net.Pipe()
	s.ServeConn(theirs)
	return newPeer(t, ours)
}

func newPeer(t testing.TB, conn net.Conn) *peer {
	p := &peer{t: t, conn: conn, lines: make(chan map[string]any, 4096)}
	p.done.Go(func() {
		defer close(p.lines)
		r := bufio.NewReader(conn)
		for {
			line, err := r.ReadBytes('\n')
			if err != nil {
				return
			}
			var v map[string]any
			if err := json.Unmarshal(line, &v); err != nil {
				t.Errorf("%.200s: %v", line, err)
			}
			p.lines <- v
		}
	})
	return p
}

func (p *peer) close() {
	p.conn.Close()
	p.done.Wait()
}

func (p *peer) send(text string) {
	p.t.Helper()
	if _, err := io.WriteString(p.conn, text); err != nil {
		p.t.Fatalf("send: %v", err)
	}
}

// next waits for a line that fits.
func (p *peer) next(what string, fits func(map[string]any) bool) map[string]any {
	p.t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		select {
		case v, ok := <-p.lines:
			if !ok {
				p.t.Fatalf("connection ended instead of %s", what)
			}
			if fits(v) {
				return v
			}
		case <-timeout:
			p.t.Fatalf("no %s", what)
		}
	}
}

// ask sends a request and waits for its answer.
func (p *peer) ask(id int, format string, args ...any) map[string]any {
	p.t.Helper()
	p.send(fmt.Sprintf(`{"id":%d,%s}`+"\n", id, fmt.Sprintf(format, args...)))
	return p.next(fmt.Sprintf("answer %d", id), func(v map[string]any) bool {
		return v["type"] == "Response" && v["id"] == float64(id)
	})
}

// value is ask for something that succeeds.
func (p *peer) value(id int, format string, args ...any) any {
	p.t.Helper()
	v := p.ask(id, format, args...)
	if v["error"] != nil {
		p.t.Fatalf(format+": %v", append(args, v["error"])...)
	}
	return v["value"]
}

func (p *peer) update(kind string) map[string]any {
	p.t.Helper()
	return p.next("update "+kind, func(v map[string]any) bool { return v["type"] == "Update" && v["kind"] == kind })
}

// ended waits for the end of the connection.
func (p *peer) ended() {
	p.t.Helper()
	for range p.lines {
	}
}

// withServer runs a test in virtual time with a server of a detached node.
func withServer(t *testing.T, opts bind.ServerOptions, f func(t *testing.T, s *bind.Server)) {
	synctest.Test(t, func(t *testing.T) {
		n := sim.New(1)
		defer n.Memory.Close()
		node, err := n.Start(t.Context(), 1, n.Config(1, ""), memory.HostConfig{})
		if err != nil {
			t.Fatal(err)
		}
		defer node.Close()
		s := bind.NewServer(bind.New(node.Node, bind.Options{}), opts)
		defer s.Close()
		f(t, s)
	})
}

func TestServerLines(t *testing.T) {
	withServer(t, bind.ServerOptions{}, func(t *testing.T, s *bind.Server) {
		p := dial(t, s)
		defer p.close()
		p.send("\n  \r\n" + `{"id":1,"op":"Now"}` + "\r\n\t" + `{"id":2,"op":"IsShutdown"} ` + "\n{\"id\":3,")
		p.send(`"op":"VeilidVersion"}` + "\n")
		seen := map[any]bool{}
		for range 3 {
			v := p.next("answer", func(v map[string]any) bool { return v["type"] == "Response" })
			seen[v["id"]] = true
		}
		if len(seen) != 3 {
			t.Errorf("answers to %v, want all three", seen)
		}
		long := strings.Repeat(" ", 1<<20)
		if v := p.ask(4, `"op":"IsShutdown"%s`, long); v["value"] != false {
			t.Errorf("a line of 1 MiB: %v", v)
		}
	})
}

// What is no request ends the connection without an answer, and costs nobody
// else anything.
func TestServerRefuses(t *testing.T) {
	withServer(t, bind.ServerOptions{MaxLine: 1 << 20}, func(t *testing.T, s *bind.Server) {
		other := dial(t, s)
		defer other.close()
		other.value(1, `"op":"NewRoutingContext"`)
		for _, tt := range []struct{ name, text string }{
			{"no JSON", "hello\n"},
			{"what a browser sends", "POST / HTTP/1.1\r\nHost: localhost:5959\r\nContent-Type: text/plain\r\n\r\n{\"id\":1,\"op\":\"Detach\"}\n"},
			{"unknown operation", `{"id":1,"op":"Nonsense"}` + "\n"},
			{"missing field", `{"id":1,"op":"Debug"}` + "\n"},
			{"line without end", strings.Repeat("x", 1<<20+70<<10)},
			{"line too long", `{"op":"Now","x":"` + strings.Repeat("x", 1<<20) + "\"}\n"},
		} {
			p := dial(t, s)
			go io.WriteString(p.conn, tt.text) // the end comes in the middle of it
			for v := range p.lines {
				if v["type"] == "Response" {
					t.Errorf("%s: answered with %v", tt.name, v)
				}
			}
			p.close()
		}
		if v := other.ask(2, `"op":"RoutingContext","rc_id":1,"rc_op":"Safety"`); v["value"] == nil {
			t.Errorf("the other connection has lost its objects: %v", v)
		}
	})
}

func TestServerObjectsAreOfOneConnection(t *testing.T) {
	withServer(t, bind.ServerOptions{}, func(t *testing.T, s *bind.Server) {
		a, b := dial(t, s), dial(t, s)
		defer a.close()
		defer b.close()
		a.value(1, `"op":"NewRoutingContext"`)
		if v := b.ask(1, `"op":"RoutingContext","rc_id":1,"rc_op":"Safety"`); v["rc_op"] != "InvalidId" {
			t.Errorf("object of another connection: %v", v)
		}
	})
}

// A call that waits does not hold up others, and ends with the connection.
func TestServerCallsRunSideBySide(t *testing.T) {
	withServer(t, bind.ServerOptions{}, func(t *testing.T, s *bind.Server) {
		p := dial(t, s)
		for id := range 100 {
			p.send(fmt.Sprintf(`{"id":%d,"op":"WaitForAttachmentCondition"}`+"\n", 1000+id))
		}
		p.value(1, `"op":"Now"`)
		start := time.Now()
		v := p.ask(2, `"op":"WaitForAttachmentCondition","timeout_ms":250`)
		if e, _ := v["error"].(map[string]any); e["kind"] != "Timeout" || time.Since(start) != 250*time.Millisecond {
			t.Errorf("%v after %v, want Timeout after 250 ms", v, time.Since(start))
		}
		p.close()
		synctest.Wait() // no call is left, or the end of the bubble would never come
	})
}

// Half-closed: what was asked is answered.
func TestServerHalfClose(t *testing.T) {
	node := detached(t)
	s := bind.NewServer(bind.New(node.Node, bind.Options{}), bind.ServerOptions{})
	defer s.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	p := newPeer(t, conn)
	defer p.close()
	p.send(`{"id":1,"op":"WaitForAttachmentCondition","timeout_ms":50}` + "\n" + `{"id":2,"op":"Now"}`)
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	seen := map[any]bool{}
	for range 2 {
		v := p.next("answer", func(v map[string]any) bool { return v["type"] == "Response" })
		seen[v["id"]] = true
	}
	if len(seen) != 2 {
		t.Errorf("answers to %v, want both", seen)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, bind.ErrServerClosed) {
		t.Errorf("Serve returned %v", err)
	}
	p.ended()
	if err := s.Serve(l); !errors.Is(err, bind.ErrServerClosed) {
		t.Errorf("Serve after Close returned %v", err)
	}
}

// A client that takes nothing is let go, and its answers do not pile up.
func TestServerGivesUpOnStalledClient(t *testing.T) {
	withServer(t, bind.ServerOptions{MaxQueue: 64 << 10, Stall: 5 * time.Second}, func(t *testing.T, s *bind.Server) {
		ours, theirs := net.Pipe()
		s.ServeConn(theirs)
		defer ours.Close()
		start := time.Now()
		var err error
		for err == nil {
			_, err = io.WriteString(ours, `{"op":"DefaultVeilidConfig"}`+"\n")
		}
		if waited := time.Since(start); waited < 5*time.Second || waited > 10*time.Second {
			t.Errorf("disconnected after %v, want about 5 s", waited)
		}
	})
}

func TestServerCloseEndsConnections(t *testing.T) {
	withServer(t, bind.ServerOptions{}, func(t *testing.T, s *bind.Server) {
		p := dial(t, s)
		defer p.close()
		p.send(`{"id":1,"op":"WaitForAttachmentCondition"}` + "\n")
		synctest.Wait()
		s.Close()
		p.ended()
		s.Close()
		late := dial(t, s)
		defer late.close()
		late.ended()
	})
}

// attached starts servers of a network of nodes, in virtual time, and waits until
// they are ready; peers are one connection to each.
func attached(t *testing.T, count int) (servers []*bind.Server, peers []*peer) {
	network := sim.New(7)
	t.Cleanup(func() { network.Memory.Close() })
	seed := ""
	for i := 1; i <= count; i++ {
		node, err := network.Start(t.Context(), i, network.Config(i, seed), memory.HostConfig{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { node.Close() })
		if i == 1 {
			seed = node.ID().String()
		}
		s := bind.NewServer(bind.New(node.Node, bind.Options{}), bind.ServerOptions{})
		t.Cleanup(func() { s.Close() })
		p := dial(t, s)
		t.Cleanup(p.close)
		p.value(1, `"op":"Attach"`)
		servers, peers = append(servers, s), append(peers, p)
	}
	for _, p := range peers {
		p.value(2, `"op":"WaitForAttachmentCondition","timeout_ms":60000`)
	}
	return servers, peers
}

// The whole way: two clients of two nodes of a network talk over a private route.
func TestMessagesBetweenClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, peers := attached(t, 6)
		alice, bob := peers[3], peers[5]
		bob.update("Network")

		blob := bob.value(3, `"op":"NewPrivateRoute"`).(map[string]any)
		id := alice.value(3, `"op":"ImportRemotePrivateRoute","blob":%q`, blob["blob"])
		if id != blob["route_id"] {
			t.Fatalf("imported as %v, want %v", id, blob["route_id"])
		}
		rc := alice.value(4, `"op":"NewRoutingContext"`)
		message := base64.RawURLEncoding.EncodeToString(make([]byte, core.MaxMessage))

		alice.value(5, `"op":"RoutingContext","rc_id":%v,"rc_op":"AppMessage","target":{"RouteId":%q},"message":%q`, rc, id, message)
		got := bob.update("AppMessage")
		if got["message"] != message || got["route_id"] != id || got["sender"] != nil {
			t.Errorf("message of route %v and sender %v differs", got["route_id"], got["sender"])
		}

		alice.send(fmt.Sprintf(`{"id":6,"op":"RoutingContext","rc_id":%v,"rc_op":"AppCall","target":{"RouteId":%q},"message":"cXVlc3Rpb24"}`+"\n", rc, id))
		call := bob.update("AppCall")
		if v := bob.ask(7, `"op":"AppCallReply","call_id":%q,"message":"YW5zd2Vy"`, call["call_id"]); v["error"] != nil {
			t.Errorf("reply: %v", v)
		}
		answer := alice.next("answer to the call", func(v map[string]any) bool { return v["id"] == float64(6) })
		if answer["value"] != "YW5zd2Vy" {
			t.Errorf("answer %v", answer)
		}
		if v := bob.ask(8, `"op":"AppCallReply","call_id":%q,"message":""`, call["call_id"]); v["error"] == nil {
			t.Errorf("a second reply: %v", v)
		}

		bob.value(9, `"op":"ReleasePrivateRoute","route_id":%q`, id)
		if dead := bob.update("RouteChange")["dead_routes"].([]any); len(dead) != 1 || dead[0] != id {
			t.Errorf("dead routes %v, want %v", dead, id)
		}
		if v := bob.ask(10, `"op":"Detach"`); v["error"] != nil {
			t.Error(v)
		}
		for bob.update("Attachment")["state"] != "Detached" {
		}
	})
}

func TestControl(t *testing.T) {
	var asked []string
	api := bind.New(detached(t).Node, bind.Options{Control: func(_ context.Context, args []string) (string, error) {
		asked = args
		if args[0] == "panic" {
			panic("a bug")
		}
		return "done", nil
	}})
	c := api.NewClient()
	for _, tt := range []struct{ request, want string }{
		{`{"id":1,"op":"Control","args":["Shutdown"]}`, `{"type":"Response","id":1,"op":"Control","value":"done"}`},
		{`{"id":2,"op":"Control","args":[]}`, `{"type":"Response","id":2,"op":"Control","error":{"kind":"Generic","message":"no control request specified"}}`},
		{`{"id":3,"op":"Control","args":["panic"]}`, `{"type":"Response","id":3,"op":"Control","error":{"kind":"Internal","message":"bug in Control"}}`},
		{`{"id":4,"op":"Control","args":["EmitSchema","Request"]}`, `{"type":"Response","id":4,"op":"Control","error":{"kind":"Generic","message":"unknown control message"}}`},
	} {
		if got, closed := ask(t.Context(), c, tt.request); closed || got != tt.want {
			t.Errorf("%s\ngot  %s\nwant %s", tt.request, got, tt.want)
		}
	}
	if len(asked) != 1 || asked[0] != "panic" {
		t.Errorf("host was asked %q", asked)
	}
}
