package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
		{"nothing", "", func(s settings) bool {
			return s.api.addresses == defaultAPI && s.api.network && s.api.ipc && s.autoAttach
		}, "[]"},
		{"bare JSON", `{"program_name":"x","network":{"max_connections":64}}`, func(s settings) bool {
			return s.core.ProgramName == "x" && s.core.Network.MaxConnections == 64 && s.core.ProtectedStore.AlwaysUseInsecureStorage
		}, "[]"},
		{"bare YAML", "network:\n  rpc: {default_route_hop_count: 2}\n", func(s settings) bool {
			return s.core.Network.RPC.DefaultRouteHopCount == 2 && s.core.Network.Protocol.TCP.ListenAddress == ":5150"
		}, "[]"},
		{"below core", "auto_attach: false\nclient_api:\n  network_enabled: true\n  listen_address: localhost:6000\ncore:\n  network:\n    upnp: true\n", func(s settings) bool {
			return !s.autoAttach && s.api.addresses == "localhost:6000" && s.core.Network.UPnP
		}, "[]"},
		{"server spelling", "core:\n  network:\n    detect_address_changes: 'auto'\n    routing_table:\n      public_keys: null\n      secret_keys: null\n", func(s settings) bool {
			return s.core.Network.DetectAddressChanges == nil && len(s.core.Network.RoutingTable.PublicKeys) == 0
		}, "[]"},
		{"address detection on", "core: {network: {detect_address_changes: 'true'}}", func(s settings) bool {
			return s.core.Network.DetectAddressChanges != nil && *s.core.Network.DetectAddressChanges
		}, "[]"},
		{"api off", "client_api: {network_enabled: false, listen_address: 'localhost:1'}\ncore: {}\n", func(s settings) bool { return !s.api.network && s.api.ipc }, "[]"},
		{"no core", "auto_attach: false\nlogging:\n  file: {enabled: true, path: /l, append: false, level: 'debug,net=trace'}\n  api:\n", func(s settings) bool {
			return !s.autoAttach && s.logging.file.enabled && s.logging.filePath == "/l" && !s.logging.fileAppend && s.logging.file.level == "debug,net=trace" && s.logging.api.enabled
		}, "[]"},
		{"nulls", "daemon: {pid_file: null, user: voile}\ntesting:\n", func(s settings) bool { return s.daemon.pidFile == nil && *s.daemon.user == "voile" }, "[]"},
		{"JSON of a server", `{"testing":{"subnode_index":3},"client_api":{"allowed_hosts":["a","b"]},"core":{}}`, func(s settings) bool {
			return s.testing.subnodeIndex == 3 && slices.Equal(s.api.hosts, []string{"a", "b"})
		}, "[]"},
		{"a level that YAML may read as false", "logging: {terminal: {level: off}, api: {level: Off}}", func(s settings) bool {
			return s.logging.terminal.level == "off"
		}, "[]"},
		{"empty core", "core:\n", func(s settings) bool { return s.core.ProgramName == "voile" }, "[]"},
		{
			"unknown keys", "colour: red\nlogging: {shape: round}\nclient_api: {shape: round}\ncore: {network: {colour: red}}\n",
			func(s settings) bool { return s.logging.terminal.enabled && s.api.ipc }, "[client_api.shape colour logging.shape network.colour]",
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
		"client_api: {listen_address: 5}\ncore: {}":  "client_api.listen_address",
		"client_api: {network_enabled: x}\ncore: {}": "client_api.network_enabled",
		"client_api: 5":                                 "client_api",
		"client_api: {allowed_origins: x}":              "client_api.allowed_origins",
		"client_api: {allowed_hosts: [1]}":              "client_api.allowed_hosts",
		"logging: {file: {level: loud}}":                "logging.file.level",
		"logging: {file: {level: 5}}":                   "logging.file.level",
		"testing: {subnode_index: 65536}":               "testing.subnode_index",
		"testing: {subnode_index: -1}":                  "testing.subnode_index",
		"testing: {subnode_index: x}":                   "testing.subnode_index",
		"daemon: {pid_file: 5}":                         "daemon.pid_file",
		"auto_attach: 1":                                "auto_attach",
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
	if s.api.addresses != "localhost:1" || s.api.ipc || s.autoAttach || !n.PrivateNetwork || n.NetworkKeyPassword != nil ||
		s.core.TableStore.Directory != "/d/table_store" || !slices.Equal(n.RoutingTable.BootstrapRecords, []string{"0|0|VLD0:x|h|T1,U2"}) ||
		len(n.RoutingTable.Bootstrap) > 0 {
		t.Errorf("read as %+v", s)
	}
	again, err := s.dump()
	if err != nil || string(again) != out {
		t.Errorf("dumped again as\n%s\n%v\nwant\n%s", again, err, out)
	}
}

