package transport

import (
	"bytes"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/sorting"
)

// Limits of the address filter (spec 02 §7, spec 04 §11.5).
const (
	MaxConnectionsPerBlock = 32
	MaxRatePerBlock        = 128 // new connections and bootstrap requests in rateWindow
	rateWindow             = time.Minute
	PunishmentTime         = 60 * time.Minute // from the last offence
	MaxPunishedNodes       = 65536
	maxPunishedBlocks      = 65536 // ours: forged source addresses must not fill the memory
	maxRatedBlocks         = 16384 // ours, likewise; 1 KiB each at most
)

// AddressFilter bounds what one address block may cost us, and remembers who
// misbehaved (spec 02 §7). An IPv4 address is a block, of IPv6 a /56.
//
// It is state without goroutines or clock; now must not go back between calls
// by more than the caller can bear. Methods may be called from any goroutine.
// One filter serves all networks that a node starts one after the other:
// punishments stay, connection counts are cleared by [AddressFilter.ResetConnections].
type AddressFilter struct {
	exempt func(netip.Addr) bool // nil: none

	// anyBlocks is the length of blocks, read without the lock: with nobody
	// punished, which is the rule, a datagram costs one load.
	anyBlocks atomic.Int32

	mu     sync.Mutex
	conns  map[netip.Addr]int
	rates  map[netip.Addr]*rate
	blocks map[netip.Addr]offence
	nodes  map[crypto.NodeID]offence
}

type offence struct {
	reason Reason
	last   time.Time
}

// rate holds when the things of the last minute happened, oldest first.
type rate struct{ at []time.Time }

// NewAddressFilter makes an empty filter. exempt, if not nil, names addresses that
// are neither limited nor punished: in a private network many nodes share one.
func NewAddressFilter(exempt func(netip.Addr) bool) *AddressFilter {
	return &AddressFilter{
		exempt: exempt,
		conns:  make(map[netip.Addr]int),
		rates:  make(map[netip.Addr]*rate),
		blocks: make(map[netip.Addr]offence),
		nodes:  make(map[crypto.NodeID]offence),
	}
}

func (f *AddressFilter) exempts(a netip.Addr) bool { return f.exempt != nil && f.exempt(a.Unmap()) }

// Block is the address block of an address (spec 02 §1.4): the address itself,
// or the last address of the /56 of an IPv6 one.
func Block(a netip.Addr) netip.Addr {
	a = a.Unmap()
	if !a.Is6() {
		return a
	}
	b := a.As16()
	for i := 7; i < len(b); i++ {
		b[i] = 0xff
	}
	return netip.AddrFrom16(b)
}

// AddConnection counts a new connection with the address, in either direction.
// It fails with ErrPunished, ErrLimit or ErrRate, in this order, and then counts
// nothing. Each success is given back by RemoveConnection.
func (f *AddressFilter) AddConnection(a netip.Addr, now time.Time) error {
	if f.exempts(a) {
		return nil
	}
	b := Block(a)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.blockPunishedLocked(b, now) {
		return ErrPunished
	}
	if f.conns[b] >= MaxConnectionsPerBlock {
		return ErrLimit
	}
	if !f.countLocked(b, now) {
		return ErrRate
	}
	f.conns[b]++
	return nil
}

// checkLimit tells early that AddConnection would fail for the count, so that
// no connection is made only to be closed.
func (f *AddressFilter) checkLimit(a netip.Addr) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conns[Block(a)] >= MaxConnectionsPerBlock {
		return ErrLimit
	}
	return nil
}

// RemoveConnection takes back one AddConnection. The rate is not given back.
func (f *AddressFilter) RemoveConnection(a netip.Addr) {
	if f.exempts(a) {
		return
	}
	b := Block(a)
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := f.conns[b]; n > 1 {
		f.conns[b] = n - 1
	} else {
		delete(f.conns, b)
	}
}

// CountRequest counts a bootstrap request of any transport against the rate of
// new connections (spec 02 §7.1). It fails with ErrPunished or ErrRate.
func (f *AddressFilter) CountRequest(a netip.Addr, now time.Time) error {
	if f.exempts(a) {
		return nil
	}
	b := Block(a)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.blockPunishedLocked(b, now) {
		return ErrPunished
	}
	if !f.countLocked(b, now) {
		return ErrRate
	}
	return nil
}

// ResetConnections forgets the counts and rates: the network restarts.
func (f *AddressFilter) ResetConnections() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.conns)
	clear(f.rates)
}

// PunishIP punishes the block of an address from now on.
func (f *AddressFilter) PunishIP(a netip.Addr, r Reason, now time.Time) {
	if f.exempts(a) {
		return
	}
	b := Block(a)
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.blocks[b]; !known && len(f.blocks) >= maxPunishedBlocks {
		return
	}
	f.blocks[b] = offence{r, now}
	f.anyBlocks.Store(int32(len(f.blocks)))
}

// PunishNode punishes a node id from now on. Beyond MaxPunishedNodes no more
// are added.
func (f *AddressFilter) PunishNode(id crypto.NodeID, r Reason, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.nodes[id]; !known && len(f.nodes) >= MaxPunishedNodes {
		return
	}
	f.nodes[id] = offence{r, now}
}

