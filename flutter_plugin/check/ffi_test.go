package check

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

const bindings = "lib/src/link/bindings.dart"

// headers are the C interface: its functions, structures and constants.
type headers struct {
	functions map[string]function
	structs   map[string][]field
	constants map[string]string
}

type function struct {
	result     string
	parameters []string
}

type field struct{ name, kind string }

var (
	comment   = regexp.MustCompile(`(?s)/\*.*?\*/`)
	declares  = regexp.MustCompile(`VOILE_API\s+([^;(]+?)(\w+)\(([^)]*)\);`)
	structure = regexp.MustCompile(`(?s)typedef struct (\w+) \{(.*?)\}\s*(\w+);`)
	constant  = regexp.MustCompile(`\b(VOILE_\w+) = ([0-9a-zu<( )]+)`)
	defined   = regexp.MustCompile(`#define (VOILE_\w+) (\d+)u?\s`)
)

func readHeaders(t *testing.T) headers {
	h := headers{map[string]function{}, map[string][]field{}, map[string]string{}}
	for _, name := range []string{"voile.h", "voile_dart.h", "voile_codes.h"} {
		content, err := os.ReadFile("../../bind/clib/" + name)
		if err != nil {
			t.Fatal(err)
		}
		source := comment.ReplaceAllString(string(content), " ")
		for _, m := range declares.FindAllStringSubmatch(source, -1) {
			f := function{result: ffiType(t, m[1])}
			for _, p := range strings.Split(m[3], ",") {
				if p = strings.TrimSpace(p); p != "void" && p != "" {
					_, kind := parameter(t, p)
					f.parameters = append(f.parameters, kind)
				}
			}
			h.functions[m[2]] = f
		}
		for _, m := range structure.FindAllStringSubmatch(source, -1) {
			var fields []field
			for _, line := range strings.Split(m[2], ";") {
				if line = strings.TrimSpace(line); line != "" {
					name, kind := parameter(t, line)
					fields = append(fields, field{name, kind})
				}
			}
			h.structs[m[3]] = fields
		}
		for _, m := range constant.FindAllStringSubmatch(source, -1) {
			h.constants[m[1]] = strings.TrimSpace(m[2])
		}
		for _, m := range defined.FindAllStringSubmatch(source, -1) {
			h.constants[m[1]] = m[2]
		}
	}
	if len(h.functions) < 25 || len(h.constants) < 20 {
		t.Fatalf("%d functions and %d constants were read from the headers: they have another form", len(h.functions), len(h.constants))
	}
	return h
}

// parameter splits a declaration of C in its name and its type in dart:ffi.
func parameter(t *testing.T, declaration string) (name, kind string) {
	if strings.Contains(declaration, "(*") { // a pointer to a function
		return regexp.MustCompile(`\(\*(\w+)\)`).FindStringSubmatch(declaration)[1], "Pointer<Void>"
	}
	at := strings.LastIndexFunc(declaration, func(r rune) bool { return r == ' ' || r == '*' }) + 1
	return declaration[at:], ffiType(t, declaration[:at])
}

// ffiType is the type in dart:ffi of one in C.
func ffiType(t *testing.T, c string) string {
	c = strings.Join(strings.Fields(strings.ReplaceAll(strings.ReplaceAll(c, "const ", ""), "*", " * ")), " ")
	types := map[string]string{
		"void": "Void", "int32_t": "Int32", "uint32_t": "Uint32", "int64_t": "Int64", "uint64_t": "Uint64",
		"size_t": "Size", "voile_handle": "Int64", "char": "Utf8", "uint8_t": "Uint8",
		"voile_bytes": "VoileBytes", "voile_options": "VoileOptions", "voile_event_fn": "Pointer<Void>", "voile_log_fn": "Pointer<Void>",
		// Not used from Dart.
		"voile_event": "Void", "voile_store": "Void", "voile_counts": "Void",
	}
	base, stars := strings.TrimSpace(strings.ReplaceAll(c, "*", "")), strings.Count(c, "*")
	kind, known := types[base]
	if !known {
		t.Fatalf("there is no type of dart:ffi for %q", c)
	}
	for range stars {
		kind = "Pointer<" + kind + ">"
	}
	return kind
}

// dartOf is the type that a Dart declaration has for a type of dart:ffi.
func dartOf(ffi string) string {
	switch {
	case strings.HasPrefix(ffi, "Pointer<"):
		return ffi
	case ffi == "Void":
		return "void"
	}
	return "int"
}

