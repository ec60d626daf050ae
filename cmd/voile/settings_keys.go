package main

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/voile-net/voile/cmd/voile/internal/logs"
	"github.com/voile-net/voile/core/config"
	"gopkg.in/yaml.v3"
)

// settingsKey is one key of the settings file beside "core".
type settingsKey struct {
	path string
	// at points to the value: *bool, *string, **string (may be null), *uint16,
	// *[]string or *directives.
	at any
	// instead says what to do when a value differs from the default that this
	// program cannot act on; "": it acts on it.
	instead string
}

// keys are all of them, in the order in which they are printed (spec 07 §7.1).
// The list is the only place that knows their names.
func (s *settings) keys() []settingsKey {
	d, a, l := &s.daemon, &s.api, &s.logging
	const (
		byFeature = "there is no such trace in this program; see the metrics address, and level trace of the layers"
		one       = "run one process for each, with its own --data and --subnode-index"
	)
	keys := []settingsKey{
		{"daemon.enabled", &d.enabled, noDaemon},
		{"daemon.pid_file", &d.pidFile, ""},
		{"daemon.chroot", &d.chroot, noDaemon},
		{"daemon.working_directory", &d.workingDirectory, ""},
		{"daemon.user", &d.user, noDaemon},
		{"daemon.group", &d.group, noDaemon},
		{"daemon.stdout_file", &d.stdoutFile, ""},
		{"daemon.stderr_file", &d.stderrFile, ""},
		{"client_api.ipc_enabled", &a.ipc, ""},
		{"client_api.ipc_directory", &a.ipcDirectory, ""},
		{"client_api.ipc_path", &a.ipcPath, ""},
		{"client_api.ipc_mode", &a.ipcMode, ""},
		{"client_api.network_enabled", &a.network, ""},
		{"client_api.listen_address", &a.addresses, ""},
		{"client_api.token_file", &a.tokenFile, ""},
		{"client_api.tls.certificate_path", &a.certificate, ""},
		{"client_api.tls.private_key_path", &a.key, ""},
		{"client_api.insecure", &a.insecure, ""},
		{"client_api.websocket_enabled", &a.webSocket, ""},
		{"client_api.allowed_origins", &a.origins, ""},
		{"client_api.allowed_hosts", &a.hosts, ""},
		{"auto_attach", &s.autoAttach, ""},
		{"logging.json", &l.json, ""},
	}
	for _, layer := range []struct {
		name    string
		at      *layerSettings
		instead string
	}{{"system", &l.system, ""}, {"terminal", &l.terminal, ""}, {"file", &l.file, ""}, {"api", &l.api, ""}, {"otlp", &l.otlp, byFeature}} {
		name := "logging." + layer.name + "."
		keys = append(keys,
			settingsKey{name + "enabled", &layer.at.enabled, layer.instead},
			settingsKey{name + "level", &layer.at.level, layer.instead},
			settingsKey{name + "ignore_log_targets", &layer.at.ignore, layer.instead})
		switch layer.name {
		case "file":
			keys = append(keys, settingsKey{name + "path", &l.filePath, ""}, settingsKey{name + "append", &l.fileAppend, ""})
		case "otlp":
			keys = append(keys, settingsKey{name + "grpc_endpoint", &l.otlpEndpoint, byFeature})
		}
	}
	return append(keys,
		settingsKey{"logging.flame.enabled", &l.flame, byFeature},
		settingsKey{"logging.flame.path", &l.flamePath, byFeature},
		settingsKey{"logging.perfetto.enabled", &l.perfetto, byFeature},
		settingsKey{"logging.perfetto.path", &l.perfettoPath, byFeature},
		settingsKey{"logging.console.enabled", &l.console, byFeature},
		settingsKey{"metrics.listen_address", &s.metrics, ""},
		settingsKey{"testing.subnode_index", &s.testing.subnodeIndex, ""},
		settingsKey{"testing.subnode_count", &s.testing.subnodeCount, one},
	)
}

// set takes a value as JSON or YAML give it.
func (k settingsKey) set(value any) error {
	bad := func(want string) error { return &config.KeyError{Path: k.path, Msg: "must be " + want} }
	switch at := k.at.(type) {
	case *bool:
		on, ok := value.(bool)
		if !ok {
			return bad("true or false")
		}
		*at = on
	case *string:
		text, ok := value.(string)
		if !ok {
			return bad("a text")
		}
		*at = text
	case **string:
		text, ok := value.(string)
		if !ok && value != nil {
			return bad("a text or null")
		}
		if *at = nil; ok {
			*at = &text
		}
	case *directives:
		text, ok := value.(string)
		if off, isBool := value.(bool); isBool && !off { // YAML reads the word off so
			text, ok = "off", true
		}
		if !ok {
			return bad("off, error, warn, info, debug or trace")
		}
		if err := logs.Check(text); err != nil {
			return &config.KeyError{Path: k.path, Msg: err.Error()}
		}
		*at = directives(text)
	case *uint16:
		n, ok := number(value)
		if !ok || n < 0 || n > math.MaxUint16 {
			return bad("a number 0..65535")
		}
		*at = uint16(n)
	case *[]string:
		list, ok := value.([]any)
		if !ok {
			return bad("a list of texts")
		}
		texts := make([]string, len(list))
		for i := range list {
			if texts[i], ok = list[i].(string); !ok {
				return bad("a list of texts")
			}
		}
		*at = texts
	}
	return nil
}

