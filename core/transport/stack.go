package transport

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	crand "crypto/rand"

	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/core/wire"
)

// Defaults of Config (spec 02 §0).
const (
	DefaultMaxConnections    = 32
	DefaultConnectTimeout    = 5 * time.Second
	DefaultSendTimeout       = 2 * time.Second
	DefaultInactivityTimeout = 60 * time.Second
	DefaultSendQueue         = 64 << 10
)

// Config is what a stack is made of.
type Config struct {
	Host    Host           // required
	Handler Handler        // required
	Filter  *AddressFilter // nil: a new one
	Logger  *slog.Logger   // nil: no log
	Panic   guard.Handler  // of its goroutines; nil: the process ends
	Rand    io.Reader      // of keys and masks; nil: crypto/rand

	MaxConnections    int           // in the table; 0: 32
	ConnectTimeout    time.Duration // of a connect with its upgrade, of each step of an accept; 0: 5 s
	SendTimeout       time.Duration // a message waits for room in a queue until that stood still for so long; 0: 2 s
	InactivityTimeout time.Duration // without a received message; 0: 60 s
	SendQueue         int           // bytes that wait on one connection before senders wait; 0: 64 KiB
	UDPReaders        int           // goroutines that read one datagram socket; 0: one per core
}

// Stack is the transports of one node. Methods may be called from any goroutine.
//
// Goroutines: two for each connection, UDPReaders for each datagram socket, one
// for each listener and one for each connection that is being accepted; all end
// in Close. Locks: mu, held for moments only.
type Stack struct {
	cfg    Config
	host   Host
	filter *AddressFilter
	log    *slog.Logger
	ctx    context.Context // ends when the stack closes
	cancel context.CancelFunc
	wg     sync.WaitGroup
	start  time.Time
	random random

	udpFlows udpFlows
	buffers  sync.Pool // of *[]byte, for what goes out
	count    counters

	mu        sync.Mutex
	closed    bool
	table     table
	listeners []*listener
	sockets   []*udpSocket
	accepting accepting
	remotes   map[netip.AddrPort]*remoteLock
	addrs     addresses
	protected func(netip.Addr) bool // never nil
}

// addresses are what the node says of its device.
type addresses struct {
	own              map[netip.AddrPort]bool // never dialled
	global4, global6 netip.Addr              // to bind connections out to; invalid: none
}

type protocolCounters struct {
	messagesSent, messagesReceived, bytesSent, bytesReceived atomic.Uint64
}

type counters struct {
	udp, tcp, ws              protocolCounters
	ignored, refused, evicted atomic.Uint64
}

func (c *counters) of(p wire.ProtocolType) *protocolCounters {
	switch p {
	case wire.UDP:
		return &c.udp
	case wire.TCP:
		return &c.tcp
	}
	return &c.ws
}

func (c *protocolCounters) sent(n int) {
	c.messagesSent.Add(1)
	c.bytesSent.Add(uint64(n))
}

func (c *protocolCounters) received(n int) {
	c.messagesReceived.Add(1)
	c.bytesReceived.Add(uint64(n))
}

func (c *protocolCounters) snapshot() Counters {
	return Counters{c.messagesSent.Load(), c.messagesReceived.Load(), c.bytesSent.Load(), c.bytesReceived.Load()}
}

// random gives keys and masks: a stream seeded once, so that a frame costs no
// system call.
type random struct {
	mu  sync.Mutex
	src *rand.ChaCha8
}

func (r *random) fill(b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.src.Read(b) // never fails
}

