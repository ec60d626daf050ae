package routing

import (
	"net/netip"
	"testing"

	"github.com/voile-net/voile/core/wire"
	"github.com/voile-net/voile/platform"
)

func TestAddressClasses(t *testing.T) {
	for _, c := range []struct {
		addr                     string
		global, local, synthetic bool
	}{
		{"8.8.8.8", true, false, false},
		{"::ffff:8.8.8.8", true, false, false},
		{"10.1.2.3", false, true, false},
		{"172.15.0.1", true, false, false},
		{"172.16.0.1", false, true, false},
		{"172.31.255.255", false, true, false},
		{"172.32.0.1", true, false, false},
		{"192.168.1.1", false, true, false},
		{"127.0.0.1", false, false, false},
		{"169.254.1.1", false, true, false},
		{"255.255.255.255", false, false, false},
		{"192.0.2.1", false, false, false},
		{"198.51.100.1", false, false, false},
		{"198.51.101.1", true, false, false},
		{"203.0.113.9", false, false, false},
		{"203.0.114.9", true, false, false},
		{"100.63.255.255", true, false, false},
		{"100.64.0.1", false, true, true},
		{"100.127.0.1", false, true, true},
		{"100.128.0.1", true, false, false},
		{"192.0.0.1", false, true, true},
		{"192.0.0.9", true, true, true},
		{"192.0.0.10", true, true, true},
		{"192.0.1.1", true, false, false},
		{"240.0.0.1", false, false, false},
		{"224.0.0.1", false, false, false},
		{"198.18.0.1", false, false, false},
		{"198.19.255.1", false, false, false},
		{"198.20.0.1", true, false, false},
		{"0.1.2.3", false, false, false},
		{"2600::1", true, false, false},
		{"ff02::1", false, false, false},
		{"::1", false, false, false},
		{"::", false, false, false},
		{"fe80::1", false, true, false},
		{"febf::1", false, true, false},
		{"fec0::1", true, true, false},
		{"fc00::1", false, true, false},
		{"fdff::1", false, true, false},
		{"2001:db8::1", false, false, false},
		{"64:ff9b::102:304", true, false, true},
		{"64:ff9b:1::1", true, false, false},
		{"2001::1", true, false, true},
		{"2001:1::1", true, false, false},
		{"2002:1::1", true, false, true},
	} {
		a := netip.MustParseAddr(c.addr)
		if g, l, s := IsGlobal(a), IsLocal(a), IsSynthetic(a); g != c.global || l != c.local || s != c.synthetic {
			t.Errorf("%s: global %v local %v synthetic %v, want %v %v %v", c.addr, g, l, s, c.global, c.local, c.synthetic)
		}
	}
	if IsGlobal(netip.Addr{}) || IsLocal(netip.Addr{}) || IsSynthetic(netip.Addr{}) {
		t.Error("the zero address has a class")
	}
}

// Vectors of spec 04 §17.
func TestBlock(t *testing.T) {
	for addr, want := range map[string]string{
		"198.51.100.7":         "198.51.100.7",
		"::ffff:198.51.100.7":  "198.51.100.7",
		"2a01:4f8:c0c:83ed::1": "2a01:4f8:c0c:83ff:ffff:ffff:ffff:ffff",
		"2a01:4f8:c0c:8301::1": "2a01:4f8:c0c:83ff:ffff:ffff:ffff:ffff",
		"2a01:4f8:c0c:8401::1": "2a01:4f8:c0c:84ff:ffff:ffff:ffff:ffff",
		"2001:db8:1:2345::1":   "2001:db8:1:23ff:ffff:ffff:ffff:ffff",
	} {
		if got := Block(netip.MustParseAddr(addr)); got != netip.MustParseAddr(want) {
			t.Errorf("Block(%s) = %s, want %s", addr, got, want)
		}
	}
}

