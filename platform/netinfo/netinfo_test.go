//go:build !js

package netinfo

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/platformtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	t.Run("system", func(t *testing.T) {
		platformtest.NetInfo(t, func(t *testing.T) platform.NetInfo {
			i, err := Open(t.Context(), nil)
			if errors.Is(err, platform.ErrUnsupported) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			return i
		})
	})
	t.Run("from app", func(t *testing.T) {
		platformtest.NetInfo(t, func(*testing.T) platform.NetInfo { return FromApp(appInterfaces) })
	})
}

func appInterfaces(context.Context) ([]platform.Interface, error) {
	return []platform.Interface{{Name: "wlan0", Index: 3, MTU: 1500, Running: true, Addrs: []platform.InterfaceAddr{{Prefix: netip.MustParsePrefix("192.0.2.7/24")}}}}, nil
}

func TestNotify(t *testing.T) {
	i := FromApp(appInterfaces)
	for range 3 {
		i.Notify() // three changes, one value
	}
	<-i.Changed()
	select {
	case <-i.Changed():
		t.Error("a second value for changes that were told")
	default:
	}
	if err := i.Close(); err != nil {
		t.Fatal(err)
	}
	i.Notify()
	select {
	case <-i.Changed():
		t.Error("a value after Close")
	default:
	}
}

func TestAppFails(t *testing.T) {
	boom := errors.New("boom")
	i := FromApp(func(context.Context) ([]platform.Interface, error) { return nil, boom })
	if _, err := i.Network(t.Context()); !errors.Is(err, boom) {
		t.Errorf("Network: %v, want the app's error", err)
	}
}

func TestSetGateway(t *testing.T) {
	addr := netip.MustParseAddr
	n := &platform.Network{Interfaces: []platform.Interface{{Name: "eth0", Index: 2}, {Name: "tun0", Index: 5}}}
	routes := []gateway{{addr("192.0.2.1"), 2, 600}, {addr("192.0.2.2"), 2, 100}, {addr("198.51.100.1"), 5, 50}, {addr("fe80::1"), 2, 1024}}
	for _, c := range []struct {
		name string
		e    platform.Egress
		want string
	}{
		{"lowest metric of the interface", platform.Egress{Source: addr("192.0.2.9"), Interface: "eth0"}, "192.0.2.2"},
		{"other interface", platform.Egress{Source: addr("198.51.100.9"), Interface: "tun0"}, "198.51.100.1"},
		{"IPv6", platform.Egress{Source: addr("2001:db8::9"), Interface: "eth0"}, "fe80::1"},
		{"no gateway there", platform.Egress{Source: addr("2001:db8::9"), Interface: "tun0"}, "invalid IP"},
		{"interface unknown", platform.Egress{Source: addr("203.0.113.1")}, "198.51.100.1"},
	} {
		if setGateway(n, &c.e, routes); c.e.Gateway.String() != c.want || !c.e.GatewayKnown {
			t.Errorf("%s: gateway %v (known: %t), want %s", c.name, c.e.Gateway, c.e.GatewayKnown, c.want)
		}
	}
	none := platform.Egress{}
	if setGateway(n, &none, routes); none != (platform.Egress{}) {
		t.Errorf("without a source: %+v, want nothing", none)
	}
}

func TestPrefixes(t *testing.T) {
	ip4in6 := net.ParseIP("192.0.2.7") // 16 bytes
	got := prefixes([]net.Addr{
		&net.IPNet{IP: ip4in6, Mask: net.CIDRMask(24, 32)},
		&net.IPNet{IP: ip4in6, Mask: net.CIDRMask(120, 128)},
		&net.IPNet{IP: net.ParseIP("fe80::1"), Mask: net.CIDRMask(64, 128)},
		&net.IPNet{IP: net.ParseIP("2001:db8::1"), Mask: net.IPMask{0xff, 0, 0xff, 0}}, // no prefix
		&net.IPNet{},
		&net.IPAddr{IP: ip4in6},
	})
	want := []string{"192.0.2.7/24", "192.0.2.7/24", "fe80::1/64"}
	var text []string
	for _, a := range got {
		text = append(text, a.Prefix.String())
	}
	if !slices.Equal(text, want) {
		t.Errorf("prefixes = %q, want %q", text, want)
	}
}

func TestIsCLAT(t *testing.T) {
	for name, want := range map[string]bool{"clat": true, "clat4": true, "v4-wlan0": true, "eth0": false, "wlan0": false, "v4": false} {
		if isCLAT(name) != want {
			t.Errorf("isCLAT(%q) = %t", name, !want)
		}
	}
}

func BenchmarkNetwork(b *testing.B) {
	i, err := Open(b.Context(), nil)
	if err != nil {
		b.Skip(err)
	}
	defer i.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := i.Network(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
