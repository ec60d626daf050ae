package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/voile-net/voile/cmd/voile/internal/access"
	"github.com/voile-net/voile/cmd/voile/internal/gateway"
	"github.com/voile-net/voile/cmd/voile/internal/logs"
	"github.com/voile-net/voile/cmd/voile/internal/monitor"
)

func newGatewayCommand(io streams) *cobra.Command {
	f := newGatewayFlags()
	cmd := &cobra.Command{
		Use:   "gateway",
		Short: "Let pages served by https reach nodes that listen on plain ws",
		Long: `Runs a WebSocket gateway until it is told to stop. A page that was served by https
may open wss:// only, while most nodes listen on ws://. Through a gateway it reaches
them: it opens wss://GATEWAY/ws/HOST/PORT/PATH, and what it sends goes on to
ws://HOST:PORT/PATH. Messages are sealed between nodes; the gateway reads none, keeps
nothing, and writes no addresses into its log.

It takes pages of the origins that are allowed, and connects to nodes that are: those
of the public internet, unless rules say otherwise. When pages can connect it prints
one line to stdout, "ready ADDRESS". It ends on SIGTERM or Ctrl-C, and reads its
certificate and opens its log file anew on SIGHUP.

The settings file is YAML or JSON with the keys that --dump-config prints. Flags go
before --set, and that before the file.`,
		Example: `  # For the pages of one site, with a certificate.
  voile gateway --origin https://app.example --tls-cert gw.crt --tls-key gw.key

  # Behind a proxy on this machine that does TLS.
  voile gateway --plain --listen localhost:8080 --trusted-proxy 127.0.0.1/32 --origin https://app.example

  # For the nodes of one network only.
  voile gateway ... --node '*.nodes.example:5150' --node 192.0.2.0/24:5150-5160

  # Nodes on this machine, for trying things out.
  voile gateway --plain --listen localhost:8080 --origin '*' --node 127.0.0.1`,
		Args: cobra.NoArgs,
	}
	f.define(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := f.settings(cmd.Flags().Changed)
		if err != nil {
			return err
		}
		if f.dumpConfig {
			text, err := s.dump()
			if err != nil {
				return err
			}
			_, err = io.out.Write(text)
			return err
		}
		return s.run(cmd.Context(), io)
	}
	return cmd
}

// run is the process around a gateway.
func (s *gatewaySettings) run(ctx context.Context, io streams) (err error) {
	if err := s.check(); err != nil {
		return err
	}
	cfg := logs.Config{Writer: io.err, JSON: s.logJSON, FilePath: s.logFile, FileAppend: true, Program: "voile"}
	cfg.Layers[logs.Terminal] = logs.LayerConfig{Enabled: true, Level: s.logLevel}
	cfg.Layers[logs.File] = logs.LayerConfig{Enabled: s.logFile != "", Level: s.logLevel}
	layers, err := logs.Open(cfg)
	if err != nil {
		return misused("log: %w", err)
	}
	defer func() { err = errors.Join(err, layers.Close()) }()
	log := layers.Logger()
	var certificate *gateway.Certificate
	if s.certificate != "" {
		if certificate, err = gateway.LoadCertificate(s.certificate, s.key); err != nil {
			return misused("tls: %w", err)
		}
	}
	ctx, stop := context.WithCancel(ctx)
	var background sync.WaitGroup
	defer background.Wait()
	defer stop()
	background.Go(func() { keepSmall(ctx) })
	background.Go(func() { reopenOnHangup(ctx, layers, log) })
	if certificate != nil {
		background.Go(func() { reloadOnHangup(ctx, certificate, log) })
	}
	return s.serve(ctx, io, certificate, log, &background)
}

// reloadOnHangup reads the certificate anew at each SIGHUP until ctx ends.
func reloadOnHangup(ctx context.Context, c *gateway.Certificate, log *slog.Logger) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-hangup:
			if err := c.Reload(); err != nil {
				log.Error("certificate not read anew; the old one stays", "err", err)
				continue
			}
			log.Info("certificate read anew")
		case <-ctx.Done():
			return
		}
	}
}

// serve runs the gateway until ctx ends.
func (s *gatewaySettings) serve(ctx context.Context, io streams, certificate *gateway.Certificate, log *slog.Logger, background *sync.WaitGroup) (err error) {
	proxies, err := s.proxies()
	if err != nil {
		return err
	}
	o := gateway.Options{Settings: s.policy, Prefix: s.prefix, Proxies: proxies, Logger: log}
	if certificate != nil {
		o.TLS = certificate.Config()
	}
	server, err := gateway.New(o)
	if err != nil {
		return misused("%w", err)
	}
	defer func() {
		notify("STOPPING=1")
		log.Info("stopping")
		err = errors.Join(err, server.Close())
		log.Info("stopped")
	}()
	var all listeners
	defer func() { all.Close() }()
	for _, address := range s.listen {
		opened, err := access.ListenTCP(ctx, address, log)
		if err != nil {
			return fmt.Errorf("gateway: %w; choose another address with --listen HOST:PORT", err)
		}
		all = append(all, opened...)
	}
	monitors, err := s.openMonitor(ctx, server, log)
	if err != nil {
		return err
	}
	defer monitors.Close()
	for _, l := range all {
		if certificate == nil && access.Remote(l) {
			log.Warn("pages can reach the gateway without tls; let only a proxy connect", "address", l.Addr().String())
		}
	}
	if len(s.policy.Origins) == 0 {
		log.Warn("no origin is allowed, so no page can connect; name some with --origin")
	}
	failed := make(chan error, len(all))
	for _, l := range all {
		background.Go(func() { failed <- server.Serve(l) })
	}
	log.Info("gateway started", "address", strings.TrimSpace(all.address()))
	if _, err := fmt.Fprintf(io.out, "ready%s\n", all.address()); err != nil {
		return err
	}
	notify("READY=1")
	alive := func() error { server.Gate().Stats(); return nil } // takes the lock that everything needs
	background.Go(func() { watchdog(ctx, alive) })
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return fmt.Errorf("gateway: %w", err)
	}
}

func (s *gatewaySettings) openMonitor(ctx context.Context, server *gateway.Server, log *slog.Logger) (monitors, error) {
	if s.metrics == "" {
		return nil, nil
	}
	opened, err := access.ListenTCP(ctx, s.metrics, log)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w; choose another address with --metrics HOST:PORT", err)
	}
	var all monitors
	allowed := func(host string) bool { return access.HostAllowed(host, nil) }
	for _, l := range opened {
		if access.Remote(l) {
			log.Warn("metrics can be read from other machines", "address", l.Addr().String())
		}
		all = append(all, monitor.Of(l, allowed, gateway.NewCollector(server.Gate()), log))
	}
	return all, nil
}

func (s *gatewaySettings) proxies() (list []netip.Prefix, err error) {
	for _, text := range s.trusted {
		p, err := netip.ParsePrefix(text)
		if addr, notPrefix := netip.ParseAddr(text); notPrefix == nil {
			p, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil || p.Addr().Zone() != "" {
			return nil, misused("trusted_proxies: %s: want an address or a network such as 10.0.0.0/8", text)
		}
		list = append(list, p)
	}
	return list, nil
}
