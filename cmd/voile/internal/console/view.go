package console

import (
	"fmt"
	"strings"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/client"
)

// look is the styles of the screen: the sixteen colours that every terminal has in
// a choice of its user. Where there are none, bold and faint do.
type look struct {
	plain, strong, faint, good, fair, bad lipgloss.Style
}

func newLook() look {
	s := lipgloss.NewStyle
	return look{
		plain: s(), strong: s().Bold(true), faint: s().Faint(true),
		good: s().Foreground(lipgloss.Green), fair: s().Foreground(lipgloss.Yellow), bad: s().Foreground(lipgloss.Red),
	}
}

// The least room for a screen with everything, and rows that are always there:
// status, traffic, command line, keys.
const (
	leastWidth  = 30
	leastHeight = 6
	fixedRows   = 4
	wide        = 110 // columns from which more is shown
)

// rooms is how many rows the two panes have below their titles; -1: the pane is not
// there.
func (s *Screen) rooms() (peers, events int) {
	body := s.height - fixedRows
	switch {
	case s.panes == eventsOnly || s.panes == both && body < 9:
		return -1, body - 1
	case s.panes == peersOnly:
		return body - 1, -1
	}
	count := 1 // the names of the columns
	if s.network != nil {
		count += len(s.network.Peers)
	}
	peers = max(3, min(count, (body-2)/3))
	return peers, body - 2 - peers
}

func (s *Screen) eventRows() int {
	_, rows := s.rooms()
	return max(rows, 1)
}

// View draws the screen.
func (s *Screen) View() tea.View {
	lines, cursor := s.draw()
	v := tea.NewView(strings.Join(lines, "\n"))
	v.AltScreen = true
	v.WindowTitle = "voile console"
	if s.address != "" {
		v.WindowTitle += " " + s.address
	}
	if cursor >= 0 {
		v.Cursor = tea.NewCursor(cursor, len(lines)-2)
	}
	return v
}

// draw makes the rows of the screen, and the column of the cursor in the last but
// one; -1: it is not seen.
func (s *Screen) draw() (lines []string, cursor int) {
	if s.width < leastWidth || s.height < leastHeight {
		return []string{ansi.Truncate("too small", max(s.width, 0), "")}, -1
	}
	lines = append(lines, s.statusLine(), s.trafficLine())
	peers, events := s.rooms()
	if s.helpOn {
		lines = append(lines, s.helpRows(s.height-fixedRows)...)
	} else {
		if peers >= 0 {
			lines = append(lines, s.peerRows(peers)...)
		}
		if events >= 0 {
			lines = append(lines, s.eventLines(events)...)
		}
	}
	prompt := "> "
	if s.filtering {
		prompt = "show lines with: "
	}
	text, at := s.edit.view(s.width - len(prompt) - 1)
	lines = append(lines, s.look.strong.Render(prompt)+text, s.bottomLine())
	for i, l := range lines {
		lines[i] = ansi.Truncate(l, s.width, "")
	}
	return lines, len(prompt) + at
}

// part is a piece of a row in a style.
type part struct {
	text  string
	style lipgloss.Style
}

// row joins as many parts as there is room for.
func (s *Screen) row(parts ...part) string {
	var b strings.Builder
	used := 0
	for _, p := range parts {
		if p.text == "" {
			continue
		}
		w := ansi.StringWidth(p.text)
		if used > 0 {
			w += 2
		}
		if used > 0 && used+w > s.width {
			break
		}
		if used > 0 {
			b.WriteString("  ")
		}
		b.WriteString(p.style.Render(p.text))
		used += w
	}
	return b.String()
}

func (s *Screen) statusLine() string {
	address := s.address
	if address == "" {
		address = "voile console"
	}
	if n := s.width / 2; ansi.StringWidth(address) > n { // the end tells more
		address = ansi.TruncateLeft(address, ansi.StringWidth(address)-n+1, s.sym.ellipsis)
	}
	head := part{address, s.look.strong}
	if !s.connected {
		style := s.look.bad
		if s.problem == "connecting" {
			style = s.look.fair
		}
		left := s.width - ansi.StringWidth(address) - 2
		problem := s.problem
		if s.problem != "connecting" && s.problem != "disconnected" {
			problem = "not connected: " + problem
		}
		retry := s.retryIn()
		if retry != "" {
			left -= len(retry) + 2
		}
		return s.row(head, part{retry, s.look.fair}, part{ansi.Truncate(problem, max(left, 0), s.sym.ellipsis), style})
	}
	a := s.attachment
	if a == nil {
		return s.row(head, part{"connected", s.look.good})
	}
	ready := func(name string, is bool) part {
		if is {
			return part{s.sym.yes + " " + name, s.look.good}
		}
		return part{s.sym.no + " " + name, s.look.faint}
	}
	up := micros(a.Uptime) + s.now().Sub(s.attachedAt)
	version := ""
	if s.version != "" {
		version = "veilid " + s.version
	}
	return s.row(head, part{string(a.State), s.stateStyle(a.State)}, ready("public", a.PublicInternetReady),
		ready("local", a.LocalNetworkReady), part{"up " + span(up), s.look.plain}, part{version, s.look.faint})
}

