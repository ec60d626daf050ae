//go:build linux && !android

package netns

import (
	"strings"
	"testing"
)

func TestNATRules(t *testing.T) {
	for _, c := range []struct {
		kind      NAT
		want, not []string
	}{
		{NATFullCone, []string{"udp dport @open dnat to 10.0.1.2", "type inet_service;"}, []string{"fully-random", "ip saddr"}},
		{NATAddressRestricted, []string{"ip saddr . udp dport @open dnat to 10.0.1.2"}, []string{"fully-random"}},
		{NATPortRestricted, []string{"masquerade"}, []string{"dnat", "fully-random"}},
		{NATSymmetric, []string{"fully-random"}, []string{"dnat"}},
	} {
		t.Run(c.kind.String(), func(t *testing.T) {
			rules := natRules(c.kind, "10.0.1.2")
			for _, s := range c.want {
				if !strings.Contains(rules, s) {
					t.Errorf("no %q in\n%s", s, rules)
				}
			}
			for _, s := range c.not {
				if strings.Contains(rules, s) {
					t.Errorf("%q in\n%s", s, rules)
				}
			}
			if open, shut := strings.Count(rules, "{"), strings.Count(rules, "}"); open != shut {
				t.Errorf("%d { and %d } in\n%s", open, shut, rules)
			}
		})
	}
}

func TestParseCounts(t *testing.T) {
	const head = `{"nftables":[{"metainfo":{"version":"1"}},{"set":{"name":"from"`
	for _, c := range []struct {
		name, text string
		want       int // packets of UDP from 44.1.0.11
		fails      bool
	}{
		{name: "two", want: 7, text: head + `,"elem":[{"elem":{"val":{"concat":["44.1.0.11","tcp"]},"counter":{"packets":3}}},{"elem":{"val":{"concat":["44.1.0.11","udp"]},"counter":{"packets":7}}}]}}]}`},
		{name: "empty", text: head + `}}]}`},
		{name: "no set", text: `{"nftables":[]}`, fails: true},
		{name: "short element", text: head + `,"elem":[{"elem":{"val":{"concat":["44.1.0.11"]}}}]}}]}`, fails: true},
		{name: "no JSON", text: `table`, fails: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			counts, err := parseCounts([]byte(c.text))
			if got := counts[sender{"44.1.0.11", "udp"}]; got != c.want || (err != nil) != c.fails {
				t.Errorf("%d packets, %v; want %d", got, err, c.want)
			}
		})
	}
}
