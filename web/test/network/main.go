package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/config"
)

const networkKey = "tests of the package"

func main() {
	size := flag.Int("nodes", 5, "how many `nodes` besides the friend")
	flag.Parse()
	if err := run(*size, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "network:", err)
		os.Exit(1)
	}
}

// network is some nodes that are ended together.
type network struct {
	nodes  []*core.Node
	record string // by which others join
}

// run starts the network, tells of it, and ends it when in has ended.
func run(size int, in io.Reader, out io.Writer) (err error) {
	ctx, cancel := context.WithCancel(context.Background())
	var w network
	var serving sync.WaitGroup
	defer func() {
		cancel()
		serving.Wait()
		err = errors.Join(err, w.close())
	}()
	for i := range size + 1 {
		if err := w.add(ctx, fmt.Sprintf("node%d", i)); err != nil {
			return err
		}
	}
	friend := w.nodes[size]
	starting, done := context.WithTimeout(ctx, 60*time.Second)
	defer done()
	if err := friend.WaitReady(starting); err != nil {
		return err
	}
	route, err := friend.NewPrivateRoute(starting)
	if err != nil {
		return err
	}
	updates := friend.Subscribe(0)
	defer updates.Close()
	serving.Go(func() { serve(ctx, friend, updates) })
	line := struct {
		NetworkKey string   `json:"networkKey"`
		Bootstrap  []string `json:"bootstrap"`
		Friend     string   `json:"friend"`
	}{networkKey, []string{w.record}, base64.RawURLEncoding.EncodeToString(route.Blob)}
	if err := json.NewEncoder(out).Encode(line); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	return err
}

// add starts a node that listens on a free port and attaches it.
func (w *network) add(ctx context.Context, name string) error {
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	cfg := config.Default()
	cfg.ProgramName = name
	key, detect, at := config.Secret(networkKey), false, fmt.Sprintf("127.0.0.1:%d", port)
	n := &cfg.Network
	n.PrivateNetwork, n.NetworkKeyPassword, n.UPnP, n.DetectAddressChanges = true, &key, false, &detect
	n.MaxConnections = 128
	n.RoutingTable.Bootstrap, n.RoutingTable.BootstrapKeys = []string{}, []string{}
	n.Protocol.UDP.ListenAddress, n.Protocol.TCP.ListenAddress, n.Protocol.WS.ListenAddress = at, at, at
	if w.record != "" {
		n.RoutingTable.BootstrapRecords = []string{w.record}
	}
	node, err := core.Start(ctx, cfg, core.Options{})
	if err != nil {
		return err
	}
	w.nodes = append(w.nodes, node)
	if w.record == "" {
		w.record = fmt.Sprintf("0|0|%s|127.0.0.1|U%d,T%[2]d,W%[2]d/ws", node.ID(), port)
	}
	return node.Attach()
}

func (w *network) close() error {
	errs := make([]error, len(w.nodes))
	var all sync.WaitGroup
	for i, n := range w.nodes {
		all.Go(func() { errs[i] = n.Close() })
	}
	all.Wait()
	return errors.Join(errs...)
}

// freePort is a port that streams and datagrams may use.
func freePort(ctx context.Context) (port int, err error) {
	var lc net.ListenConfig
	for range 100 {
		l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		at := l.Addr().(*net.TCPAddr)
		p, err := lc.ListenPacket(ctx, "udp", at.String())
		l.Close()
		if err == nil {
			return at.Port, p.Close()
		}
	}
	return 0, errors.New("no free port")
}

// serve is the friend's application.
func serve(ctx context.Context, n *core.Node, updates *core.Subscription) {
	var calling sync.WaitGroup
	defer calling.Wait()
	for {
		u, err := updates.Next(ctx)
		if err != nil {
			return
		}
		switch u := u.(type) {
		case core.AppCall:
			if err := n.Reply(ctx, u.CallID, u.Message); err != nil {
				fmt.Fprintln(os.Stderr, "network: answer:", err)
			}
		case core.AppMessage:
			calling.Go(func() {
				to, err := n.ImportPrivateRoute(u.Message)
				if err == nil {
					_, err = n.Call(ctx, to, []byte("are you there?"))
				}
				if err != nil && ctx.Err() == nil {
					fmt.Fprintln(os.Stderr, "network: call back:", err)
				}
			})
		}
	}
}
