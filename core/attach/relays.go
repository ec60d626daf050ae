package attach

import (
	"context"
	"net/netip"
	"time"

	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/rpc"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// Numbers of protected connections (spec 04 §11.6).
const (
	earlyLife   = 5 * time.Second // a shorter life is an early drop
	earlyInARow = 3               // so many count as a send failure of the relay
	maxDrops    = 64              // remembered until the next tick
)

// manageRelays chooses our relays (spec 04 §10.2).
func (s *session) manageRelays(own *routing.Own, inbound routing.InboundStage, now time.Time) {
	s.redial(own)
	if inbound < routing.InboundNeedsRelays || !own.ManageRelays(false, now) {
		return
	}
	addrs := map[netip.Addr]bool{}
	for _, di := range own.ProtectedAddrs() {
		addrs[di.Addr.Addr()] = true
	}
	s.stack.SetProtected(func(a netip.Addr) bool { return addrs[a] })
	s.log.Info("relays chosen", "count", len(own.Relays()))
	s.poke()
}

// ConnClosed is told of each connection that ended. It fits network.Config.
func (a *Attacher) ConnClosed(c transport.ConnClosed) {
	if c.Reason != transport.ClosedRemote || c.Inbound {
		return
	}
	a.mu.Lock()
	if len(a.drops) < maxDrops {
		a.drops = append(a.drops, c)
	}
	a.mu.Unlock()
	a.poke()
}

// redial opens dropped connections to our relays again, unless a relay keeps
// dropping them: then that is held against it (spec 04 §11.6).
func (s *session) redial(own *routing.Own) {
	s.mu.Lock()
	drops := s.drops
	s.drops = nil
	s.mu.Unlock()
	for _, c := range drops {
		for _, e := range own.Relays() {
			di, ok := dialInfoAt(e, c.Flow)
			if !ok {
				continue
			}
			e.ConnectionLived(c.Lived)
			if c.Lived >= earlyLife {
				delete(s.early, e.BestID())
			} else if s.early[e.BestID()]++; s.early[e.BestID()] >= earlyInARow {
				delete(s.early, e.BestID())
				e.SendFailed(routing.Path{Flow: c.Flow, Dialled: true})
				continue
			}
			s.try(&s.keepalives, maxKeepalives, func(ctx context.Context) {
				s.cfg.RPC.Status(ctx, rpc.NodeAt(e, di))
			})
		}
	}
}

// dialInfoAt is the dial info of a node that a flow goes to.
func dialInfoAt(e *routing.Entry, f transport.Flow) (wire.DialInfo, bool) {
	p := e.PeerInfo(wire.PublicInternet)
	if p == nil {
		return wire.DialInfo{}, false
	}
	for _, d := range p.Info.DialInfo {
		if d.DialInfo.Protocol == f.Protocol && d.DialInfo.Addr == f.Remote {
			return d.DialInfo, true
		}
	}
	return wire.DialInfo{}, false
}
