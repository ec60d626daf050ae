//go:build !nodebugapi

package core

import (
	"context"
	"fmt"
	"strings"
)

// What the node has counted and measured, in the words of nodeinfo and network stats.

// onlineText says whether our own network is believed to work.
func (n *Node) onlineText() string {
	_, suspects := n.network.Health()
	c := n.rpc.Counters()
	asked, lost := c.Questions.Load(), c.Lost.Load()
	state := "Online"
	switch {
	case !n.attach.Started():
		state = "not started"
	case len(suspects) > 0:
		state = "suspect: sends over " + joined(suspects, " and ") + " fail"
	}
	return fmt.Sprintf("PublicInternet: %s, %.0f%% lost of %d questions\n", state, percent(lost, asked), asked)
}

func (n *Node) rpcText() string {
	c := n.rpc.Counters()
	return fmt.Sprintf("RPC:\n    asked: %d questions, %d answered, %d lost; %d statements\n    served: %d received, %d answers sent, %d forwarded, %d dropped, %d shed\n",
		c.Questions.Load(), c.Answered.Load(), c.Lost.Load(), c.Statements.Load(),
		c.Received.Load(), c.Answers.Load(), c.Forwarded.Load(), c.Dropped.Load(), c.Shed.Load())
}

// reachedText says how messages found their way.
func (n *Node) reachedText() string {
	r := n.network.Reached()
	return fmt.Sprintf("Reached by: %d direct, %d existing, %d reverse connect, %d hole punch, %d inbound relay; %d signals unanswered\nFor others: %d reverse connected, %d holes punched, %d relayed\n",
		r.Direct, r.Existing, r.ReverseConnect, r.HolePunch, r.InboundRelay, r.SignalsUnanswered, r.ReverseConnected, r.HolesPunched, r.RelayedForOthers)
}

// relayTimingsText says how long the newest envelopes for others were in our hands.
func (n *Node) relayTimingsText() string {
	t := n.network.RelayTimings()
	return fmt.Sprintf("Relay Worker Dequeue Latency:\n    %s\nRelay Worker Process Latency:\n    %s\n", latencyText(&t.Dequeue), latencyText(&t.Process))
}

// rpcTimingsText says how long the newest messages took, by their kind.
func (n *Node) rpcTimingsText() string {
	t := n.rpc.Timings()
	var b strings.Builder
	fmt.Fprintf(&b, "RPC Worker Dequeue Latency:\n    %s\nRPC Worker Process Latency:\n    %s\nRPC Message Processing Latency:\n",
		latencyText(&t.Dequeue), latencyText(&t.Process))
	for _, k := range t.ByKind {
		fmt.Fprintf(&b, "%20s: %s (n=%d)\n", k.Name, latencyText(&k.Latency), k.Count)
	}
	return b.String()
}

// contactMethodsText says how the choice of contact methods came out: messages sent, of
// those that a method was chosen for. The share is of all.
func (n *Node) contactMethodsText() string {
	attempts := n.network.Attempts()
	total := uint64(0)
	for _, a := range attempts {
		total += a.Sent + a.Failed
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Node Contact Method Cache\n-------------------------\nCache size: 0 (there is none: methods are worked out for each message)\n"+
		"Cache hits: %s\nContact methods:\n", shareText(0, total))
	for _, a := range attempts {
		all := a.Sent + a.Failed
		fmt.Fprintf(&b, "  %s: %s sent, %.2f%% of all\n", a.Method, shareText(a.Sent, all), percent(all, total))
	}
	return b.String()
}

func shareText(part, whole uint64) string {
	return fmt.Sprintf("%d/%d %.2f%%", part, whole, percent(part, whole))
}

func percent(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}

func debugNetworkStats(n *Node, _ context.Context, _ []string) (string, error) {
	return fmt.Sprintf("Transfer stats:\n%s%sOnline State:\n%s\n%s\n%s%s%s", indent(n.traffic.text(), 4), n.relayTimingsText(), indent(n.onlineText(), 4),
		n.contactMethodsText(), n.rpcText(), n.reachedText(), n.transportCounters()), nil
}
