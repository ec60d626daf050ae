package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/voile-net/voile/bind"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/crypto"
)

// serveFlags are the flags of "voile serve".
type serveFlags struct {
	config           string
	set              []string
	api              []string
	token            string
	certificate, key string
	insecure         bool
	webSocket        bool
	origins, hosts   []string
	metrics          string
	detached         bool
	data             string
	identity         string
	private          bool
	networkKey       string
	bootstrap        []string
	bootstrapKeys    []string
	bootstrapRecords []string
	listenPort       uint16
	subnode          uint16
	password         string
	newPassword      string
	deleteStores     [3]bool // protected, table, block
	logLevel         string
	logJSON          bool
	logFile          string
	debug, trace     bool
	ignoreTargets    []string
	dumpConfig       bool
	emitSchema       string
	keyPairs         string
}

// define declares the flags.
func (f *serveFlags) define(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.StringVarP(&f.config, "config", "c", "", "settings `file`, YAML or JSON")
	flags.StringArrayVarP(&f.set, "set", "s", nil, "one setting, as `key=value` in YAML; may be repeated")
	flags.StringArrayVar(&f.api, "api", nil, "where the API listens: host:port, unix:PATH, pipe:NAME or \"\" for nowhere; may be repeated (default "+defaultAPI+" and a socket below the data)")
	flags.StringVar(&f.token, "api-token-file", "", "`file` with the token of remote clients; made if there is none")
	flags.StringVar(&f.certificate, "api-tls-cert", "", "certificate `file` for remote clients (default: self-signed, made once)")
	flags.StringVar(&f.key, "api-tls-key", "", "private key `file` of the certificate")
	flags.BoolVar(&f.insecure, "insecure", false, "let remote clients in without TLS, and without token if none is set")
	flags.BoolVar(&f.webSocket, "api-websocket", false, "take WebSockets on the API's TCP addresses as well")
	flags.StringArrayVar(&f.origins, "api-origin", nil, "an `origin` whose web pages may open a WebSocket; may be repeated")
	flags.StringArrayVar(&f.hosts, "api-host", nil, "a `name` of this host that WebSockets may be opened by; may be repeated")
	flags.StringVar(&f.metrics, "metrics", "", "`address` of health and Prometheus metrics, such as localhost:9150")
	flags.StringVar(&f.data, "data", "", "`directory` for everything that is kept (default: of the user)")
	flags.StringVar(&f.identity, "identity", "", "`file` with a key pair, see \"voile keys\" (default: made once and kept)")
	flags.BoolVar(&f.detached, "detached", false, "wait for a client to attach the node")
	flags.BoolVar(&f.private, "private", false, "a private network: local addresses count as reachable; needs a network key")
	flags.StringVar(&f.networkKey, "network-key", "", "`password` of a separate network")
	flags.StringSliceVar(&f.bootstrap, "bootstrap", nil, "where to join: direct URLs such as tcp://host:5150, or TXT names")
	flags.StringSliceVar(&f.bootstrapKeys, "bootstrap-keys", nil, "public `keys` that sign bootstrap records; \"\" takes unsigned ones")
	flags.StringArrayVar(&f.bootstrapRecords, "bootstrap-record", nil, "a bootstrap `record` to join by; may be repeated")
	flags.Uint16Var(&f.listenPort, "listen-port", 0, "`port` of UDP, TCP and WebSocket (default 5150)")
	flags.Uint16VarP(&f.subnode, "subnode-index", "n", 0, "one of several nodes on a machine: ports, socket and namespace differ by it")
	flags.StringVarP(&f.password, "password", "p", "", "`password` of the device encryption key; the environment hides it better")
	flags.StringVar(&f.newPassword, "new-password", "", "change that `password`")
	flags.BoolVar(&f.deleteStores[0], "delete-protected-store", false, "wipe the protected store first")
	flags.BoolVar(&f.deleteStores[1], "delete-table-store", false, "wipe the table store first")
	flags.BoolVar(&f.deleteStores[2], "delete-block-store", false, "wipe the block store first")
	flags.StringVar(&f.logLevel, "log-level", "", "of the terminal: off, error, warn, info, debug or trace, or facility=level,... (default info)")
	flags.BoolVar(&f.debug, "debug", false, "the same as --log-level debug")
	flags.BoolVar(&f.trace, "trace", false, "the same as --log-level trace")
	flags.BoolVar(&f.logJSON, "log-json", false, "log in JSON")
	flags.StringVar(&f.logFile, "log-file", "", "log into a `file` as well; opened anew on SIGHUP")
	flags.StringSliceVar(&f.ignoreTargets, "ignore-log-targets", nil, "log `facilities` that are left out everywhere")
	flags.BoolVar(&f.dumpConfig, "dump-config", false, "print the settings in force as YAML, without secrets, and end")
	flags.StringVar(&f.emitSchema, "emit-schema", "", "print a schema of the API, \"Request\" or \"RecvMessage\", and end")
	flags.StringVar(&f.keyPairs, "generate-key-pairs", "", "print a new key pair for each of the `kinds`, with commas, or all, and end")
	flags.Lookup("generate-key-pairs").NoOptDefVal = "all"
	for name, instead := range instead() {
		short := ""
		if name == "daemon" {
			short = "d"
		}
		flags.VarP(&absent{name, instead}, name, short, "")
		flags.Lookup(name).Hidden = true
		if name != "subnode-count" {
			flags.Lookup(name).NoOptDefVal = "true"
		}
	}
	flags.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		return pflag.NormalizedName(originalName(name))
	})
}

