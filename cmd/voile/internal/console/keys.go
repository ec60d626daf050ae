package console

import (
	tea "charm.land/bubbletea/v2"
	"github.com/voile-net/voile/bind/jsonapi"
)

// helpText is what F1 shows.
var helpText = []string{
	"Type a command and Enter; help lists all of them.",
	"",
	"Tab              complete the word, again: the next possibility",
	"Up, Down         earlier commands that begin like the line",
	"PgUp, PgDn       scroll the lines; Esc: back to the newest",
	"Shift+Up, Down   scroll the peers",
	"F2 or Ctrl+O     peers and lines, peers only, lines only",
	"F3 or Ctrl+S     sort the peers by traffic, ping, address, id",
	"F4 or Ctrl+G     the least grave lines of the log that are shown",
	"F5 or Ctrl+T     show only lines that contain a text",
	"Ctrl+L           clear the lines",
	"Esc              end the filter, the scrolling, this help",
	"Ctrl+C, Ctrl+D   clear the line, leave the console",
	"",
	"The node goes on when the console is left; shutdown stops it.",
	"A line that begins with a space is not remembered.",
}

// key takes a key that was pressed.
func (s *Screen) key(k tea.KeyPressMsg) tea.Cmd {
	name := k.Keystroke()
	if s.helpOn && name != "ctrl+c" {
		s.helpOn = false
		if name == "f1" || name == "esc" || name == "enter" || name == "q" {
			return nil
		}
	}
	switch name {
	case "ctrl+c":
		if s.edit.text() == "" && !s.filtering {
			return tea.Quit
		}
		s.endFilter(true)
		s.setLine("")
		s.changed()
	case "ctrl+d":
		if s.edit.text() == "" {
			return tea.Quit
		}
		s.edit.key("delete")
		s.changed()
	case "enter":
		if s.filtering {
			s.endFilter(false)
			return nil
		}
		line := s.edit.text()
		s.setLine("")
		s.changed()
		return s.run(line)
	case "esc":
		s.escape()
	case "tab":
		s.complete(+1)
	case "shift+tab":
		s.complete(-1)
	case "up", "ctrl+p":
		s.recall(-1)
	case "down", "ctrl+n":
		s.recall(+1)
	case "pgup":
		s.scroll(+max(1, s.eventRows()-1))
	case "pgdown":
		s.scroll(-max(1, s.eventRows()-1))
	case "shift+up":
		s.scrollPeers(-1)
	case "shift+down":
		s.scrollPeers(+1)
	case "f1":
		s.helpOn = true
	case "f2", "ctrl+o":
		s.panes = (s.panes + 1) % paneChoices
	case "f3", "ctrl+s":
		s.order = (s.order + 1) % orders
	case "f4", "ctrl+g":
		s.nextLevel()
	case "f5", "ctrl+t":
		s.startFilter()
	case "ctrl+l":
		s.events, s.back = nil, 0
	default:
		s.typeKey(k, name)
	}
	return nil
}

// typeKey edits the line.
func (s *Screen) typeKey(k tea.KeyPressMsg, name string) {
	switch {
	case s.edit.key(name):
	case k.Text != "":
		s.edit.insert(k.Text)
	default:
		return
	}
	s.changed()
}

// escape goes back one step.
func (s *Screen) escape() {
	switch {
	case s.filtering || s.filter != "":
		s.endFilter(true)
	case len(s.candidates) > 0:
		s.candidates, s.candidate = nil, -1
	case s.back > 0:
		s.back = 0
	}
}

func (s *Screen) startFilter() {
	if s.filtering {
		s.endFilter(false)
		return
	}
	s.filtering, s.typed = true, s.edit.text()
	s.setLine(s.filter)
}

// endFilter gives the command line back; drop: without the filter.
func (s *Screen) endFilter(drop bool) {
	if s.filtering {
		s.filtering = false
		s.setLine(s.typed)
	}
	if drop {
		s.filter, s.back = "", 0
	}
}

func (s *Screen) nextLevel() {
	levels := append(s.level.Values(), "")
	for i, l := range levels {
		if l == s.level {
			s.level, s.back = levels[(i+1)%len(levels)], 0
			return
		}
	}
	s.level = jsonapi.LogInfo
}

func (s *Screen) recall(by int) {
	if s.filtering {
		return
	}
	if line, ok := s.history.move(by, s.edit.text()); ok {
		s.setLine(line)
	}
}

// setLine puts another line in place of the one that was edited.
func (s *Screen) setLine(line string) {
	s.edit.set(line)
	s.candidates, s.candidate = nil, -1
}

// complete completes the word before the cursor: as far as it is certain, then one
// possibility after the other.
func (s *Screen) complete(by int) {
	if s.filtering {
		return
	}
	if len(s.candidates) > 1 {
		if s.candidate < 0 && by < 0 {
			s.candidate = 0
		}
		s.candidate = (s.candidate + by + len(s.candidates)) % len(s.candidates)
		s.replace(s.candidates[s.candidate])
		return
	}
	before := s.edit.before()
	start, found := s.language.complete(before, s.ids)
	s.candStart, s.candidates, s.candidate = len([]rune(before[:start])), found, -1
	switch len(found) {
	case 0:
	case 1:
		s.replace(found[0] + " ")
		s.candidates = nil
	default:
		s.replace(commonPrefix(found))
	}
}

// replace puts text in place of the word that is completed.
func (s *Screen) replace(text string) {
	s.edit.cut(s.candStart)
	s.edit.insert(text)
}

func (s *Screen) scroll(by int) {
	total := 0
	for _, e := range s.events {
		if s.shows(e) {
			total += len(s.rows(e))
		}
	}
	s.back = max(0, min(s.back+by, total-s.eventRows()))
}

func (s *Screen) scrollPeers(by int) {
	if s.network != nil {
		s.peersFrom = max(0, min(s.peersFrom+by, len(s.network.Peers)-1))
	}
}
