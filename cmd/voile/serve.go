package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/voile-net/voile/bind"
	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/attach"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/table"
	"github.com/voile-net/voile/platform"
)

// closeTime is how long an orderly end may take.
const closeTime = 10 * time.Second

// serveFlags are the flags of "voile serve".
type serveFlags struct {
	config           string
	api              string
	detached         bool
	data             string
	private          bool
	networkKey       string
	bootstrap        []string
	bootstrapKeys    []string
	bootstrapRecords []string
	listenPort       uint16
	logLevel         string
	logJSON          bool
	dumpConfig       bool
}

func newServeCommand(io streams) *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run a node with the JSON API until it is told to stop",
		Long: `Runs a node and serves the remote JSON API: one JSON object per line, over TCP
or a Unix socket. When clients can connect, it prints one line to stdout,
"ready ADDRESS"; the log goes to stderr. It ends on SIGTERM or Ctrl-C.

The API has no password: whoever can connect has the node. Keep it on localhost,
or on a Unix socket that only its users may open.

The configuration file is JSON or YAML: a VeilidConfig, or one below "core:" as
the settings file of a server has it. Keys that are left out keep their defaults;
--dump-config prints all of them. Flags go before the file.

Environment: VOILE_NETWORK_KEY in place of --network-key, DEK_PASSWORD and
NEW_DEK_PASSWORD for the password of the device encryption key.`,
		Example: `  # Join the public network.
  voile serve

  # The same with a configuration of one's own, and the API on a Unix socket.
  voile serve --dump-config > voile.yaml
  voile serve --config voile.yaml --api unix:/run/voile/api

  # A network of one's own on this machine: make an identity for the first node,
  # and join the others by a record of it.
  voile keys new --out first.key
  voile bootstrap-record --hostname 127.0.0.1 --keys first.key --dial U5150,T5150,W5150/ws
  voile serve --private --network-key secret --data d1 --api localhost:5959 --identity first.key
  voile serve --private --network-key secret --data d2 --api localhost:5960 --listen-port 5160 \
      --bootstrap-record '0|0|VLD0:...|127.0.0.1|U5150,T5150,W5150/ws'`,
		Args: cobra.NoArgs,
	}
	var identity string
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&f.config, "config", "c", "", "configuration `file`, JSON or YAML")
	flags.StringVar(&f.api, "api", defaultAPI, "where the API listens: host:port, unix:PATH, or \"\" for nowhere")
	flags.StringVar(&f.data, "data", "", "`directory` for everything that is kept (default: of the user)")
	flags.StringVar(&identity, "identity", "", "`file` with a key pair, see \"voile keys\" (default: made once and kept)")
	flags.BoolVar(&f.detached, "detached", false, "wait for a client to attach the node")
	flags.BoolVar(&f.private, "private", false, "a private network: local addresses count as reachable; needs a network key")
	flags.StringVar(&f.networkKey, "network-key", "", "`password` of a separate network")
	flags.StringSliceVar(&f.bootstrap, "bootstrap", nil, "where to join: direct URLs such as tcp://host:5150, or TXT names")
	flags.StringSliceVar(&f.bootstrapKeys, "bootstrap-keys", nil, "public `keys` that sign bootstrap records; \"\" takes unsigned ones")
	flags.StringArrayVar(&f.bootstrapRecords, "bootstrap-record", nil, "a bootstrap `record` to join by; may be repeated")
	flags.Uint16Var(&f.listenPort, "listen-port", 0, "`port` of UDP, TCP and WebSocket (default 5150)")
	flags.StringVar(&f.logLevel, "log-level", "", "off, error, warn, info, debug or trace (default info)")
	flags.BoolVar(&f.logJSON, "log-json", false, "log in JSON")
	flags.BoolVar(&f.dumpConfig, "dump-config", false, "print the settings in force as YAML, without secrets, and end")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, unknown, err := f.settings(cmd, identity)
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
		log, level, err := newLogger(io.err, s.logLevel, f.logJSON)
		if err != nil {
			return err
		}
		for _, key := range unknown {
			log.Warn("configuration key is not known and has no effect", "key", key)
		}
		return serve(cmd.Context(), io, s, log, level)
	}
	return cmd
}

// settings joins file, environment and flags.
func (f *serveFlags) settings(cmd *cobra.Command, identity string) (s settings, unknown []string, err error) {
	s = serverDefaults()
	if f.config != "" {
		if s, unknown, err = readSettings(f.config); err != nil {
			return s, nil, err
		}
	}
	if err := f.apply(&s, cmd.Flags().Changed); err != nil {
		return s, nil, err
	}
	if identity != "" {
		pair, err := readKeyPair(identity, nil)
		if err != nil {
			return s, nil, err
		}
		t := &s.core.Network.RoutingTable
		t.PublicKeys, t.SecretKeys = []string{pair.Public.String()}, []config.Secret{config.Secret(pair.Secret.Text())}
	}
	return s, unknown, s.core.Validate()
}

