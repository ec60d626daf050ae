package demo

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// emulator is a terminal of a fixed width and endless height. It understands what
// the demo writes and remembers what it does not.
type emulator struct {
	mu     sync.Mutex
	width  int
	rows   [][]rune
	x, y   int
	colour bool // an SGR sequence came
	odd    []string
}

var escape = regexp.MustCompile(`^\x1b\[([0-9;]*)([A-Za-z])`)

func (e *emulator) Write(b []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for s := string(b); s != ""; {
		if m := escape.FindStringSubmatch(s); m != nil {
			e.sequence(m[1], m[2])
			s = s[len(m[0]):]
			continue
		}
		r, n := utf8.DecodeRuneInString(s)
		s = s[n:]
		e.put(r)
	}
	return len(b), nil
}

func (e *emulator) sequence(args, command string) {
	switch command {
	case "m":
		e.colour = true
	case "A":
		n, _ := strconv.Atoi(args)
		if n > e.y {
			e.odd = append(e.odd, "cursor above the first row")
		}
		e.y = max(0, e.y-n)
	case "J":
		if e.y < len(e.rows) {
			e.rows[e.y] = e.rows[e.y][:min(e.x, len(e.rows[e.y]))]
			e.rows = e.rows[:e.y+1]
		}
	default:
		e.odd = append(e.odd, fmt.Sprintf("ESC [ %s %s", args, command))
	}
}

func (e *emulator) put(r rune) {
	switch {
	case r == '\n':
		e.x, e.y = 0, e.y+1
		return
	case r == '\r':
		e.x = 0
		return
	case r < ' ' || r == 0x7f || r == utf8.RuneError:
		e.odd = append(e.odd, fmt.Sprintf("rune %q", r))
		return
	}
	if e.x >= e.width {
		e.odd = append(e.odd, fmt.Sprintf("row %d is wider than %d: %q", e.y, e.width, string(e.rows[e.y])))
	}
	for len(e.rows) <= e.y {
		e.rows = append(e.rows, nil)
	}
	for len(e.rows[e.y]) <= e.x {
		e.rows[e.y] = append(e.rows[e.y], ' ')
	}
	e.rows[e.y][e.x] = r
	e.x++
}

// text is what is on the screen.
func (e *emulator) text() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var b strings.Builder
	for _, r := range e.rows {
		b.WriteString(strings.TrimRight(string(r), " ") + "\n")
	}
	return b.String()
}
