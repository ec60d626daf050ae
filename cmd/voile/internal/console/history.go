package console

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// maxHistory is how many lines are remembered, as with the original (spec 07 §8).
const maxHistory = 2048

// history is the lines that were typed, the newest last, and the place in them.
type history struct {
	path  string // file that keeps them; "": none
	lines []string
	at    int    // of the line that is shown; len(lines): a new one
	draft string // the new one, while an old one is shown
}

// secretText is a key pair or a record key with its encryption key: two long values
// behind a kind. Such lines are not kept on disk.
var secretText = regexp.MustCompile(`[A-Za-z0-9_-]{43}:[A-Za-z0-9_-]{43}`)

// DefaultHistory is the file of the history in the user's directory for such
// things; "" if there is none.
func DefaultHistory() string {
	dir := os.Getenv("XDG_STATE_HOME")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		switch runtime.GOOS {
		case "darwin":
			dir = filepath.Join(home, "Library", "Application Support")
		case "windows":
			if dir, err = os.UserCacheDir(); err != nil { // the local, not the roaming one
				return ""
			}
		default:
			dir = filepath.Join(home, ".local", "state")
		}
	}
	return filepath.Join(dir, "voile", "console_history")
}

// loadHistory reads the history, and shortens its file if that has become long.
func loadHistory(path string) (*history, error) {
	h := &history{path: path}
	if path == "" {
		return h, nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return h, nil
	}
	if err != nil {
		return h, fmt.Errorf("history: %w", err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 2*maxTyped)
	for s.Scan() {
		if line := s.Text(); strings.TrimSpace(line) != "" {
			h.lines = append(h.lines, line)
		}
	}
	if err := s.Err(); err != nil {
		return h, fmt.Errorf("history: %w", err)
	}
	if n := len(h.lines); n > maxHistory {
		h.lines = h.lines[n-maxHistory:]
		if n > 2*maxHistory {
			err = os.WriteFile(path, []byte(strings.Join(h.lines, "\n")+"\n"), 0o600)
		}
	}
	h.at = len(h.lines)
	return h, err
}

// add remembers a line. One that begins with a space is forgotten at once, as in a
// shell; one with a secret in it is not written to the file.
func (h *history) add(line string) error {
	h.draft = ""
	defer func() { h.at = len(h.lines) }()
	if line == "" || line[0] == ' ' || len(h.lines) > 0 && h.lines[len(h.lines)-1] == line {
		return nil
	}
	if h.lines = append(h.lines, line); len(h.lines) > maxHistory {
		h.lines = h.lines[1:]
	}
	if h.path == "" || secretText.MatchString(line) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(h.path), 0o700); err != nil {
		return fmt.Errorf("history: %w", err)
	}
	f, err := os.OpenFile(h.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("history: %w", err)
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Close())
}

// move shows an older (-1) or newer (+1) line that begins as the draft does.
func (h *history) move(by int, shown string) (line string, ok bool) {
	if h.at == len(h.lines) {
		h.draft = shown
	}
	for at := h.at + by; at >= 0 && at <= len(h.lines); at += by {
		switch {
		case at == len(h.lines):
			h.at = at
			return h.draft, true
		case strings.HasPrefix(h.lines[at], h.draft) && h.lines[at] != shown:
			h.at = at
			return h.lines[at], true
		}
	}
	return shown, false
}

// stay makes what is shown the new line, since it was changed.
func (h *history) stay() { h.at = len(h.lines) }
