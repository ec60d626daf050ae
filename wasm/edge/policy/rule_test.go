package policy

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/voile-net/voile/wasm/edge/edgeurl"
)

func node(t testing.TB, request string) edgeurl.Node {
	t.Helper()
	n, err := edgeurl.FromRequest(request)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRules(t *testing.T) {
	for _, tt := range []struct {
		rules   string
		request string
		addrs   string // "": the address of the request
		want    string // those that may be connected to
	}{
		{"public", "8.8.8.8:5150/ws", "", "8.8.8.8:5150"},
		{"public", "[2606:4700::1]:5150/ws", "", "[2606:4700::1]:5150"},
		{"public", "node.example:5150/ws", "8.8.8.8 2606:4700::1", "8.8.8.8:5150 [2606:4700::1]:5150"},
		{"public:5150-5160", "8.8.8.8:5160/ws", "", "8.8.8.8:5160"},
		{"public:5150-5160", "8.8.8.8:5161/ws", "", ""},
		{"public:5150", "node.example:22/ws", "8.8.8.8", ""},
		{"", "8.8.8.8:5150/ws", "", ""},
		// What resolves to another place than it seems.
		{"public", "evil.example:80/", "127.0.0.1", ""},
		{"public", "evil.example:80/", "10.0.0.1 8.8.8.8", "8.8.8.8:80"},
		{"public", "evil.example:80/", "::ffff:127.0.0.1 ::ffff:8.8.8.8 8.8.8.8", "8.8.8.8:80"},
		{"evil.example", "evil.example:80/", "127.0.0.1", ""},
		{"evil.example 127.0.0.1", "evil.example:80/", "127.0.0.1", "127.0.0.1:80"},
		// What is special is meant or not allowed.
		{"0.0.0.0/0", "127.0.0.1:1/", "", ""},
		{"0.0.0.0/0", "8.8.8.8:1/", "", "8.8.8.8:1"},
		{"[::]/0", "[::1]:1/", "", ""},
		{"127.0.0.0/8", "127.0.0.1:1/", "", "127.0.0.1:1"},
		{"127.0.0.1:5150", "127.0.0.1:5150/", "", "127.0.0.1:5150"},
		{"127.0.0.1:5150", "127.0.0.1:5151/", "", ""},
		{"127.0.0.1:5150", "127.0.0.2:5150/", "", ""},
		{"[::1]:5150", "[::1]:5150/", "", "[::1]:5150"},
		{"10.0.0.0/8", "10.9.8.7:1/", "", "10.9.8.7:1"},
		{"8.0.0.0/5", "10.9.8.7:1/", "", ""},
		{"169.254.0.0/16", "169.254.169.254:80/", "", ""},
		{"169.254.0.0/16", "169.254.1.1:80/", "", "169.254.1.1:80"},
		{"169.254.169.254", "169.254.169.254:80/", "", "169.254.169.254:80"},
		{"[fc00::]/7", "[fd12::1]:80/", "", "[fd12::1]:80"},
		{"[fc00::]/7", "[fd00:ec2::254]:80/", "", ""},
		{"10.0.0.0/8", "[64:ff9b::10.1.2.3]:80/", "", ""},
		{"[64:ff9b::]/96", "[64:ff9b::10.1.2.3]:80/", "", ""},
		{"public", "[64:ff9b::8.8.8.8]:80/", "", "[64:ff9b::808:808]:80"},
		// Names.
		{"node.example", "node.example:80/", "8.8.8.8", "8.8.8.8:80"},
		{"Node.Example", "NODE.example:80/", "8.8.8.8", "8.8.8.8:80"},
		{"node.example", "xnode.example:80/", "8.8.8.8", ""},
		{"*.example", "a.node.example:80/", "8.8.8.8", "8.8.8.8:80"},
		{"*.node.example", "node.example:80/", "8.8.8.8", ""},
		{"*.node.example", "evilnode.example:80/", "8.8.8.8", ""},
		{"node.example", "8.8.8.8:80/", "", ""},
		{"8.8.8.0/24", "node.example:80/", "8.8.8.8 9.9.9.9", "8.8.8.8:80"},
		{"public", "many.example:80/", "8.8.8.1 8.8.8.1 8.8.8.2 8.8.8.3 8.8.8.4 8.8.8.5", "8.8.8.1:80 8.8.8.2:80 8.8.8.3:80 8.8.8.4:80"},
	} {
		g, err := New(func() Settings { s := Default(); s.Nodes = strings.Fields(tt.rules); return s }())
		if err != nil {
			t.Fatalf("%s: %v", tt.rules, err)
		}
		n := node(t, tt.request)
		var addrs []netip.Addr
		for text := range strings.FieldsSeq(tt.addrs) {
			addrs = append(addrs, netip.MustParseAddr(text))
		}
		if addrs == nil {
			addrs = []netip.Addr{n.Addr()}
		}
		chosen, err := g.Choose(n, addrs)
		var got []string
		for _, a := range chosen {
			got = append(got, a.String())
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%q, %s at %s: %v, want %s", tt.rules, tt.request, tt.addrs, got, tt.want)
		}
		var r *Refusal
		if (tt.want == "") != errors.As(err, &r) || r != nil && r.Code != NotAllowed {
			t.Errorf("%q, %s: error %v", tt.rules, tt.request, err)
		}
		if before := g.MayResolve(n); before != nil && tt.want != "" {
			t.Errorf("%q, %s: not even to be resolved: %v", tt.rules, tt.request, before)
		}
	}
}

// No stranger leads the gateway to a place that is not of the public internet.
func TestSpecialAddresses(t *testing.T) {
	g, err := New(Default())
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range strings.Fields(`0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.255 169.254.169.254 168.63.129.16
		172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255
		:: ::1 ::8.8.8.8 ::ffff:10.0.0.1 ::ffff:127.0.0.1 64:ff9b::127.0.0.1 64:ff9b::a9fe:a9fe 64:ff9b:1::8.8.8.8 100::1 2001::1 2001:db8::1 2002:7f00:1::1 2002:808:808::1
		3fff::1 4000::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1`) {
		if got, err := g.Choose(node(t, "x.example:80"), []netip.Addr{netip.MustParseAddr(text)}); err == nil {
			t.Errorf("%s is allowed: %v", text, got)
		}
	}
	if got, err := g.Choose(node(t, "x.example:80"), []netip.Addr{{}, netip.MustParseAddr("fe80::1%eth0")}); err == nil {
		t.Errorf("allowed: %v", got)
	}
	for _, text := range strings.Fields("1.1.1.1 9.9.9.9 172.15.0.1 172.32.0.1 100.63.0.1 100.128.0.1 192.0.1.1 198.20.0.1 223.255.255.255 2600::1 2001:200::1 2a00::1 64:ff9b::1.1.1.1") {
		if _, err := g.Choose(node(t, "x.example:80"), []netip.Addr{netip.MustParseAddr(text)}); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestBadRules(t *testing.T) {
	for _, text := range []string{
		"", ":80", "public:", "public:0", "public:x", "public:5-4", "public:1-70000", "1.2.3.4:80:90", "2001:db8::1", "[2001:db8::1", "[1.2.3.4]", "[::1]x", "[::1]:",
		"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/x", "[::ffff:0:0]/96", "a b", "*", "*.", "*.*", "a*.example", "a..b", ".a", "http://x", "1.2.3", "0x7f.1", "ü",
	} {
		var e *SettingError
		if r, err := ParseRule(text); !errors.As(err, &e) || e.Key != "nodes" {
			t.Errorf("%q: %+v, %v", text, r, err)
		}
	}
}

func FuzzRule(f *testing.F) {
	for _, seed := range []string{"public:5150-5160", "10.0.0.0/8", "[fc00::]/7:80", "*.example:1", "0.0.0.0/0"} {
		f.Add(seed, "127.0.0.1")
	}
	f.Fuzz(func(t *testing.T, text, address string) {
		addr, err := netip.ParseAddr(address)
		if err != nil || addr.Zone() != "" {
			return
		}
		list, err := parseRules([]string{text})
		if err != nil {
			return
		}
		addr = addr.Unmap()
		special, isSpecial := list.specialOf(addr)
		if isSpecial && !special.Contains(addr) {
			t.Fatalf("%v is not in %v", addr, special)
		}
		if !list.allow("localhost", netip.AddrPortFrom(addr, 80)) || !isSpecial {
			return
		}
		if p := list.list[0].prefix; !p.IsValid() || p.Bits() < special.Bits() || !special.Overlaps(p) {
			t.Fatalf("%q allows %v, which is in %v", text, addr, special)
		}
	})
}
