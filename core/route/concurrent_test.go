package route

import (
	"sync"
	"testing"
	"time"

	"github.com/voile-net/voile/core/wire"
)

// Everything at once: what is checked is what the race detector sees, and that routes
// that are released meanwhile give errors and nothing worse.
func TestConcurrentUse(t *testing.T) {
	n := newNet(t, 8, nil)
	far := Target{Route: n.remoteRoute(t, n.others[0], n.others[1], "far")}
	blob := n.blob(t, "far")
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 30 {
				now := seconds(i)
				plan := n.store.Manage(healthy, now)
				for _, w := range plan.Allocate {
					if id, err := n.store.Allocate(w.Request(), now); err == nil {
						n.store.TestDone(LoopTest{id, w.Ordering}, failed, now)
					}
				}
				for _, l := range plan.Keepalive {
					n.store.TestDone(l, TestResult{Outcome: Outcome(i % 3), Evidence: 1}, now)
				}
				id, err := n.store.ImportBlob(blob, now)
				if err != nil {
					t.Error(err)
				}
				for _, target := range []Target{far, {Node: n.others[worker].info}} {
					sel := Safe(SafetySpec{HopCount: 1 + i%2, Sequencing: wire.Sequencing(i % 3)})
					reply, err := n.store.ReplyRoute(target, sel, now)
					if err != nil {
						continue
					}
					c, err := n.store.Compile(target, sel, reply.Key, now)
					if err != nil {
						continue
					}
					done := n.store.Use(c.SafetyRoute.PublicKey, reply.Key)
					r, err := n.store.Onion().Seal(c, []byte("x"))
					if err != nil {
						t.Error(err)
					}
					if _, err := n.find(t, c.First.NodeID).onion.Peel(r, n.us.id, true, nil); err != nil {
						t.Error(err)
					}
					via := Via{Safety: c.SafetyRoute.PublicKey, Reply: reply.Key, Ordering: Ordered}
					n.store.Sent(via, 1, now)
					if i%2 == 0 {
						n.store.AnswerReceived(via, target, 1, time.Millisecond, now)
					} else {
						n.store.QuestionLost(via, target, now, 1, now)
					}
					done()
				}
				if err := n.store.Load(n.store.Save()); err != nil {
					t.Error(err)
				}
				n.store.RemoteTestDone(id, TestResult{Outcome: Outcome(i % 3)}, now)
				n.store.Routes(now)
				n.store.Remotes(now)
				n.store.Ready(i%2 == 0)
				if i%10 == 9 {
					n.store.OwnNodeInfoChanged(now)
					n.store.ReleaseAutomatic()
				}
			}
		})
	}
	wg.Wait()
	n.store.Purge()
	if len(n.store.byKey) != 0 || len(n.store.remoteKey) != 0 || n.store.compiled.Len() != 0 || len(n.store.compiling) != 0 {
		t.Errorf("left: %d keys, %d remote keys, %d compiled", len(n.store.byKey), len(n.store.remoteKey), n.store.compiled.Len())
	}
}
