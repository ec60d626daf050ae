package rpc

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// MaxAppMessage is the largest message, call or reply of an application
// (spec 03 §6.3).
const MaxAppMessage = 32768

// maxCalls bounds the calls that wait for our application.
const maxCalls = 4096

// calls are the questions that our application has not answered yet.
type calls struct {
	mu     sync.Mutex
	byID   map[uint64]pendingCall
	closed bool
}

type pendingCall struct {
	back  Destination
	timer *time.Timer
}

// add keeps a question until it is taken or its time is over. panicked is told of a
// panic of the timer.
func (c *calls) add(id uint64, back Destination, timeout time.Duration, panicked guard.Handler) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return ErrClosed
	case c.byID == nil:
		c.byID = map[uint64]pendingCall{}
	case c.byID[id].timer != nil:
		return &invalid{"a call of this id waits already"}
	case len(c.byID) >= maxCalls:
		return ErrBusy
	}
	c.byID[id] = pendingCall{back, time.AfterFunc(timeout, panicked.Func(func() { c.take(id) }))}
	return nil
}

func (c *calls) take(id uint64) (Destination, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.byID[id]
	if ok {
		p.timer.Stop()
		delete(c.byID, id)
	}
	return p.back, ok
}

func (c *calls) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for id, p := range c.byID {
		p.timer.Stop()
		delete(c.byID, id)
	}
}

// Bounds of what our application sends.
const (
	// maxOwnBytes is how much of it is encoded, sealed and queued at a time. The rest
	// waits in line before anything was done for it.
	maxOwnBytes = 256 << 10
	// maxOwnWait is how long a message waits for its turn. It is above every timeout
	// of the protocol.
	maxOwnWait = 10 * time.Second
	// maxAppWait is how long a message of another application waits for ours.
	maxAppWait = 10 * time.Second
)

// errFull ends the wait of a message of our application.
var errFull = errors.New("more messages are sent than the network takes")

// Message sends a message of our application to another. It waits while the way to
// the first node has more to carry than it can; everything else that this node
// sends goes first. Success says that it was sent, not that it arrived.
//
// Errors are those of [RPC.Tell], [ErrTooLong], and [ErrTryAgain] if it was not its
// turn for 10 s.
func (r *RPC) Message(ctx context.Context, d Destination, message []byte) error {
	if len(message) > MaxAppMessage {
		return ErrTooLong
	}
	// Ended like this, and not by a deadline, a wait is nobody's fault (network.Send).
	limited, cancel := context.WithCancelCause(transport.Bulk(ctx))
	defer cancel(nil)
	late := time.AfterFunc(maxOwnWait, func() { cancel(errFull) })
	defer late.Stop()
	n := int64(len(message)) + 1
	err := r.own.Acquire(limited, n)
	if err == nil {
		_, err = r.Tell(limited, d, &wire.AppMessage{Message: message})
		r.own.Release(n)
	}
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return errors.Join(ErrTryAgain, context.Cause(limited))
	}
	return err
}

// appMessage gives a message to the application (spec 03 §6.3). Directly it is
// not taken: that would show the sender's address, which no default build allows.
func (r *RPC) appMessage(m *message, d *wire.AppMessage) error {
	id, err := r.appRoute(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.ctx, maxAppWait)
	defer cancel()
	r.cfg.App.AppMessage(ctx, AppMessage{RouteID: id, Message: d.Message})
	return nil
}

func (r *RPC) appCall(m *message, d *wire.AppCallQ, back Destination) error {
	id, err := r.appRoute(m)
	if err != nil {
		return err
	}
	if err := r.calls.add(m.op.OpID, back, r.cfg.Timeout, r.cfg.Panic); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.ctx, r.cfg.Timeout)
	defer cancel()
	r.cfg.App.AppCall(ctx, AppCall{AppMessage{RouteID: id, Message: d.Message}, m.op.OpID})
	return nil
}

// appRoute is the id of our private route that a message of an application came
// by, zero for one that came to our node over a safety route.
func (r *RPC) appRoute(m *message) (crypto.RouteID, error) {
	switch {
	case m.direct():
		return crypto.RouteID{}, &invalid{"message of an application that came directly"}
	case !r.offers(m.in.Domain, wire.CapAPPM):
		return crypto.RouteID{}, ErrUnavailable
	case !m.private():
		return crypto.RouteID{}, nil
	}
	return m.arrival.Reply.Preferred, nil
}

// Reply answers a call of another application, once. The caller waits for it no
// longer than the RPC timeout; after that, ErrUnmatched. The message may be
// empty; it is not kept. Success says that the answer was sent.
func (r *RPC) Reply(ctx context.Context, callID uint64, message []byte) error {
	if len(message) > MaxAppMessage {
		return ErrTooLong
	}
	back, ok := r.calls.take(callID)
	if !ok {
		return ErrUnmatched
	}
	return r.answer(ctx, back, callID, &wire.AppCallA{Message: message})
}