func number(value any) (int, bool) {
	switch n := value.(type) {
	case int:
		return n, true
	case json.Number:
		i, err := strconv.Atoi(n.String())
		return i, err == nil
	}
	return 0, false
}

// value is what the key has now, as JSON and YAML write it.
func (k settingsKey) value() any {
	switch at := k.at.(type) {
	case *bool:
		return *at
	case *string:
		return *at
	case **string:
		return *at
	case *directives:
		return string(*at)
	case *uint16:
		return *at
	case *[]string:
		return *at
	}
	return nil
}

// unsupported names the keys that were changed and have no effect, with what to do
// instead.
func (s *settings) unsupported() (list []string) {
	defaults := serverDefaults()
	usual := defaults.keys()
	for i, k := range s.keys() {
		if k.instead != "" && fmt.Sprint(plain(k.value())) != fmt.Sprint(plain(usual[i].value())) {
			list = append(list, k.path+": "+k.instead)
		}
	}
	return list
}

func plain(v any) any {
	if p, ok := v.(*string); ok && p != nil {
		return *p
	}
	return v
}

// check finds what fits its key and cannot be meant.
func (s *settings) check() error {
	bad := func(path, format string, args ...any) error {
		return &config.KeyError{Path: path, Msg: fmt.Sprintf(format, args...)}
	}
	if mode, err := strconv.ParseUint(s.api.ipcMode, 8, 32); err != nil || mode > 0o777 {
		return bad("client_api.ipc_mode", "must be octal, such as 0600 or 0660")
	}
	if s.logging.file.enabled && s.logging.filePath == "" {
		return bad("logging.file.path", "must be set when logging.file.enabled is")
	}
	if (s.api.certificate == "") != (s.api.key == "") {
		return bad("client_api.tls", "certificate and private key go together")
	}
	for _, origin := range s.api.origins {
		if scheme, host, ok := strings.Cut(origin, "://"); !ok || scheme == "" || host == "" || strings.ContainsAny(host, "/*") {
			return bad("client_api.allowed_origins", "%q is no origin such as https://example.org", origin)
		}
	}
	if s.testing.subnodeCount == 0 {
		return bad("testing.subnode_count", "must be at least 1")
	}
	return s.core.Validate()
}

// tree is the settings in the shape of the file, without secrets.
func (s *settings) tree() (*yaml.Node, error) {
	core, err := json.Marshal(withoutSecrets(s.core))
	if err != nil {
		return nil, err
	}
	var document yaml.Node // keeps the order of the keys
	if err := yaml.Unmarshal(core, &document); err != nil {
		return nil, err
	}
	blockStyle(document.Content[0])
	root := &yaml.Node{Kind: yaml.MappingNode}
	for _, k := range s.keys() {
		at := root
		names := strings.Split(k.path, ".")
		for _, name := range names[:len(names)-1] {
			at = child(at, name)
		}
		value := &yaml.Node{}
		if err := value.Encode(k.value()); err != nil {
			return nil, err
		}
		at.Content = append(at.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: names[len(names)-1]}, value)
	}
	root.Content = append(root.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "core"}, document.Content[0])
	return root, nil
}

func child(parent *yaml.Node, name string) *yaml.Node {
	for i := 0; i < len(parent.Content); i += 2 {
		if parent.Content[i].Value == name {
			return parent.Content[i+1]
		}
	}
	c := &yaml.Node{Kind: yaml.MappingNode}
	parent.Content = append(parent.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name}, c)
	return c
}

// dump writes the settings as a file that can be read again, without secrets.
func (s *settings) dump() ([]byte, error) {
	tree, err := s.tree()
	if err != nil {
		return nil, err
	}
	return yaml.Marshal(tree)
}

// json is dump as JSON.
func (s *settings) json() ([]byte, error) {
	tree, err := s.tree()
	if err != nil {
		return nil, err
	}
	var value map[string]any
	if err := tree.Decode(&value); err != nil {
		return nil, err
	}
	return json.Marshal(value)
}

// blockStyle makes YAML of what was read as JSON.
func blockStyle(n *yaml.Node) {
	n.Style = 0
	for _, c := range n.Content {
		blockStyle(c)
	}
}

// withoutSecrets is a configuration that may be shown.
func withoutSecrets(c config.Config) config.Config {
	c.Network.RoutingTable.SecretKeys = []config.Secret{}
	c.Network.NetworkKeyPassword = nil
	c.ProtectedStore.DeviceEncryptionKeyPassword = ""
	c.ProtectedStore.NewDeviceEncryptionKeyPassword = nil
	return c
}

// noDaemon: what a service manager does better.
const noDaemon = "let systemd do it, see packaging/voile.service"
