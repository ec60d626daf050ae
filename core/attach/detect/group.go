package detect

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// Group is the protocols that one listening port serves in a family. They are
// tested together, by the first of them, and share the result (spec 04 §9.2).
type Group struct {
	Family    wire.AddressType
	Port      uint16              // that is listened on
	Protocols []wire.ProtocolType // of one low-level protocol, never empty
}

// Transport is what the group is tested over.
func (g *Group) Transport() routing.Transport {
	return routing.Transport{Protocol: g.Protocols[0], Family: g.Family}
}

// port is what a gateway would have to pass on.
func (g *Group) port() Port {
	return Port{Protocol: g.Protocols[0].LowLevel(), Family: g.Family, Number: g.Port}
}

// dialInfo is an address as dial info of one protocol (spec 04 §9.6).
func dialInfo(p wire.ProtocolType, at netip.AddrPort, wsPath string) wire.DialInfo {
	di := wire.DialInfo{Protocol: p, Addr: at}
	if p == wire.WS {
		di.Request = at.String() + "/" + strings.Trim(wsPath, "/")
	}
	return di
}

// Groups sorts what is listened on into groups. static tells which transports have
// configured public dial info and so need no test; nil: none.
func Groups(bound []transport.Bound, families wire.AddressSet, static func(routing.Transport) bool) []Group {
	var groups []Group
	for _, b := range bound {
		t := routing.Transport{Protocol: b.Protocol, Family: wire.AddressTypeOf(b.Addr.Addr())}
		if !families.Has(t.Family) || b.Addr.Addr().Unmap().IsLoopback() || static != nil && static(t) {
			continue
		}
		i := slices.IndexFunc(groups, func(g Group) bool {
			return g.Family == t.Family && g.Port == b.Addr.Port() &&
				g.Protocols[0].LowLevel() == t.Protocol.LowLevel()
		})
		if i < 0 {
			groups = append(groups, Group{Family: t.Family, Port: b.Addr.Port()})
			i = len(groups) - 1
		}
		if g := &groups[i]; !slices.Contains(g.Protocols, t.Protocol) {
			g.Protocols = append(g.Protocols, t.Protocol)
			sorting.Ordered(g.Protocols)
		}
	}
	sorting.By(groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.Family, b.Family), cmp.Compare(a.Protocols[0], b.Protocols[0]), cmp.Compare(a.Port, b.Port))
	})
	return groups
}

func itoa(n uint16) string { return strconv.Itoa(int(n)) }
