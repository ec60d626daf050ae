package routing

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/crypto/lru"
	"github.com/voile-net/voile/core/wire"
)

const (
	verifiedCacheSize = 1024 // verified descriptions remembered
	recentSize        = 64   // most recently used peers shown to applications (spec 04 §13)
)

// connectivityCaps make a node count as a connectivity peer, distanceCaps as one
// that serves records near its id (spec 04 §2.4). Arrays, so that they cannot change.
var (
	connectivityCaps = [...]wire.Capability{wire.CapRLAY, wire.CapSGNL, wire.CapROUT, wire.CapDIAL}
	distanceCaps     = [...]wire.Capability{wire.CapDHTV}
)

// ConnectivityCaps are the capabilities of a connectivity peer (spec 04 §2.4).
func ConnectivityCaps() []wire.Capability { return slices.Clone(connectivityCaps[:]) }

// DistanceCaps are the capabilities of a node that serves records (spec 04 §2.4).
func DistanceCaps() []wire.Capability { return slices.Clone(distanceCaps[:]) }

// Capabilities are what a node announces, by routing domain.
type Capabilities [domainCount][]wire.Capability

// DefaultCapabilities are those of a native or a browser build (spec 04 §2.4),
// without the disabled ones.
func DefaultCapabilities(browser bool, disabled []wire.Capability) Capabilities {
	c := Capabilities{
		wire.LocalNetwork:   {wire.CapRLAY, wire.CapAPPM},
		wire.PublicInternet: {wire.CapROUT, wire.CapSGNL, wire.CapRLAY, wire.CapDIAL, wire.CapDHTV, wire.CapAPPM},
	}
	for d := range c {
		c[d] = slices.DeleteFunc(c[d], func(f wire.Capability) bool {
			return slices.Contains(disabled, f) || browser && (f == wire.CapRLAY || f == wire.CapDIAL)
		})
	}
	return c
}

// Config is what a table is made from.
type Config struct {
	Crypto  *crypto.Crypto
	Keys    []crypto.KeyPair // our identity, one pair per enabled kind
	Domains *Domains         // nil: no interfaces known yet
	// Thresholds; the zero value: StockThresholds, or PrivateThresholds if Domains
	// is private.
	Thresholds   Thresholds
	Capabilities Capabilities
	// BucketDepth is how many entries the first bucket should hold; those after it
	// half as many each, at least 1. 0: FirstBucketDepth. Fewer keep the table small;
	// nobody else can tell.
	BucketDepth int
	// Rand picks among peers. It is used under a lock of the table's.
	Rand *rand.Rand
}

// Table is the routing table: one set of buckets per crypto kind over shared
// entries, and our own descriptions (spec 04 §4). Methods may be called from any
// goroutine.
type Table struct {
	crypto     *crypto.Crypto
	kinds      crypto.Kinds
	keys       []crypto.KeyPair // sorted by kind
	ids        []crypto.NodeID  // sorted by kind
	thresholds Thresholds
	caps       Capabilities
	first      int // depth of the first bucket
	own        [domainCount]*Own
	domains    atomic.Pointer[Domains]
	excuse     atomic.Int64  // µs that were our own fault, in all
	generation atomic.Uint64 // changes of our own network
	answers    LatencyMeter  // round trips to all peers

	mu      sync.RWMutex
	sets    []*bucketSet // in the order of kinds
	index   map[crypto.NodeID]*Entry
	entries []*Entry        // every entry once, for iteration
	slots   map[*Entry]int  // its place in entries
	gone    []crypto.NodeID // saved entries to be deleted, by best id
	sizes   sizeHistory

	recentMu sync.Mutex
	recent   *lru.Cache[*Entry, struct{}]

	verifiedMu sync.Mutex
	verified   *lru.Cache[[32]byte, struct{}] // digest of message and signatures

	randMu sync.Mutex
	rand   *rand.Rand
}

// Latency summarises the newest answers of all peers to direct questions of ours; false:
// there was none.
func (t *Table) Latency() (Latency, bool) {
	l, n := t.answers.Latency()
	return l, n > 0
}

