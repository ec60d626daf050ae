package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/voile-net/voile/core/config"
	"gopkg.in/yaml.v3"
)

// settings are everything that "voile serve" goes by: a settings file over the
// defaults of a server, and flags over that. They have the shape of the original's
// settings file (spec 07 §7.1), with some keys more.
type settings struct {
	daemon     daemonSettings
	api        apiSettings
	autoAttach bool
	logging    loggingSettings
	metrics    string // address of health and metrics; "": none
	testing    testingSettings
	core       config.Config
}

type daemonSettings struct {
	enabled                             bool
	pidFile, chroot, workingDirectory   *string
	user, group, stdoutFile, stderrFile *string
}

// apiSettings say where clients can connect and what they must show.
type apiSettings struct {
	ipc          bool
	ipcDirectory string // "": below the directory for data
	ipcPath      string // "": in ipcDirectory, named by the index of the subnode
	ipcMode      string // of the socket, octal
	network      bool
	addresses    string // host:port, with commas between

	tokenFile, certificate, key string // for addresses that others can reach
	insecure                    bool
	webSocket                   bool
	origins, hosts              []string
}

// directives are log levels (spec 07 §7.4).
type directives string

type layerSettings struct {
	enabled bool
	level   directives
	ignore  []string
}

type loggingSettings struct {
	json                                  bool
	system, terminal, file, api, otlp     layerSettings
	filePath                              string
	fileAppend                            bool
	otlpEndpoint, flamePath, perfettoPath string
	flame, perfetto, console              bool
}

type testingSettings struct{ subnodeIndex, subnodeCount uint16 }

// defaultAPI is where the API listens.
const defaultAPI = "localhost:5959"

// serverDefaults are the defaults of a program that runs alone on a machine
// (spec 07 §6.1, column "server").
func serverDefaults() settings {
	c := config.Default()
	c.ProgramName = "voile"
	c.ProtectedStore.AllowInsecureFallback = true
	c.ProtectedStore.AlwaysUseInsecureStorage = true
	c.Network.DHT.LocalSubkeyCacheSize = 128
	c.Network.DHT.RemoteSubkeyCacheSize = 1024
	c.Network.DHT.RemoteMaxRecords = 65536
	c.Network.UPnP = false
	c.Network.DetectAddressChanges = nil
	c.Network.Protocol.UDP.ListenAddress = ":5150"
	c.Network.Protocol.TCP.ListenAddress = ":5150"
	c.Network.Protocol.WS.ListenAddress = ":5150"
	s := settings{core: c, autoAttach: true}
	s.api = apiSettings{ipc: true, ipcMode: "0600", network: true, addresses: defaultAPI, origins: []string{}, hosts: []string{}}
	layer := func(enabled bool, level directives) layerSettings { return layerSettings{enabled, level, []string{}} }
	s.logging = loggingSettings{
		system: layer(false, "info"), terminal: layer(true, "info"), file: layer(false, "info"),
		api: layer(true, "info"), otlp: layer(false, "trace"),
		fileAppend: true, otlpEndpoint: "localhost:4317",
	}
	s.testing = testingSettings{subnodeCount: 1}
	return s
}

// readSettings reads a settings file over the defaults. Unknown keys are returned
// by their paths; a key with a wrong value is a *config.KeyError.
func readSettings(path string) (s settings, unknown []string, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return settings{}, nil, misused("config: there is no file %s; \"voile serve --dump-config\" prints one to start from", path)
	}
	if err != nil {
		return settings{}, nil, fmt.Errorf("config: %w", err)
	}
	if len(text) > config.MaxSize {
		return settings{}, nil, misused("config: %s has %d bytes, at most %d are read", path, len(text), config.MaxSize)
	}
	return parseSettings(text)
}

// parseSettings reads JSON or YAML, in one of two forms: a VeilidConfig as it
// is, or the settings of a server, with the same below "core" (spec 07 §7.1).
func parseSettings(text []byte) (s settings, unknown []string, err error) {
	s = serverDefaults()
	tree := map[string]any{}
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		err = d.Decode(&tree)
	} else {
		err = yaml.Unmarshal(text, &tree)
	}
	if err != nil {
		return s, nil, misused("config: neither JSON nor YAML: %w", err)
	}
	if !s.isServerTree(tree) {
		tree = map[string]any{"core": tree}
	}
	unknown, err = s.take(tree)
	return s, unknown, err
}

// isServerTree reports whether a file has the form of a server's: one key that
// only such a file has is enough.
func (s *settings) isServerTree(tree map[string]any) bool {
	for key := range tree {
		if s.isServerKey(key) {
			return true
		}
	}
	return false
}

