package network

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// maxServedSignals bounds the signals of others that are acted on at once: each
// makes us open a connection or wait.
const maxServedSignals = 64

// Signaller sends the two statements that the manager needs; core/rpc is one.
// Methods may block until the context ends.
type Signaller interface {
	// SendSignal sends a signal to target, to be delivered at the relay's dial info.
	SendSignal(ctx context.Context, target *routing.Entry, relay wire.DialInfo, s *wire.Signal) error
	// SendReturnReceipt sends a receipt back to target.
	SendReturnReceipt(ctx context.Context, target *routing.Entry, receipt []byte, opts ReturnOptions) error
}

// ReturnOptions says how a receipt goes back; they are those of a [Request].
type ReturnOptions struct {
	Sequencing wire.Sequencing
	PinFlow    *transport.Flow // and nowhere else; nil: not pinned
	DialInfo   *wire.DialInfo  // exactly there; nil: a contact method is chosen
}

// reachKey names one attempt to reach a node.
type reachKey struct {
	target *routing.Entry
	method routing.ContactMethod
}

// reaching lets several sends to one node share one signal: the first one
// signals, the others wait for its flow. The zero value is ready.
type reaching struct {
	mu   sync.Mutex // guards runs
	runs map[reachKey]*reachRun
}

type reachRun struct {
	done chan struct{} // closed when flow and err are set
	flow transport.Flow
	err  error
}

// once runs f, or waits for the one that runs it for the same key. If that one
// gave up for reasons of its own, f is run after all.
func (r *reaching) once(ctx context.Context, key reachKey, f func(context.Context) (transport.Flow, error)) (transport.Flow, error) {
	for {
		r.mu.Lock()
		run := r.runs[key]
		if run == nil {
			run = &reachRun{done: make(chan struct{})}
			if r.runs == nil {
				r.runs = make(map[reachKey]*reachRun)
			}
			r.runs[key] = run
			r.mu.Unlock()
			run.flow, run.err = f(ctx)
			r.mu.Lock()
			delete(r.runs, key)
			r.mu.Unlock()
			close(run.done)
			return run.flow, run.err
		}
		r.mu.Unlock()
		select {
		case <-run.done:
		case <-ctx.Done():
			return transport.Flow{}, ctx.Err()
		}
		if !errors.Is(run.err, context.Canceled) && !errors.Is(run.err, context.DeadlineExceeded) {
			return run.flow, run.err
		}
	}
}

// errUnanswered is the one failure of a signal that the relay makes good for.
var errUnanswered = fmt.Errorf("signal not answered: %w", ErrTimeout)

// reach is the initiator's half of a signal (spec 02 §12, spec 04 §10.4). It
// returns the flow on which the receipt came back. errUnanswered: the target
// did not come, or by another way than it had to.
func (m *Manager) reach(ctx context.Context, target *routing.Entry, c routing.ContactMethod) (transport.Flow, error) {
	stack, signaller := m.stack.Load(), m.signals.Load()
	own := m.table.Own(wire.PublicInternet).Published()
	switch {
	case stack == nil:
		return transport.Flow{}, ErrClosed
	case signaller == nil:
		return transport.Flow{}, fmt.Errorf("signal: %w", ErrUnsupported)
	case own == nil:
		return transport.Flow{}, ErrNotPublished
	}
	signal := &wire.Signal{Kind: wire.SignalReverseConnect, PeerInfo: own}
	lifetime := m.cfg.ReverseConnectTimeout
	punch := func() error { return nil }
	if c.Kind == routing.ContactSignalHolePunch {
		signal.Kind, signal.DialInfo = wire.SignalHolePunch, &c.Own
		lifetime = m.cfg.HolePunchTimeout
		punch = func() error { return (*stack).Punch(ctx, c.Target.Addr, m.punchTTL(c.Target)) }
	}
	if err := punch(); err != nil {
		return transport.Flow{}, fmt.Errorf("hole punch: %w", err)
	}
	if signal.Kind == wire.SignalHolePunch {
		if err := pause(ctx, punchPause); err != nil {
			return transport.Flow{}, err
		}
	}
	receipt, err := m.receipts.New(InBand, lifetime)
	if err != nil {
		return transport.Flow{}, err
	}
	defer receipt.Cancel()
	signal.Receipt = receipt.Bytes()
	if err := (*signaller).SendSignal(ctx, target, c.DialInfo, signal); err != nil {
		return transport.Flow{}, fmt.Errorf("signal: %w", err)
	}
	if err := punch(); err != nil {
		return transport.Flow{}, fmt.Errorf("hole punch: %w", err)
	}
	ret, err := receipt.Wait(ctx)
	switch {
	case errors.Is(err, ErrTimeout):
		return transport.Flow{}, errUnanswered
	case err != nil:
		return transport.Flow{}, err
	case !target.HasID(ret.Sender):
		return transport.Flow{}, fmt.Errorf("receipt from another node: %w", errUnanswered)
	case signal.Kind == wire.SignalHolePunch && (ret.Flow.Protocol != wire.UDP || ret.Flow.Remote != c.Target.Addr):
		// It came through the relay: the hole is not open (spec 02 §12).
		return transport.Flow{}, fmt.Errorf("receipt from another address: %w", errUnanswered)
	}
	return ret.Flow, nil
}

