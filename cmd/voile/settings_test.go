package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/voile-net/voile/core/config"
)

func TestParseSettings(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		check      func(s settings) bool
		unknown    string
	}{
		{"nothing", "", func(s settings) bool { return s.api == defaultAPI && s.autoAttach }, "[]"},
		{"bare JSON", `{"program_name":"x","network":{"max_connections":64}}`, func(s settings) bool {
			return s.core.ProgramName == "x" && s.core.Network.MaxConnections == 64 && s.core.ProtectedStore.AlwaysUseInsecureStorage
		}, "[]"},
		{"bare YAML", "network:\n  rpc: {default_route_hop_count: 2}\n", func(s settings) bool {
			return s.core.Network.RPC.DefaultRouteHopCount == 2 && s.core.Network.Protocol.TCP.ListenAddress == ":5150"
		}, "[]"},
		{"below core", "auto_attach: false\nclient_api:\n  network_enabled: true\n  listen_address: localhost:6000\ncore:\n  network:\n    upnp: true\n", func(s settings) bool {
			return !s.autoAttach && s.api == "localhost:6000" && s.core.Network.UPnP
		}, "[]"},
		{"server spelling", "core:\n  network:\n    detect_address_changes: 'auto'\n    routing_table:\n      public_keys: null\n      secret_keys: null\n", func(s settings) bool {
			return s.core.Network.DetectAddressChanges == nil && len(s.core.Network.RoutingTable.PublicKeys) == 0
		}, "[]"},
		{"address detection on", "core: {network: {detect_address_changes: 'true'}}", func(s settings) bool {
			return s.core.Network.DetectAddressChanges != nil && *s.core.Network.DetectAddressChanges
		}, "[]"},
		{"api off", "client_api: {network_enabled: false, listen_address: 'localhost:1'}\ncore: {}\n", func(s settings) bool { return s.api == "" }, "[]"},
		{"empty core", "core:\n", func(s settings) bool { return s.core.ProgramName == "voile" }, "[]"},
		{
			"unknown keys", "colour: red\nlogging: {terminal: {enabled: true}}\nclient_api: {ipc_enabled: true}\ncore: {network: {colour: red}}\n",
			func(settings) bool { return true }, "[client_api.ipc_enabled colour logging network.colour]",
		},
	} {
		s, unknown, err := parseSettings([]byte(tt.text))
		if err != nil || !tt.check(s) {
			t.Errorf("%s: %+v, %v", tt.name, s, err)
		}
		if slices.Sort(unknown); fmt.Sprint(unknown) != tt.unknown {
			t.Errorf("%s: unknown keys %v, want %v", tt.name, unknown, tt.unknown)
		}
	}
}

func TestParseSettingsNamesTheBadKey(t *testing.T) {
	for text, path := range map[string]string{
		`{"network":{"upnp":1}}`: "network.upnp",
		"core: 5":                "core",
		"client_api: {listen_address: 5}\ncore: {}":     "client_api.listen_address",
		"client_api: {network_enabled: x}\ncore: {}":    "client_api.network_enabled",
		"core: {network: {address_types: 5}}":           "network.address_types",
		"core: {protected_store: {directory: [1]}}":     "protected_store.directory",
		"core: {network: {routing_table: {bootstrap}}}": "",
	} {
		_, _, err := parseSettings([]byte(text))
		var key *config.KeyError
		if err == nil || path != "" && (!errors.As(err, &key) || key.Path != path) {
			t.Errorf("%s: %v, want one of %s", text, err, path)
		}
	}
	for _, text := range []string{"{", "[1]", "a: b: c", "\tx", "1: {2: 3}\n? [x]\n: y"} {
		if _, _, err := parseSettings([]byte(text)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// What --dump-config prints reads as the same settings, but for the secrets.
func TestDumpConfigReadsAgain(t *testing.T) {
	code, out, errs := call(t, "serve", "--dump-config", "--private", "--network-key", "hush", "--data", "/d",
		"--bootstrap-record", "0|0|VLD0:x|h|T1,U2", "--api", "localhost:1", "--detached")
	if code != 0 {
		t.Fatal(errs)
	}
	if strings.Contains(out, "hush") {
		t.Errorf("a secret is in\n%s", out)
	}
	s, unknown, err := parseSettings([]byte(out))
	if err != nil || len(unknown) > 0 {
		t.Fatalf("%v, unknown %v\n%s", err, unknown, out)
	}
	n := s.core.Network
	if s.api != "localhost:1" || s.autoAttach || !n.PrivateNetwork || n.NetworkKeyPassword != nil ||
		s.core.TableStore.Directory != "/d/table_store" || !slices.Equal(n.RoutingTable.BootstrapRecords, []string{"0|0|VLD0:x|h|T1,U2"}) ||
		len(n.RoutingTable.Bootstrap) > 0 {
		t.Errorf("read as %+v", s)
	}
	again, err := s.dump()
	if err != nil || string(again) != out {
		t.Errorf("dumped again as\n%s\n%v\nwant\n%s", again, err, out)
	}
}

func FuzzParseSettings(f *testing.F) {
	f.Add([]byte("core: {network: {upnp: true}}"))
	f.Add([]byte(`{"network":{"routing_table":{"public_keys":null}}}`))
	f.Add([]byte("? [x]\n: y"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, _, err := parseSettings(text)
		if err == nil && s.core.Network.MaxConnections == 0 && !strings.Contains(string(text), "max_connections") {
			t.Errorf("%q lost the defaults", text)
		}
	})
}
