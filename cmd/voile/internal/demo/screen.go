package demo

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// Speeds of the drawing. What is drawn has happened already, in a few milliseconds.
const (
	hopPause  = 350 * time.Millisecond // a route grows by a hop
	stepPause = 90 * time.Millisecond  // a message goes to the next node
	readPause = 3 * time.Second        // to read an explanation
	maxNodes  = 12                     // drawn one by one
)

// screen draws on a terminal: what has happened scrolls up, and below it is what
// happens now.
type screen struct {
	t       terminal
	quick   bool // without waiting
	routes  bool // the explanation of routes has begun
	talking bool
	ticks   int
}

func newScreen(out io.Writer, size func() (int, int), colour, quick bool) *screen {
	return &screen{t: terminal{out: out, size: size, colour: colour}, quick: quick}
}

func (s *screen) pause(ctx context.Context, d time.Duration) {
	if s.quick {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

const indent = "  "

// heading starts a section.
func (s *screen) heading(title string) {
	s.t.print(nil, row{{indent, normal}, {title, strong}})
}

// paragraph prints running text.
func (s *screen) paragraph(text string) {
	var rows []row
	for _, l := range wrap(text, min(s.t.width(), 76)-len(indent)) {
		rows = append(rows, row{{indent + l, normal}})
	}
	s.t.print(rows...)
}

func (s *screen) begin(nodes int) {
	s.t.print(nil, row{{indent, normal}, {"voile demo", strong}, {fmt.Sprintf("  %d nodes, real ones, in this process, talking over 127.0.0.1", nodes), faint}})
	s.heading("1  A private network forms")
}

func (s *screen) spinner() string {
	s.ticks++
	frames := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
	return string(frames[s.ticks%len(frames)])
}

func (s *screen) forming(states []nodeState, ready bool) {
	var rows []row
	spinner := s.spinner()
	for i, n := range states {
		if i == maxNodes && len(states) > maxNodes+1 {
			rows = append(rows, row{{fmt.Sprintf("%s  … and %d more", indent, len(states)-i), faint}})
			break
		}
		r := row{{indent, normal}}
		if n.ready > 0 {
			r = r.plus("●", good)
		} else {
			r = r.plus(spinner, moving)
		}
		r = r.plus(fmt.Sprintf(" %-6s", n.name), inkOf(n.name)).plus(fmt.Sprintf("  %-16s", n.address), faint)
		r = r.plus(fmt.Sprintf("  %-36s", n.text()), normal).plus(plural(n.LivePeers, "peer"), faint)
		rows = append(rows, r)
	}
	if ready {
		s.t.print(rows...)
	} else {
		s.t.show(rows...)
	}
}

// inkOf is the colour of a person.
func inkOf(name string) ink {
	switch name {
	case "Alice":
		return ofAlice
	case "Bob":
		return ofBob
	}
	return normal
}

func (s *screen) made(ctx context.Context, owner string, hops []string, r ownRoute) {
	if !s.routes {
		s.routes = true
		s.heading("2  A private route is built")
		s.paragraph("It is a way to a person through other nodes, which that person picks. " +
			"Whoever gets it can write to its owner, but sees its first node only.")
	}
	s.t.print(nil)
	title := row{{fmt.Sprintf("%s%s's private route", indent, owner), inkOf(owner)}}
	about := fmt.Sprintf("%d bytes to give away, tested in %s", len(r.Blob), short(r.took))
	way := row{{indent + indent, normal}, {owner, inkOf(owner)}}
	for _, h := range hops {
		s.t.show(title, way.plus(" ◀─ ", moving).plus("…", faint))
		s.pause(ctx, hopPause)
		way = way.plus(" ◀─ ", faint).plus(h, inkOf(owner))
	}
	if len(hops) > 0 {
		way = way.plus(" ◀─ ", faint).plus("anyone who has it", faint)
	}
	s.t.print(append(title.right(about, s.t.width()), way)...)
	s.pause(ctx, hopPause)
}

func (s *screen) explain(ctx context.Context, p path) {
	from := p.from
	s.t.print(nil)
	s.paragraph(fmt.Sprintf("What %s sends hides likewise: it leaves through nodes that %s picks, a safety route. Both together are the way of a message:", from, from))
	for i := range p.stops()[1:] {
		s.t.show(s.way(p, i, false)...)
		s.pause(ctx, hopPause)
	}
	s.t.print(append(s.way(p, -1, false), s.brackets(p)...)...)
	s.t.print(nil)
	stops := p.stops()
	name := 0
	for _, n := range stops {
		name = max(name, columns(n))
	}
	pad := func(n string) string { return n + strings.Repeat(" ", name-columns(n)) }
	for i := 1; i < len(stops); i++ {
		r := row{{indent + indent, normal}, {pad(stops[i]), p.inkAt(i)}, {"  gets it from ", faint}, {pad(stops[i-1]), p.inkAt(i - 1)}}
		if i < len(stops)-1 {
			r = r.plus("  passes it to ", faint).plus(pad(stops[i+1]), p.inkAt(i+1)).plus("  cannot read it", normal)
		} else {
			r = r.plus("  reads it, and cannot tell where "+from+" is", good)
		}
		s.t.print(r)
		s.pause(ctx, hopPause)
	}
	s.pause(ctx, readPause)
}

// inkAt is the colour of a stop: of who picked it.
func (p path) inkAt(i int) ink {
	if i <= len(p.safety) {
		return inkOf(p.from)
	}
	return inkOf(p.to)
}

// way draws a path. The message is on the way from stop at to the next one, or with
// back in the other direction; -1: nowhere. A path that does not fit goes on below.
func (s *screen) way(p path, at int, back bool) []row {
	const arrow = 4 // columns
	stops := p.stops()
	var rows []row
	r := row{{indent + indent, normal}}
	for i, n := range stops {
		room := columns(n)
		if i < len(stops)-1 {
			room += arrow
		}
		if r.columns()+room > s.t.width() && len(r) > 1 {
			rows = append(rows, r)
			r = row{{strings.Repeat(indent, 4), normal}}
		}
		r = r.plus(n, p.inkAt(i))
		switch {
		case i == len(stops)-1:
		case i == at && back:
			r = r.plus(" ◀━ ", moving)
		case i == at:
			r = r.plus(" ━▶ ", moving)
		default:
			r = r.plus(" ─▶ ", faint)
		}
	}
	return append(rows, r)
}

// brackets names below a path who picked which part; nothing if there is no room.
func (s *screen) brackets(p path) []row {
	if len(s.way(p, -1, false)) > 1 {
		return nil
	}
	part := func(stops []string, who string) string {
		width := columns(strings.Join(stops, " ─▶ "))
		label := " by " + who + " "
		if len(stops) == 1 || width < columns(label)+2 {
			return strings.Repeat(" ", width)
		}
		line := width - 2 - columns(label)
		return "└" + strings.Repeat("─", line/2) + label + strings.Repeat("─", line-line/2) + "┘"
	}
	return []row{{
		{indent + indent + strings.Repeat(" ", columns(p.from)+4), normal},
		{part(p.safety, p.from), inkOf(p.from)}, {strings.Repeat(" ", 4), normal}, {part(p.private, p.to), inkOf(p.to)},
	}}
}

func (s *screen) exchanged(ctx context.Context, x exchange) {
	if !s.talking {
		s.talking = true
		s.heading("3  Alice and Bob talk")
	}
	if x.err != nil {
		s.t.print(nil, row{{indent, normal}, {"✗ ", bad}, {x.err.Error(), normal}})
		return
	}
	said := func(who, text string) row {
		return row{{indent, normal}, {fmt.Sprintf("%-6s", who), inkOf(who)}, {" “" + text + "”", normal}}
	}
	way := func(at int, back bool) []row {
		if !x.path.known() {
			return []row{{{fmt.Sprintf("%sover %d + %d hops", indent+indent, x.hops, x.hops), faint}}}
		}
		return s.way(x.path, at, back)
	}
	question := said(x.path.from, x.line.text)
	last := len(x.path.stops()) - 2
	if x.path.known() {
		for i := 0; i <= last; i++ {
			s.t.show(append([]row{nil, question}, way(i, false)...)...)
			s.pause(ctx, stepPause)
		}
	}
	w := s.t.width()
	if !x.isCall() {
		rows := append([]row{nil}, question.right(fmt.Sprintf("%d bytes, arrived in %s", x.bytes, short(x.took)), w)...)
		s.t.print(append(rows, way(-1, false)...)...)
		return
	}
	answer := said(x.path.to, x.answer)
	if x.path.known() {
		for i := last; i >= 0; i-- {
			s.t.show(append(append([]row{nil, question}, way(i, true)...), answer)...)
			s.pause(ctx, stepPause)
		}
	}
	rows := append([]row{nil, question}, way(-1, false)...)
	s.t.print(append(rows, answer.right(fmt.Sprintf("%d bytes, %s there and back", x.bytes, short(x.took)), w)...)...)
}

func (s *screen) idle(t totals) {
	text := fmt.Sprintf(" %d nodes · %s · %s · %s/s · %s · Ctrl-C ends", t.nodes, plural(t.calls, "call"),
		plural(t.messages, "message"), size(t.perSecond), short(t.ran))
	s.t.show(nil, row{{indent, normal}, {s.spinner(), moving}, {text, faint}})
}

func (s *screen) end(t totals) {
	s.heading("Summary")
	for _, text := range t.summary() {
		s.t.print(row{{indent + text, normal}})
	}
	s.t.print(nil)
	lesson := "Only the two could read what they said. "
	if t.open == 0 && t.calls+t.messages > 0 {
		lesson = "No node saw both ends of a way, and only the two could read what they said. "
	}
	s.paragraph(lesson + "Next: `voile chat --private` for two terminals, `voile serve` for a node of your own.")
	s.t.print(nil)
}

// close ends the row that is drawn anew, if there is one.
func (s *screen) close() {
	if s.t.live > 0 {
		s.t.live = 0
		io.WriteString(s.t.out, "\n")
	}
}
