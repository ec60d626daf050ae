package check

import (
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/voile-net/voile/bind"
)

// definitions are the named types of both schemas.
func definitions(t *testing.T) node {
	all := node{}
	for _, schema := range schemas(t) {
		maps.Copy(all, schema["$defs"].(node))
	}
	return all
}

// classes finds the classes and enums of the values, by name.
func classes(t *testing.T, sort string) map[string][]token {
	found := map[string][]token{}
	for name, source := range files(t) {
		if path.Dir(name) != "lib/src/types" {
			continue
		}
		list := tokens(source)
		for i := range list {
			if is(list, i, sort) && list[i+1].kind == word {
				found[list[i+1].text] = body(t, list, sort, list[i+1].text)
			}
		}
	}
	return found
}

// fieldsRead are the fields that a fromJson takes.
func fieldsRead(list []token) (names []string) {
	for i := range list {
		if is(list, i, "fields", ".") && is(list, i+3, "(") && list[i+4].kind == text {
			names = append(names, list[i+4].text)
		}
		if is(list, i, ")", ".") && is(list, i+3, "(") && list[i+4].kind == text && list[i+2].text == "flagOrNull" {
			names = append(names, list[i+4].text) // Fields(json, …).flagOrNull('…')
		}
	}
	return names
}

// fieldsWritten are the fields that toJson gives.
func fieldsWritten(list []token) (names []string) {
	for i := range list {
		if !is(list, i, "toJson", "(", ")") {
			continue
		}
		for j := i; list[j].text != ";"; j++ {
			if list[j].kind != symbol || list[j].text != "{" {
				continue
			}
			for _, entry := range split(list[j+1 : closing(list, j)]) {
				if len(entry) > 1 && entry[0].kind == text {
					names = append(names, entry[0].text)
				}
			}
			break
		}
	}
	return names
}

// same compares two sets of names.
func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	got, want = slices.Compact(slices.Sorted(slices.Values(got))), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, the schema has %q", what, got, want)
	}
}

// otherNames are the classes that are named otherwise in the schema.
var otherNames = map[string]string{"DHTSchemaMember": "DHTSchemaSMPLMember"}

// apart are classes whose form is checked in another test, or is not in the schema.
var apart = []string{
	"DHTSchema", "DHTSchemaDFLT", "DHTSchemaSMPL", "SafetySelection", "Target", // of variants
	"VeilidUpdate", "VeilidAPIException",
}

func TestFields(t *testing.T) {
	defs := definitions(t)
	checked := 0
	for name, list := range classes(t, "class") {
		read := fieldsRead(list)
		if read == nil || slices.Contains(apart, name) || strings.HasPrefix(name, "VeilidFFIConfig") || strings.HasPrefix(name, "VeilidWASMConfig") {
			continue
		}
		def := name
		if other := otherNames[name]; other != "" {
			def = other
		}
		schema, there := defs[def].(node)
		if !there {
			t.Errorf("%s reads %v, and there is no %s in the schema", name, read, def)
			continue
		}
		var want []string
		for field := range schema["properties"].(node) {
			want = append(want, camel(field))
		}
		if name == "TransactDHTRecordsOptions" { // takes a third spelling
			read = slices.DeleteFunc(read, func(f string) bool { return f == "defaultSigningKeyPair" })
		}
		same(t, name+" reads", read, want)
		same(t, name+" writes", fieldsWritten(list), want)
		checked++
	}
	if checked < 30 {
		t.Errorf("%d classes were checked", checked)
	}
	// Those of variants.
	all := classes(t, "class")
	same(t, "DHTSchema reads", fieldsRead(all["DHTSchema"]), []string{"kind", "members", "oCnt"})
	for class, def := range map[string]string{"DHTSchemaDFLT": "DHTSchemaDFLT", "DHTSchemaSMPL": "DHTSchemaSMPL"} {
		want := []string{"kind"}
		for field := range defs[def].(node)["properties"].(node) {
			want = append(want, camel(field))
		}
		same(t, class+" writes", fieldsWritten(all[class]), want)
	}
	for class, tag := range map[string]string{
		"SafetySelectionUnsafe": "Unsafe", "SafetySelectionSafe": "Safe", "TargetNodeId": "NodeId", "TargetRouteId": "RouteId",
	} {
		same(t, class+" writes", fieldsWritten(all[class]), []string{tag})
		def := "SafetySelection"
		if strings.HasPrefix(class, "Target") {
			def = "Target"
		}
		if !slices.Contains(tags(defs[def].(node)), tag) {
			t.Errorf("%s has no %s", def, tag)
		}
	}
}

