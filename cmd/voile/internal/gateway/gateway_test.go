package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	node "github.com/voile-net/voile/core/transport/websocket"
	"github.com/voile-net/voile/wasm/edge/edgeurl"
	"github.com/voile-net/voile/wasm/edge/policy"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const origin = "https://app.example"

// deadline bounds what a test waits for.
const deadline = time.Minute

// echoNode listens as a node does and sends every message back. Messages that begin
// with "flood" it answers with more than anybody takes without reading.
type echoNode struct {
	net.Listener
	mu   sync.Mutex
	open int
	wg   sync.WaitGroup
}

func startNode(t testing.TB) *echoNode {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &echoNode{Listener: l}
	n.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n.count(1)
			n.wg.Go(func() { defer n.count(-1); defer c.Close(); n.serve(c) })
		}
	})
	t.Cleanup(func() { l.Close(); n.wg.Wait() })
	return n
}

func (n *echoNode) count(by int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open += by
}

func (n *echoNode) connections() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.open
}

func (n *echoNode) path() string {
	at := n.Addr().(*net.TCPAddr).AddrPort()
	return fmt.Sprintf("/ws/%s/%d/ws", at.Addr(), at.Port())
}

func (n *echoNode) serve(c net.Conn) {
	buf := make([]byte, 2*policy.MaxMessage)
	have := 0
	for !node.IsRequest(buf[:have], "ws") {
		got, err := c.Read(buf[have:])
		if have += got; err != nil {
			return
		}
	}
	key, rest, err := node.ParseRequest(buf[:have])
	if err != nil {
		return
	}
	have = copy(buf, rest)
	c.Write(node.AppendResponse(nil, key))
	d := node.Decoder{}
	for {
		msg, whole, used, need, err := d.Next(buf[:have])
		if err != nil {
			return
		}
		if whole {
			times := 1
			if bytes.HasPrefix(msg, []byte("flood")) {
				times, msg = 2000, make([]byte, policy.MaxMessage)
			}
			for range times {
				if _, err := c.Write(node.AppendFrame(nil, node.Binary, nil, msg)); err != nil {
					return
				}
			}
		}
		if need == 0 {
			have = copy(buf, buf[used:have])
			continue
		}
		got, err := c.Read(buf[have:])
		if have += got; err != nil {
			return
		}
	}
}

// start runs a gateway in front of what listens on loopback.
func start(t testing.TB, change func(*Options)) (*Server, string) {
	t.Helper()
	o := Options{Settings: policy.Default()}
	s := &o.Settings
	s.Origins, s.Nodes = []string{origin}, []string{"127.0.0.0/8"}
	s.MaxPerClient, s.MaxPerNode, s.OpensPerClient, s.OpensPerNode = 1000, 1000, 1e6, 1e6
	if change != nil {
		change(&o)
	}
	server, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		server.Close()
		if err := <-served; !errors.Is(err, ErrClosed) {
			t.Errorf("Serve: %v", err)
		}
		if s := server.Gate().Stats(); s.Open != 0 || s.Clients != 0 || s.Nodes != 0 || server.crowd.all != 0 || len(server.crowd.each) != 0 {
			t.Errorf("after the end %+v, %d connections", s, server.crowd.all)
		}
	})
	return server, l.Addr().String()
}

// dial opens a WebSocket as a page does.
func dial(t testing.TB, address, path string, protocols ...string) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	ws, answer, err := websocket.Dial(ctx, "ws://"+address+path, &websocket.DialOptions{
		HTTPHeader: http.Header{"Origin": {origin}}, Subprotocols: protocols, CompressionMode: websocket.CompressionContextTakeover,
		HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	})
	if err == nil {
		ws.SetReadLimit(-1)
		t.Cleanup(func() { ws.CloseNow() })
	}
	return ws, answer, err
}

func exchange(t testing.TB, ws *websocket.Conn, msg []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	if err := ws.Write(ctx, websocket.MessageBinary, msg); err != nil {
		t.Fatal(err)
	}
	kind, got, err := ws.Read(ctx)
	if err != nil || kind != websocket.MessageBinary || !bytes.Equal(got, msg) {
		t.Fatalf("%d bytes came back as %d, %v", len(msg), len(got), err)
	}
}

// closed reads until the end and returns its code.
func closed(t testing.TB, ws *websocket.Conn) (websocket.StatusCode, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	for {
		if _, _, err := ws.Read(ctx); err != nil {
			var end websocket.CloseError
			if !errors.As(err, &end) {
				t.Errorf("ended without a code: %v", err)
			}
			return end.Code, end.Reason
		}
	}
}

