package network

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/envelope"
	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// Numbers of a release build (spec 02 §0, §10, §12).
const (
	defaultRelayQueue     = 1024
	relayWorkersPerCore   = 16
	defaultReverseTimeout = 5 * time.Second
	defaultPunchTimeout   = 5 * time.Second
	defaultPunchTTL       = 3
	defaultPunchTTLCGNAT  = 8
	defaultSendTimeout    = 2 * time.Second
)

// Stack is what the manager needs of a transport.Stack. Methods may block until
// the context ends, may be called from any goroutine, and keep no slice.
type Stack interface {
	// SendFlow sends on a flow that exists, or fails with transport.ErrNoFlow.
	// Datagrams are at most maxDatagram bytes.
	SendFlow(ctx context.Context, flow transport.Flow, msg []byte, maxDatagram int) error
	// SendDialInfo reuses or opens a connection, or sends datagrams.
	SendDialInfo(ctx context.Context, di wire.DialInfo, msg []byte, opts transport.SendOptions) (transport.Flow, error)
	// SendOnce sends from a fresh socket and forgets it.
	SendOnce(ctx context.Context, di wire.DialInfo, msg []byte) error
	// Punch sends an empty datagram with a time to live.
	Punch(ctx context.Context, remote netip.AddrPort, ttl int) error
	// Alive reports whether a connection is in the table.
	Alive(flow transport.Flow) bool
	// Prioritize keeps a connection from being evicted, among others.
	Prioritize(flow transport.Flow)
}

// Config is what a manager is made of. Fields without "nil" or "0" in their
// comment are required.
type Config struct {
	Crypto     *crypto.Crypto
	Identity   []*envelope.Identity // own, one per kind, the best first
	Table      *routing.Table
	Filter     *transport.AddressFilter
	NetworkKey envelope.NetworkKey // zero: no network key
	Handler    Handler
	Clock      *crypto.Clock

	Bootstrap  BootstrapSource              // nil: BOOT and B01T are not served
	ConnClosed func(c transport.ConnClosed) // told of each connection that ended; must not block; nil: nobody

	RelayEnabled bool // forward envelopes for others
	RelayQueue   int  // messages; 0: 1024
	RelayWorkers int  // 0: 16 per core

	SendTimeout           time.Duration // of one send that opens nothing; 0: 2 s
	ReverseConnectTimeout time.Duration // 0: 5 s
	HolePunchTimeout      time.Duration // 0: 5 s
	HolePunchTTL          int           // 0: 3
	HolePunchTTLCGNAT     int           // behind carrier NAT; 0: 8

	Logger *slog.Logger  // nil: no log
	Panic  guard.Handler // of its goroutines; nil: the process ends
}

// Manager moves sealed bytes between this node and others. Methods may be
// called from any goroutine.
//
// Goroutines: see the package. Locks: none is held while calling out.
type Manager struct {
	cfg      Config
	codec    *envelope.Codec
	table    *routing.Table
	filter   *transport.AddressFilter
	log      *slog.Logger
	receipts *Receipts
	outcomes outcomes
	accepted acceptedFlows

	stack    atomic.Pointer[Stack]     // nil: the network is not started
	signals  atomic.Pointer[Signaller] // nil: no signals yet
	ready    atomic.Bool               // outbound side is ready
	traffic  traffic
	reached  reached
	attempts attempts
	bodies   sync.Pool // of *[]byte: decrypted bodies
	messages sync.Pool // of *[]byte: sealed or relayed messages

	stampsMu sync.Mutex // guards stamps
	stamps   *envelope.Timestamps

	reaching  reaching // signals of ours under way
	served    limiter  // signals of others under way
	relay     chan relayed
	relaying  atomic.Bool // envelopes of others are forwarded
	relayOnce sync.Once   // starts the workers

	relayDequeue, relayProcess routing.LatencyMeter

	answers chan bootRequest

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	life   sync.RWMutex // guards closed; a goroutine is started under its read lock
	closed bool
	wg     sync.WaitGroup
}

