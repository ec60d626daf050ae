package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of what a friend can make us keep or print.
const (
	maxText  = 8 << 10 // bytes of one line
	maxName  = 32      // runes
	maxRoute = 8 << 10 // bytes of a blob
	tokenLen = 16
)

// kind is what a frame is for.
type kind string

// A question is one of the first five, its answer one of the last three.
const (
	hello kind = "hello" // who I am and where: name, route
	say   kind = "say"   // text
	route kind = "route" // my route has changed: route
	bye   kind = "bye"

	welcome  kind = "welcome"  // to hello: name, token
	done     kind = "ok"       // to the others
	stranger kind = "stranger" // to the others: say hello first
	busy     kind = "busy"     // to hello: I talk to someone else
)

// frame is a message of the chat, as JSON.
type frame struct {
	Version int    `json:"voile_chat"`
	Kind    kind   `json:"kind"`
	Token   []byte `json:"token"`           // of the sender, known to the two alone
	Name    string `json:"name,omitempty"`  // of the sender
	Route   []byte `json:"route,omitempty"` // blob of a private route to the sender
	Text    string `json:"text,omitempty"`
}

const version = 1

var errFrame = errors.New("not a message of this chat")

func (f frame) encode() []byte {
	f.Version = version
	b, _ := json.Marshal(f) // strings and bytes always encode
	return b
}

// decode reads a frame and makes its texts fit to print.
func decode(b []byte) (frame, error) {
	var f frame
	if err := json.Unmarshal(b, &f); err != nil {
		return frame{}, fmt.Errorf("%w: %w", errFrame, err)
	}
	switch {
	case f.Version != version:
		return frame{}, fmt.Errorf("%w: version %d", errFrame, f.Version)
	case len(f.Text) > maxText || len(f.Route) > maxRoute || len(f.Token) > tokenLen || len(f.Name) > maxName*utf8.UTFMax:
		return frame{}, fmt.Errorf("%w: too long", errFrame)
	}
	f.Text, f.Name = printable(f.Text), cleanName(f.Name)
	return f, nil
}

// printable drops what could move a terminal's cursor, change its colours or turn
// the direction of a text.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n':
			return ' '
		case r == utf8.RuneError || !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)
}

// cleanName makes a name of whatever was given.
func cleanName(s string) string {
	s = strings.TrimSpace(printable(s))
	if r := []rune(s); len(r) > maxName {
		s = string(r[:maxName])
	}
	if s == "" {
		return "friend"
	}
	return s
}
