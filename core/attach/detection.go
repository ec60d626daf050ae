package attach

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/voile-net/voile/core/attach/detect"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/rpc"
	"github.com/voile-net/voile/core/wire"
)

// PortMapper is what maps ports on a gateway.
type PortMapper = detect.PortMapper

// maxDetectFailures in a row take the published peer info back (spec 04 §9.6).
const maxDetectFailures = 3

// detection finds out our public addresses, and notices when they change.
type detection struct {
	watch    detect.Watch
	again    atomic.Bool // an observation says that the address has changed
	failures atomic.Int32

	mu   sync.Mutex
	last detect.Result // of the last detection that found something
}

// Observe takes what a node said about our address. It fits rpc.Config.
func (a *Attacher) Observe(o rpc.Observation) {
	s := a.current.Load()
	if s == nil || !s.detect.Load() || o.Domain != wire.PublicInternet {
		return
	}
	own := a.cfg.Table.Own(wire.PublicInternet)
	p := o.Reporter.PeerInfo(wire.PublicInternet)
	report := detect.Report{
		Protocol: o.Flow.Protocol, Local: o.Flow.Local, Remote: o.Flow.Remote,
		Reachable: p != nil && len(p.Info.DialInfo) > 0, Seen: o.Addr,
	}
	if o.HadPrevious {
		report.Previous = o.Previous
	}
	if s.detection.watch.Observe(report, &detect.Own{
		Online: true, Published: own.Published(), DialInfo: own.DialInfo(), Groups: s.groups(),
	}) {
		a.log.Info("public address seems to have changed")
		s.detection.again.Store(true)
		a.poke()
	}
}

// detectTick runs a detection when one is due (spec 04 §9.1).
func (s *session) detectTick(own *routing.Own, inbound routing.InboundStage, now time.Time) {
	d := &s.detection
	if d.again.CompareAndSwap(true, false) {
		own.SetConfirmed(false)
		inbound = routing.InboundNeedsDialInfoConfirmation
	}
	due := inbound == routing.InboundNeedsDialInfoConfirmation && own.ReadyToDetect(now)
	if !due && own.Confirmed() {
		d.mu.Lock()
		last := d.last
		d.mu.Unlock()
		due = last.MoreValidators(s.validators)
	}
	if !due {
		return
	}
	s.run(&s.jobs.detect, time.Second, now, s.detectAddresses)
}

func (s *session) validators(n int, f routing.DialFilter) []*routing.Entry {
	return s.cfg.Table.Validators(n, f, time.Now())
}

// groups are the listeners whose public address nobody has configured.
func (s *session) groups() []detect.Group {
	p := &s.settings.Load().Network.Protocol
	configured := map[wire.ProtocolType]bool{
		wire.UDP: p.UDP.PublicAddress != nil, wire.TCP: p.TCP.PublicAddress != nil, wire.WS: p.WS.URL != nil,
	}
	return detect.Groups(s.stack.BoundAddrs(), s.families, func(t routing.Transport) bool { return configured[t.Protocol] })
}

// detectAddresses asks others where they see us (spec 04 §9.3), and publishes what
// comes of it.
func (s *session) detectAddresses(ctx context.Context) {
	d := &s.detection
	own := s.cfg.Table.Own(wire.PublicInternet)
	var static wire.AddressSet
	for _, di := range s.configuredDialInfo(wire.PublicInternet, s.cfg.Table.Domains()) {
		static |= wire.Addresses(di.DialInfo.AddressType())
	}
	var interfaces []netip.Addr
	for _, i := range s.cfg.Table.Domains().Network().Interfaces {
		for _, a := range i.Addrs {
			interfaces = append(interfaces, a.Prefix.Addr())
		}
	}
	result, err := detect.Run(ctx, detect.Config{
		Groups: s.groups(), WSPath: s.settings.Load().Network.Protocol.WS.Path, Static: static,
		Interfaces: interfaces, Validators: s.validators, Asker: asker{s}, Mapper: s.cfg.Mapper,
		RestrictedNATRetries: s.cfg.Tuning.RestrictedNATRetries, Logger: s.log,
	})
	if ctx.Err() != nil {
		return
	}
	switch {
	case errors.Is(err, detect.ErrStarved):
		return
	case err != nil:
		s.log.Info("public address not detected", "err", err)
		if d.failures.Add(1) == maxDetectFailures && own.Unpublish() {
			s.cfg.Routes.OwnNodeInfoChanged(time.Now())
		}
		return
	}
	d.failures.Store(0)
	d.mu.Lock()
	d.last = result
	d.mu.Unlock()
	d.watch.Detected(&result)
	setup := own.Setup()
	setup.Families = result.Families
	own.SetSetup(setup)
	own.SetStaticDialInfo(s.configuredDialInfo(wire.PublicInternet, s.cfg.Table.Domains()))
	own.SetDetectedDialInfo(result.DialInfo)
	own.SetConfirmed(true)
	s.log.Info("public address detected", "count", len(result.DialInfo))
	s.addressesChanged(s.cfg.Table.Domains())
	s.poke()
}

// asker asks for a detection.
type asker struct{ s *session }

func (a asker) External(ctx context.Context, e *routing.Entry, t routing.Transport) (netip.AddrPort, error) {
	e.ForgetFlows(routing.DialFilter{Protocols: wire.Protocols(t.Protocol), Families: wire.Addresses(t.Family)})
	d := rpc.Node(e, routing.OrderingOf(t.Protocol).Strict()).Over(wire.Protocols(t.Protocol), wire.Addresses(t.Family))
	answer, err := a.s.cfg.RPC.Status(ctx, d)
	if err != nil {
		return netip.AddrPort{}, err
	}
	seen := answer.Detail.(*wire.StatusA).SenderAddr
	if !answer.Sent.ToDialInfo || !seen.IsValid() {
		return netip.AddrPort{}, errors.New("the node did not say where it saw us")
	}
	return seen, nil
}

func (a asker) Validate(ctx context.Context, e *routing.Entry, di wire.DialInfo, redirect bool) detect.Verdict {
	d := rpc.Node(e, wire.PreferOrdered).Over(wire.AllProtocols, wire.Addresses(di.AddressType()))
	err := a.s.cfg.RPC.Validate(ctx, d, di, redirect, a.s.cfg.Tuning.ValidateReceiptTimeout)
	switch {
	case err == nil:
		return detect.Reached
	case errors.Is(err, rpc.ErrTimeout):
		return detect.NotReached
	}
	return detect.NoVerdict
}