func TestDomainOfFlow(t *testing.T) {
	d := dualStack()
	const ln, pi, none = "LocalNetwork", "PublicInternet", "none"
	for _, c := range []struct{ name, remote, local, want string }{
		{"global, local unknown", "8.8.8.8:1", "", pi},
		{"global, local unspecified", "8.8.8.8:1", "0.0.0.0:5150", pi},
		{"global both", "8.8.8.8:1", "44.2.0.1:1", pi},
		{"private on our net", "192.168.7.9:1", "", ln},
		{"private both", "192.168.7.9:1", "192.168.7.2:1", ln},
		{"private on nobody's net", "192.168.8.9:1", "", none},
		{"global from private", "8.8.8.8:1", "192.168.7.2:1", pi},
		{"private from global", "192.168.7.9:1", "44.2.0.1:1", pi},
		{"local of no domain", "8.8.8.8:1", "10.0.0.1:1", none},
		{"local carrier NAT", "8.8.8.8:1", "100.64.0.1:1", pi},
		{"local DS-Lite", "8.8.8.8:1", "192.0.0.2:1", pi},
		{"local Teredo", "[2600::1]:1", "[2001::5]:1", pi},
		{"local link-local, remote not", "[2600::1]:1", "[fe80::5]:1", pi},
		{"local link-local, remote too but on no net", "[fe80::7]:1", "[fe80::5]:1", none},
		{"loopback", "127.0.0.1:1", "127.0.0.1:1", ln},
		{"loopback 6", "[::1]:1", "", ln},
		{"unspecified", "0.0.0.0:1", "", none},
		{"documentation", "192.0.2.1:1", "", none},
	} {
		var local netip.AddrPort
		if c.local != "" {
			local = netip.MustParseAddrPort(c.local)
		}
		got := none
		if domain, ok := d.DomainOfFlow(netip.MustParseAddrPort(c.remote), local); ok {
			got = domain.String()
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestAssign(t *testing.T) {
	d := dualStack()
	relayed := func(list []wire.DialInfoDetail) *wire.NodeInfo {
		return &wire.NodeInfo{Relays: []wire.RelayInfo{{DialInfo: list}}}
	}
	own := func(list []wire.DialInfoDetail) *wire.NodeInfo { return &wire.NodeInfo{DialInfo: list} }
	for _, c := range []struct {
		name    string
		info    *wire.NodeInfo
		arrived wire.RoutingDomain
		want    string
	}{
		{"nothing", &wire.NodeInfo{}, wire.PublicInternet, "none"},
		{"global over PI", own(direct("UDP 8.8.8.8:1")), wire.PublicInternet, "PublicInternet"},
		{"global over LN", own(direct("UDP 8.8.8.8:1")), wire.LocalNetwork, "PublicInternet"},
		{"local over LN", own(direct("UDP 192.168.7.9:1")), wire.LocalNetwork, "LocalNetwork"},
		{"local over PI", own(direct("UDP 192.168.7.9:1")), wire.PublicInternet, "none"},
		{"mixed", own(direct("UDP 192.168.7.9:1", "UDP 8.8.8.8:1")), wire.LocalNetwork, "none"},
		{"loopback", own(direct("UDP 127.0.0.1:1")), wire.LocalNetwork, "none"},
		{"port 0", own(direct("UDP 8.8.8.8:0")), wire.PublicInternet, "none"},
		{"relay only", relayed(direct("TCP 8.8.8.8:1")), wire.PublicInternet, "PublicInternet"},
		{"relay elsewhere", relayed(direct("TCP 192.168.9.9:1")), wire.PublicInternet, "none"},
	} {
		got := "none"
		if domain, ok := d.Assign(c.info, c.arrived); ok {
			got = domain.String()
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestAddressTypesAndDetection(t *testing.T) {
	noGateway := dualStackNetwork()
	noGateway.Egress4.Gateway = netip.Addr{}
	natted := dualStackNetwork()
	natted.Interfaces[1].Addrs[0].Prefix = netip.MustParsePrefix("10.0.0.2/24")
	natted.Egress4.Source = netip.MustParseAddr("10.0.0.2")
	noRoute6 := dualStackNetwork()
	noRoute6.Egress6 = platform.Egress{}
	loopback := platform.Network{Interfaces: dualStackNetwork().Interfaces[:1]}
	for _, c := range []struct {
		name    string
		network platform.Network
		private bool
		want    wire.AddressSet
		detect  bool
	}{
		{"dual stack", dualStackNetwork(), false, wire.AllAddresses, false},
		{"no IPv4 gateway", noGateway, false, wire.Addresses(wire.IPv6), false},
		{"IPv4 behind NAT", natted, false, wire.AllAddresses, true},
		{"no IPv6 route", noRoute6, false, wire.Addresses(wire.IPv4), false},
		{"loopback only", loopback, false, 0, false},
		{"loopback only, private network", loopback, true, wire.AllAddresses, false},
	} {
		d := NewDomains(c.network, c.private)
		got := d.AddressTypes(wire.PublicInternet, wire.AllAddresses)
		if got != c.want {
			t.Errorf("%s: address types %b, want %b", c.name, got, c.want)
		}
		if detect := d.NeedsDetection(got); detect != c.detect {
			t.Errorf("%s: needs detection %v, want %v", c.name, detect, c.detect)
		}
	}
	if !dualStack().OnInterface(wire.PublicInternet, netip.MustParseAddr("44.2.0.1")) ||
		dualStack().OnInterface(wire.PublicInternet, netip.MustParseAddr("44.2.0.2")) {
		t.Error("OnInterface does not tell our address from another's")
	}
	cgn := dualStackNetwork()
	cgn.Egress4.Source = netip.MustParseAddr("100.64.1.1")
	if !NewDomains(cgn, false).CarrierNAT(wire.IPv4) || dualStack().CarrierNAT(wire.IPv4) || dualStack().CarrierNAT(wire.IPv6) {
		t.Error("CarrierNAT")
	}
}

func TestPrivateNetwork(t *testing.T) {
	d := NewDomains(platform.Network{Interfaces: dualStackNetwork().Interfaces[:1]}, true)
	for _, a := range []string{"127.0.0.1", "10.0.0.1", "192.168.7.7", "::1", "fd00::1"} {
		if domain, ok := d.DomainOf(netip.MustParseAddr(a)); !ok || domain != wire.PublicInternet {
			t.Errorf("%s: %v %v, want PublicInternet", a, domain, ok)
		}
	}
	for _, a := range []string{"0.0.0.0", "::", "224.0.0.1", "255.255.255.255"} {
		if domain, ok := d.DomainOf(netip.MustParseAddr(a)); ok {
			t.Errorf("%s: %v, want none", a, domain)
		}
	}
	if !d.ValidDialInfo(wire.PublicInternet, direct("TCP 127.0.0.1:5150")[0].DialInfo) {
		t.Error("loopback dial info is not valid in a private network")
	}
	a, b := netip.MustParseAddrPort("127.0.0.1:5150"), netip.MustParseAddrPort("127.0.0.1:5151")
	if d.place(a) == d.place(b) || d.host(a) == d.host(b) {
		t.Error("two ports of one address are one place")
	}
	if s := dualStack(); s.place(a) != s.place(b) {
		t.Error("outside a private network two ports are two places")
	}
}
