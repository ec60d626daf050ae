package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/voile-net/voile/core"
)

// Limits of a request.
const (
	headTime = 5 * time.Second
	bodyTime = 10 * time.Second
	maxHead  = 16 << 10
	scrapes  = 4 // at the same time
)

// Source is what is watched.
type Source interface {
	// Metrics fails when the node has ended.
	Metrics() (core.Metrics, error)
}

// Server answers who watches. Goroutines: those of an HTTP server; Close ends and
// joins them.
type Server struct {
	listener net.Listener
	http     *http.Server
	allowed  func(host string) bool
	source   atomic.Pointer[Source] // nil: not started
	clients  atomic.Pointer[func() int]
	wg       sync.WaitGroup
	once     sync.Once
}

// New makes a server that owns the listener. It answers after Start. allowed
// decides about the Host of a request, against names that strangers point here.
func New(l net.Listener, allowed func(host string) bool, log *slog.Logger) *Server {
	s := &Server{listener: l, allowed: allowed}
	s.prepare(&collector{server: s, descs: descriptions()}, s.health, s.ready, log)
	return s
}

// Of makes a server about something else than a node, which shows its own metrics and
// is well and ready as long as it runs. It answers at once. The rest is as with New.
func Of(l net.Listener, allowed func(host string) bool, metrics prometheus.Collector, log *slog.Logger) *Server {
	s := &Server{listener: l, allowed: allowed}
	well := func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, status{Status: "ok"}) }
	s.prepare(metrics, well, well, log)
	s.run()
	return s
}

func (s *Server) prepare(metrics prometheus.Collector, health, ready http.HandlerFunc, log *slog.Logger) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", health)
	mux.HandleFunc("GET /readyz", ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn), MaxRequestsInFlight: scrapes, DisableCompression: false,
	}))
	s.http = &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.guard(w, r, mux) }),
		ReadHeaderTimeout: headTime, ReadTimeout: headTime, WriteTimeout: bodyTime, IdleTimeout: time.Minute,
		MaxHeaderBytes: maxHead, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

func (s *Server) run() {
	s.wg.Go(func() {
		// It ends with Close alone; a listener that fails is one that was closed.
		_ = s.http.Serve(s.listener)
	})
}

// guard lets no web page read along: neither by a name that leads here nor from
// another origin.
func (s *Server) guard(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if !s.allowed(r.Host) || r.Header.Get("Origin") != "" {
		http.Error(w, "not for web pages", http.StatusForbidden)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	next.ServeHTTP(w, r)
}

// Start begins to answer about a node. clients counts the connections of the API.
func (s *Server) Start(source Source, clients func() int) {
	s.source.Store(&source)
	s.clients.Store(&clients)
	s.run()
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Close stops answering. It may be called twice, and before Start.
func (s *Server) Close() error {
	var err error
	s.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err = s.http.Shutdown(ctx); err != nil {
			err = s.http.Close()
		}
		if closing := s.listener.Close(); !errors.Is(closing, net.ErrClosed) {
			err = errors.Join(err, closing)
		}
		s.wg.Wait()
	})
	return err
}

// status is what health and readiness answer with.
type status struct {
	Status     string `json:"status"` // "ok", "starting", "waiting" or "ended"
	Attachment string `json:"attachment,omitempty"`
	Stage      string `json:"stage,omitempty"`
	Error      string `json:"error,omitempty"`
}

func (s *Server) metrics() (core.Metrics, bool) {
	source := s.source.Load()
	if source == nil {
		return core.Metrics{}, false
	}
	m, err := (*source).Metrics()
	return m, err == nil
}

func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	m, ok := s.metrics()
	if !ok {
		answer(w, http.StatusServiceUnavailable, status{Status: "ended"})
		return
	}
	answer(w, http.StatusOK, status{Status: "ok", Attachment: m.Attachment.State.String(), Stage: m.Attachment.Stage, Error: m.Attachment.StartError})
}

func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	m, ok := s.metrics()
	if !ok {
		answer(w, http.StatusServiceUnavailable, status{Status: "ended"})
		return
	}
	st := status{Status: "ok", Attachment: m.Attachment.State.String(), Stage: m.Attachment.Stage, Error: m.Attachment.StartError}
	code := http.StatusOK
	if !m.Attachment.PublicInternetReady {
		st.Status, code = "waiting", http.StatusServiceUnavailable
	}
	answer(w, code, st)
}

func answer(w http.ResponseWriter, code int, st status) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(st) // a client that is gone
}