func (s *Screen) stateStyle(state jsonapi.AttachmentState) lipgloss.Style {
	switch state {
	case jsonapi.AttachedWeak, jsonapi.AttachedFair, jsonapi.Attaching:
		return s.look.fair
	case jsonapi.AttachedGood, jsonapi.AttachedStrong, jsonapi.AttachedFull:
		return s.look.good
	}
	return s.look.bad
}

func (s *Screen) trafficLine() string {
	if !s.connected {
		return ""
	}
	if a := s.attachment; a != nil && a.State == jsonapi.Detached {
		return s.look.faint.Render("The node is detached; attach lets it join the network.")
	}
	n, a := s.network, s.attachment
	if n == nil || a == nil {
		return ""
	}
	spark := max(4, s.width/11)
	flow := func(arrow string, now uint64, list []uint64) part {
		return part{fmt.Sprintf("%s %9s %s", arrow, byteCount(now)+"/s", s.sym.sparkline(list, spark)), s.look.plain}
	}
	peers := fmt.Sprintf("%d peers, %d reliable", a.LivePeerCount, a.ReliablePeerCount)
	median := ""
	if a.MedianLatency != nil {
		median = latency(micros(*a.MedianLatency))
	}
	return s.row(flow(s.sym.down, uint64(n.BpsDown), s.down), flow(s.sym.up, uint64(n.BpsUp), s.up),
		part{peers, s.look.plain}, part{fmt.Sprintf("~%d nodes", a.EstimatedNetworkSize), s.look.plain}, part{median, s.look.plain})
}

// column is one of the peers' table.
type column struct {
	title string
	width int // negative: aligned to the right
	text  func(p client.Peer) string
}

func (s *Screen) columns() []column {
	speed := func(n jsonapi.ByteCount) string { return byteCount(uint64(n)) + "/s" }
	ping := func(d jsonapi.TimestampDuration) string { return latency(micros(d)) }
	measured := func(of func(*jsonapi.LatencyStats) jsonapi.TimestampDuration) func(client.Peer) string {
		return func(p client.Peer) string {
			if p.PeerStats.Latency == nil {
				return "-"
			}
			return ping(of(p.PeerStats.Latency))
		}
	}
	all := []column{
		{"NODE", 18, func(p client.Peer) string { return s.peerID(p) }},
		{"ADDRESS", 0, func(p client.Peer) string { return safe(p.PeerAddress) }},
		{"PING", -8, measured(func(l *jsonapi.LatencyStats) jsonapi.TimestampDuration { return l.Average })},
		{"DOWN", -10, func(p client.Peer) string { return speed(p.PeerStats.Transfer.Down.Average) }},
		{"UP", -10, func(p client.Peer) string { return speed(p.PeerStats.Transfer.Up.Average) }},
	}
	if s.width >= wide {
		all[0].width = 24
		all = append(all, column{"P90", -8, measured(func(l *jsonapi.LatencyStats) jsonapi.TimestampDuration { return l.P90 })},
			column{"RECEIVED", -9, func(p client.Peer) string { return byteCount(uint64(p.PeerStats.Transfer.Down.Total)) }},
			column{"SENT", -9, func(p client.Peer) string { return byteCount(uint64(p.PeerStats.Transfer.Up.Total)) }})
	}
	used := 0
	for _, c := range all {
		used += max(c.width, -c.width) + 1
	}
	all[1].width = max(s.width-used, 10)
	return all
}

func (s *Screen) peerID(p client.Peer) string {
	if len(p.NodeIDs) == 0 {
		return "?"
	}
	return p.NodeIDs[0].String()
}

// cells lays texts out in columns.
func (s *Screen) cells(columns []column, text func(c column) string) string {
	var b strings.Builder
	for i, c := range columns {
		if i > 0 {
			b.WriteByte(' ')
		}
		width := max(c.width, -c.width)
		t := ansi.Truncate(text(c), width, s.sym.ellipsis)
		space := strings.Repeat(" ", width-ansi.StringWidth(t))
		if c.width < 0 {
			t = space + t
		} else {
			t += space
		}
		b.WriteString(t)
	}
	return strings.TrimRight(b.String(), " ")
}

func (s *Screen) peerRows(rows int) []string {
	peers := s.peers()
	title := fmt.Sprintf("peers %d, by %s", len(peers), orderNames[s.order])
	from := min(s.peersFrom, max(0, len(peers)-(rows-1)))
	if from > 0 {
		title += fmt.Sprintf(", from %d", from+1)
	}
	lines := []string{s.rule(title)}
	columns := s.columns()
	if rows > 0 {
		lines = append(lines, s.look.faint.Render(s.cells(columns, func(c column) string { return c.title })))
	}
	for _, p := range peers[from:] {
		if len(lines) > rows {
			break
		}
		lines = append(lines, s.cells(columns, func(c column) string { return c.text(p) }))
	}
	return filled(lines, rows+1)
}

