package chat

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/voile-net/voile/cmd/voile/internal/privnet"
	"github.com/voile-net/voile/core"
	coreroute "github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/wire"
)

// Options say who talks. Node and Console are required; the caller closes them.
type Options struct {
	Node    *core.Node // attached, or about to be
	Console Console
	Name    string         // that the friend sees; "": "friend"
	Friend  []byte         // blob of the friend's route; nil: wait for a friend
	Ticket  privnet.Ticket // of the network, to be passed on; zero: the friend is in it
	Hops    int            // of routes; 0: the configured number
}

// Times and tries.
const (
	retryPause = time.Second // between tries to make a route or to reach a friend
	joinTries  = 5           // to reach the friend at the start
	byeTimeout = 2 * time.Second
	queue      = 64 // lines that wait to be sent; more make the reader wait
)

// ErrUnreachable is returned when the friend that was asked for at the start could
// not be reached.
var ErrUnreachable = errors.New("the friend could not be reached")

// Run talks until the input ends, /quit is typed or ctx ends. What was typed before
// the end is sent first. The goroutine that reads the console ends with the input,
// which may be later: a read of a terminal cannot be taken back.
func Run(ctx context.Context, o Options) error {
	s := &session{Options: o, work: make(chan func(context.Context), queue), moved: make(chan struct{}, 1), token: make([]byte, tokenLen)}
	s.Name = cleanName(o.Name)
	rand.Read(s.token) // never fails
	return s.run(ctx)
}

// session is one run.
// Goroutines: one that listens to the node, one that sends, both joined by run; and
// the reader. Locks: mu, never held while calling out.
type session struct {
	Options
	hidden core.Context
	token  []byte
	work   chan func(context.Context) // what is to be sent, in order
	moved  chan struct{}              // has a value when our route has died

	mu     sync.Mutex
	own    core.PrivateRoute
	friend friend
}

// friend is the one we talk to. Its token is zero while there is none.
type friend struct {
	name  string
	token []byte
	blob  []byte
}

func (s *session) run(ctx context.Context) error {
	updates := s.Node.Subscribe(0)
	defer updates.Close()
	s.Console.Note("looking for the network")
	if err := s.Node.WaitReady(ctx); err != nil {
		return fmt.Errorf("the node did not get ready: %w", err)
	}
	var err error
	if s.hidden, err = s.Node.Context().WithSafety(core.Safety{
		HopCount: s.Hops, Stability: coreroute.Reliable, Sequencing: wire.PreferOrdered,
	}); err != nil {
		return err
	}
	if err := s.renew(ctx); err != nil {
		return err
	}
	stop, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	all.Go(func() { s.listen(stop, updates) })
	if s.Friend != nil {
		if err := s.join(stop); err != nil {
			return err
		}
	} else {
		s.Console.Note("give this to a friend, who starts `voile chat` with it:")
		s.Console.Say(s.invitation())
	}
	s.Console.Note("type to talk; /help lists what else there is")
	all.Go(func() { s.send(stop) })
	err = s.read(stop)
	flushed := make(chan struct{})
	s.do(stop, func(context.Context) { close(flushed) })
	select {
	case <-flushed:
	case <-stop.Done():
	}
	s.leave()
	return err
}

// send does what is queued, one after the other.
func (s *session) send(ctx context.Context) {
	for {
		select {
		case f := <-s.work:
			f(ctx)
		case <-s.moved:
			s.move(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// do queues something to be sent; it waits while too much is queued.
func (s *session) do(ctx context.Context, f func(context.Context)) {
	select {
	case s.work <- f:
	case <-ctx.Done():
	}
}

// read takes lines until the input ends, which is no error, or ctx does.
func (s *session) read(ctx context.Context) error {
	type result struct {
		line string
		err  error
	}
	lines := make(chan result)
	go func() {
		for {
			l, err := s.Console.ReadLine()
			select {
			case lines <- result{l, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case r := <-lines:
			switch {
			case errors.Is(r.err, io.EOF):
				return nil
			case r.err != nil:
				return r.err
			case !s.typed(ctx, strings.TrimSpace(r.line)):
				return nil
			}
		}
	}
}

// typed does what a line says; false ends the chat.
func (s *session) typed(ctx context.Context, line string) bool {
	word, rest, _ := strings.Cut(line, " ")
	switch {
	case line == "":
	case !strings.HasPrefix(line, "/"):
		s.do(ctx, func(ctx context.Context) { s.say(ctx, line) })
	case word == "/quit":
		return false
	case word == "/route":
		s.Console.Say(s.invitation())
	case word == "/connect":
		i, err := ParseInvitation(rest)
		if err != nil {
			s.Console.Note(err.Error())
			break
		}
		s.do(ctx, func(ctx context.Context) {
			if err := s.connect(ctx, i.Route); err != nil {
				s.Console.Note("not connected: " + reason(err))
			}
		})
	default:
		s.Console.Note("/connect WORD  talk to the friend who gave you the word")
		s.Console.Note("/route         show the word that you give to a friend")
		s.Console.Note("/quit          end")
	}
	return true
}

func (s *session) say(ctx context.Context, text string) {
	if len(text) > maxText {
		s.Console.Note(fmt.Sprintf("not sent: longer than %d bytes", maxText))
		return
	}
	if _, ok := s.talkingTo(); !ok {
		s.Console.Note("not sent: nobody is there yet")
		return
	}
	if err := s.tell(ctx, frame{Kind: say, Text: text}); err != nil {
		s.Console.Note("not delivered: " + reason(err))
	}
}

// talkingTo is the friend, if there is one.
func (s *session) talkingTo() (friend, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.friend, s.friend.token != nil
}

// invitation is the word to give away.
func (s *session) invitation() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Invitation{Ticket: s.Ticket, Route: s.own.Blob}.String()
}