// New makes an empty table. Every enabled kind needs one key pair of its own kind
// that fits together; anything else is an error (spec 04 §1).
func New(cfg Config) (*Table, error) {
	if cfg.Crypto == nil || cfg.Rand == nil {
		return nil, errors.New("routing: Crypto and Rand are required")
	}
	t := &Table{
		crypto:     cfg.Crypto,
		kinds:      cfg.Crypto.Kinds(),
		keys:       slices.Clone(cfg.Keys),
		thresholds: cfg.Thresholds,
		caps:       cfg.Capabilities,
		first:      cmp.Or(cfg.BucketDepth, FirstBucketDepth),
		index:      make(map[crypto.NodeID]*Entry),
		slots:      make(map[*Entry]int),
		recent:     lru.New[*Entry, struct{}](recentSize, nil),
		verified:   lru.New[[32]byte, struct{}](verifiedCacheSize, nil),
		rand:       cfg.Rand,
	}
	if cfg.Domains == nil {
		cfg.Domains = &Domains{}
	}
	t.domains.Store(cfg.Domains)
	if t.thresholds == (Thresholds{}) {
		t.thresholds = StockThresholds()
		if cfg.Domains.private {
			t.thresholds = PrivateThresholds()
		}
	}
	crypto.Group[crypto.KeyPair](t.keys).Sort(t.kinds)
	for _, kind := range t.kinds {
		pair, ok := crypto.Group[crypto.KeyPair](t.keys).Get(kind)
		if !ok {
			return nil, fmt.Errorf("routing: no key pair of kind %s", kind)
		}
		sys, err := t.crypto.Get(kind)
		if err != nil {
			return nil, fmt.Errorf("routing: %w", err)
		}
		if ok, err := sys.ValidateKeyPair(pair); err != nil || !ok {
			return nil, fmt.Errorf("routing: %w", errors.Join(crypto.ErrKeyPair, err))
		}
		id := crypto.NodeIDOf(pair.Public)
		t.ids = append(t.ids, id)
		t.sets = append(t.sets, &bucketSet{own: id})
	}
	if len(t.keys) != len(t.ids) {
		return nil, fmt.Errorf("routing: %d key pairs for %d crypto kinds", len(t.keys), len(t.ids))
	}
	for d := range t.own {
		t.own[d] = newOwn(t, wire.RoutingDomain(d))
	}
	return t, nil
}

// Kinds are the enabled crypto kinds, best first. They must not be changed.
func (t *Table) Kinds() crypto.Kinds { return t.kinds }

// NodeIDs are our own ids, best kind first. They must not be changed.
func (t *Table) NodeIDs() []crypto.NodeID { return t.ids }

// NodeID is our own id of a kind; false: the kind is not enabled.
func (t *Table) NodeID(kind crypto.Kind) (crypto.NodeID, bool) { return idOfKind(t.ids, kind) }

// KeyPair is our own key pair of a kind; false: the kind is not enabled.
func (t *Table) KeyPair(kind crypto.Kind) (crypto.KeyPair, bool) {
	return crypto.Group[crypto.KeyPair](t.keys).Get(kind)
}

// IsOwn reports whether an id is one of ours.
func (t *Table) IsOwn(id crypto.NodeID) bool { return slices.Contains(t.ids, id) }

// Thresholds are the numbers in force.
func (t *Table) Thresholds() Thresholds { return t.thresholds }

// Domains classify addresses as of the last known state of the device's network.
func (t *Table) Domains() *Domains { return t.domains.Load() }

// SetDomains is told when the network of the device has changed.
func (t *Table) SetDomains(d *Domains) {
	t.domains.Store(d)
	for _, o := range t.own {
		o.networkChanged()
	}
}

// Own is our own description in a domain.
func (t *Table) Own(domain wire.RoutingDomain) *Own { return t.own[domain] }

// Excuse leaves a stretch of time out of everything that is held against peers or
// counted in their favour: we were offline or stalled (spec 04 §5.2).
func (t *Table) Excuse(d time.Duration) { t.excuse.Add(max(0, d.Microseconds())) }

func (t *Table) excused(now time.Time) excused {
	at := stampOf(now)
	return excused{now: at, own: at - stamp(t.excuse.Load())}
}

// Lookup finds an entry by any of its ids; nil: unknown.
func (t *Table) Lookup(id crypto.NodeID) *Entry {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.index[id]
}

// Len is the number of entries.
func (t *Table) Len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.entries)
}

// Entries is a snapshot of all entries in no order.
func (t *Table) Entries() []*Entry {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.Clone(t.entries)
}

