package sim

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/transport/memory"
	"github.com/voile-net/voile/core/transport/websocket"
	"github.com/voile-net/voile/core/wire"
	"github.com/voile-net/voile/platform"
	memstore "github.com/voile-net/voile/platform/memory"
)

// Browser is what a node in a browser runs on: WebSocket connections out, made by
// the text of their URL, and no look at the network (spec 04 §14). It is a
// transport.Host and a platform.NetInfo.
type Browser struct {
	Host  *memory.Host
	Names map[string]netip.Addr // hosts of URLs that are names; nil: none

	mu      sync.Mutex
	offline bool
	changes int
	dialled []string // URLs
	conns   map[*browserConn]struct{}
}

// StartBrowser adds host i, as Start does, with a node in a browser on it.
func (n *Net) StartBrowser(ctx context.Context, i int, cfg config.Config, hc memory.HostConfig) (*Node, *Browser, error) {
	if len(hc.Addrs) == 0 {
		hc.Addrs = []netip.Addr{IPv4(i), IPv6(i)}
	}
	host, err := n.Memory.Host(hc)
	if err != nil {
		return nil, nil, err
	}
	b := &Browser{Host: host, conns: map[*browserConn]struct{}{}}
	node := &Node{Index: i, Host: host, Config: cfg}
	node.Options = core.Options{
		ProtectedStore: memstore.NewProtectedStore(), KeyValueStore: memstore.NewKeyValueStore(),
		NetInfo: b, Host: b, // and no names
	}
	if n.Log != nil {
		node.Options.Logger = n.Log.With("node", i)
	}
	return node, b, node.Restart(ctx)
}

// BrowserConfig is [Net.Config] for a node in a browser.
func (n *Net) BrowserConfig(i int, seed string) config.Config {
	cfg := n.Config(i, seed)
	p := &cfg.Network.Protocol
	p.UDP.Enabled, p.TCP.Connect, p.TCP.Listen, p.WS.Listen = false, false, false, false
	return cfg
}

// SetOnline is the browser's online or offline event.
func (b *Browser) SetOnline(on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.offline = !on
	b.changes++
}

// Dialled lists the URLs that were dialled.
func (b *Browser) Dialled() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.dialled...)
}

// Connections are those that are open, by any name.
func (b *Browser) Connections() []transport.MessageConn {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]transport.MessageConn, 0, len(b.conns))
	for c := range b.conns {
		list = append(list, c)
	}
	return list
}

// Network implements platform.NetInfo.
func (b *Browser) Network(context.Context) (platform.Network, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return platform.Network{Hidden: true, Offline: b.offline, Changes: b.changes}, nil
}

// Changed implements platform.NetInfo.
func (b *Browser) Changed() <-chan struct{} { return nil }

// Close implements platform.NetInfo.
func (b *Browser) Close() error { return nil }

// ListenUDP implements transport.Host.
func (b *Browser) ListenUDP(context.Context, netip.AddrPort, transport.SocketOptions) (transport.PacketConn, error) {
	return nil, transport.ErrUnsupported
}

// ListenTCP implements transport.Host.
func (b *Browser) ListenTCP(context.Context, netip.AddrPort, transport.SocketOptions) (transport.Listener, error) {
	return nil, transport.ErrUnsupported
}

// DialTCP implements transport.Host.
func (b *Browser) DialTCP(context.Context, netip.AddrPort, transport.DialOptions) (transport.Stream, error) {
	return nil, transport.ErrUnsupported
}

// DialWS implements transport.WebSocketDialer. Like a browser it looks at the text
// alone; for wss the connection is plain.
func (b *Browser) DialWS(ctx context.Context, di wire.DialInfo) (transport.MessageConn, error) {
	b.mu.Lock()
	b.dialled = append(b.dialled, di.URL())
	offline := b.offline
	b.mu.Unlock()
	if offline {
		return nil, errors.New("sim: offline")
	}
	u, err := wire.ParseURL(di.URL())
	if err != nil {
		return nil, err
	}
	addr, err := netip.ParseAddr(u.Host)
	if err != nil {
		if addr = b.Names[u.Host]; !addr.IsValid() {
			return nil, errors.New("sim: no such host")
		}
	}
	stream, err := b.Host.DialTCP(ctx, netip.AddrPortFrom(addr, u.Port), transport.DialOptions{})
	if err != nil {
		return nil, err
	}
	_, request, _ := strings.Cut(di.URL(), "://")
	rest, err := upgrade(ctx, stream, request)
	if err != nil {
		stream.Close()
		return nil, err
	}
	c := &browserConn{owner: b, stream: stream, messages: make(chan []byte, 1024), ended: make(chan struct{})}
	b.mu.Lock()
	b.conns[c] = struct{}{}
	b.mu.Unlock()
	c.reader.Go(func() { c.receive(rest) })
	return c, nil
}

// upgrade is the client's side of the upgrade.
func upgrade(ctx context.Context, stream transport.Stream, request string) (rest []byte, err error) {
	stop := context.AfterFunc(ctx, func() { stream.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	key := websocket.NewKey([16]byte{1})
	head, err := websocket.AppendRequest(nil, request, key)
	if err != nil {
		return nil, err
	}
	if _, err := stream.Write(head); err != nil {
		return nil, err
	}
	buf := make([]byte, websocket.MaxResponse)
	for n := 0; ; {
		got, err := stream.Read(buf[n:])
		if err != nil {
			return nil, err
		}
		n += got
		if rest, more, err := websocket.ParseResponse(buf[:n], key); err != nil || !more {
			return rest, err
		}
	}
}

// browserConn is one WebSocket. Goroutines: one, joined by Close.
type browserConn struct {
	owner    *Browser
	stream   transport.Stream
	messages chan []byte
	ended    chan struct{} // closed by the reader's end
	reader   sync.WaitGroup
	writing  sync.Mutex
	closing  sync.Once
}

func (c *browserConn) receive(buf []byte) {
	defer close(c.ended)
	decoder := websocket.Decoder{Role: websocket.Client}
	for {
		for len(buf) > 0 {
			msg, whole, used, need, err := decoder.Next(buf)
			if err != nil {
				return
			}
			if need > 0 {
				break
			}
			buf = buf[used:]
			if whole {
				c.messages <- append([]byte{}, msg...)
			}
		}
		more := make([]byte, 64<<10)
		n, err := c.stream.Read(more)
		if buf = append(buf[:len(buf):len(buf)], more[:n]...); n == 0 && err != nil {
			return
		}
	}
}

// ReadMessage implements transport.MessageConn.
func (c *browserConn) ReadMessage(ctx context.Context) ([]byte, error) {
	select {
	case msg := <-c.messages:
		return msg, nil
	default:
	}
	select {
	case msg := <-c.messages:
		return msg, nil
	case <-c.ended:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// WriteMessage implements transport.MessageConn.
func (c *browserConn) WriteMessage(ctx context.Context, b []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	mask := [4]byte{1, 2, 3, 4}
	if deadline, ok := ctx.Deadline(); ok {
		c.stream.SetWriteDeadline(deadline)
	}
	_, err := c.stream.Write(websocket.AppendFrame(nil, websocket.Binary, &mask, b))
	return err
}

// Close implements transport.MessageConn.
func (c *browserConn) Close() error {
	c.closing.Do(func() {
		c.owner.mu.Lock()
		delete(c.owner.conns, c)
		c.owner.mu.Unlock()
		c.stream.Close()
		c.reader.Wait()
	})
	return nil
}
