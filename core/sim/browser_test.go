package sim

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/attach"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/transport/memory"
)

// browsers adds browser nodes to a network that is up and waits until they are ready.
func browsers(t *testing.T, net *Net, nodes []*Node, change func(c *config.Config), indices ...int) (list []*Node, hosts []*Browser) {
	t.Helper()
	for _, i := range indices {
		cfg := net.BrowserConfig(i, nodes[0].ID().String())
		if change != nil {
			change(&cfg)
		}
		node, host, err := net.StartBrowser(t.Context(), i, cfg, memory.HostConfig{Link: memory.Link{Latency: 2 * time.Millisecond}})
		if err != nil {
			t.Fatal(err)
		}
		if err := node.Attach(); err != nil {
			t.Fatal(err)
		}
		list, hosts = append(list, node), append(hosts, host)
	}
	waitReady(t, list...)
	return list, hosts
}

func waitReady(t *testing.T, nodes ...*Node) {
	t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for _, n := range nodes {
		if err := n.WaitReady(ctx); err != nil {
			text, _ := n.Debug(t.Context(), "nodeinfo")
			t.Fatalf("not ready: %v\n%s", err, text)
		}
	}
	t.Logf("ready after %v", time.Since(began))
}

// talk calls from one node to the other, five times over a private route.
func talk(ctx context.Context, t *testing.T, name string, from, to *Node) {
	t.Helper()
	done := reply(ctx, to.Node)
	defer done()
	route, err := to.NewPrivateRoute(ctx)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	id, err := from.ImportPrivateRoute(route.Blob)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for range 5 {
		if _, err := from.Call(ctx, id, []byte("hello")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A node in a browser joins over WebSockets out, publishes with relays and without
// dial info of its own, and is called by others and by its like (spec 04 §14).
func TestBrowserNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := New(5)
		defer net.Memory.Close()
		nodes := start(t, net, 6, nil)
		defer func() { closeAll(t, nodes) }()
		if t.Failed() {
			return
		}
		list, hosts := browsers(t, net, nodes, nil, 21, 22)
		nodes = append(nodes, list...)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		talk(ctx, t, "native to browser", nodes[1], list[0])
		talk(ctx, t, "browser to native", list[0], nodes[2])
		talk(ctx, t, "browser to browser", list[0], list[1])

		for _, b := range list {
			text := published(t, b)
			for _, want := range []string{
				"capabilities:       [APPM, DHTV, ROUT, SGNL]\n", "outbound_protocols: WS\n", "address_types:      IPV6 | IPV4\n",
				"dial_info_detail_list:\n            None\n", "0: Inbound node_ids:", "receive_mtus: None\n", "signed: true",
			} {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in\n%s", want, text)
				}
			}
		}
		for _, url := range hosts[0].Dialled() {
			if !strings.HasPrefix(url, "ws://") || !strings.HasSuffix(url, ":5150/ws") {
				t.Errorf("dialled %s", url)
			}
		}
	})
}

func published(t *testing.T, n *Node) string {
	t.Helper()
	text, err := n.Debug(t.Context(), "peerinfo")
	if err != nil || !strings.Contains(text, "Published PeerInfo") {
		t.Fatalf("%s, %v", text, err)
	}
	return text
}

// A family that does not work is found out and not named.
func TestBrowserWithoutIPv6(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := New(6)
		defer net.Memory.Close()
		nodes := start(t, net, 6, nil)
		defer func() { closeAll(t, nodes) }()
		cfg := net.BrowserConfig(21, nodes[0].ID().String())
		node, _, err := net.StartBrowser(t.Context(), 21, cfg, memory.HostConfig{
			Addrs: []netip.Addr{IPv4(21)}, Link: memory.Link{Latency: 2 * time.Millisecond},
		})
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, node)
		node.Attach()
		waitReady(t, node)
		if text := published(t, node); !strings.Contains(text, "address_types:      IPV4\n") {
			t.Errorf("published\n%s", text)
		}
		talk(t.Context(), t, "native to browser", nodes[1], node)
	})
}

// Offline ends the connections; online attaches again, with new ones.
func TestBrowserOffline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := New(7)
		defer net.Memory.Close()
		nodes := start(t, net, 5, nil)
		defer func() { closeAll(t, nodes) }()
		list, hosts := browsers(t, net, nodes, nil, 21)
		nodes = append(nodes, list...)
		node, host := list[0], hosts[0]
		wait := func(what string, want func(core.AttachmentStatus) bool) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if s, err := node.WaitAttachment(ctx, want); err != nil {
				t.Fatalf("%s: %+v, %v", what, s, err)
			}
		}
		host.SetOnline(false)
		node.NetworkChanged()
		wait("offline", func(s core.AttachmentStatus) bool { return s.State == attach.Attaching })
		if n := len(host.Connections()); n != 0 {
			t.Errorf("%d connections while offline", n)
		}
		host.SetOnline(true)
		node.NetworkChanged()
		began := time.Now()
		waitReady(t, node)
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("ready again after %v", took)
		}
		talk(t.Context(), t, "native to browser", nodes[1], node)

		// Another network without having been offline: every connection is made anew.
		before := len(host.Dialled())
		host.SetOnline(true)
		node.NetworkChanged()
		time.Sleep(3 * time.Second)
		if len(host.Dialled()) == before {
			t.Error("nothing was dialled after a change of the network")
		}
		waitReady(t, node)
		talk(t.Context(), t, "after the change", nodes[1], node)
	})
}

