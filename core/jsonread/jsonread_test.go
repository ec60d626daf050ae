package jsonread

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestObject(t *testing.T) {
	deep := func(n int) string { return `{"x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + "}" }
	for _, tt := range []struct {
		name, text string
		ok         bool
	}{
		{"empty", `{}`, true},
		{"all values", `{"a":null,"b":true,"c":false,"d":-0.5e+3,"e":"x","f":[1,[],{}],"g":{"h":0}}`, true},
		{"white space", " { \"a\" :\t1 ,\r\n\"b\" : [ 1 , 2 ] } ", true},
		{"escapes", `{"a":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"}`, true},
		{"126 levels inside", deep(126), true},
		{"127 levels inside", deep(127), false},
		{"nothing", ``, false},
		{"no object", `[]`, false},
		{"trailing comma", `{"a":1,}`, false},
		{"comma first", `{,"a":1}`, false},
		{"comma in array", `{"a":[1,]}`, false},
		{"no colon", `{"a" 1}`, false},
		{"no name", `{1:1}`, false},
		{"two objects", `{}{}`, false},
		{"leading zero", `{"a":01}`, false},
		{"leading plus", `{"a":+1}`, false},
		{"bare point", `{"a":1.}`, false},
		{"bare exponent", `{"a":1e}`, false},
		{"too large", `{"a":1e309}`, false},
		{"many digits", `{"a":` + strings.Repeat("9", 310) + `}`, false},
		{"control character", "{\"a\":\"\x01\"}", false},
		{"control character before an escape", "{\"a\":\"\x01\\n\"}", false},
		{"not UTF-8", "{\"a\":\"\xc3\"}", false},
		{"bad escape", `{"a":"\x"}`, false},
		{"short escape", `{"a":"\u12"}`, false},
		{"lone high surrogate", `{"a":"\ud800"}`, false},
		{"lone low surrogate", `{"a":"\udc00"}`, false},
		{"two high surrogates", `{"a":"\ud800\ud800"}`, false},
		{"word", `{"a":nul}`, false},
		{"byte order mark", "\ufeff{}", false},
	} {
		if _, err := Object(nil, []byte(tt.text)); (err == nil) != tt.ok || err != nil && !errors.Is(err, ErrSyntax) {
			t.Errorf("%s: error %v, want none: %v", tt.name, err, tt.ok)
		}
	}
}

// A part of a good line is no line, nor is one with something added.
func TestObjectCut(t *testing.T) {
	const line = `{"id":1,"op":"RoutingContext","rc_id":2,"x":[null,true,-1.5e3,{"a":"b\n\ud83d\ude00"}]}`
	if _, err := Object(nil, []byte(line)); err != nil {
		t.Fatal(err)
	}
	for i := range line {
		if _, err := Object(nil, []byte(line[:i])); err == nil {
			t.Errorf("%q is taken", line[:i])
		}
	}
	if _, err := Object(nil, []byte(line+"1")); err == nil {
		t.Error("a byte more is taken")
	}
}

// What is taken is JSON, with the members that encoding/json finds, and is not
// changed by reading.
func FuzzObject(f *testing.F) {
	for _, s := range []string{
		`{"id":1,"op":"Now","x":{"y":[1,2e3,"\u0041\ud83d\ude00"]}}`, `{"a":1,"a":2,"\u0061":"3"}`, `{}`, `{"a":-0}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		before := bytes.Clone(line)
		members, err := Object(nil, line)
		if !bytes.Equal(line, before) {
			t.Fatal("the input was changed")
		}
		if err != nil {
			return
		}
		var want map[string]any
		if err := json.Unmarshal(line, &want); err != nil {
			t.Fatalf("%q is taken; encoding/json: %v", line, err)
		}
		got := map[string]any{}
		for _, m := range members {
			var v any
			if err := json.Unmarshal(m.Raw, &v); err != nil {
				t.Fatalf("member %q is %q: %v", m.Name, m.Raw, err)
			}
			got[string(m.Name)] = v
			if m.Raw[0] == '"' {
				if s, ok := Text(m.Raw); !ok || string(s) != v {
					t.Fatalf("%q reads as %q, %v", m.Raw, s, ok)
				}
			}
		}
		if a, b := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)); !slices.Equal(a, b) || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%q: %v, want %v", line, got, want)
		}
	})
}

func TestList(t *testing.T) {
	var got []string
	err := List([]byte(` [ 1 , "a\n" , [ ] , {"b": [2]} , null ] `), func(raw []byte) { got = append(got, string(raw)) })
	if want := []string{"1", `"a\n"`, "[ ]", `{"b": [2]}`, "null"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	for _, text := range []string{"", "{}", "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1]]", "[\"\xff\"]", "null"} {
		if err := List([]byte(text), func([]byte) {}); !errors.Is(err, ErrSyntax) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestText(t *testing.T) {
	for raw, want := range map[string]string{`""`: "", `"a"`: "a", `"\"\u00e9\ud83d\ude00"`: "\"\u00e9\U0001f600"} {
		if got, ok := Text([]byte(raw)); !ok || string(got) != want {
			t.Errorf("%s: %q, %v", raw, got, ok)
		}
	}
	for _, raw := range []string{"", "1", "null", "[]", "{}", "true"} {
		if got, ok := Text([]byte(raw)); ok {
			t.Errorf("%s is the text %q", raw, got)
		}
	}
}
