package bind_test

import (
	"slices"
	"testing"

	"github.com/voile-net/voile/bind"
)

// What generators of code are told is what the schema says: the same operations with
// the same parameters.
func TestOperationsAreThoseOfTheSchema(t *testing.T) {
	schema := schemaOf(t, bind.SchemaRequest)
	defs := schema["$defs"].(object)
	want := map[string][]string{}
	names := func(family, field string, o object) {
		properties := o["properties"].(object)
		name := family + "." + properties[field].(object)["const"].(string)
		want[name] = []string{}
		for p := range properties {
			if p != field {
				want[name] = append(want[name], p)
			}
		}
	}
	for _, o := range schema["oneOf"].([]any) {
		o := o.(object)
		ref, onObjects := o["$ref"].(string)
		if !onObjects {
			names("", "op", o)
			continue
		}
		family := o["properties"].(object)["op"].(object)["const"].(string)
		for _, sub := range defs[ref[len("#/$defs/"):]].(object)["oneOf"].([]any) {
			sub := sub.(object)
			names(family, sub["required"].([]any)[0].(string), sub)
		}
	}
	for _, o := range bind.Operations() {
		name := string(o.Family) + "." + o.Name
		params, ok := want[name]
		if !ok {
			t.Errorf("%s is not in the schema", name)
			continue
		}
		delete(want, name)
		var got []string
		for _, p := range o.Params {
			got = append(got, p.Name)
			if p.Type == nil || p.Required && p.Nullable {
				t.Errorf("%s: impossible parameter %+v", name, p)
			}
		}
		slices.Sort(got)
		slices.Sort(params)
		if !slices.Equal(got, params) {
			t.Errorf("%s has the parameters %v, want %v", name, got, params)
		}
		if none := o.Name == "Attach" || o.Name == "Release"; none && !o.Result.None() || o.Name == "GetState" && o.Result.None() {
			t.Errorf("%s gives %+v", name, o.Result)
		}
	}
	for name := range want {
		t.Errorf("%s is missing", name)
	}
}
