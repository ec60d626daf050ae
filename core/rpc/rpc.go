package rpc

import (
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/core/network"
	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// Network is what this layer needs of a network.Manager. Methods may block until
// the context ends and may be called from any goroutine.
type Network interface {
	Send(ctx context.Context, r network.Request) (network.Result, error)
	HandleSignal(ctx context.Context, s *wire.Signal, in *network.Inbound) error
	SendReceiptOutOfBand(ctx context.Context, di wire.DialInfo, receipt []byte) error
	Receipts() *network.Receipts
	// Outcome tells how a question over a path that we dialled came out.
	Outcome(t routing.Transport, peer crypto.NodeID, ok bool)
}

// App takes what other applications send to ours. Methods are called from several
// goroutines at once and may block while the application is slow: the message's
// sender is slowed down. They should not while it takes nothing at all. A message
// that is not taken until ctx ends is lost. Slices are the app's.
type App interface {
	AppMessage(ctx context.Context, m AppMessage)
	AppCall(ctx context.Context, c AppCall)
}

// AppMessage is a message of another application.
type AppMessage struct {
	RouteID crypto.RouteID // our private route that it came by; zero: none
	Message []byte
}

// AppCall is a question of another application; [RPC.Reply] answers it.
type AppCall struct {
	AppMessage
	ID uint64
}

// Config is what an RPC layer is made of. Everything without "nil" or "0" in its
// comment is required.
type Config struct {
	Crypto   *crypto.Crypto
	Identity []crypto.KeyPair
	Table    *routing.Table
	Onion    *route.Onion
	Routes   *route.Store
	Filter   *transport.AddressFilter
	App      App
	Alive    routing.Alive // whether a flow can still carry a message
	Records  Records       // nil: this node serves no records
	Rand     io.Reader     // for operation ids

	Timeout     time.Duration // of a question without a long route
	MaxHopCount int           // of routes; bounds how long a routed question is worth answering
	MaxPeers    int           // in an answer, at most 20
	QueueSize   int           // received messages that wait for a worker or are with one
	QueueBytes  int64         // of them; 0: 2 MiB
	Workers     int           // 0: 16 per core

	// DatagramLimit is the largest datagram that our interface takes in a family
	// (spec 03 §6.1); nil: MTU probes are answered without a probe.
	DatagramLimit func(wire.AddressType) int
	// Observe is told of every address that another node saw us at; nil: nobody asks.
	Observe func(Observation)
	// Validators picks the nodes that can be asked to dial an address for somebody
	// else (spec 03 §6.14), best first; nil: none.
	Validators func(di wire.DialInfo, asker *routing.Entry) []*routing.Entry
	// LinkFault reports whether a failure now would be our own link's (spec 04
	// §5.3); nil: never.
	LinkFault func(t routing.Transport) bool

	Logger *slog.Logger  // nil: no log
	Panic  guard.Handler // of its goroutines; nil: the process ends
}

// Observation is an address at which a node saw us (spec 04 §9.7).
type Observation struct {
	Reporter    *routing.Entry
	Domain      wire.RoutingDomain
	Flow        transport.Flow // the question left by
	Addr        netip.AddrPort // that the node saw
	Previous    netip.AddrPort // what it said before
	HadPrevious bool
}

// RPC asks other nodes and answers them.
// Goroutines: the workers, started by Start, and one for each application call
// that waits; all ended by Close. Locks: one for the questions that wait, one
// for the calls that wait, one of each figure of timings; none of them is held while
// calling out.
type RPC struct {
	cfg     Config
	net     Network // set by Start
	decoder wire.Decoder
	log     *slog.Logger

	waiting waiters
	calls   calls

	queue  *queue
	own    *semaphore.Weighted // bytes of our application's messages that are being sent
	ctx    context.Context     // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup

	counters Counters
	timings  timings
}

// New makes the layer. It does nothing before [RPC.Start].
func New(cfg Config) *RPC {
	if cfg.QueueBytes == 0 {
		cfg.QueueBytes = 2 << 20
	}
	if cfg.Workers == 0 {
		cfg.Workers = 16 * runtime.GOMAXPROCS(0)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &RPC{
		cfg:     cfg,
		decoder: wire.Decoder{Kinds: cfg.Crypto.Kinds()},
		log:     cfg.Logger,
		queue:   newQueue(cfg.QueueSize, int(cfg.QueueBytes), cfg.Workers),
		own:     semaphore.NewWeighted(maxOwnBytes),
		ctx:     ctx,
		cancel:  cancel,
	}
}

// Start begins to handle messages; net is what they are sent by.
func (r *RPC) Start(net Network) {
	r.net = net
	for range r.cfg.Workers {
		r.cfg.Panic.Go(&r.wg, r.work)
	}
}

// Close ends all waits and joins all goroutines. It may be called twice.
func (r *RPC) Close() {
	r.cancel()
	r.waiting.close()
	r.calls.close()
	r.wg.Wait()
}

// EndWaits ends the waits of all questions with [ErrClosed]: the network stops.
func (r *RPC) EndWaits() { r.waiting.end() }

// opID draws an operation id. It must not be guessable: on a direct exchange it
// is all that binds an answer to its question (spec 03 §4.2).
func (r *RPC) opID() (uint64, error) {
	var b [8]byte
	if _, err := io.ReadFull(r.cfg.Rand, b[:]); err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}

// published is our published peer info of a domain, nil if there is none.
func (r *RPC) published(domain wire.RoutingDomain) *wire.PeerInfo {
	return r.cfg.Table.Own(domain).Published()
}

// offers reports whether we have promised a capability in a domain (spec 03 §6).
func (r *RPC) offers(domain wire.RoutingDomain, c wire.Capability) bool {
	p := r.published(domain)
	if p == nil {
		return false
	}
	for _, have := range p.Info.Capabilities {
		if have == c {
			return true
		}
	}
	return false
}

// linkFault reports whether a failure over a transport is our own link's.
func (r *RPC) linkFault(t routing.Transport) bool {
	return r.cfg.LinkFault != nil && r.cfg.LinkFault(t)
}