// Remove takes an entry out of the table.
func (t *Table) Remove(e *Entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.removeLocked(e)
}

func (t *Table) insertLocked(e *Entry) {
	t.slots[e] = len(t.entries)
	t.entries = append(t.entries, e)
	e.place.Store(true)
	for _, id := range e.NodeIDs() {
		t.indexLocked(id, e)
	}
}

func (t *Table) indexLocked(id crypto.NodeID, e *Entry) {
	t.index[id] = e
	if i := slices.Index(t.kinds, id.Kind); i >= 0 {
		t.sets[i].insert(id, e)
	}
}

func (t *Table) unindexLocked(id crypto.NodeID) {
	delete(t.index, id)
	if i := slices.Index(t.kinds, id.Kind); i >= 0 {
		t.sets[i].remove(id)
	}
}

func (t *Table) removeLocked(e *Entry) {
	i, ok := t.slots[e]
	if !ok {
		return
	}
	last := len(t.entries) - 1
	t.entries[i] = t.entries[last]
	t.slots[t.entries[i]] = i
	t.entries[last] = nil
	t.entries = t.entries[:last]
	delete(t.slots, e)
	for _, id := range e.NodeIDs() {
		t.unindexLocked(id)
	}
	e.place.Store(false)
	t.gone = append(t.gone, e.BestID())
	t.recentMu.Lock()
	t.recent.Remove(e)
	t.recentMu.Unlock()
}

// setIDsLocked gives an entry a new set of ids; ids must not belong to another
// entry (spec 04 §4, identity changes).
func (t *Table) setIDsLocked(e *Entry, ids []crypto.NodeID) {
	old := e.NodeIDs()
	if slices.Equal(old, ids) {
		return
	}
	for _, id := range old {
		if !slices.Contains(ids, id) {
			t.unindexLocked(id)
		}
	}
	if old[0] != ids[0] {
		t.gone = append(t.gone, old[0])
	}
	e.ids.Store(&ids)
	e.dirty.Store(true)
	for _, id := range ids {
		if !slices.Contains(old, id) {
			t.indexLocked(id, e)
		}
	}
}

// queueKick puts the buckets of an entry up for a kick.
func (t *Table) queueKick(e *Entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range e.NodeIDs() {
		if i := slices.Index(t.kinds, id.Kind); i >= 0 {
			if b, ok := crypto.BucketIndex(t.sets[i].own, id); ok {
				t.sets[i].queued[b] = true
			}
		}
	}
}

// touch moves an entry up in the list of recently used peers.
func (t *Table) touch(e *Entry) {
	t.recentMu.Lock()
	defer t.recentMu.Unlock()
	if e.place.Load() {
		t.recent.Put(e, struct{}{})
	}
}

// Recent lists up to 64 peers, most recently used first. Those without a live flow
// are for the caller to leave out (spec 04 §13).
func (t *Table) Recent() []*Entry {
	t.recentMu.Lock()
	defer t.recentMu.Unlock()
	list := make([]*Entry, 0, t.recent.Len())
	t.recent.RemoveFunc(func(e *Entry, _ *struct{}) bool {
		list = append(list, e)
		return false
	})
	slices.Reverse(list)
	return list
}

// RollTransfers ends an interval of every transfer meter, once a second by rule.
func (t *Table) RollTransfers(now time.Time) {
	for _, e := range t.Entries() {
		e.roll(now)
	}
}

// BucketCounts are the numbers of entries per bucket of a kind.
func (t *Table) BucketCounts(kind crypto.Kind) (counts [bucketCount]int) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if i := slices.Index(t.kinds, kind); i >= 0 {
		for b := range counts {
			counts[b] = len(t.sets[i].buckets[b])
		}
	}
	return counts
}

// intn is a random number below n, which must be at least 1.
func (t *Table) intn(n int) int {
	t.randMu.Lock()
	defer t.randMu.Unlock()
	return t.rand.IntN(n)
}

// hasCaps reports whether a node has all capabilities; nobody's node has none.
func hasCaps(p *wire.PeerInfo, caps []wire.Capability) bool {
	if p == nil {
		return len(caps) == 0
	}
	for _, c := range caps {
		if !slices.Contains(p.Info.Capabilities, c) {
			return false
		}
	}
	return true
}
