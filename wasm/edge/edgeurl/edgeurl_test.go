package edgeurl

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

func TestURL(t *testing.T) {
	for _, tt := range []struct{ request, path, again string }{ // again: "": as request
		{"203.0.113.7:5150/ws", "/ws/203.0.113.7/5150/ws", ""},
		{"[2001:db8::7]:5150/ws", "/ws/2001:db8::7/5150/ws", ""},
		{"[2001:DB8:0::7]:5150/ws", "/ws/2001:db8::7/5150/ws", "[2001:db8::7]:5150/ws"},
		{"[::ffff:1.2.3.4]:1/", "/ws/1.2.3.4/1/", "1.2.3.4:1/"},
		{"[2001:db8::7]/ws", "/ws/2001:db8::7/80/ws", "[2001:db8::7]:80/ws"},
		{"node.example/", "/ws/node.example/80/", "node.example:80/"},
		{"Node.Example", "/ws/node.example/80", "node.example:80"},
		{"localhost:65535/Ws/x/", "/ws/localhost/65535/Ws/x/", ""},
		{"xn--bcher-kva.example:80/a-b._~!$&()*+,=:@", "/ws/xn--bcher-kva.example/80/a-b._~!$&()*+,=:@", ""},
		{"1.2.3.4:5150/" + strings.Repeat("x", MaxPath-1), "/ws/1.2.3.4/5150/" + strings.Repeat("x", MaxPath-1), ""},
	} {
		n, err := FromRequest(tt.request)
		if err != nil {
			t.Errorf("%s: %v", tt.request, err)
			continue
		}
		if tt.again == "" {
			tt.again = tt.request
		}
		if n.Path() != tt.path || n.Request() != tt.again {
			t.Errorf("%s: path %s, request %s, want %s, %s", tt.request, n.Path(), n.Request(), tt.path, tt.again)
		}
		back, err := Parse(n.Path())
		if err != nil || back != n {
			t.Errorf("%s: parsed back %+v, %v", tt.path, back, err)
		}
		if _, addrErr := netip.ParseAddr(n.Host()); (addrErr == nil) != n.Addr().IsValid() {
			t.Errorf("%s: host %s, address %v", tt.request, n.Host(), n.Addr())
		}
	}
}

func TestMalformed(t *testing.T) {
	long := strings.Repeat("x", 64)
	for _, request := range []string{
		"", "/ws", ":5150/ws", "h:/ws", "h:0/", "h:080/", "h:+1/", "h:65536/", "h:x/", "h:1:2/", "u@h:1/", "h h:1/",
		"[::1/ws", "[::1]x/ws", "[::1]:/ws", "[1.2.3.4]:1/", "[fe80::1%eth0]:1/", "[h]:1/", "::1/ws", "2001:db8::7/ws",
		"127.1:80/", "0x7f.1:80/", "2130706433/", "1.2.3.4.:5150/ws", "h.:1/", ".h:1/", "a..b:1/", "-a:1/", "a-:1/", "ü:1/", "a_b:1/",
		long + ":1/", strings.Repeat(long[:50]+".", 6) + "x:1/",
		"h:1//", "h:1/a//b", "h:1/.", "h:1/../x", "h:1/a/./b", "h:1/a%2Fb", "h:1/a?b", "h:1/a#b", "h:1/a;b", "h:1/a\\b", "h:1/a b", "h:1/ü", "h:1/a|b", "h:1/a'b",
		"h:1/" + strings.Repeat("x", MaxPath), "h:1/" + strings.Repeat("x", 5000),
		"h?x", "h#x", "h\r\nX: y",
	} {
		if n, err := FromRequest(request); !errors.Is(err, ErrForm) || n != (Node{}) {
			t.Errorf("%.100q: %+v, %v", request, n, err)
		} else if len(err.Error()) > 500 {
			t.Errorf("%.100q: an error of %d bytes", request, len(err.Error()))
		}
	}
	for _, path := range []string{
		"", "/", "/ws", "/ws/", "/ws/h", "/ws/h/", "/ws//1/ws", "/ws/h//ws", "/ws/h/1//", "/x/h/1/ws", "ws/h/1/ws",
		"/ws/[::1]/1/ws", "/ws/h/1/../../10.0.0.1/22/", "/ws/h:2/1/ws", "/ws/%68/1/ws", "/ws/fe80::1%25eth0/1/ws",
	} {
		if n, err := Parse(path); !errors.Is(err, ErrForm) || n != (Node{}) {
			t.Errorf("%s: %+v, %v", path, n, err)
		}
	}
}

