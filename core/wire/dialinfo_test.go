package wire

import (
	"net/netip"
	"slices"
	"testing"
)

func TestParseURL(t *testing.T) {
	tests := []struct {
		text string
		want DialInfoURL // request is not compared
		ok   bool
	}{
		{"udp://1.2.3.4:5150", DialInfoURL{Protocol: UDP, Host: "1.2.3.4", Port: 5150}, true},
		{"tcp://host.example:5150", DialInfoURL{Protocol: TCP, Host: "host.example", Port: 5150}, true},
		{"udp://[2001:db8::1]:5150", DialInfoURL{Protocol: UDP, Host: "2001:db8::1", Port: 5150}, true},
		{"ws://host", DialInfoURL{Protocol: WS, Host: "host", Port: 80}, true},
		{"ws://host:5150/ws", DialInfoURL{Protocol: WS, Host: "host", Port: 5150, Path: "/ws"}, true},
		{"ws://[2001:db8::1]/a/b?c", DialInfoURL{Protocol: WS, Host: "2001:db8::1", Port: 80, Path: "/a/b?c"}, true},
		{"ws://user:pw@host:1/", DialInfoURL{Protocol: WS, Host: "host", Port: 1, Path: "/"}, true},
		{"wss://host/ws", DialInfoURL{Protocol: WSS, Host: "host", Port: 443, Path: "/ws"}, true},
		{text: "udp://1.2.3.4"},
		{text: "udp://1.2.3.4:"},
		{text: "udp://1.2.3.4:65536"},
		{text: "udp://1.2.3.4:+1"},
		{text: "udp://:5150"},
		{text: "udp://host:5150/ws"},
		{text: "udp://2001:db8::1:5150"},
		{text: "udp://[2001:db8::1:5150"},
		{text: "udp://[1.2.3.4]:5150"},
		{text: "udp://[fe80::1%eth0]:5150"},
		{text: "udp://[::1]5150"},
		{text: "ws://"},
		{text: "ws:///ws"},
		{text: "ws://ho st/"},
		{text: "http://host:80/"},
		{text: "1.2.3.4:5150"},
		{text: ""},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			got, err := ParseURL(test.text)
			if (err == nil) != test.ok {
				t.Fatalf("error %v, want good %v", err, test.ok)
			}
			if err == nil && got.String() != test.text {
				t.Errorf("String %q", got.String())
			}
			got.request = ""
			if got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestDialInfoForms(t *testing.T) {
	tests := []struct {
		url, addr, text string
	}{
		{"udp://1.2.3.4:5150", "1.2.3.4", "udp|1.2.3.4:5150"},
		{"tcp://[2001:db8::1]:5150", "2001:db8::1", "tcp|[2001:db8::1]:5150"},
		{"ws://1.2.3.4:5150/ws", "1.2.3.4", "ws|1.2.3.4:5150/ws"},
		{"ws://[2001:db8::1]:5150/ws", "2001:db8::1", "ws|[2001:db8::1]:5150/ws"},
		{"ws://host.example:5150/ws", "1.2.3.4", "ws|1.2.3.4|host.example:5150/ws"},
	}
	for _, test := range tests {
		u, err := ParseURL(test.url)
		if err != nil {
			t.Fatal(err)
		}
		d, err := u.At(netip.MustParseAddr(test.addr))
		if err != nil {
			t.Fatal(err)
		}
		if d.String() != test.text || d.URL() != test.url {
			t.Errorf("%s: text %s, want %s; URL %s", test.url, d, test.text, d.URL())
		}
	}
	u, err := ParseURL("ws://1.2.3.4/ws")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.At(netip.MustParseAddr("1.2.3.5")); err == nil {
		t.Error("a URL with an address takes another one")
	}
	if d, err := u.At(netip.MustParseAddr("::ffff:1.2.3.4")); err != nil || !d.Addr.Addr().Is4() {
		t.Errorf("mapped address: %v, %v", d, err)
	}
}

func TestDialInfoCheck(t *testing.T) {
	addr := netip.MustParseAddrPort
	tests := []struct {
		name string
		d    DialInfo
		ok   bool
	}{
		{"UDP", DialInfo{UDP, addr("1.2.3.4:5150"), ""}, true},
		{"WS name", DialInfo{WS, addr("1.2.3.4:5150"), "host:5150/ws"}, true},
		{"WS default port", DialInfo{WS, addr("1.2.3.4:80"), "host/ws"}, true},
		{"no port", DialInfo{UDP, addr("1.2.3.4:0"), ""}, false},
		{"unspecified", DialInfo{UDP, addr("0.0.0.0:5150"), ""}, false},
		{"unspecified IPv6", DialInfo{TCP, addr("[::]:5150"), ""}, false},
		{"mapped", DialInfo{TCP, addr("[::ffff:1.2.3.4]:5150"), ""}, false},
		{"none", DialInfo{}, false},
		{"WSS", DialInfo{WSS, addr("1.2.3.4:443"), "host/ws"}, false},
		{"request of UDP", DialInfo{UDP, addr("1.2.3.4:5150"), "host:5150"}, false},
		{"other port", DialInfo{WS, addr("1.2.3.4:5150"), "host:5151/ws"}, false},
		{"other address", DialInfo{WS, addr("1.2.3.4:5150"), "1.2.3.5:5150/ws"}, false},
		{"no host", DialInfo{WS, addr("1.2.3.4:80"), "/ws"}, false},
		{"not UTF-8", DialInfo{WS, addr("1.2.3.4:80"), "host/\xff"}, false},
	}
	for _, test := range tests {
		if err := test.d.Check(); (err == nil) != test.ok {
			t.Errorf("%s: %v, want good %v", test.name, err, test.ok)
		}
	}
}

func TestDialInfoOrder(t *testing.T) {
	addr := netip.MustParseAddrPort
	sorted := []DialInfoDetail{
		{ClassDirect, DialInfo{UDP, addr("[2001:db8::2]:2"), ""}},
		{ClassDirect, DialInfo{UDP, addr("1.2.3.4:1"), ""}},
		{ClassDirect, DialInfo{UDP, addr("1.2.3.4:2"), ""}},
		{ClassDirect, DialInfo{UDP, addr("1.2.3.5:1"), ""}},
		{ClassDirect, DialInfo{TCP, addr("[2001:db8::1]:1"), ""}},
		{ClassDirect, DialInfo{WS, addr("1.2.3.4:1"), "a:1/"}},
		{ClassDirect, DialInfo{WS, addr("1.2.3.4:1"), "b:1/"}},
		{ClassMapped, DialInfo{UDP, addr("[2001:db8::1]:1"), ""}},
	}
	shuffled := []DialInfoDetail{sorted[7], sorted[3], sorted[6], sorted[0], sorted[4], sorted[2], sorted[5], sorted[1]}
	slices.SortFunc(shuffled, DialInfoDetail.Compare)
	if !slices.Equal(shuffled, sorted) {
		t.Errorf("got %v", shuffled)
	}
}
