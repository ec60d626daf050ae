package bootstrap

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ NetLookup = (*net.Resolver)(nil)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// zone is a name server in memory. A name with a delay answers after it, or
// when the context ends.
type zone struct {
	txt   map[string][]string
	hosts map[string][]netip.Addr
	delay map[string]time.Duration

	mu    sync.Mutex
	asked map[string]int
}

func (z *zone) wait(ctx context.Context, name string) error {
	z.mu.Lock()
	if z.asked == nil {
		z.asked = map[string]int{}
	}
	z.asked[name]++
	z.mu.Unlock()
	select {
	case <-time.After(z.delay[name]):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (z *zone) count(name string) int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.asked[name]
}

func (z *zone) TXT(ctx context.Context, name string) ([]string, error) {
	if err := z.wait(ctx, name); err != nil {
		return nil, err
	}
	if s, ok := z.txt[name]; ok {
		return s, nil
	}
	return nil, errors.New("no such name")
}

func (z *zone) Host(_ context.Context, host string) ([]netip.Addr, error) {
	if a, ok := z.hosts[host]; ok {
		return a, nil
	}
	return nil, errors.New("no such host")
}

// servers answer direct requests, by dial info without its request.
type servers struct {
	replies map[string]string // "TCP 192.0.2.1:5150" → reply; missing: silence

	mu    sync.Mutex
	asked []string
	sizes []int
}

func (s *servers) Request(ctx context.Context, di wire.DialInfo, msg []byte) ([]byte, error) {
	key := di.Protocol.String() + " " + di.Addr.String()
	s.mu.Lock()
	s.asked = append(s.asked, key+" "+string(msg[:4]))
	s.sizes = append(s.sizes, len(msg))
	s.mu.Unlock()
	if reply, ok := s.replies[key]; ok {
		return []byte(reply), nil
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

func (s *servers) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := slices.Clone(s.asked)
	slices.Sort(out)
	return out
}

type bootVectors struct {
	Vectors []struct {
		Name, Transport, Request, Text string
		NodeIDs                        []string `json:"nodeIds"`
	}
}

func loadVectors(t testing.TB) bootVectors {
	t.Helper()
	raw, err := os.ReadFile("testdata/boot.json")
	if err != nil {
		t.Fatal(err)
	}
	var v bootVectors
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Vectors) != 6 {
		t.Fatalf("%d vectors, want 6", len(v.Vectors))
	}
	return v
}

func answerOf(t testing.TB, name string) string {
	t.Helper()
	for _, v := range loadVectors(t).Vectors {
		if v.Name == name {
			return v.Text
		}
	}
	t.Fatalf("no vector %q", name)
	return ""
}

func configOf(t testing.TB, z *zone, s *servers) Config {
	return Config{
		Crypto: newCrypto(t), Clock: crypto.NewClock(), Cache: NewCache(z), Requester: s,
		Protocols: wire.AllProtocols, Addresses: wire.AllAddresses,
	}
}

func ids(peers []*wire.PeerInfo) []string {
	var out []string
	for _, p := range peers {
		out = append(out, p.NodeIDs[0].String())
	}
	slices.Sort(out)
	return out
}

func dials(p *wire.PeerInfo) []string {
	var out []string
	for _, d := range p.Info.DialInfo {
		out = append(out, d.DialInfo.URL()+" "+d.DialInfo.Addr.String())
	}
	return out
}

// The answers of real nodes decode, verify, and come out again byte for byte.
func TestAnswerVectors(t *testing.T) {
	c := newCrypto(t)
	for _, v := range loadVectors(t).Vectors {
		t.Run(v.Name, func(t *testing.T) {
			var peers []*wire.PeerInfo
			var again []byte
			if v.Request == RequestV0 {
				var err error
				if peers, err = ParseV0(c, []byte(v.Text)); err != nil {
					t.Fatal(err)
				}
				again = AppendV0(nil, peers)
			} else {
				a, err := ParseV1(c, []byte(v.Text))
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(a.Records, []string{recordV0}) {
					t.Errorf("records %q", a.Records)
				}
				peers = a.Peers
				if again, err = AppendV1(nil, a); err != nil {
					t.Fatal(err)
				}
			}
			if v.NodeIDs != nil {
				want := slices.Clone(v.NodeIDs)
				slices.Sort(want)
				if got := ids(peers); !slices.Equal(got, want) {
					t.Errorf("nodes %v, want %v", got, want)
				}
			}
			if string(again) != v.Text {
				t.Errorf("encoded again\n%s, want\n%s", again, v.Text)
			}
		})
	}
}

func TestParseAnswerFaults(t *testing.T) {
	c := newCrypto(t)
	v0, v1 := answerOf(t, "BOOT answer over tcp"), answerOf(t, "B01T answer over tcp")
	for _, v := range []struct {
		name, text string
		parse      func(string) (int, error)
		peers      int // -1: ErrAnswer
	}{
		{"v0 empty list", "[]", parseV0(c), 0},
		{"v0 object", "{}", parseV0(c), -1},
		{"v0 nothing", "", parseV0(c), -1},
		{"v0 not UTF-8", "[\"\xff\"]", parseV0(c), -1},
		{"v0 too large", "[" + strings.Repeat(" ", MaxAnswer) + "]", parseV0(c), -1},
		{"v0 one signature broken", breakSignature(t, v0), parseV0(c), 1},
		{"v1 no records", `{"peers":[]}`, parseV1(c), -1},
		{"v1 no peers", `{"records":[]}`, parseV1(c), -1},
		{"v1 null records", `{"records":null,"peers":[]}`, parseV1(c), -1},
		{"v1 unknown member", `{"new":1,"records":[],"peers":[]}`, parseV1(c), 0},
		{"v1 signature broken", breakSignature(t, v1), parseV1(c), 0},
	} {
		t.Run(v.name, func(t *testing.T) {
			n, err := v.parse(v.text)
			if v.peers < 0 {
				if !errors.Is(err, ErrAnswer) {
					t.Errorf("%d peers, %v, want ErrAnswer", n, err)
				}
				return
			}
			if err != nil || n != v.peers {
				t.Errorf("%d peers, %v, want %d", n, err, v.peers)
			}
		})
	}
}

func TestCutAnswers(t *testing.T) {
	c := newCrypto(t)
	for name, parse := range map[string]func(string) (int, error){
		"BOOT answer over tcp": parseV0(c), "B01T answer over tcp": parseV1(c),
	} {
		text := answerOf(t, name)
		for i := 0; i < len(text); i += 1 + i%7 {
			if n, err := parse(text[:i]); !errors.Is(err, ErrAnswer) {
				t.Errorf("%s: the first %d bytes give %d peers, %v", name, i, n, err)
			}
		}
		if _, err := parse(text + "x"); !errors.Is(err, ErrAnswer) {
			t.Errorf("%s: one byte more: %v", name, err)
		}
	}
}

func parseV0(c *crypto.Crypto) func(string) (int, error) {
	return func(text string) (int, error) {
		peers, err := ParseV0(c, []byte(text))
		return len(peers), err
	}
}

func parseV1(c *crypto.Crypto) func(string) (int, error) {
	return func(text string) (int, error) {
		a, err := ParseV1(c, []byte(text))
		return len(a.Peers), err
	}
}

// breakSignature changes the first character of the first signature.
func breakSignature(t testing.TB, text string) string {
	t.Helper()
	const mark = `"signatures":["VLD0:`
	i := strings.Index(text, mark)
	if i < 0 {
		t.Fatal("no signature in the answer")
	}
	b := []byte(text)
	if i += len(mark); b[i] == 'A' {
		b[i] = 'B'
	} else {
		b[i] = 'A'
	}
	return string(b)
}

func TestGather(t *testing.T) {
	c := newCrypto(t)
	signer, node := pairOf(t, c, 0), pairOf(t, c, 0x20)
	keys := []crypto.PublicKey{signer.Public}
	nodeID := crypto.NodeIDOf(node.Public).String()
	sign := func(host string, dials ...ShortDial) string {
		r := Record{EnvelopeVersions: []wire.EnvelopeVersion{wire.ENV0}, PublicKeys: []crypto.PublicKey{node.Public}, Hostname: host, Dials: dials, Timestamp: 1}
		text, err := r.Sign(c, signer)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	good := sign("b.example", ShortDial{wire.TCP, 5150, ""}, ShortDial{wire.WS, 5150, "ws"})
	unsigned := "0|0|" + node.Public.String() + "|b.example|U5150"
	lab := "VLD0:Yfwkg5XoqsYReVxLY9AWRtRt91B6vMjkz0D-byQA6XY"
	hosts := map[string][]netip.Addr{
		"b.example": {addr("2001:db8::7"), addr("192.0.2.7")},
		"n1.lab":    {addr("192.0.2.1")},
		"root":      {addr("192.0.2.9")},
	}
	boot, b01t := answerOf(t, "BOOT answer over tcp"), answerOf(t, "B01T answer over tcp")
	var bootIDs []string
	for _, v := range loadVectors(t).Vectors {
		if v.Name == "BOOT answer over tcp" {
			bootIDs = slices.Clone(v.NodeIDs)
			slices.Sort(bootIDs)
		}
	}
	for _, v := range []struct {
		name      string
		bootstrap []string
		records   []string
		keys      []crypto.PublicKey
		txt       map[string][]string
		delay     map[string]time.Duration
		replies   map[string]string
		own       []crypto.NodeID
		ownDial   string
		peers     []string // ids
		dials     []string // of the first peer; nil: not looked at
		kept      []string
		self      bool
		faults    []error // one for each element of Errors, in any order; nil element: any
		asked     []string
		took      time.Duration
	}{
		{
			name: "signed TXT", bootstrap: []string{"root"}, keys: keys,
			txt:   map[string][]string{"root": {good, unsigned}},
			peers: []string{nodeID}, kept: []string{unsigned, good},
			dials: []string{
				"tcp://[2001:db8::7]:5150 [2001:db8::7]:5150", "tcp://192.0.2.7:5150 192.0.2.7:5150",
				"ws://b.example:5150/ws [2001:db8::7]:5150", "ws://b.example:5150/ws 192.0.2.7:5150",
			},
		},
		{
			name: "unsigned TXT without keys", bootstrap: []string{"root"},
			txt:   map[string][]string{"root": {"one, two.example."}, "one.root": {unsigned}, "two.example.": {recordV0, unsigned}},
			peers: []string{nodeID, lab}, kept: []string{unsigned, recordV0},
		},
		{
			name: "one bad record fails the set, the host is asked", bootstrap: []string{"root"}, keys: keys,
			txt:     map[string][]string{"root": {good, strings.Replace(good, "b.example", "c.example", 1)}},
			replies: map[string]string{"TCP 192.0.2.9:5150": b01t, "UDP 192.0.2.9:5150": b01t},
			faults:  []error{ErrSignature, ErrNoRecord, ErrNoRecord},
			asked:   []string{"TCP 192.0.2.9:5150 B01T", "UDP 192.0.2.9:5150 B01T"},
			kept:    []string{recordV0, good, strings.Replace(good, "b.example", "c.example", 1)},
		},
		{
			name: "a string without version fails the set", bootstrap: []string{"root"}, keys: keys,
			txt:    map[string][]string{"root": {good, "v=spf1 -all"}},
			faults: []error{ErrRecord, context.DeadlineExceeded, context.DeadlineExceeded},
			kept:   []string{good}, took: 10 * time.Second,
			asked: []string{"TCP 192.0.2.9:5150 B01T", "UDP 192.0.2.9:5150 B01T"},
		},
		{
			name: "slow TXT, the host is asked after 10 s", bootstrap: []string{"root"},
			txt:     map[string][]string{"root": {good}},
			delay:   map[string]time.Duration{"root": time.Minute},
			replies: map[string]string{"TCP 192.0.2.9:5150": boot, "UDP 192.0.2.9:5150": "[]"},
			peers:   bootIDs, faults: []error{context.DeadlineExceeded},
			asked: []string{"TCP 192.0.2.9:5150 BOOT", "UDP 192.0.2.9:5150 BOOT"}, took: 10 * time.Second,
		},
		{
			name: "version 0 is not enough with keys", bootstrap: []string{"root"}, keys: keys,
			txt:    map[string][]string{"root": {"one"}, "one.root": {unsigned}},
			faults: []error{ErrNoRecord, context.DeadlineExceeded, context.DeadlineExceeded},
			asked:  []string{"TCP 192.0.2.9:5150 B01T", "UDP 192.0.2.9:5150 B01T"}, took: 10 * time.Second,
		},
		{
			name: "direct, version 0", bootstrap: []string{"tcp://192.0.2.1:5150", "ws://n1.lab:5150/ws"},
			replies: map[string]string{"TCP 192.0.2.1:5150": boot, "WS 192.0.2.1:5150": boot},
			peers:   bootIDs, asked: []string{"TCP 192.0.2.1:5150 BOOT", "WS 192.0.2.1:5150 BOOT"},
		},
		{
			name: "direct, version 1, signed peer and record", bootstrap: []string{"udp://n1.lab:5150"}, keys: keys,
			replies: map[string]string{"UDP 192.0.2.1:5150": `{"records":["` + good + `","0|x"],"peers":[]}`},
			peers:   []string{nodeID}, kept: []string{"0|x", good}, asked: []string{"UDP 192.0.2.1:5150 B01T"},
		},
		{
			name: "direct, not JSON", bootstrap: []string{"udp://n1.lab:5150"},
			replies: map[string]string{"UDP 192.0.2.1:5150": "hello"}, faults: []error{ErrAnswer},
			asked: []string{"UDP 192.0.2.1:5150 BOOT"},
		},
		{
			name: "direct, silence", bootstrap: []string{"udp://n1.lab:5150"}, faults: []error{context.DeadlineExceeded},
			asked: []string{"UDP 192.0.2.1:5150 BOOT"}, took: 5 * time.Second,
		},
		{
			name: "direct, own address", bootstrap: []string{"tcp://192.0.2.1:5150", "tcp://127.0.0.1:5150"},
			ownDial: "tcp://192.0.2.1:5150", faults: []error{ErrOwnAddress, ErrOwnAddress},
		},
		{
			name: "direct, host does not resolve", bootstrap: []string{"tcp://nowhere:5150"}, faults: []error{nil},
		},
		{
			name: "records: each bad one by itself, highest version", records: []string{"x", unsigned, good, recordV0},
			peers: []string{nodeID}, faults: []error{ErrRecord},
			dials: []string{
				"tcp://[2001:db8::7]:5150 [2001:db8::7]:5150", "tcp://192.0.2.7:5150 192.0.2.7:5150",
				"ws://b.example:5150/ws [2001:db8::7]:5150", "ws://b.example:5150/ws 192.0.2.7:5150",
			},
		},
		{
			name: "records: version 0 alone", records: []string{unsigned, recordV0}, peers: []string{nodeID, lab},
		},
		{
			name: "records: unsigned with keys", records: []string{unsigned}, keys: keys, faults: []error{ErrRecord},
		},
		{
			name: "records: IP literals", records: []string{"0|0|" + node.Public.String() + "|[2001:db8::5]|U1"},
			peers: []string{nodeID}, dials: []string{"udp://[2001:db8::5]:1 [2001:db8::5]:1"},
		},
		{
			name: "records: ourselves", records: []string{unsigned}, own: []crypto.NodeID{crypto.NodeIDOf(node.Public)}, self: true,
		},
		{
			name: "records: ourselves, at a host that does not resolve", records: []string{strings.Replace(unsigned, "b.example", "nowhere", 1)},
			own: []crypto.NodeID{crypto.NodeIDOf(node.Public)}, self: true,
		},
		{
			name: "records: host does not resolve", records: []string{strings.Replace(unsigned, "b.example", "nowhere", 1)}, faults: []error{ErrNoRecord},
		},
		{
			name: "two sources of one node", bootstrap: []string{"root"}, records: []string{unsigned},
			txt:   map[string][]string{"root": {good}},
			peers: []string{nodeID}, kept: []string{good},
			dials: []string{
				"udp://[2001:db8::7]:5150 [2001:db8::7]:5150", "udp://192.0.2.7:5150 192.0.2.7:5150",
				"tcp://[2001:db8::7]:5150 [2001:db8::7]:5150", "tcp://192.0.2.7:5150 192.0.2.7:5150",
				"ws://b.example:5150/ws [2001:db8::7]:5150", "ws://b.example:5150/ws 192.0.2.7:5150",
			},
		},
	} {
		t.Run(v.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := &servers{replies: v.replies}
				cfg := configOf(t, &zone{txt: v.txt, hosts: hosts, delay: v.delay}, srv)
				cfg.Bootstrap, cfg.Records, cfg.Keys, cfg.OwnIDs = v.bootstrap, v.records, v.keys, v.own
				if v.ownDial != "" {
					url, err := wire.ParseURL(v.ownDial)
					if err != nil {
						t.Fatal(err)
					}
					di, err := url.At(addr(url.Host))
					if err != nil {
						t.Fatal(err)
					}
					cfg.OwnDialInfo = []wire.DialInfo{di}
				}
				start := time.Now()
				res, err := Gather(t.Context(), cfg)
				if err != nil {
					t.Fatal(err)
				}
				if got := time.Since(start); got != v.took {
					t.Errorf("took %v, want %v", got, v.took)
				}
				want := slices.Clone(v.peers)
				slices.Sort(want)
				if got := ids(res.Peers); !slices.Equal(got, want) {
					t.Errorf("peers %v, want %v", got, want)
				}
				if v.dials != nil && len(res.Peers) > 0 && !slices.Equal(dials(res.Peers[0]), v.dials) {
					t.Errorf("dial info %q,\nwant %q", dials(res.Peers[0]), v.dials)
				}
				kept := slices.Clone(v.kept)
				slices.Sort(kept)
				if !slices.Equal(res.Records, kept) {
					t.Errorf("records %q,\nwant %q", res.Records, kept)
				}
				if res.Self != v.self {
					t.Errorf("self %v, want %v", res.Self, v.self)
				}
				checkFaults(t, res.Errors, v.faults)
				if got := srv.requests(); !slices.Equal(got, v.asked) {
					t.Errorf("asked %q, want %q", got, v.asked)
				}
			})
		})
	}
}

