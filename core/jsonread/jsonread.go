// Package jsonread reads JSON that others wrote: requests, bootstrap answers,
// configurations. encoding/json lets pass what the original refuses (lone surrogates,
// bytes that are not UTF-8, names in another case, null for a number: spec 07 §5.2) and
// goes over a large text several times. Here a text is scanned once: all of it is
// checked, and the values in it are cut out as they stand. It is also a twentieth of the
// size, which counts in the module for browsers.
//
// Nothing is kept and nothing changed; a count or a size is for the caller to bound. The
// package imports the standard library alone, without encoding/json.
package jsonread

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth is the deepest nesting that is read, as in the original (spec 07 §5.2). It
// bounds the stack.
const MaxDepth = 127

// ErrSyntax: a text is not what it should be. The error says what is wrong, and where.
var ErrSyntax = errors.New("not valid JSON")

// Member is one field of an object. Both slices are parts of the text, but for a
// name with escapes. Raw has no space around it, and at least one byte.
type Member struct{ Name, Raw []byte }

// Object cuts a text that is one JSON object into its members, which it appends to
// dst in their order; one name may come several times. Every byte of the text has been
// checked when it succeeds. Errors wrap [ErrSyntax].
func Object(dst []Member, text []byte) ([]Member, error) {
	s := scanner{text: text}
	if err := s.begin('{', "no object"); err != nil {
		return nil, err
	}
	if err := s.object(func(name, raw []byte) { dst = append(dst, Member{name, raw}) }); err != nil {
		return nil, err
	}
	if err := s.end(); err != nil {
		return nil, err
	}
	return dst, nil
}

// List calls each with the elements of a text that is one JSON array. Whether the text
// is right is known at the end only. Errors wrap [ErrSyntax].
func List(text []byte, each func(raw []byte)) error {
	s := scanner{text: text}
	if err := s.begin('[', "no array"); err != nil {
		return err
	}
	if err := s.array(each); err != nil {
		return err
	}
	return s.end()
}

// Text is the content of a value that [Object] or [List] has cut out and that is a
// string: a part of raw if it has no escapes.
func Text(raw []byte) (text []byte, ok bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return nil, false
	}
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') >= 0 {
		return unescape(inner), true
	}
	return inner, true
}

// scanner walks over JSON text and checks it.
type scanner struct {
	text  []byte
	at    int
	depth int
}

// begin finds the first byte of a text that is one value.
func (s *scanner) begin(first byte, otherwise string) error {
	if !utf8.Valid(s.text) {
		return fmt.Errorf("%w: not UTF-8", ErrSyntax)
	}
	if s.space(); s.peek() != first {
		return fmt.Errorf("%w: %s", ErrSyntax, otherwise)
	}
	return nil
}

func (s *scanner) end() error {
	if s.space(); s.at != len(s.text) {
		return s.fault("text after the end")
	}
	return nil
}

func (s *scanner) fault(what string) error {
	return fmt.Errorf("%w: %s at byte %d", ErrSyntax, what, s.at)
}

func (s *scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// peek is the next byte, or 0 at the end.
func (s *scanner) peek() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

func (s *scanner) enter() error {
	s.at++
	if s.depth++; s.depth > MaxDepth {
		return s.fault("nested too deeply")
	}
	return nil
}

// object scans from '{' to behind '}'. each may be nil.
func (s *scanner) object(each func(name, raw []byte)) error {
	if err := s.enter(); err != nil {
		return err
	}
	for first := true; ; first = false {
		s.space()
		switch {
		case s.peek() == '}' && first:
			s.at++
			s.depth--
			return nil
		case s.peek() != '"':
			return s.fault("no name of a field")
		}
		nameAt := s.at
		escaped, err := s.str()
		if err != nil {
			return err
		}
		name := s.text[nameAt+1 : s.at-1]
		if escaped {
			name = unescape(name)
		}
		if s.space(); s.peek() != ':' {
			return s.fault("no colon")
		}
		s.at++
		s.space()
		valueAt := s.at
		if err := s.value(); err != nil {
			return err
		}
		if each != nil {
			each(name, s.text[valueAt:s.at])
		}
		s.space()
		switch s.peek() {
		case ',':
			s.at++
		case '}':
			s.at++
			s.depth--
			return nil
		default:
			return s.fault("object without end")
		}
	}
}

// array scans from '[' to behind ']'. each may be nil.
func (s *scanner) array(each func(raw []byte)) error {
	if err := s.enter(); err != nil {
		return err
	}
	for first := true; ; first = false {
		if s.space(); s.peek() == ']' && first {
			s.at++
			s.depth--
			return nil
		}
		valueAt := s.at
		if err := s.value(); err != nil {
			return err
		}
		if each != nil {
			each(s.text[valueAt:s.at])
		}
		s.space()
		switch s.peek() {
		case ',':
			s.at++
		case ']':
			s.at++
			s.depth--
			return nil
		default:
			return s.fault("array without end")
		}
	}
}

func (s *scanner) value() error {
	switch c := s.peek(); {
	case c == '{':
		return s.object(nil)
	case c == '[':
		return s.array(nil)
	case c == '"':
		_, err := s.str()
		return err
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	}
	for _, word := range []string{"null", "true", "false"} {
		if bytes.HasPrefix(s.text[s.at:], []byte(word)) {
			s.at += len(word)
			return nil
		}
	}
	return s.fault("no value")
}

// str scans a string with its quotes. Most have no escapes, and are searched for
// their end at once; from the first escape on it goes byte by byte.
func (s *scanner) str() (escaped bool, err error) {
	s.at++
	if end := bytes.IndexByte(s.text[s.at:], '"'); end >= 0 {
		part := s.text[s.at : s.at+end]
		if back := bytes.IndexByte(part, '\\'); back >= 0 {
			part = part[:back]
		}
		if c := indexControl(part); c >= 0 {
			s.at += c
			return false, s.fault("control character")
		}
		s.at += len(part)
	}
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			return escaped, nil
		case c < 0x20:
			return false, s.fault("control character")
		case c == '\\':
			escaped = true
			if err := s.escape(); err != nil {
				return false, err
			}
		default:
			s.at++
		}
	}
	return false, s.fault("string without end")
}

