package relay

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/core/transport/websocket"
	"github.com/voile-net/voile/wasm/edge/edgeurl"
	"github.com/voile-net/voile/wasm/edge/policy"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const nodeAddress = "8.8.8.8:5150"

// lab is a network with one node, whose behaviour is a function of the connection.
type lab struct {
	node    func(net.Conn)
	names   map[string][]netip.Addr
	lookups int
	dialled []string
	wg      sync.WaitGroup
}

func (l *lab) Lookup(ctx context.Context, name string) ([]netip.Addr, error) {
	l.lookups++
	addrs, ok := l.names[name]
	if !ok {
		return nil, errors.New("no such name")
	}
	return addrs, nil
}

func (l *lab) Dial(ctx context.Context, at netip.AddrPort) (Stream, error) {
	l.dialled = append(l.dialled, at.String())
	if at.String() != nodeAddress {
		return nil, errors.New("nobody there")
	}
	ours, theirs := net.Pipe()
	l.wg.Go(func() {
		defer theirs.Close()
		l.node(theirs)
	})
	return ours, nil
}

// request reads the request of a WebSocket and returns its head.
func request(c net.Conn) (head []byte, key string, err error) {
	for buf := make([]byte, 4096); ; {
		n, err := c.Read(buf[len(head):])
		head = buf[:len(head)+n]
		if err != nil {
			return head, "", err
		}
		if websocket.IsRequest(head, "ws") {
			key, _, err := websocket.ParseRequest(head)
			return head, key, err
		}
	}
}

// serveNode answers as a node does, each message by handle.
func serveNode(c net.Conn, handle func(c net.Conn, msg []byte) bool) {
	_, key, err := request(c)
	if err != nil {
		return
	}
	if _, err := c.Write(websocket.AppendResponse(nil, key)); err != nil {
		return
	}
	d := websocket.Decoder{}
	buf, n := make([]byte, 2*policy.MaxMessage), 0
	for {
		msg, whole, used, need, err := d.Next(buf[:n])
		if err != nil {
			c.Write(websocket.AppendEnd(nil, websocket.Server, nil, err))
			return
		}
		if whole && !handle(c, msg) {
			return
		}
		if need == 0 {
			n = copy(buf, buf[used:n])
			continue
		}
		got, err := c.Read(buf[n:])
		if n += got; err != nil {
			return
		}
	}
}

func echo(c net.Conn) {
	serveNode(c, func(c net.Conn, msg []byte) bool {
		_, err := c.Write(websocket.AppendFrame(nil, websocket.Binary, nil, msg))
		return err == nil
	})
}

// tab is a page. Its maker sends into in, closes it to leave, and receives from out.
type tab struct {
	in   chan []byte
	out  chan []byte
	done chan struct{}
	once sync.Once
	code policy.Code
}

func newTab() *tab {
	return &tab{in: make(chan []byte), out: make(chan []byte), done: make(chan struct{})}
}

func (p *tab) Read() ([]byte, int, error) {
	select {
	case msg, ok := <-p.in:
		if !ok {
			return nil, 0, ErrPageClosed
		}
		return msg, len(msg), nil
	case <-p.done:
		return nil, 0, ErrPageClosed
	}
}

func (p *tab) Write(msg []byte) error {
	select {
	case p.out <- bytes.Clone(msg):
		return nil
	case <-p.done:
		return ErrPageClosed
	}
}

func (p *tab) Close(code policy.Code, reason string) {
	p.once.Do(func() { p.code = code; close(p.done) })
	if reason == "" || len(reason) > 123 {
		panic("a reason of " + reason)
	}
}

func newHub(t testing.TB, l *lab, change func(*policy.Settings)) *Hub {
	t.Helper()
	s := policy.Default()
	s.Origins = []string{"https://app.example"}
	if change != nil {
		change(&s)
	}
	gate, err := policy.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return &Hub{Gate: gate, Network: l}
}

func ask(path string) Request {
	return Request{Path: path, Origin: "https://app.example", Client: netip.MustParseAddr("198.51.100.1"), Offered: []string{edgeurl.Open, edgeurl.Refused}}
}

const nodePath = "/ws/8.8.8.8/5150/ws"

// run opens a session, and runs it until script has ended and left the page.
func run(t *testing.T, node func(net.Conn), change func(*policy.Settings), script func(*tab)) *policy.Refusal {
	t.Helper()
	l := &lab{node: node}
	h := newHub(t, l, change)
	a := h.Open(t.Context(), ask(nodePath))
	if a.Session == nil {
		t.Fatalf("%+v", a.Refusal)
	}
	p := newTab()
	var wg sync.WaitGroup
	wg.Go(func() { script(p) })
	end := a.Session.Run(t.Context(), p)
	wg.Wait()
	l.wg.Wait()
	if end.Code != p.code {
		t.Errorf("the page was told %d, Run says %v", p.code, end)
	}
	if s := h.Gate.Stats(); s.Open != 0 || s.Nodes != 0 || s.Ended[end.Code] != 1 {
		t.Errorf("after the end: %+v", s)
	}
	return end
}

