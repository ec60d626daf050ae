package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"

	"github.com/voile-net/voile/bind"
	"github.com/voile-net/voile/cmd/voile/internal/access"
	"github.com/voile-net/voile/cmd/voile/internal/monitor"
	"github.com/voile-net/voile/core"
)

// monitors are the addresses of health and metrics; none unless somebody wants it.
type monitors []*monitor.Server

func (s *settings) openMonitor(ctx context.Context, log *slog.Logger) (monitors, error) {
	if s.metrics == "" {
		return nil, nil
	}
	if _, _, err := net.SplitHostPort(s.metrics); err != nil {
		return nil, misused("metrics.listen_address %s: want host:port", s.metrics)
	}
	listeners, err := access.ListenTCP(ctx, s.metrics, log)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w; choose another address with --metrics HOST:PORT", err)
	}
	var all monitors
	allowed := func(host string) bool { return access.HostAllowed(host, s.api.hosts) }
	for _, l := range listeners {
		if access.Remote(l) {
			log.Warn("metrics can be read from other machines", "address", l.Addr().String())
		}
		all = append(all, monitor.New(l, allowed, log))
	}
	return all, nil
}

func (m monitors) Start(node *core.Node, server *bind.Server) {
	for _, s := range m {
		s.Start(node, server.Clients)
	}
}

func (m monitors) Close() {
	for _, s := range m {
		s.Close()
	}
}
