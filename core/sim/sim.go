package sim

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/transport/memory"
	"github.com/voile-net/voile/platform"
	memstore "github.com/voile-net/voile/platform/memory"
)

// Net is a network of simulated nodes.
type Net struct {
	Memory *memory.Network
	Log    *slog.Logger // nil: no log
}

// Node is a node with what it runs on.
type Node struct {
	*core.Node
	Index   int
	Host    *memory.Host
	Config  config.Config
	Options core.Options
}

// New makes an empty network; equal seeds give equal loss and latency.
func New(seed uint64) *Net { return &Net{Memory: memory.New(seed)} }

// Config is the configuration of node i: dual-stack, direct, joining by a record
// of node 1, which is its own bootstrap.
func (n *Net) Config(i int, seed string) config.Config {
	cfg := config.Default()
	cfg.ProgramName = fmt.Sprintf("sim%d", i)
	off := false
	cfg.Network.UPnP = false
	cfg.Network.DetectAddressChanges = &off
	cfg.Network.MaxConnections = 256
	t := &cfg.Network.RoutingTable
	t.Bootstrap, t.BootstrapKeys = []string{}, []string{}
	if i > 1 {
		t.BootstrapRecords = []string{fmt.Sprintf("0|0|%s|%s|U5150,T5150,W5150/ws", seed, IPv4(1))}
	}
	return cfg
}

// IPv4 is the address of host i; each is alone in its block.
func IPv4(i int) netip.Addr { return netip.AddrFrom4([4]byte{44, 1, byte(i >> 8), byte(i)}) }

// IPv6 is the address of host i; each is alone in its /56.
func IPv6(i int) netip.Addr {
	a := [16]byte{0x2a, 0x0f, 0, 1, byte(i >> 8), byte(i)}
	a[15] = 1
	return netip.AddrFrom16(a)
}

// Start adds host i with the given addresses, both of its own if there are none,
// and starts a node on it; it is not attached.
func (n *Net) Start(ctx context.Context, i int, cfg config.Config, hc memory.HostConfig) (*Node, error) {
	if len(hc.Addrs) == 0 {
		hc.Addrs = []netip.Addr{IPv4(i), IPv6(i)}
	}
	host, err := n.Memory.Host(hc)
	if err != nil {
		return nil, err
	}
	node := &Node{Index: i, Host: host, Config: cfg}
	node.Options = core.Options{
		ProtectedStore: memstore.NewProtectedStore(), KeyValueStore: memstore.NewKeyValueStore(),
		NetInfo: facts(hc.Addrs), Host: host, Resolver: noNames{},
	}
	if n.Log != nil {
		node.Options.Logger = n.Log.With("node", i)
	}
	return node, node.Restart(ctx)
}

// Restart starts the node anew on the same stores, after it was closed.
func (n *Node) Restart(ctx context.Context) (err error) {
	n.Node, err = core.Start(ctx, n.Config, n.Options)
	return err
}

// noNames resolves nothing.
type noNames struct{}

func (noNames) TXT(context.Context, string) ([]string, error)      { return nil, nil }
func (noNames) Host(context.Context, string) ([]netip.Addr, error) { return nil, nil }

// facts is a device with one interface.
type facts []netip.Addr

func (f facts) Network(context.Context) (platform.Network, error) {
	i := platform.Interface{Name: "sim0", Index: 1, MTU: 1500, Running: true}
	n := platform.Network{}
	for _, a := range f {
		bits := 16
		egress := platform.Egress{Source: a, Interface: i.Name, MTU: i.MTU, GatewayKnown: true}
		if a.Is6() {
			bits = 32
			egress.Gateway = netip.MustParseAddr("2a0f:1::fffe")
			n.Egress6 = egress
		} else {
			egress.Gateway = netip.AddrFrom4([4]byte{44, 1, 255, 254})
			n.Egress4 = egress
		}
		i.Addrs = append(i.Addrs, platform.InterfaceAddr{Prefix: netip.PrefixFrom(a, bits)})
	}
	n.Interfaces = []platform.Interface{i}
	return n, nil
}

func (facts) Changed() <-chan struct{} { return nil }
func (facts) Close() error             { return nil }
