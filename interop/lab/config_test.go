package lab

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// at reads a value by its path; ok is false if there is none.
func at(tree map[string]any, path string) (value any, ok bool) {
	value = tree
	for key := range strings.SplitSeq(path, ".") {
		node, isNode := value.(map[string]any)
		if !isNode {
			return nil, false
		}
		if value, ok = node[key]; !ok {
			return nil, false
		}
	}
	return value, true
}

func base(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/default-config-" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestConfig(t *testing.T) {
	id := NewIdentity("x")
	full := Settings{
		BootstrapRecords: []string{"0|..."}, Bootstrap: []string{"tcp://44.1.0.11:5150"}, BootstrapKeys: []string{"VLD0:k"},
		ServeBootstrap: true, Transports: UDP | WS, AddressTypes: []string{"IPV4"}, Disable: []string{"ROUT"}, DetectAddress: true, RouteHops: 2,
	}
	const absent = "\x00absent"
	for _, c := range []struct {
		name     string
		base     []byte
		settings Settings
		want     map[string]any
	}{
		{"nothing", base(t, "0.5.8"), Settings{}, map[string]any{
			"network.routing_table.bootstrap":             []any{},
			"network.routing_table.bootstrap_keys":        []any{},
			"network.routing_table.bootstrap_records":     []any{},
			"network.routing_table.public_keys":           []any{id.Public()},
			"network.routing_table.secret_keys":           []any{id.Secret()},
			"network.upnp":                                false,
			"network.detect_address_changes":              false,
			"network.protocol.udp.enabled":                true,
			"network.protocol.tcp.listen":                 true,
			"network.protocol.ws.connect":                 true,
			"network.protocol.ws.listen_address":          ":5150",
			"network.rpc.default_route_hop_count":         1.0,
			"capabilities.disable":                        []any{},
			"table_store.directory":                       "/d/tables",
			"protected_store.always_use_insecure_storage": true,
		}},
		{"everything", base(t, "0.5.8"), full, map[string]any{
			"network.routing_table.bootstrap":              []any{"tcp://44.1.0.11:5150"},
			"network.routing_table.bootstrap_keys":         []any{"VLD0:k"},
			"network.routing_table.bootstrap_records":      []any{"0|..."},
			"network.routing_table.serve_direct_bootstrap": true,
			"network.detect_address_changes":               true,
			"network.address_types":                        []any{"IPV4"},
			"network.protocol.udp.enabled":                 true,
			"network.protocol.tcp.listen":                  false,
			"network.protocol.tcp.connect":                 false,
			"network.protocol.ws.listen":                   true,
			"network.rpc.default_route_hop_count":          2.0,
			"capabilities.disable":                         []any{"ROUT"},
		}},
		{"0.5.2 has no records", base(t, "0.5.2"), full, map[string]any{
			"network.routing_table.bootstrap":              []any{"tcp://44.1.0.11:5150"},
			"network.routing_table.bootstrap_records":      absent,
			"network.routing_table.serve_direct_bootstrap": absent,
			"network.max_connections":                      absent,
			"network.rpc.default_route_hop_count":          2.0,
		}},
		{"ours", defaults, Settings{}, map[string]any{"network.max_connections": 256.0, "internal": nil}},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, err := c.settings.config(c.base, id, "/d")
			if err != nil {
				t.Fatal(err)
			}
			var tree map[string]any
			if err := json.Unmarshal(text, &tree); err != nil {
				t.Fatal(err)
			}
			for path, want := range c.want {
				got, ok := at(tree, path)
				if want == absent {
					if ok {
						t.Errorf("%s = %v, want it absent", path, got)
					}
					continue
				}
				g, _ := json.Marshal(got)
				w, _ := json.Marshal(want)
				if !ok || string(g) != string(w) {
					t.Errorf("%s = %s (there: %t), want %s", path, g, ok, w)
				}
			}
		})
	}
}

func TestConfigNeedsAWholeBase(t *testing.T) {
	for _, c := range []struct{ name, base, want string }{
		{"no JSON", "x", "base configuration"},
		{"no tree", `{"program_name":""}`, "protected_store"},
		{"no leaf", `{"program_name":"","protected_store":{}}`, "allow_insecure_fallback"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := (Settings{}).config([]byte(c.base), NewIdentity("x"), "/d"); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one that names %s", err, c.want)
			}
		})
	}
}

// Voile is configured from our own copy of the defaults, which has the keys of
// the real ones, less `attachment`, which a default build leaves empty.
func TestDefaultsHaveTheKeysOf058(t *testing.T) {
	got, want := keys(t, defaults), keys(t, base(t, "0.5.8"))
	delete(want, "attachment")
	for path := range want {
		if !got[path] {
			t.Errorf("%s is missing", path)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(got)) {
		if !want[path] {
			t.Errorf("%s is none of 0.5.8", path)
		}
	}
}

func keys(t *testing.T, text []byte) map[string]bool {
	t.Helper()
	var tree map[string]any
	if err := json.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	var walk func(prefix string, node map[string]any)
	walk = func(prefix string, node map[string]any) {
		for key, value := range node {
			found[prefix+key] = true
			if inner, ok := value.(map[string]any); ok {
				walk(prefix+key+".", inner)
			}
		}
	}
	walk("", tree)
	return found
}

func TestTransportsString(t *testing.T) {
	for want, set := range map[string]Transports{"": 0, "UDP": UDP, "TCP": TCP, "WS": WS, "UDP+WS": UDP | WS, "UDP+TCP+WS": AllTransports} {
		if got := set.String(); got != want {
			t.Errorf("%d is %q, want %q", set, got, want)
		}
	}
}