// tags are the names of the variants of a type that are told apart by their field.
func tags(def node) (names []string) {
	for _, v := range def["oneOf"].([]any) {
		names = append(names, slices.Collect(maps.Keys(v.(node)["properties"].(node)))...)
	}
	return names
}

func TestEnums(t *testing.T) {
	defs := definitions(t)
	checked := 0
	for name, list := range classes(t, "enum") {
		var got []string
		for i := range list {
			if is(list, i, "(") && list[i+1].kind == text && is(list, i+2, ")") {
				got = append(got, list[i+1].text)
			}
		}
		schema, there := defs[name].(node)
		if !there {
			if !strings.HasPrefix(name, "VeilidConfigLogLevel") && !strings.HasPrefix(name, "VeilidWASM") {
				t.Errorf("%s is not in the schema", name)
			}
			continue
		}
		var want []string
		for _, v := range schema["enum"].([]any) {
			want = append(want, v.(string))
		}
		// The order counts where values are compared.
		if !slices.Equal(got, want) {
			t.Errorf("%s has %q, the schema %q", name, got, want)
		}
		checked++
	}
	if checked < 8 {
		t.Errorf("%d enums were checked", checked)
	}
}

// cases cuts a switch over texts in its cases.
func cases(list []token) map[string][]token {
	all := map[string][]token{}
	last, start := "", 0
	for i := range list {
		if list[i].kind == text && is(list, i+1, "=", ">") {
			if last != "" {
				all[last] = list[start:i]
			}
			last, start = list[i].text, i
		}
		if is(list, i, "final", "kind", "=", ">") && last != "" {
			all[last] = list[start:i]
			break
		}
	}
	return all
}

func TestUpdates(t *testing.T) {
	schema := schemas(t)[bind.SchemaRecvMessage]["$defs"].(node)
	all := classes(t, "class")
	read := cases(all["VeilidUpdate"])
	var kinds []string
	for _, v := range schema["VeilidUpdate"].(node)["oneOf"].([]any) {
		v := v.(node)
		kind := constOf(v, "kind")
		if kind == "Shutdown" { // the stream ends instead
			continue
		}
		kinds = append(kinds, kind)
		class := ""
		for _, tok := range read[kind] {
			if strings.HasPrefix(tok.text, "Veilid") {
				class = tok.text
				break
			}
		}
		def := schema[strings.TrimPrefix(v["$ref"].(string), "#/$defs/")].(node)
		var want []string
		for field := range def["properties"].(node) {
			want = append(want, camel(field))
		}
		if got := fieldsRead(read[kind]); got != nil {
			same(t, kind+" reads", got, want)
			same(t, class+" writes", fieldsWritten(all[class]), append(want, "kind"))
		} else if state := "VeilidState" + kind; !strings.Contains(join(read[kind]), state+".fromJson(json)") {
			t.Errorf("%s reads nothing", kind)
		}
	}
	same(t, "the kinds of updates", slices.Collect(maps.Keys(read)), kinds)
}

func TestErrors(t *testing.T) {
	def := definitions(t)["VeilidAPIError"].(node)
	all := classes(t, "class")
	read := cases(all["VeilidAPIException"])
	var kinds []string
	for _, v := range def["oneOf"].([]any) {
		v := v.(node)
		kind := constOf(v, "kind")
		kinds = append(kinds, kind)
		class := all["VeilidAPIException"+kind]
		if class == nil || !strings.Contains(join(read[kind]), "VeilidAPIException"+kind+"(") {
			t.Errorf("there is no class of %s", kind)
			continue
		}
		want := slices.Collect(maps.Keys(v["properties"].(node)))
		same(t, kind+" writes", fieldsWritten(class), want)
		got := []string{"kind"}
		for i := range read[kind] {
			if is(read[kind], i, "text", "(") {
				got = append(got, read[kind][i+2].text)
			}
		}
		same(t, kind+" reads", got, want)
		if code := strings.ToLower(kind[:1]) + kind[1:]; !strings.Contains(join(class), "ErrorCode."+code+";") {
			t.Errorf("%s has another code than ErrorCode.%s", kind, code)
		}
	}
	same(t, "the kinds of errors", slices.Collect(maps.Keys(read)), kinds)
}