func (f *serveFlags) apply(s *settings, changed func(flag string) bool) error {
	for name, at := range map[string]**config.Secret{
		"VOILE_NETWORK_KEY": &s.core.Network.NetworkKeyPassword,
		"NEW_DEK_PASSWORD":  &s.core.ProtectedStore.NewDeviceEncryptionKeyPassword,
	} {
		if text, ok := os.LookupEnv(name); ok {
			secret := config.Secret(text)
			*at = &secret
		}
	}
	if text, ok := os.LookupEnv("DEK_PASSWORD"); ok {
		s.core.ProtectedStore.DeviceEncryptionKeyPassword = config.Secret(text)
	}
	if changed("api") {
		s.api = f.api
	}
	if f.detached {
		s.autoAttach = false
	}
	if changed("log-level") {
		s.logLevel = f.logLevel
	}
	n := &s.core.Network
	if changed("network-key") {
		key := config.Secret(f.networkKey)
		n.NetworkKeyPassword = &key
	}
	if f.private {
		n.PrivateNetwork = true
		// The public network's bootstraps are of no use to a private one.
		if slices.Equal(n.RoutingTable.Bootstrap, config.Default().Network.RoutingTable.Bootstrap) {
			n.RoutingTable.Bootstrap, n.RoutingTable.BootstrapKeys = []string{}, []string{}
			n.RoutingTable.ServeDirectBootstrap = true
		}
	}
	if changed("bootstrap") {
		n.RoutingTable.Bootstrap = f.bootstrap
	}
	if changed("bootstrap-keys") {
		n.RoutingTable.BootstrapKeys = f.bootstrapKeys
	}
	if changed("bootstrap-record") {
		n.RoutingTable.BootstrapRecords = f.bootstrapRecords
	}
	if changed("listen-port") {
		at := fmt.Sprintf(":%d", f.listenPort)
		n.Protocol.UDP.ListenAddress, n.Protocol.TCP.ListenAddress, n.Protocol.WS.ListenAddress = at, at, at
	}
	return s.useDirectory(f.data)
}

// serve runs a node until ctx ends or a client stops it.
func serve(ctx context.Context, io streams, s settings, log *slog.Logger, level *slog.LevelVar) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var listener net.Listener
	if s.api != "" {
		if listener, err = listenAPI(s.api, log); err != nil {
			return err
		}
		defer listener.Close()
	}
	small := make(chan struct{})
	go func() { defer close(small); keepSmall(ctx) }()
	defer func() { stop(); <-small }()
	node, err := core.Start(ctx, s.core, core.Options{Logger: log})
	if err != nil {
		return startHint(err, s)
	}
	ended := make(chan struct{}) // of everything that uses the node
	defer func() { err = errors.Join(err, shutdown(node, ended, log)) }()
	defer notify("STOPPING=1")

	host := &host{settings: s, stop: stop, level: level}
	server := bind.NewServer(bind.New(node, bind.Options{Control: host.control, Logger: log}), bind.ServerOptions{Logger: log})
	watched := node.Subscribe(0)
	served := make(chan error, 1)
	go func() {
		defer close(ended)
		watch(ctx, watched, log)
		watched.Close()
		server.Close()
	}()
	address := ""
	if listener != nil {
		address = " " + listener.Addr().String()
		go func() { served <- server.Serve(listener) }()
	}
	if s.autoAttach {
		if err := node.Attach(); err != nil {
			stop()
			return err
		}
	}
	log.Info("node started", "id", node.ID().String())
	if _, err := fmt.Fprintf(io.out, "ready%s\n", address); err != nil {
		stop()
		return err
	}
	notify("READY=1")
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

// listenAPI opens the socket of the API.
func listenAPI(address string, log *slog.Logger) (net.Listener, error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return listenUnix(path)
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, misused("--api %s: want host:port, unix:PATH or \"\"", address)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("api: %w; stop the program that has this address or choose another with --api HOST:PORT", err)
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		log.Warn("the api has no password and can be reached from other machines", "address", l.Addr().String())
	}
	return l, nil
}

// listenUnix opens a socket that only its owner can use. One that a crash has
// left is replaced (spec 07 §5.1); one that answers is not.
func listenUnix(path string) (net.Listener, error) {
	if conn, err := net.Dial("unix", path); err == nil {
		conn.Close()
		return nil, fmt.Errorf("api: another program serves %s; stop it or choose another path", path)
	}
	if info, err := os.Lstat(path); err == nil {
		if info.Mode().Type() != os.ModeSocket {
			return nil, misused("--api unix:%s: there is a file of that name that is no socket", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("api: %w", err)
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("api: %w", err)
	}
	return l, nil
}

// startHint adds to what kept a node from starting what can be done about it.
func startHint(err error, s settings) error {
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