func TestCarries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := run(t, echo, nil, func(p *tab) {
			for _, n := range []int{1, 125, 126, 4096, 65507, 3} {
				msg := bytes.Repeat([]byte{byte(n)}, n)
				p.in <- msg
				if got := <-p.out; !bytes.Equal(got, msg) {
					t.Errorf("%d bytes came back as %d", n, len(got))
				}
			}
			close(p.in)
		})
		if end.Code != policy.Ended {
			t.Errorf("end: %v", end)
		}
	})
}

// What a node is asked with, and what it hears at the end.
func TestTowardsNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var head string
		var rest []byte
		run(t, func(c net.Conn) {
			h, key, err := request(c)
			if err != nil {
				t.Error(err)
			}
			head = string(h)
			// A message right behind the answer, in two parts.
			answer := websocket.AppendResponse(nil, key)
			c.Write(append(answer, 0x02, 1, 'a', 0x80, 1, 'b'))
			rest, _ = io.ReadAll(c)
		}, nil, func(p *tab) {
			if got := <-p.out; string(got) != "ab" {
				t.Errorf("message %q", got)
			}
			close(p.in)
		})
		if !strings.HasPrefix(head, "GET /ws HTTP/1.1\r\nHost: 8.8.8.8:5150\r\n") || strings.Contains(strings.ToLower(head), "origin") || strings.Contains(head, "198.51.100.1") {
			t.Errorf("request\n%s", head)
		}
		d := websocket.Decoder{}
		var ended *websocket.EndError
		if _, _, _, _, err := d.Next(rest); !errors.As(err, &ended) || ended.Code != 1000 {
			t.Errorf("at the end the node hears %x: %v", rest, err)
		}
	})
}

func TestEnds(t *testing.T) {
	say := func(frame ...byte) func(net.Conn) {
		return func(c net.Conn) {
			serveNode(c, func(c net.Conn, _ []byte) bool {
				c.Write(frame)
				io.Copy(io.Discard, c)
				return false
			})
		}
	}
	send := func(msg string) func(*tab) { return func(p *tab) { p.in <- []byte(msg); <-p.done } }
	for _, tt := range []struct {
		name   string
		node   func(net.Conn)
		change func(*policy.Settings)
		script func(*tab)
		want   policy.Code
		after  time.Duration
	}{
		{"page leaves", echo, nil, func(p *tab) { close(p.in) }, policy.Ended, 0},
		{"empty message", echo, nil, send(""), policy.Breach, 0},
		{"too large", echo, nil, send(strings.Repeat("x", policy.MaxMessage+1)), policy.TooLarge, 0},
		{"node closes", say(0x88, 0), nil, send("x"), policy.Ended, 0},
		{"node breaks off", func(c net.Conn) { serveNode(c, func(net.Conn, []byte) bool { return false }) }, nil, send("x"), policy.NodeBroken, 0},
		{"node sends text", say(0x81, 1, 'x'), nil, send("x"), policy.NodeBroken, 0},
		{"node pings", say(0x89, 0), nil, send("x"), policy.NodeBroken, 0},
		{"node masks", say(0x82, 0x81, 0, 0, 0, 0, 'x'), nil, send("x"), policy.NodeBroken, 0},
		{"node sends too much", say(0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0), nil, send("x"), policy.NodeBroken, 0},
		{"node sends empty parts", func(c net.Conn) {
			serveNode(c, func(c net.Conn, _ []byte) bool {
				_, err := c.Write([]byte{0x02, 0})
				for err == nil {
					_, err = c.Write(bytes.Repeat([]byte{0, 0}, 2000))
				}
				return false
			})
		}, nil, send("x"), policy.NodeBroken, 0},
		{"node sends nothing", func(c net.Conn) {
			serveNode(c, func(c net.Conn, _ []byte) bool {
				c.Write([]byte{0x82, 0, 0x82, 0, 0x82, 1, 'x'})
				return true
			})
		}, nil, func(p *tab) {
			p.in <- []byte("y")
			if got := <-p.out; string(got) != "x" {
				t.Errorf("empty messages came through as %q", got)
			}
			close(p.in)
		}, policy.Ended, 0},
		{"idle", echo, nil, func(p *tab) { time.Sleep(40 * time.Second); p.in <- []byte("x"); <-p.out; <-p.done }, policy.Idle, 115 * time.Second},
		{"page does not read", func(c net.Conn) {
			serveNode(c, func(c net.Conn, _ []byte) bool {
				for frame := websocket.AppendFrame(nil, websocket.Binary, nil, make([]byte, 1000)); ; {
					if _, err := c.Write(frame); err != nil {
						return false
					}
				}
			})
		}, nil, send("x"), policy.Unread, 15 * time.Second},
		{"node does not read", func(c net.Conn) {
			serveNode(c, func(c net.Conn, _ []byte) bool { time.Sleep(time.Hour); return false })
		}, nil, func(p *tab) {
			for {
				select {
				case p.in <- []byte("x"):
				case <-p.done:
					return
				}
			}
		}, policy.NodeSilent, 15 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				before := time.Now()
				took := time.Duration(-1)
				end := run(t, tt.node, tt.change, func(p *tab) {
					tt.script(p)
					took = time.Since(before)
				})
				if end.Code != tt.want {
					t.Errorf("%v, want %d", end, tt.want)
				}
				if took < tt.after || took > tt.after+closeTime {
					t.Errorf("after %v, want %v", took, tt.after)
				}
			})
		})
	}
}

func TestGatewayStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lab{node: echo}
		h := newHub(t, l, nil)
		a := h.Open(t.Context(), ask(nodePath))
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, stop)
		if end := a.Session.Run(ctx, newTab()); end.Code != policy.GoingAway {
			t.Errorf("%v", end)
		}
		b := h.Open(t.Context(), ask(nodePath))
		b.Session.Abandon()
		l.wg.Wait()
		if s := h.Gate.Stats(); s.Open != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// Who is fast is slowed down, and nothing is lost.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := time.Now()
		run(t, echo, func(s *policy.Settings) { s.MessagesPerClient = 10 }, func(p *tab) {
			for i := range 140 {
				p.in <- []byte{byte(i)}
				if got := <-p.out; !bytes.Equal(got, []byte{byte(i)}) {
					t.Errorf("message %d came back as %v", i, got)
				}
			}
			close(p.in)
		})
		if took := time.Since(before); took < 9*time.Second || took > 11*time.Second {
			t.Errorf("140 messages at 10 a second after 40 at once took %v", took)
		}
	})
}

func TestOpen(t *testing.T) {
	public := netip.MustParseAddr("8.8.8.8")
	for _, tt := range []struct {
		name    string
		request Request
		node    func(net.Conn)
		want    policy.Code
		dialled []string
		after   time.Duration
	}{
		{"a name", ask("/ws/node.example/5150/ws"), echo, 0, []string{nodeAddress}, 0},
		{"the second address of a name", ask("/ws/two.example/5150/ws"), echo, 0, []string{"8.8.4.4:5150", nodeAddress}, 0},
		{"no such name", ask("/ws/none.example/5150/ws"), echo, policy.NoName, nil, 0},
		{"a name without addresses", ask("/ws/empty.example/5150/ws"), echo, policy.NoName, nil, 0},
		{"a name of a private address", ask("/ws/evil.example/5150/ws"), echo, policy.NotAllowed, nil, 0},
		{"loopback", ask("/ws/127.0.0.1/5150/ws"), echo, policy.NotAllowed, nil, 0},
		{"nobody there", ask("/ws/8.8.8.8/5151/ws"), echo, policy.NodeBroken, []string{"8.8.8.8:5151"}, 0},
		{"no URL of a node", ask("/ws/8.8.8.8"), echo, policy.BadURL, nil, 0},
		{"no WebSocket", ask(nodePath), func(c net.Conn) { request(c); c.Write([]byte("HTTP/1.1 200 OK\r\n\r\nhello")) }, policy.NodeBroken, []string{nodeAddress}, 0},
		{"another protocol", ask(nodePath), func(c net.Conn) { request(c); c.Write([]byte("220 mail.example ESMTP\r\n")) }, policy.NodeBroken, []string{nodeAddress}, 0},
		{"an endless answer", ask(nodePath), func(c net.Conn) {
			request(c)
			for _, err := c.Write([]byte("HTTP/1.1 101 x\r\n")); err == nil; {
				_, err = c.Write([]byte("a: b\r\n"))
			}
		}, policy.NodeBroken, []string{nodeAddress}, 0},
		{"ends at once", ask(nodePath), func(c net.Conn) {}, policy.NodeBroken, []string{nodeAddress}, 0},
		{"says nothing", ask(nodePath), func(c net.Conn) { io.Copy(io.Discard, c) }, policy.NodeSilent, []string{nodeAddress}, 5 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &lab{node: tt.node, names: map[string][]netip.Addr{
					"node.example": {public}, "two.example": {netip.MustParseAddr("8.8.4.4"), public}, "empty.example": {},
					"evil.example": {netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::ffff:10.0.0.1")},
				}}
				h := newHub(t, l, nil)
				before := time.Now()
				a := h.Open(t.Context(), tt.request)
				took := time.Since(before)
				if (a.Session == nil) == (a.Refusal == nil) || a.Status != upgrade || (a.Subprotocol == edgeurl.Open) != (a.Session != nil) {
					t.Fatalf("%+v", a)
				}
				code := policy.Code(0)
				if a.Session != nil {
					a.Session.Abandon()
				} else {
					code = a.Refusal.Code
					if len(a.Refusal.Text) > 123 || strings.Contains(a.Refusal.Text, ".") {
						t.Errorf("text %q", a.Refusal.Text)
					}
					// Without the subprotocols the same is an HTTP status.
					r := tt.request
					r.Offered = nil
					if plain := h.Open(t.Context(), r); plain.Session != nil || plain.Status != code.Status() || plain.Status == upgrade {
						t.Errorf("without subprotocols %+v", plain)
					}
				}
				l.wg.Wait()
				if code != tt.want || took < tt.after || took > tt.after+time.Second {
					t.Errorf("%+v after %v, want %d after %v", a.Refusal, took, tt.want, tt.after)
				}
				if !slices.Equal(l.dialled[:min(len(l.dialled), len(tt.dialled))], tt.dialled) || len(tt.dialled) == 0 && len(l.dialled) > 0 {
					t.Errorf("dialled %v, want %v", l.dialled, tt.dialled)
				}
				want := uint64(0)
				if tt.want != 0 {
					want = 2 // each once, whatever was tried
				}
				if s := h.Gate.Stats(); s.Open != 0 || s.Nodes != 0 || s.Refused[tt.want] != want {
					t.Errorf("at the end: %+v", s)
				}
			})
		})
	}
}

