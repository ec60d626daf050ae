package attach

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
	"github.com/voile-net/voile/platform"
)

// Why the network cannot be started for now.
var (
	ErrNoAddress = errors.New("no usable address") // of any family
	ErrOffline   = errors.New("the device is offline")
)

// session is one stretch of being attached: the transports and the tasks.
// Goroutines: those of the tasks; joined by close. The loop of the attacher owns
// it; what tasks share is atomic or locked.
type session struct {
	*Attacher
	stack    *transport.Stack
	families wire.AddressSet // of PublicInternet
	detect   atomic.Bool     // the public address is to be detected

	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup

	probe      *familyProbe // nil: the platform shows which families there are
	onlySelf   atomic.Int64 // and nobody else was: unix seconds of that; 0: never
	pinging    inFlight
	keepalives inFlight
	mtuProbes  inFlight
	early      map[crypto.NodeID]int // early drops in a row of each relay; the loop's own
	detection  detection
	jobs       jobs
	saving     saving
}

// jobs are the tasks that run one at a time each (spec 04 §6).
type jobs struct {
	bootstrap, refresh, closest, detect, save, purge, interfaces job
}

// job is a periodic task: it starts when its period has passed since its last
// start and its last run has ended.
type job struct {
	busy atomic.Bool
	last time.Time // the loop's own
}

// run starts a job if it is due.
func (s *session) run(j *job, every time.Duration, now time.Time, f func(ctx context.Context)) {
	if !j.last.IsZero() && now.Sub(j.last) < every || !j.busy.CompareAndSwap(false, true) {
		return
	}
	j.last = now
	s.cfg.Panic.Go(&s.tasks, func() {
		defer j.busy.Store(false)
		f(s.ctx)
	})
}

// inFlight bounds how many small tasks run at once.
type inFlight struct{ n atomic.Int32 }

// try runs f in a goroutine of the session unless limit of them run already.
func (s *session) try(in *inFlight, limit int32, f func(ctx context.Context)) bool {
	if in.n.Add(1) > limit {
		in.n.Add(-1)
		return false
	}
	s.cfg.Panic.Go(&s.tasks, func() {
		defer in.n.Add(-1)
		f(s.ctx)
	})
	return true
}

// start brings the network up (spec 04 §8 step 1).
func (a *Attacher) start() (_ *session, err error) {
	ctx, cancel := context.WithCancel(a.ctx)
	s := &session{Attacher: a, ctx: ctx, cancel: cancel, early: map[crypto.NodeID]int{}}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	network, err := a.cfg.NetInfo.Network(ctx)
	if err != nil {
		return nil, fmt.Errorf("network interfaces: %w", err)
	}
	domains := routing.NewDomains(network, a.settings.Load().Network.PrivateNetwork)
	allowed := allowedFamilies(a.settings.Load().Network.AddressTypes)
	s.families = domains.AddressTypes(wire.PublicInternet, allowed)
	switch {
	case s.families == 0 && network.Offline:
		return nil, ErrOffline
	case s.families == 0:
		return nil, ErrNoAddress
	case network.Hidden:
		s.probe = newFamilyProbe(time.Now())
	}
	a.cfg.Table.SetDomains(domains)
	s.detect.Store(s.wantsDetection(domains))
	handler, outward := a.between()
	s.stack, err = transport.New(transport.Config{
		Host: a.cfg.Host, Handler: handler, Filter: a.cfg.Filter, Logger: a.log, Panic: a.cfg.Panic,
		MaxConnections:    int(a.settings.Load().Network.MaxConnections),
		ConnectTimeout:    a.cfg.Tuning.ConnectTimeout,
		SendTimeout:       a.cfg.Tuning.SendTimeout,
		InactivityTimeout: a.cfg.Tuning.InactivityTimeout,
	})
	if err != nil {
		return nil, err
	}
	if err := s.listen(ctx); err != nil {
		return nil, err
	}
	if domains.Private() { // where nothing listens there is nothing to need
		var bound wire.AddressSet
		for _, b := range s.stack.BoundAddrs() {
			bound |= wire.Addresses(wire.AddressTypeOf(b.Addr.Addr()))
		}
		if bound != 0 {
			s.families &= bound
		}
	}
	a.cfg.Network.SetStack(outward(s.stack))
	a.current.Store(s)
	s.configure(domains, true)
	s.restore(domains)
	s.publish(time.Now())
	return s, nil
}