// IPPunished reports whether the block of an address is punished.
func (f *AddressFilter) IPPunished(a netip.Addr, now time.Time) bool {
	if f.anyBlocks.Load() == 0 {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.blockPunishedLocked(Block(a), now)
}

// NodePunished reports whether a node id is punished.
func (f *AddressFilter) NodePunished(id crypto.NodeID, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	o, ok := f.nodes[id]
	return ok && now.Sub(o.last) < PunishmentTime
}

// ForgiveIP ends the punishment of the block of an address.
func (f *AddressFilter) ForgiveIP(a netip.Addr) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.blocks, Block(a))
	f.anyBlocks.Store(int32(len(f.blocks)))
}

// ForgiveNode ends the punishment of a node id.
func (f *AddressFilter) ForgiveNode(id crypto.NodeID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.nodes, id)
}

// ForgiveAll ends all punishments.
func (f *AddressFilter) ForgiveAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.blocks)
	clear(f.nodes)
	f.anyBlocks.Store(0)
}

// Purge drops what has expired. It only frees memory, since every question looks
// at the time itself; once a minute is enough (spec 02 §7.2). It returns the
// node ids whose punishment has ended.
func (f *AddressFilter) Purge(now time.Time) (freed []crypto.NodeID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for b, o := range f.blocks {
		if now.Sub(o.last) >= PunishmentTime {
			delete(f.blocks, b)
		}
	}
	f.anyBlocks.Store(int32(len(f.blocks)))
	for id, o := range f.nodes {
		if now.Sub(o.last) >= PunishmentTime {
			delete(f.nodes, id)
			freed = append(freed, id)
		}
	}
	f.purgeRatesLocked(now)
	return freed
}

// PunishedBlock, PunishedNode and BlockLoad are entries of a FilterSnapshot.
type PunishedBlock struct {
	Block  netip.Addr
	Reason Reason
	Ends   time.Time
}

type PunishedNode struct {
	ID     crypto.NodeID
	Reason Reason
	Ends   time.Time
}

type BlockLoad struct {
	Block       netip.Addr
	Connections int
	Rate        int // things counted in the last minute
}

// FilterSnapshot is the state of a filter, for people. Lists are sorted.
type FilterSnapshot struct {
	Blocks []PunishedBlock
	Nodes  []PunishedNode
	Loads  []BlockLoad
}

// Snapshot copies the state.
func (f *AddressFilter) Snapshot(now time.Time) (s FilterSnapshot) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for b, o := range f.blocks {
		if ends := o.last.Add(PunishmentTime); ends.After(now) {
			s.Blocks = append(s.Blocks, PunishedBlock{b, o.reason, ends})
		}
	}
	for id, o := range f.nodes {
		if ends := o.last.Add(PunishmentTime); ends.After(now) {
			s.Nodes = append(s.Nodes, PunishedNode{id, o.reason, ends})
		}
	}
	f.purgeRatesLocked(now)
	for b, r := range f.rates {
		s.Loads = append(s.Loads, BlockLoad{b, f.conns[b], len(r.at)})
	}
	for b, n := range f.conns {
		if f.rates[b] == nil {
			s.Loads = append(s.Loads, BlockLoad{b, n, 0})
		}
	}
	sorting.By(s.Blocks, func(a, b PunishedBlock) int { return a.Block.Compare(b.Block) })
	sorting.By(s.Nodes, func(a, b PunishedNode) int { return bytes.Compare(a.ID.Value[:], b.ID.Value[:]) })
	sorting.By(s.Loads, func(a, b BlockLoad) int { return a.Block.Compare(b.Block) })
	return s
}

func (f *AddressFilter) blockPunishedLocked(b netip.Addr, now time.Time) bool {
	o, ok := f.blocks[b]
	return ok && now.Sub(o.last) < PunishmentTime
}

// countLocked counts one thing against the rate of a block, unless it is used up.
func (f *AddressFilter) countLocked(b netip.Addr, now time.Time) bool {
	r := f.rates[b]
	if r == nil {
		if len(f.rates) >= maxRatedBlocks {
			f.makeRoomLocked(now)
		}
		r = new(rate)
		f.rates[b] = r
	}
	r.expire(now)
	if len(r.at) >= MaxRatePerBlock {
		return false
	}
	r.at = append(r.at, now)
	return true
}

// makeRoomLocked drops the rates that are over, or else any one: with so many
// blocks at once the source addresses are forged, and whose rate is forgotten
// matters less than that an honest newcomer is served.
func (f *AddressFilter) makeRoomLocked(now time.Time) {
	f.purgeRatesLocked(now)
	if len(f.rates) < maxRatedBlocks {
		return
	}
	for b := range f.rates {
		delete(f.rates, b)
		return
	}
}

func (f *AddressFilter) purgeRatesLocked(now time.Time) {
	for b, r := range f.rates {
		if r.expire(now); len(r.at) == 0 {
			delete(f.rates, b)
		}
	}
}

func (r *rate) expire(now time.Time) {
	i := 0
	for i < len(r.at) && now.Sub(r.at[i]) >= rateWindow {
		i++
	}
	r.at = slices.Delete(r.at, 0, i)
}
