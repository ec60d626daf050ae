package bind_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/bind"
	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/sim"
	"github.com/voile-net/voile/core/transport/memory"
)

// player replays a transcript of several nodes on a network of our own, on the
// virtual clock. What differs each time (keys, routes, ids of calls) is translated.
type player struct {
	t       *testing.T
	lines   []recorded
	apis    map[int]*bind.API
	nodes   map[int]*sim.Node
	clients map[string]*playerClient
	alias   map[string]string
	calls   map[int]chan string      // answers to calls that were made early, by line
	expect  map[string]string        // lines that are answered otherwise, by name; the reason
	used    map[string]bool          // of expect
	before  map[string]func(*player) // what the recorder did and did not write down, before the line of a name
	config  any                      // of our node that is configured, when it was started
	schema  *checker
	count   int
}

type playerClient struct {
	*bind.Client
	updates *core.Subscription
	passed  []string // updates that were not asked for yet
}

// labNodes is how many nodes the transcripts were recorded from.
const labNodes = 6

func newPlayer(t *testing.T, name string, expect map[string]string) *player {
	p := &player{
		t: t, lines: transcript(t, name), apis: map[int]*bind.API{}, nodes: map[int]*sim.Node{}, clients: map[string]*playerClient{},
		alias: map[string]string{}, calls: map[int]chan string{}, expect: expect, used: map[string]bool{}, schema: newChecker(t),
	}
	network := sim.New(7)
	t.Cleanup(func() { network.Memory.Close() })
	seed := ""
	for i := 1; i <= labNodes; i++ {
		cfg := network.Config(i, seed)
		labIdentity(i, &cfg)
		node, err := network.Start(t.Context(), i, cfg, memory.HostConfig{Link: memory.Link{Latency: time.Millisecond}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { node.Close() })
		if i == 1 {
			seed = node.ID().String()
		}
		if err := node.Attach(); err != nil {
			t.Fatal(err)
		}
		p.nodes[i], p.apis[i] = node, bind.New(node.Node, bind.Options{})
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for i, node := range p.nodes {
		if err := node.WaitReady(ctx); err != nil {
			t.Fatalf("node %d: %v", i, err)
		}
	}
	return p
}

// labIdentity gives a node the identity of the one that was recorded.
func labIdentity(i int, cfg *config.Config) {
	seed := sha256.Sum256([]byte(fmt.Sprint("lab-node-", i)))
	public := ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey)
	secret := crypto.NewSecretKey(crypto.KindVLD0, seed)
	key := crypto.PublicKey{Kind: crypto.KindVLD0, Value: [32]byte(public)}
	cfg.Network.RoutingTable.PublicKeys = []string{key.String()}
	cfg.Network.RoutingTable.SecretKeys = []config.Secret{config.Secret(secret.Text())}
}

// client is that of a connection, which listens to updates from then on.
func (p *player) client(node int, conn string) *playerClient {
	if node == 0 {
		node = 1
	}
	label := fmt.Sprint(node, conn)
	c := p.clients[label]
	if c == nil || conn == "" {
		c = &playerClient{Client: p.apis[node].NewClient(), updates: p.nodes[node].Subscribe(0)}
		p.t.Cleanup(c.Close)
		p.t.Cleanup(c.updates.Close)
		p.clients[label] = c
	}
	return c
}

var longText = regexp.MustCompile(`[A-Za-z0-9_-]{43,}|"[0-9]{15,20}"`)

// translate writes our keys in the place of the recorded ones.
func (p *player) translate(line string) string {
	return longText.ReplaceAllStringFunc(line, func(text string) string {
		if ours, ok := p.alias[text]; ok {
			return ours
		}
		return text
	})
}

// learn pairs what differs each time in two answers of the same shape. Values that
// were known before are not learned again.
func (p *player) learn(theirs, ours any) {
	switch theirs := theirs.(type) {
	case map[string]any:
		if o, ok := ours.(map[string]any); ok {
			for k := range theirs {
				if k == "call_id" {
					p.alias[fmt.Sprintf("%q", theirs[k])] = fmt.Sprintf("%q", o[k])
					continue
				}
				p.learn(theirs[k], o[k])
			}
		}
	case []any:
		if o, ok := ours.([]any); ok && len(o) == len(theirs) {
			for i := range theirs {
				p.learn(theirs[i], o[i])
			}
		}
	case string:
		o, ok := ours.(string)
		a, b := longText.FindAllString(theirs, -1), longText.FindAllString(o, -1)
		if ok && len(a) == len(b) {
			for i := range a {
				if _, known := p.alias[a[i]]; !known && a[i] != b[i] {
					p.alias[a[i]] = b[i]
				}
			}
		}
	}
}

// play replays all lines.
func (p *player) play() {
	for i := range p.lines {
		r := &p.lines[i]
		if do := p.before[r.Name]; do != nil {
			do(p)
			delete(p.before, r.Name)
		}
		switch {
		case p.expect[r.Name] == skipped:
			p.used[r.Name] = true
		case r.Request != "":
			p.request(i, r)
		case r.Response == nil:
			p.update(i, r)
		}
	}
	for name := range p.expect {
		if !p.used[name] {
			p.t.Errorf("no line %q is answered otherwise any more", name)
		}
	}
	p.t.Logf("%d lines compared", p.count)
}

// skipped is the reason of lines that make no sense with our values.
const skipped = "made of recorded values"

var (
	expiration = regexp.MustCompile(`"expiration":"\d{16}"`)
	ahead      = regexp.MustCompile(`expir\w+ (?:in )?(\d+) s`)
)

func (p *player) request(i int, r *recorded) {
	request := p.translate(r.Request)
	if m := ahead.FindStringSubmatch(r.Name); m != nil { // it was said absolutely
		seconds, _ := strconv.Atoi(m[1])
		at := strconv.FormatInt(time.Now().Add(time.Duration(seconds)*time.Second).UnixMicro(), 10)
		request = expiration.ReplaceAllString(request, `"expiration":"`+at+`"`)
		p.alias[expiration.FindString(r.Request)[len(`"expiration":`):]] = `"` + at + `"`
	}
	if strings.Contains(request, `"op":"ChangeConfig"`) {
		request = p.ownConfig(i, r)
	}
	time.Sleep(50 * time.Millisecond) // as the recorder, we are not infinitely fast
	var got string
	if early := p.calls[i]; early != nil {
		got = <-early
	} else {
		var closed bool
		got, closed = p.ask(p.client(r.Node, r.Conn), request)
		if closed != r.Closed {
			p.t.Errorf("%d %s: %.300s\nclosed: %v", i, r.Name, request, closed)
			return
		}
		if closed {
			return
		}
	}
	p.schema.check(p.t, got)
	p.compare(i, r, request, got, *r.Response)
}

// ownConfig is a ChangeConfig for our node: where the recorded configuration is that
// of the recorded node, which the first such request has, it is our node's.
func (p *player) ownConfig(i int, r *recorded) string {
	first := slices.IndexFunc(p.lines, func(r recorded) bool { return strings.Contains(r.Request, `"op":"ChangeConfig"`) })
	base := decode(p.t, p.lines[first].Request).(map[string]any)["config"]
	if p.config == nil {
		text, err := json.Marshal(p.nodes[r.Node].Node.Config())
		if err != nil {
			p.t.Fatal(err)
		}
		p.config = decode(p.t, string(text))
	}
	request := decode(p.t, r.Request).(map[string]any)
	request["config"] = rebased(request["config"], base, p.config)
	text, err := json.Marshal(request)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

// rebased is own, changed where v is not base.
func rebased(v, base, own any) any {
	m, ok := v.(map[string]any)
	b, both := base.(map[string]any)
	o, all := own.(map[string]any)
	switch {
	case equal(v, base):
		return own
	case !ok || !both || !all:
		return v
	}
	changed := map[string]any{}
	for k := range m {
		changed[k] = rebased(m[k], b[k], o[k])
	}
	return changed
}

var keyField = regexp.MustCompile(`"key":("[^"]+")`)

// quietly asks something about the record of the transcript and forgets the answer.
func (p *player) quietly(node int, conn, format string, args ...any) {
	for i := range p.lines {
		if key := keyField.FindStringSubmatch(p.lines[i].Request); key != nil {
			fields := fmt.Sprintf(format, append([]any{p.translate(key[1])}, args...)...)
			request := `{"id":1,"op":"RoutingContext","rc_id":1,` + fields + `}`
			if got, closed := p.ask(p.client(node, conn), request); closed || strings.Contains(got, `"error"`) {
				p.t.Errorf("%s: %s", request, got)
			}
			return
		}
	}
}

func (p *player) ask(c *playerClient, request string) (response string, closed bool) {
	return ask(p.t.Context(), c.Client, request)
}

// compare wants what was recorded.
func (p *player) compare(i int, r *recorded, request, got, want string) {
	p.count++
	theirs, ours := decode(p.t, want), decode(p.t, got)
	p.learn(theirs, ours)
	diff := differ("", ours, decode(p.t, p.translate(want)))
	switch {
	case diff == "":
	case p.otherwise(i, r, diff):
	default:
		p.t.Errorf("%d %s: %.300s\ngot  %.400s\nwant %.400s\n%s", i, r.Name, request, got, want, diff)
	}
}

// otherwise reports whether a line may be answered otherwise; it is named, with its
// number if the name is not enough.
func (p *player) otherwise(i int, r *recorded, what string) bool {
	for _, name := range []string{r.Name, fmt.Sprint(i, " ", r.Name)} {
		if reason, ok := p.expect[name]; ok {
			p.used[name] = true
			p.t.Logf("%s: %.200s (%s)", r.Name, what, reason)
			return true
		}
	}
	return false
}

var within = regexp.MustCompile(`within (\d+) s`)

// update waits for one, or that none comes.
func (p *player) update(i int, r *recorded) {
	c := p.client(r.Node, r.Conn)
	kind, wait := "ValueChange", time.Minute
	if r.Update == nil {
		if strings.Contains(r.Note, "RouteChange") {
			kind = "RouteChange"
		}
		wait = 4 * time.Second
		if m := within.FindStringSubmatch(r.Note); m != nil {
			seconds, _ := strconv.Atoi(m[1])
			wait = time.Duration(seconds) * time.Second
		}
	} else {
		kind = decode(p.t, *r.Update).(map[string]any)["kind"].(string)
	}
	if kind == "AppCall" {
		p.callEarly(i)
	}
	got := p.next(c, kind, wait, r.Update)
	switch {
	case got == "" && r.Update == nil:
		p.count++
	case got == "" || r.Update == nil:
		if p.otherwise(i, r, got) {
			return
		}
		want := "nothing"
		if r.Update != nil {
			want = *r.Update
		}
		p.t.Errorf("%d %s: got %.300q, want %.300s", i, r.Name, got, want)
	default:
		p.schema.check(p.t, got)
		p.compare(i, r, "", got, *r.Update)
	}
}

// next is the next update of a kind; of those that come all the time, one that
// fits. "": none came.
func (p *player) next(c *playerClient, kind string, wait time.Duration, want *string) string {
	ctx, cancel := context.WithTimeout(p.t.Context(), wait)
	defer cancel()
	early := c.passed
	c.passed = nil
	for {
		var line string
		if len(early) > 0 {
			line, early = early[0], early[1:]
		} else {
			u, err := c.updates.Next(ctx)
			if err != nil {
				return ""
			}
			line = string(bind.AppendUpdate(nil, u))
		}
		if !strings.HasPrefix(line, `{"type":"Update","kind":"`+kind+`"`) {
			continue
		}
		if kind == "Attachment" || kind == "Network" {
			if want == nil {
				continue
			}
			a, b := decode(p.t, line).(map[string]any), decode(p.t, *want).(map[string]any)
			if a["public_internet_ready"] != b["public_internet_ready"] || a["started"] != b["started"] {
				c.passed = append(c.passed, line)
				continue
			}
		}
		c.passed = append(c.passed, early...)
		return line
	}
}

// callEarly makes the next call of the transcript, which stands behind what it
// causes.
func (p *player) callEarly(i int) {
	for j := i + 1; j < len(p.lines); j++ {
		r := &p.lines[j]
		if !strings.Contains(r.Request, `"rc_op":"AppCall"`) {
			continue
		}
		if p.calls[j] == nil {
			c, request := p.client(r.Node, r.Conn), p.translate(r.Request)
			answer := make(chan string, 1)
			p.calls[j] = answer
			go func() {
				got, _ := p.ask(c, request)
				answer <- got
			}()
		}
		return
	}
}

// free are fields whose values differ between nodes or each time, or whose wording
// is no part of the API.
var free = []string{
	"message", "uptime", "attached_uptime", "reliable_peer_count", "live_peer_count", "estimated_network_size",
	"median_latency", "over_attached_nodes", "config", "peers", "bps_down", "bps_up", "node_ids",
}

// differ says where two answers differ.
func differ(path string, got, want any) string {
	field := path[strings.LastIndexByte(path, '.')+1:]
	switch want := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s: %v, want an object", path, got)
		}
		if a, b := slices.Sorted(maps.Keys(g)), slices.Sorted(maps.Keys(want)); !slices.Equal(a, b) {
			return fmt.Sprintf("%s: fields %v, want %v", path, a, b)
		}
		if slices.Contains(free, field) {
			return ""
		}
		for _, k := range slices.Sorted(maps.Keys(want)) {
			if k == "value" && want["op"] == "Debug" || k == "state" && (strings.HasPrefix(fmt.Sprint(want[k]), "Attached") && strings.HasPrefix(fmt.Sprint(g[k]), "Attached")) {
				continue
			}
			if k == "message" && want["kind"] == "AppMessage" && !equal(g[k], want[k]) {
				return path + ".message differs"
			}
			if diff := differ(path+"."+k, g[k], want[k]); diff != "" {
				return diff
			}
		}
		return ""
	case []any:
		g, ok := got.([]any)
		if slices.Contains(free, field) {
			return ""
		}
		if !ok || len(g) != len(want) {
			return fmt.Sprintf("%s: %v, want %v", path, got, want)
		}
		for i := range want {
			if diff := differ(fmt.Sprintf("%s[%d]", path, i), g[i], want[i]); diff != "" {
				return diff
			}
		}
		return ""
	}
	if !slices.Contains(free, field) && !equal(got, want) {
		return fmt.Sprintf("%s: %.100v, want %.100v", path, got, want)
	}
	return ""
}

