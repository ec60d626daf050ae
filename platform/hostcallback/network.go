//go:build !js

package hostcallback

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/netinfo"
)

// Limits of what an app says of its network.
const (
	MaxFacts      = 256 << 10 // bytes of the text
	maxInterfaces = 256
	maxAddresses  = 4096 // of all interfaces together
	maxServers    = 16
	maxName       = 64 // bytes of an interface's name
)

// Facts is what an app says of its network; [ParseFacts] has the form.
type Facts struct {
	Interfaces []platform.Interface
	DNS        []netip.AddrPort // name servers, in the order to ask them
}

// factsJSON is the form of the text.
type factsJSON struct {
	Interfaces []struct {
		Name         string `json:"name"`
		Index        int    `json:"index"`
		MTU          int    `json:"mtu"`
		Up           bool   `json:"up"`
		Loopback     bool   `json:"loopback"`
		PointToPoint bool   `json:"point_to_point"`
		Multicast    bool   `json:"multicast"`
		Addresses    []struct {
			Address    string `json:"address"`
			Temporary  bool   `json:"temporary"`
			Deprecated bool   `json:"deprecated"`
		} `json:"addresses"`
	} `json:"interfaces"`
	DNS []string `json:"dns"`
}

// ParseFacts reads the facts of a network:
//
//	{"interfaces": [{"name": "wlan0", "index": 21, "mtu": 1500, "up": true,
//	  "loopback": false, "point_to_point": false, "multicast": true,
//	  "addresses": [{"address": "192.168.1.7/24"},
//	                {"address": "2001:db8::7/64", "temporary": true, "deprecated": false}]}],
//	 "dns": ["192.168.1.1", "[fe80::1%wlan0]:53"]}
//
// Every field but name and address may be missing. Zones of addresses are dropped;
// those of name servers count. A name server has port 53 if it names none.
func ParseFacts(text []byte) (f Facts, err error) {
	if len(text) > MaxFacts {
		return Facts{}, fmt.Errorf("network facts of %d bytes, at most %d", len(text), MaxFacts)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return Facts{}, fmt.Errorf("network facts: %w", errNoAnswer)
	}
	var j factsJSON
	if err := json.Unmarshal(text, &j); err != nil {
		return Facts{}, fmt.Errorf("network facts: %w", err)
	}
	if len(j.Interfaces) > maxInterfaces || len(j.DNS) > maxServers {
		return Facts{}, fmt.Errorf("network facts of %d interfaces and %d name servers, at most %d and %d", len(j.Interfaces), len(j.DNS), maxInterfaces, maxServers)
	}
	total := 0
	for _, in := range j.Interfaces {
		if in.Name == "" || len(in.Name) > maxName {
			return Facts{}, fmt.Errorf("network facts: an interface's name has %d bytes, 1 to %d may be", len(in.Name), maxName)
		}
		if in.Index < 0 || in.MTU < 0 {
			return Facts{}, fmt.Errorf("network facts: index %d or mtu %d of %q is negative", in.Index, in.MTU, in.Name)
		}
		if total += len(in.Addresses); total > maxAddresses {
			return Facts{}, fmt.Errorf("network facts of more than %d addresses", maxAddresses)
		}
		to := platform.Interface{
			Name: in.Name, Index: in.Index, MTU: in.MTU, Running: in.Up, Loopback: in.Loopback,
			PointToPoint: in.PointToPoint, Multicast: in.Multicast,
			CLAT: strings.HasPrefix(in.Name, "clat") || strings.HasPrefix(in.Name, "v4-"),
		}
		for _, a := range in.Addresses {
			p, err := parsePrefix(a.Address)
			if err != nil {
				return Facts{}, fmt.Errorf("network facts: address of %q: %w", in.Name, err)
			}
			to.Addrs = append(to.Addrs, platform.InterfaceAddr{Prefix: p, Temporary: a.Temporary && p.Addr().Is6(), Deprecated: a.Deprecated && p.Addr().Is6()})
		}
		f.Interfaces = append(f.Interfaces, to)
	}
	for _, text := range j.DNS {
		s, err := parseServer(text)
		if err != nil {
			return Facts{}, fmt.Errorf("network facts: name server: %w", err)
		}
		f.DNS = append(f.DNS, s)
	}
	return f, nil
}

// parsePrefix reads an address with the length of its network, such as Java prints
// it, with a zone before the slash.
func parsePrefix(text string) (netip.Prefix, error) {
	address, bits, ok := strings.Cut(text, "/")
	if !ok {
		return netip.Prefix{}, fmt.Errorf("%.80q is without /length", text)
	}
	a, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{}, err
	}
	a = a.Unmap().WithZone("")
	p, err := netip.ParsePrefix(a.String() + "/" + bits)
	if err != nil {
		return netip.Prefix{}, err
	}
	return p, nil
}

func parseServer(text string) (netip.AddrPort, error) {
	bare := text
	if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		bare = text[1 : len(text)-1]
	}
	if a, err := netip.ParseAddr(bare); err == nil {
		return netip.AddrPortFrom(a.Unmap(), 53), nil
	}
	s, err := netip.ParseAddrPort(text)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if s.Port() == 0 {
		return netip.AddrPort{}, errors.New("port 0")
	}
	return s, nil
}

// Network is the network as an app tells it, a [platform.NetInfo] with its name
// servers. The app's function may block; one call comes at a time. It looks names
// up, as a *net.Resolver does.
type Network struct {
	*netinfo.Info
	ask func() (string, error)

	mu      sync.Mutex
	servers []netip.AddrPort // as of the last answer; nil: none or not asked yet
	asked   bool
}

// NewNetwork makes a network of a function that gives the text of [ParseFacts].
func NewNetwork(ask func() (string, error)) *Network {
	n := &Network{ask: ask}
	n.Info = netinfo.FromApp(func(ctx context.Context) ([]platform.Interface, error) {
		f, err := n.facts(ctx)
		return f.Interfaces, err
	})
	return n
}

func (n *Network) facts(ctx context.Context) (f Facts, err error) {
	if err := ctx.Err(); err != nil {
		return f, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	var text string
	if err := guarded(func() (err error) { text, err = n.ask(); return err }); err != nil {
		return f, fault("network facts of the app", err)
	}
	if f, err = ParseFacts([]byte(text)); err != nil {
		return f, err
	}
	n.servers, n.asked = f.DNS, true
	return f, nil
}

// Servers are the name servers of the app's last answer; the app is asked if it
// was not yet. nil: the app names none.
func (n *Network) Servers(ctx context.Context) ([]netip.AddrPort, error) {
	n.mu.Lock()
	servers, asked := n.servers, n.asked
	n.mu.Unlock()
	if asked {
		return servers, nil
	}
	f, err := n.facts(ctx)
	return f.DNS, err
}

// LookupNetIP is that of the system, which knows the user's VPN and private DNS.
func (n *Network) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, network, host)
}

// LookupTXT asks the app's name servers in turn, since phones have no file that
// names them and their C library does not look for TXT; without any it asks as the
// system would.
func (n *Network) LookupTXT(ctx context.Context, name string) ([]string, error) {
	servers, err := n.Servers(ctx)
	if err != nil {
		return nil, err
	}
	if len(servers) == 0 {
		return net.DefaultResolver.LookupTXT(ctx, name)
	}
	var next atomic.Uint32
	r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		server := servers[int(next.Add(1)-1)%len(servers)]
		return new(net.Dialer).DialContext(ctx, network, server.String())
	}}
	return r.LookupTXT(ctx, name)
}