func checkFaults(t *testing.T, got []*SourceError, want []error) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("errors %v, want %d like %v", got, len(want), want)
		return
	}
	left := slices.Clone(got)
	for _, w := range want {
		i := slices.IndexFunc(left, func(e *SourceError) bool { return w == nil || errors.Is(e, w) })
		if i < 0 {
			t.Errorf("errors %v, none is %v", got, w)
			return
		}
		left = slices.Delete(left, i, i+1)
	}
}

// A TCP request is padded for listeners that wait for 64 bytes (spec 02 §5.2).
func TestRequestSizes(t *testing.T) {
	for protocol, want := range map[wire.ProtocolType]int{wire.UDP: 4, wire.TCP: 124, wire.WS: 4} {
		g := &gathering{policy: policy{}}
		if got := g.request(protocol); len(got) != want || string(got[:4]) != RequestV0 || bytes.Count(got[4:], []byte{0}) != want-4 {
			t.Errorf("%v: %q, want %d bytes", protocol, got, want)
		}
	}
}

func TestGatherDropsOtherDomains(t *testing.T) {
	cfg := configOf(t, &zone{hosts: map[string][]netip.Addr{"n1.lab": {addr("192.0.2.1")}}}, &servers{})
	cfg.Records = []string{recordV0}
	asked := 0
	cfg.Assign = func(*wire.NodeInfo) (wire.RoutingDomain, bool) { asked++; return wire.LocalNetwork, true }
	res, err := Gather(t.Context(), cfg)
	if err != nil || len(res.Peers) != 0 || asked != 1 {
		t.Errorf("peers %v, %v after %d questions, want none after 1", res.Peers, err, asked)
	}
}

func TestGatherEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		cfg := configOf(t, &zone{delay: map[string]time.Duration{"root": time.Hour}}, &servers{})
		cfg.Bootstrap = []string{"root", "udp://192.0.2.1:5150"}
		if _, err := Gather(ctx, cfg); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want DeadlineExceeded", err)
		}
	})
}

// A browser resolves nothing: TXT names are asked by WS at once, with the
// address left open.
func TestGatherWithoutResolver(t *testing.T) {
	srv := &servers{replies: map[string]string{"WS 0.0.0.0:5150": "[]"}}
	cfg := configOf(t, nil, srv)
	cfg.Cache = NewCache(nil)
	cfg.Protocols = wire.Protocols(wire.WS)
	cfg.Bootstrap = []string{"root", "ws://b.example:5150/ws"}
	res, err := Gather(t.Context(), cfg)
	if err != nil || len(res.Errors) != 0 {
		t.Fatalf("%v, %v", res.Errors, err)
	}
	if got, want := srv.requests(), []string{"WS 0.0.0.0:5150 BOOT", "WS 0.0.0.0:5150 BOOT"}; !slices.Equal(got, want) {
		t.Errorf("asked %q, want %q", got, want)
	}
}

func TestCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{txt: map[string][]string{"a": {"x", "\xff"}, "empty": {}}}
		c := NewCache(z)
		look := func(name string, asked int) {
			t.Helper()
			if _, err := c.TXT(t.Context(), name); err != nil {
				t.Fatal(err)
			}
			if got := z.count(name); got != asked {
				t.Errorf("%s asked %d times, want %d", name, got, asked)
			}
		}
		look("a", 1)
		look("a", 1)
		time.Sleep(cacheTime)
		look("a", 2)
		c.Forget()
		look("a", 3)
		look("empty", 1) // what is empty is not kept
		look("empty", 2)
		if got, _ := c.TXT(t.Context(), "a"); !slices.Equal(got, []string{"x"}) {
			t.Errorf("strings %q, want the UTF-8 one", got)
		}
	})
}

