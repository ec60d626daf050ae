//go:build !linux && !js && !wasip1

package sockets

import (
	"net"

	"github.com/voile-net/voile/core/transport"
)

func newStream(c *net.TCPConn) transport.Stream { return c }
