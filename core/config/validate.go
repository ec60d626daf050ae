package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// Limits of the configuration (spec 07 §6.3).
const (
	maxNameLength = 255
)

// Validate reports the first key whose value cannot be used, as a *[KeyError]
// (spec 07 §6.3). A configuration that passes starts a node unless the machine
// refuses (a port in use, a directory that cannot be written).
func (c *Config) Validate() error {
	for _, check := range []func(*Config) error{
		validateNames, validateStores, validateIdentity, validateNetwork, validateProtocols, validatePrivate,
	} {
		if err := check(c); err != nil {
			return err
		}
	}
	return nil
}

func validateNames(c *Config) error {
	if c.ProgramName == "" {
		return &KeyError{"program_name", "must not be empty"}
	}
	if msg := badFileName(c.ProgramName); msg != "" {
		return &KeyError{"program_name", msg}
	}
	if c.Namespace != "" {
		if msg := badFileName(c.Namespace); msg != "" {
			return &KeyError{"namespace", msg}
		}
	}
	return nil
}

// badFileName says why a text is no file name on some platform, or "".
func badFileName(s string) string {
	switch {
	case len(s) > maxNameLength:
		return fmt.Sprintf("longer than %d bytes", maxNameLength)
	case strings.ContainsAny(s, `/?<>\:*|"`):
		return `must not contain any of / ? < > \ : * | "`
	case strings.IndexFunc(s, func(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }) >= 0:
		return "must not contain control characters"
	case strings.Trim(s, ".") == "":
		return "must not consist of dots"
	case strings.HasSuffix(s, ".") || strings.HasSuffix(s, " "):
		return "must not end in a dot or a space"
	}
	base, _, _ := strings.Cut(strings.ToUpper(s), ".")
	switch base {
	case "CON", "PRN", "AUX", "NUL":
		return "is a device name"
	}
	if len(base) == 4 && (strings.HasPrefix(base, "COM") || strings.HasPrefix(base, "LPT")) && base[3] >= '0' && base[3] <= '9' {
		return "is a device name"
	}
	return ""
}

func validateStores(c *Config) error {
	switch b := c.ProtectedStore.Backend; b {
	case "", "PlatformDefault":
		return nil
	case "LocalStorage", "IndexedDb", "ExtensionStorage":
		if b == ownBackend {
			return nil
		}
		return &KeyError{"protected_store.backend", c.ProtectedStore.Backend + " does not exist here"}
	}
	return &KeyError{"protected_store.backend", fmt.Sprintf("%q is none of PlatformDefault, LocalStorage, IndexedDb, ExtensionStorage", c.ProtectedStore.Backend)}
}

func validateIdentity(c *Config) error {
	r := c.Network.RoutingTable
	if _, err := keyPairs(r); err != nil {
		return err
	}
	for i, k := range r.BootstrapKeys {
		var pk crypto.PublicKey
		if err := pk.UnmarshalText([]byte(k)); err != nil {
			return &KeyError{fmt.Sprintf("network.routing_table.bootstrap_keys[%d]", i), err.Error()}
		}
	}
	return nil
}

// keyPairs matches the configured public and secret keys by kind.
func keyPairs(r RoutingTable) ([]crypto.KeyPair, error) {
	publics := map[crypto.Kind]crypto.PublicKey{}
	for i, text := range r.PublicKeys {
		var pk crypto.PublicKey
		if err := pk.UnmarshalText([]byte(text)); err != nil {
			return nil, &KeyError{fmt.Sprintf("network.routing_table.public_keys[%d]", i), err.Error()}
		}
		publics[pk.Kind] = pk
	}
	var pairs []crypto.KeyPair
	for i, text := range r.SecretKeys {
		var sk crypto.SecretKey
		if err := sk.UnmarshalText([]byte(text)); err != nil {
			return nil, &KeyError{fmt.Sprintf("network.routing_table.secret_keys[%d]", i), err.Error()}
		}
		if pk, ok := publics[sk.Kind]; ok {
			pairs = append(pairs, crypto.KeyPair{Public: pk, Secret: sk})
		}
	}
	return pairs, nil
}

