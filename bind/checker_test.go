package bind_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
)

// checker checks lines of a server against the schema, of which it knows what the
// schema uses.
type checker struct{ top, defs object }

func newChecker(t testing.TB) *checker {
	top := schemaOf(t, "RecvMessage")
	return &checker{top, top["$defs"].(object)}
}

func (c *checker) check(t testing.TB, line string) {
	t.Helper()
	if why := c.fault(c.top, decode(t, line)); why != "" {
		t.Errorf("%.300s\ndoes not fit the schema: %s", line, why)
	}
}

// fault says why a value does not fit; "": it does.
func (c *checker) fault(n object, v any) string {
	if r, ok := n["$ref"].(string); ok {
		if why := c.fault(c.defs[r[len("#/$defs/"):]].(object), v); why != "" {
			return why
		}
	}
	for _, sort := range []string{"oneOf", "anyOf"} {
		of, ok := n[sort].([]any)
		if !ok {
			continue
		}
		fits, last := 0, ""
		for _, o := range of {
			if why := c.fault(o.(object), v); why == "" {
				fits++
			} else if last == "" || len(why) > len(last) {
				last = why
			}
		}
		if fits == 0 || sort == "oneOf" && fits > 1 {
			return fmt.Sprintf("%d of %s fit: %s", fits, sort, last)
		}
	}
	if want, ok := n["const"]; ok && v != want {
		return fmt.Sprintf("%v is not %v", v, want)
	}
	if names, ok := n["enum"].([]any); ok && !slices.Contains(names, v) {
		return fmt.Sprintf("%v is none of %v", v, names)
	}
	if !typeFits(n["type"], v) {
		return fmt.Sprintf("%v is no %v", v, n["type"])
	}
	switch v := v.(type) {
	case map[string]any:
		properties, _ := n["properties"].(object)
		required, _ := n["required"].([]any)
		for _, name := range required {
			if _, ok := v[name.(string)]; !ok {
				return fmt.Sprintf("%v is missing", name)
			}
		}
		for name, value := range v {
			p, ok := properties[name].(object)
			if !ok {
				if n["additionalProperties"] == false {
					return name + " is not allowed"
				}
				continue
			}
			if why := c.fault(p, value); why != "" {
				return name + ": " + why
			}
		}
	case []any:
		if items, ok := n["items"].(object); ok {
			for _, e := range v {
				if why := c.fault(items, e); why != "" {
					return why
				}
			}
		}
	}
	return ""
}

func typeFits(kind, v any) bool {
	switch kind := kind.(type) {
	case nil:
		return true
	case []any:
		return slices.ContainsFunc(kind, func(k any) bool { return typeFits(k, v) })
	case string:
		switch v := v.(type) {
		case nil:
			return kind == "null"
		case bool:
			return kind == "boolean"
		case string:
			return kind == "string"
		case float64:
			return kind == "integer" && v >= 0 && v == float64(int64(v))
		case []any:
			return kind == "array"
		case map[string]any:
			return kind == "object"
		}
	}
	return false
}

// The checker itself refuses what does not fit.
func TestChecker(t *testing.T) {
	c := newChecker(t)
	for line, fits := range map[string]bool{
		`{"type":"Response","id":1,"op":"IsShutdown","value":true}`:                                                                      true,
		`{"type":"Response","id":1,"op":"IsShutdown","value":1}`:                                                                         false,
		`{"type":"Response","id":1,"op":"IsShutdown"}`:                                                                                   false,
		`{"type":"Response","op":"IsShutdown","value":true}`:                                                                             false,
		`{"type":"Response","id":1,"op":"Attach","value":null}`:                                                                          true,
		`{"type":"Response","id":1,"op":"Attach","error":{"kind":"Timeout"}}`:                                                            true,
		`{"type":"Response","id":1,"op":"Attach","error":{"kind":"Generic"}}`:                                                            false,
		`{"type":"Response","id":1,"op":"Other","value":null}`:                                                                           false,
		`{"type":"Response","id":1,"op":"RoutingContext","rc_id":1,"rc_op":"InvalidId"}`:                                                 true,
		`{"type":"Response","id":1,"op":"RoutingContext","rc_op":"InvalidId"}`:                                                           false,
		`{"type":"Update","kind":"Shutdown"}`:                                                                                            true,
		`{"type":"Update","kind":"Log","log_level":"Info","message":"x","backtrace":null}`:                                               true,
		`{"type":"Update","kind":"Log","log_level":"Loud","message":"x","backtrace":null}`:                                               false,
		`{"type":"Response","id":1,"op":"RoutingContext","rc_id":1,"rc_op":"Safety","value":{"Safe":{}}}`:                                true,
		`{"type":"Response","id":1,"op":"RoutingContext","rc_id":1,"rc_op":"Safety","value":{"Safe":{"x":{}},"Unsafe":"PreferOrdered"}}`: false,
	} {
		var v any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		if why := c.fault(c.top, v); (why == "") != fits {
			t.Errorf("%s: %q", line, why)
		}
	}
}
