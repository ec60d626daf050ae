package check

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// root is the folder of the Dart package.
const root = ".."

// kind says what a token is.
type kind uint8

const (
	word   kind = iota // an identifier, a keyword or a number
	text               // a string, without its quotes; what is in ${…} follows as tokens
	symbol             // one character of the rest
)

type token struct {
	kind kind
	text string
	line int
}

// tokens splits a Dart source. Comments are left out; a string in pieces because of
// interpolation is one text with its pieces joined by $, then the tokens of what is
// interpolated.
func tokens(source string) (list []token) {
	s := scanner{source: source, line: 1}
	for s.at < len(source) {
		list = append(list, s.next()...)
	}
	return list
}

type scanner struct {
	source string
	at     int
	line   int
}

func (s *scanner) peek(offset int) byte {
	if s.at+offset < len(s.source) {
		return s.source[s.at+offset]
	}
	return 0
}

func (s *scanner) next() []token {
	c := s.source[s.at]
	switch {
	case c == '\n':
		s.line++
		s.at++
	case unicode.IsSpace(rune(c)):
		s.at++
	case c == '/' && s.peek(1) == '/':
		for s.at < len(s.source) && s.source[s.at] != '\n' {
			s.at++
		}
	case c == '\'' || c == '"':
		return s.text(false)
	case c == 'r' && (s.peek(1) == '\'' || s.peek(1) == '"'):
		s.at++
		return s.text(true)
	case isWord(c):
		start := s.at
		for s.at < len(s.source) && isWord(s.source[s.at]) {
			s.at++
		}
		return []token{{word, s.source[start:s.at], s.line}}
	default:
		s.at++
		return []token{{symbol, string(c), s.line}}
	}
	return nil
}

func isWord(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// text reads a string that begins here.
func (s *scanner) text(raw bool) []token {
	line, quote := s.line, s.source[s.at:s.at+1]
	if strings.HasPrefix(s.source[s.at:], strings.Repeat(quote, 3)) {
		quote = strings.Repeat(quote, 3)
	}
	s.at += len(quote)
	var content strings.Builder
	var inside []token
	for s.at < len(s.source) && !strings.HasPrefix(s.source[s.at:], quote) {
		c := s.source[s.at]
		switch {
		case c == '\\' && !raw:
			content.WriteString(s.source[s.at : s.at+2])
			s.at += 2
		case c == '$' && !raw && s.peek(1) == '{':
			content.WriteByte('$')
			s.at += 2
			for depth := 1; depth > 0; {
				for _, t := range s.next() {
					switch t.text {
					case "{":
						depth++
					case "}":
						depth--
					}
					if depth > 0 {
						inside = append(inside, t)
					}
				}
			}
		case c == '$' && !raw:
			content.WriteByte('$')
			s.at++
			start := s.at
			for s.at < len(s.source) && isWord(s.source[s.at]) && s.source[s.at] != '$' {
				s.at++
			}
			inside = append(inside, token{word, s.source[start:s.at], s.line})
		default:
			if c == '\n' {
				s.line++
			}
			content.WriteByte(c)
			s.at++
		}
	}
	s.at += len(quote)
	return append([]token{{text, content.String(), line}}, inside...)
}

// files are the Dart files of the package, by their path in it.
func files(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{".dart_tool", "build", "check", "node_modules"}, d.Name()) {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".dart" {
			return nil
		}
		content, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		found[filepath.ToSlash(name)] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 40 {
		t.Fatalf("%d Dart files were found, want all of them", len(found))
	}
	return found
}

// closing gives the index of the bracket that closes the one at i.
func closing(list []token, i int) int {
	pairs := map[string]string{"(": ")", "[": "]", "{": "}", "<": ">"}
	open, end, depth := list[i].text, pairs[list[i].text], 0
	for j := i; j < len(list); j++ {
		if list[j].kind != symbol {
			continue
		}
		switch list[j].text {
		case open:
			depth++
		case end:
			if depth--; depth == 0 {
				return j
			}
		}
	}
	return len(list) - 1
}

// is reports whether the tokens from i on are these.
func is(list []token, i int, want ...string) bool {
	if i < 0 || i+len(want) > len(list) {
		return false
	}
	for k, w := range want {
		if list[i+k].text != w {
			return false
		}
	}
	return true
}

// body gives the tokens between the braces of a class or an enum.
func body(t *testing.T, list []token, sort, name string) []token {
	t.Helper()
	for i := range list {
		if is(list, i, sort, name) {
			for j := i; j < len(list); j++ {
				if list[j].kind == symbol && list[j].text == "{" {
					return list[j+1 : closing(list, j)]
				}
			}
		}
	}
	t.Fatalf("there is no %s %s", sort, name)
	return nil
}

// join writes tokens with single spaces where words would run into each other.
func join(list []token) string {
	var b strings.Builder
	for i, t := range list {
		if i > 0 && t.kind == word && list[i-1].kind == word {
			b.WriteByte(' ')
		}
		if t.kind == text {
			b.WriteString("'" + t.text + "'")
			continue
		}
		b.WriteString(t.text)
	}
	return b.String()
}

// split cuts tokens at the commas outside of brackets.
func split(list []token) (parts [][]token) {
	depth, start := 0, 0
	for i, t := range list {
		if t.kind != symbol {
			continue
		}
		switch t.text {
		case "(", "[", "{", "<":
			depth++
		case ")", "]", "}":
			depth--
		case ">":
			if i == 0 || list[i-1].text != "=" { // not =>
				depth--
			}
		case ",":
			if depth == 0 {
				parts = append(parts, list[start:i])
				start = i + 1
			}
		}
	}
	if start < len(list) {
		parts = append(parts, list[start:])
	}
	return parts
}
