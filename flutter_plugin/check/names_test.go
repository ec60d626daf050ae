package check

import (
	"bufio"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

// library is what one Dart file declares and what it can see.
type library struct {
	path     string
	tokens   []token
	declared map[string]bool
	imports  []reference
	exports  []reference
}

type reference struct {
	to         string // a path in the package, or a URI of another
	show, hide []string
	prefix     string
	line       int
}

// TestNames compares the names that files use with those that they can see: a Dart
// compiler would, but there is none where this is developed. It covers the names of
// types, and names that other files of the package declare.
func TestNames(t *testing.T) {
	libraries := map[string]*library{}
	for name, source := range files(t) {
		libraries[name] = read(name, source)
	}
	outside := outsideNames(t)
	everywhere := map[string]bool{} // declared at the top of any file here
	for _, l := range libraries {
		for name := range l.declared {
			everywhere[name] = true
		}
	}
	usedOutside := map[string]bool{}
	for name, l := range libraries {
		seen := map[string]bool{}
		for n := range l.declared {
			seen[n] = true
		}
		for n := range outside["dart:core"] {
			seen[n] = true
		}
		for _, r := range l.imports {
			names, known := visible(t, libraries, outside, r)
			if !known {
				t.Errorf("%s:%d imports %s, which is not there or not listed in testdata/outside.txt", name, r.line, r.to)
			}
			used := r.prefix != ""
			for n := range names {
				seen[n] = true
				used = used || uses(l, n)
			}
			if !used && !strings.HasPrefix(r.to, "dart:") && !extensionsOnly(r.to) {
				t.Errorf("%s:%d imports %s and uses nothing of it", name, r.line, r.to)
			}
		}
		for _, r := range l.exports {
			if _, known := visible(t, libraries, outside, r); !known {
				t.Errorf("%s:%d exports %s, which is not there", name, r.line, r.to)
			}
		}
		local := locals(l.tokens)
		for i, tok := range l.tokens {
			if tok.kind != word || seen[tok.text] || local[tok.text] || slices.Contains(keywords, tok.text) {
				continue
			}
			if i > 0 && l.tokens[i-1].text == "." || i+1 < len(l.tokens) && l.tokens[i+1].text == ":" {
				continue // a member of something, or a named argument
			}
			if isType(tok.text) || everywhere[tok.text] {
				t.Errorf("%s:%d uses %s, which it cannot see", name, tok.line, tok.text)
			}
		}
		for n := range outside["*"] {
			if uses(l, n) {
				usedOutside[n] = true
			}
		}
	}
}

// extensionsOnly are imports for the sake of extension methods.
func extensionsOnly(uri string) bool {
	return uri == "package:ffi/ffi.dart"
}

// keywords are no names.
var keywords = strings.Fields(`abstract as assert async await base break case catch class const continue default do
	else enum export extends extension external factory false final finally for get if implements import in interface
	is late library mixin new null on operator part required return sealed set show static super switch sync this
	throw true try typedef var void when while with yield`)

func isType(name string) bool {
	name = strings.TrimLeft(name, "_")
	return len(name) > 1 && name[0] >= 'A' && name[0] <= 'Z'
}

func uses(l *library, name string) bool {
	return slices.ContainsFunc(l.tokens, func(t token) bool { return t.kind == word && t.text == name })
}

// locals are names that a file declares in places other than its top: members,
// parameters, variables, type parameters. It may take too many for one.
func locals(list []token) map[string]bool {
	found := map[string]bool{}
	for i, t := range list {
		if t.kind != word || i == 0 {
			continue
		}
		before := list[i-1]
		after := token{}
		if i+1 < len(list) {
			after = list[i+1]
		}
		switch {
		case isType(t.text):
			// Type parameters: <T extends X>, <T>( of a function.
			if len(t.text) == 1 || before.text == "<" && after.text == "extends" {
				found[t.text] = true
			}
		case before.kind == word && !slices.Contains([]string{"return", "await", "throw", "in", "case", "is", "as", "else", "yield"}, before.text):
			found[t.text] = true // a type or a modifier, then the name
		case endsType(list, i-1):
			if slices.Contains([]string{"=", ";", ",", ")", "(", "{", "}", "in"}, after.text) {
				found[t.text] = true
			}
		case slices.Contains([]string{"(", ","}, before.text) && slices.Contains([]string{",", ")", "="}, after.text):
			found[t.text] = true // a parameter without a type, or an argument
		}
	}
	return found
}

// endsType reports whether the token at i may be the end of a type before a name.
func endsType(list []token, i int) bool {
	switch list[i].text {
	case "?", ")":
		return true
	case ">":
		return i > 0 && list[i-1].text != "=" // not =>
	}
	return false
}

// read finds what a file declares, imports and exports.
func read(name, source string) *library {
	l := &library{path: name, tokens: tokens(source), declared: map[string]bool{}}
	depth := 0
	for i := 0; i < len(l.tokens); i++ {
		t := l.tokens[i]
		if t.kind == symbol {
			switch t.text {
			case "{", "(", "[":
				depth++
			case "}", ")", "]":
				depth--
			}
			continue
		}
		if depth > 0 || t.kind != word {
			continue
		}
		switch t.text {
		case "import", "export":
			end := i
			for l.tokens[end].text != ";" {
				end++
			}
			for _, r := range references(name, l.tokens[i:end]) {
				if t.text == "import" {
					l.imports = append(l.imports, r)
				} else {
					l.exports = append(l.exports, r)
				}
			}
			l.tokens = slices.Delete(l.tokens, i, end+1) // its names are no uses
			i--
		case "class", "enum", "mixin", "typedef", "extension":
			j := i + 1
			for slices.Contains([]string{"type", "const", "class"}, l.tokens[j].text) {
				j++
			}
			l.declared[l.tokens[j].text] = true
		default:
			if slices.Contains(keywords, t.text) {
				continue
			}
			// What is followed by = ; ( or => at the top is declared by it.
			if i+1 < len(l.tokens) && slices.Contains([]string{"=", ";", "(", "<"}, l.tokens[i+1].text) &&
				i > 0 && (l.tokens[i-1].kind == word || endsType(l.tokens, i-1)) || i > 0 && l.tokens[i-1].text == "get" {
				l.declared[t.text] = true
			}
		}
	}
	return l
}

// references reads one import or export, with its alternatives.
func references(from string, list []token) (all []reference) {
	var r reference
	for i := 0; i < len(list); i++ {
		switch {
		case list[i].kind == text && (i == 1 || list[i-1].text == ")"):
			all = append(all, reference{to: resolve(from, list[i].text), line: list[i].line})
		case list[i].text == "show" || list[i].text == "hide":
			where := &r.show
			if list[i].text == "hide" {
				where = &r.hide
			}
			for i+1 < len(list) && list[i+1].text != "show" && list[i+1].text != "hide" {
				i++
				if list[i].kind == word {
					*where = append(*where, list[i].text)
				}
			}
		case list[i].text == "as":
			r.prefix = list[i+1].text
		}
	}
	for i := range all {
		all[i].show, all[i].hide, all[i].prefix = r.show, r.hide, r.prefix
	}
	return all
}

// resolve gives the path in this package of a URI, or the URI of another.
func resolve(from, uri string) string {
	if rest, ours := strings.CutPrefix(uri, "package:voile/"); ours {
		return "lib/" + rest
	}
	if rest, ours := strings.CutPrefix(uri, "package:voile_example/"); ours {
		return "example/lib/" + rest
	}
	if strings.Contains(uri, ":") {
		return uri
	}
	return path.Join(path.Dir(from), uri)
}

// visible gives the names that a reference makes visible.
func visible(t *testing.T, libraries map[string]*library, outside map[string]map[string]bool, r reference) (map[string]bool, bool) {
	names := map[string]bool{}
	if l, ours := libraries[r.to]; ours {
		for n := range l.declared {
			names[n] = n[0] != '_'
		}
		for _, e := range l.exports {
			more, _ := visible(t, libraries, outside, e)
			for n := range more {
				names[n] = true
			}
		}
	} else if list, known := outside[r.to]; known {
		for n := range list {
			names[n] = true
		}
	} else {
		return nil, false
	}
	for n, public := range names {
		if !public || r.show != nil && !slices.Contains(r.show, n) || slices.Contains(r.hide, n) {
			delete(names, n)
		}
	}
	for _, n := range append(r.show, r.hide...) {
		if l, ours := libraries[r.to]; ours && !l.declared[n] && len(l.exports) == 0 {
			t.Errorf("%s does not declare %s, which somebody shows or hides", r.to, n)
		}
	}
	return names, true
}

// outsideNames reads which names of other packages are used, by their library. The
// name "*" stands for all of them.
func outsideNames(t *testing.T) map[string]map[string]bool {
	f, err := os.Open("testdata/outside.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := map[string]map[string]bool{"*": {}}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		uri, names, _ := strings.Cut(lines.Text(), " ")
		if uri == "" || strings.HasPrefix(uri, "#") {
			continue
		}
		if all[uri] == nil {
			all[uri] = map[string]bool{}
		}
		for _, n := range strings.Fields(names) {
			all[uri][n], all["*"][n] = true, true
		}
	}
	return all
}
