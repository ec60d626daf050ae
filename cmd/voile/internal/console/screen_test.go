package console

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/client"
	"github.com/voile-net/voile/core/crypto"
	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write the frames of testdata anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is the time of all tests.
var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// newTestScreen is a screen without a server, at noon.
func newTestScreen(t *testing.T, width, height int) *Screen {
	t.Helper()
	s := newScreen(t.Context(), nil, nil, &history{}, unicodeSymbols(), newLook())
	s.now = func() time.Time { return noon }
	s.Update(tea.WindowSizeMsg{Width: width, Height: height})
	return s
}

// frame is what is on the screen, without styles. It checks what holds for every
// frame.
func frame(t *testing.T, s *Screen) string {
	t.Helper()
	text := s.View().Content
	plain := ansi.Strip(text)
	lines := strings.Split(plain, "\n")
	if len(lines) != s.height && s.height >= leastHeight && s.width >= leastWidth {
		t.Errorf("%d rows on a screen of %d:\n%s", len(lines), s.height, plain)
	}
	for i, l := range lines {
		if w := ansi.StringWidth(l); w > s.width {
			t.Errorf("row %d has %d columns, more than %d: %q", i, w, s.width, l)
		}
	}
	return plain
}

func golden(t *testing.T, name string, got string) {
	t.Helper()
	lines := strings.Split(got, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	got = strings.Join(lines, "\n") + "\n"
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("frame %s is\n%s\nwant\n%s", name, got, want)
	}
}

func contains(t *testing.T, s *Screen, texts ...string) {
	t.Helper()
	f := frame(t, s)
	for _, text := range texts {
		if !strings.Contains(f, text) {
			t.Errorf("%q is not in\n%s", text, f)
		}
	}
}

func lacks(t *testing.T, s *Screen, texts ...string) {
	t.Helper()
	f := frame(t, s)
	for _, text := range texts {
		if strings.Contains(f, text) {
			t.Errorf("%q is in\n%s", text, f)
		}
	}
}

func feed(s *Screen, updates ...client.Update) {
	for _, u := range updates {
		s.Update(updateMsg{s.sub, u})
	}
}

// press presses keys, named as bubbletea names them, or types a text.
func press(s *Screen, keys ...string) (last tea.Cmd) {
	special := map[string]tea.Key{
		"enter": {Code: tea.KeyEnter}, "tab": {Code: tea.KeyTab}, "esc": {Code: tea.KeyEscape}, "up": {Code: tea.KeyUp},
		"shift+tab": {Code: tea.KeyTab, Mod: tea.ModShift},
		"down":      {Code: tea.KeyDown}, "pgup": {Code: tea.KeyPgUp}, "pgdown": {Code: tea.KeyPgDown}, "home": {Code: tea.KeyHome},
		"backspace": {Code: tea.KeyBackspace}, "left": {Code: tea.KeyLeft}, "delete": {Code: tea.KeyDelete},
		"f1": {Code: tea.KeyF1}, "f2": {Code: tea.KeyF2}, "f3": {Code: tea.KeyF3}, "f4": {Code: tea.KeyF4}, "f5": {Code: tea.KeyF5},
		"shift+down": {Code: tea.KeyDown, Mod: tea.ModShift},
		"ctrl+c":     {Code: 'c', Mod: tea.ModCtrl}, "ctrl+d": {Code: 'd', Mod: tea.ModCtrl}, "ctrl+l": {Code: 'l', Mod: tea.ModCtrl},
		"ctrl+w": {Code: 'w', Mod: tea.ModCtrl},
	}
	for _, k := range keys {
		if key, ok := special[k]; ok {
			_, last = s.Update(tea.KeyPressMsg(key))
			continue
		}
		for _, r := range k {
			_, last = s.Update(tea.KeyPressMsg{Code: r, Text: string(r)})
		}
	}
	return last
}

func id(n int) crypto.NodeID {
	v := crypto.NodeID{Kind: crypto.KindVLD0}
	for i := range v.Value {
		v.Value[i] = byte(n*37 + i*11)
	}
	return v
}