// New makes a manager. It receives when it is the handler of a transport.Stack,
// and sends once [Manager.SetStack] was called.
func New(cfg Config) (*Manager, error) {
	if cfg.Crypto == nil || cfg.Table == nil || cfg.Filter == nil || cfg.Handler == nil || cfg.Clock == nil || len(cfg.Identity) == 0 {
		return nil, errors.New("network: Crypto, Identity, Table, Filter, Handler and Clock are required")
	}
	orDefault(&cfg.RelayQueue, defaultRelayQueue)
	orDefault(&cfg.RelayWorkers, relayWorkersPerCore*runtime.GOMAXPROCS(0))
	orDefault(&cfg.SendTimeout, defaultSendTimeout)
	orDefault(&cfg.ReverseConnectTimeout, defaultReverseTimeout)
	orDefault(&cfg.HolePunchTimeout, defaultPunchTimeout)
	orDefault(&cfg.HolePunchTTL, defaultPunchTTL)
	orDefault(&cfg.HolePunchTTLCGNAT, defaultPunchTTLCGNAT)
	cfg.Identity = slices.Clone(cfg.Identity)
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	m := &Manager{
		cfg:      cfg,
		codec:    envelope.NewCodec(cfg.Crypto, cfg.NetworkKey),
		table:    cfg.Table,
		filter:   cfg.Filter,
		log:      log,
		receipts: NewReceipts(cfg.Crypto, cfg.Identity[0], cfg.Panic),
		stamps:   envelope.NewTimestamps(envelope.TimestampsConfig{}),
		served:   make(limiter, maxServedSignals),
		relay:    make(chan relayed, cfg.RelayQueue),
		answers:  make(chan bootRequest, bootQueue),
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.SetRelaying(cfg.RelayEnabled)
	if cfg.Bootstrap != nil {
		m.cfg.Panic.Go(&m.wg, m.bootstrapLoop)
	}
	return m, nil
}

// SetRelaying says whether the manager forwards envelopes for others. Its workers
// start with the first time.
func (m *Manager) SetRelaying(on bool) {
	m.relaying.Store(on)
	if !on {
		return
	}
	m.relayOnce.Do(func() {
		for range m.cfg.RelayWorkers {
			m.spawn(m.relayLoop)
		}
	})
}

func orDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}

// SetStack starts sending through a stack; nil stops it. A node that detaches
// and attaches again has a new stack each time and keeps its manager.
func (m *Manager) SetStack(s Stack) {
	if s == nil {
		m.stack.Store(nil)
		return
	}
	m.stack.Store(&s)
}

// SetSignaller sets what sends signals and receipts. Before it is called no
// peer is reached by signal.
func (m *Manager) SetSignaller(s Signaller) { m.signals.Store(&s) }

// SetOutboundReady says whether the node works in the network: only then do
// transports on which everything fails restrict sending (spec 04 §11.7).
func (m *Manager) SetOutboundReady(on bool) { m.ready.Store(on) }

// Receipts is where receipts are made, waited for and returned.
func (m *Manager) Receipts() *Receipts { return m.receipts }

// Alive is the rule for live flows (spec 02 §6.3): a connection while it is in
// the table, UDP for 15 s after the last reception. It fits routing.Alive.
func (m *Manager) Alive(flow transport.Flow, lastReceived time.Time) bool {
	if flow.Protocol == wire.UDP {
		return time.Since(lastReceived) < routing.UDPFlowLife
	}
	s := m.stack.Load()
	return s != nil && (*s).Alive(flow)
}

// PunishNode punishes a node for an hour: its envelopes are dropped and it is
// not contacted (spec 02 §7.2).
func (m *Manager) PunishNode(id crypto.NodeID, why transport.Reason) {
	m.filter.PunishNode(id, why, time.Now())
	if e := m.table.Lookup(id); e != nil {
		e.SetPunished(true)
	}
	m.log.Debug("node punished", "peer", id, "err", why.String())
}

func (m *Manager) punishIP(flow transport.Flow, why transport.Reason, err error) {
	m.filter.PunishIP(flow.Remote.Addr(), why, time.Now())
	m.log.Debug("address punished", "flow", flow.String(), "op", why.String(), "err", err)
}

// PurgePunishments ends punishments that are over; once a minute is enough
// (spec 02 §7.2).
func (m *Manager) PurgePunishments(now time.Time) {
	for _, id := range m.filter.Purge(now) {
		if e := m.table.Lookup(id); e != nil {
			e.SetPunished(false)
		}
	}
}