// punchTTL is a time to live that leaves our own NAT and ends before the other's
// (spec 02 §2.3).
func (m *Manager) punchTTL(to wire.DialInfo) int {
	if m.table.Domains().CarrierNAT(to.AddressType()) {
		return m.cfg.HolePunchTTLCGNAT
	}
	return m.cfg.HolePunchTTL
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// limiter is a bound on things at once.
type limiter chan struct{}

func (l limiter) enter() bool {
	select {
	case l <- struct{}{}:
		return true
	default:
		return false
	}
}

func (l limiter) leave() { <-l }

// HandleSignal is the target's half of a signal that arrived directly, in the
// envelope in (spec 02 §12, spec 04 §10.4). It checks and registers at once and
// acts in a goroutine of the manager. s is kept; in is not.
//
// Errors: ErrSignal breaks a rule and punishes the sender; ErrNotPublished,
// ErrRegister and ErrBusy only drop the signal.
func (m *Manager) HandleSignal(_ context.Context, s *wire.Signal, in *Inbound) error {
	own := m.table.Own(in.Domain).Published()
	if own == nil || !slices.Contains(own.Info.Capabilities, wire.CapSGNL) {
		return ErrNotPublished
	}
	if s.PeerInfo == nil {
		return fmt.Errorf("%w: no peer info", ErrSignal)
	}
	if s.DialInfo != nil && !slices.ContainsFunc(s.PeerInfo.Info.DialInfo, func(d wire.DialInfoDetail) bool {
		return d.DialInfo == *s.DialInfo
	}) {
		return fmt.Errorf("%w: dial info is not one of the peer's", ErrSignal)
	}
	peer, err := m.registerSignaller(s.PeerInfo, in)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRegister, err)
	}
	signaller := m.signals.Load()
	if signaller == nil {
		return ErrUnsupported
	}
	if !m.served.enter() {
		return fmt.Errorf("%w: %d signals", ErrBusy, maxServedSignals)
	}
	sequencing := wire.PreferUnordered
	if in.Ordered() {
		sequencing = wire.EnsureOrdered
	}
	started := m.spawn(func() {
		defer m.served.leave()
		var err error
		if s.Kind == wire.SignalHolePunch {
			err = m.punchBack(m.ctx, *signaller, peer, s, in.Domain)
		} else {
			err = (*signaller).SendReturnReceipt(m.ctx, peer, s.Receipt, ReturnOptions{Sequencing: sequencing})
		}
		if err != nil {
			m.log.Debug("signal not answered", "peer", peer.BestID(), "err", err)
			return
		}
		m.reached.answered[s.Kind].Add(1)
	})
	if !started {
		m.served.leave()
		return ErrClosed
	}
	return nil
}

// registerSignaller registers whoever signals. It must speak for itself, or a
// signal could send us to a third node.
func (m *Manager) registerSignaller(p *wire.PeerInfo, in *Inbound) (*routing.Entry, error) {
	if !slices.Contains(p.NodeIDs, in.Sender) {
		return nil, errors.New("peer info of another node")
	}
	domain, ok := m.table.Domains().Assign(&p.Info, in.Domain)
	if !ok {
		return nil, routing.ErrDomain
	}
	if p.Domain != domain {
		moved := *p
		moved.Domain = domain
		p = &moved
	}
	return m.table.RegisterPeer(p, routing.RegisterOptions{}, time.Now())
}

// punchBack sends an empty datagram to the initiator's dial info and, after a
// pause, the receipt by the same flow.
func (m *Manager) punchBack(ctx context.Context, signaller Signaller, peer *routing.Entry, s *wire.Signal, domain wire.RoutingDomain) error {
	stack := m.stack.Load()
	if stack == nil {
		return ErrClosed
	}
	di, ok := m.punchTarget(s, domain)
	if !ok {
		return fmt.Errorf("hole punch: %w", ErrUnsupported)
	}
	if err := (*stack).Punch(ctx, di.Addr, m.punchTTL(di)); err != nil {
		return fmt.Errorf("hole punch: %w", err)
	}
	if err := pause(ctx, punchPause); err != nil {
		return err
	}
	// Datagrams to a dial info leave from the socket that punched.
	return signaller.SendReturnReceipt(ctx, peer, s.Receipt, ReturnOptions{DialInfo: &di})
}

// punchTarget is the dial info that the signal names, or as from 0.5.2 the first
// UDP one that we can dial. Anything but UDP cannot be punched.
func (m *Manager) punchTarget(s *wire.Signal, domain wire.RoutingDomain) (wire.DialInfo, bool) {
	can := m.table.Own(domain).Outbound()
	usable := func(di wire.DialInfo) bool { return di.Protocol == wire.UDP && can.Matches(routing.TransportOf(di)) }
	if s.DialInfo != nil {
		return *s.DialInfo, usable(*s.DialInfo)
	}
	for _, d := range s.PeerInfo.Info.DialInfo {
		if usable(d.DialInfo) {
			return d.DialInfo, true
		}
	}
	return wire.DialInfo{}, false
}

// SendReceiptOutOfBand sends a receipt as it is from a fresh socket, the answer
// to validateDialInfo (spec 02 §11.2).
func (m *Manager) SendReceiptOutOfBand(ctx context.Context, di wire.DialInfo, receipt []byte) error {
	stack := m.stack.Load()
	if stack == nil {
		return ErrClosed
	}
	if err := (*stack).SendOnce(ctx, di, receipt); err != nil {
		return &SendError{Method: "out of band", To: di.String(), Err: err}
	}
	m.traffic.up.Add(uint64(len(receipt)))
	return nil
}

var _ transport.Handler = (*Manager)(nil)