func TestStore(t *testing.T) {
	var s Store
	many := make([]string, 70)
	for i := range many {
		many[i] = "0|" + string(rune('!'+i))
	}
	s.Set(append(many, many...))
	got := s.Records()
	if len(got) != MaxRecords || !slices.IsSorted(got) || got[0] != "0|!" {
		t.Errorf("kept %d, sorted %v, first %q", len(got), slices.IsSorted(got), got[0])
	}
	s.Set([]string{"0|b", "0|a"})
	if got, want := s.Served([]string{" 0|c ", "junk", "0|a"}), []string{"0|a", "0|b", "0|c"}; !slices.Equal(got, want) {
		t.Errorf("served %q, want %q", got, want)
	}
	text, err := json.Marshal(&s)
	if err != nil {
		t.Fatal(err)
	}
	var again Store
	if err := json.Unmarshal(text, &again); err != nil || !slices.Equal(again.Records(), s.Records()) {
		t.Errorf("%s became %q, %v", text, again.Records(), err)
	}
	if err := json.Unmarshal([]byte(`{}`), &again); err == nil {
		t.Error("an object was taken for a list")
	}
}

func FuzzAnswers(f *testing.F) {
	c := newCrypto(f)
	for _, v := range loadVectors(f).Vectors {
		f.Add([]byte(v.Text))
	}
	f.Add([]byte(`{"records":[],"peers":[]}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		if peers, err := ParseV0(c, text); err == nil {
			for _, p := range peers {
				if VerifyPeer(c, p) != nil {
					t.Fatal("an unverified peer came through")
				}
			}
		} else if !errors.Is(err, ErrAnswer) {
			t.Fatalf("untyped error %v", err)
		}
		if a, err := ParseV1(c, text); err == nil && len(a.Records) < MaxRecords {
			out, err := AppendV1(nil, a)
			if err != nil && !errors.Is(err, ErrTooLarge) {
				t.Fatal(err)
			}
			if err == nil && !json.Valid(out) {
				t.Fatalf("wrote what is not JSON: %s", out)
			}
		}
		if !bytes.Equal(text, before) {
			t.Fatal("the input was changed")
		}
	})
}
