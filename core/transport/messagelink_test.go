package transport_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// browser is a host that has nothing but WebSocket connections out, as a browser.
type browser struct {
	sockets chan *webSocket // those it opened, for the test to be the server
	refuse  error
}

func (browser) ListenUDP(context.Context, netip.AddrPort, transport.SocketOptions) (transport.PacketConn, error) {
	return nil, transport.ErrUnsupported
}

func (browser) ListenTCP(context.Context, netip.AddrPort, transport.SocketOptions) (transport.Listener, error) {
	return nil, transport.ErrUnsupported
}

func (browser) DialTCP(context.Context, netip.AddrPort, transport.DialOptions) (transport.Stream, error) {
	return nil, transport.ErrUnsupported
}

func (b browser) DialWS(_ context.Context, _ wire.DialInfo) (transport.MessageConn, error) {
	if b.refuse != nil {
		return nil, b.refuse
	}
	w := &webSocket{in: make(chan []byte), out: make(chan []byte, 2), closed: make(chan struct{})}
	b.sockets <- w
	return w, nil
}

type webSocket struct {
	in, out chan []byte // to and from the stack
	closed  chan struct{}
	once    sync.Once
}

func (w *webSocket) ReadMessage(ctx context.Context) ([]byte, error) {
	select {
	case b := <-w.in:
		return b, nil
	case <-w.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (w *webSocket) WriteMessage(ctx context.Context, b []byte) error {
	select {
	case w.out <- append([]byte(nil), b...):
		return nil
	case <-w.closed:
		return net.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *webSocket) Close() error {
	w.once.Do(func() { close(w.closed) })
	return nil
}

var server = wire.DialInfo{Protocol: wire.WS, Addr: netip.MustParseAddrPort("44.0.0.2:5150"), Request: "example.net:5150/ws"}

// TestBrowser: a stack over a host that dials WebSockets itself.
func TestBrowser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, r := browser{sockets: make(chan *webSocket, 10)}, newRecorder()
		s, err := transport.New(transport.Config{Host: b, Handler: r})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.Listen(t.Context(), everything); !errors.Is(err, transport.ErrUnsupported) {
			t.Errorf("Listen: %v", err)
		}
		for _, p := range []wire.ProtocolType{wire.UDP, wire.TCP} {
			di := server
			di.Protocol = p
			if _, err := s.SendDialInfo(t.Context(), di, nil, transport.SendOptions{}); !errors.Is(err, transport.ErrUnsupported) {
				t.Errorf("%v: %v", p, err)
			}
		}
		flow, err := s.SendDialInfo(t.Context(), server, []byte("one"), transport.SendOptions{})
		if err != nil {
			t.Fatal(err)
		}
		check(t, "flow", flow, transport.Flow{Protocol: wire.WS, Remote: server.Addr})
		w := <-b.sockets
		check(t, "sent", string(<-w.out), "one")
		w.in <- []byte("two")
		m := r.message(t)
		check(t, "received", m.text, "two")
		check(t, "received on", m.Flow, flow)

		began := time.Now()
		for err = nil; err == nil; {
			err = s.SendFlow(t.Context(), flow, []byte("more"), 0)
		}
		if !errors.Is(err, transport.ErrSendTimeout) || time.Since(began) != transport.DefaultSendTimeout {
			t.Errorf("full: %v after %v", err, time.Since(began))
		}
		check(t, "reason", r.closing(t).Reason, transport.ClosedIdle)
		<-w.closed
		check(t, "life", time.Since(began), transport.DefaultInactivityTimeout)
		if err := s.SendFlow(t.Context(), flow, nil, 0); !errors.Is(err, transport.ErrNoFlow) {
			t.Errorf("closed: %v", err)
		}

		if _, err := s.SendDialInfo(t.Context(), server, nil, transport.SendOptions{}); err != nil {
			t.Fatal(err)
		}
		(<-b.sockets).Close() // by the server
		check(t, "reason", r.closing(t).Reason, transport.ClosedRemote)

		go func() {
			w := <-b.sockets
			check(t, "request", string(<-w.out), "BOOT")
			w.in <- []byte("[]")
			<-w.closed
			w = <-b.sockets
			check(t, "once", string(<-w.out), "receipt")
			<-w.closed
		}()
		if reply, err := s.Request(t.Context(), server, []byte("BOOT")); err != nil || string(reply) != "[]" {
			t.Errorf("request: %q, %v", reply, err)
		}
		if err := s.SendOnce(t.Context(), server, []byte("receipt")); err != nil {
			t.Error(err)
		}
		s.CloseAll()
	})
}

func TestBrowserRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("refused")
		s, err := transport.New(transport.Config{Host: browser{refuse: refused}, Handler: newRecorder()})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if _, err := s.SendDialInfo(t.Context(), server, nil, transport.SendOptions{}); !errors.Is(err, refused) {
			t.Errorf("SendDialInfo: %v", err)
		}
		if _, err := s.Request(t.Context(), server, nil); !errors.Is(err, refused) {
			t.Errorf("Request: %v", err)
		}
	})
}
