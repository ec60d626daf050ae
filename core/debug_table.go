//go:build !nodebugapi

package core

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/wire"
)

// Commands about the routing table.

// readState reads the least state of a list.
func readState(text string) (routing.State, bool) {
	for s := routing.StatePunished; s <= routing.StateReliable; s++ {
		if s.String() == text {
			return s, true
		}
	}
	return 0, false
}

// bucketRow is how many buckets stand in a line.
const bucketRow = 16

func debugBuckets(n *Node, _ context.Context, args []string) (string, error) {
	least := routing.StateUnreliable
	if text := arg(args, 0); text != "" {
		var ok bool
		if least, ok = readState(text); !ok {
			return "", invalidArgument("debug_buckets", "min_state", text)
		}
	}
	now := time.Now()
	var b strings.Builder
	b.WriteString("Buckets:\n")
	for _, kind := range n.crypto.Kinds() {
		var counts [256]int
		for _, bucket := range n.table.Buckets(kind) {
			for _, e := range bucket.Entries {
				if e.State(now) >= least {
					counts[bucket.Index]++
				}
			}
		}
		fmt.Fprintf(&b, "  %v:\n", kind)
		for i := 0; i < len(counts); i += bucketRow {
			fmt.Fprintf(&b, "    %3d: ", i)
			for _, c := range counts[i : i+bucketRow] {
				fmt.Fprintf(&b, "%3d ", c)
			}
			b.WriteByte('\n')
		}
	}
	return b.String(), nil
}

// entryFilter is what the words of entries select.
type entryFilter struct {
	least             routing.State
	caps              []wire.Capability
	fastest, liveness bool
}

func readEntryFilter(args []string) (f entryFilter, bad string) {
	f.least = routing.StateUnreliable
	for _, a := range args {
		s, isState := readState(a)
		switch {
		case isState:
			f.least = s
		case a == "fastest":
			f.fastest = true
		case a == "liveness":
			f.liveness = true
		default:
			for c := range strings.SplitSeq(a, ",") {
				if len(c) != 4 {
					return f, a
				}
				f.caps = append(f.caps, wire.Capability(fourCC(c)))
			}
		}
	}
	return f, ""
}

func (f *entryFilter) takes(e *routing.Entry, s routing.State) bool {
	if s < f.least {
		return false
	}
	p := e.PeerInfo(wire.PublicInternet)
	return len(f.caps) == 0 || p != nil && p.Info.HasAll(f.caps)
}

func debugEntries(n *Node, _ context.Context, args []string) (string, error) {
	f, bad := readEntryFilter(args)
	if bad != "" {
		return "", invalidArgument("debug_entries", "unknown", bad)
	}
	now := time.Now()
	var b strings.Builder
	fmt.Fprintf(&b, "Entries: %d\n", n.table.Len())
	switch {
	case f.fastest:
		n.fastestText(&b, &f, now)
		return b.String(), nil
	case f.liveness:
		n.livenessText(&b, &f, now)
		return b.String(), nil
	}
	for _, d := range []wire.RoutingDomain{wire.PublicInternet, wire.LocalNetwork} {
		fmt.Fprintf(&b, "  %s:", domainCode(d))
		for _, k := range n.table.Own(d).Summary(now) {
			fmt.Fprintf(&b, " %v(total:%s / maybe_live:%s / live:%s / live_external:%s / responsive:%s)", k.Kind,
				tallyText(k.Total), tallyText(k.MaybeLive), tallyText(k.Live), tallyText(k.LiveExternal), tallyText(k.Responsive))
		}
		b.WriteByte('\n')
	}
	for _, kind := range n.crypto.Kinds() {
		shown := 0
		states := map[routing.State]int{}
		for _, bucket := range n.table.Buckets(kind) {
			title := false
			for _, e := range bucket.Entries {
				s := e.State(now)
				if !f.takes(e, s) {
					continue
				}
				if !title {
					fmt.Fprintf(&b, "%v Bucket #%d:\n", kind, bucket.Index)
					title = true
				}
				shown++
				states[s]++
				fmt.Fprintf(&b, "    %s\n", n.entryLine(e, now))
			}
		}
		fmt.Fprintf(&b, "%v Filtered Total: %d\n", kind, shown)
		if shown > 0 {
			fmt.Fprintf(&b, "  %s\n", statesText(states, ", "))
		}
	}
	return b.String(), nil
}

