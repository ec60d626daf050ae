package bind_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/voile-net/voile/bind"
)

// Lines that are answered otherwise, and why.
var otherwise = map[string]string{
	// Quirks of the original that nobody needs (spec 07 §5.2).
	`{"id":1,"op":2}`: "operations have names",
	`{"id":1,"op":"RoutingContext","rc_id":9,"rc_op":4}`:                                                    "operations have names",
	`{"id":1,"op":"RoutingContext","rc_id":9,"rc_op":"WithSequencing","sequencing":{"PreferOrdered":null}}`: "names are texts",
	`{"id":26,"op":"ReportAppLifecycleState","state":"Active"}`:                                             "the node does less in the background",
	`{"id":27,"op":"ReportAppLifecycleState","state":"Background"}`:                                         "the same",
	`{"id":3,"op":"VeilidFeatures"}`:                                                                        "we list what holds here",
	// What a server should take (spec 07 §5.6 and "Changes").
	`{"id":1,"op":"RoutingContext","rc_id":9,"rc_op":"WithSequencing","sequencing":"NoPreference"}`: "the name of 0.5.2 is taken",
}

func taken(r recorded) bool {
	_, ok := otherwise[r.Request]
	return !ok && r.Name != "inspect without scope" && r.Name != "cs AEAD without associated_data" &&
		!strings.Contains(r.Request, "<EOF>") // two lines
}

// What the original takes for a request, we take for one, and nothing else.
func TestFraming(t *testing.T) {
	c := newClient(t)
	count := 0
	for _, r := range transcript(t, "framing") {
		if r.Request == "" || !taken(r) || r.Name == "invalid utf-8 in a value" { // not kept by the transcript
			continue
		}
		count++
		_, err := c.Parse([]byte(strings.TrimSpace(r.Request)))
		if (err != nil) != r.Closed {
			t.Errorf("%s: %.200s\nerror %v, closed by the original: %v (%s)", r.Name, r.Request, err, r.Closed, r.Note)
		}
	}
	if count < 200 {
		t.Errorf("only %d lines", count)
	}
	if _, err := c.Parse([]byte("{\"id\":1,\"op\":\"Debug\",\"command\":\"\xff\"}")); err == nil {
		t.Error("a text that is not UTF-8 is taken")
	}
}

// Responses have the fields of the original, and errors its kinds. Values may
// differ, since the node is another one; exact says where they may not.
func TestTranscripts(t *testing.T) {
	for _, tt := range []struct {
		name string
		skip func(r recorded) bool // what needs a network
	}{
		{"basic", func(r recorded) bool {
			return r.Name == "attach while attached" || strings.HasPrefix(r.Name, "control")
		}},
		{"framing", func(r recorded) bool {
			return strings.HasPrefix(r.Name, "private_spec") || strings.HasPrefix(r.Name, "condition") || r.Name == "call id text"
		}},
		{"crypto", func(recorded) bool { return false }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			api := bind.New(detached(t).Node, bind.Options{})
			clients := map[string]*bind.Client{}
			count := 0
			for _, r := range transcript(t, tt.name) {
				if r.Response == nil || !taken(r) || tt.skip(r) {
					continue
				}
				c := clients[r.Conn]
				if c == nil || r.Conn == "" {
					c = api.NewClient()
					clients[r.Conn] = c
				}
				if r.Conn != "" && r.Name == "length" && tt.name == "crypto" && c.Objects() == 0 {
					mustAsk(t, c, `{"op":"GetCryptoSystem","kind":"VLD0"}`) // done before the transcript begins
				}
				got, closed := ask(t.Context(), c, strings.TrimSpace(r.Request))
				if closed {
					t.Errorf("%s: %.300s is taken for no request", r.Name, r.Request)
					continue
				}
				count++
				if diff := compare("", decode(t, got), decode(t, *r.Response)); diff != "" {
					t.Errorf("%s: %.300s\ngot  %.400s\nwant %.400s\n%s", r.Name, r.Request, got, *r.Response, diff)
				}
			}
			t.Logf("%d answers compared", count)
			if count < 50 {
				t.Errorf("only %d lines", count)
			}
		})
	}
}

func decode(t testing.TB, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// Values that differ between nodes, by the names of their fields.
var varying = []string{
	"message", "value", "uptime", "attached_uptime", "state", "reliable_peer_count", "live_peer_count",
	"estimated_network_size", "median_latency", "over_attached_nodes", "config", "network", "public_internet_ready", "blob",
}

// compare says where two answers differ: in the fields of objects, in the types
// of values, and in values that do not vary.
func compare(path string, got, want any) string {
	switch want := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s: %T, want an object", path, got)
		}
		if a, b := slices.Sorted(maps.Keys(g)), slices.Sorted(maps.Keys(want)); !slices.Equal(a, b) {
			return fmt.Sprintf("%s: fields %v, want %v", path, a, b)
		}
		for k := range want {
			if diff := compare(path+"."+k, g[k], want[k]); diff != "" {
				return diff
			}
		}
		return ""
	case []any:
		g, ok := got.([]any)
		if !ok {
			return fmt.Sprintf("%s: %T, want a list", path, got)
		}
		if len(g) > 0 && len(want) > 0 {
			return compare(path+"[0]", g[0], want[0])
		}
		return ""
	}
	field := path[strings.LastIndex(path, ".")+1:]
	if slices.Contains(varying, field) || strings.HasPrefix(path, ".value.") {
		if want == nil || got == nil || fmt.Sprintf("%T", got) == fmt.Sprintf("%T", want) {
			return ""
		}
		return fmt.Sprintf("%s: %T, want %T", path, got, want)
	}
	if got != want {
		return fmt.Sprintf("%s: %v, want %v", path, got, want)
	}
	return ""
}
