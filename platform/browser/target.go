package browser

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/voile-net/voile/core/wire"
)

// ErrInsecure: a page that came by https may open wss:// only (and ws:// to the
// machine itself). Only a page that came by http reaches the node, or a gateway.
var ErrInsecure = errors.New("a page that came by https cannot open ws://")

// Target is the URL that a dial info is reached by (spec 04 §14). secure: the page
// came by https. The text is that of the dial info as it is; its address is not
// looked at. Errors: [ErrInsecure], and a protocol that is not WebSocket.
func Target(di wire.DialInfo, secure bool) (string, error) {
	switch di.Protocol {
	case wire.WSS:
	case wire.WS:
		if secure && !onThisMachine(di.Request) {
			return "", fmt.Errorf("%w: %.100q", ErrInsecure, di.URL())
		}
	default:
		return "", fmt.Errorf("dial %v: not a WebSocket", di)
	}
	return di.URL(), nil
}

// onThisMachine reports whether browsers trust the host of a request text without
// TLS: names of loopback do not leave the machine.
func onThisMachine(request string) bool {
	authority, _, _ := strings.Cut(request, "/")
	authority = authority[strings.LastIndexByte(authority, '@')+1:]
	host, _, err := net.SplitHostPort(authority)
	if err != nil {
		host = strings.Trim(authority, "[]")
	}
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