func equal(a, b any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

func TestTranscriptsOnANetwork(t *testing.T) {
	for _, tt := range []struct {
		name   string
		expect map[string]string
		before map[string]func(*player)
	}{
		{"dht-net", map[string]string{
			"get with the wrong encryption key": "the garbage is another",
		}, nil},
		{"transactions", map[string]string{
			"direct inspect Local":   "all subkeys are offline, which is what was meant",
			"direct inspect SyncGet": "the same",
		}, map[string]func(*player){
			"begin after its disconnect": func(p *player) { p.clients["1c5"].Close() },
		}},
		{"watch", map[string]string{
			"several subkeys in one second of the storing node, both reported before and not read since: nothing": "every change is reported",
			"several subkeys, read since: one update without value":                                               "one change more was reported, so the count is one less",
			"only the one not reported before":                                                                    "the same",
			"a single change: with its value":                                                                     "the same",
			"change of 4":                                                                                         "the same",
			"wanted, but the storing nodes do not know: do not copy":                                              "the storing nodes are told",
			"after it": "so nothing of that was missed",
		}, map[string]func(*player){
			"flush": func(p *player) {
				for i := range 10 {
					data := base64.RawURLEncoding.EncodeToString([]byte(fmt.Sprint("v", i)))
					p.quietly(1, "c1", `"rc_op":"SetDhtValue","key":%s,"subkey":%d,"data":%q`, i, data)
				}
			},
			"cancel without a watch": func(p *player) {
				for i := range 10 {
					p.quietly(3, "c2", `"rc_op":"GetDhtValue","key":%s,"subkey":%d,"force_refresh":true`, i)
				}
			},
		}},
		{"routing", map[string]string{
			"import, one byte more":                skipped,
			"reply of 32769 bytes":                 "an error, and the call can still be answered",
			"reply after the too large one":        "the same",
			"app call, answered on the second try": "the same",
			"app message to it":                    "after a call in vain we know that the route is gone",
			"route change at the importer":         "and say so",
		}, nil},
		{"attach", map[string]string{
			"detach again at once": "our node is detached by then",
			"attach again at once": "our node is attached by then",
			"78 attachment update": "our node is ready at the same moment",
		}, nil},
		{"dht-local", map[string]string{
			"get with another key: garbage, no error":  "the garbage is another",
			"get with the right key now gives garbage": "the same",
			"193 get": "the same",
		}, nil},
		{"debug-errors", nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlayer(t, tt.name, tt.expect)
				p.before = tt.before
				p.play()
			})
		})
	}
}
