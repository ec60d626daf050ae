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

	"github.com/voile-net/voile/core/config"
	"gopkg.in/yaml.v3"
)

// settings are everything that "voile serve" goes by: a configuration file over
// the defaults of a server, and flags over that.
type settings struct {
	core       config.Config
	api        string // where the API listens; "": nowhere
	autoAttach bool
	logLevel   string // "": info
}

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
	return settings{core: c, api: defaultAPI, autoAttach: true}
}

// readSettings reads a configuration file over the defaults. Unknown keys are
// returned by their paths; a key with a wrong value is a *config.KeyError.
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
	core := tree
	if inner, whole := tree["core"]; whole {
		if unknown, err = s.server(tree); err != nil {
			return s, nil, err
		}
		switch inner := inner.(type) {
		case nil:
			core = nil
		case map[string]any:
			core = inner
		default:
			return s, nil, &config.KeyError{Path: "core", Msg: "must be an object"}
		}
		serverSpelling(core)
	}
	again, err := json.Marshal(core)
	if err != nil { // YAML has keys that are no texts
		return s, nil, misused("config: %w", err)
	}
	if core == nil {
		again = []byte("{}")
	}
	c, strange, err := config.ParseOver(again, s.core)
	if err != nil {
		return s, nil, err
	}
	s.core = c
	return s, append(unknown, strange...), nil
}

// server takes the settings beside "core" that have a meaning here.
func (s *settings) server(tree map[string]any) (unknown []string, err error) {
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		switch value := tree[key].(type) {
		case bool:
			if key != "auto_attach" {
				unknown = append(unknown, key)
				continue
			}
			s.autoAttach = value
		case map[string]any:
			switch key {
			case "core":
			case "client_api":
				strange, err := s.clientAPI(value)
				if err != nil {
					return nil, err
				}
				unknown = append(unknown, strange...)
			default:
				unknown = append(unknown, key)
			}
		default:
			if key != "core" {
				unknown = append(unknown, key)
			}
		}
	}
	return unknown, nil
}

func (s *settings) clientAPI(tree map[string]any) (unknown []string, err error) {
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		path := "client_api." + key
		switch key {
		case "network_enabled":
			on, ok := tree[key].(bool)
			if !ok {
				return nil, &config.KeyError{Path: path, Msg: "must be true or false"}
			}
			if !on {
				s.api = ""
			}
		case "listen_address":
			address, ok := tree[key].(string)
			if !ok {
				return nil, &config.KeyError{Path: path, Msg: "must be a text"}
			}
			if on, given := tree["network_enabled"].(bool); !given || on {
				s.api = address
			}
		default:
			unknown = append(unknown, path)
		}
	}
	return unknown, nil
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

// useDirectory puts the stores that have no place yet below dir; "": below the
// user's directory for data.
func (s *settings) useDirectory(dir string) error {
	for _, d := range []struct {
		at   *string
		name string
	}{
		{&s.core.ProtectedStore.Directory, "protected_store"},
		{&s.core.TableStore.Directory, "table_store"},
		{&s.core.BlockStore.Directory, "block_store"},
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

// dump writes the settings as a file that can be read again, without secrets.
func (s *settings) dump() ([]byte, error) {
	core, err := json.Marshal(withoutSecrets(s.core))
	if err != nil {
		return nil, err
	}
	var document yaml.Node // keeps the order of the keys
	if err := yaml.Unmarshal(core, &document); err != nil {
		return nil, err
	}
	tree := document.Content[0]
	blockStyle(tree)
	return yaml.Marshal(map[string]any{
		"auto_attach": s.autoAttach,
		"client_api":  map[string]any{"network_enabled": s.api != "", "listen_address": s.api},
		"core":        tree,
	})
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