// network is one of some peers; latency and traffic fall with the number.
func network(peers int, down, up uint64) *client.NetworkState {
	n := &client.NetworkState{Started: true, BpsDown: jsonapi.ByteCount(down), BpsUp: jsonapi.ByteCount(up), NodeIDs: []crypto.NodeID{id(0)}}
	for i := range peers {
		p := client.Peer{NodeIDs: []crypto.NodeID{id(i + 1)}, PeerAddress: fmt.Sprintf("UDP:192.0.2.%d:5150", i+1)}
		ms := jsonapi.TimestampDuration(1000 * (10 + i*7%40))
		p.PeerStats.Latency = &jsonapi.LatencyStats{Average: ms, P90: 2 * ms}
		p.PeerStats.Transfer.Down = jsonapi.TransferStats{Total: jsonapi.ByteCount(1000000 / (i + 1)), Average: jsonapi.ByteCount(5000 / (i + 1))}
		p.PeerStats.Transfer.Up = jsonapi.TransferStats{Total: jsonapi.ByteCount(300000 / (i + 1)), Average: jsonapi.ByteCount(900 / (i + 1))}
		n.Peers = append(n.Peers, p)
	}
	n.Peers = append(n.Peers, client.Peer{NodeIDs: []crypto.NodeID{id(99)}, PeerAddress: "TCP:[2001:db8:1111:2222:3333:4444:5555:6666]:5150"})
	return n
}

func attached(state jsonapi.AttachmentState) *client.AttachmentState {
	median := jsonapi.TimestampDuration(35000)
	return &client.AttachmentState{
		State: state, PublicInternetReady: true, Uptime: 11520e6, ReliablePeerCount: 12, LivePeerCount: 20,
		EstimatedNetworkSize: 64, MedianLatency: &median,
	}
}

// busy is a screen on which much has happened.
func busy(t *testing.T, width, height int) *Screen {
	s := newTestScreen(t, width, height)
	feed(s, &client.Connected{Address: client.Address{Network: "tcp", Where: "localhost:5959"}}, attached(jsonapi.AttachedGood))
	s.Update(infoMsg{version: "0.5.8"})
	for i := range 30 {
		feed(s, network(12, uint64(i*i*50), uint64(1000-30*i)))
	}
	route := crypto.RouteID{Kind: crypto.KindVLD0}
	feed(s,
		&client.Log{LogLevel: jsonapi.LogInfo, Message: "node started"},
		&client.Log{LogLevel: jsonapi.LogWarn, Message: "clock runs ahead"},
		&client.Log{LogLevel: jsonapi.LogDebug, Message: "not for the default level"},
		&client.AppMessage{RouteID: &route, Message: []byte("hello")},
		&client.AppCall{RouteID: &route, Message: []byte{0, 1, 2}, CallID: 0x1f},
		&client.ValueChange{Key: client.RecordKey{RecordKey: crypto.RecordKey{Opaque: crypto.OpaqueRecordKey{Kind: crypto.KindVLD0}}},
			Subkeys: client.Subkeys{{0, 0}, {2, 4}}, Count: 5},
	)
	s.add(eventsOf(kindCommand, "", noon, "uptime"))
	s.Update(resultMsg{text: "Uptime...\n  since launch: 3h\n"})
	s.Update(resultMsg{err: &client.Error{Kind: jsonapi.Generic, Message: "Unknown debug command"}})
	return s
}

func TestFrames(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}} {
		name := fmt.Sprintf("%dx%d", size[0], size[1])
		t.Run(name, func(t *testing.T) {
			s := busy(t, size[0], size[1])
			golden(t, "busy-"+name, frame(t, s))
			press(s, "f1")
			golden(t, "help-"+name, frame(t, s))
			lost := newTestScreen(t, size[0], size[1])
			feed(lost, &client.Disconnected{Err: &client.DialError{Address: client.Address{Network: "tcp", Where: "localhost:5959"}, Err: errors.New("connection refused")}, RetryIn: 3 * time.Second})
			golden(t, "lost-"+name, frame(t, lost))
		})
	}
}

// All facts of the original's panes are on a small screen.
func TestSmallScreenSaysAll(t *testing.T) {
	s := busy(t, 80, 24)
	contains(t, s, "localhost:5959", "AttachedGood", "● public", "○ local", "up 3h12m", "0.5.8", "20 peers, 12 reliable",
		"42.0 KB/s", "130 B/s", "peers 13", "NODE", "ADDRESS", "PING", "DOWN", "UP", "UDP:192.0.2.1:5150", "5.0 KB/s",
		"I node started", "W clock runs ahead", `message "hello", 5 bytes`, "call #1f hex 000102", "subkeys 0, 2-4",
		"> uptime", "since launch: 3h", "! Generic: Unknown debug command", "F1 help")
	lacks(t, s, "not for the default level")
}

