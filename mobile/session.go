//go:build !js

package mobile

import (
	"log/slog"

	"github.com/voile-net/voile/bind/instance"
	"github.com/voile-net/voile/core"
)

// Session is a user of the API. Methods may be called from any thread.
type Session struct {
	session *instance.Session
	log     *slog.Logger
}

// Call does a request and waits for its answer, which may be an error of the
// operation: read it. cancel ends the call early, which is answered with Timeout; it
// may be null. Errors: ParseError for bytes that are no message, InvalidArgument for
// none at all.
func (s *Session) Call(message []byte, cancel *Cancellation) (_ []byte, err error) {
	defer catch(&err)
	if s.session == nil {
		return nil, errNotStarted
	}
	line, parts, err := parseMessage(message)
	if err != nil {
		return nil, err
	}
	ctx, end := contextOf(cancel)
	defer end()
	answer, blobs := s.session.Call(ctx, line, parts)
	return appendMessage(nil, answer, blobs), nil
}

// Begin does a request without waiting: done gets the answer, exactly once, before
// [Session.Close] returns, unless Begin itself fails, with errors as of Call. The
// result cancels the call.
func (s *Session) Begin(message []byte, done AnswerListener) (_ *Pending, err error) {
	defer catch(&err)
	if s.session == nil {
		return nil, errNotStarted
	}
	if done == nil {
		return nil, failure(core.InvalidArgument, "no listener for the answer")
	}
	line, parts, err := parseMessage(message)
	if err != nil {
		return nil, err
	}
	return &Pending{cancel: s.session.Begin(line, parts, func(answer []byte, blobs [][]byte) {
		message := appendMessage(nil, answer, blobs)
		s.give("OnAnswer", func() error { return done.OnAnswer(message) })
	})}, nil
}

// give hands the app something; what goes wrong there is logged.
func (s *Session) give(what string, f func() error) {
	defer swallow(s.log, what)
	if err := f(); err != nil {
		s.log.Warn("a listener of the app failed", "op", what, "err", clean(err.Error()))
	}
}

// Objects counts the handles that the session holds, for tests and for the app's own eye
// on itself.
func (s *Session) Objects() int {
	if s.session == nil {
		return 0
	}
	return s.session.Objects()
}

// Calls counts the requests under way.
func (s *Session) Calls() int {
	if s.session == nil {
		return 0
	}
	return s.session.Pending()
}

// Close ends the requests under way, waits for them and for the update that is being
// given, and releases the handles. It may be called twice, but not by a listener.
// Errors: an Internal one for a bug.
func (s *Session) Close() (err error) {
	defer catch(&err)
	if s.session == nil {
		return nil
	}
	s.session.Close()
	return nil
}

// Pending is a request under way.
type Pending struct{ cancel func() }

// Cancel ends the request early, which is answered with Timeout unless it was
// answered already. It may be called twice.
func (p *Pending) Cancel() {
	if p.cancel != nil {
		p.cancel()
	}
}
