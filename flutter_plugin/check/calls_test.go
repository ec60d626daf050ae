package check

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// signature is what a function or a constructor takes.
type signature struct {
	needed, most int // arguments with a place
	named        map[string]bool
	required     []string
}

// signatureOf reads the parameters between two parentheses.
func signatureOf(list []token) signature {
	s := signature{named: map[string]bool{}}
	for _, p := range split(list) {
		switch p[0].text {
		case "{":
			for _, n := range split(p[1 : len(p)-1]) {
				name, required := parameterName(n), n[0].text == "required" || len(n) > 3 && n[0].text == "@"
				s.named[name] = true
				if required {
					s.required = append(s.required, name)
				}
			}
		case "[":
			s.most += len(split(p[1 : len(p)-1]))
		default:
			s.needed++
			s.most++
		}
	}
	return s
}

// parameterName is the last word before a default value, or before the parameters of
// a function that is the parameter.
func parameterName(list []token) (name string) {
	for i, t := range list {
		if t.text == "=" {
			break
		}
		if t.kind == word && !(t.text == "Function" && is(list, i+1, "(")) {
			name = t.text
		}
		if t.text == "(" && i > 0 && list[i-1].text != "Function" {
			break
		}
	}
	return name
}

// takes says what is wrong with a call; "": nothing.
func (s signature) takes(list []token) string {
	at := 0
	given := map[string]bool{}
	for _, a := range split(list) {
		if len(a) > 1 && a[0].kind == word && a[1].text == ":" {
			given[a[0].text] = true
			if !s.named[a[0].text] {
				return fmt.Sprintf("there is no parameter %s", a[0].text)
			}
			continue
		}
		at++
	}
	if at < s.needed || at > s.most {
		return fmt.Sprintf("%d arguments, want %d to %d", at, s.needed, s.most)
	}
	for _, name := range s.required {
		if !given[name] {
			return fmt.Sprintf("the parameter %s is missing", name)
		}
	}
	return ""
}

// signatures are those of the constructors and the methods of the package by name:
// "Class", "Class.named", ".method".
func signatures(t *testing.T) map[string][]signature {
	all := map[string][]signature{}
	for name, source := range files(t) {
		if strings.HasPrefix(name, "test/") || strings.Contains(name, "/test/") {
			continue
		}
		list := tokens(source)
		for i := range list {
			if list[i].text != "class" && list[i].text != "enum" && !is(list, i, "extension", "type") {
				continue
			}
			at := i + 1
			for slices.Contains([]string{"type", "const"}, list[at].text) {
				at++
			}
			class := list[at].text
			start := at
			for list[start].text != "{" && list[start].text != ";" {
				start++
			}
			if list[start].text == ";" {
				continue
			}
			if list[i].text == "extension" && (list[at+1].text == "(" || is(list, at+1, ".", "_", "(")) {
				one := signature{needed: 1, most: 1}
				all[class], all[class+"._"] = append(all[class], one), append(all[class+"._"], one)
			}
			end := closing(list, start)
			members(list[start+1:end], class, all)
		}
	}
	// A class without a constructor has one without parameters.
	for name, source := range files(t) {
		for list, i := tokens(source), 0; i+1 < len(list); i++ {
			if class := list[i+1].text; list[i].text == "class" && !strings.HasPrefix(name, "test/") && all[class] == nil {
				all[class] = []signature{{}}
			}
		}
	}
	return all
}

// members adds what a class declares.
func members(list []token, class string, all map[string][]signature) {
	depth := 0
	for i, tok := range list {
		if tok.kind == symbol {
			switch tok.text {
			case "(", "[", "{":
				depth++
			case ")", "]", "}":
				depth--
			}
			continue
		}
		if depth > 0 || tok.kind != word || !is(list, i+1, "(") || i > 0 && slices.Contains([]string{"=", ":", ">", "?", ",", "."}, list[i-1].text) && !is(list, i-2, class, ".") && !endsType(list, i-1) {
			continue
		}
		inside := list[i+2 : closing(list, i+1)]
		switch {
		case tok.text == class:
			all[class] = append(all[class], signatureOf(inside))
		case is(list, i-2, class, "."):
			all[class+"."+tok.text] = append(all[class+"."+tok.text], signatureOf(inside))
		case i > 0 && (list[i-1].kind == word || endsType(list, i-1)):
			all["."+tok.text] = append(all["."+tok.text], signatureOf(inside))
			all[class+"."+tok.text] = append(all[class+"."+tok.text], signatureOf(inside)) // static ones
		}
	}
}