// originalKeys are the keys of the original's settings file (spec 07 §7.1).
const originalKeys = `daemon.enabled daemon.pid_file daemon.chroot daemon.working_directory daemon.user daemon.group
daemon.stdout_file daemon.stderr_file client_api.ipc_enabled client_api.ipc_directory client_api.network_enabled
client_api.listen_address auto_attach logging.system.enabled logging.system.level logging.system.ignore_log_targets
logging.terminal.enabled logging.terminal.level logging.terminal.ignore_log_targets logging.file.enabled
logging.file.path logging.file.append logging.file.level logging.file.ignore_log_targets logging.api.enabled
logging.api.level logging.api.ignore_log_targets logging.otlp.enabled logging.otlp.level logging.otlp.grpc_endpoint
logging.otlp.ignore_log_targets logging.flame.enabled logging.flame.path logging.perfetto.enabled
logging.perfetto.path logging.console.enabled testing.subnode_index testing.subnode_count`

// Every key of the original is read, and one that has no effect says so by name.
func TestOriginalKeys(t *testing.T) {
	s := serverDefaults()
	known := map[string]settingsKey{}
	for _, k := range s.keys() {
		known[k.path] = k
	}
	names := strings.Fields(originalKeys)
	if len(names) != 38 {
		t.Fatalf("%d keys, want the 38 of the specification", len(names))
	}
	for _, path := range names {
		k, ok := known[path]
		if !ok {
			t.Errorf("%s is not known", path)
			continue
		}
		value := map[string]string{"*bool": "true", "*string": "x", "**string": "x", "*uint16": "7", "*[]string": "[x]", "*main.directives": "warn"}[fmt.Sprintf("%T", k.at)]
		if k.at == any(&s.autoAttach) || k.value() == true {
			value = "false"
		}
		changed := serverDefaults()
		if err := changed.set(path + "=" + value); err != nil {
			t.Errorf("%s=%s: %v", path, value, err)
			continue
		}
		told := changed.unsupported()
		if k.instead == "" && len(told) > 0 || k.instead != "" && (len(told) != 1 || !strings.HasPrefix(told[0], path+": ")) {
			t.Errorf("%s=%s: reported as without effect: %q", path, value, told)
		}
		text, err := changed.dump()
		again, unknown, err2 := parseSettings(text)
		if err != nil || err2 != nil || len(unknown) > 0 {
			t.Fatalf("%s: %v, %v, unknown %v", path, err, err2, unknown)
		}
		for _, other := range again.keys() {
			if other.path == path && fmt.Sprint(plain(other.value())) == fmt.Sprint(plain(k.value())) {
				t.Errorf("%s=%s is lost in the dump", path, value)
			}
		}
	}
	if told := s.unsupported(); len(told) > 0 {
		t.Errorf("of the defaults without effect: %q", told)
	}
}

