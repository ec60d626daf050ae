package browser

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/voile-net/voile/core/wire"
	"github.com/voile-net/voile/wasm/edge/edgeurl"
)

// ErrInsecure: a page that came by https may open wss:// only (and ws:// to the
// machine itself). Only a page that came by http reaches the node, or a gateway.
var ErrInsecure = errors.New("a page that came by https cannot open ws:// and there is no gateway")

// Target is a URL to open for a dial info.
type Target struct {
	URL     string
	Gateway bool // it is a gateway's: offer its sub-protocols
}

// Targets are the URLs that a dial info can be reached by, in the order in which to
// try them (spec 04 §14). The text is that of the dial info as it is; its address is
// not looked at. With gateways everything that is ws:// goes through them, but what
// is on this machine. secure: the page came by https. Errors: [ErrInsecure], a
// protocol that is not WebSocket, a text that a gateway cannot be told.
func Targets(di wire.DialInfo, secure bool, gateways []edgeurl.Gateway) ([]Target, error) {
	switch {
	case di.Protocol == wire.WSS, di.Protocol == wire.WS && onThisMachine(di.Request):
		return []Target{{URL: di.URL()}}, nil
	case di.Protocol != wire.WS:
		return nil, fmt.Errorf("dial %v: not a WebSocket", di)
	case len(gateways) == 0 && secure:
		return nil, fmt.Errorf("%w: %.100q", ErrInsecure, di.URL())
	case len(gateways) == 0:
		return []Target{{URL: di.URL()}}, nil
	}
	node, err := edgeurl.FromRequest(di.Request)
	if err != nil {
		return nil, fmt.Errorf("through a gateway: %w", err)
	}
	list := make([]Target, len(gateways))
	for i, g := range gateways {
		list[i] = Target{g.URL(node), true}
	}
	return list, nil
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
