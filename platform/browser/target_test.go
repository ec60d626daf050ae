//go:build !js

package browser

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"github.com/voile-net/voile/core/wire"
	"github.com/voile-net/voile/wasm/edge/edgeurl"
)

func TestTargets(t *testing.T) {
	g := func(url string) edgeurl.Gateway {
		gateway, err := edgeurl.ParseGateway(url)
		if err != nil {
			t.Fatal(err)
		}
		return gateway
	}
	gateways := []edgeurl.Gateway{g("wss://one.example"), g("wss://two.example/x")}
	for _, c := range []struct {
		protocol       wire.ProtocolType
		request        string
		secure         bool
		gateways       []edgeurl.Gateway
		want           string
		insecure, fail bool
	}{
		{wire.WS, "203.0.113.7:5150/ws", false, nil, "[{ws://203.0.113.7:5150/ws false}]", false, false},
		{wire.WS, "203.0.113.7:5150/ws", true, nil, "", true, true},
		{wire.WS, "node.example/ws", true, nil, "", true, true},
		{wire.WS, "localhost.example:80/ws", true, nil, "", true, true},
		{wire.WS, "127.0.0.1@203.0.113.7:5150/ws", true, nil, "", true, true},
		{wire.WS, "127.0.0.1:5150/ws", true, nil, "[{ws://127.0.0.1:5150/ws false}]", false, false},
		{wire.WS, "[::1]:5150/ws", true, nil, "[{ws://[::1]:5150/ws false}]", false, false},
		{wire.WS, "localhost:5150/ws", true, gateways, "[{ws://localhost:5150/ws false}]", false, false},
		{wire.WSS, "node.example:443/ws", true, nil, "[{wss://node.example:443/ws false}]", false, false},
		{wire.WSS, "node.example:443/ws", false, gateways, "[{wss://node.example:443/ws false}]", false, false},
		{wire.WS, "203.0.113.7:5150/ws", true, gateways, "[{wss://one.example/ws/203.0.113.7/5150/ws true} {wss://two.example/x/ws/203.0.113.7/5150/ws true}]", false, false},
		{wire.WS, "203.0.113.7:5150/a?b", true, gateways, "", false, true},
		{wire.TCP, "", false, nil, "", false, true},
		{wire.UDP, "", true, nil, "", false, true},
	} {
		di := wire.DialInfo{Protocol: c.protocol, Addr: netip.MustParseAddrPort("203.0.113.7:5150"), Request: c.request}
		got, err := Targets(di, c.secure, c.gateways)
		if (err != nil) != c.fail || errors.Is(err, ErrInsecure) != c.insecure || err == nil && fmt.Sprint(got) != c.want {
			t.Errorf("%v secure %t with %d gateways: %v, %v; want %s", di, c.secure, len(c.gateways), got, err, c.want)
		}
	}
}
