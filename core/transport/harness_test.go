package transport_test

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/transport/memory"
	"github.com/voile-net/voile/core/wire"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// received is a message with its own copy of the data.
type received struct {
	transport.Message
	text string
}

// recorder is a handler that keeps what it gets. With answer set it sends every
// message back on its flow.
type recorder struct {
	messages chan received
	closed   chan transport.ConnClosed

	mu     sync.Mutex
	handle func(transport.Message) // nil: only keep
}

func newRecorder() *recorder {
	return &recorder{messages: make(chan received, 1000), closed: make(chan transport.ConnClosed, 1000)}
}

func (r *recorder) on(f func(transport.Message)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handle = f
}

func (r *recorder) HandleMessage(m transport.Message) {
	r.mu.Lock()
	f := r.handle
	r.mu.Unlock()
	if f != nil {
		f(m)
	}
	c := received{m, string(m.Data)}
	c.Data = nil
	r.messages <- c
}

func (r *recorder) HandleConnClosed(c transport.ConnClosed) { r.closed <- c }

// message waits for the next message.
func (r *recorder) message(t *testing.T) received {
	t.Helper()
	select {
	case m := <-r.messages:
		return m
	case <-time.After(time.Minute):
		t.Fatal("no message came")
		return received{}
	}
}

// closing waits for the end of a connection.
func (r *recorder) closing(t *testing.T) transport.ConnClosed {
	t.Helper()
	select {
	case c := <-r.closed:
		return c
	case <-time.After(5 * time.Minute):
		t.Fatal("no connection ended")
		return transport.ConnClosed{}
	}
}

// node is a stack on a simulated host.
type node struct {
	*transport.Stack
	*recorder
	host *memory.Host
	addr netip.Addr
}

func (n node) at(p wire.ProtocolType) wire.DialInfo { return n.dialInfo(p, 5150) }

func (n node) dialInfo(p wire.ProtocolType, port uint16) wire.DialInfo {
	di := wire.DialInfo{Protocol: p, Addr: netip.AddrPortFrom(n.addr, port)}
	if p == wire.WS {
		di.Request = di.Addr.String() + "/ws"
	}
	return di
}

var everything = transport.ListenConfig{
	UDP: transport.Listen{Enabled: true}, TCP: transport.Listen{Enabled: true}, WS: transport.Listen{Enabled: true},
}

var delayed = memory.Link{Latency: 10 * time.Millisecond}

// host adds a host with one address.
func host(t *testing.T, n *memory.Network, a string) *memory.Host {
	t.Helper()
	h, err := n.Host(memory.HostConfig{Addrs: []netip.Addr{netip.MustParseAddr(a)}, Link: delayed})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// start makes a stack on a host, which listens on everything.
func start(t *testing.T, h *memory.Host, change ...func(*transport.Config)) node {
	t.Helper()
	n := node{recorder: newRecorder(), host: h, addr: h.Addrs()[0]}
	cfg := transport.Config{Host: h, Handler: n.recorder, UDPReaders: 2}
	for _, f := range change {
		f(&cfg)
	}
	s, err := transport.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	n.Stack = s
	t.Cleanup(func() { s.Close() })
	if err := s.Listen(t.Context(), everything); err != nil {
		t.Fatal(err)
	}
	return n
}

// network makes a network that ends with the test.
func network(t *testing.T) *memory.Network {
	n := memory.New(1)
	t.Cleanup(n.Close)
	return n
}

func send(t *testing.T, from node, to wire.DialInfo, msg string) transport.Flow {
	t.Helper()
	f, err := from.SendDialInfo(t.Context(), to, []byte(msg), transport.SendOptions{})
	if err != nil {
		t.Fatalf("send to %v: %v", to.Addr, err)
	}
	return f
}

// raw connects a bare stream from a host.
func raw(t *testing.T, h *memory.Host, to wire.DialInfo) transport.Stream {
	t.Helper()
	s, err := h.DialTCP(context.Background(), to.Addr, transport.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// drainRaw reads until the stream ends, and tells how long that took.
func drainRaw(t *testing.T, s transport.Stream) (got []byte, after time.Duration, err error) {
	t.Helper()
	began := time.Now()
	s.SetReadDeadline(began.Add(2 * time.Minute))
	buf := make([]byte, 4096)
	for {
		n, err := s.Read(buf)
		got = append(got, buf[:n]...)
		if err != nil {
			return got, time.Since(began), err
		}
	}
}

func check(t *testing.T, what string, got, want any) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
