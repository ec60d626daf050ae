//go:build !nodebugapi

package core

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/rpc"
	"github.com/voile-net/voile/core/wire"
)

// Commands about how this node is reached, and how it reaches others.

func debugDialInfo(n *Node, _ context.Context, _ []string) (string, error) {
	var b strings.Builder
	now := time.Now()
	for _, d := range domains() {
		own := n.table.Own(d)
		setup, needs := own.Setup(), own.RelayNeeds()
		fmt.Fprintf(&b, "%v:\n--------------------------------\n    Dial Info Details:\n%s", d, indent(dialInfoLines(own.DialInfo()), 8))
		fmt.Fprintf(&b, "    Routing Domain State:\n        Inbound Stage: %v\n        Outbound Stage: %s\n", own.InboundStage(now), n.outboundText(d))
		fmt.Fprintf(&b, "    Relay Requirements:\n        Need Relay Transports: %s\n        Need Relay Orderings: %s\n        Need NAT Keepalives: %s\n",
			orNone(joined(needs.Transports(), ", ")), orNone(orderingsText(&needs)), orNone(keepalivesText(&needs)))
		b.WriteString("    Routing Domain Relays:\n")
		for _, e := range own.Relays() {
			fmt.Fprintf(&b, "        %s\n", n.entryLine(e, now))
		}
		b.WriteString("    Bound Addresses:\n")
		for _, a := range n.attach.BoundAddrs() {
			fmt.Fprintf(&b, "        %v %v\n", a.Protocol, a.Addr)
		}
		b.WriteString("    Interface Addresses:\n")
		for i, a := range n.table.Domains().PublicationAddrs(d) {
			fmt.Fprintf(&b, "        %d: %v\n", i, a)
		}
		fmt.Fprintf(&b, "    Network Config:\n        Outbound Protocols: %s\n        Inbound Protocols: %s\n        Address Types: %s\n",
			protocolsText(setup.Outbound), protocolsText(setup.Inbound), familiesText(setup.Families))
		current := own.Current(now)
		published := indent(peerInfoText(own.Published(), now), 8)
		if own.Published() == current {
			published = "        the same\n"
		}
		fmt.Fprintf(&b, "        Capabilities: %s\n    Confirmed: %v\n    Receive MTUs: %s\n", capNames(current), own.Confirmed(), mtusText(current.Info.ReceiveMTUs))
		fmt.Fprintf(&b, "    Current Peer Info:\n%s    Published Peer Info:\n%s", indent(peerInfoText(current, now), 8), published)
		if d == wire.PublicInternet {
			fmt.Fprintf(&b, "    Bootstrap Peers: %d\n    Bootstrap Records: [%s]\n", len(n.attach.BootstrapPeers()), strings.Join(n.attach.BootstrapRecords(), ", "))
		}
		b.WriteString("    Entry Summary:\n" + indent(summaryText(own.Summary(now)), 8))
	}
	return b.String(), nil
}

// outboundText is how far a domain is ready to be used.
func (n *Node) outboundText(d wire.RoutingDomain) string {
	s := n.attach.Status()
	switch {
	case !n.attach.Started():
		return "not started"
	case d == wire.PublicInternet:
		return s.Outbound.String()
	case s.LocalNetworkReady:
		return "ReadyToOperate"
	}
	return "not ready"
}

func orNone(text string) string {
	if text == "" {
		return "None"
	}
	return text
}

func orderingsText(needs *routing.RelayNeeds) string {
	var parts []string
	for _, o := range []routing.Ordering{routing.Unordered, routing.Ordered} {
		if set := needs.Orderings(o); set != 0 {
			parts = append(parts, fmt.Sprintf("%v:%s", o, familiesText(set)))
		}
	}
	return strings.Join(parts, ", ")
}

func keepalivesText(needs *routing.RelayNeeds) string {
	var parts []string
	for _, k := range needs.Keepalives() {
		parts = append(parts, fmt.Sprintf("%v/%v/%d", k.LowLevel, k.Family, k.Port))
	}
	return strings.Join(parts, ", ")
}

func debugPeerInfo(n *Node, _ context.Context, args []string) (string, error) {
	domain, published := wire.PublicInternet, true
	for _, a := range args {
		switch a {
		case "public", "pub", "publicinternet":
			domain = wire.PublicInternet
		case "local", "loc", "localnetwork":
			domain = wire.LocalNetwork
		case "published":
			published = true
		case "current":
			published = false
		default:
			return "", invalidArgument("debug_peerinfo", "which", a)
		}
	}
	own := n.table.Own(domain)
	now := time.Now()
	word, p := "Published", own.Published()
	if !published {
		word, p = "Current", own.Current(now)
	}
	if p == nil {
		return fmt.Sprintf("%v %s PeerInfo: None", domain, word), nil
	}
	return fmt.Sprintf("%v %s PeerInfo:\n%s", domain, word, indent(peerInfoText(p, now), 4)), nil
}

