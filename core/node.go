package core

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/voile-net/voile/core/attach"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/envelope"
	"github.com/voile-net/voile/core/network"
	"github.com/voile-net/voile/core/network/bootstrap"
	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/rpc"
	"github.com/voile-net/voile/core/table"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
	"github.com/voile-net/voile/platform"
)

// Options give a node what differs by platform. The zero value takes what fits
// this device, see [Start].
type Options struct {
	// ProtectedStore and KeyValueStore keep what the node keeps. The node does not
	// close them. nil: opened by the configuration's directories, and closed with
	// the node; without a directory nothing outlives the node.
	ProtectedStore platform.ProtectedStore
	KeyValueStore  platform.KeyValueStore
	NetInfo        platform.NetInfo   // nil: the device's own
	Host           transport.Host     // nil: the device's own
	Resolver       bootstrap.Resolver // nil: the device's own; none with a Host that has only WebSockets
	PortMapper     attach.PortMapper  // nil: UPnP if the configuration wants it and the device can
	Tuning         config.Tuning      // zero: the values of the protocol
	Kinds          crypto.Kinds       // cryptosystems, best first; nil: VLD0
	Logger         *slog.Logger       // nil: no log
	Rand           io.Reader          // nil: the system's; others make tests repeatable
	// Panic gets a panic of a goroutine of the node, which is a bug: the node must be
	// closed, and what it was doing is lost. It must not block. nil: the process ends,
	// as Go programs do.
	Panic func(value any, stack []byte)
}

// Node is one node: an identity, its peers and routes, and the connection to a
// network. Make one with [Start].
// Goroutines: those of its parts, all ended by Close.
type Node struct {
	cfg   config.Config
	opts  Options
	log   *slog.Logger
	start time.Time
	owned []io.Closer // stores opened by Start

	crypto  *crypto.Crypto
	table   *routing.Table
	routes  *route.Store
	filter  *transport.AddressFilter
	network *network.Manager
	rpc     *rpc.RPC
	attach  *attach.Attacher
	records *bootstrap.Store
	tables  *table.Store
	state   *table.DB // the node's own
	secrets *table.Secrets
	dht     recordParts
	updates hub
	debug   debugState

	started  atomic.Bool                   // what the last NetworkUpdate said
	live     atomic.Pointer[config.Config] // see settings
	changing sync.Mutex                    // one change at a time; guards mapper
	mapper   attach.PortMapper             // opened by the node; nil: none

	restorePoint []byte // of the last run; nil: none

	saving  sync.Mutex // one save at a time; guards saveAll
	saveAll bool
	traffic trafficMeter

	mu      sync.Mutex
	closed  bool
	closing chan struct{} // closed when Close has finished
}

// Start makes a node of a configuration: opens its stores, makes or loads its
// identity, and waits to be attached. It may take a second if a network key has
// to be derived. The configuration is copied.
//
// Errors, all *[Error]: Generic for a configuration that does not pass
// [config.Config.Validate], AlreadyInitialized when another node uses the same
// directory, program name and namespace, TryAgain for a locked keyring, Internal
// for a store that is corrupt or cannot be written; each names the thing.
func Start(ctx context.Context, cfg config.Config, opts Options) (_ *Node, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, errorf(Generic, err, "%v", err)
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Rand == nil {
		opts.Rand = crand.Reader
	}
	if opts.Tuning == (config.Tuning{}) {
		opts.Tuning = config.StockTuning()
	}
	n := &Node{cfg: cfg, opts: opts, log: opts.Logger, start: time.Now(), saveAll: true, closing: make(chan struct{})}
	defer func() {
		if err != nil {
			n.release()
		}
	}()
	if err := n.openPlatform(ctx); err != nil {
		return nil, startError(err)
	}
	if n.crypto, err = crypto.New(crypto.Config{Kinds: opts.Kinds, Rand: opts.Rand}); err != nil {
		return nil, errorf(Generic, err, "%v", err)
	}
	if err := n.openTables(ctx); err != nil {
		return nil, startError(err)
	}
	identity, err := n.identity(ctx)
	if err != nil {
		return nil, startError(err)
	}
	n.live.Store(&n.cfg)
	if err := n.openStores(ctx); err != nil {
		return nil, startError(err)
	}
	if err := n.build(identity); err != nil {
		return nil, startError(err)
	}
	if err := n.load(ctx); err != nil {
		return nil, startError(err)
	}
	n.attach = attach.New(n.attachConfig())
	n.startRecords()
	return n, nil
}