// entryLine is one entry in one line. [r] is a node that could be our relay.
func (n *Node) entryLine(e *routing.Entry, now time.Time) string {
	state, reason := e.StateReason(now)
	relay := "-"
	if n.table.RelayCapable(e, now) {
		relay = "r"
	}
	latency := "None"
	if l, ok := e.Latency(); ok {
		latency = latencyText(&l)
	}
	return fmt.Sprintf("%v [%s][%s] %s [%s] %v lastq@%s seen@%s", e.BestID(), stateCode(state), relay, latency,
		capNames(e.PeerInfo(wire.PublicInternet)), reason, ago(e.LastQuestion(), now), ago(e.LastSeen(), now))
}

func (n *Node) selected(f *entryFilter, now time.Time) []*routing.Entry {
	return slices.DeleteFunc(n.table.Entries(), func(e *routing.Entry) bool { return !f.takes(e, e.State(now)) })
}

// fastestText lists the entries by their latency, those never measured last.
func (n *Node) fastestText(b *strings.Builder, f *entryFilter, now time.Time) {
	list := n.selected(f, now)
	tm90 := func(e *routing.Entry) uint64 {
		if l, ok := e.Latency(); ok {
			return l.TM90
		}
		return ^uint64(0)
	}
	slices.SortStableFunc(list, func(x, y *routing.Entry) int { return cmp.Compare(tm90(x), tm90(y)) })
	capable := 0
	for i, e := range list {
		if n.table.RelayCapable(e, now) {
			capable++
		}
		fmt.Fprintf(b, "%4d: %s\n", i, n.entryLine(e, now))
	}
	share := 0.0
	if len(list) > 0 {
		share = 100 * float64(capable) / float64(len(list))
	}
	through := 0
	for _, e := range n.table.Entries() {
		if p := e.PeerInfo(wire.PublicInternet); p != nil && slices.ContainsFunc(p.Info.Relays, func(r wire.RelayInfo) bool {
			return slices.ContainsFunc(r.NodeIDs, n.table.IsOwn)
		}) {
			through++
		}
	}
	fmt.Fprintf(b, "Relay Capable: %d  Relay Capable %%: %.1f\nRelaying Through This Node: %d\n", capable, share, through)
}