func TestSet(t *testing.T) {
	for _, tt := range []struct {
		set   string
		check func(s settings) bool
	}{
		{"core.network.upnp=true", func(s settings) bool { return s.core.Network.UPnP }},
		{"network.upnp=true", func(s settings) bool { return s.core.Network.UPnP }},
		{"core.network.routing_table.bootstrap=[a, 'b=c']", func(s settings) bool {
			return slices.Equal(s.core.Network.RoutingTable.Bootstrap, []string{"a", "b=c"})
		}},
		{`logging.api.ignore_log_targets=["net"]`, func(s settings) bool { return slices.Equal(s.logging.api.ignore, []string{"net"}) }},
		{"core.network.detect_address_changes=auto", func(s settings) bool { return s.core.Network.DetectAddressChanges == nil }},
		{"core.capabilities={disable: [DHTV]}", func(s settings) bool { return slices.Equal(s.core.Capabilities.Disable, []string{"DHTV"}) }},
		{"client_api.listen_address=localhost:1", func(s settings) bool { return s.api.addresses == "localhost:1" }},
		{"client_api={ipc_enabled: false}", func(s settings) bool { return !s.api.ipc && s.api.network }},
		{"logging.file.path=[x", func(s settings) bool { return s.logging.filePath == "[x" }},
		{"daemon.pid_file=", func(s settings) bool { return s.daemon.pidFile == nil }},
	} {
		s := serverDefaults()
		if err := s.set(tt.set); err != nil || !tt.check(s) {
			t.Errorf("%s: %v", tt.set, err)
		}
	}
	for _, bad := range []string{"", "x", "=5", "core.colour=red", "client_api.colour=red", "colour=red", "core.network.upnp=maybe", "auto_attach=[1]", "client_api=5"} {
		s := serverDefaults()
		if err := s.set(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// Flags of the original do what they did, or say what to do instead.
func TestOriginalFlags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c")
	if err := os.WriteFile(file, []byte("auto_attach: true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		args  []string
		check func(s settings) bool
	}{
		{"config", []string{"--config-file", file, "--no-attach"}, func(s settings) bool { return !s.autoAttach }},
		{"set", []string{"-s", "auto_attach=false", "--set-config", "core.network.upnp=true"}, func(s settings) bool { return !s.autoAttach && s.core.Network.UPnP }},
		{"port", []string{"--port", "5"}, func(s settings) bool { return s.core.Network.Protocol.WS.ListenAddress == ":5" }},
		{"subnode", []string{"-n", "2", "--subnode-count", "1"}, func(s settings) bool {
			return s.core.Namespace == "subnode2" && s.api.addresses == "localhost:5961" && s.core.Network.Protocol.UDP.ListenAddress == ":5152"
		}},
		{"levels", []string{"--trace", "--ignore-log-targets", "net,rpc"}, func(s settings) bool {
			return s.logging.terminal.level == "trace" && s.logging.api.level == "info" && slices.Equal(s.logging.api.ignore, []string{"net", "rpc"})
		}},
		{"stores", []string{"--delete-protected-store", "--delete-table-store", "--delete-block-store"}, func(s settings) bool {
			return s.core.ProtectedStore.Delete && s.core.TableStore.Delete && s.core.BlockStore.Delete
		}},
		{"what is off", []string{"--daemon=false"}, func(s settings) bool { return s.autoAttach }},
	} {
		code, out, errs := call(t, append([]string{"serve", "--dump-config", "--data", "/d"}, tt.args...)...)
		if code != exitOK {
			t.Errorf("%s: exit code %d: %s", tt.name, code, errs)
			continue
		}
		if s, _, err := parseSettings([]byte(out)); err != nil || !tt.check(s) {
			t.Errorf("%s: %v\n%s", tt.name, err, out)
		}
	}
	for flag, instead := range instead() {
		value := "=x"
		if flag == "daemon" {
			value = ""
		}
		code, _, errs := call(t, "serve", "--"+flag+value)
		if code != exitMisuse || !strings.Contains(errs, instead) {
			t.Errorf("--%s: exit code %d: %s", flag, code, errs)
		}
	}
	if code, _, errs := call(t, "serve", "-n", "60000"); code != exitMisuse || !strings.Contains(errs, "cannot be moved") {
		t.Errorf("an index beyond all ports: exit code %d: %s", code, errs)
	}
	if code, _, errs := call(t, "serve", "--debug", "--trace"); code != exitMisuse || !strings.Contains(errs, "exclude") {
		t.Errorf("--debug and --trace: exit code %d: %s", code, errs)
	}
}

func TestGenerateKeyPairs(t *testing.T) {
	for _, args := range [][]string{{"--generate-key-pairs"}, {"--generate-key-pairs=VLD0"}} {
		code, out, errs := call(t, append([]string{"serve"}, args...)...)
		if _, err := parseKeyPair([]byte(out)); code != exitOK || err != nil {
			t.Errorf("%v: exit code %d, %v: %s%s", args, code, err, out, errs)
		}
	}
	if code, _, errs := call(t, "serve", "--generate-key-pairs=VLD9"); code != exitMisuse || !strings.Contains(errs, "VLD9") {
		t.Errorf("unknown kind: exit code %d: %s", code, errs)
	}
}

func TestEmitSchema(t *testing.T) {
	for _, name := range []string{"Request", "RecvMessage"} {
		code, out, errs := call(t, "serve", "--emit-schema", name)
		var v map[string]any
		if err := json.Unmarshal([]byte(out), &v); code != exitOK || err != nil || v["title"] != name {
			t.Errorf("%s: exit code %d, %v: %s", name, code, err, errs)
		}
	}
	if code, _, errs := call(t, "serve", "--emit-schema", "X"); code != exitMisuse || !strings.Contains(errs, "RecvMessage") {
		t.Errorf("unknown schema: exit code %d: %s", code, errs)
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