// originalName maps flags of the original server to ours (spec 07 §7.3).
func originalName(flag string) string {
	switch flag {
	case "config-file":
		return "config"
	case "set-config":
		return "set"
	case "no-attach":
		return "detached"
	case "port":
		return "listen-port"
	}
	return flag
}

// instead lists the flags of the original that this program does not have, with
// what to do in place of them.
func instead() map[string]string {
	const trace = "there is no such trace here; see --metrics, and --log-level trace"
	return map[string]string{
		"daemon":          noDaemon + ", or end the line with & in a shell",
		"otlp":            trace,
		"flame":           trace,
		"perfetto":        trace,
		"console":         trace,
		"virtual-router":  "there is no virtual network here; see core/sim for simulations",
		"set-key-pairs":   "give the key pair in a file with --identity; \"voile keys\" makes one",
		"dump-txt-record": "\"voile bootstrap-record\" makes such records",
		"panic":           "it was an aid for tests of the original",
		"wait-for-debug":  "a debugger can be attached to a running node",
		"subnode-count":   "run one process for each, with its own --data and --subnode-index",
	}
}

// absent is a flag of the original that this program does not have. What means
// "no" is taken.
type absent struct{ name, instead string }

func (a *absent) String() string { return "" }
func (a *absent) Type() string   { return "" }

func (a *absent) Set(value string) error {
	if value == "false" || a.name == "subnode-count" && value == "1" {
		return nil
	}
	return fmt.Errorf("not available: %s", a.instead)
}

// settings joins file, environment and flags.
func (f *serveFlags) settings(cmd *cobra.Command) (s settings, unknown []string, err error) {
	s = serverDefaults()
	if f.config != "" {
		if s, unknown, err = readSettings(f.config); err != nil {
			return s, nil, err
		}
	}
	for _, assignment := range f.set {
		if err := s.set(assignment); err != nil {
			return s, nil, err
		}
	}
	if err := f.apply(&s, cmd.Flags().Changed); err != nil {
		return s, nil, err
	}
	if f.identity != "" {
		pair, err := readKeyPair(f.identity, nil)
		if err != nil {
			return s, nil, err
		}
		t := &s.core.Network.RoutingTable
		t.PublicKeys, t.SecretKeys = []string{pair.Public.String()}, []config.Secret{config.Secret(pair.Secret.Text())}
	}
	return s, unknown, s.check()
}

