// Package sockets is the [transport.Host] of systems that have sockets (spec 02
// §2.3, §3, spec 04 §11.8). Elsewhere, which is the browser, every method fails
// with transport.ErrUnsupported.
//
// On Linux and Android a message that needs several datagrams goes to the kernel
// in one call, and comes from it so (UDP segmentation and receive offload):
// unlike recvmmsg through golang.org/x/net this allocates nothing per datagram,
// and it serves the traffic that matters, long messages of one peer. Where the
// kernel refuses, there is one call per datagram, as on other systems.
//
// It may import core/transport, golang.org/x/net and golang.org/x/sys.
package sockets

import "github.com/voile-net/voile/core/transport"

// Host opens sockets of the operating system. The zero value is ready.
type Host struct{}

var _ transport.Host = Host{}
