package sim

import (
	"context"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/transport/memory"
)

// line is a way for messages from one node to another's application.
type line struct {
	from  core.Context
	route crypto.RouteID
}

// connect makes a private route of a node and imports it at another.
func connect(ctx context.Context, t *testing.T, from, to *Node) line {
	t.Helper()
	r, err := to.NewPrivateRoute(ctx)
	if err != nil {
		t.Fatal(err)
	}
	id, err := from.ImportPrivateRoute(r.Blob)
	if err != nil {
		t.Fatal(err)
	}
	return line{from.Context(), id}
}

// flood sends numbered messages from many goroutines, each with a pause between,
// until the time is over, and returns the numbers of those that were taken, and why others were not.
func (l line) flood(ctx context.Context, senders, size int, pause, d time.Duration) (taken []uint64, refused map[string]int) {
	refused = map[string]int{}
	var mu sync.Mutex
	var next atomic.Uint64
	var group sync.WaitGroup
	end := time.Now().Add(d)
	for range senders {
		group.Go(func() {
			for time.Now().Before(end) {
				message := make([]byte, size)
				n := next.Add(1)
				fill(message, n)
				err := l.from.Message(ctx, l.route, message)
				mu.Lock()
				if err == nil {
					taken = append(taken, n)
				} else {
					refused[err.Error()]++
				}
				mu.Unlock()
				if err != nil {
					time.Sleep(10 * time.Millisecond)
				}
				time.Sleep(pause)
			}
		})
	}
	group.Wait()
	return taken, refused
}

// fill makes a message that does not compress, with a number in front.
func fill(b []byte, n uint64) {
	x := n
	for i := range b {
		x = x*6364136223846793005 + 1442695040888963407
		b[i] = byte(x >> 56)
	}
	binary.BigEndian.PutUint64(b, n)
}

// receiver takes messages at its own pace.
type receiver struct {
	mu   sync.Mutex
	got  map[uint64]int
	stop func()
}

func receive(ctx context.Context, n *core.Node, pause time.Duration) *receiver {
	r := &receiver{got: map[uint64]int{}}
	s := n.Subscribe(0)
	over := make(chan struct{})
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer close(over)
		for {
			u, err := s.Next(ctx)
			if err != nil {
				return
			}
			m, ok := u.(core.AppMessage)
			if !ok {
				continue
			}
			r.mu.Lock()
			r.got[binary.BigEndian.Uint64(m.Message)]++
			r.mu.Unlock()
			time.Sleep(pause)
		}
	}()
	r.stop = func() { cancel(); s.Close(); <-over }
	return r
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.got)
}

// missing counts what was taken and has not come.
func (r *receiver) missing(taken []uint64) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range taken {
		if r.got[id] != 1 {
			n++
		}
	}
	return n
}

// calls makes calls one after the other until stopped, and tells the slowest.
func (l line) calls(ctx context.Context) (stop func() (good, failed int, slowest time.Duration)) {
	var good, failed int
	var slowest time.Duration
	ending := make(chan struct{})
	over := make(chan struct{})
	go func() {
		defer close(over)
		for {
			began := time.Now()
			if _, err := l.from.Call(ctx, l.route, []byte("ping")); err != nil {
				failed++
			} else {
				good++
				slowest = max(slowest, time.Since(began))
			}
			select {
			case <-ending:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	return func() (int, int, time.Duration) {
		close(ending)
		<-over
		return good, failed, slowest
	}
}

// A sender that is faster than the receiver is slowed down: what its node took
// arrives, little is under way at any time, and all others are served.
func TestSlowReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := New(21)
		defer net.Memory.Close()
		nodes := start(t, net, 7, nil)
		defer closeAll(t, nodes)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		defer reply(ctx, nodes[5].Node)()
		slow := receive(ctx, nodes[1].Node, 20*time.Millisecond) // 50 messages of 16 KiB each second
		defer slow.stop()
		bulk := connect(ctx, t, nodes[4], nodes[1])
		stop := connect(ctx, t, nodes[2], nodes[5]).calls(ctx)
		sent := time.Now()
		taken, refused := bulk.flood(ctx, 64, 16<<10, 0, 8*time.Second)
		under := len(taken) - slow.count()
		t.Logf("%d messages taken in %v, refused: %v, %d under way", len(taken), time.Since(sent), refused, under)
		good, failed, slowest := stop()
		t.Logf("%d calls of others, %d failed, the slowest took %v", good, failed, slowest)
		time.Sleep(time.Duration(under+100) * 20 * time.Millisecond)
		if n := slow.missing(taken); n > 0 {
			t.Errorf("%d of %d messages are lost", n, len(taken))
		}
		if len(taken) < 350 {
			t.Errorf("%d messages taken, the receiver could have had 400", len(taken))
		}
		if under > 8<<20/(16<<10) {
			t.Errorf("%d messages under way", under)
		}
		// They share connections with the messages, and wait behind what is on its way there.
		if good < 10 || failed > 0 || slowest > 2*time.Second {
			t.Errorf("%d calls of %d by others failed, the slowest took %v", failed, good+failed, slowest)
		}
	})
}