// externals reads the functions of the bindings: by their symbol, what they are in C
// and how Dart declares them.
func externals(t *testing.T) (native, declared map[string]function) {
	native, declared = map[string]function{}, map[string]function{}
	list := tokens(files(t)[bindings])
	for i := 0; i < len(list); i++ {
		if !is(list, i, "@", "Native", "<") {
			continue
		}
		end := closing(list, i+2)
		kind := list[i+3 : end]
		at := 0
		for !is(kind, at, "Function", "(") {
			at++
		}
		f := function{result: join(kind[:at])}
		for _, p := range split(kind[at+2 : len(kind)-1]) {
			f.parameters = append(f.parameters, join(p))
		}
		if !is(list, end+1, "(", "symbol", ":") {
			t.Fatalf("%s:%d: no symbol", bindings, list[i].line)
		}
		symbol := list[end+4].text
		for !is(list, i, "external") {
			i++
		}
		start := i + 1
		for list[i].text != "(" {
			i++
		}
		d := function{result: join(list[start : i-1])}
		for _, p := range split(list[i+1 : closing(list, i)]) {
			d.parameters = append(d.parameters, join(p[:len(p)-1]))
		}
		if want := camel(symbol); list[i-1].text != want {
			t.Errorf("%s is declared as %s, want %s", symbol, list[i-1].text, want)
		}
		native[symbol], declared[symbol] = f, d
	}
	if len(native) < 10 {
		t.Fatalf("%d functions were found in the bindings", len(native))
	}
	return native, declared
}

func TestFunctions(t *testing.T) {
	h := readHeaders(t)
	native, declared := externals(t)
	for symbol, f := range native {
		c, known := h.functions[symbol]
		if !known {
			t.Errorf("%s is in no header", symbol)
			continue
		}
		if got, want := f.result+strings.Join(f.parameters, ","), c.result+strings.Join(c.parameters, ","); got != want {
			t.Errorf("@Native of %s is (%s) → %s, the header has (%s) → %s", symbol, strings.Join(f.parameters, ", "), f.result, strings.Join(c.parameters, ", "), c.result)
		}
		d := declared[symbol]
		if dartOf(c.result) != d.result || len(c.parameters) != len(d.parameters) {
			t.Errorf("%s is declared as (%s) → %s", symbol, strings.Join(d.parameters, ", "), d.result)
			continue
		}
		for i, p := range c.parameters {
			if dartOf(p) != d.parameters[i] {
				t.Errorf("%s: parameter %d is declared as %s, want %s", symbol, i, d.parameters[i], dartOf(p))
			}
		}
	}
}

func TestStructures(t *testing.T) {
	h := readHeaders(t)
	list := tokens(files(t)[bindings])
	for c, name := range map[string]string{"voile_bytes": "VoileBytes", "voile_options": "VoileOptions"} {
		var got []field
		var note string
		fields := body(t, list, "class", name)
		for i := 0; i < len(fields); i++ {
			switch {
			case fields[i].text == "@":
				note = fields[i+1].text
			case fields[i].text == "external":
				end := i
				for fields[end].text != ";" {
					end++
				}
				f := field{fields[end-1].text, join(fields[i+1 : end-1])}
				if f.kind == "int" {
					f.kind = note
				}
				got, note, i = append(got, f), "", end
			}
		}
		want := h.structs[c]
		if len(want) == 0 || len(got) != len(want) {
			t.Errorf("%s has %d fields, %s has %d", name, len(got), c, len(want))
			continue
		}
		for i, f := range want {
			kind := f.kind
			if strings.HasPrefix(kind, "Pointer<Pointer") {
				kind = "Pointer<Void>"
			}
			if got[i].name != camel(f.name) || got[i].kind != kind {
				t.Errorf("field %d of %s is %s %s, want %s %s", i, name, got[i].kind, got[i].name, kind, camel(f.name))
			}
		}
	}
}

func TestConstants(t *testing.T) {
	h := readHeaders(t)
	list := tokens(files(t)[bindings])
	checked := 0
	for i := range list {
		if !is(list, i, "const", "int") {
			continue
		}
		name, value := list[i+2].text, list[i+4].text
		c := strings.ToUpper(snake(name))
		if c == "VOILE_ABI_VERSION" {
			c = "VOILE_ABI"
		}
		want, known := h.constants[c]
		if want == "1u << 0" {
			want = "1"
		}
		if !known || want != value {
			t.Errorf("%s is %s, %s of the headers is %q", name, value, c, want)
		}
		checked++
	}
	if checked < 10 {
		t.Errorf("%d constants were checked", checked)
	}
	hook := files(t)["lib/src/hook/prebuilt.dart"]
	if !strings.Contains(hook, "const int _abi = "+h.constants["VOILE_ABI"]+";") {
		t.Errorf("the build hook wants another interface than %s", h.constants["VOILE_ABI"])
	}
}
