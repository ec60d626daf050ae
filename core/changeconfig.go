package core

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"

	"github.com/voile-net/voile/core/attach"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// settings is the configuration in force. It is not changed but replaced, by
// [Node.ChangeConfig]; what needs a restart is the same in n.cfg.
func (n *Node) settings() *config.Config { return n.live.Load() }

// ChangeConfig replaces the configuration of a detached node; the next attachment
// goes by it, and a ConfigUpdate follows. Secret keys and passwords that are empty
// stay as they are (spec 07 §2.1). The configuration is copied.
//
// Errors: Generic while the node is not detached and for a configuration that does
// not pass [config.Config.Validate]; InvalidArgument naming the key when something
// differs that needs a restart: names, stores, identity, network key and the limits
// of the DHT.
func (n *Node) ChangeConfig(cfg config.Config) error {
	n.changing.Lock()
	defer n.changing.Unlock()
	if err := n.usable(); err != nil {
		return err
	}
	if n.attach.Status().State != attach.Detached {
		return errMustBeDetached()
	}
	if err := cfg.Validate(); err != nil {
		return errorf(Generic, err, "%v", err)
	}
	if err := checkHost(&cfg, n.opts.Host); err != nil {
		return err
	}
	old := n.settings()
	keepSecrets(&cfg, old)
	if key := needsRestart(&cfg, old); key != "" {
		return invalidArgument("change_config", key, "needs a restart to change")
	}
	cfg = copyOf(cfg)
	switch err := n.attach.Reconfigure(&cfg, n.mapperFor(&cfg)); {
	case errors.Is(err, attach.ErrClosed):
		return &Error{Kind: NotInitialized, Err: err}
	case err != nil:
		return errMustBeDetached()
	}
	if err := n.routes.SetDefaultHopCount(int(cfg.Network.RPC.DefaultRouteHopCount)); err != nil {
		return errorf(Generic, err, "%v", err) // more than this node's tuning allows
	}
	n.network.SetRelaying(relays(&cfg))
	n.live.Store(&cfg)
	n.table.SetCapabilities(routing.DefaultCapabilities(transport.OnlyWebSockets(n.opts.Host), disabled(&cfg)))
	n.log.Info("configuration changed")
	n.updates.publish(ConfigUpdate{cfg})
	return nil
}

func errMustBeDetached() error {
	return errorf(Generic, nil, "the node must be detached to change its config")
}

// keepSecrets fills in what a configuration without secrets leaves empty.
func keepSecrets(cfg, old *config.Config) {
	keep := func(s, old **config.Secret) {
		if *s == nil || **s == "" {
			*s = *old
		}
	}
	keep(&cfg.ProtectedStore.NewDeviceEncryptionKeyPassword, &old.ProtectedStore.NewDeviceEncryptionKeyPassword)
	keep(&cfg.Network.NetworkKeyPassword, &old.Network.NetworkKeyPassword)
	if cfg.ProtectedStore.DeviceEncryptionKeyPassword == "" {
		cfg.ProtectedStore.DeviceEncryptionKeyPassword = old.ProtectedStore.DeviceEncryptionKeyPassword
	}
	if len(cfg.Network.RoutingTable.SecretKeys) == 0 {
		cfg.Network.RoutingTable.SecretKeys = old.Network.RoutingTable.SecretKeys
	}
	if cfg.ProtectedStore.Backend == "" {
		cfg.ProtectedStore.Backend = old.ProtectedStore.Backend
	}
}

// needsRestart names the first key that differs and cannot while the node runs.
func needsRestart(cfg, old *config.Config) string {
	a, b := &cfg.Network, &old.Network
	p, q := cfg.ProtectedStore, old.ProtectedStore
	passwords := same(p.NewDeviceEncryptionKeyPassword, q.NewDeviceEncryptionKeyPassword)
	p.NewDeviceEncryptionKeyPassword, q.NewDeviceEncryptionKeyPassword = nil, nil
	for _, key := range []struct {
		name string
		same bool
	}{
		{"program_name", cfg.ProgramName == old.ProgramName},
		{"namespace", cfg.Namespace == old.Namespace},
		{"protected_store", passwords && p == q},
		{"table_store", cfg.TableStore == old.TableStore},
		{"block_store", cfg.BlockStore == old.BlockStore},
		{"network.network_key_password", same(a.NetworkKeyPassword, b.NetworkKeyPassword)},
		{"network.private_network", a.PrivateNetwork == b.PrivateNetwork},
		{"network.routing_table.public_keys", slices.Equal(a.RoutingTable.PublicKeys, b.RoutingTable.PublicKeys)},
		{"network.routing_table.secret_keys", slices.Equal(a.RoutingTable.SecretKeys, b.RoutingTable.SecretKeys)},
		{"network.dht", a.DHT == b.DHT},
		{"internal", compact(cfg.Internal) == compact(old.Internal)},
	} {
		if !key.same {
			return key.name
		}
	}
	return ""
}

// same compares what may be left out.
func same[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

// list is a list of which nil and empty are the same.
func list[T any](values []T) []T { return append([]T{}, values...) }

// compact is JSON without white space; "" for none.
func compact(raw json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil || b.String() == "null" {
		return ""
	}
	return b.String()
}

// copyOf shares no list with the caller's.
func copyOf(c config.Config) config.Config {
	c.Capabilities.Disable = list(c.Capabilities.Disable)
	c.Network.AddressTypes = list(c.Network.AddressTypes)
	t := &c.Network.RoutingTable
	t.PublicKeys, t.SecretKeys = list(t.PublicKeys), list(t.SecretKeys)
	t.Bootstrap, t.BootstrapKeys, t.BootstrapRecords = list(t.Bootstrap), list(t.BootstrapKeys), list(t.BootstrapRecords)
	c.Internal = slices.Clone(c.Internal)
	return c
}

// relays reports whether a node forwards for others.
func relays(c *config.Config) bool { return !slices.Contains(disabled(c), wire.CapRLAY) }

// mapperFor is the port mapper that a configuration asks for; nil: none.
func (n *Node) mapperFor(cfg *config.Config) attach.PortMapper {
	switch {
	case n.opts.PortMapper != n.mapper: // the application's own
		return n.opts.PortMapper
	case !wantsMapper(cfg):
		return nil
	case n.mapper == nil:
		n.mapper = n.openMapper()
		n.opts.PortMapper = n.mapper
	}
	return n.mapper
}

func wantsMapper(cfg *config.Config) bool {
	return cfg.Network.UPnP && !cfg.Network.PrivateNetwork && !cfg.Network.Privacy.RequireInboundRelay
}
