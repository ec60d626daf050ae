package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/voile-net/voile/wasm/edge/policy"
	"github.com/voile-net/voile/wasm/edge/relay"
)

// Limits of a request.
const (
	headTime = 10 * time.Second // for TLS and the head
	maxHead  = 16 << 10         // bytes
)

// ErrClosed is what Serve returns after Close.
var ErrClosed = errors.New("gateway: closed")

// Options are what a server goes by.
type Options struct {
	Settings policy.Settings
	// Prefix is what the paths of URLs begin with, "/voile"; "": nothing.
	Prefix string
	// Proxies are the networks of proxies whose X-Forwarded-For is believed. None:
	// whoever connects is the client.
	Proxies []netip.Prefix
	// TLS is for all listeners; nil: none, which only makes sense behind a proxy.
	TLS     *tls.Config
	Network relay.Network // nil: that of the system
	Logger  *slog.Logger  // nil: no log
}

// Server is a gateway. Its methods may be called from any goroutine.
//
// Goroutines: one for each Serve (the caller's), those of an HTTP server, and two more
// for each WebSocket; Close ends and joins all. Locks: mu, never held while waiting.
type Server struct {
	options Options
	hub     relay.Hub
	log     *slog.Logger
	http    *http.Server
	crowd   *crowd

	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	closed  bool
	serving sync.WaitGroup // requests and their WebSockets
}

// New makes a server. The error is a *policy.SettingError.
func New(o Options) (*Server, error) {
	gate, err := policy.New(o.Settings)
	if err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Network == nil {
		o.Network = system{}
	}
	s := &Server{options: o, hub: relay.Hub{Gate: gate, Network: o.Network}, log: o.Logger}
	s.crowd = newCrowd(o.Settings, s.isProxy)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.handle),
		ReadHeaderTimeout: headTime, IdleTimeout: headTime,
		// Reading goes on while the node is connected to, to notice a page that leaves.
		ReadTimeout: headTime + o.Settings.ConnectTimeout, WriteTimeout: headTime + o.Settings.ConnectTimeout,
		MaxHeaderBytes: maxHead,
		ErrorLog:       slog.NewLogLogger(quiet{}, slog.LevelDebug),
	}
	return s, nil
}

// quiet drops what net/http has to say: it names addresses of clients.
type quiet struct{ slog.Handler }

func (quiet) Enabled(context.Context, slog.Level) bool { return false }

// Gate is what decides; for its counts.
func (s *Server) Gate() *policy.Gate { return s.hub.Gate }

// Serve accepts connections until the listener fails or the server is closed, which is
// ErrClosed. It owns the listener.
func (s *Server) Serve(l net.Listener) error {
	l = &listener{l, s.crowd}
	if s.options.TLS != nil {
		l = tls.NewListener(l, s.options.TLS)
	}
	err := s.http.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		return ErrClosed
	}
	return err
}

// Close stops accepting, ends all connections with code 1001 and waits for them, which
// takes a few seconds at most. It may be called twice.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	err := s.http.Close()
	s.serving.Wait()
	return err
}

// begin counts a request; false: the server is closed.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.serving.Add(1)
	}
	return !s.closed
}

func (s *Server) isProxy(a netip.Addr) bool {
	return slices.ContainsFunc(s.options.Proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// client is who a request counts for: the nearest address that is no proxy.
func (s *Server) client(r *http.Request) netip.Addr {
	at, _ := netip.ParseAddrPort(r.RemoteAddr)
	addr := at.Addr().Unmap().WithZone("")
	if !s.isProxy(addr) {
		return addr
	}
	var hops []string
	for _, line := range r.Header.Values("X-Forwarded-For") {
		hops = append(hops, strings.Split(line, ",")...)
	}
	for _, hop := range slices.Backward(hops) {
		next, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break
		}
		if addr = next.Unmap().WithZone(""); !s.isProxy(addr) {
			break
		}
	}
	return addr
}

// handle answers a request, and stays until its WebSocket has ended.
func (s *Server) handle(w http.ResponseWriter, r *http.Request) {
	if !s.begin() {
		http.Error(w, "the gateway stops", http.StatusServiceUnavailable)
		return
	}
	defer s.serving.Done()
	path, ok := s.path(r)
	switch {
	case !ok:
		http.NotFound(w, r)
		return
	case path == "" || path == "/":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		io.WriteString(w, "A WebSocket gateway for Voile nodes.\n")
		return
	case r.Method != http.MethodGet || !offers(r.Header, "Upgrade", "websocket"):
		w.Header().Set("Upgrade", "websocket")
		http.Error(w, "want a WebSocket", http.StatusUpgradeRequired)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer context.AfterFunc(s.ctx, cancel)()
	answer := s.hub.Open(ctx, relay.Request{
		Path: path, Origin: r.Header.Get("Origin"), Client: s.client(r), Offered: tokens(r.Header, "Sec-WebSocket-Protocol"),
	})
	cancel()
	if answer.Session == nil {
		s.log.Debug("connection refused", "code", answer.Refusal.Code, "reason", answer.Refusal.Text)
	}
	if answer.Status != http.StatusSwitchingProtocols {
		http.Error(w, answer.Refusal.Text, answer.Status)
		return
	}
	page, err := accept(w, r, answer.Subprotocol)
	switch {
	case answer.Session == nil:
		if err == nil {
			page.Close(answer.Refusal.Code, answer.Refusal.Text)
		}
	case err != nil:
		answer.Session.Abandon()
		s.log.Debug("websocket not opened")
	default:
		end := answer.Session.Run(s.ctx, page)
		s.log.Debug("connection ended", "code", end.Code, "reason", end.Text)
	}
}

// path is that of the URL, as it came, without the prefix.
func (s *Server) path(r *http.Request) (string, bool) {
	path, ok := strings.CutPrefix(r.URL.EscapedPath(), s.options.Prefix)
	if !ok || path != "" && path[0] != '/' {
		return "", false
	}
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
		path += "?" // which no URL of a node has
	}
	return path, true
}

// tokens are the parts of a comma list, which may come in several lines.
func tokens(h http.Header, name string) (list []string) {
	for _, line := range h.Values(name) {
		for part := range strings.SplitSeq(line, ",") {
			list = append(list, strings.TrimSpace(part))
		}
	}
	return list
}

func offers(h http.Header, name, token string) bool {
	return slices.ContainsFunc(tokens(h, name), func(t string) bool { return strings.EqualFold(t, token) })
}

// accept answers with a WebSocket. If it fails, it has answered with the reason.
func accept(w http.ResponseWriter, r *http.Request, subprotocol string) (*page, error) {
	h := &hijacker{ResponseWriter: w}
	o := &websocket.AcceptOptions{
		InsecureSkipVerify: true, // the policy has looked at the origin
		CompressionMode:    websocket.CompressionDisabled,
	}
	if subprotocol != "" {
		o.Subprotocols = []string{subprotocol}
	}
	ws, err := websocket.Accept(h, r, o)
	if err != nil {
		return nil, err
	}
	return newPage(ws, h.conn), nil
}
