package attach

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// resolveTimeout bounds the look-up of our own configured host names.
const resolveTimeout = 5 * time.Second

// listen opens the sockets that the configuration asks for (spec 04 §11.8).
func (s *session) listen(ctx context.Context) error {
	p := &s.settings.Load().Network.Protocol
	c := transport.ListenConfig{WSPath: p.WS.Path, AddressTypes: s.families}
	for _, l := range []struct {
		key     string
		on      bool
		address string
		to      *transport.Listen
	}{
		{"udp", p.UDP.Enabled, p.UDP.ListenAddress, &c.UDP},
		{"tcp", p.TCP.Listen, p.TCP.ListenAddress, &c.TCP},
		{"ws", p.WS.Listen, p.WS.ListenAddress, &c.WS},
	} {
		if !l.on {
			continue
		}
		parsed, err := transport.ParseListen(l.address, func(host string) ([]netip.Addr, error) {
			return s.resolve(ctx, host)
		})
		if err != nil {
			return fmt.Errorf("network.protocol.%s.listen_address: %w", l.key, err)
		}
		// An unspecified address of a family that the device lacks is no error.
		parsed.Addrs = slices.DeleteFunc(parsed.Addrs, func(a netip.AddrPort) bool {
			return a.Addr().IsUnspecified() && !s.families.Has(wire.AddressTypeOf(a.Addr()))
		})
		*l.to = parsed
	}
	return s.stack.Listen(ctx, c)
}

func (s *session) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	return s.cfg.Names.Host(ctx, host)
}

// staticDialInfo is what we know of our addresses without asking anyone
// (spec 04 §11.9). Unlike the original, require_inbound_relay hides them all.
func (s *session) staticDialInfo(domain wire.RoutingDomain, d *routing.Domains) []wire.DialInfoDetail {
	n := &s.settings.Load().Network
	if n.Privacy.RequireInboundRelay {
		return nil
	}
	list := s.configuredDialInfo(domain, d)
	add := s.adder(&list, domain, d)
	path := n.Protocol.WS.Path
	for _, b := range s.stack.BoundAddrs() {
		addrs := []netip.Addr{b.Addr.Addr()}
		if b.Addr.Addr().IsUnspecified() {
			addrs = d.PublicationAddrs(domain)
		}
		for _, a := range addrs {
			if wire.AddressTypeOf(a) != wire.AddressTypeOf(b.Addr.Addr()) {
				continue
			}
			at := netip.AddrPortFrom(a, b.Addr.Port())
			di := wire.DialInfo{Protocol: b.Protocol, Addr: at}
			if b.Protocol == wire.WS {
				di.Request = at.String() + "/" + trimSlashes(path)
			}
			add(di)
		}
	}
	return list
}

// adder appends dial info that is valid in a domain.
func (s *session) adder(list *[]wire.DialInfoDetail, domain wire.RoutingDomain, d *routing.Domains) func(wire.DialInfo) {
	return func(di wire.DialInfo) {
		if s.families.Has(di.AddressType()) && d.ValidDialInfo(domain, di) {
			*list = append(*list, wire.DialInfoDetail{Class: wire.ClassDirect, DialInfo: di})
		}
	}
}

// configuredDialInfo is what public_address and url name.
func (s *session) configuredDialInfo(domain wire.RoutingDomain, d *routing.Domains) []wire.DialInfoDetail {
	if s.settings.Load().Network.Privacy.RequireInboundRelay {
		return nil
	}
	var list []wire.DialInfoDetail
	add := s.adder(&list, domain, d)
	p := &s.settings.Load().Network.Protocol
	s.configured(wire.UDP, p.UDP.Enabled, p.UDP.PublicAddress, add)
	s.configured(wire.TCP, p.TCP.Listen, p.TCP.PublicAddress, add)
	if p.WS.Listen && p.WS.URL != nil {
		if u, err := wire.ParseURL(*p.WS.URL); err != nil {
			s.log.Warn("ws.url not used", "err", err)
		} else {
			s.atHost(u.Host, func(a netip.Addr) {
				if di, err := u.At(a); err == nil {
					add(di)
				}
			})
		}
	}
	return list
}

func trimSlashes(s string) string {
	for len(s) > 0 && s[0] == '/' {
		s = s[1:]
	}
	for len(s) > 0 && s[len(s)-1] == '/' {
		s = s[:len(s)-1]
	}
	return s
}

// configured adds the addresses of a public_address.
func (s *session) configured(p wire.ProtocolType, on bool, address *string, add func(wire.DialInfo)) {
	if !on || address == nil {
		return
	}
	host, portText, err := net.SplitHostPort(*address)
	if err != nil {
		return // Validate has named it
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return
	}
	s.atHost(host, func(a netip.Addr) {
		add(wire.DialInfo{Protocol: p, Addr: netip.AddrPortFrom(a, uint16(port))})
	})
}

func (s *session) atHost(host string, f func(netip.Addr)) {
	addrs, err := s.resolve(s.ctx, host)
	if err != nil {
		s.log.Warn("own host name not resolved", "host", host, "err", err)
	}
	for _, a := range addrs {
		f(a.Unmap())
	}
}