// indexControl finds a byte below 0x20.
func indexControl(text []byte) int {
	for i, c := range text {
		if c < 0x20 {
			return i
		}
	}
	return -1
}

// escape scans one escape, or two that make a surrogate pair.
func (s *scanner) escape() error {
	if s.at+1 >= len(s.text) {
		return s.fault("cut escape")
	}
	switch s.text[s.at+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.at += 2
		return nil
	case 'u':
		r, ok := hex4(s.text[s.at:])
		switch {
		case !ok:
			return s.fault("bad escape")
		case !utf16.IsSurrogate(r):
			s.at += 6
			return nil
		}
		if r2, ok := hex4(s.text[s.at+6:]); ok && utf16.DecodeRune(r, r2) != utf8.RuneError {
			s.at += 12
			return nil
		}
		return s.fault("lone surrogate")
	}
	return s.fault("bad escape")
}

// hex4 reads the \uXXXX that text starts with.
func hex4(text []byte) (rune, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	return rune(n), err == nil
}

// unescape decodes a string, without its quotes, that has been scanned.
func unescape(text []byte) []byte {
	plain := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			plain = append(plain, text[i])
			continue
		}
		i++
		switch text[i] {
		case 'b':
			plain = append(plain, '\b')
		case 'f':
			plain = append(plain, '\f')
		case 'n':
			plain = append(plain, '\n')
		case 'r':
			plain = append(plain, '\r')
		case 't':
			plain = append(plain, '\t')
		case 'u':
			r, _ := hex4(text[i-1:])
			i += 4
			if utf16.IsSurrogate(r) {
				r2, _ := hex4(text[i+1:])
				r = utf16.DecodeRune(r, r2)
				i += 6
			}
			plain = utf8.AppendRune(plain, r)
		default:
			plain = append(plain, text[i])
		}
	}
	return plain
}

// number scans a number and refuses one that a float64 cannot hold, as the
// original does even in fields that nobody reads.
func (s *scanner) number() error {
	start := s.at
	if s.peek() == '-' {
		s.at++
	}
	switch c := s.peek(); {
	case c == '0':
		s.at++
	case c >= '1' && c <= '9':
		s.digits()
	default:
		return s.fault("bad number")
	}
	if c := s.peek(); c >= '0' && c <= '9' {
		return s.fault("bad number")
	}
	integer := true
	if s.peek() == '.' {
		integer = false
		s.at++
		if !s.digits() {
			return s.fault("bad number")
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		integer = false
		s.at++
		if c := s.peek(); c == '+' || c == '-' {
			s.at++
		}
		if !s.digits() {
			return s.fault("bad number")
		}
	}
	if integer && s.at-start < 300 {
		return nil
	}
	if _, err := strconv.ParseFloat(string(s.text[start:s.at]), 64); err != nil {
		return s.fault("number out of range")
	}
	return nil
}

// digits scans one digit or more.
func (s *scanner) digits() bool {
	start := s.at
	for s.at < len(s.text) && s.text[s.at] >= '0' && s.text[s.at] <= '9' {
		s.at++
	}
	return s.at > start
}
