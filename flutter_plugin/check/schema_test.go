package check

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/voile-net/voile/bind"
)

// node is a part of a JSON schema.
type node = map[string]any

func schemas(t *testing.T) map[string]node {
	t.Helper()
	all := map[string]node{}
	for _, name := range bind.SchemaNames() {
		content, err := bind.Schema(name)
		if err != nil {
			t.Fatal(err)
		}
		var schema node
		if err := json.Unmarshal([]byte(content), &schema); err != nil {
			t.Fatal(err)
		}
		all[name] = schema
	}
	return all
}

// properties collects the names of all fields in a schema.
func properties(n node, names map[string]bool) {
	for key, value := range n {
		switch value := value.(type) {
		case node:
			if key == "properties" {
				for name := range value {
					names[name] = true
				}
			}
			properties(value, names)
		case []any:
			for _, item := range value {
				if item, is := item.(node); is {
					properties(item, names)
				}
			}
		}
	}
}

// operation is what a request may and must have.
type operation struct {
	fields   map[string]bool
	required []string
}

// operations reads the requests of the schema: "Attach", "TableDb.Load".
func operations(t *testing.T) map[string]operation {
	schema := schemas(t)[bind.SchemaRequest]
	all := map[string]operation{}
	for _, o := range schema["oneOf"].([]any) {
		o := o.(node)
		name := constOf(o, "op")
		ref, family := o["$ref"].(string)
		if !family {
			all[name] = operationOf(o, "op")
			continue
		}
		def := schema["$defs"].(node)[strings.TrimPrefix(ref, "#/$defs/")].(node)
		for _, sub := range def["oneOf"].([]any) {
			sub := sub.(node)
			field := families[name].opField
			all[name+"."+constOf(sub, field)] = operationOf(sub, field)
		}
	}
	if len(all) < 100 {
		t.Fatalf("%d operations were found in the schema", len(all))
	}
	return all
}

func constOf(n node, field string) string {
	p, _ := n["properties"].(node)[field].(node)
	name, _ := p["const"].(string)
	return name
}

func operationOf(n node, opField string) operation {
	o := operation{fields: map[string]bool{}}
	for name := range n["properties"].(node) {
		if name != opField {
			o.fields[name] = true
		}
	}
	for _, name := range n["required"].([]any) {
		if name != opField {
			o.required = append(o.required, name.(string))
		}
	}
	return o
}

// families are the objects of the API, and the file that uses each.
var families = map[string]struct{ file, idField, opField string }{
	"RoutingContext":     {"lib/src/routing_context.dart", "rc_id", "rc_op"},
	"DhtTransaction":     {"lib/src/dht_transaction.dart", "dhttx_id", "dhttx_op"},
	"TableDb":            {"lib/src/table_db.dart", "db_id", "db_op"},
	"TableDbTransaction": {"lib/src/table_db.dart", "tx_id", "tx_op"},
	"CryptoSystem":       {"lib/src/crypto_system.dart", "cs_id", "cs_op"},
}

// answeredHere are the operations that Dart answers itself, because the original does
// so without waiting, and those of a server.
var answeredHere = []string{
	"Now", "DefaultVeilidConfig", "VeilidVersion", "VeilidVersionString", "VeilidFeatures", "ValidCryptoKinds",
	"CryptoSystem.Kind", "Control",
}

// request is one place that asks for an operation.
type request struct {
	op     string
	fields []string
	where  string
	line   int
}

// requests finds what the Dart files ask for.
func requests(t *testing.T) (all []request) {
	sources := files(t)
	add := func(file, op string, list []token, after int) {
		r := request{op: op, where: file, line: list[after].line}
		for i := after; i < len(list) && list[i].text != ")" && list[i].text != ";"; i++ {
			if list[i].kind == symbol && list[i].text == "{" {
				for _, entry := range split(list[i+1 : closing(list, i)]) {
					if len(entry) > 1 && entry[0].kind == text {
						r.fields = append(r.fields, entry[0].text)
					}
				}
				break
			}
		}
		all = append(all, r)
	}
	veilid := tokens(sources["lib/src/veilid.dart"])
	for i := range veilid {
		if (is(veilid, i, "_call", "(") || is(veilid, i, "session", ".", "call", "(")) && veilid[i].text != "" {
			at := i + 2
			if veilid[i].text == "session" {
				at = i + 4
			}
			if veilid[at].kind == text {
				add("lib/src/veilid.dart", veilid[at].text, veilid, at)
			}
		}
	}
	for family, f := range families {
		list := tokens(sources[f.file])
		// The part of the file between the class that makes these handles and the next.
		from, to := classWith(t, list, family)
		list = list[from:to]
		for i := range list {
			for _, call := range [][]string{{"_handle", ".", "call", "("}, {"_handle", ".", "finish", "("}, {"_derive", "("}, {"_end", "("}} {
				if at := i + len(call); is(list, i, call...) && at < len(list) && list[at].kind == text {
					add(f.file, family+"."+list[at].text, list, at)
				}
			}
			if is(list, i, "release", ":") {
				add(f.file, family+"."+list[i+2].text, list, i+2)
			}
			if is(list, i, "idField", ":") && list[i+2].text != f.idField || is(list, i, "opField", ":") && list[i+2].text != f.opField {
				t.Errorf("%s:%d: %s of %s", f.file, list[i].line, list[i+2].text, family)
			}
		}
	}
	return all
}

// classWith finds the class whose handles are of a family.
func classWith(t *testing.T, list []token, family string) (from, to int) {
	start := 0
	for i := range list {
		if is(list, i, "class") {
			start = i
		}
		if is(list, i, "op", ":") && list[i+2].text == family {
			for to = i; to < len(list) && list[to].text != "class"; to++ {
			}
			return start, to
		}
	}
	t.Fatalf("there is no class of %s", family)
	return 0, 0
}

func TestOperations(t *testing.T) {
	known := operations(t)
	used := map[string]bool{}
	for _, r := range requests(t) {
		name := r.op
		fields := r.fields
		// The column count of a table is asked for before there is an object of it.
		if sub := slices.Index(fields, "db_op"); sub >= 0 && name == "TableDb" {
			name, fields = "TableDb.GetColumnCount", nil
		}
		o, there := known[name]
		if !there {
			t.Errorf("%s:%d asks for %s, which is no operation", r.where, r.line, name)
			continue
		}
		used[name] = true
		for _, f := range fields {
			if !o.fields[f] {
				t.Errorf("%s:%d gives %s to %s, which has %v", r.where, r.line, f, name, slices.Sorted(maps.Keys(o.fields)))
			}
		}
		for _, f := range o.required {
			if !slices.Contains(fields, f) {
				t.Errorf("%s:%d gives no %s to %s", r.where, r.line, f, name)
			}
		}
	}
	for name := range known {
		if !used[name] && !slices.Contains(answeredHere, name) {
			t.Errorf("nothing asks for %s", name)
		}
		if used[name] && slices.Contains(answeredHere, name) {
			t.Errorf("%s is asked for, and listed as answered here", name)
		}
	}
}
