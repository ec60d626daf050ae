// Package igd has the gateway of the local network pass ports on to this node, by
// the UPnP Internet Gateway Device protocol in its versions 1 and 2 (spec 04
// §9.5). It is a detect.PortMapper.
//
// What answers a search can be anything on the local network, so little of it is
// believed: a description and the address to control a device must be at the very
// IPv4 address that answered, redirections and proxies are not followed, and what
// is read is bounded. The protocol maps IPv4 only.
//
// In a browser [Open] fails with platform.ErrUnsupported, and nothing of net/http
// is linked in.
//
// It imports github.com/huin/goupnp, core/attach/detect, core/routing, core/wire
// and platform.
package igd
