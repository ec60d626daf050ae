//go:build interop && linux && !android

package interop

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// allowed are differences that are meant, by exchange and path, with the reason. The
// exchange "*" stands for all; the path "" for an answer in place of a closed
// connection or the other way round, and for keys of the answer itself.
var allowed = map[[2]string]string{
	{"*", "value.attachment.median_latency"}:          "measured or not yet",
	{"*", "value.median_latency"}:                     "measured or not yet",
	{"*", "value.network.peers[].peer_stats.latency"}: "measured or not yet",
	{"*", "update.peers[].peer_stats.latency"}:        "measured or not yet",
	{"*", "update.median_latency"}:                    "measured or not yet",

	{"default configuration", "value"}:                       "the 0.5.6 client takes no \"attachment\" (spec 07 §5.9)",
	{"debug nodeid", "value"}:                                "text for people",
	{"debug keypair", "value"}:                               "text for people",
	{"debug keypair VLD0", "value"}:                          "text for people",
	{"debug peerinfo dance", ""}:                             "a word that means nothing is named",
	{"debug lifecycle", ""}:                                  "as life cycle",
	{"debug route import ?", "error.message"}:                "the text is of the decoder",
	{"debug record create dance", "error.message"}:           "the text is of the decoder",
	{"debug record create dance", "error.value"}:             "the text is of the decoder",
	{"life cycle", ""}:                                       "Voile has what default builds of the original leave out",
	{"sequencing of 0.5.2", ""}:                              "taken as PreferUnordered, which it was called then",
	{"scope missing", ""}:                                    "taken as Local: the schema says that it may be left out",
	{"associated data missing", ""}:                          "taken as null: the schema says that it may be left out",
	{"create for an owner of another kind", "error.message"}: "of two faults either may be named",
}

// compare reports everything in which a Voile node differs from a real one.
func compare(t *testing.T, e exchange, real, voile outcome) {
	t.Helper()
	var found []string
	add := func(path, format string, args ...any) {
		for _, key := range [][2]string{{e.name, path}, {"*", path}} {
			if why, ok := allowed[key]; ok {
				t.Logf("%s: %s: %s: meant: %s", e.name, path, fmt.Sprintf(format, args...), why)
				return
			}
		}
		found = append(found, path+": "+fmt.Sprintf(format, args...))
	}
	switch {
	case real.Closed && voile.Closed:
		return
	case real.Closed != voile.Closed:
		add("", "the real node closed the connection: %t, the Voile node: %t", real.Closed, voile.Closed)
	case real.Silent != voile.Silent:
		add("", "the real node was silent: %t, the Voile node: %t", real.Silent, voile.Silent)
	default:
		d := differ{loose: e.loose, add: add}
		d.values("", without(real.Answer, "id"), without(voile.Answer, "id"))
		d.values("update", real.Update, voile.Update)
	}
	if len(found) > 0 {
		t.Errorf("%s\n  %.400s\n  %s\n  real:  %s\n  voile: %s", e.name, e.request, strings.Join(found, "\n  "), text(real), text(voile))
	}
}

func text(o outcome) string {
	var out string
	if o.Closed {
		out = " closed"
	} else if o.Silent {
		out = " silence"
	}
	for _, v := range []any{o.Answer, o.Update} {
		if v != nil {
			b, _ := json.Marshal(v)
			out += fmt.Sprintf(" %.700s", b)
		}
	}
	return out
}

// without is a message less one key.
func without(v any, key string) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	m = maps.Clone(m)
	delete(m, key)
	return m
}

// differ finds where two decoded messages differ.
type differ struct {
	loose bool
	add   func(path, format string, args ...any)
}

func (d differ) values(path string, real, voile any) {
	path = strings.TrimPrefix(path, ".")
	if kindOf(real) != kindOf(voile) {
		d.add(path, "%s, of the Voile node %s", kindOf(real), kindOf(voile))
		return
	}
	switch r := real.(type) {
	case map[string]any:
		v := voile.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(r)) {
			if _, ok := v[key]; !ok {
				d.add(path, "the Voile node has no %q", key)
			}
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if _, ok := r[key]; !ok {
				d.add(path, "the Voile node has %q besides", key)
				continue
			}
			inner := d
			if key == "kind" || path == "error" { // never vary
				inner.loose = false
			}
			inner.values(path+"."+key, r[key], v[key])
		}
	case []any:
		d.lists(path+"[]", r, voile.([]any))
	case string:
		v := voile.(string)
		if a, err := decodeLine([]byte(r)); d.loose && err == nil { // JSON as text, such as a configuration
			if b, err := decodeLine([]byte(v)); err == nil {
				d.values(path, a, b)
				return
			}
		}
		if a, b := d.class(r), d.class(v); a != b {
			d.add(path, "%.300q, of the Voile node %.300q", a, b)
		}
	default:
		if !d.loose && real != voile {
			d.add(path, "%v, of the Voile node %v", real, voile)
		}
	}
}

// lists compares lists of values element by element, and of shapes by their first
// elements, if there are any.
func (d differ) lists(path string, real, voile []any) {
	if d.loose {
		if len(real) > 0 && len(voile) > 0 {
			d.values(path, real[0], voile[0])
		}
		return
	}
	if len(real) != len(voile) {
		d.add(path, "%v, of the Voile node %v", real, voile)
		return
	}
	for i := range real {
		d.values(path, real[i], voile[i])
	}
}

var (
	keyText     = regexp.MustCompile(`\bVLD0:[A-Za-z0-9_-]{43}(:[A-Za-z0-9_-]{43})?`)
	decimalText = regexp.MustCompile(`^[0-9]+$`)
	callID      = regexp.MustCompile(`operation id: [0-9]+`)
)

// class is what is compared of a text: keys are random, the rest counts; of shapes
// only whether it is a key, a number or something else.
func (d differ) class(s string) string {
	s = keyText.ReplaceAllStringFunc(s, func(key string) string { return strings.Repeat("<key>", strings.Count(key, ":")) })
	s = callID.ReplaceAllString(s, "operation id: <number>")
	switch {
	case !d.loose || strings.HasPrefix(s, "<key>"):
		return s
	case decimalText.MatchString(s):
		return "<number>"
	}
	return "<text>"
}

func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null or nothing"
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	case string:
		return "a text"
	case bool:
		return "a truth value"
	default:
		return "a number"
	}
}