func (f *serveFlags) apply(s *settings, changed func(flag string) bool) error {
	fromEnvironment(&s.core)
	if changed("api") {
		if err := s.api.listenAt(f.api); err != nil {
			return err
		}
	}
	for _, t := range []struct {
		flag  string
		at    *string
		value string
	}{
		{"api-token-file", &s.api.tokenFile, f.token},
		{"api-tls-cert", &s.api.certificate, f.certificate},
		{"api-tls-key", &s.api.key, f.key},
		{"metrics", &s.metrics, f.metrics},
	} {
		if changed(t.flag) {
			*t.at = t.value
		}
	}
	s.api.insecure = s.api.insecure || f.insecure
	s.api.webSocket = s.api.webSocket || f.webSocket
	s.api.origins = append(s.api.origins, f.origins...)
	s.api.hosts = append(s.api.hosts, f.hosts...)
	if f.detached {
		s.autoAttach = false
	}
	if changed("subnode-index") {
		s.testing.subnodeIndex = f.subnode
	}
	if changed("password") {
		s.core.ProtectedStore.DeviceEncryptionKeyPassword = config.Secret(f.password)
	}
	if changed("new-password") {
		secret := config.Secret(f.newPassword)
		s.core.ProtectedStore.NewDeviceEncryptionKeyPassword = &secret
	}
	s.core.ProtectedStore.Delete = s.core.ProtectedStore.Delete || f.deleteStores[0]
	s.core.TableStore.Delete = s.core.TableStore.Delete || f.deleteStores[1]
	s.core.BlockStore.Delete = s.core.BlockStore.Delete || f.deleteStores[2]
	if err := f.applyLogs(&s.logging, changed); err != nil {
		return err
	}
	f.applyNetwork(s, changed)
	if err := s.useSubnode(); err != nil {
		return err
	}
	return s.useDirectory(f.data)
}

// fromEnvironment takes the secrets that the environment has.
func fromEnvironment(core *config.Config) {
	for name, at := range map[string]**config.Secret{
		"VOILE_NETWORK_KEY": &core.Network.NetworkKeyPassword,
		"NEW_DEK_PASSWORD":  &core.ProtectedStore.NewDeviceEncryptionKeyPassword,
	} {
		if text, ok := os.LookupEnv(name); ok {
			secret := config.Secret(text)
			*at = &secret
		}
	}
	if text, ok := os.LookupEnv("DEK_PASSWORD"); ok {
		core.ProtectedStore.DeviceEncryptionKeyPassword = config.Secret(text)
	}
}

func (f *serveFlags) applyLogs(l *loggingSettings, changed func(flag string) bool) error {
	l.json = l.json || f.logJSON
	level := ""
	switch {
	case f.debug && f.trace:
		return misused("--debug and --trace exclude each other")
	case f.trace:
		level = "trace"
	case f.debug:
		level = "debug"
	}
	if changed("log-level") {
		level = f.logLevel
	}
	if level != "" {
		if err := (settingsKey{path: "--log-level", at: &l.terminal.level}).set(level); err != nil {
			return misused("--log-level %s: want off, error, warn, info, debug or trace, or facility=level,...", level)
		}
	}
	if changed("log-file") {
		l.file.enabled, l.filePath = f.logFile != "", f.logFile
	}
	for _, layer := range []*layerSettings{&l.system, &l.terminal, &l.file, &l.api} {
		layer.ignore = append(layer.ignore, f.ignoreTargets...)
	}
	return nil
}

func (f *serveFlags) applyNetwork(s *settings, changed func(flag string) bool) {
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
}

