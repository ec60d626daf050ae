package access

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// Subprotocols of a WebSocket. A browser cannot set headers, so it may give its
// token as a second subprotocol.
const (
	subprotocol       = "voile.json"
	bearerSubprotocol = "voile.bearer."
)

// maxHead bounds the head of an HTTP request.
const maxHead = 16 << 10

// connQueue is a listener of connections that were accepted elsewhere.
type connQueue struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newConnQueue() *connQueue {
	return &connQueue{conns: make(chan net.Conn), done: make(chan struct{})}
}

// put passes a connection on, or closes it.
func (q *connQueue) put(c net.Conn) {
	select {
	case q.conns <- c:
	case <-q.done:
		c.Close()
	}
}

// Accept implements net.Listener.
func (q *connQueue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (q *connQueue) Close() error {
	q.once.Do(func() { close(q.done) })
	return nil
}

// Addr implements net.Listener.
func (q *connQueue) Addr() net.Addr { return &net.TCPAddr{} }

// httpConn is a connection that speaks HTTP.
type httpConn struct {
	net.Conn
	stranger  *stranger
	mustGreet bool // shows a token first
}

// Close implements net.Conn.
func (c *httpConn) Close() error {
	c.stranger.known()
	return c.Conn.Close()
}

type connKey struct{}

func (f *Front) newHTTPServer() *http.Server {
	s := &http.Server{
		Handler:           http.HandlerFunc(f.upgrade),
		ReadHeaderTimeout: greetingTime,
		ReadTimeout:       greetingTime,
		WriteTimeout:      greetingTime,
		MaxHeaderBytes:    maxHead,
		ErrorLog:          slog.NewLogLogger(f.log.Handler(), slog.LevelDebug),
		ConnContext:       func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
	}
	s.SetKeepAlivesEnabled(false) // one request, which becomes a WebSocket or fails
	return s
}

// upgrade makes a WebSocket of a request, if whoever sent it may have one.
func (f *Front) upgrade(w http.ResponseWriter, r *http.Request) {
	conn, _ := r.Context().Value(connKey{}).(*httpConn)
	refuse := func(code int, why string) {
		f.log.Debug("websocket refused", "peer", r.RemoteAddr, "reason", why)
		http.Error(w, why, code)
	}
	switch origin := r.Header.Get("Origin"); {
	case conn == nil:
		refuse(http.StatusInternalServerError, "no connection")
		return
	case !HostAllowed(r.Host, f.opts.Hosts):
		refuse(http.StatusForbidden, "this host name is not allowed: use an address, or allow the name in the server's settings")
		return
	case len(r.Header.Values("Origin")) > 0 && !slices.ContainsFunc(f.opts.Origins, func(o string) bool { return strings.EqualFold(o, origin) }):
		refuse(http.StatusForbidden, "web pages of this origin are not allowed")
		return
	case r.URL.Path != "/" && r.URL.Path != "/api":
		refuse(http.StatusNotFound, "the api is at /")
		return
	}
	offered := offeredSubprotocols(r.Header)
	token, given := bearer(r.Header, offered)
	mustGreet := conn.mustGreet
	if given && mustGreet {
		if !f.tokenFits(token) {
			f.refuse(conn, errToken)
			refuse(http.StatusUnauthorized, "wrong token")
			return
		}
		mustGreet = false
	}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		// The origin has been checked above, without the package's exception for
		// origins that have the name of the host.
		InsecureSkipVerify: true,
		Subprotocols:       append([]string{subprotocol}, offered...),
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		f.log.Debug("websocket not opened", "peer", r.RemoteAddr, "err", err)
		return
	}
	done := make(chan struct{})
	if !f.spawn(func() { defer close(done); f.take(ws, conn, mustGreet) }) {
		ws.CloseNow()
		return
	}
	<-done
}

// take gives a WebSocket to the server, after its token if it owes one. It returns
// when the WebSocket has ended.
func (f *Front) take(ws *websocket.Conn, conn *httpConn, mustGreet bool) {
	ws.SetReadLimit(int64(f.opts.MaxLine))
	defer ws.CloseNow()
	if mustGreet {
		greeting, done := context.WithTimeout(f.ctx, greetingTime)
		err := f.greetWebSocket(greeting, ws)
		done()
		if err != nil {
			f.refuse(conn, err)
			ws.Close(websocket.StatusPolicyViolation, err.Error())
			return
		}
	}
	conn.stranger.known()
	// The server ends it, after its last answers; f.ctx would be too early.
	c := newSocket(context.Background(), ws, conn)
	f.server.ServeConn(c)
	c.pump()
}

func (f *Front) greetWebSocket(ctx context.Context, ws *websocket.Conn) error {
	ws.SetReadLimit(maxGreeting)
	_, text, err := ws.Read(ctx)
	if err != nil {
		return errors.Join(errGreeting, err)
	}
	id, err := f.checkGreeting(text)
	if err != nil {
		return err
	}
	ws.SetReadLimit(int64(f.opts.MaxLine))
	return ws.Write(ctx, websocket.MessageText, []byte(greeted(id)))
}