// A browser joins by the URL of a node: no name is resolved, the URL's text is
// dialled, and what is asked over wss is not taken for a transport of the network.
func TestBrowserJoinsByURL(t *testing.T) {
	for _, url := range []string{"ws://seed.example:5150/ws", "wss://seed.example:5150/ws", "ws://44.1.0.1:5150/ws", "wss://44.1.0.1:5150/ws"} {
		t.Run(url, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net := New(8)
				defer net.Memory.Close()
				nodes := start(t, net, 5, func(i int, c *config.Config) { c.Network.RoutingTable.ServeDirectBootstrap = i == 1 })
				defer func() { closeAll(t, nodes) }()
				cfg := net.BrowserConfig(21, "")
				cfg.Network.RoutingTable.BootstrapRecords = nil
				cfg.Network.RoutingTable.Bootstrap = []string{url}
				node, host, err := net.StartBrowser(t.Context(), 21, cfg, memory.HostConfig{Link: memory.Link{Latency: 2 * time.Millisecond}})
				if err != nil {
					t.Fatal(err)
				}
				host.Names = map[string]netip.Addr{"seed.example": IPv4(1)}
				nodes = append(nodes, node)
				node.Attach()
				waitReady(t, node)
				if got := host.Dialled(); got[0] != url {
					t.Errorf("dialled %q first, want %q", got[0], url)
				}
				for _, dialled := range host.Dialled() {
					if dialled != url && !strings.HasPrefix(dialled, "ws://") {
						t.Errorf("dialled %s", dialled)
					}
				}
			})
		})
	}
}

// In a private network on one machine, relays supply what the browser can dial, and
// the browser does not care about being offline.
func TestBrowserInPrivateNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := New(9)
		defer net.Memory.Close()
		private := func(c *config.Config) {
			key := config.Secret("ours")
			c.Network.PrivateNetwork, c.Network.NetworkKeyPassword = true, &key
			c.Network.AddressTypes = []string{"IPV4"}
		}
		nodes := start(t, net, 3, func(_ int, c *config.Config) { private(c) })
		defer func() { closeAll(t, nodes) }()
		list, hosts := browsers(t, net, nodes, private, 21, 22)
		nodes = append(nodes, list...)
		hosts[0].SetOnline(true)
		talk(t.Context(), t, "native to browser", nodes[1], list[0])
		talk(t.Context(), t, "browser to browser", list[1], list[0])
	})
}

// Settings that a browser cannot serve are refused at the start, by name.
func TestBrowserSettings(t *testing.T) {
	net := New(10)
	defer net.Memory.Close()
	for key, change := range map[string]func(p *config.Protocol){
		"network.protocol.udp.enabled": func(p *config.Protocol) { p.UDP.Enabled = true },
		"network.protocol.tcp.connect": func(p *config.Protocol) { p.TCP.Connect = true },
		"network.protocol.tcp.listen":  func(p *config.Protocol) { p.TCP.Listen = true },
		"network.protocol.ws.listen":   func(p *config.Protocol) { p.WS.Listen = true },
	} {
		cfg := net.BrowserConfig(21, "")
		change(&cfg.Network.Protocol)
		host := &Browser{}
		node, err := core.Start(t.Context(), cfg, core.Options{NetInfo: host, Host: host})
		if node != nil || core.KindOf(err) != core.Generic || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// sleeper stops whoever logs a message, once, as a laptop that is closed stops a node.
type sleeper struct {
	slog.Handler
	at    string
	sleep time.Duration
	armed atomic.Bool
}

func (s *sleeper) Enabled(context.Context, slog.Level) bool { return true }
func (s *sleeper) WithAttrs([]slog.Attr) slog.Handler       { return s }

func (s *sleeper) Handle(_ context.Context, r slog.Record) error {
	if r.Message == s.at && s.armed.CompareAndSwap(true, false) {
		time.Sleep(s.sleep)
	}
	return nil
}

// After a sleep connections are not trusted, though they look alive: they are made
// anew at once, and the node is ready and can be called.
func TestBrowserSleeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := New(11)
		defer net.Memory.Close()
		nodes := start(t, net, 5, nil)
		defer func() { closeAll(t, nodes) }()
		s := &sleeper{Handler: slog.DiscardHandler, at: "address families confirmed", sleep: 65 * time.Second}
		net.Log = slog.New(s)
		list, hosts := browsers(t, net, nodes, nil, 21)
		nodes = append(nodes, list...)
		node, host := list[0], hosts[0]
		route, err := node.NewPrivateRoute(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		id, err := nodes[1].ImportPrivateRoute(route.Blob)
		if err != nil {
			t.Fatal(err)
		}
		s.armed.Store(true)
		host.SetOnline(true) // makes the loop log
		node.NetworkChanged()
		for range 12 { // what comes keeps the connections open in the sleep
			time.Sleep(5 * time.Second)
			if err := nodes[1].Message(t.Context(), id, []byte("are you asleep?")); err != nil {
				t.Fatal(err)
			}
		}
		if s.armed.Load() {
			t.Fatal("the node did not fall asleep")
		}
		old := host.Connections()
		if len(old) == 0 {
			t.Fatal("no connection has lived through the sleep")
		}
		time.Sleep(7 * time.Second) // it wakes up after five of them
		for _, c := range host.Connections() {
			if slices.Contains(old, c) {
				t.Error("a connection of before the sleep is still in use")
			}
		}
		if len(host.Connections()) == 0 {
			t.Error("there is no connection after waking up")
		}
		waitReady(t, node)
		talk(t.Context(), t, "native to browser", nodes[1], node)
	})
}
