//go:build !js && !wasip1

package sockets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

var loopbacks = []string{"127.0.0.1", "::1"}

// at is an address with a free port. Whoever is quicker takes it away, so tests
// that need one that is free use port 0 where they can.
func at(t testing.TB, a string) netip.AddrPort {
	t.Helper()
	l, err := Host{}.ListenTCP(t.Context(), netip.AddrPortFrom(netip.MustParseAddr(a), 0), transport.SocketOptions{})
	if errors.Is(err, transport.ErrUnsupported) {
		t.Skipf("no %s on this machine", a)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr()
}

func listenUDP(t testing.TB, a string) transport.PacketConn {
	t.Helper()
	p, err := Host{}.ListenUDP(t.Context(), netip.AddrPortFrom(netip.MustParseAddr(a), 0), transport.SocketOptions{})
	if errors.Is(err, transport.ErrUnsupported) {
		t.Skipf("no %s on this machine", a)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func TestDatagrams(t *testing.T) {
	for _, a := range loopbacks {
		t.Run(a, func(t *testing.T) {
			p, q := listenUDP(t, a), listenUDP(t, a)
			buf := make([]byte, 65535)
			q.SetReadDeadline(time.Now().Add(patience))
			for _, tt := range []struct{ size, segment int }{
				{0, 0}, {1, 1}, {1200, 1200}, {5000, 1200}, {4800, 1200}, {65947, 1200}, {66000, 600}, {20000, 1472}, {60000, 20000},
			} {
				want := make([]byte, tt.size)
				for i := range want {
					want[i] = byte(i * i >> 7)
				}
				if err := p.Write(want, tt.segment, q.LocalAddr()); err != nil {
					t.Fatalf("%+v: %v", tt, err)
				}
				var got []byte
				for datagrams := 0; len(got) < len(want) || datagrams == 0; {
					n, segment, from, err := q.Read(buf)
					if err != nil {
						t.Fatalf("%+v: %v after %d bytes", tt, err, len(got))
					}
					if from != p.LocalAddr() || n > 0 && (segment <= 0 || segment > tt.segment || n > segment && segment != tt.segment) {
						t.Errorf("%+v: read %d in segments of %d from %v", tt, n, segment, from)
					}
					got = append(got, buf[:n]...)
					datagrams++
				}
				if !bytes.Equal(got, want) {
					t.Errorf("%+v: bytes differ", tt)
				}
			}
		})
	}
}

func TestWriteTTL(t *testing.T) {
	for _, a := range loopbacks {
		t.Run(a, func(t *testing.T) {
			p, q := listenUDP(t, a), listenUDP(t, a)
			q.SetReadDeadline(time.Now().Add(patience))
			for range 2 {
				if err := p.WriteTTL(nil, q.LocalAddr(), 3); err != nil {
					t.Fatal(err)
				}
				if n, _, from, err := q.Read(make([]byte, 10)); n != 0 || from != p.LocalAddr() || err != nil {
					t.Errorf("read %d from %v, %v", n, from, err)
				}
			}
		})
	}
}

func TestReadEnds(t *testing.T) {
	p := listenUDP(t, "127.0.0.1")
	p.SetReadDeadline(time.Now())
	if _, _, _, err := p.Read(make([]byte, 10)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("deadline: %v", err)
	}
	p.SetReadDeadline(time.Time{})
	done := make(chan error)
	go func() {
		_, _, _, err := p.Read(make([]byte, 10))
		done <- err
	}()
	p.Close()
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("close: %v", err)
	}
}

func TestPorts(t *testing.T) {
	ctx := t.Context()
	a := at(t, "127.0.0.1")
	shared := transport.SocketOptions{Shared: true}
	l, err := Host{}.ListenTCP(ctx, a, shared)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if l2, err := (Host{}).ListenTCP(ctx, a, shared); !errors.Is(err, transport.ErrAddrInUse) {
		t.Errorf("second listener: %v, %v", l2, err)
	}
	u, err := Host{}.ListenUDP(ctx, netip.AddrPortFrom(netip.IPv4Unspecified(), a.Port()), shared)
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	if _, err := (Host{}).ListenUDP(ctx, a, shared); !errors.Is(err, transport.ErrAddrInUse) {
		t.Errorf("second datagram socket: %v", err)
	}
	u2, err := Host{}.ListenUDP(ctx, a, transport.SocketOptions{Shared: true, Join: true})
	if err != nil {
		t.Fatalf("joining the port: %v", err)
	}
	u2.Close()
	// A connection out leaves from the listening port, but not twice to one address.
	other, err := Host{}.ListenTCP(ctx, at(t, "127.0.0.1"), shared)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	c, err := Host{}.DialTCP(ctx, other.Addr(), transport.DialOptions{Local: a, MSS: 1200})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := c.LocalAddr().String(); got != a.String() {
		t.Errorf("local %s, want %v", got, a)
	}
	if _, err := (Host{}).DialTCP(ctx, other.Addr(), transport.DialOptions{Local: a}); !errors.Is(err, transport.ErrAddrInUse) {
		t.Errorf("the same address pair again: %v", err)
	}
	if _, err := (Host{}).DialTCP(ctx, at(t, "127.0.0.1"), transport.DialOptions{}); err == nil || errors.Is(err, transport.ErrAddrInUse) {
		t.Errorf("nobody listens: %v", err)
	}
	s, err := other.Accept()
	if err != nil {
		t.Fatal(err)
	}
	s.Write([]byte("x"))
	s.Close()
	s2 := make([]byte, 10)
	if n, err := c.Read(s2); n != 1 && err == nil {
		t.Errorf("read %d, %v", n, err)
	}
	if _, err := c.Read(s2); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("closing does not reset: %v", err)
	}
}

func TestDialHonoursContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (Host{}).DialTCP(ctx, netip.MustParseAddrPort("127.0.0.1:9"), transport.DialOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// echo sends every message back, after it is told to.
type echo struct {
	stack *transport.Stack
	ready chan struct{}
	got   chan string
	flows chan transport.Flow
}

func newEcho() *echo {
	return &echo{ready: make(chan struct{}), got: make(chan string, 1000), flows: make(chan transport.Flow, 1000)}
}

func (e *echo) HandleMessage(m transport.Message) {
	<-e.ready
	e.got <- string(m.Data)
	e.flows <- m.Flow
	if e.stack != nil {
		e.stack.SendFlow(context.Background(), m.Flow, m.Data, 0)
	}
}

func (e *echo) HandleConnClosed(transport.ConnClosed) {}

// startStack makes a stack on loopback that listens on one port with everything.
func startStack(t testing.TB, a string, h transport.Handler) (*transport.Stack, netip.AddrPort) {
	t.Helper()
	s, err := transport.New(transport.Config{Host: Host{}, Handler: h})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	addr := at(t, a)
	l := transport.Listen{Enabled: true, Addrs: []netip.AddrPort{addr}}
	if err := s.Listen(t.Context(), transport.ListenConfig{UDP: l, TCP: l, WS: l}); err != nil {
		t.Fatal(err)
	}
	return s, addr
}

func dialInfo(p wire.ProtocolType, a netip.AddrPort) wire.DialInfo {
	di := wire.DialInfo{Protocol: p, Addr: a}
	if p == wire.WS {
		di.Request = a.String() + "/ws"
	}
	return di
}

func next(t *testing.T, c chan string) string {
	t.Helper()
	select {
	case s := <-c:
		return s
	case <-time.After(patience):
		t.Fatal("nothing came")
		return ""
	}
}

func TestStackOverLoopback(t *testing.T) {
	for _, a := range loopbacks {
		for _, p := range []wire.ProtocolType{wire.UDP, wire.TCP, wire.WS} {
			t.Run(fmt.Sprint(a, p), func(t *testing.T) {
				server, client := newEcho(), newEcho()
				s, addr := startStack(t, a, server)
				server.stack = s
				close(server.ready)
				close(client.ready)
				c, own := startStack(t, a, client)
				for _, size := range []int{0, 4, 1192, 1193, 16 << 10, transport.MaxMessage} {
					msg := strings.Repeat("m", size)
					flow, err := c.SendDialInfo(t.Context(), dialInfo(p, addr), []byte(msg), transport.SendOptions{})
					if err != nil {
						t.Fatal(err)
					}
					if flow.Local != own {
						t.Errorf("sent from %v, want %v", flow.Local, own)
					}
					if next(t, server.got) != msg || next(t, client.got) != msg {
						t.Errorf("message of %d bytes changed", size)
					}
				}
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				reply, err := c.Request(ctx, dialInfo(p, addr), []byte("BOOT"))
				if err != nil || string(reply) != "BOOT" {
					t.Errorf("request: %q, %v", reply, err)
				}
				if err := c.SendOnce(ctx, dialInfo(p, addr), []byte("once")); err != nil {
					t.Error(err)
				}
				for next(t, server.got) != "once" {
				}
			})
		}
	}
}

// TestWebSocketBytes checks the listener with the bytes of spec 02 §4 over real
// sockets: what it answers, and that it resets.
func TestWebSocketBytes(t *testing.T) {
	h := newEcho()
	close(h.ready)
	s, addr := startStack(t, "127.0.0.1", h)
	h.stack = s
	request := "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
	accept := "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
	for _, tt := range []struct{ name, send, then, want string }{
		{"ping", request, "\x89\x82\x00\x00\x00\x00hi", accept + "\x88\x00\x8a\x02hi"},
		{"text", request, "\x81\x80\x00\x00\x00\x00", accept + "\x88\x00"},
		{"echo, then close", request, "\x82\x84\x00\x00\x00\x00BOOT\x88\x82\x00\x00\x00\x00\x03\xe8", accept + "\x82\x04BOOT\x88\x02\x03\xe8"},
		{"other path", strings.Replace(request, "/ws", "/", 1), "", ""},
		{"too many headers", strings.Replace(request, "\r\n", "\r\n"+strings.Repeat("A: b\r\n", 30), 1), "", "HTTP/1.1 404 Not Found\r\n\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := net.Dial("tcp", addr.String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(patience))
			c.Write([]byte(tt.send))
			var got []byte
			if tt.then != "" {
				got = make([]byte, len(accept))
				if _, err := io.ReadFull(c, got); err != nil {
					t.Fatal(err)
				}
				c.Write([]byte(tt.then))
			}
			rest, err := io.ReadAll(c)
			if got = append(got, rest...); string(got) != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection stays open")
			}
		})
	}
}

