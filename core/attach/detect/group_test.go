package detect

import (
	"log/slog"
	"net/netip"
	"reflect"
	"testing"

	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

func discardLogger() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestGroups(t *testing.T) {
	bind := func(p wire.ProtocolType, at string) transport.Bound {
		return transport.Bound{Protocol: p, Addr: netip.MustParseAddrPort(at)}
	}
	usual := []transport.Bound{
		bind(wire.UDP, "0.0.0.0:5150"), bind(wire.UDP, "[::]:5150"),
		bind(wire.WS, "0.0.0.0:5150"), bind(wire.WS, "[::]:5150"),
		bind(wire.TCP, "0.0.0.0:5150"), bind(wire.TCP, "[::]:5150"),
	}
	ws4 := Group{Family: wire.IPv4, Port: 80, Protocols: []wire.ProtocolType{wire.WS}}
	onlyTCP4 := Group{Family: wire.IPv4, Port: 5150, Protocols: []wire.ProtocolType{wire.TCP}}
	tests := []struct {
		name     string
		bound    []transport.Bound
		families wire.AddressSet
		static   func(routing.Transport) bool
		want     []Group
	}{
		{name: "nothing", families: wire.AllAddresses},
		{name: "all on one port", bound: usual, families: wire.AllAddresses, want: []Group{udp6, tcp6, udp4, tcp4}},
		{name: "one family", bound: usual, families: wire.Addresses(wire.IPv4), want: []Group{udp4, tcp4}},
		{name: "static UDP", bound: usual, families: wire.Addresses(wire.IPv4),
			static: func(t routing.Transport) bool { return t.Protocol == wire.UDP }, want: []Group{tcp4}},
		{name: "static WS", bound: usual, families: wire.Addresses(wire.IPv4),
			static: func(t routing.Transport) bool { return t.Protocol == wire.WS }, want: []Group{udp4, onlyTCP4}},
		{name: "ports of their own", families: wire.AllAddresses,
			bound: []transport.Bound{bind(wire.TCP, "0.0.0.0:5150"), bind(wire.WS, "0.0.0.0:80")},
			want:  []Group{onlyTCP4, ws4}},
		{name: "two addresses, one port", families: wire.AllAddresses,
			bound: []transport.Bound{bind(wire.UDP, "192.168.1.7:5150"), bind(wire.UDP, "44.1.2.3:5150")},
			want:  []Group{udp4}},
		{name: "loopback", families: wire.AllAddresses, bound: []transport.Bound{bind(wire.UDP, "127.0.0.1:5150"), bind(wire.UDP, "[::1]:5150")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Groups(tt.bound, tt.families, tt.static); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("groups %v, want %v", got, tt.want)
			}
		})
	}
}
