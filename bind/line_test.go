package bind

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestParseObject(t *testing.T) {
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
		if _, err := parseObject(nil, []byte(tt.text)); (err == nil) != tt.ok || err != nil && !errors.Is(err, errSyntax) {
			t.Errorf("%s: error %v, want none: %v", tt.name, err, tt.ok)
		}
	}
}

// A part of a good line is no line, nor is one with something added.
func TestParseObjectCut(t *testing.T) {
	const line = `{"id":1,"op":"RoutingContext","rc_id":2,"x":[null,true,-1.5e3,{"a":"b\n\ud83d\ude00"}]}`
	if _, err := parseObject(nil, []byte(line)); err != nil {
		t.Fatal(err)
	}
	for i := range line {
		if _, err := parseObject(nil, []byte(line[:i])); err == nil {
			t.Errorf("%q is taken", line[:i])
		}
	}
	if _, err := parseObject(nil, []byte(line+"1")); err == nil {
		t.Error("a byte more is taken")
	}
}

// What is taken is JSON, with the members that encoding/json finds, and is not
// changed by reading.
func FuzzParseObject(f *testing.F) {
	for _, s := range []string{
		`{"id":1,"op":"Now","x":{"y":[1,2e3,"\u0041\ud83d\ude00"]}}`, `{"a":1,"a":2,"\u0061":"3"}`, `{}`, `{"a":-0}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		before := bytes.Clone(line)
		members, err := parseObject(nil, line)
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
			if err := json.Unmarshal(m.raw, &v); err != nil {
				t.Fatalf("member %q is %q: %v", m.name, m.raw, err)
			}
			got[string(m.name)] = v
			if m.raw[0] == '"' {
				if s, err := readText(m.raw); err != nil || s != v {
					t.Fatalf("%q reads as %q, %v", m.raw, s, err)
				}
			}
		}
		if a, b := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)); !slices.Equal(a, b) || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%q: %v, want %v", line, got, want)
		}
	})
}

func TestNumbers(t *testing.T) {
	for raw, want := range map[string]bool{
		"0": true, "4294967295": true, "4294967296": false, "-0": false, "-1": false, "1.0": false, "1e2": false,
		"null": false, `"1"`: false, "true": false,
	} {
		if _, err := readU32([]byte(raw)); (err == nil) != want {
			t.Errorf("u32 of %s: %v", raw, err)
		}
	}
	for raw, want := range map[string]bool{
		`"0"`: true, `"18446744073709551615"`: true, `"18446744073709551616"`: false, `""`: false, `"+1"`: false, `"-1"`: false,
		"1": false, "null": false,
	} {
		if _, err := readDecimal([]byte(raw)); (err == nil) != want {
			t.Errorf("decimal of %s: %v", raw, err)
		}
	}
}

func TestPayload(t *testing.T) {
	for raw, want := range map[string]bool{
		`""`: true, `"AA"`: true, `"-_8"`: true, `"AA=="`: false, `"A"`: false, `"AB"`: false, `"+/8"`: false, `"AA\n"`: false,
		`" AA"`: false, `"\u0041A"`: true, `null`: false,
	} {
		if _, err := readBase64([]byte(raw)); (err == nil) != want {
			t.Errorf("payload of %s: %v", raw, err)
		}
	}
}

// The form of a key decides whether the request is one, its length whether the
// operation succeeds; a wrong length does not excuse a wrong form.
func TestKeyTexts(t *testing.T) {
	full := base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	for _, tt := range []struct {
		text       string
		form, good bool
	}{
		{"VLD0:" + full + ":" + full, true, true},
		{full + ":" + full, true, true},
		{"VLD0::", true, false},
		{"VLD0:AA:" + full, true, false},
		{"VLD0:" + full + ":AA", true, false},
		{"VLD0:AA:!", false, false},
		{"VLD0:AA:AA:AA", false, false},
		{"VLD0:AA", false, false},
		{"", false, false},
	} {
		k, err := readPair([]byte(`"` + tt.text + `"`))
		if (err == nil) != tt.form || err == nil && (k.length == nil) != tt.good {
			t.Errorf("%s: error %v, length %v", tt.text, err, k.length)
		}
	}
}

func TestHandles(t *testing.T) {
	var h handles[string]
	for i, name := range []string{"a", "b", "c"} {
		if id := h.add(name); id != uint32(i+1) {
			t.Errorf("id %d, want %d", id, i+1)
		}
	}
	if v, ok := h.remove(2); !ok || v != "b" {
		t.Errorf("remove: %q %v", v, ok)
	}
	if _, ok := h.remove(2); ok {
		t.Error("removed twice")
	}
	for _, id := range []uint32{0, 2, 4, 1<<32 - 1} {
		if _, ok := h.get(id); ok {
			t.Errorf("there is an object %d", id)
		}
	}
	if a, b := h.add("d"), h.add("e"); a != 2 || b != 4 {
		t.Errorf("ids %d and %d, want 2 and 4", a, b)
	}
	if n := h.count(); n != 4 {
		t.Errorf("%d objects, want 4", n)
	}
}