// debugContact shows the way that a message would take now, and all others in the
// order in which they would be tried.
func debugContact(n *Node, _ context.Context, args []string) (string, error) {
	r, ok := n.readNodeRef(args[0])
	if !ok {
		return "", invalidArgument("debug_contact", "node_ref", args[0])
	}
	now := time.Now()
	domain, ok := r.entry.BestDomain(n.network.Alive)
	if r.domain != nil {
		domain = *r.domain
	} else if !ok {
		return "Unreachable: no routing domain", nil
	}
	methods := n.table.ContactMethods(r.entry, domain, r.filter(), r.seq, now)
	if len(methods) == 0 {
		return fmt.Sprintf("Unreachable: no contact method in %v", domain), nil
	}
	var b strings.Builder
	if f, ok := r.entry.LastFlow(r.filter(), r.seq, n.network.Alive); ok {
		fmt.Fprintf(&b, "Existing flow: %v\n", f)
	}
	if c, ok := r.entry.ChooseMethod(methods, nil); ok {
		fmt.Fprintf(&b, "Resolved(\n    %s,\n)\n", methodText(c.Method))
	}
	b.WriteString("In order:\n")
	for _, m := range methods {
		fmt.Fprintf(&b, "    %s\n", methodText(m))
	}
	return b.String(), nil
}

// debugRelay changes the relays. A word that is no node is left out, unless all are.
func debugRelay(n *Node, _ context.Context, args []string) (string, error) {
	domain := wire.PublicInternet
	if len(args) > 0 {
		switch args[len(args)-1] {
		case "public", "pub":
			args = args[:len(args)-1]
		case "local", "loc":
			domain, args = wire.LocalNetwork, args[:len(args)-1]
		}
	}
	var relays []*routing.Entry
	for _, a := range args {
		r, ok := n.readNodeRef(a)
		if !ok {
			return "", invalidArgument("debug_relay", "relay", a)
		}
		relays = append(relays, r.entry)
	}
	own := n.table.Own(domain)
	_, used := own.UseRelays(relays, time.Now())
	var b strings.Builder
	fmt.Fprintf(&b, "Relay changed: %d of %d nodes are of use as relays in %v\n", used, len(relays), domain)
	for _, e := range own.Relays() {
		fmt.Fprintf(&b, "  %v\n", e.BestID())
	}
	return b.String(), nil
}

// destinationArg reads the destination of a command that needs the network.
func (n *Node) destinationArg(ctx context.Context, command, text string, find bool) (destination, error) {
	if err := n.mustBeAttached(); err != nil {
		return destination{}, err
	}
	var failed error
	lookup := func(id crypto.NodeID) *routing.Entry {
		e, err := n.find(ctx, id)
		failed = err
		return e
	}
	if !find {
		lookup = nil
	}
	d, ok := n.readDestination(text, lookup)
	switch {
	case ok:
		return d, nil
	case failed != nil:
		return d, failed
	}
	return d, invalidArgument(command, "destination", text)
}

// find looks for a node in the table and the network.
func (n *Node) find(ctx context.Context, id crypto.NodeID) (*routing.Entry, error) {
	if n.table.IsOwn(id) {
		return nil, nil
	}
	return n.rpc.Resolve(ctx, id, func(e *routing.Entry) rpc.Destination { return rpc.Node(e, wire.PreferOrdered) })
}

func debugPing(n *Node, ctx context.Context, args []string) (string, error) {
	d, err := n.destinationArg(ctx, "debug_ping", args[0], true)
	if err != nil {
		return "", err
	}
	a, err := n.rpc.Status(ctx, d.Destination)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Answer {\n    destination: %s\n    latency: %s\n", d.text, seconds(a.Latency))
	if d.node != nil {
		fmt.Fprintf(&b, "    sent: %v (%d bytes)\n    answered: %v\n", a.Sent.Flow, a.Sent.Size, a.Flow)
	}
	if s, ok := a.Detail.(*wire.StatusA); ok && s.SenderAddr.IsValid() {
		fmt.Fprintf(&b, "    sender_info: %v\n", s.SenderAddr)
	}
	b.WriteString("}\n")
	return b.String(), nil
}

func debugResolve(n *Node, ctx context.Context, args []string) (string, error) {
	d, err := n.destinationArg(ctx, "debug_resolve", args[0], true)
	if err != nil {
		return "", err
	}
	text := "Destination: " + d.text + "\n"
	if d.node == nil {
		return text, nil
	}
	e := d.node
	if found, err := n.find(ctx, e.BestID()); err == nil && found != nil {
		e = found
	}
	return text + "Node:\n" + n.entryText(e, time.Now()), nil
}
