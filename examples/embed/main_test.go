package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// privateConfig is the configuration of a node of a network that lives on this
// machine alone; record is what it joins by, "" for the first one.
func privateConfig(name string, port int, record string) config.Config {
	cfg := config.Default()
	cfg.ProgramName = name
	key, at := config.Secret("a test of examples/embed"), fmt.Sprintf("127.0.0.1:%d", port)
	n := &cfg.Network
	n.PrivateNetwork, n.NetworkKeyPassword, n.UPnP = true, &key, false
	n.RoutingTable.Bootstrap, n.RoutingTable.BootstrapKeys = []string{}, []string{}
	n.Protocol.UDP.ListenAddress, n.Protocol.TCP.ListenAddress, n.Protocol.WS.ListenAddress = at, at, at
	if record != "" {
		n.RoutingTable.BootstrapRecords = []string{record}
	}
	return cfg
}

// freePort is a port of this machine that streams and datagrams may use.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		p, err := net.ListenPacket("udp", l.Addr().String())
		l.Close()
		if err == nil {
			p.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

// network starts a private network of three nodes and returns a record to join it
// by.
func network(t *testing.T) (record string) {
	t.Helper()
	for i := range 3 {
		port := freePort(t)
		node, err := core.Start(t.Context(), privateConfig(fmt.Sprintf("relay%d", i), port, record), core.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { node.Close() })
		if i == 0 {
			record = fmt.Sprintf("0|0|%s|127.0.0.1|U%d,T%[2]d,W%[2]d/ws", node.ID(), port)
		}
		if err := node.Attach(); err != nil {
			t.Fatal(err)
		}
	}
	return record
}

// configFile writes the configuration of one more node.
func configFile(t *testing.T, record string) string {
	t.Helper()
	text, err := json.Marshal(privateConfig("embed", freePort(t), record))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCallOverPrivateRoute(t *testing.T) {
	record := network(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	serving, stop := context.WithCancel(ctx)
	in, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(serving, configFile(t, record), nil, out)
		out.Close()
	}()
	lines := bufio.NewScanner(in)
	if !lines.Scan() {
		t.Fatalf("no route was printed: %v", <-done)
	}
	var answer bytes.Buffer
	if err := run(ctx, configFile(t, record), []string{lines.Text(), "hello"}, &answer); err != nil {
		t.Error(err)
	}
	if got, want := answer.String(), "you said \"hello\"\n"; got != want {
		t.Errorf("the answer is %q, want %q", got, want)
	}
	stop()
	if err := <-done; serving.Err() == nil || err == nil {
		t.Errorf("serving ended with %v before it was stopped", err)
	}
}

func TestBadCommandLines(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte(`{"network": 5}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, file string
		args       []string
		want       string
	}{
		{"one argument", "", []string{"route"}, "1 arguments"},
		{"no such file", filepath.Join(t.TempDir(), "none.json"), nil, "none.json"},
		{"bad file", bad, nil, "network"},
		{"bad route", "", []string{"%%", "hello"}, "route"},
	} {
		if err := run(t.Context(), c.file, c.args, io.Discard); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error about %q", c.name, err, c.want)
		}
	}
}
