package chaos

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// Settings are all settings; the zero value does nothing. The fields of each level
// stand in the order of their names, which is that of the text.
type Settings struct {
	Net Net `json:"net"`
	RPC RPC `json:"rpc"`
}

// Net is what is done to packets.
type Net struct {
	IP   map[Range]Path `json:"ip"` // beside Self; the longest range that has the address counts
	Self Self           `json:"self"`
	// StallCloseMS: after so long a connection that a large packet has stalled is
	// closed; 0: never.
	StallCloseMS uint32 `json:"stall_close_ms"`
}

// Self is what is done to all packets of this node.
type Self struct {
	Recv    Direction `json:"recv"`
	Send    Direction `json:"send"`
	Weather Weather   `json:"weather"`
}

// Path is what is done to packets of a range of addresses.
type Path struct {
	Recv Hole `json:"recv"`
	Send Hole `json:"send"`
}

// Hole is where packets vanish.
type Hole struct {
	Loss    Percent `json:"loss"`
	MaxSize uint32  `json:"max_size"` // larger packets are lost; 0: no limit
}

// Direction is a link with a limited rate behind a queue.
type Direction struct {
	Loss    Percent `json:"loss"`
	MaxSize uint32  `json:"max_size"` // as in Hole
	PPS     uint32  `json:"pps"`      // packets a second; 0: no limit
	QueueMS uint32  `json:"queue_ms"` // a packet that would wait longer is lost
	Rate    uint64  `json:"rate"`     // bytes a second; 0: no limit
}

// Weather changes the capacity of the link over time.
type Weather struct {
	CollapseCut    Percent `json:"collapse_cut"` // of the capacity, while it lasts
	CollapseEveryS uint32  `json:"collapse_every_s"`
	CollapseLoss   Percent `json:"collapse_loss"`
	CollapseS      uint32  `json:"collapse_s"`
	Drift          Percent `json:"drift"` // as much of the capacity may be away
	DriftS         uint32  `json:"drift_s"`
}

// RPC is what is done to messages of the protocol.
type RPC struct {
	ValueChanged Loss `json:"value_changed"`
}

// Loss is how many get lost.
type Loss struct {
	Loss Percent `json:"loss"`
}

// Percent is 0 to 100.
type Percent uint8

// ErrPercent is behind an error for a percentage above 100.
var ErrPercent = errors.New("a percentage, 0 to 100")

// UnmarshalJSON checks the limit.
func (p *Percent) UnmarshalJSON(text []byte) error {
	var n uint8
	if err := json.Unmarshal(text, &n); err != nil {
		return err
	}
	if n > 100 {
		return ErrPercent
	}
	*p = Percent(n)
	return nil
}

// Range is a range of addresses, whose text is CIDR; an address alone is also read.
type Range struct{ netip.Prefix }

// UnmarshalText reads the form of the settings.
func (r *Range) UnmarshalText(text []byte) (err error) {
	*r, err = parseRange(string(text))
	return err
}

func parseRange(text string) (Range, error) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return Range{p.Masked()}, nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return Range{}, fmt.Errorf("invalid address range '%s' in chaos path", text)
	}
	a = a.Unmap()
	return Range{netip.PrefixFrom(a, a.BitLen())}, nil
}

// path of addr: the settings of the longest range that has it.
func (n *Net) path(a netip.Addr) (best Path) {
	bits := -1
	for r, p := range n.IP {
		if r.Bits() > bits && r.Contains(a) {
			bits, best = r.Bits(), p
		}
	}
	return best
}

// normal makes an empty map of none, so that it prints as {}.
func (s Settings) normal() Settings {
	if s.Net.IP == nil {
		s.Net.IP = map[Range]Path{}
	}
	return s
}

// Get is the JSON text of the part at a path such as net.self.recv; "": everything.
func (s Settings) Get(path string) (string, error) {
	tree, err := s.tree()
	if err != nil {
		return "", err
	}
	keys, err := splitPath(path)
	if err != nil {
		return "", err
	}
	var part any = tree
	for _, k := range keys {
		m, ok := part.(map[string]any)
		if !ok || m[k] == nil {
			return "", noSetting(path)
		}
		part = m[k]
	}
	text, err := json.MarshalIndent(part, "", "  ")
	return string(text), err
}

