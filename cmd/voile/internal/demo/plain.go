package demo

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// plain writes one line per event, for pipes and logs: seconds since the start, the
// kind of event, and what happened.
type plain struct {
	out   io.Writer
	began time.Time
	told  map[string]string // what was last said of each node
}

func newPlain(out io.Writer, began time.Time) *plain {
	return &plain{out: out, began: began, told: map[string]string{}}
}

func (p *plain) event(kind, format string, args ...any) {
	fmt.Fprintf(p.out, "%7.2fs  %-8s %s\n", time.Since(p.began).Seconds(), kind, fmt.Sprintf(format, args...))
}

func (p *plain) begin(nodes int) {
	p.event("start", "a private network of %d nodes in this process, on 127.0.0.1", nodes)
}

func (p *plain) forming(states []nodeState, ready bool) {
	for _, s := range states {
		if text := s.text(); text != p.told[s.name] {
			p.told[s.name] = text
			p.event("node", "%s %s: %s, %s", s.name, s.address, text, plural(s.LivePeers, "peer"))
		}
	}
	if ready {
		p.event("network", "ready")
	}
}

func (p *plain) made(_ context.Context, owner string, hops []string, r ownRoute) {
	way := ""
	if len(hops) > 0 {
		way = " " + strings.Join(append([]string{owner}, hops...), " <- ") + " <- anyone who has it:"
	}
	p.event("route", "%s's private route:%s %d bytes to give away, made and tested in %s", owner, way, len(r.Blob), short(r.took))
}

func (p *plain) explain(context.Context, path) {}

func (p *plain) exchanged(_ context.Context, x exchange) {
	way := fmt.Sprintf("%d + %d hops", x.hops, x.hops)
	if x.path.known() {
		way = strings.Join(x.path.stops(), " -> ")
	}
	switch {
	case x.err != nil:
		p.event("failed", "%v", x.err)
	case x.isCall():
		p.event("call", "%s: %q", way, x.line.text)
		p.event("answer", "%s: %q (%d bytes, %s there and back)", x.path.to, x.answer, x.bytes, short(x.took))
	default:
		p.event("message", "%s: %q (%d bytes, arrived in %s)", way, x.line.text, x.bytes, short(x.took))
	}
}

func (p *plain) idle(totals) {}

func (p *plain) end(t totals) {
	for _, text := range t.summary() {
		p.event("summary", "%s", text)
	}
}

func (p *plain) close() {}