// sink counts messages.
type sink struct{ got chan int }

func (s sink) HandleMessage(m transport.Message)       { s.got <- len(m.Data) }
func (s sink) HandleConnClosed(c transport.ConnClosed) {}

// BenchmarkSend measures one direction over loopback. A window of messages in
// flight keeps datagrams from being lost.
func BenchmarkSend(b *testing.B) {
	for _, bb := range []struct {
		protocol wire.ProtocolType
		size     int
		datagram int
	}{{wire.UDP, 1 << 10, 0}, {wire.UDP, 16 << 10, 0}, {wire.UDP, 32 << 10, 0}, {wire.UDP, 16 << 10, 1472}, {wire.TCP, 1 << 10, 0}, {wire.TCP, 16 << 10, 0}, {wire.WS, 1 << 10, 0}, {wire.WS, 16 << 10, 0}} {
		name := fmt.Sprintf("%v/%d", bb.protocol, bb.size)
		if bb.datagram != 0 {
			name += fmt.Sprintf("/%d", bb.datagram)
		}
		b.Run(name, func(b *testing.B) {
			const window = 8
			h := sink{make(chan int, 10*window)}
			_, addr := startStack(b, "127.0.0.1", h)
			c, _ := startStack(b, "127.0.0.1", h)
			msg := make([]byte, bb.size)
			flow, err := c.SendDialInfo(b.Context(), dialInfo(bb.protocol, addr), msg, transport.SendOptions{})
			if err != nil {
				b.Fatal(err)
			}
			<-h.got
			lost, inFlight := 0, 0
			late := time.NewTimer(time.Second)
			defer late.Stop()
			wait := func() {
				select {
				case <-h.got:
					inFlight--
				default:
					late.Reset(time.Second)
					select {
					case <-h.got:
						inFlight--
					case <-late.C:
						lost += inFlight
						inFlight = 0
					}
				}
			}
			b.SetBytes(int64(bb.size))
			b.ReportAllocs()
			for b.Loop() {
				if err := c.SendFlow(b.Context(), flow, msg, bb.datagram); err != nil {
					b.Fatal(err)
				}
				if inFlight++; inFlight >= window {
					wait()
				}
			}
			for inFlight > 0 {
				wait()
			}
			if lost > 0 {
				b.ReportMetric(float64(lost)/float64(b.N), "lost/op")
			}
		})
	}
}
