package core_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/crypto"
)

// network starts a private network of n nodes in this process.
func network(b testing.TB, n int) []*core.Node {
	b.Helper()
	var nodes []*core.Node
	var records []string
	for i := range n {
		cfg := local(b, string(rune('a'+i)), records...)
		node := start(b, cfg)
		if i == 0 {
			records = []string{record(b, node)}
		}
		nodes = append(nodes, node)
	}
	ctx, cancel := context.WithTimeout(b.Context(), 30*time.Second)
	defer cancel()
	for _, node := range nodes {
		if err := node.WaitReady(ctx); err != nil {
			b.Fatal(err)
		}
	}
	return nodes
}

// answering makes a node answer calls and count messages.
func answering(ctx context.Context, n *core.Node) *atomic.Int64 {
	var bytes atomic.Int64
	s := n.Subscribe(0)
	go func() {
		for {
			u, err := s.Next(ctx)
			if err != nil {
				return
			}
			switch u := u.(type) {
			case core.AppCall:
				go n.Reply(ctx, u.CallID, u.Message)
			case core.AppMessage:
				bytes.Add(int64(len(u.Message)))
			}
		}
	}()
	return &bytes
}

func route(b testing.TB, from, to *core.Node) crypto.RouteID {
	b.Helper()
	r, err := to.NewPrivateRoute(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	id, err := from.ImportPrivateRoute(r.Blob)
	if err != nil {
		b.Fatal(err)
	}
	return id
}

// All nodes run in this process, so a figure is the work of every hop.
func BenchmarkCall1KiB(b *testing.B) {
	for _, flight := range []int{1, 16, 64} {
		b.Run(map[int]string{1: "flight=1", 16: "flight=16", 64: "flight=64"}[flight], func(b *testing.B) {
			nodes := network(b, 6)
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			answering(ctx, nodes[1])
			to := route(b, nodes[4], nodes[1])
			message := make([]byte, 1024)
			if _, err := nodes[4].Call(ctx, to, message); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.ResetTimer()
			var left atomic.Int64
			left.Store(int64(b.N))
			var all sync.WaitGroup
			for range flight {
				all.Go(func() {
					for left.Add(-1) >= 0 {
						if _, err := nodes[4].Call(ctx, to, message); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
		})
	}
}

func BenchmarkMessage16KiB(b *testing.B) {
	nodes := network(b, 6)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	bytes := answering(ctx, nodes[1])
	to := route(b, nodes[4], nodes[1])
	message := make([]byte, 16<<10)
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	b.ResetTimer()
	var left atomic.Int64
	left.Store(int64(b.N))
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				if err := nodes[4].Message(ctx, to, message); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	want := int64(b.N * len(message))
	for deadline := time.Now().Add(5 * time.Second); bytes.Load() < want && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if testing.Verbose() {
		for _, n := range nodes {
			text, _ := n.Debug(b.Context(), "nodeinfo")
			for line := range strings.Lines(text) {
				if strings.HasPrefix(line, "RPC") {
					b.Log(line)
				}
			}
		}
	}
	b.ReportMetric(100*float64(want-bytes.Load())/float64(want), "lost%")
}
