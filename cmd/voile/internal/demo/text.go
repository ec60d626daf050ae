package demo

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/voile-net/voile/core/attach"
)

// text says in a few words how far a node is.
func (s *nodeState) text() string {
	switch {
	case s.StartError != "":
		return "cannot start: " + s.StartError
	case s.ready > 0:
		return "ready after " + short(s.ready)
	case s.State < attach.Attaching:
		return "starting"
	}
	switch s.Stage {
	case "NeedsBootstrap":
		return "attaching, looks for other nodes"
	case "NeedsPublishedPeerInfo":
		return "attaching, says where it is reached"
	case "NeedsMoreTestedNodes":
		return "attaching, gets to know the others"
	case "NeedsSafetyRoutes":
		return "attaching, builds safety routes"
	}
	return "attaching"
}

// summary is a run in a few lines.
func (t *totals) summary() []string {
	list := []string{
		fmt.Sprintf("%d nodes, ready after %s, ran for %s", t.nodes, short(t.ready), short(t.ran)),
		fmt.Sprintf("%s answered, %s arrived, %d failed, %s said", plural(t.calls, "call"), plural(t.messages, "message"), t.lost, size(uint64(t.bytes))),
	}
	for _, hops := range slices.Sorted(maps.Keys(t.trips)) {
		trips := slices.Sorted(slices.Values(t.trips[hops]))
		list = append(list, fmt.Sprintf("there and back over %d + %d hops: %s, the median of %s", hops, hops, short(trips[len(trips)/2]), plural(len(trips), "call")))
	}
	return list
}

func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// short is a duration in about three digits.
func short(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/1e6)
	case d < time.Second:
		return fmt.Sprintf("%.0f ms", float64(d)/1e6)
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%d:%02d min", int(d.Minutes()), int(d.Seconds())%60)
}

func size(bytes uint64) string {
	if bytes < 10000 {
		return fmt.Sprintf("%d bytes", bytes)
	}
	return fmt.Sprintf("%.1f kB", float64(bytes)/1000)
}

// wrap breaks words into lines of at most width columns.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case columns(line)+1+columns(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