// A page of another origin hears no more than that, and makes nothing happen.
func TestForeignOrigin(t *testing.T) {
	l := &lab{node: echo, names: map[string][]netip.Addr{}}
	h := newHub(t, l, nil)
	r := ask("/ws/none.example/5150/ws")
	r.Origin = "https://evil.example"
	if a := h.Open(t.Context(), r); a.Status != 403 || a.Session != nil || l.lookups != 0 {
		t.Errorf("%+v, %d lookups", a, l.lookups)
	}
	// No name is looked up that no rule can allow.
	h = newHub(t, l, func(s *policy.Settings) { s.Nodes = []string{"node.example"} })
	if a := h.Open(t.Context(), ask("/ws/none.example/5150/ws")); a.Refusal.Code != policy.NotAllowed || l.lookups != 0 {
		t.Errorf("%+v, %d lookups", a, l.lookups)
	}
}

// The link takes whatever a node sends in whatever pieces it comes, and each message
// once.
func FuzzLink(f *testing.F) {
	f.Add([]byte{0x82, 1, 'x', 0x02, 1, 'a', 0x80, 1, 'b', 0x88, 0}, uint8(1))
	f.Add([]byte{0x82, 126, 0xff, 0xe3}, uint8(7))
	f.Fuzz(func(t *testing.T, frames []byte, step uint8) {
		var want [][]byte
		d := websocket.Decoder{Role: websocket.Client}
		for b := bytes.Clone(frames); len(b) > 0; {
			msg, whole, used, need, err := d.Next(b)
			if err != nil || need > 0 {
				break
			}
			if whole {
				want = append(want, bytes.Clone(msg))
			}
			b = b[used:]
		}
		l := &link{stream: &pieces{rest: bytes.Clone(frames), step: int(step)%64 + 1}, decoder: websocket.Decoder{Role: websocket.Client}}
		for i := 0; ; i++ {
			msg, cost, err := l.read()
			if err != nil {
				if i != len(want) {
					t.Fatalf("%d messages, want %d: %v", i, len(want), err)
				}
				return
			}
			if i >= len(want) || !bytes.Equal(msg, want[i]) || cost < len(msg)+2 {
				t.Fatalf("message %d is %x of %d bytes on the wire", i, msg, cost)
			}
		}
	})
}

// pieces is a stream that is read a few bytes at a time.
type pieces struct {
	rest []byte
	step int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.rest[:min(p.step, len(p.rest))])
	p.rest = p.rest[n:]
	return n, nil
}

func (p *pieces) Write(b []byte) (int, error) { return len(b), nil }
func (p *pieces) Close() error                { return nil }
