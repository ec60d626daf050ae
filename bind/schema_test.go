package bind_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/voile-net/voile/bind"
	"github.com/voile-net/voile/core"
)

// inventory is the whole API of the original, by name and type.
type inventory struct {
	Operations []struct {
		Group, Name string
		Params      []struct {
			Name, Type     string
			SchemaRequired bool `json:"schema_required"`
			ServerRequired bool `json:"server_required"`
		}
		Result       map[string]string
		ResponseOnly bool `json:"response_only"`
	}
	Types map[string]struct {
		Kind   any
		Values []string
		Fields []struct {
			Name, Type     string
			SchemaRequired bool `json:"schema_required"`
		}
		Variants []map[string]string
	}
	Updates []struct {
		Kind        string
		PayloadType *string `json:"payload_type"`
	}
	Errors []struct {
		Kind   string
		Fields []struct{ Name string }
	}
}

func readInventory(t testing.TB) (v inventory) {
	t.Helper()
	text, err := os.ReadFile("testdata/inventory.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

type object = map[string]any

func schemaOf(t testing.TB, name string) object {
	t.Helper()
	text, err := bind.Schema(name)
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, text).(object)
}

// notation writes a schema as the inventory does.
func notation(n object) string {
	if r, ok := n["$ref"].(string); ok {
		return r[strings.LastIndex(r, "/")+1:]
	}
	if of, ok := n["anyOf"].([]any); ok {
		return notation(of[0].(object)) + "|null"
	}
	kind, nullable := n["type"], ""
	if both, ok := kind.([]any); ok {
		kind, nullable = both[0], "|null"
	}
	switch kind {
	case "array":
		return "array<" + notation(n["items"].(object)) + ">" + nullable
	case "integer":
		if nullable != "" {
			return "integer|null:" + n["format"].(string)
		}
		return n["format"].(string)
	}
	return kind.(string) + nullable
}

// plainType replaces names of texts by what they are, since the inventory is not
// even about them.
var plainType = strings.NewReplacer(
	"CryptoKind", "string", "VeilidCapability", "string", "AllowOffline", "boolean", "Timestamp|", "string|", "Timestamp>", "string>", "Timestamp]", "string]",
)

func normal(notation string) string {
	if notation == "Timestamp" {
		return "string"
	}
	return plainType.Replace(notation)
}

// fieldsOf are the fields of an object as "name type", "name? type" if it may be
// missing.
func fieldsOf(n object, without ...string) (fields []string) {
	required, _ := n["required"].([]any)
	properties, _ := n["properties"].(object)
	for name, p := range properties {
		if slices.Contains(without, name) {
			continue
		}
		if !slices.Contains(required, any(name)) {
			name += "?"
		}
		fields = append(fields, name+" "+normal(notation(p.(object))))
	}
	slices.Sort(fields)
	return fields
}

func constOf(n object, field string) string {
	properties, _ := n["properties"].(object)
	f, _ := properties[field].(object)
	s, _ := f["const"].(string)
	return s
}

// opsOf are the operations of a schema by "Group Name", and their schemas.
func opsOf(top, defs object, suffix string) map[string]object {
	ops := map[string]object{}
	for _, v := range top["oneOf"].([]any) {
		n := v.(object)
		name := constOf(n, "op")
		if n["$ref"] == nil {
			ops["top "+name] = n
			continue
		}
		family := defs[name+suffix].(object)
		for _, v := range family["oneOf"].([]any) {
			sub := v.(object)
			for field := range sub["properties"].(object) {
				if s := constOf(sub, field); s != "" {
					ops[name+" "+s] = sub
				}
			}
		}
	}
	return ops
}

func isFamily(name string) bool {
	return slices.Contains([]string{"RoutingContext", "DhtTransaction", "TableDb", "TableDbTransaction", "CryptoSystem"}, name)
}

// Every operation of the original is here with its parameters and result, and no
// other.
func TestOperationsOfTheInventory(t *testing.T) {
	v := readInventory(t)
	request, recv := schemaOf(t, "Request"), schemaOf(t, "RecvMessage")
	defs := recv["$defs"].(object)
	asked := opsOf(request, request["$defs"].(object), "Request")
	answered := opsOf(defs["Response"].(object), defs, "Response")
	count := 0
	for _, o := range v.Operations {
		name := o.Group + " " + o.Name
		if o.Group == "top" && (isFamily(o.Name) || o.Name == "BestCryptoSystem") { // the latter is never asked
			continue
		}
		r, ok := answered[name]
		if !ok {
			t.Errorf("%s is missing in RecvMessage", name)
			continue
		}
		delete(answered, name)
		if got, want := resultOf(r), o.Result; normal(got) != normal(fmt.Sprint(want)) {
			t.Errorf("%s: answers %s, want %v", name, got, want)
		}
		if o.ResponseOnly {
			continue
		}
		count++
		q, ok := asked[name]
		if !ok {
			t.Errorf("%s is missing in Request", name)
			continue
		}
		delete(asked, name)
		want := []string{}
		for _, p := range o.Params {
			if !p.SchemaRequired {
				p.Name += "?"
			}
			want = append(want, p.Name+" "+normal(p.Type))
		}
		slices.Sort(want)
		if got := fieldsOf(q, "op", "rc_op", "dhttx_op", "db_op", "tx_op", "cs_op"); !slices.Equal(got, want) {
			t.Errorf("%s: parameters %q, want %q", name, got, want)
		}
	}
	if len(asked)+len(answered) > 0 {
		t.Errorf("more than the original has: %v %v", slices.Sorted(maps.Keys(asked)), slices.Sorted(maps.Keys(answered)))
	}
	if count != 114 { // 119 with the names of the families
		t.Errorf("%d operations", count)
	}
}

// resultOf writes the result of an operation as the inventory does.
func resultOf(n object) string {
	result := map[string]string{}
	add := func(n object) {
		for name, p := range n["properties"].(object) {
			if constOf(n, name) == "" {
				result[name] = notation(p.(object))
			}
		}
	}
	add(n)
	if of, ok := n["anyOf"].([]any); ok {
		for _, v := range of {
			add(v.(object))
		}
	}
	return fmt.Sprint(result)
}

// Every type has the fields and values of the original.
func TestTypesOfTheInventory(t *testing.T) {
	v := readInventory(t)
	defs := object{}
	maps.Copy(defs, schemaOf(t, "Request")["$defs"].(object))
	maps.Copy(defs, schemaOf(t, "RecvMessage")["$defs"].(object))
	for name := range defs { // the families were compared as operations
		if strings.HasSuffix(name, "Request") || strings.HasSuffix(name, "Response") {
			delete(defs, name)
		}
	}
	for name, want := range v.Types {
		n, ok := defs[name].(object)
		delete(defs, name)
		switch {
		case !ok && want.Values == nil && (want.Kind == "string" || want.Kind == "boolean"): // only another word for it
		case !ok:
			t.Errorf("%s is missing", name)
		case len(want.Values) > 0:
			var got []string
			for _, value := range n["enum"].([]any) {
				got = append(got, value.(string))
			}
			if !slices.Equal(got, want.Values) {
				t.Errorf("%s: values %q, want %q", name, got, want.Values)
			}
		case len(want.Variants) > 0:
			if got, want := variantsOf(n), variantsOf(object{"oneOf": anyList(want.Variants)}); !slices.Equal(got, want) {
				t.Errorf("%s: variants %q, want %q", name, got, want)
			}
		case want.Kind == "object":
			fields := []string{}
			for _, f := range want.Fields {
				if !f.SchemaRequired {
					f.Name += "?"
				}
				fields = append(fields, f.Name+" "+normal(f.Type))
			}
			slices.Sort(fields)
			got := fieldsOf(n)
			if name == "VeilidConfigNetwork" { // our own, see docs/protocol/deviations.md
				got = slices.DeleteFunc(got, func(f string) bool { return f == "private_network? boolean" })
			}
			if !slices.Equal(got, fields) {
				t.Errorf("%s: fields\n%q, want\n%q", name, got, fields)
			}
		default:
			if got, want := fmt.Sprint(n["type"]), fmt.Sprint(want.Kind); got != want {
				t.Errorf("%s is of type %s, want %s", name, got, want)
			}
		}
	}
	if len(defs) > 0 {
		t.Errorf("more than the original has: %v", slices.Sorted(maps.Keys(defs)))
	}
}

func anyList(variants []map[string]string) (list []any) {
	for _, v := range variants {
		properties := object{}
		for name, kind := range v {
			if value, ok := strings.CutPrefix(kind, "const:"); ok {
				properties[name] = object{"type": "string", "const": value}
				continue
			}
			properties[name] = object{"type": kind}
		}
		list = append(list, object{"properties": properties})
	}
	return list
}

// variantsOf writes the variants of a union.
func variantsOf(n object) (list []string) {
	for _, v := range n["oneOf"].([]any) {
		var fields []string
		for name, p := range v.(object)["properties"].(object) {
			value, _ := p.(object)["const"].(string)
			if value == "" {
				value = notation(p.(object))
			}
			fields = append(fields, name+" "+value)
		}
		slices.Sort(fields)
		list = append(list, strings.Join(fields, ","))
	}
	slices.Sort(list)
	return list
}

func TestUpdatesOfTheInventory(t *testing.T) {
	defs := schemaOf(t, "RecvMessage")["$defs"].(object)
	var got, want []string
	for _, v := range defs["VeilidUpdate"].(object)["oneOf"].([]any) {
		n := v.(object)
		payload, _ := n["$ref"].(string)
		got = append(got, constOf(n, "kind")+" "+strings.TrimPrefix(payload, "#/$defs/"))
	}
	for _, u := range readInventory(t).Updates {
		payload := ""
		if u.PayloadType != nil {
			payload = *u.PayloadType
		}
		want = append(want, u.Kind+" "+payload)
	}
	if !slices.Equal(got, want) {
		t.Errorf("updates %q, want %q", got, want)
	}
}

func TestUnknownSchema(t *testing.T) {
	var e *core.Error
	if _, err := bind.Schema("Other"); !errors.As(err, &e) || e.Kind != core.InvalidArgument || e.Context != "invalid schema" || e.Value != "Other" {
		t.Errorf("error %v", err)
	}
	for _, name := range bind.SchemaNames() {
		a, err := bind.Schema(name)
		b, _ := bind.Schema(name)
		if err != nil || a != b {
			t.Errorf("%s: %v, the same twice: %v", name, err, a == b)
		}
	}
}
