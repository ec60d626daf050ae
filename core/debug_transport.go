//go:build !nodebugapi

package core

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/transport/chaos"
	"github.com/voile-net/voile/core/wire"
)

// Commands about the links of this node: what they carry, and how to make them bad.

func transportWords() []string {
	words := []string{"stats", "clear", "enable", "disable", "toggle", "udp", "tcp", "ipv4", "ipv6"}
	for _, p := range []string{"udp", "tcp"} {
		words = append(words, p+"/ipv4", p+"/ipv6")
	}
	return words
}

func chaosWords() []string {
	words := []string{"reset", "preset", "stats"}
	for _, p := range chaos.Presets() {
		words = append(words, p.Name)
	}
	return append(words, "net", "net.self", "net.self.send", "net.self.recv", "net.self.send.loss=", "net.self.recv.loss=",
		"net.self.send.rate=", "net.self.send.queue_ms=", "net.self.recv.rate=", "net.self.recv.queue_ms=", "net.self.send.max_size=",
		"net.self.weather", "net.ip", "net.stall_close_ms=", "rpc.value_changed.loss=")
}

func debugTransport(n *Node, _ context.Context, args []string) (string, error) {
	if len(args) == 0 {
		return "", missingArgument("debug_transport", "subcommand")
	}
	switch args[0] {
	case "stats":
		return n.transportText(), nil
	case "clear":
		n.network.ForgetHealth()
		return "transport stats cleared", nil
	case "enable", "disable", "toggle":
		return n.switchTransports(args[0], args[1:])
	}
	return "", invalidArgument("debug_transport", "subcommand", args[0])
}

// switchTransports switches what the selectors name; a toggle may end with a time
// after which it turns back.
func (n *Node) switchTransports(action string, args []string) (string, error) {
	var lasts time.Duration
	if action == "toggle" && len(args) > 1 {
		if d, err := time.ParseDuration(args[len(args)-1]); err == nil && d > 0 {
			lasts, args = d, args[:len(args)-1]
		}
	}
	if len(args) == 0 {
		return "", missingArgument("debug_transport", "selector")
	}
	var which []chaos.Selector
	for _, a := range args {
		list, ok := readSelector(a)
		if !ok {
			return "", invalidArgument("debug_transport", "selector", a)
		}
		for _, s := range list {
			if !slices.Contains(which, s) {
				which = append(which, s)
			}
		}
	}
	var text string
	switch action {
	case "enable":
		n.debug.chaos.Enable(which, 0)
		text = "enabled: " + joined(which, ", ") + "\n"
	case "disable":
		n.debug.chaos.Disable(which, 0)
		text = "disabled: " + joined(which, ", ") + "\n"
	case "toggle":
		var on, off []chaos.Selector
		before := n.debug.chaos.Disabled()
		for _, s := range which {
			if slices.Contains(before, s) {
				on = append(on, s)
			} else {
				off = append(off, s)
			}
		}
		n.debug.chaos.Enable(on, lasts)
		n.debug.chaos.Disable(off, lasts)
		text = fmt.Sprintf("toggled: enabled [%s] disabled [%s]\n", joined(on, ", "), joined(off, ", "))
		if lasts > 0 {
			text += fmt.Sprintf("reverting in %s\n", seconds(lasts))
		}
	}
	return text + "now disabled: " + n.disabledText() + "\n", nil
}

func (n *Node) disabledText() string {
	if list := n.debug.chaos.Disabled(); len(list) > 0 {
		return joined(list, ", ")
	}
	return "(none)"
}

// readSelector reads udp, tcp, ipv4, ipv6 or both with a slash.
func readSelector(text string) ([]chaos.Selector, bool) {
	protocols := []wire.ProtocolType{wire.UDP, wire.TCP}
	families := []wire.AddressType{wire.IPv6, wire.IPv4}
	names := map[string][]wire.ProtocolType{"udp": {wire.UDP}, "tcp": {wire.TCP}}
	kinds := map[string][]wire.AddressType{"ipv4": {wire.IPv4}, "ipv6": {wire.IPv6}}
	first, second, both := strings.Cut(text, "/")
	switch p, f := names[first], kinds[first]; {
	case p != nil && both:
		if families = kinds[second]; families == nil {
			return nil, false
		}
		protocols = p
	case p != nil:
		protocols = p
	case f != nil && !both:
		families = f
	default:
		return nil, false
	}
	var list []chaos.Selector
	for _, p := range protocols {
		for _, f := range families {
			list = append(list, chaos.Selector{Protocol: p, Family: f})
		}
	}
	return list, true
}

// transportText is the health of the transports and what they have carried.
func (n *Node) transportText() string {
	var b strings.Builder
	failed, suspects := n.network.Health()
	b.WriteString("[PublicInternet]\n")
	if len(failed) == 0 {
		b.WriteString("  no transport has failed since its last success\n")
	}
	for _, h := range failed {
		state := "healthy"
		if h.Suppressed {
			state = "suppressed"
		}
		fmt.Fprintf(&b, "  %v=%s failed:%d peers:%d", h.Transport, state, h.Failed, h.Peers)
		if !h.Trial.IsZero() {
			fmt.Fprintf(&b, " trial:%s", seconds(time.Since(h.Trial)))
		}
		b.WriteByte('\n')
	}
	if len(suspects) > 0 {
		fmt.Fprintf(&b, "our own fault, by its looks: %s\n", joined(suspects, ", "))
	}
	return b.String() + "disabled: " + n.disabledText() + "\n" + n.transportCounters()
}