func validateNetwork(c *Config) error {
	n := &c.Network
	if n.MaxConnections < minConnections || n.MaxConnections > maxConnections {
		return &KeyError{"network.max_connections", fmt.Sprintf("%d is outside %d..%d", n.MaxConnections, minConnections, maxConnections)}
	}
	if hops := int(n.RPC.DefaultRouteHopCount); hops < 1 || hops > StockTuning().MaxRouteHopCount {
		return &KeyError{"network.rpc.default_route_hop_count", fmt.Sprintf("%d is outside 1..%d", hops, StockTuning().MaxRouteHopCount)}
	}
	for i, a := range n.AddressTypes {
		if a != "IPV4" && a != "IPV6" {
			return &KeyError{fmt.Sprintf("network.address_types[%d]", i), fmt.Sprintf("%q is neither IPV4 nor IPV6", a)}
		}
	}
	for i, name := range c.Capabilities.Disable {
		if len(name) != 4 {
			return &KeyError{fmt.Sprintf("capabilities.disable[%d]", i), fmt.Sprintf("%q is not four characters", name)}
		}
	}
	return nil
}

func validateProtocols(c *Config) error {
	p := &c.Network.Protocol
	for _, l := range []struct{ path, addr string }{
		{"network.protocol.udp.listen_address", p.UDP.ListenAddress},
		{"network.protocol.tcp.listen_address", p.TCP.ListenAddress},
		{"network.protocol.ws.listen_address", p.WS.ListenAddress},
	} {
		if _, err := ParseListenAddress(l.addr); err != nil {
			return &KeyError{l.path, err.Error()}
		}
	}
	for _, a := range []struct {
		path string
		addr *string
	}{
		{"network.protocol.udp.public_address", p.UDP.PublicAddress},
		{"network.protocol.tcp.public_address", p.TCP.PublicAddress},
	} {
		if a.addr == nil {
			continue
		}
		if _, port, err := net.SplitHostPort(*a.addr); err != nil {
			return &KeyError{a.path, fmt.Sprintf("%q is not host:port", *a.addr)}
		} else if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return &KeyError{a.path, fmt.Sprintf("%q has no port 1..65535", *a.addr)}
		}
	}
	if p.WS.Listen && strings.Trim(p.WS.Path, "/") == "" {
		return &KeyError{"network.protocol.ws.path", "must not be empty"}
	}
	if p.WS.URL != nil {
		if u, err := wire.ParseURL(*p.WS.URL); err != nil || u.Protocol != wire.WS {
			return &KeyError{"network.protocol.ws.url", fmt.Sprintf("%q is not ws://host[:port]/path", *p.WS.URL)}
		}
	}
	return nil
}

func validatePrivate(c *Config) error {
	if c.Network.PrivateNetwork && (c.Network.NetworkKeyPassword == nil || *c.Network.NetworkKeyPassword == "") {
		return &KeyError{"network.private_network", "needs network.network_key_password, so that the network never mixes with another"}
	}
	return nil
}

// ListenAddress is where a transport listens (spec 02 §5.3).
type ListenAddress struct {
	Host string // "": every address of both families; otherwise a name or an IP
	Port uint16 // 0: the first free port from 5150 upward
}

// ParseListenAddress reads "", ":port", "port", "host" or "host:port".
func ParseListenAddress(s string) (ListenAddress, error) {
	if s == "" {
		return ListenAddress{}, nil
	}
	if n, err := strconv.ParseUint(s, 10, 16); err == nil {
		return ListenAddress{Port: uint16(n)}, nil
	}
	if ip, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return ListenAddress{Host: ip.String()}, nil
	}
	if !strings.Contains(s, ":") {
		return ListenAddress{Host: s}, nil
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return ListenAddress{}, fmt.Errorf("%q is none of :port, host, host:port", s)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return ListenAddress{}, fmt.Errorf("%q: the port is not a number 0..65535", s)
	}
	return ListenAddress{Host: host, Port: uint16(n)}, nil
}
