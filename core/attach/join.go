package attach

import (
	"context"
	"slices"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/core/network/bootstrap"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/rpc"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// onlySelfPause is how long a node that found only itself among its bootstraps
// waits for others to come (spec 04 §12.1 step 3): until a cached name expires.
const onlySelfPause = 300 * time.Second

// How often, and after which time, a bootstrap that has not published its peer info
// is asked again before the round gives it up.
const (
	publishTries = 5
	publishWait  = 100 * time.Millisecond
)

// onlyOwnBootstrap reports whether there is no bootstrap other than this node.
func (s *session) onlyOwnBootstrap(now time.Time) bool {
	at := s.onlySelf.Load()
	return at != 0 && now.Unix()-at < int64(onlySelfPause/time.Second)
}

// bootstrap asks the bootstraps for peers and makes itself known to them
// (spec 04 §12.1).
func (s *session) bootstrap(ctx context.Context) {
	t := &s.settings.Load().Network.RoutingTable
	if len(t.Bootstrap) == 0 && len(t.BootstrapRecords) == 0 {
		return
	}
	own := s.cfg.Table.Own(wire.PublicInternet)
	setup := own.Setup()
	var dialInfo []wire.DialInfo
	for _, d := range own.DialInfo() {
		dialInfo = append(dialInfo, d.DialInfo)
	}
	result, err := bootstrap.Gather(ctx, bootstrap.Config{
		Bootstrap: t.Bootstrap, Keys: bootstrapKeys(t.BootstrapKeys), Records: t.BootstrapRecords,
		Crypto: s.cfg.Crypto, Clock: s.cfg.Clock, Cache: s.cfg.Names, Requester: s.stack,
		OwnIDs: s.cfg.Table.NodeIDs(), OwnDialInfo: dialInfo,
		Protocols: s.bootstrapProtocols(setup), Addresses: setup.Families,
		Assign: func(info *wire.NodeInfo) (wire.RoutingDomain, bool) {
			return s.cfg.Table.Domains().Assign(info, wire.PublicInternet)
		},
	})
	for _, e := range result.Errors {
		s.log.Info("bootstrap source gave nothing", "source", e.Source, "err", e.Err)
	}
	if err != nil {
		return
	}
	s.cfg.Records.Set(result.Records)
	s.ownBootstrap.Store(result.Self)
	if result.Self && len(result.Peers) == 0 {
		s.onlySelf.Store(time.Now().Unix())
		s.log.Info("this node is its only bootstrap; waiting for others")
		return
	}
	var all guard.Group
	for _, p := range result.Peers {
		all.Go(func() { s.joinBy(ctx, p) })
	}
	all.Wait()
	own.RefreshEnded(time.Now())
	s.poke()
}

// bootstrapProtocols are those that a bootstrap can be asked over: a browser has
// WSS too, which the network itself has not.
func (s *session) bootstrapProtocols(setup routing.Setup) wire.ProtocolSet {
	if transport.OnlyWebSockets(s.cfg.Host) {
		return setup.Outbound | wire.Protocols(wire.WSS)
	}
	return setup.Outbound
}

func bootstrapKeys(texts []string) []crypto.PublicKey {
	var keys []crypto.PublicKey
	for _, text := range texts {
		var k crypto.PublicKey
		if k.UnmarshalText([]byte(text)) == nil { // Validate has named bad ones
			keys = append(keys, k)
		}
	}
	return keys
}

// joinBy learns a bootstrap's signed peer info from itself, and from it and
// everybody that it names, more peers; each of them so learns of us
// (spec 04 §12.1 steps 4 and 5).
func (s *session) joinBy(ctx context.Context, p *wire.PeerInfo) {
	now := time.Now()
	e, err := s.cfg.Table.RegisterPeer(p, routing.RegisterOptions{AllowUnsigned: true}, now)
	if err != nil {
		s.log.Info("bootstrap not registered", "err", err)
		return
	}
	methods := s.cfg.Table.ContactMethods(e, wire.PublicInternet, routing.AnyDialInfo(), wire.PreferOrdered, now)
	if !slices.ContainsFunc(methods, func(m routing.ContactMethod) bool { return m.Kind == routing.ContactDirect }) {
		s.log.Info("bootstrap cannot be dialled", "peer", e.BestID())
		return
	}
	for try := 0; ; try++ {
		for _, id := range e.NodeIDs() {
			if _, err := s.cfg.RPC.FindNode(ctx, rpc.Node(e, wire.PreferOrdered), id, nil); err != nil {
				s.log.Info("bootstrap did not answer", "peer", id, "err", err)
				return
			}
		}
		if e.SignedPeerInfo(wire.PublicInternet) != nil || try == publishTries {
			break
		}
		s.pause(publishWait) // it has just started, too
	}
	if e.SignedPeerInfo(wire.PublicInternet) == nil {
		s.log.Info("bootstrap has not published its peer info yet", "peer", e.BestID())
		return
	}
	for _, id := range s.cfg.Table.NodeIDs() {
		s.search(ctx, e, id)
	}
}

// search asks a node for peers near a point, then a spread of all we know each
// for peers near itself (spec 04 §7.2 "wide").
func (s *session) search(ctx context.Context, e *routing.Entry, point crypto.NodeID) {
	caps := routing.ConnectivityCaps()
	if _, err := s.cfg.RPC.FindNode(ctx, rpc.Node(e, wire.PreferOrdered), point, caps); err != nil {
		return
	}
	s.wide(ctx, point.Kind, caps)
}

func (s *session) wide(ctx context.Context, kind crypto.Kind, caps []wire.Capability) {
	var all guard.Group
	for _, e := range s.cfg.Table.WideTargets(kind, caps, time.Now()) {
		if id, ok := e.ID(kind); ok {
			all.Go(func() { s.cfg.RPC.FindNode(ctx, rpc.Node(e, wire.PreferOrdered), id, caps) })
		}
	}
	all.Wait()
}

// refreshPeers asks for more peers while there are too few (spec 04 §6.3).
func (s *session) refreshPeers(ctx context.Context) {
	now := time.Now()
	asked := false
	for _, kind := range s.cfg.Table.Own(wire.PublicInternet).NeedsPeers(now) {
		id, ok := s.cfg.Table.NodeID(kind)
		if !ok {
			continue
		}
		for _, e := range s.cfg.Table.RefreshTargets(kind, now) {
			asked = true
			s.search(ctx, e, id)
		}
	}
	if asked {
		s.cfg.Table.Own(wire.PublicInternet).RefreshEnded(time.Now())
	}
}

// refreshClosest asks our neighbours for theirs (spec 04 §6.4).
func (s *session) refreshClosest(ctx context.Context) {
	var all guard.Group
	for _, kind := range s.cfg.Crypto.Kinds() {
		id, ok := s.cfg.Table.NodeID(kind)
		if !ok {
			continue
		}
		for _, e := range s.cfg.Table.ClosestTargets(kind, time.Now()) {
			all.Go(func() { s.cfg.RPC.FindNode(ctx, rpc.Node(e, wire.PreferOrdered), id, routing.DistanceCaps()) })
		}
	}
	all.Wait()
}

// ServesBootstrap implements network.BootstrapSource.
func (a *Attacher) ServesBootstrap() bool {
	return a.settings.Load().Network.RoutingTable.ServeDirectBootstrap || a.ownBootstrap.Load()
}

// BootstrapPeers implements network.BootstrapSource (spec 02 §13.4).
func (a *Attacher) BootstrapPeers() []*wire.PeerInfo {
	var peers []*wire.PeerInfo
	caps := routing.ConnectivityCaps()
	for _, e := range a.cfg.Table.Fastest(maxBootstrapScan, func(e *routing.Entry, _ routing.State) bool {
		p := e.SignedPeerInfo(wire.PublicInternet)
		return p != nil && e.PeerInfo(wire.LocalNetwork) == nil && routing.OnlyDirect(&p.Info) &&
			!slices.ContainsFunc(caps, func(c wire.Capability) bool { return !slices.Contains(p.Info.Capabilities, c) })
	}, time.Now()) {
		peers = append(peers, e.SignedPeerInfo(wire.PublicInternet))
	}
	return peers
}

// maxBootstrapScan bounds the nodes that an answer to BOOT is chosen from.
const maxBootstrapScan = 256

// BootstrapRecords implements network.BootstrapSource (spec 02 §13.5).
func (a *Attacher) BootstrapRecords() []string {
	return a.cfg.Records.Served(a.settings.Load().Network.RoutingTable.BootstrapRecords)
}
