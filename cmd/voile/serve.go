package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/voile-net/voile/bind"
	"github.com/voile-net/voile/cmd/voile/internal/logs"
	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/attach"
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/table"
	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/sockets"
)

// closeTime is how long an orderly end may take.
const closeTime = 10 * time.Second

func now() time.Time { return time.Now() }

func newServeCommand(io streams) *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run a node with the JSON API until it is told to stop",
		Long: `Runs a node and serves the remote JSON API: one JSON object per line, over TCP
and a Unix socket. When clients can connect, it prints one line to stdout,
"ready ADDRESS"; the log goes to stderr. It ends on SIGTERM or Ctrl-C, and opens
its log file anew on SIGHUP.

On localhost, and on a Unix socket that only its users may open, the API has no
password: whoever can connect has the node. Any other address takes TLS and a
token, see --api-token-file.

The settings file is JSON or YAML: a VeilidConfig, or one below "core:" as the
settings file of a server has it. Keys that are left out keep their defaults;
--dump-config prints all of them. Flags go before --set, and that before the file.
Flags of the original server are understood: --config-file, --set-config,
--no-attach, --port and others.

Environment: VOILE_NETWORK_KEY in place of --network-key, DEK_PASSWORD and
NEW_DEK_PASSWORD for the password of the device encryption key.`,
		Example: `  # Join the public network.
  voile serve

  # The same with settings of one's own, and the API on a Unix socket.
  voile serve --dump-config > voile.yaml
  voile serve --config voile.yaml --api unix:/run/voile/api

  # One setting.
  voile serve --set core.network.upnp=true

  # Clients on other machines: TLS and a token.
  voile serve --api localhost:5959 --api 0.0.0.0:5960 --api-token-file api.token

  # A network of one's own on this machine: make an identity for the first node,
  # and join the others by a record of it.
  voile keys new --out first.key
  voile bootstrap-record --hostname 127.0.0.1 --keys first.key --dial U5150,T5150,W5150/ws
  voile serve --private --network-key secret --data d1 --api localhost:5959 --identity first.key
  voile serve --private --network-key secret --data d2 --api localhost:5960 --listen-port 5160 \
      --bootstrap-record '0|0|VLD0:...|127.0.0.1|U5150,T5150,W5150/ws'`,
		Args: cobra.NoArgs,
	}
	f.define(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if done, err := f.printed(io, cmd); done {
			return err
		}
		s, unknown, err := f.settings(cmd)
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
		return s.run(cmd.Context(), io, unknown)
	}
	return cmd
}

// run is the process around a server: its place, its streams and its log.
func (s *settings) run(ctx context.Context, io streams, unknown []string) (err error) {
	leave, err := s.daemon.enter(&io)
	if err != nil {
		return err
	}
	defer leave()
	clients := bind.NewLogLayer(logs.LevelTrace) // the layers decide what it gets
	defer clients.Close()
	layers, err := s.logging.open(io, clients.Handler())
	if err != nil {
		return misused("log: %w", err)
	}
	log := layers.Logger()
	// What uses the log has ended before; the terminal stays.
	defer func() { err = errors.Join(err, layers.Close()) }()
	for _, key := range unknown {
		log.Warn("configuration key is not known and has no effect", "key", key)
	}
	for _, key := range s.unsupported() {
		log.Warn("setting has no effect", "key", key)
	}
	ctx, stop := context.WithCancel(ctx)
	var reopening sync.WaitGroup
	reopening.Go(func() { reopenOnHangup(ctx, layers, log) })
	defer reopening.Wait()
	defer stop()
	return serve(ctx, io, s, layers, clients)
}

// open opens the log layers; clients is the handler of the layer "api".
func (l *loggingSettings) open(io streams, clients slog.Handler) (*logs.Logs, error) {
	cfg := logs.Config{
		Writer: io.err, JSON: l.json, FilePath: l.filePath, FileAppend: l.fileAppend, Program: "voile", API: clients,
	}
	for layer, from := range map[logs.Layer]layerSettings{
		logs.Terminal: l.terminal, logs.File: l.file, logs.System: l.system, logs.API: l.api,
	} {
		cfg.Layers[layer] = logs.LayerConfig{Enabled: from.enabled, Level: string(from.level), Ignore: from.ignore}
	}
	return logs.Open(cfg)
}

// reopenOnHangup opens the log file anew at each SIGHUP until ctx ends. SIGHUP has
// no other effect (spec 07 §7.4).
func reopenOnHangup(ctx context.Context, layers *logs.Logs, log *slog.Logger) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Ignore(syscall.SIGHUP)
	for {
		select {
		case <-hangup:
			if err := layers.Reopen(); err != nil {
				log.Error("log file not opened anew", "err", err)
				continue
			}
			log.Info("log file opened anew")
		case <-ctx.Done():
			return
		}
	}
}