// basis identifies what our description rests on: with the same, the next session
// may publish the same (spec 04 §3.4).
func (s *session) basis(d *routing.Domains) []byte {
	n := d.Network()
	protocol, _ := json.Marshal(s.settings.Load().Network.Protocol) // plain values: cannot fail
	h := sha256.New()
	fmt.Fprintln(h, n.Egress4, n.Egress6, d.PublicationAddrs(wire.PublicInternet), s.stack.BoundAddrs(), s.detect.Load())
	h.Write(protocol)
	return h.Sum(nil)
}

// restore takes up what the last session had published, if nothing has changed.
func (s *session) restore(d *routing.Domains) {
	s.mu.Lock()
	point := s.point
	s.mu.Unlock()
	if point == nil {
		return
	}
	published, err := s.cfg.Table.Own(wire.PublicInternet).Restore(point, s.basis(d), time.Now())
	switch {
	case err != nil:
		s.log.Info("restore point not used", "err", err)
	case published:
		s.log.Info("peer info restored")
		s.addressesChanged(d)
	}
}

// RestorePoint is what a later start needs to publish the same peer info; nil:
// nothing was published.
func (a *Attacher) RestorePoint() []byte {
	s := a.current.Load()
	if s == nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.point
	}
	return a.cfg.Table.Own(wire.PublicInternet).RestorePoint(s.basis(a.cfg.Table.Domains()))
}

func allowedFamilies(names []string) wire.AddressSet {
	if len(names) == 0 {
		return wire.AllAddresses
	}
	var set wire.AddressSet
	for _, n := range names {
		switch n {
		case "IPV4":
			set |= wire.Addresses(wire.IPv4)
		case "IPV6":
			set |= wire.Addresses(wire.IPv6)
		}
	}
	return set
}

// wantsDetection resolves detect_address_changes (spec 04 §3.1): by itself it is
// on if a family in use has no global interface address.
func (s *session) wantsDetection(d *routing.Domains) bool {
	n := &s.settings.Load().Network
	switch {
	case n.Privacy.RequireInboundRelay || d.Private() || d.Network().Hidden:
		return false
	case n.DetectAddressChanges != nil:
		return *n.DetectAddressChanges
	}
	return d.NeedsDetection(s.families)
}

// configure tells the table what the network of this node is now.
func (s *session) configure(d *routing.Domains, first bool) {
	p := &s.settings.Load().Network.Protocol
	for _, domain := range []wire.RoutingDomain{wire.PublicInternet, wire.LocalNetwork} {
		own := s.cfg.Table.Own(domain)
		families := s.families
		if domain == wire.LocalNetwork {
			families = d.AddressTypes(domain, allowedFamilies(s.settings.Load().Network.AddressTypes))
		}
		setup := routing.Setup{Families: families}
		if p.UDP.Enabled {
			setup.Outbound |= wire.Protocols(wire.UDP)
			setup.Inbound |= wire.Protocols(wire.UDP)
		}
		for proto, on := range map[wire.ProtocolType][2]bool{
			wire.TCP: {p.TCP.Connect, p.TCP.Listen},
			wire.WS:  {p.WS.Connect, p.WS.Listen},
		} {
			if on[0] {
				setup.Outbound |= wire.Protocols(proto)
			}
			if on[1] {
				setup.Inbound |= wire.Protocols(proto)
			}
		}
		own.SetSetup(setup)
		own.SetStaticDialInfo(s.staticDialInfo(domain, d))
		if first {
			own.SetStarted(true)
		}
	}
	own := s.cfg.Table.Own(wire.PublicInternet)
	for _, family := range []wire.AddressType{wire.IPv4, wire.IPv6} {
		if s.families.Has(family) && p.UDP.Enabled {
			own.SetInterfaceMTU(family, d.Egress(family).MTU)
		} else {
			own.ClearMTUs(family)
		}
	}
	own.SetConfirmed(!s.detect.Load() && s.probe == nil)
	s.addressesChanged(d)
}

// addressesChanged tells the transports which addresses are ours.
func (s *session) addressesChanged(d *routing.Domains) {
	var addrs []netip.Addr
	var own []netip.AddrPort
	for _, i := range d.Network().Interfaces {
		for _, a := range i.Addrs {
			addrs = append(addrs, a.Prefix.Addr())
		}
	}
	for _, domain := range []wire.RoutingDomain{wire.PublicInternet, wire.LocalNetwork} {
		for _, di := range s.cfg.Table.Own(domain).DialInfo() {
			own = append(own, di.DialInfo.Addr)
		}
	}
	s.stack.SetOwnAddrs(own)
	s.stack.SetInterfaces(s.ctx, addrs, s.bindTo(d, wire.IPv4), s.bindTo(d, wire.IPv6))
}