// An application that takes nothing at all loses its messages and nothing else: its
// node goes on serving others.
func TestStuckReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := New(22)
		defer net.Memory.Close()
		nodes := start(t, net, 6, nil)
		defer closeAll(t, nodes)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		defer reply(ctx, nodes[5].Node)()
		stuck := nodes[1].Subscribe(0)
		defer stuck.Close()
		bulk := connect(ctx, t, nodes[4], nodes[1])
		others := []line{connect(ctx, t, nodes[1], nodes[5]), connect(ctx, t, nodes[2], nodes[5]), connect(ctx, t, nodes[3], nodes[5])}
		var group sync.WaitGroup
		group.Go(func() { bulk.flood(ctx, 4, 16<<10, 40*time.Millisecond, 8*time.Second) })
		time.Sleep(4 * time.Second) // until everything is full and has stood still
		var ends []func() (int, int, time.Duration)
		for _, l := range others {
			ends = append(ends, l.calls(ctx))
		}
		group.Wait()
		for i, end := range ends {
			good, failed, slowest := end()
			t.Logf("caller %d: %d calls, %d failed, the slowest took %v", i, good, failed, slowest)
			if good < 10 || failed > 0 || slowest > time.Second {
				t.Errorf("caller %d: %d calls of %d failed, the slowest took %v", i, failed, good+failed, slowest)
			}
		}
	})
}

// Nodes that fill each other, in a ring and over thin lines, recover as soon as
// nobody sends more than they can carry, and do not lose much before.
func TestFullNodesRecover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := New(23)
		defer net.Memory.Close()
		const n = 6
		var nodes []*Node
		seed := ""
		for i := 1; i <= n; i++ {
			link := memory.Link{Latency: 5 * time.Millisecond, Rate: 400 << 10}
			node, err := net.Start(t.Context(), i, net.Config(i, seed), memory.HostConfig{Link: link})
			if err != nil {
				t.Fatal(err)
			}
			if i == 1 {
				seed = node.ID().String()
			}
			if err := node.Attach(); err != nil {
				t.Fatal(err)
			}
			nodes = append(nodes, node)
		}
		defer closeAll(t, nodes)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for i, node := range nodes {
			if err := node.WaitReady(ctx); err != nil {
				t.Fatalf("node %d: %v", i, err)
			}
		}
		var receivers []*receiver
		var lines []line
		for i, node := range nodes {
			receivers = append(receivers, receive(ctx, node.Node, 0))
			defer receivers[i].stop()
		}
		for i, node := range nodes {
			lines = append(lines, connect(ctx, t, node, nodes[(i+1)%n]))
		}
		taken := make([][]uint64, n)
		var group sync.WaitGroup
		for i, l := range lines {
			group.Go(func() {
				var refused map[string]int
				taken[i], refused = l.flood(ctx, 16, 16<<10, 0, 15*time.Second)
				t.Logf("node %d: %d taken, refused: %v", i+1, len(taken[i]), refused)
			})
		}
		group.Wait()
		time.Sleep(10 * time.Second)
		lost, all := 0, 0
		for i := range lines {
			lost += receivers[(i+1)%n].missing(taken[i])
			all += len(taken[i])
		}
		t.Logf("%d messages taken, %d lost", all, lost)
		if all < 200 || lost > all/10 {
			t.Errorf("%d of %d messages are lost", lost, all)
		}
		for i, node := range nodes {
			done := reply(ctx, node.Node)
			l := connect(ctx, t, nodes[(i+n-1)%n], node)
			if _, err := l.from.Call(ctx, l.route, []byte("still there?")); err != nil {
				t.Errorf("call of node %d: %v", i, err)
			}
			done()
		}
	})
}