// eventually waits for something that follows without an event.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(deadline); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", deadline, what)
		}
	}
}

func TestExchange(t *testing.T) {
	n := startNode(t)
	s, at := start(t, func(o *Options) { o.Prefix = "/voile" })
	ws, answer, err := dial(t, at, "/voile"+n.path(), edgeurl.Open, edgeurl.Refused)
	if err != nil {
		t.Fatal(err)
	}
	if ws.Subprotocol() != edgeurl.Open || answer.Header.Get("Sec-WebSocket-Extensions") != "" {
		t.Errorf("subprotocol %q, extensions %q", ws.Subprotocol(), answer.Header.Get("Sec-WebSocket-Extensions"))
	}
	for _, size := range []int{1, 200, 5000, policy.MaxMessage, 2} {
		exchange(t, ws, bytes.Repeat([]byte{byte(size)}, size))
	}
	if err := ws.Ping(ws.CloseRead(t.Context())); err != nil {
		t.Errorf("ping: %v", err)
	}
	if err := ws.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
	eventually(t, "the node hears of the end", func() bool { return n.connections() == 0 })
	if st := s.Gate().Stats(); st.MessagesUp != 5 || st.MessagesDown != 5 || st.BytesUp < 5000+policy.MaxMessage || st.Ended[policy.Ended] != 1 {
		t.Errorf("%+v", st)
	}
	// Without the subprotocols it is the same.
	ws, _, err = dial(t, at, "/voile"+n.path())
	if err != nil || ws.Subprotocol() != "" {
		t.Fatal(err)
	}
	exchange(t, ws, []byte("hello"))
}

func TestRefusals(t *testing.T) {
	n := startNode(t)
	full := startNode(t)
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	mutePath := fmt.Sprintf("/ws/127.0.0.1/%d/ws", mute.Addr().(*net.TCPAddr).Port)
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	_, at := start(t, func(o *Options) { o.Settings.ConnectTimeout, o.Settings.MaxPerNode = 300*time.Millisecond, 1 })
	held, _, err := dial(t, at, full.path())
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, held, []byte("x"))
	for _, tt := range []struct {
		path   string
		code   policy.Code
		status int
	}{
		{"/ws/127.0.0.1", policy.BadURL, 400},
		{n.path() + "?x", policy.BadURL, 400},
		{"/ws/127.0.0.1/1/%2e%2e", policy.BadURL, 400},
		{"/ws/10.0.0.1/5150/ws", policy.NotAllowed, 403},
		{"/ws/169.254.169.254/80/", policy.NotAllowed, 403},
		{"/ws/none.invalid/5150/ws", policy.NoName, 404},
		{full.path(), policy.TooMany, 429},
		{strings.Replace(mutePath, fmt.Sprint(mute.Addr().(*net.TCPAddr).Port), fmt.Sprint(gone.Addr().(*net.TCPAddr).Port), 1), policy.NodeBroken, 502},
		{n.path() + "x", policy.NodeSilent, 504}, // another path, which a node resets or leaves waiting
		{mutePath, policy.NodeSilent, 504},
	} {
		ws, _, err := dial(t, at, tt.path, edgeurl.Open, edgeurl.Refused)
		if err != nil || ws.Subprotocol() != edgeurl.Refused {
			t.Errorf("%s: %v", tt.path, err)
			continue
		}
		if code, reason := closed(t, ws); code != websocket.StatusCode(tt.code) || reason == "" {
			t.Errorf("%s: closed with %d %q, want %d", tt.path, code, reason, tt.code)
		}
		_, answer, err := dial(t, at, tt.path)
		if err == nil || answer == nil || answer.StatusCode != tt.status {
			t.Errorf("%s without subprotocols: %v, want status %d", tt.path, err, tt.status)
		}
	}
}