// bindTo is the address that connections out are bound to (spec 02 §6.2).
func (s *session) bindTo(d *routing.Domains, family wire.AddressType) netip.Addr {
	for _, a := range d.PublicationAddrs(wire.PublicInternet) {
		if wire.AddressTypeOf(a) == family && !d.Private() {
			return a
		}
	}
	return netip.Addr{}
}

// close ends the tasks and the transports. It is also called on a session that
// did not start whole.
func (s *session) close() {
	if s.current.Load() == s {
		point := s.RestorePoint()
		s.mu.Lock()
		s.point = point
		s.mu.Unlock()
		s.current.Store(nil)
	}
	s.cancel()
	s.cfg.RPC.EndWaits()
	s.tasks.Wait()
	if s.cfg.Mapper != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		s.cfg.Mapper.Clear(ctx)
		cancel()
	}
	if s.cfg.Save != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		if err := s.cfg.Save(ctx); err != nil {
			s.log.Warn("not saved", "err", err)
		}
		cancel()
	}
	for _, domain := range []wire.RoutingDomain{wire.PublicInternet, wire.LocalNetwork} {
		own := s.cfg.Table.Own(domain)
		if own.Unpublish() && domain == wire.PublicInternet {
			s.cfg.Routes.OwnNodeInfoChanged(time.Now())
		}
		own.SetStarted(false)
	}
	s.cfg.Network.SetStack(nil)
	if s.stack != nil {
		s.stack.Close()
	}
	s.cfg.Filter.ResetConnections()
}

// publish puts our peer infos in front of others if they are ready and changed.
func (s *session) publish(now time.Time) {
	for _, domain := range []wire.RoutingDomain{wire.PublicInternet, wire.LocalNetwork} {
		changed, err := s.cfg.Table.Own(domain).Publish(now)
		switch {
		case err != nil:
			s.log.Error("peer info not published", "domain", domain.String(), "err", err)
		case changed:
			s.log.Info("peer info published", "domain", domain.String())
			if domain == wire.PublicInternet {
				s.cfg.Routes.OwnNodeInfoChanged(now)
			}
			s.addressesChanged(s.cfg.Table.Domains())
			s.poke()
		}
	}
}

// outboundInputs is what the outbound stage depends on beside the table.
func (s *session) outboundInputs() routing.OutboundInputs {
	kind := s.cfg.Crypto.Kinds().Best()
	cfg := s.cfg.Routes.Config()
	in := routing.OutboundInputs{
		SafeRoutes:   s.cfg.Routes.Tested(kind, cfg.DefaultHopCount),
		UnsafeRoutes: s.cfg.Routes.Tested(kind, cfg.UnsafeHopCount()),
		HasBootstrap: !s.onlyOwnBootstrap(time.Now()),
	}
	if cfg.ShortRoutes { // one length is enough where there are few nodes
		in.UnsafeRoutes = max(in.UnsafeRoutes, in.SafeRoutes)
	}
	return in
}

// tick starts what is due (spec 04 §6).
func (s *session) tick(now time.Time) {
	own := s.cfg.Table.Own(wire.PublicInternet)
	s.cfg.Table.RollTransfers(now)
	s.cfg.Table.UpdateViability(now)
	s.cfg.Table.Kick(now)
	s.run(&s.jobs.purge, time.Minute, now, func(context.Context) {
		s.cfg.Network.PurgePunishments(time.Now())
		s.stack.Purge(time.Now())
	})
	s.run(&s.jobs.interfaces, time.Second, now, s.watchInterfaces)

	if s.probe != nil {
		s.probeFamilies(own, now)
	}
	inputs := s.outboundInputs()
	outbound := own.OutboundStage(inputs, now)
	inbound := own.InboundStage(now)
	s.watchMapper()
	s.manageRelays(own, inbound, now)
	s.mtuTick(own, now)
	s.publish(now)
	if outbound == routing.OutboundNeedsBootstrap && !s.onlyOwnBootstrap(now) {
		s.run(&s.jobs.bootstrap, time.Second, now, s.bootstrap)
	}
	if outbound > routing.OutboundNeedsBootstrap {
		if kinds := own.NeedsPeers(now); len(kinds) > 0 {
			s.run(&s.jobs.refresh, time.Second, now, s.refreshPeers)
		}
	}
	if outbound > routing.OutboundNeedsPublishedPeerInfo {
		s.run(&s.jobs.closest, s.cfg.Tuning.MinPeerRefresh, now, s.refreshClosest)
	}
	if outbound != routing.OutboundInvalid {
		s.ping(wire.PublicInternet, now)
		s.pingRelays(own, now)
	}
	s.ping(wire.LocalNetwork, now)
	if outbound >= routing.OutboundNeedsSafetyRoutes {
		s.manageRoutes(now)
	} else if c := s.cfg.Routes.TakeChange(); c != nil {
		s.routeChange(*c)
	}
	if s.detect.Load() {
		s.detectTick(own, inbound, now)
	}
	s.saveTick(now)
}

