package dht

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/crypto/lru"
	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/wire"
)

// ClientLimits are the numbers of spec 06 §1 that a client works by.
type ClientLimits struct {
	RPCTimeout time.Duration
	Width      int // of the window of a search (consensus_width)

	GetCount, SetCount     int // nodes that must agree
	GetFanout, SetFanout   int // nodes asked at once
	GetTimeout, SetTimeout time.Duration

	MaxWatchInspect time.Duration // longest time between inspections of a quiet watch
	Operations      int           // of the network at once (max_concurrent_operations)
}

// StockClientLimits are the limits of a release build (spec 06 §1.2).
func StockClientLimits() ClientLimits {
	return ClientLimits{
		RPCTimeout: 5 * time.Second, Width: 10,
		GetCount: 3, GetFanout: 5, GetTimeout: 10 * time.Second,
		SetCount: 5, SetFanout: 6, SetTimeout: 10 * time.Second,
		MaxWatchInspect: 5 * time.Minute, Operations: 16,
	}
}

// ClientConfig is what a client is made of. Everything without "nil" in its comment
// is required.
type ClientConfig struct {
	Crypto   *crypto.Crypto
	Store    *Store // of our own records; only the client writes to it
	Nodes    Nodes
	Identity []crypto.PublicKey // of this node: they cannot be members of a schema
	Limits   ClientLimits

	// Changed is told of changes of watched records, in order and by one goroutine
	// at a time. It must not block for long and not call the client. nil: nobody is.
	Changed func(ValueChange)
	Logger  *slog.Logger  // nil: no log
	Panic   guard.Handler // of its goroutines; nil: the process ends
}

// ValueChange is a change of a watched record. No subkeys: the watch is over.
type ValueChange struct {
	Key     crypto.RecordKey
	Subkeys []wire.SubkeyRange
	Count   uint32 // changes left to be told of
	Value   *Value // of the one subkey; nil: to be read
}

// Value is what an application reads and writes.
type Value struct {
	Seq    uint32
	Data   []byte
	Writer crypto.PublicKey
}

// Client is the side of the records that applications use: it makes, opens, reads,
// writes and watches records that other nodes keep, and keeps a copy of each in a
// store of its own (spec 06 §8-§14, §16).
//
// Methods may be called from any goroutine; those that take a context may wait for
// the network, up to 10 s and a few more for a busy one. All errors that they return
// are of type *[ClientError].
//
// Goroutines: one for each call to a node, ended by the operation that makes it, and
// those of the background work that Tick starts, ended by Close. Locks, in this
// order: told (while Changed is called), those of the lock table (held during an
// operation), mu (never held while waiting or calling out, but for the index of the
// store and the methods of Nodes that do not block).
type Client struct {
	cfg       ClientConfig
	log       *slog.Logger
	ctx       context.Context
	cancel    context.CancelFunc
	tasks     sync.WaitGroup
	gate      chan struct{} // holds a value for each network operation
	locks     lockTable
	anonymous crypto.KeyPair // signs what no writer does, until the client is closed

	told sync.Mutex

	mu         sync.Mutex
	closed     bool
	records    map[crypto.OpaqueRecordKey]*held
	watches    map[crypto.OpaqueRecordKey]*ownWatch
	strays     map[stray]time.Time             // watches of nodes that we do not want, and when to cancel them
	knows      *lru.Cache[nodeOf, struct{}]    // nodes that have the descriptor of a record
	live       map[*Transaction]struct{}       // transactions with nodes to keep alive
	news       []ValueChange                   // not told yet
	foreground time.Time                       // last activity of an application's transaction
	online     bool                            // at the last Tick
	queued     map[crypto.OpaqueRecordKey]bool // records with offline writes
	thirsty    map[crypto.OpaqueRecordKey]bool // records to be rehydrated
	writes     int                             // offline writes under way
	rehydrates int                             // rehydrations under way
	inspects   int                             // inspections of watches under way
}

// nodeOf is a node in its role for a record.
type nodeOf struct {
	record crypto.OpaqueRecordKey
	node   crypto.NodeID
}

// descriptorsSent bounds the memory of who has which descriptor (spec 06 §1.1).
const descriptorsSent = 2560

// held is a record in our own store.
type held struct {
	key        crypto.OpaqueRecordKey
	d          *Descriptor
	detail     detail
	open       *opened   // nil: closed
	fresh      bool      // made since the start
	rehydrated time.Time // last checked against the network; zero: never
	inFlight   Subkeys   // offline writes under way
	writing    Subkeys   // the application's writes under way
	contested  Subkeys   // our copy was written last against another of the same age
	tx         *Transaction
	drained    chan struct{} // closed when there is no offline write left; nil: nobody waits
	hydrating  bool
}

// opened is what an application said when it opened a record.
type opened struct {
	key    crypto.RecordKey
	writer *crypto.KeyPair // nil: read only
}