// startError names the kind of what keeps a node from starting.
func startError(err error) error {
	var done *Error
	switch {
	case errors.As(err, &done):
		return done
	case errors.Is(err, platform.ErrInUse):
		return errorf(AlreadyInitialized, err, "%v", err)
	case errors.Is(err, platform.ErrLocked):
		return errorf(TryAgain, err, "%v", err)
	case errors.Is(err, table.ErrDeviceKey), errors.Is(err, platform.ErrWrongPassword):
		return errorf(Generic, err, "%v", err)
	}
	return errorf(Internal, err, "%v", err)
}

// identity is one key pair per kind: the configured one, else the stored one, else
// a new one (spec 01 §8.4).
func (n *Node) identity(ctx context.Context) ([]crypto.KeyPair, error) {
	configured, err := n.cfg.KeyPairs()
	if err != nil {
		return nil, err
	}
	var pairs []crypto.KeyPair
	for _, kind := range n.crypto.Kinds() {
		pair, err := n.keyPair(ctx, kind, configured)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, pair)
	}
	// What applies is what State shows.
	t := &n.cfg.Network.RoutingTable
	t.PublicKeys, t.SecretKeys = nil, nil
	for i := range pairs {
		t.PublicKeys = append(t.PublicKeys, pairs[i].Public.String())
		t.SecretKeys = append(t.SecretKeys, config.Secret(pairs[i].Secret.Text()))
	}
	return pairs, nil
}

func (n *Node) keyPair(ctx context.Context, kind crypto.Kind, configured []crypto.KeyPair) (crypto.KeyPair, error) {
	name := "key_pair_" + kind.String()
	sys, err := n.crypto.Get(kind)
	if err != nil {
		return crypto.KeyPair{}, err
	}
	i := slices.IndexFunc(configured, func(p crypto.KeyPair) bool { return p.KindOf() == kind })
	var pair crypto.KeyPair
	if i >= 0 {
		pair = configured[i]
	} else {
		stored, found, err := n.state.Load(ctx, columnNode, []byte(name))
		if err != nil {
			return crypto.KeyPair{}, err
		}
		if found {
			if err := pair.UnmarshalText(stored); err != nil {
				return crypto.KeyPair{}, &platform.CorruptError{Name: name, Err: err}
			}
			return pair, nil
		}
		if pair, err = sys.GenerateKeyPair(); err != nil {
			return crypto.KeyPair{}, err
		}
	}
	if ok, err := sys.ValidateKeyPair(pair); err != nil || !ok {
		return crypto.KeyPair{}, errorf(Generic, err, "network.routing_table: public and secret key of kind %s do not belong together", kind)
	}
	return pair, n.state.Store(ctx, columnNode, []byte(name), []byte(pair.Text()))
}

// build makes the parts of the node and joins them.
func (n *Node) build(identity []crypto.KeyPair) error {
	var seed [16]byte
	if _, err := io.ReadFull(n.opts.Rand, seed[:]); err != nil {
		return err
	}
	picks := rand.New(rand.NewPCG(binary.LittleEndian.Uint64(seed[:]), binary.LittleEndian.Uint64(seed[8:])))
	private := n.cfg.Network.PrivateNetwork
	var err error
	n.table, err = routing.New(routing.Config{
		Crypto: n.crypto, Keys: identity, Rand: picks,
		Domains:      routing.NewDomains(platform.Network{}, private),
		BucketDepth:  n.opts.Tuning.BucketDepth,
		Capabilities: routing.DefaultCapabilities(transport.OnlyWebSockets(n.opts.Host), disabled(&n.cfg)),
	})
	if err != nil {
		return err
	}
	onion, err := route.NewOnion(n.crypto, identity)
	if err != nil {
		return err
	}
	n.routes, err = route.NewStore(n.routeConfig(private), n.crypto, onion, nodes{n.table})
	if err != nil {
		return err
	}
	var exempt func(netip.Addr) bool
	if private {
		exempt = func(a netip.Addr) bool { return a.IsLoopback() || routing.IsLocal(a) }
	}
	n.filter = transport.NewAddressFilter(exempt)
	n.records = &bootstrap.Store{}
	own := make([]*envelope.Identity, len(identity))
	for i, pair := range identity {
		if own[i], err = envelope.NewIdentity(n.crypto, pair); err != nil {
			return err
		}
	}
	var key envelope.NetworkKey
	if p := n.cfg.Network.NetworkKeyPassword; p != nil && *p != "" {
		if key, err = envelope.DeriveNetworkKey(n.crypto.Best(), string(*p)); err != nil {
			return err
		}
	}
	n.debug.start(seed, n.opts.Panic)
	n.buildServer()
	n.rpc = rpc.New(rpc.Config{
		Crypto: n.crypto, Identity: identity, Table: n.table, Onion: onion, Routes: n.routes, Filter: n.filter,
		App: app{n}, Records: n.debug.pushes(n.dht.server), Rand: n.opts.Rand,
		Alive:         func(f transport.Flow, t time.Time) bool { return n.network.Alive(f, t) },
		Timeout:       n.opts.Tuning.RPCTimeout,
		MaxHopCount:   n.opts.Tuning.MaxRouteHopCount,
		MaxPeers:      n.opts.Tuning.MaxFindNodeCount,
		QueueSize:     n.opts.Tuning.QueueSize,
		DatagramLimit: attach.DatagramLimit(n.table),
		Observe:       func(o rpc.Observation) { n.attach.Observe(o) },
		Validators:    n.validators,
		LinkFault:     func(t routing.Transport) bool { return n.network.Suspect(t.Protocol) },
		Logger:        n.log,
		Panic:         n.opts.Panic,
	})
	n.network, err = network.New(network.Config{
		Crypto: n.crypto, Identity: own, Table: n.table, Filter: n.filter, NetworkKey: key,
		Handler: n.rpc, Clock: crypto.NewClock(),
		Bootstrap:             source{n},
		ConnClosed:            func(c transport.ConnClosed) { n.attach.ConnClosed(c) },
		RelayEnabled:          relays(&n.cfg),
		SendTimeout:           n.opts.Tuning.SendTimeout,
		ReverseConnectTimeout: n.opts.Tuning.ReverseConnectTimeout,
		HolePunchTimeout:      n.opts.Tuning.HolePunchTimeout,
		HolePunchTTL:          n.opts.Tuning.HolePunchTTL,
		HolePunchTTLCGNAT:     n.opts.Tuning.HolePunchTTLBehindCGNAT,
		Logger:                n.log,
		Panic:                 n.opts.Panic,
	})
	if err != nil {
		return err
	}
	if err := n.buildClient(identity); err != nil {
		return err
	}
	n.network.SetSignaller(n.rpc)
	n.rpc.Start(n.network)
	return nil
}

