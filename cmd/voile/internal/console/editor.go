package console

import (
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// maxTyped bounds a line that is typed or pasted.
const maxTyped = 64 << 10

// editor is a line that is typed, with a cursor.
type editor struct {
	runes []rune
	at    int // of the cursor, 0 to len(runes)
}

func (e *editor) text() string   { return string(e.runes) }
func (e *editor) before() string { return string(e.runes[:e.at]) }
func (e *editor) set(s string)   { e.runes = []rune(s); e.at = len(e.runes) }

// insert puts text at the cursor. Line ends, as pasted text has them, are spaces.
func (e *editor) insert(s string) {
	var add []rune
	for _, r := range s {
		if r == '\n' || r == '\r' || r == '\t' {
			r = ' '
		}
		if unicode.IsPrint(r) && len(e.runes)+len(add) < maxTyped {
			add = append(add, r)
		}
	}
	rest := append([]rune{}, e.runes[e.at:]...)
	e.runes = append(append(e.runes[:e.at], add...), rest...)
	e.at += len(add)
}

// cut removes from the cursor to another place.
func (e *editor) cut(to int) {
	from := min(e.at, to)
	to = max(e.at, to)
	e.runes = append(e.runes[:from], e.runes[to:]...)
	e.at = from
}

// wordLeft and wordRight are the places where words begin and end.
func (e *editor) wordLeft() int {
	i := e.at
	for i > 0 && e.runes[i-1] == ' ' {
		i--
	}
	for i > 0 && e.runes[i-1] != ' ' {
		i--
	}
	return i
}

func (e *editor) wordRight() int {
	i := e.at
	for i < len(e.runes) && e.runes[i] == ' ' {
		i++
	}
	for i < len(e.runes) && e.runes[i] != ' ' {
		i++
	}
	return i
}

// key does what a key of the usual line editors does; false: it is none.
func (e *editor) key(name string) bool {
	switch name {
	case "left", "ctrl+b":
		e.at = max(e.at-1, 0)
	case "right", "ctrl+f":
		e.at = min(e.at+1, len(e.runes))
	case "alt+left", "ctrl+left", "alt+b":
		e.at = e.wordLeft()
	case "alt+right", "ctrl+right", "alt+f":
		e.at = e.wordRight()
	case "home", "ctrl+a":
		e.at = 0
	case "end", "ctrl+e":
		e.at = len(e.runes)
	case "backspace", "ctrl+h":
		e.cut(max(e.at-1, 0))
	case "delete":
		e.cut(min(e.at+1, len(e.runes)))
	case "ctrl+w", "alt+backspace":
		e.cut(e.wordLeft())
	case "alt+d", "ctrl+delete":
		e.cut(e.wordRight())
	case "ctrl+u":
		e.cut(0)
	case "ctrl+k":
		e.cut(len(e.runes))
	default:
		return false
	}
	return true
}

// view is the part of the line that fits a width, and where the cursor is in it.
func (e *editor) view(width int) (text string, cursor int) {
	from := 0
	for ansi.StringWidth(string(e.runes[from:e.at])) >= width {
		from++
	}
	return ansi.Truncate(string(e.runes[from:]), width, ""), ansi.StringWidth(string(e.runes[from:e.at]))
}
