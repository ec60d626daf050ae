package core

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/network/bootstrap"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/rpc"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

func domains() []wire.RoutingDomain {
	return []wire.RoutingDomain{wire.PublicInternet, wire.LocalNetwork}
}

func debugNodeInfo(n *Node, ctx context.Context, _ []string) (string, error) {
	var b strings.Builder
	s := n.attachmentStatus(n.attach.Status())
	fmt.Fprintf(&b, "Node ids: %v\nState: %v (%s)\nPublicInternet ready: %v\n", n.ids(), s.State, s.Stage, s.PublicInternetReady)
	fmt.Fprintf(&b, "Peers: %d live, %d reliable; network of about %d nodes; median latency %v\n", s.LivePeers, s.ReliablePeers, s.EstimatedSize, s.MedianLatency)
	c := n.rpc.Counters()
	fmt.Fprintf(&b, "RPC: %d questions, %d answered, %d lost; %d statements, %d answers sent; %d received, %d forwarded, %d dropped, %d shed\n",
		c.Questions.Load(), c.Answered.Load(), c.Lost.Load(), c.Statements.Load(), c.Answers.Load(),
		c.Received.Load(), c.Forwarded.Load(), c.Dropped.Load(), c.Shed.Load())
	r := n.network.Reached()
	fmt.Fprintf(&b, "Reached by: %d direct, %d existing, %d reverse connect, %d hole punch, %d inbound relay; %d signals unanswered\n",
		r.Direct, r.Existing, r.ReverseConnect, r.HolePunch, r.InboundRelay, r.SignalsUnanswered)
	fmt.Fprintf(&b, "For others: %d reverse connected, %d holes punched, %d relayed\n", r.ReverseConnected, r.HolesPunched, r.RelayedForOthers)
	for _, f := range []func(*Node, context.Context, []string) (string, error){debugDialInfo, debugRelay, debugTransport} {
		text, err := f(n, ctx, nil)
		if err != nil {
			return "", err
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

func debugDialInfo(n *Node, _ context.Context, _ []string) (string, error) {
	var b strings.Builder
	for _, d := range domains() {
		own := n.table.Own(d)
		fmt.Fprintf(&b, "%v dial info (stage %v, published %v):\n", d, own.InboundStage(time.Now()), own.Published() != nil)
		for _, di := range own.DialInfo() {
			fmt.Fprintf(&b, "  %v %v\n", di.Class, di.DialInfo)
		}
	}
	return b.String(), nil
}

func debugPeerInfo(n *Node, _ context.Context, args []string) (string, error) {
	domain, published := wire.PublicInternet, true
	for _, a := range args {
		switch a {
		case "public", "pub":
			domain = wire.PublicInternet
		case "local", "loc":
			domain = wire.LocalNetwork
		case "published":
			published = true
		case "current":
			published = false
		default:
			return "", invalidArgument("debug_peerinfo", "arg_1", a)
		}
	}
	own := n.table.Own(domain)
	p := own.Published()
	if !published {
		p = own.Current(time.Now())
	}
	if p == nil {
		return "No published PeerInfo", nil
	}
	var b strings.Builder
	b.Write(wire.AppendPeerInfoJSON(nil, p))
	b.WriteString("\nrelay_info_list: [")
	for _, r := range p.Info.Relays {
		fmt.Fprintf(&b, "%v", r.NodeIDs)
	}
	b.WriteString("]\n")
	return b.String(), nil
}

func debugBuckets(n *Node, _ context.Context, _ []string) (string, error) {
	var b strings.Builder
	for _, kind := range n.crypto.Kinds() {
		fmt.Fprintf(&b, "%v:\n", kind)
		for i, count := range n.table.BucketCounts(kind) {
			if count > 0 {
				fmt.Fprintf(&b, "  bucket %d: %d of %d\n", i, count, routing.BucketDepth(i))
			}
		}
	}
	return b.String(), nil
}

func debugEntries(n *Node, _ context.Context, args []string) (string, error) {
	least := routing.StateUnreliable
	var caps []wire.Capability
	for _, a := range args {
		switch {
		case a == "punished":
			least = routing.StatePunished
		case a == "dead":
			least = routing.StateDead
		case a == "unreliable":
			least = routing.StateUnreliable
		case a == "reliable":
			least = routing.StateReliable
		case len(strings.ReplaceAll(a, ",", ""))%4 == 0:
			for c := range strings.SplitSeq(a, ",") {
				caps = append(caps, wire.Capability(fourCC(c)))
			}
		default:
			return "", invalidArgument("debug_entries", "arg_1", a)
		}
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	now := time.Now()
	shown := 0
	for _, e := range n.table.Entries() {
		state, reason := e.StateReason(now)
		p := e.PeerInfo(wire.PublicInternet)
		if state < least || len(caps) > 0 && (p == nil || !p.Info.HasAll(caps)) {
			continue
		}
		shown++
		latency := "-"
		if l, ok := e.Latency(); ok {
			latency = fmt.Sprintf("%.3fms tm90", float64(l.TM90)/1000)
		}
		fmt.Fprintf(w, "    %v [%s]\t%v\t%s\t[%s]\tlastq@%s\tseen@%s\n", e.BestID(), stateCode(state), reason, latency,
			capNames(p), ago(e.LastQuestion(), now), ago(e.LastSeen(), now))
	}
	w.Flush()
	return fmt.Sprintf("Entries: %d (shown: %d)\n%s", n.table.Len(), shown, b.String()), nil
}

// stateCode is the code that the original prints for a state.
func stateCode(s routing.State) string {
	switch s {
	case routing.StatePunished:
		return "PUNISH"
	case routing.StateDead:
		return "DEAD"
	case routing.StateMissing:
		return "MISSNG"
	case routing.StateInitial:
		return "INITAL"
	case routing.StateUnreliable:
		return "UNRELI"
	}
	return "RELIBL"
}

func ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return now.Sub(t).Round(time.Millisecond).String()
}

func capNames(p *wire.PeerInfo) string {
	if p == nil {
		return "no peer info"
	}
	names := make([]string, len(p.Info.Capabilities))
	for i, c := range p.Info.Capabilities {
		names[i] = c.String()
	}
	return strings.Join(names, ",")
}

// entry finds an entry of the routing table for a command.
func (n *Node) entry(command string, args []string) (*routing.Entry, error) {
	id, err := n.entryArg(command, arg(args, 0))
	if err != nil {
		return nil, err
	}
	e := n.table.Lookup(id)
	if e == nil {
		return nil, invalidArgument(command, "node_id", arg(args, 0))
	}
	return e, nil
}

func debugEntry(n *Node, _ context.Context, args []string) (string, error) {
	e, err := n.entry("debug_entry", args)
	if err != nil {
		return "", err
	}
	now := time.Now()
	state, reason := e.StateReason(now)
	s := e.Stats(now)
	var b strings.Builder
	for _, d := range domains() {
		if p := e.PeerInfo(d); p != nil {
			for _, di := range p.Info.DialInfo {
				fmt.Fprintf(&b, "%v: %v %v\n", d, di.Class, di.DialInfo)
			}
		}
	}
	fmt.Fprintf(&b, "peer_stats:\nNode ids: %v\nState: %v (%v), %d lost, %d failed to send in a row\nAdded %s ago, seen %s ago\n",
		e.NodeIDs(), state, reason, s.Lost, s.Failed, ago(e.Added(), now), ago(e.LastSeen(), now))
	if s.Latency != nil {
		fmt.Fprintf(&b, "Latency: %+v µs\n", *s.Latency)
	}
	fmt.Fprintf(&b, "Transfer: %+v down, %+v up\n", s.Down, s.Up)
	for _, d := range domains() {
		p := e.PeerInfo(d)
		if p == nil {
			continue
		}
		fmt.Fprintf(&b, "%v peer info: signed %v, version %d, has our %d\n", d, p.Signed(), p.Info.Timestamp, e.LastSeenOurs(d))
		for _, r := range p.Info.Relays {
			fmt.Fprintf(&b, "  relay %v: %d dial infos\n", r.NodeIDs, len(r.DialInfo))
		}
	}
	return b.String(), nil
}

func debugContact(n *Node, _ context.Context, args []string) (string, error) {
	e, err := n.entry("debug_contact", args)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, m := range n.table.ContactMethods(e, wire.PublicInternet, routing.AnyDialInfo(), wire.PreferUnordered, time.Now()) {
		fmt.Fprintf(&b, "%+v\n", m)
	}
	if b.Len() == 0 {
		return "no contact method", nil
	}
	return b.String(), nil
}

func debugRelay(n *Node, _ context.Context, _ []string) (string, error) {
	var b strings.Builder
	relays := n.table.Own(wire.PublicInternet).Relays()
	fmt.Fprintf(&b, "Relays: %d\n", len(relays))
	for _, e := range relays {
		fmt.Fprintf(&b, "  %v %v\n", e.BestID(), e.State(time.Now()))
	}
	return b.String(), nil
}

func debugTransport(n *Node, _ context.Context, _ []string) (string, error) {
	s, ok := n.attach.TransportStats()
	if !ok {
		return "Network not started", nil
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
	list := n.attach.Connections()
	slices.SortFunc(list, func(a, b transport.ConnInfo) int { return a.Opened.Compare(b.Opened) })
	fmt.Fprintf(&b, "Connections: %d\n", len(list))
	for _, c := range list {
		fmt.Fprintf(&b, "  %v inbound=%v age=%v protected=%v priority=%v queued=%d\n", c.Flow, c.Inbound,
			time.Since(c.Opened).Round(time.Second), c.Protected, c.Priority, c.Queued)
	}
	return b.String(), nil
}

func debugPunish(n *Node, _ context.Context, args []string) (string, error) {
	f, err := subcommand("punish", "command", args, map[string]func() (string, error){
		"list": func() (string, error) {
			s := n.filter.Snapshot(time.Now())
			var v4, v6, ids []string
			for _, p := range s.Blocks {
				line := fmt.Sprintf("%v: %v until %v", p.Block, p.Reason, p.Ends.Format(time.RFC3339))
				if p.Block.Is4() {
					v4 = append(v4, line)
				} else {
					v6 = append(v6, line)
				}
			}
			for _, p := range s.Nodes {
				ids = append(ids, fmt.Sprintf("%v: %v until %v", p.ID, p.Reason, p.Ends.Format(time.RFC3339)))
			}
			return fmt.Sprintf("Address filter punishments:\n    punishments_by_ip4: %s,\n    punishments_by_ip6_prefix: %s,\n    punishments_by_node_id: %s,\n",
				block(v4), block(v6), block(ids)), nil
		},
		"clear": func() (string, error) {
			n.filter.ForgiveAll()
			for _, e := range n.table.Entries() {
				e.SetPunished(false)
			}
			return "Address filter punishments cleared", nil
		},
		"add":    func() (string, error) { return n.punish(arg(args, 1), true) },
		"remove": func() (string, error) { return n.punish(arg(args, 1), false) },
	})
	if err != nil {
		return "", err
	}
	return f()
}

// block prints lines between braces.
func block(lines []string) string {
	if len(lines) == 0 {
		return "{}"
	}
	return "{\n        " + strings.Join(lines, ",\n        ") + ",\n    }"
}

func (n *Node) punish(target string, on bool) (string, error) {
	if a, err := netip.ParseAddr(target); err == nil {
		if on {
			n.filter.PunishIP(a, transport.Manual, time.Now())
		} else {
			n.filter.ForgiveIP(a)
		}
		return "done", nil
	}
	id, err := n.entryArg("debug_punish", target)
	if err != nil {
		return "", err
	}
	if on {
		n.network.PunishNode(id, transport.Manual)
		return "done", nil
	}
	n.filter.ForgiveNode(id)
	if e := n.table.Lookup(id); e != nil {
		e.SetPunished(false)
	}
	return "done", nil
}

func debugPing(n *Node, ctx context.Context, args []string) (string, error) {
	target, mods, _ := strings.Cut(arg(args, 0), "/")
	e, err := n.entry("debug_ping", []string{target})
	if err != nil {
		return "", err
	}
	protocols, families, seq := wire.AllProtocols, wire.AllAddresses, wire.PreferUnordered
	for mod := range strings.SplitSeq(mods, "/") {
		switch mod {
		case "":
		case "udp":
			protocols = wire.Protocols(wire.UDP)
		case "tcp":
			protocols, seq = wire.Protocols(wire.TCP), wire.EnsureOrdered
		case "ws":
			protocols, seq = wire.Protocols(wire.WS), wire.EnsureOrdered
		case "ipv4":
			families = wire.Addresses(wire.IPv4)
		case "ipv6":
			families = wire.Addresses(wire.IPv6)
		default:
			return "", invalidArgument("debug_ping", "destination", arg(args, 0))
		}
	}
	a, err := n.rpc.Status(ctx, rpc.Node(e, seq).Over(protocols, families))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("Ping Success: %v by %v, seen at %v", a.Latency, a.Flow, a.Detail.(*wire.StatusA).SenderAddr), nil
}

func debugResolve(n *Node, ctx context.Context, args []string) (string, error) {
	id, err := n.entryArg("debug_resolve", arg(args, 0))
	if err != nil {
		return "", err
	}
	e, err := n.rpc.Resolve(ctx, id, func(e *routing.Entry) rpc.Destination { return rpc.Node(e, wire.PreferOrdered) })
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("Resolved: %v %v", e.BestID(), e.State(time.Now())), nil
}

// debugTXTRecord prints a record for each host name that our dial info has; with
// key pairs it is signed.
func debugTXTRecord(n *Node, _ context.Context, args []string) (string, error) {
	r := bootstrap.Record{EnvelopeVersions: []wire.EnvelopeVersion{wire.ENV0}}
	for _, id := range n.ids() {
		r.PublicKeys = append(r.PublicKeys, crypto.PublicKeyOf(id))
	}
	list := n.table.Own(wire.PublicInternet).DialInfo()
	if len(list) == 0 {
		return "", errorf(TryAgain, nil, "no dial info yet")
	}
	r.Hostname = list[0].DialInfo.Addr.Addr().String()
	for _, d := range list {
		if d.DialInfo.Addr.Addr() == list[0].DialInfo.Addr.Addr() {
			r.Dials = append(r.Dials, shortDial(d.DialInfo))
		}
	}
	text := arg(args, 0)
	if text == "" {
		return r.Text(), nil
	}
	var pair crypto.KeyPair
	if err := pair.UnmarshalText([]byte(text)); err != nil {
		return "", invalidArgument("debug_txtrecord", "arg_1", "keypair")
	}
	r.Version, r.Timestamp = 1, uint64(time.Now().Unix())
	return r.Sign(n.crypto, pair)
}

// shortDial is a dial info as bootstrap records have it.
func shortDial(d wire.DialInfo) bootstrap.ShortDial {
	_, path, _ := strings.Cut(d.Request, "/")
	return bootstrap.ShortDial{Protocol: d.Protocol, Port: d.Addr.Port(), Path: path}
}
