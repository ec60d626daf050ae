package core

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/voile-net/voile/core/attach"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/wire"
)

// startAlone starts a node that is attached to nothing.
func startAlone(t *testing.T, change func(*config.Config)) *Node {
	t.Helper()
	cfg := config.Default()
	cfg.ProgramName = "changeconfig"
	cfg.Network.UPnP = false
	if change != nil {
		change(&cfg)
	}
	n, err := Start(t.Context(), cfg, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

func TestChangeConfig(t *testing.T) {
	password := func(s config.Secret) *config.Secret { return &s }
	for _, tt := range []struct {
		name   string
		change func(*config.Config)
		kind   ErrorKind // "": it succeeds
		key    string    // of InvalidArgument
	}{
		{"nothing", func(*config.Config) {}, "", ""},
		{"max_connections", func(c *config.Config) { c.Network.MaxConnections = 300 }, "", ""},
		{"too many connections", func(c *config.Config) { c.Network.MaxConnections = 513 }, Generic, ""},
		{"hop count", func(c *config.Config) { c.Network.RPC.DefaultRouteHopCount = 3 }, "", ""},
		{"no hops", func(c *config.Config) { c.Network.RPC.DefaultRouteHopCount = 0 }, Generic, ""},
		{"capabilities", func(c *config.Config) { c.Capabilities.Disable = []string{"DHTV"} }, "", ""},
		{"without secrets", func(c *config.Config) {
			c.Network.RoutingTable.SecretKeys = nil
			c.Network.NetworkKeyPassword, c.ProtectedStore.NewDeviceEncryptionKeyPassword = password(""), nil
		}, "", ""},
		{"internal null", func(c *config.Config) { c.Internal = []byte(" null ") }, "", ""},
		{"internal", func(c *config.Config) { c.Internal = []byte(`{"network":{}}`) }, InvalidArgument, "internal"},
		{"program_name", func(c *config.Config) { c.ProgramName = "other" }, InvalidArgument, "program_name"},
		{"no program_name", func(c *config.Config) { c.ProgramName = "" }, Generic, ""},
		{"namespace", func(c *config.Config) { c.Namespace = "n" }, InvalidArgument, "namespace"},
		{"table_store", func(c *config.Config) { c.TableStore.Delete = true }, InvalidArgument, "table_store"},
		{"protected_store", func(c *config.Config) { c.ProtectedStore.DeviceEncryptionKeyPassword = "x" }, InvalidArgument, "protected_store"},
		{"block_store", func(c *config.Config) { c.BlockStore.Directory = "/x" }, InvalidArgument, "block_store"},
		{"network key", func(c *config.Config) { c.Network.NetworkKeyPassword = password("x") }, InvalidArgument, "network.network_key_password"},
		{"public keys", func(c *config.Config) { c.Network.RoutingTable.PublicKeys = nil }, InvalidArgument, "network.routing_table.public_keys"},
		{"dht", func(c *config.Config) { c.Network.DHT.RemoteMaxRecords++ }, InvalidArgument, "network.dht"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := startAlone(t, nil)
			sub := n.Subscribe(0)
			before := n.Config()
			want := n.Config()
			tt.change(&want)
			err := n.ChangeConfig(want)
			var e *Error
			switch {
			case tt.kind == "" && err != nil, tt.kind != "" && (!errors.As(err, &e) || e.Kind != tt.kind || e.Argument != tt.key):
				t.Fatalf("error %v, want %s %s", err, tt.kind, tt.key)
			}
			got := n.Config()
			if tt.kind != "" {
				if got.Network.MaxConnections != before.Network.MaxConnections || got.ProgramName != before.ProgramName {
					t.Error("a refused change was made")
				}
				return
			}
			if hops := n.routes.Config().DefaultHopCount; hops != int(want.Network.RPC.DefaultRouteHopCount) {
				t.Errorf("the node's own routes have %d hops", hops)
			}
			if got.Network.MaxConnections != want.Network.MaxConnections || n.Context().Safety().HopCount != int(want.Network.RPC.DefaultRouteHopCount) {
				t.Error("the change was not made")
			}
			if !slices.Equal(got.Network.RoutingTable.SecretKeys, before.Network.RoutingTable.SecretKeys) {
				t.Error("the secret keys were not kept")
			}
			u, err := sub.Next(t.Context())
			if c, ok := u.(ConfigUpdate); !ok || err != nil || c.Config.Network.MaxConnections != want.Network.MaxConnections {
				t.Errorf("update %T, %v", u, err)
			}
		})
	}
}

// What is announced follows the configuration, also relaying of a node that was
// started without.
func TestChangeCapabilities(t *testing.T) {
	announced := func(n *Node) []wire.Capability {
		return n.table.Own(wire.PublicInternet).Current(n.start).Info.Capabilities
	}
	n := startAlone(t, nil)
	cfg := n.Config()
	cfg.Capabilities.Disable = []string{"RLAY", "DHTV"}
	if err := n.ChangeConfig(cfg); err != nil {
		t.Fatal(err)
	}
	if got := announced(n); slices.Contains(got, wire.CapRLAY) || slices.Contains(got, wire.CapDHTV) || !slices.Contains(got, wire.CapROUT) {
		t.Errorf("announced: %v", got)
	}
	cfg.Capabilities.Disable = nil
	if err := n.ChangeConfig(cfg); err != nil || !slices.Contains(announced(n), wire.CapRLAY) {
		t.Errorf("back again: %v, announced %v", err, announced(n))
	}

	n = startAlone(t, func(c *config.Config) { c.Capabilities.Disable = []string{"RLAY"} })
	cfg = n.Config()
	cfg.Capabilities.Disable = nil
	if err := n.ChangeConfig(cfg); err != nil || !slices.Contains(announced(n), wire.CapRLAY) {
		t.Errorf("relaying begun: %v, announced %v", err, announced(n))
	}
}

func TestChangeConfigNeedsDetached(t *testing.T) {
	n := startAlone(t, nil)
	if err := n.Attach(); err != nil {
		t.Fatal(err)
	}
	var e *Error
	if err := n.ChangeConfig(n.Config()); !errors.As(err, &e) || e.Kind != Generic {
		t.Errorf("while attaching: %v", err)
	}
	n.Close()
	if err := n.ChangeConfig(n.Config()); !errors.As(err, &e) || e.Kind != NotInitialized {
		t.Errorf("after Close: %v", err)
	}
}

// A subscriber without room misses lines and keeps everything else.
func TestPublishLog(t *testing.T) {
	n := startAlone(t, nil)
	narrow, wide := n.Subscribe(2), n.Subscribe(0)
	n.updates.publish(RouteChange{})
	if missed := n.PublishLog(LogUpdate{Message: "a"}); missed != 0 {
		t.Errorf("%d missed", missed)
	}
	if missed := n.PublishLog(LogUpdate{Message: "b"}); missed != 1 || narrow.Dropped() != 1 || wide.Dropped() != 0 {
		t.Errorf("%d missed, %d and %d dropped", missed, narrow.Dropped(), wide.Dropped())
	}
	u, err := narrow.Next(context.Background())
	if _, ok := u.(RouteChange); !ok || err != nil {
		t.Errorf("first %T, %v", u, err)
	}
}

// A node that is detached before its network was started gets detached.
func TestDetachAtOnce(t *testing.T) {
	n := startAlone(t, nil)
	for range 10 {
		if err := n.Attach(); err != nil {
			t.Fatal(err)
		}
		if err := n.Detach(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := n.WaitAttachment(ctx, func(s AttachmentStatus) bool { return s.State == attach.Detached }); err != nil {
			t.Fatal("still detaching")
		}
	}
}
