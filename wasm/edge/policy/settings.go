package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// MaxMessage is the largest message that goes through, in bytes. It is the largest
// of the network: a node takes a longer one for an attack, and would punish the
// address of the gateway for it.
const MaxMessage = 65507

// maxSettings bounds the text of settings.
const maxSettings = 256 << 10

// Settings are what a gateway goes by. In JSON and YAML the names are in snake case,
// durations are texts such as "75s", and what is left out has its default.
type Settings struct {
	// Origins are the web sites whose pages may connect: "https://app.example",
	// "https://*.app.example" for all below it, or "*" for every page and for
	// programs that name none. None: nobody.
	Origins []string
	// Nodes are the rules for what may be connected to, see Rule. Default: "public".
	Nodes []string

	MaxConnections int // at the same time. Default 1024, range 1 to 1000000
	MaxPerClient   int // of one client (IPv4 address, IPv6 /56). Default 128
	// MaxPerNode is how many connections lead to one node. Nodes take 32 from an
	// address, which is the gateway's. Default 24.
	MaxPerNode     int
	OpensPerClient int // new connections of one client in a minute. Default 120
	// OpensPerNode is how many connections to one node are opened in a minute; nodes
	// take 128 from an address and punish who comes more often. Default 96.
	OpensPerNode int

	MessagesPerClient int // in a second, from the page. Default 500
	BytesPerClient    int // in a second, in each direction. Default 1 MiB, at least 64 KiB
	BytesTotal        int // in a second, in each direction. Default 64 MiB, at least 64 KiB

	ConnectTimeout time.Duration // to find, reach and greet a node. Default 5 s
	IdleTimeout    time.Duration // without a message. Default 75 s; nodes end theirs after 60
	SendTimeout    time.Duration // until the other side takes a message. Default 15 s
}

// Default are the defaults.
func Default() Settings {
	return Settings{
		Nodes:          []string{"public"},
		MaxConnections: 1024, MaxPerClient: 128, MaxPerNode: 24, OpensPerClient: 120, OpensPerNode: 96,
		MessagesPerClient: 500, BytesPerClient: 1 << 20, BytesTotal: 64 << 20,
		ConnectTimeout: 5 * time.Second, IdleTimeout: 75 * time.Second, SendTimeout: 15 * time.Second,
	}
}

// A SettingError says which setting is wrong and how.
type SettingError struct{ Key, Msg string }

func (e *SettingError) Error() string { return e.Key + ": " + e.Msg }

// Entry is one setting, for programs that read them from files and flags. At points
// to the value: *int, *time.Duration or *[]string.
type Entry struct {
	Key  string
	At   any
	Min  int // of an int, or in milliseconds of a duration
	Max  int
	Text string // what it is, in a few words
}

// Entries lists all settings. It is the only place that knows their names and ranges.
func (s *Settings) Entries() []Entry {
	const many, hour = 1_000_000, 3_600_000
	return []Entry{
		{"origins", &s.Origins, 0, 0, "an `origin` whose pages may connect, such as https://app.example or https://*.app.example; * for all"},
		{"nodes", &s.Nodes, 0, 0, "a `rule` for what may be connected to: public, an address, a CIDR or a name, with :PORT or :FROM-TO behind it or neither"},
		{"max_connections", &s.MaxConnections, 1, many, "connections at the same time"},
		{"max_per_client", &s.MaxPerClient, 1, many, "connections of one client (IPv4 address or IPv6 /56)"},
		{"max_per_node", &s.MaxPerNode, 1, many, "connections to one node; nodes take 32 from an address"},
		{"opens_per_client", &s.OpensPerClient, 1, many, "new connections of one client in a minute"},
		{"opens_per_node", &s.OpensPerNode, 1, many, "new connections to one node in a minute; nodes take 128 from an address"},
		{"messages_per_client", &s.MessagesPerClient, 1, many, "messages of one client in a second"},
		{"bytes_per_client", &s.BytesPerClient, 64 << 10, math.MaxInt32, "bytes of one client in a second, in each direction"},
		{"bytes_total", &s.BytesTotal, 64 << 10, math.MaxInt32, "bytes of all clients in a second, in each direction"},
		{"connect_timeout", &s.ConnectTimeout, 100, hour, "how long it may take to find, reach and greet a node"},
		{"idle_timeout", &s.IdleTimeout, 1000, 24 * hour, "how long a connection lives without a message"},
		{"send_timeout", &s.SendTimeout, 100, hour, "how long a side may take to accept a message"},
	}
}