// Stalled tells that this node did not run from one time to another: what was
// sent to it in that stretch is dropped (spec 02 §9.4).
func (m *Manager) Stalled(from, to time.Time) {
	m.stampsMu.Lock()
	defer m.stampsMu.Unlock()
	m.stamps.Stall(crypto.FromTime(from), crypto.FromTime(to))
}

// HandleConnClosed implements transport.Handler.
func (m *Manager) HandleConnClosed(c transport.ConnClosed) {
	if c.Inbound {
		m.accepted.remove(c.Flow)
	}
	if m.cfg.ConnClosed != nil {
		m.cfg.ConnClosed(c)
	}
}

// traffic counts the payload of messages.
type traffic struct {
	down, up, dropped atomic.Uint64
}

// Traffic is what a manager has moved since it was made, in bytes of messages
// without framing (spec 04 §13).
type Traffic struct {
	Down, Up uint64
	Dropped  uint64 // messages that were not handed on because a queue was full
}

// Traffic is a snapshot of the counters.
func (m *Manager) Traffic() Traffic {
	return Traffic{m.traffic.down.Load(), m.traffic.up.Load(), m.traffic.dropped.Load()}
}

// reached counts how peers were reached.
type reached struct {
	by         [routing.ContactInboundRelay + 1]atomic.Uint64
	answered   [2]atomic.Uint64 // signals of others that we answered
	unanswered atomic.Uint64
	relayed    atomic.Uint64
}

func (r *reached) count(k routing.ContactKind) {
	if int(k) < len(r.by) {
		r.by[k].Add(1)
	}
}

// Reached counts the messages sent by each contact method since the manager was
// made; answers that went back on their question's flow are not in it.
type Reached struct {
	Existing, Direct, ReverseConnect, HolePunch, InboundRelay uint64
	SignalsUnanswered                                         uint64 // ours, that fell back on the relay
	ReverseConnected, HolesPunched                            uint64 // signals of others that we answered
	RelayedForOthers                                          uint64 // envelopes passed on
}

// Reached is a snapshot.
func (m *Manager) Reached() Reached {
	by := func(k routing.ContactKind) uint64 { return m.reached.by[k].Load() }
	return Reached{
		Existing: by(routing.ContactExisting), Direct: by(routing.ContactDirect),
		ReverseConnect: by(routing.ContactSignalReverse), HolePunch: by(routing.ContactSignalHolePunch),
		InboundRelay: by(routing.ContactInboundRelay), SignalsUnanswered: m.reached.unanswered.Load(),
		ReverseConnected: m.reached.answered[wire.SignalReverseConnect].Load(),
		HolesPunched:     m.reached.answered[wire.SignalHolePunch].Load(),
		RelayedForOthers: m.reached.relayed.Load(),
	}
}

// RelayTimings say how long the newest 50 envelopes that were relayed for others
// waited for a worker after their sender was checked, also for room in the queue, and
// how long the worker took to hand them to the transport. They are zero before the
// first.
type RelayTimings struct{ Dequeue, Process routing.Latency }

// RelayTimings is a snapshot.
func (m *Manager) RelayTimings() (t RelayTimings) {
	t.Dequeue, _ = m.relayDequeue.Latency()
	t.Process, _ = m.relayProcess.Latency()
	return t
}

// spawn starts a goroutine that Close waits for; false: closed.
func (m *Manager) spawn(f func()) bool {
	m.life.RLock()
	defer m.life.RUnlock()
	if m.closed {
		return false
	}
	m.cfg.Panic.Go(&m.wg, f)
	return true
}

// Close ends every wait and joins all goroutines. Close the stack first: its
// readers call the manager. Calling it again does nothing.
func (m *Manager) Close() error {
	m.life.Lock()
	m.closed = true
	m.life.Unlock()
	m.cancel()
	m.receipts.Close()
	m.wg.Wait()
	return nil
}

// buffer takes an empty buffer from a pool.
func buffer(p *sync.Pool) *[]byte {
	if b, ok := p.Get().(*[]byte); ok {
		*b = (*b)[:0]
		return b
	}
	return new([]byte)
}