func (s *session) routeChange(c route.Change) {
	if s.cfg.RouteChange != nil {
		s.cfg.RouteChange(c)
	}
}

// watchMapper starts the network anew when a mapped port is gone for good
// (spec 04 §9.5).
func (s *session) watchMapper() {
	if s.cfg.Mapper == nil {
		return
	}
	select {
	case <-s.cfg.Mapper.Lost():
		s.log.Info("port mapping lost; the network starts anew")
		s.Restart()
	default:
	}
}

// watchInterfaces notices a change of the device's addresses (spec 04 §9.7).
func (s *session) watchInterfaces(ctx context.Context) {
	network, err := s.cfg.NetInfo.Network(ctx)
	if err != nil {
		return
	}
	old := s.cfg.Table.Domains()
	if sameNetwork(old.Network(), &network) {
		return
	}
	d := routing.NewDomains(network, old.Private())
	families := d.AddressTypes(wire.PublicInternet, allowedFamilies(s.settings.Load().Network.AddressTypes))
	s.log.Info("network changed")
	if s.cfg.Mapper != nil {
		s.cfg.Mapper.Clear(ctx) // the gateway may be another
	}
	s.cfg.Names.Forget()
	s.onlySelf.Store(0)
	s.cfg.Table.SetDomains(d)
	if families == 0 || families != s.families {
		s.Restart() // sockets of another family are needed
		return
	}
	if s.probe != nil { // which connections are still good cannot be told
		s.probe.begin(time.Now())
		s.configure(d, false)
		s.reconnect()
		return
	}
	s.detect.Store(s.wantsDetection(d))
	s.configure(d, false)
	s.publish(time.Now())
}

// reconnect closes connections that may be dead without having said so, and opens
// those to the relays again.
func (s *session) reconnect() {
	s.stack.CloseAll()
	s.cfg.Table.Own(wire.PublicInternet).RelayPingsDue()
	s.poke()
}

// sameNetwork compares what matters: addresses and the way out.
func sameNetwork(a, b *platform.Network) bool {
	return a.Offline == b.Offline && a.Changes == b.Changes && a.Egress4 == b.Egress4 && a.Egress6 == b.Egress6 &&
		slices.EqualFunc(a.Interfaces, b.Interfaces, func(x, y platform.Interface) bool {
			return x.Name == y.Name && x.MTU == y.MTU && x.Running == y.Running && slices.Equal(x.Addrs, y.Addrs)
		})
}

// Times of saving (spec 04 §4): after a change that settled, and at the latest
// once in a while.
const (
	saveSettle = 5 * time.Second
	saveLeast  = 10 * time.Second
	savePeriod = 300 * time.Second
)

// saveTick saves the routing table and the routes when that is due.
func (s *session) saveTick(now time.Time) {
	if s.cfg.Save == nil {
		return
	}
	routes := s.cfg.Routes.SaveState()
	dirty := s.cfg.Table.Dirty() || routes.Changes != s.saving.routes
	switch {
	case !dirty:
		s.saving.since = time.Time{}
	case s.saving.since.IsZero():
		s.saving.since = now
	}
	settled := routes.Urgent || now.Sub(s.saving.since) >= saveSettle
	if !(dirty && settled || now.Sub(s.saving.at) >= savePeriod) {
		return
	}
	s.run(&s.jobs.save, saveLeast, now, func(ctx context.Context) {
		if err := s.cfg.Save(ctx); err != nil {
			s.log.Warn("not saved", "err", err)
		}
	})
	s.saving = saving{routes: routes.Changes, at: now}
}

// saving remembers what was saved; the loop's own.
type saving struct {
	routes uint64    // changes of routes that were saved
	since  time.Time // of the first change that is not; zero: none
	at     time.Time // of the last save
}
