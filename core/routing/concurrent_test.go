package routing

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// Everything may be called at once: for the race detector, and for locks taken in
// the wrong order.
func TestConcurrentUse(t *testing.T) {
	w := newWorld(t)
	tab := w.table(dualStack())
	o := start(tab, direct("UDP 44.2.0.1:5150", "TCP 44.2.0.1:5150", "WS: 44.2.0.1:5150")...)
	keys := make([][]crypto.KeyPair, 12)
	infos := make([]wire.NodeInfo, len(keys))
	var peers []*wire.PeerInfo
	for i := range keys {
		keys[i], infos[i] = w.keys(), w.info()
		for range 3 {
			infos[i].Timestamp++
			peers = append(peers, w.sign(infos[i], keys[i]))
		}
	}
	alive := func(transport.Flow, time.Time) bool { return true }
	var group sync.WaitGroup
	for g := range 8 {
		group.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 1))
			for i := range 300 {
				now := at(float64(i))
				p := peers[r.IntN(len(peers))]
				e, err := tab.RegisterPeer(p, RegisterOptions{}, now)
				if err != nil {
					t.Error(err)
					return
				}
				path := pathTo(p.Info.DialInfo[r.IntN(len(p.Info.DialInfo))].DialInfo)
				e.QuestionSent(path, 10, now)
				e.AnswerReceived(path, 10, time.Millisecond, now)
				e.RecordFlow(path.Flow, now)
				switch r.IntN(12) {
				case 0:
					tab.Kick(now)
				case 1:
					o.ManageRelays(false, now)
				case 2:
					if _, err := o.Publish(now); err != nil {
						t.Error(err)
					}
				case 3:
					tab.FindNode(e.BestID(), nil, wire.PublicInternet, 20, now)
				case 4:
					o.OutboundStage(OutboundInputs{}, now)
					tab.PingCandidates(wire.PublicInternet, now)
				case 5:
					tab.UpdateViability(now)
					tab.RollTransfers(now)
				case 6:
					tab.HopCandidates(HopQuery{}, now)
					tab.AttachmentLevel(now)
				case 7:
					tab.Save(i%2 == 0, Validity{}, now, func([]byte, []byte) {})
				case 8:
					e.AnswerLost(path, now)
					e.NoContact()
				case 9:
					e.Hold()
					tab.Remove(e)
					e.Release()
				case 10:
					tab.SetDomains(dualStack())
					o.MTUProbes(now)
					o.RelayPings(now)
				default:
					ms := tab.ContactMethods(e, wire.PublicInternet, AnyDialInfo(), wire.PreferOrdered, now)
					if c, ok := e.ChooseMethod(ms, nil); ok {
						e.MethodFailed(c.Method, now)
					}
					e.LastFlow(AnyDialInfo(), wire.PreferOrdered, alive)
					tab.Recent()
				}
			}
		})
	}
	group.Wait()
	tab.check(t)
}
