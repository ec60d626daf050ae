package console

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/voile-net/voile/core"
)

// realHelp is a part of what a real node of 0.5.8 answers, and a command that we do
// not know.
const realHelp = `nodeid      display this node's id values
punish      list, clear, add, or remove address-filter punishments
record      list, open, inspect, and mutate DHT records
weather     a command of the future
help        Print this message or the help of the given subcommand(s)
`

func TestComplete(t *testing.T) {
	real := newLanguage(realHelp).learn("weather", "a command of the future\nCommands:\n  rain  make it\n  sun   make it\n")
	ours := newLanguage("")
	ids := func(argument string) []string {
		if argument == "key" {
			return []string{"VLD0:abc", "VLD0:abd"}
		}
		return nil
	}
	for _, tt := range []struct {
		name     string
		language language
		line     string
		start    int
		want     []string
	}{
		{"first words", real, "n", 0, []string{"nodeid"}},
		{"of the console", real, "dis", 0, []string{"disable", "disconnect"}},
		{"not of this server", real, "nodeinf", 0, nil},
		{"without a server", ours, "nodeinf", 0, []string{"nodeinfo"}},
		{"second word", real, "punish ", 7, []string{"add", "clear", "list", "remove"}},
		{"second word begun", real, "punish r", 7, []string{"remove"}},
		{"second word learnt", real, "weather ", 8, []string{"rain", "sun"}},
		{"fixed words", real, "record list o", 12, []string{"opened", "offline"}},
		{"an id", real, "record close VLD0:", 13, []string{"VLD0:abc", "VLD0:abd"}},
		{"after the last argument", real, "nodeid ", 7, nil},
		{"an unknown command", real, "nonsense ", 9, nil},
		{"help", real, "help puni", 5, []string{"punish"}},
		{"help of a second word", real, "help punish a", 12, []string{"add"}},
		{"layers", real, "change_log_level a", 17, []string{"all", "api"}},
		{"levels", real, "change_log_level all d", 21, []string{"debug"}},
		{"repeated", ours, "route allocate pru ", 19, []string{"pru", "pro", "eno", "rel", "low", "in", "out", "avoid"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			start, got := tt.language.complete(tt.line, ids)
			if start != tt.start || !slices.Equal(got, tt.want) {
				t.Errorf("%q: %d %q, want %d %q", tt.line, start, got, tt.start, tt.want)
			}
		})
	}
}

// Every command of the debug language can be typed by completion.
func TestLanguageIsWhole(t *testing.T) {
	l := newLanguage("")
	for _, c := range core.DebugCommands() {
		if _, got := l.complete(c.Name, nil); !slices.Contains(got, c.Name) {
			t.Errorf("%s is not completed", c.Name)
		}
		for _, sub := range c.Commands {
			if _, got := l.complete(c.Name+" "+sub.Name, nil); !slices.Contains(got, sub.Name) {
				t.Errorf("%s %s is not completed", c.Name, sub.Name)
			}
		}
	}
	if got := l.unknown(); len(got) != 0 {
		t.Errorf("not known: %v", got)
	}
	if got := newLanguage(realHelp).unknown(); !slices.Equal(got, []string{"weather"}) {
		t.Errorf("not known of the other server: %v", got)
	}
}

func TestTab(t *testing.T) {
	s := newTestScreen(t, 80, 24)
	press(s, "puni", "tab")
	if got := s.edit.text(); got != "punish " {
		t.Errorf("one possibility: %q", got)
	}
	contains(t, s, "punish list|clear|add|remove")
	press(s, "tab")
	contains(t, s, "add  clear  list  remove")
	press(s, "tab", "tab")
	if got := s.edit.text(); got != "punish clear" {
		t.Errorf("the second possibility: %q", got)
	}
	press(s, "shift+tab", "shift+tab")
	if got := s.edit.text(); got != "punish remove" {
		t.Errorf("round to the last one: %q", got)
	}
	s.setLine("")
	press(s, "change", "tab")
	if got := s.edit.text(); got != "change_log_" {
		t.Errorf("as far as it is certain: %q", got)
	}
	s.setLine("ping")
	feed(s, network(2, 1, 1))
	press(s, " ", "tab", "tab")
	if got, want := s.edit.text(), "ping "+id(1).String(); got != want {
		t.Errorf("a node: %q, want %q", got, want)
	}
	s.setLine("zzz ")
	press(s, "tab")
	if got := s.edit.text(); got != "zzz " {
		t.Errorf("no possibility: %q", got)
	}
}

func TestEditor(t *testing.T) {
	for _, tt := range []struct {
		keys []string
		want string // with | for the cursor
	}{
		{[]string{"insert abc", "left", "insert X"}, "abX|c"},
		{[]string{"insert abc", "home", "insert X"}, "X|abc"},
		{[]string{"insert one two three", "ctrl+w"}, "one two |"},
		{[]string{"insert one two", "alt+b", "alt+b", "alt+f"}, "one| two"},
		{[]string{"insert one two", "alt+b", "ctrl+k"}, "one |"},
		{[]string{"insert one two", "alt+b", "ctrl+u"}, "|two"},
		{[]string{"insert one two", "home", "alt+d"}, "| two"},
		{[]string{"insert é漢", "backspace"}, "é|"},
		{[]string{"insert ab", "home", "delete", "delete", "delete"}, "|"},
		{[]string{"backspace", "left", "ctrl+w"}, "|"},
		{[]string{"insert a\nb\x1b[31mc"}, "a b[31mc|"},
	} {
		var e editor
		for _, k := range tt.keys {
			if text, ok := strings.CutPrefix(k, "insert "); ok {
				e.insert(text)
			} else if !e.key(k) {
				t.Fatalf("%s is no key", k)
			}
		}
		if got := e.before() + "|" + string(e.runes[e.at:]); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.keys, got, tt.want)
		}
	}
	var e editor
	e.insert(strings.Repeat("x", 100))
	if text, at := e.view(10); len(text) > 10 || at >= 10 {
		t.Errorf("a long line shows as %q with the cursor at %d", text, at)
	}
}

