//go:build linux && !android

package netns

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
)

// countRules count what arrives at a host, by sender and protocol: behind a NAT
// only what the router let in.
const countRules = `table inet count {
	set from { type ipv4_addr . inet_proto; flags dynamic; size 65535; counter; }
	chain input {
		type filter hook input priority filter + 10;
		iifname "eth0" update @from { ip saddr . meta l4proto }
	}
}
`

// Arrived is the number of IPv4 packets of a protocol ("udp" or "tcp") from an
// address that have reached the host's programs' sockets.
func (h *Host) Arrived(ctx context.Context, from netip.Addr, protocol string) (int, error) {
	out, err := h.Output(ctx, "nft", "-j", "list", "set", "inet", "count", "from")
	if err != nil {
		return 0, err
	}
	counts, err := parseCounts([]byte(out))
	return counts[sender{from.String(), protocol}], err
}

// sender is one element of the set: an address and a protocol, as nft prints them.
type sender struct{ address, protocol string }

func parseCounts(text []byte) (map[sender]int, error) {
	var list struct {
		Nftables []struct {
			Set *struct {
				Elem []struct {
					Elem struct {
						Val struct {
							Concat []any `json:"concat"`
						} `json:"val"`
						Counter struct {
							Packets int `json:"packets"`
						} `json:"counter"`
					} `json:"elem"`
				} `json:"elem"`
			} `json:"set"`
		} `json:"nftables"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("nft: %w", err)
	}
	for _, object := range list.Nftables {
		if object.Set == nil {
			continue
		}
		counts := map[sender]int{}
		for _, e := range object.Set.Elem {
			if len(e.Elem.Val.Concat) != 2 {
				return nil, fmt.Errorf("nft: element %v, want an address and a protocol", e.Elem.Val.Concat)
			}
			counts[sender{fmt.Sprint(e.Elem.Val.Concat[0]), fmt.Sprint(e.Elem.Val.Concat[1])}] = e.Elem.Counter.Packets
		}
		return counts, nil
	}
	return nil, errors.New("nft: no set in the answer")
}