// Any size is drawn without a row too many or too long.
func TestSizes(t *testing.T) {
	s := busy(t, 80, 24)
	s.edit.set(strings.Repeat("漢字 ", 50))
	for w := 1; w < 200; w += 17 {
		for h := 1; h < 60; h += 7 {
			for s.panes = range paneChoices {
				s.Update(tea.WindowSizeMsg{Width: w, Height: h})
				frame(t, s)
				v := s.View()
				if v.Cursor != nil && (v.Cursor.X >= w || v.Cursor.Y >= h) {
					t.Fatalf("cursor at %d,%d of %dx%d", v.Cursor.X, v.Cursor.Y, w, h)
				}
			}
		}
	}
}

func TestPanesAndOrder(t *testing.T) {
	s := busy(t, 80, 24)
	press(s, "f2")
	contains(t, s, "peers 13, by traffic", "TCP:[2001:db8:1111")
	lacks(t, s, "events, log")
	press(s, "f2")
	lacks(t, s, "peers 13, by")
	contains(t, s, "events, log info")
	press(s, "f2", "f3")
	contains(t, s, "by ping", "events, log")
	first := func() string {
		lines := strings.Split(frame(t, s), "\n")
		return lines[4]
	}
	if !strings.Contains(first(), "10 ms") {
		t.Errorf("first by ping is %q", first())
	}
	press(s, "f3")
	if !strings.Contains(first(), "TCP:[2001") {
		t.Errorf("first by address is %q", first())
	}
	press(s, "f3", "f3") // traffic again
	before := first()
	press(s, "shift+down")
	if first() == before {
		t.Error("the peers do not scroll")
	}
	contains(t, s, "from 2")
}

func TestLogLevels(t *testing.T) {
	s := busy(t, 80, 24)
	press(s, "f4")
	contains(t, s, "log debug", "D not for the default level")
	press(s, "f4", "f4")
	contains(t, s, "log off", "hello")
	lacks(t, s, "node started", "clock runs ahead")
	press(s, "f4", "f4")
	contains(t, s, "log warn", "clock runs ahead")
	lacks(t, s, "node started")
	press(s, "log trace", "enter")
	contains(t, s, "log trace")
	press(s, "f2", "f2")
	contains(t, s, "not for the default level")
	press(s, "log hide", "enter")
	lacks(t, s, "clock runs ahead")
	press(s, "log loud", "enter")
	contains(t, s, "! log: level must be one of")
}

func TestFilter(t *testing.T) {
	s := busy(t, 80, 24)
	press(s, "half a comm", "f5", "CLOCK")
	contains(t, s, "show lines with: CLOCK", "clock runs ahead", "Esc ends it")
	lacks(t, s, "node started", "hello")
	press(s, "enter")
	contains(t, s, `lines with "CLOCK"`, "> half a comm")
	press(s, "esc")
	contains(t, s, "node started", "hello")
	press(s, "f5", "nothing at all", "ctrl+c")
	contains(t, s, "hello")
}

func TestScroll(t *testing.T) {
	s := newTestScreen(t, 80, 24)
	for i := range 100 {
		s.note(fmt.Sprint("line ", i, ";"))
	}
	contains(t, s, "line 99;")
	press(s, "pgup")
	lacks(t, s, "line 99;")
	shown := frame(t, s)
	s.note("one more\nand another")
	if got := frame(t, s); strings.Split(got, "\n")[9] != strings.Split(shown, "\n")[9] {
		t.Errorf("new lines move what is read:\n%s\nwas\n%s", got, shown)
	}
	for range 20 {
		press(s, "pgup")
	}
	contains(t, s, "line 0;")
	press(s, "esc")
	contains(t, s, "and another")
	press(s, "pgup", "clear", "enter")
	lacks(t, s, "line", "below")
}

// The memory of a screen that runs for weeks is bounded.
func TestScrollbackIsBounded(t *testing.T) {
	s := newTestScreen(t, 80, 24)
	for i := range 3 * maxEvents {
		s.note(fmt.Sprint("line ", i))
	}
	if n := len(s.events); n > maxEvents+maxEvents/10 || n < maxEvents {
		t.Errorf("%d lines are kept", n)
	}
}

func TestSwitches(t *testing.T) {
	s := newTestScreen(t, 80, 24)
	press(s, "disable app_messages", "enter")
	feed(s, &client.AppMessage{Message: []byte("unseen")})
	lacks(t, s, "unseen")
	press(s, "enable app_messages", "enter")
	feed(s, &client.AppMessage{Message: []byte("seen")})
	contains(t, s, `"seen"`)
	press(s, "enable everything", "enter")
	contains(t, s, "! enable: what must be one of app_messages")
}

