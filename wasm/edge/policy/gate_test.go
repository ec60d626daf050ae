package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"
)

var (
	start  = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	client = netip.MustParseAddr("198.51.100.7")
	at     = netip.MustParseAddrPort("8.8.8.8:5150")
)

func gate(t testing.TB, change func(*Settings)) *Gate {
	t.Helper()
	s := Default()
	if change != nil {
		change(&s)
	}
	g, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func codeOf(err error) Code {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	return 0
}

func TestConnections(t *testing.T) {
	g := gate(t, func(s *Settings) { s.MaxConnections, s.MaxPerClient, s.MaxPerNode = 4, 2, 2 })
	admit := func(addr string) (*Pass, error) { return g.Admit(netip.MustParseAddr(addr), start) }
	var passes []*Pass
	for i, tt := range []struct {
		addr string
		want Code
	}{
		{"198.51.100.7", 0}, {"::ffff:198.51.100.7", 0}, {"198.51.100.7", TooMany},
		{"2001:db8:0:1::1", 0}, {"2001:db8:0:ff::1", 0}, {"2001:db8:0:2::1", Busy},
	} {
		p, err := admit(tt.addr)
		if codeOf(err) != tt.want {
			t.Fatalf("%d: %v, want %d", i, err, tt.want)
		}
		if p != nil {
			passes = append(passes, p)
		}
	}
	if s := g.Stats(); s.Open != 4 || s.Clients != 2 || s.Admitted != 4 {
		t.Errorf("%+v", s)
	}
	for i, want := range []Code{0, 0, TooMany} {
		if err := passes[i].Reach(at, start); codeOf(err) != want {
			t.Errorf("node, %d: %v, want %d", i, err, want)
		}
	}
	// Another address of the same name takes the place of the first.
	other := netip.MustParseAddrPort("8.8.4.4:5150")
	if err := passes[0].Reach(other, start); err != nil {
		t.Error(err)
	}
	if err := passes[2].Reach(at, start); err != nil {
		t.Errorf("after another left the node: %v", err)
	}
	for _, p := range passes {
		p.Leave(Ended)
		p.Leave(Ended)
	}
	if s := g.Stats(); s.Open != 0 || s.Clients != 0 || s.Nodes != 0 || s.Ended[Ended] != 4 {
		t.Errorf("at the end %+v", s)
	}
	if _, err := admit("2001:db8:0:2::1"); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

// Nodes take 128 new connections a minute from an address, so that many in any minute
// would be too much.
func TestOpensPerNode(t *testing.T) {
	g := gate(t, func(s *Settings) { s.MaxPerClient, s.OpensPerClient = 1e6, 1e6 })
	var done []time.Time
	for now := start; now.Before(start.Add(5 * time.Minute)); now = now.Add(100 * time.Millisecond) {
		p, err := g.Admit(client, now)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Reach(at, now); err == nil {
			done = append(done, now)
		} else if codeOf(err) != TooMany {
			t.Fatal(err)
		}
		p.Leave(Ended)
	}
	most := 0
	for i, from := range done {
		n := 0
		for _, d := range done[i:] {
			if d.Sub(from) < time.Minute {
				n++
			}
		}
		most = max(most, n)
	}
	if most > 122 || len(done) < 5*96 {
		t.Errorf("%d in one minute, %d in five", most, len(done))
	}
}

func TestOpensPerClient(t *testing.T) {
	g := gate(t, func(s *Settings) { s.OpensPerClient = 1 })
	open := func(after time.Duration) error {
		p, err := g.Admit(client, start.Add(after))
		if err == nil {
			p.Leave(Ended)
		}
		return err
	}
	for _, tt := range []struct {
		after time.Duration
		want  Code
	}{{0, 0}, {time.Second, TooMany}, {44 * time.Second, TooMany}, {46 * time.Second, 0}, {47 * time.Second, TooMany}} {
		if err := open(tt.after); codeOf(err) != tt.want {
			t.Errorf("after %v: %v, want %d", tt.after, err, tt.want)
		}
	}
}

func TestRates(t *testing.T) {
	g := gate(t, func(s *Settings) {
		s.MessagesPerClient, s.BytesPerClient, s.BytesTotal = 10, 100_000, 150_000
	})
	a, _ := g.Admit(client, start)
	b, _ := g.Admit(client, start)
	other, _ := g.Admit(netip.MustParseAddr("198.51.100.8"), start)
	for i := range 40 { // four seconds of messages
		p := a
		if i%2 == 0 {
			p = b
		}
		if wait := p.Up(10, start); wait != 0 {
			t.Fatalf("message %d waits %v", i, wait)
		}
	}
	if wait := a.Up(10, start); wait != 100*time.Millisecond {
		t.Errorf("one message too much waits %v", wait)
	}
	if wait := other.Up(10, start); wait != 0 {
		t.Errorf("another client waits %v", wait)
	}
	if wait := a.Down(10, start); wait != 0 {
		t.Errorf("the other direction waits %v", wait)
	}
	later := start.Add(time.Minute)
	for range 8 {
		if wait := a.Down(50_000, later); wait != 0 {
			t.Fatalf("bytes within the rate wait %v", wait)
		}
	}
	if wait := a.Down(50_000, later); wait != 500*time.Millisecond {
		t.Errorf("bytes above it wait %v", wait)
	}
	if wait := other.Down(200_000, later); wait < 300*time.Millisecond || wait > 400*time.Millisecond {
		t.Errorf("bytes above the rate of all wait %v", wait)
	}
	for range 1000 {
		a.Down(65507, later)
	}
	if wait := a.Down(1, later); wait > maxDebt {
		t.Errorf("waits %v, more than %v", wait, maxDebt)
	}
	if s := g.Stats(); s.MessagesUp != 42 || s.BytesUp != 420 || s.MessagesDown != 1012 {
		t.Errorf("%+v", s)
	}
}

// What is remembered about clients who come and go does not grow without end, and
// nobody gets a new rate by coming again.
func TestMemoryOfClients(t *testing.T) {
	g := gate(t, func(s *Settings) { s.OpensPerClient = 1 })
	now := start
	for i := range maxKnown {
		p, err := g.Admit(netip.AddrFrom4([4]byte{1, byte(i >> 16), byte(i >> 8), byte(i)}), now)
		if err != nil {
			t.Fatal(err)
		}
		p.Leave(Ended)
	}
	if _, err := g.Admit(netip.AddrFrom4([4]byte{2, 0, 0, 0}), now); codeOf(err) != Busy {
		t.Errorf("while all count: %v", err)
	}
	if _, err := g.Admit(netip.AddrFrom4([4]byte{1, 0, 0, 0}), now); codeOf(err) != TooMany {
		t.Errorf("one who is known: %v", err)
	}
	now = now.Add(2 * time.Minute)
	if _, err := g.Admit(netip.AddrFrom4([4]byte{2, 0, 0, 0}), now); err != nil || len(g.clients) != 1 {
		t.Errorf("later: %v, %d known", err, len(g.clients))
	}
}

func TestOrigins(t *testing.T) {
	for _, tt := range []struct {
		allowed, given string
		want           bool
	}{
		{"https://app.example", "https://app.example", true},
		{"https://App.example", "https://app.Example", true},
		{"https://app.example", "http://app.example", false},
		{"https://app.example", "https://app.example:8443", false},
		{"https://app.example", "https://xapp.example", false},
		{"https://app.example", "", false},
		{"https://app.example", "null", false},
		{"https://*.example", "https://a.b.example", true},
		{"https://*.example", "https://example", false},
		{"https://*.example", "https://.example", false},
		{"https://*.example", "https://evil/.example", false},
		{"https://*.example", "https://a.example:1", false},
		{"https://*.example:1", "https://a.example:1", true},
		{"*", "", true}, {"*", "null", true}, {"*", "https://any.example", true},
	} {
		g := gate(t, func(s *Settings) { s.Origins = []string{tt.allowed} })
		if err := g.Origin(tt.given); (err == nil) != tt.want || err != nil && codeOf(err) != NotAllowed {
			t.Errorf("%s, given %q: %v", tt.allowed, tt.given, err)
		}
	}
	if err := gate(t, nil).Origin("https://app.example"); err == nil {
		t.Error("a page may connect though none is allowed")
	}
}

func TestCheckMessage(t *testing.T) {
	for _, tt := range []struct {
		binary bool
		length int
		want   Code
	}{{true, 1, 0}, {true, MaxMessage, 0}, {true, MaxMessage + 1, TooLarge}, {true, 0, Breach}, {false, 1, Unsupported}, {false, 0, Unsupported}} {
		if err := CheckMessage(tt.binary, tt.length); codeOf(err) != tt.want {
			t.Errorf("%+v: %v", tt, err)
		}
	}
	for code, status := range map[Code]int{Busy: 503, BadURL: 400, NotAllowed: 403, NoName: 404, TooMany: 429, NodeBroken: 502, NodeSilent: 504, Fault: 500} {
		if code.Status() != status {
			t.Errorf("status of %d is %d", code, code.Status())
		}
	}
	g := gate(t, nil)
	if _, err := g.Parse("/ws/8.8.8.8/5150/ws"); err != nil {
		t.Error(err)
	}
	if _, err := g.Parse("/api"); codeOf(err) != BadURL {
		t.Errorf("/api: %v", err)
	}
}

func TestSettings(t *testing.T) {
	s, err := ParseOver([]byte(`{"origins": ["https://a.example"], "nodes": [], "max_connections": 7, "idle_timeout": "2m"}`), Default())
	if err != nil || len(s.Nodes) != 0 || s.MaxConnections != 7 || s.IdleTimeout != 2*time.Minute || s.MaxPerNode != 24 || s.Origins[0] != "https://a.example" {
		t.Errorf("%+v, %v", s, err)
	}
	for text, key := range map[string]string{
		``: "settings", `[]`: "settings", `{} {}`: "settings", `{"x": 1}`: "x", `{"max_connections": 0}`: "max_connections", `{"max_connections": 1.5}`: "max_connections",
		`{"max_connections": null}`: "max_connections", `{"idle_timeout": 5}`: "idle_timeout", `{"idle_timeout": "5"}`: "idle_timeout", `{"idle_timeout": "1ms"}`: "idle_timeout",
		`{"origins": "x"}`: "origins", `{"origins": ["x"]}`: "origins", `{"origins": ["https://*"]}`: "origins", `{"origins": ["https://a/"]}`: "origins", `{"origins": ["https://a.*.b"]}`: "origins",
		`{"nodes": ["x y"]}`: "nodes", `{"bytes_total": 1}`: "bytes_total", fmt.Sprintf(`{"x": %q}`, make([]byte, maxSettings)): "settings",
	} {
		var e *SettingError
		if s, err := ParseOver([]byte(text), Default()); !errors.As(err, &e) || e.Key != key {
			t.Errorf("%.60s: %+v, %v, want an error about %s", text, s, err, key)
		}
	}
	zero := Settings{}
	if err := zero.Check(); err == nil {
		t.Error("settings without values are in order")
	}
	for _, e := range zero.Entries() {
		if e.Key == "" || e.Text == "" {
			t.Errorf("%+v", e)
		}
	}
}

func FuzzSettings(f *testing.F) {
	f.Add([]byte(`{"origins": ["https://a.example"], "nodes": ["public:5150"], "max_connections": 7, "idle_timeout": "2m"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := ParseOver(text, Default())
		if err != nil {
			return
		}
		if !json.Valid(text) {
			t.Fatalf("%q is no JSON", text)
		}
		if _, err := New(s); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
	})
}
