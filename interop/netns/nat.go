//go:build linux && !android

package netns

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// NAT is the kind of router a host sits behind, in the words of RFC 3489.
//
// Linux gives the first three exactly for UDP as long as one host is behind the
// router (its port is then always free outside and stays the same for every
// destination). TCP is port restricted in all of them but the last.
type NAT uint8

const (
	NATNone              NAT = iota
	NATFullCone              // a port once used for sending takes packets from anybody
	NATAddressRestricted     // ... from addresses it has sent to
	NATPortRestricted        // ... from addresses and ports it has sent to
	NATSymmetric             // as port restricted, and each destination sees another port
)

// String returns the name in the words of RFC 3489.
func (k NAT) String() string {
	switch k {
	case NATNone:
		return "none"
	case NATFullCone:
		return "full cone"
	case NATAddressRestricted:
		return "address restricted"
	case NATPortRestricted:
		return "port restricted"
	case NATSymmetric:
		return "symmetric"
	}
	return fmt.Sprintf("NAT(%d)", uint8(k))
}

// mappingLife is how long a UDP mapping stays without traffic: RFC 4787's
// minimum, which keeps the nodes' keepalives honest.
const mappingLife = 120 * time.Second

// firewallRules let in what was asked for, and neighbour discovery.
const firewallRules = `table inet firewall {
	chain input {
		type filter hook input priority filter; policy drop;
		ct state established,related accept
		iifname "lo" accept
		meta l4proto { icmp, ipv6-icmp } accept
	}
}
`

func (h *Host) raiseRouter(ctx context.Context) error {
	inside, gateway := h.insideLocked()
	if err := ip(ctx, "link", "add", "eth0", "netns", h.ns, "type", "veth", "peer", "name", "eth1", "netns", h.router); err != nil {
		return err
	}
	if err := ipBatch(ctx, h.router,
		"link set lo up",
		"link set eth0 up",
		"link set eth1 up",
		fmt.Sprintf("addr add %s/24 dev eth1", gateway)); err != nil {
		return err
	}
	if err := h.addAddressesLocked(ctx, h.router); err != nil {
		return err
	}
	seconds := fmt.Sprint(int(mappingLife.Seconds()))
	if _, err := output(ctx, "ip", "netns", "exec", h.router, "sysctl", "-qw", "net.ipv4.ip_forward=1",
		"net.netfilter.nf_conntrack_udp_timeout="+seconds, "net.netfilter.nf_conntrack_udp_timeout_stream="+seconds); err != nil {
		return err
	}
	return nft(ctx, h.router, natRules(h.spec.NAT, inside.String()))
}

// natRules is the router's ruleset. The two cone kinds remember in a set which
// ports (and for which addresses) are open and forward by it; the rest is the
// kernel's connection tracking.
func natRules(kind NAT, inside string) string {
	masquerade := "masquerade"
	if kind == NATSymmetric {
		masquerade = "meta l4proto { tcp, udp } masquerade to :20000-60000 fully-random"
	}
	var sets, open, forward string
	life := fmt.Sprintf("flags dynamic,timeout; timeout %ds; size 65535;", int(mappingLife.Seconds()))
	switch kind {
	case NATFullCone:
		sets = "set open { type inet_service; " + life + " }"
		open = `oifname "eth0" update @open { udp sport }`
		forward = `iifname "eth0" udp dport @open dnat to ` + inside
	case NATAddressRestricted:
		sets = "set open { type ipv4_addr . inet_service; " + life + " }"
		open = `oifname "eth0" update @open { ip daddr . udp sport }`
		forward = `iifname "eth0" ip saddr . udp dport @open dnat to ` + inside
	}
	lines := []string{"table ip nat {"}
	if sets != "" {
		lines = append(lines,
			sets,
			"chain in {", "type nat hook prerouting priority dstnat;", forward, "}",
			"chain out {", "type filter hook postrouting priority srcnat - 10;", open, "}")
	}
	lines = append(lines,
		"chain post {", "type nat hook postrouting priority srcnat;", `oifname "eth0" `+masquerade, "}",
		// Without this the router itself would answer unsolicited packets with
		// ICMP errors, which no home router does.
		"chain self {", "type filter hook input priority filter;",
		`iifname "eth0" ct state new drop`, "}",
		"}")
	return strings.Join(lines, "\n") + "\n"
}

// impair adds loss and delay to a host's line.
func (h *Host) impair(ctx context.Context) error {
	if h.spec.LossPermil > 0 {
		rule := fmt.Sprintf("numgen random mod 1000 < %d drop", h.spec.LossPermil)
		rules := []string{"table inet loss {",
			"chain in {", "type filter hook prerouting priority raw;", `iifname "eth0" ` + rule, "}",
			"chain out {", "type filter hook postrouting priority raw;", `oifname "eth0" ` + rule, "}",
			"}"}
		if err := nft(ctx, h.ns, strings.Join(rules, "\n")+"\n"); err != nil {
			return err
		}
	}
	if h.spec.Delay > 0 {
		outer := h.ns
		if h.router != "" {
			outer = h.router
		}
		micros := fmt.Sprintf("%dus", h.spec.Delay.Microseconds())
		for _, end := range [][2]string{{outer, "eth0"}, {h.net.switchNS(), fmt.Sprintf("p%d", h.index)}} {
			if _, err := output(ctx, "ip", "netns", "exec", end[0], "tc", "qdisc", "add", "dev", end[1], "root", "netem", "delay", micros); err != nil {
				if strings.Contains(err.Error(), "unknown") {
					return ErrNoNetem
				}
				return err
			}
		}
	}
	return nil
}