// What strangers send cannot do anything to the terminal.
func TestNothingHarmful(t *testing.T) {
	s := newTestScreen(t, 80, 24)
	evil := "\x1b]0;owned\x07\x1b[2J\u202e\u0000\x9b31m\ttab"
	route := crypto.RouteID{Kind: crypto.KindVLD0}
	n := network(1, 1, 1)
	n.Peers[0].PeerAddress = evil
	feed(s,
		&client.Connected{Address: client.Address{Network: "tcp", Where: "localhost:5959"}}, attached(jsonapi.AttachedGood), n,
		&client.Log{LogLevel: jsonapi.LogError, Message: evil, Backtrace: &evil},
		&client.AppMessage{RouteID: &route, Message: []byte(evil)},
		&client.AppMessage{RouteID: &route, Message: []byte("\xff\xfe")},
	)
	s.Update(resultMsg{text: evil})
	s.Update(resultMsg{err: errors.New(evil)})
	s.Update(infoMsg{version: evil, help: evil})
	s.Update(tea.PasteMsg{Content: evil + "\nsecond"})
	text := s.View().Content
	if !utf8.ValidString(text) {
		t.Error("the screen is no UTF-8")
	}
	for _, r := range ansi.Strip(text) {
		if r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u202e') {
			t.Errorf("%U is on the screen", r)
		}
	}
	for _, bad := range []string{"\x1b]0", "\x1b[2J", "\x9b"} {
		if strings.Contains(text, bad) {
			t.Errorf("%q is on the screen", bad)
		}
	}
	contains(t, s, "hex fffe")
}

func TestLostConnection(t *testing.T) {
	s := busy(t, 80, 24)
	feed(s, &client.Disconnected{Err: errors.New("the server closed the connection"), RetryIn: 2 * time.Second})
	contains(t, s, "not connected: the server closed the connection", "next attempt in 2s", "peers 0")
	lacks(t, s, "AttachedGood  ", "UDP:192.0.2.1")
	for range 3 { // attempts that fail are not told one by one
		feed(s, &client.Disconnected{Err: errors.New("connection refused"), RetryIn: 4 * time.Second})
	}
	if n := strings.Count(frame(t, s), "* not connected"); n != 1 {
		t.Errorf("it is told %d times", n)
	}
	contains(t, s, "not connected: connection refused", "next attempt in 4s")
	feed(s, &client.Connected{Address: client.Address{Network: "unix", Where: "/run/voile/ipc/0"}}, &client.AttachmentState{State: jsonapi.Detached})
	contains(t, s, "unix:/run/voile/ipc/0", "Detached", "attach lets it join the network")
}

func TestWithoutServer(t *testing.T) {
	s := newTestScreen(t, 80, 24)
	press(s, "nodeinfo", "enter")
	contains(t, s, "! disconnected; connect [ADDRESS] connects again")
	press(s, "connect http://x", "enter")
	contains(t, s, "! address")
	for _, leave := range []string{"exit", "quit"} {
		if cmd := press(s, leave, "enter"); cmd == nil {
			t.Errorf("%s does not leave", leave)
		} else if _, ok := cmd().(tea.QuitMsg); !ok {
			t.Errorf("%s does not leave", leave)
		}
	}
	press(s, "text")
	if cmd := press(s, "ctrl+c"); cmd != nil || s.edit.text() != "" {
		t.Error("ctrl+c does not clear the line first")
	}
	if cmd := press(s, "ctrl+c"); cmd == nil {
		t.Error("ctrl+c does not leave")
	}
}

// A terminal without Unicode gets none.
func TestASCII(t *testing.T) {
	s := busy(t, 80, 24)
	s.sym = asciiSymbols()
	for _, r := range frame(t, s) {
		if r > '~' {
			t.Errorf("%q is on the screen", r)
		}
	}
}

func BenchmarkDraw(b *testing.B) {
	s := newScreen(b.Context(), nil, nil, &history{}, unicodeSymbols(), newLook())
	s.width, s.height = 120, 40
	feed(s, &client.Connected{}, attached(jsonapi.AttachedGood), network(64, 1000, 1000))
	for i := range maxEvents {
		s.note(fmt.Sprint("line ", i))
	}
	b.ReportAllocs()
	for b.Loop() {
		s.View()
	}
}