// Check reports the first setting that is out of its range, as a *SettingError.
func (s Settings) Check() error {
	for _, e := range s.Entries() {
		switch at := e.At.(type) {
		case *int:
			if *at < e.Min || *at > e.Max {
				return &SettingError{e.Key, fmt.Sprintf("%d is not from %d to %d", *at, e.Min, e.Max)}
			}
		case *time.Duration:
			least, most := time.Duration(e.Min)*time.Millisecond, time.Duration(e.Max)*time.Millisecond
			if *at < least || *at > most {
				return &SettingError{e.Key, fmt.Sprintf("%v is not from %v to %v", *at, least, most)}
			}
		}
	}
	for _, o := range s.Origins {
		if _, err := parseOrigin(o); err != nil {
			return err
		}
	}
	_, err := parseRules(s.Nodes)
	return err
}

// ParseOver reads settings in JSON over others. A key that is not known is an error.
func ParseOver(text []byte, over Settings) (Settings, error) {
	if len(text) > maxSettings {
		return over, &SettingError{"settings", fmt.Sprintf("%d bytes, at most %d are read", len(text), maxSettings)}
	}
	d := json.NewDecoder(bytes.NewReader(text))
	var tree map[string]json.RawMessage
	err := d.Decode(&tree)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows the object")
		}
	}
	if err != nil {
		return over, &SettingError{"settings", "not a JSON object: " + err.Error()}
	}
	s := over
	for _, e := range s.Entries() {
		raw, given := tree[e.Key]
		delete(tree, e.Key)
		if !given {
			continue
		}
		if err := e.take(raw); err != nil {
			return over, err
		}
	}
	for key := range tree {
		return over, &SettingError{key, "there is no such setting"}
	}
	return s, s.Check()
}

func (e Entry) take(raw json.RawMessage) error {
	bad := func(want string) error { return &SettingError{e.Key, "want " + want} }
	if string(raw) == "null" {
		return bad("a value")
	}
	switch at := e.At.(type) {
	case *int:
		if json.Unmarshal(raw, at) != nil {
			return bad("a whole number")
		}
	case *time.Duration:
		var text string
		d, err := time.Duration(0), json.Unmarshal(raw, &text)
		if err == nil {
			d, err = time.ParseDuration(text)
		}
		if err != nil {
			return bad(`a duration such as "5s"`)
		}
		*at = d
	case *[]string:
		var list []string
		if json.Unmarshal(raw, &list) != nil {
			return bad("a list of texts")
		}
		*at = list
	}
	return nil
}

// origin is one allowed origin.
type origin struct {
	all    bool
	prefix string // of one that has a star: "https://"
	text   string // the rest, or all of it, in lower case
}

func parseOrigin(text string) (origin, error) {
	bad := func(why string) (origin, error) {
		return origin{}, &SettingError{"origins", fmt.Sprintf("%q: %s", text, why)}
	}
	if text == "*" {
		return origin{all: true}, nil
	}
	lower := strings.ToLower(text)
	scheme, host, ok := strings.Cut(lower, "://")
	if !ok || scheme == "" || host == "" || strings.ContainsAny(host, "/?#@ ") {
		return bad("want SCHEME://HOST[:PORT] without anything behind it")
	}
	if rest, star := strings.CutPrefix(host, "*."); star {
		if rest == "" || strings.Contains(rest, "*") {
			return bad("a star stands for the first part of a host")
		}
		return origin{prefix: scheme + "://", text: "." + rest}, nil
	}
	if strings.Contains(host, "*") {
		return bad("a star stands for the first part of a host")
	}
	return origin{text: lower}, nil
}

func (o origin) fits(given string) bool {
	switch {
	case o.all:
		return true
	case o.prefix == "":
		return given == o.text
	}
	host, ok := strings.CutPrefix(given, o.prefix)
	return ok && len(host) > len(o.text) && strings.HasSuffix(host, o.text) && !strings.ContainsAny(host, "/@")
}
