package chaos

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// ErrDisabled is what a send over a transport that is switched off fails with.
var ErrDisabled = errors.New("transport is disabled")

// segment is what a message crosses the network in on a stream.
const segment = 1460

// Selector is a transport as it can be switched off: UDP, or TCP with everything
// over it, of one family.
type Selector struct {
	Protocol wire.ProtocolType // UDP or TCP
	Family   wire.AddressType
}

// String is the form of the debug language, such as UDP/IPV6.
func (s Selector) String() string { return s.Protocol.String() + "/" + s.Family.String() }

func selectorOf(p wire.ProtocolType, remote netip.Addr) Selector {
	return Selector{p.LowLevel(), wire.AddressTypeOf(remote)}
}

// Chaos holds the settings of one node and stands in its links. The zero value is
// not ready: see [New]. Methods may be called from any goroutine. Goroutines: none;
// timers of toggles end with Close.
type Chaos struct {
	active atomic.Bool   // anything is set; read without the lock by every message
	guard  guard.Handler // of the timers

	mu       sync.Mutex
	settings Settings
	random   *rand.Rand
	send     link
	recv     link
	sky      sky
	lost     uint64                   // pushes
	disabled map[Selector]*time.Timer // nil timer: until it is enabled
	stalled  map[transport.Flow]time.Time
	closed   chan struct{}
}

// New makes a chaos that does nothing yet. random picks what gets lost; it is used
// under a lock. panicked is told of a panic of a timer.
func New(random *rand.Rand, panicked guard.Handler) *Chaos {
	return &Chaos{
		settings: Settings{}.normal(), random: random, guard: panicked,
		disabled: map[Selector]*time.Timer{}, stalled: map[transport.Flow]time.Time{},
		closed: make(chan struct{}),
	}
}

// Close lets everything that waits go, and ends timers. It may be called twice.
func (c *Chaos) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.closed:
		return
	default:
		close(c.closed)
	}
	for _, t := range c.disabled {
		if t != nil {
			t.Stop()
		}
	}
}

// Settings are those in force. They must not be changed.
func (c *Chaos) Settings() Settings {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.settings
}

// SetSettings puts settings in force, which must not be changed afterwards.
func (c *Chaos) SetSettings(s Settings) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settings = s.normal()
	c.send.free, c.recv.free = time.Time{}, time.Time{}
	clear(c.stalled)
	c.noteLocked()
}

func (c *Chaos) noteLocked() {
	quiet := c.settings.Net.Self == Self{} && len(c.settings.Net.IP) == 0 && c.settings.RPC == RPC{} && len(c.disabled) == 0
	c.active.Store(!quiet)
}

// Stats counts what was done.
func (c *Chaos) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	capacity, _, collapsed := c.sky.look(&c.settings.Net.Self.Weather, c.random, now)
	return Stats{
		Capacity: capacity, Collapsed: collapsed, Collapses: c.sky.happened(collapsed),
		Recv: c.recv.snapshot(now), Send: c.send.snapshot(now), ValueChanged: LostStats{c.lost},
	}
}

// Disable switches transports off, until they are enabled or for so long; 0: forever.
func (c *Chaos) Disable(which []Selector, lasts time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range which {
		c.enableLocked(s)
		var t *time.Timer
		if lasts > 0 {
			t = c.laterLocked(lasts, func() { delete(c.disabled, s) }, func() bool { return c.disabled[s] == t })
		}
		c.disabled[s] = t
	}
	c.noteLocked()
}

// Enable switches transports on, forever or, beside 0, for so long.
func (c *Chaos) Enable(which []Selector, lasts time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range which {
		c.enableLocked(s)
		if lasts > 0 {
			c.laterLocked(lasts, func() { c.disabled[s] = nil }, func() bool { _, off := c.disabled[s]; return !off })
		}
	}
	c.noteLocked()
}

func (c *Chaos) enableLocked(s Selector) {
	if t := c.disabled[s]; t != nil {
		t.Stop()
	}
	delete(c.disabled, s)
}

