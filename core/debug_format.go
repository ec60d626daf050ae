//go:build !nodebugapi

package core

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/dht"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/wire"
)

// How the debug language shows values, in the forms of the original.

func latencyText(l *routing.Latency) string {
	if l == nil {
		return "None"
	}
	ms := func(us uint64) string { return strconv.FormatFloat(float64(us)/1000, 'f', 3, 64) + "ms" }
	return fmt.Sprintf("%s slow | %s avg | %s fast | %s tm90 | %s tm75 | %s p90 | %s p75",
		ms(l.Slowest), ms(l.Average), ms(l.Fastest), ms(l.TM90), ms(l.TM75), ms(l.P90), ms(l.P75))
}

func bytesText(n uint64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.3fGB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.3fMB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.3fKB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%dB", n)
}

func transferText(t routing.Transfer) string {
	return fmt.Sprintf("%s/s min | %s/s avg | %s/s max | %s (%d bytes) total",
		bytesText(t.Minimum), bytesText(t.Average), bytesText(t.Maximum), bytesText(t.Total), t.Total)
}

// timeText is the time of the day in UTC, with the date unless it is today's.
func timeText(t, now time.Time) string {
	if t.IsZero() {
		return "None"
	}
	t, now = t.UTC(), now.UTC()
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format("15:04:05.0000")
	}
	return t.Format("2006/01/02-15:04:05.0000")
}

func stampText(t crypto.Timestamp, now time.Time) string {
	if t == 0 {
		return "None"
	}
	return timeText(t.Time(), now)
}

func ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return seconds(now.Sub(t))
}

// stateCode is the code that the original shows for a state.
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

func capNames(p *wire.PeerInfo) string {
	if p == nil {
		return "no peer info"
	}
	return joined(p.Info.Capabilities, ",")
}

func joined[T fmt.Stringer](list []T, between string) string {
	names := make([]string, len(list))
	for i, v := range list {
		names[i] = v.String()
	}
	return strings.Join(names, between)
}

func protocolsText(s wire.ProtocolSet) string {
	var names []string
	for _, p := range []wire.ProtocolType{wire.UDP, wire.TCP, wire.WS, wire.WSS} {
		if s.Has(p) {
			names = append(names, p.String())
		}
	}
	return strings.Join(names, " | ")
}

func familiesText(s wire.AddressSet) string {
	var names []string
	for _, a := range []wire.AddressType{wire.IPv6, wire.IPv4} {
		if s.Has(a) {
			names = append(names, a.String())
		}
	}
	return strings.Join(names, " | ")
}

func mtusText(m wire.MTUs) string {
	var parts []string
	for _, p := range []struct {
		name string
		size uint16
	}{{"UDP/IPV4", m.UDPv4}, {"UDP/IPV6", m.UDPv6}, {"TCP/IPV4", m.TCPv4}, {"TCP/IPV6", m.TCPv6}} {
		if p.size > 0 {
			parts = append(parts, fmt.Sprintf("%s:%d", p.name, p.size))
		}
	}
	if len(parts) == 0 {
		return "None"
	}
	return strings.Join(parts, ",")
}

// rangesText is subkeys as 0..=1, 3..=3.
func rangesText(ranges []SubkeyRange) string {
	parts := make([]string, len(ranges))
	for i, r := range ranges {
		parts[i] = fmt.Sprintf("%d..=%d", r.Start, r.End)
	}
	return strings.Join(parts, ", ")
}

func subkeysText(s dht.Subkeys) string { return rangesText(s.Ranges()) }

// seqsText is sequence numbers, - for none.
func seqsText(seqs []uint32) string {
	parts := make([]string, len(seqs))
	for i, s := range seqs {
		parts[i] = seqText(s)
	}
	return "[" + strings.Join(parts, ",") + "]"
}

func seqText(s uint32) string {
	if s == NeverWritten {
		return "-"
	}
	return strconv.FormatUint(uint64(s), 10)
}

// indent puts spaces before every line.
func indent(text string, by int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, l := range lines {
		if l != "" {
			lines[i] = strings.Repeat(" ", by) + l
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

func dialInfoLines(list []wire.DialInfoDetail) string {
	if len(list) == 0 {
		return "None\n"
	}
	var b strings.Builder
	for i, d := range list {
		fmt.Fprintf(&b, "%2d: %v:%v\n", i, d.Class, d.DialInfo)
	}
	return b.String()
}

// peerInfoText is a description, line by line.
func peerInfoText(p *wire.PeerInfo, now time.Time) string {
	if p == nil {
		return "None\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "routing_domain: %v\nnode_ids: [%s]\nnode_info:\n", p.Domain, joined(p.NodeIDs, ","))
	i := &p.Info
	w := tabwriter.NewWriter(&b, 0, 0, 1, ' ', 0)
	fmt.Fprintf(w, "    timestamp:\t%s\n    envelope_support:\t%v\n", stampText(i.Timestamp, now), versionsText(i.EnvelopeSupport))
	w.Flush()
	b.WriteString("    crypto_info_list:\n")
	for n, k := range i.PublicKeys {
		fmt.Fprintf(&b, "        %d: %v: %s\n", n, k.Kind, k.Bare())
	}
	w = tabwriter.NewWriter(&b, 0, 0, 1, ' ', 0)
	fmt.Fprintf(w, "    capabilities:\t[%s]\n    outbound_protocols:\t%s\n    address_types:\t%s\n",
		joined(i.Capabilities, ", "), protocolsText(i.OutboundProtocols), familiesText(i.AddressTypes))
	w.Flush()
	b.WriteString("    dial_info_detail_list:\n" + indent(dialInfoLines(i.DialInfo), 8))
	b.WriteString("    relay_info_list:\n")
	if len(i.Relays) == 0 {
		b.WriteString("        None\n")
	}
	for n, r := range i.Relays {
		fmt.Fprintf(&b, "        %d: %v node_ids: [%s] timestamp: %s mtus: %s\n", n, r.Kind, joined(r.NodeIDs, ","), stampText(r.Timestamp, now), mtusText(r.ReceiveMTUs))
		b.WriteString(indent(dialInfoLines(r.DialInfo), 12))
	}
	fmt.Fprintf(&b, "    receive_mtus: %s\n    signed: %v\n", mtusText(i.ReceiveMTUs), p.Signed())
	return b.String()
}

func versionsText(list []wire.EnvelopeVersion) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = fmt.Sprint(v)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