func TestHTTP(t *testing.T) {
	n := startNode(t)
	_, at := start(t, nil)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: deadline}
	for _, tt := range []struct {
		method, path string
		header       http.Header
		want         int
	}{
		{"GET", "/", nil, 200},
		{"GET", n.path(), nil, 426},
		{"POST", n.path(), http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}}, 426},
		{"GET", n.path(), http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Origin": {"https://evil.example"}}, 403},
		{"GET", n.path(), http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}}, 403},                     // no origin
		{"GET", n.path(), http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Origin": {origin}}, 400}, // no key
		{"GET", "/ws/x", http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Origin": {"https://evil.example"}, "Sec-Websocket-Protocol": {edgeurl.Refused}}, 403},
	} {
		r, err := http.NewRequestWithContext(t.Context(), tt.method, "http://"+at+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if tt.header != nil {
			r.Header = tt.header
		}
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != tt.want {
			t.Errorf("%s %s %v: status %d, want %d", tt.method, tt.path, tt.header, answer.StatusCode, tt.want)
		}
	}
	eventually(t, "no node is bothered any more", func() bool { return n.connections() == 0 })
}

func TestSlowReader(t *testing.T) {
	n := startNode(t)
	s, at := start(t, func(o *Options) {
		o.Settings.SendTimeout, o.Settings.BytesPerClient, o.Settings.BytesTotal = 500*time.Millisecond, 1<<30, 1<<30
	})
	c := raw(t, at, n.path())
	c.Write(frame(node.Binary, "flood"))
	eventually(t, "the page that does not read is let go", func() bool { return s.Gate().Stats().Ended[policy.Unread] == 1 })
	eventually(t, "so is its node", func() bool { return n.connections() == 0 })
	if st := s.Gate().Stats(); st.BytesDown > 64<<20 {
		t.Errorf("%d bytes were taken for a page that does not read", st.BytesDown)
	}
}

func TestIdle(t *testing.T) {
	n := startNode(t)
	_, at := start(t, func(o *Options) { o.Settings.IdleTimeout = time.Second })
	ws, _, err := dial(t, at, n.path())
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, ws, []byte("x"))
	if code, _ := closed(t, ws); code != websocket.StatusCode(policy.Idle) {
		t.Errorf("closed with %d", code)
	}
}

// Who connects and says nothing, or little, keeps nobody else out.
func TestHandshakes(t *testing.T) {
	n := startNode(t)
	s, at := start(t, func(o *Options) { o.Settings.MaxPerClient = 10 })
	var silent []net.Conn
	for range 10 + roomPerClient + 20 {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		silent = append(silent, c)
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: ", n.path())
	}
	over := 0
	for _, c := range silent[10+roomPerClient:] {
		c.SetReadDeadline(time.Now().Add(deadline))
		if _, err := c.Read(make([]byte, 1)); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			over++
		}
	}
	if over != 20 {
		t.Errorf("%d of 20 connections too many were closed", over)
	}
	// Another client gets in: it comes from another address of loopback.
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, "ws://"+at+n.path(), &websocket.DialOptions{
		HTTPHeader: http.Header{"Origin": {origin}}, HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: d.DialContext}},
	})
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, ws, []byte("x"))
	ws.CloseNow()
	for _, c := range silent {
		c.Close()
	}
	eventually(t, "all are forgotten", func() bool {
		s.crowd.mu.Lock()
		defer s.crowd.mu.Unlock()
		return s.crowd.all == 0
	})
}