// Set gives the settings with the JSON value at a path.
func (s Settings) Set(path, value string) (Settings, error) {
	var v any
	d := json.NewDecoder(strings.NewReader(value))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return s, fmt.Errorf("invalid chaos value '%s': %w", value, err)
	}
	tree, err := s.tree()
	if err != nil {
		return s, err
	}
	keys, err := splitPath(path)
	switch {
	case err != nil:
		return s, err
	case len(keys) == 0:
		m, ok := v.(map[string]any)
		if !ok {
			return s, errors.New("invalid chaos settings: not an object")
		}
		return decode(m)
	}
	at := tree
	for i, k := range keys[:len(keys)-1] {
		next, ok := at[k].(map[string]any)
		switch {
		case ok:
		case i == 2 && keys[0] == "net" && keys[1] == "ip": // a range that is new
			next = map[string]any{"send": map[string]any{"loss": 0, "max_size": 0}, "recv": map[string]any{"loss": 0, "max_size": 0}}
			at[k] = next
		default:
			return s, noSetting(path)
		}
		at = next
	}
	last := keys[len(keys)-1]
	if _, ok := at[last]; !ok && !(len(keys) == 3 && keys[0] == "net" && keys[1] == "ip") {
		return s, noSetting(path)
	}
	at[last] = v
	return decode(tree)
}

// Reset gives the settings with the part at a path as it is by default.
func (s Settings) Reset(path string) (Settings, error) {
	if path == "" {
		return Settings{}.normal(), nil
	}
	keys, err := splitPath(path)
	if err != nil {
		return s, err
	}
	if len(keys) == 3 && keys[0] == "net" && keys[1] == "ip" { // the default is not to have it
		tree, err := s.tree()
		if err != nil {
			return s, err
		}
		ranges := tree["net"].(map[string]any)["ip"].(map[string]any)
		if ranges[keys[2]] == nil {
			return s, noSetting(path)
		}
		delete(ranges, keys[2])
		return decode(tree)
	}
	if _, err := s.Get(path); err != nil {
		return s, err
	}
	value, err := Settings{}.Get(path)
	if err != nil { // inside a range
		value = "0"
		if last := keys[len(keys)-1]; last == "send" || last == "recv" {
			value = `{"loss":0,"max_size":0}`
		}
	}
	return s.Set(path, value)
}

func noSetting(path string) error { return fmt.Errorf("no chaos setting at '%s'", path) }

// tree is the settings as JSON makes them.
func (s Settings) tree() (map[string]any, error) {
	text, err := json.Marshal(s.normal())
	if err != nil {
		return nil, err
	}
	var tree map[string]any
	return tree, json.Unmarshal(text, &tree)
}

func decode(tree map[string]any) (Settings, error) {
	text, err := json.Marshal(tree)
	if err != nil {
		return Settings{}, err
	}
	var s Settings
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		if errors.Is(err, ErrPercent) {
			return s, fmt.Errorf("loss is %w", ErrPercent)
		}
		return s, fmt.Errorf("invalid chaos settings: %w", err)
	}
	return s.normal(), nil
}

// splitPath splits net.ip['1.2.3.4'].send.loss into its keys. The quotes may be
// missing, as a shell takes them away. A range is brought into its usual form.
func splitPath(path string) (keys []string, err error) {
	for rest := path; rest != ""; {
		if inside, ok := strings.CutPrefix(rest, "["); ok {
			text, after, ok := strings.Cut(inside, "]")
			if !ok {
				return nil, noSetting(path)
			}
			r, err := parseRange(strings.Trim(text, `'"`))
			if err != nil {
				return nil, err
			}
			keys, rest = append(keys, r.String()), strings.TrimPrefix(after, ".")
			continue
		}
		end := strings.IndexAny(rest, ".[")
		if end < 0 {
			return append(keys, rest), nil
		}
		if end == 0 {
			return nil, noSetting(path)
		}
		keys = append(keys, rest[:end])
		rest = strings.TrimPrefix(rest[end:], ".")
	}
	return keys, nil
}
