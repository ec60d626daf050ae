package network

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/envelope"
	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/core/transport"
)

// maxReceipts bounds the receipts that are waited for at once: each is a
// connection being made or an address being checked.
const maxReceipts = 1024

// Way is how a receipt comes back (spec 02 §11.2).
type Way uint8

const (
	OutOfBand    Way = iota + 1 // a raw message
	InBand                      // a direct statement in an envelope
	SafetyRoute                 // a statement that came by a safety route
	PrivateRoute                // a statement that came by a private route
)

// String is for logs.
func (w Way) String() string {
	names := [...]string{"no way", "out of band", "in band", "safety route", "private route"}
	if int(w) < len(names) {
		return names[w]
	}
	return "invalid"
}

// Return is a receipt that came back.
type Return struct {
	Way    Way
	Sender crypto.NodeID    // InBand: of the envelope
	Flow   transport.Flow   // InBand and OutOfBand
	Route  crypto.PublicKey // PrivateRoute: key of the route it came by
}

// Faults of a returned receipt. Nobody is punished for one (spec 02 §11.2).
var (
	// ErrUnknownReceipt: not waited for, or no longer.
	ErrUnknownReceipt = errors.New("unknown receipt")
	// ErrReceiptWay: it came back another way than it may. Whoever waits, waits on.
	ErrReceiptWay = errors.New("receipt came back the wrong way")
)

// Receipts makes receipts and matches those that come back. Methods may be
// called from any goroutine. It starts none: a receipt that is not waited for
// is forgotten by a timer.
type Receipts struct {
	crypto *crypto.Crypto
	maker  *envelope.Identity
	guard  guard.Handler // of the timers

	mu      sync.Mutex // guards what follows
	pending map[crypto.Nonce]*Receipt
	closed  bool
}

// NewReceipts makes an empty set. maker signs the receipts: the node's
// identity of the best kind. panicked is told of a panic of a timer.
func NewReceipts(c *crypto.Crypto, maker *envelope.Identity, panicked guard.Handler) *Receipts {
	return &Receipts{crypto: c, maker: maker, guard: panicked, pending: make(map[crypto.Nonce]*Receipt)}
}

// Receipt is one that was given away. [Receipt.Wait] or [Receipt.Cancel] ends it.
type Receipt struct {
	set   *Receipts
	nonce crypto.Nonce
	bytes []byte
	way   Way
	timer *time.Timer
	back  chan Return   // room for one
	gone  chan struct{} // closed when it is over without a return
}

// New makes a receipt without extra data that may come back once, by the one
// way, within its lifetime (spec 02 §11.1). Errors: ErrBusy, ErrClosed.
func (r *Receipts) New(way Way, lifetime time.Duration) (*Receipt, error) {
	sys, err := r.crypto.Get(r.maker.NodeID().Kind)
	if err != nil {
		return nil, err
	}
	nonce, err := sys.RandomNonce()
	if err != nil {
		return nil, err
	}
	bytes, err := envelope.AppendReceipt(nil, r.maker.Signer(), nonce, nil)
	if err != nil {
		return nil, err
	}
	rc := &Receipt{
		set: r, nonce: nonce, bytes: bytes, way: way,
		back: make(chan Return, 1), gone: make(chan struct{}),
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return nil, ErrClosed
	case len(r.pending) >= maxReceipts:
		return nil, fmt.Errorf("%w: %d receipts", ErrBusy, maxReceipts)
	}
	r.pending[nonce] = rc
	rc.timer = time.AfterFunc(lifetime, r.guard.Func(rc.Cancel))
	return rc, nil
}

// Bytes is the receipt as it is given away. It must not be changed.
func (rc *Receipt) Bytes() []byte { return rc.bytes }

// Wait returns how the receipt came back. Errors: ErrTimeout after its
// lifetime, the context's error.
func (rc *Receipt) Wait(ctx context.Context) (Return, error) {
	defer rc.Cancel()
	select {
	case ret := <-rc.back:
		return ret, nil
	case <-rc.gone:
	case <-ctx.Done():
	}
	select { // it may have come at the last moment
	case ret := <-rc.back:
		return ret, nil
	default:
	}
	if err := ctx.Err(); err != nil {
		return Return{}, err
	}
	return Return{}, fmt.Errorf("receipt: %w", ErrTimeout)
}

// Cancel forgets the receipt; Wait ends. Calling it again does nothing.
func (rc *Receipt) Cancel() {
	rc.set.mu.Lock()
	defer rc.set.mu.Unlock()
	if rc.set.pending[rc.nonce] == rc {
		delete(rc.set.pending, rc.nonce)
		close(rc.gone)
		rc.timer.Stop()
	}
}

// Returned takes a receipt that came back: it is parsed, verified and matched
// by its nonce (spec 02 §11.2). Errors are of package envelope, or
// ErrUnknownReceipt, or ErrReceiptWay.
func (r *Receipts) Returned(receipt []byte, ret Return) error {
	parsed, err := envelope.ParseReceipt(r.crypto, receipt)
	if err != nil {
		return fmt.Errorf("receipt: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	rc := r.pending[parsed.Nonce]
	switch {
	case rc == nil || parsed.Sender != r.maker.NodeID():
		return ErrUnknownReceipt
	case rc.way != ret.Way:
		return fmt.Errorf("%w: %v, not %v", ErrReceiptWay, ret.Way, rc.way)
	}
	delete(r.pending, parsed.Nonce)
	rc.timer.Stop()
	rc.back <- ret // has room: it is in pending, so nothing was sent yet
	return nil
}

// Close ends every wait.
func (r *Receipts) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for nonce, rc := range r.pending {
		delete(r.pending, nonce)
		rc.timer.Stop()
		close(rc.gone)
	}
}
