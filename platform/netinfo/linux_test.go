//go:build linux && !android

package netinfo

import (
	"bytes"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/voile-net/voile/platform"
)

const inNamespace = "VOILE_TEST_NETINFO" // set in the child

// TestLinuxNetwork builds a network in a namespace of its own: two links, one
// of them the way out, addresses of each sort.
func TestLinuxNetwork(t *testing.T) {
	if os.Getenv(inNamespace) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestLinuxNetwork$", "-test.v")
		cmd.Env = append(os.Environ(), inNamespace+"=yes")
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		}
		out, err := cmd.CombinedOutput()
		switch {
		case cmd.ProcessState == nil:
			t.Skipf("no process with its own network: %v", err)
		case bytes.Contains(out, []byte("--- SKIP")):
			t.Skipf("no network of its own:\n%s", out)
		case err != nil:
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	ip := func(args string) {
		t.Helper()
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Skipf("ip %s: %v\n%s", args, err, out)
		}
	}
	i, err := Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	network := func() platform.Network {
		t.Helper()
		n, err := i.Network(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := network(); n.Egress4 != (platform.Egress{}) || n.Egress6 != (platform.Egress{}) || len(n.Interfaces) != 1 || n.Interfaces[0].Running || !n.Interfaces[0].Loopback {
		t.Errorf("a new namespace: %+v, want a loopback that is down and no way out", n)
	}
	ip("link set lo up")
	waitForChange(t, i)
	ip("link add out mtu 1400 type veth peer name far")
	ip("link add clat mtu 1472 type veth peer name far2")
	ip("addr add 192.0.2.7/24 dev out")
	ip("addr add 2001:db8::7/64 dev out nodad")
	ip("addr add 2001:db8::8/64 dev out nodad preferred_lft 0")
	for _, name := range []string{"out", "far", "clat", "far2"} {
		ip("link set " + name + " up")
	}
	ip("addr add 198.51.100.9/24 dev clat")
	ip("route add default via 198.51.100.1 dev clat metric 900")
	ip("route add default via 192.0.2.1 dev out metric 100")
	ip("-6 route add default via 2001:db8::1 dev out metric 100")
	waitForChange(t, i)

	n := network()
	out, ok := n.ByName("out")
	if !ok || out.MTU != 1400 || !out.Running || out.Loopback || out.CLAT || out.Index == 0 {
		t.Errorf("interface out: %+v", out)
	}
	flags := make(map[string]platform.InterfaceAddr)
	for _, a := range out.Addrs {
		flags[a.Prefix.String()] = a
	}
	if _, ok := flags["192.0.2.7/24"]; !ok {
		t.Errorf("addresses of out: %+v", out.Addrs)
	}
	if a, ok := flags["2001:db8::7/64"]; !ok || a.Temporary || a.Deprecated {
		t.Errorf("plain address: %+v, %t", a, ok)
	}
	if a, ok := flags["2001:db8::8/64"]; !ok || !a.Deprecated {
		t.Errorf("deprecated address: %+v, %t", a, ok)
	}
	if clat, ok := n.ByName("clat"); !ok || !clat.CLAT {
		t.Errorf("interface clat: %+v", clat)
	}
	want4 := platform.Egress{Source: netip.MustParseAddr("192.0.2.7"), Interface: "out", MTU: 1400, Gateway: netip.MustParseAddr("192.0.2.1"), GatewayKnown: true}
	want6 := platform.Egress{Source: netip.MustParseAddr("2001:db8::7"), Interface: "out", MTU: 1400, Gateway: netip.MustParseAddr("2001:db8::1"), GatewayKnown: true}
	if n.Egress4 != want4 || n.Egress6 != want6 {
		t.Errorf("egress %+v\n%+v\nwant %+v\n%+v", n.Egress4, n.Egress6, want4, want6)
	}

	// A way out without a gateway, as with a tunnel; then several gateways.
	ip("route del default via 192.0.2.1 dev out")
	ip("route add default dev out metric 100")
	if e := network().Egress4; !e.GatewayKnown || e.Gateway.IsValid() || e.Interface != "out" {
		t.Errorf("default route without a gateway: %+v", e)
	}
	ip("route del default dev out")
	ip("route add default metric 50 nexthop via 192.0.2.3 dev out nexthop via 192.0.2.4 dev out")
	if e := network().Egress4; e.Gateway != netip.MustParseAddr("192.0.2.3") {
		t.Errorf("default route over two gateways: %+v", e)
	}
	waitForChange(t, i)
	ip("addr del 192.0.2.7/24 dev out")
	waitForChange(t, i)
}

// waitForChange waits for a notification and takes all that are there.
func waitForChange(t *testing.T, i *Info) {
	t.Helper()
	select {
	case <-i.Changed():
	case <-time.After(10 * time.Second):
		t.Fatal("no notification of a change")
	}
}

// The kernel is trusted, the parsers are not: what they are given they survive.
func FuzzParse(f *testing.F) {
	for _, kind := range []int{syscall.RTM_GETADDR, syscall.RTM_GETROUTE} {
		rib, err := syscall.NetlinkRIB(kind, syscall.AF_UNSPEC)
		if err != nil {
			f.Skip(err)
		}
		f.Add(rib)
	}
	f.Fuzz(func(t *testing.T, rib []byte) {
		gateways, err := parseGateways(rib)
		for _, g := range gateways {
			if err != nil || !g.addr.IsValid() {
				t.Errorf("gateway %+v, %v", g, err)
			}
		}
		if _, err := parseAddrFlags(rib); err != nil && len(rib) == 0 {
			t.Errorf("parseAddrFlags of nothing: %v", err)
		}
		parseNextHops(rib)
	})
}