func TestProxies(t *testing.T) {
	s, _ := start(t, func(o *Options) {
		o.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8")}
	})
	for _, tt := range []struct {
		remote, forwarded, want string
	}{
		{"198.51.100.1:5", "203.0.113.9", "198.51.100.1"},
		{"127.0.0.1:5", "", "127.0.0.1"},
		{"127.0.0.1:5", "203.0.113.9", "203.0.113.9"},
		{"[::ffff:127.0.0.1]:5", "203.0.113.9", "203.0.113.9"},
		{"127.0.0.1:5", "1.2.3.4, 203.0.113.9", "203.0.113.9"},
		{"127.0.0.1:5", "1.2.3.4, 203.0.113.9, 10.1.1.1", "203.0.113.9"},
		{"127.0.0.1:5", "1.2.3.4|203.0.113.9, 10.1.1.1", "203.0.113.9"}, // two lines
		{"127.0.0.1:5", "203.0.113.9, nonsense", "127.0.0.1"},
		{"127.0.0.1:5", "2001:db8::1", "2001:db8::1"},
	} {
		r := &http.Request{RemoteAddr: tt.remote, Header: http.Header{}}
		if tt.forwarded != "" {
			r.Header["X-Forwarded-For"] = strings.Split(tt.forwarded, "|")
		}
		if got := s.client(r); got.String() != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

// The end of the gateway is said to all pages and waits for all.
func TestClose(t *testing.T) {
	n := startNode(t)
	s, at := start(t, nil)
	var pages []*websocket.Conn
	for range 20 {
		ws, _, err := dial(t, at, n.path())
		if err != nil {
			t.Fatal(err)
		}
		exchange(t, ws, []byte("x"))
		pages = append(pages, ws)
	}
	var readers sync.WaitGroup
	for _, ws := range pages {
		readers.Go(func() {
			if code, _ := closed(t, ws); code != websocket.StatusGoingAway {
				t.Errorf("closed with %d", code)
			}
		})
	}
	before := time.Now()
	s.Close()
	if took := time.Since(before); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	readers.Wait()
	if _, _, err := dial(t, at, n.path()); err == nil {
		t.Error("a gateway that is closed takes connections")
	}
}

// 200 pages at once, well-behaved and not, leave nothing behind.
func TestLoad(t *testing.T) {
	n := startNode(t)
	s, at := start(t, func(o *Options) {
		o.Settings.MessagesPerClient, o.Settings.BytesPerClient, o.Settings.BytesTotal = 1e6, 1<<30, 1<<30
		o.Settings.SendTimeout, o.Settings.ConnectTimeout = 2*time.Second, time.Minute
	})
	const pages, rounds = 200, 10
	memory := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	goroutines, heap := runtime.NumGoroutine(), memory()
	for round := range 2 {
		var all sync.WaitGroup
		var mu sync.Mutex
		codes := map[int]int{}
		met := make(chan struct{})
		var ready sync.WaitGroup
		ready.Add(pages)
		for i := range pages {
			all.Go(func() {
				c := raw(t, at, n.path())
				ready.Done()
				<-met // all are connected at once
				for r := range rounds {
					msg := bytes.Repeat([]byte{byte(i), byte(r)}, 1+i*r)
					c.Write(frame(node.Binary, string(msg)))
					want := node.AppendFrame(nil, node.Binary, nil, msg)
					got := make([]byte, len(want))
					if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want) {
						t.Errorf("page %d, round %d: %v", i, r, err)
						return
					}
				}
				switch i % 5 {
				case 0: // leaves without a word
					c.Close()
					return
				case 1:
					c.Write(frame(node.Close, "\x03\xe8"))
				case 2:
					c.Write(frame(node.Text, "x"))
				case 3:
					c.Write(frame(node.Binary, strings.Repeat("x", policy.MaxMessage+1)))
				case 4: // does not read what it asked for
					c.Write(frame(node.Binary, "flood"))
					eventually(t, "the page is let go", func() bool { return s.Gate().Stats().Ended[policy.Unread] >= uint64(pages/5*(round+1)) })
					return
				}
				code, _ := ending(t, c)
				mu.Lock()
				codes[code]++
				mu.Unlock()
			})
		}
		ready.Wait()
		if open := s.Gate().Stats().Open; open != pages {
			t.Errorf("%d connections are open", open)
		}
		close(met)
		all.Wait()
		if codes[1000] != pages/5 || codes[1003] != pages/5 || codes[1009] != pages/5 {
			t.Errorf("codes %v", codes)
		}
		eventually(t, "all connections are gone", func() bool { return s.Gate().Stats().Open == 0 && n.connections() == 0 })
		eventually(t, "all goroutines are gone", func() bool { return runtime.NumGoroutine() <= goroutines })
		t.Logf("round %d: heap and stacks from %d to %d KiB", round, heap>>10, memory()>>10)
		if round == 0 {
			heap = memory() // with what buffers and pools keep
		} else if after := memory(); after > heap+4<<20 {
			t.Errorf("heap and stacks grew from %d to %d bytes", heap, after)
		}
	}
}

// Over TLS, as browsers come.
func TestTLS(t *testing.T) {
	certificate, key := selfSigned(t)
	c, err := LoadCertificate(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	n := startNode(t)
	_, at := start(t, func(o *Options) { o.TLS = c.Config() })
	open := func() (*websocket.Conn, [][]byte) {
		var seen [][]byte
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		defer cancel()
		ws, answer, err := websocket.Dial(ctx, "wss://"+at+n.path(), &websocket.DialOptions{
			HTTPHeader: http.Header{"Origin": {origin}},
			HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range answer.TLS.PeerCertificates {
			seen = append(seen, x.Raw)
		}
		return ws, seen
	}
	ws, first := open()
	defer ws.CloseNow()
	exchange(t, ws, []byte("hello"))
	// A new certificate serves new connections and does not disturb old ones; a broken
	// one changes nothing.
	replaceSelfSigned(t, certificate, key)
	if err := c.Reload(); err != nil {
		t.Fatal(err)
	}
	again, second := open()
	defer again.CloseNow()
	if bytes.Equal(first[0], second[0]) {
		t.Error("the certificate is still the old one")
	}
	exchange(t, ws, []byte("hello"))
	breakFile(t, key)
	if err := c.Reload(); err == nil {
		t.Error("a broken key was read")
	}
	third, same := open()
	defer third.CloseNow()
	if !bytes.Equal(second[0], same[0]) {
		t.Error("the certificate has changed")
	}
}