// filled adds empty rows.
func filled(lines []string, rows int) []string {
	for len(lines) < rows {
		lines = append(lines, "")
	}
	return lines[:rows]
}

// rule is a title on a line.
func (s *Screen) rule(title string) string {
	title = ansi.Truncate(title, s.width-6, s.sym.ellipsis)
	rest := max(0, s.width-ansi.StringWidth(title)-4)
	return s.look.faint.Render(strings.Repeat(s.sym.line, 2)) + " " + s.look.strong.Render(title) + " " + s.look.faint.Render(strings.Repeat(s.sym.line, rest))
}

func (s *Screen) eventLines(rows int) []string {
	title := "events, log " + s.levelName()
	if s.filter != "" {
		title += fmt.Sprintf(", lines with %q", s.filter)
	}
	if s.back > 0 {
		title += fmt.Sprintf(", %d below", s.back)
	}
	if s.sub != nil && s.sub.Dropped() > 0 {
		title += fmt.Sprintf(", %d updates lost", s.sub.Dropped())
	}
	// From the end upwards, so that a long list costs nothing.
	var shown []string // the last row first
	skip := s.back
	for i := len(s.events) - 1; i >= 0 && len(shown) < rows; i-- {
		e := s.events[i]
		if !s.shows(e) {
			continue
		}
		parts := s.rows(e)
		for j := len(parts) - 1; j >= 0 && len(shown) < rows; j-- {
			if skip > 0 {
				skip--
				continue
			}
			shown = append(shown, s.eventStyle(e).Render(parts[j]))
		}
	}
	lines := []string{s.rule(title)}
	for i := len(shown) - 1; i >= 0; i-- {
		lines = append(lines, shown[i])
	}
	return filled(lines, rows+1)
}

// rows are the rows that a line takes.
func (s *Screen) rows(e event) []string {
	text := e.text
	if !e.at.IsZero() {
		mark := ""
		switch e.kind {
		case kindNotice:
			mark = "* "
		case kindCommand:
			mark = "> "
		case kindLog:
			mark = strings.ToUpper(string(e.level)[:min(1, len(e.level))]) + " "
		case kindFailure:
			mark = "! "
		}
		text = e.at.Format("15:04:05 ") + mark + text
	}
	if len(text) <= s.width || utf8.RuneCountInString(text)*2 <= s.width {
		return []string{text}
	}
	return strings.Split(ansi.Hardwrap(text, s.width, true), "\n")
}

func (s *Screen) eventStyle(e event) lipgloss.Style {
	switch e.kind {
	case kindCommand:
		return s.look.strong
	case kindFailure:
		return s.look.bad
	case kindLog:
		switch e.level {
		case jsonapi.LogError:
			return s.look.bad
		case jsonapi.LogWarn:
			return s.look.fair
		}
		return s.look.faint
	case kindNotice:
		return s.look.good
	}
	return s.look.plain
}

func (s *Screen) helpRows(rows int) []string {
	lines := []string{s.rule("keys")}
	lines = append(lines, helpText...)
	return filled(lines, rows)
}

// bottomLine is what may come next, or what the command does, or the keys.
func (s *Screen) bottomLine() string {
	switch {
	case s.filtering:
		return s.look.faint.Render("Enter keeps the filter, Esc ends it")
	case len(s.candidates) > 1:
		return s.candidateLine()
	}
	if hint := s.language.hint(s.edit.text()); hint != "" {
		return s.look.faint.Render(ansi.Truncate(hint, s.width, s.sym.ellipsis))
	}
	keys := "F1 help  F2 panes  F3 sort  F4 log level  F5 filter  PgUp scroll  Ctrl+C leave"
	if s.running > 0 {
		keys = fmt.Sprintf("%d running  ", s.running) + keys
	}
	return s.look.faint.Render(ansi.Truncate(keys, s.width, s.sym.ellipsis))
}

// maxCandidate is how much of a possibility is shown.
const maxCandidate = 24

func (s *Screen) fits(candidates []string) bool {
	used := -2
	for _, c := range candidates {
		used += min(ansi.StringWidth(c), maxCandidate) + 2
	}
	return used <= s.width
}

// candidateLine shows possibilities around the one that was chosen.
func (s *Screen) candidateLine() string {
	from := 0
	for from < s.candidate && !s.fits(s.candidates[from:s.candidate+1]) { // it must be seen
		from++
	}
	var parts []part
	for i, c := range s.candidates[from:] {
		style := s.look.faint
		if from+i == s.candidate {
			style = s.look.strong.Reverse(true)
		}
		parts = append(parts, part{ansi.Truncate(c, maxCandidate, s.sym.ellipsis), style})
	}
	return s.row(parts...)
}