// NewClient makes a client of its store.
func NewClient(cfg ClientConfig) (*Client, error) {
	c := &Client{
		cfg: cfg, log: cfg.Logger,
		gate:    make(chan struct{}, max(1, cfg.Limits.Operations)),
		records: make(map[crypto.OpaqueRecordKey]*held),
		watches: make(map[crypto.OpaqueRecordKey]*ownWatch),
		strays:  make(map[stray]time.Time),
		live:    make(map[*Transaction]struct{}),
		queued:  make(map[crypto.OpaqueRecordKey]bool),
		thirsty: make(map[crypto.OpaqueRecordKey]bool),
		knows:   lru.New[nodeOf, struct{}](descriptorsSent, nil),
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if c.anonymous, err = cfg.Crypto.Best().GenerateKeyPair(); err != nil {
		return nil, err
	}
	for _, key := range cfg.Store.Keys() {
		row, _ := cfg.Store.Detail(key)
		h := &held{key: key, d: cfg.Store.Descriptor(key)}
		if h.detail, err = parseDetail(key.Kind, row); err != nil {
			// What it says can be done without; the values are not part of it.
			c.log.Warn("detail of a record is damaged", "record", key, "err", err)
			h.detail = detail{safety: route.Safe(route.SafetySpec{HopCount: 1, Stability: route.Reliable, Sequencing: wire.PreferOrdered})}
		}
		c.records[key] = h
		c.noteLocked(h)
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

// Close ends all operations, forgets open records and joins all goroutines. What
// waits to be written stays in the store. It may be called twice.
func (c *Client) Close(ctx context.Context) error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.tasks.Wait()
	return c.cfg.Store.Flush(ctx)
}

// enter begins an operation of an application: its context also ends with the
// client, and Close waits for leave.
func (c *Client) enter(ctx context.Context) (_ context.Context, leave func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, nil, errClosed()
	}
	c.tasks.Add(1)
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(c.ctx, func() { cancel(errClosed()) })
	return ctx, func() { stop(); cancel(nil); c.tasks.Done() }, nil
}

// enterRecord is enter for an operation on a record.
func (c *Client) enterRecord(ctx context.Context, key crypto.RecordKey) (_ context.Context, leave func(), err error) {
	ctx, leave, err = c.enter(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := c.checkKey(key); err != nil {
		leave()
		return nil, nil, err
	}
	return ctx, leave, nil
}

// goLocked runs background work. It reports whether the client still lives.
func (c *Client) goLocked(f func(ctx context.Context)) bool {
	if c.closed {
		return false
	}
	c.cfg.Panic.Go(&c.tasks, func() { f(c.ctx) })
	return true
}

// pass takes one of the places for network operations (spec 06 §16, Gate).
func (c *Client) pass(ctx context.Context) (leave func(), err error) {
	select {
	case c.gate <- struct{}{}:
		return func() { <-c.gate }, nil
	case <-ctx.Done():
		return nil, failed(context.Cause(ctx))
	}
}

// Tick does what is due once a second: upkeep of watches and transactions, offline
// writes, rehydration. It starts that work and does not wait for it, but for what is
// written to the store.
func (c *Client) Tick(ctx context.Context, now time.Time) error {
	ready := c.cfg.Nodes.Ready()
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	if ready && !c.online {
		c.inspectAllLocked()
	}
	c.online = ready
	c.tickWatchesLocked(ready, now)
	if ready {
		c.tickTransactionsLocked(now)
		c.tickOfflineLocked()
		c.tickRehydrationLocked(now)
	}
	c.mu.Unlock()
	c.tell()
	return c.cfg.Store.Flush(ctx)
}

// tell passes on the news, in order.
func (c *Client) tell() {
	c.told.Lock()
	defer c.told.Unlock()
	for {
		c.mu.Lock()
		news := c.news
		c.news = nil
		c.mu.Unlock()
		if len(news) == 0 {
			return
		}
		if c.cfg.Changed == nil {
			continue
		}
		for _, n := range news {
			c.cfg.Changed(n)
		}
	}
}

// saveLocked puts the detail of a record into the store; the next Flush writes it.
func (c *Client) saveLocked(h *held) {
	c.noteLocked(h)
	if err := c.cfg.Store.SetDetail(h.key, h.detail.append(nil)); err != nil && !errors.Is(err, ErrNoRecord) {
		c.log.Error("detail of a record not kept", "record", h.key, "err", err)
	}
}

// noteLocked keeps the lists of records with something to do.
func (c *Client) noteLocked(h *held) {
	if h.detail.offline.Empty() {
		delete(c.queued, h.key)
	} else {
		c.queued[h.key] = true
	}
	if h.detail.rehydrate.Empty() {
		delete(c.thirsty, h.key)
	} else {
		c.thirsty[h.key] = true
	}
	if h.drained != nil && h.detail.offline.Empty() && h.inFlight.Empty() {
		close(h.drained)
		h.drained = nil
	}
}

func (c *Client) system(kind crypto.Kind) (crypto.System, error) {
	sys, err := c.cfg.Crypto.Get(kind)
	if err != nil {
		return nil, fail(Generic, "unsupported record key kind")
	}
	return sys, nil
}

// checkKey is what comes before anything else (spec 07 §2.3).
func (c *Client) checkKey(key crypto.RecordKey) error {
	_, err := c.system(key.Opaque.Kind)
	return err
}

// ClientStats says what a client is doing.
type ClientStats struct {
	Records, Open     int
	OfflineWrites     int // subkeys that wait to be written
	Rehydrations      int // records that wait
	Watches           int
	Transactions      int
	NetworkOperations int // under way
}

// Stats says what the client is doing.
func (c *Client) Stats() ClientStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := ClientStats{
		Records: len(c.records), Rehydrations: len(c.thirsty), Watches: len(c.watches),
		Transactions: len(c.live), NetworkOperations: len(c.gate),
	}
	for _, h := range c.records {
		if h.open != nil {
			s.Open++
		}
		waiting := h.detail.offline.Union(h.inFlight)
		s.OfflineWrites += waiting.Len()
	}
	return s
}
