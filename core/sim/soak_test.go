package sim

import (
	"context"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/transport/memory"
	"github.com/voile-net/voile/core/wire"
)

// soakTime is how long the soak runs: two seconds by default, or what
// VOILE_SOAK says, such as 10m.
func soakTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("VOILE_SOAK")
	if text == "" {
		return 2 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("VOILE_SOAK: %v", err)
	}
	return d
}

// A node stays healthy under a stranger that sends valid envelopes with mutated
// bodies, each under a new identity since one bad body gets an identity punished:
// it goes on answering, and memory and goroutines stay bounded.
func TestMutatedBodies(t *testing.T) {
	net := New(6)
	defer net.Memory.Close()
	node, err := net.Start(t.Context(), 1, net.Config(1, ""), memory.HostConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	if err := node.Attach(); err != nil {
		t.Fatal(err)
	}
	if _, err := node.WaitAttachment(t.Context(), func(s coreStatus) bool { return node.Started() }); err != nil {
		t.Fatal(err)
	}
	p, err := net.NewPeer(50)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	r := rand.New(rand.NewPCG(1, 2))
	seeds := seedBodies(t, node.ID())
	send := func(body []byte, protocol wire.ProtocolType) {
		id, _, err := p.Identity()
		if err != nil {
			t.Fatal(err)
		}
		defer p.Forget(id)
		if err := p.Send(t.Context(), id, node.ID(), 1, protocol, body); err != nil {
			t.Fatal(err)
		}
	}
	run := func(d time.Duration) (sent int) {
		for end := time.Now().Add(d); time.Now().Before(end); sent++ {
			body := append([]byte(nil), seeds[r.IntN(len(seeds))]...)
			for range 1 + r.IntN(8) {
				switch r.IntN(3) {
				case 0:
					body[r.IntN(len(body))] ^= 1 << r.IntN(8)
				case 1:
					body = body[:1+r.IntN(len(body))]
				case 2:
					body = append(body, byte(r.Uint32()))
				}
			}
			send(body, wire.ProtocolType(r.IntN(2)))
		}
		return sent
	}
	run(soakTime(t) / 4) // tables that only grow to a limit fill up
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	goroutines := runtime.NumGoroutine()
	sent := run(soakTime(t))
	runtime.GC()
	runtime.ReadMemStats(&after)
	t.Logf("%d messages; heap %d KiB before, %d KiB after; goroutines %d before, %d after",
		sent, before.HeapAlloc>>10, after.HeapAlloc>>10, goroutines, runtime.NumGoroutine())
	// The routing table and the punishments keep every identity that was met: 65536
	// punished ids of 100 bytes, and entries until a bucket is kicked.
	if limit := before.HeapAlloc + 64<<20; after.HeapAlloc > limit {
		t.Errorf("heap grew to %d KiB", after.HeapAlloc>>10)
	}
	if runtime.NumGoroutine() > goroutines+20 {
		t.Errorf("goroutines grew from %d to %d", goroutines, runtime.NumGoroutine())
	}
	id, _, err := p.Identity()
	if err != nil {
		t.Fatal(err)
	}
	body, err := Pack(question(&wire.StatusQ{NodeStatus: true}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := p.Send(ctx, id, node.ID(), 1, wire.TCP, body); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(ctx, id, func(op *wire.Operation) bool { return op.OpID == 7 }); err != nil {
		t.Errorf("the node does not answer any more: %v", err)
	}
}

// seedBodies are good messages of many kinds.
func seedBodies(t *testing.T, node crypto.NodeID) (bodies [][]byte) {
	t.Helper()
	key := crypto.PublicKeyOf(node)
	stub := &wire.PrivateRoute{PublicKey: key, FirstHop: &wire.RouteHop{PeerInfo: nil, NodeID: node}}
	data := &wire.RouteHopData{Blob: make([]byte, 100)}
	for _, op := range []*wire.Operation{
		question(&wire.StatusQ{NodeStatus: true, Probe: &wire.MTUProbe{Size: 1200, Padding: make([]byte, 900)}}),
		question(&wire.FindNodeQ{NodeID: node, Capabilities: []wire.Capability{wire.CapROUT}, MaxPeers: 20}),
		question(&wire.AppCallQ{Message: make([]byte, 100)}),
		question(&wire.GetValueQ{Key: crypto.OpaqueRecordKey(node), WantDescriptor: true}),
		{OpID: 7, Body: &wire.Question{RespondTo: stub, Detail: &wire.StatusQ{}}},
		statement(&wire.AppMessage{Message: make([]byte, 3000)}),
		statement(&wire.ReturnReceipt{Receipt: make([]byte, 130)}),
		statement(&wire.ValidateDialInfo{DialInfo: wire.DialInfo{Protocol: wire.UDP, Addr: addrPort(50)}, Receipt: make([]byte, 130), Redirect: true}),
		statement(&wire.Route{
			SafetyRoute: wire.SafetyRoute{PublicKey: key, Data: data},
			Operation:   wire.RoutedOperation{Data: make([]byte, 200)},
		}),
		statement(&wire.Route{
			SafetyRoute: wire.SafetyRoute{PublicKey: key, Private: &wire.PrivateRoute{PublicKey: key, Data: data}},
			Operation:   wire.RoutedOperation{Data: make([]byte, 200)},
		}),
		{OpID: 9, Body: &wire.Answer{Detail: &wire.StatusA{NodeStatus: true, SenderAddr: addrPort(1)}}},
	} {
		body, err := Pack(op)
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, body)
	}
	return bodies
}
