package core_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// local is the configuration of a node of a private network on this machine.
func local(t *testing.T, name string, records ...string) config.Config {
	t.Helper()
	cfg := config.Default()
	cfg.ProgramName = name
	key := config.Secret("a private network of " + t.Name())
	n := &cfg.Network
	n.PrivateNetwork, n.NetworkKeyPassword = true, &key
	n.RoutingTable.Bootstrap, n.RoutingTable.BootstrapKeys = []string{}, []string{}
	n.RoutingTable.BootstrapRecords = records
	n.Protocol.UDP.ListenAddress = "127.0.0.1"
	n.Protocol.TCP.ListenAddress = "127.0.0.1"
	n.Protocol.WS.ListenAddress = "127.0.0.1"
	return cfg
}

func start(t *testing.T, cfg config.Config) *core.Node {
	t.Helper()
	opts := core.Options{}
	if os.Getenv("NODE_LOG") != "" {
		opts.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("node", cfg.ProgramName)
	}
	n, err := core.Start(t.Context(), cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	if err := n.Attach(); err != nil {
		t.Fatal(err)
	}
	return n
}

// record waits for the bootstrap record of a node.
func record(t *testing.T, n *core.Node) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := n.WaitAttachment(ctx, func(s core.AttachmentStatus) bool { return s.Stage != "" && s.Stage != "NetworkNotStarted" && n.Started() }); err != nil {
		t.Fatal(err)
	}
	text, err := n.Debug(ctx, "txtrecord")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Three nodes on one machine are a network, without namespaces and without
// privileges.
func TestPrivateNetworkOfThree(t *testing.T) {
	a := start(t, local(t, "a"))
	seed := record(t, a)
	b := start(t, local(t, "b", seed))
	c := start(t, local(t, "c", seed))
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, n := range []*core.Node{a, b, c} {
		if err := n.WaitReady(ctx); err != nil {
			text, _ := n.Debug(t.Context(), "nodeinfo")
			entries, _ := n.Debug(t.Context(), "entries dead")
			t.Fatalf("not ready: %v\n%s%s", err, text, entries)
		}
	}
	t.Logf("ready after %v", time.Since(began))

	updates := b.Subscribe(0)
	defer updates.Close()
	go func() {
		for {
			u, err := updates.Next(ctx)
			if err != nil {
				return
			}
			if call, ok := u.(core.AppCall); ok {
				b.Reply(ctx, call.CallID, fmt.Appendf(nil, "%d bytes", len(call.Message)))
			}
		}
	}()
	route, err := b.NewPrivateRoute(ctx)
	if err != nil {
		t.Fatal(err)
	}
	to, err := c.ImportPrivateRoute(route.Blob)
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := c.Call(ctx, to, make([]byte, core.MaxMessage)); err != nil || string(answer) != "32768 bytes" {
		t.Errorf("answer %q, error %v", answer, err)
	}
}
