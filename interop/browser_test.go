//go:build interop && linux && !android

package interop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/voile-net/voile/interop/api"
	"github.com/voile-net/voile/interop/lab"
	"github.com/voile-net/voile/interop/netns"
)

// A node in a page of a real browser, on a host of its own, among real nodes: it is
// accepted, talks to the application of a real node in both directions, and shares
// records with it, whose changes both are told of. It is there again after the
// network was away.
func TestBrowser(t *testing.T) {
	for _, name := range []string{"chromium", "firefox"} {
		t.Run(name, func(t *testing.T) {
			needBrowser(t, name)
			l := newLab(t, name)
			real := addFull(t, l, lab.Real, 6, lab.Settings{})
			startReady(t, readyTime, real...)
			p := openPage(t, l, name)

			began := time.Now()
			p.do(nil, `await join(args[0])`, map[string]any{
				"programName": "page", "bootstrap": []string{fmt.Sprintf("ws://%s:5150/ws", real[0].Host().IPv4())}, "bootstrapKeys": []string{},
			})
			t.Logf("ready %s after the page asked", time.Since(began).Round(100*time.Millisecond))
			var id string
			p.do(&id, `return (await node.state()).network.nodeIds[0]`)

			friend := real[len(real)-1]
			answersCalls(t, friend.Client())
			t.Run("calls", func(t *testing.T) { pageCalls(t, p, friend) })
			t.Run("records", func(t *testing.T) { pageRecords(t, p, friend) })
			eventually(t, readyTime, func(ctx context.Context) error { // real nodes take it for one of theirs
				trusted := 0
				for _, n := range real {
					entries, err := lab.Entries(ctx, n.Client())
					if err != nil {
						return err
					}
					if entries[id] == lab.Reliable {
						trusted++
					}
				}
				if trusted == 0 {
					return fmt.Errorf("no real node has %s as %s", id, lab.Reliable)
				}
				return nil
			})
			t.Run("offline", func(t *testing.T) { pageOffline(t, p, friend) })
			nobodyIsPunished(t, real)
		})
	}
}

// answersCalls lets the application of a node answer calls with what they say, in
// capitals.
func answersCalls(t *testing.T, c *api.Client) {
	t.Cleanup(c.Answer(func(u api.Update) []byte { return bytes.ToUpper(u.Message) }))
}

// pageCalls lets the page and the application of a real node call each other.
func pageCalls(t *testing.T, p *page, friend lab.Node) {
	ctx := t.Context()
	route, err := friend.Client().NewPrivateRoute(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var answer string
	p.in(t).do(&answer, `
		globalThis.friend = await node.importPrivateRoute(voile.fromBase64(args[0]));
		globalThis.context = node.routingContext().withSequencing('EnsureOrdered');
		return text(await context.appCall(friend, bytes(args[1])));`, encode(route.Blob), "hello from a page")
	if answer != "HELLO FROM A PAGE" {
		t.Errorf("the real node answers %q", answer)
	}
	var size int
	p.do(&size, `return (await context.appCall(friend, new Uint8Array(args[0]).fill(97))).length`, maxMessage)
	if size != maxMessage {
		t.Errorf("an answer of %d bytes to a call of %d", size, maxMessage)
	}

	var blob string
	p.do(&blob, `
		(async () => { for await (const c of node.calls()) await c.reply(bytes('page: ' + text(c.message))); })();
		return voile.toBase64((await node.newPrivateRoute()).blob);`)
	imported, err := friend.Client().ImportRemotePrivateRoute(ctx, decode(t, blob))
	if err != nil {
		t.Fatal(err)
	}
	rc, err := friend.Client().NewRoutingContext(ctx)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, answerTime, func(ctx context.Context) error { // its first hop may just have gone
		said, err := rc.AppCall(ctx, api.Target{RouteID: imported}, []byte("hello from a node"))
		if err == nil && string(said) != "page: hello from a node" {
			t.Errorf("the page answers %q", said)
		}
		return err
	})
}

