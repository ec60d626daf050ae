//go:build !js

package mobile

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestMessage(t *testing.T) {
	for _, c := range []struct {
		line  string
		parts []string
	}{
		{`{"op":"Now"}`, nil}, {"x", []string{""}}, {"x", []string{"a", "", "bc"}}, {"x", []string{strings.Repeat("y", 70000)}},
	} {
		var parts [][]byte
		for _, p := range c.parts {
			parts = append(parts, []byte(p))
		}
		message := appendMessage(nil, []byte(c.line), parts)
		line, got, err := parseMessage(message)
		if err != nil || string(line) != c.line || !slices.EqualFunc(got, parts, bytes.Equal) {
			t.Errorf("%q, %d parts: %q, %d parts, %v", c.line, len(parts), line, len(got), err)
		}
		for n := range min(len(message), 300) {
			if line, _, err := parseMessage(message[:n]); err == nil && n != lengthSize+len(c.line) && n < len(message) && !ends(message, n) {
				t.Errorf("%d bytes of %d are a message with the line %q", n, len(message), line)
			}
		}
		if _, _, err := parseMessage(append(message, 0)); err == nil {
			t.Errorf("%q and a byte more is a message", c.line)
		}
	}
}

// ends reports whether a part ends at n.
func ends(message []byte, n int) bool {
	for at := 0; at < len(message); {
		at += lengthSize + int(message[at+2])<<8 + int(message[at+3]) + int(message[at+1])<<16
		if at == n {
			return true
		}
	}
	return false
}

func TestMessageLimits(t *testing.T) {
	many := appendMessage(nil, []byte("x"), make([][]byte, maxParts+1))
	for name, message := range map[string][]byte{"empty": {}, "nil": nil, "parts": many, "a length": {0xff, 0xff, 0xff, 0xff, 1}} {
		if _, _, err := parseMessage(message); err == nil || ErrorOf(err.Error()).Code() != "ParseError" {
			t.Errorf("%s: %v, want a ParseError", name, err)
		}
	}
}

// A message shares nothing with what the app gave, nor its parts with each other.
func TestMessageCopies(t *testing.T) {
	message := appendMessage(nil, []byte("line"), [][]byte{[]byte("one"), []byte("two")})
	line, parts, err := parseMessage(message)
	if err != nil {
		t.Fatal(err)
	}
	clear(message)
	_, _ = append(parts[0], "!!!!!!"...), append(line, "!!!!!!!"...)
	if string(line) != "line" || string(parts[0]) != "one" || string(parts[1]) != "two" {
		t.Errorf("%q %q", line, parts)
	}
}

func FuzzMessage(f *testing.F) {
	f.Add(appendMessage(nil, []byte(`{"op":"Now"}`), nil))
	f.Add(appendMessage(nil, []byte(`{"message":"#0"}`), [][]byte{[]byte("hello"), nil}))
	f.Fuzz(func(t *testing.T, message []byte) {
		before := bytes.Clone(message)
		line, parts, err := parseMessage(message)
		if !bytes.Equal(message, before) {
			t.Fatal("the app's bytes were changed")
		}
		if err == nil && !bytes.Equal(appendMessage(nil, line, parts), message) {
			t.Fatalf("%q, %d parts do not give the message back", line, len(parts))
		}
	})
}
