//go:build js

package browser

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall/js"
	"testing"
	"time"

	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
	"github.com/voile-net/voile/wasm/edge/edgeurl"
)

// at is a dial info of the test's server.
func at(t *testing.T, path string) wire.DialInfo {
	t.Helper()
	url := os.Getenv("VOILE_WS")
	if url == "" || js.Global().Get("WebSocket").Type() != js.TypeFunction {
		t.Skip("SKIP: needs WebSocket and the server of web/test/browser/goexec.mjs")
	}
	request := strings.TrimPrefix(url, "ws://") + path
	port := netip.MustParseAddrPort(strings.TrimPrefix(url, "ws://"))
	return wire.DialInfo{Protocol: wire.WS, Addr: port, Request: request}
}

func dialed(t *testing.T, h *Host, path string) transport.MessageConn {
	t.Helper()
	c, err := h.DialWS(t.Context(), at(t, path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestEcho(t *testing.T) {
	h := new(Host)
	c := dialed(t, h, "/echo")
	for _, size := range []int{0, 1, 4, 1000, transport.MaxMessage} {
		msg := bytes.Repeat([]byte{byte(size)}, size)
		if err := c.WriteMessage(t.Context(), msg); err != nil {
			t.Fatal(err)
		}
		clear(msg) // it is not kept
		got, err := c.ReadMessage(t.Context())
		if err != nil || len(got) != size || size > 0 && got[size-1] != byte(size) {
			t.Errorf("%d bytes come back as %d, %v", size, len(got), err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if msg, err := c.ReadMessage(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("read of nothing: %q, %v", msg, err)
	}
	// An ended wait ends nothing else.
	if err := c.WriteMessage(t.Context(), []byte("on")); err != nil {
		t.Fatal(err)
	}
	if got, err := c.ReadMessage(t.Context()); err != nil || string(got) != "on" {
		t.Errorf("after a wait that ended: %q, %v", got, err)
	}
	waiting := make(chan error, 1)
	go func() { _, err := c.ReadMessage(t.Context()); waiting <- err }()
	c.Close()
	c.Close()
	if err := <-waiting; !errors.Is(err, transport.ErrClosed) {
		t.Errorf("a read that waits in Close: %v", err)
	}
	if err := c.WriteMessage(t.Context(), nil); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("write after Close: %v", err)
	}
}

// How connections end that break a rule.
func TestRules(t *testing.T) {
	for _, c := range []struct {
		path string
		code int
		says string
	}{
		{"/text", closeText, "text"},
		{"/large", closeTooLarge, "65536"},
		{"/close?code=4321&reason=why", 4321, "why"},
		{"/close?code=1000", 1000, ""},
	} {
		conn := dialed(t, new(Host), c.path)
		_, err := conn.ReadMessage(t.Context())
		var end *CloseError
		if !errors.As(err, &end) || end.Code != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want code %d and %q", c.path, err, c.code, c.says)
		}
	}
}

// A peer that sends faster than the node reads is cut off at the bound, and what
// came before is still read.
func TestTooFast(t *testing.T) {
	h := new(Host)
	c := dialed(t, h, "/flood?n=200")
	s := c.(*socket)
	<-s.ended
	if n := h.unread.Load(); n > MaxUnread || n < MaxUnread-60000 {
		t.Errorf("%d bytes are kept, the bound is %d", n, MaxUnread)
	}
	for i := 0; ; i++ {
		msg, err := c.ReadMessage(t.Context())
		var end *CloseError
		if errors.As(err, &end) {
			if end.Code != closeTooSlow || i != MaxUnread/60000 {
				t.Errorf("ended by %v after %d messages", err, i)
			}
			break
		}
		if err != nil || msg[0] != byte(i) {
			t.Fatalf("message %d: %v, %v", i, msg[:1], err)
		}
	}
	c.Close()
	if n := h.unread.Load(); n != 0 {
		t.Errorf("%d bytes are counted after Close", n)
	}
	// Read as it comes, the same is no trouble.
	c = dialed(t, h, "/flood?n=200")
	for i := range 200 {
		if _, err := c.ReadMessage(t.Context()); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
}

// A peer that does not read holds the sender up; it gives up when it is told to, and
// little is kept.
func TestDeafPeer(t *testing.T) {
	c := dialed(t, new(Host), "/deaf")
	msg := make([]byte, 32<<10)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	var err error
	for n := 0; err == nil; n++ {
		if err = c.WriteMessage(ctx, msg); n > 10000 {
			t.Fatal("the sender is never held up")
		}
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want context.DeadlineExceeded", err)
	}
	if held := c.(*socket).ws.Get("bufferedAmount").Int(); held > MaxUnsent+len(msg) {
		t.Errorf("the WebSocket holds %d bytes", held)
	}
	blocked := make(chan error, 2)
	for range 2 {
		go func() { blocked <- c.WriteMessage(t.Context(), msg) }()
	}
	c.Close()
	for range 2 {
		if err := <-blocked; !errors.Is(err, transport.ErrClosed) {
			t.Errorf("a write that waits in Close: %v", err)
		}
	}
}

// Many writers at once: everything arrives, and Close lets out what is on its way.
func TestWriters(t *testing.T) {
	c := dialed(t, new(Host), "/count")
	const writers, each, size = 8, 40, 10_000
	done := make(chan error, writers)
	for range writers {
		go func() {
			var err error
			for range each {
				err = errors.Join(err, c.WriteMessage(t.Context(), make([]byte, size)))
			}
			done <- err
		}()
	}
	for range writers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if err := c.WriteMessage(t.Context(), []byte("how many")); err != nil {
		t.Fatal(err)
	}
	if got, err := c.ReadMessage(t.Context()); err != nil || string(got) != fmt.Sprint(writers*each*size) {
		t.Errorf("%q bytes arrived, %v", got, err)
	}
}

func TestDialFaults(t *testing.T) {
	h := new(Host)
	closed := at(t, "/ws")
	closed.Request = "127.0.0.1:1/ws"
	var end *CloseError
	if c, err := h.DialWS(t.Context(), closed); c != nil || !errors.As(err, &end) || end.Code != 1006 {
		t.Errorf("a closed port: %v, %v; want code 1006", c, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if c, err := h.DialWS(ctx, at(t, "/never")); c != nil || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a server that does not answer: %v, %v", c, err)
	}
	broken := at(t, "/ws")
	broken.Request = "not a url/ws"
	if c, err := h.DialWS(t.Context(), broken); c != nil || err == nil {
		t.Errorf("a URL that is none: %v, %v", c, err)
	}
	far := at(t, "/ws")
	far.Request = "203.0.113.1:80/ws"
	if c, err := (&Host{Secure: true}).DialWS(t.Context(), far); c != nil || !errors.Is(err, ErrInsecure) {
		t.Errorf("ws:// from a page of https: %v, %v", c, err)
	}
	for _, p := range []wire.ProtocolType{wire.UDP, wire.TCP} {
		if c, err := h.DialWS(t.Context(), wire.DialInfo{Protocol: p, Addr: far.Addr}); c != nil || err == nil {
			t.Errorf("%v: %v, %v", p, c, err)
		}
	}
}

// A gateway says why it does not reach a node; the next one is tried.
func TestGateways(t *testing.T) {
	target := func(path string) Target { return Target{os.Getenv("VOILE_WS") + path, true} }
	at(t, "") // skips
	class := js.Global().Get("WebSocket")
	_, err := dial(t.Context(), new(Host), class, target("/refused"))
	var end *CloseError
	if !errors.As(err, &end) || end.Code != 4404 || end.Reason != "no such node" {
		t.Errorf("refused: %v", err)
	}
	c, err := dial(t.Context(), new(Host), class, target("/gateway"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.WriteMessage(t.Context(), []byte("through")); err != nil {
		t.Fatal(err)
	}
	if got, err := c.ReadMessage(t.Context()); err != nil || string(got) != "through" {
		t.Errorf("%q, %v", got, err)
	}
	dead, err := edgeurl.ParseGateway("ws://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	far := at(t, "/ws")
	far.Request = "203.0.113.1:80/ws"
	if c, err := (&Host{Secure: true, Gateways: []edgeurl.Gateway{dead, dead}}).DialWS(t.Context(), far); c != nil || strings.Count(err.Error(), "ws://127.0.0.1:1/ws/203.0.113.1/80/ws") != 2 {
		t.Errorf("dead gateways: %v, %v", c, err)
	}
}

func TestNoListening(t *testing.T) {
	h := new(Host)
	any4 := netip.MustParseAddrPort("0.0.0.0:0")
	_, udp := h.ListenUDP(t.Context(), any4, transport.SocketOptions{})
	_, tcp := h.ListenTCP(t.Context(), any4, transport.SocketOptions{})
	_, dial := h.DialTCP(t.Context(), any4, transport.DialOptions{})
	for name, err := range map[string]error{"ListenUDP": udp, "ListenTCP": tcp, "DialTCP": dial} {
		if !errors.Is(err, transport.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNetInfo(t *testing.T) {
	i := NewNetInfo()
	n, err := i.Network(t.Context())
	if err != nil || !n.Hidden || n.Offline {
		t.Fatalf("%+v, %v", n, err)
	}
	i.Set(false)
	i.Set(false)
	if n, err = i.Network(t.Context()); err != nil || !n.Offline || n.Changes != 2 {
		t.Errorf("offline: %+v, %v", n, err)
	}
	<-i.Changed()
	select {
	case <-i.Changed():
		t.Error("two values for changes that nobody has seen")
	default:
	}
	i.Close()
	i.Close()
	i.Set(true)
	if _, err := i.Network(t.Context()); err == nil {
		t.Error("no error after Close")
	}
}
