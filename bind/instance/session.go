package instance

import (
	"context"
	"fmt"
	"sync"

	"github.com/voile-net/voile/bind"
	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/core"
)

// Session is one user of the API with the objects it has made. Methods may be called
// from any goroutine.
// Goroutines: one for updates and one for each call of Begin, all ended by Close.
type Session struct {
	owner  *Instance
	client *bind.Client
	ctx    context.Context // ends with the session
	cancel context.CancelFunc
	sub    *core.Subscription // nil: no updates
	slots  chan struct{}      // one for each call under way
	parts  sync.WaitGroup     // updates and calls

	mu    sync.Mutex
	ended bool // no further call starts
}

// Call does one request and waits for its answer; there is always one. blobs are
// what the line refers to; the session has them from then on and may change them,
// line is the caller's. What comes back is the caller's. A line that is no request
// is answered with a ParseError, a session that is closed with NotInitialized, one
// request more than [MaxPending] with TryAgain. The end of ctx ends the call, with
// a Timeout.
func (s *Session) Call(ctx context.Context, line []byte, blobs [][]byte) (answer []byte, answerBlobs [][]byte) {
	if refused := s.enter(); refused != nil {
		return refused, nil
	}
	defer s.leave()
	inner, cancel := context.WithCancelCause(s.ctx)
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() { cancel(errGivenUp) })()
	return s.do(inner, line, blobs)
}

// Begin is [Session.Call] that does not wait: done gets the answer, exactly once,
// from another goroutine and before [Session.Close] returns, and must not close the
// session or the instance. line is read before Begin returns. cancel ends the call
// early, which is answered with a Timeout; it may be called at any time and not at
// all.
func (s *Session) Begin(line []byte, blobs [][]byte, done func(answer []byte, blobs [][]byte)) (cancel func()) {
	refused := s.enter()
	if refused != nil {
		s.finish(refused, done)
		return func() {}
	}
	call, err := s.client.ParseBinary(line, blobs)
	if err != nil {
		refused = refusal(err)
	}
	ctx, end := context.WithCancelCause(s.ctx)
	go func() { // joined by enter's count
		defer s.leave()
		defer end(nil)
		s.owner.guard.Run(func() {
			if refused != nil {
				done(refused, nil)
				return
			}
			done(call.RunBinary(ctx, nil))
		})
	}()
	return func() { end(errGivenUp) }
}

// errGivenUp is why a call ends that its caller does not want any more.
var errGivenUp = fmt.Errorf("given up: %w", context.DeadlineExceeded)

// finish tells the answer of a call that did not start. After Close there is nobody
// who waits for the goroutine: done is called before Begin returns.
func (s *Session) finish(answer []byte, done func([]byte, [][]byte)) {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		done(answer, nil)
		return
	}
	s.parts.Add(1)
	s.mu.Unlock()
	go func() {
		defer s.parts.Done()
		s.owner.guard.Run(func() { done(answer, nil) })
	}()
}

func (s *Session) do(ctx context.Context, line []byte, blobs [][]byte) ([]byte, [][]byte) {
	call, err := s.client.ParseBinary(line, blobs)
	if err != nil {
		return refusal(err), nil
	}
	return call.RunBinary(ctx, nil)
}

// enter counts a call in, or gives the answer that refuses it.
func (s *Session) enter() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return failure(jsonapi.NotInitialized, "")
	}
	select {
	case s.slots <- struct{}{}:
		s.parts.Add(1)
		return nil
	default:
		return tooMany()
	}
}

func (s *Session) leave() {
	<-s.slots
	s.parts.Done()
}

// Pending counts the calls under way.
func (s *Session) Pending() int { return len(s.slots) }

// Objects counts the handles that the session holds.
func (s *Session) Objects() int { return s.client.Objects() }

// Close ends the calls under way, waits for them and for the update that is being
// delivered, and releases the objects. It may be called twice and at the same time.
func (s *Session) Close() {
	s.end()
	s.cancel()
	if s.sub != nil {
		s.sub.Close()
	}
	s.parts.Wait()
	s.client.Close()
	s.owner.mu.Lock()
	delete(s.owner.sessions, s)
	s.owner.mu.Unlock()
}

// end lets no further call start.
func (s *Session) end() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
}

// pump gives the updates to the application until there are no more.
func (s *Session) pump(update func(line []byte, blobs [][]byte)) {
	var line []byte
	for {
		u, err := s.sub.Next(s.ctx)
		if err != nil {
			return
		}
		text, blobs := bind.AppendUpdateBinary(line[:0], u)
		if s.ctx.Err() != nil {
			return
		}
		if len(text) > 0 {
			update(text, blobs)
		}
		if cap(text) <= maxKept {
			line = text
		}
	}
}

// maxKept is how long a line may be for its room to be used again.
const maxKept = 64 << 10
