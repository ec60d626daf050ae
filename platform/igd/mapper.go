//go:build !js

package igd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/voile-net/voile/core/attach/detect"
	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/core/wire"
	"github.com/voile-net/voile/platform"
)

// Numbers of the mappings (spec 04 §9.5).
const (
	leaseTime     = 120 * time.Second
	renewAttempts = 3                // at half of what remains, each
	searchPause   = time.Minute      // after a search that found no gateway
	callTimeout   = 3 * time.Second  // of one action of the gateway
	mapTimeout    = 10 * time.Second // of all that a new mapping takes
	clearTimeout  = 3 * time.Second  // of taking everything back in Close
)

// Why a port is not mapped.
var (
	// ErrNoGateway: nothing on the local network maps ports.
	ErrNoGateway = errors.New("no gateway that maps ports")
	// ErrFamily: the protocol maps IPv4 only.
	ErrFamily = errors.New("the gateway maps IPv4 only")
)

// Mapper is a [detect.PortMapper].
// Goroutines: one per mapping, which renews it; ended by Unmap, Clear and Close.
// Locks: busy, a lock that waits no longer than its context, is held while the
// gateway is spoken to, since many of them do one thing at a time only; mu never.
type Mapper struct {
	find  func(ctx context.Context) (gateway, error)
	log   *slog.Logger
	guard guard.Handler // of its goroutines
	lost  chan struct{}
	busy  chan struct{} // has a value while somebody speaks to the gateway

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex
	gateway  gateway   // nil: not known
	noneAt   time.Time // when a search found none; zero: none has failed
	mappings map[detect.Port]*mapping
}

// gateway is one that was found. Calls block until ctx ends at the longest.
type gateway interface {
	// external is the address that the gateway has outside.
	external(ctx context.Context) (netip.Addr, error)
	// add has an outside port passed on to ours, a second time to prolong it, and
	// returns the outside port, which is another only if want was not to be had
	// and any is set.
	add(ctx context.Context, p detect.Port, want uint16, lease time.Duration, any bool) (uint16, error)
	remove(ctx context.Context, p detect.Port, outside uint16) error
}

// mapping is a port that is passed on.
type mapping struct {
	port    detect.Port
	outside netip.AddrPort
	gateway gateway
	cancel  context.CancelFunc // ends its goroutine
	done    chan struct{}      // closed when that has ended
}

var _ detect.PortMapper = (*Mapper)(nil)

// Open makes a mapper. It looks for no gateway yet. program is what mappings are
// described with; logger may be nil: no log. panicked is told of a panic of a
// goroutine, which is a bug; nil: it ends the process.
func Open(program string, logger *slog.Logger, panicked guard.Handler) (detect.PortMapper, error) {
	f := &finder{program: program, target: searchTarget, client: newHTTPClient()}
	return newMapper(f.find, logger, panicked), nil
}

func newMapper(find func(context.Context) (gateway, error), logger *slog.Logger, panicked guard.Handler) *Mapper {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	m := &Mapper{
		find: find, log: logger, guard: panicked,
		lost: make(chan struct{}, 1), busy: make(chan struct{}, 1),
		mappings: map[detect.Port]*mapping{},
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	return m
}

// lock waits for the gateway to be free.
func (m *Mapper) lock(ctx context.Context) error {
	select {
	case m.busy <- struct{}{}:
		if m.ctx.Err() == nil {
			return nil
		}
		m.unlock()
	case <-m.ctx.Done():
	case <-ctx.Done():
	}
	if m.ctx.Err() != nil {
		return platform.ErrClosed
	}
	return context.Cause(ctx)
}

func (m *Mapper) unlock() { <-m.busy }

// within bounds ctx by the life of the mapper.
func (m *Mapper) within(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(m.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

// Prepare implements [detect.PortMapper].
func (m *Mapper) Prepare(ctx context.Context) {
	ctx, cancel := m.within(ctx)
	defer cancel()
	if m.lock(ctx) != nil {
		return
	}
	defer m.unlock()
	m.search(ctx)
}

// search finds the gateway. The lock is held.
func (m *Mapper) search(ctx context.Context) (gateway, error) {
	m.mu.Lock()
	g, noneAt := m.gateway, m.noneAt
	m.mu.Unlock()
	switch {
	case g != nil:
		return g, nil
	case !noneAt.IsZero() && time.Since(noneAt) < searchPause:
		return nil, ErrNoGateway
	}
	g, err := m.find(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case err == nil:
		m.gateway = g
	case ctx.Err() == nil:
		m.noneAt = time.Now()
		m.log.Debug("no gateway found", "err", err)
	}
	return g, err
}

// Map implements [detect.PortMapper].
func (m *Mapper) Map(ctx context.Context, p detect.Port) (netip.AddrPort, error) {
	if p.Family != wire.IPv4 {
		return netip.AddrPort{}, ErrFamily
	}
	ctx, cancel := m.within(ctx)
	defer cancel()
	if err := m.lock(ctx); err != nil {
		return netip.AddrPort{}, err
	}
	defer m.unlock()
	m.mu.Lock()
	have := m.mappings[p]
	m.mu.Unlock()
	if have != nil {
		return have.outside, nil
	}
	g, err := m.search(ctx)
	if err != nil {
		return netip.AddrPort{}, err
	}
	outside, err := establish(ctx, g, p)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("map %s: %w", p, err)
	}
	n := &mapping{port: p, outside: outside, gateway: g, done: make(chan struct{})}
	keeping, stop := context.WithCancel(m.ctx)
	n.cancel = stop
	m.mu.Lock()
	m.mappings[p] = n
	m.mu.Unlock()
	m.guard.Go(&m.wg, func() {
		defer close(n.done)
		m.keep(keeping, n)
	})
	m.log.Debug("port mapped", "port", p.String(), "address", outside.String())
	return outside, nil
}

// establish makes a mapping, with our own port outside if that is to be had.
func establish(ctx context.Context, g gateway, p detect.Port) (netip.AddrPort, error) {
	ctx, cancel := context.WithTimeout(ctx, mapTimeout)
	defer cancel()
	addr, err := g.external(ctx)
	if err != nil {
		return netip.AddrPort{}, err
	}
	outside, err := g.add(ctx, p, p.Number, leaseTime, true)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(addr, outside), nil
}

// keep renews a mapping for as long as ctx lives (spec 04 §9.5).
func (m *Mapper) keep(ctx context.Context, n *mapping) {
	for expires := time.Now().Add(leaseTime); ; expires = time.Now().Add(leaseTime) {
		renewed := false
		for attempt := 0; attempt < renewAttempts && !renewed; attempt++ {
			if !sleep(ctx, time.Until(expires)/2) {
				return
			}
			err := m.locked(ctx, func() error { return renew(ctx, n) })
			if ctx.Err() != nil {
				return
			}
			if renewed = err == nil; !renewed {
				m.log.Debug("mapping not renewed", "port", n.port.String(), "err", err)
			}
			if errors.Is(err, errMoved) {
				break
			}
		}
		if renewed {
			continue
		}
		err := m.locked(ctx, func() error { return remake(ctx, n) })
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			continue
		}
		m.mu.Lock()
		if m.mappings[n.port] == n {
			delete(m.mappings, n.port)
			m.gateway = nil // it may be another by now
		}
		m.mu.Unlock()
		m.log.Info("port mapping lost", "port", n.port.String(), "err", err)
		select {
		case m.lost <- struct{}{}:
		default:
		}
		return
	}
}

func (m *Mapper) locked(ctx context.Context, f func() error) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	defer m.unlock()
	return f()
}