// HostAllowed reports whether a Host header cannot come from a name that somebody
// else points here: an address, localhost, or an allowed name.
func HostAllowed(host string, allowed []string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil || name == "localhost" {
		return true
	}
	return slices.ContainsFunc(allowed, func(a string) bool { return strings.EqualFold(a, name) || strings.EqualFold(a, host) })
}

func offeredSubprotocols(h http.Header) (list []string) {
	for _, value := range h.Values("Sec-WebSocket-Protocol") {
		for p := range strings.SplitSeq(value, ",") {
			list = append(list, strings.TrimSpace(p))
		}
	}
	return list
}

// bearer is the token that a request shows.
func bearer(h http.Header, offered []string) (token string, given bool) {
	if token, ok := strings.CutPrefix(h.Get("Authorization"), "Bearer "); ok {
		return strings.TrimSpace(token), true
	}
	for _, p := range offered {
		if token, ok := strings.CutPrefix(p, bearerSubprotocol); ok {
			return token, true
		}
	}
	return "", false
}

// socket is a WebSocket as the server of the API knows connections: a message is a
// line. Reads come through a pipe, since a read of the WebSocket that is given up
// ends it, and what was answered could not be sent any more.
type socket struct {
	ws   *websocket.Conn
	conn net.Conn // below it, for its addresses
	ctx  context.Context

	in, feed net.Conn // pipe; the server reads from in

	mu       sync.Mutex
	deadline time.Time // of writes

	writing io.WriteCloser // nil: between messages
	stop    context.CancelFunc
}

func newSocket(ctx context.Context, ws *websocket.Conn, conn net.Conn) *socket {
	s := &socket{ws: ws, conn: conn, ctx: ctx}
	s.in, s.feed = net.Pipe()
	return s
}

// pump reads messages until the WebSocket or the connection ends.
func (s *socket) pump() {
	defer s.Close()
	for {
		kind, r, err := s.ws.Reader(s.ctx)
		if err != nil {
			return
		}
		if kind != websocket.MessageText {
			s.ws.Close(websocket.StatusUnsupportedData, "want text")
			return
		}
		if _, err := io.Copy(s.feed, oneLine{r}); err != nil {
			return
		}
		if _, err := io.WriteString(s.feed, "\n"); err != nil {
			return
		}
	}
}

// oneLine makes a space of each line end, which JSON has between its words only: a
// message is one request and cannot hide a second one.
type oneLine struct{ r io.Reader }

func (o oneLine) Read(b []byte) (int, error) {
	n, err := o.r.Read(b)
	for i := range b[:n] {
		if b[i] == '\n' {
			b[i] = ' '
		}
	}
	return n, err
}

// Read implements net.Conn. The end of a WebSocket is the end of both directions,
// so it is an error and never io.EOF.
func (s *socket) Read(b []byte) (int, error) {
	n, err := s.in.Read(b)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Write implements net.Conn. Lines become messages; one that is not finished is
// continued by the next call.
func (s *socket) Write(b []byte) (int, error) {
	written := 0
	for written < len(b) {
		rest := b[written:]
		end := bytes.IndexByte(rest, '\n')
		part := rest
		if end >= 0 {
			part = rest[:end]
		}
		if err := s.writePart(part, end >= 0); err != nil {
			return written, err
		}
		written += len(part)
		if end >= 0 {
			written++
		}
	}
	return written, nil
}

func (s *socket) writePart(part []byte, last bool) error {
	if s.writing == nil {
		s.mu.Lock()
		deadline := s.deadline
		s.mu.Unlock()
		ctx := s.ctx
		if deadline.IsZero() {
			s.stop = func() {}
		} else {
			ctx, s.stop = context.WithDeadline(ctx, deadline)
		}
		if last {
			defer s.stop()
			return timeoutError(s.ws.Write(ctx, websocket.MessageText, part))
		}
		w, err := s.ws.Writer(ctx, websocket.MessageText)
		if err != nil {
			s.stop()
			return timeoutError(err)
		}
		s.writing = w
	}
	_, err := s.writing.Write(part)
	if err == nil && last {
		err = s.writing.Close()
		s.writing = nil
		s.stop()
	}
	return timeoutError(err)
}

// timeoutError is err as a socket has it.
func timeoutError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return os.ErrDeadlineExceeded
	}
	return err
}

// Close implements net.Conn. Whoever is at the other end is told, if that does not
// take time.
func (s *socket) Close() error {
	s.in.Close()
	s.feed.Close()
	return s.ws.CloseNow()
}

// LocalAddr implements net.Conn.
func (s *socket) LocalAddr() net.Addr { return s.conn.LocalAddr() }

// RemoteAddr implements net.Conn.
func (s *socket) RemoteAddr() net.Addr { return s.conn.RemoteAddr() }

// SetDeadline implements net.Conn.
func (s *socket) SetDeadline(t time.Time) error {
	return errors.Join(s.SetReadDeadline(t), s.SetWriteDeadline(t))
}

// SetReadDeadline implements net.Conn.
func (s *socket) SetReadDeadline(t time.Time) error { return s.in.SetReadDeadline(t) }

// SetWriteDeadline implements net.Conn. It is that of the next message.
func (s *socket) SetWriteDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = t
	return nil
}
