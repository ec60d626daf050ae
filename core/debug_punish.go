//go:build !nodebugapi

package core

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/transport"
)

// Commands about the address filter.

func debugPunishList(n *Node, _ context.Context, _ []string) (string, error) {
	s := n.filter.Snapshot(time.Now())
	var counts4, counts6, rates4, rates6, blocks4, blocks6, ids []string
	for _, l := range s.Loads {
		counts, rates := &counts6, &rates6
		if l.Block.Is4() {
			counts, rates = &counts4, &rates4
		}
		if l.Connections > 0 {
			*counts = append(*counts, fmt.Sprintf("%v: %d", l.Block, l.Connections))
		}
		if l.Rate > 0 {
			*rates = append(*rates, fmt.Sprintf("%v: %d", l.Block, l.Rate))
		}
	}
	for _, p := range s.Blocks {
		line := fmt.Sprintf("%v: %v until %v", p.Block, p.Reason, p.Ends.UTC().Format(time.RFC3339))
		if p.Block.Is4() {
			blocks4 = append(blocks4, line)
		} else {
			blocks6 = append(blocks6, line)
		}
	}
	for _, p := range s.Nodes {
		ids = append(ids, fmt.Sprintf("%v: %v until %v", p.ID, p.Reason, p.Ends.UTC().Format(time.RFC3339)))
	}
	var b strings.Builder
	b.WriteString("Address filter punishments:\n")
	for _, part := range []struct {
		name  string
		lines []string
	}{
		{"conn_count_by_ip4", counts4}, {"conn_count_by_ip6_prefix", counts6},
		{"conn_rate_by_ip4", rates4}, {"conn_rate_by_ip6_prefix", rates6},
		{"punishments_by_ip4", blocks4}, {"punishments_by_ip6_prefix", blocks6}, {"punishments_by_node_id", ids},
	} {
		fmt.Fprintf(&b, "    %s: %s,\n", part.name, braced(part.lines))
	}
	fmt.Fprintf(&b, "    max_connections_per_ip4: %d,\n    max_connections_per_ip6_prefix: %d,\n    max_connections_per_ip6_prefix_size: 56,\n    max_connection_frequency_per_min: %d,\n    punishment_duration_min: %d,\n",
		transport.MaxConnectionsPerBlock, transport.MaxConnectionsPerBlock, transport.MaxRatePerBlock, int(transport.PunishmentTime.Minutes()))
	return b.String(), nil
}

// braced is lines between braces.
func braced(lines []string) string {
	if len(lines) == 0 {
		return "{}"
	}
	return "{\n        " + strings.Join(lines, ",\n        ") + ",\n    }"
}

func debugPunishClear(n *Node, _ context.Context, _ []string) (string, error) {
	n.filter.ForgiveAll()
	for _, e := range n.table.Entries() {
		e.SetPunished(false)
	}
	return "Address Filter punishments cleared\n", nil
}

// punishTarget is an address, or a node that need not be in the table.
func (n *Node) punishTarget(command, text string) (netip.Addr, crypto.NodeID, error) {
	if a, ok := parseAddr(text); ok {
		return a, crypto.NodeID{}, nil
	}
	if id, err := crypto.Parse[crypto.NodeID](text); err == nil {
		return netip.Addr{}, id, nil
	}
	e, ok := n.readNode(text)
	if !ok {
		return netip.Addr{}, crypto.NodeID{}, invalidArgument(command, "target", text)
	}
	return netip.Addr{}, e.BestID(), nil
}

func debugPunishAdd(n *Node, _ context.Context, args []string) (string, error) {
	a, id, err := n.punishTarget("debug_punish_add", args[0])
	switch {
	case err != nil:
		return "", err
	case a.IsValid():
		n.filter.PunishIP(a, transport.Manual, time.Now())
		return "Address Filter address punishment added\n", nil
	}
	n.network.PunishNode(id, transport.Manual)
	return "Address Filter node id punishment added\n", nil
}

func debugPunishRemove(n *Node, _ context.Context, args []string) (string, error) {
	a, id, err := n.punishTarget("debug_punish_remove", args[0])
	switch {
	case err != nil:
		return "", err
	case a.IsValid():
		n.filter.ForgiveIP(a)
		return "Address Filter address punishment forgiven\n", nil
	}
	n.filter.ForgiveNode(id)
	if e := n.table.Lookup(id); e != nil {
		e.SetPunished(false)
	}
	return "Address Filter node id punishment forgiven\n", nil
}
