package core_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/crypto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// local is the configuration of a node of a private network on this machine.
func local(t testing.TB, name string, records ...string) config.Config {
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

func start(t testing.TB, cfg config.Config) *core.Node {
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
func record(t testing.TB, n *core.Node) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := n.WaitAttachment(ctx, func(s core.AttachmentStatus) bool {
		return s.Stage != "" && s.Stage != "NetworkNotStarted" && n.Started()
	}); err != nil {
		t.Fatal(err)
	}
	text, err := n.Debug(ctx, "txtrecord")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "0|") {
			return strings.TrimSpace(line)
		}
	}
	t.Fatalf("no record in %q", text)
	return ""
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
	for n, kinds := range map[*core.Node][]string{b: {"AppCallQ", "StatusQ", "Route"}, c: {"AppCallA", "FindNodeA"}} {
		text, err := n.Debug(ctx, "nodeinfo")
		if err != nil {
			t.Fatal(err)
		}
		for _, what := range append(kinds, "RPC Worker Process Latency", "Self Latency Stats") {
			m := regexp.MustCompile(what + `:\s+([0-9.]+)ms slow \| ([0-9.]+)ms avg \| ([0-9.]+)ms fast`).FindStringSubmatch(text)
			if m == nil {
				t.Errorf("no %s in\n%s", what, text)
				continue
			}
			var ms [3]float64
			for i := range ms {
				if ms[i], err = strconv.ParseFloat(m[i+1], 64); err != nil {
					t.Error(err)
				}
			}
			if slow, avg, fast := ms[0], ms[1], ms[2]; slow <= 0 || slow < avg || avg < fast || slow > 20_000 {
				t.Errorf("%s: %v", what, m[0])
			}
		}
	}
}

// What a node is, and whom it knows, survives a restart.
func TestRestartKeepsIdentityAndPeers(t *testing.T) {
	a := start(t, local(t, "a"))
	seed := record(t, a)
	cfg := local(t, "b", seed)
	cfg.ProtectedStore.Directory, cfg.TableStore.Directory = t.TempDir(), t.TempDir()
	cfg.ProtectedStore.AlwaysUseInsecureStorage = true
	b := start(t, cfg)
	c := start(t, local(t, "c", seed))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, n := range []*core.Node{a, b, c} {
		if err := n.WaitReady(ctx); err != nil {
			t.Fatal(err)
		}
	}
	id := b.ID()

	// While it runs nobody else can have its files.
	if _, err := core.Start(ctx, cfg, core.Options{}); core.KindOf(err) != core.AlreadyInitialized {
		t.Errorf("second start on the same directory: %v, want AlreadyInitialized", err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	cfg.Network.RoutingTable.BootstrapRecords = []string{seed}
	b = start(t, cfg)
	if b.ID() != id {
		t.Errorf("id %v after the restart, want %v", b.ID(), id)
	}
	if text, err := b.Debug(ctx, "entries dead"); err != nil || !strings.Contains(text, a.ID().String()) {
		t.Errorf("after the restart node a is not known: %v\n%s", err, text)
	}
	if err := b.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}

	b.Close()
	other := config.Secret("another network")
	cfg.Network.NetworkKeyPassword = &other
	b, err := core.Start(ctx, cfg, core.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if text, err := b.Debug(ctx, "entries dead"); err != nil || strings.Contains(text, a.ID().String()) {
		t.Errorf("a node of another network knows peers of the old one: %v\n%s", err, text)
	}
}

func TestCallsAfterCloseFail(t *testing.T) {
	n, err := core.Start(t.Context(), local(t, "a"), core.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := n.Subscribe(0)
	if err := n.Detach(); core.KindOf(err) != core.Generic {
		t.Errorf("Detach of a detached node: %v, want Generic", err)
	}
	for range 2 {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
	if u, err := s.Next(t.Context()); err != nil || u != (core.ShutdownUpdate{}) {
		t.Errorf("last update %v, %v, want ShutdownUpdate", u, err)
	}
	if _, err := s.Next(t.Context()); core.KindOf(err) != core.Shutdown {
		t.Errorf("Next after the last update: %v, want Shutdown", err)
	}
	_, err = n.State()
	for what, err := range map[string]error{
		"State":  err,
		"Attach": n.Attach(),
		"Reply":  n.Reply(t.Context(), 1, nil),
	} {
		if core.KindOf(err) != core.NotInitialized {
			t.Errorf("%s after Close: %v, want NotInitialized", what, err)
		}
	}
}

func TestErrorsNameTheThing(t *testing.T) {
	n, err := core.Start(t.Context(), local(t, "a"), core.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	route := func(blob []byte) error { _, err := n.ImportPrivateRoute(blob); return err }
	_, tooLong := n.Context().Call(t.Context(), crypto.RouteID{Kind: crypto.KindVLD0}, make([]byte, core.MaxMessage+1))
	_, unknown := n.Call(t.Context(), crypto.RouteID{Kind: crypto.KindVLD0}, nil)
	_, hops := n.Context().WithSafety(core.Safety{HopCount: 5})
	_, notReady := n.NewPrivateRoute(t.Context())
	bad := local(t, "a")
	bad.Network.MaxConnections = 1
	_, config := core.Start(t.Context(), bad, core.Options{})
	for _, tt := range []struct {
		what string
		err  error
		kind core.ErrorKind
		text string
	}{
		{"empty blob", route(nil), core.InvalidArgument, "blob"},
		{"blob of too many kinds", route([]byte{9}), core.InvalidArgument, "blob[0]"},
		{"blob of no kind", route([]byte{0}), core.Internal, "no compatible crypto kinds"},
		{"blob cut off", route([]byte{1, 0x10}), core.ParseError, "private route"},
		{"message too long", tooLong, core.Internal, "too long"},
		{"unknown route", unknown, core.NoConnection, "private route"},
		{"too many hops", hops, core.Generic, "hop count"},
		{"not attached", notReady, core.TryAgain, "until we have a valid PublicInternet network class"},
		{"release of an unknown route", n.ReleasePrivateRoute(crypto.RouteID{Kind: crypto.KindVLD0}), core.InvalidArgument, "release_private_route"},
		{"reply to an unknown call", n.Reply(t.Context(), 7, nil), core.Generic, "Unmatched operation id: 7"},
		{"bad configuration", config, core.Generic, "network.max_connections"},
	} {
		if core.KindOf(tt.err) != tt.kind || tt.err == nil || !strings.Contains(tt.err.Error(), tt.text) {
			t.Errorf("%s: %v, want kind %s and text %q", tt.what, tt.err, tt.kind, tt.text)
		}
	}
}

// A port that is taken is tried again, and the node says what is wrong meanwhile.
func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := local(t, "a")
	cfg.Network.Protocol.TCP.ListenAddress = l.Addr().String()
	cfg.Network.BindRetryMS = 100
	n := start(t, cfg)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	s, err := n.WaitAttachment(ctx, func(s core.AttachmentStatus) bool { return s.StartError != "" })
	if err != nil || !strings.Contains(s.StartError, "in use") {
		t.Fatalf("start error %q, %v, want one that says in use", s.StartError, err)
	}
	l.Close()
	if _, err := n.WaitAttachment(ctx, func(s core.AttachmentStatus) bool { return s.StartError == "" && n.Started() }); err != nil {
		t.Error("not started after the port was free:", err)
	}
}