func TestGateway(t *testing.T) {
	n, err := FromRequest("1.2.3.4:5150/ws")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ gateway, want string }{
		{"wss://gw.example", "wss://gw.example/ws/1.2.3.4/5150/ws"},
		{"wss://gw.example/", "wss://gw.example/ws/1.2.3.4/5150/ws"},
		{"WSS://GW.example:8443/a/b/", "wss://gw.example:8443/a/b/ws/1.2.3.4/5150/ws"},
		{"wss://gw.example:80", "wss://gw.example:80/ws/1.2.3.4/5150/ws"},
		{"ws://[::1]:8080", "ws://[::1]:8080/ws/1.2.3.4/5150/ws"},
		{"ws://[::1]", "ws://[::1]/ws/1.2.3.4/5150/ws"},
		{"ws://localhost", "ws://localhost/ws/1.2.3.4/5150/ws"},
	} {
		g, err := ParseGateway(tt.gateway)
		if err != nil || g.URL(n) != tt.want || g.Secure() != strings.HasPrefix(tt.want, "wss") {
			t.Errorf("%s: %s, secure %v, %v, want %s", tt.gateway, g.URL(n), g.Secure(), err, tt.want)
		}
		again, err := ParseGateway(g.String())
		if err != nil || again != g {
			t.Errorf("%s: again %v, %v", tt.gateway, again, err)
		}
		if url, err := g.For("1.2.3.4:5150/ws"); url != tt.want || err != nil {
			t.Errorf("%s: %s, %v", tt.gateway, url, err)
		}
	}
	if _, err := (Gateway{"wss://gw.example"}).For("h:1/a b"); !errors.Is(err, ErrForm) {
		t.Errorf("a request that no URL can say: %v", err)
	}
	for _, gateway := range []string{
		"", "gw.example", "https://gw.example", "wss://", "wss:///x", "wss://u:p@gw.example", "wss://gw.example?x", "wss://gw.example/#x",
		"wss://gw.example//", "wss://gw.example/a/../b", "wss://gw.example:0", "wss://" + strings.Repeat("x", 600),
	} {
		if g, err := ParseGateway(gateway); !errors.Is(err, ErrForm) || g != (Gateway{}) {
			t.Errorf("%.80q: %v, %v", gateway, g, err)
		}
	}
}

// Whatever is accepted has one spelling, survives the parsers of others, and cannot
// leave its place in the URL.
func FuzzURL(f *testing.F) {
	for _, seed := range []string{"203.0.113.7:5150/ws", "[2001:db8::7]:5150/ws", "node.example/", "h:1/a/../b", "/ws/h/1/ws", "/ws/::1/1", "wss://gw.example/x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		gateway := Gateway{"wss://gw.example/pre"}
		if g, err := ParseGateway(text); err == nil {
			gateway = g
			if again, err := ParseGateway(g.String()); err != nil || again != g {
				t.Fatalf("gateway %q: again %v, %v", text, again, err)
			}
		}
		for name, parse := range map[string]func(string) (Node, error){"request": FromRequest, "path": Parse} {
			n, err := parse(text)
			if err != nil {
				if n != (Node{}) || !errors.Is(err, ErrForm) {
					t.Fatalf("%s %q: %+v with %v", name, text, n, err)
				}
				continue
			}
			if again, err := FromRequest(n.Request()); err != nil || again != n {
				t.Fatalf("%s %q: request %q gives %+v, %v", name, text, n.Request(), again, err)
			}
			if again, err := Parse(n.Path()); err != nil || again != n {
				t.Fatalf("%s %q: path %q gives %+v, %v", name, text, n.Path(), again, err)
			}
			u, err := url.Parse(gateway.URL(n))
			if err != nil {
				t.Fatalf("%s %q: %v", name, text, err)
			}
			if u.RawQuery != "" || u.Fragment != "" || u.User != nil || u.EscapedPath() != u.Path || !strings.HasSuffix(u.Path, n.Path()) || u.JoinPath().Path != u.Path {
				t.Fatalf("%s %q: URL %s reads as %+v", name, text, gateway.URL(n), u)
			}
		}
	})
}