// serve runs a node until ctx ends or a client stops it. The order of start and
// end is that of spec 07 §7.4.
func serve(ctx context.Context, io streams, s *settings, layers *logs.Logs, clients *bind.LogLayer) (err error) {
	log := layers.Logger()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	all, err := s.api.listen(ctx, s.testing.subnodeIndex, log)
	if err != nil {
		return err
	}
	defer all.Close()
	token, secure, err := s.api.guard(all, s.dataDirectory(), log)
	if err != nil {
		return err
	}
	monitor, err := s.openMonitor(ctx, log)
	if err != nil {
		return err
	}
	defer monitor.Close()
	var background sync.WaitGroup
	background.Go(func() { keepSmall(ctx) })
	defer func() { stop(); background.Wait() }()
	node, err := core.Start(ctx, s.core, core.Options{Logger: log})
	if err != nil {
		return startHint(err, s)
	}
	ended := make(chan struct{}) // of everything that uses the node
	defer func() { err = errors.Join(err, shutdown(node, ended, log)) }()
	defer notify("STOPPING=1")

	clients.Start(node, nil)
	host := &host{settings: s, stop: stop, layers: layers}
	api := bind.New(node, bind.Options{Control: host.control, Schema: bind.Schema, Logger: log})
	server := bind.NewServer(api, bind.ServerOptions{Logger: log})
	front := s.api.front(server, token, secure, log)
	watched := node.Subscribe(0)
	go func() {
		defer close(ended)
		watch(ctx, watched, log)
		watched.Close()
		front.Close()
		monitor.Close()
	}()
	served := make(chan error, len(all))
	for _, l := range all {
		go func() { served <- front.Serve(sockets.Quick(l)) }()
	}
	monitor.Start(node, server)
	if s.autoAttach {
		if err := node.Attach(); err != nil {
			stop()
			return err
		}
	}
	log.Info("node started", "id", node.ID().String())
	if _, err := fmt.Fprintf(io.out, "ready%s\n", all.address()); err != nil {
		stop()
		return err
	}
	notify("READY=1")
	alive := func() error { _, err := node.State(); return err } // takes the locks of all parts
	background.Go(func() { watchdog(ctx, alive) })
	select {
	case <-ctx.Done():
	case err := <-served:
		if !errors.Is(err, bind.ErrServerClosed) { // which means that ctx has ended as well
			stop()
			return fmt.Errorf("api: %w", err)
		}
	}
	log.Info("stopping")
	return nil
}

// dataDirectory is where everything is that has a place by default.
func (s *settings) dataDirectory() string { return filepath.Dir(s.core.TableStore.Directory) }

// shutdown ends a node, in the order of spec 07 §7.4, and gives up when that
// takes too long.
func shutdown(node *core.Node, ended <-chan struct{}, log *slog.Logger) error {
	done := make(chan error, 1)
	go func() {
		<-ended
		done <- node.Close()
	}()
	select {
	case err := <-done:
		log.Info("stopped")
		return err
	case <-time.After(closeTime):
		return fmt.Errorf("the node did not stop within %s", closeTime)
	}
}

// watch logs how the attachment goes, until ctx ends.
func watch(ctx context.Context, updates *core.Subscription, log *slog.Logger) {
	var last core.AttachmentStatus
	for {
		u, err := updates.Next(ctx)
		if err != nil {
			return
		}
		a, ok := u.(core.AttachmentUpdate)
		if !ok {
			continue
		}
		if a.StartError != "" && a.StartError != last.StartError {
			log.Error("network not started; trying again", "err", a.StartError,
				"hint", "if a port is in use, stop the program that has it or choose another with --listen-port")
		}
		if a.State != last.State || a.PublicInternetReady != last.PublicInternetReady {
			if (a.State >= attach.AttachedWeak) != (last.State >= attach.AttachedWeak) || a.PublicInternetReady != last.PublicInternetReady {
				log.Info("attachment", "state", a.State.String(), "ready", a.PublicInternetReady, "stage", a.Stage)
			}
		}
		last = a.AttachmentStatus
	}
}

// startHint adds to what kept a node from starting what can be done about it.
func startHint(err error, s *settings) error {
	hint := ""
	var corrupt *platform.CorruptError
	switch {
	case core.KindOf(err) == core.AlreadyInitialized:
		hint = "another voile uses this data directory; stop it or choose another with --data"
	case errors.As(err, &corrupt):
		hint = "restore it from a copy, or remove it and lose what it holds (the identity of the node with it)"
	case errors.Is(err, platform.ErrWrongPassword), errors.Is(err, crypto.ErrAuth), errors.Is(err, crypto.ErrLength):
		hint = "set DEK_PASSWORD to the password that these stores were made with"
	case errors.Is(err, table.ErrDeviceKey):
		hint = "start with the protected store that belongs to this table store, or remove both"
	case errors.Is(err, platform.ErrLocked):
		hint = "unlock the keyring and try again"
	case errors.Is(err, platform.ErrNoSpace):
		hint = "make room on the disk"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrNotExist):
		hint = fmt.Sprintf("check that %s can be made and written, or choose another place with --data", s.core.TableStore.Directory)
	default:
		return err
	}
	return fmt.Errorf("%w\n%s", err, hint)
}
