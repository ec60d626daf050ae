package bind

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of a connection and of all together.
const (
	// DefaultMaxLine bounds one request. The protocol has no limit; the largest
	// sensible one is a value of a table, and those are below 64 KiB elsewhere.
	DefaultMaxLine = 16 << 20
	// DefaultMaxQueue bounds what waits for a client that reads slowly.
	DefaultMaxQueue = 1 << 20
	// DefaultStall is how long a client may take nothing at all.
	DefaultStall = 30 * time.Second
	// DefaultMaxClients bounds the connections; the next ones are closed at once.
	DefaultMaxClients = 4096
	// DefaultMaxPending bounds the requests of one client that are being done; the
	// next ones wait in its socket. The protocol knows no limit (spec 07 §5.3).
	DefaultMaxPending = 16384
	// maxPendingAll bounds those of all clients; the first reservedPending of each
	// do not count.
	maxPendingAll   = 65536
	reservedPending = 64
	// manyPending is from where a client's reader lets its calls go first.
	manyPending = 128
	// maxQueuedAll is what all queues may hold before each gets a tighter limit.
	maxQueuedAll = 256 << 20
	// maxLinesAll bounds the long requests that are being read.
	maxLinesAll = 256 << 20
	// linger is how long a client that has sent everything can still be told
	// something. One that is gone altogether looks the same, and if the node is
	// silent, nothing else would tell.
	linger = time.Minute
	// maxLingering bounds the clients that this is done for; they do not count as
	// clients any more.
	maxLingering = 256
	// flushTime is how long the last answers may take when a connection ends.
	flushTime = time.Second
)

// ServerOptions bound what a client may cost. Zero values are the defaults.
type ServerOptions struct {
	MaxLine    int           // bytes of one request
	MaxQueue   int           // bytes of answers and updates that wait for one client
	MaxPending int           // requests of one client under way
	MaxClients int           // connections
	Stall      time.Duration // for one write, and for the rest of a long request
	Logger     *slog.Logger  // nil: no log
}

// Server speaks the API over connections, in lines (spec 07 §5.2). There is no
// authentication: who can connect, has the node. A browser that is made to
// connect gets nowhere, since the first line of an HTTP request is no request of
// this API and ends the connection before anything is done.
//
// Goroutines: one for each Serve (the caller's), and for each connection a
// reader, a writer, one for updates and one for each running call; Close ends
// and joins all. Locks: mu, never held while waiting.
type Server struct {
	api  *API
	opts ServerOptions
	log  *slog.Logger

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	answers  sync.Pool // of *[]byte, for answers while they are made
	lines    *lineBuffers
	queued   *budget
	pending  chan struct{} // one for each running call that uses what all share
	updates  broadcast
	warnings rarely

	lingering atomic.Int64

	mu        sync.Mutex
	closed    bool
	clients   int
	listeners map[net.Listener]struct{}
}

// ErrServerClosed is what Serve returns after Close.
var ErrServerClosed = errors.New("api server closed")

// NewServer makes a server of an API.
func NewServer(api *API, opts ServerOptions) *Server {
	orDefault(&opts.MaxLine, DefaultMaxLine)
	orDefault(&opts.MaxQueue, DefaultMaxQueue)
	orDefault(&opts.MaxPending, DefaultMaxPending)
	orDefault(&opts.MaxClients, DefaultMaxClients)
	orDefault(&opts.Stall, DefaultStall)
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		api: api, opts: opts, log: opts.Logger, listeners: map[net.Listener]struct{}{},
		lines: newLineBuffers(maxLinesAll), queued: newBudget(maxQueuedAll), pending: make(chan struct{}, maxPendingAll),
	}
	s.answers.New = func() any { return new([]byte) }
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

func orDefault[T int | time.Duration](v *T, value T) {
	if *v <= 0 {
		*v = value
	}
}

// Serve accepts clients until the listener fails or the server is closed, which
// is ErrServerClosed. It owns the listener.
func (s *Server) Serve(l net.Listener) error {
	if !s.track(l) {
		l.Close()
		return ErrServerClosed
	}
	defer s.untrack(l)
	return Accept(s.ctx, l, s.log, s.ServeConn)
}

// Accept gives the connections of a listener to take until the listener fails, or
// ctx has ended and it is closed, which is ErrServerClosed.
func Accept(ctx context.Context, l net.Listener, log *slog.Logger, take func(net.Conn)) error {
	wait := 5 * time.Millisecond
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			wait = 5 * time.Millisecond
			take(conn)
		case ctx.Err() != nil:
			return ErrServerClosed
		case errors.Is(err, net.ErrClosed):
			return err
		default: // such as too many open files: it passes
			log.Warn("api connection not accepted", "err", err)
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return ErrServerClosed
			}
			wait = min(2*wait, time.Second)
		}
	}
}

// ServeConn starts to serve one connection, which it owns, and returns. When there
// are too many, or the server is closed, the connection is closed.
func (s *Server) ServeConn(nc net.Conn) {
	s.mu.Lock()
	if s.closed || s.clients >= s.opts.MaxClients {
		full := !s.closed
		s.mu.Unlock()
		nc.Close()
		if full {
			s.warn(s.log, "too many api clients; connection closed", "count", s.opts.MaxClients)
		}
		return
	}
	defer s.mu.Unlock()
	s.clients++
	s.wg.Go(func() {
		gone := sync.OnceFunc(func() {
			s.mu.Lock()
			s.clients--
			s.mu.Unlock()
		})
		defer gone()
		serveConn(s.ctx, s, nc, gone)
	})
}

// linger asks whether a client that sends nothing more may stay; if so, the caller
// counts it down at its end.
func (s *Server) linger() bool {
	if s.lingering.Add(1) > maxLingering {
		s.lingering.Add(-1)
		return false
	}
	return true
}

// Clients is how many connections there are.
func (s *Server) Clients() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clients
}

func (s *Server) track(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.listeners[l] = struct{}{}
	return true
}

func (s *Server) untrack(l net.Listener) {
	s.mu.Lock()
	delete(s.listeners, l)
	s.mu.Unlock()
	l.Close()
}

// Close stops accepting, ends what clients are waiting for, sends what has been
// answered, closes all connections, and waits until nothing runs any more, about
// a second at most. It may be called twice.
func (s *Server) Close() error {
	s.cancel() // before the listeners fail, so that Serve knows why
	s.mu.Lock()
	s.closed = true
	for l := range s.listeners {
		l.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
	return nil
}

// warn logs what any client can cause, one line a second.
func (s *Server) warn(log *slog.Logger, message string, args ...any) {
	if skipped, ok := s.warnings.tell(time.Now()); ok {
		log.Warn(message, append(args, "skipped", skipped)...)
	}
}

// rarely limits lines of the log to one a second, since web pages can cause some
// as often as they like.
type rarely struct {
	mu      sync.Mutex
	last    time.Time
	skipped int
}

// tell reports whether to log now, and how often that was not done before.
func (r *rarely) tell(now time.Time) (skipped int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.last.IsZero() && now.Sub(r.last) < time.Second {
		r.skipped++
		return 0, false
	}
	skipped, r.skipped, r.last = r.skipped, 0, now
	return skipped, true
}
