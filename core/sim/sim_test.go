package sim

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/transport/memory"
)

// start brings up a network of n nodes and waits until all are ready.
func start(t *testing.T, net *Net, n int, change func(i int, c *config.Config)) []*Node {
	t.Helper()
	if os.Getenv("SIM_LOG") != "" {
		net.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	var nodes []*Node
	seed := ""
	for i := 1; i <= n; i++ {
		cfg := net.Config(i, seed)
		if change != nil {
			change(i, &cfg)
		}
		node, err := net.Start(t.Context(), i, cfg, memory.HostConfig{Link: memory.Link{Latency: 2 * time.Millisecond}})
		if err != nil {
			t.Fatalf("node %d: %v", i, err)
		}
		if i == 1 {
			seed = node.ID().String()
		}
		if err := node.Attach(); err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, node)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	began := time.Now()
	for i, node := range nodes {
		if err := node.WaitReady(ctx); err != nil {
			s, _ := node.State()
			t.Errorf("node %d not ready: %+v", i+1, s.Attachment)
		}
	}
	t.Logf("%d nodes ready after %v", n, time.Since(began))
	return nodes
}

func closeAll(t *testing.T, nodes []*Node) {
	for _, n := range nodes {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
}

// reply answers calls with the same bytes after a word.
func reply(ctx context.Context, n *core.Node) (done func()) {
	s := n.Subscribe(0)
	over := make(chan struct{})
	go func() {
		defer close(over)
		for {
			u, err := s.Next(ctx)
			if err != nil {
				return
			}
			if c, ok := u.(core.AppCall); ok {
				n.Reply(ctx, c.CallID, append([]byte("re: "), c.Message...))
			}
		}
	}()
	return func() { s.Close(); <-over }
}

func TestCallsOverRoutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := New(1)
		defer net.Memory.Close()
		nodes := start(t, net, 6, nil)
		defer closeAll(t, nodes)
		if t.Failed() {
			return
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := reply(ctx, nodes[1].Node)
		defer done()
		defer cancel()
		route, err := nodes[1].NewPrivateRoute(ctx)
		if err != nil {
			t.Fatal(err)
		}
		to, err := nodes[4].ImportPrivateRoute(route.Blob)
		if err != nil {
			t.Fatal(err)
		}
		for _, hops := range []int{1, 2, 3} {
			c, err := nodes[4].Context().WithSafety(core.Safety{HopCount: hops})
			if err != nil {
				t.Fatal(err)
			}
			for size := range 3 {
				message := fmt.Appendf(nil, "%*d", 1<<(7*size), 7)
				answer, err := c.Call(ctx, to, message)
				if err != nil || string(answer) != "re: "+string(message) {
					t.Errorf("%d hops, %d bytes: answer of %d bytes, error %v", hops, len(message), len(answer), err)
				}
			}
		}
	})
}

type coreStatus = core.AttachmentStatus

func addrPort(i int) netip.AddrPort { return netip.AddrPortFrom(IPv4(i), 5150) }
