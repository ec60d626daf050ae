package attach

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/core/network"
	"github.com/voile-net/voile/core/network/bootstrap"
	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/rpc"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/platform"
)

// Faults of the application's calls.
var (
	ErrAttached = errors.New("already attached")
	ErrDetached = errors.New("not attached")
	ErrClosed   = errors.New("closed")
)

// Times of the machine (spec 04 §6).
const (
	tickInterval   = time.Second
	backgroundTick = 5 * time.Second         // while the application is in the background
	stallLag       = 2500 * time.Millisecond // between ticks: the process did not run
	longStall      = time.Minute             // after it every connection is suspect
	pokeSpacing    = 50 * time.Millisecond   // between early ticks
)

// Config is what an attacher is made of. Everything without "nil" in its comment
// is required.
type Config struct {
	Settings *config.Config
	Tuning   config.Tuning
	Crypto   *crypto.Crypto
	Clock    *crypto.Clock
	Table    *routing.Table
	Routes   *route.Store
	RPC      *rpc.RPC
	Network  *network.Manager
	Filter   *transport.AddressFilter

	Host    transport.Host
	Between Between // nil: nothing stands between the transports and Network
	NetInfo platform.NetInfo
	Names   *bootstrap.Cache // resolves names
	Records *bootstrap.Store // of the last bootstrap
	Mapper  PortMapper       // nil: no port mapping protocol

	// Changed is told of every change of the state or of a readiness; it must not
	// block nor call back.
	Changed func(Status)
	// Ticked is called after every tick while the network runs; likewise.
	Ticked func()
	// RouteChange is told of routes that are gone; likewise.
	RouteChange func(route.Change)
	// Save writes the routing table, the routes and [Attacher.RestorePoint]; nil:
	// nothing is kept.
	Save func(ctx context.Context) error
	// Restore is a restore point of an earlier run; nil: none.
	Restore []byte

	Logger *slog.Logger  // nil: no log
	Panic  guard.Handler // of its goroutines; nil: the process ends
}

// Attacher attaches and detaches the node.
// Goroutines: the loop, started by New, and those of the tasks while attached;
// all ended by Close. Locks: mu, never held while calling out.
type Attacher struct {
	cfg Config
	log *slog.Logger

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	pokes  chan struct{} // has a value when a tick is wanted early

	mu      sync.Mutex
	want    bool
	closed  bool
	status  Status
	since   time.Time // of the change to Attaching; zero: detached
	restart bool      // the network is to be started anew
	waiters []chan struct{}
	drops   []transport.ConnClosed // since the last tick
	point   []byte                 // restore point of the last session; nil: none

	settings     atomic.Pointer[config.Config]
	background   atomic.Bool // the application is in the background
	ownBootstrap atomic.Bool // we were among our own bootstraps

	session *session                // the loop's own; nil: the network is not started
	current atomic.Pointer[session] // the same, for others
}

// New makes an attacher that is detached.
func New(cfg Config) *Attacher {
	a := &Attacher{cfg: cfg, log: cfg.Logger, pokes: make(chan struct{}, 1), point: cfg.Restore}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	a.settings.Store(cfg.Settings)
	a.ctx, a.cancel = context.WithCancel(context.Background())
	cfg.Panic.Go(&a.wg, a.loop)
	return a
}

// Attach asks to be attached and returns at once (spec 04 §8). It fails with
// [ErrAttached] in an attached state; repeated while attaching, it tries again
// at once.
func (a *Attacher) Attach() error {
	a.mu.Lock()
	switch {
	case a.closed:
		a.mu.Unlock()
		return ErrClosed
	case a.status.State >= AttachedWeak && a.want:
		a.mu.Unlock()
		return ErrAttached
	}
	a.want = true
	changed := a.status.State == Detached
	if changed {
		a.status.State = Attaching
		a.since = time.Now()
	}
	status := a.status
	a.mu.Unlock()
	if changed {
		a.tell(status)
	}
	a.poke()
	return nil
}

// Detach asks to be detached and returns at once. It fails with [ErrDetached].
func (a *Attacher) Detach() error {
	a.mu.Lock()
	switch {
	case a.closed:
		a.mu.Unlock()
		return ErrClosed
	case a.status.State == Detached:
		a.mu.Unlock()
		return ErrDetached
	}
	a.want = false
	changed := a.status.State != Detaching
	a.status = Status{State: Detaching}
	status := a.status
	a.mu.Unlock()
	if changed {
		a.tell(status)
	}
	a.poke()
	return nil
}

// Restart starts the network anew if it is started.
func (a *Attacher) Restart() {
	a.mu.Lock()
	a.restart = true
	a.mu.Unlock()
	a.poke()
}

