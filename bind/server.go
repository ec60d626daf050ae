package bind

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"
)

// Limits of a connection.
const (
	// DefaultMaxLine bounds one request. The protocol has no limit; the largest
	// sensible one is a value of a table, and those are below 64 KiB elsewhere.
	DefaultMaxLine = 16 << 20
	// DefaultMaxQueue bounds what waits for a client that reads slowly.
	DefaultMaxQueue = 1 << 20
	// DefaultStall is how long a client may take nothing at all.
	DefaultStall = 30 * time.Second
	// linger is how long a client that has sent everything can still be told
	// something. One that is gone altogether looks the same, and if the node is
	// silent, nothing else would tell.
	linger = time.Minute
	// flushTime is how long the last answers may take when a connection ends.
	flushTime = time.Second
	// maxPending bounds the requests of one client that are being done; the next
	// ones wait in its socket. The protocol knows no limit (spec 07 §5.3).
	maxPending = 8192
)

// ServerOptions bound what a client may cost. Zero values are the defaults.
type ServerOptions struct {
	MaxLine  int           // bytes of one request
	MaxQueue int           // bytes of answers and updates that wait for one client
	Stall    time.Duration // for one write
	Logger   *slog.Logger  // nil: no log
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

	buffers  sync.Pool // of *[]byte, for answers while they are written
	refusals rarely

	mu        sync.Mutex
	closed    bool
	listeners map[net.Listener]struct{}
}

// ErrServerClosed is what Serve returns after Close.
var ErrServerClosed = errors.New("api server closed")

// NewServer makes a server of an API.
func NewServer(api *API, opts ServerOptions) *Server {
	if opts.MaxLine <= 0 {
		opts.MaxLine = DefaultMaxLine
	}
	if opts.MaxQueue <= 0 {
		opts.MaxQueue = DefaultMaxQueue
	}
	if opts.Stall <= 0 {
		opts.Stall = DefaultStall
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{api: api, opts: opts, log: opts.Logger, listeners: map[net.Listener]struct{}{}}
	s.buffers.New = func() any { return new([]byte) }
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Serve accepts clients until the listener fails or the server is closed, which
// is ErrServerClosed. It owns the listener.
func (s *Server) Serve(l net.Listener) error {
	if !s.track(l) {
		l.Close()
		return ErrServerClosed
	}
	defer s.untrack(l)
	wait := 5 * time.Millisecond
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			wait = 5 * time.Millisecond
			s.ServeConn(conn)
		case s.ctx.Err() != nil:
			return ErrServerClosed
		case errors.Is(err, net.ErrClosed):
			return err
		default: // such as too many open files: it passes
			s.log.Warn("api connection not accepted", "err", err)
			select {
			case <-time.After(wait):
			case <-s.ctx.Done():
				return ErrServerClosed
			}
			wait = min(2*wait, time.Second)
		}
	}
}

// ServeConn starts to serve one connection, which it owns, and returns.
func (s *Server) ServeConn(nc net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		nc.Close()
		return
	}
	s.wg.Go(func() { serveConn(s.ctx, s, nc) })
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