// pageRecords lets both write a record of the other and be told of it.
func pageRecords(t *testing.T, p *page, friend lab.Node) {
	ctx := t.Context()
	p = p.in(t)
	rc, err := friend.Client().NewRoutingContext(ctx)
	if err != nil {
		t.Fatal(err)
	}
	// A record of the page, read and watched by the real node.
	var key string
	p.do(&key, `
		globalThis.mine = await context.createDHTRecord(voile.dflt(2));
		await context.setDHTValue(mine.key, 0, bytes('first'), { allowOffline: false });
		return mine.key;`)
	if _, err := rc.OpenDHTRecord(ctx, key, ""); err != nil {
		t.Fatal(err)
	}
	value, err := rc.GetDHTValue(ctx, key, 0, true)
	if err != nil || value == nil || string(value.Data) != "first" {
		t.Fatalf("the real node reads %+v, %v", value, err)
	}
	changes := make(chan string, 16)
	t.Cleanup(friend.Client().OnUpdate(func(u api.Update) {
		if c, ok := api.ValueChangeOf(u); ok && c.Key == key && c.Value != nil {
			changes <- string(c.Value.Data)
		}
	}))
	if on, err := rc.WatchDHTValues(ctx, key); err != nil || !on {
		t.Fatalf("the real node watches: %v, %v", on, err)
	}
	p.do(nil, `await context.setDHTValue(mine.key, 0, bytes('second'), { allowOffline: false })`)
	select {
	case got := <-changes:
		if got != "second" {
			t.Errorf("the real node is told %q", got)
		}
	case <-time.After(lossTime):
		t.Error("the real node is not told of the page's change")
	}

	// A record of the real node, read and watched by the page.
	theirs, err := rc.CreateDHTRecord(ctx, api.Schema{Kind: "DFLT", OwnerCount: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rc.SetDHTValue(ctx, theirs.Key, 0, []byte("one")); err != nil {
		t.Fatal(err)
	}
	var got string
	p.do(&got, `
		await context.openDHTRecord(args[0]);
		globalThis.told = new Promise((resolve) => { (async () => {
			for await (const c of node.valueChanges({ key: args[0] })) {
				const v = c.value ?? await context.getDHTValue(args[0], 0, { forceRefresh: true });
				if (text(v.data) === 'two') resolve(text(v.data));
			}
		})(); });
		if (!await context.watchDHTValues(args[0])) throw new Error('not watched');
		return text((await context.getDHTValue(args[0], 0, { forceRefresh: true })).data);`, theirs.Key)
	if got != "one" {
		t.Errorf("the page reads %q", got)
	}
	if _, err := rc.SetDHTValue(ctx, theirs.Key, 0, []byte("two")); err != nil {
		t.Fatal(err)
	}
	p.do(&got, `return Promise.race([told, new Promise((r) => setTimeout(() => r('nothing'), args[0]))])`, lossTime.Milliseconds())
	if got != "two" {
		t.Errorf("the page is told %q", got)
	}
}

// pageOffline takes the browser's network away and gives it back.
func pageOffline(t *testing.T, p *page, friend lab.Node) {
	p = p.in(t)
	p.send(nil, map[string]any{"offline": true})
	p.do(nil, `await node.waitForAttachment({ optPublicInternetReady: false }, { timeoutMs: 60000 })`)
	p.send(nil, map[string]any{"offline": false})
	p.do(nil, `await node.waitReady({ timeoutMs: 120000 })`)
	route, err := friend.Client().NewPrivateRoute(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var answer string
	p.do(&answer, `
		const to = await node.importPrivateRoute(voile.fromBase64(args[0]));
		for (const end = Date.now() + args[1];;) { // a hop of before may not have noticed yet
			try { return text(await context.appCall(to, bytes('back'))); } catch (e) { if (e.code !== 'Timeout' || Date.now() > end) throw e; }
		}`, encode(route.Blob), answerTime.Milliseconds())
	if answer != "BACK" {
		t.Errorf("after the network came back the real node answers %q", answer)
	}
}

// needBrowser skips where the parts are missing that make web-package and the system
// bring.
func needBrowser(t *testing.T, name string) {
	t.Helper()
	program := map[string]string{"chromium": "chromium", "firefox": "firefox-esr"}[name]
	for _, p := range []string{"node", program} {
		if _, err := exec.LookPath(p); err != nil {
			if requireLab {
				t.Fatal(err)
			}
			t.Skipf("SKIP: no %s", p)
		}
	}
	if _, err := os.Stat("../web/dist/browser.js"); err != nil {
		t.Skip("SKIP: no package of web/: make web-package")
	}
}

// page is a page in a browser on a host of the laboratory.
type page struct {
	t     *testing.T
	conn  net.Conn
	lines *bufio.Scanner
	next  int
}

const pagePort = 7000

func openPage(t *testing.T, l *lab.Lab, browser string) *page {
	t.Helper()
	host, err := l.Net().AddHost(t.Context(), netns.HostSpec{})
	if err != nil {
		t.Fatal(err)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(l.Dir(), "page.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	process, err := host.Start(netns.Spec{Path: node, Args: []string{"browser/page.mjs", browser, fmt.Sprint(pagePort)}, Stdout: log, Stderr: log})
	if err != nil {
		t.Fatal(err)
	}
	p := &page{t: t}
	eventually(t, readyTime, func(ctx context.Context) error {
		select {
		case <-process.Done():
			text, _ := os.ReadFile(log.Name())
			t.Fatalf("the page has ended: %v\n%s", process.Err(), text)
		default:
		}
		p.conn, err = host.Dial(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", pagePort))
		return err
	})
	t.Cleanup(func() {
		p.conn.Close()
		process.Stop(10 * time.Second)
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("page:\n%s", text)
		}
	})
	p.lines = bufio.NewScanner(p.conn)
	p.lines.Buffer(nil, 1<<20)
	return p
}

// in is the page for a part of a test.
func (p *page) in(t *testing.T) *page {
	p.t = t
	return p
}

// do runs a function's body in the page, and reads what it returns into result.
func (p *page) do(result any, js string, args ...any) {
	p.t.Helper()
	p.send(result, map[string]any{"js": js, "args": args})
}

func (p *page) send(result any, request map[string]any) {
	p.t.Helper()
	p.next++
	request["id"] = p.next
	if _, err := p.conn.Write(append(mustJSON(p.t, request), '\n')); err != nil {
		p.t.Fatal(err)
	}
	if !p.lines.Scan() {
		p.t.Fatalf("the page is gone: %v", p.lines.Err())
	}
	var reply struct {
		ID    int
		Value json.RawMessage
		Error *struct{ Code, Message string }
	}
	if err := json.Unmarshal(p.lines.Bytes(), &reply); err != nil || reply.ID != p.next {
		p.t.Fatalf("the page says %s: %v", p.lines.Bytes(), err)
	}
	if reply.Error != nil {
		p.t.Fatalf("in the page: %s %s", reply.Error.Code, reply.Error.Message)
	}
	if result != nil {
		if err := json.Unmarshal(reply.Value, result); err != nil {
			p.t.Fatalf("the page gives %s: %v", reply.Value, err)
		}
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func decode(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
