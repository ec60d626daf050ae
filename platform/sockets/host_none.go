//go:build js || wasip1

package sockets

import (
	"context"
	"net/netip"

	"github.com/voile-net/voile/core/transport"
)

// ListenTCP implements transport.Host.
func (Host) ListenTCP(context.Context, netip.AddrPort, transport.SocketOptions) (transport.Listener, error) {
	return nil, transport.ErrUnsupported
}

// DialTCP implements transport.Host.
func (Host) DialTCP(context.Context, netip.AddrPort, transport.DialOptions) (transport.Stream, error) {
	return nil, transport.ErrUnsupported
}

// ListenUDP implements transport.Host.
func (Host) ListenUDP(context.Context, netip.AddrPort, transport.SocketOptions) (transport.PacketConn, error) {
	return nil, transport.ErrUnsupported
}