// New makes a stack that listens nowhere yet, but can send. Close ends it.
func New(cfg Config) (*Stack, error) {
	if cfg.Host == nil || cfg.Handler == nil {
		return nil, errors.New("transport: Host and Handler are required")
	}
	if cfg.Filter == nil {
		cfg.Filter = NewAddressFilter(nil)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Rand == nil {
		cfg.Rand = crand.Reader
	}
	setDefault(&cfg.MaxConnections, DefaultMaxConnections)
	setDefault(&cfg.ConnectTimeout, DefaultConnectTimeout)
	setDefault(&cfg.SendTimeout, DefaultSendTimeout)
	setDefault(&cfg.InactivityTimeout, DefaultInactivityTimeout)
	setDefault(&cfg.SendQueue, DefaultSendQueue)
	setDefault(&cfg.UDPReaders, runtime.GOMAXPROCS(0))
	var seed [32]byte
	if _, err := io.ReadFull(cfg.Rand, seed[:]); err != nil {
		return nil, err
	}
	s := &Stack{
		cfg:       cfg,
		host:      cfg.Host,
		filter:    cfg.Filter,
		log:       cfg.Logger,
		start:     time.Now(),
		random:    random{src: rand.NewChaCha8(seed)},
		table:     newTable(),
		accepting: accepting{byBlock: make(map[netip.Addr]int)},
		remotes:   make(map[netip.AddrPort]*remoteLock),
		protected: func(netip.Addr) bool { return false },
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

func setDefault[T int | time.Duration](v *T, def T) {
	if *v <= 0 {
		*v = def
	}
}

// Filter is the address filter of the stack.
func (s *Stack) Filter() *AddressFilter { return s.filter }

// SetOwnAddrs names the socket addresses of the node's own dial info, which are
// never dialled (spec 02 §6.2).
func (s *Stack) SetOwnAddrs(own []netip.AddrPort) {
	m := make(map[netip.AddrPort]bool, len(own))
	for _, a := range own {
		m[unmap(a)] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addrs.own = m
}

// SetProtected names the connections that are neither idled nor evicted: those
// whose remote address, a relay's, satisfies the predicate (spec 02 §6.1). It
// must not block nor call the stack. nil: none.
func (s *Stack) SetProtected(p func(netip.Addr) bool) {
	if p == nil {
		p = func(netip.Addr) bool { return false }
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.protected = p
}

// SetInterfaces names the addresses that the device has now, and the first
// global one of each family, invalid if there is none. Connections whose local
// address has left are closed (spec 02 §6.1). Connections out are bound to the
// global addresses, and for UDP towards the internet a socket is opened there,
// beside the one that listens on an unspecified address (spec 02 §2.3, §6.2).
func (s *Stack) SetInterfaces(ctx context.Context, addrs []netip.Addr, global4, global6 netip.Addr) {
	have := make(map[netip.Addr]bool, len(addrs))
	for _, a := range addrs {
		have[a.Unmap().WithZone("")] = true
	}
	gone := func(a netip.Addr) bool {
		a = a.WithZone("")
		return a.IsValid() && !a.IsUnspecified() && !a.IsLoopback() && !have[a]
	}
	s.mu.Lock()
	s.addrs.global4, s.addrs.global6 = global4, global6
	var conns []*conn
	for _, c := range s.table.byFlow {
		if gone(c.flow.Local.Addr()) {
			conns = append(conns, c)
		}
	}
	s.mu.Unlock()
	for _, c := range conns {
		c.close(ClosedAddress, nil, flushThenClose)
	}
	s.followGlobal(ctx, global4)
	s.followGlobal(ctx, global6)
	s.dropExtras(global4, global6)
}

// Alive reports whether a connection is in the table; for UDP whether anything
// was received on the flow in the last 15 s (spec 02 §6.3). A flow without a
// local address is any with the same protocol and remote.
func (s *Stack) Alive(f Flow) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.Protocol != wire.UDP {
		return s.table.find(f) != nil
	}
	if f.Local.IsValid() {
		return s.udpFlows.alive(f, s.now())
	}
	for _, u := range s.sockets {
		if f.Local = u.local; s.udpFlows.alive(f, s.now()) {
			return true
		}
	}
	return false
}

// CloseFlow closes a connection, once what is queued has been written or a
// second has passed. Of a UDP flow it forgets that it was live.
func (s *Stack) CloseFlow(f Flow) {
	if f.Protocol == wire.UDP {
		s.udpFlows.forget(f)
		return
	}
	s.mu.Lock()
	c := s.table.find(f)
	s.mu.Unlock()
	if c != nil {
		c.close(ClosedLocal, nil, flushThenClose)
	}
}

// CloseAll closes all connections: the node considers itself offline.
func (s *Stack) CloseAll() {
	for _, c := range s.conns() {
		c.close(ClosedLocal, nil, flushThenClose)
	}
	s.udpFlows.clear()
}

// Hold marks a connection as in use, by a question that waits for its answer,
// so that it is not evicted. release is never nil and may be called twice.
func (s *Stack) Hold(f Flow) (release func()) {
	s.mu.Lock()
	c := s.table.find(f)
	s.mu.Unlock()
	if c == nil {
		return func() {}
	}
	c.held.Add(1)
	return sync.OnceFunc(func() { c.held.Add(-1) })
}

// Prioritize puts a connection at the front of the priority set: ordered flows
// of nodes that use us as a relay (spec 02 §6.1). The set holds a quarter of
// the table; who was longest at the back leaves it. Connections in it are not
// evicted.
func (s *Stack) Prioritize(f Flow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.table.find(f); c != nil {
		s.table.prioritize(c, PriorityLimit(s.cfg.MaxConnections))
	}
}

// PriorityLimit is how many connections the priority set of a table of a size holds.
func PriorityLimit(maxConnections int) int { return maxConnections / 4 }

// Connections is a snapshot of the table, in no order.
func (s *Stack) Connections() []ConnInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	infos := make([]ConnInfo, 0, len(s.table.byFlow))
	for _, c := range s.table.byFlow {
		infos = append(infos, c.infoLocked())
	}
	return infos
}

// Stats is a snapshot of the counters.
func (s *Stack) Stats() Stats {
	return Stats{
		UDP:                s.count.udp.snapshot(),
		TCP:                s.count.tcp.snapshot(),
		WS:                 s.count.ws.snapshot(),
		DatagramsIgnored:   s.count.ignored.Load(),
		AcceptsRefused:     s.count.refused.Load(),
		ConnectionsEvicted: s.count.evicted.Load(),
	}
}

// Purge frees what is too old in the reassembly of datagrams. It is for quiet
// times, since traffic purges too; once a minute is enough.
func (s *Stack) Purge(now time.Time) {
	s.mu.Lock()
	sockets := append([]*udpSocket(nil), s.sockets...)
	s.mu.Unlock()
	for _, u := range sockets {
		u.fragments.Purge(now)
	}
}

// Close ends all sockets and connections and waits for all goroutines, those in
// calls of the handler too. It may be called twice.
func (s *Stack) Close() error {
	s.mu.Lock()
	s.closed = true
	listeners, sockets := s.listeners, s.sockets
	s.listeners, s.sockets = nil, nil
	s.mu.Unlock()
	s.cancel()
	for _, l := range listeners {
		l.ln.Close()
	}
	for _, u := range sockets {
		u.conn.Close()
	}
	for _, c := range s.conns() {
		c.close(ClosedShutdown, nil, flushThenClose)
	}
	s.wg.Wait()
	return nil
}

func (s *Stack) conns() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*conn, 0, len(s.table.byFlow))
	for _, c := range s.table.byFlow {
		all = append(all, c)
	}
	return all
}

// goLocked starts a goroutine that Close waits for; false: the stack is closed.
func (s *Stack) goLocked(f func()) bool {
	if s.closed {
		return false
	}
	s.cfg.Panic.Go(&s.wg, f)
	return true
}

// now is the time since the stack was made plus one, so that 0 can mean never.
// It is what atomics hold.
func (s *Stack) now() int64 { return int64(time.Since(s.start)) + 1 }

// at is the time of a now; zero for 0.
func (s *Stack) at(now int64) time.Time {
	if now == 0 {
		return time.Time{}
	}
	return s.start.Add(time.Duration(now - 1))
}

// checkRemote says whether an address may be sent to.
func (s *Stack) checkRemote(a netip.AddrPort) error {
	if !a.IsValid() || a.Port() == 0 || a.Addr().IsUnspecified() {
		return ErrAddress
	}
	if s.filter.IPPunished(a.Addr(), time.Now()) {
		return ErrPunished
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return ErrClosed
	case s.addrs.own[a]:
		return ErrSelf
	}
	return nil
}