// laterLocked does something under the lock after a time, if it is still wanted.
func (c *Chaos) laterLocked(after time.Duration, do func(), wanted func() bool) *time.Timer {
	return time.AfterFunc(after, c.guard.Func(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		select {
		case <-c.closed:
			return
		default:
		}
		if wanted() {
			do()
			c.noteLocked()
		}
	}))
}

// Disabled lists the transports that are switched off.
func (c *Chaos) Disabled() []Selector {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []Selector
	for s := range c.disabled {
		list = append(list, s)
	}
	sorting.By(list, compareSelectors)
	return list
}

// compareSelectors orders UDP before TCP, and IPv6 before IPv4, as lists show them.
func compareSelectors(a, b Selector) int {
	if a.Protocol != b.Protocol {
		return int(a.Protocol) - int(b.Protocol)
	}
	return int(a.Family) - int(b.Family)
}

// LosesPush reports whether a ValueChanged that has come in is to be dropped.
func (c *Chaos) LosesPush() bool {
	if !c.active.Load() {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.settings.RPC.ValueChanged.Loss
	if p == 0 || c.random.IntN(100) >= int(p) {
		return false
	}
	c.lost++
	return true
}

func (c *Chaos) off(s Selector) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, off := c.disabled[s]
	return off
}

// outbound decides on a message that is sent, and waits for its turn. pass: it may
// go; else the caller says it went. stuck: its connection is to be closed.
func (c *Chaos) outbound(ctx context.Context, f transport.Flow, total, size int) (pass, stuck bool, err error) {
	if c.off(selectorOf(f.Protocol, f.Remote.Addr())) {
		return false, false, ErrDisabled
	}
	now := time.Now()
	c.mu.Lock()
	out, stuck := c.judgeLocked(&c.send, &c.settings.Net.Self.Send, f, true, total, size, now)
	c.mu.Unlock()
	if out.lost {
		return false, stuck, nil
	}
	return true, false, c.sleep(ctx, out.wait)
}

// inbound decides on a message that has come.
func (c *Chaos) inbound(f transport.Flow, total, size int) (pass, stuck bool) {
	if c.off(selectorOf(f.Protocol, f.Remote.Addr())) {
		return false, false
	}
	c.mu.Lock()
	in, stuck := c.judgeLocked(&c.recv, &c.settings.Net.Self.Recv, f, false, total, size, time.Now())
	c.mu.Unlock()
	if in.lost {
		return false, stuck
	}
	_ = c.sleep(context.Background(), min(in.wait, maxHold)) // ends early only when the node does
	return true, false
}

func (c *Chaos) judgeLocked(l *link, d *Direction, f transport.Flow, out bool, total, size int, now time.Time) (fate, bool) {
	n := &c.settings.Net
	if since, stalled := c.stalled[f]; stalled {
		if n.StallCloseMS > 0 && now.Sub(since) >= time.Duration(n.StallCloseMS)*time.Millisecond {
			delete(c.stalled, f)
			return fate{lost: true}, true
		}
		l.stats.Lost++
		return fate{lost: true}, false
	}
	hole := n.path(f.Remote.Addr()).Recv
	if out {
		hole = n.path(f.Remote.Addr()).Send
	}
	capacity, loss, _ := c.sky.look(&n.Self.Weather, c.random, now)
	stream := f.Protocol.LowLevel() != wire.UDP
	if stream {
		size = min(total, segment)
	}
	r := l.pass(packet{size: size, total: total, stream: stream, hole: hole}, d, capacity, loss, c.random, now)
	if r.stall && len(c.stalled) < maxStalled {
		c.stalled[f] = now
	}
	return r, false
}

// maxHold bounds how long a message that has come is held, since its reader waits and
// the transports wait for their readers when they close.
const maxHold = 5 * time.Second

// maxStalled bounds what is remembered; connections come and go.
const maxStalled = 1024

// sleep waits for a turn.
func (c *Chaos) sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.closed:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}