func TestHistory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "history")
	h, err := loadHistory(path)
	if err != nil {
		t.Fatal(err)
	}
	secret := "record open VLD0:" + strings.Repeat("a", 43) + ":" + strings.Repeat("b", 43)
	for _, line := range []string{"one", "two", "two", " hidden", secret, "only", ""} {
		if err := h.add(line); err != nil {
			t.Fatal(err)
		}
	}
	var back []string
	for line, ok := h.move(-1, "draft"); ok; line, ok = h.move(-1, line) {
		back = append(back, line)
	}
	if len(back) != 0 { // nothing begins with draft
		t.Errorf("lines that begin with draft: %q", back)
	}
	h.stay()
	for line, ok := h.move(-1, ""); ok; line, ok = h.move(-1, line) {
		back = append(back, line)
	}
	if want := []string{"only", secret, "two", "one"}; !slices.Equal(back, want) {
		t.Errorf("backwards %q, want %q", back, want)
	}
	if line, ok := h.move(+1, "one"); line != "two" || !ok {
		t.Errorf("forward %q", line)
	}
	h.stay()
	if line, _ := h.move(-1, "o"); line != "only" {
		t.Errorf("first that begins with o: %q", line)
	}
	if line, _ := h.move(-1, "only"); line != "one" {
		t.Errorf("next that begins with o: %q", line)
	}
	h.move(+1, "one")
	if line, _ := h.move(+1, "only"); line != "o" {
		t.Errorf("the line that was begun: %q", line)
	}
	text, err := os.ReadFile(path)
	if want := "one\ntwo\nonly\n"; err != nil || string(text) != want {
		t.Errorf("on disk %q, %v, want %q", text, err, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("others can read it: %v, %v", info.Mode(), err)
	}
	again, err := loadHistory(path)
	if err != nil || !slices.Equal(again.lines, []string{"one", "two", "only"}) {
		t.Errorf("loaded %q, %v", again.lines, err)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	var b strings.Builder
	for i := range 3 * maxHistory {
		fmt.Fprintln(&b, "line", i)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := loadHistory(path)
	if err != nil || len(h.lines) != maxHistory || h.lines[0] != fmt.Sprint("line ", 2*maxHistory) {
		t.Fatalf("%d lines from %q, %v", len(h.lines), h.lines[0], err)
	}
	if text, _ := os.ReadFile(path); strings.Count(string(text), "\n") != maxHistory {
		t.Errorf("%d lines are left on disk", strings.Count(string(text), "\n"))
	}
	h.add("new")
	if len(h.lines) != maxHistory {
		t.Errorf("%d lines", len(h.lines))
	}
}

func TestHistoryThatCannotBeKept(t *testing.T) {
	dir := t.TempDir() // a directory is no file
	if _, err := loadHistory(dir); err == nil {
		t.Error("a directory is read as a history")
	}
	s := newTestScreen(t, 80, 24)
	s.history.path = dir
	press(s, "clear", "enter", "clear", "enter", "log", "enter")
	if n := strings.Count(frame(t, s), "! history"); n > 1 {
		t.Errorf("told %d times", n)
	}
}

func TestFormats(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 KB", 1234: "1.2 KB", 99949: "99.9 KB", 99950: "100 KB", 999499: "999 KB", 999500: "1.0 MB",
		1 << 63: "9.2 EB",
	} {
		if got := byteCount(n); got != want {
			t.Errorf("%d bytes: %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "0s", 59 * time.Second: "59s", time.Minute: "1m", 61 * time.Minute: "1h01m", 25 * time.Hour: "1d01h", -time.Second: "-1s",
	} {
		if got := span(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		400 * time.Microsecond: "0.4 ms", 35 * time.Millisecond: "35 ms", 1500 * time.Millisecond: "1500 ms", 12 * time.Second: "12 s",
	} {
		if got := latency(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	sym := unicodeSymbols()
	for _, tt := range []struct {
		values []uint64
		want   string
	}{
		{nil, "    "}, {[]uint64{0, 0}, "    "}, {[]uint64{1, 1000}, "  ▁█"}, {[]uint64{9, 9, 0, 500, 1000}, "▁ ▅█"},
	} {
		if got := sym.sparkline(tt.values, 4); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.values, got, tt.want)
		}
	}
	for in, want := range map[string]string{
		"hello": `"hello"`, "a\nb": `"a\nb"`, "\xff": "hex ff", "\x1b[2J": "hex 1b5b324a", "": `""`, "漢": `"漢"`,
		strings.Repeat("é", 400): `"` + strings.Repeat("é", 256) + `"...`,
	} {
		if got := payload([]byte(in)); got != want {
			t.Errorf("%q shows as %s, want %s", in, got, want)
		}
	}
}
