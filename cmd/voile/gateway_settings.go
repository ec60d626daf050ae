package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"github.com/voile-net/voile/cmd/voile/internal/logs"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/wasm/edge/policy"
	"gopkg.in/yaml.v3"
)

// gatewaySettings are what "voile gateway" goes by.
type gatewaySettings struct {
	listen           []string
	certificate, key string
	plain            bool
	prefix           string
	trusted          []string // proxies, as networks
	metrics          string
	logLevel         string
	logJSON          bool
	logFile          string
	policy           policy.Settings
}

func gatewayDefaults() gatewaySettings {
	return gatewaySettings{listen: []string{":443"}, logLevel: "info", trusted: []string{}, policy: policy.Default()}
}

// entries are all settings: those of the server, and behind them those of the policy.
// The flag of a key has dashes for underscores, and no s at the end of a list.
func (s *gatewaySettings) entries() []policy.Entry {
	return append([]policy.Entry{
		{Key: "listen", At: &s.listen, Text: "where pages connect, `host:port`; may be repeated"},
		{Key: "tls_cert", At: &s.certificate, Text: "certificate `file`, PEM, with its chain"},
		{Key: "tls_key", At: &s.key, Text: "private key `file` of the certificate"},
		{Key: "plain", At: &s.plain, Text: "without TLS: for use behind a proxy that does it"},
		{Key: "prefix", At: &s.prefix, Text: "what the `path` of all URLs begins with, such as /voile"},
		{Key: "trusted_proxies", At: &s.trusted, Text: "a `network` of proxies whose X-Forwarded-For says who the client is; may be repeated"},
		{Key: "metrics", At: &s.metrics, Text: "`address` of health and Prometheus metrics, such as localhost:9150"},
		{Key: "log_level", At: &s.logLevel, Text: "`level`: off, error, warn, info, debug or trace"},
		{Key: "log_json", At: &s.logJSON, Text: "log in JSON"},
		{Key: "log_file", At: &s.logFile, Text: "log into a `file` as well; opened anew on SIGHUP"},
	}, s.policy.Entries()...)
}

func gatewayFlagName(key string) string {
	switch key {
	case "origins", "nodes":
		key = strings.TrimSuffix(key, "s")
	case "trusted_proxies":
		key = "trusted_proxy"
	}
	return strings.ReplaceAll(key, "_", "-")
}

// gatewayFlags are the flags: one for each setting, and some more.
type gatewayFlags struct {
	values     gatewaySettings // of the flags that are given
	config     string
	set        []string
	dumpConfig bool
}

func newGatewayFlags() *gatewayFlags { return &gatewayFlags{values: gatewayDefaults()} }

func (f *gatewayFlags) define(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.StringVarP(&f.config, "config", "c", "", "settings `file`, YAML or JSON")
	flags.StringArrayVarP(&f.set, "set", "s", nil, "one setting, as `key=value` in YAML; may be repeated")
	for _, e := range f.values.entries() {
		name := gatewayFlagName(e.Key)
		switch at := e.At.(type) {
		case *string:
			flags.StringVar(at, name, *at, e.Text)
		case *bool:
			flags.BoolVar(at, name, *at, e.Text)
		case *int:
			flags.IntVar(at, name, *at, e.Text)
		case *time.Duration:
			flags.DurationVar(at, name, *at, e.Text)
		case *[]string:
			flags.StringArrayVar(at, name, *at, e.Text)
		}
	}
	flags.BoolVar(&f.dumpConfig, "dump-config", false, "print the settings in force as YAML, and end")
}

// settings joins file, --set and flags.
func (f *gatewayFlags) settings(changed func(flag string) bool) (gatewaySettings, error) {
	s := gatewayDefaults()
	if f.config != "" {
		text, err := os.ReadFile(f.config)
		if errors.Is(err, fs.ErrNotExist) {
			return s, misused("config: there is no file %s; \"voile gateway --dump-config\" prints one to start from", f.config)
		}
		if err != nil {
			return s, fmt.Errorf("config: %w", err)
		}
		if len(text) > config.MaxSize {
			return s, misused("config: %s has %d bytes, at most %d are read", f.config, len(text), config.MaxSize)
		}
		if err := s.take(text); err != nil {
			return s, err
		}
	}
	for _, assignment := range f.set {
		key, value, ok := strings.Cut(assignment, "=")
		if !ok {
			return s, misused("--set %s: want KEY=VALUE", assignment)
		}
		if err := s.take([]byte(key + ": " + value)); err != nil {
			return s, err
		}
	}
	given := f.values.entries()
	for i, e := range s.entries() {
		if !changed(gatewayFlagName(e.Key)) {
			continue
		}
		switch at := e.At.(type) {
		case *string:
			*at = *given[i].At.(*string)
		case *bool:
			*at = *given[i].At.(*bool)
		case *int:
			*at = *given[i].At.(*int)
		case *time.Duration:
			*at = *given[i].At.(*time.Duration)
		case *[]string:
			*at = *given[i].At.(*[]string)
		}
	}
	err := s.checkValues() // which tidies up too
	return s, err
}

