// Package loopback makes private networks that live on one machine, for tests of
// programs and libraries above the node.
package loopback

import (
	"fmt"
	"net"
	"testing"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/config"
)

// Config is the configuration of a node of such a network; record is what it joins
// by, "" for the first one.
func Config(name string, port int, record string) config.Config {
	cfg := config.Default()
	cfg.ProgramName = name
	key, at := config.Secret("a test"), fmt.Sprintf("127.0.0.1:%d", port)
	n := &cfg.Network
	n.PrivateNetwork, n.NetworkKeyPassword, n.UPnP = true, &key, false
	n.RoutingTable.Bootstrap, n.RoutingTable.BootstrapKeys = []string{}, []string{}
	n.Protocol.UDP.ListenAddress, n.Protocol.TCP.ListenAddress, n.Protocol.WS.ListenAddress = at, at, at
	if record != "" {
		n.RoutingTable.BootstrapRecords = []string{record}
	}
	return cfg
}

// FreePort is a port of this machine that streams and datagrams may use, at every
// address.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp4", ":0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		p, err := net.ListenPacket("udp4", l.Addr().String())
		l.Close()
		if err == nil {
			p.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

// Network starts a private network of some nodes, which lives as long as the test,
// and returns a record to join it by.
func Network(t testing.TB, size int) (record string) {
	t.Helper()
	for i := range size {
		port := FreePort(t)
		node, err := core.Start(t.Context(), Config(fmt.Sprintf("relay%d", i), port, record), core.Options{})
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