// elsewhere are methods that classes of other packages have too, with other
// parameters.
var elsewhere = []string{
	"add", "call", "close", "complete", "get", "listen", "read", "resolve", "set", "store", "toString", "watch", "write",
	"remove", "start", "stop", "load", "save", "delete", "build", "dispose", "of", "update", "list", "value", "text",
	"number", "contains", "compareTo", "toJson", "fromJson", "check", "join", "run", "send", "end", "change", "create",
	"attach", "detach",
}

// TestCalls compares what calls give with what the package declares: the number of
// arguments, and their names. A Dart compiler would; it knows nothing of types.
func TestCalls(t *testing.T) {
	all := signatures(t)
	classes := map[string]bool{}
	for name := range all {
		if class, _, _ := strings.Cut(name, "."); class != "" {
			classes[class] = true
		}
	}
	// The types that stand for others.
	for _, alias := range strings.Fields("PublicKey SecretKey SharedSecret Signature HashDigest NodeId RouteId MemberId OpaqueRecordKey EncapsulationKey DecapsulationKey") {
		for name, s := range all {
			if rest, ok := strings.CutPrefix(name, "Typed"); ok && (rest == "" || rest[0] == '.') {
				all[alias+rest] = s
			}
		}
		classes[alias] = true
	}
	checked := 0
	for name, source := range files(t) {
		list := tokens(source)
		for i, tok := range list {
			if tok.kind != word || !is(list, i+1, "(") {
				continue
			}
			key := ""
			switch {
			case i > 1 && list[i-1].text == "." && classes[list[i-2].text]:
				key = list[i-2].text + "." + tok.text
			case i > 0 && list[i-1].text == "." && !slices.Contains(elsewhere, tok.text):
				key = "." + tok.text
			case classes[tok.text] && i > 0 && list[i-1].text != ".":
				key = tok.text
			}
			end := closing(list, i+1)
			// A declaration, or a pattern with the fields of an object.
			if key == "" || isDeclaration(list, i, end) || is(list, i+2, ":") {
				continue
			}
			known := all[key]
			if known == nil {
				if key[0] != '.' {
					t.Errorf("%s:%d calls %s, which there is not", name, tok.line, key)
				}
				continue
			}
			problem := ""
			for _, s := range known {
				if problem = s.takes(list[i+2 : end]); problem == "" {
					break
				}
			}
			if problem != "" {
				t.Errorf("%s:%d calls %s: %s", name, tok.line, strings.TrimPrefix(key, "."), problem)
			}
			checked++
		}
	}
	if checked < 500 {
		t.Errorf("%d calls were checked", checked)
	}
}

// isDeclaration reports whether what is at i is no call: parameters with a body or an
// initializer behind them, or a pattern.
func isDeclaration(list []token, i, end int) bool {
	inside := list[i+2 : end]
	for _, t := range inside {
		if t.text == "this" && len(inside) > 1 || t.text == "super" {
			return true
		}
	}
	if end+1 < len(list) && (list[end+1].text == "{" || is(list, end+1, "=", ">") || list[end+1].text == "async") {
		return true
	}
	if i > 0 && (list[i-1].text == "case" || list[i-1].text == "|") {
		return true // a pattern
	}
	if i > 0 && (list[i-1].text == "factory" || i > 2 && (list[i-3].text == "factory" || list[i-3].text == "external")) {
		return true
	}
	return end+1 < len(list) && list[end+1].text == ":" && len(inside) > 0 && inside[len(inside)-1].text == "}"
}

// TestStatics looks for what is named after a class or an enum of the package, such as
// ErrorCode.tryAgain, in that class.
func TestStatics(t *testing.T) {
	bodies := map[string][]token{}
	sources := files(t)
	for name, source := range sources {
		if strings.HasPrefix(name, "test/") || strings.Contains(name, "/test/") {
			continue
		}
		list := tokens(source)
		for i := range list {
			if (list[i].text == "class" || list[i].text == "enum") && list[i+1].kind == word {
				bodies[list[i+1].text] = body(t, list, list[i].text, list[i+1].text)
			}
		}
	}
	checked := 0
	for name, source := range sources {
		list := tokens(source)
		for i := range list {
			inside := bodies[list[i].text]
			if inside == nil || !is(list, i+1, ".") || list[i+2].kind != word || i > 0 && list[i-1].text == "." {
				continue
			}
			member := list[i+2].text
			if member == "values" || member == "new" {
				continue
			}
			checked++
			if !slices.ContainsFunc(inside, func(tok token) bool { return tok.kind == word && tok.text == member }) {
				t.Errorf("%s:%d: %s has no %s", name, list[i].line, list[i].text, member)
			}
		}
	}
	if checked < 100 {
		t.Errorf("%d names were checked", checked)
	}
}
