package console

import (
	"fmt"
	"strings"
	"time"

	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/client"
)

// kind is what a line of the screen is about.
type kind uint8

const (
	kindNotice  kind = iota // something has happened
	kindCommand             // what was typed
	kindOutput              // what came back
	kindFailure             // what went wrong
	kindLog                 // the node's log
)

// event is one line of the screen.
type event struct {
	kind  kind
	level jsonapi.VeilidLogLevel // of kindLog
	at    time.Time              // zero: part of the line before
	text  string                 // one line, harmless
}

// eventsOf splits a text of others into lines.
func eventsOf(k kind, level jsonapi.VeilidLogLevel, at time.Time, text string) (all []event) {
	for i, line := range strings.Split(strings.TrimRight(safe(text), "\n "), "\n") {
		e := event{kind: k, level: level, at: at, text: strings.TrimRight(line, " ")}
		if i > 0 {
			e.at = time.Time{}
		}
		all = append(all, e)
	}
	return all
}

// describe tells of an update in a line, "" if it is not for the list of events.
// about is the word of enable and disable that it belongs to.
func describe(u client.Update) (text, about string) {
	from := func(route fmt.Stringer, known bool) string {
		if known {
			return ", on route " + route.String()
		}
		return ""
	}
	switch u := u.(type) {
	case *client.AppMessage:
		return fmt.Sprintf("message %s, %d bytes%s", payload(u.Message), len(u.Message), from(u.RouteID, u.RouteID != nil)), "app_messages"
	case *client.AppCall:
		return fmt.Sprintf("call #%x %s, %d bytes%s", uint64(u.CallID), payload(u.Message), len(u.Message), from(u.RouteID, u.RouteID != nil)), "app_messages"
	case *client.ValueChange:
		return describeChange(u), "value_changes"
	case *client.RouteChange:
		var parts []string
		if n := len(u.DeadRoutes); n > 0 {
			parts = append(parts, fmt.Sprintf("own routes gone: %s", join(u.DeadRoutes)))
		}
		if n := len(u.DeadRemoteRoutes); n > 0 {
			parts = append(parts, fmt.Sprintf("imported routes gone: %s", join(u.DeadRemoteRoutes)))
		}
		return strings.Join(parts, "; "), "route_changes"
	case *client.ConfigState:
		return "the configuration has changed", ""
	case *client.ShutdownUpdate:
		return "the node stops", ""
	}
	return "", ""
}

func describeChange(u *client.ValueChange) string {
	key := u.Key.Opaque.String()
	if len(u.Subkeys) == 0 && u.Count == 0 {
		return "watch of record " + key + " has ended"
	}
	var b strings.Builder
	b.WriteString("changed: subkeys")
	for i, r := range u.Subkeys {
		if i > 0 {
			b.WriteByte(',')
		}
		if r[0] == r[1] {
			fmt.Fprintf(&b, " %d", r[0])
		} else {
			fmt.Fprintf(&b, " %d-%d", r[0], r[1])
		}
	}
	if u.Value != nil {
		fmt.Fprintf(&b, ", %s, %d bytes, sequence %d", payload(u.Value.Data), len(u.Value.Data), u.Value.Seq)
	}
	return b.String() + ", of record " + key
}

func join[T fmt.Stringer](list []T) string {
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = v.String()
	}
	return strings.Join(texts, ", ")
}

// severity orders levels; the gravest is 0.
func severity(l jsonapi.VeilidLogLevel) int {
	for i, other := range l.Values() {
		if l == other {
			return i
		}
	}
	return len(l.Values())
}
