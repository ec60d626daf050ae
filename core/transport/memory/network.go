package memory

import (
	"container/heap"
	"fmt"
	"math"
	"net/netip"
	"sync"
	"time"
)

// Network is the internet of the simulation: hosts with their own public
// addresses, and translators with hosts behind them.
//
// One goroutine, ended by Close, carries all packets in the order of their
// arrival. Locks: mu, over everything but the buffers of streams.
type Network struct {
	seed uint64
	wake chan struct{} // capacity 1: an event was added
	stop chan struct{}
	wg   sync.WaitGroup
	once sync.Once

	mu     sync.Mutex
	events eventHeap
	order  uint64 // of events at the same time
	public map[netip.Addr]attachment
	sent   map[pair]uint64 // packets so far
	island map[*Host]int   // absent: the mainland
	groups int
}

// attachment is what an address of the internet belongs to: one of the two.
type attachment struct {
	host *Host
	nat  *NAT
}

type pair struct{ from, to netip.Addr }

// Link is a host's way into the internet. The zero value is perfect.
type Link struct {
	Latency time.Duration // one way
	Jitter  time.Duration // at most so much more, at random
	Loss    float64       // part of the packets, 0 to 1; streams are late instead
	MTU     int           // bytes of an IP packet; 0: 1500
	Rate    int           // bytes per second out; 0: no limit
	Hops    int           // routers to the middle of the internet; 0: 5
}

func (l Link) mtu() int {
	if l.MTU == 0 {
		return 1500
	}
	return l.MTU
}

func (l Link) hops() int {
	if l.Hops == 0 {
		return 5
	}
	return l.Hops
}

// New makes an empty network.
func New(seed uint64) *Network {
	n := &Network{
		seed:   seed,
		wake:   make(chan struct{}, 1),
		stop:   make(chan struct{}),
		public: make(map[netip.Addr]attachment),
		sent:   make(map[pair]uint64),
		island: make(map[*Host]int),
	}
	n.wg.Go(n.run)
	return n
}

// Close ends the network; sockets stay open and silent. It may be called twice.
func (n *Network) Close() {
	n.once.Do(func() { close(n.stop) })
	n.wg.Wait()
}

// Partition cuts hosts off from all others, but not from each other.
func (n *Network) Partition(hosts ...*Host) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.groups++
	for _, h := range hosts {
		n.island[h] = n.groups
	}
}

// Heal ends all partitions.
func (n *Network) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.island)
}

func (n *Network) attach(a netip.Addr, to attachment) error {
	if _, taken := n.public[a]; taken {
		return fmt.Errorf("memory: address %v is taken", a)
	}
	n.public[a] = to
	return nil
}

// event is something that happens at a time; it runs under the lock.
type event struct {
	at    time.Time
	order uint64
	do    func()
}

type eventHeap []event

func (h eventHeap) Len() int { return len(h) }
func (h eventHeap) Less(i, j int) bool {
	if c := h[i].at.Compare(h[j].at); c != 0 {
		return c < 0
	}
	return h[i].order < h[j].order
}
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *eventHeap) Push(x any)   { *h = append(*h, x.(event)) }
func (h *eventHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = event{}
	*h = old[:len(old)-1]
	return e
}

func (n *Network) scheduleLocked(at time.Time, do func()) {
	n.order++
	heap.Push(&n.events, event{at, n.order, do})
	if n.events[0].order == n.order {
		select {
		case n.wake <- struct{}{}:
		default:
		}
	}
}

func (n *Network) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		n.mu.Lock()
		wait := time.Duration(math.MaxInt64)
		for now := time.Now(); len(n.events) > 0; {
			if wait = n.events[0].at.Sub(now); wait > 0 {
				break
			}
			heap.Pop(&n.events).(event).do()
			wait = math.MaxInt64
		}
		n.mu.Unlock()
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-n.wake:
		case <-n.stop:
			return
		}
	}
}

// fate is what chance does to one packet.
type fate struct {
	lost   bool
	jitter time.Duration
}

func (n *Network) fateLocked(from, to *Host, src, dst netip.Addr) fate {
	p := pair{src, dst}
	n.sent[p]++
	x := mix(n.seed ^ n.sent[p])
	for _, a := range []netip.Addr{src, dst} {
		for i, b := 0, a.As16(); i < len(b); i += 8 {
			var v uint64
			for _, c := range b[i : i+8] {
				v = v<<8 | uint64(c)
			}
			x = mix(x ^ v)
		}
	}
	unit := func() float64 { x = mix(x); return float64(x>>11) / (1 << 53) }
	keep := (1 - from.link.Loss) * (1 - to.link.Loss)
	f := fate{lost: unit() >= keep}
	f.jitter = time.Duration(unit() * float64(from.link.Jitter+to.link.Jitter))
	return f
}

// mix is a step of splitmix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
