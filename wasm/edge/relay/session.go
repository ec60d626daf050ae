package relay

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/voile-net/voile/core/transport/websocket"
	"github.com/voile-net/voile/wasm/edge/policy"
)

// ErrPageClosed: the page has closed its WebSocket, or is gone.
var ErrPageClosed = errors.New("relay: the page has closed the connection")

// Page is the WebSocket of a page.
//
//   - Read waits for the next message, which is valid until the next call; cost is what
//     it took on the wire, in bytes. What the page does wrong is a *policy.Refusal; its
//     end, in any way, is ErrPageClosed. One goroutine reads.
//   - Write does not keep msg. It blocks until the page, or the way to it, has taken
//     what was sent before. Its error is ErrPageClosed. One goroutine writes.
//   - Close says the code and the reason to the page, if it still listens, and ends
//     waiting calls. It takes a few seconds at most and is called once.
type Page interface {
	Read() (msg []byte, cost int, err error)
	Write(msg []byte) error
	Close(code policy.Code, reason string)
}

// Session is a connection to a node whose page is about to come.
type Session struct {
	link     *link
	pass     *policy.Pass
	settings policy.Settings
}

// Abandon ends a session whose page did not come. It blocks for a second at most.
func (s *Session) Abandon() {
	s.link.close()
	s.pass.Leave(policy.Ended)
}

// Run carries messages until one side ends, nothing moves any more or ctx ends, and
// returns what the page was told. Goroutines: two more, which it waits for.
func (s *Session) Run(ctx context.Context, page Page) *policy.Refusal {
	ctx, end := context.WithCancelCause(ctx)
	idle := time.AfterFunc(s.settings.IdleTimeout, func() {
		end(&policy.Refusal{Code: policy.Idle, Text: "nothing moved for too long"})
	})
	moved := func() { idle.Reset(s.settings.IdleTimeout) }
	var wg sync.WaitGroup
	wg.Go(func() { end(s.up(ctx, page, moved)) })
	wg.Go(func() { end(s.down(ctx, end, page, moved)) })
	<-ctx.Done()
	why := endOf(context.Cause(ctx))
	page.Close(why.Code, why.Text)
	s.link.close()
	wg.Wait()
	idle.Stop()
	s.pass.Leave(why.Code)
	return why
}

// up carries messages of the page.
func (s *Session) up(ctx context.Context, page Page, moved func()) error {
	for {
		msg, cost, err := page.Read()
		if err == nil {
			err = policy.CheckMessage(true, len(msg))
		}
		if err != nil {
			return err
		}
		if err := wait(ctx, s.pass.Up(cost, time.Now())); err != nil {
			return err
		}
		if err := s.link.write(msg, s.settings.SendTimeout); err != nil {
			return nodeError(err)
		}
		moved()
	}
}

// down carries messages of the node.
func (s *Session) down(ctx context.Context, end context.CancelCauseFunc, page Page, moved func()) error {
	slow := func() {
		end(&policy.Refusal{Code: policy.Unread, Text: "the page does not read what comes for it"})
	}
	for {
		msg, cost, err := s.link.read()
		if err != nil {
			return nodeError(err)
		}
		if err := wait(ctx, s.pass.Down(cost, time.Now())); err != nil {
			return err
		}
		if len(msg) == 0 { // says nothing (spec 02 §4)
			continue
		}
		timer := time.AfterFunc(s.settings.SendTimeout, slow) // page.Close ends the Write
		err = page.Write(msg)
		timer.Stop()
		if err != nil {
			return err
		}
		moved()
	}
}

// wait waits for a rate. It fails when ctx has ended.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return context.Cause(ctx)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// nodeError is what the end of the link means for the page.
func nodeError(err error) error {
	var ended *websocket.EndError
	switch {
	case errors.As(err, &ended) && ended.Op == websocket.Close:
		return &policy.Refusal{Code: policy.Ended, Text: "the node has closed the connection"}
	case errors.As(err, &ended), errors.Is(err, websocket.ErrProtocol):
		return &policy.Refusal{Code: policy.NodeBroken, Text: "the node broke the WebSocket protocol"}
	case errors.Is(err, errSlow):
		return &policy.Refusal{Code: policy.NodeSilent, Text: "the node does not take messages"}
	}
	return &policy.Refusal{Code: policy.NodeBroken, Text: "the connection to the node broke off"}
}

// endOf is what the page is told about the end of a session.
func endOf(cause error) *policy.Refusal {
	var r *policy.Refusal
	switch {
	case errors.As(cause, &r):
		return r
	case errors.Is(cause, ErrPageClosed):
		return &policy.Refusal{Code: policy.Ended, Text: "the page has closed the connection"}
	case errors.Is(cause, context.Canceled):
		return &policy.Refusal{Code: policy.GoingAway, Text: "the gateway stops"}
	}
	return &policy.Refusal{Code: policy.Fault, Text: "a fault of the gateway"}
}