// errMoved: the gateway has another address outside, so what others were told is
// wrong even if the port is still passed on.
var errMoved = errors.New("the outside address has changed")

// renew prolongs a lease.
func renew(ctx context.Context, n *mapping) error {
	ctx, cancel := context.WithTimeout(ctx, 2*callTimeout)
	defer cancel()
	if _, err := n.gateway.add(ctx, n.port, n.outside.Port(), leaseTime, false); err != nil {
		return err
	}
	addr, err := n.gateway.external(ctx)
	switch {
	case err != nil:
		return err
	case addr != n.outside.Addr():
		return errMoved
	}
	return nil
}

// remake takes a mapping back and makes it anew. A new one at another address is
// as bad as none, and taken back as well.
func remake(ctx context.Context, n *mapping) error {
	take(ctx, n)
	outside, err := establish(ctx, n.gateway, n.port)
	switch {
	case err != nil:
		return err
	case outside != n.outside:
		n.outside = outside
		take(ctx, n)
		return errMoved
	}
	return nil
}

// take has the gateway no longer pass the port on. If it does not hear, the lease
// ends by itself.
func take(ctx context.Context, n *mapping) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return n.gateway.remove(ctx, n.port, n.outside.Port())
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Unmap implements [detect.PortMapper].
func (m *Mapper) Unmap(ctx context.Context, p detect.Port) {
	ctx, cancel := m.within(ctx)
	defer cancel()
	if m.lock(ctx) != nil {
		return
	}
	defer m.unlock()
	m.mu.Lock()
	n := m.mappings[p]
	delete(m.mappings, p)
	m.mu.Unlock()
	if n != nil {
		m.end(ctx, n)
	}
}

// end stops renewing a mapping and takes it back. The lock may be held.
func (m *Mapper) end(ctx context.Context, n *mapping) {
	n.cancel()
	<-n.done
	if err := take(ctx, n); err != nil {
		m.log.Debug("mapping not taken back", "port", n.port.String(), "err", err)
	}
}

// Clear implements [detect.PortMapper].
func (m *Mapper) Clear(ctx context.Context) {
	ctx, cancel := m.within(ctx)
	defer cancel()
	if m.lock(ctx) != nil {
		return
	}
	defer m.unlock()
	m.clear(ctx)
}

func (m *Mapper) clear(ctx context.Context) {
	m.mu.Lock()
	all := m.mappings
	m.mappings = map[detect.Port]*mapping{}
	m.gateway, m.noneAt = nil, time.Time{}
	m.mu.Unlock()
	for _, n := range all {
		m.end(ctx, n)
	}
}

// Lost implements [detect.PortMapper].
func (m *Mapper) Lost() <-chan struct{} { return m.lost }

// Close implements [detect.PortMapper].
func (m *Mapper) Close() error {
	m.cancel()
	m.busy <- struct{}{} // whoever had it ends now; nobody else gets it
	defer m.unlock()
	m.wg.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), clearTimeout)
	defer cancel()
	m.clear(ctx)
	return nil
}
