package check

import (
	"strings"
	"testing"
)

// snake and camel do what snakeCase and camelCase of lib/src/types/case.dart do, step
// by step.
func snake(name string) string {
	if !beginsSmall(name) {
		return name
	}
	var out strings.Builder
	for _, c := range []byte(name) {
		if c >= 'A' && c <= 'Z' {
			out.WriteByte('_')
			c += 0x20
		}
		out.WriteByte(c)
	}
	return out.String()
}

func camel(name string) string {
	if !beginsSmall(name) {
		return name
	}
	var out strings.Builder
	up := false
	for _, c := range []byte(name) {
		switch {
		case c == '_':
			up = true
			continue
		case up && c >= 'a' && c <= 'z':
			c -= 0x20
		}
		up = false
		out.WriteByte(c)
	}
	return out.String()
}

func beginsSmall(name string) bool { return name != "" && name[0] >= 'a' && name[0] <= 'z' }

// Names must come back as they were, or a field would be lost on its way.
func TestNamesOfFieldsThereAndBack(t *testing.T) {
	names := map[string]bool{}
	for _, schema := range schemas(t) {
		properties(schema, names)
	}
	if len(names) < 200 {
		t.Fatalf("%d names were found in the schemas", len(names))
	}
	for name := range names {
		if got := snake(camel(name)); got != name {
			t.Errorf("%s becomes %s, which becomes %s", name, camel(name), got)
		}
		if strings.Contains(camel(name), "_") {
			t.Errorf("%s becomes %s", name, camel(name))
		}
	}
}
