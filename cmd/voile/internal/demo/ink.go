package demo

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// ink is how a text looks. Alice and what she picks have one colour, Bob and what he
// picks another.
type ink uint8

const (
	normal ink = iota
	faint
	strong
	good
	bad
	moving
	ofAlice
	ofBob
)

// code is the parameter of the terminal's SGR sequence; "": none is needed.
func (i ink) code() string {
	switch i {
	case faint:
		return "2"
	case strong:
		return "1"
	case good:
		return "32"
	case bad:
		return "1;31"
	case moving:
		return "1;33"
	case ofAlice:
		return "36"
	case ofBob:
		return "35"
	}
	return ""
}

// span is a piece of text of one look; row is one line. Every rune is taken to be
// one column wide, as all are that the demo writes.
type (
	span struct {
		text string
		ink  ink
	}
	row []span
)

func columns(text string) int { return utf8.RuneCountInString(text) }

func (r row) columns() int {
	n := 0
	for _, s := range r {
		n += columns(s.text)
	}
	return n
}

// plus appends a piece.
func (r row) plus(text string, i ink) row { return append(r, span{text, i}) }

// right appends a faint text at the right edge of a line of some width, or below it
// if there is no room.
func (r row) right(text string, width int) []row {
	if room := width - r.columns() - columns(text); room >= 2 {
		return []row{r.plus(strings.Repeat(" ", room), normal).plus(text, faint)}
	}
	return []row{r, row{{strings.Repeat(" ", max(0, width-columns(text))), normal}, {text, faint}}}
}

// terminal writes rows, and keeps the last of them apart: those that are drawn anew
// again and again.
type terminal struct {
	out    io.Writer
	size   func() (width, height int)
	colour bool
	live   int // rows on the screen that will be drawn anew
	buf    bytes.Buffer
}

// width is the room for a row. The last column stays free: what terminals do after
// writing to it differs.
func (t *terminal) width() int {
	w, _ := t.size()
	return max(w, 20) - 1
}

// print writes rows that stay, above those that do not.
func (t *terminal) print(rows ...row) {
	t.erase()
	for _, r := range rows {
		t.write(r)
		t.buf.WriteByte('\n')
	}
	t.flush()
}

// show draws the rows that will be drawn anew, in place of the last ones.
func (t *terminal) show(rows ...row) {
	t.erase()
	if _, h := t.size(); len(rows) >= h { // what has left the screen cannot be erased
		rows = rows[:max(1, h-1)]
	}
	for i, r := range rows {
		if i > 0 {
			t.buf.WriteByte('\n')
		}
		t.write(r)
	}
	t.live = len(rows)
	t.flush()
}

func (t *terminal) erase() {
	if t.live == 0 {
		return
	}
	t.buf.WriteByte('\r')
	if t.live > 1 {
		fmt.Fprintf(&t.buf, "\x1b[%dA", t.live-1)
	}
	t.buf.WriteString("\x1b[J")
	t.live = 0
}

// write cuts a row to the width and adds the colours.
func (t *terminal) write(r row) {
	room := t.width()
	for _, s := range r {
		text := s.text
		if n := columns(text); n > room {
			text = string([]rune(text)[:max(0, room-1)]) + "…"
		}
		if room <= 0 {
			return
		}
		room -= columns(text)
		if code := s.ink.code(); t.colour && code != "" {
			fmt.Fprintf(&t.buf, "\x1b[%sm%s\x1b[0m", code, text)
		} else {
			t.buf.WriteString(text)
		}
	}
}

// flush writes everything at once, so that nothing flickers. That nobody reads any
// more is no fault of the demo.
func (t *terminal) flush() {
	t.out.Write(t.buf.Bytes())
	t.buf.Reset()
}
