//go:build js

package browser

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"syscall/js"

	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
	"github.com/voile-net/voile/wasm/edge/edgeurl"
)

// Limits of a [Host].
const (
	MaxUnsent = 64 << 10 // bytes in a WebSocket before senders wait
	MaxUnread = 4 << 20  // bytes that one connection may be ahead of the node
	maxTotal  = 16 << 20 // bytes that all connections of a host may be ahead
)

// Host is a [transport.Host] that dials WebSockets. The zero value is ready.
// Goroutines: none.
type Host struct {
	// Secure: the page came by https, so that only wss:// can be opened.
	Secure bool
	// Gateways carry what is ws://, the first that can; nil: nodes are dialled
	// themselves. It must not change.
	Gateways []edgeurl.Gateway

	unread atomic.Int64 // bytes of all connections
}

var (
	_ transport.Host            = (*Host)(nil)
	_ transport.WebSocketDialer = (*Host)(nil)
)

// ListenUDP gives transport.ErrUnsupported.
func (*Host) ListenUDP(context.Context, netip.AddrPort, transport.SocketOptions) (transport.PacketConn, error) {
	return nil, fmt.Errorf("datagrams in a browser: %w", transport.ErrUnsupported)
}

// ListenTCP gives transport.ErrUnsupported.
func (*Host) ListenTCP(context.Context, netip.AddrPort, transport.SocketOptions) (transport.Listener, error) {
	return nil, fmt.Errorf("listen in a browser: %w", transport.ErrUnsupported)
}

// DialTCP gives transport.ErrUnsupported.
func (*Host) DialTCP(context.Context, netip.AddrPort, transport.DialOptions) (transport.Stream, error) {
	return nil, fmt.Errorf("streams in a browser: %w", transport.ErrUnsupported)
}

// DialWS implements [transport.WebSocketDialer]. Errors: [ErrInsecure], a
// [*CloseError] where the connection could not be made (the browser does not say
// why), transport.ErrUnsupported where there is no WebSocket, those of ctx.
func (h *Host) DialWS(ctx context.Context, di wire.DialInfo) (transport.MessageConn, error) {
	targets, err := Targets(di, h.Secure, h.Gateways)
	if err != nil {
		return nil, err
	}
	class := js.Global().Get("WebSocket")
	if class.Type() != js.TypeFunction {
		return nil, fmt.Errorf("dial %.200q: no WebSocket here: %w", di.URL(), transport.ErrUnsupported)
	}
	var faults error
	for _, target := range targets {
		s, err := dial(ctx, h, class, target)
		if err == nil {
			return s, nil
		}
		faults = errors.Join(faults, fmt.Errorf("dial %.200q: %w", target.URL, err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, faults
}

func dial(ctx context.Context, h *Host, class js.Value, target Target) (*socket, error) {
	s, err := open(h, class, target)
	if err != nil {
		return nil, err
	}
	if err := s.opened(ctx, target.Gateway); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}
