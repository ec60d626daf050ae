package chat

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/voile-net/voile/core"
	coreroute "github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/wire"
)

// Answers of a friend that are failures.
var (
	errBusy     = errors.New("your friend talks to someone else")
	errStranger = errors.New("your friend does not know you any more; ask for a new word")
)

// reason says in a line why something did not reach the friend.
func reason(err error) string {
	switch core.KindOf(err) {
	case core.Timeout:
		return "no answer: your friend may be gone, or the route to them broken"
	case core.NoConnection, core.InvalidTarget:
		return "the route to your friend does not work any more; ask for a new word"
	case core.TryAgain:
		return "your node is not connected at the moment"
	}
	return err.Error()
}

// ask sends a frame over a route and waits for the answer. A route that the node has
// forgotten, because it was idle or failed once, is imported anew and tried again.
func (s *session) ask(ctx context.Context, blob []byte, f frame) (frame, error) {
	f.Token = s.token
	id, err := s.Node.ImportPrivateRoute(blob)
	if err != nil {
		return frame{}, err
	}
	b, err := s.hidden.Call(ctx, id, f.encode())
	if k := core.KindOf(err); k == core.NoConnection || k == core.Timeout {
		if id, err = s.Node.ImportPrivateRoute(blob); err != nil {
			return frame{}, err
		}
		b, err = s.hidden.Call(ctx, id, f.encode())
	}
	if err != nil {
		return frame{}, err
	}
	return decode(b)
}

// connect makes the owner of a route our friend.
func (s *session) connect(ctx context.Context, blob []byte) error {
	s.mu.Lock()
	own := s.own.Blob
	s.mu.Unlock()
	if bytes.Equal(own, blob) {
		return errors.New("this is your own word: give it to a friend")
	}
	a, err := s.ask(ctx, blob, frame{Kind: hello, Name: s.Name, Route: own})
	switch {
	case err != nil:
		return err
	case a.Kind == busy:
		return errBusy
	case a.Kind != welcome || len(a.Token) == 0:
		return errFrame
	}
	s.befriend(friend{name: a.Name, token: a.Token, blob: blob})
	return nil
}

// befriend sets the friend, and tells of one that is new.
func (s *session) befriend(f friend) {
	s.mu.Lock()
	same := same(s.friend.token, f.token)
	s.friend = f
	s.mu.Unlock()
	if !same {
		s.Console.Note("you talk to " + f.name)
	}
}

// same compares tokens; nobody has an empty one.
func same(a, b []byte) bool { return len(a) > 0 && subtle.ConstantTimeCompare(a, b) == 1 }

// join connects to the friend that was asked for at the start.
func (s *session) join(ctx context.Context) error {
	var err error
	for range joinTries {
		if err = s.connect(ctx, s.Friend); err == nil || !passing(err) {
			break
		}
		s.Console.Note("not reached yet: " + reason(err))
		if !pause(ctx, retryPause) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("%w: %s", ErrUnreachable, reason(err))
	}
	return nil
}

// passing reports whether what failed may work later.
func passing(err error) bool {
	switch core.KindOf(err) {
	case core.Timeout, core.NoConnection, core.InvalidTarget, core.TryAgain:
		return true
	}
	return false
}

// tell sends a frame to the friend. One who has forgotten us is greeted again.
func (s *session) tell(ctx context.Context, f frame) error {
	to, ok := s.talkingTo()
	if !ok {
		return nil
	}
	a, err := s.ask(ctx, to.blob, f)
	if err == nil && a.Kind == stranger {
		if err = s.connect(ctx, to.blob); err == nil {
			a, err = s.ask(ctx, to.blob, f)
		}
	}
	switch {
	case err != nil:
		return err
	case a.Kind == stranger:
		return errStranger
	case a.Kind != done:
		return errFrame
	}
	return nil
}

// leave says good-bye, and does not wait for long.
func (s *session) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), byeTimeout)
	defer cancel()
	if to, ok := s.talkingTo(); ok {
		// That nobody hears it is no matter any more.
		if id, err := s.Node.ImportPrivateRoute(to.blob); err == nil {
			s.hidden.Call(ctx, id, frame{Kind: bye, Token: s.token}.encode())
		}
	}
}

// listen answers what comes until ctx ends, and sees to the routes.
func (s *session) listen(ctx context.Context, updates *core.Subscription) {
	for {
		u, err := updates.Next(ctx)
		if err != nil {
			return
		}
		switch u := u.(type) {
		case core.AppCall:
			// A reply that fails shows at the other end, as a call without answer.
			s.Node.Reply(ctx, u.CallID, s.answer(u.Message).encode())
		case core.RouteChange:
			s.mu.Lock()
			dead := slices.Contains(u.DeadRoutes, s.own.ID)
			s.mu.Unlock()
			if dead {
				select {
				case s.moved <- struct{}{}:
				default: // a move is due already
				}
			}
		}
	}
}

// answer does what a frame says and returns what to answer.
func (s *session) answer(b []byte) frame {
	f, err := decode(b)
	if err != nil {
		return frame{Kind: stranger}
	}
	to, talking := s.talkingTo()
	known := talking && same(to.token, f.Token)
	switch {
	case f.Kind == hello && len(f.Token) == tokenLen && len(f.Route) > 0:
		if talking && !known {
			return frame{Kind: busy}
		}
		s.befriend(friend{name: f.Name, token: f.Token, blob: f.Route})
		return frame{Kind: welcome, Token: s.token, Name: s.Name}
	case !known:
		return frame{Kind: stranger}
	case f.Kind == say:
		s.Console.Say(to.name + ": " + f.Text)
	case f.Kind == route && len(f.Route) > 0:
		to.blob = f.Route
		s.befriend(to)
	case f.Kind == bye:
		s.mu.Lock()
		s.friend = friend{}
		s.mu.Unlock()
		s.Console.Note(to.name + " has left")
	}
	return frame{Kind: done}
}

// renew makes a new private route to us, and tries until there is one.
func (s *session) renew(ctx context.Context) error {
	told := false
	for {
		r, err := s.Node.NewCustomPrivateRoute(ctx, core.PrivateRouteSpec{
			HopCount: s.Hops, Stability: coreroute.Reliable, Sequencing: wire.PreferOrdered,
		})
		if err == nil {
			s.mu.Lock()
			s.own = r
			s.mu.Unlock()
			return nil
		}
		if core.KindOf(err) != core.TryAgain || ctx.Err() != nil {
			return fmt.Errorf("private route: %w", err)
		}
		if !told {
			told = true
			s.Console.Note("no private route can be made yet: " + err.Error())
		}
		if !pause(ctx, retryPause) {
			return fmt.Errorf("private route: %w", err)
		}
	}
}

// move makes a new route after ours has died, and tells the friend.
func (s *session) move(ctx context.Context) {
	if err := s.renew(ctx); err != nil {
		if ctx.Err() == nil {
			s.Console.Note(err.Error())
		}
		return
	}
	s.mu.Lock()
	blob := s.own.Blob
	s.mu.Unlock()
	to, talking := s.talkingTo()
	if talking {
		err := s.tell(ctx, frame{Kind: route, Route: blob})
		if err == nil {
			s.Console.Note("your route had died; " + to.name + " has the new one")
			return
		}
		s.Console.Note(to.name + " could not be told of your new route: " + reason(err))
	}
	s.Console.Note("your route had died; the word to give away is now:")
	s.Console.Say(s.invitation())
}

// pause waits; false: ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