func (s *settings) isServerKey(first string) bool {
	return first == "core" || slices.ContainsFunc(s.keys(), func(k settingsKey) bool {
		name, _, _ := strings.Cut(k.path, ".")
		return name == first
	})
}

// take puts the values of a tree over the settings. unknown has the paths of what
// is not known; those below "core" are without it, as all messages about them.
func (s *settings) take(tree map[string]any) (unknown []string, err error) {
	known := map[string]settingsKey{}
	for _, k := range s.keys() {
		known[k.path] = k
	}
	var walk func(prefix string, tree map[string]any) error
	walk = func(prefix string, tree map[string]any) error {
		for _, name := range slices.Sorted(maps.Keys(tree)) {
			path := prefix + name
			value := tree[name]
			if path == "core" {
				continue
			}
			if k, ok := known[path]; ok {
				if err := k.set(value); err != nil {
					return err
				}
				continue
			}
			inner, isTree := value.(map[string]any)
			group := slices.ContainsFunc(s.keys(), func(k settingsKey) bool { return strings.HasPrefix(k.path, path+".") })
			switch {
			case group && isTree:
				if err := walk(path+".", inner); err != nil {
					return err
				}
			case group && value == nil: // a heading with nothing below
			case group:
				return &config.KeyError{Path: path, Msg: "must be an object"}
			default:
				unknown = append(unknown, path)
			}
		}
		return nil
	}
	if err := walk("", tree); err != nil {
		return nil, err
	}
	strange, err := s.takeCore(tree["core"])
	return append(unknown, strange...), err
}

func (s *settings) takeCore(value any) (unknown []string, err error) {
	var core map[string]any
	switch value := value.(type) {
	case nil:
		return nil, nil
	case map[string]any:
		core = value
	default:
		return nil, &config.KeyError{Path: "core", Msg: "must be an object"}
	}
	serverSpelling(core)
	again, err := json.Marshal(core)
	if err != nil { // YAML has keys that are no texts
		return nil, misused("config: %w", err)
	}
	c, unknown, err := config.ParseOver(again, s.core)
	if err != nil {
		return nil, err
	}
	s.core = c
	return unknown, nil
}

// set applies "key=value": a dotted path of the settings, or of the core's, and a
// value in YAML (of which JSON is a part).
func (s *settings) set(assignment string) error {
	path, text, ok := strings.Cut(assignment, "=")
	if !ok || path == "" {
		return misused("--set %s: want KEY=VALUE", assignment)
	}
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		value = text // as the original: what cannot be read is a text
	}
	names := strings.Split(path, ".")
	if !s.isServerKey(names[0]) {
		names = append([]string{"core"}, names...)
	}
	for _, name := range slices.Backward(names) {
		value = map[string]any{name: value}
	}
	unknown, err := s.take(value.(map[string]any))
	if err == nil && len(unknown) > 0 {
		return misused("--set %s: there is no such key; --dump-config prints all of them", path)
	}
	return err
}

// serverSpelling changes what the settings file of a server spells in another
// way than a VeilidConfig (spec 07 §6.1): no identity is null, and address
// detection is a word.
func serverSpelling(core map[string]any) {
	network, _ := core["network"].(map[string]any)
	if detect, ok := network["detect_address_changes"].(string); ok {
		switch detect {
		case "auto":
			network["detect_address_changes"] = nil
		case "true", "false":
			network["detect_address_changes"] = detect == "true"
		}
	}
	table, _ := network["routing_table"].(map[string]any)
	for _, key := range []string{"public_keys", "secret_keys"} {
		if value, there := table[key]; there && value == nil {
			delete(table, key)
		}
	}
}

// useDirectory puts what has no place yet below dir; "": below the user's
// directory for data.
func (s *settings) useDirectory(dir string) error {
	for _, d := range []struct {
		at   *string
		name string
	}{
		{&s.core.ProtectedStore.Directory, "protected_store"},
		{&s.core.TableStore.Directory, "table_store"},
		{&s.core.BlockStore.Directory, "block_store"},
		{&s.api.ipcDirectory, "ipc"},
	} {
		if *d.at != "" {
			continue
		}
		if dir == "" {
			var err error
			if dir, err = dataDir(); err != nil {
				return err
			}
		}
		*d.at = filepath.Join(dir, d.name)
	}
	return nil
}

// dataDir is where a user's programs keep what they have to keep.
func dataDir() (string, error) {
	switch runtime.GOOS {
	case "windows":
		if dir := os.Getenv("LocalAppData"); dir != "" {
			return filepath.Join(dir, "voile"), nil
		}
	case "darwin":
	default:
		if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
			return filepath.Join(dir, "voile"), nil
		}
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, ".local", "share", "voile"), nil
		}
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", misused("no place for data: %w; name one with --data", err)
	}
	return filepath.Join(dir, "voile"), nil
}
