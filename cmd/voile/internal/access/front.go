package access

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/voile-net/voile/bind"
)

// Limits of connections that have not shown their token.
const (
	maxGreeting  = 4 << 10          // bytes of the line with the token
	greetingTime = 10 * time.Second // for TLS, token and the head of a request
	maxStrangers = 256              // at the same time
	maxOfOneIP   = 16
	wrongPenalty = time.Second // before a wrong token is told
	sniffTime    = time.Second // after it, a silent client is none of HTTP
)

// Options are what a front goes by.
type Options struct {
	TLS       *tls.Config  // of remote listeners; nil: none
	Token     string       // that remote clients must show; "": none
	WebSocket bool         // on all TCP listeners
	Origins   []string     // of web pages that may open a WebSocket
	Hosts     []string     // names of this server that are no addresses
	MaxLine   int          // bytes of one request; 0: the server's default
	Logger    *slog.Logger // nil: no log
}

// Front brings connections to a server of the API, after they have shown what they
// must. It owns the server.
//
// Goroutines: one for each Serve (the caller's), one for each connection that is
// not with the server yet, one for each WebSocket, and those of an HTTP server for
// WebSockets; Close ends and joins all. Locks: mu, never held while waiting.
type Front struct {
	server *bind.Server
	opts   Options
	log    *slog.Logger
	token  [sha256.Size]byte
	http   *http.Server
	queue  *connQueue // of connections that speak HTTP

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu        sync.Mutex
	closed    bool
	listeners map[net.Listener]struct{}
	strangers map[*stranger]struct{}
	perIP     map[string]int
}

// stranger is a connection that has not shown what it must.
type stranger struct {
	net.Conn
	front  *Front
	ip     string // "": of this machine
	remote bool
	once   sync.Once
}

// known: it has.
func (s *stranger) known() {
	s.once.Do(func() {
		f := s.front
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.strangers, s)
		if f.perIP[s.ip]--; f.perIP[s.ip] == 0 {
			delete(f.perIP, s.ip)
		}
	})
}

// Close implements net.Conn.
func (s *stranger) Close() error {
	s.known()
	return s.Conn.Close()
}

// New makes a front of a server.
func New(server *bind.Server, opts Options) *Front {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.MaxLine <= 0 {
		opts.MaxLine = bind.DefaultMaxLine
	}
	f := &Front{
		server: server, opts: opts, log: opts.Logger, token: sha256.Sum256([]byte(opts.Token)),
		listeners: map[net.Listener]struct{}{}, strangers: map[*stranger]struct{}{}, perIP: map[string]int{},
	}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	if opts.WebSocket {
		f.queue = newConnQueue()
		f.http = f.newHTTPServer()
		f.wg.Go(func() { f.http.Serve(f.queue) })
	}
	return f
}

// Serve accepts clients until the listener fails or the front is closed, which is
// bind.ErrServerClosed. It owns the listener.
func (f *Front) Serve(l net.Listener) error {
	remote := Remote(l)
	_, isTCP := l.Addr().(*net.TCPAddr)
	if !remote && (!isTCP || !f.opts.WebSocket) {
		if !f.track(l) {
			l.Close()
			return bind.ErrServerClosed
		}
		defer f.untrack(l)
		err := f.server.Serve(l) // nothing stands between
		if f.ctx.Err() != nil {
			err = bind.ErrServerClosed
		}
		return err
	}
	if !f.track(l) {
		l.Close()
		return bind.ErrServerClosed
	}
	defer f.untrack(l)
	return bind.Accept(f.ctx, l, f.log, func(conn net.Conn) { f.admit(conn, remote) })
}

func (f *Front) track(l net.Listener) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	f.listeners[l] = struct{}{}
	return true
}

func (f *Front) untrack(l net.Listener) {
	f.mu.Lock()
	delete(f.listeners, l)
	f.mu.Unlock()
	l.Close()
}

// Close stops accepting, ends the connections that are not with the server yet,
// closes the server and waits for everything. It may be called twice.
func (f *Front) Close() error {
	f.cancel()
	f.mu.Lock()
	f.closed = true
	for l := range f.listeners {
		l.Close()
	}
	for s := range f.strangers {
		s.Conn.Close()
	}
	f.mu.Unlock()
	err := f.server.Close() // which sends what was answered, over WebSockets as well
	if f.http != nil {
		f.http.Close()
	}
	f.wg.Wait()
	return err
}

// spawn starts a goroutine that Close waits for; false: closed.
func (f *Front) spawn(do func()) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	f.wg.Go(do)
	return true
}