func (n *Node) routeConfig(private bool) route.Config {
	cfg := route.DefaultConfig()
	cfg.DefaultHopCount = int(n.cfg.Network.RPC.DefaultRouteHopCount)
	cfg.MaxHopCount = n.opts.Tuning.MaxRouteHopCount
	cfg.Timeout = n.opts.Tuning.RPCTimeout
	cfg.ShortRoutes = private
	return cfg
}

// disabled lists the capabilities that the configuration takes away.
func disabled(cfg *config.Config) []wire.Capability {
	var list []wire.Capability
	for _, name := range cfg.Capabilities.Disable {
		list = append(list, wire.Capability(fourCC(name)))
	}
	return list
}

func fourCC(s string) uint32 { return binary.BigEndian.Uint32([]byte(fmt.Sprintf("%-4.4s", s))) }

func (n *Node) attachConfig() attach.Config {
	return attach.Config{
		Settings: n.settings(), Tuning: n.opts.Tuning, Crypto: n.crypto, Clock: crypto.NewClock(),
		Table: n.table, Routes: n.routes, RPC: n.rpc, Network: n.network, Filter: n.filter,
		Host: n.opts.Host, Between: n.debug.between(), NetInfo: n.opts.NetInfo,
		Names: bootstrap.NewCache(n.opts.Resolver), Records: n.records, Mapper: n.opts.PortMapper,
		Changed: n.attachmentChanged,
		Ticked:  n.ticked,
		RouteChange: func(c route.Change) {
			n.updates.publish(RouteChange{DeadRoutes: c.Dead, DeadRemoteRoutes: c.DeadRemote})
		},
		Save: n.save, Restore: n.restorePoint,
		Logger: n.log,
		Panic:  n.opts.Panic,
	}
}

// Close detaches, saves, stops everything and waits for it. The last update is a
// ShutdownUpdate. It may be called twice and from any state.
func (n *Node) Close() error {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		<-n.closing
		return nil
	}
	n.closed = true
	n.mu.Unlock()
	defer close(n.closing)
	n.changing.Lock() // a change of the configuration ends first; no other begins
	n.changing.Unlock()
	n.debug.stop()
	n.attach.Close()
	n.release()
	n.updates.close()
	return nil
}

// release ends what Start has made so far.
func (n *Node) release() {
	n.debug.stop()
	n.closeRecords()
	if n.rpc != nil {
		n.rpc.Close()
	}
	if n.network != nil {
		n.network.Close()
	}
	if n.crypto != nil {
		n.crypto.Forget()
	}
	n.closeTables()
	for _, c := range slices.Backward(n.owned) {
		if err := c.Close(); err != nil {
			n.log.Warn("store not closed", "err", err)
		}
	}
	n.owned = nil
}

// IsClosed reports whether Close was called.
func (n *Node) IsClosed() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.closed
}

// usable fails once the node is closed.
func (n *Node) usable() error {
	if n.IsClosed() {
		return &Error{Kind: NotInitialized}
	}
	return nil
}
