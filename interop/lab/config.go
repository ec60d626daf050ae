package lab

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
)

// defaults are the library defaults of 0.5.8 with what every node of the
// laboratory has: no key ring, no gateway search, no address detection.
//
//go:embed defaults.json
var defaults []byte

// Transports is a set of protocols.
type Transports uint8

// The protocols. All of them is what a full node has.
const (
	UDP Transports = 1 << iota
	TCP
	WS
	AllTransports = UDP | TCP | WS
)

// String names the protocols, such as "UDP+WS".
func (t Transports) String() string {
	var names []string
	for i, name := range []string{"UDP", "TCP", "WS"} {
		if t&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, "+")
}

// Settings is what differs between the nodes of a laboratory. The zero value is
// a full node that knows nobody.
type Settings struct {
	BootstrapRecords []string // records used as they are; 0.5.2 has none
	Bootstrap        []string // direct addresses and TXT names
	BootstrapKeys    []string // signers of records; empty: unsigned ones are taken
	ServeBootstrap   bool     // answer direct bootstrap requests

	Transports    Transports // 0: all
	AddressTypes  []string   // "IPV4", "IPV6"; empty: both
	Disable       []string   // capabilities, such as "ROUT"
	DetectAddress bool       // find out the own address and kind of NAT
	RouteHops     int        // default hop count of routes; 0: the library's, 1
	Verbose       bool       // log how peers are contacted
}

// config makes the configuration text of a node. base is a whole VeilidConfig;
// keys that base lacks, because its version knows none such, are left out.
func (s Settings) config(base []byte, id Identity, dir string) ([]byte, error) {
	var tree map[string]any
	if err := json.Unmarshal(base, &tree); err != nil {
		return nil, fmt.Errorf("base configuration: %w", err)
	}
	transports := s.Transports
	if transports == 0 {
		transports = AllTransports
	}
	hops := max(s.RouteHops, 1)
	listen := fmt.Sprintf(":%d", nodePort)
	for _, set := range []struct {
		path     string
		value    any
		optional bool // not in every version
	}{
		{path: "program_name", value: "voile-lab"},
		{path: "protected_store.allow_insecure_fallback", value: true},
		{path: "protected_store.always_use_insecure_storage", value: true},
		{path: "protected_store.directory", value: filepath.Join(dir, "protected")},
		{path: "table_store.directory", value: filepath.Join(dir, "tables")},
		{path: "block_store.directory", value: filepath.Join(dir, "blocks")},
		{path: "capabilities.disable", value: list(s.Disable)},
		{path: "network.max_connections", value: 256, optional: true},
		{path: "network.address_types", value: list(s.AddressTypes), optional: true},
		{path: "network.upnp", value: false},
		{path: "network.detect_address_changes", value: s.DetectAddress},
		{path: "network.rpc.default_route_hop_count", value: hops},
		{path: "network.routing_table.public_keys", value: []string{id.Public()}},
		{path: "network.routing_table.secret_keys", value: []string{id.Secret()}},
		{path: "network.routing_table.bootstrap", value: list(s.Bootstrap)},
		{path: "network.routing_table.bootstrap_keys", value: list(s.BootstrapKeys)},
		{path: "network.routing_table.bootstrap_records", value: list(s.BootstrapRecords), optional: true},
		{path: "network.routing_table.serve_direct_bootstrap", value: s.ServeBootstrap, optional: true},
		{path: "network.protocol.udp.enabled", value: transports&UDP != 0},
		{path: "network.protocol.udp.listen_address", value: listen},
		{path: "network.protocol.tcp.connect", value: transports&TCP != 0},
		{path: "network.protocol.tcp.listen", value: transports&TCP != 0},
		{path: "network.protocol.tcp.listen_address", value: listen},
		{path: "network.protocol.ws.connect", value: transports&WS != 0},
		{path: "network.protocol.ws.listen", value: transports&WS != 0},
		{path: "network.protocol.ws.listen_address", value: listen},
		{path: "network.protocol.ws.path", value: "ws"},
	} {
		if err := put(tree, set.path, set.value, set.optional); err != nil {
			return nil, err
		}
	}
	return json.MarshalIndent(tree, "", " ")
}

// list makes an empty list of a nil one: the configuration knows no null there.
func list(texts []string) []string {
	if texts == nil {
		return []string{}
	}
	return texts
}

// put replaces a value that is there. A path that is not there is a mistake of
// ours, unless it is optional.
func put(tree map[string]any, path string, value any, optional bool) error {
	at := tree
	keys := strings.Split(path, ".")
	for _, key := range keys[:len(keys)-1] {
		next, ok := at[key].(map[string]any)
		if !ok {
			return fmt.Errorf("configuration has no %s (of %s)", key, path)
		}
		at = next
	}
	last := keys[len(keys)-1]
	if _, ok := at[last]; !ok {
		if optional {
			return nil
		}
		return fmt.Errorf("configuration has no %s", path)
	}
	at[last] = value
	return nil
}