// listenAt replaces where the API listens by the values of --api.
func (a *apiSettings) listenAt(places []string) error {
	a.ipc, a.ipcPath, a.network, a.addresses = false, "", false, ""
	var addresses []string
	for _, place := range places {
		path, isIPC := strings.CutPrefix(place, "unix:")
		if name, ok := strings.CutPrefix(place, "pipe:"); ok {
			path, isIPC = `\\.\pipe\`+name, true
			if runtime.GOOS != "windows" {
				return misused("--api %s: there are pipes on Windows only; use unix:PATH", place)
			}
		}
		switch {
		case place == "":
		case isIPC && (a.ipc || path == ""):
			return misused("--api %s: want one socket with a path", place)
		case isIPC:
			a.ipc, a.ipcPath = true, path
		default:
			if _, _, err := net.SplitHostPort(place); err != nil {
				return misused("--api %s: want host:port, unix:PATH, pipe:NAME or \"\"", place)
			}
			addresses = append(addresses, place)
		}
	}
	a.network, a.addresses = len(addresses) > 0, strings.Join(addresses, ",")
	return nil
}

// useSubnode moves what has to differ between nodes of one machine by the index of
// this one (spec 07 §5.1, §6.1).
func (s *settings) useSubnode() error {
	index := int(s.testing.subnodeIndex)
	if index == 0 {
		return nil
	}
	if s.core.Namespace == "" {
		s.core.Namespace = fmt.Sprintf("subnode%d", index)
	}
	p := &s.core.Network.Protocol
	for _, at := range []*string{&s.api.addresses, &s.metrics, &p.UDP.ListenAddress, &p.TCP.ListenAddress, &p.WS.ListenAddress} {
		moved, err := movePorts(*at, index)
		if err != nil {
			return err
		}
		*at = moved
	}
	return nil
}

// movePorts adds to the ports of addresses. Port 0 stays: any free one.
func movePorts(addresses string, by int) (string, error) {
	if addresses == "" {
		return "", nil
	}
	var moved []string
	for address := range strings.SplitSeq(addresses, ",") {
		host, text, err := net.SplitHostPort(strings.TrimSpace(address))
		port, notNumber := strconv.Atoi(text)
		if err != nil || notNumber != nil || port+by > 65535 {
			return "", misused("%s: its port cannot be moved by the index of the subnode, %d", address, by)
		}
		if port > 0 {
			port += by
		}
		moved = append(moved, net.JoinHostPort(host, strconv.Itoa(port)))
	}
	return strings.Join(moved, ","), nil
}

// printed does what only prints something. done: nothing is left to do.
func (f *serveFlags) printed(io streams, cmd *cobra.Command) (done bool, err error) {
	switch {
	case cmd.Flags().Changed("emit-schema"):
		text, err := bind.Schema(f.emitSchema)
		if err != nil {
			return true, misused("--emit-schema %s: there are %s", f.emitSchema, strings.Join(bind.SchemaNames(), ", "))
		}
		_, err = fmt.Fprintln(io.out, strings.TrimSpace(text))
		return true, err
	case f.keyPairs != "":
		return true, generateKeyPairs(io.out, f.keyPairs)
	}
	return false, nil
}

// generateKeyPairs prints a new key pair for each kind, as the original.
func generateKeyPairs(out io.Writer, kinds string) error {
	c, err := crypto.New(crypto.Config{})
	if err != nil {
		return err
	}
	wanted := c.Kinds()
	if kinds != "all" {
		wanted = nil
		for name := range strings.SplitSeq(kinds, ",") {
			i := slices.IndexFunc(c.Kinds(), func(k crypto.Kind) bool { return k.String() == strings.TrimSpace(name) })
			if i < 0 {
				return misused("--generate-key-pairs %s: there are %v", name, c.Kinds())
			}
			wanted = append(wanted, c.Kinds()[i])
		}
	}
	for _, kind := range wanted {
		sys, err := c.Get(kind)
		if err != nil {
			return err
		}
		pair, err := sys.GenerateKeyPair()
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, pair.Text()); err != nil {
			return err
		}
	}
	return nil
}
