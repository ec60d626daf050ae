//go:build !js

package hostcallback_test

import (
	"errors"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/hostcallback"
	"github.com/voile-net/voile/platform/platformtest"
)

const phone = `{"interfaces":[
 {"name":"lo","index":1,"mtu":65536,"up":true,"loopback":true,"addresses":[{"address":"127.0.0.1/8"}]},
 {"name":"wlan0","index":21,"mtu":1500,"up":true,"multicast":true,"addresses":[
   {"address":"192.0.2.7/24"},{"address":"fe80::1%wlan0/64"},{"address":"2001:db8::7/64","temporary":true,"deprecated":true}]},
 {"name":"v4-rmnet0","up":true}],
 "dns":["192.0.2.1","[fe80::1%wlan0]:5353","2001:db8::53","::ffff:192.0.2.2"],"extra":1}`

func TestParseFacts(t *testing.T) {
	got, err := hostcallback.ParseFacts([]byte(phone))
	if err != nil {
		t.Fatal(err)
	}
	prefix := netip.MustParsePrefix
	want := hostcallback.Facts{
		Interfaces: []platform.Interface{
			{Name: "lo", Index: 1, MTU: 65536, Running: true, Loopback: true, Addrs: []platform.InterfaceAddr{{Prefix: prefix("127.0.0.1/8")}}},
			{Name: "wlan0", Index: 21, MTU: 1500, Running: true, Multicast: true, Addrs: []platform.InterfaceAddr{
				{Prefix: prefix("192.0.2.7/24")}, {Prefix: prefix("fe80::1/64")}, {Prefix: prefix("2001:db8::7/64"), Temporary: true, Deprecated: true},
			}},
			{Name: "v4-rmnet0", Running: true, CLAT: true},
		},
		DNS: []netip.AddrPort{
			netip.MustParseAddrPort("192.0.2.1:53"), netip.MustParseAddrPort("[fe80::1%wlan0]:5353"),
			netip.MustParseAddrPort("[2001:db8::53]:53"), netip.MustParseAddrPort("192.0.2.2:53"),
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
}

func TestBadFacts(t *testing.T) {
	many := func(item string, n int) string { return strings.TrimSuffix(strings.Repeat(item+",", n), ",") }
	for _, c := range []struct{ name, text, says string }{
		{"nothing", "", "no answer"},
		{"spaces", "  ", "no answer"},
		{"no JSON", "{", "unexpected end"},
		{"a list", "[]", "cannot unmarshal"},
		{"too long", strings.Repeat(" ", hostcallback.MaxFacts+1), "at most"},
		{"no name", `{"interfaces":[{}]}`, "name"},
		{"long name", `{"interfaces":[{"name":"` + strings.Repeat("x", 65) + `"}]}`, "name"},
		{"negative mtu", `{"interfaces":[{"name":"a","mtu":-1}]}`, "mtu"},
		{"no length", `{"interfaces":[{"name":"a","addresses":[{"address":"192.0.2.1"}]}]}`, "/length"},
		{"length too large", `{"interfaces":[{"name":"a","addresses":[{"address":"192.0.2.1/33"}]}]}`, "prefix length"},
		{"no address", `{"interfaces":[{"name":"a","addresses":[{"address":"x/24"}]}]}`, "unable to parse IP"},
		{"no server", `{"dns":["example.com"]}`, "name server"},
		{"port 0", `{"dns":["192.0.2.1:0"]}`, "port"},
		{"many interfaces", `{"interfaces":[` + many(`{"name":"a"}`, 257) + `]}`, "at most"},
		{"many addresses", `{"interfaces":[{"name":"a","addresses":[` + many(`{"address":"1.1.1.1/8"}`, 4097) + `]}]}`, "addresses"},
		{"many servers", `{"dns":[` + many(`"1.1.1.1"`, 17) + `]}`, "at most"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := hostcallback.ParseFacts([]byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.says) || f.Interfaces != nil || f.DNS != nil {
				t.Errorf("= %+v, %v; want an error that says %q", f, err, c.says)
			}
		})
	}
}

// What is read keeps the contract of a NetInfo's value.
func FuzzParseFacts(f *testing.F) {
	f.Add([]byte(phone))
	f.Add([]byte(`{"interfaces":[{"name":"a","addresses":[{"address":"::ffff:1.2.3.4/24"}]}],"dns":["::1"]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		facts, err := hostcallback.ParseFacts(text)
		if err != nil {
			return
		}
		for _, in := range facts.Interfaces {
			for _, a := range in.Addrs {
				if !a.Prefix.IsValid() || a.Prefix.Addr().Zone() != "" || a.Prefix.Addr().Is4In6() {
					t.Fatalf("%q gives %v", text, a.Prefix)
				}
			}
		}
		for _, s := range facts.DNS {
			if !s.IsValid() || s.Port() == 0 {
				t.Fatalf("%q gives the name server %v", text, s)
			}
		}
	})
}

func TestNetInfoContract(t *testing.T) {
	platformtest.NetInfo(t, func(*testing.T) platform.NetInfo {
		return hostcallback.NewNetwork(func() (string, error) {
			return `{"interfaces":[{"name":"wlan0","mtu":1500,"up":true,"addresses":[{"address":"192.0.2.7/24"}]}]}`, nil
		})
	})
}

func TestAppWithoutNetwork(t *testing.T) {
	boom := errors.New("boom")
	for _, ask := range []func() (string, error){
		func() (string, error) { return "", boom },
		func() (string, error) { return "", nil },
		func() (string, error) { panic("boom") },
	} {
		n := hostcallback.NewNetwork(ask)
		if _, err := n.Network(t.Context()); err == nil {
			t.Error("no error of Network")
		}
		if _, err := n.LookupTXT(t.Context(), "example.com"); err == nil {
			t.Error("no error of LookupTXT")
		}
	}
}

// nameServer answers each TXT question with the same strings; fail: with a failure.
func nameServer(t *testing.T, fail bool, txt ...string) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { c.Close(); <-done })
	go func() {
		defer close(done)
		b := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if err := m.Unpack(b[:n]); err != nil || len(m.Questions) != 1 {
				t.Errorf("not a question: %v", err)
				continue
			}
			m.Response, m.Additionals = true, nil
			if fail {
				m.RCode = dnsmessage.RCodeServerFailure
			} else {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET, TTL: 60},
					Body:   &dnsmessage.TXTResource{TXT: txt},
				}}
			}
			answer, err := m.Pack()
			if err != nil {
				t.Errorf("pack: %v", err)
				continue
			}
			if _, err := c.WriteTo(answer, from); err != nil {
				return
			}
		}
	}()
	return c.LocalAddr().String()
}

// The app's name servers are asked, the next one if one fails.
func TestLookupTXT(t *testing.T) {
	bad, good := nameServer(t, true), nameServer(t, false, "a record")
	n := hostcallback.NewNetwork(func() (string, error) { return `{"dns":["` + bad + `","` + good + `"]}`, nil })
	got, err := n.LookupTXT(t.Context(), "bootstrap.example.")
	if err != nil || len(got) != 1 || got[0] != "a record" {
		t.Errorf("LookupTXT = %q, %v", got, err)
	}
}