func (n *Node) transportCounters() string {
	s, ok := n.attach.TransportStats()
	if !ok {
		return "Network not started\n"
	}
	var b strings.Builder
	for _, p := range []struct {
		name string
		c    transport.Counters
	}{{"UDP", s.UDP}, {"TCP", s.TCP}, {"WS", s.WS}} {
		fmt.Fprintf(&b, "%s: %d messages, %d bytes sent; %d messages, %d bytes received\n",
			p.name, p.c.MessagesSent, p.c.BytesSent, p.c.MessagesReceived, p.c.BytesReceived)
	}
	fmt.Fprintf(&b, "%d datagrams ignored, %d accepts refused, %d connections evicted\n", s.DatagramsIgnored, s.AcceptsRefused, s.ConnectionsEvicted)
	return b.String() + "Connection Table:\n" + indent(n.connectionsText(time.Now()), 2)
}

// connectionsText lists the connections, the oldest first.
func (n *Node) connectionsText(now time.Time) string {
	list := n.attach.Connections()
	sorting.By(list, func(a, b transport.ConnInfo) int { return a.Opened.Compare(b.Opened) })
	var b strings.Builder
	var priority []transport.Flow
	by := map[wire.ProtocolType]int{}
	for _, c := range list {
		by[c.Flow.Protocol]++
		if c.Priority {
			priority = append(priority, c.Flow)
		}
	}
	limit := int(n.settings().Network.MaxConnections)
	fmt.Fprintf(&b, "Connections: (%d/%d)\n  TCP: %d\n  WS: %d\n", len(list), limit, by[wire.TCP], by[wire.WS])
	for _, c := range list {
		way := "out"
		if c.Inbound {
			way = "in"
		}
		fmt.Fprintf(&b, "  %v | %s | est %s sent %s rcvd %s refcount %d up %s down %s queued %d", c.Flow, way, ago(c.Opened, now), ago(c.LastSent, now),
			ago(c.LastReceived, now), c.Held, bytesText(c.BytesSent), bytesText(c.BytesReceived), c.Queued)
		if c.Protected {
			b.WriteString(" protected")
		}
		if c.Priority {
			b.WriteString(" priority")
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "Priority Flows: (%d/%d)\n", len(priority), transport.PriorityLimit(limit))
	for _, f := range priority {
		fmt.Fprintf(&b, "  %v\n", f)
	}
	return b.String()
}

// debugChaos shows and changes the settings of the chaos.
func debugChaos(n *Node, _ context.Context, args []string) (string, error) {
	failed := func(err error) (string, error) { return "", errorf(Generic, err, "%v", err) }
	settings := n.debug.chaos.Settings()
	var err error
	switch first := arg(args, 0); {
	case first == "stats" && len(args) == 1:
		text, err := json.Marshal(n.debug.chaos.Stats())
		return string(text), err
	case first == "preset" && len(args) == 1:
		text := map[string]any{}
		for _, p := range chaos.Presets() {
			text[p.Name] = map[string]string{"about": p.About, "settings": strings.Join(p.Settings, " ")}
		}
		out, err := json.MarshalIndent(text, "", "  ")
		return string(out), err
	case len(args) <= 1 && !strings.Contains(first, "=") && first != "reset":
		if text, err := settings.Get(first); err == nil {
			return text, nil
		} else {
			return failed(err)
		}
	case first == "reset" && len(args) > 2:
		return failed(fmt.Errorf("reset takes at most one path"))
	case first == "reset":
		settings, err = settings.Reset(arg(args, 1))
	case first == "preset":
		settings, err = presetSettings(args[1:])
	default:
		settings, err = assign(settings, args)
	}
	if err != nil {
		return failed(err)
	}
	n.debug.chaos.SetSettings(settings)
	text, err := settings.Get("")
	if err != nil {
		return failed(err)
	}
	return text, nil
}

// assign puts PATH=VALUE in, each.
func assign(s chaos.Settings, args []string) (chaos.Settings, error) {
	for _, a := range args {
		path, value, ok := strings.Cut(a, "=")
		if !ok {
			return s, fmt.Errorf("expected <path>=<value>, got '%s'", a)
		}
		var err error
		if s, err = s.Set(path, value); err != nil {
			return s, err
		}
	}
	return s, nil
}

// presetSettings starts from the defaults and applies names and PATH=VALUE in order.
func presetSettings(args []string) (s chaos.Settings, err error) {
	presets := chaos.Presets()
	for _, a := range args {
		settings := []string{a}
		if !strings.Contains(a, "=") {
			i := slices.IndexFunc(presets, func(p chaos.Preset) bool { return p.Name == a })
			if i < 0 {
				return s, fmt.Errorf("no chaos preset '%s'", a)
			}
			settings = presets[i].Settings
		}
		if s, err = assign(s, settings); err != nil {
			return s, err
		}
	}
	return s, nil
}
