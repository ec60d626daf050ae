package sim

import (
	"context"
	"net/netip"
	"regexp"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/core/transport/memory"
)

// Nodes behind translators take relays and can be called in both directions.
func TestNodesBehindNATAreReachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := New(2)
		defer net.Memory.Close()
		nodes := start(t, net, 6, nil)
		defer func() { closeAll(t, nodes) }()
		if t.Failed() {
			return
		}
		seed := nodes[0].ID().String()
		for i := 11; i <= 12; i++ {
			nat, err := net.Memory.NAT(memory.NATConfig{Public: IPv4(i), Kind: memory.PortRestricted})
			if err != nil {
				t.Fatal(err)
			}
			cfg := net.Config(i, seed)
			on := true
			cfg.Network.DetectAddressChanges = &on
			node, err := net.Start(t.Context(), i, cfg, memory.HostConfig{
				Addrs: []netip.Addr{netip.AddrFrom4([4]byte{192, 168, byte(i), 2})}, NAT: nat,
				Link: memory.Link{Latency: 2 * time.Millisecond},
			})
			if err != nil {
				t.Fatal(err)
			}
			node.Attach()
			nodes = append(nodes, node)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		hidden := nodes[6:]
		waitReady(t, hidden...)
		talk(ctx, t, "public to hidden", nodes[1], hidden[0])
		talk(ctx, t, "hidden to public", hidden[0], nodes[1])
		talk(ctx, t, "hidden to hidden", hidden[0], hidden[1])
		// A datagram from one hidden node to the other goes through punched holes.
		other := hidden[1].ID().String()
		if text, err := hidden[0].Debug(ctx, "resolve "+other); err != nil {
			t.Fatalf("resolve: %v %v", text, err)
		}
		if text, err := hidden[0].Debug(ctx, "ping "+other); err != nil {
			t.Errorf("ping: %v %v", text, err)
		}
		if n := counter(t, hidden[0], "hole punch"); n == 0 {
			t.Error("no hole was punched")
		}
		reversed := 0 // by whichever node was the hop before a hidden one
		for _, n := range nodes[:6] {
			reversed += counter(t, n, "reverse connect")
		}
		if reversed == 0 {
			t.Error("no reverse connection to a hidden node")
		}
	})
}

// counter reads a number of the debug text that stands before a name.
func counter(t *testing.T, n *Node, name string) (count int) {
	t.Helper()
	text, err := n.Debug(t.Context(), "nodeinfo")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(\d+) ` + name).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no %q in\n%s", name, text)
	}
	count, _ = strconv.Atoi(m[1])
	return count
}
