//go:build !linux || race

package sockets

import (
	"net"

	"github.com/voile-net/voile/core/transport"
)

// newStream makes a stream of a connection.
func newStream(c *net.TCPConn) transport.Stream { return c }

// Quick makes the connections of a listener cost less on systems where that can be
// done; here it changes nothing.
func Quick(l net.Listener) net.Listener { return l }
