package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

func realDefault(t testing.TB) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/default-config.json")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The default configuration that a real 0.5.8 node prints differs from ours in
// the two cache sizes that it takes from the machine's memory.
func TestDefaultEqualsTheOriginals(t *testing.T) {
	c, unknown, err := Parse(realDefault(t))
	if err != nil || len(unknown) != 0 {
		t.Fatalf("Parse: unknown keys %v, error %v", unknown, err)
	}
	c.Network.DHT.LocalMaxSubkeyCacheMemoryMB = defaultCacheMB
	c.Network.DHT.RemoteMaxSubkeyCacheMemoryMB = defaultCacheMB
	got, _ := json.MarshalIndent(c, "", " ")
	want, _ := json.MarshalIndent(Default(), "", " ")
	if string(got) != string(want) {
		t.Errorf("the original's default reads as\n%s\nwant\n%s", got, want)
	}
	var theirs, ours map[string]any
	if err := json.Unmarshal(realDefault(t), &theirs); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(want, &ours); err != nil {
		t.Fatal(err)
	}
	if a, b := keys("", theirs), keys("", ours); a != b {
		t.Errorf("keys of the original\n%s\nand ours\n%s", a, b)
	}
}

func keys(path string, m map[string]any) string {
	var all []string
	for k, v := range m {
		if sub, ok := v.(map[string]any); ok {
			all = append(all, keys(path+k+".", sub))
		}
		all = append(all, path+k)
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

func TestParseNamesTheBadKey(t *testing.T) {
	whole := string(realDefault(t))
	for _, tt := range []struct{ name, from, to, path string }{
		{"missing", `"upnp": true,`, ``, "network.upnp"},
		{"null", `"upnp": true`, `"upnp": null`, "network.upnp"},
		{"type", `"max_connections": 32`, `"max_connections": "32"`, "network.max_connections"},
		{"range", `"default_route_hop_count": 1`, `"default_route_hop_count": 256`, "network.rpc.default_route_hop_count"},
		{"object", `"attachment": {}`, `"attachment": 1`, "attachment"},
		{"text", `"upnp": true`, `"upnp": "true"`, "network.upnp"},
		{"list", `"disable": []`, `"disable": {}`, "capabilities.disable"},
		{"element", `"disable": []`, `"disable": ["ROUT", 1]`, "capabilities.disable[1]"},
		{"null in a list", `"disable": []`, `"disable": [null]`, "capabilities.disable[0]"},
		{"negative", `"bind_retry_ms": 10000`, `"bind_retry_ms": -1`, "network.bind_retry_ms"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(whole, tt.from, tt.to, 1)
			if text == whole {
				t.Fatal("the test changed nothing")
			}
			_, _, err := Parse([]byte(text))
			var ke *KeyError
			if !errors.As(err, &ke) || ke.Path != tt.path {
				t.Errorf("error %v, want one of key %s", err, tt.path)
			}
		})
	}
	for _, text := range []string{"", "[]", "{", whole + "x", "nul", strings.Repeat(" ", MaxSize+1)} {
		var ke *KeyError
		if _, _, err := Parse([]byte(text)); !errors.As(err, &ke) {
			t.Errorf("Parse(%.10q): %v, want a KeyError", text, err)
		}
	}
}

func TestParseOverKeepsTheBase(t *testing.T) {
	base := Default()
	base.ProgramName = "base"
	c, unknown, err := ParseOver([]byte(`{"namespace":"n","network":{"upnp":false,"colour":"red"}}`), base)
	if err != nil {
		t.Fatal(err)
	}
	if c.ProgramName != "base" || c.Namespace != "n" || c.Network.UPnP || c.Network.MaxConnections != 32 {
		t.Errorf("got %+v", c)
	}
	if fmt.Sprint(unknown) != "[network.colour]" {
		t.Errorf("unknown keys %v, want [network.colour]", unknown)
	}
}

// Keys that may be null take away what the base says; lists replace its lists.
func TestParseOverValues(t *testing.T) {
	base := Default()
	password, address := Secret("x"), "1.2.3.4:5"
	base.Network.NetworkKeyPassword, base.Network.Protocol.UDP.PublicAddress = &password, &address
	base.Capabilities.Disable = []string{"ROUT", "DHTV"}
	c, _, err := ParseOver([]byte(`{"internal":{"a": 1},"capabilities":{"disable":["APP\u004d"]},
		"network":{"network_key_password":null,"protocol":{"udp":{"public_address":"h:1"}}}}`), base)
	if err != nil {
		t.Fatal(err)
	}
	if c.Network.NetworkKeyPassword != nil || *c.Network.Protocol.UDP.PublicAddress != "h:1" || !slices.Equal(c.Capabilities.Disable, []string{"APPM"}) || string(c.Internal) != `{"a": 1}` {
		t.Errorf("got %+v", c)
	}
	if address != "1.2.3.4:5" || base.Capabilities.Disable[0] != "ROUT" {
		t.Error("the base was changed")
	}
	if _, unknown, err := ParseOver([]byte(`{"Namespace":"n"}`), base); err != nil || !slices.Equal(unknown, []string{"Namespace"}) {
		t.Errorf("a name in another case: unknown %v, %v", unknown, err)
	}
	var ke *KeyError
	if _, _, err := ParseOver([]byte("{\"namespace\":\"\xff\"}"), base); !errors.As(err, &ke) {
		t.Errorf("text that is not UTF-8: %v", err)
	}
	secret := `{"protected_store":{"device_encryption_key_password":["hush"]}}`
	if _, _, err := ParseOver([]byte(secret), base); !errors.As(err, &ke) || strings.Contains(err.Error(), "hush") {
		t.Errorf("a secret of another type: %v", err)
	}
}

// What is taken, without keys that are not known, is what encoding/json reads.
func FuzzParseOver(f *testing.F) {
	f.Add(realDefault(f))
	f.Add([]byte(`{"network":{"upnp":false,"network_key_password":null,"detect_address_changes":true,"routing_table":{"bootstrap":["a","\u00e9"],"secret_keys":[]}}}`))
	f.Add([]byte(`{"program_name":"a","program_name":"b","internal":[1,2]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		got, unknown, err := ParseOver(text, Default())
		if !bytes.Equal(text, before) {
			t.Fatal("the input was changed")
		}
		if err != nil || len(unknown) > 0 {
			return
		}
		want := Default()
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatalf("%q is taken; encoding/json: %v", text, err)
		}
		a, _ := json.Marshal(got)
		if b, _ := json.Marshal(want); !bytes.Equal(a, b) {
			t.Fatalf("%q reads as\n%s\nwant\n%s", text, a, b)
		}
	})
}

func TestValidateNamesTheBadKey(t *testing.T) {
	text := func(s string) *string { return &s }
	for _, tt := range []struct {
		path   string
		change func(*Config)
	}{
		{"program_name", func(c *Config) { c.ProgramName = "" }},
		{"program_name", func(c *Config) { c.ProgramName = "a/b" }},
		{"program_name", func(c *Config) { c.ProgramName = "nul.txt" }},
		{"program_name", func(c *Config) { c.ProgramName = strings.Repeat("x", 256) }},
		{"namespace", func(c *Config) { c.Namespace = ".." }},
		{"protected_store.backend", func(c *Config) { c.ProtectedStore.Backend = "LocalStorage" }},
		{"network.max_connections", func(c *Config) { c.Network.MaxConnections = 31 }},
		{"network.max_connections", func(c *Config) { c.Network.MaxConnections = 513 }},
		{"network.rpc.default_route_hop_count", func(c *Config) { c.Network.RPC.DefaultRouteHopCount = 0 }},
		{"network.rpc.default_route_hop_count", func(c *Config) { c.Network.RPC.DefaultRouteHopCount = 5 }},
		{"network.address_types[0]", func(c *Config) { c.Network.AddressTypes = []string{"IPX"} }},
		{"capabilities.disable[0]", func(c *Config) { c.Capabilities.Disable = []string{"ROUTE"} }},
		{"network.routing_table.public_keys[0]", func(c *Config) { c.Network.RoutingTable.PublicKeys = []string{"VLD0:x"} }},
		{"network.routing_table.secret_keys[0]", func(c *Config) { c.Network.RoutingTable.SecretKeys = []Secret{"VLD0:AA"} }},
		{"network.routing_table.bootstrap_keys[0]", func(c *Config) { c.Network.RoutingTable.BootstrapKeys = []string{"!"} }},
		{"network.protocol.tcp.listen_address", func(c *Config) { c.Network.Protocol.TCP.ListenAddress = ":99999" }},
		{"network.protocol.udp.public_address", func(c *Config) { c.Network.Protocol.UDP.PublicAddress = text("host") }},
		{"network.protocol.ws.path", func(c *Config) { c.Network.Protocol.WS.Path = "/" }},
		{"network.protocol.ws.url", func(c *Config) { c.Network.Protocol.WS.URL = text("http://x/ws") }},
		{"network.protocol.ws.url", func(c *Config) { c.Network.Protocol.WS.URL = text("ws://x:/ws") }},
		{"network.private_network", func(c *Config) { c.Network.PrivateNetwork = true }},
	} {
		c := Default()
		c.ProgramName = "test"
		if err := c.Validate(); err != nil {
			t.Fatalf("the default does not pass: %v", err)
		}
		tt.change(&c)
		var ke *KeyError
		if err := c.Validate(); !errors.As(err, &ke) || ke.Path != tt.path {
			t.Errorf("Validate: %v, want an error of key %s", err, tt.path)
		}
	}
}

func TestListenAddress(t *testing.T) {
	for text, want := range map[string]ListenAddress{
		"":               {},
		":5150":          {Port: 5150},
		"5150":           {Port: 5150},
		"localhost":      {Host: "localhost"},
		"127.0.0.1":      {Host: "127.0.0.1"},
		"::1":            {Host: "::1"},
		"[::1]:5":        {Host: "::1", Port: 5},
		"127.0.0.1:5151": {Host: "127.0.0.1", Port: 5151},
	} {
		if got, err := ParseListenAddress(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{":x", "a:b:c", "1.2.3.4:65536"} {
		if got, err := ParseListenAddress(text); err == nil {
			t.Errorf("%q: %+v, want an error", text, got)
		}
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	c := Default()
	c.Network.RoutingTable.SecretKeys = []Secret{"hush"}
	c.ProtectedStore.DeviceEncryptionKeyPassword = "hush"
	if text := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(text, "hush") {
		t.Errorf("a secret is in %s", text)
	}
	if text, _ := json.Marshal(c); !strings.Contains(string(text), "hush") {
		t.Error("JSON lost the secret")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(realDefault(f))
	f.Add([]byte(`{"network":{}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, _, err := ParseOver(text, Default())
		if err != nil {
			return
		}
		again, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := Parse(again); err != nil {
			t.Errorf("%s does not parse again: %v", again, err)
		}
	})
}