// SetBackground tells whether the application is in the background (spec 07 §2.1,
// "app life-cycle"): its tasks then run more rarely, so that a phone can rest. On
// the way back the node looks at its interfaces and peers at once and tells its
// status again.
func (a *Attacher) SetBackground(on bool) {
	if a.background.Swap(on) == on || on {
		return
	}
	a.poke()
	a.tell(a.Status())
}

// Poke asks for a tick before its time, because something outside has changed.
func (a *Attacher) Poke() { a.poke() }

// Close detaches, ends all goroutines and waits for them. It may be called twice.
func (a *Attacher) Close() {
	a.mu.Lock()
	a.closed, a.want = true, false
	a.mu.Unlock()
	a.cancel()
	a.wg.Wait()
	a.stop() // where the loop has ended by a panic
}

// poke asks for a tick before its time.
func (a *Attacher) poke() {
	select {
	case a.pokes <- struct{}{}:
	default:
	}
}

// loop is the one place where the network is started, ticked and stopped.
func (a *Attacher) loop() {
	ticker := time.NewTicker(tickInterval)
	defer ticker.Stop()
	var last, retry time.Time
	background := false
	for {
		now := time.Now()
		if !last.IsZero() {
			a.noticeStall(last, now, background)
		}
		if b := a.background.Load(); b != background {
			background = b
			ticker.Reset(map[bool]time.Duration{false: tickInterval, true: backgroundTick}[b])
		}
		last = now
		a.step(now, &retry)
		select {
		case <-ticker.C:
		case <-a.pokes:
			retry = time.Time{}
			a.pause(pokeSpacing - time.Since(now))
		case <-a.ctx.Done():
			a.stop()
			return
		}
	}
}

func (a *Attacher) pause(d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-a.ctx.Done():
	}
}

// noticeStall excuses peers for what happened while this process did not run
// (spec 04 §6).
func (a *Attacher) noticeStall(last, now time.Time, background bool) {
	// While a device sleeps the monotonic clock may stand still; a wall clock that
	// is set looks the same, and costs some connections.
	lag := max(now.Sub(last), now.Round(0).Sub(last.Round(0)))
	allowed := stallLag
	if background {
		allowed += backgroundTick - tickInterval
	}
	if lag < allowed {
		return
	}
	a.log.Info("process stalled", "after", lag)
	a.cfg.Table.Excuse(lag)
	a.cfg.Network.Stalled(last, now)
	if lag >= longStall && a.session != nil {
		a.session.reconnect()
	}
}

func (a *Attacher) step(now time.Time, retry *time.Time) {
	a.mu.Lock()
	want, restart := a.want, a.restart
	a.restart = false
	a.mu.Unlock()
	switch {
	case a.session != nil && (!want || restart):
		a.stop()
	case a.session == nil && !want:
		a.neverStarted()
	}
	if a.session == nil && want && !now.Before(*retry) {
		s, err := a.start()
		if err != nil {
			*retry = now.Add(a.retryAfter(err))
			a.log.Warn("network not started", "err", err, "after", time.Until(*retry).Round(time.Second))
			a.setStartError(err)
			return
		}
		a.setStartError(nil)
		a.session = s
	}
	if a.session != nil {
		a.session.tick(now)
		a.measure(now)
		if a.cfg.Ticked != nil {
			a.cfg.Ticked()
		}
	}
}

// retryAfter is when to start the network again: at the next tick, or for a port
// that is taken after bind_retry_ms (spec 02 §5.3).
func (a *Attacher) retryAfter(err error) time.Duration {
	if errors.Is(err, transport.ErrAddrInUse) {
		return time.Duration(a.settings.Load().Network.BindRetryMS) * time.Millisecond
	}
	return tickInterval
}

// neverStarted ends a wish that was taken back before the network was started.
func (a *Attacher) neverStarted() {
	a.mu.Lock()
	end := a.status.State == Detaching && !a.want
	if end {
		a.status, a.since = Status{State: Detached}, time.Time{}
	}
	status := a.status
	a.mu.Unlock()
	if end {
		a.tell(status)
	}
}

// stop ends the network and its tasks.
func (a *Attacher) stop() {
	if a.session == nil {
		return
	}
	a.mu.Lock()
	want, told := a.want, a.status.State == Detaching
	a.status = Status{State: Detaching}
	status := a.status
	a.mu.Unlock()
	if !told {
		a.tell(status)
	}
	a.session.close()
	a.session = nil

	a.mu.Lock()
	a.status = Status{State: Detached}
	a.since = time.Time{}
	if want { // a restart
		a.status.State = Attaching
		a.since = time.Now()
	}
	status = a.status
	a.mu.Unlock()
	a.tell(status)
}