// admit looks at a new connection in a goroutine of its own. Strangers are
// bounded, all together and for each address.
func (f *Front) admit(conn net.Conn, remote bool) {
	s := &stranger{Conn: conn, front: f, remote: remote}
	if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok && remote {
		s.ip = a.IP.String()
	}
	f.mu.Lock()
	if f.closed || remote && (len(f.strangers) >= maxStrangers || f.perIP[s.ip] >= maxOfOneIP) {
		f.mu.Unlock()
		conn.Close()
		return
	}
	f.strangers[s] = struct{}{}
	f.perIP[s.ip]++
	f.mu.Unlock()
	if !f.spawn(func() { f.examine(s) }) {
		s.Close()
	}
}

// examine finds out who a connection is of, and brings it where it belongs.
func (f *Front) examine(s *stranger) {
	end := time.Now().Add(greetingTime)
	s.SetDeadline(end)
	var conn net.Conn = s.Conn
	if s.remote && f.opts.TLS != nil {
		secure := tls.Server(conn, f.opts.TLS)
		if err := secure.HandshakeContext(f.ctx); err != nil {
			f.log.Debug("api client without tls", "peer", conn.RemoteAddr().String(), "err", err)
			s.Close()
			return
		}
		conn = secure
	}
	r := bufio.NewReaderSize(conn, maxGreeting)
	mustGreet := s.remote && f.opts.Token != ""
	if f.opts.WebSocket {
		if !mustGreet { // a client that only listens says nothing at all
			conn.SetReadDeadline(time.Now().Add(sniffTime))
		}
		const method = "GET "
		start, err := r.Peek(len(method))
		switch {
		case err == nil && string(start) == method:
			conn.SetDeadline(time.Time{})
			f.queue.put(&httpConn{prefixed(conn, r), s, mustGreet})
			return
		case err != nil && len(start) == 0 && (mustGreet || !isTimeout(err)):
			s.Close()
			return
		}
	}
	if mustGreet {
		conn.SetDeadline(end)
		if err := f.greet(conn, r); err != nil {
			f.refuse(conn, err)
			s.Close()
			return
		}
	}
	conn.SetDeadline(time.Time{})
	s.known()
	f.server.ServeConn(prefixed(conn, r))
}

var (
	errGreeting = errors.New("first line is no Auth")
	errToken    = errors.New("wrong token")
)

// refuse tells in the log that somebody did not get in, and makes who tries
// tokens wait.
func (f *Front) refuse(conn net.Conn, err error) {
	f.log.Warn("api client not let in", "peer", conn.RemoteAddr().String(), "err", err)
	if errors.Is(err, errToken) {
		select {
		case <-time.After(wrongPenalty):
		case <-f.ctx.Done():
		}
	}
}

// greet reads the first line of a remote client and answers it:
//
//	{"id":1,"op":"Auth","token":"..."}
//	{"type":"Response","id":1,"op":"Auth","value":null}
//
// What is not that line, or has another token, is not answered.
func (f *Front) greet(conn net.Conn, r *bufio.Reader) error {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return fmt.Errorf("%w: %w", errGreeting, err)
	}
	id, err := f.checkGreeting(line)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(conn, greeted(id))
	return err
}

func greeted(id uint32) string {
	return fmt.Sprintf(`{"type":"Response","id":%d,"op":"Auth","value":null}`, id)
}

func (f *Front) checkGreeting(line []byte) (id uint32, err error) {
	var v struct {
		ID    uint32
		Op    string
		Token string
	}
	if err := json.Unmarshal(bytes.TrimSpace(line), &v); err != nil || v.Op != "Auth" {
		return 0, errGreeting // the error of json could show the token
	}
	if !f.tokenFits(v.Token) {
		return 0, errToken
	}
	return v.ID, nil
}

func (f *Front) tokenFits(token string) bool {
	sum := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(sum[:], f.token[:]) == 1
}

// prefixed is a connection with what was read of it already.
func prefixed(conn net.Conn, r *bufio.Reader) net.Conn {
	if r.Buffered() == 0 {
		return conn
	}
	head, _ := r.Peek(r.Buffered())
	return &prefixConn{conn, bytes.Clone(head)}
}

type prefixConn struct {
	net.Conn
	head []byte
}

func (c *prefixConn) Read(b []byte) (int, error) {
	if len(c.head) > 0 {
		n := copy(b, c.head)
		if c.head = c.head[n:]; len(c.head) == 0 {
			c.head = nil
		}
		return n, nil
	}
	return c.Conn.Read(b)
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}