// take puts a text in YAML or JSON over the settings.
func (s *gatewaySettings) take(text []byte) error {
	tree := map[string]any{}
	if err := yaml.Unmarshal(text, &tree); err != nil { // JSON is YAML
		return misused("config: neither YAML nor JSON: %w", err)
	}
	own := len(s.entries()) - len(s.policy.Entries())
	for _, e := range s.entries()[:own] {
		value, given := tree[e.Key]
		delete(tree, e.Key)
		if !given {
			continue
		}
		if off, isBool := value.(bool); isBool && !off && e.Key == "log_level" { // YAML reads the word off so
			value = "off"
		}
		again, err := json.Marshal(value)
		if err == nil {
			err = json.Unmarshal(again, e.At)
		}
		if err != nil || value == nil {
			return misused("config: %s: %v is not of the right kind", e.Key, value)
		}
	}
	again, err := json.Marshal(tree)
	if err != nil { // YAML has keys that are no texts
		return misused("config: %w", err)
	}
	p, err := policy.ParseOver(again, s.policy)
	if err != nil {
		return misused("config: %w", err)
	}
	s.policy = p
	return nil
}

// checkValues looks at each setting for itself.
func (s *gatewaySettings) checkValues() error {
	if err := s.policy.Check(); err != nil {
		return misused("%w", err)
	}
	for _, address := range s.listen {
		if _, _, err := net.SplitHostPort(address); err != nil {
			return misused("listen: %s: want host:port", address)
		}
	}
	if s.metrics != "" {
		if _, _, err := net.SplitHostPort(s.metrics); err != nil {
			return misused("metrics: %s: want host:port", s.metrics)
		}
	}
	if s.prefix == "/" {
		s.prefix = ""
	}
	if s.prefix != "" && (s.prefix[0] != '/' || strings.HasSuffix(s.prefix, "/") || strings.ContainsAny(s.prefix, "%?# ")) {
		return misused("prefix: %s: want a path such as /voile", s.prefix)
	}
	if err := logs.Check(s.logLevel); err != nil {
		return misused("log_level: %s: want off, error, warn, info, debug or trace", s.logLevel)
	}
	_, err := s.proxies()
	return err
}

// check looks at what a gateway needs to run.
func (s *gatewaySettings) check() error {
	switch {
	case len(s.listen) == 0:
		return misused("listen: name at least one address")
	case (s.certificate == "") != (s.key == ""):
		return misused("--tls-cert and --tls-key belong together")
	case s.certificate == "" && !s.plain:
		return misused("pages served by https need TLS: give --tls-cert and --tls-key,\nor --plain if a proxy in front does TLS")
	case s.certificate != "" && s.plain:
		return misused("--plain and a certificate exclude each other")
	}
	return nil
}

// dump prints all settings, as a file has them.
func (s *gatewaySettings) dump() ([]byte, error) {
	root := &yaml.Node{Kind: yaml.MappingNode}
	for _, e := range s.entries() {
		key, value := &yaml.Node{}, &yaml.Node{}
		v := e.At
		if d, ok := e.At.(*time.Duration); ok {
			v = d.String()
		}
		if list, ok := e.At.(*[]string); ok && *list == nil {
			v = []string{}
		}
		if err := errors.Join(key.Encode(e.Key), value.Encode(v)); err != nil {
			return nil, err
		}
		text, _, _ := strings.Cut(strings.ReplaceAll(e.Text, "`", ""), "; may be repeated")
		key.HeadComment = text
		root.Content = append(root.Content, key, value)
	}
	return yaml.Marshal(root)
}