// livenessText shows of each entry when it was asked and answered, and how its
// transports do.
func (n *Node) livenessText(b *strings.Builder, f *entryFilter, now time.Time) {
	list := n.selected(f, now)
	for _, e := range list {
		state, reason := e.StateReason(now)
		facts := e.Facts()
		fmt.Fprintf(b, "  %v [%s] %v lastq@%s seen@%s steady@%s lost=%d failed=%d", e.BestID(), stateCode(state), reason,
			ago(facts.Node.LastQuestion, now), ago(facts.Node.LastSeen, now), ago(facts.Node.SteadySince, now), facts.Node.Lost, facts.Node.Failed)
		for _, t := range facts.Transports {
			fmt.Fprintf(b, " %v=%s", t.Transport, healthWord(t.Failing))
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(b, "Total: %d\n", len(list))
}

func healthWord(failing bool) string {
	if failing {
		return "Failing"
	}
	return "Healthy"
}

func debugEntry(n *Node, _ context.Context, args []string) (string, error) {
	r, ok := n.readNodeRef(args[0])
	if !ok {
		return "", invalidArgument("debug_entry", "node_id", args[0])
	}
	return n.entryText(r.entry, time.Now()), nil
}

// entryText is everything about an entry: first what the node says of itself, then
// what we have measured.
func (n *Node) entryText(e *routing.Entry, now time.Time) string {
	f := e.Facts()
	s := e.Stats(now)
	var b strings.Builder
	fmt.Fprintf(&b, "node_ids: [%s]\nenvelope_support: %s\n", joined(e.NodeIDs(), ","), versionsText(e.EnvelopeVersions()))
	for _, d := range []wire.RoutingDomain{wire.PublicInternet, wire.LocalNetwork} {
		name := map[wire.RoutingDomain]string{wire.PublicInternet: "public_internet", wire.LocalNetwork: "local_network"}[d]
		fmt.Fprintf(&b, "%s:\n    peer_info:\n%s    last_seen_our_node_info_ts: %s\n    node_status: %v\n", name,
			indent(peerInfoText(e.PeerInfo(d), now), 8), stampText(e.LastSeenOurs(d), now), e.HasNodeStatus(d))
	}
	fmt.Fprintf(&b, "peer_stats:\n    latency: %s\n    transfer:\n        Down: %s\n        Up:   %s\n    added: %s\n",
		latencyText(s.Latency), transferText(s.Down), transferText(s.Up), timeText(s.Added, now))
	b.WriteString("last_flows:\n")
	for _, x := range f.Flows {
		fmt.Fprintf(&b, "    %v @ %s\n", x.Flow, timeText(x.Received, now))
	}
	b.WriteString("last_sender_info:\n")
	for _, x := range f.Senders {
		fmt.Fprintf(&b, "    %s:%v: %v\n", domainCode(x.Domain), x.Transport, x.Addr)
	}
	b.WriteString("rpc_stats:\n" + indent(countersText(&f.Node, now), 4))
	b.WriteString("connection_stats:\n    protected lifetime: " + latencyText(f.Lived) + "\n")
	b.WriteString("per_sequence_ordering_stats:\n")
	for o := range f.Orderings {
		fmt.Fprintf(&b, "    %v:\n%s", routing.Ordering(o), indent(countersText(&f.Orderings[o], now), 8))
	}
	b.WriteString("per_transport_stats:\n")
	for _, t := range f.Transports {
		fmt.Fprintf(&b, "    %v: %s\n%s", t.Transport, healthWord(t.Failing), indent(countersText(&t.CounterFacts, now), 8))
	}
	b.WriteString("cm_viability:\n")
	for o := range f.Viable {
		fmt.Fprintf(&b, "    %v: direct=[%s] indirect=%v\n", routing.Ordering(o), joined(f.Viable[o].Direct, ","), f.Viable[o].Indirect)
	}
	fmt.Fprintf(&b, "punishment: %v\ncontact_method_failures:\n", e.Punished())
	for _, x := range f.Failures {
		fmt.Fprintf(&b, "    %s @ %s\n", methodText(x.Method), timeText(x.At, now))
	}
	fmt.Fprintf(&b, "state_reason: %s (%v)\nref_count: %d\n", stateCode(s.State), s.Reason, f.Holds)
	return b.String()
}

func countersText(c *routing.CounterFacts, now time.Time) string {
	return fmt.Sprintf("# sent/rcvd/answers: %d / %d / %d\nlast question: %s\nlast seen: %s\nfirst steady answer: %s\nfirst steady lost q: %s\n# lost questions: %d\n# failed to send: %d\n",
		c.Sent, c.Received, c.Answers, timeText(c.LastQuestion, now), timeText(c.LastSeen, now),
		timeText(c.SteadySince, now), timeText(c.LossSince, now), c.Lost, c.Failed)
}

// methodText is a contact method in one line.
func methodText(m routing.ContactMethod) string {
	text := m.Kind.String() + " {"
	if t, some := m.Transport(); some {
		text += fmt.Sprintf(" target_di: %v (%v)", m.DialInfo, t)
	}
	if !m.Relay.IsZero() {
		text += " relay: " + m.Relay.String()
	}
	if m.Kind == routing.ContactSignalHolePunch {
		text += fmt.Sprintf(" punch: %v own: %v", m.Target, m.Own)
	}
	return text + " }"
}
